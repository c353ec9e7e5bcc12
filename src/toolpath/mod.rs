//! (room: toolpath)

//! (room: bone)

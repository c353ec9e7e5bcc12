//! (room: surface)

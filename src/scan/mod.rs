//! (room: scan)

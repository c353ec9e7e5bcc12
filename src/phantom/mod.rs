//! (room: phantom)

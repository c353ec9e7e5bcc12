//! (room: implant)

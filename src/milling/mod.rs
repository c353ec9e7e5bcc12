//! (room: milling)

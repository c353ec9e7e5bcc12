//! (room: review)

//! (room: post)

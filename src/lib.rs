//! osteomill: from a patient's CT scan to a verified milling program for a patient-specific implant.
//!
//! Rooms in the order the data flows:
//! `scan -> bone -> surface -> implant -> plan -> review -> toolpath -> post -> milling -> inspect -> record`.
//! Nouns live in [`model`], shared algorithms in [`geometry`], file formats in [`formats`]; [`catalog`] introduces
//! the stages to [`pipeline`], [`store`] keeps what they made, and only [`cli`] talks to people.
#![warn(missing_docs)]

pub mod bench;
pub mod bone;
pub mod catalog;
pub mod cli;
pub mod formats;
pub mod geometry;
pub mod implant;
pub mod inspect;
pub mod milling;
pub mod model;
pub mod phantom;
pub mod pipeline;
pub mod plan;
pub mod post;
pub mod record;
pub mod review;
pub mod scan;
pub mod store;
pub mod surface;
pub mod toolpath;

//! DICOM files and their pixels, from bytes to HU.
//!
//! **In** a file's bytes. **Out** one [`header::Header`] per frame, and its pixels as HU on demand.
//!
//! **Method** [`parse`] walks the elements (PS3.5 7) and keeps some forty; [`file`](mod@file) finds the data set
//! (PS3.10 7, with or without preamble and meta group) and inflates it; [`header`] and [`groups`] read what says where
//! the slice lies, from the top of the data set or from functional groups (PS3.3 C.7.6.16); [`frames`] finds each
//! frame's bytes (PS3.5 A.4); [`codec`] decodes; [`pixels`] makes HU (PS3.3 C.11.1).
//!
//! **Guarantees** No length is believed that does not fit into what encloses it; no buffer is made larger than a
//! 4096 × 4096 matrix for a frame, and not before the stream's own markers agree with the header. A decoder that
//! panics is an error of its slice.
//!
//! **Limits** One sample per pixel. Elements behind the pixel data are not read. Text is taken byte by byte: nothing
//! of it is shown.

pub mod codec;
pub mod encoding;
pub mod file;
pub mod frames;
pub mod groups;
pub mod header;
pub mod parse;
pub mod pixels;
pub mod stored;
pub mod syntax;
#[cfg(test)]
mod tests;
pub mod values;

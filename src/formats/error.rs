//! Why a file cannot be read or written.

/// Names the format, what was found, what was expected, what to do.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The file ends too early or goes on too long.
    #[error(
        "{format}: {found} bytes, but {expected} are needed for {what}: the file is damaged, export it again"
    )]
    Length {
        /// For example `STL`.
        format: &'static str,
        /// What the bytes were to hold.
        what: String,
        /// Bytes there.
        found: u64,
        /// Bytes needed.
        expected: u64,
    },
    /// Not this format, or a part of it that is not read here.
    #[error("{format}: {what} is {found}, but must be {expected}: {remedy}")]
    Value {
        /// For example `NIfTI`.
        format: &'static str,
        /// Field.
        what: String,
        /// Its value.
        found: String,
        /// What can be read.
        expected: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A corner is nowhere.
    #[error(
        "{format}: triangle {triangle} has a corner at {corner:?} mm, but coordinates must be finite and within \
         ±100000 mm: repair the mesh where it was made"
    )]
    Corner {
        /// For example `STL`.
        format: &'static str,
        /// From 1.
        triangle: usize,
        /// As read.
        corner: [f64; 3],
    },
    /// Nothing in it.
    #[error("{format}: the file holds no triangle: export a closed mesh")]
    NoTriangle {
        /// For example `STL`.
        format: &'static str,
    },
    /// A library's own words.
    #[error("{format}: {why}: the file is damaged, export it again")]
    Unreadable {
        /// For example `STL`.
        format: &'static str,
        /// What the reader said.
        why: String,
    },
    /// Arrays that must be equally long are not.
    #[error(
        "{format}: {found} values of {what}, but {expected} are needed, one each: this is a fault of the caller"
    )]
    Count {
        /// For example `PLY`.
        format: &'static str,
        /// Which array.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length it must have.
        expected: usize,
    },
}

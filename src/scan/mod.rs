//! Reads a CT series into HU on a grid in the patient.
//!
//! **In** a folder of DICOM files, any names, any depth. **Out** [`Scan`]: HU rounded to whole numbers, LPS mm,
//! `i` along the rows, `j` down the columns, `k` along the slice normal, right-handed; and what is wrong with it.
//!
//! **Method** Headers in parallel; grouped by series UID; the series to plan on is axial, original, of the thinnest
//! slices among those that reach over the head. Slices are ordered by position along the normal of their own
//! orientation (DICOM PS3.3 C.7.6.2), never by number, name or the tilt tag. HU by each slice's own slope and
//! intercept (C.11.1).
//!
//! **Guarantees** Nothing malformed becomes zero: a missing, doubled, uneven, sheared, truncated or mixed slice, a
//! missing rescale, a NaN spacing is an error that names the slice by number and hash, the value and what to do.
//! A file whose elements declare more bytes than it has is refused before its parser may allocate for it. Messages
//! hold no patient's name, no path, no free text of the header.
//!
//! **Limits** Gantry tilt is refused, not resampled. Transfer syntaxes and what is refused by name:
//! `docs/transfer-syntaxes.md`. One sample per pixel; a modality look-up table is refused. Files without DICOM's mark
//! at byte 128 are read where their first two elements make sense, else taken for other files.

mod dicom;
mod error;
mod findings;
mod params;
mod source;
mod stack;
mod study;
#[cfg(test)]
mod tests;

use std::path::Path;

pub use dicom::stored::{StoredFrames, stored_frames};
use dicom::{header, pixels};
pub use error::{ScanError, ShortHash};
pub use params::{ScanParams, ScanToml};
pub use study::{SeriesSummary, Study, list_series};

use crate::model::{Scan, ScanFacts, Volume, Watch};

/// Reads the series to plan on from the folder `path`.
///
/// # Errors
/// [`ScanError`] whenever the series is not an even, straight, complete stack of CT slices whose HU are certain.
pub fn read_scan(path: &Path, params: &ScanParams, watch: &dyn Watch) -> Result<Scan, ScanError> {
    watch.note("reading headers");
    let mut folder = study::Folder::read(path)?;
    // A damaged file may be a slice of the very series; nobody can tell.
    if !folder.damaged.is_empty() {
        return Err(folder.damaged.swap_remove(0));
    }
    watch.progress(1, 3);
    let choice = study::choose(&folder, params)?;
    let stack = stack::stack(&choice.headers, params)?;
    watch.note("decoding slices");
    let hu = pixels::read_hu(&stack, watch)?;
    watch.progress(2, 3);
    let volume = Volume { grid: stack.grid.clone(), hu };
    let (hu_min, hu_max) = volume.hu.iter().fold((i16::MAX, i16::MIN), |(lo, hi), &v| (lo.min(v), hi.max(v)));
    let first = stack.slices[0].0;
    let facts = ScanFacts {
        schema: "osteomill.scan/1".into(),
        pseudonym: study::pseudonym(first),
        series: header::short_sha256(first.series_uid.as_bytes()),
        modality: first.modality.clone(),
        scanner: first.scanner.clone(),
        kernel: first.kernel.clone(),
        slices: stack.slices.len(),
        grid: volume.grid.clone(),
        hu_min,
        hu_max,
        chosen_because: choice.because,
        findings: findings::findings(&stack, &volume, params),
    };
    watch.progress(3, 3);
    Ok(Scan { volume, facts })
}

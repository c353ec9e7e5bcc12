//! Why a scan is not read.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use thiserror::Error;

use super::source::{ContainerError, Source};

/// First twelve hex digits of a file's sha256, computed when a message asks: a sound series never pays for it.
#[derive(Clone)]
pub struct ShortHash(Arc<LazyHash>);

struct LazyHash {
    source: Source,
    text: OnceLock<String>,
}

impl ShortHash {
    /// Of the file that `source` names.
    pub(super) fn of(source: &Source) -> Self {
        Self(Arc::new(LazyHash { source: source.clone(), text: OnceLock::new() }))
    }
}

impl Deref for ShortHash {
    type Target = str;

    fn deref(&self) -> &str {
        self.0.text.get_or_init(|| match self.0.source.read(0) {
            Ok(bytes) => super::dicom::header::short_sha256(&bytes),
            Err(_) => "of a file that is gone".into(),
        })
    }
}

impl std::fmt::Display for ShortHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self)
    }
}

impl std::fmt::Debug for ShortHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self)
    }
}

impl PartialEq for ShortHash {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for ShortHash {}

impl PartialOrd for ShortHash {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ShortHash {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (**self).cmp(&**other)
    }
}

/// What was found, what was expected, what to do. Slices are counted from 1 along the slice normal and named by
/// the start of their file's sha256, since file names carry patients' names.
#[derive(Debug, Error)]
#[allow(missing_docs)] // the fields are the numbers of the message
pub enum ScanError {
    /// A value of `[scan]` makes no sense.
    #[error("scan.{key} is {value}, but must lie between {min} and {max}: correct the pipeline file")]
    Param { key: &'static str, value: f64, min: f64, max: f64 },
    /// The folder, file or archive itself.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// A file could not be read from disk.
    #[error(
        "file {number} of the folder (in order of name) cannot be read ({reason}): check the disk and the permissions"
    )]
    Unreadable { number: usize, reason: std::io::ErrorKind },
    /// A file begins like DICOM and then makes no sense.
    #[error(
        "the DICOM file with sha256 {short_hash} is damaged: {reason}; it may be a slice of the series to read: \
         export it again, or take it out of the folder if it does not belong to the scan"
    )]
    Broken { short_hash: ShortHash, reason: String },
    /// Nothing to read.
    #[error(
        "the folder holds {files} files, of which {dicom} are DICOM and none is a CT slice: name a folder with \
         CT images as DICOM files"
    )]
    NoCt { files: usize, dicom: usize },
    /// No series can be used.
    #[error("no series of the folder can be planned on: {reasons}; export the axial series of thin slices")]
    NoUsableSeries { reasons: String },
    /// The series asked for is not there.
    #[error(
        "scan.series_uid names series {asked}, but the folder holds {present}: copy the UID, or the hash that \
         `osteomill scan` prints"
    )]
    NoSuchSeries { asked: String, present: String },
    /// The series asked for cannot be used.
    #[error("series {series} was asked for but cannot be planned on: {reason}; name another series")]
    UnusableSeries { series: String, reason: String },
    /// Slices of several patients.
    #[error(
        "the folder holds CT of {count} different patients or studies ({pseudonyms}): name one series in \
         scan.series_uid, or give each its own folder"
    )]
    SeveralPatients { count: usize, pseudonyms: String },
    /// With a mask, and several images it may have been drawn on.
    #[error(
        "the folder holds {count} series that the mask may have been drawn on, MR among them ({present}): name the one \
         it was drawn on with --series"
    )]
    MaskOfWhich { count: usize, present: String },
    /// Patient, study or frame of reference changes inside one series.
    #[error(
        "slice {number} (sha256 {short_hash}) has another {what} than slice 1 of its series: files of two scans \
         were mixed; export the series again"
    )]
    MixedIdentity { number: usize, short_hash: ShortHash, what: &'static str },
    /// An attribute that must be there is not.
    #[error(
        "slice {number} (sha256 {short_hash}) has no {attribute}: a value is needed and none is assumed; export \
         the series again with complete headers"
    )]
    Missing { number: usize, short_hash: ShortHash, attribute: &'static str },
    /// An attribute is there but not what it must be.
    #[error(
        "slice {number} (sha256 {short_hash}) has {attribute} {value}, but {expected}: export the series again, \
         or name another one in scan.series_uid"
    )]
    Bad {
        number: usize,
        short_hash: ShortHash,
        attribute: &'static str,
        value: String,
        expected: &'static str,
    },
    /// An attribute differs between slices.
    #[error(
        "slice {number} (sha256 {short_hash}) has {attribute} {value}, but slice 1 of its series has {first}: \
         mixed series cannot be stacked; name one series in scan.series_uid or restore the slice"
    )]
    Mixed { number: usize, short_hash: ShortHash, attribute: &'static str, value: String, first: String },
    /// Too few slices for a volume.
    #[error("the series has {slices} slices, but a volume needs at least {min}: export the whole series")]
    TooFew { slices: usize, min: usize },
    /// Two slices at one place.
    #[error(
        "slice {number} (sha256 {short_hash}) lies {gap_mm:.4} mm after slice {previous} (sha256 {previous_hash}), \
         at the same place (limit {tolerance_mm} mm): the series holds a slice twice or two series under one UID; \
         take the second out"
    )]
    Duplicate {
        number: usize,
        short_hash: ShortHash,
        previous: usize,
        previous_hash: ShortHash,
        gap_mm: f64,
        tolerance_mm: f64,
    },
    /// A slice is not where its neighbours say.
    #[error(
        "slice {number} (sha256 {short_hash}) lies {gap_mm:.3} mm after the one before it, but this series steps \
         by {step_mm:.3} mm (tolerance {tolerance_mm} mm); a slice is missing or belongs to another series: name \
         the series in scan.series_uid, restore the slice, or set scan.resample = true to interpolate, which a \
         person must then look at"
    )]
    Uneven { number: usize, short_hash: ShortHash, gap_mm: f64, step_mm: f64, tolerance_mm: f64 },
    /// Slices lie on no straight line.
    #[error(
        "slice {number} (sha256 {short_hash}) lies {drift_mm:.3} mm beside the straight line through the slices of \
         its series (limit {tolerance_mm} mm), which leans by {shear_deg:.2} degrees{tag}: a straight line that \
         leans by at most 45 degrees is resampled exactly, a bent one cannot be; restore the slice, or export the \
         series again"
    )]
    Sheared {
        number: usize,
        short_hash: ShortHash,
        drift_mm: f64,
        tolerance_mm: f64,
        shear_deg: f64,
        tag: String,
    },
    /// The file ends inside the pixel data.
    #[error(
        "slice {number} (sha256 {short_hash}) has {found} bytes of pixel data, but {rows} x {columns} pixels need \
         {needed}: the file was cut off; copy it again from the archive"
    )]
    Truncated { number: usize, short_hash: ShortHash, found: u64, needed: u64, rows: usize, columns: usize },
    /// The decoder refused.
    #[error(
        "slice {number} (sha256 {short_hash}) cannot be decoded ({syntax}): {reason}; export the series \
         uncompressed (explicit VR little endian)"
    )]
    Undecodable { number: usize, short_hash: ShortHash, syntax: String, reason: String },
    /// A stored value has bits where none may be.
    #[error(
        "slice {number} (sha256 {short_hash}) holds the stored value {value} at row {row}, column {column}, which \
         does not fit its {bits} stored bits and is not its padding value: the header does not describe the \
         pixels; export the series again"
    )]
    StoredRange { number: usize, short_hash: ShortHash, value: u16, bits: u16, row: usize, column: usize },
    /// The pixels are far more than the files could honestly hold.
    #[error(
        "the series would unpack to {unpacked} bytes from {packed} bytes of compressed pixels, {ratio} to 1; the \
         limit is {limit} to 1, which no CT comes near: the files are damaged or made to exhaust memory; export \
         the series again"
    )]
    Bomb { unpacked: u64, packed: u64, ratio: u64, limit: u64 },
    /// A value leaves the range of HU that is kept.
    #[error(
        "slice {number} (sha256 {short_hash}) comes to {value} HU at row {row}, column {column}, outside -32768 to \
         32767: check Rescale Slope and Intercept of the slice"
    )]
    HuRange { number: usize, short_hash: ShortHash, value: f64, row: usize, column: usize },
    /// A value of an MR image leaves the range that is kept.
    #[error(
        "slice {number} (sha256 {short_hash}) of the MR series comes to the intensity {value} at row {row}, column \
         {column}, outside -32768 to 32767: export the series with intensities that fit 16 bits with sign and no \
         rescale, or as NIfTI"
    )]
    IntensityRange { number: usize, short_hash: ShortHash, value: f64, row: usize, column: usize },
    /// Larger than a CT can be.
    #[error(
        "the volume would have {voxels} voxels, more than the limit of {max}: name one series in scan.series_uid"
    )]
    TooLarge { voxels: u64, max: u64 },
    /// The user asked to stop.
    #[error("stopped on request while reading the scan; run again to go on")]
    Stopped,
}

impl ScanError {
    /// The same of an image whose numbers are no HU.
    pub(super) fn of_intensities(self) -> Self {
        match self {
            Self::HuRange { number, short_hash, value, row, column } => {
                Self::IntensityRange { number, short_hash, value, row, column }
            }
            other => other,
        }
    }
}

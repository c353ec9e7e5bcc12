//! What one DICOM file says of itself, without its pixels.

use dicom_core::Tag;
use dicom_core::header::HasLength;
use dicom_dictionary_std::tags;
use dicom_object::{DefaultDicomObject, OpenFileOptions};
use sha2::{Digest, Sha256};

use super::error::ScanError;
use super::guard::{self, PixelBytes};
use super::source::Source;

/// CT Image Storage. Enhanced CT keeps its geometry elsewhere and is not read in this version.
const CT_IMAGE: &str = "1.2.840.10008.5.1.4.1.1.2";
/// A CT matrix is 512 or 1024; larger is damage, and would be allocated for.
const MATRIX_MAX: usize = 4096;

/// Why a file cannot be a slice.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The attribute is not there.
    Missing(&'static str),
    /// The attribute is there but not what it must be.
    Bad { attribute: &'static str, value: String, expected: &'static str },
}

impl Fault {
    /// As an error of the slice with this number and hash.
    pub fn of_slice(self, number: usize, short_hash: &str) -> ScanError {
        let short_hash = short_hash.to_owned();
        match self {
            Self::Missing(attribute) => ScanError::Missing { number, short_hash, attribute },
            Self::Bad { attribute, value, expected } => {
                ScanError::Bad { number, short_hash, attribute, value, expected }
            }
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing(attribute) => write!(f, "no {attribute}"),
            Self::Bad { attribute, value, expected } => write!(f, "{attribute} {value}, but {expected}"),
        }
    }
}

/// Where a slice lies and how its numbers become HU.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    pub rows: usize,
    pub columns: usize,
    /// Between columns, then between rows, mm: along i, then j.
    pub spacing_ij_mm: [f64; 2],
    /// Direction in which the column number grows, then the row number; LPS.
    pub along_i: [f64; 3],
    pub along_j: [f64; 3],
    /// Centre of the first pixel, LPS mm.
    pub position_mm: [f64; 3],
    pub slope: f64,
    pub intercept: f64,
    pub bits_stored: u16,
    pub signed: bool,
    /// Stored value, as 16 bits, that stands for no measurement.
    pub padding: Option<u16>,
    pub thickness_mm: Option<f64>,
    pub tilt_deg: Option<f64>,
}

/// What one file says of one of its frames.
#[derive(Clone, Debug)]
pub struct Header {
    pub source: Source,
    /// Frame within the file, from 0.
    pub frame: usize,
    /// First twelve hex digits of the file's sha256.
    pub short_hash: String,
    pub modality: String,
    /// Values 1 to n of Image Type.
    pub image_type: Vec<String>,
    /// Acquisition Number, digits only; empty where not given.
    pub acquisition: String,
    /// Patient Orientation, letters and backslash only; empty where not given.
    pub patient_orientation: String,
    pub series_uid: String,
    pub study_uid: String,
    pub patient_id: String,
    pub frame_of_reference: String,
    pub scanner: String,
    pub kernel: String,
    pub syntax: String,
    pub pixels: Option<PixelBytes>,
    pub slice: Result<Slice, Fault>,
}

/// First twelve hex digits of the sha256 of `bytes`.
pub fn short_sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(6).map(|b| format!("{b:02x}")).collect()
}

/// Reads one file's header, one per frame; none where the file is not DICOM.
///
/// # Errors
/// [`ScanError::Unreadable`] from the disk, [`ScanError::Broken`] for a file that carries DICOM's mark and no sense.
pub fn read_headers(source: &Source, number: usize) -> Result<Vec<Header>, ScanError> {
    let bytes = source.read(number)?;
    if !guard::is_dicom(&bytes) {
        return Ok(Vec::new());
    }
    let short_hash = short_sha256(&bytes);
    let broken = |reason: String| ScanError::Broken { short_hash: short_hash.clone(), reason };
    let pixels = guard::walk(&bytes).map_err(broken)?;
    let object = OpenFileOptions::new()
        .read_until(tags::PIXEL_DATA)
        .from_reader(&bytes[..])
        .map_err(|e| broken(first_line(&e.to_string())))?;
    let text = |tag| text_of(&object, tag).unwrap_or_default();
    // A model's name and a kernel, cut to what such names need: free text may hold anything.
    let plain = |tag| text(tag).chars().filter(char::is_ascii_graphic).take(32).collect::<String>();
    let scanner = format!("{} {}", plain(tags::MANUFACTURER), plain(tags::MANUFACTURER_MODEL_NAME));
    Ok(vec![Header {
        source: source.clone(),
        frame: 0,
        modality: text(tags::MODALITY).chars().filter(char::is_ascii_alphanumeric).take(16).collect(),
        image_type: text(tags::IMAGE_TYPE).split('\\').map(|s| s.trim().to_owned()).collect(),
        acquisition: text(tags::ACQUISITION_NUMBER).chars().filter(char::is_ascii_digit).take(12).collect(),
        patient_orientation: text(tags::PATIENT_ORIENTATION)
            .chars()
            .filter(|c| "LRAPHF\\".contains(*c))
            .take(7)
            .collect(),
        series_uid: text(tags::SERIES_INSTANCE_UID),
        study_uid: text(tags::STUDY_INSTANCE_UID),
        patient_id: text(tags::PATIENT_ID),
        frame_of_reference: text(tags::FRAME_OF_REFERENCE_UID),
        scanner: scanner.trim().to_owned(),
        kernel: plain(tags::CONVOLUTION_KERNEL),
        syntax: object.meta().transfer_syntax().trim_end_matches(['\0', ' ']).to_owned(),
        pixels,
        slice: read_slice(&object),
        short_hash,
    }])
}

/// Errors of the parser go on for pages, and may quote values; the first line names the kind.
pub fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(160).collect()
}

fn text_of(object: &DefaultDicomObject, tag: Tag) -> Option<String> {
    let text = object.get(tag)?.to_str().ok()?;
    let text = text.trim_matches(['\0', ' ']);
    (!text.is_empty()).then(|| text.to_owned())
}

fn numbers(
    object: &DefaultDicomObject,
    tag: Tag,
    name: &'static str,
    n: usize,
) -> Result<Option<Vec<f64>>, Fault> {
    let Some(element) = object.get(tag) else { return Ok(None) };
    if element.is_empty() || element.to_str().is_ok_and(|s| s.trim_matches(['\0', ' ']).is_empty()) {
        return Ok(None);
    }
    let bad = |value: String, expected| Fault::Bad { attribute: name, value, expected };
    let shown = || element.to_str().map(|s| first_line(&s)).unwrap_or_default();
    let values = element.to_multi_float64().map_err(|_| bad(shown(), "it must be written as numbers"))?;
    if values.len() != n {
        return Err(bad(shown(), "it must have as many values as the standard says"));
    }
    if values.iter().any(|v| !v.is_finite()) {
        return Err(bad(shown(), "it must be finite"));
    }
    Ok(Some(values))
}

fn needed<const N: usize>(
    object: &DefaultDicomObject,
    tag: Tag,
    name: &'static str,
) -> Result<[f64; N], Fault> {
    let values = numbers(object, tag, name, N)?.ok_or(Fault::Missing(name))?;
    Ok(std::array::from_fn(|a| values[a]))
}

fn optional(object: &DefaultDicomObject, tag: Tag, name: &'static str) -> Result<Option<f64>, Fault> {
    Ok(numbers(object, tag, name, 1)?.map(|v| v[0]))
}

fn count(object: &DefaultDicomObject, tag: Tag, name: &'static str) -> Result<usize, Fault> {
    let [value] = needed::<1>(object, tag, name)?;
    if value.fract() == 0.0 && (1.0..=MATRIX_MAX as f64).contains(&value) {
        return Ok(value as usize);
    }
    Err(Fault::Bad {
        attribute: name,
        value: format!("{value}"),
        expected: "it must be a whole number of 1 to 4096",
    })
}

fn must(
    holds: bool,
    attribute: &'static str,
    value: impl ToString,
    expected: &'static str,
) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(Fault::Bad { attribute, value: value.to_string(), expected }) }
}

fn read_slice(o: &DefaultDicomObject) -> Result<Slice, Fault> {
    let class = text_of(o, tags::SOP_CLASS_UID).ok_or(Fault::Missing("SOP Class UID"))?;
    must(
        class == CT_IMAGE,
        "SOP Class UID",
        first_line(&class),
        "only CT Image Storage is read in this version",
    )?;
    let rows = count(o, tags::ROWS, "Rows")?;
    let columns = count(o, tags::COLUMNS, "Columns")?;
    // Row spacing first in the file: the distance between rows, which is along j.
    let [between_rows, between_columns] = needed::<2>(o, tags::PIXEL_SPACING, "Pixel Spacing")?;
    let positive = |v: f64| v > 0.0 && v < 10.0;
    must(
        positive(between_rows) && positive(between_columns),
        "Pixel Spacing",
        format!("{between_rows} x {between_columns}"),
        "both must lie between 0 and 10 mm",
    )?;
    let cosines = needed::<6>(o, tags::IMAGE_ORIENTATION_PATIENT, "Image Orientation (Patient)")?;
    let (along_i, along_j) = ([cosines[0], cosines[1], cosines[2]], [cosines[3], cosines[4], cosines[5]]);
    let dot = |a: [f64; 3], b: [f64; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    let off = (dot(along_i, along_i).sqrt() - 1.0)
        .abs()
        .max((dot(along_j, along_j).sqrt() - 1.0).abs())
        .max(dot(along_i, along_j).abs());
    // 1e-3: cosines are written to as few as four digits.
    must(
        off <= 1e-3,
        "Image Orientation (Patient)",
        format!("{cosines:?}"),
        "its directions must be two unit vectors at a right angle to 0.001",
    )?;
    let position_mm = needed::<3>(o, tags::IMAGE_POSITION_PATIENT, "Image Position (Patient)")?;
    must(
        o.get(tags::MODALITY_LUT_SEQUENCE).is_none(),
        "Modality LUT Sequence",
        "",
        "HU are read by slope and intercept only",
    )?;
    let [slope] = needed::<1>(o, tags::RESCALE_SLOPE, "Rescale Slope")?;
    must(slope > 0.0, "Rescale Slope", slope, "it must be positive")?;
    let [intercept] = needed::<1>(o, tags::RESCALE_INTERCEPT, "Rescale Intercept")?;
    if let Some(kind) = text_of(o, tags::RESCALE_TYPE) {
        must(kind == "HU", "Rescale Type", first_line(&kind), "only HU can be planned on")?;
    }
    let [samples] = needed::<1>(o, tags::SAMPLES_PER_PIXEL, "Samples per Pixel")?;
    must(samples == 1.0, "Samples per Pixel", samples, "a CT has one")?;
    let photometric =
        text_of(o, tags::PHOTOMETRIC_INTERPRETATION).ok_or(Fault::Missing("Photometric Interpretation"))?;
    must(
        photometric == "MONOCHROME2",
        "Photometric Interpretation",
        first_line(&photometric),
        "a CT is MONOCHROME2",
    )?;
    let frames = optional(o, tags::NUMBER_OF_FRAMES, "Number of Frames")?;
    must(frames.is_none_or(|n| n == 1.0), "Number of Frames", frames.unwrap_or(1.0), "a slice has one")?;
    let [allocated] = needed::<1>(o, tags::BITS_ALLOCATED, "Bits Allocated")?;
    must(allocated == 16.0, "Bits Allocated", allocated, "HU need 16")?;
    let [stored] = needed::<1>(o, tags::BITS_STORED, "Bits Stored")?;
    must(
        (8.0..=16.0).contains(&stored) && stored.fract() == 0.0,
        "Bits Stored",
        stored,
        "it must be 8 to 16",
    )?;
    let [high] = needed::<1>(o, tags::HIGH_BIT, "High Bit")?;
    must(high == stored - 1.0, "High Bit", high, "it must be Bits Stored less one")?;
    let [signed] = needed::<1>(o, tags::PIXEL_REPRESENTATION, "Pixel Representation")?;
    must(signed == 0.0 || signed == 1.0, "Pixel Representation", signed, "it must be 0 or 1")?;
    let padding = optional(o, tags::PIXEL_PADDING_VALUE, "Pixel Padding Value")?;
    let thickness_mm = optional(o, tags::SLICE_THICKNESS, "Slice Thickness")?;
    must(
        thickness_mm.is_none_or(|t| t > 0.0),
        "Slice Thickness",
        thickness_mm.unwrap_or(0.0),
        "it must be positive",
    )?;
    Ok(Slice {
        rows,
        columns,
        spacing_ij_mm: [between_columns, between_rows],
        along_i,
        along_j,
        position_mm,
        slope,
        intercept,
        bits_stored: stored as u16,
        signed: signed == 1.0,
        // Written as US or SS whatever the pixels are; the 16 bits are what the pixels are compared with.
        padding: padding.map(|p| p as i32 as u16),
        thickness_mm,
        tilt_deg: optional(o, tags::GANTRY_DETECTOR_TILT, "Gantry/Detector Tilt")?,
    })
}

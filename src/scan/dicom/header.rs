//! What one DICOM file says of each of its frames, without the pixels.

use std::sync::Arc;

use dicom_dictionary_std::tags;
use sha2::{Digest, Sha256};

use super::encoding::{Encoding, Pixels, Place};
use super::file;
use super::frames::pieces_of_frames;
use super::groups::Frame;
use super::parse::{DataSet, PixelSpan, Stop, Value};
use super::syntax;
use super::values::must;
pub use super::values::{Fault, first_line};
use crate::scan::error::{ScanError, ShortHash};
use crate::scan::source::Source;

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
    /// First and last of the stored values that stand for no measurement.
    pub padding: Option<[i32; 2]>,
    pub thickness_mm: Option<f64>,
    pub tilt_deg: Option<f64>,
}

impl Slice {
    /// HU at or below which nothing was measured; `None` without padding.
    pub fn padding_hu(&self) -> Option<i32> {
        // As decoded: padding is a negative number whatever the representation says.
        let hu_of = |p: i32| (f64::from(p as i16) * self.slope + self.intercept).round().max(-32768.0);
        self.padding.map(|[from, to]| hu_of(from).max(hu_of(to)) as i32)
    }
}

/// What one file says of one of its frames.
#[derive(Clone, Debug)]
pub struct Header {
    pub source: Source,
    /// Frame within the file, from 0.
    pub frame: usize,
    /// First twelve hex digits of the file's sha256.
    pub short_hash: ShortHash,
    pub modality: String,
    /// Values 1 to n of Image Type, or of the frame's own Frame Type.
    pub image_type: Vec<String>,
    pub series_uid: String,
    pub study_uid: String,
    pub patient_id: String,
    pub frame_of_reference: String,
    /// Acquisition number, stack and temporal position, as far as given, with a slash between: what tells the stacks
    /// of one series apart.
    pub acquisition: String,
    /// Patient Orientation, letters and backslash only; empty where not given.
    pub patient_orientation: String,
    pub scanner: String,
    pub kernel: String,
    pub syntax: String,
    pub pixels: Result<Arc<Pixels>, Fault>,
    pub slice: Result<Slice, Fault>,
}

/// First twelve hex digits of the sha256 of `bytes`.
pub fn short_sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(6).map(|b| format!("{b:02x}")).collect()
}

/// Reads one file's headers, one per frame; none where the file is not DICOM.
///
/// # Errors
/// [`ScanError::Unreadable`] from the disk, [`ScanError::Broken`] for a file that is DICOM by its mark or its first
/// elements, and makes no sense.
pub fn read_headers(source: &Source, number: usize) -> Result<Vec<Header>, ScanError> {
    let (head, total) = file::read_head(source, number)?;
    match headers_of(source, &head, total) {
        Err(Stop::More) => {
            let bytes = source.read(number)?;
            headers_of(source, &bytes, bytes.len() as u64)
        }
        outcome => outcome,
    }
    .map_err(|stop| {
        let reason = match stop {
            Stop::Broken(reason) => reason,
            Stop::More => "it changed while it was read".into(),
        };
        ScanError::Broken { short_hash: ShortHash::of(source), reason }
    })
}

fn headers_of(source: &Source, bytes: &[u8], total: u64) -> Result<Vec<Header>, Stop> {
    let Some(mut start) = file::find(bytes, total)? else { return Ok(Vec::new()) };
    if !start.deflated {
        let set = file::data_set(bytes, total, &start)?;
        return Ok(frames_of(source, bytes, &set, &start.syntax, None));
    }
    if (bytes.len() as u64) < total {
        return Err(Stop::More);
    }
    let deflated_at = std::mem::replace(&mut start.at, 0);
    let inflated = Arc::new(file::inflate(bytes, deflated_at)?);
    let set = file::data_set(&inflated, inflated.len() as u64, &start)?;
    let deflated = Some((deflated_at, &inflated));
    Ok(frames_of(source, &inflated, &set, &start.syntax, deflated))
}

fn frames_of(
    source: &Source,
    bytes: &[u8],
    set: &DataSet<'_>,
    syntax: &str,
    deflated: Option<(usize, &Arc<Vec<u8>>)>,
) -> Vec<Header> {
    let short_hash = ShortHash::of(source);
    let pixels = pixels_of(bytes, set, syntax, deflated).map(Arc::new);
    let frames = pixels.as_ref().map_or(1, |p| p.encoding.frames);
    // Frames that no functional group describes are one header with one fault.
    let described = set.items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE).len();
    let count = if described == frames { frames } else { 1 };
    (0..count)
        .map(|n| {
            let slice = pixels.clone().and_then(|p| read_slice(&Frame::new(set, n, frames)?, &p.encoding));
            let frame = Frame::new(set, n, frames).ok();
            header_of(source, set, syntax, frame.as_ref(), short_hash.clone(), n, pixels.clone(), slice)
        })
        .collect()
}

#[allow(clippy::too_many_arguments)] // the parts of a header
fn header_of(
    source: &Source,
    set: &DataSet<'_>,
    syntax: &str,
    frame: Option<&Frame<'_>>,
    short_hash: ShortHash,
    n: usize,
    pixels: Result<Arc<Pixels>, Fault>,
    slice: Result<Slice, Fault>,
) -> Header {
    let text = |tag| set.text(tag).unwrap_or_default();
    // A model's name and a kernel, cut to what such names need: free text may hold anything.
    let plain = |text: String| text.chars().filter(char::is_ascii_graphic).take(32).collect::<String>();
    let of =
        |group, tag| frame.and_then(|f| f.of(group).text(tag)).or_else(|| set.text(tag)).unwrap_or_default();
    let scanner =
        format!("{} {}", plain(text(tags::MANUFACTURER)), plain(text(tags::MANUFACTURER_MODEL_NAME)));
    let image_type = frame
        .filter(|f| f.is_enhanced())
        .and_then(|f| {
            let mr = f.of(tags::MR_IMAGE_FRAME_TYPE_SEQUENCE).text(tags::FRAME_TYPE);
            mr.or_else(|| f.of(tags::CT_IMAGE_FRAME_TYPE_SEQUENCE).text(tags::FRAME_TYPE))
        })
        .unwrap_or_else(|| text(tags::IMAGE_TYPE));
    Header {
        source: source.clone(),
        frame: n,
        short_hash,
        modality: text(tags::MODALITY).chars().filter(char::is_ascii_alphanumeric).take(16).collect(),
        image_type: image_type.split('\\').map(|s| s.trim().to_owned()).collect(),
        series_uid: text(tags::SERIES_INSTANCE_UID),
        study_uid: text(tags::STUDY_INSTANCE_UID),
        patient_id: text(tags::PATIENT_ID),
        frame_of_reference: text(tags::FRAME_OF_REFERENCE_UID),
        acquisition: acquisition(set, frame),
        patient_orientation: text(tags::PATIENT_ORIENTATION)
            .chars()
            .filter(|c| "LRAPHF\\".contains(*c))
            .take(7)
            .collect(),
        scanner: scanner.trim().to_owned(),
        kernel: plain(of(tags::CT_RECONSTRUCTION_SEQUENCE, tags::CONVOLUTION_KERNEL)),
        syntax: syntax.to_owned(),
        pixels,
        slice,
    }
}

fn acquisition(set: &DataSet<'_>, frame: Option<&Frame<'_>>) -> String {
    // It is shown, so what is no number is shown by its hash: free text may hold anything.
    let plain = |text: String| {
        let text = text.trim();
        let number = text.len() <= 12 && text.bytes().all(|b| b.is_ascii_digit());
        if number { text.to_owned() } else { short_sha256(text.as_bytes()) }
    };
    let Some(content) = frame.filter(|f| f.is_enhanced()).map(|f| f.of(tags::FRAME_CONTENT_SEQUENCE)) else {
        return plain(set.text(tags::ACQUISITION_NUMBER).unwrap_or_default());
    };
    let number = |tag| content.optional(tag, "").ok().flatten().map(|v| format!("{v}"));
    let acquired = number(tags::FRAME_ACQUISITION_NUMBER).or_else(|| set.text(tags::ACQUISITION_NUMBER));
    let parts = [acquired, content.text(tags::STACK_ID), number(tags::TEMPORAL_POSITION_INDEX)];
    parts.into_iter().flatten().map(plain).collect::<Vec<_>>().join("/")
}

fn pixels_of(
    bytes: &[u8],
    set: &DataSet<'_>,
    syntax: &str,
    deflated: Option<(usize, &Arc<Vec<u8>>)>,
) -> Result<Pixels, Fault> {
    for (tag, name) in [
        (tags::FLOAT_PIXEL_DATA, "Float Pixel Data"),
        (tags::DOUBLE_FLOAT_PIXEL_DATA, "Double Float Pixel Data"),
    ] {
        must(set.get(tag).is_none(), name, "", "a CT has whole numbers in Pixel Data")?;
    }
    let Some(Value::Pixels(span)) = set.get(tags::PIXEL_DATA).map(|e| &e.value) else {
        return Err(Fault::Missing("Pixel Data"));
    };
    let encoding = Encoding::read(set)?;
    let packing = syntax::packing(syntax);
    let native = packing == Ok(syntax::Packing::Native);
    let place = match span {
        &PixelSpan::Native { offset, declared, available } => {
            let expected = "a compressed transfer syntax has its pixels in pieces";
            must(native || packing.is_err(), "Pixel Data", "in one run", expected)?;
            Place::Native { offset, declared, available, big_endian: set.big_endian }
        }
        PixelSpan::Fragments(fragments) => {
            must(!native, "Pixel Data", "in pieces", "an uncompressed transfer syntax has them in one run")?;
            let frames = pieces_of_frames(bytes, set, fragments, encoding.frames);
            Place::Pieces { pieces: fragments[1.min(fragments.len())..].to_vec(), frames }
        }
    };
    Ok(Pixels {
        encoding,
        packing,
        place,
        deflated_at: deflated.map(|d| d.0),
        inflated: deflated.filter(|_| encoding.frames > 1).map(|d| d.1.clone()),
    })
}

fn read_slice(frame: &Frame<'_>, encoding: &Encoding) -> Result<Slice, Fault> {
    let o = frame.root;
    // Whether numbers are HU hangs on both, so both must say the same.
    let modality = o.text(tags::MODALITY).unwrap_or_default();
    must(
        frame.mr == (modality == "MR"),
        "Modality",
        first_line(&modality),
        "it must be that of its SOP Class (MR for an MR image and for no other)",
    )?;
    // Row spacing first in the file: the distance between rows, which is along j.
    let measures = frame.of(tags::PIXEL_MEASURES_SEQUENCE);
    let [between_rows, between_columns] = measures.needed::<2>(tags::PIXEL_SPACING, "Pixel Spacing")?;
    let positive = |v: f64| v > 0.0 && v < 10.0;
    must(
        positive(between_rows) && positive(between_columns),
        "Pixel Spacing",
        format!("{between_rows} x {between_columns}"),
        "both must lie between 0 and 10 mm",
    )?;
    let orientation = frame.of(tags::PLANE_ORIENTATION_SEQUENCE);
    let cosines = orientation.needed::<6>(tags::IMAGE_ORIENTATION_PATIENT, "Image Orientation (Patient)")?;
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
    let position = frame.of(tags::PLANE_POSITION_SEQUENCE);
    let position_mm = position.needed::<3>(tags::IMAGE_POSITION_PATIENT, "Image Position (Patient)")?;
    let rescale = frame.of(tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE);
    must(
        o.get(tags::MODALITY_LUT_SEQUENCE).is_none(),
        "Modality LUT Sequence",
        "",
        "HU are read by slope and intercept only",
    )?;
    let (slope, intercept) = if frame.mr {
        // MR has no rescale of its own (PS3.3 C.8.3.1); some makers write one. Of its numbers nothing is asked.
        let of = |tag, name, otherwise| rescale.optional(tag, name).map(|v| v.unwrap_or(otherwise));
        (
            of(tags::RESCALE_SLOPE, "Rescale Slope", 1.0)?,
            of(tags::RESCALE_INTERCEPT, "Rescale Intercept", 0.0)?,
        )
    } else {
        let [slope] = rescale.needed::<1>(tags::RESCALE_SLOPE, "Rescale Slope")?;
        let [intercept] = rescale.needed::<1>(tags::RESCALE_INTERCEPT, "Rescale Intercept")?;
        if let Some(kind) = rescale.text(tags::RESCALE_TYPE) {
            must(kind == "HU", "Rescale Type", first_line(&kind), "only HU can be planned on")?;
        }
        (slope, intercept)
    };
    must(slope > 0.0, "Rescale Slope", slope, "it must be positive")?;
    must(encoding.samples == 1, "Samples per Pixel", encoding.samples, "one is read")?;
    let photometric =
        o.text(tags::PHOTOMETRIC_INTERPRETATION).ok_or(Fault::Missing("Photometric Interpretation"))?;
    must(
        photometric == "MONOCHROME2",
        "Photometric Interpretation",
        first_line(&photometric),
        "only MONOCHROME2 is read",
    )?;
    let thickness_mm = measures.optional(tags::SLICE_THICKNESS, "Slice Thickness")?;
    must(
        thickness_mm.is_none_or(|t| t > 0.0),
        "Slice Thickness",
        thickness_mm.unwrap_or(0.0),
        "it must be positive",
    )?;
    let tilt_deg = frame
        .of(tags::CT_ACQUISITION_DETAILS_SEQUENCE)
        .optional(tags::GANTRY_DETECTOR_TILT, "Gantry/Detector Tilt")?;
    Ok(Slice {
        rows: encoding.rows,
        columns: encoding.columns,
        spacing_ij_mm: [between_columns, between_rows],
        along_i,
        along_j,
        position_mm,
        slope,
        intercept,
        padding: padding(o, encoding)?,
        thickness_mm,
        tilt_deg,
    })
}

/// Pixel Padding Value, or the range from it to Pixel Padding Range Limit, as stored values.
fn padding(o: &DataSet<'_>, encoding: &Encoding) -> Result<Option<[i32; 2]>, Fault> {
    let Some(value) = o.optional(tags::PIXEL_PADDING_VALUE, "Pixel Padding Value")? else { return Ok(None) };
    let limit = o.optional(tags::PIXEL_PADDING_RANGE_LIMIT, "Pixel Padding Range Limit")?;
    // Written as US or SS whatever the pixels are; the 16 bits are what the pixels are compared with.
    let as_stored = |v: f64| {
        let bits = v as i64 as u16;
        if encoding.signed { i32::from(bits as i16) } else { i32::from(bits) }
    };
    let (a, b) = (as_stored(value), as_stored(limit.unwrap_or(value)));
    Ok(Some([a.min(b), a.max(b)]))
}

//! What a folder holds: every file's header, grouped into series and stacks; a picture of each.

use std::collections::BTreeMap;
use std::path::Path;

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::choose::{choose, stack_name, unfit};
use super::error::ScanError;
use super::groups::{Group, bare, groups};
use super::header::{Header, read_headers, short_sha256};
use super::params::ScanParams;
use super::pixels::read_hu;
use super::source::{self, Content, Source};
use super::stack::stack;
use crate::model::Silent;

/// One series, as `osteomill scan` shows it. Nothing in it names a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SeriesSummary {
    /// First twelve hex digits of the sha256 of the series UID; may be given as `scan.series_uid`.
    pub series: String,
    /// Which stack of the series this is, from 1; asked for as `hash/2`.
    pub stack: usize,
    /// Stacks in the series.
    pub stacks: usize,
    /// Acquisition Number where it told the stacks apart.
    pub acquisition: String,
    /// Slices left out because they were given twice with equal pixels.
    pub twins: usize,
    /// Pseudonym of patient and study.
    pub pseudonym: String,
    /// DICOM modality.
    pub modality: String,
    /// Image Type, its values joined by a backslash.
    pub image_type: String,
    /// Number of files.
    pub slices: usize,
    /// Columns and rows of the first slice, 0 where it has none.
    pub matrix: [usize; 2],
    /// Between columns, rows and slices, mm; 0 where it cannot be said.
    pub spacing_mm: [f64; 3],
    /// Convolution kernel where given.
    pub kernel: String,
    /// True where the series can be planned on.
    pub usable: bool,
    /// Why it cannot; empty where it can.
    pub why_not: String,
}

/// What a folder holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Study {
    /// `osteomill.study/1`.
    pub schema: String,
    /// Files looked at.
    pub files: usize,
    /// Files that are not DICOM.
    pub other_files: usize,
    /// DICOM files that are damaged, one sentence each.
    pub damaged: Vec<String>,
    /// In order of the series' hash.
    pub series: Vec<SeriesSummary>,
    /// The series (`hash`, or `hash/2` for its second stack) that `run` would plan on; absent where it would refuse.
    pub chosen: Option<String>,
    /// Why that one, or why none.
    pub because: String,
}

/// What was read of every file.
pub struct Folder {
    pub files: usize,
    /// One per slice: a multi-frame file has one per frame.
    pub headers: Vec<Header>,
    /// Files that are not DICOM.
    pub other: usize,
    pub damaged: Vec<ScanError>,
}

impl Folder {
    /// Reads every header, in parallel.
    pub fn read(files: &[Source]) -> Self {
        let read: Vec<Result<Vec<Header>, ScanError>> =
            files.par_iter().enumerate().map(|(at, file)| read_headers(file, at + 1)).collect();
        let mut folder = Self { files: files.len(), headers: Vec::new(), other: 0, damaged: Vec::new() };
        for outcome in read {
            match outcome {
                Ok(frames) => {
                    folder.other += usize::from(frames.is_empty());
                    folder.headers.extend(frames);
                }
                Err(e) => folder.damaged.push(e),
            }
        }
        folder
    }

    /// Headers by series UID. Files without one (a DICOMDIR, for example) belong to none.
    pub fn by_series(&self) -> BTreeMap<&str, Vec<&Header>> {
        let mut series: BTreeMap<&str, Vec<&Header>> = BTreeMap::new();
        for h in self.headers.iter().filter(|h| !h.series_uid.is_empty()) {
            series.entry(&h.series_uid).or_default().push(h);
        }
        series
    }
}

/// Pseudonym of patient and study: twelve hex digits.
pub fn pseudonym(h: &Header) -> String {
    short_sha256(format!("{}\n{}", h.patient_id, h.study_uid).as_bytes())
}

/// Lists what the folder holds and what is wrong with each series, by the checks [`super::read_scan`] makes before
/// it decodes pixels, and names the one it would plan on.
///
/// # Errors
/// [`ScanError::Container`] only; damaged files are listed.
pub fn list_series(path: &Path, params: &ScanParams) -> Result<Study, ScanError> {
    Ok(match source::open(path)? {
        Content::Image(image) => source::study_of(&image),
        Content::Files(found) => list(&Folder::read(&found.files), params),
    })
}

fn list(folder: &Folder, params: &ScanParams) -> Study {
    let mut series: Vec<SeriesSummary> = Vec::new();
    for (uid, headers) in folder.by_series() {
        for group in groups(&headers, params.slice_position_mm_tolerance) {
            series.push(summary(uid, &group, params));
        }
    }
    series.sort_by(|a, b| a.series.cmp(&b.series).then(a.stack.cmp(&b.stack)));
    // What `run` would say of the folder, in the same order of checks.
    let picked = match folder.damaged.first() {
        Some(e) => Err(e.to_string()),
        None => choose(folder, params, false).map_err(|e| e.to_string()).and_then(|c| {
            let checked = stack(&c.group.headers, params);
            checked.map(|_| (c.name(), c.because.clone())).map_err(|e| e.to_string())
        }),
    };
    let (chosen, because) = match picked {
        Ok((name, because)) => (Some(name), because),
        Err(because) => (None, because),
    };
    Study {
        schema: "osteomill.study/1".into(),
        files: folder.files,
        other_files: folder.other,
        damaged: folder.damaged.iter().map(ToString::to_string).collect(),
        series,
        chosen,
        because,
    }
}

fn summary(uid: &str, group: &Group<'_>, params: &ScanParams) -> SeriesSummary {
    let h = group.headers[0];
    let (why_not, spacing_mm, matrix) =
        match (unfit(&group.headers, false, false), stack(&group.headers, params)) {
            (None, Ok(s)) => (String::new(), s.grid.spacing_mm, [s.grid.dims[0], s.grid.dims[1]]),
            (unfit, checked) => {
                let why = unfit.unwrap_or_else(|| checked.err().map(|e| e.to_string()).unwrap_or_default());
                let of_slice = h.slice.as_ref();
                let ij = of_slice.map_or([0.0; 2], |s| s.spacing_ij_mm);
                (why, [ij[0], ij[1], 0.0], of_slice.map_or([0; 2], |s| [s.columns, s.rows]))
            }
        };
    SeriesSummary {
        series: short_sha256(uid.as_bytes()),
        stack: group.number,
        stacks: group.of,
        acquisition: group.acquisition.clone(),
        twins: group.twins,
        pseudonym: pseudonym(h),
        modality: h.modality.clone(),
        image_type: known_words(&h.image_type),
        slices: group.headers.len(),
        matrix,
        spacing_mm,
        kernel: h.kernel.clone(),
        usable: why_not.is_empty(),
        why_not,
    }
}

/// Image Type with every word that is not one scanners write replaced: the attribute is free to hold anything.
fn known_words(image_type: &[String]) -> String {
    const KNOWN: [&str; 30] = [
        "ORIGINAL",
        "DERIVED",
        "PRIMARY",
        "SECONDARY",
        "AXIAL",
        "LOCALIZER",
        "VOLUME",
        "HELICAL",
        "REFORMATTED",
        "MPR",
        "MIP",
        "AVERAGE",
        "RESULTS",
        "OTHER",
        "CT_SOM5 SPI",
        "CT_SOM5 TOP",
        "CT_SOM5 SEQ",
        "CT_SOM7 SPI",
        "SINGLE_ENERGY",
        "NONE",
        "SCREEN SAVE",
        "DOSE",
        "PROJECTION IMAGE",
        "CSA 3D",
        "VOLREN",
        "CSAPARALLEL",
        "CSAMANIP",
        "SCOUT",
        "RESAMPLED",
        "MINIP",
    ];
    let word = |w: &String| KNOWN.iter().find(|k| w.eq_ignore_ascii_case(k)).map_or("...", |k| k).to_owned();
    image_type.iter().take(6).map(word).collect::<Vec<_>>().join("\\")
}

/// The middle slice of every usable stack, for people to look at.
pub struct Preview {
    /// Hash of the series, with `-2` and so on for its further stacks.
    pub name: String,
    /// Columns and rows.
    pub size: [usize; 2],
    /// HU, the patient's right on the left and the front on top where the slice is axial, rows from the top.
    pub hu: Vec<i16>,
}

/// Decodes the middle slice of every stack that [`list_series`] calls usable.
///
/// # Errors
/// [`ScanError::Container`] and what the decoder says of a slice.
pub fn preview_series(path: &Path, params: &ScanParams) -> Result<Vec<Preview>, ScanError> {
    let folder = match source::open(path)? {
        Content::Image(image) => return Ok(vec![preview_of_image(&image)]),
        Content::Files(found) => Folder::read(&found.files),
    };
    let mut previews = Vec::new();
    for (uid, headers) in folder.by_series() {
        for group in groups(&headers, params.slice_position_mm_tolerance) {
            let (None, Ok(checked)) = (unfit(&group.headers, false, false), stack(&group.headers, params))
            else {
                continue;
            };
            let middle = checked.slices[checked.slices.len() / 2];
            let one = bare(vec![middle]);
            let (mut hu, _) = read_hu(&one, &Silent, |_, _| ())?;
            let [columns, rows, _] = one.grid.dims;
            // A page is read with the patient's left on its right and the back at its foot.
            if one.grid.axes_lps[0].unit[0] < 0.0 {
                hu.chunks_mut(columns).for_each(<[i16]>::reverse);
            }
            if one.grid.axes_lps[1].unit[1] < 0.0 {
                hu = hu.rchunks(columns).flatten().copied().collect();
            }
            previews.push(Preview {
                name: stack_name(uid, &group).replace('/', "-"),
                size: [columns, rows],
                hu,
            });
        }
    }
    Ok(previews)
}

/// The middle slice of an image, which lies upright already.
fn preview_of_image(image: &source::Image) -> Preview {
    let grid = &image.volume.grid;
    let [columns, rows, slices] = grid.dims;
    let from = grid.at(0, 0, slices / 2);
    let hu = image.volume.hu[from..from + columns * rows].to_vec();
    Preview { name: image.short_hash.clone(), size: [columns, rows], hu }
}

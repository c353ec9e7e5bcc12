//! What a folder holds: every file's header, grouped into series; which series to plan on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::ScanError;
use super::header::{Header, read_headers, short_sha256};
use super::params::ScanParams;
use super::source::{self, Content, Source};
use super::stack::stack;

/// One series, as `osteomill scan` shows it. Nothing in it names a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SeriesSummary {
    /// First twelve hex digits of the sha256 of the series UID; may be given as `scan.series_uid`.
    pub series: String,
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

/// Why a series is not one to plan on by its headers alone; `None` where it is. `named` is true for a series the
/// user asked for: what only the choice among series forbids is then let through.
fn unfit(headers: &[&Header], named: bool) -> Option<String> {
    let h = headers[0];
    let has = |what: &str| headers.iter().any(|h| h.image_type.iter().any(|t| t.eq_ignore_ascii_case(what)));
    if h.modality != "CT" {
        return Some(format!(
            "its modality is {}, not CT",
            if h.modality.is_empty() { "missing" } else { &h.modality }
        ));
    }
    if has("LOCALIZER") {
        return Some("it is a scout (LOCALIZER)".into());
    }
    if has("SECONDARY") && !named {
        return Some("its image type is SECONDARY: made after the examination".into());
    }
    if let Ok(s) = &h.slice {
        let n = normal(s.along_i, s.along_j);
        // 45 degrees: nearer to another plane than to the axial one.
        if n[2].abs() < std::f64::consts::FRAC_1_SQRT_2 && !named {
            return Some("it is not axial".into());
        }
    }
    None
}

fn normal(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

/// The chosen series and why.
pub struct Choice<'a> {
    pub headers: Vec<&'a Header>,
    pub because: String,
}

/// Chooses the series to plan on, or takes the one that was named.
pub fn choose<'a>(folder: &'a Folder, params: &ScanParams) -> Result<Choice<'a>, ScanError> {
    let all = folder.by_series();
    let hash = |uid: &str| short_sha256(uid.as_bytes());
    if let Some(asked) = &params.series_uid {
        let wanted = asked.trim();
        let found: Vec<_> = all
            .iter()
            // Six digits tell the series of a study apart; fewer is a slip of the hand.
            .filter(|(uid, _)| **uid == wanted || (wanted.len() >= 6 && hash(uid).starts_with(wanted)))
            .collect();
        let &[(uid, headers)] = &found[..] else {
            let present = all.keys().map(|uid| hash(uid)).collect::<Vec<_>>().join(", ");
            let asked =
                if wanted.len() <= 12 { wanted.to_owned() } else { format!("with hash {}", hash(wanted)) };
            return Err(ScanError::NoSuchSeries { asked, present });
        };
        if let Some(reason) = unfit(headers, true) {
            return Err(ScanError::UnusableSeries { series: hash(uid), reason });
        }
        return Ok(Choice { headers: headers.clone(), because: "named in scan.series_uid".into() });
    }
    let ct = folder.headers.iter().filter(|h| h.modality == "CT").count();
    if ct == 0 {
        return Err(ScanError::NoCt { files: folder.files, dicom: folder.headers.len() });
    }
    let fit: Vec<(&str, &Vec<&Header>)> =
        all.iter().filter(|(_, h)| unfit(h, false).is_none()).map(|(u, h)| (*u, h)).collect();
    if fit.is_empty() {
        let reasons = all
            .iter()
            .map(|(uid, h)| format!("{}: {}", hash(uid), unfit(h, false).unwrap_or_default()))
            .collect::<Vec<_>>()
            .join("; ");
        return Err(ScanError::NoUsableSeries { reasons });
    }
    let people: BTreeSet<String> = fit.iter().map(|(_, h)| pseudonym(h[0])).collect();
    if people.len() > 1 {
        let pseudonyms = people.iter().cloned().collect::<Vec<_>>().join(", ");
        return Err(ScanError::SeveralPatients { count: people.len(), pseudonyms });
    }
    let extents: Vec<Extent> = fit.iter().map(|(_, h)| Extent::of(h)).collect();
    let widest_mm = extents.iter().map(|e| e.length_mm).fold(0.0, f64::max);
    let best = (0..fit.len())
        // A thin series of a part of the head is no match for the whole head. 0.8: arbitrary.
        .filter(|&n| extents[n].length_mm >= 0.8 * widest_mm)
        .min_by(|&a, &b| {
            extents[a]
                .step_mm
                .total_cmp(&extents[b].step_mm)
                .then(fit[b].1.len().cmp(&fit[a].1.len()))
                .then_with(|| hash(fit[a].0).cmp(&hash(fit[b].0)))
        })
        .expect("the widest series is among them");
    let (_, headers) = fit[best];
    let because = format!(
        "the axial CT with the thinnest slices ({:.3} mm, {} slices) among {} series of the folder that reach \
         over {:.0} mm; {} series left out",
        extents[best].step_mm,
        headers.len(),
        fit.len(),
        extents[best].length_mm,
        all.len() - 1
    );
    Ok(Choice { headers: headers.clone(), because })
}

/// Length and middle step of a series along its normal, before it is checked.
struct Extent {
    length_mm: f64,
    step_mm: f64,
}

impl Extent {
    fn of(headers: &[&Header]) -> Self {
        let mut along: Vec<f64> = headers
            .iter()
            .filter_map(|h| h.slice.as_ref().ok())
            .map(|s| {
                let n = normal(s.along_i, s.along_j);
                (0..3).map(|a| n[a] * s.position_mm[a]).sum()
            })
            .collect();
        along.sort_by(f64::total_cmp);
        let mut gaps: Vec<f64> = along.windows(2).map(|w| w[1] - w[0]).collect();
        gaps.sort_by(f64::total_cmp);
        match (along.first(), along.last()) {
            (Some(a), Some(b)) if !gaps.is_empty() => {
                Self { length_mm: b - a, step_mm: gaps[gaps.len() / 2] }
            }
            _ => Self { length_mm: 0.0, step_mm: f64::INFINITY },
        }
    }
}

/// Lists what the path holds and what is wrong with each series, by the checks [`super::read_scan`] makes before
/// it decodes pixels.
///
/// # Errors
/// [`ScanError::Container`] only; damaged files are listed.
pub fn list_series(path: &Path, params: &ScanParams) -> Result<Study, ScanError> {
    let folder = match source::open(path)? {
        Content::Image(image) => return Ok(source::study_of(&image)),
        Content::Files(found) => Folder::read(&found.files),
    };
    let mut series: Vec<SeriesSummary> = folder
        .by_series()
        .iter()
        .map(|(uid, headers)| {
            let h = headers[0];
            let (why_not, spacing_mm, matrix) = match (unfit(headers, false), stack(headers, params)) {
                (None, Ok(s)) => (String::new(), s.grid.spacing_mm, [s.grid.dims[0], s.grid.dims[1]]),
                (unfit, checked) => {
                    let why =
                        unfit.unwrap_or_else(|| checked.err().map(|e| e.to_string()).unwrap_or_default());
                    let of_slice = h.slice.as_ref();
                    let ij = of_slice.map_or([0.0; 2], |s| s.spacing_ij_mm);
                    (why, [ij[0], ij[1], 0.0], of_slice.map_or([0; 2], |s| [s.columns, s.rows]))
                }
            };
            SeriesSummary {
                series: short_sha256(uid.as_bytes()),
                pseudonym: pseudonym(h),
                modality: h.modality.clone(),
                image_type: h.image_type.join("\\").chars().filter(char::is_ascii_graphic).take(64).collect(),
                slices: headers.len(),
                matrix,
                spacing_mm,
                kernel: h.kernel.clone(),
                usable: why_not.is_empty(),
                why_not,
            }
        })
        .collect();
    series.sort_by(|a, b| a.series.cmp(&b.series));
    Ok(Study {
        schema: "osteomill.study/1".into(),
        files: folder.files,
        other_files: folder.other,
        damaged: folder.damaged.iter().map(ToString::to_string).collect(),
        series,
    })
}

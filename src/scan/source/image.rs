//! Scans that come as one image: what they say, and what they leave unsaid.

use std::path::Path;

use super::ContainerError;
use crate::formats::{inv3, nifti, nrrd, voxels};
use crate::model::{Finding, Scan, ScanFacts, Severity, Volume};
use crate::scan::anatomy::Anatomy;
use crate::scan::blur::blur_fwhm_mm;
use crate::scan::error::ScanError;
use crate::scan::header::short_sha256;
use crate::scan::params::ScanParams;
use crate::scan::stack::Stack;
use crate::scan::study::{SeriesSummary, Study};
use crate::scan::{digest, findings};

/// Air about a head is −1000 HU; an image whose lowest value is above this is not in HU, or was cut to the head.
const AIR_HU: i16 = -500;
/// Fewer slices are no volume.
const SLICES_MIN: usize = 3;

/// An image as read.
pub struct Image {
    /// i, j, k grow most nearly along +x, +y, +z, right-handed.
    pub volume: Volume,
    /// What kind of file it was.
    pub container: &'static str,
    /// As the file says; `unknown` where it does not.
    pub modality: String,
    /// First twelve hex digits of the file's sha256.
    pub short_hash: String,
}

impl Image {
    /// From the bytes of a NIfTI-1.
    ///
    /// # Errors
    /// [`ContainerError::Image`].
    pub fn nifti(bytes: &[u8]) -> Result<Self, ContainerError> {
        Ok(Self::upright(nifti::read_volume(bytes)?, "NIfTI", "unknown".into(), bytes))
    }

    /// From the bytes of a NRRD; the data of a detached one lie in `folder`.
    ///
    /// # Errors
    /// [`ContainerError::Image`].
    pub fn nrrd(bytes: &[u8], folder: Option<&Path>) -> Result<Self, ContainerError> {
        let volume = nrrd::read_volume(bytes, &|name| super::beside(folder, name))?;
        Ok(Self::upright(volume, "NRRD", "unknown".into(), bytes))
    }

    /// From the bytes of an InVesalius project.
    ///
    /// # Errors
    /// [`ContainerError::Image`].
    pub fn inv3(bytes: &[u8]) -> Result<Self, ContainerError> {
        let project = inv3::read_project(bytes)?;
        let modality = if project.modality.is_empty() { "unknown".into() } else { project.modality };
        Ok(Self::upright(project.volume, "InVesalius project", modality, bytes))
    }

    fn upright(volume: Volume, container: &'static str, modality: String, bytes: &[u8]) -> Self {
        let (grid, hu) = voxels::upright(&volume.grid, volume.hu);
        Self { volume: Volume { grid, hu }, container, modality, short_hash: short_sha256(bytes) }
    }

    /// Why it cannot be planned on; `None` where it can.
    fn unfit(&self, any_modality: bool) -> Option<String> {
        if !any_modality && self.modality != "CT" && self.modality != "unknown" {
            return Some(format!("its modality is {}, not CT", self.modality));
        }
        let n = self.volume.grid.dims.iter().min().copied().unwrap_or(0);
        (n < SLICES_MIN).then(|| format!("it is {n} voxels thin, but a volume needs at least {SLICES_MIN}"))
    }
}

/// The image as a scan. With `any_modality` (a mask stands in for the bone) nothing is asked of its values.
///
/// # Errors
/// [`ScanError::UnusableSeries`] where it is no CT or no volume.
pub fn scan_of(image: Image, params: &ScanParams, any_modality: bool) -> Result<Scan, ScanError> {
    if let Some(reason) = image.unfit(any_modality) {
        return Err(ScanError::UnusableSeries { series: image.short_hash, reason });
    }
    if let Some(asked) = &params.series_uid {
        // A hash is public; a UID may be the patient's and is not repeated.
        if asked.len() < 6 || !image.short_hash.starts_with(asked.as_str()) {
            let asked = format!("with hash {}", short_sha256(asked.as_bytes()));
            return Err(ScanError::NoSuchSeries { asked, present: image.short_hash });
        }
    }
    let Image { volume, container, modality, short_hash } = image;
    let digests = digest::digests(&volume, params);
    let [hu_min, hu_max] = digest::range(&digests);
    let stack = Stack::of_image(&volume.grid);
    // Limits in HU say nothing of what is no CT.
    let of_hu = modality == "CT" || modality == "unknown" && !any_modality;
    let blur_fwhm_mm = if of_hu { blur_fwhm_mm(&volume) } else { None };
    let mut findings = Vec::new();
    if of_hu {
        let anatomy = Anatomy::of(&volume.grid, &digests, params);
        findings.extend(findings::findings(&stack, 0, &volume, (&digests, &anatomy), blur_fwhm_mm, params));
    }
    findings.extend(container_findings(container, &modality, hu_min));
    let facts = ScanFacts {
        schema: "osteomill.scan/1".into(),
        pseudonym: short_sha256(format!("image\n{short_hash}").as_bytes()),
        series: short_hash,
        modality,
        scanner: String::new(),
        kernel: String::new(),
        slices: volume.grid.dims[2],
        grid: volume.grid.clone(),
        hu_min,
        hu_max,
        blur_fwhm_mm,
        resampled: None,
        chosen_because: format!("the only image of a {container} file"),
        findings,
    };
    Ok(Scan { volume, facts, frame_of_reference: None, given: None })
}

/// Review, not note: that the values are HU, that nothing was smoothed, resampled or flipped on the way, is vouched
/// for by nobody, and each of them moves the bone's edge without a trace.
fn container_findings(container: &str, modality: &str, hu_min: i16) -> Vec<Finding> {
    let says = if modality == "CT" { "that it is CT, but" } else { "neither that it is CT nor" };
    let mut found = vec![Finding::new(
        "not-dicom",
        Severity::Review,
        format!(
            "the scan is a {container} file, which says {says} by which scanner, kernel and slice thickness it was \
             made, nor whether it was resampled, smoothed or mirrored since: compare it with the original series, \
             above all left and right"
        ),
    )];
    if hu_min > AIR_HU {
        found.push(
            Finding::new(
                "no-air",
                Severity::Review,
                format!(
                    "the lowest value is {hu_min}, but air about a head is near -1000 HU: the values are no HU (often \
                     1024 was added), or the image was cropped to the head; bone's level depends on it"
                ),
            )
            .measured(f64::from(hu_min), f64::from(AIR_HU), "HU"),
        );
    }
    found
}

/// The image as `osteomill scan` lists it.
pub fn study_of(image: &Image) -> Study {
    let why_not = image.unfit(false).unwrap_or_default();
    let grid = &image.volume.grid;
    let series = SeriesSummary {
        series: image.short_hash.clone(),
        stack: 1,
        stacks: 1,
        acquisition: String::new(),
        twins: 0,
        pseudonym: short_sha256(format!("image\n{}", image.short_hash).as_bytes()),
        modality: image.modality.clone(),
        image_type: image.container.into(),
        slices: grid.dims[2],
        matrix: [grid.dims[0], grid.dims[1]],
        spacing_mm: grid.spacing_mm,
        kernel: String::new(),
        usable: why_not.is_empty(),
        why_not: why_not.clone(),
    };
    Study {
        schema: "osteomill.study/1".into(),
        files: 1,
        other_files: 0,
        damaged: Vec::new(),
        series: vec![series],
        chosen: why_not.is_empty().then(|| image.short_hash.clone()),
        because: if why_not.is_empty() {
            format!("the only image of a {} file", image.container)
        } else {
            why_not
        },
    }
}

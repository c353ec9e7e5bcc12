//! Reads a CT series into HU on a grid in the patient.
//!
//! **In** a folder of DICOM files, any names, any depth; one DICOM file; a DICOMDIR; a zip of DICOM files; or one image:
//! NIfTI-1, NRRD, an InVesalius project. The content decides what it is, never the name. **Out** [`Scan`]: HU rounded
//! to whole numbers, LPS mm, `i` along the rows, `j` down the columns, `k` along the slice normal, right-handed whatever
//! the signs of the cosines; and what is wrong with it.
//!
//! **Method** Headers in parallel; grouped by series UID, and within a series into stacks where acquisitions
//! overlap (`groups.rs`); the stack to plan on is axial, original, of the thinnest slices among those that reach
//! over the head (`choose.rs`). Slices are ordered by position along the normal of their own orientation (DICOM
//! PS3.3 C.7.6.2), never by number, name or the tilt tag. HU by each slice's own slope and intercept (C.11.1).
//! Slices that drift evenly off their normal (gantry tilt) are moved within their planes by what their positions
//! say (`resample.rs`). Fitness for planning: `findings.rs`, `anatomy.rs`, `blur.rs`.
//!
//! Containers: links below a folder are counted, not followed. A DICOMDIR is taken at its word where every file it
//! names is there, without regard to case or version; a reference out of its folder is refused by its number. A zip is
//! unpacked in memory, its names only order it. Images are turned so that i, j, k grow most nearly along +x, +y, +z;
//! no voxel moves. Nobody vouches that an image's values are HU, nor what was done to it since: it always ends in
//! `review` (`not-dicom`). A project's rows run from back to front and are turned; it says no place in the scanner, so
//! it is centred about x = y = 0. A mask that stands in for the bone: see `given.rs`.
//!
//! **Guarantees** Nothing malformed becomes zero: a missing, doubled, uneven, bent, truncated or mixed slice, a
//! missing rescale, a NaN spacing is an error that names the slice by number and hash, the value and what to do.
//! HU are the file's own wherever `resampled` is absent. A file whose elements declare more bytes than it has is
//! refused before anything is allocated for it. Messages hold no patient's name, no path, no free text of the header.
//! What unpacks to more than 128 MiB and 64 bytes for each packed one (a mask 200, a zip 96 MiB and 16) is refused
//! by the numbers before it is unpacked; a zip or tar that belittles its sizes is stopped while it is.
//!
//! **Limits** Transfer syntaxes and what is refused by name: `docs/transfer-syntaxes.md`. One sample per pixel; a modality
//! look-up table is refused. Files without DICOM's mark at byte 128 are read where their first two elements make sense,
//! else taken for other files. MR is read with a mask only. Images: no
//! NIfTI-2, no pairs of `.hdr` and `.img`, no bzip2, no shear, one value per voxel. No
//! zip inside a folder, nothing but DICOM inside a zip. **Flips:** a scan written upside down, or with front and back
//! exchanged, is found by its anatomy, and one whose Patient Orientation contradicts its cosines is refused; but a scan
//! whose left and right are exchanged throughout (columns reversed under unchanged cosines) is a sound scan of a
//! mirrored person, which nothing in it betrays: the report states the side, and a person compares it. Patient Position
//! (HFS, FFP ...) is not asked: cosines are in the patient whatever it says.

mod anatomy;
mod blur;
mod choose;
mod dicom;
mod digest;
mod error;
mod findings;
#[doc(hidden)]
pub mod fuzzing;
mod given;
mod groups;
mod params;
mod quality;
mod resample;
mod resect;
mod source;
mod stack;
mod study;
#[cfg(test)]
mod tests;

use std::path::Path;

use anatomy::Anatomy;
pub use dicom::stored::{StoredFrames, stored_frames};
use dicom::{header, pixels};
use digest::Gauge;
pub use error::{ScanError, ShortHash};
pub use given::region_on;
pub use params::{ScanParams, ScanToml};
pub use resect::{CutPlane, resect};
pub use source::{ContainerError, companions};
pub use study::{Preview, SeriesSummary, Study, list_series, preview_series};

use crate::formats::voxels;
use crate::model::{Scan, ScanFacts, Volume, Watch};

/// Reads the series to plan on from `path`: a folder, a file or an archive (see the page).
///
/// # Errors
/// [`ScanError`] whenever the series is not an even, straight, complete stack of CT slices whose HU are certain.
pub fn read_scan(path: &Path, params: &ScanParams, watch: &dyn Watch) -> Result<Scan, ScanError> {
    read_any(path, params, false, watch)
}

/// As [`read_scan`], with a mask that stands in for the bone: an image that is no CT is then read as well.
///
/// # Errors
/// [`ScanError`] as [`read_scan`], and for a mask that does not read or does not belong to the scan.
pub fn read_scan_with_mask(
    path: &Path,
    mask: &Path,
    params: &ScanParams,
    watch: &dyn Watch,
) -> Result<Scan, ScanError> {
    let scan = read_any(path, params, true, watch)?;
    watch.note("putting the mask in the bone's place");
    given::put_mask(scan, mask)
}

fn read_any(
    path: &Path,
    params: &ScanParams,
    any_modality: bool,
    watch: &dyn Watch,
) -> Result<Scan, ScanError> {
    watch.note("reading headers");
    let found = match source::open(path)? {
        source::Content::Image(image) => return source::scan_of(*image, params, any_modality),
        source::Content::Files(found) => found,
    };
    let mut folder = study::Folder::read(&found.files);
    // A damaged file may be a slice of the very series; nobody can tell.
    if !folder.damaged.is_empty() {
        return Err(folder.damaged.swap_remove(0));
    }
    watch.progress(1, 3);
    let choice = choose::choose(&folder, params, any_modality)?;
    let name = choice.name();
    let stack = stack::stack(&choice.group.headers, params)?;
    watch.note("decoding slices");
    // Limits in HU say nothing of what is no CT.
    let of_hu = stack.slices[0].0.modality == "CT";
    let gauge = Gauge::new(&stack.grid, params);
    let ask = |k: usize, slice: &[i16]| gauge.ask(slice, stack.slices[k].1.padding_hu());
    let (hu, mut digests) =
        pixels::read_hu(&stack, watch, ask).map_err(|e| if of_hu { e } else { e.of_intensities() })?;
    watch.progress(2, 3);
    let twins = choice.group.twins;
    let raw = Volume { grid: stack.grid.clone(), hu };
    let (blur_fwhm_mm, volume, mut findings) = if of_hu {
        let (blur_fwhm_mm, mut anatomy) =
            rayon::join(|| blur::blur_fwhm_mm(&raw), || Anatomy::of(&raw.grid, &digests, params));
        let mut findings = findings::as_decoded(&raw.grid, &digests, &anatomy, params);
        let volume = resample::straighten(&stack, raw.hu);
        if findings::resampled(&stack).is_some() {
            digests = digest::digests(&volume, params);
            anatomy = Anatomy::of(&volume.grid, &digests, params);
        }
        let seen = (&digests[..], &anatomy);
        findings.extend(findings::findings(&stack, twins, &volume, seen, blur_fwhm_mm, params));
        (blur_fwhm_mm, volume, findings)
    } else {
        let volume = resample::straighten(&stack, raw.hu);
        if findings::resampled(&stack).is_some() {
            digests = digest::digests(&volume, params);
        }
        // MR is taken in any plane: turned so that i, j, k grow most nearly along +x, +y, +z, as images are.
        let (grid, hu) = voxels::upright(&volume.grid, volume.hu);
        (None, Volume { grid, hu }, findings::of_geometry(&stack, twins, params))
    };
    findings.extend(found.findings);
    let [hu_min, hu_max] = digest::range(&digests);
    let first = stack.slices[0].0;
    let facts = ScanFacts {
        schema: "osteomill.scan/1".into(),
        pseudonym: study::pseudonym(first),
        series: name,
        modality: first.modality.clone(),
        scanner: first.scanner.clone(),
        kernel: first.kernel.clone(),
        slices: stack.slices.len(),
        grid: volume.grid.clone(),
        hu_min,
        hu_max,
        blur_fwhm_mm,
        resampled: findings::resampled(&stack),
        chosen_because: choice.because,
        findings,
    };
    watch.progress(3, 3);
    let frame_of_reference = Some(first.frame_of_reference.clone()).filter(|f| !f.is_empty());
    Ok(Scan { volume, facts, frame_of_reference, given: None })
}

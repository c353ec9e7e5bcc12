//! Finds what is missing of the vault and completes it, with no hint from the user.
//!
//! **In** `Volume` (HU), `Bone` (mask and local level), `BoneSurface`, all of one scan. **Out** `Reconstruction`: the
//! missing bone at full thickness on the scan's grid, and per defect a chart of the completed outer and inner table.
//!
//! **Method** Rays from the middle of the sphere that fits the inner table meet the bone's edge where HU crosses its
//! local level. Stretches of bone on a ray belong to one shell when marrow (short, no air) or a frontal sinus (air)
//! lies between them; of several shells the one nearest to a smooth form of the whole vault counts, so that neither a
//! zygomatic arch nor a plate inside the head becomes skull. The plane of symmetry is a trimmed fit of the mirrored
//! vault on itself. Cells of the vault without bone, opened by the width of a fine gap, are the defect; openings at the
//! vault's lower border that the other side has too are natural. Around each defect the radii are measured again on a
//! chart of 1 mm; a thin plate through the bone farther out predicts the rim, and bone below that has sunk: it is
//! predicted and not trusted. The fill minimises ∫ |H(r) − Σ w H(g)|², H the second differences, with the band fixed, guides g: the
//! vault's smooth form and the smoothed mirror image; the weights are chosen per case and per table by pretending to
//! cut the surviving bone, and the held-out errors by distance from the rim are the predicted standard deviation.
//!
//! **Different from the paper** Guided thin plates blend a mirrored half in and feather it (Grupp and others, SPIE
//! 2015, compare the ways); here only the guide's curvature enters, so the known bone stays as measured.
//!
//! **Guarantees** The same bytes on any thread count. No defect is an empty result, not an error. Whatever a person
//! must look at (open sinus, rim at the orbit, edge of the scan, size, confidence) is a finding of severity `review`.
//!
//! **Limits** Patient z must point to the crown to about 15 degrees. One radius per direction: a rim that turns under
//! the brow is not seen. The chart's stretch is left out of the plate's bends. Gaps narrower than `fine_gap_width_mm` are
//! not bridged.

mod chart;
mod complete;
mod detect;
mod fillmask;
mod guide;
mod local;
mod params;
mod plate;
mod rays;
mod rim;
mod site;
mod symmetry;
mod vault;

#[cfg(test)]
mod tests;

use nalgebra::Vector3;
use thiserror::Error;

use crate::model::{
    Bone, BoneSurface, DefectFacts, Dir, Mask, Patch, Reconstruction, Symmetry, Volume, Watch,
};
use complete::Completed;
use local::Skull;
pub use params::{MissingParamError, MissingParams};
use rays::BoneField;
use vault::{VaultMap, VaultZone};

/// The mirror image is not trusted this near to a defect, mm: a healed rim sinks up to there.
const MIRROR_CLEAR_MM: f64 = 6.0;

/// Why the missing bone cannot be found.
#[derive(Debug, Error)]
pub enum MissingError {
    /// The volume and the bone are not of one scan.
    #[error(
        "the bone lies on a grid of {bone:?} voxels and the scan on one of {scan:?}; both must be of one scan: \
         segment the bone again"
    )]
    Grid {
        /// Voxels of the bone's grid.
        bone: [usize; 3],
        /// Voxels of the scan's grid.
        scan: [usize; 3],
    },
    /// Too little of a vault.
    #[error(
        "no skull vault is found: {cells} places of its wall are seen and at least some hundred are needed; check that \
         the series shows a head and that the bone threshold fits it"
    )]
    NoVault {
        /// Places seen.
        cells: usize,
    },
    /// The vault's sphere is no head's.
    #[error(
        "the sphere that fits the inside of the vault has a radius of {radius_mm:.0} mm, a head's lies between 45 and \
         110 mm; check that the series shows a head and that its voxel spacing is right"
    )]
    VaultSize {
        /// Radius found, mm.
        radius_mm: f64,
    },
    /// The vault and its image do not come to lie on each other.
    #[error(
        "no plane of symmetry is found: {places} places of the vault have a partner and at least 500 are needed; check \
         that both sides of the head are in the scan"
    )]
    NoSymmetry {
        /// Places with a partner.
        places: usize,
    },
    /// The user stopped it.
    #[error("stopped on request while the missing bone was looked for; run the case again to go on")]
    Stopped,
}

/// The missing bone of the scan.
///
/// # Errors
/// [`MissingError`] when the scan shows no skull vault to complete. A vault without a defect is not an error.
pub fn reconstruct(
    volume: &Volume,
    bone: &Bone,
    _surface: &BoneSurface,
    params: &MissingParams,
    watch: &dyn Watch,
) -> Result<Reconstruction, MissingError> {
    let voxels = volume.grid.len();
    if bone.mask.grid != volume.grid || bone.mask.voxels.len() != voxels || bone.level_hu.len() != voxels {
        return Err(MissingError::Grid { bone: bone.mask.grid.dims, scan: volume.grid.dims });
    }
    let field = BoneField::new(volume, bone, params.sinus_air_hu(), params.marrow_gap_mm_max());
    watch.note("middle of the vault");
    let (centre, radius_mm) = vault::find_centre(&field, bone)?;
    watch.note("plane of symmetry");
    // First on the patient's axes, then on the head's own.
    let first_zone = VaultZone::new(Vector3::x(), params);
    let map = VaultMap::new(&field, centre, radius_mm, &first_zone)?;
    let fitted = symmetry::fit_symmetry(&map, &first_zone)?;
    let zone = VaultZone::new(fitted.mirror.normal, params);
    stop_if_asked(watch)?;
    watch.progress(1, 3);
    watch.note("defects");
    let mut detected = detect::find_defects(&map, &zone, &fitted.mirror, params);
    let near_defect = detect::near(&map, &detected.defects, MIRROR_CLEAR_MM);
    let skull = Skull { field: &field, map: &map, zone: &zone, mirror: fitted.mirror, near_defect };
    watch.progress(2, 3);

    let mut mask = Mask::empty(volume.grid.clone());
    let mut findings = std::mem::take(&mut detected.findings);
    let (mut defects, mut patches) = (Vec::new(), Vec::new());
    for hole in &detected.defects {
        stop_if_asked(watch)?;
        watch.note("filling a defect");
        let done = complete::complete(&skull, hole, params);
        let facts = site::describe(&skull, &done);
        findings.extend(site::findings(&skull, hole, &detected, &done, &facts, params));
        fillmask::rasterise(&field, &done, &mut mask);
        defects.push(facts);
        patches.push(patch(done));
    }
    watch.progress(3, 3);
    let n = fitted.mirror.normal;
    Ok(Reconstruction {
        mask,
        patches,
        facts: DefectFacts {
            schema: "osteomill.defects/1".into(),
            defects,
            symmetry: Symmetry {
                normal_lps: Dir::new([n.x, n.y, n.z]),
                offset_mm: fitted.mirror.offset_mm,
                residual_mm_p50: fitted.residual_mm_p50,
                residual_mm_p95: fitted.residual_mm_p95,
            },
            findings,
        },
    })
}

fn stop_if_asked(watch: &dyn Watch) -> Result<(), MissingError> {
    if watch.stopped() { Err(MissingError::Stopped) } else { Ok(()) }
}

fn patch(done: Completed) -> Patch {
    let mut patch = done.local.chart.patch();
    patch.outer_mm = done.outer_mm;
    patch.inner_mm = done.inner_mm;
    patch.sigma_mm = done.sigma_mm;
    patch.cells = done.cells;
    patch
}

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
//! vault's lower border that the other side has too, and that reach no higher than 20 mm, are natural. Around each defect the radii are measured again on a
//! chart of 1 mm. The vault's bone is then taken as a random field on the sphere, even and odd across the plane of
//! symmetry each with its own power at every scale (`sphere.rs`); which powers hold for this head is learnt by leaving
//! blocks of the hole's shape out of the surviving bone (`continuation.rs`), for the outer table and for the inner one
//! (as a table or as a thickness, whichever errs less) apart. The field fitted to the bone farther out predicts the rim,
//! and bone below that has sunk: it is predicted and not trusted (`rim.rs`). Fitted again to all that is believed, the
//! field guides a thin plate: ∫ |H(r) − H(g)|² is least, H the second differences, g the field, the band fixed. So
//! the field says how the hole bulges and the plate meets the measured bone without a step. The field's own predicted
//! deviation, scaled so that 90 % of the held-out errors lie within its 90 % interval, is the confidence.
//!
//! **Different from the paper** Guided thin plates blend a mirrored half in and feather it (Grupp and others, SPIE
//! 2015, compare the ways); here the mirror image counts at each scale for what it is worth on this head, and the known
//! bone stays as measured. Before, one weight for the mirror image and one for the vault's smooth form were chosen by
//! pretend cuts: on a left parietal cut of 100 cm² in `scans/cranium` that gave a Dice of 0.71 (thin plate 0.86, mirror
//! alone 0.90), the field gives 0.92 (`docs/bench.md`).
//!
//! **Guarantees** The same bytes on any thread count. No defect is an empty result, not an error. Whatever a person
//! must look at (open sinus, rim at the orbit, edge of the scan, size, confidence) is a finding of severity `review`.
//!
//! **Limits** Patient z must point to the crown to about 15 degrees. One radius per direction: a rim that turns under
//! the brow is not seen. The chart's stretch is left out of the plate's bends. Gaps narrower than `fine_gap_width_mm` are
//! not bridged.

mod chart;
mod complete;
mod continuation;
mod contour;
mod detect;
mod fillmask;
mod local;
mod params;
mod planner;
mod plate;
mod rays;
mod rim;
mod site;
mod sphere;
mod suspect;
mod symmetry;
mod vault;

#[cfg(test)]
mod tests;

use nalgebra::Vector3;
use thiserror::Error;

use crate::model::{
    Bone, BoneSurface, DefectFacts, Dir, Mask, Patch, Reconstruction, Silent, Symmetry, Volume, Watch,
};
use complete::Completed;
pub use complete::Method;
pub use contour::{ContourEdit, ContourMap};
use local::Skull;
pub use params::{MissingParamError, MissingParams};
pub use planner::{Planner, PlannerError};
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
    /// What the planner stated does not fit the scan.
    #[error(transparent)]
    Planner(#[from] PlannerError),
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
    surface: &BoneSurface,
    params: &MissingParams,
    watch: &dyn Watch,
) -> Result<Reconstruction, MissingError> {
    reconstruct_planned(volume, bone, surface, &Planner::default(), params, watch).map(|r| r.0)
}

/// The missing bone of the scan where a planner overrules the rules, and what edits of the contour changed.
///
/// # Errors
/// As [`reconstruct`], and [`MissingError::Planner`] where there is nothing at the places the planner names.
pub fn reconstruct_planned(
    volume: &Volume,
    bone: &Bone,
    _surface: &BoneSurface,
    planner: &Planner,
    params: &MissingParams,
    watch: &dyn Watch,
) -> Result<(Reconstruction, Option<ContourMap>), MissingError> {
    let field = field(volume, bone, params)?;
    let Found { map, zone, fitted, mut detected } = find(&field, bone, params, watch)?;
    let region = planner.region(&volume.grid)?;
    planner.overrule(&map, &zone, region.as_ref(), params, &mut detected)?;
    let near_defect = near_holes(&map, &detected);
    let skull = Skull { field: &field, map: &map, zone: &zone, mirror: fitted.mirror, near_defect, region };
    confirm(&skull, planner, &mut detected, params);
    watch.progress(2, 3);

    let mut mask = Mask::empty(volume.grid.clone());
    let mut findings = std::mem::take(&mut detected.findings);
    suspect::of_vault(&skull, &detected.defects, params, &mut findings);
    let mut edits = contour::Edits::new(params.contour_edits());
    let (mut defects, mut patches) = (Vec::new(), Vec::new());
    for hole in &detected.defects {
        stop_if_asked(watch)?;
        watch.note("filling a defect");
        let prepared = complete::prepare(&skull, hole, params);
        let mut done = complete::fill(&prepared, Method::Osteomill, None);
        edits.apply(&mut done);
        let facts = site::describe(&skull, &done);
        findings.extend(site::findings(&skull, hole, &detected, &done, &facts, params));
        findings.extend(suspect::in_hole(&skull, &done, bone.facts.threshold_hu, params));
        fillmask::rasterise(&field, &done, &mut mask);
        defects.push(facts);
        patches.push(patch(done));
    }
    findings.extend(planner::side_findings(&defects, params));
    let contour = edits.finish(&mut findings)?;
    watch.progress(3, 3);
    let n = fitted.mirror.normal;
    let made = Reconstruction {
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
    };
    Ok((made, contour))
}

/// One defect filled in one way.
pub struct Variant {
    /// The way.
    pub method: Method,
    /// The completed tables.
    pub patch: Patch,
    /// Voxels of the scan's grid that the fill takes, in their order.
    pub voxels: Vec<u32>,
}

/// For benchmarks: every defect found in a scan, filled in each of `methods`. `whole` is the same head before it was
/// cut, on the same grid, and its vault; without it [`Method::Oracle`] is left out. Defects that hold one of the places `leave` (patient
/// LPS mm) are found and not filled: no variants.
///
/// # Errors
/// As [`reconstruct`].
pub fn fill_each_way(
    volume: &Volume,
    bone: &Bone,
    whole: Option<(&Volume, &Bone, &Vault)>,
    params: &MissingParams,
    methods: &[Method],
    leave: &[Vector3<f64>],
) -> Result<Vec<Vec<Variant>>, MissingError> {
    let field = field(volume, bone, params)?;
    let Found { map, zone, fitted, mut detected } = find(&field, bone, params, &Silent)?;
    let near_defect = near_holes(&map, &detected);
    let skull =
        Skull { field: &field, map: &map, zone: &zone, mirror: fitted.mirror, near_defect, region: None };
    confirm(&skull, &Planner::default(), &mut detected, params);
    let mut mask = Mask::empty(volume.grid.clone());
    let mut all = Vec::new();
    for hole in &detected.defects {
        let holds = |p: &Vector3<f64>| {
            let cell = map.chart.nearest(map.chart.cell((p - map.chart.centre).normalize()));
            cell.is_some_and(|at| hole.cells.contains(&at))
        };
        if leave.iter().any(holds) {
            all.push(Vec::new());
            continue;
        }
        let prepared = complete::prepare(&skull, hole, params);
        let local = match whole {
            Some((volume, bone, vault)) => {
                let field = self::field(volume, bone, params)?;
                let near_defect = vec![false; vault.map.chart.len()];
                let skull = Skull {
                    field: &field,
                    map: &vault.map,
                    zone: &vault.zone,
                    mirror: fitted.mirror,
                    near_defect,
                    region: None,
                };
                Some(prepared.measured_on(&skull))
            }
            None => None,
        };
        let mut variants = Vec::new();
        for &method in methods.iter().filter(|m| **m != Method::Oracle || local.is_some()) {
            let done = complete::fill(&prepared, method, local.as_ref());
            fillmask::rasterise(&field, &done, &mut mask);
            let mut voxels = Vec::new();
            for (at, v) in mask.voxels.iter_mut().enumerate().filter(|(_, v)| **v != 0) {
                voxels.push(at as u32);
                *v = 0;
            }
            variants.push(Variant { method, patch: patch(done), voxels });
        }
        all.push(variants);
    }
    Ok(all)
}

/// Where the vault of a head lies, for benchmarks that cut it: its endocranial centre, the axes of its border, and its
/// rough form.
pub struct Vault {
    map: VaultMap,
    zone: VaultZone,
}

impl Vault {
    /// The vault of this scan.
    ///
    /// # Errors
    /// As [`reconstruct`].
    pub fn of(volume: &Volume, bone: &Bone, params: &MissingParams) -> Result<Self, MissingError> {
        let field = field(volume, bone, params)?;
        let Found { map, zone, .. } = find(&field, bone, params, &Silent)?;
        Ok(Self { map, zone })
    }

    /// Endocranial centre, patient LPS mm.
    pub fn centre(&self) -> Vector3<f64> {
        self.map.chart.centre
    }

    /// To the patient's left, to the back, up.
    pub fn axes(&self) -> [Vector3<f64>; 3] {
        self.zone.axes
    }

    /// True where the direction from the centre looks at the vault and not below it.
    pub fn contains(&self, direction: Vector3<f64>) -> bool {
        self.zone.contains(direction)
    }

    /// Radius of the outer table's rough form, mm.
    pub fn rough_radius_mm(&self, direction: Vector3<f64>) -> f64 {
        self.map.form.radius_mm(direction)
    }
}

fn near_holes(map: &VaultMap, detected: &detect::Detected) -> Vec<bool> {
    let all: Vec<detect::Hole> = detected.defects.iter().chain(&detected.narrow).cloned().collect();
    detect::near(map, &all, MIRROR_CLEAR_MM)
}

/// Fills the narrow holes to see how large they are: defects, where no other was found, or small holes. Beside a defect a
/// place that rays hardly pass through is shown to a person: on a skull voxelised at 1.0 mm every seventh large cut
/// brought one forth.
fn confirm(skull: &Skull<'_>, planner: &Planner, detected: &mut detect::Detected, params: &MissingParams) {
    let named = planner.defect_seed.is_some() || planner.region.is_some();
    let alone = detected.defects.is_empty();
    for hole in std::mem::take(&mut detected.narrow) {
        if named && detected.defects.iter().any(|d| d.cells.iter().any(|at| hole.cells.contains(at))) {
            continue;
        }
        let done = complete::fill(&complete::prepare(skull, &hole, params), Method::Osteomill, None);
        let area_mm2 = fillmask::open_area_mm2(&done);
        let place = skull.map.chart.centre + hole.axis * skull.map.form.radius_mm(hole.axis);
        if area_mm2 < params.defect_area_mm2_min() {
            detected.findings.push(detect::small_hole(area_mm2, place, params));
        } else if named {
            detected.findings.push(planner::left_out(area_mm2, place, params));
        } else if alone {
            detected.defects.push(hole);
        } else {
            detected.findings.push(detect::narrow_hole(area_mm2, place, params));
        }
    }
    detected.defects.sort_by(|a, b| b.area_mm2.total_cmp(&a.area_mm2));
}

/// What detection found.
struct Found {
    map: VaultMap,
    zone: VaultZone,
    fitted: symmetry::Fitted,
    detected: detect::Detected,
}

fn field<'a>(
    volume: &'a Volume,
    bone: &'a Bone,
    params: &MissingParams,
) -> Result<BoneField<'a>, MissingError> {
    let voxels = volume.grid.len();
    if bone.mask.grid != volume.grid || bone.mask.voxels.len() != voxels || bone.level_hu.len() != voxels {
        return Err(MissingError::Grid { bone: bone.mask.grid.dims, scan: volume.grid.dims });
    }
    Ok(BoneField::new(volume, bone, params.sinus_air_hu(), params.marrow_gap_mm_max()))
}

fn find(
    field: &BoneField<'_>,
    bone: &Bone,
    params: &MissingParams,
    watch: &dyn Watch,
) -> Result<Found, MissingError> {
    watch.note("middle of the vault");
    let (centre, radius_mm) = vault::find_centre(field, bone)?;
    watch.note("plane of symmetry");
    // First on the patient's axes, then on the head's own.
    let first_zone = VaultZone::new(Vector3::x(), params);
    let map = VaultMap::new(field, centre, radius_mm, &first_zone)?;
    let fitted = symmetry::fit_symmetry(&map, &first_zone)?;
    let zone = VaultZone::new(fitted.mirror.normal, params);
    stop_if_asked(watch)?;
    watch.progress(1, 3);
    watch.note("defects");
    let detected = detect::find_defects(&map, &zone, &fitted.mirror, params);
    Ok(Found { map, zone, fitted, detected })
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

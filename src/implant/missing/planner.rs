//! What a planner states, and where that overrules the rules: the opening to fill, the region to fill in, the side.
//!
//! **In** a place in or near the opening, a mask on the scan's grid, a side. **Out** the openings to complete.
//!
//! **Guarantees** With a seed exactly one opening is filled: the one that holds the seed or comes nearest to it, be it
//! natural or too small by the rules. With a region nothing outside of it is filled, and inside of it every place
//! without bone is, whatever gaps and borders the rules know. What the rules would have filled and the planner did not
//! name is said for a person to look at. Bone that is there is never cut.

use nalgebra::Vector3;
use thiserror::Error;

use super::detect::{Detected, Hole, open, pieces};
use super::params::MissingParams;
use super::vault::{VaultMap, VaultZone};
use crate::model::{Defect, Finding, Grid, Mask, Patient, Point, Severity};

/// A seed this near to an opening means it, mm: people click on the skin, or on the rim.
const SEED_REACH_MM: f64 = 10.0;
/// Depth over which a seed may lie in an opening without being beside it, mm inside the rough form.
const SHELL_MM: f64 = 8.0;
/// A region counts for a ray when it holds a voxel of it between these, mm inside and outside of the rough form: where
/// the vault is. What is drawn deeper or farther out says nothing of the rays that lean through it.
const REGION_FROM_MM: f64 = -8.0;
const REGION_TO_MM: f64 = 4.0;

/// What a planner says of the case, beside the pipeline.
#[derive(Clone, Debug, Default)]
pub struct Planner {
    /// A place in the opening to fill, patient LPS mm.
    pub defect_seed: Option<Point<Patient>>,
    /// Where bone is to be filled in, on the scan's grid.
    pub region: Option<Mask>,
}

/// What a planner says that cannot be.
#[derive(Debug, Error, PartialEq)]
#[allow(missing_docs)] // the fields are the numbers of the message
pub enum PlannerError {
    /// The seed's numbers.
    #[error("the defect seed {seed:?} is no place: name three numbers, patient LPS mm")]
    SeedNoPlace { seed: [f64; 3] },
    /// The seed is beside every opening.
    #[error(
        "no opening of the vault lies at the defect seed {seed:?}: the nearest, of {area_cm2:.1} cm2 about {place:.1?}, is \
         {distance_mm:.0} mm away, at most {reach_mm:.0} mm count: name a place in the opening, patient LPS mm"
    )]
    SeedOff { seed: [f64; 3], area_cm2: f64, place: [f64; 3], distance_mm: f64, reach_mm: f64 },
    /// No opening at all.
    #[error("the vault has no opening at all, so none lies at the defect seed {seed:?}: leave the seed out")]
    SeedNothing { seed: [f64; 3] },
    /// The region is of another grid.
    #[error(
        "the region lies on a grid of {region:?} voxels and the scan on one of {scan:?}; draw it on this scan"
    )]
    RegionGrid { region: [usize; 3], scan: [usize; 3] },
    /// The region holds no voxel.
    #[error("the region holds no voxel of the scan: draw where bone is to be filled in")]
    RegionEmpty,
    /// The region meets only bone, or nothing of the vault.
    #[error(
        "the region covers {covered_cm2:.1} cm2 of the vault, {bone_cm2:.1} cm2 of them bone, and no opening of \
         {area_cm2_min:.1} cm2 (reconstruction.defect_area_cm2_note): draw it over the opening; bone that is there is not cut"
    )]
    RegionNoOpening { covered_cm2: f64, bone_cm2: f64, area_cm2_min: f64 },
    /// A contour edit beside every defect.
    #[error(
        "contour edit `{name}` changes nothing: the nearest completed place is {distance_mm:.0} mm from at_lps_mm, its \
         radius {radius_mm:.0} mm: correct reconstruction.contour_edits"
    )]
    EditMisses { name: String, distance_mm: f64, radius_mm: f64 },
    /// Contour edits of a whole head.
    #[error("reconstruction.contour_edits has `{name}`, but no defect is found to edit: leave it out")]
    EditNothing { name: String },
}

/// The region as rays see it.
pub(super) struct Region<'a> {
    mask: &'a Mask,
}

impl<'a> Region<'a> {
    /// True where the ray from `centre` along `d` meets the region near the vault.
    pub(super) fn holds(&self, centre: Vector3<f64>, d: Vector3<f64>, form_mm: f64) -> bool {
        let grid = &self.mask.grid;
        let step_mm = 0.5 * grid.spacing_mm.iter().copied().fold(f64::INFINITY, f64::min);
        let steps = ((REGION_TO_MM - REGION_FROM_MM) / step_mm) as usize;
        (0..=steps).any(|i| {
            let p = centre + d * (form_mm + REGION_FROM_MM + i as f64 * step_mm);
            nearest_voxel(grid, p).is_some_and(|at| self.mask.voxels[at] != 0)
        })
    }
}

fn nearest_voxel(grid: &Grid, p: Vector3<f64>) -> Option<usize> {
    let index = grid.index_from_patient(Point::from_v(p)).map(f64::round);
    let inside = (0..3).all(|a| index[a] >= 0.0 && index[a] < grid.dims[a] as f64);
    inside.then(|| grid.at(index[0] as usize, index[1] as usize, index[2] as usize))
}

impl Planner {
    /// The region, checked.
    ///
    /// # Errors
    /// [`PlannerError`] for a region of another grid or with nothing in it.
    pub(super) fn region(&self, scan: &Grid) -> Result<Option<Region<'_>>, PlannerError> {
        let Some(mask) = &self.region else { return Ok(None) };
        if mask.grid != *scan || mask.voxels.len() != scan.len() {
            return Err(PlannerError::RegionGrid { region: mask.grid.dims, scan: scan.dims });
        }
        if mask.count() == 0 {
            return Err(PlannerError::RegionEmpty);
        }
        Ok(Some(Region { mask }))
    }

    /// Puts the openings that the planner names in the place of those that the rules found.
    ///
    /// # Errors
    /// [`PlannerError`] when there is no opening where the planner names one.
    pub(super) fn overrule(
        &self,
        map: &VaultMap,
        zone: &VaultZone,
        region: Option<&Region<'_>>,
        params: &MissingParams,
        detected: &mut Detected,
    ) -> Result<(), PlannerError> {
        if self.defect_seed.is_none() && region.is_none() {
            return Ok(());
        }
        let chart = &map.chart;
        let form_mm: Vec<f64> =
            (0..chart.len()).map(|at| map.form.radius_mm(chart.direction_at(at))).collect();
        let empty = |at: usize| !map.outside[at] && !map.has_bone(at);
        let area_mm2 = |cells: &[usize]| cells.iter().map(|&at| chart.area_mm2(&form_mm, at)).sum::<f64>();
        let mut openings: Vec<Vec<usize>> = match region {
            Some(region) => {
                let covered: Vec<usize> = (0..chart.len())
                    .filter(|&at| region.holds(chart.centre, chart.direction_at(at), form_mm[at]))
                    .collect();
                let mut inside = vec![false; chart.len()];
                covered.iter().filter(|&&at| empty(at)).for_each(|&at| inside[at] = true);
                let mut found = pieces(map, &inside);
                found.retain(|cells| area_mm2(cells) >= params.defect_area_mm2_note());
                if found.is_empty() {
                    let bone: Vec<usize> = covered.iter().copied().filter(|&at| map.has_bone(at)).collect();
                    return Err(PlannerError::RegionNoOpening {
                        covered_cm2: area_mm2(&covered) / 100.0,
                        bone_cm2: area_mm2(&bone) / 100.0,
                        area_cm2_min: params.defect_area_mm2_note() / 100.0,
                    });
                }
                found
            }
            None => {
                let empty: Vec<bool> =
                    (0..chart.len()).map(|at| empty(at) && zone.contains(chart.direction_at(at))).collect();
                let found = pieces(map, &open(map, &empty, &form_mm, 0.5 * params.fine_gap_width_mm()));
                if found.is_empty() { pieces(map, &empty) } else { found }
            }
        };
        if let Some(seed) = self.defect_seed {
            let meant = nearest(map, &form_mm, &openings, seed)?;
            openings = vec![openings.swap_remove(meant)];
        }
        let named: Vec<Hole> = openings.into_iter().map(|cells| hole(map, &form_mm, cells)).collect();
        report(map, &named, params, detected);
        detected.defects = named;
        detected.defects.sort_by(|a, b| b.area_mm2.total_cmp(&a.area_mm2));
        Ok(())
    }
}

/// The opening that holds the seed or comes nearest to it.
fn nearest(
    map: &VaultMap,
    form_mm: &[f64],
    openings: &[Vec<usize>],
    seed: Point<Patient>,
) -> Result<usize, PlannerError> {
    if seed.mm.iter().any(|x| !x.is_finite()) {
        return Err(PlannerError::SeedNoPlace { seed: seed.mm });
    }
    let chart = &map.chart;
    let from = seed.v() - chart.centre;
    let away_mm = |&at: &usize| {
        let d = chart.direction_at(at);
        (from - d * from.dot(&d).clamp(form_mm[at] - SHELL_MM, form_mm[at])).norm()
    };
    let best = openings
        .iter()
        .enumerate()
        .map(|(n, cells)| (n, cells.iter().map(away_mm).fold(f64::INFINITY, f64::min)))
        .min_by(|a, b| a.1.total_cmp(&b.1));
    let Some((meant, distance_mm)) = best else {
        return Err(PlannerError::SeedNothing { seed: seed.mm });
    };
    // A cell is some 1.5 mm wide: within one the seed is in the opening.
    if distance_mm > SEED_REACH_MM {
        let hole = hole(map, form_mm, openings[meant].clone());
        let place = chart.centre + hole.axis * map.form.radius_mm(hole.axis);
        return Err(PlannerError::SeedOff {
            seed: seed.mm,
            area_cm2: hole.area_mm2 / 100.0,
            place: [place.x, place.y, place.z],
            distance_mm,
            reach_mm: SEED_REACH_MM,
        });
    }
    Ok(meant)
}

fn hole(map: &VaultMap, form_mm: &[f64], cells: Vec<usize>) -> Hole {
    let chart = &map.chart;
    let axis: Vector3<f64> = cells.iter().map(|&at| chart.direction_at(at) * chart.solid_angle(at)).sum();
    Hole {
        area_mm2: cells.iter().map(|&at| chart.area_mm2(form_mm, at)).sum(),
        axis: axis.normalize(),
        at_scan_border: cells.iter().any(|&at| chart.neighbours(at).any(|o| map.outside[o])),
        cells,
    }
}

/// Says what the planner chose, and what the rules would have filled beside it.
fn report(map: &VaultMap, named: &[Hole], params: &MissingParams, detected: &mut Detected) {
    let place = |hole: &Hole| {
        let p = map.chart.centre + hole.axis * map.form.radius_mm(hole.axis);
        [p.x, p.y, p.z]
    };
    for hole in named {
        let by_rule = detected.defects.iter().any(|d| d.cells.iter().any(|at| hole.cells.contains(at)));
        let but = if by_rule { "" } else { ", which the rules alone would not have filled," };
        detected.findings.push(
            Finding::new(
                "planner-named",
                Severity::Note,
                format!(
                    "the planner names the opening of {:.1} cm2{but} as the defect",
                    hole.area_mm2 / 100.0
                ),
            )
            .measured(hole.area_mm2 / 100.0, params.defect_area_mm2_min() / 100.0, "cm2")
            .at(place(hole)),
        );
    }
    for left in &detected.defects {
        if named.iter().any(|hole| hole.cells.iter().any(|at| left.cells.contains(at))) {
            continue;
        }
        let [x, y, z] = place(left);
        detected.findings.push(left_out(left.area_mm2, Vector3::new(x, y, z), params));
    }
}

/// A defect that the rules found and the planner did not name.
pub(super) fn left_out(area_mm2: f64, place: Vector3<f64>, params: &MissingParams) -> Finding {
    Finding::new(
        "defect-left-out",
        Severity::Review,
        format!(
            "a defect of {:.1} cm2 that the rules found is not the one the planner names and is not filled",
            area_mm2 / 100.0
        ),
    )
    .measured(area_mm2 / 100.0, params.defect_area_mm2_min() / 100.0, "cm2")
    .at([place.x, place.y, place.z])
}

/// Holds the side that was stated against the sides that were found.
pub(super) fn side_findings(defects: &[Defect], params: &MissingParams) -> Vec<Finding> {
    let stated = params.side_stated();
    if stated.is_empty() {
        return Vec::new();
    }
    if defects.is_empty() {
        let message = format!(
            "reconstruction.side_stated is \"{stated}\", but no defect is found: make sure this is the patient's scan"
        );
        return vec![Finding::new("side-without-defect", Severity::Review, message)];
    }
    defects
        .iter()
        .filter(|d| d.site.split(' ').next() != Some(stated))
        .map(|d| {
            let message = format!(
                "reconstruction.side_stated is \"{stated}\", but the defect found is {}: the wrong side was stated, or the \
                 scan is another patient's or is mirrored; settle it with the referral before anything is made",
                d.site
            );
            Finding::new("wrong-side", Severity::Stop, message).at(d.centroid_lps_mm.mm)
        })
        .collect()
}

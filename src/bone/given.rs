//! The bone where a mask from elsewhere selects it.
//!
//! Of an image without HU the volume was made from the mask and the edge lies at one level throughout. Of a CT the
//! mask selects, as the threshold does otherwise, and the HU place the edge, by the same walks: from a border voxel of
//! the mask the local half-maximum is looked for, and taken where it lies within [`INWARD_MM`] inward or a voxel
//! outward. Elsewhere (no contrast, a border drawn through bone or soft tissue) the border of the mask itself, blurred,
//! stands. Deeper than that the mask is solid, whatever its HU; bone beside the mask that it left out stays out, so a
//! mask drawn too small stays too small.
//!
//! Both fields meet where one border voxel follows the HU and its neighbour the mask: the surface steps there by what
//! the two lie apart.

use rayon::prelude::*;

use super::components::{Components, Connectivity};
use super::edge::{self, Sample, Walker};
use super::level::{DEEP_MM, Samples};
use super::params::BoneParams;
use super::{BoneError, bits, metal, offsets, thin};
use crate::geometry::distance::distance_to;
use crate::model::{Bone, BoneFacts, BoneSelection, Finding, GivenMask, Mask, Severity, Volume, Watch};

/// Deeper under the border voxel's centre the half-maximum is not the mask's edge; a mask of 226 HU lies 1.05 mm (P95)
/// outside it on `scans/cranium`.
const INWARD_MM: f64 = DEEP_MM as f64;
/// Below this share of the border placed by HU somebody should ask what the mask was drawn on. Arbitrary.
const REFINED_MIN: f64 = 0.5;

/// The bone as a mask from elsewhere gives it. Every piece is kept: what is bone was decided by who drew it.
///
/// # Errors
/// [`BoneError::NoBone`] when the mask's largest piece is no skull, [`BoneError::Size`] when grids differ.
pub fn bone_of_mask(
    volume: &Volume,
    given: &GivenMask,
    params: &BoneParams,
    watch: &dyn Watch,
) -> Result<Bone, BoneError> {
    let grid = &volume.grid;
    let made = given.made_hu.as_deref();
    let sizes = [volume.hu.len(), given.mask.voxels.len(), made.map_or(grid.len(), <[i16]>::len)];
    if let Some(&found) = sizes.iter().find(|n| **n != grid.len()) {
        return Err(BoneError::Size { found, expected: grid.len() });
    }
    if given.mask.grid != *grid {
        return Err(BoneError::Size { found: given.mask.grid.len(), expected: grid.len() });
    }
    let ni = grid.dims[0];
    let fill =
        |row: usize, out: &mut [u64]| bits::pack(&given.mask.voxels[row * ni..][..ni], out, |v| v != 0);
    let pieces = Components::find(grid, Connectivity::Corners, fill);
    let mm3 = |voxels: usize| voxels as f64 * grid.voxel_mm3();
    let largest_mm3 = pieces.pieces.first().map_or(0.0, |p| mm3(p.1));
    let threshold_hu = if made.is_some() { params.threshold_hu } else { f64::from(given.level_hu) };
    if !(largest_mm3 >= params.kept_mm3_min) || largest_mm3 == 0.0 {
        return Err(BoneError::NoBone { threshold_hu, largest_mm3, min_mm3: params.kept_mm3_min });
    }
    // A step of 1000 HU blurred by 0.7 voxels rises by 1000 / (0.7 √(2π)) HU per voxel.
    let coarse_mm = grid.spacing_mm.iter().copied().fold(0.0, f64::max);
    let facts = BoneFacts {
        schema: "osteomill.bone/1".into(),
        threshold_hu,
        selection: BoneSelection {
            select: "mask".into(),
            connectivity: 26,
            keep: "all".into(),
            kept_pieces: pieces.pieces.len(),
            closed_mm3: 0.0,
        },
        kept_mm3: mm3(given.mask.count()),
        components: pieces.pieces.len(),
        dropped: Vec::new(),
        metal: Default::default(),
        thin: Default::default(),
        threshold_offset_mm_p5: 0.0,
        threshold_offset_mm_p50: 0.0,
        threshold_offset_mm_p95: 0.0,
        shift_mm_per_50_hu: 0.05 * 0.7 * coarse_mm * std::f64::consts::TAU.sqrt(),
        findings: Vec::new(),
    };
    match made {
        Some(made) => by_hu(volume, given, made, facts, params, watch),
        None => Ok(Bone { mask: given.mask.clone(), level_hu: vec![given.level_hu; grid.len()], facts }),
    }
}

/// The edge of a CT: by its HU where they show one near the mask's border.
fn by_hu(
    volume: &Volume,
    given: &GivenMask,
    made: &[i16],
    mut facts: BoneFacts,
    params: &BoneParams,
    watch: &dyn Watch,
) -> Result<Bone, BoneError> {
    let (grid, mask) = (&volume.grid, &given.mask);
    let threshold_hu = facts.threshold_hu;
    watch.note("placing the bone's edge");
    let edges = edge::samples(volume, mask, params);
    let mut samples = Samples::new(grid, edges.samples);
    let thin = thin::Thinness::of(volume, &samples.all, edges.sigma_mm, threshold_hu, params.edge_reach_mm);
    samples.smooth(grid, params.level_smoothing_mm);
    let (thin, thin_finding) = thin.settle(volume, &mut samples, params);
    watch.progress(1, 2);
    if watch.stopped() {
        return Err(BoneError::Stopped);
    }
    let border = Border::of(volume, mask, samples.all);
    let placed: Vec<Sample> = border.samples.iter().copied().filter(|s| s.level_hu.is_finite()).collect();
    let share = placed.len() as f64 / border.samples.len().max(1) as f64;
    if !placed.is_empty() {
        let [p5, p50, p95, shift] = offsets(volume, &placed, threshold_hu, params.edge_reach_mm);
        facts.threshold_offset_mm_p5 = p5;
        facts.threshold_offset_mm_p50 = p50;
        facts.threshold_offset_mm_p95 = p95;
        facts.shift_mm_per_50_hu = facts.shift_mm_per_50_hu.max(shift);
    }
    let all = Samples::new(grid, border.samples);
    let mut level_hu = all.spread(grid, mask, params.edge_reach_mm, threshold_hu as f32);
    let depth_mm = distance_to(grid.dims, grid.spacing_mm, {
        let mut is_border = vec![false; grid.len()];
        all.all.iter().for_each(|s| {
            let [i, j, k] = s.ijk.map(|n| n as usize);
            is_border[grid.at(i, j, k)] = true;
        });
        move |at| is_border[at]
    });
    level_hu.par_iter_mut().enumerate().for_each(|(at, level)| {
        let (hu, inside) = (f32::from(volume.hu[at]), mask.voxels[at] != 0);
        // The surface lies where level − HU is 0: any value of it can be had by the level.
        let of_mask = given.level_hu - f32::from(made[at]);
        if inside && depth_mm[at] >= DEEP_MM {
            if !(*level < hu) {
                *level = hu - of_mask.abs().max(1.0);
            }
        } else if !level.is_finite() {
            *level = hu + of_mask;
        } else if !inside && f64::from(hu) >= threshold_hu {
            *level = level.max(hu + of_mask.max(1.0));
        }
    });
    let (metal, metal_finding) = metal::metal(volume, mask, params);
    facts.metal = metal;
    facts.thin = thin;
    facts.findings = metal_finding.into_iter().chain(thin_finding).collect();
    facts.findings.push(said(share, border.moved_mm));
    watch.progress(2, 2);
    Ok(Bone { mask: mask.clone(), level_hu, facts })
}

/// Every border voxel of the mask; those without an edge of the scan's own have a level that is no number.
struct Border {
    samples: Vec<Sample>,
    /// From the border, half a voxel outside its voxel, to the placed edge; outward positive; 5th, 50th and 95th
    /// percentile, mm.
    moved_mm: Option<[f64; 3]>,
}

impl Border {
    fn of(volume: &Volume, mask: &Mask, walked: Vec<Sample>) -> Self {
        let grid = &volume.grid;
        let [_, nj, nk] = grid.dims;
        let coarse_mm = grid.spacing_mm.iter().copied().fold(0.0, f64::max);
        let crossings: Vec<Option<f64>> = walked
            .par_iter()
            .map(|s| {
                let at_mm =
                    Walker::again(volume, s).crossing_mm(f64::from(s.level_hu), INWARD_MM.max(coarse_mm))?;
                (-INWARD_MM..=coarse_mm).contains(&at_mm).then_some(at_mm)
            })
            .collect();
        let half_mm = |s: &Sample| {
            // Through the voxel's box along the way out.
            let through = |a: usize| 0.5 * grid.spacing_mm[a] / f64::from(s.out[a].abs()).max(1e-6);
            through(0).min(through(1)).min(through(2))
        };
        let mut moved: Vec<f64> =
            walked.iter().zip(&crossings).filter_map(|(s, c)| c.map(|c| c - half_mm(s))).collect();
        moved.sort_by(f64::total_cmp);
        let percentile = |p: f64| moved[((moved.len() - 1) as f64 * p).round() as usize];
        let moved_mm = (!moved.is_empty()).then(|| [0.05, 0.5, 0.95].map(percentile));
        let bits = bits::BitMask::new(grid.dims, &mask.voxels);
        let mut samples = Vec::with_capacity(walked.len());
        let mut next = 0;
        for row in 0..nj * nk {
            let (j, k) = (row % nj, row / nj);
            bits.boundary(j, k, &mut |i| {
                let ijk = [i, j, k].map(|n| n as u32);
                let own = walked.get(next).filter(|s| s.ijk == ijk);
                next += usize::from(own.is_some());
                let placed = own.filter(|_| crossings[next - 1].is_some());
                samples.push(placed.copied().unwrap_or(Sample {
                    ijk,
                    out: [0.0; 3],
                    peak_hu: 0.0,
                    trough_hu: 0.0,
                    level_hu: f32::NAN,
                    peak_mm: f32::INFINITY,
                }));
            });
        }
        Self { samples, moved_mm }
    }
}

fn said(share: f64, moved_mm: Option<[f64; 3]>) -> Finding {
    let moved = moved_mm.map_or(String::new(), |[p5, p50, p95]| {
        format!(", {p50:.2} mm from the mask's border in the median ({p5:.2} to {p95:.2}; outward positive)")
    });
    let severity = if share < REFINED_MIN { Severity::Review } else { Severity::Note };
    Finding::new(
        "mask-edge",
        severity,
        format!(
            "the mask selects the bone; on {:.1} % of its border the edge is placed by the scan's HU{moved}; on the \
             rest, where they show none within {INWARD_MM} mm inward or a voxel outward, the mask's own border stands",
            share * 100.0
        ),
    )
    .measured(share * 100.0, REFINED_MIN * 100.0, "%")
}

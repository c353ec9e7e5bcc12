//! Selects the bone that matters and says at which HU its edge lies.
//!
//! **In** [`Volume`], HU. **Out** [`Bone`] on the same grid: the mask of the kept pieces above the selecting level, and
//! the local half-maximum `level_hu`, where the surface belongs.
//!
//! **Method** A level, fixed or Otsu's, *selects*: by default the largest 26-connected piece, so that head holder and
//! table drop out; all large pieces, or the one at a seed, on request; closed by a ball if asked to. The edge
//! is *placed* elsewhere: at boundary voxels of the mask a line away from the middle of the bone about them is walked
//! inward to the bone's first peak or plateau and outward to the first valley or plateau, and the level is their mean
//! (half-maximum: unbiased for an edge blurred by a symmetric point spread, whatever its width). How wide the scanner
//! blurs is told by the slopes of all edges together; inward no walk goes farther than an edge of that blur reaches.
//! Levels are averaged over the middle half of the neighbours that face the same way, moved by no more than a tenth of
//! their own step, and given to the voxels within reach of them.
//! Where a mask from elsewhere selects, see `given.rs`.
//!
//! **Measured** On the phantom (0.6 mm voxels, PSF 0.9 mm) walls sawn through diploe, against the true wall: mean
//! −0.007 mm, 5th percentile −0.15 mm. Along the gradient of the HU, with no bound by the blur and levels averaged freely,
//! it was −0.21 mm and −0.61 mm, since the level of the tables was carried onto the diploe between them. Vault: 0.07 mm
//! too far out either way.
//!
//! **Guarantees** The same bytes on any thread count. Deeper than the peak or 1.25 mm the level never exceeds the
//! threshold, so what the mask holds as solid stays solid, diploe included.
//!
//! **Limits** Bone thinner than some 4 sigmas of the blur (2.5 mm on a soft kernel) never reaches its true HU: its peak
//! is too low, so is the half-maximum, and both faces are placed too far out, by up to 0.7 mm each (`docs/bone-edge.md`
//! has the table). It is measured and said; `thin_bone = "correct"` moves its faces in as if it were as dense as the
//! scan's thick bone, which takes most of the bias away on phantoms and has not been compared with a real skull's
//! truth. Voxels that closing adds have no edge of their own: the surface follows the HU there, not the mask. The
//! half-maximum of a ball lies sigma²/R inside its edge. A plateau of soft tissue thinner than the blur between bone
//! and air is taken
//! for part of the edge. Edges with less than `edge_contrast_hu_min` have no level of their own.

mod bits;
mod components;
mod edge;
mod given;
mod level;
mod metal;
mod params;
mod select;
#[cfg(test)]
mod tests;
mod thin;

pub use given::bone_of_mask;
pub use params::{BoneParams, BoneToml, Keep, Select, Thin};
use rayon::prelude::*;
use thiserror::Error;

use crate::model::{Bone, BoneFacts, Mask, Volume, Watch};

/// Every so many boundary samples one is measured for the report; a hundred thousand remain on a head.
const MEASURED_EVERY: usize = 4;

/// Why no bone comes out.
#[derive(Debug, Error)]
#[allow(missing_docs)] // the fields are the numbers of the message
pub enum BoneError {
    /// A value of `[bone]` makes no sense.
    #[error("bone.{key} is {value}, but must lie between {min} and {max}: correct the pipeline file")]
    Param { key: &'static str, value: f64, min: f64, max: f64 },
    /// Neither 6 nor 26.
    #[error("bone.connectivity is {0}, but must be 6 (faces) or 26 (corners too): correct the pipeline file")]
    Connectivity(u32),
    /// A seed and a way to keep that do not belong together.
    #[error(
        "bone.keep is \"{keep}\" and bone.seed_lps_mm has {} numbers, but must have {needed}: a seed is three finite \
         numbers with keep = \"seed\" and [] with any other", found.len()
    )]
    Seed { keep: &'static str, found: Vec<f64>, needed: usize },
    /// The seed lies beyond the scan.
    #[error(
        "bone.seed_lps_mm {place:?} is voxel {index:?}, but the scan has {dims:?} voxels counted from 0: name a place \
         within the scan, in patient LPS mm"
    )]
    SeedOutside { place: [f64; 3], index: [f64; 3], dims: [usize; 3] },
    /// The seed is not on bone.
    #[error(
        "bone.seed_lps_mm {place:?} has {hu} HU, but bone has {level_hu} HU and more: name a place within the bone to keep"
    )]
    SeedNotBone { place: [f64; 3], hu: i16, level_hu: f64 },
    /// Otsu finds no bone.
    #[error(
        "Otsu's level is {level_hu} HU, but one between soft tissue and bone lies from {min} to {max} HU: this is no \
         head, or its values are not HU; look at the scan or use bone.select = \"fixed\""
    )]
    Otsu { level_hu: f64, min: f64, max: f64 },
    /// Nothing large enough.
    #[error(
        "the largest piece at or above {threshold_hu} HU has {largest_mm3:.0} mm3, but a skull has at least \
         {min_mm3} mm3: this is no head, or its values are not HU"
    )]
    NoBone { threshold_hu: f64, largest_mm3: f64, min_mm3: f64 },
    /// Nowhere an edge.
    #[error(
        "no boundary of the bone has a contrast of {min_hu} HU: the edge cannot be placed; check the scan's values \
         or lower bone.edge_contrast_hu_min"
    )]
    NoEdge { min_hu: f64 },
    /// The volume does not hold what its grid says.
    #[error("the volume holds {found} voxels, but its grid {expected}: a fault of the program that wrote it")]
    Size { found: usize, expected: usize },
    /// The user asked to stop.
    #[error("stopped on request while looking for bone; run again to go on")]
    Stopped,
}

/// The largest 26-connected piece at or above a level, and how many pieces there are: the selection alone, for
/// benchmarks beside other programs.
pub fn largest_piece(volume: &Volume, threshold_hu: f64) -> (Mask, usize) {
    let (found, kept) = select::largest(volume, threshold_hu);
    (Mask { grid: volume.grid.clone(), voxels: found.paint(&kept) }, found.pieces.len())
}

/// Selects the bone and places its edge.
///
/// # Errors
/// [`BoneError::NoBone`] when nothing is large enough, [`BoneError::NoEdge`] when nothing has contrast.
pub fn segment_bone(volume: &Volume, params: &BoneParams, watch: &dyn Watch) -> Result<Bone, BoneError> {
    let grid = &volume.grid;
    if volume.hu.len() != grid.len() {
        return Err(BoneError::Size { found: volume.hu.len(), expected: grid.len() });
    }
    watch.note("selecting bone");
    let selected = select::select(volume, params)?;
    let (mask, threshold_hu) = (selected.mask, selected.level_hu);
    watch.progress(1, 4);
    if watch.stopped() {
        return Err(BoneError::Stopped);
    }
    watch.note("placing the bone's edge");
    let edges = edge::samples(volume, &mask, params);
    let mut samples = level::Samples::new(grid, edges.samples);
    if samples.all.is_empty() {
        return Err(BoneError::NoEdge { min_hu: params.edge_contrast_hu_min });
    }
    watch.progress(2, 4);
    let thin = thin::Thinness::of(volume, &samples.all, edges.sigma_mm, threshold_hu, params.edge_reach_mm);
    samples.smooth(grid, params.level_smoothing_mm);
    let (thin, thin_finding) = thin.settle(volume, &mut samples, params);
    let [p5, p50, p95, shift_mm_per_50_hu] =
        offsets(volume, &samples.all, threshold_hu, params.edge_reach_mm);
    watch.progress(3, 4);
    if watch.stopped() {
        return Err(BoneError::Stopped);
    }
    let level_hu = samples.spread(grid, &mask, params.edge_reach_mm, threshold_hu as f32);
    watch.progress(4, 4);
    let (metal, metal_finding) = metal::metal(volume, &mask, params);
    let facts = BoneFacts {
        schema: "osteomill.bone/1".into(),
        threshold_hu,
        selection: selected.facts,
        kept_mm3: selected.kept_mm3,
        components: selected.components,
        dropped: selected.dropped,
        threshold_offset_mm_p5: p5,
        threshold_offset_mm_p50: p50,
        threshold_offset_mm_p95: p95,
        shift_mm_per_50_hu,
        metal,
        thin,
        findings: metal_finding.into_iter().chain(thin_finding).collect(),
    };
    Ok(Bone { mask, level_hu, facts })
}

/// How far outside the placed edge the threshold's level lies, 5th, 50th and 95th percentile, and the median way
/// its level moves for 50 HU; mm.
fn offsets(volume: &Volume, samples: &[edge::Sample], threshold: f64, reach: f64) -> [f64; 4] {
    let measured: Vec<(Option<f64>, Option<f64>)> = samples
        .par_iter()
        .step_by(MEASURED_EVERY)
        .map(|s| {
            let walker = edge::Walker::again(volume, s);
            let at = |hu: f64| walker.crossing_mm(hu, reach);
            let offset = at(threshold).zip(at(f64::from(s.level_hu))).map(|(t, l)| t - l);
            let shift = at(threshold - 25.0).zip(at(threshold + 25.0)).map(|(low, high)| low - high);
            (offset, shift)
        })
        .collect();
    let mut offset: Vec<f64> = measured.iter().filter_map(|m| m.0).collect();
    let mut shift: Vec<f64> = measured.iter().filter_map(|m| m.1).collect();
    offset.sort_by(f64::total_cmp);
    shift.sort_by(f64::total_cmp);
    // Nothing measured is not nothing off: NaN passes no check later.
    let percentile = |v: &[f64], p: f64| {
        if v.is_empty() { f64::NAN } else { v[((v.len() - 1) as f64 * p).round() as usize] }
    };
    [percentile(&offset, 0.05), percentile(&offset, 0.5), percentile(&offset, 0.95), percentile(&shift, 0.5)]
}

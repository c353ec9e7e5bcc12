//! Which voxels are bone: a level, the pieces above it, those that are kept, and what is closed.

use rayon::prelude::*;

use super::components::{Components, Connectivity};
use super::params::{BoneParams, Keep, Select};
use super::{BoneError, bits};
use crate::geometry::distance::distance_to;
use crate::model::{BoneSelection, DroppedPiece, Grid, Mask, Point, Volume};

/// The dropped pieces listed.
const DROPPED_LISTED: usize = 10;
/// Otsu's level outside these bounds is no border between soft tissue and bone; those of `bone.threshold_hu`.
const LEVEL_HU: [f64; 2] = [50.0, 2000.0];

/// What was selected.
pub struct Selected {
    pub mask: Mask,
    pub level_hu: f64,
    pub kept_mm3: f64,
    pub components: usize,
    pub dropped: Vec<DroppedPiece>,
    pub facts: BoneSelection,
}

/// The kept pieces above the level.
pub fn select(volume: &Volume, params: &BoneParams) -> Result<Selected, BoneError> {
    let grid = &volume.grid;
    let level_hu = match params.select {
        Select::Fixed => params.threshold_hu,
        Select::Otsu => otsu(volume, params)?,
    };
    let connectivity = if params.connectivity == 6 { Connectivity::Faces } else { Connectivity::Corners };
    let found = above(volume, connectivity, level_hu);
    let mm3 = |voxels: usize| voxels as f64 * grid.voxel_mm3();
    let kept: Vec<(u32, usize)> = match params.keep {
        Keep::Largest => found.pieces.iter().take(1).copied().collect(),
        Keep::Above => found.pieces.iter().copied().filter(|p| mm3(p.1) >= params.kept_mm3_min).collect(),
        Keep::Seed => {
            let root = seeded(volume, params, level_hu, &found)?;
            found.pieces.iter().copied().filter(|p| p.0 == root).collect()
        }
    };
    let largest = kept.first().or(found.pieces.first()).map_or(0, |p| p.1);
    if largest == 0 || mm3(largest) < params.kept_mm3_min {
        return Err(BoneError::NoBone {
            threshold_hu: level_hu,
            largest_mm3: mm3(largest),
            min_mm3: params.kept_mm3_min,
        });
    }
    let left: Vec<(u32, usize)> =
        found.pieces.iter().filter(|p| !kept.contains(p)).take(DROPPED_LISTED).copied().collect();
    let dropped = left
        .iter()
        .zip(found.middles(&left))
        .map(|(p, m)| DroppedPiece { volume_mm3: mm3(p.1), centroid_lps_mm: grid.patient_from_index(m) })
        .collect();
    let roots: Vec<u32> = kept.iter().map(|p| p.0).collect();
    let mut mask = Mask { grid: grid.clone(), voxels: found.paint(&roots) };
    let added = if params.closing_mm > 0.0 { close(&mut mask, params.closing_mm) } else { 0 };
    Ok(Selected {
        mask,
        level_hu,
        kept_mm3: mm3(kept.iter().map(|p| p.1).sum::<usize>() + added),
        components: found.pieces.len(),
        dropped,
        facts: BoneSelection {
            select: params.select.name().into(),
            connectivity: params.connectivity,
            keep: params.keep.name().into(),
            kept_pieces: kept.len(),
            closed_mm3: mm3(added),
        },
    })
}

/// The pieces at or above a level.
fn above(volume: &Volume, connectivity: Connectivity, level_hu: f64) -> Components {
    let ni = volume.grid.dims[0];
    // A whole number is at or above the level when at or above the next whole number; a level beyond those a voxel
    // can hold ends at their limit.
    let at_least = level_hu.ceil() as i16;
    Components::find(&volume.grid, connectivity, |row, words| {
        bits::pack(&volume.hu[row * ni..][..ni], words, |hu| hu >= at_least);
    })
}

/// The pieces at or above a level, and the root of the largest.
pub fn largest(volume: &Volume, level_hu: f64) -> (Components, Vec<u32>) {
    let found = above(volume, Connectivity::Corners, level_hu);
    let kept = found.pieces.iter().take(1).map(|p| p.0).collect();
    (found, kept)
}

/// Root of the piece in which the seed lies.
fn seeded(volume: &Volume, params: &BoneParams, level_hu: f64, found: &Components) -> Result<u32, BoneError> {
    let grid = &volume.grid;
    let place: [f64; 3] =
        params.seed_lps_mm.as_slice().try_into().expect("checked: a seed has three numbers");
    let index = grid.index_from_patient(Point::new(place)).map(f64::round);
    if (0..3).any(|a| !(index[a] >= 0.0 && index[a] < grid.dims[a] as f64)) {
        return Err(BoneError::SeedOutside { place, index, dims: grid.dims });
    }
    let ijk = index.map(|x| x as usize);
    let hu = volume.hu[grid.at(ijk[0], ijk[1], ijk[2])];
    found.root_at(ijk).ok_or(BoneError::SeedNotBone { place, hu, level_hu })
}

/// Otsu, "A Threshold Selection Method from Gray-Level Histograms", IEEE Trans. SMC 9(1), 1979: the level that parts
/// the values above `otsu_above_hu` (air and lung beside the head say nothing about bone) and up to `metal_hu` into
/// the two classes farthest apart.
fn otsu(volume: &Volume, params: &BoneParams) -> Result<f64, BoneError> {
    let from = params.otsu_above_hu.ceil() as i16;
    let to = params.metal_hu.min(f64::from(i16::MAX)) as i16;
    let bins = (i32::from(to) - i32::from(from) + 1).max(0) as usize;
    let counts = volume
        .hu
        .par_chunks(1 << 20)
        .map(|part| {
            let mut counts = vec![0u64; bins];
            for &hu in part.iter().filter(|hu| (from..=to).contains(hu)) {
                counts[(i32::from(hu) - i32::from(from)) as usize] += 1;
            }
            counts
        })
        .reduce(|| vec![0; bins], |a, b| a.iter().zip(&b).map(|(a, b)| a + b).collect());
    let all: u64 = counts.iter().sum();
    let weighted = |n: usize| n as f64 * counts[n] as f64;
    let total: f64 = (0..bins).map(weighted).sum();
    // Where no voxel has a value between the classes all levels between are as good: the middle one.
    let (mut below, mut below_sum, mut best, mut levels) = (0u64, 0.0, 0.0, None);
    for n in 1..bins {
        below += counts[n - 1];
        below_sum += weighted(n - 1);
        let above = all - below;
        if below > 0 && above > 0 {
            let apart = below_sum / below as f64 - (total - below_sum) / above as f64;
            let between = below as f64 * above as f64 * apart * apart;
            if between > best {
                (best, levels) = (between, Some((n, n)));
            } else if let Some((_, last)) = levels.as_mut().filter(|l| between == best && l.1 + 1 == n) {
                *last = n;
            }
        }
    }
    let level_hu = levels.map_or(f64::NAN, |(a, b)| f64::from(from) + ((a + b) / 2) as f64);
    if (LEVEL_HU[0]..=LEVEL_HU[1]).contains(&level_hu) {
        Ok(level_hu)
    } else {
        Err(BoneError::Otsu { level_hu, min: LEVEL_HU[0], max: LEVEL_HU[1] })
    }
}

/// Adds what no ball of this radius can reach without meeting the mask (by exact distances, whatever the spacing);
/// returns how many voxels. Beyond the grid nothing is known and nothing is taken away.
fn close(mask: &mut Mask, radius_mm: f64) -> usize {
    let Some((first, dims)) = box_about(mask, radius_mm) else { return 0 };
    let grid = mask.grid.clone();
    let place = |at: usize| {
        let [i, j, k] = [at % dims[0], at / dims[0] % dims[1], at / dims[0] / dims[1]];
        grid.at(first[0] + i, first[1] + j, first[2] + k)
    };
    // A thousandth of a micrometre, so that a voxel at the radius itself does not hang on rounding.
    let radius = (radius_mm + 1e-6) as f32;
    let to_mask = distance_to(dims, grid.spacing_mm, |at| mask.voxels[place(at)] != 0);
    let to_rest = distance_to(dims, grid.spacing_mm, |at| to_mask[at] > radius);
    let mut added = 0;
    for (at, &d) in to_rest.iter().enumerate() {
        let voxel = &mut mask.voxels[place(at)];
        if d > radius && *voxel == 0 {
            *voxel = 1;
            added += 1;
        }
    }
    added
}

/// First voxel and size of the box that holds the mask and twice the radius about it, within the grid.
fn box_about(mask: &Mask, radius_mm: f64) -> Option<([usize; 3], [usize; 3])> {
    let grid: &Grid = &mask.grid;
    let (mut lo, mut hi) = ([usize::MAX; 3], [0; 3]);
    for at in (0..mask.voxels.len()).filter(|&at| mask.voxels[at] != 0) {
        let c = grid.ijk(at);
        lo = std::array::from_fn(|a| lo[a].min(c[a]));
        hi = std::array::from_fn(|a| hi[a].max(c[a]));
    }
    (lo[0] != usize::MAX).then(|| {
        let margin = |a: usize| (2.0 * radius_mm / grid.spacing_mm[a]).ceil() as usize + 1;
        let first: [usize; 3] = std::array::from_fn(|a| lo[a].saturating_sub(margin(a)));
        (first, std::array::from_fn(|a| (hi[a] + margin(a)).min(grid.dims[a] - 1) + 1 - first[a]))
    })
}

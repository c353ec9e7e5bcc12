//! Metal among the bone: how much, where the largest piece lies, and how much of the bone is near it.

use super::components::{Components, Connectivity};
use super::params::BoneParams;
use crate::model::{BoneMetal, Finding, Mask, Severity, Volume};

/// Streaks run within the slice; farther than this from the metal they are weak. A guess from pictures of fillings.
const NEAR_MM: f64 = 20.0;

/// What is above `metal_hu` in the mask, and the finding it makes.
pub fn metal(volume: &Volume, mask: &Mask, params: &BoneParams) -> (BoneMetal, Option<Finding>) {
    let grid = &volume.grid;
    let [ni, nj, nk] = grid.dims;
    let found = Components::find(grid, Connectivity::Corners, |row, words| {
        let (hu, bone) = (&volume.hu[row * ni..][..ni], &mask.voxels[row * ni..][..ni]);
        // Rare: most rows hold none and are passed over by one look at their values.
        for i in (0..ni).filter(|&i| f64::from(hu[i]) > params.metal_hu && bone[i] != 0) {
            words[i / 64] |= 1 << (i % 64);
        }
    });
    let Some(&largest) = found.pieces.first() else { return (BoneMetal::default(), None) };
    let mm3 = |voxels: usize| voxels as f64 * grid.voxel_mm3();
    let volume_mm3 = mm3(found.pieces.iter().map(|p| p.1).sum());
    let centre = grid.patient_from_index(found.middles(&[largest])[0]);
    let roots: Vec<u32> = found.pieces.iter().map(|p| p.0).collect();
    let metal = found.paint(&roots);
    let margin = [0, 1].map(|a| (NEAR_MM / grid.spacing_mm[a]).ceil() as usize);
    let (mut near, mut all, mut top_mm) = (0usize, 0usize, f64::NEG_INFINITY);
    for k in 0..nk {
        let (mut lo, mut hi) = ([usize::MAX; 2], [0; 2]);
        for at in (grid.at(0, 0, k)..grid.at(0, 0, k) + ni * nj).filter(|&at| metal[at] != 0) {
            let c = grid.ijk(at);
            lo = [lo[0].min(c[0]), lo[1].min(c[1])];
            hi = [hi[0].max(c[0]), hi[1].max(c[1])];
        }
        for j in 0..nj {
            let first = grid.at(0, j, k);
            let row = &mask.voxels[first..first + ni];
            let bone = row.iter().filter(|&&v| v != 0).count();
            all += bone;
            if bone > 0 {
                let i = row.iter().position(|&v| v != 0).expect("there is one") as f64;
                top_mm = top_mm.max(grid.patient_from_index([i, j as f64, k as f64]).mm[2]);
            }
            if lo[0] <= hi[0] && j + margin[1] >= lo[1] && j <= hi[1] + margin[1] {
                let (from, to) = (lo[0].saturating_sub(margin[0]), (hi[0] + margin[0] + 1).min(ni));
                near += row[from..to].iter().filter(|&&v| v != 0).count();
            }
        }
    }
    let facts = BoneMetal {
        volume_mm3,
        pieces: found.pieces.len(),
        largest_mm3: mm3(largest.1),
        largest_lps_mm: Some(centre),
        below_top_mm: top_mm - centre.mm[2],
        near_share: near as f64 / all as f64,
    };
    let finding = (volume_mm3 > params.metal_mm3_max).then(|| {
        let message = format!(
            "{volume_mm3:.1} mm3 of the bone lie above {} HU (limit {} mm3): a filling, screw or plate counts as \
             bone here and raises the level of the edge about it; look at the surface near it. Pieces: {}, the \
             largest {:.1} mm3 and {:.0} mm below the top of the bone; {:.1} % of the bone lie in its slices within \
             {NEAR_MM} mm, where streaks may run",
            params.metal_hu,
            params.metal_mm3_max,
            facts.pieces,
            facts.largest_mm3,
            facts.below_top_mm,
            100.0 * facts.near_share,
        );
        Finding::new("metal-in-bone", Severity::Review, message)
            .measured(volume_mm3, params.metal_mm3_max, "mm3")
            .at(centre.mm)
    });
    (facts, finding)
}

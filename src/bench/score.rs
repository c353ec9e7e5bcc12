//! The measures of a filling: overlap, border overlap, surface distance; tables and rim against the truth.
//!
//! **Method** Dice, border Dice within 10 mm of the remaining bone and the 95th percentile of the surface distances of
//! both directions together, in mm, as the AutoImplant challenges' code has them (surface: voxels that a 6-neighbour
//! erosion takes away, the grid's border counted as outside; percentile by linear interpolation).

use crate::geometry::distance::distance_to;
use crate::model::Grid;

/// Border Dice counts what lies this near to the remaining bone, mm.
pub const BORDER_MM: f64 = 10.0;

/// Overlap and distance of two masks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overlap {
    /// Dice.
    pub dice: f64,
    /// Dice within 10 mm of the remaining bone.
    pub bdice: f64,
    /// 95th percentile of the pooled surface distances, mm; NaN without a filling.
    pub hd95_mm: f64,
}

/// A box of a grid's voxels.
struct Crop {
    low: [usize; 3],
    dims: [usize; 3],
}

impl Crop {
    fn around(grid: &Grid, sets: [&[u32]; 2], margin_mm: f64) -> Self {
        let (mut low, mut high) = ([usize::MAX; 3], [0usize; 3]);
        for &at in sets.iter().flat_map(|s| s.iter()) {
            let ijk = grid.ijk(at as usize);
            for a in 0..3 {
                low[a] = low[a].min(ijk[a]);
                high[a] = high[a].max(ijk[a]);
            }
        }
        for a in 0..3 {
            let margin = (margin_mm / grid.spacing_mm[a]).ceil() as usize + 1;
            low[a] = low[a].saturating_sub(margin);
            high[a] = (high[a] + margin).min(grid.dims[a] - 1);
        }
        Self { low, dims: std::array::from_fn(|a| high[a] + 1 - low[a]) }
    }

    fn len(&self) -> usize {
        self.dims.iter().product()
    }

    fn of_grid(&self, grid: &Grid, at: usize) -> usize {
        let (i, rest) = (at % self.dims[0], at / self.dims[0]);
        let (j, k) = (rest % self.dims[1], rest / self.dims[1]);
        grid.at(i + self.low[0], j + self.low[1], k + self.low[2])
    }

    fn paint(&self, grid: &Grid, set: &[u32]) -> Vec<bool> {
        let mut out = vec![false; self.len()];
        for &at in set {
            let [i, j, k] = grid.ijk(at as usize);
            let (i, j, k) = (i - self.low[0], j - self.low[1], k - self.low[2]);
            out[(k * self.dims[1] + j) * self.dims[0] + i] = true;
        }
        out
    }

    /// Voxels of `set` with a neighbour across a face that is not of it.
    fn surface(&self, set: &[bool]) -> Vec<bool> {
        let [ni, nj, nk] = self.dims;
        (0..set.len())
            .map(|at| {
                let (i, rest) = (at % ni, at / ni);
                let (j, k) = (rest % nj, rest / nj);
                let whole = i > 0
                    && j > 0
                    && k > 0
                    && i + 1 < ni
                    && j + 1 < nj
                    && k + 1 < nk
                    && set[at - 1]
                    && set[at + 1]
                    && set[at - ni]
                    && set[at + ni]
                    && set[at - ni * nj]
                    && set[at + ni * nj];
                set[at] && !whole
            })
            .collect()
    }
}

/// Compares a filling with the piece that was cut out; `remaining(at)` holds for bone that is left.
pub fn overlap(
    grid: &Grid,
    filled: &[u32],
    piece: &[u32],
    remaining: impl Fn(usize) -> bool + Sync,
) -> Overlap {
    let crop = Crop::around(grid, [filled, piece], BORDER_MM);
    let (p, t) = (crop.paint(grid, filled), crop.paint(grid, piece));
    let to_bone = distance_to(crop.dims, grid.spacing_mm, |at| !t[at] && remaining(crop.of_grid(grid, at)));
    let dice = |near: &dyn Fn(usize) -> bool| {
        let (mut both, mut sum) = (0usize, 0usize);
        for at in (0..p.len()).filter(|&at| near(at)) {
            both += usize::from(p[at] && t[at]);
            sum += usize::from(p[at]) + usize::from(t[at]);
        }
        2.0 * both as f64 / sum.max(1) as f64
    };
    let hd95_mm = if filled.is_empty() || piece.is_empty() {
        f64::NAN
    } else {
        let (sp, st) = (crop.surface(&p), crop.surface(&t));
        let (to_p, to_t) = (
            distance_to(crop.dims, grid.spacing_mm, |at| sp[at]),
            distance_to(crop.dims, grid.spacing_mm, |at| st[at]),
        );
        let mut all: Vec<f64> = (0..p.len())
            .flat_map(|at| [sp[at].then(|| f64::from(to_t[at])), st[at].then(|| f64::from(to_p[at]))])
            .flatten()
            .collect();
        all.sort_by(f64::total_cmp);
        percentile(&all, 95.0)
    };
    Overlap { dice: dice(&|_| true), bdice: dice(&|at| f64::from(to_bone[at]) <= BORDER_MM), hd95_mm }
}

/// Percentile of sorted values by linear interpolation, as numpy has it; NaN of none.
pub fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let x = percent / 100.0 * last as f64;
    let low = (x as usize).min(last);
    let high = (low + 1).min(last);
    sorted[low] + (sorted[high] - sorted[low]) * (x - low as f64)
}

/// Mean, root mean square, 95th percentile and largest of the sizes of errors; NaN of none.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct Errors {
    /// Mean size.
    pub mean: f64,
    /// Root mean square.
    pub rms: f64,
    /// 95th percentile of the sizes.
    pub p95: f64,
    /// Largest size.
    pub max: f64,
}

impl Errors {
    /// Of signed errors.
    pub fn of(errors: &[f64]) -> Self {
        let mut sizes: Vec<f64> = errors.iter().map(|e| e.abs()).collect();
        sizes.sort_by(f64::total_cmp);
        let n = sizes.len() as f64;
        Self {
            mean: sizes.iter().sum::<f64>() / n,
            rms: (sizes.iter().map(|e| e * e).sum::<f64>() / n).sqrt(),
            p95: percentile(&sizes, 95.0),
            max: sizes.last().copied().unwrap_or(f64::NAN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Dir, Point};

    fn grid() -> Grid {
        Grid {
            dims: [40, 30, 20],
            spacing_mm: [0.5, 0.5, 1.0],
            origin_lps_mm: Point::new([0.0; 3]),
            axes_lps: [Dir::new([1.0, 0.0, 0.0]), Dir::new([0.0, 1.0, 0.0]), Dir::new([0.0, 0.0, 1.0])],
        }
    }

    fn block(g: &Grid, i: std::ops::Range<usize>) -> Vec<u32> {
        let mut out = Vec::new();
        for k in 5..10 {
            for j in 5..15 {
                out.extend(i.clone().map(|i| g.at(i, j, k) as u32));
            }
        }
        out.sort_unstable();
        out
    }

    #[test]
    fn a_block_moved_by_two_voxels_has_the_dice_and_distance_of_two_voxels() {
        let g = grid();
        let (a, b) = (block(&g, 5..15), block(&g, 7..17));
        let o = overlap(&g, &a, &b, |_| false);
        assert!((o.dice - 0.8).abs() < 1e-12);
        assert_eq!(o.bdice, 0.0);
        assert!((o.hd95_mm - 1.0).abs() < 1e-6, "{}", o.hd95_mm);
        let same = overlap(&g, &a, &a, |_| true);
        assert_eq!((same.dice, same.bdice, same.hd95_mm), (1.0, 1.0, 0.0));
    }

    #[test]
    fn the_percentile_is_that_of_numpy() {
        // numpy.percentile([1, 2, 4, 8], 95) = 7.4
        assert!((percentile(&[1.0, 2.0, 4.0, 8.0], 95.0) - 7.4).abs() < 1e-12);
    }
}

//! What the findings ask of every voxel, gathered slice by slice while a slice is at hand.
//!
//! **In** the HU of one slice, where the scanner padded it. **Out** its lowest and highest value, its sums over coarse
//! cells, its voxels of metal and those of bone that look out of the measured field.
//! **Why** a scan of 400 slices is 210 MB; passing over it once for each question takes longer than reading it.

use rayon::prelude::*;

use super::params::ScanParams;
use crate::model::{Grid, Volume};

/// Edge of a cell, mm. A table is as thick; a skull stays one piece.
const CELL_MM: f64 = 2.5;

/// The questions, the same for every slice of a grid.
pub struct Gauge {
    columns: usize,
    rows: usize,
    /// Voxels in a cell along i, j, k.
    pub factor: [usize; 3],
    /// Cells along i, j, k; a rest narrower than a cell is left out.
    pub cells: [usize; 3],
    /// The lowest whole HU of bone, and of metal.
    bone: i32,
    metal: i32,
}

/// What one slice answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Digest {
    /// Lowest and highest HU.
    pub range: [i16; 2],
    /// Sum of HU over the columns and rows of every cell, i fastest.
    pub sums: Vec<i64>,
    /// Offsets in the slice above the level of metal, rising.
    pub metal: Vec<u32>,
    /// Offsets of bone at the slice's border or beside padding, rising; true where it looks out along i.
    pub border: Vec<(u32, bool)>,
}

impl Gauge {
    /// The questions for a grid.
    pub fn new(grid: &Grid, params: &ScanParams) -> Self {
        let factor: [usize; 3] = std::array::from_fn(|a| {
            ((CELL_MM / grid.spacing_mm[a]).round() as usize).max(1).min(grid.dims[a])
        });
        Self {
            columns: grid.dims[0],
            rows: grid.dims[1],
            factor,
            cells: std::array::from_fn(|a| (grid.dims[a] / factor[a]).max(1)),
            // A float becomes the nearest i32 there is.
            bone: params.bone_hu.ceil() as i32,
            metal: (params.metal_hu.floor() as i32).saturating_add(1),
        }
    }

    /// Asks one slice. `padding_hu`: at or below it nothing was measured.
    pub fn ask(&self, hu: &[i16], padding_hu: Option<i32>) -> Digest {
        let (ni, nj) = (self.columns, self.rows);
        let [fi, fj, _] = self.factor;
        let width = self.cells[0] * fi;
        let (mut lowest, mut highest) = (i16::MAX, i16::MIN);
        let mut sums = vec![0i64; self.cells[0] * self.cells[1]];
        let (mut metal, mut border) = (Vec::new(), Vec::new());
        let mut columns = vec![0i32; width];
        for j in 0..nj {
            let row = &hu[j * ni..(j + 1) * ni];
            let (low, high) = row.iter().fold((i16::MAX, i16::MIN), |(l, h), &v| (l.min(v), h.max(v)));
            (lowest, highest) = (lowest.min(low), highest.max(high));
            // Down the columns first, which is quick, then across.
            columns.iter_mut().zip(row).for_each(|(c, &v)| *c += i32::from(v));
            if (j + 1) % fj == 0 && j / fj < self.cells[1] {
                let out = &mut sums[j / fj * self.cells[0]..][..self.cells[0]];
                out.iter_mut()
                    .zip(columns.chunks_exact(fi))
                    .for_each(|(o, c)| *o = c.iter().map(|&c| i64::from(c)).sum());
                columns.fill(0);
            }
            if i32::from(high) >= self.metal {
                metal.extend(
                    (0..ni).filter(|&i| i32::from(row[i]) >= self.metal).map(|i| (j * ni + i) as u32),
                );
            }
            if i32::from(high) >= self.bone {
                self.look_out(hu, j, padding_hu, &mut border);
            }
        }
        Digest { range: [lowest, highest], sums, metal, border }
    }

    /// Bone of row `j` that looks out of the measured field.
    fn look_out(&self, hu: &[i16], j: usize, padding_hu: Option<i32>, border: &mut Vec<(u32, bool)>) {
        let (ni, nj) = (self.columns, self.rows);
        let row = &hu[j * ni..(j + 1) * ni];
        let outside = |v: i16| padding_hu.is_some_and(|p| i32::from(v) <= p);
        let mut look = |i: usize| {
            if i32::from(row[i]) < self.bone {
                return;
            }
            let across_i = i == 0 || i + 1 == ni || outside(row[i - 1]) || outside(row[i + 1]);
            let across_j =
                || j == 0 || j + 1 == nj || outside(hu[(j - 1) * ni + i]) || outside(hu[(j + 1) * ni + i]);
            if across_i || across_j() {
                border.push(((j * ni + i) as u32, across_i));
            }
        };
        if j == 0 || j + 1 == nj {
            (0..ni).for_each(look);
            return;
        }
        let (above, below) = (&hu[(j - 1) * ni..j * ni], &hu[(j + 1) * ni..(j + 2) * ni]);
        // Nearly every row has none, which the processor sees many pixels at a time.
        let any = padding_hu.is_some() && ni > 2 && {
            let lanes = row[1..ni - 1].iter().zip(&row[..ni - 2]).zip(&row[2..]);
            let lanes = lanes.zip(&above[1..ni - 1]).zip(&below[1..ni - 1]);
            let (bone, padding) = (clamped(self.bone), clamped(padding_hu.unwrap_or(i32::MIN)));
            lanes.fold(0u16, |any, ((((&v, &l), &r), &a), &b)| {
                any | u16::from((v >= bone) & (l.min(r).min(a.min(b)) <= padding))
            }) != 0
        };
        if any {
            (0..ni).for_each(look);
        } else {
            look(0);
            if ni > 1 {
                look(ni - 1);
            }
        }
    }
}

fn clamped(hu: i32) -> i16 {
    hu.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

/// Asks every slice of a volume in which nothing is padding.
pub fn digests(volume: &Volume, params: &ScanParams) -> Vec<Digest> {
    let gauge = Gauge::new(&volume.grid, params);
    let area = volume.grid.dims[0] * volume.grid.dims[1];
    volume.hu.par_chunks(area).map(|slice| gauge.ask(slice, None)).collect()
}

/// Lowest and highest HU of all.
pub fn range(digests: &[Digest]) -> [i16; 2] {
    digests.iter().fold([i16::MAX, i16::MIN], |[l, h], d| [l.min(d.range[0]), h.max(d.range[1])])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Dir, Point};

    #[test]
    fn a_slice_answers_as_its_voxels_do_one_by_one() {
        #[derive(serde::Deserialize)]
        struct File {
            scan: ScanParams,
        }
        let file: File = toml::from_str(include_str!("../../pipelines/cranial-peek.toml")).unwrap();
        let grid = Grid {
            dims: [37, 23, 2],
            spacing_mm: [0.6, 0.9, 1.0],
            origin_lps_mm: Point::new([0.0; 3]),
            axes_lps: [Dir::new([1.0, 0.0, 0.0]), Dir::new([0.0, 1.0, 0.0]), Dir::new([0.0, 0.0, 1.0])],
        };
        let (ni, nj) = (grid.dims[0], grid.dims[1]);
        let gauge = Gauge::new(&grid, &file.scan);
        let mut seed = 1u64;
        let hu: Vec<i16> = (0..ni * nj)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                [-2000, -1000, 40, 299, 300, 1200, 3071, 3072][(seed >> 61) as usize]
            })
            .collect();
        for padding_hu in [None, Some(-2000), Some(-1500)] {
            let d = gauge.ask(&hu, padding_hu);
            let bone = |n: usize| f64::from(hu[n]) >= file.scan.bone_hu;
            let outside = |n: usize| padding_hu.is_some_and(|p| i32::from(hu[n]) <= p);
            let border: Vec<(u32, bool)> = (0..ni * nj)
                .filter_map(|n| {
                    let (i, j) = (n % ni, n / ni);
                    let across_i = i == 0 || i + 1 == ni || outside(n - 1) || outside(n + 1);
                    let across_j = j == 0 || j + 1 == nj || outside(n - ni) || outside(n + ni);
                    (bone(n) && (across_i || across_j)).then_some((n as u32, across_i))
                })
                .collect();
            assert_eq!(d.border, border);
            let metal = (0..ni * nj).filter(|&n| f64::from(hu[n]) > file.scan.metal_hu);
            assert_eq!(d.metal, metal.map(|n| n as u32).collect::<Vec<_>>());
            assert_eq!(d.range, [-2000, 3072]);
            let [fi, fj, _] = gauge.factor;
            assert_eq!((fi, fj), (4, 3));
            for (at, &sum) in d.sums.iter().enumerate() {
                let (ci, cj) = (at % gauge.cells[0], at / gauge.cells[0]);
                let voxels =
                    (cj * fj..(cj + 1) * fj).flat_map(|j| (ci * fi..(ci + 1) * fi).map(move |i| j * ni + i));
                assert_eq!(sum, voxels.map(|n| i64::from(hu[n])).sum::<i64>());
            }
        }
    }
}

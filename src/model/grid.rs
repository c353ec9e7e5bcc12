//! Voxel grids: where a count of voxels lies in the patient.

use nalgebra::{Matrix3, Vector3};
use serde::{Deserialize, Serialize};

use super::frame::{Dir, Patient, Point};

/// A regular grid in the patient. Voxel `[0, 0, 0]` means its centre; `i` runs fastest in memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Grid {
    /// Voxels along i, j, k.
    pub dims: [usize; 3],
    /// Centre-to-centre distance along i, j, k, mm.
    pub spacing_mm: [f64; 3],
    /// Centre of voxel `[0, 0, 0]`.
    pub origin_lps_mm: Point<Patient>,
    /// Directions in which i, j, k grow: orthonormal, of either handedness.
    pub axes_lps: [Dir<Patient>; 3],
}

impl Grid {
    /// Number of voxels.
    pub fn len(&self) -> usize {
        self.dims.iter().product()
    }

    /// True when an axis has no voxel.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Place in memory of voxel `[i, j, k]`.
    #[inline]
    pub fn at(&self, i: usize, j: usize, k: usize) -> usize {
        (k * self.dims[1] + j) * self.dims[0] + i
    }

    /// Voxel `[i, j, k]` of a place in memory.
    #[inline]
    pub fn ijk(&self, at: usize) -> [usize; 3] {
        let i = at % self.dims[0];
        let rest = at / self.dims[0];
        [i, rest % self.dims[1], rest / self.dims[1]]
    }

    /// Columns: one voxel step along i, j, k in patient mm.
    pub fn step_matrix(&self) -> Matrix3<f64> {
        let c: [Vector3<f64>; 3] = std::array::from_fn(|a| self.axes_lps[a].v() * self.spacing_mm[a]);
        Matrix3::from_columns(&c)
    }

    /// Patient place of a continuous index.
    #[inline]
    pub fn patient_from_index(&self, ijk: [f64; 3]) -> Point<Patient> {
        let mut p = self.origin_lps_mm.mm;
        for (a, &index) in ijk.iter().enumerate() {
            let step_mm = index * self.spacing_mm[a];
            for (x, u) in p.iter_mut().zip(self.axes_lps[a].unit) {
                *x += step_mm * u;
            }
        }
        Point::new(p)
    }

    /// Continuous index of a patient place.
    #[inline]
    pub fn index_from_patient(&self, p: Point<Patient>) -> [f64; 3] {
        let o = self.origin_lps_mm.mm;
        let d = [p.mm[0] - o[0], p.mm[1] - o[1], p.mm[2] - o[2]];
        std::array::from_fn(|a| {
            let u = self.axes_lps[a].unit;
            (d[0] * u[0] + d[1] * u[1] + d[2] * u[2]) / self.spacing_mm[a]
        })
    }

    /// Volume of one voxel, mm³.
    pub fn voxel_mm3(&self) -> f64 {
        self.spacing_mm.iter().product()
    }

    /// +1 where i, j, k form a right-handed triple in the patient, −1 where not.
    pub fn handedness(&self) -> f64 {
        self.step_matrix().determinant().signum()
    }
}

/// CT values on a grid.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Volume {
    /// Where the voxels lie.
    pub grid: Grid,
    /// Hounsfield units, rounded to whole numbers, `i` fastest.
    pub hu: Vec<i16>,
}

impl Volume {
    /// HU at a continuous index, trilinear; the border value outside.
    #[inline]
    pub fn hu_at_index(&self, ijk: [f64; 3]) -> f64 {
        trilinear(&self.grid, ijk, |at| f64::from(self.hu[at]))
    }

    /// HU at a patient place, trilinear; the border value outside.
    pub fn hu_at(&self, p: Point<Patient>) -> f64 {
        self.hu_at_index(self.grid.index_from_patient(p))
    }
}

/// Trilinear value at a continuous index of whatever `value` holds per voxel; clamped at the border.
#[inline]
pub fn trilinear(grid: &Grid, ijk: [f64; 3], value: impl Fn(usize) -> f64) -> f64 {
    let mut base = [0usize; 3];
    let mut t = [0f64; 3];
    for a in 0..3 {
        let top = (grid.dims[a] - 1) as f64;
        let x = ijk[a].clamp(0.0, top);
        let b = (x.floor() as usize).min(grid.dims[a].saturating_sub(2));
        base[a] = b;
        t[a] = x - b as f64;
    }
    let step = |a: usize| usize::from(grid.dims[a] > 1);
    let mut sum = 0.0;
    for dk in 0..2 {
        for dj in 0..2 {
            for di in 0..2 {
                let w = (if di == 1 { t[0] } else { 1.0 - t[0] })
                    * (if dj == 1 { t[1] } else { 1.0 - t[1] })
                    * (if dk == 1 { t[2] } else { 1.0 - t[2] });
                if w != 0.0 {
                    let at = grid.at(base[0] + di * step(0), base[1] + dj * step(1), base[2] + dk * step(2));
                    sum += w * value(at);
                }
            }
        }
    }
    sum
}

/// A yes or no for every voxel of a grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mask {
    /// Where the voxels lie.
    pub grid: Grid,
    /// 1 inside, 0 outside, `i` fastest.
    pub voxels: Vec<u8>,
}

impl Mask {
    /// A mask with nothing in it.
    pub fn empty(grid: Grid) -> Self {
        let n = grid.len();
        Self { grid, voxels: vec![0; n] }
    }

    /// Number of voxels inside.
    pub fn count(&self) -> usize {
        self.voxels.iter().filter(|&&v| v != 0).count()
    }

    /// Volume inside, mm³.
    pub fn volume_mm3(&self) -> f64 {
        self.count() as f64 * self.grid.voxel_mm3()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oblique() -> Grid {
        Grid {
            dims: [4, 5, 6],
            spacing_mm: [0.5, 0.6, 1.5],
            origin_lps_mm: Point::new([1.0, -2.0, 3.0]),
            axes_lps: [Dir::new([0.0, -1.0, 0.0]), Dir::new([1.0, 0.0, 0.0]), Dir::new([0.0, 0.0, 1.0])],
        }
    }

    #[test]
    fn index_and_place_are_inverse() {
        let g = oblique();
        let p = g.patient_from_index([1.25, 2.5, 3.75]);
        let back = g.index_from_patient(p);
        for (a, b) in back.iter().zip([1.25, 2.5, 3.75]) {
            assert!((a - b).abs() < 1e-12);
        }
        assert_eq!(g.ijk(g.at(3, 4, 5)), [3, 4, 5]);
    }

    #[test]
    fn trilinear_reproduces_a_linear_field() {
        let g = oblique();
        let hu: Vec<i16> = (0..g.len())
            .map(|at| {
                let [i, j, k] = g.ijk(at);
                (10 * i + 100 * j + 1000 * k) as i16
            })
            .collect();
        let v = Volume { grid: g, hu };
        assert!((v.hu_at_index([0.5, 1.5, 2.5]) - 2655.0).abs() < 1e-9);
    }
}

//! A skull that is whole, and what is known of it: the truth that a cut's filling is held against.
//!
//! Nothing here asks the reconstruction where bone is, but for the middle of the head and the vault's rough form, by
//! which one of several bones on a ray is told from another.

use nalgebra::Vector3;
use rayon::prelude::*;

use super::BenchError;
use crate::bone::{BoneParams, segment_bone};
use crate::geometry::distance::distance_to;
use crate::implant::missing::{Method, MissingParams, Vault, fill_each_way};
use crate::model::{Bone, Cell, Dir, Grid, Patch, Point, Silent, Volume, trilinear};
use crate::phantom::Phantom;

/// Gaps between tables up to twice this are marrow or a fine slit and belong to the bone that is missing, mm.
const CLOSING_MM: f64 = 3.0;
/// Rays begin and end here, mm from the middle of the head.
const RAY_MM: (f64, f64) = (25.0, 140.0);
const RAY_STEP_MM: f64 = 0.2;
/// Darker is air, HU.
const AIR_HU: f64 = -300.0;
/// Blur where a scan's own is not known, mm.
const BLUR_MM: f64 = 1.0;

/// How a skull came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A scan, mask or mesh of a real skull.
    Real,
    /// A formula.
    Phantom,
}

/// A whole skull.
pub struct Skull {
    /// As the tables name it; no patient's name.
    pub name: String,
    /// Real or a formula.
    pub kind: Kind,
    /// The scan.
    pub volume: Volume,
    /// Its bone as the chain sees it.
    pub bone: Bone,
    /// One where bone is or marrow, fine gaps closed.
    pub solid: Vec<u8>,
    /// Where its vault lies.
    pub vault: Vault,
    /// Middles of the defects that the chain finds although nothing was cut, patient LPS mm.
    pub before: Vec<Vector3<f64>>,
    /// Full width at half maximum of the blur, mm.
    pub blur_mm: f64,
    /// HU and noise (standard deviation) of what lies inside the head.
    pub medium_hu: f64,
    /// Noise, HU.
    pub noise_hu: f64,
    phantom: Option<Phantom>,
}

impl Skull {
    /// Measures a whole skull. `phantom` gives the exact truth where there is one.
    ///
    /// # Errors
    /// [`BenchError`] naming the skull when no bone or no vault is found.
    pub fn new(
        name: String,
        volume: Volume,
        blur_mm: Option<f64>,
        phantom: Option<Phantom>,
        bone_params: &BoneParams,
        params: &MissingParams,
    ) -> Result<Self, BenchError> {
        let failed =
            |e: &dyn std::fmt::Display| BenchError::Skull { skull: name.clone(), reason: e.to_string() };
        let bone = segment_bone(&volume, bone_params, &Silent).map_err(|e| failed(&e))?;
        let vault = Vault::of(&volume, &bone, params).map_err(|e| failed(&e))?;
        let before = fill_each_way(&volume, &bone, None, params, &[Method::ThinPlate], &[])
            .map_err(|e| failed(&e))?
            .into_iter()
            .flatten()
            .map(|v| middle(&volume.grid, &v.voxels))
            .collect();
        let mut skull = Self {
            name,
            kind: if phantom.is_some() { Kind::Phantom } else { Kind::Real },
            solid: Vec::new(),
            vault,
            before,
            blur_mm: blur_mm.unwrap_or(BLUR_MM),
            medium_hu: 0.0,
            noise_hu: 0.0,
            phantom,
            volume,
            bone,
        };
        (skull.medium_hu, skull.noise_hu) = skull.medium();
        skull.solid = skull.solid();
        Ok(skull)
    }

    /// Median and spread of the HU between 8 and 16 mm inside the rough form's inner side.
    fn medium(&self) -> (f64, f64) {
        let mut hu: Vec<f64> = Vec::new();
        let mut jumps: Vec<f64> = Vec::new();
        let grid = &self.volume.grid;
        for i in 0..60 {
            for j in 1..16 {
                let (turn, tilt) = (f64::from(i) * 0.1047, f64::from(j) * 0.1);
                let [left, back, up] = self.vault.axes();
                let d = (left * turn.cos() + back * turn.sin()) * tilt.sin() + up * tilt.cos();
                let outer_mm = self.vault.rough_radius_mm(d);
                for inwards_mm in [18.0, 20.0, 22.0, 24.0] {
                    let p = self.vault.centre() + d * (outer_mm - inwards_mm);
                    let q = grid.index_from_patient(Point::from_v(p)).map(f64::round);
                    if (0..3).all(|a| q[a] >= 1.0 && q[a] < grid.dims[a] as f64 - 1.0) {
                        let at = grid.at(q[0] as usize, q[1] as usize, q[2] as usize);
                        hu.push(f64::from(self.volume.hu[at]));
                        jumps.push(
                            (f64::from(self.volume.hu[at + 1]) - f64::from(self.volume.hu[at - 1])).abs(),
                        );
                    }
                }
            }
        }
        hu.sort_by(f64::total_cmp);
        jumps.sort_by(f64::total_cmp);
        let middle = |v: &[f64]| v.get(v.len() / 2).copied().unwrap_or(0.0);
        // Two voxels apart noise is nearly independent: their difference has √2 of it; 0.6745 of it is the median.
        (middle(&hu), middle(&jumps) / (0.6745 * std::f64::consts::SQRT_2))
    }

    fn solid(&self) -> Vec<u8> {
        let grid = &self.volume.grid;
        if let Some(phantom) = &self.phantom {
            return (0..grid.len())
                .into_par_iter()
                .map(|at| {
                    let p = grid.patient_from_index(grid.ijk(at).map(|i| i as f64));
                    let d = p.v() - self.vault.centre();
                    let bone = if self.vault.contains(d.normalize()) {
                        let from = p.v() - phantom.centre().v();
                        let dir = Dir::new([from.x, from.y, from.z]);
                        let r = from.norm();
                        r <= phantom.outer_radius_mm(dir) && r >= phantom.inner_radius_mm(dir)
                    } else {
                        phantom.bone_contains(p)
                    };
                    u8::from(bone && f64::from(self.volume.hu[at]) > AIR_HU)
                })
                .collect();
        }
        let is_bone = |at: usize| {
            self.bone.mask.voxels[at] != 0 && f32::from(self.volume.hu[at]) > self.bone.level_hu[at]
        };
        let to_bone = distance_to(grid.dims, grid.spacing_mm, is_bone);
        let far = distance_to(grid.dims, grid.spacing_mm, |at| f64::from(to_bone[at]) > CLOSING_MM);
        let in_air = self.medium_hu < AIR_HU;
        (0..grid.len())
            .into_par_iter()
            .map(|at| {
                let closed =
                    f64::from(far[at]) > CLOSING_MM && (in_air || f64::from(self.volume.hu[at]) > AIR_HU);
                u8::from(is_bone(at) || closed)
            })
            .collect()
    }

    fn solid_at(&self, p: Vector3<f64>) -> bool {
        let grid = &self.volume.grid;
        let q = grid.index_from_patient(Point::from_v(p)).map(f64::round);
        (0..3).all(|a| q[a] >= 0.0 && q[a] < grid.dims[a] as f64)
            && self.solid[grid.at(q[0] as usize, q[1] as usize, q[2] as usize)] != 0
    }

    /// HU above the bone's level, between voxels.
    fn excess(&self, p: Vector3<f64>) -> f64 {
        let q = self.volume.grid.index_from_patient(Point::from_v(p));
        trilinear(&self.volume.grid, q, |at| {
            f64::from(self.volume.hu[at]) - f64::from(self.bone.level_hu[at])
        })
    }

    /// Inner and outer radius of the vault's bone along a unit vector from its centre, mm.
    pub fn tables(&self, d: Vector3<f64>) -> Option<[f64; 2]> {
        if let Some(phantom) = &self.phantom {
            return Some(self.phantom_tables(phantom, d));
        }
        let expected_mm = self.vault.rough_radius_mm(d);
        let at = |r: f64| self.vault.centre() + d * r;
        let steps = ((RAY_MM.1 - RAY_MM.0) / RAY_STEP_MM) as usize;
        let (mut best, mut open): (Option<[f64; 2]>, Option<f64>) = (None, None);
        for i in 0..=steps {
            let r = RAY_MM.0 + i as f64 * RAY_STEP_MM;
            match (open, self.solid_at(at(r))) {
                (None, true) => open = Some(r),
                (Some(from), false) => {
                    open = None;
                    let nearer = best.is_none_or(|b| (r - expected_mm).abs() < (b[1] - expected_mm).abs());
                    if r - from >= 1.0 && (r - expected_mm).abs() < 16.0 && nearer {
                        best = Some([from, r]);
                    }
                }
                _ => {}
            }
        }
        let [inner, outer] = best?;
        Some([self.edge(&at, inner, -1.0), self.edge(&at, outer, 1.0)])
    }

    /// Where the bone's level is crossed near a voxel's edge at `r`; `outwards` 1 where bone ends, −1 where it begins.
    fn edge(&self, at: &impl Fn(f64) -> Vector3<f64>, r: f64, outwards: f64) -> f64 {
        let reach = 1.2 * self.volume.grid.spacing_mm.iter().copied().fold(0.0, f64::max);
        let step = 0.1;
        let mut nearest: Option<f64> = None;
        let count = (2.0 * reach / step) as usize;
        let mut before = self.excess(at(r - outwards * reach));
        for i in 1..=count {
            let here = r + outwards * (i as f64 * step - reach);
            let now = self.excess(at(here));
            if before > 0.0 && now <= 0.0 {
                let crossing = here - outwards * step * (now / (now - before));
                if nearest.is_none_or(|n: f64| (crossing - r).abs() < (n - r).abs()) {
                    nearest = Some(crossing);
                }
            }
            before = now;
        }
        nearest.unwrap_or(r - outwards * 0.5 * RAY_STEP_MM)
    }

    /// The phantom's radii are counted from its own centre; walks along the ray to where they are met.
    fn phantom_tables(&self, phantom: &Phantom, d: Vector3<f64>) -> [f64; 2] {
        let shift = self.vault.centre() - phantom.centre().v();
        let solve = |radius: &dyn Fn(Dir<crate::model::Patient>) -> f64| {
            let mut r = self.vault.rough_radius_mm(d);
            // The centres are a few mm apart, so that this halves the error many times a step.
            for _ in 0..12 {
                let from = shift + d * r;
                r += radius(Dir::new([from.x, from.y, from.z])) - from.norm();
            }
            r
        };
        [solve(&|u| phantom.inner_radius_mm(u)), solve(&|u| phantom.outer_radius_mm(u))]
    }

    /// A chart of both tables about `axis`, reaching `half_angle_rad`, cells of about `step_mm`; NaN where no bone is.
    pub fn chart(&self, axes: [Vector3<f64>; 3], half_angle_rad: f64, step_mm: f64) -> Patch {
        let dir = |v: Vector3<f64>| Dir::new([v.x, v.y, v.z]);
        let step_rad = step_mm / self.vault.rough_radius_mm(axes[0]);
        let n = 2 * (half_angle_rad / step_rad).ceil() as usize + 1;
        let mut patch = Patch {
            centre: Point::from_v(self.vault.centre()),
            axis: dir(axes[0]),
            u: dir(axes[1]),
            v: dir(axes[2]),
            n,
            step_rad,
            outer_mm: Vec::new(),
            inner_mm: Vec::new(),
            sigma_mm: Vec::new(),
            cells: vec![Cell::Unknown; n * n],
        };
        let radii: Vec<[f64; 2]> = (0..n * n)
            .into_par_iter()
            .map(|at| {
                let d = patch.direction((at % n) as f64, (at / n) as f64).v();
                self.tables(d).unwrap_or([f64::NAN; 2])
            })
            .collect();
        patch.inner_mm = radii.iter().map(|r| r[0]).collect();
        patch.outer_mm = radii.iter().map(|r| r[1]).collect();
        patch
    }
}

/// Middle of a set of voxels, patient LPS mm.
fn middle(grid: &Grid, voxels: &[u32]) -> Vector3<f64> {
    let sum: Vector3<f64> =
        voxels.iter().map(|&at| grid.patient_from_index(grid.ijk(at as usize).map(|i| i as f64)).v()).sum();
    sum / voxels.len().max(1) as f64
}

/// Bilinear value of a chart at a direction; `None` outside it or beside a cell without bone.
pub fn radius_mm(patch: &Patch, values: &[f64], d: Vector3<f64>) -> Option<f64> {
    let p = patch.centre.v() + d;
    let ([a, b], _) = patch.cell_and_radius(Point::from_v(p))?;
    let top = patch.n as f64 - 1.0;
    if !(a >= 0.0 && b >= 0.0 && a <= top && b <= top) {
        return None;
    }
    let (i, j) = ((a as usize).min(patch.n - 2), (b as usize).min(patch.n - 2));
    let (s, t) = (a - i as f64, b - j as f64);
    let at = j * patch.n + i;
    let value = (1.0 - t) * ((1.0 - s) * values[at] + s * values[at + 1])
        + t * ((1.0 - s) * values[at + patch.n] + s * values[at + patch.n + 1]);
    value.is_finite().then_some(value)
}

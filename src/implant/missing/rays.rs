//! What a ray meets on its way out of the head: runs of bone, pockets of air, the border of the scan.

use nalgebra::Vector3;

use crate::model::{Bone, Volume};

/// Nothing nearer to the centre than this is looked at: it is brain, mm.
const START_MM: f64 = 25.0;
/// No head reaches farther from its centre than this, mm.
const END_MM: f64 = 140.0;
/// Thinner pieces of bone on a ray are noise, mm.
const BONE_MM_MIN: f64 = 0.6;
/// A frontal sinus is not deeper than this, mm.
const LUMEN_MM_MAX: f64 = 30.0;

/// The bone's excess over its local level, sampled between voxels.
pub(super) struct BoneField<'a> {
    volume: &'a Volume,
    bone: &'a Bone,
    step_mm: f64,
    to_index: nalgebra::Matrix3<f64>,
    origin: Vector3<f64>,
    pub(super) air_hu: f64,
    pub(super) marrow_gap_mm: f64,
}

/// Value of the fields at a place.
#[derive(Clone, Copy)]
pub(super) struct Sample {
    pub(super) hu: f64,
    /// HU minus the local level: positive in bone.
    pub(super) excess: f64,
    /// One of the voxels around belongs to the skull.
    pub(super) by_mask: bool,
}

/// One stretch of bone on a ray, mm from its origin.
#[derive(Clone, Copy, Debug)]
struct Run {
    enter_mm: f64,
    exit_mm: f64,
}

/// The tables a ray meets, taken together as one shell of bone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shell {
    /// Inner table, mm from the ray's origin.
    pub(super) inner_mm: f64,
    /// Outer table, mm.
    pub(super) outer_mm: f64,
    /// Air between the tables, from and to, mm.
    pub(super) lumen_mm: Option<(f64, f64)>,
}

/// Everything a ray meets.
#[derive(Clone, Debug, Default)]
pub(super) struct Profile {
    pub(super) shells: Vec<Shell>,
    /// Runs of voxels of the skull's mask, mm: bone too thin to reach its level still shows here.
    pub(super) mask_runs: Vec<(f64, f64)>,
    /// Pockets of air that tissue closes on the outside, mm.
    pub(super) pockets: Vec<(f64, f64)>,
    /// Where the ray leaves the scan, mm.
    pub(super) scan_end_mm: f64,
}

impl Profile {
    /// The shell whose outer table lies nearest to the expected radius.
    pub(super) fn nearest_shell(&self, expected_mm: f64, within_mm: f64) -> Option<Shell> {
        self.shells
            .iter()
            .copied()
            .filter(|s| (s.outer_mm - expected_mm).abs() <= within_mm)
            .min_by(|a, b| (a.outer_mm - expected_mm).abs().total_cmp(&(b.outer_mm - expected_mm).abs()))
    }

    /// True when voxels of the skull lie between the two radii.
    pub(super) fn has_mask_between(&self, low_mm: f64, high_mm: f64) -> bool {
        self.mask_runs.iter().any(|&(a, b)| b >= low_mm && a <= high_mm)
    }
}

impl<'a> BoneField<'a> {
    pub(super) fn new(volume: &'a Volume, bone: &'a Bone, air_hu: f64, marrow_gap_mm: f64) -> Self {
        let grid = &volume.grid;
        let finest_mm = grid.spacing_mm.iter().copied().fold(f64::INFINITY, f64::min);
        let rows: [nalgebra::RowVector3<f64>; 3] =
            std::array::from_fn(|a| (grid.axes_lps[a].v() / grid.spacing_mm[a]).transpose());
        Self {
            volume,
            bone,
            // Half a voxel: two samples in the thinnest wall the scan can show.
            step_mm: (0.5 * finest_mm).clamp(0.2, 0.5),
            to_index: nalgebra::Matrix3::from_rows(&rows),
            origin: grid.origin_lps_mm.v(),
            air_hu,
            marrow_gap_mm,
        }
    }

    /// Trilinear sample at a patient place; `None` outside the scan.
    pub(super) fn sample(&self, p: Vector3<f64>) -> Option<Sample> {
        self.sample_index(self.to_index * (p - self.origin))
    }

    fn sample_index(&self, q: Vector3<f64>) -> Option<Sample> {
        let dims = self.volume.grid.dims;
        let mut base = [0usize; 3];
        let mut t = [0f64; 3];
        for a in 0..3 {
            let top = dims[a] as f64 - 1.0;
            if !(q[a] >= 0.0 && q[a] <= top) {
                return None;
            }
            base[a] = (q[a] as usize).min(dims[a].saturating_sub(2));
            t[a] = q[a] - base[a] as f64;
        }
        let (row, slab) = (dims[0], dims[0] * dims[1]);
        let corner = base[2] * slab + base[1] * row + base[0];
        let mut s = Sample { hu: 0.0, excess: 0.0, by_mask: false };
        for dk in 0..2usize {
            let wk = if dk == 1 { t[2] } else { 1.0 - t[2] };
            for dj in 0..2usize {
                let wj = wk * if dj == 1 { t[1] } else { 1.0 - t[1] };
                for di in 0..2usize {
                    let w = wj * if di == 1 { t[0] } else { 1.0 - t[0] };
                    // A weight of zero may stand for a voxel beyond the border of a grid one voxel thick.
                    if w == 0.0 {
                        continue;
                    }
                    let at = corner + dk * slab + dj * row + di;
                    let hu = f64::from(self.volume.hu[at]);
                    s.hu += w * hu;
                    s.excess += w * (hu - f64::from(self.bone.level_hu[at]));
                    s.by_mask |= self.bone.mask.voxels[at] != 0;
                }
            }
        }
        Some(s)
    }

    /// Follows the ray from `from` along the unit vector `dir`. Air between two stretches of bone joins them to
    /// one shell only where `sinus_here`.
    pub(super) fn cast(&self, from: Vector3<f64>, dir: Vector3<f64>, sinus_here: bool) -> Profile {
        let start = self.to_index * (from - self.origin);
        let along = self.to_index * dir;
        let at = |r_mm: f64| self.sample_index(start + along * r_mm);
        let mut profile = Profile::default();
        let mut runs: Vec<(Run, Option<(f64, f64)>)> = Vec::new(); // with the air before it
        let mut open: Option<f64> = None;
        let mut air: Option<(f64, f64)> = None; // since the last bone
        let mut air_now: Option<f64> = None;
        let mut mask_now: Option<f64> = None;
        let mut before: Option<(f64, Sample)> = None;
        let steps = ((END_MM - START_MM) / self.step_mm) as usize;
        profile.scan_end_mm = END_MM;
        for i in 0..=steps {
            let r = START_MM + i as f64 * self.step_mm;
            let Some(now) = at(r) else {
                profile.scan_end_mm = r;
                break;
            };
            let is_bone = now.excess > 0.0 && now.by_mask;
            match (open, is_bone) {
                (None, true) => {
                    let enter =
                        before.map_or(r, |(r0, s0)| self.crossing(&at, (r0, s0.excess), (r, now.excess)));
                    open = Some(enter);
                }
                (Some(enter_mm), false) => {
                    let exit_mm =
                        before.map_or(r, |(r0, s0)| self.crossing(&at, (r0, s0.excess), (r, now.excess)));
                    open = None;
                    if exit_mm - enter_mm >= BONE_MM_MIN {
                        runs.push((Run { enter_mm, exit_mm }, air.take()));
                    }
                }
                _ => {}
            }
            let is_air = now.hu < self.air_hu;
            match (air_now, is_air) {
                (None, true) => air_now = Some(r),
                (Some(from_mm), false) => {
                    air_now = None;
                    profile.pockets.push((from_mm, r));
                    let first = air.map_or(from_mm, |(a, _)| a);
                    air = Some((first, r));
                }
                _ => {}
            }
            let in_mask = now.by_mask && now.hu >= 0.0;
            match (mask_now, in_mask) {
                (None, true) => mask_now = Some(r),
                (Some(from_mm), false) => {
                    mask_now = None;
                    profile.mask_runs.push((from_mm, r));
                }
                _ => {}
            }
            before = Some((r, now));
        }
        if let Some(from_mm) = mask_now {
            profile.mask_runs.push((from_mm, profile.scan_end_mm));
        }
        if let Some(enter_mm) = open {
            // Bone up to the border of the scan: its outer table is not seen.
            runs.push((Run { enter_mm, exit_mm: profile.scan_end_mm }, air.take()));
        }
        profile.shells = self.join(&runs, sinus_here);
        profile
    }

    /// Radius where the excess changes sign between two samples; three secant steps that keep the bracket.
    fn crossing(&self, at: &impl Fn(f64) -> Option<Sample>, a: (f64, f64), b: (f64, f64)) -> f64 {
        let (mut a, mut b) = (a, b);
        if (a.1 > 0.0) == (b.1 > 0.0) {
            return 0.5 * (a.0 + b.0); // the mask, not the level, made the difference
        }
        for _ in 0..3 {
            let r = a.0 + (b.0 - a.0) * (a.1 / (a.1 - b.1)).clamp(0.02, 0.98);
            let Some(s) = at(r) else { return r };
            if (s.excess > 0.0) == (a.1 > 0.0) {
                a = (r, s.excess);
            } else {
                b = (r, s.excess);
            }
        }
        a.0 + (b.0 - a.0) * a.1 / (a.1 - b.1)
    }

    /// Joins the tables of one vault: marrow between them is short and no air, a sinus is air between them.
    fn join(&self, runs: &[(Run, Option<(f64, f64)>)], sinus_here: bool) -> Vec<Shell> {
        let mut shells: Vec<Shell> = Vec::new();
        for &(run, air_before) in runs {
            let fresh = Shell { inner_mm: run.enter_mm, outer_mm: run.exit_mm, lumen_mm: None };
            let Some(last) = shells.last_mut() else {
                shells.push(fresh);
                continue;
            };
            let gap_mm = run.enter_mm - last.outer_mm;
            match air_before {
                None if gap_mm <= self.marrow_gap_mm => last.outer_mm = run.exit_mm,
                Some(lumen) if sinus_here && gap_mm <= LUMEN_MM_MAX => {
                    last.outer_mm = run.exit_mm;
                    last.lumen_mm = Some((last.lumen_mm.map_or(lumen.0, |(a, _)| a), lumen.1));
                }
                _ => shells.push(fresh),
            }
        }
        shells
    }
}

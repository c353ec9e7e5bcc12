//! Bone thinner than the scanner resolves.
//!
//! The blurred image of a wall of thickness w and true height H above what borders it peaks below H once w is less
//! than some four sigmas of the blur; half of that peak lies outside the wall's faces, by 1.2 sigma − w/2 in the end.
//!
//! **Method** A wall is thin where the walk inward falls below the selecting level again within five sigmas. There
//! two blurred steps are fitted to the profile: both faces and the height, the height held near that of the scan's
//! own thick cortical bone, since a wall of less than two sigmas gives its product of width and height alone (Treece
//! et al., "High resolution cortical bone thickness measurement from clinical CT data", Medical Image Analysis 14(3),
//! 2010). The level moves to what the fitted wall has at its face.

use rayon::prelude::*;

use super::edge::{Sample, Walker};
use super::level::Samples;
use super::params::{BoneParams, Thin};
use crate::model::{Finding, Grid, Severity, ThinBone, Volume};

/// A wall whose blurred width at half its peak is below this many sigmas is looked at: at 4.5 its half-maximum lies
/// 0.03 sigma out.
const THIN_SIGMAS: f64 = 4.5;
/// From here on the correction fades out toward [`THIN_SIGMAS`].
const FADE_SIGMAS: f64 = 4.0;
/// Bone at least this wide shows its true height at its peak.
const THICK_SIGMAS: f64 = 5.0;
/// How far a wall's height may lie from that of thick bone, as a share; and the noise against which that is weighed,
/// above a scan's own since neighbouring steps of a walk share voxels.
const HEIGHT_SHARE: f64 = 0.15;
const FIT_NOISE_HU: f64 = 40.0;
/// The level is raised to no more than this share of the step to the peak: above, noise and the voxels' own grain
/// would open holes. It is reached by a wall of 1.8 sigma.
const SHARE_MAX: f64 = 0.70;
/// Fewer samples of thick bone than this say nothing of its height.
const THICK_SAMPLES_MIN: usize = 100;
/// The profile is fitted this many sigmas beyond where the level is crossed.
const BEYOND_SIGMAS: f64 = 1.5;
const ROUNDS: usize = 8;

/// A thin wall as seen from one of its samples.
#[derive(Clone, Copy)]
struct Wall {
    /// Where the half-maximum is crossed going out and coming in, mm outward of the voxel.
    outer_mm: f64,
    inner_mm: f64,
    /// Lowest HU beyond.
    far_hu: f64,
}

/// What was found at each sample.
pub struct Thinness {
    walls: Vec<Option<Wall>>,
    sigma_mm: Option<f64>,
    cortical_hu: Option<f64>,
}

impl Thinness {
    /// Looks through the bone at each sample, before levels are smoothed.
    pub fn of(
        volume: &Volume,
        samples: &[Sample],
        sigma_mm: Option<f64>,
        threshold_hu: f64,
        reach_mm: f64,
    ) -> Self {
        let Some(sigma) = sigma_mm else {
            return Self { walls: vec![None; samples.len()], sigma_mm, cortical_hu: None };
        };
        let seen: Vec<(Option<Wall>, bool)> = samples
            .par_iter()
            .map(|s| {
                let walker = Walker::again(volume, s);
                let Some(outer_mm) = walker.crossing_mm(f64::from(s.level_hu), reach_mm) else {
                    return (None, false);
                };
                match through(&walker, s, outer_mm, THICK_SIGMAS * sigma, BEYOND_SIGMAS * sigma) {
                    None => (None, true),
                    Some(wall) => {
                        let thin =
                            outer_mm - wall.inner_mm < THIN_SIGMAS * sigma && wall.far_hu < threshold_hu;
                        (thin.then_some(wall), false)
                    }
                }
            })
            .collect();
        let mut thick: Vec<f32> =
            samples.iter().zip(&seen).filter(|(_, seen)| seen.1).map(|(s, _)| s.peak_hu).collect();
        thick.sort_by(f32::total_cmp);
        let cortical_hu = (thick.len() >= THICK_SAMPLES_MIN).then(|| f64::from(thick[thick.len() / 2]));
        Self { walls: seen.into_iter().map(|s| s.0).collect(), sigma_mm, cortical_hu }
    }

    /// Measures the thin walls, raises their levels if asked to, and says so.
    pub fn settle(
        self,
        volume: &Volume,
        samples: &mut Samples,
        params: &BoneParams,
    ) -> (ThinBone, Option<Finding>) {
        let grid = &volume.grid;
        let area = |s: &Sample| area_mm2(grid, s);
        let all_mm2: f64 = samples.all.iter().map(area).sum();
        let thin_bone_mm2: f64 =
            samples.all.iter().zip(&self.walls).filter(|(_, w)| w.is_some()).map(|(s, _)| area(s)).sum();
        let share = if all_mm2 > 0.0 { thin_bone_mm2 / all_mm2 } else { 0.0 };
        let mut facts = ThinBone {
            sigma_mm: self.sigma_mm,
            cortical_hu: self.cortical_hu,
            thin_bone_mm2,
            share,
            ..ThinBone::default()
        };
        if let (Some(sigma), Some(cortical)) = (self.sigma_mm, self.cortical_hu) {
            self.correct(volume, samples, params, [sigma, cortical], &mut facts);
        }
        let finding = (thin_bone_mm2 > 0.0).then(|| {
            let severity =
                if share <= params.thin_share_max { Severity::Note } else { Severity::Review };
            let by = facts.shift_mm_p50.map_or(String::new(), |mm| format!(" by some {mm:.2} mm"));
            let done = if facts.corrected {
                format!("; its faces were moved in, by up to {:.2} mm", facts.corrected_mm_max)
            } else {
                format!("; its faces are drawn too far out{by}")
            };
            let message = format!(
                "{thin_bone_mm2:.0} mm2 of the bone's faces, {:.1} % (limit {:.0} %), belong to walls thinner than the \
                 scanner resolves{done}",
                100.0 * share,
                100.0 * params.thin_share_max
            );
            Finding::new("thin-bone", severity, message).measured(share, params.thin_share_max, "")
        });
        (facts, finding)
    }

    fn correct(
        &self,
        volume: &Volume,
        samples: &mut Samples,
        params: &BoneParams,
        [sigma, cortical]: [f64; 2],
        facts: &mut ThinBone,
    ) {
        let fitted: Vec<Option<(f64, f64)>> = samples
            .all
            .par_iter()
            .zip(&self.walls)
            .map(|(s, wall)| {
                let wall = wall.as_ref()?;
                let walker = Walker::again(volume, s);
                let level = face_level(&walker, s, wall, sigma, cortical)?;
                let half = (f64::from(s.peak_hu) + f64::from(s.trough_hu)) / 2.0;
                let width = (wall.outer_mm - wall.inner_mm) / sigma;
                let fade = ((THIN_SIGMAS - width) / (THIN_SIGMAS - FADE_SIGMAS)).clamp(0.0, 1.0);
                let top = f64::from(s.trough_hu) + SHARE_MAX * f64::from(s.peak_hu - s.trough_hu);
                let moved = walker.crossing_mm(level, params.edge_reach_mm)?;
                Some((fade * (level.clamp(half, top) - half), wall.outer_mm - moved))
            })
            .collect();
        let mut shifts: Vec<f64> = fitted.iter().flatten().map(|f| f.1).collect();
        shifts.sort_by(f64::total_cmp);
        if !shifts.is_empty() {
            let at = |p: f64| Some(shifts[((shifts.len() - 1) as f64 * p).round() as usize]);
            (facts.shift_mm_p50, facts.shift_mm_p95) = (at(0.5), at(0.95));
        }
        if params.thin_bone == Thin::Mark {
            return;
        }
        let raised = |n: usize| fitted[n].map_or(0.0, |f| f.0 as f32);
        let raised = samples.middle_means(&volume.grid, params.level_smoothing_mm, raised);
        facts.corrected = true;
        facts.corrected_mm_max = samples
            .all
            .par_iter_mut()
            .zip(raised)
            .map(|(s, by)| {
                // Beside thin bone the neighbours' correction does not raise a level above its own bound.
                let top = s.trough_hu + SHARE_MAX as f32 * (s.peak_hu - s.trough_hu);
                let before = s.level_hu;
                s.level_hu = (before + by).min(top.max(before));
                if s.level_hu == before {
                    return 0.0;
                }
                let walker = Walker::again(volume, s);
                let at = |hu: f32| walker.crossing_mm(f64::from(hu), params.edge_reach_mm);
                at(before).zip(at(s.level_hu)).map_or(0.0, |(a, b)| a - b)
            })
            .reduce(|| 0.0, f64::max);
    }
}

/// Walks inward from the outer crossing to where the level is crossed again, no farther than `width_mm`, and on by
/// `beyond_mm` for the lowest value; `None` where the bone is wider.
fn through(walker: &Walker, s: &Sample, outer_mm: f64, width_mm: f64, beyond_mm: f64) -> Option<Wall> {
    let level = f64::from(s.level_hu);
    let step = walker.step_mm;
    let mut before = walker.hu(outer_mm - step);
    for n in 2..=(width_mm / step).ceil() as usize {
        let at = outer_mm - n as f64 * step;
        let hu = walker.hu(at);
        if hu < level && before >= level {
            let inner_mm = at + step * (level - hu) / (before - hu);
            let beyond = (0..=(beyond_mm / step).ceil() as usize).map(|m| walker.hu(at - m as f64 * step));
            return Some(Wall { outer_mm, inner_mm, far_hu: beyond.fold(f64::INFINITY, f64::min) });
        }
        before = hu;
    }
    None
}

/// HU of the fitted wall at its outer face: Gauss-Newton over both faces and the height.
fn face_level(walker: &Walker, s: &Sample, wall: &Wall, sigma: f64, cortical: f64) -> Option<f64> {
    let (near_hu, far_hu) = (f64::from(s.trough_hu), wall.far_hu);
    let (from, to) = (wall.inner_mm - BEYOND_SIGMAS * sigma, wall.outer_mm + BEYOND_SIGMAS * sigma);
    let count = ((to - from) / walker.step_mm).ceil() as usize + 1;
    let profile: Vec<(f64, f64)> = (0..count)
        .map(|n| {
            let at = from + (to - from) * n as f64 / (count - 1) as f64;
            (at, walker.hu(at))
        })
        .collect();
    let middle = (wall.outer_mm + wall.inner_mm) / 2.0;
    let half = (wall.outer_mm - wall.inner_mm) / 4.0;
    let (mut outer, mut inner) = (middle + half, middle - half);
    let mut height = cortical.max(f64::from(s.peak_hu));
    let mean_height = height;
    let (w_data, w_prior) = (FIT_NOISE_HU.powi(-2), (HEIGHT_SHARE * mean_height).powi(-2));
    for _ in 0..ROUNDS {
        let mut normal = nalgebra::Matrix3::<f64>::zeros();
        let mut right = nalgebra::Vector3::<f64>::zeros();
        for &(at, hu) in &profile {
            let (a, b) = ((outer - at) / sigma, (inner - at) / sigma);
            let (up, down) = (step(a), step(b));
            let model = near_hu + (height - near_hu) * up - (height - far_hu) * down;
            let slope = |x: f64| (-x * x / 2.0).exp() / (std::f64::consts::TAU.sqrt() * sigma);
            let row = nalgebra::Vector3::new(
                (height - near_hu) * slope(a),
                -(height - far_hu) * slope(b),
                up - down,
            );
            normal += w_data * row * row.transpose();
            right += w_data * row * (hu - model);
        }
        normal[(2, 2)] += w_prior;
        right[2] += w_prior * (mean_height - height);
        let by = normal.cholesky()?.solve(&right);
        // Half a sigma a round, so that a poor start does not throw a face across the other.
        outer += by[0].clamp(-0.5 * sigma, 0.5 * sigma);
        inner += by[1].clamp(-0.5 * sigma, 0.5 * sigma);
        height = (height + by[2]).clamp(f64::from(s.peak_hu), 2.0 * mean_height);
        if outer - inner < 0.1 * sigma {
            let m = (outer + inner) / 2.0;
            (outer, inner) = (m + 0.05 * sigma, m - 0.05 * sigma);
        }
    }
    let level = near_hu + (height - near_hu) / 2.0 - (height - far_hu) * step((inner - outer) / sigma);
    level.is_finite().then_some(level)
}

/// A unit step blurred by a Gaussian of sigma 1: 0 far below, 1 far above. Abramowitz and Stegun 26.2.17, error below
/// 7.5e-8.
fn step(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * x.abs());
    let poly = t
        * (0.319_381_53
            + t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    let tail = (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt() * poly;
    if x > 0.0 { 1.0 - tail } else { tail }
}

/// Area of boundary that one boundary voxel stands for. A plane with unit normal n has max(|n·h|) / V voxels with a
/// face outside it per mm², h the voxel's sides and V its volume.
fn area_mm2(grid: &Grid, s: &Sample) -> f64 {
    let deep = (0..3).map(|a| f64::from(s.out[a].abs()) * grid.spacing_mm[a]).fold(0.0, f64::max);
    grid.voxel_mm3() / deep
}

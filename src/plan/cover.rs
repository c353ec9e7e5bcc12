//! Tilted poses that would reach what the two sides do not see.
//!
//! **Method** Greedy set cover. Candidates are the directions of half a sphere about either side's spindle that the machine's
//! rotary axes can turn to it, within its travels at those angles. One covers a facet when the facet looks at it by more than
//! 5°, a line from the facet leaves the part freely along it and the blank within the lane, the rim's ball rests on the facet
//! and sticks out far enough that its holder stays above the frame. The one that covers most of what is left is taken, of
//! equals the least tilted, until nothing more is gained or the clamping has no number left.
//!
//! **Limits** The poses are planned and not milled: no passes are made in them, so what they would reach is still an undercut
//! to the review. A tab in the way is not looked for.

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::geometry::outline::signed_distance_to_outline_mm;
use crate::geometry::visibility::half_sphere;
use crate::model::{Cover, Part, Plan, Point, Setup, Tool};

use super::Shape;
use super::kinematics::{angles_deg, indexed};

/// Candidates about each side.
const DIRECTIONS: usize = 2000;
/// Tilted further than this a tool hardly clears the frame: cosine, 78°.
const UPRIGHT_MIN: f64 = 0.2;
/// A facet looks at a pose by this sine at least, 5°.
const LOOKS_MIN: f64 = 0.087;
/// Between a tool and the frame beside it, mm.
const FREE_MM: f64 = 0.5;
/// Places are asked from this far off the surface, and a ball may come this much too near, mm.
const OFF_MM: f64 = 0.02;
/// `op21` to `op29`.
const POSES_MAX: usize = 9;

/// A facet to be reached.
struct Goal {
    at: Vector3<f64>,
    normal: Vector3<f64>,
    area_mm2: f64,
}

/// A pose, and the goals it reaches.
struct Pose3p2 {
    clamping: u32,
    rotary_deg: Vec<f64>,
    upright: f64,
    reaches: Vec<usize>,
}

/// The poses for `facets`, and the area that none reaches, mm².
pub(super) fn cover(shape: &Shape, plan: &Plan, facets: &[usize]) -> (Vec<Cover>, f64) {
    let mesh = shape.tree.mesh();
    let goals: Vec<Goal> = facets
        .iter()
        .map(|&t| {
            let [a, b, c] = mesh.corners(t);
            Goal { at: (a + b + c) / 3.0, normal: mesh.normal(t), area_mm2: mesh.triangle_area_mm2(t) }
        })
        .collect();
    let outline: Vec<[f64; 2]> = shape.rim.iter().map(|r| r.xy_mm).collect();
    let search = Search { shape, plan, goals: &goals, outline: &outline, tool: &plan.tools["rim"] };
    let mut poses: Vec<Pose3p2> = sides(plan).into_iter().flat_map(|s| search.poses(s)).collect();
    let mut left: Vec<bool> = vec![true; goals.len()];
    let mut out: Vec<Cover> = Vec::new();
    while out.len() < POSES_MAX {
        let gain =
            |p: &Pose3p2| p.reaches.iter().filter(|&&g| left[g]).fold(0.0, |sum, &g| sum + goals[g].area_mm2);
        let best = poses.iter().enumerate().map(|(k, p)| (k, gain(p))).max_by(|a, b| {
            let upright = |k: usize| poses[k].upright;
            a.1.total_cmp(&b.1).then(upright(a.0).total_cmp(&upright(b.0))).then(b.0.cmp(&a.0))
        });
        let Some((k, area_mm2)) = best.filter(|b| b.1 > 0.0) else { break };
        let pose = poses.swap_remove(k);
        let mine: Vec<usize> = pose.reaches.into_iter().filter(|&g| left[g]).collect();
        mine.iter().for_each(|&g| left[g] = false);
        out.push(Cover {
            clamping: pose.clamping,
            rotary_deg: pose.rotary_deg,
            tilt_deg: pose.upright.clamp(-1.0, 1.0).acos().to_degrees(),
            facets: mine.len(),
            area_mm2,
        });
    }
    let uncovered = goals.iter().zip(&left).filter(|(_, l)| **l).fold(0.0, |sum, (g, _)| sum + g.area_mm2);
    (out, uncovered)
}

/// The last level clamping of either side: where it is finished.
fn sides(plan: &Plan) -> Vec<&Setup> {
    let up = |s: &Setup| s.part_from_work.iso.rotation * Vector3::z();
    let level = || plan.setups.iter().rev().filter(|s| !s.is_indexed());
    [1.0, -1.0].iter().filter_map(|side| level().find(|s| up(s).z * side > 0.9)).collect()
}

struct Search<'a> {
    shape: &'a Shape,
    plan: &'a Plan,
    goals: &'a [Goal],
    outline: &'a [[f64; 2]],
    tool: &'a Tool,
}

impl Search<'_> {
    fn poses(&self, level: &Setup) -> Vec<Pose3p2> {
        let to_part = level.part_from_work.iso.rotation;
        half_sphere(DIRECTIONS)
            .into_par_iter()
            .filter(|w| w.z >= UPRIGHT_MIN)
            .filter_map(|in_work| {
                let direction = to_part * in_work;
                let reaches: Vec<usize> = (0..self.goals.len())
                    .filter(|&g| self.reaches(&self.goals[g], direction, level))
                    .collect();
                if reaches.is_empty() {
                    return None;
                }
                let rotary_deg = angles_deg(&self.plan.machine, in_work)
                    .into_iter()
                    .find(|angles| self.within_travel(level, angles, &reaches))?;
                Some(Pose3p2 { clamping: level.number, rotary_deg, upright: in_work.z, reaches })
            })
            .collect()
    }

    fn reaches(&self, goal: &Goal, direction: Vector3<f64>, level: &Setup) -> bool {
        if goal.normal.dot(&direction) < LOOKS_MIN {
            return false;
        }
        let r = self.tool.radius_mm();
        let up = (level.part_from_work.iso.rotation * Vector3::z()).z.signum();
        let cos = direction.z * up;
        let (lo, hi) = (self.plan.stock.min_mm.mm[2], self.plan.stock.max_mm.mm[2]);
        let face = if up > 0.0 { hi } else { lo };
        let rise = (face - goal.at.z) / direction.z;
        // As for tilted holes: the holder leans towards the frame.
        let leans = self.tool.holder_diameter_mm / 2.0 * (1.0 - cos * cos).max(0.0).sqrt();
        if rise + leans / cos + r > self.tool.stick_out_mm {
            return false;
        }
        let out = goal.at + direction * rise;
        let beyond = signed_distance_to_outline_mm(self.outline, [out.x, out.y]);
        if beyond > self.plan.lane_mm - r / cos - FREE_MM {
            return false;
        }
        let tree = &self.shape.tree;
        let off = goal.at + goal.normal * OFF_MM;
        let ball = goal.at + goal.normal * r;
        tree.first_hit(off.into(), direction.into(), 0.0, f64::INFINITY).is_none()
            && tree.nearest(ball.into(), r - OFF_MM).is_none()
    }

    fn within_travel(&self, level: &Setup, angles: &[f64], reaches: &[usize]) -> bool {
        let machine = &self.plan.machine;
        let zero = level.work_zero_machine_mm;
        let work_from_part = indexed(level.part_from_work, zero, machine, angles).inverse();
        reaches.iter().all(|&g| {
            let p = work_from_part.apply(Point::<Part>::new(self.goals[g].at.into())).mm;
            // The tip below the place by a ball's radius, the spindle's nose above it by the tool and its holder.
            let high = p[2] + self.tool.stick_out_mm + self.tool.holder_length_mm;
            let reach = [[p[0], p[0]], [p[1], p[1]], [p[2] - self.tool.radius_mm(), high]];
            (0..3).all(|a| {
                zero[a] + reach[a][0] >= machine.travel_min_mm[a]
                    && zero[a] + reach[a][1] <= machine.travel_max_mm[a]
            })
        })
    }
}

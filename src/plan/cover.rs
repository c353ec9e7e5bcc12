//! Indexed setups that mill what the two sides do not see.
//!
//! **Method** Greedy set cover. Candidates are the directions of half a sphere about either side's spindle that the machine's
//! rotary axes can turn to it, within its travels at those angles. One covers a facet when the facet looks at it by more than
//! 5°, a line from the facet leaves the part freely along it and the blank within the lane, the rim's ball rests on the facet,
//! its shank passes the part, and it sticks out far enough that its holder stays above the frame. The one that covers most of
//! what is left is taken, of equals the least tilted, until less is gained than facets' noise or its clamping has no number
//! left. Of the balls as thick as the rim's the shortest is taken that leaves no more than the longest. Each pose is a setup of
//! its own, `op11` … or `op21` …, after the clamping it keeps; `toolpath` mills there the facets that it is the first to reach.
//!
//! **Limits** A facet counts as reached from its middle: where facets are larger than the ball the judge has the last word. A
//! tab in the way is not looked for; tabs keep off these places where the rim lets them (`sites`).

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::geometry::outline::signed_distance_to_outline_mm;
use crate::geometry::visibility::half_sphere;
use crate::model::{Cover, Part, Plan, Point, Setup, SetupTask, Tool};

use super::Shape;
use super::index::{safe_z_mm, words};
use super::kinematics::{angles_deg, indexed};

/// Candidates about each side.
const DIRECTIONS: usize = 2000;
/// Tilted further than this a tool hardly clears the frame: cosine, 78°.
const UPRIGHT_MIN: f64 = 0.2;
/// A facet looks at a pose by this sine at least, 5°.
const LOOKS_MIN: f64 = 0.087;
/// Between a tool and the frame beside it, mm: roughing leaves up to 0.4 of the lane, and `toolpath` knows the frame to 0.7.
const FREE_MM: f64 = 1.2;
/// Between the holder and the blank's face, mm.
const HOLDER_FREE_MM: f64 = 0.5;
/// Places are asked from this far off the surface, and a ball may come this much too near, mm.
const OFF_MM: f64 = 0.02;
/// The shank may come this much too near, mm: what steps of half its radius do not see.
const SHANK_OFF_MM: f64 = 0.07;
/// A setup for less is not worth its while, mm²: together such places stay within the review's limit.
const GAIN_MIN_MM2: f64 = 0.2;
/// `op21` to `op29`.
const POSES_MAX: u32 = 9;

/// A facet to be reached.
struct Goal {
    facet: usize,
    at: Vector3<f64>,
    normal: Vector3<f64>,
    area_mm2: f64,
}

/// A goal from a pose, and how far the ball must stick out.
struct Reach {
    goal: usize,
    stick_out_mm: f64,
}

/// A pose, and the goals it reaches with the longest ball.
struct Pose3p2<'a> {
    level: &'a Setup,
    rotary_deg: Vec<f64>,
    upright: f64,
    reaches: Vec<Reach>,
}

/// What is milled aslant, and how.
#[derive(Default)]
pub(super) struct Covered {
    pub covers: Vec<Cover>,
    pub setups: Vec<Setup>,
    /// The ball that does it; none where nothing is reached.
    pub ball: Option<Tool>,
    /// What no pose reaches, mm².
    pub uncovered_mm2: f64,
}

/// What poses are looked for with.
pub(super) struct Covering<'a> {
    pub shape: &'a Shape,
    pub plan: &'a Plan,
    /// Balls as thick as the rim's, one at least.
    pub balls: Vec<&'a Tool>,
    /// Over whatever turns, mm.
    pub clearance_mm: f64,
}

impl Covering<'_> {
    /// The setups for `facets`.
    pub(super) fn cover(&self, facets: &[usize]) -> Covered {
        let mesh = self.shape.tree.mesh();
        let goals: Vec<Goal> = facets
            .iter()
            .map(|&facet| {
                let [a, b, c] = mesh.corners(facet);
                let at = (a + b + c) / 3.0;
                Goal { facet, at, normal: mesh.normal(facet), area_mm2: mesh.triangle_area_mm2(facet) }
            })
            .collect();
        let outline: Vec<[f64; 2]> = self.shape.rim.iter().map(|r| r.xy_mm).collect();
        let mut balls = self.balls.clone();
        balls.sort_by(|a, b| a.stick_out_mm.total_cmp(&b.stick_out_mm));
        let longest = *balls.last().expect("the rim's ball is one");
        let search = Search { with: self, goals: &goals, outline: &outline, longest };
        let poses: Vec<Pose3p2<'_>> = sides(self.plan).into_iter().flat_map(|s| search.poses(s)).collect();
        let most = self.greedy(&goals, &poses, longest);
        for &ball in &balls {
            let found = self.greedy(&goals, &poses, ball);
            if found.uncovered_mm2 <= most.uncovered_mm2 + GAIN_MIN_MM2 {
                return found;
            }
        }
        most
    }

    fn greedy(&self, goals: &[Goal], poses: &[Pose3p2<'_>], ball: &Tool) -> Covered {
        let mut left: Vec<bool> = vec![true; goals.len()];
        let mut used = vec![false; poses.len()];
        let mut out = Covered::default();
        let mine = |p: &Pose3p2<'_>, left: &[bool]| -> Vec<usize> {
            let reached = p.reaches.iter().filter(|r| r.stick_out_mm <= ball.stick_out_mm);
            reached.map(|r| r.goal).filter(|&g| left[g]).collect()
        };
        let area = |goals_of: &[usize]| goals_of.iter().fold(0.0, |sum, &g| sum + goals[g].area_mm2);
        loop {
            let free = poses.iter().enumerate().filter(|(k, p)| !used[*k] && self.number(p, &out).is_some());
            let best = free.map(|(k, p)| (k, area(&mine(p, &left)))).max_by(|a, b| {
                let upright = |k: usize| poses[k].upright;
                a.1.total_cmp(&b.1).then(upright(a.0).total_cmp(&upright(b.0))).then(b.0.cmp(&a.0))
            });
            let Some((k, area_mm2)) = best.filter(|b| b.1 >= GAIN_MIN_MM2) else { break };
            let pose = &poses[k];
            let setup = self.setup(pose, self.number(pose, &out).expect("only such are looked at"));
            let taken = mine(pose, &left);
            used[k] = true;
            taken.iter().for_each(|&g| left[g] = false);
            out.covers.push(Cover {
                setup: setup.number,
                clamping: pose.level.number,
                rotary_deg: pose.rotary_deg.clone(),
                tilt_deg: pose.upright.clamp(-1.0, 1.0).acos().to_degrees(),
                facets: taken.iter().map(|&g| goals[g].facet as u32).collect(),
                area_mm2,
            });
            out.setups.push(setup);
        }
        out.ball = (!out.covers.is_empty()).then(|| ball.clone());
        out.uncovered_mm2 =
            goals.iter().zip(&left).filter(|(_, l)| **l).fold(0.0, |sum, (g, _)| sum + g.area_mm2);
        out
    }

    /// The next number after the pose's clamping that is free; a nest is milled when the clamping is undone.
    fn number(&self, pose: &Pose3p2<'_>, out: &Covered) -> Option<u32> {
        let nest = |n: &u32| self.plan.nest.iter().flat_map(|p| &p.plan.setups).any(|s| s.number == *n);
        let taken = |n: &u32| self.plan.setups.iter().chain(&out.setups).any(|s| s.number == *n);
        let after = pose.level.number + 1..=pose.level.number + POSES_MAX;
        after.take_while(|n| !nest(n)).find(|n| !taken(n))
    }

    fn setup(&self, pose: &Pose3p2<'_>, number: u32) -> Setup {
        let (level, machine) = (pose.level, &self.plan.machine);
        Setup {
            number,
            name: format!("indexed, {}", words(machine, &pose.rotary_deg)),
            part_from_work: indexed(
                level.part_from_work,
                level.work_zero_machine_mm,
                machine,
                &pose.rotary_deg,
            ),
            clearance_z_mm: self.safe_z_mm(level),
            task: SetupTask::Cover,
            rotary_deg: pose.rotary_deg.clone(),
            ..level.clone()
        }
    }

    fn safe_z_mm(&self, level: &Setup) -> f64 {
        let plan = self.plan;
        safe_z_mm(&plan.machine, &plan.stock, &plan.fixtures, level, self.clearance_mm)
    }
}

/// The last level clamping of either side: where it is finished.
fn sides(plan: &Plan) -> Vec<&Setup> {
    let up = |s: &Setup| s.part_from_work.iso.rotation * Vector3::z();
    let level = || plan.setups.iter().rev().filter(|s| !s.is_indexed());
    [1.0, -1.0].iter().filter_map(|side| level().find(|s| up(s).z * side > 0.9)).collect()
}

struct Search<'a> {
    with: &'a Covering<'a>,
    goals: &'a [Goal],
    outline: &'a [[f64; 2]],
    longest: &'a Tool,
}

impl Search<'_> {
    fn poses<'s>(&self, level: &'s Setup) -> Vec<Pose3p2<'s>> {
        let to_part = level.part_from_work.iso.rotation;
        let machine = &self.with.plan.machine;
        half_sphere(DIRECTIONS)
            .into_par_iter()
            .filter(|w| w.z >= UPRIGHT_MIN)
            .filter_map(|in_work| {
                let angles = angles_deg(machine, in_work);
                if angles.is_empty() {
                    return None;
                }
                let direction = to_part * in_work;
                let reaches: Vec<Reach> = self
                    .goals
                    .iter()
                    .enumerate()
                    .filter_map(|(goal, g)| {
                        let stick_out_mm = self.reached(g, direction, level)?;
                        Some(Reach { goal, stick_out_mm })
                    })
                    .collect();
                if reaches.is_empty() {
                    return None;
                }
                let rotary_deg =
                    angles.into_iter().find(|angles| self.within_travel(level, angles, &reaches))?;
                Some(Pose3p2 { level, rotary_deg, upright: in_work.z, reaches })
            })
            .collect()
    }

    /// How far the ball must stick out to reach a goal along `direction`; none where no ball does.
    fn reached(&self, goal: &Goal, direction: Vector3<f64>, level: &Setup) -> Option<f64> {
        if goal.normal.dot(&direction) < LOOKS_MIN {
            return None;
        }
        let plan = self.with.plan;
        let r = self.longest.radius_mm();
        let up = (level.part_from_work.iso.rotation * Vector3::z()).z.signum();
        let cos = direction.z * up;
        let (lo, hi) = (plan.stock.min_mm.mm[2], plan.stock.max_mm.mm[2]);
        let ball = goal.at + goal.normal * r;
        let rise = (if up > 0.0 { hi } else { lo } - ball.z) / direction.z;
        // As for tilted holes: the holder leans towards the frame.
        let leans = self.longest.holder_diameter_mm / 2.0 * (1.0 - cos * cos).max(0.0).sqrt();
        let stick_out_mm = rise + r + leans / cos + HOLDER_FREE_MM;
        if stick_out_mm > self.longest.stick_out_mm {
            return None;
        }
        let out = ball + direction * rise;
        let beyond = signed_distance_to_outline_mm(self.outline, [out.x, out.y]);
        if beyond > plan.lane_mm - r / cos - FREE_MM {
            return None;
        }
        let tree = &self.with.shape.tree;
        let off = goal.at + goal.normal * OFF_MM;
        let free = tree.first_hit(off.into(), direction.into(), 0.0, f64::INFINITY).is_none()
            && tree.nearest(ball.into(), r - OFF_MM).is_none()
            && self.shank_passes(ball, direction);
        free.then_some(stick_out_mm)
    }

    /// Whether a cylinder as thick as the ball leaves the part along `direction`.
    fn shank_passes(&self, ball: Vector3<f64>, direction: Vector3<f64>) -> bool {
        let (r, shape) = (self.longest.radius_mm(), self.with.shape);
        let near =
            |p: &Vector3<f64>| (0..3).all(|a| p[a] > shape.min_mm[a] - r && p[a] < shape.max_mm[a] + r);
        (1..)
            .map(|k| ball + direction * (0.5 * r * f64::from(k)))
            .take_while(near)
            .all(|p| shape.tree.nearest(p.into(), r - SHANK_OFF_MM).is_none())
    }

    fn within_travel(&self, level: &Setup, angles: &[f64], reaches: &[Reach]) -> bool {
        let machine = &self.with.plan.machine;
        let zero = level.work_zero_machine_mm;
        let work_from_part = indexed(level.part_from_work, zero, machine, angles).inverse();
        let tool_mm = self.longest.stick_out_mm + self.longest.holder_length_mm;
        let within = |a: usize, mm: f64| mm >= machine.travel_min_mm[a] && mm <= machine.travel_max_mm[a];
        within(2, zero[2] + self.with.safe_z_mm(level) + tool_mm)
            && reaches.iter().all(|reach| {
                let p = work_from_part.apply(Point::<Part>::new(self.goals[reach.goal].at.into())).mm;
                // The tip is below the place by a ball's diameter at most.
                let low = [p[0], p[1], p[2] - self.longest.diameter_mm];
                (0..3).all(|a| within(a, zero[a] + low[a]))
            })
    }
}

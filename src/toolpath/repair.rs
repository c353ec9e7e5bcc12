//! Measures every corner and face centre of the design against the finishing passes and adds passes where stock is
//! left.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Implant, Move, Operation, Plan, SetupTask, Tool};

use super::cutter::{Cutter, P3};
use super::finish::{Finishing, Grade, Zone};
use super::link::Standing;
use super::params::ToolpathParams;
use super::plane::Plane;
use super::residual::Swept;
use super::scene::Scene;
use super::speeds::speeds;
use super::{Roles, ToolpathError};

/// Beyond this stock is not measured, mm: it was not finished at all.
const LIMIT_MM: f64 = 0.5;
/// Name of the added operations.
const REST: &str = "rest finish";

/// Passes are laid over this much beside a place that stands proud, mm: two nodes of the lattice, more than a spacing.
const BESIDE_MM: f64 = 0.55;

/// A ball that does not fit square to a face is looked for on a lattice of this step, mm …
const ASIDE_MM: f64 = 0.06;
/// … so many to every side: as far as a radius of 1.5 mm turns by 14 degrees.
const ASIDE_STEPS: i32 = 6;

/// A dip takes no more than this, mm: twice the tolerance.
const DIP_MM_MAX: f64 = 0.05;
/// Dips nearer to each other are one, mm.
const DIPS_APART_MM: f64 = 0.03;

/// A ball that passes again stands within this of where its own setup has finished, mm, a smaller one by as much as it is
/// smaller: it cuts no deeper, wherever stock stands that nobody has taken. Beside a wall that is the lane, a hair below the
/// last pass. A spacing is half of it.
const BITE_MM: f64 = 0.3;

/// Tips from which a ball reaches what stands proud, in cells of `BESIDE_MM`. On a wall one place says nothing of what is
/// above or below it, so heights count like sides.
#[derive(Default)]
struct Hot {
    cells: BTreeMap<[i64; 3], Vec<P3>>,
}

impl Hot {
    fn cell(tip: P3) -> [i64; 3] {
        tip.map(|x| (x / BESIDE_MM).floor() as i64)
    }

    fn new(tips: Vec<P3>) -> Self {
        let mut hot = Self::default();
        for tip in tips {
            hot.cells.entry(Self::cell(tip)).or_default().push(tip);
        }
        hot
    }

    /// True where one of them is no farther than `mm`.
    fn near(&self, tip: P3, mm: f64) -> bool {
        if !tip[2].is_finite() {
            return false;
        }
        let (c, n) = (Self::cell(tip), (mm / BESIDE_MM).ceil() as i64);
        (-n..=n).any(|k| {
            (-n..=n).any(|j| {
                (-n..=n).any(|i| {
                    self.cells.get(&[c[0] + i, c[1] + j, c[2] + k]).is_some_and(|tips| {
                        tips.iter().any(|t| (0..3).map(|a| (t[a] - tip[a]).powi(2)).sum::<f64>() <= mm * mm)
                    })
                })
            })
        })
    }

    /// Heights between which they lie, one range per cell's height.
    fn heights(&self) -> Vec<[f64; 2]> {
        let layers: BTreeSet<i64> = self.cells.keys().map(|c| c[2]).collect();
        layers.into_iter().map(|k| [(k - 1) as f64 * BESIDE_MM, (k + 2) as f64 * BESIDE_MM]).collect()
    }
}

/// What stands where after all passes, by the programmer's own reckoning.
#[derive(Clone, Debug, PartialEq)]
pub struct Residual {
    /// Samples outside the tabs' roots.
    pub samples: usize,
    /// Deepest gouge, mm (negative).
    pub least_mm: f64,
    /// 99.9th percentile of stock left, mm.
    pub p99_9_mm: f64,
    /// Most stock left, mm.
    pub most_mm: f64,
    /// Samples with more stock than asked.
    pub proud: usize,
    /// The same before anything was passed again.
    pub proud_before: usize,
}

impl Residual {
    /// One line for a log.
    pub fn line(&self) -> String {
        format!(
            "{} samples: least {:+.1} um, p99.9 {:+.1} um, most {:+.1} um, {} proud ({} before repair)",
            self.samples,
            1e3 * self.least_mm,
            1e3 * self.p99_9_mm,
            1e3 * self.most_mm,
            self.proud,
            self.proud_before
        )
    }
}

/// Places of the design where finishing is measured, tabs' roots left out: part mm, outward normal.
pub fn samples(implant: &Implant, plan: &Plan, ball_mm: f64) -> Vec<(P3, P3)> {
    let body = &implant.body;
    let mut vertex_normal = vec![[0f64; 3]; body.vertices.len()];
    let mut out = Vec::new();
    for (t, tri) in body.triangles.iter().enumerate() {
        let n = body.normal(t) * body.triangle_area_mm2(t);
        for v in tri {
            for k in 0..3 {
                vertex_normal[*v as usize][k] += n[k];
            }
        }
        let c = body.corners(t);
        let m = (c[0] + c[1] + c[2]) / 3.0;
        let n = body.normal(t);
        out.push(([m.x, m.y, m.z], [n.x, n.y, n.z]));
    }
    for (v, n) in body.vertices.iter().zip(vertex_normal) {
        let l = (n[0] * n[0] + n[1] * n[1] + n[2] * n[2]).sqrt();
        if l > 0.0 {
            out.push((*v, n.map(|x| x / l)));
        }
    }
    out.retain(|(p, n)| !at_a_tab(p, n, plan, ball_mm));
    out
}

/// True where a ball of `ball_mm` that touches the part at `p` would cut into a tab: the tab's root, which is dressed
/// by hand when the part is cut free.
fn at_a_tab(p: &P3, n: &P3, plan: &Plan, ball_mm: f64) -> bool {
    let c: P3 = std::array::from_fn(|k| p[k] + ball_mm * n[k]);
    plan.tabs.iter().any(|t| {
        let (dx, dy) = (c[0] - t.centre.mm[0], c[1] - t.centre.mm[1]);
        let along = dx * t.outward_xy[0] + dy * t.outward_xy[1];
        let across = -dx * t.outward_xy[1] + dy * t.outward_xy[0];
        let gap = [
            (-super::scene::TAB_INTO_RIM_MM - along).max(0.0),
            (across.abs() - 0.5 * t.width_mm).max(0.0),
            (t.z_min_mm - c[2]).max(c[2] - t.z_max_mm).max(0.0),
        ];
        // 10 µm: beyond it the ball stands as near as the tolerance asks.
        gap.iter().map(|g| g * g).sum::<f64>().sqrt() < ball_mm + 0.01
            && dx.hypot(dy) < plan.lane_mm + t.width_mm
    })
}

/// Segments of the ball's centre of all finishing moves of `operations`, part frame.
pub fn swept<'a>(plan: &Plan, operations: impl IntoIterator<Item = &'a Operation>) -> Swept {
    Swept::new(segments(plan, operations))
}

/// The same, each with the ball's radius.
pub fn segments<'a>(plan: &Plan, operations: impl IntoIterator<Item = &'a Operation>) -> Vec<(P3, P3, f64)> {
    let mut segments = Vec::new();
    for op in operations.into_iter().filter(|o| o.name.starts_with("finish") || o.name == REST) {
        let Some(setup) = plan.setups.iter().find(|s| s.number == op.setup) else { continue };
        let Some(tool) = plan.tools.values().find(|t| t.number == op.tool) else { continue };
        let r = tool.radius_mm();
        let centre = |p: &P3| setup.part_from_work.apply_raw([p[0], p[1], p[2] + r]);
        let mut at: Option<P3> = None;
        for m in &op.moves {
            match m {
                Move::Cut(p) | Move::Plunge(p) => {
                    if let Some(from) = at {
                        segments.push((from, centre(p), r));
                    }
                    at = Some(centre(p));
                }
                Move::Rapid(p) => at = Some(centre(p)),
                Move::Arc { .. } | Move::Drill { .. } => at = None,
            }
        }
    }
    segments
}

/// Measures, adds passes, measures again.
pub fn repair(
    implant: &Implant,
    plan: &Plan,
    params: &ToolpathParams,
    scenes: &[&Scene],
    tools: &Roles<'_>,
    operations: &mut Vec<Operation>,
) -> Result<Residual, ToolpathError> {
    let places = samples(implant, plan, tools.rim.radius_mm());
    let mut left = swept(plan, &*operations).over(&places, params.residual_mm_max, LIMIT_MM);
    let count = |left: &[f64]| left.iter().filter(|&&s| s > params.residual_mm_max).count();
    let proud_before = count(&left);
    // The rim's ball first; where it cannot stand, a smaller one if the plan has it. Half the spacing at once: laying the usual
    // one first where no ball had been left hollows that took the half as well, a fifth more path on a skull's plate.
    let rounds = [(tools.rim, Passes::Spaced), (tools.rim, Passes::Dips)].into_iter();
    for (tool, passes) in rounds.chain(tools.pencil.map(|t| (t, Passes::Spaced))) {
        if count(&left) == 0 {
            break;
        }
        let rest = again(plan, params, scenes, (tool, passes), operations, (&places, &left));
        // What was there before is still cut: only the new passes can take more.
        let after = swept(plan, &rest).over(&places, LIMIT_MM, LIMIT_MM);
        left = left.iter().zip(after).map(|(a, b)| a.min(b)).collect();
        for op in rest {
            // After the last finishing of the setup, before its holes: the rim tool is in the spindle.
            let finishes = |o: &Operation| o.name.starts_with("finish") || o.name == REST;
            let after = operations
                .iter()
                .rposition(|o| o.setup == op.setup && finishes(o))
                .or_else(|| operations.iter().rposition(|o| o.setup == op.setup));
            operations.insert(after.map_or(operations.len(), |k| k + 1), op);
        }
    }
    Ok(residual(&left, params.residual_mm_max, proud_before))
}

/// How what is proud is passed again.
#[derive(Clone, Copy)]
enum Passes {
    /// At half the spacing over all about it.
    Spaced,
    /// Through the one place where the ball reaches it: in a hollow hardly wider than the ball that is smaller than a spacing.
    Dips,
}

/// The tips, without those that another stands for.
fn apart(tips: Vec<P3>) -> Vec<P3> {
    let mut out: Vec<P3> = Vec::new();
    for t in tips {
        let near = |o: &P3| (0..3).map(|k| (o[k] - t[k]).powi(2)).sum::<f64>() < DIPS_APART_MM.powi(2);
        if !out.iter().any(near) {
            out.push(t);
        }
    }
    out
}

/// Passes of a ball over what is proud and the ball can reach, per setup.
fn again(
    plan: &Plan,
    params: &ToolpathParams,
    scenes: &[&Scene],
    (tool, passes): (&Tool, Passes),
    operations: &[Operation],
    (places, left_mm): (&[(P3, P3)], &[f64]),
) -> Vec<Operation> {
    let ball = tool.radius_mm();
    let proud: Vec<usize> = (0..places.len()).filter(|&k| left_mm[k] > params.residual_mm_max).collect();
    let mut taken = vec![false; proud.len()];
    let mut out = Vec::new();
    for scene in scenes {
        let aslant = plan.setups.iter().any(|s| s.number == scene.setup && s.task == SetupTask::Cover);
        // There is one ball for it, as thick as the rim's.
        let tool = match plan.tools.get("cover").filter(|_| aslant) {
            Some(cover) if cover.diameter_mm == tool.diameter_mm => cover,
            Some(_) => continue,
            None => tool,
        };
        // A short one goes as deep as its holder stays above the blank; aslant the ground itself keeps the holder up.
        let lowest_mm = match aslant {
            true => f64::NEG_INFINITY,
            false => scene.stock_hi[2] + params.rapid_gap_mm - tool.stick_out_mm,
        };
        let finished = swept(plan, operations.iter().filter(|o| o.setup == scene.setup));
        let part_from_work = scene.work_from_part.inverse();
        let open = |tip: P3| {
            let centre = part_from_work.apply_raw([tip[0], tip[1], tip[2] + ball]);
            finished.at(&centre, BITE_MM - ball) < BITE_MM - ball
        };
        let mut tips: Vec<P3> = Vec::new();
        for (k, &s) in proud.iter().enumerate() {
            let (p, n) = places[s];
            let w = scene.work_from_part.apply_raw(p);
            let nw = scene.work_from_part.iso.rotation * nalgebra::Vector3::from(n);
            // 0.02: a wall that leans a degree the wrong way is the other setup's.
            if taken[k] || nw.z < -0.02 {
                continue;
            }
            // Reached when a ball stands farther off by half of what is left now and touches nothing else: in a corner that no
            // ball fits the other half may still be cusps.
            let off = ball + 0.5 * left_mm[s].max(params.residual_mm_max);
            let tip = match passes {
                Passes::Spaced => tip_on(scene, ball, (w, nw.into()), off),
                // What stands higher was not finished, and a dip has no room for a ramp.
                Passes::Dips if left_mm[s] > DIP_MM_MAX => None,
                Passes::Dips => tip_over(scene, ball, (w, nw.into()), off),
            };
            if let Some(tip) = tip.filter(|t| t[2] >= lowest_mm && open(*t)) {
                taken[k] = true;
                tips.push(tip);
            }
        }
        if tips.is_empty() {
            continue;
        }
        let (lo, hi) = scene.reach(ball);
        let mask = Plane::over(lo, hi, 0.25);
        let stands = |_: f64| Standing {
            plane: mask,
            // Everything was finished once: rapids end above the part itself, by the tool's own rest.
            z_mm: vec![f64::NEG_INFINITY; mask.len()],
            sure_mm: vec![f64::NEG_INFINITY; mask.len()],
            outside_mm: scene.stock_hi[2],
        };
        let finishing = Finishing {
            scene,
            params,
            scallop_mm: plan.scallop_mm,
            standing: &stands,
            rough_skin_mm: plan.rough_allowance_mm,
        };
        let moves = match passes {
            Passes::Dips => {
                finishing.moves(tool, finishing.dips(tool, &apart(tips)), Zone::Shallow, Grade::Finish)
            }
            Passes::Spaced => {
                let hot = Hot::new(tips);
                let field = finishing.field(tool, Grade::Finish);
                let wanted = |tip: P3| hot.near(tip, BESIDE_MM) && open(tip);
                let [shallow, steep] = finishing.again(tool, &field, &wanted, &hot.heights());
                let mut moves = finishing.moves(tool, shallow, Zone::Shallow, Grade::Finish);
                moves.extend(finishing.moves(tool, steep, Zone::Steep, Grade::Finish));
                // A ball that has not passed yet has its own creases.
                let beside = |tip: P3| hot.near(tip, 2.0 * BESIDE_MM) && open(tip);
                let creases = finishing.creases(tool, &field, &beside);
                moves.extend(finishing.moves(tool, creases, Zone::Shallow, Grade::Finish));
                moves
            }
        };
        if moves.is_empty() {
            continue;
        }
        let depth_mm = params.semi_allowance_mm + params.semi_scallop_mm;
        // Repairs lie anywhere, walls too.
        let wall = std::f64::consts::FRAC_PI_2;
        let s = speeds(&plan.material.finish, tool, &plan.machine, depth_mm, wall);
        out.push(Operation {
            name: REST.into(),
            setup: scene.setup,
            tool: tool.number,
            spindle_rpm: s.spindle_rpm,
            feed_mm_per_min: s.feed_mm_per_min,
            plunge_mm_per_min: (s.feed_mm_per_min * params.ramp_feed_fraction).floor().max(1.0),
            coolant: plan.material.coolant.clone(),
            moves,
        });
    }
    out
}

/// Tip of a ball whose centre stands `off_mm` from a place, square to its face, if it touches nothing there.
fn tip_on(scene: &Scene, radius_mm: f64, (place, normal): (P3, P3), off_mm: f64) -> Option<P3> {
    let centre: P3 = std::array::from_fn(|k| place[k] + normal[k] * off_mm);
    let tip = [centre[0], centre[1], centre[2] - radius_mm];
    (scene.ground.z(&Cutter::ball(radius_mm), tip[0], tip[1]) <= tip[2]).then_some(tip)
}

/// The same, or else the nearest that rests beside with its centre no farther from the place: a facet's normal says little of
/// where the ball stands in a hollow.
fn tip_over(scene: &Scene, radius_mm: f64, (place, normal): (P3, P3), off_mm: f64) -> Option<P3> {
    if let Some(tip) = tip_on(scene, radius_mm, (place, normal), off_mm) {
        return Some(tip);
    }
    let ball = &Cutter::ball(radius_mm);
    let tip = [0, 1].map(|k| place[k] + normal[k] * off_mm);
    let beside = (-ASIDE_STEPS..=ASIDE_STEPS)
        .flat_map(|j| (-ASIDE_STEPS..=ASIDE_STEPS).map(move |i| [i, j].map(|k| f64::from(k) * ASIDE_MM)))
        .map(|d| {
            let (x, y) = (tip[0] + d[0], tip[1] + d[1]);
            let z = scene.ground.z(ball, x, y);
            let far = (x - place[0]).hypot(y - place[1]).hypot(z + radius_mm - place[2]);
            (far, [x, y, z])
        });
    beside.min_by(|a, b| a.0.total_cmp(&b.0)).filter(|b| b.0 <= off_mm).map(|b| b.1)
}

fn residual(stock: &[f64], limit_mm: f64, proud_before: usize) -> Residual {
    let mut sorted = stock.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |q: f64| sorted.get(((sorted.len() as f64 - 1.0).max(0.0) * q) as usize).copied().unwrap_or(0.0);
    Residual {
        samples: stock.len(),
        least_mm: at(0.0),
        p99_9_mm: at(0.999),
        most_mm: at(1.0),
        proud: stock.iter().filter(|&&s| s > limit_mm).count(),
        proud_before,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_on_a_wall_says_nothing_of_what_is_above_it() {
        let hot = Hot::new(vec![[1.0, -2.0, -7.3]]);
        assert!(hot.near([1.3, -2.2, -7.0], BESIDE_MM));
        assert!(!hot.near([1.0, -2.0, -6.7], BESIDE_MM));
        assert!(hot.near([1.0, -2.0, -6.7], 2.0 * BESIDE_MM));
        assert!(!hot.near([1.0, -2.0, f64::NEG_INFINITY], 1e9));
        let within = |z: f64| hot.heights().iter().any(|h| h[0] <= z && z <= h[1]);
        // All that is near lies within.
        assert!(within(-7.3 - BESIDE_MM) && within(-7.3 + BESIDE_MM) && !within(-5.0));
    }
}

//! Measures every corner and face centre of the design against the finishing passes and adds passes where stock is
//! left.

use crate::model::{Implant, Move, Operation, Plan};

use super::cutter::P3;
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
pub fn swept(plan: &Plan, scenes: &[&Scene], operations: &[Operation]) -> Swept {
    let mut segments = Vec::new();
    for op in operations.iter().filter(|o| o.name.starts_with("finish") || o.name == REST) {
        let Some(scene) = scenes.iter().find(|s| s.setup == op.setup) else { continue };
        let Some(tool) = plan.tools.values().find(|t| t.number == op.tool) else { continue };
        let r = tool.radius_mm();
        let part_from_work = scene.work_from_part.inverse();
        let centre = |p: &P3| part_from_work.apply_raw([p[0], p[1], p[2] + r]);
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
    Swept::new(segments)
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
    let ball = tools.rim.radius_mm();
    let places = samples(implant, plan, ball);
    let before = swept(plan, scenes, operations).over(&places, params.residual_mm_max, LIMIT_MM);
    let proud: Vec<usize> = (0..places.len()).filter(|&k| before[k] > params.residual_mm_max).collect();
    let proud_before = proud.len();
    if proud.is_empty() {
        return Ok(residual(&before, params.residual_mm_max, proud_before));
    }
    let mut taken = vec![false; proud.len()];
    for scene in scenes {
        let cutter = super::cutter::Cutter::ball(ball);
        let mut hot: Vec<[f64; 2]> = Vec::new();
        for (k, &s) in proud.iter().enumerate() {
            let (p, n) = places[s];
            let w = scene.work_from_part.apply_raw(p);
            let nw = scene.work_from_part.iso.rotation * nalgebra::Vector3::from(n);
            // 0.02: a wall that leans a degree the wrong way is the other setup's.
            if taken[k] || nw.z < -0.02 {
                continue;
            }
            // Reached when the ball stands there, farther off by half of what is left now, and touches nothing else: in a
            // corner that no ball fits the other half may still be cusps.
            let off = ball + 0.5 * before[s].max(params.residual_mm_max);
            let centre = [w[0] + nw.x * off, w[1] + nw.y * off, w[2] + nw.z * off];
            if scene.ground.z(&cutter, centre[0], centre[1]) <= centre[2] - ball {
                taken[k] = true;
                hot.push([centre[0], centre[1]]);
            }
        }
        if hot.is_empty() {
            continue;
        }
        let (lo, hi) = scene.reach(ball);
        // Half a cutter-location spacing is what a lattice of 0.25 mm can tell apart.
        let mask = Plane::over(lo, hi, 0.25);
        let mut on = vec![false; mask.len()];
        for p in &hot {
            if let Some(at) = mask.nearest(p[0], p[1]) {
                on[at] = true;
            }
        }
        let d = mask.distance_to(|at| on[at]);
        let wanted = |p: [f64; 2]| mask.nearest(p[0], p[1]).is_some_and(|at| d[at] <= 0.55);
        let stands = |_: f64| Standing {
            plane: mask,
            // Everything was finished once: rapids end above the part itself, by the tool's own rest.
            z_mm: vec![f64::NEG_INFINITY; mask.len()],
            outside_mm: scene.stock_hi[2],
        };
        let finishing = Finishing {
            scene,
            params,
            scallop_mm: plan.scallop_mm,
            standing: &stands,
            rough_skin_mm: plan.rough_allowance_mm,
        };
        let field = finishing.field(tools.rim, Grade::Finish);
        let [shallow, steep] = finishing.again(tools.rim, &field, &wanted);
        let mut moves = finishing.moves(tools.rim, shallow, Zone::Shallow, Grade::Finish);
        moves.extend(finishing.moves(tools.rim, steep, Zone::Steep, Grade::Finish));
        if moves.is_empty() {
            continue;
        }
        let depth_mm = params.semi_allowance_mm + params.semi_scallop_mm;
        // Repairs lie anywhere, walls too.
        let wall = std::f64::consts::FRAC_PI_2;
        let s = speeds(&plan.material.finish, tools.rim, &plan.machine, depth_mm, wall);
        let op = Operation {
            name: REST.into(),
            setup: scene.setup,
            tool: tools.rim.number,
            spindle_rpm: s.spindle_rpm,
            feed_mm_per_min: s.feed_mm_per_min,
            plunge_mm_per_min: (s.feed_mm_per_min * params.ramp_feed_fraction).floor().max(1.0),
            coolant: plan.material.coolant.clone(),
            moves,
        };
        // After the setup's rim, before its holes: the rim tool is in the spindle.
        let after = operations
            .iter()
            .rposition(|o| o.setup == scene.setup && o.tool == tools.rim.number)
            .or_else(|| operations.iter().rposition(|o| o.setup == scene.setup));
        operations.insert(after.map_or(operations.len(), |k| k + 1), op);
    }
    // What was there before is still cut: only the new passes can take more.
    let rest: Vec<Operation> = operations.iter().filter(|o| o.name == REST).cloned().collect();
    let after = swept(plan, scenes, &rest).over(&places, LIMIT_MM, LIMIT_MM);
    let left: Vec<f64> = before.iter().zip(after).map(|(a, b)| a.min(b)).collect();
    Ok(residual(&left, params.residual_mm_max, proud_before))
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

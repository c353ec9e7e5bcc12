//! Turns an implant and its plan into tool motions.
//!
//! **In** `Implant` (its body without holes, Part frame, mm) and `Plan` (setups, blank, lane, tabs, tools, material).
//! **Out** `Vec<Operation>`: moves of the tool tip in the work frame of each setup, mm, in the order they are run.
//!
//! **Method** Everything rests on one function: the height at which a cutter lowered along its axis first touches the
//! part or a tab, closed-form against corners, edges and faces ([`cutter`], [`mod@drop`]). Roughing cuts deep where the
//! part lies low, then ledge by ledge, each pass steered so that the mill's engagement angle stays within what the
//! material's width of cut gives (`rough`, `adapt`); a second, thinner mill (role `rest`) may clear what the first is
//! too thick for. Both work on the stock as it stands, what the other side has opened included (`stock`).
//! A ball then takes steps off to an even skin, and finishes. Where the
//! surface is shallow, `finish_pattern` chooses: `"raster"`, parallel passes spaced by slope up to 40 degrees; or
//! `"scallop"`, lines of equal geodesic distance over the surface of cutter locations up to 50 degrees (Kimmel and
//! Sethian, "Computing geodesic paths on manifolds", PNAS 95, 1998), corrected for its curvature, joined to spirals where
//! they lie one in the other (`scallop`, `spiral`, `uncovered`). Where it is steep, contours of that height function,
//! overlapping the other passes. Then the creases, where the ball touches two places at once (`pencil`). Then every corner
//! and face centre of the design is measured against the balls that passed it, and what stands proud is passed again
//! at half the spacing, by the rim's ball and, where the plan has one, by the smaller ball of the role `pencil` as deep
//! as its holder stays above the blank. Upright holes are drilled from the
//! first setup, tilted ones in the indexed setup that looks along them; what neither side sees is milled in indexed setups by
//! one ball (`tilted`); each setup breaks the mouths it looks at
//! (`mouths`) and cuts the countersinks (`sinks`). A marking that is to be milled is the last thing done in the setup that
//! looks at its face (`engrave`).
//!
//! **Different from the paper** Constant-scallop papers offset curves on the design; here the distance is marched on the
//! surface of the tip, whose level lines are the path itself, and steeper than 60 degrees contours take over: a node of the
//! lattice would stand for too much of the wall.
//!
//! **Guarantees** No chord of a finishing pass lies more than `chord_gouge_mm_max` below the cutter-location surface
//! at its probes. Tabs are obstacles like the part. Rapids are vertical or at clearance height. The same operations on
//! any thread count.
//!
//! **Limits** What faces away from both setups is reached by the plan's indexed setups or is left as it is. Detail that passes
//! between the probes of a chord (0.2 mm) is bounded only by the facets' size. Beside a tab the ball leaves its own
//! fillet. The engagement angle is bounded outside entries but for what pixels of 0.1 mm hide; a place so narrow that no
//! bounded stroke opens it is cut at larger angles at the feed of entries.

mod adapt;
mod coupon;
pub mod cutter;
pub mod drop;
mod engrave;
mod entry;
mod error;
mod fillets;
mod finish;
mod geodesic;
mod holes;
mod level;
mod link;
mod make;
mod mouths;
mod outline;
mod params;
mod pass;
mod pencil;
mod plane;
mod raster;
mod region;
mod repair;
mod residual;
mod rough;
mod scallop;
mod scene;
mod sinks;
mod speeds;
mod spiral;
mod stock;
mod tilted;
mod uncovered;
mod waterline;
mod ways;

#[cfg(test)]
mod engage;
#[cfg(test)]
mod plate;
#[cfg(test)]
mod proof;

use crate::model::{FlipCoupon, Hole, Implant, Operation, Plan, Setup, SetupTask, Tool, ToolKind, Watch};

pub use error::ToolpathError;
pub use fillets::left_on_at_tabs;
use make::{Cleared, Maker};
pub use params::{FinishPattern, ToolpathParams, ToolpathToml};
use scene::Scene;

/// Tool motions that make `implant` as `plan` says.
///
/// # Errors
/// [`ToolpathError`] when the plan lacks a tool or has the wrong one, the part does not fit the blank or the lane, or
/// a hole cannot be drilled as designed.
pub fn make_operations(
    implant: &Implant,
    plan: &Plan,
    params: &ToolpathParams,
    watch: &dyn Watch,
) -> Result<Vec<Operation>, ToolpathError> {
    check(plan)?;
    let tools = Roles::of(plan)?;
    let needed_mm = tools.rough.diameter_mm + plan.rough_allowance_mm + 0.5;
    if !(plan.lane_mm >= needed_mm) {
        return Err(ToolpathError::NarrowLane { lane_mm: plan.lane_mm, needed_mm });
    }
    let (indexed, level): (Vec<&Setup>, Vec<&Setup>) = plan.setups.iter().partition(|s| s.is_indexed());
    let scenes: Vec<Scene> = level.iter().map(|s| Scene::new(implant, plan, s)).collect::<Result<_, _>>()?;
    // Roughing, two of semi-finishing, two of finishing, holes.
    let mut maker = Maker { implant, plan, params, tools: &tools, watch, out: Vec::new() };
    let total = Maker::STEPS * scenes.len() as u64;
    let mut cleared: Vec<(&Scene, Cleared)> = Vec::new();
    let mut aslant: Vec<Scene> = Vec::new();
    let mut finished = 0;
    for (k, (setup, scene)) in level.iter().zip(&scenes).enumerate() {
        let at = (k, scenes.len());
        if setup.task != SetupTask::Finish {
            let rough = maker.rough(scene, at, &cleared)?;
            cleared.push((scene, rough));
        }
        if setup.task == SetupTask::Rough {
            continue;
        }
        let same_side = |other: &Scene| {
            other.work_from_part.iso.rotation.angle_to(&scene.work_from_part.iso.rotation) < 1e-9
        };
        let rough = cleared.iter().rev().find(|(of, _)| same_side(of));
        let (_, rough) = rough.ok_or(ToolpathError::NotRoughed { setup: scene.setup })?;
        let first = finished == 0;
        finished += 1;
        maker.finish(scene, at, rough, if first { "first side" } else { "second side" })?;
        maker.step(at, 5, "holes", scene)?;
        // Upright holes are drilled from the first side that is finished; what is tilted waits for its own setup.
        let drills =
            |s: &Setup, h: &Hole| s.task == SetupTask::Holes && holes::faces(h, &s.part_from_work.inverse());
        let tilted = |h: &Hole| indexed.iter().any(|s| drills(s, h));
        maker.holes(scene, |h| first && !tilted(h))?;
        for turned in indexed.iter().filter(|s| s.clamping == scene.setup) {
            if turned.task == SetupTask::Cover {
                let (of, stands) = cleared.last().expect("a side has been roughed");
                aslant.push(maker.aslant(at, scene, turned, (of, stands))?);
                continue;
            }
            let turned = Scene::new(implant, plan, turned)?;
            maker.holes(&turned, |h| holes::faces(h, &turned.work_from_part))?;
        }
    }
    let finishing: Vec<&Scene> =
        level.iter().zip(&scenes).filter(|(s, _)| s.task != SetupTask::Rough).map(|(_, s)| s).collect();
    let mut out = std::mem::take(&mut maker.out);
    let passed: Vec<&Scene> = finishing.iter().copied().chain(&aslant).collect();
    let report = repair::repair(implant, plan, params, &passed, &tools, &mut out)?;
    // Last of its setup, when the face is finished and its holes have no burr to catch the small ball.
    for scene in finishing {
        maker.engrave(scene)?;
    }
    maker.coupon_bores(&level, &scenes);
    for op in maker.out {
        // Before anything of the second side is cut, its setup opens the coupon and probes.
        if op.name == FlipCoupon::OPENING {
            let before = out.iter().position(|o| o.setup == op.setup).unwrap_or(out.len());
            out.insert(before, op);
            continue;
        }
        let after = out.iter().rposition(|o| o.setup == op.setup).map_or(out.len(), |k| k + 1);
        out.insert(after, op);
    }
    watch.note(&report.line());
    watch.progress(total, total);
    Ok(out)
}

/// Tool motions that mill a nest from above: the whole block roughed, its seat (the first `seat` facets) finished.
///
/// # Errors
/// As [`make_operations`].
pub fn make_nest_operations(
    nest: &Implant,
    seat: usize,
    plan: &Plan,
    params: &ToolpathParams,
    watch: &dyn Watch,
) -> Result<Vec<Operation>, ToolpathError> {
    check(plan)?;
    let tools = Roles::of(plan)?;
    let mut maker = Maker { implant: nest, plan, params, tools: &tools, watch, out: Vec::new() };
    for setup in &plan.setups {
        let scene = Scene::finishing(nest, plan, setup, seat)?;
        let rough = maker.rough(&scene, (0, 1), &[])?;
        maker.finish(&scene, (0, 1), &rough, "seat")?;
    }
    Ok(maker.out)
}

/// Tools by role.
struct Roles<'a> {
    rough: &'a Tool,
    /// Clears what the first mill is too thick for.
    rest: Option<&'a Tool>,
    finish: &'a Tool,
    rim: &'a Tool,
    /// A smaller ball for what the others leave in corners, where the plan has one.
    pencil: Option<&'a Tool>,
}

impl<'a> Roles<'a> {
    fn of(plan: &'a Plan) -> Result<Self, ToolpathError> {
        let pencil = || tool_of(plan, "pencil", ToolKind::Ball, "cleans corners", "a ball end mill");
        Ok(Self {
            pencil: plan.tools.contains_key("pencil").then(pencil).transpose()?,
            rough: tool_of(plan, "rough", ToolKind::Flat, "clears the blank", "a flat end mill")?,
            rest: match plan.tools.contains_key("rest") {
                true => {
                    Some(tool_of(plan, "rest", ToolKind::Flat, "roughs narrow places", "a flat end mill")?)
                }
                false => None,
            },
            finish: tool_of(plan, "finish", ToolKind::Ball, "finishes the surfaces", "a ball end mill")?,
            rim: tool_of(plan, "rim", ToolKind::Ball, "finishes the rim", "a ball end mill")?,
        })
    }
}

fn tool<'a>(plan: &'a Plan, role: &'static str, why: &str) -> Result<&'a Tool, ToolpathError> {
    plan.tools.get(role).ok_or_else(|| ToolpathError::NoTool { role, why: why.into() })
}

fn tool_of<'a>(
    plan: &'a Plan,
    role: &'static str,
    kind: ToolKind,
    why: &str,
    needed: &'static str,
) -> Result<&'a Tool, ToolpathError> {
    let tool = tool(plan, role, why)?;
    let sized = tool.diameter_mm.is_finite() && tool.diameter_mm > 0.0;
    let round = kind != ToolKind::Ball || (tool.corner_radius_mm - tool.radius_mm()).abs() < 1e-6;
    let pointed = kind != ToolKind::Drill || is_drill(tool);
    if tool.kind != kind || !sized || !round || !pointed || tool.flutes == 0 {
        return Err(ToolpathError::WrongTool {
            number: tool.number,
            role,
            found: format!(
                "is {:?}, {} mm across, corner {} mm, point {} degrees, {} flutes",
                tool.kind, tool.diameter_mm, tool.corner_radius_mm, tool.point_angle_deg, tool.flutes
            ),
            needed,
        });
    }
    Ok(tool)
}

/// The cone of mouths and countersinks.
fn cone_of(plan: &Plan) -> Result<&Tool, ToolpathError> {
    let cone = tool_of(plan, "chamfer", ToolKind::Chamfer, "breaks the mouths of holes", "a chamfer mill")?;
    if (cone.point_angle_deg - 90.0).abs() > 1e-6 {
        return Err(ToolpathError::WrongTool {
            number: cone.number,
            role: "chamfer",
            found: format!("has a point angle of {} degrees", cone.point_angle_deg),
            needed: "a chamfer mill of 90 degrees",
        });
    }
    Ok(cone)
}

/// Each drill of the plan (roles `drill`, `drill-2` …) with those of the holes asked for that have its diameter, by
/// number from 0.
fn drills<'a>(
    implant: &Implant,
    plan: &'a Plan,
    wanted: impl Fn(&Hole) -> bool,
) -> Result<Vec<(&'a Tool, Vec<usize>)>, ToolpathError> {
    if !implant.holes.iter().any(&wanted) {
        return Ok(Vec::new());
    }
    let first =
        tool_of(plan, "drill", ToolKind::Drill, "drills the holes", "a twist drill with its point angle")?;
    let further =
        plan.tools.iter().filter(|(role, t)| role.starts_with("drill-") && is_drill(t)).map(|(_, t)| t);
    let mut out: Vec<(&Tool, Vec<usize>)> =
        std::iter::once(first).chain(further).map(|t| (t, vec![])).collect();
    for (k, hole) in implant.holes.iter().enumerate().filter(|(_, h)| wanted(h)) {
        // 10 µm: a hole of the drill's nominal size.
        let fits = |t: &Tool| (hole.diameter_mm - t.diameter_mm).abs() <= 0.01;
        match out.iter_mut().find(|(t, _)| fits(t)) {
            Some((_, numbers)) => numbers.push(k),
            None => {
                return Err(ToolpathError::HoleDiameter {
                    hole: k + 1,
                    kind: hole.kind.clone(),
                    diameter_mm: hole.diameter_mm,
                    number: first.number,
                    drill_mm: first.diameter_mm,
                });
            }
        }
    }
    out.retain(|(_, numbers)| !numbers.is_empty());
    Ok(out)
}

fn is_drill(tool: &Tool) -> bool {
    tool.kind == ToolKind::Drill && tool.point_angle_deg > 30.0 && tool.point_angle_deg <= 180.0
}

fn check(plan: &Plan) -> Result<(), ToolpathError> {
    let within = [
        ("plan.rough_allowance_mm", plan.rough_allowance_mm, 0.05, 3.0, "it must lie in 0.05 to 3 mm"),
        ("plan.scallop_mm", plan.scallop_mm, 0.0005, 0.05, "it must lie in 0.0005 to 0.05 mm"),
    ];
    for (key, value, lo, hi, needed) in within {
        if !(value >= lo && value <= hi) {
            return Err(ToolpathError::Param { key, value, needed });
        }
    }
    let mut numbers: Vec<f64> = vec![plan.lane_mm];
    numbers.extend(plan.stock.min_mm.mm.iter().chain(&plan.stock.max_mm.mm));
    for t in &plan.tabs {
        numbers.extend(t.centre.mm.iter().chain(&t.outward_xy).chain(&[t.width_mm, t.z_min_mm, t.z_max_mm]));
    }
    if numbers.iter().any(|x| !x.is_finite()) {
        return Err(ToolpathError::NotFinite { what: "blank, lane or a tab", owner: "plan" });
    }
    Ok(())
}

//! Turns an implant and its plan into tool motions.
//!
//! **In** `Implant` (its body without holes, Part frame, mm) and `Plan` (setups, blank, lane, tabs, tools, material).
//! **Out** `Vec<Operation>`: moves of the tool tip in the work frame of each setup, mm, in the order they are run.
//!
//! **Method** Everything rests on one function: the height at which a cutter lowered along its axis first touches the
//! part or a tab, closed-form against corners, edges and faces ([`cutter`], [`mod@drop`]). Roughing clears layers by
//! fronts of equal distance, one width of cut apart. A ball then takes steps off to an even skin, and finishes:
//! parallel passes where the surface is shallow, contours of that height function where it is steep, spaced for the
//! cusp in space and overlapping between 20 and 40 degrees. Then every corner and face centre of the design is
//! measured against the balls that passed it, and what stands proud is passed again. Upright holes are drilled from the
//! first setup, tilted ones in the indexed setup that looks along them; each setup breaks the mouths it looks at
//! (`mouths`) and cuts the countersinks (`sinks`).
//!
//! **Different from the paper** Constant-scallop passes by geodesic distance are replaced by a raster with spacing from
//! slope and by waterlines: on plates of a skull's curvature they lie within a fifth of the geodesic spacing.
//!
//! **Guarantees** No chord of a finishing pass lies more than `chord_gouge_mm_max` below the cutter-location surface
//! at its probes. Tabs are obstacles like the part. Rapids are vertical or at clearance height. The same operations on
//! any thread count.
//!
//! **Limits** Three axes: what faces away from both setups is not reached and is left as it is. Detail that passes
//! between the probes of a chord (0.2 mm) is bounded only by the facets' size. Beside a tab the ball leaves its own
//! fillet. Widths of cut are bounded along the fronts; the step from one front into the next, at most one width long,
//! may be as wide as the mill and runs at the feed of entries.

pub mod cutter;
pub mod drop;
mod error;
mod finish;
mod fronts;
mod holes;
mod link;
mod mouths;
mod outline;
mod params;
mod plane;
mod raster;
mod repair;
mod residual;
mod rough;
mod scene;
mod sinks;
mod speeds;
mod waterline;

#[cfg(test)]
mod plate;
#[cfg(test)]
mod proof;

use crate::model::{Cutting, Hole, Implant, Move, Operation, Plan, Setup, Tool, ToolKind, Watch};

pub use error::ToolpathError;
use finish::{Finishing, Grade, Zone};
pub use params::{ToolpathParams, ToolpathToml};
use plane::{Lowered, Plane};
use rough::{Roughed, Roughing, standing};
use scene::Scene;
use speeds::speeds;

/// The part's sound stock below the floor roughing clears for the rim ball, mm: it must not touch the lane's floor.
const LANE_SPARE_MM: f64 = 0.3;
/// How far a later setup's lane overlaps the one opened before it, mm.
const LANE_OVERLAP_MM: f64 = 1.0;

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
    let tools = Roles {
        rough: tool_of(plan, "rough", ToolKind::Flat, "clears the blank", "a flat end mill")?,
        finish: tool_of(plan, "finish", ToolKind::Ball, "finishes the surfaces", "a ball end mill")?,
        rim: tool_of(plan, "rim", ToolKind::Ball, "finishes the rim", "a ball end mill")?,
    };
    let needed_mm = tools.rough.diameter_mm + plan.rough_allowance_mm + 0.5;
    if !(plan.lane_mm >= needed_mm) {
        return Err(ToolpathError::NarrowLane { lane_mm: plan.lane_mm, needed_mm });
    }
    let (indexed, level): (Vec<&Setup>, Vec<&Setup>) = plan.setups.iter().partition(|s| s.is_indexed());
    let scenes: Vec<Scene> = level.iter().map(|s| Scene::new(implant, plan, s)).collect::<Result<_, _>>()?;
    // Roughing, two of semi-finishing, two of finishing, holes.
    let total = 6 * scenes.len() as u64;
    let mut out = Vec::new();
    let mut cleared: Vec<Roughed> = Vec::new();
    for (k, scene) in scenes.iter().enumerate() {
        let step = |n: u64, what: &str| {
            watch.progress(6 * k as u64 + n, total);
            watch.note(&format!("op{}: {what}", scene.setup));
            if watch.stopped() { Err(ToolpathError::Stopped) } else { Ok(()) }
        };
        let add = |name: &str,
                   tool: &Tool,
                   cutting: &Cutting,
                   depth_mm: f64,
                   moves: Vec<Move>,
                   out: &mut Vec<_>| {
            if moves.is_empty() {
                return;
            }
            let s = speeds(cutting, tool, &plan.machine, depth_mm);
            out.push(Operation {
                name: name.into(),
                setup: scene.setup,
                tool: tool.number,
                spindle_rpm: s.spindle_rpm,
                feed_mm_per_min: s.feed_mm_per_min,
                plunge_mm_per_min: (s.feed_mm_per_min * params.ramp_feed_fraction).floor().max(1.0),
                coolant: plan.material.coolant.clone(),
                moves,
            });
        };
        step(0, "roughing")?;
        let (roughed, plane, layer_mm) = rough_setup(scene, plan, params, &tools, k == 0)?;
        add("rough", tools.rough, &plan.material.rough, layer_mm, roughed.moves.clone(), &mut out);
        let stands = |radius: f64| {
            standing(plane, &roughed.cleared_mm, scene.stock_hi[2], tools.rough.radius_mm(), radius)
        };
        let finishing = Finishing {
            scene,
            params,
            scallop_mm: plan.scallop_mm,
            standing: &stands,
            rough_skin_mm: layer_mm + plan.rough_allowance_mm,
        };
        let side = if k == 0 { "first side" } else { "second side" };
        let depth = params.semi_allowance_mm + params.semi_scallop_mm;
        let passes = [
            (1, "semi-finish", tools.finish, Zone::Shallow, Grade::Semi, layer_mm + plan.rough_allowance_mm),
            (2, "semi-finish rim", tools.rim, Zone::Steep, Grade::Semi, layer_mm + plan.rough_allowance_mm),
            (3, "finish", tools.finish, Zone::Shallow, Grade::Finish, depth),
            (4, "finish rim", tools.rim, Zone::Steep, Grade::Finish, depth),
        ];
        for (n, what, tool, zone, grade, depth_mm) in passes {
            step(n, what)?;
            let field = finishing.field(tool, grade);
            let pieces = finishing.passes(tool, &field, zone, grade);
            let moves = finishing.moves(tool, pieces, zone, grade);
            add(&format!("{what} {side}"), tool, &plan.material.finish, depth_mm, moves, &mut out);
        }
        step(5, "holes")?;
        // Upright holes are drilled from the first side; what is tilted waits for its own setup.
        let mine = |hole: &Hole, turned: Option<&Scene>| match turned {
            None => k == 0 && indexed.iter().all(|s| !holes::faces(hole, &s.part_from_work.inverse())),
            Some(scene) => holes::faces(hole, &scene.work_from_part),
        };
        for (drill, numbers) in drills(implant, plan, |h| mine(h, None))? {
            let moves = holes::drill(implant, plan, scene, drill, &numbers, params)?;
            add("holes", drill, &plan.material.drill, drill.radius_mm(), moves, &mut out);
        }
        if implant.holes.iter().any(|h| h.mouths.is_some()) {
            let cone = cone_of(plan)?;
            let moves = mouths::mouths(implant, scene);
            add("hole mouths", cone, &plan.material.finish, cone.radius_mm(), moves, &mut out);
        }
        if implant.holes.iter().any(|h| sinks::is_mine(h, scene)) {
            let cone = cone_of(plan)?;
            let moves = sinks::sink(implant, scene, cone, params)?;
            add("countersinks", cone, &plan.material.finish, cone.radius_mm(), moves, &mut out);
        }
        for setup in indexed.iter().filter(|s| s.clamping == scene.setup) {
            let turned = Scene::new(implant, plan, setup)?;
            let mut add = |name: &str, tool: &Tool, cutting: &Cutting, moves: Vec<Move>| {
                let s = speeds(cutting, tool, &plan.machine, tool.radius_mm());
                out.push(Operation {
                    name: name.into(),
                    setup: setup.number,
                    tool: tool.number,
                    spindle_rpm: s.spindle_rpm,
                    feed_mm_per_min: s.feed_mm_per_min,
                    plunge_mm_per_min: (s.feed_mm_per_min * params.ramp_feed_fraction).floor().max(1.0),
                    coolant: plan.material.coolant.clone(),
                    moves,
                });
            };
            for (drill, numbers) in drills(implant, plan, |h| mine(h, Some(&turned)))? {
                let moves = holes::drill(implant, plan, &turned, drill, &numbers, params)?;
                add("tilted holes", drill, &plan.material.drill, moves);
            }
            if implant.holes.iter().any(|h| sinks::is_mine(h, &turned)) {
                let cone = cone_of(plan)?;
                let moves = sinks::sink(implant, &turned, cone, params)?;
                add("countersinks", cone, &plan.material.finish, moves);
            }
        }
        cleared.push(roughed);
    }
    let report = repair::repair(implant, plan, params, &scenes, &tools, &mut out)?;
    watch.note(&report.line());
    watch.progress(total, total);
    Ok(out)
}

/// Tools by role.
struct Roles<'a> {
    rough: &'a Tool,
    finish: &'a Tool,
    rim: &'a Tool,
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

/// Roughs one setup; also the lattice it used and the depth of its layers.
fn rough_setup(
    scene: &Scene,
    plan: &Plan,
    params: &ToolpathParams,
    tools: &Roles<'_>,
    first: bool,
) -> Result<(Roughed, Plane, f64), ToolpathError> {
    let mill = tools.rough;
    let plane = scene.outline.plane;
    let cl =
        Lowered::new(&scene.rough_ground, cutter::Cutter::flat(mill.radius_mm()), plan.rough_allowance_mm);
    let lowest_mm: Vec<f64> = cl.over(plane).rests.iter().map(|r| r.z_mm).collect();
    let below = tools.rim.radius_mm() + params.rim_overtravel_mm + LANE_SPARE_MM;
    // The first setup opens the lane past the widest place; later ones meet it from the other side.
    let shift = if first { -below } else { below - LANE_OVERLAP_MM };
    let lowest_edge = scene.outline.edge_z_mm.iter().fold(f64::INFINITY, |m, &z| m.min(f64::from(z)));
    let passed = lowest_edge - tools.rim.radius_mm();
    if passed < scene.stock_lo[2] {
        return Err(ToolpathError::ShallowBlank {
            setup: scene.setup,
            needed_mm: passed,
            stock_mm: scene.stock_lo[2],
        });
    }
    let floor_mm: Vec<f64> =
        scene.outline.edge_z_mm.iter().map(|&z| (f64::from(z) + shift).max(scene.stock_lo[2])).collect();
    let room_mm: Vec<f64> = scene
        .outline
        .distance_mm
        .iter()
        .map(|&d| plan.lane_mm - mill.radius_mm() - f64::from(d) - 0.5 * plane.step)
        .collect();
    let cutting = &plan.material.rough;
    let layer_mm = (cutting.depth_over_diameter * mill.diameter_mm).min(params.rough_layer_mm_max);
    let roughing = Roughing {
        plane,
        lowest_mm: &lowest_mm,
        floor_mm: &floor_mm,
        room_mm: &room_mm,
        radius_mm: mill.radius_mm(),
        top_mm: scene.stock_hi[2],
        layer_mm,
        width_mm: cutting.width_over_diameter * mill.diameter_mm,
        ramp_rad: params.ramp_angle_deg.to_radians(),
        clearance_mm: scene.clearance_mm,
        gap_mm: params.rapid_gap_mm,
    };
    Ok((roughing.run(), plane, layer_mm))
}

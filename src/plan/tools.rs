//! Which tool does what: the first of each list that reaches.

use std::collections::BTreeMap;

use crate::model::{BoxPart, Finding, Hole, Implant, Severity, Shop, Tool, ToolKind};

use super::index::{is_tilted, stick_out_mm};
use super::params::PlanToml;
use super::{PlanError, Shape};

/// Largest radii among the tools that may finish, mm: the blank leaves room for them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Radii {
    pub finish_mm: f64,
    pub rim_mm: f64,
}

/// How deep the tip of each role goes below the blank's top face, mm.
#[derive(Clone, Copy, Debug)]
pub(super) struct Depths {
    rough_mm: f64,
    finish_mm: f64,
    rim_mm: f64,
    drill_mm: f64,
    mouth_mm: f64,
    /// Of tilted holes: along their own axes, so that the holder stays above the frame.
    tilted_mm: f64,
}

/// The holders of drills and chamfer mills are no thicker, mm: what a tilted one leans towards the frame.
fn holder_radius_mm(shop: &Shop) -> f64 {
    let pointed = shop.tools.iter().filter(|t| matches!(t.kind, ToolKind::Drill | ToolKind::Chamfer));
    pointed.map(|t| t.holder_diameter_mm / 2.0).fold(0.0, f64::max)
}

impl Depths {
    pub(super) fn of(
        shape: &Shape,
        stock: &BoxPart,
        radii: &Radii,
        implant: &Implant,
        shop: &Shop,
        p: &PlanToml,
    ) -> Self {
        let (bottom, top) = (stock.min_mm.mm[2], stock.max_mm.mm[2]);
        let lane = shape.rim_z_max_mm + radii.rim_mm + p.rim_overrun_mm - bottom;
        let bowl = shape.bowl_z_max_mm - bottom;
        let outer = top - (shape.rim_z_min_mm - radii.finish_mm);
        // A drill's full diameter leaves the outer surface: half its diameter covers any point of 90° or more.
        let upright = implant.holes.iter().filter(|h| !is_tilted(h));
        let drill = upright.map(|h| h.centre.mm[2] + h.diameter_mm / 2.0 - bottom).fold(0.0, f64::max);
        // Beyond 78° the review stops the case.
        let tilted = implant.holes.iter().filter(|h| is_tilted(h) && h.axis.unit[2] > 0.2);
        let holder_mm = holder_radius_mm(shop);
        let tilted_mm = tilted.map(|h| stick_out_mm(h, stock, holder_mm, 0.0)).fold(0.0, f64::max);
        // The cone's tip goes in by less than the hole's radius from either side.
        let sunk = |h: &&Hole| h.mouths.is_some() || (h.countersink.is_some() && !is_tilted(h));
        let mouth = implant.holes.iter().filter(sunk).map(|h| {
            let (outer, inner) = (h.centre.mm[2], h.centre.mm[2] - h.length_mm);
            (top - outer).max(inner - bottom) + h.diameter_mm
        });
        Self {
            mouth_mm: mouth.fold(0.0, f64::max),
            rough_mm: lane.max(bowl).max(outer),
            finish_mm: bowl.max(outer),
            rim_mm: lane,
            drill_mm: drill,
            tilted_mm,
        }
    }
}

fn listed<'a>(
    shop: &'a Shop,
    key: &'static str,
    numbers: &[u32],
    kinds: &[ToolKind],
) -> Result<Vec<&'a Tool>, PlanError> {
    numbers
        .iter()
        .map(|n| {
            let tool = shop.tools.iter().find(|t| t.number == *n).ok_or_else(|| PlanError::Unknown {
                key,
                name: format!("T{n}"),
                known: shop.tools.iter().map(|t| format!("T{}", t.number)).collect::<Vec<_>>().join(", "),
            })?;
            if kinds.contains(&tool.kind) {
                return Ok(tool);
            }
            let found = format!("T{n}, a {:?} tool", tool.kind).to_lowercase();
            Err(PlanError::Param {
                key: key.into(),
                found,
                expected: format!("one of {kinds:?}").to_lowercase(),
            })
        })
        .collect()
}

/// The radii of the tools that may finish.
pub(super) fn radii(shop: &Shop, p: &PlanToml) -> Result<Radii, PlanError> {
    let largest = |tools: Vec<&Tool>| tools.iter().map(|t| t.radius_mm()).fold(0.0, f64::max);
    Ok(Radii {
        finish_mm: largest(listed(shop, "plan.finish_tools", &p.finish_tools, &[ToolKind::Ball])?),
        rim_mm: largest(listed(shop, "plan.rim_tools", &p.rim_tools, &[ToolKind::Ball])?),
    })
}

/// The tools by role: `rough`, `finish`, `rim`; `drill` for the holes' first diameter, `drill-2` … for further ones.
pub(super) fn choose(
    shop: &Shop,
    implant: &Implant,
    depths: &Depths,
    p: &PlanToml,
    findings: &mut Vec<Finding>,
) -> Result<BTreeMap<String, Tool>, PlanError> {
    let mut tools = BTreeMap::new();
    let flat = [ToolKind::Flat, ToolKind::Bull];
    let roles = [
        ("rough", listed(shop, "plan.rough_tools", &p.rough_tools, &flat)?, depths.rough_mm),
        ("finish", listed(shop, "plan.finish_tools", &p.finish_tools, &[ToolKind::Ball])?, depths.finish_mm),
        ("rim", listed(shop, "plan.rim_tools", &p.rim_tools, &[ToolKind::Ball])?, depths.rim_mm),
    ];
    for (role, candidates, depth_mm) in roles {
        tools.insert(role.to_string(), first_that_reaches(role, &candidates, depth_mm, p, findings).clone());
    }
    if tools["rough"].diameter_mm > p.lane_mm - 2.0 * p.rough_allowance_mm {
        return Err(PlanError::Param {
            key: "plan.lane_mm".into(),
            found: p.lane_mm.to_string(),
            expected: format!(
                "{} or more: the rougher T{} and its allowance on both sides",
                tools["rough"].diameter_mm + 2.0 * p.rough_allowance_mm,
                tools["rough"].number
            ),
        });
    }
    let drills = listed(shop, "plan.drill_tools", &p.drill_tools, &[ToolKind::Drill])?;
    let same = |a: f64, b: f64| (a - b).abs() < 1e-6;
    let mut done: Vec<f64> = Vec::new();
    for (k, hole) in implant.holes.iter().enumerate() {
        if done.iter().any(|&d| same(d, hole.diameter_mm)) {
            continue;
        }
        let right: Vec<&Tool> =
            drills.iter().copied().filter(|t| same(t.diameter_mm, hole.diameter_mm)).collect();
        if right.is_empty() {
            return Err(PlanError::NoDrill {
                number: k + 1,
                diameter_mm: hole.diameter_mm,
                known: drills
                    .iter()
                    .map(|t| format!("T{} D{}", t.number, t.diameter_mm))
                    .collect::<Vec<_>>()
                    .join(", "),
            });
        }
        done.push(hole.diameter_mm);
        let depth_mm = implant
            .holes
            .iter()
            .filter(|h| same(h.diameter_mm, hole.diameter_mm))
            .map(|h| if is_tilted(h) { depths.tilted_mm } else { depths.drill_mm })
            .fold(0.0, f64::max);
        let role = if done.len() == 1 { "drill".to_string() } else { format!("drill-{}", done.len()) };
        tools.insert(role.clone(), first_that_reaches(&role, &right, depth_mm, p, findings).clone());
    }
    let sunk = |h: &Hole| h.mouths.is_some() || h.countersink.is_some();
    if implant.holes.iter().any(sunk) {
        let right = listed(shop, "plan.chamfer_tools", &p.chamfer_tools, &[ToolKind::Chamfer])?;
        // The cone of the holes' mouths is one of 90°, and so must countersinks be.
        let right: Vec<&Tool> =
            right.into_iter().filter(|t| (t.point_angle_deg - 90.0).abs() < 1e-6).collect();
        let other =
            implant.holes.iter().filter_map(|h| h.countersink).find(|c| (c.angle_deg - 90.0).abs() > 1e-6);
        if let Some(sink) = other {
            return Err(PlanError::Param {
                key: "implant.countersink_deg".into(),
                found: sink.angle_deg.to_string(),
                expected: "90: the chamfer mills of plan.chamfer_tools have that angle".into(),
            });
        }
        if right.is_empty() {
            return Err(PlanError::Param {
                key: "plan.chamfer_tools".into(),
                found: "no tool of 90 degrees".into(),
                expected: "at least one: the mouths of the holes are broken by it".into(),
            });
        }
        let tilted = implant.holes.iter().any(|h| is_tilted(h) && h.countersink.is_some());
        let depth_mm = depths.mouth_mm.max(if tilted { depths.tilted_mm } else { 0.0 });
        let tool = first_that_reaches("chamfer", &right, depth_mm, p, findings).clone();
        tools.insert("chamfer".into(), tool);
    }
    Ok(tools)
}

/// The first whose holder stays above the blank; where none does, the longest, with a finding that stops the case.
fn first_that_reaches<'a>(
    role: &str,
    candidates: &[&'a Tool],
    depth_mm: f64,
    p: &PlanToml,
    findings: &mut Vec<Finding>,
) -> &'a Tool {
    let needed_mm = depth_mm + p.reach_margin_mm;
    if let Some(tool) = candidates.iter().find(|t| t.stick_out_mm >= needed_mm) {
        return tool;
    }
    let longest = candidates
        .iter()
        .max_by(|a, b| a.stick_out_mm.total_cmp(&b.stick_out_mm).then(b.number.cmp(&a.number)))
        .expect("a list of tools was checked not to be empty");
    findings.push(
        Finding::new(
            "tool-reach",
            Severity::Stop,
            format!(
                "the {role} tool must stick out {needed_mm:.1} mm, the longest listed, T{}, sticks out {:.1} mm; add a \
                 longer tool to the shop and to plan.{}_tools",
                longest.number,
                longest.stick_out_mm,
                role.split('-').next().unwrap_or(role)
            ),
        )
        .measured(needed_mm, longest.stick_out_mm, "mm"),
    );
    longest
}

//! Which tool does what: the first of each list that reaches.

use std::collections::BTreeMap;

use crate::model::{BoxPart, Finding, Implant, Severity, Shop, Tool, ToolKind};

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
}

impl Depths {
    pub(super) fn of(shape: &Shape, stock: &BoxPart, radii: &Radii, implant: &Implant, p: &PlanToml) -> Self {
        let (bottom, top) = (stock.min_mm.mm[2], stock.max_mm.mm[2]);
        let lane = shape.rim_z_max_mm + radii.rim_mm + p.rim_overrun_mm - bottom;
        let bowl = shape.bowl_z_max_mm - bottom;
        let outer = top - (shape.rim_z_min_mm - radii.finish_mm);
        // A drill's full diameter leaves the outer surface: half its diameter covers any point of 90° or more.
        let drill =
            implant.holes.iter().map(|h| h.centre.mm[2] + h.diameter_mm / 2.0 - bottom).fold(0.0, f64::max);
        // The cone's tip goes in by less than the hole's radius from either side.
        let mouth = implant.holes.iter().filter(|h| h.mouths.is_some()).map(|h| {
            let (outer, inner) = (h.centre.mm[2], h.centre.mm[2] - h.length_mm);
            (top - outer).max(inner - bottom) + h.diameter_mm
        });
        Self {
            mouth_mm: mouth.fold(0.0, f64::max),
            rough_mm: lane.max(bowl).max(outer),
            finish_mm: bowl.max(outer),
            rim_mm: lane,
            drill_mm: drill,
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
    let mut done: Vec<f64> = Vec::new();
    for (k, hole) in implant.holes.iter().enumerate() {
        let same = |d: f64| (d - hole.diameter_mm).abs() < 1e-6;
        if done.iter().any(|&d| same(d)) {
            continue;
        }
        let right: Vec<&Tool> = drills.iter().copied().filter(|t| same(t.diameter_mm)).collect();
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
        let role = if done.len() == 1 { "drill".to_string() } else { format!("drill-{}", done.len()) };
        tools.insert(role.clone(), first_that_reaches(&role, &right, depths.drill_mm, p, findings).clone());
    }
    if implant.holes.iter().any(|h| h.mouths.is_some()) {
        let right = listed(shop, "plan.chamfer_tools", &p.chamfer_tools, &[ToolKind::Chamfer])?;
        // The cone of the holes' mouths is one of 90°.
        let right: Vec<&Tool> =
            right.into_iter().filter(|t| (t.point_angle_deg - 90.0).abs() < 1e-6).collect();
        if right.is_empty() {
            return Err(PlanError::Param {
                key: "plan.chamfer_tools".into(),
                found: "no tool of 90 degrees".into(),
                expected: "at least one: the mouths of the holes are broken by it".into(),
            });
        }
        let tool = first_that_reaches("chamfer", &right, depths.mouth_mm, p, findings).clone();
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

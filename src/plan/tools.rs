//! Which tool does what. Rough tools, drills and chamfer mills: the first of each list that reaches. Finishing balls: the
//! first that reaches, fits into the part's hollows and bends little enough under its own pass; where none does, the one that
//! bends least: a deep dome asks for a long tool, and there a thicker ball is the stiffer one.

use std::collections::BTreeMap;

use crate::geometry::Bvh;
use crate::geometry::bending::{finishing_force_n, tool_um_per_n};
use crate::model::{Blank, BoxPart, Finding, Hole, Implant, Material, Part, Severity, Shop, Tool, ToolKind};

use super::blank;

use super::index::{is_tilted, stick_out_mm};
use super::params::PlanToml;
use super::{PlanError, Shape};

/// Radii of the balls that finish, mm: the blank leaves room for them.
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
    engrave_mm: f64,
    /// To the face under the blank.
    through_mm: f64,
    /// Of tilted holes: along their own axes, so that the holder stays above the frame.
    tilted_mm: f64,
}

/// The holders of drills and chamfer mills are no thicker, mm: what a tilted one leans towards the frame.
fn holder_radius_mm(shop: &Shop) -> f64 {
    let pointed = shop.tools.iter().filter(|t| matches!(t.kind, ToolKind::Drill | ToolKind::Chamfer));
    pointed.map(|t| t.holder_diameter_mm / 2.0).fold(0.0, f64::max)
}

impl Depths {
    /// The deepest, mm.
    pub(super) fn most_mm(&self) -> f64 {
        [self.rough_mm, self.finish_mm, self.rim_mm, self.drill_mm, self.mouth_mm]
            .into_iter()
            .fold(0.0, f64::max)
    }

    fn of(
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
            engrave_mm: engrave_mm(stock, implant),
            through_mm: top - bottom,
            mouth_mm: mouth.fold(0.0, f64::max),
            rough_mm: lane.max(bowl).max(outer),
            finish_mm: bowl.max(outer),
            rim_mm: lane,
            drill_mm: drill,
            tilted_mm,
        }
    }
}

/// How deep the deepest stroke of the marking lies below the face of the blank that looks the same way, mm.
fn engrave_mm(stock: &BoxPart, implant: &Implant) -> f64 {
    let Some(marking) = implant.facts.marking.as_ref().filter(|m| m.groove.is_some()) else { return 0.0 };
    let strokes = marking.strokes_lps_mm.iter().flatten();
    let below = strokes.map(|&p| {
        let z = implant.part_from_patient.apply(p).mm[2];
        if marking.face == "outer" { stock.max_mm.mm[2] - z } else { z - stock.min_mm.mm[2] }
    });
    below.fold(0.0, f64::max) + marking.depth_mm
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

/// The finishing balls, and the blank that leaves room for them.
pub(super) struct Balls {
    finish: Tool,
    rim: Tool,
    pub blank: Blank,
    pub stock: BoxPart,
    pub depths: Depths,
}

/// A facet this much nearer to the ball's middle than its radius does not let it in, mm: facets of a smooth face do that.
const INTO_MM: f64 = 0.01;
/// A larger ball may miss this much more of the two faces than the smallest listed: the rim's ball passes there again.
const MISSED_SHARE: f64 = 0.002;
/// Facets of the faces that are tried, about.
const PLACES: usize = 4000;
/// Slopes up to which the faces are finished by that ball, degrees.
const FACE_DEG: f64 = 40.0;

/// Share of the two faces' area in which a ball does not rest on its own place.
fn missed_share(tree: &Bvh<Part>, radius_mm: f64) -> f64 {
    let mesh = tree.mesh();
    let least = FACE_DEG.to_radians().cos();
    let faces: Vec<usize> = (0..mesh.triangles.len()).filter(|&t| mesh.normal(t).z.abs() >= least).collect();
    let every = faces.len().div_ceil(PLACES).max(1);
    let (mut all, mut missed) = (0.0, 0.0);
    for &t in faces.iter().step_by(every) {
        let [a, b, c] = mesh.corners(t);
        let area = mesh.triangle_area_mm2(t);
        all += area;
        let middle = (a + b + c) / 3.0 + mesh.normal(t) * radius_mm;
        if tree.nearest(middle.into(), radius_mm - INTO_MM).is_some() {
            missed += area;
        }
    }
    if all > 0.0 { missed / all } else { 0.0 }
}

/// What is asked of a pair of balls, worst first: fewer is better.
struct Rank {
    unreached: usize,
    lack_mm: f64,
    bent: usize,
    bend_um: f64,
}

/// Chooses the finishing balls with their blank.
///
/// # Errors
/// [`PlanError`] when a list names what the shop does not have, or no blank is large enough with any of the balls.
pub(super) fn balls(
    shop: &Shop,
    implant: &Implant,
    shape: &Shape,
    material: &Material,
    p: &PlanToml,
    findings: &mut Vec<Finding>,
) -> Result<Balls, PlanError> {
    let mut finish = listed(shop, "plan.finish_tools", &p.finish_tools, &[ToolKind::Ball])?;
    let mut rim = listed(shop, "plan.rim_tools", &p.rim_tools, &[ToolKind::Ball])?;
    let smallest = |tools: &[&Tool]| tools.iter().map(|t| t.radius_mm()).fold(f64::INFINITY, f64::min);
    // Where even the smallest is too large it is the least evil, and the review says so.
    let into_rim = implant.facts.concave_radius_mm_min.max(smallest(&rim)) + 1e-3;
    rim.retain(|t| t.radius_mm() <= into_rim);
    let least = smallest(&finish);
    let allowed = missed_share(&shape.tree, least) + MISSED_SHARE;
    let mut fits: Vec<(f64, bool)> = Vec::new();
    finish.retain(|t| {
        let r = t.radius_mm();
        let known = fits.iter().find(|f| f.0 == r).map(|f| f.1);
        known.unwrap_or_else(|| {
            let fit = r <= least || missed_share(&shape.tree, r) <= allowed;
            fits.push((r, fit));
            fit
        })
    });
    let bend_um =
        |t: &Tool| tool_um_per_n(t) * finishing_force_n(material, t, p.finish_skin_mm, p.scallop_mm);
    let mut best: Option<(Rank, Balls)> = None;
    let mut refused = None;
    for &f in &finish {
        for &r in &rim {
            let radii = Radii { finish_mm: f.radius_mm(), rim_mm: r.radius_mm() };
            let (blank, stock) = match blank::choose(shape, &implant.facts.material, shop, &radii, p) {
                Ok(found) => found,
                Err(e) => {
                    refused = refused.or(Some(e));
                    continue;
                }
            };
            let depths = Depths::of(shape, &stock, &radii, implant, shop, p);
            let mut rank = Rank { unreached: 0, lack_mm: 0.0, bent: 0, bend_um: 0.0 };
            for (tool, depth_mm) in [(f, depths.finish_mm), (r, depths.rim_mm)] {
                let lack = depth_mm + p.reach_margin_mm - tool.stick_out_mm;
                if lack > 0.0 {
                    rank.unreached += 1;
                    rank.lack_mm += lack;
                }
                if !(bend_um(tool) <= p.tool_bend_um_max) {
                    rank.bent += 1;
                    rank.bend_um += bend_um(tool);
                }
            }
            // The lists' own order decides between equals: the first found stays.
            let better = |b: &Rank| {
                let key = |r: &Rank| (r.unreached, r.bent);
                key(&rank)
                    .cmp(&key(b))
                    .then(rank.lack_mm.total_cmp(&b.lack_mm))
                    .then(rank.bend_um.total_cmp(&b.bend_um))
                    .is_lt()
            };
            if best.as_ref().is_none_or(|(b, _)| better(b)) {
                best = Some((rank, Balls { finish: f.clone(), rim: r.clone(), blank, stock, depths }));
            }
        }
    }
    let Some((_, balls)) = best else {
        return Err(refused.expect("a list of tools was checked not to be empty"));
    };
    for (role, tool, depth_mm) in
        [("finish", &balls.finish, balls.depths.finish_mm), ("rim", &balls.rim, balls.depths.rim_mm)]
    {
        if tool.stick_out_mm < depth_mm + p.reach_margin_mm {
            findings.push(beyond_reach(role, tool, depth_mm + p.reach_margin_mm));
        }
    }
    Ok(balls)
}

/// The tools by role: `rough`, `finish`, `rim`; `rest` and `pencil` where one is listed; `drill` for the holes' first diameter, `drill-2` … for further ones.
pub(super) fn choose(
    shop: &Shop,
    implant: &Implant,
    balls: &Balls,
    p: &PlanToml,
    findings: &mut Vec<Finding>,
) -> Result<BTreeMap<String, Tool>, PlanError> {
    let depths = &balls.depths;
    let mut tools: BTreeMap<String, Tool> =
        [("finish".into(), balls.finish.clone()), ("rim".into(), balls.rim.clone())].into();
    let rough = listed(shop, "plan.rough_tools", &p.rough_tools, &[ToolKind::Flat, ToolKind::Bull])?;
    tools.insert("rough".into(), first_that_reaches("rough", &rough, depths.rough_mm, p, findings).clone());
    // One that does not reach down the lane works where it does: in corners near the blank's face.
    let pencils = listed(shop, "plan.pencil_tools", &p.pencil_tools, &[ToolKind::Ball])?;
    let smaller = || pencils.iter().filter(|t| t.diameter_mm < tools["rim"].diameter_mm);
    let longest = || smaller().max_by(|a, b| a.stick_out_mm.total_cmp(&b.stick_out_mm));
    let pencil = smaller().find(|t| t.stick_out_mm >= depths.rim_mm + p.reach_margin_mm).or_else(longest);
    if let Some(&tool) = pencil {
        tools.insert("pencil".into(), tool.clone());
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
    if !p.rest_tools.is_empty() {
        let candidates = listed(shop, "plan.rest_tools", &p.rest_tools, &[ToolKind::Flat, ToolKind::Bull])?;
        let rough = &tools["rough"];
        if let Some(thick) = candidates.iter().find(|t| t.diameter_mm >= rough.diameter_mm) {
            return Err(PlanError::Param {
                key: "plan.rest_tools".into(),
                found: format!("T{}, {} mm", thick.number, thick.diameter_mm),
                expected: format!(
                    "thinner than the {} mm of the rougher T{}",
                    rough.diameter_mm, rough.number
                ),
            });
        }
        let rest = first_that_reaches("rest", &candidates, depths.rough_mm, p, findings).clone();
        tools.insert("rest".into(), rest);
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
    let groove = implant.facts.marking.as_ref().and_then(|m| m.groove);
    if let Some(groove) = groove {
        let balls = listed(shop, "plan.engrave_tools", &p.engrave_tools, &[ToolKind::Ball])?;
        // Half a micrometre: the groove has the ball's own radius.
        let right: Vec<&Tool> =
            balls.into_iter().filter(|t| (t.radius_mm() - groove.radius_mm).abs() <= 0.0005).collect();
        if right.is_empty() {
            return Err(PlanError::Param {
                key: "plan.engrave_tools".into(),
                found: format!("no ball of radius {} mm", groove.radius_mm),
                expected:
                    "at least one of implant.marking_groove_radius_mm, or implant.marking_method = \"laser\""
                        .into(),
            });
        }
        let tool = first_that_reaches("engrave", &right, depths.engrave_mm, p, findings).clone();
        tools.insert("engrave".into(), tool);
    }
    if p.flip_coupon {
        let probes = listed(shop, "plan.probe_tools", &p.probe_tools, &[ToolKind::Probe])?;
        if probes.is_empty() {
            return Err(PlanError::Param {
                key: "plan.probe_tools".into(),
                found: "empty".into(),
                expected: "at least one touch probe, or plan.flip_coupon = false".into(),
            });
        }
        let tool = first_that_reaches("probe", &probes, depths.through_mm, p, findings).clone();
        tools.insert("probe".into(), tool);
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
    findings.push(beyond_reach(role, longest, needed_mm));
    longest
}

fn beyond_reach(role: &str, longest: &Tool, needed_mm: f64) -> Finding {
    let message = format!(
        "the {role} tool must stick out {needed_mm:.1} mm, the longest listed, T{}, sticks out {:.1} mm; add a longer tool to the \
         shop and to plan.{}_tools",
        longest.number,
        longest.stick_out_mm,
        role.split('-').next().unwrap_or(role)
    );
    Finding::new("tool-reach", Severity::Stop, message).measured(needed_mm, longest.stick_out_mm, "mm")
}

//! What is seen of the part along the axis it is milled on, facet by facet, beside 2,000 other directions.
//!
//! Rays decide for the axis taken: a facet is seen when a line from its middle, 20 µm off it, leaves freely along +z or −z. All
//! directions are looked along by depth maps (`geometry::depth`) and the best of them is asked again by rays. A facet that a line
//! leaves is *narrow* where the rim's ball, the smallest that finishes, does not rest on it; holders need no map of their own,
//! since tools are chosen to keep them above the blank.
//!
//! **The axis stays** the one that the design brings. A cranial implant's is its insertion axis: its walls were swept along it,
//! from outside inwards, so that from its two ends every facet is seen by construction; another axis would see the same
//! surface from walls that overhang. Where the map finds one along which less is hidden, the finding says so. What is hidden is
//! milled aslant where the machine's rotary axes reach it (`cover`); what they do not reach is the review's to stop.

use crate::geometry::Bvh;
use crate::geometry::depth::sights;
use crate::geometry::visibility::view_along;
use crate::model::{Finding, Implant, Part, Plan, Severity, Shop, Tool, Visibility};

use rayon::prelude::*;

use super::cover::Covering;
use super::params::PlanToml;
use super::{Shape, index};

/// Directions over half the sphere; both ends of each look.
const DIRECTIONS: usize = 2000;
/// Places are asked from this far off the surface, mm: a wall along the axis is seen.
const OFF_MM: f64 = 0.02;
/// A facet this much nearer to the ball's middle than its radius does not let it in, mm.
const INTO_MM: f64 = 0.02;
/// The faces end so far inside the outline, mm: beyond are edges and the rim.
const RIM_MM: f64 = 3.0;
/// Less unseen than this is facets' noise, mm²: as the review's limit.
const COVER_FROM_MM2: f64 = 0.5;
/// Slope of the faces' steepest: of their area this share is steeper.
const STEEPER_SHARE: f64 = 0.01;

/// Per facet.
struct Seen {
    area_mm2: f64,
    seen: bool,
    narrow: bool,
    /// Angle to the axis, degrees, of facets of the two faces.
    slope_deg: Option<f64>,
}

/// Fills in the plan's visibility, adds the setups that mill what neither side sees, and says what it comes to.
pub(super) fn look(
    implant: &Implant,
    shape: &Shape,
    shop: &Shop,
    p: &PlanToml,
    reach_mm: f64,
    plan: &mut Plan,
) {
    let tree = &shape.tree;
    let ball_mm = plan.tools["rim"].radius_mm();
    let facets = along_axis(tree, shape, ball_mm);
    let sum =
        |keep: &dyn Fn(&Seen) -> bool| facets.iter().filter(|f| keep(f)).fold(0.0, |s, f| s + f.area_mm2);
    let area_mm2 = sum(&|_| true);
    let unseen_mm2 = sum(&|f| !f.seen);
    let map = sights(tree.mesh(), DIRECTIONS);
    let best = map.each[1..]
        .iter()
        .min_by(|a, b| a.unseen_mm2.total_cmp(&b.unseen_mm2).then(a.height_mm.total_cmp(&b.height_mm)))
        .expect("there are directions");
    let best_unseen_mm2 = view_along(tree, best.axis).unseen_mm2;
    let found = Visibility {
        directions: map.each.len(),
        seen_share: 1.0 - unseen_mm2 / area_mm2,
        unseen_mm2,
        hidden_mm2: map.hidden_mm2,
        narrow_mm2: sum(&|f| f.seen && f.narrow),
        slope_deg_max: steepest_deg(&facets),
        stock_height_mm: plan.stock.max_mm.mm[2] - plan.stock.min_mm.mm[2],
        reach_mm,
        best_unseen_mm2,
        best_deg: best.axis[2].clamp(-1.0, 1.0).acos().to_degrees(),
        cover: Vec::new(),
        uncovered_mm2: unseen_mm2,
    };
    let found =
        if unseen_mm2 > COVER_FROM_MM2 { covered(shape, shop, p, plan, &facets, found) } else { found };
    let kept = if implant.facts.kind == "given" { "the axis that sees most" } else { "the insertion axis" };
    let message = format!(
        "{:.3} % of the surface is seen from the two sides along {kept}, {:.2} mm2 from neither; the rim's ball does not rest on \
         {:.1} mm2 of what is seen; the faces lean by {:.0} deg at most, the blank is {:.0} mm high, tools go {:.1} mm deep. Of \
         {} directions the best other, {:.0} deg off, leaves {:.1} mm2; none sees {:.1} mm2",
        1e2 * found.seen_share,
        found.unseen_mm2,
        found.narrow_mm2,
        found.slope_deg_max,
        found.stock_height_mm,
        found.reach_mm,
        found.directions,
        found.best_deg,
        found.best_unseen_mm2,
        found.hidden_mm2
    );
    plan.findings.push(Finding::new("visibility", Severity::Note, message).measured(
        found.unseen_mm2,
        0.0,
        "mm2",
    ));
    plan.visibility = Some(found);
}

/// Plans the tilted poses and says what they reach.
fn covered(
    shape: &Shape,
    shop: &Shop,
    p: &PlanToml,
    plan: &mut Plan,
    facets: &[Seen],
    found: Visibility,
) -> Visibility {
    let unseen: Vec<usize> = (0..facets.len()).filter(|&t| !facets[t].seen).collect();
    let rim = plan.tools["rim"].clone();
    let as_thick = |t: &&Tool| p.rim_tools.contains(&t.number) && t.diameter_mm == rim.diameter_mm;
    let balls: Vec<&Tool> = shop.tools.iter().filter(as_thick).collect();
    let covered = Covering { shape, plan, balls, clearance_mm: p.clearance_mm }.cover(&unseen);
    let uncovered_mm2 = covered.uncovered_mm2;
    let poses = covered.covers.iter().map(|c| {
        let words = index::words(&plan.machine, &c.rotary_deg);
        format!(
            "op{} at {words}, {:.1} deg off op{} ({:.1} mm2)",
            c.setup, c.tilt_deg, c.clamping, c.area_mm2
        )
    });
    let message = match &covered.ball {
        None => format!(
            "{:.1} mm2 are seen from neither side and no tilted pose of the machine reaches them{}",
            found.unseen_mm2,
            if plan.machine.rotary.is_empty() { ": it has no rotary axes" } else { "" }
        ),
        Some(ball) => format!(
            "{:.1} mm2 are seen from neither side; T{} mills all but {uncovered_mm2:.1} of them in indexed setups: {}",
            found.unseen_mm2,
            ball.number,
            poses.collect::<Vec<_>>().join("; ")
        ),
    };
    plan.findings.push(Finding::new("indexed-cover", Severity::Note, message).measured(
        uncovered_mm2,
        0.0,
        "mm2",
    ));
    for setup in &covered.setups {
        for f in plan.fixtures.iter_mut().filter(|f| f.setups.contains(&setup.clamping)) {
            f.setups.push(setup.number);
        }
    }
    plan.setups.extend(covered.setups);
    // As they are run: a pose keeps the clamping before it.
    plan.setups.sort_by_key(|s| s.number);
    if let Some(ball) = covered.ball {
        plan.tools.insert("cover".into(), ball);
    }
    Visibility { cover: covered.covers, uncovered_mm2, ..found }
}

/// Whether a place just off each facet looks freely along +z or −z.
pub(super) fn seen(tree: &Bvh<Part>) -> Vec<bool> {
    let mesh = tree.mesh();
    let looks = |t: usize| {
        let n = mesh.normal(t);
        let [a, b, c] = mesh.corners(t);
        let off = (a + b + c) / 3.0 + n * OFF_MM;
        let free = |z: f64| tree.first_hit(off.into(), [0.0, 0.0, z], 0.0, f64::INFINITY).is_none();
        // First the way it looks.
        free(if n.z >= 0.0 { 1.0 } else { -1.0 }) || free(if n.z >= 0.0 { -1.0 } else { 1.0 })
    };
    (0..mesh.triangles.len()).into_par_iter().map(looks).collect()
}

fn along_axis(tree: &Bvh<Part>, shape: &Shape, ball_mm: f64) -> Vec<Seen> {
    let mesh = tree.mesh();
    // The rim's own places, a millimetre apart, are outline enough for a margin of three.
    let inside = |p: [f64; 2]| {
        let near = shape.rim.iter().map(|r| (p[0] - r.xy_mm[0]).powi(2) + (p[1] - r.xy_mm[1]).powi(2));
        near.fold(f64::INFINITY, f64::min) > RIM_MM * RIM_MM
    };
    let seen = &shape.seen;
    (0..mesh.triangles.len())
        .into_par_iter()
        .map(|t| {
            let n = mesh.normal(t);
            let [a, b, c] = mesh.corners(t);
            let middle = (a + b + c) / 3.0;
            let ball = middle + n * ball_mm;
            Seen {
                area_mm2: mesh.triangle_area_mm2(t),
                seen: seen[t],
                narrow: tree.nearest(ball.into(), ball_mm - INTO_MM).is_some(),
                slope_deg: inside([middle.x, middle.y])
                    .then(|| n.z.abs().clamp(0.0, 1.0).acos().to_degrees()),
            }
        })
        .collect()
}

fn steepest_deg(facets: &[Seen]) -> f64 {
    let mut slopes: Vec<(f64, f64)> =
        facets.iter().filter_map(|f| Some((f.slope_deg?, f.area_mm2))).collect();
    slopes.sort_by(|a, b| b.0.total_cmp(&a.0));
    let all = slopes.iter().fold(0.0, |s, x| s + x.1);
    let mut steeper = 0.0;
    for (deg, area) in &slopes {
        steeper += area;
        if steeper > STEEPER_SHARE * all {
            return *deg;
        }
    }
    0.0
}

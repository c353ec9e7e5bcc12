//! Where the bridges between part and frame go.

use crate::geometry::outline::RimPlace;
use crate::model::{Finding, Point, Severity, Tab};

use super::Shape;
use super::params::PlanToml;

/// A tab may move along the rim by this share of the pitch to find a better place.
const PLAY: f64 = 0.1;
/// Of wall that a tab leaves free at its inner end, so that the inner edge can be milled past it, mm.
const FREE_BELOW_MM: f64 = 0.2;

/// Of the rim that tabs and the fillets beside them may cover: beyond it hardly any rim is milled between them.
const SHARE_MAX: f64 = 0.75;

/// What a tab in the middle of some place would be like.
struct Seat {
    z_max_mm: f64,
    /// Wall below `z_max_mm` over the whole width, mm.
    wall_mm: f64,
    /// Worse is larger, mm-like: how uneven the edge is, how bent the rim, how much wall is missing.
    cost: f64,
}

/// Tabs evenly along the rim, each moved a little to where the rim is level and straight.
pub(super) fn place(shape: &Shape, rim_ball_mm: f64, p: &PlanToml, findings: &mut Vec<Finding>) -> Vec<Tab> {
    let n = shape.rim.len();
    let step_mm = shape.perimeter_mm / n as f64;
    // Two neighbours may move apart by PLAY each, and one step of rounding.
    let pitch_mm = (p.tab_pitch_mm_max - 2.0 * step_mm) / (1.0 + 2.0 * PLAY);
    let count = p.tab_count_min.max((shape.perimeter_mm / pitch_mm).ceil() as usize);
    // The ball leaves its own radius on either side of a tab.
    let share = count as f64 * (p.tab_width_mm + 2.0 * rim_ball_mm) / shape.perimeter_mm;
    if share > SHARE_MAX {
        let message = format!(
            "{count} tabs of {} mm and the rim ball's fillets beside them cover {:.0} % of a rim of {:.1} mm, {:.0} % at most: \
             the part is too small for them; lower plan.tab_width_mm or plan.tab_count_min, or list a thinner ball in \
             plan.rim_tools",
            p.tab_width_mm,
            1e2 * share,
            shape.perimeter_mm,
            1e2 * SHARE_MAX
        );
        findings.push(Finding::new("tab-share", Severity::Stop, message).measured(
            1e2 * share,
            1e2 * SHARE_MAX,
            "%",
        ));
    }
    let half = (p.tab_width_mm / 2.0 / step_mm).ceil() as usize;
    let seats: Vec<Seat> = (0..n).map(|k| seat(&shape.rim, k, half, p)).collect();
    let play = (PLAY * shape.perimeter_mm / count as f64 / step_mm) as usize;
    let choose = |phase: usize| -> Vec<usize> {
        (0..count)
            .map(|t| {
                let middle = phase + t * n / count;
                (middle + n - play..=middle + n + play)
                    .map(|k| k % n)
                    .min_by(|&a, &b| seats[a].cost.total_cmp(&seats[b].cost).then(a.cmp(&b)))
                    .expect("the range holds its middle")
            })
            .collect()
    };
    let worst = |places: &[usize]| places.iter().map(|&k| seats[k].cost).fold(0.0, f64::max);
    let places = (0..n.div_ceil(count))
        .map(choose)
        .min_by(|a, b| worst(a).total_cmp(&worst(b)))
        .expect("a rim has at least one place");
    places.into_iter().map(|k| tab(&shape.rim[k], &seats[k], p, findings)).collect()
}

fn seat(rim: &[RimPlace], k: usize, half: usize, p: &PlanToml) -> Seat {
    let n = rim.len();
    let (mut top, mut top_max, mut bottom) = (f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY);
    let mut turn: f64 = 0.0;
    for o in 0..=2 * half {
        let r = &rim[(k + n + o - half) % n];
        top = top.min(r.z_top_mm);
        top_max = top_max.max(r.z_top_mm);
        bottom = bottom.max(r.z_bottom_mm);
        let cos = r.outward[0] * rim[k].outward[0] + r.outward[1] * rim[k].outward[1];
        turn = turn.max(cos.clamp(-1.0, 1.0).acos());
    }
    let z_max_mm = top - p.tab_recess_mm;
    let wall_mm = z_max_mm - bottom - FREE_BELOW_MM;
    let missing = (p.tab_thickness_mm - wall_mm).max(0.0);
    // Half the width times the turn is how far the rim leaves the tab's straight root.
    let cost = (top_max - top) + 0.5 * p.tab_width_mm * turn + 3.0 * missing;
    Seat { z_max_mm, wall_mm, cost }
}

fn tab(place: &RimPlace, seat: &Seat, p: &PlanToml, findings: &mut Vec<Finding>) -> Tab {
    let thickness_mm = seat.wall_mm.clamp(p.tab_thickness_mm_min, p.tab_thickness_mm);
    let z_min_mm = seat.z_max_mm - thickness_mm;
    let (x, y) = (place.xy_mm[0], place.xy_mm[1]);
    if seat.wall_mm < p.tab_thickness_mm_min {
        findings.push(
            Finding::new(
                "tab-below-wall",
                Severity::Change,
                format!(
                    "the tab at part x {x:.1}, y {y:.1} finds {:.2} mm of rim wall and is {thickness_mm:.2} mm thick, so it \
                     covers the inner edge there; that edge is dressed by hand when the tab is cut off",
                    seat.wall_mm
                ),
            )
            .measured(seat.wall_mm, p.tab_thickness_mm_min, "mm"),
        );
    }
    Tab {
        centre: Point::new([x, y, seat.z_max_mm - thickness_mm / 2.0]),
        outward_xy: place.outward,
        width_mm: p.tab_width_mm,
        z_min_mm,
        z_max_mm: seat.z_max_mm,
    }
}

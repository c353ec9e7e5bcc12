//! Where the bridges between part and frame go, and how thick they are.
//!
//! **Section** All tabs together bend by `L³/(E·w·t³·n)` per newton, a plate on them gives way by three times that where it
//! tilts (`geometry::bending`). Under the normal force F of the stronger finishing ball it may be δ, 95 % of
//! `plate_bend_um_max`: `t = ∛(3·F·L³ / (E·w·n·δ))`. Strength: one tab alone, held at both ends, carries F with half the yield strength:
//! `t = √(6·F·L / (w·σ_y))`. The larger counts, within `tab_thickness_mm_min` and `tab_thickness_mm`; where the thickest is not enough
//! there are more tabs. Where the rim has less wall a thick tab covers the inner edge, which is dressed by hand and leaves a larger
//! witness: tabs with wall are made thicker first, and low ones only as thick as all together must be.
//!
//! **Places** Evenly along the rim, each moved a little to where it is level and straight. Where that meets a screw, the
//! marking or the brow, the spacing gives way between half and the whole pitch asked for (the cheapest round trip over the
//! allowed places), then more tabs are tried; where nothing helps, or only steep places that cover wall which the bone is to
//! meet, the even places stay and a finding says so.

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
/// Tabs take this share of what the plate may give way.
const OF_LIMIT: f64 = 0.95;
/// A round that keeps off screws, text and brow may have a worst place this much dearer than the even one's, mm.
const SPARE_MM: f64 = 0.5;

/// What a tab in the middle of some place would be like.
struct Seat {
    z_max_mm: f64,
    /// Wall below `z_max_mm` over the whole width, mm.
    wall_mm: f64,
    /// Worse is larger, mm-like: how uneven the edge is, how bent the rim, how much wall is missing.
    cost: f64,
}

/// What the tabs must hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// Along the surface's normal, N.
    pub force_n: f64,
    /// Of the part's material, GPa.
    pub youngs_modulus_gpa: f64,
    /// The same, N/mm².
    pub yield_n_per_mm2: f64,
}

impl Load {
    /// Least thickness of `count` tabs, mm.
    fn thickness_mm(&self, count: usize, p: &PlanToml) -> f64 {
        let (l, w) = (p.lane_mm, p.tab_width_mm);
        let stiff = 3.0 * self.force_n * l.powi(3)
            / (self.youngs_modulus_gpa * 1e3 * w * count as f64 * OF_LIMIT * p.plate_bend_um_max * 1e-3);
        stiff.cbrt().max(self.strong_mm(p))
    }

    /// What one tab must be so that it alone carries the force, mm.
    fn strong_mm(&self, p: &PlanToml) -> f64 {
        (6.0 * self.force_n * p.lane_mm / (p.tab_width_mm * self.yield_n_per_mm2)).sqrt()
    }
}

/// Tabs along the rim; `forbidden` says per place what stands against one there.
pub(super) fn place(
    shape: &Shape,
    forbidden: &[Option<&'static str>],
    load: &Load,
    rim_ball_mm: f64,
    p: &PlanToml,
    findings: &mut Vec<Finding>,
) -> Vec<Tab> {
    let n = shape.rim.len();
    let step_mm = shape.perimeter_mm / n as f64;
    // Two neighbours may move apart by PLAY each, and one step of rounding.
    let pitch_mm = (p.tab_pitch_mm_max - 2.0 * step_mm) / (1.0 + 2.0 * PLAY);
    // The ball leaves its own radius on either side of a tab.
    let share = |count: usize| count as f64 * (p.tab_width_mm + 2.0 * rim_ball_mm) / shape.perimeter_mm;
    let mut count = p.tab_count_min.max((shape.perimeter_mm / pitch_mm).ceil() as usize);
    while load.thickness_mm(count, p) > p.tab_thickness_mm && share(count + 1) <= SHARE_MAX {
        count += 1;
    }
    let needed_mm = load.thickness_mm(count, p);
    if !(needed_mm <= p.tab_thickness_mm) {
        let message = format!(
            "{count} tabs must be {needed_mm:.2} mm thick to hold {:.1} N of finishing force within {} um, plan.tab_thickness_mm is \
             {}: raise it or plan.tab_width_mm, or take a lighter skin",
            load.force_n, p.plate_bend_um_max, p.tab_thickness_mm
        );
        findings.push(Finding::new("tab-section", Severity::Change, message).measured(
            needed_mm,
            p.tab_thickness_mm,
            "mm",
        ));
    }
    if share(count) > SHARE_MAX {
        let message = format!(
            "{count} tabs of {} mm and the rim ball's fillets beside them cover {:.0} % of a rim of {:.1} mm, {:.0} % at most: \
             the part is too small for them; lower plan.tab_width_mm or plan.tab_count_min, or list a thinner ball in \
             plan.rim_tools",
            p.tab_width_mm,
            1e2 * share(count),
            shape.perimeter_mm,
            1e2 * SHARE_MAX
        );
        findings.push(Finding::new("tab-share", Severity::Stop, message).measured(
            1e2 * share(count),
            1e2 * SHARE_MAX,
            "%",
        ));
    }
    let half = (p.tab_width_mm / 2.0 / step_mm).ceil() as usize;
    let seats: Vec<Seat> = (0..n).map(|k| seat(&shape.rim, k, half, p)).collect();
    let mut places = evenly(&seats, count, (PLAY * shape.perimeter_mm / count as f64 / step_mm) as usize);
    let stands = |places: &[usize]| places.iter().any(|&k| forbidden[k].is_some());
    if stands(&places) {
        let worst = |places: &[usize]| places.iter().map(|&k| seats[k].cost).fold(0.0, f64::max);
        let costs: Vec<Option<f64>> =
            (0..n).map(|k| forbidden[k].is_none().then_some(seats[k].cost)).collect();
        let most = (p.tab_pitch_mm_max / step_mm) as usize;
        let least = ((p.tab_width_mm + 2.0 * rim_ball_mm) / step_mm / SHARE_MAX).ceil() as usize;
        let mut more = (count..=2 * count).take_while(|&c| c == count || share(c) <= SHARE_MAX);
        let found = more.find_map(|c| round_trip(&costs, c, least, most));
        // The rim's fit goes before: a tab on a steep place covers wall that the bone is to meet.
        if let Some(found) = found.filter(|f| worst(f) <= worst(&places) + SPARE_MM) {
            places = found;
        }
    }
    if stands(&places) {
        let mut near: Vec<&str> = places.iter().filter_map(|&k| forbidden[k]).collect();
        let met = near.len();
        near.sort_unstable();
        near.dedup();
        let message = format!(
            "{met} of {} tabs stand at {}: no round of tabs at most {} mm apart keeps off without covering more of the \
             rim's wall; dress these with care, or lower plan.tab_screw_mm or plan.tab_marking_mm",
            places.len(),
            near.join(" and at "),
            p.tab_pitch_mm_max
        );
        findings.push(Finding::new("tab-site", Severity::Change, message).measured(met as f64, 0.0, "tabs"));
    }
    let walls: Vec<f64> = places.iter().map(|&k| seats[k].wall_mm).collect();
    let thick = thicknesses(&walls, needed_mm, load.strong_mm(p), p);
    let each = places.into_iter().zip(thick);
    each.map(|(k, thick_mm)| tab(&shape.rim[k], &seats[k], thick_mm, p.tab_width_mm, findings)).collect()
}

/// How thick each tab is, so that together they are as stiff as if all were `needed_mm`, and cover as little of the inner
/// edge as that allows: first as thick as needed where there is wall, then as thick as allowed there, and only then more than
/// the wall where it is low.
fn thicknesses(walls_mm: &[f64], needed_mm: f64, strong_mm: f64, p: &PlanToml) -> Vec<f64> {
    let most = p.tab_thickness_mm;
    let least = p.tab_thickness_mm_min.max(strong_mm).min(most);
    let needed = if needed_mm.is_finite() { needed_mm.clamp(least, most) } else { most };
    let between = |low: f64, high: f64| -> Vec<f64> { walls_mm.iter().map(|w| w.clamp(low, high)).collect() };
    let want = walls_mm.len() as f64 * needed.powi(3);
    // A billionth: sums of cubes.
    let stiff = |t: &[f64]| t.iter().fold(0.0, |sum, t| sum + t.powi(3)) >= want * (1.0 - 1e-9);
    let first = between(least, needed);
    if stiff(&first) {
        return first;
    }
    // Hundredths of a millimetre from the least to what is needed, which is always enough.
    let steps = ((needed - least) / 0.01).ceil().max(0.0) as usize;
    (0..=steps)
        .map(|k| between((least + 0.01 * k as f64).min(needed), most))
        .find(|t| stiff(t))
        .unwrap_or_else(|| between(needed, most))
}

/// Evenly, each moved by `play` places at most to the cheapest; the phase whose dearest place is cheapest.
fn evenly(seats: &[Seat], count: usize, play: usize) -> Vec<usize> {
    let n = seats.len();
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
    (0..n.div_ceil(count))
        .map(choose)
        .min_by(|a, b| worst(a).total_cmp(&worst(b)))
        .expect("a rim has at least one place")
}

/// The cheapest `count` places that have a cost, neighbours `least` to `most` places apart all the way round; `None` where there
/// are none.
fn round_trip(costs: &[Option<f64>], count: usize, least: usize, most: usize) -> Option<Vec<usize>> {
    let n = costs.len();
    // The fourth power: one bad place is worse than several middling ones.
    let dear = |k: usize| costs[k % n].map(|c| c.powi(4));
    let mut best: Option<(f64, Vec<usize>)> = None;
    for start in 0..most.min(n) {
        let Some(first) = dear(start) else { continue };
        // Cost of `t` tabs of which the last stands `i` places after the start, and where the one before stood.
        let mut at = vec![(f64::INFINITY, 0usize); n];
        at[0] = (first, 0);
        let mut steps = vec![at];
        for _ in 1..count {
            let last = steps.last().expect("one is there");
            let mut next = vec![(f64::INFINITY, 0usize); n];
            for (i, cell) in next.iter_mut().enumerate() {
                let Some(own) = dear(start + i) else { continue };
                let from = i.saturating_sub(most)..(i + 1).saturating_sub(least);
                let cheapest = from.map(|j| (last[j].0, j)).min_by(|a, b| a.0.total_cmp(&b.0));
                if let Some((cost, j)) = cheapest.filter(|c| c.0.is_finite()) {
                    *cell = (cost + own, j);
                }
            }
            steps.push(next);
        }
        let last = steps.last().expect("one is there");
        let closing = n.saturating_sub(most)..(n + 1).saturating_sub(least).min(n);
        let end = closing.map(|i| (last[i].0, i)).min_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((cost, mut i)) = end.filter(|e| e.0.is_finite())
            && best.as_ref().is_none_or(|b| cost < b.0)
        {
            let mut places = Vec::with_capacity(count);
            for step in steps.iter().rev() {
                places.push((start + i) % n);
                i = step[i].1;
            }
            places.reverse();
            best = Some((cost, places));
        }
    }
    best.map(|b| b.1)
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

fn tab(place: &RimPlace, seat: &Seat, thick_mm: f64, width_mm: f64, findings: &mut Vec<Finding>) -> Tab {
    let z_min_mm = seat.z_max_mm - thick_mm;
    let (x, y) = (place.xy_mm[0], place.xy_mm[1]);
    // Micrometres of rounding are no lack of wall.
    if seat.wall_mm < thick_mm - 1e-6 {
        let message = format!(
            "the tab at part x {x:.1}, y {y:.1} finds {:.2} mm of rim wall and must be {thick_mm:.2} mm thick to hold, so it covers \
             the inner edge there; that edge is dressed by hand when the tab is cut off",
            seat.wall_mm
        );
        findings.push(Finding::new("tab-below-wall", Severity::Change, message).measured(
            seat.wall_mm,
            thick_mm,
            "mm",
        ));
    }
    Tab {
        centre: Point::new([x, y, seat.z_max_mm - thick_mm / 2.0]),
        outward_xy: place.outward,
        width_mm,
        z_min_mm,
        z_max_mm: seat.z_max_mm,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tabs_with_wall_are_made_thicker_before_low_ones_cover_the_edge() {
        let params: PlanToml = crate::plan::tests::peek_params().into();
        let p = PlanToml { tab_thickness_mm: 2.0, tab_thickness_mm_min: 1.2, ..params };
        let of = |walls: &[f64]| thicknesses(walls, 1.6, 0.4, &p);
        assert_eq!(of(&[3.0; 5]), [1.6; 5], "no more than needed");
        // 2 and 2 thick, the low one least: 8 + 8 + 1.2³ is above 3·1.6³.
        assert_eq!(of(&[3.0, 2.5, 0.1]), [2.0, 2.0, 1.2]);
        // One of three has wall: the others give the rest, 1.6³·3 − 8 on two: 1.2895, the next hundredth.
        let t = of(&[3.0, 0.0, -1.0]);
        assert!(t[0] == 2.0 && t[1] == t[2] && (t[1] - 1.29).abs() < 1e-9, "{t:?}");
        assert_eq!(of(&[0.0; 4]), [1.6; 4]);
    }
}

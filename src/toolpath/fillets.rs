//! Where the finishing passes leave material on beside the tabs: the extent of each tab's fillets, for the judge.
//!
//! **Method** The facets of the body about a tab are cut into pieces of a fifth of a millimetre; each piece's middle is measured
//! against the balls that passed it, as for the repair (`residual`).

use crate::geometry::depth::{longest_mm, middles};
use crate::model::{Implant, JobTab, Mesh, Operation, Part, Plan};

use super::cutter::{P3, far_mm};
use super::repair::segments;
use super::residual::Swept;

/// Counts as left on from here, mm. The judge asks from 25.4 µm on, along the normal, which is never less than the distance that is
/// measured here.
const LEFT_ON_MM: f64 = 0.02;
/// Stock beyond this is not told apart, mm.
const LIMIT_MM: f64 = 0.05;
/// Pieces of the facets have sides no longer than this, mm: any place lies within 0.14 of a piece's middle, and the judge allows 0.3.
const PIECE_MM: f64 = 0.2;
/// A fillet ends no farther beside the tab than the ball's diameter and this, mm, and no farther inwards than its radius and this: where
/// the rim is hollow it is longer than the radius, on a real plate by 0.7.
const FILLET_MM: f64 = 2.0;

/// For each tab of the plan, in its order: what is left on lies within this of its middle, mm, as [`JobTab::left_on_mm`] says it.
/// None for a tab beside which nothing is left on.
pub fn left_on_at_tabs(
    implant: &Implant,
    plan: &Plan,
    operations: &[Operation],
) -> Vec<Option<[[f64; 2]; 3]>> {
    let tabs: Vec<JobTab> = plan.tabs.iter().map(JobTab::of).collect();
    let mut passes = segments(plan, operations);
    let ball_mm = passes.iter().map(|p| p.2).fold(0.0, f64::max);
    let reach_mm: Vec<f64> = tabs.iter().map(|t| 0.5 * t.width_mm + 2.0 * ball_mm + FILLET_MM).collect();
    // The tab that a place belongs to: the nearest. The faces, far inside the rim, belong to none.
    let tab_of = |p: P3| {
        let far = |k: usize| far_mm(&p, &tabs[k].centre_part_mm);
        let k = (0..tabs.len()).min_by(|&a, &b| far(a).total_cmp(&far(b)))?;
        let out_mm = tabs[k].from_middle_mm(p)[0];
        (far(k) <= reach_mm[k] && out_mm >= -ball_mm - FILLET_MM).then_some(k)
    };
    passes.retain(|(a, b, r)| {
        let long_mm = far_mm(a, b);
        tabs.iter()
            .zip(&reach_mm)
            .any(|(t, reach)| far_mm(a, &t.centre_part_mm) <= reach + r + long_mm + LIMIT_MM)
    });
    let swept = Swept::new(passes);
    let mut out: Vec<Option<[[f64; 2]; 3]>> = vec![None; tabs.len()];
    let near = |p: P3, mm: f64| {
        tabs.iter().zip(&reach_mm).any(|(t, reach)| far_mm(&p, &t.centre_part_mm) <= reach + mm)
    };
    let places = pieces(&implant.body, &near).into_iter();
    let (of, places): (Vec<usize>, Vec<(P3, P3)>) =
        places.filter_map(|place| Some((tab_of(place.0)?, place))).unzip();
    let left = swept.over(&places, LEFT_ON_MM, LIMIT_MM);
    for ((k, (p, _)), _) in of.into_iter().zip(&places).zip(left).filter(|(_, s)| *s > LEFT_ON_MM) {
        let d = tabs[k].from_middle_mm(*p);
        let held = out[k].get_or_insert(d.map(|x| [x, x]));
        for (range, x) in held.iter_mut().zip(d) {
            *range = [range[0].min(x), range[1].max(x)];
        }
    }
    out
}

/// Middles of pieces of the facets that may have one where it is wanted, by a corner and how far from it, each with the facet's normal.
fn pieces(body: &Mesh<Part>, wanted: &dyn Fn(P3, f64) -> bool) -> Vec<(P3, P3)> {
    let mut out = Vec::new();
    for t in 0..body.triangles.len() {
        let corners = body.corners(t);
        let longest = longest_mm(&corners);
        if wanted(corners[0].into(), longest) {
            let normal = body.normal(t).into();
            let k = (longest / PIECE_MM).ceil().max(1.0) as usize;
            out.extend(middles(corners, k).map(|p| (p.into(), normal)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::plate::PEEK_FORM;
    use super::*;
    use crate::model::{Move, Point, Tab};

    #[test]
    fn a_ball_that_stops_before_a_tab_leaves_the_fillet_of_the_closed_form() {
        // An upright wall at x = 0; the ball passes up and down along it and stops 2.5 mm before the tab's middle at y = 0.3
        // and 4 mm beyond it.
        let (mut implant, mut plan) = (PEEK_FORM.implant(0), PEEK_FORM.plan(4));
        implant.body = Mesh::new(
            vec![[0.0, -12.0, -2.0], [0.0, 12.0, -2.0], [0.0, 12.0, 2.0], [0.0, -12.0, 2.0]],
            vec![[0, 1, 2], [0, 2, 3]],
        );
        let (x, y, middle) = (1.0, 0.0, [0.0, 0.3, 0.0]);
        plan.tabs = vec![Tab {
            centre: Point::new(middle),
            outward_xy: [x, y],
            width_mm: 2.0,
            z_min_mm: -0.5,
            z_max_mm: 0.5,
        }];
        let tool = &plan.tools["rim"];
        let r = tool.radius_mm();
        let work_from_part = plan.setups[0].part_from_work.inverse();
        let tip = |p: [f64; 3]| {
            let c = work_from_part.apply_raw(p);
            [c[0], c[1], c[2] - r]
        };
        let mut moves = Vec::new();
        for k in 0..=80 {
            let z = -2.0 + 0.05 * f64::from(k);
            for (from, to) in [(-12.0, 0.3 - 2.5), (0.3 + 4.0, 12.0)] {
                moves.extend([Move::Rapid(tip([r, from, z])), Move::Cut(tip([r, to, z]))]);
            }
        }
        let operation = Operation {
            name: "finish rim first side".into(),
            setup: plan.setups[0].number,
            tool: tool.number,
            spindle_rpm: 1000.0,
            feed_mm_per_min: 100.0,
            plunge_mm_per_min: 50.0,
            coolant: String::new(),
            moves,
        };
        let got = left_on_at_tabs(&implant, &plan, std::slice::from_ref(&operation));
        let [out, along, up] = got[0].expect("a fillet is left");
        // √(r² + a²) − r is left on at a beside the end.
        let a = ((r + LEFT_ON_MM).powi(2) - r * r).sqrt();
        for (got, want) in along.iter().zip([-2.5 + a, 4.0 - a]) {
            assert!((got - want).abs() < PIECE_MM, "{along:?} for {want}");
        }
        assert_eq!(out, [0.0; 2]);
        assert!(up[0] < -1.9 && up[1] > 1.9, "{up:?}");
        // Where a pass goes through there is none.
        let mut through = operation;
        through.moves = (0..=80)
            .flat_map(|k| {
                let z = -2.0 + 0.05 * f64::from(k);
                [Move::Rapid(tip([r, -12.0, z])), Move::Cut(tip([r, 12.0, z]))]
            })
            .collect();
        assert_eq!(left_on_at_tabs(&implant, &plan, &[through]), [None]);
    }
}

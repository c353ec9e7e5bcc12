//! The flip coupon: bores in the frame by which a probe tells how the blank was turned over.
//!
//! The setup that finishes the first side mills a bore to beyond the middle of the blank; the one that finishes the second
//! opens it from there with a wider one, so that the first bore's wall is seen from above past a step, and probes it
//! before anything else is cut. Both bores are programmed from the same part: what the probe finds off is how the second
//! work frame lies to the first, in x and y at two places. Through the bore it touches what the blank lies on: how high the
//! second zero stands above the face that was the first.

use std::collections::BTreeMap;

use crate::geometry::outline::{outline_xy, signed_distance_to_outline_mm};
use crate::model::{BoxPart, Finding, FlipCoupon, Mesh, Part, Pin, Setup, SetupTask, Severity, Tool};

use super::params::{Order, PlanToml};

/// Places are tried this far apart, mm.
const STEP_MM: f64 = 1.0;
/// The part's outline for this is known to half of it, mm.
const OUTLINE_CELL_MM: f64 = 0.5;
/// The bore goes on beyond the middle of the blank, so that the opening meets it, mm.
const OVERLAP_MM: f64 = 0.5;
/// Least half height of a blank beyond the ball's radius, mm: a millimetre of wall above and below the ball.
const BESIDE_BALL_MM: f64 = 2.5;

/// Where the bores are; none, with a finding, where there is no room or no tool for them. The probe is then not needed.
pub(super) fn place(
    body: &Mesh<Part>,
    stock: &BoxPart,
    pins: &[Pin],
    (setups, tools): (&[Setup], &mut BTreeMap<String, Tool>),
    p: &PlanToml,
    findings: &mut Vec<Finding>,
) -> Option<FlipCoupon> {
    if !p.flip_coupon {
        return None;
    }
    match fitted(body, stock, pins, setups, tools, p) {
        Ok(coupon) => Some(coupon),
        Err(why) => {
            tools.remove("probe");
            let message = format!(
                "no flip coupon is planned: {why}; how the blank was turned over is then probed at its pins and top face by \
                 hand, as the sheet says"
            );
            findings.push(Finding::new("flip-coupon", Severity::Change, message));
            None
        }
    }
}

fn fitted(
    body: &Mesh<Part>,
    stock: &BoxPart,
    pins: &[Pin],
    setups: &[Setup],
    tools: &BTreeMap<String, Tool>,
    p: &PlanToml,
) -> Result<FlipCoupon, String> {
    let (mill, probe) = (&tools["rough"], &tools["probe"]);
    let height_mm = stock.max_mm.mm[2] - stock.min_mm.mm[2];
    let (bore_depth_mm, opening_depth_mm) = (0.5 * height_mm + OVERLAP_MM, 0.5 * height_mm);
    // A mill that orbits by less than 0.2 mm hardly moves; by more than its radius it leaves a core.
    if !(p.flip_bore_mm >= mill.diameter_mm + 0.4 && p.flip_opening_mm <= 2.0 * mill.diameter_mm - 0.2) {
        return Err(format!(
            "T{} of D{} mills no bore of {} and no opening of {} mm (plan.flip_bore_mm, plan.flip_opening_mm)",
            mill.number, mill.diameter_mm, p.flip_bore_mm, p.flip_opening_mm
        ));
    }
    if bore_depth_mm > mill.flute_length_mm {
        return Err(format!(
            "its bores are {bore_depth_mm:.1} mm deep, the flutes of T{} are {} mm long",
            mill.number, mill.flute_length_mm
        ));
    }
    if opening_depth_mm < probe.radius_mm() + BESIDE_BALL_MM || p.flip_bore_mm < probe.diameter_mm + 2.0 {
        return Err(format!(
            "a ball of {} mm has no room in a bore of {} mm, {opening_depth_mm:.1} mm high",
            probe.diameter_mm, p.flip_bore_mm
        ));
    }
    let finishing: Vec<&Setup> =
        setups.iter().filter(|s| s.task != SetupTask::Rough && !s.is_indexed()).collect();
    let [first, second] = finishing.as_slice() else {
        return Err(format!("{} setups finish a side, two are needed", finishing.len()));
    };
    let places_xy_mm = places(body, stock, pins, p)?;
    // On parallels beside a nest what lies under a bore is not one face.
    let on_the_plate = p.order == Order::TwoSetups;
    Ok(FlipCoupon {
        places_xy_mm,
        bored_in: first.number,
        probed_in: second.number,
        bore_mm: p.flip_bore_mm,
        bore_depth_mm,
        opening_mm: p.flip_opening_mm,
        opening_depth_mm,
        floor_z_mm: on_the_plate.then_some(-height_mm),
        limit_um: p.flip_probe_um_max,
        past_mm: p.flip_probe_past_mm,
        feed_mm_per_min: p.flip_probe_mm_per_min,
    })
}

/// The two places of the frame farthest from each other, of those farthest towards its corners.
fn places(body: &Mesh<Part>, stock: &BoxPart, pins: &[Pin], p: &PlanToml) -> Result<Vec<[f64; 2]>, String> {
    let around = 0.5 * p.flip_opening_mm + p.flip_wall_mm;
    let outline = outline_xy(body, OUTLINE_CELL_MM);
    let (lo, hi) = (stock.min_mm.mm, stock.max_mm.mm);
    let free = |xy: [f64; 2]| {
        let pinned = pins.iter().any(|pin| {
            (pin.centre_xy_mm[0] - xy[0]).hypot(pin.centre_xy_mm[1] - xy[1]) < around + 0.5 * pin.diameter_mm
        });
        // Outside is positive.
        !pinned && signed_distance_to_outline_mm(&outline, xy).abs() >= p.lane_mm + around + OUTLINE_CELL_MM
    };
    let steps = |a: usize| ((hi[a] - lo[a] - 2.0 * around) / STEP_MM).floor();
    if !(steps(0) >= 0.0 && steps(1) >= 0.0) {
        return Err("the blank is too small".into());
    }
    let mut corners: Vec<[f64; 2]> = Vec::new();
    for (sx, sy) in [(1.0, 1.0), (-1.0, -1.0), (1.0, -1.0), (-1.0, 1.0)] {
        let from = |a: usize, s: f64| if s > 0.0 { hi[a] - around } else { lo[a] + around };
        let mut best: Option<([f64; 2], f64)> = None;
        // Half the blank each way from the corner.
        for i in 0..=(0.5 * steps(0)) as usize {
            for j in 0..=(0.5 * steps(1)) as usize {
                let in_by = (i + j) as f64;
                if best.is_some_and(|(_, b)| in_by >= b) {
                    break;
                }
                let xy = [from(0, sx) - sx * i as f64 * STEP_MM, from(1, sy) - sy * j as f64 * STEP_MM];
                if free(xy) {
                    best = Some((xy, in_by));
                }
            }
        }
        corners.extend(best.map(|b| b.0));
    }
    let far = |a: &[f64; 2], b: &[f64; 2]| (a[0] - b[0]).hypot(a[1] - b[1]);
    let mut pair: Option<([[f64; 2]; 2], f64)> = None;
    for (k, a) in corners.iter().enumerate() {
        for b in &corners[k + 1..] {
            // Clear of each other, and the longer the more a turn shows.
            if far(a, b) >= 2.0 * around && pair.is_none_or(|(_, d)| far(a, b) > d) {
                pair = Some(([*a, *b], far(a, b)));
            }
        }
    }
    pair.map(|(pair, _)| pair.to_vec()).ok_or_else(|| {
        format!(
            "the frame has no two places for an opening of {} mm outside the lane and off the pins",
            p.flip_opening_mm
        )
    })
}

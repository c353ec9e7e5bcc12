//! Machining time with acceleration, look-ahead and jerk.
//!
//! Each piece runs at its feed (rapids: as fast as its axes allow), enters and leaves at speeds its corners allow, and
//! changes speed at what its axes allow. A corner is blended within `path_blend_mm`: v² = a δ s / (1 − s) with s the
//! sine of half the angle between the pieces, as if on a circle that stays within δ of the corner. Jerk lengthens
//! every unbroken change of speed Δv by a/j (2 √(Δv/j) − Δv/a where a is not reached).
//!
//! Rotary axes run along with X, Y, Z and hold a piece to what their rapid allows; alone they run at feed in degrees/min or
//! at their rapid, from rest to rest beside moves of X, Y, Z. Their acceleration is not known and taken as none.

use super::read::place_of;
use crate::model::MachineTool;

/// Acceleration of a rotary axis, degrees/s²: machine files state its speed alone, so it has it at once.
const AT_ONCE: f64 = 1e9;

/// A straight piece for timing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leg {
    pub from: [f64; 3],
    pub to: [f64; 3],
    /// What A, B, C turn by, degrees.
    pub turn_deg: [f64; 3],
    /// mm/min, or degrees/min where nothing but rotary axes moves; 0 for a rapid.
    pub feed_mm_per_min: f64,
    /// The machine stands before this leg (tool change, start).
    pub from_rest: bool,
}

struct Timed {
    /// mm; degrees where nothing but rotary axes moves.
    length: f64,
    unit: [f64; 3],
    /// Degrees of A, B, C per unit of length.
    turn: [f64; 3],
    degrees: bool,
    speed: f64,
    acceleration: f64,
    jerk: f64,
    from_rest: bool,
}

/// Time of all legs, s.
pub(super) fn time_s(legs: &[Leg], machine: &MachineTool, blend_mm: f64) -> f64 {
    let timed: Vec<Timed> = legs.iter().filter_map(|l| timed(l, machine)).collect();
    let n = timed.len();
    // entry[i]: square of the speed at the start of leg i; entry[n]: at the end.
    let mut entry = vec![0.0; n + 1];
    for i in 1..n {
        entry[i] = corner(&timed[i - 1], &timed[i], blend_mm);
    }
    for i in (0..n).rev() {
        entry[i] = entry[i].min(entry[i + 1] + 2.0 * timed[i].acceleration * timed[i].length);
    }
    for i in 0..n {
        entry[i + 1] = entry[i + 1].min(entry[i] + 2.0 * timed[i].acceleration * timed[i].length);
    }
    let mut total = 0.0;
    let mut change = Change::default();
    for (i, t) in timed.iter().enumerate() {
        let (v0, v1, a) = (entry[i].sqrt(), entry[i + 1].sqrt(), t.acceleration);
        let peak = ((entry[i] + entry[i + 1]) / 2.0 + a * t.length).sqrt().min(t.speed).max(v0).max(v1);
        let ramps = (2.0 * peak * peak - entry[i] - entry[i + 1]) / (2.0 * a);
        total += (peak - v0) / a + (peak - v1) / a + (t.length - ramps).max(0.0) / peak;
        total += change.add(peak - v0, t);
        total += change.add(v1 - peak, t);
    }
    total + change.finish()
}

fn timed(leg: &Leg, machine: &MachineTool) -> Option<Timed> {
    let d: [f64; 3] = std::array::from_fn(|a| leg.to[a] - leg.from[a]);
    let mut length = d.iter().map(|x| x * x).sum::<f64>().sqrt();
    let turns = leg.turn_deg != [0.0; 3];
    let degrees = turns && length < 1e-9;
    if degrees {
        length = leg.turn_deg.iter().map(|x| x * x).sum::<f64>().sqrt();
    }
    if length < 1e-9 {
        return None;
    }
    let turn = leg.turn_deg.map(|x| x / length);
    let unit = d.map(|x| x / length);
    // The largest value along the leg that keeps every axis within its own limit.
    let along = |limit: [f64; 3]| {
        (0..3).filter(|&a| unit[a] != 0.0).map(|a| limit[a] / unit[a].abs()).fold(f64::INFINITY, f64::min)
    };
    let mut rapid = along(machine.rapid_mm_per_min);
    for axis in machine.rotary.iter().filter(|_| turns) {
        rapid = rapid.min(axis.rapid_deg_per_min / turn[place_of(axis.letter)].abs());
    }
    let speed = if leg.feed_mm_per_min > 0.0 { leg.feed_mm_per_min.min(rapid) } else { rapid };
    Some(Timed {
        length,
        unit,
        turn,
        degrees,
        speed: speed / 60.0,
        acceleration: if degrees { AT_ONCE } else { along(machine.acceleration_mm_per_s2) },
        jerk: if degrees { AT_ONCE * AT_ONCE } else { along(machine.jerk_mm_per_s3) },
        from_rest: leg.from_rest,
    })
}

/// Square of the speed allowed between two legs.
fn corner(p: &Timed, q: &Timed, blend_mm: f64) -> f64 {
    if q.from_rest {
        return 0.0;
    }
    let cos = if p.turn == [0.0; 3] && q.turn == [0.0; 3] {
        -(0..3).map(|a| p.unit[a] * q.unit[a]).sum::<f64>()
    } else if p.degrees != q.degrees {
        // Their lengths are no common measure: the machine stands between them.
        return 0.0;
    } else {
        let dot =
            |p: &Timed, q: &Timed| (0..3).map(|a| p.unit[a] * q.unit[a] + p.turn[a] * q.turn[a]).sum::<f64>();
        -dot(p, q) / (dot(p, p) * dot(q, q)).sqrt()
    };
    let s = ((1.0 - cos) / 2.0).max(0.0).sqrt().min(1.0);
    let most = p.speed.min(q.speed).powi(2);
    if s > 1.0 - 1e-9 {
        return most;
    }
    (p.acceleration.min(q.acceleration) * blend_mm * s / (1.0 - s)).min(most)
}

/// An unbroken change of speed in one direction.
#[derive(Default)]
struct Change {
    sum: f64,
    acceleration: f64,
    jerk: f64,
}

impl Change {
    fn add(&mut self, dv: f64, t: &Timed) -> f64 {
        if dv.abs() < 1e-9 {
            return 0.0;
        }
        let extra = if dv * self.sum < 0.0 { self.finish() } else { 0.0 };
        self.sum += dv;
        (self.acceleration, self.jerk) = (t.acceleration, t.jerk);
        extra
    }

    fn finish(&mut self) -> f64 {
        let dv = std::mem::take(&mut self.sum).abs();
        if dv == 0.0 {
            return 0.0;
        }
        let (a, j) = (self.acceleration, self.jerk);
        if dv >= a * a / j { a / j } else { 2.0 * (dv / j).sqrt() - dv / a }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> MachineTool {
        MachineTool {
            name: "test".into(),
            travel_min_mm: [-500.0; 3],
            travel_max_mm: [500.0; 3],
            rapid_mm_per_min: [12_000.0, 12_000.0, 6_000.0],
            feed_mm_per_min_max: 6_000.0,
            acceleration_mm_per_s2: [1_000.0; 3],
            jerk_mm_per_s3: [1e9; 3],
            spindle_rpm_min: 100.0,
            spindle_rpm_max: 20_000.0,
            tool_change_s: 8.0,
            rotary: vec![],
        }
    }

    fn leg(from: [f64; 3], to: [f64; 3], feed_mm_per_min: f64) -> Leg {
        Leg { from, to, turn_deg: [0.0; 3], feed_mm_per_min, from_rest: false }
    }

    #[test]
    fn one_move_takes_the_time_of_its_trapezoid() {
        // 100 mm at 50 mm/s, 1000 mm/s^2: 2 s of travel and v/a of ramps; jerk adds microseconds here.
        let t = time_s(&[leg([0.0; 3], [100.0, 0.0, 0.0], 3000.0)], &machine(), 0.005);
        assert!((t - (2.0 + 0.05)).abs() < 1e-4, "{t}");
    }

    #[test]
    fn a_line_in_a_thousand_pieces_takes_as_long_as_in_one() {
        let legs: Vec<Leg> = (0..1000)
            .map(|i| leg([f64::from(i) * 0.1, 0.0, 0.0], [f64::from(i + 1) * 0.1, 0.0, 0.0], 3000.0))
            .collect();
        let t = time_s(&legs, &machine(), 0.005);
        assert!((t - 2.05).abs() < 1e-4, "{t}");
    }

    #[test]
    fn a_corner_and_low_jerk_cost_time_and_a_rapid_is_limited_by_its_slowest_axis() {
        let straight =
            [leg([0.0; 3], [10.0, 0.0, 0.0], 3000.0), leg([10.0, 0.0, 0.0], [20.0, 0.0, 0.0], 3000.0)];
        let bent =
            [leg([0.0; 3], [10.0, 0.0, 0.0], 3000.0), leg([10.0, 0.0, 0.0], [10.0, 10.0, 0.0], 3000.0)];
        assert!(time_s(&bent, &machine(), 0.005) > time_s(&straight, &machine(), 0.005) + 0.01);
        let mut soft = machine();
        soft.jerk_mm_per_s3 = [5_000.0; 3];
        assert!(time_s(&bent, &soft, 0.005) > time_s(&bent, &machine(), 0.005) + 0.1);
        // 100 mm along z at 100 mm/s: 1 s and 0.1 s of ramps.
        let up = time_s(&[leg([0.0; 3], [0.0, 0.0, 100.0], 0.0)], &machine(), 0.005);
        assert!((up - 1.1).abs() < 1e-4, "{up}");
    }

    #[test]
    fn rotary_axes_take_their_own_time_and_hold_back_what_runs_along() {
        use crate::model::{RotaryAxis, RotaryLetter};
        let mut machine = machine();
        machine.rotary = vec![RotaryAxis {
            letter: RotaryLetter::C,
            direction: [0.0, 0.0, 1.0],
            pivot_mm: [0.0; 3],
            min_deg: -360.0,
            max_deg: 360.0,
            rapid_deg_per_min: 6000.0,
        }];
        let turn = |to, deg, feed| Leg { turn_deg: [0.0, 0.0, deg], ..leg([0.0; 3], to, feed) };
        // 90 degrees at 100 degrees/s; at F600 ten times as long.
        let rapid = time_s(&[turn([0.0; 3], -90.0, 0.0)], &machine, 0.005);
        assert!((rapid - 0.9).abs() < 1e-6, "{rapid}");
        let fed = time_s(&[turn([0.0; 3], 90.0, 600.0)], &machine, 0.005);
        assert!((fed - 9.0).abs() < 1e-6, "{fed}");
        // 100 mm at 50 mm/s would take 2 s; 360 degrees along it take 3.6 s, and the ramps of X.
        let both = time_s(&[turn([100.0, 0.0, 0.0], 360.0, 3000.0)], &machine, 0.005);
        assert!((both - (3.6 + 0.1 / 3.6 * 1.0)).abs() < 1e-3, "{both}");
    }
}

//! Time of an operation as programmed: path over feed, for the sheet. The simulated machine's own time, with
//! acceleration, stands in the report.

use crate::model::{MachineTool, Move, Operation};

/// At feed and at rapid, s, without acceleration, tool change or dwell.
pub(super) fn programmed_s(o: &Operation, machine: &MachineTool) -> [f64; 2] {
    let (mut feed_min, mut rapid_min) = (0.0, 0.0);
    let mut at: Option<[f64; 3]> = None;
    let length = |a: [f64; 3], b: [f64; 3]| (0..3).map(|k| (b[k] - a[k]).powi(2)).sum::<f64>().sqrt();
    // Every axis at its own speed; the slowest one decides.
    let rapid = |a: [f64; 3], b: [f64; 3]| {
        (0..3).map(|k| (b[k] - a[k]).abs() / machine.rapid_mm_per_min[k]).fold(0.0, f64::max)
    };
    for m in &o.moves {
        match *m {
            Move::Rapid(to) => {
                rapid_min += at.map_or(0.0, |from| rapid(from, to));
                at = Some(to);
            }
            Move::Cut(to) => {
                feed_min += at.map_or(0.0, |from| length(from, to) / o.feed_mm_per_min);
                at = Some(to);
            }
            Move::Plunge(to) => {
                feed_min += at.map_or(0.0, |from| length(from, to) / o.plunge_mm_per_min);
                at = Some(to);
            }
            Move::Arc { to, centre_xy: c, clockwise } => {
                let from = at.unwrap_or(to);
                let angle = |p: [f64; 3]| (p[1] - c[1]).atan2(p[0] - c[0]);
                let turn = if clockwise { angle(from) - angle(to) } else { angle(to) - angle(from) };
                // Ends that coincide are a whole turn.
                let turn = if turn <= 1e-9 { turn + std::f64::consts::TAU } else { turn };
                let flat = turn * (from[0] - c[0]).hypot(from[1] - c[1]);
                feed_min += flat.hypot(to[2] - from[2]) / o.feed_mm_per_min;
                at = Some(to);
            }
            Move::Drill { at_xy: [x, y], retract_z, bottom_z, peck_mm } => {
                let (top, bottom) = ([x, y, retract_z], [x, y, bottom_z]);
                rapid_min += at.map_or(0.0, |from| rapid(from, top));
                feed_min += (retract_z - bottom_z) / o.plunge_mm_per_min;
                let pecks =
                    if peck_mm > 0.0 { ((retract_z - bottom_z) / peck_mm).ceil().max(1.0) } else { 1.0 };
                // Out of the hole and, between pecks, back in: half the depth on the average.
                rapid_min += pecks * rapid(bottom, top);
                at = Some(top);
            }
        }
    }
    [feed_min * 60.0, rapid_min * 60.0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_and_a_circle_take_their_length_over_the_feed() {
        let machine = MachineTool {
            name: "m".into(),
            travel_min_mm: [-100.0; 3],
            travel_max_mm: [0.0; 3],
            rapid_mm_per_min: [6000.0, 6000.0, 3000.0],
            feed_mm_per_min_max: 6000.0,
            acceleration_mm_per_s2: [1000.0; 3],
            jerk_mm_per_s3: [1e5; 3],
            spindle_rpm_min: 100.0,
            spindle_rpm_max: 20_000.0,
            tool_change_s: 4.0,
            rotary: vec![],
        };
        let o = Operation {
            name: "rim".into(),
            setup: 10,
            tool: 1,
            spindle_rpm: 1000.0,
            feed_mm_per_min: 600.0,
            plunge_mm_per_min: 60.0,
            coolant: "dry".into(),
            moves: vec![
                Move::Rapid([10.0, 0.0, 50.0]),
                Move::Rapid([10.0, 0.0, 0.0]),
                Move::Plunge([10.0, 0.0, -1.0]),
                Move::Arc { to: [10.0, 0.0, -1.0], centre_xy: [0.0, 0.0], clockwise: true },
                Move::Cut([110.0, 0.0, -1.0]),
            ],
        };
        let [feed_s, rapid_s] = programmed_s(&o, &machine);
        // 1 mm at 1 mm/s, 20 pi mm and 100 mm at 10 mm/s; 50 mm down at 50 mm/s.
        let expected = 1.0 + 2.0 * std::f64::consts::PI + 10.0;
        assert!((feed_s - expected).abs() < 1e-9, "{feed_s}");
        assert!((rapid_s - 1.0).abs() < 1e-9, "{rapid_s}");
    }
}

//! Arcs and helices: centre from a radius, length, and splitting into chords.

use std::f64::consts::TAU;

use super::motion::{Motion, MotionKind, Plane};
use super::words::WordError;

/// Radius at the start and the end of an arc must agree.
pub(super) fn check_radius(
    from: [f64; 3],
    end: [f64; 3],
    centre: [f64; 3],
    plane: Plane,
    limit_mm: f64,
) -> Result<(), WordError> {
    let [u, v, _] = plane.axes();
    let radius = |p: [f64; 3]| (p[u] - centre[u]).hypot(p[v] - centre[v]);
    let (r0, r1) = (radius(from), radius(end));
    let off = (r0 - r1).abs();
    if r0 < 1e-9 || off > limit_mm || !off.is_finite() {
        return Err(WordError::new(
            "arc-radius",
            format!(
                "the arc starts at radius {r0:.4} mm and ends at {r1:.4} mm (limit {limit_mm} mm apart): correct its centre"
            ),
        ));
    }
    Ok(())
}

/// Centre of an R arc: the shorter one for positive `r`, the longer one for negative.
pub(super) fn centre_from_radius(
    from: [f64; 2],
    end: [f64; 2],
    r: f64,
    clockwise: bool,
) -> Result<[f64; 2], WordError> {
    let (dx, dy) = (end[0] - from[0], end[1] - from[1]);
    let chord = dx.hypot(dy);
    if chord < 1e-9 {
        return Err(WordError::new(
            "arc-radius",
            "an R arc that ends where it starts has no centre: use I J K",
        ));
    }
    let half = chord / 2.0;
    // Rounded decimals may make a half circle's radius a little too small: 1 um is forgiven.
    if r.abs() < half - 1e-3 {
        return Err(WordError::new(
            "arc-radius",
            format!("R {r} mm cannot reach over a chord of {chord:.4} mm: R must be at least half of it"),
        ));
    }
    let height = (r * r - half * half).max(0.0).sqrt();
    // The shorter counter-clockwise arc has its centre on the left of the chord.
    let side = if clockwise == (r > 0.0) { -1.0 } else { 1.0 };
    let (mx, my) = ((from[0] + end[0]) / 2.0, (from[1] + end[1]) / 2.0);
    Ok([mx - side * height * dy / chord, my + side * height * dx / chord])
}

/// Angle turned through, rad, positive counter-clockwise.
pub(super) fn sweep_rad(m: &Motion) -> f64 {
    let [u, v, _] = m.plane.axes();
    let angle = |p: [f64; 3]| (p[v] - m.centre_mm[v]).atan2(p[u] - m.centre_mm[u]);
    let mut turn = angle(m.end_mm) - angle(m.from_mm);
    let counter = m.kind == MotionKind::ArcCounterClockwise;
    // An arc that ends where it starts is a full circle; LinuxCNC takes angles below 1e-12 for that.
    const SAME: f64 = 1e-9;
    if counter {
        while turn <= SAME {
            turn += TAU;
        }
        while turn > TAU + SAME {
            turn -= TAU;
        }
    } else {
        while turn >= -SAME {
            turn -= TAU;
        }
        while turn < -TAU - SAME {
            turn += TAU;
        }
    }
    turn + f64::from(m.extra_turns) * TAU * if counter { 1.0 } else { -1.0 }
}

/// Length along an arc or helix, mm.
pub(super) fn length_mm(m: &Motion) -> f64 {
    let [u, v, w] = m.plane.axes();
    let r = (m.from_mm[u] - m.centre_mm[u]).hypot(m.from_mm[v] - m.centre_mm[v]);
    (r * sweep_rad(m)).hypot(m.end_mm[w] - m.from_mm[w])
}

/// Ends of chords that stay within `chord_mm` of the arc; the last is exactly the arc's end.
pub(super) fn chords(m: &Motion, chord_mm: f64, mut each: impl FnMut([f64; 3])) {
    let [u, v, w] = m.plane.axes();
    let turn = sweep_rad(m);
    let start = (m.from_mm[v] - m.centre_mm[v]).atan2(m.from_mm[u] - m.centre_mm[u]);
    let r0 = (m.from_mm[u] - m.centre_mm[u]).hypot(m.from_mm[v] - m.centre_mm[v]);
    let r1 = (m.end_mm[u] - m.centre_mm[u]).hypot(m.end_mm[v] - m.centre_mm[v]);
    // Sagitta of a chord over angle t: r (1 - cos(t/2)).
    let step = 2.0 * (1.0 - (chord_mm / r0.max(chord_mm)).min(1.0)).acos();
    let n = (turn.abs() / step).ceil().max(1.0) as usize;
    for i in 1..n {
        let t = i as f64 / n as f64;
        let (r, angle) = (r0 + (r1 - r0) * t, start + turn * t);
        let mut p = [0.0; 3];
        p[u] = m.centre_mm[u] + r * angle.cos();
        p[v] = m.centre_mm[v] + r * angle.sin();
        p[w] = m.from_mm[w] + (m.end_mm[w] - m.from_mm[w]) * t;
        each(p);
    }
    each(m.end_mm);
}

//! Lines seen from above, smoothed, and laid on the surface of cutter locations.

use super::plane::Lowered;
use super::raster::{Chords, Piece, follow};

/// Deviation of a pass from its level line, mm: a hundredth of any spacing.
const ASIDE_MM: f64 = 0.004;
/// Sweeps of smoothing.
const SMOOTH_SWEEPS: usize = 3;

/// A pass seen from above.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Places in order.
    pub points: Vec<[f64; 2]>,
    /// True where the last point repeats the first.
    pub closed: bool,
}

/// The pass along a line, in as many pieces as it leaves the surface.
pub fn on_surface(cl: &Lowered<'_>, line: &Line, chords: &Chords) -> Vec<Piece> {
    let corners = resample(&line.points, chords.step_mm, ASIDE_MM);
    let mut out: Vec<Piece> = Vec::new();
    let mut now: Vec<[f64; 3]> = Vec::new();
    let mut whole = true;
    for w in corners.windows(2) {
        match follow(cl, w[0], w[1], chords) {
            Some(points) => now.extend(points.into_iter().skip(usize::from(!now.is_empty()))),
            None => {
                whole = false;
                if now.len() > 1 {
                    out.push(Piece { points: std::mem::take(&mut now), closed: false });
                }
                now.clear();
            }
        }
    }
    if now.len() > 1 {
        out.push(Piece { points: now, closed: whole && line.closed });
    }
    out
}

/// The line at even steps, its corners rounded: a machine slows down in a corner, and a lattice makes small ones of its
/// own. What a round leaves uncovered is looked for like all else.
pub fn smooth(line: &Line, step_mm: f64) -> Vec<[f64; 2]> {
    let mut points = even(&line.points, step_mm);
    let n = points.len();
    if n < 4 {
        return points;
    }
    for _ in 0..SMOOTH_SWEEPS {
        let old = points.clone();
        for k in 0..n {
            let (a, b) = match (k, line.closed) {
                // The last point of a closed line is the first.
                (0, true) => (old[n - 2], old[1]),
                (k, true) if k + 1 == n => (old[n - 2], old[1]),
                (0, false) => continue,
                (k, false) if k + 1 == n => continue,
                _ => (old[k - 1], old[k + 1]),
            };
            points[k] = std::array::from_fn(|c| 0.25 * a[c] + 0.5 * old[k][c] + 0.25 * b[c]);
        }
    }
    points
}

/// Places at even distances along a line, both ends kept.
fn even(points: &[[f64; 2]], step_mm: f64) -> Vec<[f64; 2]> {
    let length: f64 = points.windows(2).map(|w| (w[1][0] - w[0][0]).hypot(w[1][1] - w[0][1])).sum();
    let n = (length / step_mm).round().max(1.0) as usize;
    let mut out = vec![points[0]];
    let (mut gone, mut next) = (0.0, length / n as f64);
    for w in points.windows(2) {
        let d = (w[1][0] - w[0][0]).hypot(w[1][1] - w[0][1]);
        while out.len() < n && next <= gone + d {
            let t = if d > 0.0 { (next - gone) / d } else { 0.0 };
            out.push([w[0][0] + (w[1][0] - w[0][0]) * t, w[0][1] + (w[1][1] - w[0][1]) * t]);
            next = length * out.len() as f64 / n as f64;
        }
        gone += d;
    }
    out.push(points[points.len() - 1]);
    out
}

/// Places along a line no more than `step` apart whose chords keep within `aside` of it.
pub fn resample(points: &[[f64; 2]], step: f64, aside: f64) -> Vec<[f64; 2]> {
    let Some((&first, &last)) = points.first().zip(points.last()) else { return vec![] };
    let mut out = vec![first];
    let mut from = 0;
    while from + 1 < points.len() {
        let p = *out.last().expect("begun with one");
        // The farthest place in reach that the line keeps near the chord to.
        let mut to = from + 1;
        while to + 1 < points.len() {
            let q = points[to + 1];
            let d = [q[0] - p[0], q[1] - p[1]];
            let length = d[0].hypot(d[1]);
            let strays = points[from + 1..=to].iter().any(|r| {
                let e = [r[0] - p[0], r[1] - p[1]];
                length < 1e-9 || ((d[0] * e[1] - d[1] * e[0]) / length).abs() > aside
            });
            if length > step || strays {
                break;
            }
            to += 1;
        }
        out.push(points[to]);
        from = to;
    }
    if out.last() != Some(&last) {
        out.push(last);
    }
    out
}

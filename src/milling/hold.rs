//! A tilted tool against the bodies that hold the blank.
//!
//! How far a place lies outside a cutter, shank or holder whose tip stands at a share `u` of the move is convex in place and
//! share together; its least value over the box and the move tells whether they meet, and how deep. It is found by the
//! ellipsoid method (Bland, Goldfarb, Todd, "The ellipsoid method: a survey", Operations Research 29, 1981, with deep cuts),
//! which carries a lower bound: most pieces are settled by that after a few steps, the others to `SURE_MM`.

use super::carve::Piece;
use super::cutter::{Cutter, End};
use super::fixtures::Body;
use super::tilt::Tilt;
use crate::model::BoxPart;

/// The depth is found to this, mm.
const SURE_MM: f64 = 1e-4;
/// Each step shrinks the ellipsoid's volume by 10 %; 400 mm down to `SURE_MM` in four dimensions takes 610.
const STEPS_MAX: usize = 2000;

/// How deep each part of the tool that meets `fixture` goes into it along the piece, mm.
pub(super) fn meet_tilted(
    piece: &Piece,
    tilt: &Tilt,
    cutter: &Cutter,
    fixture: &BoxPart,
    contact_mm: f64,
) -> Vec<(Body, f64)> {
    let (lo, hi) = (fixture.min_mm.mm, fixture.max_mm.mm);
    let corners =
        (0..8).map(|n| tilt.seen(std::array::from_fn(|a| if n >> a & 1 == 0 { lo[a] } else { hi[a] })));
    let (mut least, mut most) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
    for c in corners {
        for a in 0..3 {
            (least[a], most[a]) = (least[a].min(c[a]), most[a].max(c[a]));
        }
    }
    let (f, t) = (piece.span.from, piece.span.to);
    let bodies = [
        (Body::Cutter, cutter.end, cutter.radius_mm, 0.0),
        (Body::Shank, End::Flat, cutter.shank_radius_mm, cutter.flute_mm),
        (Body::Holder, End::Flat, cutter.holder_radius_mm, cutter.nose_mm),
    ];
    let mut out = Vec::new();
    for (body, end, radius, above) in bodies {
        let beside =
            (0..2).any(|a| f[a].max(t[a]) + radius <= least[a] || f[a].min(t[a]) - radius >= most[a]);
        if beside || f[2].min(t[2]) + above + contact_mm >= most[2] {
            continue;
        }
        let outside = |x: &[f64; 4]| {
            let p = tilt.seen(std::array::from_fn(|a| lo[a] + x[a] * (hi[a] - lo[a])));
            let q: [f64; 3] = std::array::from_fn(|a| p[a] - f[a] - x[3] * (t[a] - f[a]));
            let (v, g) = outside(end, radius, [q[0], q[1], q[2] - above]);
            let g_part = tilt.part(g);
            let along = (0..3).map(|a| g[a] * (t[a] - f[a])).sum::<f64>();
            let grad = std::array::from_fn(|a| if a < 3 { g_part[a] * (hi[a] - lo[a]) } else { -along });
            (v, grad)
        };
        if let Some(least) = least_value(outside, -contact_mm) {
            out.push((body, -least));
        }
    }
    out
}

/// Convex: how far a place, seen from the tip, lies outside the body, negative inside; and its gradient.
fn outside(end: End, radius: f64, q: [f64; 3]) -> (f64, [f64; 3]) {
    let rho = q[0].hypot(q[1]);
    let h = q[2];
    // Value, and slopes along the radius and up the tool.
    let rounded = |flat: f64, corner: f64| {
        let (r, d) = ((rho - flat).max(0.0), (corner - h).max(0.0));
        let off = r.hypot(d);
        if off > 0.0 { (off - corner, r / off, -d / off) } else { (-corner, 0.0, 0.0) }
    };
    let wall = (rho - radius, 1.0, 0.0);
    let larger = |a: (f64, f64, f64), b: (f64, f64, f64)| if a.0 >= b.0 { a } else { b };
    let (v, along, up) = match end {
        End::Flat => larger(wall, (-h, 0.0, -1.0)),
        End::Ball => rounded(0.0, radius),
        End::Bull { flat_mm, corner_mm } => rounded(flat_mm, corner_mm),
        End::Cone { slope } => {
            let sec = slope.hypot(1.0);
            larger(wall, ((slope * rho - h) / sec, slope / sec, -1.0 / sec))
        }
    };
    let share = if rho > 0.0 { along / rho } else { 0.0 };
    (v, [share * q[0], share * q[1], up])
}

/// Least value of a convex function on the unit cube of four dimensions, if it is below `limit`.
fn least_value(f: impl Fn(&[f64; 4]) -> (f64, [f64; 4]), limit: f64) -> Option<f64> {
    const N: f64 = 4.0;
    let mut x = [0.5f64; 4];
    // The ball about the cube.
    let mut p = [[0.0f64; 4]; 4];
    for (a, row) in p.iter_mut().enumerate() {
        row[a] = 1.0;
    }
    let mut best = f64::INFINITY;
    for _ in 0..STEPS_MAX {
        // A place outside the cube is cut off by the face that it lies beyond the most.
        let beyond = |a: usize| (-x[a]).max(x[a] - 1.0);
        let worst = (0..4).max_by(|&a, &b| beyond(a).total_cmp(&beyond(b))).expect("four");
        let (over, g, inside) = if beyond(worst) > 0.0 {
            let mut g = [0.0; 4];
            g[worst] = if x[worst] < 0.0 { -1.0 } else { 1.0 };
            (beyond(worst), g, None)
        } else {
            let (v, g) = f(&x);
            best = best.min(v);
            (v - best, g, Some(v))
        };
        let pg: [f64; 4] = std::array::from_fn(|a| (0..4).map(|b| p[a][b] * g[b]).sum());
        let size = (0..4).map(|a| g[a] * pg[a]).sum::<f64>().max(0.0).sqrt();
        if let Some(v) = inside {
            let bound = v - size;
            if bound >= limit {
                return None;
            }
            if best - bound < SURE_MM {
                break;
            }
        }
        let alpha = over / size;
        if !(alpha < 1.0) {
            break;
        }
        let b = pg.map(|v| v / size);
        let step = (1.0 + N * alpha) / (N + 1.0);
        let scale = N * N * (1.0 - alpha * alpha) / (N * N - 1.0);
        let shrink = 2.0 * (1.0 + N * alpha) / ((N + 1.0) * (1.0 + alpha));
        for a in 0..4 {
            x[a] -= step * b[a];
        }
        for a in 0..4 {
            for c in 0..4 {
                p[a][c] = scale * (p[a][c] - shrink * b[a] * b[c]);
            }
        }
    }
    (best < limit).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::milling::carve::Doing;
    use crate::milling::stock::Lattice;
    use crate::milling::sweep::Span;
    use crate::model::Point;

    fn body(lo: [f64; 3], hi: [f64; 3]) -> BoxPart {
        BoxPart { min_mm: Point::new(lo), max_mm: Point::new(hi) }
    }

    fn cutter(end: End) -> Cutter {
        Cutter {
            end,
            radius_mm: 3.0,
            flute_mm: 10.0,
            shank_radius_mm: 3.0,
            nose_mm: 30.0,
            holder_radius_mm: 20.0,
            drills: false,
        }
    }

    /// A tool that leans 30 degrees towards +x, its tip moved along y.
    fn met(end: End, tip: [f64; 3], fixture: &BoxPart) -> Vec<(Body, f64)> {
        let lattice = Lattice::new(&body([0.0; 3], [30.0, 20.0, 10.0]), 0.5);
        let (sin, cos) = 30f64.to_radians().sin_cos();
        let tilt = Tilt::new([sin, 0.0, cos], &lattice);
        let span = Span {
            from: tilt.seen([tip[0], tip[1] - 5.0, tip[2]]),
            to: tilt.seen([tip[0], tip[1] + 5.0, tip[2]]),
        };
        let piece = Piece { span, up: 1.0, tilt: 0, cutter: 0, doing: Doing::Cut, motion: 0 };
        meet_tilted(&piece, &tilt, &cutter(end), fixture, 0.002)
    }

    #[test]
    fn a_leaning_tool_meets_a_block_beside_it_as_deep_as_a_drawing_says() {
        // A block whose near face is x = 10, its top edge at z = 20. The tool's axis passes through (0, z 0), so at the
        // edge it stands 10 cos 30 - 20 sin 30 = -1.34 mm from it: the axis itself passes through the block.
        let edge = body([10.0, -50.0, -30.0], [60.0, 50.0, 20.0]);
        let (sin, cos) = 30f64.to_radians().sin_cos();
        let off = 10.0 * cos - 20.0 * sin;
        for end in [End::Flat, End::Cone { slope: 1.0 }] {
            let met = met(end, [0.0; 3], &edge);
            let cut = met.iter().find(|m| m.0 == Body::Cutter).expect("the cutter meets it").1;
            // A place of the box at the axis lies as deep as anything can: the radius.
            assert!((cut - (3.0 - off).min(3.0)).abs() < 2e-4, "{end:?}: {cut}");
        }
        // The same block from x = 14: its edge lies 14 cos 30 - 20 sin 30 = 2.12 mm from the axis, 0.88 mm deep.
        let beside = body([14.0, -50.0, -30.0], [60.0, 50.0, 20.0]);
        let cut = met(End::Flat, [0.0; 3], &beside);
        let deep = cut.iter().find(|m| m.0 == Body::Cutter).expect("it meets it").1;
        assert!((deep - (3.0 - (14.0 * cos - 20.0 * sin))).abs() < 2e-4, "{deep}");
        // And from x = 15.1 it passes, the holder apart.
        let free = body([15.1, -50.0, -30.0], [60.0, 50.0, 20.0]);
        assert!(met(End::Flat, [0.0; 3], &free).iter().all(|m| m.0 == Body::Holder));
    }

    #[test]
    fn a_ball_over_a_block_meets_it_by_what_its_tip_is_below_the_face() {
        // Middle of the ball 3 mm up the tool: z of the middle is 3 cos 30 above the tip's.
        let block = body([-50.0, -50.0, -30.0], [50.0, 50.0, 0.0]);
        let middle = |z: f64| z + 3.0 * 30f64.to_radians().cos();
        for z in [0.3, 0.1, -0.4] {
            let met = met(End::Ball, [0.0, 0.0, z], &block);
            let deep = met.iter().find(|m| m.0 == Body::Cutter).expect("it meets it").1;
            assert!((deep - (3.0 - middle(z))).abs() < 2e-4, "{z}: {deep}");
        }
        assert!(met(End::Ball, [0.0, 0.0, 0.41], &block).is_empty());
    }
}

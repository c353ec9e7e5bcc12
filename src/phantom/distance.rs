//! Distance to a body that is the meeting of smooth bounds, exact also at the edges where bounds meet.
//!
//! Outside, the nearest place of the body solves: least |x − p| with every bound ≤ 0. Sequential linearisation:
//! at the place reached, bounds become planes, and the nearest place of those planes' meeting is the next.
//! Inside, the distance is that to the nearest single bound: should the foot on one bound lie outside another,
//! the way there crosses the other first, which is then nearer.

use nalgebra::{DMatrix, DVector, Vector3};

use super::head::{Bound, FACE, Head, SKULL};

/// Beyond this the first-order value is returned as it is, mm.
const EXACT_WITHIN_MM: f64 = 8.0;
/// A step changes the error by minus distance over radius of curvature; 60 is enough for 3 mm from a 2 mm bend, with
/// shorter steps where full ones swing to and fro.
const STEPS: usize = 60;
/// For central differences, mm: error of a gradient about 1e-8 here.
const DIFFERENCE_MM: f64 = 1e-3;

/// Signed distance to the bone, mm, negative inside.
pub fn bone_distance_mm(head: &Head, p: &Vector3<f64>) -> f64 {
    body_distance_mm(head, &SKULL, p).min(body_distance_mm(head, &FACE, p))
}

fn gradient(head: &Head, bound: Bound, p: &Vector3<f64>) -> Vector3<f64> {
    Vector3::from_fn(|a, _| {
        let mut h = Vector3::zeros();
        h[a] = DIFFERENCE_MM;
        (head.value(bound, &(p + h)) - head.value(bound, &(p - h))) / (2.0 * DIFFERENCE_MM)
    })
}

fn body_distance_mm(head: &Head, body: &[Bound], p: &Vector3<f64>) -> f64 {
    let values: Vec<(Bound, f64)> = body.iter().map(|&b| (b, head.value(b, p))).collect();
    let worst = values.iter().fold(f64::NEG_INFINITY, |m, v| m.max(v.1));
    if worst.abs() > EXACT_WITHIN_MM {
        return worst;
    }
    // Values are distances to within a third near the body, so this keeps every bound that can matter.
    let reach = 2.0 * worst.abs() + 3.0;
    let active: Vec<Bound> = values.iter().filter(|v| v.1 > -reach).map(|v| v.0).collect();
    if worst <= 0.0 {
        active.iter().map(|&b| -(foot(head, &[b], p, true) - p).norm()).fold(f64::NEG_INFINITY, f64::max)
    } else {
        (foot(head, &active, p, false) - p).norm()
    }
}

/// Nearest place to `p` on one bound (`on`), or in the meeting of several.
fn foot(head: &Head, bounds: &[Bound], p: &Vector3<f64>, on: bool) -> Vector3<f64> {
    let mut x = *p;
    let (mut share, mut before) = (1.0, f64::INFINITY);
    for _ in 0..STEPS {
        let planes: Vec<(Vector3<f64>, f64)> = bounds
            .iter()
            .map(|&b| {
                let g = gradient(head, b, &x);
                // The plane g·y ≤ c touches the bound's linear model at x.
                (g, g.dot(&x) - head.value(b, &x))
            })
            .collect();
        let next = if on { onto_plane(&planes[0], p) } else { nearest_in(&planes, p) };
        let moved = (next - x).norm();
        if moved < 1e-6 {
            return next;
        }
        if moved > 0.5 * before {
            share = f64::max(0.5 * share, 0.25);
        }
        x += (next - x) * share;
        before = moved;
    }
    x
}

fn onto_plane((g, c): &(Vector3<f64>, f64), p: &Vector3<f64>) -> Vector3<f64> {
    p - g * ((g.dot(p) - c) / g.norm_squared())
}

/// Nearest place to `p` with `g·y ≤ c` for all planes: by trying every set of up to three planes as the active one.
fn nearest_in(planes: &[(Vector3<f64>, f64)], p: &Vector3<f64>) -> Vector3<f64> {
    let holds = |y: &Vector3<f64>| planes.iter().all(|(g, c)| g.dot(y) - c <= 1e-9);
    let n = planes.len();
    let mut best: Option<(f64, Vector3<f64>)> = None;
    for set in 0u32..(1 << n) {
        let chosen: Vec<usize> = (0..n).filter(|i| set >> i & 1 == 1).collect();
        if chosen.len() > 3 {
            continue;
        }
        let y = if chosen.is_empty() {
            *p
        } else {
            let a = DMatrix::from_fn(chosen.len(), 3, |r, c| planes[chosen[r]].0[c]);
            let b = DVector::from_fn(chosen.len(), |r, _| planes[chosen[r]].0.dot(p) - planes[chosen[r]].1);
            let Some(lambda) = (&a * a.transpose()).lu().solve(&b) else { continue };
            let step = a.transpose() * lambda;
            p - Vector3::new(step[0], step[1], step[2])
        };
        let d = (y - p).norm();
        if holds(&y) && best.is_none_or(|b| d < b.0) {
            best = Some((d, y));
        }
    }
    best.map_or(*p, |b| b.1)
}

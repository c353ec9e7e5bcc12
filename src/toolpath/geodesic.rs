//! Distances along a surface of heights over a lattice.
//!
//! **Method** Fast marching on triangles: Kimmel and Sethian, "Computing geodesic paths on manifolds", PNAS 95, 1998,
//! pp. 8431-8435. Every node sees the eight triangles that it forms with its neighbours, their corners lifted to the
//! surface, so lengths are those of space and not of the lattice. Slowness may differ from node to node.
//!
//! **Different from the paper** Triangles that are obtuse at the node are not unfolded: up to a slope of 65 degrees none
//! of the eight is, since each spans 45 degrees of the lattice.
//!
//! **Limits** First order: a front from a single node is up to 4 % late in some directions; one from a line is not.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::cutter::P3;
use super::plane::Plane;

/// Distance times slowness from `seeds` (node, distance there) to every node of `region`; infinite where none leads.
pub fn march(
    plane: &Plane,
    z_mm: &[f64],
    region: &[bool],
    slowness: &[f64],
    seeds: &[(usize, f64)],
) -> Vec<f64> {
    let mut far = vec![f64::INFINITY; plane.len()];
    let mut done = vec![false; plane.len()];
    // Whole nanometres order the heap totally.
    let mut heap: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    for &(at, d) in seeds {
        if d < far[at] {
            far[at] = d;
            heap.push(Reverse(((d * 1e6) as u64, at)));
        }
    }
    let place = |at: usize| {
        let [x, y] = plane.xy(at);
        [x, y, z_mm[at]]
    };
    while let Some(Reverse((_, at))) = heap.pop() {
        if done[at] {
            continue;
        }
        done[at] = true;
        for (b, _) in plane.neighbours(at) {
            if done[b] || !region[b] {
                continue;
            }
            let p = place(b);
            let to = |q: usize| -> P3 {
                let c = place(q);
                std::array::from_fn(|k| c[k] - p[k])
            };
            let e = to(at);
            let mut new = far[at] + slowness[b] * dot(&e, &e).sqrt();
            for third in beside(plane, b, at) {
                if done[third] && region[third] {
                    new = new.min(from_two(far[at], far[third], &e, &to(third), slowness[b]));
                }
            }
            if new < far[b] - 1e-12 {
                far[b] = new;
                heap.push(Reverse(((new * 1e6) as u64, b)));
            }
        }
    }
    far
}

/// The up to two nodes that form a triangle of the star of `centre` with its neighbour `at`.
fn beside(plane: &Plane, centre: usize, at: usize) -> impl Iterator<Item = usize> {
    // Around the centre, counter-clockwise.
    const AROUND: [(i64, i64); 8] = [(1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1)];
    let (ci, cj) = plane.ij(centre);
    let (ai, aj) = plane.ij(at);
    let step = (ai as i64 - ci as i64, aj as i64 - cj as i64);
    let k = AROUND.iter().position(|&s| s == step).expect("a neighbour is one of eight");
    let (nx, ny) = (plane.nx as i64, plane.ny as i64);
    [AROUND[(k + 1) % 8], AROUND[(k + 7) % 8]].into_iter().filter_map(move |(a, b)| {
        let (i, j) = (ci as i64 + a, cj as i64 + b);
        (i >= 0 && j >= 0 && i < nx && j < ny).then(|| (j * nx + i) as usize)
    })
}

/// Value at the node from those of two corners that lie at `ea` and `eb` from it: the plane front over the triangle,
/// where it comes out of the triangle; infinite elsewhere.
fn from_two(ta: f64, tb: f64, ea: &P3, eb: &P3, slowness: f64) -> f64 {
    // |∇T| = w with E ∇T = T − t: a quadratic in t with the inverse Gram matrix Q of the two edges (section 4.1).
    let (aa, bb, ab) = (dot(ea, ea), dot(eb, eb), dot(ea, eb));
    let det = aa * bb - ab * ab;
    if det <= 1e-18 {
        return f64::INFINITY;
    }
    let (q11, q22, q12) = (bb / det, aa / det, -ab / det);
    let a = q11 + 2.0 * q12 + q22;
    let b = (q11 + q12) * ta + (q12 + q22) * tb;
    let c = q11 * ta * ta + 2.0 * q12 * ta * tb + q22 * tb * tb - slowness * slowness;
    let root = b * b - a * c;
    if root < 0.0 {
        return f64::INFINITY;
    }
    let t = (b + root.sqrt()) / a;
    // The front must come out of the triangle, between the two edges.
    let (la, lb) = (q11 * (t - ta) + q12 * (t - tb), q12 * (t - ta) + q22 * (t - tb));
    if la >= 0.0 && lb >= 0.0 { t } else { f64::INFINITY }
}

fn dot(a: &P3, b: &P3) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_on_a_tilted_plane_are_those_of_space() {
        // z = x·tan 55°: a front from the line x = 0 is at x / cos 55°.
        let plane = Plane::over([0.0, 0.0], [10.0, 10.0], 0.25);
        let rise = 55f64.to_radians().tan();
        let z: Vec<f64> = (0..plane.len()).map(|at| plane.xy(at)[0] * rise).collect();
        let seeds: Vec<(usize, f64)> =
            (0..plane.len()).filter(|&at| plane.xy(at)[0] == 0.0).map(|at| (at, 0.0)).collect();
        let far = march(&plane, &z, &vec![true; plane.len()], &vec![1.0; plane.len()], &seeds);
        for at in 0..plane.len() {
            let truth = plane.xy(at)[0] / 55f64.to_radians().cos();
            assert!((far[at] - truth).abs() < 1e-9, "{} {truth}", far[at]);
        }
    }

    #[test]
    fn a_front_from_the_equator_reaches_each_parallel_of_a_ball_at_its_latitude() {
        // Upper cap of a ball of 20 mm, down to 60 degrees of slope; seeds on that parallel, measured towards the pole.
        let r = 20.0f64;
        let plane = Plane::over([-18.0, -18.0], [18.0, 18.0], 0.25);
        let border = r * 60f64.to_radians().sin();
        let rho = |at: usize| plane.xy(at)[0].hypot(plane.xy(at)[1]);
        let z: Vec<f64> = (0..plane.len()).map(|at| (r * r - rho(at).powi(2)).max(0.0).sqrt()).collect();
        let region: Vec<bool> = (0..plane.len()).map(|at| rho(at) <= border).collect();
        let truth = |at: usize| r * (60f64.to_radians() - (rho(at) / r).asin());
        let seeds: Vec<(usize, f64)> = (0..plane.len())
            .filter(|&at| region[at] && plane.neighbours(at).any(|(b, _)| !region[b]))
            .map(|at| (at, truth(at)))
            .collect();
        let slow: Vec<f64> = vec![1.5; plane.len()];
        let far =
            march(&plane, &z, &region, &slow, &seeds.iter().map(|s| (s.0, 1.5 * s.1)).collect::<Vec<_>>());
        for at in (0..plane.len()).filter(|&at| region[at]) {
            // First order and chords of 0.25 mm: 1 % of the way, and the front that closes on the pole.
            let limit = 1.5 * (0.012 * truth(at) + 0.03);
            assert!((far[at] - 1.5 * truth(at)).abs() < limit, "{} {}", far[at], 1.5 * truth(at));
        }
    }

    #[test]
    fn what_no_way_leads_to_is_infinitely_far() {
        let plane = Plane::over([0.0, 0.0], [5.0, 5.0], 0.25);
        let region: Vec<bool> = (0..plane.len()).map(|at| (plane.xy(at)[0] - 2.5).abs() > 0.3).collect();
        let far = march(&plane, &vec![0.0; plane.len()], &region, &vec![1.0; plane.len()], &[(0, 0.0)]);
        assert!(far[plane.nearest(5.0, 5.0).unwrap()].is_infinite());
        assert!(far[plane.nearest(2.0, 5.0).unwrap()].is_finite());
    }
}

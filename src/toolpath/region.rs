//! Regions of a lattice: their pieces, distances within them, and lines with fewer points.
//!
//! **Method** Geodesic distance is marched over the nodes (Sethian, "A fast marching level set method", PNAS 93, 1996);
//! lines are simplified after Douglas and Peucker (1973).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::plane::Plane;

/// Distances within a region from the nodes where the march begins.
pub fn march(plane: &Plane, region: &[bool], seeds: &[(usize, f64)]) -> Vec<f64> {
    let mut t = vec![f64::INFINITY; plane.len()];
    let mut done = vec![false; plane.len()];
    // Whole nanometres order the heap totally.
    let mut heap: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    for &(at, d) in seeds {
        t[at] = d;
        heap.push(Reverse(((d * 1e6) as u64, at)));
    }
    let h = plane.step;
    while let Some(Reverse((_, at))) = heap.pop() {
        if done[at] {
            continue;
        }
        done[at] = true;
        for (b, far) in plane.neighbours(at) {
            if done[b] || !region[b] || far > 1.1 * h {
                continue;
            }
            let (i, j) = plane.ij(b);
            let least = |lo: Option<usize>, hi: Option<usize>| {
                let of = |n: Option<usize>| n.filter(|&n| region[n]).map_or(f64::INFINITY, |n| t[n]);
                of(lo).min(of(hi))
            };
            let tx = least((i > 0).then(|| b - 1), (i + 1 < plane.nx).then(|| b + 1));
            let ty = least((j > 0).then(|| b - plane.nx), (j + 1 < plane.ny).then(|| b + plane.nx));
            let (a, c) = (tx.min(ty), tx.max(ty));
            let new =
                if c - a < h { 0.5 * (a + c + (2.0 * h * h - (a - c) * (a - c)).sqrt()) } else { a + h };
            if new < t[b] - 1e-12 {
                t[b] = new;
                heap.push(Reverse(((new * 1e6) as u64, b)));
            }
        }
    }
    t
}

/// Leaves out points that lie within `tolerance` of the line left (Douglas and Peucker).
pub fn simplify(points: &[[f64; 2]], tolerance: f64) -> Vec<[f64; 2]> {
    let n = points.len();
    if n < 3 {
        return points.to_vec();
    }
    let mut keep = vec![false; n];
    (keep[0], keep[n - 1]) = (true, true);
    let mut stack = vec![(0, n - 1)];
    while let Some((a, b)) = stack.pop() {
        if b <= a + 1 {
            continue;
        }
        let (p, q) = (points[a], points[b]);
        let d = [q[0] - p[0], q[1] - p[1]];
        let l2 = d[0] * d[0] + d[1] * d[1];
        let mut worst = (tolerance, None);
        for (k, r) in points.iter().enumerate().take(b).skip(a + 1) {
            let e = [r[0] - p[0], r[1] - p[1]];
            let s = if l2 > 0.0 { ((e[0] * d[0] + e[1] * d[1]) / l2).clamp(0.0, 1.0) } else { 0.0 };
            let off = (e[0] - s * d[0]).hypot(e[1] - s * d[1]);
            if off > worst.0 {
                worst = (off, Some(k));
            }
        }
        if let Some(k) = worst.1 {
            keep[k] = true;
            stack.push((a, k));
            stack.push((k, b));
        }
    }
    points.iter().zip(keep).filter(|(_, k)| *k).map(|(p, _)| *p).collect()
}

/// Parts of a region that touch along sides, in the order of their first node.
pub fn components(plane: &Plane, region: &[bool]) -> Vec<Vec<usize>> {
    let mut seen = vec![false; plane.len()];
    let mut out = Vec::new();
    for start in 0..plane.len() {
        if !region[start] || seen[start] {
            continue;
        }
        seen[start] = true;
        let mut part = vec![start];
        let mut k = 0;
        while k < part.len() {
            let at = part[k];
            k += 1;
            for (b, far) in plane.neighbours(at) {
                if far <= 1.1 * plane.step && region[b] && !seen[b] {
                    seen[b] = true;
                    part.push(b);
                }
            }
        }
        out.push(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_go_round_a_wall() {
        // A 20 × 20 mm field with a wall at x = 10 that is open for y > 15.
        let plane = Plane::over([0.0, 0.0], [20.0, 20.0], 0.25);
        let region: Vec<bool> = (0..plane.len())
            .map(|at| {
                let [x, y] = plane.xy(at);
                !((x - 10.0).abs() < 0.3 && y <= 15.0)
            })
            .collect();
        let seed = plane.nearest(5.0, 5.0).unwrap();
        let t = march(&plane, &region, &[(seed, 0.0)]);
        let goal = plane.nearest(15.0, 5.0).unwrap();
        // Over the corners (9.6, 15.1) and (10.4, 15.1): 2·√(4.6² + 10.1²) + 0.8; first-order marching adds 1-4 %.
        let truth = 2.0 * 4.6f64.hypot(10.1) + 0.8;
        assert!(t[goal] > truth - 0.3 && t[goal] < truth * 1.05, "{} {truth}", t[goal]);
    }
}

//! The outline of a part seen along z, and what its rim looks like there.
//!
//! **In** a closed mesh, mm. **Out** the outer boundary of its shadow on the x-y plane, counter-clockwise, and, place by
//! place along it, how high the rim's widest band reaches.
//!
//! **Method** The shadow is rasterised, the largest piece kept, its holes filled and its border followed along the
//! cells' edges, then averaged over one cell's neighbourhood. The rim's extent at a height is a horizontal ray from
//! outside, so it is as exact as the mesh.
//!
//! **Guarantees** Same bytes on any thread count.
//!
//! **Limits** The outline itself is good to half a cell; features narrower than two cells are lost.

use crate::model::{Frame, Mesh};

use super::bvh::Bvh;

/// One place of the rim.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RimPlace {
    /// Along the outline from its first place, mm.
    pub along_mm: f64,
    /// Widest point, x-y, mm.
    pub xy_mm: [f64; 2],
    /// Away from the part, unit vector in x-y.
    pub outward: [f64; 2],
    /// Highest z at which the rim still is as wide as its widest, mm: above it the outer edge breaks away.
    pub z_top_mm: f64,
    /// Lowest z of the rim wall, mm.
    pub z_bottom_mm: f64,
}

/// Outer boundary of the mesh's shadow along z, counter-clockwise, closed without repeating its first point, mm.
/// Empty when no triangle has a shadow.
pub fn outline_xy<F: Frame>(mesh: &Mesh<F>, cell_mm: f64) -> Vec<[f64; 2]> {
    let Some((lo, hi)) = mesh.bounds_mm() else { return Vec::new() };
    // Two cells of margin keep the border walk inside the grid.
    let origin = [lo[0] - 2.0 * cell_mm, lo[1] - 2.0 * cell_mm];
    let n: [usize; 2] = std::array::from_fn(|a| ((hi[a] - lo[a]) / cell_mm).ceil() as usize + 5);
    let mut shadow = vec![false; n[0] * n[1]];
    for t in 0..mesh.triangles.len() {
        let c = mesh.corners(t).map(|p| [(p.x - origin[0]) / cell_mm, (p.y - origin[1]) / cell_mm]);
        fill_triangle(&c, n, &mut shadow);
    }
    keep_largest_and_fill(&mut shadow, n);
    let border = follow_border(&shadow, n);
    smooth(&border).into_iter().map(|p| [origin[0] + p[0] * cell_mm, origin[1] + p[1] * cell_mm]).collect()
}

/// Marks the cells whose centre `(i + ½, j + ½)` lies in the triangle, borders included.
fn fill_triangle(c: &[[f64; 2]; 3], n: [usize; 2], shadow: &mut [bool]) {
    let range = |a: usize| {
        let lo = c[0][a].min(c[1][a]).min(c[2][a]);
        let hi = c[0][a].max(c[1][a]).max(c[2][a]);
        ((lo - 0.5).ceil().max(0.0) as usize, ((hi - 0.5).floor().max(0.0) as usize).min(n[a] - 1))
    };
    let ((i0, i1), (j0, j1)) = (range(0), range(1));
    let side =
        |p: [f64; 2], q: [f64; 2], x: f64, y: f64| (q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0]);
    for j in j0..=j1 {
        for i in i0..=i1 {
            let (x, y) = (i as f64 + 0.5, j as f64 + 0.5);
            let s = [side(c[0], c[1], x, y), side(c[1], c[2], x, y), side(c[2], c[0], x, y)];
            if s.iter().all(|&v| v >= 0.0) || s.iter().all(|&v| v <= 0.0) {
                shadow[j * n[0] + i] = true;
            }
        }
    }
}

/// Keeps the largest 4-connected piece and closes its holes.
fn keep_largest_and_fill(shadow: &mut [bool], n: [usize; 2]) {
    let mut label = vec![0u32; shadow.len()];
    let (mut best, mut best_count, mut next) = (0u32, 0usize, 0u32);
    let mut stack = Vec::new();
    for start in 0..shadow.len() {
        if !shadow[start] || label[start] != 0 {
            continue;
        }
        next += 1;
        let mut count = 0;
        label[start] = next;
        stack.push(start);
        while let Some(at) = stack.pop() {
            count += 1;
            for to in neighbours(at, n) {
                if shadow[to] && label[to] == 0 {
                    label[to] = next;
                    stack.push(to);
                }
            }
        }
        if count > best_count {
            (best, best_count) = (next, count);
        }
    }
    let mut outside = vec![false; shadow.len()];
    outside[0] = true;
    stack.push(0);
    while let Some(at) = stack.pop() {
        for to in neighbours(at, n) {
            if !outside[to] && (best == 0 || label[to] != best) {
                outside[to] = true;
                stack.push(to);
            }
        }
    }
    for (cell, out) in shadow.iter_mut().zip(outside) {
        *cell = best != 0 && !out;
    }
}

fn neighbours(at: usize, n: [usize; 2]) -> impl Iterator<Item = usize> {
    let (i, j) = (at % n[0], at / n[0]);
    let mut out = [usize::MAX; 4];
    if i > 0 {
        out[0] = at - 1;
    }
    if i + 1 < n[0] {
        out[1] = at + 1;
    }
    if j > 0 {
        out[2] = at - n[0];
    }
    if j + 1 < n[1] {
        out[3] = at + n[0];
    }
    out.into_iter().filter(|&o| o != usize::MAX)
}

/// Walks the cells' edges with the shadow on the left: middles of the edges, in cells.
fn follow_border(shadow: &[bool], n: [usize; 2]) -> Vec<[f64; 2]> {
    let inside = |i: i64, j: i64| {
        i >= 0
            && j >= 0
            && (i as usize) < n[0]
            && (j as usize) < n[1]
            && shadow[j as usize * n[0] + i as usize]
    };
    let Some(first) = shadow.iter().position(|&s| s) else { return Vec::new() };
    // The lowest row's first cell: its lower edge, walked towards +x, is on the border.
    let start = ((first % n[0]) as i64, (first / n[0]) as i64);
    let (mut p, mut d) = (start, (1i64, 0i64));
    let mut out = Vec::new();
    loop {
        out.push([p.0 as f64 + 0.5 * d.0 as f64, p.1 as f64 + 0.5 * d.1 as f64]);
        p = (p.0 + d.0, p.1 + d.1);
        // Cells ahead, left and right of the walking direction, around the corner p.
        let cell = |left: bool| {
            let l = if left { (-d.1, d.0) } else { (d.1, -d.0) };
            // Of the four cells around p, the one towards d + l.
            let (x, y) = (d.0 + l.0, d.1 + l.1);
            inside(p.0 + if x > 0 { 0 } else { -1 }, p.1 + if y > 0 { 0 } else { -1 })
        };
        d = match (cell(true), cell(false)) {
            (false, _) => (-d.1, d.0),
            (true, false) => d,
            (true, true) => (d.1, -d.0),
        };
        if p == start && d == (1, 0) {
            return out;
        }
    }
}

/// Average over seven neighbours, twice: takes the stairs out, moves a 10 mm circle of 0.2 mm cells by under 0.02 mm.
fn smooth(p: &[[f64; 2]]) -> Vec<[f64; 2]> {
    const REACH: usize = 3;
    let mut now = p.to_vec();
    if p.len() <= 2 * REACH + 1 {
        return now;
    }
    for _ in 0..2 {
        let m = now.len();
        now = (0..m)
            .map(|k| {
                let mut sum = [0.0; 2];
                for o in 0..=2 * REACH {
                    let q = now[(k + m + o - REACH) % m];
                    sum[0] += q[0];
                    sum[1] += q[1];
                }
                sum.map(|s| s / (2 * REACH + 1) as f64)
            })
            .collect();
    }
    now
}

/// Length of a closed polygon, mm.
pub fn perimeter_mm(outline: &[[f64; 2]]) -> f64 {
    (0..outline.len()).map(|k| distance(outline[k], outline[(k + 1) % outline.len()])).sum()
}

/// Distance from `p` to a closed polygon's border, mm; negative inside.
pub fn signed_distance_to_outline_mm(outline: &[[f64; 2]], p: [f64; 2]) -> f64 {
    let mut best = f64::INFINITY;
    let mut inside = false;
    for k in 0..outline.len() {
        let (a, b) = (outline[k], outline[(k + 1) % outline.len()]);
        let (e, w) = ([b[0] - a[0], b[1] - a[1]], [p[0] - a[0], p[1] - a[1]]);
        let l2 = e[0] * e[0] + e[1] * e[1];
        let t = if l2 > 0.0 { ((w[0] * e[0] + w[1] * e[1]) / l2).clamp(0.0, 1.0) } else { 0.0 };
        best = best.min(distance(p, [a[0] + t * e[0], a[1] + t * e[1]]));
        if (a[1] > p[1]) != (b[1] > p[1]) && p[0] < a[0] + (p[1] - a[1]) / (b[1] - a[1]) * e[0] {
            inside = !inside;
        }
    }
    if inside { -best } else { best }
}

fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// The rim of a part, one place per `step_mm` along its outline.
pub fn rim_places<F: Frame>(tree: &Bvh<F>, outline: &[[f64; 2]], step_mm: f64) -> Vec<RimPlace> {
    let Some((lo, hi)) = tree.mesh().bounds_mm() else { return Vec::new() };
    let whole = perimeter_mm(outline);
    let count = ((whole / step_mm).round() as usize).max(8);
    resample(outline, count)
        .into_iter()
        .enumerate()
        .filter_map(|(k, (c, outward))| {
            let mut place = rim_at(tree, c, outward, (lo[2], hi[2]))?;
            place.along_mm = whole * k as f64 / count as f64;
            Some(place)
        })
        .collect()
}

/// `count` evenly spaced places of a closed polygon with outward normals taken over two millimetres.
fn resample(outline: &[[f64; 2]], count: usize) -> Vec<([f64; 2], [f64; 2])> {
    let m = outline.len();
    let mut at = vec![0.0];
    for k in 0..m {
        at.push(at[k] + distance(outline[k], outline[(k + 1) % m]));
    }
    let whole = at[m];
    let place = |s: f64| {
        let s = s.rem_euclid(whole);
        let k = at.partition_point(|&a| a <= s).clamp(1, m) - 1;
        let l = at[k + 1] - at[k];
        let t = if l > 0.0 { (s - at[k]) / l } else { 0.0 };
        let (a, b) = (outline[k], outline[(k + 1) % m]);
        [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])]
    };
    (0..count)
        .map(|k| {
            let s = whole * k as f64 / count as f64;
            let (a, b) = (place(s - 1.0), place(s + 1.0));
            let l = distance(a, b).max(1e-12);
            (place(s), [(b[1] - a[1]) / l, -(b[0] - a[0]) / l])
        })
        .collect()
}

/// The rim in the vertical plane through `c` along `outward`; `None` where no ray meets it.
fn rim_at<F: Frame>(tree: &Bvh<F>, c: [f64; 2], outward: [f64; 2], z: (f64, f64)) -> Option<RimPlace> {
    const STEP_MM: f64 = 0.05;
    /// Rays start so far outside the outline, which is itself good to 0.1 mm.
    const OUTSIDE_MM: f64 = 1.0;
    /// The wall narrows inwards; what lies deeper than this behind the widest place is no longer wall.
    const WALL_MM: f64 = 1.0;
    /// As wide as the widest: a break of 0.25 mm radius has turned by 28° there, 0.12 mm above the wall's end.
    const WIDEST_MM: f64 = 0.03;
    let from = [c[0] + OUTSIDE_MM * outward[0], c[1] + OUTSIDE_MM * outward[1]];
    let n = ((z.1 - z.0) / STEP_MM).ceil() as usize;
    let extent: Vec<f64> = (0..=n)
        .map(|k| {
            let at = [from[0], from[1], z.0 + k as f64 * STEP_MM];
            let hit = tree.first_hit(at, [-outward[0], -outward[1], 0.0], 0.0, OUTSIDE_MM + 2.0 * WALL_MM);
            hit.map_or(f64::NEG_INFINITY, |h| OUTSIDE_MM - h.t)
        })
        .collect();
    let widest = (0..=n).max_by(|&a, &b| extent[a].total_cmp(&extent[b]))?;
    if !extent[widest].is_finite() {
        return None;
    }
    let mut top = widest;
    while top < n && extent[top + 1] >= extent[widest] - WIDEST_MM {
        top += 1;
    }
    let mut bottom = widest;
    while bottom > 0 && extent[bottom - 1] >= extent[widest] - WALL_MM {
        bottom -= 1;
    }
    let e = extent[widest];
    Some(RimPlace {
        along_mm: 0.0,
        xy_mm: [c[0] + e * outward[0], c[1] + e * outward[1]],
        outward,
        z_top_mm: z.0 + top as f64 * STEP_MM,
        z_bottom_mm: z.0 + bottom as f64 * STEP_MM,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Part;
    use std::f64::consts::TAU;

    /// A cone frustum: radius 20 at z = 4, 19 at z = 0.
    fn frustum(n: usize) -> Mesh<Part> {
        let mut v = vec![[0.0, 0.0, 0.0], [0.0, 0.0, 4.0]];
        for k in 0..n {
            let a = TAU * k as f64 / n as f64;
            v.push([19.0 * a.cos(), 19.0 * a.sin(), 0.0]);
            v.push([20.0 * a.cos(), 20.0 * a.sin(), 4.0]);
        }
        let mut t = Vec::new();
        for k in 0..n as u32 {
            let (a, b) = (2 + 2 * k, 2 + 2 * ((k + 1) % n as u32));
            t.extend([[0, b, a], [1, a + 1, b + 1], [a, b, b + 1], [a, b + 1, a + 1]]);
        }
        Mesh::new(v, t)
    }

    #[test]
    fn the_outline_of_a_disc_is_its_circle() {
        let m = frustum(360);
        assert!(m.is_closed_two_manifold());
        let outline = outline_xy(&m, 0.2);
        // Half a cell of raster error plus what smoothing moves.
        for p in &outline {
            assert!((p[0].hypot(p[1]) - 20.0).abs() < 0.15, "{p:?}");
        }
        // Counter-clockwise: the shoelace area is positive, and that of the disc to 1 %.
        let area: f64 = (0..outline.len())
            .map(|k| {
                let (a, b) = (outline[k], outline[(k + 1) % outline.len()]);
                0.5 * (a[0] * b[1] - a[1] * b[0])
            })
            .sum();
        assert!((area / (TAU / 2.0 * 400.0) - 1.0).abs() < 0.01, "{area}");
        assert!((signed_distance_to_outline_mm(&outline, [0.0, 0.0]) + 20.0).abs() < 0.15);
        assert!((signed_distance_to_outline_mm(&outline, [25.0, 0.0]) - 5.0).abs() < 0.15);
    }

    #[test]
    fn the_rim_of_a_frustum_is_widest_at_its_top() {
        let m = frustum(360);
        let rim = rim_places(&Bvh::new(&m), &outline_xy(&m, 0.2), 1.0);
        assert!(rim.len() > 120);
        for p in &rim {
            // 0.05 mm steps in z narrow the extent by 0.0125 mm; 360 chords add 0.001.
            assert!((p.xy_mm[0].hypot(p.xy_mm[1]) - 20.0).abs() < 0.02, "{p:?}");
            assert!((p.z_top_mm - 4.0).abs() < 0.06 && p.z_bottom_mm < 0.06, "{p:?}");
            let radial = (p.xy_mm[0] * p.outward[0] + p.xy_mm[1] * p.outward[1]) / 20.0;
            assert!(radial > 0.99, "{p:?}");
        }
    }
}

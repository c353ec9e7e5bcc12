//! Part and bone along lines parallel to the insertion axis: what overlaps, and what bone blocks on the way out.

use rayon::prelude::*;

use crate::geometry::{Bvh, Hit};
use crate::model::{Mesh, Part};

/// What the lines say.
#[derive(Clone, Debug)]
pub struct Columns {
    /// Volume in part and bone both, mm³.
    pub overlap_mm3: f64,
    /// Volume of the part with bone further out on the same line, mm³.
    pub blocked_mm3: f64,
    /// Lowest x and y of the lines, mm.
    origin_mm: [f64; 2],
    step_mm: f64,
    dims: [usize; 2],
    /// Distance in the x-y plane to the nearest line that misses the part, mm.
    rim_mm: Vec<f32>,
}

impl Columns {
    /// Distance in the x-y plane from the rim or the nearest hole, mm; to within a line's distance.
    pub fn rim_distance_mm(&self, x: f64, y: f64) -> f64 {
        let at = |v: f64, k: usize| {
            let i = ((v - self.origin_mm[k]) / self.step_mm).round();
            i.clamp(0.0, self.dims[k] as f64 - 1.0) as usize
        };
        f64::from(self.rim_mm[at(y, 1) * self.dims[0] + at(x, 0)])
    }
}

/// Casts the lines.
pub fn measure(design: &Mesh<Part>, part: &Bvh<Part>, bone: &Bvh<Part>, step_mm: f64) -> Columns {
    let (lo, hi) = design.bounds_mm().expect("a design that was checked has vertices");
    // One line of margin, and off the mesh's own grid: a line through an edge meets two triangles.
    let origin_mm = [lo[0] - 1.3717 * step_mm, lo[1] - 1.4253 * step_mm];
    let dims: [usize; 2] = std::array::from_fn(|k| ((hi[k] - origin_mm[k]) / step_mm).ceil() as usize + 2);
    let rows: Vec<(f64, f64, Vec<bool>)> = (0..dims[1])
        .into_par_iter()
        .map(|j| {
            let mut sums = (0.0, 0.0, Vec::with_capacity(dims[0]));
            for i in 0..dims[0] {
                let o = [origin_mm[0] + i as f64 * step_mm, origin_mm[1] + j as f64 * step_mm, lo[2] - 1.0];
                let inside = intervals(&part.hits(o, [0.0, 0.0, 1.0], 0.0, 1e4));
                sums.2.push(!inside.is_empty());
                if inside.is_empty() {
                    continue;
                }
                let bone = intervals(&bone.hits(o, [0.0, 0.0, 1.0], -1e2, 1e4));
                let top = bone.last().map_or(f64::NEG_INFINITY, |b| b.1);
                for p in &inside {
                    sums.0 += bone.iter().map(|b| (p.1.min(b.1) - p.0.max(b.0)).max(0.0)).sum::<f64>();
                    sums.1 += (p.1.min(top) - p.0).max(0.0);
                }
            }
            sums
        })
        .collect();
    let cell = step_mm * step_mm;
    let flat: Vec<bool> = rows.iter().flat_map(|r| r.2.iter().copied()).collect();
    let rim_mm =
        crate::geometry::distance::distance_to([dims[0], dims[1], 1], [step_mm, step_mm, 1.0], |at| {
            !flat[at]
        });
    Columns {
        overlap_mm3: rows.iter().map(|r| r.0).sum::<f64>() * cell,
        blocked_mm3: rows.iter().map(|r| r.1).sum::<f64>() * cell,
        origin_mm,
        step_mm,
        dims,
        rim_mm,
    }
}

/// Stretches inside the body. Hits of the same sense closer than 1e-7 mm are one surface met at an edge.
fn intervals(hits: &[Hit]) -> Vec<(f64, f64)> {
    let mut out = Vec::new();
    let mut depth = 0i32;
    let mut start = 0.0;
    let mut last: Option<&Hit> = None;
    for h in hits {
        if last.is_some_and(|l| l.entering == h.entering && h.t - l.t < 1e-7) {
            continue;
        }
        last = Some(h);
        if h.entering {
            if depth == 0 {
                start = h.t;
            }
            depth += 1;
        } else {
            depth -= 1;
            if depth == 0 {
                out.push((start, h.t));
            }
            // A line that began inside: below the crop there is more bone, and none of it is met.
            depth = depth.max(0);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(lo: [f64; 3], hi: [f64; 3]) -> Mesh<Part> {
        let v = (0..8usize).map(|i| std::array::from_fn(|k| if i >> k & 1 == 1 { hi[k] } else { lo[k] }));
        let t = vec![
            [0, 2, 1],
            [1, 2, 3],
            [4, 5, 6],
            [5, 7, 6],
            [0, 1, 4],
            [1, 5, 4],
            [2, 6, 3],
            [3, 6, 7],
            [0, 4, 2],
            [2, 4, 6],
            [1, 3, 5],
            [3, 7, 5],
        ];
        Mesh::new(v.collect(), t)
    }

    #[test]
    fn overlap_and_blocked_volume_are_those_of_boxes() {
        let part = block([0.0; 3], [20.0, 10.0, 4.0]);
        // A bar of bone through the part's upper half, over 3 mm of its length: 3 × 10 × 2 overlaps; and 3 × 10 × 4
        // of the part cannot leave.
        let bone = block([5.0, -5.0, 2.0], [8.0, 15.0, 9.0]);
        let c = measure(&part, &Bvh::new(&part), &Bvh::new(&bone), 0.2);
        // 2%: lines 0.2 mm apart over a width of 3 mm, 10 mm and 20 mm.
        assert!((c.overlap_mm3 / 60.0 - 1.0).abs() < 0.1, "{}", c.overlap_mm3);
        assert!((c.blocked_mm3 / 120.0 - 1.0).abs() < 0.1, "{}", c.blocked_mm3);
        assert!((c.rim_distance_mm(10.0, 5.0) - 5.0).abs() < 0.25);
    }

    #[test]
    fn bone_above_blocks_without_touching_and_bone_below_does_not() {
        let part = block([0.0; 3], [20.0, 10.0, 4.0]);
        let above = block([5.0, -5.0, 7.0], [8.0, 15.0, 9.0]);
        let c = measure(&part, &Bvh::new(&part), &Bvh::new(&above), 0.2);
        assert!(c.overlap_mm3 == 0.0 && c.blocked_mm3 > 100.0);
        let below = block([5.0, -5.0, -9.0], [8.0, 15.0, -7.0]);
        let c = measure(&part, &Bvh::new(&part), &Bvh::new(&below), 0.2);
        assert!(c.overlap_mm3 == 0.0 && c.blocked_mm3 == 0.0);
    }
}

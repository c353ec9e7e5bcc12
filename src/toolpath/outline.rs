//! The part seen along the tool axis: what it covers, how far a place is from it, how high its widest place lies.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use nalgebra::Vector3;

use super::cutter::P3;
use super::plane::Plane;

/// Sine of how far a wall may lean the wrong way and still be passed down to its foot where a tab is in the other side's way: what
/// it recedes stays there, of a wall of 4 mm 0.2 mm at most, as much as a stub. Left unpassed all of it would.
const UPRIGHT: f64 = 0.05;

/// Silhouette of the part over a lattice.
#[derive(Clone, Debug)]
pub struct Outline {
    /// The lattice.
    pub plane: Plane,
    /// True where the part covers the node.
    pub inside: Vec<bool>,
    /// Distance to the silhouette, mm; zero inside.
    pub distance_mm: Vec<f32>,
    /// Lowest height of the widest place along the silhouette near the node, mm.
    pub edge_z_mm: Vec<f32>,
    /// The same where an upright wall is widest down to its foot: either side passes it whole.
    pub wall_z_mm: Vec<f32>,
    /// Foot of the wall at the nearest place of the silhouette, upright ones too, mm.
    pub foot_z_mm: Vec<f32>,
}

impl Outline {
    /// Silhouette of `triangles`, of which those that face up count. `near_mm`: how far along the silhouette the
    /// lowest widest place is looked for. `None` where nothing faces up.
    pub fn new(plane: Plane, triangles: impl Iterator<Item = [P3; 3]>, near_mm: f64) -> Option<Self> {
        let mut inside = vec![false; plane.len()];
        let mut lowest = vec![f64::INFINITY; plane.len()];
        let mut lowest_upright = lowest.clone();
        for v in triangles {
            let side = |a: usize| Vector3::from(v[a]) - Vector3::from(v[0]);
            let normal = side(1).cross(&side(2));
            let up = normal.z > 0.0;
            if up {
                cover(&plane, &v, &mut inside);
            }
            // A facet without area has no side.
            if !(normal.z > -UPRIGHT * normal.norm()) {
                continue;
            }
            for p in v {
                if let Some(at) = plane.nearest(p[0], p[1]) {
                    lowest_upright[at] = lowest_upright[at].min(p[2]);
                    if up {
                        lowest[at] = lowest[at].min(p[2]);
                    }
                }
            }
        }
        let border: Vec<usize> = (0..plane.len())
            .filter(|&at| inside[at] && plane.neighbours(at).any(|(b, _)| !inside[b]))
            .collect();
        // Facets are about a node apart: the lowest corner within two nodes is the wall's foot.
        let foot = |lowest: &[f64], at: usize| {
            let (i, j) = plane.ij(at);
            let mut z = f64::INFINITY;
            for b in j.saturating_sub(2)..(j + 3).min(plane.ny) {
                for a in i.saturating_sub(2)..(i + 3).min(plane.nx) {
                    z = z.min(lowest[b * plane.nx + a]);
                }
            }
            z
        };
        let feet: Vec<(usize, [f64; 2])> = border
            .iter()
            .map(|&at| (at, [foot(&lowest, at), foot(&lowest_upright, at)]))
            .filter(|(_, z)| z[0].is_finite())
            .collect();
        if feet.is_empty() {
            return None;
        }
        let near2 = near_mm * near_mm;
        let calm: Vec<[f64; 2]> = feet
            .iter()
            .map(|&(at, _)| {
                let p = plane.xy(at);
                feet.iter()
                    .filter(|&&(b, _)| {
                        let q = plane.xy(b);
                        (p[0] - q[0]).powi(2) + (p[1] - q[1]).powi(2) <= near2
                    })
                    .fold([f64::INFINITY; 2], |m, f| [m[0].min(f.1[0]), m[1].min(f.1[1])])
            })
            .collect();
        let (distance_mm, source) = spread(&plane, &inside, &feet);
        let from = |z: &dyn Fn(usize) -> f64| source.iter().map(|&k| z(k as usize) as f32).collect();
        Some(Self {
            edge_z_mm: from(&|k| calm[k][0]),
            wall_z_mm: from(&|k| calm[k][1]),
            foot_z_mm: from(&|k| feet[k].1[1]),
            plane,
            inside,
            distance_mm,
        })
    }
}

fn cover(plane: &Plane, v: &[P3; 3], inside: &mut [bool]) {
    let range = |a: usize, n: usize| {
        let lo = v.iter().map(|p| p[a]).fold(f64::INFINITY, f64::min);
        let hi = v.iter().map(|p| p[a]).fold(f64::NEG_INFINITY, f64::max);
        let from = ((lo - plane.origin[a]) / plane.step).ceil().max(0.0) as usize;
        let to = ((hi - plane.origin[a]) / plane.step).floor();
        from..if to < 0.0 { 0 } else { (to as usize + 1).min(n) }
    };
    let side = |a: &P3, b: &P3, p: [f64; 2]| (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]);
    for j in range(1, plane.ny) {
        for i in range(0, plane.nx) {
            let at = j * plane.nx + i;
            let p = plane.xy(at);
            if (0..3).all(|k| side(&v[k], &v[(k + 1) % 3], p) >= 0.0) {
                inside[at] = true;
            }
        }
    }
}

/// Brushfire from the border: the distance of each node to the nearest border node, and which of `feet` that is.
fn spread(plane: &Plane, inside: &[bool], feet: &[(usize, [f64; 2])]) -> (Vec<f32>, Vec<u32>) {
    let mut source = vec![u32::MAX; plane.len()];
    let mut distance = vec![f64::INFINITY; plane.len()];
    // Distances as whole nanometres, so that the heap's order is total.
    let mut heap: BinaryHeap<Reverse<(u64, u32, u32)>> = BinaryHeap::new();
    for (k, &(at, _)) in feet.iter().enumerate() {
        distance[at] = 0.0;
        source[at] = k as u32;
        heap.push(Reverse((0, at as u32, k as u32)));
    }
    while let Some(Reverse((_, at, k))) = heap.pop() {
        if source[at as usize] != k {
            continue;
        }
        let origin = plane.xy(feet[k as usize].0);
        for (b, _) in plane.neighbours(at as usize) {
            let p = plane.xy(b);
            let d = (p[0] - origin[0]).hypot(p[1] - origin[1]);
            if d < distance[b] - 1e-9 {
                distance[b] = d;
                source[b] = k;
                heap.push(Reverse(((d * 1e6) as u64, b as u32, k)));
            }
        }
    }
    let out = (0..plane.len()).map(|at| if inside[at] { 0.0 } else { distance[at] as f32 }).collect();
    (out, source)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block of 4 by 4 mm, its wall from 0 to 3 mm in strips of 0.25 mm; below it is narrower by `lean` per mm.
    fn block(lean: f64) -> Vec<[P3; 3]> {
        let place = |k: usize, z: f64| -> P3 {
            let (side, t) = (k % 64 / 16, (k % 16) as f64 / 8.0 - 1.0);
            let (s, c) = (side as f64 * std::f64::consts::FRAC_PI_2).sin_cos();
            let half = 2.0 - lean * (3.0 - z);
            [half * (c - t * s), half * (s + t * c), z]
        };
        let strip = |k: usize| {
            let [a, b, c, d] = [place(k, 0.0), place(k + 1, 0.0), place(k + 1, 3.0), place(k, 3.0)];
            [[a, b, c], [a, c, d], [[0.0, 0.0, 3.0], d, c]]
        };
        (0..64).flat_map(strip).collect()
    }

    #[test]
    fn an_upright_wall_is_passed_to_its_foot_and_one_that_recedes_is_not() {
        let plane = Plane::over([-4.0; 2], [4.0; 2], 0.25);
        let at = plane.nearest(3.5, 0.3).expect("on the plane");
        let of = |lean: f64| {
            let outline = Outline::new(plane, block(lean).into_iter(), 1.0).expect("its top faces up");
            [outline.edge_z_mm[at], outline.wall_z_mm[at], outline.foot_z_mm[at]]
        };
        // Rounding decides on which side an upright wall is seen, so its edge is one of its ends.
        let [edge, wall, foot] = of(0.0);
        assert!((edge == 0.0 || edge == 3.0) && wall == 0.0 && foot == 0.0, "{edge} {wall} {foot}");
        assert_eq!(of(0.04), [3.0, 0.0, 0.0], "2.3 degrees the wrong way");
        assert_eq!(of(0.06), [3.0; 3], "3.4 degrees the wrong way");
        assert_eq!(of(-0.06), [0.0; 3], "seen from above");
    }
}

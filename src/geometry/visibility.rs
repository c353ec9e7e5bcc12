//! From which axis a part is seen whole by tools that come along it from both sides.
//!
//! **Method** Axes are spread evenly over half a sphere (spherical Fibonacci points), and the normals of the largest plane faces
//! go before them, so that a plate lies flat on its face and not a degree off it. Places of the surface, spread
//! evenly by area, are asked whether a line along the axis leaves the part freely one way or the other. All axes are
//! tried with few places, the best with many.
//!
//! **Guarantees** The same answer on any thread count.
//!
//! **Limits** Lines have no width: a place that a line leaves freely may still be too narrow for a tool.

use std::collections::BTreeMap;

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::geometry::Bvh;
use crate::model::{Frame, Mesh};

/// Places asked of every axis, and of the best.
const FEW: usize = 400;
const MANY: usize = 4000;
/// Axes asked with many places.
const BEST: usize = 32;
/// Places are asked from this far off the surface, mm: a wall along the axis is seen.
const OFF_MM: f64 = 0.02;
/// Shares of the surface closer than this are the same share, and heights closer than this the same height, mm.
const SAME_SHARE: f64 = 0.002;
const SAME_MM: f64 = 0.5;
/// Walls steeper than this leave a ball little room, degrees.
const STEEP_DEG: f64 = 60.0;
/// Normals this close look the same way, rad: 0.06 degrees, less than any clamping is level to.
const SAME_FACE: f64 = 1e-3;
/// A face with this share of the surface may be what the part lies on; a smaller one is a facet of something bent.
const FACE_SHARE: f64 = 0.02;

/// What is seen along an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// Unit vector.
    pub axis: [f64; 3],
    /// Area seen from neither side, mm².
    pub unseen_mm2: f64,
    /// Area of walls steeper than 60°, mm².
    pub steep_mm2: f64,
    /// Extent along the axis: what the blank must be thick, mm.
    pub height_mm: f64,
}

/// Middles of facets with their normals, so many per area.
struct Places {
    at: Vec<([f64; 3], Vector3<f64>)>,
    each_mm2: f64,
}

impl Places {
    fn of<F: Frame>(mesh: &Mesh<F>, count: usize) -> Self {
        let each_mm2 = mesh.area_mm2() / count as f64;
        let (mut at, mut sum) = (Vec::with_capacity(count), 0.5 * each_mm2);
        for t in 0..mesh.triangles.len() {
            sum += mesh.triangle_area_mm2(t);
            if sum < each_mm2 {
                continue;
            }
            let [a, b, c] = mesh.corners(t);
            let n = mesh.normal(t);
            let place = ((a + b + c) / 3.0 + n * OFF_MM).into();
            while sum >= each_mm2 {
                at.push((place, n));
                sum -= each_mm2;
            }
        }
        Self { at, each_mm2 }
    }
}

/// What is seen along one axis, exactly as in [`best_axes`] with many places.
pub fn view_along<F: Frame>(tree: &Bvh<F>, axis: [f64; 3]) -> View {
    look(tree, &Places::of(tree.mesh(), MANY), Vector3::from(axis))
}

fn look<F: Frame>(tree: &Bvh<F>, places: &Places, axis: Vector3<f64>) -> View {
    let free = |p: [f64; 3], d: Vector3<f64>| tree.first_hit(p, d.into(), 0.0, f64::INFINITY).is_none();
    let steep = STEEP_DEG.to_radians().cos();
    let (mut unseen, mut steeper) = (0usize, 0usize);
    for (p, n) in &places.at {
        let up = n.dot(&axis);
        // First the way the place looks.
        let toward = if up >= 0.0 { axis } else { -axis };
        if !free(*p, toward) && (up.abs() > 0.5 || !free(*p, -toward)) {
            unseen += 1;
        }
        steeper += usize::from(up.abs() < steep);
    }
    let heights = tree.mesh().vertices.iter().map(|v| Vector3::from(*v).dot(&axis));
    let (lo, hi) = heights.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), h| (lo.min(h), hi.max(h)));
    View {
        axis: axis.into(),
        unseen_mm2: unseen as f64 * places.each_mm2,
        steep_mm2: steeper as f64 * places.each_mm2,
        height_mm: hi - lo,
    }
}

/// Evenly over the half sphere with z ≥ 0; the first is +z itself.
pub fn half_sphere(count: usize) -> Vec<Vector3<f64>> {
    let golden = std::f64::consts::PI * (3.0 - 5f64.sqrt());
    std::iter::once(Vector3::z())
        .chain((0..count).map(|k| {
            let z = (k as f64 + 0.5) / count as f64;
            let (r, turn) = ((1.0 - z * z).sqrt(), golden * k as f64);
            Vector3::new(r * turn.cos(), r * turn.sin(), z)
        }))
        .collect()
}

/// Normals of the largest plane faces, largest first.
fn face_normals<F: Frame>(mesh: &Mesh<F>) -> Vec<Vector3<f64>> {
    let mut faces: BTreeMap<[i64; 3], (f64, Vector3<f64>)> = BTreeMap::new();
    for t in 0..mesh.triangles.len() {
        let (area, n) = (mesh.triangle_area_mm2(t), mesh.normal(t));
        let n = if (n.z, n.y, n.x) < (0.0, 0.0, 0.0) { -n } else { n };
        let face = faces.entry((n / SAME_FACE).map(|x| x.round() as i64).into()).or_default();
        face.0 += area;
        face.1 += n * area;
    }
    let least_mm2 = FACE_SHARE * mesh.area_mm2();
    let mut large: Vec<(f64, Vector3<f64>)> = faces.into_values().filter(|f| f.0 >= least_mm2).collect();
    large.sort_by(|a, b| b.0.total_cmp(&a.0));
    large.into_iter().map(|f| f.1.normalize()).collect()
}

/// The axes among `count` over the half sphere and the normals of large plane faces along which least is unseen; among such
/// the lowest, which takes the thinnest blank and the shortest tools, then the one with the least steep wall. Best first.
pub fn best_axes<F: Frame>(tree: &Bvh<F>, count: usize) -> Vec<View> {
    let area_mm2 = tree.mesh().area_mm2();
    let key = |v: &View| {
        let unseen = (v.unseen_mm2 / area_mm2 / SAME_SHARE).round() as i64;
        (unseen, (v.height_mm / SAME_MM).round() as i64)
    };
    let rank = |views: &mut Vec<View>| {
        // Stable: the first of equals stays first.
        views.sort_by(|a, b| key(a).cmp(&key(b)).then(a.steep_mm2.total_cmp(&b.steep_mm2)));
    };
    let few = Places::of(tree.mesh(), FEW);
    let axes: Vec<Vector3<f64>> = face_normals(tree.mesh()).into_iter().chain(half_sphere(count)).collect();
    let mut views: Vec<View> = axes.into_par_iter().map(|axis| look(tree, &few, axis)).collect();
    rank(&mut views);
    views.truncate(BEST);
    let many = Places::of(tree.mesh(), MANY);
    let mut best: Vec<View> = views.par_iter().map(|v| look(tree, &many, Vector3::from(v.axis))).collect();
    rank(&mut best);
    best
}

#[cfg(test)]
pub(super) mod tests {
    use nalgebra::Rotation3;

    use super::*;
    use crate::model::Part;

    /// A bar 4 mm wide along `x`, an L in the plane of y and z, its inner corner undercut from ±y and ±z alike.
    pub fn hook() -> Mesh<Part> {
        // A C: open to +y. Seen whole along x alone.
        let profile: [[f64; 2]; 8] = [
            [0.0, 0.0],
            [10.0, 0.0],
            [10.0, 10.0],
            [6.0, 10.0],
            [6.0, 8.0],
            [8.0, 8.0],
            [8.0, 2.0],
            [0.0, 2.0],
        ];
        let n = profile.len() as u32;
        let mut vertices: Vec<[f64; 3]> = Vec::new();
        for x in [0.0, 4.0] {
            vertices.extend(profile.iter().map(|p| [x, p[0], p[1]]));
        }
        let mut triangles = Vec::new();
        for k in 0..n {
            let next = (k + 1) % n;
            triangles.push([k, n + next, n + k]);
            triangles.push([k, next, n + next]);
        }
        // Caps, by hand: the profile is three boxes.
        for [a, b, c, d] in [[0, 1, 6, 7], [1, 2, 5, 6], [2, 3, 4, 5]] {
            triangles.extend([[a, c, b], [a, d, c]]);
            triangles.extend([[n + a, n + b, n + c], [n + a, n + c, n + d]]);
        }
        let mesh = Mesh::<Part>::new(vertices, triangles);
        if mesh.volume_mm3() < 0.0 {
            return Mesh::new(mesh.vertices, mesh.triangles.iter().map(|&[a, b, c]| [a, c, b]).collect());
        }
        mesh
    }

    #[test]
    fn a_hook_is_seen_whole_along_its_bar_alone() {
        let mesh = hook();
        assert!(mesh.is_closed_two_manifold(), "{:?}", mesh.edge_census());
        let tree = Bvh::new(&mesh);
        let best = best_axes(&tree, 2000)[0];
        // Where the walls are seen edge on, any axis within the walls' rough facets would do; 2,000 axes lie 3 degrees apart.
        assert!(best.axis[0].abs() > 0.99, "{best:?}");
        let across = view_along(&tree, [0.0, 0.0, 1.0]);
        assert!(across.unseen_mm2 > 10.0 && best.unseen_mm2 < 0.2 * across.unseen_mm2, "{across:?} {best:?}");
    }

    #[test]
    fn a_bar_lies_flat_on_its_face_however_it_is_turned() {
        let turn = Rotation3::from_euler_angles(0.31, -0.87, 1.23);
        let mut mesh = hook();
        for v in &mut mesh.vertices {
            *v = (turn * Vector3::from(*v)).into();
        }
        let best = best_axes(&Bvh::new(&mesh), 2000)[0];
        let along = (turn * Vector3::x()).dot(&Vector3::from(best.axis));
        // Rounding of the corners, on a bar of 10 mm.
        assert!(along.abs() > 1.0 - 1e-9, "{best:?}");
    }
}

//! What the finished mesh is, measured on the mesh.

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::geometry::Bvh;
use crate::geometry::distance::distance_to;
use crate::model::{Mesh, Part};

use super::corner::fits;
use super::field::Fields;

/// A facet belongs to a surface that passes within this of its middle, mm: chords of the net are below it.
const ON_MM: f64 = 0.04;
/// A wall facet follows the bone where its gap is within this of nominal, mm (DESIGN's target for the free rim).
const FREE_MM: f64 = 0.10;
/// A ball is inscribed although it reaches through the net by this, mm: the net's chords.
const INSCRIBED_MM: f64 = 0.003;
/// A place is as thick as the thickest within so many facets of it, some 0.6 mm: a crease or step that stands out of the
/// inner sheet, as where an ear's root begins, is touched by no ball, though the plate is whole above it.
const RINGS: usize = 2;
/// Wall facets that look up by more than this are undercut seen from the bone side; sine of 0.5°.
const LOOKS_UP: f64 = 0.0087;

/// How the rim wall lies to the bone.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wall {
    /// Share within 0.10 mm of the nominal gap.
    pub free_share: f64,
    /// Share farther from bone than the gap plus the excess asked about.
    pub excess_share: f64,
    /// Least signed distance between implant and bone, both ways, mm.
    pub gap_mm_min: f64,
    /// Where.
    pub gap_place: [f64; 3],
    /// The same for ears alone, and where; none without ears.
    pub ear_mm_min: Option<(f64, [f64; 3])>,
    /// Area that looks up, mm².
    pub undercut_mm2: f64,
}

/// Measures the rim wall against the bone.
pub(super) fn wall(
    fields: &Fields,
    mesh: &Mesh<Part>,
    bone: &Bvh<Part>,
    gap_mm: f64,
    excess_mm: f64,
) -> Wall {
    let reach = gap_mm + excess_mm + 1.0;
    let facets: Vec<Option<(f64, f64, bool)>> = (0..mesh.triangles.len())
        .into_par_iter()
        .map(|t| {
            let [a, b, c] = mesh.corners(t);
            let middle = (a + b + c) / 3.0;
            let [outer, inner, wall] = fields.parts_at(middle.into());
            let on = wall.abs() < ON_MM && outer < -fields.edge_outer_mm && inner < -fields.edge_inner_mm;
            on.then(|| {
                let gap = bone.signed_distance_mm(middle.into(), reach).unwrap_or(reach);
                // Where an edge is sharper than square its fillet reaches deeper than its radius.
                let deep = outer < -2.5 * fields.edge_outer_mm;
                (mesh.triangle_area_mm2(t), gap, deep && mesh.normal(t).z > LOOKS_UP)
            })
        })
        .collect();
    let (mut area, mut free, mut excess, mut undercut) = (0.0, 0.0, 0.0, 0.0);
    for (a, gap, looks_up) in facets.into_iter().flatten() {
        area += a;
        free += if (gap - gap_mm).abs() <= FREE_MM { a } else { 0.0 };
        excess += if gap > gap_mm + excess_mm { a } else { 0.0 };
        undercut += if looks_up { a } else { 0.0 };
    }
    let share = |part: f64| if area > 0.0 { part / area } else { 0.0 };
    let ((gap_mm_min, gap_place), ear_mm_min) = least_distance(fields, mesh, bone, reach);
    Wall {
        free_share: share(free),
        excess_share: share(excess),
        gap_mm_min,
        gap_place,
        ear_mm_min: fields.ears.is_some().then_some(ear_mm_min),
        undercut_mm2: undercut,
    }
}

/// Least signed distance from corners of either mesh to the other, and where, of the plate and of ears; `reach_mm` where
/// all are farther.
fn least_distance(
    fields: &Fields,
    mesh: &Mesh<Part>,
    bone: &Bvh<Part>,
    reach_mm: f64,
) -> ((f64, [f64; 3]), (f64, [f64; 3])) {
    let own = Bvh::new(mesh);
    let (lo, hi) = mesh.bounds_mm().unwrap_or(([0.0; 3], [0.0; 3]));
    let near: Vec<[f64; 3]> = bone
        .mesh()
        .vertices
        .iter()
        .copied()
        .filter(|v| (0..3).all(|a| v[a] > lo[a] - reach_mm && v[a] < hi[a] + reach_mm))
        .collect();
    let is_ear = |p: [f64; 3]| fields.ears.as_ref().is_some_and(|e| e.is_ear(fields, p));
    // Distance, and whether the implant's side of it is an ear.
    let side = |tree: &Bvh<Part>, places: &[[f64; 3]], implants: bool| -> Vec<(f64, bool)> {
        places
            .par_iter()
            .map(|&p| {
                let d = tree.signed_distance_mm(p, reach_mm).unwrap_or(reach_mm);
                let on_implant = || match implants {
                    true => Some(p),
                    false => tree.nearest(p, reach_mm).map(|n| n.point_mm),
                };
                (d, fields.ears.is_some() && on_implant().is_some_and(is_ear))
            })
            .collect()
    };
    let mut least = [(reach_mm, [0.0; 3]); 2];
    for (distances, places) in
        [(side(bone, &mesh.vertices, true), &mesh.vertices), (side(&own, &near, false), &near)]
    {
        for ((d, ear), &p) in distances.into_iter().zip(places) {
            if d < least[usize::from(ear)].0 {
                least[usize::from(ear)] = (d, p);
            }
        }
    }
    (least[0], least[1])
}

/// Per vertex the largest value of it and of its neighbours by an edge, where it has one.
fn thickest_beside(mesh: &Mesh<Part>, values: Vec<Option<f64>>) -> Vec<Option<f64>> {
    let mut out = values.clone();
    for t in &mesh.triangles {
        let t = t.map(|v| v as usize);
        let most = t.iter().filter_map(|&v| values[v]).fold(0.0, f64::max);
        for v in t {
            out[v] = out[v].map(|own| own.max(most));
        }
    }
    out
}

/// Diameter of the largest ball inscribed at the thinnest place of the sheets farther than `from_rim_mm` from the
/// wall, and the place. `None` where no place is so far from it.
pub(super) fn least_thickness(
    fields: &Fields,
    mesh: &Mesh<Part>,
    bone: &Bvh<Part>,
    nominal_mm: f64,
    from_rim_mm: f64,
    lumen: Option<(&Bvh<Part>, f64)>,
) -> Option<(f64, [f64; 3])> {
    let to_edge = to_edge_mm(fields);
    let tree = Bvh::new(mesh);
    let normals = mesh.vertex_normals();
    let thickness: Vec<Option<f64>> = (0..mesh.vertices.len())
        .into_par_iter()
        .map(|v| {
            let [_, inner, wall] = fields.parts_at(mesh.vertices[v]);
            let [x, y, _] = mesh.vertices[v];
            if to_edge(x, y) <= from_rim_mm || normals[v][2] > -0.5 {
                return None;
            }
            // From the inner sheet off the wall's fillet, or from where a lumen has eaten into the plate: every thin
            // place has one there.
            let sheet = wall < -1.0 && inner.abs() < ON_MM;
            let eaten = || {
                let (lumen, clearance_mm) = lumen?;
                let d = lumen.signed_distance_mm(mesh.vertices[v], clearance_mm + ON_MM)?;
                // What looks sideways is rim beside a lumen, not a floor above it.
                let floor = d > clearance_mm - ON_MM && normals[v][2] < -0.7;
                (floor && bone.nearest(mesh.vertices[v], from_rim_mm).is_none()).then_some(())
            };
            if !sheet && eaten().is_none() {
                return None;
            }
            let (p, n) = (Vector3::from(mesh.vertices[v]), Vector3::from(normals[v]));
            let fits = |r: f64| fits(&tree, p, p - n * r, r, INSCRIBED_MM);
            let (mut lo, mut hi) = (0.0, nominal_mm);
            for _ in 0..12 {
                let middle = 0.5 * (lo + hi);
                if fits(middle) { lo = middle } else { hi = middle }
            }
            Some(2.0 * lo)
        })
        .collect();
    let thickness = (0..RINGS).fold(thickness, |t, _| thickest_beside(mesh, t));
    let mut least: Option<(f64, [f64; 3])> = None;
    for (v, t) in thickness.into_iter().enumerate() {
        if let Some(t) = t
            && least.is_none_or(|l| t < l.0)
        {
            least = Some((t, mesh.vertices[v]));
        }
    }
    least
}

/// Distance, mm, from a column of the body to the nearest column without body.
fn to_edge_mm(fields: &Fields) -> impl Fn(f64, f64) -> f64 + Sync {
    let [ni, nj, nk] = fields.grid.dims;
    let (h, [ox, oy, _]) = (fields.grid.step_mm, fields.grid.origin_mm);
    let empty: Vec<bool> =
        (0..ni * nj).into_par_iter().map(|c| (0..nk).all(|k| fields.sharp(k * ni * nj + c) >= 0.0)).collect();
    let d = distance_to([ni, nj, 1], [h; 3], |c| empty[c]);
    move |x, y| {
        let at = |v: f64, n: usize| ((v / h).round().max(0.0) as usize).min(n - 1);
        f64::from(d[at(y - oy, nj) * ni + at(x - ox, ni)])
    }
}

/// Area of the outer sheet, mm².
pub(super) fn outer_area_mm2(fields: &Fields, mesh: &Mesh<Part>) -> f64 {
    (0..mesh.triangles.len())
        .filter(|&t| {
            let [a, b, c] = mesh.corners(t);
            fields.parts_at(((a + b + c) / 3.0).into())[0].abs() < ON_MM
        })
        .map(|t| mesh.triangle_area_mm2(t))
        .sum()
}

/// Least distance to the lumen and where; `None` beyond `reach_mm`.
pub(super) fn lumen_distance(
    mesh: &Mesh<Part>,
    lumen: Option<&Bvh<Part>>,
    reach_mm: f64,
) -> Option<(f64, [f64; 3])> {
    let lumen = lumen?;
    let d: Vec<Option<f64>> =
        mesh.vertices.par_iter().map(|&p| lumen.signed_distance_mm(p, reach_mm)).collect();
    let mut least: Option<(f64, [f64; 3])> = None;
    for (d, &p) in d.into_iter().zip(&mesh.vertices) {
        if let Some(d) = d
            && least.is_none_or(|l| d < l.0)
        {
            least = Some((d, p));
        }
    }
    least
}

/// Greatest width over 36 directions across the insertion axis, mm.
pub(super) fn span_mm(mesh: &Mesh<Part>) -> f64 {
    (0..36)
        .map(|k| {
            let (sin, cos) = (f64::from(k) * 5.0).to_radians().sin_cos();
            let (lo, hi) = mesh.vertices.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| {
                let x = v[0] * cos + v[1] * sin;
                (lo.min(x), hi.max(x))
            });
            hi - lo
        })
        .fold(0.0, f64::max)
}

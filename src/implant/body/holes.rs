//! Round holes through the plate, cut into the mesh exactly.
//!
//! The plate is a pair of height fields over the plane across the insertion axis, so a hole is the same circle in both
//! sheets: facets that touch it are taken out, the ring between their border and the circle is filled by clipping
//! ears, and the two circles are joined by a wall.

use std::collections::BTreeMap;

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};

use crate::geometry::Bvh;
use crate::geometry::distance::distance_to;
use crate::model::{Mesh, Mouths, Part, Point, Pose};

use super::field::Fields;
use super::mouth::{CORNERS, Mouth, WIDEST_MM, on_circle};
use super::refine::halved;

/// Facets nearer to the circle than this are taken out, mm, so that ring triangles are not slivers.
const CLEAR_MM: f64 = 0.05;

/// Facets about a hole are made this fine first, mm: the ring that joins them to the circle is drawn anew, and crosses
/// the body's own edges within a width of two of them. At 0.3 mm it lay up to 3 µm off the body.
const RING_EDGE_MM: f64 = 0.15;
/// How far inside the circle, mm …
const RING_INSIDE_MM: f64 = 0.3;
/// … and outside: a mouth is broken this far.
const RING_OUTSIDE_MM: f64 = 0.6;
/// Height of a stout ear over its longest side.
const STOUT_MIN: f64 = 0.05;
/// Of wall between its broken mouths a hole keeps at least this, mm.
const WALL_MM_MIN: f64 = 0.2;

/// The mesh with fine facets where circles of `radius_mm` about `places` will be cut along z.
pub(super) fn finer_about(mesh: Mesh<Part>, places: &[[f64; 2]], radius_mm: f64) -> Mesh<Part> {
    halved(mesh, RING_EDGE_MM, |p| {
        let ring = radius_mm - RING_INSIDE_MM..radius_mm + RING_OUTSIDE_MM;
        places.iter().any(|xy| ring.contains(&(p.x - xy[0]).hypot(p.y - xy[1])))
    })
}

/// Where perfusion holes go: places of a square lattice about `middle_xy` where the plate is whole all round.
pub(super) fn lattice(
    fields: &Fields,
    lumen: Option<&Bvh<Part>>,
    middle_xy: [f64; 2],
    pitch_mm: f64,
    radius_mm: f64,
    rim_mm: f64,
    sinus_mm: f64,
) -> Vec<[f64; 2]> {
    let [ni, nj, _] = fields.grid.dims;
    let h = fields.grid.step_mm;
    let plate = columns_of_plate(fields);
    let to_rim = distance_to([ni, nj, 1], [h; 3], |c| !plate[c]);
    let (ox, oy) = (fields.grid.origin_mm[0], fields.grid.origin_mm[1]);
    let span = ni.max(nj) as f64 * h;
    let count = (span / pitch_mm).ceil() as i64;
    let mut out = Vec::new();
    for b in -count..=count {
        for a in -count..=count {
            let [x, y] = [middle_xy[0] + a as f64 * pitch_mm, middle_xy[1] + b as f64 * pitch_mm];
            let (i, j) = (((x - ox) / h).round(), ((y - oy) / h).round());
            if i < 0.0 || j < 0.0 || i >= ni as f64 || j >= nj as f64 {
                continue;
            }
            let c = j as usize * ni + i as usize;
            // A column's middle may lie a sample nearer to the rim than the hole's.
            if f64::from(to_rim[c]) < rim_mm + radius_mm + 1.5 * h {
                continue;
            }
            let clear = column_clear_of(fields, c, lumen, sinus_mm + radius_mm);
            if clear {
                out.push([x, y]);
            }
        }
    }
    out
}

/// Columns of the grid that leave the plate through its inner sheet, away from the wall.
pub(super) fn columns_of_plate(fields: &Fields) -> Vec<bool> {
    let [ni, nj, nk] = fields.grid.dims;
    let layer = ni * nj;
    (0..layer)
        .map(|c| {
            let lowest = (0..nk).map(|k| k * layer + c).find(|&at| fields.sharp(at) < 0.0);
            lowest.is_some_and(|at| f64::from(fields.wall[at]) < -fields.grid.step_mm)
        })
        .collect()
}

/// True where no place of a column of the plate lies nearer to a lumen than this.
pub(super) fn column_clear_of(fields: &Fields, column: usize, lumen: Option<&Bvh<Part>>, mm: f64) -> bool {
    let layer = fields.grid.layer();
    (0..fields.grid.dims[2])
        .map(|k| k * layer + column)
        .filter(|&at| fields.sharp(at) < 0.0)
        .all(|at| lumen.is_none_or(|l| l.nearest(fields.grid.place(at), mm).is_none()))
}

/// A hole as cut: heights of its axis on the inner and the outer surface, mm.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    pub xy: [f64; 2],
    pub inner_z_mm: f64,
    pub outer_z_mm: f64,
    /// How its mouths are broken, if they are.
    pub mouths: Option<Mouths>,
}

/// A countersink: diameter at the outer surface over the axis, and the whole angle of its cone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sink {
    pub mouth_mm: f64,
    pub angle_rad: f64,
}

/// Cuts one hole along z, its mouths broken by `break_mm` (0: sharp); says why where it cannot.
pub(super) fn cut(
    mesh: &Mesh<Part>,
    xy: [f64; 2],
    radius_mm: f64,
    break_mm: f64,
) -> Result<(Mesh<Part>, Cut), &'static str> {
    cut_between(mesh, xy, (f64::NEG_INFINITY, f64::INFINITY), radius_mm, break_mm, None)
}

/// Cuts one hole along z through what lies between two heights, its mouths broken or countersunk from above where asked
/// for.
fn cut_between(
    mesh: &Mesh<Part>,
    xy: [f64; 2],
    between: (f64, f64),
    radius_mm: f64,
    break_mm: f64,
    sink: Option<Sink>,
) -> Result<(Mesh<Part>, Cut), &'static str> {
    let sheet = |up: bool, reach: f64| -> Vec<usize> {
        (0..mesh.triangles.len())
            .filter(|&t| mesh.corners(t).iter().all(|c| (between.0..=between.1).contains(&c.z)))
            .filter(|&t| distance_xy(mesh, t, xy) < reach && (mesh.normal(t).z > 0.0) == up)
            .collect()
    };
    // A mouth is an ellipse where the surface is aslant; half a millimetre is room for 20°.
    let broken_mm = if break_mm > 0.0 { radius_mm + WIDEST_MM } else { radius_mm };
    let upper = sheet(true, sink.map_or(broken_mm, |s| 0.5 * s.mouth_mm + 0.5) + CLEAR_MM);
    let lower = sheet(false, broken_mm + CLEAR_MM);
    let mut vertices = mesh.vertices.clone();
    let mut kept: Vec<bool> = vec![true; mesh.triangles.len()];
    let mut filled: Vec<[u32; 3]> = Vec::new();
    let top_z = height(mesh, &upper, xy).ok_or("its axis misses the plate")?;
    let bottom_z = height(mesh, &lower, xy).ok_or("its axis misses the plate")?;
    let cone = sink.map(|s| {
        let slope = (0.5 * s.angle_rad).tan();
        (slope, top_z - (0.5 * s.mouth_mm - radius_mm) / slope)
    });
    let on_plate = |k: usize, r: f64| {
        let [x, y] = on_circle(k, r);
        [xy[0] + x, xy[1] + y]
    };
    let mut rings: Vec<Vec<u32>> = Vec::new();
    let mut tips: Vec<Vec<Point<Part>>> = Vec::new();
    for (sheet, up) in [(&upper, true), (&lower, false)] {
        // Heights outwards from this side.
        let out = if up { 1.0 } else { -1.0 };
        let face = |p: [f64; 2]| Some(out * height(mesh, sheet, [xy[0] + p[0], xy[1] + p[1]])?);
        let mouth = if break_mm > 0.0 {
            let edge: Option<Vec<f64>> = (0..CORNERS).map(|k| face(on_circle(k, radius_mm))).collect();
            Some(Mouth::new(&edge.ok_or("its circle leaves the plate")?, radius_mm, break_mm))
        } else {
            None
        };
        let mut widths = [0.0; CORNERS];
        let ring: Vec<u32> = (0..CORNERS)
            .map(|k| {
                let mut p = on_plate(k, radius_mm);
                let mut z = height(mesh, sheet, p)?;
                if let (true, Some((slope, start_z))) = (up, cone) {
                    // Where the cone meets the surface; each round divides the error by the cone's slope over the surface's.
                    for _ in 0..30 {
                        let r = radius_mm + (z - start_z) * slope;
                        if r <= radius_mm {
                            return None;
                        }
                        p = on_plate(k, r);
                        z = height(mesh, sheet, p)?;
                    }
                }
                if let Some(mouth) = &mouth {
                    widths[k] = mouth.width_at(k, radius_mm, face)?;
                    p = on_plate(k, widths[k]);
                    z = height(mesh, sheet, p)?;
                }
                vertices.push([p[0], p[1], z]);
                Some(vertices.len() as u32 - 1)
            })
            .collect::<Option<_>>()
            .ok_or("its circle leaves the plate")?;
        // No more is drawn anew than the mouth takes: the ring crosses the body's own edges.
        let widest = widths.iter().fold(0.0, |m: f64, &w| m.max(w)) + CLEAR_MM;
        let taken: Vec<usize> = match &mouth {
            Some(_) => sheet.iter().copied().filter(|&t| distance_xy(mesh, t, xy) < widest).collect(),
            None => sheet.clone(),
        };
        taken.iter().for_each(|&t| kept[t] = false);
        let border = border(mesh, &taken).ok_or("the facets about it have no single border")?;
        fill_ring(&vertices, &border, &ring, up, &mut filled).ok_or("the ring about it cannot be filled")?;
        let mut broken = vec![ring];
        if let Some(mouth) = &mouth {
            // Half way and at the wall: the envelope is bent a little outwards.
            for share in [0.5, 0.0] {
                let ring = (0..CORNERS).map(|k| {
                    let r = radius_mm + share * (widths[k] - radius_mm);
                    let [x, y] = on_circle(k, r);
                    vertices.push([xy[0] + x, xy[1] + y, out * mouth.height_mm(x, y)]);
                    vertices.len() as u32 - 1
                });
                broken.push(ring.collect());
            }
            let tip = |t: &Vector3<f64>| Point::new([xy[0] + t.x, xy[1] + t.y, out * t.z]);
            tips.push(mouth.tips().iter().map(tip).collect());
        }
        if !up {
            broken.reverse();
            if let (Some(above), Some(below)) = (rings.last(), broken.first()) {
                let z = |v: u32| vertices[v as usize][2];
                if break_mm > 0.0 && above.iter().zip(below).any(|(a, b)| z(*a) - z(*b) < WALL_MM_MIN) {
                    return Err("its broken mouths meet");
                }
            }
        }
        rings.extend(broken);
    }
    if let Some((_, start_z)) = cone {
        if rings[1].iter().any(|&v| vertices[v as usize][2] >= start_z) {
            return Err("its countersink goes through");
        }
        let neck: Vec<u32> = (0..CORNERS)
            .map(|k| {
                let p = on_plate(k, radius_mm);
                vertices.push([p[0], p[1], start_z]);
                vertices.len() as u32 - 1
            })
            .collect();
        rings.insert(1, neck);
    }
    let own = mesh.triangles.iter().zip(&kept).filter(|(_, k)| **k).map(|(t, _)| *t);
    let mut triangles: Vec<[u32; 3]> = own.chain(filled).collect();
    for pair in rings.windows(2) {
        for k in 0..CORNERS {
            let next = (k + 1) % CORNERS;
            let (a, b, c, d) = (pair[0][k], pair[0][next], pair[1][k], pair[1][next]);
            // Seen from the axis the circle runs to the left: outer k, outer next, inner next.
            triangles.push([a, b, d]);
            triangles.push([a, d, c]);
        }
    }
    let all: Vec<usize> = (0..triangles.len()).collect();
    let mesh = Mesh::<Part>::new(vertices, triangles).subset(&all);
    let mouths = match (tips.pop(), tips.pop()) {
        (Some(inner), Some(outer)) => Some(Mouths { break_mm, inner, outer }),
        _ => None,
    };
    Ok((mesh, Cut { xy, outer_z_mm: top_z, inner_z_mm: bottom_z, mouths }))
}

/// A screw hole as cut: where its axis leaves the outer surface, and its length, mm.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScrewCut {
    pub outer: Vector3<f64>,
    pub axis: Vector3<f64>,
    pub length_mm: f64,
}

/// Cuts a countersunk hole along `axis` (out of the part) through what lies about `through`.
pub(super) fn cut_screw(
    mesh: &Mesh<Part>,
    through: Vector3<f64>,
    axis: Vector3<f64>,
    radius_mm: f64,
    sink: Sink,
) -> Result<(Mesh<Part>, ScrewCut), &'static str> {
    // Ears lie within this of bone, and the plate's far side does not, mm.
    const ABOUT_MM: f64 = 6.0;
    let turn =
        UnitQuaternion::rotation_between(&axis, &Vector3::z()).ok_or("its axis points into the part")?;
    let upright = Pose::<Part, Part>::new(Isometry3::from_parts(Translation3::identity(), turn));
    let at = turn * through;
    let between = (at.z - ABOUT_MM, at.z + ABOUT_MM);
    let (turned, cut) =
        cut_between(&mesh.moved(&upright), [at.x, at.y], between, radius_mm, 0.0, Some(sink))?;
    let outer = turn.inverse() * Vector3::new(at.x, at.y, cut.outer_z_mm);
    Ok((
        turned.moved(&upright.inverse()),
        ScrewCut { outer, axis, length_mm: cut.outer_z_mm - cut.inner_z_mm },
    ))
}

/// Distance in x-y from a point to a triangle; 0 within.
fn distance_xy(mesh: &Mesh<Part>, t: usize, p: [f64; 2]) -> f64 {
    let c = mesh.corners(t).map(|c| [c.x - p[0], c.y - p[1]]);
    let cross = |a: [f64; 2], b: [f64; 2]| a[0] * b[1] - a[1] * b[0];
    let s = [cross(c[0], c[1]), cross(c[1], c[2]), cross(c[2], c[0])];
    if s.iter().all(|&x| x >= 0.0) || s.iter().all(|&x| x <= 0.0) {
        return 0.0;
    }
    (0..3)
        .map(|k| {
            let (a, b) = (c[k], c[(k + 1) % 3]);
            let e = [b[0] - a[0], b[1] - a[1]];
            let l2 = e[0] * e[0] + e[1] * e[1];
            let t = if l2 > 0.0 { (-(a[0] * e[0] + a[1] * e[1]) / l2).clamp(0.0, 1.0) } else { 0.0 };
            (a[0] + t * e[0]).hypot(a[1] + t * e[1])
        })
        .fold(f64::INFINITY, f64::min)
}

/// Height of some facets over a point.
fn height(mesh: &Mesh<Part>, facets: &[usize], p: [f64; 2]) -> Option<f64> {
    facets.iter().find_map(|&t| {
        let [a, b, c] = mesh.corners(t);
        let cross = |u: [f64; 2], v: [f64; 2]| u[0] * v[1] - u[1] * v[0];
        let (ab, ac, ap) = ([b.x - a.x, b.y - a.y], [c.x - a.x, c.y - a.y], [p[0] - a.x, p[1] - a.y]);
        let det = cross(ab, ac);
        let (u, v) = (cross(ap, ac) / det, cross(ab, ap) / det);
        // A hair beyond the border, so that a point on an edge is found.
        (u >= -1e-9 && v >= -1e-9 && u + v <= 1.0 + 1e-9).then(|| a.z + u * (b.z - a.z) + v * (c.z - a.z))
    })
}

/// The border of some facets as one loop, in the direction in which the facets run along it.
fn border(mesh: &Mesh<Part>, facets: &[usize]) -> Option<Vec<u32>> {
    let mut half: BTreeMap<(u32, u32), bool> = BTreeMap::new();
    for &t in facets {
        let [a, b, c] = mesh.triangles[t];
        for (p, q) in [(a, b), (b, c), (c, a)] {
            if half.remove(&(q, p)).is_none() {
                half.insert((p, q), true);
            }
        }
    }
    let next: BTreeMap<u32, u32> = half.keys().copied().collect();
    if next.len() != half.len() {
        return None;
    }
    let start = *next.keys().next()?;
    let mut ring = vec![start];
    let mut at = *next.get(&start)?;
    while at != start {
        ring.push(at);
        at = *next.get(&at)?;
        if ring.len() > next.len() {
            return None;
        }
    }
    (ring.len() == next.len()).then_some(ring)
}

/// Fills the ring between a border (as the removed facets ran along it) and a circle, in x-y, by clipping ears,
/// shortest new edge first; `up` where the facets face +z.
fn fill_ring(
    vertices: &[[f64; 3]],
    border: &[u32],
    circle: &[u32],
    up: bool,
    triangles: &mut Vec<[u32; 3]>,
) -> Option<()> {
    let xy = |v: u32| [vertices[v as usize][0], vertices[v as usize][1]];
    // Counter-clockwise in x-y; facets that face down run clockwise there.
    let mut outer: Vec<u32> = border.to_vec();
    if !up {
        outer.reverse();
    }
    let mut bridge = (f64::INFINITY, 0, 0);
    for (i, &o) in outer.iter().enumerate() {
        for (k, &c) in circle.iter().enumerate() {
            let (p, q) = (xy(o), xy(c));
            let d = (p[0] - q[0]).hypot(p[1] - q[1]);
            if d < bridge.0 {
                bridge = (d, i, k);
            }
        }
    }
    // Out along the border, over the shortest bridge, back round the circle, and over the bridge again.
    let mut ring: Vec<u32> = Vec::with_capacity(outer.len() + circle.len() + 2);
    ring.extend((0..=outer.len()).map(|s| outer[(bridge.1 + s) % outer.len()]));
    ring.extend((0..=circle.len()).map(|s| circle[(bridge.2 + circle.len() - s) % circle.len()]));
    while ring.len() > 3 {
        let n = ring.len();
        // Of ears that are stout, else of all, the one that the shortest edge cuts off: long edges leave the face.
        let mut best: Option<(bool, f64, usize)> = None;
        for k in 0..n {
            let (a, b, c) = (ring[(k + n - 1) % n], ring[k], ring[(k + 1) % n]);
            let quality = least_angle(xy(a), xy(b), xy(c));
            let (p, q) = (xy(a), xy(c));
            let slender = quality < STOUT_MIN;
            let length = (p[0] - q[0]).hypot(p[1] - q[1]);
            if quality <= 1e-7 || best.is_some_and(|(s, l, _)| (s, l) <= (slender, length)) {
                continue;
            }
            let empty =
                ring.iter().all(|&v| v == a || v == b || v == c || !inside(xy(v), xy(a), xy(b), xy(c)));
            if empty {
                best = Some((slender, length, k));
            }
        }
        let k = best?.2;
        let (a, b, c) = (ring[(k + n - 1) % n], ring[k], ring[(k + 1) % n]);
        triangles.push(if up { [a, b, c] } else { [a, c, b] });
        ring.remove(k);
    }
    triangles.push(if up { [ring[0], ring[1], ring[2]] } else { [ring[0], ring[2], ring[1]] });
    Some(())
}

/// Sine-like measure of the least angle of a triangle that turns left; not positive where it does not.
fn least_angle(a: [f64; 2], b: [f64; 2], c: [f64; 2]) -> f64 {
    let twice = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
    let l = |p: [f64; 2], q: [f64; 2]| (p[0] - q[0]).powi(2) + (p[1] - q[1]).powi(2);
    // Height over the longest side, over that side.
    twice / l(a, b).max(l(b, c)).max(l(c, a)).max(1e-30)
}

fn inside(p: [f64; 2], a: [f64; 2], b: [f64; 2], c: [f64; 2]) -> bool {
    let side = |u: [f64; 2], v: [f64; 2]| (v[0] - u[0]) * (p[1] - u[1]) - (v[1] - u[1]) * (p[0] - u[0]);
    side(a, b) >= 0.0 && side(b, c) >= 0.0 && side(c, a) >= 0.0
}

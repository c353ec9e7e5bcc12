//! Notches of a wrong diagonal, closed.
//!
//! Two facets that share an edge fill a quadrilateral of four corners by one of its diagonals. Where the quadrilateral
//! lies across a sharp edge of the body, the diagonal that crosses that edge cuts a notch into it, and no ball reaches the
//! bottom of a notch: on a titanium plate 0.06 mm wide and 22 µm deep, with all four corners on the body. The other diagonal runs
//! along the edge.

use std::collections::HashSet;

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::model::{Mesh, Part};

use super::field::Fields;

/// A valley this deep below the other diagonal is turned, mm: a ball of 1.5 mm over a chord of 0.2 mm leaves no more.
const NOTCH_MM: f64 = 0.003;
/// The other diagonal's middle lies nearer to the body by this, mm: the field's roughness.
const NEARER_MM: f64 = 0.002;
/// The diagonals cross at least so far from their ends, as a share of each: else a facet would be a sliver.
const CROSSING_MIN: f64 = 0.05;
/// New facets look this way at least (cosine against what they replace).
const FACING_MIN: f64 = 0.5;
/// Rounds: a facet is turned once in each.
const ROUNDS: usize = 8;

/// Two facets and the edge they share: `edge` from its lower corner, `across` the corners opposite.
struct Quad {
    facets: [usize; 2],
    edge: [u32; 2],
    across: [u32; 2],
}

/// A valley between two facets, and where the other diagonal passes over it.
pub(super) struct Notch {
    pub bottom_mm: Vector3<f64>,
    pub above_mm: Vector3<f64>,
    /// Unit normal of the two facets together.
    pub up: Vector3<f64>,
}

impl Notch {
    pub fn deep_mm(&self) -> f64 {
        (self.above_mm - self.bottom_mm).dot(&self.up)
    }
}

/// The mesh with notches turned to the other diagonal, where that lies nearer to the body; its corners stay.
pub(super) fn turned(fields: &Fields, mut mesh: Mesh<Part>) -> Mesh<Part> {
    let off_mm = |p: Vector3<f64>| fields.body_at(p.into()).abs();
    for _ in 0..ROUNDS {
        if !turn(&mut mesh, |n| off_mm(n.above_mm) + NEARER_MM < off_mm(n.bottom_mm)) {
            break;
        }
    }
    mesh
}

/// Turns the notches that are `worth` it, deepest first, each facet once. Whether any was.
pub(super) fn turn(mesh: &mut Mesh<Part>, worth: impl Fn(&Notch) -> bool + Sync) -> bool {
    let sides = sides(mesh);
    let mut notches: Vec<(f64, Quad)> = sides
        .par_windows(2)
        .filter_map(|w| {
            let quad = Quad::of(w)?;
            let notch = notch(mesh, &quad)?;
            (notch.deep_mm() >= NOTCH_MM && worth(&notch)).then(|| (notch.deep_mm(), quad))
        })
        .collect();
    notches.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.edge.cmp(&b.1.edge)));
    let (mut added, mut used) = (HashSet::new(), HashSet::new());
    for (_, q) in notches {
        let other = ordered(q.across);
        let known = sides.binary_search_by_key(&other, |s| s.edge).is_ok();
        if known || q.facets.iter().any(|f| used.contains(f)) || !added.insert(other) {
            continue;
        }
        used.extend(q.facets);
        let ([a, b], [c, d]) = (q.edge, q.across);
        mesh.triangles[q.facets[0]] = [c, a, d];
        mesh.triangles[q.facets[1]] = [d, b, c];
    }
    !used.is_empty()
}

fn ordered([a, b]: [u32; 2]) -> [u32; 2] {
    [a.min(b), a.max(b)]
}

/// A facet's side.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Side {
    edge: [u32; 2],
    /// Runs from the higher corner to the lower.
    falls: bool,
    facet: usize,
    across: u32,
}

impl Quad {
    /// Of two sides that follow each other in order, where they are one edge.
    fn of(sides: &[Side]) -> Option<Self> {
        let [one, other] = sides else { return None };
        (one.edge == other.edge && !one.falls && other.falls).then_some(Self {
            facets: [one.facet, other.facet],
            edge: one.edge,
            across: [one.across, other.across],
        })
    }
}

/// The sides of all facets, in order.
fn sides(mesh: &Mesh<Part>) -> Vec<Side> {
    let mut sides: Vec<Side> = mesh
        .triangles
        .par_iter()
        .enumerate()
        .flat_map_iter(|(facet, &[a, b, c])| {
            [[a, b, c], [b, c, a], [c, a, b]].map(|[from, to, across]| Side {
                edge: ordered([from, to]),
                falls: from > to,
                facet,
                across,
            })
        })
        .collect();
    sides.par_sort_unstable();
    sides
}

/// `None` where the other diagonal would fold the quadrilateral.
fn notch(mesh: &Mesh<Part>, quad: &Quad) -> Option<Notch> {
    let at = |v: u32| Vector3::from(mesh.vertices[v as usize]);
    let ([a, b], [c, d]) = (quad.edge.map(at), quad.across.map(at));
    let face =
        |p: Vector3<f64>, q: Vector3<f64>, r: Vector3<f64>| (q - p).cross(&(r - p)).try_normalize(1e-12);
    let up = (face(a, b, c)? + face(b, a, d)?).try_normalize(1e-9)?;
    let (edge, other) = (b - a, d - c);
    // Where the two cross, seen along `up`.
    let across = edge.cross(&other).dot(&up);
    if across.abs() < 1e-12 {
        return None;
    }
    let s = (c - a).cross(&other).dot(&up) / across;
    let t = (c - a).cross(&edge).dot(&up) / across;
    let inside = |x: f64| (CROSSING_MIN..=1.0 - CROSSING_MIN).contains(&x);
    let faces = [face(c, a, d)?, face(d, b, c)?];
    (inside(s) && inside(t) && faces.iter().all(|n| n.dot(&up) >= FACING_MIN)).then(|| Notch {
        bottom_mm: a + s * edge,
        above_mm: c + t * other,
        up,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A roof with its ridge along x, each side of it two facets deep; the quadrilateral in the middle of the ridge is
    /// filled along or across it.
    fn roof(notched: bool) -> Mesh<Part> {
        let corners = vec![
            [-0.1, 0.0, 0.0],
            [0.1, 0.0, 0.0],
            [0.0, -0.1, -0.03],
            [0.0, 0.1, -0.03],
            [-0.2, -0.1, -0.03],
            [0.2, -0.1, -0.03],
        ];
        let middle = if notched { [[0, 2, 3], [2, 1, 3]] } else { [[0, 2, 1], [1, 3, 0]] };
        Mesh::new(corners, [middle.to_vec(), vec![[4, 2, 0], [2, 5, 1]]].concat())
    }

    #[test]
    fn a_ridge_that_a_diagonal_crosses_is_made_whole() {
        let notched = roof(true);
        let mut whole = notched.clone();
        // The notch is as deep as its corners lie below the ridge.
        assert!(turn(&mut whole, |n| (n.deep_mm() - 0.03).abs() < 1e-9 && n.bottom_mm.z < -0.029));
        assert_eq!(whole.vertices, notched.vertices);
        let has = |edge| sides(&whole).iter().any(|s| s.edge == edge);
        assert!(has([0, 1]) && !has([2, 3]), "{:?}", whole.triangles);
        // Both still look up.
        assert!((0..whole.triangles.len()).all(|t| whole.normal(t).z > 0.5));
    }

    #[test]
    fn a_ridge_and_a_valley_that_is_meant_are_left() {
        let mut sound = roof(false);
        assert!(!turn(&mut sound, |_| true));
        assert_eq!(sound.triangles, roof(false).triangles);
        let mut valley = roof(true);
        assert!(!turn(&mut valley, |_| false));
        assert_eq!(valley.triangles, roof(true).triangles);
    }
}

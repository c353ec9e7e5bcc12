//! Facets split where the body is rounder than they are.
//!
//! A net of 0.3 mm cells crosses an edge of 0.25 mm in one chord, here from the sheet, there from the wall: the edge is
//! notched by more than the tolerance, and no ball reaches the bottom of a notch. An edge whose middle lies off the
//! body is split there, with the longest edge of its facets, so that facets stay stout; new corners go onto the body.

use std::collections::HashSet;

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::model::{Mesh, Part};

use super::field::Fields;
use super::net::onto_body_from;
use super::turned::turned;

/// A chord this near to the body is the body, mm.
const CHORD_MM: f64 = 0.004;
/// Edges shorter than this are not split, mm.
const SHORTEST_MM: f64 = 0.05;
/// Rounds of splitting; each halves the chords, so that the fourth leaves 1/256 of their error.
const ROUNDS: usize = 4;
/// A facet may turn by at most this (cosine) when its new corner moves onto the body: beside an acute edge its parent
/// crossed, a sound facet turns by more than a right angle.
const TURN_COS_MIN: f64 = -0.3;

type Edge = (u32, u32);

fn edge(a: u32, b: u32) -> Edge {
    (a.min(b), a.max(b))
}

/// The mesh with its edges split until their chords follow the body.
pub(super) fn refine(fields: &Fields, mesh: Mesh<Part>) -> Mesh<Part> {
    let mut mesh = mesh;
    // Only what is new since the last round can still be off the body.
    let mut fresh = vec![true; mesh.triangles.len()];
    for _ in 0..ROUNDS {
        let split = edges_to_split(fields, &mesh, &fresh);
        if split.is_empty() {
            break;
        }
        (mesh, fresh) = divided(&mesh, &split);
    }
    turned(fields, mesh)
}

/// The mesh with edges longer than `longest_mm` halved where `near` holds for their middle; the surface stays where it
/// is.
pub(super) fn halved(
    mesh: Mesh<Part>,
    longest_mm: f64,
    near: impl Fn(&Vector3<f64>) -> bool + Sync,
) -> Mesh<Part> {
    let mut mesh = mesh;
    for _ in 0..ROUNDS {
        let at = |v: u32| Vector3::from(mesh.vertices[v as usize]);
        let mut split: Splits = mesh
            .triangles
            .par_iter()
            .flat_map_iter(|t| [edge(t[0], t[1]), edge(t[1], t[2]), edge(t[2], t[0])])
            .filter_map(|e| {
                let middle = 0.5 * (at(e.0) + at(e.1));
                ((at(e.0) - at(e.1)).norm() > longest_mm && near(&middle)).then(|| (e, middle.into()))
            })
            .collect();
        if split.is_empty() {
            break;
        }
        split.par_sort_unstable_by_key(|s| s.0);
        split.dedup_by_key(|s| s.0);
        mesh = divided(&mesh, &split).0;
    }
    mesh
}

/// Split edges in ascending order, each with its new corner.
type Splits = Vec<(Edge, [f64; 3])>;

/// Edges off the body, and the longest edges of the facets they bound; each with its middle on the body.
fn edges_to_split(fields: &Fields, mesh: &Mesh<Part>, fresh: &[bool]) -> Splits {
    let sides = |t: &[u32; 3]| [edge(t[0], t[1]), edge(t[1], t[2]), edge(t[2], t[0])];
    let mut edges: Vec<Edge> =
        mesh.triangles.iter().zip(fresh).filter(|(_, f)| **f).flat_map(|(t, _)| sides(t)).collect();
    edges.par_sort_unstable();
    edges.dedup();
    let at = |v: u32| Vector3::from(mesh.vertices[v as usize]);
    let length = |e: &Edge| (at(e.0) - at(e.1)).norm();
    let middle = |e: &Edge| -> [f64; 3] { (0.5 * (at(e.0) + at(e.1))).into() };
    let mut split: Splits = edges
        .into_par_iter()
        .filter(|e| length(e) > 2.0 * SHORTEST_MM)
        .filter_map(|e| {
            let from = middle(&e);
            let off = fields.body_at(from).abs();
            (off > CHORD_MM).then(|| (e, onto_body_from(fields, from)))
        })
        .collect();
    if split.is_empty() {
        return split;
    }
    // Longest-edge bisection: a facet is never split across a short edge alone. Which edges that adds does not depend on
    // the order in which they are met.
    let about = FacetsAbout::new(mesh);
    let mut known: HashSet<Edge> = split.iter().map(|s| s.0).collect();
    let mut more: Vec<Edge> = Vec::new();
    let mut waiting: Vec<Edge> = split.iter().map(|s| s.0).collect();
    while let Some(e) = waiting.pop() {
        for &t in about.corner(e.0) {
            let facet = &mesh.triangles[t as usize];
            if !facet.contains(&e.1) {
                continue;
            }
            let sides = sides(facet);
            let longest = sides.iter().max_by(|a, b| length(a).total_cmp(&length(b)).then(b.cmp(a))).copied();
            let longest = longest.unwrap_or(sides[0]);
            if known.insert(longest) {
                more.push(longest);
                waiting.push(longest);
            }
        }
    }
    split.par_extend(more.into_par_iter().map(|e| (e, onto_body_from(fields, middle(&e)))));
    split.par_sort_unstable_by_key(|s| s.0);
    split
}

/// The facets about each corner.
struct FacetsAbout {
    start: Vec<u32>,
    facets: Vec<u32>,
}

impl FacetsAbout {
    fn new(mesh: &Mesh<Part>) -> Self {
        let mut start = vec![0u32; mesh.vertices.len() + 1];
        for &v in mesh.triangles.iter().flatten() {
            start[v as usize + 1] += 1;
        }
        for v in 1..start.len() {
            start[v] += start[v - 1];
        }
        let mut next = start.clone();
        let mut facets = vec![0u32; 3 * mesh.triangles.len()];
        for (t, corners) in mesh.triangles.iter().enumerate() {
            for &v in corners {
                facets[next[v as usize] as usize] = t as u32;
                next[v as usize] += 1;
            }
        }
        Self { start, facets }
    }

    fn corner(&self, v: u32) -> &[u32] {
        &self.facets[self.start[v as usize] as usize..self.start[v as usize + 1] as usize]
    }
}

/// Every facet divided at the split edges it has; which facets are new.
fn divided(mesh: &Mesh<Part>, split: &Splits) -> (Mesh<Part>, Vec<bool>) {
    let first = mesh.vertices.len() as u32;
    let mut touched = vec![false; mesh.vertices.len()];
    for ((a, b), _) in split {
        touched[*a as usize] = true;
        touched[*b as usize] = true;
    }
    let number = |e: Edge| -> Option<u32> {
        if !touched[e.0 as usize] || !touched[e.1 as usize] {
            return None;
        }
        split.binary_search_by_key(&e, |s| s.0).ok().map(|n| first + n as u32)
    };
    let mut vertices = mesh.vertices.clone();
    vertices.extend(split.iter().map(|s| s.1));
    let mut triangles = Vec::with_capacity(mesh.triangles.len() + 3 * split.len());
    let mut parents = Vec::with_capacity(triangles.capacity());
    let halves: Vec<[Option<u32>; 3]> = mesh
        .triangles
        .par_iter()
        .map(|t| std::array::from_fn(|i| number(edge(t[i], t[(i + 1) % 3]))))
        .collect();
    for (parent, (t, halves)) in mesh.triangles.iter().zip(&halves).enumerate() {
        if *halves == [None; 3] {
            parents.push((parent, false));
            triangles.push(*t);
            continue;
        }
        let pieces = pieces(*t, *halves, &mesh.vertices);
        parents.extend(std::iter::repeat_n((parent, pieces.len() > 1), pieces.len()));
        triangles.extend(pieces);
    }
    // A corner that would turn a facet stays in the middle of its edge. Each round only puts corners back, so it ends.
    let normals: Vec<Vector3<f64>> =
        (0..mesh.triangles.len()).into_par_iter().map(|t| mesh.normal(t)).collect();
    let middles: Vec<[f64; 3]> = split
        .iter()
        .map(|&((a, b), _)| {
            let [a, b] = [a, b].map(|v| Vector3::from(mesh.vertices[v as usize]));
            (0.5 * (a + b)).into()
        })
        .collect();
    let mut out = Mesh::<Part>::new(vertices, triangles);
    loop {
        let turned: Vec<usize> = (0..out.triangles.len())
            .into_par_iter()
            .filter(|&t| parents[t].1 && out.normal(t).dot(&normals[parents[t].0]) < TURN_COS_MIN)
            .collect();
        let back: Vec<u32> = turned
            .iter()
            .flat_map(|&t| out.triangles[t])
            .filter(|&v| v >= first && out.vertices[v as usize] != middles[(v - first) as usize])
            .collect();
        if back.is_empty() {
            break;
        }
        for v in back {
            out.vertices[v as usize] = middles[(v - first) as usize];
        }
    }
    let fresh = parents.iter().map(|p| p.1).collect();
    (out, fresh)
}

/// The facet divided at those of its edges that have a new corner; the shorter diagonal where there is a choice.
fn pieces(t: [u32; 3], halves: [Option<u32>; 3], vertices: &[[f64; 3]]) -> Vec<[u32; 3]> {
    let turned = |s: usize| -> [u32; 3] { std::array::from_fn(|i| t[(i + s) % 3]) };
    match halves {
        [None, None, None] => vec![t],
        [Some(p), Some(q), Some(r)] => vec![[t[0], p, r], [p, t[1], q], [r, q, t[2]], [p, q, r]],
        _ => {
            let count = halves.iter().flatten().count();
            if count == 1 {
                let s = (0..3).find(|&i| halves[i].is_some()).unwrap_or(0);
                let [a, b, c] = turned(s);
                let m = halves[s].unwrap_or(a);
                return vec![[a, m, c], [m, b, c]];
            }
            // Edges ab and bc are split, ca is not.
            let s = (0..3).find(|&i| halves[(i + 2) % 3].is_none()).unwrap_or(0);
            let [a, b, c] = turned(s);
            let (m, n) = (halves[s].unwrap_or(a), halves[(s + 1) % 3].unwrap_or(b));
            let long = |x: u32, y: u32| {
                let [ux, uy] = [x, y]
                    .map(|v| vertices.get(v as usize).map_or_else(Vector3::zeros, |p| Vector3::from(*p)));
                (ux - uy).norm()
            };
            // The corner opposite the longer half keeps a stout facet.
            if long(a, b) <= long(b, c) {
                vec![[m, b, n], [a, m, n], [a, n, c]]
            } else {
                vec![[m, b, n], [a, m, c], [m, n, c]]
            }
        }
    }
}

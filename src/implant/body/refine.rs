//! Facets split where the body is rounder than they are.
//!
//! A net of 0.3 mm cells crosses an edge of 0.25 mm in one chord, here from the sheet, there from the wall: the edge is
//! notched by more than the tolerance, and no ball reaches the bottom of a notch. An edge whose middle lies off the
//! body is split there, with the longest edge of its facets, so that facets stay stout; new corners go onto the body.

use std::collections::{BTreeMap, HashSet};

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::model::{Mesh, Part};

use super::field::Fields;
use super::net::onto_body_from;

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
    mesh
}

/// Edges off the body, and the longest edges of the facets they bound; each with its middle on the body.
fn edges_to_split(fields: &Fields, mesh: &Mesh<Part>, fresh: &[bool]) -> BTreeMap<Edge, [f64; 3]> {
    let sides = |t: &[u32; 3]| [edge(t[0], t[1]), edge(t[1], t[2]), edge(t[2], t[0])];
    let mut edges: Vec<Edge> =
        mesh.triangles.iter().zip(fresh).filter(|(_, f)| **f).flat_map(|(t, _)| sides(t)).collect();
    edges.par_sort_unstable();
    edges.dedup();
    let at = |v: u32| Vector3::from(mesh.vertices[v as usize]);
    let length = |e: &Edge| (at(e.0) - at(e.1)).norm();
    let middle = |e: &Edge| -> [f64; 3] { (0.5 * (at(e.0) + at(e.1))).into() };
    let mut split: BTreeMap<Edge, [f64; 3]> = edges
        .into_par_iter()
        .filter(|e| length(e) > 2.0 * SHORTEST_MM)
        .filter_map(|e| {
            let from = middle(&e);
            let off = fields.body_at(from).abs();
            (off > CHORD_MM).then(|| (e, onto_body_from(fields, from)))
        })
        .collect();
    // Longest-edge bisection: a facet is never split across a short edge alone. Which edges that adds does not depend on
    // the order in which they are met.
    let mut longest_beside: Vec<(Edge, Edge)> = mesh
        .triangles
        .par_iter()
        .flat_map_iter(|t| {
            let sides = sides(t);
            let longest = sides.iter().max_by(|a, b| length(a).total_cmp(&length(b)).then(b.cmp(a))).copied();
            let longest = longest.unwrap_or(sides[0]);
            sides.into_iter().filter(move |e| *e != longest).map(move |e| (e, longest))
        })
        .collect();
    longest_beside.par_sort_unstable();
    let mut known: HashSet<Edge> = split.keys().copied().collect();
    let mut more: Vec<Edge> = Vec::new();
    let mut waiting: Vec<Edge> = split.keys().copied().collect();
    while let Some(e) = waiting.pop() {
        let from = longest_beside.partition_point(|(beside, _)| *beside < e);
        for (_, longest) in longest_beside[from..].iter().take_while(|(beside, _)| *beside == e) {
            if known.insert(*longest) {
                more.push(*longest);
                waiting.push(*longest);
            }
        }
    }
    split.par_extend(more.into_par_iter().map(|e| (e, onto_body_from(fields, middle(&e)))));
    split
}

/// Every facet divided at the split edges it has; which facets are new.
fn divided(mesh: &Mesh<Part>, split: &BTreeMap<Edge, [f64; 3]>) -> (Mesh<Part>, Vec<bool>) {
    let first = mesh.vertices.len() as u32;
    let number: BTreeMap<Edge, u32> = split.keys().zip(first..).map(|(e, n)| (*e, n)).collect();
    let mut vertices = mesh.vertices.clone();
    vertices.extend(split.values());
    let mut triangles = Vec::with_capacity(mesh.triangles.len() + 3 * split.len());
    let mut parents = Vec::with_capacity(triangles.capacity());
    for (parent, t) in mesh.triangles.iter().enumerate() {
        let pieces = pieces(*t, &number, &mesh.vertices);
        parents.extend(std::iter::repeat_n((parent, pieces.len() > 1), pieces.len()));
        triangles.extend(pieces);
    }
    // A corner that would turn a facet stays in the middle of its edge. Each round only puts corners back, so it ends.
    let normals: Vec<Vector3<f64>> = (0..mesh.triangles.len()).map(|t| mesh.normal(t)).collect();
    let middles: Vec<[f64; 3]> = split
        .keys()
        .map(|&(a, b)| {
            let [a, b] = [a, b].map(|v| Vector3::from(mesh.vertices[v as usize]));
            (0.5 * (a + b)).into()
        })
        .collect();
    let mut out = Mesh::<Part>::new(vertices, triangles);
    loop {
        let turned: Vec<usize> = (0..out.triangles.len())
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

/// The facet divided at those of its edges that have a number; the shorter diagonal where there is a choice.
fn pieces(t: [u32; 3], number: &BTreeMap<Edge, u32>, vertices: &[[f64; 3]]) -> Vec<[u32; 3]> {
    let on = |i: usize| number.get(&edge(t[i], t[(i + 1) % 3])).copied();
    let halves = [on(0), on(1), on(2)];
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

//! Facets halved until something is known of every piece.

use nalgebra::Vector3;

use crate::model::{Mesh, Part};

/// Facets looked at by one task; fixed, though nothing depends on it.
pub const CHUNK: usize = 64;
/// Pieces are not halved below this distance from their middle to their corners, mm: what it hides is less.
pub const SMALLEST_MM: f64 = 0.002;
/// Of a part that is out already the bound is brought to this share of what it is out by.
pub const NEAR_ENOUGH_OF_EXCESS: f64 = 0.1;

/// A piece of a facet.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    pub corners: [Vector3<f64>; 3],
    pub middle: [f64; 3],
    /// Farthest corner from the middle, mm.
    pub covers_mm: f64,
    pub area_mm2: f64,
    /// Facet that it is of.
    pub triangle: u32,
    /// It can be halved no more often.
    pub last: bool,
}

/// What becomes of a piece.
pub enum Then<T> {
    Keep(T),
    Halve,
    Leave,
}

/// Where a piece comes from: facet, then the ways taken at each halving from the highest bit down, so that pieces sort
/// as if one facet were halved after the other.
type Order = (u32, u128);

/// Halves facets across their longest edges until `ask` keeps or leaves every piece; all that are equally often halved
/// are asked for together. In the order of one facet after the other.
pub fn halve<T>(
    design: &Mesh<Part>,
    facets: &[u32],
    mut ask: impl FnMut(&[Piece]) -> Vec<Then<T>>,
) -> Vec<T> {
    let whole = |(&t, n): (&u32, u32)| {
        let (corners, area_mm2) = (design.corners(t as usize), design.triangle_area_mm2(t as usize));
        ((n, 0), piece(corners, area_mm2, t, false))
    };
    let mut level: Vec<(Order, Piece)> = facets.iter().zip(0..).map(whole).collect();
    let mut kept: Vec<(Order, T)> = Vec::new();
    // A facet of a metre is down to 2 µm after some forty.
    for halved in 0..u128::BITS {
        let pieces: Vec<Piece> = level.iter().map(|l| l.1).collect();
        let mut next: Vec<(Order, Piece)> = Vec::new();
        for ((order, p), then) in level.into_iter().zip(ask(&pieces)) {
            match then {
                Then::Leave => {}
                Then::Keep(t) => kept.push((order, t)),
                Then::Halve => {
                    debug_assert!(!p.last, "asked to be halved too often");
                    let last = halved + 2 == u128::BITS;
                    let after = 1u128 << (u128::BITS - 1 - halved);
                    let [a, b] = halves(p.corners).map(|c| piece(c, 0.5 * p.area_mm2, p.triangle, last));
                    next.extend([(order, b), ((order.0, order.1 | after), a)]);
                }
            }
        }
        level = next;
        if level.is_empty() {
            break;
        }
    }
    kept.sort_by_key(|k| k.0);
    kept.into_iter().map(|k| k.1).collect()
}

fn piece(corners: [Vector3<f64>; 3], area_mm2: f64, triangle: u32, last: bool) -> Piece {
    let middle = (corners[0] + corners[1] + corners[2]) / 3.0;
    let covers_mm = covers_mm(&corners, &middle);
    Piece { corners, middle: middle.into(), covers_mm, area_mm2, triangle, last }
}

/// From the middle to the farthest corner, mm.
pub fn covers_mm(corners: &[Vector3<f64>; 3], middle: &Vector3<f64>) -> f64 {
    corners.iter().map(|c| (c - middle).norm()).fold(0.0, f64::max)
}

/// Across the longest edge.
pub fn halves([a, b, c]: [Vector3<f64>; 3]) -> [[Vector3<f64>; 3]; 2] {
    let (ab, bc, ca) = ((b - a).norm(), (c - b).norm(), (a - c).norm());
    let [a, b, c] = if ab >= bc && ab >= ca {
        [a, b, c]
    } else if bc >= ca {
        [b, c, a]
    } else {
        [c, a, b]
    };
    let half = (a + b) / 2.0;
    [[half, b, c], [a, half, c]]
}

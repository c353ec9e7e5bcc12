//! The blank's own faces: where nothing is milled, they are the part's surface.
//!
//! A program from another CAM often leaves a face as the sheet or bar came. Beyond the blank there is no material, so a
//! place's deviation is the least distance to a cutter's sweep or to the outside of the blank.

use nalgebra::Vector3;

use crate::model::BoxPart;

use super::surface::REACH_MM;
use super::sweep::Near;

/// The blank as a box in the part's frame, mm.
pub struct Blank {
    min_mm: [f64; 3],
    max_mm: [f64; 3],
}

/// A face: its axis, its level and the side on which the blank lies (+1: above it).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Face {
    axis: usize,
    level_mm: f64,
    side: f64,
}

impl Face {
    /// How deep below the face a place lies, mm; no more than the reach, as all deviations.
    pub fn depth_mm(&self, p_mm: &[f64; 3]) -> f64 {
        ((p_mm[self.axis] - self.level_mm) * self.side).min(REACH_MM)
    }

    /// How fast that depth may change along a facet with this normal.
    pub fn slope_along(&self, normal: &Vector3<f64>) -> f64 {
        (1.0 - normal[self.axis].powi(2)).max(0.0).sqrt()
    }
}

impl Blank {
    pub fn of(stock: &BoxPart) -> Self {
        Self { min_mm: stock.min_mm.mm, max_mm: stock.max_mm.mm }
    }

    /// The face that a place lies nearest to.
    pub fn face(&self, p_mm: &[f64; 3]) -> Face {
        let faces = (0..3).flat_map(|axis| {
            [(self.min_mm[axis], 1.0), (self.max_mm[axis], -1.0)].map(|(level_mm, side)| Face {
                axis,
                level_mm,
                side,
            })
        });
        let depth = |f: &Face| (p_mm[f.axis] - f.level_mm) * f.side;
        faces.min_by(|f, g| depth(f).total_cmp(&depth(g))).expect("a box has faces")
    }

    /// What comes nearest to each place: its cutter, or a face of the blank, which has no move.
    pub fn or_nearer(&self, mut near: Vec<Near>, places: &[[f64; 3]]) -> Vec<Near> {
        for (n, p) in near.iter_mut().zip(places) {
            let distance_mm = self.face(p).depth_mm(p);
            if distance_mm < n.distance_mm {
                *n = Near { distance_mm, index: None };
            }
        }
        near
    }
}

/// True where a face of the blank decides, or would have if no cutter did.
pub fn is_face(n: &Near) -> bool {
    n.index.is_none() && n.distance_mm < REACH_MM
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Point;

    #[test]
    fn a_face_is_the_surface_where_no_cutter_comes_nearer() {
        let stock = BoxPart { min_mm: Point::new([0.0; 3]), max_mm: Point::new([10.0, 20.0, 6.0]) };
        let blank = Blank::of(&stock);
        let far = Near { distance_mm: REACH_MM, index: None };
        let cutter = Near { distance_mm: 0.01, index: Some(4) };
        let places =
            [[5.0, 10.0, 6.0], [5.0, 10.0, 5.0], [5.0, 10.0, 5.0], [5.0, 10.0, 6.2], [5.0, 10.0, 3.0]];
        let got = blank.or_nearer(vec![far, far, cutter, cutter, far], &places);
        // On the face, a millimetre below it, milled there, out of the blank, too deep to tell.
        let distances: Vec<f64> = got.iter().map(|n| n.distance_mm).collect();
        for (got, expected) in distances.iter().zip([0.0, 1.0, 0.01, -0.2, REACH_MM]) {
            assert!((got - expected).abs() < 1e-12, "{distances:?}");
        }
        assert_eq!([0, 1, 2, 3, 4].map(|i| is_face(&got[i])), [true, true, false, true, false]);
        // Along the face its depth does not change, across it as fast as one goes.
        let face = blank.face(&places[1]);
        assert_eq!(face.slope_along(&Vector3::z()), 0.0);
        assert_eq!(face.slope_along(&Vector3::x()), 1.0);
    }
}

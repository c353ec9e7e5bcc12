//! The edge where a hole leaves a face, broken by a cone that follows it.
//!
//! A face is aslant to its holes, so one turned countersink would break one side of a mouth and miss the other. A
//! chamfering cone of 90° goes round inside the hole instead, as high as the face is beside it. What it leaves is the
//! lower envelope of the cone along the chords it is moved on, and that envelope is the design.
//!
//! **Different from practice** Mouths are usually broken by hand. 0.2 mm after `reference/machining.md`.

use std::f64::consts::PI;

use nalgebra::Vector3;

/// Corners of a circle. The polygon lies within the circle by 0.5 µm for a radius of 1 mm.
pub(super) const CORNERS: usize = 96;
/// The cone's axis runs at this share of the hole's radius: its far side clears the other side of a mouth that is
/// aslant by up to atan 0.7 = 35°.
const AXIS_SHARE: f64 = 0.7;
/// A broken mouth is no wider than this beside the hole, mm.
pub(super) const WIDEST_MM: f64 = 0.6;

/// One mouth seen from outside, heights counted outwards, about the hole's axis.
pub(super) struct Mouth {
    /// Tip of the cone along its way, closed.
    tips: Vec<Vector3<f64>>,
}

impl Mouth {
    /// `edge_mm`: height of the face along the hole's circle, per corner; `break_mm`: how far below it the cone meets the
    /// wall.
    pub(super) fn new(edge_mm: &[f64], radius_mm: f64, break_mm: f64) -> Self {
        let axis_mm = AXIS_SHARE * radius_mm;
        let tips = edge_mm.iter().enumerate().map(|(k, edge)| {
            let [x, y] = on_circle(k, axis_mm);
            Vector3::new(x, y, edge - break_mm - (radius_mm - axis_mm))
        });
        Self { tips: tips.collect() }
    }

    /// Height above which the cone has taken everything at a place.
    pub(super) fn height_mm(&self, x: f64, y: f64) -> f64 {
        let n = self.tips.len();
        (0..n)
            .map(|k| least_height(&self.tips[k], &self.tips[(k + 1) % n], x, y))
            .fold(f64::INFINITY, f64::min)
    }

    /// How far from the axis the cone leaves the face, in the direction of corner `k`; `face_mm` gives the face's height
    /// at a place. `None` where that is farther than [`WIDEST_MM`] or the face ends.
    pub(super) fn width_at(
        &self,
        k: usize,
        radius_mm: f64,
        face_mm: impl Fn([f64; 2]) -> Option<f64>,
    ) -> Option<f64> {
        let above = |r: f64| {
            let p = on_circle(k, r);
            Some(self.height_mm(p[0], p[1]) - face_mm(p)?)
        };
        let (mut lo, mut hi) = (radius_mm, radius_mm + WIDEST_MM);
        if above(lo)? >= 0.0 || above(hi)? <= 0.0 {
            return None;
        }
        // 0.6 mm halved so often: 0.04 µm.
        for _ in 0..14 {
            let middle = 0.5 * (lo + hi);
            if above(middle)? < 0.0 { lo = middle } else { hi = middle }
        }
        Some(0.5 * (lo + hi))
    }

    /// Way of the tip.
    pub(super) fn tips(&self) -> &[Vector3<f64>] {
        &self.tips
    }
}

/// Corner `k` of a circle about the axis.
pub(super) fn on_circle(k: usize, radius_mm: f64) -> [f64; 2] {
    let turn = 2.0 * PI * k as f64 / CORNERS as f64;
    [radius_mm * turn.cos(), radius_mm * turn.sin()]
}

/// Least height over a place of a cone of 90° whose tip goes straight from `a` to `b`: the tip's height and the distance
/// from its axis, a convex function of the way.
fn least_height(a: &Vector3<f64>, b: &Vector3<f64>, x: f64, y: f64) -> f64 {
    let (dx, dy, dz) = (b.x - a.x, b.y - a.y, b.z - a.z);
    let length = dx.hypot(dy);
    let beside = |t: f64| a.z + t * dz + (x - a.x - t * dx).hypot(y - a.y - t * dy);
    if length <= 0.0 {
        return beside(0.0).min(beside(1.0));
    }
    let foot = ((x - a.x) * dx + (y - a.y) * dy) / length;
    let across = ((x - a.x) * dy - (y - a.y) * dx).abs() / length;
    let slope = dz / length;
    let best = if slope.abs() < 1.0 {
        (foot - across * slope / (1.0 - slope * slope).sqrt()) / length
    } else if slope > 0.0 {
        0.0
    } else {
        1.0
    };
    beside(best.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_mouth_is_a_cone_and_a_slanting_one_is_broken_all_round() {
        let (r, mm) = (1.0, 0.2);
        for slope in [0.0, 0.2, 0.5f64] {
            let face = |p: [f64; 2]| Some(3.0 + slope * p[0]);
            let edge: Vec<f64> = (0..CORNERS).map(|k| face(on_circle(k, r)).unwrap()).collect();
            let mouth = Mouth::new(&edge, r, mm);
            for k in 0..CORNERS {
                let at = mouth.width_at(k, r, face).expect("it is broken");
                let [x, y] = on_circle(k, r);
                let wall = edge[k] - mouth.height_mm(x, y);
                if slope == 0.0 {
                    // Chords of the axis' way: 0.7 (1 - cos(π/96)) = 0.4 µm.
                    assert!((at - r - mm).abs() < 5e-4 && (wall - mm).abs() < 5e-4, "{at} {wall}");
                } else {
                    // Uphill the cone stays below the face for longer: w = b / (1 - slope); beside the slope it is passed
                    // a little lower as well.
                    assert!(at - r > 0.5 * mm && at - r < 2.5 * mm, "slope {slope}, corner {k}: {at}");
                    assert!(wall > mm - 5e-4 && wall < 2.0 * mm, "slope {slope}, corner {k}: {wall}");
                }
            }
        }
    }

    #[test]
    fn the_least_height_along_a_chord_is_that_of_fine_steps() {
        let mut random = crate::geometry::random::Random::new(5);
        for _ in 0..200 {
            let mut point =
                || Vector3::new(random.within(-1.0, 1.0), random.within(-1.0, 1.0), random.within(-0.5, 0.5));
            let (a, b, p) = (point(), point(), point());
            let fine = (0..=20_000)
                .map(|k| {
                    let tip = a + (b - a) * (f64::from(k) / 20_000.0);
                    tip.z + (p.x - tip.x).hypot(p.y - tip.y)
                })
                .fold(f64::INFINITY, f64::min);
            // Steps of at most 0.17 µm, and the function's slope is at most 1.5 of that.
            assert!((least_height(&a, &b, p.x, p.y) - fine).abs() < 3e-4);
        }
    }
}

//! Least thickness: the largest ball that fits, away from rim and holes.
//!
//! **Method** Shrinking ball: Ma, Bae, Choi, "3D medial axis point approximation using nearest neighbors and the
//! normal field", The Visual Computer 28, 2012. A ball that ends between two faces that look apart measures a
//! thickness; one that ends at a wall or at a neighbouring facet measures none.

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::geometry::Bvh;
use crate::model::{ImplantFacts, Part};

use super::columns::Columns;
use super::params::InspectToml;
use super::samples::Sample;

/// One sample in this many is measured: thickness changes slowly, and every third of a millimetre is enough.
const EVERY: usize = 8;

/// Faces look apart when their normals differ by more than about 134°.
const APART_COS: f64 = -0.7;

/// Diameter of the least ball, mm, with the milled deviation of both its ends; 0 where none could be measured,
/// which no limit allows.
pub fn least(
    samples: &[Sample],
    deviation_mm: &[f64],
    part: &Bvh<Part>,
    columns: &Columns,
    facts: &ImplantFacts,
    t: &InspectToml,
) -> f64 {
    let start_mm = 2.0 * facts.thickness_mm_nominal.max(t.thickness_mm_min);
    let found = (0..samples.len().div_ceil(EVERY))
        .into_par_iter()
        .filter_map(|i| {
            let s = &samples[i * EVERY];
            if columns.rim_distance_mm(s.p_mm[0], s.p_mm[1]) < t.thickness_rim_margin_mm {
                return None;
            }
            let diameter_mm = ball(s, part, start_mm)?;
            // Material left on adds, a gouge takes away; the other end's is not known better than this one's,
            // and both lie within tolerance on a part that can pass.
            Some(diameter_mm + 2.0 * deviation_mm[i * EVERY].min(0.0))
        })
        .reduce(|| f64::INFINITY, f64::min);
    if found.is_finite() { found.max(0.0) } else { 0.0 }
}

/// Diameter of the largest ball inside the part that touches it at the sample and on the far side.
fn ball(s: &Sample, part: &Bvh<Part>, start_mm: f64) -> Option<f64> {
    let (p, n) = (Vector3::from(s.p_mm), Vector3::from(s.normal));
    let mut r = start_mm;
    let mut touched = None;
    for _ in 0..40 {
        let near = part.nearest((p - n * r).into(), r + 1e-9)?;
        // 1e-6 mm: rounding of the distance.
        if near.distance_mm >= r - 1e-6 {
            break;
        }
        let q = p - Vector3::from(near.point_mm);
        let shrunk = q.norm_squared() / (2.0 * n.dot(&q));
        if !(shrunk > 0.0 && shrunk < r) {
            break;
        }
        touched = Some(near.triangle);
        let settled = r - shrunk < 1e-5;
        r = shrunk;
        if settled {
            break;
        }
    }
    let far = part.mesh().normal(touched?);
    (far.dot(&n) < APART_COS).then_some(2.0 * r)
}

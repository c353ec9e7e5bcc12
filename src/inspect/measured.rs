//! A real part: points of a coordinate measuring machine, or the corners of a scanned mesh, in place of the
//! simulated one.

use rayon::prelude::*;

use crate::geometry::Bvh;
use crate::model::{Mesh, Part, SurfaceInspection, Verdict};

use super::error::InspectError;
use super::params::InspectParams;
use super::rim::WALL_NORMAL_Z_MAX;
use super::spread;
use super::verdict::{self, Check};

const CMM: &str =
    "as measured; the expanded uncertainty of the instrument must be no more than ¼ of the tolerance";

/// Holds measured points, in the part's frame and in mm, against the design. Each point counts the same. Figures,
/// verdict, reasons.
///
/// The points must already lie in the part's frame: aligning them to the design by best fit would hide a part that
/// is shifted as a whole.
///
/// # Errors
/// [`InspectError::NotFinite`] for a point that is no place, [`InspectError::OpenDesign`] for an open design.
pub fn inspect_points(
    design: &Mesh<Part>,
    points_part_mm: &[[f64; 3]],
    params: &InspectParams,
) -> Result<(SurfaceInspection, Verdict, Vec<String>), InspectError> {
    super::check_design(design)?;
    for (index, p) in points_part_mm.iter().enumerate() {
        if let Some(&value) = p.iter().find(|x| !x.is_finite()) {
            return Err(InspectError::NotFinite { what: "measured point", index, value });
        }
    }
    let t = &params.t;
    let tree = Bvh::new(design);
    let rows: Vec<(f64, bool)> = points_part_mm
        .par_iter()
        .with_min_len(256)
        .map(|&p| {
            let near = tree.nearest(p, f64::INFINITY).expect("a closed design has triangles");
            let d = tree.signed_distance_mm(p, f64::INFINITY).expect("a closed design has triangles");
            (d, design.normal(near.triangle).z.abs() <= WALL_NORMAL_Z_MAX)
        })
        .collect();
    let within = rows.iter().filter(|r| r.0.abs() <= t.tolerance_mm).count();
    let rim = rows.iter().filter(|r| r.1).count();
    let count = rows.len();
    let deviation_mm = spread::deviations(rows.iter().map(|r| (r.0, 1.0)).collect());
    let (tol, most) = (t.tolerance_mm, 1e9);
    let checks = [
        Check::new("M1", "most material left on", [0.0, -tol, tol], deviation_mm.max, "mm", CMM),
        Check::new("M2", "deepest place", [0.0, -tol, tol], deviation_mm.min, "mm", CMM),
        count_check("M3", "measured points", t.measured_points_min, count, most),
        count_check("M4", "measured points on the rim", t.measured_rim_points_min, rim, most),
    ];
    let (verdict, reasons) = verdict::come_to(&checks);
    let facts = SurfaceInspection {
        deviation_mm,
        fraction_within_tolerance: within as f64 / count.max(1) as f64,
        tolerance_mm: tol,
        samples: count,
        excluded_mm2: 0.0,
        marking_mm2: 0.0,
        // Points of a machine stand for themselves: nothing bounds what lies between them.
        clear_of_tabs_mm: Default::default(),
        between_samples_mm: 0.0,
        gouge_between_samples_mm: 0.0,
        worst: Vec::new(),
    };
    Ok((facts, verdict, reasons))
}

fn count_check(id: &str, name: &str, least: usize, count: usize, most: f64) -> Check {
    Check::new(id, name, [least as f64, least as f64, most], count as f64, "", CMM).review()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::fixtures::Cap;
    use crate::inspect::params::tests::peek;

    #[test]
    fn points_off_by_more_than_the_tolerance_reject_and_too_few_ask_for_a_person() {
        let design = Cap { outer_mm: 80.0, inner_mm: 76.0, half_rad: 0.12 }.mesh(10, 5, 60);
        let normals = design.vertex_normals();
        let off = |mm: f64| -> Vec<[f64; 3]> {
            let moved = design.vertices.iter().zip(&normals);
            moved.map(|(v, n)| std::array::from_fn(|k| v[k] + mm * n[k])).collect()
        };
        let run = |points: &[[f64; 3]]| inspect_points(&design, points, &peek()).unwrap();
        let (facts, verdict, reasons) = run(&off(0.01));
        assert_eq!(verdict, Verdict::Accept, "{reasons:?}");
        // Moved along vertex normals: off the faces by 0.01 times the cosine to each, at most 0.01.
        assert!(facts.deviation_mm.max <= 0.01 + 1e-9 && facts.deviation_mm.min > 0.0, "{facts:?}");
        assert_eq!(run(&off(-0.04)).1, Verdict::Reject);
        assert_eq!(run(&off(0.01)[..50]).1, Verdict::Review);
        let (_, none, _) = run(&[]);
        assert_ne!(none, Verdict::Accept, "no points show nothing");
        assert!(inspect_points(&design, &[[0.0, f64::NAN, 0.0]], &peek()).is_err());
    }
}

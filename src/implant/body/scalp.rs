//! The implant's outer face against today's skin: how far it will lift the scalp.
//!
//! **Definition** Along the outward normal of the completed outer table: `today` is the distance from the implant's outer
//! face to today's skin, negative where the skin has sunk below the face; `scalp` is the thickness of the scalp over
//! the sound bone beside the defect, each place weighted by the inverse square of its distance. Over the implant the
//! scalp must find room again, so lift = scalp − today. Skin lies where tissue meets air (−250 HU) that goes on for
//! 2 mm, and is no sinus.
//!
//! **Limits** The scalp over the defect may be thinner than beside it (a lost muscle), which this takes for lift; where
//! the head lies on its rest skin and rest are one.

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::geometry::Bvh;
use crate::model::{Cell, Finding, Mesh, Part, Patient, Point, Pose, ScalpFacts, Severity, Volume};

use super::field::Fields;
use super::params::ImplantToml;
use super::region::Region;

/// One place of the implant per cube of this side, mm.
const THIN_MM: f64 = 2.5;
/// Sound bone is looked at from here …
const BESIDE_MM_MIN: f64 = 4.0;
/// … to here beside the missing bone, mm.
const BESIDE_MM_MAX: f64 = 20.0;
/// A facet is outer face within this of the completed outer table, mm.
const ON_MM: f64 = 0.04;
/// Skin is looked for from so far below a place, mm: a flap sunken deeper is not found, and said not to be …
const BELOW_MM: f64 = 15.0;
/// … to so far above it, mm.
const ABOVE_MM: f64 = 35.0;
/// Steps along the normal, mm: half an in-plane voxel.
const STEP_MM: f64 = 0.25;
/// Air thinner than this is a fold or hair, mm.
const AIR_MM: f64 = 2.0;
/// With skin over less than this share of the implant, nothing is known of the scalp.
const MEASURED_SHARE_MIN: f64 = 0.5;

/// The scan, and what of its air is no outside air.
pub(super) struct Head<'a> {
    pub volume: &'a Volume,
    pub lumen: Option<&'a Bvh<Part>>,
    pub patient_from_part: Pose<Patient, Part>,
}

/// Lift over the whole outer face of the body.
pub(super) fn scalp(
    head: &Head,
    fields: &Fields,
    region: &Region,
    mesh: &Mesh<Part>,
    t: &ImplantToml,
) -> ScalpFacts {
    let part_from_patient = head.patient_from_part.inverse();
    let mut seen = std::collections::BTreeSet::new();
    let faces: Vec<[f64; 3]> = mesh
        .vertices
        .iter()
        .copied()
        .filter(|&v| {
            let [outer, _, wall] = fields.parts_at(v);
            outer.abs() < ON_MM && wall < -1.0 && seen.insert(v.map(|x| (x / THIN_MM).floor() as i64))
        })
        .collect();
    let today: Vec<Option<(Vector3<f64>, f64)>> = faces
        .par_iter()
        .map(|&v| {
            let p = head.patient_from_part.apply(Point::new(v));
            let n = normal(region, p)?;
            Some((p.v(), head.skin_mm(p.v(), n, t, &part_from_patient)?))
        })
        .collect();
    let patch = region.sheets.patch();
    let cells: Vec<usize> = (0..patch.cells.len())
        .filter(|&c| {
            let (a, b) = (c % patch.n, c / patch.n);
            let beside = region.to_missing_mm([a as f64, b as f64]);
            a % 2 == 0
                && b % 2 == 0
                && patch.cells[c] == Cell::Bone
                && (BESIDE_MM_MIN..=BESIDE_MM_MAX).contains(&beside)
        })
        .collect();
    let beside: Vec<(Vector3<f64>, f64)> = cells
        .par_iter()
        .filter_map(|&c| {
            let p = region.sheets.outer_place([(c % patch.n) as f64, (c / patch.n) as f64]);
            let n = normal(region, p)?;
            let skin_mm = head.skin_mm(p.v(), n, t, &part_from_patient)?;
            // A place that has sunk with the skin, or where the chart is off the bone, has no scalp.
            (skin_mm > 0.5).then(|| (p.v(), skin_mm))
        })
        .collect();
    let lifts: Vec<(Vector3<f64>, f64)> = today
        .par_iter()
        .flatten()
        .filter_map(|(p, skin_mm)| Some((*p, expected_mm(&beside, p)? - skin_mm)))
        .collect();
    let sorted = |values: Vec<f64>| {
        let mut v = values;
        v.sort_by(f64::total_cmp);
        v
    };
    let by_size = sorted(lifts.iter().map(|l| l.1).collect());
    let thick = sorted(beside.iter().map(|b| b.1).collect());
    let share = |v: &[f64], percent: usize| v.get((v.len() * percent / 100).min(v.len().max(1) - 1)).copied();
    let worst = lifts.iter().max_by(|a, b| a.1.total_cmp(&b.1));
    let micron = |x: f64| (x * 1000.0).round() / 1000.0;
    ScalpFacts {
        skin_hu: t.scalp_skin_hu,
        places: faces.len(),
        measured_share: lifts.len() as f64 / faces.len().max(1) as f64,
        scalp_mm_p50: share(&thick, 50).unwrap_or(0.0),
        lift_mm_p50: share(&by_size, 50).unwrap_or(0.0),
        lift_mm_p95: share(&by_size, 95).unwrap_or(0.0),
        lift_mm_max: worst.map_or(0.0, |w| w.1),
        lift_lps_mm: worst.map(|w| w.0.into()),
        map: lifts.iter().map(|(p, l)| [p.x, p.y, p.z, *l].map(micron)).collect(),
    }
}

/// Thickness of the scalp to be expected over a place.
fn expected_mm(beside: &[(Vector3<f64>, f64)], p: &Vector3<f64>) -> Option<f64> {
    let (mut sum, mut weight) = (0.0, 0.0);
    for (q, mm) in beside {
        let w = 1.0 / (q - p).norm_squared().max(1.0);
        sum += w * mm;
        weight += w;
    }
    (weight > 0.0).then(|| sum / weight)
}

/// Outward normal of the completed outer table over a place.
fn normal(region: &Region, p: Point<Patient>) -> Option<Vector3<f64>> {
    let cell = region.sheets.at(p)?.cell;
    let at = |da: f64, db: f64| region.sheets.outer_place([cell[0] + da, cell[1] + db]).v();
    let across = (at(2.0, 0.0) - at(-2.0, 0.0)).cross(&(at(0.0, 2.0) - at(0.0, -2.0)));
    (across.norm() > 0.0).then(|| across.normalize())
}

impl Head<'_> {
    /// From a place along a normal to the skin, mm; `None` where there is none, or the scan ends before it.
    fn skin_mm(
        &self,
        p: Vector3<f64>,
        n: Vector3<f64>,
        t: &ImplantToml,
        part_from_patient: &Pose<Part, Patient>,
    ) -> Option<f64> {
        let hu = |mm: f64| {
            let q = Point::from_v(p + n * mm);
            let ijk = self.volume.grid.index_from_patient(q);
            let inside = (0..3).all(|a| ijk[a] >= 0.0 && ijk[a] <= (self.volume.grid.dims[a] - 1) as f64);
            inside.then(|| self.volume.hu_at_index(ijk))
        };
        let count = ((BELOW_MM + ABOVE_MM) / STEP_MM) as usize;
        let at = |k: usize| -BELOW_MM + STEP_MM * k as f64;
        let values: Vec<Option<f64>> = (0..=count).map(|k| hu(at(k))).collect();
        let need = (AIR_MM / STEP_MM) as usize;
        let mut in_tissue = false;
        for k in 0..count {
            let Some(here) = values[k] else {
                // Where the line begins outside the scan, it may still enter it.
                in_tissue = false;
                continue;
            };
            if here >= t.scalp_skin_hu {
                in_tissue = true;
                continue;
            }
            if !in_tissue {
                continue;
            }
            in_tissue = false;
            let air = (k..=(k + need).min(count)).all(|m| values[m].is_some_and(|v| v < t.scalp_skin_hu));
            let outside = || {
                let q = part_from_patient.apply(Point::from_v(p + n * (at(k) + 0.5 * AIR_MM)));
                self.lumen.is_none_or(|l| l.signed_distance_mm(q.mm, 4.0 * AIR_MM).is_none_or(|d| d > 0.0))
            };
            if air && outside() {
                let before = values[k - 1]?;
                let share = (before - t.scalp_skin_hu) / (before - here).max(1e-9);
                return Some(at(k - 1) + STEP_MM * share);
            }
        }
        None
    }
}

/// What the scalp asks for.
pub(super) fn finding(facts: &ScalpFacts, t: &ImplantToml) -> Option<Finding> {
    if !(facts.measured_share >= MEASURED_SHARE_MIN) {
        return Some(
            Finding::new(
                "scalp-unknown",
                Severity::Review,
                format!(
                    "today's skin was found over {:.0} % of the implant, {:.0} % are needed to say how far it lifts the \
                     scalp: look at the scalp over the defect",
                    100.0 * facts.measured_share,
                    100.0 * MEASURED_SHARE_MIN
                ),
            )
            .measured(facts.measured_share, MEASURED_SHARE_MIN, "1"),
        );
    }
    (!(facts.lift_mm_p95 <= t.scalp_lift_mm_review)).then(|| {
        let f = Finding::new(
            "scalp-lift",
            Severity::Review,
            format!(
                "the implant lifts the scalp by {:.1} mm or more over 5 % of its face (median {:.1}, most {:.1} mm); more \
                 than {:.1} mm is for the surgeon to look at: will the wound close",
                facts.lift_mm_p95, facts.lift_mm_p50, facts.lift_mm_max, t.scalp_lift_mm_review
            ),
        )
        .measured(facts.lift_mm_p95, t.scalp_lift_mm_review, "mm");
        match facts.lift_lps_mm {
            Some(p) => f.at(p),
            None => f,
        }
    })
}

//! Milled part against bone, in the part's frame: the bone is brought to the part, so the insertion axis is +z.

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::geometry::Bvh;
use crate::model::{
    BoneFacts, BoneSurface, FitInspection, ImplantFacts, Mesh, Part, Patch, RimGaps, RimShare, Volume, Watch,
};

use super::air::air_about;
use super::columns;
use super::error::InspectError;
use super::params::InspectToml;
use super::rim::{self, Class, RimSample};
use super::samples::Sample;
use super::seat;
use super::spread::{self, Ranked};
use super::step;
use super::thickness;

/// What the part is held against.
#[derive(Clone, Copy)]
pub struct FitInput<'a> {
    /// The bone's surface, patient frame.
    pub surface: &'a BoneSurface,
    /// How the bone was selected; its figures are repeated beside the fit.
    pub bone: &'a BoneFacts,
    /// Gap, draft, edges and pose as designed.
    pub implant: &'a ImplantFacts,
    /// The completed skull: where it knows of no vault, no bone is asked for.
    pub patch: Option<&'a Patch>,
    /// The scan: where its air holds the rim off. Without it no rim is excused by a sinus.
    pub scan: Option<&'a Volume>,
}

/// A place of the measured part, with what it is.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Place on the measured surface, part mm.
    pub p: Vector3<f64>,
    /// Outward normal of the design there.
    pub normal: Vector3<f64>,
    /// Area it stands for, mm².
    pub area_mm2: f64,
    /// Signed distance to bone, mm; `None` beyond reach.
    pub bone_mm: Option<f64>,
    /// Nearest place of the bone, part mm.
    pub bone_p: Vector3<f64>,
    /// True for samples of the design, false for line ends.
    pub of_design: bool,
}

/// The fit and what only the verdict needs.
pub struct Fitted {
    /// For `inspection.json`.
    pub facts: FitInspection,
    /// Rim samples.
    pub rim_samples: usize,
    /// Share of the outline, in sectors of 5° about the part's middle, where the rim looks at bone.
    pub rim_facing_share: f64,
    /// Middle of the rim places with the largest gap error on the free rim, part mm.
    pub worst_gap: Option<(Vector3<f64>, f64)>,
}

/// Bone around and above the part, in the part's frame.
///
/// # Errors
/// A surface that is not closed or not finite.
pub fn bone_about(part: &Mesh<Part>, fit: &FitInput, reach_mm: f64) -> Result<Bvh<Part>, InspectError> {
    let pose = fit.implant.part_from_patient;
    let axis = pose.turn(fit.implant.insertion_axis_lps).v();
    let angle_deg = axis.cross(&Vector3::z()).norm().atan2(axis.z).to_degrees();
    // 0.01°: 10 µm over 60 mm; written so that NaN fails.
    if !(..=0.01).contains(&angle_deg) {
        return Err(InspectError::AxisMismatch { angle_deg });
    }
    let mesh = &fit.surface.mesh;
    if mesh.triangles.is_empty() {
        return Err(InspectError::Bone("it has no triangles".into()));
    }
    if !fit.surface.facts.closed_two_manifold {
        return Err(InspectError::Bone("it is not a closed two-manifold".into()));
    }
    if let Some(at) = mesh.vertices.iter().position(|v| v.iter().any(|x| !x.is_finite())) {
        return Err(InspectError::Bone(format!("vertex {at} is no finite place")));
    }
    let moved = mesh.moved(&pose);
    let (lo, hi) = part.bounds_mm().ok_or_else(|| InspectError::Bone("the part has no vertices".into()))?;
    // Far enough that within reach of the part no cut edge of the crop is the nearest bone; upwards without end,
    // since whatever stands over the part blocks its way out.
    let margin = reach_mm + 7.0;
    let keep: Vec<usize> = (0..moved.triangles.len())
        .filter(|&t| {
            let c = moved.corners(t);
            let least = |k: usize| c[0][k].min(c[1][k]).min(c[2][k]);
            let most = |k: usize| c[0][k].max(c[1][k]).max(c[2][k]);
            (0..2).all(|k| most(k) >= lo[k] - margin && least(k) <= hi[k] + margin)
                && most(2) >= lo[2] - margin
        })
        .collect();
    Ok(Bvh::new(&moved.subset(&keep)))
}

/// Distance to bone of every measured place. `places` are (place, normal, area, of_design).
pub fn measure(
    places: &[(Vector3<f64>, Vector3<f64>, f64, bool)],
    bone: &Bvh<Part>,
    reach_mm: f64,
) -> Vec<Measured> {
    places
        .par_iter()
        .with_min_len(1024)
        .map(|&(p, normal, area_mm2, of_design)| {
            let near = bone.nearest(p.into(), reach_mm);
            let (bone_mm, bone_p) = near.map_or((None, p), |n| {
                let q = Vector3::from(n.point_mm);
                let inside = (p - q).dot(&Vector3::from(bone.pseudo_normal(&n))) < 0.0;
                (Some(if inside { -n.distance_mm } else { n.distance_mm }), q)
            });
            Measured { p, normal, area_mm2, bone_mm, bone_p, of_design }
        })
        .collect()
}

/// The whole fit.
///
/// # Errors
/// A wish to stop.
#[allow(clippy::too_many_arguments)]
pub fn fit(
    design: &Mesh<Part>,
    tree: &Bvh<Part>,
    bone: &Bvh<Part>,
    samples: &[Sample],
    deviation_mm: &[f64],
    measured: &[Measured],
    input: &FitInput,
    t: &InspectToml,
    watch: &dyn Watch,
) -> Result<Fitted, InspectError> {
    let facts = input.implant;
    watch.note("rim");
    let air = input.scan.and_then(|scan| {
        // The sinus must be seen as far as a place on the rim asks for it.
        let reach_mm = t.sinus_clearance_mm + 3.0;
        air_about(scan, design, &facts.part_from_patient, t.sinus_air_hu, reach_mm)
    });
    let open = rim::OpenRim { air, patch: input.patch };
    let rim = rim::classify(measured, tree, bone, &open, facts, t);
    if watch.stopped() {
        return Err(InspectError::Stopped);
    }
    let columns = columns::measure(design, tree, bone, t.column_mm);
    let depth_mm = measured.iter().filter_map(|m| m.bone_mm).fold(0.0, |deep: f64, d| deep.max(-d));
    watch.note("thickness, seat, step");
    let seat = seat::push_in(measured, &rim, bone, t);
    let gap = facts.gap_mm_nominal;
    let of = |class: Class| -> Vec<(f64, f64)> {
        rim.iter().filter(|r| r.class == class).map(|r| (r.gap_mm, r.area_mm2)).collect()
    };
    let whole: f64 = rim.iter().map(|r| r.area_mm2).sum();
    let share = |class: Class| {
        let area: f64 = of(class).iter().map(|g| g.1).sum();
        if whole > 0.0 { area / whole } else { 0.0 }
    };
    let errors = of(Class::Free).into_iter().map(|(g, area)| ((g - gap).abs(), area)).collect();
    let spread = |class| spread::gaps(of(class));
    let fit = FitInspection {
        gap_mm: spread::gaps(rim.iter().map(|r| (r.gap_mm, r.area_mm2)).collect()),
        gap_mm_nominal: gap,
        // Without free rim nothing was shown: as wide as the search, which no limit allows.
        gap_error_mm_p95_abs: Ranked::new(errors).at(0.95).unwrap_or(t.bone_reach_mm),
        rim_share: RimShare {
            free: share(Class::Free),
            swept: share(Class::Swept),
            draft: share(Class::Draft),
            edge: share(Class::Edge),
            open: share(Class::Open),
        },
        gap_mm_by_class: RimGaps {
            free: spread(Class::Free),
            swept: spread(Class::Swept),
            draft: spread(Class::Draft),
            edge: spread(Class::Edge),
            open: spread(Class::Open),
        },
        interference_mm3: columns.overlap_mm3,
        interference_mm_max: depth_mm,
        step_mm: step::across_rim(samples, deviation_mm, &rim, bone, &columns, t),
        undercut_mm3: columns.blocked_mm3,
        thickness_mm_min: thickness::least(samples, deviation_mm, tree, &columns, facts, t),
        seated: seat.seated,
        push_in_mm: seat.first_mm,
        push_in_contacts: seat.places,
        push_in_span_deg: seat.span_deg,
        threshold_offset_mm_p50: input.bone.threshold_offset_mm_p50,
        bone_shift_mm_per_50_hu: input.bone.shift_mm_per_50_hu,
    };
    let worst_gap = rim
        .iter()
        .filter(|r| r.class == Class::Free)
        .max_by(|a, b| (a.gap_mm - gap).abs().total_cmp(&(b.gap_mm - gap).abs()))
        .map(|r| (r.p, r.gap_mm));
    Ok(Fitted { facts: fit, rim_samples: rim.len(), rim_facing_share: facing_share(&rim), worst_gap })
}

/// Sectors of the outline.
const SECTORS: usize = 72;

fn facing_share(rim: &[RimSample]) -> f64 {
    let mut seen = [false; SECTORS];
    for r in rim {
        seen[sector(&r.p)] = true;
    }
    seen.iter().filter(|s| **s).count() as f64 / SECTORS as f64
}

/// Sector of 5° about the part's z axis in which a place lies.
pub fn sector(p: &Vector3<f64>) -> usize {
    let turn = p.y.atan2(p.x) / std::f64::consts::TAU + 0.5;
    ((turn * SECTORS as f64) as usize).min(SECTORS - 1)
}

/// Part frame place as patient LPS, for findings.
pub fn to_patient(facts: &ImplantFacts, p: &Vector3<f64>) -> [f64; 3] {
    facts.part_from_patient.inverse().apply_raw((*p).into())
}

//! The implant's body: what fills the missing bone, can be put in, and can be milled.
//!
//! **In** scan, bone surface, completed skull around one defect ([`Patch`](crate::model::Patch)), all in the patient,
//! mm. **Out** [`Implant`], closed mesh in its own frame, with analytic holes and measured facts.
//!
//! **Method** Implant = {under the completed outer sheet} ∩ {not deeper than the thickness, nor than the predicted inner
//! table} ∩ {farther from bone than the gap, swept along the insertion axis}: distance fields on a grid in the implant's
//! frame, meshed by surface nets whose facets are split where edges are rounder (`refine`). Sweep: from outside inwards a place is forbidden once anything farther out on its
//! line was, so the body goes in along a straight line and its wall is seen from the bone side. Edges are circles
//! rolled into the meeting of two fields. Concave corners narrower than the tool are carved by balls (`corner`), and what carving leaves is filled on the mesh (`fillet`).
//! Where no bone ends the implant, an outline does (`outline`). Holes are cut into the mesh (`holes`, `sutures`). An onlay
//! carries ears (`ears`). Then, on the finished mesh: where it is held (`hold`), whether it comes out (`removal`), how
//! often it seats (`seating`), and how far it lifts the scalp (`scalp`, which has the definition). The text to be engraved
//! is laid out on it (`marking`). A person's edit may stand in the place of the body drawn here (`edited`).
//!
//! **Different from the paper** There is none; the design follows implant practice: constant thickness (K231834),
//! gap, draft, edges and sinus distance as pipeline keys.
//!
//! **Guarantees** Closed two-manifold; a pair of height fields along the insertion axis, screw holes excepted; nothing
//! nearer to bone than the gap (ears: than their clearance) by more than 0.03 mm, or a finding says so; the same bytes
//! on any thread count.
//!
//! **Limits** The facets are chords, up to 4 µm inside a round edge where `refine` could split them. Mouths of
//! screw holes are sharp inside. No split into pieces. The marking is strokes on a face, not a groove in the mesh. The bone surface is taken as true. Ears and their tilted screw holes ask for
//! indexed setups. Under an ear the corner to the plate is as narrow as the gap lets it be, and facets of 0.05 mm may fold
//! over each other there: edges that pass through a facet are counted, and a person looks at them (`facets-cross`).

mod axis;
mod chart;
mod corner;
mod ears;
mod edited;
mod error;
mod field;
mod fillet;
mod findings;
mod given;
mod grid;
mod hold;
mod holes;
mod letters;
mod marking;
mod measure;
mod mouth;
mod net;
mod outline;
mod params;
mod refine;
mod region;
mod removal;
mod scalp;
mod seating;
mod sinus;
mod sutures;
#[cfg(test)]
mod tests;
mod turned;

use nalgebra::Vector3;

use crate::geometry::Bvh;
use crate::model::{
    BoneSurface, Countersink, Dir, Hole, HoleFacts, Implant, ImplantFacts, Material, Mesh, Mouths, Part,
    Patient, Point, Pose, Reconstruction, Volume, Watch,
};

use chart::Sheets;
use ears::Ears;
pub use error::ImplantError;
use field::{CaudalGap, Fields, Obstacles};
use findings::Measured;
pub use given::{GivenError, given_part};
use grid::PartGrid;
use holes::Sink;
use marking::{Marking, Text};
use params::ImplantToml;
pub use params::{Face, Fixation, ImplantParamError, ImplantParams, Kind, Thickness};
use region::Region;

/// Most samples of the grid: 200 million take 4 GB.
const SAMPLES_MAX: u64 = 200_000_000;
/// Rounds of carving corners: a ball may open a corner beside it.
const CORNER_ROUNDS: usize = 3;
/// Places of the net nearer to bone than the gap by more than this are carved, mm.
const GAP_SLACK_MM: f64 = 0.008;
/// Corners are carved wider than asked by this share: the chords of the net reach into a round corner.
const CORNER_SPARE: f64 = 1.1;
/// Rounds of carving for the tool alone.
const TOOL_ROUNDS: usize = 4;
/// The least that is carved for in the end, over the tool's own radius.
const TOOL_SPARE: f64 = 1.06;
/// What no ball reaches is filled for a ball this much larger than the tool: the tool stands on chords.
const FILLET_SPARE: f64 = 1.04;
/// Concave radii are measured up to this, mm; beyond it no tool of ours cares.
const CONCAVE_MEASURED_MM: f64 = 3.0;
/// Reach into the body that still counts as a fit when concave radii are measured, mm: the finishing tolerance. The tool
/// itself is smaller by a tenth and reaches in less.
const CONCAVE_SLACK_MM: f64 = 0.025;
/// Bone beside the grid that distances need, mm: their reach of at most 5.5 mm, and a facet's length.
const NEAR_MM: f64 = 8.0;
/// Bone beside the grid that fixation looks at, mm: a plate's reach, the way to the bone's edge, and the vault falling
/// away below.
const HELD_MM: f64 = 30.0;
/// An under-contour is reached this far inside the rim, mm: over 15 mm a lowering of 3 mm has no visible edge.
const UNDER_CONTOUR_OVER_MM: f64 = 15.0;
/// Distances to a sinus are told up to this, mm.
const SINUS_TOLD_MM: f64 = 20.0;

/// What is known of the case beside its scan.
#[derive(Clone, Copy, Debug, Default)]
pub struct CaseGiven<'a> {
    /// Pseudonym that the implant is marked with; none, no marking.
    pub pseudonym: Option<&'a str>,
    /// A person's edit of the body, without holes, in the place of the one designed.
    pub edited: Option<&'a Mesh<Patient>>,
}

/// Implant for one defect of the reconstruction, unmarked.
///
/// # Errors
/// As [`design_given`].
#[allow(clippy::too_many_arguments)] // one noun per source; bundling them would only rename the bundle
pub fn design(
    volume: &Volume,
    surface: &BoneSurface,
    reconstruction: &Reconstruction,
    defect: usize,
    material_key: &str,
    material: &Material,
    params: &ImplantParams,
    watch: &dyn Watch,
) -> Result<Implant, ImplantError> {
    let given = CaseGiven::default();
    design_given(volume, surface, reconstruction, defect, material_key, material, &given, params, watch)
}

/// Implant for one defect of the reconstruction.
///
/// # Errors
/// See [`ImplantError`]. A bad implant is not an error: its findings say what is wrong with it.
#[allow(clippy::too_many_arguments)] // as above
pub fn design_given(
    volume: &Volume,
    surface: &BoneSurface,
    reconstruction: &Reconstruction,
    defect: usize,
    material_key: &str,
    material: &Material,
    given: &CaseGiven<'_>,
    params: &ImplantParams,
    watch: &dyn Watch,
) -> Result<Implant, ImplantError> {
    let params = &params.in_force();
    let t = &params.toml;
    let step = |done: u64, what: &str| {
        watch.note(what);
        watch.progress(done, 8);
        if watch.stopped() { Err(ImplantError::Stopped) } else { Ok(()) }
    };
    let patch = reconstruction
        .patches
        .get(defect)
        .ok_or(ImplantError::NoDefect { defect, found: reconstruction.patches.len() })?;
    step(0, "insertion axis")?;
    let mut sheets = Sheets::new(patch, defect)?;
    if t.under_contour_mm > 0.0 {
        let share = region::under_contour(patch, UNDER_CONTOUR_OVER_MM);
        sheets.lower(&share.iter().map(|s| t.under_contour_mm * s).collect::<Vec<_>>());
    }
    let region = Region::new(&sheets);
    let rim = region.rim(&surface.mesh, t.thickness_mm, defect)?;
    let axis = axis::insertion_axis(&rim, region.middle, region.normal, t.insertion_cone_deg.to_radians());
    // The origin moves to the implant's centroid once that is known.
    let draft_from_patient = part_frame(axis, region.middle);
    let patient_from_draft = draft_from_patient.inverse();

    step(1, "distance to bone")?;
    let grid = part_grid(&region, &draft_from_patient, t, defect)?;
    let bone = Bvh::new(&bone_about(&surface.mesh, &grid, &draft_from_patient, NEAR_MM));
    let lumen = sinus::lumen(volume, &sheets, &grid, &patient_from_draft, t.sinus_air_hu);
    let obstacles = Obstacles { bone: &bone, lumen: lumen.as_ref() };
    let draft_rad = params.draft_rad();
    let site = reconstruction.facts.defects.get(defect).map_or("", |d| d.site.as_str());
    let extra = caudal_gap(site, &draft_from_patient, t);
    let mut fields =
        Fields::new(grid, &sheets, &patient_from_draft, &obstacles, t, extra.as_ref(), draft_rad);
    step(2, "outline")?;
    let thinnest = outline::Thinnest {
        edge_mm: t.edge_thickness_mm_min,
        over_lumen_mm: t.thickness_mm_min,
        lumen: lumen.as_ref().map(|l| (l, t.sinus_clearance_mm)),
    };
    outline::limit(&mut fields, &region, &patient_from_draft, &thinnest, draft_rad);

    step(3, "corners for the tool")?;
    let empty = || ImplantError::Empty { defect, gap_mm: t.gap_mm };
    let mut body = net::body_mesh(&fields).ok_or_else(empty)?;
    // First, since what it carves are corners too.
    if corner::keep_gap(&mut fields, &body.mesh, &bone, t.gap_mm, GAP_SLACK_MM) > 0 {
        fields.sweep(draft_rad);
        body = net::body_mesh(&fields).ok_or_else(empty)?;
    }
    let radius_mm = CORNER_SPARE * params.concave_radius_mm();
    let mut since: Option<Vec<Vector3<f64>>> = None;
    for _ in 0..CORNER_ROUNDS {
        let balls = corner::open_corners(&mut fields, &body.mesh, body.even, radius_mm, since.as_deref());
        if balls.is_empty() {
            break;
        }
        fields.sweep(draft_rad);
        body = net::body_mesh(&fields).ok_or_else(empty)?;
        since = Some(balls);
    }
    // What that left still narrower than the tool itself, the refined edges included.
    let mut since: Option<Vec<Vector3<f64>>> = None;
    for _ in 0..TOOL_ROUNDS {
        let all = body.mesh.vertices.len();
        let tool_mm = TOOL_SPARE * t.tool_radius_mm_min;
        let balls = corner::open_corners(&mut fields, &body.mesh, all, tool_mm, since.as_deref());
        if balls.is_empty() {
            break;
        }
        fields.sweep(draft_rad);
        body = net::body_mesh(&fields).ok_or_else(empty)?;
        since = Some(balls);
    }
    let net::Body { mesh: plate, dropped_mm2, .. } = body;
    let fillet_mm = FILLET_SPARE * t.tool_radius_mm_min;
    let plate = fillet::fill_corners(&fields, &plate, fillet_mm);

    step(4, "fixation")?;
    let outer_area_mm2 = measure::outer_area_mm2(&fields, &plate);
    let wide = Bvh::new(&bone_about(&surface.mesh, &fields.grid, &draft_from_patient, HELD_MM));
    let around = hold::Around {
        bone: &wide,
        lumen: lumen.as_ref(),
        sheets: &sheets,
        volume,
        symmetry: &reconstruction.facts.symmetry,
        patient_from_part: patient_from_draft,
    };
    let (body, ears) = match fields.bone.take() {
        None => (plate, None),
        Some(to_bone) => {
            let held = hold::plan(&around, &plate, &[], t, outer_area_mm2);
            fields.ears = Some(Ears::new(&fields, &to_bone, &held.spots, params));
            let with_ears = net::body_mesh(&fields).ok_or_else(empty)?.mesh;
            (fillet::fill_corners(&fields, &with_ears, fillet_mm), Some(held))
        }
    };

    let (body, edited) = match given.edited {
        None => (body, None),
        Some(_) if reconstruction.patches.len() > 1 => {
            return Err(ImplantError::EditedForSeveral { found: reconstruction.patches.len() });
        }
        Some(mesh) => {
            let (body, facts) = edited::taken(mesh, &body, &patient_from_draft)?;
            (body, Some(facts))
        }
    };
    let outer_area_mm2 =
        if edited.is_some() { measure::outer_area_mm2(&fields, &body) } else { outer_area_mm2 };
    let own = Bvh::new(&body);
    let side = side(reconstruction, &body, &patient_from_draft);
    let marking = given
        .pseudonym
        .and_then(|case| Marking::place(&fields, &own, &patient_from_draft, &Text { case, side }, t));

    step(5, "holes")?;
    let middle = body.centroid_mm();
    let text = marking.as_ref().map(Marking::discs).unwrap_or_default();
    let (mut mesh, cuts, mut holes_left_out) =
        perforate(&fields, &body, lumen.as_ref(), middle, &text, params);
    let mut drilled: Vec<([f64; 2], f64)> = cuts.iter().map(|c| (c.xy, 0.5 * t.perfusion_hole_mm)).collect();
    drilled.extend(&text);
    let mut sutures = Vec::new();
    let sutured = sutures::places(&fields, &body, lumen.as_ref(), &drilled, outer_area_mm2, t);
    mesh = holes::finer_about(mesh, &sutured, 0.5 * t.suture_hole_mm);
    for xy in sutured {
        match holes::cut(&mesh, xy, 0.5 * t.suture_hole_mm, t.hole_break_mm) {
            Ok((with, cut)) => {
                mesh = with;
                sutures.push(cut);
                drilled.push((xy, 0.5 * t.suture_hole_mm));
            }
            Err(_) => holes_left_out += 1,
        }
    }
    let (mut screws, mut ears_without_hole) = (Vec::new(), 0);
    for spot in ears.iter().flat_map(|h| &h.spots) {
        let sink = Sink { mouth_mm: t.countersink_mm, angle_rad: t.countersink_deg.to_radians() };
        match holes::cut_screw(&mesh, spot.bone, spot.normal, 0.5 * t.screw_hole_mm, sink) {
            Ok((with, cut)) => {
                mesh = with;
                screws.push(cut);
            }
            Err(_) => ears_without_hole += 1,
        }
    }

    step(6, "measuring")?;
    let from_rim = [t.thickness_mm, 0.5 * t.thickness_mm];
    let measured = Measured {
        outer_area_mm2,
        span_mm: measure::span_mm(&body),
        thickness: from_rim.iter().find_map(|&d| {
            let carved = lumen.as_ref().map(|l| (l, t.sinus_clearance_mm));
            measure::least_thickness(&fields, &body, &bone, t.thickness_mm, d, carved)
        }),
        concave: corner::least_concave_radius(&fields, &body, CONCAVE_MEASURED_MM, CONCAVE_SLACK_MM),
        sinus: measure::lumen_distance(&body, lumen.as_ref(), SINUS_TOLD_MM),
        wall: measure::wall(&fields, &body, &bone, t.gap_mm, t.excess_gap_mm_review),
        watertight: mesh.is_closed_two_manifold(),
        crossings: crate::geometry::crossings(&mesh),
        dropped_mm2,
        holes_left_out,
        ears_without_hole,
    };
    step(7, "way out, seating, scalp")?;
    let held = ears.unwrap_or_else(|| hold::plan(&around, &body, &drilled, t, outer_area_mm2));
    let removal = removal::removal(&mesh, &own, &bone, |p| patient_from_draft.apply_raw(p));
    let seating = seating::seating(&mesh, &bone, t);
    let head = scalp::Head { volume, lumen: lumen.as_ref(), patient_from_part: patient_from_draft };
    let scalp = scalp::scalp(&head, &fields, &region, &body, t);
    let mut findings = findings::findings(&measured, params, material_key, material, &patient_from_draft);
    findings.extend(hold::findings(&held.facts, t));
    findings.extend(removal::finding(&removal));
    findings.extend(seating::finding(&seating, t));
    findings.extend(scalp::finding(&scalp, t));
    findings.extend(edited.as_ref().map(edited::finding));
    let marking = marking.map(|m| m.facts(&own, &patient_from_draft, t));
    if given.pseudonym.is_some() {
        findings.extend(marking::finding(marking.as_ref(), t));
    }

    let centroid = mesh.centroid_mm();
    let part_from_patient = part_frame(axis, patient_from_draft.apply(Point::new(centroid)).v());
    let to_part = |p: [f64; 3]| -> [f64; 3] { std::array::from_fn(|a| p[a] - centroid[a]) };
    let shifted = |m: &Mesh<Part>| {
        Mesh::<Part>::new(m.vertices.iter().map(|&v| to_part(v)).collect(), m.triangles.clone())
    };
    let up = Dir::<Part>::new([0.0, 0.0, 1.0]);
    let along = |kind: &str, diameter_mm: f64| {
        let kind = kind.to_owned();
        move |c: &holes::Cut| Hole {
            kind: kind.clone(),
            diameter_mm,
            centre: Point::new(to_part([c.xy[0], c.xy[1], c.outer_z_mm])),
            axis: up,
            length_mm: c.outer_z_mm - c.inner_z_mm,
            countersink: None,
            mouths: c.mouths.as_ref().map(|m| {
                let shifted = |way: &[Point<Part>]| way.iter().map(|p| Point::new(to_part(p.mm))).collect();
                Mouths { break_mm: m.break_mm, inner: shifted(&m.inner), outer: shifted(&m.outer) }
            }),
        }
    };
    let mut holes: Vec<Hole> = cuts.iter().map(along("perfusion", t.perfusion_hole_mm)).collect();
    holes.extend(sutures.iter().map(along("suture", t.suture_hole_mm)));
    holes.extend(screws.iter().map(|s| Hole {
        kind: "screw".into(),
        diameter_mm: t.screw_hole_mm,
        centre: Point::new(to_part(s.outer.into())),
        axis: Dir::new(s.axis.into()),
        length_mm: s.length_mm,
        countersink: Some(Countersink { diameter_mm: t.countersink_mm, angle_deg: t.countersink_deg }),
        mouths: None,
    }));
    let patient_from_part = part_from_patient.inverse();
    let volume_mm3 = mesh.volume_mm3();
    let facts = ImplantFacts {
        schema: "osteomill.implant/1".into(),
        defect,
        kind: t.kind.name().into(),
        side: side.into(),
        insertion_axis_lps: patient_from_part.turn(up),
        gap_mm_nominal: t.gap_mm,
        thickness: t.thickness.name().into(),
        thickness_mm_nominal: t.thickness_mm,
        thickness_mm_min: measured.thickness.map_or(0.0, |m| m.0),
        draft_deg: t.draft_deg,
        edge_outer_mm: t.edge_outer_mm,
        edge_inner_mm: t.edge_inner_mm,
        edge_thickness_mm_min: t.edge_thickness_mm_min,
        concave_radius_mm_min: measured.concave.0,
        volume_mm3,
        mass_g: volume_mm3 / 1000.0 * material.density_g_per_cm3,
        material: material_key.into(),
        holes: holes
            .iter()
            .map(|h| HoleFacts {
                kind: h.kind.clone(),
                diameter_mm: h.diameter_mm,
                centre_lps_mm: patient_from_part.apply(h.centre),
                axis_lps: patient_from_part.turn(h.axis),
                countersink: h.countersink,
                mouth_break_mm: h.mouths.as_ref().map_or(0.0, |m| m.break_mm),
            })
            .collect(),
        watertight: measured.watertight,
        part_from_patient,
        outer_area_mm2: measured.outer_area_mm2,
        sinus_distance_mm: measured.sinus.map(|s| s.0),
        fixation: held.facts,
        removal,
        seating,
        scalp,
        marking,
        edited,
        findings,
    };
    watch.progress(8, 8);
    Ok(Implant {
        number: defect + 1,
        defect,
        mesh: shifted(&mesh),
        body: shifted(&body),
        part_from_patient,
        holes,
        facts,
    })
}

/// +z the insertion axis, +x the projection of patient +x (of +y where that is shorter than 0.5).
fn part_frame(axis: Vector3<f64>, origin: Vector3<f64>) -> Pose<Part, Patient> {
    let across = |d: Vector3<f64>| d - axis * d.dot(&axis);
    let x = if across(Vector3::x()).norm() >= 0.5 { across(Vector3::x()) } else { across(Vector3::y()) };
    let y = axis.cross(&x);
    let dir = |d: Vector3<f64>| Dir::<Patient>::new(d.into());
    Pose::from_axes(dir(x), dir(y), dir(axis), Point::from_v(origin))
}

/// More gap at the caudal side, where it is asked for and the defect is temporal.
fn caudal_gap(site: &str, part_from_patient: &Pose<Part, Patient>, t: &ImplantToml) -> Option<CaudalGap> {
    if t.temporal_gap_mm == 0.0 || !site.contains("tempor") {
        return None;
    }
    // The frame's origin is the middle of the defect.
    let down = part_from_patient.turn(Dir::new([0.0, 0.0, -1.0])).unit;
    let across = down[0].hypot(down[1]);
    (across > 0.2).then(|| CaudalGap {
        middle: [0.0; 2],
        toward: [down[0] / across, down[1] / across],
        most_mm: t.temporal_gap_mm,
    })
}

fn part_grid(
    region: &Region,
    part_from_patient: &Pose<Part, Patient>,
    t: &ImplantToml,
    defect: usize,
) -> Result<PartGrid, ImplantError> {
    let step_mm = t.mesh_mm;
    let (mut lo, mut hi) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
    for p in region.outline() {
        let p = part_from_patient.apply(p).mm;
        for a in 0..3 {
            lo[a] = lo[a].min(p[a]);
            hi[a] = hi[a].max(p[a]);
        }
    }
    // Across: room for the wall's band. Up: overhanging bone that the implant must pass. Down: the fillets.
    let mut margin = [(3.0, 3.0), (3.0, 3.0), (2.0, 4.0)];
    if t.kind == Kind::Onlay {
        // Ears reach over the vault, which falls away by as much as it goes on at 45°.
        let ear = t.ear_length_mm + 1.0;
        margin = [(3.0 + ear, 3.0 + ear), (3.0 + ear, 3.0 + ear), (2.0 + ear, 4.0)];
    }
    let lo = std::array::from_fn(|a| lo[a] - margin[a].0);
    let hi: [f64; 3] = std::array::from_fn(|a| hi[a] + margin[a].1);
    let samples: f64 = (0..3).map(|a| ((hi[a] - lo[a]) / step_mm).ceil() + 1.0).product();
    if !samples.is_finite() || samples > SAMPLES_MAX as f64 {
        return Err(ImplantError::TooLarge { defect, samples: samples as u64, mesh_mm: step_mm });
    }
    Ok(PartGrid::over(lo, hi, step_mm))
}

/// The bone's facets near the grid, in the frame of the implant. Open at its border, beyond everyone's reach.
fn bone_about(
    bone: &Mesh<Patient>,
    grid: &PartGrid,
    part_from_patient: &Pose<Part, Patient>,
    beyond_mm: f64,
) -> Mesh<Part> {
    let lo = grid.origin_mm.map(|x| x - beyond_mm);
    let hi: [f64; 3] =
        std::array::from_fn(|a| grid.origin_mm[a] + (grid.dims[a] - 1) as f64 * grid.step_mm + beyond_mm);
    let moved = bone.moved(part_from_patient);
    let inside = |v: u32| {
        let p = moved.vertices[v as usize];
        (0..3).all(|a| (lo[a]..=hi[a]).contains(&p[a]))
    };
    let near: Vec<usize> =
        (0..moved.triangles.len()).filter(|&t| moved.triangles[t].iter().any(|&v| inside(v))).collect();
    moved.subset(&near)
}

/// Cuts the perfusion holes, none on the discs kept for the text; how many could not be cut.
fn perforate(
    fields: &Fields,
    body: &Mesh<Part>,
    lumen: Option<&Bvh<Part>>,
    middle: [f64; 3],
    text: &[([f64; 2], f64)],
    params: &ImplantParams,
) -> (Mesh<Part>, Vec<holes::Cut>, usize) {
    let t = &params.toml;
    let mut mesh = body.clone();
    let mut cuts = Vec::new();
    let mut left_out = 0;
    if t.perfusion_hole_mm > 0.0 {
        let radius_mm = 0.5 * t.perfusion_hole_mm;
        let places = holes::lattice(
            fields,
            lumen,
            [middle[0], middle[1]],
            t.perfusion_pitch_mm,
            radius_mm,
            t.hole_rim_distance_mm,
            t.hole_sinus_distance_mm,
        );
        let off_ears =
            |xy: &[f64; 2]| fields.ears.as_ref().is_none_or(|e| !e.matters(xy[0], xy[1], radius_mm + 0.5));
        let off_text = |xy: &[f64; 2]| {
            text.iter().all(|&([x, y], r)| (x - xy[0]).hypot(y - xy[1]) > r + radius_mm + marking::CLEAR_MM)
        };
        let places: Vec<[f64; 2]> = places.into_iter().filter(off_ears).filter(off_text).collect();
        mesh = holes::finer_about(mesh, &places, radius_mm);
        for xy in places {
            match holes::cut(&mesh, xy, radius_mm, t.hole_break_mm) {
                Ok((with, cut)) => {
                    mesh = with;
                    cuts.push(cut);
                }
                Err(_) => left_out += 1,
            }
        }
    }
    (mesh, cuts, left_out)
}

/// Side of the symmetry plane on which more than three quarters of the corners lie.
fn side(
    reconstruction: &Reconstruction,
    mesh: &Mesh<Part>,
    patient_from_part: &Pose<Patient, Part>,
) -> &'static str {
    let plane = &reconstruction.facts.symmetry;
    let left = mesh
        .vertices
        .iter()
        .filter(|&&v| patient_from_part.apply(Point::new(v)).v().dot(&plane.normal_lps.v()) > plane.offset_mm)
        .count() as f64
        / mesh.vertices.len() as f64;
    match left {
        l if l > 0.75 => "left",
        l if l < 0.25 => "right",
        _ => "midline",
    }
}

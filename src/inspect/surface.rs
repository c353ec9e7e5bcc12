//! Milled part against design, both ways.
//!
//! *Line ends*: where the simulated stock's lines leave the part, to the nearest place of the design. *Envelope*:
//! places of the design to the nearest cutter along the path, which needs no grid.

use std::collections::BTreeMap;

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::geometry::Bvh;
use crate::model::{
    Capability, DeviationExtremes, Job, MarkingFacts, Mesh, Milled, OutOfTolerance, Part, Patient, Pose,
    Sensitivity, SurfaceInspection, ToolMove, Watch,
};

use super::between::between;
use super::blank::{Blank, is_face};
use super::capability;
use super::deepest;
use super::error::InspectError;
use super::marking::{self, Groove, Marked};
use super::params::InspectToml;
use super::places;
use super::samples::{self, Sample};
use super::sensitivity;
use super::spread::{self, Weighted};
use super::sweep::{Near, Sweep};
use super::witness::{self, Witnesses};

/// Farthest that a cutter is looked for, mm. Where none came so near, this is the deviation: far beyond any
/// tolerance, and as much as a report needs to say.
pub const REACH_MM: f64 = 3.0;

/// Samples of one task; fixed, so that sums are the same on any number of threads.
pub(super) const CHUNK: usize = 2048;

/// The worst places listed lie at least this far apart, mm; and so many are listed of each kind.
const WORST_APART_MM: f64 = 1.0;
const WORST_OF_A_KIND: usize = 10;

/// Both directions, measured.
pub struct Compared {
    /// Samples of the design.
    pub samples: Vec<Sample>,
    /// Signed deviation of each from the mesh of the design, its groove too, mm.
    pub sample_mm: Vec<f64>,
    /// Part of the surface each line end stands for, mm².
    pub end_area_mm2: Vec<f64>,
    /// Nearest triangle of the design to each line end.
    pub end_triangle: Vec<u32>,
    /// Signed deviation of each line end from the mesh, mm.
    pub end_mm: Vec<f64>,
    /// Tab witnesses.
    pub witnesses: Witnesses,
    /// What was found of the marking; none where none is to be milled.
    pub marked: Option<Marked>,
    /// At each vertex of the design, mm; NaN where left out.
    pub vertex_mm: Vec<f32>,
    /// For `inspection.json`.
    pub facts: SurfaceInspection,
    /// Nowhere outside believed witnesses is more than this left on, and nowhere is the part cut deeper: at samples and
    /// between them, mm; the gouge first, zero or negative.
    pub within_mm: [f64; 2],
    /// Area beyond tolerance, outside believed witnesses, by the design's samples and by line ends, mm².
    pub out_mm2: [f64; 2],
    /// What a machine that is a little off does to the part.
    pub sensitivity: Vec<Sensitivity>,
    /// The model of what machines make of the program; none where nothing was milled.
    pub capability: Option<Capability>,
    /// Design area that is the blank's own face, to within tolerance, mm².
    pub blank_mm2: f64,
}

/// What is asked beside the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    /// Nothing: no verdict depends on more.
    Nothing,
    /// What a machine that is a little off makes of the path.
    MachineOff,
}

/// Measures.
///
/// # Errors
/// Numbers that are not finite, a path that does not belong to the job, or a wish to stop.
#[allow(clippy::too_many_arguments)] // Each is a noun of its own; a struct of them would be made once and taken apart here.
pub fn compare(
    design: &Mesh<Part>,
    tree: &Bvh<Part>,
    milled: &Milled,
    job: &Job,
    asked: Option<(&MarkingFacts, &Pose<Part, Patient>)>,
    t: &InspectToml,
    beside: Beside,
    watch: &dyn Watch,
) -> Result<Compared, InspectError> {
    for (index, e) in milled.line_ends.iter().enumerate() {
        if let Some(&value) = e.p_mm.iter().find(|v| !v.is_finite()) {
            return Err(InspectError::NotFinite { what: "line end", index, value });
        }
    }
    if let Some(value) = job.expansion_um_per_m_k.filter(|a| !(a.is_finite() && *a > 0.0)) {
        let (key, expected) = ("expansion_um_per_m_k", "a positive number");
        return Err(InspectError::Job { key, value, expected });
    }
    let sweep = Sweep::new(&milled.path, job)?;
    watch.note("design to cutters");
    let mut samples = samples::on_mesh(design, t.sample_mm);
    samples.extend(samples::on_edges(design, t.sample_mm, samples::EDGE_COSINE));
    let places: Vec<[f64; 3]> = samples.iter().map(|s| s.p_mm).collect();
    let blank = Blank::of(&job.stock);
    let near = blank.or_nearer(nearest_all(&sweep, &places), &places);
    stop(watch, 1)?;
    let vertex_near = blank.or_nearer(nearest_all(&sweep, &design.vertices), &design.vertices);
    watch.note("line ends to design");
    let sample_mm: Vec<f64> = near.iter().map(|n| n.distance_mm).collect();
    let (groove, marked) = marking::judge(asked, tree, &sweep, &samples, &sample_mm, t);
    let groove = groove.as_ref();
    let of_face = |(p, d): ([f64; 3], f64)| groove.map_or(d, |g| g.of_face(p, d));
    let from_design: Vec<f64> =
        samples.par_iter().zip(&sample_mm).map(|(s, &d)| of_face((s.p_mm, d))).collect();
    let ends = measure_ends(design, tree, milled, groove);
    let end_area_mm2: Vec<f64> = ends.iter().map(|e| e.area_mm2).collect();
    let end_triangle: Vec<u32> = ends.iter().map(|e| e.triangle).collect();
    let end_mm: Vec<f64> = ends.iter().map(|e| e.deviation_mm).collect();
    stop(watch, 2)?;
    let witnesses = witness::judge(&milled.facts.tab_witnesses, &job.tab, &samples, &sample_mm, tree, t);

    let tolerance = t.tolerance_mm;
    let mut pooled: Vec<Weighted> = Vec::with_capacity(samples.len() + ends.len());
    let mut out_mm2 = [0.0; 2];
    let mut beyond: Vec<([f64; 3], f64, Option<u32>)> = Vec::new();
    let measured = samples.iter().zip(&near).zip(&from_design);
    let measured = measured.map(|((s, n), &d)| (s.p_mm, [n.distance_mm, d], s.area_mm2, 0, n.index));
    let of_lines = milled.line_ends.iter().zip(&ends);
    let of_lines = of_lines.map(|(l, e)| (l.p_mm, [e.deviation_mm, e.from_design_mm], e.area_mm2, 1, None));
    for (p, [stands_mm, d], area, family, index) in measured.chain(of_lines) {
        if witnesses.hold(p, stands_mm, tolerance) {
            continue;
        }
        pooled.push((d, area));
        // Written so that NaN is beyond.
        if !(..=tolerance).contains(&d.abs()) {
            out_mm2[family] += area;
            beyond.push((p, d, index));
        }
    }
    let between = between(design, &sweep, &blank, (&samples, &near, &from_design), &witnesses, tolerance);
    let ask = deepest::Ask { design, sweep: &sweep, blank: &blank, groove, tolerance_mm: tolerance };
    let deepest = ask.deepest(&samples, &near, &vertex_near, t.sample_mm);
    for found in between.beyond.iter().chain(&deepest.beyond) {
        out_mm2[0] += found.area_mm2;
        beyond.push((found.p_mm, found.deviation_mm, found.index));
    }
    let least = [between.least, deepest.least].into_iter().flatten();
    let least = least.min_by(|a, b| a.deviation_mm.total_cmp(&b.deviation_mm));
    let whole: f64 = pooled.iter().map(|s| s.1).sum();
    let facts = SurfaceInspection {
        fraction_within_tolerance: 1.0 - (out_mm2[0] + out_mm2[1]) / whole,
        tolerance_mm: tolerance,
        samples: pooled.len(),
        excluded_mm2: witnesses.excluded_mm2(),
        marking_mm2: marked.as_ref().map_or(0.0, |m| m.area_mm2),
        clear_of_tabs_mm: DeviationExtremes {
            min: least.map_or(0.0, |f| f.deviation_mm),
            max: between.most.map_or(0.0, |f| f.deviation_mm),
            places: [least, between.most]
                .into_iter()
                .flatten()
                .map(|f| block_at(f.p_mm, f.deviation_mm, f.index, &sweep, &milled.path, job))
                .collect(),
        },
        between_samples_mm: between.hidden_mm,
        gouge_between_samples_mm: least.map_or(0.0, |f| f.deviation_mm.min(0.0)) - deepest.down_to_mm,
        worst: worst_places(beyond, &sweep, &milled.path, job),
        deviation_mm: spread::deviations(pooled),
    };
    let of_blank = |n: &Near| is_face(n) && n.distance_mm.abs() <= tolerance;
    let blank_mm2 = samples.iter().zip(&near).filter(|(_, n)| of_blank(n)).map(|(s, _)| s.area_mm2).sum();
    let vertex_mm = vertices(design, &vertex_near, &ends, groove, &witnesses, tolerance);
    let (mut sensitivity, mut capability) = (Vec::new(), None);
    if beside == Beside::MachineOff {
        watch.note("sensitivity");
        let places = places::choose(&samples, &near, &witnesses, groove, &sweep);
        let slopes;
        (sensitivity, slopes) = sensitivity::sensitivity(&sweep, &places, job, tolerance);
        capability = capability::capability(&places, &slopes, job, tolerance, &t.capability);
    }
    Ok(Compared {
        samples,
        sample_mm,
        end_area_mm2,
        end_triangle,
        end_mm,
        witnesses,
        marked,
        vertex_mm,
        facts,
        within_mm: [deepest.down_to_mm, between.up_to_mm],
        out_mm2,
        sensitivity,
        capability,
        blank_mm2,
    })
}

fn stop(watch: &dyn Watch, done: u64) -> Result<(), InspectError> {
    watch.progress(done, 5);
    if watch.stopped() { Err(InspectError::Stopped) } else { Ok(()) }
}

/// Neighbours in the list are neighbours in space, and are asked for together.
pub(super) fn nearest_all(sweep: &Sweep, places: &[[f64; 3]]) -> Vec<Near> {
    let chunks: Vec<Vec<Near>> =
        places.par_chunks(CHUNK).map(|chunk| sweep.nearest_of(chunk, REACH_MM, None)).collect();
    chunks.concat()
}

/// A line end held against the design.
struct End {
    /// From the mesh.
    deviation_mm: f64,
    /// From the design, groove and all.
    from_design_mm: f64,
    area_mm2: f64,
    triangle: u32,
    /// Nearest corner of that triangle.
    vertex: u32,
}

/// Holds every line end against the design.
///
/// A surface with unit normal n is met by `|nx| + |ny| + |nz|` lines of the three families per cell of the grid, so
/// each end stands for the cell over that sum.
fn measure_ends(design: &Mesh<Part>, tree: &Bvh<Part>, milled: &Milled, groove: Option<&Groove>) -> Vec<End> {
    let cell_mm2 = milled.facts.dexel_mm * milled.facts.dexel_mm;
    milled
        .line_ends
        .par_iter()
        .map(|e| {
            let near = tree.nearest(e.p_mm, f64::INFINITY).expect("a design that was checked has triangles");
            let out = Vector3::from(e.p_mm) - Vector3::from(near.point_mm);
            let inside = out.dot(&Vector3::from(tree.pseudo_normal(&near))) < 0.0;
            let d = if inside { -near.distance_mm } else { near.distance_mm };
            let n = design.normal(near.triangle);
            // A triangle without area has no normal; its ends then weigh a whole cell.
            let lines = n.x.abs() + n.y.abs() + n.z.abs();
            let area = cell_mm2 / if lines > 0.0 { lines } else { 1.0 };
            let corner = (0..3)
                .max_by(|&i, &j| near.weights[i].total_cmp(&near.weights[j]))
                .expect("a triangle has corners");
            End {
                deviation_mm: d,
                from_design_mm: groove.map_or(d, |g| g.of_end(e.p_mm, near.point_mm, d)),
                area_mm2: area,
                triangle: near.triangle as u32,
                vertex: design.triangles[near.triangle][corner],
            }
        })
        .collect()
}

fn vertices(
    design: &Mesh<Part>,
    near: &[Near],
    ends: &[End],
    groove: Option<&Groove>,
    witnesses: &Witnesses,
    tolerance_mm: f64,
) -> Vec<f32> {
    let at = design.vertices.iter().zip(near);
    let mut value: Vec<f64> =
        at.map(|(&p, n)| groove.map_or(n.distance_mm, |g| g.of_face(p, n.distance_mm))).collect();
    for e in ends {
        let held = &mut value[e.vertex as usize];
        // The larger of both directions, so that the map hides nothing.
        if e.from_design_mm.abs() > held.abs() {
            *held = e.from_design_mm;
        }
    }
    design
        .vertices
        .iter()
        .zip(value)
        .map(|(&p, d)| if witnesses.hold(p, d, tolerance_mm) { f32::NAN } else { d as f32 })
        .collect()
}

fn worst_places(
    mut beyond: Vec<([f64; 3], f64, Option<u32>)>,
    sweep: &Sweep,
    path: &[ToolMove],
    job: &Job,
) -> Vec<OutOfTolerance> {
    beyond.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    let mut of_kind: BTreeMap<&str, Vec<[f64; 3]>> = BTreeMap::new();
    let mut worst: Vec<OutOfTolerance> = Vec::new();
    for (p, d, index) in beyond {
        // Each kind for itself: a face that was never reached must not crowd out the gouge that explains it.
        let listed = of_kind.entry(kind_of(d)).or_default();
        let apart = |q: &[f64; 3]| (Vector3::from(*q) - Vector3::from(p)).norm() >= WORST_APART_MM;
        if listed.len() == WORST_OF_A_KIND || !listed.iter().all(apart) {
            continue;
        }
        listed.push(p);
        worst.push(block_at(p, d, index, sweep, path, job));
    }
    worst
}

fn kind_of(deviation_mm: f64) -> &'static str {
    if deviation_mm < 0.0 { "gouge" } else { "left-on" }
}

/// A place with the block whose cutter comes nearest to it.
fn block_at(
    p: [f64; 3],
    deviation_mm: f64,
    index: Option<u32>,
    sweep: &Sweep,
    path: &[ToolMove],
    job: &Job,
) -> OutOfTolerance {
    // For a line end: the cutter that made it passes through it.
    let index = index.or_else(|| sweep.nearest(p, 1e3, None).index);
    let (program, line) = index.map_or((String::new(), 0), |i| {
        let m = &path[i as usize];
        (job.program[m.program as usize].file.clone(), m.line)
    });
    let kind = kind_of(deviation_mm).into();
    OutOfTolerance { kind, place_part_mm: p, deviation_mm, program, line }
}

/// A part taken as it is, for a fit without milling: no deviation anywhere.
pub fn unmilled(part: &Mesh<Part>, sample_mm: f64) -> Compared {
    let samples = samples::on_mesh(part, sample_mm);
    let n = samples.len();
    Compared {
        samples,
        sample_mm: vec![0.0; n],
        end_area_mm2: Vec::new(),
        end_triangle: Vec::new(),
        end_mm: Vec::new(),
        witnesses: Witnesses::default(),
        marked: None,
        vertex_mm: vec![0.0; part.vertices.len()],
        facts: SurfaceInspection {
            deviation_mm: spread::deviations(Vec::new()),
            fraction_within_tolerance: 1.0,
            tolerance_mm: 0.0,
            samples: 0,
            excluded_mm2: 0.0,
            marking_mm2: 0.0,
            clear_of_tabs_mm: DeviationExtremes::default(),
            between_samples_mm: 0.0,
            gouge_between_samples_mm: 0.0,
            worst: Vec::new(),
        },
        within_mm: [0.0; 2],
        out_mm2: [0.0; 2],
        sensitivity: Vec::new(),
        capability: None,
        blank_mm2: 0.0,
    }
}

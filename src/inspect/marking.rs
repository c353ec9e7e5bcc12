//! The engraved marking as part of the design: what was asked for inside its groove, and whether it is there.
//!
//! The implant gives strokes on a face, and a round groove along them: the envelope of a ball of `radius` whose middle
//! stays `radius − depth` outside the face. Where the mesh of the design is smooth the true design is that groove, so a place
//! within it is held against the groove with the tolerance of the whole surface, and a place outside it against the mesh as
//! ever: nothing is left out of the comparison and no limit is wider anywhere.
//!
//! *A place of the face* at the distance `a` from the middles' line has the groove `radius − a` below it, measured as the
//! envelope is: to the nearest cutter. *A line end* below the face is held against the tube about that line.
//!
//! *Between samples*: the signed distance to a cutter changes by no more than the way between two places. With `m` the
//! deviation at a place `q` of the middles' line, a place of the face at the distance `a` from `q` deviates by at most
//! `m(q) + a`, and the groove asks for `a − radius`: nowhere in the groove more than `m(q) + radius` is left on. `q` is asked
//! every [`ALONG_MM`].

use std::collections::BTreeMap;

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::geometry::Bvh;
use crate::model::{MarkingFacts, Part, Patient, Pose};

use super::params::InspectToml;
use super::samples::Sample;
use super::surface::nearest_all;
use super::sweep::Sweep;
use super::verdict::Check;

/// Between places asked along the strokes, mm: the way to the nearest of them is longer than the way to the line by at most
/// 0.025²/(8·0.1) = 0.8 µm where the middles stay 0.1 mm off the face.
const ALONG_MM: f64 = 0.025;
/// A stated width may differ from that of radius and depth by rounding, mm.
const WIDTH_MM: f64 = 0.001;
/// What a place below the face may lie farther from the line than the radius and still be measured from it, mm.
const BELOW_MM: f64 = 0.1;

/// As far beside the groove its ball may be the cutter that comes nearest, mm: twice the tolerance, since beyond that a face
/// which the finishing ball has left so high is out by itself.
const EDGE_MM: f64 = 0.05;

const DEPTH: &str = "focus of a measuring microscope or a stylus across the stroke, expanded uncertainty ≤ 6.3 µm (¼ of the \
                     tolerance), else no claim";

/// The groove that the design asks for, in the part's frame.
pub struct Groove {
    radius_mm: f64,
    depth_mm: f64,
    /// Along each stroke: places of the face.
    face: Vec<Vec<Vector3<f64>>>,
    /// Along each stroke: middles of the ball.
    middles: Vec<Vec<Vector3<f64>>>,
    segments: Vec<[Vector3<f64>; 2]>,
    /// Segments near each cell of a lattice as wide as the radius.
    cells: BTreeMap<[i32; 3], Vec<u32>>,
    lo: Vector3<f64>,
    hi: Vector3<f64>,
}

/// What was found of the marking.
#[derive(Clone, Debug, PartialEq)]
pub struct Marked {
    /// Depth asked for, mm.
    pub depth_mm: f64,
    /// Depth where it is farthest from that, mm.
    pub worst_depth_mm: f64,
    /// Surface that it covers, mm².
    pub area_mm2: f64,
    /// Share of the whole.
    pub share: f64,
    /// Why it is not taken for part of the design; empty where it is.
    pub refused: String,
}

impl Groove {
    /// The groove of a marking that is to be milled.
    pub fn of(
        marking: &MarkingFacts,
        part_from_patient: &Pose<Part, Patient>,
        tree: &Bvh<Part>,
    ) -> Option<Self> {
        let groove = marking.groove?;
        let (radius_mm, depth_mm) = (groove.radius_mm, marking.depth_mm);
        let face: Vec<Vec<Vector3<f64>>> = marking
            .strokes_lps_mm
            .iter()
            .map(|s| s.iter().map(|&p| part_from_patient.apply(p).v()).collect())
            .collect();
        let middle = |p: &Vector3<f64>| {
            let near = tree.nearest((*p).into(), f64::INFINITY)?;
            Some(p + Vector3::from(tree.pseudo_normal(&near)).normalize() * (radius_mm - depth_mm))
        };
        let middles: Vec<Vec<Vector3<f64>>> =
            face.iter().map(|s| s.iter().filter_map(middle).collect()).collect();
        let segments: Vec<[Vector3<f64>; 2]> =
            middles.iter().flat_map(|s| s.windows(2).map(|w| [w[0], w[1]])).collect();
        let mut out = Self {
            radius_mm,
            depth_mm,
            face,
            middles,
            segments,
            cells: BTreeMap::new(),
            lo: Vector3::repeat(f64::INFINITY),
            hi: Vector3::repeat(f64::NEG_INFINITY),
        };
        let about = Vector3::repeat(radius_mm + BELOW_MM);
        for (n, [a, b]) in out.segments.iter().enumerate() {
            let (lo, hi) = (a.inf(b) - about, a.sup(b) + about);
            (out.lo, out.hi) = (out.lo.inf(&lo), out.hi.sup(&hi));
            let [from, to] = [lo, hi].map(|p| cell(&p, radius_mm));
            for i in from[0]..=to[0] {
                for j in from[1]..=to[1] {
                    for k in from[2]..=to[2] {
                        out.cells.entry([i, j, k]).or_default().push(n as u32);
                    }
                }
            }
        }
        Some(out)
    }

    /// Why such a groove is none that a design may ask for.
    fn refused(&self, width_mm: f64, t: &InspectToml) -> String {
        let (r, d) = (self.radius_mm, self.depth_mm);
        // Written so that NaN is refused.
        if !(d > 0.0 && d < r && r <= 1.0) {
            return format!("a groove of radius {r} mm and depth {d} mm is no round groove of at most 1 mm");
        }
        if !((width_mm - 2.0 * (d * (2.0 * r - d)).sqrt()).abs() <= WIDTH_MM) {
            return format!(
                "a groove of radius {r} mm and depth {d} mm is not {width_mm} mm wide, as the design says"
            );
        }
        if !(d <= t.marking_depth_mm_max) {
            return format!("the marking is {d} mm deep, limit {} mm", t.marking_depth_mm_max);
        }
        if self.segments.is_empty() {
            return "the marking has no strokes".into();
        }
        String::new()
    }

    /// Distance from the line of middles, where it is no more than the radius and a little.
    fn off_line_mm(&self, p: &Vector3<f64>) -> Option<f64> {
        if (0..3).any(|a| !(self.lo[a]..=self.hi[a]).contains(&p[a])) {
            return None;
        }
        let near = self.cells.get(&cell(p, self.radius_mm))?;
        let away = |&n: &u32| {
            let [a, b] = &self.segments[n as usize];
            let along = b - a;
            let length2 = along.norm_squared();
            let share = if length2 > 0.0 { ((p - a).dot(&along) / length2).clamp(0.0, 1.0) } else { 0.0 };
            (a + along * share - p).norm()
        };
        near.iter().map(away).min_by(f64::total_cmp).filter(|a| *a <= self.radius_mm + BELOW_MM)
    }

    /// True for a place of the face over the groove.
    pub fn holds(&self, p_mm: [f64; 3]) -> bool {
        self.below_mm(p_mm) > 0.0
    }

    /// True for a place of the face over the groove or at its edge, where its ball may decide.
    pub fn reaches(&self, p_mm: [f64; 3]) -> bool {
        self.off_line_mm(&p_mm.into()).is_some_and(|a| a <= self.radius_mm + EDGE_MM)
    }

    /// How far below a place of the face the groove lies, to the nearest cutter that would make it, mm.
    fn below_mm(&self, p_mm: [f64; 3]) -> f64 {
        self.off_line_mm(&p_mm.into()).map_or(0.0, |a| (self.radius_mm - a).max(0.0))
    }

    /// Deviation of a place of the face from the groove, if that is over it; from the face otherwise.
    pub fn of_face(&self, p_mm: [f64; 3], deviation_mm: f64) -> f64 {
        deviation_mm + self.below_mm(p_mm)
    }

    /// The same of a line end whose nearest place on the face is `foot_mm`.
    pub fn of_end(&self, p_mm: [f64; 3], foot_mm: [f64; 3], deviation_mm: f64) -> f64 {
        let below_mm = self.below_mm(foot_mm);
        if below_mm == 0.0 || deviation_mm > 0.0 {
            return deviation_mm + below_mm;
        }
        // So deep that the line is out of sight: no groove is deeper than this.
        self.off_line_mm(&p_mm.into()).map_or(deviation_mm + self.depth_mm, |a| self.radius_mm - a)
    }

    /// Depth along the strokes, shallowest and deepest, mm.
    fn depths_mm(&self, sweep: &Sweep) -> [f64; 2] {
        let at = |line: &Vec<Vector3<f64>>| -> Vec<[f64; 3]> {
            let steps = |w: &[Vector3<f64>]| {
                let n = ((w[1] - w[0]).norm() / ALONG_MM).ceil().max(1.0) as usize;
                let (a, b) = (w[0], w[1]);
                (0..=n).map(move |k| (a + (b - a) * (k as f64 / n as f64)).into())
            };
            line.windows(2).flat_map(steps).collect()
        };
        let middles: Vec<[f64; 3]> = self.middles.iter().flat_map(at).collect();
        let left = nearest_all(sweep, &middles)
            .iter()
            .map(|n| n.distance_mm + self.radius_mm)
            .fold(f64::NEG_INFINITY, f64::max);
        let face: Vec<[f64; 3]> = self.face.iter().flatten().map(|p| (*p).into()).collect();
        let deep = nearest_all(sweep, &face).iter().map(|n| -n.distance_mm).fold(0.0, f64::max);
        [self.depth_mm - left.max(0.0), deep]
    }
}

fn cell(p: &Vector3<f64>, width_mm: f64) -> [i32; 3] {
    std::array::from_fn(|a| (p[a] / width_mm).floor() as i32)
}

/// The groove, if the design may ask for it, and what the cutters made of it. `sample_mm`: deviation of each sample from
/// the face.
pub fn judge(
    asked: Option<(&MarkingFacts, &Pose<Part, Patient>)>,
    tree: &Bvh<Part>,
    sweep: &Sweep,
    samples: &[Sample],
    sample_mm: &[f64],
    t: &InspectToml,
) -> (Option<Groove>, Option<Marked>) {
    let Some((groove, width_mm)) = asked
        .and_then(|(m, pose)| Some((Groove::of(m, pose, tree)?, m.groove.map_or(f64::NAN, |g| g.width_mm))))
    else {
        return (None, None);
    };
    let mut marked = Marked {
        depth_mm: groove.depth_mm,
        worst_depth_mm: f64::NAN,
        area_mm2: 0.0,
        share: 0.0,
        refused: groove.refused(width_mm, t),
    };
    if !marked.refused.is_empty() {
        return (None, Some(marked));
    }
    // In order, so that the sum is the same on any number of threads.
    let over: Vec<bool> = samples.par_iter().map(|s| groove.holds(s.p_mm)).collect();
    let whole: f64 = samples.iter().map(|s| s.area_mm2).sum();
    marked.area_mm2 = samples.iter().zip(&over).filter(|(_, o)| **o).map(|(s, _)| s.area_mm2).sum();
    marked.share = marked.area_mm2 / whole;
    if !(marked.share <= t.marking_share_max) {
        marked.refused = format!(
            "the marking covers {:.1} % of the surface, limit {:.1} %",
            marked.share * 100.0,
            t.marking_share_max * 100.0
        );
        return (None, Some(marked));
    }
    let [shallow, mut deep] = groove.depths_mm(sweep);
    let gouge = samples.iter().zip(sample_mm).zip(&over).filter(|(_, o)| **o);
    let gouge = gouge.map(|((s, d), _)| groove.of_face(s.p_mm, *d)).fold(0.0, f64::min);
    deep = deep.max(groove.depth_mm - gouge);
    let off = |d: f64| (d - groove.depth_mm).abs();
    marked.worst_depth_mm = if off(shallow) >= off(deep) { shallow } else { deep };
    (Some(groove), Some(marked))
}

/// Is it there, as deep as it should be, and no larger than a marking is.
pub fn checks(marked: &Marked, t: &InspectToml) -> Vec<Check> {
    let d = marked.depth_mm;
    // The tolerance of the surface: a groove is held as what is beside it. In whole nanometres, for reading.
    let off = |by: f64| ((d + by) * 1e6).round() / 1e6;
    let depth = Check::new(
        "marking",
        "depth of the engraved marking where it is farthest from nominal",
        [d, off(-t.tolerance_mm), off(t.tolerance_mm)],
        marked.worst_depth_mm,
        "mm",
        DEPTH,
    );
    let share = Check::new(
        "marking_share",
        "share of the surface that the marking covers",
        [0.0, 0.0, t.marking_share_max],
        marked.share,
        "",
        "follows from the design; nothing to measure on the part",
    );
    vec![depth.because(&marked.refused), share]
}

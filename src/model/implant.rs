//! The missing bone and the implant that fills it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::facts::DefectFacts;
use super::finding::Finding;
use super::frame::{Dir, Part, Patient, Point, Pose};
use super::grid::Mask;
use super::mesh::Mesh;
use super::placed::{EditedFacts, FixationFacts, MarkingFacts, RemovalFacts, ScalpFacts, SeatingFacts};

/// What a chart cell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cell {
    /// Sound bone: its radii are measured.
    Bone,
    /// Bone that departs from the fit: a sunken or cut rim. Its radii are predicted.
    Sunken,
    /// No bone: the defect. Its radii are predicted.
    Missing,
    /// Neither bone nor defect: foramen, orbit, outside the scan. Its radii are extrapolated and mean nothing.
    Unknown,
}

/// The completed skull around one defect, as radii over a plane of directions.
///
/// Azimuthal equidistant chart about `axis` as seen from `centre`: the cell `(a, b)` looks along the direction
/// that makes the angle `hypot(x, y)` with `axis` and lies towards `x·u + y·v`, where
/// `x = (a − (n−1)/2)·step_rad`, `y = (b − (n−1)/2)·step_rad`. Row `b` is stored after row `b − 1`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Patch {
    /// Endocranial point that the radii are measured from.
    pub centre: Point<Patient>,
    /// Direction of the chart's middle, out of the skull.
    pub axis: Dir<Patient>,
    /// Direction in which `a` grows; perpendicular to `axis`.
    pub u: Dir<Patient>,
    /// Direction in which `b` grows; `axis × u`.
    pub v: Dir<Patient>,
    /// Cells along each side.
    pub n: usize,
    /// Angle between neighbouring cells, rad.
    pub step_rad: f64,
    /// Radius of the completed outer table, mm, per cell.
    pub outer_mm: Vec<f64>,
    /// Radius of the completed inner table, mm, per cell.
    pub inner_mm: Vec<f64>,
    /// Predicted standard deviation of `outer_mm`, mm; zero on measured bone.
    pub sigma_mm: Vec<f64>,
    /// What each cell is.
    pub cells: Vec<Cell>,
}

impl Patch {
    /// Continuous cell `(a, b)` in which the ray from the centre through `p` lies, and the radius of `p`, mm.
    /// `None` opposite to the chart.
    pub fn cell_and_radius(&self, p: Point<Patient>) -> Option<([f64; 2], f64)> {
        let d = p.v() - self.centre.v();
        let r = d.norm();
        let (w, x, y) = (d.dot(&self.axis.v()), d.dot(&self.u.v()), d.dot(&self.v.v()));
        let across = x.hypot(y);
        if r <= 0.0 || w <= -0.5 * r {
            return None;
        }
        let angle = across.atan2(w);
        let (cx, cy) = if across > 0.0 { (x / across * angle, y / across * angle) } else { (0.0, 0.0) };
        let middle = (self.n as f64 - 1.0) / 2.0;
        Some(([cx / self.step_rad + middle, cy / self.step_rad + middle], r))
    }

    /// Direction in which cell `(a, b)` looks.
    pub fn direction(&self, a: f64, b: f64) -> Dir<Patient> {
        let middle = (self.n as f64 - 1.0) / 2.0;
        let (x, y) = ((a - middle) * self.step_rad, (b - middle) * self.step_rad);
        let angle = x.hypot(y);
        let across = if angle > 0.0 { (self.u.v() * x + self.v.v() * y) / angle } else { self.u.v() * 0.0 };
        let d = self.axis.v() * angle.cos() + across * angle.sin();
        Dir::new([d.x, d.y, d.z])
    }
}

/// The missing bone of a scan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reconstruction {
    /// Missing bone at full thickness, before gap and thickness rules, on the scan's grid.
    pub mask: Mask,
    /// One per defect, in the order of `facts.defects`.
    pub patches: Vec<Patch>,
    /// What was found.
    pub facts: DefectFacts,
}

/// A cone at the mouth of a hole.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Countersink {
    /// Diameter of the cone where the hole's axis leaves the outer surface, mm.
    pub diameter_mm: f64,
    /// Whole angle of the cone, degrees.
    pub angle_deg: f64,
}

/// A round hole through the implant, parallel to `axis_part`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hole {
    /// `perfusion`, `suture`, `screw` …
    pub kind: String,
    /// Diameter, mm.
    pub diameter_mm: f64,
    /// Middle of the hole where it leaves the outer surface.
    pub centre: Point<Part>,
    /// Out of the patient.
    pub axis: Dir<Part>,
    /// Length of the hole through the implant, mm.
    pub length_mm: f64,
    /// Cone at its outer mouth.
    pub countersink: Option<Countersink>,
    /// How its mouths are broken; `None` where they are sharp.
    #[serde(default)]
    pub mouths: Option<Mouths>,
}

/// Both mouths of a hole, broken by a chamfering cone of 90° that follows the edge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mouths {
    /// How far below the edge the cone meets the hole's wall, mm.
    pub break_mm: f64,
    /// Closed way of the cone's tip at the bone side's mouth, straight between its places; the cone opens inwards to
    /// the patient.
    pub inner: Vec<Point<Part>>,
    /// The same at the outer surface; the cone opens outwards.
    pub outer: Vec<Point<Part>>,
}

/// One implant as designed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Implant {
    /// 1 for `part-1`.
    pub number: usize,
    /// The defect it fills, counted from 0.
    pub defect: usize,
    /// The part, holes and all.
    pub mesh: Mesh<Part>,
    /// The part before its holes were cut; what a finishing pass runs over.
    pub body: Mesh<Part>,
    /// Takes the patient to the part.
    pub part_from_patient: Pose<Part, Patient>,
    /// Round holes, analytic.
    pub holes: Vec<Hole>,
    /// What `implant.json` says.
    pub facts: ImplantFacts,
}

/// A hole as written in `implant.json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HoleFacts {
    /// `perfusion`, `suture`, `screw` …
    pub kind: String,
    /// Diameter, mm.
    pub diameter_mm: f64,
    /// Middle on the outer surface, patient LPS mm.
    pub centre_lps_mm: Point<Patient>,
    /// Out of the patient.
    pub axis_lps: Dir<Patient>,
    /// Cone at its outer mouth.
    pub countersink: Option<Countersink>,
    /// How far both mouths are broken, mm; 0 where they are sharp.
    #[serde(default)]
    pub mouth_break_mm: f64,
}

/// `part-N/implant.json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ImplantFacts {
    /// `osteomill.implant/1`.
    pub schema: String,
    /// The defect it fills, counted from 0.
    pub defect: usize,
    /// `inlay`: within the rim; `onlay`: with ears over sound bone.
    pub kind: String,
    /// Side of the patient it is on: `right`, `left` or `midline`.
    pub side: String,
    /// Direction in which it is taken out, patient LPS.
    pub insertion_axis_lps: Dir<Patient>,
    /// Gap asked for between bone and implant, mm.
    pub gap_mm_nominal: f64,
    /// `constant`, or `match_rim`: as thick as the bone that is missing.
    #[serde(default)]
    pub thickness: String,
    /// Thickness asked for, mm; with `match_rim` the most it may be.
    pub thickness_mm_nominal: f64,
    /// Largest ball inscribed at the thinnest place away from rim and holes: its diameter, mm.
    pub thickness_mm_min: f64,
    /// Draft asked for between rim wall and insertion axis, degrees.
    pub draft_deg: f64,
    /// Radius of the outer edge break, mm.
    pub edge_outer_mm: f64,
    /// Radius of the inner edge, mm.
    pub edge_inner_mm: f64,
    /// Where no bone ends the plate it ends where it would be thinner than this, mm.
    pub edge_thickness_mm_min: f64,
    /// Smallest concave radius the design leaves, mm.
    pub concave_radius_mm_min: f64,
    /// Volume, mm³.
    pub volume_mm3: f64,
    /// Mass, g.
    pub mass_g: f64,
    /// Key of the material in `shop/materials.toml`.
    pub material: String,
    /// Holes.
    pub holes: Vec<HoleFacts>,
    /// Closed two-manifold.
    pub watertight: bool,
    /// 4 × 4, row major.
    pub part_from_patient: Pose<Part, Patient>,
    /// Outer area, mm².
    pub outer_area_mm2: f64,
    /// Least distance from the implant to the lumen of a sinus, mm; none where no sinus is near.
    pub sinus_distance_mm: Option<f64>,
    /// Where it is held: the screw table.
    pub fixation: FixationFacts,
    /// The way out along the insertion axis.
    pub removal: RemovalFacts,
    /// Put in by hand many times over.
    pub seating: SeatingFacts,
    /// Against today's skin.
    pub scalp: ScalpFacts,
    /// What is engraved; none where there is no room or none is wanted.
    #[serde(default)]
    pub marking: Option<MarkingFacts>,
    /// A person's body in the place of the designed one; none where there is none.
    #[serde(default)]
    pub edited: Option<EditedFacts>,
    /// Findings.
    pub findings: Vec<Finding>,
}

impl ImplantFacts {
    /// What bends as a plate of this shadow, mm: the thinnest wall of an implant, the mean of a part that is no plate.
    pub fn plate_mm(&self, shadow_mm2: f64) -> f64 {
        if self.kind == "given" { self.volume_mm3 / shadow_mm2 } else { self.thickness_mm_min }
    }
}

//! Raises and lowers the outer contour where a planner asks for it: "brow, 1 mm less".
//!
//! **In** `contour_edits` of `[reconstruction]` and a completed defect. **Out** its outer table moved along the rays,
//! and what was changed: facts, and a mesh of the outer table with the change at every vertex.
//!
//! **Method** `raise_mm · (1 − t²)²` within `radius_mm` of the place (t the distance over the radius), which starts and
//! ends flat; times a smooth step over the first `RIM_MM` from sound bone, so that the table meets the bone as it did.
//! Edits add up. The shell stays at least `SHELL_MM_MIN` thick.
//!
//! **Limits** Along the ray from the vault's centre, which leans from the surface's normal by some degrees. The change is
//! that against the same case without the edits; a case keeps no older revision to compare with.

use nalgebra::Vector3;
use serde::{Deserialize, Serialize};

use super::complete::Completed;
use super::params::MissingParamError;
use super::planner::PlannerError;
use crate::model::{Cell, ContourChange, ContourFacts, Finding, Mesh, Patient, Point, Severity};

/// From sound bone to the full edit, mm.
const RIM_MM: f64 = 6.0;
/// A completed shell is nowhere made thinner than this, mm, as in completing it.
const SHELL_MM_MIN: f64 = 1.5;
/// Less than this is no change worth an area, mm.
const CHANGED_MM: f64 = 0.01;
/// Steepest flank an edit may add: some 17 degrees, a bump that a finger finds.
const STEEPEST: f64 = 0.3;
/// Largest slope of (1 − t²)², at t = 1/√3.
const FLANK: f64 = 1.5396;

/// One place where the outer contour is raised or lowered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContourEdit {
    /// For reports: letters, digits, `-` and blanks.
    pub name: String,
    /// Middle of the edit, patient LPS mm.
    pub at_lps_mm: [f64; 3],
    /// Beyond this from the middle nothing changes, mm.
    pub radius_mm: f64,
    /// Outwards, mm; negative lowers.
    pub raise_mm: f64,
}

impl ContourEdit {
    /// # Errors
    /// [`MissingParamError::Edit`] naming the edit by its number, its key and what it should be.
    pub(super) fn check(&self, number: usize) -> Result<(), MissingParamError> {
        let refuse =
            |key, found: String, expected| Err(MissingParamError::Edit { number, key, found, expected });
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == ' ';
        if self.name.is_empty() || self.name.len() > 40 || !self.name.chars().all(plain) {
            return refuse("name", format!("{:?}", self.name), "1 to 40 letters, digits, blanks and `-`");
        }
        if self.at_lps_mm.iter().any(|x| !(x.abs() <= 1000.0)) {
            return refuse("at_lps_mm", format!("{:?}", self.at_lps_mm), "three numbers from -1000 to 1000");
        }
        if !(3.0..=60.0).contains(&self.radius_mm) {
            return refuse("radius_mm", self.radius_mm.to_string(), "3 to 60");
        }
        if !(0.05..=5.0).contains(&self.raise_mm.abs()) {
            return refuse("raise_mm", self.raise_mm.to_string(), "0.05 to 5, or the same below zero");
        }
        if FLANK * self.raise_mm.abs() / self.radius_mm > STEEPEST {
            return refuse(
                "raise_mm",
                self.raise_mm.to_string(),
                "at most 0.195 times radius_mm, so that the flank stays below 17 degrees",
            );
        }
        Ok(())
    }

    fn at(&self, p: Vector3<f64>) -> f64 {
        let t2 = (p - Vector3::from(self.at_lps_mm)).norm_squared() / (self.radius_mm * self.radius_mm);
        self.raise_mm * (1.0 - t2).max(0.0).powi(2)
    }
}

/// The edits of a case while its defects are completed.
pub(super) struct Edits<'a> {
    edits: &'a [ContourEdit],
    /// Per edit: cells changed, least distance to a completed place.
    reached: Vec<(ContourChange, f64)>,
    sum_mm3: Vec<f64>,
    mesh: Mesh<Patient>,
    change_mm: Vec<f64>,
}

/// What the edits changed.
#[derive(Clone, Debug)]
pub struct ContourMap {
    /// As `contour.json` says it.
    pub facts: ContourFacts,
    /// Outer table over the defects, as edited.
    pub mesh: Mesh<Patient>,
    /// Outwards, against the contour without the edits, mm, per vertex.
    pub change_mm: Vec<f64>,
}

impl<'a> Edits<'a> {
    pub(super) fn new(edits: &'a [ContourEdit]) -> Self {
        let none = |e: &ContourEdit| ContourChange {
            name: e.name.clone(),
            raise_mm_asked: e.raise_mm,
            change_mm_extreme: 0.0,
            change_mm_mean: 0.0,
            area_mm2: 0.0,
            place_lps_mm: Point::new(e.at_lps_mm),
        };
        Self {
            edits,
            reached: edits.iter().map(|e| (none(e), f64::INFINITY)).collect(),
            sum_mm3: vec![0.0; edits.len()],
            mesh: Mesh::new(Vec::new(), Vec::new()),
            change_mm: Vec::new(),
        }
    }

    /// Moves the outer table of one defect.
    pub(super) fn apply(&mut self, done: &mut Completed) {
        if self.edits.is_empty() {
            return;
        }
        let chart = &done.local.chart;
        let predicted = |at: usize| matches!(done.cells[at], Cell::Missing | Cell::Sunken);
        let bone: Vec<bool> = done.cells.iter().map(|c| *c == Cell::Bone).collect();
        let to_bone = chart.distance_cells(&bone);
        let mut after_mm = done.outer_mm.clone();
        for at in (0..chart.len()).filter(|&at| predicted(at)) {
            let d = chart.direction_at(at);
            let p = chart.centre + d * done.outer_mm[at];
            // Cells are 1 mm wide on the outer table.
            let s = (f64::from(to_bone[at]) / RIM_MM).clamp(0.0, 1.0);
            let rim = s * s * (3.0 - 2.0 * s);
            let room_mm = done.inner_mm[at] + SHELL_MM_MIN - done.outer_mm[at];
            let asked_mm: f64 = self.edits.iter().map(|e| e.at(p) * rim).sum();
            let given_mm = asked_mm.max(room_mm.min(0.0));
            after_mm[at] += given_mm;
            let cell_mm2 = chart.area_mm2(&done.outer_mm, at);
            for (n, edit) in self.edits.iter().enumerate() {
                let (change, nearest_mm) = &mut self.reached[n];
                *nearest_mm = nearest_mm.min((p - Vector3::from(edit.at_lps_mm)).norm());
                // Its share of what was given.
                let own_mm = if asked_mm == 0.0 { 0.0 } else { edit.at(p) * rim * given_mm / asked_mm };
                if own_mm.abs() > CHANGED_MM {
                    change.area_mm2 += cell_mm2;
                    self.sum_mm3[n] += own_mm * cell_mm2;
                }
                if own_mm.abs() > change.change_mm_extreme.abs() {
                    change.change_mm_extreme = own_mm;
                    change.place_lps_mm = Point::from_v(p);
                }
            }
        }
        self.add_to_map(done, &after_mm);
        done.outer_mm = after_mm;
    }

    fn add_to_map(&mut self, done: &Completed, after_mm: &[f64]) {
        let chart = &done.local.chart;
        let n = chart.n;
        let shown = |at: usize| matches!(done.cells[at], Cell::Missing | Cell::Sunken);
        let mut vertex = vec![u32::MAX; chart.len()];
        for at in (0..chart.len()).filter(|&at| shown(at)) {
            vertex[at] = self.mesh.vertices.len() as u32;
            self.mesh.vertices.push((chart.centre + chart.direction_at(at) * after_mm[at]).into());
            self.change_mm.push(after_mm[at] - done.outer_mm[at]);
        }
        for at in 0..chart.len() - n {
            let corners = [at, at + 1, at + n, at + n + 1];
            if at % n + 1 < n && corners.iter().all(|&c| vertex[c] != u32::MAX) {
                let [a, b, c, d] = corners.map(|c| vertex[c]);
                // u × v points out of the skull.
                self.mesh.triangles.extend([[a, b, d], [a, d, c]]);
            }
        }
    }

    /// What was changed; `None` where nothing was asked for.
    ///
    /// # Errors
    /// [`PlannerError`] naming an edit that changes nothing.
    pub(super) fn finish(mut self, findings: &mut Vec<Finding>) -> Result<Option<ContourMap>, PlannerError> {
        let Some(first) = self.edits.first() else { return Ok(None) };
        if self.mesh.vertices.is_empty() {
            return Err(PlannerError::EditNothing { name: first.name.clone() });
        }
        for (n, edit) in self.edits.iter().enumerate() {
            let (change, distance_mm) = &mut self.reached[n];
            if change.area_mm2 == 0.0 {
                return Err(PlannerError::EditMisses {
                    name: edit.name.clone(),
                    distance_mm: *distance_mm,
                    radius_mm: edit.radius_mm,
                });
            }
            change.change_mm_mean = self.sum_mm3[n] / change.area_mm2;
            findings.push(
                Finding::new(
                    "contour-edited",
                    Severity::Note,
                    format!(
                        "contour edit `{}` moves the outer table by {:+.2} mm at most (asked for {:+.2}) over {:.1} cm2",
                        edit.name,
                        change.change_mm_extreme,
                        edit.raise_mm,
                        change.area_mm2 / 100.0
                    ),
                )
                .measured(change.change_mm_extreme, edit.raise_mm, "mm")
                .at(change.place_lps_mm.mm),
            );
        }
        let extreme = |best: f64, &c: &f64| if c.abs() > best.abs() { c } else { best };
        let changed: Vec<f64> = self.change_mm.iter().copied().filter(|c| c.abs() > CHANGED_MM).collect();
        let facts = ContourFacts {
            schema: "osteomill.contour/1".into(),
            against: "the same case without contour edits".into(),
            change_mm_extreme: self.change_mm.iter().fold(0.0, extreme),
            change_mm_mean_abs: changed.iter().map(|c| c.abs()).sum::<f64>() / changed.len().max(1) as f64,
            edits: self.reached.into_iter().map(|r| r.0).collect(),
        };
        Ok(Some(ContourMap { facts, mesh: self.mesh, change_mm: self.change_mm }))
    }
}

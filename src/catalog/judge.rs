//! milling and inspect: the judge. It reads the program's text, the job file's text, the design and the bone.

use serde_json::Value;

use crate::formats;
use crate::inspect::{FitInput, InspectParams, inspect};
use crate::milling::{MillingParams, ProgramText, mill};
use crate::model::{Bone, Implant, Inspection, Job, Milled, Posted, Program, Reconstruction, Scan, Watch};
use crate::pipeline::{Board, FailureKind, Outputs, StageFailure};
use crate::record::deviation_colour;

use super::work::{Work, failed, json_bytes};
use super::{CatalogError, PipelineFile};

/// The job as the judge gets it: through its text, like any other shop's.
pub(super) fn job_from_text(posted: &Posted) -> Result<Job, StageFailure> {
    toml::from_str(&posted.job_toml).map_err(failed(FailureKind::Refused))
}

/// The programs as the judge gets them.
pub(super) fn texts_of(programs: &[Program]) -> Vec<ProgramText> {
    programs.iter().map(|p| ProgramText { file: p.file.clone(), text: p.text.clone() }).collect()
}

/// Mills the programs' text in simulation.
pub struct MillingStage(MillingParams, Value);

impl MillingStage {
    pub fn new(file: &PipelineFile) -> Result<Self, CatalogError> {
        file.table("milling").map(|(p, v)| Self(p, v))
    }
}

impl Work for MillingStage {
    const ID: &'static str = "milling";
    const REVISION: u32 = 5;
    const NEEDS: &'static [&'static str] = &["implant", "post"];
    type Out = Vec<Option<Milled>>;
    fn parameters(&self) -> Value {
        self.1.clone()
    }
    fn work(
        &self,
        board: &Board,
        outputs: &mut Outputs,
        watch: &dyn Watch,
    ) -> Result<Vec<Option<Milled>>, StageFailure> {
        let implants: &Vec<Implant> = board.get("implant");
        let posted: &Vec<Posted> = board.get("post");
        let mut all = Vec::new();
        for (implant, posted) in implants.iter().zip(posted) {
            if posted.programs.is_empty() {
                all.push(None);
                continue;
            }
            let job = job_from_text(posted)?;
            let milled = mill(&texts_of(&posted.programs), &job, Some(&implant.mesh), &self.0, watch)
                .map_err(failed(FailureKind::Refused))?;
            let folder = format!("part-{}/milling", implant.number);
            let in_patient = milled.mesh.moved(&implant.part_from_patient.inverse());
            outputs.add(format!("{folder}/milled.stl"), formats::stl::stl_bytes(&in_patient));
            outputs.add(format!("{folder}/milling.json"), json_bytes(&milled.facts));
            all.push(Some(milled));
        }
        Ok(all)
    }
}

/// Measures the milled part against design and bone.
pub struct InspectStage(InspectParams, Value);

impl InspectStage {
    pub fn new(file: &PipelineFile) -> Result<Self, CatalogError> {
        file.table("inspect").map(|(p, v)| Self(p, v))
    }
}

impl Work for InspectStage {
    const ID: &'static str = "inspect";
    const REVISION: u32 = 11;
    const NEEDS: &'static [&'static str] =
        &["scan", "bone", "surface", "reconstruction", "implant", "post", "milling"];
    type Out = Vec<Option<Inspection>>;
    fn parameters(&self) -> Value {
        self.1.clone()
    }
    fn work(
        &self,
        board: &Board,
        outputs: &mut Outputs,
        watch: &dyn Watch,
    ) -> Result<Vec<Option<Inspection>>, StageFailure> {
        let implants: &Vec<Implant> = board.get("implant");
        let posted: &Vec<Posted> = board.get("post");
        let milled: &Vec<Option<Milled>> = board.get("milling");
        let missing: &Reconstruction = board.get("reconstruction");
        let mut all = Vec::new();
        for (n, implant) in implants.iter().enumerate() {
            let Some(milled) = &milled[n] else {
                all.push(None);
                continue;
            };
            let job = job_from_text(&posted[n])?;
            let fit = FitInput {
                surface: board.get("surface"),
                bone: &board.get::<Bone>("bone").facts,
                implant: &implant.facts,
                patch: missing.patches.get(implant.defect),
                scan: Some(&board.get::<Scan>("scan").volume),
            };
            let inspection = inspect(&implant.mesh, milled, &job, Some(fit), &self.0, watch)
                .map_err(failed(FailureKind::Refused))?;
            add_inspection(implant, &inspection, outputs)?;
            all.push(Some(inspection));
        }
        Ok(all)
    }
}

/// Figures and map of one part among the outputs.
pub(super) fn add_inspection(
    implant: &Implant,
    inspection: &Inspection,
    outputs: &mut Outputs,
) -> Result<(), StageFailure> {
    let folder = format!("part-{}/inspection", implant.number);
    outputs.add(format!("{folder}/inspection.json"), json_bytes(&inspection.facts));
    let in_patient = implant.mesh.moved(&implant.part_from_patient.inverse());
    let deviation_mm: Vec<f64> = inspection.vertex_deviation_mm.iter().map(|&d| f64::from(d)).collect();
    let tolerance_mm = inspection.facts.surface.tolerance_mm;
    let rgb: Vec<[u8; 3]> = deviation_mm
        .iter()
        .map(|&d| deviation_colour(d, tolerance_mm).map(|c| (c * 255.0).round() as u8))
        .collect();
    let ply =
        formats::ply::ply_bytes(&in_patient, &rgb, &deviation_mm).map_err(failed(FailureKind::Refused))?;
    outputs.add(format!("{folder}/deviation.ply"), ply);
    Ok(())
}

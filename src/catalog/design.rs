//! `mill`: a part that somebody else designed, from its mesh to its inspection; no scan and no bone.

use std::path::PathBuf;

use serde_json::Value;

use crate::formats;
use crate::implant::body::given_part;
use crate::inspect::{InspectParams, inspect};
use crate::model::{
    Finding, Implant, Inspection, Material, Mesh, Milled, NestFacts, Operation, Patient, Plan, Posted,
    Prices, Review, Severity, Watch,
};
use crate::pipeline::{Board, FailureKind, Outputs, Stage, StageFailure};
use crate::record::{CaseVerdict, PartEvidence, judge_part, part_html};
use crate::review::{ReviewParams, Upstream, review_design};

use super::judge::{InspectStage, MillingStage, add_inspection, job_from_text};
use super::make::{PlanStage, PostStage, ToolpathStage, posted};
use super::nest::{GivenNestStage, Nesting};
use super::work::{Work, failed, json_bytes};
use super::{CatalogError, PipelineFile};

/// What a part is milled from, beside the pipeline file.
#[derive(Clone, Debug)]
pub struct PartInputs {
    /// STL, mm.
    pub design: PathBuf,
    /// Digest of its content.
    pub design_sha256: String,
    /// True once a named person approved the design.
    pub approved: bool,
}

impl PartInputs {
    /// What the part is called: the first twelve digits of its digest; file names may carry patients' names.
    pub fn pseudonym(&self) -> String {
        self.design_sha256.chars().take(12).collect()
    }
}

/// From design to record.
///
/// # Errors
/// [`CatalogError`] naming the table and key that does not fit.
pub fn part_chain(file: &PipelineFile, inputs: &PartInputs) -> Result<Vec<Box<dyn Stage>>, CatalogError> {
    Ok(vec![
        Box::new(GivenStage::new(file, inputs)),
        Box::new(PlanStage::new(file)?),
        Box::new(GivenReviewStage(file.table("review")?)),
        Box::new(ToolpathStage::new(file)?),
        Box::new(GivenPostStage {
            pseudonym: inputs.pseudonym(),
            post: PostStage::new(file, inputs.approved)?,
        }),
        Box::new(GivenNestStage {
            pseudonym: inputs.pseudonym(),
            nesting: Nesting::new(file, inputs.approved)?,
        }),
        Box::new(MillingStage::new(file)?),
        Box::new(GivenInspectStage(file.table("inspect")?)),
        Box::new(GivenRecordStage {
            pseudonym: inputs.pseudonym(),
            parameters: file.as_json()?,
            prices: file.prices.clone(),
        }),
    ])
}

/// Reads the design and turns it to where most of it is seen.
struct GivenStage {
    design: PathBuf,
    parameters: Value,
    material_key: String,
    material: Material,
    material_finding: Option<Finding>,
}

impl GivenStage {
    fn new(file: &PipelineFile, inputs: &PartInputs) -> Self {
        let material = file.shop.materials[&file.material].clone();
        Self {
            design: inputs.design.clone(),
            parameters: serde_json::json!({ "design_sha256": inputs.design_sha256, "material": file.material,
                "materials": file.materials, "material_data": material }),
            material_key: file.material.clone(),
            material,
            material_finding: file.material_finding(),
        }
    }
}

impl Work for GivenStage {
    const ID: &'static str = "implant";
    const REVISION: u32 = 2;
    const NEEDS: &'static [&'static str] = &[];
    type Out = Vec<Implant>;
    fn parameters(&self) -> Value {
        self.parameters.clone()
    }
    fn work(
        &self,
        _: &Board,
        outputs: &mut Outputs,
        watch: &dyn Watch,
    ) -> Result<Vec<Implant>, StageFailure> {
        let bytes = std::fs::read(&self.design).map_err(failed(FailureKind::Io))?;
        let design: Mesh<Patient> = formats::stl::read_stl(&bytes).map_err(failed(FailureKind::Usage))?.mesh;
        watch.note("axis to mill along");
        let (mut implant, view) =
            given_part(&design, &self.material_key, &self.material).map_err(failed(FailureKind::Usage))?;
        implant.facts.findings.extend(self.material_finding.clone());
        let [x, y, z] = view.axis;
        implant.facts.findings.push(
            Finding::new(
                "axis",
                Severity::Note,
                format!(
                    "milled from both sides along {x:.3}, {y:.3}, {z:.3} of the design, {:.1} mm high: of 2,000 axes and its \
                     large faces' normals the one that leaves least unseen ({:.1} mm2), then lies lowest; {:.1} mm2 are walls steeper than 60 degrees",
                    view.height_mm, view.unseen_mm2, view.steep_mm2
                ),
            )
            .measured(view.unseen_mm2, 0.0, "mm2"),
        );
        let own = implant.mesh.moved(&implant.part_from_patient.inverse());
        outputs.add("part-1/implant.stl", formats::stl::stl_bytes(&own));
        outputs.add("part-1/implant.json", json_bytes(&implant.facts));
        Ok(vec![implant])
    }
}

/// Manufacturability, without a scan.
struct GivenReviewStage((ReviewParams, Value));

impl Work for GivenReviewStage {
    const ID: &'static str = "review";
    const REVISION: u32 = 5;
    const NEEDS: &'static [&'static str] = &["implant", "plan"];
    type Out = Vec<Review>;
    fn parameters(&self) -> Value {
        self.0.1.clone()
    }
    fn work(&self, board: &Board, outputs: &mut Outputs, _: &dyn Watch) -> Result<Vec<Review>, StageFailure> {
        let implants: &Vec<Implant> = board.get("implant");
        let plans: &Vec<Plan> = board.get("plan");
        let reviews: Vec<Review> = implants
            .iter()
            .zip(plans)
            .map(|(implant, plan)| review_design(implant, plan, &Upstream::default(), &self.0.0))
            .collect();
        for (implant, review) in implants.iter().zip(&reviews) {
            outputs.add(format!("part-{}/review.json", implant.number), json_bytes(review));
        }
        Ok(reviews)
    }
}

/// Text of the programs.
struct GivenPostStage {
    pseudonym: String,
    post: PostStage,
}

impl Work for GivenPostStage {
    const ID: &'static str = "post";
    const REVISION: u32 = PostStage::REVISION;
    const NEEDS: &'static [&'static str] = &["implant", "plan", "toolpath"];
    type Out = Vec<Posted>;
    fn parameters(&self) -> Value {
        let mut parameters = Work::parameters(&self.post);
        parameters["pseudonym"] = self.pseudonym.clone().into();
        parameters
    }
    fn work(&self, board: &Board, outputs: &mut Outputs, _: &dyn Watch) -> Result<Vec<Posted>, StageFailure> {
        let implants: &Vec<Implant> = board.get("implant");
        let plans: &Vec<Plan> = board.get("plan");
        let operations: &Vec<Vec<Operation>> = board.get("toolpath");
        implants
            .iter()
            .zip(plans)
            .zip(operations)
            .map(|((implant, plan), operations)| {
                posted(&self.pseudonym, implant, plan, operations, &self.post, outputs)
            })
            .collect()
    }
}

/// Measures the milled part against the design.
struct GivenInspectStage((InspectParams, Value));

impl Work for GivenInspectStage {
    const ID: &'static str = "inspect";
    const REVISION: u32 = InspectStage::REVISION;
    const NEEDS: &'static [&'static str] = &["implant", "post", "milling"];
    type Out = Vec<Option<Inspection>>;
    fn parameters(&self) -> Value {
        self.0.1.clone()
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
        let mut all = Vec::new();
        for (n, implant) in implants.iter().enumerate() {
            let Some(milled) = &milled[n] else {
                all.push(None);
                continue;
            };
            let job = job_from_text(&posted[n])?;
            let inspection = inspect(&implant.mesh, milled, &job, None, &self.0.0, watch)
                .map_err(failed(FailureKind::Refused))?;
            add_inspection(implant, &inspection, outputs)?;
            all.push(Some(inspection));
        }
        Ok(all)
    }
}

/// Verdict and report.
struct GivenRecordStage {
    pseudonym: String,
    parameters: Value,
    prices: Prices,
}

impl Work for GivenRecordStage {
    const ID: &'static str = "record";
    const REVISION: u32 = 5;
    const NEEDS: &'static [&'static str] =
        &["implant", "plan", "review", "post", "nest", "milling", "inspect"];
    type Out = CaseVerdict;
    fn parameters(&self) -> Value {
        self.parameters.clone()
    }
    fn work(
        &self,
        board: &Board,
        outputs: &mut Outputs,
        watch: &dyn Watch,
    ) -> Result<CaseVerdict, StageFailure> {
        let evidence = PartEvidence {
            pseudonym: &self.pseudonym,
            implant: &board.get::<Vec<Implant>>("implant")[0],
            plan: &board.get::<Vec<Plan>>("plan")[0],
            review: &board.get::<Vec<Review>>("review")[0],
            programs: &board.get::<Vec<Posted>>("post")[0].programs,
            nest: board.get::<Vec<Option<NestFacts>>>("nest")[0].as_ref(),
            milled: board.get::<Vec<Option<Milled>>>("milling")[0].as_ref(),
            inspection: board.get::<Vec<Option<Inspection>>>("inspect")[0].as_ref(),
            prices: &self.prices,
        };
        let verdict = judge_part(&evidence);
        outputs.add("record/verdict.json", json_bytes(&verdict));
        watch.note("pictures and report");
        outputs.add("report/report.html", part_html(&evidence, &verdict).into_bytes());
        Ok(verdict)
    }
}

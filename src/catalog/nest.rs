//! nest: the block that carries the part while its outer side is finished, from its shape to its own check.
//!
//! Accused and judge meet the nest as they meet the part: the program's text, its job file's text, and the seat.

use serde_json::Value;

use crate::formats;
use crate::inspect::{InspectParams, measure_seat};
use crate::milling::{MillingParams, mill};
use crate::model::{Finding, Implant, Nest, NestFacts, Plan, Posted, Review, Scan, Severity, Watch};
use crate::pipeline::{Board, FailureKind, Outputs, StageFailure};
use crate::plan::{job_of, nest_part};
use crate::post::{PostParams, tool_list, write_programs};
use crate::toolpath::{ToolpathParams, make_nest_operations};

use super::judge::{job_from_text, texts_of};
use super::work::{Work, failed, json_bytes};
use super::{CatalogError, PipelineFile};

/// What makes and checks nests.
pub struct Nesting {
    toolpath: ToolpathParams,
    post: PostParams,
    milling: MillingParams,
    inspect: InspectParams,
    parameters: Value,
    approved: bool,
}

impl Nesting {
    pub fn new(file: &PipelineFile, approved: bool) -> Result<Self, CatalogError> {
        let (toolpath, a) = file.table("toolpath")?;
        let (post, b) = file.table("post")?;
        let (milling, c) = file.table("milling")?;
        let (inspect, d) = file.table("inspect")?;
        // Of the inspection's table what the seat is measured by, so that other limits do not make the nest anew.
        let d = serde_json::json!({ "tolerance_mm": d["tolerance_mm"], "sample_mm": d["sample_mm"] });
        let parameters =
            serde_json::json!({ "toolpath": a, "post": b, "milling": c, "inspect": d, "approved": approved });
        Ok(Self { toolpath, post, milling, inspect, parameters, approved })
    }

    /// The nest of every part that has one and that the review lets pass.
    fn all(
        &self,
        pseudonym: &str,
        board: &Board,
        outputs: &mut Outputs,
        watch: &dyn Watch,
    ) -> Result<Vec<Option<NestFacts>>, StageFailure> {
        let implants: &Vec<Implant> = board.get("implant");
        let plans: &Vec<Plan> = board.get("plan");
        let reviews: &Vec<Review> = board.get("review");
        let each = implants.iter().zip(plans).zip(reviews);
        each.map(|((implant, plan), review)| match &plan.nest {
            Some(nest) if !review.stops() => self.one(pseudonym, implant, nest, outputs, watch).map(Some),
            _ => Ok(None),
        })
        .collect()
    }

    fn one(
        &self,
        pseudonym: &str,
        implant: &Implant,
        nest: &Nest,
        outputs: &mut Outputs,
        watch: &dyn Watch,
    ) -> Result<NestFacts, StageFailure> {
        let (part, seat) = nest_part(implant, nest).map_err(failed(FailureKind::Refused))?;
        let operations = make_nest_operations(&part, seat, &nest.plan, &self.toolpath, watch)
            .map_err(failed(FailureKind::Refused))?;
        let title = format!("{pseudonym} part {}, nest of op{}", implant.number, nest.carries);
        let programs = write_programs(&operations, &nest.plan, &title, self.approved, &self.post)
            .map_err(failed(FailureKind::Refused))?;
        let folder = format!("part-{}/nest", implant.number);
        let in_patient = part.mesh.moved(&implant.part_from_patient.inverse());
        outputs.add(format!("{folder}/nest.stl"), formats::stl::stl_bytes(&in_patient));
        for program in &programs {
            outputs.add(format!("{folder}/{}", program.file), program.text.clone().into_bytes());
        }
        let job_toml = toml::to_string_pretty(&job_of(&nest.plan, &programs, &[]))
            .map_err(failed(FailureKind::Refused))?;
        outputs.add(format!("{folder}/job.toml"), job_toml.clone().into_bytes());
        outputs
            .add(format!("{folder}/tools.json"), json_bytes(&tool_list(&nest.plan, &operations, &programs)));
        let posted = Posted { programs, job_toml };
        let job = job_from_text(&posted)?;
        // Without a design: nothing is cut free, the block stays where it is milled.
        let milled = mill(&texts_of(&posted.programs), &job, None, &self.milling, watch)
            .map_err(failed(FailureKind::Refused))?;
        let seat =
            measure_seat(&implant.body, &implant.holes, nest.inset_mm, &milled, &job, &self.inspect, watch)
                .map_err(failed(FailureKind::Refused))?;
        let mut findings = Vec::new();
        if !seat.passes() {
            let worst = seat.max_mm.max(-seat.min_mm);
            let message = "the nest's seat lies off the bone side it carries; the outer side finished on it is not the \
                           one that was simulated: plan.order = \"two-setups\" does without a nest";
            findings.push(Finding::new("nest-seat", Severity::Stop, message).measured(
                worst,
                seat.tolerance_mm,
                "mm",
            ));
        }
        if let Some(first) = milled.facts.collisions.first() {
            let message = format!(
                "{} faults while milling the nest, the first in {} line {}: {}",
                milled.facts.collisions.len(),
                first.program,
                first.line,
                first.message
            );
            findings.push(Finding::new("nest-faults", Severity::Stop, message));
        }
        let (lo, hi) = (nest.plan.stock.min_mm.mm, nest.plan.stock.max_mm.mm);
        let facts = NestFacts {
            schema: "osteomill.nest/1".into(),
            carries: nest.carries,
            blank: nest.plan.blank.name.clone(),
            block_mm: std::array::from_fn(|a| hi[a] - lo[a]),
            seat_mm2: nest.seat_mm2,
            inset_mm: nest.inset_mm,
            seat_samples: seat.samples,
            seat_mm_min: seat.min_mm,
            seat_mm_max: seat.max_mm,
            seat_highest_part_mm: seat.highest_mm,
            tolerance_mm: seat.tolerance_mm,
            faults: milled.facts.collisions.len(),
            blocks: milled.facts.blocks,
            time_s: milled.facts.time_s,
            findings,
        };
        outputs.add(format!("{folder}/nest.json"), json_bytes(&facts));
        Ok(facts)
    }
}

/// Nests of a case.
pub struct NestStage(pub Nesting);

impl Work for NestStage {
    const ID: &'static str = "nest";
    const REVISION: u32 = 6;
    const NEEDS: &'static [&'static str] = &["scan", "implant", "plan", "review"];
    type Out = Vec<Option<NestFacts>>;
    fn parameters(&self) -> Value {
        self.0.parameters.clone()
    }
    fn work(
        &self,
        board: &Board,
        outputs: &mut Outputs,
        watch: &dyn Watch,
    ) -> Result<Self::Out, StageFailure> {
        self.0.all(&board.get::<Scan>("scan").facts.pseudonym, board, outputs, watch)
    }
}

/// Nest of a part that came without a scan.
pub struct GivenNestStage {
    pub pseudonym: String,
    pub nesting: Nesting,
}

impl Work for GivenNestStage {
    const ID: &'static str = "nest";
    const REVISION: u32 = NestStage::REVISION;
    const NEEDS: &'static [&'static str] = &["implant", "plan", "review"];
    type Out = Vec<Option<NestFacts>>;
    fn parameters(&self) -> Value {
        let mut parameters = self.nesting.parameters.clone();
        parameters["pseudonym"] = self.pseudonym.clone().into();
        parameters
    }
    fn work(
        &self,
        board: &Board,
        outputs: &mut Outputs,
        watch: &dyn Watch,
    ) -> Result<Self::Out, StageFailure> {
        self.nesting.all(&self.pseudonym, board, outputs, watch)
    }
}

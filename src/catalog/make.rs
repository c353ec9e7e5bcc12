//! plan, review, toolpath, post: the accused.

use serde_json::Value;

use crate::model::{
    Bone, BoneSurface, Implant, Operation, Plan, Posted, Reconstruction, Review, Scan, Shop, Watch,
};
use crate::pipeline::{Board, FailureKind, Outputs, StageFailure};
use crate::plan::{PlanParams, job_of, plan_part};
use crate::post::{PostParams, setup_sheet_html, tool_list, write_programs};
use crate::review::{ReviewParams, review_part};
use crate::toolpath::{ToolpathParams, left_on_at_tabs, make_operations};

use super::work::{Work, failed, json_bytes};
use super::{CatalogError, PipelineFile};

/// Setups, blank, holding.
pub struct PlanStage {
    params: PlanParams,
    parameters: Value,
    shop: Shop,
}

impl PlanStage {
    pub fn new(file: &PipelineFile) -> Result<Self, CatalogError> {
        let (params, table) = file.table("plan")?;
        skin_agrees(file, &table)?;
        let parameters = serde_json::json!({ "plan": table, "shop": file.shop });
        Ok(Self { params, parameters, shop: file.shop.clone() })
    }
}

/// What the plan takes the finishing balls to meet is what the toolpath leaves for them.
fn skin_agrees(file: &PipelineFile, plan: &Value) -> Result<(), CatalogError> {
    let (_, toolpath) = file.table::<ToolpathParams>("toolpath")?;
    let number = |of: &Value, key: &str| of[key].as_f64().unwrap_or(f64::NAN);
    let (planned, allowance, scallop) = (
        number(plan, "finish_skin_mm"),
        number(&toolpath, "semi_allowance_mm"),
        number(&toolpath, "semi_scallop_mm"),
    );
    // Decimal sums are not exact in binary.
    if (planned - allowance - scallop).abs() < 1e-9 {
        return Ok(());
    }
    let reason = format!(
        "finish_skin_mm is {planned}, but the toolpath leaves semi_allowance_mm {allowance} + semi_scallop_mm {scallop} = {:.4}: the \
         plan computes what tool and plate bend from it; set it to that",
        allowance + scallop
    );
    Err(CatalogError::Table { table: "plan", reason })
}

impl Work for PlanStage {
    const ID: &'static str = "plan";
    const REVISION: u32 = 9;
    const NEEDS: &'static [&'static str] = &["implant"];
    type Out = Vec<Plan>;
    fn parameters(&self) -> Value {
        self.parameters.clone()
    }
    fn work(&self, board: &Board, outputs: &mut Outputs, _: &dyn Watch) -> Result<Vec<Plan>, StageFailure> {
        let implants: &Vec<Implant> = board.get("implant");
        let mut plans = Vec::new();
        for implant in implants {
            let plan = plan_part(implant, &self.shop, &self.params).map_err(failed(FailureKind::Refused))?;
            outputs.add(format!("part-{}/plan.json", implant.number), json_bytes(&plan));
            plans.push(plan);
        }
        Ok(plans)
    }
}

/// Manufacturability.
pub struct ReviewStage(ReviewParams, Value);

impl ReviewStage {
    pub fn new(file: &PipelineFile) -> Result<Self, CatalogError> {
        file.table("review").map(|(p, v)| Self(p, v))
    }
}

impl Work for ReviewStage {
    const ID: &'static str = "review";
    const REVISION: u32 = 7;
    const NEEDS: &'static [&'static str] = &["scan", "bone", "surface", "reconstruction", "implant", "plan"];
    type Out = Vec<Review>;
    fn parameters(&self) -> Value {
        self.1.clone()
    }
    fn work(&self, board: &Board, outputs: &mut Outputs, _: &dyn Watch) -> Result<Vec<Review>, StageFailure> {
        let implants: &Vec<Implant> = board.get("implant");
        let plans: &Vec<Plan> = board.get("plan");
        let mut reviews = Vec::new();
        for (implant, plan) in implants.iter().zip(plans) {
            let review = review_part(
                implant,
                plan,
                &board.get::<Scan>("scan").facts,
                &board.get::<Bone>("bone").facts,
                &board.get::<BoneSurface>("surface").facts,
                &board.get::<Reconstruction>("reconstruction").facts,
                &self.0,
            );
            outputs.add(format!("part-{}/review.json", implant.number), json_bytes(&review));
            reviews.push(review);
        }
        Ok(reviews)
    }
}

/// Tool motions; none for a part that the review stopped.
pub struct ToolpathStage(ToolpathParams, Value);

impl ToolpathStage {
    pub fn new(file: &PipelineFile) -> Result<Self, CatalogError> {
        file.table("toolpath").map(|(p, v)| Self(p, v))
    }
}

impl Work for ToolpathStage {
    const ID: &'static str = "toolpath";
    const REVISION: u32 = 11;
    const NEEDS: &'static [&'static str] = &["implant", "plan", "review"];
    type Out = Vec<Vec<Operation>>;
    fn parameters(&self) -> Value {
        self.1.clone()
    }
    fn work(
        &self,
        board: &Board,
        _: &mut Outputs,
        watch: &dyn Watch,
    ) -> Result<Vec<Vec<Operation>>, StageFailure> {
        let implants: &Vec<Implant> = board.get("implant");
        let plans: &Vec<Plan> = board.get("plan");
        let reviews: &Vec<Review> = board.get("review");
        let mut all = Vec::new();
        for ((implant, plan), review) in implants.iter().zip(plans).zip(reviews) {
            all.push(if review.stops() {
                Vec::new()
            } else {
                make_operations(implant, plan, &self.0, watch).map_err(failed(FailureKind::Refused))?
            });
        }
        Ok(all)
    }
}

/// Text of the programs, with what the judge and the machinist need beside it.
pub struct PostStage {
    params: PostParams,
    approved: bool,
}

impl PostStage {
    pub fn new(file: &PipelineFile, approved: bool) -> Result<Self, CatalogError> {
        let (params, _) = file.table("post")?;
        Ok(Self { params, approved })
    }
}

impl Work for PostStage {
    const ID: &'static str = "post";
    const REVISION: u32 = 7;
    const NEEDS: &'static [&'static str] = &["scan", "implant", "plan", "toolpath"];
    type Out = Vec<Posted>;
    fn parameters(&self) -> Value {
        serde_json::json!({ "dialect": self.params.dialect(), "approved": self.approved })
    }
    fn work(&self, board: &Board, outputs: &mut Outputs, _: &dyn Watch) -> Result<Vec<Posted>, StageFailure> {
        let scan: &Scan = board.get("scan");
        let implants: &Vec<Implant> = board.get("implant");
        let plans: &Vec<Plan> = board.get("plan");
        let operations: &Vec<Vec<Operation>> = board.get("toolpath");
        implants
            .iter()
            .zip(plans)
            .zip(operations)
            .map(|((implant, plan), operations)| {
                posted(&scan.facts.pseudonym, implant, plan, operations, self, outputs)
            })
            .collect()
    }
}

/// The programs of one part, with job, tools and sheet among the outputs; none for a part that the review stopped.
pub(super) fn posted(
    pseudonym: &str,
    implant: &Implant,
    plan: &Plan,
    operations: &[Operation],
    post: &PostStage,
    outputs: &mut Outputs,
) -> Result<Posted, StageFailure> {
    if operations.is_empty() {
        return Ok(Posted::default());
    }
    let title = format!("{pseudonym} part {}", implant.number);
    let programs = write_programs(operations, plan, &title, post.approved, &post.params)
        .map_err(failed(FailureKind::Refused))?;
    let folder = format!("part-{}/program", implant.number);
    for program in &programs {
        outputs.add(format!("{folder}/{}", program.file), program.text.clone().into_bytes());
    }
    let job = job_of(plan, &programs, &left_on_at_tabs(implant, plan, operations));
    let job_toml = toml::to_string_pretty(&job).map_err(failed(FailureKind::Refused))?;
    outputs.add(format!("{folder}/job.toml"), job_toml.clone().into_bytes());
    outputs.add(format!("{folder}/tools.json"), json_bytes(&tool_list(plan, operations, &programs)));
    let sheet = setup_sheet_html(implant, plan, operations, &programs, &title, post.approved)
        .map_err(failed(FailureKind::Refused))?;
    outputs.add(format!("{folder}/setup-sheet.html"), sheet.into_bytes());
    Ok(Posted { programs, job_toml })
}

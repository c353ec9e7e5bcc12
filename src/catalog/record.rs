//! The record of the case.

use serde_json::Value;

use crate::model::{
    Bone, BoneSurface, Implant, Inspection, Milled, NestFacts, Plan, Posted, Prices, Reconstruction, Review,
    Scan, Watch,
};
use crate::pipeline::{Board, Outputs, StageFailure};
use crate::record::{
    CaseVerdict, Evidence, first_article, judge_case, non_conformance, report_html, report_pdf,
};

use super::work::{Work, json_bytes};
use super::{CatalogError, PipelineFile};

/// Report, verdict, first article.
pub struct RecordStage {
    parameters: Value,
    prices: Prices,
}

impl RecordStage {
    pub fn new(file: &PipelineFile) -> Result<Self, CatalogError> {
        Ok(Self { parameters: file.as_json()?, prices: file.prices.clone() })
    }
}

impl Work for RecordStage {
    const ID: &'static str = "record";
    const REVISION: u32 = 9;
    const NEEDS: &'static [&'static str] = &[
        "scan",
        "bone",
        "surface",
        "reconstruction",
        "implant",
        "plan",
        "review",
        "post",
        "nest",
        "milling",
        "inspect",
    ];
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
        let scan: &Scan = board.get("scan");
        let bone: &Bone = board.get("bone");
        let surface: &BoneSurface = board.get("surface");
        let missing: &Reconstruction = board.get("reconstruction");
        let evidence = Evidence {
            scan,
            bone,
            surface,
            missing,
            implants: board.get::<Vec<Implant>>("implant"),
            plans: board.get::<Vec<Plan>>("plan"),
            reviews: board.get::<Vec<Review>>("review"),
            posted: board.get::<Vec<Posted>>("post"),
            nests: board.get::<Vec<Option<NestFacts>>>("nest"),
            milled: board.get::<Vec<Option<Milled>>>("milling"),
            inspections: board.get::<Vec<Option<Inspection>>>("inspect"),
            parameters: &self.parameters,
            prices: &self.prices,
        };
        let verdict = judge_case(&evidence);
        outputs.add("record/verdict.json", json_bytes(&verdict));
        outputs.add("record/first-article.json", json_bytes(&first_article(&evidence)));
        if let Some(record) = non_conformance(&evidence, verdict.verdict, &verdict.reasons) {
            outputs.add("record/non-conformance.json", json_bytes(&record));
        }
        watch.note("pictures and report");
        let (html, pdf) =
            rayon::join(|| report_html(&evidence, &verdict), || report_pdf(&evidence, &verdict));
        outputs.add("report/report.html", html.into_bytes());
        outputs.add("report/report.pdf", pdf);
        Ok(verdict)
    }
}

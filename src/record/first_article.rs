//! First-article tables in the manner of AS9102 (own layout; the form itself is SAE's) and non-conformance records.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Characteristic, Verdict};

use super::Evidence;

/// One part's tables.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct FirstArticle {
    /// `osteomill.first-article/1`.
    pub schema: String,
    /// One entry per part.
    pub parts: Vec<FirstArticlePart>,
}

/// Part, product and characteristic accountability of one part.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct FirstArticlePart {
    /// `part-1` …
    pub part: String,
    /// Pseudonym of the case.
    pub case: String,
    /// Material and the standard of its grade.
    pub material: String,
    /// The standard.
    pub material_standard: String,
    /// Lot or heat of this very part; filled in at the machine.
    pub material_lot: String,
    /// Blank from the catalogue.
    pub blank: String,
    /// Programs.
    pub programs: Vec<String>,
    /// Every characteristic with its result.
    pub characteristics: Vec<Characteristic>,
}

/// `record/first-article.json`.
pub fn first_article(e: &Evidence) -> FirstArticle {
    let parts = e
        .implants
        .iter()
        .enumerate()
        .map(|(n, implant)| FirstArticlePart {
            part: format!("part-{}", implant.number),
            case: e.scan.facts.pseudonym.clone(),
            material: e.plans.get(n).map_or_else(String::new, |p| p.material.name.clone()),
            material_standard: e
                .plans
                .get(n)
                .map_or_else(String::new, |p| p.material.implant_standard.clone()),
            material_lot: String::new(),
            blank: e.plans.get(n).map_or_else(String::new, |p| p.blank.name.clone()),
            programs: e
                .posted
                .get(n)
                .map_or_else(Vec::new, |p| p.programs.iter().map(|p| p.file.clone()).collect()),
            characteristics: e
                .inspections
                .get(n)
                .and_then(Option::as_ref)
                .map_or_else(Vec::new, |i| i.facts.characteristics.clone()),
        })
        .collect();
    FirstArticle { schema: "osteomill.first-article/1".into(), parts }
}

/// `record/non-conformance.json`: what a reject must be disposed of by.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct NonConformance {
    /// `osteomill.non-conformance/1`.
    pub schema: String,
    /// Pseudonym of the case.
    pub case: String,
    /// What does not conform.
    pub reasons: Vec<String>,
    /// Characteristics that failed.
    pub failed: Vec<Characteristic>,
    /// Open until a named person decides.
    pub disposition: String,
}

/// The record of a rejected case; `None` for any other.
pub fn non_conformance(e: &Evidence, verdict: Verdict, reasons: &[String]) -> Option<NonConformance> {
    (verdict == Verdict::Reject).then(|| NonConformance {
        schema: "osteomill.non-conformance/1".into(),
        case: e.scan.facts.pseudonym.clone(),
        reasons: reasons.to_vec(),
        failed: e
            .inspections
            .iter()
            .flatten()
            .flat_map(|i| i.facts.characteristics.iter().filter(|c| !c.pass).cloned())
            .collect(),
        disposition: "open".into(),
    })
}

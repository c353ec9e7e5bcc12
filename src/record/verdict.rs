//! What the case comes to.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Finding, NestFacts, Plan, Severity, Verdict};

use super::Evidence;

/// A number with its name and unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Number {
    /// For people.
    pub name: String,
    /// The value; absent where it was not measured.
    pub value: Option<f64>,
    /// Its unit.
    pub unit: String,
    /// Digits after the point when printed.
    pub digits: usize,
}

impl Number {
    /// The value with its digits and unit.
    pub fn text(&self) -> String {
        match self.value {
            Some(v) => format!("{v:.*} {}", self.digits, self.unit).trim_end().to_owned(),
            None => "not measured".to_owned(),
        }
    }
}

/// `record/verdict.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseVerdict {
    /// `osteomill.verdict/1`.
    pub schema: String,
    /// What the case comes to.
    pub verdict: Verdict,
    /// Why, worst first.
    pub reasons: Vec<String>,
    /// The five numbers that matter, of the first part.
    pub numbers: Vec<Number>,
}

impl CaseVerdict {
    /// Reads it from a case.
    ///
    /// # Errors
    /// The reason as text.
    pub fn read(path: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
        serde_json::from_slice(&bytes).map_err(|e| e.to_string())
    }
}

pub(super) fn rank(v: Verdict) -> u8 {
    match v {
        Verdict::None => 0,
        Verdict::Accept => 1,
        Verdict::Review => 2,
        Verdict::Reject => 3,
    }
}

/// Findings that ask for a person, as verdict and reason. A `change` of the scan counts as well: a scan that is
/// readable but unfit is drawn and never accepted.
pub(super) fn asks(finding: &Finding, from_scan: bool) -> Option<(Verdict, String)> {
    let verdict = match finding.severity {
        Severity::Stop => Verdict::Reject,
        Severity::Review => Verdict::Review,
        Severity::Change if from_scan => Verdict::Review,
        Severity::Change | Severity::Note => return None,
    };
    let number = match (finding.measured, finding.limit) {
        (Some(m), Some(l)) => format!(" ({m:.3} {u}, limit {l:.3} {u})", u = finding.unit),
        _ => String::new(),
    };
    Some((verdict, format!("{}: {}{number}", finding.id, finding.message)))
}

/// What the nest of a milled part asks for.
pub(super) fn of_nest(plan: &Plan, nest: Option<&NestFacts>, milled: bool) -> Vec<(Verdict, String)> {
    match nest {
        Some(nest) => nest.findings.iter().filter_map(|f| asks(f, false)).collect(),
        None if milled && plan.nest.is_some() => {
            vec![(Verdict::Reject, "the nest that the plan asks for was not made".to_owned())]
        }
        None => Vec::new(),
    }
}

/// The worst that any stage asks for, with every reason; `none` where no defect was found.
pub fn judge_case(e: &Evidence) -> CaseVerdict {
    let mut asked: Vec<(Verdict, String)> = Vec::new();
    asked.extend(e.scan.facts.findings.iter().filter_map(|f| asks(f, true)));
    let upstream =
        e.bone.facts.findings.iter().chain(&e.surface.facts.findings).chain(&e.missing.facts.findings);
    asked.extend(upstream.filter_map(|f| asks(f, false)));
    for (n, implant) in e.implants.iter().enumerate() {
        asked.extend(implant.facts.findings.iter().filter_map(|f| asks(f, false)));
        match e.reviews.get(n) {
            Some(review) => asked.extend(review.findings.iter().filter_map(|f| asks(f, false))),
            None => asked.push((Verdict::Reject, format!("part {}: was not reviewed", implant.number))),
        }
        let nest = e.nests.get(n).and_then(Option::as_ref);
        let milled = e.milled.get(n).is_some_and(Option::is_some);
        asked.extend(e.plans.get(n).into_iter().flat_map(|plan| of_nest(plan, nest, milled)));
        match e.inspections.get(n).and_then(Option::as_ref) {
            Some(i) => {
                asked.extend(i.facts.findings.iter().filter_map(|f| asks(f, false)));
                asked.extend(i.facts.reasons.iter().map(|r| (i.facts.verdict, r.clone())));
                if rank(i.facts.verdict) > rank(Verdict::Accept) && i.facts.reasons.is_empty() {
                    asked.push((i.facts.verdict, format!("part {}: inspection", implant.number)));
                }
                if i.facts.fit.is_none() {
                    asked.push((
                        Verdict::Reject,
                        format!("part {}: was not measured against the bone", implant.number),
                    ));
                }
            }
            None => asked.push((
                Verdict::Reject,
                format!("part {}: the review stopped it; nothing was milled or measured", implant.number),
            )),
        }
        if let Some(m) = e.milled.get(n).and_then(Option::as_ref)
            && let Some(first) = m.facts.collisions.first()
        {
            asked.push((
                Verdict::Reject,
                format!(
                    "{} faults while milling, the first in {} line {}: {}",
                    m.facts.collisions.len(),
                    first.program,
                    first.line,
                    first.message
                ),
            ));
        }
    }
    if e.implants.len() < e.missing.facts.defects.len() {
        asked.push((Verdict::Review, "a defect has no implant".to_owned()));
    }
    let start = if e.missing.facts.defects.is_empty() { Verdict::None } else { Verdict::Accept };
    let verdict = asked.iter().map(|a| a.0).fold(start, |w, v| if rank(v) > rank(w) { v } else { w });
    asked.sort_by_key(|a| std::cmp::Reverse(rank(a.0)));
    let mut reasons: Vec<String> = Vec::new();
    for (v, text) in asked {
        if rank(v) > rank(Verdict::Accept) && !reasons.contains(&text) {
            reasons.push(text);
        }
    }
    CaseVerdict { schema: "osteomill.verdict/1".into(), verdict, reasons, numbers: numbers(e) }
}

fn numbers(e: &Evidence) -> Vec<Number> {
    let number = |name: &str, value: Option<f64>, unit: &str, digits| Number {
        name: name.into(),
        value,
        unit: unit.into(),
        digits,
    };
    let inspection = e.inspections.first().and_then(Option::as_ref).map(|i| &i.facts);
    let fit = inspection.and_then(|i| i.fit.as_ref());
    let surface = inspection.map(|i| &i.surface);
    vec![
        number(
            "missing bone, outer area",
            e.missing.facts.defects.first().map(|d| d.area_mm2 / 100.0),
            "cm²",
            1,
        ),
        number("gap error on the free rim, P95", fit.map(|f| f.gap_error_mm_p95_abs), "mm", 3),
        number("interference with bone", fit.map(|f| f.interference_mm3), "mm³", 3),
        number(
            "milled surface within 25.4 µm of the design",
            surface.map(|s| s.fraction_within_tolerance * 100.0),
            "%",
            3,
        ),
        number(
            "largest deviation, milled against design",
            surface.map(|s| s.deviation_mm.max.max(-s.deviation_mm.min) * 1000.0),
            "µm",
            1,
        ),
    ]
}

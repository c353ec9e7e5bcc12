//! Verdict and report of a part that came as a mesh: milled against design, with nothing to fit.

use minijinja::value::Serde;

use crate::model::{Implant, Inspection, Milled, NestFacts, Plan, Prices, Program, Review, Verdict};

use super::deviation;
use super::html::{Figure, figure, marked, operations, pages};
use super::quotation::quotation;
use super::sensitivity::off;
use super::verdict::{CaseVerdict, Number, asks, of_nest, rank};

/// What the chain of `mill` produced.
pub struct PartEvidence<'a> {
    /// What the part is called.
    pub pseudonym: &'a str,
    /// The design.
    pub implant: &'a Implant,
    /// How it is made.
    pub plan: &'a Plan,
    /// What the review says.
    pub review: &'a Review,
    /// Programs; none where the review stopped it.
    pub programs: &'a [Program],
    /// Its nest, where it has one.
    pub nest: Option<&'a NestFacts>,
    /// The milled part.
    pub milled: Option<&'a Milled>,
    /// Its inspection.
    pub inspection: Option<&'a Inspection>,
    /// What the shop charges, as far as it says.
    pub prices: &'a Prices,
}

/// The worst that review, milling and inspection ask for, with every reason.
pub fn judge_part(e: &PartEvidence) -> CaseVerdict {
    let mut asked: Vec<(Verdict, String)> = e.review.findings.iter().filter_map(|f| asks(f, false)).collect();
    asked.extend(of_nest(e.plan, e.nest, e.milled.is_some()));
    match e.inspection {
        Some(i) => {
            asked.extend(i.facts.findings.iter().filter_map(|f| asks(f, false)));
            asked.extend(i.facts.reasons.iter().map(|r| (i.facts.verdict, r.clone())));
            if rank(i.facts.verdict) > rank(Verdict::Accept) && i.facts.reasons.is_empty() {
                asked.push((i.facts.verdict, "inspection".into()));
            }
        }
        None => asked.push((Verdict::Reject, "nothing was milled or measured".into())),
    }
    match e.milled {
        Some(m) => {
            if let Some(first) = m.facts.collisions.first() {
                let count = m.facts.collisions.len();
                asked.push((
                    Verdict::Reject,
                    format!(
                        "{count} faults while milling, the first in {} line {}: {}",
                        first.program, first.line, first.message
                    ),
                ));
            }
        }
        None => asked.push((Verdict::Reject, "the review stopped it".into())),
    }
    let verdict =
        asked.iter().map(|a| a.0).fold(Verdict::Accept, |w, v| if rank(v) > rank(w) { v } else { w });
    asked.sort_by_key(|a| std::cmp::Reverse(rank(a.0)));
    let mut reasons: Vec<String> = Vec::new();
    for (v, text) in asked {
        if rank(v) > rank(Verdict::Accept) && !reasons.contains(&text) {
            reasons.push(text);
        }
    }
    let surface = e.inspection.map(|i| &i.facts.surface);
    let number = |name: &str, value: Option<f64>, unit: &str, digits| Number {
        name: name.into(),
        value,
        unit: unit.into(),
        digits,
    };
    let numbers = vec![
        number(
            "milled surface within 25.4 µm of the design",
            surface.map(|s| s.fraction_within_tolerance * 100.0),
            "%",
            3,
        ),
        number("most material left on", surface.map(|s| s.deviation_mm.max * 1000.0), "µm", 1),
        number("deepest gouge", surface.map(|s| s.deviation_mm.min * 1000.0), "µm", 1),
        number("left out as tab witnesses", surface.map(|s| s.excluded_mm2), "mm²", 1),
        number("time at the machine", e.milled.map(|m| m.facts.time_s / 60.0), "min", 0),
    ];
    CaseVerdict { schema: "osteomill.verdict/1".into(), verdict, reasons, numbers }
}

/// One page, no network.
pub fn part_html(e: &PartEvidence, verdict: &CaseVerdict) -> String {
    let maps: Vec<Figure> = e.inspection.map_or_else(Vec::new, |i| {
        let tolerance = i.facts.surface.tolerance_mm;
        let [out, back] = deviation::maps(e.implant, &i.vertex_deviation_mm, tolerance, 460);
        vec![figure("from part +z", None, &out), figure("from part -z", None, &back)]
    });
    let numbers: Vec<(String, String)> = verdict.numbers.iter().map(|n| (n.name.clone(), n.text())).collect();
    let programs: Vec<(String, usize)> =
        e.programs.iter().map(|p| (p.file.clone(), p.text.lines().count())).collect();
    let (marks, findings) = marked(e.implant, &e.review.findings);
    pages()
        .get_template("part.html")
        .and_then(|t| {
            t.render(Serde(serde_json::json!({
                "version": env!("CARGO_PKG_VERSION"),
                "pseudonym": e.pseudonym,
                "verdict": verdict.verdict,
                "reasons": verdict.reasons,
                "numbers": numbers,
                "part": e.implant.facts,
                "plan": e.plan,
                "findings": findings,
                "marks": marks,
                "operations": operations(e.plan, e.programs, e.milled),
                "quotation": quotation(e.plan, e.milled.map(|m| &m.facts), e.nest, e.prices),
                "programs": programs,
                "milling": e.milled.map(|m| &m.facts),
                "inspection": e.inspection.map(|i| &i.facts),
                "off": e.inspection.and_then(|i| off(&i.facts)),
                "maps": maps,
            })))
        })
        .expect("the template fits its data")
}

//! Is it an implant grade, and one and the same throughout.

use crate::model::{Finding, Implant, Plan, Severity};

pub(super) fn check(implant: &Implant, plan: &Plan) -> Vec<Finding> {
    let mut out = Vec::new();
    if plan.material.implant_standard.trim().is_empty() {
        out.push(Finding::new(
            "grade",
            Severity::Stop,
            format!(
                "{} carries no implant standard; an implant needs a grade such as ASTM F2026, F136, F67, F1537 or F138: \
                 choose another material",
                plan.material.name
            ),
        ));
    }
    if implant.facts.material != plan.material_key || plan.blank.material != plan.material_key {
        out.push(Finding::new(
            "material-mismatch",
            Severity::Stop,
            format!(
                "the implant is designed in {}, planned in {} and cut from {}; run design and plan again with one material",
                implant.facts.material, plan.material_key, plan.blank.material
            ),
        ));
    }
    out
}

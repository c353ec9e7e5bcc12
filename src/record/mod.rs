//! Everything an auditor needs: the case's verdict with its reasons, the report, first-article and provenance records.
//!
//! **In** the nouns of every stage. **Out** `report/report.html` (one file, no network), `report/report.pdf`,
//! `record/verdict.json`, `record/first-article.json`, `record/non-conformance.json` for a reject,
//! `record/provenance.json` (an in-toto Statement v1 over every file of the case).
//!
//! **Method** The verdict is the worst that any stage asks for. Pictures are drawn on the CPU by a z-buffer; those of the
//! operations (`operations`) and of the findings (`marks`) have sixteen colours, so that many fit in one file. The
//! quotation prices what `shop/prices.toml` prices and names the keys that it lacks. What small errors on the machine would do, and
//! the model of a shop (`sensitivity`), are shown and decide nothing.
//!
//! **Guarantees** The same bytes for the same case; no name, date or path in any of it. A missing inspection
//! cannot be `accept`.
//!
//! **Limits** The report shows the numbers as measured by the simulation; it says so itself.

mod canvas;
mod deviation;
mod first_article;
mod given;
mod html;
mod marks;
mod operations;
mod pdf;
mod pictures;
mod quotation;
mod raster;
mod section;
mod sensitivity;
mod slices;
mod statement;
#[cfg(test)]
mod tests;
mod verdict;

pub use deviation::colour_of as deviation_colour;
pub use first_article::{FirstArticle, NonConformance, first_article, non_conformance};
pub use given::{PartEvidence, judge_part, part_html};
pub use html::report_html;
pub use pdf::report_pdf;
pub use statement::provenance_statement;
pub use verdict::{CaseVerdict, Number, judge_case};

use crate::model::{
    Bone, BoneSurface, Implant, Inspection, Milled, NestFacts, Plan, Posted, Prices, Reconstruction, Review,
    Scan,
};

/// What the chain produced, as the record reads it; one entry per part in every list.
pub struct Evidence<'a> {
    /// The scan.
    pub scan: &'a Scan,
    /// The bone.
    pub bone: &'a Bone,
    /// Its surface.
    pub surface: &'a BoneSurface,
    /// The missing bone.
    pub missing: &'a Reconstruction,
    /// Implants.
    pub implants: &'a [Implant],
    /// Plans.
    pub plans: &'a [Plan],
    /// Reviews.
    pub reviews: &'a [Review],
    /// Programs.
    pub posted: &'a [Posted],
    /// Nests; none for a part that needs none or that the review stopped.
    pub nests: &'a [Option<NestFacts>],
    /// Milled parts; none for a part that the review stopped.
    pub milled: &'a [Option<Milled>],
    /// Inspections.
    pub inspections: &'a [Option<Inspection>],
    /// Parameters of every stage, as run.
    pub parameters: &'a serde_json::Value,
    /// What the shop charges, as far as it says.
    pub prices: &'a Prices,
}

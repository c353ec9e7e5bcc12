//! What a stage noticed, with the number, the limit and the place; and what the case comes to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a finding asks for, mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing to do.
    Note,
    /// A better value exists; the case may go on.
    Change,
    /// Somebody must look: the case cannot be `accept`.
    Review,
    /// A limit is broken: the case ends in `reject` unless a named person accepts the finding.
    Stop,
}

/// Something noticed, with its number, its limit and its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Stable kebab-case name, for example `slice-step`.
    pub id: String,
    /// What it asks for.
    pub severity: Severity,
    /// One sentence: what was found, what was expected, what to do. No patient identity.
    pub message: String,
    /// The measured number, in `unit`.
    pub measured: Option<f64>,
    /// The limit it was held against, in `unit`.
    pub limit: Option<f64>,
    /// Unit of both numbers.
    pub unit: String,
    /// Where, patient LPS mm.
    pub place_lps_mm: Option<[f64; 3]>,
}

impl Finding {
    /// A finding without a number.
    pub fn new(id: &str, severity: Severity, message: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            severity,
            message: message.into(),
            measured: None,
            limit: None,
            unit: String::new(),
            place_lps_mm: None,
        }
    }

    /// With what was measured, the limit, and the unit of both.
    pub fn measured(mut self, measured: f64, limit: f64, unit: &str) -> Self {
        self.measured = Some(measured);
        self.limit = Some(limit);
        self.unit = unit.into();
        self
    }

    /// With the place in the patient, LPS mm.
    pub fn at(mut self, place_lps_mm: [f64; 3]) -> Self {
        self.place_lps_mm = Some(place_lps_mm);
        self
    }
}

/// What a case comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every check passed and no finding asks for a person.
    Accept,
    /// Readable and drawn, but somebody must look.
    Review,
    /// A limit is broken.
    Reject,
    /// No defect was found.
    None,
}

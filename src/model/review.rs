//! What the manufacturability review came to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::{Finding, Severity};

/// `part-N/review.json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Review {
    /// `osteomill.review/1`.
    pub schema: String,
    /// Every finding of every stage up to here, worst first.
    pub findings: Vec<Finding>,
}

impl Review {
    /// True when a finding ends the case.
    pub fn stops(&self) -> bool {
        self.findings.iter().any(|f| f.severity == Severity::Stop)
    }
}

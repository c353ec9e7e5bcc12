//! `case.json`: what was run, on what, with what outcome.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::Verdict;

/// How a stage stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StageState {
    /// Run in this run.
    Done,
    /// Its inputs were those of an earlier run: kept.
    Kept,
    /// Ended in an error.
    Failed,
}

/// A file a stage wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OutputFile {
    /// Name inside the case.
    pub file: String,
    /// Content.
    pub sha256: String,
}

/// One stage's line in the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StageRecord {
    /// How it stands.
    pub state: StageState,
    /// Sha256 over the stage's name, revision, parameters, and what it needed.
    pub key: String,
    /// Sha256 of what it hands on.
    pub product: String,
    /// Revision of its algorithm.
    pub revision: u32,
    /// Its parameters, as run.
    pub parameters: serde_json::Value,
    /// Wall time of the run that made it, s.
    pub seconds: f64,
    /// Peak resident memory of the process while it ran, MB; 0 where the system does not tell.
    pub peak_mb: f64,
    /// Files it wrote.
    pub outputs: Vec<OutputFile>,
    /// The error, when it failed.
    pub error: Option<String>,
}

/// An input of the case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseInput {
    /// `scan`, `pipeline`, `shop` …
    pub kind: String,
    /// Number of files.
    pub files: usize,
    /// Over the sorted digests of the files.
    pub sha256: String,
}

/// `case.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseFile {
    /// `osteomill.case/1`.
    pub schema: String,
    /// Version of osteomill.
    pub tool_version: String,
    /// Name of the pipeline.
    pub pipeline: String,
    /// Inputs by content.
    pub inputs: Vec<CaseInput>,
    /// Stages in the order they run.
    pub order: Vec<String>,
    /// Stages by name.
    pub stages: BTreeMap<String, StageRecord>,
    /// What the case comes to; absent while it runs or after an error.
    pub verdict: Option<Verdict>,
    /// Why.
    pub reasons: Vec<String>,
    /// Exit code of the run.
    pub exit_code: i32,
    /// Wall time of the last run, s.
    pub seconds: f64,
    /// Highest peak memory of any stage, MB.
    pub peak_mb: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_written_in_small_letters() {
        assert_eq!(serde_json::to_string(&StageState::Kept).unwrap(), "\"kept\"");
    }
}

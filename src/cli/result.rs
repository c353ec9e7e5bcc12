//! What a command comes to: exit codes, errors with a code, and a case's result as printed.

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::Verdict;
use crate::pipeline::{FailureKind, StageFailure};
use crate::store::StoreError;

/// Exit codes.
pub mod exit {
    /// `accept` or `none`.
    pub const ACCEPT: i32 = 0;
    /// Usage or configuration.
    pub const USAGE: i32 = 1;
    /// The scan cannot be read as asked.
    pub const SCAN: i32 = 2;
    /// Some cases of a batch failed.
    pub const SOME_FAILED: i32 = 3;
    /// All cases of a batch failed.
    pub const ALL_FAILED: i32 = 4;
    /// `review` or `reject`.
    pub const NOT_ACCEPTED: i32 = 5;
    /// Out of space or I/O.
    pub const IO: i32 = 7;
    /// The case is locked by another run.
    pub const LOCKED: i32 = 8;
}

/// An error and the exit code it ends in.
pub struct Ended {
    /// Exit code.
    pub code: i32,
    /// For people.
    pub error: anyhow::Error,
}

impl Ended {
    /// With a code of [`exit`].
    pub fn new(code: i32, error: impl Into<anyhow::Error>) -> Self {
        Self { code, error: error.into() }
    }
}

impl From<StoreError> for Ended {
    fn from(e: StoreError) -> Self {
        let code = match e {
            StoreError::Locked => exit::LOCKED,
            StoreError::Io { .. } | StoreError::Ledger(_) => exit::IO,
        };
        Self::new(code, e)
    }
}

impl From<crate::catalog::CatalogError> for Ended {
    fn from(e: crate::catalog::CatalogError) -> Self {
        Self::new(exit::USAGE, e)
    }
}

/// The code for a failed stage.
pub fn code_of(failure: &StageFailure) -> i32 {
    match failure.kind {
        FailureKind::Usage => exit::USAGE,
        FailureKind::Scan | FailureKind::Refused => exit::SCAN,
        FailureKind::Io => exit::IO,
    }
}

/// The code for a verdict.
pub fn code_of_verdict(verdict: Verdict) -> i32 {
    match verdict {
        Verdict::Accept | Verdict::None => exit::ACCEPT,
        Verdict::Review | Verdict::Reject => exit::NOT_ACCEPTED,
    }
}

/// What `run` prints with `--json`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CaseResult {
    /// `osteomill.result/1`.
    pub schema: String,
    /// Exit code.
    pub exit_code: i32,
    /// Verdict; absent after an error or `--until`.
    pub verdict: Option<Verdict>,
    /// Why.
    pub reasons: Vec<String>,
    /// The numbers that matter, with their units in the name.
    pub numbers: Vec<crate::record::Number>,
    /// Report, relative to where the command was run.
    pub report: Option<String>,
    /// Wall time, s.
    pub seconds: f64,
    /// Stages run in this run; the others were kept.
    pub stages_run: Vec<String>,
    /// The error, when it failed.
    pub error: Option<String>,
}

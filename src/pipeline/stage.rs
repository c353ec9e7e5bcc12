//! What a stage is to the runner.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::Watch;

/// What a stage hands on; only the catalogue knows its type.
pub type Noun = Arc<dyn Any + Send + Sync>;

/// Why a stage could not do its work, as far as the exit code needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// Parameters or pipeline (exit code 1).
    Usage,
    /// The scan cannot be read as asked (exit code 2).
    Scan,
    /// Disk (exit code 7).
    Io,
    /// Anything else a stage refuses (exit code 2: the input led there).
    Refused,
}

/// An error of a stage, as it reaches the user.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct StageFailure {
    /// For the exit code.
    pub kind: FailureKind,
    /// What, needed, do.
    pub message: String,
}

impl StageFailure {
    /// From any error, with its chain of causes.
    pub fn new(kind: FailureKind, error: &dyn std::error::Error) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(c) = cause {
            let text = c.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            cause = c.source();
        }
        Self { kind, message }
    }
}

/// Files of a stage, by name inside the case.
#[derive(Default)]
pub struct Outputs {
    /// Name inside the case, content.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Outputs {
    /// Adds a file.
    pub fn add(&mut self, name: impl Into<String>, bytes: Vec<u8>) {
        self.files.insert(name.into(), bytes);
    }
}

/// Nouns of the stages run so far.
#[derive(Default)]
pub struct Board {
    pub(super) nouns: BTreeMap<&'static str, Noun>,
}

impl Board {
    /// The noun of stage `id`, which the asking stage named in its needs.
    ///
    /// # Panics
    /// When it was not named there, or holds another type: a fault of the catalogue.
    pub fn get<T: Any + Send + Sync>(&self, id: &str) -> &T {
        self.nouns
            .get(id)
            .unwrap_or_else(|| panic!("stage `{id}` is not among the needs of the stage that asks for it"))
            .downcast_ref()
            .unwrap_or_else(|| panic!("stage `{id}` hands on another type than asked for"))
    }
}

/// One line of the catalogue.
pub trait Stage {
    /// Name in the ledger and in `--until`.
    fn id(&self) -> &'static str;
    /// Raised when equal inputs may give other bytes.
    fn revision(&self) -> u32;
    /// Stages whose nouns it reads.
    fn needs(&self) -> &'static [&'static str];
    /// What to make: enters the key and the ledger.
    fn parameters(&self) -> serde_json::Value;
    /// Does the work.
    ///
    /// # Errors
    /// A [`StageFailure`] that the user can act on.
    fn run(&self, board: &Board, outputs: &mut Outputs, watch: &dyn Watch) -> Result<Noun, StageFailure>;
    /// The noun as bytes for the case's cache; `None` when [`Stage::revive`] makes it from the input again.
    fn keep(&self, noun: &Noun) -> Option<Vec<u8>>;
    /// The noun back, from the bytes of [`Stage::keep`] (empty when it gave none).
    ///
    /// # Errors
    /// When the bytes do not read; the runner then runs the stage again.
    fn revive(&self, board: &Board, bytes: &[u8], watch: &dyn Watch) -> Result<Noun, StageFailure>;
}

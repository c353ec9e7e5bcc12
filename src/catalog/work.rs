//! From a typed stage to what the runner knows.

use std::any::Any;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::Watch;
use crate::pipeline::{Board, FailureKind, Noun, Outputs, Stage, StageFailure};

/// A stage whose noun is kept in the case's cache.
pub trait Work {
    /// Name in the ledger and in `--until`.
    const ID: &'static str;
    /// Raised when equal inputs may give other bytes.
    const REVISION: u32;
    /// Stages whose nouns it reads.
    const NEEDS: &'static [&'static str];
    /// What it hands on.
    type Out: Serialize + DeserializeOwned + Any + Send + Sync;
    /// What to make.
    fn parameters(&self) -> serde_json::Value;
    /// Does the work.
    ///
    /// # Errors
    /// A [`StageFailure`] that the user can act on.
    fn work(
        &self,
        board: &Board,
        outputs: &mut Outputs,
        watch: &dyn Watch,
    ) -> Result<Self::Out, StageFailure>;
}

impl<W: Work> Stage for W {
    fn id(&self) -> &'static str {
        W::ID
    }
    fn revision(&self) -> u32 {
        W::REVISION
    }
    fn needs(&self) -> &'static [&'static str] {
        W::NEEDS
    }
    fn parameters(&self) -> serde_json::Value {
        Work::parameters(self)
    }
    fn run(&self, board: &Board, outputs: &mut Outputs, watch: &dyn Watch) -> Result<Noun, StageFailure> {
        Ok(Arc::new(self.work(board, outputs, watch)?))
    }
    fn keep(&self, noun: &Noun) -> Option<Vec<u8>> {
        let noun: &W::Out = noun.downcast_ref().expect("the runner hands back what the stage made");
        Some(postcard::to_stdvec(noun).expect("nouns are plain data"))
    }
    fn revive(&self, _: &Board, bytes: &[u8], _: &dyn Watch) -> Result<Noun, StageFailure> {
        let noun: W::Out = postcard::from_bytes(bytes).map_err(|e| StageFailure {
            kind: FailureKind::Io,
            message: format!("the cache does not read: {e}"),
        })?;
        Ok(Arc::new(noun))
    }
}

/// JSON as written in a case: indented, with a line end.
pub fn json_bytes<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("facts are plain data");
    bytes.push(b'\n');
    bytes
}

/// Wraps a room's error for the runner.
pub fn failed<E: std::error::Error>(kind: FailureKind) -> impl Fn(E) -> StageFailure {
    move |e| StageFailure::new(kind, &e)
}

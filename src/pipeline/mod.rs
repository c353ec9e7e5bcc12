//! Runs stages in order, keeps what has not changed, and writes the ledger. It has never heard of a mesh.
//!
//! **In** a list of [`Stage`]s in the order they run, a case folder. **Out** the files of each stage, `case.json`.
//!
//! **Method** A stage's key is the sha256 of its name, revision, parameters and the products of the stages it
//! needs. Where the ledger holds the same key and the files on disk still have their digests, the stage is kept;
//! its noun is revived from the case's cache only when a later stage asks for it.
//!
//! **Guarantees** A stage whose inputs did not change is not run again. A product that comes out equal, although
//! its stage ran again, leaves later stages alone. The ledger is written after every stage.
//!
//! **Limits** Stages run one after the other; parallel work is inside them.

mod memory;
mod run;
mod stage;

pub use run::{RunOutcome, RunSettings, run, write_ledger};
pub use stage::{Board, FailureKind, Noun, Outputs, Stage, StageFailure};

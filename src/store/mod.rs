//! Keeps what the stages made: files written whole or not at all, digests, the case's ledger and lock.
//!
//! **In** bytes and names inside a case folder. **Out** files under their final names, `case.json`.
//!
//! **Method** Bytes go to a temporary name in the same folder, are synced, and take the final name by rename;
//! the folder is synced after. A case is locked by an advisory lock on `.lock`, which the system frees when the
//! process ends, however it ends.
//!
//! **Guarantees** Nothing half-written stands under its final name.
//!
//! **Limits** The lock is advisory: only osteomill heeds it.

mod digest;
mod ledger;
mod write;

pub use digest::{digest_bytes, digest_file, digest_input};
pub use ledger::{CaseFile, CaseInput, OutputFile, StageRecord, StageState};
pub use write::{CaseLock, StoreError, lock_case, write_whole};

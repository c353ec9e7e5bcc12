//! What several tests need: the program, the scans, a case's JSON.
#![allow(dead_code)] // each test file uses its own part of this

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The program under test.
pub fn osteomill() -> Command {
    Command::new(env!("CARGO_BIN_EXE_osteomill"))
}

/// The repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A folder of the real scans; `None`, said clearly, where it is missing.
pub fn scans(sub: &str) -> Option<PathBuf> {
    let base =
        std::env::var_os("OSTEOMILL_SCANS").map_or_else(|| root().join("../shared/scans"), PathBuf::from);
    let folder = base.join(sub);
    if folder.exists() {
        return Some(folder);
    }
    eprintln!("skipped: no scan `{sub}`; set OSTEOMILL_SCANS to the folder of real scans to run this test");
    None
}

/// Runs and hands back the exit code and the output.
pub fn run(command: &mut Command) -> (i32, Output) {
    let output = command.output().expect("the program starts");
    (output.status.code().expect("the program ends by itself"), output)
}

/// A JSON file of a case.
pub fn json(path: &Path) -> serde_json::Value {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A number of a JSON file, by pointer.
pub fn number(value: &serde_json::Value, pointer: &str) -> f64 {
    value
        .pointer(pointer)
        .and_then(serde_json::Value::as_f64)
        .unwrap_or_else(|| panic!("no number at {pointer}"))
}

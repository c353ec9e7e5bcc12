//! Wrong usage ends in 1, an unreadable scan in 2, and the message says what to do.

use crate::common;

use common::{osteomill, root, run};

fn said(args: &[&str]) -> (i32, String) {
    let mut command = osteomill();
    let (code, output) = run(command.args(args).current_dir(root()));
    (code, String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn exit_codes_are_those_of_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("case").display().to_string();
    let empty = dir.path().join("empty");
    std::fs::create_dir_all(&empty).unwrap();
    let empty = empty.display().to_string();
    let peek = "pipelines/cranial-peek.toml";
    assert_eq!(said(&["run"]).0, 1);
    assert_eq!(said(&["fly"]).0, 1);
    let (code, text) = said(&["run", &empty, "--pipeline", "no-such.toml", "--out", &out]);
    assert_eq!(code, 1, "{text}");
    let (code, text) = said(&["run", &empty, "--pipeline", peek, "--out", &out, "--set", "implant.gap=1"]);
    assert_eq!(code, 1);
    assert!(text.contains("implant.gap=1"), "{text}");
    let (code, text) =
        said(&["run", &empty, "--pipeline", peek, "--out", &out, "--set", "implant.gap_mm=-1"]);
    assert_eq!(code, 1);
    assert!(text.contains("gap_mm"), "{text}");
    let (code, text) = said(&["run", &empty, "--pipeline", peek, "--out", &out, "--until", "nowhere"]);
    assert_eq!(code, 1);
    assert!(text.contains("reconstruction"), "the stages there are: {text}");
    assert_eq!(said(&["run", &empty, "--pipeline", peek, "--out", &out]).0, 2);
    let (code, text) = said(&["run", &empty, "--pipeline", peek, "--out", &out, "--implant", "no-such.stl"]);
    assert_eq!(code, 2);
    assert!(text.contains("the implant given is no file"), "{text}");
    assert_eq!(said(&["run", "/no/such/scan", "--pipeline", peek, "--out", &out]).0, 2);
}

#[test]
fn a_case_in_use_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let case = dir.path().join("case");
    let _held = osteomill::store::lock_case(&case).unwrap();
    let scan = dir.path().join("scan");
    std::fs::create_dir_all(&scan).unwrap();
    let (code, _) = said(&[
        "run",
        &scan.display().to_string(),
        "--pipeline",
        "pipelines/cranial-peek.toml",
        "--out",
        &case.display().to_string(),
    ]);
    assert_eq!(code, 8);
}

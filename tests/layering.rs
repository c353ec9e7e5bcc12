//! Who may use whom. An import that is not in the table fails.

use std::path::{Path, PathBuf};

/// Room, and the rooms it may name besides itself.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("geometry", &["model"]),
    ("formats", &["model", "geometry"]),
    ("phantom", &["model", "geometry", "formats"]),
    ("scan", &["model", "geometry", "formats"]),
    ("bone", &["model", "geometry", "formats"]),
    ("surface", &["model", "geometry", "formats"]),
    ("implant", &["model", "geometry", "formats"]),
    ("bench", &["model", "geometry", "formats", "phantom", "bone", "implant"]),
    ("plan", &["model", "geometry", "formats"]),
    ("review", &["model", "geometry", "formats"]),
    ("toolpath", &["model", "geometry", "formats"]),
    ("post", &["model", "geometry", "formats"]),
    ("milling", &["model", "geometry", "formats"]),
    ("inspect", &["model", "geometry", "formats"]),
    ("record", &["model", "geometry", "formats"]),
    ("store", &["model"]),
    ("pipeline", &["model", "store"]),
    (
        "catalog",
        &[
            "model", "formats", "pipeline", "scan", "bone", "surface", "implant", "plan", "review",
            "toolpath", "post", "milling", "inspect", "record",
        ],
    ),
    (
        "cli",
        &[
            "model", "formats", "pipeline", "store", "catalog", "record", "phantom", "scan", "milling",
            "inspect", "bench", "bone", "implant",
        ],
    ),
];

/// Nouns of the model that only these rooms may name: what the judge must not know of the accused.
const ACCUSED_NOUNS: &[&str] = &["Plan", "Operation", "Move", "Tab", "Setup"];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a room is a folder") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files
}

/// Code without comments: a page may speak of any room.
fn code_of(file: &Path) -> String {
    let text = std::fs::read_to_string(file).expect("a source is text");
    text.lines().map(|l| l.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n")
}

/// Rooms named as `crate::room` or inside `crate::{...}`.
fn rooms_named(code: &str) -> Vec<String> {
    let word = |s: &str| s.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut named = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + 7..];
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut start = true;
            for (i, c) in list.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => start = true,
                    c if start && c.is_alphabetic() && depth == 0 => {
                        named.push(word(&list[i..]));
                        start = false;
                    }
                    _ => {}
                }
            }
        } else {
            named.push(word(rest));
        }
    }
    named
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

#[test]
fn every_room_uses_only_the_rooms_below_it() {
    let mut wrong = Vec::new();
    let known: Vec<&str> = MAY_USE.iter().map(|r| r.0).collect();
    for (room, may) in MAY_USE {
        for file in sources(&src().join(room)) {
            for named in rooms_named(&code_of(&file)) {
                if known.contains(&named.as_str()) && named != *room && !may.contains(&named.as_str()) {
                    wrong.push(format!("{} uses {named}", file.strip_prefix(src()).unwrap().display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "imports that are not in the table:\n{}", wrong.join("\n"));
}

#[test]
fn the_table_names_every_room() {
    for entry in std::fs::read_dir(src()).expect("src") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            assert!(MAY_USE.iter().any(|r| r.0 == name), "room {name} is not in the table");
        }
    }
}

#[test]
fn the_judge_does_not_know_the_nouns_of_the_accused() {
    for room in ["milling", "inspect"] {
        for file in sources(&src().join(room)) {
            let code = code_of(&file);
            for noun in ACCUSED_NOUNS {
                let named = code.match_indices(noun).any(|(at, _)| {
                    let before =
                        code[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && c != '_');
                    let after = code[at + noun.len()..]
                        .chars()
                        .next()
                        .is_none_or(|c| !c.is_alphanumeric() && c != '_');
                    let from_model = code.contains("crate::model");
                    before && after && from_model && imports(&code, noun)
                });
                assert!(!named, "{} imports {noun}", file.display());
            }
        }
    }
}

/// True when `noun` stands in a `use crate::model…` line.
fn imports(code: &str, noun: &str) -> bool {
    let flat = code.replace('\n', " ");
    flat.split(';')
        .filter(|s| s.contains("use crate::model"))
        .any(|s| s.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == noun))
}

#[test]
fn a_forbidden_import_is_seen() {
    assert_eq!(rooms_named("use crate::{model::{Mesh, Bone}, toolpath::x};"), ["model", "toolpath"]);
    assert_eq!(rooms_named("use crate::post::write;"), ["post"]);
    assert!(imports("use crate::model::{Plan, Job};", "Plan"));
    assert!(!imports("use crate::model::{Planet};", "Plan"));
}

#[test]
fn every_test_file_is_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let all = std::fs::read_to_string(root.join("tests/all.rs")).unwrap();
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    for entry in std::fs::read_dir(root.join("tests")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_some_and(|e| e == "rs") {
            let alone = manifest.contains(&format!("[[test]]\nname = \"{name}\"\n"));
            let in_all = all.contains(&format!("\nmod {name};\n"));
            assert!(
                alone != in_all,
                "tests/{name}.rs must be in tests/all.rs or in Cargo.toml, and not in both"
            );
        }
    }
}

//! Public test files, one by one: what `docs/transfer-syntaxes.md` says of each is what comes out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use osteomill::scan::{StoredFrames, stored_frames};

/// The folder of the corpus, or `None` with a line that says so.
fn corpus() -> Option<PathBuf> {
    let root = std::env::var_os("OSTEOMILL_SCANS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/scans"), PathBuf::from);
    let path = root.join("reader");
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: no test files for readers; set OSTEOMILL_SCANS to the folder that holds reader/");
    None
}

fn stored(path: &Path) -> Result<Option<StoredFrames>, String> {
    stored_frames(std::fs::read(path).expect("listed, so readable")).map_err(|e| e.to_string())
}

/// As the table writes it.
fn result_of(path: &Path) -> String {
    let text = match stored(path) {
        Ok(None) => "not DICOM".into(),
        Ok(Some(s)) => {
            let frames =
                if s.frames.len() == 1 { "1 frame".into() } else { format!("{} frames", s.frames.len()) };
            match s.no_slice {
                None => format!("{frames}; a slice"),
                Some(why) => format!("{frames}; no slice: {why}"),
            }
        }
        Err(e) => format!("refused: {e}"),
    };
    text.replace("1.2.840.10008.", "")
}

#[test]
fn every_file_comes_out_as_the_table_says() {
    let Some(root) = corpus() else { return };
    let page = include_str!("../docs/transfer-syntaxes.md");
    let rows: BTreeMap<&str, &str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|line| {
            let (file, rest) = line.split_once("` |").expect("a row has columns");
            (file, rest.split('|').nth(1).expect("a row has a result").trim())
        })
        .collect();
    assert!(rows.len() >= 98, "only {} rows", rows.len());
    for (file, said) in rows {
        assert_eq!(result_of(&root.join(file)), said, "{file}");
    }
}

#[test]
fn every_syntax_declared_equal_decodes_to_the_uncompressed_slice() {
    let Some(root) = corpus() else { return };
    let folder = root.join("cornerstone");
    let frame = |path: &Path| stored(path).expect("decodes").expect("DICOM").frames.swap_remove(0);
    let original = frame(&folder.join("CTImage.dcm"));
    let mut seen = 0;
    for (name, within) in [
        ("BigEndianExplicitTransferSyntax_1.2.840.10008.1.2.2", 0),
        ("DeflatedExplicitVRLittleEndianTransferSyntax_1.2.840.10008.1.2.1.99", 0),
        ("LittleEndianExplicitTransferSyntax_1.2.840.10008.1.2.1", 0),
        ("LittleEndianImplicitTransferSyntax_1.2.840.10008.1.2", 0),
        ("JPEG2000LosslessOnlyTransferSyntax_1.2.840.10008.1.2.4.90", 0),
        ("JPEGLSLosslessTransferSyntax_1.2.840.10008.1.2.4.80", 0),
        ("JPEGProcess14SV1TransferSyntax_1.2.840.10008.1.2.4.70", 0),
        ("JPEGProcess14TransferSyntax_1.2.840.10008.1.2.4.57", 0),
        ("RLELosslessTransferSyntax_1.2.840.10008.1.2.5", 0),
        // Lossy as they were made: what their makers declare.
        ("JPEG2000TransferSyntax_1.2.840.10008.1.2.4.91", 5),
        ("JPEGLSLossyTransferSyntax_1.2.840.10008.1.2.4.81", 1),
    ] {
        let values = frame(&folder.join(format!("CTImage.dcm_{name}.dcm")));
        assert_eq!(values.len(), original.len(), "{name}");
        let worst = values.iter().zip(&original).map(|(a, b)| (a - b).abs()).max();
        assert!(worst.is_some_and(|w| w <= within), "{name}: off by {worst:?}, at most {within}");
        seen += 1;
    }
    assert_eq!(seen, 11);
}

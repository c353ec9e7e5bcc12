//! Sha256 of bytes, files and inputs.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::write::StoreError;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Sha256 of `bytes`, 64 hex digits.
pub fn digest_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Sha256 of a file's content.
///
/// # Errors
/// [`StoreError::Io`] when it cannot be read.
pub fn digest_file(path: &Path) -> Result<String, StoreError> {
    let mut file = File::open(path).map_err(|e| StoreError::io("open", path, e))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0u8; 1 << 16];
    loop {
        let n = file.read(&mut buffer).map_err(|e| StoreError::io("read", path, e))?;
        if n == 0 {
            return Ok(hex(&hash.finalize()));
        }
        hash.update(&buffer[..n]);
    }
}

/// Sha256 over the sorted digests of all files of an input (a file, or a folder and what is below it) and of those
/// it draws in from elsewhere (`companions`), and how many there are. Names do not enter: they carry patients' names
/// and change without the content.
///
/// # Errors
/// [`StoreError::Io`], with the file's number in place of its name.
pub fn digest_input(path: &Path, companions: &[PathBuf]) -> Result<(String, usize), StoreError> {
    let mut files: Vec<PathBuf> = companions.iter().filter(|f| f.is_file()).cloned().collect();
    for entry in walkdir::WalkDir::new(path).follow_links(false).sort_by_file_name() {
        let entry = entry.map_err(|e| StoreError::Io {
            what: "list",
            name: "the input".into(),
            source: std::io::Error::other(e.io_error().map_or_else(|| "loop".into(), ToString::to_string)),
        })?;
        if entry.file_type().is_file() {
            files.push(entry.into_path());
        }
    }
    let mut digests = files
        .par_iter()
        .enumerate()
        .map(|(n, f)| {
            digest_file(f).map_err(|e| match e {
                StoreError::Io { what, source, .. } => {
                    StoreError::Io { what, name: format!("file {} of the input", n + 1), source }
                }
                other => other,
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    digests.sort_unstable();
    Ok((digest_bytes(digests.join("\n").as_bytes()), digests.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_an_input_ignores_names_and_sees_content() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(a.path().join("x"), b"1").unwrap();
        std::fs::write(a.path().join("y"), b"2").unwrap();
        std::fs::write(b.path().join("q"), b"2").unwrap();
        std::fs::write(b.path().join("p"), b"1").unwrap();
        assert_eq!(digest_input(a.path(), &[]).unwrap(), digest_input(b.path(), &[]).unwrap());
        let drawn_in = [b.path().join("p")];
        assert_eq!(
            digest_input(&b.path().join("q"), &drawn_in).unwrap(),
            digest_input(a.path(), &[]).unwrap()
        );
        std::fs::write(b.path().join("p"), b"3").unwrap();
        assert_ne!(digest_input(a.path(), &[]).unwrap().0, digest_input(b.path(), &[]).unwrap().0);
        // Known answer: FIPS 180-2, "abc".
        assert!(digest_bytes(b"abc").starts_with("ba7816bf8f01cfea"));
    }
}

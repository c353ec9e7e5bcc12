//! Files below a folder.

use std::path::Path;

use super::{ContainerError, Files, Kind, Source, dicomdir, head_of, kind_of};
use crate::model::{Finding, Severity};

/// A study of five thousand slices is large; a disk has millions.
const FILES_MAX: usize = 200_000;
/// Media nest to patient, study, series, files; exports of archives somewhat deeper.
const DEPTH_MAX: usize = 32;

/// What a DICOMDIR at the top refers to, else every plain file below, in order of name.
///
/// # Errors
/// [`ContainerError`] for what cannot be listed, and for a DICOMDIR that refers out of the folder.
pub fn files(folder: &Path) -> Result<Files, ContainerError> {
    let mut found = below(folder)?;
    let Some(directory) = directory_of(folder) else { return Ok(found) };
    let note = |severity, message: String| Finding::new("dicomdir", severity, message);
    match dicomdir::files(&directory, folder) {
        Ok(listed) => {
            let beside = found.files.len().saturating_sub(listed.files.files.len() + 1);
            found.files = listed.files.files;
            if beside > 0 {
                found.findings.push(note(
                    Severity::Note,
                    format!("{beside} files that the folder's DICOMDIR does not list were left out"),
                ));
            }
        }
        Err(e @ ContainerError::Leaves { .. }) => return Err(e),
        // Parts of a medium are copied with its whole directory; the files are what counts, but some may be missing.
        Err(e) => found.findings.push(note(
            Severity::Review,
            format!("every file of the folder was read, since {e}; make sure that no slice is missing"),
        )),
    }
    Ok(found)
}

/// Every plain file below. Links are counted, not followed; sockets, pipes and devices are passed over.
fn below(folder: &Path) -> Result<Files, ContainerError> {
    let too_many = ContainerError::TooMany { max: FILES_MAX, depth: DEPTH_MAX };
    let mut found = Files::default();
    let mut links = 0;
    for entry in
        walkdir::WalkDir::new(folder).follow_links(false).max_depth(DEPTH_MAX + 1).sort_by_file_name()
    {
        let entry = entry.map_err(|e| ContainerError::NoScan {
            reason: e.io_error().map_or(std::io::ErrorKind::Other, std::io::Error::kind),
        })?;
        if entry.depth() > DEPTH_MAX {
            return Err(too_many);
        }
        if entry.file_type().is_file() {
            found.files.push(Source::File(entry.into_path()));
        } else if entry.depth() > 0 && entry.file_type().is_symlink() {
            links += 1;
        }
        if found.files.len() + links > FILES_MAX {
            return Err(too_many);
        }
    }
    if links > 0 {
        found.findings.push(
            Finding::new(
                "links-not-followed",
                Severity::Review,
                format!(
                    "the folder holds {links} symbolic links, which are not followed: slices behind them are missing; \
                     copy the files themselves"
                ),
            )
            .measured(links as f64, 0.0, "links"),
        );
    }
    Ok(found)
}

/// The bytes of a DICOMDIR at the top of the folder, however its name is spelled.
fn directory_of(folder: &Path) -> Option<Vec<u8>> {
    let mut entries: Vec<_> = std::fs::read_dir(folder).ok()?.filter_map(Result::ok).collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    let entry = entries.into_iter().find(|e| {
        let name = e.file_name().to_string_lossy().to_ascii_uppercase();
        dicomdir::plain(&name) == "DICOMDIR" && e.file_type().is_ok_and(|t| t.is_file())
    })?;
    let head = head_of(&entry.path()).ok()?;
    (kind_of(&head) == Kind::Dicomdir).then(|| std::fs::read(entry.path()).ok()).flatten()
}

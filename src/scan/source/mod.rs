//! The containers a scan comes in: what files a path holds, on disk or in memory.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::ScanError;

/// One file of a scan.
#[derive(Clone, Debug)]
pub enum Source {
    /// On disk.
    File(PathBuf),
    /// Unpacked from a container.
    Memory(Arc<[u8]>),
}

impl Source {
    /// All bytes. `number` counts the files of the scan from 1, for the message.
    ///
    /// # Errors
    /// [`ScanError::Unreadable`] from the disk.
    pub fn read(&self, number: usize) -> Result<Cow<'_, [u8]>, ScanError> {
        match self {
            Self::File(path) => std::fs::read(path)
                .map(Cow::Owned)
                .map_err(|e| ScanError::Unreadable { number, reason: e.kind() }),
            Self::Memory(bytes) => Ok(Cow::Borrowed(bytes)),
        }
    }
}

/// Every file below `path`, in order of name.
///
/// # Errors
/// [`ScanError::NoFolder`] when it cannot be listed.
pub fn files_below(path: &Path) -> Result<Vec<Source>, ScanError> {
    // The path itself stays out of the message: folders carry patients' names.
    let listed = std::fs::read_dir(path).map_err(|e| ScanError::NoFolder { reason: e.kind() });
    listed?;
    let mut files = Vec::new();
    for entry in walkdir::WalkDir::new(path).sort_by_file_name() {
        let entry = entry.map_err(|e| ScanError::NoFolder {
            reason: e.io_error().map_or(std::io::ErrorKind::Other, std::io::Error::kind),
        })?;
        if entry.file_type().is_file() {
            files.push(Source::File(entry.into_path()));
        }
    }
    Ok(files)
}

//! Whole files and the case's lock.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

/// What can go wrong on disk. File names inside a case carry no patient identity and may be shown.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refused.
    #[error("cannot {what} {name}: {source}; check the folder's rights and free space")]
    Io {
        /// `write`, `read`, `create` …
        what: &'static str,
        /// Name inside the case.
        name: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Another run works on the case.
    #[error("this case is locked by another run: wait for it to end, or choose another --out")]
    Locked,
    /// The ledger does not read.
    #[error("case.json does not read: {0}; move it away to start the case afresh")]
    Ledger(String),
}

impl StoreError {
    /// Names the file and what was tried.
    pub fn io(what: &'static str, path: &Path, source: std::io::Error) -> Self {
        let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        Self::Io { what, name, source }
    }
}

/// Writes `bytes` under `path`, creating its folder: whole, or not at all.
///
/// # Errors
/// [`StoreError::Io`] with what was tried.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|e| StoreError::io("create", folder, e))?;
    let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let temporary = folder.join(format!(".{name}.{}.part", std::process::id()));
    let written = (|| {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&temporary, path)?;
        // Where a folder can be opened (Unix), its entry is made durable too.
        if let Ok(f) = File::open(folder) {
            f.sync_all().ok();
        }
        Ok(())
    })();
    written.map_err(|e| {
        fs::remove_file(&temporary).ok();
        StoreError::io("write", path, e)
    })
}

/// Holds a case for one run; freed when dropped or when the process ends.
#[derive(Debug)]
pub struct CaseLock {
    // The guard borrows the lock; the file itself is leaked into it and closed by the system at exit.
    _guard: fd_lock::RwLockWriteGuard<'static, File>,
}

/// Takes the case's lock.
///
/// # Errors
/// [`StoreError::Locked`] when another run holds it.
pub fn lock_case(case: &Path) -> Result<CaseLock, StoreError> {
    fs::create_dir_all(case).map_err(|e| StoreError::io("create", case, e))?;
    let path = case.join(".lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|e| StoreError::io("open", &path, e))?;
    let lock: &'static mut fd_lock::RwLock<File> = Box::leak(Box::new(fd_lock::RwLock::new(file)));
    match lock.try_write() {
        Ok(guard) => Ok(CaseLock { _guard: guard }),
        Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => Err(StoreError::Locked),
        Err(e) => Err(StoreError::io("lock", &path, e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b.txt");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(dir.path().join("a")).unwrap().count(), 1);
    }

    #[test]
    fn a_second_run_finds_the_case_locked() {
        let dir = tempfile::tempdir().unwrap();
        let held = lock_case(dir.path()).unwrap();
        assert!(matches!(lock_case(dir.path()), Err(StoreError::Locked)));
        drop(held);
        assert!(lock_case(dir.path()).is_ok());
    }
}

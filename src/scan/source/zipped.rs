//! A zip of DICOM files, unpacked in memory. Names of entries order them and do nothing else.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use super::{ContainerError, Files, Source};

/// A study of five thousand slices is large.
const ENTRIES_MAX: usize = 50_000;
/// CT packs to a half or a third, a series of air to a twentieth. 96 MiB: a small zip may unpack to that much.
const UNPACKED_BASE: u64 = 96 << 20;
const UNPACKED_PER_BYTE: u64 = 16;

/// Every plain file of the zip, in order of name.
///
/// # Errors
/// [`ContainerError::Zip`], [`ContainerError::ZipEntry`] for damage, encryption and methods that are not read,
/// [`ContainerError::ZipTooLarge`] for a bomb.
pub fn files(path: &Path) -> Result<Files, ContainerError> {
    let file = File::open(path).map_err(|e| ContainerError::NoScan { reason: e.kind() })?;
    let packed = file.metadata().map_err(|e| ContainerError::NoScan { reason: e.kind() })?.len();
    unpack(BufReader::new(file), packed)
}

/// As [`files`], from bytes at hand.
pub fn unpack(bytes: impl Read + Seek, packed: u64) -> Result<Files, ContainerError> {
    let mut archive = zip::ZipArchive::new(bytes).map_err(|e| ContainerError::Zip { reason: cannot(&e) })?;
    let count = archive.len();
    if count > ENTRIES_MAX {
        let reason = format!("has {count} entries, more than {ENTRIES_MAX}");
        return Err(ContainerError::Zip { reason });
    }
    let max = UNPACKED_BASE + UNPACKED_PER_BYTE.saturating_mul(packed);
    // Order by name as bytes, then by place in the zip.
    let mut order: Vec<(Vec<u8>, usize)> = Vec::with_capacity(count);
    let mut claimed = 0u64;
    for n in 0..count {
        let bad = |reason: String| ContainerError::ZipEntry { entry: n + 1, reason };
        let entry = archive.by_index_raw(n).map_err(|e| bad(cannot(&e)))?;
        if entry.encrypted() {
            return Err(bad("is encrypted".into()));
        }
        if !entry.is_file() || entry.size() == 0 {
            continue;
        }
        claimed = claimed.saturating_add(entry.size());
        // What it says of itself is enough to refuse, never enough to believe.
        if claimed > max {
            return Err(ContainerError::ZipTooLarge { packed, max, entry: n + 1 });
        }
        order.push((entry.name_raw().to_vec(), n));
    }
    order.sort();
    let mut left = max;
    let mut found = Files::default();
    for (_, n) in order {
        let bad = |reason: String| ContainerError::ZipEntry { entry: n + 1, reason };
        let mut entry = archive.by_index(n).map_err(|e| bad(cannot(&e)))?;
        let mut bytes = Vec::new();
        entry
            .by_ref()
            .take(left + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| bad(format!("is damaged ({})", e.kind())))?;
        if bytes.len() as u64 > left {
            return Err(ContainerError::ZipTooLarge { packed, max, entry: n + 1 });
        }
        left -= bytes.len() as u64;
        found.files.push(Source::Memory(bytes.into()));
    }
    Ok(found)
}

/// A library's error without names of entries.
fn cannot(e: &zip::result::ZipError) -> String {
    use zip::result::ZipError;
    match e {
        ZipError::Io(e) => format!("cannot be read ({})", e.kind()),
        ZipError::UnsupportedArchive(_) => {
            "is packed in a way that is not read (stored and deflate are)".into()
        }
        _ => "is damaged".into(),
    }
}

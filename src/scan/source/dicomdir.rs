//! DICOMDIR (PS3.3 F, PS3.10 8): which files of a medium are images.
//!
//! **Method** Its elements are passed over one by one; sequences and items are entered, not nested, so that depth and
//! lengths cost nothing. A record begins with its first element, Offset of the Next Directory Record (0004,1400).
//!
//! Names on a medium are upper case, those on the disk it was copied to may be lower case or end in `;1`: each folder
//! on the way is searched without regard to either.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{ContainerError, Files, Source};

/// Media Storage Directory Storage.
const CLASS: &[u8] = b"1.2.840.10008.1.3.10";
const UNDEFINED: u32 = u32::MAX;
/// Records of a directory that lists every slice of a thousand series.
const RECORDS_MAX: usize = 1_000_000;
/// PS3.10 8.2 allows eight.
const COMPONENTS_MAX: usize = 16;

/// The files, and how many records referred to one.
#[derive(Debug)]
pub struct Listed {
    /// In order of records.
    pub files: Files,
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} files", self.files.len())
    }
}

/// True where the head of a file with DICOM's mark names the class of a directory.
pub fn is_dicomdir(head: &[u8]) -> bool {
    // (0002,0002) UI, then 16 bits of length.
    let mark = [2, 0, 2, 0, b'U', b'I'];
    head.windows(mark.len())
        .position(|w| w == mark)
        .and_then(|at| head.get(at + 8..at + 8 + CLASS.len()))
        .is_some_and(|class| class == CLASS)
}

/// A name without version and trailing dots.
pub fn plain(name: &str) -> &str {
    let name = name
        .split_once(';')
        .map_or(name, |(n, version)| if version.bytes().all(|b| b.is_ascii_digit()) { n } else { name });
    name.trim_end_matches('.')
}

/// The files that the directory refers to, each once, below `folder`.
///
/// # Errors
/// [`ContainerError::Dicomdir`] for damage, [`ContainerError::Leaves`] for a reference out of the folder,
/// [`ContainerError::NotThere`] for references to nothing.
pub fn files(bytes: &[u8], folder: &Path) -> Result<Listed, ContainerError> {
    let records = references(bytes)?;
    let mut found: BTreeMap<PathBuf, ()> = BTreeMap::new();
    let mut listing = Listing::default();
    let mut missing: Vec<usize> = Vec::new();
    let mut files = Files::default();
    for (record, name) in &records {
        match resolve(folder, name, *record, &mut listing)? {
            Some(path) => {
                if found.insert(path.clone(), ()).is_none() {
                    files.files.push(Source::File(path));
                }
            }
            None => missing.push(*record),
        }
    }
    match missing.first() {
        Some(&record) => {
            Err(ContainerError::NotThere { missing: missing.len(), records: records.len(), record })
        }
        None if files.files.is_empty() => {
            Err(ContainerError::Dicomdir { reason: "refers to no file".into() })
        }
        None => Ok(Listed { files }),
    }
}

/// Names of a folder's entries, read once each.
#[derive(Default)]
struct Listing(BTreeMap<PathBuf, Vec<String>>);

impl Listing {
    /// The entry that `wanted` means: its own spelling first, then without regard to case and version.
    fn find(&mut self, folder: &Path, wanted: &str) -> Option<String> {
        let names = self.0.entry(folder.to_owned()).or_insert_with(|| {
            let mut names: Vec<String> = fs::read_dir(folder)
                .map(|entries| entries.filter_map(|e| e.ok()?.file_name().into_string().ok()).collect())
                .unwrap_or_default();
            names.sort();
            names
        });
        let same = |n: &&String| plain(n).eq_ignore_ascii_case(plain(wanted));
        names.iter().find(|n| *n == wanted).or_else(|| names.iter().find(same)).cloned()
    }
}

fn resolve(
    folder: &Path,
    name: &str,
    record: usize,
    listing: &mut Listing,
) -> Result<Option<PathBuf>, ContainerError> {
    let leaves = |what| Err(ContainerError::Leaves { record, what });
    // The standard's separator is the backslash between values; some write one value with slashes.
    let parts: Vec<&str> = name.split(['\\', '/']).map(|p| p.trim_matches([' ', '\0'])).collect();
    if parts.contains(&"..") {
        return leaves("a folder above (`..`)");
    }
    if parts.first().is_some_and(|p| p.is_empty()) || parts.iter().any(|p| p.contains(':')) {
        return leaves("an absolute place");
    }
    if parts.len() > COMPONENTS_MAX || parts.iter().any(|p| p.contains('\0') || p.len() > 255) {
        return leaves("a name that no medium has");
    }
    let mut path = folder.to_owned();
    for part in parts.iter().filter(|p| !p.is_empty() && **p != ".") {
        let Some(entry) = listing.find(&path, part) else { return Ok(None) };
        path.push(entry);
        match fs::symlink_metadata(&path) {
            Ok(m) if m.file_type().is_symlink() => return leaves("a symbolic link"),
            Ok(_) => {}
            Err(_) => return Ok(None),
        }
    }
    Ok(fs::symlink_metadata(&path).is_ok_and(|m| m.is_file()).then_some(path))
}

/// Record number, from 1, and Referenced File ID of each record in use that has one.
pub fn references(bytes: &[u8]) -> Result<Vec<(usize, String)>, ContainerError> {
    let damaged = |at: usize, what: &str| ContainerError::Dicomdir { reason: format!("{what} at byte {at}") };
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut record = 0;
    let mut in_use = true;
    let mut syntax = String::new();
    let mut at = 132;
    while at + 8 <= bytes.len() {
        let word = |n: usize| u16::from_le_bytes([bytes[n], bytes[n + 1]]);
        let long = |n: usize| u32::from_le_bytes([bytes[n], bytes[n + 1], bytes[n + 2], bytes[n + 3]]);
        let tag = (word(at), word(at + 2));
        let implicit = tag.0 != 2 && syntax == "1.2.840.10008.1.2";
        let mut sequence = false;
        let length = if tag.0 == 0xfffe || implicit {
            at += 8;
            long(at - 4)
        } else {
            let vr = [bytes[at + 4], bytes[at + 5]];
            sequence = &vr == b"SQ";
            if matches!(
                &vr,
                b"OB" | b"OW" | b"OF" | b"OD" | b"OL" | b"OV" | b"SQ" | b"UT" | b"UN" | b"UC" | b"UR"
            ) {
                if at + 12 > bytes.len() {
                    return Err(damaged(at, "ends inside an element"));
                }
                at += 12;
                long(at - 4)
            } else {
                if !vr.iter().all(u8::is_ascii_uppercase) {
                    return Err(damaged(at, "has an element without value representation"));
                }
                at += 8;
                u32::from(word(at - 2))
            }
        };
        // Entered, not passed over: sequences, and items of whatever length.
        if tag.0 == 0xfffe || sequence || tag == (4, 0x1220) || length == UNDEFINED {
            continue;
        }
        let Some(value) = bytes.get(at..at.saturating_add(length as usize)) else {
            return Err(damaged(at, &format!("declares {length} bytes, more than it has")));
        };
        at += length as usize;
        let text = || String::from_utf8_lossy(value).trim_matches(['\0', ' ']).to_owned();
        match tag {
            (2, 0x10) => {
                syntax = text();
                if syntax != "1.2.840.10008.1.2" && syntax != "1.2.840.10008.1.2.1" {
                    return Err(ContainerError::Dicomdir {
                        reason: "is not written in little endian, as a directory must be".into(),
                    });
                }
            }
            (4, 0x1400) => {
                record += 1;
                in_use = true;
                if record > RECORDS_MAX {
                    return Err(damaged(at, "has more than a million records"));
                }
            }
            // 0 means deleted (retired, still written).
            (4, 0x1410) => in_use = value != [0, 0],
            (4, 0x1500) if in_use && !text().is_empty() => found.push((record, text())),
            _ => {}
        }
    }
    Ok(found)
}

//! Finds the data set of a DICOM file: behind a preamble or not, behind a meta group or not, deflated or not.

use std::borrow::Cow;
use std::io::{Read, Seek, SeekFrom};

use super::parse::{Coding, DataSet, Stop, Walk};
use super::syntax;
use crate::scan::error::ScanError;
use crate::scan::source::Source;

/// Headers of CT slices are 2 to 20 kB; what is longer is read whole.
const HEAD_BYTES: usize = 32 << 10;
/// An inflated data set may be this much, and as many times its file.
const INFLATED_BYTES: u64 = 64 << 20;
const INFLATED_TIMES: u64 = 4;

/// The beginning of a file, and how long all of it is. In memory all of it is at hand.
pub fn read_head(source: &Source, number: usize) -> Result<(Cow<'_, [u8]>, u64), ScanError> {
    let Source::File(path) = source else {
        let bytes = source.read(number)?;
        let total = bytes.len() as u64;
        return Ok((bytes, total));
    };
    let head = || -> std::io::Result<(Vec<u8>, u64)> {
        let mut file = std::fs::File::open(path)?;
        let total = file.metadata()?.len();
        let mut bytes = vec![0; HEAD_BYTES.min(total as usize)];
        file.read_exact(&mut bytes)?;
        Ok((bytes, total))
    };
    head()
        .map(|(bytes, total)| (Cow::Owned(bytes), total))
        .map_err(|e| ScanError::Unreadable { number, reason: e.kind() })
}

/// Fills `out` with the bytes from `offset` on.
pub fn read_part(source: &Source, number: usize, offset: u64, out: &mut [u8]) -> Result<(), ScanError> {
    let unreadable = |reason| ScanError::Unreadable { number, reason };
    if let Source::File(path) = source {
        let mut part = || -> std::io::Result<()> {
            let mut file = std::fs::File::open(path)?;
            file.seek(SeekFrom::Start(offset))?;
            file.read_exact(out)
        };
        return part().map_err(|e| unreadable(e.kind()));
    }
    let bytes = source.read(number)?;
    let from = offset as usize;
    let part = bytes.get(from..from + out.len());
    out.copy_from_slice(part.ok_or_else(|| unreadable(std::io::ErrorKind::UnexpectedEof))?);
    Ok(())
}

/// Where a data set begins and how it is written.
#[derive(Debug, PartialEq)]
pub struct Start {
    pub at: usize,
    pub coding: Coding,
    /// UID of the transfer syntax; that of the coding where the file does not name one.
    pub syntax: String,
    pub deflated: bool,
}

/// Finds the data set; `None` where the file is not DICOM.
pub fn find(bytes: &[u8], total: u64) -> Result<Option<Start>, Stop> {
    let marked = bytes.get(128..132) == Some(b"DICM");
    let at = if marked {
        132
    } else if bytes.starts_with(&[2, 0])
        && bytes.get(4..6).is_some_and(|vr| vr.iter().all(u8::is_ascii_uppercase))
    {
        0
    } else {
        // Without preamble and meta group nothing says DICOM but the elements themselves.
        return Ok(sniff(bytes).map(|coding| Start {
            at: 0,
            coding,
            syntax: uid_of(coding).into(),
            deflated: false,
        }));
    };
    let mut walk = Walk::new(bytes, total, at);
    let meta = walk.meta()?;
    let at = walk.at;
    let uid = meta.text(dicom_dictionary_std::tags::TRANSFER_SYNTAX_UID);
    let (coding, deflated) = match uid.as_deref() {
        Some(syntax::IMPLICIT_LITTLE) => (Coding::ImplicitLittle, false),
        Some(syntax::EXPLICIT_BIG) => (Coding::ExplicitBig, false),
        Some(syntax::DEFLATED) => (Coding::ExplicitLittle, true),
        Some(_) => (Coding::ExplicitLittle, false),
        None if at as u64 == total => (Coding::ExplicitLittle, false),
        None => match sniff(&bytes[at.min(bytes.len())..]) {
            Some(coding) => (coding, false),
            None => {
                return Err(Stop::Broken(
                    "it names no transfer syntax, and its elements are written in none that can be told"
                        .into(),
                ));
            }
        },
    };
    Ok(Some(Start { at, coding, syntax: uid.unwrap_or_else(|| uid_of(coding).into()), deflated }))
}

fn uid_of(coding: Coding) -> &'static str {
    match coding {
        Coding::ImplicitLittle => syntax::IMPLICIT_LITTLE,
        Coding::ExplicitLittle => syntax::EXPLICIT_LITTLE,
        Coding::ExplicitBig => syntax::EXPLICIT_BIG,
    }
}

/// The coding whose first two elements make sense: group 0008 and on, tags rising.
fn sniff(bytes: &[u8]) -> Option<Coding> {
    let starts = |group: [u8; 2]| bytes.starts_with(&group);
    let candidates: &[Coding] = if starts([8, 0]) {
        &[Coding::ExplicitLittle, Coding::ImplicitLittle]
    } else if starts([0, 8]) {
        &[Coding::ExplicitBig]
    } else {
        return None;
    };
    candidates.iter().copied().find(|&coding| Walk::new(bytes, bytes.len() as u64, 0).rises(coding))
}

/// Inflates the data set from `at` on.
pub fn inflate(bytes: &[u8], at: usize) -> Result<Vec<u8>, String> {
    let limit = INFLATED_BYTES + INFLATED_TIMES * bytes.len() as u64;
    let mut inflated = Vec::new();
    let packed = &bytes[at..];
    let mut decoder = flate2::read::DeflateDecoder::new(packed).take(limit + 1);
    decoder.read_to_end(&mut inflated).map_err(|_| "its deflated data set cannot be inflated".to_owned())?;
    if inflated.len() as u64 > limit {
        let ratio = limit / packed.len().max(1) as u64;
        return Err(format!(
            "its deflated data set of {} bytes inflates to more than {limit} bytes, over {ratio} to 1: it is made \
             to exhaust memory",
            packed.len()
        ));
    }
    Ok(inflated)
}

/// Walks the data set of a file of which `bytes` are at hand.
pub fn data_set<'a>(bytes: &'a [u8], total: u64, start: &Start) -> Result<DataSet<'a>, Stop> {
    Walk::new(bytes, total, start.at).data_set(start.coding)
}

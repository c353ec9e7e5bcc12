//! The least ZIP that is one: deflated entries, one fixed date (1 January 1980), no extras, so equal content gives
//! equal bytes. Layout: PKWARE APPNOTE 6.3, sections 4.3.7, 4.3.12, 4.3.16.

use std::io::Write;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

use super::error::FormatError;

/// Day 1, month 1, year 1980, in the packed form of MS-DOS.
const DATE: u16 = 1 << 5 | 1;
const DEFLATED: u16 = 8;
const VERSION: u16 = 20;

/// A ZIP of these entries, in this order.
///
/// # Errors
/// [`FormatError::Length`] for an entry beyond 4 GB.
pub(super) fn zip_bytes(format: &'static str, entries: &[(&str, &[u8])]) -> Result<Vec<u8>, FormatError> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in entries {
        let mut crc = Crc::new();
        crc.update(content);
        let mut deflate = DeflateEncoder::new(Vec::new(), Compression::default());
        let packed = deflate
            .write_all(content)
            .and_then(|()| deflate.finish())
            .map_err(|e| FormatError::Unreadable { format, why: e.to_string() })?;
        let offset = size(format, bytes.len())?;
        let mut common = Vec::new();
        for half in [VERSION, 0, DEFLATED, 0, DATE] {
            common.extend(half.to_le_bytes());
        }
        for word in [crc.sum(), size(format, packed.len())?, size(format, content.len())?] {
            common.extend(word.to_le_bytes());
        }
        common.extend((name.len() as u16).to_le_bytes());
        common.extend(0u16.to_le_bytes());

        bytes.extend(b"PK\x03\x04");
        bytes.extend(&common);
        bytes.extend(name.as_bytes());
        bytes.extend(&packed);

        directory.extend(b"PK\x01\x02");
        directory.extend(VERSION.to_le_bytes());
        directory.extend(&common);
        // Comment, disk, internal and external attributes: none.
        directory.extend([0u8; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (start, length) = (size(format, bytes.len())?, size(format, directory.len())?);
    bytes.extend(directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    let count = (entries.len() as u16).to_le_bytes();
    bytes.extend(count);
    bytes.extend(count);
    bytes.extend(length.to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0, 0]);
    Ok(bytes)
}

fn size(format: &'static str, n: usize) -> Result<u32, FormatError> {
    u32::try_from(n).map_err(|_| FormatError::Length {
        format,
        what: "an entry of a ZIP without 64-bit extension, at most".into(),
        found: n as u64,
        expected: u64::from(u32::MAX),
    })
}

//! The numbers a file stores, frame by frame, for those who compare decoders.

use std::sync::Arc;

use super::header::{Header, read_headers};
use super::pixels::{no_bomb, stored_values};
use crate::scan::error::ScanError;
use crate::scan::source::Source;

/// The stored values of one file.
#[derive(Debug)]
pub struct StoredFrames {
    /// UID of the transfer syntax.
    pub syntax: String,
    /// DICOM modality.
    pub modality: String,
    /// Rows and columns.
    pub matrix: [usize; 2],
    /// Row by row, before slope and intercept, one list a frame.
    pub frames: Vec<Vec<i32>>,
    /// Why the first frame cannot be a slice of a scan; `None` where it can.
    pub no_slice: Option<String>,
}

/// Decodes every frame of the DICOM file `bytes`; `None` where it is not DICOM.
///
/// # Errors
/// [`ScanError`] of the first frame that cannot be decoded, or of the file; frames are numbered from 1.
pub fn stored_frames(bytes: Vec<u8>) -> Result<Option<StoredFrames>, ScanError> {
    let source = Source::Memory(Arc::from(bytes));
    let headers = read_headers(&source, 1)?;
    let Some(first) = headers.first() else { return Ok(None) };
    let pixels = match &first.pixels {
        Ok(pixels) => pixels.clone(),
        Err(fault) => return Err(fault.clone().of_slice(1, &first.short_hash)),
    };
    let each: Vec<Header> = (0..pixels.encoding.frames)
        .map(|n| {
            // An image without functional groups has one header for all its frames.
            let mut header = headers.get(n).unwrap_or(first).clone();
            header.frame = n;
            header
        })
        .collect();
    no_bomb(each.iter(), (pixels.encoding.area() * each.len()) as u64 * 2)?;
    let frames =
        each.iter().enumerate().map(|(n, h)| stored_values(h, n + 1)).collect::<Result<Vec<_>, _>>()?;
    Ok(Some(StoredFrames {
        syntax: first.syntax.clone(),
        modality: first.modality.clone(),
        matrix: [pixels.encoding.rows, pixels.encoding.columns],
        frames,
        no_slice: if first.modality == "MR" {
            Some("it is MR, which is planned on with a mask only".into())
        } else {
            first.slice.as_ref().err().map(ToString::to_string)
        },
    }))
}

//! The markers of a JPEG stream (T.81 Annex B): one component, one scan.

use super::Decoded;
use super::agree;
use super::huffman::Table;
use super::{dct, jpeg_lossless};
use crate::scan::dicom::encoding::Encoding;
use crate::scan::dicom::syntax::Packing;

/// What the markers before the scan say.
#[derive(Default)]
pub struct Markers {
    /// Quantisation steps in zigzag order.
    pub steps: [Option<[u16; 64]>; 4],
    pub dc: [Option<Table>; 4],
    pub ac: [Option<Table>; 4],
    pub restart_interval: usize,
}

/// Frame header.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrameHead {
    /// 0 baseline, 1 extended, 3 lossless.
    pub process: u8,
    pub precision: u16,
    pub rows: usize,
    pub columns: usize,
    pub components: usize,
    pub steps: usize,
}

/// Scan header.
pub struct Scan<'a> {
    pub dc: usize,
    pub ac: usize,
    /// Predictor of the lossless process, first coefficient of the others.
    pub first: u8,
    pub last: u8,
    /// Point transform, or successive approximation.
    pub shift: u8,
    pub data: &'a [u8],
}

/// What a start-of-frame marker means.
fn process_name(sof: u8) -> &'static str {
    match sof {
        0xc0 => "JPEG baseline (lossy)",
        0xc1 => "JPEG extended (lossy)",
        0xc2 => "progressive JPEG (lossy)",
        0xc3 => "lossless JPEG",
        0xc9..=0xcb | 0xcd..=0xcf => "arithmetic JPEG",
        0xf7 => "JPEG-LS",
        _ => "hierarchical JPEG",
    }
}

pub fn decode(packing: Packing, data: &[u8], encoding: &Encoding) -> Result<Decoded, String> {
    let mut markers = Markers::default();
    let mut frame: Option<FrameHead> = None;
    let mut at = 2;
    if !data.starts_with(&[0xff, 0xd8]) {
        return Err(begins(data, "FF D8 of a JPEG stream"));
    }
    loop {
        let (marker, segment, next) = segment(data, at)?;
        match marker {
            0xdb => quantisation(segment, &mut markers)?,
            0xc4 => huffman(segment, &mut markers)?,
            0xdd => match segment {
                [a, b] => markers.restart_interval = usize::from(u16::from_be_bytes([*a, *b])),
                _ => return Err("its restart interval has another length than 2".into()),
            },
            0xcc => return Err("its stream is arithmetic JPEG".into()),
            0xc0..=0xcf | 0xf7 => {
                if frame.is_some() {
                    return Err("its stream has two frames".into());
                }
                let head = frame_head(marker, segment)?;
                let lossless = packing == Packing::JpegLossless;
                let fits = if lossless { head.process == 3 } else { head.process <= 1 };
                if !fits {
                    return Err(format!(
                        "its transfer syntax declares {}, but its stream is {}",
                        if lossless { "lossless JPEG" } else { "JPEG baseline or extended" },
                        process_name(marker)
                    ));
                }
                agree(encoding, [head.rows, head.columns], head.components, head.precision, lossless)?;
                frame = Some(head);
            }
            0xda => {
                let frame = frame.ok_or("its stream has a scan before its frame")?;
                let scan = scan_head(segment, &data[next..])?;
                // Two bits are the least a block of 64 takes, one the least of a lossless pixel.
                let least = if frame.process == 3 { encoding.area() / 8 } else { encoding.area() / 256 };
                if scan.data.len() < least {
                    return Err(format!(
                        "a stream of {} bytes cannot hold {} pixels",
                        scan.data.len(),
                        encoding.area()
                    ));
                }
                let values = if frame.process == 3 {
                    jpeg_lossless::decode(&frame, &markers, &scan)?
                } else {
                    dct::decode(&frame, &markers, &scan)?
                };
                return Ok(Decoded { values, precision: frame.precision, lossless: frame.process == 3 });
            }
            0xd9 => return Err("its stream ends before its scan".into()),
            _ => {}
        }
        at = next;
    }
}

/// How a stream begins, and how it should.
pub fn begins(data: &[u8], expected: &str) -> String {
    let shown: Vec<String> = data.iter().take(4).map(|b| format!("{b:02X}")).collect();
    format!("its stream begins with {} instead of {expected}", shown.join(" "))
}

/// The marker at `at`, its segment, and where the next begins.
pub fn segment(data: &[u8], at: usize) -> Result<(u8, &[u8], usize), String> {
    let ended = || "its stream ends between two markers".to_owned();
    let mut at = at;
    if data.get(at) != Some(&0xff) {
        return Err(if at >= data.len() { ended() } else { format!("byte {at} of its stream is no marker") });
    }
    // Any number of FF may stand before a marker.
    while data.get(at) == Some(&0xff) {
        at += 1;
    }
    let marker = *data.get(at).ok_or_else(ended)?;
    at += 1;
    if matches!(marker, 0xd0..=0xd9 | 0x01) {
        return Ok((marker, &[], at));
    }
    let length = data.get(at..at + 2).ok_or_else(ended)?;
    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
    let end = at + length;
    if length < 2 || end > data.len() {
        return Err(format!("marker FF{marker:02X} of its stream declares {length} bytes"));
    }
    Ok((marker, &data[at + 2..end], end))
}

pub fn frame_head(marker: u8, s: &[u8]) -> Result<FrameHead, String> {
    if s.len() < 9 || s.len() != 6 + 3 * usize::from(s[5]) {
        return Err("its frame header has another length than its components need".into());
    }
    Ok(FrameHead {
        process: marker.wrapping_sub(0xc0),
        precision: u16::from(s[0]),
        rows: usize::from(u16::from_be_bytes([s[1], s[2]])),
        columns: usize::from(u16::from_be_bytes([s[3], s[4]])),
        components: usize::from(s[5]),
        steps: usize::from(s[8]),
    })
}

fn scan_head<'a>(s: &[u8], data: &'a [u8]) -> Result<Scan<'a>, String> {
    let &[1, _, tables, first, last, shift] = s else {
        return Err("its scan header is not that of one component".into());
    };
    let (dc, ac) = (usize::from(tables >> 4), usize::from(tables & 15));
    if dc > 3 || ac > 3 {
        return Err(format!("its scan uses Huffman tables {dc} and {ac}, but there are 4"));
    }
    Ok(Scan { dc, ac, first, last, shift, data })
}

fn quantisation(mut s: &[u8], markers: &mut Markers) -> Result<(), String> {
    while let Some((&head, rest)) = s.split_first() {
        let (wide, n) = (head >> 4, usize::from(head & 15));
        let bytes = if wide == 0 { 64 } else { 128 };
        if wide > 1 || n > 3 || rest.len() < bytes {
            return Err("its quantisation table is malformed".into());
        }
        let step = |k: usize| match wide {
            0 => u16::from(rest[k]),
            _ => u16::from_be_bytes([rest[2 * k], rest[2 * k + 1]]),
        };
        markers.steps[n] = Some(std::array::from_fn(step));
        s = &rest[bytes..];
    }
    Ok(())
}

fn huffman(mut s: &[u8], markers: &mut Markers) -> Result<(), String> {
    let malformed = || "its Huffman table is malformed".to_owned();
    while let Some((&head, rest)) = s.split_first() {
        let (counts, rest) = rest.split_first_chunk::<16>().ok_or_else(malformed)?;
        let total: usize = counts.iter().map(|&n| usize::from(n)).sum();
        let (class, n) = (head >> 4, usize::from(head & 15));
        if class > 1 || n > 3 || total > 256 || rest.len() < total {
            return Err(malformed());
        }
        let table = Table::new(counts, &rest[..total])?;
        *(if class == 0 { &mut markers.dc[n] } else { &mut markers.ac[n] }) = Some(table);
        s = &rest[total..];
    }
    Ok(())
}

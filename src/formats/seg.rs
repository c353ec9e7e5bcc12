//! DICOM Segmentation (PS3.3 A.51): bit-packed frames, each with its place and its segment.
//!
//! Elements are passed over one by one and kept only where they are needed, so that no declared length or depth is
//! believed. Uncompressed little endian, BINARY.

use std::collections::BTreeMap;

use nalgebra::Vector3;

use super::error::FormatError;
use super::voxels;
use crate::model::Mask;

const FORMAT: &str = "DICOM Segmentation";
const CLASS: &str = "1.2.840.10008.5.1.4.1.1.66.4";
const DEPTH_MAX: usize = 24;
const FRAMES_MAX: usize = 100_000;
/// Positions are written to few digits.
const PLACE_MM: f64 = 0.01;
/// One of these in label or type marks the segment, where there are several.
const BONE: [&str; 4] = ["bone", "skull", "crani", "calvari"];
const REMEDY: &str = "export the bone alone, as a binary segmentation or as NIfTI";

type Tag = (u16, u16);
const SHARED: Tag = (0x5200, 0x9229);
const PER_FRAME: Tag = (0x5200, 0x9230);
const SEGMENTS: Tag = (0x0062, 0x0002);

/// A segment as a mask.
pub struct Segmentation {
    /// Slices in order along the normal; frames that were left out are empty.
    pub mask: Mask,
    /// Frame of Reference UID.
    pub frame_of_reference: String,
}

fn wrong(what: impl Into<String>, found: impl ToString, expected: &str) -> FormatError {
    let found: String = found.to_string().chars().filter(|c| !c.is_control()).take(80).collect();
    let found = if found.is_empty() { "missing".into() } else { found };
    FormatError::Value { format: FORMAT, what: what.into(), found, expected: expected.into(), remedy: REMEDY }
}

/// True where the head of a file with DICOM's mark names this class.
pub fn is_seg(head: &[u8]) -> bool {
    let mark = [2, 0, 2, 0, b'U', b'I'];
    let at = head.windows(mark.len()).position(|w| w == mark);
    at.and_then(|at| head.get(at + 8..at + 8 + CLASS.len())).is_some_and(|c| c == CLASS.as_bytes())
}

#[derive(Clone, Default)]
struct Frame {
    position: Option<[f64; 3]>,
    orientation: Option<[f64; 6]>,
    spacing: Option<[f64; 2]>,
    segment: Option<u16>,
}

#[derive(Default)]
struct Segment {
    number: u16,
    /// Lower case; never shown, since free text may hold anything.
    words: String,
}

#[derive(Default)]
struct Found<'a> {
    top: BTreeMap<Tag, &'a [u8]>,
    shared: Frame,
    between_mm: Option<f64>,
    frames: Vec<Frame>,
    segments: Vec<Segment>,
}

/// Reads the only segment, or the only one that is called bone or skull.
///
/// # Errors
/// [`FormatError`] naming the attribute, its value and what can be read.
pub fn read_seg(bytes: &[u8]) -> Result<Segmentation, FormatError> {
    let found = walk(bytes)?;
    let text = |tag: Tag| found.top.get(&tag).map(|v| plain(v)).unwrap_or_default();
    if text((8, 0x16)) != CLASS {
        return Err(wrong("SOP Class UID", text((8, 0x16)), CLASS));
    }
    if text((0x62, 1)) != "BINARY" {
        return Err(wrong("Segmentation Type", text((0x62, 1)), "BINARY"));
    }
    let short = |tag: Tag, what: &str| match found.top.get(&tag) {
        Some(v) if v.len() == 2 => Ok(u16::from_le_bytes([v[0], v[1]])),
        _ => Err(wrong(what, "", "one whole number")),
    };
    let (rows, columns) = (short((0x28, 0x10), "Rows")?, short((0x28, 0x11), "Columns")?);
    let allocated = short((0x28, 0x100), "Bits Allocated")?;
    if allocated != 1 {
        return Err(wrong("Bits Allocated", allocated, "1"));
    }
    let (rows, columns) = (usize::from(rows), usize::from(columns));
    let pixels = found.top.get(&(0x7fe0, 0x10)).ok_or_else(|| wrong("Pixel Data", "", "given"))?;
    let count = found.frames.len();
    let needed = (rows as u64 * columns as u64 * count as u64).div_ceil(8);
    if count == 0 || (pixels.len() as u64) < needed {
        return Err(FormatError::Length {
            format: FORMAT,
            what: format!("{count} frames of {rows} x {columns} bits"),
            found: pixels.len() as u64,
            expected: needed.max(1),
        });
    }
    let segment = choose(&found)?;
    let mut slices: Vec<(usize, Frame)> = Vec::new();
    for (n, f) in found.frames.iter().enumerate() {
        let f = Frame {
            position: f.position.or(found.shared.position),
            orientation: f.orientation.or(found.shared.orientation),
            spacing: f.spacing.or(found.shared.spacing),
            segment: f.segment.or(found.shared.segment),
        };
        let number = f.segment.ok_or_else(|| wrong(format!("segment of frame {}", n + 1), "", "given"))?;
        if number == segment {
            slices.push((n, f));
        }
    }
    let frame_of_reference = text((0x20, 0x52));
    if frame_of_reference.is_empty() {
        return Err(wrong(
            "Frame of Reference UID",
            "",
            "given, so that the mask is known to be of this scan",
        ));
    }
    let mask = stack(&slices, rows, columns, found.between_mm, pixels)?;
    Ok(Segmentation { mask, frame_of_reference })
}

fn choose(found: &Found<'_>) -> Result<u16, FormatError> {
    if let [only] = &found.segments[..] {
        return Ok(only.number);
    }
    let called: Vec<&Segment> =
        found.segments.iter().filter(|s| BONE.iter().any(|b| s.words.contains(b))).collect();
    match called[..] {
        [one] => Ok(one.number),
        _ => Err(wrong(
            "the number of segments",
            format!("{}, {} of them called bone or skull", found.segments.len(), called.len()),
            "one, or one that is called so",
        )),
    }
}

fn stack(
    slices: &[(usize, Frame)],
    rows: usize,
    columns: usize,
    between_mm: Option<f64>,
    pixels: &[u8],
) -> Result<Mask, FormatError> {
    let Some((n, first)) = slices.first() else { return Err(wrong("the segment", "no frame", "frames")) };
    let missing = |what: &str, n: usize| wrong(format!("{what} of frame {}", n + 1), "", "given");
    let o = first.orientation.ok_or_else(|| missing("Image Orientation (Patient)", *n))?;
    let spacing = first.spacing.ok_or_else(|| missing("Pixel Spacing", *n))?;
    let (i, j) = (Vector3::new(o[0], o[1], o[2]), Vector3::new(o[3], o[4], o[5]));
    let off = (i.norm() - 1.0).abs().max((j.norm() - 1.0).abs()).max(i.dot(&j).abs());
    if !(off <= 1e-3) {
        return Err(wrong(
            "Image Orientation (Patient)",
            format!("{o:?}"),
            "two unit vectors at a right angle",
        ));
    }
    let i = i.normalize();
    let j = (j - i * i.dot(&j)).normalize();
    let normal = i.cross(&j);
    let mut placed: Vec<(f64, Vector3<f64>, usize)> = Vec::new();
    for (n, f) in slices {
        let same = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(x, y)| (x - y).abs() < 1e-4);
        if !f.orientation.is_some_and(|x| same(&x, &o)) || !f.spacing.is_some_and(|x| same(&x, &spacing)) {
            return Err(wrong(
                format!("orientation and spacing of frame {}", n + 1),
                "another",
                "that of the others",
            ));
        }
        let p = Vector3::from(f.position.ok_or_else(|| missing("Image Position (Patient)", *n))?);
        placed.push((normal.dot(&p), p, *n));
    }
    placed.sort_by(|a, b| a.0.total_cmp(&b.0));
    let gaps = placed.windows(2).map(|w| w[1].0 - w[0].0);
    let least = gaps.fold(f64::INFINITY, f64::min);
    if least < PLACE_MM {
        return Err(wrong("the frames of the segment", "two at one place", "each at its own"));
    }
    // Frames that are empty may be left out, so the smallest gap may be a multiple of the step.
    let step = match between_mm {
        Some(b) if b > PLACE_MM && b < least + PLACE_MM => b,
        _ if least.is_finite() => least,
        _ => {
            return Err(wrong(
                "Spacing Between Slices",
                between_mm.map_or(String::new(), |b| b.to_string()),
                "given for one frame",
            ));
        }
    };
    // The mean over all gaps is surer than one of them.
    let (low, high) = (placed[0].0, placed[placed.len() - 1].0);
    let steps = ((high - low) / step).round();
    let step = if steps > 0.0 { (high - low) / steps } else { step };
    let dims = [columns as u64, rows as u64, steps as u64 + 1];
    let columns_mm = [i * spacing[1], j * spacing[0], normal * step];
    let grid = voxels::grid_of_columns(FORMAT, dims, columns_mm, placed[0].1)?;
    if grid.len() as u64 > voxels::unpacked_max(pixels.len() as u64, 200) {
        return Err(wrong(
            "the extent of the frames",
            format!("{} slices", dims[2]),
            "no more than the frames fill",
        ));
    }
    let mut mask = Mask::empty(grid);
    let area = rows * columns;
    for (along, p, n) in &placed {
        let k = ((along - low) / step).round();
        let beside = (p - placed[0].1 - normal * (k * step)).norm();
        // A tenth of a step: beyond it the mask would be bent.
        if beside > (0.1 * step).max(PLACE_MM) {
            return Err(wrong(
                format!("place of frame {}", n + 1),
                format!("{beside:.3} mm off"),
                "on an even, straight row",
            ));
        }
        let out = &mut mask.voxels[k as usize * area..(k as usize + 1) * area];
        for (at, out) in out.iter_mut().enumerate() {
            let bit = n * area + at;
            *out = pixels[bit / 8] >> (bit % 8) & 1;
        }
    }
    Ok(mask)
}

fn plain(value: &[u8]) -> String {
    String::from_utf8_lossy(value).trim_matches(['\0', ' ']).to_owned()
}

fn reals<const N: usize>(value: &[u8], what: &str) -> Result<[f64; N], FormatError> {
    let text = plain(value);
    let all: Option<Vec<f64>> =
        text.split('\\').map(|t| t.trim().parse::<f64>().ok().filter(|v| v.is_finite())).collect();
    all.and_then(|v| v.try_into().ok())
        .ok_or_else(|| wrong(what, text, "finite numbers, as many as the standard says"))
}

/// A sequence or item that is open.
struct Level {
    tag: Tag,
    /// Sequence, else item.
    sequence: bool,
    /// Where it ends; `None` where a delimiter says.
    end: Option<usize>,
}

fn walk(bytes: &[u8]) -> Result<Found<'_>, FormatError> {
    let damaged = |at: usize, what: &str| wrong(format!("the element at byte {at}"), what, "whole");
    let mut found = Found::default();
    let mut levels: Vec<Level> = Vec::new();
    let mut implicit = false;
    let mut at = 132;
    while at + 8 <= bytes.len() {
        while levels.last().is_some_and(|l| l.end.is_some_and(|e| at >= e)) {
            levels.pop();
        }
        let word = |n: usize| u16::from_le_bytes([bytes[n], bytes[n + 1]]);
        let long = |n: usize| u32::from_le_bytes([bytes[n], bytes[n + 1], bytes[n + 2], bytes[n + 3]]);
        let tag = (word(at), word(at + 2));
        let start = at;
        let mut sequence = matches!(tag, SHARED | PER_FRAME | SEGMENTS);
        let length = if tag.0 == 0xfffe || (implicit && tag.0 != 2) {
            at += 8;
            sequence |= implicit
                && matches!(
                    tag,
                    (0x20, 0x9113) | (0x20, 0x9116) | (0x28, 0x9110) | (0x62, 0xa) | (0x62, 0xf)
                );
            long(at - 4)
        } else {
            let vr = [bytes[at + 4], bytes[at + 5]];
            sequence |= &vr == b"SQ";
            if matches!(
                &vr,
                b"OB"
                    | b"OW"
                    | b"OF"
                    | b"OD"
                    | b"OL"
                    | b"OV"
                    | b"SQ"
                    | b"UT"
                    | b"UN"
                    | b"UC"
                    | b"UR"
                    | b"SV"
                    | b"UV"
            ) {
                if at + 12 > bytes.len() {
                    return Err(damaged(start, "cut off"));
                }
                at += 12;
                long(at - 4)
            } else {
                if !vr.iter().all(u8::is_ascii_uppercase) {
                    return Err(damaged(start, "without value representation"));
                }
                at += 8;
                u32::from(word(at - 2))
            }
        };
        match tag {
            (0xfffe, 0xe0dd | 0xe00d) => {
                levels.pop();
                continue;
            }
            (0xfffe, 0xe000) => {
                let parent: Vec<Tag> = levels.iter().filter(|l| l.sequence).map(|l| l.tag).collect();
                match parent[..] {
                    [PER_FRAME] if found.frames.len() < FRAMES_MAX => found.frames.push(Frame::default()),
                    [PER_FRAME] => return Err(damaged(start, "one of too many frames")),
                    [SEGMENTS] if found.segments.len() < 1 << 16 => found.segments.push(Segment::default()),
                    _ => {}
                }
            }
            _ => {}
        }
        let enters = sequence || tag.0 == 0xfffe || (length == u32::MAX && tag != (0x7fe0, 0x10));
        if enters {
            if levels.len() >= DEPTH_MAX {
                return Err(damaged(start, "nested more than 24 deep"));
            }
            let end = (length != u32::MAX).then_some(at.saturating_add(length as usize));
            if end.is_some_and(|e| e > bytes.len()) {
                return Err(damaged(start, "longer than the file"));
            }
            levels.push(Level { tag, sequence: tag.0 != 0xfffe, end });
            continue;
        }
        let Some(value) = bytes.get(at..at.saturating_add(length as usize)) else {
            return Err(damaged(start, "longer than the file (or compressed)"));
        };
        at += length as usize;
        if tag == (2, 0x10) {
            implicit = match plain(value).as_str() {
                "1.2.840.10008.1.2" => true,
                "1.2.840.10008.1.2.1" => false,
                other => return Err(wrong("the transfer syntax", other, "uncompressed little endian")),
            };
        }
        keep(&mut found, &levels, tag, value)?;
    }
    Ok(found)
}

fn keep<'a>(found: &mut Found<'a>, levels: &[Level], tag: Tag, value: &'a [u8]) -> Result<(), FormatError> {
    let path: Vec<Tag> = levels.iter().filter(|l| l.sequence).map(|l| l.tag).collect();
    let number = || (value.len() == 2).then(|| u16::from_le_bytes([value[0], value[1]]));
    let frame = match path.first() {
        None => {
            found.top.insert(tag, value);
            return Ok(());
        }
        Some(&SEGMENTS) => {
            let Some(s) = found.segments.last_mut() else { return Ok(()) };
            match tag {
                (0x62, 4) if path.len() == 1 => {
                    s.number = number().ok_or_else(|| wrong("Segment Number", "", "one whole number"))?;
                }
                (0x62, 5 | 6) if path.len() == 1 => s.words += &(plain(value).to_lowercase() + " "),
                (8, 0x104) if path.get(1) == Some(&(0x62, 0xf)) => {
                    s.words += &(plain(value).to_lowercase() + " ")
                }
                _ => {}
            }
            return Ok(());
        }
        Some(&SHARED) => &mut found.shared,
        Some(&PER_FRAME) => match found.frames.last_mut() {
            Some(f) => f,
            None => return Ok(()),
        },
        Some(_) => return Ok(()),
    };
    match (path.get(1), tag) {
        (Some((0x20, 0x9113)), (0x20, 0x32)) => {
            frame.position = Some(reals(value, "Image Position (Patient)")?);
        }
        (Some((0x20, 0x9116)), (0x20, 0x37)) => {
            frame.orientation = Some(reals(value, "Image Orientation (Patient)")?);
        }
        (Some((0x28, 0x9110)), (0x28, 0x30)) => frame.spacing = Some(reals(value, "Pixel Spacing")?),
        (Some((0x28, 0x9110)), (0x18, 0x88)) => {
            let [mm] = reals(value, "Spacing Between Slices")?;
            found.between_mm = Some(mm);
        }
        (Some((0x62, 0xa)), (0x62, 0xb)) => frame.segment = number(),
        _ => {}
    }
    Ok(())
}

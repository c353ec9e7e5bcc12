//! JPEG 2000 (T.800): our own look at the header, then the decoder of crate `hayro-jpeg2000`.
//!
//! The crate computes in `f32`: exact for the reversible transform of 16 bits, whose numbers stay below 2^24. It
//! leaves the sign of signed components aside, adding half the range as to all others; that is taken off here.

use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};

use super::jpeg::begins;
use super::{Decoded, agree};
use crate::scan::dicom::encoding::Encoding;

/// Tiles of a CT; more is damage, and each costs the decoder memory.
const TILES_MAX: u64 = 1024;

pub fn decode(data: &[u8], lossless: bool, encoding: &Encoding) -> Result<Decoded, String> {
    let head = head(data)?;
    agree(encoding, [head.rows, head.columns], head.components, head.precision, head.reversible)?;
    if lossless && !head.reversible {
        return Err("its transfer syntax declares lossless JPEG 2000, but its stream is lossy".into());
    }
    if head.signed != encoding.signed && !head.reversible {
        return Err("its lossy stream has another sign than its header".into());
    }
    let settings = DecodeSettings { resolve_palette_indices: false, strict: true, target_resolution: None };
    let image = Image::new(data, &settings).map_err(|e| e.to_string())?;
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(|e| e.to_string())?;
    let [component] = decoded.components() else {
        return Err("its stream does not decode to one component".into());
    };
    if component.samples().len() != encoding.area() {
        return Err(format!("its stream decodes to {} pixels", component.samples().len()));
    }
    // What the decoder adds and what a component with a sign must not have, modulo its bits.
    let half = if head.signed { 1i32 << (head.precision - 1) } else { 0 };
    let highest = ((1u32 << head.precision) - 1) as i32;
    let value = |v: &f32| ((v.round() as i32).clamp(0, highest).wrapping_sub(half) & highest) as u16;
    Ok(Decoded {
        values: component.samples().iter().map(value).collect(),
        precision: head.precision,
        lossless: head.reversible,
    })
}

/// SIZ and COD (T.800 A.5.1, A.6.1).
struct Head {
    rows: usize,
    columns: usize,
    components: usize,
    precision: u16,
    signed: bool,
    reversible: bool,
}

fn head(data: &[u8]) -> Result<Head, String> {
    if !data.starts_with(&[0xff, 0x4f, 0xff, 0x51]) {
        return Err(begins(data, "FF 4F FF 51 of a JPEG 2000 codestream"));
    }
    let malformed = || "its JPEG 2000 header is malformed".to_owned();
    let u16_at =
        |at: usize| data.get(at..at + 2).map(|b| u16::from_be_bytes([b[0], b[1]])).ok_or_else(malformed);
    let u32_at = |at: usize| Ok::<_, String>(u32::from(u16_at(at)?) << 16 | u32::from(u16_at(at + 2)?));
    let mut size = [0u32; 8];
    for (n, value) in size.iter_mut().enumerate() {
        *value = u32_at(8 + 4 * n)?;
    }
    let [x1, y1, x0, y0, tile_x, tile_y, tile_x0, tile_y0] = size;
    let components = usize::from(u16_at(40)?);
    let &[ssiz, step_x, step_y] = data.get(42..45).ok_or_else(malformed)? else { return Err(malformed()) };
    if [x0, y0, tile_x0, tile_y0] != [0; 4] || tile_x == 0 || tile_y == 0 || (step_x, step_y) != (1, 1) {
        return Err("its JPEG 2000 image is offset or subsampled, which a CT is not".into());
    }
    let tiles = u64::from(x1.div_ceil(tile_x)) * u64::from(y1.div_ceil(tile_y));
    if tiles > TILES_MAX {
        return Err(format!("its JPEG 2000 image has {tiles} tiles, more than the limit of {TILES_MAX}"));
    }
    // Markers of the main header up to the first tile.
    let mut at = 4 + usize::from(u16_at(4)?);
    let mut reversible = None;
    loop {
        let (marker, length) = (u16_at(at)?, usize::from(u16_at(at + 2)?));
        match marker {
            0xff52 => reversible = Some(data.get(at + 13).ok_or_else(malformed)? == &1),
            // The decoder does not follow these.
            0xff5f => return Err("its JPEG 2000 stream changes its order of progression".into()),
            0xff53 => return Err("its JPEG 2000 stream codes a component apart".into()),
            0xff90 => break,
            0xff00.. if length >= 2 => {}
            _ => return Err(malformed()),
        }
        at += 2 + length;
    }
    Ok(Head {
        rows: y1 as usize,
        columns: x1 as usize,
        components,
        precision: u16::from(ssiz & 0x7f) + 1,
        signed: ssiz & 0x80 != 0,
        reversible: reversible.ok_or_else(malformed)?,
    })
}

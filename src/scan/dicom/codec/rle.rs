//! RLE Lossless (PS3.5 Annex G): byte planes, most significant first, each packed by runs.

use super::Decoded;
use crate::scan::dicom::encoding::Encoding;

pub fn decode(data: &[u8], encoding: &Encoding) -> Result<Decoded, String> {
    let planes = usize::from(encoding.allocated / 8);
    if encoding.samples != 1 || planes > 2 {
        return Err(format!(
            "it has {} samples of {} bits; RLE is read for one of 8 or 16",
            encoding.samples, encoding.allocated
        ));
    }
    let Some((head, _)) = data.split_first_chunk::<64>() else {
        return Err(format!("its RLE frame has {} bytes, less than the 64 of its header", data.len()));
    };
    let word =
        |n: usize| u32::from_le_bytes([head[4 * n], head[4 * n + 1], head[4 * n + 2], head[4 * n + 3]]);
    if word(0) as usize != planes {
        return Err(format!("its RLE frame has {} segments, but {planes} make its pixels", word(0)));
    }
    let mut offsets: Vec<usize> = (1..=planes).map(|n| word(n) as usize).collect();
    offsets.push(data.len());
    if offsets[0] < 64 || offsets.windows(2).any(|w| w[0] > w[1]) {
        return Err(format!(
            "the segments of its RLE frame begin at {offsets:?}, outside the frame or out of order"
        ));
    }
    let area = encoding.area();
    // The shortest run is two bytes for 128: less than that cannot be these pixels, and nothing is made for it.
    if let Some(w) = offsets.windows(2).find(|w| (w[1] - w[0]) * 64 < area) {
        return Err(format!("an RLE segment of {} bytes cannot hold {area} pixels", w[1] - w[0]));
    }
    let mut values = vec![0u16; area];
    for w in offsets.windows(2) {
        plane(&data[w[0]..w[1]], &mut values)?;
    }
    Ok(Decoded { values, precision: encoding.allocated, lossless: true })
}

/// Shifts the bytes of one plane into `values`.
fn plane(mut packed: &[u8], values: &mut [u16]) -> Result<(), String> {
    let area = values.len();
    let mut at = 0;
    while at < area {
        let ended = || format!("an RLE segment ends after {at} of {area} pixels");
        let (&control, rest) = packed.split_first().ok_or_else(ended)?;
        let control = control as i8;
        packed = rest;
        // Both kinds of run may go past the end by the byte that makes the segment even.
        if control >= 0 {
            let n = control as usize + 1;
            let literal = packed.get(..n).or_else(|| packed.get(..area - at)).ok_or_else(ended)?;
            for (value, byte) in values[at..].iter_mut().zip(literal) {
                *value = *value << 8 | u16::from(*byte);
            }
            packed = &packed[literal.len()..];
            at += n;
        } else if control != -128 {
            let (&byte, rest) = packed.split_first().ok_or_else(ended)?;
            packed = rest;
            let n = 1 - isize::from(control);
            for value in values[at..].iter_mut().take(n as usize) {
                *value = *value << 8 | u16::from(byte);
            }
            at += n as usize;
        }
    }
    if at > area + 1 {
        return Err(format!("an RLE segment holds {at} pixels, its frame {area}"));
    }
    Ok(())
}

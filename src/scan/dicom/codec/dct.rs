//! JPEG baseline and extended sequential, 8 and 12 bit (T.81 Annex F).
//!
//! The inverse transform is Loeffler, Ligtenberg, Moschytz, "Practical fast 1-D DCT algorithms with 11
//! multiplications", Proc. ICASSP 1989, pp. 988-991, in integers: constants of 13 bits, one or two bits kept between
//! columns and rows, as the reference decoders of the field have it, so that the same stream gives the same values.

use super::bits::{Bits, Stuffing};
use super::huffman::{Table, extend};
use super::jpeg::{FrameHead, Markers, Scan};

/// Place in a block, row by row, of each coefficient in the order of the stream.
const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7,
    14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39,
    46, 53, 60, 61, 54, 47, 55, 62, 63,
];

pub fn decode(frame: &FrameHead, markers: &Markers, scan: &Scan<'_>) -> Result<Vec<u16>, String> {
    if frame.precision != 8 && frame.precision != 12 {
        return Err(format!("its lossy JPEG has {} bits; there are 8 or 12", frame.precision));
    }
    if (scan.first, scan.last, scan.shift) != (0, 63, 0) {
        return Err("its scan holds part of the coefficients, which a sequential JPEG does not".into());
    }
    let missing = || "its scan uses a table that is not there".to_owned();
    let dc = markers.dc[scan.dc].as_ref().ok_or_else(missing)?;
    let ac = markers.ac[scan.ac].as_ref().ok_or_else(missing)?;
    let steps = markers.steps.get(frame.steps).and_then(Option::as_ref).ok_or_else(missing)?;
    let (across, down) = (frame.columns.div_ceil(8), frame.rows.div_ceil(8));
    let mut bits = Bits::new(scan.data, Stuffing::Byte);
    let mut values = vec![0u16; frame.rows * frame.columns];
    let mut before = 0i32;
    for at in 0..across * down {
        let interval = markers.restart_interval;
        if interval > 0 && at > 0 && at % interval == 0 {
            bits.restart(((at / interval - 1) % 8) as u8)?;
            before = 0;
        }
        let mut block = [0i32; 64];
        coefficients(dc, ac, steps, &mut bits, &mut before, &mut block)
            .ok_or_else(|| format!("block {} of its stream holds bits that are no code", at + 1))?;
        if bits.overran() {
            return Err(format!("its stream ends in block {} of {}", at + 1, across * down));
        }
        inverse(&mut block, frame.precision);
        let (x, y) = (at % across * 8, at / across * 8);
        for (row, line) in (y..frame.rows).zip(block.as_chunks::<8>().0) {
            let out = &mut values[row * frame.columns..][x..frame.columns.min(x + 8)];
            for (value, sample) in out.iter_mut().zip(line) {
                *value = *sample as u16;
            }
        }
    }
    Ok(values)
}

/// One block of dequantised coefficients (F.2.2).
fn coefficients(
    dc: &Table,
    ac: &Table,
    steps: &[u16; 64],
    bits: &mut Bits<'_>,
    before: &mut i32,
    block: &mut [i32; 64],
) -> Option<()> {
    bits.fill();
    let size = u32::from(dc.symbol(bits)?);
    if size > 15 {
        return None;
    }
    *before = before.wrapping_add(extend(bits.take(size), size));
    // 2^15: what 12 bits and 64 coefficients can need; larger is damage and would overflow the transform.
    let dequantise = |value: i32, step: u16| value.saturating_mul(i32::from(step)).clamp(-(1 << 16), 1 << 16);
    block[0] = dequantise(*before, steps[0]);
    let mut k = 1;
    while k < 64 {
        bits.fill();
        let symbol = u32::from(ac.symbol(bits)?);
        let (run, size) = ((symbol >> 4) as usize, symbol & 15);
        if size == 0 {
            if run < 15 {
                break;
            }
            k += 16;
            continue;
        }
        k += run;
        let value = extend(bits.take(size), size);
        // A run past the end of the block is damage.
        let place = *ZIGZAG.get(k)?;
        block[place] = dequantise(value, steps[k]);
        k += 1;
    }
    Some(())
}

/// Bits of the constants.
const FINE: u32 = 13;

/// A constant of the transform in [`FINE`] bits.
const fn fixed(value: f64) -> i64 {
    (value * (1 << FINE) as f64 + 0.5) as i64
}

/// Inverse transform, level shift and clamp: coefficients to samples.
fn inverse(block: &mut [i32; 64], precision: u16) {
    // Bits kept after the first pass: what fits beside 8 or 12 bits in 32.
    let kept: u32 = if precision == 8 { 2 } else { 1 };
    let mut middle = [0i64; 64];
    for column in 0..8 {
        let line = std::array::from_fn(|row| i64::from(block[row * 8 + column]));
        for (row, value) in pass(line, FINE - kept).into_iter().enumerate() {
            middle[row * 8 + column] = value;
        }
    }
    let (level, highest) = (1i64 << (precision - 1), (1i64 << precision) - 1);
    for row in 0..8 {
        let line = std::array::from_fn(|column| middle[row * 8 + column]);
        // 3: each pass is larger than the transform by the root of 8.
        for (column, value) in pass(line, FINE + kept + 3).into_iter().enumerate() {
            block[row * 8 + column] = (value + level).clamp(0, highest) as i32;
        }
    }
}

/// One pass over eight values, divided by 2^`down` and rounded. Names are the paper's figure 1, read backwards.
fn pass(v: [i64; 8], down: u32) -> [i64; 8] {
    // Even half: a rotation by 3π/8 scaled by root 2, and sums.
    let turned = (v[2] + v[6]) * fixed(0.541_196_100);
    let e2 = turned - v[6] * fixed(1.847_759_065);
    let e3 = turned + v[2] * fixed(0.765_366_865);
    let (e0, e1) = ((v[0] + v[4]) << FINE, (v[0] - v[4]) << FINE);
    let even = [e0 + e3, e1 + e2, e1 - e2, e0 - e3];
    // Odd half: four products with sums of pairs.
    let (a, b, c, d) = (v[7], v[5], v[3], v[1]);
    let all = (a + c + b + d) * fixed(1.175_875_602);
    let (ad, bc) = (-(a + d) * fixed(0.899_976_223), -(b + c) * fixed(2.562_915_447));
    let ac = all - (a + c) * fixed(1.961_570_560);
    let bd = all - (b + d) * fixed(0.390_180_644);
    let odd = [
        d * fixed(1.501_321_110) + ad + bd,
        c * fixed(3.072_711_026) + bc + ac,
        b * fixed(2.053_119_869) + bc + bd,
        a * fixed(0.298_631_336) + ad + ac,
    ];
    let round = |value: i64| (value + (1 << (down - 1))) >> down;
    std::array::from_fn(|k| round(if k < 4 { even[k] + odd[k] } else { even[7 - k] - odd[7 - k] }))
}

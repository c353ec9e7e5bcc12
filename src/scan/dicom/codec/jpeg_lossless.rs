//! JPEG lossless, process 14 (T.81 Annex H): seven predictors, Huffman-coded differences.

use super::bits::{Bits, Stuffing};
use super::huffman::{Table, extend};
use super::jpeg::{FrameHead, Markers, Scan};

pub fn decode(frame: &FrameHead, markers: &Markers, scan: &Scan<'_>) -> Result<Vec<u16>, String> {
    let table = markers.dc[scan.dc].as_ref().ok_or("its scan uses a Huffman table that is not there")?;
    let transform = u16::from(scan.shift & 15);
    if !(1..=7).contains(&scan.first) || scan.last != 0 || scan.shift > 15 || transform >= frame.precision {
        return Err(format!(
            "its scan names predictor {} and point transform {}, which the lossless process has not",
            scan.first, scan.shift
        ));
    }
    let columns = frame.columns;
    if markers.restart_interval % columns != 0 {
        return Err(format!(
            "it restarts every {} pixels, which is no whole number of rows of {columns}",
            markers.restart_interval
        ));
    }
    let rows_between = markers.restart_interval / columns;
    let middle = 1u16 << (frame.precision - transform - 1);
    let mut bits = Bits::new(scan.data, Stuffing::Byte);
    let mut values = vec![0u16; frame.rows * columns];
    for row in 0..frame.rows {
        let restarts = rows_between > 0 && row > 0 && row % rows_between == 0;
        if restarts {
            bits.restart(((row / rows_between - 1) % 8) as u8)?;
        }
        let (above, rest) = values.split_at_mut(row * columns);
        let out = &mut rest[..columns];
        let above = above.len().checked_sub(columns).filter(|_| !restarts).map(|from| &above[from..]);
        line(table, &mut bits, scan.first, middle, above, out)
            .ok_or_else(|| format!("row {} of its stream holds bits that are no code", row + 1))?;
        if bits.overran() {
            return Err(format!("its stream ends in row {} of {}", row + 1, frame.rows));
        }
    }
    let beyond = values.iter().fold(0, |all, v| all | v) >> (frame.precision - transform - 1) > 1;
    if beyond {
        return Err(format!("its stream holds values of more than its {} bits", frame.precision));
    }
    if transform > 0 {
        values.iter_mut().for_each(|v| *v <<= transform);
    }
    Ok(values)
}

/// One row. The first row and the first column have predictors of their own (H.1.2.1).
fn line(
    table: &Table,
    bits: &mut Bits<'_>,
    predictor: u8,
    middle: u16,
    above: Option<&[u16]>,
    out: &mut [u16],
) -> Option<()> {
    let mut left = above.map_or(middle, |a| a[0]).wrapping_add(difference(table, bits)?);
    out[0] = left;
    let Some(above) = above.filter(|_| predictor != 1) else {
        for value in &mut out[1..] {
            left = left.wrapping_add(difference(table, bits)?);
            *value = left;
        }
        return Some(());
    };
    for (value, pair) in out[1..].iter_mut().zip(above.windows(2)) {
        let (a, b, c) = (i32::from(left), i32::from(pair[1]), i32::from(pair[0]));
        let predicted = match predictor {
            2 => b,
            3 => c,
            4 => a + b - c,
            5 => a + ((b - c) >> 1),
            6 => b + ((a - c) >> 1),
            _ => (a + b) >> 1,
        };
        left = (predicted as u16).wrapping_add(difference(table, bits)?);
        *value = left;
    }
    Some(())
}

/// Modulo 65536 (H.1.2.2).
#[inline]
fn difference(table: &Table, bits: &mut Bits<'_>) -> Option<u16> {
    bits.fill();
    match u32::from(table.symbol(bits)?) {
        0 => Some(0),
        // 32768 needs no bits to say which.
        16 => Some(1 << 15),
        size @ 1..=15 => Some(extend(bits.take(size), size) as u16),
        _ => None,
    }
}

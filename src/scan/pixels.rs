//! Decodes the slices of a stack to HU.

use dicom_core::value::{PrimitiveValue, Value};
use dicom_dictionary_std::tags;
use dicom_object::OpenFileOptions;
use dicom_pixeldata::PixelDecoder;
use rayon::prelude::*;

use super::error::ScanError;
use super::header::{Header, Slice, first_line};
use super::stack::Stack;
use crate::model::Watch;

/// HU of the whole stack, `i` fastest.
///
/// # Errors
/// The first slice, in order, that cannot be read, decoded or expressed as `i16` HU.
pub fn read_hu(stack: &Stack<'_>, watch: &dyn Watch) -> Result<Vec<i16>, ScanError> {
    let area = stack.grid.dims[0] * stack.grid.dims[1];
    let mut hu = vec![0i16; stack.grid.len()];
    let outcomes: Vec<Result<(), ScanError>> = hu
        .par_chunks_mut(area)
        .zip(&stack.slices)
        .enumerate()
        .map(|(at, (out, (header, slice)))| {
            if watch.stopped() {
                return Err(ScanError::Stopped);
            }
            let stored = stored_values(header, slice, at + 1)?;
            to_hu(&stored, header, slice, at + 1, out)
        })
        .collect();
    outcomes.into_iter().collect::<Result<Vec<()>, _>>()?;
    Ok(hu)
}

fn stored_values(header: &Header, slice: &Slice, number: usize) -> Result<Vec<u16>, ScanError> {
    let short_hash = || header.short_hash.clone();
    let needed = (slice.rows * slice.columns * 2) as u64;
    let truncated = |found| ScanError::Truncated {
        number,
        short_hash: short_hash(),
        found,
        needed,
        rows: slice.rows,
        columns: slice.columns,
    };
    match header.pixels {
        Some(p) if p.declared.is_some_and(|d| d < needed || p.available < d) => {
            return Err(truncated(p.declared.map_or(0, |d| d.min(p.available))));
        }
        Some(p) if p.available == 0 => return Err(truncated(0)),
        Some(_) => {}
        // A deflated file is not walked; its parser says whether there are pixels.
        None if header.syntax == "1.2.840.10008.1.2.1.99" => {}
        None => {
            return Err(ScanError::Missing { number, short_hash: short_hash(), attribute: "Pixel Data" });
        }
    }
    let undecodable = |reason: String| ScanError::Undecodable {
        number,
        short_hash: short_hash(),
        syntax: header.syntax.clone(),
        reason: first_line(&reason),
    };
    let bytes = header.source.read(number)?;
    let object = OpenFileOptions::new().from_reader(&bytes[..]).map_err(|e| undecodable(e.to_string()))?;
    let Some(element) = object.get(tags::PIXEL_DATA) else {
        return Err(ScanError::Missing { number, short_hash: short_hash(), attribute: "Pixel Data" });
    };
    let stored: Vec<u16> = match element.value() {
        Value::Primitive(PrimitiveValue::U16(v)) => v.to_vec(),
        Value::Primitive(PrimitiveValue::U8(v)) => {
            v.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]])).collect()
        }
        Value::PixelSequence(_) => {
            let decoded = object.decode_pixel_data().map_err(|e| undecodable(e.to_string()))?;
            let decoded_as = (decoded.rows() as usize, decoded.columns() as usize, decoded.bits_allocated());
            if decoded_as != (slice.rows, slice.columns, 16) {
                return Err(undecodable("the compressed stream has another size than the header".into()));
            }
            decoded.data_ow()
        }
        _ => return Err(undecodable("the pixel data are not 16 bit".into())),
    };
    let pixels = slice.rows * slice.columns;
    if stored.len() < pixels {
        return Err(truncated(stored.len() as u64 * 2));
    }
    if stored.len() > pixels {
        return Err(undecodable(format!("it holds {} pixels, but its matrix {pixels}", stored.len())));
    }
    Ok(stored)
}

fn to_hu(
    stored: &[u16],
    header: &Header,
    slice: &Slice,
    number: usize,
    out: &mut [i16],
) -> Result<(), ScanError> {
    let spare = 16 - slice.bits_stored;
    for (at, (&raw, out)) in stored.iter().zip(out.iter_mut()).enumerate() {
        let (row, column) = (at / slice.columns + 1, at % slice.columns + 1);
        let padding = slice.padding == Some(raw);
        let signed = (raw << spare) as i16 >> spare;
        let fits = if slice.signed { signed as u16 == raw } else { (raw << spare) >> spare == raw };
        if !fits && !padding {
            let (bits, short_hash) = (slice.bits_stored, header.short_hash.clone());
            return Err(ScanError::StoredRange { number, short_hash, value: raw, bits, row, column });
        }
        // Padding stands for no measurement. It is a negative number whatever the representation says, and often
        // the lowest there is, which the intercept would push out of range.
        let value = if slice.signed || padding { f64::from(raw as i16) } else { f64::from(raw) };
        let hu = (value * slice.slope + slice.intercept).round();
        let hu = if padding { hu.max(-32768.0) } else { hu };
        if !(-32768.0..=32767.0).contains(&hu) {
            let short_hash = header.short_hash.clone();
            return Err(ScanError::HuRange { number, short_hash, value: hu, row, column });
        }
        *out = hu as i16;
    }
    Ok(())
}

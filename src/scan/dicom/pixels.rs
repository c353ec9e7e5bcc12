//! Decodes the slices of a stack to HU.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rayon::prelude::*;

use super::codec;
use super::encoding::{Encoding, Pixels, Place};
use super::file;
use super::header::{Header, Slice};
use super::syntax::Packing;
use super::values::first_line;
use crate::geometry::pages::zeroed;
use crate::model::Watch;
use crate::scan::error::ScanError;
use crate::scan::source::Source;
use crate::scan::stack::Stack;

/// A CT packs 2 to 4 to 1 without loss and some 20 to 1 with it. A series above this is made to exhaust memory.
const RATIO_MAX: u64 = 100;
/// Below this many bytes unpacked, nobody need ask.
const UNPACKED_FREE: u64 = 64 << 20;

thread_local! {
    /// The bytes of a frame, kept from slice to slice.
    static BYTES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// HU of the whole stack, `i` fastest, and what `look` says of each slice by its number from 0, asked while the slice is
/// still at hand.
///
/// # Errors
/// The first slice, in order, that cannot be read, decoded or expressed as `i16` HU.
pub fn read_hu<T: Send>(
    stack: &Stack<'_>,
    watch: &dyn Watch,
    look: impl Fn(usize, &[i16]) -> T + Sync,
) -> Result<(Vec<i16>, Vec<T>), ScanError> {
    let area = stack.grid.dims[0] * stack.grid.dims[1];
    no_bomb(stack.slices.iter().map(|s| s.0), stack.grid.len() as u64 * 2)?;
    let mut hu: Vec<i16> = zeroed(stack.grid.len());
    let outcomes: Vec<Result<T, ScanError>> = hu
        .par_chunks_mut(area)
        .zip(&stack.slices)
        .enumerate()
        .map(|(at, (out, (header, slice)))| {
            if watch.stopped() {
                return Err(ScanError::Stopped);
            }
            let reader = Reader { header, number: at + 1 };
            reader.hu(slice, out)?;
            Ok(look(at, out))
        })
        .collect();
    Ok((hu, outcomes.into_iter().collect::<Result<Vec<T>, _>>()?))
}

/// Compressed slices must hold enough to be `unpacked` bytes.
pub fn no_bomb<'a>(headers: impl Iterator<Item = &'a Header>, unpacked: u64) -> Result<(), ScanError> {
    let mut packed = 0u64;
    for h in headers {
        match h.pixels.as_ref().ok().and_then(|p| p.packed_bytes(h.frame)) {
            Some(bytes) => packed += bytes,
            None => return Ok(()),
        }
    }
    let ratio = unpacked / packed.max(1);
    if unpacked > UNPACKED_FREE && ratio > RATIO_MAX {
        return Err(ScanError::Bomb { unpacked, packed, ratio, limit: RATIO_MAX });
    }
    Ok(())
}

/// Stored values of one frame, row by row, as the header says they are to be read: shifted, masked, with sign.
pub fn stored_values(header: &Header, number: usize) -> Result<Vec<i32>, ScanError> {
    let reader = Reader { header, number };
    let pixels = reader.pixels()?;
    let encoding = &pixels.encoding;
    if encoding.samples != 1 {
        return Err(reader.undecodable(format!("it has {} samples per pixel; one is read", encoding.samples)));
    }
    reader.cells(pixels, |cells| {
        cells
            .iter()
            // Bits out of place are an error of HU, which padding may excuse; here they are shown.
            .map(|raw| stored_of(*raw, encoding).unwrap_or(*raw as i32))
            .collect()
    })
}

/// The stored value in the container `raw`, which carries the sign of the container; `None` where bits are set that
/// belong to nobody.
#[inline]
fn stored_of(raw: u32, e: &Encoding) -> Option<i32> {
    let raw = raw & !e.overlay_bits;
    let (low, spare) = (u32::from(e.high_bit + 1 - e.stored), 31 - u32::from(e.high_bit));
    if e.signed {
        // Containers of 8 and 16 bits come with their sign spread over 32.
        let value = (raw << spare) as i32 >> spare;
        (value as u32 == raw && raw & ((1 << low) - 1) == 0).then_some(value >> low)
    } else {
        let value = (raw << spare) >> spare;
        (value == raw && raw & ((1 << low) - 1) == 0).then(|| (value >> low) as i32)
    }
}

/// One frame and the number it has in messages.
struct Reader<'a> {
    header: &'a Header,
    number: usize,
}

impl Reader<'_> {
    fn undecodable(&self, reason: impl AsRef<str>) -> ScanError {
        ScanError::Undecodable {
            number: self.number,
            short_hash: self.header.short_hash.clone(),
            syntax: self.header.syntax.chars().filter(|c| c.is_ascii_digit() || *c == '.').take(64).collect(),
            reason: first_line(reason.as_ref()),
        }
    }

    fn pixels(&self) -> Result<&Pixels, ScanError> {
        match &self.header.pixels {
            Ok(pixels) => Ok(pixels),
            Err(fault) => Err(fault.clone().of_slice(self.number, &self.header.short_hash)),
        }
    }

    fn hu(&self, slice: &Slice, out: &mut [i16]) -> Result<(), ScanError> {
        let pixels = self.pixels()?;
        let encoding = pixels.encoding;
        let plain = encoding.allocated == 16 && encoding.overlay_bits == 0;
        if let (true, Place::Native { big_endian: false, .. }, Ok(Packing::Native), None) =
            (plain, &pixels.place, &pixels.packing, pixels.deflated_at)
        {
            // The way of nearly every scan: bytes to HU in one pass.
            return self.frame_bytes(pixels, |bytes| {
                let words = bytes.as_chunks::<2>().0;
                if quick_hu(words, &encoding, slice, out) {
                    return Ok(());
                }
                let cells = words.iter().map(|w| container(u16::from_le_bytes(*w), &encoding));
                self.checked_hu(cells, &encoding, slice, out)
            })?;
        }
        self.cells(pixels, |cells| self.checked_hu(cells.iter().copied(), &encoding, slice, out))?
    }

    /// HU value by value, naming the first that cannot be.
    fn checked_hu(
        &self,
        cells: impl Iterator<Item = u32>,
        encoding: &Encoding,
        slice: &Slice,
        out: &mut [i16],
    ) -> Result<(), ScanError> {
        let short_hash = || self.header.short_hash.clone();
        for (at, (raw, out)) in cells.zip(out.iter_mut()).enumerate() {
            let (row, column) = (at / slice.columns + 1, at % slice.columns + 1);
            let stored = stored_of(raw, encoding);
            let is_padding = |v: i32| slice.padding.is_some_and(|[from, to]| (from..=to).contains(&v));
            let padding = is_padding(stored.unwrap_or(raw as i32));
            let Some(value) = stored.or(padding.then_some(raw as i32)) else {
                let (bits, value) = (encoding.stored, raw as u16);
                return Err(ScanError::StoredRange {
                    number: self.number,
                    short_hash: short_hash(),
                    value,
                    bits,
                    row,
                    column,
                });
            };
            // Padding stands for no measurement. It is a negative number whatever the representation says, and often
            // the lowest there is, which the intercept would push out of range.
            let value = if padding { i32::from(value as i16) } else { value };
            let hu = (f64::from(value) * slice.slope + slice.intercept).round();
            let hu = if padding { hu.max(-32768.0) } else { hu };
            if !(-32768.0..=32767.0).contains(&hu) {
                let number = self.number;
                return Err(ScanError::HuRange { number, short_hash: short_hash(), value: hu, row, column });
            }
            *out = hu as i16;
        }
        Ok(())
    }

    /// The containers of a frame, 32 bits each, with the container's sign where pixels are signed.
    fn cells<T>(&self, pixels: &Pixels, then: impl FnOnce(&[u32]) -> T) -> Result<T, ScanError> {
        let e = &pixels.encoding;
        let packing = pixels.packing.as_ref().map_err(|name| self.undecodable(format!("it is {name}")))?;
        if let Packing::Native = packing {
            let big = matches!(pixels.place, Place::Native { big_endian: true, .. });
            return self.frame_bytes(pixels, |bytes| {
                let cells: Vec<u32> = match e.allocated {
                    8 if e.signed => bytes.iter().map(|&b| b as i8 as u32).collect(),
                    8 => bytes.iter().map(|&b| u32::from(b)).collect(),
                    16 => bytes
                        .as_chunks::<2>()
                        .0
                        .iter()
                        .map(|w| if big { u16::from_be_bytes(*w) } else { u16::from_le_bytes(*w) })
                        .map(|w| container(w, e))
                        .collect(),
                    _ => bytes
                        .as_chunks::<4>()
                        .0
                        .iter()
                        .map(|w| if big { u32::from_be_bytes(*w) } else { u32::from_le_bytes(*w) })
                        .collect(),
                };
                then(&cells)
            });
        }
        let data = self.packed(pixels)?;
        // A decoder of somebody else may panic on what it did not foresee.
        let decoded = catch_unwind(AssertUnwindSafe(|| codec::decode(*packing, &data, e)))
            .unwrap_or_else(|_| Err("its decoder gave up on it".into()))
            .map_err(|reason| self.undecodable(reason))?;
        if *packing != Packing::Rle && e.high_bit + 1 != e.stored {
            return Err(
                self.undecodable("its header shifts the stored bits, which a compressed stream cannot")
            );
        }
        // Numbers with sign were packed as the bits they are.
        let spare = 32 - u32::from(decoded.precision);
        let cell = |v: u16| {
            let v = u32::from(v);
            if e.signed { ((v << spare) as i32 >> spare) as u32 } else { v }
        };
        let mut cells: Vec<u32> = decoded.values.into_iter().map(cell).collect();
        if !decoded.lossless {
            // What loss adds at the ends of the range is not a value out of range.
            let spare = 32 - u32::from(e.stored);
            let [low, high] = if e.signed {
                [i32::MIN >> spare, i32::MAX >> spare]
            } else {
                [0, (u32::MAX >> spare) as i32]
            };
            cells.iter_mut().for_each(|c| *c = (*c as i32).clamp(low, high) as u32);
        }
        Ok(then(&cells))
    }

    /// The compressed bytes of the frame, its pieces joined.
    fn packed(&self, pixels: &Pixels) -> Result<Vec<u8>, ScanError> {
        let Place::Pieces { pieces, frames } = &pixels.place else {
            return Err(self.undecodable("its compressed pixels are in one run"));
        };
        let frames = frames.as_ref().map_err(|reason| self.undecodable(reason))?;
        let own = frames.get(self.header.frame).ok_or_else(|| self.undecodable("it has no such frame"))?;
        let length = pixels.packed_bytes(self.header.frame).unwrap_or(0) as usize;
        let mut data = vec![0; length];
        let mut rest = &mut data[..];
        for &(offset, length) in &pieces[own.clone()] {
            let (part, after) = rest.split_at_mut(length as usize);
            file::read_part(&self.header.source, self.number, offset, part)?;
            rest = after;
        }
        Ok(data)
    }

    /// The bytes of an uncompressed frame, which must all be there.
    fn frame_bytes<T>(&self, pixels: &Pixels, then: impl FnOnce(&[u8]) -> T) -> Result<T, ScanError> {
        let Place::Native { offset, declared, available, .. } = pixels.place else {
            return Err(self.undecodable("its uncompressed pixels are in pieces"));
        };
        let e = &pixels.encoding;
        let one = e.frame_bytes();
        let needed = one * e.frames as u64;
        if declared < needed || available < needed {
            return Err(ScanError::Truncated {
                number: self.number,
                short_hash: self.header.short_hash.clone(),
                found: available,
                needed,
                rows: e.rows,
                columns: e.columns,
            });
        }
        // One byte more makes an odd length even.
        if declared > needed + 1 {
            return Err(
                self.undecodable(format!("it holds {declared} bytes of pixels, but its matrix {needed}"))
            );
        }
        let from = offset + one * self.header.frame as u64;
        if let Some(at) = pixels.deflated_at {
            let range = from as usize..(from + one) as usize;
            if let Some(inflated) = &pixels.inflated {
                return Ok(then(&inflated[range]));
            }
            let bytes = self.header.source.read(self.number)?;
            let inflated = file::inflate(&bytes, at).map_err(|reason| self.undecodable(reason))?;
            let part = inflated.get(range).ok_or_else(|| self.undecodable("it changed while it was read"))?;
            return Ok(then(part));
        }
        if let Source::Memory(bytes) = &self.header.source {
            let part = bytes.get(from as usize..(from + one) as usize);
            return Ok(then(part.ok_or_else(|| self.undecodable("it changed while it was read"))?));
        }
        BYTES.with_borrow_mut(|bytes| {
            bytes.resize(one as usize, 0);
            file::read_part(&self.header.source, self.number, from, bytes)?;
            Ok(then(bytes))
        })
    }
}

/// A 16 bit container with its sign, if pixels have one, spread over 32 bits.
#[inline]
fn container(word: u16, e: &Encoding) -> u32 {
    if e.signed { word as i16 as u32 } else { u32::from(word) }
}

/// HU of 16 bit pixels whose slope is 1 and whose intercept is whole; false, and `out` of no meaning, where a value
/// needs a closer look: bits out of place, or a result beyond `i16`.
fn quick_hu(words: &[[u8; 2]], e: &Encoding, slice: &Slice, out: &mut [i16]) -> bool {
    let whole = slice.intercept.fract() == 0.0 && slice.intercept.abs() < 32768.0;
    if slice.slope != 1.0 || !whole || e.high_bit + 1 != e.stored {
        return false;
    }
    let shift = slice.intercept as i16;
    // Without sign, values of 32768 and more turn negative here and are seen in `least`.
    let (least, most) = words.iter().zip(out.iter_mut()).fold((i16::MAX, i16::MIN), |(lo, hi), (w, out)| {
        let v = i16::from_le_bytes(*w);
        *out = v.wrapping_add(shift);
        (lo.min(v), hi.max(v))
    });
    let (least, most) = (i32::from(least), i32::from(most));
    let (low, high) = if e.signed {
        (-(1i32 << (e.stored - 1)), (1i32 << (e.stored - 1)) - 1)
    } else {
        (0, (1i32 << e.stored) - 1)
    };
    let shift = i32::from(shift);
    least >= low && most <= high && least + shift >= -32768 && most + shift <= 32767
}

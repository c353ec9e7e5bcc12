//! How a file says its pixels are written, and where their bytes are.

use std::ops::Range;
use std::sync::Arc;

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::parse::DataSet;
use super::syntax::Packing;
use super::values::{Fault, must};

/// A CT matrix is 512 or 1024; larger is damage, and would be allocated for.
const MATRIX_MAX: f64 = 4096.0;
/// Frames of one file.
const FRAMES_MAX: f64 = 65536.0;

/// Matrix and bits of every frame of a file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Encoding {
    pub rows: usize,
    pub columns: usize,
    pub samples: u16,
    /// 8, 16 or 32.
    pub allocated: u16,
    pub stored: u16,
    pub high_bit: u16,
    pub signed: bool,
    /// Number of Frames, 1 where it is missing.
    pub frames: usize,
    /// Spare bits of each pixel that the header declares to be an overlay (retired, PS3.5 8.1.2 of 2004).
    pub overlay_bits: u32,
}

impl Encoding {
    pub fn read(o: &DataSet<'_>) -> Result<Self, Fault> {
        let rows = o.whole(tags::ROWS, "Rows", [1.0, MATRIX_MAX])? as usize;
        let columns = o.whole(tags::COLUMNS, "Columns", [1.0, MATRIX_MAX])? as usize;
        let samples = o.whole(tags::SAMPLES_PER_PIXEL, "Samples per Pixel", [1.0, 4.0])? as u16;
        let [allocated] = o.needed::<1>(tags::BITS_ALLOCATED, "Bits Allocated")?;
        must([8.0, 16.0, 32.0].contains(&allocated), "Bits Allocated", allocated, "it must be 8, 16 or 32")?;
        let stored = o.whole(tags::BITS_STORED, "Bits Stored", [8.0, allocated])?;
        let high_bit =
            o.whole(tags::HIGH_BIT, "High Bit", [f64::from(stored) - 1.0, allocated - 1.0])? as u16;
        let signed = o.whole(tags::PIXEL_REPRESENTATION, "Pixel Representation", [0.0, 1.0])? == 1;
        let frames = match o.optional(tags::NUMBER_OF_FRAMES, "Number of Frames")? {
            None => 1,
            Some(_) => o.whole(tags::NUMBER_OF_FRAMES, "Number of Frames", [1.0, FRAMES_MAX])? as usize,
        };
        let (allocated, stored) = (allocated as u16, stored as u16);
        let overlay_bits = overlay_bits(o, allocated, stored, high_bit)?;
        Ok(Self { rows, columns, samples, allocated, stored, high_bit, signed, frames, overlay_bits })
    }

    /// Pixels of a frame.
    pub fn area(&self) -> usize {
        self.rows * self.columns
    }

    /// Bytes of an uncompressed frame.
    pub fn frame_bytes(&self) -> u64 {
        (self.area() * usize::from(self.samples) * usize::from(self.allocated / 8)) as u64
    }
}

/// Bits that overlays without data of their own claim in the pixels.
fn overlay_bits(o: &DataSet<'_>, allocated: u16, stored: u16, high_bit: u16) -> Result<u32, Fault> {
    let mut bits = 0u32;
    for group in (0x6000..=0x601e).step_by(2) {
        let (allocated_tag, position_tag) = (Tag(group, 0x0100), Tag(group, 0x0102));
        if o.get(Tag(group, 0x3000)).is_some() || o.get(position_tag).is_none() {
            continue;
        }
        let in_pixels = o.optional(allocated_tag, "Overlay Bits Allocated")? == Some(f64::from(allocated));
        let position = o.optional(position_tag, "Overlay Bit Position")?.unwrap_or(0.0);
        let spare = |p: u16| p > high_bit || p + stored <= high_bit;
        if in_pixels && position.fract() == 0.0 && (0.0..f64::from(allocated)).contains(&position) {
            must(
                spare(position as u16),
                "Overlay Bit Position",
                position,
                "it must lie outside the stored bits",
            )?;
            bits |= 1 << position as u32;
        }
    }
    Ok(bits)
}

/// Where the frames are.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// One after the other from `offset`; of `declared` bytes the file has `available`.
    Native { offset: u64, declared: u64, available: u64, big_endian: bool },
    /// Pieces as offset and length, and which of them each frame is made of, or why that cannot be said.
    Pieces { pieces: Vec<(u64, u32)>, frames: Result<Vec<Range<usize>>, String> },
}

/// Everything about the pixels of a file short of the pixels.
#[derive(Clone, Debug)]
pub struct Pixels {
    pub encoding: Encoding,
    /// How to unpack, or the name of a syntax that is not read.
    pub packing: Result<Packing, String>,
    pub place: Place,
    /// Where the deflated part of the file begins.
    pub deflated_at: Option<usize>,
    /// The inflated data set, kept only for files of several frames.
    pub inflated: Option<Arc<Vec<u8>>>,
}

impl Pixels {
    /// Bytes of compressed pixels of a frame, `None` where it is not compressed.
    pub fn packed_bytes(&self, frame: usize) -> Option<u64> {
        match &self.place {
            Place::Pieces { pieces, frames: Ok(frames) } => {
                let own = &pieces[frames.get(frame)?.clone()];
                Some(own.iter().map(|p| u64::from(p.1)).sum())
            }
            _ => None,
        }
    }
}

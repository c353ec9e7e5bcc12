//! Decoders of compressed frames, each of which reads its stream's own header before it makes a buffer.
//!
//! All but JPEG 2000 are our own: written for one component of 2 to 16 bits, they make no buffer but the frame, of a
//! size the caller knows, and stop at the first thing that is not as it must be.

mod bits;
mod dct;
mod huffman;
mod jpeg;
mod jpeg2000;
mod jpeg_lossless;
mod jpeg_ls;
mod rle;

use super::encoding::Encoding;
use super::syntax::Packing;

/// What a decoder made of a frame.
pub struct Decoded {
    /// Row by row; the bits of the stream, without sign.
    pub values: Vec<u16>,
    /// Bits of each value.
    pub precision: u16,
    /// The stream gives back what was packed.
    pub lossless: bool,
}

/// Pixels of a compressed frame: 2048 × 2048, twice the side of the largest matrix in use but for photon-counting CT,
/// which has it. Larger ones, which a kilobyte can claim to be, take longer and more memory than a file may.
const AREA_MAX: usize = 2048 * 2048;

/// Decodes one frame, which must be what the syntax and the header say.
///
/// # Errors
/// A sentence: what the stream says of itself and what was expected, or where it breaks.
pub fn decode(packing: Packing, data: &[u8], encoding: &Encoding) -> Result<Decoded, String> {
    if encoding.area() > AREA_MAX {
        return Err(format!(
            "its matrix is {} x {}, and compressed ones are read up to 2048 x 2048",
            encoding.rows, encoding.columns
        ));
    }
    match packing {
        Packing::Native => Err("it is not compressed".into()),
        Packing::Rle => rle::decode(data, encoding),
        Packing::JpegDct | Packing::JpegLossless => jpeg::decode(packing, data, encoding),
        Packing::JpegLs { lossless } => jpeg_ls::decode(data, lossless, encoding),
        Packing::Jpeg2000 { lossless } => jpeg2000::decode(data, lossless, encoding),
    }
}

/// The stream's matrix, components and precision must be those of the header.
///
/// A stream may have more bits than are stored, and what a lossless one gives back is then checked value by value;
/// fewer are enough only for numbers without sign that come back as they were.
fn agree(
    encoding: &Encoding,
    stream: [usize; 2],
    components: usize,
    precision: u16,
    lossless: bool,
) -> Result<(), String> {
    let [rows, columns] = stream;
    if (rows, columns) != (encoding.rows, encoding.columns) {
        return Err(format!(
            "its stream has {rows} rows and {columns} columns, its header {} and {}",
            encoding.rows, encoding.columns
        ));
    }
    if components != 1 || encoding.samples != 1 {
        return Err(format!(
            "its stream has {components} components, its header {}; a CT has one",
            encoding.samples
        ));
    }
    let enough = precision >= encoding.stored || (lossless && !encoding.signed);
    if !(2..=16).contains(&precision) || !enough || precision > encoding.allocated {
        return Err(format!(
            "its stream has {precision} bits, its header {} stored in {}",
            encoding.stored, encoding.allocated
        ));
    }
    Ok(())
}

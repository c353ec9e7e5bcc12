//! Pictures.

use super::error::FormatError;

/// PNG of 8-bit RGB, rows from the top, `width · height · 3` bytes.
///
/// # Errors
/// [`FormatError::Count`] when the buffer is not of that size; [`FormatError::Unreadable`] for no pixels.
pub fn png_bytes(rgb: &[u8], width: u32, height: u32) -> Result<Vec<u8>, FormatError> {
    let expected = width as usize * height as usize * 3;
    if rgb.len() != expected {
        return Err(FormatError::Count {
            format: "PNG",
            what: "red, green and blue",
            found: rgb.len(),
            expected,
        });
    }
    let mut bytes = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(::png::ColorType::Rgb);
    encoder.set_depth(::png::BitDepth::Eight);
    encoder
        .write_header()
        .and_then(|mut w| w.write_image_data(rgb))
        .map_err(|e| FormatError::Unreadable { format: "PNG", why: e.to_string() })?;
    Ok(bytes)
}

/// PNG with a palette of at most 256 colours: `indices` are rows from the top, one byte a pixel.
///
/// # Errors
/// [`FormatError::Count`] when the buffer is not of that size or an index lies beyond the palette;
/// [`FormatError::Unreadable`] for no pixels.
pub fn png_indexed_bytes(
    indices: &[u8],
    width: u32,
    height: u32,
    palette: &[[u8; 3]],
) -> Result<Vec<u8>, FormatError> {
    let expected = width as usize * height as usize;
    if indices.len() != expected {
        return Err(FormatError::Count { format: "PNG", what: "indices", found: indices.len(), expected });
    }
    let used = indices.iter().map(|&i| usize::from(i) + 1).max().unwrap_or(0);
    if used > palette.len() || palette.len() > 256 {
        return Err(FormatError::Count {
            format: "PNG",
            what: "colours",
            found: palette.len(),
            expected: used,
        });
    }
    let mut bytes = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(::png::ColorType::Indexed);
    encoder.set_palette(palette.concat());
    encoder.set_compression(::png::Compression::High);
    encoder.set_filter(::png::Filter::NoFilter);
    // Sixteen colours fit in half a byte.
    let (depth, data) = if palette.len() <= 16 {
        let rows = indices.chunks(width.max(1) as usize);
        let packed = rows
            .flat_map(|row| row.chunks(2).map(|p| (p[0] << 4) | p.get(1).copied().unwrap_or(0)))
            .collect();
        (::png::BitDepth::Four, packed)
    } else {
        (::png::BitDepth::Eight, indices.to_vec())
    };
    encoder.set_depth(depth);
    encoder
        .write_header()
        .and_then(|mut w| w.write_image_data(&data))
        .map_err(|e| FormatError::Unreadable { format: "PNG", why: e.to_string() })?;
    Ok(bytes)
}

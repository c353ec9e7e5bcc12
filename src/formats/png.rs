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

//! Which pieces of encapsulated pixel data make which frame (PS3.5 A.4).

use std::ops::Range;

use super::parse::DataSet;
use super::parse::{Element, Value};
use dicom_dictionary_std::tags;

/// The pieces of each frame, not counting the offset table, which is the first of `fragments`.
///
/// By the basic offset table; by the extended one; one piece each; or by the marks that begin an image.
///
/// # Errors
/// A sentence, where the tables contradict the pieces or the count of frames is another.
pub fn pieces_of_frames(
    bytes: &[u8],
    set: &DataSet<'_>,
    fragments: &[(u64, u32)],
    frames: usize,
) -> Result<Vec<Range<usize>>, String> {
    let Some((&(table_at, table_length), pieces)) = fragments.split_first() else {
        return Err("its encapsulated pixel data have no items".into());
    };
    if pieces.is_empty() {
        return Err("its encapsulated pixel data have an offset table and no pixels".into());
    }
    let first = pieces[0].0 - 8;
    let basic = &bytes[table_at as usize..][..table_length as usize];
    let (words, rest) = basic.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(format!("its offset table has {table_length} bytes, which is no multiple of 4"));
    }
    if frames == 1 && words.len() <= 1 {
        return if words.first().is_none_or(|w| u32::from_le_bytes(*w) == 0) {
            Ok(std::iter::once(0..pieces.len()).collect())
        } else {
            Err("its offset table does not begin at 0".into())
        };
    }
    if !words.is_empty() {
        let offsets = words.iter().map(|w| u64::from(u32::from_le_bytes(*w))).collect::<Vec<_>>();
        return by_table(&offsets, first, pieces, frames);
    }
    if let Some(Element { value: Value::Bytes(table), .. }) = set.get(tags::EXTENDED_OFFSET_TABLE) {
        let (words, _) = table.as_chunks::<8>();
        let offsets = words.iter().map(|w| u64::from_le_bytes(*w)).collect::<Vec<_>>();
        return by_table(&offsets, first, pieces, frames);
    }
    if pieces.len() == frames {
        return Ok((0..frames).map(|n| n..n + 1).collect());
    }
    by_marks(bytes, pieces, frames)
}

fn by_table(
    offsets: &[u64],
    first: u64,
    pieces: &[(u64, u32)],
    frames: usize,
) -> Result<Vec<Range<usize>>, String> {
    if offsets.len() != frames {
        return Err(format!("its offset table names {} frames, but it has {frames}", offsets.len()));
    }
    let mut starts = Vec::with_capacity(frames + 1);
    for (n, offset) in offsets.iter().enumerate() {
        let at = first.checked_add(*offset).and_then(|o| o.checked_add(8));
        let piece = at.and_then(|at| pieces.binary_search_by_key(&at, |p| p.0).ok());
        let rises = |piece: &usize| starts.last().map_or(*piece == 0, |last| piece > last);
        match piece.filter(rises) {
            Some(piece) => starts.push(piece),
            None => return Err(format!("its offset table points frame {} at no piece of the pixels", n + 1)),
        }
    }
    starts.push(pieces.len());
    Ok(starts.windows(2).map(|w| w[0]..w[1]).collect())
}

/// A frame begins where a piece begins with SOI (JPEG, JPEG-LS) or SOC and SIZ (JPEG 2000): compressed data cannot
/// hold them (T.81 B.1.1.5, T.87 C.2.1, T.800 B.10.1).
fn by_marks(bytes: &[u8], pieces: &[(u64, u32)], frames: usize) -> Result<Vec<Range<usize>>, String> {
    let begins = |&(at, length): &(u64, u32)| {
        let piece = &bytes[at as usize..][..length as usize];
        piece.starts_with(&[0xff, 0xd8, 0xff]) || piece.starts_with(&[0xff, 0x4f, 0xff, 0x51])
    };
    let mut starts: Vec<usize> = (0..pieces.len()).filter(|&n| begins(&pieces[n])).collect();
    if starts.len() != frames || starts[0] != 0 {
        return Err(format!(
            "it has {frames} frames in {} pieces without an offset table, and {} of these begin an image",
            pieces.len(),
            starts.len()
        ));
    }
    starts.push(pieces.len());
    Ok(starts.windows(2).map(|w| w[0]..w[1]).collect())
}

//! Values of kept elements: text and numbers, and why they cannot be had.

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::parse::{DataSet, Element, Value};
use crate::scan::error::{ScanError, ShortHash};

/// Why a file cannot be a slice.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The attribute is not there.
    Missing(&'static str),
    /// The attribute is there but not what it must be.
    Bad { attribute: &'static str, value: String, expected: &'static str },
}

impl Fault {
    /// As an error of the slice with this number and hash.
    pub fn of_slice(self, number: usize, short_hash: &ShortHash) -> ScanError {
        let short_hash = short_hash.clone();
        match self {
            Self::Missing(attribute) => ScanError::Missing { number, short_hash, attribute },
            Self::Bad { attribute, value, expected } => {
                ScanError::Bad { number, short_hash, attribute, value, expected }
            }
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing(attribute) => write!(f, "no {attribute}"),
            Self::Bad { attribute, value, expected } => write!(f, "{attribute} {value}, but {expected}"),
        }
    }
}

/// A value as a message may show it: one line, no control characters.
pub fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(160).collect()
}

/// The element's text without padding; one character per byte, so that different bytes stay different.
fn text_of_bytes(bytes: &[u8]) -> String {
    let text: String = bytes.iter().map(|&b| char::from(b)).collect();
    text.trim_matches(['\0', ' ']).to_owned()
}

impl DataSet<'_> {
    /// Text, `None` where missing or empty.
    pub fn text(&self, tag: Tag) -> Option<String> {
        match self.get(tag).map(|e| &e.value) {
            Some(Value::Bytes(b)) => Some(text_of_bytes(b)).filter(|t| !t.is_empty()),
            _ => None,
        }
    }

    /// `n` finite numbers; `None` where missing or empty.
    pub fn numbers(&self, tag: Tag, name: &'static str, n: usize) -> Result<Option<Vec<f64>>, Fault> {
        let Some(element) = self.get(tag) else { return Ok(None) };
        let Value::Bytes(bytes) = &element.value else { return Ok(None) };
        let bad = |expected| Fault::Bad { attribute: name, value: shown(element, bytes), expected };
        let values = match self.binary(element, bytes) {
            Some(values) => values.map_err(|()| bad("its length is not that of its type"))?,
            None => {
                let text = text_of_bytes(bytes);
                if text.is_empty() {
                    return Ok(None);
                }
                let written: Result<Vec<f64>, _> =
                    text.split('\\').map(|v| v.trim_matches(['\0', ' ']).parse::<f64>()).collect();
                written.map_err(|_| bad("it must be written as numbers"))?
            }
        };
        if values.is_empty() {
            return Ok(None);
        }
        if values.len() != n {
            return Err(bad("it must have as many values as the standard says"));
        }
        if values.iter().any(|v| !v.is_finite()) {
            return Err(bad("it must be finite"));
        }
        Ok(Some(values))
    }

    /// Binary numbers, or `None` for text.
    fn binary(&self, element: &Element<'_>, bytes: &[u8]) -> Option<Result<Vec<f64>, ()>> {
        let vr = if &element.vr == b"UN" { usual_vr(element.tag) } else { element.vr };
        let big = self.big_endian;
        macro_rules! all {
            ($type:ty) => {{
                let (words, rest) = bytes.as_chunks::<{ size_of::<$type>() }>();
                let one = |w: &[u8; size_of::<$type>()]| {
                    f64::from(if big { <$type>::from_be_bytes(*w) } else { <$type>::from_le_bytes(*w) })
                };
                Some(if rest.is_empty() { Ok(words.iter().take(16).map(one).collect()) } else { Err(()) })
            }};
        }
        match &vr {
            b"US" => all!(u16),
            b"SS" => all!(i16),
            b"UL" => all!(u32),
            b"SL" => all!(i32),
            b"FL" => all!(f32),
            b"FD" => all!(f64),
            _ => None,
        }
    }

    pub fn needed<const N: usize>(&self, tag: Tag, name: &'static str) -> Result<[f64; N], Fault> {
        let values = self.numbers(tag, name, N)?.ok_or(Fault::Missing(name))?;
        Ok(std::array::from_fn(|a| values[a]))
    }

    pub fn optional(&self, tag: Tag, name: &'static str) -> Result<Option<f64>, Fault> {
        Ok(self.numbers(tag, name, 1)?.map(|v| v[0]))
    }

    /// A whole number of 1 to `max`.
    pub fn whole(&self, tag: Tag, name: &'static str, range: [f64; 2]) -> Result<u32, Fault> {
        let [value] = self.needed::<1>(tag, name)?;
        if value.fract() == 0.0 && (range[0]..=range[1]).contains(&value) {
            return Ok(value as u32);
        }
        let expected = "it must be a whole number within its range";
        Err(Fault::Bad { attribute: name, value: format!("{value}"), expected })
    }
}

fn shown(element: &Element<'_>, bytes: &[u8]) -> String {
    if matches!(&element.vr, b"US" | b"SS" | b"UL" | b"SL" | b"FL" | b"FD") {
        return format!("of {} bytes", bytes.len());
    }
    first_line(&text_of_bytes(&bytes[..bytes.len().min(160)]))
}

/// The type of the kept elements that are not text, for files that do not say it.
fn usual_vr(tag: Tag) -> [u8; 2] {
    match tag {
        tags::SAMPLES_PER_PIXEL
        | tags::ROWS
        | tags::COLUMNS
        | tags::BITS_ALLOCATED
        | tags::BITS_STORED
        | tags::HIGH_BIT
        | tags::PIXEL_REPRESENTATION
        | tags::PIXEL_PADDING_VALUE
        | tags::PIXEL_PADDING_RANGE_LIMIT
        | tags::FRAME_ACQUISITION_NUMBER => *b"US",
        tags::TEMPORAL_POSITION_INDEX => *b"UL",
        Tag(0x6000..=0x601e, 0x0100 | 0x0102) => *b"US",
        _ => *b"UN",
    }
}

/// `Ok` where `holds`.
pub fn must(
    holds: bool,
    attribute: &'static str,
    value: impl ToString,
    expected: &'static str,
) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(Fault::Bad { attribute, value: value.to_string(), expected }) }
}

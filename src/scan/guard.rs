//! Checks the lengths a DICOM file declares against the bytes it has, before a parser may believe them.
//!
//! Walks the elements without keeping anything. Deflated files cannot be walked; their parser reads a stream that
//! ends where it ends.

use dicom_core::Tag;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_core::header::VR;
use dicom_dictionary_std::StandardDataDictionary;

/// Deeper nesting than any CT has; stops a file that nests without end.
const DEPTH_MAX: usize = 24;

/// What the walk saw of the pixel data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PixelBytes {
    /// Declared; `None` for encapsulated pixel data.
    pub declared: Option<u64>,
    /// Left in the file from the first byte of the value.
    pub available: u64,
}

/// How the elements of a data set are written.
#[derive(Clone, Copy, Debug)]
struct Coding {
    explicit: bool,
    big: bool,
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// True where the bytes carry the DICOM mark.
pub fn is_dicom(bytes: &[u8]) -> bool {
    bytes.len() > 132 && &bytes[128..132] == b"DICM"
}

/// Walks a file that carries the mark.
///
/// # Errors
/// A sentence naming the element, the declared length and what is left.
pub fn walk(bytes: &[u8]) -> Result<Option<PixelBytes>, String> {
    let mut w = Walk { bytes, at: 132 };
    let mut syntax = String::new();
    // The file meta group is explicit little endian, whatever follows.
    let meta = Coding { explicit: true, big: false };
    while w.left() >= 8 && w.u16(w.at, false) == 2 {
        let (tag, _, length) = w.header(meta)?;
        let value = w.take(tag, length)?;
        if tag == Tag(2, 0x10) {
            syntax = String::from_utf8_lossy(value).trim_end_matches(['\0', ' ']).to_owned();
        }
    }
    let coding = match syntax.as_str() {
        "1.2.840.10008.1.2" => Coding { explicit: false, big: false },
        "1.2.840.10008.1.2.2" => Coding { explicit: true, big: true },
        "1.2.840.10008.1.2.1.99" => return Ok(None),
        "" => return Err("its transfer syntax is missing".into()),
        _ => Coding { explicit: true, big: false },
    };
    w.data_set(coding, bytes.len(), false, 0)
}

impl<'a> Walk<'a> {
    fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn u16(&self, at: usize, big: bool) -> u16 {
        let b = [self.bytes[at], self.bytes[at + 1]];
        if big { u16::from_be_bytes(b) } else { u16::from_le_bytes(b) }
    }

    fn u32(&self, at: usize, big: bool) -> u32 {
        let b = [self.bytes[at], self.bytes[at + 1], self.bytes[at + 2], self.bytes[at + 3]];
        if big { u32::from_be_bytes(b) } else { u32::from_le_bytes(b) }
    }

    fn need(&self, tag: Option<Tag>, bytes: usize) -> Result<(), String> {
        if self.left() >= bytes {
            return Ok(());
        }
        let what = tag.map_or("an element".to_owned(), |t| format!("element {t}"));
        Err(format!("{what} at byte {} needs {bytes} bytes, but the file has {} left", self.at, self.left()))
    }

    /// Tag, true for a sequence, declared length.
    fn header(&mut self, coding: Coding) -> Result<(Tag, bool, u32), String> {
        self.need(None, 8)?;
        let tag = Tag(self.u16(self.at, coding.big), self.u16(self.at + 2, coding.big));
        // Items and delimiters have no VR in any coding.
        if !coding.explicit || tag.0 == 0xfffe {
            let length = self.u32(self.at + 4, coding.big);
            self.at += 8;
            let listed = StandardDataDictionary.by_tag(tag).is_some_and(|e| e.vr().relaxed() == VR::SQ);
            return Ok((tag, listed && tag.0 != 0xfffe, length));
        }
        let vr = [self.bytes[self.at + 4], self.bytes[self.at + 5]];
        if matches!(
            &vr,
            b"OB"
                | b"OD"
                | b"OF"
                | b"OL"
                | b"OV"
                | b"OW"
                | b"SQ"
                | b"SV"
                | b"UC"
                | b"UN"
                | b"UR"
                | b"UT"
                | b"UV"
        ) {
            self.need(Some(tag), 12)?;
            let length = self.u32(self.at + 8, coding.big);
            self.at += 12;
            return Ok((tag, &vr == b"SQ", length));
        }
        if !vr.iter().all(u8::is_ascii_uppercase) {
            return Err(format!("element {tag} at byte {} has no value representation", self.at));
        }
        let length = u32::from(self.u16(self.at + 6, coding.big));
        self.at += 8;
        Ok((tag, false, length))
    }

    fn take(&mut self, tag: Tag, length: u32) -> Result<&'a [u8], String> {
        self.need(Some(tag), length as usize)?;
        let value = &self.bytes[self.at..self.at + length as usize];
        self.at += length as usize;
        Ok(value)
    }

    /// Walks to `end`, or to the item delimiter where the item's length was not declared.
    fn data_set(
        &mut self,
        coding: Coding,
        end: usize,
        delimited: bool,
        depth: usize,
    ) -> Result<Option<PixelBytes>, String> {
        if depth > DEPTH_MAX {
            return Err(format!("sequences are nested more than {DEPTH_MAX} deep at byte {}", self.at));
        }
        while self.at < end {
            // Some writers pad a file with zero bytes; eight of them are no element.
            if depth == 0 && self.left() < 8 && self.bytes[self.at..].iter().all(|&b| b == 0) {
                return Ok(None);
            }
            let (tag, sequence, length) = self.header(coding)?;
            if delimited && tag == Tag(0xfffe, 0xe00d) {
                return Ok(None);
            }
            if depth == 0 && tag == Tag(0x7fe0, 0x0010) {
                let declared = (length != u32::MAX).then_some(u64::from(length));
                return Ok(Some(PixelBytes { declared, available: self.left() as u64 }));
            }
            if length == u32::MAX || sequence {
                // An undefined length that is no declared sequence is UN: its items are implicit little endian.
                let inner = if sequence { coding } else { Coding { explicit: false, big: false } };
                self.sequence(tag, inner, length, depth + 1)?;
            } else {
                self.take(tag, length)?;
            }
        }
        Ok(None)
    }

    fn sequence(&mut self, tag: Tag, coding: Coding, length: u32, depth: usize) -> Result<(), String> {
        let end = if length == u32::MAX {
            self.bytes.len()
        } else {
            self.need(Some(tag), length as usize)?;
            self.at + length as usize
        };
        while self.at < end {
            let (item, _, item_length) = self.header(coding)?;
            match item {
                Tag(0xfffe, 0xe0dd) => return Ok(()),
                Tag(0xfffe, 0xe000) if item_length == u32::MAX => {
                    self.data_set(coding, self.bytes.len(), true, depth)?;
                }
                Tag(0xfffe, 0xe000) => {
                    self.need(Some(tag), item_length as usize)?;
                    let item_end = self.at + item_length as usize;
                    self.data_set(coding, item_end, false, depth)?;
                }
                other => return Err(format!("sequence {tag} holds {other} where an item was expected")),
            }
        }
        Ok(())
    }
}

//! Walks a DICOM data set and keeps the few elements a scan is made of.
//!
//! Every length is compared with what encloses it before anything is skipped, kept or descended into; nothing is
//! allocated by a length that a file declares. What is kept borrows the file's bytes.

use dicom_core::Tag;
use dicom_dictionary_std::tags;

/// Sequences inside sequences; functional groups need 3.
const DEPTH_MAX: usize = 16;
/// Pixel data in more pieces than this is damage: 65,536 frames in 16 pieces each.
const FRAGMENTS_MAX: usize = 1 << 20;

const ITEM: Tag = Tag(0xfffe, 0xe000);
const ITEM_END: Tag = Tag(0xfffe, 0xe00d);
const SEQUENCE_END: Tag = Tag(0xfffe, 0xe0dd);

/// How elements are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    ImplicitLittle,
    ExplicitLittle,
    ExplicitBig,
}

/// Why the walk ended before its end.
#[derive(Debug, PartialEq)]
pub enum Stop {
    /// The bytes are the beginning of a file, and more of it is needed.
    More,
    /// The file makes no sense.
    Broken(String),
}

impl From<String> for Stop {
    fn from(reason: String) -> Self {
        Self::Broken(reason)
    }
}

/// Where the pixels lie, in bytes from the beginning of what was walked.
#[derive(Clone, Debug, PartialEq)]
pub enum PixelSpan {
    /// One run of uncompressed pixels: the length declared, and how much of it the file has.
    Native { offset: u64, declared: u64, available: u64 },
    /// Items, the offset table first.
    Fragments(Vec<(u64, u32)>),
}

/// One kept value.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    Bytes(&'a [u8]),
    Items(Vec<DataSet<'a>>),
    Pixels(PixelSpan),
}

/// One kept element.
#[derive(Clone, Debug)]
pub struct Element<'a> {
    pub tag: Tag,
    /// Two letters, `UN` where the coding has none.
    pub vr: [u8; 2],
    pub value: Value<'a>,
}

/// The kept elements of a data set, in the order of the file.
#[derive(Clone, Debug)]
pub struct DataSet<'a> {
    pub elements: Vec<Element<'a>>,
    pub big_endian: bool,
}

impl<'a> DataSet<'a> {
    pub fn get(&self, tag: Tag) -> Option<&Element<'a>> {
        self.elements.iter().find(|e| e.tag == tag)
    }

    /// The items of a sequence; none where it is missing.
    pub fn items(&self, tag: Tag) -> &[DataSet<'a>] {
        match self.get(tag).map(|e| &e.value) {
            Some(Value::Items(items)) => items,
            _ => &[],
        }
    }
}

/// Sequences whose items are kept: the functional groups of enhanced CT, and what Modality LUT would be.
fn is_kept_sequence(tag: Tag) -> bool {
    [
        tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE,
        tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE,
        tags::PLANE_POSITION_SEQUENCE,
        tags::PLANE_ORIENTATION_SEQUENCE,
        tags::PIXEL_MEASURES_SEQUENCE,
        tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE,
        tags::CT_IMAGE_FRAME_TYPE_SEQUENCE,
        tags::MR_IMAGE_FRAME_TYPE_SEQUENCE,
        tags::CT_RECONSTRUCTION_SEQUENCE,
        tags::CT_ACQUISITION_DETAILS_SEQUENCE,
        tags::FRAME_CONTENT_SEQUENCE,
        tags::MODALITY_LUT_SEQUENCE,
    ]
    .contains(&tag)
}

/// Elements whose value is kept.
fn is_kept(tag: Tag) -> bool {
    // Overlays of group 6000 to 601E may hide in spare bits of the pixels.
    if (0x6000..=0x601e).contains(&tag.0) {
        return matches!(tag.1, 0x0100 | 0x0102 | 0x3000);
    }
    [
        tags::TRANSFER_SYNTAX_UID,
        tags::IMAGE_TYPE,
        tags::FRAME_TYPE,
        tags::SOP_CLASS_UID,
        tags::SOP_INSTANCE_UID,
        tags::MODALITY,
        tags::MANUFACTURER,
        tags::MANUFACTURER_MODEL_NAME,
        tags::PATIENT_ID,
        tags::SLICE_THICKNESS,
        tags::GANTRY_DETECTOR_TILT,
        tags::CONVOLUTION_KERNEL,
        tags::PATIENT_POSITION,
        tags::PATIENT_ORIENTATION,
        tags::STUDY_INSTANCE_UID,
        tags::SERIES_INSTANCE_UID,
        tags::ACQUISITION_NUMBER,
        tags::IMAGE_POSITION_PATIENT,
        tags::IMAGE_ORIENTATION_PATIENT,
        tags::FRAME_OF_REFERENCE_UID,
        tags::STACK_ID,
        tags::TEMPORAL_POSITION_INDEX,
        tags::FRAME_ACQUISITION_NUMBER,
        tags::SAMPLES_PER_PIXEL,
        tags::PHOTOMETRIC_INTERPRETATION,
        tags::NUMBER_OF_FRAMES,
        tags::ROWS,
        tags::COLUMNS,
        tags::PIXEL_SPACING,
        tags::BITS_ALLOCATED,
        tags::BITS_STORED,
        tags::HIGH_BIT,
        tags::PIXEL_REPRESENTATION,
        tags::PIXEL_PADDING_VALUE,
        tags::PIXEL_PADDING_RANGE_LIMIT,
        tags::RESCALE_INTERCEPT,
        tags::RESCALE_SLOPE,
        tags::RESCALE_TYPE,
        tags::EXTENDED_OFFSET_TABLE,
        tags::EXTENDED_OFFSET_TABLE_LENGTHS,
        tags::FLOAT_PIXEL_DATA,
        tags::DOUBLE_FLOAT_PIXEL_DATA,
    ]
    .contains(&tag)
}

/// A place in the file's bytes, of which `bytes` are at hand and `total` exist.
pub struct Walk<'a> {
    bytes: &'a [u8],
    total: u64,
    pub at: usize,
}

impl<'a> Walk<'a> {
    pub fn new(bytes: &'a [u8], total: u64, at: usize) -> Self {
        Self { bytes, total, at }
    }

    /// The next `length` bytes, which must end by `end`.
    fn take(&mut self, what: impl FnOnce() -> String, length: u64, end: u64) -> Result<&'a [u8], Stop> {
        let last = self.reach(what, length, end)?;
        let found = self.bytes.get(self.at..last).ok_or(Stop::More)?;
        self.at = last;
        Ok(found)
    }

    /// Where `length` more bytes end; they may lie beyond the bytes at hand.
    fn reach(&self, what: impl FnOnce() -> String, length: u64, end: u64) -> Result<usize, Stop> {
        let left = end.saturating_sub(self.at as u64);
        if length > left {
            let what = what();
            return Err(Stop::Broken(format!("{what} declares {length} bytes, but {left} are left")));
        }
        Ok(self.at + length as usize)
    }

    fn u16(&mut self, big: bool, end: u64) -> Result<u16, Stop> {
        let b = self.take(|| "an element".into(), 2, end)?;
        Ok(if big { u16::from_be_bytes([b[0], b[1]]) } else { u16::from_le_bytes([b[0], b[1]]) })
    }

    fn u32(&mut self, big: bool, end: u64) -> Result<u32, Stop> {
        let b: [u8; 4] = self.take(|| "an element".into(), 4, end)?.try_into().expect("four bytes taken");
        Ok(if big { u32::from_be_bytes(b) } else { u32::from_le_bytes(b) })
    }

    /// Tag, value representation and length of the next element.
    fn head(&mut self, coding: Coding, end: u64) -> Result<(Tag, [u8; 2], u32), Stop> {
        let big = coding == Coding::ExplicitBig;
        let tag = Tag(self.u16(big, end)?, self.u16(big, end)?);
        if tag.0 == 0xfffe || coding == Coding::ImplicitLittle {
            return Ok((tag, *b"UN", self.u32(big, end)?));
        }
        let vr = self.take(|| format!("element {tag}"), 2, end)?;
        let vr = [vr[0], vr[1]];
        if !vr.iter().all(u8::is_ascii_uppercase) {
            let shown = format!("0x{:02x}{:02x}", vr[0], vr[1]);
            return Err(Stop::Broken(format!("element {tag} has {shown} where its type belongs")));
        }
        let long = matches!(
            &vr,
            b"OB"
                | b"OW"
                | b"OF"
                | b"OD"
                | b"OL"
                | b"OV"
                | b"SQ"
                | b"UC"
                | b"UR"
                | b"UT"
                | b"UN"
                | b"SV"
                | b"UV"
        );
        if !long {
            return Ok((tag, vr, u32::from(self.u16(big, end)?)));
        }
        self.take(|| format!("element {tag}"), 2, end)?;
        Ok((tag, vr, self.u32(big, end)?))
    }

    /// The elements of group 0002, which are explicit little endian whatever follows.
    pub fn meta(&mut self) -> Result<DataSet<'a>, Stop> {
        let mut meta = DataSet { elements: Vec::new(), big_endian: false };
        while self.at as u64 + 8 <= self.total {
            let group = self.bytes.get(self.at..self.at + 2).ok_or(Stop::More)?;
            if group != [2, 0] {
                break;
            }
            let (tag, vr, length) = self.head(Coding::ExplicitLittle, self.total)?;
            let value = self.take(|| format!("element {tag}"), u64::from(length), self.total)?;
            if tag == tags::TRANSFER_SYNTAX_UID {
                keep(&mut meta, Element { tag, vr, value: Value::Bytes(value) })?;
            }
        }
        Ok(meta)
    }

    /// The data set up to and with its pixel data, or to the end of the file.
    pub fn data_set(&mut self, coding: Coding) -> Result<DataSet<'a>, Stop> {
        self.elements(coding, self.total, false, 0, true)
    }

    /// Elements up to `end`, or to the end of the item where `delimited`. Only where `keeping` are values kept.
    fn elements(
        &mut self,
        coding: Coding,
        end: u64,
        delimited: bool,
        depth: usize,
        keeping: bool,
    ) -> Result<DataSet<'a>, Stop> {
        if depth > DEPTH_MAX {
            return Err(Stop::Broken(format!("sequences are nested deeper than {DEPTH_MAX}")));
        }
        let mut set = DataSet { elements: Vec::new(), big_endian: coding == Coding::ExplicitBig };
        while (self.at as u64) < end {
            // Archives pad files with zeros; no data set continues with them.
            if depth == 0 && end - (self.at as u64) < 8 {
                break;
            }
            let (tag, vr, length) = self.head(coding, end)?;
            if tag == ITEM_END && delimited {
                return Ok(set);
            }
            if tag.0 == 0xfffe {
                return Err(Stop::Broken(format!("item mark {tag} stands where an element belongs")));
            }
            if tag == tags::PIXEL_DATA && depth == 0 {
                let value = Value::Pixels(self.pixels(coding, length, end)?);
                keep(&mut set, Element { tag, vr, value })?;
                return Ok(set);
            }
            let sequence = keeping && is_kept_sequence(tag);
            if length == u32::MAX || (sequence && length > 0) || (&vr == b"SQ" && length > 0) {
                // PS3.5 6.2.2: unknown of undefined length is a sequence in implicit little endian.
                let inner = if &vr == b"UN" { Coding::ImplicitLittle } else { coding };
                let items = self.items(tag, inner, length, end, depth + 1, sequence)?;
                if sequence {
                    keep(&mut set, Element { tag, vr, value: Value::Items(items) })?;
                }
                continue;
            }
            if keeping && is_kept(tag) {
                let value = self.take(|| format!("element {tag}"), u64::from(length), end)?;
                keep(&mut set, Element { tag, vr, value: Value::Bytes(value) })?;
            } else {
                self.at = self.reach(|| format!("element {tag}"), u64::from(length), end)?;
            }
        }
        if delimited {
            return Err(Stop::Broken("an item of a sequence does not end".into()));
        }
        Ok(set)
    }

    fn items(
        &mut self,
        tag: Tag,
        coding: Coding,
        length: u32,
        end: u64,
        depth: usize,
        keeping: bool,
    ) -> Result<Vec<DataSet<'a>>, Stop> {
        let mut items = Vec::new();
        let defined = length != u32::MAX;
        let end = if defined {
            self.reach(|| format!("sequence {tag}"), u64::from(length), end)? as u64
        } else {
            end
        };
        while (self.at as u64) < end {
            let (item, _, length) = self.head(coding, end)?;
            match item {
                SEQUENCE_END if !defined => return Ok(items),
                ITEM => {
                    let (item_end, delimited) = match length {
                        u32::MAX => (end, true),
                        n => (self.reach(|| format!("an item of {tag}"), u64::from(n), end)? as u64, false),
                    };
                    let set = self.elements(coding, item_end, delimited, depth, keeping)?;
                    if keeping {
                        items.push(set);
                    }
                }
                other => {
                    let reason = format!("sequence {tag} holds {other} where an item was expected");
                    return Err(Stop::Broken(reason));
                }
            }
        }
        if defined { Ok(items) } else { Err(Stop::Broken(format!("sequence {tag} does not end"))) }
    }

    fn pixels(&mut self, coding: Coding, length: u32, end: u64) -> Result<PixelSpan, Stop> {
        if length != u32::MAX {
            // Cut off pixels are an error of their slice, with its number: not of the walk.
            let offset = self.at as u64;
            let declared = u64::from(length);
            return Ok(PixelSpan::Native { offset, declared, available: declared.min(end - offset) });
        }
        let mut fragments = Vec::new();
        loop {
            let (item, _, length) = self.head(coding, end)?;
            match item {
                SEQUENCE_END => return Ok(PixelSpan::Fragments(fragments)),
                ITEM if fragments.len() < FRAGMENTS_MAX => {
                    fragments.push((self.at as u64, length));
                    self.at = self.reach(|| "a piece of the pixel data".into(), u64::from(length), end)?;
                }
                ITEM => {
                    let reason = format!("the pixel data come in more than {FRAGMENTS_MAX} pieces");
                    return Err(Stop::Broken(reason));
                }
                other => {
                    return Err(Stop::Broken(format!("pixel data hold {other} where a piece was expected")));
                }
            }
        }
    }
}

/// Which of two values a reader takes is its own secret; so neither.
fn keep<'a>(set: &mut DataSet<'a>, element: Element<'a>) -> Result<(), Stop> {
    if set.get(element.tag).is_some() {
        return Err(Stop::Broken(format!("element {} is there twice", element.tag)));
    }
    set.elements.push(element);
    Ok(())
}

impl Walk<'_> {
    /// True where two elements in a row have plausible heads, in rising order.
    pub fn rises(&mut self, coding: Coding) -> bool {
        let end = self.total;
        let Ok((first, _, length)) = self.head(coding, end) else { return false };
        // Group 0008 begins with a length, a character set or an image type: none is long.
        if first.0 != 8 || length > 1024 {
            return false;
        }
        let Ok(next) = self.reach(String::new, u64::from(length), end) else { return false };
        self.at = next;
        self.head(coding, end).is_ok_and(|(second, _, _)| second > first && second.0 <= 0x0028)
    }
}

//! Where an attribute of a frame stands: at the top of a classic image, in the functional groups of an enhanced one.

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::parse::DataSet;
use super::values::{Fault, must};

/// CT Image Storage: one slice a file.
pub const CT_IMAGE: &str = "1.2.840.10008.5.1.4.1.1.2";
/// Enhanced CT Image Storage, and Legacy Converted: one file for all slices.
pub const ENHANCED: [&str; 2] = ["1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"];

/// MR Image Storage: one slice a file.
pub const MR_IMAGE: &str = "1.2.840.10008.5.1.4.1.1.4";
/// Enhanced MR Image Storage, and Legacy Converted.
pub const ENHANCED_MR: [&str; 2] = ["1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.4.4"];

static EMPTY: DataSet<'static> = DataSet { elements: Vec::new(), big_endian: false };

/// The attributes of one frame.
pub struct Frame<'a> {
    pub root: &'a DataSet<'a>,
    /// Own and shared groups of an enhanced image.
    groups: Option<[&'a DataSet<'a>; 2]>,
    /// Magnetic resonance: its numbers are no HU.
    pub mr: bool,
}

impl<'a> Frame<'a> {
    /// Frame `n` of an image whose class is read.
    pub fn new(root: &'a DataSet<'a>, n: usize, frames: usize) -> Result<Self, Fault> {
        let class = root.text(tags::SOP_CLASS_UID).ok_or(Fault::Missing("SOP Class UID"))?;
        let mr = class == MR_IMAGE || ENHANCED_MR.contains(&class.as_str());
        if class == CT_IMAGE || class == MR_IMAGE {
            must(
                frames == 1,
                "Number of Frames",
                frames,
                "a CT or MR Image has one: several need an enhanced one",
            )?;
            return Ok(Self { root, groups: None, mr });
        }
        must(
            mr || ENHANCED.contains(&class.as_str()),
            "SOP Class UID",
            super::values::first_line(&class),
            "only CT Image, Enhanced CT and Legacy Converted Enhanced CT are read",
        )?;
        let own = root.items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
        let shared = root.items(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE);
        if own.is_empty() {
            return Err(Fault::Missing("Per-Frame Functional Groups Sequence"));
        }
        let (expected, attribute) =
            ("it must have one item per frame", "Per-Frame Functional Groups Sequence");
        must(
            own.len() == frames,
            attribute,
            format!("of {} items for {frames} frames", own.len()),
            expected,
        )?;
        must(shared.len() <= 1, "Shared Functional Groups Sequence", shared.len(), "it must have one item")?;
        let shared = shared.first().unwrap_or(&EMPTY);
        Ok(Self { root, groups: Some([&own[n], shared]), mr })
    }

    /// True for enhanced images.
    pub fn is_enhanced(&self) -> bool {
        self.groups.is_some()
    }

    /// The data set that holds what the functional group `group` holds: the frame's own before the shared one.
    pub fn of(&self, group: Tag) -> &'a DataSet<'a> {
        match self.groups {
            None => self.root,
            Some(groups) => groups.iter().find_map(|g| g.items(group).first()).unwrap_or(&EMPTY),
        }
    }
}

//! One function for each reader of bytes that others send, for `fuzz/`: whatever the bytes are, no panic and no
//! memory beyond what the page of the room states.

use std::io::Cursor;

use super::source::{self, Image, Source};
use crate::formats::{inv3, nifti, nrrd, seg};

/// NIfTI, as scan and as mask.
pub fn nifti(bytes: &[u8]) {
    Image::nifti(bytes).ok();
    nifti::read_labels(bytes).ok();
}

/// NRRD with a header of its own; a detached one finds nothing beside it.
pub fn nrrd(bytes: &[u8]) {
    Image::nrrd(bytes, None).ok();
    nrrd::data_file(bytes);
}

/// An InVesalius project.
pub fn inv3(bytes: &[u8]) {
    inv3::read_project(bytes).ok();
    inv3::read_mask(bytes).ok();
}

/// A zip, and the headers of what is in it.
pub fn zip(bytes: &[u8]) {
    if let Ok(found) = source::unpack(Cursor::new(bytes), bytes.len() as u64) {
        super::study::Folder::read(&found.files);
    }
}

/// A DICOMDIR: which names it refers to.
pub fn dicomdir(bytes: &[u8]) {
    source::references(bytes).ok();
}

/// A DICOM Segmentation.
pub fn seg(bytes: &[u8]) {
    seg::read_seg(bytes).ok();
}

/// A mask of whatever kind the bytes say.
pub fn mask(bytes: &[u8]) {
    super::given::try_mask(bytes);
}

/// The header of a DICOM file.
pub fn dicom(bytes: &[u8]) {
    super::header::read_headers(&Source::Memory(bytes.into()), 1).ok();
}

/// A DICOM file and the stored values of all its frames.
pub fn pixels(bytes: &[u8]) {
    super::stored_frames(bytes.to_vec()).ok();
}

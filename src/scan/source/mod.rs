//! The containers a scan comes in: what a path holds, on disk or in memory.
//!
//! A folder, one DICOM file, a DICOMDIR, a zip of DICOM files; or one image: NIfTI-1, NRRD, an InVesalius project.
//! The content decides, never the name. Links inside a folder are not followed; nothing is unpacked to disk.

mod dicomdir;
mod error;
mod folder;
mod image;
mod zipped;

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;

pub use dicomdir::references;
pub use error::ContainerError;
pub use image::{Image, scan_of, study_of};
pub use zipped::unpack;

use super::error::ScanError;
use crate::formats::{inv3, nifti, nrrd};
use crate::model::Finding;

/// One file of a scan.
#[derive(Clone, Debug)]
pub enum Source {
    /// On disk.
    File(PathBuf),
    /// Unpacked from a container.
    Memory(Arc<[u8]>),
}

impl Source {
    /// All bytes. `number` counts the files of the scan from 1, for the message.
    ///
    /// # Errors
    /// [`ScanError::Unreadable`] from the disk.
    pub fn read(&self, number: usize) -> Result<Cow<'_, [u8]>, ScanError> {
        match self {
            Self::File(path) => std::fs::read(path)
                .map(Cow::Owned)
                .map_err(|e| ScanError::Unreadable { number, reason: e.kind() }),
            Self::Memory(bytes) => Ok(Cow::Borrowed(bytes)),
        }
    }
}

/// What a path holds.
pub enum Content {
    /// Files, of which those that are DICOM make series.
    Files(Files),
    /// One image that is no DICOM.
    Image(Box<Image>),
}

/// Files in the order in which they are counted.
#[derive(Default)]
pub struct Files {
    /// To read.
    pub files: Vec<Source>,
    /// What was noticed on the way to them.
    pub findings: Vec<Finding>,
}

/// What a file's first bytes say it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Dicom,
    Dicomdir,
    Zip,
    Nifti,
    Nrrd,
    Inv3,
    /// Perhaps DICOM without its mark; the reader of headers says.
    Other,
}

/// Enough for the mark of DICOM, a NIfTI header and a tar header.
const HEAD: u64 = 1024;

/// Opens whatever `path` is.
///
/// # Errors
/// [`ContainerError`] as [`ScanError::Container`]: what is not there, not readable, damaged or made to break readers.
pub fn open(path: &Path) -> Result<Content, ScanError> {
    // The path itself stays out of every message: names of folders and files carry patients' names.
    let no_scan = |e: std::io::Error| ContainerError::NoScan { reason: e.kind() };
    // What the user names may be a link; what lies below may not.
    let meta = std::fs::metadata(path).map_err(no_scan)?;
    if meta.is_dir() {
        return Ok(Content::Files(folder::files(path)?));
    }
    if !meta.is_file() {
        return Err(ContainerError::Special.into());
    }
    let head = head_of(path).map_err(no_scan)?;
    let bytes = || std::fs::read(path).map_err(no_scan);
    let image = |image: Image| Ok(Content::Image(Box::new(image)));
    match kind_of(&head) {
        Kind::Dicomdir => {
            Ok(Content::Files(dicomdir::files(&bytes()?, path.parent().unwrap_or(Path::new(".")))?.files))
        }
        Kind::Zip => Ok(Content::Files(zipped::files(path)?)),
        Kind::Nifti => image(Image::nifti(&bytes()?)?),
        Kind::Nrrd => image(Image::nrrd(&bytes()?, path.parent())?),
        Kind::Inv3 => image(Image::inv3(&bytes()?)?),
        Kind::Dicom | Kind::Other => {
            Ok(Content::Files(Files { files: vec![Source::File(path.to_owned())], findings: Vec::new() }))
        }
    }
}

/// What the file begins like.
pub fn kind_of_file(path: &Path) -> std::io::Result<Kind> {
    head_of(path).map(|head| kind_of(&head))
}

/// Files that a file given as scan or mask draws in: what a DICOMDIR refers to, the data of a detached NRRD header.
/// They are of the input as much as the file itself. Empty where there are none or they do not read; reading says why.
pub fn companions(path: &Path) -> Vec<PathBuf> {
    if !path.is_file() {
        return Vec::new();
    }
    let Ok(kind) = kind_of_file(path) else { return Vec::new() };
    let folder = path.parent().unwrap_or(Path::new("."));
    match (kind, std::fs::read(path)) {
        (Kind::Dicomdir, Ok(bytes)) => dicomdir::files(&bytes, folder)
            .map(|listed| listed.files.files)
            .unwrap_or_default()
            .into_iter()
            .filter_map(|s| match s {
                Source::File(path) => Some(path),
                Source::Memory(_) => None,
            })
            .collect(),
        (Kind::Nrrd, Ok(bytes)) => {
            nrrd::data_file(&bytes).map(|name| folder.join(name)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn head_of(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path)?.take(HEAD).read_to_end(&mut head)?;
    Ok(head)
}

/// What begins with `head`, looked at through gzip where it is packed.
pub fn kind_of(head: &[u8]) -> Kind {
    let mut inner = Vec::new();
    let packed = head.starts_with(&[0x1f, 0x8b]);
    if packed {
        // The end of the head cuts the stream off: what came before the error counts.
        MultiGzDecoder::new(head).take(HEAD).read_to_end(&mut inner).ok();
    }
    let head = if packed { &inner } else { head };
    if head.len() > 132 && &head[128..132] == b"DICM" {
        return if dicomdir::is_dicomdir(head) { Kind::Dicomdir } else { Kind::Dicom };
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Kind::Zip;
    }
    if nrrd::is_nrrd(head) {
        return Kind::Nrrd;
    }
    if inv3::is_tar(head) {
        return Kind::Inv3;
    }
    if nifti::is_nifti(head) { Kind::Nifti } else { Kind::Other }
}

/// The data file of a detached NRRD header, beside it.
pub fn beside(folder: Option<&Path>, name: &str) -> Result<Vec<u8>, crate::formats::FormatError> {
    let wrong = |found: &str| crate::formats::FormatError::Value {
        format: "NRRD",
        what: "data file".into(),
        found: found.into(),
        expected: "a plain file beside the header".into(),
        remedy: "copy it beside the header",
    };
    let folder = folder.ok_or_else(|| wrong("asked for where there is no folder"))?;
    let path = folder.join(name);
    let meta = std::fs::symlink_metadata(&path).map_err(|e| wrong(&e.kind().to_string()))?;
    if !meta.is_file() {
        return Err(wrong("a link, folder or device"));
    }
    std::fs::read(&path).map_err(|e| wrong(&e.kind().to_string()))
}

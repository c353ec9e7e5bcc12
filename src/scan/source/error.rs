//! Why a container is not opened.

use thiserror::Error;

use crate::formats::FormatError;

/// What was found, what was expected, what to do. Never a path or a file's name.
#[derive(Debug, Error)]
#[allow(missing_docs)] // the fields are the numbers of the message
pub enum ContainerError {
    /// Not there.
    #[error(
        "the scan is not a folder or file that can be read ({reason}): name the folder of the study, a DICOM file, a \
         DICOMDIR, a zip of DICOM files, a NIfTI, NRRD or InVesalius file"
    )]
    NoScan { reason: std::io::ErrorKind },
    /// A pipe, a socket, a device.
    #[error("the scan is a pipe, socket or device: name a folder or a plain file")]
    Special,
    /// More files than a study has.
    #[error(
        "the folder holds more than {max} files, or folders more than {depth} deep: name the folder of one study"
    )]
    TooMany { max: usize, depth: usize },
    /// An image file is damaged or not one of those read.
    #[error("the scan: {0}")]
    Image(#[from] FormatError),
    /// The DICOMDIR itself.
    #[error("the DICOMDIR {reason}: copy it again from the medium, or name the folder that holds the images")]
    Dicomdir { reason: String },
    /// A reference out of the medium.
    #[error(
        "record {record} of the DICOMDIR refers to {what}: only files of its own folder and below are read; name the \
         folder that holds the images"
    )]
    Leaves { record: usize, what: &'static str },
    /// References to nothing.
    #[error(
        "{missing} of the {records} files that the DICOMDIR refers to are not there (the first is that of record \
         {record}): copy the whole medium, or name the folder that holds the images"
    )]
    NotThere { missing: usize, records: usize, record: usize },
    /// The zip itself.
    #[error("the zip {reason}: pack it again, or unpack it and name the folder")]
    Zip { reason: String },
    /// An entry of the zip.
    #[error("entry {entry} of the zip {reason}: pack it again without, or unpack it and name the folder")]
    ZipEntry { entry: usize, reason: String },
    /// The mask is not there.
    #[error("the mask cannot be read ({reason}): name a NIfTI, NRRD, DICOM Segmentation or InVesalius file")]
    NoMask { reason: std::io::ErrorKind },
    /// The mask is something else.
    #[error(
        "the mask is no NIfTI, NRRD, DICOM Segmentation or InVesalius file: export the segmentation as one of them"
    )]
    MaskKind,
    /// The mask is damaged.
    #[error("the mask: {0}")]
    Mask(#[source] FormatError),
    /// Nothing in it.
    #[error("the mask holds no voxel: export the segmentation of the bone")]
    MaskEmpty,
    /// Another scan's.
    #[error(
        "the mask has another frame of reference than the scan: it was drawn on another examination; segment this \
         scan, or name the scan it was drawn on"
    )]
    MaskFrame,
    /// A project of another image.
    #[error(
        "the mask's InVesalius project holds another image than the scan, and says no place in the scanner: name the \
         project itself as the scan, or export its mask as NIfTI"
    )]
    MaskOtherImage,
    /// Elsewhere.
    #[error(
        "the mask lies at {mask} mm (LPS) and holds nothing within the scan at {scan} mm: it was drawn on another \
         scan, or its axes are in another convention; export it again on this scan"
    )]
    MaskMisses { mask: String, scan: String },
    /// A planner's drawing that is not read, for a reason told of masks.
    #[error("the {what} is read as a mask: {why}")]
    Drawn { what: &'static str, why: Box<super::super::ScanError> },
    /// A resection beside all bone.
    #[error(
        "the resection cuts no bone (nothing at or above {bone_hu} HU lies in it): draw it on this scan, and check the \
         side to which the plane's normal points"
    )]
    ResectionNothing { bone_hu: f64 },
    /// A bomb.
    #[error(
        "the zip of {packed} bytes unpacks to more than {max} bytes (at entry {entry}): unpack it by hand and name the \
         folder, if it is no bomb"
    )]
    ZipTooLarge { packed: u64, max: u64, entry: usize },
}

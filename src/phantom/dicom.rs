//! The phantom as a scanner would send it: a series of CT images.

use std::path::Path;

use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::spec::PhantomError;
use super::truth::Phantom;
use crate::model::{Volume, Watch};

/// HU = stored value + this.
const INTERCEPT: i32 = -1024;

impl Phantom {
    /// Writes the series into `dir` (made where missing), one file per slice, `IM00001.dcm` lowest.
    /// Explicit VR little endian, 16 bits unsigned, intercept −1024. The same spec gives the same bytes.
    ///
    /// # Errors
    /// [`PhantomError::Folder`], [`PhantomError::Write`], [`PhantomError::Stopped`].
    pub fn write_dicom(&self, dir: &Path, watch: &dyn Watch) -> Result<(), PhantomError> {
        let volume = self.volume(watch)?;
        self.write_dicom_of(&volume, dir, watch)
    }

    /// The same for a volume already made by [`Phantom::volume`].
    ///
    /// # Errors
    /// As [`Phantom::write_dicom`].
    pub fn write_dicom_of(&self, volume: &Volume, dir: &Path, watch: &dyn Watch) -> Result<(), PhantomError> {
        std::fs::create_dir_all(dir).map_err(PhantomError::Folder)?;
        watch.note("writing the series");
        (0..volume.grid.dims[2]).into_par_iter().try_for_each(|k| {
            if watch.stopped() {
                return Err(PhantomError::Stopped);
            }
            let failed = |why: String| PhantomError::Write { number: k + 1, why };
            let slice = self.slice(volume, k);
            let uid = self.uid(&format!("slice {k}"));
            let file = slice
                .with_meta(
                    FileMetaTableBuilder::new()
                        .transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN)
                        .media_storage_sop_class_uid(uids::CT_IMAGE_STORAGE)
                        .media_storage_sop_instance_uid(uid),
                )
                .map_err(|e| failed(e.to_string()))?;
            let mut bytes = Vec::with_capacity(2 * volume.grid.dims[0] * volume.grid.dims[1] + 4096);
            file.write_all(&mut bytes).map_err(|e| failed(e.to_string()))?;
            std::fs::write(dir.join(format!("IM{:05}.dcm", k + 1)), bytes).map_err(|e| failed(e.to_string()))
        })
    }

    /// `2.25.` and 128 bits of a hash of the spec and the thing named.
    fn uid(&self, of: &str) -> String {
        let spec = serde_json::to_string(&self.spec).expect("numbers, words and a seed always serialise");
        let hash = Sha256::digest(format!("osteomill phantom/1 {spec} {of}"));
        let mut first = [0u8; 16];
        first.copy_from_slice(&hash[..16]);
        format!("2.25.{}", u128::from_be_bytes(first))
    }

    fn slice(&self, volume: &Volume, k: usize) -> InMemDicomObject {
        let grid = &volume.grid;
        let [ni, nj, _] = grid.dims;
        let position = grid.patient_from_index([0.0, 0.0, k as f64]).mm;
        let numbers = |v: &[f64]| v.iter().map(|x| decimal(*x)).collect::<Vec<_>>().join("\\");
        let orientation = [grid.axes_lps[0].unit, grid.axes_lps[1].unit].concat();
        let mut object = InMemDicomObject::new_empty();
        let mut text = |tag: Tag, vr: VR, value: &str| {
            object.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
        };
        text(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 100");
        text(tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY\\AXIAL");
        text(tags::SOP_CLASS_UID, VR::UI, uids::CT_IMAGE_STORAGE);
        text(tags::SOP_INSTANCE_UID, VR::UI, &self.uid(&format!("slice {k}")));
        text(tags::STUDY_DATE, VR::DA, "20260101");
        text(tags::SERIES_DATE, VR::DA, "20260101");
        text(tags::ACQUISITION_DATE, VR::DA, "20260101");
        text(tags::CONTENT_DATE, VR::DA, "20260101");
        text(tags::STUDY_TIME, VR::TM, "120000");
        text(tags::SERIES_TIME, VR::TM, "120000");
        text(tags::ACQUISITION_TIME, VR::TM, "120000");
        text(tags::CONTENT_TIME, VR::TM, "120000");
        text(tags::ACCESSION_NUMBER, VR::SH, "");
        text(tags::MODALITY, VR::CS, "CT");
        text(tags::MANUFACTURER, VR::LO, "osteomill phantom");
        text(tags::REFERRING_PHYSICIAN_NAME, VR::PN, "");
        text(tags::STUDY_DESCRIPTION, VR::LO, "HEAD PHANTOM");
        text(tags::SERIES_DESCRIPTION, VR::LO, "HEAD PHANTOM BONE");
        text(tags::MANUFACTURER_MODEL_NAME, VR::LO, "closed form head");
        text(tags::PATIENT_NAME, VR::PN, "PHANTOM^OSTEOMILL");
        text(tags::PATIENT_ID, VR::LO, &format!("PHANTOM-{}", self.spec.seed));
        text(tags::PATIENT_BIRTH_DATE, VR::DA, "");
        text(tags::PATIENT_SEX, VR::CS, "");
        text(tags::BODY_PART_EXAMINED, VR::CS, "HEAD");
        text(tags::SLICE_THICKNESS, VR::DS, &decimal(grid.spacing_mm[2]));
        text(tags::KVP, VR::DS, "120");
        text(tags::GANTRY_DETECTOR_TILT, VR::DS, "0");
        text(tags::CONVOLUTION_KERNEL, VR::SH, "GAUSS");
        text(tags::PATIENT_POSITION, VR::CS, "HFS");
        text(tags::STUDY_INSTANCE_UID, VR::UI, &self.uid("study"));
        text(tags::SERIES_INSTANCE_UID, VR::UI, &self.uid("series"));
        text(tags::STUDY_ID, VR::SH, "1");
        text(tags::SERIES_NUMBER, VR::IS, "1");
        text(tags::ACQUISITION_NUMBER, VR::IS, "1");
        text(tags::INSTANCE_NUMBER, VR::IS, &(k + 1).to_string());
        text(tags::LATERALITY, VR::CS, "");
        text(tags::IMAGE_POSITION_PATIENT, VR::DS, &numbers(&position));
        text(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, &numbers(&orientation));
        text(tags::FRAME_OF_REFERENCE_UID, VR::UI, &self.uid("frame of reference"));
        text(tags::POSITION_REFERENCE_INDICATOR, VR::LO, "");
        text(tags::SLICE_LOCATION, VR::DS, &decimal(position[2]));
        text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2");
        // Rows step along j: the first number of PixelSpacing is the distance between rows.
        text(tags::PIXEL_SPACING, VR::DS, &numbers(&[grid.spacing_mm[1], grid.spacing_mm[0]]));
        text(tags::WINDOW_CENTER, VR::DS, "400");
        text(tags::WINDOW_WIDTH, VR::DS, "2000");
        text(tags::RESCALE_INTERCEPT, VR::DS, &INTERCEPT.to_string());
        text(tags::RESCALE_SLOPE, VR::DS, "1");
        text(tags::RESCALE_TYPE, VR::LO, "HU");
        let mut number = |tag: Tag, value: u16| {
            object.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
        };
        number(tags::SAMPLES_PER_PIXEL, 1);
        number(tags::ROWS, nj as u16);
        number(tags::COLUMNS, ni as u16);
        number(tags::BITS_ALLOCATED, 16);
        number(tags::BITS_STORED, 12);
        number(tags::HIGH_BIT, 11);
        number(tags::PIXEL_REPRESENTATION, 0);
        let stored: Vec<u16> = volume.hu[k * ni * nj..(k + 1) * ni * nj]
            .iter()
            // HU of a phantom lie in -1024 to 3071, so this lies in 0 to 4095.
            .map(|&hu| (i32::from(hu) - INTERCEPT) as u16)
            .collect();
        object.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(stored.into())));
        object
    }
}

/// A decimal string of at most 16 characters, to 1e-6 mm.
fn decimal(x: f64) -> String {
    let text = format!("{x:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

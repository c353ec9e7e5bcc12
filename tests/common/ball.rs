//! A hollow ball as an MR series and as a mask: a skull small enough for a test.
#![allow(dead_code)] // each test file uses its own part of this

use std::path::Path;

use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use osteomill::formats::nifti;
use osteomill::model::{Dir, Grid, Mask, Point};

/// mm; off the middle, so that a flip shows.
pub const CENTRE_MM: [f64; 3] = [14.0, -22.0, 31.0];
pub const OUTER_MM: f64 = 60.0;
pub const INNER_MM: f64 = 50.0;
const SPACING_MM: f64 = 2.5;
const N: usize = 60;

/// Volume of the bone, mm³.
pub fn shell_mm3() -> f64 {
    4.0 / 3.0 * std::f64::consts::PI * (OUTER_MM.powi(3) - INNER_MM.powi(3))
}

/// Upright, about the ball's centre up to a part of a voxel.
pub fn grid() -> Grid {
    let half = (N - 1) as f64 * SPACING_MM / 2.0;
    Grid {
        dims: [N; 3],
        spacing_mm: [SPACING_MM; 3],
        origin_lps_mm: Point::new(CENTRE_MM.map(|c| (c - half).round())),
        axes_lps: [Dir::new([1.0, 0.0, 0.0]), Dir::new([0.0, 1.0, 0.0]), Dir::new([0.0, 0.0, 1.0])],
    }
}

fn in_shell(grid: &Grid, at: usize) -> bool {
    let p = grid.patient_from_index(grid.ijk(at).map(|n| n as f64)).mm;
    let r = (0..3).map(|a| (p[a] - CENTRE_MM[a]).powi(2)).sum::<f64>().sqrt();
    (INNER_MM..OUTER_MM).contains(&r)
}

/// The shell as a mask.
pub fn mask() -> Mask {
    let grid = grid();
    Mask { voxels: (0..grid.len()).map(|at| u8::from(in_shell(&grid, at))).collect(), grid }
}

/// Writes the mask as NIfTI.
pub fn write_mask(path: &Path) {
    std::fs::write(path, nifti::mask_nii_gz(&mask()).expect("small")).expect("writable");
}

/// What the tests change of a slice.
pub type Change<'a> = &'a dyn Fn(usize, &mut InMemDicomObject);

/// Writes sagittal MR slices, from the left to the right, in which bone is dark: no HU, no rescale, any brightness.
pub fn write_mr(dir: &Path, change: Change<'_>) {
    let upright = grid();
    std::fs::create_dir_all(dir).expect("writable");
    let origin = upright.origin_lps_mm.mm;
    let top = (N - 1) as f64 * SPACING_MM;
    for n in 0..N {
        let mut o = InMemDicomObject::new_empty();
        let mut text = |tag, vr, value: &str| {
            o.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
        };
        text(tags::SOP_CLASS_UID, VR::UI, "1.2.840.10008.5.1.4.1.1.4");
        text(tags::SOP_INSTANCE_UID, VR::UI, &format!("1.2.3.{n}"));
        text(tags::MODALITY, VR::CS, "MR");
        text(tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY\\M\\NORM");
        text(tags::PATIENT_NAME, VR::PN, "Secret^Name");
        text(tags::PATIENT_ID, VR::LO, "secret-id");
        text(tags::STUDY_INSTANCE_UID, VR::UI, "1.2.3");
        text(tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3.4");
        text(tags::FRAME_OF_REFERENCE_UID, VR::UI, "1.2.3.5");
        text(tags::SLICE_THICKNESS, VR::DS, "2.5");
        // Columns run to the back, rows downward, slices to the right: the first row is the top.
        let i = N - 1 - n;
        let position = [origin[0] + i as f64 * SPACING_MM, origin[1], origin[2] + top];
        text(
            tags::IMAGE_POSITION_PATIENT,
            VR::DS,
            &format!("{}\\{}\\{}", position[0], position[1], position[2]),
        );
        text(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "0\\1\\0\\0\\0\\-1");
        text(tags::PIXEL_SPACING, VR::DS, "2.5\\2.5");
        text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2");
        for (tag, value) in [
            (tags::SAMPLES_PER_PIXEL, 1u16),
            (tags::ROWS, N as u16),
            (tags::COLUMNS, N as u16),
            (tags::BITS_ALLOCATED, 16),
            (tags::BITS_STORED, 16),
            (tags::HIGH_BIT, 15),
            (tags::PIXEL_REPRESENTATION, 0),
        ] {
            o.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
        }
        let pixels: Vec<u16> = (0..N * N)
            .map(|at| {
                let (j, k) = (at % N, N - 1 - at / N);
                if in_shell(&upright, upright.at(i, j, k)) { 40 } else { 900 + (at % 7) as u16 }
            })
            .collect();
        o.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(pixels.into())));
        change(n, &mut o);
        let meta = FileMetaTableBuilder::new()
            .transfer_syntax("1.2.840.10008.1.2.1")
            .media_storage_sop_class_uid("1.2.840.10008.5.1.4.1.1.4")
            .media_storage_sop_instance_uid("1.2.3.9");
        let file = o.with_meta(meta).expect("the meta group is complete");
        file.write_to_file(dir.join(format!("{n:03}"))).expect("writable");
    }
}

/// Puts a text.
pub fn put(o: &mut InMemDicomObject, tag: Tag, vr: VR, value: &str) {
    o.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
}

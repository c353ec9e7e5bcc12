//! Small CT series written as DICOM, then broken one way each; and the real scans where they are.

use std::path::{Path, PathBuf};

use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};

use super::*;
use crate::model::{Severity, Silent};

mod moved;

fn params() -> ScanParams {
    #[derive(serde::Deserialize)]
    struct File {
        scan: ScanParams,
    }
    let file: File = toml::from_str(include_str!("../../pipelines/cranial-peek.toml"))
        .expect("the shipped table is valid");
    file.scan
}

/// One slice of 5 columns and 4 rows; pixel value = 1024 + 100·k + column.
fn slice(k: usize) -> InMemDicomObject {
    let mut o = InMemDicomObject::new_empty();
    let text = |o: &mut InMemDicomObject, tag, vr, value: &str| {
        o.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
    };
    text(&mut o, tags::SOP_CLASS_UID, VR::UI, "1.2.840.10008.5.1.4.1.1.2");
    text(&mut o, tags::SOP_INSTANCE_UID, VR::UI, &format!("1.2.3.{k}"));
    text(&mut o, tags::MODALITY, VR::CS, "CT");
    text(&mut o, tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY\\AXIAL");
    text(&mut o, tags::PATIENT_NAME, VR::PN, "Secret^Name");
    text(&mut o, tags::PATIENT_ID, VR::LO, "secret-id");
    text(&mut o, tags::STUDY_INSTANCE_UID, VR::UI, "1.2.3");
    text(&mut o, tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3.4");
    text(&mut o, tags::FRAME_OF_REFERENCE_UID, VR::UI, "1.2.3.5");
    text(&mut o, tags::SLICE_THICKNESS, VR::DS, "1.0");
    text(&mut o, tags::IMAGE_POSITION_PATIENT, VR::DS, &format!("-10\\-20\\{}", 30.0 + k as f64));
    text(&mut o, tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "1\\0\\0\\0\\1\\0");
    text(&mut o, tags::PIXEL_SPACING, VR::DS, "0.6\\0.5");
    text(&mut o, tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2");
    text(&mut o, tags::RESCALE_SLOPE, VR::DS, "1");
    text(&mut o, tags::RESCALE_INTERCEPT, VR::DS, "-1024.0");
    for (tag, value) in [
        (tags::SAMPLES_PER_PIXEL, 1u16),
        (tags::ROWS, 4),
        (tags::COLUMNS, 5),
        (tags::BITS_ALLOCATED, 16),
        (tags::BITS_STORED, 12),
        (tags::HIGH_BIT, 11),
        (tags::PIXEL_REPRESENTATION, 0),
    ] {
        o.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
    }
    let pixels: Vec<u16> = (0..20).map(|at| (1024 + 100 * k + at % 5) as u16).collect();
    o.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(pixels.into())));
    o
}

fn write(o: InMemDicomObject, path: &Path) {
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax("1.2.840.10008.1.2.1")
        .media_storage_sop_class_uid("1.2.840.10008.5.1.4.1.1.2")
        .media_storage_sop_instance_uid("1.2.3.9");
    o.with_meta(meta)
        .expect("the meta group is complete")
        .write_to_file(path)
        .expect("the folder is writable");
}

/// Six slices under names that sort the wrong way, each changed by `change`.
fn series(change: impl Fn(usize, &mut InMemDicomObject)) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for k in 0..6 {
        let mut o = slice(k);
        change(k, &mut o);
        write(o, &dir.path().join(format!("SecretName{}.img", 9 - k)));
    }
    std::fs::write(dir.path().join("notes.txt"), "not DICOM").expect("writable");
    dir
}

fn put(o: &mut InMemDicomObject, tag: Tag, vr: VR, value: &str) {
    o.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
}

/// The message of the error the changed series ends in, which must name nobody.
fn refused(change: impl Fn(usize, &mut InMemDicomObject)) -> String {
    let dir = series(change);
    let message = read_scan(dir.path(), &params(), &Silent).expect_err("must be refused").to_string();
    assert!(!message.to_lowercase().contains("secret"), "names a person: {message}");
    assert!(!message.contains(dir.path().to_str().expect("utf-8")), "names a path: {message}");
    message
}

#[test]
fn a_sound_series_is_ordered_by_place_and_comes_out_in_hu() {
    let dir = series(|_, _| {});
    let scan = read_scan(dir.path(), &params(), &Silent).expect("a sound series");
    let g = &scan.volume.grid;
    assert_eq!(g.dims, [5, 4, 6]);
    assert_eq!(g.spacing_mm, [0.5, 0.6, 1.0]);
    assert_eq!(g.origin_lps_mm.mm, [-10.0, -20.0, 30.0]);
    assert!(g.handedness() > 0.0);
    assert_eq!(scan.volume.hu[g.at(3, 2, 4)], 403);
    assert!(scan.facts.findings.iter().all(|f| f.id != "slice-step"));
    assert_eq!(scan.facts.pseudonym.len(), 12);
}

#[test]
fn a_missing_slice_is_named_with_the_gap() {
    let message = refused(|k, o| {
        if k > 2 {
            put(o, tags::IMAGE_POSITION_PATIENT, VR::DS, &format!("-10\\-20\\{}", 31.0 + k as f64));
        }
    });
    assert!(
        message.contains("slice 4 ") && message.contains("2.000 mm") && message.contains("sha256"),
        "{message}"
    );
}

#[test]
fn a_slice_given_twice_is_named() {
    let message = refused(|k, o| {
        if k == 5 {
            put(o, tags::IMAGE_POSITION_PATIENT, VR::DS, "-10\\-20\\32");
        }
    });
    assert!(message.contains("same place") && message.contains("slice 4"), "{message}");
}

#[test]
fn directions_written_in_letters_must_be_those_of_the_cosines() {
    let dir = series(|_, o| put(o, tags::PATIENT_ORIENTATION, VR::CS, "L\\P"));
    assert!(read_scan(dir.path(), &params(), &Silent).is_ok());
    let message = refused(|_, o| put(o, tags::PATIENT_ORIENTATION, VR::CS, "R\\P"));
    assert!(message.contains("Patient Orientation") && message.contains("flipped"), "{message}");
}

#[test]
fn a_slice_given_twice_with_equal_pixels_is_left_out() {
    let dir = series(|k, o| {
        if k == 5 {
            *o = slice(4);
            put(o, tags::SOP_INSTANCE_UID, VR::UI, "1.2.3.77");
        }
    });
    let scan = read_scan(dir.path(), &params(), &Silent).expect("equal twins");
    assert_eq!(scan.facts.slices, 5);
    assert!(scan.facts.findings.iter().any(|f| f.id == "slices-given-twice"));
    let study = list_series(dir.path(), &params()).expect("a folder");
    assert_eq!((study.series[0].twins, study.series[0].slices), (1, 5));
}

#[test]
fn acquisitions_at_the_same_places_are_stacks_of_their_own() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for k in 0..12 {
        // The second is half a millimetre off and 7 HU brighter: together they would make one fine, false stack.
        let (acquisition, at) = (k / 6 + 1, k % 6);
        let mut o = slice(at);
        put(&mut o, tags::ACQUISITION_NUMBER, VR::IS, &acquisition.to_string());
        let z = 30.0 + at as f64 + 0.5 * (acquisition - 1) as f64;
        put(&mut o, tags::IMAGE_POSITION_PATIENT, VR::DS, &format!("-10\\-20\\{z}"));
        let pixels = vec![(1000 + 7 * acquisition) as u16; 20];
        o.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(pixels.into())));
        write(o, &dir.path().join(format!("{k}.dcm")));
    }
    let study = list_series(dir.path(), &params()).expect("a folder");
    assert_eq!(
        study.series.iter().map(|s| (s.stack, s.stacks, s.slices)).collect::<Vec<_>>(),
        [(1, 2, 6), (2, 2, 6)]
    );
    let series = study.series[0].series.clone();
    assert_eq!(study.chosen, Some(format!("{series}/1")), "{}", study.because);
    assert!(study.because.contains("by acquisition number 1"), "{}", study.because);
    let scan = read_scan(dir.path(), &params(), &Silent).expect("two sound stacks");
    assert_eq!((scan.facts.slices, scan.volume.hu[0]), (6, 1007 - 1024));
    let second = params().with_series(&format!("{series}/2"));
    let scan = read_scan(dir.path(), &second, &Silent).expect("named");
    assert_eq!((scan.volume.hu[0], scan.volume.grid.origin_lps_mm.mm[2]), (1014 - 1024, 30.5));
    let none = params().with_series(&format!("{series}/3"));
    assert!(read_scan(dir.path(), &none, &Silent).is_err());
}

#[test]
fn malformed_values_are_errors_and_never_defaults() {
    type Case = (Tag, VR, &'static str, &'static str);
    let cases: [Case; 12] = [
        (tags::RESCALE_SLOPE, VR::DS, "", "no Rescale Slope"),
        (tags::RESCALE_SLOPE, VR::DS, "0", "Rescale Slope 0"),
        (tags::RESCALE_INTERCEPT, VR::DS, "", "no Rescale Intercept"),
        (tags::RESCALE_INTERCEPT, VR::DS, "many", "written as numbers"),
        (tags::RESCALE_TYPE, VR::LO, "US", "Rescale Type US"),
        (tags::PIXEL_SPACING, VR::DS, "0\\0.5", "Pixel Spacing"),
        (tags::PIXEL_SPACING, VR::DS, "NaN\\0.5", "finite"),
        (tags::PIXEL_SPACING, VR::DS, "0.5", "as many values"),
        (tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "1\\0\\0\\0.1\\1\\0", "right angle"),
        (tags::IMAGE_POSITION_PATIENT, VR::DS, "", "no Image Position"),
        (tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME1", "MONOCHROME2"),
        (tags::NUMBER_OF_FRAMES, VR::IS, "2", "Number of Frames"),
    ];
    for (tag, vr, value, expected) in cases {
        let message = refused(|k, o| {
            if k == 3 {
                put(o, tag, vr, value);
            }
        });
        assert!(message.contains(expected), "{tag} = {value:?} gave: {message}");
    }
}

#[test]
fn mixed_slices_are_refused() {
    let message = refused(|k, o| {
        if k == 4 {
            put(o, tags::PIXEL_SPACING, VR::DS, "0.61\\0.5");
        }
    });
    assert!(message.contains("pixel spacing") && message.contains("slice 5"), "{message}");
    let message = refused(|k, o| {
        if k == 4 {
            put(o, tags::PATIENT_ID, VR::LO, "secret-other");
        }
    });
    assert!(message.contains("another patient"), "{message}");
}

#[test]
fn values_beyond_the_stored_bits_or_the_range_of_hu_are_refused() {
    let with = |k: usize, o: &mut InMemDicomObject, value: u16| {
        if k == 1 {
            let mut pixels = vec![1000u16; 20];
            pixels[7] = value;
            o.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(pixels.into())));
        }
    };
    let message = refused(|k, o| with(k, o, 5000));
    assert!(message.contains("5000 at row 2, column 3") && message.contains("12 stored bits"), "{message}");
    let message = refused(|k, o| {
        with(k, o, 4000);
        put(o, tags::RESCALE_SLOPE, VR::DS, "20");
    });
    assert!(message.contains("outside -32768") && message.contains("slice 2"), "{message}");
}

#[test]
fn declared_padding_outside_the_stored_bits_is_air() {
    let dir = series(|_, o| {
        let mut pixels = vec![1000u16; 20];
        pixels[0] = 63536;
        o.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(pixels.into())));
        o.put(DataElement::new(tags::PIXEL_PADDING_VALUE, VR::US, PrimitiveValue::from(63536u16)));
    });
    let scan = read_scan(dir.path(), &params(), &Silent).expect("padding is declared");
    assert_eq!(scan.volume.hu[0], -2000 - 1024);
}

fn file_of(dir: &Path, k: usize) -> PathBuf {
    dir.join(format!("SecretName{}.img", 9 - k))
}

#[test]
fn a_file_cut_off_in_its_pixels_is_named_with_the_bytes() {
    let dir = series(|_, _| {});
    let path = file_of(dir.path(), 2);
    let bytes = std::fs::read(&path).expect("just written");
    std::fs::write(&path, &bytes[..bytes.len() - 7]).expect("writable");
    let message = read_scan(dir.path(), &params(), &Silent).expect_err("cut off").to_string();
    assert!(
        message.contains("slice 3 ") && message.contains("33 bytes") && message.contains("40"),
        "{message}"
    );
}

#[test]
fn a_length_larger_than_the_file_is_refused_before_it_is_believed() {
    let dir = series(|_, o| put(o, Tag(0x0008, 0x103e), VR::LO, "x"));
    let path = file_of(dir.path(), 0);
    let mut bytes = std::fs::read(&path).expect("just written");
    // (0008,103E) LO becomes UT with a length of 4 GB less 16.
    let at = bytes.windows(6).position(|w| w == [8, 0, 0x3e, 0x10, b'L', b'O']).expect("just put");
    bytes.splice(at + 4..at + 10, [b'U', b'T', 0, 0, 0xf0, 0xff, 0xff, 0xff]);
    std::fs::write(&path, &bytes).expect("writable");
    let message = read_scan(dir.path(), &params(), &Silent).expect_err("damaged").to_string();
    assert!(message.contains("4294967280 bytes") && message.contains("damaged"), "{message}");
}

#[test]
fn a_folder_without_ct_or_no_folder_is_an_error() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let message = read_scan(dir.path(), &params(), &Silent).expect_err("empty").to_string();
    assert!(message.contains("0 files"), "{message}");
    let message = read_scan(&dir.path().join("none"), &params(), &Silent).expect_err("no folder").to_string();
    assert!(message.contains("not a folder"), "{message}");
}

#[test]
fn two_patients_in_a_folder_are_not_chosen_between() {
    let message = refused(|k, o| {
        if k >= 3 {
            put(o, tags::PATIENT_ID, VR::LO, "secret-two");
            put(o, tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3.44");
        }
    });
    assert!(message.contains("2 different patients"), "{message}");
}

#[test]
fn a_thick_slice_and_a_cut_vault_are_found() {
    let dir = series(|_, o| put(o, tags::SLICE_THICKNESS, VR::DS, "1.5"));
    let scan = read_scan(dir.path(), &params(), &Silent).expect("readable");
    let step = scan.facts.findings.iter().find(|f| f.id == "slice-step").expect("1.5 mm is too thick");
    assert_eq!((step.severity, step.measured, step.limit), (Severity::Change, Some(1.5), Some(1.25)));
    // 20 pixels of 0.3 mm2 at 500 HU on the top slice: 6 mm2.
    let mut toml: ScanToml = params().into();
    toml.vault_bone_mm2_max = 5.0;
    let scan = read_scan(dir.path(), &toml.try_into().expect("valid"), &Silent).expect("readable");
    assert!(scan.facts.findings.iter().any(|f| f.id == "vault-cut-off" && f.severity == Severity::Review));
}

#[test]
fn a_parameter_out_of_range_is_named() {
    let mut toml: ScanToml = params().into();
    toml.slice_step_mm_review = 0.5;
    let message = ScanParams::try_from(toml).expect_err("review below change").to_string();
    assert!(message.contains("slice_step_mm_review is 0.5"), "{message}");
}

/// The folder of real scans, or `None` with a line that says so.
fn real(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("OSTEOMILL_SCANS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/scans"), PathBuf::from);
    let path = root.join(name);
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: no real scan {name}; set OSTEOMILL_SCANS to the folder that holds it");
    None
}

#[test]
fn the_real_head_is_read_and_its_step_is_named() {
    let Some(path) = real("cranium/dicom") else { return };
    let start = std::time::Instant::now();
    let scan = read_scan(&path, &params(), &Silent).expect("a sound series");
    println!("{:.3} s", start.elapsed().as_secs_f64());
    println!("{:#?}", scan.facts);
    assert_eq!(scan.volume.grid.dims, [256, 256, 108]);
    assert_eq!((scan.facts.hu_min, scan.facts.hu_max), (-1024, 2986));
    let step = scan.facts.findings.iter().find(|f| f.id == "slice-step").expect("1.5 mm");
    assert_eq!(step.severity, Severity::Change);
}

#[test]
fn the_thin_series_of_a_real_study_is_chosen_and_the_tilted_one_straightened() {
    let Some(path) = real("philips-skull") else { return };
    let study = list_series(&path, &params()).expect("a folder");
    println!("{study:#?}");
    let start = std::time::Instant::now();
    let scan = read_scan(&path, &params(), &Silent).expect("the 1 mm series is sound");
    println!("{:.3} s {:#?}", start.elapsed().as_secs_f64(), scan.facts);
    assert_eq!(scan.volume.grid.dims, [512, 512, 140]);
    assert_eq!(study.chosen.as_ref(), Some(&scan.facts.series));
    assert!(scan.facts.resampled.is_none());
    let Some(tilted) = real("philips-tilt") else { return };
    let scan = read_scan(&tilted, &params(), &Silent).expect("an even drift");
    println!("{:#?}", scan.facts);
    let tilt = scan.facts.findings.iter().find(|f| f.id == "tilt").expect("it leans");
    assert_eq!(tilt.severity, Severity::Review);
    assert!((tilt.measured.expect("measured") - 16.5).abs() < 0.01);
}

#[test]
fn files_made_to_break_readers_are_refused_with_a_reason() {
    let Some(root) = real("reader") else { return };
    for folder in ["dicom2nifti", "cornerstone", "dicomparser", "pydicom"] {
        for entry in walkdir::WalkDir::new(root.join(folder)).sort_by_file_name() {
            let entry = entry.expect("listed");
            if entry.file_type().is_dir() {
                let outcome = read_scan(entry.path(), &params(), &Silent);
                println!(
                    "{}: {:?}",
                    entry.depth(),
                    outcome.as_ref().map(|s| s.facts.slices).map_err(ToString::to_string)
                );
                // Four tilted slices at even steps are a stack, and a short one.
                let tilted = entry.path().components().any(|c| c.as_os_str() == "gantrytilting");
                match outcome {
                    Ok(scan) => {
                        assert!(tilted, "none of the others is an even stack of slices");
                        let reviewed = |id: &str| {
                            scan.facts.findings.iter().any(|f| f.id == id && f.severity == Severity::Review)
                        };
                        assert!(reviewed("tilt") && reviewed("coverage"), "{:?}", scan.facts.findings);
                    }
                    Err(e) => assert!(!e.to_string().is_empty()),
                }
            }
        }
    }
}

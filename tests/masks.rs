//! Segmentations from elsewhere: on MR, on CT, out of an InVesalius project.

use crate::common;
use crate::common_ball as ball;

use std::fs;
use std::io::Write;
use std::path::Path;

use ball::{put, write_mask, write_mr};
use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use osteomill::bone::{BoneParams, bone_of_mask, segment_bone};
use osteomill::formats::nifti;
use osteomill::geometry::bvh::Bvh;
use osteomill::model::{Dir, GivenMask, Grid, Mask, Point, Scan, Severity, Silent, Volume};
use osteomill::scan::{ScanParams, list_series, read_scan, read_scan_with_mask};
use osteomill::surface::{SurfaceParams, extract_surface};

#[derive(serde::Deserialize)]
struct Tables {
    scan: ScanParams,
    bone: BoneParams,
    surface: SurfaceParams,
}

fn tables() -> Tables {
    toml::from_str(include_str!("../pipelines/cranial-peek.toml")).expect("the shipped tables")
}

fn with_mask(scan: &Path, mask: &Path) -> Result<Scan, String> {
    read_scan_with_mask(scan, mask, &tables().scan, &Silent).map_err(|e| e.to_string())
}

fn refused(scan: &Path, mask: &Path) -> String {
    let said = with_mask(scan, mask).err().expect("must be refused");
    assert!(!said.to_lowercase().contains("secret") && !said.contains("/tmp"), "{said}");
    said
}

#[test]
fn an_mr_series_is_planned_on_with_a_mask_and_refused_without() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (mr, mask) = (dir.path().join("mr"), dir.path().join("mask.nii.gz"));
    write_mr(&mr, &|_, _| {});
    write_mask(&mask);
    let case = dir.path().join("case");
    let run = |with: &[&std::ffi::OsStr]| {
        let mut command = common::osteomill();
        command.arg("run").arg(&mr).args(with).arg("--out").arg(&case).arg("--pipeline");
        command.arg(common::root().join("pipelines/cranial-peek.toml")).args(["--until", "surface"]);
        let (code, output) = common::run(&mut command);
        (code, String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = run(&[]);
    assert!(code == 2 && said.contains("none is a CT slice"), "{code}: {said}");
    let study = list_series(&mr, &tables().scan).expect("a folder");
    assert!(!study.series[0].usable && study.series[0].why_not.contains("with --mask"), "{study:?}");
    let (code, said) = run(&["--mask".as_ref(), mask.as_os_str()]);
    assert_eq!(code, 0, "{said}");
    let scan = common::json(&case.join("scan/scan.json"));
    assert_eq!(scan["modality"], "MR");
    let ids: Vec<&str> =
        scan["findings"].as_array().unwrap().iter().map(|f| f["id"].as_str().unwrap()).collect();
    // Nothing that is asked of HU is asked of MR; how it lies still is.
    assert_eq!(ids, ["slice-step", "mask-given"]);
    assert_eq!((scan["hu_min"].as_i64(), scan["hu_max"].as_i64()), (Some(40), Some(906)));
    let surface = common::json(&case.join("surface/surface.json"));
    let mm3 = common::number(&surface, "/volume_mm3");
    // 10 mm of shell in voxels of 2.5 mm: 2 %.
    assert!((mm3 / ball::shell_mm3() - 1.0).abs() < 0.02, "{mm3} {}", ball::shell_mm3());
    assert_eq!(common::number(&surface, "/euler_number"), 4.0, "an outer and an inner sphere");
    // The ball is where the mask has it, in the patient: nothing was mirrored on the way.
    let bone =
        osteomill::formats::nifti::read_labels(&fs::read(case.join("bone/bone.nii.gz")).unwrap()).unwrap();
    assert_eq!(bone.1.iter().filter(|v| **v != 0).count(), ball::mask().count());
    let read = with_mask(&mr, &mask).expect("with a mask");
    assert_eq!(read.given.expect("given").mask.voxels, ball::mask().voxels);
    assert!(!ids.contains(&"mask-resampled"), "the sagittal slices lie on the mask's own grid");
}

#[test]
fn mr_whose_numbers_do_not_fit_or_that_is_not_what_it_says_is_refused() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (mr, mask) = (dir.path().join("mr"), dir.path().join("mask.nii.gz"));
    write_mask(&mask);
    let said = |change: ball::Change<'_>| {
        fs::remove_dir_all(&mr).ok();
        write_mr(&mr, change);
        refused(&mr, &mask)
    };
    let beyond = said(&|n, o| {
        if n == 30 {
            let pixels = vec![40_000u16; 3600];
            o.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(pixels.into())));
        }
    });
    assert!(beyond.contains("intensity 40000 at row 1, column 1"), "{beyond}");
    let slope = said(&|_, o| {
        put(o, tags::RESCALE_SLOPE, VR::DS, "100");
        put(o, tags::RESCALE_INTERCEPT, VR::DS, "0");
    });
    assert!(slope.contains("intensity 90") && slope.contains("no rescale"), "{slope}");
    // HU by its tag, MR by its class: what its numbers are is not known.
    let lies = said(&|_, o| put(o, tags::MODALITY, VR::CS, "CT"));
    assert!(lies.contains("Modality CT") && lies.contains("SOP Class"), "{lies}");
    let without =
        read_scan(&mr, &tables().scan, &Silent).map(|_| ()).expect_err("nor without a mask").to_string();
    assert!(without.contains("SOP Class"), "{without}");
    // Two series that the mask may have been drawn on.
    let two = said(&|n, o| {
        if n % 2 == 0 {
            put(o, tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3.44");
        }
    });
    assert!(two.contains("--series"), "{two}");
}

/// A hollow ball of bone in soft tissue, blurred by the scanner.
fn ct_ball(h_mm: f64) -> Volume {
    let (outer, inner, sigma) = (24.0, 14.0, 0.6);
    let n = (64.0 / h_mm) as usize;
    let half = -((n - 1) as f64) * h_mm / 2.0;
    let axes_lps = [Dir::new([1.0, 0.0, 0.0]), Dir::new([0.0, 1.0, 0.0]), Dir::new([0.0, 0.0, 1.0])];
    let grid = Grid { dims: [n; 3], spacing_mm: [h_mm; 3], origin_lps_mm: Point::new([half; 3]), axes_lps };
    // A logistic step in place of the Gaussian's: the half-maximum lies at the edge for both.
    let step = |d: f64| 1.0 / (1.0 + (-1.7 * d / sigma).exp());
    let hu = (0..grid.len())
        .map(|at| {
            let r = grid.patient_from_index(grid.ijk(at).map(|n| n as f64)).v().norm();
            (40.0 + 1160.0 * step(outer - r) * step(r - inner)).round() as i16
        })
        .collect();
    Volume { grid, hu }
}

#[test]
fn a_mask_of_a_ct_selects_and_its_own_border_stands_where_there_is_no_edge() {
    let t = tables();
    let volume = ct_ball(0.8);
    let grid = volume.grid.clone();
    let place = |at: usize| grid.patient_from_index(grid.ijk(at).map(|n| n as f64)).v();
    // Drawn 0.6 mm too large on the left; through soft tissue, 4 mm off, on the right; the hollow filled.
    let voxels: Vec<u8> = (0..grid.len())
        .map(|at| u8::from(place(at).norm() < if place(at).x > 0.0 { 24.6 } else { 28.0 }))
        .collect();
    let mask = Mask { grid: grid.clone(), voxels };
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (scan, path) = (dir.path().join("ct.nii.gz"), dir.path().join("m.nii.gz"));
    fs::write(&scan, nifti::volume_nii_gz(&volume).expect("small")).expect("writable");
    fs::write(&path, nifti::mask_nii_gz(&mask).expect("small")).expect("writable");
    // An image says not that it is CT: its mask stands by itself.
    let unknown = with_mask(&scan, &path).expect("one grid");
    let given = unknown.given.expect("given");
    assert!(given.made_hu.is_none(), "what is not known to be CT has no edge to place by");
    let given = GivenMask { made_hu: Some(unknown.volume.hu), ..given };
    // Its grid as NIfTI keeps it, in 24 bits.
    let volume = Volume { grid: given.mask.grid.clone(), hu: volume.hu };
    let bone = bone_of_mask(&volume, &given, &t.bone, &Silent).expect("a ball");
    let surface = extract_surface(&volume, &bone, &t.surface, &Silent).expect("a ball");
    assert!(surface.facts.closed_two_manifold);
    assert_eq!(surface.facts.euler_number, 2, "what the mask fills is solid, whatever its HU");
    let off = |side: f64, radius: f64| {
        let mut off: Vec<f64> = surface
            .mesh
            .vertices
            .iter()
            .map(|v| nalgebra::Vector3::from(*v))
            .filter(|v| v.x * side > 6.0)
            .map(|v| v.norm() - radius)
            .collect();
        off.sort_by(f64::total_cmp);
        [off[off.len() / 20], off[off.len() / 2], off[off.len() * 19 / 20]]
    };
    let (left, right) = (off(1.0, 24.0), off(-1.0, 28.0));
    println!("by HU {left:.3?} mm, by the mask {right:.3?} mm: {:?}", bone.facts.findings);
    // Without HU the left would be off by 0.6 mm; a thirtieth of a voxel is the interpolation's.
    assert!(left[1].abs() < 0.05 && left[0] > -0.2 && left[2] < 0.2, "{left:?}");
    // A ball of voxels is off by up to half of one.
    assert!(right[1].abs() < 0.2 && right[0] > -0.5 && right[2] < 0.5, "{right:?}");
    let said = bone.facts.findings.iter().find(|f| f.id == "mask-edge").expect("it says what was done");
    assert!((35.0..60.0).contains(&said.measured.expect("a share")), "{said:?}");
}

#[test]
fn the_real_head_with_its_own_selection_as_a_mask_has_its_own_surface() {
    let Some(path) = common::scans("cranium/dicom") else { return };
    let t = tables();
    let scan = read_scan(&path, &t.scan, &Silent).expect("a sound series");
    let bone = segment_bone(&scan.volume, &t.bone, &Silent).expect("a skull");
    let normal = extract_surface(&scan.volume, &bone, &t.surface, &Silent).expect("a skull");
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mask = dir.path().join("m.nii.gz");
    fs::write(&mask, nifti::mask_nii_gz(&bone.mask).expect("small")).expect("writable");
    let scan = with_mask(&path, &mask).expect("its own mask");
    assert!(scan.facts.findings.iter().any(|f| f.id == "mask-given" && f.severity == Severity::Review));
    let given = scan.given.as_ref().expect("given");
    let again = bone_of_mask(&scan.volume, given, &t.bone, &Silent).expect("a skull");
    let surface = extract_surface(&scan.volume, &again, &t.surface, &Silent).expect("a skull");
    let tree = Bvh::new(&normal.mesh);
    let mut off: Vec<f64> = surface
        .mesh
        .vertices
        .iter()
        .map(|v| tree.nearest(*v, 10.0).map_or(10.0, |n| n.distance_mm))
        .collect();
    off.sort_by(f64::total_cmp);
    let p = |share: f64| off[((off.len() - 1) as f64 * share) as usize];
    let mean = (surface.mesh.volume_mm3() - normal.mesh.volume_mm3()) / normal.mesh.area_mm2();
    println!(
        "P50 {:.4} P95 {:.4} P99 {:.4} max {:.3} mm, on the mean {mean:.4} outward",
        p(0.5),
        p(0.95),
        p(0.99),
        p(1.0)
    );
    println!("{:?}", again.facts.findings);
    assert!(p(0.95) < 0.05 && mean.abs() < 0.03, "P95 {} mean {mean}", p(0.95));
}

/// A project of the volume with masks of the threshold 0 to 3000; `done` marks every slice as worked out.
fn project(v: &Volume, masks: &[&dyn Fn(usize) -> bool], done: bool) -> Vec<u8> {
    let [ni, nj, nk] = v.grid.dims;
    let listed: String =
        (0..masks.len()).map(|n| format!("<key>{n}</key><string>mask_{n}.plist</string>")).collect();
    let s = v.grid.spacing_mm;
    let plist = format!(
        "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>name</key><string>Secret</string><key>masks</key><dict>{listed}</dict><key>modality</key><string>CT</string><key>orientation</key><integer>1</integer><key>matrix</key><dict><key>dtype</key><string>int16</string><key>filename</key><string>matrix.dat</string><key>shape</key><array><integer>{nk}</integer><integer>{nj}</integer><integer>{ni}</integer></array></dict><key>spacing</key><array><real>{}</real><real>{}</real><real>{}</real></array></dict></plist>",
        s[0], s[1], s[2]
    );
    let mut files = vec![("main.plist".to_owned(), plist.into_bytes())];
    let mut raw = Vec::new();
    for k in 0..nk {
        for j in (0..nj).rev() {
            raw.extend((0..ni).flat_map(|i| v.hu[v.grid.at(i, j, k)].to_le_bytes()));
        }
    }
    files.push(("matrix.dat".into(), raw));
    for (n, inside) in masks.iter().enumerate() {
        let of = format!(
            "<plist><dict><key>mask_file</key><string>mask_{n}.dat</string><key>threshold_range</key><array><integer>0</integer><integer>3000</integer></array></dict></plist>"
        );
        files.push((format!("mask_{n}.plist"), of.into_bytes()));
        let mut stored = vec![0u8; (ni + 1) * (nj + 1) * (nk + 1)];
        for k in 0..=nk {
            for j in 0..=nj {
                for i in 0..=ni {
                    stored[(k * (nj + 1) + j) * (ni + 1) + i] = match (i, j, k) {
                        (0, 0, _) => u8::from(done),
                        (0, ..) | (_, 0, _) | (.., 0) => 0,
                        _ => 255 * u8::from(inside(v.grid.at(i - 1, nj - j, k - 1))),
                    };
                }
            }
        }
        files.push((format!("mask_{n}.dat"), stored));
    }
    let mut t = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (name, bytes) in &files {
        let mut h = tar::Header::new_ustar();
        h.set_size(bytes.len() as u64);
        h.set_entry_type(tar::EntryType::Regular);
        h.set_cksum();
        t.append_data(&mut h, format!("x/{name}"), &bytes[..]).expect("in memory");
    }
    let mut gz = t.into_inner().expect("in memory");
    gz.flush().expect("in memory");
    gz.finish().expect("in memory")
}

#[test]
fn a_project_gives_its_only_mask_on_its_own_image() {
    let axes_lps = [Dir::new([1.0, 0.0, 0.0]), Dir::new([0.0, 1.0, 0.0]), Dir::new([0.0, 0.0, 1.0])];
    // Centred about x = y = 0, as a project is read.
    let origin_lps_mm = Point::new([-1.25, -1.5, 0.0]);
    let grid = Grid { dims: [6, 5, 4], spacing_mm: [0.5, 0.75, 1.0], origin_lps_mm, axes_lps };
    let v = Volume { hu: (0..grid.len() as i16).map(|n| 300 - 7 * n).collect(), grid };
    let threshold = |at: usize| v.hu[at] >= 0;
    let drawn = |at: usize| v.grid.ijk(at)[0] >= 3 && v.grid.ijk(at)[1] >= 2;
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (scan, path) = (dir.path().join("Secret.inv3"), dir.path().join("m.inv3"));
    fs::write(&scan, project(&v, &[], true)).expect("writable");
    let expected = |inside: &dyn Fn(usize) -> bool| {
        (0..v.grid.len()).map(|at| u8::from(inside(at))).collect::<Vec<u8>>()
    };
    for (mask, done) in [(&threshold as &dyn Fn(usize) -> bool, false), (&threshold, true), (&drawn, true)] {
        fs::write(&path, project(&v, &[mask], done)).expect("writable");
        assert_eq!(
            with_mask(&scan, &path).expect("its own").given.expect("given").mask.voxels,
            expected(mask)
        );
        // The project is its own scan.
        assert_eq!(
            with_mask(&path, &path).expect("itself").given.expect("given").mask.voxels,
            expected(mask)
        );
    }
    // The image as DICOM or NIfTI, wherever it lies: the same voxels are the same image.
    let mut moved = v.clone();
    moved.grid.origin_lps_mm = Point::new([-80.0, 40.0, 700.0]);
    let elsewhere = dir.path().join("moved.nii");
    fs::write(&elsewhere, nifti::volume_nii_gz(&moved).expect("small")).expect("writable");
    let given = with_mask(&elsewhere, &path).expect("the same image").given.expect("given");
    assert_eq!(given.mask.voxels, expected(&drawn));
    assert!((given.mask.grid.origin_lps_mm.v() - moved.grid.origin_lps_mm.v()).norm() < 1e-4);
    moved.hu[17] += 1;
    fs::write(&elsewhere, nifti::volume_nii_gz(&moved).expect("small")).expect("writable");
    assert!(refused(&elsewhere, &path).contains("another image"));
    fs::write(&path, project(&v, &[&drawn], false)).expect("writable");
    assert!(refused(&scan, &path).contains("not worked out"));
    fs::write(&path, project(&v, &[&drawn, &threshold], true)).expect("writable");
    let two = refused(&scan, &path);
    assert!(two.contains("the number of masks is 2") && two.contains("delete all masks but"), "{two}");
    assert!(refused(&scan, &scan).contains("the number of masks is 0"));
}

//! Scan, bone and surface together on the real scans, where they are.

use std::path::{Path, PathBuf};
use std::time::Instant;

use osteomill::bone::{BoneParams, segment_bone};
use osteomill::model::{Bone, BoneSurface, Scan, Silent};
use osteomill::scan::{ScanParams, read_scan};
use osteomill::surface::{SurfaceParams, extract_surface};

#[derive(serde::Deserialize)]
struct Tables {
    scan: ScanParams,
    bone: BoneParams,
    surface: SurfaceParams,
}

fn tables() -> Tables {
    let text = include_str!("../pipelines/cranial-peek.toml");
    toml::from_str(text).expect("the shipped tables are valid")
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

fn chain(path: &Path) -> (Scan, Bone, BoneSurface) {
    let p = tables();
    let start = Instant::now();
    let scan = read_scan(path, &p.scan, &Silent).expect("a sound series");
    let read = start.elapsed();
    let bone = segment_bone(&scan.volume, &p.bone, &Silent).expect("a skull");
    let segmented = start.elapsed();
    let surface = extract_surface(&scan.volume, &bone, &p.surface, &Silent).expect("a skull");
    println!("scan {read:.2?}, with bone {segmented:.2?}, with surface {:.2?}", start.elapsed());
    println!("{:#?}\n{:#?}\n{:?}", bone.facts, surface.facts, surface.mesh.bounds_mm());
    (scan, bone, surface)
}

#[test]
fn the_real_head_becomes_a_closed_surface_at_its_half_maximum() {
    let Some(path) = real("cranium/dicom") else { return };
    let (_, bone, surface) = chain(&path);
    // Measured apart from this program: 0.75 mm (P5-95 0.55-1.05) on the two tables of the vault; here over all bone.
    assert!((0.5..0.9).contains(&bone.facts.threshold_offset_mm_p50));
    // The head holder is two pieces of some size.
    assert!(bone.facts.dropped.len() >= 2 && bone.facts.dropped[1].volume_mm3 > 50.0);
    assert!(surface.mesh.is_closed_two_manifold());
    let (lo, hi) = surface.mesh.bounds_mm().expect("not empty");
    // An adult head: 120 to 180 mm wide, 150 to 230 long.
    assert!((120.0..180.0).contains(&(hi[0] - lo[0])) && (150.0..230.0).contains(&(hi[1] - lo[1])));
    let top = surface.facts.cap_area_mm2[5];
    assert!(top == 0.0, "the vault is whole: {top}");
}

#[test]
fn one_thread_and_two_give_the_same_surface() {
    let Some(path) = real("cranium/dicom") else { return };
    let on = |n| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().expect("a small pool");
        pool.install(|| {
            let (_, bone, surface) = chain(&path);
            let bits: Vec<u32> = bone.level_hu.iter().map(|v| v.to_bits()).collect();
            let places: Vec<u64> = surface.mesh.vertices.iter().flatten().map(|v| v.to_bits()).collect();
            (bits, places, surface.mesh.triangles)
        })
    };
    assert!(on(1) == on(2));
}

#[test]
fn a_study_of_512_by_512_by_140_goes_through() {
    let Some(path) = real("philips-skull") else { return };
    let (_, _, surface) = chain(&path);
    assert!(surface.mesh.is_closed_two_manifold());
}

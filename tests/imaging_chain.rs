//! Scan, bone and surface together on the real scans, where they are.

use std::path::{Path, PathBuf};
use std::time::Instant;

use osteomill::bone::{BoneParams, segment_bone};
use osteomill::model::{Bone, BoneSurface, Scan, Silent};
use osteomill::scan::{ScanParams, read_scan};
use osteomill::surface::{Ambiguous, SurfaceParams, SurfaceToml, extract_surface};

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
fn no_edge_of_the_real_plastic_skull_has_four_faces() {
    let Some(path) = real("philips-skull/S2030") else { return };
    let p = tables();
    let mut table: SurfaceToml = p.surface.into();
    table.ambiguous_cells = Ambiguous::Split;
    let split: SurfaceParams = table.try_into().expect("within its ranges");
    let scan = read_scan(&path, &p.scan, &Silent).expect("a sound series");
    let bone = segment_bone(&scan.volume, &p.bone, &Silent).expect("a skull");
    let surface = extract_surface(&scan.volume, &bone, &split, &Silent).expect("a skull");
    // Counted here, not by the mesh's own census: by how many triangles each edge is used, and which way.
    let mut edges: Vec<(u32, u32, bool)> = surface
        .mesh
        .triangles
        .iter()
        .flat_map(|t| [(t[0], t[1]), (t[1], t[2]), (t[2], t[0])])
        .map(|(a, b)| (a.min(b), a.max(b), a < b))
        .collect();
    edges.sort_unstable();
    let mut uses = [0usize; 5];
    let mut twisted = 0;
    for of_edge in edges.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        uses[of_edge.len().min(4)] += 1;
        twisted += usize::from(of_edge.len() == 2 && of_edge[0].2 == of_edge[1].2);
    }
    println!(
        "edges by number of faces {uses:?}, {twisted} twisted, {} cells split",
        surface.facts.split_cells
    );
    assert!(uses[2] > 1_000_000 && surface.facts.split_cells > 0, "the skull, with cells to split");
    assert_eq!((uses[1], uses[3], uses[4], twisted), (0, 0, 0, 0));
    assert!(surface.mesh.is_closed_two_manifold() && surface.facts.nudged_voxels == 0);
    assert!(surface.mesh.volume_mm3() > 0.0, "normals point out");
}

#[test]
fn a_study_of_512_by_512_by_140_goes_through() {
    let Some(path) = real("philips-skull") else { return };
    let (_, _, surface) = chain(&path);
    assert!(surface.mesh.is_closed_two_manifold());
}

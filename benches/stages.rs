//! Scan, selection, surface and whole stages, by criterion. On the series of 512 x 512 x 400 that `loading` writes, or
//! on the folder `OSTEOMILL_SERIES` names.
//!
//!     OSTEOMILL_SERIES=scans/philips-skull/S2030 cargo bench --bench stages
//!
//! `chain` is what other programs do as well: load, threshold, largest piece, surface at one level;
//! `benches/peers/chain.py` runs it beside them. `stage` is what `osteomill run` does, with the edge at the local
//! half-maximum, all checks and all facts.

#[path = "series/mod.rs"]
mod series;

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use osteomill::bone::{BoneParams, largest_piece, segment_bone};
use osteomill::geometry::nets::samples::Above;
use osteomill::geometry::nets::split::{SplitNet, split_net};
use osteomill::model::{Silent, Volume};
use osteomill::scan::{ScanParams, read_scan};
use osteomill::surface::{SurfaceParams, extract_surface};

#[derive(serde::Deserialize)]
struct File {
    scan: ScanParams,
    bone: BoneParams,
    surface: SurfaceParams,
}

/// Not a whole number, so that no sample lies on the surface.
const LEVEL_HU: f32 = 300.5;

fn net(volume: &Volume) -> SplitNet {
    let grid = &volume.grid;
    let place = |v: [f64; 3]| grid.patient_from_index(v).mm;
    split_net(&Above::new(grid.dims, &volume.hu, LEVEL_HU), place, grid.handedness() < 0.0)
}

fn stages(c: &mut Criterion) {
    let file: File =
        toml::from_str(include_str!("../pipelines/cranial-peek.toml")).expect("the shipped tables");
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let named = std::env::var_os("OSTEOMILL_SERIES").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| {
        series::write(temporary.path());
        temporary.path().to_path_buf()
    });
    let load = || read_scan(&folder, &file.scan, &Silent).expect("a series to plan on");
    let volume = load().volume;
    let threshold_hu = f64::from(LEVEL_HU);
    println!("{:?} voxels, {} triangles", volume.grid.dims, net(&volume).triangles.len());

    let mut group = c.benchmark_group("chain");
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    group.bench_function("load", |b| b.iter(|| black_box(load())));
    group.bench_function("largest", |b| b.iter(|| black_box(largest_piece(&volume, threshold_hu))));
    group.bench_function("net", |b| b.iter(|| black_box(net(&volume))));
    group.bench_function("whole", |b| {
        b.iter(|| {
            let volume = load().volume;
            (black_box(largest_piece(&volume, threshold_hu)), black_box(net(&volume)))
        });
    });
    group.finish();

    let mut group = c.benchmark_group("stage");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    let bone = segment_bone(&volume, &file.bone, &Silent).expect("bone");
    group.bench_function("bone", |b| {
        b.iter(|| black_box(segment_bone(&volume, &file.bone, &Silent).expect("bone")));
    });
    group.bench_function("surface", |b| {
        b.iter(|| black_box(extract_surface(&volume, &bone, &file.surface, &Silent).expect("a surface")));
    });
    group.finish();
}

criterion_group!(benches, stages);
criterion_main!(benches);

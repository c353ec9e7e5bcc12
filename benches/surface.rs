//! The split net beside plain `fast-surface-nets`, same volume, same run.
//!
//! `cargo bench --bench surface` uses a synthetic head of 512 x 512 x 400. `benches/peers/surface.py` runs the same
//! binary on any volume beside VTK: `OSTEOMILL_BENCH_RAW=FILE,NI,NJ,NK,LEVEL` names one of little-endian i16 HU.
//! Prints medians of seven runs, and one line of JSON last. The field in `f32` that the crate needs is timed apart.

use std::time::Instant;

use fast_surface_nets::ndshape::RuntimeShape;
use fast_surface_nets::{SurfaceNetsBuffer, surface_nets};
use osteomill::geometry::nets::samples::{Above, Signed};
use osteomill::geometry::nets::split::split_net;
use osteomill::geometry::nets::{Nudge, surface_net};
use rayon::prelude::*;

const RUNS: usize = 7;

fn median_s<T>(mut work: impl FnMut() -> T) -> f64 {
    let mut seconds: Vec<f64> = (0..RUNS)
        .map(|_| {
            let begun = Instant::now();
            std::hint::black_box(work());
            begun.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[RUNS / 2]
}

/// Shells with folds, so that the surface has some three million triangles as a head has; blurred by construction.
fn synthetic() -> ([usize; 3], Vec<i16>, f32) {
    let dims = [512usize, 512, 400];
    let mut hu = vec![0i16; dims.iter().product()];
    hu.par_chunks_mut(dims[0] * dims[1]).enumerate().for_each(|(k, slice)| {
        for (at, out) in slice.iter_mut().enumerate() {
            let p = [at % dims[0], at / dims[0], k].map(|n| n as f32);
            let d = [(p[0] - 255.3) / 1.0, (p[1] - 256.1) / 1.1, (p[2] - 199.7) / 0.9];
            let r = d.iter().map(|x| x * x).sum::<f32>().sqrt();
            let fold = 6.0 * ((p[0] * 0.19).sin() + (p[1] * 0.17).sin() + (p[2] * 0.23).sin());
            // Two shells, seven voxels thick.
            let shell = [90.0, 130.0f32].iter().map(|c| (r + fold - c).abs() - 3.5).fold(f32::MAX, f32::min);
            // A little of a hash as noise: this is where crowded cells come from.
            let noise = ((at as u32 ^ (k as u32) << 18).wrapping_mul(0x9E37_79B1) >> 24) as f32 - 128.0;
            *out = (600.0 - 560.0 * (shell / 1.2).tanh() + 0.25 * noise).round() as i16;
        }
    });
    (dims, hu, 300.5)
}

fn given(spec: &str) -> ([usize; 3], Vec<i16>, f32) {
    let parts: Vec<&str> = spec.split(',').collect();
    let dims = [1, 2, 3].map(|n| parts[n].parse().expect("a whole number of voxels"));
    let bytes = std::fs::read(parts[0]).expect("the raw file can be read");
    let hu: Vec<i16> = bytes.as_chunks::<2>().0.iter().map(|b| i16::from_le_bytes(*b)).collect();
    assert_eq!(hu.len(), dims.iter().product::<usize>(), "the file holds NI·NJ·NK samples");
    (dims, hu, parts[4].parse().expect("a level in HU"))
}

fn main() {
    let (dims, hu, level_hu) = match std::env::var("OSTEOMILL_BENCH_RAW") {
        Ok(spec) => given(&spec),
        Err(_) => synthetic(),
    };
    if let Ok(path) = std::env::var("OSTEOMILL_BENCH_WRITE") {
        let bytes: Vec<u8> = hu.iter().flat_map(|v| v.to_le_bytes()).collect();
        std::fs::write(path, bytes).expect("the raw file can be written");
    }
    let net = split_net(&Above::new(dims, &hu, level_hu), |p| p, false);
    let (triangles, vertices) = (net.triangles.len(), net.vertices.len());
    println!(
        "{dims:?}: {triangles} triangles, {vertices} vertices, {} cells split, {} faces parted",
        net.split_cells, net.parted_faces
    );
    drop(net);
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
    let own_s = median_s(|| split_net(&Above::new(dims, &hu, level_hu), |p| p, false));
    let own_1t_s = median_s(|| one.install(|| split_net(&Above::new(dims, &hu, level_hu), |p| p, false)));
    let field = || -> Vec<f32> { hu.par_iter().map(|&v| level_hu - f32::from(v)).collect() };
    let field_s = median_s(field);
    let values = field();
    let own_f32_s = median_s(|| split_net(&Signed::new(dims, &values), |p| p, false));
    let nudged_s = median_s(|| surface_net(dims, &values, Nudge::GrowInside));
    let shape = RuntimeShape::<u32, 3>::new(dims.map(|n| n as u32));
    let mut buffer = SurfaceNetsBuffer::default();
    let crate_s = median_s(|| surface_nets(&values, &shape, [0; 3], dims.map(|n| n as u32 - 1), &mut buffer));
    for (what, s) in [
        ("split net, i16", own_s),
        ("split net, i16, one thread", own_1t_s),
        ("split net, f32", own_f32_s),
        ("fast-surface-nets in slabs with repair", nudged_s),
        ("fast-surface-nets, plain, one thread", crate_s),
        ("making the f32 field", field_s),
    ] {
        println!("{what:45} {s:.3} s   {:.2}", s / own_s);
    }
    println!(
        "{{\"triangles\":{triangles},\"split_s\":{own_s},\"split_1t_s\":{own_1t_s},\"split_f32_s\":{own_f32_s},\
         \"nudged_s\":{nudged_s},\"crate_s\":{crate_s},\"field_s\":{field_s}}}"
    );
}

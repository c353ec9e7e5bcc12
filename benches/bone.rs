//! Time of threshold and largest piece on a volume as raw 16-bit values, each call on pages never touched before:
//! `cargo bench --bench bone -- NI NJ NK FILE [THRESHOLD_HU]`; without a file, on a synthetic head of 512 x 512 x 400.
//! Prints one line of JSON. `benches/peers/bone.py` runs it beside other programs on the same file.

use std::time::Instant;

use osteomill::bone::largest_piece;
use osteomill::model::{Dir, Grid, Point, Volume};

/// Calls measured; the first is cold code too and is reported apart.
const CALLS: usize = 7;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let volume = match args.as_slice() {
        [ni, nj, nk, file, ..] => {
            let n = |s: &String| s.parse().expect("a number of voxels");
            let bytes = std::fs::read(file).expect("the raw volume can be read");
            let hu = bytes.chunks_exact(2).map(|c| i16::from_le_bytes([c[0], c[1]])).collect();
            Volume { grid: grid([n(ni), n(nj), n(nk)]), hu }
        }
        _ => head(),
    };
    assert_eq!(volume.hu.len(), volume.grid.len(), "the file holds another number of voxels");
    let threshold_hu: f64 = args.get(4).map_or(226.0, |s| s.parse().expect("a level in HU"));
    let mut seconds = Vec::new();
    let (mut pieces, mut largest) = (0, 0);
    for _ in 0..CALLS {
        let start = Instant::now();
        let (mask, count) = largest_piece(&volume, threshold_hu);
        seconds.push(start.elapsed().as_secs_f64());
        (pieces, largest) = (count, mask.count());
    }
    let first = seconds[0];
    seconds.sort_by(f64::total_cmp);
    println!(
        "{{\"first_s\": {first:.4}, \"median_s\": {:.4}, \"best_s\": {:.4}, \"pieces\": {pieces}, \"largest\": {largest}}}",
        seconds[CALLS / 2],
        seconds[0]
    );
}

fn grid(dims: [usize; 3]) -> Grid {
    let axes = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].map(Dir::new);
    Grid { dims, spacing_mm: [0.45, 0.45, 0.5], origin_lps_mm: Point::new([0.0; 3]), axes_lps: axes }
}

/// A shell of bone about tissue in noisy air: cheap to make, with specks as a real scan has them.
fn head() -> Volume {
    let grid = grid([512, 512, 400]);
    let mut state = 1u32;
    let hu = (0..grid.len())
        .map(|at| {
            let [i, j, k] = grid.ijk(at).map(|n| n as f64);
            let r = (((i - 256.0) / 170.0).powi(2)
                + ((j - 256.0) / 210.0).powi(2)
                + ((k - 180.0) / 190.0).powi(2))
            .sqrt();
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (state >> 16) as i16 % 120 - 60;
            let speck = if state >> 8 & 0xffff < 6 { 900 } else { 0 };
            noise
                + speck
                + if r > 1.0 {
                    -1000
                } else if r > 0.94 {
                    1100
                } else {
                    40
                }
        })
        .collect();
    Volume { grid, hu }
}

//! Scans made of masks and meshes, so that they can be cut like one.

use rayon::prelude::*;

use super::BenchError;
use crate::geometry::random::Random;
use crate::model::{Dir, Grid, Mask, Mesh, Patient, Point, Volume};

/// Soft tissue and bone of a scan made of a mesh or mask, HU.
const SOFT_HU: f32 = 40.0;
const BONE_HU: f32 = 1100.0;
/// Noise of such a scan, HU.
const NOISE_HU: f64 = 15.0;
/// Lines through each voxel along y and z.
const LINES: usize = 3;
/// Room about the mesh, mm.
const MARGIN_MM: f64 = 8.0;

/// A CT of a mask: occupancy blurred by 0.7 voxels.
pub fn volume_of_mask(mask: &Mask, seed: u64) -> Volume {
    let share: Vec<f32> = mask.voxels.iter().map(|&v| f32::from(u8::from(v != 0))).collect();
    tissue(&mask.grid, share, [0.7; 3], seed)
}

/// A CT of a closed, or nearly closed, mesh in patient LPS mm; blurred by `fwhm_mm`.
///
/// # Errors
/// [`BenchError::Size`] for a mesh that is no skull in mm.
pub fn volume_of_mesh(
    name: &str,
    mesh: &Mesh<Patient>,
    voxel_mm: f64,
    fwhm_mm: f64,
    seed: u64,
) -> Result<Volume, BenchError> {
    let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
    for v in &mesh.vertices {
        for a in 0..3 {
            low[a] = low[a].min(v[a]);
            high[a] = high[a].max(v[a]);
        }
    }
    let size_mm: [f64; 3] = std::array::from_fn(|a| high[a] - low[a]);
    if !size_mm.iter().all(|s| (100.0..350.0).contains(s)) {
        return Err(BenchError::Size { skull: name.into(), size_mm });
    }
    let grid = Grid {
        dims: std::array::from_fn(|a| ((size_mm[a] + 2.0 * MARGIN_MM) / voxel_mm).ceil() as usize + 1),
        spacing_mm: [voxel_mm; 3],
        origin_lps_mm: Point::new(std::array::from_fn(|a| low[a] - MARGIN_MM)),
        axes_lps: [Dir::new([1.0, 0.0, 0.0]), Dir::new([0.0, 1.0, 0.0]), Dir::new([0.0, 0.0, 1.0])],
    };
    let share = shares(mesh, &grid);
    Ok(tissue(&grid, share, [fwhm_mm / 2.355 / voxel_mm; 3], seed))
}

fn tissue(grid: &Grid, mut share: Vec<f32>, sigma_voxels: [f64; 3], seed: u64) -> Volume {
    for axis in 0..3 {
        share = blur(&share, grid.dims, axis, sigma_voxels[axis]);
    }
    let hu = share
        .into_par_iter()
        .enumerate()
        .map(|(at, s)| {
            let noise = NOISE_HU * Random::new(seed ^ (at as u64).wrapping_mul(0x9E37_79B9)).normal();
            (f64::from(SOFT_HU + (BONE_HU - SOFT_HU) * s) + noise).round() as i16
        })
        .collect();
    Volume { grid: grid.clone(), hu }
}

/// Share of each voxel inside the mesh: exact along lines in x, by parity; a line with an odd number of crossings
/// (through one of the mesh's open edges) takes its neighbour's.
fn shares(mesh: &Mesh<Patient>, grid: &Grid) -> Vec<f32> {
    let [ni, nj, nk] = grid.dims;
    let h = grid.spacing_mm[0];
    let origin = grid.origin_lps_mm.mm;
    let (lj, lk) = (nj * LINES, nk * LINES);
    // Off the mesh's own corners, so that no line meets one.
    let line = |a: usize, n: usize| origin[a] + h * ((n as f64 + 0.5) / LINES as f64 - 0.5) + 1.37e-5;
    let number = |a: usize, p: f64| {
        (((p - 1.37e-5 - origin[a]) / h + 0.5) * LINES as f64 - 0.5).ceil().max(0.0) as usize
    };
    let mut crossings: Vec<Vec<f32>> = vec![Vec::new(); lj * lk];
    for t in 0..mesh.triangles.len() {
        let c = mesh.corners(t);
        let n = (c[1] - c[0]).cross(&(c[2] - c[0]));
        let lo = |a: usize| c.iter().map(|p| p[a]).fold(f64::INFINITY, f64::min);
        let hi = |a: usize| c.iter().map(|p| p[a]).fold(f64::NEG_INFINITY, f64::max);
        for k in number(2, lo(2))..number(2, hi(2)).min(lk) {
            for j in number(1, lo(1))..number(1, hi(1)).min(lj) {
                let (y, z) = (line(1, j), line(2, k));
                let side =
                    |a: usize, b: usize| (c[b].y - c[a].y) * (z - c[a].z) - (c[b].z - c[a].z) * (y - c[a].y);
                let sides = [side(0, 1), side(1, 2), side(2, 0)];
                if sides.iter().all(|s| *s > 0.0) || sides.iter().all(|s| *s < 0.0) {
                    let x = c[0].x - (n.y * (y - c[0].y) + n.z * (z - c[0].z)) / n.x;
                    crossings[k * lj + j].push(((x - origin[0]) / h + 0.5) as f32);
                }
            }
        }
    }
    let mut share = vec![0f32; grid.len()];
    share.par_chunks_mut(ni * nj).enumerate().for_each(|(k, slice)| {
        for (j, row) in slice.chunks_mut(ni).enumerate() {
            for sub in 0..LINES * LINES {
                let at = (k * LINES + sub / LINES) * lj + j * LINES;
                let mut x = crossings[at + sub % LINES].clone();
                if x.len() % 2 == 1 {
                    x = crossings[at + (sub + 1) % LINES].clone();
                }
                x.sort_by(f32::total_cmp);
                for pair in x.chunks_exact(2) {
                    for i in pair[0].max(0.0) as usize..(pair[1].ceil() as usize).min(ni) {
                        let inside = pair[1].min(i as f32 + 1.0) - pair[0].max(i as f32);
                        row[i] += inside.max(0.0) / (LINES * LINES) as f32;
                    }
                }
            }
        }
    });
    share
}

/// Gaussian along one axis, by its values at whole voxels.
fn blur(values: &[f32], dims: [usize; 3], axis: usize, sigma: f64) -> Vec<f32> {
    let w = (4.0 * sigma).ceil() as i64;
    let mut kernel: Vec<f32> =
        (-w..=w).map(|n| (-(n * n) as f64 / (2.0 * sigma * sigma)).exp() as f32).collect();
    let sum: f32 = kernel.iter().sum();
    kernel.iter_mut().for_each(|x| *x /= sum);
    let stride = [1, dims[0], dims[0] * dims[1]][axis];
    (0..values.len())
        .into_par_iter()
        .map(|at| {
            let here = (at / stride % dims[axis]) as i64;
            let near = |n: i64| (here + n).clamp(0, dims[axis] as i64 - 1) - here;
            (-w..=w)
                .zip(&kernel)
                .map(|(n, x)| x * values[(at as i64 + near(n) * stride as i64) as usize])
                .sum()
        })
        .collect()
}

//! Exact Euclidean distance transform on a grid with unequal spacing.
//!
//! **Method** Felzenszwalb and Huttenlocher, "Distance Transforms of Sampled Functions", Theory of Computing 8
//! (2012), 415-428: lower envelope of parabolas along each axis in turn; spacing enters as the scale of each axis.

use rayon::prelude::*;

/// Distance in mm from every voxel's centre to the centre of the nearest voxel for which `inside` holds;
/// infinite where there is none. `dims` and `spacing_mm` along i, j, k; `i` fastest.
pub fn distance_to(
    dims: [usize; 3],
    spacing_mm: [f64; 3],
    inside: impl Fn(usize) -> bool + Sync,
) -> Vec<f32> {
    let [ni, nj, nk] = dims;
    let mut squared: Vec<f64> =
        (0..ni * nj * nk).into_par_iter().map(|at| if inside(at) { 0.0 } else { f64::INFINITY }).collect();
    squared.par_chunks_mut(ni).for_each(|row| envelope_in_place(row, spacing_mm[0]));
    squared.par_chunks_mut(ni * nj).for_each(|slice| {
        let mut line = vec![0.0; nj];
        for i in 0..ni {
            for j in 0..nj {
                line[j] = slice[j * ni + i];
            }
            envelope_in_place(&mut line, spacing_mm[1]);
            for j in 0..nj {
                slice[j * ni + i] = line[j];
            }
        }
    });
    // Along k, rows (i fixed to a block) are independent; columns are gathered per j so that blocks stay apart.
    let columns: Vec<Vec<f64>> = (0..nj)
        .into_par_iter()
        .map(|j| {
            let mut out = vec![0.0; ni * nk];
            let mut line = vec![0.0; nk];
            for i in 0..ni {
                for k in 0..nk {
                    line[k] = squared[(k * nj + j) * ni + i];
                }
                envelope_in_place(&mut line, spacing_mm[2]);
                for k in 0..nk {
                    out[k * ni + i] = line[k];
                }
            }
            out
        })
        .collect();
    let mut out = vec![0f32; ni * nj * nk];
    out.par_chunks_mut(ni * nj).enumerate().for_each(|(k, slice)| {
        for j in 0..nj {
            for i in 0..ni {
                slice[j * ni + i] = columns[j][k * ni + i].sqrt() as f32;
            }
        }
    });
    out
}

/// Lower envelope of the parabolas `f[q] + (x − q·h)²`, sampled back at the grid.
fn envelope_in_place(f: &mut [f64], h: f64) {
    let n = f.len();
    let mut sites: Vec<usize> = Vec::with_capacity(n);
    let mut from: Vec<f64> = Vec::with_capacity(n);
    for q in 0..n {
        if f[q] == f64::INFINITY {
            continue;
        }
        let x = q as f64 * h;
        loop {
            let Some(&v) = sites.last() else {
                sites.push(q);
                from.push(f64::NEG_INFINITY);
                break;
            };
            let y = v as f64 * h;
            let cross = ((f[q] + x * x) - (f[v] + y * y)) / (2.0 * (x - y));
            if cross <= from[from.len() - 1] {
                sites.pop();
                from.pop();
            } else {
                sites.push(q);
                from.push(cross);
                break;
            }
        }
    }
    if sites.is_empty() {
        return;
    }
    let values: Vec<f64> = sites.iter().map(|&s| f[s]).collect();
    let mut s = 0;
    for (q, out) in f.iter_mut().enumerate() {
        let x = q as f64 * h;
        while s + 1 < sites.len() && from[s + 1] < x {
            s += 1;
        }
        let d = x - sites[s] as f64 * h;
        *out = values[s] + d * d;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::random::Random;

    #[test]
    fn equals_brute_force_with_unequal_spacing() {
        let dims = [7, 6, 5];
        let h = [0.5, 0.8, 1.5];
        let mut r = Random::new(3);
        let inside: Vec<bool> = (0..210).map(|_| r.unit() < 0.05).collect();
        let got = distance_to(dims, h, |at| inside[at]);
        let place =
            |at: usize| [(at % 7) as f64 * h[0], ((at / 7) % 6) as f64 * h[1], (at / 42) as f64 * h[2]];
        for (at, &d) in got.iter().enumerate() {
            let p = place(at);
            let best = (0..210)
                .filter(|&o| inside[o])
                .map(|o| place(o).iter().zip(p).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt())
                .fold(f64::INFINITY, f64::min);
            assert!((f64::from(d) - best).abs() < 1e-5, "{at}: {d} {best}");
        }
    }
}

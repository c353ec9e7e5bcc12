//! Voxels from closed forms: shares of tissue, blur, noise.

use nalgebra::Vector3;
use rayon::prelude::*;

use super::head::{Bound, Head, SCALP_MM};
use super::spec::{PhantomError, PhantomSpec};
use crate::geometry::random::Random;
use crate::model::{Grid, Volume, Watch};

/// HU of the tissues.
const AIR: f64 = -1000.0;
const BRAIN: f64 = 35.0;
const FLUID: f64 = 10.0;
const SOFT: f64 = 50.0;
const SKIN: f64 = 70.0;
const TABLE: f64 = 1300.0;
const DIPLOE: f64 = 450.0;
const SUTURE: f64 = 500.0;
const FACE: f64 = 800.0;
const HOLDER: f64 = 400.0;
/// Thickness of a cortical table, of the fluid under the bone, of the skin; half the width of a suture, mm.
const TABLE_MM: f64 = 1.5;
const FLUID_MM: f64 = 2.0;
const SKIN_MM: f64 = 1.5;
const SUTURE_HALF_MM: f64 = 0.3;
/// Voxels are painted in cubes of at most this size and number: far from every surface a cube is one tissue,
/// and across it the slope of a table hardly changes.
const CUBE_MM: f64 = 5.0;
const CUBE_MAX: usize = 8;
/// No table's value changes faster than this with the place; a test measures it.
pub(super) const STEEPEST: f64 = 1.6;

/// What a cube of voxels shares.
struct Near {
    outer_slope: f64,
    inner_slope: f64,
    outer_width: f64,
    inner_width: f64,
    cut: bool,
    sinus: bool,
    low: bool,
    orbits: bool,
    holder: bool,
}

/// Extent of a voxel along a direction, mm.
fn width(voxel: &[f64; 3], n: &Vector3<f64>) -> f64 {
    n.x.abs() * voxel[0] + n.y.abs() * voxel[1] + n.z.abs() * voxel[2]
}

/// Share of a voxel of this width on the positive side of a surface at signed distance `d`.
fn outside(d: f64, width: f64) -> f64 {
    (0.5 + d / width).clamp(0.0, 1.0)
}

struct Painter<'a> {
    head: &'a Head,
    spec: &'a PhantomSpec,
    /// For surfaces whose direction is not worth knowing, mm.
    mean_voxel: f64,
}

impl Painter<'_> {
    fn slope(&self, p: &Vector3<f64>, value: impl Fn(&Vector3<f64>) -> f64) -> (f64, f64) {
        let h = 0.05;
        let g = Vector3::from_fn(|a, _| {
            let mut e = Vector3::zeros();
            e[a] = h;
            (value(&(p + e)) - value(&(p - e))) / (2.0 * h)
        });
        let slope = g.norm().max(1e-6);
        (slope, width(&self.spec.voxel_mm, &(g / slope)))
    }

    /// `Err` with the one value of a cube that has no surface in it.
    fn look(&self, p: &Vector3<f64>, half: f64) -> Result<Near, f64> {
        let (outer, inner) = self.head.table_values(p);
        let margin = half * STEEPEST + 2.0 * self.mean_voxel;
        if inner < -(FLUID_MM + margin) || p.norm() < 25.0 {
            return Err(BRAIN);
        }
        let h = self.head;
        let low = [h.face.grown(8.0), h.nose, h.neck].iter().any(|e| e.near(p, margin));
        let holder = self.spec.holder && h.holder_value(p) < margin * 2.0;
        if outer > SCALP_MM + margin && !low && !holder {
            return Err(AIR);
        }
        let (outer_slope, outer_width) = self.slope(p, |q| h.table_values(q).0);
        let (inner_slope, inner_width) = self.slope(p, |q| h.table_values(q).1);
        Ok(Near {
            outer_slope,
            inner_slope,
            outer_width,
            inner_width,
            cut: h.cut.as_ref().is_some_and(|c| c.near(p, margin)),
            sinus: h.sinus.is_some_and(|s| s.near(p, margin)),
            low,
            orbits: h.orbits.iter().chain([&h.foramen]).any(|e| e.near(p, margin)),
            holder,
        })
    }

    fn hu(&self, p: &Vector3<f64>, near: &Near) -> f64 {
        let h = self.head;
        let (outer, inner) = h.table_values(p);
        let (outer_mm, inner_mm) = (outer / near.outer_slope, inner / near.inner_slope);
        let (ow, iw, mw) = (near.outer_width, near.inner_width, self.mean_voxel);

        // Soft tissue, from the middle outwards; each layer replaces what lies within it.
        let mut hu = BRAIN
            + (FLUID - BRAIN) * outside(inner_mm + FLUID_MM, iw)
            + (SOFT - FLUID) * outside(inner_mm, iw)
            + (SKIN - SOFT) * outside(outer_mm - (SCALP_MM - SKIN_MM), ow);
        let mut air = outside(outer_mm - SCALP_MM, ow);
        if near.low {
            let soft = h.face.grown(8.0).value(p).min(h.nose.value(p)).min(h.neck.value(p));
            air = air.min(outside(soft, mw));
        }
        hu += (AIR - hu) * air;

        // Bone: how deep inside every bound, and the share of the voxel it covers.
        let mut depth = -outer_mm;
        let mut share = outside(-outer_mm, ow).min(outside(inner_mm, iw));
        if near.cut
            && share > 0.0
            && let Some(cut) = &h.cut
        {
            let wall = cut.value(p);
            let healed_outer = cut.both(outer_mm + cut.sunk_mm(wall), -wall);
            let healed_inner = cut.both(-inner_mm, -wall);
            if cut.sunk_mm(0.0) > 0.0 {
                depth = -healed_outer.max(healed_inner);
                share = share.min(outside(depth, ow));
            } else if wall < -2.0 * mw {
                share = 0.0;
            } else if wall < 2.0 * mw {
                let (slope, w) = self.slope(p, |q| cut.value(q));
                share = share.min(outside(wall / slope, w));
            }
        }
        depth = depth.min(inner_mm);
        let mut bone = TABLE + (DIPLOE - TABLE) * outside(depth - TABLE_MM, mw);
        if self.spec.sutures && share > 0.0 && depth < TABLE_MM + mw && depth > -mw {
            let line = h.suture_mm(p) - SUTURE_HALF_MM;
            // From the outer side only, and only through the table.
            if -outer_mm < TABLE_MM + mw {
                bone += (SUTURE.min(bone) - bone) * outside(-line, mw);
            }
        }
        if near.low {
            let block =
                outside(-h.face.value(p), mw).min(outside(inner_mm, iw)).min(outside(h.nasal.value(p), mw));
            if block > share {
                bone = (bone * share + FACE * (block - share)) / block;
                share = block;
            }
            let nasal = outside(-h.nasal.value(p), mw);
            hu += (AIR - hu) * nasal.min(outside(inner_mm, iw));
        }
        if near.orbits {
            for b in [Bound::Orbit(0), Bound::Orbit(1), Bound::Foramen] {
                // The foramen goes through the skull, not through the face.
                share = share.min(outside(-h.value(b, p), mw));
            }
        }
        hu += (bone - hu) * share;
        if near.sinus
            && let Some(s) = &h.sinus
        {
            let value = s.value(p);
            if value < -2.0 * mw {
                hu = AIR;
            } else if value < 2.0 * mw {
                let (_, w) = self.slope(p, |q| s.value(q));
                hu += (AIR - hu) * outside(-value, w);
            }
        }
        if near.holder {
            hu += (HOLDER - hu) * outside(-h.holder_value(p), mw);
        }
        hu
    }
}

/// Paints, blurs and roughens. `place` takes a voxel's patient place into the head's frame.
pub fn render(
    head: &Head,
    spec: &PhantomSpec,
    grid: Grid,
    place: impl Fn([usize; 3]) -> Vector3<f64> + Sync,
    watch: &dyn Watch,
) -> Result<Volume, PhantomError> {
    let [ni, nj, nk] = grid.dims;
    let mean_voxel = spec.voxel_mm.iter().sum::<f64>() / 3.0;
    let painter = Painter { head, spec, mean_voxel };
    let largest = spec.voxel_mm.iter().fold(0.0f64, |m, &v| m.max(v));
    let cube = ((CUBE_MM / largest) as usize).clamp(2, CUBE_MAX);
    let half = 0.5 * (cube as f64) * spec.voxel_mm.iter().map(|v| v * v).sum::<f64>().sqrt();
    let mut sharp = vec![0f32; ni * nj * nk];
    watch.note("painting the head");
    sharp.par_chunks_mut(ni * nj * cube).enumerate().for_each(|(slab, voxels)| {
        let (k0, dk) = (slab * cube, voxels.len() / (ni * nj));
        for j0 in (0..nj).step_by(cube) {
            for i0 in (0..ni).step_by(cube) {
                let (di, dj) = (cube.min(ni - i0), cube.min(nj - j0));
                let (low, high) = (place([i0, j0, k0]), place([i0 + di - 1, j0 + dj - 1, k0 + dk - 1]));
                let near = painter.look(&((low + high) * 0.5), half);
                for k in 0..dk {
                    for j in j0..j0 + dj {
                        let row = (k * nj + j) * ni + i0;
                        for (i, v) in voxels[row..row + di].iter_mut().enumerate() {
                            *v = match &near {
                                Err(hu) => *hu as f32,
                                Ok(near) => painter.hu(&place([i0 + i, j, k0 + k]), near) as f32,
                            };
                        }
                    }
                }
            }
        }
    });
    stop_if_asked(watch)?;
    watch.note("blurring it");
    let kernels: [Vec<f32>; 3] = std::array::from_fn(|a| kernel(spec.psf_fwhm_mm[a], spec.voxel_mm[a]));
    sharp.par_chunks_mut(ni * nj).for_each(|slice| {
        blur_rows(slice, ni, &kernels[0]);
        blur_columns(slice, ni, nj, &kernels[1]);
    });
    stop_if_asked(watch)?;
    let mut hu = vec![0i16; ni * nj * nk];
    let reach = kernels[2].len() / 2;
    hu.par_chunks_mut(ni * nj).enumerate().for_each(|(k, out)| {
        let mut sum = vec![0f32; ni * nj];
        for (t, &w) in kernels[2].iter().enumerate() {
            let from = (k + t).saturating_sub(reach).min(nk - 1);
            let slice = &sharp[from * ni * nj..(from + 1) * ni * nj];
            sum.iter_mut().zip(slice).for_each(|(s, v)| *s += w * v);
        }
        for (n, (o, s)) in out.iter_mut().zip(&sum).enumerate() {
            let noise = noise(spec.seed, (k * ni * nj + n) as u64) * spec.noise_hu;
            // A scanner's scale begins at -1024.
            *o = (f64::from(*s) + noise).round().clamp(-1024.0, 3071.0) as i16;
        }
    });
    stop_if_asked(watch)?;
    Ok(Volume { grid, hu })
}

fn stop_if_asked(watch: &dyn Watch) -> Result<(), PhantomError> {
    if watch.stopped() { Err(PhantomError::Stopped) } else { Ok(()) }
}

/// Weights of a Gaussian, to four standard deviations; a single 1 for no blur.
fn kernel(fwhm_mm: f64, voxel_mm: f64) -> Vec<f32> {
    let sigma = fwhm_mm / (8.0 * 2f64.ln()).sqrt() / voxel_mm;
    if sigma < 1e-6 {
        return vec![1.0];
    }
    let reach = (4.0 * sigma).ceil() as i32;
    let w: Vec<f64> = (-reach..=reach).map(|t| (-0.5 * (f64::from(t) / sigma).powi(2)).exp()).collect();
    let sum: f64 = w.iter().sum();
    w.iter().map(|v| (v / sum) as f32).collect()
}

fn blur_rows(slice: &mut [f32], ni: usize, kernel: &[f32]) {
    let reach = kernel.len() / 2;
    let mut padded = vec![0f32; ni + 2 * reach];
    for row in slice.chunks_mut(ni) {
        padded[reach..reach + ni].copy_from_slice(row);
        padded[..reach].fill(row[0]);
        padded[reach + ni..].fill(row[ni - 1]);
        row.fill(0.0);
        for (t, &w) in kernel.iter().enumerate() {
            row.iter_mut().zip(&padded[t..]).for_each(|(o, v)| *o += w * v);
        }
    }
}

fn blur_columns(slice: &mut [f32], ni: usize, nj: usize, kernel: &[f32]) {
    let reach = kernel.len() / 2;
    let source = slice.to_vec();
    for (j, row) in slice.chunks_mut(ni).enumerate() {
        row.fill(0.0);
        for (t, &w) in kernel.iter().enumerate() {
            let from = (j + t).saturating_sub(reach).min(nj - 1);
            row.iter_mut().zip(&source[from * ni..(from + 1) * ni]).for_each(|(o, v)| *o += w * v);
        }
    }
}

/// Standard deviation 1, near to normal (the sum of eight 16-bit numbers), by the voxel's number alone.
fn noise(seed: u64, voxel: u64) -> f64 {
    let mut r =
        Random::new(seed.wrapping_mul(0xD6E8_FEB8_6659_FD93) ^ voxel.wrapping_mul(0xA076_1D64_78BD_642F));
    let parts = |bits: u64| (bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) + (bits >> 48);
    let sum = parts(r.bits()) + parts(r.bits());
    // Eight even numbers in [0, 65535]: mean 8 · 32767.5, variance 8 · 65536² / 12.
    (sum as f64 - 262_140.0) / (65_536.0 * (8.0f64 / 12.0).sqrt())
}

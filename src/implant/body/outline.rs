//! Where the implant ends when no bone ends it: thin tongues over a sunken rim, openings into orbit or sinus, fins too
//! narrow to mill.
//!
//! Works on columns along the insertion axis. A column is kept where the plate is thick enough and the chart allows
//! it; the kept set is opened by a disc. The outline stands a little outside of that set, so that it never touches a
//! wall that follows bone, and is smoothed; its distance field becomes part of the wall.

use rayon::prelude::*;

use crate::geometry::Bvh;
use crate::geometry::distance::distance_to;
use crate::model::{Part, Patient, Point, Pose};

use super::field::{Fields, gaussian};
use super::region::Region;

/// Fins and corners narrower than twice this are taken off, mm: a fin of 3 mm breaks before it fits.
const OPENING_MM: f64 = 1.5;
/// The outline stands this far outside the kept columns, mm: two samples, so that walls at bone are not touched.
const STAND_OFF_MM: f64 = 0.6;
/// The outline is smoothed by this, mm.
const SMOOTH_SIGMA_MM: f64 = 0.7;
/// Distances are needed this far from the outline, mm.
const BAND_MM: f64 = 3.0;

/// Columns run along the insertion axis, the plate's thickness square to it; over a lumen the plate may lie so far
/// aslant that a column is this much longer.
const ASLANT: f64 = 1.3;
/// A column whose foot is this near to where the lumen's clearance ends was cut by the lumen, mm: a sample and a half.
const AT_LUMEN_MM: f64 = 0.5;

/// How thin the plate may be where it ends.
pub(super) struct Thinnest<'a> {
    /// Over bone, mm.
    pub edge_mm: f64,
    /// Over a lumen, mm: there is no bone to lean on, so the plate ends before it is too thin.
    pub over_lumen_mm: f64,
    /// The lumen and the clearance kept from it, mm.
    pub lumen: Option<(&'a Bvh<Part>, f64)>,
}

/// Puts the outline's limits into the wall.
pub(super) fn limit(
    fields: &mut Fields,
    region: &Region,
    patient_from_part: &Pose<Patient, Part>,
    thinnest: &Thinnest,
    draft_rad: f64,
) {
    let [ni, nj, nk] = fields.grid.dims;
    let layer = ni * nj;
    let h = fields.grid.step_mm;
    let kept: Vec<bool> = (0..layer)
        .into_par_iter()
        .map(|c| {
            let (thickness_mm, top) = column(fields, c, nk, layer);
            if thickness_mm < thinnest.edge_mm {
                return false;
            }
            let p = fields.grid.place_of([(c % ni) as f64, (c / ni) as f64, top as f64]);
            if let Some((lumen, clearance_mm)) = thinnest.lumen
                && thickness_mm < ASLANT * thinnest.over_lumen_mm
            {
                let foot = [p[0], p[1], p[2] - thickness_mm];
                if lumen.nearest(foot, clearance_mm + AT_LUMEN_MM).is_some() {
                    return false;
                }
            }
            let at = region.sheets.at(patient_from_part.apply(Point::new(p)));
            at.is_some_and(|s| region.allows(s.cell))
        })
        .collect();
    let plane = [ni, nj, 1];
    let to_out = distance_to(plane, [h; 3], |c| !kept[c]);
    let to_core = distance_to(plane, [h; 3], |c| f64::from(to_out[c]) > OPENING_MM);
    let to_opened = distance_to(plane, [h; 3], |c| f64::from(to_core[c]) <= OPENING_MM);
    let grown: Vec<f32> =
        to_opened.iter().map(|&d| if f64::from(d) <= STAND_OFF_MM { 1.0 } else { 0.0 }).collect();
    let smooth = blur(&grown, ni, nj, SMOOTH_SIGMA_MM / h);
    let limit = contour_distance(&smooth, ni, nj, h);
    let (cos, sin) = (draft_rad.cos() as f32, draft_rad.sin() as f32);
    let outer = &fields.outer;
    fields.wall.par_chunks_mut(layer).enumerate().for_each(|(k, wall)| {
        for (c, w) in wall.iter_mut().enumerate() {
            let depth = (-outer[k * layer + c]).max(0.0);
            *w = w.max(limit[c] * cos + depth * sin);
        }
    });
    fields.wall_is_set();
}

/// Length of the body along a column, mm, and its highest sample.
fn column(fields: &Fields, c: usize, nk: usize, layer: usize) -> (f64, usize) {
    let h = fields.grid.step_mm;
    let (mut length, mut top) = (0.0, 0);
    let mut below = f64::from(fields.sharp(c));
    for k in 1..nk {
        let here = f64::from(fields.sharp(k * layer + c));
        if here < 0.0 {
            top = k;
        }
        length += match (below < 0.0, here < 0.0) {
            (true, true) => h,
            (false, false) => 0.0,
            _ => h * below.min(here).abs() / (below.abs() + here.abs()),
        };
        below = here;
    }
    (length, top)
}

fn blur(values: &[f32], ni: usize, nj: usize, sigma: f64) -> Vec<f32> {
    let kernel = gaussian(sigma);
    let half = kernel.len() as i64 / 2;
    let mut from = values.to_vec();
    for (stride, size) in [(1, ni), (ni, nj)] {
        from = (0..from.len())
            .map(|at| {
                let here = ((at / stride) % size) as i64;
                kernel
                    .iter()
                    .zip(-half..=half)
                    .map(|(w, o)| {
                        let there = (here + o).clamp(0, size as i64 - 1);
                        w * from[(at as i64 + (there - here) * stride as i64) as usize]
                    })
                    .sum()
            })
            .collect();
    }
    from
}

/// Distance to the half-way contour, mm, negative where `values` are above it; exact to linear interpolation within
/// the band, `±BAND_MM` beyond.
fn contour_distance(values: &[f32], ni: usize, nj: usize, h: f64) -> Vec<f32> {
    let mut nearest2 = vec![BAND_MM * BAND_MM; ni * nj];
    let reach = (BAND_MM / h).ceil() as i64 + 1;
    for j in 0..nj - 1 {
        for i in 0..ni - 1 {
            let corners = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)];
            let v = corners.map(|(i, j)| f64::from(values[j * ni + i]) - 0.5);
            let mut crossings: Vec<[f64; 2]> = Vec::with_capacity(4);
            for e in 0..4 {
                let (a, b) = (v[e], v[(e + 1) % 4]);
                if (a > 0.0) != (b > 0.0) {
                    let t = a / (a - b);
                    let (p, q) = (corners[e], corners[(e + 1) % 4]);
                    crossings.push([
                        p.0 as f64 + (q.0 as f64 - p.0 as f64) * t,
                        p.1 as f64 + (q.1 as f64 - p.1 as f64) * t,
                    ]);
                }
            }
            for pair in crossings.chunks_exact(2) {
                for y in (j as i64 - reach).max(0)..(j as i64 + reach).min(nj as i64) {
                    for x in (i as i64 - reach).max(0)..(i as i64 + reach).min(ni as i64) {
                        let d2 = segment_distance2([x as f64, y as f64], pair[0], pair[1]) * h * h;
                        let best = &mut nearest2[y as usize * ni + x as usize];
                        *best = best.min(d2);
                    }
                }
            }
        }
    }
    nearest2
        .iter()
        .zip(values)
        .map(|(&d2, &v)| if v > 0.5 { -d2.sqrt() as f32 } else { d2.sqrt() as f32 })
        .collect()
}

fn segment_distance2(p: [f64; 2], a: [f64; 2], b: [f64; 2]) -> f64 {
    let (ex, ey) = (b[0] - a[0], b[1] - a[1]);
    let (dx, dy) = (p[0] - a[0], p[1] - a[1]);
    let l2 = ex * ex + ey * ey;
    let t = if l2 > 0.0 { ((dx * ex + dy * ey) / l2).clamp(0.0, 1.0) } else { 0.0 };
    (dx - t * ex).powi(2) + (dy - t * ey).powi(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outline_of_a_disc_keeps_its_distance() {
        let (n, h, r) = (81, 0.3, 8.0);
        let place = |c: usize| [(c % n) as f64 * h - 12.0, (c / n) as f64 * h - 12.0];
        let disc: Vec<f32> = (0..n * n)
            .map(|c| {
                let [x, y] = place(c);
                if x.hypot(y) <= r { 1.0 } else { 0.0 }
            })
            .collect();
        let d = contour_distance(&blur(&disc, n, n, SMOOTH_SIGMA_MM / h), n, n, h);
        for (c, &got) in d.iter().enumerate() {
            let [x, y] = place(c);
            let expected = (x.hypot(y) - r).clamp(-BAND_MM, BAND_MM);
            // The low-pass draws a circle of 8 mm in by σ²/2r = 0.03 mm; the jagged disc adds a tenth of a sample.
            assert!((f64::from(got) - expected).abs() < 0.08, "{got} {expected}");
        }
    }
}

//! Takes the slices of one series apart where it holds several stacks, and leaves out slices given twice.

use std::collections::BTreeMap;

use nalgebra::Vector3;

use super::header::{Header, Slice};
use super::pixels::read_hu;
use super::stack::{Stack, axes_of, sliced};
use crate::model::{Dir, Grid, Point, Silent};

/// Acquisitions of fewer slices are no stacks of their own: some scanners number every turn of the gantry.
const SLICES_MIN: usize = 3;
/// Rounding of orientation and spacing.
const SAME: f64 = 1e-4;

/// Slices of one series that belong together.
pub struct Group<'a> {
    pub headers: Vec<&'a Header>,
    /// From 1.
    pub number: usize,
    /// Stacks in the series.
    pub of: usize,
    /// Acquisition Number, digits only, where it told the stacks apart.
    pub acquisition: String,
    /// Slices left out because another with the same place has the same pixels.
    pub twins: usize,
}

/// The stacks of a series. Acquisitions that follow each other along the normal are one stack, as in step-and-shoot;
/// acquisitions that overlap, or differ in orientation, matrix or spacing, are several, since the patient may have
/// moved between them.
pub fn groups<'a>(headers: &[&'a Header], tolerance_mm: f64) -> Vec<Group<'a>> {
    let mut acquisitions: BTreeMap<&str, Vec<&Header>> = BTreeMap::new();
    for &h in headers {
        acquisitions.entry(&h.acquisition).or_default().push(h);
    }
    let parts: Vec<(String, Vec<&Header>)> =
        acquisitions.into_iter().map(|(name, slices)| (name.to_owned(), slices)).collect();
    let split =
        parts.len() > 1 && parts.iter().all(|p| p.1.len() >= SLICES_MIN) && overlap(&parts, tolerance_mm);
    let parts = if split { parts } else { vec![(String::new(), headers.to_vec())] };
    let of = parts.len();
    parts
        .into_iter()
        .enumerate()
        .map(|(at, (acquisition, headers))| {
            let (headers, twins) = without_twins(headers, tolerance_mm);
            Group { headers, number: at + 1, of, acquisition, twins }
        })
        .collect()
}

fn overlap(parts: &[(String, Vec<&Header>)], tolerance_mm: f64) -> bool {
    let mut slices: Vec<Vec<(&Header, &Slice)>> = Vec::new();
    for (_, headers) in parts {
        match sliced(headers) {
            Ok(s) => slices.push(s),
            // The stack's own check names the slice that is none.
            Err(_) => return false,
        }
    }
    let first = slices[0][0].1;
    let normal = axes_of(first)[2];
    if slices.iter().any(|s| !lies_alike(first, s[0].1)) {
        return true;
    }
    let mut ranges: Vec<(f64, f64)> = slices
        .iter()
        .map(|s| {
            let at = s.iter().map(|s| normal.dot(&Vector3::from(s.1.position_mm)));
            at.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), t| (l.min(t), h.max(t)))
        })
        .collect();
    ranges.sort_by(|a, b| a.0.total_cmp(&b.0));
    ranges.windows(2).any(|w| w[1].0 <= w[0].1 + tolerance_mm)
}

fn lies_alike(a: &Slice, b: &Slice) -> bool {
    let near = |x: &[f64], y: &[f64]| x.iter().zip(y).all(|(x, y)| (x - y).abs() <= SAME);
    (a.rows, a.columns) == (b.rows, b.columns)
        && near(&a.spacing_ij_mm, &b.spacing_ij_mm)
        && near(&a.along_i, &b.along_i)
        && near(&a.along_j, &b.along_j)
}

/// Leaves out every slice whose place and HU are those of one before it. Different pixels at one place stay, for
/// the stack's check to refuse.
fn without_twins(headers: Vec<&Header>, tolerance_mm: f64) -> (Vec<&Header>, usize) {
    let Ok(mut slices) = sliced(&headers) else { return (headers, 0) };
    let Some(first) = slices.first() else { return (headers, 0) };
    let normal = axes_of(first.1)[2];
    let along = |s: &Slice| normal.dot(&Vector3::from(s.position_mm));
    slices
        .sort_by(|a, b| along(a.1).total_cmp(&along(b.1)).then_with(|| a.0.short_hash.cmp(&b.0.short_hash)));
    let mut kept: Vec<(&Header, &Slice)> = Vec::with_capacity(slices.len());
    for s in slices {
        let twin = kept.iter().rev().take_while(|k| along(s.1) - along(k.1) <= tolerance_mm * 0.5).any(|k| {
            lies_alike(k.1, s.1)
                && (Vector3::from(k.1.position_mm) - Vector3::from(s.1.position_mm)).norm()
                    <= tolerance_mm * 0.5
                && same_hu(*k, s)
        });
        if !twin {
            kept.push(s);
        }
    }
    let twins = headers.len() - kept.len();
    if twins == 0 { (headers, 0) } else { (kept.into_iter().map(|s| s.0).collect(), twins) }
}

fn same_hu<'a>(a: (&'a Header, &'a Slice), b: (&'a Header, &'a Slice)) -> bool {
    let Ok((hu, _)) = read_hu(&bare(vec![a, b]), &Silent, |_, _| ()) else { return false };
    let (one, other) = hu.split_at(hu.len() / 2);
    one == other
}

/// Slices whose pixels alone are wanted.
pub fn bare<'a>(slices: Vec<(&'a Header, &'a Slice)>) -> Stack<'a> {
    let first = slices[0].1;
    let grid = Grid {
        dims: [first.columns, first.rows, slices.len()],
        spacing_mm: [first.spacing_ij_mm[0], first.spacing_ij_mm[1], 1.0],
        origin_lps_mm: Point::new(first.position_mm),
        axes_lps: axes_of(first).map(|v| Dir::new([v.x, v.y, v.z])),
    };
    Stack {
        slices,
        grid,
        along_mm: Vec::new(),
        beside_mm: Vec::new(),
        shear_deg: 0.0,
        even: true,
        step_mm_max: 0.0,
        thickness_mm: None,
        tilt_tag_deg: None,
    }
}

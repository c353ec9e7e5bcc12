//! Puts the slices of one series in order and checks that they make a straight, even stack.

use nalgebra::Vector3;

use super::error::ScanError;
use super::header::{Header, Slice};
use super::params::ScanParams;
use crate::model::{Dir, Grid, Point};

/// Fewer slices have no even step to check.
const SLICES_MIN: usize = 3;
/// 16 GB of HU; a head at 0.25 mm has a tenth of it.
const VOXELS_MAX: u64 = 8_000_000_000;
/// Attributes that must agree between slices are written with few digits; this is their rounding.
const SAME: f64 = 1e-4;

/// A checked series, in order along its normal.
pub struct Stack<'a> {
    /// Header and slice, first to last.
    pub slices: Vec<(&'a Header, &'a Slice)>,
    /// Where the voxels lie; i, j, k are right-handed.
    pub grid: Grid,
    /// Largest slice thickness written, mm.
    pub thickness_mm: Option<f64>,
    /// Gantry tilt as written, degrees.
    pub tilt_tag_deg: Option<f64>,
}

/// Orders and checks.
///
/// # Errors
/// Everything that makes the stack uneven, mixed, doubled, sheared or too small, naming the slice and the value.
pub fn stack<'a>(headers: &[&'a Header], params: &ScanParams) -> Result<Stack<'a>, ScanError> {
    // Before the order is known, a slice's number is its place in the folder.
    let mut slices: Vec<(&Header, &Slice)> = Vec::with_capacity(headers.len());
    for (number, h) in headers.iter().enumerate() {
        match &h.slice {
            Ok(s) => slices.push((h, s)),
            Err(fault) => return Err(fault.clone().of_slice(number + 1, &h.short_hash)),
        }
    }
    if slices.len() < SLICES_MIN {
        return Err(ScanError::TooFew { slices: slices.len(), min: SLICES_MIN });
    }
    let first = slices[0].1;
    let i = Vector3::from(first.along_i).normalize();
    let j = Vector3::from(first.along_j);
    let j = (j - i * i.dot(&j)).normalize();
    let normal = i.cross(&j);
    let along = |s: &Slice| normal.dot(&Vector3::from(s.position_mm));
    // Equal places keep the order of hashes, so that the error names the same slice every time.
    slices
        .sort_by(|a, b| along(a.1).total_cmp(&along(b.1)).then_with(|| a.0.short_hash.cmp(&b.0.short_hash)));
    same_in_all(&slices)?;
    let step_mm = even_steps(&slices, along, params.slice_position_mm_tolerance)?;
    straight(&slices, normal, params.slice_position_mm_tolerance)?;
    let (header, first) = slices[0];
    if step_mm > 10.0 {
        let expected = "a planning scan steps by less than 10 mm";
        let (attribute, value) = ("slice step in mm", format!("{step_mm:.3}"));
        return Err(ScanError::Bad {
            number: 1,
            short_hash: header.short_hash.clone(),
            attribute,
            value,
            expected,
        });
    }
    let grid = Grid {
        dims: [first.columns, first.rows, slices.len()],
        spacing_mm: [first.spacing_ij_mm[0], first.spacing_ij_mm[1], step_mm],
        origin_lps_mm: Point::new(first.position_mm),
        axes_lps: [i, j, normal].map(|v| Dir::new([v.x, v.y, v.z])),
    };
    let voxels = grid.dims.iter().map(|&n| n as u64).product();
    if voxels > VOXELS_MAX {
        return Err(ScanError::TooLarge { voxels, max: VOXELS_MAX });
    }
    let thickness_mm = slices.iter().filter_map(|s| s.1.thickness_mm).reduce(f64::max);
    Ok(Stack { tilt_tag_deg: first.tilt_deg, thickness_mm, grid, slices })
}

fn same_in_all(slices: &[(&Header, &Slice)]) -> Result<(), ScanError> {
    let (first_header, first) = slices[0];
    for (at, (header, s)) in slices.iter().enumerate().skip(1) {
        let (number, short_hash) = (at + 1, header.short_hash.clone());
        let identity = [
            ("patient", header.patient_id != first_header.patient_id),
            ("study", header.study_uid != first_header.study_uid),
            ("frame of reference", header.frame_of_reference != first_header.frame_of_reference),
        ];
        if let Some((what, _)) = identity.into_iter().find(|(_, differs)| *differs) {
            return Err(ScanError::MixedIdentity { number, short_hash, what });
        }
        let mixed = |attribute, value: String, first: String| ScanError::Mixed {
            number,
            short_hash: short_hash.clone(),
            attribute,
            value,
            first,
        };
        if (s.rows, s.columns) != (first.rows, first.columns) {
            let shown = |s: &Slice| format!("{} x {}", s.rows, s.columns);
            return Err(mixed("a matrix of", shown(s), shown(first)));
        }
        let apart = |a: &[f64], b: &[f64]| a.iter().zip(b).any(|(x, y)| (x - y).abs() > SAME);
        if apart(&s.spacing_ij_mm, &first.spacing_ij_mm) {
            let shown = |s: &Slice| format!("{:?} mm", s.spacing_ij_mm);
            return Err(mixed("pixel spacing", shown(s), shown(first)));
        }
        if apart(&s.along_i, &first.along_i) || apart(&s.along_j, &first.along_j) {
            let shown = |s: &Slice| format!("{:?} {:?}", s.along_i, s.along_j);
            return Err(mixed("orientation", shown(s), shown(first)));
        }
    }
    Ok(())
}

fn even_steps(
    slices: &[(&Header, &Slice)],
    along: impl Fn(&Slice) -> f64,
    tolerance_mm: f64,
) -> Result<f64, ScanError> {
    let t: Vec<f64> = slices.iter().map(|s| along(s.1)).collect();
    let mut gaps: Vec<f64> = t.windows(2).map(|w| w[1] - w[0]).collect();
    for (at, &gap_mm) in gaps.iter().enumerate() {
        // Half the tolerance: a step finer than the tolerance could not be told from a slice given twice.
        if gap_mm <= tolerance_mm * 0.5 {
            return Err(ScanError::Duplicate {
                number: at + 2,
                short_hash: slices[at + 1].0.short_hash.clone(),
                previous: at + 1,
                previous_hash: slices[at].0.short_hash.clone(),
                gap_mm,
                tolerance_mm: tolerance_mm * 0.5,
            });
        }
    }
    let each = gaps.clone();
    gaps.sort_by(f64::total_cmp);
    let usual_mm = gaps[gaps.len() / 2];
    let uneven = |at: usize, gap_mm: f64, step_mm: f64| ScanError::Uneven {
        number: at + 1,
        short_hash: slices[at].0.short_hash.clone(),
        gap_mm,
        step_mm,
        tolerance_mm,
    };
    // Twice: each of two positions may be off by the tolerance.
    if let Some(at) = each.iter().position(|g| (g - usual_mm).abs() > 2.0 * tolerance_mm) {
        return Err(uneven(at + 1, each[at], usual_mm));
    }
    let step_mm = (t[t.len() - 1] - t[0]) / (t.len() - 1) as f64;
    // Small unevenness adds up; no slice may end up elsewhere than the grid says.
    match (0..t.len()).find(|&m| (t[m] - t[0] - m as f64 * step_mm).abs() > tolerance_mm) {
        Some(m) => Err(uneven(m, t[m] - t[m - 1], step_mm)),
        None => Ok(step_mm),
    }
}

fn straight(slices: &[(&Header, &Slice)], normal: Vector3<f64>, tolerance_mm: f64) -> Result<(), ScanError> {
    let origin = Vector3::from(slices[0].1.position_mm);
    for (at, (header, s)) in slices.iter().enumerate() {
        let d = Vector3::from(s.position_mm) - origin;
        let up = d.dot(&normal);
        let drift_mm = (d - normal * up).norm();
        if drift_mm > tolerance_mm {
            let last = Vector3::from(slices[slices.len() - 1].1.position_mm) - origin;
            let shear_deg = (last - normal * last.dot(&normal)).norm().atan2(last.dot(&normal)).to_degrees();
            let tag = match s.tilt_deg {
                Some(t) => format!("; its header says gantry tilt {t} degrees"),
                None => String::new(),
            };
            let (number, short_hash) = (at + 1, header.short_hash.clone());
            return Err(ScanError::Sheared { number, short_hash, drift_mm, tolerance_mm, shear_deg, tag });
        }
    }
    Ok(())
}

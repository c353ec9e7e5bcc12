//! Puts the slices of one stack in order and says how they lie: straight and even, sheared, or uneven.

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
/// A planning scan steps by less; more is two stacks, or damage.
const STEP_MM_MAX: f64 = 10.0;
/// Gantries tilt by up to 30 degrees; more is damage.
const SHEAR_DEG_MAX: f64 = 45.0;

/// A checked stack, in order along its normal.
pub struct Stack<'a> {
    /// Header and slice, first to last.
    pub slices: Vec<(&'a Header, &'a Slice)>,
    /// Where the voxels would lie were the slices straight and even; i, j, k are right-handed. True as it stands
    /// where `beside_mm` is empty and `along_mm` is even.
    pub grid: Grid,
    /// Each slice's place along the normal, from the first, mm.
    pub along_mm: Vec<f64>,
    /// Each slice's place beside the normal through the first, along i and j, mm; empty where straight.
    pub beside_mm: Vec<[f64; 2]>,
    /// Angle between the line through the slices and their normal, degrees; 0 where straight.
    pub shear_deg: f64,
    /// False where steps differ by more than the tolerance and `scan.resample` lets that pass.
    pub even: bool,
    /// Largest step, mm.
    pub step_mm_max: f64,
    /// Largest slice thickness written, mm.
    pub thickness_mm: Option<f64>,
    /// Gantry tilt as written, degrees.
    pub tilt_tag_deg: Option<f64>,
}

/// Orders and checks.
///
/// # Errors
/// Everything that makes the stack mixed, doubled, bent, too small or (unless asked to resample) uneven, naming the
/// slice and the value.
pub fn stack<'a>(headers: &[&'a Header], params: &ScanParams) -> Result<Stack<'a>, ScanError> {
    let mut slices = sliced(headers)?;
    if slices.len() < SLICES_MIN {
        return Err(ScanError::TooFew { slices: slices.len(), min: SLICES_MIN });
    }
    let axes = axes_of(slices[0].1);
    let [i, j, normal] = axes;
    let along = |s: &Slice| normal.dot(&Vector3::from(s.position_mm));
    // Equal places keep the order of hashes, so that the error names the same slice every time.
    slices
        .sort_by(|a, b| along(a.1).total_cmp(&along(b.1)).then_with(|| a.0.short_hash.cmp(&b.0.short_hash)));
    same_in_all(&slices)?;
    written_directions(&slices, i, j)?;
    let tolerance_mm = params.slice_position_mm_tolerance;
    let t0 = along(slices[0].1);
    let along_mm: Vec<f64> = slices.iter().map(|s| along(s.1) - t0).collect();
    apart(&slices, &along_mm, tolerance_mm)?;
    let (step_mm, even) = match even_step(&slices, &along_mm, tolerance_mm) {
        Ok(step_mm) => (step_mm, true),
        Err(_) if params.resample => (usual_step(&along_mm), false),
        Err(e) => return Err(e),
    };
    let step_mm_max = along_mm.windows(2).map(|w| w[1] - w[0]).fold(0.0, f64::max);
    let (beside_mm, shear_deg) = drift(&slices, axes, &along_mm, tolerance_mm)?;
    let (header, first) = slices[0];
    if step_mm_max > STEP_MM_MAX {
        return Err(ScanError::Bad {
            number: 1,
            short_hash: header.short_hash.clone(),
            attribute: "slice step in mm",
            value: format!("{step_mm_max:.3}"),
            expected: "a planning scan steps by less than 10 mm",
        });
    }
    let grid = Grid {
        dims: [first.columns, first.rows, slices.len()],
        spacing_mm: [first.spacing_ij_mm[0], first.spacing_ij_mm[1], step_mm],
        origin_lps_mm: Point::new(first.position_mm),
        axes_lps: axes.map(|v| Dir::new([v.x, v.y, v.z])),
    };
    let voxels = grid.dims.iter().map(|&n| n as u64).product();
    if voxels > VOXELS_MAX {
        return Err(ScanError::TooLarge { voxels, max: VOXELS_MAX });
    }
    let thickness_mm = slices.iter().filter_map(|s| s.1.thickness_mm).reduce(f64::max);
    let tilt_tag_deg = first.tilt_deg;
    Ok(Stack { slices, grid, along_mm, beside_mm, shear_deg, even, step_mm_max, thickness_mm, tilt_tag_deg })
}

/// Headers that are slices.
///
/// # Errors
/// The fault of the first that is not. Before the order is known, a slice's number is its place in the folder.
pub fn sliced<'a>(headers: &[&'a Header]) -> Result<Vec<(&'a Header, &'a Slice)>, ScanError> {
    headers
        .iter()
        .enumerate()
        .map(|(at, h)| match &h.slice {
            Ok(s) => Ok((*h, s)),
            Err(fault) => Err(fault.clone().of_slice(at + 1, &h.short_hash)),
        })
        .collect()
}

/// i, j and their normal, orthonormal and right-handed. What cosines of few digits lack of a right angle is shared
/// by i and j alike.
pub fn axes_of(s: &Slice) -> [Vector3<f64>; 3] {
    let i = Vector3::from(s.along_i).normalize();
    let j = Vector3::from(s.along_j).normalize();
    let normal = i.cross(&j).normalize();
    // The bisector of i and j, and the direction at a right angle to it within their plane.
    let (between, across) = ((i + j).normalize(), (i - j).normalize());
    let half = std::f64::consts::FRAC_1_SQRT_2;
    [(between + across) * half, (between - across) * half, normal]
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

/// Patient Orientation names in letters what the cosines say in numbers; where both are written they must agree.
fn written_directions(
    slices: &[(&Header, &Slice)],
    i: Vector3<f64>,
    j: Vector3<f64>,
) -> Result<(), ScanError> {
    for (at, (header, _)) in slices.iter().enumerate() {
        let Some((row, column)) = header.patient_orientation.split_once('\\') else { continue };
        for (letters, axis) in [(row, i), (column, j)] {
            // The first letter is the main direction. 0.5: an axis may lean, and its letters with it.
            let towards = match letters.trim().chars().next() {
                Some('L') => axis.x,
                Some('R') => -axis.x,
                Some('P') => axis.y,
                Some('A') => -axis.y,
                Some('H') => axis.z,
                Some('F') => -axis.z,
                // Nothing written, or letters for animals.
                _ => continue,
            };
            if towards < 0.5 {
                return Err(ScanError::Bad {
                    number: at + 1,
                    short_hash: header.short_hash.clone(),
                    attribute: "Patient Orientation",
                    value: header.patient_orientation.clone(),
                    expected: "it must name the directions of Image Orientation (Patient), which here are others: \
                               one of the two was flipped",
                });
            }
        }
    }
    Ok(())
}

fn apart(slices: &[(&Header, &Slice)], along_mm: &[f64], tolerance_mm: f64) -> Result<(), ScanError> {
    // Half the tolerance: a step finer than the tolerance could not be told from a slice given twice.
    let least_mm = tolerance_mm * 0.5;
    match along_mm.windows(2).position(|w| w[1] - w[0] <= least_mm) {
        None => Ok(()),
        Some(at) => Err(ScanError::Duplicate {
            number: at + 2,
            short_hash: slices[at + 1].0.short_hash.clone(),
            previous: at + 1,
            previous_hash: slices[at].0.short_hash.clone(),
            gap_mm: along_mm[at + 1] - along_mm[at],
            tolerance_mm: least_mm,
        }),
    }
}

/// The middle one of all steps.
fn usual_step(along_mm: &[f64]) -> f64 {
    let mut gaps: Vec<f64> = along_mm.windows(2).map(|w| w[1] - w[0]).collect();
    gaps.sort_by(f64::total_cmp);
    gaps[gaps.len() / 2]
}

fn even_step(slices: &[(&Header, &Slice)], t: &[f64], tolerance_mm: f64) -> Result<f64, ScanError> {
    let usual_mm = usual_step(t);
    let uneven = |at: usize, gap_mm: f64, step_mm: f64| ScanError::Uneven {
        number: at + 1,
        short_hash: slices[at].0.short_hash.clone(),
        gap_mm,
        step_mm,
        tolerance_mm,
    };
    // Twice: each of two positions may be off by the tolerance.
    if let Some(at) = t.windows(2).position(|w| (w[1] - w[0] - usual_mm).abs() > 2.0 * tolerance_mm) {
        return Err(uneven(at + 1, t[at + 1] - t[at], usual_mm));
    }
    let step_mm = t[t.len() - 1] / (t.len() - 1) as f64;
    // Small unevenness adds up; no slice may end up elsewhere than the grid says.
    match (0..t.len()).find(|&m| (t[m] - m as f64 * step_mm).abs() > tolerance_mm) {
        Some(m) => Err(uneven(m, t[m] - t[m - 1], step_mm)),
        None => Ok(step_mm),
    }
}

/// Where the slices lie beside the normal through the first, and the angle of the line they lie on.
///
/// # Errors
/// [`ScanError::Sheared`] where they lie on no line, or lean too far.
fn drift(
    slices: &[(&Header, &Slice)],
    [i, j, _]: [Vector3<f64>; 3],
    t: &[f64],
    tolerance_mm: f64,
) -> Result<(Vec<[f64; 2]>, f64), ScanError> {
    let origin = Vector3::from(slices[0].1.position_mm);
    let beside: Vec<[f64; 2]> = slices
        .iter()
        .map(|(_, s)| Vector3::from(s.position_mm) - origin)
        .map(|d| [d.dot(&i), d.dot(&j)])
        .collect();
    if beside.iter().all(|b| b[0].hypot(b[1]) <= tolerance_mm) {
        return Ok((Vec::new(), 0.0));
    }
    let mean = |values: &dyn Fn(usize) -> f64| (0..t.len()).map(values).sum::<f64>() / t.len() as f64;
    let t_mean = mean(&|k| t[k]);
    let t_square = mean(&|k| (t[k] - t_mean).powi(2));
    let line: [(f64, f64); 2] = std::array::from_fn(|a| {
        let middle = mean(&|k| beside[k][a]);
        (middle, mean(&|k| (beside[k][a] - middle) * (t[k] - t_mean)) / t_square)
    });
    let shear_deg = line[0].1.hypot(line[1].1).atan().to_degrees();
    let off = |k: usize| {
        let from = |a: usize| beside[k][a] - line[a].0 - line[a].1 * (t[k] - t_mean);
        from(0).hypot(from(1))
    };
    let worst = (0..t.len()).max_by(|&a, &b| off(a).total_cmp(&off(b))).expect("there are slices");
    if off(worst) <= tolerance_mm && shear_deg <= SHEAR_DEG_MAX {
        return Ok((beside, shear_deg));
    }
    let (header, s) = slices[worst];
    let tag = match s.tilt_deg {
        Some(t) => format!("; its header says gantry tilt {t} degrees"),
        None => String::new(),
    };
    let (number, short_hash) = (worst + 1, header.short_hash.clone());
    Err(ScanError::Sheared { number, short_hash, drift_mm: off(worst), tolerance_mm, shear_deg, tag })
}

//! A mask from elsewhere that stands in for the bone.
//!
//! **In** a NIfTI, NRRD, DICOM Segmentation or InVesalius project with one mask, on any grid, and the scan. **Out** the
//! mask; and a volume made from it: its occupancy on the scan's grid, blurred, as if bone were 1000 HU and all else 0.
//! It takes the place of the scan's own; of a CT it goes beside, since there the mask selects only and the bone stage
//! places the edge by the HU where they show one near the mask's border (`bone/given.rs`).
//!
//! **Why not the scan's own HU** The surface of a mask by itself is a staircase of voxels; the scan's HU about the
//! mask's edge may be anything (that is often why it was drawn; in MRI they are no HU at all). Occupancy blurred by
//! 0.7 voxels and cut at one half is smooth, stays within a fraction of a voxel of the mask's faces, and every later
//! stage reads it as it reads HU. A wall one voxel thin keeps 0.57 at its middle and survives; a rod one voxel thin
//! does not. A ball of radius r shrinks by about σ²/r: 0.045 mm at 10 mm and 0.957 mm voxels.
//!
//! **Measured** On the real head (0.957 × 0.957 × 1.5 mm) with its own thresholded mask, as if it were no CT: the
//! surface encloses 590,639 mm³ where the mask's voxels fill 594,817, 0.02 mm inward on the mean over 213,599 mm². It
//! lies 0.40 mm outside the edge that the CT's half-maximum gives (mean; P5 to P95 −0.29 to 0.89), since a mask of 226
//! HU does: whoever draws by a threshold draws too large, and without HU the surface is as good as the mask.
//! With HU the surface is the one without a mask: P95 0.000, P99 0.53, mean 0.003 mm outward; 1.5 % of the border has
//! no edge within reach.

use std::path::Path;

use rayon::prelude::*;

use super::error::ScanError;
use super::source::{ContainerError, Kind, beside, kind_of_file};
use crate::formats::{FormatError, inv3, nifti, nrrd, seg};
use crate::model::{Finding, GivenMask, Grid, Mask, Point, Scan, Severity, Volume};

/// Blur of the occupancy, voxels along each axis.
const SIGMA_VOXELS: f64 = 0.7;
/// Voxels to either side; 0.02 % of the kernel lies beyond.
const RADIUS: usize = 3;
const BONE_HU: f32 = 1000.0;
/// Half-way: where the surface is placed.
pub const LEVEL_HU: f32 = 500.0;
/// Grids whose corners agree to this share of a voxel are one grid.
const SAME_VOXELS: f64 = 0.02;
/// A mask is finer than the scan by no more than this, per axis, that its voxels are all counted.
const FINER_MAX: f64 = 4.0;
/// Share of the mask beyond the scan that goes without a look.
const OUTSIDE_MAX: f64 = 0.001;
/// A drawing of which less lies within the scan was made elsewhere.
const DRAWN_INSIDE_MIN: f64 = 0.5;
/// Half a voxel: as sure as a mask's edge is. Fit is promised to this.
const EDGE_MM_MAX: f64 = 0.1;

struct Read {
    grid: Grid,
    voxels: Vec<u8>,
    frame_of_reference: Option<String>,
    /// The image it was drawn on, where the file holds it and does not say where in the scanner it lies.
    image: Option<Vec<i16>>,
    container: &'static str,
}

/// Puts the mask in the place of the scan's HU.
///
/// # Errors
/// [`ContainerError`] for a mask that does not read, holds several labels, is of another frame of reference or
/// misses the scan.
pub fn put_mask(scan: Scan, path: &Path) -> Result<Scan, ScanError> {
    let mut read = read(path)?;
    if let (Some(of_mask), Some(of_scan)) = (&read.frame_of_reference, &scan.frame_of_reference)
        && *of_mask != *of_scan
    {
        return Err(ContainerError::MaskFrame.into());
    }
    let count = read.voxels.iter().filter(|v| **v != 0).count();
    if count == 0 {
        return Err(ContainerError::MaskEmpty.into());
    }
    let grid = scan.volume.grid.clone();
    if let Some(image) = &read.image {
        if read.grid.dims != grid.dims || *image != scan.volume.hu {
            return Err(ContainerError::MaskOtherImage.into());
        }
        read.grid = grid.clone();
    }
    let mask_mm3 = count as f64 * read.grid.voxel_mm3();
    let same = same_grid(&read.grid, &grid);
    let occupancy: Vec<f32> = if same {
        read.voxels.iter().map(|&v| f32::from(u8::from(v != 0))).collect()
    } else {
        resampled(&read, &grid)
    };
    let voxels: Vec<u8> = occupancy.iter().map(|&o| u8::from(o >= 0.5)).collect();
    let mask = Mask { grid: grid.clone(), voxels };
    if mask.count() == 0 {
        return Err(ContainerError::MaskMisses { mask: extent(&read.grid), scan: extent(&grid) }.into());
    }
    let occupied_mm3 = occupancy.iter().map(|&o| f64::from(o)).sum::<f64>() * grid.voxel_mm3();
    let lost = 1.0 - occupied_mm3 / mask_mm3;
    let ct = scan.facts.modality == "CT";
    let made = field(&grid, &occupancy);
    let (hu, made_hu) = if ct { (scan.volume.hu, Some(made)) } else { (made, None) };
    let mut facts = scan.facts;
    facts.findings.extend(findings(&read, &grid, same, lost, ct));
    Ok(Scan {
        volume: Volume { grid, hu },
        facts,
        frame_of_reference: scan.frame_of_reference,
        given: Some(GivenMask { mask, level_hu: LEVEL_HU, made_hu }),
    })
}

/// A planner's region on the scan's grid: voxels that it fills by half or more.
///
/// # Errors
/// [`ContainerError`] as for a mask that stands in for the bone, and for one of which more than half lies beyond
/// the scan: it was drawn in another frame.
pub fn region_on(scan: &Scan, path: &Path) -> Result<Mask, ScanError> {
    let occupancy = occupancy_on(scan, path, "region")?;
    let voxels = occupancy.iter().map(|&o| u8::from(o >= 0.5)).collect();
    Ok(Mask { grid: scan.volume.grid.clone(), voxels })
}

/// What share of each voxel of the scan a drawing fills; `what` names it in messages.
pub(super) fn occupancy_on(scan: &Scan, path: &Path, what: &'static str) -> Result<Vec<f32>, ScanError> {
    drawn(scan, path).map_err(|e| ContainerError::Drawn { what, why: Box::new(e) }.into())
}

fn drawn(scan: &Scan, path: &Path) -> Result<Vec<f32>, ScanError> {
    let mut read = read(path)?;
    if let (Some(of_mask), Some(of_scan)) = (&read.frame_of_reference, &scan.frame_of_reference)
        && *of_mask != *of_scan
    {
        return Err(ContainerError::MaskFrame.into());
    }
    let grid = &scan.volume.grid;
    if let Some(image) = &read.image {
        if read.grid.dims != grid.dims || *image != scan.volume.hu {
            return Err(ContainerError::MaskOtherImage.into());
        }
        read.grid = grid.clone();
    }
    let count = read.voxels.iter().filter(|v| **v != 0).count();
    if count == 0 {
        return Err(ContainerError::MaskEmpty.into());
    }
    let occupancy: Vec<f32> = if same_grid(&read.grid, grid) {
        read.voxels.iter().map(|&v| f32::from(u8::from(v != 0))).collect()
    } else {
        resampled(&read, grid)
    };
    let inside_mm3 = occupancy.iter().map(|&o| f64::from(o)).sum::<f64>() * grid.voxel_mm3();
    let mask_mm3 = count as f64 * read.grid.voxel_mm3();
    if !occupancy.iter().any(|&o| o >= 0.5) || inside_mm3 < DRAWN_INSIDE_MIN * mask_mm3 {
        return Err(ContainerError::MaskMisses { mask: extent(&read.grid), scan: extent(grid) }.into());
    }
    Ok(occupancy)
}

/// The same, blurred as a mask is that stands in for the bone: one half lies on the drawing's faces.
pub(super) fn blurred_share(grid: &Grid, occupancy: &[f32]) -> Vec<f32> {
    field(grid, occupancy).into_par_iter().map(|hu| f32::from(hu) / BONE_HU).collect()
}

fn read(path: &Path) -> Result<Read, ScanError> {
    let no_mask = |e: std::io::Error| ContainerError::NoMask { reason: e.kind() };
    let meta = std::fs::metadata(path).map_err(no_mask)?;
    if !meta.is_file() {
        return Err(ContainerError::MaskKind.into());
    }
    let kind = kind_of_file(path).map_err(no_mask)?;
    let bytes = std::fs::read(path).map_err(no_mask)?;
    let of_mask = |e: FormatError| ContainerError::Mask(e);
    read_bytes(kind, &bytes, path.parent()).map_err(|e| e.map_or(ContainerError::MaskKind, of_mask).into())
}

/// `Err(None)`: no mask is read from this kind of file.
fn read_bytes(kind: Kind, bytes: &[u8], folder: Option<&Path>) -> Result<Read, Option<FormatError>> {
    let mut image = None;
    let (container, (grid, voxels), frame_of_reference) = match kind {
        Kind::Nifti => ("NIfTI", nifti::read_labels(bytes)?, None),
        Kind::Nrrd => ("NRRD", nrrd::read_labels(bytes, &|name| beside(folder, name))?, None),
        Kind::Dicom if seg::is_seg(&bytes[..bytes.len().min(1024)]) => {
            let s = seg::read_seg(bytes)?;
            ("DICOM Segmentation", (s.mask.grid, s.mask.voxels), Some(s.frame_of_reference))
        }
        Kind::Inv3 => {
            let (mask, hu) = inv3::read_mask(bytes)?;
            image = Some(hu);
            ("InVesalius project", (mask.grid, mask.voxels), None)
        }
        _ => return Err(None),
    };
    let mut there = [false; 256];
    voxels.iter().for_each(|&v| there[usize::from(v)] = true);
    let labels = there[1..].iter().filter(|t| **t).count();
    if labels > 1 {
        return Err(Some(FormatError::Value {
            format: container,
            what: "the number of labels".into(),
            found: labels.to_string(),
            expected: "one (which of them is bone is not guessed)".into(),
            remedy: "write the bone alone",
        }));
    }
    Ok(Read { grid, voxels, frame_of_reference, image, container })
}

/// For the fuzzer: the reader of masks, whatever the bytes are.
pub fn try_mask(bytes: &[u8]) {
    let kind = super::source::kind_of(&bytes[..bytes.len().min(1024)]);
    read_bytes(kind, bytes, None).ok();
}

fn same_grid(a: &Grid, b: &Grid) -> bool {
    let smallest = b.spacing_mm.iter().copied().fold(f64::INFINITY, f64::min);
    let corner = |g: &Grid, n: usize| {
        let ijk = [0, 1, 2].map(|axis| if n >> axis & 1 == 1 { (g.dims[axis] - 1) as f64 } else { 0.0 });
        g.patient_from_index(ijk).v()
    };
    a.dims == b.dims && (0..8).all(|n| (corner(a, n) - corner(b, n)).norm() <= SAME_VOXELS * smallest)
}

fn extent(grid: &Grid) -> String {
    let mut low = [f64::INFINITY; 3];
    let mut high = [f64::NEG_INFINITY; 3];
    for n in 0..8usize {
        let p: Point<_> = grid.patient_from_index(
            [0, 1, 2].map(|a| if n >> a & 1 == 1 { grid.dims[a] as f64 - 0.5 } else { -0.5 }),
        );
        for a in 0..3 {
            low[a] = low[a].min(p.mm[a]);
            high[a] = high[a].max(p.mm[a]);
        }
    }
    let span = |a: usize| format!("{:.0} to {:.0}", low[a], high[a]);
    format!("x {}, y {}, z {}", span(0), span(1), span(2))
}

/// Share of each voxel of `grid` that the mask fills: means of trilinear samples, as many as the mask is finer.
fn resampled(read: &Read, grid: &Grid) -> Vec<f32> {
    let from = &read.grid;
    let finest = from.spacing_mm.iter().copied().fold(f64::INFINITY, f64::min);
    let n: [usize; 3] = grid.spacing_mm.map(|s| (s / finest).round().clamp(1.0, FINER_MAX) as usize);
    let samples = (n[0] * n[1] * n[2]) as f64;
    let mut out = vec![0f32; grid.len()];
    out.par_chunks_mut(grid.dims[0]).enumerate().for_each(|(row, out)| {
        let (j, k) = (row % grid.dims[1], row / grid.dims[1]);
        for (i, out) in out.iter_mut().enumerate() {
            let mut sum = 0.0;
            for s in 0..n[0] * n[1] * n[2] {
                let sub = [s % n[0], s / n[0] % n[1], s / n[0] / n[1]];
                let ijk = [i, j, k];
                let at = [0, 1, 2].map(|a| ijk[a] as f64 + (sub[a] as f64 + 0.5) / n[a] as f64 - 0.5);
                sum += occupied(read, from.index_from_patient(grid.patient_from_index(at)));
            }
            *out = (sum / samples) as f32;
        }
    });
    out
}

/// Trilinear; nothing lies beyond the mask's grid.
fn occupied(read: &Read, index: [f64; 3]) -> f64 {
    let d = read.grid.dims;
    if (0..3).any(|a| !(index[a] > -1.0 && index[a] < d[a] as f64)) {
        return 0.0;
    }
    let base = index.map(f64::floor);
    let mut sum = 0.0;
    for n in 0..8usize {
        let mut w = 1.0;
        let mut ijk = [0usize; 3];
        for a in 0..3 {
            let t = index[a] - base[a];
            let high = n >> a & 1 == 1;
            w *= if high { t } else { 1.0 - t };
            let at = base[a] + if high { 1.0 } else { 0.0 };
            if at < 0.0 || at >= d[a] as f64 {
                w = 0.0;
            } else {
                ijk[a] = at as usize;
            }
        }
        if w > 0.0 && read.voxels[read.grid.at(ijk[0], ijk[1], ijk[2])] != 0 {
            sum += w;
        }
    }
    sum
}

/// HU of a body that is bone where the occupancy says so.
fn field(grid: &Grid, occupancy: &[f32]) -> Vec<i16> {
    let [ni, nj, nk] = grid.dims;
    let half: Vec<f32> =
        (0..=RADIUS).map(|n| (-0.5 * (n as f64 / SIGMA_VOXELS).powi(2)).exp() as f32).collect();
    let sum: f32 = half[0] + 2.0 * half[1..].iter().sum::<f32>();
    let half: Vec<f32> = half.iter().map(|w| w / sum).collect();
    // Beyond the scan its last voxels go on.
    let blur = |from: &[f32], stride: usize, n: usize| {
        let mut out = vec![0f32; from.len()];
        out.par_chunks_mut(ni).enumerate().for_each(|(row, out)| {
            for (i, out) in out.iter_mut().enumerate() {
                let at = row * ni + i;
                let here = at / stride % n;
                let back = |w: usize| from[at - w.min(here) * stride];
                let on = |w: usize| from[at + w.min(n - 1 - here) * stride];
                *out = half[0] * from[at] + (1..=RADIUS).map(|w| half[w] * (back(w) + on(w))).sum::<f32>();
            }
        });
        out
    };
    let blurred = blur(&blur(&blur(occupancy, 1, ni), ni, nj), ni * nj, nk);
    blurred.into_par_iter().map(|share| (share * BONE_HU).round() as i16).collect()
}

fn findings(read: &Read, grid: &Grid, same: bool, lost: f64, ct: bool) -> Vec<Finding> {
    let coarse = |g: &Grid| g.spacing_mm.iter().copied().fold(0.0, f64::max);
    let half_mm = 0.5 * coarse(&read.grid).max(coarse(grid));
    let more = if ct {
        " Where the CT shows bone's edge near the mask's border the edge is placed by its HU: bone.json (mask-edge) says \
         on how much of it."
    } else {
        " The scan is no CT: air, and with it the frontal sinus, is not seen."
    };
    let mut found = vec![
        Finding::new(
            "mask-given",
            Severity::Review,
            format!(
                "a {} mask stands in for the bone: its edge is as sure as half its voxel, {half_mm:.2} mm, and the fit \
                 to the patient no surer; compare the surface with the scan all round the defect.{more}",
                read.container
            ),
        )
        .measured(half_mm, EDGE_MM_MAX, "mm"),
    ];
    let shown = |g: &Grid| format!("{:?} at {:.3?} mm", g.dims, g.spacing_mm);
    if !same {
        found.push(Finding::new(
            "mask-resampled",
            Severity::Note,
            format!(
                "the mask's grid, {}, is not the scan's, {}; it was resampled by occupancy",
                shown(&read.grid),
                shown(grid)
            ),
        ));
    }
    if lost > OUTSIDE_MAX && !same {
        found.push(
            Finding::new(
                "mask-beyond-scan",
                Severity::Review,
                format!("{:.1} % of the mask lie beyond the scan and were cut off", lost * 100.0),
            )
            .measured(lost * 100.0, OUTSIDE_MAX * 100.0, "%"),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Dir;

    fn grid(n: usize, h: f64) -> Grid {
        let half = -((n - 1) as f64) * h / 2.0;
        Grid {
            dims: [n; 3],
            spacing_mm: [h; 3],
            origin_lps_mm: Point::new([half; 3]),
            axes_lps: [Dir::new([1.0, 0.0, 0.0]), Dir::new([0.0, 1.0, 0.0]), Dir::new([0.0, 0.0, 1.0])],
        }
    }

    #[test]
    fn a_ball_keeps_its_volume_and_a_plate_of_one_voxel_survives() {
        let g = grid(48, 0.9);
        let radius_mm = 15.0;
        let inside = |at: usize| g.patient_from_index(g.ijk(at).map(|n| n as f64)).v().norm() < radius_mm;
        let ball: Vec<f32> = (0..g.len()).map(|at| f32::from(u8::from(inside(at)))).collect();
        let hu = field(&g, &ball);
        // Along an axis the level is crossed within half a voxel of the sphere (its own voxels end so).
        let v = Volume { grid: g.clone(), hu };
        let mut radii = Vec::new();
        for (x, y, z) in
            [(1.0, 0.0, 0.0), (0.6, 0.8, 0.0), (0.48, 0.6, 0.64), (0.0, -0.6, 0.8), (-0.577, 0.577, 0.577)]
        {
            let at = |r: f64| v.hu_at(Point::new([x * r, y * r, z * r]));
            let mut r = 5.0;
            while at(r) >= f64::from(LEVEL_HU) {
                r += 0.01;
            }
            radii.push(r);
        }
        let mean = radii.iter().sum::<f64>() / radii.len() as f64;
        println!("radii {radii:?} mean {mean}");
        // σ²/r = 0.03 mm of shrinkage, and the voxel ball itself is off by some tenths of a voxel in each direction.
        assert!((mean - radius_mm).abs() < 0.2, "{mean}");
        let plate: Vec<f32> = (0..g.len()).map(|at| f32::from(u8::from(g.ijk(at)[2] == 20))).collect();
        let hu = field(&g, &plate);
        assert!(f32::from(hu[g.at(24, 24, 20)]) > LEVEL_HU);
        assert!(f32::from(hu[g.at(24, 24, 21)]) < LEVEL_HU);
    }

    #[test]
    fn a_mask_on_another_grid_lands_where_it_lies() {
        let fine = grid(60, 0.5);
        let box_mm =
            |p: Point<_>| p.mm[0] > -4.0 && p.mm[0] < 6.0 && p.mm[1].abs() < 5.0 && p.mm[2].abs() < 3.0;
        let voxels: Vec<u8> = (0..fine.len())
            .map(|at| u8::from(box_mm(fine.patient_from_index(fine.ijk(at).map(|n| n as f64)))))
            .collect();
        let read = Read { grid: fine, voxels, frame_of_reference: None, image: None, container: "NIfTI" };
        let coarse = grid(30, 1.0);
        let share = resampled(&read, &coarse);
        let mm3: f64 = share.iter().map(|&s| f64::from(s)).sum();
        // 10 x 10 x 6 mm.
        assert!((mm3 - 600.0).abs() < 30.0, "{mm3}");
        let at = |x: f64| {
            let i = coarse.index_from_patient(Point::new([x, 0.5, 0.5]));
            share[coarse.at(i[0].round() as usize, i[1].round() as usize, i[2].round() as usize)]
        };
        assert!(at(5.5) > 0.5 && at(6.5) < 0.5 && at(-3.5) > 0.5 && at(-4.5) < 0.5, "not mirrored");
        assert!(!same_grid(&read.grid, &coarse));
    }
}

//! Takes bone out of the scan that is still there, for an implant that is planned before the resection.
//!
//! **In** a mask on any grid, or a plane, and the scan. **Out** the scan with soft tissue where bone was: everything after
//! it sees the hole to come.
//!
//! **Method** HU above soft tissue fade to it by the share of a voxel that is cut, blurred over 0.7 voxels, so that the
//! half-maximum of the new edge lies where the cut was drawn.
//!
//! **Limits** The surgeon's cut decides the fit, not this one: always `review`. A mask's edge is as sure as half its voxel.
//! A plane cuts all that lies beyond it, neck and face too. Air is left alone.

use std::path::Path;

use rayon::prelude::*;

use super::error::ScanError;
use super::given::{blurred_share, occupancy_on};
use super::source::ContainerError;
use crate::model::{Dir, Finding, Patient, Point, Scan, Severity};

/// What stands where bone was: scar and brain.
const SOFT_HU: f64 = 40.0;

/// Everything on the side that the normal points to is cut away.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CutPlane {
    /// A place on the plane.
    pub at: Point<Patient>,
    /// Into what is cut away.
    pub normal: Dir<Patient>,
}

/// Cuts what lies in the mask or beyond the plane, or both.
///
/// # Errors
/// [`ContainerError`] for a mask that does not read or lies elsewhere, and where no bone is cut at all.
pub fn resect(
    mut scan: Scan,
    mask: Option<&Path>,
    plane: Option<&CutPlane>,
    bone_hu: f64,
) -> Result<Scan, ScanError> {
    let grid = scan.volume.grid.clone();
    let mut share: Vec<f32> = match mask {
        Some(path) => blurred_share(&grid, &occupancy_on(&scan, path, "resection")?),
        None => vec![0.0; grid.len()],
    };
    if let Some(plane) = plane {
        let n = plane.normal.v();
        // Width of a voxel across the plane: the ramp is as wide as the blur of a drawn mask.
        let width_mm: f64 =
            (0..3).map(|a| (grid.axes_lps[a].v().dot(&n) * grid.spacing_mm[a]).abs()).sum::<f64>().max(1e-6);
        share.par_iter_mut().enumerate().for_each(|(at, s)| {
            let p = grid.patient_from_index(grid.ijk(at).map(|i| i as f64)).v();
            let beyond_mm = (p - plane.at.v()).dot(&n);
            *s = s.max((0.5 + beyond_mm / (2.0 * width_mm)).clamp(0.0, 1.0) as f32);
        });
    }
    let cut: usize = scan
        .volume
        .hu
        .par_iter_mut()
        .zip(&share)
        .map(|(hu, &share)| {
            let was = f64::from(*hu);
            if was <= SOFT_HU || share == 0.0 {
                return 0;
            }
            *hu = (was + (SOFT_HU - was) * f64::from(share)).round() as i16;
            usize::from(was >= bone_hu && share >= 0.5)
        })
        .sum();
    let cut_cm3 = cut as f64 * grid.voxel_mm3() / 1000.0;
    if cut == 0 {
        return Err(ContainerError::ResectionNothing { bone_hu }.into());
    }
    scan.facts.findings.push(
        Finding::new(
            "resection-planned",
            Severity::Review,
            format!(
                "{cut_cm3:.1} cm3 of bone that are still there were cut out of the scan as drawn, and the implant is planned \
                 for the hole to come: it fits only if the surgeon cuts there to within the gap; plan the guide with it"
            ),
        )
        .measured(cut_cm3, 0.0, "cm3"),
    );
    Ok(scan)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Grid, ScanFacts, Volume};

    /// A plate of bone, 6 mm thick about z = 0, in soft tissue.
    fn plate() -> Scan {
        let grid = Grid {
            dims: [40, 40, 30],
            spacing_mm: [0.8; 3],
            origin_lps_mm: Point::new([-15.6, -15.6, -11.6]),
            axes_lps: [Dir::new([1.0, 0.0, 0.0]), Dir::new([0.0, 1.0, 0.0]), Dir::new([0.0, 0.0, 1.0])],
        };
        let hu = (0..grid.len())
            .map(|at| {
                let p = grid.patient_from_index(grid.ijk(at).map(|n| n as f64));
                if p.mm[2].abs() < 3.0 { 1240 } else { 40 }
            })
            .collect();
        let facts = ScanFacts {
            schema: String::new(),
            pseudonym: String::new(),
            series: String::new(),
            modality: "CT".into(),
            scanner: String::new(),
            kernel: String::new(),
            slices: 30,
            grid: grid.clone(),
            hu_min: 40,
            hu_max: 1240,
            blur_fwhm_mm: None,
            resampled: None,
            chosen_because: String::new(),
            findings: Vec::new(),
        };
        Scan { volume: Volume { grid, hu }, facts, frame_of_reference: None, given: None }
    }

    #[test]
    fn a_plane_cuts_at_its_half_maximum_and_asks_for_a_person() {
        let plane = CutPlane { at: Point::new([2.3, 0.0, 0.0]), normal: Dir::new([1.0, 0.0, 0.0]) };
        let scan = resect(plate(), None, Some(&plane), 226.0).expect("bone is cut");
        let level = 0.5 * (1240.0 + 40.0);
        let at = |x: f64| scan.volume.hu_at(Point::new([x, 0.0, 0.0])) - level;
        // Linear between voxels: the level is crossed where the plane is, to the rounding of HU.
        assert!(at(2.28) > 0.0 && at(2.32) < 0.0, "{} {}", at(2.28), at(2.32));
        assert!(at(-3.0) > 590.0 && at(8.0) < -590.0);
        let f = &scan.facts.findings[0];
        assert_eq!((f.id.as_str(), f.severity), ("resection-planned", Severity::Review));
        // 13.7 x 32 x 6.4 mm: seven or eight layers of 0.8 mm.
        assert!((2.3..3.2).contains(&f.measured.expect("a volume")), "{f:?}");
    }

    #[test]
    fn a_plane_that_cuts_no_bone_is_refused() {
        let plane = CutPlane { at: Point::new([0.0, 0.0, 8.0]), normal: Dir::new([0.0, 0.0, 1.0]) };
        let said = resect(plate(), None, Some(&plane), 226.0).expect_err("above the plate").to_string();
        assert!(said.contains("cuts no bone"), "{said}");
    }
}

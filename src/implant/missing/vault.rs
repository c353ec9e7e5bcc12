//! Where the vault is: its endocranial centre, its lower border, its rough form.

use nalgebra::{DMatrix, DVector, Matrix3, Matrix4, Vector3, Vector4};
use rayon::prelude::*;

use super::MissingError;
use super::chart::Chart;
use super::params::MissingParams;
use super::rays::{BoneField, Profile, Shell};
use crate::model::Bone;

/// Outer table may depart this far from the rough form and still be the vault's, mm.
pub(super) const SHELL_WITHIN_MM: f64 = 14.0;
/// Angular step of the map of the whole vault, rad (1.1 degrees, about 1.5 mm).
const VAULT_STEP_RAD: f64 = 0.019;
/// The map of the whole vault reaches this far from straight up, rad.
const VAULT_HALF_ANGLE_RAD: f64 = 2.15;

/// Axes in which the vault's lower border is described, and the border.
#[derive(Clone, Debug)]
pub(super) struct VaultZone {
    /// To the patient's left, to the back, up: orthonormal.
    pub(super) axes: [Vector3<f64>; 3],
    elevation_rad: [f64; 3],
}

impl VaultZone {
    /// `left` is the normal of the plane of symmetry (or patient x before that is known).
    pub(super) fn new(left: Vector3<f64>, params: &MissingParams) -> Self {
        let left = left.normalize();
        let up = (Vector3::z() - left * left.z).normalize();
        Self { axes: [left, up.cross(&left), up], elevation_rad: params.vault_elevation_rad() }
    }

    /// Azimuth from straight ahead, positive to the patient's left, and elevation; rad.
    pub(super) fn azimuth_elevation(&self, d: Vector3<f64>) -> (f64, f64) {
        let [left, back, up] = self.axes;
        (d.dot(&left).atan2(-d.dot(&back)), d.dot(&up).clamp(-1.0, 1.0).asin())
    }

    /// Elevation of the lower border at an azimuth: level over the orbits, falling to the ears, then to the nape.
    pub(super) fn border_rad(&self, azimuth: f64) -> f64 {
        let [front, side, back] = self.elevation_rad;
        // 45, 75, 105, 140 degrees: lateral orbital rim, pterion, ear, lambdoid suture on two skulls.
        let knots = [(0.0, front), (45.0, front), (75.0, side), (105.0, side), (140.0, back), (180.0, back)];
        let x = azimuth.abs().to_degrees();
        let mut value = back;
        for w in knots.windows(2) {
            let ((x0, y0), (x1, y1)) = (w[0], w[1]);
            if x >= x0 && x <= x1 {
                value = y0 + (y1 - y0) * (x - x0) / (x1 - x0);
            }
        }
        value
    }

    /// True above the border.
    pub(super) fn contains(&self, d: Vector3<f64>) -> bool {
        let (azimuth, elevation) = self.azimuth_elevation(d);
        elevation >= self.border_rad(azimuth)
    }

    /// A frontal sinus can be met only here; elsewhere air between bones is outside the skull or in an ear.
    pub(super) fn may_hold_sinus(&self, d: Vector3<f64>) -> bool {
        let (azimuth, elevation) = self.azimuth_elevation(d);
        azimuth.abs() < 50f64.to_radians() && (-25f64..50.0).contains(&elevation.to_degrees())
    }
}

/// Even directions over the sphere (Fibonacci lattice).
fn lattice(count: usize) -> impl Iterator<Item = Vector3<f64>> {
    (0..count).map(move |i| {
        let z = 1.0 - (2.0 * i as f64 + 1.0) / count as f64;
        let turn = std::f64::consts::PI * (1.0 + 5f64.sqrt()) * (i as f64 + 0.5);
        let across = (1.0 - z * z).sqrt();
        Vector3::new(across * turn.cos(), across * turn.sin(), z)
    })
}

/// Endocranial centre: the middle of the sphere that fits the inner table of the vault best. The table is taken
/// down to nine tenths of the sphere's radius below its top, so that the base does not pull.
pub(super) fn find_centre(field: &BoneField<'_>, bone: &Bone) -> Result<(Vector3<f64>, f64), MissingError> {
    let mut radius_mm = 72.0; // of an adult; replaced by the fit
    let mut centre = first_centre(bone)?;
    let up: Vec<Vector3<f64>> = lattice(4000).filter(|d| d.z > -0.35).collect();
    for _ in 0..6 {
        let places: Vec<Vector3<f64>> = up
            .par_iter()
            .filter_map(|d| {
                let profile = field.cast(centre, *d, false);
                let shell = profile.shells.iter().find(|s| s.outer_mm < profile.scan_end_mm - 1.0)?;
                Some(centre + d * shell.inner_mm)
            })
            .collect();
        // Third highest: one stray piece of bone above the head must not move it.
        let mut heights: Vec<f64> = places.iter().map(|p| p.z).collect();
        heights.sort_by(f64::total_cmp);
        let Some(top) = heights.len().checked_sub(3).map(|at| heights[at]) else {
            return Err(MissingError::NoVault { cells: places.len() });
        };
        let cap: Vec<Vector3<f64>> = places.into_iter().filter(|p| p.z > top - 0.9 * radius_mm).collect();
        let Some((c, r)) = robust_sphere(&cap) else {
            return Err(MissingError::NoVault { cells: cap.len() });
        };
        // Heads are longer than wide: outside this range the fit caught something else.
        if !(45.0..110.0).contains(&r) {
            return Err(MissingError::VaultSize { radius_mm: r });
        }
        let moved = (c - centre).norm();
        (centre, radius_mm) = (c, r);
        if moved < 0.2 {
            break;
        }
    }
    Ok((centre, radius_mm))
}

/// A place inside the upper part of the mask's box.
fn first_centre(bone: &Bone) -> Result<Vector3<f64>, MissingError> {
    let grid = &bone.mask.grid;
    let places = |from: f64| {
        let mut low = Vector3::repeat(f64::INFINITY);
        let mut high = Vector3::repeat(f64::NEG_INFINITY);
        let mut count = 0usize;
        // Every third voxel of a row is enough for a box.
        for at in (0..bone.mask.voxels.len()).step_by(3).filter(|&at| bone.mask.voxels[at] != 0) {
            let p = grid.patient_from_index(grid.ijk(at).map(|i| i as f64)).v();
            if p.z >= from {
                (low, high) = (low.inf(&p), high.sup(&p));
                count += 1;
            }
        }
        (low, high, count)
    };
    let (_, high, count) = places(f64::NEG_INFINITY);
    if count < 1000 {
        return Err(MissingError::NoVault { cells: count });
    }
    let (low, high, _) = places(high.z - 75.0);
    Ok(Vector3::new(0.5 * (low.x + high.x), 0.5 * (low.y + high.y), high.z - 75.0))
}

/// Least-squares sphere, twice without the worst: |p|² = 2 c·p + (r² − |c|²).
fn robust_sphere(places: &[Vector3<f64>]) -> Option<(Vector3<f64>, f64)> {
    let mut keep: Vec<bool> = vec![true; places.len()];
    let mut fit = None;
    for _ in 0..4 {
        let mut m = Matrix4::zeros();
        let mut rhs = Vector4::zeros();
        let mut count = 0;
        for (p, _) in places.iter().zip(&keep).filter(|(_, k)| **k) {
            let row = Vector4::new(2.0 * p.x, 2.0 * p.y, 2.0 * p.z, 1.0);
            m += row * row.transpose();
            rhs += row * p.norm_squared();
            count += 1;
        }
        if count < 200 {
            return None;
        }
        let s = m.lu().solve(&rhs)?;
        let c = Vector3::new(s.x, s.y, s.z);
        let r = (s.w + c.norm_squared()).sqrt();
        let miss: Vec<f64> = places.iter().map(|p| ((p - c).norm() - r).abs()).collect();
        let mut sorted = miss.clone();
        sorted.sort_by(f64::total_cmp);
        let limit_mm = 3.0 * sorted[sorted.len() / 2] + 1.0;
        keep = miss.iter().map(|&e| e <= limit_mm).collect();
        fit = Some((c, r));
    }
    fit.filter(|(c, r)| c.iter().all(|x| x.is_finite()) && r.is_finite())
}

/// Smooth form of the vault's outer table: a polynomial of degree four in the direction, 25 terms.
pub(super) struct RoughForm {
    terms: DVector<f64>,
}

fn monomials(d: Vector3<f64>) -> [f64; 25] {
    // All monomials of degree four and of degree three: together they span the harmonics up to degree four.
    let (x, y, z) = (d.x, d.y, d.z);
    let (p, q, s) = (
        [1.0, x, x * x, x.powi(3), x.powi(4)],
        [1.0, y, y * y, y.powi(3), y.powi(4)],
        [1.0, z, z * z, z.powi(3), z.powi(4)],
    );
    let mut out = [0.0; 25];
    let mut at = 0;
    for degree in [3usize, 4] {
        for i in 0..=degree {
            for j in 0..=degree - i {
                out[at] = p[i] * q[j] * s[degree - i - j];
                at += 1;
            }
        }
    }
    out
}

impl RoughForm {
    /// Radius expected along `d`, mm.
    pub(super) fn radius_mm(&self, d: Vector3<f64>) -> f64 {
        monomials(d).iter().zip(self.terms.iter()).map(|(m, t)| m * t).sum()
    }

    fn fit(samples: &[(Vector3<f64>, f64)]) -> Option<Self> {
        let mut form: Option<Self> = None;
        for _ in 0..6 {
            let limit_mm = form.as_ref().map(|f| {
                let mut miss: Vec<f64> = samples.iter().map(|(d, r)| (f.radius_mm(*d) - r).abs()).collect();
                miss.sort_by(f64::total_cmp);
                2.5 * miss[miss.len() / 2] + 0.5
            });
            let mut m = DMatrix::zeros(25, 25);
            let mut rhs = DVector::zeros(25);
            for (d, r) in samples {
                if let (Some(f), Some(limit_mm)) = (&form, limit_mm)
                    && (f.radius_mm(*d) - r).abs() > limit_mm
                {
                    continue;
                }
                let row = DVector::from_row_slice(&monomials(*d));
                m.ger(1.0, &row, &row, 1.0);
                rhs.axpy(*r, &row, 1.0);
            }
            // A trace of damping: nothing below the vault's border pins the polynomial.
            let damping = 1e-4 * samples.len() as f64 / 25.0;
            for i in 0..25 {
                m[(i, i)] += damping;
            }
            form = Some(Self { terms: m.cholesky()?.solve(&rhs) });
        }
        form
    }
}

/// The whole vault as radii on one chart about straight up.
pub(super) struct VaultMap {
    pub(super) chart: Chart,
    pub(super) shells: Vec<Option<Shell>>,
    /// Bone too thin for its level still shows in the mask.
    pub(super) thin: Vec<bool>,
    /// The ray leaves the scan before it reaches the vault.
    pub(super) outside: Vec<bool>,
    /// Outer radius, mm; NaN where there is no shell.
    pub(super) outer_mm: Vec<f64>,
    pub(super) form: RoughForm,
}

impl VaultMap {
    /// Casts the chart's rays and chooses on each the shell that belongs to the vault.
    pub(super) fn new(
        field: &BoneField<'_>,
        centre: Vector3<f64>,
        radius_mm: f64,
        zone: &VaultZone,
    ) -> Result<Self, MissingError> {
        let chart = Chart::new(centre, Vector3::z(), VAULT_HALF_ANGLE_RAD, VAULT_STEP_RAD);
        let profiles: Vec<Option<Profile>> = (0..chart.len())
            .into_par_iter()
            .map(|at| {
                let d = chart.direction_at(at);
                (chart.angle_at(at) <= VAULT_HALF_ANGLE_RAD)
                    .then(|| field.cast(centre, d, zone.may_hold_sinus(d)))
            })
            .collect();
        let form = rough_form(&chart, &profiles, radius_mm, zone)?;
        let mut map = Self {
            shells: vec![None; chart.len()],
            thin: vec![false; chart.len()],
            outside: vec![true; chart.len()],
            outer_mm: vec![f64::NAN; chart.len()],
            form,
            chart,
        };
        for (at, profile) in profiles.iter().enumerate() {
            let Some(profile) = profile else { continue };
            let expected_mm = map.form.radius_mm(map.chart.direction_at(at));
            let seen = profile.scan_end_mm > expected_mm + 3.0;
            map.outside[at] = !seen;
            map.shells[at] = profile
                .nearest_shell(expected_mm, SHELL_WITHIN_MM)
                .filter(|s| s.outer_mm < profile.scan_end_mm - 0.5);
            map.thin[at] =
                profile.has_mask_between(expected_mm - SHELL_WITHIN_MM - 4.0, expected_mm + SHELL_WITHIN_MM);
            if let Some(shell) = map.shells[at] {
                map.outer_mm[at] = shell.outer_mm;
            }
        }
        Ok(map)
    }

    /// True where the ray meets bone of the vault.
    pub(super) fn has_bone(&self, at: usize) -> bool {
        self.shells[at].is_some() || self.thin[at]
    }
}

/// First the shell nearest to the sphere, then the one nearest to the form so far, three times.
fn rough_form(
    chart: &Chart,
    profiles: &[Option<Profile>],
    radius_mm: f64,
    zone: &VaultZone,
) -> Result<RoughForm, MissingError> {
    let mut form: Option<RoughForm> = None;
    for _ in 0..3 {
        // Every second cell of every second row: 25 terms need no more.
        let samples: Vec<(Vector3<f64>, f64)> = (0..chart.n)
            .step_by(2)
            .flat_map(|b| (0..chart.n).step_by(2).map(move |a| (a, b)))
            .filter_map(|(a, b)| {
                let at = b * chart.n + a;
                let d = chart.direction_at(at);
                let profile = profiles[at].as_ref().filter(|_| zone.contains(d))?;
                let (expected_mm, within_mm) =
                    form.as_ref().map_or((radius_mm + 8.0, 40.0), |f| (f.radius_mm(d), SHELL_WITHIN_MM));
                let shell = profile.nearest_shell(expected_mm, within_mm)?;
                (shell.outer_mm < profile.scan_end_mm - 0.5).then_some((d, shell.outer_mm))
            })
            .collect();
        if samples.len() < 1000 {
            return Err(MissingError::NoVault { cells: samples.len() });
        }
        form = RoughForm::fit(&samples);
        if form.is_none() {
            return Err(MissingError::NoVault { cells: samples.len() });
        }
    }
    form.ok_or(MissingError::NoVault { cells: 0 })
}

/// Reflection in the plane `normal · p = offset_mm`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mirror {
    pub(super) normal: Vector3<f64>,
    pub(super) offset_mm: f64,
}

impl Mirror {
    pub(super) fn place(&self, p: Vector3<f64>) -> Vector3<f64> {
        p - self.normal * (2.0 * (self.normal.dot(&p) - self.offset_mm))
    }

    pub(super) fn direction(&self, d: Vector3<f64>) -> Vector3<f64> {
        (Matrix3::identity() - self.normal * self.normal.transpose() * 2.0) * d
    }
}

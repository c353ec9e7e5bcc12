//! Closed forms: ellipsoids, and the radii of the two tables as polynomials of the direction.

use nalgebra::Vector3;

use crate::geometry::random::Random;

/// An ellipsoid with axes along x, y, z.
#[derive(Clone, Copy, Debug)]
pub struct Ellipsoid {
    pub centre: [f64; 3],
    pub semi: [f64; 3],
}

impl Ellipsoid {
    /// Distance to first order, mm, negative inside; its zero is exact.
    pub fn value(&self, p: &Vector3<f64>) -> f64 {
        let q: [f64; 3] = std::array::from_fn(|a| (p[a] - self.centre[a]) / self.semi[a]);
        let s = (q[0] * q[0] + q[1] * q[1] + q[2] * q[2]).sqrt();
        let g: [f64; 3] = std::array::from_fn(|a| q[a] / self.semi[a]);
        let slope = (g[0] * g[0] + g[1] * g[1] + g[2] * g[2]).sqrt() / s;
        // At the very centre the slope is 0/0; any large negative value is right there.
        if s < 1e-9 { -self.semi[0].min(self.semi[1]).min(self.semi[2]) } else { (s - 1.0) / slope }
    }

    pub fn grown(&self, mm: f64) -> Self {
        Self { centre: self.centre, semi: self.semi.map(|s| s + mm) }
    }

    /// True where a ball about `p` may meet the ellipsoid (by their boxes).
    pub fn near(&self, p: &Vector3<f64>, reach: f64) -> bool {
        (0..3).all(|a| (p[a] - self.centre[a]).abs() <= self.semi[a] + reach)
    }
}

/// Semi-axes of the outer table, mm: half of 150 × 185, 82 above and 50 below the centre.
const HALF_WIDTH_MM: f64 = 75.0;
const HALF_LENGTH_MM: f64 = 92.5;
const ABOVE_MM: f64 = 82.0;
const BELOW_MM: f64 = 50.0;
/// RMS of the odd part over the vault, mm.
const ODD_RMS_MM: f64 = 0.95;
/// RMS of the seeded even part over the vault, mm.
const EVEN_RMS_MM: f64 = 0.7;
/// Where the frontal bone is thick enough to hold a sinus: direction, added thickness, width as a cosine scale.
pub const SINUS_TOWARDS: [f64; 3] = [0.0, -0.985, 0.17];
const SINUS_THICKER_MM: f64 = 5.0;

const EVEN: usize = 9;
const ODD: usize = 7;
const THICK: usize = 6;

/// Outer and inner table as radii about the endocranial centre.
#[derive(Clone, Debug)]
pub struct Tables {
    even: [f64; EVEN],
    odd: [f64; ODD],
    thick: [f64; THICK],
}

fn even_terms(u: &Vector3<f64>) -> [f64; EVEN] {
    let (y, z) = (u.y, u.z);
    let (yy, zz) = (y * y, z * z);
    [
        yy - 1.0 / 3.0,
        zz - 1.0 / 3.0,
        y * z,
        y * (5.0 * yy - 3.0),
        z * (5.0 * zz - 3.0),
        y * (5.0 * zz - 1.0),
        z * (5.0 * yy - 1.0),
        y * z * (7.0 * zz - 3.0),
        yy * zz - 1.0 / 15.0,
    ]
}

fn odd_terms(u: &Vector3<f64>) -> [f64; ODD] {
    let (x, y, z) = (u.x, u.y, u.z);
    [
        x * y,
        x * z,
        x * y * z,
        x * (5.0 * z * z - 1.0),
        x * (5.0 * y * y - 1.0),
        x * y * (7.0 * z * z - 1.0),
        x * z * (7.0 * y * y - 1.0),
    ]
}

fn thick_terms(u: &Vector3<f64>) -> [f64; THICK] {
    let (x, y, z) = (u.x, u.y, u.z);
    [x, y, z, x * y, y * z, x * x - z * z]
}

fn dot<const N: usize>(a: &[f64; N], b: &[f64; N]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl Tables {
    pub fn new(random: &mut Random) -> Self {
        // Degree 2 counts less: most of it is a turn of the head, which a symmetry plane takes away again.
        let odd_weight = [0.3, 0.3, 1.5, 0.7, 0.7, 0.7, 0.7];
        let mut tables = Self {
            even: std::array::from_fn(|_| random.normal()),
            odd: odd_weight.map(|w| w * random.normal()),
            thick: std::array::from_fn(|_| random.normal()),
        };
        let vault: Vec<Vector3<f64>> = sphere(2000).into_iter().filter(|u| u.z > 0.0).collect();
        let rms = |f: &dyn Fn(&Vector3<f64>) -> f64| {
            (vault.iter().map(|u| f(u).powi(2)).sum::<f64>() / vault.len() as f64).sqrt()
        };
        let even = EVEN_RMS_MM / rms(&|u| dot(&tables.even, &even_terms(u)));
        let odd = ODD_RMS_MM / rms(&|u| dot(&tables.odd, &odd_terms(u)));
        let thick = 1.0 / rms(&|u| dot(&tables.thick, &thick_terms(u)));
        tables.even = tables.even.map(|c| c * even);
        tables.odd = tables.odd.map(|c| c * odd);
        tables.thick = tables.thick.map(|c| c * thick);
        tables
    }

    pub fn outer(&self, u: &Vector3<f64>) -> f64 {
        // From the upper to the lower half-axis without a seam in any derivative.
        let up = 0.5 * (1.0 + u.z / (u.z * u.z + 0.05).sqrt());
        let high =
            1.0 / (BELOW_MM * BELOW_MM) + up * (1.0 / (ABOVE_MM * ABOVE_MM) - 1.0 / (BELOW_MM * BELOW_MM));
        let q = u.x * u.x / (HALF_WIDTH_MM * HALF_WIDTH_MM)
            + u.y * u.y / (HALF_LENGTH_MM * HALF_LENGTH_MM)
            + u.z * u.z * high;
        // 5 mm: broader at the back than at the front, as heads are.
        q.sqrt().recip()
            + 5.0 * u.y * u.x * u.x
            // 16: up to 4 mm fuller half-way up than an ellipsoid, as vaults are.
            + 16.0 * up * u.z * u.z * (1.0 - u.z * u.z)
            + dot(&self.even, &even_terms(u))
            + dot(&self.odd, &odd_terms(u))
    }

    /// Radial thickness, mm: 4 to 8, more where the frontal sinus lies.
    pub fn thickness(&self, u: &Vector3<f64>) -> f64 {
        let t = dot(&self.thick, &thick_terms(u));
        // 27: the bump falls to a half at 13 degrees.
        let away = 1.0 - u.dot(&Vector3::from(SINUS_TOWARDS).normalize());
        6.0 + 1.9 * t / (1.0 + t * t).sqrt() + SINUS_THICKER_MM * (-27.0 * away).exp()
    }
}

/// `n` directions spread evenly over the sphere (Fibonacci spiral).
pub fn sphere(n: usize) -> Vec<Vector3<f64>> {
    let golden = std::f64::consts::PI * (3.0 - 5f64.sqrt());
    (0..n)
        .map(|i| {
            let z = 1.0 - (2.0 * i as f64 + 1.0) / n as f64;
            let r = (1.0 - z * z).sqrt();
            let phi = golden * i as f64;
            Vector3::new(r * phi.cos(), r * phi.sin(), z)
        })
        .collect()
}

//! Shapes of virtual craniectomies: where, how large, with what wall.

use nalgebra::Vector3;

use crate::geometry::random::Random;

/// How the wall was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Wall {
    /// Along rays from the middle of the head.
    Kerf,
    /// A sphere and smaller ones on it, deformed: the way SkullBreak's defects were made.
    Spherical,
    /// Wider outside, 30 degrees from the ray.
    Bevel,
    /// As `Kerf`, with a wavy outline.
    Ragged,
    /// As `Kerf`; the outer table about it has sunk by up to 2.5 mm within 6 mm, as measured on a real head.
    Healed,
}

/// All walls, in the order of the tables.
pub const WALLS: [Wall; 5] = [Wall::Kerf, Wall::Spherical, Wall::Bevel, Wall::Ragged, Wall::Healed];
/// Areas asked for, cm².
pub const AREAS_CM2: [f64; 5] = [10.0, 30.0, 60.0, 100.0, 140.0];

/// A place on the vault.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    /// As the tables name it.
    pub name: &'static str,
    /// From straight ahead, positive to the patient's left, degrees.
    pub azimuth_deg: f64,
    /// Above the horizontal through the middle of the head, degrees.
    pub elevation_deg: f64,
    /// Width from side to side over height.
    pub aspect: f64,
    /// Smaller than this it would not be called so, cm².
    pub area_cm2_min: f64,
}

/// The sites. Directions are those of an average head; every cut is moved about them by its seed.
pub const SITES: [Site; 11] = [
    site("frontal", 38.0, 30.0, 1.1, 0.0),
    site("frontal midline", 0.0, 32.0, 1.2, 0.0),
    site("parietal left", 105.0, 42.0, 1.1, 0.0),
    site("parietal right", -105.0, 42.0, 1.1, 0.0),
    site("temporal left", 82.0, 8.0, 1.3, 0.0),
    site("temporal right", -82.0, 8.0, 1.3, 0.0),
    site("vertex", 150.0, 80.0, 1.0, 0.0),
    site("occipital", 170.0, 18.0, 1.2, 0.0),
    site("bifrontal", 0.0, 34.0, 1.9, 60.0),
    site("hemicraniectomy left", 80.0, 32.0, 1.4, 100.0),
    site("hemicraniectomy right", -80.0, 32.0, 1.4, 100.0),
];

const fn site(
    name: &'static str,
    azimuth_deg: f64,
    elevation_deg: f64,
    aspect: f64,
    area_cm2_min: f64,
) -> Site {
    Site { name, azimuth_deg, elevation_deg, aspect, area_cm2_min }
}

/// Deepest a healed rim has sunk, mm, and how far from the wall it reaches, mm (measured on `scans/cranium`).
const SUNK_MM: f64 = 2.5;
const SUNK_WITHIN_MM: f64 = 6.0;
const BEVEL_TAN: f64 = 0.577_350_269;

struct Wave {
    count: f64,
    amplitude: f64,
    phase: f64,
}

/// A cut with its place and form, not yet its size.
pub struct Cut {
    /// Middle of the head, patient LPS mm.
    pub centre: Vector3<f64>,
    /// Out of the head through the cut's middle; across the head; the third.
    pub axes: [Vector3<f64>; 3],
    /// How its wall was made.
    pub wall: Wall,
    /// What grows it: an angle (rad) or a factor of the spheres.
    pub size: f64,
    aspect: f64,
    waves: Vec<Wave>,
    spheres: Vec<(Vector3<f64>, f64)>,
    ripples: Vec<(Vector3<f64>, f64)>,
    rough_outer_mm: f64,
}

impl Cut {
    /// A cut at `site` seen from `centre` along the head's axes (left, back, up); `rough_outer_mm` gives the outer
    /// table's rough radius.
    pub fn new(
        centre: Vector3<f64>,
        head: [Vector3<f64>; 3],
        site: &Site,
        wall: Wall,
        seed: u64,
        rough_outer_mm: impl Fn(Vector3<f64>) -> f64,
    ) -> Self {
        let mut random = Random::new(seed);
        let [left, back, up] = head;
        // Six degrees are about 9 mm: two cuts of one site are not one cut.
        let azimuth = (site.azimuth_deg + random.within(-6.0, 6.0)).to_radians();
        let elevation = (site.elevation_deg + random.within(-6.0, 6.0)).to_radians();
        let axis = (left * azimuth.sin() - back * azimuth.cos()) * elevation.cos() + up * elevation.sin();
        let across = (up.cross(&axis)).try_normalize(0.2).unwrap_or(left);
        let across = (across - axis * across.dot(&axis)).normalize();
        let axes = [axis, across, axis.cross(&across)];
        let waves = match wall {
            Wall::Ragged => (3..=9)
                .map(|k| Wave {
                    count: f64::from(k),
                    amplitude: random.within(0.01, 0.03),
                    phase: random.within(0.0, std::f64::consts::TAU),
                })
                .collect(),
            _ => (2..=3)
                .map(|k| Wave {
                    count: f64::from(k),
                    amplitude: random.within(0.02, 0.06),
                    phase: random.within(0.0, std::f64::consts::TAU),
                })
                .collect(),
        };
        let outer_mm = rough_outer_mm(axis);
        // SkullBreak: a sphere of N(70, 20) voxels of 0.4 mm with 0 to 7 of N(40, 10) on its surface.
        let mut spheres = vec![(axis * (outer_mm - 2.0), 28.0)];
        for _ in 0..3 + random.bits() % 5 {
            let turn = random.within(0.0, std::f64::consts::TAU);
            let out = axes[1] * turn.cos() + axes[2] * turn.sin();
            spheres.push((out * 28.0, (16.0 + 4.0 * random.normal()).clamp(8.0, 26.0)));
        }
        let ripples = (0..4)
            .map(|_| {
                let d = Vector3::new(random.normal(), random.normal(), random.normal());
                (d.normalize() * random.within(0.2, 0.4), random.within(0.0, std::f64::consts::TAU))
            })
            .collect();
        let size = if wall == Wall::Spherical { 1.0 } else { 0.3 };
        Self {
            centre,
            axes,
            wall,
            size,
            aspect: site.aspect,
            waves,
            spheres,
            ripples,
            rough_outer_mm: outer_mm,
        }
    }

    /// Distance to the wall, mm, to first order; negative in the piece that is cut out.
    pub fn value(&self, p: Vector3<f64>) -> f64 {
        let q = p - self.centre;
        match self.wall {
            Wall::Spherical => self.union_of_spheres(q),
            Wall::Bevel => {
                let cosine = 1.0 / (1.0 + BEVEL_TAN * BEVEL_TAN).sqrt();
                cosine * (self.along_rays(q) - BEVEL_TAN * (q.norm() - self.rough_outer_mm))
            }
            Wall::Kerf | Wall::Ragged | Wall::Healed => self.along_rays(q),
        }
    }

    fn along_rays(&self, q: Vector3<f64>) -> f64 {
        let [axis, u, v] = self.axes;
        let (along, x, y) = (q.dot(&axis), q.dot(&u), q.dot(&v));
        let across = x.hypot(y);
        let theta = across.atan2(along);
        if across < 1e-9 {
            return -q.norm() * self.size;
        }
        // An ellipse of the same area.
        let stretch = self.aspect.sqrt();
        let (x, y) = (theta * x / across / stretch, theta * y / across * stretch);
        let (rho, phi) = (x.hypot(y), y.atan2(x));
        let (mut reach, mut slope) = (1.0, 0.0);
        for w in &self.waves {
            let (s, c) = (w.count * phi + w.phase).sin_cos();
            reach += w.amplitude * c;
            slope -= w.amplitude * w.count * s;
        }
        let steep = (x / rho / stretch).hypot(y / rho * stretch);
        let tilt = self.size * slope / rho.max(0.3 * self.size);
        q.norm() * (rho - self.size * reach) / (steep * (1.0 + tilt * tilt).sqrt())
    }

    fn union_of_spheres(&self, q: Vector3<f64>) -> f64 {
        let first = self.spheres[0].0;
        let mut nearest = f64::INFINITY;
        for (i, (place, radius)) in self.spheres.iter().enumerate() {
            let middle = if i == 0 { *place } else { first + place * self.size };
            nearest = nearest.min((q - middle).norm() - radius * self.size);
        }
        // Deformation of about 1 mm over some 15 to 30 mm.
        let ripple: f64 = self.ripples.iter().map(|(k, phase)| (k.dot(&q) + phase).sin()).sum();
        nearest + 0.5 * ripple
    }

    /// How far the outer table has sunk where the wall is `wall_mm` away, mm.
    pub fn sunk_mm(&self, wall_mm: f64) -> f64 {
        if self.wall == Wall::Healed && (0.0..SUNK_WITHIN_MM).contains(&wall_mm) {
            SUNK_MM * (1.0 - wall_mm / SUNK_WITHIN_MM).powi(2)
        } else {
            0.0
        }
    }
}

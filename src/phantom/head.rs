//! The parts of the head, in the head's own frame: origin at the endocranial centre, +x left, +y back, +z up, mm.

use nalgebra::Vector3;

use super::defect::Cut;
use super::shapes::{Ellipsoid, SINUS_TOWARDS, Tables};
use super::spec::{PhantomSpec, Walls};
use crate::geometry::random::Random;

/// From the outer table to the skin, mm.
pub const SCALP_MM: f64 = 5.0;
/// Plates behind the head: radii about the long axis, half-angles from straight back, heights.
const HOLDER_RADIUS_MM: [f64; 2] = [112.0, 116.0];
const HOLDER_ANGLE_DEG: [f64; 2] = [8.0, 42.0];
const HOLDER_Z_MM: [f64; 2] = [-45.0, 65.0];

/// A surface that bounds bone. Bone lies where its value is ≤ 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Outer table.
    Outer,
    /// Inner table, from the bone's side.
    Inner,
    /// Wall of the cut.
    Wall,
    /// Left (0) or right (1) orbit.
    Orbit(usize),
    /// Foramen magnum.
    Foramen,
    /// Frontal sinus.
    Sinus,
    /// Block of the face.
    Face,
    /// Nasal cavity.
    Nasal,
}

/// The skull is where all of these hold ...
pub const SKULL: [Bound; 7] =
    [Bound::Outer, Bound::Inner, Bound::Wall, Bound::Orbit(0), Bound::Orbit(1), Bound::Foramen, Bound::Sinus];
/// ... and the face where all of these do.
pub const FACE: [Bound; 5] = [Bound::Face, Bound::Inner, Bound::Orbit(0), Bound::Orbit(1), Bound::Nasal];

/// All closed forms of one head.
#[derive(Clone, Debug)]
pub struct Head {
    pub tables: Tables,
    pub cut: Option<Cut>,
    pub sinus: Option<Ellipsoid>,
    pub orbits: [Ellipsoid; 2],
    pub foramen: Ellipsoid,
    pub face: Ellipsoid,
    pub nasal: Ellipsoid,
    pub nose: Ellipsoid,
    pub neck: Ellipsoid,
}

impl Head {
    pub fn new(spec: &PhantomSpec) -> Self {
        let tables = Tables::new(&mut Random::new(spec.seed));
        // Its own stream, so that the head does not change with what is cut out of it.
        let mut outline = Random::new(spec.seed ^ 0x0b5e_55ed);
        let cut = spec.defect.as_ref().map(|d| Cut::new(d, &tables, &mut outline));
        let forehead = Vector3::from(SINUS_TOWARDS).normalize();
        let middle = forehead * (tables.outer(&forehead) - 0.5 * tables.thickness(&forehead));
        let orbit = |x: f64| Ellipsoid { centre: [x, -70.0, -26.0], semi: [17.0, 24.0, 15.0] };
        Self {
            tables,
            cut,
            // 2.4: leaves at least 2 mm of bone before and behind, with 4 to 8 + 5 mm of thickness there.
            sinus: spec
                .sinus
                .then(|| Ellipsoid { centre: [middle.x, middle.y, middle.z], semi: [11.0, 2.4, 7.0] }),
            orbits: [orbit(31.0), orbit(-31.0)],
            foramen: Ellipsoid { centre: [0.0, 18.0, -50.0], semi: [15.0, 18.0, 14.0] },
            face: Ellipsoid { centre: [0.0, -62.0, -48.0], semi: [54.0, 36.0, 40.0] },
            nasal: Ellipsoid { centre: [0.0, -80.0, -52.0], semi: [9.0, 14.0, 14.0] },
            nose: Ellipsoid { centre: [0.0, -104.0, -46.0], semi: [12.0, 16.0, 18.0] },
            neck: Ellipsoid { centre: [0.0, 20.0, -75.0], semi: [58.0, 62.0, 60.0] },
        }
    }

    /// Value of the outer table as nature made it, and of the inner one; positive away from the centre.
    pub fn table_values(&self, p: &Vector3<f64>) -> (f64, f64) {
        let r = p.norm();
        let u = p / r.max(1e-9);
        let outer = self.tables.outer(&u);
        (r - outer, r - outer + self.tables.thickness(&u))
    }

    /// Value of a bound, mm to first order; −∞ for one this head does not have.
    pub fn value(&self, bound: Bound, p: &Vector3<f64>) -> f64 {
        let absent = f64::NEG_INFINITY;
        match bound {
            Bound::Outer => {
                let outer = self.table_values(p).0;
                match &self.cut {
                    Some(cut) => {
                        let wall = cut.value(p);
                        self.rounded(outer + cut.sunk_mm(wall), -wall)
                    }
                    None => outer,
                }
            }
            Bound::Inner => {
                let inner = -self.table_values(p).1;
                match &self.cut {
                    Some(cut) if cut.walls == Walls::Healed => self.rounded(inner, -cut.value(p)),
                    _ => inner,
                }
            }
            Bound::Wall => self.cut.as_ref().map_or(absent, |c| -c.value(p)),
            Bound::Orbit(n) => -self.orbits[n].value(p),
            Bound::Foramen => -self.foramen.value(p),
            Bound::Sinus => self.sinus.map_or(absent, |s| -s.value(p)),
            Bound::Face => self.face.value(p),
            Bound::Nasal => -self.nasal.value(p),
        }
    }

    /// A table near a wall: rounded into it where healed, itself otherwise.
    fn rounded(&self, table: f64, wall: f64) -> f64 {
        match &self.cut {
            Some(cut) if cut.walls == Walls::Healed => cut.both(table, wall),
            _ => table,
        }
    }

    /// True where bone is.
    pub fn is_bone(&self, p: &Vector3<f64>) -> bool {
        [&SKULL[..], &FACE[..]].iter().any(|body| body.iter().all(|&b| self.value(b, p) <= 0.0))
    }

    /// True in the piece that was cut out: between the two tables as nature made them, inside the outline.
    pub fn is_missing(&self, p: &Vector3<f64>) -> bool {
        let Some(cut) = &self.cut else { return false };
        if !cut.near(p, 0.0) || cut.value(p) >= 0.0 {
            return false;
        }
        let (outer, inner) = self.table_values(p);
        outer < 0.0 && inner > 0.0
    }

    /// Distance to the head holder to first order, mm, negative inside.
    pub fn holder_value(&self, p: &Vector3<f64>) -> f64 {
        let rho = p.x.hypot(p.y);
        let angle = p.x.abs().atan2(p.y);
        let [lo, hi] = HOLDER_ANGLE_DEG.map(f64::to_radians);
        (rho - HOLDER_RADIUS_MM[1])
            .max(HOLDER_RADIUS_MM[0] - rho)
            .max((angle - hi) * rho)
            .max((lo - angle) * rho)
            .max(p.z - HOLDER_Z_MM[1])
            .max(HOLDER_Z_MM[0] - p.z)
    }

    /// Distance from the middle of the nearest suture, mm: coronal, sagittal behind it, lambdoid behind that.
    pub fn suture_mm(&self, p: &Vector3<f64>) -> f64 {
        // Wavy as sutures are: 1.2 mm to either side, every 9 mm.
        let wave = |along: f64| 1.2 * (along * std::f64::consts::TAU / 9.0).sin();
        if p.z < 0.0 {
            return f64::INFINITY;
        }
        let coronal = p.y + 12.0 + 0.15 * p.z + wave(p.x);
        let lambdoid = p.y - 78.0 + 0.5 * p.z + 0.35 * p.x.abs() + wave(p.x);
        let sagittal = if coronal > 0.0 && lambdoid < 0.0 { p.x + wave(p.y) } else { f64::INFINITY };
        coronal.abs().min(lambdoid.abs()).min(sagittal.abs())
    }
}

//! The piece that is cut out: a cone from the endocranial centre over a closed outline.

use std::f64::consts::TAU;

use nalgebra::Vector3;

use super::shapes::Tables;
use super::spec::{DefectSpec, Walls};
use crate::geometry::random::Random;

/// No bend of a ragged outline is sharper than this, mm.
pub const OUTLINE_RADIUS_MM_MIN: f64 = 4.0;
/// A healed rim sinks by this much at the wall, mm, ...
const SUNK_MM: f64 = 2.0;
/// ... and not at all from here on, mm.
const SUNK_WITHIN_MM: f64 = 6.0;
/// Over this many mm the corners of a healed wall are rounded.
const ROUNDED_MM: f64 = 3.0;

/// One wave of the outline: `amplitude · cos(k φ + phase)`.
#[derive(Clone, Copy, Debug)]
struct Wave {
    k: f64,
    amplitude: f64,
    phase: f64,
}

/// The cut: places whose direction lies within `angle · (1 + waves)` of the axis.
#[derive(Clone, Debug)]
pub struct Cut {
    pub axis: Vector3<f64>,
    e1: Vector3<f64>,
    e2: Vector3<f64>,
    angle: f64,
    waves: Vec<Wave>,
    pub walls: Walls,
}

impl Cut {
    pub fn new(spec: &DefectSpec, tables: &Tables, random: &mut Random) -> Self {
        let axis = Vector3::from(spec.towards_lps).normalize();
        let away = if axis.z.abs() < 0.9 { Vector3::z() } else { Vector3::y() };
        let e1 = axis.cross(&away).normalize();
        let e2 = axis.cross(&e1);
        let mut wave = |k: u32, amplitude: f64| Wave {
            k: f64::from(k),
            amplitude: amplitude * random.within(0.6, 1.0),
            phase: random.within(0.0, TAU),
        };
        let mut waves = vec![wave(2, 0.14), wave(3, 0.05)];
        if spec.walls == Walls::Ragged {
            waves.extend([wave(5, 0.035), wave(7, 0.025), wave(9, 0.018)]);
        }
        let mut cut = Self { axis, e1, e2, angle: 0.3, waves, walls: spec.walls };
        cut.size_to(spec.area_cm2 * 100.0, tables);
        while cut.sharpest_radius_mm(tables) < OUTLINE_RADIUS_MM_MIN {
            cut.waves.iter_mut().for_each(|w| w.amplitude *= 0.9);
            cut.size_to(spec.area_cm2 * 100.0, tables);
        }
        cut
    }

    fn size_to(&mut self, area_mm2: f64, tables: &Tables) {
        let (mut lo, mut hi) = (0.01, 2.0);
        for _ in 0..40 {
            self.angle = 0.5 * (lo + hi);
            if self.area_mm2(tables) < area_mm2 { lo = self.angle } else { hi = self.angle }
        }
    }

    fn reach(&self, phi: f64) -> f64 {
        self.angle * (1.0 + self.waves.iter().map(|w| w.amplitude * (w.k * phi + w.phase).cos()).sum::<f64>())
    }

    pub fn direction(&self, theta: f64, phi: f64) -> Vector3<f64> {
        self.axis * theta.cos() + (self.e1 * phi.cos() + self.e2 * phi.sin()) * theta.sin()
    }

    /// The outline on the outer table, `n` places.
    pub fn outline(&self, tables: &Tables, n: usize) -> Vec<Vector3<f64>> {
        (0..n)
            .map(|i| {
                let phi = TAU * i as f64 / n as f64;
                let u = self.direction(self.reach(phi), phi);
                u * tables.outer(&u)
            })
            .collect()
    }

    /// Area of the outer table inside the outline, by triangles between rings.
    pub fn area_mm2(&self, tables: &Tables) -> f64 {
        let (rings, sectors) = (24, 180);
        let at = |i: usize, j: usize| {
            let phi = TAU * (j % sectors) as f64 / sectors as f64;
            let u = self.direction(self.reach(phi) * i as f64 / rings as f64, phi);
            u * tables.outer(&u)
        };
        let mut area = 0.0;
        for i in 0..rings {
            for j in 0..sectors {
                let (a, b, c, d) = (at(i, j), at(i + 1, j), at(i + 1, j + 1), at(i, j + 1));
                area += 0.5 * ((b - a).cross(&(c - a)).norm() + (c - a).cross(&(d - a)).norm());
            }
        }
        area
    }

    /// Smallest radius of curvature of the outline on the outer table, mm.
    pub fn sharpest_radius_mm(&self, tables: &Tables) -> f64 {
        let p = self.outline(tables, 720);
        let n = p.len();
        (0..n)
            .map(|i| {
                let (a, b, c) = (p[(i + n - 3) % n], p[i], p[(i + 3) % n]);
                // Circle through three places.
                (a - b).norm() * (b - c).norm() * (c - a).norm() / (2.0 * (b - a).cross(&(c - a)).norm())
            })
            .fold(f64::INFINITY, f64::min)
    }

    /// Distance to the wall to first order, mm, negative inside the cut; its zero is exact.
    pub fn value(&self, p: &Vector3<f64>) -> f64 {
        let (a, b, along) = (p.dot(&self.e1), p.dot(&self.e2), p.dot(&self.axis));
        let (theta, phi) = (a.hypot(b).atan2(along), b.atan2(a));
        let mut reach = 1.0;
        let mut slope = 0.0;
        for w in &self.waves {
            let (s, c) = (w.k * phi + w.phase).sin_cos();
            reach += w.amplitude * c;
            slope -= w.amplitude * w.k * s;
        }
        // The slope at the outline, not here: near the axis its own would be endless.
        let slope = self.angle * slope / (self.angle * reach).sin();
        p.norm() * (theta - self.angle * reach) / (1.0 + slope * slope).sqrt()
    }

    /// True where a ball about `p` may meet the cut or its sunken rim.
    pub fn near(&self, p: &Vector3<f64>, reach_mm: f64) -> bool {
        let widest = self.angle * (1.0 + self.waves.iter().map(|w| w.amplitude).sum::<f64>());
        p.angle(&self.axis) * p.norm() < widest * p.norm() + reach_mm + SUNK_WITHIN_MM
    }

    /// How far the outer table sinks where the wall is `wall_mm` away, mm.
    pub fn sunk_mm(&self, wall_mm: f64) -> f64 {
        match self.walls {
            Walls::Healed => SUNK_MM * (1.0 - wall_mm.max(0.0) / SUNK_WITHIN_MM).max(0.0).powi(2),
            _ => 0.0,
        }
    }

    /// Both of two conditions `≤ 0`, with the corner rounded where the wall has healed.
    pub fn both(&self, a: f64, b: f64) -> f64 {
        let sharp = a.max(b);
        match self.walls {
            Walls::Healed => sharp + (ROUNDED_MM - (a - b).abs()).max(0.0).powi(2) / (4.0 * ROUNDED_MM),
            _ => sharp,
        }
    }
}

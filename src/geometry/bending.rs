//! How hard a ball's finishing pass pushes, and how far that bends a tool, a plate and the tabs it hangs on.
//!
//! **In** tool, material, skin and cusp of the pass; plate and tabs. **Out** N, µm per N.
//!
//! **Method** *Chip.* Ball of radius R, step s, skin a over a face; a tooth at the angle φ from the step's direction cuts
//! `h = f_z·sin φ·sin κ` at the angle κ from the ball's pole. The pass before has taken what lies within its own channel: there
//! is material at the radius u = R·sin κ only while `u ≤ s / (1 − cos φ)`, and below the skin's top only while
//! `u ≤ √(2Ra − a²)`. The section of the chip, `f_z·sin φ·(R − √(R² − u²))`, is largest where both meet:
//! `A = f_z·a·sin φ*`, `cos φ* = 1 − s/u`; the edge in it is `b = R·acos(1 − a/R)` long. *Force.* Kienzle (VDI-Z 94, 1952, pp. 299-305):
//! `F_c = k_c1.1·b·h^(1 − m_c)` with `h = A/b`; of it the material's share pushes along the surface's normal. *Tool*: a carbide rod of
//! 0.8 times the diameter, clamped at the holder: L³/(3EI). *Plate*: a disc of its area, simply supported at its rim
//! (Timoshenko and Woinowsky-Krieger, Theory of Plates and Shells, 2nd ed., art. 19: w = F·a²·(3 + ν)/(16·π·(1 + ν)·D)), on tabs that
//! bend as beams held at both ends: L³/(12EI).
//!
//! **Limits** The force is the largest of a turn of the tool, a sharp one; wear may double it. A dome is stiffer than the
//! disc. Chatter is not modelled. The judge's model of bending is its own (`inspect`).

use std::f64::consts::PI;

use crate::model::{Material, Tool};

/// Sintered carbide, 580-630 GPa by grade in tool makers' tables.
const CARBIDE_N_PER_MM2: f64 = 600e3;
/// A fluted cutter bends like a rod of this share of its diameter.
const CORE_SHARE: f64 = 0.8;
/// 0.3 bends more than the 0.34 of titanium or the 0.4 of PEEK would: (1 − ν²)(3 + ν)/(1 + ν) falls with ν.
const POISSON: f64 = 0.3;

/// The thickest chip of one turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chip {
    /// Its section, mm².
    pub section_mm2: f64,
    /// Length of edge in it, mm.
    pub width_mm: f64,
}

/// The thickest chip of a ball that takes a skin off a face.
pub fn ball_chip(radius_mm: f64, skin_mm: f64, step_mm: f64, feed_per_tooth_mm: f64) -> Chip {
    let a = skin_mm.min(radius_mm);
    let u = (2.0 * radius_mm * a - a * a).sqrt();
    let cos = (1.0 - step_mm / u).max(0.0);
    Chip {
        section_mm2: feed_per_tooth_mm * a * (1.0 - cos * cos).sqrt(),
        width_mm: radius_mm * (1.0 - a / radius_mm).acos(),
    }
}

/// What a ball of `tool` pushes along the normal of a face it finishes, N: skin `skin_mm`, cusps of `scallop_mm`.
pub fn finishing_force_n(material: &Material, tool: &Tool, skin_mm: f64, scallop_mm: f64) -> f64 {
    let r = tool.radius_mm();
    let step_mm = 2.0 * (2.0 * r * scallop_mm - scallop_mm * scallop_mm).sqrt();
    // The table's chip load is that of a 6 mm tool.
    let feed_mm = material.finish.feed_per_tooth_mm_d6 * tool.diameter_mm / 6.0;
    let chip = ball_chip(r, skin_mm, step_mm, feed_mm);
    let k = &material.kienzle;
    let h = chip.section_mm2 / chip.width_mm;
    k.normal_share * k.kc11_n_per_mm2 * chip.width_mm * h.powf(1.0 - k.mc)
}

/// What a tool clamped at its holder gives per newton at its tip, µm.
pub fn tool_um_per_n(t: &Tool) -> f64 {
    let d = CORE_SHARE * t.diameter_mm;
    let i = PI * d.powi(4) / 64.0;
    t.stick_out_mm.powi(3) / (3.0 * CARBIDE_N_PER_MM2 * i) * 1e3
}

/// What a disc of radius a, simply supported, gives per newton at its middle, µm.
pub fn disc_um_per_n(radius_mm: f64, thickness_mm: f64, youngs_modulus_gpa: f64) -> f64 {
    let e = youngs_modulus_gpa * 1e3;
    let d = e * thickness_mm.powi(3) / (12.0 * (1.0 - POISSON * POISSON));
    radius_mm.powi(2) * (3.0 + POISSON) / (16.0 * PI * (1.0 + POISSON) * d) * 1e3
}

/// What one tab, held at plate and frame, gives per newton, µm.
pub fn tab_um_per_n(length_mm: f64, width_mm: f64, thickness_mm: f64, youngs_modulus_gpa: f64) -> f64 {
    let i = width_mm * thickness_mm.powi(3) / 12.0;
    length_mm.powi(3) / (12.0 * youngs_modulus_gpa * 1e3 * i) * 1e3
}

/// A plate on its tabs, µm per N.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hanging {
    /// The plate itself at its middle.
    pub disc_um_per_n: f64,
    /// All tabs together.
    pub tabs_um_per_n: f64,
}

impl Hanging {
    /// A plate of this shadow and thickness on tabs `(width, thickness)` of one length.
    pub fn new(
        shadow_mm2: f64,
        thickness_mm: f64,
        tab_length_mm: f64,
        tabs: impl Iterator<Item = (f64, f64)>,
        youngs_modulus_gpa: f64,
    ) -> Self {
        // Springs side by side: stiffnesses add.
        let stiffness = tabs
            .map(|(w, t)| 1.0 / tab_um_per_n(tab_length_mm, w, t, youngs_modulus_gpa))
            .fold(0.0, |sum, k| sum + k);
        Self {
            disc_um_per_n: disc_um_per_n((shadow_mm2 / PI).sqrt(), thickness_mm, youngs_modulus_gpa),
            // Written so that no tabs, or a tab without thickness, holds nothing.
            tabs_um_per_n: if stiffness > 0.0 { 1.0 / stiffness } else { f64::INFINITY },
        }
    }

    /// At the worst place: in the middle the plate bends and all tabs share; at the rim of a ring of springs the plate also
    /// tilts, (1 + 2·(r/R)²) = 3 times the heave.
    pub fn um_per_n(&self) -> f64 {
        (self.disc_um_per_n + self.tabs_um_per_n).max(3.0 * self.tabs_um_per_n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the pass before has left material, by that pass's own cylinder and not by the closed form: volume per tooth
    /// and the largest section, summed over the ball's front.
    fn summed(r: f64, a: f64, s: f64, fz: f64) -> (f64, f64) {
        const N: usize = 2000;
        let kappa_max = (1.0 - a / r).acos();
        let (mut volume, mut largest) = (0.0, 0f64);
        for i in 0..N {
            let phi = PI * (i as f64 + 0.5) / N as f64;
            let mut section = 0.0;
            for k in 0..N {
                let kappa = kappa_max * (k as f64 + 0.5) / N as f64;
                let u = r * kappa.sin();
                let (y, z) = (u * phi.cos(), r * (1.0 - kappa.cos()));
                let uncut = (y + s).hypot(r - z) > r;
                if uncut {
                    let strip = fz * phi.sin() * kappa.sin() * r * kappa_max / N as f64;
                    section += strip;
                    volume += strip * u * PI / N as f64;
                }
            }
            largest = largest.max(section);
        }
        (volume, largest)
    }

    #[test]
    fn the_chip_of_a_ball_is_what_the_pass_before_left() {
        for (r, a, s) in [(3.0, 0.26, 0.42), (1.5, 0.26, 0.3), (4.0, 0.13, 0.49), (3.0, 0.1, 0.9)] {
            let (volume, largest) = summed(r, a, s, 0.04);
            // A pass takes skin times step; less by the cusp it does not reach where the step is wide (1.5 at 0.9 mm of 1.54).
            let chord = 2.0 * (2.0 * r * a - a * a).sqrt();
            let exact: f64 = (0..10_000)
                .map(|k| {
                    let z = a * (k as f64 + 0.5) / 1e4;
                    (2.0 * (2.0 * r * z - z * z).sqrt()).min(s) * a / 1e4
                })
                .sum();
            assert!(s < chord);
            assert!((volume / (0.04 * exact) - 1.0).abs() < 0.01, "{volume} {exact}");
            let chip = ball_chip(r, a, s, 0.04);
            // 1 %: the sum's own steps.
            assert!((chip.section_mm2 / largest - 1.0).abs() < 0.01, "{chip:?} {largest}");
        }
    }

    #[test]
    fn rods_discs_and_tabs_are_those_of_the_handbooks() {
        let tool = |d: f64, l: f64| Tool {
            number: 1,
            kind: crate::model::ToolKind::Ball,
            diameter_mm: d,
            corner_radius_mm: d / 2.0,
            point_angle_deg: 0.0,
            flute_length_mm: d,
            flutes: 2,
            shank_diameter_mm: d,
            stick_out_mm: l,
            holder_diameter_mm: 22.0,
            holder_length_mm: 40.0,
        };
        // D3 L15 1.15 um/N, D6 L30 0.58; a PEEK disc of 40 mm radius and 4 mm.
        assert!((tool_um_per_n(&tool(3.0, 15.0)) - 1.15).abs() < 0.01);
        assert!((tool_um_per_n(&tool(6.0, 30.0)) - 0.576).abs() < 0.01);
        let d: f64 = 3600.0 * 64.0 / (12.0 * 0.91);
        let disc = 1600.0 * 3.3 / (16.0 * PI * 1.3 * d) * 1e3;
        assert!((disc_um_per_n(40.0, 4.0, 3.6) - disc).abs() < 1e-9);
        let tab = 1000.0 / (12.0 * 3600.0 * 7.0 * 8.0 / 12.0) * 1e3;
        assert!((tab_um_per_n(10.0, 7.0, 2.0, 3.6) - tab).abs() < 1e-9);
        let four = Hanging::new(1600.0 * PI, 4.0, 10.0, [(7.0, 2.0); 4].into_iter(), 3.6);
        assert!((four.um_per_n() - (disc + tab / 4.0)).abs() < 1e-9);
        assert_eq!(Hanging::new(1600.0, 4.0, 10.0, std::iter::empty(), 3.6).um_per_n(), f64::INFINITY);
    }
}

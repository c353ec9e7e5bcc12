//! The table `[inspect.capability]`: what a real machine, its tools and its clamping are off by.

use serde::{Deserialize, Serialize};

use super::error::InspectError;
use super::params::within;

/// The table as written. A `half_width` is that of an even distribution about nought, a `sigma` the standard deviation of a
/// normal one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapabilityToml {
    /// Radius of each tool, mm.
    pub tool_radius_mm_half_width: f64,
    /// Form of each ball at 30, 60 and 90 degrees from its pole, mm.
    pub ball_form_mm_half_width: f64,
    /// Least total indicated runout of each tool, mm.
    pub runout_tir_mm_min: f64,
    /// Most, mm.
    pub runout_tir_mm_max: f64,
    /// Length of each tool against its offset, mm.
    pub tool_length_mm_sigma: f64,
    /// Place of each later clamping, along each work axis, mm.
    pub flip_shift_mm_sigma: f64,
    /// Its turn about each work axis, degrees.
    pub flip_turn_deg_sigma: f64,
    /// Temperature of the part about 20 °C while it is milled, K.
    pub part_temperature_k_half_width: f64,
    /// Growth of the spindle after tools were measured, each setup, mm.
    pub spindle_growth_mm_half_width: f64,
    /// Most force between finishing tool and surface, N; drawn evenly from nought.
    pub finishing_force_n_max: f64,
    /// Young's modulus of the tools, GPa.
    pub tool_modulus_gpa: f64,
    /// A fluted tool bends as a rod of this share of its diameter.
    pub tool_core_over_diameter: f64,
}

impl CapabilityToml {
    /// Refuses what cannot be.
    pub(super) fn check(&self) -> Result<(), InspectError> {
        let small_mm = [
            ("inspect.capability.tool_radius_mm_half_width", self.tool_radius_mm_half_width),
            ("inspect.capability.ball_form_mm_half_width", self.ball_form_mm_half_width),
            ("inspect.capability.runout_tir_mm_min", self.runout_tir_mm_min),
            ("inspect.capability.tool_length_mm_sigma", self.tool_length_mm_sigma),
            ("inspect.capability.flip_shift_mm_sigma", self.flip_shift_mm_sigma),
            ("inspect.capability.spindle_growth_mm_half_width", self.spindle_growth_mm_half_width),
        ];
        for (key, value) in small_mm {
            // 1 mm: slopes are taken over 10 µm, and a machine that far off is no machine.
            within(key, value, 0.0, 1.0, "0 to 1 mm")?;
        }
        let (tir, least) = (self.runout_tir_mm_max, self.runout_tir_mm_min);
        within("inspect.capability.runout_tir_mm_max", tir, least, 1.0, "runout_tir_mm_min to 1 mm")?;
        within(
            "inspect.capability.flip_turn_deg_sigma",
            self.flip_turn_deg_sigma,
            0.0,
            1.0,
            "0 to 1 degree",
        )?;
        let warmth = self.part_temperature_k_half_width;
        within("inspect.capability.part_temperature_k_half_width", warmth, 0.0, 50.0, "0 to 50 K")?;
        let force = self.finishing_force_n_max;
        within("inspect.capability.finishing_force_n_max", force, 0.0, 1e3, "0 to 1000 N")?;
        within("inspect.capability.tool_modulus_gpa", self.tool_modulus_gpa, 1.0, 2e3, "1 to 2000 GPa")?;
        let core = self.tool_core_over_diameter;
        within("inspect.capability.tool_core_over_diameter", core, 0.1, 1.0, "0.1 to 1")
    }
}

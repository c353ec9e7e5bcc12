//! The shop: machine, tools, materials, blanks. Read from `pipelines/shop/*.toml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Form of a cutter's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ToolKind {
    /// Flat end mill.
    Flat,
    /// Ball end mill.
    Ball,
    /// End mill with a corner radius.
    Bull,
    /// Twist drill.
    Drill,
    /// Chamfer mill.
    Chamfer,
    /// Touch probe: a ball on a stem, which cuts nothing.
    Probe,
}

/// A tool as measured and set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// T number.
    pub number: u32,
    /// Form of its end.
    pub kind: ToolKind,
    /// Cutting diameter, mm.
    pub diameter_mm: f64,
    /// Corner radius, mm: 0 for flat, half the diameter for ball.
    pub corner_radius_mm: f64,
    /// Full angle of the point, degrees; drills and chamfer mills.
    #[serde(default)]
    pub point_angle_deg: f64,
    /// Length of the cutting flutes from the tip, mm.
    pub flute_length_mm: f64,
    /// Number of flutes.
    pub flutes: u32,
    /// Shank diameter above the flutes, mm.
    pub shank_diameter_mm: f64,
    /// From the tip to the holder's nose, mm.
    pub stick_out_mm: f64,
    /// Holder diameter, mm.
    pub holder_diameter_mm: f64,
    /// Holder length above its nose, mm.
    pub holder_length_mm: f64,
}

impl Tool {
    /// Half the cutting diameter, mm.
    pub fn radius_mm(&self) -> f64 {
        self.diameter_mm / 2.0
    }
}

/// A milling machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MachineTool {
    /// Name for the sheet.
    pub name: String,
    /// Lowest machine coordinate of x, y, z, mm.
    pub travel_min_mm: [f64; 3],
    /// Highest machine coordinate of x, y, z, mm.
    pub travel_max_mm: [f64; 3],
    /// Rapid speed of x, y, z, mm/min.
    pub rapid_mm_per_min: [f64; 3],
    /// Largest programmable feed, mm/min.
    pub feed_mm_per_min_max: f64,
    /// Acceleration of x, y, z, mm/s².
    pub acceleration_mm_per_s2: [f64; 3],
    /// Jerk of x, y, z, mm/s³.
    pub jerk_mm_per_s3: [f64; 3],
    /// Lowest and highest spindle speed, 1/min.
    pub spindle_rpm_min: f64,
    /// Highest spindle speed, 1/min.
    pub spindle_rpm_max: f64,
    /// Time of a tool change, s.
    pub tool_change_s: f64,
    /// Rotary axes that carry the table, from the machine's bed to the table; none on a machine of three axes.
    #[serde(default)]
    pub rotary: Vec<RotaryAxis>,
}

/// A rotary axis under the table. The table and all axes after it in the list turn with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RotaryAxis {
    /// Its word: `A`, `B` or `C`.
    pub letter: RotaryLetter,
    /// Direction, machine axes, every rotary axis at zero: a positive word turns the table right-handed about it.
    pub direction: [f64; 3],
    /// A place on the axis, machine coordinates, every rotary axis at zero, mm.
    pub pivot_mm: [f64; 3],
    /// Lowest angle, degrees.
    pub min_deg: f64,
    /// Highest angle, degrees.
    pub max_deg: f64,
    /// Rapid speed, degrees/min.
    pub rapid_deg_per_min: f64,
}

/// Word of a rotary axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum RotaryLetter {
    /// About x, by custom.
    A,
    /// About y, by custom.
    B,
    /// About z, by custom.
    C,
}

/// Cutting data of one material for one kind of work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cutting {
    /// Surface speed, m/min.
    pub surface_speed_m_per_min: f64,
    /// Feed per tooth of a 6 mm tool, mm; scaled with the diameter by who uses it.
    pub feed_per_tooth_mm_d6: f64,
    /// Depth of cut over diameter.
    pub depth_over_diameter: f64,
    /// Width of cut over diameter.
    pub width_over_diameter: f64,
}

/// How hard a material is to cut: `F = kc11·b·h^(1 − mc)` for a chip `b` wide and `h` thick, mm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kienzle {
    /// Force on a chip of 1 mm by 1 mm, N/mm².
    pub kc11_n_per_mm2: f64,
    /// How much thinner chips resist more.
    pub mc: f64,
    /// Force along the surface's normal over the cutting force.
    pub normal_share: f64,
}

/// A material as the shop buys and cuts it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Material {
    /// Trade or common name.
    pub name: String,
    /// Standard of the implant grade, for example `ASTM F2026`; empty where it is no implant grade.
    pub implant_standard: String,
    /// Density, g/cm³.
    pub density_g_per_cm3: f64,
    /// Young's modulus, GPa.
    pub youngs_modulus_gpa: f64,
    /// Tensile yield strength, N/mm².
    pub yield_n_per_mm2: f64,
    /// Linear thermal expansion about 20 °C, µm per m and K.
    pub expansion_um_per_m_k: f64,
    /// `flood`, `dry` or `mist`.
    pub coolant: String,
    /// Cutting force.
    pub kienzle: Kienzle,
    /// Roughing.
    pub rough: Cutting,
    /// Finishing.
    pub finish: Cutting,
    /// Drilling.
    pub drill: Cutting,
}

/// A blank from the catalogue: a plate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Blank {
    /// Catalogue name.
    pub name: String,
    /// Key of its material.
    pub material: String,
    /// Length, width, thickness, mm.
    pub size_mm: [f64; 3],
}

/// Everything the shop has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Shop {
    /// Machines by key.
    pub machines: BTreeMap<String, MachineTool>,
    /// Tools in the magazine.
    pub tools: Vec<Tool>,
    /// Materials by key.
    pub materials: BTreeMap<String, Material>,
    /// Blanks.
    pub stock: Vec<Blank>,
}

/// What a tool costs and how long it lasts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolPrice {
    /// One new tool, in the shop's currency.
    pub price_each: Option<f64>,
    /// Time at feed until it is replaced, min.
    pub life_min: Option<f64>,
}

/// `shop/prices.toml`: what the shop charges. Every key is optional, as is the file; none is shipped.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Prices {
    /// Of every price here, for example `EUR`; only printed.
    pub currency: Option<String>,
    /// Machine hour.
    pub machine_per_hour: Option<f64>,
    /// Clamping, zeroing and checking one setup.
    pub setup_each: Option<f64>,
    /// By key of the material, per kg of blank.
    pub stock_per_kg: BTreeMap<String, f64>,
    /// By name of the blank; goes before `stock_per_kg`.
    pub stock_each: BTreeMap<String, f64>,
    /// By T number.
    pub tool: BTreeMap<String, ToolPrice>,
}

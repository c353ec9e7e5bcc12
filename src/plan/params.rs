//! The `[plan]` table.

use serde::{Deserialize, Serialize};

use super::PlanError;

/// What is done in which clamping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// `op10` and `op20` each rough and finish their side.
    TwoSetups,
    /// `op10` and `op20` rough; the blank rests; `op30` finishes the bone side, rim and holes, `op40` the outer side on a nest.
    RoughFirst,
    /// The first where the plate on its tabs bends little enough, else the second.
    Auto,
}

/// The `[plan]` table as written. Every key is required.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanToml {
    /// Key of the machine in `shop/machines.toml`.
    pub machine: String,
    /// What is done in which clamping.
    pub order: Order,
    /// With `auto`: most that a plate with nothing under it may bend under a finishing pass in two setups, µm.
    pub plate_bend_um_max: f64,
    /// Width of the free lane around the part, mm.
    pub lane_mm: f64,
    /// Least blank beyond the part on each side in x and y: lane and frame, mm.
    pub blank_margin_mm: f64,
    /// Least blank above the part on the bone side, mm.
    pub blank_allowance_bone_mm: f64,
    /// Least blank above the part on the outer side, mm; a drill's point runs out into it.
    pub blank_allowance_outer_mm: f64,
    /// How far past the rim's outer end the rim tool's equator runs in op10, mm.
    pub rim_overrun_mm: f64,
    /// Fewest tabs.
    pub tab_count_min: usize,
    /// Largest distance between tabs along the rim, mm.
    pub tab_pitch_mm_max: f64,
    /// Tab along the rim, mm.
    pub tab_width_mm: f64,
    /// Thickest tab along the axis, mm.
    pub tab_thickness_mm: f64,
    /// Thinnest tab that still holds, mm.
    pub tab_thickness_mm_min: f64,
    /// Tab below the rim's outer edge, mm.
    pub tab_recess_mm: f64,
    /// From a tab's edge to a screw's or a plate's hole and to the middle of an ear, mm.
    pub tab_screw_mm: f64,
    /// From a tab's edge to the marking, mm.
    pub tab_marking_mm: f64,
    /// The first locating pin, mm.
    pub pin_diameter_mm: f64,
    /// The second locating pin, mm; unequal.
    pub pin_second_diameter_mm: f64,
    /// Middle of a pin from the blank's end, mm.
    pub pin_from_edge_mm: f64,
    /// Clamps and pins end so far below the blank's top face, mm.
    pub clamp_below_top_mm: f64,
    /// Rapids over everything so far above the blank's top face, mm.
    pub clearance_mm: f64,
    /// Face on which the blank lies, above the machine's lowest z, mm.
    pub fixture_face_above_travel_min_mm: f64,
    /// Holder's nose above the blank's top face at the deepest cut, mm.
    pub reach_margin_mm: f64,
    /// Stock that roughing leaves in two setups, mm.
    pub rough_allowance_mm: f64,
    /// Stock that roughing leaves where both sides are roughed first, mm.
    pub rough_first_allowance_mm: f64,
    /// Cusp height finishing aims at, mm.
    pub scallop_mm: f64,
    /// What semi-finishing leaves for the finishing balls at most, mm.
    pub finish_skin_mm: f64,
    /// Key of the material the nest is milled from.
    pub nest_material: String,
    /// The nest stays this far inside the part's outline, mm.
    pub nest_inset_mm: f64,
    /// Height of the parallels that the frame lies on beside the nest, mm.
    pub nest_parallels_mm: f64,
    /// T numbers for roughing, the one to prefer first; the first that reaches is taken.
    pub rough_tools: Vec<u32>,
    /// T numbers for roughing what the first mill is too thick for; none: that is left to the semi-finishing ball.
    #[serde(default)]
    pub rest_tools: Vec<u32>,
    /// T numbers for finishing the two faces, the one to prefer first.
    pub finish_tools: Vec<u32>,
    /// The first ball of a list that reaches, fits and bends no more than this under its pass is taken; else the stiffest, µm.
    pub tool_bend_um_max: f64,
    /// T numbers for finishing the rim.
    pub rim_tools: Vec<u32>,
    /// T numbers of smaller balls for corners that the rim's ball does not enter; may be empty.
    pub pencil_tools: Vec<u32>,
    /// T numbers for holes.
    pub drill_tools: Vec<u32>,
    /// T numbers for the mouths of holes.
    pub chamfer_tools: Vec<u32>,
    /// T numbers for the marking.
    pub engrave_tools: Vec<u32>,
    /// Bores in the frame by which the second side's setup probes how the blank was turned over.
    pub flip_coupon: bool,
    /// Deviation beyond which that program ends, µm.
    pub flip_probe_um_max: f64,
    /// Diameter of the bores from the first side, mm.
    pub flip_bore_mm: f64,
    /// Diameter of their openings from the second, mm.
    pub flip_opening_mm: f64,
    /// Least stock around an opening, mm.
    pub flip_wall_mm: f64,
    /// A probe move goes on so far beyond where the touch should be, mm.
    pub flip_probe_past_mm: f64,
    /// Feed of a probe move, mm/min.
    pub flip_probe_mm_per_min: f64,
    /// T numbers of touch probes.
    pub probe_tools: Vec<u32>,
}

/// The `[plan]` table, valid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "PlanToml", into = "PlanToml")]
pub struct PlanParams(PlanToml);

impl PlanParams {
    pub(super) fn get(&self) -> &PlanToml {
        &self.0
    }
}

impl From<PlanParams> for PlanToml {
    fn from(p: PlanParams) -> Self {
        p.0
    }
}

impl TryFrom<PlanToml> for PlanParams {
    type Error = PlanError;

    fn try_from(t: PlanToml) -> Result<Self, PlanError> {
        // Key, value, least, most. The ranges hold what this room's geometry can do, not what is wise.
        let ranges = [
            ("lane_mm", t.lane_mm, 2.0, 40.0),
            ("blank_margin_mm", t.blank_margin_mm, 5.0, 100.0),
            ("blank_allowance_bone_mm", t.blank_allowance_bone_mm, 0.2, 20.0),
            ("blank_allowance_outer_mm", t.blank_allowance_outer_mm, 0.2, 20.0),
            ("rim_overrun_mm", t.rim_overrun_mm, 0.1, 5.0),
            ("tab_pitch_mm_max", t.tab_pitch_mm_max, 5.0, 40.0),
            ("tab_width_mm", t.tab_width_mm, 1.0, 20.0),
            ("tab_thickness_mm", t.tab_thickness_mm, 0.3, 10.0),
            ("tab_thickness_mm_min", t.tab_thickness_mm_min, 0.2, t.tab_thickness_mm),
            ("tab_recess_mm", t.tab_recess_mm, 0.0, 2.0),
            ("pin_diameter_mm", t.pin_diameter_mm, 2.0, 20.0),
            ("pin_second_diameter_mm", t.pin_second_diameter_mm, 2.0, 20.0),
            (
                "pin_from_edge_mm",
                t.pin_from_edge_mm,
                t.pin_diameter_mm.max(t.pin_second_diameter_mm) / 2.0 + 1.0,
                50.0,
            ),
            ("clamp_below_top_mm", t.clamp_below_top_mm, 0.5, 20.0),
            ("clearance_mm", t.clearance_mm, 2.0, 100.0),
            ("fixture_face_above_travel_min_mm", t.fixture_face_above_travel_min_mm, 0.0, 500.0),
            ("reach_margin_mm", t.reach_margin_mm, 0.5, 20.0),
            ("rough_allowance_mm", t.rough_allowance_mm, 0.05, 3.0),
            ("rough_first_allowance_mm", t.rough_first_allowance_mm, 0.05, 3.0),
            ("scallop_mm", t.scallop_mm, 0.001, 0.02),
            ("finish_skin_mm", t.finish_skin_mm, 0.02, 1.0),
            ("tool_bend_um_max", t.tool_bend_um_max, 0.1, 25.4),
            ("plate_bend_um_max", t.plate_bend_um_max, 0.1, 25.4),
            ("tab_screw_mm", t.tab_screw_mm, 0.0, 20.0),
            ("tab_marking_mm", t.tab_marking_mm, 0.0, 20.0),
            ("flip_probe_um_max", t.flip_probe_um_max, 1.0, 100.0),
            ("flip_bore_mm", t.flip_bore_mm, 4.0, 20.0),
            // The step is seen from above, and the mill's orbit leaves no core.
            ("flip_opening_mm", t.flip_opening_mm, t.flip_bore_mm + 1.0, 30.0),
            ("flip_wall_mm", t.flip_wall_mm, 0.5, 10.0),
            ("flip_probe_past_mm", t.flip_probe_past_mm, 0.1, 1.0),
            ("flip_probe_mm_per_min", t.flip_probe_mm_per_min, 5.0, 300.0),
            ("nest_inset_mm", t.nest_inset_mm, 1.0, 20.0),
            ("nest_parallels_mm", t.nest_parallels_mm, 4.0, 60.0),
        ];
        for (key, value, least, most) in ranges {
            // Written so that NaN fails.
            if !(value >= least && value <= most) {
                return Err(bad(key, value.to_string(), format!("{least} to {most}")));
            }
        }
        if t.tab_count_min < 4 {
            return Err(bad("tab_count_min", t.tab_count_min.to_string(), "4 or more".into()));
        }
        let step = (t.pin_diameter_mm - t.pin_second_diameter_mm).abs();
        if step < 1.0 {
            let found = format!("{} beside pin_diameter_mm {}", t.pin_second_diameter_mm, t.pin_diameter_mm);
            return Err(bad(
                "pin_second_diameter_mm",
                found,
                "1 mm more or less, so that the blank seats one way".into(),
            ));
        }
        let frame =
            t.lane_mm + t.pin_from_edge_mm + t.pin_diameter_mm.max(t.pin_second_diameter_mm) / 2.0 + 1.0;
        if t.blank_margin_mm < frame {
            let expected = format!("{frame} or more: lane, 1 mm of wall, pin and its distance from the edge");
            return Err(bad("blank_margin_mm", t.blank_margin_mm.to_string(), expected));
        }
        for (key, list) in
            [("rough_tools", &t.rough_tools), ("finish_tools", &t.finish_tools), ("rim_tools", &t.rim_tools)]
        {
            if list.is_empty() {
                return Err(bad(key, "empty".into(), "at least one T number".into()));
            }
        }
        Ok(Self(t))
    }
}

fn bad(key: &str, found: String, expected: String) -> PlanError {
    PlanError::Param { key: format!("plan.{key}"), found, expected }
}

//! What `[implant]` of a pipeline says.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::hold::EDGE_TOLD_MM;

/// A value of `[implant]` that cannot be used.
#[derive(Debug, Error, PartialEq)]
pub enum ImplantParamError {
    /// Outside its range.
    #[error(
        "implant.{key} is {found}, but must lie between {low} and {high}: correct it in the pipeline file"
    )]
    Range {
        /// Key in the table.
        key: &'static str,
        /// What stood there.
        found: f64,
        /// Smallest usable value.
        low: f64,
        /// Largest usable value.
        high: f64,
    },
    /// An onlay is what has ears.
    #[error(
        "implant.type is \"onlay\" and implant.fixation is \"plates\", but an onlay is held by its ears: write fixation \
         = \"ears\" or type = \"inlay\" in the pipeline file"
    )]
    OnlayWithPlates,
}

/// What the implant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Within the rim.
    Inlay,
    /// With ears over sound bone.
    Onlay,
}

impl Kind {
    /// As written in files.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Inlay => "inlay",
            Self::Onlay => "onlay",
        }
    }
}

/// How the implant is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fixation {
    /// Bone plates, chosen at planning.
    Plates,
    /// Ears of its own with countersunk holes.
    Ears,
}

/// How thick the implant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Thickness {
    /// `thickness_mm` everywhere.
    Constant,
    /// As the bone that is missing, by its predicted inner table; no thicker than the envelope.
    MatchRim,
}

impl Thickness {
    /// As written in files.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::MatchRim => "match_rim",
        }
    }
}

/// Which face is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Face {
    /// The face under the scalp; the inner one where that has no room off the brow.
    Outer,
    /// The face to the dura.
    Inner,
    /// No marking.
    None,
}

/// How the marking is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Method {
    /// The programs mill a groove along its strokes.
    Milled,
    /// By laser, from its strokes: the programs leave the face smooth.
    Laser,
}

impl Face {
    /// As written in files.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Outer => "outer",
            Self::Inner => "inner",
            Self::None => "none",
        }
    }
}

/// `[implant]` as it stands in the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ImplantToml {
    #[serde(rename = "type")]
    pub kind: Kind,
    pub gap_mm: f64,
    pub thickness: Thickness,
    pub thickness_mm: f64,
    pub thickness_mm_min: f64,
    pub inner_clearance_mm: f64,
    pub under_contour_mm: f64,
    pub temporal_gap_mm: f64,
    pub draft_deg: f64,
    pub edge_outer_mm: f64,
    pub edge_inner_mm: f64,
    pub edge_thickness_mm_min: f64,
    pub sinus_clearance_mm: f64,
    pub sinus_air_hu: f64,
    pub perfusion_hole_mm: f64,
    pub perfusion_pitch_mm: f64,
    pub hole_break_mm: f64,
    pub suture_hole_mm: f64,
    pub suture_pitch_mm: f64,
    pub suture_area_cm2_min: f64,
    pub marking_face: Face,
    pub marking_method: Method,
    pub marking_letter_mm: f64,
    pub marking_depth_mm: f64,
    pub marking_groove_radius_mm: f64,
    pub hole_rim_distance_mm: f64,
    pub hole_sinus_distance_mm: f64,
    pub tool_radius_mm_min: f64,
    pub mesh_mm: f64,
    pub insertion_cone_deg: f64,
    pub excess_gap_mm_review: f64,
    pub excess_gap_share_review: f64,
    pub free_share_min: f64,
    pub fixation: Fixation,
    pub fixation_large_cm2: f64,
    pub fixation_sites: u32,
    pub fixation_sites_min: u32,
    pub fixation_sites_large: u32,
    pub fixation_sites_large_min: u32,
    pub fixation_implant_mm_min: f64,
    pub fixation_bone_mm_min: f64,
    pub fixation_bone_edge_mm_min: f64,
    pub fixation_venous_mm_min: f64,
    pub plate_mm: f64,
    pub plate_reach_mm: f64,
    pub plate_implant_edge_mm_min: f64,
    pub onlay_clearance_mm: f64,
    pub ear_length_mm: f64,
    pub ear_width_mm: f64,
    pub ear_mm: f64,
    pub screw_hole_mm: f64,
    pub countersink_mm: f64,
    pub countersink_deg: f64,
    pub seating_trials: u32,
    pub seating_shift_mm: f64,
    pub seating_turn_deg: f64,
    pub seating_bias_mm: f64,
    pub seating_proud_mm_max: f64,
    pub seating_share_min: f64,
    pub scalp_skin_hu: f64,
    pub scalp_lift_mm_review: f64,
    pub envelope_area_cm2_min: f64,
    pub envelope_area_cm2_max: f64,
    pub envelope_span_mm_max: f64,
    pub envelope_thickness_mm_min: f64,
    pub envelope_thickness_mm_max: f64,
    pub envelope_gap_mm_min: f64,
    pub envelope_gap_mm_max: f64,
}

/// `[implant]`, checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ImplantToml", into = "ImplantToml")]
pub struct ImplantParams {
    pub(super) toml: ImplantToml,
}

impl ImplantParams {
    /// Gap asked for between bone and implant, mm.
    pub fn gap_mm(&self) -> f64 {
        self.toml.gap_mm
    }

    /// The values that the body is drawn with: where it matches the rim, the predicted inner table ends it before the
    /// envelope does.
    pub(super) fn in_force(&self) -> Self {
        let mut toml = self.toml.clone();
        if toml.thickness == Thickness::MatchRim {
            toml.thickness_mm = toml.envelope_thickness_mm_max;
        }
        Self { toml }
    }

    /// Least draft of the rim wall, rad.
    pub(super) fn draft_rad(&self) -> f64 {
        self.toml.draft_deg.to_radians()
    }

    /// Least concave radius, mm: 1.1 times the smallest finishing tool, so that the tool never fills a corner.
    pub fn concave_radius_mm(&self) -> f64 {
        1.1 * self.toml.tool_radius_mm_min
    }
}

impl TryFrom<ImplantToml> for ImplantParams {
    type Error = ImplantParamError;

    fn try_from(t: ImplantToml) -> Result<Self, ImplantParamError> {
        // The edges may not eat the plate: their radii together stay below what is thinnest.
        let edge_room = 0.6 * t.thickness_mm - t.edge_outer_mm;
        let ranges = [
            ("gap_mm", t.gap_mm, 0.0, 3.0),
            ("thickness_mm", t.thickness_mm, 0.5, 12.0),
            ("thickness_mm_min", t.thickness_mm_min, 0.3, t.thickness_mm),
            ("inner_clearance_mm", t.inner_clearance_mm, 0.0, 3.0),
            // Nout and Mommaerts 2018: up to 3 mm under the contour, up to 5 mm free at the caudal edge of a temporal implant.
            ("under_contour_mm", t.under_contour_mm, 0.0, 3.0),
            ("temporal_gap_mm", t.temporal_gap_mm, 0.0, 5.0),
            // Below 0.5 degree facet noise of a few µm makes undercuts.
            ("draft_deg", t.draft_deg, 0.5, 15.0),
            ("edge_outer_mm", t.edge_outer_mm, 0.1, 1.0),
            ("edge_inner_mm", t.edge_inner_mm, 0.2, edge_room.min(2.0)),
            ("edge_thickness_mm_min", t.edge_thickness_mm_min, 0.3, t.thickness_mm),
            ("sinus_clearance_mm", t.sinus_clearance_mm, 0.0, 10.0),
            ("sinus_air_hu", t.sinus_air_hu, -800.0, -150.0),
            ("perfusion_hole_mm", t.perfusion_hole_mm, 0.0, 5.0),
            ("perfusion_pitch_mm", t.perfusion_pitch_mm, t.perfusion_hole_mm + 2.0, 50.0),
            ("hole_break_mm", t.hole_break_mm, 0.0, 0.4),
            ("suture_hole_mm", t.suture_hole_mm, 0.0, 3.0),
            ("suture_pitch_mm", t.suture_pitch_mm, t.suture_hole_mm + 5.0, 100.0),
            ("suture_area_cm2_min", t.suture_area_cm2_min, 0.0, 400.0),
            // Below 1.5 mm nobody reads it; above 6 mm it fits on no implant.
            ("marking_letter_mm", t.marking_letter_mm, 1.5, 6.0),
            ("marking_depth_mm", t.marking_depth_mm, 0.05, 0.3),
            // The groove is less deep than its radius, so that its walls stand open; broader than 1 mm letters run together.
            ("marking_groove_radius_mm", t.marking_groove_radius_mm, t.marking_depth_mm + 0.05, 1.0),
            ("hole_rim_distance_mm", t.hole_rim_distance_mm, 1.0, 20.0),
            ("hole_sinus_distance_mm", t.hole_sinus_distance_mm, t.sinus_clearance_mm, 20.0),
            ("tool_radius_mm_min", t.tool_radius_mm_min, 0.25, 5.0),
            ("mesh_mm", t.mesh_mm, 0.15, 0.6),
            ("insertion_cone_deg", t.insertion_cone_deg, 0.0, 45.0),
            ("excess_gap_mm_review", t.excess_gap_mm_review, 0.05, 5.0),
            ("excess_gap_share_review", t.excess_gap_share_review, 0.0, 1.0),
            ("free_share_min", t.free_share_min, 0.0, 1.0),
            ("fixation_large_cm2", t.fixation_large_cm2, 5.0, 400.0),
            // Two sites are a hinge.
            ("fixation_sites_min", f64::from(t.fixation_sites_min), 3.0, f64::from(t.fixation_sites)),
            ("fixation_sites", f64::from(t.fixation_sites), 3.0, 16.0),
            (
                "fixation_sites_large_min",
                f64::from(t.fixation_sites_large_min),
                f64::from(t.fixation_sites_min),
                f64::from(t.fixation_sites_large),
            ),
            ("fixation_sites_large", f64::from(t.fixation_sites_large), 3.0, 24.0),
            ("fixation_implant_mm_min", t.fixation_implant_mm_min, 0.5, 8.0),
            ("fixation_bone_mm_min", t.fixation_bone_mm_min, 2.0, 8.0),
            ("fixation_bone_edge_mm_min", t.fixation_bone_edge_mm_min, 3.0, EDGE_TOLD_MM),
            ("fixation_venous_mm_min", t.fixation_venous_mm_min, 0.0, 30.0),
            ("plate_mm", t.plate_mm, 0.2, 2.0),
            ("plate_implant_edge_mm_min", t.plate_implant_edge_mm_min, 2.0, 10.0),
            // Both screws at their least distances, and the gap between.
            (
                "plate_reach_mm",
                t.plate_reach_mm,
                t.plate_implant_edge_mm_min + t.fixation_bone_edge_mm_min + t.gap_mm,
                30.0,
            ),
            ("onlay_clearance_mm", t.onlay_clearance_mm, 0.05, 1.0),
            ("ear_width_mm", t.ear_width_mm, t.countersink_mm + 2.0, 12.0),
            // The screw stands at the middle of the ear's round end.
            (
                "ear_length_mm",
                t.ear_length_mm,
                t.gap_mm + t.fixation_bone_edge_mm_min + 0.5 * t.ear_width_mm,
                15.0,
            ),
            ("ear_mm", t.ear_mm, 0.5, 3.0),
            ("screw_hole_mm", t.screw_hole_mm, 1.3, 2.4),
            ("countersink_mm", t.countersink_mm, t.screw_hole_mm + 0.4, 5.0),
            ("countersink_deg", t.countersink_deg, 60.0, 120.0),
            ("seating_trials", f64::from(t.seating_trials), 100.0, 10_000.0),
            ("seating_shift_mm", t.seating_shift_mm, 0.1, 3.0),
            ("seating_turn_deg", t.seating_turn_deg, 0.1, 10.0),
            ("seating_bias_mm", t.seating_bias_mm, 0.0, 2.0),
            ("seating_proud_mm_max", t.seating_proud_mm_max, 0.1, 3.0),
            ("seating_share_min", t.seating_share_min, 0.0, 1.0),
            ("scalp_skin_hu", t.scalp_skin_hu, -300.0, -200.0),
            ("scalp_lift_mm_review", t.scalp_lift_mm_review, 0.0, 20.0),
            ("envelope_area_cm2_min", t.envelope_area_cm2_min, 0.1, t.envelope_area_cm2_max),
            ("envelope_area_cm2_max", t.envelope_area_cm2_max, 1.0, 400.0),
            ("envelope_span_mm_max", t.envelope_span_mm_max, 10.0, 250.0),
            ("envelope_thickness_mm_min", t.envelope_thickness_mm_min, 0.3, t.envelope_thickness_mm_max),
            ("envelope_thickness_mm_max", t.envelope_thickness_mm_max, 0.5, 12.0),
            ("envelope_gap_mm_min", t.envelope_gap_mm_min, 0.0, t.envelope_gap_mm_max),
            ("envelope_gap_mm_max", t.envelope_gap_mm_max, 0.0, 3.0),
        ];
        for (key, found, low, high) in ranges {
            if !(low..=high).contains(&found) {
                return Err(ImplantParamError::Range { key, found, low, high });
            }
        }
        // 0 switches holes off; between is a hole no drill makes.
        for (key, found, high) in
            [("perfusion_hole_mm", t.perfusion_hole_mm, 5.0), ("suture_hole_mm", t.suture_hole_mm, 3.0)]
        {
            if found > 0.0 && found < 0.5 {
                return Err(ImplantParamError::Range { key, found, low: 0.5, high });
            }
        }
        // The cone may not eat the ear: under the head at least 0.3 mm of full bore are left.
        let deep_mm =
            0.5 * (t.countersink_mm - t.screw_hole_mm) / (0.5 * t.countersink_deg).to_radians().tan();
        if deep_mm > t.ear_mm - 0.3 {
            let high =
                t.screw_hole_mm + 2.0 * (t.ear_mm - 0.3) * (0.5 * t.countersink_deg).to_radians().tan();
            let (low, found) = (t.screw_hole_mm + 0.4, t.countersink_mm);
            return Err(ImplantParamError::Range { key: "countersink_mm", found, low, high });
        }
        if t.kind == Kind::Onlay && t.fixation == Fixation::Plates {
            return Err(ImplantParamError::OnlayWithPlates);
        }
        Ok(Self { toml: t })
    }
}

impl From<ImplantParams> for ImplantToml {
    fn from(p: ImplantParams) -> Self {
        p.toml
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        implant: ImplantParams,
    }

    /// The shipped table with some `key = value` lines replaced.
    pub fn peek_with(changes: &[(&str, &str)]) -> ImplantParams {
        with(include_str!("params-peek.toml"), changes).expect("a valid table")
    }

    /// The same of titanium.
    pub fn titanium_with(changes: &[(&str, &str)]) -> ImplantParams {
        with(include_str!("params-titanium.toml"), changes).expect("a valid table")
    }

    fn with(table: &str, changes: &[(&str, &str)]) -> Result<ImplantParams, toml::de::Error> {
        let text: String = table
            .lines()
            .map(|line| {
                let key = line.split(" = ").next().unwrap_or("");
                match changes.iter().find(|c| c.0 == key) {
                    Some((key, value)) => format!("{key} = {value}\n"),
                    None => format!("{line}\n"),
                }
            })
            .collect();
        toml::from_str::<File>(&text).map(|f| f.implant)
    }

    #[test]
    fn what_holds_the_implant_is_checked() {
        let titanium = include_str!("params-titanium.toml");
        for (changes, says) in [
            (&[("type", "\"onlay\""), ("fixation", "\"plates\"")][..], "an onlay is held by its ears"),
            (&[("ear_length_mm", "6.0")], "implant.ear_length_mm is 6, but must lie between 9 and 15"),
            (&[("countersink_mm", "4.0")], "implant.countersink_mm is 4, but must lie between 2.1 and 3.0"),
            (&[("plate_reach_mm", "9.0")], "implant.plate_reach_mm is 9, but must lie between 9.5 and 30"),
            (&[("fixation_sites_min", "2")], "implant.fixation_sites_min is 2"),
            (&[("seating_trials", "10")], "implant.seating_trials is 10"),
            (&[("scalp_lift_mm_review", "nan")], "implant.scalp_lift_mm_review is NaN"),
            (&[("type", "\"overlay\"")], "unknown variant"),
        ] {
            let message = with(titanium, changes).err().expect("refused").to_string();
            assert!(message.contains(says), "{message}");
        }
        assert_eq!(titanium_with(&[("type", "\"onlay\"")]).toml.kind, Kind::Onlay);
    }

    #[test]
    fn the_shipped_tables_are_read() {
        assert_eq!(peek_with(&[]).gap_mm(), 0.5);
        let titanium: File = toml::from_str(include_str!("params-titanium.toml")).expect("valid");
        assert_eq!(titanium.implant.toml.thickness_mm, 1.5);
        assert_eq!(titanium.implant.toml.fixation, Fixation::Ears);
    }

    #[test]
    fn values_out_of_range_and_unknown_or_absent_keys_are_refused() {
        let good = include_str!("params-peek.toml");
        for (from, to, says) in [
            ("gap_mm = 0.5", "gap_mm = -0.1", "implant.gap_mm is -0.1"),
            ("gap_mm = 0.5", "gap_mm = nan", "implant.gap_mm is NaN"),
            ("draft_deg = 1.0", "draft_deg = 0.0", "implant.draft_deg is 0"),
            ("thickness_mm_min = 2.0", "thickness_mm_min = 5.0", "implant.thickness_mm_min is 5"),
            ("mesh_mm = 0.3", "mesh_mm = 0.3\nmesh = 1", "unknown field"),
            ("mesh_mm = 0.3", "", "missing field"),
            ("thickness = \"constant\"", "thickness = \"thin\"", "unknown variant"),
            ("marking_face = \"outer\"", "marking_face = \"edge\"", "unknown variant"),
            ("marking_depth_mm = 0.15", "marking_depth_mm = 0.5", "implant.marking_depth_mm is 0.5"),
        ] {
            let bad = good.replacen(&format!("\n{from}"), &format!("\n{to}"), 1);
            assert_ne!(bad, good);
            let message = toml::from_str::<File>(&bad).err().expect("refused").to_string();
            assert!(message.contains(says), "{message}");
        }
    }
}

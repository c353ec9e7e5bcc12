//! What `[implant]` of a pipeline says.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A value of `[implant]` that cannot be used.
#[derive(Debug, Error, PartialEq)]
#[error("implant.{key} is {found}, but must lie between {low} and {high}: correct it in the pipeline file")]
pub struct ImplantParamError {
    /// Key in the table.
    pub key: &'static str,
    /// What stood there.
    pub found: f64,
    /// Smallest usable value.
    pub low: f64,
    /// Largest usable value.
    pub high: f64,
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

/// `[implant]` as it stands in the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ImplantToml {
    pub gap_mm: f64,
    pub thickness_mm: f64,
    pub thickness_mm_min: f64,
    pub inner_clearance_mm: f64,
    pub draft_deg: f64,
    pub edge_outer_mm: f64,
    pub edge_inner_mm: f64,
    pub edge_thickness_mm_min: f64,
    pub sinus_clearance_mm: f64,
    pub sinus_air_hu: f64,
    pub perfusion_hole_mm: f64,
    pub perfusion_pitch_mm: f64,
    pub hole_rim_distance_mm: f64,
    pub hole_sinus_distance_mm: f64,
    pub tool_radius_mm_min: f64,
    pub mesh_mm: f64,
    pub insertion_cone_deg: f64,
    pub excess_gap_mm_review: f64,
    pub excess_gap_share_review: f64,
    pub free_share_min: f64,
    pub fixation: Fixation,
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
            // Below 0.5 degree facet noise of a few µm makes undercuts.
            ("draft_deg", t.draft_deg, 0.5, 15.0),
            ("edge_outer_mm", t.edge_outer_mm, 0.1, 1.0),
            ("edge_inner_mm", t.edge_inner_mm, 0.2, edge_room.min(2.0)),
            ("edge_thickness_mm_min", t.edge_thickness_mm_min, 0.3, t.thickness_mm),
            ("sinus_clearance_mm", t.sinus_clearance_mm, 0.0, 10.0),
            ("sinus_air_hu", t.sinus_air_hu, -800.0, -150.0),
            ("perfusion_hole_mm", t.perfusion_hole_mm, 0.0, 5.0),
            ("perfusion_pitch_mm", t.perfusion_pitch_mm, t.perfusion_hole_mm + 2.0, 50.0),
            ("hole_rim_distance_mm", t.hole_rim_distance_mm, 1.0, 20.0),
            ("hole_sinus_distance_mm", t.hole_sinus_distance_mm, t.sinus_clearance_mm, 20.0),
            ("tool_radius_mm_min", t.tool_radius_mm_min, 0.25, 5.0),
            ("mesh_mm", t.mesh_mm, 0.15, 0.6),
            ("insertion_cone_deg", t.insertion_cone_deg, 0.0, 45.0),
            ("excess_gap_mm_review", t.excess_gap_mm_review, 0.05, 5.0),
            ("excess_gap_share_review", t.excess_gap_share_review, 0.0, 1.0),
            ("free_share_min", t.free_share_min, 0.0, 1.0),
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
                return Err(ImplantParamError { key, found, low, high });
            }
        }
        // 0 switches perfusion holes off; between is a hole no drill makes.
        if t.perfusion_hole_mm > 0.0 && t.perfusion_hole_mm < 0.5 {
            return Err(ImplantParamError {
                key: "perfusion_hole_mm",
                found: t.perfusion_hole_mm,
                low: 0.5,
                high: 5.0,
            });
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
        let text: String = include_str!("params-peek.toml")
            .lines()
            .map(|line| {
                let key = line.split(" = ").next().unwrap_or("");
                match changes.iter().find(|c| c.0 == key) {
                    Some((key, value)) => format!("{key} = {value}\n"),
                    None => format!("{line}\n"),
                }
            })
            .collect();
        toml::from_str::<File>(&text).expect("a valid table").implant
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
        ] {
            let bad = good.replacen(&format!("\n{from}"), &format!("\n{to}"), 1);
            assert_ne!(bad, good);
            let message = toml::from_str::<File>(&bad).err().expect("refused").to_string();
            assert!(message.contains(says), "{message}");
        }
    }
}

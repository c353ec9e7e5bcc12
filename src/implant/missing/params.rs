//! What `[reconstruction]` of a pipeline says.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::contour::ContourEdit;

/// A value of `[reconstruction]` that cannot be used.
#[derive(Debug, Error, PartialEq)]
pub enum MissingParamError {
    /// A number out of its range.
    #[error(
        "reconstruction.{key} is {found}, but must lie between {low} and {high}: correct it in the pipeline file"
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
    /// A side that is none.
    #[error(
        "reconstruction.side_stated is \"{found}\", but must be \"left\", \"right\", \"midline\", or \"\" where nobody \
         stated one: correct it in the pipeline file"
    )]
    Side {
        /// What stood there.
        found: String,
    },
    /// A contour edit that cannot be.
    #[error(
        "edit {number} of reconstruction.contour_edits has {key} = {found}, but must have {expected}: correct it in the \
         pipeline file"
    )]
    Edit {
        /// Which one, from 1.
        number: usize,
        /// Its key.
        key: &'static str,
        /// What stood there.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
}

/// `[reconstruction]` as it stands in the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MissingToml {
    defect_area_cm2_min: f64,
    defect_area_cm2_note: f64,
    fine_gap_width_mm: f64,
    rim_agreement_mm: f64,
    rim_sunken_width_mm: f64,
    sinus_air_hu: f64,
    sinus_wall_hu_min: f64,
    marrow_gap_mm_max: f64,
    vault_elevation_front_deg: f64,
    vault_elevation_side_deg: f64,
    vault_elevation_back_deg: f64,
    defect_area_cm2_review: f64,
    sigma_mm_p95_review: f64,
    rim_to_border_mm_min: f64,
    side_stated: String,
    head_length_mm_min: f64,
    head_length_mm_max: f64,
    head_breadth_mm_min: f64,
    head_breadth_mm_max: f64,
    vault_step_mm_review: f64,
    vault_step_length_mm_min: f64,
    foreign_mm3_review: f64,
    filled_hu_review: f64,
    contour_edits: Vec<ContourEdit>,
}

/// `[reconstruction]`, checked; angles in rad, areas in mm².
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "MissingToml", into = "MissingToml")]
pub struct MissingParams {
    toml: MissingToml,
}

impl MissingParams {
    pub(super) fn defect_area_mm2_min(&self) -> f64 {
        self.toml.defect_area_cm2_min * 100.0
    }
    pub(super) fn defect_area_mm2_note(&self) -> f64 {
        self.toml.defect_area_cm2_note * 100.0
    }
    pub(super) fn defect_area_mm2_review(&self) -> f64 {
        self.toml.defect_area_cm2_review * 100.0
    }
    pub(super) fn fine_gap_width_mm(&self) -> f64 {
        self.toml.fine_gap_width_mm
    }
    pub(super) fn rim_agreement_mm(&self) -> f64 {
        self.toml.rim_agreement_mm
    }
    pub(super) fn rim_sunken_width_mm(&self) -> f64 {
        self.toml.rim_sunken_width_mm
    }
    pub(super) fn sinus_air_hu(&self) -> f64 {
        self.toml.sinus_air_hu
    }
    pub(super) fn sinus_wall_hu_min(&self) -> f64 {
        self.toml.sinus_wall_hu_min
    }
    pub(super) fn marrow_gap_mm_max(&self) -> f64 {
        self.toml.marrow_gap_mm_max
    }
    pub(super) fn sigma_mm_p95_review(&self) -> f64 {
        self.toml.sigma_mm_p95_review
    }
    pub(super) fn rim_to_border_mm_min(&self) -> f64 {
        self.toml.rim_to_border_mm_min
    }
    /// Least and largest length of an adult's vault, mm.
    pub(super) fn head_length_mm(&self) -> [f64; 2] {
        [self.toml.head_length_mm_min, self.toml.head_length_mm_max]
    }
    /// Least and largest breadth of an adult's vault, mm.
    pub(super) fn head_breadth_mm(&self) -> [f64; 2] {
        [self.toml.head_breadth_mm_min, self.toml.head_breadth_mm_max]
    }
    pub(super) fn vault_step_mm_review(&self) -> f64 {
        self.toml.vault_step_mm_review
    }
    pub(super) fn vault_step_length_mm_min(&self) -> f64 {
        self.toml.vault_step_length_mm_min
    }
    pub(super) fn foreign_mm3_review(&self) -> f64 {
        self.toml.foreign_mm3_review
    }
    pub(super) fn filled_hu_review(&self) -> f64 {
        self.toml.filled_hu_review
    }
    /// `left`, `right` or `midline`; empty where nobody stated a side.
    pub(super) fn side_stated(&self) -> &str {
        &self.toml.side_stated
    }
    /// Places where a planner raises or lowers the outer contour.
    pub(super) fn contour_edits(&self) -> &[ContourEdit] {
        &self.toml.contour_edits
    }
    /// Elevations of the vault's lower border in front, at the side, at the back, rad.
    pub(super) fn vault_elevation_rad(&self) -> [f64; 3] {
        [
            self.toml.vault_elevation_front_deg.to_radians(),
            self.toml.vault_elevation_side_deg.to_radians(),
            self.toml.vault_elevation_back_deg.to_radians(),
        ]
    }
}

impl TryFrom<MissingToml> for MissingParams {
    type Error = MissingParamError;

    fn try_from(toml: MissingToml) -> Result<Self, MissingParamError> {
        // A value outside its range would make a defect vanish or a suture a defect, so it is refused.
        let ranges = [
            ("defect_area_cm2_min", toml.defect_area_cm2_min, 0.5, 50.0),
            ("defect_area_cm2_note", toml.defect_area_cm2_note, 0.1, toml.defect_area_cm2_min),
            ("fine_gap_width_mm", toml.fine_gap_width_mm, 0.5, 10.0),
            ("rim_agreement_mm", toml.rim_agreement_mm, 0.1, 3.0),
            ("rim_sunken_width_mm", toml.rim_sunken_width_mm, 2.0, 20.0),
            ("sinus_air_hu", toml.sinus_air_hu, -800.0, -150.0),
            ("sinus_wall_hu_min", toml.sinus_wall_hu_min, 50.0, 600.0),
            ("marrow_gap_mm_max", toml.marrow_gap_mm_max, 1.0, 12.0),
            ("vault_elevation_front_deg", toml.vault_elevation_front_deg, -20.0, 30.0),
            ("vault_elevation_side_deg", toml.vault_elevation_side_deg, -35.0, 20.0),
            ("vault_elevation_back_deg", toml.vault_elevation_back_deg, -40.0, 20.0),
            ("defect_area_cm2_review", toml.defect_area_cm2_review, toml.defect_area_cm2_min, 250.0),
            ("rim_to_border_mm_min", toml.rim_to_border_mm_min, 0.0, 40.0),
            ("sigma_mm_p95_review", toml.sigma_mm_p95_review, 0.1, 5.0),
            ("head_length_mm_min", toml.head_length_mm_min, 60.0, toml.head_length_mm_max),
            ("head_length_mm_max", toml.head_length_mm_max, 100.0, 250.0),
            ("head_breadth_mm_min", toml.head_breadth_mm_min, 50.0, toml.head_breadth_mm_max),
            ("head_breadth_mm_max", toml.head_breadth_mm_max, 80.0, 200.0),
            // Below 1 mm the skull's own texture is a step, above 5 a flap may lie under the bone.
            ("vault_step_mm_review", toml.vault_step_mm_review, 1.0, 5.0),
            ("vault_step_length_mm_min", toml.vault_step_length_mm_min, 10.0, 60.0),
            ("foreign_mm3_review", toml.foreign_mm3_review, 1.0, 1000.0),
            ("filled_hu_review", toml.filled_hu_review, 60.0, 226.0),
        ];
        for (key, found, low, high) in ranges {
            if !(low..=high).contains(&found) {
                return Err(MissingParamError::Range { key, found, low, high });
            }
        }
        if !["", "left", "right", "midline"].contains(&toml.side_stated.as_str()) {
            return Err(MissingParamError::Side { found: toml.side_stated });
        }
        for (number, edit) in toml.contour_edits.iter().enumerate() {
            edit.check(number + 1)?;
        }
        Ok(Self { toml })
    }
}

impl From<MissingParams> for MissingToml {
    fn from(p: MissingParams) -> Self {
        p.toml
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEEK: &str = include_str!("../../../pipelines/cranial-peek.toml");
    const TITANIUM: &str = include_str!("../../../pipelines/cranial-titanium.toml");

    fn table(text: &str) -> toml::Table {
        let mut file: toml::Table = toml::from_str(text).expect("shipped pipelines are TOML");
        let Some(toml::Value::Table(table)) = file.remove("reconstruction") else {
            panic!("no [reconstruction]")
        };
        table
    }

    #[test]
    fn the_shipped_tables_are_read() {
        for text in [PEEK, TITANIUM] {
            let params: MissingParams = table(text).try_into().expect("shipped tables are valid");
            assert_eq!(params.defect_area_mm2_min(), 400.0);
        }
    }

    #[test]
    fn a_value_out_of_range_an_unknown_and_an_absent_key_are_refused() {
        let with = |key: &str, value: f64| {
            let mut t = table(PEEK);
            t.insert(key.into(), value.into());
            t.try_into::<MissingParams>()
        };
        let message = with("rim_agreement_mm", -0.5).expect_err("refused").to_string();
        assert!(message.contains("reconstruction.rim_agreement_mm is -0.5"), "{message}");
        assert!(with("sinus_air_hu", f64::NAN).is_err());
        assert!(with("rim", 1.0).is_err());
        let mut absent = table(PEEK);
        absent.remove("fine_gap_width_mm");
        assert!(absent.try_into::<MissingParams>().is_err());
    }
}

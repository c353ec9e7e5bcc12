//! What `[reconstruction]` of a pipeline says.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A value of `[reconstruction]` that cannot be used.
#[derive(Debug, Error, PartialEq)]
#[error(
    "reconstruction.{key} is {found}, but must lie between {low} and {high}: correct it in the pipeline file"
)]
pub struct MissingParamError {
    /// Key in the table.
    pub key: &'static str,
    /// What stood there.
    pub found: f64,
    /// Smallest usable value.
    pub low: f64,
    /// Largest usable value.
    pub high: f64,
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
        ];
        for (key, found, low, high) in ranges {
            if !(low..=high).contains(&found) {
                return Err(MissingParamError { key, found, low, high });
            }
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

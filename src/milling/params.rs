//! The `[milling]` table.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a value of the table must be and is not.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{key} is {found}, but must lie between {low} and {high}: change it in the pipeline file")]
pub struct MillingParamError {
    /// Table and key.
    pub key: &'static str,
    /// What stands there.
    pub found: f64,
    /// Lowest that makes sense.
    pub low: f64,
    /// Highest that makes sense.
    pub high: f64,
}

/// As written in the file.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MillingToml {
    dexel_mm: f64,
    picture_mm: f64,
    stub_mm: f64,
    line_end_reach_mm: f64,
    contact_mm: f64,
    plunge_depth_mm_max: f64,
    arc_radius_error_mm_max: f64,
    path_blend_mm: f64,
    probe_overtravel_mm: f64,
}

/// How finely to mill, and what counts as a fault. Valid by construction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "MillingToml", into = "MillingToml")]
pub struct MillingParams {
    pub(super) dexel_mm: f64,
    pub(super) picture_mm: f64,
    pub(super) stub_mm: f64,
    pub(super) line_end_reach_mm: f64,
    pub(super) contact_mm: f64,
    pub(super) plunge_depth_mm_max: f64,
    pub(super) arc_radius_error_mm_max: f64,
    pub(super) path_blend_mm: f64,
    pub(super) probe_overtravel_mm: f64,
}

impl MillingParams {
    /// Distance between dexel lines, mm.
    pub fn dexel_mm(&self) -> f64 {
        self.dexel_mm
    }
}

impl TryFrom<MillingToml> for MillingParams {
    type Error = MillingParamError;

    fn try_from(t: MillingToml) -> Result<Self, MillingParamError> {
        let within = |key, found: f64, low, high| {
            if found.is_finite() && (low..=high).contains(&found) {
                Ok(found)
            } else {
                Err(MillingParamError { key, found, low, high })
            }
        };
        Ok(Self {
            dexel_mm: within("milling.dexel_mm", t.dexel_mm, 0.02, 2.0)?,
            picture_mm: within("milling.picture_mm", t.picture_mm, 0.02, 5.0)?,
            stub_mm: within("milling.stub_mm", t.stub_mm, 0.05, 1.0)?,
            line_end_reach_mm: within("milling.line_end_reach_mm", t.line_end_reach_mm, 0.2, 10.0)?,
            contact_mm: within("milling.contact_mm", t.contact_mm, 0.0001, 0.1)?,
            plunge_depth_mm_max: within("milling.plunge_depth_mm_max", t.plunge_depth_mm_max, 0.01, 20.0)?,
            arc_radius_error_mm_max: within(
                "milling.arc_radius_error_mm_max",
                t.arc_radius_error_mm_max,
                1e-5,
                0.2,
            )?,
            path_blend_mm: within("milling.path_blend_mm", t.path_blend_mm, 0.0001, 1.0)?,
            probe_overtravel_mm: within("milling.probe_overtravel_mm", t.probe_overtravel_mm, 0.05, 5.0)?,
        })
    }
}

impl From<MillingParams> for MillingToml {
    fn from(p: MillingParams) -> Self {
        Self {
            dexel_mm: p.dexel_mm,
            picture_mm: p.picture_mm,
            stub_mm: p.stub_mm,
            line_end_reach_mm: p.line_end_reach_mm,
            contact_mm: p.contact_mm,
            plunge_depth_mm_max: p.plunge_depth_mm_max,
            arc_radius_error_mm_max: p.arc_radius_error_mm_max,
            path_blend_mm: p.path_blend_mm,
            probe_overtravel_mm: p.probe_overtravel_mm,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The shipped table, with some keys replaced.
    pub fn params(changed: &[(&str, f64)]) -> MillingParams {
        let mut table: toml::Table = toml::from_str(include_str!("params-peek.toml")).expect("shipped table");
        let milling = table["milling"].as_table_mut().expect("a table");
        for (key, value) in changed {
            milling.insert((*key).to_owned(), toml::Value::Float(*value));
        }
        table.remove("milling").expect("there").try_into().expect("valid")
    }

    #[test]
    fn both_shipped_tables_are_valid() {
        assert_eq!(params(&[]).dexel_mm(), 0.1);
        let table: toml::Table = toml::from_str(include_str!("params-titanium.toml")).expect("table");
        let _: MillingParams = table["milling"].clone().try_into().expect("valid");
    }

    #[test]
    fn a_value_out_of_range_or_an_unknown_key_is_refused() {
        let table = |text: &str| toml::from_str::<toml::Table>(text).unwrap()["milling"].clone();
        let text = include_str!("params-peek.toml");
        let bad = text.replace("dexel_mm = 0.1", "dexel_mm = 0.0");
        let e = table(&bad).try_into::<MillingParams>().unwrap_err().to_string();
        assert!(e.contains("milling.dexel_mm is 0"), "{e}");
        let nan = text.replace("dexel_mm = 0.1", "dexel_mm = nan");
        assert!(table(&nan).try_into::<MillingParams>().is_err());
        let extra = format!("{text}\nspeed = 3.0\n");
        assert!(table(&extra).try_into::<MillingParams>().is_err());
    }
}

//! The table `[inspect]`.

use serde::{Deserialize, Serialize};

use super::error::InspectError;
use super::floor::CapabilityToml;

/// What inspection holds the part against. Made from the pipeline's table `[inspect]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "InspectToml", into = "InspectToml")]
pub struct InspectParams {
    pub(super) t: InspectToml,
}

/// The table as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InspectToml {
    /// Either way, whole finished surface, mm.
    pub tolerance_mm: f64,
    /// Distance between samples, mm; 0.1 at most.
    pub sample_mm: f64,
    /// Largest area left out for one tab, mm².
    pub tab_witness_mm2_max: f64,
    /// Beyond the stub, how far the fillets beside a tab reach at most, mm.
    pub tab_witness_margin_mm: f64,
    /// Fewest tabs that are believed.
    pub tab_witness_count_min: usize,
    /// Most tabs that are believed.
    pub tab_witness_count_max: usize,
    /// Largest share of the surface left out for all tabs.
    pub tab_witness_share_max: f64,
    /// A design whose marking is deeper is refused, mm.
    pub marking_depth_mm_max: f64,
    /// Largest share of the surface that the marking may cover.
    pub marking_share_max: f64,
    /// How far the rim looks for bone, mm.
    pub bone_reach_mm: f64,
    /// A gap within this of nominal is free rim whatever else holds, mm.
    pub rim_class_tolerance_mm: f64,
    /// Limit of |gap − nominal| over the free rim, 95th percentile, mm.
    pub gap_error_mm_p95_max: f64,
    /// Least share of free rim.
    pub free_share_min: f64,
    /// Least share of the rim wall that looks at bone.
    pub rim_facing_share_min: f64,
    /// Clearance that a rim keeps from the air of a sinus, mm.
    pub sinus_clearance_mm: f64,
    /// Darker than this is air, HU.
    pub sinus_air_hu: f64,
    /// Share of the rim with no bone to follow above which somebody must look.
    pub open_rim_share_max: f64,
    /// Fewest rim samples.
    pub rim_samples_min: usize,
    /// Limit of interference, mm³.
    pub interference_mm3_max: f64,
    /// Limit of undercut, mm³.
    pub undercut_mm3_max: f64,
    /// Distance between the lines of the undercut check, mm.
    pub column_mm: f64,
    /// Least thickness away from rim and holes, mm.
    pub thickness_mm_min: f64,
    /// How far away from rim and holes, mm.
    pub thickness_rim_margin_mm: f64,
    /// How far the push-in test moves the part, mm.
    pub push_in_mm: f64,
    /// How far it looks for the first contact, mm.
    pub push_in_search_mm: f64,
    /// Fewest contact places of a seated part.
    pub push_in_contacts_min: usize,
    /// Angle they must span, degrees.
    pub push_in_span_deg_min: f64,
    /// Bone's outer surface is fitted from this far beyond the rim, mm.
    pub step_bone_from_mm: f64,
    /// To this far, mm.
    pub step_bone_to_mm: f64,
    /// Step above which somebody must look, 95th percentile, mm.
    pub step_mm_p95_review: f64,
    /// Either way, mm.
    pub hole_diameter_tolerance_mm: f64,
    /// Fewest measured points of a real part.
    pub measured_points_min: usize,
    /// Fewest of them on the rim.
    pub measured_rim_points_min: usize,
    /// What a real machine is off by: the table `[inspect.capability]`.
    pub capability: CapabilityToml,
}

impl TryFrom<InspectToml> for InspectParams {
    type Error = InspectError;

    fn try_from(t: InspectToml) -> Result<Self, InspectError> {
        let positive = [
            ("inspect.tolerance_mm", t.tolerance_mm),
            ("inspect.tab_witness_mm2_max", t.tab_witness_mm2_max),
            ("inspect.marking_depth_mm_max", t.marking_depth_mm_max),
            ("inspect.bone_reach_mm", t.bone_reach_mm),
            ("inspect.rim_class_tolerance_mm", t.rim_class_tolerance_mm),
            ("inspect.gap_error_mm_p95_max", t.gap_error_mm_p95_max),
            ("inspect.thickness_mm_min", t.thickness_mm_min),
            ("inspect.thickness_rim_margin_mm", t.thickness_rim_margin_mm),
            ("inspect.push_in_mm", t.push_in_mm),
            ("inspect.step_bone_from_mm", t.step_bone_from_mm),
            ("inspect.step_mm_p95_review", t.step_mm_p95_review),
            ("inspect.hole_diameter_tolerance_mm", t.hole_diameter_tolerance_mm),
        ];
        for (key, value) in positive {
            within(key, value, f64::MIN_POSITIVE, f64::MAX, "a positive number")?;
        }
        let not_negative = [
            ("inspect.tab_witness_margin_mm", t.tab_witness_margin_mm),
            ("inspect.interference_mm3_max", t.interference_mm3_max),
            ("inspect.undercut_mm3_max", t.undercut_mm3_max),
        ];
        for (key, value) in not_negative {
            within(key, value, 0.0, f64::MAX, "zero or a positive number")?;
        }
        let shares = [
            ("inspect.tab_witness_share_max", t.tab_witness_share_max),
            ("inspect.marking_share_max", t.marking_share_max),
            ("inspect.free_share_min", t.free_share_min),
            ("inspect.rim_facing_share_min", t.rim_facing_share_min),
            ("inspect.open_rim_share_max", t.open_rim_share_max),
        ];
        for (key, value) in shares {
            within(key, value, 0.0, 1.0, "a share from 0 to 1")?;
        }
        within("inspect.sinus_clearance_mm", t.sinus_clearance_mm, 0.0, 10.0, "0 to 10 mm")?;
        within("inspect.sinus_air_hu", t.sinus_air_hu, -800.0, -150.0, "-800 to -150 HU")?;
        // 0.1 mm: the contract's densest promise; 0.02 would be 25 times the work for nothing.
        within("inspect.sample_mm", t.sample_mm, 0.02, 0.1, "0.02 to 0.1 mm")?;
        within("inspect.column_mm", t.column_mm, 0.05, 0.5, "0.05 to 0.5 mm")?;
        within("inspect.push_in_search_mm", t.push_in_search_mm, t.push_in_mm, 20.0, "push_in_mm to 20 mm")?;
        within("inspect.push_in_span_deg_min", t.push_in_span_deg_min, 0.0, 360.0, "0 to 360 degrees")?;
        let reach = t.step_bone_to_mm - t.step_bone_from_mm;
        if !(reach.is_finite() && reach > 0.0) {
            return Err(InspectError::Param {
                key: "inspect.step_bone_to_mm",
                value: t.step_bone_to_mm,
                expected: "more than inspect.step_bone_from_mm",
            });
        }
        if t.tab_witness_count_max < t.tab_witness_count_min {
            return Err(InspectError::Param {
                key: "inspect.tab_witness_count_max",
                value: t.tab_witness_count_max as f64,
                expected: "no less than inspect.tab_witness_count_min",
            });
        }
        t.capability.check()?;
        Ok(Self { t })
    }
}

pub(super) fn within(
    key: &'static str,
    value: f64,
    lo: f64,
    hi: f64,
    expected: &'static str,
) -> Result<(), InspectError> {
    // NaN is in no range.
    if (lo..=hi).contains(&value) { Ok(()) } else { Err(InspectError::Param { key, value, expected }) }
}

impl From<InspectParams> for InspectToml {
    fn from(p: InspectParams) -> Self {
        p.t
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        inspect: InspectParams,
    }

    pub fn peek() -> InspectParams {
        toml::from_str::<File>(include_str!("params-peek.toml")).unwrap().inspect
    }

    #[test]
    fn the_shipped_tables_are_valid() {
        assert_eq!(peek().t.tolerance_mm, 0.0254);
        let ti = toml::from_str::<File>(include_str!("params-titanium.toml")).unwrap().inspect;
        assert_eq!(ti.t.thickness_mm_min, 1.0);
    }

    #[test]
    fn a_value_out_of_range_or_not_a_number_is_refused_by_its_key() {
        let with = |change: &str, to: &str| {
            let text = include_str!("params-peek.toml").replace(change, to);
            assert_ne!(text, include_str!("params-peek.toml"), "the table changed");
            toml::from_str::<File>(&text).map(|_| ()).unwrap_err().to_string()
        };
        assert!(with("tolerance_mm = 0.0254", "tolerance_mm = nan").contains("inspect.tolerance_mm is NaN"));
        assert!(with("sample_mm = 0.1", "sample_mm = 0.2").contains("0.02 to 0.1 mm"));
        assert!(with("free_share_min = 0.60", "free_share_min = 60.0").contains("a share"));
        assert!(with("free_share_min", "free_share_mim").contains("free_share_mim"));
        assert!(with("push_in_mm = 1.0\n", "").contains("push_in_mm"));
        let sigma = "tool_length_mm_sigma = 0.005";
        let negative = with(sigma, "tool_length_mm_sigma = -0.005");
        assert!(negative.contains("inspect.capability.tool_length_mm_sigma is -0.005"), "{negative}");
        let swapped = with("runout_tir_mm_min = 0.0025", "runout_tir_mm_min = 0.5");
        assert!(swapped.contains("inspect.capability.runout_tir_mm_max"), "{swapped}");
    }
}

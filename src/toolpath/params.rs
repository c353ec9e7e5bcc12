//! The `[toolpath]` table of a pipeline.

use serde::{Deserialize, Serialize};

use super::error::ToolpathError;

/// What to leave, how finely to approach the surface, how to enter. Valid by construction.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(try_from = "ToolpathToml", into = "ToolpathToml")]
pub struct ToolpathParams {
    t: ToolpathToml,
}

/// How the shallow part is finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FinishPattern {
    /// Parallel lines, spaced by slope.
    Raster,
    /// Lines of equal distance along the surface, joined to spirals.
    Scallop,
}

/// The table as it stands in the file.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ToolpathToml {
    /// Layers of roughing are no thicker, which bounds the steps left on slopes, mm; the material's depth over diameter may lower it.
    pub rough_layer_mm_max: f64,
    /// Deepest cut of roughing, whole layers at once, mm; the material's depth over diameter may lower it.
    pub rough_depth_mm_max: f64,
    /// Passes of finishing where the surface is shallow.
    pub finish_pattern: FinishPattern,
    /// Stock left by semi-finishing, mm.
    pub semi_allowance_mm: f64,
    /// Cusp of semi-finishing, mm.
    pub semi_scallop_mm: f64,
    /// Angle of ramps and helices into stock, degrees.
    pub ramp_angle_deg: f64,
    /// Feed of entries over the feed of cutting.
    pub ramp_feed_fraction: f64,
    /// How far a chord of the path may lie below the surface of cutter locations, mm.
    pub chord_gouge_mm_max: f64,
    /// How far a chord of the path may lie above it, mm.
    pub chord_excess_mm_max: f64,
    /// How far the rim ball goes on below the place where its equator passes the widest place, mm.
    pub rim_overtravel_mm: f64,
    /// Rapids end this far above what may still stand there, mm.
    pub rapid_gap_mm: f64,
    /// How far the drill's full diameter passes the far surface, mm.
    pub drill_overtravel_mm: f64,
    /// Residual stock on a design sample from which on a place is passed again, mm.
    pub residual_mm_max: f64,
}

impl TryFrom<ToolpathToml> for ToolpathParams {
    type Error = ToolpathError;

    fn try_from(t: ToolpathToml) -> Result<Self, ToolpathError> {
        // Bounds wide enough for any shop, narrow enough to catch a slipped decimal point.
        let bounded = [
            ("toolpath.rough_layer_mm_max", t.rough_layer_mm_max, 0.05, 20.0, "it must lie in 0.05 to 20 mm"),
            ("toolpath.rough_depth_mm_max", t.rough_depth_mm_max, 0.05, 40.0, "it must lie in 0.05 to 40 mm"),
            ("toolpath.semi_allowance_mm", t.semi_allowance_mm, 0.02, 0.5, "it must lie in 0.02 to 0.5 mm"),
            ("toolpath.semi_scallop_mm", t.semi_scallop_mm, 0.005, 0.3, "it must lie in 0.005 to 0.3 mm"),
            ("toolpath.ramp_angle_deg", t.ramp_angle_deg, 0.2, 10.0, "it must lie in 0.2 to 10 degrees"),
            ("toolpath.ramp_feed_fraction", t.ramp_feed_fraction, 0.05, 1.0, "it must lie in 0.05 to 1"),
            (
                "toolpath.chord_gouge_mm_max",
                t.chord_gouge_mm_max,
                1e-4,
                0.003,
                "it must lie in 0.0001 to 0.003 mm",
            ),
            (
                "toolpath.chord_excess_mm_max",
                t.chord_excess_mm_max,
                1e-4,
                0.01,
                "it must lie in 0.0001 to 0.01 mm",
            ),
            ("toolpath.rim_overtravel_mm", t.rim_overtravel_mm, 0.05, 3.0, "it must lie in 0.05 to 3 mm"),
            ("toolpath.rapid_gap_mm", t.rapid_gap_mm, 0.2, 10.0, "it must lie in 0.2 to 10 mm"),
            ("toolpath.drill_overtravel_mm", t.drill_overtravel_mm, 0.05, 3.0, "it must lie in 0.05 to 3 mm"),
            (
                "toolpath.residual_mm_max",
                t.residual_mm_max,
                0.001,
                0.0254,
                "it must lie in 0.001 to 0.0254 mm",
            ),
        ];
        for (key, value, lo, hi, needed) in bounded {
            // Written so that NaN fails.
            if !(value >= lo && value <= hi) {
                return Err(ToolpathError::Param { key, value, needed });
            }
        }
        Ok(Self { t })
    }
}

impl From<ToolpathParams> for ToolpathToml {
    fn from(p: ToolpathParams) -> Self {
        p.t
    }
}

impl std::ops::Deref for ToolpathParams {
    type Target = ToolpathToml;

    fn deref(&self) -> &ToolpathToml {
        &self.t
    }
}

#[cfg(test)]
pub(crate) fn shipped(text: &str) -> ToolpathParams {
    toml::from_str(text).expect("the shipped table is valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_tables_are_valid() {
        shipped(include_str!("params-peek.toml"));
        shipped(include_str!("params-titanium.toml"));
    }

    #[test]
    fn a_missing_an_unknown_and_a_wild_key_are_refused() {
        let text = include_str!("params-peek.toml");
        let without: String =
            text.lines().filter(|l| !l.starts_with("ramp_angle_deg")).collect::<Vec<_>>().join("\n");
        assert!(
            toml::from_str::<ToolpathParams>(&without).unwrap_err().to_string().contains("ramp_angle_deg")
        );
        assert!(toml::from_str::<ToolpathParams>(&format!("{text}\nsurprise_mm = 1.0\n")).is_err());
        for wild in ["nan", "-1.0", "0.0", "inf", "1000.0"] {
            let wild = text.lines().map(|l| {
                if l.starts_with("semi_allowance_mm") {
                    format!("semi_allowance_mm = {wild}")
                } else {
                    l.into()
                }
            });
            let e = toml::from_str::<ToolpathParams>(&wild.collect::<Vec<_>>().join("\n")).unwrap_err();
            assert!(e.to_string().contains("toolpath.semi_allowance_mm"), "{e}");
        }
    }
}

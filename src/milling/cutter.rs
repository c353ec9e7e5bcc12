//! The revolved cutter as the judge sees it: an end on top of which the body rises without end.
//!
//! Heights are measured up the tool from its tip, radii from its axis. The profile `height_mm(rho)` is convex, so
//! the cutter is convex, and so is what it sweeps along a straight move.

use crate::model::{Tool, ToolKind};

/// Form of the end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum End {
    /// Flat across the whole radius.
    Flat,
    /// Half a ball of the cutter's radius.
    Ball,
    /// Flat to `flat_mm`, then a quarter circle of `corner_mm`.
    Bull { flat_mm: f64, corner_mm: f64 },
    /// A point that rises `slope` mm per mm of radius.
    Cone { slope: f64 },
}

/// A tool ready for milling.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cutter {
    pub end: End,
    pub radius_mm: f64,
    pub flute_mm: f64,
    pub shank_radius_mm: f64,
    pub nose_mm: f64,
    pub holder_radius_mm: f64,
    /// Drills may go straight down.
    pub drills: bool,
}

impl Cutter {
    /// Checks the numbers of a tool.
    ///
    /// # Errors
    /// Which number cannot be, in words.
    pub fn new(tool: &Tool) -> Result<Self, String> {
        let radius = tool.diameter_mm / 2.0;
        let positive = [
            ("diameter_mm", tool.diameter_mm),
            ("flute_length_mm", tool.flute_length_mm),
            ("shank_diameter_mm", tool.shank_diameter_mm),
            ("stick_out_mm", tool.stick_out_mm),
            ("holder_diameter_mm", tool.holder_diameter_mm),
            ("holder_length_mm", tool.holder_length_mm),
        ];
        for (key, value) in positive {
            if !value.is_finite() || value <= 0.0 {
                return Err(format!("{key} is {value}, but must be positive"));
            }
        }
        if tool.stick_out_mm < tool.flute_length_mm {
            return Err(format!(
                "stick_out_mm is {}, but the flutes alone are {} mm long",
                tool.stick_out_mm, tool.flute_length_mm
            ));
        }
        let corner = tool.corner_radius_mm;
        let end = match tool.kind {
            ToolKind::Flat if corner == 0.0 => End::Flat,
            ToolKind::Ball | ToolKind::Probe if (corner - radius).abs() < 1e-9 => End::Ball,
            ToolKind::Bull if corner > 0.0 && corner < radius => {
                End::Bull { flat_mm: radius - corner, corner_mm: corner }
            }
            ToolKind::Drill | ToolKind::Chamfer => {
                let angle = tool.point_angle_deg;
                if !(angle > 0.0 && angle < 180.0) {
                    return Err(format!("point_angle_deg is {angle}, but must lie between 0 and 180"));
                }
                End::Cone { slope: 1.0 / (angle.to_radians() / 2.0).tan() }
            }
            kind => {
                return Err(format!(
                    "corner_radius_mm is {corner}, which does not go with {kind:?}: 0 for flat, {radius} for ball, between for bull"
                ));
            }
        };
        Ok(Self {
            end,
            radius_mm: radius,
            flute_mm: tool.flute_length_mm,
            shank_radius_mm: tool.shank_diameter_mm / 2.0,
            nose_mm: tool.stick_out_mm,
            holder_radius_mm: tool.holder_diameter_mm / 2.0,
            drills: tool.kind == ToolKind::Drill,
        })
    }

    /// Height of the end above the tip at radius `rho` up to the cutter's radius.
    #[inline]
    pub fn height_mm(&self, rho: f64) -> f64 {
        match self.end {
            End::Flat => 0.0,
            End::Ball => self.radius_mm - (self.radius_mm * self.radius_mm - rho * rho).max(0.0).sqrt(),
            End::Bull { flat_mm, corner_mm } => {
                let over = (rho - flat_mm).max(0.0);
                corner_mm - (corner_mm * corner_mm - over * over).max(0.0).sqrt()
            }
            End::Cone { slope } => slope * rho,
        }
    }

    /// Radius of the cutter at a height above its tip; `None` below the tip.
    #[inline]
    pub fn radius_at_mm(&self, height: f64) -> Option<f64> {
        if height < 0.0 {
            return None;
        }
        Some(match self.end {
            End::Flat => self.radius_mm,
            End::Ball if height < self.radius_mm => {
                (height * (2.0 * self.radius_mm - height)).max(0.0).sqrt()
            }
            End::Ball => self.radius_mm,
            End::Bull { flat_mm, corner_mm } if height < corner_mm => {
                flat_mm + (height * (2.0 * corner_mm - height)).max(0.0).sqrt()
            }
            End::Bull { .. } => self.radius_mm,
            End::Cone { slope } => (height / slope).min(self.radius_mm),
        })
    }
}

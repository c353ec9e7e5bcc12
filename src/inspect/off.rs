//! The path as it is on a machine that is a little off.
//!
//! No tree is built again: what moves a whole setup or a whole tool is the same as asking for another place in the frame
//! of that tool, and another radius is another cutter on the same tips. So every answer is as exact as the sweep's own.

use nalgebra::{Matrix3, Rotation3, Unit, Vector3};

use crate::model::{Tool, ToolKind};

use super::cutter::Cutter;
use super::sweep::{Near, Sweep};

/// One thing that is off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Off {
    /// A tool's radius, mm; the tip stays where it is, since lengths are measured there. Corner radii of bull-nose tools and
    /// angles of points stay.
    Radius { tool: u32, mm: f64 },
    /// A tool reaches so much farther than its offset says, mm.
    Length { tool: u32, mm: f64 },
    /// What a setup mills lies off by this, part mm.
    Shift { setup: u32, by_mm: Vector3<f64> },
    /// What a setup mills is turned about an axis through `about_mm`, right-handed; part frame.
    Turn { setup: u32, about_mm: Vector3<f64>, axis: Unit<Vector3<f64>>, rad: f64 },
    /// While a setup mills it, the part is larger by this share about `about_mm` (part frame).
    Larger { setup: u32, about_mm: Vector3<f64>, share: f64 },
}

/// A sweep that is off.
pub struct OffSweep {
    sweep: Sweep,
    /// What lengths in the tool's frame are of lengths in the part.
    scale: f64,
}

impl OffSweep {
    /// Nearest cutter, as [`Sweep::nearest`].
    pub fn nearest(&self, p_mm: [f64; 3], reach_mm: f64, hint: Option<u32>) -> Near {
        let near = self.sweep.nearest(p_mm, reach_mm * self.scale, hint);
        Near { distance_mm: near.distance_mm / self.scale, ..near }
    }
}

impl Sweep {
    /// The same path with all of `off`; `None` where a tool cannot be as asked.
    pub fn off(&self, off: &[Off]) -> Option<OffSweep> {
        let mut groups = self.groups.clone();
        let mut scale = 1.0;
        for g in &mut groups {
            for o in off {
                match *o {
                    Off::Radius { tool, mm } if tool == g.tool.number => {
                        g.cutter = Cutter::new(&wider(&g.tool, mm)).ok()?;
                    }
                    // A tip lower by this sees every place higher by it.
                    Off::Length { tool, mm } if tool == g.tool.number => g.offset.z += mm,
                    Off::Shift { setup, by_mm } if setup == g.setup => {
                        seen_through(&mut g.axes, &mut g.offset, &Matrix3::identity(), &-by_mm);
                    }
                    Off::Turn { setup, about_mm, axis, rad } if setup == g.setup => {
                        let back = *Rotation3::from_axis_angle(&axis, -rad).matrix();
                        let by = about_mm - back * about_mm;
                        seen_through(&mut g.axes, &mut g.offset, &back, &by);
                    }
                    // A place of the cold part was milled where it lay on the warm one.
                    Off::Larger { setup, about_mm, share } if setup == g.setup => {
                        let warm = Matrix3::identity() * (1.0 + share);
                        seen_through(&mut g.axes, &mut g.offset, &warm, &(-about_mm * share));
                        // One blank has one temperature: setups differ in the place, not in the share.
                        scale = 1.0 + share;
                    }
                    _ => {}
                }
            }
        }
        Some(OffSweep { sweep: Sweep { groups, places: self.places.clone() }, scale })
    }
}

/// A place `p` is now seen as `m·p + by` was.
fn seen_through(
    axes: &mut [Vector3<f64>; 3],
    offset: &mut Vector3<f64>,
    m: &Matrix3<f64>,
    by: &Vector3<f64>,
) {
    for k in 0..3 {
        offset[k] += axes[k].dot(by);
        axes[k] = m.transpose() * axes[k];
    }
}

fn wider(tool: &Tool, mm: f64) -> Tool {
    let mut t = tool.clone();
    t.diameter_mm += 2.0 * mm;
    if t.kind == ToolKind::Ball {
        t.corner_radius_mm = t.diameter_mm / 2.0;
    }
    t
}

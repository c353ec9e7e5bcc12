//! Ears of an onlay: tongues over sound bone, each with a countersunk hole square to the bone.
//!
//! An ear is a prism along the insertion axis whose plan is a slot with round ends, from inside the plate to beyond its
//! screw. Its underside is the completed outer table, or bone grown by `onlay_clearance_mm` where that stands farther out;
//! its top lies `onlay_clearance_mm + ear_mm` above the completed outer table. It joins the plate with a fillet of
//! the finishing tool's radius on the outer side. Below the table the plate's own gap is kept.
//!
//! What forbids ears a place is swept along the axis like the plate's wall, so plate and ears go in together.

use nalgebra::Vector3;
use rayon::prelude::*;

use super::field::{Fields, fillet, rounded};
use super::grid::PartGrid;
use super::hold::Spot;
use super::params::ImplantParams;

/// An ear's prism begins so far inside the rim, mm …
const ROOT_IN_MM: f64 = 4.0;
/// … and so far below the plate's outer face, mm.
const ROOT_DEEP_MM: f64 = 0.6;
/// Above this height over the completed outer table bone is kept off by the ears' clearance, below it by the gap; mm.
const TURN_MM: f64 = 0.4;
/// The underside rises from the root to the table over this much outside the plate's wall, mm.
const RISE_MM: f64 = 0.5;

/// The fillet has its whole radius this far inside the plate's wall, mm.
const FULL_FILLET_MM: f64 = 2.0;

/// The plan of one ear: middle line and half its width, across the insertion axis, mm.
#[derive(Clone, Copy, Debug)]
struct Slot {
    from: [f64; 2],
    to: [f64; 2],
    half_mm: f64,
}

/// The ears of an onlay as fields beside those of the plate.
pub(super) struct Ears {
    slots: Vec<Slot>,
    /// Positive where an ear would be too near to bone, swept; per sample.
    under: Vec<f32>,
    /// Height of the top over the completed outer table, mm.
    top_mm: f64,
    fillet_mm: f64,
    edge_mm: f64,
}

impl Ears {
    /// Ears at `spots`; `bone` is the distance to bone per sample.
    pub fn new(fields: &Fields, bone: &[f32], spots: &[Spot], params: &ImplantParams) -> Self {
        let t = &params.toml;
        let half_mm = 0.5 * t.ear_width_mm;
        let slots = spots
            .iter()
            .map(|s| {
                let root = |a: usize| s.rim_xy[a] - ROOT_IN_MM * s.outward[a];
                Slot { from: [root(0), root(1)], to: [s.bone.x, s.bone.y], half_mm }
            })
            .collect();
        let (gap, over) = (t.gap_mm, t.onlay_clearance_mm);
        let mut under: Vec<f32> = bone
            .par_iter()
            .zip(&fields.outer)
            .map(|(&d, &outer)| {
                let up = (f64::from(outer) / TURN_MM).clamp(0.0, 1.0);
                (gap + up * (over - gap) - f64::from(d)) as f32
            })
            .collect();
        let layer = fields.grid.layer();
        for k in (0..fields.grid.dims[2] - 1).rev() {
            let (low, high) = under.split_at_mut((k + 1) * layer);
            low[k * layer..].par_iter_mut().zip(&high[..layer]).for_each(|(b, a)| *b = b.max(*a));
        }
        Self {
            slots,
            under,
            top_mm: over + t.ear_mm,
            fillet_mm: params.concave_radius_mm(),
            edge_mm: t.edge_outer_mm,
        }
    }

    /// Distance to the nearest ear's plan, mm, negative within, and its gradient across the axis.
    pub fn side(&self, x: f64, y: f64) -> (f64, Vector3<f64>) {
        let mut best = (f64::INFINITY, Vector3::x());
        for s in &self.slots {
            let (ex, ey) = (s.to[0] - s.from[0], s.to[1] - s.from[1]);
            let (dx, dy) = (x - s.from[0], y - s.from[1]);
            let along = ((dx * ex + dy * ey) / (ex * ex + ey * ey).max(1e-12)).clamp(0.0, 1.0);
            let away = Vector3::new(dx - along * ex, dy - along * ey, 0.0);
            let d = away.norm() - s.half_mm;
            if d < best.0 {
                let g = if away.norm() > 1e-9 { away.normalize() } else { Vector3::x() };
                best = (d, g);
            }
        }
        best
    }

    /// True where an ear can change the body.
    pub fn matters(&self, x: f64, y: f64, beyond_mm: f64) -> bool {
        self.side(x, y).0 < self.fillet_mm + beyond_mm
    }

    /// True where the body is an ear and not the plate.
    pub fn is_ear(&self, fields: &Fields, p_mm: [f64; 3]) -> bool {
        self.side(p_mm[0], p_mm[1]).0 < self.fillet_mm
            && fields.grid.cell(p_mm).value(&fields.outer) > -ROOT_DEEP_MM - 0.2
    }

    /// The plate with the ears at any place: from the plate's value and gradient, the outer sheet's, and the wall's value.
    pub fn with_plate(
        &self,
        grid: &PartGrid,
        p_mm: [f64; 3],
        plate: (f64, Vector3<f64>),
        outer: (f64, Vector3<f64>),
        wall: f64,
    ) -> f64 {
        let side = self.side(p_mm[0], p_mm[1]);
        if side.0 > self.fillet_mm + 1.0 {
            return plate.0;
        }
        let floor_mm = -ROOT_DEEP_MM * (1.0 - (wall / RISE_MM).clamp(0.0, 1.0));
        let floor = (floor_mm - outer.0, -outer.1);
        let under = grid.cell(p_mm).of(&self.under);
        // Both edges of the underside are broken: where it is the table, and where it is grown bone.
        let (from_table, from_bone) =
            (rounded(side, floor, self.edge_mm), rounded(side, under, self.edge_mm));
        let steepest = [(side.0, side.1), (floor.0, floor.1), (under.0, under.1)];
        let along = steepest.into_iter().max_by(|a, b| a.0.total_cmp(&b.0)).map_or(side.1, |s| s.1);
        // At the wall the corner is as narrow as the groove beside bone, and a fillet there would be a feather in it.
        let inside = (-wall / FULL_FILLET_MM).clamp(0.0, 1.0);
        let fillet_mm = self.fillet_mm * inside * inside * (3.0 - 2.0 * inside);
        let joined = fillet(plate, (from_table.max(from_bone), along), fillet_mm);
        let top = (outer.0 - self.top_mm, outer.1);
        // The fillet, too, keeps off bone; the plate does so by itself.
        rounded(joined, top, self.edge_mm).max(under.0)
    }
}

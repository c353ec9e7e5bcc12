//! Bores of the flip coupon: the rough mill goes down in a helix, cuts one full turn at the bottom and leaves from the middle.

use std::f64::consts::PI;

use crate::model::{FlipCoupon, Move, Point, Tool};

use super::params::ToolpathParams;
use super::scene::Scene;

/// Down to `depth_mm` below the top face at every place of the coupon, `diameter_mm` wide.
pub fn bores(
    coupon: &FlipCoupon,
    (diameter_mm, depth_mm): (f64, f64),
    scene: &Scene,
    mill: &Tool,
    layer_mm: f64,
    params: &ToolpathParams,
) -> Vec<Move> {
    let orbit_mm = 0.5 * (diameter_mm - mill.diameter_mm);
    let top = scene.stock_hi[2];
    let bottom = top - depth_mm;
    let half_turn_mm = (PI * orbit_mm * params.ramp_angle_deg.to_radians().tan()).min(0.5 * layer_mm);
    // Whole half turns from a little above the face; the last ends at the bottom.
    let start = top + params.rapid_gap_mm.min(half_turn_mm);
    let halves = ((start - bottom) / half_turn_mm).ceil().max(1.0) as usize;
    let mut moves = Vec::new();
    for &[x, y] in &coupon.places_xy_mm {
        let middle = scene.work_from_part.apply(Point::new([x, y, 0.0])).mm;
        let side = |k: usize| middle[0] + if k % 2 == 0 { orbit_mm } else { -orbit_mm };
        let centre_xy = [middle[0], middle[1]];
        moves.push(Move::Rapid([side(0), middle[1], scene.clearance_mm]));
        moves.push(Move::Rapid([side(0), middle[1], (top + params.rapid_gap_mm).min(scene.clearance_mm)]));
        moves.push(Move::Plunge([side(0), middle[1], start]));
        // Counter-clockwise: climb milling inside a bore.
        moves.extend((1..=halves + 2).map(|k| {
            let z = if k >= halves { bottom } else { start - k as f64 * half_turn_mm };
            Move::Arc { to: [side(k), middle[1], z], centre_xy, clockwise: false }
        }));
        moves.push(Move::Cut([middle[0], middle[1], bottom]));
        moves.push(Move::Rapid([middle[0], middle[1], scene.clearance_mm]));
    }
    moves
}

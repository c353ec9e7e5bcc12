//! The smallest blank that holds part, lane and frame, and where the part lies in it.

use crate::model::{Blank, BoxPart, Point, Shop};

use super::params::PlanToml;
use super::tools::Radii;
use super::{PlanError, Shape};

/// Below the rim's outer end a finishing ball must still turn down the edge; past its equator by this much.
const BALL_PAST_MM: f64 = 1.0;

/// Least z that the blank must reach down to and up to, part mm.
fn z_needed(shape: &Shape, radii: &Radii, p: &PlanToml) -> (f64, f64) {
    // op20's finishing and rim balls pass the rim's lowest outer end by their radius and must stay above the fixture's
    // face.
    let low = (shape.min_mm[2] - p.blank_allowance_bone_mm)
        .min(shape.rim_z_min_mm - radii.finish_mm - BALL_PAST_MM)
        .min(shape.rim_z_min_mm - radii.rim_mm - p.rim_overrun_mm - BALL_PAST_MM);
    // op10's rim ball passes the rim's highest outer end likewise.
    let high = (shape.max_mm[2] + p.blank_allowance_outer_mm)
        .max(shape.rim_z_max_mm + radii.rim_mm + p.rim_overrun_mm + BALL_PAST_MM);
    (low, high)
}

/// The blank of least volume, ties by name, and its box around the part: centred in x and y; in z what is thicker than
/// needed goes where it evens out how deep the tools must reach from the two sides.
pub(super) fn choose(
    shape: &Shape,
    material: &str,
    shop: &Shop,
    radii: &Radii,
    p: &PlanToml,
) -> Result<(Blank, BoxPart), PlanError> {
    let (low, high) = z_needed(shape, radii, p);
    let need = [
        shape.max_mm[0] - shape.min_mm[0] + 2.0 * p.blank_margin_mm,
        shape.max_mm[1] - shape.min_mm[1] + 2.0 * p.blank_margin_mm,
        high - low,
    ];
    let volume = |b: &Blank| b.size_mm.iter().product::<f64>();
    let fits = |s: [f64; 3]| (0..3).all(|a| s[a] >= need[a]);
    let of_material = || shop.stock.iter().filter(|b| b.material == material);
    let turned = |b: &Blank| [b.size_mm[1], b.size_mm[0], b.size_mm[2]];
    let best = of_material()
        .filter(|b| fits(b.size_mm) || fits(turned(b)))
        .min_by(|a, b| volume(a).total_cmp(&volume(b)).then_with(|| a.name.cmp(&b.name)));
    let Some(blank) = best else {
        let largest = of_material().max_by(|a, b| volume(a).total_cmp(&volume(b)));
        return Err(PlanError::NoBlank {
            material: material.into(),
            needed: format!("{:.1} x {:.1} x {:.1}", need[0], need[1], need[2]),
            largest: largest
                .map_or("none".into(), |b| format!("{} x {} x {}", b.size_mm[0], b.size_mm[1], b.size_mm[2])),
        });
    };
    let size = if fits(blank.size_mm) { blank.size_mm } else { turned(blank) };
    let slack = size[2] - need[2];
    // How deep op10 and op20 reach below the blank's faces when the slack is all on the other side.
    let op10 = shape.rim_z_max_mm + radii.rim_mm + p.rim_overrun_mm - low;
    let op20 = high - (shape.rim_z_min_mm - radii.finish_mm);
    let bone_side = ((op20 + slack - op10) / 2.0).clamp(0.0, slack);
    let middle = |a: usize| 0.5 * (shape.min_mm[a] + shape.max_mm[a]);
    let z_min = low - bone_side;
    let corner = |sign: f64, z: f64| {
        Point::new([middle(0) + sign * size[0] / 2.0, middle(1) + sign * size[1] / 2.0, z])
    };
    Ok((blank.clone(), BoxPart { min_mm: corner(-1.0, z_min), max_mm: corner(1.0, z_min + size[2]) }))
}

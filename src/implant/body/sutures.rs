//! Holes along the rim for sutures: the dura is tented against large implants, the muscle hung from them.
//!
//! They run along the insertion axis like perfusion holes, at the least distance from the rim that is allowed, as evenly
//! as the holes already there let them.

use crate::geometry::Bvh;
use crate::geometry::distance::distance_to;
use crate::geometry::outline::{outline_xy, perimeter_mm, rim_places};
use crate::model::{Mesh, Part};

use super::field::Fields;
use super::hold::evenly;
use super::holes::{column_clear_of, columns_of_plate};
use super::params::ImplantToml;

/// Places are tried this far apart along the rim, mm.
const ALONG_MM: f64 = 1.5;
/// Looked for so far inwards, mm: beside a tongue or a narrow corner there is none.
const INWARDS_MM: f64 = 25.0;
/// Left between two holes, mm, beside both radii: what the review asks for in its web, and a half more.
const WEB_MM: f64 = 3.0;

/// Where they go; empty below the area from which they are wanted. `holes` are axis and radius of those already there.
pub(super) fn places(
    fields: &Fields,
    body: &Mesh<Part>,
    lumen: Option<&Bvh<Part>>,
    holes: &[([f64; 2], f64)],
    outer_area_mm2: f64,
    t: &ImplantToml,
) -> Vec<[f64; 2]> {
    if t.suture_hole_mm == 0.0 || outer_area_mm2 < 100.0 * t.suture_area_cm2_min {
        return Vec::new();
    }
    let radius_mm = 0.5 * t.suture_hole_mm;
    let [ni, nj, _] = fields.grid.dims;
    let h = fields.grid.step_mm;
    let plate = columns_of_plate(fields);
    let to_rim = distance_to([ni, nj, 1], [h; 3], |c| !plate[c]);
    let column = |xy: [f64; 2]| -> Option<usize> {
        let at: [f64; 2] = std::array::from_fn(|a| ((xy[a] - fields.grid.origin_mm[a]) / h).round());
        (at[0] >= 0.0 && at[1] >= 0.0 && at[0] < ni as f64 && at[1] < nj as f64)
            .then(|| at[1] as usize * ni + at[0] as usize)
    };
    let clear = |xy: [f64; 2]| {
        let free = |&([x, y], r): &([f64; 2], f64)| (x - xy[0]).hypot(y - xy[1]) >= r + radius_mm + WEB_MM;
        let off_ears = fields.ears.as_ref().is_none_or(|e| !e.matters(xy[0], xy[1], radius_mm + 0.5));
        column(xy).is_some_and(|c| {
            f64::from(to_rim[c]) >= t.hole_rim_distance_mm + radius_mm + 1.5 * h
                && holes.iter().all(free)
                && off_ears
                && column_clear_of(fields, c, lumen, t.hole_sinus_distance_mm + radius_mm)
        })
    };
    let outline = outline_xy(body, h);
    let rim = rim_places(&Bvh::new(body), &outline, ALONG_MM);
    let tried: Vec<Option<[f64; 2]>> = rim
        .iter()
        .map(|p| {
            let steps = (INWARDS_MM / h) as usize;
            (0..steps)
                .map(|k| std::array::from_fn(|a| p.xy_mm[a] - p.outward[a] * k as f64 * h))
                .find(|&xy| clear(xy))
        })
        .collect();
    let wanted = (perimeter_mm(&outline) / t.suture_pitch_mm).floor().max(1.0) as usize;
    let usable: Vec<bool> = tried.iter().map(Option::is_some).collect();
    let mut out: Vec<[f64; 2]> = Vec::new();
    for k in evenly(&usable, wanted, 1) {
        // Two places of a narrow corner may look at the same column.
        let Some(xy) = tried[k] else { continue };
        if out.iter().all(|o| (o[0] - xy[0]).hypot(o[1] - xy[1]) >= 2.0 * radius_mm + WEB_MM) {
            out.push(xy);
        }
    }
    out
}

//! The seat of a nest: how far the milled block lies off the side of the part that it carries.

use crate::geometry::outline::{outline_xy, signed_distance_to_outline_mm};
use crate::model::{Hole, Job, Mesh, Milled, Part, Watch};

use super::error::InspectError;
use super::params::InspectParams;
use super::samples;
use super::surface::nearest_all;
use super::sweep::Sweep;

/// Places of the seat, and the least and the most that the cutters left on it, mm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeatMeasured {
    /// Places measured.
    pub samples: usize,
    /// Lowest, mm.
    pub min_mm: f64,
    /// Highest, mm.
    pub max_mm: f64,
    /// Where that is, part mm.
    pub highest_mm: [f64; 3],
    /// What it may be off, mm.
    pub tolerance_mm: f64,
}

impl SeatMeasured {
    /// NaN does not pass.
    pub fn passes(&self) -> bool {
        self.samples > 0 && self.min_mm >= -self.tolerance_mm && self.max_mm <= self.tolerance_mm
    }
}

/// Facets that lean more than this are no seat: cosine of 72°.
const SEAT_COS: f64 = 0.3;
/// The seat is asked for so much farther inside the outline than the nest reaches, mm: a facet and its neighbour.
const INSIDE_MM: f64 = 1.0;
/// About a hole this much is its mouth, mm.
const MOUTH_MM: f64 = 0.6;
/// Cell of the raster that finds the part's outline, mm.
const OUTLINE_CELL_MM: f64 = 0.2;

/// Measures the bone side of `part`, beside its upright `holes` and `inset_mm` inside its outline, against the cutters that milled the nest: a place that
/// lies outside all of them lies in the nest's material.
///
/// # Errors
/// As [`super::inspect`] for the path.
pub fn measure_seat(
    part: &Mesh<Part>,
    holes: &[Hole],
    inset_mm: f64,
    milled: &Milled,
    job: &Job,
    params: &InspectParams,
    watch: &dyn Watch,
) -> Result<SeatMeasured, InspectError> {
    watch.note("seat of the nest against the part's bone side");
    let outline = outline_xy(part, OUTLINE_CELL_MM);
    // A hole carries nothing, and its mouth is broken.
    let beside_holes = |x: f64, y: f64| {
        holes.iter().all(|h| (x - h.centre.mm[0]).hypot(y - h.centre.mm[1]) > 0.5 * h.diameter_mm + MOUTH_MM)
    };
    let carries = |t: &usize| {
        part.normal(*t).z < -SEAT_COS
            && part.corners(*t).iter().all(|c| {
                beside_holes(c.x, c.y)
                    && signed_distance_to_outline_mm(&outline, [c.x, c.y]) < -inset_mm - INSIDE_MM
            })
    };
    let facets = (0..part.triangles.len()).filter(carries).map(|t| part.triangles[t]).collect();
    let own = Mesh::<Part>::new(part.vertices.clone(), facets);
    let places: Vec<[f64; 3]> =
        samples::on_mesh(&own, params.t.sample_mm).into_iter().map(|s| s.p_mm).collect();
    let near = nearest_all(&Sweep::new(&milled.path, job)?, &places);
    let least = near.iter().map(|n| n.distance_mm).fold(f64::INFINITY, f64::min);
    let most = places.iter().zip(&near).max_by(|a, b| a.1.distance_mm.total_cmp(&b.1.distance_mm));
    let (highest_mm, max_mm) = most.map_or(([f64::NAN; 3], f64::NAN), |(p, n)| (*p, n.distance_mm));
    Ok(SeatMeasured {
        samples: places.len(),
        min_mm: least,
        max_mm,
        highest_mm,
        tolerance_mm: params.t.tolerance_mm,
    })
}

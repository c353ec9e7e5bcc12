//! The seat of a nest: how far the milled block lies off the side of the part that it carries.

use crate::geometry::outline::{outline_xy, signed_distance_to_outline_mm};
use crate::model::{Job, Mesh, Milled, Part, Watch};

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
/// Cell of the raster that finds the part's outline, mm.
const OUTLINE_CELL_MM: f64 = 0.2;

/// Measures the bone side of `part`, `inset_mm` inside its outline, against the cutters that milled the nest: a place that
/// lies outside all of them lies in the nest's material.
///
/// # Errors
/// As [`super::inspect`] for the path.
pub fn measure_seat(
    part: &Mesh<Part>,
    inset_mm: f64,
    milled: &Milled,
    job: &Job,
    params: &InspectParams,
    watch: &dyn Watch,
) -> Result<SeatMeasured, InspectError> {
    watch.note("seat of the nest against the part's bone side");
    let outline = outline_xy(part, OUTLINE_CELL_MM);
    let carries = |t: &usize| {
        part.normal(*t).z < -SEAT_COS
            && part
                .corners(*t)
                .iter()
                .all(|c| signed_distance_to_outline_mm(&outline, [c.x, c.y]) < -inset_mm - INSIDE_MM)
    };
    let facets = (0..part.triangles.len()).filter(carries).map(|t| part.triangles[t]).collect();
    let own = Mesh::<Part>::new(part.vertices.clone(), facets);
    let places: Vec<[f64; 3]> =
        samples::on_mesh(&own, params.t.sample_mm).into_iter().map(|s| s.p_mm).collect();
    let near = nearest_all(&Sweep::new(&milled.path, job)?, &places);
    let fold = |f: fn(f64, f64) -> f64, start| near.iter().map(|n| n.distance_mm).fold(start, f);
    Ok(SeatMeasured {
        samples: places.len(),
        min_mm: fold(f64::min, f64::INFINITY),
        max_mm: fold(f64::max, f64::NEG_INFINITY),
        tolerance_mm: params.t.tolerance_mm,
    })
}

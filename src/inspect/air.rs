//! Air of the scan about the part: what a rim keeps its distance from where no bone is.
//!
//! The judge's own reading of the scan: wherever the HU field crosses the limit, whatever the air belongs to. Under the
//! scalp that is a sinus, since the scalp keeps the part farther from the air outside than any clearance.

use crate::geometry::Bvh;
use crate::geometry::nets::{Nudge, surface_net};
use crate::model::{Mesh, Part, Patient, Point, Pose, Volume};

/// Surface of the air within `reach_mm` of the part's box; `None` where there is none.
pub fn air_about(
    volume: &Volume,
    part: &Mesh<Part>,
    part_from_patient: &Pose<Part, Patient>,
    air_hu: f64,
    reach_mm: f64,
) -> Option<Bvh<Part>> {
    let (lo, hi) = part.bounds_mm()?;
    let patient_from_part = part_from_patient.inverse();
    let size = volume.grid.dims;
    let (mut first, mut last) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
    for corner in 0..8 {
        let p =
            std::array::from_fn(|a| if corner >> a & 1 == 1 { hi[a] + reach_mm } else { lo[a] - reach_mm });
        let index = volume.grid.index_from_patient(patient_from_part.apply(Point::new(p)));
        for a in 0..3 {
            first[a] = first[a].min(index[a]);
            last[a] = last[a].max(index[a]);
        }
    }
    let from: [usize; 3] = std::array::from_fn(|a| (first[a].floor().max(0.0) as usize).min(size[a]));
    let dims: [usize; 3] = std::array::from_fn(|a| {
        ((last[a].ceil().max(0.0) as usize + 1).min(size[a])).saturating_sub(from[a])
    });
    if dims.iter().any(|&n| n < 2) {
        return None;
    }
    let values: Vec<f32> = (0..dims.iter().product())
        .map(|at: usize| {
            let ijk = [at % dims[0], (at / dims[0]) % dims[1], at / (dims[0] * dims[1])];
            let at = volume.grid.at(from[0] + ijk[0], from[1] + ijk[1], from[2] + ijk[2]);
            (f64::from(volume.hu[at]) - air_hu) as f32
        })
        .collect();
    if values.iter().all(|v| *v >= 0.0) {
        return None;
    }
    let net = surface_net(dims, &values, Nudge::GrowInside);
    let vertices = net
        .vertices
        .iter()
        .map(|v| {
            let index = std::array::from_fn(|a| v[a] + from[a] as f64);
            part_from_patient.apply(volume.grid.patient_from_index(index)).mm
        })
        .collect();
    Some(Bvh::new(&Mesh::<Part>::new(vertices, net.triangles)))
}

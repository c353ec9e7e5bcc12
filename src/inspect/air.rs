//! Air of the scan about the part: what a rim keeps its distance from where no bone is.
//!
//! The judge's own reading of the scan: wherever the HU field crosses the limit, except under an open sky: air over which
//! nothing lies along the insertion axis is the air about the head.

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::geometry::Bvh;
use crate::geometry::nets::{Nudge, surface_net};
use crate::model::{Dir, Mesh, Part, Patient, Point, Pose, Volume};

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
    let up = patient_from_part.turn(Dir::<Part>::new([0.0, 0.0, 1.0])).v();
    let values: Vec<f32> = (0..dims.iter().product())
        .into_par_iter()
        .map(|at: usize| {
            let ijk = [at % dims[0], (at / dims[0]) % dims[1], at / (dims[0] * dims[1])];
            let ijk: [usize; 3] = std::array::from_fn(|a| ijk[a] + from[a]);
            let value = f64::from(volume.hu[volume.grid.at(ijk[0], ijk[1], ijk[2])]) - air_hu;
            if value < 0.0 && under_open_sky(volume, ijk, up, air_hu) { -value as f32 } else { value as f32 }
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

/// True for a voxel over which the scan shows nothing but air.
fn under_open_sky(volume: &Volume, ijk: [usize; 3], up: Vector3<f64>, air_hu: f64) -> bool {
    // Half a fine voxel, so that no wall is stepped over.
    const STEP_MM: f64 = 0.25;
    let from = volume.grid.patient_from_index(ijk.map(|x| x as f64)).v();
    let mut out_mm = STEP_MM;
    loop {
        let index = volume.grid.index_from_patient(Point::from_v(from + up * out_mm));
        if (0..3).any(|a| index[a].round() < 0.0 || index[a].round() as usize >= volume.grid.dims[a]) {
            return true;
        }
        let [i, j, k] = index.map(|x| x.round() as usize);
        if f64::from(volume.hu[volume.grid.at(i, j, k)]) >= air_hu {
            return false;
        }
        out_mm += STEP_MM;
    }
}

//! The lumen of a sinus near the implant, as a closed surface.
//!
//! Air inside the head: darker than the limit, not beyond the completed outer table, and not joined to the air outside
//! by a passage wider than 6 mm (so that skin sunken into the defect is not taken for a sinus).

use crate::geometry::Bvh;
use crate::geometry::distance::distance_to;
use crate::geometry::nets::{Nudge, surface_net};
use crate::model::{Mesh, Part, Patient, Point, Pose, Volume};

use super::chart::Sheets;
use super::grid::PartGrid;

/// Sinuses are looked for this far from the implant's grid, mm.
const MARGIN_MM: f64 = 24.0;
/// Half the width of a passage through which outside air is followed, mm.
const PASSAGE_MM: f64 = 3.0;
/// Bubbles of fewer voxels are noise.
const VOXELS_MIN: usize = 8;

/// Surface of the air inside the head near `grid`; `None` where there is none.
pub(super) fn lumen(
    volume: &Volume,
    sheets: &Sheets,
    grid: &PartGrid,
    patient_from_part: &Pose<Patient, Part>,
    air_hu: f64,
) -> Option<Bvh<Part>> {
    let (lo, dims) = crop(volume, grid, patient_from_part);
    if dims.contains(&0) {
        return None;
    }
    let index = |at: usize| {
        let (i, rest) = (at % dims[0], at / dims[0]);
        [lo[0] + i, lo[1] + rest % dims[1], lo[2] + rest / dims[1]]
    };
    let n: usize = dims.iter().product();
    let hu = |at: usize| {
        let [i, j, k] = index(at);
        f64::from(volume.hu[volume.grid.at(i, j, k)])
    };
    let air: Vec<bool> = (0..n).map(|at| hu(at) < air_hu).collect();
    if !air.contains(&true) {
        return None;
    }
    let above_mm = |at: usize| {
        let p = volume.grid.patient_from_index(index(at).map(|x| x as f64));
        sheets.at(p).map_or(f64::INFINITY, |s| s.outer_mm)
    };
    let spacing = volume.grid.spacing_mm;
    let to_tissue = distance_to(dims, spacing, |at| !air[at]);
    let wide = |at: usize| air[at] && f64::from(to_tissue[at]) >= PASSAGE_MM;
    let seeds: Vec<usize> = (0..n).filter(|&at| wide(at) && above_mm(at) > 3.0).collect();
    let open = flood(dims, &seeds, wide);
    let to_open = distance_to(dims, spacing, |at| open[at]);
    let inside: Vec<bool> = (0..n)
        .map(|at| {
            air[at] && f64::from(to_open[at]) > PASSAGE_MM + spacing[2].max(spacing[0]) && above_mm(at) < 1.0
        })
        .collect();
    let kept = without_bubbles(dims, &inside);
    if !kept.contains(&true) {
        return None;
    }
    // One voxel about the lumen keeps its HU, so that the surface lies where HU crosses the limit.
    let near = distance_to(dims, [1.0; 3], |at| kept[at]);
    let values: Vec<f32> =
        (0..n).map(|at| if near[at] < 1.8 { (hu(at) - air_hu) as f32 } else { 1000.0 }).collect();
    let net = surface_net(dims, &values, Nudge::GrowInside);
    let part_from_patient = patient_from_part.inverse();
    let vertices = net
        .vertices
        .iter()
        .map(|v| {
            let ijk = std::array::from_fn(|a| v[a] + lo[a] as f64);
            part_from_patient.apply(volume.grid.patient_from_index(ijk)).mm
        })
        .collect();
    let mut triangles = net.triangles;
    if volume.grid.handedness() < 0.0 {
        triangles.iter_mut().for_each(|t| t.swap(1, 2));
    }
    Some(Bvh::new(&Mesh::<Part>::new(vertices, triangles)))
}

/// First voxel and size of the part of the scan about the implant.
fn crop(
    volume: &Volume,
    grid: &PartGrid,
    patient_from_part: &Pose<Patient, Part>,
) -> ([usize; 3], [usize; 3]) {
    let (mut lo, mut hi) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
    for corner in 0..8 {
        let ijk = std::array::from_fn(|a| if corner >> a & 1 == 1 { (grid.dims[a] - 1) as f64 } else { 0.0 });
        let p = patient_from_part.apply(Point::new(grid.place_of(ijk)));
        let index = volume.grid.index_from_patient(p);
        for a in 0..3 {
            let margin = MARGIN_MM / volume.grid.spacing_mm[a];
            lo[a] = lo[a].min(index[a] - margin);
            hi[a] = hi[a].max(index[a] + margin);
        }
    }
    let size = volume.grid.dims;
    let first: [usize; 3] = std::array::from_fn(|a| (lo[a].max(0.0) as usize).min(size[a]));
    let dims =
        std::array::from_fn(|a| ((hi[a].max(0.0).ceil() as usize + 1).min(size[a])).saturating_sub(first[a]));
    (first, dims)
}

/// Everything joined to the seeds across faces of voxels for which `passes`.
fn flood(dims: [usize; 3], seeds: &[usize], passes: impl Fn(usize) -> bool) -> Vec<bool> {
    let mut reached = vec![false; dims.iter().product()];
    let mut stack = Vec::new();
    for &s in seeds {
        if !reached[s] {
            reached[s] = true;
            stack.push(s);
        }
    }
    while let Some(at) = stack.pop() {
        let ijk = [at % dims[0], (at / dims[0]) % dims[1], at / (dims[0] * dims[1])];
        let strides = [1, dims[0], dims[0] * dims[1]];
        for a in 0..3 {
            if ijk[a] > 0 && !reached[at - strides[a]] && passes(at - strides[a]) {
                reached[at - strides[a]] = true;
                stack.push(at - strides[a]);
            }
            if ijk[a] + 1 < dims[a] && !reached[at + strides[a]] && passes(at + strides[a]) {
                reached[at + strides[a]] = true;
                stack.push(at + strides[a]);
            }
        }
    }
    reached
}

fn without_bubbles(dims: [usize; 3], inside: &[bool]) -> Vec<bool> {
    let mut seen = vec![false; inside.len()];
    let mut kept = vec![false; inside.len()];
    for at in 0..inside.len() {
        if !inside[at] || seen[at] {
            continue;
        }
        let mut members = vec![at];
        seen[at] = true;
        let mut next = 0;
        while next < members.len() {
            let here = members[next];
            next += 1;
            let ijk = [here % dims[0], (here / dims[0]) % dims[1], here / (dims[0] * dims[1])];
            let strides = [1, dims[0], dims[0] * dims[1]];
            for a in 0..3 {
                for there in [
                    (ijk[a] > 0).then(|| here - strides[a]),
                    (ijk[a] + 1 < dims[a]).then(|| here + strides[a]),
                ]
                .into_iter()
                .flatten()
                {
                    if inside[there] && !seen[there] {
                        seen[there] = true;
                        members.push(there);
                    }
                }
            }
        }
        if members.len() >= VOXELS_MIN {
            members.into_iter().for_each(|m| kept[m] = true);
        }
    }
    kept
}

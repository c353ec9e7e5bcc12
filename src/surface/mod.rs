//! Places a closed triangle mesh on the edge of the bone.
//!
//! **In** [`Volume`] (HU) and [`Bone`] on one grid. **Out** [`BoneSurface`]: `Mesh<Patient>`, mm, normals out of
//! the bone.
//!
//! **Method** Surface nets ([`crate::geometry::nets`]) of the field `level_hu` − HU, which is zero at the local
//! half-maximum; voxels more than two beyond the kept piece, and other pieces, count as outside. The place
//! between voxels comes from the field; `relaxation_sweeps` (`relax.rs`) may follow, and need not.
//!
//! **Different from the paper** No relaxation unless asked for. Where two sheets pass through a cell, `split` gives each
//! its own vertex ([`crate::geometry::nets::split`]) and `nudge` moves samples until one is left; either joins bone
//! where its voxels meet at an edge, so thin bridges stay whole. Fragments and closed cavities below a volume are
//! dropped and said.
//!
//! **Guarantees** Closed, also where bone leaves the scan: capped half a voxel beyond the last sample, the caps'
//! area per face of the scan reported. Two triangles on every edge. The same bytes on any thread count.
//!
//! **Limits** Walls thinner than a voxel may be lost or perforated. Triangles are as fine as the voxels.

mod decimate;
mod field;
mod params;
mod relax;
#[cfg(test)]
mod tests;

pub use decimate::{Decimated, decimated};
pub use params::{Ambiguous, Export, SurfaceParams, SurfaceToml};
use rayon::prelude::*;
use thiserror::Error;

use crate::geometry::nets::samples::Signed;
use crate::geometry::nets::split::split_net;
use crate::geometry::nets::{Nudge, surface_net};
use crate::model::{
    Bone, BoneSurface, Finding, Grid, Mesh, Patient, Point, Severity, ShellFacts, SurfaceFacts, Volume, Watch,
};

/// Why no surface comes out.
#[derive(Debug, Error)]
#[allow(missing_docs)] // the fields are the numbers of the message
pub enum SurfaceError {
    /// A value of `[surface]` makes no sense.
    #[error("surface.{key} is {value}, but must lie between {min} and {max}: correct the pipeline file")]
    Param { key: &'static str, value: f64, min: f64, max: f64 },
    /// The mask holds nothing.
    #[error("the bone's mask holds no voxel: there is nothing to put a surface on; look at the bone stage")]
    Empty,
    /// Mask, levels and volume do not belong together.
    #[error("the bone's mask and levels lie on another grid than the scan: run the bone stage on this scan")]
    Grids,
    /// Everything was too small.
    #[error(
        "all {pieces} pieces of the surface are smaller than surface.fragment_mm3_min = {min_mm3} mm3: this is no \
         skull, or the limit is too high"
    )]
    OnlyFragments { pieces: usize, min_mm3: f64 },
    /// A guarantee of the net does not hold.
    #[error(
        "the surface has {open} open, {twisted} twisted and {branching} branching edges where none may be: a fault \
         of this program; report it with the scan's geometry"
    )]
    NotClosed { open: usize, twisted: usize, branching: usize },
    /// The user asked to stop.
    #[error("stopped on request while extracting the surface; run again to go on")]
    Stopped,
}

/// Closed surface of `bone`, placed where `volume` crosses its local half-maximum.
///
/// # Errors
/// [`SurfaceError::Empty`] when the mask holds no voxel, [`SurfaceError::Grids`] when it is of another scan.
pub fn extract_surface(
    volume: &Volume,
    bone: &Bone,
    params: &SurfaceParams,
    watch: &dyn Watch,
) -> Result<BoneSurface, SurfaceError> {
    let grid = &volume.grid;
    let sizes = [volume.hu.len(), bone.mask.voxels.len(), bone.level_hu.len()];
    if bone.mask.grid != *grid || sizes.iter().any(|&n| n != grid.len()) {
        return Err(SurfaceError::Grids);
    }
    watch.note("extracting the surface");
    let field = field::Field::new(volume, bone).ok_or(SurfaceError::Empty)?;
    watch.progress(1, 3);
    if watch.stopped() {
        return Err(SurfaceError::Stopped);
    }
    let place =
        |v: [f64; 3]| grid.patient_from_index(std::array::from_fn(|a| v[a] + field.first[a] as f64)).mm;
    let left_handed = grid.handedness() < 0.0;
    let mut counts = Counts::default();
    let whole: Mesh<Patient> = match params.ambiguous_cells {
        Ambiguous::Split => {
            let net = split_net(&Signed::new(field.dims, &field.values), place, left_handed);
            (counts.split, counts.parted) = (net.split_cells, net.parted_faces);
            Mesh::new(net.vertices, net.triangles)
        }
        Ambiguous::Nudge => {
            let net = surface_net(field.dims, &field.values, Nudge::GrowInside);
            counts.nudged = net.nudged;
            let turned = |t: &[u32; 3]| if left_handed { [t[0], t[2], t[1]] } else { *t };
            let vertices = net.vertices.iter().map(|&v| place(v)).collect();
            Mesh::new(vertices, net.triangles.iter().map(turned).collect())
        }
    };
    watch.progress(2, 3);
    let kept = sort_pieces(&whole, params);
    if kept.triangles.is_empty() {
        return Err(SurfaceError::OnlyFragments { pieces: kept.seen, min_mm3: params.fragment_mm3_min });
    }
    let cap_area_mm2 = caps(grid, &whole, &kept.triangles);
    let mesh = whole.subset(&kept.triangles);
    let (mesh, relaxation_shrinkage_mm) = match params.relaxation_sweeps {
        0 => (mesh, 0.0),
        sweeps => {
            let relaxed = relax::relaxed(&mesh, sweeps, params.vertex_travel_mm_max);
            let lost_mm = (mesh.volume_mm3() - relaxed.volume_mm3()) / mesh.area_mm2();
            (relaxed, lost_mm)
        }
    };
    let census = mesh.edge_census();
    if census.open + census.twisted + census.branching > 0 {
        let (open, twisted, branching) = (census.open, census.twisted, census.branching);
        return Err(SurfaceError::NotClosed { open, twisted, branching });
    }
    let mut findings = cap_findings(grid, cap_area_mm2, params);
    findings.extend(kept.findings);
    watch.progress(3, 3);
    let facts = SurfaceFacts {
        schema: "osteomill.surface/1".into(),
        triangles: mesh.triangles.len(),
        vertices: mesh.vertices.len(),
        closed_two_manifold: true,
        euler_number: mesh.vertices.len() as i64 - census.sound as i64 + mesh.triangles.len() as i64,
        pieces: kept.shells.len(),
        area_mm2: mesh.area_mm2(),
        volume_mm3: mesh.volume_mm3(),
        cap_area_mm2,
        nudged_voxels: counts.nudged,
        split_cells: counts.split,
        parted_faces: counts.parted,
        shells: kept.shells,
        relaxation_shrinkage_mm,
        exported: None,
        findings,
    };
    Ok(BoneSurface { mesh, facts })
}

/// What was done about ambiguous cells.
#[derive(Default)]
struct Counts {
    nudged: usize,
    split: usize,
    parted: usize,
}

/// What is left of the pieces.
struct Kept {
    /// In the old order.
    triangles: Vec<usize>,
    /// Outer shells and cavities kept, before any relaxation.
    shells: Vec<ShellFacts>,
    seen: usize,
    findings: Vec<Finding>,
}

/// Drops small fragments (positive volume) and fills small cavities (negative volume).
fn sort_pieces(mesh: &Mesh<Patient>, params: &SurfaceParams) -> Kept {
    let pieces = mesh.pieces();
    let seen = pieces.len();
    let mut kept = Kept { triangles: Vec::new(), shells: Vec::new(), seen, findings: Vec::new() };
    let mut dropped = [(0usize, 0.0f64); 2];
    let mut cavities = (0usize, 0.0f64);
    // No vertex belongs to two pieces.
    let mut seen_vertices = vec![false; mesh.vertices.len()];
    for piece in pieces {
        // Volumes of a small piece far from the origin lose digits; measured from its own first corner they do not.
        let origin = mesh.corners(piece[0])[0];
        let volume_mm3: f64 = piece
            .iter()
            .map(|&t| {
                let [a, b, c] = mesh.corners(t).map(|p| p - origin);
                a.dot(&b.cross(&c)) / 6.0
            })
            .sum();
        let cavity = volume_mm3 < 0.0;
        let limit = if cavity { params.cavity_mm3_min } else { params.fragment_mm3_min };
        if volume_mm3.abs() < limit {
            let d = &mut dropped[usize::from(cavity)];
            *d = (d.0 + 1, d.1 + volume_mm3.abs());
        } else {
            let first_seen = |v: &u32| !std::mem::replace(&mut seen_vertices[*v as usize], true);
            let corners = piece.iter().flat_map(|&t| mesh.triangles[t]).filter(first_seen).count();
            // A closed piece has three edges for every two triangles; the census makes sure that it is closed.
            let euler_number = corners as i64 - (piece.len() / 2) as i64;
            kept.shells.push(ShellFacts {
                cavity,
                triangles: piece.len(),
                area_mm2: piece.iter().map(|&t| mesh.triangle_area_mm2(t)).sum(),
                volume_mm3,
                euler_number,
                genus: (2 - euler_number) / 2,
            });
            if cavity {
                cavities = (cavities.0 + 1, cavities.1 - volume_mm3);
            }
            kept.triangles.extend(piece);
        }
    }
    kept.triangles.sort_unstable();
    let mut note = |id: &str, (n, mm3): (usize, f64), what: &str, limit: f64| {
        if n > 0 {
            let message = format!("{n} {what}, {mm3:.1} mm3 together");
            kept.findings.push(Finding::new(id, Severity::Note, message).measured(mm3, limit, "mm3"));
        }
    };
    note("fragments-dropped", dropped[0], "separate fragments were left out", params.fragment_mm3_min);
    note(
        "cavities-filled",
        dropped[1],
        "small closed cavities in the bone were filled",
        params.cavity_mm3_min,
    );
    note("closed-cavities", cavities, "closed cavities in the bone were kept", params.cavity_mm3_min);
    kept
}

/// A cap's corners lie some 0.5 voxel beyond the last sample; there and back through patient coordinates costs
/// 1e-12. A surface that ends just inside the last sample must not count.
const BEYOND: f64 = 1e-6;

/// Area of the kept triangles beyond the last sample, per face of the scan, mm².
fn caps(grid: &Grid, mesh: &Mesh<Patient>, kept: &[usize]) -> [f64; 6] {
    let mut area_mm2 = [0.0; 6];
    let index: Vec<[f64; 3]> =
        mesh.vertices.par_iter().map(|&v| grid.index_from_patient(Point::new(v))).collect();
    for &t in kept {
        let corners = mesh.triangles[t].map(|v| index[v as usize]);
        for a in 0..3 {
            let top = (grid.dims[a] - 1) as f64;
            if corners.iter().all(|c| c[a] < -BEYOND) {
                area_mm2[2 * a] += mesh.triangle_area_mm2(t);
            } else if corners.iter().all(|c| c[a] > top + BEYOND) {
                area_mm2[2 * a + 1] += mesh.triangle_area_mm2(t);
            }
        }
    }
    area_mm2
}

fn cap_findings(grid: &Grid, cap_area_mm2: [f64; 6], params: &SurfaceParams) -> Vec<Finding> {
    let mut found = Vec::new();
    for (face, &area_mm2) in cap_area_mm2.iter().enumerate().filter(|(_, a)| **a > 0.0) {
        let (axis, high) = (face / 2, face % 2 == 1);
        let sign = if high { 1.0 } else { -1.0 };
        let out = grid.axes_lps[axis].unit.map(|u| u * sign);
        let middle = |a: usize| (grid.dims[a] - 1) as f64 / 2.0;
        let place: Point<Patient> = grid.patient_from_index(std::array::from_fn(|a| {
            if a == axis { middle(a) * (1.0 + sign) } else { middle(a) }
        }));
        // The side nearest to a patient axis names the face.
        let names = [["right", "left"], ["front", "back"], ["bottom", "top"]];
        let most = (0..3).max_by(|&a, &b| out[a].abs().total_cmp(&out[b].abs())).expect("three axes");
        let name = names[most][usize::from(out[most] > 0.0)];
        let bottom = name == "bottom";
        if bottom || area_mm2 <= params.cap_mm2_max {
            let message =
                format!("bone leaves the scan at the {name} and was capped there, {area_mm2:.0} mm2");
            found.push(
                Finding::new("bone-capped", Severity::Note, message)
                    .measured(area_mm2, params.cap_mm2_max, "mm2")
                    .at(place.mm),
            );
        } else {
            let message = format!(
                "bone leaves the scan at the {name}, {area_mm2:.0} mm2 (limit {} mm2): what lies beyond cannot be \
                 told from a defect; scan with a larger field of view",
                params.cap_mm2_max
            );
            found.push(
                Finding::new("bone-cut-off", Severity::Review, message)
                    .measured(area_mm2, params.cap_mm2_max, "mm2")
                    .at(place.mm),
            );
        }
    }
    found
}

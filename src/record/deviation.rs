//! The deviation map, and sections across the rim.

use nalgebra::Vector3;

use crate::geometry::Bvh;
use crate::geometry::outline::{outline_xy, perimeter_mm, rim_places};
use crate::model::{BoneSurface, Frame, Implant, Mesh, Part, Patient, Point, Reconstruction};

use super::pictures::camera_along;
use super::raster::{Camera, Picture, Scene};
use super::section::{Plane, cut, draw};

/// Colours of sections: bone, design, milled part.
const BONE_LINE: [u8; 3] = [150, 120, 60];
const DESIGN_LINE: [u8; 3] = [20, 90, 200];
const MILLED_LINE: [u8; 3] = [210, 40, 40];

/// Blue for a gouge, green at zero, red for material left on; grey where excluded. Full colour at the tolerance.
pub fn colour_of(deviation_mm: f64, tolerance_mm: f64) -> [f64; 3] {
    if deviation_mm.is_nan() {
        return [0.6, 0.6, 0.6];
    }
    let t = (deviation_mm / tolerance_mm).clamp(-1.0, 1.0);
    if t >= 0.0 {
        [0.25 + 0.7 * t, 0.75 * (1.0 - t), 0.25 * (1.0 - t)]
    } else {
        [0.25 * (1.0 + t), 0.75 * (1.0 + t), 0.25 - 0.7 * t]
    }
}

/// The map from outside and from the bone's side.
pub fn maps(implant: &Implant, deviation_mm: &[f32], tolerance_mm: f64, size: usize) -> [Picture; 2] {
    coloured(implant, size, |v| {
        colour_of(deviation_mm.get(v as usize).map_or(f64::NAN, |&d| f64::from(d)), tolerance_mm)
    })
}

/// How sure the outer surface is, from outside: green at a standard deviation of zero, red at `full_mm`; grey where
/// none is predicted.
pub fn confidence(implant: &Implant, missing: &Reconstruction, full_mm: f64, size: usize) -> Picture {
    let patient_from_part = implant.part_from_patient.inverse();
    let sigma: Vec<f64> = implant
        .mesh
        .vertices
        .iter()
        .map(|v| {
            let p = patient_from_part.apply(Point::new(*v));
            let patch = missing.patches.get(implant.facts.defect)?;
            let ([a, b], _) = patch.cell_and_radius(p)?;
            let (a, b) = (a.round(), b.round());
            let inside = a >= 0.0 && b >= 0.0 && a < patch.n as f64 && b < patch.n as f64;
            inside.then(|| patch.sigma_mm[b as usize * patch.n + a as usize])
        })
        .map(|s| s.unwrap_or(f64::NAN))
        .collect();
    let [outside, _] = coloured(implant, size, |v| colour_of(sigma[v as usize], full_mm));
    outside
}

fn coloured(implant: &Implant, size: usize, colour: impl Fn(u32) -> [f64; 3]) -> [Picture; 2] {
    let (lo, hi) = implant.mesh.bounds_mm().unwrap_or(([0.0; 3], [1.0; 3]));
    let middle = (Vector3::from(lo) + Vector3::from(hi)) / 2.0;
    let span = (hi[0] - lo[0]).max(hi[1] - lo[1]);
    [1.0, -1.0].map(|side| {
        let camera = Camera {
            middle,
            to_eye: Vector3::new(0.0, 0.0, side),
            up: Vector3::new(0.0, 1.0, 0.0),
            scale: 2.0 * size as f64 / (span * 1.1),
        };
        let mut scene = Scene::new(size * 2, size * 2, camera);
        scene.draw(&implant.mesh, &colour);
        scene.picture.halved()
    })
}

/// Sections of bone, design and milled part through the part's axis, every 45°, with the angle from part +x.
pub fn sections(
    surface: &BoneSurface,
    implant: &Implant,
    milled: Option<&Mesh<Part>>,
) -> Vec<(f64, Picture)> {
    let skull: Mesh<Part> = near(&surface.mesh.moved(&implant.part_from_patient), implant);
    let (lo, hi) = implant.mesh.bounds_mm().unwrap_or(([0.0; 3], [1.0; 3]));
    let middle = (Vector3::from(lo) + Vector3::from(hi)) / 2.0;
    let reach = (hi[0] - lo[0]).max(hi[1] - lo[1]) + 16.0;
    let tall = hi[2] - lo[2] + 16.0;
    let pixels_per_mm = 860.0 / reach;
    [0.0f64, 45.0, 90.0, 135.0]
        .iter()
        .map(|&deg| {
            let (sin, cos) = deg.to_radians().sin_cos();
            let plane =
                Plane { origin: middle, right: Vector3::new(cos, sin, 0.0), up: Vector3::new(0.0, 0.0, 1.0) };
            let mut picture = Picture::new(860, (tall * pixels_per_mm) as usize, [255; 3]);
            draw(&mut picture, &cut(&skull, &plane), pixels_per_mm, BONE_LINE);
            draw(&mut picture, &cut(&implant.mesh, &plane), pixels_per_mm, DESIGN_LINE);
            if let Some(m) = milled {
                draw(&mut picture, &cut(m, &plane), pixels_per_mm, MILLED_LINE);
            }
            (deg, picture)
        })
        .collect()
}

/// Sections square to the rim at twelve places evenly along it, with what tells the place: distance along the outline, mm.
pub fn rim_sections(
    surface: &BoneSurface,
    implant: &Implant,
    milled: Option<&Mesh<Part>>,
) -> Vec<(f64, Picture)> {
    const PLACES: f64 = 12.0;
    /// Width of a picture, and what it shows: the rim and some bone beside it.
    const PIXELS: usize = 252;
    const SHOWN_MM: f64 = 18.0;
    let skull: Mesh<Part> = near(&surface.mesh.moved(&implant.part_from_patient), implant);
    let outline = outline_xy(&implant.body, 0.25);
    let tree = Bvh::new(&implant.body);
    rim_places(&tree, &outline, perimeter_mm(&outline) / PLACES)
        .into_iter()
        .map(|rim| {
            let middle_z = 0.5 * (rim.z_top_mm + rim.z_bottom_mm);
            let plane = Plane {
                origin: Vector3::new(rim.xy_mm[0], rim.xy_mm[1], middle_z),
                right: Vector3::new(rim.outward[0], rim.outward[1], 0.0),
                up: Vector3::new(0.0, 0.0, 1.0),
            };
            let mut picture = Picture::new(PIXELS, PIXELS * 3 / 4, [255; 3]);
            let pixels_per_mm = PIXELS as f64 / SHOWN_MM;
            draw(&mut picture, &cut(&skull, &plane), pixels_per_mm, BONE_LINE);
            draw(&mut picture, &cut(&implant.mesh, &plane), pixels_per_mm, DESIGN_LINE);
            if let Some(m) = milled {
                draw(&mut picture, &cut(m, &plane), pixels_per_mm, MILLED_LINE);
            }
            (rim.along_mm, picture)
        })
        .collect()
}

/// The triangles around the implant only: the rest of the skull is far off the picture.
fn near<F: Frame>(mesh: &Mesh<F>, implant: &Implant) -> Mesh<F> {
    let (lo, hi) = implant.mesh.bounds_mm().unwrap_or(([0.0; 3], [1.0; 3]));
    let inside = |v: [f64; 3]| (0..3).all(|a| v[a] > lo[a] - 20.0 && v[a] < hi[a] + 20.0);
    let keep: Vec<usize> = (0..mesh.triangles.len())
        .filter(|&t| mesh.triangles[t].iter().any(|&v| inside(mesh.vertices[v as usize])))
        .collect();
    mesh.subset(&keep)
}

/// The implant in place, from outside along its axis, with what is engraved there.
pub fn in_place(surface: &BoneSurface, implant: &Implant, size: usize) -> Picture {
    let in_patient = implant.mesh.moved(&implant.part_from_patient.inverse());
    let axis = implant.facts.insertion_axis_lps.v();
    let (middle, span) = middle_and_span(&in_patient);
    let camera = camera_along(middle, axis, 2.0 * size as f64 / (span * 1.25));
    let mut scene = Scene::new(size * 2, size * 2, camera);
    scene.draw(&surface.mesh, |_| super::pictures::BONE);
    scene.draw(&in_patient, |_| super::pictures::IMPLANT);
    engraved(&mut scene.picture, &camera, implant, "outer");
    scene.picture.halved()
}

fn middle_and_span(mesh: &Mesh<Patient>) -> (Vector3<f64>, f64) {
    let (lo, hi) = mesh.bounds_mm().unwrap_or(([0.0; 3], [1.0; 3]));
    let (lo, hi) = (Vector3::from(lo), Vector3::from(hi));
    ((lo + hi) / 2.0, (hi - lo).norm())
}

/// The strokes of the marking, where they are on this face.
fn engraved(picture: &mut Picture, camera: &Camera, implant: &Implant, face: &str) {
    let Some(marking) = implant.facts.marking.as_ref().filter(|m| m.face == face) else { return };
    let pixel = |p: &Point<Patient>| {
        let [x, y, _] = camera.project(p.v(), picture.width, picture.height);
        [x, y]
    };
    let lines: Vec<[[f64; 2]; 2]> = marking
        .strokes_lps_mm
        .iter()
        .flat_map(|s| s.windows(2).map(|w| [pixel(&w[0]), pixel(&w[1])]))
        .collect();
    for [a, b] in lines {
        picture.line(a, b, [30, 30, 60]);
    }
}

/// The same from inside the skull, with everything nearer than the implant cut away.
pub fn from_inside(surface: &BoneSurface, implant: &Implant, size: usize) -> Picture {
    let in_patient = implant.mesh.moved(&implant.part_from_patient.inverse());
    let axis = implant.facts.insertion_axis_lps.v();
    let centre = Vector3::from(in_patient.centroid_mm());
    let keep: Vec<usize> = (0..surface.mesh.triangles.len())
        .filter(|&t| surface.mesh.corners(t).iter().all(|c| (c - centre).dot(&axis) > -20.0))
        .collect();
    let (_, span) = middle_and_span(&in_patient);
    let camera = camera_along(centre, -axis, 2.0 * size as f64 / (span * 1.25));
    let mut scene = Scene::new(size * 2, size * 2, camera);
    scene.draw(&surface.mesh.subset(&keep), |_| super::pictures::BONE);
    scene.draw(&in_patient, |_| super::pictures::IMPLANT);
    engraved(&mut scene.picture, &camera, implant, "inner");
    scene.picture.halved()
}

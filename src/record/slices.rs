//! CT slices with contours of bone, missing bone and implant.

use nalgebra::Vector3;

use crate::model::{Mask, Mesh, Patient, Point, Volume};

use super::raster::Picture;
use super::section::{Plane, cut, draw};

/// A slice with its letters.
pub struct Slice {
    /// For the caption.
    pub name: String,
    /// At the left edge.
    pub left: char,
    /// At the right edge.
    pub right: char,
    /// The picture.
    pub picture: Picture,
}

const PIXELS_PER_MM: f64 = 2.0;
// Window for bone: 500 ± 1000 HU.
const WINDOW_HU: (f64, f64) = (-500.0, 1500.0);
/// Contour of the bone's surface.
pub const BONE_LINE: [u8; 3] = [255, 214, 64];
/// Edge of the reconstruction.
pub const MISSING_LINE: [u8; 3] = [235, 64, 64];
/// Contour of the implant.
pub const IMPLANT_LINE: [u8; 3] = [64, 200, 255];

/// Axial, coronal and sagittal slices through `place`, as a radiologist hangs them: the patient's right on the
/// picture's left in axial and coronal ones, the face on the left in sagittal ones.
pub fn three_slices(
    volume: &Volume,
    skull: &Mesh<Patient>,
    missing: &Mask,
    implants: &[Mesh<Patient>],
    place: Point<Patient>,
) -> Vec<Slice> {
    let axis = |x: f64, y: f64, z: f64| Vector3::new(x, y, z);
    let p = place.v();
    let planes = [
        (format!("axial, z = {:.1} mm", p.z), 'R', 'L', axis(1.0, 0.0, 0.0), axis(0.0, -1.0, 0.0)),
        (format!("coronal, y = {:.1} mm", p.y), 'R', 'L', axis(1.0, 0.0, 0.0), axis(0.0, 0.0, 1.0)),
        (format!("sagittal, x = {:.1} mm", p.x), 'A', 'P', axis(0.0, 1.0, 0.0), axis(0.0, 0.0, 1.0)),
    ];
    let g = &volume.grid;
    let corner = g.patient_from_index([0.0; 3]).v();
    let far = g.patient_from_index(std::array::from_fn(|a| (g.dims[a] - 1) as f64)).v();
    let middle = (corner + far) / 2.0;
    planes
        .into_iter()
        .map(|(name, left, right, across, up)| {
            let normal: Vector3<f64> = across.cross(&up);
            // The picture shows the whole slice, so it is centred on the scan.
            let origin = middle + normal * (p - middle).dot(&normal);
            let plane = Plane { origin, right: across, up };
            let size =
                |d: Vector3<f64>| ((far - corner).dot(&d).abs() * PIXELS_PER_MM).ceil().max(1.0) as usize;
            let (w, h) = (size(across), size(up));
            let mut picture = Picture::new(w, h, [0; 3]);
            let mut inside = vec![false; w * h];
            for y in 0..h {
                for x in 0..w {
                    let d = across * ((x as f64 - w as f64 / 2.0) / PIXELS_PER_MM)
                        - up * ((y as f64 - h as f64 / 2.0) / PIXELS_PER_MM);
                    let at = Point::from_v(origin + d);
                    let index = g.index_from_patient(at);
                    let hu = volume.hu_at_index(index);
                    let grey =
                        ((hu - WINDOW_HU.0) / (WINDOW_HU.1 - WINDOW_HU.0) * 255.0).clamp(0.0, 255.0) as u8;
                    picture.set(x as i64, y as i64, [grey; 3]);
                    let ijk: [i64; 3] = index.map(|v| v.round() as i64);
                    if (0..3).all(|a| ijk[a] >= 0 && (ijk[a] as usize) < g.dims[a]) {
                        let v = missing.grid.at(ijk[0] as usize, ijk[1] as usize, ijk[2] as usize);
                        inside[y * w + x] = missing.voxels[v] != 0;
                    }
                }
            }
            draw(&mut picture, &cut(skull, &plane), PIXELS_PER_MM, BONE_LINE);
            for y in 1..h.saturating_sub(1) {
                for x in 1..w.saturating_sub(1) {
                    let at = y * w + x;
                    let edge =
                        inside[at] && !(inside[at - 1] && inside[at + 1] && inside[at - w] && inside[at + w]);
                    if edge {
                        picture.set(x as i64, y as i64, MISSING_LINE);
                    }
                }
            }
            for implant in implants {
                draw(&mut picture, &cut(implant, &plane), PIXELS_PER_MM, IMPLANT_LINE);
            }
            Slice { name, left, right, picture }
        })
        .collect()
}

//! Binary PLY with a colour and a deviation at every vertex.

use std::io::Write;

use super::error::FormatError;
use super::stl::frame_words;
use crate::model::{Frame, Mesh};

/// Binary little-endian PLY, mm. `rgb` and `deviation_mm` are per vertex; the deviation is written as `quality`,
/// the name that viewers know, positive where material was left on.
///
/// # Errors
/// [`FormatError::Count`] when an array does not have one value per vertex.
pub fn ply_bytes<F: Frame>(
    mesh: &Mesh<F>,
    rgb: &[[u8; 3]],
    deviation_mm: &[f64],
) -> Result<Vec<u8>, FormatError> {
    let n = mesh.vertices.len();
    for (what, found) in [("colour", rgb.len()), ("deviation", deviation_mm.len())] {
        if found != n {
            return Err(FormatError::Count { format: "PLY", what, found, expected: n });
        }
    }
    let mut bytes = Vec::with_capacity(512 + 19 * n + 13 * mesh.triangles.len());
    writeln!(bytes, "ply\nformat binary_little_endian 1.0").expect("a Vec takes what is written");
    for word in frame_words::<F>().split(' ') {
        writeln!(bytes, "comment {word}").expect("a Vec takes what is written");
    }
    write!(
        bytes,
        "comment quality is the deviation in mm, positive is material left on\n\
         element vertex {n}\n\
         property float x\nproperty float y\nproperty float z\n\
         property uchar red\nproperty uchar green\nproperty uchar blue\n\
         property float quality\n\
         element face {}\n\
         property list uchar int vertex_indices\n\
         end_header\n",
        mesh.triangles.len()
    )
    .expect("a Vec takes what is written");
    for ((v, colour), deviation) in mesh.vertices.iter().zip(rgb).zip(deviation_mm) {
        for x in v {
            bytes.extend((*x as f32).to_le_bytes());
        }
        bytes.extend(colour);
        bytes.extend((*deviation as f32).to_le_bytes());
    }
    for t in &mesh.triangles {
        bytes.push(3);
        for corner in t {
            bytes.extend((*corner as i32).to_le_bytes());
        }
    }
    Ok(bytes)
}

/// Binary little-endian PLY of the shape alone, mm, with normals.
pub fn ply_shape_bytes<F: Frame>(mesh: &Mesh<F>) -> Vec<u8> {
    let mut head = String::from("ply\nformat binary_little_endian 1.0\n");
    for word in frame_words::<F>().split(' ') {
        head.push_str(&format!("comment {word}\n"));
    }
    head.push_str(&format!("element vertex {}\n", mesh.vertices.len()));
    for name in ["x", "y", "z", "nx", "ny", "nz"] {
        head.push_str(&format!("property float {name}\n"));
    }
    head.push_str(&format!(
        "element face {}\nproperty list uchar int vertex_indices\nend_header\n",
        mesh.triangles.len()
    ));
    let mut bytes = head.into_bytes();
    for (v, n) in mesh.vertices.iter().zip(mesh.vertex_normals()) {
        bytes.extend(v.iter().chain(&n).flat_map(|x| (*x as f32).to_le_bytes()));
    }
    for t in &mesh.triangles {
        bytes.push(3);
        bytes.extend(t.iter().flat_map(|v| (*v as i32).to_le_bytes()));
    }
    bytes
}

//! Wavefront OBJ, text.

use std::fmt::Write;

use super::stl::frame_words;
use crate::model::{Frame, Mesh};

/// OBJ of one mesh, mm, six decimals; the frame stands in the first line. Faces count from 1.
pub fn obj_bytes<F: Frame>(mesh: &Mesh<F>) -> Vec<u8> {
    let mut text = String::with_capacity(40 * (mesh.vertices.len() + mesh.triangles.len()) + 64);
    let _ = writeln!(text, "# osteomill {}", frame_words::<F>());
    for v in &mesh.vertices {
        // + 0.0: no "-0.000000".
        let [x, y, z] = v.map(|x| (x * 1e6).round() / 1e6 + 0.0);
        let _ = writeln!(text, "v {x:.6} {y:.6} {z:.6}");
    }
    for t in &mesh.triangles {
        let [a, b, c] = t.map(|v| v + 1);
        let _ = writeln!(text, "f {a} {b} {c}");
    }
    text.into_bytes()
}

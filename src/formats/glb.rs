//! glTF 2.0 in one binary file.
//!
//! glTF is in metres, +Y up and +Z to the front, and its +X is then a figure's left: from LPS mm that is
//! (x, z, −y) / 1000, a rotation. Left stays left. The same turn is made for every frame.

use serde_json::json;

use super::error::FormatError;
use super::stl::frame_words;
use crate::model::{Frame, Mesh};

const FORMAT: &str = "glTF";
const FLOAT: u32 = 5126;
const UNSIGNED: u32 = 5125;

/// GLB of one mesh with normals, metres, Y up; what was done to the frame stands in `asset.extras`.
///
/// # Errors
/// [`FormatError::NoTriangle`] for an empty mesh, [`FormatError::Corner`] for a corner that is nowhere,
/// [`FormatError::Length`] beyond 4 GB.
pub fn glb_bytes<F: Frame>(mesh: &Mesh<F>, name: &str) -> Result<Vec<u8>, FormatError> {
    if mesh.triangles.is_empty() {
        return Err(FormatError::NoTriangle { format: FORMAT });
    }
    for (t, corners) in mesh.triangles.iter().enumerate() {
        for corner in corners.map(|c| mesh.vertices[c as usize]) {
            if !corner.iter().all(|x| x.is_finite()) {
                return Err(FormatError::Corner { format: FORMAT, triangle: t + 1, corner });
            }
        }
    }
    let turned = |[x, y, z]: [f64; 3]| [x, z, -y];
    // + 0.0: no negative zeros.
    let places: Vec<[f32; 3]> =
        mesh.vertices.iter().map(|&v| turned(v).map(|x| (x / 1000.0) as f32 + 0.0)).collect();
    let low: [f32; 3] = std::array::from_fn(|a| places.iter().map(|p| p[a]).fold(f32::MAX, f32::min));
    let high: [f32; 3] = std::array::from_fn(|a| places.iter().map(|p| p[a]).fold(f32::MIN, f32::max));
    let mut bin = Vec::with_capacity(24 * places.len() + 12 * mesh.triangles.len());
    let normals = mesh.vertex_normals();
    for p in places.iter().copied().chain(normals.iter().map(|&n| turned(n).map(|x| x as f32 + 0.0))) {
        bin.extend(p.iter().flat_map(|x| x.to_le_bytes()));
    }
    bin.extend(mesh.triangles.iter().flatten().flat_map(|v| v.to_le_bytes()));
    let (n, faces) = (places.len(), 3 * mesh.triangles.len());
    let head = json!({
        "asset": {
            "version": "2.0",
            "generator": "osteomill",
            "extras": {
                "frame": frame_words::<F>(),
                "gltf_from_frame": "(x, z, -y) / 1000: metres, Y up, a rotation and no mirror"
            }
        },
        "scene": 0,
        "scenes": [{ "nodes": [0] }],
        "nodes": [{ "mesh": 0, "name": name }],
        "meshes": [{ "name": name, "primitives": [{
            "attributes": { "POSITION": 0, "NORMAL": 1 }, "indices": 2, "mode": 4
        }]}],
        "accessors": [
            { "bufferView": 0, "componentType": FLOAT, "count": n, "type": "VEC3",
              "min": low.map(f64::from), "max": high.map(f64::from) },
            { "bufferView": 1, "componentType": FLOAT, "count": n, "type": "VEC3" },
            { "bufferView": 2, "componentType": UNSIGNED, "count": faces, "type": "SCALAR" }
        ],
        "bufferViews": [
            { "buffer": 0, "byteOffset": 0, "byteLength": 12 * n, "target": 34962 },
            { "buffer": 0, "byteOffset": 12 * n, "byteLength": 12 * n, "target": 34962 },
            { "buffer": 0, "byteOffset": 24 * n, "byteLength": 4 * faces, "target": 34963 }
        ],
        "buffers": [{ "byteLength": bin.len() }]
    });
    let mut text = head.to_string().into_bytes();
    text.resize(text.len().next_multiple_of(4), b' ');
    let whole = 12 + 8 + text.len() + 8 + bin.len();
    if u32::try_from(whole).is_err() {
        return Err(FormatError::Length {
            format: FORMAT,
            what: "a file, of which glTF allows at most 4 GB".into(),
            found: whole as u64,
            expected: u64::from(u32::MAX),
        });
    }
    let mut bytes = Vec::with_capacity(whole);
    bytes.extend(b"glTF");
    bytes.extend([2u32, whole as u32, text.len() as u32].iter().flat_map(|v| v.to_le_bytes()));
    bytes.extend(b"JSON");
    bytes.extend(text);
    bytes.extend((bin.len() as u32).to_le_bytes());
    bytes.extend(b"BIN\0");
    bytes.extend(bin);
    Ok(bytes)
}

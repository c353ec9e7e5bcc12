//! Binary STL out; binary or text STL in.

use std::collections::HashMap;
use std::io::Cursor;

use super::error::FormatError;
use crate::model::{Frame, Mesh, Patient};

const HEAD: usize = 84;
const RECORD: usize = 50;
const FARTHEST_MM: f64 = 1e5;

/// What an STL held.
#[derive(Clone, Debug)]
pub struct StlRead<F: Frame> {
    /// Corners at one place are one vertex; in the order first met.
    pub mesh: Mesh<F>,
    /// Triangles left out because two corners fell on one place.
    pub degenerate: usize,
    /// True where the file said `SPACE=RAS` and was turned.
    pub turned_from_ras: bool,
}

/// The words every mesh file carries about its frame: `SPACE=LPS FRAME=patient UNIT=mm`, the first only for the
/// patient's frame.
pub(super) fn frame_words<F: Frame>() -> String {
    let space = if F::NAME == Patient::NAME { "SPACE=LPS " } else { "" };
    format!("{space}FRAME={} UNIT=mm", F::NAME)
}

/// Binary STL of the mesh, normals from the triangles.
pub fn stl_bytes<F: Frame>(mesh: &Mesh<F>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD + RECORD * mesh.triangles.len());
    // Must not begin with `solid`: readers take that for text.
    bytes.extend(format!("osteomill {}", frame_words::<F>()).bytes());
    bytes.resize(80, b' ');
    bytes.extend((mesh.triangles.len() as u32).to_le_bytes());
    for (t, corners) in mesh.triangles.iter().enumerate() {
        let n = mesh.normal(t);
        for v in [[n.x, n.y, n.z]].into_iter().chain(corners.map(|c| mesh.vertices[c as usize])) {
            for x in v {
                // + 0.0: no negative zeros, which readers that compare bits would not weld.
                bytes.extend((x as f32 + 0.0).to_le_bytes());
            }
        }
        bytes.extend([0, 0]);
    }
    bytes
}

/// Reads binary or text STL, mm, of a mesh in frame `F`.
///
/// # Errors
/// [`FormatError`] for a file that is cut short or too long, has a corner that is not a place, or no triangle.
pub fn read_stl<F: Frame>(bytes: &[u8]) -> Result<StlRead<F>, FormatError> {
    const FORMAT: &str = "STL";
    let declared = bytes
        .get(80..84)
        .map(|b| HEAD as u64 + RECORD as u64 * u64::from(u32::from_le_bytes([b[0], b[1], b[2], b[3]])));
    let text_like = bytes.starts_with(b"solid");
    let binary = declared == Some(bytes.len() as u64) || !text_like;
    let mut patched;
    let source = if binary {
        let expected = declared.unwrap_or(HEAD as u64);
        if expected != bytes.len() as u64 {
            return Err(FormatError::Length {
                format: FORMAT,
                what: "the number of triangles it states".into(),
                found: bytes.len() as u64,
                expected,
            });
        }
        // Some programs begin a binary header with `solid`; the size has just proved that it is no text.
        patched = bytes.to_vec();
        patched[..5].fill(b' ');
        &patched
    } else {
        bytes
    };
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).to_uppercase();
    let turned_from_ras = F::NAME == Patient::NAME && head.contains("SPACE=RAS");
    let unreadable = |e: std::io::Error| FormatError::Unreadable { format: FORMAT, why: e.to_string() };
    let mut cursor = Cursor::new(source);
    let triangles_in = stl_io::create_stl_reader(&mut cursor).map_err(unreadable)?;

    let (mut vertices, mut triangles, mut degenerate) = (Vec::new(), Vec::new(), 0);
    let mut known: HashMap<[u32; 3], u32> = HashMap::new();
    for (at, triangle) in triangles_in.enumerate() {
        let triangle = triangle.map_err(unreadable)?;
        let mut corners = [0u32; 3];
        for (number, corner) in corners.iter_mut().zip(triangle.vertices) {
            let [x, y, z] = corner.0.map(|x| x + 0.0);
            let v = if turned_from_ras { [-x + 0.0, -y + 0.0, z] } else { [x, y, z] };
            let place = v.map(f64::from);
            if !place.iter().all(|x| x.abs() <= FARTHEST_MM) {
                return Err(FormatError::Corner { format: FORMAT, triangle: at + 1, corner: place });
            }
            *number = *known.entry(v.map(f32::to_bits)).or_insert_with(|| {
                vertices.push(place);
                vertices.len() as u32 - 1
            });
        }
        let [a, b, c] = corners;
        if a == b || b == c || c == a {
            degenerate += 1;
        } else {
            triangles.push(corners);
        }
    }
    if triangles.is_empty() {
        return Err(FormatError::NoTriangle { format: FORMAT });
    }
    Ok(StlRead { mesh: Mesh::new(vertices, triangles), degenerate, turned_from_ras })
}

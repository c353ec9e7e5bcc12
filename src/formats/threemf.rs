//! 3MF: a mesh with its unit, in millimetres.

use std::fmt::Write;

use super::error::FormatError;
use super::stl::frame_words;
use super::zip::zip_bytes;
use crate::model::{Frame, Mesh};

const TYPES: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="model" ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/></Types>
"#;
const RELATIONS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Target="/3D/3dmodel.model" Id="rel0" Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/></Relationships>
"#;

/// 3MF (core) of one mesh, mm, with the frame in its description. `title` is for people.
///
/// # Errors
/// [`FormatError::NoTriangle`] for an empty mesh; [`FormatError::Corner`] for a corner that is nowhere;
/// [`FormatError::Length`] beyond 4 GB.
pub fn threemf_bytes<F: Frame>(mesh: &Mesh<F>, title: &str) -> Result<Vec<u8>, FormatError> {
    const FORMAT: &str = "3MF";
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
    let mut xml = String::with_capacity(60 * (mesh.vertices.len() + mesh.triangles.len()) + 1024);
    xml.push_str(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<model unit=\"millimeter\" xml:lang=\"en-US\" \
         xmlns=\"http://schemas.microsoft.com/3dmanufacturing/core/2015/02\">\n",
    );
    let _ = write!(
        xml,
        "<metadata name=\"Title\">{}</metadata>\n<metadata name=\"Application\">osteomill</metadata>\n\
         <metadata name=\"Description\">{}</metadata>\n<resources>\n<object id=\"1\" type=\"model\">\n<mesh>\n<vertices>\n",
        escaped(title),
        frame_words::<F>()
    );
    for v in &mesh.vertices {
        // + 0.0: no "-0.000000".
        let [x, y, z] = v.map(|x| (x * 1e6).round() / 1e6 + 0.0);
        let _ = writeln!(xml, "<vertex x=\"{x:.6}\" y=\"{y:.6}\" z=\"{z:.6}\"/>");
    }
    xml.push_str("</vertices>\n<triangles>\n");
    for [a, b, c] in &mesh.triangles {
        let _ = writeln!(xml, "<triangle v1=\"{a}\" v2=\"{b}\" v3=\"{c}\"/>");
    }
    xml.push_str(
        "</triangles>\n</mesh>\n</object>\n</resources>\n<build>\n<item objectid=\"1\"/>\n</build>\n</model>\n",
    );
    zip_bytes(
        FORMAT,
        &[
            ("[Content_Types].xml", TYPES.as_bytes()),
            ("_rels/.rels", RELATIONS.as_bytes()),
            ("3D/3dmodel.model", xml.as_bytes()),
        ],
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

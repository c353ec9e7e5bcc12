use std::io::Cursor;

use super::*;
use crate::geometry::random::Random;
use crate::model::{Dir, Grid, Mask, Mesh, Part, Patient, Point, Volume};

/// A body that no flip leaves as it is: a box with one corner cut off, far from zero, on the patient's right.
fn marker() -> Mesh<Patient> {
    Mesh::new(
        vec![[-60.0, 0.0, 10.0], [-50.0, 0.0, 10.0], [-60.0, 20.0, 10.0], [-60.0, 0.0, 40.0]],
        vec![[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]],
    )
}

fn grid(left_handed: bool) -> Grid {
    // Oblique, unequal, away from zero.
    let (c, s) = (0.8, 0.6);
    let k = if left_handed { -1.0 } else { 1.0 };
    Grid {
        dims: [7, 5, 6],
        spacing_mm: [0.5, 0.75, 1.25],
        origin_lps_mm: Point::new([-61.5, 22.25, 107.0]),
        axes_lps: [Dir::new([c, s, 0.0]), Dir::new([-s, c, 0.0]), Dir::new([0.0, 0.0, k])],
    }
}

fn mask(left_handed: bool) -> Mask {
    let mut m = Mask::empty(grid(left_handed));
    let mut r = Random::new(4);
    m.voxels.iter_mut().for_each(|v| *v = u8::from(r.unit() < 0.3));
    m
}

#[test]
fn an_stl_reads_back_welded_and_on_the_same_side() {
    let bytes = stl::stl_bytes(&marker());
    assert!(bytes[..80].starts_with(b"osteomill SPACE=LPS FRAME=patient UNIT=mm "));
    let read = stl::read_stl::<Patient>(&bytes).unwrap();
    assert_eq!((read.mesh.vertices.len(), read.degenerate, read.turned_from_ras), (4, 0, false));
    assert!(read.mesh.is_closed_two_manifold());
    let (lo, hi) = read.mesh.bounds_mm().unwrap();
    assert_eq!((lo, hi), ([-60.0, 0.0, 10.0], [-50.0, 20.0, 40.0]));
    assert!(read.mesh.volume_mm3() > 0.0, "triangles still face out");
    assert_eq!(stl::stl_bytes(&read.mesh), bytes);
    let part = Mesh::<Part>::new(marker().vertices, marker().triangles);
    assert!(!String::from_utf8_lossy(&stl::stl_bytes(&part)[..80]).contains("LPS"));
}

#[test]
fn an_stl_that_says_ras_is_turned() {
    let mut bytes = stl::stl_bytes(&marker());
    let at = bytes.windows(3).position(|w| w == b"LPS").unwrap();
    bytes[at..at + 3].copy_from_slice(b"RAS");
    let read = stl::read_stl::<Patient>(&bytes).unwrap();
    assert!(read.turned_from_ras && read.mesh.volume_mm3() > 0.0);
    assert_eq!(read.mesh.bounds_mm().unwrap().1, [60.0, 0.0, 40.0]);
}

#[test]
fn text_stl_and_binary_that_begins_with_solid_are_both_read() {
    let text = "solid a\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 -0.0\nendloop\n\
                endfacet\nendsolid a\n";
    assert_eq!(stl::read_stl::<Part>(text.as_bytes()).unwrap().mesh.vertices.len(), 3);
    let mut bytes = stl::stl_bytes(&marker());
    bytes[..5].copy_from_slice(b"solid");
    assert_eq!(stl::read_stl::<Patient>(&bytes).unwrap().mesh.triangles.len(), 4);
}

#[test]
fn a_damaged_stl_says_what_is_wrong() {
    let bytes = stl::stl_bytes(&marker());
    let message = |b: &[u8]| stl::read_stl::<Patient>(b).unwrap_err().to_string();
    assert!(message(&bytes[..200]).contains("200 bytes, but 284 are needed"), "{}", message(&bytes[..200]));
    assert!(message(b"").contains("0 bytes"));
    let mut nan = bytes.clone();
    nan[84 + 12..84 + 16].copy_from_slice(&f32::NAN.to_le_bytes());
    assert!(message(&nan).contains("triangle 1 has a corner at [NaN"));
    let empty = stl::stl_bytes(&Mesh::<Patient>::new(vec![], vec![]));
    assert!(message(&empty).contains("no triangle"));
}

#[test]
fn a_ply_holds_places_colours_and_deviations() {
    let m = marker();
    let bytes = ply::ply_bytes(&m, &[[1, 2, 3]; 4], &[0.0, 0.01, -0.02, 0.03]).unwrap();
    let end = bytes.windows(11).position(|w| w == b"end_header\n").unwrap() + 11;
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    assert!(head.contains("comment SPACE=LPS\n") && head.contains("element vertex 4\n"), "{head}");
    let body = &bytes[end..];
    assert_eq!(body.len(), 4 * 19 + 4 * 13);
    let real = |at: usize| f32::from_le_bytes(body[at..at + 4].try_into().unwrap());
    assert_eq!([real(0), real(4), real(8)], [-60.0, 0.0, 10.0], "on the patient's right");
    assert_eq!((body[19 + 12], real(19 + 15)), (1, 0.01));
    assert_eq!(body[4 * 19..4 * 19 + 5], [3, 0, 0, 0, 0]);
    let message = ply::ply_bytes(&m, &[[0; 3]; 3], &[0.0; 4]).unwrap_err().to_string();
    assert!(message.contains("3 values of colour, but 4"), "{message}");
}

#[test]
fn obj_and_ply_state_the_frame_and_hold_every_place() {
    let text = String::from_utf8(obj::obj_bytes(&marker())).unwrap();
    assert!(text.starts_with("# osteomill SPACE=LPS FRAME=patient UNIT=mm\n"));
    assert_eq!(text.lines().filter(|l| l.starts_with("v ")).nth(2), Some("v -60.000000 20.000000 10.000000"));
    assert_eq!(text.lines().rfind(|l| l.starts_with("f ")), Some("f 1 4 3"));
    let bytes = ply::ply_shape_bytes(&marker());
    let head = bytes.windows(11).position(|w| w == b"end_header\n").unwrap() + 11;
    assert!(String::from_utf8_lossy(&bytes[..head]).contains("comment SPACE=LPS"));
    assert_eq!(bytes.len(), head + 4 * 24 + 4 * 13);
}

#[test]
fn a_glb_is_in_metres_with_left_still_left() {
    let bytes = glb::glb_bytes(&marker(), "marker").unwrap();
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    assert_eq!((&bytes[..4], word(4), word(8)), (&b"glTF"[..], 2, bytes.len()));
    let json: serde_json::Value = serde_json::from_slice(&bytes[20..20 + word(12)]).unwrap();
    let bin = 20 + word(12) + 8;
    let place = |v: usize| -> [f32; 3] {
        std::array::from_fn(|a| f32::from_le_bytes(bytes[bin + 12 * v + 4 * a..][..4].try_into().unwrap()))
    };
    // LPS (-60, 20, 10) mm: right stays -x, up is +y, the back is -z.
    assert_eq!(place(2), [-0.06, 0.01, -0.02]);
    assert_eq!(json["accessors"][0]["min"][0], f64::from(-0.06f32));
    assert_eq!(json["asset"]["extras"]["frame"], "SPACE=LPS FRAME=patient UNIT=mm");
    let turned = Mesh::<Patient>::new((0..4).map(|v| place(v).map(f64::from)).collect(), marker().triangles);
    assert!((turned.volume_mm3() * 1e9 / marker().volume_mm3() - 1.0).abs() < 1e-5);
    let empty = Mesh::<Patient>::new(vec![], vec![]);
    assert!(glb::glb_bytes(&empty, "").unwrap_err().to_string().contains("no triangle"));
}

#[test]
fn a_3mf_reads_back_in_millimetres_and_is_the_same_every_time() {
    let bytes = threemf::threemf_bytes(&marker(), "left < right & up").unwrap();
    assert_eq!(bytes, threemf::threemf_bytes(&marker(), "left < right & up").unwrap());
    let models = ::threemf::read(Cursor::new(&bytes)).unwrap();
    assert!(matches!(models[0].unit, ::threemf::model::Unit::Millimeter));
    let description = models[0].metadata.iter().find(|m| m.name == "Description").unwrap();
    assert_eq!(description.value.as_deref(), Some("SPACE=LPS FRAME=patient UNIT=mm"));
    let mesh = models[0].resources.object[0].mesh.as_ref().unwrap();
    for (v, expected) in mesh.vertices.vertex.iter().zip(marker().vertices) {
        assert_eq!([v.x, v.y, v.z], expected);
    }
    let t = &mesh.triangles.triangle[2];
    assert_eq!([t.v1, t.v2, t.v3], [1, 2, 3]);
}

#[test]
fn a_mask_goes_through_nifti_and_back_on_either_handedness() {
    for left_handed in [false, true] {
        let m = mask(left_handed);
        let bytes = nifti::mask_nii_gz(&m).unwrap();
        assert_eq!(bytes, nifti::mask_nii_gz(&m).unwrap());
        let back = nifti::read_mask(&bytes).unwrap();
        assert_eq!(back.voxels, m.voxels);
        let far = [6.0, 4.0, 5.0];
        for ijk in [[0.0; 3], far] {
            // 24 bits at 107 mm: 4e-6 mm, a few of these.
            let d = back.grid.patient_from_index(ijk).distance_mm(&m.grid.patient_from_index(ijk));
            assert!(d < 3e-5, "{d}");
        }
        assert_eq!(back.grid.handedness(), m.grid.handedness());
    }
}

/// Another program's reading of the header: the `nifti` crate, by matrix and by quaternion.
#[test]
fn another_reader_finds_the_voxels_in_ras() {
    use ::nifti::{NiftiHeader, NiftiObject, NiftiVolume};
    for left_handed in [false, true] {
        let m = mask(left_handed);
        let bytes = nifti::mask_nii_gz(&m).unwrap();
        let object = ::nifti::ReaderOptions::new();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.nii.gz");
        std::fs::write(&path, bytes).unwrap();
        let object = object.read_file(&path).unwrap();
        let h: &NiftiHeader = object.header();
        assert_eq!(object.volume().dim(), [7, 5, 6]);
        let p = m.grid.patient_from_index([6.0, 4.0, 5.0]).mm;
        for (r, (row, expected)) in
            [h.srow_x, h.srow_y, h.srow_z].iter().zip([-p[0], -p[1], p[2]]).enumerate()
        {
            let x = row[0] * 6.0 + row[1] * 4.0 + row[2] * 5.0 + row[3];
            assert!((f64::from(x) - expected).abs() < 1e-4, "row {r}: {x} {expected}");
        }
        // nifti1.h, METHOD 2, by hand.
        let [b, c, d] = [h.quatern_b, h.quatern_c, h.quatern_d].map(f64::from);
        let a = (1.0 - b * b - c * c - d * d).max(0.0).sqrt();
        let s = [1, 2, 3].map(|n| f64::from(h.pixdim[n]));
        let q = f64::from(h.pixdim[0]);
        let v = [6.0 * s[0], 4.0 * s[1], 5.0 * s[2] * q];
        let x = (a * a + b * b - c * c - d * d) * v[0]
            + 2.0 * (b * c - a * d) * v[1]
            + 2.0 * (b * d + a * c) * v[2]
            + f64::from(h.quatern_x);
        let y = 2.0 * (b * c + a * d) * v[0]
            + (a * a + c * c - b * b - d * d) * v[1]
            + 2.0 * (c * d - a * b) * v[2]
            + f64::from(h.quatern_y);
        assert!((x + p[0]).abs() < 1e-4 && (y + p[1]).abs() < 1e-4, "{x} {y} {p:?}");
    }
}

#[test]
fn a_volume_goes_through_nifti_and_back() {
    let g = grid(true);
    let mut r = Random::new(9);
    let hu = (0..g.len()).map(|_| r.within(-1024.0, 3071.0) as i16).collect();
    let v = Volume { grid: g, hu };
    assert_eq!(nifti::read_volume(&nifti::volume_nii_gz(&v).unwrap()).unwrap().hu, v.hu);
}

#[test]
fn a_damaged_nifti_says_what_is_wrong() {
    use std::io::Read;
    let bytes = nifti::mask_nii_gz(&mask(false)).unwrap();
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut plain).unwrap();
    assert_eq!(nifti::read_mask(&plain).unwrap().voxels, mask(false).voxels, "not gzipped is read too");
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut b = plain.clone();
        change(&mut b);
        nifti::read_mask(&b).map(|_| ()).unwrap_err().to_string()
    };
    assert!(with(&|b| b.truncate(400)).contains("48 bytes, but 210 are needed"));
    assert!(with(&|b| b.push(0)).contains("211 bytes, but 210"));
    assert!(with(&|b| b.truncate(100)).contains("the header"));
    assert!(with(&|b| b[42..44].copy_from_slice(&(-5i16).to_le_bytes())).contains("dim[1] is -5"));
    assert!(with(&|b| b[70] = 32).contains("datatype is 32"));
    assert!(with(&|b| (b[252], b[254]) = (0, 0)).contains("sform_code"));
    // x of the second axis: no longer at a right angle.
    assert!(
        with(&|b| b[284..288].copy_from_slice(&5f32.to_le_bytes())).contains("cosine between axes 0 and 1")
    );
    assert!(nifti::read_mask(&bytes[..60]).is_err());
}

#[test]
fn a_picture_reads_back() {
    let rgb: Vec<u8> = (0..3 * 4 * 5).collect();
    let bytes = png::png_bytes(&rgb, 4, 5).unwrap();
    let mut reader = ::png::Decoder::new(Cursor::new(&bytes)).read_info().unwrap();
    let mut back = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut back).unwrap();
    assert_eq!((reader.info().size(), &back), ((4, 5), &rgb));
    assert!(png::png_bytes(&rgb, 5, 5).unwrap_err().to_string().contains("75 are needed"));
}

/// Writes files for a look with other programs (`SimpleITK`, `lib3mf`) into `OSTEOMILL_FORMATS_OUT`.
#[test]
fn files_for_other_readers_are_written_where_asked() {
    let Ok(folder) = std::env::var("OSTEOMILL_FORMATS_OUT") else {
        eprintln!("skipped: OSTEOMILL_FORMATS_OUT names no folder");
        return;
    };
    let out =
        |name: &str, bytes: &[u8]| std::fs::write(std::path::Path::new(&folder).join(name), bytes).unwrap();
    out("right.nii.gz", &nifti::mask_nii_gz(&mask(false)).unwrap());
    out("left.nii.gz", &nifti::mask_nii_gz(&mask(true)).unwrap());
    out("right.raw", &mask(false).voxels);
    out("marker.3mf", &threemf::threemf_bytes(&marker(), "marker").unwrap());
    out("marker-shape.ply", &ply::ply_shape_bytes(&marker()));
    out("marker.obj", &obj::obj_bytes(&marker()));
    out("marker.glb", &glb::glb_bytes(&marker(), "marker").unwrap());
    out("marker.stl", &stl::stl_bytes(&marker()));
    out("marker.ply", &ply::ply_bytes(&marker(), &[[9; 3]; 4], &[0.5; 4]).unwrap());
}

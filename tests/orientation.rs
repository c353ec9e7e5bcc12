//! A body with one mark, scanned along rows and columns of every sign: the mark is where it was, in every format.

use crate::common_head as head;

use std::io::Cursor;

use head::params;
use nalgebra::Vector3;
use osteomill::bone::{BoneParams, segment_bone};
use osteomill::formats::{nifti, ply, stl, threemf};
use osteomill::model::{Dir, Grid, Mesh, Patient, Point, Silent, Volume};
use osteomill::scan::read_scan;
use osteomill::surface::{SurfaceParams, extract_surface};

/// Middle of the body and of the mark: on the patient's left (+x), in front (−y), on top (+z), each by another amount.
const MIDDLE: [f64; 3] = [7.0, -31.0, 52.0];
const MARK: [f64; 3] = [35.0, -24.0, 15.0];
const VOXEL_MM: f64 = 2.0;
/// Half the edge of the scanned cube.
const HALF_MM: f64 = 70.0;

/// HU of a shell of 45 mm and a ball of 10 mm on it.
fn hu(p: Vector3<f64>) -> i16 {
    let q = p - Vector3::from(MIDDLE);
    let shell = (q.norm() - 42.0).abs() - 4.0;
    let ball = (q - Vector3::from(MARK)).norm() - 10.0;
    // A ramp of one voxel stands for the partial volume.
    let inside = (0.5 - shell.min(ball) / VOXEL_MM).clamp(0.0, 1.0);
    (-1000.0 + 2000.0 * inside).round() as i16
}

/// The body on a grid whose i and j run along these directions.
fn scanned(i: [f64; 3], j: [f64; 3]) -> Volume {
    let (i, j) = (Vector3::from(i), Vector3::from(j));
    let k = i.cross(&j);
    let n = (2.0 * HALF_MM / VOXEL_MM) as usize + 1;
    let origin = Vector3::from(MIDDLE) - (i + j + k) * HALF_MM;
    let grid = Grid {
        dims: [n, n, n],
        spacing_mm: [VOXEL_MM; 3],
        origin_lps_mm: Point::from_v(origin),
        axes_lps: [i, j, k].map(|v| Dir::new(v.into())),
    };
    let values =
        (0..grid.len()).map(|at| hu(grid.patient_from_index(grid.ijk(at).map(|n| n as f64)).v())).collect();
    Volume { grid, hu: values }
}

/// Middle of what lies further out than the shell: the mark's cap, as an offset from the body's middle.
fn mark_of(points: impl Iterator<Item = [f64; 3]>) -> [f64; 3] {
    let beyond: Vec<Vector3<f64>> =
        points.map(|p| Vector3::from(p) - Vector3::from(MIDDLE)).filter(|q| q.norm() > 49.0).collect();
    assert!(beyond.len() > 20, "the mark is lost: {} points", beyond.len());
    (beyond.iter().sum::<Vector3<f64>>() / beyond.len() as f64).into()
}

fn assert_is_the_mark(what: &str, found: [f64; 3]) {
    // Along the mark's direction the cap's middle lies further out than the ball's; across it, nowhere else. 2 mm: a
    // voxel.
    let direction = Vector3::from(MARK).normalize();
    let q = Vector3::from(found);
    let across = (q - direction * q.dot(&direction)).norm();
    assert!(
        q.dot(&direction) > 44.0 && across < 2.0,
        "{what}: the mark is at {found:?}, not towards {MARK:?}"
    );
}

/// Vertices of a binary PLY as this program writes it: the header's own words are followed.
fn ply_vertices(bytes: &[u8]) -> Vec<[f64; 3]> {
    let end = bytes.windows(11).position(|w| w == b"end_header\n").expect("a PLY") + 11;
    let header = std::str::from_utf8(&bytes[..end]).expect("text");
    assert!(header.contains("format binary_little_endian"));
    let count: usize = header
        .lines()
        .find_map(|l| l.strip_prefix("element vertex "))
        .expect("vertices")
        .parse()
        .expect("a number");
    let vertex =
        header.split("element vertex").nth(1).expect("vertices").split("element face").next().expect("faces");
    let width: usize = vertex
        .lines()
        .filter_map(|l| l.strip_prefix("property "))
        .map(|p| if p.starts_with("float") { 4 } else { 1 })
        .sum();
    let real = |at: usize| f64::from(f32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")));
    (0..count).map(|n| end + n * width).map(|at| [real(at), real(at + 4), real(at + 8)]).collect()
}

#[derive(serde::Deserialize)]
struct Tables {
    bone: BoneParams,
    surface: SurfaceParams,
}

fn mesh_of(volume: &Volume) -> Mesh<Patient> {
    let tables: Tables =
        toml::from_str(include_str!("../pipelines/cranial-peek.toml")).expect("the shipped tables are valid");
    let bone = segment_bone(volume, &tables.bone, &Silent).expect("a shell");
    extract_surface(volume, &bone, &tables.surface, &Silent).expect("a shell").mesh
}

fn check(name: &str, i: [f64; 3], j: [f64; 3]) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    head::write(&scanned(i, j), dir.path());
    // Not axial in some: named, so that it is read all the same.
    let study = osteomill::scan::list_series(dir.path(), &params()).expect("a folder");
    let named = params().with_series(&study.series[0].series);
    let scan = read_scan(dir.path(), &named, &Silent).expect("an even stack");
    let volume = &scan.volume;
    let g = &volume.grid;
    assert!(g.handedness() > 0.0, "{name}");
    let solid = |hu: i16| hu > 0;
    let places = (0..g.len()).filter(|&at| solid(volume.hu[at]));
    let volume_mark = mark_of(places.map(|at| g.patient_from_index(g.ijk(at).map(|n| n as f64)).mm));
    assert_is_the_mark(&format!("{name}, volume"), volume_mark);

    let mesh = mesh_of(volume);
    assert_is_the_mark(&format!("{name}, mesh"), mark_of(mesh.vertices.iter().copied()));
    let read = stl_io::read_stl(&mut Cursor::new(stl::stl_bytes(&mesh))).expect("an STL");
    let stl_mark = mark_of(read.vertices.iter().map(|v| [0, 1, 2].map(|a| f64::from(v[a]))));
    assert_is_the_mark(&format!("{name}, STL"), stl_mark);
    let n = mesh.vertices.len();
    let bytes = ply::ply_bytes(&mesh, &vec![[200; 3]; n], &vec![0.0; n]).expect("one value each");
    assert_is_the_mark(&format!("{name}, PLY"), mark_of(ply_vertices(&bytes).into_iter()));
    let models =
        ::threemf::read(Cursor::new(threemf::threemf_bytes(&mesh, "marked").expect("small"))).expect("a 3MF");
    let body = models[0].resources.object[0].mesh.as_ref().expect("a mesh");
    assert_is_the_mark(
        &format!("{name}, 3MF"),
        mark_of(body.vertices.vertex.iter().map(|v| [v.x, v.y, v.z])),
    );

    let path = dir.path().join("volume.nii.gz");
    std::fs::write(&path, nifti::volume_nii_gz(volume).expect("small")).expect("writable");
    use ::nifti::{NiftiObject, NiftiVolume, RandomAccessNiftiVolume};
    let object = ::nifti::ReaderOptions::new().read_file(&path).expect("a NIfTI");
    let h = object.header();
    let dim = object.volume().dim().to_vec();
    let mut solid_places = Vec::new();
    for k in 0..dim[2] {
        for j in 0..dim[1] {
            for i in 0..dim[0] {
                if object.volume().get_f64(&[i, j, k]).expect("inside") > 0.0 {
                    let at = [f64::from(i), f64::from(j), f64::from(k), 1.0];
                    let row = |r: [f32; 4]| r.iter().zip(at).map(|(m, x)| f64::from(*m) * x).sum::<f64>();
                    // RAS by NIfTI's own rule; LPS here.
                    solid_places.push([-row(h.srow_x), -row(h.srow_y), row(h.srow_z)]);
                }
            }
        }
    }
    assert_is_the_mark(&format!("{name}, NIfTI"), mark_of(solid_places.into_iter()));
}

#[test]
fn the_mark_is_on_its_side_for_eight_signs_of_rows_and_columns() {
    for swapped in [false, true] {
        for a in [1.0, -1.0] {
            for b in [1.0, -1.0] {
                let (i, j) = ([a, 0.0, 0.0], [0.0, b, 0.0]);
                let (i, j) = if swapped { (j, i) } else { (i, j) };
                check(&format!("rows {i:?}, columns {j:?}"), i, j);
            }
        }
    }
}

#[test]
fn the_mark_is_on_its_side_in_oblique_sagittal_and_coronal_scans() {
    check("sagittal", [0.0, 1.0, 0.0], [0.0, 0.0, -1.0]);
    check("coronal", [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]);
    // 20 degrees about x, then 15 about z.
    let (s, c) = 20f64.to_radians().sin_cos();
    let (t, d) = 15f64.to_radians().sin_cos();
    check("oblique", [d, t, 0.0], [-t * c, d * c, s]);
}

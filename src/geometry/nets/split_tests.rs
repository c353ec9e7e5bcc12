//! The split net against closed forms, noise, every pattern of signs, and the crate as oracle.

use std::collections::BTreeSet;
use std::f64::consts::PI;

use super::samples::{Above, Signed};
use super::split::{SplitNet, split_net};
use super::tests::{fans_are_single, noise, sampled};
use super::*;
use crate::model::{Mesh, Part};

fn net_of(dims: [usize; 3], values: &[f32]) -> SplitNet {
    split_net(&Signed::new(dims, values), |p| p, false)
}

fn mesh(net: &SplitNet) -> Mesh<Part> {
    Mesh::new(net.vertices.clone(), net.triangles.clone())
}

fn sound(net: &SplitNet) {
    let m = mesh(net);
    assert!(m.is_closed_two_manifold(), "{:?}", m.edge_census());
    let like = Net { vertices: net.vertices.clone(), triangles: net.triangles.clone(), nudged: 0 };
    assert!(fans_are_single(&like));
    let smallest = (0..m.triangles.len()).map(|t| m.triangle_area_mm2(t)).fold(f64::INFINITY, f64::min);
    assert!(smallest > 0.0, "{smallest}");
}

#[test]
fn every_pattern_of_signs_alone_and_beside_every_other_is_sound() {
    // Two cells side by side along each axis: 12 samples, all 4096 patterns.
    for dims in [[3, 2, 2], [2, 3, 2], [2, 2, 3]] {
        for pattern in 1..4096u32 {
            let values: Vec<f32> =
                (0..12).map(|n| if pattern >> n & 1 == 1 { -1.0 - n as f32 } else { 1.5 }).collect();
            sound(&net_of(dims, &values));
        }
    }
}

#[test]
fn noise_checkerboards_and_zeros_are_sound_on_one_thread_and_on_eight() {
    let dims = [71, 19, 21];
    let board = sampled(dims, |p| if (p[0] + p[1] + p[2]) % 2.0 == 0.0 { -1.0 } else { 1.0 });
    let whole: Vec<f32> = noise(4, dims).iter().map(|v| (v * 1.5).round()).collect();
    let fields = [noise(1, dims), noise(2, dims).iter().map(|v| v - 0.8).collect(), board, whole];
    for values in fields {
        let on = |n| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().expect("a small pool");
            pool.install(|| net_of(dims, &values))
        };
        let net = on(1);
        assert!(net == on(8));
        assert!(net.split_cells > 100, "{}", net.split_cells);
        sound(&net);
        assert!(mesh(&net).volume_mm3() > 0.0);
    }
}

#[test]
fn the_crate_gives_the_same_vertices_and_triangles_where_no_cell_is_crowded() {
    // Wide enough for two words of bits; both bodies leave no cell with two sheets.
    let dims = [90, 40, 33];
    let values = sampled(dims, |p| {
        let ball = ((p[0] - 20.2).powi(2) + (p[1] - 19.7).powi(2) + (p[2] - 16.4).powi(2)).sqrt() - 13.3;
        let ring = ((p[0] - 63.4).hypot(p[1] - 19.6) - 12.1).hypot(p[2] - 15.8) - 5.2;
        // The oracle moves samples that lie almost on the surface; none here do.
        let d: f64 = ball.min(ring);
        if d.abs() < 0.01 { 0.01f64.copysign(d) } else { d }
    });
    let (own, oracle) = (net_of(dims, &values), surface_net(dims, &values, Nudge::GrowInside));
    assert_eq!((own.split_cells, oracle.nudged), (0, 0));
    assert_eq!(own.vertices.len(), oracle.vertices.len());
    for (p, q) in own.vertices.iter().zip(&oracle.vertices) {
        // The crate adds the cell's index before rounding to 24 bits: 90 · 2⁻²⁴.
        assert!((0..3).all(|a| (p[a] - q[a]).abs() < 1e-5), "{p:?} {q:?}");
    }
    // Triangles as sets from their smallest corner on; the crate chooses a diagonal by rounded lengths.
    let set = |triangles: &[[u32; 3]]| -> BTreeSet<[u32; 3]> {
        let turned = |t: &[u32; 3]| {
            let first = (0..3).min_by_key(|&c| t[c]).expect("three corners");
            [t[first], t[(first + 1) % 3], t[(first + 2) % 3]]
        };
        triangles.iter().map(turned).collect()
    };
    let (a, b) = (set(&own.triangles), set(&oracle.triangles));
    assert_eq!(a.len(), b.len());
    let differing = a.difference(&b).count();
    assert!(differing * 1000 <= a.len(), "{differing} of {}", a.len());
}

#[test]
fn hounsfield_and_their_field_give_the_same_net() {
    let dims = [67, 20, 18];
    let hu: Vec<i16> = noise(7, dims).iter().map(|v| (v * 300.0 + 100.0) as i16).collect();
    let field: Vec<f32> = hu.iter().map(|&v| 226.5 - f32::from(v)).collect();
    assert!(split_net(&Above::new(dims, &hu, 226.5), |p| p, false) == net_of(dims, &field));
}

#[test]
fn an_anisotropic_ball_has_its_area_and_volume_and_a_mirror_is_made_good() {
    let (r, dims, step) = (9.0, [50, 40, 30], [0.4, 0.5, 0.7]);
    let values = sampled(dims, |p| {
        let d = [p[0] * step[0] - 9.9, p[1] * step[1] - 10.1, p[2] * step[2] - 10.2];
        d.iter().map(|x| x * x).sum::<f64>().sqrt() - r
    });
    for sign in [1.0, -1.0] {
        let place = |p: [f64; 3]| [p[0] * step[0] * sign, p[1] * step[1], p[2] * step[2]];
        let net = split_net(&Signed::new(dims, &values), place, sign < 0.0);
        sound(&net);
        let m = mesh(&net);
        // 0.03 voxel of 0.7 mm inside the sphere, see the twin of this test in the parent: 0.7 % of the volume.
        let share = m.volume_mm3() / (4.0 / 3.0 * PI * r.powi(3));
        assert!((0.992..1.0).contains(&share), "{share}");
        let share = m.area_mm2() / (4.0 * PI * r * r);
        assert!((0.995..1.0).contains(&share), "{share}");
    }
}

#[test]
fn touching_bodies_are_joined_over_a_face_and_kept_apart_at_a_corner() {
    // Inside corners across a face of both cells: one sheet would meet the face twice on either side.
    let at = |inside: &[[f64; 3]]| {
        let values = sampled([4, 4, 4], |p| if inside.contains(&p) { -1.0 } else { 1.0 });
        net_of([4, 4, 4], &values)
    };
    let edge = at(&[[1.0, 1.0, 1.0], [2.0, 2.0, 1.0]]);
    assert_eq!((edge.split_cells, edge.parted_faces, mesh(&edge).pieces().len()), (2, 1, 2));
    let column = at(&[[1.0, 1.0, 1.0], [2.0, 2.0, 1.0], [1.0, 1.0, 2.0], [2.0, 2.0, 2.0]]);
    assert_eq!((column.parted_faces, mesh(&column).pieces().len()), (0, 1));
    let corner = at(&[[1.0; 3], [2.0; 3]]);
    assert_eq!((corner.split_cells, mesh(&corner).pieces().len()), (1, 2));
    for net in [edge, column, corner] {
        sound(&net);
    }
}

#[test]
fn a_torus_has_one_handle_and_a_full_grid_is_capped_half_a_voxel_beyond() {
    let values = sampled([40, 40, 16], |p| ((p[0] - 19.6).hypot(p[1] - 19.3) - 13.0).hypot(p[2] - 7.7) - 4.6);
    let torus = net_of([40, 40, 16], &values);
    sound(&torus);
    assert_eq!(mesh(&torus).euler_number(), 0);
    for dims in [[5, 6, 7], [62, 2, 2], [63, 2, 3], [64, 3, 2]] {
        let full = net_of(dims, &vec![-1.0; dims.iter().product()]);
        sound(&full);
        let (lo, hi) = mesh(&full).bounds_mm().expect("not empty");
        for a in 0..3 {
            assert!((lo[a] + 0.5).abs() < 1e-6 && (hi[a] - dims[a] as f64 + 0.5).abs() < 1e-6);
        }
    }
    assert!(net_of([3, 3, 3], &[1.0; 27]).triangles.is_empty());
    assert!(net_of([0, 3, 3], &[]).triangles.is_empty());
}

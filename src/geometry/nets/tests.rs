//! Bodies whose surface is known, and noise.

use std::f64::consts::PI;

use super::*;
use crate::geometry::random::Random;
use crate::model::{Mesh, Part};

pub(super) fn sampled(dims: [usize; 3], f: impl Fn([f64; 3]) -> f64) -> Vec<f32> {
    let mut values = Vec::new();
    for k in 0..dims[2] {
        for j in 0..dims[1] {
            for i in 0..dims[0] {
                values.push(f([i as f64, j as f64, k as f64]) as f32);
            }
        }
    }
    values
}

fn mesh(net: &Net) -> Mesh<Part> {
    Mesh::new(net.vertices.clone(), net.triangles.clone())
}

/// One closed fan of triangles round every vertex.
pub(super) fn fans_are_single(net: &Net) -> bool {
    let mut round: Vec<Vec<[u32; 2]>> = vec![Vec::new(); net.vertices.len()];
    for t in &net.triangles {
        for c in 0..3 {
            round[t[c] as usize].push([t[(c + 1) % 3], t[(c + 2) % 3]]);
        }
    }
    round.iter().filter(|fan| !fan.is_empty()).all(|fan| {
        let start = fan[0][0];
        let (mut at, mut steps) = (fan[0][1], 1);
        while at != start && steps <= fan.len() {
            match fan.iter().find(|e| e[0] == at) {
                Some(e) => at = e[1],
                None => return false,
            }
            steps += 1;
        }
        steps == fan.len()
    })
}

pub(super) fn noise(seed: u64, dims: [usize; 3]) -> Vec<f32> {
    let mut r = Random::new(seed);
    (0..dims.iter().product()).map(|_| r.normal() as f32).collect()
}

#[test]
fn a_ball_has_its_area_and_volume() {
    let (r, c) = (14.3, [18.2, 17.9, 18.4]);
    let values = sampled([37, 36, 38], |p| (0..3).map(|a| (p[a] - c[a]).powi(2)).sum::<f64>().sqrt() - r);
    let net = surface_net([37, 36, 38], &values, Nudge::GrowInside);
    let m = mesh(&net);
    assert!(m.is_closed_two_manifold() && fans_are_single(&net));
    assert_eq!((m.euler_number(), net.nudged), (2, 0));
    // The mean of a cell's crossings lies inside the sphere by half their spread over r (two directions, about
    // 0.2 voxel² each: 0.014 voxel), the flat triangles by as much again: 0.03 voxel, or 0.6 % of the volume.
    let volume_share = m.volume_mm3() / (4.0 / 3.0 * PI * r.powi(3));
    let area_share = m.area_mm2() / (4.0 * PI * r * r);
    assert!((0.992..1.0).contains(&volume_share), "{volume_share}");
    assert!((0.995..1.0).contains(&area_share), "{area_share}");
}

#[test]
fn a_torus_has_one_handle() {
    let values = sampled([40, 40, 16], |p| {
        let ring = (p[0] - 19.6).hypot(p[1] - 19.3) - 13.0;
        ring.hypot(p[2] - 7.7) - 4.6
    });
    let m = mesh(&surface_net([40, 40, 16], &values, Nudge::ShrinkInside));
    assert!(m.is_closed_two_manifold());
    assert_eq!(m.euler_number(), 0);
}

#[test]
fn noise_is_closed_and_two_manifold_at_edges_and_vertices() {
    for (seed, nudge) in [(1, Nudge::GrowInside), (2, Nudge::ShrinkInside), (3, Nudge::GrowInside)] {
        let dims = [23, 19, 21];
        let net = surface_net(dims, &noise(seed, dims), nudge);
        assert!(net.nudged > 0 && net.triangles.len() > 100);
        assert!(mesh(&net).is_closed_two_manifold(), "{:?}", mesh(&net).edge_census());
        assert!(fans_are_single(&net));
        assert!(mesh(&net).volume_mm3() > 0.0);
    }
}

#[test]
fn whole_numbers_with_zeros_leave_no_triangle_without_area() {
    let mut r = Random::new(9);
    let dims = [12, 13, 11];
    let values: Vec<f32> = (0..dims.iter().product()).map(|_| (r.within(-2.0, 3.0)).floor() as f32).collect();
    let net = surface_net(dims, &values, Nudge::GrowInside);
    let m = mesh(&net);
    assert!(m.is_closed_two_manifold() && fans_are_single(&net));
    let smallest = (0..m.triangles.len()).map(|t| m.triangle_area_mm2(t)).fold(f64::INFINITY, f64::min);
    assert!(smallest > 0.0, "{smallest}");
}

#[test]
fn a_body_that_leaves_the_grid_is_capped_half_a_voxel_beyond() {
    let dims = [5, 6, 7];
    let net = surface_net(dims, &vec![-1.0; 210], Nudge::GrowInside);
    let m = mesh(&net);
    assert!(m.is_closed_two_manifold());
    let (lo, hi) = m.bounds_mm().expect("not empty");
    for a in 0..3 {
        assert!((lo[a] + 0.5).abs() < 1e-6 && (hi[a] - dims[a] as f64 + 0.5).abs() < 1e-6);
    }
}

#[test]
fn two_corners_across_a_cell_are_joined_or_parted_but_never_touch() {
    for nudge in [Nudge::GrowInside, Nudge::ShrinkInside] {
        let values = sampled([4, 4, 4], |p| if p == [1.0; 3] || p == [2.0; 3] { -1.0 } else { 1.0 });
        let net = surface_net([4, 4, 4], &values, nudge);
        assert!(fans_are_single(&net) && mesh(&net).is_closed_two_manifold());
        assert_eq!(net.nudged, if nudge == Nudge::GrowInside { 2 } else { 1 });
    }
}

#[test]
fn one_thread_and_three_give_the_same_bytes() {
    let dims = [20, 21, 37];
    let values = noise(5, dims);
    let on = |n| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().expect("a small pool");
        pool.install(|| surface_net(dims, &values, Nudge::GrowInside))
    };
    assert!(on(1) == on(3));
}

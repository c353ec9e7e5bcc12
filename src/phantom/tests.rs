use nalgebra::Vector3;

use super::shapes::sphere;
use super::*;
use crate::geometry::random::Random;
use crate::model::{Dir, Mask, Patient, Point, Silent};

fn demo() -> Phantom {
    Phantom::new(PhantomSpec::demo()).expect("the demo's spec is valid")
}

/// A small one: coarse voxels, otherwise the demo.
fn coarse(walls: Walls) -> PhantomSpec {
    let mut spec = PhantomSpec { voxel_mm: [1.5, 1.6, 1.8], ..PhantomSpec::demo() };
    spec.defect.as_mut().expect("the demo has one").walls = walls;
    spec
}

fn dir(u: &Vector3<f64>) -> Dir<Patient> {
    Dir::new([u.x, u.y, u.z])
}

#[test]
fn dump() {
    let t = std::time::Instant::now();
    let p = demo();
    eprintln!("new {:?}", t.elapsed());
    let v = p.volume(&Silent).unwrap();
    eprintln!("volume {:?} {:?}", t.elapsed(), v.grid.dims);
    p.write_dicom_of(&v, std::path::Path::new("/tmp/h2demo"), &Silent).unwrap();
    eprintln!("dicom {:?}", t.elapsed());
    let bytes: Vec<u8> = v.hu.iter().flat_map(|h| h.to_le_bytes()).collect();
    std::fs::write("/tmp/h2demo.raw", bytes).unwrap();
    eprintln!("area {:?} centroid {:?}", p.defect_area_mm2(), p.defect_centroid());
}

#[test]
fn left_differs_from_right_by_the_stated_amount() {
    for seed in 1..6 {
        let p = Phantom::new(PhantomSpec { seed, ..PhantomSpec::demo() }).unwrap();
        let vault: Vec<_> = sphere(3000).into_iter().filter(|u| u.z > 0.0).collect();
        let sum: f64 = vault
            .iter()
            .map(|u| {
                let other = Vector3::new(-u.x, u.y, u.z);
                (0.5 * (p.outer_radius_mm(dir(u)) - p.outer_radius_mm(dir(&other)))).powi(2)
            })
            .sum();
        let rms_mm = (sum / vault.len() as f64).sqrt();
        assert!((0.8..=1.1).contains(&rms_mm), "seed {seed}: {rms_mm}");
    }
}

#[test]
fn tables_are_four_to_eight_mm_apart_away_from_the_sinus() {
    for seed in 1..6 {
        let p = Phantom::new(PhantomSpec { seed, ..PhantomSpec::demo() }).unwrap();
        for u in sphere(2000).iter().filter(|u| u.z > 0.0) {
            let t = p.outer_radius_mm(dir(u)) - p.inner_radius_mm(dir(u));
            assert!(t > 4.0, "{t}");
            assert!(t < 8.0 || u.y < -0.7, "{t}");
        }
    }
}

//! Whole reconstructions of closed-form heads whose truth is known.

use nalgebra::Vector3;

use super::*;
use crate::geometry::random::Random;
use crate::model::{BoneFacts, Cell, Grid, Mesh, Point, Severity, Silent, SurfaceFacts};

const OUTER_MM: [f64; 3] = [70.0, 88.0, 74.0];
const THICK_MM: f64 = 6.0;
const CENTRE: [f64; 3] = [4.0, -7.0, 20.0];
const BONE_HU: f64 = 1200.0;
const SOFT_HU: f64 = 40.0;
const AIR_HU: f64 = -1000.0;

/// A cone out of the head's centre.
#[derive(Clone, Copy)]
struct Cone {
    towards: [f64; 3],
    half_angle_rad: f64,
}

/// An ellipsoidal shell of bone in soft tissue in air, with holes.
#[derive(Clone, Default)]
struct Head {
    holes: Vec<Cone>,
    /// Half width of a slit all round at this height above the centre, mm.
    slit_mm: Option<(f64, f64)>,
    /// Ball of air inside the bone, which is thickened around it.
    sinus: Option<([f64; 3], f64)>,
}

impl Head {
    /// Larger than 1 outside: the ellipsoid with its axes shortened by `inwards_mm`.
    fn level(p: Vector3<f64>, inwards_mm: f64) -> f64 {
        let q = Vector3::from_fn(|a, _| p[a] / (OUTER_MM[a] - inwards_mm));
        (q.norm() - 1.0) * (OUTER_MM[0] - inwards_mm)
    }

    /// Closer to the truth than any voxel: positive outside, negative inside, mm at the surface.
    fn shell(p: Vector3<f64>) -> f64 {
        Self::level(p, 0.0).max(-Self::level(p, THICK_MM))
    }

    fn cut(&self, p: Vector3<f64>) -> f64 {
        let mut inside = f64::NEG_INFINITY;
        for hole in &self.holes {
            let axis = Vector3::from(hole.towards).normalize();
            let angle = (p.dot(&axis) / p.norm().max(1e-9)).clamp(-1.0, 1.0).acos();
            inside = inside.max((hole.half_angle_rad - angle) * p.norm());
        }
        if let Some((height_mm, half_mm)) = self.slit_mm {
            inside = inside.max(half_mm - (p.z - height_mm).abs());
        }
        inside
    }

    fn volume(&self, voxel_mm: f64, noise_hu: f64) -> Volume {
        let dims = [0, 1, 2].map(|a| (2.0 * (OUTER_MM[a] + 12.0) / voxel_mm) as usize);
        let grid = Grid {
            dims,
            spacing_mm: [voxel_mm; 3],
            origin_lps_mm: Point::new([0, 1, 2].map(|a| CENTRE[a] - OUTER_MM[a] - 12.0)),
            axes_lps: [Dir::new([1.0, 0.0, 0.0]), Dir::new([0.0, 1.0, 0.0]), Dir::new([0.0, 0.0, 1.0])],
        };
        let mut random = Random::new(5);
        let share = |d_mm: f64| (0.5 - d_mm / voxel_mm).clamp(0.0, 1.0);
        let hu = (0..grid.len())
            .map(|at| {
                let ijk = grid.ijk(at).map(|i| i as f64);
                let p = grid.patient_from_index(ijk).v() - Vector3::from(CENTRE);
                let head = share(Self::level(p, -5.0));
                let mut bone = Self::shell(p).max(self.cut(p));
                let mut air = 1e9;
                if let Some((middle, radius_mm)) = self.sinus {
                    air = (p - Vector3::from(middle)).norm() - radius_mm;
                    // 1.5 mm of wall, except where the hole has taken it.
                    bone = bone.min((air - 1.5).max(self.cut(p)).max(Self::level(p, 0.0))).max(-air);
                }
                let tissue = SOFT_HU + (BONE_HU - SOFT_HU) * share(bone);
                let tissue = tissue + (AIR_HU - tissue) * share(air);
                let value = AIR_HU + (tissue - AIR_HU) * head + noise_hu * random.normal();
                value.round() as i16
            })
            .collect();
        Volume { grid, hu }
    }

    fn missing(&self, grid: &Grid) -> Vec<bool> {
        (0..grid.len())
            .map(|at| {
                let p = grid.patient_from_index(grid.ijk(at).map(|i| i as f64)).v() - Vector3::from(CENTRE);
                Self::shell(p) <= 0.0 && self.cut(p) > 0.0
            })
            .collect()
    }

    /// As the rooms before would hand it on: one threshold, one level, halfway.
    fn bone(volume: &Volume) -> Bone {
        let voxels: Vec<u8> = volume.hu.iter().map(|&h| u8::from(h >= 226)).collect();
        Bone {
            level_hu: vec![(0.5 * (BONE_HU + SOFT_HU)) as f32; voxels.len()],
            mask: Mask { grid: volume.grid.clone(), voxels },
            facts: BoneFacts {
                schema: String::new(),
                threshold_hu: 226.0,
                kept_mm3: 0.0,
                components: 1,
                dropped: Vec::new(),
                threshold_offset_mm_p5: 0.0,
                threshold_offset_mm_p50: 0.0,
                threshold_offset_mm_p95: 0.0,
                shift_mm_per_50_hu: 0.0,
                selection: Default::default(),
                metal: Default::default(),
                thin: Default::default(),
                findings: Vec::new(),
            },
        }
    }

    fn reconstruct(&self, voxel_mm: f64) -> (Volume, Reconstruction) {
        let volume = self.volume(voxel_mm, 15.0);
        let result = reconstruct(&volume, &Self::bone(&volume), &no_surface(), &params(), &Silent);
        (volume, result.expect("a whole head is in the scan"))
    }
}

fn no_surface() -> BoneSurface {
    BoneSurface {
        mesh: Mesh::new(Vec::new(), Vec::new()),
        facts: SurfaceFacts {
            schema: String::new(),
            triangles: 0,
            vertices: 0,
            closed_two_manifold: true,
            euler_number: 2,
            pieces: 1,
            area_mm2: 0.0,
            volume_mm3: 0.0,
            cap_area_mm2: [0.0; 6],
            nudged_voxels: 0,
            split_cells: 0,
            parted_faces: 0,
            shells: Vec::new(),
            relaxation_shrinkage_mm: 0.0,
            exported: None,
            findings: Vec::new(),
        },
    }
}

fn params() -> MissingParams {
    #[derive(serde::Deserialize)]
    struct File {
        reconstruction: MissingParams,
    }
    let text = include_str!("../../../pipelines/cranial-peek.toml");
    toml::from_str::<File>(text).expect("the shipped table is valid").reconstruction
}

fn right_hole() -> Head {
    let cone = Cone { towards: [-0.7, -0.35, 0.6], half_angle_rad: 0.35 };
    Head { holes: vec![cone], ..Head::default() }
}

fn dice(a: &[u8], b: &[bool]) -> f64 {
    let both = a.iter().zip(b).filter(|(x, y)| **x != 0 && **y).count();
    let sum = a.iter().filter(|x| **x != 0).count() + b.iter().filter(|y| **y).count();
    2.0 * both as f64 / sum as f64
}

#[test]
fn a_hole_on_the_right_is_found_named_and_filled() {
    let head = right_hole();
    let (volume, found) = head.reconstruct(1.0);
    assert_eq!(found.facts.defects.len(), 1);
    let defect = &found.facts.defects[0];
    assert!(defect.site.starts_with("right"), "{}", defect.site);
    assert!(defect.centroid_lps_mm.mm[0] < CENTRE[0] - 20.0, "patient's right is towards -x");
    let score = dice(&found.mask.voxels, &head.missing(&volume.grid));
    // 0.95: a layer of half a voxel all round this piece is 12 % of it, an eighth of that on each side 3 %.
    assert!(score >= 0.95, "Dice {score}");

    let patch = &found.patches[0];
    let (mut worst_mm, mut count) = (0.0f64, 0);
    for (at, _) in patch.cells.iter().enumerate().filter(|(_, c)| **c == Cell::Missing) {
        let d = patch.direction((at % patch.n) as f64, (at / patch.n) as f64).v();
        for (radius_mm, inwards_mm) in [(patch.outer_mm[at], 0.0), (patch.inner_mm[at], THICK_MM)] {
            let p = patch.centre.v() + d * radius_mm - Vector3::from(CENTRE);
            worst_mm = worst_mm.max(Head::level(p, inwards_mm).abs());
        }
        count += 1;
    }
    assert!(count > 1000);
    // 0.35 mm: a plate of 55 mm across an ellipsoid, from bone measured to 0.03 mm.
    assert!(worst_mm < 0.35, "{worst_mm} mm off");
    assert!(found.facts.findings.iter().all(|f| f.severity == Severity::Note), "{:?}", found.facts.findings);
}

#[test]
fn the_mirrored_head_has_its_hole_on_the_left_and_its_plane_in_the_middle() {
    let mut head = right_hole();
    head.holes[0].towards[0] *= -1.0;
    let (_, found) = head.reconstruct(1.2);
    assert_eq!(found.facts.defects.len(), 1);
    assert!(found.facts.defects[0].site.starts_with("left"));
    let s = &found.facts.symmetry;
    assert!(s.normal_lps.unit[0] > 0.999, "{:?}", s.normal_lps);
    let miss_mm = (s.normal_lps.v().dot(&Vector3::from(CENTRE)) - s.offset_mm).abs();
    // 0.3 mm: a quarter of a voxel.
    assert!(miss_mm < 0.3 && s.residual_mm_p50 < 0.2, "{miss_mm} {}", s.residual_mm_p50);
}

#[test]
fn a_whole_head_a_saw_slit_and_open_orbits_are_no_defect() {
    let orbit = |x: f64| Cone { towards: [x, -0.9, -0.02], half_angle_rad: 0.2 };
    let heads = [
        Head::default(),
        Head { slit_mm: Some((15.0, 1.0)), ..Head::default() },
        Head { holes: vec![orbit(-0.4), orbit(0.4)], ..Head::default() },
    ];
    for head in heads {
        let (_, found) = head.reconstruct(1.2);
        assert!(found.facts.defects.is_empty() && found.patches.is_empty(), "{:?}", found.facts.defects);
        assert_eq!(found.mask.count(), 0);
    }
}

#[test]
fn one_open_orbit_is_a_defect_and_a_burr_hole_a_note() {
    let orbit = Cone { towards: [-0.4, -0.9, 0.08], half_angle_rad: 0.22 };
    let burr = Cone { towards: [0.5, 0.5, 0.7], half_angle_rad: 0.11 };
    let (_, found) = Head { holes: vec![orbit, burr], ..Head::default() }.reconstruct(1.2);
    assert_eq!(found.facts.defects.len(), 1);
    let severity = |id: &str| found.facts.findings.iter().find(|f| f.id == id).map(|f| f.severity);
    assert_eq!(severity("orbit-rim"), Some(Severity::Review));
    assert_eq!(severity("small-hole"), Some(Severity::Note));
}

#[test]
fn a_sinus_that_opens_into_the_hole_is_for_the_surgeon_and_a_walled_one_is_not() {
    // Air of 5 mm radius in the forehead; the hole's edge either takes its wall or stays 12 mm away.
    let middle = [-12.0, -74.0, 22.0];
    let toward_hole = |azimuth_deg: f64| {
        let a = azimuth_deg.to_radians();
        Cone { towards: [-a.sin(), -a.cos(), 0.45], half_angle_rad: 0.28 }
    };
    let open = Head { holes: vec![toward_hole(26.0)], sinus: Some((middle, 5.0)), ..Head::default() };
    let (volume, found) = open.reconstruct(1.0);
    let finding = found.facts.findings.iter().find(|f| f.id == "sinus-open").expect("open into the hole");
    assert_eq!(finding.severity, Severity::Review);
    let place = Vector3::from(finding.place_lps_mm.expect("has a place")) - Vector3::from(CENTRE);
    assert!((place - Vector3::from(middle)).norm() < 14.0, "{place:?}");
    // No voxel of the fill lies in the air of the sinus.
    let in_air =
        (0..volume.hu.len()).filter(|&at| found.mask.voxels[at] != 0 && volume.hu[at] < -500).count();
    assert_eq!(in_air, 0);

    let walled = Head { holes: vec![toward_hole(52.0)], sinus: Some((middle, 5.0)), ..Head::default() };
    let (_, found) = walled.reconstruct(1.0);
    assert_eq!(found.facts.defects.len(), 1);
    assert!(found.facts.findings.iter().all(|f| f.id != "sinus-open"), "{:?}", found.facts.findings);
}

#[test]
fn the_same_bytes_on_one_thread_and_on_three() {
    let volume = right_hole().volume(1.5, 15.0);
    let bone = Head::bone(&volume);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let r =
            pool.install(|| reconstruct(&volume, &bone, &no_surface(), &params(), &Silent)).expect("a head");
        serde_json::to_vec(&(r.patches, r.facts, r.mask.voxels)).expect("plain data")
    };
    assert!(run(1) == run(3));
}

#[test]
fn no_head_and_foreign_grids_are_errors_that_say_what_to_do() {
    let mut volume = Head::default().volume(2.0, 0.0);
    let bone = Head::bone(&volume);
    let mut foreign = volume.clone();
    foreign.grid.spacing_mm[2] = 1.9;
    let error = reconstruct(&foreign, &bone, &no_surface(), &params(), &Silent).expect_err("two scans");
    assert!(matches!(error, MissingError::Grid { .. }));
    volume.hu.iter_mut().for_each(|h| *h = -1000);
    let empty = Head::bone(&volume);
    let error = reconstruct(&volume, &empty, &no_surface(), &params(), &Silent).expect_err("no bone");
    assert!(error.to_string().contains("check that the series shows a head"), "{error}");
}

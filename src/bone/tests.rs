//! Blurred bodies whose edge is known.

use super::*;
use crate::geometry::random::Random;
use crate::model::{Dir, Grid, Point, Silent};

pub fn params() -> BoneParams {
    #[derive(serde::Deserialize)]
    struct File {
        bone: BoneParams,
    }
    let file: File = toml::from_str(include_str!("../../pipelines/cranial-peek.toml"))
        .expect("the shipped table is valid");
    file.bone
}

fn grid(dims: [usize; 3], spacing_mm: [f64; 3]) -> Grid {
    let axes = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].map(Dir::new);
    Grid { dims, spacing_mm, origin_lps_mm: Point::new([0.0; 3]), axes_lps: axes }
}

fn volume(grid: Grid, hu: impl Fn([f64; 3]) -> f64) -> Volume {
    let values = (0..grid.len())
        .map(|at| hu(grid.patient_from_index(grid.ijk(at).map(|n| n as f64)).mm).round() as i16)
        .collect();
    Volume { grid, hu: values }
}

/// A step blurred by a Gaussian: 0 far below, 1 far above. Abramowitz and Stegun 7.1.26, error below 1.5e-7.
fn blurred_step(d_mm: f64, sigma_mm: f64) -> f64 {
    let x = d_mm / (sigma_mm * std::f64::consts::SQRT_2);
    let t = 1.0 / (1.0 + 0.327_591_1 * x.abs());
    let poly =
        ((((1.061_405_429 * t - 1.453_152_027) * t) + 1.421_413_741) * t - 0.284_496_736) * t + 0.254_829_592;
    let erf = 1.0 - poly * t * (-x * x).exp();
    0.5 * (1.0 + erf.copysign(x))
}

/// A plate of `bone_hu` from x = 20 to 32 mm, soft tissue of 40 HU below, `beyond_hu` above.
fn plate(bone_hu: f64, beyond_hu: f64, sigma_mm: f64) -> Volume {
    plate_sampled(0.8, bone_hu, beyond_hu, sigma_mm)
}

fn plate_sampled(step_mm: f64, bone_hu: f64, beyond_hu: f64, sigma_mm: f64) -> Volume {
    let ni = (51.2 / step_mm).round() as usize;
    volume(grid([ni, 40, 24], [step_mm, 0.9, 1.2]), |p| {
        40.0 + (bone_hu - 40.0) * blurred_step(p[0] - 20.0, sigma_mm)
            + (beyond_hu - bone_hu) * blurred_step(p[0] - 32.0, sigma_mm)
    })
}

/// Where HU crosses the level between voxels along i, mm.
fn edges_along_i(volume: &Volume, bone: &Bone) -> Vec<f64> {
    let g = &volume.grid;
    let field = |i: usize| f64::from(bone.level_hu[g.at(i, 20, 12)]) - f64::from(volume.hu[g.at(i, 20, 12)]);
    (0..g.dims[0] - 1)
        .filter(|&i| (field(i) < 0.0) != (field(i + 1) < 0.0))
        .map(|i| (i as f64 + field(i) / (field(i) - field(i + 1))) * g.spacing_mm[0])
        .collect()
}

#[test]
fn the_edge_of_a_thick_plate_is_where_it_is_beside_tissue_and_beside_air() {
    for sigma_mm in [0.5, 0.7, 0.9] {
        let v = plate(1200.0, -1000.0, sigma_mm);
        let bone = segment_bone(&v, &params(), &Silent).expect("a plate of 13 cm3");
        let edges = edges_along_i(&v, &bone);
        println!("sigma {sigma_mm}: {edges:?} {:?}", bone.facts);
        assert_eq!(edges.len(), 2);
        // 0.04 mm is 0.05 voxel: linear interpolation of the blurred step between samples 0.8 mm apart.
        assert!((edges[0] - 20.0).abs() < 0.04, "{edges:?}");
        assert!((edges[1] - 32.0).abs() < 0.04, "{edges:?}");
    }
}

#[test]
fn the_offset_of_the_threshold_is_that_of_the_blurred_step() {
    // Sampled finely, since between samples HU are read off a straight line and the step's foot is curved.
    let v = plate_sampled(0.2, 1200.0, 40.0, 0.7);
    let bone = segment_bone(&v, &params(), &Silent).expect("a plate");
    // 226 HU is reached at 16.0 % of the step from 40 to 1200: 0.994 sigma outside its middle, 0.696 mm.
    assert!((bone.facts.threshold_offset_mm_p50 - 0.696).abs() < 0.05, "{:?}", bone.facts);
    // The step climbs 1160 x 0.3989/0.7 x exp(-0.994²/2) = 403 HU per mm there: 50 HU are 0.124 mm.
    assert!((bone.facts.shift_mm_per_50_hu - 0.124).abs() < 0.02, "{:?}", bone.facts);
}

#[test]
fn noise_moves_the_edge_by_less_than_a_tenth_of_a_millimetre() {
    let mut v = plate(1200.0, 40.0, 0.7);
    let mut r = Random::new(4);
    v.hu.iter_mut().for_each(|hu| *hu += (20.0 * r.normal()).round() as i16);
    let bone = segment_bone(&v, &params(), &Silent).expect("a plate");
    let edges = edges_along_i(&v, &bone);
    // One row's own noise: 20 HU over 660 HU/mm is 0.03 mm; three of it.
    assert!(edges.len() == 2 && (edges[0] - 20.0).abs() < 0.1 && (edges[1] - 32.0).abs() < 0.1, "{edges:?}");
}

#[test]
fn soft_diploe_between_hard_tables_stays_bone() {
    // Tables of 1200 HU and 3 mm, diploe of 400 HU and 6 mm: the half-maximum of the tables is 620.
    let v = volume(grid([64, 40, 24], [0.8, 0.9, 1.2]), |p| {
        let s = |x: f64| blurred_step(p[0] - x, 0.6);
        40.0 + 1160.0 * (s(18.0) - s(30.0)) - 800.0 * (s(21.0) - s(27.0))
    });
    let bone = segment_bone(&v, &params(), &Silent).expect("a plate");
    let edges = edges_along_i(&v, &bone);
    assert_eq!(edges.len(), 2, "no surface inside: {edges:?}");
    // 0.1 mm: a table of 3 mm at this blur peaks 1 % low, and walks end on it early.
    assert!((edges[0] - 18.0).abs() < 0.1 && (edges[1] - 30.0).abs() < 0.1, "{edges:?}");
}

#[test]
fn pieces_touch_by_corners_and_the_largest_is_kept() {
    let g = grid([40, 8, 40], [1.0, 1.0, 1.0]);
    // Two blocks that share one corner across a slab border (slice 16), and a third apart, smaller than both.
    let block = |p: [f64; 3], lo: [f64; 3], hi: [f64; 3]| (0..3).all(|a| p[a] >= lo[a] && p[a] < hi[a]);
    let v = volume(g, |p| {
        let touching = block(p, [2.0; 3], [6.0, 4.0, 16.0]) || block(p, [6.0, 4.0, 16.0], [10.0, 8.0, 30.0]);
        if touching || block(p, [20.0, 0.0, 0.0], [26.0, 6.0, 6.0]) { 1000.0 } else { 0.0 }
    });
    let mut toml: BoneToml = params().into();
    toml.kept_mm3_min = 10.0;
    let bone = segment_bone(&v, &toml.try_into().expect("valid"), &Silent).expect("blocks");
    assert_eq!(bone.facts.components, 2);
    assert_eq!(bone.mask.count(), 4 * 2 * 14 + 4 * 4 * 14);
    assert_eq!(bone.facts.dropped[0].volume_mm3, 216.0);
    assert_eq!(bone.facts.dropped[0].centroid_lps_mm.mm, [22.5, 2.5, 2.5]);
}

#[test]
fn components_of_noise_equal_a_flood_fill() {
    let g = grid([19, 17, 40], [1.0, 1.0, 1.0]);
    let mut r = Random::new(8);
    let inside: Vec<bool> = (0..g.len()).map(|_| r.unit() < 0.06).collect();
    let found = components::Components::find(&g, components::Connectivity::Corners, |row, words| {
        bits::pack(&inside[row * 19..][..19], words, |v| v);
    });
    let mut left = inside.clone();
    let mut sizes = Vec::new();
    for seed in 0..g.len() {
        let mut stack = vec![seed];
        let mut size = 0;
        while let Some(at) = stack.pop() {
            if std::mem::take(&mut left[at]) {
                size += 1;
                let c = g.ijk(at).map(|n| n as i64);
                for n in 0..27i64 {
                    let p = [c[0] + n % 3 - 1, c[1] + n / 3 % 3 - 1, c[2] + n / 9 - 1];
                    if (0..3).all(|a| p[a] >= 0 && p[a] < g.dims[a] as i64) {
                        stack.push(g.at(p[0] as usize, p[1] as usize, p[2] as usize));
                    }
                }
            }
        }
        if size > 0 {
            sizes.push(size);
        }
    }
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(found.pieces.iter().map(|p| p.1).collect::<Vec<usize>>(), sizes);
}

#[test]
fn metal_in_the_bone_is_found_and_air_is_no_bone() {
    let mut v = plate(1200.0, 40.0, 0.7);
    let at = v.grid.at(32, 20, 12);
    v.hu[at..at + 8].fill(3071);
    let bone = segment_bone(&v, &params(), &Silent).expect("a plate");
    assert_eq!(bone.facts.findings[0].id, "metal-in-bone");
    v.hu.fill(-1000);
    let message = segment_bone(&v, &params(), &Silent).expect_err("air").to_string();
    assert!(message.contains("226 HU has 0 mm3"), "{message}");
}

fn with(change: impl Fn(&mut BoneToml)) -> Result<BoneParams, BoneError> {
    let mut toml: BoneToml = params().into();
    toml.kept_mm3_min = 10.0;
    change(&mut toml);
    toml.try_into()
}

/// Two blocks that share an edge, and a third apart.
fn blocks() -> Volume {
    let block = |p: [f64; 3], lo: [f64; 3], hi: [f64; 3]| (0..3).all(|a| p[a] >= lo[a] && p[a] < hi[a]);
    volume(grid([40, 16, 20], [1.0, 1.0, 1.0]), |p| {
        let first = block(p, [2.0; 3], [10.0, 8.0, 10.0]);
        let second = block(p, [10.0, 8.0, 2.0], [15.0, 14.0, 10.0]);
        if first || second || block(p, [20.0, 2.0, 2.0], [24.0, 6.0, 6.0]) { 1000.0 } else { 0.0 }
    })
}

#[test]
fn by_faces_alone_blocks_that_share_an_edge_are_two_pieces() {
    let faces = with(|t| t.connectivity = 6).expect("valid");
    let bone = segment_bone(&blocks(), &faces, &Silent).expect("blocks");
    assert_eq!((bone.facts.components, bone.mask.count()), (3, 8 * 6 * 8));
    let corners = with(|_| ()).expect("valid");
    let bone = segment_bone(&blocks(), &corners, &Silent).expect("blocks");
    assert_eq!((bone.facts.components, bone.mask.count()), (2, 8 * 6 * 8 + 5 * 6 * 8));
}

#[test]
fn all_large_pieces_or_the_one_at_the_seed_are_kept() {
    let above = with(|t| t.keep = Keep::Above).expect("valid");
    let bone = segment_bone(&blocks(), &above, &Silent).expect("blocks");
    assert_eq!((bone.facts.selection.kept_pieces, bone.facts.dropped.len()), (2, 0));
    let at = |place: [f64; 3]| {
        let p = with(|t| {
            t.keep = Keep::Seed;
            t.seed_lps_mm = place.to_vec();
        });
        segment_bone(&blocks(), &p.expect("valid"), &Silent)
    };
    assert_eq!(at([21.0, 3.2, 4.0]).expect("bone").mask.count(), 64);
    let said = at([30.0, 3.0, 4.0]).expect_err("tissue").to_string();
    assert!(said.contains("[30.0, 3.0, 4.0] has 0 HU") && said.contains("226 HU"), "{said}");
    let said = at([300.0, 3.0, 4.0]).expect_err("outside").to_string();
    assert!(said.contains("[40, 16, 20] voxels"), "{said}");
    assert!(with(|t| t.keep = Keep::Seed).expect_err("no seed").to_string().contains("must have 3"));
    assert!(with(|t| t.seed_lps_mm = vec![0.0; 3]).is_err() && with(|t| t.connectivity = 18).is_err());
}

#[test]
fn otsu_parts_bone_from_tissue_whatever_air_there_is() {
    let mut v = plate(1200.0, -1000.0, 0.7);
    let p = with(|t| t.select = Select::Otsu).expect("valid");
    let level = segment_bone(&v, &p, &Silent).expect("a plate").facts.threshold_hu;
    // Two classes about 40 and 1200 HU, blurred voxels between: near the middle.
    assert!((400.0..800.0).contains(&level), "{level}");
    v.hu.iter_mut().for_each(|hu| *hu = (*hu).min(-1));
    assert!(matches!(segment_bone(&v, &p, &Silent), Err(BoneError::Otsu { .. } | BoneError::NoBone { .. })));
}

#[test]
fn closing_fills_what_no_ball_of_its_radius_reaches_on_long_voxels_too() {
    // A slit of two voxels, 2 mm, between centres 3 mm apart; on the second grid along the voxels' long side. From 1 mm
    // on the walls grown by a ball meet.
    for (axis, spacing) in [(0, [1.0, 1.0, 1.0]), (2, [0.5, 0.5, 1.0])] {
        let v = volume(grid([40, 40, 30], spacing), |p| {
            let body = (0..3).all(|a| p[a] >= 4.0 && p[a] < [20.0, 18.0, 20.0][a]);
            let slit = p[axis] > 9.5 && p[axis] < 11.5 && p[(axis + 1) % 3] > 8.0;
            if body && !slit { 1000.0 } else { 0.0 }
        });
        let open = segment_bone(&v, &with(|_| ()).expect("valid"), &Silent).expect("a block");
        let closed =
            segment_bone(&v, &with(|t| t.closing_mm = 2.0).expect("valid"), &Silent).expect("a block");
        let near = segment_bone(&v, &with(|t| t.closing_mm = 0.9).expect("valid"), &Silent).expect("a block");
        let slit = closed.mask.count() - open.mask.count();
        assert!(slit > 100 && closed.facts.selection.closed_mm3 > 0.0, "the slit is closed: {slit}");
        assert!(near.mask.count() - open.mask.count() < slit / 4, "a ball of 0.9 mm gets in");
        assert!(
            open.mask.voxels.iter().zip(&closed.mask.voxels).all(|(o, c)| o <= c),
            "nothing is taken away"
        );
    }
}

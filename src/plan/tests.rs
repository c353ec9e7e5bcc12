//! Plans of a plate that a formula makes. The plate and the shipped parameters also serve the tests of `review`.

use std::f64::consts::TAU;

use super::*;
use crate::geometry::outline::signed_distance_to_outline_mm;
use crate::model::*;

mod shop;
mod tabs;
mod tools;
mod visible;

pub(crate) fn peek_params() -> PlanParams {
    #[derive(serde::Deserialize)]
    struct File {
        plan: PlanParams,
    }
    toml::from_str::<File>(include_str!("params-peek.toml")).expect("the shipped table is valid").plan
}

pub(crate) fn titanium_params() -> PlanParams {
    #[derive(serde::Deserialize)]
    struct File {
        plan: PlanParams,
    }
    toml::from_str::<File>(include_str!("params-titanium.toml")).expect("the shipped table is valid").plan
}

/// A plate between two concentric spheres with an elliptic outline of half axes `a`, `b`, outer radius `r`, thickness
/// `t`, walls drafted by 3°, its centroid moved to the origin. All mm.
pub(crate) fn dome_plate(a: f64, b: f64, r: f64, t: f64, material: &str) -> Implant {
    const RINGS: usize = 24;
    const SPOKES: usize = 180;
    let height = |x: f64, y: f64, r: f64| (r * r - x * x - y * y).sqrt();
    let inset = t * 3f64.to_radians().tan();
    let mut v = vec![[0.0, 0.0, r]];
    for k in 1..=RINGS {
        for s in 0..SPOKES {
            let (u, angle) = (k as f64 / RINGS as f64, TAU * s as f64 / SPOKES as f64);
            let (x, y) = (a * u * angle.cos(), b * u * angle.sin());
            v.push([x, y, height(x, y, r)]);
        }
    }
    for k in (1..=RINGS).rev() {
        for s in 0..SPOKES {
            let (u, angle) = (k as f64 / RINGS as f64, TAU * s as f64 / SPOKES as f64);
            let (x, y) = ((a - inset) * u * angle.cos(), (b - inset) * u * angle.sin());
            v.push([x, y, height(x, y, r - t)]);
        }
    }
    v.push([0.0, 0.0, r - t]);
    let at = |ring: usize, s: usize| (1 + ring * SPOKES + s % SPOKES) as u32;
    let mut triangles = Vec::new();
    let last = v.len() as u32 - 1;
    for s in 0..SPOKES {
        triangles.push([0, at(0, s), at(0, s + 1)]);
        for ring in 0..2 * RINGS - 1 {
            triangles.push([at(ring, s), at(ring + 1, s), at(ring + 1, s + 1)]);
            triangles.push([at(ring, s), at(ring + 1, s + 1), at(ring, s + 1)]);
        }
        triangles.push([last, at(2 * RINGS - 1, s + 1), at(2 * RINGS - 1, s)]);
    }
    let c = Mesh::<Part>::new(v.clone(), triangles.clone()).centroid_mm();
    let mesh = Mesh::new(v.iter().map(|p| [p[0] - c[0], p[1] - c[1], p[2] - c[2]]).collect(), triangles);
    assert!(mesh.is_closed_two_manifold() && mesh.volume_mm3() > 0.0);
    let holes = vec![Hole {
        kind: "perfusion".into(),
        diameter_mm: 2.0,
        centre: Point::new([5.0, 0.0, height(5.0, 0.0, r) - c[2]]),
        axis: Dir::new([0.0, 0.0, 1.0]),
        length_mm: t,
        countersink: None,
        mouths: None,
    }];
    let volume_mm3 = mesh.volume_mm3();
    let facts = ImplantFacts {
        schema: "osteomill.implant/1".into(),
        defect: 0,
        kind: "inlay".into(),
        side: "right".into(),
        insertion_axis_lps: Dir::new([0.0, 0.0, 1.0]),
        gap_mm_nominal: 0.5,
        thickness: "constant".into(),
        thickness_mm_nominal: t,
        thickness_mm_min: t,
        draft_deg: 3.0,
        edge_outer_mm: 0.25,
        edge_inner_mm: 0.6,
        edge_thickness_mm_min: 1.0,
        concave_radius_mm_min: 1.65,
        volume_mm3,
        mass_g: volume_mm3 * 1.3e-3,
        material: material.into(),
        holes: holes
            .iter()
            .map(|h| HoleFacts {
                kind: h.kind.clone(),
                diameter_mm: h.diameter_mm,
                centre_lps_mm: Point::new(h.centre.mm),
                axis_lps: Dir::new(h.axis.unit),
                countersink: None,
                mouth_break_mm: 0.0,
            })
            .collect(),
        watertight: true,
        part_from_patient: Pose::identity(),
        outer_area_mm2: std::f64::consts::PI * a * b,
        sinus_distance_mm: None,
        fixation: Default::default(),
        removal: Default::default(),
        seating: Default::default(),
        scalp: Default::default(),
        marking: None,
        edited: None,
        findings: Vec::new(),
    };
    Implant {
        number: 1,
        defect: 0,
        body: mesh.clone(),
        mesh,
        part_from_patient: Pose::identity(),
        holes,
        facts,
    }
}

fn peek_plan() -> (Implant, Plan) {
    let part = dome_plate(32.0, 26.0, 80.0, 4.0, "peek");
    let plan = plan_part(&part, &shipped_shop().unwrap(), &peek_params()).unwrap();
    (part, plan)
}

#[test]
fn the_blank_holds_the_part_with_lane_and_frame_around_it() {
    let (part, plan) = peek_plan();
    let (lo, hi) = part.mesh.bounds_mm().unwrap();
    for a in 0..2 {
        assert!(
            lo[a] - plan.stock.min_mm.mm[a] >= 24.0 - 1e-9 && plan.stock.max_mm.mm[a] - hi[a] >= 24.0 - 1e-9
        );
    }
    assert!(lo[2] - plan.stock.min_mm.mm[2] >= 1.0 && plan.stock.max_mm.mm[2] - hi[2] >= 2.0);
    // 64 + 48 by 52 + 48 mm: the next plate of the list.
    assert_eq!(plan.blank.size_mm[..2], [120.0, 100.0]);
    let size: Vec<f64> = (0..3).map(|a| plan.stock.max_mm.mm[a] - plan.stock.min_mm.mm[a]).collect();
    assert!(size.iter().zip(plan.blank.size_mm).all(|(s, b)| (s - b).abs() < 1e-9));
}

#[test]
fn the_setups_look_at_the_two_sides_from_the_blanks_top_face() {
    let (_, plan) = peek_plan();
    let [op10, op20] = &plan.setups[..] else { panic!("two setups") };
    let up = |s: &Setup| s.part_from_work.turn(Dir::new([0.0, 0.0, 1.0])).unit;
    assert!((up(op10)[2] + 1.0).abs() < 1e-12 && (up(op20)[2] - 1.0).abs() < 1e-12);
    for s in [op10, op20] {
        let work_from_part = s.part_from_work.inverse();
        let (a, b) = (work_from_part.apply(plan.stock.min_mm).mm, work_from_part.apply(plan.stock.max_mm).mm);
        // Top face at z = 0, all of the blank below, the Ø8 pin at x = y = 0 with the blank to its right.
        assert!(a[2].max(b[2]).abs() < 1e-9);
        assert!((a[0].min(b[0]) + 7.0).abs() < 1e-9 && (a[1] + b[1]).abs() < 1e-9);
        assert!(s.clearance_z_mm > 0.0);
    }
    // Turned over about part x: the same place of the machine in both.
    assert_eq!(op10.work_zero_machine_mm, op20.work_zero_machine_mm);
}

#[test]
fn nothing_that_holds_the_blank_stands_in_the_lane_or_above_the_blank() {
    let (part, plan) = peek_plan();
    let outline = outline_xy(&part.body, 0.2);
    for f in &plan.fixtures {
        let (lo, hi) = (f.body.min_mm.mm, f.body.max_mm.mm);
        assert!((0..3).all(|a| lo[a] < hi[a]), "{} is a body", f.name);
        match f.setups[..] {
            [10] => assert!(f.name == "fixture plate" || lo[2] >= plan.stock.min_mm.mm[2] + 2.0 - 1e-9),
            [20] => assert!(f.name == "fixture plate" || hi[2] <= plan.stock.max_mm.mm[2] - 2.0 + 1e-9),
            _ => panic!("one setup each"),
        }
        if f.name != "fixture plate" {
            for c in [[lo[0], lo[1]], [lo[0], hi[1]], [hi[0], lo[1]], [hi[0], hi[1]]] {
                assert!(
                    signed_distance_to_outline_mm(&outline, c) > plan.lane_mm + 1.0,
                    "{} in the lane",
                    f.name
                );
            }
        }
    }
    assert_ne!(plan.pins[0].diameter_mm, plan.pins[1].diameter_mm);
}

#[test]
fn the_flip_coupon_lies_in_the_frame_clear_of_lane_and_pins_and_far_apart() {
    let part = dome_plate(32.0, 26.0, 80.0, 4.0, "peek");
    let mut toml = PlanToml::from(peek_params());
    toml.flip_coupon = true;
    let params = PlanParams::try_from(toml).unwrap();
    let plan = plan_part(&part, &shipped_shop().unwrap(), &params).unwrap();
    let p = params.get();
    let coupon = plan.flip.as_ref().expect("a frame of 14 mm and more has room in its corners");
    assert_eq!((coupon.bored_in, coupon.probed_in, coupon.places_xy_mm.len()), (10, 20, 2));
    let (lo, hi) = (plan.stock.min_mm.mm, plan.stock.max_mm.mm);
    let around = 0.5 * p.flip_opening_mm + p.flip_wall_mm;
    let far = |a: [f64; 2], b: [f64; 2]| (a[0] - b[0]).hypot(a[1] - b[1]);
    for &xy in &coupon.places_xy_mm {
        assert!((0..2).all(|a| xy[a] - lo[a] >= around - 1e-9 && hi[a] - xy[a] >= around - 1e-9), "{xy:?}");
        // Every corner of the part's mesh keeps the lane and the opening off it.
        let near = part.body.vertices.iter().map(|v| far([v[0], v[1]], xy)).fold(f64::INFINITY, f64::min);
        assert!(near >= p.lane_mm + around, "{near}");
        let pin = |q: &Pin| far(q.centre_xy_mm, xy) - 0.5 * q.diameter_mm;
        assert!(plan.pins.iter().all(|q| pin(q) >= around - 1e-9));
    }
    // From corner to corner, less what keeps them inside.
    let apart = far(coupon.places_xy_mm[0], coupon.places_xy_mm[1]);
    assert!(apart > 0.85 * far([lo[0], lo[1]], [hi[0], hi[1]]), "{apart}");
    let height = hi[2] - lo[2];
    assert_eq!(coupon.floor_z_mm, Some(-height));
    assert!(coupon.bore_depth_mm + coupon.opening_depth_mm > height, "they meet");
    assert_eq!(plan.tools["probe"].kind, ToolKind::Probe);
    assert!(plan.tools["probe"].stick_out_mm >= height + p.reach_margin_mm);
    let job = job_of(&plan, &[], &[]);
    assert!(job.chip_load.iter().all(|l| l.tool != plan.tools["probe"].number), "a probe has no teeth");
}

#[test]
fn without_room_or_without_the_wish_there_is_no_coupon_and_no_probe() {
    let part = dome_plate(32.0, 26.0, 80.0, 4.0, "peek");
    let shop = shipped_shop().unwrap();
    let planned = |change: fn(&mut PlanToml)| {
        let mut toml = PlanToml::from(peek_params());
        change(&mut toml);
        plan_part(&part, &shop, &PlanParams::try_from(toml).unwrap()).unwrap()
    };
    let off = planned(|t| t.flip_coupon = false);
    assert!(off.flip.is_none() && !off.tools.contains_key("probe"));
    assert!(off.findings.iter().all(|f| f.id != "flip-coupon"));
    // An opening that the D8 mill leaves a core in.
    let wide = planned(|t| {
        t.flip_coupon = true;
        t.flip_opening_mm = 30.0;
    });
    assert!(wide.flip.is_none() && !wide.tools.contains_key("probe"));
    let said = wide.findings.iter().find(|f| f.id == "flip-coupon").expect("it is told");
    assert!(said.severity == Severity::Change && said.message.contains("30"), "{said:?}");
}

#[test]
fn a_part_too_large_for_every_blank_is_refused_with_both_sizes() {
    let part = dome_plate(90.0, 80.0, 120.0, 4.0, "peek");
    let message = plan_part(&part, &shipped_shop().unwrap(), &peek_params()).unwrap_err().to_string();
    assert!(message.contains("228.0 x 208.0") && message.contains("200 x 200 x 60"), "{message}");
}

fn with(params: &PlanParams, change: impl FnOnce(&mut PlanToml)) -> PlanParams {
    let mut p: PlanToml = params.clone().into();
    change(&mut p);
    p.try_into().expect("valid")
}

#[test]
fn the_order_follows_from_what_the_plate_bends() {
    let shop = shipped_shop().unwrap();
    let part = dome_plate(32.0, 26.0, 80.0, 4.0, "peek");
    let plan =
        |limit: f64| plan_part(&part, &shop, &with(&peek_params(), |p| p.plate_bend_um_max = limit)).unwrap();
    let stiff = plan(10.0);
    let said = stiff.findings.iter().find(|f| f.id == "order").and_then(|f| f.measured).unwrap();
    // 1.5 N on a disc of 29 mm (2.0 um/N) and five tabs that take 95 % of the limit where the plate tilts.
    assert!(said > 5.0 && said < 10.0, "{said}");
    assert_eq!(stiff.setups.len(), 2);
    assert!(stiff.nest.is_none());
    // Tabs grow with a stricter limit, but not beyond their thickest.
    let soft = plan(4.0);
    assert_eq!(soft.setups.iter().map(|s| s.number).collect::<Vec<_>>(), [10, 20, 30, 40]);
    assert!(soft.nest.is_some() && soft.rough_allowance_mm == 0.9);
}

/// A flat plate, 60 mm wide and 6 thick, with a round bowl of this radius, 2 mm deep, in its upper face.
fn dimpled_plate(bowl_mm: f64) -> Implant {
    turned_plate(bowl_mm, &[(29.7, 0.0)])
}

/// The same with a wall over these radii and heights, downwards.
fn turned_plate(bowl_mm: f64, wall: &[(f64, f64)]) -> Implant {
    let mut part = dome_plate(30.0, 30.0, 3000.0, 6.0, "peek");
    const RINGS: usize = 90;
    const SPOKES: usize = 90;
    let wide = (bowl_mm * bowl_mm - (bowl_mm - 2.0).powi(2)).sqrt();
    let depth = |r: f64| if r < wide { (bowl_mm * bowl_mm - r * r).sqrt() - (bowl_mm - 2.0) } else { 0.0 };
    let mut v = vec![[0.0, 0.0, 6.0 - depth(0.0)]];
    let ring = |v: &mut Vec<[f64; 3]>, r: f64, z: f64| {
        v.extend((0..SPOKES).map(|s| {
            let a = TAU * s as f64 / SPOKES as f64;
            [r * a.cos(), r * a.sin(), z]
        }));
    };
    for k in 1..=RINGS {
        let r = 30.0 * k as f64 / RINGS as f64;
        ring(&mut v, r, 6.0 - depth(r));
    }
    wall.iter().for_each(|&(r, z)| ring(&mut v, r, z));
    v.push([0.0; 3]);
    let rings = RINGS + wall.len() - 1;
    let at = |k: usize, s: usize| (1 + k * SPOKES + s % SPOKES) as u32;
    let last = v.len() as u32 - 1;
    let mut t = Vec::new();
    for s in 0..SPOKES {
        t.push([0, at(0, s), at(0, s + 1)]);
        for k in 0..rings {
            t.push([at(k, s), at(k + 1, s), at(k + 1, s + 1)]);
            t.push([at(k, s), at(k + 1, s + 1), at(k, s + 1)]);
        }
        t.push([last, at(rings, s + 1), at(rings, s)]);
    }
    let mesh = Mesh::<Part>::new(v, t);
    let c = mesh.centroid_mm();
    let mesh = mesh.moved(&Pose::<Part, Part>::from_axes(
        Dir::new([1.0, 0.0, 0.0]),
        Dir::new([0.0, 1.0, 0.0]),
        Dir::new([0.0, 0.0, 1.0]),
        Point::new(c),
    ));
    assert!(mesh.is_closed_two_manifold());
    part.holes.clear();
    part.body = mesh.clone();
    part.mesh = mesh;
    part
}

#[test]
fn an_open_mesh_is_refused() {
    let mut part = dome_plate(20.0, 15.0, 60.0, 4.0, "peek");
    part.body.triangles.pop();
    assert!(matches!(
        plan_part(&part, &shipped_shop().unwrap(), &peek_params()),
        Err(PlanError::Mesh { .. })
    ));
}

#[test]
fn a_thin_flat_plate_leaves_the_balls_room_above_the_fixture_plate() {
    let part = dome_plate(30.0, 25.0, 2000.0, 1.5, "ti-6al-4v-eli");
    let plan = plan_part(&part, &shipped_shop().unwrap(), &titanium_params()).unwrap();
    let (lo, hi) = part.body.bounds_mm().unwrap();
    let (finish, rim) = (plan.tools["finish"].radius_mm(), plan.tools["rim"].radius_mm());
    // A flat plate's rim is as high as the plate: both balls pass it by their radius without leaving the blank.
    assert!(hi[2] - 0.3 - finish > plan.stock.min_mm.mm[2], "{lo:?} {hi:?} {:?}", plan.stock);
    assert!(hi[2] + rim + 0.5 < plan.stock.max_mm.mm[2]);
}

#[test]
fn parameters_that_cannot_be_are_refused_by_key() {
    let text = include_str!("params-peek.toml");
    let refusal = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        let file: toml::Table = text.replacen(from, to, 1).parse().unwrap();
        file["plan"].clone().try_into::<PlanParams>().unwrap_err().to_string()
    };
    assert!(refusal("lane_mm = 10.0", "lane_mm = nan").contains("plan.lane_mm"));
    assert!(refusal("tab_pitch_mm_max = 40.0", "tab_pitch_mm_max = 41.0").contains("plan.tab_pitch_mm_max"));
    assert!(refusal("tab_count_min = 6", "tab_count_min = 3").contains("plan.tab_count_min"));
    assert!(
        refusal("pin_second_diameter_mm = 6.0", "pin_second_diameter_mm = 8.0").contains("seats one way")
    );
    assert!(refusal("blank_margin_mm = 24.0", "blank_margin_mm = 18.0").contains("plan.blank_margin_mm"));
    assert!(refusal("scallop_mm = 0.008", "scallop = 0.008").contains("scallop"));
}

#[test]
fn the_same_implant_gives_the_same_plan() {
    let json = || serde_json::to_string(&peek_plan().1).unwrap();
    assert_eq!(json(), json());
}

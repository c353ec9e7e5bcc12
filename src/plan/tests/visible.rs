//! What the two sides see, and what is milled aslant.

use super::*;

#[test]
fn a_plate_between_spheres_is_seen_whole_and_its_numbers_are_those_of_the_formula() {
    let (_, plan) = peek_plan();
    let v = plan.visibility.as_ref().expect("looked at");
    assert_eq!(v.directions, 2000);
    assert!(v.seen_share > 0.9999 && v.unseen_mm2 < 0.5, "{v:?}");
    // 29 mm of 80 from the middle, 3 mm inside the rim: 21 degrees, the bone side's sphere of 76 mm 22.
    assert!((v.slope_deg_max - 22.0).abs() < 2.0, "{v:?}");
    assert_eq!(v.stock_height_mm, plan.blank.size_mm[2]);
    assert!(v.reach_mm > 4.0 && v.reach_mm < v.stock_height_mm, "{v:?}");
    assert!(plan.findings.iter().any(|f| f.id == "visibility"));
}

#[test]
fn a_waist_is_covered_by_tilted_poses_where_the_machine_has_them() {
    // From 30 mm in to 29 at half height and out again: neither side looks into it.
    let wall: Vec<(f64, f64)> =
        (1..=24).map(|k| 6.0 - 0.25 * f64::from(k)).map(|z| (29.0 + (z - 3.0).abs() / 3.0, z)).collect();
    let part = turned_plate(7.0, &wall);
    let shop = shipped_shop().unwrap();
    let planned = |machine: &str| {
        let params = with(&peek_params(), |p| {
            p.machine = machine.into();
            p.order = Order::TwoSetups;
        });
        plan_part(&part, &shop, &params).unwrap()
    };
    let three = planned("vertical-mill");
    assert!(three.setups.len() == 2 && !three.tools.contains_key("cover"));
    let three = three.visibility.unwrap();
    // Two cones of 30 and 29 mm, 3 mm high.
    let cones = 2.0 * std::f64::consts::PI * 59.0 * 10f64.sqrt();
    assert!((three.unseen_mm2 / cones - 1.0).abs() < 0.05, "{three:?} {cones}");
    assert!(three.cover.is_empty() && three.uncovered_mm2 == three.unseen_mm2);
    let plan = planned("trunnion-mill");
    let five = plan.visibility.as_ref().unwrap();
    assert_eq!(five.unseen_mm2, three.unseen_mm2);
    let covered: f64 = five.cover.iter().map(|c| c.area_mm2).sum();
    assert!((covered + five.uncovered_mm2 - five.unseen_mm2).abs() < 1e-6);
    // The ball of 1.5 mm stays 0.48 mm from the crease, a sixth of either cone, and a facet more.
    assert!(five.uncovered_mm2 < 0.3 * five.unseen_mm2, "{five:?}");
    assert!(five.cover.len() >= 3, "a ring is not seen from two poses");
    let mut facets: Vec<u32> = five.cover.iter().flat_map(|c| c.facets.clone()).collect();
    let listed = facets.len();
    facets.sort_unstable();
    facets.dedup();
    assert_eq!(facets.len(), listed, "each is one pose's own");
    assert_eq!(plan.tools["cover"].diameter_mm, plan.tools["rim"].diameter_mm);
    // In the order they are run, each in its clamping, which the same bodies hold.
    assert!(plan.setups.is_sorted_by_key(|s| s.number));
    for c in &five.cover {
        let s = plan.setups.iter().find(|s| s.number == c.setup).unwrap();
        assert!(s.task == SetupTask::Cover && s.clamping == c.clamping && s.number / 10 == c.clamping / 10);
        let held = |n: u32| plan.fixtures.iter().filter(|f| f.setups.contains(&n)).count();
        assert_eq!(held(s.number), held(s.clamping));
        // The spindle looks along the angles' direction.
        let level = plan.setups.iter().find(|l| l.number == s.clamping).unwrap();
        let up = |s: &Setup| s.part_from_work.turn(Dir::new([0.0, 0.0, 1.0])).v();
        assert!((up(s).dot(&up(level)).acos().to_degrees() - c.tilt_deg).abs() < 0.01, "{c:?}");
        // The outermost facets of a cone lie in the other's shadow by little.
        assert!(
            c.tilt_deg > 0.5 && c.tilt_deg < 79.0 && c.rotary_deg.len() == 2 && !c.facets.is_empty(),
            "{c:?}"
        );
    }
}

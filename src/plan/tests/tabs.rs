//! Tabs: where they sit, how thick they are, and what they keep away from.

use super::*;

#[test]
fn tabs_sit_on_the_rim_below_its_outer_edge_no_further_apart_than_the_pitch() {
    for (part, params, thick) in [
        (dome_plate(32.0, 26.0, 80.0, 4.0, "peek"), peek_params(), 2.0),
        (dome_plate(20.0, 15.0, 60.0, 4.0, "peek"), peek_params(), 2.0),
        (dome_plate(35.0, 30.0, 80.0, 1.5, "ti-6al-4v-eli"), titanium_params(), 1.0),
    ] {
        let plan = plan_part(&part, &shipped_shop().unwrap(), &params).unwrap();
        let outline = outline_xy(&part.body, 0.2);
        assert!(plan.tabs.len() >= 4);
        for t in &plan.tabs {
            let [x, y, z] = t.centre.mm;
            assert!(signed_distance_to_outline_mm(&outline, [x, y]).abs() < 0.15, "on the outline");
            assert!((t.outward_xy[0].hypot(t.outward_xy[1]) - 1.0).abs() < 1e-9);
            assert!(x * t.outward_xy[0] + y * t.outward_xy[1] > 0.0, "away from the part");
            assert!(z > t.z_min_mm && z < t.z_max_mm);
            let height = t.z_max_mm - t.z_min_mm;
            assert!(height <= thick + 1e-9 && height >= 0.6 - 1e-9, "{height}");
            // Every outer rim vertex within the tab's width lies at least the recess above the tab.
            for v in &part.body.vertices {
                let along = -(v[0] - x) * t.outward_xy[1] + (v[1] - y) * t.outward_xy[0];
                let out = (v[0] - x) * t.outward_xy[0] + (v[1] - y) * t.outward_xy[1];
                let near = along.abs() < 3.0 && out.abs() < 1.0 && v[2] > z;
                if near && signed_distance_to_outline_mm(&outline, [v[0], v[1]]).abs() < 0.05 {
                    // 0.05 mm: the step in z by which the rim is measured.
                    assert!(v[2] - t.z_max_mm >= 0.3 - 0.051, "{} above {}", v[2], t.z_max_mm);
                }
            }
        }
        // The chord between neighbours is no longer than the way along the rim.
        let mut pitch: f64 = 0.0;
        let along = |k: usize| {
            let p = &plan.tabs;
            let mut sorted: Vec<&Tab> = p.iter().collect();
            sorted.sort_by(|a, b| {
                a.centre.mm[1].atan2(a.centre.mm[0]).total_cmp(&b.centre.mm[1].atan2(b.centre.mm[0]))
            });
            sorted[k % p.len()].centre.mm
        };
        for k in 0..plan.tabs.len() {
            let (a, b) = (along(k), along(k + 1));
            pitch = pitch.max((a[0] - b[0]).hypot(a[1] - b[1]));
        }
        assert!(pitch <= 40.0, "chord between neighbouring tabs {pitch}");
    }
}

#[test]
fn tabs_grow_with_the_force_and_the_softness_of_the_material() {
    let shop = shipped_shop().unwrap();
    let part = dome_plate(32.0, 26.0, 80.0, 4.0, "peek");
    let two = |p: &mut PlanToml| {
        p.order = Order::TwoSetups;
        p.tab_thickness_mm_min = 0.3;
    };
    let thick = |params: &PlanParams| {
        let plan = plan_part(&part, &shop, params).unwrap();
        (plan.tabs[0].z_max_mm - plan.tabs[0].z_min_mm, plan)
    };
    let (t, plan) = thick(&with(&peek_params(), two));
    // t = ∛(3·F·L³/(E·w·n·δ)) by hand, with the force of the review.
    let force = |role: &str| {
        crate::geometry::bending::finishing_force_n(&plan.material, &plan.tools[role], 0.26, 0.008)
    };
    let by_hand = (3.0 * force("finish").max(force("rim")) * 1000.0
        / (3600.0 * 7.0 * plan.tabs.len() as f64 * 0.95 * 0.010))
        .cbrt();
    assert!((t - by_hand).abs() < 1e-9 && t > 1.2 && t < 2.0, "{t} {by_hand}");
    // A lighter skin pushes less, and less tab holds it.
    let (light, _) = thick(&with(&peek_params(), |p| {
        two(p);
        p.finish_skin_mm = 0.13;
    }));
    assert!(light < 0.95 * t, "{light}");
    // Not thicker than allowed: more tabs instead.
    let (thin, more) = thick(&with(&peek_params(), |p| {
        two(p);
        p.tab_thickness_mm = 1.45;
    }));
    assert!(thin <= 1.45 + 1e-9 && more.tabs.len() > plan.tabs.len());
}

#[test]
fn no_tab_stands_at_a_screw_at_the_text_or_on_the_brow_where_there_is_another_place() {
    let shop = shipped_shop().unwrap();
    let plain = dome_plate(32.0, 26.0, 80.0, 4.0, "peek");
    let before = plan_part(&plain, &shop, &peek_params()).unwrap();
    let at = before.tabs[0].centre.mm;
    let near = |plan: &Plan, p: [f64; 3]| {
        plan.tabs
            .iter()
            .map(|t| (t.centre.mm[0] - p[0]).hypot(t.centre.mm[1] - p[1]))
            .fold(f64::INFINITY, f64::min)
    };
    let site = |p: [f64; 3]| FixationSite {
        site: 1,
        bone_lps_mm: Point::new([1.1 * p[0], 1.1 * p[1], p[2]]),
        axis_lps: Dir::new([0.0, 0.0, 1.0]),
        implant_lps_mm: Some(Point::new([0.8 * p[0], 0.8 * p[1], p[2]])),
        implant_thickness_mm: 4.0,
        bone_thickness_mm: 5.0,
        bone_edge_mm: 6.0,
        sinus_mm: None,
        midline_mm: 30.0,
        transverse_sinus_mm: None,
        screw_mm: 4.0,
        implant_screw_mm: Some(3.0),
    };
    // A plate across the rim where a tab stood: 5 mm and half a tab.
    let mut screwed = plain.clone();
    screwed.facts.fixation.sites = vec![site(at)];
    let plan = plan_part(&screwed, &shop, &peek_params()).unwrap();
    assert!(near(&plan, at) > 8.5 - 0.6, "{}", near(&plan, at));
    assert!(plan.findings.iter().all(|f| f.id != "tab-site"));
    // Text along a stretch of rim longer than a tab has play: the spacing gives way.
    let mut marked = plain.clone();
    let stroke: Vec<Point<Patient>> = (-12..=12)
        .map(|k| {
            let a = f64::from(k).to_radians();
            Point::new([29.0 * a.cos(), 23.5 * a.sin(), at[2]])
        })
        .collect();
    marked.facts.marking = Some(MarkingFacts {
        lines: vec!["A".into()],
        face: "outer".into(),
        arrow: "cranial".into(),
        letter_mm: 3.0,
        depth_mm: 0.15,
        groove: None,
        up_lps: Dir::new([0.0, 1.0, 0.0]),
        right_lps: Dir::new([1.0, 0.0, 0.0]),
        strokes_lps_mm: vec![stroke.clone()],
    });
    let plan = plan_part(&marked, &shop, &peek_params()).unwrap();
    for q in &stroke {
        assert!(near(&plan, q.mm) > 8.5 - 0.6, "{:?}", q.mm);
    }
    assert!(plan.findings.iter().all(|f| f.id != "tab-site"), "{:#?}", plan.findings);
    // Sites all round leave no room: said, and planned nevertheless.
    let mut full = plain.clone();
    full.facts.fixation.sites = (0..36)
        .map(|k| {
            let a = TAU * f64::from(k) / 36.0;
            site([32.0 * a.cos(), 26.0 * a.sin(), at[2]])
        })
        .collect();
    let plan = plan_part(&full, &shop, &peek_params()).unwrap();
    assert!(plan.tabs.len() >= 5 && plan.findings.iter().any(|f| f.id == "tab-site"));
    // A forehead: part +z anterior, part −y caudal. The rim at −y looks down at the orbit.
    let mut forehead = plain.clone();
    forehead.part_from_patient = Pose::from_axes(
        Dir::new([1.0, 0.0, 0.0]),
        Dir::new([0.0, 0.0, 1.0]),
        Dir::new([0.0, -1.0, 0.0]),
        Point::new([0.0; 3]),
    );
    let down = |plan: &Plan| plan.tabs.iter().filter(|t| t.outward_xy[1] < -0.5).count();
    assert!(down(&before) > 0, "the even round has tabs there");
    let plan = plan_part(&forehead, &shop, &peek_params()).unwrap();
    // 2·60° of an ellipse's lower side are some 60 mm, more than a pitch: it cannot be kept off whole, and is said.
    assert!(down(&plan) <= down(&before) && plan.findings.iter().any(|f| f.id == "tab-site"));
}

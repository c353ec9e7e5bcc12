//! Tabs: what their witnesses leave out of the comparison, and what they do not.

use super::*;

#[test]
fn small_tabs_on_the_rim_are_left_out_and_listed_and_others_are_not() {
    let part = part();
    let rim = 80.0 * 0.12f64.sin();
    let at = |turn: f64, lift: f64| {
        let (s, c) = turn.sin_cos();
        Vector3::new(rim * c, rim * s, 80.0 * 0.12f64.cos() - 80.0 - 2.0 + lift)
    };
    let tabs: Vec<Vector3<f64>> = (0..4).map(|k| at(f64::from(k) * 1.5, 0.0)).collect();
    let held = |p: &[f64; 3]| tabs.iter().any(|t| (Vector3::from(*p) - t).norm() < 1.0);
    let path = touching_path(&part, |p| (!held(p)).then_some(0.0));
    let mut m = milled(&part, path, line_ends(&part, |_| 0.0, 0.25));
    assert_eq!(run(&part, &m).facts.verdict, Verdict::Reject, "a tab nobody found is material left on");
    let witness =
        |c: &Vector3<f64>| TabWitness { centre_part_mm: (*c).into(), radius_mm: 1.2, area_mm2: 3.0 };
    m.facts.tab_witnesses = tabs.iter().map(witness).collect();
    let got = run(&part, &m);
    assert_eq!(got.facts.verdict, Verdict::Accept, "{:?}", got.facts.reasons);
    let excluded = got.facts.surface.excluded_mm2;
    // Four discs of 1.0-1.25 mm radius, less the 0.28 mm in which the balls at their border leave 25 µm or less.
    assert!((4.0 * 1.6..4.0 * 3.0).contains(&excluded), "{excluded}");
    assert!(got.vertex_deviation_mm.iter().any(|v| v.is_nan()));
    // On the face instead of the rim, or too large, or too few: not believed, and what they hide counts.
    for change in [
        |w: &mut Vec<TabWitness>| w[0].centre_part_mm = [0.0; 3],
        |w: &mut Vec<TabWitness>| w[0].area_mm2 = 70.0,
        |w: &mut Vec<TabWitness>| w.truncate(2),
        |w: &mut Vec<TabWitness>| w[0].area_mm2 = f64::NAN,
    ] {
        let mut bad = m.clone();
        change(&mut bad.facts.tab_witnesses);
        assert_eq!(run(&part, &bad).facts.verdict, Verdict::Reject);
    }
    // Where the job says where its tabs are, one that stands half its width aside is not believed either.
    let with = |turned: f64| {
        let stated = |k: usize| {
            let turn = k as f64 * 1.5 + if k == 2 { turned } else { 0.0 };
            let [x, y, z] = at(turn, 0.0).into();
            JobTab {
                centre_part_mm: [x, y, z],
                outward_xy: turn.sin_cos().into(),
                width_mm: 2.0,
                left_on_mm: None,
            }
        };
        let tab = (0..4).map(stated).map(|t| JobTab { outward_xy: [t.outward_xy[1], t.outward_xy[0]], ..t });
        inspect(&part, &m, &Job { tab: tab.collect(), ..job() }, None, &peek(), &Silent).unwrap().facts
    };
    // 0.4 mm along the rim are a fillet's, 1 mm is not.
    assert_eq!(with(0.4 / rim).verdict, Verdict::Accept, "{:?}", with(0.4 / rim).reasons);
    let moved = with(1.0 / rim);
    assert_eq!(moved.verdict, Verdict::Reject);
    assert!(moved.reasons.iter().any(|r| r.contains("1.00 mm along the rim")), "{:?}", moved.reasons);
    assert!(moved.surface.worst.iter().any(|w| w.kind == "left-on" && w.line > 0), "{:?}", moved.surface);
}

#[test]
fn material_left_on_beside_a_tab_is_left_out_only_where_it_hangs_together_with_it() {
    let part = part();
    let rim = 80.0 * 0.12f64.sin();
    let z = 80.0 * 0.12f64.cos() - 82.0;
    let at = |turn: f64| Vector3::new(rim * turn.cos(), rim * turn.sin(), z);
    let tabs: Vec<Vector3<f64>> = [0.0, 1.5, 3.0, 4.5].map(at).into();
    let witness =
        |c: &Vector3<f64>| TabWitness { centre_part_mm: (*c).into(), radius_mm: 1.2, area_mm2: 3.0 };
    // 0.03 mm are left on from `from` to 2.5 mm beside the first tab, along the rim: within its 1.5 mm of margin.
    let beside = |from: f64| {
        let off = |p: &[f64; 3]| {
            let away = |t: &Vector3<f64>| (Vector3::from(*p) - t).norm();
            let along = p[1];
            if tabs.iter().any(|t| away(t) < 1.0) {
                None
            } else if away(&tabs[0]) < 2.5 && along > from {
                Some(0.03)
            } else {
                Some(0.0)
            }
        };
        let mut m = milled(&part, touching_path(&part, off), line_ends(&part, |_| 0.0, 0.25));
        m.facts.tab_witnesses = tabs.iter().map(witness).collect();
        m
    };
    let judged = |from: f64| run(&part, &beside(from)).facts;
    assert_eq!(judged(0.5).verdict, Verdict::Accept, "{:?}", judged(0.5).reasons);
    let apart = judged(2.0);
    assert_eq!(apart.verdict, Verdict::Reject, "{:?}", apart.surface);
    assert!(apart.reasons.iter().any(|r| r.contains("most material left on")), "{:?}", apart.reasons);
    // Where the job says how far along the rim its programs leave material on, more is not left out.
    let m = beside(0.5);
    let stating = |along_mm: f64| {
        let stated = |t: &Vector3<f64>| JobTab {
            centre_part_mm: (*t).into(),
            outward_xy: [t.x / rim, t.y / rim],
            width_mm: 2.0,
            left_on_mm: Some([[-2.0, 2.0], [-1.0, along_mm], [-2.0, 2.0]]),
        };
        let job = Job { tab: tabs.iter().map(stated).collect(), ..job() };
        inspect(&part, &m, &job, None, &peek(), &Silent).unwrap().facts
    };
    assert_eq!(stating(2.4).verdict, Verdict::Accept, "{:?}", stating(2.4).reasons);
    assert_eq!(stating(1.8).verdict, Verdict::Reject, "{:?}", stating(1.8).surface);
}

#[test]
fn a_gouge_beside_a_tab_is_still_a_gouge() {
    let part = part();
    let rim = 80.0 * 0.12f64.sin();
    let z = 80.0 * 0.12f64.cos() - 82.0;
    let tabs: Vec<[f64; 3]> = [0.0f64, 1.5, 3.0].iter().map(|a| [rim * a.cos(), rim * a.sin(), z]).collect();
    let near = |p: &[f64; 3]| (Vector3::from(*p) - Vector3::from(tabs[0])).norm() < 0.5;
    let path = touching_path(&part, |p| Some(if near(p) { -0.05 } else { 0.0 }));
    let mut m = milled(&part, path, line_ends(&part, |_| 0.0, 0.25));
    m.facts.tab_witnesses =
        tabs.iter().map(|&c| TabWitness { centre_part_mm: c, radius_mm: 1.2, area_mm2: 3.0 }).collect();
    assert_eq!(run(&part, &m).facts.verdict, Verdict::Reject);
}

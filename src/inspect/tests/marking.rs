//! An engraved cross on a dome: what is the design's groove, and what is a gouge.

use super::*;
use crate::inspect::verdict::{Check, come_to, of_surface};
use crate::model::{Dir, GrooveFacts, MarkingFacts, Point, Pose, ToolKind, ToolMove};

const ENGRAVER: u32 = 4;
const RADIUS_MM: f64 = 0.3;
const DEPTH_MM: f64 = 0.15;

/// Two strokes of 4 mm that cross on the pole of the dome, places 0.25 mm apart.
fn strokes() -> Vec<Vec<[f64; 2]>> {
    let along = |k: i32| f64::from(k) * 0.25;
    vec![(-8..=8).map(|k| [along(k), 0.0]).collect(), (-8..=8).map(|k| [0.0, along(k)]).collect()]
}

/// On the facets of the part, as the design lays it.
fn on_face(tree: &Bvh<Part>, [x, y]: [f64; 2]) -> Vector3<f64> {
    let hit = tree.first_hit([x, y, 5.0], [0.0, 0.0, -1.0], 0.0, 1e3).expect("over the dome");
    Vector3::new(x, y, 5.0 - hit.t)
}

fn asked(tree: &Bvh<Part>) -> MarkingFacts {
    let place = |&xy: &[f64; 2]| Point::from_v(on_face(tree, xy));
    MarkingFacts {
        lines: vec!["+".into()],
        face: "outer".into(),
        arrow: "cranial".into(),
        letter_mm: 4.0,
        depth_mm: DEPTH_MM,
        groove: Some(GrooveFacts::new(RADIUS_MM, DEPTH_MM)),
        up_lps: Dir::new([0.0, 1.0, 0.0]),
        right_lps: Dir::new([1.0, 0.0, 0.0]),
        strokes_lps_mm: strokes().iter().map(|s| s.iter().map(place).collect()).collect(),
    }
}

/// The engraver along `strokes`, `deeper_mm` deeper than asked and `aside_mm` to one side.
fn engraved(strokes: &[Vec<[f64; 2]>], tree: &Bvh<Part>, deeper_mm: f64, aside_mm: f64) -> Vec<ToolMove> {
    let tip = |&[x, y]: &[f64; 2]| {
        let p = on_face(tree, [x + aside_mm, y + aside_mm]);
        let n = (p - CAP.centre()).normalize();
        let middle = p + n * (RADIUS_MM - DEPTH_MM - deeper_mm);
        middle - Vector3::z() * RADIUS_MM
    };
    let moves = strokes.iter().flat_map(|s| s.windows(2));
    moves
        .map(|w| ToolMove {
            program: 1,
            line: 777,
            tool: ENGRAVER,
            rapid: false,
            from_mm: tip(&w[0]).into(),
            to_mm: tip(&w[1]).into(),
            up: [0.0, 0.0, 1.0],
        })
        .collect()
}

/// How far the face lies above a groove of that depth under both strokes, mm, negative.
fn below(p: &Vector3<f64>, deeper_mm: f64) -> f64 {
    let to = |x: f64, y: f64| x.hypot((y.abs() - 2.0).max(0.0));
    let a = to(p.y, p.x).min(to(p.x, p.y));
    let up = p.z > -1.5;
    let floor = (RADIUS_MM * RADIUS_MM - a * a).max(0.0).sqrt() - (RADIUS_MM - DEPTH_MM - deeper_mm);
    if up { -floor.max(0.0) } else { 0.0 }
}

struct Bench {
    part: Mesh<Part>,
    tree: Bvh<Part>,
    job: Job,
}

impl Bench {
    fn new() -> Self {
        Self::of(part())
    }

    fn of(part: Mesh<Part>) -> Self {
        let tree = Bvh::new(&part);
        let mut job = job();
        let mut ball = job.tool[0].clone();
        (ball.number, ball.kind, ball.diameter_mm, ball.corner_radius_mm) =
            (ENGRAVER, ToolKind::Ball, 2.0 * RADIUS_MM, RADIUS_MM);
        job.tool.push(ball);
        Self { part, tree, job }
    }

    fn judged(
        &self,
        engraving: Vec<ToolMove>,
        deeper_of_ends_mm: f64,
        asked: Option<&MarkingFacts>,
    ) -> Vec<Check> {
        of_surface(
            &self.compared(engraving, deeper_of_ends_mm, asked, surface::Beside::Nothing),
            &[],
            &peek().t,
        )
    }

    fn compared(
        &self,
        engraving: Vec<ToolMove>,
        deeper_of_ends_mm: f64,
        asked: Option<&MarkingFacts>,
        beside: surface::Beside,
    ) -> surface::Compared {
        let mut path = touching_path(&self.part, |_| Some(0.0));
        path.extend(engraving);
        let ends = line_ends(&self.part, |p| below(p, deeper_of_ends_mm), 0.25);
        let milled = milled(&self.part, path, ends);
        let pose = Pose::identity();
        let asked = asked.map(|m| (m, &pose));
        let (part, tree, job, t) = (&self.part, &self.tree, &self.job, &peek().t);
        surface::compare(part, tree, &milled, job, asked, t, beside, &Silent).unwrap()
    }
}

fn broken(checks: &[Check]) -> Vec<&str> {
    checks.iter().filter(|c| !c.c.pass).map(|c| c.c.id.as_str()).collect()
}

#[test]
fn a_marking_as_designed_is_part_of_the_design_and_without_the_design_it_is_a_gouge() {
    let bench = Bench::new();
    let asked = asked(&bench.tree);
    let sound = engraved(&strokes(), &bench.tree, 0.0, 0.0);
    let checks = bench.judged(sound.clone(), 0.0, Some(&asked));
    assert_eq!(come_to(&checks).0, Verdict::Accept, "{:?}", come_to(&checks).1);
    let depth = &checks.iter().find(|c| c.c.id == "marking").expect("a characteristic of its own").c;
    // The facets of the dome lie up to 1 µm off the sphere whose normals the tool took.
    assert!((depth.measured - DEPTH_MM).abs() < 0.003, "{depth:?}");
    assert_eq!((depth.nominal, depth.lower, depth.upper), (0.15, 0.1246, 0.1754));
    let share = &checks.iter().find(|c| c.c.id == "marking_share").unwrap().c;
    // Two strokes of 4 mm, 0.52 mm wide with round ends, one crossing: 4.3 mm² of some 800.
    let mm2 = 2.0 * (4.0 * 0.5196 + 0.212) - 0.27;
    let whole = bench.part.area_mm2();
    assert!((share.measured - mm2 / whole).abs() < 0.05 * mm2 / whole, "{share:?}");
    let blind = bench.judged(sound, 0.0, None);
    assert!(broken(&blind).contains(&"S2"), "without the design's word it is a gouge: {:?}", broken(&blind));
}

#[test]
fn a_marking_that_is_missing_too_deep_too_flat_or_beside_its_place_is_not_accepted() {
    let bench = Bench::new();
    let asked = asked(&bench.tree);
    let all = strokes();
    let cases: [(&str, Vec<ToolMove>); 6] = [
        ("none at all", vec![]),
        ("one stroke of two", engraved(&all[..1], &bench.tree, 0.0, 0.0)),
        ("0.05 mm too deep", engraved(&all, &bench.tree, 0.05, 0.0)),
        ("0.05 mm too flat", engraved(&all, &bench.tree, -0.05, 0.0)),
        ("0.1 mm aside", engraved(&all, &bench.tree, 0.0, 0.1)),
        ("5 mm aside", engraved(&all, &bench.tree, 0.0, 5.0 / f64::sqrt(2.0))),
    ];
    for (what, engraving) in cases {
        // The line ends say that all is well: the path alone must be enough.
        let checks = bench.judged(engraving, 0.0, Some(&asked));
        assert_eq!(come_to(&checks).0, Verdict::Reject, "{what}");
        if what != "0.1 mm aside" {
            assert!(broken(&checks).contains(&"marking"), "{what}: {:?}", broken(&checks));
        }
    }
    // And the line ends alone.
    for deeper_mm in [0.05, -0.05, -DEPTH_MM] {
        let sound = engraved(&all, &bench.tree, 0.0, 0.0);
        assert_eq!(
            broken(&bench.judged(sound, deeper_mm, Some(&asked)))[0..1],
            [if deeper_mm > 0.0 { "S2" } else { "S1" }]
        );
    }
}

#[test]
fn a_thicker_engraver_would_change_no_place_beside_its_groove() {
    let bench = Bench::new();
    let asked = asked(&bench.tree);
    let sound = engraved(&strokes(), &bench.tree, 0.0, 0.0);
    let got = |asked| bench.compared(sound.clone(), 0.0, asked, surface::Beside::MachineOff).sensitivity;
    let of_engraver = |rows: &[crate::model::Sensitivity]| {
        rows.iter().filter(|r| r.id.starts_with(&format!("radius-t{ENGRAVER}"))).count()
    };
    // Where it is a gouge its ball decides what is left; as a groove it is judged by its depth alone.
    assert!(of_engraver(&got(None)) > 0);
    assert_eq!(of_engraver(&got(Some(&asked))), 0);
}

#[test]
fn a_gouge_beside_a_stroke_is_still_a_gouge() {
    let bench = Bench::new();
    let asked = asked(&bench.tree);
    let mut path = engraved(&strokes(), &bench.tree, 0.0, 0.0);
    // 0.03 mm deep, 0.5 mm from the middle of a stroke that is 0.26 mm to either side.
    let beside = [vec![[1.0, 0.5], [1.1, 0.5]]];
    path.extend(engraved(&beside, &bench.tree, 0.03 - DEPTH_MM, 0.0));
    assert!(broken(&bench.judged(path, 0.0, Some(&asked))).contains(&"S2"));
}

#[test]
fn a_design_cannot_excuse_a_hole_as_a_marking() {
    let bench = Bench::new();
    let sound = || engraved(&strokes(), &bench.tree, 0.0, 0.0);
    let mut deep = asked(&bench.tree);
    deep.depth_mm = 0.45;
    deep.groove = Some(GrooveFacts::new(0.5, 0.45));
    let mut narrow = asked(&bench.tree);
    narrow.groove = Some(GrooveFacts { radius_mm: RADIUS_MM, width_mm: 0.3 });
    let mut wide = asked(&bench.tree);
    // Strokes all over the dome.
    let lines = (-28..=28).map(|k| f64::from(k) * 0.25);
    let on = |x: f64, y: f64| Point::from_v(on_face(&bench.tree, [x, y]));
    wide.strokes_lps_mm = lines.map(|y| (-24..=24).map(|k| on(f64::from(k) * 0.25, y)).collect()).collect();
    for (what, asked) in [("deep", deep), ("narrow", narrow), ("wide", wide)] {
        let checks = bench.judged(sound(), 0.0, Some(&asked));
        let told = broken(&checks);
        assert!(told.contains(&"marking") && told.contains(&"S2"), "{what}: {told:?}");
    }
}

/// Edges of the face are looked at for gouges between the samples; under the marking they are cut as deep as it asks.
#[test]
fn an_edge_of_the_face_under_the_groove_is_part_of_it() {
    // Facets that meet under 3.4°.
    let bench = Bench::of(CAP.mesh(2, 16, 12));
    let folded = samples::on_edges(&bench.part, 0.1, 0.9986);
    assert!(folded.iter().any(|s| s.p_mm[2] > -0.2), "no edge of the face is folded so much");
    let marking = asked(&bench.tree);
    let path = || engraved(&strokes(), &bench.tree, 0.0, 0.0);
    let [down_to, _] = bench.compared(path(), 0.0, Some(&marking), surface::Beside::Nothing).within_mm;
    assert!(down_to >= -peek().t.tolerance_mm, "{down_to}");
    // Unasked, the same is a gouge there.
    let [down_to, _] = bench.compared(path(), 0.0, None, surface::Beside::Nothing).within_mm;
    assert!(down_to <= -DEPTH_MM, "{down_to}");
}

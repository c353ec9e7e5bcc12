//! Pictures are not mirrored; quotations add up.

use super::canvas::{Canvas, ORANGE, THROUGH, WHITE, blue, grey};
use super::operations::operation_pictures;
use super::quotation::quotation;
use crate::model::*;

fn tool(number: u32, kind: ToolKind, diameter_mm: f64) -> Tool {
    Tool {
        number,
        kind,
        diameter_mm,
        corner_radius_mm: if kind == ToolKind::Ball { diameter_mm / 2.0 } else { 0.0 },
        point_angle_deg: 0.0,
        flute_length_mm: 10.0,
        flutes: 2,
        shank_diameter_mm: diameter_mm,
        stick_out_mm: 40.0,
        holder_diameter_mm: 22.0,
        holder_length_mm: 40.0,
    }
}

/// A 100 x 80 x 20 mm blank with the part's origin in its middle; work zeros at part x = -43, y = 0.
fn plan() -> Plan {
    let cutting = Cutting {
        surface_speed_m_per_min: 200.0,
        feed_per_tooth_mm_d6: 0.05,
        depth_over_diameter: 1.0,
        width_over_diameter: 0.4,
    };
    let setup = |number, y: f64| Setup {
        number,
        name: if y < 0.0 { "bone side and rim".into() } else { "outer side".into() },
        part_from_work: Pose::<Work, Part>::from_axes(
            Dir::new([1.0, 0.0, 0.0]),
            Dir::new([0.0, y, 0.0]),
            Dir::new([0.0, 0.0, y]),
            Point::new([-43.0, 0.0, 10.0 * y]),
        )
        .inverse(),
        work_offset: "G54".into(),
        work_zero_machine_mm: [-300.0, -200.0, -300.0],
        clearance_z_mm: 10.0,
        task: SetupTask::All,
        clamping: number,
        rotary_deg: vec![],
    };
    Plan {
        schema: "osteomill.plan/1".into(),
        material_key: "peek".into(),
        material: Material {
            name: "PEEK".into(),
            implant_standard: "ASTM F2026".into(),
            density_g_per_cm3: 1.3,
            youngs_modulus_gpa: 3.6,
            yield_n_per_mm2: 95.0,
            expansion_um_per_m_k: 47.0,
            coolant: "dry".into(),
            kienzle: Kienzle { kc11_n_per_mm2: 150.0, mc: 0.25, normal_share: 0.5 },
            rough: cutting.clone(),
            finish: cutting.clone(),
            drill: cutting,
        },
        blank: Blank { name: "plate".into(), material: "peek".into(), size_mm: [100.0, 80.0, 20.0] },
        stock: BoxPart { min_mm: Point::new([-50.0, -40.0, -10.0]), max_mm: Point::new([50.0, 40.0, 10.0]) },
        machine: MachineTool {
            name: "mill".into(),
            travel_min_mm: [-508.0, -406.0, -394.0],
            travel_max_mm: [0.0, 0.0, 0.0],
            rapid_mm_per_min: [20000.0; 3],
            feed_mm_per_min_max: 10000.0,
            acceleration_mm_per_s2: [5000.0; 3],
            jerk_mm_per_s3: [50000.0; 3],
            spindle_rpm_min: 200.0,
            spindle_rpm_max: 20000.0,
            tool_change_s: 4.0,
            rotary: vec![],
        },
        setups: vec![setup(10, -1.0), setup(20, 1.0)],
        fixtures: Vec::new(),
        pins: Vec::new(),
        tabs: Vec::new(),
        lane_mm: 10.0,
        tools: [
            ("rough".to_string(), tool(1, ToolKind::Flat, 8.0)),
            ("finish".to_string(), tool(11, ToolKind::Ball, 6.0)),
        ]
        .into(),
        rough_allowance_mm: 0.5,
        scallop_mm: 0.008,
        finish_skin_mm: 0.26,
        visibility: None,
        flip: None,
        nest: None,
        findings: Vec::new(),
    }
}

fn programs() -> Vec<Program> {
    [10, 20]
        .map(|setup| Program {
            file: format!("op{setup}.ngc"),
            dialect: Dialect::LinuxCnc,
            setup,
            text: String::new(),
        })
        .to_vec()
}

/// Places of the work frame between which each setup cuts, and those of its one rapid: right of the blank's middle and
/// towards +y, and left of it and towards -y.
const CUT: [[f64; 3]; 2] = [[60.0, 20.0, -2.0], [80.0, 30.0, -2.0]];
const RAPID: [[f64; 3]; 2] = [[5.0, -10.0, 5.0], [20.0, -35.0, 5.0]];

/// Two operations, one for each setup, and a pocket milled through where each cuts.
fn milled(plan: &Plan) -> Milled {
    let mut path = Vec::new();
    let mut stock_after = Vec::new();
    let mut operations = Vec::new();
    for (n, setup) in plan.setups.iter().enumerate() {
        let part = |p: [f64; 3]| setup.part_from_work.apply(Point::new(p)).mm;
        let up = setup.part_from_work.turn(Dir::new([0.0, 0.0, 1.0])).unit;
        for (rapid, [from, to]) in [(true, RAPID), (false, CUT)] {
            path.push(ToolMove {
                program: n as u16,
                line: 7,
                tool: 1,
                rapid,
                from_mm: part(from),
                to_mm: part(to),
                up,
            });
        }
        let [a, b] = CUT.map(part);
        let inside = |x: f64, y: f64| {
            x >= a[0].min(b[0]) && x <= a[0].max(b[0]) && y >= a[1].min(b[1]) && y <= a[1].max(b[1])
        };
        let depth_hundredths_mm = (0..80)
            .flat_map(|j| (0..100).map(move |i| (f64::from(i) - 49.5, f64::from(j) - 39.5)))
            .map(|(x, y)| if inside(x, y) { StockMap::THROUGH } else { 0 })
            .collect();
        stock_after.push(StockMap {
            from_above: up[2] > 0.0,
            first_xy_mm: [-49.5, -39.5],
            step_mm: 1.0,
            n: [100, 80],
            depth_hundredths_mm,
        });
        operations.push(MilledOperation {
            program: format!("op{}.ngc", setup.number),
            name: "pocket".into(),
            tool: 1,
            line_first: 7,
            line_last: 7,
            blocks: 1,
            time_s: 600.0,
            time_s_at_feed: 540.0,
            path_mm_cut: 22.0,
            path_mm_rapid: 29.0,
        });
    }
    Milled {
        mesh: Mesh::new(vec![], vec![]),
        line_ends: Vec::new(),
        path,
        stock_after,
        facts: MillingFacts {
            schema: "osteomill.milling/1".into(),
            blocks: 2,
            time_s: 1200.0,
            time_s_per_program: vec![600.0, 600.0],
            path_mm_cut: 44.0,
            path_mm_rapid: 58.0,
            collisions: Vec::new(),
            dexel_mm: 0.1,
            tools_used: vec![1],
            part_mm3: 0.0,
            operations,
            tab_witnesses: Vec::new(),
            operation_loads: Vec::new(),
            tool_loads: Vec::new(),
        },
    }
}

/// Columns and rows, in shares of half the picture, of what has a colour that `is`.
fn where_is(canvas: &Canvas, right_half: bool, is: impl Fn(u8) -> bool) -> Vec<[f64; 2]> {
    let half = (canvas.width - 4) / 2;
    let x0 = if right_half { half + 4 } else { 0 };
    (0..canvas.height)
        .flat_map(|y| (0..half).map(move |x| (x, y)))
        .filter(|&(x, y)| is(canvas.pixels[y * canvas.width + x0 + x]))
        .map(|(x, y)| [x as f64 / half as f64, y as f64 / canvas.height as f64])
        .collect()
}

#[test]
fn work_x_runs_to_the_right_and_work_y_up_on_both_sides_of_the_part() {
    let plan = plan();
    let pictures = operation_pictures(&plan, &programs(), &milled(&plan));
    assert_eq!(pictures.len(), 2);
    let blues = [0.0, 0.3, 0.6, 0.9].map(blue);
    for p in &pictures {
        let cut = where_is(&p.canvas, false, |c| blues.contains(&c));
        let rapid = where_is(&p.canvas, false, |c| c == ORANGE);
        let through = where_is(&p.canvas, true, |c| c == THROUGH);
        assert!(cut.len() > 50 && rapid.len() > 20 && through.len() > 500, "{}", p.caption);
        // The blank's middle is work x = 43, y = 0: the cut lies right of it and above, the rapid left and below.
        // 0.17 and 0.13: (60 - 43) and (20 - 10) mm of 100 and 80, less a pixel.
        for [x, y] in cut.iter().chain(&through) {
            assert!(*x > 0.5 + 0.16 && *y < 0.5 - 0.12, "{}: {x} {y}", p.caption);
        }
        for [x, y] in &rapid {
            assert!(*x < 0.5 - 0.16 && *y > 0.5 + 0.12, "{}: {x} {y}", p.caption);
        }
        assert!(p.canvas.png().len() < 20_000);
    }
    assert!(pictures[0].caption.contains("from part -z: bone side and rim up"), "{}", pictures[0].caption);
    assert!(
        pictures[1].caption.contains("part +z, the blank turned over since the first setup: outer side up"),
        "{}",
        pictures[1].caption
    );
    assert!(pictures[0].caption.contains("op10.ngc: pocket. T1 flat end mill Ø8 mm; 10 min 00 s; 1 blocks"));
}

#[test]
fn a_quotation_without_prices_names_the_keys_and_with_them_adds_up() {
    let plan = plan();
    let facts = milled(&plan).facts;
    let bare = quotation(&plan, Some(&facts), None, &Prices::default());
    assert_eq!(bare.sum, None);
    assert!(bare.rows.iter().all(|r| r.cost.is_none()));
    assert_eq!(
        bare.unpriced,
        [
            "stock_per_kg.peek or stock_each.\"plate\"",
            "setup_each",
            "machine_per_hour",
            "tool.1.price_each and tool.1.life_min"
        ]
    );
    // 100 x 80 x 20 mm at 1.3 g/cm³.
    assert!(bare.rows[0].amount.contains("0.208 kg"), "{}", bare.rows[0].amount);
    let prices = Prices {
        currency: Some("EUR".into()),
        machine_per_hour: Some(90.0),
        setup_each: Some(30.0),
        stock_per_kg: [("peek".to_string(), 100.0)].into(),
        stock_each: Default::default(),
        tool: [("1".to_string(), ToolPrice { price_each: Some(50.0), life_min: Some(90.0) })].into(),
    };
    let full = quotation(&plan, Some(&facts), None, &prices);
    assert!(full.unpriced.is_empty());
    // 0.208 kg at 100; two setups at 30; 20 min at 90 an hour; 18 of 90 min of a tool of 50.
    assert_eq!(full.sum.as_deref(), Some("120.80"));
    assert_eq!(full.currency, "EUR");
    // On a nest: its block, one setup more and half an hour of its program.
    let mut own = plan.clone();
    own.setups.truncate(1);
    own.material_key = "al-6061".into();
    own.blank = Blank { name: "block".into(), material: "al-6061".into(), size_mm: [50.0, 40.0, 20.0] };
    let mut nested = plan.clone();
    let nest = Nest { carries: 40, inset_mm: 4.0, ground_z_mm: 0.0, seat_mm2: 1.0, plan: own };
    nested.nest = Some(Box::new(nest));
    let nest = NestFacts {
        schema: "osteomill.nest/1".into(),
        carries: 40,
        blank: "block".into(),
        block_mm: [50.0, 40.0, 20.0],
        seat_mm2: 1.0,
        inset_mm: 4.0,
        seat_samples: 1,
        seat_mm_min: 0.0,
        seat_mm_max: 0.0,
        seat_highest_part_mm: [0.0; 3],
        tolerance_mm: 0.0254,
        faults: 0,
        blocks: 1,
        time_s: 1800.0,
        findings: vec![],
    };
    let full = quotation(&nested, Some(&facts), Some(&nest), &prices);
    assert_eq!(full.unpriced, ["stock_per_kg.al-6061 or stock_each.\"block\""]);
    assert_eq!(full.sum.as_deref(), Some("195.80"), "30 and 45 more");
}

#[test]
fn shades_and_ground_have_their_own_colours() {
    let all = [WHITE, THROUGH, ORANGE, grey(0.0), grey(1.0), blue(0.0), blue(1.0)];
    for (n, a) in all.iter().enumerate() {
        assert!(all[n + 1..].iter().all(|b| a != b));
    }
}

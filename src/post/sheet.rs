//! The setup sheet: one HTML file without network.

use std::fmt::Write;

use minijinja::{Environment, Value, context};

use crate::geometry::outline::outline_xy;
use crate::model::{
    Dialect, FlipCoupon, Implant, Move, Operation, Part, Plan, Pose, Program, Setup, SetupTask, Work,
};

use super::PostError;
use super::coupon::probing_s;
use super::dialect::wording;
use super::timing::programmed_s;
use super::tool_list::tool_list;

/// A drawing's outline is good to half of this, mm.
const OUTLINE_CELL_MM: f64 = 0.3;

/// The setup sheet of a part: drawings of both setups, tools, limits, hold points, expected weight.
///
/// # Errors
/// [`PostError::Sheet`] when the template cannot be filled in, which is a fault of the program.
pub fn setup_sheet_html(
    implant: &Implant,
    plan: &Plan,
    operations: &[Operation],
    programs: &[Program],
    title: &str,
    approved: bool,
) -> Result<String, PostError> {
    let outline = outline_xy(&implant.body, OUTLINE_CELL_MM);
    let dialect = programs.first().map(|p| p.dialect);
    let setups: Vec<Value> = plan
        .setups
        .iter()
        .map(|s| {
            let program = programs.iter().find(|p| p.setup == s.number);
            let offset = dialect.and_then(|d| wording(d).offset(&s.work_offset));
            context! {
                number => s.number,
                name => s.name.clone(),
                offset => offset.unwrap_or_else(|| s.work_offset.clone()),
                file => program.map_or_else(|| "none".into(), |p| p.file.clone()),
                blocks => program.map_or(0, |p| p.text.lines().count()),
                svg => drawing(implant, plan, s, &outline),
                limits => limits(s, operations),
            }
        })
        .collect();
    let tools: Vec<Value> = tool_list(plan, operations, programs)
        .tools
        .iter()
        .map(|e| {
            context! {
                number => e.tool.number,
                kind => format!("{:?}", e.tool.kind).to_lowercase(),
                diameter => format!("{:.2}", e.tool.diameter_mm),
                corner => format!("{:.2}", e.tool.corner_radius_mm),
                flutes => e.tool.flutes,
                flute => format!("{:.1}", e.tool.flute_length_mm),
                stick_out => format!("{:.1}", e.tool.stick_out_mm),
                holder => format!("D{} x {}", e.tool.holder_diameter_mm, e.tool.holder_length_mm),
                radius => format!("{:.3}", e.tool.radius_mm()),
                roles => e.roles.join(", "),
                programs => e.programs.join(", "),
            }
        })
        .collect();
    let standard = &plan.material.implant_standard;
    let pin = |k: usize| plan.pins.get(k).map_or(0.0, |p| p.diameter_mm);
    let zero = format!(
        "every setup: axis of the D{} pin, top face of the blank; machine X{:.3} Y{:.3} Z{:.3}",
        pin(0),
        plan.setups.first().map_or(f64::NAN, |s| s.work_zero_machine_mm[0]),
        plan.setups.first().map_or(f64::NAN, |s| s.work_zero_machine_mm[1]),
        plan.setups.first().map_or(f64::NAN, |s| s.work_zero_machine_mm[2]),
    );
    let tab_words = plan.tabs.first().map_or("none".into(), |t| {
        let thinnest = plan.tabs.iter().map(|t| t.z_max_mm - t.z_min_mm).fold(f64::INFINITY, f64::min);
        format!(
            "{:.1} mm along the rim, {thinnest:.2} mm thick at the thinnest, bridging a {:.1} mm lane",
            t.width_mm, plan.lane_mm
        )
    });
    let mass = implant.facts.mass_g;
    let mut env = Environment::new();
    // The name ends in .html, so values are escaped.
    env.add_template("sheet.html", include_str!("sheet.html"))
        .map_err(|e| PostError::Sheet(e.to_string()))?;
    let template = env.get_template("sheet.html").map_err(|e| PostError::Sheet(e.to_string()))?;
    template
        .render(context! {
            title, approved, setups, tools, zero, tab_words,
            times => operation_times(plan, operations, programs),
            pins => pin_words(plan),
            clamps => clamp_words(plan),
            probes => probe_limits(plan),
            nest => nest_words(plan),
            coupon => coupon_words(plan, dialect),
            dialect => dialect.map_or("none", Dialect::name),
            tab_count => plan.tabs.len(),
            material => plan.material.name.clone(),
            coolant => plan.material.coolant.clone(),
            standard => if standard.is_empty() { "NO IMPLANT GRADE" } else { standard.as_str() },
            blank => plan.blank.name.clone(),
            machine => plan.machine.name.clone(),
            mass => format!("{mass:.2}"),
            mass_low => format!("{:.2}", mass * 0.98),
            mass_high => format!("{:.2}", mass * 1.02),
            holds => hold_points(plan, pin(0), pin(1)),
        })
        .map_err(|e| PostError::Sheet(e.to_string()))
}

/// Numbers of the setups that finish the first and the second side.
fn finished_in(plan: &Plan) -> [u32; 2] {
    let mut of = plan.setups.iter().filter(|s| s.task != SetupTask::Rough && !s.is_indexed());
    let mut next = || of.next().map_or(0, |s| s.number);
    [next(), next()]
}

/// What is probed or measured at the machine, and what stops the job.
fn probe_limits(plan: &Plan) -> Vec<[String; 2]> {
    let [first, second] = finished_in(plan);
    let mut rows = vec![
        ["blank, temperature before op10".into(), "20 ± 1 °C".into()],
        ["D of the finishing balls against the list".into(), "0.005 mm".into()],
        ["runout at the tip".into(), "0.005 mm".into()],
    ];
    rows.extend(
        plan.setups
            .iter()
            .skip(1)
            .filter(|s| s.clamping == s.number)
            .map(|s| [format!("work zero and pins before op{} against op10", s.number), "0.020 mm".into()]),
    );
    if let Some(c) = &plan.flip {
        let limit = format!("{:.3} mm", 0.001 * c.limit_um);
        for k in 0..c.places_xy_mm.len() {
            rows.push([
                format!("flip coupon in op{}: middle of bore {} in x and y", c.probed_in, k + 1),
                limit.clone(),
            ]);
        }
        if let Some(z) = c.floor_z_mm {
            rows.push([
                format!("flip coupon in op{}: plate through both bores at Z{z:.3}", c.probed_in),
                limit,
            ]);
        }
    }
    rows.extend([
        [format!("bone side at three places after op{first}"), "design ± 0.025 mm".into()],
        [format!("bow after unclamping op{first}, over the length"), "0.025 mm".into()],
        [format!("outer side at three places after op{second}"), "design ± 0.025 mm".into()],
    ]);
    let marking = plan.tools.contains_key("engrave");
    rows.extend(marking.then(|| ["depth of the engraved marking".into(), "nominal ± 0.025 mm".into()]));
    rows
}

fn nest_words(plan: &Plan) -> String {
    match &plan.nest {
        None => {
            "none: the part stays on its tabs in the frame through both setups; nothing supports it from below in op20".into()
        }
        Some(n) => format!(
            "{} block, milled in place by op{}, {:.1} mm inside the outline, seat {:.0} mm²: the bone side rests on it in op{}, the \
             frame on parallels beside it",
            n.plan.material.name,
            n.plan.setups.first().map_or(0, |s| s.number),
            n.inset_mm,
            n.seat_mm2,
            n.carries
        ),
    }
}

fn coupon_words(plan: &Plan, dialect: Option<Dialect>) -> String {
    let Some(c) = &plan.flip else {
        return "none: probe pins and top face by hand before the second side".into();
    };
    let how = if dialect.is_some_and(|d| wording(d).probing().is_some()) {
        format!("the program probes them and ends beyond {} µm", c.limit_um)
    } else {
        format!("the program waits for them to be measured; beyond {} µm do not go on", c.limit_um)
    };
    format!(
        "bores D{}, {:.2} mm deep, milled in op{}; opened D{}, {:.2} mm deep, in op{} before anything else: {how}; as drawn",
        c.bore_mm, c.bore_depth_mm, c.bored_in, c.opening_mm, c.opening_depth_mm, c.probed_in
    )
}

fn pin_words(plan: &Plan) -> String {
    let words: Vec<String> = plan.pins.iter().map(|p| format!("D{}", p.diameter_mm)).collect();
    format!(
        "{}: of unlike diameters, on the line about which the blank is turned over; the same pins hold it in every setup",
        words.join(" and ")
    )
}

fn clamp_words(plan: &Plan) -> String {
    let per_setup: Vec<String> = plan
        .setups
        .iter()
        .map(|s| {
            let clamps =
                plan.fixtures.iter().filter(|f| f.setups.contains(&s.number) && f.name.contains("clamp"));
            let work_from_part: Pose<Work, Part> = s.part_from_work.inverse();
            let top = clamps.clone().map(|f| {
                let [a, b] = [f.body.min_mm, f.body.max_mm].map(|p| work_from_part.apply(p).mm[2]);
                a.max(b)
            });
            match top.fold(f64::NEG_INFINITY, f64::max) {
                z if z.is_finite() => {
                    format!("op{}: {} side clamps, tops at Z{z:.2} or below", s.number, clamps.count())
                }
                _ => format!("op{}: none", s.number),
            }
        })
        .collect();
    format!("{}; as drawn, brown", per_setup.join("; "))
}

fn probes(program: &Program) -> bool {
    wording(program.dialect).probing().is_some()
}

/// Rows of the table of operations and, last, the sum.
fn operation_times(plan: &Plan, operations: &[Operation], programs: &[Program]) -> Vec<Value> {
    let clock = |s: f64| {
        let s = s.round() as u64;
        format!("{}:{:02}", s / 60, s % 60)
    };
    let mut rows = Vec::new();
    let mut total_s = 0.0;
    for program in programs {
        let mut tool = None;
        for o in operations.iter().filter(|o| o.setup == program.setup) {
            let [feed_s, rapid_s] = programmed_s(o, &plan.machine);
            let change_s = if tool == Some(o.tool) { 0.0 } else { plan.machine.tool_change_s };
            tool = Some(o.tool);
            let time_s = feed_s + rapid_s + change_s;
            total_s += time_s;
            rows.push(context! {
                program => program.file.clone(),
                name => o.name.clone(),
                tool => format!("T{}", o.tool),
                speed => format!("{:.0}", o.spindle_rpm),
                feed => format!("{:.0}", o.feed_mm_per_min),
                coolant => o.coolant.clone(),
                time => clock(time_s),
            });
            let probing = plan.flip.as_ref().zip(plan.tools.get("probe"));
            if let Some((coupon, probe)) =
                probing.filter(|_| o.name == FlipCoupon::OPENING && probes(program))
            {
                let time_s = probing_s(coupon, probe) + plan.machine.tool_change_s;
                tool = Some(probe.number);
                total_s += time_s;
                rows.push(context! {
                    program => program.file.clone(),
                    name => "flip coupon, probing",
                    tool => format!("T{}", probe.number),
                    speed => "0",
                    feed => format!("{:.0}", coupon.feed_mm_per_min),
                    coolant => "dry",
                    time => clock(time_s),
                });
            }
        }
    }
    rows.push(context! { name => "all programs", time => clock(total_s) });
    rows
}

fn hold_points(plan: &Plan, first: f64, second: f64) -> Vec<String> {
    let dry = plan.material.coolant == "dry";
    let [finished, last] = finished_in(plan);
    let mut holds = vec![
        format!(
            "Before op10: {} blank at 20 ± 1 °C; drill and ream the frame D{first} and D{second} as drawn; mark the blank's top \
             face and its D{first} end; seat on the pins; set the side clamps below the top face; probe the top face and the \
             D{first} pin, enter G54.",
            if dry { "annealed" } else { "stress-relieved" }
        ),
        "Before op10: dedicated tools only; measure every tool's length and diameter; diameter of the finishing balls within \
         0.005 mm of the list, or stop."
            .into(),
    ];
    let mut before: Option<&Setup> = None;
    for s in plan.setups.iter().filter(|s| s.clamping == s.number) {
        if let Some(b) = before {
            holds.push(format!(
                "Before op{}: turn the blank over about the line through the pins; the side milled in op{} must be below; the \
                 D{first} end stays where it was. Probe pins and top face: beyond 0.020 mm from op10, stop.",
                s.number, b.number
            ));
        }
        if let Some(nest) = plan.nest.as_ref().filter(|n| n.carries == s.number) {
            holds.push(format!(
                "Before op{}: the nest stays bolted where op{} milled it; chips off its seat and off the bone side; lay the frame \
                 on its parallels without force.",
                s.number,
                nest.plan.setups.first().map_or(0, |n| n.number)
            ));
        }
        if let Some(c) = plan.flip.as_ref().filter(|c| c.probed_in == s.number) {
            holds.push(format!(
                "In op{}: the flip coupon is opened first, then probed: where the program ends or what is measured lies beyond \
                 {} µm, seat the blank anew and begin op{} again. In height: set the zero from the plate under the blank, not from \
                 its top face.",
                s.number, c.limit_um, s.number
            ));
        }
        if s.task == SetupTask::Rough {
            holds.push(format!("After op{}: unclamp and let it rest (PEEK: 24 h).", s.number));
        } else if s.number == finished {
            holds.push(format!(
                "After op{finished}: measure the bone side at three places; unclamp, let it rest (PEEK: 24 h), look for bow."
            ));
        }
        before = Some(s);
    }
    holds.extend([
        format!(
            "After op{last}: measure on the machine before unclamping; a part out of tolerance stays in its frame for the \
             non-conformance record."
        ),
        "Cutting free: saw the tabs 0.5 mm from the rim, dress the stubs by hand to the wall, never above the outer edge; look at \
         the rim under magnification."
            .into(),
        "Deburr by hand under magnification, stone or plastic scraper, no wire brush: burrs off, no edge rounded beyond the \
         drawing's, nothing taken off the faces or the rim's wall."
            .into(),
        "Weigh after cleaning and drying: outside the range above, stop.".into(),
    ]);
    holds
}

fn limits(setup: &Setup, operations: &[Operation]) -> Vec<Value> {
    let (mut lo, mut hi) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
    let mut take = |p: [f64; 3]| {
        for a in 0..3 {
            (lo[a], hi[a]) = (lo[a].min(p[a]), hi[a].max(p[a]));
        }
    };
    let mut at = [0.0; 3];
    for m in operations.iter().filter(|o| o.setup == setup.number).flat_map(|o| &o.moves) {
        match *m {
            Move::Rapid(p) | Move::Cut(p) | Move::Plunge(p) => {
                take(p);
                at = p;
            }
            Move::Arc { to, centre_xy: c, .. } => {
                // The whole circle: the sheet states what the table must hold, not the least.
                let r = (at[0] - c[0]).hypot(at[1] - c[1]);
                take([c[0] - r, c[1] - r, to[2].min(at[2])]);
                take([c[0] + r, c[1] + r, to[2].max(at[2])]);
                at = to;
            }
            Move::Drill { at_xy: [x, y], retract_z, bottom_z, .. } => {
                take([x, y, bottom_z]);
                take([x, y, retract_z]);
            }
        }
    }
    ["X", "Y", "Z"]
        .into_iter()
        .enumerate()
        .map(|(a, axis)| context! { axis, low => format!("{:.3}", lo[a]), high => format!("{:.3}", hi[a]) })
        .collect()
}

/// Seen along the spindle: work x to the right, work y up.
fn drawing(implant: &Implant, plan: &Plan, setup: &Setup, outline: &[[f64; 2]]) -> String {
    let work_from_part: Pose<Work, Part> = setup.part_from_work.inverse();
    // SVG's y runs down the page.
    let at = |x: f64, y: f64| {
        let w = work_from_part.apply_raw([x, y, 0.0]);
        [w[0], -w[1]]
    };
    let rect = |lo: [f64; 2], hi: [f64; 2], style: &str| {
        let (a, b) = (at(lo[0], lo[1]), at(hi[0], hi[1]));
        format!(
            r#"<rect x="{:.2}" y="{:.2}" width="{:.2}" height="{:.2}" {style}/>"#,
            a[0].min(b[0]),
            a[1].min(b[1]),
            (a[0] - b[0]).abs(),
            (a[1] - b[1]).abs()
        )
    };
    let path = |points: &[[f64; 2]]| -> String {
        points
            .iter()
            .map(|p| at(p[0], p[1]))
            .map(|p| format!("{:.2},{:.2}", p[0], p[1]))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let (lo, hi) = (plan.stock.min_mm.mm, plan.stock.max_mm.mm);
    let (a, b) = (at(lo[0], lo[1]), at(hi[0], hi[1]));
    let margin = 27.0;
    let (x0, y0) = (a[0].min(b[0]) - margin, a[1].min(b[1]) - margin);
    let (w, h) = ((a[0] - b[0]).abs() + 2.0 * margin, (a[1] - b[1]).abs() + 2.0 * margin);
    let mut s = format!(
        r#"<svg viewBox="{x0:.1} {y0:.1} {w:.1} {h:.1}" xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="4">"#
    );
    s += &rect([lo[0], lo[1]], [hi[0], hi[1]], r##"fill="#e8ecef" stroke="#51606e" stroke-width=".6""##);
    for f in plan.fixtures.iter().filter(|f| f.setups.contains(&setup.number) && f.name.contains("clamp")) {
        let (l, u) = (f.body.min_mm.mm, f.body.max_mm.mm);
        s += &rect([l[0], l[1]], [u[0], u[1]], r##"fill="#c9a36a" stroke="#7a5c2e" stroke-width=".4""##);
    }
    let points = path(outline);
    let _ = write!(
        s,
        r##"<polygon points="{points}" fill="#fff" stroke="#fff" stroke-width="{:.2}" stroke-linejoin="round"/>"##,
        2.0 * plan.lane_mm
    );
    for (k, t) in plan.tabs.iter().enumerate() {
        let [x, y, _] = t.centre.mm;
        let (o, half) = (t.outward_xy, t.width_mm / 2.0);
        let corner = |out: f64, along: f64| [x + out * o[0] - along * o[1], y + out * o[1] + along * o[0]];
        let lane = plan.lane_mm;
        let _ = write!(
            s,
            r##"<polygon points="{}" fill="#e8ecef" stroke="#51606e" stroke-width=".3"/>"##,
            path(&[
                corner(-0.3, -half),
                corner(lane + 0.5, -half),
                corner(lane + 0.5, half),
                corner(-0.3, half)
            ])
        );
        let l = at(x + lane / 2.0 * o[0], y + lane / 2.0 * o[1]);
        let _ = write!(
            s,
            r#"<text x="{:.2}" y="{:.2}" text-anchor="middle" dy="1" font-size="3">tab {}</text>"#,
            l[0],
            l[1],
            k + 1
        );
    }
    let _ = write!(s, r##"<polygon points="{points}" fill="#7fb3d5" stroke="#1f4e79" stroke-width=".5"/>"##);
    for hole in &implant.holes {
        let c = at(hole.centre.mm[0], hole.centre.mm[1]);
        let r = hole.diameter_mm / 2.0;
        let _ = write!(
            s,
            r##"<circle cx="{:.2}" cy="{:.2}" r="{r:.2}" fill="#fff" stroke="#1f4e79" stroke-width=".3"/>"##,
            c[0], c[1]
        );
    }
    for pin in &plan.pins {
        let c = at(pin.centre_xy_mm[0], pin.centre_xy_mm[1]);
        let _ = write!(
            s,
            r##"<circle cx="{:.2}" cy="{:.2}" r="{:.2}" fill="#51606e"/><text x="{:.2}" y="{:.2}" text-anchor="middle" font-size="2.6">D{} X{:.2} Y{:.2}</text>"##,
            c[0],
            c[1],
            pin.diameter_mm / 2.0,
            c[0],
            c[1] - pin.diameter_mm / 2.0 - 1.5,
            pin.diameter_mm,
            c[0],
            0.0 - c[1]
        );
    }
    if let Some(c) = &plan.flip {
        for (k, &[x, y]) in c.places_xy_mm.iter().enumerate() {
            let p = at(x, y);
            for (diameter, milled_in) in [(c.bore_mm, c.bored_in), (c.opening_mm, c.probed_in)] {
                // What this setup does not mill is dashed.
                let dash = if setup.number == milled_in { "" } else { r#" stroke-dasharray="1.5 1""# };
                let _ = write!(
                    s,
                    r##"<circle cx="{:.2}" cy="{:.2}" r="{:.2}" fill="none" stroke="#2e7d32" stroke-width=".5"{dash}/>"##,
                    p[0],
                    p[1],
                    0.5 * diameter
                );
            }
            // Beside the opening, on the side of the blank's middle.
            let (aside, anchor) = if 2.0 * p[0] < a[0] + b[0] { (1.0, "start") } else { (-1.0, "end") };
            let _ = write!(
                s,
                r##"<text x="{:.2}" y="{:.2}" text-anchor="{anchor}" dy="1" font-size="3" fill="#2e7d32">bore {}</text>"##,
                p[0] + aside * (0.5 * c.opening_mm + 1.0),
                p[1],
                k + 1
            );
        }
    }
    // The work zero and its axes.
    s += r##"<g stroke="#b3261e" stroke-width=".7" fill="#b3261e"><path d="M0 0H14M0 0V-14" fill="none"/><text x="15" y="1.4" stroke="none">X</text><text x="-1.4" y="-15" stroke="none">Y</text></g>"##;
    let size = [hi[0] - lo[0], hi[1] - lo[1], hi[2] - lo[2]];
    let _ = write!(
        s,
        r#"<text x="{:.1}" y="{:.1}">blank {:.1} x {:.1} x {:.1} mm; top face Z0; {} up</text></svg>"#,
        x0 + 3.0,
        y0 + h - 4.0,
        size[0],
        size[1],
        size[2],
        if setup.part_from_work.iso.rotation.transform_vector(&nalgebra::Vector3::z()).z < 0.0 {
            "bone side"
        } else {
            "outer side"
        }
    );
    s
}

//! A model of what a shop makes of the program: which share of many parts would be within tolerance.
//!
//! The simulation shows the program, not the metal. This draws parts from what makers and shops state of the things that
//! it cannot see (table `[inspect.capability]`). Radius, length, clamping and warmth take their slopes from the exact
//! answers of `sensitivity`; form, runout, bending and spindle growth from where on the tool each place is touched. It
//! is reported and decides nothing.

use crate::model::{Capability, ErrorSource, Job, Tool, ToolKind, WorstPlace};

use super::draws::{Distribution, Drawn, Error, draw, moments};
use super::floor::CapabilityToml;
use super::places::{Decided, Place};
use super::sensitivity::{Of, Slope, deciding_setups, deciding_tools};
use super::spread::Ranked;

/// Parts drawn: a share near one half is then known to ± 0.5 %.
const DRAWS: usize = 10_000;
/// Any number; the same parts are drawn each time.
const SEED: u64 = 20;

/// Where on a ball its form is drawn, degrees from the pole; linear between them, nought at the pole, where the length is set.
const FORM_AT_DEG: [f64; 3] = [30.0, 60.0, 90.0];

const IS_A_MODEL: &str = "A model and not a measurement: no metal was cut. Its shares are as good as the distributions below, \
                          which are makers' tolerances and the shop's choices, not observations of this machine";

/// An error with its name.
struct Named {
    error: Error,
    id: String,
    what: String,
    unit: &'static str,
    key: &'static str,
}

/// Draws parts; `None` where there is no place to look at.
pub fn capability(
    places: &[Place],
    slopes: &[Slope],
    job: &Job,
    tolerance_mm: f64,
    t: &CapabilityToml,
) -> Option<Capability> {
    if places.is_empty() {
        return None;
    }
    let named = errors(places, slopes, job, t);
    let words: Vec<String> = named.iter().map(|n| n.error.distribution.words(n.unit)).collect();
    let (labels, drawn): (Vec<_>, Vec<Error>) =
        named.into_iter().map(|n| ((n.id, n.what, n.key), n.error)).unzip();
    let nominal: Vec<f64> = places.iter().map(|p| p.deviation_mm).collect();
    let area: Vec<f64> = places.iter().map(|p| p.area_mm2).collect();
    let m = moments(&nominal, &area, &drawn);
    let parts = draw(&nominal, &area, &drawn, tolerance_mm, DRAWS, SEED);
    let share = |good: fn(&Drawn) -> bool| parts.iter().filter(|p| good(p)).count() as f64 / DRAWS as f64;
    let (whole, nearly) = (share(|p| p.beyond <= 0.0), share(|p| p.beyond <= 0.001));
    let error_of = |s: f64| (s * (1.0 - s) / DRAWS as f64).sqrt();
    let largest = Ranked::new(parts.iter().map(|p| (p.largest_mm, 1.0)).collect());
    Some(Capability {
        is_a_model: IS_A_MODEL.into(),
        model: assumptions(job),
        draws: DRAWS,
        places: places.len(),
        tolerance_mm,
        share_whole_within: whole,
        share_99_9_within: nearly,
        share_standard_error: error_of(whole).max(error_of(nearly)),
        largest_mm_p50: largest.at(0.5).unwrap_or(0.0),
        largest_mm_p95: largest.at(0.95).unwrap_or(0.0),
        worst_place: worst_place(places, &m.mean_mm, &m.variance_mm2, tolerance_mm),
        source: labels
            .into_iter()
            .zip(words)
            .zip(m.share)
            .map(|(((id, what, key), distribution), variance_share)| ErrorSource {
                id,
                what,
                distribution,
                key: format!("inspect.capability.{key}"),
                variance_share,
            })
            .collect(),
    })
}

fn worst_place(places: &[Place], mean: &[f64], variance: &[f64], tolerance_mm: f64) -> Option<WorstPlace> {
    let all = places.iter().zip(mean.iter().zip(variance)).filter(|(_, (_, v))| **v > 0.0);
    all.map(|(p, (&mean_mm, v))| {
        let sigma_mm = v.sqrt();
        let cpk_of_model = (tolerance_mm - mean_mm.abs()) / (3.0 * sigma_mm);
        WorstPlace { place_part_mm: p.p_mm, mean_mm, sigma_mm, cpk_of_model }
    })
    .min_by(|a, b| a.cpk_of_model.total_cmp(&b.cpk_of_model))
}

fn errors(places: &[Place], slopes: &[Slope], job: &Job, t: &CapabilityToml) -> Vec<Named> {
    let mut out: Vec<Named> = slopes.iter().map(|s| of_slope(s, t)).collect();
    let tools = deciding_tools(places, job);
    for tool in &tools {
        if tool.kind == ToolKind::Ball {
            out.extend((0..FORM_AT_DEG.len()).map(|at| form(places, tool, at, t)));
        }
    }
    out.extend(tools.iter().map(|tool| runout(places, tool, t)));
    // A drill is held by its own hole: the lips push against each other and not against the wall.
    let mills = tools.iter().filter(|tool| tool.kind != ToolKind::Drill);
    out.extend(mills.map(|tool| bending(places, tool, t)));
    out.extend(deciding_setups(places, job).iter().map(|p| growth(places, p.setup, t)));
    out
}

/// What was asked for exactly.
fn of_slope(s: &Slope, t: &CapabilityToml) -> Named {
    let letter = |axis: usize| ["x", "y", "z"][axis];
    let even = |half_width| Distribution::Even { half_width };
    let normal = |sigma| Distribution::Normal { sigma };
    let (id, what, unit, distribution, key) = match s.of {
        Of::Radius(n) => {
            let d = even(t.tool_radius_mm_half_width);
            (format!("radius-t{n}"), format!("radius of T{n}"), "mm", d, "tool_radius_mm_half_width")
        }
        Of::Length(n) => {
            let d = normal(t.tool_length_mm_sigma);
            (format!("length-t{n}"), format!("length of T{n} as set"), "mm", d, "tool_length_mm_sigma")
        }
        Of::Shift(op, axis) => {
            let (d, l) = (normal(t.flip_shift_mm_sigma), letter(axis));
            (
                format!("shift-op{op}-{l}"),
                format!("place of op{op} along {l}"),
                "mm",
                d,
                "flip_shift_mm_sigma",
            )
        }
        Of::Turn(op, axis) => {
            let (d, l) = (normal(t.flip_turn_deg_sigma), letter(axis));
            (format!("turn-op{op}-{l}"), format!("turn of op{op} about {l}"), "deg", d, "flip_turn_deg_sigma")
        }
        Of::Warmth => {
            let d = even(t.part_temperature_k_half_width);
            ("warmth".into(), "part off 20 °C while milled".into(), "K", d, "part_temperature_k_half_width")
        }
    };
    Named { error: Error::new(distribution, &s.up, &s.down), id, what, unit, key }
}

/// Where one tool's ball is larger about one angle from its pole.
fn form(places: &[Place], tool: &Tool, at: usize, t: &CapabilityToml) -> Named {
    let slope = |d: &Decided| {
        let from_pole_deg = d.cos_from_pole.acos().to_degrees();
        -(1.0 - (from_pole_deg - FORM_AT_DEG[at]).abs() / 30.0).max(0.0)
    };
    let (n, deg) = (tool.number, FORM_AT_DEG[at]);
    Named {
        error: touched_by_tool(
            places,
            n,
            Distribution::Even { half_width: t.ball_form_mm_half_width },
            slope,
        ),
        id: format!("form-t{n}-{deg}"),
        what: format!("form of T{n}'s ball, {deg}° from its pole"),
        unit: "mm",
        key: "ball_form_mm_half_width",
    }
}

/// A tool that runs out cuts wider by half of what the indicator shows.
fn runout(places: &[Place], tool: &Tool, t: &CapabilityToml) -> Named {
    let n = tool.number;
    let distribution = Distribution::Between { least: t.runout_tir_mm_min, most: t.runout_tir_mm_max };
    Named {
        error: touched_by_tool(places, n, distribution, |d| -0.5 * sin_from_pole(d)),
        id: format!("runout-t{n}"),
        what: format!("total indicated runout of T{n}"),
        unit: "mm",
        key: "runout_tir_mm_min and runout_tir_mm_max",
    }
}

/// A tool pushed off the surface bends as a clamped rod: of the force only what is square to the tool bends it, and of that way
/// only what is square to the surface leaves material on.
fn bending(places: &[Place], tool: &Tool, t: &CapabilityToml) -> Named {
    let n = tool.number;
    let mm_per_n = rod_mm_per_n(tool, t);
    let distribution = Distribution::Between { least: 0.0, most: t.finishing_force_n_max };
    Named {
        error: touched_by_tool(places, n, distribution, |d| mm_per_n * sin_from_pole(d).powi(2)),
        id: format!("bending-t{n}"),
        what: format!("bending of T{n}, {:.2} µm per N", mm_per_n * 1e3),
        unit: "N",
        key: "finishing_force_n_max",
    }
}

/// F·l³ / (3·E·I) with I = π·d⁴/64.
pub fn rod_mm_per_n(tool: &Tool, t: &CapabilityToml) -> f64 {
    let d = tool.diameter_mm * t.tool_core_over_diameter;
    let i = std::f64::consts::PI * d.powi(4) / 64.0;
    // 1 GPa is 1,000 N/mm².
    tool.stick_out_mm.powi(3) / (3.0 * t.tool_modulus_gpa * 1e3 * i)
}

/// A longer spindle brings every tip of a setup down.
fn growth(places: &[Place], setup: u32, t: &CapabilityToml) -> Named {
    let distribution = Distribution::Even { half_width: t.spindle_growth_mm_half_width };
    let slope = |d: &Decided| if d.setup == setup { -d.cos_from_pole } else { 0.0 };
    Named {
        error: touched(places, distribution, slope),
        id: format!("growth-op{setup}"),
        what: format!("growth of the spindle, op{setup}"),
        unit: "mm",
        key: "spindle_growth_mm_half_width",
    }
}

fn sin_from_pole(d: &Decided) -> f64 {
    (1.0 - d.cos_from_pole * d.cos_from_pole).max(0.0).sqrt()
}

fn touched_by_tool(
    places: &[Place],
    tool: u32,
    distribution: Distribution,
    slope: impl Fn(&Decided) -> f64,
) -> Error {
    touched(places, distribution, |d| if d.tool == tool { slope(d) } else { 0.0 })
}

fn touched(places: &[Place], distribution: Distribution, slope: impl Fn(&Decided) -> f64) -> Error {
    let up: Vec<f64> = places.iter().map(|p| p.decided.as_ref().map_or(0.0, &slope)).collect();
    let down: Vec<f64> = up.iter().map(|u| -u).collect();
    Error::new(distribution, &up, &down)
}

fn assumptions(job: &Job) -> Vec<String> {
    let mut out: Vec<String> = [
        "each part is drawn anew: tools, clamping and temperature of one part say nothing of the next, and all sources are \
         independent",
        "the deviation of a place is linear in each error, with one slope for positive and one for negative amounts, taken at \
         ±10 µm, ±0.01° and 5 K; which cutter decides a place is not asked again for each part",
        "a tool's length is set at its tip, so an error of its radius is nought on floors and whole on walls",
        "a ball's form is drawn at 30, 60 and 90° from its pole and linear between them",
        "runout widens the cut by half of what the indicator shows and takes away from walls only",
        "a finishing tool, drills apart, bends as a clamped rod of its whole stick-out under one force per tool and part, square to the surface",
        "a part is measured at 20 °C and shrinks evenly about the work zero of each setup",
        "tab witnesses are left out, and only places of the design are looked at, evenly by area, with the extremes of each tool",
        "not in the model: bending of the part and its clamping, residual stress, chatter, wear and built-up edges, burrs, \
         errors of the machine's axes and of its rotary axes, local heat of the cut",
    ]
    .map(Into::into)
    .to_vec();
    if job.expansion_um_per_m_k.is_none() {
        out.push(
            "job.toml does not say how the material expands, so warmth of the part is not in the model"
                .into(),
        );
    }
    out
}

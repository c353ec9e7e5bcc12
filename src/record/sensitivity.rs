//! What a small error on the machine does, as lines of a table: both directions of an error stand in one.

use serde::Serialize;

use crate::model::{Capability, InspectionFacts, Sensitivity};

/// Table and model as the template reads them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Off {
    tolerance_um: String,
    places: usize,
    rows: Vec<Row>,
    capability: Option<Shares>,
}

/// One error, upwards and, where that was asked for, downwards.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Row {
    what: String,
    amount: String,
    cells: Vec<Cell>,
}

/// The part with the error, µm.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Cell {
    /// Deepest, 0.1st, 50th and 99.9th percentile, most.
    spread: String,
    /// Least and greatest change of a place.
    change: String,
    within: String,
    /// Some of it leaves the tolerance.
    beyond: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Shares {
    line: String,
    is_a_model: String,
    model: Vec<String>,
    sources: Vec<[String; 4]>,
}

/// What the report says; nothing where nothing was milled.
pub(super) fn off(facts: &InspectionFacts) -> Option<Off> {
    let first = facts.sensitivity.first()?;
    let mut rows: Vec<(String, Row)> = Vec::new();
    for s in &facts.sensitivity {
        // `radius-t3+` and `radius-t3-` are one line.
        let line = s.id.trim_end_matches(['+', '-']).to_owned();
        match rows.last_mut() {
            Some((l, row)) if *l == line => {
                row.amount = format!("± {} {}", amount(s), unit(s));
                row.cells.push(cell(s));
            }
            _ => {
                let by = if s.amount == 0.0 { String::new() } else { format!("+{} {}", amount(s), unit(s)) };
                rows.push((line, Row { what: s.what.clone(), amount: by, cells: vec![cell(s)] }));
            }
        }
    }
    Some(Off {
        tolerance_um: format!("{:.1}", facts.surface.tolerance_mm * 1e3),
        places: first.places,
        rows: rows.into_iter().map(|r| r.1).collect(),
        capability: facts.capability.as_ref().map(shares),
    })
}

fn amount(s: &Sensitivity) -> f64 {
    let size = s.amount.abs();
    if s.unit == "mm" { size * 1e3 } else { size }
}

fn unit(s: &Sensitivity) -> &str {
    match s.unit.as_str() {
        "mm" => "µm",
        "deg" => "°",
        other => other,
    }
}

fn um(mm: f64) -> String {
    // Rounded first, so that no zero carries a sign.
    format!("{:.1}", (mm * 1e4).round() / 10.0 + 0.0)
}

fn cell(s: &Sensitivity) -> Cell {
    let d = &s.deviation_mm;
    let spread: Vec<String> = [d.min, d.p0_1, d.p50, d.p99_9, d.max].map(um).to_vec();
    Cell {
        spread: spread.join(" / "),
        change: format!("{} … {}", um(s.change_mm.min), um(s.change_mm.max)),
        // Cut off and not rounded: what is not whole must not read as whole.
        within: format!("{:.2}", (s.fraction_within_tolerance * 1e4 + 1e-9).floor() / 100.0),
        beyond: s.fraction_within_tolerance < 1.0,
    }
}

/// The model in few words.
pub(super) fn short(c: &Capability) -> String {
    format!(
        "Model, not a measurement: {:.1} % of {} drawn parts lie within ±{:.1} µm everywhere, {:.1} % on 99.9 % of the surface",
        c.share_whole_within * 100.0,
        c.draws,
        c.tolerance_mm * 1e3,
        c.share_99_9_within * 100.0,
    )
}

/// The model in one sentence.
fn line(c: &Capability) -> String {
    let cpk = c.worst_place.as_ref().map_or_else(String::new, |w| {
        let [x, y, z] = w.place_part_mm;
        format!(
            "; the place with the least room (part {x:.1}, {y:.1}, {z:.1} mm) has a Cpk of {:.2} in the model",
            w.cpk_of_model
        )
    });
    format!(
        "Of {} drawn parts {:.1} % have the whole finished surface within ±{:.1} µm and {:.1} % have 99.9 % of it (standard \
         error {:.1} %); the largest deviation of a part is {:.1} µm at the median and {:.1} µm at the 95th percentile{cpk}.",
        c.draws,
        c.share_whole_within * 100.0,
        c.tolerance_mm * 1e3,
        c.share_99_9_within * 100.0,
        c.share_standard_error * 100.0,
        c.largest_mm_p50 * 1e3,
        c.largest_mm_p95 * 1e3,
    )
}

fn shares(c: &Capability) -> Shares {
    let mut by_share: Vec<_> = c.source.iter().collect();
    by_share.sort_by(|a, b| b.variance_share.total_cmp(&a.variance_share));
    Shares {
        line: line(c),
        is_a_model: c.is_a_model.clone(),
        model: c.model.clone(),
        sources: by_share
            .into_iter()
            .map(|s| {
                let share = format!("{:.1}", s.variance_share * 100.0);
                [s.what.clone(), s.distribution.clone(), share, s.key.clone()]
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DeviationSpread, ErrorSource, Verdict, WorstPlace};

    fn row(id: &str, amount: f64, unit: &str, share: f64) -> Sensitivity {
        let deviation_mm = DeviationSpread { min: -0.012, p50: -0.00001, max: 0.0261, ..Default::default() };
        Sensitivity {
            id: id.into(),
            what: "T1".into(),
            amount,
            unit: unit.into(),
            deviation_mm,
            fraction_within_tolerance: share,
            places: 9,
            ..Default::default()
        }
    }

    fn facts() -> InspectionFacts {
        let surface = serde_json::json!({
            "deviation_mm": DeviationSpread::default(), "fraction_within_tolerance": 1.0, "tolerance_mm": 0.0254,
            "samples": 1, "excluded_mm2": 0.0, "between_samples_mm": 0.0, "worst": [],
        });
        InspectionFacts {
            schema: "osteomill.inspection/1".into(),
            verdict: Verdict::Accept,
            reasons: Vec::new(),
            surface: serde_json::from_value(surface).unwrap(),
            sensitivity: vec![
                row("nominal", 0.0, "mm", 1.0),
                row("length-t1+", 0.01, "mm", 0.999_999),
                row("length-t1-", -0.01, "mm", 1.0),
                row("warm+", 5.0, "K", 1.0),
            ],
            capability: None,
            fit: None,
            characteristics: Vec::new(),
            findings: Vec::new(),
            statement: String::new(),
        }
    }

    #[test]
    fn both_directions_stand_in_one_line_and_what_is_not_whole_does_not_read_as_whole() {
        let off = off(&facts()).unwrap();
        let amounts: Vec<(&str, usize)> =
            off.rows.iter().map(|r| (r.amount.as_str(), r.cells.len())).collect();
        assert_eq!(amounts, [("", 1), ("± 10 µm", 2), ("+5 K", 1)]);
        assert_eq!((off.rows[1].cells[0].within.as_str(), off.rows[1].cells[0].beyond), ("99.99", true));
        assert_eq!((off.rows[1].cells[1].within.as_str(), off.rows[1].cells[1].beyond), ("100.00", false));
        assert_eq!(off.rows[0].cells[0].spread, "-12.0 / 0.0 / 0.0 / 0.0 / 26.1");
    }

    #[test]
    fn the_model_says_that_it_is_one_and_its_largest_source_stands_first() {
        let source = |id: &str, variance_share| ErrorSource {
            id: id.into(),
            what: id.into(),
            distribution: "even".into(),
            key: "k".into(),
            variance_share,
        };
        let mut f = facts();
        f.capability = Some(Capability {
            is_a_model: "A model and not a measurement".into(),
            model: vec!["not in the model: wear".into()],
            draws: 10_000,
            places: 9,
            tolerance_mm: 0.0254,
            share_whole_within: 0.125,
            share_99_9_within: 0.5,
            share_standard_error: 0.005,
            largest_mm_p50: 0.0301,
            largest_mm_p95: 0.05,
            worst_place: Some(WorstPlace {
                place_part_mm: [1.0, 2.0, 3.0],
                mean_mm: 0.0,
                sigma_mm: 0.01,
                cpk_of_model: 0.85,
            }),
            source: vec![source("small", 0.1), source("large", 0.9)],
        });
        let shown = off(&f).unwrap().capability.unwrap();
        assert!(shown.line.contains("10000 drawn parts 12.5 % have the whole"), "{}", shown.line);
        assert!(shown.line.contains("Cpk of 0.85 in the model"), "{}", shown.line);
        assert_eq!(shown.sources[0][0], "large");
        let pages = super::super::html::pages();
        let page = pages.get_template("sensitivity.html").unwrap();
        let html = page.render(minijinja::value::Serde(serde_json::json!({ "o": off(&f) }))).unwrap();
        assert!(html.contains("A model and not a measurement") && html.contains("± 10 µm"), "{html}");
    }
}

//! Means per class, and the tables as Markdown.

use std::fmt::Write;

use super::{Report, Row, Summary};

const CLASSES: [(&str, f64, f64); 4] =
    [("le30", 0.1, 30.0), ("30to80", 30.001, 80.0), ("80to150", 80.001, 150.0), ("all", 0.1, 150.0)];
const METHODS: [&str; 5] = ["osteomill", "mirror", "thin_plate", "constant_thickness", "oracle"];

/// Published figures beside ours: name, set, Dice, border Dice, HD95 in mm. Sources in `docs/bench.md`.
const PUBLISHED: [(&str, &str, &str, &str, &str); 6] = [
    ("PCDiff, 5 runs (Friedrich 2023)", "SkullBreak", "0.87", "0.89", "2.45"),
    ("3D U-Net (as re-trained by Friedrich 2023)", "SkullBreak", "0.87", "0.91", "2.32"),
    ("symmetry enforcement (Wodzinski 2024)", "SkullBreak + SkullFix", "0.94", "0.94", "1.31"),
    ("PCDiff, 5 runs (Friedrich 2023)", "SkullFix", "0.90", "0.93", "1.69"),
    ("3D U-Net (as re-trained by Friedrich 2023)", "SkullFix", "0.91", "0.95", "1.79"),
    ("Kodym 2020, cascaded CNN: mean surface error 0.59 mm", "SkullBreak-like", "", "", ""),
];

/// Means of every class, site and method that has rows; real skulls and phantoms apart.
pub fn summary(rows: &[Row]) -> Vec<Summary> {
    let mut out = Vec::new();
    for (skulls, phantom) in [("real", false), ("phantom", true)] {
        let cuts: Vec<&Row> = rows.iter().filter(|r| r.phantom == phantom && r.site != "intact").collect();
        let mut sites: Vec<&str> = vec!["all"];
        for r in &cuts {
            if !sites.contains(&r.site.as_str()) {
                sites.push(&r.site);
            }
        }
        for site in sites {
            for (class, above, to) in CLASSES {
                for method in METHODS {
                    let of: Vec<&Row> = cuts
                        .iter()
                        .copied()
                        .filter(|r| r.method == method && (site == "all" || r.site == site))
                        .filter(|r| r.area_cm2 >= above && r.area_cm2 <= to)
                        .collect();
                    if !of.is_empty() {
                        out.push(mean(skulls, site, class, method, &of));
                    }
                }
            }
        }
    }
    out
}

fn mean(skulls: &str, site: &str, class: &str, method: &str, rows: &[&Row]) -> Summary {
    let of = |value: fn(&Row) -> Option<f64>| {
        let mut v: Vec<f64> = rows.iter().filter_map(|r| value(r)).filter(|v| v.is_finite()).collect();
        v.sort_by(f64::total_cmp);
        v
    };
    let average = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let median = |v: &[f64]| super::score::percentile(v, 50.0);
    let some = |v: f64| v.is_finite().then_some(v);
    let dice = of(|r| Some(r.dice));
    let hd95 = of(|r| r.hd95_mm);
    Summary {
        skulls: skulls.into(),
        site: site.into(),
        class: class.into(),
        method: method.into(),
        n: rows.len(),
        found: rows.iter().filter(|r| r.found).count(),
        dice: average(&dice),
        dice_p50: median(&dice),
        dice_worst: dice.first().copied().unwrap_or(f64::NAN),
        bdice: average(&of(|r| Some(r.bdice))),
        hd95_mm: some(average(&hd95)),
        hd95_mm_p50: some(median(&hd95)),
        hd95_mm_worst: hd95.last().copied(),
        outer_mean_mm: some(average(&of(|r| r.outer_mean_mm))),
        inner_mean_mm: some(average(&of(|r| r.inner_mean_mm))),
        rim_step_mean_mm: some(average(&of(|r| r.rim_step_mean_mm))),
        rim_step_p95_mm: some(average(&of(|r| r.rim_step_p95_mm))),
        rim_normal_p95_deg: some(average(&of(|r| r.rim_normal_p95_deg))),
        interval90_share: some(average(&of(|r| r.interval90_share))),
        seconds: average(&of(|r| Some(r.seconds))),
    }
}

/// The report as Markdown.
pub fn markdown(report: &Report) -> String {
    let mut out = String::new();
    let skulls: std::collections::BTreeSet<&str> = report.rows.iter().map(|r| r.skull.as_str()).collect();
    let _ = writeln!(out, "# osteomill bench {}, seed {}\n", report.benchmark, report.seed);
    let _ = writeln!(out, "{} skulls, {} cuts that cannot be made.", skulls.len(), report.skipped.len());
    for (title, skulls) in [("Real skulls", "real"), ("Phantoms", "phantom")] {
        if !report.summary.iter().any(|s| s.skulls == skulls) {
            continue;
        }
        let _ = writeln!(out, "\n## {title}\n");
        table(&mut out, report.summary.iter().filter(|s| s.skulls == skulls && s.site == "all"));
        let _ = writeln!(out, "\n### By site, osteomill\n");
        table(
            &mut out,
            report
                .summary
                .iter()
                .filter(|s| s.skulls == skulls && s.site != "all" && s.method == "osteomill"),
        );
    }
    let intact: Vec<&Row> = report.rows.iter().filter(|r| r.site == "intact").collect();
    if !intact.is_empty() {
        let _ = writeln!(out, "\n## Nothing cut\n\n| skull | defects found |\n|---|---|");
        for r in intact {
            let _ = writeln!(out, "| {} | {} |", r.skull, r.false_defects);
        }
    }
    if !report.skipped.is_empty() {
        let _ = writeln!(
            out,
            "\n## Cuts that cannot be\n\n| skull | site | areas and walls | why |\n|---|---|---|---|"
        );
        let mut lines: std::collections::BTreeMap<(&str, &str, &str), Vec<String>> = Default::default();
        for s in &report.skipped {
            lines
                .entry((&s.skull, &s.site, &s.reason))
                .or_default()
                .push(format!("{} {}", s.area_cm2, s.wall));
        }
        for ((skull, site, why), mut which) in lines {
            which.sort();
            let _ = writeln!(out, "| {skull} | {site} | {} | {why} |", which.join(", "));
        }
    }
    let _ = writeln!(
        out,
        "\n## Published\n\n| method | set | Dice | border Dice | HD95 mm |\n|---|---|---|---|---|"
    );
    for (name, set, dice, bdice, hd95) in PUBLISHED {
        let _ = writeln!(out, "| {name} | {set} | {dice} | {bdice} | {hd95} |");
    }
    out
}

/// Not a number where there is none, as it is then printed.
fn shown(value: Option<f64>) -> f64 {
    value.unwrap_or(f64::NAN)
}

fn table<'a>(out: &mut String, rows: impl Iterator<Item = &'a Summary>) {
    let _ = writeln!(
        out,
        "| site | cm2 | method | n | found | Dice mean / median / worst | border Dice | HD95 mm mean / median / worst | \
         outer mm | inner mm | rim step mm mean / P95 | normal deg P95 | in 90 % | s |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    );
    for s in rows {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {:.3} / {:.3} / {:.3} | {:.3} | {:.2} / {:.2} / {:.2} | {:.2} | {:.2} | \
             {:.2} / {:.2} | {:.1} | {:.2} | {:.1} |",
            s.site,
            s.class,
            s.method,
            s.n,
            s.found,
            s.dice,
            s.dice_p50,
            s.dice_worst,
            s.bdice,
            shown(s.hd95_mm),
            shown(s.hd95_mm_p50),
            shown(s.hd95_mm_worst),
            shown(s.outer_mean_mm),
            shown(s.inner_mean_mm),
            shown(s.rim_step_mean_mm),
            shown(s.rim_step_p95_mm),
            shown(s.rim_normal_p95_deg),
            shown(s.interval90_share),
            s.seconds
        );
    }
}

//! What the part takes: blank, time of every operation, wear of tools, and the same of the nest it lies on; and what that
//! costs where the shop says.

use serde::Serialize;

use crate::model::{MillingFacts, NestFacts, Plan, Prices};

use super::operations::{duration, tool_text};

/// The table as the template reads it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Quotation {
    pub currency: String,
    pub rows: Vec<Row>,
    /// Sum of what is priced.
    pub sum: Option<String>,
    /// Keys of `shop/prices.toml` that would price the rest.
    pub unpriced: Vec<String>,
}

/// One line: an amount, and its cost where it has a price.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Row {
    pub what: String,
    pub amount: String,
    pub cost: Option<String>,
    /// Part of a sum further down, itself not added.
    pub detail: bool,
}

/// The quotation of one part; times are the judge's and missing where nothing was milled.
pub(super) fn quotation(
    plan: &Plan,
    milling: Option<&MillingFacts>,
    nest: Option<&NestFacts>,
    prices: &Prices,
) -> Quotation {
    let mut q = Table { rows: Vec::new(), sum: 0.0, priced: false, unpriced: Vec::new() };
    q.blank("blank", plan, prices);
    if let Some(nest) = &plan.nest {
        q.blank("block of the nest, from", &nest.plan, prices);
    }
    let setups = plan.setups.len() + plan.nest.as_ref().map_or(0, |n| n.plan.setups.len());
    q.line("setups".into(), format!("{setups}"), prices.setup_each.map(|p| p * setups as f64), "setup_each");
    if let Some(m) = milling {
        q.times(plan, m, prices);
    }
    if let Some(n) = nest {
        let cost = prices.machine_per_hour.map(|p| p * n.time_s / 3600.0);
        q.line(format!("machine, nest of op{}", n.carries), duration(n.time_s), cost, "machine_per_hour");
    }
    Quotation {
        currency: prices.currency.clone().unwrap_or_default(),
        sum: q.priced.then(|| format!("{:.2}", q.sum)),
        rows: q.rows,
        unpriced: q.unpriced,
    }
}

struct Table {
    rows: Vec<Row>,
    sum: f64,
    priced: bool,
    unpriced: Vec<String>,
}

impl Table {
    fn blank(&mut self, what: &str, plan: &Plan, prices: &Prices) {
        let [l, w, t] = plan.blank.size_mm;
        // g/cm³ is 1e-6 kg/mm³.
        let mass_kg = l * w * t * plan.material.density_g_per_cm3 * 1e-6;
        let each = prices.stock_each.get(&plan.blank.name).copied();
        let per_kg = prices.stock_per_kg.get(&plan.material_key).map(|p| p * mass_kg);
        self.line(
            format!("{what} {}", plan.blank.name),
            format!("{l} × {w} × {t} mm, {}, {mass_kg:.3} kg", plan.material.name),
            each.or(per_kg),
            &format!("stock_per_kg.{} or stock_each.\"{}\"", plan.material_key, plan.blank.name),
        );
    }

    fn line(&mut self, what: String, amount: String, cost: Option<f64>, key: &str) {
        match cost {
            Some(c) => (self.sum, self.priced) = (self.sum + c, true),
            None if self.unpriced.iter().any(|k| k == key) => (),
            None => self.unpriced.push(key.to_owned()),
        }
        self.rows.push(Row { what, amount, cost: cost.map(|c| format!("{c:.2}")), detail: false });
    }

    fn detail(&mut self, what: String, amount: String) {
        self.rows.push(Row { what, amount, cost: None, detail: true });
    }

    fn times(&mut self, plan: &Plan, m: &MillingFacts, prices: &Prices) {
        for op in &m.operations {
            let name = if op.name.is_empty() { "operation without a heading" } else { &op.name };
            self.detail(format!("{} {name}, T{}", op.program, op.tool), duration(op.time_s));
        }
        // Dwells, and corners that the control rounds between two operations.
        let rest_s = m.time_s - m.operations.iter().map(|o| o.time_s).sum::<f64>();
        if rest_s >= 0.5 {
            self.detail("dwells".into(), duration(rest_s));
        }
        self.line(
            "machine, every program".into(),
            duration(m.time_s),
            prices.machine_per_hour.map(|p| p * m.time_s / 3600.0),
            "machine_per_hour",
        );
        for &number in &m.tools_used {
            let at_feed_s: f64 =
                m.operations.iter().filter(|o| o.tool == number).map(|o| o.time_s_at_feed).sum();
            let tool = plan.tools.values().find(|t| t.number == number);
            let price = prices.tool.get(&number.to_string());
            let share = price.and_then(|p| p.life_min).map(|life| at_feed_s / 60.0 / life);
            let life = share.map_or_else(String::new, |s| format!(", {:.1} % of its life", s * 100.0));
            let cost = share.zip(price.and_then(|p| p.price_each)).map(|(s, each)| s * each);
            self.line(
                tool.map_or_else(|| format!("T{number}"), tool_text),
                format!("{} at feed{life}", duration(at_feed_s)),
                cost,
                &format!("tool.{number}.price_each and tool.{number}.life_min"),
            );
        }
    }
}

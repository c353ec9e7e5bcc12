//! Reads and checks the shop's four files; carries the shipped ones inside the binary.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::model::{Blank, Cutting, MachineTool, Material, Prices, Shop, Tool, ToolKind};

use super::PlanError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolFile {
    tool: Vec<Tool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StockFile {
    blank: Vec<Blank>,
}

/// The shop from the texts of `machines.toml`, `tools.toml`, `materials.toml` and `stock.toml`.
///
/// # Errors
/// [`PlanError::ShopFile`] when a text does not parse or lacks a key; [`PlanError::ShopValue`] when a number cannot be:
/// not finite, not positive, a ball whose corner radius is not half its diameter, flutes longer than the stick-out, two
/// tools of one number, a blank of a material that is not there.
pub fn read_shop(machines: &str, tools: &str, materials: &str, stock: &str) -> Result<Shop, PlanError> {
    let machines: BTreeMap<String, MachineTool> = parse("machines.toml", machines)?;
    let tools: Vec<Tool> = parse::<ToolFile>("tools.toml", tools)?.tool;
    let materials: BTreeMap<String, Material> = parse("materials.toml", materials)?;
    let stock: Vec<Blank> = parse::<StockFile>("stock.toml", stock)?.blank;
    machines.iter().try_for_each(|(key, m)| check_machine(key, m))?;
    tools.iter().try_for_each(check_tool)?;
    let mut numbers: Vec<u32> = tools.iter().map(|t| t.number).collect();
    numbers.sort_unstable();
    if let Some(twice) = numbers.windows(2).find(|w| w[0] == w[1]) {
        return Err(value("tools.toml", format!("number {}", twice[0]), "there twice", "each T number once"));
    }
    materials.iter().try_for_each(|(key, m)| check_material(key, m))?;
    for b in &stock {
        if !materials.contains_key(&b.material) {
            let known = materials.keys().cloned().collect::<Vec<_>>().join(", ");
            return Err(value(
                "stock.toml",
                format!("{}: material", b.name),
                &b.material,
                &format!("one of {known}"),
            ));
        }
        for s in b.size_mm {
            positive("stock.toml", format!("{}: size_mm", b.name), s)?;
        }
    }
    Ok(Shop { machines, tools, materials, stock })
}

/// The prices from the text of `prices.toml`; an empty text has none.
///
/// # Errors
/// [`PlanError::ShopFile`] when it does not parse; [`PlanError::ShopValue`] for a price that is negative or not finite and a
/// tool life that is not positive.
pub fn read_prices(text: &str) -> Result<Prices, PlanError> {
    const FILE: &str = "prices.toml";
    let prices: Prices = parse(FILE, text)?;
    let mut named: Vec<(String, f64)> = Vec::new();
    named.extend(prices.machine_per_hour.map(|p| ("machine_per_hour".into(), p)));
    named.extend(prices.setup_each.map(|p| ("setup_each".into(), p)));
    named.extend(prices.stock_per_kg.iter().map(|(k, &p)| (format!("stock_per_kg.{k}"), p)));
    named.extend(prices.stock_each.iter().map(|(k, &p)| (format!("stock_each.{k}"), p)));
    for (number, t) in &prices.tool {
        named.extend(t.price_each.map(|p| (format!("tool.{number}.price_each"), p)));
        if let Some(life) = t.life_min {
            positive(FILE, format!("tool.{number}.life_min"), life)?;
        }
    }
    match named.into_iter().find(|(_, p)| !(p.is_finite() && *p >= 0.0)) {
        Some((key, p)) => Err(value(FILE, key, &p.to_string(), "zero or a positive number")),
        None => Ok(prices),
    }
}

/// The shop from the four files in `folder`.
///
/// # Errors
/// As [`read_shop`], and [`PlanError::ShopFile`] when a file cannot be read.
pub fn read_shop_folder(folder: &Path) -> Result<Shop, PlanError> {
    let text = |file: &str| {
        std::fs::read_to_string(folder.join(file))
            .map_err(|e| PlanError::ShopFile { file: file.into(), message: e.to_string() })
    };
    read_shop(&text("machines.toml")?, &text("tools.toml")?, &text("materials.toml")?, &text("stock.toml")?)
}

/// The shop as shipped in `pipelines/shop/`, from inside the binary.
///
/// # Errors
/// As [`read_shop`]; a test keeps the shipped files readable.
pub fn shipped_shop() -> Result<Shop, PlanError> {
    read_shop(
        include_str!("../../pipelines/shop/machines.toml"),
        include_str!("../../pipelines/shop/tools.toml"),
        include_str!("../../pipelines/shop/materials.toml"),
        include_str!("../../pipelines/shop/stock.toml"),
    )
}

fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, PlanError> {
    toml::from_str(text).map_err(|e| PlanError::ShopFile {
        file: file.into(),
        message: e.to_string().trim().replace('\n', " "),
    })
}

fn value(file: &'static str, place: String, found: &str, expected: &str) -> PlanError {
    PlanError::ShopValue { file, place, found: found.into(), expected: expected.into() }
}

fn positive(file: &'static str, place: String, v: f64) -> Result<(), PlanError> {
    if v.is_finite() && v > 0.0 {
        Ok(())
    } else {
        Err(value(file, place, &v.to_string(), "a positive number"))
    }
}

fn check_machine(key: &str, m: &MachineTool) -> Result<(), PlanError> {
    const FILE: &str = "machines.toml";
    for a in 0..3 {
        let (lo, hi) = (m.travel_min_mm[a], m.travel_max_mm[a]);
        if !(lo.is_finite() && hi.is_finite() && lo < hi) {
            return Err(value(
                FILE,
                format!("{key}: travel of axis {a}"),
                &format!("{lo} to {hi}"),
                "lowest below highest",
            ));
        }
        positive(FILE, format!("{key}: rapid_mm_per_min"), m.rapid_mm_per_min[a])?;
        positive(FILE, format!("{key}: acceleration_mm_per_s2"), m.acceleration_mm_per_s2[a])?;
        positive(FILE, format!("{key}: jerk_mm_per_s3"), m.jerk_mm_per_s3[a])?;
    }
    positive(FILE, format!("{key}: feed_mm_per_min_max"), m.feed_mm_per_min_max)?;
    positive(FILE, format!("{key}: spindle_rpm_min"), m.spindle_rpm_min)?;
    positive(FILE, format!("{key}: tool_change_s"), m.tool_change_s)?;
    if !(m.spindle_rpm_max.is_finite() && m.spindle_rpm_max > m.spindle_rpm_min) {
        let expected = format!("above spindle_rpm_min {}", m.spindle_rpm_min);
        return Err(value(
            FILE,
            format!("{key}: spindle_rpm_max"),
            &m.spindle_rpm_max.to_string(),
            &expected,
        ));
    }
    check_rotary(key, m)
}

/// Letters differ, directions are unit vectors, zero lies within the travel.
fn check_rotary(key: &str, m: &MachineTool) -> Result<(), PlanError> {
    const FILE: &str = "machines.toml";
    for (k, axis) in m.rotary.iter().enumerate() {
        let place = |what: &str| format!("{key}: rotary {:?}: {what}", axis.letter);
        if m.rotary[..k].iter().any(|a| a.letter == axis.letter) {
            return Err(value(FILE, place("letter"), "given twice", "another letter"));
        }
        let length = axis.direction.iter().map(|d| d * d).sum::<f64>().sqrt();
        // Half a millionth: directions are typed with six digits or are whole.
        if !((length - 1.0).abs() <= 5e-7) {
            let found = format!("{:?}, length {length}", axis.direction);
            return Err(value(FILE, place("direction"), &found, "a unit vector"));
        }
        if axis.pivot_mm.iter().any(|p| !p.is_finite()) {
            return Err(value(FILE, place("pivot_mm"), &format!("{:?}", axis.pivot_mm), "finite"));
        }
        let (lo, hi) = (axis.min_deg, axis.max_deg);
        if !(lo.is_finite() && hi.is_finite() && lo <= 0.0 && hi >= 0.0 && lo < hi) {
            let found = format!("{lo} to {hi}");
            return Err(value(FILE, place("min_deg, max_deg"), &found, "a range that holds zero"));
        }
        positive(FILE, place("rapid_deg_per_min"), axis.rapid_deg_per_min)?;
    }
    Ok(())
}

fn check_tool(t: &Tool) -> Result<(), PlanError> {
    const FILE: &str = "tools.toml";
    let place = |key: &str| format!("T{}: {key}", t.number);
    for (key, v) in [
        ("diameter_mm", t.diameter_mm),
        ("flute_length_mm", t.flute_length_mm),
        ("shank_diameter_mm", t.shank_diameter_mm),
        ("stick_out_mm", t.stick_out_mm),
        ("holder_diameter_mm", t.holder_diameter_mm),
        ("holder_length_mm", t.holder_length_mm),
    ] {
        positive(FILE, place(key), v)?;
    }
    // A touch probe has none.
    let flutes = t.flutes > 0 || t.kind == ToolKind::Probe;
    if t.number == 0 || !flutes {
        return Err(value(
            FILE,
            place("number, flutes"),
            &format!("{}, {}", t.number, t.flutes),
            "1 or more",
        ));
    }
    let r = t.corner_radius_mm;
    let corner_is_right = match t.kind {
        ToolKind::Ball | ToolKind::Probe => (r - t.radius_mm()).abs() <= 1e-9,
        ToolKind::Bull => r > 0.0 && r < t.radius_mm(),
        ToolKind::Flat | ToolKind::Drill | ToolKind::Chamfer => r == 0.0,
    };
    if !corner_is_right {
        let expected =
            "0 for flat, drill and chamfer, half the diameter for ball and probe, between them for bull";
        return Err(value(FILE, place("corner_radius_mm"), &r.to_string(), expected));
    }
    let pointed = matches!(t.kind, ToolKind::Drill | ToolKind::Chamfer);
    if pointed && !(t.point_angle_deg > 30.0 && t.point_angle_deg < 180.0) {
        let expected = "between 30 and 180 for drills and chamfer mills";
        return Err(value(FILE, place("point_angle_deg"), &t.point_angle_deg.to_string(), expected));
    }
    if t.flute_length_mm > t.stick_out_mm {
        let found = format!("{} above stick_out_mm {}", t.flute_length_mm, t.stick_out_mm);
        return Err(value(FILE, place("flute_length_mm"), &found, "flutes end below the holder"));
    }
    Ok(())
}

fn check_material(key: &str, m: &Material) -> Result<(), PlanError> {
    const FILE: &str = "materials.toml";
    positive(FILE, format!("{key}: density_g_per_cm3"), m.density_g_per_cm3)?;
    positive(FILE, format!("{key}: youngs_modulus_gpa"), m.youngs_modulus_gpa)?;
    positive(FILE, format!("{key}: expansion_um_per_m_k"), m.expansion_um_per_m_k)?;
    if !["flood", "mist", "dry"].contains(&m.coolant.as_str()) {
        return Err(value(FILE, format!("{key}: coolant"), &m.coolant, "flood, mist or dry"));
    }
    let all: [(&str, &Cutting); 3] = [("rough", &m.rough), ("finish", &m.finish), ("drill", &m.drill)];
    for (work, c) in all {
        positive(FILE, format!("{key}.{work}: surface_speed_m_per_min"), c.surface_speed_m_per_min)?;
        positive(FILE, format!("{key}.{work}: feed_per_tooth_mm_d6"), c.feed_per_tooth_mm_d6)?;
        positive(FILE, format!("{key}.{work}: depth_over_diameter"), c.depth_over_diameter)?;
        positive(FILE, format!("{key}.{work}: width_over_diameter"), c.width_over_diameter)?;
        if c.width_over_diameter > 1.0 {
            let found = c.width_over_diameter.to_string();
            return Err(value(FILE, format!("{key}.{work}: width_over_diameter"), &found, "1 or less"));
        }
    }
    Ok(())
}

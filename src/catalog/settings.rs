//! The pipeline file: one table per stage, and the shop it names.

use std::path::Path;

use serde::de::DeserializeOwned;

use crate::model::{Finding, Prices, Severity, Shop};

/// What is wrong with a pipeline file.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The file does not read.
    #[error("the pipeline file {0}; see pipelines/cranial-peek.toml for a whole one")]
    File(String),
    /// A table is missing.
    #[error("the pipeline has no table [{0}]; copy it from pipelines/cranial-peek.toml")]
    MissingTable(&'static str),
    /// A table does not fit.
    #[error("pipeline table [{table}]: {reason}")]
    Table {
        /// Name of the table.
        table: &'static str,
        /// Key, value, limit.
        reason: String,
    },
    /// `--set` names no key.
    #[error("--set {0}: {1}; write --set stage.key=value with a key that stands in the pipeline file")]
    Set(String, String),
    /// The shop files do not fit.
    #[error("the shop: {0}")]
    Shop(String),
}

/// The shop's files as text.
#[derive(Clone, Debug)]
pub struct ShopTexts {
    /// `machines.toml`.
    pub machines: String,
    /// `tools.toml`.
    pub tools: String,
    /// `materials.toml`.
    pub materials: String,
    /// `stock.toml`.
    pub stock: String,
    /// `prices.toml`; empty where the shop has none.
    pub prices: String,
}

impl ShopTexts {
    /// The shop that is shipped.
    pub fn embedded() -> Self {
        Self {
            machines: include_str!("../../pipelines/shop/machines.toml").into(),
            tools: include_str!("../../pipelines/shop/tools.toml").into(),
            materials: include_str!("../../pipelines/shop/materials.toml").into(),
            stock: include_str!("../../pipelines/shop/stock.toml").into(),
            prices: String::new(),
        }
    }

    /// The files of a folder.
    ///
    /// # Errors
    /// [`CatalogError::Shop`] naming the file that is missing.
    pub fn read(folder: &Path) -> Result<Self, CatalogError> {
        let text = |name: &str| {
            std::fs::read_to_string(folder.join(name))
                .map_err(|e| CatalogError::Shop(format!("{name} beside the pipeline cannot be read: {e}")))
        };
        Ok(Self {
            machines: text("machines.toml")?,
            tools: text("tools.toml")?,
            materials: text("materials.toml")?,
            stock: text("stock.toml")?,
            prices: if folder.join("prices.toml").exists() { text("prices.toml")? } else { String::new() },
        })
    }
}

/// A pipeline as read, with `--set` applied.
#[derive(Clone, Debug)]
pub struct PipelineFile {
    /// Its own name.
    pub name: String,
    /// Key of the material in the shop.
    pub material: String,
    /// Keys of the materials that the device is written for.
    pub materials: Vec<String>,
    tables: toml::Table,
    /// The shop.
    pub shop: Shop,
    /// What the shop charges, as far as it says.
    pub prices: Prices,
}

impl PipelineFile {
    /// Reads a pipeline from text; `sets` are `stage.key=value`, the value in TOML or a bare word.
    ///
    /// # Errors
    /// [`CatalogError`] naming table and key.
    pub fn parse(text: &str, sets: &[String], shop: &ShopTexts) -> Result<Self, CatalogError> {
        let mut tables: toml::Table =
            text.parse().map_err(|e| CatalogError::File(format!("does not read as TOML: {e}")))?;
        for set in sets {
            apply(&mut tables, set)?;
        }
        let word = |tables: &toml::Table, key: &str| -> Result<String, CatalogError> {
            let found = tables.get("pipeline").and_then(|t| t.get(key)).and_then(toml::Value::as_str);
            found
                .map(str::to_owned)
                .ok_or_else(|| CatalogError::File(format!("has no string `{key}` in its table [pipeline]")))
        };
        let name = word(&tables, "name")?;
        let material = word(&tables, "material")?;
        let prices = crate::plan::read_prices(&shop.prices).map_err(|e| CatalogError::Shop(e.to_string()))?;
        let shop = crate::plan::read_shop(&shop.machines, &shop.tools, &shop.materials, &shop.stock)
            .map_err(|e| CatalogError::Shop(e.to_string()))?;
        if !shop.materials.contains_key(&material) {
            let known: Vec<&str> = shop.materials.keys().map(String::as_str).collect();
            return Err(CatalogError::Shop(format!(
                "[pipeline] material = \"{material}\" is not in materials.toml, which has {}",
                known.join(", ")
            )));
        }
        let materials = materials_of(&tables)?;
        Ok(Self { name, material, materials, tables, shop, prices })
    }

    /// Reads a pipeline file and the folder `shop` beside it (the shipped shop where there is none).
    ///
    /// # Errors
    /// [`CatalogError`] naming table and key.
    pub fn read(path: &Path, sets: &[String]) -> Result<Self, CatalogError> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| CatalogError::File(format!("{} cannot be read: {e}", path.display())))?;
        let folder = path.parent().unwrap_or(Path::new(".")).join("shop");
        let shop = if folder.is_dir() { ShopTexts::read(&folder)? } else { ShopTexts::embedded() };
        Self::parse(&text, sets, &shop)
    }

    /// What is said when the material is none of the device's.
    pub fn material_finding(&self) -> Option<Finding> {
        (!self.materials.contains(&self.material)).then(|| {
            let message = format!(
                "material `{}` is none that this device is written for ({}): its thicknesses, edges and envelope hold for \
                 no other; use the pipeline of that material",
                self.material,
                self.materials.join(", ")
            );
            Finding::new("material-not-of-device", Severity::Stop, message)
        })
    }

    /// The table of a stage as its parameters, and as JSON for the key.
    pub(super) fn table<P: DeserializeOwned>(
        &self,
        table: &'static str,
    ) -> Result<(P, serde_json::Value), CatalogError> {
        let value = self.tables.get(table).ok_or(CatalogError::MissingTable(table))?;
        let bad = |reason: String| CatalogError::Table { table, reason };
        let params = value.clone().try_into().map_err(|e| bad(e.to_string().trim().replace('\n', " ")))?;
        let json = serde_json::to_value(value).map_err(|e| bad(e.to_string()))?;
        Ok((params, json))
    }
}

/// The device's own list of materials.
fn materials_of(tables: &toml::Table) -> Result<Vec<String>, CatalogError> {
    let list = tables.get("pipeline").and_then(|t| t.get("materials")).and_then(toml::Value::as_array);
    let words: Option<Vec<String>> =
        list.map(|l| l.iter().filter_map(|v| Some(v.as_str()?.to_owned())).collect());
    words.filter(|w| !w.is_empty()).ok_or_else(|| {
        CatalogError::File(
            "has no list `materials` of the materials it is written for in its table [pipeline]".into(),
        )
    })
}

fn apply(tables: &mut toml::Table, set: &str) -> Result<(), CatalogError> {
    let bad = |why: &str| CatalogError::Set(set.to_owned(), why.to_owned());
    let (place, text) = set.split_once('=').ok_or_else(|| bad("has no `=`"))?;
    let (table, key) = place.trim().split_once('.').ok_or_else(|| bad("names no table"))?;
    let stage =
        tables.get_mut(table).and_then(toml::Value::as_table_mut).ok_or_else(|| bad("no such table"))?;
    let value = format!("v = {}", text.trim())
        .parse::<toml::Table>()
        .or_else(|_| format!("v = {:?}", text.trim()).parse::<toml::Table>())
        .map_err(|_| bad("the value does not read"))?
        .remove("v")
        .expect("the key just written");
    let old = stage.get(key).ok_or_else(|| bad("no such key in that table"))?;
    // `4` for a key that holds `4.0` means the same number.
    let value = match (old, &value) {
        (toml::Value::Float(_), toml::Value::Integer(n)) => toml::Value::Float(*n as f64),
        _ => value,
    };
    stage.insert(key.to_owned(), value);
    Ok(())
}

impl PipelineFile {
    /// Parameters of the table `[scan]`.
    ///
    /// # Errors
    /// [`CatalogError`] naming the key.
    pub fn scan(&self) -> Result<crate::scan::ScanParams, CatalogError> {
        self.table("scan").map(|(p, _)| p)
    }

    /// Parameters of the table `[bone]`.
    ///
    /// # Errors
    /// [`CatalogError`] naming the key.
    pub fn bone(&self) -> Result<crate::bone::BoneParams, CatalogError> {
        self.table("bone").map(|(p, _)| p)
    }

    /// Parameters of the table `[reconstruction]`.
    ///
    /// # Errors
    /// [`CatalogError`] naming the key.
    pub fn reconstruction(&self) -> Result<crate::implant::missing::MissingParams, CatalogError> {
        self.table("reconstruction").map(|(p, _)| p)
    }

    /// Parameters of the table `[milling]`.
    ///
    /// # Errors
    /// [`CatalogError`] naming the key.
    pub fn milling(&self) -> Result<crate::milling::MillingParams, CatalogError> {
        self.table("milling").map(|(p, _)| p)
    }

    /// Parameters of the table `[inspect]`.
    ///
    /// # Errors
    /// [`CatalogError`] naming the key.
    pub fn inspect(&self) -> Result<crate::inspect::InspectParams, CatalogError> {
        self.table("inspect").map(|(p, _)| p)
    }
}

impl PipelineFile {
    /// Every table, for the record.
    pub(super) fn as_json(&self) -> Result<serde_json::Value, CatalogError> {
        let lacks = |e| CatalogError::File(format!("has a value that JSON lacks: {e}"));
        let mut all = serde_json::to_value(&self.tables).map_err(lacks)?;
        // Only where they are given, so that a shop without prices keeps its keys.
        if self.prices != Prices::default() {
            all["prices"] = serde_json::to_value(&self.prices).map_err(lacks)?;
        }
        Ok(all)
    }
}

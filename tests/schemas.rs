//! Every JSON file has a JSON Schema under `schemas/`, generated from the types. `UPDATE_SCHEMAS=1` writes them.

use crate::common;

use common::root;
use osteomill::{cli, model, post, record, store};
use schemars::schema_for;

fn all() -> Vec<(&'static str, schemars::Schema)> {
    vec![
        ("bone", schema_for!(model::BoneFacts)),
        ("case", schema_for!(store::CaseFile)),
        ("contour", schema_for!(model::ContourFacts)),
        ("defects", schema_for!(model::DefectFacts)),
        ("first-article", schema_for!(record::FirstArticle)),
        ("implant", schema_for!(model::ImplantFacts)),
        ("inspection", schema_for!(model::InspectionFacts)),
        ("job", schema_for!(model::Job)),
        ("milling", schema_for!(model::MillingFacts)),
        ("nest", schema_for!(model::NestFacts)),
        ("non-conformance", schema_for!(record::NonConformance)),
        ("plan", schema_for!(model::Plan)),
        ("result", schema_for!(cli::CaseResult)),
        ("review", schema_for!(model::Review)),
        ("scan", schema_for!(model::ScanFacts)),
        ("summary", schema_for!(cli::Summary)),
        ("bench", schema_for!(osteomill::bench::Report)),
        ("surface", schema_for!(model::SurfaceFacts)),
        ("tools", schema_for!(post::ToolList)),
        ("verdict", schema_for!(record::CaseVerdict)),
    ]
}

#[test]
fn the_schemas_on_disk_are_those_of_the_types() {
    let folder = root().join("schemas");
    let update = std::env::var_os("UPDATE_SCHEMAS").is_some();
    for (name, schema) in all() {
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        let path = folder.join(format!("{name}.schema.json"));
        if update {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            stored == text,
            "schemas/{name}.schema.json is not that of the type: run with UPDATE_SCHEMAS=1"
        );
    }
}

#[test]
fn no_schema_is_left_over() {
    let known: Vec<String> = all().iter().map(|(n, _)| format!("{n}.schema.json")).collect();
    for entry in std::fs::read_dir(root().join("schemas")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert!(known.contains(&name), "schemas/{name} belongs to no type");
    }
}

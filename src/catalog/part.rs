//! The missing bone and the implants that fill it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::formats;
use crate::implant::body::{CaseGiven, ImplantParams, design_given};
use crate::implant::missing::{MissingParams, Planner, reconstruct_planned};
use crate::model::{Finding, Implant, Material, Mesh, Patient, Point, Reconstruction, Scan, Watch};
use crate::pipeline::{Board, FailureKind, Outputs, StageFailure};
use crate::record::deviation_colour;
use crate::scan::region_on;

use super::work::{Work, failed, json_bytes};
use super::{CaseInputs, CatalogError, PipelineFile};

/// Finds what is missing and completes it.
pub struct ReconstructionStage {
    params: MissingParams,
    parameters: Value,
    seed_lps_mm: Option<[f64; 3]>,
    region: Option<PathBuf>,
}

impl ReconstructionStage {
    pub fn new(file: &PipelineFile, inputs: &CaseInputs) -> Result<Self, CatalogError> {
        let (params, mut parameters) = file.table::<MissingParams>("reconstruction")?;
        // Only where they are given, so that a case without keeps its key.
        if let Some(seed) = inputs.defect_seed_lps_mm {
            parameters["defect_seed_lps_mm"] = serde_json::json!(seed);
        }
        if let Some((_, sha256)) = &inputs.region {
            parameters["region_sha256"] = sha256.clone().into();
        }
        let region = inputs.region.as_ref().map(|r| r.0.clone());
        Ok(Self { params, parameters, seed_lps_mm: inputs.defect_seed_lps_mm, region })
    }
}

impl Work for ReconstructionStage {
    const ID: &'static str = "reconstruction";
    const REVISION: u32 = 7;
    const NEEDS: &'static [&'static str] = &["scan", "bone", "surface"];
    type Out = Reconstruction;
    fn parameters(&self) -> Value {
        self.parameters.clone()
    }
    fn work(
        &self,
        board: &Board,
        outputs: &mut Outputs,
        watch: &dyn Watch,
    ) -> Result<Reconstruction, StageFailure> {
        let scan: &Scan = board.get("scan");
        let region = self
            .region
            .as_ref()
            .map(|path| region_on(scan, path).map_err(failed(FailureKind::Scan)))
            .transpose()?;
        let planner = Planner { defect_seed: self.seed_lps_mm.map(Point::new), region };
        let (made, contour) = reconstruct_planned(
            &scan.volume,
            board.get("bone"),
            board.get("surface"),
            &planner,
            &self.params,
            watch,
        )
        .map_err(failed(FailureKind::Refused))?;
        if let Some(map) = contour {
            // Full colour at the largest change.
            let full_mm = map.facts.change_mm_extreme.abs();
            let rgb: Vec<[u8; 3]> = map
                .change_mm
                .iter()
                .map(|&c| deviation_colour(c, full_mm).map(|c| (c * 255.0).round() as u8))
                .collect();
            let ply = formats::ply::ply_bytes(&map.mesh, &rgb, &map.change_mm)
                .map_err(failed(FailureKind::Refused))?;
            outputs.add("reconstruction/contour-change.ply", ply);
            outputs.add("reconstruction/contour.json", json_bytes(&map.facts));
        }
        outputs.add(
            "reconstruction/reconstruction.nii.gz",
            formats::nifti::mask_nii_gz(&made.mask).map_err(failed(FailureKind::Refused))?,
        );
        outputs.add("reconstruction/defects.json", json_bytes(&made.facts));
        Ok(made)
    }
}

/// Designs one implant per defect.
pub struct ImplantStage {
    params: ImplantParams,
    parameters: Value,
    material_key: String,
    material: Material,
    material_finding: Option<Finding>,
    edited: Option<PathBuf>,
}

impl ImplantStage {
    pub fn new(file: &PipelineFile, inputs: &CaseInputs) -> Result<Self, CatalogError> {
        let (params, table) = file.table("implant")?;
        let material = file.shop.materials[&file.material].clone();
        let mut parameters = serde_json::json!({ "implant": table, "material": file.material, "materials": file.materials,
                "material_data": material });
        if let Some((_, sha256)) = &inputs.implant {
            parameters["implant_sha256"] = sha256.clone().into();
        }
        let edited = inputs.implant.as_ref().map(|i| i.0.clone());
        let material_finding = file.material_finding();
        Ok(Self {
            params,
            parameters,
            material_key: file.material.clone(),
            material,
            material_finding,
            edited,
        })
    }
}

impl Work for ImplantStage {
    const ID: &'static str = "implant";
    const REVISION: u32 = 9;
    const NEEDS: &'static [&'static str] = &["scan", "surface", "reconstruction"];
    type Out = Vec<Implant>;
    fn parameters(&self) -> Value {
        self.parameters.clone()
    }
    fn work(
        &self,
        board: &Board,
        outputs: &mut Outputs,
        watch: &dyn Watch,
    ) -> Result<Vec<Implant>, StageFailure> {
        let scan: &Scan = board.get("scan");
        let missing: &Reconstruction = board.get("reconstruction");
        let edited: Option<Mesh<Patient>> = self.edited.as_deref().map(edited_body).transpose()?;
        let given = CaseGiven { pseudonym: Some(&scan.facts.pseudonym), edited: edited.as_ref() };
        let mut implants = Vec::new();
        for defect in 0..missing.patches.len() {
            let mut implant = design_given(
                &scan.volume,
                board.get("surface"),
                missing,
                defect,
                &self.material_key,
                &self.material,
                &given,
                &self.params,
                watch,
            )
            .map_err(failed(FailureKind::Refused))?;
            implant.facts.findings.extend(self.material_finding.clone());
            let folder = format!("part-{}", implant.number);
            let in_patient = implant.mesh.moved(&implant.part_from_patient.inverse());
            outputs.add(format!("{folder}/implant.stl"), formats::stl::stl_bytes(&in_patient));
            // What a person edits and gives back with `--implant`: the body before its holes.
            let body = implant.body.moved(&implant.part_from_patient.inverse());
            outputs.add(format!("{folder}/body.stl"), formats::stl::stl_bytes(&body));
            let threemf = formats::threemf::threemf_bytes(&in_patient, &format!("implant, {folder}"))
                .map_err(failed(FailureKind::Refused))?;
            outputs.add(format!("{folder}/implant.3mf"), threemf);
            outputs.add(format!("{folder}/implant.json"), json_bytes(&implant.facts));
            implants.push(implant);
        }
        Ok(implants)
    }
}

/// A person's body, in patient LPS mm.
fn edited_body(path: &Path) -> Result<Mesh<Patient>, StageFailure> {
    let bytes = std::fs::read(path).map_err(failed(FailureKind::Io))?;
    Ok(formats::stl::read_stl(&bytes).map_err(failed(FailureKind::Usage))?.mesh)
}

//! The missing bone and the implants that fill it.

use serde_json::Value;

use crate::formats;
use crate::implant::body::{ImplantParams, design};
use crate::implant::missing::{MissingParams, reconstruct};
use crate::model::{Implant, Material, Reconstruction, Scan, Watch};
use crate::pipeline::{Board, FailureKind, Outputs, StageFailure};

use super::work::{Work, failed, json_bytes};
use super::{CatalogError, PipelineFile};

/// Finds what is missing and completes it.
pub struct ReconstructionStage(MissingParams, Value);

impl ReconstructionStage {
    pub fn new(file: &PipelineFile) -> Result<Self, CatalogError> {
        file.table("reconstruction").map(|(p, v)| Self(p, v))
    }
}

impl Work for ReconstructionStage {
    const ID: &'static str = "reconstruction";
    const REVISION: u32 = 2;
    const NEEDS: &'static [&'static str] = &["scan", "bone", "surface"];
    type Out = Reconstruction;
    fn parameters(&self) -> Value {
        self.1.clone()
    }
    fn work(
        &self,
        board: &Board,
        outputs: &mut Outputs,
        watch: &dyn Watch,
    ) -> Result<Reconstruction, StageFailure> {
        let scan: &Scan = board.get("scan");
        let made = reconstruct(&scan.volume, board.get("bone"), board.get("surface"), &self.0, watch)
            .map_err(failed(FailureKind::Refused))?;
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
}

impl ImplantStage {
    pub fn new(file: &PipelineFile) -> Result<Self, CatalogError> {
        let (params, table) = file.table("implant")?;
        let material = file.shop.materials[&file.material].clone();
        let parameters =
            serde_json::json!({ "implant": table, "material": file.material, "material_data": material });
        Ok(Self { params, parameters, material_key: file.material.clone(), material })
    }
}

impl Work for ImplantStage {
    const ID: &'static str = "implant";
    const REVISION: u32 = 2;
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
        let mut implants = Vec::new();
        for defect in 0..missing.patches.len() {
            let implant = design(
                &scan.volume,
                board.get("surface"),
                missing,
                defect,
                &self.material_key,
                &self.material,
                &self.params,
                watch,
            )
            .map_err(failed(FailureKind::Refused))?;
            let folder = format!("part-{}", implant.number);
            let in_patient = implant.mesh.moved(&implant.part_from_patient.inverse());
            outputs.add(format!("{folder}/implant.stl"), formats::stl::stl_bytes(&in_patient));
            let threemf = formats::threemf::threemf_bytes(&in_patient, &format!("implant, {folder}"))
                .map_err(failed(FailureKind::Refused))?;
            outputs.add(format!("{folder}/implant.3mf"), threemf);
            outputs.add(format!("{folder}/implant.json"), json_bytes(&implant.facts));
            implants.push(implant);
        }
        Ok(implants)
    }
}

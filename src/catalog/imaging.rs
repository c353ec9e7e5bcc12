//! scan, bone, surface.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use crate::bone::{BoneParams, bone_of_mask, segment_bone};
use crate::formats;
use crate::model::{Bone, BoneSurface, Dir, ExportedFacts, Finding, Point, Scan, Severity, Watch};
use crate::pipeline::{Board, FailureKind, Noun, Outputs, Stage, StageFailure};
use crate::scan::{CutPlane, ScanParams, read_scan, read_scan_with_mask, resect};
use crate::surface::{Export, SurfaceParams, decimated, extract_surface};

use super::work::{Work, failed, json_bytes};
use super::{CaseInputs, CatalogError, PipelineFile};

/// Reads the series; its noun is never cached, since the scan itself is at hand.
pub struct ScanStage {
    path: PathBuf,
    mask: Option<PathBuf>,
    resection: Option<PathBuf>,
    plane: Option<CutPlane>,
    params: ScanParams,
    parameters: Value,
}

impl ScanStage {
    pub fn new(file: &PipelineFile, inputs: &CaseInputs) -> Result<Self, CatalogError> {
        let (params, table) = file.table("scan")?;
        let mut parameters = serde_json::json!({ "scan": table, "input_sha256": inputs.scan_sha256 });
        // Only where one is given, so that a case without keeps its key.
        if let Some((_, sha256)) = &inputs.mask {
            parameters["mask_sha256"] = sha256.clone().into();
        }
        if let Some((_, sha256)) = &inputs.resection {
            parameters["resection_sha256"] = sha256.clone().into();
        }
        if let Some(plane) = &inputs.resection_plane_lps {
            parameters["resection_plane_lps"] = serde_json::json!(plane);
        }
        let plane = inputs.resection_plane_lps.map(|[x, y, z, nx, ny, nz]| CutPlane {
            at: Point::new([x, y, z]),
            normal: Dir::new([nx, ny, nz]),
        });
        let path_of = |file: &Option<(PathBuf, String)>| file.as_ref().map(|f| f.0.clone());
        let (mask, resection) = (path_of(&inputs.mask), path_of(&inputs.resection));
        Ok(Self { path: inputs.scan.clone(), mask, resection, plane, params, parameters })
    }

    fn read(&self, watch: &dyn Watch) -> Result<Scan, StageFailure> {
        let scan = match &self.mask {
            Some(mask) => read_scan_with_mask(&self.path, mask, &self.params, watch),
            None => read_scan(&self.path, &self.params, watch),
        }
        .map_err(failed(FailureKind::Scan))?;
        if self.resection.is_none() && self.plane.is_none() {
            return Ok(scan);
        }
        watch.note("cutting what is to be resected");
        resect(scan, self.resection.as_deref(), self.plane.as_ref(), self.params.bone_hu)
            .map_err(failed(FailureKind::Scan))
    }
}

impl Stage for ScanStage {
    fn id(&self) -> &'static str {
        "scan"
    }
    fn revision(&self) -> u32 {
        3
    }
    fn needs(&self) -> &'static [&'static str] {
        &[]
    }
    fn parameters(&self) -> Value {
        self.parameters.clone()
    }
    fn run(&self, _: &Board, outputs: &mut Outputs, watch: &dyn Watch) -> Result<Noun, StageFailure> {
        let scan = self.read(watch)?;
        outputs.add("scan/scan.json", json_bytes(&scan.facts));
        Ok(Arc::new(scan))
    }
    fn keep(&self, _: &Noun) -> Option<Vec<u8>> {
        None
    }
    fn revive(&self, _: &Board, _: &[u8], watch: &dyn Watch) -> Result<Noun, StageFailure> {
        Ok(Arc::new(self.read(watch)?))
    }
}

/// Finds the bone.
pub struct BoneStage(BoneParams, Value);

impl BoneStage {
    pub fn new(file: &PipelineFile) -> Result<Self, CatalogError> {
        file.table("bone").map(|(p, v)| Self(p, v))
    }
}

impl Work for BoneStage {
    const ID: &'static str = "bone";
    const REVISION: u32 = 4;
    const NEEDS: &'static [&'static str] = &["scan"];
    type Out = Bone;
    fn parameters(&self) -> Value {
        self.1.clone()
    }
    fn work(&self, board: &Board, outputs: &mut Outputs, watch: &dyn Watch) -> Result<Bone, StageFailure> {
        let scan: &Scan = board.get("scan");
        let bone = match &scan.given {
            Some(given) => bone_of_mask(&scan.volume, given, &self.0, watch),
            None => segment_bone(&scan.volume, &self.0, watch),
        }
        .map_err(failed(FailureKind::Refused))?;
        outputs.add(
            "bone/bone.nii.gz",
            formats::nifti::mask_nii_gz(&bone.mask).map_err(failed(FailureKind::Refused))?,
        );
        outputs.add("bone/bone.json", json_bytes(&bone.facts));
        Ok(bone)
    }
}

/// Places the bone's surface.
pub struct SurfaceStage(SurfaceParams, Value);

impl SurfaceStage {
    pub fn new(file: &PipelineFile) -> Result<Self, CatalogError> {
        file.table("surface").map(|(p, v)| Self(p, v))
    }
}

impl Work for SurfaceStage {
    const ID: &'static str = "surface";
    const REVISION: u32 = 2;
    const NEEDS: &'static [&'static str] = &["scan", "bone"];
    type Out = BoneSurface;
    fn parameters(&self) -> Value {
        self.1.clone()
    }
    fn work(
        &self,
        board: &Board,
        outputs: &mut Outputs,
        watch: &dyn Watch,
    ) -> Result<BoneSurface, StageFailure> {
        let scan: &Scan = board.get("scan");
        let mut surface = extract_surface(&scan.volume, board.get("bone"), &self.0, watch)
            .map_err(failed(FailureKind::Refused))?;
        outputs.add("surface/bone.stl", formats::stl::stl_bytes(&surface.mesh));
        let fewer = if self.0.exports.is_empty() || self.0.decimate_mm == 0.0 {
            None
        } else {
            watch.note("fewer triangles for the further files");
            let fewer = decimated(&surface.mesh, self.0.decimate_mm);
            if fewer.is_none() {
                let message = format!(
                    "no surface of fewer triangles stayed within surface.decimate_mm = {} mm; the further files hold all",
                    self.0.decimate_mm
                );
                surface.facts.findings.push(Finding::new("not-decimated", Severity::Note, message));
            }
            fewer
        };
        surface.facts.exported = fewer.as_ref().map(|f| ExportedFacts {
            triangles: f.mesh.triangles.len(),
            deviation_mm_max: f.deviation_mm_max,
        });
        let shown = fewer.as_ref().map_or(&surface.mesh, |f| &f.mesh);
        for export in &self.0.exports {
            let (path, bytes) = match export {
                Export::Ply => ("surface/bone.ply", Ok(formats::ply::ply_shape_bytes(shown))),
                Export::Obj => ("surface/bone.obj", Ok(formats::obj::obj_bytes(shown))),
                Export::Threemf => ("surface/bone.3mf", formats::threemf::threemf_bytes(shown, "bone")),
                Export::Glb => ("surface/bone.glb", formats::glb::glb_bytes(shown, "bone")),
            };
            outputs.add(path, bytes.map_err(failed(FailureKind::Refused))?);
        }
        outputs.add("surface/surface.json", json_bytes(&surface.facts));
        Ok(surface)
    }
}

//! Introduces the stages to the pipeline: one short file each, and the list in the order they run.
//!
//! Here and nowhere else a stage's room, its parameters, its nouns and its files meet.

mod design;
mod imaging;
mod judge;
mod make;
mod nest;
mod part;
mod record;
mod settings;
mod work;

pub use design::{PartInputs, part_chain};
pub use settings::{CatalogError, PipelineFile, ShopTexts};
pub use work::json_bytes;

use crate::pipeline::Stage;

/// What a case is made from, beside the pipeline file.
#[derive(Clone, Debug)]
pub struct CaseInputs {
    /// Folder or file of the scan.
    pub scan: std::path::PathBuf,
    /// Digest of its content.
    pub scan_sha256: String,
    /// A mask that stands in for the bone, and its digest.
    pub mask: Option<(std::path::PathBuf, String)>,
    /// A place in the opening to fill, patient LPS mm.
    pub defect_seed_lps_mm: Option<[f64; 3]>,
    /// A mask that the fill is confined to and forced in, and its digest.
    pub region: Option<(std::path::PathBuf, String)>,
    /// A mask of bone that is still there and is to be cut, and its digest.
    pub resection: Option<(std::path::PathBuf, String)>,
    /// Place and normal of a plane beyond which bone is to be cut, patient LPS mm.
    pub resection_plane_lps: Option<[f64; 6]>,
    /// A person's edit of the implant's body, and its digest.
    pub implant: Option<(std::path::PathBuf, String)>,
    /// True once a named person approved the design.
    pub approved: bool,
}

/// The whole chain, from scan to record.
///
/// # Errors
/// [`CatalogError`] naming the table and key that does not fit.
pub fn chain(file: &PipelineFile, inputs: &CaseInputs) -> Result<Vec<Box<dyn Stage>>, CatalogError> {
    Ok(vec![
        Box::new(imaging::ScanStage::new(file, inputs)?),
        Box::new(imaging::BoneStage::new(file)?),
        Box::new(imaging::SurfaceStage::new(file)?),
        Box::new(part::ReconstructionStage::new(file, inputs)?),
        Box::new(part::ImplantStage::new(file, inputs)?),
        Box::new(make::PlanStage::new(file)?),
        Box::new(make::ReviewStage::new(file)?),
        Box::new(make::ToolpathStage::new(file)?),
        Box::new(make::PostStage::new(file, inputs.approved)?),
        Box::new(nest::NestStage(nest::Nesting::new(file, inputs.approved)?)),
        Box::new(judge::MillingStage::new(file)?),
        Box::new(judge::InspectStage::new(file)?),
        Box::new(record::RecordStage::new(file)?),
    ])
}

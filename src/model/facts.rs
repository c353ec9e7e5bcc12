//! What the imaging stages report beside their nouns: `scan.json`, `bone.json`, `surface.json`, `defects.json`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::Finding;
use super::frame::{Dir, Patient, Point};
use super::grid::Grid;

/// `scan/scan.json`: which series was read, how it lies, what is wrong with it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ScanFacts {
    /// `osteomill.scan/1`.
    pub schema: String,
    /// Pseudonym of the patient: the first twelve hex digits of a hash, never a name.
    pub pseudonym: String,
    /// Sha256 of the series UID, first twelve hex digits.
    pub series: String,
    /// DICOM modality.
    pub modality: String,
    /// Scanner model and kernel where given; nothing that identifies a person.
    pub scanner: String,
    /// Convolution kernel where given.
    pub kernel: String,
    /// Number of slices.
    pub slices: usize,
    /// The voxel grid.
    pub grid: Grid,
    /// Smallest and largest HU read.
    pub hu_min: i16,
    /// Largest HU read.
    pub hu_max: i16,
    /// Full width at half maximum of the blur within slices, measured at the skin, mm; absent where it could not be.
    pub blur_fwhm_mm: Option<f64>,
    /// How voxels were moved onto the grid; absent where they are as the scanner wrote them.
    pub resampled: Option<String>,
    /// Why this series was chosen over the others of the study.
    pub chosen_because: String,
    /// What is wrong with it for planning.
    pub findings: Vec<Finding>,
}

/// A piece above the threshold that is not the skull.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DroppedPiece {
    /// Volume, mm³.
    pub volume_mm3: f64,
    /// Centroid, patient LPS mm.
    pub centroid_lps_mm: Point<Patient>,
}

/// How bone was selected.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct BoneSelection {
    /// `fixed` or `otsu`.
    pub select: String,
    /// 26 or 6.
    pub connectivity: u32,
    /// `largest`, `above` or `seed`.
    pub keep: String,
    /// Pieces kept.
    pub kept_pieces: usize,
    /// Volume added by closing, mm³.
    pub closed_mm3: f64,
}

/// Metal among the bone.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct BoneMetal {
    /// Volume above the level of metal, mm³.
    pub volume_mm3: f64,
    /// Its pieces.
    pub pieces: usize,
    /// Volume of the largest piece, mm³.
    pub largest_mm3: f64,
    /// Middle of the largest piece, patient LPS mm; none without metal.
    pub largest_lps_mm: Option<Point<Patient>>,
    /// How far below the top of the bone that lies, mm: a filling far, a plate of the vault near.
    pub below_top_mm: f64,
    /// Share of the bone that lies near metal in the same slices, where streaks may run.
    pub near_share: f64,
}

/// Bone thinner than the scanner resolves.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct ThinBone {
    /// Blur of the scanner, standard deviation, from the slopes of all edges, mm; none where none was measured.
    pub sigma_mm: Option<f64>,
    /// HU of thick cortical bone in this scan; none where too little was found.
    pub cortical_hu: Option<f64>,
    /// Boundary of thin bone, both faces, mm².
    pub thin_bone_mm2: f64,
    /// The same as a share of the whole boundary.
    pub share: f64,
    /// True where the level of thin bone was raised, false where it was only marked.
    pub corrected: bool,
    /// How far its faces lie too far out if left alone: median, mm.
    pub shift_mm_p50: Option<f64>,
    /// The same, 95th percentile, mm.
    pub shift_mm_p95: Option<f64>,
    /// Largest shift of a face that was made, mm; 0 where only marked.
    pub corrected_mm_max: f64,
}

/// `bone/bone.json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct BoneFacts {
    /// `osteomill.bone/1`.
    pub schema: String,
    /// Level that selects bone, HU.
    pub threshold_hu: f64,
    /// How it was selected.
    pub selection: BoneSelection,
    /// Volume kept, mm³.
    pub kept_mm3: f64,
    /// Number of components above the threshold.
    pub components: usize,
    /// The largest dropped pieces, largest first, at most ten.
    pub dropped: Vec<DroppedPiece>,
    /// How far outside the placed edge the threshold's level lies: 5th, 50th and 95th percentile, mm.
    pub threshold_offset_mm_p5: f64,
    /// Median of the same, mm.
    pub threshold_offset_mm_p50: f64,
    /// 95th percentile of the same, mm.
    pub threshold_offset_mm_p95: f64,
    /// Median shift of the threshold's level for 50 HU more or less, mm.
    pub shift_mm_per_50_hu: f64,
    /// Metal.
    pub metal: BoneMetal,
    /// Bone too thin for the scanner.
    pub thin: ThinBone,
    /// Findings, such as metal.
    pub findings: Vec<Finding>,
}

/// One connected piece of the bone's surface.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ShellFacts {
    /// A closed hollow inside the bone, its surface facing in.
    pub cavity: bool,
    /// Triangles.
    pub triangles: usize,
    /// Area, mm².
    pub area_mm2: f64,
    /// Enclosed volume, mm³; negative for a cavity.
    pub volume_mm3: f64,
    /// Vertices − edges + triangles.
    pub euler_number: i64,
    /// Handles: (2 − Euler number) / 2.
    pub genus: i64,
}

/// A surface with fewer triangles for files that people look at.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ExportedFacts {
    /// Its triangles.
    pub triangles: usize,
    /// Largest distance between it and the surface, either way, mm.
    pub deviation_mm_max: f64,
}

/// `surface/surface.json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SurfaceFacts {
    /// `osteomill.surface/1`.
    pub schema: String,
    /// Triangles.
    pub triangles: usize,
    /// Vertices.
    pub vertices: usize,
    /// Closed, two triangles on every edge.
    pub closed_two_manifold: bool,
    /// Euler number.
    pub euler_number: i64,
    /// Connected pieces kept.
    pub pieces: usize,
    /// Area, mm².
    pub area_mm2: f64,
    /// Enclosed volume, mm³.
    pub volume_mm3: f64,
    /// Area of the caps where bone leaves the scan, per face of the scan (-i, +i, -j, +j, -k, +k), mm².
    pub cap_area_mm2: [f64; 6],
    /// Samples moved across the surface so that ambiguous cells hold one sheet.
    pub nudged_voxels: usize,
    /// Cells through which more than one sheet passes; each sheet has a vertex of its own, no sample is moved.
    pub split_cells: usize,
    /// Checkerboard faces between voxels where the bone was parted; on all others it is joined.
    pub parted_faces: usize,
    /// Every shell kept, largest area first.
    pub shells: Vec<ShellFacts>,
    /// Volume lost by relaxation over the area before it, mm; 0 without relaxation.
    pub relaxation_shrinkage_mm: f64,
    /// The surface of the further files where it has fewer triangles; absent where it is this one.
    pub exported: Option<ExportedFacts>,
    /// Findings.
    pub findings: Vec<Finding>,
}

/// The plane of symmetry of the vault: points p with `normal · p = offset`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Symmetry {
    /// Unit normal, pointing to the patient's left (x > 0).
    pub normal_lps: Dir<Patient>,
    /// Offset along the normal, mm.
    pub offset_mm: f64,
    /// Median distance between the vault and its mirror image, mm.
    pub residual_mm_p50: f64,
    /// 95th percentile of the same, mm.
    pub residual_mm_p95: f64,
}

/// One piece of missing bone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Defect {
    /// Area on the outer surface, mm².
    pub area_mm2: f64,
    /// Middle, patient LPS mm.
    pub centroid_lps_mm: Point<Patient>,
    /// Where: side and bone, for example `right frontal`.
    pub site: String,
    /// Median predicted standard deviation of the outer surface over the defect, mm.
    pub sigma_mm_p50: f64,
    /// 95th percentile of the same, mm.
    pub sigma_mm_p95: f64,
    /// 95th percentile of the distance between the completed outer surface and the other side's smoothed mirror image, mm;
    /// `null` where the other side shows less than half of it.
    pub asymmetry_mm_p95: Option<f64>,
    /// Share of the defect's area where that distance is within 1.645 predicted standard deviations; `null` likewise.
    pub mirror_within_share: Option<f64>,
    /// What guided the outer and the inner surface: guide name and weight.
    pub guide_outer: String,
    /// The same for the inner surface.
    pub guide_inner: String,
}

/// `reconstruction/defects.json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DefectFacts {
    /// `osteomill.defects/1`.
    pub schema: String,
    /// Largest first.
    pub defects: Vec<Defect>,
    /// The plane of symmetry.
    pub symmetry: Symmetry,
    /// Findings: sinus open into the defect, rim into the orbit, defect beyond the envelope …
    pub findings: Vec<Finding>,
}

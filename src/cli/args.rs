//! Arguments as typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// From a patient's CT scan to a verified milling program for a patient-specific implant.
#[derive(Parser, Debug)]
#[command(name = "osteomill", version, after_help = EXIT_CODES)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 accept or no defect · 1 usage or configuration · 2 scan cannot be read as \
asked · 3 some cases of a batch failed · 4 all failed · 5 review or reject · 6 integrity · 7 out of space or I/O · \
8 case locked by another run";

/// Commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// A head phantom written as DICOM, then the whole chain; needs nothing but this program.
    Demo(Demo),
    /// One case: from a scan to a verified program and a report.
    Run(Run),
    /// Every scan of a folder, or of a CSV with columns case, scan and, where wanted, pipeline, series, set.
    Batch(Batch),
    /// What is in a scan: every series, its geometry, what is wrong with it.
    Scan(Scan),
    /// How well missing bone is completed where the truth is known.
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Any closed mesh: plan, review, programs, milling, inspection.
    Mill(Mill),
    /// Mills programs from whatever CAM in simulation and judges them.
    Simulate(Simulate),
}

/// Arguments of `mill`.
#[derive(Args, Debug)]
pub struct Mill {
    /// The part: one closed body, STL in mm.
    pub design: PathBuf,
    /// Pipeline file, for example pipelines/part-titanium.toml.
    #[arg(long)]
    pub pipeline: PathBuf,
    /// Folder for its records; made when missing.
    #[arg(long)]
    pub out: PathBuf,
    /// Change one value of the pipeline: stage.key=value.
    #[arg(long = "set", value_name = "STAGE.KEY=VALUE")]
    pub sets: Vec<String>,
    /// Stop after this stage.
    #[arg(long, value_name = "STAGE")]
    pub until: Option<String>,
    /// Number of threads; all cores when not given.
    #[arg(long)]
    pub threads: Option<usize>,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `demo`.
#[derive(Args, Debug)]
pub struct Demo {
    /// Folder for the phantom and the case.
    #[arg(long, default_value = "osteomill-demo")]
    pub out: PathBuf,
    /// Reflect the phantom, so that its defect is on the left.
    #[arg(long)]
    pub mirrored: bool,
    /// Seed of the phantom.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Number of threads; all cores when not given.
    #[arg(long)]
    pub threads: Option<usize>,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `run`.
#[derive(Args, Debug)]
pub struct Run {
    /// The scan: a folder, DICOM file, DICOMDIR, zip of DICOM, NIfTI, NRRD or InVesalius project.
    pub scan: PathBuf,
    /// Pipeline file, for example pipelines/cranial-peek.toml.
    #[arg(long)]
    pub pipeline: PathBuf,
    /// Case folder; made when missing.
    #[arg(long)]
    pub out: PathBuf,
    /// Series UID to plan on, where the study has several.
    #[arg(long)]
    pub series: Option<String>,
    /// Segmentation that stands in for the bone: NIfTI, NRRD or DICOM Segmentation.
    #[arg(long)]
    pub mask: Option<PathBuf>,
    /// A place in the opening to fill, x,y,z in patient LPS mm: it is the defect whatever the rules say.
    #[arg(long, value_name = "X,Y,Z", allow_hyphen_values = true)]
    pub defect_seed: Option<String>,
    /// Mask that the fill is confined to and forced in: NIfTI, NRRD or DICOM Segmentation, on this scan.
    #[arg(long, value_name = "MASK")]
    pub region: Option<PathBuf>,
    /// Mask of bone that is still there and will be cut: the implant is planned for the hole to come.
    #[arg(long, value_name = "MASK")]
    pub resection: Option<PathBuf>,
    /// Plane beyond which bone will be cut: a place on it and its normal, x,y,z,nx,ny,nz in patient LPS.
    #[arg(long, value_name = "X,Y,Z,NX,NY,NZ", allow_hyphen_values = true)]
    pub resection_plane: Option<String>,
    /// A person's edit of this case's part-1/body.stl, in its place: STL in patient LPS mm.
    #[arg(long, value_name = "STL")]
    pub implant: Option<PathBuf>,
    /// Change one value of the pipeline: stage.key=value.
    #[arg(long = "set", value_name = "STAGE.KEY=VALUE")]
    pub sets: Vec<String>,
    /// Stop after this stage.
    #[arg(long)]
    pub until: Option<String>,
    /// Number of threads; all cores when not given.
    #[arg(long)]
    pub threads: Option<usize>,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `batch`.
#[derive(Args, Debug)]
pub struct Batch {
    /// Folder of scans, or CSV with columns case, scan and, where wanted, pipeline, series, set.
    pub cases: PathBuf,
    /// Pipeline file for cases that name none.
    #[arg(long)]
    pub pipeline: PathBuf,
    /// Folder for the cases, summary.json and index.html.
    #[arg(long)]
    pub out: PathBuf,
    /// Cases at a time.
    #[arg(long, default_value_t = 1)]
    pub jobs: usize,
    /// Print the summary as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `scan`.
#[derive(Args, Debug)]
pub struct Scan {
    /// The scan: a folder, DICOM file, DICOMDIR, zip of DICOM, NIfTI, NRRD or InVesalius project.
    pub scan: PathBuf,
    /// Folder for one picture per usable series: its middle slice in a bone window, named by the series' hash.
    #[arg(long)]
    pub preview: Option<PathBuf>,
    /// Writes the HU of the chosen series, as the chain sees them, to this NIfTI file (.nii.gz).
    #[arg(long)]
    pub nifti: Option<PathBuf>,
    /// Series for --nifti, by UID or by its hash; chosen when not given.
    #[arg(long)]
    pub series: Option<String>,
    /// Print as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `simulate`.
#[derive(Args, Debug)]
pub struct Simulate {
    /// Programs in the order they are run.
    #[arg(required = true)]
    pub programs: Vec<PathBuf>,
    /// Stock, fixtures, machine, tools, work offsets.
    #[arg(long)]
    pub job: PathBuf,
    /// The part as designed, in the part's frame unless --pose is given.
    #[arg(long)]
    pub design: Option<PathBuf>,
    /// implant.json whose part_from_patient takes a design in patient LPS to the part, and whose marking is part of it.
    #[arg(long)]
    pub pose: Option<PathBuf>,
    /// Pipeline whose tables `milling` and `inspect` are used; the shipped PEEK one when not given.
    #[arg(long)]
    pub pipeline: Option<PathBuf>,
    /// Folder for milled.stl, milling.json and inspection.json; nothing is written when not given.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Benchmarks.
#[derive(Subcommand, Debug)]
pub enum BenchCommand {
    /// Virtual craniectomies on whole skulls.
    Cuts(BenchCuts),
    /// A data set with ground truth, laid out as SkullBreak or SkullFix.
    Dataset(BenchDataset),
}

/// Arguments of `bench cuts`.
#[derive(Args, Debug)]
pub struct BenchCuts {
    /// Scans, masks (NIfTI or NRRD of zeros and ones), skull meshes (STL, mm) or phantom:SEED.
    #[arg(required = true)]
    pub skulls: Vec<String>,
    /// Cuts per skull; all that can be made when not given.
    #[arg(long)]
    pub count: Option<usize>,
    /// Seed of the cuts.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Voxels of a mesh or phantom, mm.
    #[arg(long, default_value_t = 0.8)]
    pub voxel_mm: f64,
    /// Axes of a mesh that point to the patient's left, to the back and up, for example -z,x,-y; LPS when not given.
    #[arg(long, allow_hyphen_values = true)]
    pub axes: Option<String>,
    /// Pipeline whose bone and reconstruction tables are used; the shipped PEEK one when not given.
    #[arg(long)]
    pub pipeline: Option<PathBuf>,
    /// Folder for bench.json and bench.md.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Number of threads; all cores when not given.
    #[arg(long)]
    pub threads: Option<usize>,
    /// Print JSON instead of Markdown.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `bench dataset`.
#[derive(Args, Debug)]
pub struct BenchDataset {
    /// The data set.
    pub folder: PathBuf,
    /// How it is laid out.
    #[arg(long)]
    pub layout: LayoutName,
    /// Only the first cases.
    #[arg(long)]
    pub count: Option<usize>,
    /// Pipeline whose bone and reconstruction tables are used; the shipped PEEK one when not given.
    #[arg(long)]
    pub pipeline: Option<PathBuf>,
    /// Folder for bench.json and bench.md.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Number of threads; all cores when not given.
    #[arg(long)]
    pub threads: Option<usize>,
    /// Print JSON instead of Markdown.
    #[arg(long)]
    pub json: bool,
}

/// Layouts.
#[derive(clap::ValueEnum, Clone, Copy, Debug)]
pub enum LayoutName {
    /// A folder per kind of defect.
    Skullbreak,
    /// One folder.
    Skullfix,
}

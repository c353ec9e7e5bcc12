//! `bench`: virtual craniectomies on whole skulls, and data sets with ground truth.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use sha2::{Digest, Sha256};

use crate::bench::{
    BenchError, Layout, Report, Skull, bench_cuts, bench_dataset, markdown, volume_of_mask, volume_of_mesh,
};
use crate::bone::BoneParams;
use crate::catalog::{PipelineFile, ShopTexts};
use crate::formats::{nifti, nrrd, stl};
use crate::implant::missing::MissingParams;
use crate::model::{Mask, Patient, Silent};
use crate::phantom::{Phantom, PhantomSpec};
use crate::scan::{ScanParams, read_scan};
use crate::store::write_whole;

use super::args::{BenchCommand, BenchCuts, BenchDataset, LayoutName};
use super::case::set_threads;
use super::demo::PEEK;
use super::progress::watch;
use super::result::{Ended, exit};

/// Blur of a scan made of a mesh, mm.
const MESH_FWHM_MM: f64 = 1.2;
/// Blur over voxel of a phantom, as the demo's.
const PHANTOM_FWHM: f64 = 1.5;

/// The command.
pub fn bench(command: &BenchCommand) -> Result<i32, Ended> {
    match command {
        BenchCommand::Cuts(a) => cuts(a),
        BenchCommand::Dataset(a) => dataset(a),
    }
}

struct Chain {
    scan: ScanParams,
    bone: BoneParams,
    missing: MissingParams,
}

fn chain(pipeline: Option<&Path>) -> Result<Chain, Ended> {
    let file = match pipeline {
        Some(path) => PipelineFile::read(path, &[])?,
        None => PipelineFile::parse(PEEK, &[], &ShopTexts::embedded())?,
    };
    Ok(Chain { scan: file.scan()?, bone: file.bone()?, missing: file.reconstruction()? })
}

fn cuts(a: &BenchCuts) -> Result<i32, Ended> {
    set_threads(a.threads);
    let chain = chain(a.pipeline.as_deref())?;
    let axes = a.axes.as_deref().map(axes).transpose()?;
    let watch = watch("bench");
    let mut skulls = a.skulls.iter().map(|s| skull(s, &chain, a.voxel_mm, axes));
    let report = bench_cuts(&mut skulls, a.count, a.seed, &chain.bone, &chain.missing, watch.as_ref())
        .map_err(ended)?;
    drop(watch);
    finish(&report, a.out.as_deref(), a.json)
}

fn dataset(a: &BenchDataset) -> Result<i32, Ended> {
    set_threads(a.threads);
    let chain = chain(a.pipeline.as_deref())?;
    let layout = match a.layout {
        LayoutName::Skullbreak => Layout::SkullBreak,
        LayoutName::Skullfix => Layout::SkullFix,
    };
    let watch = watch("bench");
    let report = bench_dataset(&a.folder, layout, a.count, &chain.bone, &chain.missing, watch.as_ref())
        .map_err(ended)?;
    drop(watch);
    finish(&report, a.out.as_deref(), a.json)
}

fn ended(e: BenchError) -> Ended {
    let code = match e {
        BenchError::Skull { .. } | BenchError::Size { .. } => exit::SCAN,
        BenchError::Dataset(_) | BenchError::Stopped => exit::USAGE,
    };
    Ended::new(code, e)
}

fn finish(report: &Report, out: Option<&Path>, json: bool) -> Result<i32, Ended> {
    let text = serde_json::to_string_pretty(report).expect("a report is plain data");
    if let Some(folder) = out {
        std::fs::create_dir_all(folder).map_err(|e| {
            Ended::new(
                exit::IO,
                anyhow!("the folder of --out cannot be made ({}): choose another place", e.kind()),
            )
        })?;
        write_whole(&folder.join("bench.json"), text.as_bytes())?;
        write_whole(&folder.join("bench.md"), markdown(report).as_bytes())?;
    }
    println!("{}", if json { text } else { markdown(report) });
    Ok(exit::ACCEPT)
}

/// A skull by what its file holds; `phantom:SEED` is made. Named by kind and hash: file names carry patients' names.
fn skull(
    source: &str,
    chain: &Chain,
    voxel_mm: f64,
    axes: Option<[(usize, f64); 3]>,
) -> Result<Skull, BenchError> {
    let unread = |reason: String| BenchError::Skull { skull: "a skull".into(), reason };
    let measured = |name: String, volume, blur_mm, phantom| {
        Skull::new(name, volume, blur_mm, phantom, &chain.bone, &chain.missing)
    };
    if let Some(seed) = source.strip_prefix("phantom:") {
        let seed =
            seed.parse().map_err(|_| unread(format!("phantom:{seed} has no whole number for a seed")))?;
        let spec = PhantomSpec {
            seed,
            defect: None,
            voxel_mm: [voxel_mm; 3],
            psf_fwhm_mm: [PHANTOM_FWHM * voxel_mm; 3],
            ..PhantomSpec::demo()
        };
        let phantom = Phantom::new(spec).map_err(|e| unread(e.to_string()))?;
        let volume = phantom.volume(&Silent).map_err(|e| unread(e.to_string()))?;
        return measured(format!("phantom-{seed}"), volume, Some(PHANTOM_FWHM * voxel_mm), Some(phantom));
    }
    let path = PathBuf::from(source);
    if path.is_file() {
        let bytes =
            std::fs::read(&path).map_err(|e| unread(format!("a file cannot be read ({})", e.kind())))?;
        let hash: String = Sha256::digest(&bytes).iter().take(3).map(|b| format!("{b:02x}")).collect();
        if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("stl")) {
            let name = format!("mesh-{hash}");
            let mut mesh = stl::read_stl::<Patient>(&bytes).map_err(|e| unread(e.to_string()))?.mesh;
            if let Some(axes) = axes {
                for v in &mut mesh.vertices {
                    *v = axes.map(|(of, sign)| sign * v[of]);
                }
            }
            let volume = volume_of_mesh(&name, &mesh, voxel_mm, MESH_FWHM_MM, 1)?;
            return measured(name, volume, Some(MESH_FWHM_MM), None);
        }
        if let Some(mask) = mask(&bytes) {
            let blur_mm = 0.7 * 2.355 * mask.grid.spacing_mm.iter().copied().fold(0.0, f64::max);
            return measured(format!("mask-{hash}"), volume_of_mask(&mask, 1), Some(blur_mm), None);
        }
    }
    let scan = read_scan(&path, &chain.scan, &Silent).map_err(|e| unread(e.to_string()))?;
    measured(format!("scan-{}", scan.facts.series), scan.volume, scan.facts.blur_fwhm_mm, None)
}

/// The file as a mask, where it is an image of zeros and ones.
fn mask(bytes: &[u8]) -> Option<Mask> {
    let (grid, labels) = if nrrd::is_nrrd(bytes) {
        nrrd::read_labels(bytes, &|_| {
            Err(crate::formats::FormatError::Unreadable { format: "NRRD", why: "data apart".into() })
        })
        .ok()?
    } else if nifti::is_nifti(bytes) {
        nifti::read_labels(bytes).ok()?
    } else {
        return None;
    };
    let most = labels.iter().copied().max()?;
    (most == 1).then_some(Mask { grid, voxels: labels })
}

/// `-z,x,-y`: which of a mesh's axes point to the patient's left, to the back and up.
fn axes(text: &str) -> Result<[(usize, f64); 3], Ended> {
    let wrong = || {
        Ended::new(
            exit::USAGE,
            anyhow!(
                "--axes {text} must name each axis once, as in -z,x,-y: left, back and up of the patient, right-handed"
            ),
        )
    };
    let parts: Vec<(usize, f64)> = text
        .split(',')
        .filter_map(|part| {
            let (sign, name) = part.trim().strip_prefix('-').map_or((1.0, part.trim()), |n| (-1.0, n));
            Some((["x", "y", "z"].iter().position(|a| *a == name)?, sign))
        })
        .collect();
    let axes: [(usize, f64); 3] = parts.try_into().map_err(|_| wrong())?;
    let [a, b, c] = axes.map(|(of, _)| of);
    let even = matches!((a, b, c), (0, 1, 2) | (1, 2, 0) | (2, 0, 1));
    let all_differ = a != b && b != c && a != c;
    let sign: f64 = axes.iter().map(|(_, s)| s).product();
    // A mirrored skull would change sides.
    if !all_differ || (if even { 1.0 } else { -1.0 }) * sign < 0.0 { Err(wrong()) } else { Ok(axes) }
}

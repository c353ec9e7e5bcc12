//! Data sets laid out as SkullBreak and SkullFix: masks of defective skulls and of the pieces that are missing.
//!
//! SkullBreak has `defective_skull/<kind>/NNN.nrrd` and `implant/<kind>/NNN.nrrd` (and `complete_skull/NNN.nrrd`, which
//! is not looked at); SkullFix the same without kinds.

use std::path::{Path, PathBuf};

use super::{BenchError, Report, Row, method_name, peak_mb, score, table, volume_of_mask};
use crate::bone::{BoneParams, bone_of_mask};
use crate::formats::{FormatError, nifti, nrrd};
use crate::implant::missing::{Method, MissingParams, fill_each_way};
use crate::model::{GivenMask, Grid, Mask, Silent, Watch};

const METHODS: [Method; 4] =
    [Method::Osteomill, Method::Mirror, Method::ThinPlate, Method::ConstantThickness];
/// Half-way between the 40 and 1100 HU of a scan made of a mask.
const LEVEL_HU: f32 = 570.0;
/// A mask of voxel faces has on the average one and a half times the area of the surface it stands for.
const FACES: f64 = 1.5;

/// How the folder is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A folder per kind of defect.
    SkullBreak,
    /// One folder.
    SkullFix,
}

struct Case {
    kind: String,
    name: String,
    defective: PathBuf,
    implant: PathBuf,
}

/// Completes every skull of the folder and holds it against its ground truth; the first `count` where given.
///
/// # Errors
/// [`BenchError::Dataset`] for a folder without cases and [`BenchError::Skull`] for a file that does not read.
pub fn bench_dataset(
    folder: &Path,
    layout: Layout,
    count: Option<usize>,
    bone_params: &BoneParams,
    params: &MissingParams,
    watch: &dyn Watch,
) -> Result<Report, BenchError> {
    let mut cases = cases(folder, layout);
    if cases.is_empty() {
        return Err(BenchError::Dataset(match layout {
            Layout::SkullBreak => "defective_skull/<kind>/*.nrrd with implant/<kind>/*.nrrd beside it",
            Layout::SkullFix => "defective_skull/*.nrrd with implant/*.nrrd beside it",
        }));
    }
    cases.truncate(count.unwrap_or(usize::MAX));
    let mut rows = Vec::new();
    for (done, case) in cases.iter().enumerate() {
        if watch.stopped() {
            return Err(BenchError::Stopped);
        }
        watch.note(&format!("{} {}", case.kind, case.name));
        rows.extend(complete(case, bone_params, params)?);
        watch.progress(done as u64 + 1, cases.len() as u64);
    }
    let summary = table::summary(&rows);
    let benchmark = if layout == Layout::SkullBreak { "skullbreak" } else { "skullfix" };
    Ok(Report {
        schema: "osteomill.bench/1".into(),
        benchmark: benchmark.into(),
        seed: 0,
        rows,
        skipped: Vec::new(),
        summary,
    })
}

fn cases(folder: &Path, layout: Layout) -> Vec<Case> {
    let sorted = |folder: PathBuf| {
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .filter_map(|e| e.ok().map(|e| e.path()))
            .collect();
        files.sort();
        files
    };
    let name = |p: &Path| p.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let kinds: Vec<String> = match layout {
        Layout::SkullBreak => {
            sorted(folder.join("defective_skull")).iter().filter(|p| p.is_dir()).map(|p| name(p)).collect()
        }
        Layout::SkullFix => vec![String::new()],
    };
    let mut out = Vec::new();
    for kind in kinds {
        for defective in sorted(folder.join("defective_skull").join(&kind)) {
            let implant = folder.join("implant").join(&kind).join(name(&defective));
            let image = [".nrrd", ".nii", ".nii.gz"].iter().any(|e| name(&defective).ends_with(e));
            if image && implant.is_file() {
                let stem = name(&defective).split('.').next().unwrap_or("").to_owned();
                out.push(Case { kind: kind.clone(), name: stem, defective, implant });
            }
        }
    }
    out
}

fn complete(case: &Case, bone_params: &BoneParams, params: &MissingParams) -> Result<Vec<Row>, BenchError> {
    let failed = |reason: String| BenchError::Skull { skull: format!("{} {}", case.kind, case.name), reason };
    let mask = read(&case.defective).map_err(failed)?;
    let truth = read(&case.implant).map_err(failed)?;
    if mask.grid != truth.grid {
        return Err(failed(format!(
            "the skull has {:?} voxels and the implant {:?}; both must lie on one grid",
            mask.grid.dims, truth.grid.dims
        )));
    }
    let piece = voxels(&truth);
    if piece.is_empty() {
        return Err(failed("the implant's mask is empty".into()));
    }
    let began = std::time::Instant::now();
    let volume = volume_of_mask(&mask, 1);
    let given = GivenMask { mask, level_hu: LEVEL_HU, made_hu: None };
    let filled = bone_of_mask(&volume, &given, bone_params, &Silent)
        .map_err(|e| e.to_string())
        .and_then(|bone| {
            fill_each_way(&volume, &bone, None, params, &METHODS, &[]).map_err(|e| e.to_string())
        })
        .unwrap_or_default();
    let seconds = began.elapsed().as_secs_f64();
    let own: Vec<_> = filled.iter().filter(|v| v.iter().any(|v| super::shares(&v.voxels, &piece))).collect();
    let false_defects = filled.len() - own.len();
    Ok(METHODS
        .iter()
        .enumerate()
        .map(|(m, &method)| {
            let mut row = Row {
                skull: case.name.clone(),
                site: if case.kind.is_empty() { "skullfix".into() } else { case.kind.clone() },
                area_cm2: area_cm2(&truth.grid, &piece),
                wall: "given".into(),
                method: method_name(method).into(),
                found: !own.is_empty(),
                false_defects,
                seconds,
                peak_mb: peak_mb(),
                ..Row::default()
            };
            let mut all: Vec<u32> =
                own.iter().filter_map(|v| v.get(m)).flat_map(|v| v.voxels.iter().copied()).collect();
            all.sort_unstable();
            all.dedup();
            if !all.is_empty() {
                let o = score::overlap(&truth.grid, &all, &piece, |at| given.mask.voxels[at] != 0);
                (row.dice, row.bdice, row.hd95_mm) = (o.dice, o.bdice, Some(o.hd95_mm));
                row.volume_ratio = all.len() as f64 / piece.len() as f64;
            }
            row
        })
        .collect())
}

fn read(path: &Path) -> Result<Mask, String> {
    // The name may be a patient's: the message says which case, not which file.
    let bytes = std::fs::read(path).map_err(|e| format!("a file cannot be read ({})", e.kind()))?;
    let beside = |name: &str| {
        let beside = Path::new(name).file_name().map(|n| path.with_file_name(n));
        beside.and_then(|p| std::fs::read(p).ok()).ok_or(FormatError::Unreadable {
            format: "NRRD",
            why: "the data file it names is not beside it".into(),
        })
    };
    let mask =
        if nrrd::is_nrrd(&bytes) { nrrd::read_mask(&bytes, &beside) } else { nifti::read_mask(&bytes) };
    mask.map_err(|e| e.to_string())
}

fn voxels(mask: &Mask) -> Vec<u32> {
    mask.voxels.iter().enumerate().filter(|(_, v)| **v != 0).map(|(at, _)| at as u32).collect()
}

/// Half of the piece's surface, cm²: it is a plate.
fn area_cm2(grid: &Grid, piece: &[u32]) -> f64 {
    let [ni, nj, nk] = grid.dims;
    let h = grid.spacing_mm;
    let face = [h[1] * h[2], h[0] * h[2], h[0] * h[1]];
    let stride = [1, ni, ni * nj];
    let mut mm2 = 0.0;
    for &at in piece {
        let ijk = grid.ijk(at as usize);
        for a in 0..3 {
            let top = [ni, nj, nk][a] - 1;
            for (end, step) in [(0, -(stride[a] as i64)), (top, stride[a] as i64)] {
                let outside = ijk[a] == end || piece.binary_search(&((i64::from(at) + step) as u32)).is_err();
                mm2 += if outside { face[a] } else { 0.0 };
            }
        }
    }
    0.5 * mm2 / FACES / 100.0
}

//! Virtual craniectomies: how well the missing bone is found and completed where the truth is known.
//!
//! **In** whole skulls (scans, masks, meshes, phantoms) and the parameters of the chain. **Out** [`Report`]: a row per
//! cut and method, means per class of size, for JSON and Markdown.
//!
//! **Method** A cut (`cut.rs`) is grown to its area on the outer table and taken out of the *grey* scan (`carve.rs`):
//! what lies inside the head takes the bone's place, with the scan's own blur at the walls and its noise. Bone
//! segmentation and reconstruction then run as on any scan, with no hint. The filling is held against the piece
//! (`score.rs`) and its tables against the tables of the whole skull (`skull.rs`), which for a phantom are a formula
//! and else the skull's own edge before the cut. On the same cuts: the mirror image alone, a thin plate alone,
//! constant thickness, and the oracle, which is handed the true radii and shows what the voxels cost.
//!
//! **Different from the paper** SkullBreak and SkullFix cut masks; here the scan is cut, so that threshold, blur and
//! noise take part.
//!
//! **Guarantees** The same seeds give the same cuts, fillings and numbers (seconds and memory apart) on any number of
//! threads. A cut that cannot be made is listed with its reason, not left out. A defect that was not found counts with
//! Dice 0 and no distance.
//!
//! **Limits** The scalp over the hole does not sink and no dura bulges. The skull whose bone is cut is also its own
//! truth, so the bone's bias (see `tests/edge.rs`) is outside this. The middle of the head is that of the
//! reconstruction.

mod carve;
mod cut;
mod dataset;
mod score;
mod skull;
mod table;
mod voxelise;

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::bone::{BoneParams, segment_bone};
use crate::geometry::random::Random;
use crate::implant::missing::{Method, MissingParams, Variant, fill_each_way};
use crate::model::{Patch, Silent, Watch};
use carve::{Carved, carve, cells, cosine, rim_directions};
pub use cut::Wall;
use cut::{AREAS_CM2, Cut, SITES, Site, WALLS};
pub use dataset::{Layout, bench_dataset};
pub use score::{Errors, Overlap, overlap};
pub use skull::{Kind, Skull};
pub use table::markdown;
pub use voxelise::{volume_of_mask, volume_of_mesh};

use score::percentile;
use skull::radius_mm;

/// Ways every cut is filled.
const METHODS: [Method; 5] =
    [Method::Osteomill, Method::Mirror, Method::ThinPlate, Method::ConstantThickness, Method::Oracle];
/// A found defect is the one that was cut when it shares this part of either's voxels.
const SAME_SHARE: f64 = 0.2;
/// Places about the rim where step and normal are compared.
const RIM_PLACES: usize = 360;
/// The step is read this far inside the wall, mm.
const RIM_INSIDE_MM: f64 = 1.0;

/// Why a benchmark cannot run.
#[derive(Debug, Error)]
pub enum BenchError {
    /// A skull does not serve.
    #[error("{skull}: {reason}")]
    Skull {
        /// As the tables name it.
        skull: String,
        /// What was wrong with it.
        reason: String,
    },
    /// A mesh does not voxelise.
    #[error("{skull}: the mesh spans {size_mm:?} mm, but a skull spans 100 to 350 mm: give it in mm")]
    Size {
        /// As the tables name it.
        skull: String,
        /// Extent, mm.
        size_mm: [f64; 3],
    },
    /// Not laid out as said.
    #[error("the folder has no {0}: check --layout and the folder")]
    Dataset(&'static str),
    /// The user stopped it.
    #[error("stopped on request; run it again with the same seed for the same cuts")]
    Stopped,
}

/// One cut filled in one way.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// Name of the skull.
    pub skull: String,
    /// Site, or `intact`.
    pub site: String,
    /// Area asked for, cm²; 0 for an intact skull.
    pub area_cm2: f64,
    /// Area of the outer table that was cut out, cm².
    pub outer_cm2: f64,
    /// `kerf`, `spherical`, `bevel`, `ragged`, `healed` or `none`.
    pub wall: String,
    /// `osteomill`, `mirror`, `thin_plate`, `constant_thickness` or `oracle`.
    pub method: String,
    /// A defect was found where one was cut.
    pub found: bool,
    /// Defects found where none was cut and none was before.
    pub false_defects: usize,
    /// Dice of the filling's voxels; 0 when not found.
    pub dice: f64,
    /// Dice within 10 mm of the remaining bone.
    pub bdice: f64,
    /// Pooled 95th percentile of the surface distances, mm.
    pub hd95_mm: Option<f64>,
    /// Outer table over the piece, along its normal, mm: mean size of the error.
    pub outer_mean_mm: Option<f64>,
    /// Root mean square.
    pub outer_rms_mm: Option<f64>,
    /// 95th percentile.
    pub outer_p95_mm: Option<f64>,
    /// Inner table, mean size of the error, mm.
    pub inner_mean_mm: Option<f64>,
    /// Root mean square.
    pub inner_rms_mm: Option<f64>,
    /// 95th percentile.
    pub inner_p95_mm: Option<f64>,
    /// Step of the outer table 1 mm inside the rim, mean size, mm.
    pub rim_step_mean_mm: Option<f64>,
    /// 95th percentile.
    pub rim_step_p95_mm: Option<f64>,
    /// Largest.
    pub rim_step_max_mm: Option<f64>,
    /// Angle between the filling's normal and the bone's at the rim, 95th percentile, degrees.
    pub rim_normal_p95_deg: Option<f64>,
    /// Share of the outer table's cells whose error lies within the predicted 90 % interval.
    pub interval90_share: Option<f64>,
    /// Volume of the filling over that of the piece.
    pub volume_ratio: f64,
    /// Bone and reconstruction of this cut, all methods together, s.
    pub seconds: f64,
    /// Peak memory of the process so far, MB; none where the system does not tell.
    pub peak_mb: Option<f64>,
    /// A phantom and not a real skull.
    pub phantom: bool,
}

/// A cut that cannot be.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Skipped {
    /// Name of the skull.
    pub skull: String,
    /// Site.
    pub site: String,
    /// Area, cm².
    pub area_cm2: f64,
    /// Wall.
    pub wall: String,
    /// Why.
    pub reason: String,
}

/// Means over a class.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// `real` or `phantom`.
    pub skulls: String,
    /// Site, or `all`.
    pub site: String,
    /// `le30`, `30to80`, `80to150` or `all`.
    pub class: String,
    /// As in the rows.
    pub method: String,
    /// Cuts.
    pub n: usize,
    /// Cuts found.
    pub found: usize,
    /// Mean, median and worst Dice.
    pub dice: f64,
    /// Median.
    pub dice_p50: f64,
    /// Worst.
    pub dice_worst: f64,
    /// Mean border Dice.
    pub bdice: f64,
    /// Mean distance, mm; none where nothing was found, as below.
    pub hd95_mm: Option<f64>,
    /// Median, mm.
    pub hd95_mm_p50: Option<f64>,
    /// Worst, mm.
    pub hd95_mm_worst: Option<f64>,
    /// Mean of the outer table's mean error, mm.
    pub outer_mean_mm: Option<f64>,
    /// Mean of the inner table's mean error, mm.
    pub inner_mean_mm: Option<f64>,
    /// Mean of the rim's mean step, mm.
    pub rim_step_mean_mm: Option<f64>,
    /// Mean of the rim's 95th percentile, mm.
    pub rim_step_p95_mm: Option<f64>,
    /// Mean of the rim's normal jump, 95th percentile, degrees.
    pub rim_normal_p95_deg: Option<f64>,
    /// Mean share within the predicted 90 % interval.
    pub interval90_share: Option<f64>,
    /// Mean time of a cut, s.
    pub seconds: f64,
}

/// What the benchmark found.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// `osteomill.bench/1`.
    pub schema: String,
    /// `cuts`, `skullbreak` or `skullfix`.
    pub benchmark: String,
    /// Seed of the cuts.
    pub seed: u64,
    /// A row per cut and method.
    pub rows: Vec<Row>,
    /// Cuts that cannot be.
    pub skipped: Vec<Skipped>,
    /// Means per class.
    pub summary: Vec<Summary>,
}

/// Cuts `count` pieces out of every skull (all that can be when `count` is none) and fills them.
///
/// # Errors
/// [`BenchError::Stopped`].
pub fn bench_cuts(
    skulls: &mut dyn Iterator<Item = Result<Skull, BenchError>>,
    count: Option<usize>,
    seed: u64,
    bone_params: &BoneParams,
    params: &MissingParams,
    watch: &dyn Watch,
) -> Result<Report, BenchError> {
    let (mut rows, mut skipped) = (Vec::new(), Vec::new());
    for skull in skulls {
        let skull = skull?;
        rows.push(intact(&skull));
        let planned = plan(seed);
        let wanted = count.unwrap_or(planned.len());
        let mut made = 0;
        for p in &planned {
            if made >= wanted {
                break;
            }
            if watch.stopped() {
                return Err(BenchError::Stopped);
            }
            let wall = wall_name(p.wall);
            watch.note(&format!("{}: {} {} cm2 {wall}", skull.name, p.site.name, p.area_cm2));
            let centre = skull.vault.centre();
            let cut = Cut::new(centre, skull.vault.axes(), p.site, p.wall, p.seed, |d| {
                skull.vault.rough_radius_mm(d)
            });
            let carved = if p.area_cm2 < p.site.area_cm2_min {
                Err("the site is larger than the area")
            } else {
                carve(&skull, cut, p.area_cm2, p.seed)
            };
            match carved {
                Err(reason) => skipped.push(Skipped {
                    skull: skull.name.clone(),
                    site: p.site.name.into(),
                    area_cm2: p.area_cm2,
                    wall: wall.into(),
                    reason: reason.into(),
                }),
                Ok((cut, carved)) => {
                    rows.extend(fill(&skull, p, &cut, &carved, bone_params, params));
                    made += 1;
                    watch.progress(made as u64, wanted as u64);
                }
            }
        }
    }
    let summary = table::summary(&rows);
    Ok(Report { schema: "osteomill.bench/1".into(), benchmark: "cuts".into(), seed, rows, skipped, summary })
}

/// One cut to make.
struct Planned {
    site: &'static Site,
    area_cm2: f64,
    wall: Wall,
    seed: u64,
}

/// All cuts in an order that the seed shuffles, so that the first few are a fair sample.
fn plan(seed: u64) -> Vec<Planned> {
    let mut all: Vec<Planned> = Vec::new();
    for (s, site) in SITES.iter().enumerate() {
        for (a, &area_cm2) in AREAS_CM2.iter().enumerate() {
            for (w, &wall) in WALLS.iter().enumerate() {
                let own = ((s * AREAS_CM2.len() + a) * WALLS.len() + w) as u64;
                all.push(Planned {
                    site,
                    area_cm2,
                    wall,
                    seed: seed.wrapping_mul(1_000_003).wrapping_add(own),
                });
            }
        }
    }
    let mut random = Random::new(seed ^ 0xC0FF_EE00);
    for i in (1..all.len()).rev() {
        all.swap(i, (random.bits() % (i as u64 + 1)) as usize);
    }
    all
}

fn wall_name(wall: Wall) -> &'static str {
    match wall {
        Wall::Kerf => "kerf",
        Wall::Spherical => "spherical",
        Wall::Bevel => "bevel",
        Wall::Ragged => "ragged",
        Wall::Healed => "healed",
    }
}

fn method_name(method: Method) -> &'static str {
    match method {
        Method::Osteomill => "osteomill",
        Method::Mirror => "mirror",
        Method::ThinPlate => "thin_plate",
        Method::ConstantThickness => "constant_thickness",
        Method::Oracle => "oracle",
    }
}

fn blank(skull: &Skull) -> Row {
    Row {
        skull: skull.name.clone(),
        site: "intact".into(),
        wall: "none".into(),
        method: "osteomill".into(),
        peak_mb: peak_mb(),
        phantom: skull.kind == Kind::Phantom,
        ..Row::default()
    }
}

/// The skull as it came: what is found in it was there before, and is false unless the skull is known to have it.
fn intact(skull: &Skull) -> Row {
    Row { false_defects: skull.before.len(), ..blank(skull) }
}

fn fill(
    skull: &Skull,
    planned: &Planned,
    cut: &Cut,
    carved: &Carved,
    bone_params: &BoneParams,
    params: &MissingParams,
) -> Vec<Row> {
    let began = std::time::Instant::now();
    let variants = segment_bone(&carved.volume, bone_params, &Silent)
        .map_err(|e| e.to_string())
        .and_then(|bone| {
            let whole = Some((&skull.volume, &skull.bone, &skull.vault));
            fill_each_way(&carved.volume, &bone, whole, params, &METHODS, &skull.before)
                .map_err(|e| e.to_string())
        })
        // No vault found is a defect not found.
        .unwrap_or_default();
    let seconds = began.elapsed().as_secs_f64();
    let of_cut = |v: &&Vec<Variant>| v.first().is_some_and(|v| shares(&v.voxels, &carved.piece));
    let false_defects = variants.iter().filter(|v| !v.is_empty() && !of_cut(v)).count();
    let own: Vec<&Vec<Variant>> = variants.iter().filter(of_cut).collect();
    METHODS
        .par_iter()
        .enumerate()
        .map(|(m, &method)| {
            let mut row = Row {
                site: planned.site.name.into(),
                area_cm2: planned.area_cm2,
                outer_cm2: carved.area_mm2 / 100.0,
                wall: wall_name(planned.wall).into(),
                method: method_name(method).into(),
                found: !own.is_empty(),
                false_defects,
                seconds,
                ..blank(skull)
            };
            let mut filled: Vec<u32> =
                own.iter().filter_map(|v| v.get(m)).flat_map(|v| v.voxels.iter().copied()).collect();
            filled.sort_unstable();
            filled.dedup();
            let patches: Vec<&Patch> = own.iter().filter_map(|v| v.get(m)).map(|v| &v.patch).collect();
            measure(&mut row, skull, cut, carved, &filled, &patches);
            row
        })
        .collect()
}

/// True for two sorted lists of voxels that are the same defect.
fn shares(set: &[u32], with: &[u32]) -> bool {
    let both = common(set, with) as f64;
    both > SAME_SHARE * set.len() as f64 || both > SAME_SHARE * with.len() as f64
}

/// Voxels in both of two sorted lists.
fn common(a: &[u32], b: &[u32]) -> usize {
    a.iter().filter(|x| b.binary_search(x).is_ok()).count()
}

fn measure(row: &mut Row, skull: &Skull, cut: &Cut, carved: &Carved, filled: &[u32], patches: &[&Patch]) {
    if filled.is_empty() {
        return;
    }
    let grid = &skull.volume.grid;
    let o = overlap(grid, filled, &carved.piece, |at| skull.solid[at] != 0);
    row.dice = o.dice;
    row.bdice = o.bdice;
    row.hd95_mm = Some(o.hd95_mm);
    row.volume_ratio = filled.len() as f64 / carved.piece.len() as f64;
    let chart = &carved.chart;
    // The cut moved the middle of the head a little: radii are carried over from the one to the other.
    let predicted = |values: fn(&Patch) -> &[f64], d: nalgebra::Vector3<f64>| {
        patches.iter().find_map(|p| {
            let mut r = radius_mm(chart, &chart.outer_mm, d)?;
            for _ in 0..8 {
                let from = chart.centre.v() + d * r - p.centre.v();
                r += radius_mm(p, values(p), from.normalize())? - from.norm();
            }
            Some(r)
        })
    };
    let (mut outer, mut inner, mut sure) = (Vec::new(), Vec::new(), Vec::new());
    for cell in cells(chart).filter(|c| cut.value(c.outer) < 0.0) {
        let (Some(o), Some(i)) =
            (predicted(|p| &p.outer_mm, cell.direction), predicted(|p| &p.inner_mm, cell.direction))
        else {
            continue;
        };
        let e = (o - chart.outer_mm[cell.at]) * cosine(chart, &chart.outer_mm, cell.at);
        outer.push(e);
        inner.push((i - chart.inner_mm[cell.at]) * cosine(chart, &chart.inner_mm, cell.at));
        let sigma = patches.iter().find_map(|p| {
            let from = cell.outer - p.centre.v();
            radius_mm(p, &p.sigma_mm, from.normalize())
        });
        if let Some(sigma) = sigma {
            sure.push(e.abs() <= 1.645 * sigma);
        }
    }
    inner.retain(|e| e.is_finite());
    let (o, i) = (Errors::of(&outer), Errors::of(&inner));
    (row.outer_mean_mm, row.outer_rms_mm, row.outer_p95_mm) = (Some(o.mean), Some(o.rms), Some(o.p95));
    (row.inner_mean_mm, row.inner_rms_mm, row.inner_p95_mm) = (Some(i.mean), Some(i.rms), Some(i.p95));
    row.interval90_share = Some(sure.iter().filter(|s| **s).count() as f64 / sure.len() as f64);
    let (mut steps, mut turns) = (Vec::new(), Vec::new());
    for d in rim_directions(cut, chart, RIM_PLACES, RIM_INSIDE_MM) {
        let truth = |d| radius_mm(chart, &chart.outer_mm, d);
        let ours = |d| predicted(|p| &p.outer_mm, d);
        if let (Some(t), Some(o)) = (truth(d), ours(d)) {
            // To the truth's normal: radii to a distance.
            let (nt, no) = (normal(&truth, d), normal(&ours, d));
            steps.push((o - t) * nt.map_or(1.0, |n| n.dot(&d)));
            if let (Some(a), Some(b)) = (nt, no) {
                turns.push(a.angle(&b).to_degrees());
            }
        }
    }
    let s = Errors::of(&steps);
    (row.rim_step_mean_mm, row.rim_step_p95_mm, row.rim_step_max_mm) =
        (Some(s.mean), Some(s.p95), Some(s.max));
    turns.sort_by(f64::total_cmp);
    row.rim_normal_p95_deg = Some(percentile(&turns, 95.0));
}

/// Normal of a surface of radii at a direction, from places 1.5 mm to either side.
fn normal(
    radius: &impl Fn(nalgebra::Vector3<f64>) -> Option<f64>,
    d: nalgebra::Vector3<f64>,
) -> Option<nalgebra::Vector3<f64>> {
    let u = d
        .cross(&nalgebra::Vector3::x())
        .try_normalize(0.1)
        .unwrap_or_else(|| d.cross(&nalgebra::Vector3::y()).normalize());
    let v = d.cross(&u);
    let step = 1.5 / radius(d)?;
    let at = |w: nalgebra::Vector3<f64>| {
        let e = (d + w * step).normalize();
        radius(e).map(|r| e * r)
    };
    let (a, b) = (at(u)? - at(-u)?, at(v)? - at(-v)?);
    let n = a.cross(&b).normalize();
    Some(if n.dot(&d) < 0.0 { -n } else { n })
}

/// Peak resident memory of this process, MB.
fn peak_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}

//! Walks across the bone's edge: the peak inside, the plateau outside, and half-way between them.

use rayon::prelude::*;

use super::bits::BitMask;
use super::params::BoneParams;
use crate::model::{Grid, Mask, Volume};

/// Steps per smallest voxel side.
const STEPS_PER_VOXEL: f64 = 4.0;
/// A plateau is reached where this length brings no more than a share of what came so far. At the blur of a soft
/// kernel (sigma 0.7 mm) 5 % stops 2.5 sigma from the edge, where 0.6 % of the step is left. Inward the share is
/// smaller: a table still climbs slowly to its peak, and 5 % put the level 30 HU low on a real vault. Outward fat and
/// skin fall slowly and for long.
const PLATEAU_MM: f64 = 0.75;
const PLATEAU_SHARE_OUT: f64 = 0.05;
const PLATEAU_SHARE_IN: f64 = 0.02;
/// Turning back by this share of the step, or by `NOISE_HU`, ends the walk: the peak or valley is passed.
const TURN_SHARE: f64 = 0.10;
const NOISE_HU: f64 = 30.0;
/// The way out of the bone is away from the middle of the bone within this distance. The gradient of the HU is not:
/// on a bare wall of diploe the step to the table beside it is larger than the one to soft tissue.
const BALL_MM: f64 = 2.6;
/// This many sigmas of the blur beyond the edge its response is complete, to 0.6 % of the step; what is brighter still
/// deeper in has no part in the edge.
const SIGMAS: f64 = 2.5;

/// What was found at one boundary voxel of the mask.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Voxel index.
    pub ijk: [u32; 3],
    /// Unit vector out of the bone, in mm along i, j, k.
    pub out: [f32; 3],
    /// Highest HU inside.
    pub peak_hu: f32,
    /// Lowest HU outside.
    pub trough_hu: f32,
    /// Between them; smoothed later.
    pub level_hu: f32,
    /// From the voxel's centre in to the peak, mm.
    pub peak_mm: f32,
}

/// What all walks found.
pub struct Edges {
    /// In order of memory.
    pub samples: Vec<Sample>,
    /// The scanner's blur, from the slopes of all edges; `None` where no slope was met.
    pub sigma_mm: Option<f64>,
}

/// Walks at every voxel of the mask that has a neighbour outside it, in order of memory: once as far as
/// `edge_reach_mm`, which tells how wide the scanner blurs, then no farther in than an edge of that blur reaches.
pub fn samples(volume: &Volume, mask: &Mask, params: &BoneParams) -> Edges {
    let [_, nj, nk] = volume.grid.dims;
    let bits = BitMask::new(volume.grid.dims, &mask.voxels);
    let ball = Ball::new(&volume.grid);
    let first: Vec<Vec<Sample>> = (0..nj * nk)
        .into_par_iter()
        .with_min_len(16)
        .map(|row| {
            let (j, k) = (row % nj, row / nj);
            let mut found = Vec::new();
            bits.boundary(j, k, &mut |i| {
                found.extend(
                    ball.way_out(&bits, [i, j, k])
                        .map(|out| Walker::along(volume, [i, j, k], out))
                        .and_then(|w| w.sample(params, params.edge_reach_mm)),
                );
            });
            found
        })
        .collect();
    let first = first.concat();
    let edges: Vec<Option<Edge>> =
        first.par_iter().map(|s| Walker::again(volume, s).edge(s, params.edge_reach_mm)).collect();
    let mut sigmas: Vec<f64> = edges.iter().flatten().map(|e| e.sigma_mm).collect();
    if sigmas.is_empty() {
        return Edges { samples: first, sigma_mm: None };
    }
    sigmas.sort_by(f64::total_cmp);
    let sigma_mm = sigmas[sigmas.len() / 2];
    let response_mm = SIGMAS * sigma_mm;
    let samples = first
        .par_iter()
        .zip(&edges)
        .filter_map(|(s, edge)| match edge {
            Some(e) => {
                let reach_mm = (e.inward_mm + response_mm).min(params.edge_reach_mm);
                Walker::again(volume, s).sample(params, reach_mm)
            }
            None => Some(*s),
        })
        .collect();
    Edges { samples, sigma_mm: Some(sigma_mm) }
}

/// Where a sample's level is crossed, inward of its voxel, and the blur that the slope there speaks of.
struct Edge {
    inward_mm: f64,
    sigma_mm: f64,
}

/// The voxels within [`BALL_MM`]: rows of them, by j and k, with how far each reaches to either side.
struct Ball {
    rows: Vec<[i64; 3]>,
    /// The widest row's reach.
    reach: usize,
    spacing_mm: [f64; 3],
    dims: [usize; 3],
}

/// The widest window that [`BitMask::window`] reads at once.
const WINDOW: i64 = 31;

impl Ball {
    fn new(grid: &Grid) -> Self {
        let h = grid.spacing_mm;
        let w = h.map(|h| (BALL_MM / h).floor() as i64);
        let within = |i: i64, j: i64, k: i64| {
            let mm = [i as f64 * h[0], j as f64 * h[1], k as f64 * h[2]];
            mm.iter().map(|x| x * x).sum::<f64>() <= BALL_MM * BALL_MM
        };
        let mut rows = Vec::new();
        for k in -w[2]..=w[2] {
            for j in -w[1]..=w[1] {
                rows.extend((0..=w[0]).rev().find(|&i| within(i, j, k)).map(|i| [i, j, k]));
            }
        }
        Self { rows, reach: w[0] as usize, spacing_mm: h, dims: grid.dims }
    }

    /// Unit vector in mm along i, j, k away from the middle of the bone about a voxel; `None` where it is all about.
    /// Beyond the scan its last voxels go on.
    fn way_out(&self, mask: &BitMask, [i, j, k]: [usize; 3]) -> Option<[f64; 3]> {
        let [ni, nj, nk] = self.dims;
        let at = |n: usize, o: i64, top: usize| (n as i64 + o).clamp(0, top as i64 - 1) as usize;
        let whole = i >= self.reach && i + self.reach < ni;
        let mut sum = [0i64; 3];
        for &[w, dj, dk] in &self.rows {
            let (jj, kk) = (at(j, dj, nj), at(k, dk, nk));
            let (count, along) = if whole && w <= WINDOW {
                mask.window(i, w as usize, jj, kk)
            } else {
                let row = mask.row(jj, kk);
                let set = |o: &i64| row[at(i, *o, ni) / 64] >> (at(i, *o, ni) % 64) & 1 == 1;
                (-w..=w).filter(set).fold((0, 0), |(n, s), o| (n + 1, s + o))
            };
            sum = [sum[0] + along, sum[1] + count * dj, sum[2] + count * dk];
        }
        let mm: [f64; 3] = std::array::from_fn(|a| sum[a] as f64 * self.spacing_mm[a]);
        let length = mm.iter().map(|x| x * x).sum::<f64>().sqrt();
        (length > 0.0).then(|| mm.map(|x| -x / length))
    }
}

/// A line through a voxel's centre, out of the bone.
pub struct Walker<'a> {
    volume: &'a Volume,
    ijk: [usize; 3],
    /// Out of the bone, mm.
    out: [f64; 3],
    pub step_mm: f64,
}

impl<'a> Walker<'a> {
    /// The line a sample was taken on.
    pub fn again(volume: &'a Volume, sample: &Sample) -> Self {
        Self::along(volume, sample.ijk.map(|n| n as usize), sample.out.map(f64::from))
    }

    fn along(volume: &'a Volume, ijk: [usize; 3], out: [f64; 3]) -> Self {
        let smallest = volume.grid.spacing_mm.iter().copied().fold(f64::INFINITY, f64::min);
        Self { volume, ijk, out, step_mm: smallest / STEPS_PER_VOXEL }
    }

    /// HU at `s_mm` outward of the voxel's centre.
    pub fn hu(&self, s_mm: f64) -> f64 {
        let h = self.volume.grid.spacing_mm;
        self.volume.hu_at_index(std::array::from_fn(|a| self.ijk[a] as f64 + self.out[a] * s_mm / h[a]))
    }

    /// `None` where the step is too small for an edge. The peak is looked for as far in as `inward_mm`.
    fn sample(&self, params: &BoneParams, inward_mm: f64) -> Option<Sample> {
        let start = self.hu(0.0);
        let (trough_hu, _) = self.extreme(1.0, start, start, params.edge_reach_mm);
        let (peak_hu, peak_mm) = self.extreme(-1.0, start, trough_hu, inward_mm);
        (peak_hu - trough_hu >= params.edge_contrast_hu_min).then(|| Sample {
            ijk: self.ijk.map(|n| n as u32),
            out: self.out.map(|x| x as f32),
            peak_hu: peak_hu as f32,
            trough_hu: trough_hu as f32,
            level_hu: ((peak_hu + trough_hu) / 2.0) as f32,
            peak_mm: peak_mm as f32,
        })
    }

    /// The edge as it is met on this line; `None` within reach of nothing, or where HU stand still.
    fn edge(&self, sample: &Sample, reach_mm: f64) -> Option<Edge> {
        let inward_mm = -self.crossing_mm(f64::from(sample.level_hu), reach_mm)?;
        let slope =
            (self.hu(-inward_mm - self.step_mm) - self.hu(-inward_mm + self.step_mm)) / (2.0 * self.step_mm);
        let step_hu = f64::from(sample.peak_hu - sample.trough_hu);
        // A step of height H blurred by sigma rises by H / (sigma √(2π)) at its middle.
        (slope > 0.0).then(|| Edge { inward_mm, sigma_mm: step_hu / (slope * std::f64::consts::TAU.sqrt()) })
    }

    /// First valley outward (`sign` +1) or first peak inward (`sign` −1): HU and distance. `far_hu` is the other end
    /// of the step as far as known.
    fn extreme(&self, sign: f64, start: f64, far_hu: f64, reach_mm: f64) -> (f64, f64) {
        let share = if sign > 0.0 { PLATEAU_SHARE_OUT } else { PLATEAU_SHARE_IN };
        let lag = (PLATEAU_MM / self.step_mm).ceil() as usize;
        let steps = (reach_mm / self.step_mm).floor() as usize;
        // Rising inward, falling outward: turned so that the search is always for a maximum.
        let turned = |hu: f64| -sign * hu;
        let mut best = vec![turned(start)];
        let mut best_at = 0;
        for n in 1..=steps {
            let v = turned(self.hu(sign * n as f64 * self.step_mm));
            let so_far = best[n - 1];
            let range = so_far - turned(far_hu);
            if v > so_far {
                best_at = n;
            } else if v < so_far - (TURN_SHARE * range).max(NOISE_HU) {
                break;
            }
            best.push(so_far.max(v));
            // Not before something was climbed: the walk may begin on a shoulder.
            if n >= lag && range > NOISE_HU && best[n] - best[n - lag] < share * range {
                break;
            }
        }
        (turned(best[best.len() - 1]), best_at as f64 * self.step_mm)
    }

    /// Where HU crosses `level` next to the voxel, mm outward; `None` within reach of nothing.
    pub fn crossing_mm(&self, level: f64, reach_mm: f64) -> Option<f64> {
        let start = self.hu(0.0);
        // Above the level the crossing lies outward, below it inward.
        let sign = if start >= level { 1.0 } else { -1.0 };
        let mut before = start;
        for n in 1..=(reach_mm / self.step_mm).floor() as usize {
            let v = self.hu(sign * n as f64 * self.step_mm);
            if (v >= level) != (start >= level) {
                return Some(sign * self.step_mm * (n as f64 - 1.0 + (level - before) / (v - before)));
            }
            before = v;
        }
        None
    }
}

//! Which guide bends the plate, and by how much: chosen by pretending to cut the surviving bone and measuring.

use nalgebra::Vector3;
use rayon::prelude::*;

use super::chart::Chart;
use super::local::{Local, Skull};
use super::plate::{Guide, Plate, smooth};

/// Pretend cuts wanted.
const SITES: usize = 8;
/// Cell of a pretend cut's chart, mm: the error looked for is long-waved.
const SITE_STEP_MM: f64 = 1.5;
/// Surviving bone needed around a pretend cut, mm.
const SITE_BAND_MM: f64 = 14.0;
/// Share of the cut's cells that must have been bone.
const SITE_SOUND_SHARE: f64 = 0.98;
/// A guide must better the plain plate by this share of its error, or it is left alone.
const WORTHWHILE: f64 = 0.03;
/// The mirror image is smoothed by this, mm: its bumps are the other side's own.
const MIRROR_SIGMA_MM: f64 = 6.0;
/// Width of the rings about the rim in which the error is gathered, mm.
const RING_MM: f64 = 3.0;
/// Error assumed at the rim and gained per mm inwards where no pretend cut could be made, mm. Arbitrary, generous.
const UNTESTED_SIGMA_MM: (f64, f64) = (0.4, 0.08);

/// Outer or inner table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sheet {
    Outer,
    Inner,
}

/// The fields whose bends may guide a plate; NaN where they have nothing to say.
pub(super) struct Guides<'a> {
    form_mm: &'a [f64],
    mirror_mm: Vec<f64>,
}

impl<'a> Guides<'a> {
    pub(super) fn new(chart: &Chart, form_mm: &'a [f64], mirrored_mm: &[f64], radius_mm: f64) -> Self {
        let sigma_cells = MIRROR_SIGMA_MM / (chart.step_rad * radius_mm);
        Self { form_mm, mirror_mm: smooth(chart.n, mirrored_mm, sigma_cells) }
    }

    /// The two, weighted.
    pub(super) fn weighted(&self, w: &Weights) -> [Guide<'_>; 2] {
        [(w.form, self.form_mm), (w.mirror, &self.mirror_mm)]
    }
}

/// How much of each guide's curvature the plate takes over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Weights {
    pub(super) form: f64,
    pub(super) mirror: f64,
}

impl Weights {
    /// As `defects.json` says it.
    pub(super) fn name(&self) -> String {
        match (self.form > 0.0, self.mirror > 0.0) {
            (false, false) => "none".into(),
            (true, false) => format!("form {:.2}", self.form),
            (false, true) => format!("mirror {:.2}", self.mirror),
            (true, true) => format!("form {:.2} + mirror {:.2}", self.form, self.mirror),
        }
    }
}

/// What the pretend cuts taught about one sheet.
#[derive(Clone, Debug)]
pub(super) struct Lesson {
    pub(super) weights: Weights,
    /// Pretend cuts measured.
    pub(super) sites: usize,
    /// Held-out error, root mean square over the sites, of the plain plate and as chosen, mm.
    pub(super) plain_rms_mm: f64,
    pub(super) chosen_rms_mm: f64,
    /// Standard deviation per ring of `RING_MM` from the rim, growing inwards, mm.
    rings_mm: Vec<f64>,
}

impl Lesson {
    /// Predicted standard deviation at a distance from the fixed bone, mm.
    pub(super) fn sigma_mm(&self, from_rim_mm: f64) -> f64 {
        if self.rings_mm.is_empty() {
            return UNTESTED_SIGMA_MM.0 + UNTESTED_SIGMA_MM.1 * from_rim_mm;
        }
        let x = (from_rim_mm / RING_MM - 0.5).max(0.0);
        let i = (x as usize).min(self.rings_mm.len() - 1);
        let next = self.rings_mm[(i + 1).min(self.rings_mm.len() - 1)];
        self.rings_mm[i] + (next - self.rings_mm[i]) * (x - i as f64).clamp(0.0, 1.0)
    }
}

/// Errors of one pretend cut, per held-out cell.
struct Trial {
    plain_mm: Vec<f64>,
    /// What full weight of a guide adds.
    by_form_mm: Vec<f64>,
    by_mirror_mm: Vec<f64>,
    from_rim_mm: Vec<f64>,
}

impl Trial {
    fn rms_mm(&self, w: &Weights) -> f64 {
        let sum: f64 = (0..self.plain_mm.len())
            .map(|i| {
                (self.plain_mm[i] + w.form * self.by_form_mm[i] + w.mirror * self.by_mirror_mm[i]).powi(2)
            })
            .sum();
        (sum / self.plain_mm.len() as f64).sqrt()
    }
}

/// Cuts the defect's outline out of the surviving bone around it and learns, for each sheet, what would have filled
/// it best.
pub(super) fn learn(skull: &Skull<'_>, local: &Local, missing: &[bool]) -> (Lesson, Lesson) {
    // Smaller outlines where the whole one finds no room.
    let mut trials: Vec<(Trial, Trial)> = Vec::new();
    for scale in [1.0, 0.75, 0.5] {
        trials = try_sites(skull, local, missing, scale);
        if trials.len() >= 3 {
            break;
        }
    }
    let (outer, inner): (Vec<Trial>, Vec<Trial>) = trials.into_iter().unzip();
    (lesson(&outer), lesson(&inner))
}

fn try_sites(skull: &Skull<'_>, local: &Local, missing: &[bool], scale: f64) -> Vec<(Trial, Trial)> {
    let chart = &local.chart;
    let radius_mm = skull.map.form.radius_mm(chart.axis);
    let reach_rad =
        scale * (0..chart.len()).filter(|&at| missing[at]).map(|at| chart.angle_at(at)).fold(0.0, f64::max);
    let clear_rad = SITE_BAND_MM / radius_mm;
    let candidates: Vec<Vector3<f64>> = [2.0, 2.6, 3.3]
        .iter()
        .flat_map(|&ring| (0..12).map(move |i| (ring, f64::from(i) * std::f64::consts::TAU / 12.0)))
        .map(|(ring, turn)| {
            let away = (1.0 + ring * 0.5) * reach_rad + clear_rad;
            let across = chart.u * turn.cos() + chart.v * turn.sin();
            chart.axis * away.cos() + across * away.sin()
        })
        .filter(|axis| has_room(skull, axis, reach_rad + 0.7 * clear_rad))
        .take(SITES)
        .collect();
    let results: Vec<Option<(Trial, Trial)>> = candidates
        .par_iter()
        .map(|axis| trial(skull, local, missing, *axis, scale, reach_rad + clear_rad))
        .collect();
    results.into_iter().flatten().collect()
}

/// A cheap look at the vault's map before rays are spent.
fn has_room(skull: &Skull<'_>, axis: &Vector3<f64>, reach_rad: f64) -> bool {
    let map = &skull.map;
    let probe = Chart::new(map.chart.centre, *axis, reach_rad, reach_rad / 8.0);
    let (mut good, mut all) = (0usize, 0usize);
    for at in (0..probe.len()).filter(|&at| probe.angle_at(at) <= reach_rad) {
        let d = probe.direction_at(at);
        let cell = map.chart.nearest(map.chart.cell(d));
        all += 1;
        good += usize::from(cell.is_some_and(|m| {
            skull.zone.contains(d)
                && !skull.near_defect[m]
                && map.shells[m].is_some_and(|s| s.lumen_mm.is_none())
        }));
    }
    good as f64 >= 0.97 * all as f64
}

fn trial(
    skull: &Skull<'_>,
    local: &Local,
    missing: &[bool],
    axis: Vector3<f64>,
    scale: f64,
    half_angle_rad: f64,
) -> Option<(Trial, Trial)> {
    let radius_mm = skull.map.form.radius_mm(axis);
    let chart = Chart::new(local.chart.centre, axis, half_angle_rad, SITE_STEP_MM / radius_mm);
    let site = skull.measure(chart);
    let chart = &site.chart;
    // The defect's outline, moved here: the same offsets in the chart, shrunk by `scale`.
    let middle = (local.chart.n as f64 - 1.0) / 2.0;
    let cut: Vec<bool> = (0..chart.len())
        .map(|at| {
            let (x, y) = chart.offset_rad((at % chart.n) as f64, (at / chart.n) as f64);
            let there =
                [x / scale / local.chart.step_rad + middle, y / scale / local.chart.step_rad + middle];
            local.chart.nearest(there).is_some_and(|m| missing[m])
        })
        .collect();
    let held: Vec<usize> = (0..chart.len()).filter(|&at| cut[at] && site.outer_mm[at].is_finite()).collect();
    let cut_cells = cut.iter().filter(|&&c| c).count();
    if cut_cells < 20 || (held.len() as f64) < SITE_SOUND_SHARE * cut_cells as f64 {
        return None;
    }
    let to_cut = chart.distance_cells(&cut);
    // One cell of this coarser chart stands for the two grown onto a real edge.
    let grown: Vec<bool> = to_cut.iter().map(|&d| d <= 1.0).collect();
    let kept: Vec<bool> = grown.iter().map(|&g| !g).collect();
    let to_kept = chart.distance_cells(&kept);
    let from_rim_mm: Vec<f64> = held.iter().map(|&at| f64::from(to_kept[at]) * SITE_STEP_MM).collect();
    let domain: Vec<bool> = (0..chart.len())
        .map(|at| {
            grown[at]
                || (f64::from(to_cut[at]) * SITE_STEP_MM <= SITE_BAND_MM && site.outer_mm[at].is_finite())
        })
        .collect();
    let plate = Plate::new(chart.n, &domain, &grown)?;
    let (mirrored_outer, mirrored_inner) = skull.measure_mirrored(chart);
    let sheet = |values: &[f64], mirrored: &[f64]| {
        // What is held out must not reach the band through the smoothing.
        let seen: Vec<f64> =
            (0..chart.len()).map(|at| if grown[at] { f64::NAN } else { values[at] }).collect();
        let smoothed = smooth(chart.n, &seen, 1.0);
        let guides = Guides::new(chart, &site.form_mm, mirrored, radius_mm);
        let solve = |form: f64, mirror: f64| {
            plate.solve(&smoothed, &guides.weighted(&Weights { form, mirror }), &site.form_mm)
        };
        let (plain, form, mirror) = (solve(0.0, 0.0), solve(1.0, 0.0), solve(0.0, 1.0));
        Trial {
            plain_mm: held.iter().map(|&at| plain[at] - values[at]).collect(),
            by_form_mm: held.iter().map(|&at| form[at] - plain[at]).collect(),
            by_mirror_mm: held.iter().map(|&at| mirror[at] - plain[at]).collect(),
            from_rim_mm: from_rim_mm.clone(),
        }
    };
    Some((sheet(&site.outer_mm, &mirrored_outer), sheet(&site.inner_mm, &mirrored_inner)))
}

fn lesson(trials: &[Trial]) -> Lesson {
    let none = Weights { form: 0.0, mirror: 0.0 };
    let mean = |w: &Weights| trials.iter().map(|t| t.rms_mm(w)).sum::<f64>() / trials.len().max(1) as f64;
    let plain_rms_mm = mean(&none);
    let mut best = (plain_rms_mm * (1.0 - WORTHWHILE), none);
    // Two cuts agree on anything: a guide needs three.
    if trials.len() >= 3 {
        for i in 0..=4 {
            for j in 0..=4 {
                let w = Weights { form: f64::from(i) * 0.25, mirror: f64::from(j) * 0.25 };
                let cost = mean(&w);
                let helped = trials.iter().filter(|t| t.rms_mm(&w) <= t.rms_mm(&none)).count();
                if cost < best.0 && 2 * helped >= trials.len() {
                    best = (cost, w);
                }
            }
        }
    }
    let weights = best.1;
    Lesson {
        weights,
        sites: trials.len(),
        plain_rms_mm,
        chosen_rms_mm: mean(&weights),
        rings_mm: rings(trials, &weights),
    }
}

/// Root mean square of the error per ring; never falling inwards, since no place deeper in the hole is surer.
fn rings(trials: &[Trial], w: &Weights) -> Vec<f64> {
    let mut sums: Vec<(f64, usize)> = Vec::new();
    for t in trials {
        for i in 0..t.plain_mm.len() {
            let ring = (t.from_rim_mm[i] / RING_MM) as usize;
            if sums.len() <= ring {
                sums.resize(ring + 1, (0.0, 0));
            }
            let e = t.plain_mm[i] + w.form * t.by_form_mm[i] + w.mirror * t.by_mirror_mm[i];
            sums[ring] = (sums[ring].0 + e * e, sums[ring].1 + 1);
        }
    }
    let mut highest = 0.0f64;
    sums.iter()
        .map(|&(sum, count)| {
            if count > 0 {
                highest = highest.max((sum / count as f64).sqrt());
            }
            highest
        })
        .collect()
}

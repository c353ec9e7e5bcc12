//! Are these the values of a CT, each slice its own, and sharp across the slices too?

use rayon::prelude::*;

use super::blur::blur_across_fwhm_mm;
use super::params::ScanParams;
use crate::model::{Finding, Severity, Volume};

/// Air of whatever scale lies here; padding below, tissue above.
const AIR_HU: std::ops::RangeInclusive<i16> = -1400..=-500;
/// A head scan is half air; less than this share is no air about a head.
const AIR_SHARE_MIN: f64 = 0.01;
/// Blocks of this many pixels along each side show the noise where their mean is that of soft tissue.
const BLOCK: usize = 7;
const SOFT_HU: std::ops::RangeInclusive<f64> = -50.0..=120.0;
/// Fewer blocks say nothing: a dry skull has no soft tissue.
const BLOCKS_MIN: usize = 200;
/// Above this a slice shows something that has noise.
const TISSUE_HU: i16 = -200;

/// What is said of the values. `coarse_mm` is the coarser of slice step and thickness, which has its own finding.
pub fn findings(volume: &Volume, coarse_mm: f64, params: &ScanParams) -> Vec<Finding> {
    let found =
        [air(volume, params), noise(volume, params), repeated(volume), across(volume, coarse_mm, params)];
    found.into_iter().flatten().collect()
}

/// Slices spread over the scan, 24 or a few more: enough for thousands of blocks, and millions of voxels of air.
fn sampled(nk: usize) -> impl IndexedParallelIterator<Item = usize> {
    (0..nk).into_par_iter().step_by(nk.div_ceil(24).max(1))
}

/// Air must be at -1000 HU: another value is a lost slope or intercept, and every level of HU then lies elsewhere.
fn air(volume: &Volume, params: &ScanParams) -> Option<Finding> {
    let [ni, nj, nk] = volume.grid.dims;
    let (low, high) = (*AIR_HU.start(), *AIR_HU.end());
    let none = || vec![0_usize; (high - low) as usize + 1];
    let counts = sampled(nk)
        .fold(none, |mut counts, k| {
            for &hu in &volume.hu[k * ni * nj..(k + 1) * ni * nj] {
                if AIR_HU.contains(&hu) {
                    counts[(hu - low) as usize] += 1;
                }
            }
            counts
        })
        .reduce(none, |mut sum, counts| {
            sum.iter_mut().zip(counts).for_each(|(s, c)| *s += c);
            sum
        });
    let all: usize = counts.iter().sum();
    let share = all as f64 / (ni * nj * sampled(nk).len()).max(1) as f64;
    if share < AIR_SHARE_MIN {
        let message = format!(
            "{:.1} % of the scan lie between -1400 and -500 HU: there is no air about the head, or the values are not HU; \
             check rescale slope and intercept, and the field of view",
            share * 100.0
        );
        let limit = AIR_SHARE_MIN * 100.0;
        return Some(Finding::new("hu-scale", Severity::Review, message).measured(share * 100.0, limit, "%"));
    }
    let mut below = 0;
    let median = (low..=high).zip(&counts).find_map(|(hu, &count)| {
        below += count;
        (below > all / 2).then_some(f64::from(hu))
    })?;
    let off = (median + 1000.0).abs();
    (off > params.air_hu_tolerance).then(|| {
        let message = format!(
            "air has {median:.0} HU, and -1000 in every CT whose values are HU: rescale slope or intercept were lost, and \
             every level that selects bone is off; export the series again"
        );
        Finding::new("hu-scale", Severity::Review, message).measured(off, params.air_hu_tolerance, "HU")
    })
}

/// Lower quartile of the standard deviation in small blocks of soft tissue; edges only add to it.
pub fn noise_hu(volume: &Volume) -> Option<f64> {
    let [ni, nj, nk] = volume.grid.dims;
    let mut all: Vec<f64> = sampled(nk)
        .flat_map_iter(|k| {
            let mut found = Vec::new();
            for j in (0..(nj + 1).saturating_sub(BLOCK)).step_by(BLOCK) {
                for i in (0..(ni + 1).saturating_sub(BLOCK)).step_by(BLOCK) {
                    // Whole numbers: no order of adding matters, and rows are added several pixels at a time.
                    let (mut sum, mut squares) = (0_i64, 0_i64);
                    for row in j..j + BLOCK {
                        for &v in &volume.hu[volume.grid.at(i, row, k)..][..BLOCK] {
                            sum += i64::from(v);
                            squares += i64::from(i32::from(v).pow(2));
                        }
                    }
                    let n = (BLOCK * BLOCK) as f64;
                    let (sum, squares) = (sum as f64, squares as f64);
                    if SOFT_HU.contains(&(sum / n)) {
                        found.push(((squares - sum * sum / n) / (n - 1.0)).max(0.0).sqrt());
                    }
                }
            }
            found
        })
        .collect();
    if all.len() < BLOCKS_MIN {
        return None;
    }
    let quarter = all.len() / 4;
    Some(*all.select_nth_unstable_by(quarter, f64::total_cmp).1)
}

fn noise(volume: &Volume, params: &ScanParams) -> Option<Finding> {
    let noise_hu = noise_hu(volume)?;
    (noise_hu > params.noise_hu_review).then(|| {
        let message = format!(
            "soft tissue scatters by {noise_hu:.0} HU (standard deviation), so the bone's edge is placed by noise; \
             reconstruct with a softer kernel or scan with more dose"
        );
        Finding::new("noise", Severity::Review, message).measured(noise_hu, params.noise_hu_review, "HU")
    })
}

/// No two slices of a scanner are equal: equal neighbours are one slice written twice, so the step is not what it says.
fn repeated(volume: &Volume) -> Option<Finding> {
    let [ni, nj, nk] = volume.grid.dims;
    let slice = |k: usize| &volume.hu[k * ni * nj..(k + 1) * ni * nj];
    let equal: Vec<usize> = (0..nk.saturating_sub(1))
        .into_par_iter()
        .filter(|&k| slice(k) == slice(k + 1) && slice(k).iter().any(|&h| h > TISSUE_HU))
        .collect();
    let &first = equal.first()?;
    let place = volume.grid.patient_from_index([ni as f64 / 2.0, nj as f64 / 2.0, first as f64]);
    let message = format!(
        "{} slices hold the same pixels as the one before them, the first is slice {}: a coarser series was written as a \
         finer one, and the true step is larger than the positions say; ask for the original series",
        equal.len(),
        first + 2
    );
    Some(
        Finding::new("slices-repeated", Severity::Review, message)
            .measured(equal.len() as f64, 0.0, "slices")
            .at(place.mm),
    )
}

/// Slices thicker than their step and thickness say: interpolated from a coarser series, or a wrong tag.
fn across(volume: &Volume, coarse_mm: f64, params: &ScanParams) -> Option<Finding> {
    if coarse_mm > params.slice_step_mm_change {
        return None;
    }
    let limit_mm = params.blur_fwhm_mm_change;
    let fwhm_mm = blur_across_fwhm_mm(volume).filter(|mm| !(*mm <= limit_mm))?;
    let message = format!(
        "across the slices the skin's edge is blurred over {fwhm_mm:.2} mm, although they claim to be {coarse_mm:.2} mm \
         thick or less: they are thicker, or were made from thicker ones; ask for the original series"
    );
    Some(Finding::new("blur-across-slices", Severity::Review, message).measured(fwhm_mm, limit_mm, "mm"))
}

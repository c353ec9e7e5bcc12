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

/// Air must be at -1000 HU: another value is a lost slope or intercept, and every level of HU then lies elsewhere.
fn air(volume: &Volume, params: &ScanParams) -> Option<Finding> {
    // Every seventh voxel: a prime, so that no row or column is favoured.
    let mut air: Vec<i16> = volume.hu.iter().step_by(7).copied().filter(|h| AIR_HU.contains(h)).collect();
    let share = air.len() as f64 / (volume.hu.len() / 7).max(1) as f64;
    if share < AIR_SHARE_MIN {
        let message = format!(
            "{:.1} % of the scan lie between -1400 and -500 HU: there is no air about the head, or the values are not HU; \
             check rescale slope and intercept, and the field of view",
            share * 100.0
        );
        let limit = AIR_SHARE_MIN * 100.0;
        return Some(Finding::new("hu-scale", Severity::Review, message).measured(share * 100.0, limit, "%"));
    }
    air.sort_unstable();
    let median = f64::from(air[air.len() / 2]);
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
    // 24 slices are enough for thousands of blocks.
    let stride = nk.div_ceil(24);
    let mut all: Vec<f64> = (0..nk)
        .into_par_iter()
        .filter(|k| k % stride == 0)
        .flat_map_iter(|k| {
            let mut found = Vec::new();
            for j in (0..(nj + 1).saturating_sub(BLOCK)).step_by(BLOCK) {
                for i in (0..(ni + 1).saturating_sub(BLOCK)).step_by(BLOCK) {
                    let (mut sum, mut squares) = (0.0, 0.0);
                    for row in j..j + BLOCK {
                        for &v in &volume.hu[volume.grid.at(i, row, k)..][..BLOCK] {
                            let v = f64::from(v);
                            sum += v;
                            squares += v * v;
                        }
                    }
                    let n = (BLOCK * BLOCK) as f64;
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
    all.sort_by(f64::total_cmp);
    Some(all[all.len() / 4])
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

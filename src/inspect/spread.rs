//! Percentiles of values that stand for areas.

use crate::model::{DeviationSpread, GapSpread};

/// A value and the area it stands for, mm².
pub type Weighted = (f64, f64);

/// Values in order, with the share of the whole area up to and including each.
pub struct Ranked {
    values: Vec<f64>,
    share: Vec<f64>,
}

impl Ranked {
    /// Sorts. Equal values keep their order, so the same samples give the same bytes.
    pub fn new(mut samples: Vec<Weighted>) -> Self {
        samples.sort_by(|a, b| a.0.total_cmp(&b.0));
        let whole: f64 = samples.iter().map(|s| s.1).sum();
        let mut sum = 0.0;
        let share = samples
            .iter()
            .map(|s| {
                sum += s.1;
                sum / whole
            })
            .collect();
        Self { values: samples.into_iter().map(|s| s.0).collect(), share }
    }

    /// The value that this share of the area does not exceed; `None` without samples.
    pub fn at(&self, share: f64) -> Option<f64> {
        let last = self.values.len().checked_sub(1)?;
        let i = self.share.partition_point(|&s| s < share);
        Some(self.values[i.min(last)])
    }

    /// Least and greatest.
    pub fn ends(&self) -> Option<(f64, f64)> {
        Some((*self.values.first()?, *self.values.last()?))
    }
}

/// Spread of deviations; zeros without samples.
pub fn deviations(samples: Vec<Weighted>) -> DeviationSpread {
    let whole: f64 = samples.iter().map(|s| s.1).sum();
    let squares: f64 = samples.iter().map(|s| s.0 * s.0 * s.1).sum();
    let ranked = Ranked::new(samples);
    let Some((min, max)) = ranked.ends() else { return DeviationSpread::default() };
    let at = |share| ranked.at(share).expect("ends exist, so samples exist");
    DeviationSpread {
        min,
        p0_1: at(0.001),
        p50: at(0.5),
        p99_9: at(0.999),
        max,
        rms: (squares / whole).sqrt(),
    }
}

/// Spread of gaps; zeros without samples, whose share of the rim then is zero too.
pub fn gaps(samples: Vec<Weighted>) -> GapSpread {
    let ranked = Ranked::new(samples);
    let Some((min, max)) = ranked.ends() else { return GapSpread::default() };
    let at = |share| ranked.at(share).expect("ends exist, so samples exist");
    GapSpread { min, p5: at(0.05), p50: at(0.5), p95: at(0.95), max }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_counts_area_not_samples() {
        let r = Ranked::new(vec![(3.0, 1.0), (1.0, 98.0), (2.0, 1.0)]);
        assert_eq!((r.at(0.5), r.at(0.985), r.at(0.995)), (Some(1.0), Some(2.0), Some(3.0)));
        assert_eq!(r.ends(), Some((1.0, 3.0)));
        assert_eq!(Ranked::new(Vec::new()).at(0.5), None);
    }

    #[test]
    fn rms_is_weighted_too() {
        let d = deviations(vec![(-2.0, 1.0), (0.0, 3.0)]);
        assert_eq!((d.min, d.max, d.rms), (-2.0, 0.0, 1.0));
    }
}

//! Many parts drawn from stated errors, on a model that is linear in each of them.
//!
//! A place's deviation is what the program leaves plus, for each error, its amount times a slope; the slope may be another
//! one for negative amounts. Mean and variance of a place then have a closed form; what the worst place of a whole part does
//! has none and is drawn.

use rayon::prelude::*;

use crate::geometry::random::Random;

/// From what an amount is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    /// About nought.
    Normal { sigma: f64 },
    /// Even, from minus to plus.
    Even { half_width: f64 },
    /// Even, between two amounts that are not negative.
    Between { least: f64, most: f64 },
}

impl Distribution {
    fn draw(&self, random: &mut Random) -> f64 {
        match *self {
            Self::Normal { sigma } => sigma * random.normal(),
            Self::Even { half_width } => random.within(-half_width, half_width),
            Self::Between { least, most } => random.within(least, most),
        }
    }

    /// Means of the positive part, of its square, of the negative part's amount, of its square.
    fn moments(&self) -> [f64; 4] {
        match *self {
            Self::Normal { sigma } => {
                let (mean, square) = (sigma / (2.0 * std::f64::consts::PI).sqrt(), sigma * sigma / 2.0);
                [mean, square, mean, square]
            }
            Self::Even { half_width: h } => [h / 4.0, h * h / 6.0, h / 4.0, h * h / 6.0],
            Self::Between { least: a, most: b } => [(a + b) / 2.0, (a * a + a * b + b * b) / 3.0, 0.0, 0.0],
        }
    }

    /// In words, with its numbers.
    pub fn words(&self, unit: &str) -> String {
        match *self {
            Self::Normal { sigma } => format!("normal, standard deviation {sigma} {unit}"),
            Self::Even { half_width } => format!("even, ± {half_width} {unit}"),
            Self::Between { least, most } => format!("even, {least} to {most} {unit}"),
        }
    }
}

/// One error and what it does to every place.
pub struct Error {
    pub distribution: Distribution,
    /// The first place that it touches.
    first: usize,
    /// mm per unit, of positive amounts, from `first` on.
    up: Vec<f64>,
    /// mm per unit of the amount, of negative ones.
    down: Vec<f64>,
}

impl Error {
    /// `up` and `down` name every place; what lies outside the first and the last place touched is not kept.
    pub fn new(distribution: Distribution, up: &[f64], down: &[f64]) -> Self {
        let touched = |i: &usize| up[*i] != 0.0 || down[*i] != 0.0;
        let first = (0..up.len()).find(touched).unwrap_or(0);
        let end = (0..up.len()).rev().find(touched).map_or(first, |l| l + 1);
        Self { distribution, first, up: up[first..end].to_vec(), down: down[first..end].to_vec() }
    }

    /// Mean and variance that it adds to each place it touches.
    fn adds(&self) -> impl Iterator<Item = (usize, f64, f64)> + '_ {
        let [p1, p2, n1, n2] = self.distribution.moments();
        self.up.iter().zip(&self.down).enumerate().map(move |(i, (u, d))| {
            let mean = u * p1 + d * n1;
            (self.first + i, mean, (u * u * p2 + d * d * n2 - mean * mean).max(0.0))
        })
    }
}

/// Mean and variance of every place, in closed form, and each error's share of the variance, mean over the area.
pub struct Moments {
    pub mean_mm: Vec<f64>,
    pub variance_mm2: Vec<f64>,
    pub share: Vec<f64>,
}

/// Moments of a drawn part.
pub fn moments(nominal_mm: &[f64], area_mm2: &[f64], errors: &[Error]) -> Moments {
    let mut m = Moments {
        mean_mm: nominal_mm.to_vec(),
        variance_mm2: vec![0.0; nominal_mm.len()],
        share: Vec::new(),
    };
    let mut whole = 0.0;
    for e in errors {
        let mut own = 0.0;
        for (i, mean, variance) in e.adds() {
            m.mean_mm[i] += mean;
            m.variance_mm2[i] += variance;
            own += variance * area_mm2[i];
        }
        m.share.push(own);
        whole += own;
    }
    if whole > 0.0 {
        m.share.iter_mut().for_each(|s| *s /= whole);
    }
    m
}

/// A drawn part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drawn {
    /// Largest deviation either way, mm.
    pub largest_mm: f64,
    /// Share of the area beyond the tolerance.
    pub beyond: f64,
}

/// Parts of one task; fixed, though nothing depends on it.
const CHUNK: usize = 128;

/// `count` parts; the same seed gives the same parts on any number of threads.
pub fn draw(
    nominal_mm: &[f64],
    area_mm2: &[f64],
    errors: &[Error],
    tolerance_mm: f64,
    count: usize,
    seed: u64,
) -> Vec<Drawn> {
    let whole: f64 = area_mm2.iter().sum();
    let mut random = Random::new(seed);
    let amounts: Vec<f64> = (0..count)
        .flat_map(|_| errors.iter().map(|e| e.distribution.draw(&mut random)).collect::<Vec<_>>())
        .collect();
    let of = |part: usize, held: &mut Vec<f64>| {
        held.clear();
        held.extend_from_slice(nominal_mm);
        for (e, &amount) in errors.iter().zip(&amounts[part * errors.len()..]) {
            let slopes = if amount >= 0.0 { &e.up } else { &e.down };
            let size = amount.abs();
            for (h, s) in held[e.first..].iter_mut().zip(slopes) {
                *h += size * s;
            }
        }
        let (mut largest_mm, mut beyond) = (0.0, 0.0);
        for (h, area) in held.iter().zip(area_mm2) {
            let size = h.abs();
            largest_mm = if size > largest_mm { size } else { largest_mm };
            beyond += if size <= tolerance_mm { 0.0 } else { *area };
        }
        Drawn { largest_mm, beyond: if whole > 0.0 { beyond / whole } else { 0.0 } }
    };
    let parts: Vec<usize> = (0..count).collect();
    let chunks: Vec<Vec<Drawn>> = parts
        .par_chunks(CHUNK)
        .map(|chunk| {
            let mut held = Vec::with_capacity(nominal_mm.len());
            chunk.iter().map(|&part| of(part, &mut held)).collect()
        })
        .collect();
    chunks.concat()
}

//! Random fields on the sphere that know of left and right: what surviving bone says of missing bone.
//!
//! **Method** A radius (or a thickness) as a function of direction is taken as a Gaussian random field with the power
//! (l + ½)^−2p at degree l: p = 2 is the thin plate on the sphere. Its part that is even across the plane of symmetry
//! has that power; its odd part has the share ρ(l) of it, ρ₀ at low degrees, rising to one above `odd_from_degree`: a
//! head is symmetric in the large and its bumps are each side's own. The prediction of a hole is the mean given all
//! that is known (kriging), so that the other side counts at each scale for as much as it is worth, and the bone about
//! the hole for the rest. Which p and ρ hold for this head is learnt by leaving out blocks of the shape of the hole:
//! with L the Cholesky factor of the covariance and W = L⁻¹E_B, the errors of a block left out are
//! (WᵀW)⁻¹ Wᵀ L⁻¹ y (Rasmussen and Williams 2006, 5.4.2, for blocks).

use nalgebra::{DMatrix, DVector, Vector3};
use rayon::prelude::*;

/// Highest degree: 4.5 degrees of arc, some 6 mm, the spacing of the samples.
const DEGREE_MAX: usize = 56;
/// Degrees above this carry the variance that is measured.
const DEGREE_OF_FORM: usize = 4;
const TABLE: usize = 4096;

/// What sort of field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spectrum {
    /// Power falls as degree to the minus two `slope`.
    pub(super) slope: f64,
    /// Odd over even variance at the lowest degrees; 1 for a field that knows no symmetry.
    pub(super) odd_share: f64,
    /// Degree from which the odd part rises to the even one.
    pub(super) odd_from_degree: f64,
}

/// Covariance of the even and the odd part, tabulated over half the chord.
struct Kernel {
    even: Vec<f64>,
    odd: Vec<f64>,
}

impl Kernel {
    /// `variance` is that of the field's degrees above four.
    fn new(s: &Spectrum, variance: f64) -> Self {
        let power = |l: usize| (l as f64 + 0.5).powf(-2.0 * s.slope) * (2 * l + 1) as f64;
        let high: f64 = (DEGREE_OF_FORM + 1..=DEGREE_MAX).map(power).sum();
        let scale = variance / high;
        let odd_of = |l: usize| {
            let x = l as f64 / s.odd_from_degree;
            1.0 - (1.0 - s.odd_share) / (1.0 + x * x)
        };
        let weights: Vec<(f64, f64)> =
            (0..=DEGREE_MAX).map(|l| (scale * power(l), scale * power(l) * odd_of(l))).collect();
        let (mut even, mut odd) = (vec![0.0; TABLE + 2], vec![0.0; TABLE + 2]);
        for i in 0..TABLE + 2 {
            let half_chord = (i as f64 / TABLE as f64).min(1.0);
            let x = 1.0 - 2.0 * half_chord * half_chord; // cosine of the angle
            let (mut before, mut now) = (1.0, x);
            (even[i], odd[i]) = weights[0];
            for (l, w) in weights.iter().enumerate().skip(1) {
                even[i] += w.0 * now;
                odd[i] += w.1 * now;
                let next = ((2 * l + 1) as f64 * x * now - l as f64 * before) / (l + 1) as f64;
                (before, now) = (now, next);
            }
        }
        Self { even, odd }
    }

    fn at(table: &[f64], a: &Vector3<f64>, b: &Vector3<f64>) -> f64 {
        let x = 0.5 * (a - b).norm() * TABLE as f64;
        let i = (x as usize).min(TABLE);
        let t = x - i as f64;
        table[i] + (table[i + 1] - table[i]) * t
    }

    /// `mirrored_b` is `b` on the other side.
    fn covariance(&self, a: &Vector3<f64>, b: &Vector3<f64>, mirrored_b: &Vector3<f64>) -> f64 {
        let here = Self::at(&self.even, a, b) + Self::at(&self.odd, a, b);
        let there = Self::at(&self.even, a, mirrored_b) - Self::at(&self.odd, a, mirrored_b);
        0.5 * (here + there)
    }
}

/// Known values of a field.
#[derive(Clone, Default)]
pub(super) struct Samples {
    /// Unit vectors, and the same seen in the mirror.
    pub(super) directions: Vec<Vector3<f64>>,
    pub(super) mirrored: Vec<Vector3<f64>>,
    /// Values less their mean.
    pub(super) values: Vec<f64>,
    pub(super) mean: f64,
    /// Standard deviation of one value, mm: the scan's noise and what is finer than the samples.
    pub(super) noise: f64,
    /// Variance of the field above degree four.
    pub(super) variance: f64,
}

/// A field fitted to samples.
pub(super) struct Fitted {
    kernel: Kernel,
    samples: Samples,
    factor: DMatrix<f64>,
    weights: DVector<f64>,
    whitened: DVector<f64>,
}

impl Fitted {
    /// `None` where the covariance is not positive (it always is, but for rounding).
    pub(super) fn new(samples: &Samples, spectrum: &Spectrum) -> Option<Self> {
        let kernel = Kernel::new(spectrum, samples.variance);
        let n = samples.values.len();
        let columns: Vec<Vec<f64>> = (0..n)
            .into_par_iter()
            .map(|j| {
                let (d, m) = (&samples.directions[j], &samples.mirrored[j]);
                (0..n)
                    .map(|i| if i < j { 0.0 } else { kernel.covariance(&samples.directions[i], d, m) })
                    .collect()
            })
            .collect();
        let mut k = DMatrix::from_vec(n, n, columns.concat());
        for i in 0..n {
            k[(i, i)] += samples.noise * samples.noise;
        }
        let factor = cholesky(k)?;
        let mut whitened = DVector::from_column_slice(&samples.values);
        factor.solve_lower_triangular_mut(&mut whitened);
        let mut weights = whitened.clone();
        factor.tr_solve_lower_triangular_mut(&mut weights);
        Some(Self { kernel, samples: samples.clone(), factor, weights, whitened })
    }

    /// Predicted value at a direction.
    pub(super) fn predict(&self, d: &Vector3<f64>) -> f64 {
        let s = &self.samples;
        let sum: f64 = (0..s.values.len())
            .map(|i| self.weights[i] * self.kernel.covariance(d, &s.directions[i], &s.mirrored[i]))
            .sum();
        s.mean + sum
    }

    /// Standard deviations of the predictions at directions (each with its mirror image), without the noise of a value.
    pub(super) fn deviations(&self, directions: &[(Vector3<f64>, Vector3<f64>)]) -> Vec<f64> {
        let s = &self.samples;
        let eights: Vec<Vec<f64>> = directions
            .par_chunks(LANES)
            .map(|some| {
                let mut x: Vec<[f64; LANES]> = (0..s.values.len())
                    .map(|i| {
                        std::array::from_fn(|lane| {
                            let (d, _) = some[lane.min(some.len() - 1)];
                            self.kernel.covariance(&d, &s.directions[i], &s.mirrored[i])
                        })
                    })
                    .collect();
                solve_lower(&self.factor, &mut x, 0);
                let known = |lane: usize| x.iter().map(|row| row[lane] * row[lane]).sum::<f64>();
                let spread =
                    |lane: usize| self.kernel.covariance(&some[lane].0, &some[lane].0, &some[lane].1);
                (0..some.len()).map(|lane| (spread(lane) - known(lane)).max(0.0).sqrt()).collect()
            })
            .collect();
        eights.concat()
    }

    /// Columns of the factor's inverse.
    fn inverse_columns(&self, of: &[usize]) -> DMatrix<f64> {
        let n = self.samples.values.len();
        let mut out = DMatrix::zeros(n, of.len());
        out.as_mut_slice().par_chunks_mut(n * LANES).zip(of.par_chunks(LANES)).for_each(|(columns, some)| {
            let mut x = vec![[0.0; LANES]; n];
            for (lane, &i) in some.iter().enumerate() {
                x[i][lane] = 1.0;
            }
            solve_lower(&self.factor, &mut x, some.iter().copied().min().unwrap_or(0));
            for (lane, column) in columns.chunks_mut(n).enumerate() {
                column.iter_mut().zip(&x).for_each(|(c, row)| *c = row[lane]);
            }
        });
        out
    }

    /// Per block: errors (prediction less value) and their predicted deviations when its samples are left out.
    pub(super) fn left_out(&self, blocks: &[Vec<usize>]) -> Option<Vec<(Vec<f64>, Vec<f64>)>> {
        let mut any: Vec<usize> = blocks.concat();
        any.sort_unstable();
        any.dedup();
        let inverse = self.inverse_columns(&any);
        let noise = self.samples.noise * self.samples.noise;
        blocks
            .par_iter()
            .map(|block| {
                let columns: Vec<usize> = block.iter().filter_map(|i| any.binary_search(i).ok()).collect();
                let w = inverse.select_columns(&columns);
                let inner = w.tr_mul(&w);
                let rhs = w.tr_mul(&self.whitened);
                let solved = inner.cholesky()?;
                let errors = solved.solve(&rhs);
                let spread = solved.inverse();
                let deviations = (0..block.len()).map(|i| (spread[(i, i)] - noise).max(0.0).sqrt()).collect();
                Some((errors.iter().map(|e| -e).collect(), deviations))
            })
            .collect()
    }

    /// Error of every sample left out alone over its predicted deviation.
    pub(super) fn each_left_out(&self) -> Vec<f64> {
        let all: Vec<usize> = (0..self.samples.values.len()).collect();
        let inverse = self.inverse_columns(&all);
        inverse.column_iter().zip(self.weights.iter()).map(|(c, w)| -w / c.norm()).collect()
    }
}

/// Right-hand sides solved at once: the factor is read from memory once for all of them.
const LANES: usize = 8;

/// Solves L X = X in place for eight right-hand sides that are zero above row `from`.
fn solve_lower(l: &DMatrix<f64>, x: &mut [[f64; LANES]], from: usize) {
    let n = l.nrows();
    for k in from..n {
        let column = &l.as_slice()[k * n..(k + 1) * n];
        let own: [f64; LANES] = x[k].map(|v| v / column[k]);
        x[k] = own;
        for (row, f) in x[k + 1..].iter_mut().zip(&column[k + 1..]) {
            for lane in 0..LANES {
                row[lane] -= f * own[lane];
            }
        }
    }
}

/// Lower factor of a symmetric matrix given by its lower half; blocks of columns, the trailing part in parallel.
fn cholesky(mut k: DMatrix<f64>) -> Option<DMatrix<f64>> {
    const BLOCK: usize = 48;
    let n = k.nrows();
    let mut from = 0;
    while from < n {
        let width = BLOCK.min(n - from);
        let to = from + width;
        let corner = k.view((from, from), (width, width)).clone_owned();
        let corner = corner.cholesky()?.l();
        k.view_mut((from, from), (width, width)).copy_from(&corner);
        if to < n {
            // Rows below: X Cᵀ = A, solved as C Xᵀ = Aᵀ.
            let mut below = k.view((to, from), (n - to, width)).transpose();
            corner.solve_lower_triangular_mut(&mut below);
            k.view_mut((to, from), (n - to, width)).copy_from(&below.transpose());
            let rows = n;
            k.as_mut_slice()[to * rows..].par_chunks_mut(rows).enumerate().for_each(|(c, column)| {
                // Column `to + c` from its diagonal down loses the product of the block's rows.
                let own = below.column(c);
                for r in to + c..rows {
                    let other = below.column(r - to);
                    column[r] -= other.dot(&own);
                }
            });
        }
        from = to;
    }
    k.fill_upper_triangle(0.0, 1);
    Some(k)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lattice(n: usize) -> Vec<Vector3<f64>> {
        (0..n)
            .map(|i| {
                let z = 1.0 - (i as f64 + 0.5) / n as f64;
                let turn = 2.399_963 * i as f64;
                let across = (1.0 - z * z).sqrt();
                Vector3::new(across * turn.cos(), across * turn.sin(), z)
            })
            .collect()
    }

    fn mirror(d: &Vector3<f64>) -> Vector3<f64> {
        Vector3::new(-d.x, d.y, d.z)
    }

    fn samples(directions: Vec<Vector3<f64>>, f: impl Fn(&Vector3<f64>) -> f64) -> Samples {
        Samples {
            mirrored: directions.iter().map(mirror).collect(),
            values: directions.iter().map(f).collect(),
            directions,
            mean: 0.0,
            noise: 0.02,
            variance: 1.0,
        }
    }

    /// Even at all its degrees.
    const EVEN: Spectrum = Spectrum { slope: 2.0, odd_share: 0.01, odd_from_degree: 500.0 };

    #[test]
    fn a_bump_that_only_the_other_side_shows_is_predicted_with_symmetry_and_not_without() {
        let bump = |d: &Vector3<f64>| {
            let at = Vector3::new(0.7, 0.1, 0.7).normalize();
            2.0 * ((d - at).norm_squared() * -18.0).exp()
                + 2.0 * ((d - mirror(&at)).norm_squared() * -18.0).exp()
        };
        let hidden = Vector3::new(0.7, 0.1, 0.7).normalize();
        let seen: Vec<Vector3<f64>> =
            lattice(500).into_iter().filter(|d| (d - hidden).norm() > 0.45).collect();
        let s = samples(seen, bump);
        let with = Fitted::new(&s, &EVEN).expect("positive").predict(&hidden);
        let without = Spectrum { odd_share: 1.0, ..EVEN };
        let alone = Fitted::new(&s, &without).expect("positive").predict(&hidden);
        // 0.2: one part in a hundred may be odd, and the samples are 7 degrees apart.
        assert!((with - bump(&hidden)).abs() < 0.2, "{with} {}", bump(&hidden));
        assert!((alone - bump(&hidden)).abs() > 1.0, "{alone}");
    }

    #[test]
    fn leaving_out_a_block_is_the_same_as_fitting_without_it() {
        let f = |d: &Vector3<f64>| (3.0 * d.x).sin() + (4.0 * d.y * d.z).cos();
        let all = samples(lattice(300), f);
        let fitted = Fitted::new(&all, &EVEN).expect("positive");
        let block: Vec<usize> =
            (0..300).filter(|&i| (all.directions[i] - Vector3::x()).norm() < 0.5).collect();
        let left_out = fitted.left_out(std::slice::from_ref(&block)).expect("positive");
        let (errors, deviations) = &left_out[0];
        let kept: Vec<Vector3<f64>> =
            (0..300).filter(|i| !block.contains(i)).map(|i| all.directions[i]).collect();
        let without = Fitted::new(&samples(kept, f), &EVEN).expect("positive");
        for (c, &i) in block.iter().enumerate() {
            let d = all.directions[i];
            let direct = without.predict(&d) - all.values[i];
            // Both are solved in double precision with a condition number of about 1e7.
            assert!((errors[c] - direct).abs() < 1e-6, "{} {direct}", errors[c]);
            assert!((deviations[c] - without.deviations(&[(d, mirror(&d))])[0]).abs() < 1e-6);
        }
    }

    #[test]
    fn the_blocked_factor_is_that_of_the_library() {
        let s = samples(lattice(170), |d| d.x);
        let fitted = Fitted::new(&s, &EVEN).expect("positive");
        let k = &fitted.factor * fitted.factor.transpose();
        let l = k.clone().cholesky().expect("positive").l();
        assert!((l - &fitted.factor).amax() < 1e-9);
    }
}

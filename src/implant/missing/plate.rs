//! The guided thin plate: radii that continue the known ones with the least change of curvature.
//!
//! **Method** Over the unknown cells minimise ∫ |H(x) − Σ w H(g)|², H the second differences along a, along b and
//! (twice) across, g the guides; no guide is a thin plate. In the interior this is ∫ |Δx − Σ w Δg|², and unlike the
//! Laplacian alone it also says what a free edge does: nothing bends there. Every difference whose cells lie in the
//! domain and of which one is unknown takes part. Normal equations by Cholesky in a skyline, in the chart's order.
//!
//! **Limits** The chart's stretch (4 % at 0.5 rad) is left out of the differences.

/// Ties cells that no row reaches to the fallback; too weak to bend the plate (5 µm for a 5 mm departure).
const TIE: f64 = 1e-7;

/// Factored normal equations for one domain and one set of unknown cells; solves for any values and guides.
pub(super) struct Plate {
    /// Stored cells, in the chart's order.
    unknown: Vec<usize>,
    number: Vec<u32>,
    /// The differences that take part.
    rows: Vec<Row>,
    first: Vec<usize>,
    start: Vec<usize>,
    factor: Vec<f64>,
}

const NONE: u32 = u32::MAX;

/// One second difference: cells and weights, unused places zero.
type Row = [(usize, f64); 4];

/// The second differences that begin at a cell: along a, along b, and across (which counts twice in the integral).
fn rows_at(n: usize, at: usize) -> [Option<Row>; 3] {
    let (a, b) = (at % n, at / n);
    let w = std::f64::consts::SQRT_2;
    [
        (a + 2 < n).then(|| [(at, 1.0), (at + 1, -2.0), (at + 2, 1.0), (at, 0.0)]),
        (b + 2 < n).then(|| [(at, 1.0), (at + n, -2.0), (at + 2 * n, 1.0), (at, 0.0)]),
        (a + 1 < n && b + 1 < n).then(|| [(at, w), (at + 1, -w), (at + n, -w), (at + n + 1, w)]),
    ]
}

/// A field whose bends the plate takes over by a weight; NaN where it has nothing to say.
pub(super) type Guide<'a> = (f64, &'a [f64]);

impl Plate {
    /// `None` when nothing is unknown.
    pub(super) fn new(n: usize, domain: &[bool], unknown: &[bool]) -> Option<Self> {
        let list: Vec<usize> = (0..n * n).filter(|&at| domain[at] && unknown[at]).collect();
        if list.is_empty() {
            return None;
        }
        let mut number = vec![NONE; n * n];
        for (i, &at) in list.iter().enumerate() {
            number[at] = i as u32;
        }
        let rows: Vec<Row> = (0..n * n)
            .flat_map(|at| rows_at(n, at))
            .flatten()
            .filter(|row| row.iter().all(|&(c, _)| domain[c]) && row.iter().any(|&(c, _)| number[c] != NONE))
            .collect();
        let mut first: Vec<usize> = (0..list.len()).collect();
        for row in &rows {
            let members = row.map(|(c, _)| number[c]);
            let low = members.iter().copied().filter(|&i| i != NONE).min().unwrap_or(0) as usize;
            for &i in members.iter().filter(|&&i| i != NONE) {
                first[i as usize] = first[i as usize].min(low);
            }
        }
        let mut start = Vec::with_capacity(list.len() + 1);
        let mut total = 0;
        for (i, &f) in first.iter().enumerate() {
            start.push(total);
            total += i - f + 1;
        }
        start.push(total);
        let mut plate = Self { unknown: list, number, rows, first, start, factor: vec![0.0; total] };
        plate.assemble();
        plate.decompose();
        Some(plate)
    }

    fn assemble(&mut self) {
        for cells in &self.rows {
            for &(ci, wi) in cells {
                let i = self.number[ci];
                for &(cj, wj) in cells {
                    let j = self.number[cj];
                    if i != NONE && j != NONE && j <= i {
                        let (i, j) = (i as usize, j as usize);
                        self.factor[self.start[i] + j - self.first[i]] += wi * wj;
                    }
                }
            }
        }
        for i in 0..self.unknown.len() {
            self.factor[self.start[i + 1] - 1] += TIE;
        }
    }

    /// A = G Gᵀ, row by row inside the skyline.
    fn decompose(&mut self) {
        for i in 0..self.unknown.len() {
            let fi = self.first[i];
            let (done, rest) = self.factor.split_at_mut(self.start[i]);
            let row_i = &mut rest[..i - fi + 1];
            for j in fi..i {
                let fj = self.first[j];
                let row_j = &done[self.start[j]..self.start[j + 1]];
                let from = fi.max(fj);
                let sum = dot(&row_i[from - fi..j - fi], &row_j[from - fj..j - fj]);
                row_i[j - fi] = (row_i[j - fi] - sum) / row_j[j - fj];
            }
            let sum = dot(&row_i[..i - fi], &row_i[..i - fi]);
            // The tie keeps every pivot positive up to rounding.
            row_i[i - fi] = (row_i[i - fi] - sum).max(0.1 * TIE).sqrt();
        }
    }

    /// `values` with its unknown cells replaced; no guides give a plain thin plate. `fallback` is the value a cell
    /// takes that nothing else reaches.
    pub(super) fn solve(&self, values: &[f64], guides: &[Guide<'_>], fallback: &[f64]) -> Vec<f64> {
        let mut x: Vec<f64> = self.unknown.iter().map(|&at| TIE * fallback[at]).collect();
        for cells in &self.rows {
            let known: f64 =
                cells.iter().filter(|&&(c, _)| self.number[c] == NONE).map(|&(c, w)| w * values[c]).sum();
            let asked: f64 = guides
                .iter()
                .map(|(weight, g)| weight * cells.iter().map(|&(c, w)| w * g[c]).sum::<f64>())
                .filter(|bend| bend.is_finite())
                .sum();
            let ask = asked - known;
            for &(c, w) in cells {
                if self.number[c] != NONE {
                    x[self.number[c] as usize] += w * ask;
                }
            }
        }
        for i in 0..x.len() {
            let fi = self.first[i];
            let row = &self.factor[self.start[i]..self.start[i + 1]];
            let sum = dot(&row[..i - fi], &x[fi..i]);
            x[i] = (x[i] - sum) / row[i - fi];
        }
        for i in (0..x.len()).rev() {
            let fi = self.first[i];
            let row = &self.factor[self.start[i]..self.start[i + 1]];
            x[i] /= row[i - fi];
            let xi = x[i];
            for (xj, g) in x[fi..i].iter_mut().zip(row) {
                *xj -= g * xi;
            }
        }
        let mut out = values.to_vec();
        for (&at, value) in self.unknown.iter().zip(x) {
            out[at] = value;
        }
        out
    }
}

/// Sum in four fixed lanes: the same bits everywhere, and fast.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0f64; 4];
    let (ca, cb) = (a.chunks_exact(4), b.chunks_exact(4));
    let tail: f64 = ca.remainder().iter().zip(cb.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in ca.zip(cb) {
        for lane in 0..4 {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]) + tail
}

/// Gaussian of `sigma_cells` over the cells that hold a number; cells without keep NaN.
pub(super) fn smooth(n: usize, values: &[f64], sigma_cells: f64) -> Vec<f64> {
    let reach = (3.0 * sigma_cells).ceil() as usize;
    let kernel: Vec<f64> = (0..=reach).map(|i| (-0.5 * (i as f64 / sigma_cells).powi(2)).exp()).collect();
    let mut sums: Vec<(f64, f64)> =
        values.iter().map(|v| if v.is_finite() { (*v, 1.0) } else { (0.0, 0.0) }).collect();
    for stride in [1, n] {
        let from = sums.clone();
        for at in 0..n * n {
            let along = if stride == 1 { at % n } else { at / n };
            let mut s = (from[at].0, from[at].1);
            for (i, w) in kernel.iter().enumerate().skip(1) {
                if along >= i {
                    let o = from[at - i * stride];
                    s = (s.0 + w * o.0, s.1 + w * o.1);
                }
                if along + i < n {
                    let o = from[at + i * stride];
                    s = (s.0 + w * o.0, s.1 + w * o.1);
                }
            }
            sums[at] = s;
        }
    }
    values.iter().zip(sums).map(|(v, (s, w))| if v.is_finite() { s / w } else { f64::NAN }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disc(n: usize, radius: f64) -> Vec<bool> {
        let middle = (n as f64 - 1.0) / 2.0;
        (0..n * n).map(|at| ((at % n) as f64 - middle).hypot((at / n) as f64 - middle) <= radius).collect()
    }

    #[test]
    fn a_thin_plate_keeps_a_cubic_and_a_guide_keeps_anything() {
        let n = 41;
        // Its fourth derivatives vanish, and so do its fourth differences.
        let cubic: Vec<f64> = (0..n * n)
            .map(|at| {
                let (x, y) = ((at % n) as f64 / 10.0 - 2.0, (at / n) as f64 / 10.0 - 2.0);
                80.0 + x - 2.0 * y + 0.3 * (x.powi(3) - 3.0 * x * y * y) + 0.5 * x * x
            })
            .collect();
        let plate = Plate::new(n, &vec![true; n * n], &disc(n, 12.0)).expect("unknown cells");
        let filled = plate.solve(&cubic, &[], &cubic);
        let wavy: Vec<f64> = (0..n * n)
            .map(|at| 80.0 + ((at % n) as f64 / 3.0).sin() + ((at / n) as f64 / 4.0).cos())
            .collect();
        let guided = plate.solve(&wavy, &[(0.25, &wavy), (0.75, &wavy)], &wavy);
        for at in 0..n * n {
            // 1e-6 mm: the tie of 1e-7 toward the truth moves nothing; the rest is rounding.
            assert!((filled[at] - cubic[at]).abs() < 1e-6, "{at}");
            assert!((guided[at] - wavy[at]).abs() < 1e-6, "{at}");
        }
    }

    #[test]
    fn the_skyline_agrees_with_a_dense_solver() {
        let n = 13;
        let unknown = disc(n, 4.0);
        let mut domain = vec![true; n * n];
        domain[0] = false;
        let values: Vec<f64> = (0..n * n).map(|at| ((at * 7919) % 101) as f64).collect();
        let plate = Plate::new(n, &domain, &unknown).expect("unknown cells");
        let got = plate.solve(&values, &[], &values);
        let list: Vec<usize> = (0..n * n).filter(|&at| unknown[at]).collect();
        let mut m = nalgebra::DMatrix::<f64>::identity(list.len(), list.len()) * TIE;
        let mut rhs = nalgebra::DVector::from_iterator(list.len(), list.iter().map(|&at| TIE * values[at]));
        for row in
            (0..n * n).flat_map(|at| rows_at(n, at)).flatten().filter(|r| r.iter().all(|c| domain[c.0]))
        {
            let mut line = nalgebra::DVector::<f64>::zeros(list.len());
            let mut known = 0.0;
            for (c, w) in row {
                match list.iter().position(|&at| at == c) {
                    Some(i) => line[i] += w,
                    None => known += w * values[c],
                }
            }
            m += &line * line.transpose();
            rhs -= line * known;
        }
        let want = m.lu().solve(&rhs).expect("regular");
        for (i, &at) in list.iter().enumerate() {
            assert!((got[at] - want[i]).abs() < 1e-6 * 100.0, "{} {}", got[at], want[i]);
        }
    }

    #[test]
    fn beyond_a_free_edge_the_plate_goes_on_straight() {
        let n = 31;
        let slope: Vec<f64> = (0..n * n).map(|at| 0.1 * (at % n) as f64).collect();
        // Known on the left, unknown to the border on the right, and noise of 0.1 on what is known.
        let noisy: Vec<f64> =
            slope.iter().enumerate().map(|(at, s)| s + 0.1 * ((at * 31 % 7) as f64 / 3.0 - 1.0)).collect();
        let unknown: Vec<bool> = (0..n * n).map(|at| at % n > 18).collect();
        let plate = Plate::new(n, &vec![true; n * n], &unknown).expect("unknown cells");
        let filled = plate.solve(&noisy, &[], &slope);
        for at in 0..n * n {
            // 1 mm: noise of 0.1 over a lever of 12 cells; a Laplacian alone would run away here.
            assert!((filled[at] - slope[at]).abs() < 1.0, "{at} {}", filled[at]);
        }
    }

    #[test]
    fn smoothing_keeps_a_constant_and_the_gaps() {
        let mut v = vec![3.0; 15 * 15];
        v[40] = f64::NAN;
        let s = smooth(15, &v, 2.0);
        assert!(s[40].is_nan());
        assert!(s.iter().enumerate().all(|(at, x)| at == 40 || (x - 3.0).abs() < 1e-12));
    }
}

//! How far each place of the design is from the balls that passed it: a quick look by the programmer, no judgement.
//!
//! **Method** Least distance from a design sample to the segments of the ball's centre, minus the radius. Positive is
//! stock left, negative is a gouge.

use rayon::prelude::*;

use super::cutter::P3;

const CELL_MM: f64 = 0.8;

/// Segments that a ball's centre runs along, sorted into cells of the x-y plane.
pub struct Swept {
    segments: Vec<(P3, P3, f64)>,
    cells: Vec<Vec<u32>>,
    origin: [f64; 2],
    n: [usize; 2],
    reach_mm: f64,
    radii: Vec<f64>,
}

impl Swept {
    /// From centre segments and the radius of each, in one frame.
    pub fn new(segments: Vec<(P3, P3, f64)>) -> Self {
        let (mut lo, mut hi) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        let mut reach_mm = 0f64;
        for (a, b, r) in &segments {
            for k in 0..2 {
                lo[k] = lo[k].min(a[k]).min(b[k]);
                hi[k] = hi[k].max(a[k]).max(b[k]);
            }
            reach_mm = reach_mm.max(*r);
        }
        let mut radii: Vec<f64> = segments.iter().map(|s| s.2).collect();
        radii.sort_by(f64::total_cmp);
        radii.dedup();
        if segments.is_empty() {
            return Self { segments, cells: vec![], origin: [0.0; 2], n: [0; 2], reach_mm, radii };
        }
        let n: [usize; 2] = std::array::from_fn(|k| ((hi[k] - lo[k]) / CELL_MM) as usize + 1);
        let mut cells = vec![Vec::new(); n[0] * n[1]];
        let cell = |x: f64, k: usize| (((x - lo[k]) / CELL_MM) as usize).min(n[k] - 1);
        for (s, (a, b, _)) in segments.iter().enumerate() {
            let (i0, i1) = (cell(a[0].min(b[0]), 0), cell(a[0].max(b[0]), 0));
            let (j0, j1) = (cell(a[1].min(b[1]), 1), cell(a[1].max(b[1]), 1));
            for j in j0..=j1 {
                for i in i0..=i1 {
                    cells[j * n[0] + i].push(s as u32);
                }
            }
        }
        Self { segments, cells, origin: lo, n, reach_mm, radii }
    }

    /// Stock left at `p`, mm, as far as it is less than `limit_mm`; a limit less than zero asks for what lies so deep inside.
    pub fn at(&self, p: &P3, limit_mm: f64) -> f64 {
        let reach = self.reach_mm + limit_mm;
        let mut least = limit_mm;
        self.ask(p, [p[0] - reach, p[1] - reach], [p[0] + reach, p[1] + reach], &mut least);
        least
    }

    /// The same, asking first only where a ball that touches at `p`, with outward normal `n`, has its centre, and
    /// everywhere only if that leaves more than `enough_mm`. Never less than the truth.
    pub fn about(&self, p: &P3, n: &P3, enough_mm: f64, limit_mm: f64) -> f64 {
        // A segment that leaves a cusp of 10 µm passes within √(2·3·0.01) = 0.25 mm; more for what gouges.
        const ASIDE_MM: f64 = 0.8;
        let mut least = limit_mm;
        for r in &self.radii {
            let c = [p[0] + r * n[0], p[1] + r * n[1]];
            self.ask(p, c.map(|x| x - ASIDE_MM), c.map(|x| x + ASIDE_MM), &mut least);
        }
        if least > enough_mm { self.at(p, limit_mm) } else { least }
    }

    fn ask(&self, p: &P3, lo: [f64; 2], hi: [f64; 2], least: &mut f64) {
        if self.cells.is_empty() {
            return;
        }
        let span = |k: usize| {
            let from = ((lo[k] - self.origin[k]) / CELL_MM).floor().max(0.0) as usize;
            let to = ((hi[k] - self.origin[k]) / CELL_MM).floor();
            from..if to < 0.0 { 0 } else { (to as usize + 1).min(self.n[k]) }
        };
        for j in span(1) {
            for i in span(0) {
                for &s in &self.cells[j * self.n[0] + i] {
                    let (a, b, r) = &self.segments[s as usize];
                    let far = r + *least;
                    if far <= 0.0 || a[2].min(b[2]) - p[2] > far || p[2] - a[2].max(b[2]) > far {
                        continue;
                    }
                    let d: P3 = std::array::from_fn(|k| b[k] - a[k]);
                    let e: P3 = std::array::from_fn(|k| p[k] - a[k]);
                    let l2 = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
                    let dot = d[0] * e[0] + d[1] * e[1] + d[2] * e[2];
                    let t = if l2 > 0.0 { (dot / l2).clamp(0.0, 1.0) } else { 0.0 };
                    let q2: f64 = (0..3).map(|k| (e[k] - t * d[k]).powi(2)).sum();
                    if q2 < far * far {
                        *least = q2.sqrt() - r;
                    }
                }
            }
        }
    }

    /// Stock left at many places, each with its outward normal.
    pub fn over(&self, places: &[(P3, P3)], enough_mm: f64, limit_mm: f64) -> Vec<f64> {
        places.par_iter().with_min_len(256).map(|(p, n)| self.about(p, n, enough_mm, limit_mm)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_grooves_leave_the_cusp_of_the_closed_form() {
        let (r, s) = (3.0, 0.4f64);
        let line = |y: f64| ([-5.0, y, r], [5.0, y, r], r);
        let swept = Swept::new(vec![line(0.0), line(s)]);
        assert!(swept.at(&[0.0, 0.0, 0.0], 0.1).abs() < 1e-12);
        // Half way, on the plane: the ball's surface is √(r² + s²/4) − r away.
        let cusp = (r * r + 0.25 * s * s).sqrt() - r;
        assert!((swept.at(&[0.0, 0.5 * s, 0.0], 0.1) - cusp).abs() < 1e-12);
        // A place that the ball went 1 µm too deep at.
        assert!((swept.at(&[0.0, 0.0, 0.001], 0.1) + 0.001).abs() < 1e-9);
    }
}

//! The implant's own sampling grid, and what can be asked of a field on it.

use nalgebra::Vector3;

/// Samples `origin + h·(i, j, k)` in the frame of the implant, `i` fastest.
#[derive(Clone, Debug)]
pub(super) struct PartGrid {
    pub dims: [usize; 3],
    pub step_mm: f64,
    pub origin_mm: [f64; 3],
}

impl PartGrid {
    pub fn over(lo: [f64; 3], hi: [f64; 3], step_mm: f64) -> Self {
        let dims = std::array::from_fn(|a| ((hi[a] - lo[a]) / step_mm).ceil() as usize + 1);
        Self { dims, step_mm, origin_mm: lo }
    }

    pub fn len(&self) -> usize {
        self.dims.iter().product()
    }

    pub fn layer(&self) -> usize {
        self.dims[0] * self.dims[1]
    }

    pub fn place(&self, at: usize) -> [f64; 3] {
        let (i, rest) = (at % self.dims[0], at / self.dims[0]);
        self.place_of([i as f64, (rest % self.dims[1]) as f64, (rest / self.dims[1]) as f64])
    }

    pub fn place_of(&self, ijk: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|a| self.origin_mm[a] + ijk[a] * self.step_mm)
    }

    /// The cell about a place and the place's share of it; clamped to the grid.
    pub fn cell(&self, p_mm: [f64; 3]) -> Cubic {
        let strides = [1, self.dims[0], self.layer()];
        let axes = std::array::from_fn(|a| {
            let last = self.dims[a] - 1;
            let x = ((p_mm[a] - self.origin_mm[a]) / self.step_mm).clamp(0.0, last as f64);
            let base = (x.floor() as usize).min(last.saturating_sub(1));
            let t = x - base as f64;
            Taps {
                at: [base.saturating_sub(1), base, base + 1, (base + 2).min(last)].map(|i| i * strides[a]),
                value: [
                    0.5 * t * (-1.0 + t * (2.0 - t)),
                    1.0 + 0.5 * t * t * (3.0 * t - 5.0),
                    0.5 * t * (1.0 + t * (4.0 - 3.0 * t)),
                    0.5 * t * t * (t - 1.0),
                ],
                slope: [
                    0.5 * (-1.0 + t * (4.0 - 3.0 * t)),
                    0.5 * t * (9.0 * t - 10.0),
                    0.5 * (1.0 + t * (8.0 - 9.0 * t)),
                    0.5 * t * (3.0 * t - 2.0),
                ],
            }
        });
        Cubic { axes, step_mm: self.step_mm }
    }
}

/// A place inside a cell of the grid: Catmull-Rom's cubic along each axis, so that value and gradient have no jump from
/// cell to cell. An edge rolled into the meeting of two fields turns with their gradients; trilinear ones notch it.
pub(super) struct Cubic {
    axes: [Taps; 3],
    step_mm: f64,
}

/// Samples of one axis and their weights.
struct Taps {
    at: [usize; 4],
    value: [f64; 4],
    slope: [f64; 4],
}

impl Cubic {
    /// Value and gradient per mm.
    pub fn of(&self, field: &[f32]) -> (f64, Vector3<f64>) {
        let [x, y, z] = &self.axes;
        let (mut value, mut gradient) = (0.0, Vector3::zeros());
        for k in 0..4 {
            // Value, and slope along x.
            let (mut v_k, mut dy_k) = ([0.0; 2], 0.0);
            for j in 0..4 {
                let row = self.row(field, z.at[k] + y.at[j]);
                let mut v_j = [0.0; 2];
                for i in 0..4 {
                    v_j[0] += x.value[i] * row[i];
                    v_j[1] += x.slope[i] * row[i];
                }
                v_k[0] += y.value[j] * v_j[0];
                v_k[1] += y.value[j] * v_j[1];
                dy_k += y.slope[j] * v_j[0];
            }
            value += z.value[k] * v_k[0];
            gradient += Vector3::new(z.value[k] * v_k[1], z.value[k] * dy_k, z.slope[k] * v_k[0]);
        }
        (value, gradient / self.step_mm)
    }

    /// Value alone.
    pub fn value(&self, field: &[f32]) -> f64 {
        let [x, y, z] = &self.axes;
        let along_x = |start: usize| {
            let row = self.row(field, start);
            (0..4).fold(0.0, |v, i| v + x.value[i] * row[i])
        };
        let along_y = |layer: usize| (0..4).fold(0.0, |v, j| v + y.value[j] * along_x(layer + y.at[j]));
        (0..4).fold(0.0, |v, k| v + z.value[k] * along_y(z.at[k]))
    }

    /// The four samples of a row along x.
    fn row(&self, field: &[f32], start: usize) -> [f64; 4] {
        let at = &self.axes[0].at;
        // But at the border they lie side by side.
        let samples: [f32; 4] = match at[3] == at[0] + 3 {
            true => *field[start + at[0]..].first_chunk().expect("four samples of the grid"),
            false => at.map(|i| field[start + i]),
        };
        samples.map(f64::from)
    }
}

/// Gradient per mm by central differences; one-sided at the border.
pub(super) fn gradient_at(grid: &PartGrid, field: &[f32], at: usize) -> Vector3<f64> {
    let [ni, nj, nk] = grid.dims;
    let ijk = [at % ni, (at / ni) % nj, at / (ni * nj)];
    let strides = [1, ni, ni * nj];
    let size = [ni, nj, nk];
    Vector3::from_fn(|a, _| {
        let up = usize::from(ijk[a] + 1 < size[a]);
        let down = usize::from(ijk[a] > 0);
        let d = f64::from(field[at + up * strides[a]]) - f64::from(field[at - down * strides[a]]);
        d / (grid.step_mm * (up + down).max(1) as f64)
    })
}

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
    pub fn cell(&self, p_mm: [f64; 3]) -> Trilinear {
        let mut base = [0usize; 3];
        let mut t = [0f64; 3];
        for a in 0..3 {
            let top = (self.dims[a] - 1) as f64;
            let x = ((p_mm[a] - self.origin_mm[a]) / self.step_mm).clamp(0.0, top);
            base[a] = (x.floor() as usize).min(self.dims[a] - 2);
            t[a] = x - base[a] as f64;
        }
        let [ni, nj, _] = self.dims;
        let first = (base[2] * nj + base[1]) * ni + base[0];
        Trilinear { first, strides: [1, ni, ni * nj], t, step_mm: self.step_mm }
    }
}

/// A place inside a cell of the grid.
pub(super) struct Trilinear {
    first: usize,
    strides: [usize; 3],
    t: [f64; 3],
    step_mm: f64,
}

impl Trilinear {
    /// Value and gradient per mm.
    pub fn of(&self, field: &[f32]) -> (f64, Vector3<f64>) {
        let [si, sj, sk] = self.strides;
        let [x, y, z] = self.t;
        let v = |i: usize, j: usize, k: usize| f64::from(field[self.first + i * si + j * sj + k * sk]);
        let mix = |a: f64, b: f64, t: f64| a + (b - a) * t;
        let (c00, c10) = (mix(v(0, 0, 0), v(1, 0, 0), x), mix(v(0, 1, 0), v(1, 1, 0), x));
        let (c01, c11) = (mix(v(0, 0, 1), v(1, 0, 1), x), mix(v(0, 1, 1), v(1, 1, 1), x));
        let (c0, c1) = (mix(c00, c10, y), mix(c01, c11, y));
        let dx0 = mix(v(1, 0, 0) - v(0, 0, 0), v(1, 1, 0) - v(0, 1, 0), y);
        let dx1 = mix(v(1, 0, 1) - v(0, 0, 1), v(1, 1, 1) - v(0, 1, 1), y);
        let gradient = Vector3::new(mix(dx0, dx1, z), mix(c10 - c00, c11 - c01, z), c1 - c0) / self.step_mm;
        (mix(c0, c1, z), gradient)
    }

    /// Value alone.
    pub fn value(&self, field: &[f32]) -> f64 {
        self.of(field).0
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

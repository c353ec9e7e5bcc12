//! A square lattice of tool axes in the work frame's x-y plane, and heights over it.

use rayon::prelude::*;

use super::cutter::Cutter;
use super::drop::{Ground, Rest};

/// Where the nodes of a lattice lie. Node `(i, j)` is number `j·nx + i`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plane {
    /// Node `(0, 0)`, work x and y, mm.
    pub origin: [f64; 2],
    /// Distance between neighbouring nodes, mm.
    pub step: f64,
    /// Nodes along x.
    pub nx: usize,
    /// Nodes along y.
    pub ny: usize,
}

impl Plane {
    /// The lattice that covers a rectangle.
    pub fn over(lo: [f64; 2], hi: [f64; 2], step: f64) -> Self {
        let n = |a: usize| ((hi[a] - lo[a]) / step).ceil().max(0.0) as usize + 1;
        Self { origin: lo, step, nx: n(0), ny: n(1) }
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.nx * self.ny
    }

    /// Place of node `at`, mm.
    #[inline]
    pub fn xy(&self, at: usize) -> [f64; 2] {
        [
            self.origin[0] + (at % self.nx) as f64 * self.step,
            self.origin[1] + (at / self.nx) as f64 * self.step,
        ]
    }

    /// Column and row of node `at`.
    #[inline]
    pub fn ij(&self, at: usize) -> (usize, usize) {
        (at % self.nx, at / self.nx)
    }

    /// The node nearest to a place, if the place lies on the lattice.
    #[inline]
    pub fn nearest(&self, x: f64, y: f64) -> Option<usize> {
        let i = ((x - self.origin[0]) / self.step).round();
        let j = ((y - self.origin[1]) / self.step).round();
        (i >= 0.0 && j >= 0.0 && (i as usize) < self.nx && (j as usize) < self.ny)
            .then(|| j as usize * self.nx + i as usize)
    }

    /// The up to eight neighbours of a node with their distance, mm.
    pub fn neighbours(&self, at: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let (i, j) = self.ij(at);
        const AROUND: [(i32, i32); 8] =
            [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)];
        AROUND.iter().filter_map(move |&(a, b)| {
            let (x, y) = (i as i32 + a, j as i32 + b);
            (x >= 0 && y >= 0 && (x as usize) < self.nx && (y as usize) < self.ny).then(|| {
                let far = if a != 0 && b != 0 { std::f64::consts::SQRT_2 } else { 1.0 };
                (y as usize * self.nx + x as usize, far * self.step)
            })
        })
    }

    /// Distance of every node to the nearest node of a set, mm; infinite where the set is empty.
    pub fn distance_to(&self, set: impl Fn(usize) -> bool + Sync) -> Vec<f32> {
        crate::geometry::distance::distance_to([self.nx, self.ny, 1], [self.step, self.step, 1.0], set)
    }
}

/// Cutter locations of one cutter: the body dilated by an allowance, touched by the cutter itself.
#[derive(Clone, Copy, Debug)]
pub struct Lowered<'a> {
    /// The surface.
    pub ground: &'a Ground,
    /// The cutter grown by the allowance.
    pub grown: Cutter,
    /// Added to the grown cutter's tip to get the cutter's own tip.
    pub lift_mm: f64,
    /// Radius of the cutter itself.
    pub radius_mm: f64,
}

impl<'a> Lowered<'a> {
    /// `cutter` kept `allowance_mm` off the surface. A flat is grown to the next larger flat, which contains its
    /// offset: it leaves a little more beside edges, never less.
    pub fn new(ground: &'a Ground, cutter: Cutter, allowance_mm: f64) -> Self {
        let grown = Cutter {
            radius_mm: cutter.radius_mm + allowance_mm,
            corner_mm: if cutter.corner_mm > 0.0 { cutter.corner_mm + allowance_mm } else { 0.0 },
            flank: cutter.flank,
        };
        // A cone's offset begins deeper: its flank is moved out, not its tip down.
        let lift_mm = allowance_mm * (1.0 + cutter.flank * cutter.flank).sqrt();
        Self { ground, grown, lift_mm, radius_mm: cutter.radius_mm }
    }

    /// Lowest tip on the axis `(x, y)` and what it rests on.
    #[inline]
    pub fn at(&self, x: f64, y: f64) -> Rest {
        let mut rest = self.ground.drop(&self.grown, x, y);
        rest.z_mm += self.lift_mm;
        rest
    }

    /// Lowest tip on the axis `(x, y)`, mm; minus infinity where nothing is below.
    #[inline]
    pub fn z(&self, x: f64, y: f64) -> f64 {
        self.at(x, y).z_mm
    }

    /// Over all nodes of a lattice.
    pub fn over(&self, plane: Plane) -> Field {
        let rests: Vec<Rest> = (0..plane.len())
            .into_par_iter()
            .with_min_len(64)
            .map(|at| {
                let [x, y] = plane.xy(at);
                self.at(x, y)
            })
            .collect();
        let slope = slopes(&plane, &rests);
        Field { plane, rests, slope }
    }
}

/// Heights of the tip over a lattice.
#[derive(Clone, Debug)]
pub struct Field {
    /// The lattice.
    pub plane: Plane,
    /// Tip height and what it rests on, per node.
    pub rests: Vec<Rest>,
    /// Steepest rise to a neighbour, mm per mm, per node; infinite beside nothing.
    pub slope: Vec<f32>,
}

impl Field {
    /// The tip over a node.
    #[inline]
    pub fn tip(&self, at: usize) -> [f64; 3] {
        let [x, y] = self.plane.xy(at);
        [x, y, self.z(at)]
    }

    /// Tip height at a node.
    #[inline]
    pub fn z(&self, at: usize) -> f64 {
        self.rests[at].z_mm
    }
}

fn slopes(plane: &Plane, rests: &[Rest]) -> Vec<f32> {
    let rise = |a: usize, b: usize| {
        let (a, b) = (rests[a].z_mm, rests[b].z_mm);
        if a.is_finite() && b.is_finite() { ((a - b) / plane.step).abs() } else { f64::INFINITY }
    };
    (0..plane.len())
        .map(|at| {
            if !rests[at].z_mm.is_finite() {
                return f32::INFINITY;
            }
            let (i, j) = plane.ij(at);
            let mut along = [0f64; 2];
            if i > 0 {
                along[0] = along[0].max(rise(at, at - 1));
            }
            if i + 1 < plane.nx {
                along[0] = along[0].max(rise(at, at + 1));
            }
            if j > 0 {
                along[1] = along[1].max(rise(at, at - plane.nx));
            }
            if j + 1 < plane.ny {
                along[1] = along[1].max(rise(at, at + plane.nx));
            }
            along[0].hypot(along[1]) as f32
        })
        .collect()
}

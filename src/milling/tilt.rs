//! Tool directions off part ±z: the tool's own frame, and what of it can reach the blank.

use std::collections::BTreeMap;

use super::carve::Piece;
use super::stock::Lattice;
use super::sweep::Skew;

/// The frame of a tilted tool: its third axis is up the tool.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tilt {
    /// Rows: its axes in the part.
    axes: [[f64; 3]; 3],
    /// Highest place of the blank, up the tool.
    top: f64,
}

/// Every tilted direction of a job, each once.
#[derive(Clone, Debug, Default)]
pub(super) struct Tilts {
    all: Vec<Tilt>,
    by_up: BTreeMap<[u64; 3], u32>,
}

impl Tilts {
    /// Number of the frame for a direction, made if it is new.
    pub fn number(&mut self, up: [f64; 3], lattice: &Lattice) -> u32 {
        let all = &mut self.all;
        *self.by_up.entry(up.map(f64::to_bits)).or_insert_with(|| {
            all.push(Tilt::new(up, lattice));
            all.len() as u32 - 1
        })
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Frame of a piece; `None` for an upright one.
    #[inline]
    pub fn of(&self, piece: &Piece) -> Option<&Tilt> {
        self.all.get(piece.tilt as usize)
    }

    pub fn frame(&self, number: u32) -> &Tilt {
        &self.all[number as usize]
    }
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

impl Tilt {
    pub fn new(up: [f64; 3], lattice: &Lattice) -> Self {
        // Any direction across will do; this one is never along the tool.
        let aside = if up[0].abs() < 0.6 { [1.0, 0.0, 0.0] } else { [0.0, 1.0, 0.0] };
        let along = dot(aside, up);
        let x: [f64; 3] = std::array::from_fn(|a| aside[a] - up[a] * along);
        let length = dot(x, x).sqrt();
        let x = x.map(|v| v / length);
        let y = [up[1] * x[2] - up[2] * x[1], up[2] * x[0] - up[0] * x[2], up[0] * x[1] - up[1] * x[0]];
        let top = (0..3).map(|a| (up[a] * lattice.min[a]).max(up[a] * lattice.max[a])).sum();
        Self { axes: [x, y, up], top }
    }

    pub fn up(&self) -> [f64; 3] {
        self.axes[2]
    }

    /// A place of the part in the tool's frame.
    #[inline]
    pub fn seen(&self, p: [f64; 3]) -> [f64; 3] {
        [dot(self.axes[0], p), dot(self.axes[1], p), dot(self.axes[2], p)]
    }

    /// A place of the tool's frame in the part.
    #[inline]
    pub fn part(&self, q: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|a| self.axes[0][a] * q[0] + self.axes[1][a] * q[1] + self.axes[2][a] * q[2])
    }

    /// The line through `p` along part axis `a`, in the tool's frame; its parameter is the coordinate along the axis.
    #[inline]
    pub fn line(&self, a: usize, mut p: [f64; 3]) -> Skew {
        p[a] = 0.0;
        Skew { o: self.seen(p), d: [self.axes[0][a], self.axes[1][a], self.axes[2][a]] }
    }

    /// Box, part frame, of what a body of `radius` about the tool that begins `above` its tip sweeps as high as the blank
    /// reaches; `None` when it stays above the blank.
    pub fn reach(&self, piece: &Piece, radius: f64, above: f64) -> Option<([f64; 3], [f64; 3])> {
        let (f, t) = (piece.span.from, piece.span.to);
        if f[2].min(t[2]) + above >= self.top {
            return None;
        }
        let (mut lo, mut hi) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
        for tip in [f, t] {
            for z in [tip[2] + above, self.top.max(tip[2] + above)] {
                let p = self.part([tip[0], tip[1], z]);
                for a in 0..3 {
                    let wide = radius * (1.0 - self.axes[2][a] * self.axes[2][a]).max(0.0).sqrt();
                    lo[a] = lo[a].min(p[a] - wide);
                    hi[a] = hi[a].max(p[a] + wide);
                }
            }
        }
        Some((lo, hi))
    }
}

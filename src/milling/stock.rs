//! The blank as lines along z, and the grid that lines along x and y share with it.
//!
//! Tools from +z or −z of the part clear everything above their end and leave one stretch `[bottom, top]` of a z line; both
//! are kept with the sign that lets one kernel trim either: `top` and `−bottom`. A tilted tool may pass through a line: what
//! it takes out of the middle is a gap, kept apart, since few lines have one.

use std::collections::BTreeMap;

use crate::model::BoxPart;

/// Rows of z lines that are milled together: a tile is `TILE` rows, a block `TILE` x `TILE` lines.
pub(super) const TILE: usize = 16;
/// Still there.
pub(super) const ALIVE: u32 = u32::MAX;

/// Where the lines run, part mm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Lattice {
    pub min: [f64; 3],
    pub max: [f64; 3],
    pub step: f64,
    /// Lines across each axis: line numbers i, j, k of the places `min + (n + 1/2) step`.
    pub n: [usize; 3],
}

impl Lattice {
    pub fn new(stock: &BoxPart, step: f64) -> Self {
        let (min, max) = (stock.min_mm.mm, stock.max_mm.mm);
        let n = std::array::from_fn(|a| (((max[a] - min[a]) / step).round() as usize).max(1));
        Self { min, max, step, n }
    }

    /// Coordinate of line `n` on axis `a`.
    #[inline]
    pub fn at(&self, a: usize, n: usize) -> f64 {
        self.min[a] + (n as f64 + 0.5) * self.step
    }

    /// Line numbers whose coordinates lie in `[lo, hi]`, as a half-open range.
    #[inline]
    pub fn range(&self, a: usize, lo: f64, hi: f64) -> std::ops::Range<usize> {
        // `as usize` cuts off, and takes what is below zero for zero: ceil and floor without a call to either.
        let (from, to) = ((lo - self.min[a]) / self.step - 0.5, (hi - self.min[a]) / self.step - 0.5);
        if !(to >= 0.0) {
            return 0..0;
        }
        let first = (from as usize).saturating_add(usize::from(from > (from as usize) as f64));
        let end = (to as usize).saturating_add(1).min(self.n[a]);
        first.min(end)..end
    }

    /// The line nearest to a coordinate.
    #[inline]
    pub fn nearest(&self, a: usize, x: f64) -> usize {
        (((x - self.min[a]) / self.step).floor().max(0.0) as usize).min(self.n[a] - 1)
    }
}

/// What is left of the blank on the z lines; line (i, j) at `j * n[0] + i`.
#[derive(Clone, Debug)]
pub(super) struct Stock {
    pub lattice: Lattice,
    pub top: Vec<f64>,
    /// Minus the z of the lower end. A line is empty where `top + low <= 0`.
    pub low: Vec<f64>,
    /// The move that took the last of the line.
    pub gone: Vec<u32>,
    /// What is missing between the ends, by number of the line.
    pub gaps: Gaps,
}

/// Gaps of lines that have any: part z from below, apart from each other and from the ends of the line.
pub(super) type Gaps = BTreeMap<u32, Vec<(f64, f64)>>;

impl Stock {
    pub fn new(lattice: Lattice) -> Self {
        let lines = lattice.n[0] * lattice.n[1];
        Self {
            lattice,
            top: vec![lattice.max[2]; lines],
            low: vec![-lattice.min[2]; lines],
            gone: vec![ALIVE; lines],
            gaps: BTreeMap::new(),
        }
    }

    /// `[bottom, top]` of a z line; `None` when nothing is left.
    #[inline]
    pub fn column(&self, i: usize, j: usize) -> Option<(f64, f64)> {
        let at = j * self.lattice.n[0] + i;
        (self.gone[at] == ALIVE).then(|| (-self.low[at], self.top[at]))
    }

    /// Gaps of line number `at`.
    #[inline]
    pub fn gaps_of(&self, at: usize) -> &[(f64, f64)] {
        self.gaps.get(&(at as u32)).map_or(&[], |g| g)
    }

    /// Stretches of material of a z line, from below.
    pub fn each_stretch(&self, i: usize, j: usize, mut each: impl FnMut(f64, f64)) {
        let Some((bottom, top)) = self.column(i, j) else { return };
        let mut from = bottom;
        for &(a, b) in self.gaps_of(j * self.lattice.n[0] + i) {
            each(from, a);
            from = b;
        }
        each(from, top);
    }
}

/// Length of gaps beyond `z` on the tool's side; `z` is part z times the side's sign.
pub(super) fn lost_in_gaps(gaps: &[(f64, f64)], side: usize, z: f64) -> f64 {
    let beyond = |(a, b): (f64, f64)| (b - a.max(z)).max(0.0);
    gaps.iter().map(|&(a, b)| beyond(if side == 0 { (a, b) } else { (-b, -a) })).sum()
}

/// Takes the gaps beyond `z` out; where `z` then lies: one within a gap falls to its far end.
pub(super) fn trim_gaps(gaps: &mut Vec<(f64, f64)>, side: usize, z: f64) -> f64 {
    let seen = |(a, b): (f64, f64)| if side == 0 { (a, b) } else { (-b, -a) };
    gaps.retain(|g| seen(*g).0 < z);
    let nearest = if side == 0 { gaps.last() } else { gaps.first() };
    match nearest.map(|g| seen(*g)).filter(|g| g.1 >= z) {
        Some((end, _)) => {
            gaps.retain(|g| seen(*g).0 < end);
            end
        }
        None => z,
    }
}

/// What was taken from a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Taken {
    /// New ends; `None` when nothing is left.
    pub ends: Option<(f64, f64)>,
    /// Length of material that is gone, mm.
    pub length: f64,
    /// Lowest and highest of it.
    pub from: f64,
    pub to: f64,
}

/// Takes `[a, b]` from the line `[bottom, top]` with these gaps; `None` where it meets no material.
pub(super) fn take(
    (bottom, top): (f64, f64),
    gaps: &mut Vec<(f64, f64)>,
    (a, b): (f64, f64),
) -> Option<Taken> {
    // Thinner than rounding is nothing.
    const THIN_MM: f64 = 1e-9;
    let thick = |s: &(f64, f64)| s.1 - s.0 > THIN_MM;
    let mut solid = Vec::with_capacity(gaps.len() + 1);
    let mut from = bottom;
    for &(g0, g1) in gaps.iter().chain([&(top, top)]) {
        solid.push((from, g0));
        from = g1;
    }
    let mut out: Option<Taken> = None;
    for lost in solid.iter().map(|&(p, q)| (p.max(a), q.min(b))).filter(thick) {
        let t = out.get_or_insert(Taken { ends: None, length: 0.0, from: lost.0, to: lost.1 });
        (t.length, t.to) = (t.length + (lost.1 - lost.0), lost.1);
    }
    let mut out = out?;
    let kept: Vec<(f64, f64)> =
        solid.iter().flat_map(|&(p, q)| [(p, q.min(a)), (p.max(b), q)]).filter(thick).collect();
    gaps.clear();
    gaps.extend(kept.windows(2).map(|w| (w[0].1, w[1].0)));
    out.ends = kept.first().zip(kept.last()).map(|(f, l)| (f.0, l.1));
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_from_a_line_is_what_a_drawing_says() {
        let mut gaps = Vec::new();
        let taken = |ends, length, from, to| Some(Taken { ends, length, from, to });
        assert_eq!(take((0.0, 10.0), &mut gaps, (2.0, 3.0)), taken(Some((0.0, 10.0)), 1.0, 2.0, 3.0));
        assert_eq!(take((0.0, 10.0), &mut gaps, (6.0, 7.0)), taken(Some((0.0, 10.0)), 1.0, 6.0, 7.0));
        assert_eq!(gaps, [(2.0, 3.0), (6.0, 7.0)]);
        assert_eq!(take((0.0, 10.0), &mut gaps, (6.2, 7.0)), None, "nothing is there any more");
        // From below, into the first gap: the line begins behind it.
        assert_eq!(take((0.0, 10.0), &mut gaps, (-5.0, 2.5)), taken(Some((3.0, 10.0)), 2.0, 0.0, 2.0));
        assert_eq!(gaps, [(6.0, 7.0)]);
        // Over the other gap.
        assert_eq!(take((3.0, 10.0), &mut gaps, (5.0, 8.0)), taken(Some((3.0, 10.0)), 2.0, 5.0, 8.0));
        assert_eq!(gaps, [(5.0, 8.0)]);
        assert_eq!(take((3.0, 10.0), &mut gaps, (0.0, 20.0)), taken(None, 4.0, 3.0, 10.0));
        assert!(gaps.is_empty());
    }

    #[test]
    fn an_upright_tool_that_ends_in_a_gap_leaves_the_line_to_its_far_end() {
        let gaps = || vec![(2.0, 3.0), (6.0, 7.0)];
        assert_eq!(lost_in_gaps(&gaps(), 0, 2.5), 1.5);
        let mut g = gaps();
        assert_eq!((trim_gaps(&mut g, 0, 6.5), g), (6.0, vec![(2.0, 3.0)]));
        let mut g = gaps();
        assert_eq!((trim_gaps(&mut g, 0, 4.0), g), (4.0, vec![(2.0, 3.0)]));
        // From below: z of the side is minus part z.
        assert_eq!(lost_in_gaps(&gaps(), 1, -6.5), 1.5);
        let mut g = gaps();
        assert_eq!((trim_gaps(&mut g, 1, -2.5), g), (-3.0, vec![(6.0, 7.0)]));
        let mut g = gaps();
        assert_eq!((trim_gaps(&mut g, 1, -8.0), g), (-8.0, vec![]));
    }
}

//! Ways over cleared ground, and the borders it has with stock.
//!
//! **Method** Places where the tool meets no stock are flooded from where it stands; the first with stock beside it
//! that is to be cut lies on the nearest front. The front is followed with stock on the left to its upstream end, where
//! a climbing pass begins.

use std::collections::VecDeque;

use super::adapt::{BERTH_MM, Clearing, Reach, STEP_MM};

/// A way may end this far from where it was to lead, mm: the pass goes on from there.
const SHORT_MM: f64 = 1.0;

/// A free node and the direction, one of eight, in which stock lies.
pub(super) type Front = (usize, usize);

/// Eight neighbours, anticlockwise from +x.
const AROUND: [(i64, i64); 8] = [(1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1)];

impl Clearing<'_> {
    pub(super) fn beside(&self, node: usize, side: usize) -> Option<usize> {
        let (i, j) = self.plane.ij(node);
        let (x, y) = (i as i64 + AROUND[side].0, j as i64 + AROUND[side].1);
        let inside = x >= 0 && y >= 0 && x < self.plane.nx as i64 && y < self.plane.ny as i64;
        (inside && self.mine[y as usize * self.plane.nx + x as usize])
            .then(|| y as usize * self.plane.nx + x as usize)
    }

    /// Where a node borders on stock that is to be cut.
    fn front_at(&mut self, node: usize) -> Option<Front> {
        (0..8).find_map(|side| {
            let b = self.beside(node, side)?;
            (!self.dead[b] && !self.is_free(b)).then_some((node, side))
        })
    }

    /// Free node from which a search begins: nearest to a place, within a millimetre; else any of the piece.
    fn foothold(&mut self, at: [f64; 2]) -> Option<usize> {
        let near = self.plane.nearest(at[0], at[1])?;
        let (i, j) = self.plane.ij(near);
        let mut best: Option<(f64, usize)> = None;
        for y in j.saturating_sub(4)..(j + 5).min(self.plane.ny) {
            for x in i.saturating_sub(4)..(i + 5).min(self.plane.nx) {
                let node = y * self.plane.nx + x;
                if self.mine[node] && self.is_free(node) {
                    let p = self.plane.xy(node);
                    let d = (p[0] - at[0]).hypot(p[1] - at[1]);
                    if best.is_none_or(|b| d < b.0) {
                        best = Some((d, node));
                    }
                }
            }
        }
        best.map(|b| b.1)
    }

    /// The nearest free node with stock beside it, over free nodes; where there is none, over all.
    pub(super) fn nearest_front(&mut self, at: [f64; 2]) -> Option<Front> {
        if let Some(start) = self.foothold(at) {
            let mut found = None;
            self.flood(start, f64::INFINITY, |me, node| {
                found = me.front_at(node);
                found.is_some()
            });
            if found.is_some() {
                return found;
            }
        }
        let far = |p: [f64; 2]| (p[0] - at[0]).hypot(p[1] - at[1]);
        let mut best: Option<(f64, Front)> = None;
        for node in 0..self.plane.len() {
            let d = far(self.plane.xy(node));
            if self.mine[node]
                && best.is_none_or(|b| d < b.0)
                && self.is_free(node)
                && let Some(front) = self.front_at(node)
            {
                best = Some((d, front));
            }
        }
        best.map(|b| b.1)
    }

    /// Visits free nodes from `start` outwards until `stop`; returns the way to the one it stopped at.
    fn flood(
        &mut self,
        start: usize,
        far_mm: f64,
        mut stop: impl FnMut(&mut Self, usize) -> bool,
    ) -> Option<Vec<usize>> {
        self.search += 1;
        let search = self.search;
        let mut queue = VecDeque::from([(start, 0.0)]);
        self.visited[start] = (search, start as u32);
        while let Some((node, gone)) = queue.pop_front() {
            if stop(self, node) {
                let mut way = vec![node];
                loop {
                    let last = way[way.len() - 1];
                    let before = self.visited[last].1 as usize;
                    if before == last {
                        break;
                    }
                    way.push(before);
                }
                way.reverse();
                return Some(way);
            }
            // Sides before corners: the order of a flood is that of the way's length, nearly.
            for side in [0, 2, 4, 6, 1, 3, 5, 7] {
                let length =
                    gone + self.plane.step * if side % 2 == 0 { 1.0 } else { std::f64::consts::SQRT_2 };
                if let Some(b) = self.beside(node, side)
                    && self.visited[b].0 != search
                    && length <= far_mm
                    && self.is_free(b)
                {
                    self.visited[b] = (search, node as u32);
                    queue.push_back((b, length));
                }
            }
        }
        None
    }

    /// Along the front, stock on the left, to its end.
    pub(super) fn upstream(&mut self, from: Front) -> Front {
        let mut at = from;
        self.search += 1;
        loop {
            let (node, mut side) = at;
            // A ring is walked round once.
            if self.visited[node].0 == self.search {
                return at;
            }
            self.visited[node] = (self.search, 0);
            let mut next = None;
            for _ in 0..8 {
                let turned = (side + 7) % 8;
                let Some(b) = self.beside(node, turned) else { break };
                if self.is_free(b) {
                    next = Some(b);
                    break;
                }
                if self.dead[b] {
                    break;
                }
                side = turned;
            }
            let Some(b) = next else { return (node, side) };
            // The same stock seen from the next node.
            let stock = self.beside(node, side).expect("a front has stock beside it");
            let seen = (0..8).find(|&s| self.beside(b, s) == Some(stock));
            let Some(seen) = seen else { return (node, side) };
            at = (b, seen);
        }
    }

    /// Over cleared ground to a node or just before it, straightened; `None` where it is too far or blocked.
    pub(super) fn way(&mut self, at: [f64; 2], goal: usize, bound_deg: u32) -> Option<Vec<[f64; 2]>> {
        let to = self.plane.xy(goal);
        if (to[0] - at[0]).hypot(to[1] - at[1]) > self.stay_mm {
            return None;
        }
        let straight = self.trimmed(vec![at, to], to, bound_deg);
        if straight.is_some() {
            return straight;
        }
        let start = self.foothold(at)?;
        let way = self.flood(start, self.stay_mm, |_, node| node == goal)?;
        let mut points: Vec<[f64; 2]> = vec![at];
        let mut k = 0;
        while k < way.len() {
            let from = points[points.len() - 1];
            // The farthest node in sight.
            let mut far = k;
            let mut reach = 1;
            while k + reach < way.len() && self.sees(from, self.plane.xy(way[k + reach]), bound_deg) {
                far = k + reach;
                reach = (reach * 2).min(reach + 16);
            }
            points.push(self.plane.xy(way[far]));
            k = far + 1;
        }
        self.trimmed(points, to, bound_deg)
    }

    /// From the nearest place with air around the tool.
    pub(super) fn berth(&mut self, goal: usize, bound_deg: u32) -> Reach {
        let to = self.plane.xy(goal);
        let airy = |me: &mut Self, node: usize| me.layer.meets(me.plane.xy(node), BERTH_MM).is_none();
        let Some(way) = self.flood(goal, self.stay_mm, airy) else { return Reach::Tight(to) };
        let nodes: Vec<[f64; 2]> = way.into_iter().rev().map(|n| self.plane.xy(n)).collect();
        let straight = self.trimmed(vec![nodes[0], to], to, bound_deg);
        straight.or_else(|| self.trimmed(nodes, to, bound_deg)).map_or(Reach::Tight(to), Reach::Down)
    }

    /// A way as far as it meets no more than films within the bound; `None` where that ends far from `to`. Films on it
    /// are taken once the pass is gone.
    fn trimmed(&mut self, way: Vec<[f64; 2]>, to: [f64; 2], bound_deg: u32) -> Option<Vec<[f64; 2]>> {
        let mut out = vec![way[0]];
        'way: for w in way.windows(2) {
            let mut last = w[0];
            let heading = heading_deg(w[0], w[1]);
            for p in between(w[0], w[1]) {
                if !self.passes(p, heading, bound_deg) {
                    out.push(last);
                    break 'way;
                }
                last = p;
            }
            out.push(w[1]);
        }
        let end = out[out.len() - 1];
        if (end[0] - to[0]).hypot(end[1] - to[1]) > SHORT_MM {
            return None;
        }
        Some(out)
    }

    /// True where nothing but films within the bound stands between two places.
    fn sees(&self, a: [f64; 2], b: [f64; 2], bound_deg: u32) -> bool {
        let heading = heading_deg(a, b);
        between(a, b).all(|p| self.passes(p, heading, bound_deg))
    }

    fn passes(&self, p: [f64; 2], heading: i32, bound_deg: u32) -> bool {
        self.allows(p)
            && self.layer.meets(p, -self.film_mm).is_none()
            && self.layer.engaged_deg(p, heading) <= bound_deg
    }
}

fn heading_deg(a: [f64; 2], b: [f64; 2]) -> i32 {
    (b[1] - a[1]).atan2(b[0] - a[0]).to_degrees().round() as i32
}

/// Places on a straight way, a step apart.
pub(super) fn between(a: [f64; 2], b: [f64; 2]) -> impl Iterator<Item = [f64; 2]> {
    let n = ((b[0] - a[0]).hypot(b[1] - a[1]) / STEP_MM).ceil().max(1.0) as usize;
    (0..=n).map(move |k| {
        let t = k as f64 / n as f64;
        [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t]
    })
}

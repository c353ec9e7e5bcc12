//! Nearest cutter surface to a place, over every move of a path.
//!
//! One tree of boxes per setup, tool and tool direction. The bound for a box of tip positions is exact: the body swept by
//! a cutter over a box, endless upwards, is the cutter grown sideways by the box and set on its lowest place.

use std::collections::BTreeMap;
use std::ops::RangeBounds;
use std::sync::Arc;

use nalgebra::Vector3;

use crate::model::{Job, Tool, ToolMove};

use super::cutter::{Cutter, root};
use super::error::InspectError;

const LEAF: usize = 4;

/// Most trees: every tool, setup and direction is one, and each is asked for every cluster of places. A turn of the table
/// above the blank makes a dozen directions, a cut while it tilts thousands.
const GROUPS_MAX: usize = 5000;

/// Places this near to each other, mm, and at most so many are asked for together: one way down the tree for all.
const CLUSTER_MM: f64 = 0.35;
const CLUSTER: usize = 64;

/// The nearest cutter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Near {
    /// Signed distance, mm: positive outside every cutter, negative inside one.
    pub distance_mm: f64,
    /// Number of the move in the path; `None` where no cutter came within reach.
    pub index: Option<u32>,
}

struct Node {
    lo: [f64; 3],
    hi: [f64; 3],
    first: u32,
    count: u32,
}

/// Tip at start and end of a move, and its number in the path.
type Tips = (Vector3<f64>, Vector3<f64>, u32);

/// Moves of one tool, one setup and one tool direction. A copy shares the tree.
#[derive(Clone)]
pub(super) struct Group {
    pub(super) tool: Tool,
    pub(super) setup: u32,
    pub(super) cutter: Cutter,
    /// Rows: the tool frame's axes in the part; the third is up the tool.
    pub(super) axes: [Vector3<f64>; 3],
    /// Added to a place after it was turned into the tool's frame, mm; zero but on a machine that is a little off.
    pub(super) offset: Vector3<f64>,
    /// Tip at start and end in the tool's frame, and number in the path; in tree order.
    moves: Arc<[Tips]>,
    nodes: Arc<[Node]>,
}

/// Every cutter along every move.
pub struct Sweep {
    pub(super) groups: Vec<Group>,
    /// Group and place in it of each move of the path.
    pub(super) places: Arc<[(u32, u32)]>,
}

impl Sweep {
    /// Sorts the path into trees.
    ///
    /// # Errors
    /// Numbers that are not finite, tools or programs that the job does not list, tools without a form.
    pub fn new(path: &[ToolMove], job: &Job) -> Result<Self, InspectError> {
        let mut by_key: BTreeMap<(u32, u32, [i64; 3]), Vec<u32>> = BTreeMap::new();
        for (index, m) in path.iter().enumerate() {
            if let Some(&value) = m.from_mm.iter().chain(&m.to_mm).chain(&m.up).find(|v| !v.is_finite()) {
                return Err(InspectError::NotFinite { what: "move", index, value });
            }
            let program = job.program.get(m.program as usize).ok_or(InspectError::NotInJob {
                index,
                what: "program",
                number: u32::from(m.program),
            })?;
            let length = Vector3::from(m.up).norm();
            if (length - 1.0).abs() > 1e-6 {
                let program = program.file.clone();
                return Err(InspectError::ToolAxis { index, program, line: m.line, length });
            }
            // 1e-9: directions equal to within rounding share a tree; the first one's is used for all.
            let key = (m.tool, program.setup, m.up.map(|u| (u * 1e9).round() as i64));
            by_key.entry(key).or_default().push(index as u32);
        }
        if by_key.len() > GROUPS_MAX {
            return Err(InspectError::TooManyDirections { found: by_key.len(), limit: GROUPS_MAX });
        }
        let mut groups = Vec::new();
        let mut places: Vec<(u32, u32)> = vec![(0, 0); path.len()];
        for ((number, setup, _), members) in by_key {
            let tool = job.tool.iter().find(|t| t.number == number).ok_or(InspectError::NotInJob {
                index: members[0] as usize,
                what: "tool",
                number,
            })?;
            let cutter = Cutter::new(tool).map_err(|why| InspectError::Tool { number, why })?;
            let group = Group::new((tool, setup), cutter, path, &members);
            for (at, m) in group.moves.iter().enumerate() {
                places[m.2 as usize] = (groups.len() as u32, at as u32);
            }
            groups.push(group);
        }
        Ok(Self { groups, places: places.into() })
    }

    /// Nearest cutter to `p_mm` (part frame) within `reach_mm`. `hint` is a move likely to be near; it changes the
    /// time, not the answer. Among equals the earliest move wins.
    pub fn nearest(&self, p_mm: [f64; 3], reach_mm: f64, hint: Option<u32>) -> Near {
        let mut best = Near { distance_mm: reach_mm, index: None };
        let p = Vector3::from(p_mm);
        if let Some(index) = hint {
            let (group, at) = self.places[index as usize];
            let group = &self.groups[group as usize];
            group.offer(&group.seen_by_tool(&p), at as usize, &mut best);
        }
        for group in &self.groups {
            group.search(&group.seen_by_tool(&p), &mut best);
        }
        best
    }

    /// [`Sweep::nearest`] of many places; fast where neighbours in the list are neighbours in space. The answers are those
    /// of one after the other.
    pub fn nearest_of(&self, places: &[[f64; 3]], reach_mm: f64, hint: Option<u32>) -> Vec<Near> {
        let mut out = Vec::with_capacity(places.len());
        let mut hint = hint;
        let mut seen = Vec::with_capacity(CLUSTER);
        let mut rest = places;
        while !rest.is_empty() {
            let (cluster, others) = rest.split_at(together(rest));
            rest = others;
            let first = out.len();
            out.resize(first + cluster.len(), Near { distance_mm: reach_mm, index: None });
            let best = &mut out[first..];
            if let Some(index) = hint {
                let (group, at) = self.places[index as usize];
                let group = &self.groups[group as usize];
                for (p, best) in cluster.iter().zip(best.iter_mut()) {
                    group.offer(&group.seen_by_tool(&Vector3::from(*p)), at as usize, best);
                }
            }
            let (middle, wide) = ball_about(cluster);
            for group in &self.groups {
                let farthest = best.iter().map(|n| n.distance_mm).fold(f64::NEG_INFINITY, f64::max);
                if group.beyond(&group.seen_by_tool(&middle), wide, farthest) {
                    continue;
                }
                seen.clear();
                seen.extend(cluster.iter().map(|p| group.seen_by_tool(&Vector3::from(*p))));
                group.search_all(&seen, best);
            }
            hint = best.iter().rev().find_map(|n| n.index).or(hint);
        }
        out
    }

    /// Only cutters whose least radius of curvature lies within a range, mm; a sharp corner's and a point's is 0. A hint of another
    /// cutter's move is none.
    pub fn only(&self, corner_mm: impl RangeBounds<f64>) -> Self {
        let wanted = |g: &Group| corner_mm.contains(&g.cutter.corner_mm());
        let mut now = 0;
        let number: Vec<Option<u32>> = self
            .groups
            .iter()
            .map(|g| {
                now += u32::from(wanted(g));
                wanted(g).then(|| now - 1)
            })
            .collect();
        let groups = self.groups.iter().filter(|g| wanted(g)).cloned().collect();
        // No answer of the others' is ever given, so none is asked for by its number.
        let place = |&(group, at): &(u32, u32)| number[group as usize].map_or((0, 0), |n| (n, at));
        Self { groups, places: self.places.iter().map(place).collect() }
    }

    /// Least radius of curvature of the cutters, mm; infinite where there are none.
    pub fn least_radius_mm(&self) -> f64 {
        self.groups.iter().map(|g| g.cutter.corner_mm()).fold(f64::INFINITY, f64::min)
    }

    /// Signed distance from `p_mm` to what this move's cutter sweeps, mm. The swept body is convex, so over a triangle
    /// the distance is largest at a corner.
    pub fn distance_mm(&self, p_mm: [f64; 3], index: u32) -> f64 {
        let (group, at) = self.places[index as usize];
        let group = &self.groups[group as usize];
        let (a, b, _) = &group.moves[at as usize];
        group.cutter.swept_cutting(&group.seen_by_tool(&Vector3::from(p_mm)), a, b).0
    }

    /// Tool and setup of a move, and the direction up the tool.
    pub fn made_by(&self, index: u32) -> (&Tool, u32, Vector3<f64>) {
        let group = &self.groups[self.places[index as usize].0 as usize];
        (&group.tool, group.setup, group.axes[2])
    }

    /// How fast the distance to this move's cutter grows at `p_mm`, as a vector in the part; and the cutter's
    /// least radius of curvature, mm.
    pub fn gradient(&self, p_mm: [f64; 3], index: u32) -> (Vector3<f64>, f64) {
        let (group, at) = self.places[index as usize];
        let group = &self.groups[group as usize];
        let p = group.seen_by_tool(&Vector3::from(p_mm));
        let (a, b, _) = &group.moves[at as usize];
        let (_, s) = group.cutter.swept_cutting(&p, a, b);
        let g = group.cutter.gradient(&p, &(a + (b - a) * s));
        let [x, y, z] = group.axes;
        (x * g.x + y * g.y + z * g.z, group.cutter.corner_mm())
    }
}

impl Group {
    fn new((tool, setup): (&Tool, u32), cutter: Cutter, path: &[ToolMove], members: &[u32]) -> Self {
        let up = Vector3::from(path[members[0] as usize].up).normalize();
        let aside = if up.x.abs() < 0.6 { Vector3::x() } else { Vector3::y() };
        let x = (aside - up * aside.dot(&up)).normalize();
        let axes = [x, up.cross(&x), up];
        let turn = |v: [f64; 3]| {
            let v = Vector3::from(v);
            Vector3::new(axes[0].dot(&v), axes[1].dot(&v), axes[2].dot(&v))
        };
        let mut moves: Vec<_> = members
            .iter()
            .map(|&i| (turn(path[i as usize].from_mm), turn(path[i as usize].to_mm), i))
            .collect();
        let mut nodes = Vec::new();
        let n = moves.len();
        split(&mut moves, 0, n, &mut nodes);
        let (tool, offset) = (tool.clone(), Vector3::zeros());
        Self { tool, setup, cutter, axes, offset, moves: moves.into(), nodes: nodes.into() }
    }

    fn seen_by_tool(&self, p: &Vector3<f64>) -> Vector3<f64> {
        Vector3::new(self.axes[0].dot(p), self.axes[1].dot(p), self.axes[2].dot(p)) + self.offset
    }

    /// True when no move comes as near as `than_mm` to any place within `wide` of `p`: told before the places are turned
    /// into the tool's frame, since a table that turns makes many groups of a few moves each.
    fn beyond(&self, p: &Vector3<f64>, wide: f64, than_mm: f64) -> bool {
        // Above rounding, so that what is left out was beyond by every way of reckoning.
        const SURELY_MM: f64 = 1e-6;
        let root = &self.nodes[0];
        let (rho, h) = box_rho_h(p, &root.lo, &root.hi);
        let (rho, h) = ((rho - wide).max(0.0), h + wide);
        self.cutter.endless(rho, h) > than_mm + SURELY_MM && self.cutter.body_bound(rho, h) > SURELY_MM
    }

    fn offer(&self, p: &Vector3<f64>, at: usize, best: &mut Near) {
        let (a, b, index) = &self.moves[at];
        let (lo, hi) = (a.inf(b), a.sup(b));
        let off = |k: usize| (lo[k] - p[k]).max(p[k] - hi[k]).max(0.0);
        let ((x, y), h) = ((off(0), off(1)), p.z - lo.z);
        if self.cutter.ball_beyond(x * x + y * y, h, best.distance_mm) {
            return;
        }
        let rho = root(x, y);
        let body_bound = self.cutter.body_bound(rho, h);
        // The bound of the move's own box costs a tenth of the exact distance and settles most moves.
        if self.cutter.endless(rho, h) > best.distance_mm && body_bound >= 0.0 {
            return;
        }
        let (mut d, _) = self.cutter.swept_cutting(p, a, b);
        // Shank and holder cut nothing: they count only where they are in the part.
        if body_bound < d.min(0.0) {
            let body = self.cutter.swept_body(p, a, b);
            if body < 0.0 {
                d = d.min(body);
            }
        }
        if d < best.distance_mm || (d == best.distance_mm && best.index.is_some_and(|i| *index < i)) {
            *best = Near { distance_mm: d, index: Some(*index) };
        }
    }

    /// As `search`, for places close together: what is too far for all of them is left out for all at once.
    fn search_all(&self, places: &[Vector3<f64>], best: &mut [Near]) {
        if let ([p], [best]) = (places, &mut *best) {
            return self.search(p, best);
        }
        let lo = places.iter().fold(places[0], |m, p| m.inf(p));
        let hi = places.iter().fold(places[0], |m, p| m.sup(p));
        let bound = |at: u32| {
            let node = &self.nodes[at as usize];
            let off = |a: usize| (node.lo[a] - hi[a]).max(lo[a] - node.hi[a]).max(0.0);
            let (rho, h) = (root(off(0), off(1)), hi.z - node.lo[2]);
            let cutting = self.cutter.endless(rho, h);
            let body = self.cutter.body_bound(rho, h);
            if body < 0.0 { cutting.min(body) } else { cutting }
        };
        let farthest = |best: &[Near]| best.iter().map(|n| n.distance_mm).fold(f64::NEG_INFINITY, f64::max);
        let mut most = farthest(best);
        let mut stack: Vec<(f64, u32)> = Vec::with_capacity(64);
        stack.push((bound(0), 0));
        while let Some((least, at)) = stack.pop() {
            if least > most {
                continue;
            }
            let node = &self.nodes[at as usize];
            if node.count > 0 {
                for (p, best) in places.iter().zip(best.iter_mut()) {
                    let off = |a: usize| (node.lo[a] - p[a]).max(p[a] - node.hi[a]).max(0.0);
                    let (x, y) = (off(0), off(1));
                    if self.cutter.ball_beyond(x * x + y * y, p.z - node.lo[2], best.distance_mm) {
                        continue;
                    }
                    for i in node.first..node.first + node.count {
                        self.offer(p, i as usize, best);
                    }
                }
                most = farthest(best);
                continue;
            }
            let (l, r) = ((bound(at + 1), at + 1), (bound(node.first), node.first));
            let (near, far) = if l.0 <= r.0 { (l, r) } else { (r, l) };
            stack.push(far);
            stack.push(near);
        }
    }

    fn search(&self, p: &Vector3<f64>, best: &mut Near) {
        let bound = |at: u32| {
            let node = &self.nodes[at as usize];
            let (rho, h) = box_rho_h(p, &node.lo, &node.hi);
            let body = self.cutter.body_bound(rho, h);
            let cutting = self.cutter.endless(rho, h);
            if body < 0.0 { cutting.min(body) } else { cutting }
        };
        let mut stack: Vec<(f64, u32)> = Vec::with_capacity(64);
        stack.push((bound(0), 0));
        while let Some((least, at)) = stack.pop() {
            if least > best.distance_mm {
                continue;
            }
            let node = &self.nodes[at as usize];
            if node.count > 0 {
                for i in node.first..node.first + node.count {
                    self.offer(p, i as usize, best);
                }
                continue;
            }
            let (l, r) = ((bound(at + 1), at + 1), (bound(node.first), node.first));
            let (near, far) = if l.0 <= r.0 { (l, r) } else { (r, l) };
            stack.push(far);
            stack.push(near);
        }
    }
}

/// How many of the first places lie near enough to each other to be asked for together; at least one.
fn together(places: &[[f64; 3]]) -> usize {
    let (mut lo, mut hi) = (places[0], places[0]);
    for (n, p) in places.iter().enumerate().take(CLUSTER) {
        for a in 0..3 {
            lo[a] = lo[a].min(p[a]);
            hi[a] = hi[a].max(p[a]);
        }
        if (0..3).any(|a| hi[a] - lo[a] > CLUSTER_MM) {
            return n;
        }
    }
    places.len().min(CLUSTER)
}

/// A ball about places: middle of their box, and its radius.
fn ball_about(places: &[[f64; 3]]) -> (Vector3<f64>, f64) {
    let all = || places.iter().map(|p| Vector3::from(*p));
    let (lo, hi) = all()
        .fold((Vector3::from(places[0]), Vector3::from(places[0])), |(lo, hi), p| (lo.inf(&p), hi.sup(&p)));
    ((lo + hi) / 2.0, (hi - lo).norm() / 2.0)
}

/// Least distance from the tool's axis and greatest height above the tip, for tips anywhere in the box.
fn box_rho_h(p: &Vector3<f64>, lo: &[f64; 3], hi: &[f64; 3]) -> (f64, f64) {
    let off = |a: usize| (lo[a] - p[a]).max(p[a] - hi[a]).max(0.0);
    (root(off(0), off(1)), p.z - lo[2])
}

fn split(moves: &mut [(Vector3<f64>, Vector3<f64>, u32)], lo: usize, hi: usize, nodes: &mut Vec<Node>) {
    let mut least = [f64::INFINITY; 3];
    let mut most = [f64::NEG_INFINITY; 3];
    for (a, b, _) in &moves[lo..hi] {
        for k in 0..3 {
            least[k] = least[k].min(a[k].min(b[k]));
            most[k] = most[k].max(a[k].max(b[k]));
        }
    }
    let at = nodes.len();
    nodes.push(Node { lo: least, hi: most, first: lo as u32, count: (hi - lo) as u32 });
    if hi - lo <= LEAF {
        return;
    }
    let axis = (0..3)
        .max_by(|&i, &j| (most[i] - least[i]).total_cmp(&(most[j] - least[j])))
        .expect("a box has three axes");
    let middle = (lo + hi) / 2;
    moves[lo..hi].select_nth_unstable_by(middle - lo, |x, y| {
        (x.0[axis] + x.1[axis]).total_cmp(&(y.0[axis] + y.1[axis])).then(x.2.cmp(&y.2))
    });
    split(moves, lo, middle, nodes);
    nodes[at].first = nodes.len() as u32;
    nodes[at].count = 0;
    split(moves, middle, hi, nodes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::random::Random;
    use crate::inspect::fixtures;

    #[test]
    fn the_tree_finds_what_a_full_search_finds() {
        let job = fixtures::job();
        let mut r = Random::new(5);
        let path: Vec<ToolMove> = (0..300)
            .map(|i| {
                let from_mm: [f64; 3] = std::array::from_fn(|_| r.within(-20.0, 20.0));
                let to_mm = std::array::from_fn(|k| from_mm[k] + r.within(-2.0, 2.0));
                // Upright from both sides, and a few that lean.
                let lean = f64::from(i % 7) * 0.3;
                let up = match i % 3 {
                    0 => [0.0, 0.0, 1.0],
                    1 => [0.0, 0.0, -1.0],
                    _ => [0.0, lean.sin(), lean.cos()],
                };
                ToolMove { program: 0, line: i, tool: 1 + i % 3, rapid: false, from_mm, to_mm, up }
            })
            .collect();
        let sweep = Sweep::new(&path, &job).unwrap();
        let single: Vec<Sweep> = path.iter().map(|m| Sweep::new(&[*m], &job).unwrap()).collect();
        for _ in 0..500 {
            let p: [f64; 3] = std::array::from_fn(|_| r.within(-25.0, 25.0));
            let got = sweep.nearest(p, 5.0, Some(17));
            assert_eq!(got, sweep.nearest(p, 5.0, None), "a hint changes nothing");
            let brute = single.iter().map(|s| s.nearest(p, 5.0, None).distance_mm).fold(5.0, f64::min);
            assert_eq!(got.distance_mm, brute);
            // A cluster about it, and places far from each other.
            let mut about = vec![p];
            about.extend((0..20).map(|_| p.map(|x| x + r.within(-0.2, 0.2))));
            about.push(std::array::from_fn(|_| r.within(-25.0, 25.0)));
            let alone: Vec<Near> = about.iter().map(|&p| sweep.nearest(p, 5.0, None)).collect();
            assert_eq!(sweep.nearest_of(&about, 5.0, Some(3)), alone);
        }
    }

    #[test]
    fn a_move_that_is_no_number_is_refused() {
        let mut m = ToolMove {
            program: 0,
            line: 4,
            tool: 1,
            rapid: false,
            from_mm: [0.0; 3],
            to_mm: [1.0, f64::NAN, 0.0],
            up: [0.0, 0.0, 1.0],
        };
        assert!(matches!(
            Sweep::new(&[m], &fixtures::job()),
            Err(InspectError::NotFinite { what: "move", index: 0, .. })
        ));
        m.to_mm[1] = 0.0;
        // As many directions as moves.
        let leaning = (0..6000).map(|i| {
            let a = f64::from(i) * 1e-4;
            ToolMove { up: [a.sin(), 0.0, a.cos()], ..m }
        });
        let many = Sweep::new(&leaning.collect::<Vec<_>>(), &fixtures::job()).err();
        assert_eq!(many, Some(InspectError::TooManyDirections { found: 6000, limit: 5000 }));
        m.tool = 99;
        assert!(matches!(
            Sweep::new(&[m], &fixtures::job()),
            Err(InspectError::NotInJob { what: "tool", number: 99, .. })
        ));
    }
}

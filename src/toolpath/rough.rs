//! Roughing: layers cleared from above with a flat mill at bounded engagement.
//!
//! **In** cutter locations of the mill over a lattice, the outline, what may be cut. **Out** moves, and the height of
//! what may still stand, for everything that comes after.
//!
//! **Method** Per layer, the places the tool's axis may go to: above part and tabs with the allowance, within the
//! lane, not below the lane's floor. Each piece of that region is opened by a helix where it is widest (by a ramp to
//! and fro where even a helix is too wide) and cleared by fronts (see [`super::fronts`]).

use crate::model::Move;

use super::fronts::{components, level_lines, march, simplify};
use super::link::Standing;
use super::plane::Plane;

/// What roughing works on; lattice nodes are places of the tool's axis.
pub struct Roughing<'a> {
    /// The lattice.
    pub plane: Plane,
    /// Lowest tip that keeps the allowance, mm, per node; minus infinity where nothing is below.
    pub lowest_mm: &'a [f64],
    /// Floor of the lane, mm, per node.
    pub floor_mm: &'a [f64],
    /// How far inside the lane's outer border the axis is, mm, per node; negative outside.
    pub room_mm: &'a [f64],
    /// Radius of the mill, mm.
    pub radius_mm: f64,
    /// Top of the blank, mm.
    pub top_mm: f64,
    /// Depth of one layer, mm.
    pub layer_mm: f64,
    /// Width of cut, mm.
    pub width_mm: f64,
    /// Angle of entries, rad.
    pub ramp_rad: f64,
    /// Travels happen here, mm.
    pub clearance_mm: f64,
    /// A rapid down ends this far above cleared ground, mm.
    pub gap_mm: f64,
}

/// What roughing did.
pub struct Roughed {
    /// Moves of the tip.
    pub moves: Vec<Move>,
    /// Lowest layer cleared with the axis at the node, mm.
    pub cleared_mm: Vec<f64>,
    /// Regions that no entry fits into, left to the ball: layer height and size in nodes.
    pub left: Vec<(f64, usize)>,
}

/// Deviation allowed to a roughing pass, mm: a tenth of the usual allowance.
const PASS_MM: f64 = 0.05;

impl Roughing<'_> {
    /// All layers, from the top.
    pub fn run(&self) -> Roughed {
        let mut out =
            Roughed { moves: vec![], cleared_mm: vec![self.top_mm; self.plane.len()], left: vec![] };
        let lowest = (0..self.plane.len())
            .filter(|&at| self.room_mm[at] >= 0.0)
            .map(|at| self.lowest_mm[at].max(self.floor_mm[at]))
            .fold(f64::INFINITY, f64::min);
        if !lowest.is_finite() || lowest >= self.top_mm {
            return out;
        }
        let count = ((self.top_mm - lowest) / self.layer_mm).ceil().max(1.0) as usize;
        // Layers of equal depth that end on the lowest floor.
        let layer = (self.top_mm - lowest) / count as f64;
        for k in 1..=count {
            self.layer(self.top_mm - layer * k as f64, layer, &mut out);
        }
        out
    }

    fn layer(&self, z: f64, depth: f64, out: &mut Roughed) {
        let region: Vec<bool> = (0..self.plane.len())
            .map(|at| {
                // The layer above must have been cleared here; the floor may lie within this layer.
                self.room_mm[at] >= 0.0
                    && self.lowest_mm[at] <= z
                    && self.floor_mm[at] < z + depth - 1e-9
                    && out.cleared_mm[at] <= z + depth + 1e-9
            })
            .collect();
        let region = opened(&self.plane, &region);
        // Distance to where the axis must not go, half a node inside the last free one.
        let clear = self.plane.distance_to(|at| !region[at]);
        let pieces = components(&self.plane, &region);
        let mut todo: Vec<Option<Vec<usize>>> = pieces.into_iter().map(Some).collect();
        let mut here = [self.plane.origin[0], self.plane.origin[1]];
        for _ in 0..todo.len() {
            // The nearest piece next.
            let near = (0..todo.len())
                .filter_map(|k| {
                    let at = self.plane.xy(todo[k].as_ref()?[0]);
                    Some((k, (at[0] - here[0]).hypot(at[1] - here[1])))
                })
                .min_by(|a, b| a.1.total_cmp(&b.1))
                .expect("one per turn is left");
            let piece = todo[near.0].take().expect("chosen among those left");
            if let Some(end) = self.clear(&piece, &region, &clear, z, depth, out) {
                here = end;
            }
        }
    }

    /// One connected region of one layer. Returns where the tool ends.
    fn clear(
        &self,
        piece: &[usize],
        region: &[bool],
        clear: &[f32],
        z: f64,
        depth: f64,
        out: &mut Roughed,
    ) -> Option<[f64; 2]> {
        let plane = &self.plane;
        // Widest place; the middle of the plateau does not matter.
        let seed = *piece.iter().max_by(|&&a, &&b| clear[a].total_cmp(&clear[b]).then(b.cmp(&a)))?;
        let mut mine = vec![false; plane.len()];
        for &at in piece {
            mine[at] = region[at];
        }
        // Nothing further out than the border pass goes: the neck is relieved by less than a node.
        let room = f64::from(clear[seed]) - 1.25 * plane.step;
        // 0.9 of the radius leaves no core standing in the helix.
        let helix = room.min(0.9 * self.radius_mm).min(self.radius_mm);
        let t0 = march(plane, &mine, &[(seed, 0.0)]);
        let centre = plane.xy(seed);
        let above = z + depth;
        let mut moves = Vec::new();
        // 0.3 mm: a tighter helix turns on the spot.
        let opened = if helix >= 0.3 {
            self.start(&mut moves, [centre[0] + helix, centre[1]], above);
            self.helix(&mut moves, centre, helix, above, z);
            helix
        } else {
            let far = *piece.iter().max_by(|&&a, &&b| t0[a].total_cmp(&t0[b]).then(b.cmp(&a)))?;
            // Long enough that a few strokes at the ramp's angle reach the layer.
            let path = self.trail(&t0, far, f64::INFINITY);
            let path = self.cut_to(&path, 15.0);
            let length: f64 = path.windows(2).map(|w| (w[1][0] - w[0][0]).hypot(w[1][1] - w[0][1])).sum();
            if length < 2.0 * plane.step {
                out.left.push((z, piece.len()));
                return None;
            }
            self.start(&mut moves, path[0], above);
            self.to_and_fro(&mut moves, &path, length, above, z);
            0.0
        };
        // Nodes within the opening start at zero.
        let seeds: Vec<(usize, f64)> = piece
            .iter()
            .filter(|&&at| {
                let p = plane.xy(at);
                at == seed || (p[0] - centre[0]).hypot(p[1] - centre[1]) <= opened
            })
            .map(|&at| (at, 0.0))
            .collect();
        let t = march(plane, &mine, &seeds);
        let far = piece.iter().map(|&at| t[at]).filter(|d| d.is_finite()).fold(0.0, f64::max);
        let value: Vec<f64> = t.iter().map(|&d| if d.is_finite() { d } else { far + 1.0 }).collect();
        let mut passes: Vec<(usize, Vec<[f64; 2]>)> = Vec::new();
        let count = (far / self.width_mm).ceil() as usize;
        for k in 1..=count {
            let level = (k as f64 * self.width_mm).min(far - 0.2 * plane.step);
            for line in level_lines(plane, &value, level, |at| mine[at]) {
                passes.push((k, simplify(&line, PASS_MM)));
            }
        }
        let mut at = match moves.last() {
            Some(Move::Plunge(p) | Move::Cut(p)) => [p[0], p[1]],
            _ => centre,
        };
        let mut walker = Walker { rough: self, t: &t, mine: &mine, z, above, moves: &mut moves };
        at = walker.passes(passes, at);
        // The border: fronts end on it and leave small cusps. Along the outermost nodes, so that narrow places are
        // passed too and no fin is left for the next layer's entry.
        let border: Vec<f64> =
            (0..plane.len()).map(|n| if mine[n] { -f64::from(clear[n]) } else { 0.0 }).collect();
        let lines = level_lines(plane, &border, -0.99 * plane.step, |_| true);
        let lines: Vec<(usize, Vec<[f64; 2]>)> =
            lines.into_iter().map(|l| (0, simplify(&l, PASS_MM))).collect();
        at = walker.passes(lines, at);
        moves.push(Move::Rapid([at[0], at[1], self.clearance_mm]));
        out.moves.extend(moves);
        for &n in piece {
            if t[n].is_finite() {
                out.cleared_mm[n] = z;
            }
        }
        Some(at)
    }

    /// From clearance down to just above the layer cleared before.
    fn start(&self, moves: &mut Vec<Move>, p: [f64; 2], above: f64) {
        moves.push(Move::Rapid([p[0], p[1], self.clearance_mm]));
        // Fronts may have left a fin as high as the layer above.
        let safe = (above + self.layer_mm + self.gap_mm).min(self.clearance_mm);
        moves.push(Move::Rapid([p[0], p[1], safe]));
        moves.push(Move::Plunge([p[0], p[1], above]));
    }

    fn helix(&self, moves: &mut Vec<Move>, c: [f64; 2], r: f64, from: f64, to: f64) {
        let turn = std::f64::consts::TAU * r;
        let turns = (from - to) / (turn * self.ramp_rad.tan());
        // A roughing hole need not be round: 8 chords a turn, 20 for a wide one.
        let chords = (8.0 * r).clamp(8.0, 20.0).ceil();
        let n = (turns * chords).ceil().max(1.0) as usize;
        let on = |k: f64, z: f64| {
            let (s, co) = (k / chords * std::f64::consts::TAU).sin_cos();
            Move::Plunge([c[0] + r * co, c[1] + r * s, z])
        };
        for k in 1..=n {
            moves.push(on(k as f64, from + (to - from) * k as f64 / n as f64));
        }
        // One level turn cleans the bottom.
        for k in 1..=chords as usize {
            moves.push(on((n + k) as f64, to));
        }
    }

    fn to_and_fro(&self, moves: &mut Vec<Move>, path: &[[f64; 2]], length: f64, from: f64, to: f64) {
        let drop = length * self.ramp_rad.tan();
        let strokes = ((from - to) / drop).ceil().max(1.0) as usize;
        let mut z = from;
        let slope = (from - to) / (strokes as f64 * length);
        let mut line = path.to_vec();
        for _ in 0..strokes {
            for w in line.windows(2) {
                z -= slope * (w[1][0] - w[0][0]).hypot(w[1][1] - w[0][1]);
                moves.push(Move::Plunge([w[1][0], w[1][1], z.max(to)]));
            }
            line.reverse();
        }
        // A level stroke takes the last ramp's wedge; it ends where the march begins.
        for p in line.iter().skip(1) {
            moves.push(Move::Cut([p[0], p[1], to]));
        }
        if strokes % 2 == 0 {
            for p in line.iter().rev().skip(1) {
                moves.push(Move::Cut([p[0], p[1], to]));
            }
        }
    }

    /// Down the distances from `from` until `until`: every place on it has been cleared before `from`.
    fn trail(&self, t: &[f64], from: usize, until: f64) -> Vec<[f64; 2]> {
        let stop = if until.is_finite() { (t[from] - until).max(0.0) } else { 0.0 };
        let mut at = from;
        let mut path = vec![self.plane.xy(at)];
        while t[at] > stop {
            let Some((b, _)) = self
                .plane
                .neighbours(at)
                .filter(|&(b, _)| t[b] < t[at])
                .min_by(|a, b| t[a.0].total_cmp(&t[b.0]))
            else {
                break;
            };
            at = b;
            path.push(self.plane.xy(at));
        }
        path.reverse();
        path
    }

    fn cut_to(&self, path: &[[f64; 2]], length: f64) -> Vec<[f64; 2]> {
        let mut gone = 0.0;
        let mut out = vec![path[0]];
        for w in path.windows(2) {
            gone += (w[1][0] - w[0][0]).hypot(w[1][1] - w[0][1]);
            if gone > length {
                break;
            }
            out.push(w[1]);
        }
        out
    }
}

/// Writes the passes of one region.
struct Walker<'a, 'b> {
    rough: &'a Roughing<'b>,
    t: &'a [f64],
    mine: &'a [bool],
    z: f64,
    above: f64,
    moves: &'a mut Vec<Move>,
}

impl Walker<'_, '_> {
    /// Passes in the order of their number; of those whose turn it may be, the nearest.
    fn passes(&mut self, passes: Vec<(usize, Vec<[f64; 2]>)>, from: [f64; 2]) -> [f64; 2] {
        let passes: Vec<(usize, Vec<[f64; 2]>)> = passes.into_iter().filter(|p| p.1.len() >= 2).collect();
        let mut waits: Vec<usize> = vec![0; passes.len()];
        let mut frees: Vec<Vec<usize>> = vec![vec![]; passes.len()];
        // A front may be cut once those before it that lie next to it have been.
        let reach = 1.5 * self.rough.width_mm + self.rough.plane.step;
        for (a, (na, la)) in passes.iter().enumerate() {
            for (b, (nb, lb)) in passes.iter().enumerate() {
                if nb + 1 == *na && la.iter().any(|p| near_line(lb, *p, reach)) {
                    waits[a] += 1;
                    frees[b].push(a);
                }
            }
        }
        let mut left: Vec<Option<(usize, Vec<[f64; 2]>)>> = passes.into_iter().map(Some).collect();
        let mut at = from;
        for _ in 0..left.len() {
            let mut best: Option<(f64, usize, Turn)> = None;
            for (k, pass) in left.iter().enumerate() {
                let Some((_, line)) = pass else { continue };
                if waits[k] > 0 {
                    continue;
                }
                let far = |p: &[f64; 2]| (p[0] - at[0]).hypot(p[1] - at[1]);
                let mut offer = |d: f64, turn: Turn| {
                    if best.is_none_or(|b: (f64, usize, Turn)| d < b.0) {
                        best = Some((d, k, turn));
                    }
                };
                if line.len() > 3 && line.first() == line.last() {
                    // A ring is entered some way ahead, so that the step outwards is slanting: the width grows
                    // slowly instead of beginning with a slot.
                    let near = (0..line.len() - 1).min_by(|&a, &b| far(&line[a]).total_cmp(&far(&line[b])));
                    let near = near.expect("a ring has points");
                    let ahead = ahead(line, near, 3.0 * self.rough.width_mm);
                    offer(far(&line[near]), Turn::Ring(ahead));
                } else {
                    offer(far(&line[0]), Turn::Asis);
                    offer(far(line.last().expect("two points")), Turn::Backwards);
                }
            }
            let (_, k, turn) = best.expect("waiting follows the fronts' numbers, so the lowest left is free");
            for &a in &frees[k] {
                waits[a] -= 1;
            }
            let (_, mut line) = left[k].take().expect("chosen among those left");
            match turn {
                Turn::Asis => {}
                Turn::Backwards => line.reverse(),
                Turn::Ring(start) => {
                    line.pop();
                    line.rotate_left(start);
                    line.push(line[0]);
                }
            }
            self.go(at, line[0]);
            for p in &line[1..] {
                self.moves.push(Move::Cut([p[0], p[1], self.z]));
            }
            at = *line.last().expect("two points");
        }
        at
    }

    /// To the start of a pass: straight where everything on the way is cleared, else over clearance and in along
    /// cleared ground.
    fn go(&mut self, from: [f64; 2], to: [f64; 2]) {
        let plane = &self.rough.plane;
        let far = (to[0] - from[0]).hypot(to[1] - from[1]);
        let Some(goal) = self.node(to) else { return };
        let limit = self.t[goal] + 1.5 * plane.step;
        let n = (far / (0.5 * plane.step)).ceil().max(1.0) as usize;
        let cleared = far < 8.0 * self.rough.radius_mm
            && (0..=n).all(|k| {
                let s = k as f64 / n as f64;
                let p = [from[0] + (to[0] - from[0]) * s, from[1] + (to[1] - from[1]) * s];
                plane.nearest(p[0], p[1]).is_some_and(|at| self.mine[at] && self.t[at] <= limit)
            });
        if !cleared {
            self.moves.push(Move::Rapid([from[0], from[1], self.rough.clearance_mm]));
            let path = self.rough.trail(self.t, goal, self.rough.width_mm + 2.0 * plane.step);
            let p = path[0];
            self.moves.push(Move::Rapid([p[0], p[1], self.rough.clearance_mm]));
            let safe = (self.above + self.rough.layer_mm + self.rough.gap_mm).min(self.rough.clearance_mm);
            self.moves.push(Move::Rapid([p[0], p[1], safe]));
            // Through air: the disc about this place was cleared by an earlier pass.
            self.moves.push(Move::Plunge([p[0], p[1], self.z]));
            for p in simplify(&path, PASS_MM).iter().skip(1) {
                self.moves.push(Move::Plunge([p[0], p[1], self.z]));
            }
        }
        // The step into the next front opens it and may be as wide as the mill: at the feed of entries.
        self.moves.push(Move::Plunge([to[0], to[1], self.z]));
    }

    /// The node of the region nearest to a place on one of its lines.
    fn node(&self, p: [f64; 2]) -> Option<usize> {
        let plane = &self.rough.plane;
        let at = plane.nearest(p[0], p[1])?;
        if self.mine[at] && self.t[at].is_finite() {
            return Some(at);
        }
        plane
            .neighbours(at)
            .filter(|&(b, _)| self.mine[b] && self.t[b].is_finite())
            .min_by(|a, b| {
                let d = |n: usize| {
                    let q = plane.xy(n);
                    (q[0] - p[0]).hypot(q[1] - p[1])
                };
                d(a.0).total_cmp(&d(b.0))
            })
            .map(|n| n.0)
    }
}

/// The nodes that are a corner of a cell whose four corners are in the region: where fronts can pass.
fn opened(plane: &Plane, region: &[bool]) -> Vec<bool> {
    let mut out = vec![false; plane.len()];
    for j in 0..plane.ny.saturating_sub(1) {
        for i in 0..plane.nx.saturating_sub(1) {
            let at = j * plane.nx + i;
            let cell = [at, at + 1, at + plane.nx, at + plane.nx + 1];
            if cell.iter().all(|&c| region[c]) {
                cell.iter().for_each(|&c| out[c] = true);
            }
        }
    }
    out
}

/// How a pass is begun.
#[derive(Clone, Copy)]
enum Turn {
    Asis,
    Backwards,
    /// A closed one, from this vertex.
    Ring(usize),
}

/// The vertex of a closed line that lies `length` after vertex `from`, but at most a quarter of the line.
fn ahead(line: &[[f64; 2]], from: usize, length: f64) -> usize {
    let n = line.len() - 1;
    let piece = |k: usize| (line[k + 1][0] - line[k][0]).hypot(line[k + 1][1] - line[k][1]);
    let whole: f64 = (0..n).map(piece).sum();
    let wanted = length.min(0.25 * whole);
    let (mut gone, mut at) = (0.0, from);
    while gone < wanted {
        gone += piece(at);
        at = (at + 1) % n;
    }
    at
}

fn near_line(line: &[[f64; 2]], p: [f64; 2], reach: f64) -> bool {
    line.windows(2).any(|w| {
        let d = [w[1][0] - w[0][0], w[1][1] - w[0][1]];
        let e = [p[0] - w[0][0], p[1] - w[0][1]];
        let l2 = d[0] * d[0] + d[1] * d[1];
        let s = if l2 > 0.0 { ((e[0] * d[0] + e[1] * d[1]) / l2).clamp(0.0, 1.0) } else { 0.0 };
        (e[0] - s * d[0]).hypot(e[1] - s * d[1]) < reach
    })
}

/// Highest stock that a tool of `radius_mm` can meet, from what a mill of `mill_mm` cleared.
pub fn standing(plane: Plane, cleared_mm: &[f64], top_mm: f64, mill_mm: f64, radius_mm: f64) -> Standing {
    let mut layers: Vec<f64> = cleared_mm.to_vec();
    layers.sort_by(f64::total_cmp);
    layers.dedup();
    // Height of the material per node: the lowest layer whose mill covered it; a node short, to be safe.
    let mut height = vec![top_mm; plane.len()];
    for &z in layers.iter().rev().filter(|&&z| z < top_mm) {
        let d = plane.distance_to(|at| cleared_mm[at] <= z);
        for at in 0..plane.len() {
            if f64::from(d[at]) <= mill_mm - plane.step {
                height[at] = z;
            }
        }
    }
    let mut z_mm = vec![f64::NEG_INFINITY; plane.len()];
    for &z in layers.iter() {
        let d = plane.distance_to(|at| height[at] >= z);
        for at in 0..plane.len() {
            if f64::from(d[at]) <= radius_mm + plane.step {
                z_mm[at] = z;
            }
        }
    }
    Standing { plane, z_mm, outside_mm: top_mm }
}

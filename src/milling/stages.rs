//! Operations as a reader of the text sees them, and what is left of the blank after each.
//!
//! A program is split where the tool changes and where a line stands that is nothing but a comment: that is how this
//! shop's and most other programs head their operations. What a comment tells the operator (`MSG`) heads nothing. Comments
//! decide nothing but where a picture is taken.

use super::carve::Piece;
use super::motion::{Motion, MotionKind};
use super::stock::{ALIVE, Lattice};
use super::time::{Leg, time_s};
use crate::model::{MachineTool, MilledOperation, StockMap};

/// Distance of the lines looked at, mm: about a pixel of a picture.
const LOOK_MM: f64 = 0.3;
/// Unit of depth in a [`StockMap`], mm.
const DEPTH_UNIT_MM: f64 = 0.01;
/// More headings than this in a program are remarks, not operations: then only tool changes split it.
const HEADINGS_MAX: usize = 40;
/// More operations than this in a job are not looked at.
const LOOKS_MAX: usize = 80;

/// Where an operation begins in a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Heading {
    /// Index into the program's motions.
    pub first_motion: usize,
    pub name: String,
    /// The machine changes to this operation's tool before or within it.
    pub tool_change: bool,
}

/// An operation while it is being read.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    /// Index of its first piece in the job.
    pub first_piece: usize,
    first_leg: usize,
    tool_change: bool,
    pub facts: MilledOperation,
}

impl Stage {
    pub fn new(program: &str, heading: Heading, first_piece: usize, first_leg: usize) -> Self {
        let facts = MilledOperation {
            program: program.into(),
            name: heading.name,
            tool: 0,
            line_first: 0,
            line_last: 0,
            blocks: 0,
            time_s: 0.0,
            time_s_at_feed: 0.0,
            path_mm_cut: 0.0,
            path_mm_rapid: 0.0,
        };
        Self { first_piece, first_leg, tool_change: heading.tool_change, facts }
    }

    /// One motion more, `length` mm long.
    pub fn add(&mut self, m: &Motion, length: f64) {
        let f = &mut self.facts;
        if f.line_first == 0 {
            f.line_first = m.line;
        }
        // A retract with the tool before may stand under the heading.
        f.tool = m.tool;
        if f.line_last != m.line {
            f.blocks += 1;
        }
        f.line_last = m.line;
        if m.kind == MotionKind::Rapid {
            f.path_mm_rapid += length;
        } else {
            f.path_mm_cut += length;
            if m.feed_mm_per_min > 0.0 {
                let fed = if m.turns() { m.measure() } else { length };
                f.time_s_at_feed += fed / m.feed_mm_per_min * 60.0;
            }
        }
    }
}

/// Operations of a program in order; each holds a motion at feed.
pub(super) fn headings(text: &str, motions: &[Motion]) -> Vec<Heading> {
    let comments: Vec<(u32, String)> =
        text.lines().zip(1u32..).filter_map(|(l, n)| comment_alone(l).map(|c| (n, c))).collect();
    let with = split(&comments, motions);
    if with.len() > HEADINGS_MAX { split(&[], motions) } else { with }
}

fn split(comments: &[(u32, String)], motions: &[Motion]) -> Vec<Heading> {
    let mut out: Vec<Heading> = Vec::new();
    let mut next = comments.iter().peekable();
    let mut cuts = false;
    for (k, m) in motions.iter().enumerate() {
        let mut heading = None;
        while let Some((_, c)) = next.next_if(|c| c.0 < m.line) {
            heading = Some(c.clone());
        }
        let tool_change = k == 0 || motions[k - 1].tool != m.tool;
        if heading.is_some() || tool_change {
            match out.last_mut() {
                // Nothing was cut since the last heading: still the same operation.
                Some(last) if !cuts => {
                    last.tool_change |= tool_change;
                    if let Some(name) = heading {
                        last.name = name;
                    }
                }
                _ => out.push(Heading { first_motion: k, name: heading.unwrap_or_default(), tool_change }),
            }
            cuts = false;
        }
        cuts |= m.kind != MotionKind::Rapid;
    }
    // The way home belongs to the operation before it.
    if !cuts && out.len() > 1 {
        out.pop();
    }
    out
}

/// Comments by which LinuxCNC says or writes something while it runs.
const ACTIVE: [&str; 7] = ["MSG,", "DEBUG,", "PRINT,", "LOG,", "LOGOPEN,", "LOGAPPEND,", "LOGCLOSE"];

/// Text of a line that holds a comment and nothing else but a block number.
fn comment_alone(line: &str) -> Option<String> {
    let numbered = line.trim();
    let rest = numbered.strip_prefix('N').unwrap_or(numbered);
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
    let inner = match rest.strip_prefix(';') {
        Some(inner) => inner,
        None => rest.strip_prefix('(')?.strip_suffix(')').filter(|i| !i.contains(')'))?,
    };
    let inner = inner.trim();
    let said = |a: &&str| inner.get(..a.len()).is_some_and(|i| i.eq_ignore_ascii_case(a));
    (!inner.is_empty() && !ACTIVE.iter().any(said)).then(|| inner.to_owned())
}

/// Times of the operations of `program`, whose legs these are.
pub(super) fn set_times(
    all: &mut [Stage],
    program: &str,
    legs: &[Leg],
    machine: &MachineTool,
    blend_mm: f64,
) {
    let mut end = legs.len();
    for s in all.iter_mut().rev().take_while(|s| s.facts.program == program) {
        let change = if s.tool_change { machine.tool_change_s } else { 0.0 };
        s.facts.time_s = time_s(&legs[s.first_leg..end], machine, blend_mm) + change;
        end = s.first_leg;
    }
}

/// Which lines are looked at, and when.
pub(super) struct Looks {
    lattice: Lattice,
    stride: usize,
    /// Piece before which an operation is over, and whether its tool came from above.
    ends: Vec<(u32, bool)>,
}

impl Looks {
    pub fn new(lattice: &Lattice, stages: &[Stage], pieces: &[Piece]) -> Self {
        let stride = ((LOOK_MM / lattice.step).round() as usize).max(1);
        let ends = stages
            .iter()
            .enumerate()
            .filter(|_| stages.len() <= LOOKS_MAX)
            .map(|(k, s)| {
                let end = stages.get(k + 1).map_or(u32::MAX, |n| n.first_piece as u32);
                (end, pieces.get(s.first_piece).is_none_or(|p| p.up > 0.0))
            })
            .collect();
        Self { lattice: *lattice, stride, ends }
    }

    fn first(&self) -> usize {
        self.stride / 2
    }

    fn count(&self, a: usize) -> usize {
        self.lattice.n[a].saturating_sub(self.first()).div_ceil(self.stride)
    }

    /// Looks at a tile's rows for every operation that is over before piece `number` and was not looked at.
    pub fn until(
        &self,
        number: u32,
        first_row: usize,
        top: &[f64],
        low: &[f64],
        gone: &[u32],
        seen: &mut Vec<Vec<u16>>,
    ) {
        while let Some(&(_, from_above)) = self.ends.get(seen.len()).filter(|e| e.0 <= number) {
            seen.push(self.look(from_above, first_row, top, low, gone));
        }
    }

    fn look(&self, from_above: bool, first_row: usize, top: &[f64], low: &[f64], gone: &[u32]) -> Vec<u16> {
        let n0 = self.lattice.n[0];
        let (face, heights) =
            if from_above { (self.lattice.max[2], top) } else { (-self.lattice.min[2], low) };
        let mut out = Vec::new();
        for r in (0..top.len() / n0).filter(|r| (first_row + r) % self.stride == self.first()) {
            for at in (r * n0 + self.first()..(r + 1) * n0).step_by(self.stride) {
                let depth = (face - heights[at]) / DEPTH_UNIT_MM;
                let most = f64::from(StockMap::THROUGH - 1);
                out.push(if gone[at] == ALIVE {
                    depth.round().clamp(0.0, most) as u16
                } else {
                    StockMap::THROUGH
                });
            }
        }
        out
    }

    /// Maps from what the tiles saw, tile after tile.
    pub fn joined(&self, tiles: &[Vec<Vec<u16>>]) -> Vec<StockMap> {
        self.ends
            .iter()
            .enumerate()
            .map(|(k, &(_, from_above))| StockMap {
                from_above,
                first_xy_mm: [self.lattice.at(0, self.first()), self.lattice.at(1, self.first())],
                step_mm: self.stride as f64 * self.lattice.step,
                n: [self.count(0), self.count(1)],
                depth_hundredths_mm: tiles.iter().flat_map(|t| t[k].iter().copied()).collect(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::milling::tests::job;
    use crate::milling::{ProgramText, mill, params};
    use crate::model::Silent;

    #[test]
    fn each_headed_operation_has_its_lines_its_time_and_what_it_leaves() {
        let text = "G21 G90 G94 G17 G40 G49 G80\nG54\n(a title)\n(near groove)\nT1 M6\nG43 H1\nS8000 M3\nG0 Z20.\n\
                    G0 X-4. Y4.\nG0 Z-2.\nG1 X40. F800.\n(far groove)\nG0 Z20.\nG0 X-4. Y16.5\nG0 Z-3.\nG1 X10. F800.\n\
                    G0 Z20.\nM5\nM30\n";
        let given = [ProgramText { file: "op10.ngc".into(), text: text.into() }];
        let p = params::tests::params(&[("dexel_mm", 0.1)]);
        let m = mill(&given, &job(&["op10.ngc"]), None, &p, &Silent).unwrap();
        let ops = &m.facts.operations;
        assert_eq!(ops.iter().map(|o| o.name.as_str()).collect::<Vec<_>>(), ["near groove", "far groove"]);
        assert_eq!(
            [ops[0].line_first, ops[0].line_last, ops[1].line_first, ops[1].line_last],
            [8, 11, 13, 17]
        );
        assert_eq!([ops[0].blocks, ops[1].blocks], [4, 5]);
        assert!((ops[0].path_mm_cut - 44.0).abs() < 1e-9 && (ops[1].path_mm_cut - 14.0).abs() < 1e-9);
        // The machine stands still between the two here, as at every operation; where it need not, blending the corner
        // saves less than it takes to stop from 250 mm/s at 2000 mm/s²: 0.25 s.
        let sum: f64 = ops.iter().map(|o| o.time_s).sum();
        assert!((sum - m.facts.time_s).abs() < 0.25, "{sum} {}", m.facts.time_s);
        let depth = |k: usize, x: f64, y: f64| {
            let map = &m.stock_after[k];
            assert_eq!(map.depth_hundredths_mm.len(), map.n[0] * map.n[1]);
            let at = |v: f64, a: usize| ((v - map.first_xy_mm[a]) / map.step_mm).round() as usize;
            map.depth_hundredths_mm[at(y, 1) * map.n[0] + at(x, 0)]
        };
        assert!(m.stock_after.iter().all(|s| s.from_above));
        assert_eq!([depth(0, 20.0, 4.0), depth(0, 5.0, 16.5), depth(0, 25.0, 16.5)], [200, 0, 0]);
        assert_eq!([depth(1, 20.0, 4.0), depth(1, 5.0, 16.5), depth(1, 25.0, 16.5)], [200, 300, 0]);
    }

    #[test]
    fn a_heading_is_a_comment_alone_on_its_line_in_every_dialect() {
        for line in
            ["(rough bone side)", "N20 (rough bone side)", "; rough bone side", "12 ; rough bone side"]
        {
            assert_eq!(comment_alone(line).as_deref(), Some("rough bone side"), "{line}");
        }
        for line in
            ["G1 X1 (rough)", "(a) G0 X1 (b)", "", "()", "L X+1 ; there", "(MSG,off in x)", "(debug, #1)"]
        {
            assert_eq!(comment_alone(line), None, "{line}");
        }
    }
}

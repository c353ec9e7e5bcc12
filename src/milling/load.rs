//! What the cutters take: volume, removal rate and section of every stretch of cut, chip load of every move.
//!
//! *Volume* is the length that the upright lines lose to a move times the cell a line stands for. *Removal rate* is
//! volume over time at the programmed feed, *section* volume over path, both over stretches of `STRETCH_MM`. *Chip load*
//! is F / (n z): feed over speed and number of flutes. Above the job's limit it is a fault where the cutter is in
//! stock; a fast move through air harms nobody.

use std::collections::BTreeMap;

use super::carve::Doing;
use super::program::Asked;
use crate::model::{Job, OperationLoad, ToolLoad};

/// Stretches of cut are at least this long, mm: at the usual 0.1 mm between lines ten of them across.
const STRETCH_MM: f64 = 1.0;
/// Less than this in a job that turns the table is rounding of the tool's place, and no cut, mm³.
const ROUNDING_MM3: f64 = 1e-9;
/// Above rounding of feed and speed as written.
const ABOVE: f64 = 1.0 + 1e-9;

/// A run of moves above the limit of chip load, at the piece it begins with.
#[derive(Clone, Debug)]
pub(super) struct Overload {
    pub piece: u32,
    pub message: String,
}

/// Loads by operation and by tool, and what is too much.
#[derive(Clone, Debug, Default)]
pub(super) struct Loads {
    pub operations: Vec<OperationLoad>,
    pub tools: Vec<ToolLoad>,
    pub faults: Vec<Overload>,
}

/// Cutting moves that follow each other.
#[derive(Clone, Copy, Debug, Default)]
struct Stretch {
    line: u32,
    mm: f64,
    mm3: f64,
    minutes: f64,
}

impl Stretch {
    fn with(self, next: Stretch) -> Stretch {
        Stretch {
            line: if self.mm > 0.0 { self.line } else { next.line },
            mm: self.mm + next.mm,
            mm3: self.mm3 + next.mm3,
            minutes: self.minutes + next.minutes,
        }
    }

    /// Takes the stretch for the operation's largest if it is. One that is shorter counts as if it were whole.
    fn offer(self, to: &mut OperationLoad) {
        if !(self.mm > 0.0 && self.minutes > 0.0) {
            return;
        }
        let whole = self.mm.max(STRETCH_MM) / self.mm;
        let rate = self.mm3 / (self.minutes * whole);
        if rate > to.removal_mm3_per_min_max {
            to.removal_mm3_per_min_max = rate;
            to.removal_line = self.line;
        }
        to.section_mm2_max = to.section_mm2_max.max(self.mm3 / (self.mm * whole));
    }
}

/// The stretch that grows, and the whole one before it in the same cut.
#[derive(Clone, Copy, Debug, Default)]
struct Cut {
    growing: Stretch,
    before: Stretch,
}

impl Cut {
    fn add(&mut self, piece: Stretch, to: &mut OperationLoad) {
        self.growing = self.growing.with(piece);
        if self.growing.mm >= STRETCH_MM {
            self.growing.offer(to);
            self.before = std::mem::take(&mut self.growing);
        }
    }

    /// What is left at the end of a cut is told with the stretch before it.
    fn end(&mut self, to: Option<&mut OperationLoad>) {
        let Cut { growing, before } = std::mem::take(self);
        if growing.mm > 0.0
            && let Some(to) = to
        {
            before.with(growing).offer(to);
        }
    }
}

/// Loads of every operation. `removed_mm3`: by piece.
pub(super) fn loads(job: &Job, asked: &Asked, removed_mm3: &[f64]) -> Loads {
    let mut out = Loads::default();
    let limits: BTreeMap<u32, f64> = job.chip_load.iter().map(|l| (l.tool, l.chip_load_max_mm)).collect();
    let least_mm3 = if asked.turns { ROUNDING_MM3 } else { 0.0 };
    let mut current = None;
    let mut cut = Cut::default();
    // The run of moves above the limit: the piece it began with; `None` once it is told.
    let mut above: Option<Option<u32>> = None;
    for (n, piece) in asked.pieces.iter().enumerate() {
        if piece.doing != Doing::Cut {
            cut.end(out.operations.last_mut());
            continue;
        }
        let motion = piece.motion as usize;
        let place = asked.places[motion];
        let tool = &job.tool[piece.cutter as usize];
        let [feed, rpm] = asked.feeds[motion];
        if current != Some(asked.operations[motion]) {
            cut.end(out.operations.last_mut());
            current = Some(asked.operations[motion]);
            above = None;
            out.operations.push(OperationLoad {
                program: job.program[place.program as usize].file.clone(),
                line_first: place.line,
                line_last: place.line,
                tool: tool.number,
                removed_mm3: 0.0,
                path_mm_engaged: 0.0,
                removal_mm3_per_min_max: 0.0,
                removal_line: 0,
                section_mm2_max: 0.0,
                chip_load_mm_max: 0.0,
                chip_load_line: 0,
            });
        }
        let operation = out.operations.last_mut().expect("one was made for this tool");
        operation.line_last = place.line;
        let mm = (0..3).map(|a| (piece.span.to[a] - piece.span.from[a]).powi(2)).sum::<f64>().sqrt();
        let mm3 = removed_mm3[n];
        let minutes = if feed > 0.0 { mm / feed } else { 0.0 };
        cut.add(Stretch { line: place.line, mm, mm3, minutes }, operation);
        // Without a speed there is a fault of its own.
        let per_turn = rpm * f64::from(tool.flutes);
        let load = if per_turn > 0.0 { feed / per_turn } else { 0.0 };
        if mm3 > least_mm3 {
            operation.removed_mm3 += mm3;
            operation.path_mm_engaged += mm;
            if load > operation.chip_load_mm_max {
                operation.chip_load_mm_max = load;
                operation.chip_load_line = place.line;
            }
        }
        match limits.get(&tool.number) {
            Some(&limit) if load > limit * ABOVE => {
                let first = above.get_or_insert(Some(n as u32));
                if mm3 > least_mm3
                    && let Some(piece) = first.take()
                {
                    let message = format!(
                        "T{} takes {load:.4} mm a tooth at {feed} mm/min and {rpm}/min in stock, limit {limit} mm: lower the feed or \
                         raise the speed",
                        tool.number
                    );
                    out.faults.push(Overload { piece, message });
                }
            }
            _ => above = None,
        }
    }
    cut.end(out.operations.last_mut());
    let mut tools: BTreeMap<u32, ToolLoad> = BTreeMap::new();
    for o in &out.operations {
        let t = tools.entry(o.tool).or_insert(ToolLoad {
            tool: o.tool,
            removal_mm3_per_min_max: 0.0,
            chip_load_mm_max: 0.0,
            chip_load_mm_limit: limits.get(&o.tool).copied(),
        });
        t.removal_mm3_per_min_max = t.removal_mm3_per_min_max.max(o.removal_mm3_per_min_max);
        t.chip_load_mm_max = t.chip_load_mm_max.max(o.chip_load_mm_max);
    }
    out.tools = tools.into_values().collect();
    out
}

#[cfg(test)]
mod tests {
    use super::super::params::tests::params;
    use super::super::tests::{job, program};
    use super::super::{ProgramText, mill};
    use crate::model::{ChipLoadLimit, Job, MillingFacts, Silent};

    fn facts(program: ProgramText, job: &Job) -> MillingFacts {
        mill(&[program], job, None, &params(&[("dexel_mm", 0.1)]), &Silent).expect("a job").facts
    }

    fn bare() -> Job {
        let mut job = job(&["op10.ngc"]);
        job.fixture.clear();
        job
    }

    #[test]
    fn a_groove_is_as_large_as_its_section_and_as_fast_as_its_feed() {
        // A flat mill of 6 mm goes 40 mm along x, 2 mm deep, over a blank of 30 mm, at 800 mm/min and 8000/min.
        let facts = facts(program(1, "G0 X-5. Y10.\nG0 Z-2.\nG1 X35. F800."), &bare());
        let [o] = facts.operation_loads.as_slice() else { panic!("{:?}", facts.operation_loads) };
        // 60 lines of 0.1 mm across: exact but for the lines at both walls.
        assert!((o.removed_mm3 - 360.0).abs() < 7.0, "{o:?}");
        // One move of 40 mm is one stretch: 360 mm³ in 40 mm of path and 0.05 min.
        assert!((o.section_mm2_max - 9.0).abs() < 0.2, "{o:?}");
        assert!((o.removal_mm3_per_min_max - 7200.0).abs() < 150.0, "{o:?}");
        // Two flutes.
        assert!((o.chip_load_mm_max - 0.05).abs() < 1e-12, "{o:?}");
        assert_eq!((o.tool, o.chip_load_line, o.removal_line, o.path_mm_engaged), (1, 9, 9, 40.0));
        assert_eq!(facts.tool_loads[0].removal_mm3_per_min_max, o.removal_mm3_per_min_max);
        assert!(facts.collisions.is_empty(), "{:?}", facts.collisions);
    }

    #[test]
    fn steps_through_full_stock_have_the_section_of_the_groove() {
        let steps: String = (1..=200).map(|i| format!("X{:.2}\n", -5.0 + 0.2 * f64::from(i))).collect();
        let facts = facts(program(1, &format!("G0 X-5. Y10.\nG0 Z-2.\nG1 F800.\n{steps}")), &bare());
        // 6 mm by 2 mm; five steps of 0.2 mm make a stretch, whose ends lie on lines to 0.1 mm of 1 mm.
        assert!((facts.operation_loads[0].section_mm2_max - 12.0).abs() < 1.3, "{:?}", facts.operation_loads);
    }

    #[test]
    fn a_chip_load_above_the_limit_is_told_where_it_cuts_and_nowhere_else() {
        let mut job = bare();
        job.chip_load = vec![ChipLoadLimit { tool: 1, chip_load_max_mm: 0.06 }];
        let body = |feed: &str| {
            program(
                1,
                &format!(
                    "G0 X-5. Y10.\nG0 Z1.\nG1 Y11. F5000.\nG1 Z-2. F800.\nG1 X5.\nG1 X10. F{feed}\nG1 X20.\nG1 X35."
                ),
            )
        };
        let sound = facts(body("960."), &job);
        assert!(sound.collisions.is_empty(), "0.06 mm is allowed, and air is air: {:?}", sound.collisions);
        let fast = facts(body("961."), &job);
        let [c] = fast.collisions.as_slice() else { panic!("{:?}", fast.collisions) };
        assert_eq!((c.kind.as_str(), c.line), ("chip-load", 12), "the block with the feed: {c:?}");
        assert!(c.message.contains("limit 0.06 mm"), "{c:?}");
        job.chip_load[0].tool = 9;
        let refused = mill(&[body("960.")], &job, None, &params(&[]), &Silent).unwrap_err().to_string();
        assert!(refused.contains("T9 must be a tool with flutes"), "{refused}");
    }
}

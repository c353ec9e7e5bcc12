//! The program of one setup: what is in force, what changes, and what the machine cannot do.
//!
//! The words are the dialect's (`dialect/`).

use std::collections::BTreeMap;

use crate::model::{
    Dialect, FlipCoupon, Move, Operation, Part, Plan, Pose, Program, RotaryLetter, Setup, Tool, ToolKind,
    Work,
};

use super::PostError;
use super::arc::{Printed, printed};
use super::dialect::{Head, Hole, Page, Wording, wording};
use super::number::{Word, comment};
use super::params::PostParams;

/// Where pecks are written as moves, the rapid re-enters the hole to this far above the last depth, mm: 0.010 in, as
/// LinuxCNC's own cycle does.
const PECK_CLEARANCE_MM: f64 = 0.254;

/// One program per setup of the plan, in the plan's order: `op10.ngc`, `op20.ngc` … or what the dialect
/// calls them.
///
/// # Errors
/// [`PostError`] when an operation has no setup or tool in the plan, a number is not finite or beyond the machine, an
/// operation does not begin with a rapid, an arc's ends lie on different radii, a setup has no operation, or the dialect
/// has no word for a coolant or work offset.
pub fn write_programs(
    operations: &[Operation],
    plan: &Plan,
    title: &str,
    approved: bool,
    params: &PostParams,
) -> Result<Vec<Program>, PostError> {
    if let Some(lost) = operations.iter().find(|o| plan.setups.iter().all(|s| s.number != o.setup)) {
        return Err(PostError::UnknownSetup {
            operation: lost.name.clone(),
            setup: lost.setup,
            known: plan.setups.iter().map(|s| format!("op{}", s.number)).collect::<Vec<_>>().join(", "),
        });
    }
    plan.setups
        .iter()
        .map(|setup| {
            let own: Vec<&Operation> = operations.iter().filter(|o| o.setup == setup.number).collect();
            if own.is_empty() {
                return Err(PostError::NoOperations { setup: setup.number });
            }
            let mut w = Writer::new(setup, plan, params.dialect);
            w.header(&own, title, approved)?;
            for operation in own {
                w.operation(operation)?;
                if operation.name == FlipCoupon::OPENING {
                    w.probe_coupon()?;
                }
            }
            w.finish()?;
            let file = w.control.file(setup.number);
            Ok(Program { file, dialect: params.dialect, setup: setup.number, text: w.page.text })
        })
        .collect()
}

/// The tools of a plan by number.
pub(super) fn tools_by_number(plan: &Plan) -> BTreeMap<u32, &Tool> {
    plan.tools.values().map(|t| (t.number, t)).collect()
}

/// One line on a tool, for comments and the sheet.
pub(super) fn tool_words(t: &Tool) -> String {
    let kind = match t.kind {
        ToolKind::Flat => "flat end mill",
        ToolKind::Ball => "ball end mill",
        ToolKind::Bull => "bull-nose end mill",
        ToolKind::Drill => "drill",
        ToolKind::Chamfer => "chamfer mill",
        ToolKind::Probe => "touch probe",
    };
    format!(
        "T{} {kind} D{} R{} flutes {} stick-out {}",
        t.number, t.diameter_mm, t.corner_radius_mm, t.flutes, t.stick_out_mm
    )
}

pub(super) struct Writer<'a> {
    pub(super) setup: &'a Setup,
    pub(super) plan: &'a Plan,
    dialect: Dialect,
    pub(super) control: &'static dyn Wording,
    pub(super) page: Page,
    /// Where the tool is, as printed; unknown before the first motion and after a tool change.
    pub(super) at: [Option<Word>; 3],
    /// The control may not be exactly there in x and y: say them again.
    drifted: bool,
    /// Where the last cut or rapid was meant to end in x and y, before rounding, mm.
    meant_xy_mm: [f64; 2],
    pub(super) tool: Option<u32>,
    pub(super) speed: Option<i64>,
    pub(super) coolant: String,
    /// The table has been turned to the setup's angles.
    indexed: bool,
    /// Operation and move being written, for messages.
    pub(super) operation: String,
    number: usize,
}

impl<'a> Writer<'a> {
    fn new(setup: &'a Setup, plan: &'a Plan, dialect: Dialect) -> Self {
        Self {
            setup,
            plan,
            dialect,
            control: wording(dialect),
            page: Page::default(),
            at: [None; 3],
            drifted: false,
            meant_xy_mm: [f64::NAN; 2],
            tool: None,
            speed: None,
            coolant: String::new(),
            indexed: false,
            operation: "start of program".into(),
            number: 0,
        }
    }

    fn header(&mut self, own: &[&Operation], title: &str, approved: bool) -> Result<(), PostError> {
        let (plan, setup) = (self.plan, self.setup);
        let offset = self.control.offset(&setup.work_offset).ok_or_else(|| PostError::WorkOffset {
            setup: setup.number,
            found: setup.work_offset.clone(),
            dialect: self.dialect.name(),
        })?;
        let size: Vec<String> =
            (0..3).map(|a| format!("{:.1}", plan.stock.max_mm.mm[a] - plan.stock.min_mm.mm[a])).collect();
        let standard = if plan.material.implant_standard.is_empty() {
            "no implant grade"
        } else {
            &plan.material.implant_standard
        };
        let mut lines = Vec::new();
        if !approved {
            lines.push("DRAFT".to_string());
            lines.push("not approved: do not cut a part for a patient with this program".into());
        }
        lines.push(title.to_string());
        lines.push(format!("op{}: {}", setup.number, setup.name));
        lines.push(format!("machine: {}", plan.machine.name));
        lines.push(format!(
            "stock: {} x {} x {} mm, {}, {standard}",
            size[0], size[1], size[2], plan.material.name
        ));
        let pin = plan.pins.first().map_or(0.0, |p| p.diameter_mm);
        lines.push(format!(
            "zero {offset}: axis of the D{pin} pin, blank top face; x along the blank to the second pin, z up"
        ));
        if setup.is_indexed() {
            let zero = setup.work_zero_machine_mm;
            lines.push(format!("clamping of op{}; the table turns: {}", setup.clamping, setup.name));
            lines.push(format!(
                "written for a work zero at machine X{:.3} Y{:.3} Z{:.3}: beyond 0.01 mm write it anew",
                zero[0], zero[1], zero[2]
            ));
        }
        lines.push("units: mm, mm/min, 1/min".into());
        let tools = tools_by_number(plan);
        let mut used: Vec<u32> = own.iter().map(|o| o.tool).collect();
        if own.iter().any(|o| o.name == FlipCoupon::OPENING) && self.control.probing().is_some() {
            used.extend(plan.tools.get("probe").map(|t| t.number));
        }
        used.sort_unstable();
        used.dedup();
        for n in used {
            if let Some(t) = tools.get(&n) {
                lines.push(tool_words(t));
            }
        }
        self.control.open(&mut self.page, setup.number);
        for l in lines {
            self.control.note(&mut self.page, &comment(&l));
        }
        if !approved {
            self.control.stop(&mut self.page);
        }
        let head = Head { offset: &offset, blank: self.blank()? };
        self.control.start(&mut self.page, &head);
        self.clearance().map(|_| ())
    }

    /// Corners of the blank in the work frame.
    fn blank(&self) -> Result<[[Word; 3]; 2], PostError> {
        let work_from_part: Pose<Work, Part> = self.setup.part_from_work.inverse();
        let ends = [self.plan.stock.min_mm.mm, self.plan.stock.max_mm.mm];
        let all: [[f64; 3]; 8] =
            std::array::from_fn(|k| work_from_part.apply_raw(std::array::from_fn(|a| ends[k >> a & 1][a])));
        let mut corners = [[self.word("blank", 0.0)?; 3]; 2];
        for a in 0..3 {
            corners[0][a] = self.word("blank", all.iter().map(|p| p[a]).fold(f64::INFINITY, f64::min))?;
            corners[1][a] = self.word("blank", all.iter().map(|p| p[a]).fold(f64::NEG_INFINITY, f64::max))?;
        }
        Ok(corners)
    }

    /// Up, spindle and coolant off, end.
    fn finish(&mut self) -> Result<(), PostError> {
        // Said whether it changes anything or not: the last line before the end is one a machinist looks for.
        (self.at[2], self.page.motion) = (None, "");
        let clearance = self.clearance()?;
        self.motion([None, None, Some(clearance)], None);
        self.control.leave(&mut self.page);
        // The next clamping starts from zero.
        self.turn(|_| 0.0)?;
        self.control.end(&mut self.page, self.setup.number);
        Ok(())
    }

    /// Turns the rotary axes of an indexed setup, the spindle being above everything at every angle.
    fn turn(&mut self, to: impl Fn(f64) -> f64) -> Result<(), PostError> {
        let axes = &self.plan.machine.rotary;
        if self.setup.rotary_deg.is_empty() {
            return Ok(());
        }
        if axes.len() != self.setup.rotary_deg.len() {
            let found = format!("{} angles for {} rotary axes", self.setup.rotary_deg.len(), axes.len());
            return Err(self.bad(found, "an angle for every rotary axis of the machine"));
        }
        let mut words = Vec::with_capacity(axes.len());
        for (axis, deg) in axes.iter().zip(&self.setup.rotary_deg) {
            let letter = match axis.letter {
                RotaryLetter::A => 'A',
                RotaryLetter::B => 'B',
                RotaryLetter::C => 'C',
            };
            words.push((letter, self.word("angle", to(*deg))?));
        }
        self.control.straight(&mut self.page, &words, None);
        Ok(())
    }

    pub(super) fn clearance(&self) -> Result<Word, PostError> {
        self.word("z", self.setup.clearance_z_mm)
    }

    pub(super) fn word(&self, what: &'static str, v: f64) -> Result<Word, PostError> {
        Word::of_mm(v, self.control.decimals()).ok_or_else(|| PostError::NotFinite {
            operation: self.operation.clone(),
            number: self.number,
            what,
            found: v,
        })
    }

    fn bad(&self, found: String, expected: &'static str) -> PostError {
        PostError::Move { operation: self.operation.clone(), number: self.number, found, expected }
    }

    fn operation(&mut self, o: &Operation) -> Result<(), PostError> {
        self.operation = o.name.clone();
        self.number = 0;
        let m = &self.plan.machine;
        for (what, found, least, most) in [
            ("spindle speed, 1/min", o.spindle_rpm, m.spindle_rpm_min, m.spindle_rpm_max),
            ("feed, mm/min", o.feed_mm_per_min, 0.1, m.feed_mm_per_min_max),
            ("plunge feed, mm/min", o.plunge_mm_per_min, 0.1, m.feed_mm_per_min_max),
        ] {
            // NaN fails.
            if !(found >= least && found <= most) {
                return Err(PostError::BeyondMachine { operation: o.name.clone(), what, found, least, most });
            }
        }
        if !matches!(o.moves.first(), Some(Move::Rapid(_))) {
            return Err(
                self.bad("the operation does not begin with a rapid".into(), "a rapid over its first cut")
            );
        }
        self.control.note(&mut self.page, &comment(&o.name));
        self.page.motion = "";
        let clearance = self.clearance()?;
        let speed = o.spindle_rpm.round() as i64;
        if self.tool != Some(o.tool) {
            if !tools_by_number(self.plan).contains_key(&o.tool) {
                let known =
                    tools_by_number(self.plan).keys().map(|n| format!("T{n}")).collect::<Vec<_>>().join(", ");
                return Err(PostError::UnknownTool { operation: o.name.clone(), tool: o.tool, known });
            }
            if self.tool.is_some() {
                self.rise_to(clearance);
                self.control.leave(&mut self.page);
            }
            self.control.change(&mut self.page, o.tool, speed);
            self.tool = Some(o.tool);
            (self.at, self.speed) = ([None; 3], None);
            self.coolant.clear();
            self.page.forget();
        } else {
            self.rise_to(clearance);
        }
        if self.speed != Some(speed) {
            self.control.spindle(&mut self.page, speed, self.speed.is_some());
            self.speed = Some(speed);
        }
        if self.coolant != o.coolant {
            let word = self.control.coolant(&o.coolant).ok_or_else(|| PostError::Coolant {
                operation: o.name.clone(),
                found: o.coolant.clone(),
                dialect: self.dialect.name(),
            })?;
            self.control.say(&mut self.page, word);
            self.coolant = o.coolant.clone();
        }
        // From wherever a tool change left the spindle: straight to a height above everything.
        self.rise_to(clearance);
        if !self.indexed {
            self.turn(|deg| deg)?;
            self.indexed = true;
        }
        for (k, m) in o.moves.iter().enumerate() {
            self.number = k + 1;
            self.one_move(m, o)?;
        }
        self.end_cycle();
        Ok(())
    }

    /// To the clearance height, unless already there or above.
    pub(super) fn rise_to(&mut self, clearance: Word) {
        self.end_cycle();
        if self.at[2].is_none_or(|z| z < clearance) {
            self.motion([None, None, Some(clearance)], None);
        }
    }

    fn end_cycle(&mut self) {
        self.control.end_cycle(&mut self.page);
    }

    fn one_move(&mut self, m: &Move, o: &Operation) -> Result<(), PostError> {
        match *m {
            Move::Rapid(meant) => {
                self.end_cycle();
                let to = self.place(meant)?;
                let rises = self.at[2].is_none_or(|z| to[2] >= z);
                let (z, xy) = ([None, None, Some(to[2])], [Some(to[0]), Some(to[1]), None]);
                for part in if rises { [z, xy] } else { [xy, z] } {
                    self.motion(part, None);
                }
                self.meant_xy_mm = [meant[0], meant[1]];
                Ok(())
            }
            Move::Cut(meant) | Move::Plunge(meant) => {
                self.end_cycle();
                let to = self.place(meant)?;
                self.known_start()?;
                let feed = if matches!(m, Move::Cut(_)) { o.feed_mm_per_min } else { o.plunge_mm_per_min };
                self.motion(to.map(Some), Some(feed));
                self.meant_xy_mm = [meant[0], meant[1]];
                Ok(())
            }
            Move::Arc { to, centre_xy, clockwise } => {
                self.end_cycle();
                self.arc(to, centre_xy, clockwise, o.feed_mm_per_min)
            }
            Move::Drill { at_xy, retract_z, bottom_z, peck_mm } => {
                self.drill(at_xy, retract_z, bottom_z, peck_mm, o.plunge_mm_per_min)
            }
        }
    }

    /// Rounded as printed, and within the machine's travels.
    pub(super) fn place(&self, p: [f64; 3]) -> Result<[Word; 3], PostError> {
        let mut out = [self.word("x", 0.0)?; 3];
        for (a, (axis, what)) in [('x', "x"), ('y', "y"), ('z', "z")].into_iter().enumerate() {
            out[a] = self.word(what, p[a])?;
            let reach_mm = self.setup.work_zero_machine_mm[a] + p[a];
            let (min_mm, max_mm) = (self.plan.machine.travel_min_mm[a], self.plan.machine.travel_max_mm[a]);
            if !(reach_mm >= min_mm && reach_mm <= max_mm) {
                let (operation, number) = (self.operation.clone(), self.number);
                return Err(PostError::Travel { operation, number, axis, reach_mm, min_mm, max_mm });
            }
        }
        Ok(out)
    }

    fn known_start(&self) -> Result<[Word; 3], PostError> {
        match self.at {
            [Some(x), Some(y), Some(z)] => Ok([x, y, z]),
            _ => {
                Err(self.bad("a cut begins where the tool's place is not known".into(), "a rapid before it"))
            }
        }
    }

    /// One straight block: the axes that change; nothing when none does. A rapid without a feed.
    pub(super) fn motion(&mut self, to: [Option<Word>; 3], feed: Option<f64>) {
        let again = self.drifted && to[0].is_some() && to[1].is_some();
        let mut axes = Vec::with_capacity(3);
        for (a, letter) in ['X', 'Y', 'Z'].into_iter().enumerate() {
            if let Some(v) = to[a]
                && (self.at[a] != Some(v) || (again && a < 2))
            {
                axes.push((letter, v));
                self.at[a] = Some(v);
            }
        }
        self.drifted &= !again;
        if !axes.is_empty() {
            self.control.straight(&mut self.page, &axes, feed);
        }
    }

    fn arc(
        &mut self,
        to_mm: [f64; 3],
        centre_mm: [f64; 2],
        clockwise: bool,
        feed: f64,
    ) -> Result<(), PostError> {
        let to = self.place(to_mm)?;
        let start = self.known_start()?;
        self.word("arc centre x", centre_mm[0])?;
        self.word("arc centre y", centre_mm[1])?;
        let meant = (self.meant_xy_mm, [to_mm[0], to_mm[1]]);
        let arc = match printed(clockwise, (start, to), meant, centre_mm, self.control.decimals()) {
            Ok(Printed::Arc(arc)) => arc,
            Ok(Printed::Straight) => {
                self.motion(to.map(Some), Some(feed));
                self.meant_xy_mm = meant.1;
                return Ok(());
            }
            Err((found, expected)) => return Err(self.bad(found, expected)),
        };
        self.control.arc(&mut self.page, &arc, feed);
        self.drifted = self.control.drifts(&arc);
        self.at = to.map(Some);
        self.meant_xy_mm = meant.1;
        Ok(())
    }

    fn drill(
        &mut self,
        xy: [f64; 2],
        retract_z: f64,
        bottom_z: f64,
        peck_mm: f64,
        feed: f64,
    ) -> Result<(), PostError> {
        let top = self.place([xy[0], xy[1], retract_z])?;
        let bottom = self.place([xy[0], xy[1], bottom_z])?;
        if bottom[2] >= top[2] {
            let found =
                format!("the hole's bottom {bottom_z:.4} is not below its retract height {retract_z:.4}");
            return Err(self.bad(found, "a bottom below the retract height"));
        }
        if !(peck_mm >= 0.0 && peck_mm.is_finite()) {
            return Err(self.bad(format!("the peck is {peck_mm}"), "0 for none or a positive depth"));
        }
        let clearance = self.clearance()?;
        // Between holes the drill travels at the height it had before the cycle, which is above everything.
        if self.at[2].is_none_or(|z| z < clearance) {
            self.rise_to(clearance);
        }
        let peck = self.word("peck", peck_mm)?;
        let hole = Hole {
            at: [top[0], top[1]],
            retract: top[2],
            bottom: bottom[2],
            peck: (peck.mm() > 0.0).then_some(peck),
            // The cycle ends at the height it began at, or at the retract height where that is higher.
            back: self.at[2].max(Some(top[2])).expect("the retract height is known"),
            feed_mm_per_min: feed,
        };
        if self.control.cycle(&mut self.page, &hole) {
            self.at = [Some(hole.at[0]), Some(hole.at[1]), Some(hole.back)];
        } else {
            self.drill_by_moves(&hole)?;
        }
        self.meant_xy_mm = xy;
        Ok(())
    }

    /// The same motions as G81 or G83, each written out.
    fn drill_by_moves(&mut self, hole: &Hole) -> Result<(), PostError> {
        let to = |z: Word| [None, None, Some(z)];
        self.motion([Some(hole.at[0]), Some(hole.at[1]), None], None);
        self.motion(to(hole.retract), None);
        if let Some(peck) = hole.peck {
            let above = self.word("peck", -PECK_CLEARANCE_MM)?;
            let mut depth = hole.retract.below(peck);
            while depth > hole.bottom {
                self.motion(to(depth), Some(hole.feed_mm_per_min));
                self.motion(to(hole.retract), None);
                // A peck shallower than the clearance would otherwise re-enter from above the retract height.
                self.motion(to(depth.below(above).min(hole.retract)), None);
                depth = depth.below(peck);
            }
        }
        self.motion(to(hole.bottom), Some(hole.feed_mm_per_min));
        self.motion(to(hole.back), None);
        Ok(())
    }
}

//! The LinuxCNC program of one setup.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::model::{Move, Operation, Plan, Program, Setup, Tool, ToolKind};

use super::PostError;
use super::number::{Word, comment};

/// An arc whose ends lie closer than this is written straight: rounding could turn it into a full circle.
/// A chord of 2 µm departs from its arc by under 0.01 µm for radii above 0.05 mm.
const SHORT_ARC_MM: f64 = 0.002;
/// Largest difference between the two radii of an arc as printed; the coordinates' own rounding makes 0.15 µm.
const ARC_RADIUS_MM: f64 = 0.0005;

/// One program per setup of the plan, in the plan's order: `op10.ngc`, `op20.ngc` …
///
/// # Errors
/// [`PostError`] when an operation has no setup or tool in the plan, a number is not finite or beyond the machine, an
/// operation does not begin with a rapid, an arc's ends lie on different radii, or a setup has no operation.
pub fn write_programs(
    operations: &[Operation],
    plan: &Plan,
    title: &str,
    approved: bool,
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
            let mut w = Writer::new(setup, plan);
            w.header(&own, title, approved)?;
            for operation in own {
                w.operation(operation)?;
            }
            w.line("G0 Z", Some(w.clearance()?));
            w.text.push_str("M5\nM9\nM30\n");
            Ok(Program { file: format!("op{}.ngc", setup.number), setup: setup.number, text: w.text })
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
    };
    format!(
        "T{} {kind} D{} R{} flutes {} stick-out {}",
        t.number, t.diameter_mm, t.corner_radius_mm, t.flutes, t.stick_out_mm
    )
}

struct Writer<'a> {
    setup: &'a Setup,
    plan: &'a Plan,
    text: String,
    /// Where the tool is, as printed; unknown before the first motion and after a tool change.
    at: [Option<Word>; 3],
    /// Where the last cut or rapid was meant to end in x and y, before rounding, mm.
    meant_xy_mm: [f64; 2],
    /// The motion word in force, `""` for none.
    motion: &'static str,
    /// Feed as printed.
    feed: String,
    tool: Option<u32>,
    speed: Option<i64>,
    coolant: String,
    /// Operation and move being written, for messages.
    operation: String,
    number: usize,
}

impl<'a> Writer<'a> {
    fn new(setup: &'a Setup, plan: &'a Plan) -> Self {
        Self {
            setup,
            plan,
            text: String::new(),
            at: [None; 3],
            meant_xy_mm: [f64::NAN; 2],
            motion: "",
            feed: String::new(),
            tool: None,
            speed: None,
            coolant: String::new(),
            operation: "start of program".into(),
            number: 0,
        }
    }

    fn header(&mut self, own: &[&Operation], title: &str, approved: bool) -> Result<(), PostError> {
        let (plan, setup) = (self.plan, self.setup);
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
            "zero {}: axis of the D{pin} pin, blank top face; x along the blank to the second pin, z up",
            setup.work_offset
        ));
        lines.push("units: mm, mm/min, 1/min".into());
        let tools = tools_by_number(plan);
        let mut used: Vec<u32> = own.iter().map(|o| o.tool).collect();
        used.sort_unstable();
        used.dedup();
        for n in used {
            if let Some(t) = tools.get(&n) {
                lines.push(tool_words(t));
            }
        }
        for l in lines {
            let _ = writeln!(self.text, "({})", comment(&l));
        }
        if !approved {
            self.text.push_str("M0\n");
        }
        self.text.push_str("G21 G90 G94 G17 G40 G49 G80\nG61\n");
        let _ = writeln!(self.text, "{}", setup.work_offset);
        self.text.push_str("M5 M9\n");
        self.clearance().map(|_| ())
    }

    fn clearance(&self) -> Result<Word, PostError> {
        self.word("z", self.setup.clearance_z_mm)
    }

    fn word(&self, what: &'static str, v: f64) -> Result<Word, PostError> {
        Word::of_mm(v).ok_or_else(|| PostError::NotFinite {
            operation: self.operation.clone(),
            number: self.number,
            what,
            found: v,
        })
    }

    fn line(&mut self, words: &str, value: Option<Word>) {
        let _ = match value {
            Some(v) => writeln!(self.text, "{words}{v}"),
            None => writeln!(self.text, "{words}"),
        };
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
        let _ = writeln!(self.text, "({})", comment(&o.name));
        self.motion = "";
        let clearance = self.clearance()?;
        if self.tool != Some(o.tool) {
            if !tools_by_number(self.plan).contains_key(&o.tool) {
                let known =
                    tools_by_number(self.plan).keys().map(|n| format!("T{n}")).collect::<Vec<_>>().join(", ");
                return Err(PostError::UnknownTool { operation: o.name.clone(), tool: o.tool, known });
            }
            if self.tool.is_some() {
                self.rise_to(clearance);
                self.text.push_str("M5\nM9\n");
            }
            let _ = writeln!(self.text, "T{} M6\nG43 H{}", o.tool, o.tool);
            self.tool = Some(o.tool);
            (self.at, self.motion, self.speed) = ([None; 3], "", None);
            self.coolant.clear();
            self.feed.clear();
        } else {
            self.rise_to(clearance);
        }
        let speed = o.spindle_rpm.round() as i64;
        if self.speed != Some(speed) {
            let _ = writeln!(self.text, "S{speed} M3");
            self.speed = Some(speed);
        }
        if self.coolant != o.coolant {
            let word = match o.coolant.as_str() {
                "flood" => "M8",
                "mist" => "M7",
                "dry" => "M9",
                other => return Err(PostError::Coolant { operation: o.name.clone(), found: other.into() }),
            };
            self.line(word, None);
            self.coolant = o.coolant.clone();
        }
        // From wherever a tool change left the spindle: straight to a height above everything.
        self.rise_to(clearance);
        for (k, m) in o.moves.iter().enumerate() {
            self.number = k + 1;
            self.one_move(m, o)?;
        }
        self.end_cycle();
        Ok(())
    }

    /// To the clearance height, unless already there or above.
    fn rise_to(&mut self, clearance: Word) {
        self.end_cycle();
        if self.at[2].is_none_or(|z| z < clearance) {
            self.motion("G0", [None, None, Some(clearance)], None);
        }
    }

    fn end_cycle(&mut self) {
        if self.motion == "G81" || self.motion == "G83" {
            self.text.push_str("G80\n");
            self.motion = "";
        }
    }

    fn one_move(&mut self, m: &Move, o: &Operation) -> Result<(), PostError> {
        match *m {
            Move::Rapid(meant) => {
                self.end_cycle();
                let to = self.place(meant)?;
                let rises = self.at[2].is_none_or(|z| to[2] >= z);
                let (z, xy) = ([None, None, Some(to[2])], [Some(to[0]), Some(to[1]), None]);
                for part in if rises { [z, xy] } else { [xy, z] } {
                    self.motion("G0", part, None);
                }
                self.meant_xy_mm = [meant[0], meant[1]];
                Ok(())
            }
            Move::Cut(meant) | Move::Plunge(meant) => {
                self.end_cycle();
                let to = self.place(meant)?;
                self.known_start()?;
                let feed = if matches!(m, Move::Cut(_)) { o.feed_mm_per_min } else { o.plunge_mm_per_min };
                self.motion("G1", to.map(Some), Some(feed));
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
    fn place(&self, p: [f64; 3]) -> Result<[Word; 3], PostError> {
        let mut out = [Word::of_mm(0.0).expect("zero is finite"); 3];
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

    /// One block of `G0` or `G1`: the axes that change; nothing when none does.
    fn motion(&mut self, word: &'static str, to: [Option<Word>; 3], feed: Option<f64>) {
        let mut words = String::new();
        for (a, letter) in ["X", "Y", "Z"].into_iter().enumerate() {
            if let Some(v) = to[a]
                && self.at[a] != Some(v)
            {
                let _ = write!(words, "{}{letter}{v}", if words.is_empty() { "" } else { " " });
                self.at[a] = Some(v);
            }
        }
        if !words.is_empty() {
            self.block(word, &words, feed);
        }
    }

    fn block(&mut self, word: &'static str, words: &str, feed: Option<f64>) {
        if self.motion != word {
            let _ = write!(self.text, "{word} ");
            self.motion = word;
        }
        self.text.push_str(words);
        if let Some(f) = feed {
            let f = format!("{f:.1}");
            if f != self.feed {
                let _ = write!(self.text, " F{f}");
                self.feed = f;
            }
        }
        self.text.push('\n');
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
        let (s, e) = ([start[0].mm(), start[1].mm()], [to[0].mm(), to[1].mm()]);
        let from_centre = |p: [f64; 2]| [p[0] - centre_mm[0], p[1] - centre_mm[1]];
        let (rs, re) = (from_centre(s), from_centre(e));
        let (ls, le) = (rs[0].hypot(rs[1]), re[0].hypot(re[1]));
        // 2 µm: what the budget gives arc fitting, doubled; more is not rounding but a wrong arc.
        let same_radius = (ls - le).abs() <= 0.002;
        if !same_radius || ls < 1e-3 {
            let found = format!("the arc's ends lie {ls:.4} and {le:.4} mm from its centre");
            return Err(self.bad(found, "equal radii of at least 0.001 mm"));
        }
        let chord = [e[0] - s[0], e[1] - s[1]];
        let length = chord[0].hypot(chord[1]);
        let meant_from = std::mem::replace(&mut self.meant_xy_mm, [to_mm[0], to_mm[1]]);
        if length < SHORT_ARC_MM {
            // Next to nothing or next to a full circle: the ends as meant, before rounding, decide. Equal ends are a
            // full circle.
            let full = meant_from == [to_mm[0], to_mm[1]];
            let (ms, me) = (from_centre(meant_from), from_centre([to_mm[0], to_mm[1]]));
            let left = (ms[0] * me[1] - ms[1] * me[0]).atan2(ms[0] * me[0] + ms[1] * me[1]);
            let short = if clockwise { left <= 0.0 } else { left >= 0.0 };
            if short && !full {
                self.motion("G1", to.map(Some), Some(feed));
                return Ok(());
            }
        }
        // On the perpendicular bisector of the rounded ends both radii are equal.
        let centre = if length >= SHORT_ARC_MM {
            let middle = [0.5 * (s[0] + e[0]), 0.5 * (s[1] + e[1])];
            let along = ((centre_mm[0] - middle[0]) * chord[0] + (centre_mm[1] - middle[1]) * chord[1])
                / (length * length);
            [centre_mm[0] - along * chord[0], centre_mm[1] - along * chord[1]]
        } else {
            centre_mm
        };
        let (i, j) = (self.word("I", centre[0] - s[0])?, self.word("J", centre[1] - s[1])?);
        let printed = [s[0] + i.mm(), s[1] + j.mm()];
        let (a, b) =
            ((s[0] - printed[0]).hypot(s[1] - printed[1]), (e[0] - printed[0]).hypot(e[1] - printed[1]));
        if (a - b).abs() > ARC_RADIUS_MM {
            return Err(self.bad(
                format!("the arc's radii as printed are {a:.5} and {b:.5} mm"),
                "radii equal to 0.5 um",
            ));
        }
        // Arcs carry x and y always: a control may read a missing axis as a full circle.
        let mut words = format!("X{} Y{}", to[0], to[1]);
        if to[2] != start[2] {
            let _ = write!(words, " Z{}", to[2]);
        }
        let _ = write!(words, " I{i} J{j}");
        self.at = to.map(Some);
        self.block(if clockwise { "G2" } else { "G3" }, &words, Some(feed));
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
        // G98: between holes the drill travels at the height it had before the cycle, which is above everything.
        if self.at[2].is_none_or(|z| z < clearance) {
            self.rise_to(clearance);
        }
        let peck = self.word("peck", peck_mm)?;
        let word = if peck.mm() > 0.0 { "G83" } else { "G81" };
        let mut words = String::new();
        if self.motion != word {
            self.end_cycle();
            words.push_str("G98 ");
        }
        // All words on each line: sticky cycle values are easily lost when a machinist restarts in the middle.
        let _ = write!(words, "{word} X{} Y{} Z{} R{}", top[0], top[1], bottom[2], top[2]);
        if peck.mm() > 0.0 {
            let _ = write!(words, " Q{peck}");
        }
        self.motion = word;
        let _ = writeln!(self.text, "{words} F{feed:.1}");
        self.feed = format!("{feed:.1}");
        // The cycle ends at the height it began at, or at R where that is higher.
        self.at = [Some(top[0]), Some(top[1]), self.at[2].max(Some(top[2]))];
        self.meant_xy_mm = xy;
        Ok(())
    }
}

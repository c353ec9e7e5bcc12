//! Words that set something and move nothing: feed, speed, tool, dwell, offsets.

use super::super::block::Block;
use super::super::codes::*;
use super::super::words::WordError;
use super::Reader;
use crate::model::Dialect;

impl Reader<'_> {
    pub(super) fn set_feed(&mut self, b: &Block) -> Result<(), WordError> {
        match b.value(b'F') {
            Some(f) => self.take_feed(f),
            None => Ok(()),
        }
    }

    /// A feed in the unit in force.
    pub(super) fn take_feed(&mut self, f: f64) -> Result<(), WordError> {
        if f < 0.0 {
            return Err(WordError::new("bad-value", format!("F{f} is negative: a feed is positive")));
        }
        if self.inverse_time {
            return Ok(());
        }
        let unit = self.unit()?;
        let feed = f * unit;
        self.check_feed(feed);
        self.feed_mm_per_min = (feed > 0.0).then_some(feed);
        self.feed_deg_per_min = (f > 0.0).then_some(f);
        Ok(())
    }

    /// Told when the machine has no such feed, mm/min.
    pub(super) fn check_feed(&mut self, feed: f64) {
        if feed > self.context.feed_mm_per_min_max {
            let most = self.context.feed_mm_per_min_max;
            self.fault(
                "feed-above-limit",
                format!("feed {feed} mm/min, but the machine goes to {most}: lower F"),
            );
        }
    }

    pub(super) fn set_speed(&mut self, b: &Block) -> Result<(), WordError> {
        match b.value(b'S') {
            Some(s) => self.take_speed(s),
            None => Ok(()),
        }
    }

    pub(super) fn take_speed(&mut self, s: f64) -> Result<(), WordError> {
        if s < 0.0 {
            return Err(WordError::new("bad-value", format!("S{s} is negative: use M4 to turn backwards")));
        }
        let [least, most] = self.context.spindle_rpm;
        if s > most {
            self.fault(
                "speed-above-limit",
                format!("speed {s}/min, but the spindle goes to {most}: lower S"),
            );
        } else if s > 0.0 && s < least {
            self.fault(
                "speed-below-limit",
                format!("speed {s}/min, but the spindle starts at {least}: raise S"),
            );
        }
        self.spindle_rpm = s;
        Ok(())
    }

    pub(super) fn change_tool(&mut self) -> Result<(), WordError> {
        let Some(t) = self.selected else {
            return Err(WordError::new("no-tool", "M6 without a T word before it: name the tool"));
        };
        if self.dialect() == Dialect::Siemens {
            // The new tool's edge is yet to be chosen.
            self.length_tool = None;
        }
        self.put_tool(t)
    }

    pub(super) fn put_tool(&mut self, t: u32) -> Result<(), WordError> {
        if let Some(table) = &self.context.tools
            && t != 0
            && !table.contains(&t)
        {
            return Err(WordError::new(
                "tool-not-in-table",
                format!("T{t} is not in the job's tool table: add it or change the program"),
            ));
        }
        self.tool = t;
        self.out.tool_changes += 1;
        // The spindle is stopped by the change.
        self.spindle = 5;
        if t != 0 && !self.out.tools_used.contains(&t) {
            self.out.tools_used.push(t);
        }
        Ok(())
    }

    pub(super) fn dwell(&mut self, b: &Block) -> Result<(), WordError> {
        if b.g(G_ONCE) != Some(40) || self.dialect() == Dialect::Siemens {
            return Ok(());
        }
        if self.dialect() == Dialect::Fanuc && b.has_point(b'P') {
            return Err(WordError::new(
                "bad-value",
                "P of a dwell has a decimal point, but this control takes whole milliseconds: write G4 P500 for half a \
                 second",
            ));
        }
        let unit_s = self.dwell_unit_s(b);
        match b.value(b'P') {
            Some(p) if p >= 0.0 => {
                self.out.dwell_s += p * unit_s;
                Ok(())
            }
            Some(p) => Err(WordError::new("bad-value", format!("G4 P{p}: a dwell is not negative"))),
            None => Err(WordError::new("missing-value", "G4 without P: give the dwell in seconds")),
        }
    }

    /// What P of a dwell counts: on Fanuc milliseconds, on Haas too unless it has a decimal point, else seconds.
    pub(super) fn dwell_unit_s(&self, b: &Block) -> f64 {
        match self.dialect() {
            Dialect::Fanuc => 1e-3,
            Dialect::Haas if !b.has_point(b'P') => 1e-3,
            _ => 1.0,
        }
    }

    /// Siemens' `G4 F`: seconds, and no feed. True when the block is one.
    pub(super) fn dwell_of_siemens(&mut self, b: &Block) -> Result<bool, WordError> {
        if b.g(G_ONCE) != Some(40) || self.dialect() != Dialect::Siemens {
            return Ok(false);
        }
        match b.value(b'F') {
            Some(s) if s >= 0.0 => {
                self.out.dwell_s += s;
                Ok(true)
            }
            Some(s) => Err(WordError::new("bad-value", format!("G4 F{s}: a dwell is not negative"))),
            None => Err(WordError::new("missing-value", "G4 without F: give the dwell in seconds")),
        }
    }

    pub(super) fn set_length_offset(&mut self, b: &Block) -> Result<(), WordError> {
        match b.whole(b'D')? {
            Some(0) => self.length_tool = None,
            Some(1) => self.length_tool = Some(self.tool),
            Some(d) => {
                return Err(WordError::new(
                    "wrong-length-offset",
                    format!("D{d} is not in the job's tool table, where every tool has one edge: use D1"),
                ));
            }
            None => {}
        }
        match b.g(G_LENGTH) {
            Some(430) if self.dialect() == Dialect::Fanuc && b.value(b'Z').is_none() => {
                return Err(WordError::new(
                    "no-length-offset",
                    "G43 without Z, which moves the spindle by the length itself on many of these machines: put it in the tool's \
                     first block that moves z",
                ));
            }
            Some(430) => {
                let h = b.whole(b'H')?.unwrap_or(self.tool);
                if let Some(table) = &self.context.tools
                    && h != 0
                    && !table.contains(&h)
                {
                    return Err(WordError::new(
                        "wrong-length-offset",
                        format!(
                            "H{h} is not in the job's tool table: use the number of the tool in the spindle"
                        ),
                    ));
                }
                self.length_tool = (h != 0).then_some(h);
            }
            Some(_) => self.length_tool = None,
            None => {}
        }
        Ok(())
    }

    pub(super) fn set_work_offset(&mut self, code: u32) {
        self.offset = Some(code);
        if let Some(expected) = self.context.work_offset
            && expected != code
        {
            self.fault(
                "wrong-work-offset",
                format!(
                    "{} is used, but the job sets this program up at {}: change one of them",
                    self.offset_words(code),
                    self.offset_words(expected)
                ),
            );
        }
    }

    /// A work offset, given in tenths, as the control calls it.
    fn offset_words(&self, code: u32) -> String {
        match (self.dialect(), code) {
            (Dialect::Heidenhain, _) => format!("preset {}", code.saturating_sub(530) / 10),
            (Dialect::Siemens, 580 | 590) => format!("G{}", 447 + code / 10),
            _ => format!("G{}", code / 10),
        }
    }

    /// What states the unit.
    pub(super) fn unit_words(&self) -> &'static str {
        match self.dialect() {
            Dialect::Siemens => "G700 or G710",
            _ => "G20 or G21",
        }
    }

    /// What asks for a machine position.
    pub(super) fn machine_word(&self) -> &'static str {
        match self.dialect() {
            Dialect::Siemens => "SUPA",
            _ => "G53",
        }
    }
}

//! Words that set something and move nothing: feed, speed, tool, dwell, offsets.

use super::super::block::Block;
use super::super::codes::*;
use super::super::words::WordError;
use super::Reader;

impl Reader<'_> {
    pub(super) fn set_feed(&mut self, b: &Block) -> Result<(), WordError> {
        let Some(f) = b.value(b'F') else { return Ok(()) };
        if f < 0.0 {
            return Err(WordError::new("bad-value", format!("F{f} is negative: a feed is positive")));
        }
        if self.inverse_time {
            return Ok(());
        }
        let unit = self.unit()?;
        let feed = f * unit;
        if feed > self.context.feed_mm_per_min_max {
            let most = self.context.feed_mm_per_min_max;
            self.fault(
                "feed-above-limit",
                format!("feed {feed} mm/min, but the machine goes to {most}: lower F"),
            );
        }
        self.feed_mm_per_min = (feed > 0.0).then_some(feed);
        Ok(())
    }

    pub(super) fn set_speed(&mut self, b: &Block) -> Result<(), WordError> {
        let Some(s) = b.value(b'S') else { return Ok(()) };
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
        if b.g(G_ONCE) != Some(40) {
            return Ok(());
        }
        match b.value(b'P') {
            Some(p) if p >= 0.0 => {
                self.out.dwell_s += p;
                Ok(())
            }
            Some(p) => Err(WordError::new("bad-value", format!("G4 P{p}: a dwell is not negative"))),
            None => Err(WordError::new("missing-value", "G4 without P: give the dwell in seconds")),
        }
    }

    pub(super) fn set_length_offset(&mut self, b: &Block) -> Result<(), WordError> {
        match b.g(G_LENGTH) {
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
                format!("G{} is used, but the job sets this program up at G{}", code / 10, expected / 10),
            );
        }
    }
}

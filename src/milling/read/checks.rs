//! What must be in force before a motion, and its feed.

use super::super::block::Block;
use super::super::words::WordError;
use super::Reader;
use crate::model::Dialect;

impl Reader<'_> {
    pub(super) fn check_before_motion(&mut self, machine: bool, cutting: bool, end: [f64; 3]) {
        let change = if self.dialect() == Dialect::Heidenhain { "TOOL CALL" } else { "M6" };
        if self.tool == 0 && (cutting || !machine) {
            self.motion_fault("no-tool", || {
                format!("motion before a tool is in the spindle: {change} comes first")
            });
        }
        if self.holds_probe() {
            if self.spindle != 5 {
                self.motion_fault("probe-spindle", || {
                    "a probe moves while the spindle turns: M5 comes first".into()
                });
            }
        } else if cutting {
            if self.spindle == 5 || self.spindle_rpm == 0.0 {
                self.motion_fault("spindle-off", || {
                    "a cut while the spindle stands: M3 with S comes first".into()
                });
            } else if self.spindle == 4 {
                self.motion_fault("spindle-reverse", || {
                    "a cut while the spindle turns backwards (M4): use M3".into()
                });
            }
        }
        if machine && !cutting {
            return;
        }
        if self.offset.is_none() && self.context.work_offset.is_some() {
            self.motion_fault("wrong-work-offset", || {
                "motion before a work offset is chosen: name the job's offset at the top of the program"
                    .into()
            });
        }
        if self.tool != 0 && (cutting || end[2] != self.position[2]) {
            let tool = self.tool;
            let word = match self.dialect() {
                Dialect::Siemens => "D1".to_owned(),
                _ => format!("G43 H{tool}"),
            };
            match self.length_tool {
                None => self.motion_fault("no-length-offset", || {
                    format!("T{tool} moves in z without its length offset: {word} comes first")
                }),
                Some(h) if h != tool => self.motion_fault("wrong-length-offset", || {
                    format!("T{tool} moves with the length offset of H{h}: use {word}")
                }),
                Some(_) => {}
            }
        }
    }

    /// Feed of a cut of this length, mm/min. Without a feed the cut is told as a fault and milled all the same.
    pub(super) fn feed_for(&mut self, b: &Block, length_mm: f64) -> Result<f64, WordError> {
        if !self.inverse_time {
            return Ok(self.modal_feed());
        }
        match b.value(b'F') {
            Some(f) if f > 0.0 => {
                let feed = length_mm * f;
                let most = self.context.feed_mm_per_min_max;
                if feed > most * (1.0 + 1e-9) {
                    self.fault(
                        "feed-above-limit",
                        format!("F{f} in G93 asks for {feed:.1} mm/min here, but the machine goes to {most}: lower F"),
                    );
                }
                Ok(feed)
            }
            _ => {
                self.motion_fault("no-feed", || {
                    "a cut in G93 without F in its block: every cut needs its own".into()
                });
                Ok(1.0)
            }
        }
    }

    /// The feed in force, mm/min.
    pub(super) fn modal_feed(&mut self) -> f64 {
        if self.feed_mm_per_min.is_none() {
            self.motion_fault("no-feed", || "a cut without a feed: F comes first, and is not 0".into());
        }
        self.feed_mm_per_min.unwrap_or(1.0)
    }
}

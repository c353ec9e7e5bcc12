//! Words of rotary axes: A, B, C in degrees, as far as the machine has them.
//!
//! No offset shifts them and no unit scales them. An absolute angle is where LinuxCNC goes, however far that is; the other
//! controls may take the shorter way round by a setting, so more than half a turn in one block is refused there.

use super::super::block::Block;
use super::super::words::WordError;
use super::{Reader, place_of};
use crate::model::Dialect;

const LETTERS: [char; 3] = ['A', 'B', 'C'];

impl Reader<'_> {
    /// Which of A, B, C the machine has.
    pub(super) fn has_rotary(&self) -> [bool; 3] {
        let mut out = [false; 3];
        for axis in &self.context.rotary {
            out[place_of(axis.letter)] = true;
        }
        out
    }

    /// Angles at the end of the block, degrees.
    pub(super) fn target_deg(&self, b: &Block, machine: bool) -> Result<[f64; 3], WordError> {
        let mut end = self.angles;
        for (a, end) in end.iter_mut().enumerate() {
            match b.value(b'A' + a as u8) {
                Some(v) if self.incremental && !machine => *end += v,
                Some(v) => {
                    self.check_turn(a, v)?;
                    *end = v;
                }
                None => {}
            }
        }
        Ok(end)
    }

    /// Refuses an absolute angle that the control may reach either way round.
    pub(super) fn check_turn(&self, a: usize, to_deg: f64) -> Result<(), WordError> {
        let turn = to_deg - self.angles[a];
        if self.dialect() == Dialect::LinuxCnc || turn.abs() <= 180.0 {
            return Ok(());
        }
        Err(WordError::new(
            "long-turn",
            format!(
                "{} turns by {turn:.3} degrees in one block, which this control does the one way or the other by a setting: turn \
                 by 180 degrees at most and say the rest in a block of its own",
                LETTERS[a]
            ),
        ))
    }

    /// Arcs and cycles turn nothing.
    pub(super) fn refuse_turn(&self, b: &Block, what: &str) -> Result<(), WordError> {
        if b.has_rotary() {
            return Err(WordError::new(
                "modal-clash",
                format!("a rotary axis in the block of {what}: turn it in a block of its own"),
            ));
        }
        Ok(())
    }

    /// Feed of a straight cut: mm/min, or degrees/min where nothing but rotary axes moves.
    pub(super) fn feed_of_straight(
        &mut self,
        b: &Block,
        end: [f64; 3],
        end_deg: [f64; 3],
    ) -> Result<f64, WordError> {
        let root = |p: [f64; 3], q: [f64; 3]| (0..3).map(|k| (p[k] - q[k]).powi(2)).sum::<f64>().sqrt();
        let way = root(self.position, end);
        if end_deg == self.angles {
            return self.feed_for(b, way);
        }
        if !self.inverse_time {
            return Ok(if way > 0.0 { self.modal_feed() } else { self.modal_turn() });
        }
        if let Some(f) = b.value(b'F').filter(|&f| f > 0.0) {
            for axis in &self.context.rotary {
                let a = place_of(axis.letter);
                let rate = (end_deg[a] - self.angles[a]).abs() * f;
                if rate > axis.rapid_deg_per_min * (1.0 + 1e-9) {
                    let (letter, rapid) = (LETTERS[a], axis.rapid_deg_per_min);
                    self.fault(
                        "feed-above-limit",
                        format!(
                            "F{f} in G93 asks {letter} for {rate:.1} degrees/min here, but it goes to {rapid}: lower F"
                        ),
                    );
                    break;
                }
            }
            if way == 0.0 {
                return Ok(root(self.angles, end_deg) * f);
            }
        }
        self.feed_for(b, way)
    }

    /// The feed in force where nothing but rotary axes moves, degrees/min.
    pub(super) fn modal_turn(&mut self) -> f64 {
        if self.feed_deg_per_min.is_none() {
            self.motion_fault("no-feed", || "a cut without a feed: F comes first, and is not 0".into());
        }
        self.feed_deg_per_min.unwrap_or(1.0)
    }
}

//! Drilling cycles, expanded to moves.

use super::super::block::Block;
use super::super::motion::{MotionKind, Plane};
use super::super::words::WordError;
use super::Reader;

/// LinuxCNC re-enters a pecked hole to 0.010 in above the last depth. On Fanuc and Haas a parameter says how far; the
/// same is taken for them, since it touches nothing but the time: the way leads down a hole that is there.
const PECK_CLEARANCE_MM: f64 = 0.254;
/// More pecks than any job needs: a slip of the decimal point.
const PECKS_MAX: f64 = 1000.0;

/// One hole, mm and s.
pub(super) struct Hole {
    pub at: [f64; 2],
    /// Height of the way to it.
    pub over: f64,
    /// Rapid down to here, and up to here between pecks.
    pub retract: f64,
    /// Where the first peck begins to count.
    pub top: f64,
    pub bottom: f64,
    pub peck: Option<f64>,
    /// Rapid down to this far above the last depth.
    pub reentry: f64,
    /// Where the tool returns to.
    pub back: f64,
    /// Between pecks; at the bottom.
    pub dwell_s: [f64; 2],
}

impl Reader<'_> {
    /// G81, G82, G83 as LinuxCNC, Fanuc and Haas expand them, in G17 and G90.
    pub(super) fn cycle_block(&mut self, b: &Block, unit: f64, code: u32) -> Result<(), WordError> {
        self.refuse_turn(b, "a drilling cycle")?;
        if self.plane != Plane::Xy || self.incremental || self.inverse_time {
            return Err(WordError::new("modal-clash", "drilling cycles are read only in G17, G90 and G94"));
        }
        let c = &mut self.cycle;
        c.z_mm = b.value(b'Z').map(|z| z * unit).or(c.z_mm);
        c.r_mm = b.value(b'R').map(|r| r * unit).or(c.r_mm);
        c.q_mm = b.value(b'Q').map(|q| q * unit).or(c.q_mm);
        c.p_s = b.value(b'P').or(c.p_s);
        let (Some(bottom), Some(r)) = (c.z_mm, c.r_mm) else {
            return Err(WordError::new("missing-value", "a drilling cycle needs Z and R: give both"));
        };
        let (peck, dwell_s) = (c.q_mm, c.p_s);
        if r < bottom {
            return Err(WordError::new("bad-value", format!("R {r} mm lies below Z {bottom} mm: swap them")));
        }
        let mut at = self.position;
        for (a, letter) in [(0, b'X'), (1, b'Y')] {
            if let Some(x) = b.value(letter) {
                at[a] = x * unit;
            }
        }
        let deepest = [at[0], at[1], bottom];
        self.check_before_motion(false, true, deepest);
        let feed = self.feed_for(b, 0.0)?;
        if self.position[2] < r {
            let up = [self.position[0], self.position[1], r];
            self.straight(MotionKind::Rapid, up, 0.0);
        }
        let initial = *self.cycle.initial_z_mm.get_or_insert(self.position[2]);
        // LinuxCNC goes to the next hole at the height it will come back to, in one motion.
        let (over, back) =
            if self.retract_to_r { (self.position[2], r) } else { (initial.max(r), initial.max(r)) };
        let step = peck.filter(|&q| q > 0.0);
        if code == 830 && step.is_none() {
            return Err(WordError::new(
                "missing-value",
                "G83 needs a positive Q: give the depth of one peck",
            ));
        }
        let dwell_s = match (code, dwell_s.filter(|&p| p >= 0.0)) {
            (820, None) => {
                return Err(WordError::new("missing-value", "G82 needs P: give the dwell in seconds"));
            }
            (820, Some(p)) => p * self.dwell_unit_s(b),
            _ => 0.0,
        };
        let hole = Hole {
            at: [at[0], at[1]],
            over,
            retract: r,
            top: r,
            bottom,
            peck: step.filter(|_| code == 830),
            reentry: PECK_CLEARANCE_MM,
            back,
            dwell_s: [0.0, dwell_s],
        };
        self.bore(&hole, feed)
    }

    /// The moves of one hole.
    pub(super) fn bore(&mut self, h: &Hole, feed: f64) -> Result<(), WordError> {
        let [x, y] = h.at;
        self.straight(MotionKind::Rapid, [x, y, h.over], 0.0);
        self.straight(MotionKind::Rapid, [x, y, h.retract], 0.0);
        if let Some(step) = h.peck {
            if (h.top - h.bottom) / step > PECKS_MAX {
                return Err(WordError::new(
                    "bad-value",
                    format!(
                        "Q {step} mm makes more than {PECKS_MAX} pecks of {} mm: give a larger Q",
                        h.top - h.bottom
                    ),
                ));
            }
            let mut depth = h.top - step;
            while depth > h.bottom {
                self.straight(MotionKind::Feed, [x, y, depth], feed);
                self.straight(MotionKind::Rapid, [x, y, h.retract], 0.0);
                self.out.dwell_s += h.dwell_s[0];
                self.straight(MotionKind::Rapid, [x, y, depth + h.reentry], 0.0);
                depth -= step;
            }
        }
        self.straight(MotionKind::Feed, [x, y, h.bottom], feed);
        self.out.dwell_s += h.dwell_s[1];
        self.straight(MotionKind::Rapid, [x, y, h.back], 0.0);
        Ok(())
    }
}

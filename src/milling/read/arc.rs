//! G2 and G3.

use super::super::arcs;
use super::super::block::Block;
use super::super::motion::{Motion, MotionKind};
use super::super::words::WordError;
use super::{Reader, TURNS_MAX};
use crate::model::Dialect;

impl Reader<'_> {
    pub(super) fn arc(&mut self, b: &Block, unit: f64, clockwise: bool) -> Result<(), WordError> {
        self.refuse_turn(b, "an arc")?;
        let end = self.target(b, unit, false);
        self.check_before_motion(false, true, end);
        let [u, v, w] = self.plane.axes();
        let letter = [b'I', b'J', b'K'];
        if b.value(letter[w]).is_some() {
            return Err(WordError::new(
                "arc-centre",
                format!(
                    "{} does not lie in the plane of the arc: choose the plane or remove it",
                    letter[w] as char
                ),
            ));
        }
        let turns = b.whole(b'P')?.unwrap_or(1);
        if turns == 0 || turns > TURNS_MAX {
            return Err(WordError::new(
                "bad-value",
                format!("P{turns} turns: an arc makes 1 to {TURNS_MAX}"),
            ));
        }
        let from = self.position;
        let given = [u, v].map(|a| b.value(letter[a]).map(|x| x * unit));
        let centre = match (given, b.value(b'R')) {
            ([None, None], None) => {
                return Err(WordError::new("arc-centre", "an arc without centre or radius: give I J K or R"));
            }
            ([None, None], Some(r)) => {
                let c = arcs::centre_from_radius([from[u], from[v]], [end[u], end[v]], r * unit, clockwise)?;
                let mut centre = from;
                (centre[u], centre[v]) = (c[0], c[1]);
                centre
            }
            (_, Some(_)) => {
                return Err(WordError::new("arc-centre", "an arc with both a centre and R: keep one"));
            }
            ([i, j], None) => {
                if self.arc_absolute && (i.is_none() || j.is_none()) {
                    return Err(WordError::new("arc-centre", "G90.1 needs both centre words of the plane"));
                }
                let base = if self.arc_absolute { [0.0; 2] } else { [from[u], from[v]] };
                let mut centre = from;
                centre[u] = base[0] + i.unwrap_or(0.0);
                centre[v] = base[1] + j.unwrap_or(0.0);
                self.check_radii(end, centre)?;
                centre
            }
        };
        let mut motion = self.arc_motion(end, centre, clockwise);
        motion.extra_turns = turns - 1;
        motion.feed_mm_per_min = self.feed_for(b, arcs::length_mm(&motion))?;
        self.push(motion);
        Ok(())
    }

    /// An arc from where the tip stands, in the plane in force, without a feed yet.
    pub(super) fn arc_motion(&self, end_mm: [f64; 3], centre_mm: [f64; 3], clockwise: bool) -> Motion {
        Motion {
            line: self.line,
            kind: if clockwise { MotionKind::ArcClockwise } else { MotionKind::ArcCounterClockwise },
            from_mm: self.position,
            end_mm,
            from_deg: self.angles,
            end_deg: self.angles,
            centre_mm,
            plane: self.plane,
            extra_turns: 0,
            feed_mm_per_min: 0.0,
            spindle_rpm: if self.spindle == 5 { 0.0 } else { self.spindle_rpm },
            tool: self.tool,
        }
    }

    /// The radii of an arc must agree to what is asked for, or to what the dialect's decimals can say.
    pub(super) fn check_radii(&self, end: [f64; 3], centre: [f64; 3]) -> Result<(), WordError> {
        let limit_mm = self.context.arc_radius_error_mm_max.max(2.0 * increment_mm(self.dialect()));
        arcs::check_radius(self.position, end, centre, self.plane, limit_mm)
    }
}

/// Last digit of a coordinate that the control takes, mm.
fn increment_mm(dialect: Dialect) -> f64 {
    match dialect {
        Dialect::Fanuc | Dialect::Haas => 1e-3,
        Dialect::LinuxCnc | Dialect::Heidenhain | Dialect::Siemens => 1e-4,
    }
}

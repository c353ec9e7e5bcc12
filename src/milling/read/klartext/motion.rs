//! Straight lines, arcs and helices of Klartext.

use super::super::super::arcs;
use super::super::super::motion::MotionKind;
use super::super::super::words::WordError;
use super::super::{Reader, TURNS_MAX};
use super::Klartext;
use super::words::{Feed, Words};

fn incremental_with_m91() -> WordError {
    WordError::new("bad-value", "an incremental coordinate with M91: name the machine position itself")
}

impl Reader<'_> {
    /// `L`.
    pub(super) fn klartext_line(&mut self, k: &mut Klartext, tokens: &[&str]) -> Result<(), WordError> {
        let w = Words::read_with(tokens, self.has_rotary())?;
        w.only("XYZabcFM")?;
        let machine = w.m.contains(&91);
        if !w.has_axis() {
            if machine {
                return self.klartext_alone(k, &w);
            }
            if w.m.is_empty() && w.feed.is_none() {
                return Err(WordError::new("missing-value", "L without coordinates: give its end"));
            }
        }
        let rapid = self.klartext_feed(k, &w)?;
        self.m_before(&w)?;
        if w.has_axis() {
            let end = self.klartext_end(&w, machine)?;
            let mut end_deg = self.angles;
            for a in 0..3 {
                match w.rotary[a] {
                    Some((_, true)) if machine => return Err(incremental_with_m91()),
                    Some((v, true)) => end_deg[a] += v,
                    Some((v, false)) => {
                        self.check_turn(a, v)?;
                        end_deg[a] = v;
                    }
                    None => {}
                }
            }
            self.check_before_motion(machine, !rapid, end);
            if rapid {
                self.turned(MotionKind::Rapid, end, end_deg, 0.0);
            } else {
                let feed = if end == self.position { self.modal_turn() } else { self.modal_feed() };
                self.turned(MotionKind::Feed, end, end_deg, feed);
            }
        }
        self.m_after(k, &w)
    }

    /// Takes the block's feed; true when it goes at rapid.
    fn klartext_feed(&mut self, k: &Klartext, w: &Words) -> Result<bool, WordError> {
        match w.feed {
            Some(Feed::Rapid) => return Ok(true),
            Some(Feed::OfTool) => {
                let unit = self.unit()?;
                self.feed_mm_per_min = k.tool_feed;
                self.feed_deg_per_min = k.tool_feed.map(|f| f / unit);
            }
            Some(Feed::Given(f)) => self.take_feed(f)?,
            None => {}
        }
        Ok(false)
    }

    fn klartext_end(&self, w: &Words, machine: bool) -> Result<[f64; 3], WordError> {
        let unit = self.unit()?;
        let mut end = self.position;
        for a in 0..3 {
            match w.axes[a] {
                Some((_, true)) if machine => return Err(incremental_with_m91()),
                Some((v, true)) => end[a] += v * unit,
                Some((v, false)) if machine => end[a] = v * unit - self.context.work_zero_machine_mm[a],
                Some((v, false)) => end[a] = v * unit,
                None => {}
            }
        }
        Ok(end)
    }

    /// `CC`.
    pub(super) fn klartext_pole(&mut self, k: &mut Klartext, tokens: &[&str]) -> Result<(), WordError> {
        let w = Words::read(tokens)?;
        w.only("XY")?;
        let unit = self.unit()?;
        let [Some((x, false)), Some((y, false)), _] = w.axes else {
            return Err(WordError::new("arc-centre", "CC without both X and Y: give the centre's place"));
        };
        k.pole = Some([x * unit, y * unit]);
        Ok(())
    }

    fn turn(w: &Words, what: &str) -> Result<bool, WordError> {
        w.clockwise.ok_or_else(|| {
            WordError::new("missing-value", format!("{what} without DR: give DR+ (counter-clockwise) or DR-"))
        })
    }

    fn klartext_centre(&self, k: &Klartext) -> Result<[f64; 3], WordError> {
        let pole = k.pole.ok_or_else(|| {
            WordError::new("arc-centre", "an arc without a centre: CC with X and Y comes first")
        })?;
        Ok([pole[0], pole[1], self.position[2]])
    }

    /// `C`: about the centre to an end; to where it starts, a full circle.
    pub(super) fn klartext_arc(&mut self, k: &mut Klartext, tokens: &[&str]) -> Result<(), WordError> {
        let w = Words::read(tokens)?;
        w.only("XYDFM")?;
        if !w.has_axis() {
            return Err(WordError::new("missing-value", "an arc or cycle without coordinates: give its end"));
        }
        let (clockwise, centre) = (Self::turn(&w, "C")?, self.klartext_centre(k)?);
        let end = self.klartext_end(&w, false)?;
        self.check_radii(end, centre)?;
        self.klartext_arc_to(k, &w, (end, centre, clockwise), 0)
    }

    /// `CR`: by its radius, the shorter arc for a positive one.
    pub(super) fn klartext_radius_arc(&mut self, k: &mut Klartext, tokens: &[&str]) -> Result<(), WordError> {
        let w = Words::read(tokens)?;
        w.only("XYDRFM")?;
        let clockwise = Self::turn(&w, "CR")?;
        let Some(r) = w.radius else {
            return Err(WordError::new("arc-centre", "CR without R: give the radius"));
        };
        let (from, end, unit) = (self.position, self.klartext_end(&w, false)?, self.unit()?);
        let c = arcs::centre_from_radius([from[0], from[1]], [end[0], end[1]], r * unit, clockwise)?;
        self.klartext_arc_to(k, &w, (end, [c[0], c[1], from[2]], clockwise), 0)
    }

    /// `CP IPA IZ`: about the centre by an angle, at the radius it starts with.
    pub(super) fn klartext_helix(&mut self, k: &mut Klartext, tokens: &[&str]) -> Result<(), WordError> {
        let w = Words::read(tokens)?;
        w.only("ZADFM")?;
        let clockwise = Self::turn(&w, "CP")?;
        let Some(angle) = w.angle_deg else {
            return Err(WordError::new("missing-value", "CP without IPA: give the angle it turns through"));
        };
        if angle == 0.0 || (angle < 0.0) != clockwise {
            return Err(WordError::new(
                "bad-value",
                format!(
                    "IPA {angle} and DR{} turn different ways: give both one sign",
                    if clockwise { "-" } else { "+" }
                ),
            ));
        }
        if angle.abs() > 360.0 * f64::from(TURNS_MAX) {
            return Err(WordError::new(
                "bad-value",
                format!("IPA {angle} degrees: an arc makes at most {TURNS_MAX} turns"),
            ));
        }
        let centre = self.klartext_centre(k)?;
        let (from, mut end) = (self.position, self.klartext_end(&w, false)?);
        let part = angle % 360.0;
        if part != 0.0 {
            let (sin, cos) = part.to_radians().sin_cos();
            let (x, y) = (from[0] - centre[0], from[1] - centre[1]);
            end[0] = centre[0] + cos * x - sin * y;
            end[1] = centre[1] + sin * x + cos * y;
        }
        self.check_radii(end, centre)?;
        let whole = (angle.abs() / 360.0).ceil() as u32 - 1;
        self.klartext_arc_to(k, &w, (end, centre, clockwise), whole)
    }

    fn klartext_arc_to(
        &mut self,
        k: &mut Klartext,
        w: &Words,
        (end, centre, clockwise): ([f64; 3], [f64; 3], bool),
        extra_turns: u32,
    ) -> Result<(), WordError> {
        if w.m.contains(&91) {
            return Err(WordError::new("modal-clash", "M91 goes only with L"));
        }
        if self.klartext_feed(k, w)? {
            return Err(WordError::new("bad-value", "FMAX on an arc: arcs are cut at feed"));
        }
        self.m_before(w)?;
        self.check_before_motion(false, true, end);
        let mut motion = self.arc_motion(end, centre, clockwise);
        motion.extra_turns = extra_turns;
        motion.feed_mm_per_min = self.modal_feed();
        self.push(motion);
        self.m_after(k, w)
    }
}

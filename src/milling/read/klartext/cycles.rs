//! Cycles of Klartext: 200 (drilling), 247 (preset), 32 (tolerance).

use std::collections::BTreeMap;

use super::super::super::words::WordError;
use super::super::Reader;
use super::super::cycles::Hole;
use super::Klartext;
use super::words::value;

/// Cycle 200 as defined, mm and s.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drilling {
    surface: f64,
    bottom: f64,
    /// Above the surface: where the feed begins, and where the rapid re-enters above the last depth.
    set_up: f64,
    peck: f64,
    /// Above the surface: where the tool returns to.
    second: f64,
    feed_mm_per_min: f64,
    dwell_s: [f64; 2],
}

/// Values of a cycle by their Q number.
fn parameters(cycle: &str, tokens: &[&str]) -> Result<BTreeMap<u32, f64>, WordError> {
    let mut out = BTreeMap::new();
    for token in tokens {
        let Some((q, v)) = token.split_once('=') else {
            if out.is_empty() && token.bytes().all(|c| c.is_ascii_alphabetic() || c == b'-') {
                // The cycle's name.
                continue;
            }
            return Err(WordError::unknown(format!(
                "`{token}` in cycle {cycle} is not read here: remove it"
            )));
        };
        let number = q.strip_prefix('Q').and_then(|q| q.parse().ok()).ok_or_else(|| {
            WordError::unknown(format!(
                "`{token}` in cycle {cycle} is no parameter: write Q, its number, = and a value"
            ))
        })?;
        if out.insert(number, value(v, 0)?).is_some() {
            return Err(WordError::new(
                "modal-clash",
                format!("Q{number} stands twice in cycle {cycle}: keep one"),
            ));
        }
    }
    Ok(out)
}

fn take(cycle: &str, q: &mut BTreeMap<u32, f64>, number: u32) -> Result<f64, WordError> {
    q.remove(&number).ok_or_else(|| {
        WordError::new("missing-value", format!("cycle {cycle} without Q{number}: give it a value"))
    })
}

fn nothing_left(cycle: &str, q: &BTreeMap<u32, f64>) -> Result<(), WordError> {
    match q.keys().next() {
        Some(number) => {
            Err(WordError::unknown(format!("Q{number} is not known in cycle {cycle}: remove it")))
        }
        None => Ok(()),
    }
}

impl Reader<'_> {
    /// `CYCL DEF`.
    pub(super) fn cycle_def(&mut self, k: &mut Klartext, tokens: &[&str]) -> Result<(), WordError> {
        match tokens {
            ["200", rest @ ..] => self.define_drilling(k, rest),
            ["247", rest @ ..] => {
                let mut q = parameters("247", rest)?;
                let preset = take("247", &mut q, 339)?;
                nothing_left("247", &q)?;
                let Some(n) = (1..=6u32).find(|&n| f64::from(n) == preset) else {
                    return Err(WordError::new(
                        "bad-value",
                        format!("preset {preset} stands for no work offset: use 1 (G54) to 6 (G59)"),
                    ));
                };
                self.set_work_offset(530 + 10 * n);
                Ok(())
            }
            ["32.0", ..] => Ok(()),
            // How far the control may leave the path; not simulated, as with G64.
            ["32.1", t] if t.starts_with('T') => value(t, 1).map(|_| ()),
            ["32.2", ..] => Ok(()),
            [number, ..] => {
                let why = match number.split('.').next().unwrap_or("") {
                    "7" | "8" | "10" | "11" | "26" | "19" => {
                        "offsets changed by the program are not allowed, the job file states them"
                    }
                    _ => "only 200 (drilling), 247 (preset) and 32 (tolerance) are",
                };
                Err(WordError::unknown(format!("cycle {number} is not read here: {why}")))
            }
            [] => Err(WordError::new("missing-value", "CYCL DEF without a number: name the cycle")),
        }
    }

    fn define_drilling(&mut self, k: &mut Klartext, tokens: &[&str]) -> Result<(), WordError> {
        let unit = self.unit()?;
        let mut q = parameters("200", tokens)?;
        let mut next = |number| take("200", &mut q, number);
        let (set_up, depth, feed, peck) = (next(200)?, next(201)?, next(206)?, next(202)?);
        let (dwell_top_s, surface, second, dwell_s) = (next(210)?, next(203)?, next(204)?, next(211)?);
        // Depth of the tip, not of the full diameter.
        if q.remove(&395).is_some_and(|reference| reference != 0.0) {
            return Err(WordError::unknown(
                "Q395=1 (depth of the full diameter) is not read here: give the tip's",
            ));
        }
        nothing_left("200", &q)?;
        let bad = |what: String| Err(WordError::new("bad-value", what));
        if depth >= 0.0 {
            return bad(format!("Q201={depth} drills upwards: the depth below the surface is negative"));
        }
        for (number, v) in
            [(200, set_up), (202, peck), (204, second), (206, feed), (210, dwell_top_s), (211, dwell_s)]
        {
            if v < 0.0 {
                return bad(format!("Q{number}={v} is negative: it counts from 0 up"));
            }
        }
        let feed_mm_per_min = feed * unit;
        self.check_feed(feed_mm_per_min);
        let surface = surface * unit;
        k.drilling = Some(Drilling {
            surface,
            bottom: surface + depth * unit,
            set_up: set_up * unit,
            peck: peck * unit,
            second: second * unit,
            feed_mm_per_min,
            dwell_s: [dwell_top_s, dwell_s],
        });
        Ok(())
    }

    /// The cycle in force, where the tool stands.
    pub(super) fn cycle_call(&mut self, k: &Klartext) -> Result<(), WordError> {
        let Some(d) = k.drilling else {
            return Err(WordError::new(
                "missing-value",
                "a cycle is called, but none was defined since the tool call: CYCL DEF 200 comes first",
            ));
        };
        let [x, y, z] = self.position;
        let retract = d.surface + d.set_up;
        self.check_before_motion(false, true, [x, y, d.bottom]);
        if d.feed_mm_per_min == 0.0 {
            self.motion_fault("no-feed", || "a cycle without a feed: give Q206, and not 0".into());
        }
        let deep = d.surface - d.bottom;
        let hole = Hole {
            at: [x, y],
            over: z,
            retract,
            top: d.surface,
            bottom: d.bottom,
            peck: Some(d.peck).filter(|&p| p > 0.0 && p < deep),
            reentry: d.set_up,
            back: d.surface + d.second.max(d.set_up),
            dwell_s: d.dwell_s,
        };
        let feed = if d.feed_mm_per_min > 0.0 { d.feed_mm_per_min } else { 1.0 };
        self.bore(&hole, feed)
    }
}

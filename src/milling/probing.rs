//! Does the probe touch where the text expects it, and nothing else?
//!
//! A probe move is never cut along: it is looked at, like the way of a shank. At its end the ball must be in stock or in a
//! fixture, or the control would stop for want of a touch; and no deeper than the stylus gives way, since the move goes on that
//! far at most. What it touched is then known to the distance between the lines, which is enough to tell a program whose
//! nominal is wrong: on a part that is where it should be every condition must let the program go on.

use super::carve::{Doing, Meeting, Met};
use super::cutter::Cutter;
use super::fixtures::{Body, meet_fixture};
use super::params::MillingParams;
use super::program::Asked;
use crate::model::{Collision, Job};

/// A condition that lets pass more than this proves nothing about a part of ± 0.0254 mm.
const LIMIT_MM_MAX: f64 = 0.1;

/// Faults of probe moves by piece, and of the conditions on them by program.
pub(super) type Told = (Vec<(u32, &'static str, f64, String)>, Vec<(u16, Collision)>);

/// Looks at every probe move of the job.
pub(super) fn faults(
    job: &Job,
    asked: &Asked,
    cutters: &[Cutter],
    meetings: &[Meeting],
    params: &MillingParams,
) -> Told {
    let mut moves = Vec::new();
    // By motion: how deep the ball is in what it touched, along the move.
    let mut touched: Vec<(u32, f64)> = Vec::new();
    for (n, piece) in asked.pieces.iter().enumerate().filter(|(_, p)| p.doing == Doing::Probe) {
        let n = n as u32;
        let stock = meetings.iter().filter(|m| m.piece == n && m.met == Met::ProbeTouch).map(|m| m.depth_mm);
        let setup = asked.setups[piece.motion as usize];
        // A probe is not used with the table turned: what it would touch there is not looked for.
        let upright = asked.tilts.of(piece).is_none();
        let fixture = job.fixture.iter().filter(|f| upright && f.setups.contains(&setup)).flat_map(|f| {
            let met = meet_fixture(piece, &cutters[piece.cutter as usize], &f.body, params.contact_mm);
            met.into_iter().filter(|(body, _)| *body == Body::Cutter).map(|(_, depth)| depth)
        });
        let depth = stock.chain(fixture).fold(0.0, f64::max);
        touched.push((piece.motion, depth));
        if depth <= params.contact_mm {
            moves.push((
                n,
                "probe-finds-nothing",
                0.0,
                "the probe comes to its end and has touched nothing: the control would stop with an alarm"
                    .into(),
            ));
        } else if depth > params.probe_overtravel_mm {
            moves.push((
                n,
                "probe-overtravel",
                depth,
                format!(
                    "the probe touches {depth:.3} mm before the end of its move, where the text expects it within {} mm: what it \
                     touches is not what is meant",
                    params.probe_overtravel_mm
                ),
            ));
        }
    }
    let mut checks = Vec::new();
    for (program, check) in &asked.probe_checks {
        let place = |motion: u32| -> Option<f64> {
            let depth = touched.iter().find(|t| t.0 == motion)?.1;
            let [from, to] = asked.probe_spans.get(&motion).copied()?;
            let way = to[check.axis] - from[check.axis];
            Some(to[check.axis] - depth * way.signum())
        };
        let [a, b] = check.touches.map(place);
        let found = a.zip(b).map_or(f64::NAN, |(a, b)| 0.5 * (a + b) - check.nominal_mm);
        let fault = if !(check.limit_mm > 0.0 && check.limit_mm <= LIMIT_MM_MAX) {
            Some(format!(
                "the condition stops beyond {} mm, expected above 0 and at most {LIMIT_MM_MAX} mm",
                check.limit_mm
            ))
        } else if !(found.abs() <= check.limit_mm + params.dexel_mm) {
            // One distance between lines: two touches are each known to within it, and their mean is too.
            Some(format!(
                "on a part in its place the probe finds {} {found:+.3} mm from the nominal {:.4} mm, the limit is {} mm: the \
                 nominal is not where the program has milled it",
                ["x", "y", "z"][check.axis],
                check.nominal_mm,
                check.limit_mm
            ))
        } else {
            None
        };
        if let Some(message) = fault {
            checks.push((
                *program,
                Collision {
                    program: job.program[*program as usize].file.clone(),
                    line: check.line,
                    kind: "probe-nominal".into(),
                    depth_mm: if found.is_finite() { found.abs() } else { 0.0 },
                    message,
                },
            ));
        }
    }
    (moves, checks)
}

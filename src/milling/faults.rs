//! From what pieces met to faults with program, line, depth and a sentence.

use rayon::prelude::*;

use super::carve::{Doing, Meeting, Met};
use super::cutter::Cutter;
use super::fixtures::{Body, meet_fixture};
use super::free::{Freed, lost_at};
use super::hold::meet_tilted;
use super::load::Overload;
use super::params::MillingParams;
use super::probing;
use super::program::Asked;
use super::shorten;
use super::stock::Stock;
use crate::model::{Collision, Job};

/// All faults, in the order of programs and lines; one per line and kind, the deepest.
#[allow(clippy::too_many_arguments)] // Each names where one kind of fault comes from.
pub(super) fn collisions(
    job: &Job,
    asked: &Asked,
    cutters: &[Cutter],
    meetings: &[Meeting],
    stock: &Stock,
    freed: &Freed,
    overloads: &[Overload],
    params: &MillingParams,
) -> Vec<Collision> {
    let mut all = asked.faults.clone();
    let told = |piece: u32, kind: &str, depth_mm: f64, message: String| {
        let place = asked.places[asked.pieces[piece as usize].motion as usize];
        let program = job.program[place.program as usize].file.clone();
        (place.program, Collision { program, line: place.line, kind: kind.into(), depth_mm, message })
    };
    for o in overloads {
        all.push(told(o.piece, "chip-load", 0.0, o.message.clone()));
    }
    let (of_probes, of_checks) = probing::faults(job, asked, cutters, meetings, params);
    for (piece, kind, depth, message) in of_probes {
        all.push(told(piece, kind, depth, message));
    }
    all.extend(of_checks);
    for m in meetings {
        let doing = asked.pieces[m.piece as usize].doing;
        if doing == Doing::DogLeg && m.met != Met::RapidThroughStock {
            // Shank and holder are judged on the way the program asks for.
            continue;
        }
        if doing == Doing::Probe && m.met == Met::ProbeTouch {
            // What it is there for: `probing` has judged it.
            continue;
        }
        let (kind, message) = sentence(m, doing, params);
        all.push(told(m.piece, kind, m.depth_mm, message));
    }
    let fixtures: Vec<Vec<(u32, &str, f64, String)>> = asked
        .pieces
        .par_iter()
        .enumerate()
        .map(|(n, piece)| {
            let setup = asked.setups[piece.motion as usize];
            let mut out = Vec::new();
            for f in job.fixture.iter().filter(|f| f.setups.contains(&setup)) {
                let cutter = &cutters[piece.cutter as usize];
                let met = match asked.tilts.of(piece) {
                    Some(tilt) => meet_tilted(piece, tilt, cutter, &f.body, params.contact_mm),
                    None => meet_fixture(piece, cutter, &f.body, params.contact_mm),
                };
                for (body, depth) in met {
                    if body == Body::Cutter && piece.doing == Doing::Probe {
                        continue;
                    }
                    let kind = match (body, piece.doing) {
                        (Body::Cutter, Doing::Carry) => "probe-touches",
                        (Body::Cutter, Doing::Cut) => "fixture",
                        (Body::Cutter, _) => "rapid-through-fixture",
                        (Body::Shank, _) => "shank",
                        (Body::Holder, _) => "holder",
                    };
                    let message = format!(
                        "the {} goes {depth:.3} mm into fixture {}: keep clear of it",
                        match body {
                            Body::Cutter => "cutter",
                            Body::Shank => "shank",
                            Body::Holder => "holder",
                        },
                        f.name
                    );
                    out.push((n as u32, kind, depth, message));
                }
            }
            out
        })
        .collect();
    for (piece, kind, depth, message) in fixtures.into_iter().flatten() {
        all.push(told(piece, kind, depth, message));
    }
    if !freed.held
        && let Some(loss) = tab_lost(job, asked, stock, freed)
    {
        all.push(loss);
    }
    all.sort_by(|(p, a), (q, b)| {
        (p, a.line, &a.kind).cmp(&(q, b.line, &b.kind)).then(b.depth_mm.total_cmp(&a.depth_mm))
    });
    all.dedup_by(|(q, b), (p, a)| p == q && a.line == b.line && a.kind == b.kind && a.depth_mm > 0.0);
    shorten(all.into_iter().map(|(_, c)| c).collect())
}

fn tab_lost(job: &Job, asked: &Asked, stock: &Stock, freed: &Freed) -> Option<(u16, Collision)> {
    let last = asked.places.last()?;
    let place = match lost_at(stock, freed) {
        Some(piece) => asked.places[asked.pieces[piece as usize].motion as usize],
        None => *last,
    };
    let message =
        "after this block nothing holds the part in its frame: leave tabs to the end of the last program";
    Some((
        place.program,
        Collision {
            program: job.program[place.program as usize].file.clone(),
            line: place.line,
            kind: "tab-lost".into(),
            depth_mm: 0.0,
            message: message.into(),
        },
    ))
}

fn sentence(m: &Meeting, doing: Doing, params: &MillingParams) -> (&'static str, String) {
    let d = m.depth_mm;
    match m.met {
        Met::RapidThroughStock if doing == Doing::DogLeg => (
            "rapid-through-stock",
            format!(
                "a rapid whose axes arrive one after the other goes {d:.3} mm deep through stock: lift first"
            ),
        ),
        Met::RapidThroughStock => (
            "rapid-through-stock",
            format!("a rapid goes {d:.3} mm deep through stock: lift first or cut at feed"),
        ),
        Met::ProbeTouch => (
            "probe-touches",
            format!("the probe goes {d:.3} mm into stock on a move that is no probe move: lift it first"),
        ),
        Met::AboveFlutes => (
            "cutting-above-flutes",
            format!(
                "stock stands {d:.3} mm above the flutes where the tool enters it: cut in steps or take longer flutes"
            ),
        ),
        Met::Shank => {
            ("shank", format!("the shank goes {d:.3} mm into stock: clear more or take a longer neck"))
        }
        Met::Holder => (
            "holder",
            format!("the holder goes {d:.3} mm into stock: clear more or stick the tool out farther"),
        ),
        Met::Plunge => (
            "plunge-full-width",
            format!(
                "the cutter goes straight down {d:.3} mm into solid stock (limit {} mm): ramp or enter by a helix",
                params.plunge_depth_mm_max
            ),
        ),
    }
}

//! Faults planted in real programs: does the judge catch what a brute-force sampler finds harmful, and name the block?
//!
//! The programs are those that the shipped tables make of a plate of 25 mm (`faults/part.rs`). `faults/plant.rs` edits
//! their text; the judge mills and inspects that text alone, `faults/sampler.rs` walks it by brute force. Ten faults
//! here; the whole table in `tests/long.sh`, written to `docs/faults.md`.

#[path = "faults/part.rs"]
mod part;
#[path = "faults/plant.rs"]
mod plant;
#[path = "faults/reader.rs"]
mod reader;
#[path = "faults/sampler.rs"]
mod sampler;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::OnceLock;
use std::time::Instant;

use osteomill::geometry::random::Random;
use part::{Said, judge, made};
use plant::{KINDS, Planted, Sound};
use sampler::Sampler;

/// A block this near to the planted one counts as that place.
const NEAR_BLOCKS: u32 = 3;

fn sampler() -> &'static Sampler {
    static SAMPLER: OnceLock<Sampler> = OnceLock::new();
    SAMPLER.get_or_init(|| {
        let made = made();
        Sampler::new(&made.design, &made.programs, &made.job)
    })
}

/// What became of one fault.
#[derive(Clone, Debug)]
struct Row {
    kind: usize,
    harmful: bool,
    caught: bool,
    /// One of the blocks that the reasons name is the planted one, or within three of it.
    near: bool,
    /// One of them moves otherwise than in the sound programs, or has a word that is refused.
    changed: bool,
    words: String,
}

/// The places of a kind, all different; fewer than `count` where there are no more.
fn places(kind: usize, count: usize) -> Vec<Planted> {
    let made = made();
    let mut out: Vec<Planted> = Vec::new();
    let mut seen = BTreeSet::new();
    for draw in 0..20 * count as u64 {
        let random = Random::new(1 + draw + 1_000_003 * kind as u64);
        let mut sound = Sound { programs: &made.programs, job: &made.job, random };
        let Some(planted) = KINDS[kind].1(&mut sound) else { continue };
        let same = planted.job == made.job && planted.programs == made.programs;
        if !same && seen.insert((planted.program, planted.line, planted.what.clone())) {
            out.push(planted);
            if out.len() == count {
                break;
            }
        }
    }
    out
}

/// The blocks that the reasons of the verdict name: the first fault of the milling, the deepest gouge, the most material
/// left on.
fn named(said: &Said) -> Vec<(String, u32)> {
    let mut out: Vec<(String, u32)> =
        said.collisions.first().map(|c| (c.program.clone(), c.line)).into_iter().collect();
    if let Ok(i) = &said.inspection {
        for gouge in [true, false] {
            let worst = i.facts.surface.worst.iter().find(|w| (w.deviation_mm < 0.0) == gouge);
            out.extend(worst.map(|w| (w.program.clone(), w.line)));
        }
    }
    out
}

fn try_out(kind: usize, planted: &Planted) -> Row {
    let clock = Instant::now();
    let said = judge(&planted.programs, &planted.job);
    let judged = clock.elapsed().as_secs_f64();
    let outcome = sampler().outcome(&planted.programs, &planted.job);
    let sampled = clock.elapsed().as_secs_f64() - judged;
    let file = |p: usize| planted.job.program[p].file.as_str();
    let names = named(&said);
    let near = names
        .iter()
        .any(|(p, line)| p == file(planted.program) && line.abs_diff(planted.line) <= NEAR_BLOCKS);
    let changed: BTreeSet<(&str, u32)> = outcome.changed.iter().map(|&(p, l)| (file(p), l)).collect();
    let moved = names.iter().any(|(p, l)| changed.contains(&(p.as_str(), *l)));
    let surface = match &said.inspection {
        Ok(i) => {
            let d = &i.facts.surface.deviation_mm;
            format!("{:+.4}..{:+.4} mm {:?}", d.min, d.max, i.facts.reasons.first())
        }
        Err(e) => e.clone(),
    };
    let words = format!(
        "{} line {}: {} | {} | {} faults {:?} | {surface} | named {names:?} | {judged:.1} s {sampled:.1} s",
        file(planted.program),
        planted.line,
        planted.what,
        outcome.harm.as_deref().unwrap_or("harmless"),
        said.collisions.len(),
        said.collisions.first().map(|c| (&c.kind, c.line)),
    );
    Row {
        kind,
        harmful: outcome.harm.is_some(),
        caught: !said.accepted,
        near,
        changed: moved,
        words: words.replace(['\t', '\n'], " "),
    }
}

impl Row {
    fn write(&self, n: usize) -> String {
        let flags = [self.harmful, self.caught, self.near, self.changed].map(|f| if f { "1" } else { "0" });
        format!("{}\t{n}\t{}\t{}", KINDS[self.kind].0, flags.join("\t"), self.words)
    }

    fn read(line: &str) -> Option<(usize, usize, Self)> {
        let f: Vec<&str> = line.split('\t').collect();
        let kind = KINDS.iter().position(|k| Some(&k.0) == f.first())?;
        let flag = |k: usize| f.get(k).map(|f| *f == "1");
        let row = Self {
            kind,
            harmful: flag(2)?,
            caught: flag(3)?,
            near: flag(4)?,
            changed: flag(5)?,
            words: (*f.get(6)?).to_owned(),
        };
        Some((kind, f[1].parse().ok()?, row))
    }
}

/// Kind, planted, harmful, caught, named, and what the judge refuses beyond that.
fn table(rows: &[Row]) -> String {
    let mut out = String::from(
        "| kind | planted | harmful | caught | named, ≤ 3 blocks | named, a block it moved | harmless | of these refused |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    let mut line = |name: &str, of: &dyn Fn(&Row) -> bool| {
        let count = |want: &dyn Fn(&Row) -> bool| rows.iter().filter(|r| of(r) && want(r)).count();
        let _ = writeln!(
            out,
            "| {name} | {} | {} | {} | {} | {} | {} | {} |",
            count(&|_| true),
            count(&|r| r.harmful),
            count(&|r| r.harmful && r.caught),
            count(&|r| r.harmful && r.caught && r.near),
            count(&|r| r.harmful && r.caught && (r.near || r.changed)),
            count(&|r| !r.harmful),
            count(&|r| !r.harmful && r.caught),
        );
    };
    for (k, (name, _)) in KINDS.iter().enumerate() {
        line(name, &|r| r.kind == k);
    }
    line("**all**", &|_| true);
    out
}

/// Fails with every harmful fault that was missed or whose place was not named.
fn hold(rows: &[Row]) {
    let bad: Vec<String> = rows
        .iter()
        .filter(|r| r.harmful && !(r.caught && (r.near || r.changed)))
        .map(|r| format!("{}: {}", if r.caught { "not named" } else { "MISSED" }, r.words))
        .collect();
    assert!(bad.is_empty(), "{} of {}:\n{}", bad.len(), rows.len(), bad.join("\n"));
}

#[test]
fn the_sound_job_is_accepted_and_the_sampler_agrees() {
    let clock = Instant::now();
    let made = made();
    println!("made in {:.2} s", clock.elapsed().as_secs_f64());
    for p in &made.programs {
        println!("{}: {} lines", p.file, p.text.lines().count());
        if let Ok(folder) = std::env::var("OSTEOMILL_FAULTS_PROGRAMS") {
            std::fs::write(format!("{folder}/{}", p.file), &p.text).expect("writable");
        }
    }
    let clock = Instant::now();
    let said = judge(&made.programs, &made.job);
    println!("judged in {:.2} s: {:?}", clock.elapsed().as_secs_f64(), said.collisions);
    let i = said.inspection.as_ref().expect("inspected");
    println!("{:?} {:?} {:?}", i.facts.verdict, i.facts.reasons, i.facts.surface);
    assert!(said.accepted);
    let clock = Instant::now();
    let s = sampler();
    println!(
        "{} samples, {:+.4} to {:+.4} mm, in {:.2} s",
        s.samples(),
        s.least_mm,
        s.most_mm,
        clock.elapsed().as_secs_f64()
    );
    // What the sampler takes for tabs are tabs: 3.5 mm of half a width, fillets, and the millimetre beside them.
    for p in s.tab_places() {
        let off = made.plan.tabs.iter().map(|t| (p[0] - t.centre.mm[0]).hypot(p[1] - t.centre.mm[1]));
        let off = off.fold(f64::INFINITY, f64::min);
        assert!(off < 7.0, "{p:?} is {off:.1} mm from any tab");
    }
    let clock = Instant::now();
    let harm = s.outcome(&made.programs, &made.job).harm;
    println!("outcome in {:.2} s", clock.elapsed().as_secs_f64());
    assert_eq!(harm, None);
}

/// Kinds of the short table.
const SHORT: [&str; 20] = [
    "line dropped",
    "line twice",
    "ten to two hundred lines lost",
    "sign of X",
    "sign of Y",
    "sign of Z",
    "X + 0.05 mm",
    "Y + 0.05 mm",
    "Z - 0.05 mm",
    "G0 for G1",
    "G1 for G0",
    "lost retract",
    "arc direction",
    "G20 for G21",
    "G91 left on",
    "tool swapped",
    "wrong length offset",
    "feed missing",
    "spindle off",
    "missing flip",
];

#[test]
fn ten_planted_faults_are_caught_and_named_where_they_harm() {
    let mut rows = Vec::new();
    // Every second kind, one place each: a judging takes half a minute of one core here. Fifty of each kind: tests/long.sh.
    for name in SHORT.into_iter().step_by(2) {
        let kind = KINDS.iter().position(|k| k.0 == name).expect("a kind of the table");
        rows.extend(places(kind, 1).iter().map(|p| try_out(kind, p)));
    }
    println!("{}", table(&rows));
    assert_eq!(rows.len(), 10);
    let harmful = rows.iter().filter(|r| r.harmful).count();
    assert!(harmful >= 3, "only {harmful} do harm: the sampler is blind");
    hold(&rows);
}

/// The whole table: `OSTEOMILL_FAULTS_PLACES` of each kind (50). `OSTEOMILL_FAULTS_LOG` names a file that it goes on from,
/// `OSTEOMILL_FAULTS_OUT` the page whose table is replaced (`docs/faults.md`).
#[test]
#[ignore = "an hour or more: tests/long.sh"]
fn every_harmful_fault_is_caught_and_named() {
    let count = std::env::var("OSTEOMILL_FAULTS_PLACES").map_or(50, |n| n.parse().expect("a number"));
    let only = std::env::var("OSTEOMILL_FAULTS_KIND").ok();
    let path = std::env::var("OSTEOMILL_FAULTS_LOG").ok();
    let mut known: BTreeMap<(usize, usize), Row> = BTreeMap::new();
    if let Some(text) = path.as_ref().and_then(|p| std::fs::read_to_string(p).ok()) {
        known.extend(text.lines().filter_map(Row::read).map(|(kind, n, row)| ((kind, n), row)));
    }
    let mut log = path
        .map(|p| std::fs::OpenOptions::new().create(true).append(true).open(p).expect("the log is writable"));
    let planted: Vec<Vec<Planted>> = (0..KINDS.len())
        .map(|k| if only.as_ref().is_some_and(|o| o != KINDS[k].0) { Vec::new() } else { places(k, count) })
        .collect();
    let mut rows = Vec::new();
    // One of each kind after the other, so that a table that was stopped is even.
    for n in 0..count {
        for (kind, planted) in planted.iter().enumerate() {
            let Some(planted) = planted.get(n) else { continue };
            rows.push(known.remove(&(kind, n)).unwrap_or_else(|| {
                let row = try_out(kind, planted);
                if let Some(log) = &mut log {
                    writeln!(log, "{}", row.write(n)).expect("the log is writable");
                }
                if row.harmful && !(row.caught && (row.near || row.changed)) {
                    println!("{}: {}", KINDS[kind].0, row.words);
                }
                row
            }));
        }
    }
    let table = table(&rows);
    println!("{table}");
    if let Ok(out) = std::env::var("OSTEOMILL_FAULTS_OUT") {
        let page = std::fs::read_to_string(&out).expect("the page is there");
        let (head, rest) = page.split_once("<!-- table -->\n").expect("a mark before the table");
        let (_, tail) = rest.split_once("<!-- end of table -->\n").expect("a mark after the table");
        let page = format!("{head}<!-- table -->\n{table}<!-- end of table -->\n{tail}");
        std::fs::write(out, page).expect("the page is writable");
    }
    hold(&rows);
}

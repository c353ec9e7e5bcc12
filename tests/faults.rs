//! Faults planted in real programs: does the judge catch what a brute-force sampler finds harmful, and name the block?
//!
//! The programs are those that the shipped tables make of a plate of 25 mm (`faults/part.rs`). `faults/plant.rs` edits
//! their text; the judge mills and inspects that text alone, `faults/sampler.rs` walks it by brute force. Forty faults
//! here, of every kind at least one; the whole table in `tests/long.sh`, written to `docs/faults.md`.

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
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Instant;

use osteomill::geometry::random::Random;
use osteomill::model::Collision;
use part::{Said, first_refused, judge, made};
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
    judged: bool,
    caught: bool,
    /// One of the blocks that the reasons name is the planted one, or within three of it.
    near: bool,
    /// One of them moves otherwise than in the sound programs, or has a word that is refused.
    changed: bool,
    words: String,
}

/// The fault of this kind that a draw plants; none where the draw finds no place.
fn plant(kind: usize, draw: u64) -> Option<Planted> {
    let made = made();
    let random = Random::new(1 + draw + 1_000_003 * kind as u64);
    let planted = KINDS[kind].1(&mut Sound { programs: &made.programs, job: &made.job, random })?;
    let same = planted.job == made.job && planted.programs == made.programs;
    (!same).then_some(planted)
}

/// Draws that plant a kind at places that are all different; fewer than `count` where there are no more.
fn places(kind: usize, count: usize) -> Vec<u64> {
    // So many draws that find nothing new: nearly all places of the kind are known.
    const IN_VAIN: usize = 100;
    let mut out = Vec::new();
    let mut seen = BTreeSet::new();
    let mut in_vain = 0;
    for draw in 0..20 * count as u64 {
        if out.len() == count || in_vain == IN_VAIN {
            break;
        }
        in_vain += 1;
        if let Some(planted) = plant(kind, draw)
            && seen.insert((planted.program, planted.line, planted.what))
        {
            out.push(draw);
            in_vain = 0;
        }
    }
    out
}

/// The blocks that the reasons of the verdict name: the first fault of the milling, the deepest gouge, the most material
/// left on.
fn named(said: &Said) -> Vec<(String, u32)> {
    let mut out: Vec<(String, u32)> = said.collisions.first().map(block).into_iter().collect();
    if let Ok(i) = &said.inspection {
        for gouge in [true, false] {
            let worst = i.facts.surface.worst.iter().find(|w| (w.deviation_mm < 0.0) == gouge);
            out.extend(worst.map(|w| (w.program.clone(), w.line)));
        }
    }
    out
}

fn block(c: &Collision) -> (String, u32) {
    (c.program.clone(), c.line)
}

/// How far the judge is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    /// Of what harms, until the planted place is named: refused at reading, it is not milled; with a fault of the milling, not
    /// measured. Rejected it is then anyway, and its first fault can only lie nearer to the planted place.
    OfHarm,
    /// So far, whether it harms or not.
    UntilNamed,
    Everything,
}

fn try_out(kind: usize, planted: &Planted, ask: Ask) -> Row {
    let file = |p: usize| planted.job.program[p].file.as_str();
    let is_near = |(program, line): &(String, u32)| {
        program == file(planted.program) && line.abs_diff(planted.line) <= NEAR_BLOCKS
    };
    let clock = Instant::now();
    let outcome = sampler().outcome(&planted.programs, &planted.job);
    let sampled = clock.elapsed().as_secs_f64();
    let (harmful, mut names, mut said) = (outcome.harm.is_some(), Vec::new(), None);
    if harmful || ask != Ask::OfHarm {
        let short = ask != Ask::Everything;
        let refused = first_refused(&planted.programs, &planted.job).filter(|b| short && is_near(b));
        let now = match refused {
            Some(b) => {
                names.push(b);
                Said::rejected(Vec::new(), "refused at reading")
            }
            None => judge(&planted.programs, &planted.job, |faults| {
                short && faults.first().map(block).is_some_and(|b| is_near(&b))
            }),
        };
        names.extend(named(&now));
        said = Some(now);
    }
    let judged = clock.elapsed().as_secs_f64() - sampled;
    let changed: BTreeSet<(&str, u32)> = outcome.changed.iter().map(|&(p, l)| (file(p), l)).collect();
    let moved = names.iter().any(|(p, l)| changed.contains(&(p.as_str(), *l)));
    let verdict = said.as_ref().map_or_else(
        || "not judged".to_owned(),
        |said| {
            let first = said.collisions.first().map(|c| (&c.kind, c.line));
            let surface = match &said.inspection {
                Ok(i) => {
                    let (d, clear) = (&i.facts.surface.deviation_mm, &i.facts.surface.clear_of_tabs_mm);
                    let um = |min: f64, max: f64| format!("{:+.2}..{:+.2}", 1e3 * min, 1e3 * max);
                    format!(
                        "{} um, clear of tabs {}, {:.2} hidden {:?}",
                        um(d.min, d.max),
                        um(clear.min, clear.max),
                        1e3 * i.facts.surface.between_samples_mm,
                        i.facts.reasons.first()
                    )
                }
                Err(e) => e.clone(),
            };
            format!("{} faults {first:?} | {surface}", said.collisions.len())
        },
    );
    let words = format!(
        "{} line {}: {} | {} | {verdict} | named {names:?} | {judged:.1} s {sampled:.1} s",
        file(planted.program),
        planted.line,
        planted.what,
        outcome.harm.as_deref().unwrap_or("harmless"),
    );
    Row {
        kind,
        harmful,
        judged: said.is_some(),
        caught: said.is_some_and(|s| !s.accepted),
        near: names.iter().any(is_near),
        changed: moved,
        words: words.replace(['\t', '\n'], " "),
    }
}

/// `work` on every item, two at a time, each on one thread; `done` is told of each as it comes.
fn two_at_a_time<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
    done: impl FnMut(&T, R) + Send,
) {
    // Made on all cores, before the workers wait for it.
    sampler();
    let (next, done) = (AtomicUsize::new(0), Mutex::new(done));
    let worker = || {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            let result = pool.install(|| work(item));
            (done.lock().expect("no worker failed"))(item, result);
        }
    };
    std::thread::scope(|s| (0..2).for_each(|_| drop(s.spawn(worker))));
}

impl Row {
    /// Where cuts are lost their blocks stand in no text any more: the reasons name the nearest one that is left.
    fn names_a_block(&self) -> bool {
        self.near || self.changed || !self.words.contains("| named [] |")
    }

    fn write(&self, n: usize) -> String {
        let flags = [self.harmful, self.judged, self.caught, self.near, self.changed]
            .map(|f| if f { "1" } else { "0" });
        format!("{}\t{n}\t{}\t{}", KINDS[self.kind].0, flags.join("\t"), self.words)
    }

    fn read(line: &str) -> Option<(usize, usize, Self)> {
        let f: Vec<&str> = line.split('\t').collect();
        let kind = KINDS.iter().position(|k| Some(&k.0) == f.first())?;
        let flag = |k: usize| f.get(k).map(|f| *f == "1");
        let row = Self {
            kind,
            harmful: flag(2)?,
            judged: flag(3)?,
            caught: flag(4)?,
            near: flag(5)?,
            changed: flag(6)?,
            words: (*f.get(7)?).to_owned(),
        };
        Some((kind, f[1].parse().ok()?, row))
    }
}

/// Kind, planted, harmful, caught, named, and what the judge refuses beyond that.
fn table(rows: &[Row]) -> String {
    let mut out = String::from(
        "| kind | planted | harmful | caught | named, ≤ 3 blocks | or a block it moved | or the nearest one left | harmless | of these judged | refused |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    let mut line = |name: &str, of: &dyn Fn(&Row) -> bool| {
        let count = |want: &dyn Fn(&Row) -> bool| rows.iter().filter(|r| of(r) && want(r)).count();
        let _ = writeln!(
            out,
            "| {name} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            count(&|_| true),
            count(&|r| r.harmful),
            count(&|r| r.harmful && r.caught),
            count(&|r| r.harmful && r.caught && r.near),
            count(&|r| r.harmful && r.caught && (r.near || r.changed)),
            count(&|r| r.harmful && r.caught && r.names_a_block()),
            count(&|r| !r.harmful),
            count(&|r| !r.harmful && r.judged),
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
        .filter(|r| r.harmful && !(r.caught && r.names_a_block()))
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
    let said = judge(&made.programs, &made.job, |_| false);
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

#[test]
fn forty_planted_faults_are_caught_and_named_where_they_harm() {
    // Of each kind its first place, and the second one of a kind that is told by two words.
    let mut items: Vec<(usize, u64)> = (0..KINDS.len()).map(|k| (k, places(k, 1)[0])).collect();
    let flip = KINDS.iter().position(|k| k.0 == "missing flip").expect("a kind of the table");
    items.push((flip, places(flip, 2)[1]));
    assert_eq!(items.len(), 40);
    let mut rows = Vec::new();
    let work = |&(kind, draw): &(usize, u64)| {
        let planted = plant(kind, draw).expect("drawn before");
        // Of some also what a look at everything says: the shorter ways may change nothing.
        if LOOKED_AT_WHOLE.contains(&KINDS[kind].0) {
            // Every motion walked anew takes five seconds: of two kinds.
            if LOOKED_AT_WHOLE[..2].contains(&KINDS[kind].0) {
                let [short, whole] = sampler().both_ways(&planted.programs, &planted.job);
                assert_eq!(short, whole, "{}: what the sampler keeps of the sound programs", KINDS[kind].0);
            }
            let [short, whole] = [Ask::UntilNamed, Ask::Everything].map(|ask| try_out(kind, &planted, ask));
            let flags = |r: &Row| (r.harmful, r.caught, r.near, r.near || r.changed);
            assert_eq!(flags(&short), flags(&whole), "{} against {}", short.words, whole.words);
            return whole;
        }
        try_out(kind, &planted, Ask::UntilNamed)
    };
    two_at_a_time(&items, work, |_, row| rows.push(row));
    rows.sort_by_key(|r| r.kind);
    println!("{}", table(&rows));
    for r in &rows {
        println!("{}: {}", KINDS[r.kind].0, r.words);
    }
    let harmful = rows.iter().filter(|r| r.harmful).count();
    assert!(harmful >= 20, "only {harmful} do harm: the sampler is blind");
    hold(&rows);
}

/// Motions gone, motions moved, a word refused, a rapid through stock, another tool.
const LOOKED_AT_WHOLE: [&str; 5] =
    ["ten to two hundred lines lost", "Z - 0.05 mm", "letter garbled", "lost retract", "tool swapped"];

/// Places of each kind that are judged whether they harm or not.
const JUDGED_ANYWAY: usize = 5;

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
    let kinds: Vec<usize> =
        (0..KINDS.len()).filter(|&k| only.as_ref().is_none_or(|o| o == KINDS[k].0)).collect();
    let mut draws: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    two_at_a_time(&kinds, |&k| places(k, count), |&k, of_kind| drop(draws.insert(k, of_kind)));
    // One of each kind after the other, so that a table that was stopped is even.
    let all = (0..count).flat_map(|n| draws.iter().filter_map(move |(&k, of)| Some((k, n, *of.get(n)?))));
    let (old, new): (Vec<_>, Vec<_>) = all.partition(|&(k, n, _)| known.contains_key(&(k, n)));
    let mut rows: Vec<Row> = old.iter().filter_map(|&(k, n, _)| known.remove(&(k, n))).collect();
    let work = |&(kind, n, draw): &(usize, usize, u64)| {
        let ask = if n < JUDGED_ANYWAY { Ask::UntilNamed } else { Ask::OfHarm };
        try_out(kind, &plant(kind, draw).expect("drawn before"), ask)
    };
    two_at_a_time(&new, work, |&(kind, n, _), row| {
        if let Some(log) = &mut log {
            writeln!(log, "{}", row.write(n)).expect("the log is writable");
        }
        if row.harmful && !(row.caught && row.names_a_block()) {
            println!("{}: {}", KINDS[kind].0, row.words);
        }
        rows.push(row);
    });
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

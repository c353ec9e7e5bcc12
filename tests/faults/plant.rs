//! Faults, planted in the programs' text at seeded places.
//!
//! Every kind edits text only, but for a flip that is missed: there the job's pose is that of the other side, which is
//! how a planner forgets it; forgotten on the machine it is not to be seen in any text.

use osteomill::geometry::random::Random;
use osteomill::milling::ProgramText;
use osteomill::model::Job;

/// A job with one fault in it.
pub struct Planted {
    pub programs: Vec<ProgramText>,
    pub job: Job,
    /// Index of the program, and the line of the edited text where the fault stands (the one after it where lines are
    /// gone).
    pub program: usize,
    pub line: u32,
    /// What was done.
    pub what: String,
}

/// A kind of fault: its name, and a function that plants it or says that this draw has no such place.
pub type Kind = (&'static str, fn(&mut Sound) -> Option<Planted>);

/// The sound job, and where the seed stands.
pub struct Sound<'a> {
    pub programs: &'a [ProgramText],
    pub job: &'a Job,
    pub random: Random,
}

/// In the order of the table.
pub const KINDS: &[Kind] = &[
    ("line dropped", |s| s.lines(is_motion, |_, l| l.clear(), "dropped")),
    ("line twice", |s| s.lines(is_motion, |_, l| l.push(l[0].clone()), "twice")),
    ("two lines swapped", swapped),
    ("ten to two hundred lines lost", lost),
    ("program cut short", cut_short),
    ("sign of X", |s| s.value("X", |_, v| -v)),
    ("sign of Y", |s| s.value("Y", |_, v| -v)),
    ("sign of Z", |s| s.value("Z", |_, v| -v)),
    ("X + 0.05 mm", |s| s.value("X", |_, v| v + 0.05)),
    ("Y + 0.05 mm", |s| s.value("Y", |_, v| v + 0.05)),
    ("Z + 0.05 mm", |s| s.value("Z", |_, v| v + 0.05)),
    ("Z - 0.05 mm", |s| s.value("Z", |_, v| v - 0.05)),
    ("decimal point slipped", |s| s.value("XYZ", |_, v| v / 10.0)),
    ("two digits swapped", digits),
    ("axis word lost", axis_lost),
    ("axis letters swapped", letters),
    ("letter garbled", garbled),
    ("G0 for G1", |s| s.word("G1", "G0")),
    ("G1 for G0", |s| s.word("G0", "G1")),
    ("lost retract", retract),
    ("arc direction", |s| if s.random.unit() < 0.5 { s.word("G2", "G3") } else { s.word("G3", "G2") }),
    ("arc centre + 0.5 mm", |s| s.value("IJ", |_, v| v + 0.5)),
    ("sign of arc centre", |s| s.value("IJ", |_, v| -v)),
    ("wrong plane", |s| s.before(is_motion, "G18")),
    ("G20 for G21", |s| s.before(is_motion, "G20")),
    ("G91 left on", |s| s.before(is_motion, "G91")),
    ("wrong work offset", |s| {
        let g = 54 + (s.random.bits() % 6) as u32;
        (!s.job.program.iter().any(|p| p.work_offset == format!("G{g}")))
            .then(|| s.before(is_motion, &format!("G{g}")))
            .flatten()
    }),
    ("tool swapped", tool),
    ("tool change lost", |s| s.lines(|l| has(l, "M6"), |_, l| l.clear(), "dropped")),
    ("wrong length offset", length),
    ("length offset missing", |s| {
        if s.random.unit() < 0.5 {
            s.lines(|l| has(l, "G43"), |_, l| l.clear(), "dropped")
        } else {
            s.before(is_motion, "G49")
        }
    }),
    ("feed missing", |s| {
        s.lines(|l| value(l, 'F').is_some(), |_, l| l[0] = without(&l[0], 'F'), "F taken out")
    }),
    ("F x 10", |s| s.value("F", |_, v| v * 10.0)),
    ("spindle off", |s| {
        if s.random.unit() < 0.3 {
            s.lines(|l| has(l, "M3"), |_, l| l.clear(), "dropped")
        } else {
            s.before(is_motion, "M5")
        }
    }),
    ("spindle backwards", |s| s.word("M3", "M4")),
    ("S / 10", |s| s.value("S", |_, v| v / 10.0)),
    ("hole's depth + 1 mm", |s| s.cycle('Z', 1.0)),
    ("programs swapped", programs_swapped),
    ("missing flip", flip),
];

/// Words of a block, as text.
fn tokens(line: &str) -> Vec<&str> {
    if line.starts_with('(') { Vec::new() } else { line.split_whitespace().collect() }
}

fn has(line: &str, word: &str) -> bool {
    tokens(line).contains(&word)
}

fn value(line: &str, letter: char) -> Option<f64> {
    tokens(line).iter().find_map(|t| t.strip_prefix(letter)?.parse().ok())
}

fn without(line: &str, letter: char) -> String {
    tokens(line).into_iter().filter(|t| !t.starts_with(letter)).collect::<Vec<_>>().join(" ")
}

fn with(line: &str, letter: char, v: f64) -> String {
    let word = format!("{letter}{}", number(v));
    let words = tokens(line).into_iter().map(|t| if t.starts_with(letter) { word.as_str() } else { t });
    words.collect::<Vec<_>>().join(" ")
}

/// As the post writes numbers: four decimals at most, always a point.
fn number(v: f64) -> String {
    let text = format!("{v:.4}");
    text.trim_end_matches('0').to_owned()
}

fn is_motion(line: &str) -> bool {
    "XYZ".chars().any(|c| value(line, c).is_some())
}

impl Sound<'_> {
    fn pick(&mut self, n: usize) -> usize {
        (self.random.bits() % n as u64) as usize
    }

    /// A line of some program that satisfies `want`; three times of four in a finishing operation, where there is one.
    fn place(&mut self, want: impl Fn(&str) -> bool) -> Option<(usize, usize)> {
        let (mut all, mut finishing) = (Vec::new(), Vec::new());
        for (p, program) in self.programs.iter().enumerate() {
            let mut finish = false;
            for (n, line) in program.text.lines().enumerate() {
                if line.starts_with('(') {
                    finish = line.starts_with("(finish") || line.starts_with("(holes");
                }
                if want(line) {
                    all.push((p, n));
                    if finish {
                        finishing.push((p, n));
                    }
                }
            }
        }
        let anywhere = self.random.unit() < 0.25 || finishing.is_empty();
        let from = if anywhere { all } else { finishing };
        (!from.is_empty()).then(|| {
            let at = self.pick(from.len());
            from[at]
        })
    }

    /// The programs with lines `at .. at + count` of program `p` put through `edit`.
    fn edited(&self, p: usize, at: usize, count: usize, edit: impl FnOnce(&mut Vec<String>)) -> Planted {
        let mut programs = self.programs.to_vec();
        let mut lines: Vec<String> = programs[p].text.lines().map(str::to_owned).collect();
        let mut some: Vec<String> = lines[at..at + count].to_vec();
        let before = some.join(" / ");
        edit(&mut some);
        let short = |t: String| if t.len() > 60 { format!("{} ...", &t[..60]) } else { t };
        let what = format!("`{}` -> `{}`", short(before), short(some.join(" / ")));
        lines.splice(at..at + count, some);
        programs[p].text = lines.join("\n") + "\n";
        Planted { programs, job: self.job.clone(), program: p, line: at as u32 + 1, what }
    }

    fn lines(
        &mut self,
        want: impl Fn(&str) -> bool,
        edit: impl FnOnce(&mut Random, &mut Vec<String>),
        _how: &str,
    ) -> Option<Planted> {
        let (p, at) = self.place(want)?;
        let mut random = self.random.clone();
        Some(self.edited(p, at, 1, |l| edit(&mut random, l)))
    }

    /// One word for another.
    fn word(&mut self, from: &'static str, to: &'static str) -> Option<Planted> {
        let (p, at) = self.place(|l| has(l, from) && (is_motion(l) || from.starts_with('M')))?;
        Some(self.edited(p, at, 1, |l| {
            l[0] =
                tokens(&l[0]).iter().map(|t| if *t == from { to } else { t }).collect::<Vec<_>>().join(" ");
        }))
    }

    /// A block put in before another.
    fn before(&mut self, want: impl Fn(&str) -> bool, block: &str) -> Option<Planted> {
        let (p, at) = self.place(want)?;
        Some(self.edited(p, at, 1, |l| l.insert(0, block.to_owned())))
    }

    /// Another value for one of these letters.
    fn value(&mut self, letters: &str, change: impl Fn(&mut Random, f64) -> f64) -> Option<Planted> {
        let choice: Vec<char> = letters.chars().collect();
        let letter = choice[self.pick(choice.len())];
        let (p, at) = self.place(|l| value(l, letter).is_some_and(|v| v != 0.0))?;
        let mut random = self.random.clone();
        let v = value(self.programs[p].text.lines().nth(at)?, letter)?;
        let new = change(&mut random, v);
        Some(self.edited(p, at, 1, |l| l[0] = with(&l[0], letter, new)))
    }

    fn cycle(&mut self, letter: char, more: f64) -> Option<Planted> {
        let sign = if self.random.unit() < 0.5 { 1.0 } else { -1.0 };
        let (p, at) = self.place(|l| has(l, "G83") || has(l, "G81"))?;
        let more = sign * more * (0.5 + self.random.unit());
        Some(self.edited(p, at, 1, |l| {
            let v = value(&l[0], letter).expect("a cycle has a depth");
            l[0] = with(&l[0], letter, v + more);
        }))
    }
}

fn swapped(s: &mut Sound) -> Option<Planted> {
    let (p, at) = s.place(is_motion)?;
    let next = s.programs[p].text.lines().nth(at + 1)?;
    is_motion(next).then(|| s.edited(p, at, 2, |l| l.swap(0, 1)))
}

fn lost(s: &mut Sound) -> Option<Planted> {
    let (p, at) = s.place(is_motion)?;
    let count = 10 + s.pick(190);
    // Within one operation: a lost tool change is another kind.
    let whole = s.programs[p].text.lines().skip(at).take(count).all(is_motion);
    (whole && s.programs[p].text.lines().count() > at + count).then(|| s.edited(p, at, count, Vec::clear))
}

fn cut_short(s: &mut Sound) -> Option<Planted> {
    let (p, at) = s.place(is_motion)?;
    let count = s.programs[p].text.lines().count() - at;
    let end = s.random.unit() < 0.5;
    Some(s.edited(p, at, count, |l| {
        l.clear();
        // Half of them with a proper end, as an operation that was left out has.
        if end {
            l.extend(["G0 Z10.", "M5", "M9", "M30"].map(str::to_owned));
        }
    }))
}

fn digits(s: &mut Sound) -> Option<Planted> {
    let letter = ['X', 'Y', 'Z'][s.pick(3)];
    let (p, at) = s.place(|l| value(l, letter).is_some())?;
    let line = s.programs[p].text.lines().nth(at)?;
    let word = tokens(line).into_iter().find(|t| t.starts_with(letter))?.to_owned();
    let figures: Vec<usize> = word.char_indices().filter(|c| c.1.is_ascii_digit()).map(|c| c.0).collect();
    if figures.len() < 2 {
        return None;
    }
    let k = s.pick(figures.len() - 1);
    let mut bytes = word.clone().into_bytes();
    bytes.swap(figures[k], figures[k + 1]);
    let new = String::from_utf8(bytes).expect("digits");
    (new != word).then(|| s.edited(p, at, 1, |l| l[0] = l[0].replace(&word, &new)))
}

fn axis_lost(s: &mut Sound) -> Option<Planted> {
    let letter = ['X', 'Y', 'Z'][s.pick(3)];
    let (p, at) = s.place(|l| value(l, letter).is_some() && tokens(l).len() > 1)?;
    Some(s.edited(p, at, 1, |l| l[0] = without(&l[0], letter)))
}

fn letters(s: &mut Sound) -> Option<Planted> {
    let (a, b) = [('X', 'Y'), ('Y', 'Z'), ('X', 'Z')][s.pick(3)];
    let (p, at) = s.place(|l| value(l, a).is_some() && value(l, b).is_some())?;
    Some(s.edited(p, at, 1, |l| {
        let swap = |c: char| {
            if c == a {
                b
            } else if c == b {
                a
            } else {
                c
            }
        };
        l[0] = l[0].chars().map(swap).collect();
    }))
}

fn garbled(s: &mut Sound) -> Option<Planted> {
    let (p, at) = s.place(is_motion)?;
    let letter = ['B', 'D', 'L', 'O', '$', '#'][s.pick(6)];
    Some(s.edited(p, at, 1, |l| {
        let first = l[0].find(['X', 'Y', 'Z']).expect("a motion has an axis");
        l[0].replace_range(first..=first, &letter.to_string());
    }))
}

/// A rapid to the clearance height, or a rapid straight up, left out.
fn retract(s: &mut Sound) -> Option<Planted> {
    let mut ups = Vec::new();
    for (p, program) in s.programs.iter().enumerate() {
        let (mut rapid, mut z) = (false, f64::INFINITY);
        for (n, l) in program.text.lines().enumerate() {
            for t in tokens(l) {
                match t {
                    "G0" => rapid = true,
                    "G1" | "G2" | "G3" | "G81" | "G83" => rapid = false,
                    _ => {}
                }
            }
            if let Some(to) = value(l, 'Z').filter(|_| is_motion(l)) {
                if rapid && to > z {
                    ups.push((p, n));
                }
                z = to;
            }
        }
    }
    let (p, at) = *ups.get(s.pick(ups.len().max(1)))?;
    // The motion word stays, so that what follows is still a rapid.
    Some(s.edited(p, at, 1, |l| l[0] = without(&l[0], 'Z')))
}

fn other_tool(s: &mut Sound, than: f64) -> f64 {
    let others: Vec<u32> = s.job.tool.iter().map(|t| t.number).filter(|n| f64::from(*n) != than).collect();
    f64::from(others[s.pick(others.len())])
}

/// Another tool and its own length: the magazine is loaded or the operation posted wrongly.
fn tool(s: &mut Sound) -> Option<Planted> {
    let (p, at) = s.place(|l| has(l, "M6"))?;
    let t = value(s.programs[p].text.lines().nth(at)?, 'T')?;
    let new = other_tool(s, t);
    Some(s.edited(p, at, 2, |l| {
        l[0] = format!("T{new} M6");
        l[1] = format!("G43 H{new}");
    }))
}

fn length(s: &mut Sound) -> Option<Planted> {
    let (p, at) = s.place(|l| has(l, "G43"))?;
    let h = value(s.programs[p].text.lines().nth(at)?, 'H')?;
    let new = other_tool(s, h);
    Some(s.edited(p, at, 1, |l| l[0] = format!("G43 H{new}")))
}

/// One file under the other's name, with the offset it must have there.
fn programs_swapped(s: &mut Sound) -> Option<Planted> {
    let mut out = s.edited(0, 0, 1, |_| {});
    let (a, b) = (s.programs[0].text.clone(), s.programs[1].text.clone());
    match s.pick(3) {
        0 => (out.programs[0].text, out.programs[1].text) = (b, a),
        1 => out.programs[0].text = b,
        _ => {
            out.programs[1].text = a;
            out.program = 1;
        }
    }
    out.what = "one program in the other's place".into();
    Some(out)
}

/// The blank is not turned over: a program with the other side's pose, or one operation in the other side's frame.
fn flip(s: &mut Sound) -> Option<Planted> {
    let mut out = s.edited(0, 0, 1, |_| {});
    let k = s.pick(4);
    if k < 2 {
        out.job.program[k].part_from_work = s.job.program[1 - k].part_from_work;
        out.program = k;
        out.what = format!("program {k} at the pose of the other");
        return Some(out);
    }
    // Turned about x: y and, in the work frame, the height above the middle of the blank change sign; the operation as it
    // would stand had nobody turned the blank has y mirrored.
    let p = s.pick(2);
    let lines: Vec<&str> = s.programs[p].text.lines().collect();
    let starts: Vec<usize> = (0..lines.len()).filter(|&n| has(lines[n], "M6")).collect();
    let start = starts[s.pick(starts.len())];
    let end = starts.iter().copied().find(|&n| n > start).unwrap_or(lines.len());
    let mut out = s.edited(p, start, end - start, |l| {
        for line in l {
            for letter in ['Y', 'J'] {
                if let Some(v) = value(line, letter) {
                    *line = with(line, letter, -v);
                }
            }
            // Arcs turn the other way in a mirror.
            *line = tokens_kept(line, |t| match t {
                "G2" => "G3",
                "G3" => "G2",
                other => other,
            });
        }
    });
    out.what = format!("operation at line {start} with y mirrored");
    Some(out)
}

fn tokens_kept(line: &str, map: impl Fn(&str) -> &str) -> String {
    if line.starts_with('(') {
        return line.to_owned();
    }
    line.split_whitespace().map(map).collect::<Vec<_>>().join(" ")
}

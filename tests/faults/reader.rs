//! The sampler's own reader: only the words that the programs are posted in.
//!
//! Nothing is shared with `milling`. Motions come out as polylines of the tip in the work frame, mm; an arc is walked
//! in steps of 1° at most and 0.05 mm. What a control refuses, or no machinist lets pass, is told with its line.

use std::collections::BTreeMap;

use osteomill::model::{Job, JobProgram};

/// One motion of one line; a cycle makes several.
#[derive(Clone, Debug, PartialEq)]
pub struct Motion {
    pub line: u32,
    pub rapid: bool,
    pub tool: u32,
    /// Work frame, mm.
    pub places: Vec<[f64; 3]>,
}

/// What one program asks for.
#[derive(Clone, Debug, Default)]
pub struct Read {
    pub motions: Vec<Motion>,
    /// Line and why.
    pub refused: Vec<(u32, String)>,
}

/// LinuxCNC lets the ends of an arc differ in radius by this; beyond it no arc is meant.
const ARC_RADIUS_MM: f64 = 0.1;

struct Control<'a> {
    job: &'a Job,
    entry: &'a JobProgram,
    out: Read,
    line: u32,
    at: [f64; 3],
    motion: i64,
    plane: i64,
    incremental: bool,
    inch: bool,
    feed: f64,
    speed: f64,
    spindle: i64,
    offset: String,
    length: u32,
    selected: u32,
    tool: u32,
    ended: bool,
    /// Z, R, Q of a cycle, and the height before it.
    cycle: [Option<f64>; 3],
    before_cycle: f64,
}

/// Reads `text` as the program of `entry`.
pub fn read(text: &str, entry: &JobProgram, job: &Job) -> Read {
    let mut c = Control {
        job,
        entry,
        out: Read::default(),
        line: 0,
        at: entry.work_zero_machine_mm.map(|z| -z),
        motion: -1,
        plane: 17,
        incremental: false,
        inch: false,
        feed: 0.0,
        speed: 0.0,
        spindle: 5,
        offset: String::new(),
        length: 0,
        selected: 0,
        tool: 0,
        ended: false,
        cycle: [None; 3],
        before_cycle: 0.0,
    };
    for line in text.lines() {
        c.line += 1;
        match words(line) {
            Some(words) => {
                if !c.block(&words) {
                    return c.out;
                }
            }
            None => {
                c.refuse("no word".into());
                return c.out;
            }
        }
        if c.ended {
            return c.out;
        }
    }
    c.refuse("no end of program".into());
    c.out
}

/// Letters and numbers; `None` where something is neither.
fn words(line: &str) -> Option<Vec<(char, f64)>> {
    let mut rest = line.trim();
    let mut out = Vec::new();
    while let Some(c) = rest.chars().next() {
        if c.is_whitespace() {
            rest = &rest[1..];
        } else if c == '(' {
            rest = &rest[rest.find(')')? + 1..];
        } else if c.is_ascii_uppercase() {
            let end = rest[1..].find(|d: char| !d.is_ascii_digit() && !"+-.".contains(d));
            let end = end.map_or(rest.len(), |e| e + 1);
            out.push((c, rest[1..end].parse().ok()?));
            rest = &rest[end..];
        } else {
            return None;
        }
    }
    Some(out)
}

impl Control<'_> {
    fn refuse(&mut self, why: String) {
        self.out.refused.push((self.line, why));
    }

    /// False where the rest has no meaning any more.
    fn block(&mut self, words: &[(char, f64)]) -> bool {
        let mut v: BTreeMap<char, f64> = BTreeMap::new();
        let (mut g, mut m) = (Vec::new(), Vec::new());
        for &(letter, value) in words {
            match letter {
                'G' => g.push(value as i64),
                'M' => m.push(value as i64),
                'F' | 'H' | 'I' | 'J' | 'K' | 'Q' | 'R' | 'S' | 'T' | 'X' | 'Y' | 'Z' => {
                    if v.insert(letter, value).is_some() {
                        self.refuse(format!("{letter} twice"));
                        return false;
                    }
                }
                _ => {
                    self.refuse(format!("{letter} is no word here"));
                    return false;
                }
            }
        }
        let groups: [&[i64]; 4] = [&[0, 1, 2, 3, 80, 81, 83], &[17, 18, 19], &[20, 21], &[90, 91]];
        if groups.iter().any(|group| g.iter().filter(|c| group.contains(c)).count() > 1) {
            self.refuse("codes that exclude each other".into());
            return false;
        }
        for &code in &g {
            match code {
                0..=3 | 81 | 83 => {
                    if self.motion < 80 && code >= 80 {
                        self.before_cycle = self.at[2];
                        self.cycle = [None; 3];
                    }
                    self.motion = code;
                }
                17..=19 => self.plane = code,
                20 | 21 => self.inch = code == 20,
                43 => self.length = v.get(&'H').map_or(self.tool, |h| *h as u32),
                49 => self.length = 0,
                54..=59 => self.offset = format!("G{code}"),
                80 => self.motion = -1,
                90 | 91 => self.incremental = code == 91,
                40 | 61 | 94 | 98 => {}
                _ => {
                    self.refuse(format!("G{code}"));
                    return false;
                }
            }
        }
        let unit = if self.inch { 25.4 } else { 1.0 };
        if let Some(f) = v.get(&'F') {
            self.feed = f * unit;
            if self.feed > self.job.machine.feed_mm_per_min_max {
                self.refuse(format!("F{f} is beyond the machine"));
            }
        }
        if let Some(&s) = v.get(&'S') {
            self.speed = s;
            if s > self.job.machine.spindle_rpm_max || s < self.job.machine.spindle_rpm_min {
                self.refuse(format!("S{s} is beyond the machine"));
            }
        }
        if let Some(&t) = v.get(&'T') {
            self.selected = t as u32;
        }
        for &code in &m {
            match code {
                0 | 7 | 8 | 9 => {}
                3..=5 => self.spindle = code,
                6 => {
                    if self.job.tool.iter().all(|t| t.number != self.selected) {
                        self.refuse(format!("T{} is not in the table", self.selected));
                        return false;
                    }
                    self.tool = self.selected;
                    self.spindle = 5;
                }
                30 => self.ended = true,
                _ => {
                    self.refuse(format!("M{code}"));
                    return false;
                }
            }
        }
        let moves = "XYZ".chars().any(|c| v.contains_key(&c));
        let arc = matches!(self.motion, 2 | 3);
        if !(moves || arc && "IJK".chars().any(|c| v.contains_key(&c))) {
            let stray = v.keys().find(|c| "IJKQR".contains(**c)).copied();
            if let Some(c) = stray {
                self.refuse(format!("{c} without a motion"));
                return false;
            }
            return true;
        }
        if !arc && "IJK".chars().any(|c| v.contains_key(&c)) {
            self.refuse("a centre without an arc".into());
            return false;
        }
        self.go(&v, unit)
    }

    fn go(&mut self, v: &BTreeMap<char, f64>, unit: f64) -> bool {
        if self.motion < 0 {
            self.refuse("coordinates without a motion".into());
            return false;
        }
        let mut to = self.at;
        for (a, letter) in ['X', 'Y', 'Z'].into_iter().enumerate() {
            if let Some(x) = v.get(&letter) {
                to[a] = if self.incremental { self.at[a] + x * unit } else { x * unit };
            }
        }
        if self.motion != 0 {
            if self.feed <= 0.0 {
                self.refuse("a cut without feed".into());
            }
            if self.spindle != 3 || self.speed <= 0.0 {
                self.refuse("a cut without the spindle turning forwards".into());
            }
        }
        if self.tool == 0 {
            self.refuse("no tool".into());
        }
        // The tip is not where the program thinks it is.
        if self.length != self.tool {
            self.refuse(format!("T{} with the length of H{}", self.tool, self.length));
        }
        if self.offset != self.entry.work_offset {
            self.refuse(format!("{} in the place of {}", self.offset, self.entry.work_offset));
        }
        for a in 0..3 {
            let machine = to[a] + self.entry.work_zero_machine_mm[a];
            let m = &self.job.machine;
            if machine < m.travel_min_mm[a] - 1e-3 || machine > m.travel_max_mm[a] + 1e-3 {
                self.refuse(format!("axis {a} leaves its travel"));
            }
        }
        match self.motion {
            0 | 1 => self.walk(self.motion == 0, vec![self.at, to]),
            2 | 3 => return self.arc(v, to, unit),
            _ => return self.drill(v, to, unit),
        }
        true
    }

    fn walk(&mut self, rapid: bool, places: Vec<[f64; 3]>) {
        self.at = *places.last().expect("a walk has ends");
        self.out.motions.push(Motion { line: self.line, rapid, tool: self.tool, places });
    }

    fn arc(&mut self, v: &BTreeMap<char, f64>, to: [f64; 3], unit: f64) -> bool {
        let (u, w, k) = match self.plane {
            17 => (0, 1, 2),
            18 => (2, 0, 1),
            _ => (1, 2, 0),
        };
        let letters = ['I', 'J', 'K'];
        if v.contains_key(&letters[k]) || v.contains_key(&'R') {
            self.refuse("an arc's centre out of its plane".into());
            return false;
        }
        let centre = |a: usize| self.at[a] + v.get(&letters[a]).map_or(0.0, |x| x * unit);
        let c = [centre(u), centre(w)];
        let from = [self.at[u] - c[0], self.at[w] - c[1]];
        let end = [to[u] - c[0], to[w] - c[1]];
        let (r0, r1) = (from[0].hypot(from[1]), end[0].hypot(end[1]));
        if (r0 - r1).abs() > ARC_RADIUS_MM || r0 < 1e-6 {
            self.refuse(format!("an arc of radius {r0:.3} ends at radius {r1:.3}"));
            return false;
        }
        let (a0, a1) = (from[1].atan2(from[0]), end[1].atan2(end[0]));
        let turn = std::f64::consts::TAU;
        let mut sweep = a1 - a0;
        if self.motion == 3 && sweep <= 1e-9 {
            sweep += turn;
        }
        if self.motion == 2 && sweep >= -1e-9 {
            sweep -= turn;
        }
        let n = ((sweep.abs() / 1f64.to_radians()).max(sweep.abs() * r0 / 0.05)).ceil().max(1.0) as usize;
        let places = (0..=n).map(|i| {
            let s = i as f64 / n as f64;
            let (r, a) = (r0 + (r1 - r0) * s, a0 + sweep * s);
            let mut p = self.at;
            (p[u], p[w], p[k]) =
                (c[0] + r * a.cos(), c[1] + r * a.sin(), self.at[k] + (to[k] - self.at[k]) * s);
            p
        });
        let mut places: Vec<_> = places.collect();
        places[n] = to;
        self.walk(false, places);
        true
    }

    fn drill(&mut self, v: &BTreeMap<char, f64>, to: [f64; 3], unit: f64) -> bool {
        if self.incremental || self.plane != 17 {
            self.refuse("a cycle in G91 or out of G17".into());
            return false;
        }
        for (k, letter) in ['Z', 'R', 'Q'].into_iter().enumerate() {
            self.cycle[k] = v.get(&letter).map(|x| x * unit).or(self.cycle[k]);
        }
        let [Some(bottom), Some(r), q] = self.cycle else {
            self.refuse("a cycle without Z or R".into());
            return false;
        };
        let q = if self.motion == 83 { q.unwrap_or(0.0) } else { r - bottom };
        if r < bottom || q <= 0.0 {
            self.refuse("a cycle that goes up or pecks by nothing".into());
            return false;
        }
        let back = self.before_cycle.max(r);
        if self.at[2] < r {
            self.walk(true, vec![self.at, [self.at[0], self.at[1], r]]);
        }
        self.walk(true, vec![self.at, [to[0], to[1], back]]);
        self.walk(true, vec![self.at, [to[0], to[1], r]]);
        let mut depth = r;
        while depth > bottom {
            depth = (depth - q).max(bottom);
            self.walk(false, vec![self.at, [to[0], to[1], depth]]);
            self.walk(true, vec![self.at, [to[0], to[1], if depth > bottom { depth } else { back }]]);
        }
        true
    }
}

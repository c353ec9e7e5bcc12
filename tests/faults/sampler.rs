//! What a fault does, found by brute force: the tool is set down every 0.02 mm along the program.
//!
//! Shares no code with `milling` and `inspect`: own reader, own forms. Deviation is seen along the normal of each of
//! the design's samples: from there outwards the line first meets some tool (material left on), or the sample lies in
//! one (a gouge); beside an edge along the normals of both faces. Collisions are those of the plainest kind, on columns 0.4 mm apart and with 0.05 mm to
//! spare (`collision`).
//! The sampler may know the sound programs, so that only motions that a fault changed are walked again; the judge may
//! not.

#[path = "collision.rs"]
mod collision;
#[path = "form.rs"]
mod form;

use std::collections::HashMap;

use osteomill::milling::ProgramText;
use osteomill::model::{Job, Mesh, Part, Point, ToolKind};
use rayon::prelude::*;

use super::reader::{Motion, read};
use collision::collision;
use form::{Form, dot, length};

/// Distance between places of the tool, and between samples of the design, mm.
const STEP_MM: f64 = 0.02;
const SAMPLE_MM: f64 = 0.15;
/// As far as deviations are told apart, mm.
const REACH_MM: f64 = 0.15;
/// What harms: a thousandth of an inch, mm.
pub const HARM_MM: f64 = 0.0254;
/// Samples this near to one that a tab covers in the sound part are left out where material stands, mm.
const BESIDE_TAB_MM: f64 = 1.0;
const CELL_MM: f64 = 0.5;
/// Faces that meet under more than 37° make an edge; beside it both normals count, mm.
const EDGE_MM: f64 = 0.4;
const EDGE_COSINE: f64 = 0.8;

type V = [f64; 3];

#[derive(Clone, Copy)]
struct Sample {
    p: V,
    n: V,
}

/// What makes a motion the same: program, tool, side, places in nanometres.
type Key = (usize, u32, bool, Vec<[i64; 3]>);

/// One motion in the part, mm.
#[derive(Clone)]
struct Walk {
    program: usize,
    line: u32,
    rapid: bool,
    tool: u32,
    /// +1: the tool comes from part +z.
    up: f64,
    places: Vec<V>,
}

impl Walk {
    fn key(&self) -> Key {
        let round = |p: &V| p.map(|x| (x * 1e6).round() as i64);
        (self.program, self.tool, self.up > 0.0, self.places.iter().map(round).collect())
    }

    fn steps(&self, step_mm: f64, mut each: impl FnMut(V)) {
        each(self.places[0]);
        for w in self.places.windows(2) {
            let d = [w[1][0] - w[0][0], w[1][1] - w[0][1], w[1][2] - w[0][2]];
            let n = (dot(d, d).sqrt() / step_mm).ceil().max(1.0) as usize;
            for i in 1..=n {
                let s = i as f64 / n as f64;
                each([w[0][0] + d[0] * s, w[0][1] + d[1] * s, w[0][2] + d[2] * s]);
            }
        }
    }
}

/// Samples of one face of the design in cells over x and y.
struct Cells {
    lo: [f64; 2],
    n: [usize; 2],
    cells: Vec<(Vec<u32>, f64, f64)>,
}

/// The design, and what the sound programs leave of it.
pub struct Sampler {
    samples: Vec<Sample>,
    faces: Vec<Cells>,
    forms: HashMap<u32, Form>,
    base: HashMap<Key, u32>,
    /// Motion of the sound programs, sample, deviation.
    met: Vec<(u32, u32, f32)>,
    /// Left out where material stands: tabs.
    tab: Vec<bool>,
    /// Beside an edge: the sample at the same place that looks along the normal of the other face.
    twin: Vec<Option<u32>>,
    /// Samples that are no twins, which stand first.
    own: usize,
    pub most_mm: f64,
    pub least_mm: f64,
}

/// What a fault comes to.
pub struct Outcome {
    /// Why it harms; `None` where it does not.
    pub harm: Option<String>,
    /// Program and line of every motion that is none of the sound programs', and of every refused word.
    pub changed: Vec<(usize, u32)>,
}

impl Sampler {
    pub fn new(design: &Mesh<Part>, programs: &[ProgramText], job: &Job) -> Self {
        let samples = samples(design);
        let own = samples.len();
        let (samples, twin) = with_twins(samples);
        let face = |pick: &dyn Fn(f64) -> bool| cells(&samples, pick);
        let faces = vec![face(&|z| z > 0.5), face(&|z| z < -0.5), face(&|z| z.abs() <= 0.5)];
        let forms = job.tool.iter().map(|t| (t.number, Form::of(t))).collect();
        let mut s = Self {
            tab: vec![false; samples.len()],
            twin,
            own,
            samples,
            faces,
            forms,
            base: HashMap::new(),
            met: Vec::new(),
            most_mm: 0.0,
            least_mm: 0.0,
        };
        let (walks, refused) = walks(programs, job);
        assert!(refused.is_empty(), "the sound programs are refused: {refused:?}");
        // A motion made twice counts once.
        let mut once: Vec<&Walk> = Vec::new();
        for walk in &walks {
            s.base.entry(walk.key()).or_insert_with(|| {
                once.push(walk);
                once.len() as u32 - 1
            });
        }
        for (number, met) in s.touch_all(&once).into_iter().enumerate() {
            s.met.extend(met.into_iter().map(|(i, t)| (number as u32, i, t)));
        }
        let dev = s.deviations(&[], &[]);
        let proud: Vec<V> = (0..dev.len()).filter(|&i| dev[i] > HARM_MM).map(|i| s.samples[i].p).collect();
        for i in 0..dev.len() {
            let p = s.samples[i].p;
            let near = |q: &V| {
                let d = [p[0] - q[0], p[1] - q[1], p[2] - q[2]];
                dot(d, d) < BESIDE_TAB_MM * BESIDE_TAB_MM
            };
            s.tab[i] = proud.iter().any(near);
        }
        let free = (0..dev.len()).filter(|&i| !s.tab[i]).map(|i| dev[i]);
        (s.least_mm, s.most_mm) = free.fold((0.0, 0.0), |(lo, hi), d| (f64::min(lo, d), f64::max(hi, d)));
        s
    }

    /// Places of the design where tabs leave material on in the sound part.
    pub fn tab_places(&self) -> impl Iterator<Item = V> {
        self.samples.iter().zip(&self.tab).filter(|s| *s.1).map(|s| s.0.p)
    }

    pub fn samples(&self) -> usize {
        self.own
    }

    /// What these programs do to the part.
    pub fn outcome(&self, programs: &[ProgramText], job: &Job) -> Outcome {
        let (walks, refused) = walks(programs, job);
        let (gone, fresh) = self.against_sound(&walks);
        let moved = fresh.iter().map(|w| (w.program, w.line));
        let changed = moved.chain(refused.iter().map(|r| (r.0, r.1))).collect();
        let harm = refused
            .first()
            .map(|(p, line, why)| format!("refused: program {p} line {line}: {why}"))
            .or_else(|| self.off(&gone, &fresh))
            .or_else(|| collision(&walks, &self.forms, job));
        Outcome { harm, changed }
    }

    /// Which motions of the sound programs are not made, and which are made that are none of theirs.
    fn against_sound<'w>(&self, walks: &'w [Walk]) -> (Vec<bool>, Vec<&'w Walk>) {
        let mut gone = vec![true; self.base.len()];
        let mut fresh = Vec::new();
        for w in walks {
            match self.base.get(&w.key()) {
                Some(&n) => gone[n as usize] = false,
                None => fresh.push(w),
            }
        }
        (gone, fresh)
    }

    /// Deviation of every sample: from what the sound programs' motions are known to do and from the others walked again,
    /// and from all motions walked anew.
    pub fn both_ways(&self, programs: &[ProgramText], job: &Job) -> [Vec<f64>; 2] {
        let (walks, _) = walks(programs, job);
        let (gone, fresh) = self.against_sound(&walks);
        let anew = self.touch_all(&walks.iter().collect::<Vec<_>>());
        [
            self.deviations(&gone, &self.touch_all(&fresh).concat()),
            self.deviations(&vec![true; gone.len()], &anew.concat()),
        ]
    }

    fn off(&self, gone: &[bool], fresh: &[&Walk]) -> Option<String> {
        let dev = self.deviations(gone, &self.touch_all(fresh).concat());
        let worst = (0..dev.len())
            .filter(|&i| dev[i] < -HARM_MM || (dev[i] > HARM_MM && !self.tab[i]))
            .max_by(|&a, &b| dev[a].abs().total_cmp(&dev[b].abs()))?;
        let p = self.samples[worst].p;
        Some(format!("{:+.4} mm at ({:.2}, {:.2}, {:.2})", dev[worst], p[0], p[1], p[2]))
    }

    fn deviations(&self, gone: &[bool], fresh: &[(u32, f32)]) -> Vec<f64> {
        let mut dev = vec![REACH_MM; self.samples.len()];
        let old = self.met.iter().filter(|m| !gone.get(m.0 as usize).is_some_and(|g| *g));
        for (i, t) in old.map(|m| (m.1, m.2)).chain(fresh.iter().copied()) {
            let d = &mut dev[i as usize];
            *d = d.min(f64::from(t));
        }
        // At an edge a gouge is as deep as on the face where it is less deep: seen along the other face's normal, a shaving
        // of one face looks as deep as that face is high.
        let seen = dev.clone();
        for (i, twin) in self.twin.iter().enumerate() {
            if let Some(twin) = twin.filter(|_| seen[i] < 0.0) {
                dev[i] = seen[i].max(seen[twin as usize]).min(0.0);
            } else if i >= self.own {
                // Along the other normal there is sound material before the air.
                dev[i] = 0.0;
            }
        }
        dev
    }

    /// Deviation of each sample that the tool comes near to on this motion.
    fn touch(&self, walk: &Walk, seen: &mut Vec<f64>) -> Vec<(u32, f32)> {
        let Some(form) = self.forms.get(&walk.tool) else { return Vec::new() };
        // Beyond any deviation: not met.
        seen.resize(self.samples.len(), 1.0);
        let mut met: Vec<u32> = Vec::new();
        let reach = form.r + REACH_MM;
        let ball = form.kind == ToolKind::Ball;
        walk.steps(STEP_MM, |tip| {
            let tip = [tip[0], tip[1], walk.up * tip[2]];
            for face in &self.faces {
                face.near(tip, reach, |cell, away| {
                    let (members, lo, hi) = cell;
                    let top = if walk.up > 0.0 { *hi } else { -*lo };
                    if tip[2] + form.end((away - REACH_MM).clamp(0.0, form.r)) > top + REACH_MM {
                        return;
                    }
                    for &i in members {
                        let s = &self.samples[i as usize];
                        let q = [s.p[0] - tip[0], s.p[1] - tip[1], walk.up * s.p[2] - tip[2]];
                        // What lies farther off than this is met farther along its normal.
                        let below = if ball { (q[2] - form.r).min(0.0) } else { 0.0 };
                        if q[0] * q[0] + q[1] * q[1] + below * below > reach * reach || q[2] < -REACH_MM {
                            continue;
                        }
                        let n = [s.n[0], s.n[1], walk.up * s.n[2]];
                        if let Some((from, to)) = form.stretch(q, n)
                            && to >= 0.0
                            && from < REACH_MM
                        {
                            let d = &mut seen[i as usize];
                            if *d == 1.0 {
                                met.push(i);
                            }
                            *d = d.min(from.max(-1.0));
                        }
                    }
                });
            }
        });
        met.sort_unstable();
        met.iter().map(|&i| (i, std::mem::replace(&mut seen[i as usize], 1.0) as f32)).collect()
    }

    fn touch_all(&self, walks: &[&Walk]) -> Vec<Vec<(u32, f32)>> {
        walks.par_iter().map_init(Vec::new, |seen, w| self.touch(w, seen)).collect()
    }
}

impl Cells {
    /// Every cell within `reach` of the tip in x and y, with its distance.
    fn near(&self, tip: V, reach: f64, mut each: impl FnMut(&(Vec<u32>, f64, f64), f64)) {
        let range = |a: usize| {
            let first = ((tip[a] - reach - self.lo[a]) / CELL_MM).floor().max(0.0) as usize;
            let last = ((tip[a] + reach - self.lo[a]) / CELL_MM).floor() + 1.0;
            first..(last.max(0.0) as usize).min(self.n[a])
        };
        for j in range(1) {
            for i in range(0) {
                let cell = &self.cells[j * self.n[0] + i];
                if cell.0.is_empty() {
                    continue;
                }
                let off = |a: usize, k: usize| {
                    let lo = self.lo[a] + k as f64 * CELL_MM;
                    (lo - tip[a]).max(tip[a] - lo - CELL_MM).max(0.0)
                };
                let away = length(off(0, i), off(1, j));
                if away <= reach {
                    each(cell, away);
                }
            }
        }
    }
}

fn samples(design: &Mesh<Part>) -> Vec<Sample> {
    let mut out = Vec::new();
    for t in 0..design.triangles.len() {
        let [a, b, c] = design.triangles[t].map(|i| design.vertices[i as usize]);
        let n = design.normal(t);
        let k = (design.triangle_area_mm2(t) / (SAMPLE_MM * SAMPLE_MM)).ceil().max(1.0) as usize;
        // Evenly, by the plastic number (Roberts 2018); what falls beyond the diagonal is folded back.
        for i in 0..k {
            let at = |step: f64| (0.5 + step * (i + 1) as f64).fract();
            let (u, v) = (at(0.754_877_666_246_692_8), at(0.569_840_290_998_053_2));
            let (u, v) = if u + v > 1.0 { (1.0 - u, 1.0 - v) } else { (u, v) };
            let p = std::array::from_fn(|x| a[x] * (1.0 - u - v) + b[x] * u + c[x] * v);
            out.push(Sample { p, n: [n.x, n.y, n.z] });
        }
    }
    out
}

/// Twins at the end of the list: they are the only samples whose place is that of another.
fn with_twins(mut samples: Vec<Sample>) -> (Vec<Sample>, Vec<Option<u32>>) {
    let cell = |p: V| p.map(|x| (x / EDGE_MM).floor() as i64);
    let mut grid: HashMap<[i64; 3], Vec<u32>> = HashMap::new();
    for (i, s) in samples.iter().enumerate() {
        grid.entry(cell(s.p)).or_default().push(i as u32);
    }
    let mut twin = vec![None; samples.len()];
    for i in 0..twin.len() {
        let (s, c) = (samples[i], cell(samples[i].p));
        let mut nearest = (EDGE_MM, None);
        for k in 0..27i64 {
            let c = [c[0] + k % 3 - 1, c[1] + k / 3 % 3 - 1, c[2] + k / 9 - 1];
            for &j in grid.get(&c).into_iter().flatten() {
                let q = samples[j as usize];
                let d = [s.p[0] - q.p[0], s.p[1] - q.p[1], s.p[2] - q.p[2]];
                let away = dot(d, d).sqrt();
                if dot(s.n, q.n) < EDGE_COSINE && away < nearest.0 {
                    nearest = (away, Some(q.n));
                }
            }
        }
        if let Some(n) = nearest.1 {
            twin[i] = Some(samples.len() as u32);
            samples.push(Sample { p: s.p, n });
        }
    }
    // A twin stands for nothing by itself: it is its own twin, seen along the first normal.
    let first: Vec<(usize, u32)> = twin.iter().enumerate().filter_map(|(i, t)| Some((i, (*t)?))).collect();
    twin.resize(samples.len(), None);
    for (i, t) in first {
        twin[t as usize] = Some(i as u32);
    }
    (samples, twin)
}

fn cells(samples: &[Sample], pick: &dyn Fn(f64) -> bool) -> Cells {
    let least = |a: usize| samples.iter().map(|s| s.p[a]).fold(f64::INFINITY, f64::min);
    let most = |a: usize| samples.iter().map(|s| s.p[a]).fold(f64::NEG_INFINITY, f64::max);
    let lo = [least(0), least(1)];
    let n = [0, 1].map(|a| ((most(a) - lo[a]) / CELL_MM).floor() as usize + 1);
    let mut cells = vec![(Vec::new(), f64::INFINITY, f64::NEG_INFINITY); n[0] * n[1]];
    for (i, s) in samples.iter().enumerate().filter(|s| pick(s.1.n[2])) {
        let at = |a: usize| (((s.p[a] - lo[a]) / CELL_MM).floor() as usize).min(n[a] - 1);
        let cell = &mut cells[at(1) * n[0] + at(0)];
        cell.0.push(i as u32);
        cell.1 = cell.1.min(s.p[2]);
        cell.2 = cell.2.max(s.p[2]);
    }
    Cells { lo, n, cells }
}

/// Every motion in the order of the job, and what is refused.
fn walks(programs: &[ProgramText], job: &Job) -> (Vec<Walk>, Vec<(usize, u32, String)>) {
    let (mut walks, mut refused) = (Vec::new(), Vec::new());
    for (number, entry) in job.program.iter().enumerate() {
        let Some(program) = programs.iter().find(|p| p.file == entry.file) else {
            refused.push((number, 0, "no such program".into()));
            continue;
        };
        let part = |p: &V| entry.part_from_work.apply(Point::new(*p)).mm;
        let (foot, head) = (part(&[0.0; 3]), part(&[0.0, 0.0, 1.0]));
        let read = read(&program.text, entry, job);
        walks.extend(read.motions.iter().map(|m: &Motion| Walk {
            program: number,
            line: m.line,
            rapid: m.rapid,
            tool: m.tool,
            up: (head[2] - foot[2]).signum(),
            places: m.places.iter().map(part).collect(),
        }));
        refused.extend(read.refused.into_iter().map(|(line, why)| (number, line, why)));
    }
    (walks, refused)
}

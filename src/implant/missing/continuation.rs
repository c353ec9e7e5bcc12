//! What the surviving bone says the missing bone was: a field on the sphere fitted to this head.
//!
//! Samples are spread evenly over the bone about the hole and about its mirror image, seen from a place on the plane of
//! symmetry. The kind of field (how smooth, how symmetric) is the one that predicts blocks of the hole's shape best
//! that are left out of the surviving bone. The outer table is one field; the thickness under it is another, since both
//! tables bulge together and their distance varies less than either.

use nalgebra::Vector3;
use rayon::prelude::*;

use super::chart::Chart;
use super::local::{Local, Skull};
use super::plate::smooth;
use super::rim::Band;
use super::sphere::{Fitted, Samples, Spectrum};

/// Samples wanted: for the field itself, whose factor takes half a second, and to learn what kind of field it is, which
/// takes a dozen factors and leaves out blocks.
pub(super) const SAMPLES: f64 = 1500.0;
pub(super) const SAMPLES_TO_LEARN: f64 = 800.0;
/// No sample is nearer to another than this, mm: the highest degree of the field is 6 mm long.
const SPACING_MM_MIN: f64 = 4.0;
/// Bone is looked at up to this far from the hole and from its image, mm.
const REACH_MM: f64 = 60.0;
/// What is finer than the samples and the scan's noise, mm.
const NOISE_MM: f64 = 0.2;
/// Samples farther off than this many deviations when left out alone are not the vault's.
const OUTLIER: f64 = 6.0;
/// Blocks left out.
const BLOCKS: usize = 12;
/// Share of a block that must be bone.
const BLOCK_SHARE: f64 = 0.93;
/// A kind of field must better the plainer ones before it by this share of the error.
const WORTHWHILE: f64 = 0.02;
/// Cells of the chart between two predictions; between them they are interpolated.
const STRIDE: usize = 2;
/// Cells between two deviations.
const DEVIATION_STRIDE: usize = 6;
/// A field that says less than this of the tested 90 % interval is scaled no further, nor more than that.
const SCALE: (f64, f64) = (0.6, 3.0);

/// Fields without symmetry and with ever more of it.
const OUTER: [Spectrum; 8] = [
    Spectrum { slope: 2.0, odd_share: 1.0, odd_from_degree: 1.0 },
    Spectrum { slope: 2.5, odd_share: 1.0, odd_from_degree: 1.0 },
    Spectrum { slope: 3.5, odd_share: 1.0, odd_from_degree: 1.0 },
    Spectrum { slope: 2.0, odd_share: 0.15, odd_from_degree: 12.0 },
    Spectrum { slope: 2.0, odd_share: 0.04, odd_from_degree: 12.0 },
    Spectrum { slope: 2.0, odd_share: 0.04, odd_from_degree: 30.0 },
    Spectrum { slope: 2.0, odd_share: 0.01, odd_from_degree: 20.0 },
    Spectrum { slope: 2.5, odd_share: 0.04, odd_from_degree: 20.0 },
];
/// The inner table for itself.
const INNER: [Spectrum; 4] = [OUTER[0], OUTER[3], OUTER[5], OUTER[7]];
/// Thickness is rougher.
const THICKNESS: [Spectrum; 5] = [
    Spectrum { slope: 1.5, odd_share: 1.0, odd_from_degree: 1.0 },
    Spectrum { slope: 2.0, odd_share: 1.0, odd_from_degree: 1.0 },
    Spectrum { slope: 1.5, odd_share: 0.2, odd_from_degree: 15.0 },
    Spectrum { slope: 1.5, odd_share: 0.05, odd_from_degree: 25.0 },
    Spectrum { slope: 2.0, odd_share: 0.1, odd_from_degree: 20.0 },
];

/// What leaving out taught about one field.
#[derive(Clone, Debug)]
pub(super) struct Lesson {
    /// As `defects.json` says it.
    pub(super) name: String,
    /// Blocks left out.
    pub(super) sites: usize,
    /// Held-out error, root mean square, of the best field without symmetry and of the chosen one, mm.
    pub(super) plain_rms_mm: f64,
    pub(super) chosen_rms_mm: f64,
}

/// Predictions over a chart.
pub(super) struct Continued {
    /// Outer and inner radius per cell, mm; NaN where nothing is predicted.
    pub(super) outer_mm: Vec<f64>,
    pub(super) inner_mm: Vec<f64>,
    /// Standard deviation of the outer radius, mm.
    pub(super) sigma_mm: Vec<f64>,
    pub(super) outer: Lesson,
    pub(super) inner: Lesson,
}

/// How the inner table is predicted.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Inner {
    /// As a table of its own.
    Itself,
    /// As a thickness under the outer one.
    Under,
}

/// Both fields of one head.
pub(super) struct Fields {
    place: Place,
    outer: Chosen,
    inner: Chosen,
    inner_by: Inner,
    of_outer: Lesson,
    of_inner: Lesson,
}

impl Fields {
    /// Chooses the kinds of field by leaving out blocks of the hole's shape, and fits them.
    pub(super) fn taught(
        skull: &Skull<'_>,
        local: &Local,
        missing: &[bool],
        gathered: &Gathered,
    ) -> Option<Self> {
        let place = Place::new(skull);
        let (_, kept) = sound(gathered, &OUTER[0])?;
        let gathered = kept.as_ref().unwrap_or(gathered);
        let blocks = blocks(skull, &place, local, missing, gathered);
        let nothing = vec![Vec::new(); blocks.len()];
        let (outer, of_outer) = choose(&gathered.outer, &OUTER, &blocks, &nothing)?;
        let (itself, of_itself) = choose(&gathered.inner, &INNER, &blocks, &nothing)?;
        // What the outer table's own error adds to that of the thickness.
        let (under, of_under) = choose(&gathered.thickness, &THICKNESS, &blocks, &outer.errors)?;
        let (inner, inner_by, of_inner) = if of_under.chosen_rms_mm < of_itself.chosen_rms_mm {
            (under, Inner::Under, Lesson { name: format!("thickness {}", of_under.name), ..of_under })
        } else {
            (itself, Inner::Itself, of_itself)
        };
        Some(Self { place, outer, inner, inner_by, of_outer, of_inner })
    }

    /// The same kinds of field fitted to other samples.
    pub(super) fn again(self, gathered: &Gathered) -> Option<Self> {
        let (outer, kept) = sound(gathered, &self.outer.kind)?;
        let kept = kept.as_ref().unwrap_or(gathered);
        let samples = if self.inner_by == Inner::Itself { &kept.inner } else { &kept.thickness };
        let inner = Chosen { field: Fitted::new(samples, &self.inner.kind)?, ..self.inner };
        let outer = Chosen { field: outer, ..self.outer };
        Some(Self { outer, inner, ..self })
    }

    /// Outer and inner radii of the wanted cells, mm.
    pub(super) fn tables_mm(&self, skull: &Skull<'_>, chart: &Chart, wanted: &[bool]) -> [Vec<f64>; 2] {
        let outer = self.place.radii(skull, chart, wanted, &self.outer.field);
        let inner = match self.inner_by {
            Inner::Itself => self.place.radii(skull, chart, wanted, &self.inner.field),
            Inner::Under => {
                let thickness = self.place.values(skull, chart, wanted, &self.inner.field);
                outer.iter().zip(thickness).map(|(o, t)| o - t).collect()
            }
        };
        [outer, inner]
    }

    /// Everything that is predicted where `band` asks.
    pub(super) fn continued(self, skull: &Skull<'_>, chart: &Chart, band: &Band) -> Option<Continued> {
        let [outer_mm, inner_mm] = self.tables_mm(skull, chart, &band.domain);
        let unknown: Vec<bool> = (0..chart.len()).map(|at| band.domain[at] && band.unknown[at]).collect();
        let sigma_mm = self.place.deviations(skull, chart, &unknown, &self.outer);
        Some(Continued { outer_mm, inner_mm, sigma_mm, outer: self.of_outer, inner: self.of_inner })
    }
}

/// Where the field is seen from: the vault's centre, moved onto the plane of symmetry.
struct Place {
    centre: Vector3<f64>,
    normal: Vector3<f64>,
}

impl Place {
    fn new(skull: &Skull<'_>) -> Self {
        let normal = skull.mirror.normal;
        let centre = skull.map.chart.centre;
        Self { centre: centre - normal * (normal.dot(&centre) - skull.mirror.offset_mm), normal }
    }

    fn mirrored(&self, d: &Vector3<f64>) -> Vector3<f64> {
        d - self.normal * (2.0 * self.normal.dot(d))
    }

    /// Direction in which a place lies, and how far.
    fn seen(&self, p: Vector3<f64>) -> (Vector3<f64>, f64) {
        let d = p - self.centre;
        let r = d.norm();
        (d / r, r)
    }

    /// Direction of the field at a chart's ray.
    fn direction(&self, skull: &Skull<'_>, chart: &Chart, a: f64, b: f64) -> (Vector3<f64>, Vector3<f64>) {
        let d = chart.direction(a, b);
        let (seen, _) = self.seen(chart.centre + d * skull.map.form.radius_mm(d));
        (d, seen)
    }

    /// Radii of the field along the chart's rays.
    fn radii(&self, skull: &Skull<'_>, chart: &Chart, wanted: &[bool], field: &Fitted) -> Vec<f64> {
        let apart = chart.centre - self.centre;
        predicted(chart, wanted, STRIDE, |knots| {
            let one = |[a, b]: &[f64; 2]| {
                let (d, seen) = self.direction(skull, chart, *a, *b);
                let r = field.predict(&seen);
                // |apart + d x| = r
                let along = d.dot(&apart);
                -along + (along * along + r * r - apart.norm_squared()).max(0.0).sqrt()
            };
            knots.par_iter().map(one).collect()
        })
    }

    fn values(&self, skull: &Skull<'_>, chart: &Chart, wanted: &[bool], field: &Fitted) -> Vec<f64> {
        predicted(chart, wanted, STRIDE, |knots| {
            knots.par_iter().map(|[a, b]| field.predict(&self.direction(skull, chart, *a, *b).1)).collect()
        })
    }

    fn deviations(&self, skull: &Skull<'_>, chart: &Chart, wanted: &[bool], of: &Chosen) -> Vec<f64> {
        let at = |a: f64, b: f64| {
            let (_, seen) = self.direction(skull, chart, a, b);
            (seen, self.mirrored(&seen))
        };
        predicted(chart, wanted, DEVIATION_STRIDE, |knots| {
            let places: Vec<_> = knots.iter().map(|[a, b]| at(*a, *b)).collect();
            let deviations = of.field.deviations(&places);
            deviations.into_iter().map(|d| of.scale * d.hypot(NOISE_MM)).collect()
        })
    }
}

/// Values at every `stride`th cell near wanted ones, between them a bicubic interpolation (Catmull and Rom).
fn predicted(
    chart: &Chart,
    wanted: &[bool],
    stride: usize,
    values: impl Fn(&[[f64; 2]]) -> Vec<f64>,
) -> Vec<f64> {
    let n = chart.n;
    let m = n.div_ceil(stride) + 3; // one knot before and two behind
    let knot = |i: usize| (i as f64 - 1.0) * stride as f64;
    let mut needed = vec![false; m * m];
    for at in (0..wanted.len()).filter(|&at| wanted[at]) {
        let (i, j) = (at % n / stride, at / n / stride);
        for y in j..j + 4 {
            for x in i..i + 4 {
                needed[y * m + x] = true;
            }
        }
    }
    let asked: Vec<usize> = (0..m * m).filter(|&k| needed[k]).collect();
    let places: Vec<[f64; 2]> = asked.iter().map(|k| [knot(k % m), knot(k / m)]).collect();
    let mut knots = vec![f64::NAN; m * m];
    for (k, value) in asked.into_iter().zip(values(&places)) {
        knots[k] = value;
    }
    let weights = |t: f64| {
        let (t2, t3) = (t * t, t * t * t);
        [
            -0.5 * t + t2 - 0.5 * t3,
            1.0 - 2.5 * t2 + 1.5 * t3,
            0.5 * t + 2.0 * t2 - 1.5 * t3,
            -0.5 * t2 + 0.5 * t3,
        ]
    };
    (0..wanted.len())
        .map(|at| {
            if !wanted[at] {
                return f64::NAN;
            }
            let (a, b) = (at % n, at / n);
            let (i, j) = (a / stride, b / stride);
            let (wa, wb) =
                (weights((a % stride) as f64 / stride as f64), weights((b % stride) as f64 / stride as f64));
            (0..4).map(|y| wb[y] * (0..4).map(|x| wa[x] * knots[(j + y) * m + i + x]).sum::<f64>()).sum()
        })
        .collect()
}

/// Samples of both fields at the same directions.
pub(super) struct Gathered {
    outer: Samples,
    inner: Samples,
    thickness: Samples,
}

struct Candidate {
    seen: Vector3<f64>,
    radius_mm: f64,
    form_mm: f64,
    thickness_mm: f64,
    inner_mm: f64,
}

/// Samples spread over the bone that `bands` (outer and inner table) believe about the hole, and over the vault
/// elsewhere. `None` when there is too little bone.
pub(super) fn gather(
    skull: &Skull<'_>,
    local: &Local,
    missing: &[bool],
    bands: [&Band; 2],
    samples: f64,
) -> Option<Gathered> {
    let place = &Place::new(skull);
    let map = skull.map;
    let radius_mm = map.form.radius_mm(local.chart.axis);
    let reach_rad = (0..local.chart.len())
        .filter(|&at| missing[at])
        .map(|at| local.chart.angle_at(at))
        .fold(0.0, f64::max)
        + REACH_MM / radius_mm;
    let axis = place.seen(local.chart.centre + local.chart.axis * radius_mm).0;
    let image = place.mirrored(&axis);
    let near = |d: &Vector3<f64>| d.angle(&axis) <= reach_rad || d.angle(&image) <= reach_rad;

    let known = |at: usize| (0..2).all(|s| bands[s].domain[at] && !bands[s].unknown[at]);
    let solid = |s: &Option<super::rays::Shell>| s.is_some_and(|s| s.lumen_mm.is_none());
    // Per mm of smoothing: what a sample stands for.
    let outer_here = only(&local.outer_mm, |at| known(at) && solid(&local.shells[at]));
    let inner_here = only(&local.inner_mm, |at| outer_here[at].is_finite());
    let of_map = |at: usize| {
        let d = map.chart.direction_at(at);
        skull.zone.contains(d) && !skull.near_defect[at] && solid(&map.shells[at]) && {
            let (seen, _) = place.seen(map.chart.centre + d * map.outer_mm[at]);
            near(&seen)
        }
    };
    let outer_far = only(&map.outer_mm, of_map);
    let inner_far: Vec<f64> = (0..map.chart.len())
        .map(|at| match map.shells[at] {
            Some(s) if outer_far[at].is_finite() => s.inner_mm,
            _ => f64::NAN,
        })
        .collect();
    let area_mm2: f64 = (0..map.chart.len())
        .filter(|&at| outer_far[at].is_finite())
        .map(|at| map.chart.solid_angle(at) * outer_far[at] * outer_far[at])
        .sum();
    // A greedy choice leaves about 0.7 samples per square of its spacing.
    let spacing_mm = (0.7 * area_mm2 / samples).sqrt().max(SPACING_MM_MIN);
    let sigma_mm = 0.3 * spacing_mm;
    let cells = |chart: &Chart| sigma_mm / (chart.step_rad * radius_mm);
    let candidates_of = |chart: &Chart, outer: &[f64], inner: &[f64]| -> Vec<Candidate> {
        let (o, i) = (smooth(chart.n, outer, cells(chart)), smooth(chart.n, inner, cells(chart)));
        (0..chart.len())
            .filter(|&at| o[at].is_finite() && i[at].is_finite())
            .map(|at| {
                let d = chart.direction_at(at);
                let (seen, radius_mm) = place.seen(chart.centre + d * o[at]);
                Candidate {
                    seen,
                    radius_mm,
                    form_mm: map.form.radius_mm(d) - o[at],
                    thickness_mm: o[at] - i[at],
                    // The ray is nearly the same for both tables: their centres differ by little.
                    inner_mm: radius_mm - (o[at] - i[at]),
                }
            })
            .collect()
    };
    let mut all = candidates_of(&local.chart, &outer_here, &inner_here);
    // The chart about the hole has looked at its surroundings more closely.
    let in_chart = |d: &Candidate| {
        let p = place.centre + d.seen * d.radius_mm;
        local
            .chart
            .nearest(local.chart.cell((p - local.chart.centre).normalize()))
            .is_some_and(|at| bands[0].domain[at])
    };
    all.extend(candidates_of(&map.chart, &outer_far, &inner_far).into_iter().filter(|c| !in_chart(c)));
    let chosen = spread(&all, spacing_mm / radius_mm);
    if chosen.len() < 150 {
        return None;
    }
    let take = |value: fn(&Candidate) -> f64, variance: f64| {
        let mut values: Vec<f64> = chosen.iter().map(|c| value(c)).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter_mut().for_each(|v| *v -= mean);
        Samples {
            directions: chosen.iter().map(|c| c.seen).collect(),
            mirrored: chosen.iter().map(|c| place.mirrored(&c.seen)).collect(),
            values,
            mean,
            noise: NOISE_MM,
            variance,
        }
    };
    let middle_square = |value: fn(&Candidate) -> f64| {
        let mut v: Vec<f64> = chosen.iter().map(|c| value(c)).collect();
        v.sort_by(f64::total_cmp);
        let middle = v[v.len() / 2];
        let mut off: Vec<f64> = v.iter().map(|x| (x - middle).abs()).collect();
        off.sort_by(f64::total_cmp);
        // 1.4826: from the median size to the deviation of a normal value.
        (1.4826 * off[off.len() / 2]).max(0.3).powi(2)
    };
    let outer = take(|c| c.radius_mm, middle_square(|c| c.form_mm));
    let thickness = take(|c| c.thickness_mm, middle_square(|c| c.thickness_mm));
    let inner = take(|c| c.inner_mm, outer.variance);
    Some(Gathered { outer, inner, thickness })
}

fn only(values: &[f64], keep: impl Fn(usize) -> bool) -> Vec<f64> {
    (0..values.len()).map(|at| if keep(at) { values[at] } else { f64::NAN }).collect()
}

/// Candidates no nearer to each other than `apart_rad`, taken in their order.
fn spread(all: &[Candidate], apart_rad: f64) -> Vec<&Candidate> {
    let cell = |d: &Vector3<f64>| [d.x, d.y, d.z].map(|x| (x / apart_rad).floor() as i32);
    let mut taken: std::collections::BTreeMap<[i32; 3], Vec<&Candidate>> = Default::default();
    let mut out = Vec::new();
    for c in all {
        let [x, y, z] = cell(&c.seen);
        let free = (-1..=1).all(|i| {
            (-1..=1).all(|j| {
                (-1..=1).all(|k| {
                    taken
                        .get(&[x + i, y + j, z + k])
                        .is_none_or(|there| there.iter().all(|o| (o.seen - c.seen).norm() >= apart_rad))
                })
            })
        });
        if free {
            taken.entry([x, y, z]).or_default().push(c);
            out.push(c);
        }
    }
    out
}

/// The field, without the samples that it does not believe; `None` of those where it believes all.
fn sound(gathered: &Gathered, kind: &Spectrum) -> Option<(Fitted, Option<Gathered>)> {
    let fitted = Fitted::new(&gathered.outer, kind)?;
    let keep: Vec<bool> = fitted.each_left_out().iter().map(|z| z.abs() <= OUTLIER).collect();
    if keep.iter().all(|k| *k) {
        return Some((fitted, None));
    }
    let without = |s: &Samples| {
        let pick = |v: &[Vector3<f64>]| v.iter().zip(&keep).filter(|(_, k)| **k).map(|(d, _)| *d).collect();
        Samples {
            directions: pick(&s.directions),
            mirrored: pick(&s.mirrored),
            values: s.values.iter().zip(&keep).filter(|(_, k)| **k).map(|(v, _)| *v).collect(),
            ..*s
        }
    };
    let kept = Gathered {
        outer: without(&gathered.outer),
        inner: without(&gathered.inner),
        thickness: without(&gathered.thickness),
    };
    Some((Fitted::new(&kept.outer, kind)?, Some(kept)))
}

/// Blocks of samples of the hole's shape elsewhere on the vault; smaller ones where the whole shape finds no room.
fn blocks(
    skull: &Skull<'_>,
    place: &Place,
    local: &Local,
    missing: &[bool],
    gathered: &Gathered,
) -> Vec<Vec<usize>> {
    for scale in [1.0, 0.75, 0.55, 0.4, 0.3] {
        let found = blocks_of(skull, place, local, missing, gathered, scale);
        if found.len() >= 4 {
            return found;
        }
    }
    Vec::new()
}

fn blocks_of(
    skull: &Skull<'_>,
    place: &Place,
    local: &Local,
    missing: &[bool],
    gathered: &Gathered,
    scale: f64,
) -> Vec<Vec<usize>> {
    let (map, chart) = (skull.map, &local.chart);
    let radius_mm = map.form.radius_mm(chart.axis);
    let every = ((4.0 / radius_mm) / chart.step_rad).ceil() as usize;
    let middle = (chart.n as f64 - 1.0) / 2.0;
    let outline: Vec<(f64, f64)> = (0..chart.n)
        .step_by(every)
        .flat_map(|b| (0..chart.n).step_by(every).map(move |a| (a, b)))
        .filter(|&(a, b)| missing[b * chart.n + a])
        .map(|(a, b)| {
            let (x, y) = chart.offset_rad(a as f64, b as f64);
            (scale * x, scale * y)
        })
        .collect();
    let reach_rad = outline.iter().map(|(x, y)| x.hypot(*y)).fold(0.0, f64::max);
    let directions = &gathered.outer.directions;
    let mut out: Vec<Vec<usize>> = Vec::new();
    let rings = [1.0, 1.5, 2.0, 2.6, 3.3];
    for (ring, turn) in
        rings.iter().flat_map(|&r| (0..12).map(move |i| (r, f64::from(i) * std::f64::consts::FRAC_PI_6 + r)))
    {
        let away = reach_rad * (0.6 + 0.7 * ring) + 0.12;
        if out.len() >= BLOCKS || away > 2.6 {
            break;
        }
        let across = chart.u * turn.cos() + chart.v * turn.sin();
        let there = Chart::new(
            chart.centre,
            chart.axis * away.cos() + across * away.sin(),
            reach_rad + chart.step_rad,
            chart.step_rad,
        );
        let whole = outline
            .iter()
            .filter(|(x, y)| {
                let m = (there.n as f64 - 1.0) / 2.0;
                let d = there.direction(x / chart.step_rad + m, y / chart.step_rad + m);
                map.chart.nearest(map.chart.cell(d)).is_some_and(|at| {
                    map.outer_mm[at].is_finite() && !skull.near_defect[at] && skull.zone.contains(d)
                })
            })
            .count();
        if (whole as f64) < BLOCK_SHARE * outline.len() as f64 {
            continue;
        }
        let block: Vec<usize> = (0..directions.len())
            .filter(|&i| {
                let p = place.centre + directions[i] * radius_mm;
                let d = (p - there.centre).normalize();
                if d.angle(&there.axis) > reach_rad + chart.step_rad {
                    return false;
                }
                let [a, b] = there.cell(d);
                let m = (there.n as f64 - 1.0) / 2.0;
                chart
                    .nearest([(a - m) / scale + middle, (b - m) / scale + middle])
                    .is_some_and(|at| missing[at])
            })
            .collect();
        if block.len() >= 6 && 3 * block.len() < directions.len() {
            out.push(block);
        }
    }
    out
}

struct Chosen {
    kind: Spectrum,
    field: Fitted,
    /// What its deviations must be multiplied by to hold as often as they say.
    scale: f64,
    /// Of each block left out.
    errors: Vec<Vec<f64>>,
}

/// The kind of field that predicts the blocks best; `beside` are errors of another field that are taken off this one's.
fn choose(
    samples: &Samples,
    kinds: &[Spectrum],
    blocks: &[Vec<usize>],
    beside: &[Vec<f64>],
) -> Option<(Chosen, Lesson)> {
    struct Tried {
        field: Fitted,
        rms_mm: f64,
        ratios: Vec<f64>,
        errors: Vec<Vec<f64>>,
    }
    // Without blocks nothing is learnt. Heads are nearly symmetric: the kind that most heads choose.
    let kinds = if blocks.is_empty() { &kinds[kinds.len() / 2..kinds.len() / 2 + 1] } else { kinds };
    let tried: Vec<Tried> = kinds
        .par_iter()
        .filter_map(|kind| {
            let field = Fitted::new(samples, kind)?;
            let (mut sum, mut ratios, mut all) = (0.0, Vec::new(), Vec::new());
            for ((mut errors, deviations), beside) in field.left_out(blocks)?.into_iter().zip(beside) {
                ratios.extend(errors.iter().zip(&deviations).map(|(e, d)| e.abs() / d.hypot(samples.noise)));
                errors.iter_mut().zip(beside).for_each(|(e, b)| *e -= b);
                sum += (errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64).sqrt();
                all.push(errors);
            }
            Some(Tried { field, rms_mm: sum / blocks.len().max(1) as f64, ratios, errors: all })
        })
        .collect();
    let mut best = 0;
    for (i, t) in tried.iter().enumerate() {
        if t.rms_mm < (1.0 - WORTHWHILE) * tried[best].rms_mm {
            best = i;
        }
    }
    let plain_rms_mm = tried
        .iter()
        .zip(kinds)
        .filter(|(_, k)| k.odd_share == 1.0)
        .map(|(t, _)| t.rms_mm)
        .fold(f64::INFINITY, f64::min);
    let kind = kinds.get(best)?;
    let name = if kind.odd_share == 1.0 {
        format!("smooth {:.1}", kind.slope)
    } else {
        format!(
            "smooth {:.1}, odd share {:.2} below degree {:.0}",
            kind.slope, kind.odd_share, kind.odd_from_degree
        )
    };
    let chosen = tried.into_iter().nth(best)?;
    let mut ratios = chosen.ratios;
    ratios.sort_by(f64::total_cmp);
    let scale = match ratios.len().checked_sub(1) {
        Some(last) => (ratios[(0.9 * last as f64) as usize] / 1.645).clamp(SCALE.0, SCALE.1),
        None => SCALE.1,
    };
    let lesson = Lesson { name, sites: blocks.len(), plain_rms_mm, chosen_rms_mm: chosen.rms_mm };
    Some((Chosen { kind: *kind, field: chosen.field, scale, errors: chosen.errors }, lesson))
}

//! Put in by hand many times over, on bone that is a little larger or smaller than the scan shows.
//!
//! A trial lifts the finished implant 3 mm, puts it off by up to `seating_shift_mm` along and `seating_turn_deg` about each
//! axis, moves the bone's surface by up to `seating_bias_mm` either way, and lowers it in steps. At each step the bone
//! pushes it aside where they meet (least squares over what overlaps, all six degrees of freedom), while the hand keeps
//! it level. At the end the hand lets go and what still overlaps pushes it where it will. It is seated if then no
//! place of the rim is in bone and none stands prouder than `seating_proud_mm_max`.
//!
//! The bone is its distance on a grid about the rim, from the mesh; the implant is one corner of the mesh in each
//! [`THIN_MM`] cube near bone, the nearest to bone. Soft tissue, the plates' pull and friction are not in it.

use nalgebra::{Matrix6, Rotation3, Vector3, Vector6};
use rayon::prelude::*;

use crate::geometry::Bvh;
use crate::geometry::distance::distance_to;
use crate::geometry::random::Random;
use crate::model::{Finding, Mesh, Part, SeatingFacts, Severity};

use super::grid::PartGrid;
use super::params::ImplantToml;

/// Any number would do; it is written into the facts.
const SEED: u64 = 0x0005_736F_6D69_6C6C;
/// The rim is what lies this near to bone, mm beyond the gap.
const RIM_MM: f64 = 1.5;
/// One place of the rim per cube of this side, mm.
const THIN_MM: f64 = 1.3;
/// Step of the bone's distances, mm: between samples they are off by some hundredths where bone is rough.
const STEP_MM: f64 = 0.5;
/// Overlap that is none, mm: what the grid is off by.
const OVERLAP_MM: f64 = 0.05;
/// Lowered from this height, mm, in steps of half a millimetre.
const LIFT_MM: f64 = 3.0;
/// The hand against the bone: a millimetre off level weighs as much as this many places 0.1 mm in bone.
const HAND: f64 = 2.0;

/// The implant's rim and the bone about it.
struct Rim {
    places: Vec<Vector3<f64>>,
    grid: PartGrid,
    distance_mm: Vec<f32>,
    middle: Vector3<f64>,
    /// Lever that turns radians into millimetres.
    lever_mm: f64,
}

/// A small motion: shift in mm, turn in mm at the lever.
type Motion = Vector6<f64>;

/// Runs the trials.
pub(super) fn seating(mesh: &Mesh<Part>, bone: &Bvh<Part>, t: &ImplantToml) -> SeatingFacts {
    let rim = Rim::new(mesh, bone, t);
    let trials = t.seating_trials as usize;
    let ends: Vec<(f64, f64)> = (0..trials).into_par_iter().map(|k| rim.trial(k as u64, t)).collect();
    let seated = ends
        .iter()
        .filter(|&&(overlap, proud)| overlap <= OVERLAP_MM && proud <= t.seating_proud_mm_max)
        .count();
    let p95 = |mut v: Vec<f64>| {
        v.sort_by(f64::total_cmp);
        v.get(v.len() * 95 / 100).copied().unwrap_or(f64::INFINITY)
    };
    // Without a rim nothing was shown.
    let shown = if rim.places.is_empty() { 0 } else { seated };
    SeatingFacts {
        trials,
        seed: SEED,
        shift_mm: t.seating_shift_mm,
        turn_deg: t.seating_turn_deg,
        bias_mm: t.seating_bias_mm,
        rim_places: rim.places.len(),
        share_seated: shown as f64 / trials.max(1) as f64,
        interference_mm_p95: p95(ends.iter().map(|e| e.0).collect()),
        proud_mm_p95: p95(ends.iter().map(|e| e.1).collect()),
    }
}

/// What seating asks for.
pub(super) fn finding(facts: &SeatingFacts, t: &ImplantToml) -> Option<Finding> {
    (!(facts.share_seated >= t.seating_share_min)).then(|| {
        Finding::new(
            "seating",
            Severity::Review,
            format!(
                "put in {} times, off by up to {:.1} mm and {:.1}° on bone up to {:.2} mm larger or smaller, it came to rest \
                 free of bone and flush {:.1} % of the time; {:.0} % are needed: look at the rim, or widen the gap",
                facts.trials,
                facts.shift_mm,
                facts.turn_deg,
                facts.bias_mm,
                100.0 * facts.share_seated,
                100.0 * t.seating_share_min
            ),
        )
        .measured(facts.share_seated, t.seating_share_min, "1")
    })
}

impl Rim {
    fn new(mesh: &Mesh<Part>, bone: &Bvh<Part>, t: &ImplantToml) -> Self {
        let middle = Vector3::from(mesh.centroid_mm());
        let reach = t.gap_mm + RIM_MM;
        let near: Vec<Option<f64>> =
            mesh.vertices.par_iter().map(|&v| bone.nearest(v, reach).map(|n| n.distance_mm)).collect();
        let mut cubes: std::collections::BTreeMap<[i64; 3], (f64, usize)> = std::collections::BTreeMap::new();
        for (v, d) in near.into_iter().enumerate() {
            let Some(d) = d else { continue };
            let cube = mesh.vertices[v].map(|x| (x / THIN_MM).floor() as i64);
            let best = cubes.entry(cube).or_insert((d, v));
            if d < best.0 {
                *best = (d, v);
            }
        }
        let places: Vec<Vector3<f64>> = cubes.values().map(|c| Vector3::from(mesh.vertices[c.1])).collect();
        let lever_mm = places.iter().map(|p| (p - middle).norm()).fold(1.0, f64::max);
        // How far a place may come from where it rests: the start, and as much again for being pushed.
        let off_mm = 3f64.sqrt() * (t.seating_shift_mm + t.seating_turn_deg.to_radians() * lever_mm) + 1.0;
        let (mut lo, mut hi) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
        for p in &places {
            for a in 0..3 {
                lo[a] = lo[a].min(p[a] - off_mm);
                hi[a] = hi[a].max(p[a] + off_mm);
            }
        }
        if places.is_empty() {
            (lo, hi) = ([0.0; 3], [1.0; 3]);
        }
        hi[2] += LIFT_MM;
        let grid = PartGrid::over(lo, hi, STEP_MM);
        let mut marked = vec![false; grid.len()];
        for p in &places {
            let at: [usize; 3] = std::array::from_fn(|a| ((p[a] - lo[a]) / STEP_MM).round() as usize);
            // The way down passes above the place.
            for up in 0..=(LIFT_MM / STEP_MM) as usize {
                let k = (at[2] + up).min(grid.dims[2] - 1);
                marked[k * grid.layer()
                    + at[1].min(grid.dims[1] - 1) * grid.dims[0]
                    + at[0].min(grid.dims[0] - 1)] = true;
            }
        }
        let band = distance_to(grid.dims, [STEP_MM; 3], |at| marked[at]);
        // Bone matters within what it is moved by and what places start off by; farther it is far.
        let told_mm = off_mm + t.seating_bias_mm;
        let distance_mm = (0..grid.len())
            .into_par_iter()
            .map(|at| {
                if f64::from(band[at]) > off_mm {
                    return told_mm as f32;
                }
                bone.signed_distance_mm(grid.place(at), told_mm).unwrap_or(told_mm) as f32
            })
            .collect();
        Self { places, grid, distance_mm, middle, lever_mm }
    }

    /// One trial: what is left of overlap, and the proudest place, mm.
    fn trial(&self, number: u64, t: &ImplantToml) -> (f64, f64) {
        let mut random = Random::new(SEED ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut within = |most: f64| random.within(-most, most);
        let turn_mm = t.seating_turn_deg.to_radians() * self.lever_mm;
        let mut x: Motion = Vector6::zeros();
        for a in 0..3 {
            x[a] = within(t.seating_shift_mm);
        }
        for a in 3..6 {
            x[a] = within(turn_mm);
        }
        let bias_mm = within(t.seating_bias_mm);
        // The hand's own error in height is what it starts from, not what it ends at.
        let steps = (LIFT_MM / 0.5) as usize;
        x[2] += LIFT_MM;
        for k in 1..=steps {
            let height_mm = LIFT_MM * (steps - k) as f64 / steps as f64;
            for _ in 0..if k == steps { 10 } else { 3 } {
                self.push(&mut x, bias_mm, Some(height_mm));
            }
        }
        for _ in 0..12 {
            if !self.push(&mut x, bias_mm, None) {
                break;
            }
        }
        let turn = self.turn(&x);
        let (mut overlap, mut proud) = (0.0f64, f64::NEG_INFINITY);
        for p in &self.places {
            let q = self.moved(p, &x, &turn);
            overlap = overlap.max(-(self.at(q).0 - bias_mm));
            proud = proud.max(q.z - p.z);
        }
        (overlap.max(0.0), proud)
    }

    fn turn(&self, x: &Motion) -> Rotation3<f64> {
        Rotation3::new(Vector3::new(x[3], x[4], x[5]) / self.lever_mm)
    }

    fn moved(&self, p: &Vector3<f64>, x: &Motion, turn: &Rotation3<f64>) -> Vector3<f64> {
        turn * (p - self.middle) + self.middle + Vector3::new(x[0], x[1], x[2])
    }

    /// One damped step of Gauss and Newton on what overlaps, with the hand's springs where it holds; false where nothing
    /// overlaps and no hand holds.
    fn push(&self, x: &mut Motion, bias_mm: f64, hand_mm: Option<f64>) -> bool {
        let turn = self.turn(x);
        let (mut a, mut b) = (Matrix6::<f64>::zeros(), Vector6::<f64>::zeros());
        let mut touches = false;
        for p in &self.places {
            let q = self.moved(p, x, &turn);
            let (d, g) = self.at(q);
            // A hair more than free, so that the last step does not end on the border.
            let overlap = 0.5 * OVERLAP_MM - (d - bias_mm);
            if overlap <= 0.0 {
                continue;
            }
            touches = true;
            let arm = (q - self.middle - Vector3::new(x[0], x[1], x[2])).cross(&g) / self.lever_mm;
            let j = Vector6::new(g.x, g.y, g.z, arm.x, arm.y, arm.z);
            a += j * j.transpose();
            b += j * overlap;
        }
        if let Some(height_mm) = hand_mm {
            // Height and level; along and about the axis the bone leads.
            for (k, to) in [(2, height_mm), (3, 0.0), (4, 0.0)] {
                a[(k, k)] += HAND * 0.01;
                b[k] += HAND * 0.01 * (to - x[k]);
            }
        } else if !touches {
            return false;
        }
        for k in 0..6 {
            a[(k, k)] += 1e-3;
        }
        let Some(step) = a.cholesky().map(|c| c.solve(&b)) else { return false };
        // No further than the grid is smooth.
        let most = step.amax();
        *x += if most > 0.5 { step * (0.5 / most) } else { step };
        true
    }

    /// Distance to bone, mm, and its gradient; trilinear, the border's values outside.
    fn at(&self, p: Vector3<f64>) -> (f64, Vector3<f64>) {
        let [ni, nj, nk] = self.grid.dims;
        let mut base = [0usize; 3];
        let mut s = [0f64; 3];
        for a in 0..3 {
            let last = (self.grid.dims[a] - 1) as f64;
            let at = ((p[a] - self.grid.origin_mm[a]) / STEP_MM).clamp(0.0, last);
            base[a] = (at as usize).min(self.grid.dims[a].saturating_sub(2));
            s[a] = at - base[a] as f64;
        }
        let v = |i: usize, j: usize, k: usize| {
            let at =
                ((base[2] + k).min(nk - 1) * nj + (base[1] + j).min(nj - 1)) * ni + (base[0] + i).min(ni - 1);
            f64::from(self.distance_mm[at])
        };
        let mix = |a: f64, b: f64, s: f64| a + s * (b - a);
        let c = [
            [v(0, 0, 0), v(1, 0, 0)],
            [v(0, 1, 0), v(1, 1, 0)],
            [v(0, 0, 1), v(1, 0, 1)],
            [v(0, 1, 1), v(1, 1, 1)],
        ];
        let x = c.map(|[a, b]| mix(a, b, s[0]));
        let y = [mix(x[0], x[1], s[1]), mix(x[2], x[3], s[1])];
        let dx = c.map(|[a, b]| b - a);
        let gx = mix(mix(dx[0], dx[1], s[1]), mix(dx[2], dx[3], s[1]), s[2]);
        let gy = mix(x[1] - x[0], x[3] - x[2], s[2]);
        (mix(y[0], y[1], s[2]), Vector3::new(gx, gy, y[1] - y[0]) / STEP_MM)
    }
}

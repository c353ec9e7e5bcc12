//! Does a rapid, a shank or a holder meet stock, or anything a fixture?

use std::collections::HashMap;

use osteomill::model::Job;

use super::form::{Form, length};
use super::{V, Walk};

/// Columns of the stock and steps of the tool over them, mm; and how deep a collision must be to be told.
const COLUMN_MM: f64 = 0.4;
const STRIDE_MM: f64 = 0.2;
const SPARE_MM: f64 = 0.05;

/// The stock as columns, milled in order; the first collision.
pub fn collision(walks: &[Walk], forms: &HashMap<u32, Form>, job: &Job) -> Option<String> {
    let (lo, hi) = (job.stock.min_mm.mm, job.stock.max_mm.mm);
    let n = [0, 1].map(|a| ((hi[a] - lo[a]) / COLUMN_MM).round() as usize);
    // Heights on both sides, each upwards to its own tool.
    let mut top = [vec![hi[2]; n[0] * n[1]], vec![-lo[2]; n[0] * n[1]]];
    let at = |a: usize, k: usize| lo[a] + (k as f64 + 0.5) * COLUMN_MM;
    for w in walks {
        let (Some(form), Some(tool)) = (forms.get(&w.tool), job.tool.iter().find(|t| t.number == w.tool))
        else {
            continue;
        };
        let side = usize::from(w.up < 0.0);
        let blank_top = if side == 0 { hi[2] } else { -lo[2] };
        let setup = job.program[w.program].setup;
        let mut met: Option<&str> = None;
        let over = |tip: V, r: f64, each: &mut dyn FnMut(usize, f64)| {
            let range = |a: usize| {
                let first = ((tip[a] - r - lo[a]) / COLUMN_MM - 0.5).ceil().max(0.0) as usize;
                let last = ((tip[a] + r - lo[a]) / COLUMN_MM - 0.5).floor() + 1.0;
                first..(last.max(0.0) as usize).min(n[a])
            };
            for j in range(1) {
                for i in range(0) {
                    let rho = length(at(0, i) - tip[0], at(1, j) - tip[1]);
                    if rho < r {
                        each(j * n[0] + i, rho);
                    }
                }
            }
        };
        let mut look = |tip: V, cuts: bool| {
            let tip = [tip[0], tip[1], w.up * tip[2]];
            for f in job.fixture.iter().filter(|f| f.setups.contains(&setup)) {
                let (flo, fhi) = (f.body.min_mm.mm, f.body.max_mm.mm);
                let off = |a: usize| (flo[a] - tip[a]).max(tip[a] - fhi[a]).max(0.0);
                let (rho, high) = (length(off(0), off(1)), if side == 0 { fhi[2] } else { -flo[2] });
                let bodies = [
                    (form.r, if rho < form.r { form.end(rho) } else { 0.0 }),
                    (tool.shank_diameter_mm / 2.0, tool.flute_length_mm),
                    (tool.holder_diameter_mm / 2.0, tool.stick_out_mm),
                ];
                if bodies.iter().any(|(r, z)| rho < r - SPARE_MM && tip[2] + z < high - SPARE_MM) {
                    met = met.or(Some("a fixture"));
                }
            }
            if tip[2] >= blank_top {
                return;
            }
            for (r, z, what) in [
                (tool.shank_diameter_mm / 2.0, tool.flute_length_mm, "the shank in stock"),
                (tool.holder_diameter_mm / 2.0, tool.stick_out_mm, "the holder in stock"),
            ] {
                // What the cutter itself passes over is gone before.
                if tip[2] + z < blank_top - SPARE_MM && r > form.r {
                    over(tip, r - SPARE_MM, &mut |c, rho| {
                        let thick = top[0][c] + top[1][c] > SPARE_MM;
                        if rho > form.r + SPARE_MM && thick && top[side][c] > tip[2] + z + SPARE_MM {
                            met = met.or(Some(what));
                        }
                    });
                }
            }
            if w.rapid {
                over(tip, form.r - SPARE_MM, &mut |c, rho| {
                    let z = tip[2] + form.end(rho);
                    let bottom = -top[1 - side][c];
                    if top[side][c] - z.max(bottom) > SPARE_MM {
                        met = met.or(Some("a rapid through stock"));
                    }
                });
            }
            if cuts {
                over(tip, form.r, &mut |c, rho| {
                    let z = tip[2] + form.end(rho);
                    top[side][c] = top[side][c].min(z);
                });
            }
        };
        if w.rapid
            && let [from, to] = w.places[..]
        {
            for p in dog_leg(from, to, job.machine.rapid_mm_per_min) {
                look(p, false);
            }
        }
        w.steps(STRIDE_MM, |tip| look(tip, true));
        if let Some(what) = met {
            return Some(format!("{what}: program {} line {}", w.program, w.line));
        }
    }
    None
}

/// Places of a rapid whose axes each run at their own speed; none where it runs along one axis.
fn dog_leg(from: V, to: V, speed: [f64; 3]) -> Vec<V> {
    let time: V = std::array::from_fn(|a| (to[a] - from[a]).abs() / speed[a]);
    if time.iter().filter(|t| **t > 0.0).count() < 2 {
        return Vec::new();
    }
    let whole = time.iter().copied().fold(0.0, f64::max);
    let length = (0..3).map(|a| (to[a] - from[a]).powi(2)).sum::<f64>().sqrt();
    let n = (1.5 * length / STRIDE_MM).ceil() as usize;
    (0..=n)
        .map(|i| {
            let now = whole * i as f64 / n as f64;
            std::array::from_fn(|a| {
                if time[a] <= now { to[a] } else { from[a] + (to[a] - from[a]) * now / time[a] }
            })
        })
        .collect()
}

//! The places of the finished surface that are asked for again and again.
//!
//! Every so many mm² of surface clear of tab witnesses and marking, one; and of each tool in each setup the few places that stand out
//! most and least, so that the ends of the spread are among them.

use std::collections::BTreeMap;

use nalgebra::Vector3;

use super::marking::Groove;
use super::samples::Sample;
use super::sweep::{Near, Sweep};
use super::witness::Witnesses;

/// Evenly by area.
const EVEN: f64 = 4096.0;
/// Of each tool in each setup, on either end of the spread.
const ENDS: usize = 8;

/// A place of the finished surface.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    pub p_mm: [f64; 3],
    /// As programmed.
    pub deviation_mm: f64,
    /// Area it stands for, mm².
    pub area_mm2: f64,
    /// What decides it; `None` where no cutter comes near.
    pub decided: Option<Decided>,
}

/// The move that decides a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decided {
    pub index: u32,
    pub setup: u32,
    pub tool: u32,
    /// Between the direction up the tool and the way from the cutter to the place, as cosine of the angle from the pole
    /// of a ball: 1 on a floor, 0 on a wall.
    pub cos_from_pole: f64,
}

/// The places, in the order of setups and tools.
pub fn choose(
    samples: &[Sample],
    near: &[Near],
    witnesses: &Witnesses,
    groove: Option<&Groove>,
    sweep: &Sweep,
) -> Vec<Place> {
    // In the marking's groove a deviation is none from the face. At its edge the ball that cut it may come nearest, but if it
    // bends or is thinner the finishing ball decides, which slopes of the deciding cutter do not know.
    let marked = |p: [f64; 3]| groove.is_some_and(|g| g.reaches(p));
    let clear: Vec<usize> = (0..samples.len())
        // Where no cutter comes, none that is off changes anything.
        .filter(|&i| near[i].index.is_some() && !witnesses.near(samples[i].p_mm) && !marked(samples[i].p_mm))
        .collect();
    let whole: f64 = clear.iter().map(|&i| samples[i].area_mm2).sum();
    let step = whole / EVEN;
    let mut chosen: BTreeMap<usize, f64> = BTreeMap::new();
    let (mut sum, mut next) = (0.0, 0.5 * step);
    for &i in &clear {
        sum += samples[i].area_mm2;
        while next <= sum {
            *chosen.entry(i).or_default() += step;
            next += step;
        }
    }
    for i in ends(&clear, near, sweep) {
        chosen.entry(i).or_insert(samples[i].area_mm2);
    }
    let mut places: Vec<Place> = chosen
        .into_iter()
        .map(|(i, area_mm2)| Place {
            p_mm: samples[i].p_mm,
            deviation_mm: near[i].distance_mm,
            area_mm2,
            decided: near[i].index.map(|index| decided(samples[i].p_mm, index, sweep)),
        })
        .collect();
    places.sort_by_key(|p| p.decided.map(|d| (d.setup, d.tool)));
    places
}

fn decided(p_mm: [f64; 3], index: u32, sweep: &Sweep) -> Decided {
    let (tool, setup, up) = sweep.made_by(index);
    let (out, _): (Vector3<f64>, f64) = sweep.gradient(p_mm, index);
    let cos_from_pole = (-out.dot(&up)).clamp(0.0, 1.0);
    Decided { index, setup, tool: tool.number, cos_from_pole }
}

/// Deviation and number of the places that stand out least, and of those that stand out most.
type Ends = [Vec<(f64, usize)>; 2];

/// Of each tool in each setup the places that stand out least and most; among equals the earlier.
fn ends(clear: &[usize], near: &[Near], sweep: &Sweep) -> Vec<usize> {
    let mut of: BTreeMap<(u32, u32), Ends> = BTreeMap::new();
    for &i in clear {
        let Some(index) = near[i].index else { continue };
        let (tool, setup, _) = sweep.made_by(index);
        let held = of.entry((setup, tool.number)).or_default();
        for (list, d) in held.iter_mut().zip([near[i].distance_mm, -near[i].distance_mm]) {
            if list.len() == ENDS && list[ENDS - 1].0 <= d {
                continue;
            }
            let at = list.partition_point(|l| l.0 <= d);
            list.insert(at, (d, i));
            list.truncate(ENDS);
        }
    }
    of.into_values().flatten().flatten().map(|(_, i)| i).collect()
}

//! Which tab witnesses are believed, and what each takes out of the comparison.
//!
//! A witness is a place where the judge's milling found a bridge of stock still on the part. It is believed only
//! if it sits on the rim, their number is plausible, and what it covers is small. Only material left on is ever
//! left out: a gouge beside a tab is a gouge. A witness that is not believed leaves nothing out. Beyond the ball that holds the
//! stub, as the milling found it, only what hangs together with what is left on within: the ends of its fillets. Where the job states its
//! tabs, a bridge that stands beside them is not believed: passes of the rim that were mirrored on a plate alike on both
//! sides moved its tabs by half their width, and nothing else was off. Where the job says how far what its programs leave on about a tab
//! reaches, what is left on farther off is no fillet either: passes that were lost beside a tab left one 0.7 mm longer.

use std::collections::BTreeSet;

use nalgebra::Vector3;

use crate::geometry::Bvh;
use crate::model::{JobTab, Part, TabWitness};

use super::params::InspectToml;
use super::samples::Sample;

/// A bridge may stand beside its tab along the rim by this, mm, and …
const ASIDE_MM: f64 = 0.3;
/// … this share of the tab's width: where the rim bends, one of its fillets is the larger. On two real plates up to 0.6 mm at 7 mm.
const ASIDE_SHARE: f64 = 0.1;

/// What hangs together lies in cells of this width, mm, one beside the other: samples lie up to twice 0.1 mm apart. And the
/// milling's lines, of which it knows the stub, lie 0.1 mm apart.
const CELL_MM: f64 = 0.2;

/// What is left on about a tab may reach this much farther than the job says, mm: a cell, and what lies between 20 µm left on, from
/// which the statement counts, and the tolerance in a fillet.
const BEYOND_STATED_MM: f64 = 0.3;

type Cell = [i32; 3];

/// A place that may be left out, with what it leaves out.
#[derive(Clone, Debug, PartialEq)]
pub struct Believed {
    /// Middle, part mm.
    pub centre: Vector3<f64>,
    /// Radius that holds the stub and its root, mm.
    pub radius_mm: f64,
    /// Beyond that its fillets may reach to here, mm.
    pub reach_mm: f64,
    /// The tab of the job, where the job states its tabs.
    stated: Option<JobTab>,
    /// Cells in which stub and fillets stand beyond the tolerance.
    fillets: BTreeSet<Cell>,
    /// Design area left out, mm².
    pub excluded_mm2: f64,
}

/// What became of the witnesses.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Witnesses {
    /// Those believed.
    pub believed: Vec<Believed>,
    /// Why others are not, one sentence each.
    pub refused: Vec<String>,
}

impl Witnesses {
    /// True where material left on is a believed tab.
    pub fn hold(&self, p_mm: [f64; 3], deviation_mm: f64, tolerance_mm: f64) -> bool {
        deviation_mm > tolerance_mm && self.cover(p_mm)
    }

    /// True on a believed tab and in its fillets: what is left on here is left out.
    pub fn cover(&self, p_mm: [f64; 3]) -> bool {
        self.believed.iter().any(|w| w.covers(p_mm))
    }

    /// True where a believed tab may have left something, though it be within the tolerance.
    pub fn near(&self, p_mm: [f64; 3]) -> bool {
        self.believed.iter().any(|w| covers(w.centre, w.reach_mm, p_mm))
    }

    /// Area left out, mm².
    pub fn excluded_mm2(&self) -> f64 {
        self.believed.iter().map(|w| w.excluded_mm2).sum()
    }
}

impl Believed {
    fn covers(&self, p_mm: [f64; 3]) -> bool {
        covers(self.centre, self.radius_mm, p_mm)
            || covers(self.centre, self.reach_mm, p_mm)
                && self.stated.is_none_or(|t| within_stated(&t, p_mm))
                && beside(cell(p_mm)).any(|c| self.fillets.contains(&c))
    }
}

fn cell(p_mm: [f64; 3]) -> Cell {
    p_mm.map(|x| (x / CELL_MM).floor() as i32)
}

/// The cell and those about it.
fn beside([i, j, k]: Cell) -> impl Iterator<Item = Cell> {
    (0..27).map(move |n| [i + n % 3 - 1, j + (n / 3) % 3 - 1, k + n / 9 - 1])
}

/// Cells of those places that lie within `radius_mm`, and of all that hang together with one.
fn hang_together(centre: Vector3<f64>, radius_mm: f64, left_on: &[[f64; 3]]) -> BTreeSet<Cell> {
    let (within, beyond): (Vec<[f64; 3]>, Vec<[f64; 3]>) =
        left_on.iter().partition(|&&p| covers(centre, radius_mm, p));
    let mut open: BTreeSet<Cell> = beyond.into_iter().map(cell).collect();
    let mut out: BTreeSet<Cell> = within.into_iter().map(cell).collect();
    let mut ask: Vec<Cell> = out.iter().copied().collect();
    while let Some(at) = ask.pop() {
        for c in beside(at).filter(|c| open.remove(c)) {
            out.insert(c);
            ask.push(c);
        }
    }
    out
}

/// True where the job does not say how far what is left on about the tab reaches, or says that it may reach here.
fn within_stated(tab: &JobTab, p_mm: [f64; 3]) -> bool {
    let Some(ranges) = tab.left_on_mm else { return true };
    ranges
        .iter()
        .zip(tab.from_middle_mm(p_mm))
        .all(|([from, to], x)| (from - BEYOND_STATED_MM..=to + BEYOND_STATED_MM).contains(&x))
}

fn covers(centre: Vector3<f64>, radius_mm: f64, p_mm: [f64; 3]) -> bool {
    (Vector3::from(p_mm) - centre).norm_squared() <= radius_mm * radius_mm
}

/// Judges the witnesses by the design and the deviations of its samples.
pub fn judge(
    found: &[TabWitness],
    stated: &[JobTab],
    samples: &[Sample],
    deviation_mm: &[f64],
    design: &Bvh<Part>,
    t: &InspectToml,
) -> Witnesses {
    let mut out = Witnesses::default();
    if found.is_empty() {
        return out;
    }
    if !(t.tab_witness_count_min..=t.tab_witness_count_max).contains(&found.len()) {
        out.refused.push(format!(
            "{} tab witnesses, expected {} to {}: none is left out of the comparison",
            found.len(),
            t.tab_witness_count_min,
            t.tab_witness_count_max
        ));
        return out;
    }
    for (i, w) in found.iter().enumerate() {
        let centre = Vector3::from(w.centre_part_mm);
        let (radius_mm, reach_mm) =
            (w.radius_mm + CELL_MM, w.radius_mm + t.tab_witness_margin_mm.max(CELL_MM));
        let taken = |s: &Sample, d: f64| d > t.tolerance_mm && covers(centre, reach_mm, s.p_mm);
        let left_on: Vec<&Sample> =
            samples.iter().zip(deviation_mm).filter(|(s, d)| taken(s, **d)).map(|(s, _)| s).collect();
        let places: Vec<[f64; 3]> = left_on.iter().map(|s| s.p_mm).collect();
        let fillets = hang_together(centre, radius_mm, &places);
        let mut tab = Believed {
            centre,
            radius_mm,
            reach_mm,
            stated: nearest(&centre, stated),
            fillets,
            excluded_mm2: 0.0,
        };
        // A sample within an earlier witness is counted there too: overlapping witnesses only get stricter.
        tab.excluded_mm2 = left_on.iter().filter(|s| tab.covers(s.p_mm)).map(|s| s.area_mm2).sum();
        let excluded_mm2 = tab.excluded_mm2;
        let limit = t.tab_witness_mm2_max;
        // Written so that NaN is refused.
        if !(w.area_mm2 <= limit && excluded_mm2 <= limit && reach_mm.is_finite()) {
            out.refused.push(format!(
                "tab witness {} covers {:.1} mm² of section and {excluded_mm2:.1} mm² of surface, limit {limit} mm²",
                i + 1,
                w.area_mm2
            ));
        } else if let Some(aside_mm) = off_its_tab(&centre, stated) {
            out.refused.push(format!(
                "tab witness {} stands {aside_mm:.2} mm along the rim beside the nearest tab of the job",
                i + 1
            ));
        } else if !on_rim(&centre, w.radius_mm, samples, design) {
            out.refused.push(format!("tab witness {} does not sit on the rim", i + 1));
        } else {
            out.believed.push(tab);
        }
    }
    let whole: f64 = samples.iter().map(|s| s.area_mm2).sum();
    let share = out.excluded_mm2() / whole;
    if share > t.tab_witness_share_max {
        out.believed.clear();
        out.refused.push(format!(
            "tab witnesses cover {:.1} % of the surface, limit {:.1} %: none is left out",
            share * 100.0,
            t.tab_witness_share_max * 100.0
        ));
    }
    out
}

/// By how much too far a bridge stands beside a tab along the rim, mm, less than zero where it does not, and how far it stands.
fn off(centre: &Vector3<f64>, tab: &JobTab) -> (f64, f64) {
    let [out_mm, aside_mm, _] = tab.from_middle_mm((*centre).into()).map(f64::abs);
    // As far off as it is wide it is another tab's.
    let over_mm = aside_mm - ASIDE_MM - ASIDE_SHARE * tab.width_mm;
    (over_mm.max(out_mm - tab.width_mm), aside_mm.max(out_mm))
}

/// The tab of the job that a bridge stands least beside.
fn nearest(centre: &Vector3<f64>, stated: &[JobTab]) -> Option<JobTab> {
    stated.iter().min_by(|a, b| off(centre, a).0.total_cmp(&off(centre, b).0)).copied()
}

/// How far along the rim a bridge stands beside the nearest stated tab, mm, where that is too far.
fn off_its_tab(centre: &Vector3<f64>, stated: &[JobTab]) -> Option<f64> {
    let (over_mm, aside_mm) = off(centre, &nearest(centre, stated)?);
    // Written so that NaN is too far.
    (!(over_mm <= 0.0)).then_some(aside_mm)
}

/// On the rim: some sample within the stub looks sideways (more than 45° off the part's z) and a level line from it
/// outwards meets the part no more, as it would in a hole.
fn on_rim(centre: &Vector3<f64>, radius_mm: f64, samples: &[Sample], design: &Bvh<Part>) -> bool {
    samples.iter().any(|s| {
        let side = Vector3::new(s.normal[0], s.normal[1], 0.0);
        // 1e-4 mm off the surface: far above rounding, far below any wall.
        covers(*centre, radius_mm, s.p_mm)
            && side.norm() > 0.7
            && design.first_hit(s.p_mm, side.normalize().into(), 1e-4, f64::INFINITY).is_none()
    })
}

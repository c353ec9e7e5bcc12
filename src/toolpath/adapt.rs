//! Clears a region of one layer so that the mill's edge never stands in stock over more than an angle.
//!
//! **Method** The tool walks in short steps. Every step turns as far to the right, where the stock is, as the bound of
//! the engagement angle and the region allow: in a field that is a spiral or a front, in a corner it opens in arcs, in
//! a slot it strokes across and returns, like a trochoid. Engagement is counted on the real remaining stock, so no
//! curvature needs a rule of its own. Where nothing more is met the pass ends; the next one begins at the upstream end
//! of the nearest border between what is cleared and what is not. The idea is that of adaptive clearing (Freesteel,
//! 2004); there the area taken per step is held, here the angle.
//!
//! **Guarantees** Stock is on the right of the path: the mill climbs. What no bounded pass opens is cut last, with
//! larger angles from a list, and told apart.

use super::plane::Plane;
use super::stock::Layer;
use super::ways::between;

/// Length of a step, mm: two steps of a mill of 4 mm leave scallops of 2.5 µm between discs.
pub(super) const STEP_MM: f64 = 0.2;
/// Sharpest turn towards the stock per step, degrees: an arc of 0.6 mm.
const TURN_DEG: i32 = 20;
/// Headings tried first are this far apart, degrees; then every degree between.
const COARSE_DEG: i32 = 5;
/// A pass that meets nothing for as long is over, mm.
const AIR_MM: f64 = 3.0;
/// Fewer pixels than this in a step are air.
const FILM_PIXELS: usize = 2;
/// A tool comes down where nothing stands this far beyond its edge, mm: two pixels.
pub const BERTH_MM: f64 = 0.2;
/// A pass that takes fewer pixels has not opened its place.
const PASS_PIXELS: usize = 6;

/// One pass, and how it is reached.
#[derive(Clone, Debug)]
pub struct Pass {
    /// Places of the axis.
    pub points: Vec<[f64; 2]>,
    /// How the tool gets to its first place.
    pub reach: Reach,
    /// Bound it was made with, degrees.
    pub bound_deg: u32,
}

/// A way to a pass.
#[derive(Clone, Debug)]
pub enum Reach {
    /// Over cleared ground from where the last pass ended.
    Along(Vec<[f64; 2]>),
    /// Down at the first place, where nothing stands near the tool, and on over cleared ground.
    Down(Vec<[f64; 2]>),
    /// Down at the pass itself: something may stand beside the tool.
    Tight([f64; 2]),
}

/// A region and its stock while it is cleared.
pub struct Clearing<'a> {
    pub(super) plane: &'a Plane,
    /// Distance to where the axis must not go, mm, per node.
    pub(super) clear_mm: &'a [f32],
    /// Nodes that belong to the piece.
    pub(super) mine: &'a [bool],
    /// Its stock.
    pub(super) layer: &'a mut Layer,
    /// What stands less than this far inside the edge of the tool is left, mm.
    pub(super) film_mm: f64,
    /// Longest way over cleared ground between passes, mm.
    pub(super) stay_mm: f64,
    /// Per node: free of stock, not known, or a pixel of stock under the tool there.
    pub(super) seen: Vec<usize>,
    /// Nodes at which a pass has failed to open.
    pub(super) dead: Vec<bool>,
    /// Searches are numbered; per node the last one that visited it, and from where.
    pub(super) search: u32,
    pub(super) visited: Vec<(u32, u32)>,
}

const FREE: usize = usize::MAX - 1;
const UNKNOWN: usize = usize::MAX - 2;

impl<'a> Clearing<'a> {
    /// Nothing walked yet.
    pub fn new(
        plane: &'a Plane,
        clear_mm: &'a [f32],
        mine: &'a [bool],
        layer: &'a mut Layer,
        film_mm: f64,
        stay_mm: f64,
    ) -> Self {
        let n = plane.len();
        Self {
            plane,
            clear_mm,
            mine,
            layer,
            film_mm,
            stay_mm,
            seen: vec![UNKNOWN; n],
            dead: vec![false; n],
            search: 0,
            visited: vec![(0, 0); n],
        }
    }

    /// All passes, first within `bounds_deg[0]`, then what is left within the larger ones. The tool is at `at`: above
    /// it or, where `down`, at the height of the region. `films`: those beside the tool are taken too.
    pub fn run(&mut self, mut at: [f64; 2], mut down: bool, bounds_deg: &[u32], films: bool) -> Vec<Pass> {
        let mut out = Vec::new();
        for &bound_deg in bounds_deg {
            self.dead.fill(false);
            while let Some(front) = self.nearest_front(at) {
                let (node, side) = self.upstream(front);
                let (reach, from) = self.reach(at, down, node, bound_deg);
                let (points, taken) = self.walk(vec![from], side as i32 * 45, bound_deg);
                if taken < PASS_PIXELS {
                    let stock = self.beside(node, side).expect("a front has stock beside it");
                    self.dead[stock] = true;
                }
                if taken == 0 {
                    continue;
                }
                self.gone(&reach, &points);
                (at, down) = (*points.last().expect("two points at least"), true);
                out.push(Pass { points, reach, bound_deg });
            }
        }
        if films {
            self.films(at, down, bounds_deg, &mut out);
        }
        out
    }

    /// What is left beside the tool goes last, place by place: a fin left standing grows with every height, until it
    /// meets the neck above the flutes.
    pub fn films(&mut self, mut at: [f64; 2], mut down: bool, bounds_deg: &[u32], out: &mut Vec<Pass>) {
        let film_mm = std::mem::replace(&mut self.film_mm, 0.0);
        self.seen.fill(UNKNOWN);
        self.dead.fill(false);
        while let Some((node, side)) = self.nearest_front(at) {
            let stock = self.beside(node, side).expect("a front has stock beside it");
            let to = self.plane.xy(stock);
            // More than a film is what no pass has opened.
            let open = self.layer.meets(to, -film_mm).is_none();
            let bound_deg = if open { bounds_deg[0] } else { *bounds_deg.last().expect("a bound at least") };
            let (reach, from) = self.reach(at, down, node, bound_deg);
            self.layer.cut(to);
            let (points, _) = self.walk(vec![from, to], side as i32 * 45, bound_deg);
            self.gone(&reach, &points);
            (at, down) = (*points.last().expect("two points at least"), true);
            out.push(Pass { points, reach, bound_deg });
        }
        self.film_mm = film_mm;
        self.seen.fill(UNKNOWN);
    }

    /// A pass that is kept takes what lies on the way to it, and surely what it was tried to take.
    fn gone(&mut self, reach: &Reach, points: &[[f64; 2]]) {
        if let Reach::Along(way) | Reach::Down(way) = reach {
            way.windows(2).flat_map(|w| between(w[0], w[1])).for_each(|p| self.layer.cut(p));
        }
        points.iter().for_each(|p| self.layer.cut_surely(*p));
    }

    /// How the tool gets to a node, or near it, and where that ends. To be asked before the pass: what it cuts is not
    /// cleared yet.
    fn reach(&mut self, at: [f64; 2], down: bool, node: usize, bound_deg: u32) -> (Reach, [f64; 2]) {
        let way = if down { self.way(at, node, bound_deg) } else { None };
        let reach = way.map(Reach::Along).unwrap_or_else(|| self.berth(node, bound_deg));
        let from = match &reach {
            Reach::Along(way) | Reach::Down(way) => *way.last().expect("a way has an end"),
            Reach::Tight(p) => *p,
        };
        (reach, from)
    }

    /// True where the tool at the node meets no stock.
    pub fn is_free(&mut self, node: usize) -> bool {
        match self.seen[node] {
            FREE => return true,
            UNKNOWN => {}
            pixel if self.layer.holds(pixel) => return false,
            _ => {}
        }
        self.seen[node] = self.layer.meets(self.plane.xy(node), -self.film_mm).unwrap_or(FREE);
        self.seen[node] == FREE
    }

    /// True where the axis may be.
    pub(super) fn allows(&self, p: [f64; 2]) -> bool {
        let plane = self.plane;
        let (x, y) = ((p[0] - plane.origin[0]) / plane.step, (p[1] - plane.origin[1]) / plane.step);
        let (i, j) = (x.floor(), y.floor());
        if !(i >= 0.0 && j >= 0.0 && i < (plane.nx - 1) as f64 && j < (plane.ny - 1) as f64) {
            return false;
        }
        let (u, v) = (x - i, y - j);
        let at = j as usize * plane.nx + i as usize;
        let of = |k: usize| f64::from(self.clear_mm[k]);
        let low = of(at) * (1.0 - u) + of(at + 1) * u;
        let high = of(at + plane.nx) * (1.0 - u) + of(at + plane.nx + 1) * u;
        // On the outermost nodes and between two of them.
        low * (1.0 - v) + high * v >= 0.99 * plane.step
    }

    /// A pass goes on from where it has come to, first towards `toward_deg`. Returns its places, up to the last that took a pixel,
    /// and how many pixels the new ones took.
    fn walk(&mut self, mut points: Vec<[f64; 2]>, toward_deg: i32, bound_deg: u32) -> (Vec<[f64; 2]>, usize) {
        let (mut at, mut heading) = (*points.last().expect("a pass begins somewhere"), toward_deg);
        let (mut last, mut whole) = (points.len() - 1, 0);
        let (mut air, mut begun) = (0.0, false);
        // 100 m: a pass is never as long.
        while points.len() < 500_000 {
            let right = if begun { TURN_DEG } else { 0 };
            let Some((to, turned)) = self.step(at, heading, right, bound_deg) else { break };
            (at, heading) = (to, turned);
            let taken = self.layer.try_cut(at);
            points.push(at);
            whole += taken;
            if taken > 0 {
                last = points.len() - 1;
            }
            if taken >= FILM_PIXELS {
                (air, begun) = (0.0, true);
            } else {
                air += STEP_MM;
                if air > AIR_MM {
                    break;
                }
            }
        }
        points.truncate(last + 1);
        (points, whole)
    }

    /// The rightmost step that the bound and the region allow.
    fn step(&self, at: [f64; 2], heading: i32, right: i32, bound_deg: u32) -> Option<([f64; 2], i32)> {
        let to = |h: i32| {
            let (s, c) = f64::from(h).to_radians().sin_cos();
            [at[0] + STEP_MM * c, at[1] + STEP_MM * s]
        };
        let may = |h: i32| self.allows(to(h)) && self.layer.engaged_deg(to(h), h) <= bound_deg;
        let mut h = heading - right;
        if may(h) {
            return Some((to(h), h.rem_euclid(360)));
        }
        // As far as straight back.
        while h < heading + 180 {
            h += COARSE_DEG;
            if may(h) {
                let fine = (h - COARSE_DEG + 1..=h).find(|&f| may(f)).expect("the last of them may");
                return Some((to(fine), fine.rem_euclid(360)));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::stock::Stock;
    use super::*;

    /// A bay with a bent border, as a ledge is: how far inside it a place is, mm.
    fn inside_mm([x, y]: [f64; 2]) -> f64 {
        let bay = 11.0 - x.hypot(y) + 1.3 * (3.0 * y.atan2(x)).cos();
        bay.min((x - 4.0).hypot(y - 2.0) - 3.0)
    }

    #[test]
    fn what_is_taken_for_gone_lies_under_a_pass() {
        let radius_mm = 3.0;
        let stock = Stock::blank([-18.0; 2], [18.0; 2], 0.0);
        for bound_deg in [40, 80] {
            let mut layer = stock.layer(-1.0, radius_mm);
            let plane = Plane::over([-14.0; 2], [14.0; 2], 0.25);
            let clear: Vec<f32> =
                (0..plane.len()).map(|at| inside_mm(plane.xy(at)).max(0.0) as f32).collect();
            let mine: Vec<bool> = clear.iter().map(|&c| c > 0.0).collect();
            let start = [-6.0, -2.0];
            // Room for the first pass to begin in.
            let mut begun = vec![];
            for k in 0..36 {
                let (s, c) = (f64::from(k) * 10f64).to_radians().sin_cos();
                begun.push([start[0] + 0.5 * c, start[1] + 0.5 * s]);
                layer.cut(begun[begun.len() - 1]);
            }
            let mut clearing = Clearing::new(&plane, &clear, &mine, &mut layer, 0.1, 30.0);
            let passes = clearing.run(start, true, &[bound_deg, 180], false);
            assert!(passes.len() > 2, "{}", passes.len());
            let way = |p: &Pass| match &p.reach {
                Reach::Along(way) | Reach::Down(way) => way.clone(),
                Reach::Tight(at) => vec![*at],
            };
            let lines: Vec<Vec<[f64; 2]>> =
                passes.iter().flat_map(|p| [way(p), p.points.clone()]).chain([begun]).collect();
            let near = |p: [f64; 2]| {
                let to = |a: [f64; 2], b: [f64; 2]| {
                    let d = [b[0] - a[0], b[1] - a[1]];
                    let l2 = d[0] * d[0] + d[1] * d[1];
                    let t = ((p[0] - a[0]) * d[0] + (p[1] - a[1]) * d[1]) / l2.max(1e-12);
                    let t = t.clamp(0.0, 1.0);
                    (p[0] - a[0] - t * d[0]).hypot(p[1] - a[1] - t * d[1])
                };
                let of = |l: &Vec<[f64; 2]>| match l.as_slice() {
                    [only] => to(*only, *only),
                    _ => l.windows(2).map(|w| to(w[0], w[1])).fold(f64::INFINITY, f64::min),
                };
                lines.iter().map(of).fold(f64::INFINITY, f64::min)
            };
            let pixels = stock.plane;
            let gone = (0..pixels.len()).filter(|&at| !layer.holds(at));
            let (mut count, mut worst) = (0, 0f64);
            for at in gone {
                count += 1;
                worst = worst.max(near(pixels.xy(at)));
            }
            assert!(count > 20_000, "{count}");
            assert!(worst <= radius_mm + 1e-9, "taken for gone {worst} mm from every pass of {radius_mm} mm");
        }
    }
}

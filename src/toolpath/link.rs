//! From pieces of path to moves: order, links, entries.
//!
//! **Method** The nearest piece not yet cut comes next. Short links stay down: along the surface of cutter locations
//! where it is shallow, else up, across above it, and down. Long ones lift to the clearance plane. Every entry runs
//! down along the pass itself, so nothing is plunged into and no lead can cut into the part.
//!
//! **Guarantees** Rapids are vertical or at clearance height; a rapid down ends above what roughing may have left.

use crate::model::Move;

use super::plane::{Lowered, Plane};
use super::raster::{Chords, Piece, follow};

/// Height of what may still stand under a tool, per lattice node.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The lattice.
    pub plane: Plane,
    /// Highest stock that a tool of the radius this was made for can meet, mm.
    pub z_mm: Vec<f64>,
    /// Above this it surely meets nothing, not even what is thinner than a pixel of stock, mm: rapids end here.
    pub sure_mm: Vec<f64>,
    /// Height off the lattice: top of the blank.
    pub outside_mm: f64,
}

impl Standing {
    /// Highest stock under a tool on the axis `(x, y)`.
    pub fn at(&self, x: f64, y: f64) -> f64 {
        self.highest(&self.z_mm, x, y)
    }

    /// Where rapids end above a tool's place on the axis `(x, y)`.
    pub fn sure(&self, x: f64, y: f64) -> f64 {
        self.highest(&self.sure_mm, x, y)
    }

    fn highest(&self, z_mm: &[f64], x: f64, y: f64) -> f64 {
        let (i, j) =
            ((x - self.plane.origin[0]) / self.plane.step, (y - self.plane.origin[1]) / self.plane.step);
        if i < 0.0 || j < 0.0 || i > (self.plane.nx - 1) as f64 || j > (self.plane.ny - 1) as f64 {
            return self.outside_mm;
        }
        let mut top = f64::NEG_INFINITY;
        for a in [i.floor(), i.ceil()] {
            for b in [j.floor(), j.ceil()] {
                top = top.max(z_mm[b as usize * self.plane.nx + a as usize]);
            }
        }
        top
    }
}

/// Heights and lengths of entries and links.
#[derive(Clone, Copy, Debug)]
pub struct Leads {
    /// Travels happen here, mm.
    pub clearance_mm: f64,
    /// A rapid down ends this far above standing stock, mm.
    pub gap_mm: f64,
    /// Height above the pass at which its ramp begins: the skin to go through, mm.
    pub ramp_height_mm: f64,
    /// Where more than that may stand the ramp begins higher, up to this, mm.
    pub ramp_height_mm_max: f64,
    /// Length of the ramp along the pass, mm.
    pub ramp_mm: f64,
    /// Longest link that stays down, mm.
    pub stay_mm: f64,
    /// Longest link that follows the surface, mm.
    pub follow_mm: f64,
}

/// A ball is not fed straight down through more than this, mm: its own ramps' skin at most.
const PLUNGE_MM_MAX: f64 = 0.3;
/// So many places of a pass are tried as its beginning, and so often is a ramp raised whose top meets stock as well.
const ENTRIES_MAX: usize = 64;
const RAISES_MAX: usize = 4;

/// Strokes of a ramp on a short pass: on one of hundredths of a millimetre nothing is left to ramp into.
const STROKES_MAX: f64 = 100.0;

/// A ramp, foot first, and how far down to its top stock may stand.
struct WayIn {
    ramp: Vec<[f64; 3]>,
    height_mm: f64,
    plunge_mm: f64,
}

impl WayIn {
    fn top(&self) -> [f64; 3] {
        *self.ramp.last().expect("a ramp has its foot at least")
    }
}

/// Writes moves.
pub struct Linker<'a> {
    cl: Lowered<'a>,
    standing: &'a Standing,
    leads: Leads,
    chords: Chords,
    /// What has been written.
    pub moves: Vec<Move>,
    at: Option<[f64; 3]>,
}

impl<'a> Linker<'a> {
    /// Begins at the clearance plane.
    pub fn new(cl: Lowered<'a>, standing: &'a Standing, leads: Leads, chords: Chords) -> Self {
        Self { cl, standing, leads, chords, moves: vec![], at: None }
    }

    /// All pieces, nearest first; ends at the clearance plane.
    pub fn pieces(&mut self, pieces: Vec<Piece>) {
        let mut left: Vec<Option<Piece>> = pieces.into_iter().map(Some).collect();
        let mut remaining = left.len();
        while remaining > 0 {
            let (k, turn) = self.nearest(&left);
            let piece = left[k].take().expect("the nearest is one that is left");
            self.piece(turned(piece, turn));
            remaining -= 1;
        }
        self.lift();
    }

    /// Number of the nearest piece left and how to turn it: start at vertex `t`, or backwards from its end.
    fn nearest(&self, left: &[Option<Piece>]) -> (usize, Turn) {
        let mut best = (f64::INFINITY, 0, Turn::Asis);
        for (k, piece) in left.iter().enumerate() {
            let Some(piece) = piece else { continue };
            let Some(at) = self.at else { return (k, Turn::Asis) };
            let distance = |p: &[f64; 3]| {
                // Downwards is preferred to sideways: the levels of one wall follow one another.
                (p[0] - at[0]).hypot(p[1] - at[1]) + 0.5 * (p[2] - at[2]).abs()
            };
            let mut offer = |d: f64, turn: Turn| {
                if d < best.0 {
                    best = (d, k, turn);
                }
            };
            if piece.closed {
                for (v, p) in piece.points.iter().enumerate().step_by(4) {
                    offer(distance(p), Turn::StartAt(v));
                }
            } else {
                offer(distance(&piece.points[0]), Turn::Asis);
                offer(distance(piece.points.last().expect("a piece has points")), Turn::Backwards);
            }
        }
        (best.1, best.2)
    }

    /// One pass, entered and left at its last point.
    pub fn piece(&mut self, mut piece: Piece) {
        let Some(first) = piece.points.first() else { return };
        let followed = self.at.is_some_and(|at| self.follow_to(at, *first));
        if !followed {
            self.enter(&mut piece);
        }
        self.moves.extend(piece.points.iter().skip(1).map(|p| Move::Cut(*p)));
        self.at = piece.points.last().copied();
    }

    /// Straight up to clearance.
    pub fn lift(&mut self) {
        if let Some(at) = self.at.take() {
            self.moves.push(Move::Rapid([at[0], at[1], self.leads.clearance_mm]));
        }
    }

    fn follow_to(&mut self, at: [f64; 3], to: [f64; 3]) -> bool {
        let far = (to[0] - at[0]).hypot(to[1] - at[1]);
        if far > self.leads.follow_mm || (to[2] - at[2]).abs() > far {
            return false;
        }
        let Some(path) = follow(&self.cl, [at[0], at[1]], [to[0], to[1]], &self.chords) else { return false };
        // A link that climbs is not a link along a shallow surface.
        let top = at[2].max(to[2]) + 0.5 * far;
        if path.iter().any(|p| p[2] > top) {
            return false;
        }
        self.moves.extend(path.iter().skip(1).map(|p| Move::Cut(*p)));
        self.moves.push(Move::Cut(to));
        true
    }

    /// Gets the tool to the first point: across, down to the ramp's top, down along the pass. Where more stands above its
    /// beginning than a ramp may begin in, the pass is entered farther on and its beginning cut from there.
    fn enter(&mut self, piece: &mut Piece) {
        let mut way = self.way_in(&piece.points);
        if !self.hop(way.top()) {
            if way.plunge_mm > PLUNGE_MM_MAX {
                (*piece, way) = self.open(piece);
            }
            self.lift();
            let top = way.top();
            self.moves.push(Move::Rapid([top[0], top[1], self.leads.clearance_mm]));
            let safe = self.standing.sure(top[0], top[1]).max(top[2]) + self.leads.gap_mm;
            self.moves.push(Move::Rapid([top[0], top[1], safe.min(self.leads.clearance_mm)]));
            self.moves.push(Move::Cut(top));
        }
        self.moves.extend(way.ramp.iter().rev().skip(1).map(|p| Move::Plunge(*p)));
    }

    /// The ramp to the first point.
    fn way_in(&self, points: &[[f64; 3]]) -> WayIn {
        // Higher and as much longer where more than the skin stands; standing stock is an upper bound.
        let standing_mm = self.standing.at(points[0][0], points[0][1]) - points[0][2];
        self.way_of(points, self.leads.ramp_height_mm.max(standing_mm.min(self.leads.ramp_height_mm_max)))
    }

    fn way_of(&self, points: &[[f64; 3]], height_mm: f64) -> WayIn {
        let ramp_mm = self.leads.ramp_mm * height_mm / self.leads.ramp_height_mm;
        let ramp = ramp(points, ramp_mm, height_mm);
        let top = ramp.last().expect("a ramp has its foot at least");
        let plunge_mm = self.standing.at(top[0], top[1]) - top[2];
        WayIn { ramp, height_mm, plunge_mm }
    }

    /// The pass begun where the tool comes down in the open; where there is no such place, in the lowest, by a ramp that begins
    /// above what stands.
    fn open(&self, piece: &Piece) -> (Piece, WayIn) {
        let n = piece.points.len();
        let each = n.div_ceil(ENTRIES_MAX);
        let mut best: Option<(Piece, WayIn)> = None;
        for k in (0..n).step_by(each) {
            let begun = begun(piece, k);
            let way = self.way_in(&begun.points);
            if best.as_ref().is_none_or(|b| way.plunge_mm < b.1.plunge_mm) {
                let open = way.plunge_mm <= PLUNGE_MM_MAX;
                best = Some((begun, way));
                if open {
                    break;
                }
            }
        }
        let (begun, mut way) = best.expect("a pass has points");
        // Not where the pass is so short that the ramp would be upright.
        let highest_mm =
            STROKES_MAX * length_xy(&begun.points) * self.leads.ramp_height_mm / self.leads.ramp_mm;
        for _ in 0..RAISES_MAX {
            let height_mm = way.height_mm + way.plunge_mm;
            if way.plunge_mm > PLUNGE_MM_MAX && height_mm < highest_mm {
                way = self.way_of(&begun.points, height_mm);
            }
        }
        (begun, way)
    }

    /// Up, across just above the surface, down, at feed. False where that is too far or too high.
    fn hop(&mut self, to: [f64; 3]) -> bool {
        let Some(at) = self.at else { return false };
        let far = (to[0] - at[0]).hypot(to[1] - at[1]);
        if far > self.leads.stay_mm {
            return false;
        }
        let n = (far / 0.1).ceil() as usize + 1;
        let mut top = at[2].max(to[2]);
        for k in 0..=n {
            let t = k as f64 / n as f64;
            let z = self.cl.z(at[0] + (to[0] - at[0]) * t, at[1] + (to[1] - at[1]) * t);
            // Between samples 0.1 mm apart the surface may rise by this much more.
            top = top.max(z + 0.2);
        }
        if top - at[2].min(to[2]) > 3.0 {
            return false;
        }
        self.moves.push(Move::Cut([at[0], at[1], top]));
        self.moves.push(Move::Cut([to[0], to[1], top]));
        self.moves.push(Move::Cut(to));
        true
    }
}

#[derive(Clone, Copy)]
enum Turn {
    Asis,
    Backwards,
    StartAt(usize),
}

fn turned(mut piece: Piece, turn: Turn) -> Piece {
    match turn {
        Turn::Asis => {}
        Turn::Backwards => piece.points.reverse(),
        Turn::StartAt(0) => {}
        Turn::StartAt(v) => {
            // The last point of a closed piece repeats the first.
            piece.points.pop();
            piece.points.rotate_left(v);
            let first = piece.points[0];
            piece.points.push(first);
        }
    }
    piece
}

fn length_xy(points: &[[f64; 3]]) -> f64 {
    points.windows(2).map(|w| (w[1][0] - w[0][0]).hypot(w[1][1] - w[0][1])).sum()
}

/// A pass entered at its vertex `k`: a closed one goes round from there, an open one first back to its beginning.
fn begun(piece: &Piece, k: usize) -> Piece {
    if k == 0 || piece.closed {
        return turned(piece.clone(), Turn::StartAt(k));
    }
    let back = piece.points[1..=k].iter().rev();
    Piece { points: back.chain(&piece.points).copied().collect(), closed: false }
}

/// The beginning of a pass, raised more and more: foot first.
fn ramp(points: &[[f64; 3]], length_mm: f64, height_mm: f64) -> Vec<[f64; 3]> {
    let mut out = vec![points[0]];
    let mut gone = 0.0;
    for w in points.windows(2) {
        let d = (w[1][0] - w[0][0]).hypot(w[1][1] - w[0][1]);
        if d <= 0.0 {
            continue;
        }
        if gone + d >= length_mm {
            let t = (length_mm - gone) / d;
            let p: [f64; 3] = std::array::from_fn(|k| w[0][k] + (w[1][k] - w[0][k]) * t);
            out.push([p[0], p[1], p[2] + height_mm]);
            return out;
        }
        gone += d;
        out.push([w[1][0], w[1][1], w[1][2] + height_mm * gone / length_mm]);
    }
    // A short pass: to and fro on it, as often as the ramp is longer.
    let rest_mm = length_mm - gone;
    if gone > 0.0 && rest_mm > 0.0 {
        let back: Vec<[f64; 3]> = points.iter().rev().copied().collect();
        if rest_mm < STROKES_MAX * gone {
            let rest_height = height_mm * rest_mm / length_mm;
            let done = height_mm - rest_height;
            out.extend(ramp(&back, rest_mm, rest_height).iter().skip(1).map(|p| [p[0], p[1], p[2] + done]));
            return out;
        }
    }
    let last = *out.last().expect("begun with one");
    let end = points.last().expect("a pass has points");
    out.push([last[0], last[1], end[2] + height_mm]);
    out
}

#[cfg(test)]
mod tests {
    use super::super::cutter::Cutter;
    use super::super::drop::Ground;
    use super::*;

    const LEADS: Leads = Leads {
        clearance_mm: 20.0,
        gap_mm: 1.0,
        ramp_height_mm: 0.2,
        ramp_height_mm_max: 1.0,
        ramp_mm: 1.2,
        stay_mm: 6.0,
        follow_mm: 1.0,
    };

    /// Moves of one pass along x on a plane at height zero, and what stands: 5 mm high where `tall` says so.
    fn moves(points: Vec<[f64; 3]>, closed: bool, tall: impl Fn([f64; 2]) -> bool) -> (Vec<Move>, Standing) {
        let corner = |x: f64, y: f64| [x, y, 0.0];
        let [a, b, c, d] =
            [corner(-30.0, -30.0), corner(30.0, -30.0), corner(30.0, 30.0), corner(-30.0, 30.0)];
        let ground = Ground::new([([a, b, c], 0), ([a, c, d], 1)]);
        let plane = Plane::over([-20.0; 2], [20.0; 2], 0.25);
        let z_mm: Vec<f64> = (0..plane.len()).map(|at| if tall(plane.xy(at)) { 5.0 } else { 0.1 }).collect();
        let sure_mm = z_mm.iter().map(|z| z + 1.5).collect();
        let standing = Standing { plane, z_mm, sure_mm, outside_mm: 10.0 };
        let chords = Chords { gouge_mm: 0.001, excess_mm: 0.002, step_mm: 0.4 };
        let mut linker = Linker::new(Lowered::new(&ground, Cutter::ball(1.5), 0.0), &standing, LEADS, chords);
        linker.pieces(vec![Piece { points, closed }]);
        (linker.moves, standing)
    }

    /// How far below what may stand a move goes straight down at most, mm.
    fn plunge_mm((moves, standing): &(Vec<Move>, Standing)) -> f64 {
        let place = |m: &Move| match m {
            Move::Rapid(p) | Move::Cut(p) | Move::Plunge(p) => *p,
            _ => panic!("{m:?}"),
        };
        let places: Vec<[f64; 3]> = moves.iter().map(place).collect();
        let down = places.windows(2).filter(|w| w[0][..2] == w[1][..2] && w[1][2] < w[0][2]);
        down.map(|w| standing.at(w[1][0], w[1][1]) - w[1][2]).fold(f64::NEG_INFINITY, f64::max)
    }

    fn line(from: f64, to: f64) -> Vec<[f64; 3]> {
        (0..=20).map(|k| [from + (to - from) * f64::from(k) / 20.0, 0.0, 0.0]).collect()
    }

    #[test]
    fn a_rapid_ends_above_what_is_not_sure_to_be_gone() {
        let (moves, standing) = moves(line(-8.0, 8.0), false, |_| false);
        let rapids = moves.iter().filter_map(|m| if let Move::Rapid(p) = m { Some(*p) } else { None });
        let lowest = rapids.map(|p| p[2] - standing.sure(p[0], p[1])).fold(f64::INFINITY, f64::min);
        assert_eq!(lowest, LEADS.gap_mm);
    }

    #[test]
    fn a_pass_that_begins_under_stock_is_entered_in_the_open_and_cut_whole() {
        let found = moves(line(-8.0, 8.0), false, |p| p[0] < 2.0);
        assert!(plunge_mm(&found) <= PLUNGE_MM_MAX, "{}", plunge_mm(&found));
        let cuts = |x: f64| found.0.iter().any(|m| matches!(m, Move::Cut(p) if p[0] == x && p[2] == 0.0));
        assert!(cuts(-8.0) && cuts(8.0));
        // In the open from the beginning, nothing is turned.
        let (open, _) = moves(line(-8.0, 8.0), false, |_| false);
        assert!(open.len() < found.0.len() && matches!(open.last(), Some(Move::Rapid(p)) if p[0] == 8.0));
    }

    #[test]
    fn a_round_is_entered_where_it_is_open() {
        let ring: Vec<[f64; 3]> = (0..=40)
            .map(|k| {
                let (s, c) = (std::f64::consts::TAU * f64::from(k % 40) / 40.0).sin_cos();
                [-8.0 * c, 8.0 * s, 0.0]
            })
            .collect();
        let found = moves(ring, true, |p| p[0] < 2.0);
        assert!(plunge_mm(&found) <= PLUNGE_MM_MAX, "{}", plunge_mm(&found));
    }

    #[test]
    fn where_stock_stands_all_along_the_ramp_begins_above_it() {
        let found = moves(line(-8.0, 8.0), false, |_| true);
        assert!(plunge_mm(&found) <= PLUNGE_MM_MAX, "{}", plunge_mm(&found));
        assert!(found.0.iter().any(|m| matches!(m, Move::Plunge(p) if p[2] > 4.0)), "a ramp from above");
        // A pass of a few hundredths has no room for one and goes down as it did.
        let short = moves(line(0.0, 0.02), false, |_| true);
        assert!(short.0.iter().all(|m| !matches!(m, Move::Plunge(p) if p[2] > 1.5)));
    }
}

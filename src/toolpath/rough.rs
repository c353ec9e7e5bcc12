//! Roughing: a blank cleared from above with a flat mill at bounded engagement.
//!
//! **In** cutter locations of the mill over a lattice, the outline, what may be cut, the stock as it stands. **Out**
//! moves, and the stock as they leave it, for everything that comes after.
//!
//! **Method** Heights a layer apart. The mill goes down several layers at once, as deep as its material allows, where
//! the part lies low enough; then comes up layer by layer and takes the ledges between. At each height the places the
//! tool's axis may go to: above part and tabs with the allowance, within the lane, not below the lane's floor. Each
//! piece of that region is cleared from the side where a place in it is open already, else opened by a helix where it
//! is widest (by a ramp to and fro where even a helix is too wide); see [`super::adapt`].
//!
//! In a blank deeper than the flutes the axis keeps away from where something may stand above them, by the mill's radius and
//! by what is not known of the stock. Fins thinner than a pixel, which would keep it away from much, are taken before the
//! mill goes deeper, from the last height that is cleared.
//!
//! **Guarantees** What the mill takes stands nowhere above its flutes. Outside entries no move at the cutting feed engages
//! more than the bound, but for what pixels and chords hide; what only larger angles open runs at the feed of entries.
//! Where nothing stands nothing is cut.

use crate::model::Move;

use super::adapt::{BERTH_MM, Clearing, Pass, Reach};
use super::plane::Plane;
use super::region::{components, simplify};
use super::stock::{DOUBT_MM, Layer, Stock};

/// What roughing works on; lattice nodes are places of the tool's axis.
pub struct Roughing<'a> {
    /// The lattice.
    pub plane: Plane,
    /// Lowest tip that keeps the allowance, mm, per node; minus infinity where nothing is below.
    pub lowest_mm: &'a [f64],
    /// Floor of the lane, mm, per node.
    pub floor_mm: &'a [f64],
    /// How far inside the lane's outer border the axis is, mm, per node; negative outside.
    pub room_mm: &'a [f64],
    /// Radius of the mill, mm.
    pub radius_mm: f64,
    /// Length of its flutes, mm.
    pub flute_mm: f64,
    /// Top of the blank, mm.
    pub top_mm: f64,
    /// Heights are this far apart, mm.
    pub layer_mm: f64,
    /// Deepest cut, mm: whole layers of it are taken at once.
    pub depth_mm: f64,
    /// Width of cut in a straight cut, mm; what it engages bounds all others.
    pub width_mm: f64,
    /// What stands less than this far inside the mill's edge is left to whatever comes after, mm.
    pub film_mm: f64,
    /// Whether even that is taken at last.
    pub films: bool,
    /// Angle of entries, rad.
    pub ramp_rad: f64,
    /// Travels happen here, mm.
    pub clearance_mm: f64,
    /// A rapid down ends this far above cleared ground, mm.
    pub gap_mm: f64,
    /// Longest way over cleared ground that is not lifted from, mm.
    pub stay_mm: f64,
}

/// What roughing did.
pub struct Roughed {
    /// Moves of the tip.
    pub moves: Vec<Move>,
    /// Lowest height cleared with the axis at the node, mm.
    pub cleared_mm: Vec<f64>,
    /// Regions that no entry fits into or no pass opens, left to the ball: height and size in nodes.
    pub left: Vec<(f64, usize)>,
}

/// Deviation of a roughing pass, mm: a degree of engagement of a mill of 8 mm.
const PASS_MM: f64 = 0.02;
/// Links over cleared ground that are longer run this much above it, mm.
const LIFT_MM: f64 = 0.3;
/// Shorter ones stay down, mm.
const SLIDE_MM: f64 = 2.0;
/// Angle over which a mill of `radius_mm` is engaged in a straight cut of `width_mm`, rad.
pub fn engagement_rad(width_mm: f64, radius_mm: f64) -> f64 {
    (1.0 - width_mm / radius_mm).clamp(-1.0, 1.0).acos()
}

impl Roughing<'_> {
    /// All heights; `stock` is what stands before and after.
    pub fn run(&self, stock: &mut Stock) -> Roughed {
        let mut out =
            Roughed { moves: vec![], cleared_mm: vec![self.top_mm; self.plane.len()], left: vec![] };
        let lowest = (0..self.plane.len())
            .filter(|&at| self.room_mm[at] >= 0.0)
            .map(|at| self.lowest_mm[at].max(self.floor_mm[at]))
            .fold(f64::INFINITY, f64::min);
        if !lowest.is_finite() || lowest >= self.top_mm {
            return out;
        }
        let count = ((self.top_mm - lowest) / self.layer_mm).ceil().max(1.0) as usize;
        // Layers of equal depth that end on the lowest floor.
        let layer = (self.top_mm - lowest) / count as f64;
        let z = |k: usize| self.top_mm - layer * k as f64;
        let at_once = ((self.depth_mm / layer + 1e-6).floor() as usize).max(1);
        let mut here = [self.plane.origin[0], self.plane.origin[1]];
        let mut above = 0;
        while above < count {
            let deep = (above + at_once).min(count);
            self.thin(z(deep), z(above), stock, &mut here, &mut out);
            for k in (above + 1..=deep).rev() {
                self.height(z(k), z(above), layer, stock, &mut here, &mut out);
            }
            above = deep;
        }
        out
    }

    /// Everything at height `z`; above `above` it has been cleared before.
    fn height(
        &self,
        z: f64,
        above: f64,
        layer_mm: f64,
        stock: &mut Stock,
        here: &mut [f64; 2],
        out: &mut Roughed,
    ) {
        let region: Vec<bool> = (0..self.plane.len())
            .map(|at| {
                // The floor may lie within this layer.
                self.room_mm[at] >= 0.0
                    && self.lowest_mm[at] <= z
                    && self.floor_mm[at] < z + layer_mm - 1e-9
                    && out.cleared_mm[at] <= above + 1e-9
            })
            .collect();
        let (region, clear) = self.within_flutes(&region, z, stock);
        let mut layer = stock.layer(z, self.radius_mm);
        let mut todo: Vec<Option<Vec<usize>>> =
            components(&self.plane, &region).into_iter().map(Some).collect();
        for _ in 0..todo.len() {
            // The nearest piece next.
            let near = (0..todo.len())
                .filter_map(|k| {
                    let at = self.plane.xy(todo[k].as_ref()?[0]);
                    Some((k, (at[0] - here[0]).hypot(at[1] - here[1])))
                })
                .min_by(|a, b| a.1.total_cmp(&b.1))
                .expect("one per turn is left");
            let piece = todo[near.0].take().expect("chosen among those left");
            self.clear(&piece, &clear, [z, above], stock, &mut layer, here, out);
        }
        stock.take(&layer, z);
    }

    /// What is known to stand no higher is within the flutes of a tip at `z`, mm: links run above what they are taken to cut.
    fn flute_top_mm(&self, z: f64) -> f64 {
        z + self.flute_mm - LIFT_MM
    }

    /// A region but for the places where the edge of a mill at `z` would meet stock above the flutes; and per node the
    /// distance to where the axis must not go, half a node inside the last free one.
    fn within_flutes(&self, region: &[bool], z: f64, stock: &Stock) -> (Vec<bool>, Vec<f32>) {
        let region = opened(&self.plane, region);
        let mut clear = self.plane.distance_to(|at| !region[at]);
        let Some(tall) = stock.distance_above(self.flute_top_mm(z), &self.plane) else {
            return (region, clear);
        };
        // A place is free from a node's distance on.
        let step = self.plane.step;
        for (clear, tall) in clear.iter_mut().zip(tall) {
            *clear = clear.min((tall - self.radius_mm - DOUBT_MM + step) as f32);
        }
        let region: Vec<bool> =
            region.iter().zip(&clear).map(|(&r, &c)| r && f64::from(c) >= 0.99 * step).collect();
        (opened(&self.plane, &region), clear)
    }

    /// Takes, from `z`, down to which all is cleared, the fins that would stand above the flutes at the height `next`.
    fn thin(&self, next: f64, z: f64, stock: &mut Stock, here: &mut [f64; 2], out: &mut Roughed) {
        let mut fins = stock.fins(self.flute_top_mm(next), self.radius_mm);
        if fins.is_empty() {
            return;
        }
        let cleared: Vec<bool> = (0..self.plane.len())
            .map(|at| self.room_mm[at] >= 0.0 && out.cleared_mm[at] <= z + 1e-9 && self.lowest_mm[at] <= z)
            .collect();
        let (region, clear) = self.within_flutes(&cleared, z, stock);
        let bounds = self.bounds_deg();
        let mut passes = Vec::new();
        let mut clearing = Clearing::new(&self.plane, &clear, &region, &mut fins, self.film_mm, self.stay_mm);
        clearing.films(*here, false, &bounds, &mut passes);
        for pass in &passes {
            self.pass(&mut out.moves, pass, bounds[0], [z, self.top_mm], stock, here);
        }
        if !passes.is_empty() {
            out.moves.push(Move::Rapid([here[0], here[1], self.clearance_mm]));
        }
        stock.take(&fins, z);
    }

    /// Engagement of a straight cut, degrees; what a tight place does not open within it is tried within more of it before
    /// a slot is cut.
    fn bounds_deg(&self) -> [u32; 5] {
        let bound = engagement_rad(self.width_mm, self.radius_mm).to_degrees().floor();
        [1.0, 1.25, 1.6, 2.5, 180.0].map(|k: f64| (bound * k).min(180.0) as u32)
    }

    /// One connected region at one height.
    #[allow(clippy::too_many_arguments)] // what a height shares, and the piece
    fn clear(
        &self,
        piece: &[usize],
        clear: &[f32],
        [z, above]: [f64; 2],
        stock: &Stock,
        layer: &mut Layer,
        here: &mut [f64; 2],
        out: &mut Roughed,
    ) {
        let plane = &self.plane;
        let mut mine = vec![false; plane.len()];
        for &at in piece {
            mine[at] = true;
        }
        let mut open = false;
        let mut uncut = 0;
        for &at in piece {
            let free = layer.meets(plane.xy(at), -self.film_mm).is_none();
            open |= free;
            uncut += usize::from(!free);
        }
        if uncut == 0 {
            piece.iter().for_each(|&n| out.cleared_mm[n] = out.cleared_mm[n].min(z));
        } else {
            let mut moves = Vec::new();
            if !open && !self.enter(&mut moves, piece, clear, &mine, [z, above], stock, layer, here) {
                out.left.push((z, piece.len()));
                return;
            }
            let bounds = self.bounds_deg();
            let mut clearing = Clearing::new(plane, clear, &mine, layer, self.film_mm, self.stay_mm);
            for pass in clearing.run(*here, !open, &bounds, self.films) {
                self.pass(&mut moves, &pass, bounds[0], [z, above], stock, here);
            }
            if !moves.is_empty() {
                moves.push(Move::Rapid([here[0], here[1], self.clearance_mm]));
            }
            let mut left = 0;
            for &n in piece {
                if clearing.is_free(n) {
                    // A ledge's region holds what has been cleared deeper.
                    out.cleared_mm[n] = out.cleared_mm[n].min(z);
                } else {
                    left += 1;
                }
            }
            if left > 0 {
                out.left.push((z, left));
            }
            out.moves.extend(moves);
        }
    }

    /// One pass and the way to it.
    fn pass(
        &self,
        moves: &mut Vec<Move>,
        pass: &Pass,
        bound_deg: u32,
        [z, above]: [f64; 2],
        stock: &Stock,
        here: &mut [f64; 2],
    ) {
        match &pass.reach {
            Reach::Along(way) => {
                let length: f64 = way.windows(2).map(|w| (w[1][0] - w[0][0]).hypot(w[1][1] - w[0][1])).sum();
                let height = if length > SLIDE_MM { z + LIFT_MM } else { z };
                if height > z {
                    moves.push(Move::Cut([here[0], here[1], height]));
                }
                moves.extend(way.iter().skip(1).map(|p| Move::Cut([p[0], p[1], height])));
                if height > z {
                    moves.push(Move::Cut([pass.points[0][0], pass.points[0][1], z]));
                }
            }
            Reach::Down(way) => {
                self.descend(moves, *here, way[0], z, z);
                moves.extend(way.iter().skip(1).map(|p| Move::Cut([p[0], p[1], z])));
            }
            Reach::Tight(p) => {
                let standing = stock.highest(*p, self.radius_mm + BERTH_MM).clamp(z, above.max(z));
                self.descend(moves, *here, *p, standing, z);
            }
        }
        let within = pass.bound_deg <= bound_deg;
        for p in simplify(&pass.points, PASS_MM).iter().skip(1) {
            let p = [p[0], p[1], z];
            moves.push(if within { Move::Cut(p) } else { Move::Plunge(p) });
        }
        *here = *pass.points.last().expect("a pass has points");
    }

    /// Over clearance to a place where something stands up to `standing`, and down to `z`.
    fn descend(&self, moves: &mut Vec<Move>, here: [f64; 2], p: [f64; 2], standing: f64, z: f64) {
        if !moves.is_empty() {
            moves.push(Move::Rapid([here[0], here[1], self.clearance_mm]));
        }
        moves.push(Move::Rapid([p[0], p[1], self.clearance_mm]));
        moves.push(Move::Rapid([p[0], p[1], (standing + self.gap_mm).min(self.clearance_mm)]));
        moves.push(Move::Plunge([p[0], p[1], z]));
    }
}

/// The nodes that are a corner of a cell whose four corners are in the region: where passes can lie.
fn opened(plane: &Plane, region: &[bool]) -> Vec<bool> {
    let mut out = vec![false; plane.len()];
    for j in 0..plane.ny.saturating_sub(1) {
        for i in 0..plane.nx.saturating_sub(1) {
            let at = j * plane.nx + i;
            let cell = [at, at + 1, at + plane.nx, at + plane.nx + 1];
            if cell.iter().all(|&c| region[c]) {
                cell.iter().for_each(|&c| out[c] = true);
            }
        }
    }
    out
}

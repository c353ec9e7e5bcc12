//! What stands of the blank while it is roughed, as a height field on pixels.
//!
//! **In** the blank's top and what earlier setups opened from the other side. **Out** per layer, which pixels still hold
//! stock, and the height below which a tool coming down meets some.
//!
//! **Guarantees** Heights only fall. A pixel is taken when its centre is: what stands at the rim of a cut is known to
//! half a pixel's diagonal, 0.07 mm. A second height per pixel falls only when all of the pixel is surely taken: what is
//! thinner than a pixel and stands high is found by it.

use nalgebra::{Isometry3, Point3, Vector3};

use super::link::Standing;
use super::plane::Plane;

/// Between pixels, mm: the engagement of a mill of 8 mm in cuts of 0.8 mm is known to 1.7 degrees.
const PIXEL_MM: f64 = 0.1;
/// Less than this between two heights is none, mm.
const FILM_MM: f64 = 0.02;
/// All of a pixel is taken when its centre lies this far inside the tool's edge, and nothing of it is met as far outside, mm:
/// half a diagonal, 0.071, what passes are simplified by, 0.02, the scallops between steps, 0.001, and what a distance bends
/// between two nodes, 0.004, are less.
pub const DOUBT_MM: f64 = 0.1;

/// Highest and lowest stock per pixel.
#[derive(Clone, Debug)]
pub struct Stock {
    /// The pixels.
    pub plane: Plane,
    /// Highest stock, work z, mm.
    pub top_mm: Vec<f32>,
    /// Above this surely nothing stands, not even what is thinner than a pixel, work z, mm.
    sure_mm: Vec<f32>,
    /// Below this nothing stands, work z, mm.
    pub floor_mm: Vec<f32>,
    /// Top of the blank, mm: what stands off the pixels.
    pub outside_mm: f64,
}

impl Stock {
    /// The blank before anything is cut, over a rectangle.
    pub fn blank(lo: [f64; 2], hi: [f64; 2], top_mm: f64) -> Self {
        let plane = Plane::over(lo, hi, PIXEL_MM);
        Self {
            plane,
            top_mm: vec![top_mm as f32; plane.len()],
            sure_mm: vec![top_mm as f32; plane.len()],
            floor_mm: vec![f32::NEG_INFINITY; plane.len()],
            outside_mm: top_mm,
        }
    }

    /// Takes what another setup has cleared. `other_from_this`: from this work frame to the other's, whose tool axis is
    /// this one's or opposite; what was cleared aslant is not known here.
    pub fn meet(&mut self, other: &Stock, other_from_this: &Isometry3<f64>) {
        let axis = other_from_this.rotation * Vector3::z();
        // A tilt of 0.1 mm over 100 mm.
        if axis.z.abs() < 1.0 - 5e-7 {
            return;
        }
        for at in 0..self.plane.len() {
            let [x, y] = self.plane.xy(at);
            let p = other_from_this * Point3::new(x, y, 0.0);
            // The highest of the pixels about it: the two lattices lie anyhow.
            let highest = |of: &[f32]| other.highest_of(of, [p.x, p.y], 1.5 * other.plane.step);
            let z = highest(&other.top_mm);
            if axis.z < 0.0 {
                self.floor_mm[at] = self.floor_mm[at].max((p.z - z) as f32);
            } else {
                self.top_mm[at] = self.top_mm[at].min((z - p.z) as f32);
                self.sure_mm[at] = self.sure_mm[at].min((highest(&other.sure_mm) - p.z) as f32);
            }
        }
    }

    /// One layer, whose ground is at `z_mm`, for a tool of `radius_mm`.
    pub fn layer(&self, z_mm: f64, radius_mm: f64) -> Layer {
        Layer {
            plane: self.plane,
            words: self.words(),
            solid: self.bits(&self.top_mm, z_mm),
            unsure: self.bits(&self.sure_mm, z_mm),
            above_mm: z_mm,
            radius_mm,
            sure_radius_mm: radius_mm - DOUBT_MM,
            circle: circle(radius_mm),
        }
    }

    /// What may stand above `above_mm`, however thin; to be taken by a tool of `radius_mm` so that it surely is.
    pub fn fins(&self, above_mm: f64, radius_mm: f64) -> Layer {
        let solid = self.bits(&self.sure_mm, above_mm);
        let radius_mm = radius_mm - DOUBT_MM;
        Layer {
            plane: self.plane,
            words: self.words(),
            unsure: solid.clone(),
            solid,
            above_mm,
            radius_mm,
            sure_radius_mm: radius_mm,
            circle: circle(radius_mm),
        }
    }

    /// Distance of the nodes of `plane` to where something may stand above `above_mm`, mm; `None` where nothing does.
    pub fn distance_above(&self, above_mm: f64, plane: &Plane) -> Option<Vec<f64>> {
        let stands =
            |at: usize| f64::from(self.sure_mm[at]) > above_mm.max(f64::from(self.floor_mm[at])) + FILM_MM;
        if !(0..self.plane.len()).any(stands) {
            return None;
        }
        let far = self.plane.distance_to(stands);
        let h = self.plane.step;
        let node = |at: usize| {
            let p = plane.xy(at);
            // Between four pixels; a distance bends by 0.3 µm between them at a mill's radius.
            let at = |a: usize, n: usize| {
                let x = ((p[a] - self.plane.origin[a]) / h).clamp(0.0, (n - 1) as f64);
                let i = (x as usize).min(n - 2);
                (i, x - i as f64)
            };
            let ((i, u), (j, v)) = (at(0, self.plane.nx), at(1, self.plane.ny));
            let of = |i: usize, j: usize| f64::from(far[j * self.plane.nx + i]);
            let row = |j: usize| of(i, j) * (1.0 - u) + of(i + 1, j) * u;
            row(j) * (1.0 - v) + row(j + 1) * v
        };
        Some((0..plane.len()).map(node).collect())
    }

    fn words(&self) -> usize {
        self.plane.nx.div_ceil(64)
    }

    /// The pixels in which something stands above `z_mm`, the heights being `top_mm`.
    fn bits(&self, top_mm: &[f32], z_mm: f64) -> Vec<u64> {
        let words = self.words();
        let mut out = vec![0u64; words * self.plane.ny];
        for j in 0..self.plane.ny {
            for i in 0..self.plane.nx {
                let at = j * self.plane.nx + i;
                if f64::from(top_mm[at]) > z_mm.max(f64::from(self.floor_mm[at])) + FILM_MM {
                    out[j * words + i / 64] |= 1 << (i % 64);
                }
            }
        }
        out
    }

    /// Takes what `layer` has no more, down to `z_mm`.
    pub fn take(&mut self, layer: &Layer, z_mm: f64) {
        let z = z_mm as f32;
        for at in 0..self.plane.len() {
            if f64::from(self.top_mm[at]) > layer.above_mm && !layer.holds(at) {
                self.top_mm[at] = self.top_mm[at].min(z);
            }
            if f64::from(self.sure_mm[at]) > layer.above_mm && !layer.has(&layer.unsure, at) {
                self.sure_mm[at] = self.sure_mm[at].min(z);
            }
        }
    }

    /// Highest stock under a disc.
    pub fn highest(&self, c: [f64; 2], radius_mm: f64) -> f64 {
        self.highest_of(&self.top_mm, c, radius_mm)
    }

    fn highest_of(&self, top_mm: &[f32], c: [f64; 2], radius_mm: f64) -> f64 {
        let mut top = f32::NEG_INFINITY;
        let whole = spans(&self.plane, c, radius_mm, |j, from, to| {
            for at in j * self.plane.nx + from..=j * self.plane.nx + to {
                if top_mm[at] > self.floor_mm[at] {
                    top = top.max(top_mm[at]);
                }
            }
            true
        });
        if whole { f64::from(top) } else { self.outside_mm }
    }
}

/// Which pixels hold stock above one height.
#[derive(Clone, Debug)]
pub struct Layer {
    plane: Plane,
    /// Words of 64 pixels in a row.
    words: usize,
    /// One bit a pixel.
    solid: Vec<u64>,
    /// The same for pixels that are not surely taken as a whole.
    unsure: Vec<u64>,
    /// What the bits stand for stands above this, mm.
    above_mm: f64,
    radius_mm: f64,
    sure_radius_mm: f64,
    /// The tool's edge, one point a degree.
    circle: Vec<[f64; 2]>,
}

/// A tool's edge, one point a degree.
fn circle(radius_mm: f64) -> Vec<[f64; 2]> {
    (0..360)
        .map(|k| {
            let (s, c) = f64::from(k).to_radians().sin_cos();
            [radius_mm * c, radius_mm * s]
        })
        .collect()
}

impl Layer {
    /// True where nothing stands.
    pub fn is_empty(&self) -> bool {
        self.solid.iter().all(|&w| w == 0)
    }

    /// Stock at a place; off the pixels there is.
    #[inline]
    fn is_solid(&self, x: f64, y: f64) -> bool {
        let i = (x - self.plane.origin[0]) * (1.0 / self.plane.step) + 0.5;
        let j = (y - self.plane.origin[1]) * (1.0 / self.plane.step) + 0.5;
        if !(i >= 0.0 && j >= 0.0) {
            return true;
        }
        let (i, j) = (i as usize, j as usize);
        i >= self.plane.nx || j >= self.plane.ny || self.solid[j * self.words + i / 64] >> (i % 64) & 1 != 0
    }

    /// Degrees of the leading half of the tool's edge that stand in stock, the tool at `c` and moving towards
    /// `heading_deg`.
    pub fn engaged_deg(&self, c: [f64; 2], heading_deg: i32) -> u32 {
        // Leading: within 90 degrees of the heading. The edge's foremost degree decides nothing.
        (-89..90)
            .filter(|d| {
                let e = self.circle[(heading_deg + d).rem_euclid(360) as usize];
                self.is_solid(c[0] + e[0], c[1] + e[1])
            })
            .count() as u32
    }

    /// Takes what lies under the tool at `c`.
    pub fn cut(&mut self, c: [f64; 2]) {
        self.try_cut(c);
        self.cut_surely(c);
    }

    /// Takes what lies under the tool on a way that may not be gone in the end. Returns how many pixels held stock. Where it is
    /// gone, [`Layer::cut_surely`] says so.
    pub fn try_cut(&mut self, c: [f64; 2]) -> usize {
        take(&self.plane, self.words, &mut self.solid, c, self.radius_mm)
    }

    /// What lies under the tool at `c` is surely taken as a whole.
    pub fn cut_surely(&mut self, c: [f64; 2]) {
        take(&self.plane, self.words, &mut self.unsure, c, self.sure_radius_mm);
    }

    /// A pixel of stock under a disc about `c`, if there is one. The disc's radius is the tool's and `more_mm`.
    pub fn meets(&self, c: [f64; 2], more_mm: f64) -> Option<usize> {
        let mut met = None;
        let whole = spans(&self.plane, c, self.radius_mm + more_mm, |j, from, to| {
            met = (from / 64..=to / 64).find_map(|w| {
                let word = self.solid[j * self.words + w] & mask(w, from, to);
                (word != 0).then(|| j * self.plane.nx + w * 64 + word.trailing_zeros() as usize)
            });
            met.is_none()
        });
        // Off the pixels stands the frame.
        if whole || met.is_some() { met } else { Some(usize::MAX) }
    }

    /// Whether a pixel that held stock still does.
    #[inline]
    pub fn holds(&self, pixel: usize) -> bool {
        pixel == usize::MAX || self.has(&self.solid, pixel)
    }

    #[inline]
    fn has(&self, bits: &[u64], pixel: usize) -> bool {
        let (i, j) = (pixel % self.plane.nx, pixel / self.plane.nx);
        bits[j * self.words + i / 64] >> (i % 64) & 1 != 0
    }
}

/// Clears the bits of a disc; returns how many were set.
fn take(plane: &Plane, words: usize, bits: &mut [u64], c: [f64; 2], radius_mm: f64) -> usize {
    let mut taken = 0;
    spans(plane, c, radius_mm, |j, from, to| {
        for w in from / 64..=to / 64 {
            let (word, mask) = (&mut bits[j * words + w], mask(w, from, to));
            taken += (*word & mask).count_ones() as usize;
            *word &= !mask;
        }
        true
    });
    taken
}

/// The bits of word `w` that stand for the pixels `from` to `to`.
#[inline]
fn mask(w: usize, from: usize, to: usize) -> u64 {
    let low = if from > w * 64 { u64::MAX << (from - w * 64) } else { u64::MAX };
    let high = if to < w * 64 + 63 { u64::MAX >> (w * 64 + 63 - to) } else { u64::MAX };
    low & high
}

/// Row, first and last column of the pixels whose centres lie in a disc; stops when `on` says so. False where the disc
/// leaves the pixels.
fn spans(
    plane: &Plane,
    c: [f64; 2],
    radius_mm: f64,
    mut on: impl FnMut(usize, usize, usize) -> bool,
) -> bool {
    let h = 1.0 / plane.step;
    let (x, y, r) = ((c[0] - plane.origin[0]) * h, (c[1] - plane.origin[1]) * h, radius_mm * h);
    let (lo, hi) = ((y - r).ceil(), (y + r).floor());
    let mut whole = lo >= 0.0 && hi <= (plane.ny - 1) as f64;
    for j in lo.max(0.0) as usize..=hi.clamp(0.0, (plane.ny - 1) as f64) as usize {
        let d = j as f64 - y;
        let half = (r * r - d * d).max(0.0).sqrt();
        let (from, to) = ((x - half).ceil(), (x + half).floor());
        whole &= from >= 0.0 && to <= (plane.nx - 1) as f64;
        if to < 0.0 || from > to || from > (plane.nx - 1) as f64 {
            continue;
        }
        if !on(j, from.max(0.0) as usize, (to as usize).min(plane.nx - 1)) {
            break;
        }
    }
    whole
}

/// Highest stock that a tool of `radius_mm` can meet, over the lattice `plane`.
pub fn standing(plane: Plane, stock: &Stock, radius_mm: f64) -> Standing {
    let met = |top_mm: &[f32]| {
        // A node stands as high as the highest pixel of its cell and a pixel around.
        let height: Vec<f64> = (0..plane.len())
            .map(|at| stock.highest_of(top_mm, plane.xy(at), 0.71 * plane.step + PIXEL_MM))
            .collect();
        let mut layers: Vec<f64> = height.clone();
        layers.sort_by(f64::total_cmp);
        layers.dedup();
        let mut z_mm = vec![f64::NEG_INFINITY; plane.len()];
        for &z in layers.iter().filter(|z| z.is_finite()) {
            let d = plane.distance_to(|at| height[at] >= z);
            for at in 0..plane.len() {
                if f64::from(d[at]) <= radius_mm + plane.step {
                    z_mm[at] = z;
                }
            }
        }
        z_mm
    };
    Standing { plane, z_mm: met(&stock.top_mm), sure_mm: met(&stock.sure_mm), outside_mm: stock.outside_mm }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disc_is_taken_to_the_pixel_and_only_once() {
        let stock = Stock::blank([0.0, 0.0], [30.0, 20.0], 0.0);
        let mut layer = stock.layer(-1.0, 4.0);
        let area = layer.try_cut([15.03, 10.01]) as f64 * PIXEL_MM * PIXEL_MM;
        // Gauss' circle problem: at 40 pixels of radius the count is off by less than its circumference's 1 %.
        assert!((area - 16.0 * std::f64::consts::PI).abs() < 0.5, "{area}");
        assert_eq!(layer.try_cut([15.03, 10.01]), 0);
        assert!(layer.meets([15.03, 10.01], 0.0).is_none() && layer.meets([15.03, 10.01], 0.15).is_some());
        // Beside the pixels stands the frame.
        assert!(layer.meets([1.0, 10.0], 0.0).is_some() && layer.engaged_deg([-9.0, 10.0], 0) == 179);
    }

    #[test]
    fn a_strip_is_engaged_over_the_angle_of_its_width() {
        let stock = Stock::blank([0.0, 0.0], [60.0, 20.0], 0.0);
        for width in [0.4, 0.8, 3.2] {
            let mut layer = stock.layer(-1.0, 4.0);
            (40..=560).for_each(|k| {
                layer.cut([f64::from(k) * 0.1, 12.0]);
            });
            // Below, to the right of a tool that goes towards +x.
            let degrees = f64::from(layer.engaged_deg([30.0, 12.0 - width], 0));
            let truth = (1.0 - width / 4.0f64).acos().to_degrees();
            // Half a pixel's diagonal of 4·sin: 4 degrees at the thinnest.
            assert!((degrees - truth).abs() < 4.0, "{width}: {degrees} {truth}");
            assert_eq!(layer.engaged_deg([30.0, 12.0], 0), 0);
        }
    }

    #[test]
    fn what_another_setup_opened_from_below_is_air_here() {
        let mut below = Stock::blank([-10.0, -10.0], [10.0, 10.0], 0.0);
        let mut layer = below.layer(-6.0, 3.0);
        layer.cut([2.0, 1.0]);
        below.take(&layer, -6.0);
        // Turned over about x, its top face 10 mm below this one's.
        let turn = Isometry3::rotation(Vector3::x() * std::f64::consts::PI);
        let other_from_this = Isometry3::translation(0.0, 0.0, -10.0) * turn;
        let mut stock = Stock::blank([-10.0, -10.0], [10.0, 10.0], 0.0);
        stock.meet(&below, &other_from_this);
        let at = stock.plane.nearest(2.0, -1.0).unwrap();
        // z = −10 here is the other's top, so its ground lies at −4.
        assert!((stock.floor_mm[at] + 4.0).abs() < 1e-4, "{}", stock.floor_mm[at]);
        // A layer above that ground is stock still, and once it is taken there is none below.
        let mut layer = stock.layer(-4.0, 2.0);
        assert!(layer.meets([2.0, -1.0], 0.0).is_some());
        layer.cut([2.0, -1.0]);
        stock.take(&layer, -4.0);
        assert!(stock.layer(-8.0, 2.0).meets([2.0, -1.0], -0.2).is_none());
    }
}

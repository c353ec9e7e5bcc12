//! The implant as three fields on its own grid: outer sheet, inner sheet, rim wall; and their rounded meeting.
//!
//! Each field is a distance in mm to first order, positive outside the implant. The wall is swept downwards, so that
//! along the insertion axis nothing lies behind what stands farther out.

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::geometry::Bvh;
use crate::model::{Part, Patient, Point, Pose};

use super::chart::Sheets;
use super::ears::Ears;
use super::grid::{PartGrid, gradient_at};
use super::params::{ImplantToml, Kind};

/// Bone is measured as far as this beyond the gap, mm: fillets and the tool's corner need no more.
const REACH_MM: f64 = 1.6;
/// The distance to bone is low-passed to take the facets off it …
const SMOOTH_SIGMA_MM: f64 = 0.4;
/// … but nowhere moved by more than this, mm, away from bone or towards it: a gap may widen a little, not narrow.
const SMOOTH_AWAY_MM_MAX: f64 = 0.008;
/// The same towards bone, mm.
const SMOOTH_NEARER_MM_MAX: f64 = 0.005;
/// The wall's direction at an edge is taken over this, mm.
const EVEN_SIGMA_MM: f64 = 0.5;
/// Kept from a lumen beyond the clearance asked for, mm: the net's chords reach into it.
const SINUS_SPARE_MM: f64 = 0.08;
/// Width over which the nominal thickness gives way to the inner table, mm; costs a quarter of it where they meet.
const INNER_BLEND_MM: f64 = 0.4;
/// How deep under the inner sheet bone still matters (fillets, low-pass), mm.
const BELOW_MM: f64 = 1.5;

/// The implant as fields.
pub(super) struct Fields {
    pub grid: PartGrid,
    /// Distance to the outer sheet, positive beyond it.
    pub outer: Vec<f32>,
    /// Distance to the inner sheet, positive deeper than it.
    pub inner: Vec<f32>,
    /// Distance to the rim wall, positive towards the bone; never falls on the way down.
    pub wall: Vec<f32>,
    /// The wall low-passed: its gradient says at which angle an edge is rounded. That of the wall itself jumps where two
    /// prints meet, and the edge with it.
    even_wall: Vec<f32>,
    pub edge_outer_mm: f64,
    pub edge_inner_mm: f64,
    /// Distance to bone, kept where ears are to be drawn.
    pub bone: Option<Vec<f32>>,
    /// Ears, once they are planned.
    pub ears: Option<Ears>,
}

/// More gap at one side of the implant.
pub(super) struct CaudalGap {
    /// Middle of the implant across the axis, mm.
    pub middle: [f64; 2],
    /// Unit direction across the axis to the side where the gap is wider.
    pub toward: [f64; 2],
    pub most_mm: f64,
}

impl CaudalGap {
    /// More gap at a place, mm: all within 30° of the direction seen from the middle, none beyond 60°.
    pub fn at_mm(&self, p: [f64; 3]) -> f64 {
        let d = [p[0] - self.middle[0], p[1] - self.middle[1]];
        let r = d[0].hypot(d[1]);
        if r < 1.0 {
            return 0.0;
        }
        let angle_deg =
            ((d[0] * self.toward[0] + d[1] * self.toward[1]) / r).clamp(-1.0, 1.0).acos().to_degrees();
        let s = ((60.0 - angle_deg) / 30.0).clamp(0.0, 1.0);
        self.most_mm * s * s * (3.0 - 2.0 * s)
    }
}

/// What forbids the implant a place: bone and lumen, in the frame of the implant.
pub(super) struct Obstacles<'a> {
    pub bone: &'a Bvh<Part>,
    pub lumen: Option<&'a Bvh<Part>>,
}

impl Fields {
    /// Sheets and swept wall; without the outline's limits.
    pub fn new(
        grid: PartGrid,
        sheets: &Sheets,
        patient_from_part: &Pose<Patient, Part>,
        obstacles: &Obstacles,
        t: &ImplantToml,
        extra: Option<&CaudalGap>,
        draft_rad: f64,
    ) -> Self {
        let n = grid.len();
        let shell: Vec<(f32, f32)> = (0..n)
            .into_par_iter()
            .map(|at| {
                let p: Point<Patient> = patient_from_part.apply(Point::new(grid.place(at)));
                let Some(s) = sheets.at(p) else { return (50.0, 0.0) };
                let nominal = -(s.outer_mm + t.thickness_mm);
                let table = s.inner_mm + t.inner_clearance_mm;
                (s.outer_mm as f32, smooth_max(nominal, table, INNER_BLEND_MM) as f32)
            })
            .collect();
        let (outer, inner): (Vec<f32>, Vec<f32>) = shell.into_iter().unzip();
        let reach_mm = t.gap_mm + extra.map_or(0.0, |e| e.most_mm) + REACH_MM;
        let bone = bone_distance(&grid, obstacles.bone, reach_mm, |at| f64::from(inner[at]) < BELOW_MM);
        let mut wall: Vec<f32> = bone.par_iter().map(|&d| t.gap_mm as f32 - d).collect();
        if let Some(extra) = extra {
            wall.par_iter_mut().enumerate().for_each(|(at, w)| *w += extra.at_mm(grid.place(at)) as f32);
        }
        if let Some(lumen) = obstacles.lumen {
            let clearance_mm = t.sinus_clearance_mm + SINUS_SPARE_MM;
            let reach_mm = clearance_mm + REACH_MM;
            let near = near_blocks(&grid, lumen, reach_mm);
            wall.par_iter_mut().enumerate().filter(|(at, _)| near(*at)).for_each(|(at, w)| {
                // Beyond reach inside the lumen is told from beyond reach outside by the sweep: it comes from above.
                if let Some(d) = lumen.signed_distance_mm(grid.place(at), reach_mm) {
                    *w = w.max((clearance_mm - d) as f32);
                }
            });
        }
        let mut fields = Self {
            grid,
            outer,
            inner,
            wall,
            even_wall: Vec::new(),
            edge_outer_mm: t.edge_outer_mm,
            edge_inner_mm: t.edge_inner_mm,
            bone: (t.kind == Kind::Onlay).then_some(bone),
            ears: None,
        };
        fields.sweep(draft_rad);
        fields
    }

    /// From outside inwards, layer by layer: what is forbidden stays forbidden, and the wall leans in by the draft.
    pub fn sweep(&mut self, draft_rad: f64) {
        let layer = self.grid.layer();
        let lean = (self.grid.step_mm * draft_rad.sin()) as f32;
        for k in (0..self.grid.dims[2] - 1).rev() {
            let (low, high) = self.wall.split_at_mut((k + 1) * layer);
            let below = &mut low[k * layer..];
            below.par_iter_mut().zip(&high[..layer]).for_each(|(b, a)| *b = b.max(*a + lean));
        }
        self.wall_is_set();
    }

    /// To be called when the wall has changed.
    pub fn wall_is_set(&mut self) {
        self.even_wall = low_pass(&self.grid, &self.wall, EVEN_SIGMA_MM);
    }

    /// Largest of the three, edges sharp: for columns and outlines.
    pub fn sharp(&self, at: usize) -> f32 {
        self.outer[at].max(self.inner[at]).max(self.wall[at])
    }

    /// The body with its edges, sampled on the grid.
    pub fn body(&self) -> Vec<f32> {
        let near = (self.edge_outer_mm.max(self.edge_inner_mm) + 1.5 * self.grid.step_mm) as f32;
        (0..self.grid.len())
            .into_par_iter()
            .map(|at| {
                let (a, i, w) = (self.outer[at], self.inner[at], self.wall[at]);
                let [x, y, _] = self.grid.place(at);
                if self.ears.as_ref().is_some_and(|e| e.matters(x, y, 1.0)) {
                    return self.body_at(self.grid.place(at)) as f32;
                }
                let sharp = a.max(i).max(w);
                // Only where two surfaces are near can an edge be.
                if w.abs() > near || a.max(i).abs() > near {
                    return sharp;
                }
                let g = |f: &[f32]| gradient_at(&self.grid, f, at);
                let wall = (f64::from(w), g(&self.even_wall));
                let top = rounded((f64::from(a), g(&self.outer)), wall, self.edge_outer_mm);
                let bottom = rounded((f64::from(i), g(&self.inner)), wall, self.edge_inner_mm);
                top.max(bottom) as f32
            })
            .collect()
    }

    /// The body with its edges at any place of the grid.
    pub fn body_at(&self, p_mm: [f64; 3]) -> f64 {
        let c = self.grid.cell(p_mm);
        let (a, i) = (c.of(&self.outer), c.of(&self.inner));
        let w = (c.value(&self.wall), c.of(&self.even_wall).1);
        let plate = rounded(a, w, self.edge_outer_mm).max(rounded(i, w, self.edge_inner_mm));
        match &self.ears {
            None => plate,
            Some(ears) => {
                let steepest = [a, i, w].into_iter().max_by(|a, b| a.0.total_cmp(&b.0)).map_or(a.1, |s| s.1);
                ears.with_plate(&self.grid, p_mm, (plate, steepest), a, w.0)
            }
        }
    }

    /// Values of the three fields at a place: outer, inner, wall.
    pub fn parts_at(&self, p_mm: [f64; 3]) -> [f64; 3] {
        let c = self.grid.cell(p_mm);
        [c.value(&self.outer), c.value(&self.inner), c.value(&self.wall)]
    }

    /// Gradient of the body, per mm.
    pub fn gradient(&self, p_mm: [f64; 3]) -> Vector3<f64> {
        self.gradient_over(p_mm, 0.01)
    }

    /// Gradient of the body, per mm, by central differences over `half_mm` to either side.
    pub fn gradient_over(&self, p_mm: [f64; 3], half_mm: f64) -> Vector3<f64> {
        Vector3::from_fn(|a, _| {
            let (mut up, mut down) = (p_mm, p_mm);
            up[a] += half_mm;
            down[a] -= half_mm;
            (self.body_at(up) - self.body_at(down)) / (2.0 * half_mm)
        })
    }
}

/// A distance and its gradient.
pub(super) type Sloped = (f64, Vector3<f64>);

/// Either `a < 0` or `b < 0`, the corner between them filled to a circle of radius `r_mm`; with its gradient.
pub(super) fn fillet((a, ga): Sloped, (b, gb): Sloped, r_mm: f64) -> Sloped {
    let plain = if a <= b { (a, ga) } else { (b, gb) };
    let Some((p, q, cos)) = wedge((-a, -ga), (-b, -gb), r_mm) else { return plain };
    // Two faces that look away from each other are one wall from both sides: there is no corner to fill.
    if cos < -0.5 {
        return plain;
    }
    let sine2 = 1.0 - cos * cos;
    let s = ((p * p + q * q - 2.0 * p * q * cos) / sine2).sqrt();
    let gradient = (ga * (p - q * cos) + gb * (q - p * cos)) / (s * sine2).max(1e-9);
    (r_mm - s, gradient)
}

/// Both `a < 0` and `b < 0`, the edge rounded to a circle of radius `r_mm` whatever the angle between the two.
pub(super) fn rounded((a, ga): Sloped, (b, gb): Sloped, r_mm: f64) -> f64 {
    match wedge((a, ga), (b, gb), r_mm) {
        Some((p, q, cos)) => ((p * p + q * q - 2.0 * p * q * cos) / (1.0 - cos * cos)).sqrt() - r_mm,
        None => a.max(b),
    }
}

/// Both values over the surfaces set back by `r_mm`, and the cosine between the surfaces, where the edge between those is
/// nearest; else nothing is rounded.
fn wedge((a, ga): Sloped, (b, gb): Sloped, r_mm: f64) -> Option<(f64, f64, f64)> {
    let (la, lb) = (ga.norm(), gb.norm());
    if la < 0.1 || lb < 0.1 {
        return None;
    }
    // 0.98: beyond, the two are one surface and there is no edge.
    let cos = (ga.dot(&gb) / (la * lb)).clamp(-0.98, 0.98);
    let (p, q) = (a + r_mm, b + r_mm);
    // Seen from the edge of the two surfaces set back by r: within the wedge of both normals the edge is nearest.
    (p - cos * q > 0.0 && q - cos * p > 0.0).then_some((p, q, cos))
}

/// Larger of two, blended over `width`; never below either.
fn smooth_max(a: f64, b: f64, width: f64) -> f64 {
    let h = (width - (a - b).abs()).max(0.0) / width;
    a.max(b) + 0.25 * width * h * h
}

/// Distance to bone, mm, negative inside, at every sample; `±reach_mm` farther away and where not `wanted`.
fn bone_distance(
    grid: &PartGrid,
    bone: &Bvh<Part>,
    reach_mm: f64,
    wanted: impl Fn(usize) -> bool + Sync,
) -> Vec<f32> {
    let near = near_blocks(grid, bone, reach_mm);
    let mut d: Vec<f32> = (0..grid.len())
        .into_par_iter()
        .map(|at| {
            if !near(at) || !wanted(at) {
                return f32::NAN;
            }
            bone.signed_distance_mm(grid.place(at), reach_mm).map_or(f32::NAN, |d| d as f32)
        })
        .collect();
    // Beyond reach the side is that of the next known sample above; the top of the grid is clear of bone or known.
    let layer = grid.layer();
    for column in 0..layer {
        let mut far = reach_mm as f32;
        for k in (0..grid.dims[2]).rev() {
            let v = &mut d[k * layer + column];
            if v.is_nan() {
                *v = far;
            } else {
                far = (reach_mm as f32).copysign(*v);
            }
        }
    }
    let smooth = low_pass(grid, &d, SMOOTH_SIGMA_MM);
    d.par_iter_mut().zip(&smooth).for_each(|(d, s)| {
        let shift = f64::from(s - *d);
        let most = if shift > 0.0 { SMOOTH_NEARER_MM_MAX } else { SMOOTH_AWAY_MM_MAX };
        *d += (most * (shift / most).tanh()) as f32;
    });
    d
}

/// Tells which samples may lie within `reach_mm` of a mesh: those in blocks whose middle is not too far.
fn near_blocks(grid: &PartGrid, tree: &Bvh<Part>, reach_mm: f64) -> impl Fn(usize) -> bool + Sync + use<> {
    const SIDE: usize = 5;
    let blocks = grid.dims.map(|n| n.div_ceil(SIDE));
    let half = (SIDE - 1) as f64 / 2.0;
    let reach_mm = reach_mm + half * grid.step_mm * 3f64.sqrt() + 1e-6;
    let near: Vec<bool> = (0..blocks.iter().product())
        .into_par_iter()
        .map(|b: usize| {
            let ijk = [b % blocks[0], (b / blocks[0]) % blocks[1], b / (blocks[0] * blocks[1])];
            tree.nearest(grid.place_of(ijk.map(|x| (x * SIDE) as f64 + half)), reach_mm).is_some()
        })
        .collect();
    let [ni, nj, _] = grid.dims;
    move |at| {
        let [i, j, k] = [at % ni, (at / ni) % nj, at / (ni * nj)].map(|x| x / SIDE);
        near[(k * blocks[1] + j) * blocks[0] + i]
    }
}

/// Gaussian low-pass along the three axes; the border's values go on outside.
fn low_pass(grid: &PartGrid, field: &[f32], sigma_mm: f64) -> Vec<f32> {
    let kernel = gaussian(sigma_mm / grid.step_mm);
    let half = kernel.len() as i64 / 2;
    let [ni, nj, nk] = grid.dims;
    let mut from = field.to_vec();
    for (stride, size) in [(1, ni), (ni, nj), (ni * nj, nk)] {
        let to: Vec<f32> = (0..from.len())
            .into_par_iter()
            .map(|at| {
                let here = ((at / stride) % size) as i64;
                let mut sum = 0.0;
                for (w, o) in kernel.iter().zip(-half..=half) {
                    let there = (here + o).clamp(0, size as i64 - 1);
                    sum += w * from[(at as i64 + (there - here) * stride as i64) as usize];
                }
                sum
            })
            .collect();
        from = to;
    }
    from
}

/// Weights of a Gaussian cut at 2.5 sigma, sum 1; `sigma` in samples.
pub(super) fn gaussian(sigma: f64) -> Vec<f32> {
    let half = (2.5 * sigma).ceil() as i64;
    let raw: Vec<f64> = (-half..=half).map(|o| (-(o * o) as f64 / (2.0 * sigma * sigma)).exp()).collect();
    let sum: f64 = raw.iter().sum();
    raw.iter().map(|w| (w / sum) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_is_a_circle_at_any_angle() {
        for angle_deg in [50.0f64, 90.0, 130.0] {
            let angle = angle_deg.to_radians();
            // Two planes through the origin with the body's angle between them; normals are π − angle apart.
            let (na, nb) = (Vector3::x(), Vector3::new(-angle.cos(), angle.sin(), 0.0));
            let r = 0.4;
            // Centre of the fillet: r behind both planes.
            let cos = na.dot(&nb);
            let k = -r / (1.0 + cos);
            let centre = (na + nb) * k;
            for share in [0.2, 0.5, 0.8] {
                let p = centre + (na * (1.0 - share) + nb * share).normalize() * r;
                let f = rounded((p.dot(&na), na), (p.dot(&nb), nb), r);
                assert!(f.abs() < 1e-12, "{angle_deg}: {f}");
            }
            let far = centre - (na + nb) * 3.0;
            assert!((rounded((far.dot(&na), na), (far.dot(&nb), nb), r) - far.dot(&na)).abs() < 1e-12);
        }
    }

    #[test]
    fn a_corner_is_filled_to_a_circle() {
        // Floor z < 0 and wall x < 0, filled with r = 2: the circle's middle is at (2, 2).
        let r = 2.0;
        for share in [0.2, 0.5, 0.8f64] {
            let turn = share * std::f64::consts::FRAC_PI_2;
            let p = Vector3::new(r - r * turn.cos(), 0.0, r - r * turn.sin());
            let (f, g) = fillet((p.x, Vector3::x()), (p.z, Vector3::z()), r);
            assert!(f.abs() < 1e-12, "{f}");
            let out = (Vector3::new(r, 0.0, r) - p).normalize();
            assert!((g - out).norm() < 1e-9, "{g:?} {out:?}");
        }
        assert_eq!(fillet((3.0, Vector3::x()), (0.5, Vector3::z()), r), (0.5, Vector3::z()));
    }

    #[test]
    fn the_blend_of_two_limits_keeps_both() {
        for (a, b) in [(0.0, 0.1), (-1.0, 1.0), (0.3, 0.3)] {
            let s = smooth_max(a, b, 0.4);
            assert!(s >= a && s >= b && s <= a.max(b) + 0.1 + 1e-12);
        }
    }
}

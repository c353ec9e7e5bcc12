//! One setup as the tool sees it: part, tabs and blank in the work frame.

use nalgebra::Vector3;

use crate::model::{Implant, Part, Plan, Pose, Setup, Tab, Work};

use super::cutter::P3;
use super::drop::Ground;
use super::error::ToolpathError;
use super::outline::Outline;
use super::plane::Plane;

/// Tag of what is not the part's own surface.
pub const TAB: u32 = u32::MAX - 1;

/// Lattice of roughing and outline, mm: a fraction of any allowance's worth of detail.
const LATTICE_MM: f64 = 0.25;
/// The tab's obstacle reaches this far into the rim, so that no ball finds a way between.
pub const TAB_INTO_RIM_MM: f64 = 0.2;

/// One setup in its work frame, mm.
pub struct Scene {
    /// Setup number.
    pub setup: u32,
    /// Takes the part to the setup.
    pub work_from_part: Pose<Work, Part>,
    /// The part, tabs as obstacles.
    pub ground: Ground,
    /// The same with the tabs drawn in by the roughing allowance, so that roughing leaves them to size.
    pub rough_ground: Ground,
    /// The part from above.
    pub outline: Outline,
    /// Lowest corner of the blank.
    pub stock_lo: P3,
    /// Highest corner of the blank.
    pub stock_hi: P3,
    /// Highest place of the part, work z.
    pub top_mm: f64,
    /// Travels happen here.
    pub clearance_mm: f64,
    /// Where the tabs are.
    pub tabs: Vec<Beside>,
}

/// A tab in the work frame, seen from above: middle of its root, unit vector across it, half its width, height of its upper face, mm.
pub struct Beside {
    at: [f64; 2],
    across: [f64; 2],
    half_mm: f64,
    top_mm: f64,
}

impl Beside {
    fn of(tab: &Tab, work_from_part: &Pose<Work, Part>) -> Self {
        let [x, y] = tab.outward_xy;
        let at = work_from_part.apply_raw(tab.centre.mm);
        let across = work_from_part.iso.rotation * Vector3::new(-y, x, 0.0);
        let face = |z: f64| work_from_part.apply_raw([tab.centre.mm[0], tab.centre.mm[1], z])[2];
        Self {
            at: [at[0], at[1]],
            across: [across.x, across.y],
            half_mm: 0.5 * tab.width_mm,
            top_mm: face(tab.z_min_mm).max(face(tab.z_max_mm)),
        }
    }

    /// Whether a place lies nearer than `mm` beside the tab's middle line, as far as the tab and `mm` are wide.
    fn near(&self, p: [f64; 2], mm: f64) -> bool {
        let d = [p[0] - self.at[0], p[1] - self.at[1]];
        let reach = self.half_mm + mm;
        (d[0] * self.across[0] + d[1] * self.across[1]).abs() < reach && d[0].hypot(d[1]) < 2.0 * reach
    }
}

impl Scene {
    /// Sees the body of `implant` as `setup` holds it.
    pub fn new(implant: &Implant, plan: &Plan, setup: &Setup) -> Result<Self, ToolpathError> {
        Self::finishing(implant, plan, setup, usize::MAX)
    }

    /// The same where only the first `own` facets are finished; the others are as if they were tabs.
    pub fn finishing(
        implant: &Implant,
        plan: &Plan,
        setup: &Setup,
        own: usize,
    ) -> Result<Self, ToolpathError> {
        let work_from_part = setup.part_from_work.inverse();
        let vertices: Vec<P3> = implant.body.vertices.iter().map(|&v| work_from_part.apply_raw(v)).collect();
        if vertices.iter().flatten().any(|x| !x.is_finite()) {
            return Err(ToolpathError::NotFinite { what: "the design's mesh", owner: "design" });
        }
        let triangle = |t: &[u32; 3]| t.map(|v| vertices[v as usize]);
        let ends = [plan.stock.min_mm.mm, plan.stock.max_mm.mm];
        // All eight: an indexed setup sees the blank aslant.
        let corners: Vec<P3> = (0..8)
            .map(|k: usize| work_from_part.apply_raw(std::array::from_fn(|a| ends[k >> a & 1][a])))
            .collect();
        let (stock_lo, stock_hi) = bounds(&corners).expect("a box has corners");
        let body = |inset: f64| {
            let tabs = plan.tabs.iter().flat_map(move |t| tab_top(t, &work_from_part, plan, inset));
            let body = implant.body.triangles.iter().enumerate();
            let body = body.map(|(k, t)| (triangle(t), if k < own { k as u32 } else { TAB }));
            Ground::new(body.chain(tabs.map(|t| (t, TAB))))
        };
        let ground = body(0.0);
        let rough_ground = body(plan.rough_allowance_mm);
        let nothing = ToolpathError::NothingToMill { setup: setup.number };
        let facing = implant.body.triangles.iter().map(triangle);
        let (lo, hi) = bounds(&vertices).ok_or(ToolpathError::NothingToMill { setup: setup.number })?;
        for (a, axis) in ["x", "y", "z"].into_iter().enumerate() {
            if lo[a] < stock_lo[a] - 1e-6 {
                return Err(ToolpathError::OutsideBlank {
                    setup: setup.number,
                    axis,
                    part_mm: lo[a],
                    stock_mm: stock_lo[a],
                });
            }
            if hi[a] > stock_hi[a] + 1e-6 {
                return Err(ToolpathError::OutsideBlank {
                    setup: setup.number,
                    axis,
                    part_mm: hi[a],
                    stock_mm: stock_hi[a],
                });
            }
        }
        if setup.clearance_z_mm < stock_hi[2] + 0.5 || !setup.clearance_z_mm.is_finite() {
            return Err(ToolpathError::LowClearance {
                setup: setup.number,
                clearance_mm: setup.clearance_z_mm,
                stock_mm: stock_hi[2],
                lack_mm: stock_hi[2] + 0.5 - setup.clearance_z_mm,
            });
        }
        let margin = plan.lane_mm + 2.0 * LATTICE_MM;
        let plane =
            Plane::over([lo[0] - margin, lo[1] - margin], [hi[0] + margin, hi[1] + margin], LATTICE_MM);
        let rough = super::tool(plan, "rough", "clears the blank")?;
        let outline = Outline::new(plane, facing, rough.radius_mm() + 1.0).ok_or(nothing)?;
        Ok(Self {
            setup: setup.number,
            work_from_part,
            ground,
            rough_ground,
            outline,
            stock_lo,
            stock_hi,
            top_mm: hi[2],
            clearance_mm: setup.clearance_z_mm,
            tabs: plan.tabs.iter().map(|t| Beside::of(t, &work_from_part)).collect(),
        })
    }

    /// How low the tip of a ball goes along the wall at `p`: above and beside a tab, which is in the other side's way, to its face
    /// or past the foot of an upright wall. Elsewhere the other side sees that wall as well, and infinity is returned.
    pub fn foot_z_mm(&self, p: [f64; 2], radius_mm: f64, past_mm: f64) -> f64 {
        let near = self.tabs.iter().filter(|t| t.near(p, radius_mm + past_mm));
        let face = near.fold(f64::INFINITY, |z, t| z.min(t.top_mm));
        if face == f64::INFINITY {
            return face;
        }
        let at = self.outline.plane.nearest(p[0], p[1]);
        let foot = at.map_or(f64::INFINITY, |at| f64::from(self.outline.foot_z_mm[at]));
        foot.max(face) - radius_mm - past_mm
    }

    /// Rectangle that cutter locations of a tool of `radius_mm` over the part cover.
    pub fn reach(&self, radius_mm: f64) -> ([f64; 2], [f64; 2]) {
        let inside = (0..self.outline.plane.len()).filter(|&at| self.outline.inside[at]);
        let (mut lo, mut hi) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for at in inside {
            let p = self.outline.plane.xy(at);
            for a in 0..2 {
                lo[a] = lo[a].min(p[a]);
                hi[a] = hi[a].max(p[a]);
            }
        }
        let m = radius_mm + 2.0 * LATTICE_MM;
        (lo.map(|x| x - m), hi.map(|x| x + m))
    }
}

/// Lowest and highest corner of what holds all places.
pub fn bounds(vertices: &[P3]) -> Option<(P3, P3)> {
    let first = *vertices.first()?;
    Some(vertices.iter().fold((first, first), |(lo, hi), v| {
        (std::array::from_fn(|a| lo[a].min(v[a])), std::array::from_fn(|a| hi[a].max(v[a])))
    }))
}

/// Top of a tab as two triangles that face up in the work frame: its edges are the walls the tool meets.
fn tab_top(tab: &Tab, work_from_part: &Pose<Work, Part>, plan: &Plan, inset: f64) -> [[P3; 3]; 2] {
    let c = tab.centre.mm;
    let o = tab.outward_xy;
    let side = [-o[1], o[0]];
    let half = (0.5 * tab.width_mm - inset).max(0.01);
    // To the frame and a cutter's width into it, whose stock nobody touches anyway.
    let out = plan.lane_mm + 10.0;
    let top = |z: f64| {
        [(-TAB_INTO_RIM_MM, -half), (out, -half), (out, half), (-TAB_INTO_RIM_MM, half)].map(|(a, b)| {
            work_from_part.apply_raw([c[0] + o[0] * a + side[0] * b, c[1] + o[1] * a + side[1] * b, z])
        })
    };
    let (low, high) = (top(tab.z_min_mm), top(tab.z_max_mm));
    let mut q = if low[0][2] > high[0][2] { low } else { high };
    for p in &mut q {
        p[2] -= inset;
    }
    let cross = (q[1][0] - q[0][0]) * (q[2][1] - q[0][1]) - (q[1][1] - q[0][1]) * (q[2][0] - q[0][0]);
    if cross < 0.0 {
        q.reverse();
    }
    [[q[0], q[1], q[2]], [q[0], q[2], q[3]]]
}

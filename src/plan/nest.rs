//! The nest: a block under the part, milled in place to the part's inner side, so that the plate does not bend while its
//! outer side is finished.
//!
//! The block stands on the fixture plate between the parallels that the frame lies on, in the clamping it will carry:
//! what is milled there and what comes to lie on it share one work zero. Its seat is the part's inner side as seen from
//! below, `nest_inset_mm` inside the outline; the ground beside it is left below everything that the outer side's tools
//! reach.

use std::collections::BTreeMap;

use crate::geometry::Bvh;
use crate::geometry::outline::signed_distance_to_outline_mm;
use crate::model::{
    BoxPart, Fixture, Implant, MachineTool, Mesh, Nest, Part, Plan, Point, SetupTask, Shop, Tool, ToolKind,
};

use super::params::PlanToml;
use super::{PlanError, Shape};

/// Nodes of the seat, mm: on a radius of 60 mm its facets lie 0.5 µm off.
const STEP_MM: f64 = 0.5;
/// Ground beside the seat, mm: the roughed wall and no more.
const BESIDE_MM: f64 = 3.0;
/// The ground, roughed, stays this far below the blank's lower face, mm.
const BELOW_MM: f64 = 0.5;
/// Block above the highest seat, mm.
const ABOVE_MM: f64 = 0.5;
/// Least block under the ground, mm: it is bolted from below.
const FOOT_MM: f64 = 5.0;
/// Bodies of the nest that the judge holds tools against: columns so wide, mm.
const COLUMN_MM: f64 = 4.0;

/// Heights of the nest over a lattice of the part's x and y.
struct Heights {
    origin: [f64; 2],
    n: [usize; 2],
    /// Part z of the seat per node; `None` beside it.
    seat: Vec<Option<f64>>,
    ground_z_mm: f64,
}

impl Heights {
    fn of(tree: &Bvh<Part>, outline: &[[f64; 2]], inset_mm: f64, ground_z_mm: f64) -> Self {
        let end = |a: usize, f: fn(f64, f64) -> f64, from: f64| outline.iter().map(|p| p[a]).fold(from, f);
        let lo = [0, 1].map(|a| end(a, f64::min, f64::INFINITY) + inset_mm - BESIDE_MM);
        let hi = [0, 1].map(|a| end(a, f64::max, f64::NEG_INFINITY) - inset_mm + BESIDE_MM);
        let n = [0, 1].map(|a| ((hi[a] - lo[a]) / STEP_MM).ceil().max(2.0) as usize + 1);
        let bottom = tree.mesh().bounds_mm().map_or(0.0, |b| b.0[2]) - 1.0;
        let seat = (0..n[0] * n[1])
            .map(|at| {
                let p = [lo[0] + (at % n[0]) as f64 * STEP_MM, lo[1] + (at / n[0]) as f64 * STEP_MM];
                if signed_distance_to_outline_mm(outline, p) > -inset_mm {
                    return None;
                }
                let up = tree.first_hit([p[0], p[1], bottom], [0.0, 0.0, 1.0], 0.0, f64::INFINITY)?;
                Some(bottom + up.t)
            })
            .collect();
        Self { origin: lo, n, seat, ground_z_mm }
    }

    fn xy(&self, at: usize) -> [f64; 2] {
        [
            self.origin[0] + (at % self.n[0]) as f64 * STEP_MM,
            self.origin[1] + (at / self.n[0]) as f64 * STEP_MM,
        ]
    }

    fn cells(&self) -> impl Iterator<Item = [usize; 4]> + '_ {
        let [nx, ny] = self.n;
        (0..ny - 1).flat_map(move |j| {
            (0..nx - 1).map(move |i| {
                let at = j * nx + i;
                [at, at + 1, at + 1 + nx, at + nx]
            })
        })
    }

    /// Closed body: seat facets first, then the rest of the top, sides and bottom; and how many are seat.
    fn body(&self, bottom_z_mm: f64) -> (Mesh<Part>, usize) {
        let [nx, ny] = self.n;
        let count = (nx * ny) as u32;
        let top = |at: usize| self.seat[at].unwrap_or(self.ground_z_mm);
        let place = |at: usize, z: f64| {
            let [x, y] = self.xy(at);
            [x, y, z]
        };
        let mut vertices: Vec<[f64; 3]> = (0..nx * ny).map(|at| place(at, top(at))).collect();
        vertices.extend((0..nx * ny).map(|at| place(at, bottom_z_mm)));
        let carries = |c: &[usize; 4]| c.iter().all(|&at| self.seat[at].is_some());
        let two = |c: [usize; 4]| {
            let [a, b, d, e] = c.map(|at| at as u32);
            [[a, b, d], [a, d, e]]
        };
        let mut triangles: Vec<[u32; 3]> = self.cells().filter(carries).flat_map(two).collect();
        let seat = triangles.len();
        triangles.extend(self.cells().filter(|c| !carries(c)).flat_map(two));
        triangles.extend(self.cells().flat_map(two).map(|[a, b, c]| [a + count, c + count, b + count]));
        // Round the border, counter-clockwise seen from above.
        let border: Vec<usize> = (0..nx - 1)
            .chain((0..ny - 1).map(|j| j * nx + nx - 1))
            .chain((1..nx).rev().map(|i| (ny - 1) * nx + i))
            .chain((1..ny).rev().map(|j| j * nx))
            .collect();
        for (k, &a) in border.iter().enumerate() {
            let (a, b) = (a as u32, border[(k + 1) % border.len()] as u32);
            triangles.push([a, a + count, b + count]);
            triangles.push([a, b + count, b]);
        }
        (Mesh::new(vertices, triangles), seat)
    }
}

fn heights(implant: &Implant, outline: &[[f64; 2]], inset_mm: f64, ground_z_mm: f64) -> Heights {
    Heights::of(&Bvh::new(&implant.body), outline, inset_mm, ground_z_mm)
}

/// The nest as a part of its own, in the frame of the part it carries, and how many of its first facets are seat.
///
/// # Errors
/// As [`super::plan_part`], for the part's mesh.
pub fn nest_part(implant: &Implant, nest: &Nest) -> Result<(Implant, usize), PlanError> {
    let shape = Shape::of(implant)?;
    let outline: Vec<[f64; 2]> = shape.rim.iter().map(|r| r.xy_mm).collect();
    let heights = heights(implant, &outline, nest.inset_mm, nest.ground_z_mm);
    let (body, seat) = heights.body(nest.plan.stock.min_mm.mm[2]);
    let part = Implant { mesh: body.clone(), body, holes: Vec::new(), ..implant.clone() };
    Ok((part, seat))
}

/// What the nest is planned from.
pub(super) struct Nesting<'a> {
    pub implant: &'a Implant,
    pub shape: &'a Shape,
    pub shop: &'a Shop,
    pub machine: &'a MachineTool,
    pub tools: &'a BTreeMap<String, Tool>,
    pub params: &'a PlanToml,
}

impl Nesting<'_> {
    /// The nest of `plan`, whose last level setup it carries, and the bodies it stands for there.
    pub(super) fn nest(&self, plan: &Plan) -> Result<(Nest, Vec<Fixture>), PlanError> {
        let p = self.params;
        let carries = plan.setups.iter().rev().find(|s| !s.is_indexed()).expect("a plan has setups").clone();
        let outline: Vec<[f64; 2]> = self.shape.rim.iter().map(|r| r.xy_mm).collect();
        let lower_face = plan.stock.min_mm.mm[2];
        let ground_z_mm = lower_face - BELOW_MM - p.rough_allowance_mm;
        let plate_z_mm = lower_face - p.nest_parallels_mm;
        if ground_z_mm - plate_z_mm < FOOT_MM {
            return Err(PlanError::Param {
                key: "plan.nest_parallels_mm".into(),
                found: p.nest_parallels_mm.to_string(),
                expected: format!(
                    "{} or more, so that the nest has a foot",
                    FOOT_MM + BELOW_MM + p.rough_allowance_mm
                ),
            });
        }
        let heights = heights(self.implant, &outline, p.nest_inset_mm, ground_z_mm);
        let highest = heights.seat.iter().flatten().fold(f64::NEG_INFINITY, |m, &z| m.max(z));
        let seats = heights.cells().filter(|c| c.iter().all(|&at| heights.seat[at].is_some())).count();
        if seats == 0 {
            return Err(PlanError::Param {
                key: "plan.nest_inset_mm".into(),
                found: p.nest_inset_mm.to_string(),
                expected:
                    "less: nothing of the part lies so far inside its outline; or plan.order = \"two-setups\""
                        .into(),
            });
        }
        let material = self.shop.materials.get(&p.nest_material).ok_or_else(|| PlanError::Unknown {
            key: "plan.nest_material",
            name: p.nest_material.clone(),
            known: self.shop.materials.keys().cloned().collect::<Vec<_>>().join(", "),
        })?;
        let size: [f64; 2] = std::array::from_fn(|a| (heights.n[a] - 1) as f64 * STEP_MM);
        let need_z = highest + ABOVE_MM - plate_z_mm;
        let of_material = || self.shop.stock.iter().filter(|b| b.material == p.nest_material);
        let holds = |b: &[f64; 3]| {
            let flat = (b[0] >= size[0] && b[1] >= size[1]) || (b[1] >= size[0] && b[0] >= size[1]);
            flat && b[2] >= need_z
        };
        let blank = of_material()
            .filter(|b| holds(&b.size_mm))
            .min_by(|a, b| {
                let volume = |s: &[f64; 3]| s.iter().product::<f64>();
                volume(&a.size_mm).total_cmp(&volume(&b.size_mm)).then_with(|| a.name.cmp(&b.name))
            })
            .ok_or_else(|| PlanError::NoBlank {
                material: p.nest_material.clone(),
                needed: format!("{:.1} x {:.1} x {need_z:.1}", size[0], size[1]),
                largest: "smaller".into(),
            })?;
        // Sawn to length and width; as thick as it is bought.
        let [x, y] = heights.origin;
        let stock = BoxPart {
            min_mm: Point::new([x, y, plate_z_mm]),
            max_mm: Point::new([x + size[0], y + size[1], plate_z_mm + blank.size_mm[2]]),
        };
        let bodies = columns(&heights, plate_z_mm, carries.number);
        let mut setup = carries.clone();
        setup.number = carries.number - 5;
        setup.clamping = setup.number;
        setup.name = format!("nest for op{}", carries.number);
        setup.task = SetupTask::All;
        // The block may stand above the blank that it makes room for.
        setup.clearance_z_mm += (stock.max_mm.mm[2] - plan.stock.max_mm.mm[2]).max(0.0);
        let mut fixtures: Vec<Fixture> = plan
            .fixtures
            .iter()
            .filter(|f| f.setups.contains(&carries.number) && f.name.contains("plate"))
            .cloned()
            .collect();
        for f in &mut fixtures {
            f.setups = vec![setup.number];
        }
        let roles = ["rough", "finish", "rim"];
        let tools: BTreeMap<String, Tool> = self
            .tools
            .iter()
            .filter(|(r, _)| roles.contains(&r.as_str()))
            .map(|(r, t)| (r.clone(), t.clone()))
            .collect();
        debug_assert!(tools["rough"].kind == ToolKind::Flat || tools["rough"].kind == ToolKind::Bull);
        let own = Plan {
            schema: plan.schema.clone(),
            material_key: p.nest_material.clone(),
            material: material.clone(),
            blank: blank.clone(),
            stock,
            machine: self.machine.clone(),
            setups: vec![setup],
            fixtures,
            pins: plan.pins.clone(),
            tabs: Vec::new(),
            lane_mm: self.tools["rough"].diameter_mm + p.rough_allowance_mm + 1.0,
            tools,
            rough_allowance_mm: p.rough_allowance_mm,
            scallop_mm: p.scallop_mm,
            finish_skin_mm: p.finish_skin_mm,
            visibility: None,
            flip: None,
            nest: None,
            findings: Vec::new(),
        };
        let nest = Nest {
            carries: carries.number,
            inset_mm: p.nest_inset_mm,
            ground_z_mm,
            seat_mm2: seats as f64 * STEP_MM * STEP_MM,
            plan: own,
        };
        Ok((nest, bodies))
    }
}

/// Boxes inside the nest: under every square of the seat as high as its lowest node, and the foot.
fn columns(heights: &Heights, plate_z_mm: f64, setup: u32) -> Vec<Fixture> {
    let every = (COLUMN_MM / STEP_MM) as usize;
    let [nx, ny] = heights.n;
    let mut out = Vec::new();
    let mut add = |lo: [f64; 3], hi: [f64; 3]| {
        out.push(Fixture {
            name: "nest".into(),
            setups: vec![setup],
            body: BoxPart { min_mm: Point::new(lo), max_mm: Point::new(hi) },
        });
    };
    let [x0, y0] = heights.xy(0);
    let [x1, y1] = heights.xy(nx * ny - 1);
    add([x0, y0, plate_z_mm], [x1, y1, heights.ground_z_mm]);
    for j in (0..ny - 1).step_by(every) {
        for i in (0..nx - 1).step_by(every) {
            let (i1, j1) = ((i + every).min(nx - 1), (j + every).min(ny - 1));
            let nodes = (j..=j1).flat_map(|b| (i..=i1).map(move |a| b * nx + a));
            let lowest = nodes.map(|at| heights.seat[at]).try_fold(f64::INFINITY, |m, z| z.map(|z| m.min(z)));
            if let Some(z) = lowest {
                let (a, b) = (heights.xy(j * nx + i), heights.xy(j1 * nx + i1));
                add([a[0], a[1], heights.ground_z_mm], [b[0], b[1], z]);
            }
        }
    }
    out
}

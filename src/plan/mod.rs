//! Decides how an implant is made: blank, setups, locating pins, clamps, tabs, tools.
//!
//! **In** `Implant` (part frame, mm), the `Shop`, parameters. **Out** `Plan`, and the `Job` that tells a judge what stands
//! on the machine.
//!
//! **Method** A curved plate whose walls narrow inwards is seen whole from its two sides. `op10` looks at the bone side
//! (work +z = part −z) and cuts the rim wall; the blank is turned over about part x; `op20` looks at the outer side.
//! Both work offsets lie on the axis of the Ø8 pin, on the blank's top face, so that x and y of the work zero stay where
//! they are on the machine. The pins lie on the turning axis and differ in diameter: end for end the blank does not seat.
//! Tabs sit at the outer end of the rim wall, as thick as material and force ask (`tabs`), off screws, text and brow (`sites`).
//! Finishing balls are chosen by what they bend (`tools`), the order of work by what the plate bends (`layout`). Every facet is
//! looked at along 2,000 directions (`visible`). Where the machine has rotary axes holes that stand aslant are drilled, the
//! clamping of the outer side turned, hole axis to spindle, in a program of its own per direction (`op21` …); and what neither
//! side sees is milled from poses that set cover chooses, each a program after the clamping it keeps (`cover`). Two bores
//! in the frame tell a probe how the blank was turned over (`coupon`).
//!
//! **Different from the paper** Reference practice finishes the second side on a nest milled to the first. Here it does where
//! the plate would bend too far on its tabs; `review` holds what comes out against its own limit.
//!
//! **Guarantees** The blank holds the part with the margins asked for; tabs lie on the rim, no further apart than the
//! pitch asked for, recessed below the outer edge; pins and clamps lie outside the lane; the work zero and everything
//! the tools need above it lie within the machine's travels. Same bytes on any thread count.
//!
//! **Limits** Two clampings. A tab in the way of a tilted tool is found by the judge, not here. A blank that is not turned over
//! seats too, as any does on two pins: the sheet has the operator look.
//! Fit-critical places of the rim are not known to this room; the tabs' places are checked at inspection.

mod blank;
mod coupon;
mod cover;
mod index;
mod job;
mod kinematics;
mod layout;
mod nest;
mod params;
mod setup;
mod shop;
mod sites;
mod tabs;
mod tools;
mod visible;

pub use job::job_of;
pub use nest::nest_part;
pub use params::{Order, PlanParams, PlanToml};
pub use shop::{read_prices, read_shop, read_shop_folder, shipped_shop};

use crate::geometry::Bvh;
use crate::geometry::outline::{
    RimPlace, outline_xy, perimeter_mm, rim_places, signed_distance_to_outline_mm,
};
use crate::model::{Implant, Mesh, Part, Plan, Shop};

/// Why no plan can be made.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A file of the shop does not parse.
    #[error("shop file {file} cannot be read: {message}; correct it as the shipped file of that name shows")]
    ShopFile {
        /// Name of the file.
        file: String,
        /// The parser's words.
        message: String,
    },
    /// A value of the shop cannot be.
    #[error("shop file {file}: {place} is {found}, expected {expected}; correct the file")]
    ShopValue {
        /// Name of the file.
        file: &'static str,
        /// Table and key.
        place: String,
        /// The value.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// A parameter cannot be.
    #[error("{key} is {found}, expected {expected}; correct the pipeline file")]
    Param {
        /// Table and key.
        key: String,
        /// The value.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// A key names something the shop does not have.
    #[error(
        "{key} names {name:?}, which the shop does not have; it has: {known}. Name one of these or add it to the shop"
    )]
    Unknown {
        /// The key that names it.
        key: &'static str,
        /// What it names.
        name: String,
        /// What there is.
        known: String,
    },
    /// The mesh is no body.
    #[error(
        "the implant's mesh is {found}, expected a closed body with a rim; repair the mesh before planning"
    )]
    Mesh {
        /// What is wrong.
        found: String,
    },
    /// No blank is large enough.
    #[error(
        "no {material} blank holds {needed} mm (part and margins, length x width x thickness); the largest in stock is \
         {largest}; order a larger plate and add it to stock.toml, or split the implant"
    )]
    NoBlank {
        /// Key of the material.
        material: String,
        /// Size needed.
        needed: String,
        /// The largest there is.
        largest: String,
    },
    /// The machine is too small.
    #[error(
        "machine axis {axis} would have to reach {reach_mm:.1} mm, its travel is {min_mm:.1} to {max_mm:.1} mm; \
         choose a larger machine or move plan.fixture_face_above_travel_min_mm"
    )]
    Travel {
        /// `x`, `y` or `z`.
        axis: char,
        /// Machine coordinate needed, mm.
        reach_mm: f64,
        /// Lowest of the travel, mm.
        min_mm: f64,
        /// Highest of the travel, mm.
        max_mm: f64,
    },
    /// A hole has no drill.
    #[error(
        "hole {number} has a diameter of {diameter_mm} mm, but none of the drills in plan.drill_tools cuts that \
         ({known}); add the drill or change the hole"
    )]
    NoDrill {
        /// Counted from 1.
        number: usize,
        /// Diameter, mm.
        diameter_mm: f64,
        /// Drills named.
        known: String,
    },
}

/// What planning needs to know of the part's shape, part frame, mm.
struct Shape {
    tree: Bvh<Part>,
    /// Per facet, whether either side sees it.
    seen: Vec<bool>,
    /// Area of the part's shadow, mm².
    shadow_mm2: f64,
    min_mm: [f64; 3],
    max_mm: [f64; 3],
    rim: Vec<RimPlace>,
    perimeter_mm: f64,
    /// Lowest place of the rim that faces up, and the highest of its upper end.
    rim_z_min_mm: f64,
    rim_z_max_mm: f64,
    /// Highest place that looks at the bone: the bottom of the bowl.
    bowl_z_max_mm: f64,
}

/// Cell of the raster that finds the outline; ray casts then place the rim exactly.
const OUTLINE_CELL_MM: f64 = 0.2;
/// Places of the rim looked at, one per millimetre: a tab is seven wide.
const RIM_STEP_MM: f64 = 1.0;

impl Shape {
    fn of(implant: &Implant) -> Result<Self, PlanError> {
        let mesh = &implant.body;
        let bad = |found: String| PlanError::Mesh { found };
        let (min_mm, max_mm) = mesh.bounds_mm().ok_or_else(|| bad("empty".into()))?;
        if !min_mm.iter().chain(&max_mm).all(|v| v.is_finite()) {
            return Err(bad("not finite".into()));
        }
        if !mesh.is_closed_two_manifold() {
            return Err(bad(format!("not closed two-manifold ({:?})", mesh.edge_census())));
        }
        let outline = outline_xy(mesh, OUTLINE_CELL_MM);
        let tree: Bvh<Part> = Bvh::new(mesh);
        let rim = rim_places(&tree, &outline, RIM_STEP_MM);
        if rim.len() < 12 {
            return Err(bad(format!("too small: {} places of rim a millimetre apart", rim.len())));
        }
        let bowl_z_max_mm = (0..mesh.triangles.len())
            .filter(|&t| mesh.normal(t).z < -0.3)
            .flat_map(|t| mesh.corners(t).map(|c| c.z))
            .fold(min_mm[2], f64::max);
        Ok(Self {
            min_mm,
            max_mm,
            perimeter_mm: perimeter_mm(&outline),
            shadow_mm2: shadow_mm2(&outline),
            rim_z_min_mm: lowest_edge_mm(mesh, &outline, &rim),
            rim_z_max_mm: rim.iter().map(|r| r.z_top_mm).fold(f64::NEG_INFINITY, f64::max),
            rim,
            bowl_z_max_mm,
            seen: visible::seen(&tree),
            tree,
        })
    }
}

fn shadow_mm2(outline: &[[f64; 2]]) -> f64 {
    let next = outline.iter().cycle().skip(1);
    outline.iter().zip(next).map(|(a, b)| 0.5 * (a[0] * b[1] - a[1] * b[0])).sum()
}

/// How far inside the outline what faces up still belongs to the rim's wall, mm: an upright wall's facets lean both ways
/// by the roughness of the mesh, and the tool that rounds the part from the outer side must pass the lowest of them.
const EDGE_BAND_MM: f64 = 1.5;

/// Lowest place of the rim that faces up, part z: where the rim's wall ends outwards, or lower where it stands upright.
fn lowest_edge_mm(mesh: &Mesh<Part>, outline: &[[f64; 2]], rim: &[RimPlace]) -> f64 {
    let outer = rim.iter().map(|r| r.z_top_mm).fold(f64::INFINITY, f64::min);
    (0..mesh.triangles.len()).filter(|&t| mesh.normal(t).z > 0.0).flat_map(|t| mesh.corners(t)).fold(
        outer,
        |low, c| {
            let beside = || signed_distance_to_outline_mm(outline, [c.x, c.y]).abs() <= EDGE_BAND_MM;
            if c.z < low && beside() { c.z } else { low }
        },
    )
}

/// How `implant` is made from what is in `shop`.
///
/// # Errors
/// [`PlanError`] when the mesh is no body, the material, machine, a tool or a drill is not in the shop, no blank is large
/// enough, or the machine's travels do not hold the job.
pub fn plan_part(implant: &Implant, shop: &Shop, params: &PlanParams) -> Result<Plan, PlanError> {
    let p = params.get();
    let known = |keys: Vec<&String>| keys.iter().map(|k| k.as_str()).collect::<Vec<_>>().join(", ");
    let machine = shop.machines.get(&p.machine).ok_or_else(|| PlanError::Unknown {
        key: "plan.machine",
        name: p.machine.clone(),
        known: known(shop.machines.keys().collect()),
    })?;
    let material_key = &implant.facts.material;
    let material = shop.materials.get(material_key).ok_or_else(|| PlanError::Unknown {
        key: "the implant's material",
        name: material_key.clone(),
        known: known(shop.materials.keys().collect()),
    })?;
    let shape = Shape::of(implant)?;
    let layout::Laid { mut plan, reach_mm } =
        layout::Layout::new(implant, shop, machine, material, &shape, p).plan()?;
    visible::look(implant, &shape, shop, p, reach_mm, &mut plan);
    Ok(plan)
}

#[cfg(test)]
pub(crate) mod tests;

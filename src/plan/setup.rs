//! Pins, clamps, and the two work offsets.

use std::collections::BTreeMap;

use crate::model::{
    BoxPart, Dir, Fixture, MachineTool, Part, Pin, Point, Pose, Setup, SetupTask, Tool, Work,
};

use super::PlanError;
use super::index::longest_mm;
use super::params::{Order, PlanToml};

/// Fixture plate under the blank, and how far it runs beyond, mm. Only its face matters to the tools.
const PLATE_MM: f64 = 20.0;
/// A side clamp: along the blank and away from it, mm.
const CLAMP_MM: [f64; 2] = [24.0, 15.0];

/// On part x through the blank's middle: the larger at the low end, which is the work zero.
pub(super) fn pins(stock: &BoxPart, p: &PlanToml) -> Vec<Pin> {
    let y = 0.5 * (stock.min_mm.mm[1] + stock.max_mm.mm[1]);
    vec![
        Pin { centre_xy_mm: [stock.min_mm.mm[0] + p.pin_from_edge_mm, y], diameter_mm: p.pin_diameter_mm },
        Pin {
            centre_xy_mm: [stock.max_mm.mm[0] - p.pin_from_edge_mm, y],
            diameter_mm: p.pin_second_diameter_mm,
        },
    ]
}

/// Per setup: the plate under the blank, the pins, and four side clamps, all ending below the blank's top face.
pub(super) fn fixtures(stock: &BoxPart, pins: &[Pin], p: &PlanToml) -> Vec<Fixture> {
    let (lo, hi) = (stock.min_mm.mm, stock.max_mm.mm);
    let body = |a: [f64; 3], b: [f64; 3]| BoxPart { min_mm: Point::new(a), max_mm: Point::new(b) };
    let mut out = Vec::new();
    // op10 looks along part +z at the blank's low face, op20 along part −z at its high face.
    let below = |lift: f64| (lo[2] - lift - PLATE_MM, lo[2] - lift);
    let bone_side = ((lo[2] + p.clamp_below_top_mm, hi[2]), (hi[2], hi[2] + PLATE_MM));
    let outer_side = (lo[2], hi[2] - p.clamp_below_top_mm);
    let mut sides = vec![(vec![10], bone_side.0, bone_side.1), (vec![20], outer_side, below(0.0))];
    if p.order == Order::RoughFirst {
        sides[0].0.push(30);
        sides.push((vec![40], outer_side, below(p.nest_parallels_mm)));
    }
    for (setups, z, plate) in sides {
        let mut add = |name: String, body: BoxPart| out.push(Fixture { name, setups: setups.clone(), body });
        // Under the frame's long sides, clear of the lane.
        if plate.1 < lo[2] {
            let width = 0.5 * (p.blank_margin_mm - p.lane_mm);
            add("parallel 1".into(), body([lo[0], lo[1], plate.1], [hi[0], lo[1] + width, lo[2]]));
            add("parallel 2".into(), body([lo[0], hi[1] - width, plate.1], [hi[0], hi[1], lo[2]]));
        }
        add(
            "fixture plate".into(),
            body(
                [lo[0] - PLATE_MM, lo[1] - PLATE_MM, plate.0],
                [hi[0] + PLATE_MM, hi[1] + PLATE_MM, plate.1],
            ),
        );
        for pin in pins {
            let ([x, y], r) = (pin.centre_xy_mm, pin.diameter_mm / 2.0);
            add(format!("pin D{}", pin.diameter_mm), body([x - r, y - r, z.0], [x + r, y + r, z.1]));
        }
        for (k, share) in [0.25, 0.75].into_iter().enumerate() {
            let x = lo[0] + share * (hi[0] - lo[0]);
            let (x0, x1) = (x - CLAMP_MM[0] / 2.0, x + CLAMP_MM[0] / 2.0);
            add(format!("side clamp {}", 2 * k + 1), body([x0, lo[1] - CLAMP_MM[1], z.0], [x1, lo[1], z.1]));
            add(format!("side clamp {}", 2 * k + 2), body([x0, hi[1], z.0], [x1, hi[1] + CLAMP_MM[1], z.1]));
        }
    }
    out
}

/// `op10` and `op20`, and `op30` and `op40` where roughing goes first; work zero on the axis of the first pin, on the blank's top face.
pub(super) fn setups(
    stock: &BoxPart,
    pins: &[Pin],
    machine: &MachineTool,
    tools: &BTreeMap<String, Tool>,
    p: &PlanToml,
) -> Result<Vec<Setup>, PlanError> {
    let size: [f64; 3] = std::array::from_fn(|a| stock.max_mm.mm[a] - stock.min_mm.mm[a]);
    let (travel_lo, travel_hi) = (machine.travel_min_mm, machine.travel_max_mm);
    // The blank in the middle of the table; seen from above it covers the same place in both setups, since it is turned
    // over about the line through the pins.
    let zero = [
        0.5 * (travel_lo[0] + travel_hi[0]) - size[0] / 2.0 + p.pin_from_edge_mm,
        0.5 * (travel_lo[1] + travel_hi[1]),
        travel_lo[2] + p.fixture_face_above_travel_min_mm + size[2],
    ];
    let longest_mm = longest_mm(tools.values());
    let lift = if p.order == Order::RoughFirst { p.nest_parallels_mm } else { 0.0 };
    let reaches = [
        ('x', 0, zero[0] - p.pin_from_edge_mm),
        ('x', 0, zero[0] - p.pin_from_edge_mm + size[0]),
        ('y', 1, zero[1] - size[1] / 2.0),
        ('y', 1, zero[1] + size[1] / 2.0),
        ('z', 2, zero[2] - size[2]),
        // The spindle's nose over the clearance height with the longest tool.
        ('z', 2, zero[2] + lift + p.clearance_mm + longest_mm),
    ];
    for (axis, a, reach_mm) in reaches {
        if !(reach_mm >= travel_lo[a] && reach_mm <= travel_hi[a]) {
            return Err(PlanError::Travel { axis, reach_mm, min_mm: travel_lo[a], max_mm: travel_hi[a] });
        }
    }
    let [px, py] = pins[0].centre_xy_mm;
    let setup = |number, name: &str, work_from_part: Pose<Work, Part>| Setup {
        number,
        name: name.into(),
        part_from_work: work_from_part.inverse(),
        work_offset: "G54".into(),
        work_zero_machine_mm: zero,
        clearance_z_mm: p.clearance_mm,
        task: SetupTask::All,
        clamping: number,
        rotary_deg: vec![],
    };
    let x = Dir::new([1.0, 0.0, 0.0]);
    let bone_side = Pose::from_axes(
        x,
        Dir::new([0.0, -1.0, 0.0]),
        Dir::new([0.0, 0.0, -1.0]),
        Point::new([px, py, stock.min_mm.mm[2]]),
    );
    let outer_side = Pose::from_axes(
        x,
        Dir::new([0.0, 1.0, 0.0]),
        Dir::new([0.0, 0.0, 1.0]),
        Point::new([px, py, stock.max_mm.mm[2]]),
    );
    if p.order != Order::RoughFirst {
        return Ok(vec![setup(10, "bone side and rim", bone_side), setup(20, "outer side", outer_side)]);
    }
    let mut all = vec![
        setup(10, "bone side, roughing", bone_side),
        setup(20, "outer side, roughing", outer_side),
        setup(30, "bone side, rim and holes, finishing", bone_side),
        setup(40, "outer side on its nest, finishing", outer_side),
    ];
    for (k, s) in all.iter_mut().enumerate() {
        s.task = if k < 2 { SetupTask::Rough } else { SetupTask::Finish };
    }
    // The frame lies on parallels there, so that the nest has room for its foot.
    all[3].work_zero_machine_mm[2] += p.nest_parallels_mm;
    Ok(all)
}

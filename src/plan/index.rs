//! Indexed setups of tilted holes: the rotary axes turn a hole's axis to the spindle without the part being clamped anew.
//!
//! Holes whose axes are the same share a setup. Each is `op21`, `op22` … after the clamping it belongs to. Before one is
//! planned its way is checked: angles within the travels, the drill through the lane and clear of the frame, everything
//! within reach of x, y and z.

use nalgebra::Vector3;

use crate::geometry::outline::signed_distance_to_outline_mm;
use crate::model::{
    BoxPart, Finding, Fixture, Hole, Implant, MachineTool, Part, Point, Setup, SetupTask, Severity, Tool,
};

use super::Shape;
use super::kinematics::{angles_deg, indexed};
use super::params::PlanToml;

/// Up to this a hole is drilled upright: 0.01° over a plate of 5 mm is 1 µm.
const UPRIGHT_DEG: f64 = 0.01;
/// The same for two holes that share a setup.
const SAME_DEG: f64 = 0.01;
/// Between a drill and the frame beside it, mm.
const FREE_MM: f64 = 0.5;
/// Most indexed setups of one clamping: `op21` to `op29`.
const SETUPS_MAX: usize = 9;

/// Angle between a hole and the part's z, degrees.
pub(super) fn tilt_deg(hole: &Hole) -> f64 {
    hole.axis.unit[0].hypot(hole.axis.unit[1]).atan2(hole.axis.unit[2]).to_degrees()
}

/// True where no upright setup can drill it.
pub(super) fn is_tilted(hole: &Hole) -> bool {
    tilt_deg(hole) > UPRIGHT_DEG
}

/// How far the tool at the bottom of a tilted hole must stick out so that its holder stays above the frame, mm.
pub(super) fn stick_out_mm(hole: &Hole, stock: &BoxPart, holder_radius_mm: f64, margin_mm: f64) -> f64 {
    let cos = hole.axis.unit[2];
    let bottom = hole.centre.mm[2] - (hole.length_mm + hole.diameter_mm) * cos;
    let leans = holder_radius_mm * (1.0 - cos * cos).max(0.0).sqrt();
    (stock.max_mm.mm[2] - bottom + leans + margin_mm) / cos
}

/// What an indexed setup is planned from.
pub(super) struct Indexing<'a> {
    pub implant: &'a Implant,
    pub shape: &'a Shape,
    pub stock: &'a BoxPart,
    pub fixtures: &'a [Fixture],
    pub machine: &'a MachineTool,
    pub longest_mm: f64,
    pub params: &'a PlanToml,
}

impl Indexing<'_> {
    /// The setups that drill the tilted holes, in the clamping `level` that looks at the outer side; findings for those
    /// that none can.
    pub(super) fn setups(&self, level: &Setup, findings: &mut Vec<Finding>) -> Vec<Setup> {
        let mut groups: Vec<(Vector3<f64>, Vec<usize>)> = Vec::new();
        for (k, hole) in self.implant.holes.iter().enumerate().filter(|(_, h)| is_tilted(h)) {
            let axis = hole.axis.v();
            match groups.iter_mut().find(|g| g.0.dot(&axis) > SAME_DEG.to_radians().cos()) {
                Some(group) => group.1.push(k),
                None => groups.push((axis, vec![k])),
            }
        }
        // Without rotary axes the review says what to do.
        if self.machine.rotary.is_empty() || groups.is_empty() {
            return Vec::new();
        }
        if groups.len() > SETUPS_MAX {
            let message = format!(
                "the holes point in {} directions, {SETUPS_MAX} indexed setups at most: give holes near to each other one axis",
                groups.len()
            );
            findings.push(Finding::new("indexed-setups", Severity::Stop, message).measured(
                groups.len() as f64,
                SETUPS_MAX as f64,
                "setups",
            ));
            return Vec::new();
        }
        let mut out: Vec<Setup> = Vec::new();
        for (axis, holes) in groups {
            let names = holes.iter().map(|k| (k + 1).to_string()).collect::<Vec<_>>().join(", ");
            match self.setup(level, axis, &holes, level.number + 1 + out.len() as u32) {
                Ok(setup) => {
                    let words = words(self.machine, &setup.rotary_deg);
                    let message = format!(
                        "op{} turns the table to {words} and drills hole {names}, {:.1} deg off the axis; the work zero must lie \
                         where the sheet says it does on the machine, since the angles turn the part about the machine's pivots",
                        setup.number,
                        axis.z.clamp(-1.0, 1.0).acos().to_degrees()
                    );
                    findings.push(Finding::new("indexed", Severity::Note, message));
                    out.push(setup);
                }
                Err(why) => {
                    let message = format!("hole {names} cannot be drilled indexed: {why}");
                    findings.push(Finding::new("indexed-reach", Severity::Stop, message));
                }
            }
        }
        out
    }

    /// The first of the angles with which everything is in reach; else why the last is not.
    fn setup(
        &self,
        level: &Setup,
        axis: Vector3<f64>,
        holes: &[usize],
        number: u32,
    ) -> Result<Setup, String> {
        for &k in holes {
            self.through_the_lane(&self.implant.holes[k])?;
        }
        let in_machine = level.part_from_work.iso.rotation.inverse() * axis;
        let mut why = format!(
            "no angles of the machine's rotary axes turn it to the spindle ({:.1} deg off it)",
            in_machine.z.clamp(-1.0, 1.0).acos().to_degrees()
        );
        let clearance_z_mm =
            safe_z_mm(self.machine, self.stock, self.fixtures, level, self.params.clearance_mm);
        for angles in angles_deg(self.machine, in_machine) {
            let part_from_work =
                indexed(level.part_from_work, level.work_zero_machine_mm, self.machine, &angles);
            let setup = Setup {
                number,
                name: format!("indexed, {}", words(self.machine, &angles)),
                part_from_work,
                clearance_z_mm,
                task: SetupTask::Holes,
                rotary_deg: angles,
                ..level.clone()
            };
            match self.within_travel(&setup, holes) {
                Ok(()) => return Ok(setup),
                Err(found) => why = found,
            }
        }
        Err(why)
    }

    /// A drill and its shank pass beside the frame: they leave the blank within the lane.
    fn through_the_lane(&self, hole: &Hole) -> Result<(), String> {
        if hole.axis.unit[2] < 0.2 {
            return Err(format!("it lies {:.1} deg off the axis, 78 at most", tilt_deg(hole)));
        }
        let top = self.stock.max_mm.mm[2];
        let rise = (top - hole.centre.mm[2]) / hole.axis.unit[2];
        let out = hole.centre.v() + hole.axis.v() * rise;
        let outline: Vec<[f64; 2]> = self.shape.rim.iter().map(|r| r.xy_mm).collect();
        let beyond = signed_distance_to_outline_mm(&outline, [out.x, out.y]);
        let room = self.params.lane_mm - hole.diameter_mm / 2.0 / hole.axis.unit[2] - FREE_MM;
        if beyond <= room {
            return Ok(());
        }
        Err(format!(
            "its drill leaves the blank {beyond:.1} mm beside the part, {room:.1} mm are free of the frame: widen plan.lane_mm \
             and plan.blank_margin_mm, or turn the hole"
        ))
    }

    fn within_travel(&self, setup: &Setup, holes: &[usize]) -> Result<(), String> {
        let work_from_part = setup.part_from_work.inverse();
        let (lo, hi) = (self.machine.travel_min_mm, self.machine.travel_max_mm);
        let check = |axis: usize, at: f64| {
            if at >= lo[axis] && at <= hi[axis] {
                return Ok(());
            }
            let name = ["x", "y", "z"][axis];
            Err(format!(
                "at {} machine axis {name} would have to reach {at:.1} mm, its travel is {:.1} to {:.1} mm",
                words(self.machine, &setup.rotary_deg),
                lo[axis],
                hi[axis]
            ))
        };
        let zero = setup.work_zero_machine_mm;
        check(2, zero[2] + setup.clearance_z_mm + self.longest_mm)?;
        for &k in holes {
            let hole = &self.implant.holes[k];
            let mouth = work_from_part.apply(hole.centre).mm;
            for a in 0..3 {
                check(a, zero[a] + mouth[a])?;
            }
            check(2, zero[2] + mouth[2] - hole.length_mm - hole.diameter_mm)?;
        }
        Ok(())
    }
}

/// Over everything that turns with the table, at any angle: work z of the level clamping, mm.
pub(super) fn safe_z_mm(
    machine: &MachineTool,
    stock: &BoxPart,
    fixtures: &[Fixture],
    level: &Setup,
    clearance_mm: f64,
) -> f64 {
    let work_from_part = level.part_from_work.inverse();
    let zero = Vector3::from(level.work_zero_machine_mm);
    let pivots: Vec<Vector3<f64>> = machine.rotary.iter().map(|a| Vector3::from(a.pivot_mm)).collect();
    let own = fixtures.iter().filter(|f| f.setups.contains(&level.number)).map(|f| &f.body);
    let reach = own
        .chain(std::iter::once(stock))
        .flat_map(corners)
        .map(|c| work_from_part.apply(c).v() + zero)
        .map(|c| {
            // About the inner pivot, which the outer one carries.
            let inner = (c - pivots[pivots.len() - 1]).norm();
            let outer = (pivots[pivots.len() - 1] - pivots[0]).norm();
            pivots[0].z + inner + outer
        })
        .fold(f64::NEG_INFINITY, f64::max);
    (reach + clearance_mm - zero.z).max(level.clearance_z_mm)
}

/// The angles as a program says them.
pub(super) fn words(machine: &MachineTool, angles: &[f64]) -> String {
    let axes = machine.rotary.iter().zip(angles);
    axes.map(|(axis, deg)| format!("{:?}{deg:.3}", axis.letter)).collect::<Vec<_>>().join(" ")
}

fn corners(body: &BoxPart) -> [Point<Part>; 8] {
    let (lo, hi) = (body.min_mm.mm, body.max_mm.mm);
    std::array::from_fn(|k| Point::new(std::array::from_fn(|a| if k >> a & 1 == 0 { lo[a] } else { hi[a] })))
}

/// Longest tool with its holder, mm.
pub(super) fn longest_mm<'a>(tools: impl Iterator<Item = &'a Tool>) -> f64 {
    tools.map(|t| t.stick_out_mm + t.holder_length_mm).fold(0.0, f64::max)
}

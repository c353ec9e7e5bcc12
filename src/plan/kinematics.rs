//! Which angles of the rotary axes turn a direction of the part towards the tool, and where the part is then.
//!
//! Axes carry the table, from the bed outwards: `T = R₁(θ₁)·R₂(θ₂)`, each about its own line at zero. A place of the table
//! at `m₀` lies at `m = T·m₀` once the axes have turned.

use nalgebra::{Isometry3, Point3, Rotation3, Translation3, Unit, UnitQuaternion, Vector3};

use crate::model::{MachineTool, Part, Pose, RotaryAxis, Work};

/// Angles are programmed to a thousandth of a degree, which every control takes.
const STEPS_PER_DEG: f64 = 1000.0;
/// Two directions this near are one, rad: a hundredth of the step above.
const SAME_RAD: f64 = 2e-7;

fn unit(axis: &RotaryAxis) -> Unit<Vector3<f64>> {
    Unit::new_normalize(Vector3::from(axis.direction))
}

/// Machine coordinates after the axes have turned, from those before.
pub(super) fn table(machine: &MachineTool, angles_deg: &[f64]) -> Isometry3<f64> {
    machine.rotary.iter().zip(angles_deg).fold(Isometry3::identity(), |outer, (axis, deg)| {
        let turn = UnitQuaternion::from_axis_angle(&unit(axis), deg.to_radians());
        let pivot = Point3::from(Vector3::from(axis.pivot_mm));
        outer * Isometry3::rotation_wrt_point(turn, pivot)
    })
}

/// The pose of a setup at `angles_deg`, from that at zero.
pub(super) fn indexed(
    level: Pose<Part, Work>,
    zero_mm: [f64; 3],
    machine: &MachineTool,
    angles_deg: &[f64],
) -> Pose<Part, Work> {
    let zero = Translation3::from(Vector3::from(zero_mm));
    Pose::new(level.iso * zero.inverse() * table(machine, angles_deg).inverse() * zero)
}

/// Angles, in the order of the machine's axes, within their travels, that turn `direction` (machine axes, at zero) to
/// machine +z; the least turned first.
pub(super) fn angles_deg(machine: &MachineTool, direction: Vector3<f64>) -> Vec<Vec<f64>> {
    let d = direction.normalize();
    let z = Vector3::z();
    let wanted: Vec<Vec<f64>> = match machine.rotary.as_slice() {
        [one] => rotation(&unit(one), d, z).map(|a| vec![a]).into_iter().collect(),
        [outer, inner] => two(&unit(outer), &unit(inner), d, z),
        _ => Vec::new(),
    };
    let mut out: Vec<Vec<f64>> = Vec::new();
    for angles in wanted {
        let mut printed = Vec::new();
        for (axis, rad) in machine.rotary.iter().zip(&angles) {
            let deg = (rad.to_degrees() * STEPS_PER_DEG).round() / STEPS_PER_DEG;
            // The same place a turn on or back, the nearest to zero first. No −0 into the program.
            let turns = [0.0, -360.0, 360.0].map(|turn| deg + turn + 0.0);
            let mut within: Vec<f64> =
                turns.into_iter().filter(|t| (axis.min_deg..=axis.max_deg).contains(t)).collect();
            within.sort_by(|a, b| a.abs().total_cmp(&b.abs()).then(b.total_cmp(a)));
            printed.extend(within.first());
        }
        if printed.len() == machine.rotary.len() {
            out.push(printed);
        }
    }
    let turned = |a: &[f64]| a.iter().map(|d| d.abs()).sum::<f64>();
    out.sort_by(|a, b| turned(a).total_cmp(&turned(b)));
    out
}

/// The angle about `axis` that takes `from` to `to`, if there is one.
fn rotation(axis: &Unit<Vector3<f64>>, from: Vector3<f64>, to: Vector3<f64>) -> Option<f64> {
    if (axis.dot(&from) - axis.dot(&to)).abs() > SAME_RAD {
        return None;
    }
    let (a, b) = (from - axis.scale(axis.dot(&from)), to - axis.scale(axis.dot(&to)));
    if a.norm() < SAME_RAD {
        return Some(0.0);
    }
    Some(axis.dot(&a.cross(&b)).atan2(a.dot(&b)))
}

/// Both pairs of angles with `R₁(θ₁)·R₂(θ₂)·from = to` (Murray, Li, Sastry, A Mathematical Introduction to Robotic
/// Manipulation, 1994, section 3.2, subproblem 2).
fn two(
    first: &Unit<Vector3<f64>>,
    second: &Unit<Vector3<f64>>,
    from: Vector3<f64>,
    to: Vector3<f64>,
) -> Vec<Vec<f64>> {
    // The place `c` that the inner axis takes `from` to and the outer one then to `to`:
    // c = α·ω₁ + β·ω₂ + γ·(ω₁ × ω₂).
    let (w1, w2) = (first.into_inner(), second.into_inner());
    let cos = w1.dot(&w2);
    let square = 1.0 - cos * cos;
    if square < SAME_RAD {
        return Vec::new();
    }
    let (p, q) = (w2.dot(&from), w1.dot(&to));
    let (alpha, beta) = ((q - cos * p) / square, (p - cos * q) / square);
    let rest = (1.0 - alpha * alpha - beta * beta - 2.0 * alpha * beta * cos) / square;
    if rest < -SAME_RAD {
        return Vec::new();
    }
    let gamma = rest.max(0.0).sqrt();
    [gamma, -gamma]
        .iter()
        .filter_map(|g| {
            let c = w1 * alpha + w2 * beta + w1.cross(&w2) * *g;
            let inner = rotation_to(second, from, c);
            let outer = rotation_to(first, c, to);
            let turned = Rotation3::from_axis_angle(first, outer) * Rotation3::from_axis_angle(second, inner);
            ((turned * from - to).norm() < 1e-6).then(|| vec![outer, inner])
        })
        .collect()
}

/// As [`rotation`] for places known to lie on one circle; zero where both lie on the axis.
fn rotation_to(axis: &Unit<Vector3<f64>>, from: Vector3<f64>, to: Vector3<f64>) -> f64 {
    let (a, b) = (from - axis.scale(axis.dot(&from)), to - axis.scale(axis.dot(&to)));
    // A place this near to the axis has no direction about it: the angle is free, and zero is the least.
    if a.norm().min(b.norm()) < 1e-9 { 0.0 } else { axis.dot(&a.cross(&b)).atan2(a.dot(&b)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::shipped_shop;

    fn trunnion() -> MachineTool {
        shipped_shop().unwrap().machines["trunnion-mill"].clone()
    }

    #[test]
    fn angles_turn_a_direction_to_the_spindle() {
        let machine = trunnion();
        for d in [[0.3, 0.2, 0.9], [-0.5, 0.1, 0.7], [0.0, -0.6, 0.8], [0.2, -0.9, 0.3]] {
            let d = Vector3::from(d).normalize();
            let all = angles_deg(&machine, d);
            assert!(!all.is_empty(), "{d:?}");
            for angles in all {
                let z = table(&machine, &angles).rotation * d;
                // Half a step of a thousandth of a degree on both axes: 1.2e-5 rad.
                assert!((z - Vector3::z()).norm() < 1.3e-5, "{d:?} {angles:?} {z:?}");
                for (axis, a) in machine.rotary.iter().zip(&angles) {
                    assert!((axis.min_deg..=axis.max_deg).contains(a));
                }
            }
        }
    }

    #[test]
    fn a_place_of_the_part_goes_where_the_trunnion_takes_it() {
        // C by 90° takes the place 10 mm along x of the pivot to 10 mm along y of it; A by −90° then to −10 mm along z.
        let machine = trunnion();
        let pivot = Vector3::from(machine.rotary[0].pivot_mm);
        let m0 = pivot + Vector3::new(10.0, 0.0, 0.0);
        let m = table(&machine, &[-90.0, 90.0]) * Point3::from(m0);
        assert!((m.coords - pivot - Vector3::new(0.0, 0.0, -10.0)).norm() < 1e-9, "{m:?}");
        // And a program that goes there finds the same place of the part.
        let zero = [-400.0, -180.0, -330.0];
        let level: Pose<Part, Work> = Pose::identity();
        let pose = indexed(level, zero, &machine, &[-90.0, 90.0]);
        let p_work: [f64; 3] = std::array::from_fn(|a| m.coords[a] - zero[a]);
        let p_part = pose.apply_raw(p_work);
        let expected: [f64; 3] = std::array::from_fn(|a| m0[a] - zero[a]);
        for a in 0..3 {
            assert!((p_part[a] - expected[a]).abs() < 1e-9, "{p_part:?} {expected:?}");
        }
    }

    #[test]
    fn a_direction_below_the_table_or_beyond_the_travel_has_no_angles() {
        let machine = trunnion();
        assert!(angles_deg(&machine, Vector3::new(0.0, 0.1, -1.0)).is_empty());
        let mut narrow = trunnion();
        narrow.rotary[0].min_deg = -10.0;
        narrow.rotary[0].max_deg = 10.0;
        assert!(angles_deg(&narrow, Vector3::new(0.0, 0.5, 0.8)).is_empty());
        let three = shipped_shop().unwrap().machines["vertical-mill"].clone();
        assert!(angles_deg(&three, Vector3::new(0.0, 0.5, 0.8)).is_empty());
    }
}

//! Where the tool stands in the part when rotary axes carry the table.
//!
//! Axes stand from the bed to the table, each about its own line when all are at zero: a place of the table that lies at
//! `m₀` then lies at `m = R₁(θ₁)·R₂(θ₂)·m₀`, the first axis outermost. The tool does not turn: its tip at machine `m` is at
//! the place `R₂⁻¹·R₁⁻¹·m` of the table, its axis, machine +z, along `R₂⁻¹·R₁⁻¹·z`. Work axes are parallel to the
//! machine's, the job's pose is that of the table at zero, and the angles of the work offset are zero.

use super::read::place_of;
use crate::model::{MachineTool, Part, Point, Pose, RotaryAxis, Work};

/// One axis, ready to turn.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    /// Among A, B, C.
    pub place: usize,
    pub unit: [f64; 3],
    pub pivot: [f64; 3],
    pub min_deg: f64,
    pub max_deg: f64,
}

/// The table of one program's setup.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub axes: Vec<Axis>,
    part_from_work: Pose<Part, Work>,
    pub zero: [f64; 3],
}

/// The table at rest at some angles.
#[derive(Clone, Debug)]
pub(super) struct Held<'a> {
    table: &'a Table,
    /// Sine and cosine by axis; empty where all stand at zero.
    turns: Vec<(f64, f64)>,
}

impl Table {
    pub fn new(machine: &MachineTool, part_from_work: Pose<Part, Work>, zero: [f64; 3]) -> Self {
        let axes = machine
            .rotary
            .iter()
            .map(|a| Axis {
                place: place_of(a.letter),
                unit: a.direction.map(|x| x / norm(a.direction)),
                pivot: a.pivot_mm,
                min_deg: a.min_deg,
                max_deg: a.max_deg,
            })
            .collect();
        Self { axes, part_from_work, zero }
    }

    /// At angles of A, B, C, degrees.
    pub fn at(&self, deg: [f64; 3]) -> Held<'_> {
        let turns = if deg == [0.0; 3] {
            Vec::new()
        } else {
            self.axes.iter().map(|a| deg[a.place].to_radians().sin_cos()).collect()
        };
        Held { table: self, turns }
    }

    /// Machine coordinates of a place of the part, every axis at zero.
    pub fn machine_at_zero(&self, p_part: [f64; 3]) -> [f64; 3] {
        let w = self.part_from_work.inverse().apply_raw(p_part);
        std::array::from_fn(|a| w[a] + self.zero[a])
    }

    /// The axis that leaves its travel by more than rounding at these angles, and by how much, degrees.
    pub fn beyond(&self, deg: [f64; 3]) -> Option<(&Axis, f64)> {
        const SLACK_DEG: f64 = 1e-6;
        self.axes
            .iter()
            .map(|a| (a, (a.min_deg - deg[a.place]).max(deg[a.place] - a.max_deg)))
            .find(|(_, over)| *over > SLACK_DEG)
    }
}

impl Held<'_> {
    /// Place in the part of a tip in the work frame, mm.
    pub fn tip(&self, work: [f64; 3]) -> [f64; 3] {
        if self.turns.is_empty() {
            return self.table.part_from_work.apply(Point::new(work)).mm;
        }
        let zero = self.table.zero;
        let m0 = self.unturned(std::array::from_fn(|a| work[a] + zero[a]));
        self.table.part_from_work.apply(Point::new(std::array::from_fn(|a| m0[a] - zero[a]))).mm
    }

    /// From the tip up the tool, part frame.
    pub fn up(&self) -> [f64; 3] {
        let mut v = [0.0, 0.0, 1.0];
        for (axis, &(sin, cos)) in self.table.axes.iter().zip(&self.turns) {
            v = about(v, axis.unit, -sin, cos);
        }
        let p = self.table.part_from_work.iso.rotation * nalgebra::Vector3::from(v);
        [p.x, p.y, p.z]
    }

    /// Where a machine place lies when every axis goes back to zero, the outermost first.
    pub fn unturned(&self, m: [f64; 3]) -> [f64; 3] {
        self.table.axes.iter().zip(&self.turns).fold(m, |m, (axis, t)| back(axis, *t, m))
    }

    /// Where the table takes the machine place that it has at zero.
    pub fn turned(&self, m0: [f64; 3]) -> [f64; 3] {
        self.table.axes.iter().zip(&self.turns).rev().fold(m0, |m, (axis, &(sin, cos))| {
            let d = about(std::array::from_fn(|a| m[a] - axis.pivot[a]), axis.unit, sin, cos);
            std::array::from_fn(|a| d[a] + axis.pivot[a])
        })
    }

    /// For each axis: sine of the angle between it and the tool, and the distance of the machine place `m` from its line,
    /// those before it gone back.
    pub fn levers(&self, m: [f64; 3]) -> Vec<(f64, f64)> {
        let (mut m, mut z) = (m, [0.0, 0.0, 1.0]);
        let mut out = Vec::with_capacity(self.table.axes.len());
        for (axis, &(sin, cos)) in self.table.axes.iter().zip(&self.turns) {
            let d = std::array::from_fn(|a| m[a] - axis.pivot[a]);
            out.push((norm(cross(axis.unit, z)), norm(cross(axis.unit, d))));
            m = back(axis, (sin, cos), m);
            z = about(z, axis.unit, -sin, cos);
        }
        out
    }
}

fn back(axis: &Axis, (sin, cos): (f64, f64), m: [f64; 3]) -> [f64; 3] {
    let d = about(std::array::from_fn(|a| m[a] - axis.pivot[a]), axis.unit, -sin, cos);
    std::array::from_fn(|a| d[a] + axis.pivot[a])
}

/// A vector turned about a unit vector (Rodrigues).
fn about(v: [f64; 3], k: [f64; 3], sin: f64, cos: f64) -> [f64; 3] {
    let c = cross(k, v);
    let along = (0..3).map(|a| k[a] * v[a]).sum::<f64>() * (1.0 - cos);
    std::array::from_fn(|a| v[a] * cos + c[a] * sin + k[a] * along)
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

pub(super) fn norm(v: [f64; 3]) -> f64 {
    v.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// What is wrong with the rotary axes of a job, if anything.
pub(super) fn bad_axes(axes: &[RotaryAxis]) -> Option<String> {
    for (n, a) in axes.iter().enumerate() {
        let numbers = a.direction.iter().chain(&a.pivot_mm).chain([&a.min_deg, &a.max_deg]);
        let letter = a.letter;
        if numbers.into_iter().any(|x| !x.is_finite()) || norm(a.direction) < 1e-9 {
            return Some(format!("machine rotary {letter:?} has no direction or no place: {a:?}"));
        }
        if a.min_deg >= a.max_deg || !a.rapid_deg_per_min.is_finite() || a.rapid_deg_per_min <= 0.0 {
            return Some(format!(
                "machine rotary {letter:?} turns from {} to {} degrees at {} degrees/min, which is no travel",
                a.min_deg, a.max_deg, a.rapid_deg_per_min
            ));
        }
        if axes[..n].iter().any(|b| b.letter == letter) {
            return Some(format!("machine rotary {letter:?} stands twice"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RotaryLetter;

    fn axis(letter: RotaryLetter, direction: [f64; 3], pivot_mm: [f64; 3]) -> RotaryAxis {
        RotaryAxis { letter, direction, pivot_mm, min_deg: -120.0, max_deg: 360.0, rapid_deg_per_min: 6000.0 }
    }

    fn table(rotary: Vec<RotaryAxis>) -> Table {
        let mut machine = crate::milling::tests::job(&["op10.ngc"]).machine;
        machine.rotary = rotary;
        Table::new(&machine, Pose::identity(), [-200.0, -150.0, -200.0])
    }

    fn near(a: [f64; 3], b: [f64; 3]) {
        assert!((0..3).all(|k| (a[k] - b[k]).abs() < 1e-12), "{a:?} {b:?}");
    }

    #[test]
    fn a_quarter_turn_of_either_axis_takes_the_part_where_a_drawing_does() {
        let t = table(vec![
            axis(RotaryLetter::A, [2.0, 0.0, 0.0], [-200.0, -150.0, -210.0]),
            axis(RotaryLetter::C, [0.0, 0.0, 1.0], [-190.0, -150.0, -210.0]),
        ]);
        // C alone, about (10, 0) of the work: the part's (20, 0) comes to (10, 10).
        near(t.at([0.0, 0.0, 90.0]).tip([10.0, 10.0, 0.0]), [20.0, 0.0, 0.0]);
        near(t.at([0.0, 0.0, 90.0]).up(), [0.0, 0.0, 1.0]);
        // A by -90 about the line y = 0, z = -10: the part's +y comes to point down, so the tool stands along part -y.
        near(t.at([-90.0, 0.0, 0.0]).up(), [0.0, -1.0, 0.0]);
        near(t.at([-90.0, 0.0, 0.0]).tip([3.0, 0.0, 5.0]), [3.0, -15.0, -10.0]);
        // Both: A is outermost, so C is undone last.
        near(t.at([-90.0, 0.0, 90.0]).up(), [-1.0, 0.0, 0.0]);
    }

    #[test]
    fn there_and_back_is_where_it_was_and_a_tilted_axis_keeps_its_own_line() {
        let t = table(vec![
            axis(RotaryLetter::B, [0.0, 1.0, 1.0], [-210.0, -140.0, -260.0]),
            axis(RotaryLetter::C, [0.3, 0.0, 1.0], [-205.0, -152.0, -230.0]),
        ]);
        let held = t.at([0.0, 37.0, -61.0]);
        let m = [-180.0, -160.0, -190.0];
        near(held.turned(held.unturned(m)), m);
        near(t.at([0.0, 73.0, 0.0]).unturned([-210.0, -139.0, -259.0]), [-210.0, -139.0, -259.0]);
        let (s, r) = t.at([0.0, 73.0, 0.0]).levers([-210.0, -139.0, -259.0])[0];
        assert!(r < 1e-12 && (s - 0.5f64.sqrt()).abs() < 1e-12, "{s} {r}");
    }
}

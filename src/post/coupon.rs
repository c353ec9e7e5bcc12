//! Probing of the flip coupon before the second side is cut, or the wait for somebody who measures it.

use crate::model::{FlipCoupon, Part, Point, Pose, Tool, Work};

use super::PostError;
use super::dialect::{Condition, Probing, Touch};
use super::number::{Word, comment};
use super::program::Writer;

/// From the step of the bore down to the ball's equator, mm: it touches the wall and not the edge.
const BELOW_STEP_MM: f64 = 1.0;
/// A probe goes down at feed from so far above the face, mm.
const ABOVE_MM: f64 = 2.0;
/// Feed of a probe on its way, mm/min: it stops within its stylus' give.
const WAY_MM_PER_MIN: f64 = 500.0;
/// First parameter and label of the first bore; each has a quarter of a hundred of its own, so that two fit into #100 to #149.
const FIRST: u32 = 100;
const EACH: u32 = 25;
const AXES: [&str; 3] = ["x", "y", "z"];

/// Time of the probe moves and the ways between them, s, without acceleration and rapids.
pub(super) fn probing_s(coupon: &FlipCoupon, probe: &Tool) -> f64 {
    let depth = coupon.opening_depth_mm + BELOW_STEP_MM + probe.radius_mm();
    let plate = coupon.floor_z_mm.map_or(0.0, |z| -z - depth);
    let searched = 4.0 * (0.5 * coupon.bore_mm - probe.radius_mm()) + plate;
    let each = (ABOVE_MM + depth + searched) / WAY_MM_PER_MIN + searched / coupon.feed_mm_per_min;
    60.0 * coupon.places_xy_mm.len() as f64 * each
}

impl Writer<'_> {
    /// After the openings: probes every bore, or waits.
    pub(super) fn probe_coupon(&mut self) -> Result<(), PostError> {
        let Some(coupon) = &self.plan.flip else { return Ok(()) };
        self.operation = "flip coupon, probing".into();
        let heading = comment(&format!("flip coupon, probing, limit {} um", coupon.limit_um));
        self.page.motion = "";
        let clearance = self.clearance()?;
        self.rise_to(clearance);
        let how = self.control.probing();
        let Some((control, probe)) = how.zip(self.plan.tools.get("probe")) else {
            self.control.note(&mut self.page, &heading);
            return self.wait_for_measuring(coupon);
        };
        self.control.leave(&mut self.page);
        self.control.change(&mut self.page, probe.number, 0);
        (self.tool, self.at, self.speed) = (Some(probe.number), [None; 3], None);
        self.coolant.clear();
        self.page.forget();
        control.begin(&mut self.page);
        self.control.note(&mut self.page, &heading);
        self.rise_to(clearance);
        let work_from_part: Pose<Work, Part> = self.setup.part_from_work.inverse();
        let top = work_from_part.apply_raw(self.plan.stock.max_mm.mm)[2]
            .max(work_from_part.apply_raw(self.plan.stock.min_mm.mm)[2]);
        let radius_mm = probe.radius_mm();
        let depth = top - coupon.opening_depth_mm - BELOW_STEP_MM - radius_mm;
        let search = 0.5 * coupon.bore_mm - radius_mm + coupon.past_mm;
        for (k, &[x, y]) in coupon.places_xy_mm.iter().enumerate() {
            let bore = k + 1;
            let base = FIRST + EACH * k as u32;
            let [x, y, _] = work_from_part.apply(Point::new([x, y, 0.0])).mm;
            let middle = self.place([x, y, depth])?;
            let missed = format!("no touch in bore {bore}");
            self.motion([Some(middle[0]), Some(middle[1]), None], None);
            let above = self.word("z", top + ABOVE_MM)?.min(clearance);
            self.motion([None, None, Some(above)], None);
            // A blank that was not turned over has no bore here: the probe stops on the floor of the opening.
            let down = Touch {
                axis: 2,
                to: middle[2],
                feed_mm_per_min: WAY_MM_PER_MIN,
                parameter: base + 24,
                short: &format!("bore {bore} is not open"),
            };
            control.guarded(&mut self.page, &down);
            self.at[2] = Some(middle[2]);
            for axis in 0..2 {
                let numbers = [base + 10 * axis as u32 + 1, base + 10 * axis as u32 + 2];
                for (way, number) in [1.0, -1.0].into_iter().zip(numbers) {
                    // From the printed middle, so that both searches end equally far from it.
                    let to = self.word("probe", middle[axis].mm() + way * search)?;
                    self.touch(control, (axis, to), middle, coupon, (number, &missed));
                }
                let message = comment(&format!(
                    "flip coupon: bore {bore} is off by more than {} um in {}. Seat the blank anew",
                    coupon.limit_um, AXES[axis]
                ));
                let condition = Condition {
                    touches: numbers,
                    nominal: middle[axis],
                    into: base + 10 * axis as u32 + 3,
                    limit_mm: 0.001 * coupon.limit_um,
                    message: &message,
                    short: &format!("bore {bore} off in {}", AXES[axis]),
                };
                control.condition(&mut self.page, &condition);
            }
            if let Some(floor) = coupon.floor_z_mm {
                let nominal = self.word("probe", floor)?;
                let to = self.word("probe", floor - coupon.past_mm)?;
                let number = base + 21;
                self.touch(control, (2, to), middle, coupon, (number, &missed));
                let message = comment(&format!(
                    "flip coupon: the plate under bore {bore} is not at Z{nominal} within {} um. Set the zero's height from it",
                    coupon.limit_um
                ));
                let condition = Condition {
                    touches: [number; 2],
                    nominal,
                    into: base + 23,
                    limit_mm: 0.001 * coupon.limit_um,
                    message: &message,
                    short: &format!("plate off under bore {bore}"),
                };
                control.condition(&mut self.page, &condition);
            }
            self.rise_to(clearance);
        }
        control.end(&mut self.page);
        Ok(())
    }

    /// A search, and the way back.
    fn touch(
        &mut self,
        control: &dyn Probing,
        (axis, to): (usize, Word),
        middle: [Word; 3],
        coupon: &FlipCoupon,
        (parameter, short): (u32, &str),
    ) {
        let touch = Touch { axis, to, feed_mm_per_min: coupon.feed_mm_per_min, parameter, short };
        control.probe(&mut self.page, &touch);
        self.at[axis] = None;
        let mut back = [None; 3];
        back[axis] = Some(middle[axis]);
        self.motion(back, Some(WAY_MM_PER_MIN));
    }

    /// Says what is to be measured, and stops.
    fn wait_for_measuring(&mut self, coupon: &FlipCoupon) -> Result<(), PostError> {
        let work_from_part: Pose<Work, Part> = self.setup.part_from_work.inverse();
        self.control.leave(&mut self.page);
        for (k, &[x, y]) in coupon.places_xy_mm.iter().enumerate() {
            let at = work_from_part.apply(Point::new([x, y, 0.0])).mm;
            let (x, y) = (self.word("x", at[0])?, self.word("y", at[1])?);
            let bore =
                format!("measure bore {} D{} below its step: middle at X{x} Y{y}", k + 1, coupon.bore_mm);
            self.control.note(&mut self.page, &comment(&bore));
        }
        if let Some(floor) = coupon.floor_z_mm {
            let floor = self.word("z", floor)?;
            self.control.note(&mut self.page, &comment(&format!("and the plate through it: at Z{floor}")));
        }
        let limit = format!("beyond {} um do not go on: seat the blank anew", coupon.limit_um);
        self.control.note(&mut self.page, &comment(&limit));
        self.control.stop(&mut self.page);
        (self.tool, self.at, self.speed) = (None, [None; 3], None);
        self.coolant.clear();
        self.page.forget();
        Ok(())
    }
}

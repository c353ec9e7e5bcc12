//! Probing of the flip coupon before the second side is cut, or the wait for somebody who measures it.

use crate::model::{FlipCoupon, Part, Point, Pose, Work};

use super::PostError;
use super::dialect::Condition;
use super::number::{Word, comment};
use super::program::Writer;

/// From the step of the bore down to the ball's equator, mm: it touches the wall and not the edge.
const BELOW_STEP_MM: f64 = 1.0;
/// A probe goes down at feed from so far above the face, mm.
const ABOVE_MM: f64 = 2.0;
/// Feed of a probe on its way, mm/min: it stops within its stylus' give.
const WAY_MM_PER_MIN: f64 = 500.0;
/// First parameter and label of the first bore; each has a hundred of its own.
const FIRST: u32 = 100;

impl Writer<'_> {
    /// After the openings: probes every bore, or waits.
    pub(super) fn probe_coupon(&mut self) -> Result<(), PostError> {
        let Some(coupon) = &self.plan.flip else { return Ok(()) };
        self.operation = "flip coupon, probing".into();
        let note = format!("flip coupon, probing, limit {} um", coupon.limit_um);
        self.control.note(&mut self.page, &comment(&note));
        self.page.motion = "";
        let clearance = self.clearance()?;
        self.rise_to(clearance);
        let probe = self.plan.tools.get("probe").filter(|_| self.control.probes());
        let Some(probe) = probe else { return self.wait_for_measuring(coupon) };
        self.control.leave(&mut self.page);
        self.control.change(&mut self.page, probe.number, 0);
        (self.tool, self.at, self.speed) = (Some(probe.number), [None; 3], None);
        self.coolant.clear();
        self.page.forget();
        self.rise_to(clearance);
        let work_from_part: Pose<Work, Part> = self.setup.part_from_work.inverse();
        let top = work_from_part.apply_raw(self.plan.stock.max_mm.mm)[2]
            .max(work_from_part.apply_raw(self.plan.stock.min_mm.mm)[2]);
        let radius_mm = probe.radius_mm();
        let depth = top - coupon.opening_depth_mm - BELOW_STEP_MM - radius_mm;
        let search = 0.5 * coupon.bore_mm - radius_mm + coupon.past_mm;
        for (k, &[x, y]) in coupon.places_xy_mm.iter().enumerate() {
            let bore = k + 1;
            let base = FIRST * bore as u32;
            let [x, y, _] = work_from_part.apply(Point::new([x, y, 0.0])).mm;
            let middle = self.place([x, y, depth])?;
            self.motion([Some(middle[0]), Some(middle[1]), None], None);
            let above = self.word("z", top + ABOVE_MM)?.min(clearance);
            self.motion([None, None, Some(above)], None);
            // A blank that was not turned over has no bore here: the probe stops on the floor of the opening, and the first
            // search, begun on a touch, is the control's own alarm.
            self.control.guarded(&mut self.page, (2, middle[2]), WAY_MM_PER_MIN);
            self.at[2] = Some(middle[2]);
            for axis in 0..2 {
                let numbers = [base + 10 * axis as u32 + 1, base + 10 * axis as u32 + 2];
                for (way, number) in [1.0, -1.0].into_iter().zip(numbers) {
                    // From the printed middle, so that both searches end equally far from it.
                    let to = self.word("probe", middle[axis].mm() + way * search)?;
                    self.touch(axis, to, middle, coupon, number);
                }
                let message = format!(
                    "flip coupon: bore {bore} is off by more than {} um in {}. Seat the blank anew",
                    coupon.limit_um,
                    ["x", "y"][axis]
                );
                self.judge(coupon, numbers, middle[axis], base + 10 * axis as u32 + 3, &message);
            }
            if let Some(floor) = coupon.floor_z_mm {
                let nominal = self.word("probe", floor)?;
                let to = self.word("probe", floor - coupon.past_mm)?;
                let number = base + 21;
                self.touch(2, to, middle, coupon, number);
                let message = format!(
                    "flip coupon: the plate under bore {bore} is not at Z{nominal} within {} um. Set the zero's height from it",
                    coupon.limit_um
                );
                self.judge(coupon, [number; 2], nominal, base + 23, &message);
            }
            self.rise_to(clearance);
        }
        Ok(())
    }

    fn touch(&mut self, axis: usize, to: Word, middle: [Word; 3], coupon: &FlipCoupon, number: u32) {
        self.control.probe(&mut self.page, (axis, to), coupon.feed_mm_per_min, number);
        self.at[axis] = None;
        let mut back = [None; 3];
        back[axis] = Some(middle[axis]);
        self.motion(back, Some(WAY_MM_PER_MIN));
    }

    fn judge(&mut self, coupon: &FlipCoupon, touches: [u32; 2], nominal: Word, into: u32, message: &str) {
        let message = comment(message);
        let limit_mm = 0.001 * coupon.limit_um;
        self.control.condition(
            &mut self.page,
            &Condition { touches, nominal, into, label: into, limit_mm, message: &message },
        );
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

//! The operations of one setup, in the order a machinist expects: rough, semi-finish, finish, holes.

use crate::model::{Cutting, FlipCoupon, Hole, Implant, Move, Operation, Plan, Setup, Tool, ToolKind, Watch};

use super::cutter;
use super::error::ToolpathError;
use super::finish::{Finishing, Grade, RASTER_TO_DEG, Zone};
use super::params::ToolpathParams;
use super::plane::{Field, Lowered, Plane};
use super::rough::Roughing;
use super::scene::Scene;
use super::speeds::speeds;
use super::stock::{Stock, standing};
use super::{Roles, cone_of, coupon, drills, engrave, holes, mouths, sinks, tool_of};

/// The part's sound stock below the floor roughing clears for the rim ball, mm: it must not touch the lane's floor.
const LANE_SPARE_MM: f64 = 0.3;
/// How far a later setup's lane overlaps the one opened before it, mm.
const LANE_OVERLAP_MM: f64 = 1.0;

/// A lift over clearance takes as long as this way over cleared ground, s: twice 20 mm at rapid, four changes of speed
/// and the gap above the ground at the feed of entries.
pub(super) const LIFT_S: f64 = 2.0;
/// The first mill leaves thinner stock than this beside its edge, mm: a pixel.
pub(super) const FILM_MM: f64 = 0.1;
/// So does a smaller one, mm: more than the two mills' lattices and grown discs differ where both have been.
const REST_FILM_MM: f64 = 0.3;

/// What roughing of a side did.
pub(super) struct Cleared {
    pub(super) stock: Stock,
    plane: Plane,
    layer_mm: f64,
}

/// Collects the operations of a plan.
pub(super) struct Maker<'a> {
    pub implant: &'a Implant,
    pub plan: &'a Plan,
    pub params: &'a ToolpathParams,
    pub tools: &'a Roles<'a>,
    pub watch: &'a dyn Watch,
    pub out: Vec<Operation>,
}

impl Maker<'_> {
    /// Steps of progress per setup.
    pub const STEPS: u64 = 6;

    /// Step `n` of setup `at.0` of `at.1`.
    pub fn step(&self, at: (usize, usize), n: u64, what: &str, scene: &Scene) -> Result<(), ToolpathError> {
        self.watch.progress(Self::STEPS * at.0 as u64 + n, Self::STEPS * at.1 as u64);
        self.watch.note(&format!("op{}: {what}", scene.setup));
        if self.watch.stopped() { Err(ToolpathError::Stopped) } else { Ok(()) }
    }

    pub(super) fn add(
        &mut self,
        name: &str,
        scene: &Scene,
        tool: &Tool,
        how: (&Cutting, f64),
        moves: Vec<Move>,
    ) {
        self.add_on(name, scene, tool, how, 0.0, moves);
    }

    /// The same over a face that leans by `slope_rad`: there a ball cuts at a larger diameter.
    pub(super) fn add_on(
        &mut self,
        name: &str,
        scene: &Scene,
        tool: &Tool,
        how: (&Cutting, f64),
        slope_rad: f64,
        moves: Vec<Move>,
    ) {
        if moves.is_empty() {
            return;
        }
        let (cutting, depth_mm) = how;
        let s = speeds(cutting, tool, &self.plan.machine, depth_mm, slope_rad);
        self.out.push(Operation {
            name: name.into(),
            setup: scene.setup,
            tool: tool.number,
            spindle_rpm: s.spindle_rpm,
            feed_mm_per_min: s.feed_mm_per_min,
            plunge_mm_per_min: (s.feed_mm_per_min * self.params.ramp_feed_fraction).floor().max(1.0),
            coolant: self.plan.material.coolant.clone(),
            moves,
        });
    }

    /// Clears a side. `before`: what earlier setups have cleared; the first opens the lane.
    pub fn rough(
        &mut self,
        scene: &Scene,
        at: (usize, usize),
        before: &[(&Scene, Cleared)],
    ) -> Result<Cleared, ToolpathError> {
        self.step(at, 0, "roughing", scene)?;
        let first = before.is_empty();
        let mut cleared = blank(scene, self.plan, self.params, self.tools, before);
        let mills =
            [("rough", Some(self.tools.rough), FILM_MM), ("rest rough", self.tools.rest, REST_FILM_MM)];
        for (name, mill, film_mm) in mills {
            let Some(mill) = mill else { continue };
            let moves = self.clear(scene, (mill, film_mm), first, &mut cleared)?;
            let cutting = &self.plan.material.rough;
            self.add(name, scene, mill, (cutting, cleared.layer_mm), moves);
        }
        Ok(cleared)
    }

    /// Finishes what `rough` has left of a side.
    pub fn finish(
        &mut self,
        scene: &Scene,
        at: (usize, usize),
        rough: &Cleared,
        side: &str,
    ) -> Result<(), ToolpathError> {
        let (plan, params) = (self.plan, self.params);
        let stands = |radius: f64| standing(rough.plane, &rough.stock, radius);
        let skin_mm = rough.layer_mm + plan.rough_allowance_mm;
        let finishing = Finishing {
            scene,
            params,
            scallop_mm: plan.scallop_mm,
            standing: &stands,
            rough_skin_mm: skin_mm,
        };
        let depth_mm = params.semi_allowance_mm + params.semi_scallop_mm;
        let tools = self.tools;
        let passes = [
            (1, "semi-finish", tools.finish, Zone::Shallow, Grade::Semi, skin_mm),
            (2, "semi-finish rim", tools.rim, Zone::Steep, Grade::Semi, skin_mm),
            (3, "finish", tools.finish, Zone::Shallow, Grade::Finish, depth_mm),
            (4, "finish rim", tools.rim, Zone::Steep, Grade::Finish, depth_mm),
        ];
        for (n, what, tool, zone, grade, depth_mm) in passes {
            self.step(at, n, what, scene)?;
            let field = finishing.field(tool, grade);
            let pieces = finishing.passes(tool, &field, zone, grade);
            let mut moves = finishing.moves(tool, pieces, zone, grade);
            // Last, when the skin beside them is gone; a rim ball as large as the other has the same creases.
            if grade == Grade::Finish && (zone == Zone::Shallow || tool.number != tools.finish.number) {
                let creases = finishing.creases(tool, &field, &|_| true);
                moves.extend(finishing.moves(tool, creases, Zone::Shallow, grade));
            }
            let (name, how) = (format!("{what} {side}"), (&plan.material.finish, depth_mm));
            self.add_on(&name, scene, tool, how, typical_slope_rad(&field, zone), moves);
        }
        Ok(())
    }

    /// Drills the holes asked for, breaks the mouths that this setup looks at and cuts its countersinks.
    pub fn holes(&mut self, scene: &Scene, wanted: impl Fn(&Hole) -> bool) -> Result<(), ToolpathError> {
        let (implant, plan, params) = (self.implant, self.plan, self.params);
        for (drill, numbers) in drills(implant, plan, wanted)? {
            let moves = holes::drill(implant, plan, scene, drill, &numbers, params)?;
            self.add("holes", scene, drill, (&plan.material.drill, drill.radius_mm()), moves);
        }
        if mouths::any(implant, scene) {
            let cone = cone_of(plan)?;
            let moves = mouths::mouths(implant, scene);
            self.add("hole mouths", scene, cone, (&plan.material.finish, cone.radius_mm()), moves);
        }
        if implant.holes.iter().any(|h| sinks::is_mine(h, scene)) {
            let cone = cone_of(plan)?;
            let moves = sinks::sink(implant, scene, cone, params)?;
            self.add("countersinks", scene, cone, (&plan.material.finish, cone.radius_mm()), moves);
        }
        Ok(())
    }

    /// Moves of one mill, and the stock they leave.
    fn clear(
        &self,
        scene: &Scene,
        (mill, film_mm): (&Tool, f64),
        first: bool,
        cleared: &mut Cleared,
    ) -> Result<Vec<Move>, ToolpathError> {
        let (plan, params) = (self.plan, self.params);
        let plane = scene.outline.plane;
        let cl = Lowered::new(
            &scene.rough_ground,
            cutter::Cutter::flat(mill.radius_mm()),
            plan.rough_allowance_mm,
        );
        let lowest_mm: Vec<f64> = cl.over(plane).rests.iter().map(|r| r.z_mm).collect();
        let ball_mm = self.tools.rim.radius_mm();
        let below = ball_mm + params.rim_overtravel_mm + LANE_SPARE_MM;
        // The first setup opens the lane past the widest place, and an upright wall's whole lane, for what hangs from tabs can
        // be finished from here alone; later ones meet it from the other side.
        let shift = if first { -below } else { below - LANE_OVERLAP_MM };
        let outline = &scene.outline;
        // A nest hangs from none: its upright sides are sawn, and end where its block does.
        let hangs = first && !plan.tabs.is_empty();
        let widest = if hangs { &outline.wall_z_mm } else { &outline.edge_z_mm };
        let edge = || widest.iter().map(|&z| f64::from(z));
        let passed = edge().fold(f64::INFINITY, f64::min) - ball_mm;
        if passed < scene.stock_lo[2] {
            return Err(ToolpathError::ShallowBlank {
                setup: scene.setup,
                needed_mm: passed,
                stock_mm: scene.stock_lo[2],
            });
        }
        let floor_mm: Vec<f64> = edge().map(|z| (z + shift).max(scene.stock_lo[2])).collect();
        let deepest_mm = scene.stock_hi[2] - floor_mm.iter().copied().fold(f64::INFINITY, f64::min);
        let room_mm: Vec<f64> = scene
            .outline
            .distance_mm
            .iter()
            .map(|&d| plan.lane_mm - mill.radius_mm() - f64::from(d) - 0.5 * plane.step)
            .collect();
        let cutting = &plan.material.rough;
        let feed_mm_per_s =
            speeds(cutting, mill, &plan.machine, cleared.layer_mm, 0.0).feed_mm_per_min / 60.0;
        let roughing = Roughing {
            plane,
            lowest_mm: &lowest_mm,
            floor_mm: &floor_mm,
            room_mm: &room_mm,
            radius_mm: mill.radius_mm(),
            flute_mm: mill.flute_length_mm,
            top_mm: scene.stock_hi[2],
            layer_mm: cleared.layer_mm,
            // Half the flutes: what is cut next must not reach above them.
            depth_mm: (cutting.depth_over_diameter * mill.diameter_mm)
                .min(params.rough_depth_mm_max)
                .min(0.5 * mill.flute_length_mm),
            width_mm: cutting.width_over_diameter * mill.diameter_mm,
            film_mm,
            // A fin as high as the blank is of no weight until it stands above the flutes. A thinner mill leaves to the
            // ball what the first has left beside every wall.
            films: film_mm <= FILM_MM && deepest_mm > mill.flute_length_mm,
            ramp_rad: params.ramp_angle_deg.to_radians(),
            clearance_mm: scene.clearance_mm,
            gap_mm: params.rapid_gap_mm,
            stay_mm: LIFT_S * feed_mm_per_s,
        };
        Ok(roughing.run(&mut cleared.stock).moves)
    }

    /// Mills the bores of the flip coupon, and their openings from the other side.
    pub fn coupon_bores(&mut self, setups: &[&Setup], scenes: &[Scene]) {
        let Some(coupon) = &self.plan.flip else { return };
        let mill = self.tools.rough;
        let cutting = &self.plan.material.finish;
        let layer_mm = self.params.rough_layer_mm_max;
        let each = [
            (coupon.bored_in, FlipCoupon::BORES, (coupon.bore_mm, coupon.bore_depth_mm)),
            (coupon.probed_in, FlipCoupon::OPENING, (coupon.opening_mm, coupon.opening_depth_mm)),
        ];
        for (number, name, size) in each {
            if let Some((_, scene)) = setups.iter().zip(scenes).find(|(s, _)| s.number == number) {
                let moves = coupon::bores(coupon, size, scene, mill, layer_mm, self.params);
                self.add(name, scene, mill, (cutting, layer_mm), moves);
            }
        }
    }

    /// Engraves the marking, if this setup looks at it.
    pub fn engrave(&mut self, scene: &Scene) -> Result<(), ToolpathError> {
        let Some(marking) = engrave::mine(self.implant, scene) else { return Ok(()) };
        let ball = tool_of(self.plan, "engrave", ToolKind::Ball, "engraves the marking", "a ball end mill")?;
        let moves = engrave::strokes(self.implant, marking, scene, ball, self.params)?;
        self.add("engraving", scene, ball, (&self.plan.material.finish, marking.depth_mm), moves);
        Ok(())
    }
}

/// Slope that a pass of a zone is set for: that of half the places of the shallow one, a wall for the steep one. The
/// steepest shallow place is cut some half faster than the table says, which its ranges hold.
pub(super) fn typical_slope_rad(field: &Field, zone: Zone) -> f64 {
    if zone == Zone::Steep {
        return std::f64::consts::FRAC_PI_2;
    }
    let steepest = RASTER_TO_DEG.to_radians().tan() as f32;
    let mut slopes: Vec<f32> = field.slope.iter().copied().filter(|&s| s <= steepest).collect();
    let middle = slopes.len() / 2;
    if slopes.is_empty() {
        0.0
    } else {
        f64::from(*slopes.select_nth_unstable_by(middle, f32::total_cmp).1).atan()
    }
}

#[cfg(test)]
impl Cleared {
    /// Nothing cleared yet.
    pub(super) fn blank_of(scene: &Scene, plan: &Plan, params: &ToolpathParams, tools: &Roles<'_>) -> Self {
        blank(scene, plan, params, tools, &[])
    }
}

/// The blank as a setup finds it: whole but for what earlier setups have cleared.
fn blank(
    scene: &Scene,
    plan: &Plan,
    params: &ToolpathParams,
    tools: &Roles<'_>,
    before: &[(&Scene, Cleared)],
) -> Cleared {
    let plane = scene.outline.plane;
    let (lo, hi) = (plane.xy(0), plane.xy(plane.len() - 1));
    let mut stock = Stock::blank(lo, hi, scene.stock_hi[2]);
    for (other, cleared) in before {
        stock.meet(&cleared.stock, &other.work_from_part.after(scene.work_from_part.inverse()).iso);
    }
    let deepest_mm = plan.material.rough.depth_over_diameter * tools.rough.diameter_mm;
    Cleared { stock, plane, layer_mm: deepest_mm.min(params.rough_layer_mm_max) }
}

//! What neither side sees, milled by one ball in an indexed setup.
//!
//! **In** the facets that the plan's pose is to reach, the stock that the clamping's own setups leave. **Out** roughing,
//! semi-finishing and finishing of these facets, a narrow border of their neighbours with them.
//!
//! **Method** The same height function as upright, in the pose's own frame: the ball is lowered onto everything that it must
//! not meet. That is the part, the tabs as boxes, the frame beyond the lane as squares, the clamping's fixtures, and a plane
//! below which the holder would come to the blank's face. Passes are kept where the ball rests on the facets asked for. What
//! stands is the upright setups' stock, column by column, seen from the pose; what hides under it counts as standing. It is
//! cleared by [`Roughing`] around the passes: layers of a quarter of the ball's radius, at bounded engagement, entered from
//! where it is open or by a helix.
//!
//! **Guarantees** Rapids are vertical or above everything that turns; no layer is deeper than a quarter of the radius.
//!
//! **Limits** To roughing the ball is a flat of the width it has half a layer above its tip, in a stock grown by the rest of
//! its radius: its passes meet less than the bound says, and some of them air.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::geometry::outline::{outline_xy, signed_distance_to_outline_mm};
use crate::model::{Move, Part, Plan, Pose, Setup, Tab, Tool, ToolKind, Work};

use super::cutter::{Cutter, P3};
use super::drop::Ground;
use super::error::ToolpathError;
use super::finish::{Finishing, Grade, Zone};
use super::link::Standing;
use super::make::{Cleared, FILM_MM, LIFT_S, Maker, typical_slope_rad};
use super::outline::Outline;
use super::plane::{Lowered, Plane};
use super::rough::Roughing;
use super::scene::{Scene, TAB, TAB_INTO_RIM_MM, bounds};
use super::speeds::speeds;
use super::stock::Stock;
use super::tool_of;

/// Neighbours of the facets this near are passed with them, mm: a few passes.
const BORDER_MM: f64 = 0.6;
/// But none whose longest edge is longer, mm: a large face is not a border.
const BORDER_EDGE_MM: f64 = 1.0;
/// Lattice of roughing and outline, mm.
const LATTICE_MM: f64 = 0.25;
/// Roughing leaves this much more than semi-finishing, mm: what the lattice and chords of roughing may miss on a slope.
const ROUGH_OVER_MM: f64 = 0.15;
/// Roughing goes so far beside the passes, mm: a way in from where it is open.
const BESIDE_MM: f64 = 1.0;
/// Squares that the frame is taken as, mm.
const SQUARE_MM: f64 = 0.5;
/// The upright rougher leaves so much of the lane beside the frame, mm.
const LANE_LEFT_MM: f64 = 0.45;
/// The frame is known so far beyond the lane, mm: wider than any ball that leans.
const FRAME_MM: f64 = 8.0;
/// Kept from fixtures, mm, and from the blank's face by the holder.
const FREE_MM: f64 = 0.5;

impl Maker<'_> {
    /// Mills what `setup` is planned for, after the clamping's own setup `level` has been finished with `cleared` as its
    /// stock. Returns the setup as the ball sees it.
    pub fn aslant(
        &mut self,
        at: (usize, usize),
        level: &Scene,
        setup: &Setup,
        cleared: (&Scene, &Cleared),
    ) -> Result<Scene, ToolpathError> {
        let (plan, params) = (self.plan, self.params);
        let ball = tool_of(plan, "cover", ToolKind::Ball, "mills what neither side sees", "a ball end mill")?;
        let scene = self.scene(level, setup, ball)?;
        self.step(at, 5, "aslant", &scene)?;
        let allowance_mm = params.semi_allowance_mm + ROUGH_OVER_MM;
        let layer_mm = 0.25 * ball.radius_mm();
        let asked = Asked::of(&scene, ball, allowance_mm);
        let mut stock = asked.stock(&scene, cleared, ball, layer_mm);
        let moves = self.clear_aslant(&scene, &asked, (ball, layer_mm), &mut stock);
        self.add("rough aslant", &scene, ball, (&plan.material.rough, layer_mm), moves);

        let standing = asked.standing(&stock, ball.radius_mm());
        let stands = |_: f64| standing.clone();
        let skin_mm = allowance_mm + layer_mm;
        let finishing = Finishing {
            scene: &scene,
            params,
            scallop_mm: plan.scallop_mm,
            standing: &stands,
            rough_skin_mm: skin_mm,
        };
        let passes = [
            ("semi-finish aslant", Zone::Shallow, Grade::Semi, skin_mm),
            ("semi-finish aslant, steep", Zone::Steep, Grade::Semi, skin_mm),
            ("finish aslant", Zone::Shallow, Grade::Finish, plan.finish_skin_mm),
            ("finish aslant, steep", Zone::Steep, Grade::Finish, plan.finish_skin_mm),
        ];
        for (name, zone, grade, depth_mm) in passes {
            let field = finishing.field(ball, grade);
            let pieces = finishing.passes(ball, &field, zone, grade);
            let moves = finishing.moves(ball, pieces, zone, grade);
            let how = (&plan.material.finish, depth_mm);
            self.add_on(name, &scene, ball, how, typical_slope_rad(&field, zone), moves);
        }
        Ok(scene)
    }

    /// What the ball must not meet, and the facets asked for as its own.
    fn scene(&self, level: &Scene, setup: &Setup, ball: &Tool) -> Result<Scene, ToolpathError> {
        let (plan, body) = (self.plan, &self.implant.body);
        let nothing = || ToolpathError::NothingToMill { setup: setup.number };
        let covers = plan.visibility.iter().flat_map(|v| &v.cover);
        let cover = covers.into_iter().find(|c| c.setup == setup.number).ok_or_else(nothing)?;
        let work_from_part = setup.part_from_work.inverse();
        let corner = |v: u32| work_from_part.apply_raw(body.vertices[v as usize]);
        let triangles: Vec<[P3; 3]> = body.triangles.iter().map(|t| t.map(corner)).collect();
        let own = with_border(&triangles, &cover.facets);
        let tagged = triangles.iter().enumerate().map(|(k, t)| (*t, if own[k] { k as u32 } else { TAB }));

        let blank = [plan.stock.min_mm.mm, plan.stock.max_mm.mm];
        let corners = |ends: [P3; 2]| -> [P3; 8] {
            std::array::from_fn(|k| work_from_part.apply_raw(std::array::from_fn(|a| ends[k >> a & 1][a])))
        };
        let (stock_lo, stock_hi) = bounds(&corners(blank)).expect("a box has corners");
        let fixtures: Vec<[P3; 2]> = plan
            .fixtures
            .iter()
            .filter(|f| f.setups.contains(&setup.number))
            .map(|f| [f.body.min_mm.mm.map(|x| x - FREE_MM), f.body.max_mm.mm.map(|x| x + FREE_MM)])
            .collect();
        let highest = fixtures.iter().flat_map(|f| corners(*f)).fold(stock_hi[2], |m, c| m.max(c[2]));

        let around: Vec<[P3; 3]> = (0..own.len()).filter(|&k| own[k]).map(|k| triangles[k]).collect();
        let (lo, hi) = bounds(around.as_flattened()).ok_or_else(nothing)?;
        let reach = |mm: f64| ([lo[0] - mm, lo[1] - mm], [hi[0] + mm, hi[1] + mm]);
        let margin = ball.diameter_mm + 2.0 * LATTICE_MM;
        let (from, to) = reach(margin);
        let outline = Outline::new(Plane::over(from, to, LATTICE_MM), around.into_iter(), margin);

        let window = reach(2.0 * margin);
        let mut bodies: Vec<[P3; 3]> = fixtures.iter().flat_map(|f| facets_of(corners(*f))).collect();
        bodies.extend(plan.tabs.iter().flat_map(|t| facets_of(tab(t, plan, &work_from_part))));
        bodies.extend(self.frame(&work_from_part, window).into_iter().flatten());
        bodies.retain(|t| meets(t, window));
        bodies.extend(holder_plane(plan, level, &work_from_part, ball, window));
        let ground = Ground::new(tagged.chain(bodies.into_iter().map(|t| (t, TAB))));
        Ok(Scene {
            setup: setup.number,
            work_from_part,
            rough_ground: ground.clone(),
            ground,
            outline: outline.ok_or_else(nothing)?,
            stock_lo,
            stock_hi,
            clearance_mm: (highest + level.clearance_mm - level.stock_hi[2]).min(setup.clearance_z_mm),
            top_mm: hi[2],
            tabs: Vec::new(),
        })
    }

    /// The frame along the lane as far as a window of the pose sees it, in squares: their faces and the walls to the lane.
    fn frame(&self, work_from_part: &Pose<Work, Part>, window: Window) -> Vec<Vec<[P3; 3]>> {
        let (plan, body) = (self.plan, &self.implant.body);
        let outline = outline_xy(body, LATTICE_MM);
        let beyond = plan.lane_mm - LANE_LEFT_MM - SQUARE_MM * std::f64::consts::FRAC_1_SQRT_2;
        let reach = plan.lane_mm + FRAME_MM;
        let Some((lo, hi)) = body.bounds_mm() else { return vec![] };
        let squares = Plane::over([lo[0] - reach, lo[1] - reach], [hi[0] + reach, hi[1] + reach], SQUARE_MM);
        let z = [plan.stock.min_mm.mm[2], plan.stock.max_mm.mm[2]];
        let corners = |at: usize| -> [P3; 8] {
            let [x, y] = squares.xy(at);
            std::array::from_fn(|k| {
                let (x, y) = (x + SQUARE_MM * (k & 1) as f64, y + SQUARE_MM * (k >> 1 & 1) as f64);
                work_from_part.apply_raw([x, y, z[k >> 2]])
            })
        };
        let stands: Vec<bool> = (0..squares.len())
            .map(|at| {
                let middle = squares.xy(at).map(|x| x + 0.5 * SQUARE_MM);
                meets(&corners(at), window)
                    && (beyond..reach).contains(&signed_distance_to_outline_mm(&outline, middle))
            })
            .collect();
        let square = |at: usize| -> Vec<[P3; 3]> {
            let (i, j) = squares.ij(at);
            // In the order of the walls of a box: y low and high, x low and high.
            let open = [
                j > 0 && !stands[at - squares.nx],
                j + 1 < squares.ny && !stands[at + squares.nx],
                i > 0 && !stands[at - 1],
                i + 1 < squares.nx && !stands[at + 1],
            ];
            let facets = facets_of(corners(at)).into_iter().enumerate();
            facets.filter(|(k, _)| *k < 4 || open[k / 2 - 2]).map(|f| f.1).collect()
        };
        (0..squares.len()).filter(|&at| stands[at]).map(square).collect()
    }

    /// Layers of the ball around the passes to come.
    fn clear_aslant(
        &self,
        scene: &Scene,
        asked: &Asked,
        (ball, layer_mm): (&Tool, f64),
        stock: &mut Stock,
    ) -> Vec<Move> {
        let (plan, params) = (self.plan, self.params);
        let cutting = &plan.material.rough;
        let radius_mm = flat_mm(ball, layer_mm);
        let within = |at: &usize| asked.room_mm[*at] >= 0.0;
        let top_mm = (0..asked.plane.len())
            .filter(within)
            .map(|at| stock.highest(asked.plane.xy(at), radius_mm))
            .fold(f64::NEG_INFINITY, f64::max);
        let feed = speeds(cutting, ball, &plan.machine, layer_mm, 0.0).feed_mm_per_min;
        let roughing = Roughing {
            plane: asked.plane,
            lowest_mm: &asked.lowest_mm,
            floor_mm: &asked.floor_mm,
            room_mm: &asked.room_mm,
            radius_mm,
            flute_mm: ball.flute_length_mm,
            top_mm,
            layer_mm,
            depth_mm: layer_mm,
            width_mm: cutting.width_over_diameter * ball.diameter_mm,
            film_mm: FILM_MM,
            films: false,
            ramp_rad: params.ramp_angle_deg.to_radians(),
            clearance_mm: scene.clearance_mm,
            gap_mm: params.rapid_gap_mm,
            stay_mm: LIFT_S * feed / 60.0,
        };
        roughing.run(stock).moves
    }
}

/// A rectangle of a pose's x and y, lowest and highest corner, mm.
type Window = ([f64; 2], [f64; 2]);

/// Whether the box about some places overlaps a window.
fn meets(places: &[P3], window: Window) -> bool {
    bounds(places).is_some_and(|(lo, hi)| (0..2).all(|a| lo[a] <= window.1[a] && hi[a] >= window.0[a]))
}

/// Radius of the flat that roughing takes the ball for: what it is half a layer above its tip, mm.
fn flat_mm(ball: &Tool, layer_mm: f64) -> f64 {
    let h = 0.5 * layer_mm;
    (2.0 * ball.radius_mm() * h - h * h).sqrt()
}

/// Where the passes will be, and what roughing may do about them.
struct Asked {
    plane: Plane,
    /// Lowest tip that keeps the allowance, per node.
    lowest_mm: Vec<f64>,
    /// How far inside the zone that is cleared the axis is, per node; negative outside.
    room_mm: Vec<f64>,
    /// Nothing is cleared below the lowest pass.
    floor_mm: Vec<f64>,
}

impl Asked {
    fn of(scene: &Scene, ball: &Tool, allowance_mm: f64) -> Self {
        let zone_mm = BESIDE_MM;
        let (lo, hi) = scene.reach(ball.radius_mm() + zone_mm + 2.0 * LATTICE_MM);
        let plane = Plane::over(lo, hi, LATTICE_MM);
        let lowered = Lowered::new(&scene.ground, Cutter::ball(ball.radius_mm()), allowance_mm);
        let rests = lowered.over(plane).rests;
        let mine = |at: usize| rests[at].tag != TAB && rests[at].z_mm.is_finite();
        let floor =
            (0..plane.len()).filter(|&at| mine(at)).fold(f64::INFINITY, |m, at| m.min(rests[at].z_mm));
        let room_mm = plane.distance_to(mine).into_iter().map(|d| zone_mm - f64::from(d)).collect();
        let lowest_mm = rests.iter().map(|r| r.z_mm).collect();
        Self { plane, lowest_mm, room_mm, floor_mm: vec![floor; plane.len()] }
    }

    /// What the level setups leave, seen from the pose: grown by what the ball is thicker than the flat it roughs as.
    fn stock(
        &self,
        scene: &Scene,
        (level, cleared): (&Scene, &Cleared),
        ball: &Tool,
        layer_mm: f64,
    ) -> Stock {
        let margin = ball.diameter_mm;
        let (lo, hi) = (self.plane.xy(0), self.plane.xy(self.plane.len() - 1));
        let mut stock = Stock::blank(lo.map(|x| x - margin), hi.map(|x| x + margin), scene.stock_hi[2]);
        let pixels = stock.plane;
        let mut top = vec![f32::NEG_INFINITY; pixels.len()];
        let iso = scene.work_from_part.after(level.work_from_part.inverse()).iso;
        let columns = &cleared.stock;
        for at in 0..columns.plane.len() {
            let [x, y] = columns.plane.xy(at);
            let floor = f64::from(columns.floor_mm[at]).max(level.stock_lo[2]);
            let height = f64::from(columns.top_mm[at]) - floor;
            if height <= 0.0 {
                continue;
            }
            // A pixel apart, both ends with them.
            let steps = (height / pixels.step).ceil() as usize;
            for k in 0..=steps {
                let p = iso * nalgebra::Point3::new(x, y, floor + height * k as f64 / steps as f64);
                if let Some(at) = pixels.nearest(p.x, p.y) {
                    top[at] = top[at].max(p.z as f32);
                }
            }
        }
        stock.top_mm = highest_within(&pixels, &top, ball.radius_mm() - flat_mm(ball, layer_mm));
        stock
    }

    /// Highest stock that the ball can meet, per node.
    fn standing(&self, stock: &Stock, radius_mm: f64) -> Standing {
        let z_mm: Vec<f64> = (0..self.plane.len())
            .map(|at| stock.highest(self.plane.xy(at), radius_mm + self.plane.step))
            .collect();
        Standing { plane: self.plane, sure_mm: z_mm.clone(), z_mm, outside_mm: stock.outside_mm }
    }
}

/// Per pixel the highest of those about it.
fn highest_within(plane: &Plane, top: &[f32], radius_mm: f64) -> Vec<f32> {
    let n = (radius_mm / plane.step).ceil() as i64;
    let disc: Vec<[i64; 2]> = (-n..=n)
        .flat_map(|j| (-n..=n).map(move |i| [i, j]))
        .filter(|[i, j]| ((i * i + j * j) as f64).sqrt() <= n as f64)
        .collect();
    (0..plane.len())
        .into_par_iter()
        .map(|at| {
            let (i, j) = plane.ij(at);
            let beside = disc.iter().filter_map(|d| {
                let (i, j) = (i as i64 + d[0], j as i64 + d[1]);
                let on = i >= 0 && j >= 0 && i < plane.nx as i64 && j < plane.ny as i64;
                on.then(|| top[j as usize * plane.nx + i as usize])
            });
            beside.fold(f32::NEG_INFINITY, f32::max)
        })
        .collect()
}

/// Marks `asked` and what lies beside them and looks at the tool.
fn with_border(triangles: &[[P3; 3]], asked: &[u32]) -> Vec<bool> {
    let cell = |p: &P3| p.map(|x| (x / BORDER_MM).floor() as i64);
    let distance = |p: &P3, q: &P3| (0..3).map(|a| (p[a] - q[a]).powi(2)).sum::<f64>().sqrt();
    let mut own = vec![false; triangles.len()];
    let mut corners: BTreeMap<[i64; 3], Vec<P3>> = BTreeMap::new();
    for &k in asked {
        own[k as usize] = true;
        triangles[k as usize].iter().for_each(|p| corners.entry(cell(p)).or_default().push(*p));
    }
    let near = |p: &P3| {
        let c = cell(p);
        let cells = (0..27).map(|k: i64| [c[0] + k % 3 - 1, c[1] + k / 3 % 3 - 1, c[2] + k / 9 - 1]);
        cells.filter_map(|c| corners.get(&c)).flatten().any(|q| distance(p, q) <= BORDER_MM)
    };
    for (k, v) in triangles.iter().enumerate() {
        let up = (v[1][0] - v[0][0]) * (v[2][1] - v[0][1]) - (v[1][1] - v[0][1]) * (v[2][0] - v[0][0]);
        let longest = (0..3).map(|a| distance(&v[a], &v[(a + 1) % 3])).fold(0.0, f64::max);
        own[k] |= up > 0.0 && longest <= BORDER_EDGE_MM && v.iter().any(near);
    }
    own
}

/// A tab's corners, the lowest bit along it, the next across, the highest up.
fn tab(tab: &Tab, plan: &Plan, work_from_part: &Pose<Work, Part>) -> [P3; 8] {
    let ([x, y, _], [ox, oy]) = (tab.centre.mm, tab.outward_xy);
    let half = 0.5 * tab.width_mm;
    let (along, across) = ([-TAB_INTO_RIM_MM, plan.lane_mm + FRAME_MM], [-half, half]);
    let z = [tab.z_min_mm, tab.z_max_mm];
    std::array::from_fn(|k| {
        let (a, b) = (along[k & 1], across[k >> 1 & 1]);
        work_from_part.apply_raw([x + ox * a - oy * b, y + oy * a + ox * b, z[k >> 2]])
    })
}

/// The twelve triangles of a box from its corners, numbered by bits, counter-clockwise seen from outside.
fn facets_of(c: [P3; 8]) -> [[P3; 3]; 12] {
    const QUADS: [[usize; 4]; 6] =
        [[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [2, 6, 7, 3], [0, 4, 6, 2], [1, 3, 7, 5]];
    std::array::from_fn(|k| {
        let q = QUADS[k / 2].map(|at| c[at]);
        if k % 2 == 0 { [q[0], q[1], q[2]] } else { [q[0], q[2], q[3]] }
    })
}

/// A plane that the ball rests on when its holder is as near to the blank's face as it may come, over a rectangle.
fn holder_plane(
    plan: &Plan,
    level: &Scene,
    work_from_part: &Pose<Work, Part>,
    ball: &Tool,
    (lo, hi): Window,
) -> [[P3; 3]; 2] {
    let up = level.work_from_part.iso.rotation.inverse() * nalgebra::Vector3::z();
    let face = if up.z > 0.0 { plan.stock.max_mm.mm[2] } else { plan.stock.min_mm.mm[2] };
    let n = work_from_part.iso.rotation * up;
    let p = work_from_part.apply_raw([0.0, 0.0, face]);
    // On a slope the holder's rim is met before its middle, and a ball rests beside its tip.
    let tan = n.x.hypot(n.y) / n.z;
    let lift = 0.5 * ball.holder_diameter_mm * tan + FREE_MM - ball.stick_out_mm;
    let lift = lift + ball.radius_mm() * (1.0 - 1.0 / n.z);
    let at = |x: f64, y: f64| [x, y, p[2] - (n.x * (x - p[0]) + n.y * (y - p[1])) / n.z + lift];
    let q = [at(lo[0], lo[1]), at(hi[0], lo[1]), at(hi[0], hi[1]), at(lo[0], hi[1])];
    [[q[0], q[1], q[2]], [q[0], q[2], q[3]]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_has_its_own_volume() {
        let corners = std::array::from_fn(|k: usize| {
            [2.0 * (k & 1) as f64, 3.0 * (k >> 1 & 1) as f64, 5.0 * (k >> 2) as f64]
        });
        let six_times: f64 = facets_of(corners)
            .iter()
            .map(|t| {
                let [a, b, c] = t.map(nalgebra::Vector3::from);
                a.dot(&b.cross(&c))
            })
            .sum();
        // Positive where every triangle is counter-clockwise seen from outside.
        assert!((six_times / 6.0 - 30.0).abs() < 1e-12, "{six_times}");
    }

    #[test]
    fn a_border_is_narrow_and_takes_no_large_face() {
        // A strip of small facets along x, one asked for, and a face of 40 mm that meets it.
        let small = |x: f64| [[x, 0.0, 0.0], [x + 0.25, 0.0, 0.0], [x, 0.25, 0.0]];
        let mut triangles: Vec<[P3; 3]> = (0..20).map(|k| small(0.25 * f64::from(k))).collect();
        triangles.push([[0.0, 0.0, 0.0], [0.0, -40.0, 0.0], [40.0, 0.0, 0.0]]);
        // As near, but it looks away.
        triangles.push(small(3.0).map(|p| [p[0], 0.25 - p[1], p[2]]));
        let own = with_border(&triangles, &[12]);
        let mine: Vec<usize> = (0..own.len()).filter(|&k| own[k]).collect();
        // From 3.0 to 3.25 mm, and what ends or begins 0.6 mm on either side.
        assert_eq!(mine, (9..=15).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_highest_about_a_pixel_stands_on_it() {
        let plane = Plane::over([0.0, 0.0], [2.0, 2.0], 0.1);
        let mut top = vec![f32::NEG_INFINITY; plane.len()];
        let middle = plane.nearest(1.0, 1.0).unwrap();
        top[middle] = 3.0;
        let grown = highest_within(&plane, &top, 0.5);
        for (at, &z) in grown.iter().enumerate() {
            let [x, y] = plane.xy(at);
            let far = (x - 1.0).hypot(y - 1.0);
            assert_eq!(z == 3.0, far <= 0.5 + 1e-9, "{far}");
        }
    }
}

//! A simple height map of the blank that the tests mill, to see what the moves do on their way.

use crate::geometry::Bvh;
use crate::model::*;

use super::cutter::Cutter;
use super::plane::Plane;
use super::plate::{PEEK_FORM, params};
use super::scene::{Scene, TAB};
use super::*;

/// Blank as seen along one setup's tool axis.
struct HeightMap {
    plane: Plane,
    z: Vec<f64>,
    /// What an earlier setup has opened from the other side: nothing stands below it.
    floor: Vec<f64>,
    /// Of the blank.
    top: f64,
}

impl HeightMap {
    fn new(scene: &Scene, step: f64, earlier: Option<&(HeightMap, Pose<Work, Part>)>) -> Self {
        let plane =
            Plane::over([scene.stock_lo[0], scene.stock_lo[1]], [scene.stock_hi[0], scene.stock_hi[1]], step);
        let mut floor = vec![f64::NEG_INFINITY; plane.len()];
        if let Some((before, work_from_part)) = earlier {
            let part_from_here = scene.work_from_part.inverse();
            let here_from_before = |p| scene.work_from_part.apply_raw(work_from_part.inverse().apply_raw(p));
            for at in 0..plane.len() {
                let [x, y] = plane.xy(at);
                let q = work_from_part.apply_raw(part_from_here.apply_raw([x, y, 0.0]));
                // Lattices do not meet: the deepest of the nodes about it, so that a sliver of half a step is no stock.
                let near = [-1.0, 0.0, 1.0].into_iter().flat_map(|a| [-1.0, 0.0, 1.0].map(|b| (a, b)));
                let depths = near.filter_map(|(a, b)| {
                    let node = before.plane.nearest(q[0] + a * step, q[1] + b * step)?;
                    let opened = before.z[node] < before.top - 1e-9;
                    opened.then(|| here_from_before([q[0], q[1], before.z[node]])[2])
                });
                floor[at] = depths.fold(f64::NEG_INFINITY, f64::max);
            }
        }
        let top = scene.stock_hi[2];
        Self { plane, z: vec![top; plane.len()], floor, top }
    }

    /// Volume taken, mm³, how deep the cutter stood in stock, and with what share of its disc.
    fn cut(&mut self, cutter: &Cutter, tip: [f64; 3], remove: bool) -> (f64, f64, f64) {
        let p = &self.plane;
        let range = |a: usize, n: usize| {
            let lo = ((tip[a] - cutter.radius_mm - p.origin[a]) / p.step).ceil().max(0.0) as usize;
            let hi = ((tip[a] + cutter.radius_mm - p.origin[a]) / p.step).floor();
            lo..if hi < 0.0 { 0 } else { (hi as usize + 1).min(n) }
        };
        let (mut taken, mut depth) = (0.0, 0.0f64);
        let (mut met, mut all) = (0, 0);
        for j in range(1, p.ny) {
            for i in range(0, p.nx) {
                let at = j * p.nx + i;
                let q = p.xy(at);
                let rho = (q[0] - tip[0]).hypot(q[1] - tip[1]);
                if rho > cutter.radius_mm {
                    continue;
                }
                let z = (tip[2] + cutter.rise_mm(rho)).max(self.floor[at]);
                all += 1;
                if self.z[at] > z {
                    met += usize::from(self.z[at] > z + 0.05);
                    taken += (self.z[at] - z) * p.step * p.step;
                    depth = depth.max(self.z[at] - z);
                    if remove {
                        self.z[at] = z;
                    }
                }
            }
        }
        (taken, depth, f64::from(met as u32) / f64::from((all as u32).max(1)))
    }
}

fn steps(from: [f64; 3], to: [f64; 3], step: f64) -> impl Iterator<Item = [f64; 3]> {
    let l = (0..3).map(|k| (to[k] - from[k]).powi(2)).sum::<f64>().sqrt();
    let n = (l / step).ceil().max(1.0) as usize;
    (1..=n).map(move |k| std::array::from_fn(|c| from[c] + (to[c] - from[c]) * k as f64 / n as f64))
}

#[test]
fn on_their_way_the_moves_meet_no_stock_at_rapid_take_bounded_widths_and_leave_part_and_tabs_alone() {
    let implant = PEEK_FORM.implant(0);
    let plan = PEEK_FORM.plan(6);
    let params = params();
    let operations = make_operations(&implant, &plan, &params, &Silent).unwrap();
    let tree = Bvh::new(&implant.body);
    let mut earlier: Option<(HeightMap, Pose<Work, Part>)> = None;
    for setup in &plan.setups {
        let scene = Scene::new(&implant, &plan, setup).unwrap();
        let mut map = HeightMap::new(&scene, 0.25, earlier.as_ref());
        let part_from_work = scene.work_from_part.inverse();
        for op in operations.iter().filter(|o| o.setup == setup.number) {
            let tool = plan.tools.values().find(|t| t.number == op.tool).unwrap();
            let cutter = Cutter::bull(tool.radius_mm(), tool.corner_radius_mm);
            let roughs = op.name == "rough";
            let layer = plan.material.rough.depth_over_diameter * tool.diameter_mm;
            let layer = layer.min(params.rough_depth_mm_max);
            assert!(matches!(op.moves[0], Move::Rapid(_)), "{}: begins with a rapid", op.name);
            let mut at = [0.0, 0.0, setup.clearance_z_mm];
            let (mut widest, mut deepest, mut sheer) = (0f64, 0f64, 0f64);
            let mut where_widest = [0.0; 3];
            // Volume over the last millimetre of path.
            let mut window: Vec<(f64, f64)> = vec![];
            for m in &op.moves {
                match m {
                    Move::Rapid(p) => {
                        let vertical = (p[0] - at[0]).hypot(p[1] - at[1]) < 1e-9;
                        assert!(vertical || (p[2] >= setup.clearance_z_mm && at[2] >= setup.clearance_z_mm));
                        for q in steps(at, *p, 0.5) {
                            let (_, depth, _) = map.cut(&cutter, q, false);
                            assert!(
                                depth < 1e-6,
                                "op{} {}: rapid {depth} mm in stock at {q:?}",
                                op.setup,
                                op.name
                            );
                        }
                        at = *p;
                    }
                    Move::Cut(p) | Move::Plunge(p) => {
                        for q in steps(at, *p, 0.25) {
                            let far = (0..3).map(|k| (q[k] - at[k]).powi(2)).sum::<f64>().sqrt();
                            let down = at[2] - q[2];
                            let (taken, depth, share) = map.cut(&cutter, q, true);
                            deepest = deepest.max(depth);
                            // Straight down into stock: a flat has no teeth in its middle. Slivers of cusps beside
                            // a narrow lane are met by its side.
                            if roughs && down > 0.5 * far {
                                sheer = sheer.max(share);
                                assert!(share < 0.2, "op{} {}: plunge {share} at {q:?}", op.setup, op.name);
                            }
                            if matches!(m, Move::Cut(_)) && roughs {
                                window.push((far, taken));
                                let mut length = 0.0;
                                let mut volume = 0.0;
                                for (l, v) in window.iter().rev() {
                                    length += l;
                                    volume += v;
                                    if length >= 2.0 {
                                        break;
                                    }
                                }
                                if length >= 2.0 && volume / length / layer > widest {
                                    (widest, where_widest) = (volume / length / layer, q);
                                }
                            } else {
                                window.clear();
                            }
                            // Never in the part. A ball by its centre's distance to the mesh, which says so on
                            // walls too; a flat by how low it may stand, with its allowance to spare.
                            if cutter.corner_mm > 0.0 {
                                let c = part_from_work.apply_raw([q[0], q[1], q[2] + cutter.radius_mm]);
                                let near = tree.nearest(c, cutter.radius_mm).map_or(0.0, |n| n.distance_mm);
                                let enters = if near > 0.0 { cutter.radius_mm - near } else { 0.0 };
                                assert!(
                                    enters < 0.003,
                                    "op{} {}: {enters} in the part at {q:?}",
                                    op.setup,
                                    op.name
                                );
                            } else {
                                // Tabs are roughed to size.
                                let rest = scene.ground.drop(&cutter, q[0], q[1]);
                                let spare = if rest.tag == TAB { -1e-9 } else { 0.1 };
                                assert!(
                                    q[2] >= rest.z_mm + spare,
                                    "op{} {}: tip {q:?}, {rest:?}",
                                    op.setup,
                                    op.name
                                );
                            }
                            at = q;
                        }
                    }
                    Move::Arc { .. } | Move::Drill { .. } => panic!("none expected"),
                }
            }
            eprintln!(
                "op{} {}: widest {widest:.2} mm, deepest {deepest:.2} mm, plunged with {sheer:.2} of the disc",
                op.setup, op.name
            );
            if roughs {
                // What bounds the angle bounds the width in a straight cut; round a corner of the stock, and on a map of
                // 0.25 mm, it may be more: up to 1.6 of the width asked, over 2 mm of path.
                let asked = plan.material.rough.width_over_diameter * tool.diameter_mm;
                assert!(widest <= 1.6 * asked, "{widest} mm wide at {where_widest:?}, {asked} asked");
            }
        }
        earlier = Some((map, scene.work_from_part));
    }
}

//! A plate of known form for the tests: a piece of a sphere's shell with a wavy rim, drafted wall and round edges.

use std::collections::BTreeMap;
use std::f64::consts::TAU;

use nalgebra::Vector3;

use crate::model::*;

use super::finish::{Finishing, Grade};
use super::*;

/// Form of the plate, mm.
pub struct Form {
    pub outer_radius: f64,
    pub thickness: f64,
    pub rim_radius: f64,
    pub rim_wave: f64,
    pub draft_deg: f64,
    pub edge_outer: f64,
    pub edge_inner: f64,
    pub steps: usize,
    pub ring_mm: f64,
}

pub const PEEK_FORM: Form = Form {
    outer_radius: 80.0,
    thickness: 4.0,
    rim_radius: 27.0,
    rim_wave: 2.0,
    draft_deg: 5.0,
    edge_outer: 0.25,
    edge_inner: 0.6,
    steps: 480,
    ring_mm: 0.4,
};

impl Form {
    /// Rim radius at an angle.
    pub fn rim(&self, phi: f64) -> f64 {
        self.rim_radius + self.rim_wave * (3.0 * phi).cos()
    }

    /// Outer surface, part z.
    pub fn outer_z(&self, rho: f64) -> f64 {
        (self.outer_radius.powi(2) - rho * rho).sqrt() - self.outer_radius + 3.0
    }

    /// Bone side, part z: the concentric sphere, one thickness in.
    pub fn inner_z(&self, rho: f64) -> f64 {
        let r = self.outer_radius - self.thickness;
        (r * r - rho * rho).sqrt() - self.outer_radius + 3.0
    }

    /// Profile at an angle: (rho, z) from the outer pole's first ring to the inner pole's last, the same count
    /// everywhere.
    fn profile(&self, phi: f64) -> Vec<[f64; 2]> {
        let t = self.draft_deg.to_radians().tan();
        let corner_o = [self.rim(phi), self.outer_z(self.rim(phi))];
        // The wall meets the bone side where the line meets the sphere.
        let mut rho_i = corner_o[0];
        for _ in 0..60 {
            rho_i = corner_o[0] - (corner_o[1] - self.inner_z(rho_i)) * t;
        }
        let corner_i = [rho_i, self.inner_z(rho_i)];
        let rings = (self.rim_radius / self.ring_mm) as usize;
        let wall_dir = {
            let d = [corner_i[0] - corner_o[0], corner_i[1] - corner_o[1]];
            let l = d[0].hypot(d[1]);
            [d[0] / l, d[1] / l]
        };
        // Tangent length of a round of radius r in an edge of about 90 degrees less the dome's slope.
        let (to, ti) = (self.edge_outer * 1.1, self.edge_inner * 1.1);
        let mut out = Vec::new();
        let on_outer = |rho: f64| [rho, self.outer_z(rho)];
        let on_inner = |rho: f64| [rho, self.inner_z(rho)];
        let end_o = corner_o[0] - to;
        for k in 1..=rings {
            out.push(on_outer(end_o * k as f64 / rings as f64));
        }
        let bezier = |p0: [f64; 2], c: [f64; 2], p1: [f64; 2], n: usize, out: &mut Vec<[f64; 2]>| {
            const KAPPA: f64 = 0.5523;
            let mix = |a: [f64; 2], b: [f64; 2], t: f64| [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t];
            let (c0, c1) = (mix(p0, c, KAPPA), mix(p1, c, KAPPA));
            for k in 1..=n {
                let t = k as f64 / n as f64;
                let (a, b, d) = (mix(p0, c0, t), mix(c0, c1, t), mix(c1, p1, t));
                out.push(mix(mix(a, b, t), mix(b, d, t), t));
            }
        };
        let wall_a = [corner_o[0] + wall_dir[0] * to, corner_o[1] + wall_dir[1] * to];
        let wall_b = [corner_i[0] - wall_dir[0] * ti, corner_i[1] - wall_dir[1] * ti];
        bezier(on_outer(end_o), corner_o, wall_a, 6, &mut out);
        for k in 1..=8 {
            let s = k as f64 / 8.0;
            out.push([wall_a[0] + (wall_b[0] - wall_a[0]) * s, wall_a[1] + (wall_b[1] - wall_a[1]) * s]);
        }
        let end_i = corner_i[0] - ti;
        bezier(wall_b, corner_i, on_inner(end_i), 8, &mut out);
        for k in (1..rings).rev() {
            out.push(on_inner(end_i * k as f64 / rings as f64));
        }
        out
    }

    /// The plate's mesh.
    pub fn mesh(&self) -> Mesh<Part> {
        let profiles: Vec<Vec<[f64; 2]>> =
            (0..self.steps).map(|s| self.profile(TAU * s as f64 / self.steps as f64)).collect();
        let m = profiles[0].len();
        let mut vertices = vec![[0.0, 0.0, self.outer_z(0.0)], [0.0, 0.0, self.inner_z(0.0)]];
        for (s, p) in profiles.iter().enumerate() {
            let phi = TAU * s as f64 / self.steps as f64;
            vertices.extend(p.iter().map(|q| [q[0] * phi.cos(), q[0] * phi.sin(), q[1]]));
        }
        let at = |s: usize, k: usize| (2 + (s % self.steps) * m + k) as u32;
        let mut triangles = Vec::new();
        for s in 0..self.steps {
            triangles.push([0, at(s, 0), at(s + 1, 0)]);
            for k in 0..m - 1 {
                triangles.push([at(s, k), at(s, k + 1), at(s + 1, k + 1)]);
                triangles.push([at(s, k), at(s + 1, k + 1), at(s + 1, k)]);
            }
            triangles.push([1, at(s + 1, m - 1), at(s, m - 1)]);
        }
        Mesh::new(vertices, triangles)
    }

    /// The implant, with `holes` perfusion holes of 2 mm on a ring.
    pub fn implant(&self, holes: usize) -> Implant {
        let body = self.mesh();
        let identity = Pose::identity();
        let facts = ImplantFacts {
            schema: "osteomill.implant/1".into(),
            defect: 0,
            kind: "inlay".into(),
            side: "left".into(),
            insertion_axis_lps: Dir::new([0.0, 0.0, 1.0]),
            gap_mm_nominal: 0.5,
            thickness: "constant".into(),
            thickness_mm_nominal: self.thickness,
            thickness_mm_min: self.thickness,
            draft_deg: self.draft_deg,
            edge_outer_mm: self.edge_outer,
            edge_inner_mm: self.edge_inner,
            edge_thickness_mm_min: 1.0,
            concave_radius_mm_min: 2.0,
            volume_mm3: body.volume_mm3(),
            mass_g: 0.0,
            material: "peek".into(),
            holes: vec![],
            watertight: true,
            part_from_patient: identity,
            outer_area_mm2: 0.0,
            sinus_distance_mm: None,
            fixation: Default::default(),
            removal: Default::default(),
            seating: Default::default(),
            scalp: Default::default(),
            marking: None,
            edited: None,
            findings: vec![],
        };
        let holes = (0..holes)
            .map(|k| {
                let phi = TAU * k as f64 / holes as f64;
                Hole {
                    kind: "perfusion".into(),
                    diameter_mm: 2.0,
                    centre: Point::new([12.0 * phi.cos(), 12.0 * phi.sin(), self.outer_z(12.0)]),
                    axis: Dir::new([0.0, 0.0, 1.0]),
                    length_mm: self.thickness,
                    countersink: None,
                    mouths: None,
                }
            })
            .collect();
        Implant { number: 1, defect: 0, mesh: body.clone(), body, part_from_patient: identity, holes, facts }
    }

    /// A plan for it: two sides, lane of 11 mm, `tabs` tabs of 7 × 2 mm.
    pub fn plan(&self, tabs: usize) -> Plan {
        let (lo, hi) = self.mesh().bounds_mm().unwrap();
        let stock = BoxPart {
            min_mm: Point::new([lo[0] - 24.0, lo[1] - 24.0, lo[2] - 2.0]),
            max_mm: Point::new([hi[0] + 24.0, hi[1] + 24.0, hi[2] + 2.0]),
        };
        let (x, y, z) = (Dir::new([1.0, 0.0, 0.0]), Dir::new([0.0, 1.0, 0.0]), Dir::new([0.0, 0.0, 1.0]));
        let op10: Pose<Work, Part> =
            Pose::from_axes(x, y.reversed(), z.reversed(), Point::new([0.0, 0.0, stock.min_mm.mm[2]]));
        let op20: Pose<Work, Part> = Pose::from_axes(x, y, z, Point::new([0.0, 0.0, stock.max_mm.mm[2]]));
        let setup = |number: u32, pose: Pose<Work, Part>| Setup {
            number,
            name: format!("op{number}"),
            part_from_work: pose.inverse(),
            work_offset: "G54".into(),
            work_zero_machine_mm: [0.0; 3],
            clearance_z_mm: 5.0,
            task: SetupTask::All,
            clamping: number,
            rotary_deg: vec![],
        };
        let tool = |number: u32, kind: ToolKind, diameter_mm: f64| Tool {
            number,
            kind,
            diameter_mm,
            corner_radius_mm: if kind == ToolKind::Ball { 0.5 * diameter_mm } else { 0.0 },
            point_angle_deg: if kind == ToolKind::Drill { 118.0 } else { 0.0 },
            flute_length_mm: 20.0,
            flutes: 2,
            shank_diameter_mm: diameter_mm - 0.2,
            stick_out_mm: 40.0,
            holder_diameter_mm: 22.0,
            holder_length_mm: 40.0,
        };
        let cutting = |speed: f64, feed: f64, deep: f64, wide: f64| Cutting {
            surface_speed_m_per_min: speed,
            feed_per_tooth_mm_d6: feed,
            depth_over_diameter: deep,
            width_over_diameter: wide,
        };
        let tools = BTreeMap::from([
            ("rough".to_string(), tool(1, ToolKind::Flat, 8.0)),
            ("finish".to_string(), tool(11, ToolKind::Ball, 6.0)),
            ("rim".to_string(), tool(13, ToolKind::Ball, 3.0)),
            ("drill".to_string(), tool(21, ToolKind::Drill, 2.0)),
        ]);
        let tabs = (0..tabs)
            .map(|k| {
                let phi = TAU * (k as f64 + 0.5) / tabs as f64;
                let rho = self.rim(phi);
                let top = self.outer_z(rho) - self.edge_outer - 0.3;
                // The wave turns the rim's normal; along the radius it is near enough for a test.
                Tab {
                    centre: Point::new([rho * phi.cos(), rho * phi.sin(), top - 1.0]),
                    outward_xy: [phi.cos(), phi.sin()],
                    width_mm: 7.0,
                    z_min_mm: top - 2.0,
                    z_max_mm: top,
                }
            })
            .collect();
        Plan {
            schema: "osteomill.plan/1".into(),
            material_key: "peek".into(),
            material: Material {
                name: "PEEK".into(),
                implant_standard: "ASTM F2026".into(),
                density_g_per_cm3: 1.3,
                youngs_modulus_gpa: 3.6,
                yield_n_per_mm2: 95.0,
                expansion_um_per_m_k: 47.0,
                coolant: "dry".into(),
                kienzle: Kienzle { kc11_n_per_mm2: 150.0, mc: 0.25, normal_share: 0.5 },
                rough: cutting(200.0, 0.06, 1.0, 0.4),
                finish: cutting(200.0, 0.05, 0.05, 0.05),
                drill: cutting(60.0, 0.05, 3.0, 1.0),
            },
            blank: Blank { name: "plate".into(), material: "peek".into(), size_mm: [110.0, 110.0, 20.0] },
            stock,
            machine: MachineTool {
                name: "mill".into(),
                travel_min_mm: [-500.0; 3],
                travel_max_mm: [500.0; 3],
                rapid_mm_per_min: [20000.0; 3],
                feed_mm_per_min_max: 6000.0,
                acceleration_mm_per_s2: [3000.0; 3],
                jerk_mm_per_s3: [50000.0; 3],
                spindle_rpm_min: 100.0,
                spindle_rpm_max: 20000.0,
                tool_change_s: 5.0,
                rotary: vec![],
            },
            setups: vec![setup(10, op10), setup(20, op20)],
            fixtures: vec![],
            pins: vec![],
            tabs,
            lane_mm: 11.0,
            tools,
            rough_allowance_mm: 0.5,
            scallop_mm: 0.008,
            finish_skin_mm: 0.26,
            visibility: None,
            flip: None,
            nest: None,
            findings: vec![],
        }
    }
}

/// Prints what it is told; for looking at a run by hand.
struct Loud;

impl Watch for Loud {
    fn progress(&self, _done: u64, _total: u64) {}
    fn note(&self, what: &str) {
        eprintln!("[{:6.2} s of processor] {what}", processor_s());
    }
}

/// Processor time of this process, s; zero where the system does not tell.
fn processor_s() -> f64 {
    // Fields 14 and 15 of stat: user and system time, in hundredths of a second.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks: u64 = stat.split(' ').skip(13).take(2).filter_map(|w| w.parse::<u64>().ok()).sum();
    ticks as f64 / 100.0
}

pub fn params() -> ToolpathParams {
    params::shipped(include_str!("params-peek.toml"))
}

fn params_with(pattern: FinishPattern) -> ToolpathParams {
    let table = ToolpathToml { finish_pattern: pattern, ..params().into() };
    table.try_into().expect("any pattern is valid")
}

#[test]
fn the_plate_is_a_sound_body() {
    let m = PEEK_FORM.mesh();
    assert!(m.is_closed_two_manifold());
    // Shell area about π·26.5² on a slope, times 4 mm.
    assert!(m.volume_mm3() > 7000.0 && m.volume_mm3() < 11000.0, "{}", m.volume_mm3());
}

#[test]
fn a_dome_plate_is_finished_within_sixteen_micrometres_and_not_gouged_by_raster() {
    finishes_within_sixteen_micrometres(FinishPattern::Raster);
}

#[test]
fn a_dome_plate_is_finished_within_sixteen_micrometres_and_not_gouged_by_scallops() {
    finishes_within_sixteen_micrometres(FinishPattern::Scallop);
}

fn finishes_within_sixteen_micrometres(pattern: FinishPattern) {
    let implant = PEEK_FORM.implant(6);
    let plan = PEEK_FORM.plan(6);
    let start = std::time::Instant::now();
    let operations = make_operations(&implant, &plan, &params_with(pattern), &Loud).unwrap();
    eprintln!("{} triangles, {:.2} s", implant.body.triangles.len(), start.elapsed().as_secs_f64());
    let mut total = 0;
    for op in &operations {
        let mut length = 0.0;
        let mut at: Option<[f64; 3]> = None;
        for m in &op.moves {
            if let Move::Cut(p) | Move::Plunge(p) | Move::Rapid(p) = m {
                if let Some(a) = at
                    && !matches!(m, Move::Rapid(_))
                {
                    length += (Vector3::from(*p) - Vector3::from(a)).norm();
                }
                at = Some(*p);
            }
        }
        total += op.moves.len();
        eprintln!(
            "op{} T{} {}: {} moves, {:.1} m at feed, {:.1} min, S{} F{}",
            op.setup,
            op.tool,
            op.name,
            op.moves.len(),
            length / 1000.0,
            length / op.feed_mm_per_min,
            op.spindle_rpm,
            op.feed_mm_per_min
        );
    }
    assert!(total < 250_000, "{total} moves");
    let places = repair::samples(&implant, &plan, 1.5);
    let swept = repair::swept(&plan, &operations);
    // Every segment in reach of every third sample, in full.
    let places: Vec<_> = places.into_iter().step_by(3).collect();
    let stock: Vec<f64> = places.iter().map(|p| swept.at(&p.0, 0.5)).collect();
    let (mut worst, mut least) = ((0.0, 0), (0.0, 0));
    for (k, &s) in stock.iter().enumerate() {
        if s > worst.0 {
            worst = (s, k);
        }
        if s < least.0 {
            least = (s, k);
        }
    }
    eprintln!("most {:?} {:?}; least {:?} {:?}", worst.0, places[worst.1], least.0, places[least.1]);
    // Cusp 8, chord 2, facets and the overlap of two passes' ends.
    assert!(worst.0 <= 0.016, "{:.1} um left at {:?}", 1e3 * worst.0, places[worst.1]);
    assert!(least.0 >= -0.003, "{:.1} um gouged at {:?}", 1e3 * least.0, places[least.1]);
}

#[test]
fn the_lowest_waterline_passes_the_widest_place_wherever_the_lattice_lies() {
    let implant = PEEK_FORM.implant(0);
    let plan = PEEK_FORM.plan(0);
    let params = params();
    for setup in &plan.setups {
        let scene = Scene::new(&implant, &plan, setup).unwrap();
        let stands = |_: f64| unreachable!("levels ask for none");
        let finishing = Finishing {
            scene: &scene,
            params: &params,
            scallop_mm: plan.scallop_mm,
            standing: &stands,
            rough_skin_mm: 1.0,
        };
        for role in ["rim", "finish"] {
            let tool = &plan.tools[role];
            let field = finishing.field(tool, Grade::Finish);
            let levels = finishing.levels(&field, (tool, tool.radius_mm()), 20f64.to_radians().tan(), 0.1);
            // The lowest place that the ball's equator has to pass: the widest ring of the plate, seen from this side.
            let place = |v: &[f64; 3]| scene.work_from_part.apply_raw(*v);
            let widest = implant.body.vertices.iter().map(place).fold([0.0f64, 0.0], |best, p| {
                let out = p[0].hypot(p[1]);
                if out > best[0] { [out, p[2]] } else { best }
            });
            let needed = (widest[1] - tool.radius_mm() - params.rim_overtravel_mm).max(scene.stock_lo[2]);
            let lowest = levels.last().expect("there is a rim");
            assert!(*lowest <= needed, "op{} {role}: {lowest} above {needed}", scene.setup);
        }
    }
}

#[test]
fn a_dip_never_runs_down_a_wall() {
    let implant = PEEK_FORM.implant(0);
    let plan = PEEK_FORM.plan(0);
    let params = params();
    let scene = Scene::new(&implant, &plan, &plan.setups[0]).unwrap();
    let stands = |_: f64| unreachable!("dips ask for none");
    let finishing = Finishing {
        scene: &scene,
        params: &params,
        scallop_mm: plan.scallop_mm,
        standing: &stands,
        rough_skin_mm: 1.0,
    };
    let tool = &plan.tools["rim"];
    let field = finishing.field(tool, Grade::Finish);
    let tips = |steep: std::ops::Range<f32>| -> Vec<[f64; 3]> {
        let nodes = (0..field.plane.len()).filter(|&at| field.z(at).is_finite());
        nodes.filter(|&at| steep.contains(&field.slope[at])).map(|at| field.tip(at)).step_by(7).collect()
    };
    // Up to 40 degrees each has its dip through it; walls have those that find a level way along them.
    for (steep, all) in [(0.0..0.84, true), (0.84..f32::INFINITY, false)] {
        let tips = tips(steep);
        let dips = finishing.dips(tool, &tips);
        assert!(tips.len() > 50 && (dips.len() == tips.len() || !all), "{} of {}", dips.len(), tips.len());
        for dip in &dips {
            let near = |t: &[f64; 3]| {
                dip.points
                    .iter()
                    .all(|p| (p[0] - t[0]).hypot(p[1] - t[1]) < 0.051 && (p[2] - t[2]).abs() < 0.1)
            };
            assert!(tips.iter().any(near), "{dip:?}");
        }
    }
}

#[test]
fn the_drop_cutter_says_how_quick_it_is() {
    let implant = PEEK_FORM.implant(0);
    let plan = PEEK_FORM.plan(0);
    let scene = Scene::new(&implant, &plan, &plan.setups[1]).unwrap();
    let mut random = crate::geometry::random::Random::new(9);
    for cutter in [cutter::Cutter::ball(3.0), cutter::Cutter::ball(1.5), cutter::Cutter::flat(4.5)] {
        let before = processor_s();
        let n = 20_000;
        let met = (0..n)
            .filter(|_| {
                scene.ground.z(&cutter, random.within(-28.0, 28.0), random.within(-28.0, 28.0)).is_finite()
            })
            .count();
        let s = processor_s() - before;
        // Other tests run beside it in the same process: the figure is a lower bound.
        eprintln!("{cutter:?}: {:.0} points per processor second", f64::from(n) / s.max(0.01));
        // All but the corners of the square lie over the plate.
        assert!(met > 3 * n as usize / 4);
    }
}

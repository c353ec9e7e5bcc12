//! Parts, paths and bones with a closed form, for the tests of this room.

use std::f64::consts::TAU;

use nalgebra::Vector3;

use crate::model::*;

pub const BALL: u32 = 1;
pub const FLAT: u32 = 2;
pub const DRILL: u32 = 3;

fn tool(number: u32, kind: ToolKind, diameter_mm: f64, corner_radius_mm: f64, point_angle_deg: f64) -> Tool {
    Tool {
        number,
        kind,
        diameter_mm,
        corner_radius_mm,
        point_angle_deg,
        flute_length_mm: 30.0,
        flutes: 2,
        shank_diameter_mm: diameter_mm,
        stick_out_mm: 60.0,
        holder_diameter_mm: 20.0,
        holder_length_mm: 50.0,
    }
}

pub fn job() -> Job {
    let program = |file: &str, setup| JobProgram {
        file: file.into(),
        dialect: Dialect::LinuxCnc,
        setup,
        work_offset: "G54".into(),
        part_from_work: Pose::identity(),
        work_zero_machine_mm: [0.0; 3],
    };
    Job {
        schema: "osteomill.job/1".into(),
        expansion_um_per_m_k: None,
        program: vec![program("op10.ngc", 10), program("op20.ngc", 20)],
        stock: BoxPart { min_mm: Point::new([-50.0; 3]), max_mm: Point::new([50.0; 3]) },
        machine: MachineTool {
            name: "test".into(),
            travel_min_mm: [-500.0; 3],
            travel_max_mm: [500.0; 3],
            rapid_mm_per_min: [10_000.0; 3],
            feed_mm_per_min_max: 5_000.0,
            acceleration_mm_per_s2: [1_000.0; 3],
            jerk_mm_per_s3: [10_000.0; 3],
            spindle_rpm_min: 100.0,
            spindle_rpm_max: 20_000.0,
            tool_change_s: 5.0,
            rotary: vec![],
        },
        tool: vec![
            tool(BALL, ToolKind::Ball, 3.0, 1.5, 0.0),
            tool(FLAT, ToolKind::Flat, 6.0, 0.0, 0.0),
            tool(DRILL, ToolKind::Drill, 2.0, 0.0, 118.0),
        ],
        fixture: Vec::new(),
        chip_load: Vec::new(),
        tab: Vec::new(),
    }
}

/// A cap of a spherical shell about `(0, 0, -outer)`, cut by a cone from that centre: the implant of a kerf along
/// rays. Outer surface on radius `outer_mm`, inner on `inner_mm`, wall at the angle `half_rad` off +z.
#[derive(Clone, Copy, Debug)]
pub struct Cap {
    pub outer_mm: f64,
    pub inner_mm: f64,
    pub half_rad: f64,
}

impl Cap {
    pub fn centre(&self) -> Vector3<f64> {
        Vector3::new(0.0, 0.0, -self.outer_mm)
    }

    fn ring(&self, radius: f64, angle: f64, turns: usize) -> Vec<[f64; 3]> {
        (0..turns)
            .map(|i| {
                let phi = TAU * i as f64 / turns as f64;
                let p = Vector3::new(angle.sin() * phi.cos(), angle.sin() * phi.sin(), angle.cos());
                (p * radius + self.centre()).into()
            })
            .collect()
    }

    /// Closed mesh: rings from the outer pole over the rim to the inner pole.
    pub fn mesh(&self, rings: usize, walls: usize, turns: usize) -> Mesh<Part> {
        let mut profile: Vec<(f64, f64)> = Vec::new();
        for i in 1..=rings {
            profile.push((self.outer_mm, self.half_rad * i as f64 / rings as f64));
        }
        for i in 1..walls {
            let t = i as f64 / walls as f64;
            profile.push((self.outer_mm + (self.inner_mm - self.outer_mm) * t, self.half_rad));
        }
        for i in (1..=rings).rev() {
            profile.push((self.inner_mm, self.half_rad * i as f64 / rings as f64));
        }
        let rings: Vec<Vec<[f64; 3]>> = profile.iter().map(|&(r, a)| self.ring(r, a, turns)).collect();
        let top: [f64; 3] = (self.centre() + Vector3::z() * self.outer_mm).into();
        let bottom: [f64; 3] = (self.centre() + Vector3::z() * self.inner_mm).into();
        lathe(top, &rings, bottom)
    }
}

/// Joins rings of equal length from a top pole to a bottom pole, counter-clockwise seen from outside.
fn lathe<F: Frame>(top: [f64; 3], rings: &[Vec<[f64; 3]>], bottom: [f64; 3]) -> Mesh<F> {
    let n = rings[0].len() as u32;
    let mut vertices = vec![top];
    vertices.extend(rings.iter().flatten());
    vertices.push(bottom);
    let last = vertices.len() as u32 - 1;
    let at = |ring: u32, i: u32| 1 + ring * n + i % n;
    let mut triangles = Vec::new();
    for i in 0..n {
        triangles.push([0, at(0, i), at(0, i + 1)]);
        for r in 0..rings.len() as u32 - 1 {
            triangles.push([at(r, i), at(r + 1, i), at(r + 1, i + 1)]);
            triangles.push([at(r, i), at(r + 1, i + 1), at(r, i + 1)]);
        }
        let r = rings.len() as u32 - 1;
        triangles.push([at(r, i), last, at(r, i + 1)]);
    }
    Mesh::new(vertices, triangles)
}

/// A spherical skull of radii `outer`, `inner` about the cap's centre, reaching to `to_rad` off +z, with a hole
/// whose wall is the cone at the angle `hole_rad` off +z whose apex lies `apex_mm` above the centre on the axis,
/// as a closed ring about the axis.
pub fn bone_ring(
    cap: &Cap,
    outer: f64,
    inner: f64,
    apex_mm: f64,
    hole_rad: f64,
    to_rad: f64,
    turns: usize,
) -> Mesh<Part> {
    // Where a ray from the apex at the hole's angle meets the sphere of radius r: angle about the centre.
    let angle_on = |r: f64| {
        let (s, c) = hole_rad.sin_cos();
        let along = -apex_mm * c + (r * r - apex_mm * apex_mm * s * s).sqrt();
        (along * s).atan2(apex_mm + along * c)
    };
    let mut profile: Vec<(f64, f64)> = Vec::new();
    let steps = 60;
    for i in 0..steps {
        let t = i as f64 / steps as f64;
        profile.push((outer, to_rad + (angle_on(outer) - to_rad) * t));
    }
    for i in 0..24 {
        let r = outer + (inner - outer) * f64::from(i) / 24.0;
        profile.push((r, angle_on(r)));
    }
    for i in 0..steps {
        let t = i as f64 / steps as f64;
        profile.push((inner, angle_on(inner) + (to_rad - angle_on(inner)) * t));
    }
    for i in 0..8 {
        profile.push((inner + (outer - inner) * f64::from(i) / 8.0, to_rad));
    }
    let vertices: Vec<[f64; 3]> = profile.iter().flat_map(|&(r, a)| cap.ring(r, a, turns)).collect();
    let (m, n) = (profile.len() as u32, turns as u32);
    let at = |r: u32, i: u32| (r % m) * n + i % n;
    let mut triangles = Vec::new();
    for r in 0..m {
        for i in 0..n {
            triangles.push([at(r, i), at(r, i + 1), at(r + 1, i + 1)]);
            triangles.push([at(r, i), at(r + 1, i + 1), at(r + 1, i)]);
        }
    }
    let mesh = Mesh::<Part>::new(vertices, triangles);
    assert!(mesh.volume_mm3() > 0.0 && mesh.is_closed_two_manifold(), "a fixture must be a body");
    mesh
}

/// A body of revolution about z. `profile` holds (radius, z) from the top pole's neighbour to the bottom's.
pub fn disc(profile: &[(f64, f64)], turns: usize) -> Mesh<Part> {
    let mesh = lathe(
        [0.0, 0.0, profile[0].1],
        &profile.iter().map(|&(r, z)| level_ring(r, z, turns)).collect::<Vec<_>>(),
        [0.0, 0.0, profile[profile.len() - 1].1],
    );
    assert!(mesh.volume_mm3() > 0.0 && mesh.is_closed_two_manifold(), "a fixture must be a body");
    mesh
}

/// A ring about z whose section is the closed polygon `profile` of (radius, z), counter-clockwise with z up.
pub fn ring(profile: &[(f64, f64)], turns: usize) -> Mesh<Part> {
    let vertices: Vec<[f64; 3]> = profile.iter().flat_map(|&(r, z)| level_ring(r, z, turns)).collect();
    let (m, n) = (profile.len() as u32, turns as u32);
    let at = |r: u32, i: u32| (r % m) * n + i % n;
    let mut triangles = Vec::new();
    for r in 0..m {
        for i in 0..n {
            triangles.push([at(r, i), at(r, i + 1), at(r + 1, i + 1)]);
            triangles.push([at(r, i), at(r + 1, i + 1), at(r + 1, i)]);
        }
    }
    let mesh = Mesh::<Part>::new(vertices, triangles);
    assert!(mesh.volume_mm3() > 0.0 && mesh.is_closed_two_manifold(), "a fixture must be a body");
    mesh
}

fn level_ring(radius: f64, z: f64, turns: usize) -> Vec<[f64; 3]> {
    (0..turns)
        .map(|i| {
            let (s, c) = (TAU * i as f64 / turns as f64).sin_cos();
            [radius * c, radius * s, z]
        })
        .collect()
}

/// A ball that touches every vertex of the design from outside, moved off by `off(vertex)` mm: as near to a perfect
/// program as a mesh allows. Vertices seen from above are cut by op20, others by op10.
pub fn touching_path(design: &Mesh<Part>, off: impl Fn(&[f64; 3]) -> Option<f64>) -> Vec<ToolMove> {
    const RADIUS_MM: f64 = 1.5;
    let normals = design.vertex_normals();
    design
        .vertices
        .iter()
        .zip(normals)
        .enumerate()
        .filter_map(|(i, (v, n))| {
            let n = Vector3::from(n);
            let up = if n.z > 0.2 { Vector3::z() } else { -Vector3::z() };
            let centre = Vector3::from(*v) + n * (RADIUS_MM + off(v)?);
            let tip = centre - up * RADIUS_MM;
            Some(ToolMove {
                program: u16::from(up.z > 0.0),
                line: i as u32 + 1,
                tool: BALL,
                rapid: false,
                from_mm: tip.into(),
                to_mm: tip.into(),
                up: up.into(),
            })
        })
        .collect()
}

/// Ends of the lines of three families over the design grown by `off`.
pub fn line_ends(design: &Mesh<Part>, off: impl Fn(&Vector3<f64>) -> f64, dexel_mm: f64) -> Vec<LineEnd> {
    let tree = crate::geometry::Bvh::new(design);
    let (lo, hi) = design.bounds_mm().unwrap();
    let mut out = Vec::new();
    for axis in 0..3usize {
        let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
        let count = |k: usize| ((hi[k] - lo[k]) / dexel_mm) as usize;
        for i in 0..count(u) {
            for j in 0..count(v) {
                let mut o = [0.0; 3];
                o[axis] = lo[axis] - 1.0;
                o[u] = lo[u] + (i as f64 + 0.4871) * dexel_mm;
                o[v] = lo[v] + (j as f64 + 0.5213) * dexel_mm;
                let mut d = [0.0; 3];
                d[axis] = 1.0;
                for h in tree.hits(o, d, 0.0, 1e3) {
                    let p = Vector3::from(o) + Vector3::from(d) * h.t;
                    let p = p + design.normal(h.triangle) * off(&p);
                    out.push(LineEnd { p_mm: p.into(), axis: axis as u8, material_below: !h.entering });
                }
            }
        }
    }
    out
}

pub fn milled(design: &Mesh<Part>, path: Vec<ToolMove>, line_ends: Vec<LineEnd>) -> Milled {
    Milled {
        mesh: design.clone(),
        line_ends,
        path,
        stock_after: Vec::new(),
        facts: MillingFacts {
            schema: "osteomill.milling/1".into(),
            blocks: 1,
            time_s: 1.0,
            time_s_per_program: vec![1.0],
            path_mm_cut: 1.0,
            path_mm_rapid: 1.0,
            collisions: Vec::new(),
            dexel_mm: 0.25,
            tools_used: vec![BALL],
            part_mm3: design.volume_mm3(),
            operations: Vec::new(),
            tab_witnesses: Vec::new(),
            operation_loads: Vec::new(),
            tool_loads: Vec::new(),
        },
    }
}

pub fn bone_facts() -> BoneFacts {
    BoneFacts {
        schema: "osteomill.bone/1".into(),
        threshold_hu: 226.0,
        kept_mm3: 1.0,
        components: 1,
        dropped: Vec::new(),
        threshold_offset_mm_p5: 0.5,
        threshold_offset_mm_p50: 0.75,
        threshold_offset_mm_p95: 1.0,
        shift_mm_per_50_hu: 0.2,
        selection: Default::default(),
        metal: Default::default(),
        thin: Default::default(),
        findings: Vec::new(),
    }
}

pub fn bone_surface(mesh: Mesh<Patient>) -> BoneSurface {
    let facts = SurfaceFacts {
        schema: "osteomill.surface/1".into(),
        triangles: mesh.triangles.len(),
        vertices: mesh.vertices.len(),
        closed_two_manifold: true,
        euler_number: mesh.euler_number(),
        pieces: 1,
        area_mm2: mesh.area_mm2(),
        volume_mm3: mesh.volume_mm3(),
        cap_area_mm2: [0.0; 6],
        nudged_voxels: 0,
        split_cells: 0,
        parted_faces: 0,
        shells: Vec::new(),
        relaxation_shrinkage_mm: 0.0,
        exported: None,
        findings: Vec::new(),
    };
    BoneSurface { mesh, facts }
}

/// A part frame that is turned and shifted against the patient, as a real one is.
pub fn part_from_patient() -> Pose<Part, Patient> {
    let z = Vector3::new(-0.5, -0.3, 0.8).normalize();
    let x = (Vector3::x() - z * z.x).normalize();
    let dir = |v: Vector3<f64>| Dir::new(v.into());
    Pose::from_axes(dir(x), dir(z.cross(&x)), dir(z), Point::new([-40.0, -60.0, 90.0]))
}

pub fn implant_facts(part_from_patient: Pose<Part, Patient>, gap_mm: f64) -> ImplantFacts {
    ImplantFacts {
        schema: "osteomill.implant/1".into(),
        defect: 0,
        kind: "inlay".into(),
        side: "right".into(),
        insertion_axis_lps: part_from_patient.inverse().turn(Dir::new([0.0, 0.0, 1.0])),
        gap_mm_nominal: gap_mm,
        thickness: "constant".into(),
        thickness_mm_nominal: 4.0,
        thickness_mm_min: 4.0,
        draft_deg: 3.0,
        edge_outer_mm: 0.25,
        edge_inner_mm: 0.6,
        edge_thickness_mm_min: 1.0,
        concave_radius_mm_min: 1.65,
        volume_mm3: 1.0,
        mass_g: 1.0,
        material: "peek".into(),
        holes: Vec::new(),
        watertight: true,
        part_from_patient,
        outer_area_mm2: 1.0,
        sinus_distance_mm: None,
        fixation: Default::default(),
        removal: Default::default(),
        seating: Default::default(),
        scalp: Default::default(),
        marking: None,
        edited: None,
        findings: Vec::new(),
    }
}

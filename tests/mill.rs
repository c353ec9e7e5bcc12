//! `mill`: parts that formulas make, from their mesh to their inspection.

use std::f64::consts::{PI, TAU};
use std::path::Path;
use std::process::Command;

use osteomill::formats::stl;
use osteomill::model::{Mesh, Patient};

/// A closed body of rings of `n` corners each, with a middle at either end.
fn lofted(rings: &[Vec<[f64; 3]>]) -> Mesh<Patient> {
    let n = rings[0].len();
    let mut vertices: Vec<[f64; 3]> = rings.concat();
    let middle = |ring: &[[f64; 3]]| -> [f64; 3] {
        std::array::from_fn(|a| ring.iter().map(|p| p[a]).sum::<f64>() / ring.len() as f64)
    };
    let (first, last) = (vertices.len() as u32, vertices.len() as u32 + 1);
    vertices.extend([middle(&rings[0]), middle(&rings[rings.len() - 1])]);
    let at = |ring: usize, k: usize| (ring * n + k % n) as u32;
    let mut triangles = Vec::new();
    for k in 0..n {
        triangles.push([first, at(0, k + 1), at(0, k)]);
        triangles.push([last, at(rings.len() - 1, k), at(rings.len() - 1, k + 1)]);
        for ring in 0..rings.len() - 1 {
            let (a, b, c, d) = (at(ring, k), at(ring, k + 1), at(ring + 1, k), at(ring + 1, k + 1));
            triangles.extend([[a, b, d], [a, d, c]]);
        }
    }
    let mesh = Mesh::<Patient>::new(vertices, triangles);
    assert!(mesh.is_closed_two_manifold(), "{:?}", mesh.edge_census());
    if mesh.volume_mm3() < 0.0 {
        return Mesh::new(mesh.vertices, mesh.triangles.iter().map(|&[a, b, c]| [a, c, b]).collect());
    }
    mesh
}

/// A tapered stem: ellipses of 12 by 9 mm down to 6 by 5 along a bow of 90 mm radius, 60 mm long, ends rounded off.
fn stem() -> Mesh<Patient> {
    let rings: Vec<Vec<[f64; 3]>> = (0..=120)
        .map(|k| {
            let s = f64::from(k) / 120.0;
            let turn = (s - 0.5) * 60.0 / 90.0;
            // Ends: quarter circles of 3 mm along the stem.
            let from_end = (60.0 * s).min(60.0 * (1.0 - s));
            let round =
                if from_end < 3.0 { (1.0 - (1.0 - from_end / 3.0).powi(2)).sqrt().max(0.15) } else { 1.0 };
            let (a, b) = (round * (6.0 - 3.0 * s), round * (4.5 - 2.0 * s));
            (0..96)
                .map(|m| {
                    let t = TAU * f64::from(m) / 96.0;
                    let r = 90.0 + a * t.cos();
                    [r * turn.sin(), r * turn.cos() - 90.0, b * t.sin()]
                })
                .collect()
        })
        .collect();
    lofted(&rings)
}

/// A bone plate: 50 by 14 mm, 4 mm thick, bent to 60 mm radius across its length, edges and ends round, tilted in space.
fn plate() -> Mesh<Patient> {
    // Superellipses as outline and as section: no sharp edge anywhere. Rings from the middle of one face, over the rim,
    // to the middle of the other.
    let power = |v: f64, e: f64| v.signum() * v.abs().powf(e);
    let rings: Vec<Vec<[f64; 3]>> = (1..120)
        .map(|k| {
            let along = f64::from(k) / 60.0;
            let (share, side) = if k <= 60 { (along, -1.0) } else { (2.0 - along, 1.0) };
            let up = side * (1.0 - share.powi(8)).sqrt();
            (0..240)
                .map(|m| {
                    let t = TAU * f64::from(m) / 240.0;
                    let x = 25.0 * power(t.cos(), 0.6) * share;
                    let y = 7.0 * power(t.sin(), 0.6) * share;
                    let z = 2.0 * power(up, 0.7) + (60f64.powi(2) - x * x).sqrt() - 60.0;
                    // Turned by 40 degrees about x: the tool's axis is to be found.
                    let (c, s) = (40f64.to_radians().cos(), 40f64.to_radians().sin());
                    [x, c * y - s * z, s * y + c * z]
                })
                .collect()
        })
        .collect();
    lofted(&rings)
}

/// A bottle: its cavity is wider than its neck, so no line from outside meets all of its wall.
fn bottle() -> Mesh<Patient> {
    // Radius and height, outside up, over the lip, down the neck, and along the cavity to its floor.
    let profile: [[f64; 2]; 9] = [
        [4.0, 0.0],
        [12.0, 2.0],
        [12.0, 18.0],
        [7.0, 22.0],
        [4.0, 22.0],
        [4.0, 19.0],
        [9.0, 16.0],
        [9.0, 4.0],
        [2.0, 3.0],
    ];
    let rings: Vec<Vec<[f64; 3]>> = profile
        .iter()
        .map(|[r, z]| {
            (0..96)
                .map(|m| {
                    let t = TAU * f64::from(m) / 96.0;
                    [r * t.cos(), r * t.sin(), *z]
                })
                .collect()
        })
        .collect();
    lofted(&rings)
}

/// How deep the dent of [`dented`] is in its wall at `x`, `z`, mm: 24.7 degrees beyond upright at most, radii of 1.67 mm.
fn dent_mm(x: f64, z: f64) -> f64 {
    if x.abs() >= 6.0 || z.abs() >= 2.4 {
        return 0.0;
    }
    0.7 * (PI * x / 12.0).cos().powi(2) * 0.5 * (1.0 + (PI * z / 2.4).cos())
}

/// A plate of 36 by 26 mm, 7 mm thick, edges of 0.5 mm, with a dent in the middle of one long wall that neither face sees, and
/// a trough in its upper face whose walls of 85 degrees hide more from an axis that leans than it would see of the dent.
fn dented() -> Mesh<Patient> {
    // Inset from the outline and height: from the lower face over the wall and the upper face down into the trough.
    let mut profile: Vec<[f64; 2]> = (1..=12).map(|k| [7.75 - 7.25 / 12.0 * f64::from(k), -3.5]).collect();
    let arc =
        |n: i32, deg: f64| (1..=n).map(move |k| (deg * f64::from(k) / f64::from(n)).to_radians().sin_cos());
    profile.extend(arc(6, 90.0).map(|(s, c)| [0.5 - 0.5 * s, -3.0 - 0.5 * c]));
    profile.extend((1..=30).map(|k| [0.0, -3.0 + 0.2 * f64::from(k)]));
    profile.extend(arc(6, 90.0).map(|(s, c)| [0.5 - 0.5 * c, 3.0 + 0.5 * s]));
    profile.extend((1..=10).map(|k| [0.5 + 0.3 * f64::from(k), 3.5]));
    profile.extend(arc(8, 85.0).map(|(s, c)| [3.5 + 0.5 * s, 3.0 + 0.5 * c]));
    let (steep_s, steep_c) = 85f64.to_radians().sin_cos();
    let [e, z] = profile[profile.len() - 1];
    profile.extend((1..=6).map(|k| 0.2 * f64::from(k)).map(|d| [e + d * steep_c, z - d * steep_s]));
    let [e, z] = profile[profile.len() - 1];
    // The turn back to level.
    profile.extend(arc(16, 85.0).map(|(s, c)| {
        let (s, c) = (steep_s * c - steep_c * s, steep_c * c + steep_s * s);
        [e + 3.4 * (steep_s - s), z - 3.4 * (c - steep_c)]
    }));
    profile.push([7.75, profile[profile.len() - 1][1]]);
    let corners = [[10.0, 5.0], [-10.0, 5.0], [-10.0, -5.0], [10.0, -5.0]];
    let ring = |[e, z]: [f64; 2]| -> Vec<[f64; 3]> {
        let on = |q: usize, t: f64| {
            let ((s, c), [x, y]) = (((q as f64 + t) * PI / 2.0).sin_cos(), corners[q % 4]);
            [x + (8.0 - e) * c, y + (8.0 - e) * s]
        };
        let mut out: Vec<[f64; 2]> = Vec::new();
        for q in 0..4 {
            out.extend((0..24).map(|k| on(q, f64::from(k) / 24.0)));
            let ([x0, y0], [x1, y1], n) = (on(q, 1.0), on(q + 1, 0.0), [40, 20][q % 2]);
            let along = (0..n).map(|k| f64::from(k) / f64::from(n));
            out.extend(along.map(|t| [x0 + (x1 - x0) * t, y0 + (y1 - y0) * t]));
        }
        let pressed = |[x, y]: [f64; 2]| if e == 0.0 && y < -12.9 { y + dent_mm(x, z) } else { y };
        out.into_iter().map(|p| [p[0], pressed(p), z]).collect()
    };
    lofted(&profile.into_iter().map(ring).collect::<Vec<_>>())
}

struct Came {
    code: i32,
    result: serde_json::Value,
    stderr: String,
}

fn mill(name: &str, mesh: &Mesh<Patient>, folder: &Path, more: &[&str]) -> Came {
    let design = folder.join(format!("{name}.stl"));
    std::fs::write(&design, stl::stl_bytes(mesh)).expect("writable");
    run(&design, &folder.join(name), more)
}

fn run(design: &Path, out: &Path, more: &[&str]) -> Came {
    let pipeline = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/part-titanium.toml");
    let done = Command::new(env!("CARGO_BIN_EXE_osteomill"))
        .arg("mill")
        .arg(design)
        .arg("--pipeline")
        .arg(pipeline)
        .arg("--out")
        .arg(out)
        .arg("--json")
        .args(more)
        .output()
        .expect("the program runs");
    Came {
        code: done.status.code().expect("it ended by itself"),
        result: serde_json::from_slice(&done.stdout).unwrap_or(serde_json::Value::Null),
        stderr: String::from_utf8_lossy(&done.stderr).into_owned(),
    }
}

fn read(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path).expect("written")).expect("JSON")
}

#[test]
fn a_stem_is_milled_to_tolerance() {
    let folder = tempfile::tempdir().expect("a folder");
    let mesh = stem();
    let came = mill("stem", &mesh, folder.path(), &[]);
    println!("{} {:#}", came.code, came.result["reasons"]);
    assert_eq!(came.code, 0, "{}", came.stderr);
    assert_eq!(came.result["verdict"], "accept");
    let part = folder.path().join("stem/part-1");
    let inspection = read(&part.join("inspection/inspection.json"));
    let surface = &inspection["surface"];
    assert_eq!(surface["fraction_within_tolerance"], 1.0);
    // The budget of a program, 16 um, and no gouge deeper than 3 um, where no tab is near; what no look has seen counts.
    let clear = &surface["clear_of_tabs_mm"];
    let [least, most, hidden] =
        [&clear["min"], &clear["max"], &surface["between_samples_mm"]].map(|v| v.as_f64().expect("a number"));
    println!("clear of tabs {least:+.4} to {most:+.4} mm, {hidden:.4} mm hidden at most");
    assert!(least > -0.003 && most + hidden < 0.016);
    let report = std::fs::read_to_string(folder.path().join("stem/report/report.html")).expect("a report");
    assert!(report.contains("data:image/png") && report.contains("accept"));
    // The design as given back is the design as given.
    let bytes = std::fs::read(part.join("implant.stl")).expect("written");
    let back: Mesh<Patient> = stl::read_stl(&bytes).expect("STL").mesh;
    assert!((back.volume_mm3() / mesh.volume_mm3() - 1.0).abs() < 1e-5);
}

#[test]
fn the_plates_axis_is_found_although_it_lies_aslant() {
    let folder = tempfile::tempdir().expect("a folder");
    let came = mill("plate", &plate(), folder.path(), &["--until", "plan"]);
    assert_eq!(came.code, 0, "{}", came.stderr);
    let facts = read(&folder.path().join("plate/part-1/implant.json"));
    let axis: Vec<f64> = serde_json::from_value(facts["insertion_axis_lps"].clone()).expect("a direction");
    let (c, s) = (40f64.to_radians().cos(), 40f64.to_radians().sin());
    let along = axis[1] * -s + axis[2] * c;
    // 2,000 axes lie some 3 degrees apart.
    assert!(along.abs() > 4f64.to_radians().cos(), "{axis:?}");
    assert_eq!(facts["watertight"], true);
}

#[test]
fn roughed_first_a_plate_is_finished_on_a_nest_that_fits_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let came = mill("plate", &plate(), folder.path(), &["--set", "plan.order=\"rough-first\""]);
    println!("{} {:#}", came.code, came.result["reasons"]);
    assert!(came.code == 0 || came.code == 5, "{}", came.stderr);
    let part = folder.path().join("plate/part-1");
    let nest = read(&part.join("nest/nest.json"));
    // As the part itself, within the tolerance.
    let seat = ["seat_mm_min", "seat_mm_max"].map(|k| nest[k].as_f64().expect("a number"));
    assert!(seat[0] > -0.0254 && seat[1] < 0.0254 && nest["faults"] == 0, "{nest}");
    let inspection = read(&part.join("inspection/inspection.json"));
    assert_eq!(inspection["surface"]["fraction_within_tolerance"], 1.0, "{:#}", came.result["reasons"]);
    assert!(part.join("program/op40.ngc").is_file() && part.join("nest/op35.ngc").is_file());
}

#[test]
fn what_no_two_sides_see_is_stopped() {
    let folder = tempfile::tempdir().expect("a folder");
    let came = mill("bottle", &bottle(), folder.path(), &[]);
    println!("{} {:#} {}", came.code, came.result["reasons"], came.stderr);
    assert_eq!(came.code, 5, "{}", came.stderr);
    assert_eq!(came.result["verdict"], "reject");
    let reasons = came.result["reasons"].to_string();
    assert!(reasons.contains("undercut: "), "{reasons}");
    assert!(!folder.path().join("bottle/part-1/program/op10.ngc").exists());
}

#[test]
fn a_dent_that_neither_side_sees_is_milled_aslant_where_the_machine_turns_the_part() {
    let folder = tempfile::tempdir().expect("a folder");
    let mesh = dented();
    let three = mill("three", &mesh, folder.path(), &[]);
    assert_eq!((three.code, &three.result["verdict"]), (5, &"reject".into()), "{}", three.stderr);
    assert!(three.result["reasons"].to_string().contains("undercut: "), "{:#}", three.result["reasons"]);
    assert!(!folder.path().join("three/part-1/program/op10.ngc").exists());

    let came = mill("five", &mesh, folder.path(), &["--set", "plan.machine=trunnion-mill"]);
    println!("{} {:#}", came.code, came.result["reasons"]);
    assert_eq!(came.code, 0, "{}", came.stderr);
    assert_eq!(came.result["verdict"], "accept");
    let part = folder.path().join("five/part-1");
    let plan = read(&part.join("plan.json"));
    let cover = plan["visibility"]["cover"].as_array().expect("poses");
    assert!(!cover.is_empty());
    for pose in cover {
        let number = &pose["setup"];
        let text = std::fs::read_to_string(part.join(format!("program/op{number}.ngc"))).expect("a program");
        assert!(text.contains("(finish aslant, steep)"), "op{number}");
    }
    assert_eq!(read(&part.join("milling/milling.json"))["collisions"], serde_json::json!([]));
    let surface = &read(&part.join("inspection/inspection.json"))["surface"];
    assert_eq!(surface["fraction_within_tolerance"], 1.0);
    let clear = &surface["clear_of_tabs_mm"];
    let [least, most, hidden] =
        [&clear["min"], &clear["max"], &surface["between_samples_mm"]].map(|v| v.as_f64().expect("a number"));
    println!("clear of tabs {least:+.4} to {most:+.4} mm, {hidden:.4} mm hidden at most");
    // The budget of a program: 16 um and no gouge deeper than 3 um. The dent is 0.7 mm deep.
    assert!(least > -0.003 && most + hidden < 0.016);
}

#[test]
fn what_is_no_part_is_refused_and_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = stem();
    let open = Mesh::<Patient>::new(whole.vertices.clone(), whole.triangles[1..].to_vec());
    let inches = Mesh::<Patient>::new(
        whole.vertices.iter().map(|v| v.map(|x| x / 254.0)).collect(),
        whole.triangles.clone(),
    );
    for (name, mesh, says) in [("open", &open, "3 open edges"), ("inches", &inches, "is it in millimetres")] {
        let came = mill(name, mesh, folder.path(), &[]);
        let said = format!("{} {}", came.stderr, came.result);
        assert_eq!(came.code, 1, "{said}");
        assert!(said.contains(says), "{said}");
        assert!(!folder.path().join(name).join("part-1").exists());
    }
    let text = folder.path().join("no.stl");
    std::fs::write(&text, "this is no mesh").expect("writable");
    assert_eq!(run(&text, &folder.path().join("no"), &[]).code, 1);
    assert_eq!(run(&folder.path().join("nowhere.stl"), &folder.path().join("nowhere"), &[]).code, 1);
}

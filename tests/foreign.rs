//! `simulate` on a program that no part of osteomill wrote: by hand, in the manner of a machinist with an old inch program at hand.
//!
//! A washer of 30 mm with a counterbore, cut from a sheet whose faces stay as they came: G83, helices in G91, arcs by I J and by R,
//! one operation in G20, three tabs.

use crate::common;

use std::f64::consts::{PI, TAU};
use std::path::Path;

use common::{osteomill, root, run};
use osteomill::formats::stl;
use osteomill::model::{Mesh, Part};

/// Chords of a circle of 15 mm then lie within 1.3 µm of it.
const SPOKES: usize = 240;

/// Radius and height along the washer's outline, mm, counter-clockwise.
const OUTLINE_MM: [[f64; 2]; 6] =
    [[3.0, -6.0], [15.0, -6.0], [15.0, 0.0], [7.0, 0.0], [7.0, -2.5], [3.0, -2.5]];

fn washer() -> Mesh<Part> {
    let vertices = (0..SPOKES)
        .flat_map(|s| {
            let (sin, cos) = (TAU * s as f64 / SPOKES as f64).sin_cos();
            OUTLINE_MM.map(|[r, z]| [r * cos, r * sin, z])
        })
        .collect();
    let n = OUTLINE_MM.len();
    let at = |s: usize, k: usize| ((s % SPOKES) * n + k % n) as u32;
    let triangles = (0..SPOKES)
        .flat_map(|s| {
            (0..n).flat_map(move |k| {
                let (a, b, c, d) = (at(s, k), at(s, k + 1), at(s + 1, k), at(s + 1, k + 1));
                [[a, d, b], [a, c, d]]
            })
        })
        .collect();
    let mesh = Mesh::<Part>::new(vertices, triangles);
    assert!(mesh.is_closed_two_manifold() && mesh.volume_mm3() > 0.0);
    mesh
}

/// What `simulate --json` says of the program after `change`, and its exit code.
fn simulated(change: impl Fn(&str) -> String) -> (i32, serde_json::Value) {
    let folder = root().join("testdata/gcode/foreign");
    let dir = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).expect("writable");
        path
    };
    let text = std::fs::read_to_string(folder.join("washer.ngc")).expect("the program");
    let program = write("washer.ngc", change(&text).as_bytes());
    let design = write("washer.stl", &stl::stl_bytes(&washer()));
    let mut command = osteomill();
    command.arg("simulate").arg(program).arg("--json");
    let job: &Path = &folder.join("washer-job.toml");
    command.arg("--job").arg(job).arg("--design").arg(design);
    let (code, output) = run(&mut command);
    (code, serde_json::from_slice(&output.stdout).expect("JSON"))
}

fn reasons(said: &serde_json::Value) -> String {
    said["reasons"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|r| r.as_str())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_washer_cut_by_a_program_written_by_hand_is_accepted() {
    let (code, said) = simulated(str::to_owned);
    assert_eq!(code, 0, "{}", reasons(&said));
    let surface = &said["inspection"]["surface"];
    let most = surface["clear_of_tabs_mm"]["max"].as_f64().expect("a number");
    // Inch words to 0.0001 in: the counterbore's floor stands 0.6 µm high; chords of the design lie 1.3 µm within its circles.
    assert!((0.0005..0.002).contains(&most), "{most}");
    let findings = said["inspection"]["findings"].as_array().expect("a list");
    let blank = findings.iter().find(|f| f["id"] == "blank-face").expect("the sheet's faces are told");
    // Both faces of the sheet, less what lies nearer to a wall than to the face: samples stand 0.1 mm apart.
    let faces_mm2 = PI * (15f64.powi(2) - 3f64.powi(2) + 15f64.powi(2) - 7f64.powi(2));
    let told = blank["measured"].as_f64().expect("a number");
    assert!((told - faces_mm2).abs() < 0.01 * faces_mm2, "{told} of {faces_mm2}");
}

#[test]
fn what_goes_wrong_in_it_is_told_with_its_line() {
    for (from, to, line, words) in [
        // Inches left on after the counterbore.
        ("N470 G21\n", "", 54, "axis-limit"),
        // G90 forgotten after the helix.
        ("N260 G90\n", "", 57, "the arc starts at radius 18.0000 mm and ends at 36.0000 mm"),
        // A centre on an arc with a radius.
        ("N370 G3 X-.06 Y0. R.06", "N370 G3 X-.06 Y0. R.06 I-.06", 43, "an arc with both a centre and R"),
        // One of three tabs cut through.
        ("N705 G1 Z-4.8\n", "", 0, "2 tab witnesses, expected 3"),
    ] {
        let (code, said) = simulated(|text| {
            assert!(text.contains(from), "{from}");
            text.replace(from, to)
        });
        let told = reasons(&said);
        assert_ne!(code, 0, "{from}");
        assert!(told.contains(words), "{from}: {told}");
        assert!(line == 0 || told.contains(&format!("washer.ngc line {line}:")), "{from}: {told}");
    }
}

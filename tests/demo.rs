//! The phantom through the whole chain: what is known exactly is compared with what was made.

use crate::common;
use crate::common_posts as posts;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use common::{json, number, osteomill, run};
use nalgebra::Vector3;
use osteomill::formats::{nifti, stl};
use osteomill::model::{Implant, ImplantFacts, Mesh, Part, Patient, Point};
use osteomill::phantom::{Phantom, PhantomSpec};

struct Demo {
    _dir: tempfile::TempDir,
    case: PathBuf,
    code: i32,
    said: String,
}

fn demo(mirrored: bool) -> Demo {
    let dir = tempfile::tempdir().unwrap();
    // The plain one may be kept, for other programs to judge.
    let keep = std::env::var_os("OSTEOMILL_KEEP").filter(|_| !mirrored);
    let out = keep.map_or_else(|| dir.path().into(), |k| PathBuf::from(k).join("demo"));
    let mut command = osteomill();
    command.arg("demo").arg("--out").arg(&out);
    if mirrored {
        command.arg("--mirrored");
    }
    let (code, output) = run(&mut command);
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Demo { case: out.join("case"), _dir: dir, code, said }
}

fn plain() -> &'static Demo {
    static CASE: OnceLock<Demo> = OnceLock::new();
    CASE.get_or_init(|| demo(false))
}

fn truth(mirrored: bool) -> Phantom {
    let mut spec = PhantomSpec::demo();
    spec.mirrored = mirrored;
    Phantom::new(spec).unwrap()
}

#[test]
fn the_demo_runs_whole_and_prints_five_numbers() {
    let d = plain();
    assert_eq!(d.code, 0, "{}", d.said);
    assert!(d.said.contains("verdict: accept"), "{}", d.said);
    let surface = json(&d.case.join("part-1/inspection/inspection.json"));
    let fraction = number(&surface, "/surface/fraction_within_tolerance");
    assert!(fraction > 0.999_999, "any area beyond tolerance forbids accept");
    assert!(number(&surface, "/surface/deviation_mm/min") >= -0.0254);
    let milling = json(&d.case.join("part-1/milling/milling.json"));
    assert!(milling["collisions"].as_array().unwrap().is_empty(), "{}", milling["collisions"]);
    let verdict = json(&d.case.join("record/verdict.json"));
    let numbers = verdict["numbers"].as_array().unwrap();
    assert_eq!(numbers.len(), 5);
    for n in numbers {
        assert!(n["value"].is_number(), "{n}");
        assert!(d.said.contains(n["name"].as_str().unwrap()), "{}", d.said);
    }
}

#[test]
fn the_report_shows_every_operation_and_no_two_in_a_row_look_alike() {
    let d = plain();
    let report = std::fs::read_to_string(d.case.join("report/report.html")).unwrap();
    let section = report.split("<h3>Operations</h3>").nth(1).unwrap().split("<h3>").next().unwrap();
    let pictures: Vec<&str> =
        section.split("src=\"data:image/png;base64,").skip(1).map(|s| s.split('"').next().unwrap()).collect();
    let milling = json(&d.case.join("part-1/milling/milling.json"));
    let operations = milling["operations"].as_array().unwrap();
    assert_eq!(pictures.len(), operations.len());
    assert!(operations.len() >= 4, "{operations:?}");
    assert!(pictures.windows(2).all(|p| p[0] != p[1]));
    let bytes: usize = pictures.iter().map(|p| p.len()).sum();
    eprintln!("pictures of {} operations: {bytes} bytes", pictures.len());
    // A report is mailed: what the operations add stays within what one photograph takes.
    assert!(bytes < 250_000, "{bytes}");
    let named =
        |what: &str| operations.iter().filter(|o| o["name"].as_str().unwrap().starts_with(what)).count();
    assert_eq!([named("flip coupon"), named("engraving"), named("MSG")], [3, 1, 0], "{operations:?}");
    for o in operations {
        assert!(!o["name"].as_str().unwrap().is_empty(), "{o}");
        assert!(number(o, "/time_s") > 0.0 && number(o, "/path_mm_cut") > 0.0, "{o}");
    }
    let sum: f64 = operations.iter().map(|o| number(o, "/time_s")).sum();
    // Each operation is timed from rest to rest: within a second of the program's time for each of them.
    assert!((sum - number(&milling, "/time_s")).abs() < operations.len() as f64, "{sum}");
    // The shipped shop has no prices.
    assert!(report.contains("<h3>Quotation</h3>") && report.contains("machine_per_hour"));
}

#[test]
fn the_reconstruction_is_the_piece_that_was_cut_out() {
    let d = plain();
    let made = nifti::read_mask(&std::fs::read(d.case.join("reconstruction/reconstruction.nii.gz")).unwrap())
        .unwrap();
    let cut = truth(false).missing_mask(&made.grid);
    let both = made.voxels.iter().zip(&cut.voxels).filter(|(a, b)| **a != 0 && **b != 0).count();
    let dice = 2.0 * both as f64 / (made.count() + cut.count()) as f64;
    eprintln!("Dice of the demo's reconstruction: {dice:.4}");
    // 0.92: the limit; a mirror alone stays at 0.87 or less on this phantom.
    assert!(dice >= 0.92, "Dice {dice:.4}");
}

#[test]
fn the_gap_on_the_free_rim_is_right_against_the_known_edge_of_the_bone() {
    let d = plain();
    let phantom = truth(false);
    let facts: ImplantFacts =
        serde_json::from_slice(&std::fs::read(d.case.join("part-1/implant.json")).unwrap()).unwrap();
    let milled: Mesh<Patient> =
        stl::read_stl(&std::fs::read(d.case.join("part-1/milling/milled.stl")).unwrap()).unwrap().mesh;
    let milling = json(&d.case.join("part-1/milling/milling.json"));
    let tabs: Vec<(Vector3<f64>, f64)> = milling["tab_witnesses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|w| {
            let at = |i: usize| number(w, &format!("/centre_part_mm/{i}"));
            (Vector3::new(at(0), at(1), at(2)), number(w, "/radius_mm"))
        })
        .collect();
    assert!(tabs.len() <= 8, "what lies at a tab is left out of the gap");
    let errors = free_rim_gaps(&milled, &facts, &phantom, &tabs);
    assert!(errors.len() > 500, "only {} places on the free rim", errors.len());
    let p95 = errors[errors.len() * 95 / 100];
    eprintln!("gap error against the known edge, free rim, P95: {p95:.3} mm over {} places", errors.len());
    // The limit.
    assert!(p95 <= 0.15, "P95 {p95:.3} mm");
}

/// |gap − nominal| at wall places of the milled part whose nearest true bone lies square to the wall, sorted.
///
/// Free places are chosen by the truth alone: the wall follows the bone where the direction to the nearest bone
/// is within 10° of the wall's own normal; at edge breaks, swept and drafted places it is not. The stubs of the tabs
/// (part mm and radius) and the fillets about them are cut off before the part meets bone.
fn free_rim_gaps(
    milled: &Mesh<Patient>,
    facts: &ImplantFacts,
    phantom: &Phantom,
    tabs: &[(Vector3<f64>, f64)],
) -> Vec<f64> {
    // As far as fillets reach beside a stub: `tab_witness_margin_mm`.
    const FILLET_MM: f64 = 1.5;
    let axis = facts.insertion_axis_lps.v();
    let mut errors = Vec::new();
    for t in 0..milled.triangles.len() {
        let normal = milled.normal(t);
        if normal.dot(&axis).abs() > 0.35 {
            continue; // outer or inner side, or an edge break
        }
        let [a, b, c] = milled.corners(t);
        let p = (a + b + c) / 3.0;
        let in_part = facts.part_from_patient.apply(Point::from_v(p)).v();
        if tabs.iter().any(|(centre, radius_mm)| (in_part - centre).norm() <= radius_mm + FILLET_MM) {
            continue;
        }
        let distance = |q: Vector3<f64>| phantom.bone_distance_mm(Point::from_v(q));
        let gap = distance(p);
        if gap > 3.0 {
            continue; // looks at no bone
        }
        const H: f64 = 0.05;
        let slope = Vector3::from_fn(|i, _| {
            let mut e = Vector3::zeros();
            e[i] = H;
            (distance(p + e) - distance(p - e)) / (2.0 * H)
        });
        if -slope.dot(&normal) >= 10f64.to_radians().cos() * slope.norm() {
            errors.push((gap - facts.gap_mm_nominal).abs());
        }
    }
    errors.sort_by(f64::total_cmp);
    errors
}

/// Where a mesh file's middle lies relative to the head's middle: negative is the patient's right.
fn side_of(vertices: &[[f64; 3]], phantom: &Phantom) -> f64 {
    let middle_x = vertices.iter().map(|v| v[0]).sum::<f64>() / vertices.len() as f64;
    middle_x - phantom.centre().mm[0]
}

fn ply_vertices(path: &Path) -> Vec<[f64; 3]> {
    let bytes = std::fs::read(path).unwrap();
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(2000)]).into_owned();
    let head = text.find("end_header\n").unwrap() + "end_header\n".len();
    let count =
        text.lines().find_map(|l| l.strip_prefix("element vertex ")).unwrap().parse::<usize>().unwrap();
    // x, y, z as 32-bit numbers, three bytes of colour, the deviation: 19 bytes a vertex.
    (0..count)
        .map(|n| {
            std::array::from_fn(|a| {
                let at = head + 19 * n + 4 * a;
                f64::from(f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()))
            })
        })
        .collect()
}

/// Side, crown and face as engraved: read from outside with the arrow up, the text of a right implant runs to the face.
fn the_marking_names(implant: &serde_json::Value, side: &str) {
    let m = &implant["marking"];
    let line = m["lines"].as_array().unwrap().last().unwrap().as_str().unwrap().to_owned();
    let letter = if side == "right" { "R" } else { "L" };
    assert_eq!(line, format!("{letter} ^ OUT"), "{m}");
    assert_eq!((m["face"].as_str().unwrap(), m["arrow"].as_str().unwrap()), ("outer", "cranial"));
    let v = |of: &serde_json::Value| -> [f64; 3] { serde_json::from_value(of.clone()).unwrap() };
    let (up, right, out) = (v(&m["up_lps"]), v(&m["right_lps"]), v(&implant["insertion_axis_lps"]));
    assert!(up[2] > 0.5, "the arrow shows to the crown: {up:?}");
    // +y is the back.
    let to_front = -right[1] * if side == "right" { 1.0 } else { -1.0 };
    assert!(to_front > 0.5, "{right:?}");
    let across = [
        right[1] * up[2] - right[2] * up[1],
        right[2] * up[0] - right[0] * up[2],
        right[0] * up[1] - right[1] * up[0],
    ];
    assert!((0..3).map(|a| across[a] * out[a]).sum::<f64>() > 0.999, "not mirrored");
}

#[test]
fn the_defect_is_on_its_side_in_every_output_also_when_mirrored() {
    let mirrored = demo(true);
    assert!(mirrored.code == 0 || mirrored.code == 5, "{}", mirrored.said);
    for (d, sign, word) in [(plain(), -1.0, "right"), (&mirrored, 1.0, "left")] {
        let phantom = truth(sign > 0.0);
        let defects = json(&d.case.join("reconstruction/defects.json"));
        let site = defects["defects"][0]["site"].as_str().unwrap().to_owned();
        assert!(site.starts_with(word), "{site}");
        let implant = json(&d.case.join("part-1/implant.json"));
        assert_eq!(implant["side"], word);
        the_marking_names(&implant, word);
        let x0 = phantom.centre().mm[0];
        assert!((number(&defects, "/defects/0/centroid_lps_mm/0") - x0) * sign > 5.0);
        for file in ["part-1/implant.stl", "part-1/milling/milled.stl"] {
            let mesh: Mesh<Patient> = stl::read_stl(&std::fs::read(d.case.join(file)).unwrap()).unwrap().mesh;
            assert!(side_of(&mesh.vertices, &phantom) * sign > 5.0, "{file}");
        }
        let three =
            threemf::read(std::io::Cursor::new(std::fs::read(d.case.join("part-1/implant.3mf")).unwrap()));
        let three: Vec<[f64; 3]> = three.unwrap()[0].resources.object[0]
            .mesh
            .as_ref()
            .unwrap()
            .vertices
            .vertex
            .iter()
            .map(|v| [v.x, v.y, v.z])
            .collect();
        assert!(side_of(&three, &phantom) * sign > 5.0, "3mf");
        let ply = ply_vertices(&d.case.join("part-1/inspection/deviation.ply"));
        assert!(side_of(&ply, &phantom) * sign > 5.0, "ply");
        let mask =
            nifti::read_mask(&std::fs::read(d.case.join("reconstruction/reconstruction.nii.gz")).unwrap())
                .unwrap();
        let places: Vec<[f64; 3]> = (0..mask.voxels.len())
            .filter(|&at| mask.voxels[at] != 0)
            .map(|at| mask.grid.patient_from_index(mask.grid.ijk(at).map(|v| v as f64)).mm)
            .collect();
        assert!(side_of(&places, &phantom) * sign > 5.0, "nifti");
    }
}

/// Runs `simulate` on the demo's programs after `change` was made to the text of `file`; gives verdict and what
/// was printed.
fn judged(file: &str, change: impl Fn(&str) -> String) -> (String, String) {
    let d = plain();
    let dir = tempfile::tempdir().unwrap();
    let folder = d.case.join("part-1/program");
    let mut command = osteomill();
    command.arg("simulate");
    for name in ["op10.ngc", "op20.ngc"] {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        let text = if name == file { change(&text) } else { text };
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        command.arg(&path);
    }
    command.arg("--job").arg(folder.join("job.toml"));
    command.arg("--design").arg(d.case.join("part-1/implant.stl"));
    command.arg("--pose").arg(d.case.join("part-1/implant.json")).arg("--json");
    let (_, output) = run(&mut command);
    let result: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    (result["verdict"].as_str().unwrap().to_owned(), result.to_string())
}

/// Number, counted from 1, of the `n`-th line after `from` that satisfies `is`.
fn line_where(text: &str, from: f64, is: impl Fn(&str) -> bool) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let start = (lines.len() as f64 * from) as usize;
    start + lines[start..].iter().position(|l| is(l)).expect("such a line") + 1
}

fn word(line: &str, letter: char) -> Option<f64> {
    line.split(' ').find_map(|w| w.strip_prefix(letter)).map(|v| v.parse().expect("a number"))
}

fn replace_line(text: &str, number: usize, with: impl Fn(&str) -> Option<String>) -> String {
    text.lines()
        .enumerate()
        .filter_map(|(n, l)| if n + 1 == number { with(l) } else { Some(l.to_owned()) })
        .collect::<Vec<_>>()
        .join("\n")
        + "\n"
}

#[test]
fn the_programs_as_posted_come_to_the_same_in_simulate() {
    let (verdict, said) = judged("", |t| t.to_owned());
    let case = json(&plain().case.join("part-1/inspection/inspection.json"));
    // The case also measures the fit; without it `simulate` may only come to the same or better.
    assert!(verdict == "accept" || case["verdict"] == "reject", "{said}");
}

#[test]
fn a_flipped_sign_is_rejected_and_the_block_named() {
    let (verdict, said) = judged("op10.ngc", |t| {
        let at = line_where(t, 0.85, |l| l.contains('Z') && l.contains('X') && !l.contains('('));
        replace_line(t, at, |l| {
            Some(if l.contains("X-") { l.replacen("X-", "X", 1) } else { l.replacen('X', "X-", 1) })
        })
    });
    assert_eq!(verdict, "reject", "{said}");
    assert!(said.contains("op10.ngc"), "{said}");
}

#[test]
fn a_lost_tool_change_or_a_swapped_tool_is_rejected() {
    let (verdict, said) = judged("op20.ngc", |t| {
        // The last tool of the program becomes the first one.
        let tools: Vec<&str> = t.lines().filter(|l| l.starts_with('T') || l.contains(" M6")).collect();
        let last = (*tools.last().unwrap()).to_owned();
        t.replace(last.as_str(), tools[0])
    });
    assert_eq!(verdict, "reject", "{said}");
}

#[test]
fn a_rapid_in_place_of_a_cut_is_rejected() {
    let (verdict, said) = judged("op10.ngc", |t| {
        let at = line_where(t, 0.1, |l| l.starts_with("G1 "));
        replace_line(t, at, |l| Some(l.replacen("G1", "G0", 1)))
    });
    assert_eq!(verdict, "reject", "{said}");
    assert!(said.contains("rapid-through-stock"), "{said}");
}

#[test]
fn a_dropped_retract_is_rejected() {
    let (verdict, said) = judged("op10.ngc", |t| {
        // The one of the rim's semi-finishing before the longest way across: what follows then crosses the part. Roughing's own
        // retracts stand over ground that is cleared already, and between neighbouring passes nothing is met.
        let lines: Vec<&str> = t.lines().collect();
        let begun =
            lines.iter().position(|l| l.starts_with("(semi-finish rim")).expect("the rim is semi-finished");
        let ended =
            begun + 1 + lines[begun + 1..].iter().position(|l| l.starts_with('(')).expect("a next one");
        let [mut x, mut y] = [0.0; 2];
        let mut longest = (0.0, begun);
        for k in begun..ended {
            let [from_x, from_y] = [x, y];
            (x, y) = (word(lines[k], 'X').unwrap_or(x), word(lines[k], 'Y').unwrap_or(y));
            let far: f64 = (x - from_x).hypot(y - from_y);
            if lines[k - 1].starts_with("G0 Z") && k > begun + 8 && far > longest.0 {
                longest = (far, k - 1);
            }
        }
        let at = longest.1;
        replace_line(t, at + 1, |_| None)
    });
    assert_eq!(verdict, "reject", "{said}");
}

/// The noun and its file say the same.
#[test]
fn the_design_on_disk_is_the_design_inspected() {
    let d = plain();
    let facts = json(&d.case.join("part-1/implant.json"));
    let mesh: Mesh<Patient> =
        stl::read_stl(&std::fs::read(d.case.join("part-1/implant.stl")).unwrap()).unwrap().mesh;
    assert!(mesh.is_closed_two_manifold());
    // STL keeps single precision: 1e-5 of a volume of some cm³.
    let volume = mesh.volume_mm3();
    assert!((volume / number(&facts, "/volume_mm3") - 1.0).abs() < 1e-4, "{volume}");
    let _: fn(Implant) -> Mesh<Part> = |i| i.mesh;
}

#[test]
fn the_demos_operations_come_to_the_same_motions_in_every_dialect() {
    posts::round_trip(&plain().case.join("part-1"));
}

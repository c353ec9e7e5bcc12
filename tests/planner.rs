//! What a planner states overrules the rules: seed, region, side, edits of the contour.

use crate::common;
use crate::common_trap as trap;

use std::sync::OnceLock;

use common::{json, number, osteomill, root, run};
use osteomill::bone::{BoneParams, segment_bone};
use osteomill::formats::nifti;
use osteomill::implant::missing::{
    ContourMap, MissingError, MissingParams, Planner, PlannerError, reconstruct_planned,
};
use osteomill::model::{
    Bone, BoneSurface, Grid, Mask, Mesh, Patch, Patient, Point, Reconstruction, Severity, Silent, Volume,
};
use osteomill::phantom::{DefectSpec, Phantom, PhantomSpec, Walls};
use osteomill::surface::{SurfaceParams, extract_surface};
use trap::table;

struct Head {
    phantom: Phantom,
    volume: Volume,
    bone: Bone,
    surface: BoneSurface,
}

#[derive(serde::Deserialize)]
struct Tables {
    bone: BoneParams,
    surface: SurfaceParams,
    reconstruction: MissingParams,
}

fn spec() -> PhantomSpec {
    PhantomSpec { voxel_mm: [1.2; 3], psf_fwhm_mm: [1.0; 3], ..PhantomSpec::demo() }
}

fn head_of(spec: PhantomSpec) -> Head {
    let p = tables(&[]).expect("the shipped tables are valid");
    let phantom = Phantom::new(spec).expect("a head");
    let volume = phantom.volume(&Silent).expect("nobody stops it");
    let bone = segment_bone(&volume, &p.bone, &Silent).expect("a skull");
    let surface = extract_surface(&volume, &bone, &p.surface, &Silent).expect("a skull");
    Head { phantom, volume, bone, surface }
}

fn tables(sets: &[&str]) -> Result<Tables, String> {
    let (text, _) = table(trap::PEEK, sets)?;
    toml::from_str(&text).map_err(|e| e.to_string())
}

/// The demo's head: 14 cm² on the right.
fn head() -> &'static Head {
    static HEAD: OnceLock<Head> = OnceLock::new();
    HEAD.get_or_init(|| head_of(spec()))
}

/// A hole of 3 cm², smaller than a defect by the rules.
fn small() -> &'static Head {
    static HEAD: OnceLock<Head> = OnceLock::new();
    HEAD.get_or_init(|| {
        let hole = DefectSpec { towards_lps: [-0.72, -0.30, 0.62], area_cm2: 3.0, walls: Walls::Kerf };
        head_of(PhantomSpec { defect: Some(hole), ..spec() })
    })
}

fn planned(
    head: &Head,
    planner: &Planner,
    sets: &[&str],
) -> Result<(Reconstruction, Option<ContourMap>), MissingError> {
    let p = tables(sets).expect("valid tables");
    reconstruct_planned(&head.volume, &head.bone, &head.surface, planner, &p.reconstruction, &Silent)
}

fn seed(p: Point<Patient>) -> Planner {
    Planner { defect_seed: Some(p), region: None }
}

fn refused(head: &Head, planner: &Planner, sets: &[&str]) -> PlannerError {
    match planned(head, planner, sets) {
        Err(MissingError::Planner(e)) => e,
        Err(e) => panic!("{e}"),
        Ok((made, _)) => panic!("not refused: {:#?}", made.facts),
    }
}

/// Voxels of the scan that satisfy `inside`.
fn region(head: &Head, inside: impl Fn(Point<Patient>) -> bool) -> Planner {
    let grid = head.volume.grid.clone();
    let voxels = (0..grid.len()).map(|at| u8::from(inside(place(&grid, at)))).collect();
    Planner { defect_seed: None, region: Some(Mask { grid, voxels }) }
}

fn place(grid: &Grid, at: usize) -> Point<Patient> {
    grid.patient_from_index(grid.ijk(at).map(|n| n as f64))
}

fn middle(head: &Head) -> Point<Patient> {
    head.phantom.defect_centroid().expect("it has a defect")
}

#[test]
fn a_seed_in_the_defect_changes_nothing_but_a_note() {
    let by_rules = planned(head(), &Planner::default(), &[]).expect("a defect").0;
    let by_seed = planned(head(), &seed(middle(head())), &[]).expect("a defect").0;
    assert_eq!(by_rules.mask, by_seed.mask);
    assert_eq!(by_rules.patches[0].outer_mm, by_seed.patches[0].outer_mm);
    let named = by_seed.facts.findings.iter().find(|f| f.id == "planner-named").expect("said");
    assert_eq!(named.severity, Severity::Note);
}

#[test]
fn a_seed_names_an_opening_that_the_rules_take_for_too_small() {
    let by_rules = planned(small(), &Planner::default(), &[]).expect("a vault").0;
    assert!(by_rules.patches.is_empty());
    let by_seed = planned(small(), &seed(middle(small())), &[]).expect("an opening").0;
    assert_eq!(by_seed.facts.defects.len(), 1);
    let cm2 = by_seed.facts.defects[0].area_mm2 / 100.0;
    println!("{cm2:.2} cm2 of 3");
    assert!((1.5..3.7).contains(&cm2), "{cm2}");
    let cut = small().phantom.missing_mask(&by_seed.mask.grid);
    let both = cut.voxels.iter().zip(&by_seed.mask.voxels).filter(|(a, b)| **a != 0 && **b != 0).count();
    let dice = 2.0 * both as f64 / (cut.count() + by_seed.mask.count()) as f64;
    println!("Dice of the small hole: {dice:.3}");
    // A layer of a quarter of a voxel about so small a piece is 15 % of it.
    assert!(dice > 0.85, "{dice}");
    let said = &by_seed.facts.findings.iter().find(|f| f.id == "planner-named").expect("said").message;
    assert!(said.contains("rules alone would not"), "{said}");
}

#[test]
fn a_seed_where_no_opening_is_names_the_nearest_and_how_far_it_is() {
    let m = middle(head());
    let across = Point::new([2.0 * head().phantom.centre().mm[0] - m.mm[0], m.mm[1], m.mm[2]]);
    match refused(head(), &seed(across), &[]) {
        PlannerError::SeedOff { distance_mm, place, area_cm2, .. } => {
            let true_mm = across.distance_mm(&m);
            // To the defect's edge, which is some 20 mm nearer than its middle.
            assert!(distance_mm > true_mm - 35.0 && distance_mm < true_mm, "{distance_mm} of {true_mm}");
            assert!(Point::new(place).distance_mm(&m) < 6.0, "{place:?}");
            assert!((10.0..18.0).contains(&area_cm2), "{area_cm2}");
        }
        e => panic!("{e}"),
    }
    // The middle of the brain is in no opening.
    assert!(matches!(refused(head(), &seed(head().phantom.centre()), &[]), PlannerError::SeedOff { .. }));
    assert!(matches!(
        refused(head(), &seed(Point::new([f64::NAN; 3])), &[]),
        PlannerError::SeedNoPlace { .. }
    ));
}

#[test]
fn nothing_is_filled_outside_a_region_and_every_gap_inside_is() {
    let m = middle(head());
    // The front half of the defect, with everything in front of it.
    let front = region(head(), |p| p.mm[1] < m.mm[1] && p.distance_mm(&m) < 40.0);
    let whole = planned(head(), &Planner::default(), &[]).expect("a defect").0;
    let half = planned(head(), &front, &[]).expect("half a defect").0;
    assert_eq!(half.patches.len(), 1);
    let grid = &half.mask.grid;
    let behind = (0..grid.len())
        .filter(|&at| half.mask.voxels[at] != 0 && place(grid, at).mm[1] > m.mm[1] + 4.0)
        .count();
    // Rays lean by 0.3: over the 12 mm of depth in which the region counts one passes 3.6 mm of y.
    assert!((behind as f64) < 0.02 * half.mask.count() as f64, "{behind} of {}", half.mask.count());
    let share = half.mask.count() as f64 / whole.mask.count() as f64;
    assert!((0.35..0.65).contains(&share), "{share}");
    // Too small for the rules, yet inside a region.
    let m = middle(small());
    let forced = planned(small(), &region(small(), |p| p.distance_mm(&m) < 25.0), &[]).expect("a hole").0;
    assert_eq!(forced.patches.len(), 1);
}

#[test]
fn a_region_of_nothing_of_bone_alone_or_of_another_grid_is_refused() {
    let m = middle(head());
    let empty = region(head(), |_| false);
    assert_eq!(refused(head(), &empty, &[]), PlannerError::RegionEmpty);
    let across = [2.0 * head().phantom.centre().mm[0] - m.mm[0], m.mm[1], m.mm[2]];
    let on_bone = region(head(), |p| p.distance_mm(&Point::new(across)) < 20.0);
    match refused(head(), &on_bone, &[]) {
        PlannerError::RegionNoOpening { covered_cm2, bone_cm2, .. } => {
            assert!(covered_cm2 > 5.0 && bone_cm2 > 0.95 * covered_cm2, "{covered_cm2} {bone_cm2}");
        }
        e => panic!("{e}"),
    }
    let mut other = region(head(), |p| p.distance_mm(&m) < 30.0);
    other.region.as_mut().expect("just made").grid.spacing_mm[2] = 1.3;
    assert!(matches!(refused(head(), &other, &[]), PlannerError::RegionGrid { .. }));
}

#[test]
fn the_side_stated_and_another_found_stop_the_case_and_name_both() {
    let of = |side: &str| {
        let made = planned(head(), &Planner::default(), &[&format!("reconstruction.side_stated=\"{side}\"")]);
        made.expect("a defect").0.facts.findings
    };
    for side in ["left", "midline"] {
        let findings = of(side);
        let wrong = findings.iter().find(|f| f.id == "wrong-side").expect("the defect is on the right");
        assert_eq!(wrong.severity, Severity::Stop);
        assert!(wrong.message.contains(side) && wrong.message.contains("right"), "{}", wrong.message);
    }
    for side in ["right", ""] {
        assert!(of(side).iter().all(|f| f.id != "wrong-side"));
    }
    let said = tables(&["reconstruction.side_stated=\"rigth\""]).err().expect("no side");
    assert!(said.contains("\"rigth\"") && said.contains("midline"), "{said}");
}

fn edit(m: Point<Patient>, radius_mm: f64, raise_mm: f64) -> String {
    let [x, y, z] = m.mm;
    format!(
        "reconstruction.contour_edits=[{{name=\"test\",at_lps_mm=[{x:.3},{y:.3},{z:.3}],radius_mm={radius_mm:?},\
         raise_mm={raise_mm:?}}}]"
    )
}

/// Outer radius of the chart's cell nearest to a direction from its centre.
fn outer_at(patch: &Patch, towards: Point<Patient>) -> f64 {
    let ([a, b], _) = patch.cell_and_radius(towards).expect("before the chart");
    patch.outer_mm[b.round() as usize * patch.n + a.round() as usize]
}

#[test]
fn an_edit_lowers_the_contour_where_asked_smoothly_and_nowhere_else() {
    let plain = planned(head(), &Planner::default(), &[]).expect("a defect").0;
    let patch = &plain.patches[0];
    let middle_cell = (patch.n - 1) as f64 / 2.0;
    let d = patch.direction(middle_cell, middle_cell).v();
    let top = Point::from_v(patch.centre.v() + d * outer_at(patch, middle(head())));
    let (edited, map) = planned(head(), &Planner::default(), &[&edit(top, 15.0, -1.0)]).expect("a defect");
    let map = map.expect("an edit was made");
    let now = &edited.patches[0];
    let changes: Vec<f64> = now.outer_mm.iter().zip(&patch.outer_mm).map(|(a, b)| a - b).collect();
    let deepest = changes.iter().copied().fold(0.0, f64::min);
    // The middle of the chart may lie some mm beside the place, on the flat top of the falloff.
    assert!((-1.0..-0.97).contains(&deepest), "{deepest}");
    assert!(changes.iter().all(|c| *c <= 0.0), "lowered only");
    // C1: between cells of 1 mm no change grows faster than the flank, 1.54 / 15 mm, and the rim's step, 1.5 / 6 mm.
    for b in 0..now.n - 1 {
        for a in 0..now.n - 1 {
            let at = b * now.n + a;
            let step = (changes[at + 1] - changes[at]).abs().max((changes[at + now.n] - changes[at]).abs());
            assert!(step < 0.2, "{step} between neighbours");
        }
    }
    for at in 0..changes.len() {
        if now.cells[at] == osteomill::model::Cell::Bone {
            assert_eq!(changes[at], 0.0, "known bone is not moved");
        }
    }
    assert_eq!(patch.inner_mm, now.inner_mm, "outer table only");
    // The facts say the same as the chart.
    let facts = &map.facts;
    assert!((facts.change_mm_extreme - deepest).abs() < 1e-9, "{facts:?}");
    assert_eq!(facts.edits.len(), 1);
    assert!(facts.edits[0].change_mm_mean < 0.0 && facts.edits[0].change_mm_mean > deepest);
    // A disc of 15 mm, less what lies over bone.
    assert!((300.0..720.0).contains(&facts.edits[0].area_mm2), "{facts:?}");
    assert_eq!(map.mesh.vertices.len(), map.change_mm.len());
    outward(&map.mesh, now);
}

/// Facets look away from the chart's centre.
fn outward(mesh: &Mesh<Patient>, patch: &Patch) {
    assert!(!mesh.triangles.is_empty());
    for t in 0..mesh.triangles.len() {
        let [a, b, c] = mesh.corners(t);
        assert!(mesh.normal(t).dot(&((a + b + c) / 3.0 - patch.centre.v())) > 0.0);
    }
}

#[test]
fn an_edit_that_changes_nothing_or_is_no_edit_is_refused() {
    let far = Point::new([head().phantom.centre().mm[0] + 60.0, 0.0, 60.0]);
    let e = refused(head(), &Planner::default(), &[&edit(far, 15.0, -1.0)]);
    assert!(matches!(e, PlannerError::EditMisses { distance_mm, .. } if distance_mm > 30.0), "{e}");
    for (radius_mm, raise_mm, word) in
        [(15.0, 0.0, "raise_mm"), (15.0, 9.0, "raise_mm"), (5.0, 2.0, "flank"), (100.0, 1.0, "radius_mm")]
    {
        let said = tables(&[&edit(far, radius_mm, raise_mm)]).err().expect("out of range");
        assert!(said.contains("edit 1") && said.contains(word), "{said}");
    }
}

#[test]
fn seed_and_region_are_inputs_of_the_case_and_change_the_stages_key() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let scan = dir.path().join("scan");
    head().phantom.write_dicom_of(&head().volume, &scan, &Silent).expect("writable");
    let m = middle(head());
    let region_file = dir.path().join("region.nii.gz");
    let Planner { region: Some(mask), .. } = region(head(), |p| p.distance_mm(&m) < 35.0) else {
        unreachable!("just made")
    };
    std::fs::write(&region_file, nifti::mask_nii_gz(&mask).expect("a mask")).expect("writable");
    let case = dir.path().join("case");
    let go = |more: &[&str]| {
        let mut command = osteomill();
        command.arg("run").arg(&scan).arg("--out").arg(&case).args(["--until", "reconstruction"]).args(more);
        command.arg("--pipeline").arg(root().join("pipelines/cranial-peek.toml"));
        let (code, output) = run(&mut command);
        (code, String::from_utf8_lossy(&output.stderr).into_owned(), json(&case.join("case.json")))
    };
    let key = |case: &serde_json::Value| {
        case["stages"]["reconstruction"]["key"].as_str().expect("a key").to_owned()
    };
    let state = |case: &serde_json::Value, stage: &str| {
        case["stages"][stage]["state"].as_str().expect("a state").to_owned()
    };
    let kinds = |case: &serde_json::Value| -> Vec<String> {
        let inputs = case["inputs"].as_array().expect("inputs");
        inputs.iter().map(|i| i["kind"].as_str().expect("a kind").to_owned()).collect()
    };
    let (code, said, plain) = go(&[]);
    assert_eq!(code, 0, "{said}");
    let typed = format!("{:.1},{:.1},{:.1}", m.mm[0], m.mm[1], m.mm[2]);
    let (code, said, seeded) = go(&["--defect-seed", &typed]);
    assert_eq!(code, 0, "{said}");
    assert_ne!(key(&plain), key(&seeded));
    assert_eq!((state(&seeded, "scan"), state(&seeded, "reconstruction")), ("kept".into(), "done".into()));
    assert!(kinds(&seeded).contains(&"defect-seed".to_owned()), "{:?}", kinds(&seeded));
    let (code, said, within) = go(&["--region", &region_file.display().to_string()]);
    assert_eq!(code, 0, "{said}");
    assert_ne!(key(&seeded), key(&within));
    assert!(kinds(&within).contains(&"region".to_owned()), "{:?}", kinds(&within));
    assert!(number(&json(&case.join("reconstruction/defects.json")), "/defects/0/area_mm2") > 1000.0);
    // An edit leaves its map, and the run without it takes the map away again.
    let edited = edit(m, 15.0, -0.5).replace("reconstruction.", "");
    let (code, said, _) = go(&["--set", &format!("reconstruction.{edited}")]);
    assert_eq!(code, 0, "{said}");
    assert!(case.join("reconstruction/contour-change.ply").is_file());
    assert!(number(&json(&case.join("reconstruction/contour.json")), "/change_mm_extreme") < -0.3);
    let (_, _, again) = go(&[]);
    assert_eq!(key(&again), key(&plain));
    assert!(!case.join("reconstruction/contour-change.ply").exists());

    for (arguments, code, word) in [
        (["--defect-seed", "1,2"], 1, "write x,y,z"),
        (["--defect-seed", "1,2,nan"], 1, "write x,y,z"),
        (["--defect-seed", "60,-20,100"], 2, "mm away"),
        (["--region", "no-such-file"], 2, "region given is no file"),
    ] {
        let (came, said, _) = go(&arguments);
        assert!(came == code && said.contains(word), "{came}: {said}");
    }
    // Drawn in another frame: x and y turned about.
    let mut turned = mask.clone();
    turned.grid.origin_lps_mm = Point::new([500.0, 500.0, 500.0]);
    std::fs::write(&region_file, nifti::mask_nii_gz(&turned).expect("a mask")).expect("writable");
    let (came, said, _) = go(&["--region", &region_file.display().to_string()]);
    assert!(came == 2 && said.contains("within the scan"), "{came}: {said}");
}

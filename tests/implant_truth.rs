//! The implant against the true edge of a phantom's bone, and how far a scan's level and slices move it.
//!
//! Everything by library calls, without milling: what milling adds is measured by `tests/demo.rs`. Runs of half a minute
//! and more are ignored here and part of `tests/long.sh`.

use nalgebra::Vector3;
use osteomill::bone::{BoneParams, BoneToml, segment_bone};
use osteomill::catalog::{PipelineFile, ShopTexts};
use osteomill::geometry::bvh::Bvh;
use osteomill::implant::body::{ImplantParams, design};
use osteomill::implant::missing::{MissingParams, reconstruct};
use osteomill::model::{BoneFacts, BoneSurface, Dir, Implant, Mesh, Patient, Point, Silent, Volume};
use osteomill::phantom::{Phantom, PhantomSpec};
use osteomill::surface::{SurfaceParams, extract_surface};

const PEEK: &str = include_str!("../pipelines/cranial-peek.toml");

#[derive(serde::Deserialize)]
struct Tables {
    bone: BoneParams,
    surface: SurfaceParams,
    reconstruction: MissingParams,
    implant: ImplantParams,
}

struct Made {
    bone: BoneFacts,
    surface: BoneSurface,
    implant: Implant,
    dice: f64,
}

/// Bone, surface, missing bone and implant of a CT, bone selected at `threshold_hu`.
fn made(phantom: &Phantom, volume: &Volume, threshold_hu: f64) -> Made {
    let p: Tables = toml::from_str(PEEK).expect("the shipped tables are valid");
    let file = PipelineFile::parse(PEEK, &[], &ShopTexts::embedded()).expect("the shipped pipeline is valid");
    let bone_params: BoneParams = {
        let mut table: BoneToml = p.bone.into();
        table.threshold_hu = threshold_hu;
        table.try_into().expect("within its range")
    };
    let bone = segment_bone(volume, &bone_params, &Silent).expect("a skull");
    let surface = extract_surface(volume, &bone, &p.surface, &Silent).expect("a skull");
    let missing = reconstruct(volume, &bone, &surface, &p.reconstruction, &Silent).expect("a vault");
    assert_eq!(missing.facts.defects.len(), 1);
    let cut = phantom.missing_mask(&missing.mask.grid);
    let both = missing.mask.voxels.iter().zip(&cut.voxels).filter(|(a, b)| **a != 0 && **b != 0).count();
    let dice = 2.0 * both as f64 / (missing.mask.count() + cut.count()) as f64;
    let material = &file.shop.materials[&file.material];
    let implant = design(volume, &surface, &missing, 0, &file.material, material, &p.implant, &Silent)
        .expect("an implant");
    Made { bone: bone.facts, surface, implant, dice }
}

/// Blur in proportion to the voxel, as a soft kernel has it; on `scans/cranium` it is 1.5 times the mean side.
fn head(in_plane_mm: f64, slice_mm: f64) -> (Phantom, Volume) {
    blurred([in_plane_mm, in_plane_mm, slice_mm], [in_plane_mm, in_plane_mm, slice_mm].map(|mm| 1.5 * mm))
}

fn blurred(voxel_mm: [f64; 3], psf_fwhm_mm: [f64; 3]) -> (Phantom, Volume) {
    let spec = PhantomSpec { voxel_mm, psf_fwhm_mm, ..PhantomSpec::demo() };
    let phantom = Phantom::new(spec).expect("a head");
    let volume = phantom.volume(&Silent).expect("nobody stops it");
    (phantom, volume)
}

/// The body before its holes, in the patient.
fn body(implant: &Implant) -> Mesh<Patient> {
    implant.body.moved(&implant.part_from_patient.inverse())
}

/// Of values with weights, sorted by value: the value below which a share of the weight lies.
fn percentile(values: &mut [(f64, f64)], share: f64) -> f64 {
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = values.iter().map(|v| v.1).sum();
    let mut sum = 0.0;
    for (value, weight) in values.iter() {
        sum += weight;
        if sum >= share * total {
            return *value;
        }
    }
    f64::NAN
}

struct Spread {
    p5: f64,
    p50: f64,
    p95: f64,
    p95_abs: f64,
    area_mm2: f64,
}

fn spread(mut signed: Vec<(f64, f64)>) -> Spread {
    let area_mm2 = signed.iter().map(|v| v.1).sum();
    let [p5, p50, p95] = [0.05, 0.5, 0.95].map(|p| percentile(&mut signed, p));
    let mut sizes: Vec<(f64, f64)> = signed.iter().map(|v| (v.0.abs(), v.1)).collect();
    Spread { p5, p50, p95, p95_abs: percentile(&mut sizes, 0.95), area_mm2 }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { p5, p50, p95, p95_abs, area_mm2 } = self;
        write!(f, "P5 {p5:+.3} P50 {p50:+.3} P95 {p95:+.3}, |P95| {p95_abs:.3} mm over {area_mm2:.0} mm2")
    }
}

/// Gap minus nominal over wall facets whose nearest true bone lies square to the wall, as `tests/demo.rs` does on the
/// milled part: free places by the truth alone. At edge breaks, swept and drafted places the directions differ.
fn gap_errors(implant: &Implant, phantom: &Phantom) -> Spread {
    let mesh = body(implant);
    let axis = implant.facts.insertion_axis_lps.v();
    let distance = |q: Vector3<f64>| phantom.bone_distance_mm(Point::from_v(q));
    let mut errors = Vec::new();
    for t in 0..mesh.triangles.len() {
        let normal = mesh.normal(t);
        if normal.dot(&axis).abs() > 0.35 {
            continue;
        }
        let [a, b, c] = mesh.corners(t);
        let p = (a + b + c) / 3.0;
        let gap_mm = distance(p);
        if gap_mm > 3.0 {
            continue;
        }
        const H: f64 = 0.05;
        let slope = Vector3::from_fn(|i, _| {
            let mut e = Vector3::zeros();
            e[i] = H;
            (distance(p + e) - distance(p - e)) / (2.0 * H)
        });
        if -slope.dot(&normal) >= 10f64.to_radians().cos() * slope.norm() {
            errors.push((gap_mm - implant.facts.gap_mm_nominal, mesh.triangle_area_mm2(t)));
        }
    }
    spread(errors)
}

/// Outer surface minus the outer table as nature made it, over facets from `from_mm` to `to_mm` of the cut's outline.
fn contour_errors(implant: &Implant, phantom: &Phantom, from_mm: f64, to_mm: f64) -> Spread {
    let mesh = body(implant);
    let centre = phantom.centre().v();
    // 1,440 places on some 140 mm: a tenth of a millimetre.
    let outline: Vec<Vector3<f64>> = phantom.defect_outline(1440).iter().map(|p| p.v()).collect();
    let mut errors = Vec::new();
    for t in 0..mesh.triangles.len() {
        let [a, b, c] = mesh.corners(t);
        let p = (a + b + c) / 3.0;
        let r = p - centre;
        let d = r.normalize();
        // Outer face, edge break left out.
        if mesh.normal(t).dot(&d) < 0.9 {
            continue;
        }
        let from_rim = outline.iter().map(|q| (q - p).norm()).fold(f64::INFINITY, f64::min);
        if !(from_mm..=to_mm).contains(&from_rim) {
            continue;
        }
        let out_mm = r.norm() - phantom.outer_radius_mm(Dir::new([d.x, d.y, d.z]));
        // Along the ray; the surface leans from it, so across it is a little less.
        errors.push((out_mm * mesh.normal(t).dot(&d), mesh.triangle_area_mm2(t)));
    }
    spread(errors)
}

fn measure(in_plane_mm: f64, slice_mm: f64) -> (Spread, Spread) {
    measure_in(&format!("{in_plane_mm} x {in_plane_mm} x {slice_mm} mm"), &head(in_plane_mm, slice_mm))
}

fn measure_in(what: &str, (phantom, volume): &(Phantom, Volume)) -> (Spread, Spread) {
    let made = made(phantom, volume, 226.0);
    let gap = gap_errors(&made.implant, phantom);
    let rim = contour_errors(&made.implant, phantom, 1.0, 3.0);
    let all = contour_errors(&made.implant, phantom, 1.0, 1e3);
    println!("{what}, Dice {:.4}", made.dice);
    println!("  gap - nominal, free rim:     {gap}");
    println!("  contour 1 to 3 mm from rim:  {rim}");
    println!("  contour, whole outer face:   {all}");
    assert!(gap.area_mm2 > 100.0 && rim.area_mm2 > 100.0, "hardly anything was measured");
    (gap, rim)
}

/// No worse than it was measured, mm, at P95: gap and contour. DESIGN.md's targets for both are 0.10, 0.15 and 0.25 mm at
/// voxels of 0.5, 1.0 and 1.5 mm; `docs/slices.md` says what keeps the coarser ones from them.
fn holds(voxel_mm: f64, gap_mm: f64, contour_mm: f64) {
    let (gap, rim) = measure(voxel_mm, voxel_mm);
    assert!(gap.p95_abs <= gap_mm, "gap: {gap}");
    assert!(rim.p95_abs <= contour_mm, "contour: {rim}");
}

#[test]
#[ignore = "half a minute"]
fn at_half_a_millimetre_gap_and_contour_lie_a_tenth_from_the_true_edge() {
    // Measured 0.101 and 0.055.
    holds(0.5, 0.11, 0.10);
}

#[test]
fn at_one_millimetre_gap_and_contour_are_as_near_to_the_true_edge_as_the_tables_are_drawn() {
    // Measured 0.215 and 0.368: tables of 1.4 mm over diploe, drawn 0.32 mm too far out at a blur of 1.5 mm.
    holds(1.0, 0.25, 0.40);
}

#[test]
fn at_one_and_a_half_millimetres_they_are_far_off_and_no_farther() {
    // Measured 0.392 and 1.181 at a blur of 2.25 mm; slices so thick are never accepted.
    holds(1.5, 0.45, 1.30);
}

/// Distances from the corners of `a` to the mesh `b` that are counted: within 5 mm.
fn moved(a: &Mesh<Patient>, b: &Mesh<Patient>, keep: impl Fn([f64; 3]) -> bool) -> f64 {
    let tree = Bvh::new(b);
    let mut away: Vec<(f64, f64)> = a
        .vertices
        .iter()
        .filter(|v| keep(**v))
        .map(|v| (tree.nearest(*v, 5.0).map_or(5.0, |n| n.distance_mm), 1.0))
        .collect();
    percentile(&mut away, 0.95)
}

/// How far a change moves the bone's surface about the defect, and the implant; P95, mm.
fn moves(phantom: &Phantom, one: &Made, other: &Made) -> [f64; 2] {
    let middle = phantom.defect_centroid().expect("a defect");
    // The defect is some 45 mm wide; 40 mm about its middle holds its rim and the band that shapes the fill.
    let near = |v: [f64; 3]| Point::new(v).distance_mm(&middle) < 40.0;
    let both = |a: &Mesh<Patient>, b: &Mesh<Patient>, keep: &dyn Fn([f64; 3]) -> bool| {
        moved(a, b, keep).max(moved(b, a, keep))
    };
    let surface = both(&one.surface.mesh, &other.surface.mesh, &near);
    let implant = both(&body(&one.implant), &body(&other.implant), &|_| true);
    [surface, implant]
}

#[test]
fn fifty_hu_move_the_implant_no_more_than_the_scans_own_surface() {
    let (phantom, volume) = head(1.0, 1.0);
    let as_shipped = made(&phantom, &volume, 226.0);
    // What 50 HU would do to a surface at a fixed level: the scan's own softness.
    let level_mm = as_shipped.bone.shift_mm_per_50_hu;
    println!("a level of fixed HU moves by {level_mm:.3} mm for 50 HU on this scan");
    for hu in [-50i16, 50] {
        let threshold = made(&phantom, &volume, 226.0 + f64::from(hu));
        let mut other = volume.clone();
        other.hu.iter_mut().for_each(|h| *h = (*h + hu).clamp(-1024, 3071));
        let scan = made(&phantom, &other, 226.0);
        for (what, other) in [("threshold", &threshold), ("scan", &scan)] {
            let [surface_mm, implant_mm] = moves(&phantom, &as_shipped, other);
            println!("{what} {hu:+} HU: bone surface {surface_mm:.3} mm, implant {implant_mm:.3} mm (P95)");
            assert!(implant_mm <= 0.15, "{implant_mm}");
            // 0.03 mm: corners of one mesh lie that far beside the facets of another that shows the same form.
            assert!(implant_mm <= 1.2 * surface_mm.max(level_mm) + 0.03, "{implant_mm} for {surface_mm}");
        }
    }
}

#[test]
#[ignore = "minutes: the table of docs/slices.md"]
fn what_coarser_slices_cost() {
    for slice_mm in [0.4, 0.8, 1.25] {
        measure(0.5, slice_mm);
    }
}

#[test]
#[ignore = "minutes: the table of docs/slices.md"]
fn what_the_voxels_alone_cost() {
    for voxel_mm in [0.5, 1.0, 1.5] {
        measure_in(&format!("{voxel_mm} mm, blur of 0.75 mm"), &blurred([voxel_mm; 3], [0.75; 3]));
    }
}

//! What earlier stages found, and what the review makes of it.

use super::*;

fn upstream_facts() -> (ScanFacts, BoneFacts, SurfaceFacts, DefectFacts) {
    let grid = Grid {
        dims: [10, 10, 10],
        spacing_mm: [0.5, 0.5, 1.0],
        origin_lps_mm: Point::new([0.0; 3]),
        axes_lps: [Dir::new([1.0, 0.0, 0.0]), Dir::new([0.0, 1.0, 0.0]), Dir::new([0.0, 0.0, 1.0])],
    };
    let scan = ScanFacts {
        schema: "osteomill.scan/1".into(),
        pseudonym: "0123456789ab".into(),
        series: "0123456789ab".into(),
        modality: "CT".into(),
        scanner: String::new(),
        kernel: String::new(),
        slices: 10,
        grid,
        hu_min: -1000,
        hu_max: 2000,
        blur_fwhm_mm: None,
        resampled: None,
        chosen_because: "only one".into(),
        findings: vec![Finding::new("tilt", Severity::Review, "tilted")],
    };
    let bone = BoneFacts {
        schema: "osteomill.bone/1".into(),
        threshold_hu: 226.0,
        kept_mm3: 1e5,
        components: 1,
        dropped: Vec::new(),
        threshold_offset_mm_p5: 0.5,
        threshold_offset_mm_p50: 0.7,
        threshold_offset_mm_p95: 1.0,
        shift_mm_per_50_hu: 0.2,
        selection: Default::default(),
        metal: Default::default(),
        thin: Default::default(),
        findings: vec![Finding::new("metal", Severity::Note, "none")],
    };
    let surface = SurfaceFacts {
        schema: "osteomill.surface/1".into(),
        triangles: 100,
        vertices: 50,
        closed_two_manifold: true,
        euler_number: 2,
        pieces: 1,
        area_mm2: 1e4,
        volume_mm3: 1e5,
        cap_area_mm2: [0.0; 6],
        nudged_voxels: 0,
        split_cells: 0,
        parted_faces: 0,
        shells: Vec::new(),
        relaxation_shrinkage_mm: 0.0,
        exported: None,
        findings: Vec::new(),
    };
    let defects = DefectFacts {
        schema: "osteomill.defects/1".into(),
        defects: vec![Defect {
            area_mm2: 1600.0,
            centroid_lps_mm: Point::new([1.0, 2.0, 3.0]),
            site: "right frontal".into(),
            sigma_mm_p50: 0.3,
            sigma_mm_p95: 0.8,
            asymmetry_mm_p95: None,
            mirror_within_share: None,
            guide_outer: "mirror 0.5".into(),
            guide_inner: "none".into(),
        }],
        symmetry: Symmetry {
            normal_lps: Dir::new([1.0, 0.0, 0.0]),
            offset_mm: 0.0,
            residual_mm_p50: 0.4,
            residual_mm_p95: 1.2,
        },
        findings: vec![Finding::new("sinus-open", Severity::Stop, "open")],
    };
    (scan, bone, surface, defects)
}

#[test]
fn every_upstream_finding_is_there_and_the_worst_stands_first() {
    let part = good();
    let (scan, bone, surface, defects) = upstream_facts();
    let r = review_part(&part, &plan(&part), &scan, &bone, &surface, &defects, &peek());
    for id in ["tilt", "metal", "sinus-open"] {
        assert!(found(&r, id).is_some(), "{id}");
    }
    assert_eq!(r.findings[0].id, "sinus-open");
    assert!(r.findings.windows(2).all(|w| w[0].severity >= w[1].severity));
}

#[test]
fn an_unfit_scan_or_an_uncertain_fill_asks_for_a_person() {
    let part = good();
    let (scan, bone, surface, defects) = upstream_facts();
    let with = |change: &dyn Fn(&mut ScanFacts, &mut BoneFacts, &mut SurfaceFacts, &mut DefectFacts)| {
        let (mut s, mut b, mut f, mut d) = (scan.clone(), bone.clone(), surface.clone(), defects.clone());
        change(&mut s, &mut b, &mut f, &mut d);
        review_part(&part, &plan(&part), &s, &b, &f, &d, &peek())
    };
    let severity = |r: &Review, id: &str| found(r, id).map(|f| f.severity);
    assert_eq!(severity(&with(&|_, _, _, _| ()), "slice-step"), None);
    assert_eq!(
        severity(&with(&|s, _, _, _| s.grid.spacing_mm[2] = 1.5), "slice-step"),
        Some(Severity::Change)
    );
    assert_eq!(
        severity(&with(&|s, _, _, _| s.grid.spacing_mm[2] = 2.5), "slice-step"),
        Some(Severity::Review)
    );
    assert_eq!(
        severity(&with(&|_, b, _, _| b.shift_mm_per_50_hu = 0.4), "soft-edge"),
        Some(Severity::Change)
    );
    assert_eq!(
        severity(&with(&|_, _, f, _| f.closed_two_manifold = false), "surface-not-closed"),
        Some(Severity::Stop)
    );
    assert_eq!(
        severity(&with(&|_, _, _, d| d.defects[0].sigma_mm_p95 = 2.5), "fill-uncertain"),
        Some(Severity::Review)
    );
    assert_eq!(
        severity(&with(&|_, _, _, d| d.defects[0].sigma_mm_p95 = f64::NAN), "fill-uncertain"),
        Some(Severity::Review)
    );
    assert_eq!(
        severity(&with(&|_, _, _, d| d.symmetry.residual_mm_p95 = 1.6), "asymmetry"),
        Some(Severity::Review)
    );
    assert_eq!(severity(&with(&|_, _, _, d| d.defects.clear()), "no-such-defect"), Some(Severity::Stop));
}

#[test]
fn a_finding_is_not_said_twice_but_a_milder_one_upstream_does_not_hide_a_worse() {
    let count = |r: &Review, id: &str| r.findings.iter().filter(|f| f.id == id).count();
    let thin = |severity: Severity| {
        review(|i, _| {
            i.facts.thickness_mm_min = 1.5;
            i.facts.findings.push(Finding::new("min-thickness", severity, "thin").measured(1.5, 2.0, "mm"));
        })
    };
    assert_eq!(count(&thin(Severity::Stop), "min-thickness"), 1);
    let r = thin(Severity::Note);
    assert_eq!(count(&r, "min-thickness"), 2);
    assert!(r.stops());
}

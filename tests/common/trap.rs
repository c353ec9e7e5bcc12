//! A head through the chain as far as the verdict can still be changed, within the test's own process.
//!
//! Milling is left out: where everything before it lets a case through, a faultless inspection is put in its place, so
//! that a case which comes to `accept` here is one that nothing but the judge could still stop.
#![allow(dead_code)] // each test file uses its own part of this

use std::path::Path;
use std::sync::OnceLock;

use osteomill::bone::{BoneParams, segment_bone};
use osteomill::catalog::{PipelineFile, ShopTexts};
use osteomill::implant::body::{ImplantParams, design};
use osteomill::implant::missing::{MissingParams, reconstruct};
use osteomill::model::{
    BoneSurface, FitInspection, Implant, Inspection, InspectionFacts, Plan, Reconstruction, Review, Scan,
    Severity, Silent, SurfaceInspection, Verdict, Volume,
};
use osteomill::phantom::Phantom;
use osteomill::plan::{PlanParams, plan_part};
use osteomill::record::{Evidence, judge_case};
use osteomill::review::{ReviewParams, review_part};
use osteomill::scan::{ScanParams, read_scan};
use osteomill::surface::{SurfaceParams, extract_surface};

pub const PEEK: &str = include_str!("../../pipelines/cranial-peek.toml");
pub const TITANIUM: &str = include_str!("../../pipelines/cranial-titanium.toml");

#[derive(serde::Deserialize)]
struct Tables {
    pipeline: Named,
    scan: ScanParams,
    bone: BoneParams,
    surface: SurfaceParams,
    reconstruction: MissingParams,
    implant: ImplantParams,
    plan: PlanParams,
    review: ReviewParams,
}

#[derive(serde::Deserialize)]
struct Named {
    material: String,
}

/// What a case came to.
#[derive(Debug)]
pub struct Came {
    /// The verdict, or `Err` with the words of the stage that refused.
    pub verdict: Result<Verdict, String>,
    /// Ids of all findings with their severity, every stage, in order.
    pub findings: Vec<(String, Severity, String)>,
    pub reasons: Vec<String>,
    pub defects: usize,
    pub parts: usize,
    pub defect_cm2: f64,
    pub site: String,
    pub seconds: f64,
}

impl Came {
    fn refused(why: impl std::fmt::Display, seconds: f64) -> Self {
        Self {
            verdict: Err(why.to_string()),
            findings: Vec::new(),
            reasons: Vec::new(),
            defects: 0,
            parts: 0,
            defect_cm2: 0.0,
            site: String::new(),
            seconds,
        }
    }

    /// A finding of this id at least this severe.
    pub fn has(&self, id: &str, least: Severity) -> bool {
        self.findings.iter().any(|f| f.0 == id && f.1 >= least)
    }

    /// Fails with everything that was said unless the case is held by a finding of this id.
    pub fn is_held_by(&self, id: &str, least: Severity) {
        println!("{:?} in {:.1} s: {:#?}", self.verdict, self.seconds, self.reasons);
        assert!(self.has(id, least), "no `{id}` among {:#?}", self.findings);
        assert!(!matches!(self.verdict, Ok(Verdict::Accept)), "accepted: {self:#?}");
    }

    /// Fails unless a stage refused the case with a word of this.
    pub fn is_refused_with(&self, word: &str) {
        println!("{:?} in {:.1} s", self.verdict, self.seconds);
        match &self.verdict {
            Err(said) => assert!(said.contains(word), "{said}"),
            Ok(v) => panic!("not refused but {v:?}: {self:#?}"),
        }
    }
}

/// The shipped table with `stage.key=value` changes.
pub fn table(pipeline: &str, sets: &[&str]) -> Result<(String, PipelineFile), String> {
    let mut text: toml::Table = pipeline.parse().expect("shipped tables are TOML");
    for set in sets {
        let (place, value) = set.split_once('=').expect("stage.key=value");
        let (stage, key) = place.split_once('.').expect("stage.key=value");
        let value = format!("v = {value}").parse::<toml::Table>().expect("a TOML value").remove("v");
        let table = text.get_mut(stage).and_then(toml::Value::as_table_mut).expect("a stage's table");
        let old = table.insert(key.into(), value.expect("the key just written"));
        assert!(old.is_some(), "{key} does not stand in [{stage}]");
    }
    let text = toml::to_string(&text).expect("a table");
    let file = PipelineFile::parse(&text, &[], &ShopTexts::embedded()).map_err(|e| e.to_string())?;
    Ok((text, file))
}

/// Set before a trap's own: forty implants in some minutes. The head that nothing is wrong with is accepted so, and as
/// shipped (`tests/demo.rs`).
const QUICK: [&str; 2] = ["implant.mesh_mm=0.6", "implant.seating_trials=100"];

/// What facets of 0.6 mm alone make the sound head come to: no trap is held by these.
const OF_COARSE_FACETS: [&str; 2] = ["free-rim", "undercut"];

/// Writes the CT as DICOM with this head's headers, lets `spoil` at the files, and runs the case.
pub fn run_spoilt(
    head: &Phantom,
    volume: &Volume,
    pipeline: &str,
    sets: &[&str],
    spoil: impl Fn(&Path),
) -> Came {
    let start = std::time::Instant::now();
    let spent = || start.elapsed().as_secs_f64();
    let sets = [&QUICK[..], sets].concat();
    let (text, file) = match table(pipeline, &sets) {
        Ok(both) => both,
        Err(why) => return Came::refused(why, spent()),
    };
    let p: Tables = match toml::from_str(&text) {
        Ok(p) => p,
        Err(why) => return Came::refused(why, spent()),
    };
    let dir = tempfile::tempdir().expect("a temporary folder");
    head.write_dicom_of(volume, dir.path(), &Silent).expect("the folder is writable");
    spoil(dir.path());
    let scan = match read_scan(dir.path(), &p.scan, &Silent) {
        Ok(scan) => scan,
        Err(why) => return Came::refused(why, spent()),
    };
    let mut came = judge(scan, &p, &file);
    came.seconds = spent();
    came
}

/// The same with the files left alone.
pub fn run(head: &Phantom, volume: &Volume, pipeline: &str, sets: &[&str]) -> Came {
    run_spoilt(head, volume, pipeline, sets, |_| {})
}

fn judge(scan: Scan, p: &Tables, file: &PipelineFile) -> Came {
    let refused = |why: &dyn std::fmt::Display| Came::refused(why, 0.0);
    let bone = match segment_bone(&scan.volume, &p.bone, &Silent) {
        Ok(bone) => bone,
        Err(why) => return refused(&why),
    };
    let surface: BoneSurface = match extract_surface(&scan.volume, &bone, &p.surface, &Silent) {
        Ok(surface) => surface,
        Err(why) => return refused(&why),
    };
    let missing: Reconstruction = match reconstruct(&scan.volume, &bone, &surface, &p.reconstruction, &Silent)
    {
        Ok(missing) => missing,
        Err(why) => return refused(&why),
    };
    let material = &file.shop.materials[&p.pipeline.material];
    let (mut implants, mut plans, mut reviews) = (Vec::<Implant>::new(), Vec::<Plan>::new(), Vec::new());
    for defect in 0..missing.patches.len() {
        let mut implant = match design(
            &scan.volume,
            &surface,
            &missing,
            defect,
            &p.pipeline.material,
            material,
            &p.implant,
            &Silent,
        ) {
            Ok(implant) => implant,
            Err(why) => return refused(&why),
        };
        implant.facts.findings.extend(file.material_finding());
        implant.facts.findings.retain(|f| !OF_COARSE_FACETS.contains(&f.id.as_str()));
        let plan = match plan_part(&implant, &file.shop, &p.plan) {
            Ok(plan) => plan,
            Err(why) => return refused(&why),
        };
        let mut review: Review =
            review_part(&implant, &plan, &scan.facts, &bone.facts, &surface.facts, &missing.facts, &p.review);
        review.findings.retain(|f| !OF_COARSE_FACETS.contains(&f.id.as_str()));
        implants.push(implant);
        plans.push(plan);
        reviews.push(review);
    }
    let inspections: Vec<Option<Inspection>> = implants.iter().map(|_| Some(faultless())).collect();
    let milled: Vec<_> = implants.iter().map(|_| None).collect();
    let verdict = judge_case(&Evidence {
        scan: &scan,
        bone: &bone,
        surface: &surface,
        missing: &missing,
        implants: &implants,
        plans: &plans,
        reviews: &reviews,
        posted: &[],
        milled: &milled,
        nests: &[],
        inspections: &inspections,
        parameters: &serde_json::Value::Null,
        prices: &file.prices,
    });
    // The review repeats what earlier stages said; without a part there is no review.
    let own = scan.facts.findings.iter().chain(&bone.facts.findings).chain(&surface.facts.findings);
    let own = own.chain(&missing.facts.findings).chain(reviews.iter().flat_map(|r| &r.findings));
    let mut findings: Vec<(String, Severity, String)> = Vec::new();
    for f in own {
        let said = (f.id.clone(), f.severity, f.message.clone());
        if !findings.contains(&said) {
            findings.push(said);
        }
    }
    Came {
        verdict: Ok(verdict.verdict),
        findings,
        reasons: verdict.reasons,
        defects: missing.facts.defects.len(),
        parts: implants.len(),
        defect_cm2: missing.facts.defects.first().map_or(0.0, |d| d.area_mm2 / 100.0),
        site: missing.facts.defects.first().map_or(String::new(), |d| d.site.clone()),
        seconds: 0.0,
    }
}

/// An inspection that finds nothing wrong.
fn faultless() -> Inspection {
    let fit = FitInspection {
        gap_mm: Default::default(),
        gap_mm_nominal: 0.5,
        gap_error_mm_p95_abs: 0.0,
        rim_share: Default::default(),
        gap_mm_by_class: Default::default(),
        interference_mm3: 0.0,
        interference_mm_max: 0.0,
        step_mm: Default::default(),
        undercut_mm3: 0.0,
        thickness_mm_min: 4.0,
        seated: true,
        push_in_mm: None,
        push_in_contacts: 12,
        push_in_span_deg: 350.0,
        threshold_offset_mm_p50: 0.0,
        bone_shift_mm_per_50_hu: 0.0,
    };
    let surface = SurfaceInspection {
        deviation_mm: Default::default(),
        fraction_within_tolerance: 1.0,
        tolerance_mm: 0.0254,
        samples: 1,
        excluded_mm2: 0.0,
        marking_mm2: 0.0,
        clear_of_tabs_mm: Default::default(),
        between_samples_mm: 0.0,
        gouge_between_samples_mm: 0.0,
        worst: Vec::new(),
    };
    let facts = InspectionFacts {
        schema: "osteomill.inspection/1".into(),
        verdict: Verdict::Accept,
        reasons: Vec::new(),
        surface,
        sensitivity: Vec::new(),
        capability: None,
        fit: Some(fit),
        characteristics: Vec::new(),
        findings: Vec::new(),
        statement: String::new(),
    };
    Inspection { facts, vertex_deviation_mm: Vec::new() }
}

/// A head made once.
pub fn once(
    cell: &'static OnceLock<(Phantom, Volume)>,
    spec: osteomill::phantom::PhantomSpec,
) -> &'static (Phantom, Volume) {
    cell.get_or_init(|| {
        let head = Phantom::new(spec).expect("a head");
        let volume = head.volume(&Silent).expect("nobody stops it");
        (head, volume)
    })
}

//! `run`: one case.

use std::path::Path;

use anyhow::anyhow;

use crate::catalog::{CaseInputs, PipelineFile, chain};
use crate::pipeline::{RunSettings, Stage, run as run_stages, write_ledger};
use crate::record::{CaseVerdict, provenance_statement};
use crate::scan::companions;
use crate::store::{CaseInput, digest_bytes, digest_input, lock_case, write_whole};

use super::args::Run;
use super::progress::watch;
use super::result::{CaseResult, Ended, code_of, code_of_verdict, exit};

/// Sets the number of threads for the whole process; it decides no byte of any output.
pub fn set_threads(threads: Option<usize>) {
    if let Some(n) = threads {
        // Fails only when the pool is already made, which keeps the earlier number.
        rayon::ThreadPoolBuilder::new().num_threads(n).build_global().ok();
    }
}

/// The command.
pub fn run(a: &Run) -> Result<i32, Ended> {
    set_threads(a.threads);
    let mut sets = a.sets.clone();
    if let Some(series) = &a.series {
        sets.push(format!("scan.series_uid={series}"));
    }
    let file = PipelineFile::read(&a.pipeline, &sets)?;
    let given = Given {
        mask: a.mask.as_deref(),
        region: a.region.as_deref(),
        defect_seed_lps_mm: a.defect_seed.as_deref().map(place_of).transpose()?,
        implant: a.implant.as_deref(),
        resection: a.resection.as_deref(),
        resection_plane_lps: a.resection_plane.as_deref().map(plane_of).transpose()?,
    };
    let result = run_case(&a.scan, &given, &file, &a.out, a.until.as_deref())?;
    print(&result, a.json);
    Ok(result.exit_code)
}

/// What a person gives beside scan and pipeline.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given<'a> {
    /// Stands in for the bone.
    pub mask: Option<&'a Path>,
    /// Where bone is to be filled in.
    pub region: Option<&'a Path>,
    /// A place in the opening to fill.
    pub defect_seed_lps_mm: Option<[f64; 3]>,
    /// A person's edit of the implant's body.
    pub implant: Option<&'a Path>,
    /// Bone that is still there and will be cut.
    pub resection: Option<&'a Path>,
    /// Place and normal of a plane beyond which bone will be cut.
    pub resection_plane_lps: Option<[f64; 6]>,
}

/// Numbers as typed, with commas between; `None` unless there are just as many and all finite.
fn numbers_of<const N: usize>(text: &str) -> Option<[f64; N]> {
    let numbers: Option<Vec<f64>> = text.split(',').map(|t| t.trim().parse().ok()).collect();
    <[f64; N]>::try_from(numbers?).ok().filter(|n| n.iter().all(|x| x.is_finite()))
}

/// A place, as typed.
fn place_of(text: &str) -> Result<[f64; 3], Ended> {
    numbers_of(text).ok_or_else(|| {
        Ended::new(
            exit::USAGE,
            anyhow!(
                "--defect-seed {text} is no place: write x,y,z in patient LPS mm, such as -30.5,-61,104.8"
            ),
        )
    })
}

/// A plane, as typed; its normal has a length.
fn plane_of(text: &str) -> Result<[f64; 6], Ended> {
    numbers_of(text).filter(|[_, _, _, x, y, z]| x * x + y * y + z * z > 1e-6).ok_or_else(|| {
        Ended::new(
            exit::USAGE,
            anyhow!(
                "--resection-plane {text} is no plane: write x,y,z,nx,ny,nz, a place on it in patient LPS mm and the \
                 direction in which bone is cut away, such as 0,-20,140,0,0,1"
            ),
        )
    })
}

/// Digest of a file given beside the scan.
fn file_given(what: &str, path: Option<&Path>) -> Result<Option<(std::path::PathBuf, String)>, Ended> {
    let Some(path) = path else { return Ok(None) };
    if !path.is_file() {
        return Err(Ended::new(
            exit::SCAN,
            anyhow!("the {what} given is no file that is there: check its name"),
        ));
    }
    Ok(Some((path.to_owned(), digest_input(path, &companions(path))?.0)))
}

/// Runs one case whole, or up to a stage.
pub fn run_case(
    scan: &Path,
    given: &Given<'_>,
    file: &PipelineFile,
    out: &Path,
    until: Option<&str>,
) -> Result<CaseResult, Ended> {
    if !scan.exists() {
        return Err(Ended::new(exit::SCAN, anyhow!("the scan given is not there: check its name")));
    }
    let _lock = lock_case(out)?;
    let (scan_sha256, files) = digest_input(scan, &companions(scan))?;
    let mask = file_given("mask", given.mask)?;
    let region = file_given("region", given.region)?;
    let resection = file_given("resection", given.resection)?;
    let implant = file_given("implant", given.implant)?;
    let typed = |numbers: &[f64]| digest_bytes(format!("{numbers:?}").as_bytes());
    let seed = given.defect_seed_lps_mm.map(|p| ("defect-seed", typed(&p)));
    let plane = given.resection_plane_lps.map(|p| ("resection-plane", typed(&p)));
    let inputs = CaseInputs {
        scan: scan.to_owned(),
        scan_sha256: scan_sha256.clone(),
        mask: mask.clone(),
        defect_seed_lps_mm: given.defect_seed_lps_mm,
        region: region.clone(),
        resection: resection.clone(),
        resection_plane_lps: given.resection_plane_lps,
        implant: implant.clone(),
        approved: false,
    };
    let stages = chain(file, &inputs)?;
    let files_given = [("mask", mask), ("region", region), ("resection", resection), ("implant", implant)]
        .into_iter()
        .filter_map(|(kind, file)| Some(CaseInput { kind: kind.into(), files: 1, sha256: file?.1 }));
    let typed_given = [seed, plane].into_iter().flatten().map(|(kind, sha256)| CaseInput {
        kind: kind.into(),
        files: 0,
        sha256,
    });
    let given = std::iter::once(CaseInput { kind: "scan".into(), files, sha256: scan_sha256 })
        .chain(files_given)
        .chain(typed_given)
        .collect();
    carry_out(out, &file.name, &stages, given, until)
}

/// Runs stages in a folder that is locked, and writes its ledger and provenance.
pub fn carry_out(
    out: &Path,
    pipeline: &str,
    stages: &[Box<dyn Stage>],
    mut given: Vec<CaseInput>,
    until: Option<&str>,
) -> Result<CaseResult, Ended> {
    if let Some(until) = until
        && !stages.iter().any(|s| s.id() == until)
    {
        let known: Vec<&str> = stages.iter().map(|s| s.id()).collect();
        return Err(Ended::new(
            exit::USAGE,
            anyhow!("--until {until} names no stage; there are {}", known.join(", ")),
        ));
    }
    let text = serde_json::to_string(&stages.iter().map(|s| s.parameters()).collect::<Vec<_>>())
        .expect("parameters are plain data");
    given.push(CaseInput { kind: "parameters".into(), files: 1, sha256: digest_bytes(text.as_bytes()) });
    let settings = RunSettings {
        case: out,
        pipeline: pipeline.to_owned(),
        inputs: given,
        until: until.map(str::to_owned),
        watch: &watch,
    };
    let mut outcome = run_stages(stages, &settings)?;
    let mut result = CaseResult {
        schema: "osteomill.result/1".into(),
        exit_code: exit::ACCEPT,
        verdict: None,
        reasons: Vec::new(),
        numbers: Vec::new(),
        report: None,
        seconds: outcome.ledger.seconds,
        stages_run: outcome
            .ledger
            .order
            .iter()
            .filter(|id| {
                outcome.ledger.stages.get(*id).is_some_and(|r| r.state == crate::store::StageState::Done)
            })
            .cloned()
            .collect(),
        error: None,
    };
    if let Some((stage, failure)) = &outcome.failure {
        result.exit_code = code_of(failure);
        result.error = Some(format!("{stage}: {failure}"));
    } else if until.is_none() {
        let verdict = CaseVerdict::read(&out.join("record/verdict.json"))
            .map_err(|e| Ended::new(exit::IO, anyhow!("record/verdict.json does not read: {e}")))?;
        result.exit_code = code_of_verdict(verdict.verdict);
        result.verdict = Some(verdict.verdict);
        result.reasons = verdict.reasons.clone();
        result.numbers = verdict.numbers;
        result.report = Some(out.join("report/report.html").display().to_string());
        outcome.ledger.verdict = Some(verdict.verdict);
        outcome.ledger.reasons = verdict.reasons;
    }
    outcome.ledger.exit_code = result.exit_code;
    write_ledger(out, &outcome.ledger)?;
    if until.is_none() && outcome.failure.is_none() {
        write_whole(&out.join("record/provenance.json"), &provenance(&outcome.ledger))?;
    }
    Ok(result)
}

/// Prints a case's result to stdout, an error to stderr.
pub fn print(result: &CaseResult, json: bool) {
    if json {
        println!("{}", serde_json::to_string_pretty(result).expect("a result is plain data"));
        return;
    }
    if let Some(error) = &result.error {
        eprintln!("osteomill: {error}");
        return;
    }
    if let Some(verdict) = result.verdict {
        let word = serde_json::to_value(verdict).expect("a verdict is plain data");
        println!("verdict: {}", word.as_str().unwrap_or_default());
    }
    for reason in &result.reasons {
        println!("  - {reason}");
    }
    for n in &result.numbers {
        println!("{:<44} {}", n.name, n.text());
    }
    if let Some(report) = &result.report {
        println!("report: {report}");
    }
    eprintln!("{:.1} s, {} stages run", result.seconds, result.stages_run.len());
}

/// The in-toto statement over every file of the case.
fn provenance(ledger: &crate::store::CaseFile) -> Vec<u8> {
    let records = || ledger.order.iter().filter_map(|id| ledger.stages.get(id).map(|r| (id, r)));
    let files: Vec<_> =
        records().flat_map(|(_, r)| r.outputs.iter().map(|o| (o.file.clone(), o.sha256.clone()))).collect();
    let materials: Vec<_> = ledger.inputs.iter().map(|i| (i.kind.clone(), i.sha256.clone())).collect();
    let stages: Vec<_> = records().map(|(id, r)| (id.clone(), r.revision, r.key.clone())).collect();
    provenance_statement(&files, &materials, &stages)
}

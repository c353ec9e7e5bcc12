//! `simulate`: programs from whatever CAM, judged by their text alone.

use std::path::Path;

use anyhow::{Context, anyhow};
use serde::Serialize;

use crate::catalog::{PipelineFile, ShopTexts, json_bytes};
use crate::formats::stl;
use crate::inspect::{inspect, inspect_marked};
use crate::milling::{ProgramText, mill};
use crate::model::{
    ImplantFacts, InspectionFacts, Job, Mesh, MillingFacts, OutOfTolerance, Part, Patient, Verdict,
};
use crate::store::write_whole;

use super::args::Simulate;
use super::demo::PEEK;
use super::progress::watch;
use super::result::{Ended, code_of_verdict, exit};

/// What `simulate` prints with `--json`.
#[derive(Serialize)]
struct SimulateResult {
    schema: &'static str,
    exit_code: i32,
    verdict: Verdict,
    reasons: Vec<String>,
    milling: MillingFacts,
    inspection: Option<InspectionFacts>,
    worst: Vec<OutOfTolerance>,
}

fn usage(error: anyhow::Error) -> Ended {
    Ended::new(exit::USAGE, error)
}

/// The design in the part's frame, and whose it is where that is said.
fn read_design(a: &Simulate) -> anyhow::Result<Option<(Mesh<Part>, Option<ImplantFacts>)>> {
    let Some(path) = &a.design else { return Ok(None) };
    let bytes = std::fs::read(path).context("--design cannot be read")?;
    let Some(pose) = &a.pose else {
        return Ok(Some((stl::read_stl(&bytes).context("--design")?.mesh, None)));
    };
    let facts: ImplantFacts = serde_json::from_slice(&std::fs::read(pose).context("--pose cannot be read")?)
        .context("--pose is not an implant.json")?;
    let in_patient: Mesh<Patient> = stl::read_stl(&bytes).context("--design")?.mesh;
    Ok(Some((in_patient.moved(&facts.part_from_patient), Some(facts))))
}

fn read_job(path: &Path) -> anyhow::Result<Job> {
    let text = std::fs::read_to_string(path).context("--job cannot be read")?;
    toml::from_str(&text).context("--job is not a job.toml")
}

/// The command.
pub fn simulate(a: &Simulate) -> Result<i32, Ended> {
    let file = match &a.pipeline {
        Some(p) => PipelineFile::read(p, &[])?,
        None => PipelineFile::parse(PEEK, &[], &ShopTexts::embedded())?,
    };
    let job = read_job(&a.job).map_err(usage)?;
    let design = read_design(a).map_err(usage)?;
    let mut programs = Vec::new();
    for (n, path) in a.programs.iter().enumerate() {
        let name = path.file_name().map_or_else(String::new, |f| f.to_string_lossy().into_owned());
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("program {} cannot be read as text", n + 1))
            .map_err(usage)?;
        programs.push(ProgramText { file: name, text });
    }
    if programs.len() != job.program.len() {
        return Err(usage(anyhow!(
            "{} programs were given, but job.toml lists {}: name them all, in its order",
            programs.len(),
            job.program.len()
        )));
    }
    let mesh = design.as_ref().map(|d| &d.0);
    let milled = mill(&programs, &job, mesh, &file.milling()?, watch("milling").as_ref())
        .map_err(|e| usage(e.into()))?;
    let inspection = match &design {
        Some((mesh, implant)) => {
            let (params, watch) = (file.inspect()?, watch("inspect"));
            let made = match implant {
                Some(facts) => inspect_marked(mesh, facts, &milled, &job, &params, watch.as_ref()),
                None => inspect(mesh, &milled, &job, None, &params, watch.as_ref()),
            };
            match made {
                Ok(i) => Some(i),
                // A program that was refused at its first words leaves nothing to measure: the fault is the answer.
                Err(_) if !milled.facts.collisions.is_empty() => None,
                Err(e) => return Err(usage(e.into())),
            }
        }
        None => None,
    };
    let mut reasons: Vec<String> = milled
        .facts
        .collisions
        .iter()
        .take(20)
        .map(|c| format!("{} line {}: {}: {}", c.program, c.line, c.kind, c.message))
        .collect();
    let mut verdict = if reasons.is_empty() { Verdict::Accept } else { Verdict::Reject };
    let mut worst = Vec::new();
    match inspection.as_ref() {
        Some(i) => {
            if i.facts.verdict == Verdict::Reject || verdict == Verdict::Reject {
                verdict = Verdict::Reject;
            } else {
                verdict = i.facts.verdict;
            }
            reasons.extend(i.facts.reasons.iter().cloned());
            worst.clone_from(&i.facts.surface.worst);
        }
        None if verdict == Verdict::Accept => {
            verdict = Verdict::Review;
            reasons.push("no design was given: the milled part was not measured".into());
        }
        None => {}
    }
    if let Some(out) = &a.out {
        write_whole(&out.join("milled.stl"), &stl::stl_bytes(&milled.mesh))?;
        write_whole(&out.join("milling.json"), &json_bytes(&milled.facts))?;
        if let Some(i) = &inspection {
            write_whole(&out.join("inspection.json"), &json_bytes(&i.facts))?;
        }
    }
    let result = SimulateResult {
        schema: "osteomill.simulate/1",
        exit_code: code_of_verdict(verdict),
        verdict,
        reasons,
        milling: milled.facts,
        inspection: inspection.map(|i| i.facts),
        worst,
    };
    if a.json {
        println!("{}", serde_json::to_string_pretty(&result).expect("a result is plain data"));
    } else {
        let word = serde_json::to_value(verdict).expect("a verdict is plain data");
        println!("verdict: {}", word.as_str().unwrap_or_default());
        for r in &result.reasons {
            println!("  - {r}");
        }
        for w in result.worst.iter().take(5) {
            println!(
                "  {:+.4} mm at part {:.2} {:.2} {:.2}: {} line {}",
                w.deviation_mm, w.place_part_mm[0], w.place_part_mm[1], w.place_part_mm[2], w.program, w.line
            );
        }
        println!(
            "{} blocks, {:.0} s, {:.0} mm at feed, {:.0} mm at rapid",
            result.milling.blocks,
            result.milling.time_s,
            result.milling.path_mm_cut,
            result.milling.path_mm_rapid
        );
    }
    Ok(result.exit_code)
}

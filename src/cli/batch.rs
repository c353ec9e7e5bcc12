//! `batch`: every case of a folder or a list, each in a process of its own, so that one that breaks stops nothing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, anyhow, bail};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalog::json_bytes;
use crate::store::{digest_bytes, write_whole};

use super::args::Batch;
use super::result::{Ended, exit};

/// One case to run.
struct Job {
    case: String,
    entry: usize,
    scan: PathBuf,
    mask: Option<PathBuf>,
    pipeline: PathBuf,
    series: Option<String>,
    sets: Vec<String>,
}

/// A case's line in `summary.json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SummaryLine {
    /// Folder of the case below the batch's folder.
    pub case: String,
    /// Which entry of the input it was, counted from 1 in name order (a CSV: in line order).
    pub entry: usize,
    /// True when the chain ended without an error, whatever the verdict.
    pub done: bool,
    /// Exit code of its run.
    pub exit_code: i32,
    /// Verdict, when it came to one.
    pub verdict: Option<String>,
    /// Why.
    pub reasons: Vec<String>,
    /// The error, when it failed.
    pub error: Option<String>,
    /// Wall time, s.
    pub seconds: f64,
}

/// `summary.json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// `osteomill.summary/1`.
    pub schema: String,
    /// Cases done.
    pub done: usize,
    /// Cases failed.
    pub failed: usize,
    /// Exit code of the batch.
    pub exit_code: i32,
    /// In the order of the input.
    pub cases: Vec<SummaryLine>,
}

/// The command.
pub fn batch(a: &Batch) -> Result<i32, Ended> {
    let jobs = list(a).map_err(|e| Ended::new(exit::USAGE, e))?;
    let program = std::env::current_exe().map_err(|e| Ended::new(exit::IO, e))?;
    let next = AtomicUsize::new(0);
    let lines: Mutex<Vec<Option<SummaryLine>>> = Mutex::new(vec![None; jobs.len()]);
    std::thread::scope(|scope| {
        for _ in 0..a.jobs.clamp(1, jobs.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::SeqCst);
                    let Some(job) = jobs.get(n) else { return };
                    let line = run_one(&program, job, &a.out);
                    eprintln!(
                        "{}: {}",
                        line.case,
                        line.error.as_deref().or(line.verdict.as_deref()).unwrap_or("ended without a word")
                    );
                    lines.lock().expect("no thread panics while it holds the lines")[n] = Some(line);
                }
            });
        }
    });
    let cases: Vec<SummaryLine> =
        lines.into_inner().expect("threads have ended").into_iter().flatten().collect();
    let failed = cases.iter().filter(|c| !c.done).count();
    let code = if failed == cases.len() {
        exit::ALL_FAILED
    } else if failed > 0 {
        exit::SOME_FAILED
    } else if cases.iter().any(|c| c.exit_code == exit::NOT_ACCEPTED) {
        exit::NOT_ACCEPTED
    } else {
        exit::ACCEPT
    };
    let summary = Summary {
        schema: "osteomill.summary/1".into(),
        done: cases.len() - failed,
        failed,
        exit_code: code,
        cases,
    };
    write_whole(&a.out.join("summary.json"), &json_bytes(&summary))?;
    write_whole(
        &a.out.join("index.html"),
        index_html(&summary).map_err(|e| Ended::new(exit::IO, e))?.as_bytes(),
    )?;
    if a.json {
        println!("{}", serde_json::to_string_pretty(&summary).expect("a summary is plain data"));
    } else {
        println!("{} done, {} failed; {}", summary.done, summary.failed, a.out.join("index.html").display());
        for c in summary.cases.iter().filter(|c| !c.done) {
            println!("  {} (entry {}): {}", c.case, c.entry, c.error.as_deref().unwrap_or("no message"));
        }
    }
    Ok(code)
}

fn run_one(program: &Path, job: &Job, out: &Path) -> SummaryLine {
    let start = std::time::Instant::now();
    let mut command = Command::new(program);
    command.arg("run").arg(&job.scan).arg("--pipeline").arg(&job.pipeline);
    command.arg("--out").arg(out.join(&job.case)).arg("--json");
    if let Some(mask) = &job.mask {
        command.arg("--mask").arg(mask);
    }
    for set in &job.sets {
        command.arg("--set").arg(set);
    }
    if let Some(series) = &job.series {
        command.arg("--series").arg(series);
    }
    let output = command.stdin(Stdio::null()).output();
    let mut line = SummaryLine {
        case: job.case.clone(),
        entry: job.entry,
        done: false,
        exit_code: exit::IO,
        verdict: None,
        reasons: Vec::new(),
        error: None,
        seconds: 0.0,
    };
    match output {
        Err(e) => line.error = Some(format!("the run could not be started: {e}")),
        Ok(output) => {
            line.exit_code = output.status.code().unwrap_or(exit::IO);
            let result: Option<serde_json::Value> = serde_json::from_slice(&output.stdout).ok();
            let text = |key: &str| result.as_ref().and_then(|r| r[key].as_str()).map(str::to_owned);
            line.verdict = text("verdict");
            line.reasons = result
                .as_ref()
                .and_then(|r| r["reasons"].as_array())
                .map(|a| a.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect())
                .unwrap_or_default();
            line.done = line.verdict.is_some();
            if !line.done {
                let last = String::from_utf8_lossy(&output.stderr);
                let last = last.lines().rev().find(|l| l.contains("osteomill: ")).map(str::to_owned);
                line.error = text("error")
                    .or(last)
                    .or_else(|| Some(format!("ended with code {} and no message", line.exit_code)));
            }
        }
    }
    line.seconds = start.elapsed().as_secs_f64();
    line
}

fn list(a: &Batch) -> anyhow::Result<Vec<Job>> {
    let jobs = if a.cases.is_dir() { list_folder(a)? } else { list_csv(a)? };
    if jobs.is_empty() {
        bail!("the batch is empty: a folder needs one sub-folder per scan, a CSV one line per case");
    }
    Ok(jobs)
}

fn list_folder(a: &Batch) -> anyhow::Result<Vec<Job>> {
    let out = a.out.canonicalize().ok();
    let mut entries: Vec<PathBuf> = std::fs::read_dir(&a.cases)
        .context("the folder of scans cannot be listed")?
        .filter_map(|e| e.ok().map(|e| e.path()))
        .filter(|p| p.is_dir() && p.canonicalize().ok() != out)
        .collect();
    entries.sort();
    Ok(entries
        .into_iter()
        .enumerate()
        .map(|(n, scan)| {
            // The folder's name may be a patient's: its hash stands for it.
            let name = scan.file_name().map_or_else(String::new, |f| f.to_string_lossy().into_owned());
            let hash = digest_bytes(name.as_bytes());
            Job {
                case: format!("case-{:03}-{}", n + 1, &hash[..8]),
                entry: n + 1,
                scan,
                mask: None,
                pipeline: a.pipeline.clone(),
                series: None,
                sets: Vec::new(),
            }
        })
        .collect())
}

fn list_csv(a: &Batch) -> anyhow::Result<Vec<Job>> {
    let text = std::fs::read_to_string(&a.cases).context("the list of cases cannot be read")?;
    let folder = a.cases.parent().unwrap_or(Path::new("."));
    let mut lines = text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty());
    let (_, head) = lines.next().ok_or_else(|| anyhow!("the list of cases is empty"))?;
    let columns: Vec<&str> = head.split(',').map(str::trim).collect();
    let column = |name: &str| columns.iter().position(|c| *c == name);
    let (Some(case), Some(scan)) = (column("case"), column("scan")) else {
        bail!("the first line of the list must name the columns case,scan[,mask][,pipeline][,series][,set]");
    };
    if let Some(c) =
        columns.iter().find(|c| !["case", "scan", "mask", "pipeline", "series", "set"].contains(c))
    {
        bail!("column `{c}` is unknown; there are case, scan, mask, pipeline, series, set");
    }
    let mut jobs: Vec<Job> = Vec::new();
    for (entry, (n, line)) in lines.enumerate() {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        let cell = |at: Option<usize>| at.and_then(|i| cells.get(i)).filter(|c| !c.is_empty()).copied();
        let name = cell(Some(case)).ok_or_else(|| anyhow!("line {} names no case", n + 1))?;
        let plain =
            name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) && !name.starts_with('.');
        if !plain {
            bail!(
                "line {}: a case name has letters, digits, `-`, `_` and `.` only, and begins with none of dots",
                n + 1
            );
        }
        if jobs.iter().any(|j| j.case == name) {
            bail!("line {}: case `{name}` is there twice", n + 1);
        }
        let scan = cell(Some(scan)).ok_or_else(|| anyhow!("line {} names no scan", n + 1))?;
        jobs.push(Job {
            case: name.to_owned(),
            entry: entry + 1,
            scan: folder.join(scan),
            mask: cell(column("mask")).map(|m| folder.join(m)),
            pipeline: cell(column("pipeline")).map_or_else(|| a.pipeline.clone(), |p| folder.join(p)),
            series: cell(column("series")).map(str::to_owned),
            sets: cell(column("set"))
                .map(|s| s.split(';').map(|s| s.trim().to_owned()).collect())
                .unwrap_or_default(),
        });
    }
    Ok(jobs)
}

const INDEX: &str = r#"<!doctype html><html lang="en"><meta charset="utf-8"><title>osteomill batch</title>
<style>body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;color:#1a1a1a}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.4rem .7rem;border-bottom:1px solid #ddd;vertical-align:top}
.accept,.none{color:#156c2f}.review{color:#8a5a00}.reject,.failed{color:#a3161a}</style>
<h1>{{ s.done }} done, {{ s.failed }} failed</h1>
<table><tr><th>case</th><th>entry</th><th>verdict</th><th>why</th><th>time</th></tr>
{% for c in s.cases %}<tr><td>{% if c.done %}<a href="{{ c.case }}/report/report.html">{{ c.case }}</a>{% else %}{{ c.case }}{% endif %}</td>
<td>{{ c.entry }}</td><td class="{{ c.verdict or 'failed' }}">{{ c.verdict or 'failed' }}</td>
<td>{% if c.error %}{{ c.error }}{% else %}{% for r in c.reasons %}{{ r }}<br>{% endfor %}{% endif %}</td>
<td>{{ c.seconds|round(1) }} s</td></tr>{% endfor %}</table></html>
"#;

fn index_html(summary: &Summary) -> anyhow::Result<String> {
    let mut env = minijinja::Environment::new();
    env.add_template("index.html", INDEX)?;
    Ok(env
        .get_template("index.html")?
        .render(minijinja::value::Serde(serde_json::json!({ "s": summary })))?)
}

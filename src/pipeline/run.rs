//! The runner.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::model::Watch;
use crate::store::{
    CaseFile, CaseInput, OutputFile, StageRecord, StageState, StoreError, digest_bytes, digest_file,
    write_whole,
};

use super::memory;
use super::stage::{Board, FailureKind, Noun, Outputs, Stage, StageFailure};

/// How to run; enters no key.
pub struct RunSettings<'a> {
    /// The case folder; the caller holds its lock.
    pub case: &'a Path,
    /// Name of the pipeline for the ledger.
    pub pipeline: String,
    /// Inputs by content for the ledger.
    pub inputs: Vec<CaseInput>,
    /// Last stage to run.
    pub until: Option<String>,
    /// Makes the progress display of one stage.
    pub watch: &'a dyn Fn(&str) -> Box<dyn Watch>,
}

/// How a run ended.
pub struct RunOutcome {
    /// The ledger as written.
    pub ledger: CaseFile,
    /// The nouns that were needed.
    pub board: Board,
    /// The stage that failed, and why.
    pub failure: Option<(String, StageFailure)>,
}

impl From<StoreError> for StageFailure {
    fn from(e: StoreError) -> Self {
        StageFailure::new(FailureKind::Io, &e)
    }
}

/// Reads the ledger of an earlier run; `None` where there is none.
///
/// # Errors
/// [`StoreError::Ledger`] when it is there and does not read.
fn earlier(case: &Path) -> Result<Option<CaseFile>, StoreError> {
    match std::fs::read(case.join("case.json")) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| StoreError::Ledger(e.to_string())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(StoreError::io("read", &case.join("case.json"), e)),
    }
}

fn cache_path(case: &Path, id: &str) -> PathBuf {
    case.join(".cache").join(format!("{id}.bin"))
}

fn key_of(stage: &dyn Stage, products: &BTreeMap<&'static str, String>) -> String {
    let needs: Vec<(&str, &str)> = stage.needs().iter().map(|n| (*n, products[n].as_str())).collect();
    let text = serde_json::json!([stage.id(), stage.revision(), stage.parameters(), needs]);
    digest_bytes(text.to_string().as_bytes())
}

/// True when every file of the record is on disk with its digest.
fn stands(case: &Path, record: &StageRecord) -> bool {
    record.outputs.iter().all(|o| digest_file(&case.join(&o.file)).is_ok_and(|d| d == o.sha256))
}

struct Runner<'a> {
    stages: &'a [Box<dyn Stage>],
    settings: &'a RunSettings<'a>,
    board: Board,
}

impl Runner<'_> {
    /// Puts the nouns that `stage` needs on the board, reviving kept ones.
    fn gather(&mut self, stage: &dyn Stage) -> Result<(), StageFailure> {
        for need in stage.needs() {
            if self.board.nouns.contains_key(need) {
                continue;
            }
            let maker = self.stages.iter().find(|s| s.id() == *need).expect("needs name stages of the list");
            self.gather(maker.as_ref())?;
            let path = cache_path(self.settings.case, need);
            let bytes = std::fs::read(&path).unwrap_or_default();
            let watch = (self.settings.watch)(need);
            let noun = match maker.revive(&self.board, &bytes, watch.as_ref()) {
                Ok(noun) => noun,
                // A cache that does not read is not trusted: the stage runs again.
                Err(_) => maker.run(&self.board, &mut Outputs::default(), watch.as_ref())?,
            };
            self.board.nouns.insert(maker.id(), noun);
        }
        Ok(())
    }

    fn run_stage(&mut self, stage: &dyn Stage, key: String) -> Result<StageRecord, StageFailure> {
        self.gather(stage)?;
        memory::reset_peak();
        let start = Instant::now();
        let mut outputs = Outputs::default();
        let watch = (self.settings.watch)(stage.id());
        let noun: Noun = stage.run(&self.board, &mut outputs, watch.as_ref())?;
        drop(watch);
        let mut files = Vec::new();
        for (name, bytes) in &outputs.files {
            write_whole(&self.settings.case.join(name), bytes)?;
            files.push(OutputFile { file: name.clone(), sha256: digest_bytes(bytes) });
        }
        let kept = stage.keep(&noun);
        if let Some(bytes) = &kept {
            write_whole(&cache_path(self.settings.case, stage.id()), bytes)?;
        }
        let listed: String = files.iter().map(|f| f.sha256.as_str()).collect::<Vec<_>>().join("\n");
        let product = match &kept {
            Some(bytes) => digest_bytes(format!("{}\n{listed}", digest_bytes(bytes)).as_bytes()),
            // Without kept bytes the key stands for the noun: the stage's inputs say all.
            None => digest_bytes(format!("{key}\n{listed}").as_bytes()),
        };
        self.board.nouns.insert(stage.id(), noun);
        Ok(StageRecord {
            state: StageState::Done,
            key,
            product,
            revision: stage.revision(),
            parameters: stage.parameters(),
            seconds: start.elapsed().as_secs_f64(),
            peak_mb: memory::peak_mb(),
            outputs: files,
            error: None,
        })
    }
}

/// Runs `stages` in order into the case folder.
///
/// A failing stage ends the run; the ledger says which and why.
///
/// # Errors
/// [`StoreError`] when the ledger can be neither read nor written.
pub fn run(stages: &[Box<dyn Stage>], settings: &RunSettings) -> Result<RunOutcome, StoreError> {
    let start = Instant::now();
    let before = earlier(settings.case)?;
    let mut ledger = CaseFile {
        schema: "osteomill.case/1".into(),
        tool_version: env!("CARGO_PKG_VERSION").into(),
        pipeline: settings.pipeline.clone(),
        inputs: settings.inputs.clone(),
        order: stages.iter().map(|s| s.id().to_owned()).collect(),
        stages: BTreeMap::new(),
        verdict: None,
        reasons: Vec::new(),
        exit_code: 0,
        seconds: 0.0,
        peak_mb: 0.0,
    };
    let mut runner = Runner { stages, settings, board: Board::default() };
    let mut products: BTreeMap<&'static str, String> = BTreeMap::new();
    let mut failure = None;
    for stage in stages {
        let stage = stage.as_ref();
        let key = key_of(stage, &products);
        let old = before.as_ref().and_then(|b| b.stages.get(stage.id()));
        let unchanged = old.filter(|r| r.key == key && r.error.is_none() && stands(settings.case, r));
        let record = match unchanged {
            Some(r) => Ok(StageRecord { state: StageState::Kept, ..r.clone() }),
            None => runner.run_stage(stage, key.clone()),
        };
        match record {
            Ok(record) => {
                products.insert(stage.id(), record.product.clone());
                // Files an earlier run of this stage wrote and this one did not are stale: away with them.
                for stale in old.iter().flat_map(|r| &r.outputs) {
                    if !record.outputs.iter().any(|o| o.file == stale.file) {
                        std::fs::remove_file(settings.case.join(&stale.file)).ok();
                    }
                }
                ledger.stages.insert(stage.id().to_owned(), record);
            }
            Err(e) => {
                ledger.stages.insert(
                    stage.id().to_owned(),
                    StageRecord {
                        state: StageState::Failed,
                        key,
                        product: String::new(),
                        revision: stage.revision(),
                        parameters: stage.parameters(),
                        seconds: 0.0,
                        peak_mb: memory::peak_mb(),
                        outputs: Vec::new(),
                        error: Some(e.message.clone()),
                    },
                );
                failure = Some((stage.id().to_owned(), e));
            }
        }
        ledger.seconds = start.elapsed().as_secs_f64();
        ledger.peak_mb = ledger.stages.values().map(|r| r.peak_mb).fold(0.0, f64::max);
        write_ledger(settings.case, &ledger)?;
        if failure.is_some() || settings.until.as_deref() == Some(stage.id()) {
            break;
        }
    }
    Ok(RunOutcome { ledger, board: runner.board, failure })
}

/// Writes `case.json`.
///
/// # Errors
/// [`StoreError::Io`].
pub fn write_ledger(case: &Path, ledger: &CaseFile) -> Result<(), StoreError> {
    let mut text = serde_json::to_vec_pretty(ledger).map_err(|e| StoreError::Ledger(e.to_string()))?;
    text.push(b'\n');
    write_whole(&case.join("case.json"), &text)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::model::Silent;

    /// Adds its own number to that of its need.
    struct Add {
        id: &'static str,
        needs: &'static [&'static str],
        number: u64,
        runs: Arc<AtomicUsize>,
    }

    impl Stage for Add {
        fn id(&self) -> &'static str {
            self.id
        }
        fn revision(&self) -> u32 {
            1
        }
        fn needs(&self) -> &'static [&'static str] {
            self.needs
        }
        fn parameters(&self) -> serde_json::Value {
            serde_json::json!({ "number": self.number })
        }
        fn run(&self, board: &Board, outputs: &mut Outputs, _: &dyn Watch) -> Result<Noun, StageFailure> {
            self.runs.fetch_add(1, Ordering::SeqCst);
            let sum = self.number + self.needs.iter().map(|n| *board.get::<u64>(n)).sum::<u64>();
            outputs.add(format!("{}.txt", self.id), sum.to_string().into_bytes());
            Ok(Arc::new(sum))
        }
        fn keep(&self, noun: &Noun) -> Option<Vec<u8>> {
            Some(noun.downcast_ref::<u64>().expect("a sum").to_le_bytes().to_vec())
        }
        fn revive(&self, _: &Board, bytes: &[u8], _: &dyn Watch) -> Result<Noun, StageFailure> {
            let bytes = bytes
                .try_into()
                .map_err(|_| StageFailure { kind: FailureKind::Io, message: "not eight bytes".into() })?;
            Ok(Arc::new(u64::from_le_bytes(bytes)))
        }
    }

    fn go(case: &Path, numbers: [u64; 3]) -> [usize; 3] {
        let counts: [Arc<AtomicUsize>; 3] = std::array::from_fn(|_| Arc::default());
        let add = |i: usize, id, needs| -> Box<dyn Stage> {
            Box::new(Add { id, needs, number: numbers[i], runs: counts[i].clone() })
        };
        let stages = [add(0, "a", &[]), add(1, "b", &["a"]), add(2, "c", &["a", "b"])];
        let settings = RunSettings {
            case,
            pipeline: "test".into(),
            inputs: Vec::new(),
            until: None,
            watch: &|_| Box::new(Silent),
        };
        let outcome = run(&stages, &settings).unwrap();
        assert!(outcome.failure.is_none());
        counts.map(|c| c.load(Ordering::SeqCst))
    }

    #[test]
    fn only_what_depends_on_a_change_runs_again() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(go(dir.path(), [1, 10, 100]), [1, 1, 1]);
        assert_eq!(go(dir.path(), [1, 10, 100]), [0, 0, 0]);
        assert_eq!(go(dir.path(), [1, 10, 200]), [0, 0, 1]);
        assert_eq!(go(dir.path(), [1, 20, 200]), [0, 1, 1]);
        assert_eq!(std::fs::read_to_string(dir.path().join("c.txt")).unwrap(), "222");
    }

    #[test]
    fn a_changed_or_lost_file_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        go(dir.path(), [1, 10, 100]);
        std::fs::write(dir.path().join("b.txt"), "13").unwrap();
        // b runs again; its product comes out equal, so c is kept.
        assert_eq!(go(dir.path(), [1, 10, 100]), [0, 1, 0]);
        assert_eq!(std::fs::read_to_string(dir.path().join("b.txt")).unwrap(), "11");
    }
}

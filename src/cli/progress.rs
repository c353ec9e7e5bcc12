//! Progress on stderr: bars on a terminal, plain lines otherwise.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::model::Watch;

/// A bar for one stage.
struct Bar(ProgressBar);

impl Watch for Bar {
    fn progress(&self, done: u64, total: u64) {
        self.0.set_length(total.max(1));
        self.0.set_position(done);
    }
    fn note(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
        eprintln!("{:>15}  {:.1} s", self.0.prefix(), self.0.elapsed().as_secs_f64());
    }
}

/// Plain lines for one stage.
struct Lines {
    stage: String,
    start: std::time::Instant,
}

impl Watch for Lines {
    fn progress(&self, _: u64, _: u64) {}
    fn note(&self, what: &str) {
        eprintln!("{}: {what}", self.stage);
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        eprintln!("{}: done in {:.1} s", self.stage, self.start.elapsed().as_secs_f64());
    }
}

/// The display of one stage.
pub fn watch(stage: &str) -> Box<dyn Watch> {
    if !std::io::stderr().is_terminal() {
        return Box::new(Lines { stage: stage.to_owned(), start: std::time::Instant::now() });
    }
    let style = ProgressStyle::with_template("{prefix:>15}  {bar:30} {elapsed} {wide_msg}")
        .expect("the template is a constant");
    let bar = ProgressBar::new(1).with_style(style).with_prefix(stage.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    Box::new(Bar(bar))
}

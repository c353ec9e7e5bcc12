//! The command line: the only room that talks to people.
//!
//! **In** arguments. **Out** one result on stdout (lines, or JSON with `--json`), progress on stderr, an exit code.
//!
//! **Guarantees** Nothing but the result goes to stdout. Scans are never named in messages: file and folder names
//! carry patients' names.

mod args;
mod batch;
mod bench;
mod case;
mod demo;
mod mill;
mod progress;
mod result;
mod simulate;
mod study;

use std::process::ExitCode;

use clap::Parser;

pub use batch::Summary;
pub use result::{CaseResult, exit};

/// Runs the command line and gives the process's exit code.
pub fn main() -> ExitCode {
    let arguments = match args::Arguments::try_parse() {
        Ok(a) => a,
        Err(e) => {
            // Help and version are no errors; anything else is wrong usage.
            let code = if e.use_stderr() { exit::USAGE } else { exit::ACCEPT };
            e.print().ok();
            return ExitCode::from(code as u8);
        }
    };
    let code = match arguments.command {
        args::Command::Demo(a) => demo::demo(&a),
        args::Command::Run(a) => case::run(&a),
        args::Command::Batch(a) => batch::batch(&a),
        args::Command::Scan(a) => study::scan(&a),
        args::Command::Bench(a) => bench::bench(&a),
        args::Command::Mill(a) => mill::mill(&a),
        args::Command::Simulate(a) => simulate::simulate(&a),
    };
    match code {
        Ok(code) => ExitCode::from(code as u8),
        Err(e) => {
            eprintln!("osteomill: {:#}", e.error);
            ExitCode::from(e.code as u8)
        }
    }
}

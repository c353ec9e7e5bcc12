//! `demo`: the phantom as a DICOM series, then the whole chain on the shipped PEEK pipeline.

use crate::catalog::{PipelineFile, ShopTexts};
use crate::phantom::{Phantom, PhantomSpec};

use super::args::Demo;
use super::case::{Given, print, run_case, set_threads};
use super::progress::watch;
use super::result::{Ended, exit};

/// The shipped PEEK pipeline.
pub const PEEK: &str = include_str!("../../pipelines/cranial-peek.toml");

/// The command.
pub fn demo(a: &Demo) -> Result<i32, Ended> {
    set_threads(a.threads);
    let mut spec = PhantomSpec::demo();
    spec.mirrored = a.mirrored;
    if let Some(seed) = a.seed {
        spec.seed = seed;
    }
    let scan = a.out.join("phantom-ct");
    {
        let watch = watch("phantom");
        watch.note("a head phantom as a DICOM CT series");
        let phantom = Phantom::new(spec).map_err(|e| Ended::new(exit::USAGE, e))?;
        phantom.write_dicom(&scan, watch.as_ref()).map_err(|e| Ended::new(exit::IO, e))?;
    }
    let file = PipelineFile::parse(PEEK, &[], &ShopTexts::embedded())?;
    let result = run_case(&scan, &Given::default(), &file, &a.out.join("case"), None)?;
    print(&result, a.json);
    Ok(result.exit_code)
}

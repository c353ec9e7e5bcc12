//! `mill`: any closed mesh, from plan to inspection.

use anyhow::anyhow;

use crate::catalog::{PartInputs, PipelineFile, part_chain};
use crate::store::{CaseInput, digest_input, lock_case};

use super::args::Mill;
use super::case::{carry_out, print, set_threads};
use super::result::{Ended, exit};

/// The command.
pub fn mill(a: &Mill) -> Result<i32, Ended> {
    set_threads(a.threads);
    let file = PipelineFile::read(&a.pipeline, &a.sets)?;
    if !a.design.is_file() {
        return Err(Ended::new(
            exit::USAGE,
            anyhow!("the design given is no file that is there: check its name"),
        ));
    }
    let _lock = lock_case(&a.out)?;
    let (design_sha256, files) = digest_input(&a.design, &[])?;
    let inputs =
        PartInputs { design: a.design.clone(), design_sha256: design_sha256.clone(), approved: false };
    let stages = part_chain(&file, &inputs)?;
    let given = vec![CaseInput { kind: "design".into(), files, sha256: design_sha256 }];
    let result = carry_out(&a.out, &file.name, &stages, given, a.until.as_deref())?;
    print(&result, a.json);
    Ok(result.exit_code)
}

//! What a judge must know of the shop floor.

use crate::model::{Job, JobProgram, Plan, Program, Tool};

/// The job of a plan's programs, in the order of the programs. A program whose setup the plan does not have is left out,
/// so the judge refuses it as unknown.
pub fn job_of(plan: &Plan, programs: &[Program]) -> Job {
    let program = programs
        .iter()
        .filter_map(|p| {
            let s = plan.setups.iter().find(|s| s.number == p.setup)?;
            Some(JobProgram {
                file: p.file.clone(),
                dialect: p.dialect,
                setup: s.number,
                work_offset: s.work_offset.clone(),
                part_from_work: s.part_from_work,
                work_zero_machine_mm: s.work_zero_machine_mm,
            })
        })
        .collect();
    let mut tool: Vec<Tool> = plan.tools.values().cloned().collect();
    tool.sort_by_key(|t| t.number);
    // One tool may have two roles.
    tool.dedup_by_key(|t| t.number);
    Job {
        schema: "osteomill.job/1".into(),
        program,
        stock: plan.stock.clone(),
        machine: plan.machine.clone(),
        tool,
        fixture: plan.fixtures.clone(),
    }
}

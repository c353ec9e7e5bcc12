//! What a judge must know of the shop floor.

use crate::model::{ChipLoadLimit, Job, JobProgram, JobTab, Material, Plan, Program, Tool, ToolKind};

/// The job of a plan's programs, in the order of the programs. A program whose setup the plan does not have is left out,
/// so the judge refuses it as unknown. `left_on_mm`: of each tab of the plan what the programs leave on about it, where that is
/// known ([`JobTab::left_on_mm`]).
pub fn job_of(plan: &Plan, programs: &[Program], left_on_mm: &[Option<[[f64; 2]; 3]>]) -> Job {
    let program = programs
        .iter()
        .filter_map(|p| {
            let s = plan.setups.iter().find(|s| s.number == p.setup)?;
            // The job gives the pose with the rotary axes at zero: the judge turns them itself.
            let level = plan.setups.iter().find(|c| c.number == s.clamping)?;
            Some(JobProgram {
                file: p.file.clone(),
                dialect: p.dialect,
                setup: s.number,
                work_offset: s.work_offset.clone(),
                part_from_work: level.part_from_work,
                work_zero_machine_mm: s.work_zero_machine_mm,
            })
        })
        .collect();
    let mut tool: Vec<Tool> = plan.tools.values().cloned().collect();
    tool.sort_by_key(|t| t.number);
    // One tool may have two roles.
    tool.dedup_by_key(|t| t.number);
    let chip_load = tool
        .iter()
        .filter(|t| t.kind != ToolKind::Probe)
        .map(|t| ChipLoadLimit { tool: t.number, chip_load_max_mm: chip_load_max_mm(t, &plan.material) })
        .collect();
    Job {
        schema: "osteomill.job/1".into(),
        expansion_um_per_m_k: Some(plan.material.expansion_um_per_m_k),
        program,
        stock: plan.stock.clone(),
        machine: plan.machine.clone(),
        tool,
        fixture: plan.fixtures.clone(),
        chip_load,
        tab: plan
            .tabs
            .iter()
            .enumerate()
            .map(|(n, t)| JobTab { left_on_mm: left_on_mm.get(n).copied().flatten(), ..JobTab::of(t) })
            .collect(),
    }
}

/// Over the material table's chip load. The makers' ranges that the table cites (`materials.toml`) end between 1.5 and 1.7
/// times the value it starts from; at twice that no maker stands behind the tool, and a slip of the decimal point is far
/// beyond it.
const CHIP_LOAD_OVER_TABLE: f64 = 2.0;

/// What a tooth of this tool may take, mm: scaled with the diameter as the feeds are. A milling tool may rough and finish.
fn chip_load_max_mm(tool: &Tool, material: &Material) -> f64 {
    let per_tooth_d6 = match tool.kind {
        ToolKind::Drill => material.drill.feed_per_tooth_mm_d6,
        _ => material.rough.feed_per_tooth_mm_d6.max(material.finish.feed_per_tooth_mm_d6),
    };
    let limit = CHIP_LOAD_OVER_TABLE * per_tooth_d6 * tool.diameter_mm / 6.0;
    // A tenth of a micrometre is as fine as a person reads it.
    (limit * 1e4).round() / 1e4
}

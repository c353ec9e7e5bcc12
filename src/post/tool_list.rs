//! `program/tools.json`: what must be in the magazine.

use std::fmt::Write;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Dialect, Operation, Plan, Program, Tool};

use super::dialect::wording;
use super::program::{tool_words, tools_by_number};

/// One tool of the list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ToolEntry {
    /// Roles in the plan.
    pub roles: Vec<String>,
    /// Programs that use it.
    pub programs: Vec<String>,
    /// The tool.
    pub tool: Tool,
}

/// `part-N/program/tools.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ToolList {
    /// `osteomill.tools/1`.
    pub schema: String,
    /// What the programs are written in.
    pub dialect: Dialect,
    /// By T number; only tools that a program uses.
    pub tools: Vec<ToolEntry>,
    /// The same as a LinuxCNC tool table with lengths to be measured (zero).
    pub linuxcnc_tool_table: String,
}

/// True where the program probes with this tool.
fn probes(plan: &Plan, program: &Program, number: u32) -> bool {
    plan.flip.as_ref().is_some_and(|c| c.probed_in == program.setup)
        && plan.tools.get("probe").is_some_and(|t| t.number == number)
        && wording(program.dialect).probing().is_some()
}

/// The tools that the operations use, and the programs that use them.
pub fn tool_list(plan: &Plan, operations: &[Operation], programs: &[Program]) -> ToolList {
    let mut tools = Vec::new();
    let mut table = String::new();
    for (number, tool) in tools_by_number(plan) {
        let users: Vec<String> = programs
            .iter()
            .filter(|p| {
                operations.iter().any(|o| o.setup == p.setup && o.tool == number) || probes(plan, p, number)
            })
            .map(|p| p.file.clone())
            .collect();
        if users.is_empty() {
            continue;
        }
        let roles = plan.tools.iter().filter(|(_, t)| t.number == number).map(|(r, _)| r.clone()).collect();
        let _ = writeln!(table, "T{number} P{number} Z0.0 D{:.4} ;{}", tool.diameter_mm, tool_words(tool));
        tools.push(ToolEntry { roles, programs: users, tool: tool.clone() });
    }
    let dialect = programs.first().map_or(Dialect::default(), |p| p.dialect);
    ToolList { schema: "osteomill.tools/1".into(), dialect, tools, linuxcnc_tool_table: table }
}

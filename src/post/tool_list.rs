//! `program/tools.json`: what must be in the magazine.

use std::fmt::Write;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Operation, Plan, Tool};

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
    /// By T number; only tools that a program uses.
    pub tools: Vec<ToolEntry>,
    /// The same as a LinuxCNC tool table with lengths to be measured (zero).
    pub linuxcnc_tool_table: String,
}

/// The tools that the operations use.
pub fn tool_list(plan: &Plan, operations: &[Operation]) -> ToolList {
    let mut tools = Vec::new();
    let mut table = String::new();
    for (number, tool) in tools_by_number(plan) {
        let programs: Vec<String> = plan
            .setups
            .iter()
            .filter(|s| operations.iter().any(|o| o.setup == s.number && o.tool == number))
            .map(|s| format!("op{}.ngc", s.number))
            .collect();
        if programs.is_empty() {
            continue;
        }
        let roles = plan.tools.iter().filter(|(_, t)| t.number == number).map(|(r, _)| r.clone()).collect();
        let _ = writeln!(table, "T{number} P{number} Z0.0 D{:.4} ;{}", tool.diameter_mm, tool_words(tool));
        tools.push(ToolEntry { roles, programs, tool: tool.clone() });
    }
    ToolList { schema: "osteomill.tools/1".into(), tools, linuxcnc_tool_table: table }
}

//! `job.toml`: what a judge needs to know of the shop floor beside the program's text.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dialect::Dialect;
use super::frame::{Part, Pose, Work};
use super::plan::{BoxPart, Fixture, Tab};
use super::shop::{MachineTool, Tool};

/// One program of a job and where its work offset lies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobProgram {
    /// File name, for example `op10.ngc`.
    pub file: String,
    /// What the control reads the text as; LinuxCNC where the job does not say.
    #[serde(default)]
    pub dialect: Dialect,
    /// Setup number; fixtures name it.
    pub setup: u32,
    /// The offset word the program must use, `G54` …
    pub work_offset: String,
    /// Where the work offset lies in the part. Tool axis is work +z.
    pub part_from_work: Pose<Part, Work>,
    /// Machine coordinates of the work zero, mm.
    pub work_zero_machine_mm: [f64; 3],
}

/// How much a tooth may take in this material.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChipLoadLimit {
    /// T number.
    pub tool: u32,
    /// Feed over speed and flutes where the tool cuts, mm; more is a fault.
    pub chip_load_max_mm: f64,
}

/// Where a tab holds the part. The judge finds bridges in what remains; one that stands elsewhere is none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobTab {
    /// Middle of its root at the rim, part mm.
    pub centre_part_mm: [f64; 3],
    /// Outward along the tab, level, unit.
    pub outward_xy: [f64; 2],
    /// Width along the rim, mm.
    pub width_mm: f64,
    /// What the programs leave on about it, its fillets, lies within this of its middle, mm: outward, then along the rim (to the left
    /// of outward), then up, each from and to. Stated, it bounds what the judge may take for the tab's witness; a job from another CAM
    /// need not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_on_mm: Option<[[f64; 2]; 3]>,
}

impl JobTab {
    /// A tab of the plan; what is left on about it is not known before the programs are.
    pub fn of(tab: &Tab) -> Self {
        Self {
            centre_part_mm: tab.centre.mm,
            outward_xy: tab.outward_xy,
            width_mm: tab.width_mm,
            left_on_mm: None,
        }
    }

    /// A place of the part as it lies from the tab's middle, mm: outward, along the rim to the left of outward, up.
    pub fn from_middle_mm(&self, p_mm: [f64; 3]) -> [f64; 3] {
        let d: [f64; 3] = std::array::from_fn(|k| p_mm[k] - self.centre_part_mm[k]);
        let [x, y] = self.outward_xy;
        [d[0] * x + d[1] * y, d[1] * x - d[0] * y, d[2]]
    }
}

/// `job.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// `osteomill.job/1`.
    pub schema: String,
    /// Linear thermal expansion of the blank about 20 °C, µm per m and K; where the job does not say, nobody tells what
    /// warmth does to the part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expansion_um_per_m_k: Option<f64>,
    /// Programs in the order they are run; the stock is carried through.
    pub program: Vec<JobProgram>,
    /// The blank, in the part's frame.
    pub stock: BoxPart,
    /// The machine.
    pub machine: MachineTool,
    /// Tools by number, as set.
    pub tool: Vec<Tool>,
    /// What holds the blank.
    #[serde(default)]
    pub fixture: Vec<Fixture>,
    /// Limits of chip load, by tool; a tool that is not listed has none.
    #[serde(default)]
    pub chip_load: Vec<ChipLoadLimit>,
    /// Where the part is meant to hang on its frame; with none stated every bridge on the rim is taken for a tab.
    #[serde(default)]
    pub tab: Vec<JobTab>,
}

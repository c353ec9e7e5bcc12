//! Which codes are read, and which exclude each other (NIST RS274NGC, NISTIR 6556, table 4), and which of them a control
//! does not have or has beside these.

use crate::model::Dialect;

/// Modal group of a G code given in tenths, in the words of `dialect`. Siemens' own numbers are put into these before
/// (`read/siemens.rs`).
pub(super) fn g_group_of(dialect: Dialect, tenths: u32) -> Option<usize> {
    match (dialect, tenths) {
        (Dialect::Fanuc | Dialect::Haas, 280) => Some(G_ONCE),
        // Arc centres are incremental there, always.
        (Dialect::Fanuc | Dialect::Haas, 901 | 911) => None,
        (Dialect::Haas, 1870) => Some(G_SMOOTHNESS),
        _ => g_group(tenths),
    }
}

/// Modal group of an M code in the words of `dialect`.
pub(super) fn m_group_of(dialect: Dialect, code: u32) -> Option<usize> {
    match (dialect, code) {
        // The shower, not the mist.
        (Dialect::Haas, 7) => None,
        _ => m_group(code),
    }
}

/// Modal group of a G code given in tenths (G59.1 is 591); `None` for a code this reader does not know.
fn g_group(tenths: u32) -> Option<usize> {
    Some(match tenths {
        40 | 530 => G_ONCE,
        0 | 10 | 20 | 30 | 800 | 810 | 820 | 830 => G_MOTION,
        170 | 180 | 190 => G_PLANE,
        900 | 910 => G_DISTANCE,
        901 | 911 => G_ARC_DISTANCE,
        930 | 940 => G_FEED,
        200 | 210 => G_UNITS,
        400 => G_CUTTER,
        430 | 490 => G_LENGTH,
        980 | 990 => G_RETRACT,
        540 | 550 | 560 | 570 | 580 | 590 => G_OFFSET,
        610 | 640 => G_PATH,
        _ => return None,
    })
}

pub(super) const G_ONCE: usize = 0;
pub(super) const G_MOTION: usize = 1;
pub(super) const G_PLANE: usize = 2;
pub(super) const G_DISTANCE: usize = 3;
pub(super) const G_ARC_DISTANCE: usize = 4;
pub(super) const G_FEED: usize = 5;
pub(super) const G_UNITS: usize = 6;
pub(super) const G_CUTTER: usize = 7;
pub(super) const G_LENGTH: usize = 8;
pub(super) const G_RETRACT: usize = 9;
pub(super) const G_OFFSET: usize = 10;
pub(super) const G_PATH: usize = 11;
pub(super) const G_SMOOTHNESS: usize = 12;
/// Number of G groups.
pub(super) const G_GROUPS: usize = 13;

/// Modal group of an M code. M7 and M8 may stand together; M9 with neither.
fn m_group(code: u32) -> Option<usize> {
    Some(match code {
        0 | 1 | 2 | 30 => M_STOP,
        3..=5 => M_SPINDLE,
        6 => M_TOOL,
        7 => M_MIST,
        8 | 9 => M_FLOOD,
        _ => return None,
    })
}

pub(super) const M_STOP: usize = 0;
pub(super) const M_SPINDLE: usize = 1;
pub(super) const M_TOOL: usize = 2;
pub(super) const M_MIST: usize = 3;
pub(super) const M_FLOOD: usize = 4;
/// Number of M groups.
pub(super) const M_GROUPS: usize = 5;

/// Why a code that other controls know is refused here; empty where there is nothing to add.
pub(super) fn why_not(tenths: u32) -> &'static str {
    match tenths {
        410..=421 => " (cutter compensation is not simulated: post compensated paths)",
        431..=439 => " (only G43 H is simulated)",
        100 | 520..=529 | 920..=923 => {
            " (offsets changed by the program are not allowed: the job file states them)"
        }
        280 | 300 => " (use G53 to go to a machine position)",
        591..=593 => " (only G54 to G59 are simulated)",
        680..=694 => " (rotated coordinates are not simulated)",
        950 => " (feed per revolution is not simulated)",
        730 | 840..=890 => " (only the cycles G81, G82 and G83 are simulated)",
        _ => "",
    }
}

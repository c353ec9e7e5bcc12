//! The skull around one defect, measured on a chart of its own, and the same chart looked at in the mirror.

use nalgebra::Vector3;
use rayon::prelude::*;

use super::chart::Chart;
use super::planner::Region;
use super::rays::{BoneField, Profile, Shell};
use super::vault::{Mirror, SHELL_WITHIN_MM, VaultMap, VaultZone};

/// What every step of the filling looks up.
pub(super) struct Skull<'a> {
    pub(super) field: &'a BoneField<'a>,
    pub(super) map: &'a VaultMap,
    pub(super) zone: &'a VaultZone,
    pub(super) mirror: Mirror,
    /// Cells of the vault's map in or near a defect: a mirror image taken there would copy the hole.
    pub(super) near_defect: Vec<bool>,
    /// Where a planner lets bone be filled in; everywhere when absent.
    pub(super) region: Option<Region<'a>>,
}

/// Radii measured on one chart.
#[derive(Clone)]
pub(super) struct Local {
    pub(super) chart: Chart,
    /// Outer and inner table, mm; NaN where no shell was met.
    pub(super) outer_mm: Vec<f64>,
    pub(super) inner_mm: Vec<f64>,
    pub(super) shells: Vec<Option<Shell>>,
    /// Bone of some kind, be it too thin for its level.
    pub(super) bone: Vec<bool>,
    /// The ray reaches the vault inside the scan.
    pub(super) seen: Vec<bool>,
    /// Above the vault's lower border.
    pub(super) in_zone: Vec<bool>,
    /// Rough form, mm.
    pub(super) form_mm: Vec<f64>,
    /// Closed pockets of air on the ray, mm; only where a frontal sinus can be.
    pub(super) pockets: Vec<Vec<(f64, f64)>>,
    /// Cells in the planner's region, where there is one.
    pub(super) allowed: Option<Vec<bool>>,
}

impl Skull<'_> {
    /// Casts the rays of `chart`.
    pub(super) fn measure(&self, chart: Chart) -> Local {
        let rays: Vec<(Vector3<f64>, f64, bool, Profile)> = (0..chart.len())
            .into_par_iter()
            .map(|at| {
                let d = chart.direction_at(at);
                let sinus_here = self.zone.may_hold_sinus(d);
                (d, self.map.form.radius_mm(d), sinus_here, self.field.cast(chart.centre, d, sinus_here))
            })
            .collect();
        let mut local = Local {
            outer_mm: vec![f64::NAN; chart.len()],
            inner_mm: vec![f64::NAN; chart.len()],
            shells: vec![None; chart.len()],
            bone: vec![false; chart.len()],
            seen: vec![false; chart.len()],
            in_zone: vec![false; chart.len()],
            form_mm: vec![0.0; chart.len()],
            pockets: vec![Vec::new(); chart.len()],
            allowed: None,
            chart,
        };
        for (at, (d, form_mm, sinus_here, profile)) in rays.into_iter().enumerate() {
            local.form_mm[at] = form_mm;
            local.seen[at] = profile.scan_end_mm > form_mm + 3.0;
            local.in_zone[at] = self.zone.contains(d);
            let shell = self.shell(&profile, form_mm);
            local.bone[at] = shell.is_some()
                || profile.has_mask_between(form_mm - SHELL_WITHIN_MM - 4.0, form_mm + SHELL_WITHIN_MM);
            if let Some(shell) = shell {
                local.outer_mm[at] = shell.outer_mm;
                local.inner_mm[at] = shell.inner_mm;
            }
            local.shells[at] = shell;
            if sinus_here {
                local.pockets[at] = profile.pockets;
            }
        }
        local.allowed = self.region.as_ref().map(|region| {
            let c = &local.chart;
            (0..c.len())
                .into_par_iter()
                .map(|at| region.holds(c.centre, c.direction_at(at), local.form_mm[at]))
                .collect()
        });
        local
    }

    /// Outer and inner radii that the other side of the skull would give each cell of `chart`; NaN where the
    /// mirrored ray meets no vault, or a defect.
    pub(super) fn measure_mirrored(&self, chart: &Chart) -> (Vec<f64>, Vec<f64>) {
        let from = self.mirror.place(chart.centre);
        let radii: Vec<(f64, f64)> = (0..chart.len())
            .into_par_iter()
            .map(|at| {
                let d = chart.direction_at(at);
                let there = self.mirror.direction(d);
                let image = self.mirror.place(chart.centre + d * self.map.form.radius_mm(d));
                let seen_from_map = (image - self.map.chart.centre).normalize();
                let Some(cell) = self.map.chart.nearest(self.map.chart.cell(seen_from_map)) else {
                    return (f64::NAN, f64::NAN);
                };
                if self.near_defect[cell] || !self.zone.contains(seen_from_map) {
                    return (f64::NAN, f64::NAN);
                }
                let expected_mm = self.map.form.radius_mm(d);
                let profile = self.field.cast(from, there, self.zone.may_hold_sinus(seen_from_map));
                self.shell(&profile, expected_mm).map_or((f64::NAN, f64::NAN), |s| (s.outer_mm, s.inner_mm))
            })
            .collect();
        radii.into_iter().unzip()
    }

    fn shell(&self, profile: &Profile, expected_mm: f64) -> Option<Shell> {
        profile.nearest_shell(expected_mm, SHELL_WITHIN_MM).filter(|s| s.outer_mm < profile.scan_end_mm - 0.5)
    }
}

impl Local {
    /// Cells without bone that belong to the defect whose cells in the vault's map are `hole`, fine gaps left out.
    pub(super) fn missing(&self, map: &VaultMap, hole: &[usize], gap_width_cells: f64) -> Vec<bool> {
        let chart = &self.chart;
        let mut of_hole = vec![false; map.chart.len()];
        for &at in hole {
            of_hole[at] = true;
        }
        // A planner's region knows better than the vault's border and the width of gaps.
        let allowed = |at: usize| self.allowed.as_ref().map_or(self.in_zone[at], |of_planner| of_planner[at]);
        let empty: Vec<bool> =
            (0..chart.len()).map(|at| allowed(at) && self.seen[at] && !self.bone[at]).collect();
        let gap_width_cells = if self.allowed.is_some() { 0.0 } else { gap_width_cells };
        // Cells below the border or outside the scan are no wall: the opening may run into them.
        let to_wall = chart.distance_cells(&self.bone);
        let core: Vec<bool> =
            (0..chart.len()).map(|at| empty[at] && f64::from(to_wall[at]) > 0.5 * gap_width_cells).collect();
        let to_core = chart.distance_cells(&core);
        let back = 0.5 * gap_width_cells + 1.5;
        let opened: Vec<bool> =
            (0..chart.len()).map(|at| empty[at] && f64::from(to_core[at]) <= back).collect();
        let mut missing = vec![false; chart.len()];
        let mut stack: Vec<usize> = (0..chart.len())
            .filter(|&at| {
                opened[at]
                    && map.chart.nearest(map.chart.cell(chart.direction_at(at))).is_some_and(|m| of_hole[m])
            })
            .collect();
        while let Some(at) = stack.pop() {
            if std::mem::replace(&mut missing[at], true) {
                continue;
            }
            stack.extend(chart.neighbours(at).filter(|&o| opened[o] && !missing[o]));
        }
        missing
    }
}

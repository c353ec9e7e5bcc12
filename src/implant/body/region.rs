//! Where on the chart the implant may lie, and the bone about it.

use nalgebra::Vector3;

use crate::geometry::distance::distance_to;
use crate::model::{Cell, Mesh, Patch, Patient, Point};

use super::ImplantError;
use super::chart::Sheets;

/// How far a tongue may reach over a sunken rim, mm. A healed rim was measured to sink nowhere beyond 6 mm.
const TONGUE_MM: f64 = 8.0;
/// Rim wall is looked for this near to the border of the missing cells, mm: a bevel of 45° through a 4 mm table.
const RIM_MM: f64 = 4.0;

/// The defect on its chart.
pub(super) struct Region<'a> {
    pub sheets: &'a Sheets<'a>,
    /// Distance along the chart to the border of the missing cells, mm, negative inside; per cell.
    to_missing_mm: Vec<f64>,
    /// Middle of the defect on the completed outer table.
    pub middle: Vector3<f64>,
    /// Distance from the middle to the farthest missing cell, mm.
    radius_mm: f64,
    /// Mean outward normal of the completed outer table over the defect.
    pub normal: Vector3<f64>,
}

/// A bit of the bone's rim wall.
#[derive(Clone, Copy, Debug)]
pub(super) struct RimFacet {
    pub place: Vector3<f64>,
    pub normal: Vector3<f64>,
    pub area_mm2: f64,
}

/// How much of an under-contour of 1 is taken in each cell of the patch: none at the rim, all of it `over_mm` inside.
pub(super) fn under_contour(patch: &Patch, over_mm: f64) -> Vec<f64> {
    let n = patch.n;
    let missing = |c: usize| patch.cells[c] == Cell::Missing;
    let count = (0..n * n).filter(|&c| missing(c)).count().max(1) as f64;
    let radius_mm = (0..n * n).filter(|&c| missing(c)).map(|c| patch.outer_mm[c]).sum::<f64>() / count;
    let step_mm = patch.step_rad * radius_mm;
    let inside = distance_to([n, n, 1], [step_mm; 3], |c| !missing(c));
    let mut share: Vec<f64> = inside
        .iter()
        .map(|&d| {
            let t = (f64::from(d) / over_mm).clamp(0.0, 1.0);
            t * t * (3.0 - 2.0 * t)
        })
        .collect();
    // The distance of cells to cells is a staircase; a mean over some 3 mm, three times, takes it off the sheet. Cells at the
    // rim and beyond stay as they are, so that the implant still meets the bone it knows.
    let half = (1.5 / step_mm).ceil() as i64;
    for _ in 0..3 {
        let from = share.clone();
        for c in (0..n * n).filter(|&c| f64::from(inside[c]) > 1.5 * step_mm) {
            let (i, j) = ((c % n) as i64, (c / n) as i64);
            let (mut sum, mut count) = (0.0, 0.0);
            for b in (j - half).max(0)..=(j + half).min(n as i64 - 1) {
                for a in (i - half).max(0)..=(i + half).min(n as i64 - 1) {
                    sum += from[(b * n as i64 + a) as usize];
                    count += 1.0;
                }
            }
            share[c] = sum / count;
        }
    }
    share
}

impl<'a> Region<'a> {
    pub fn new(sheets: &'a Sheets<'a>) -> Self {
        let patch = sheets.patch();
        let n = patch.n;
        let missing = |c: usize| patch.cells[c] == Cell::Missing;
        let (mut middle, mut normal, mut area) = (Vector3::zeros(), Vector3::zeros(), 0.0);
        for c in (0..n * n).filter(|&c| missing(c)) {
            let (a, b) = ((c % n) as f64, (c / n) as f64);
            let at = |da: f64, db: f64| sheets.outer_place([a + da, b + db]).v();
            // u × v = axis, so a × b points out.
            let across = (at(0.5, 0.0) - at(-0.5, 0.0)).cross(&(at(0.0, 0.5) - at(0.0, -0.5)));
            let cell_mm2 = across.norm();
            middle += at(0.0, 0.0) * cell_mm2;
            normal += across;
            area += cell_mm2;
        }
        middle /= area;
        let radius_mm = (0..n * n)
            .filter(|&c| missing(c))
            .map(|c| (sheets.outer_place([(c % n) as f64, (c / n) as f64]).v() - middle).norm())
            .fold(0.0, f64::max);
        let step_mm = patch.step_rad * (middle - patch.centre.v()).norm();
        let dims = [n, n, 1];
        let outside = distance_to(dims, [step_mm; 3], missing);
        let inside = distance_to(dims, [step_mm; 3], |c| !missing(c));
        let to_missing_mm = outside.iter().zip(&inside).map(|(&o, &i)| f64::from(o - i)).collect();
        Self { sheets, to_missing_mm, middle, radius_mm, normal: normal.normalize() }
    }

    /// Distance along the chart to the border of the missing cells, mm, negative inside, at the nearest cell.
    pub fn to_missing_mm(&self, cell: [f64; 2]) -> f64 {
        let n = self.sheets.patch().n as f64;
        let (a, b) = (cell[0].round().clamp(0.0, n - 1.0), cell[1].round().clamp(0.0, n - 1.0));
        self.to_missing_mm[b as usize * n as usize + a as usize]
    }

    /// True where the implant may lie, as far as the chart says.
    pub fn allows(&self, cell: [f64; 2]) -> bool {
        self.sheets.class(cell) != Cell::Unknown && self.to_missing_mm(cell) <= TONGUE_MM
    }

    /// Places on both sheets of every cell where implant may be needed: missing, or sunken beside it.
    pub fn outline(&self) -> Vec<Point<Patient>> {
        let patch = self.sheets.patch();
        let mut out = Vec::new();
        for (c, class) in patch.cells.iter().enumerate() {
            let sunken = *class == Cell::Sunken && self.to_missing_mm[c] <= TONGUE_MM;
            if *class == Cell::Missing || sunken {
                let cell = [(c % patch.n) as f64, (c / patch.n) as f64];
                let d = patch.direction(cell[0], cell[1]).v();
                let (outer, inner) = self.sheets.radii_mm(cell);
                out.push(Point::from_v(patch.centre.v() + d * outer));
                out.push(Point::from_v(patch.centre.v() + d * inner));
            }
        }
        out
    }

    /// Facets of the bone that face the defect beside the implant, or stand above it.
    ///
    /// # Errors
    /// [`ImplantError::NoRim`] where fewer than 50 are found: there is nothing to fit to.
    pub fn rim(
        &self,
        bone: &Mesh<Patient>,
        thickness_mm: f64,
        defect: usize,
    ) -> Result<Vec<RimFacet>, ImplantError> {
        let patch = self.sheets.patch();
        let mut rim = Vec::new();
        for t in 0..bone.triangles.len() {
            let [p, q, r] = bone.corners(t);
            let place = (p + q + r) / 3.0;
            if (place - self.middle).norm() > self.radius_mm + 12.0 {
                continue;
            }
            let Some(at) = self.sheets.at(Point::from_v(place)) else { continue };
            // 8: bone that stands farther out of the completed skull than this is no rim but face.
            let beside = at.outer_mm > -thickness_mm - 0.5 && at.outer_mm < 8.0 && at.inner_mm < 0.5;
            if !beside || self.to_missing_mm(at.cell).abs() > RIM_MM {
                continue;
            }
            let normal = bone.normal(t);
            let out = (place - patch.centre.v()).normalize();
            let away = self.away(at.cell);
            if normal.dot(&out).abs() < 0.9 && normal.dot(&away) < -0.2 {
                rim.push(RimFacet { place, normal, area_mm2: bone.triangle_area_mm2(t) });
            }
        }
        if rim.len() < 50 {
            return Err(ImplantError::NoRim { defect, found: rim.len() });
        }
        Ok(rim)
    }

    /// Unit direction along the chart away from the missing cells; zero where there is none.
    fn away(&self, cell: [f64; 2]) -> Vector3<f64> {
        let d = |da: f64, db: f64| self.to_missing_mm([cell[0] + da, cell[1] + db]);
        let (ga, gb) = (d(2.0, 0.0) - d(-2.0, 0.0), d(0.0, 2.0) - d(0.0, -2.0));
        let length = ga.hypot(gb);
        if length == 0.0 {
            return Vector3::zeros();
        }
        let patch = self.sheets.patch();
        let from = patch.direction(cell[0], cell[1]).v();
        let to = patch.direction(cell[0] + ga / length, cell[1] + gb / length).v();
        (to - from).normalize()
    }
}

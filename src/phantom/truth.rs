//! A phantom and what is known of it.

use nalgebra::Vector3;
use rayon::prelude::*;

use super::distance;
use super::head::Head;
use super::render;
use super::shapes::sphere;
use super::spec::{PhantomError, PhantomSpec};
use crate::model::{Dir, Grid, Mask, Patient, Point, Volume, Watch};

/// Where the endocranial centre lies, patient mm. Far from zero, so that a forgotten origin shows.
const CENTRE_LPS_MM: [f64; 3] = [3.2, -18.6, 61.4];
/// What the scan shows, from the centre, mm: the whole vault with air above, skull base and face leaving below.
const FROM_MM: [f64; 3] = [-92.0, -126.0, -58.0];
const TO_MM: [f64; 3] = [92.0, 122.0, 100.0];

/// A head whose truth is known.
#[derive(Clone, Debug)]
pub struct Phantom {
    pub(super) spec: PhantomSpec,
    pub(super) head: Head,
}

impl Phantom {
    /// The head of this spec.
    ///
    /// # Errors
    /// [`PhantomError::Range`] for a spec that cannot be.
    pub fn new(spec: PhantomSpec) -> Result<Self, PhantomError> {
        spec.check()?;
        Ok(Self { head: Head::new(&spec), spec })
    }

    /// What it was made from.
    pub fn spec(&self) -> &PhantomSpec {
        &self.spec
    }

    /// The endocranial centre, patient mm.
    pub fn centre(&self) -> Point<Patient> {
        Point::new(CENTRE_LPS_MM)
    }

    fn side(&self) -> f64 {
        if self.spec.mirrored { -1.0 } else { 1.0 }
    }

    fn head_from_patient(&self, p: [f64; 3]) -> Vector3<f64> {
        let d: [f64; 3] = std::array::from_fn(|a| p[a] - CENTRE_LPS_MM[a]);
        Vector3::new(self.side() * d[0], d[1], d[2])
    }

    fn patient_from_head(&self, q: &Vector3<f64>) -> Point<Patient> {
        Point::new([CENTRE_LPS_MM[0] + self.side() * q.x, CENTRE_LPS_MM[1] + q.y, CENTRE_LPS_MM[2] + q.z])
    }

    /// Grid of the scan: axes along patient x, y, z, slices from the feet up.
    pub fn grid(&self) -> Grid {
        let v = self.spec.voxel_mm;
        Grid {
            dims: std::array::from_fn(|a| ((TO_MM[a] - FROM_MM[a]) / v[a]).round() as usize + 1),
            spacing_mm: v,
            origin_lps_mm: Point::new(std::array::from_fn(|a| CENTRE_LPS_MM[a] + FROM_MM[a])),
            axes_lps: [Dir::new([1.0, 0.0, 0.0]), Dir::new([0.0, 1.0, 0.0]), Dir::new([0.0, 0.0, 1.0])],
        }
    }

    /// The CT, as [`Phantom::write_dicom`] writes it.
    ///
    /// # Errors
    /// [`PhantomError::Stopped`] when `watch` asks.
    pub fn volume(&self, watch: &dyn Watch) -> Result<Volume, PhantomError> {
        let grid = self.grid();
        let (origin, step) = (grid.origin_lps_mm.mm, grid.spacing_mm);
        let place = move |ijk: [usize; 3]| {
            self.head_from_patient(std::array::from_fn(|a| origin[a] + ijk[a] as f64 * step[a]))
        };
        render::render(&self.head, &self.spec, grid, place, watch)
    }

    /// Signed distance to the true surface of the bone (defect cut out), mm, negative inside bone; exact to 0.01 mm
    /// within 3 mm of the vault's surface, of first order far away. The air of the sinus is outside.
    pub fn bone_distance_mm(&self, p: Point<Patient>) -> f64 {
        distance::bone_distance_mm(&self.head, &self.head_from_patient(p.mm))
    }

    /// True inside bone.
    pub fn bone_contains(&self, p: Point<Patient>) -> bool {
        self.head.is_bone(&self.head_from_patient(p.mm))
    }

    fn direction(&self, d: Dir<Patient>) -> Vector3<f64> {
        Vector3::new(self.side() * d.unit[0], d.unit[1], d.unit[2])
    }

    /// From the centre to the outer table as it was before anything was cut, mm.
    pub fn outer_radius_mm(&self, direction: Dir<Patient>) -> f64 {
        self.head.tables.outer(&self.direction(direction))
    }

    /// From the centre to the inner table as it was before anything was cut, mm.
    pub fn inner_radius_mm(&self, direction: Dir<Patient>) -> f64 {
        let u = self.direction(direction);
        self.head.tables.outer(&u) - self.head.tables.thickness(&u)
    }

    /// True in the piece that was cut out: between both tables as they were, inside the outline.
    pub fn missing_contains(&self, p: Point<Patient>) -> bool {
        self.head.is_missing(&self.head_from_patient(p.mm))
    }

    /// The piece that was cut out, by voxel centres.
    pub fn missing_mask(&self, grid: &Grid) -> Mask {
        let voxels = (0..grid.len())
            .into_par_iter()
            .map(|at| {
                let [i, j, k] = grid.ijk(at);
                u8::from(self.missing_contains(grid.patient_from_index([i as f64, j as f64, k as f64])))
            })
            .collect();
        Mask { grid: grid.clone(), voxels }
    }

    /// Area of the outer table that was cut out, mm²; `None` for an intact head.
    pub fn defect_area_mm2(&self) -> Option<f64> {
        Some(self.head.cut.as_ref()?.area_mm2(&self.head.tables))
    }

    /// Centroid of the piece that was cut out, patient mm; `None` for an intact head.
    pub fn defect_centroid(&self) -> Option<Point<Patient>> {
        let cut = self.head.cut.as_ref()?;
        let (mut sum, mut weight) = (Vector3::zeros(), 0.0);
        // 40,000 directions: about a thousand in the smallest usual defect, 0.1 mm on the centroid.
        for u in sphere(40_000) {
            if cut.value(&(u * 80.0)) >= 0.0 {
                continue;
            }
            let b = self.head.tables.outer(&u);
            let a = b - self.head.tables.thickness(&u);
            // Of a cone's piece between two radii: volume (b³ − a³)/3, first moment (b⁴ − a⁴)/4.
            sum += u * ((b.powi(4) - a.powi(4)) / 4.0);
            weight += (b.powi(3) - a.powi(3)) / 3.0;
        }
        Some(self.patient_from_head(&(sum / weight)))
    }

    /// The outline on the outer table, `n` places, patient mm; empty for an intact head.
    pub fn defect_outline(&self, n: usize) -> Vec<Point<Patient>> {
        match &self.head.cut {
            Some(cut) => {
                cut.outline(&self.head.tables, n).iter().map(|q| self.patient_from_head(q)).collect()
            }
            None => Vec::new(),
        }
    }
}

//! What a phantom is asked to be, and when that cannot be.

use serde::{Deserialize, Serialize};

/// How the wall of a defect was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Walls {
    /// A smooth outline cut along rays from the endocranial centre: the walls flare outwards.
    Kerf,
    /// As `Kerf`, with a wavy outline whose radius of curvature is nowhere below 4 mm.
    Ragged,
    /// Rounded walls capped by cortical bone, and an outer table sunk by up to 2 mm within 6 mm of the wall.
    Healed,
}

/// A piece cut out of the skull.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DefectSpec {
    /// From the endocranial centre to the middle of the piece, in LPS of the unmirrored head; any length.
    pub towards_lps: [f64; 3],
    /// Area of the outer surface cut out, cm².
    pub area_cm2: f64,
    /// How the wall was made.
    pub walls: Walls,
}

/// A head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhantomSpec {
    /// Chooses shape, outline, noise and UIDs.
    pub seed: u64,
    /// Voxel size along x, y, z, mm.
    pub voxel_mm: [f64; 3],
    /// Full width at half maximum of the blur along x, y, z, mm; 0 for none.
    pub psf_fwhm_mm: [f64; 3],
    /// Standard deviation of the noise, HU.
    pub noise_hu: f64,
    /// Left and right exchanged.
    pub mirrored: bool,
    /// What is cut out, if anything.
    pub defect: Option<DefectSpec>,
    /// Air in the frontal bone.
    pub sinus: bool,
    /// Fine lines of softer bone in the outer table.
    pub sutures: bool,
    /// Two curved plates of 400 HU behind the head.
    pub holder: bool,
}

impl PhantomSpec {
    /// The head of `osteomill demo`: a ragged defect of 25 cm² on the patient's right, between frontal and parietal
    /// bone, well away from sinus, orbit and skull base.
    pub fn demo() -> Self {
        Self {
            seed: 1,
            voxel_mm: [0.6; 3],
            psf_fwhm_mm: [0.9; 3],
            noise_hu: 12.0,
            mirrored: false,
            defect: Some(DefectSpec {
                towards_lps: [-0.72, -0.30, 0.62],
                area_cm2: 14.0,
                walls: Walls::Ragged,
            }),
            sinus: true,
            sutures: true,
            holder: true,
        }
    }

    /// The same head with nothing cut out.
    pub fn intact(&self) -> Self {
        Self { defect: None, ..self.clone() }
    }

    /// # Errors
    /// [`PhantomError::Range`] naming the first value that cannot be.
    pub(super) fn check(&self) -> Result<(), PhantomError> {
        let within = |what: &'static str, value: f64, min: f64, max: f64| {
            // NaN is not within anything.
            if (min..=max).contains(&value) {
                Ok(())
            } else {
                Err(PhantomError::Range { what, value, min, max })
            }
        };
        for v in self.voxel_mm {
            within("voxel_mm", v, 0.2, 5.0)?;
        }
        for v in self.psf_fwhm_mm {
            within("psf_fwhm_mm", v, 0.0, 6.0)?;
        }
        within("noise_hu", self.noise_hu, 0.0, 500.0)?;
        if let Some(d) = &self.defect {
            within("defect.area_cm2", d.area_cm2, 0.5, 180.0)?;
            let length = d.towards_lps.iter().map(|x| x * x).sum::<f64>().sqrt();
            within("length of defect.towards_lps", length, 1e-6, 1e6)?;
        }
        Ok(())
    }
}

/// Why a phantom cannot be made or written.
#[derive(Debug, thiserror::Error)]
pub enum PhantomError {
    /// A value of the spec.
    #[error("phantom: {what} is {value}, but must lie in {min} to {max}: change the spec")]
    Range {
        /// Key.
        what: &'static str,
        /// Found.
        value: f64,
        /// Smallest allowed.
        min: f64,
        /// Largest allowed.
        max: f64,
    },
    /// The caller's watch asked to stop.
    #[error("phantom: stopped on request before it was finished: run it again")]
    Stopped,
    /// A slice could not be written.
    #[error("phantom: slice {number} cannot be written ({why}): make sure the folder exists and has room")]
    Write {
        /// Slice, from 1, lowest first.
        number: usize,
        /// What the writer said.
        why: String,
    },
    /// The folder could not be made.
    #[error("phantom: the folder for the series cannot be made ({0}): choose another place")]
    Folder(std::io::Error),
}

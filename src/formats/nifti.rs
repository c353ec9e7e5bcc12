//! NIfTI-1, single file, gzipped: masks and volumes on the scan's own grid.
//!
//! The header's matrix is RAS: rows x and y of the LPS grid change sign. Both the `sform` (the matrix) and the
//! `qform` (a quaternion, and −1 for a left-handed grid) are written and agree. Layout: nifti1.h, 348 bytes.

use std::io::{Read, Write};

use flate2::read::MultiGzDecoder;
use flate2::{Compression, GzBuilder};
use nalgebra::{Matrix3, Rotation3, UnitQuaternion, Vector3};
use rayon::prelude::*;

use super::error::FormatError;
use super::voxels::{self, Number, Stored, Take};
use crate::model::{Grid, Mask, Volume};

const FORMAT: &str = "NIfTI";
const HEADER: usize = 348;
const DATA: usize = 352;
/// LPS to RAS and back.
const TURN: [f64; 3] = [-1.0, -1.0, 1.0];
const TYPE_UINT8: i16 = 2;
const TYPE_INT16: i16 = 4;

/// `.nii.gz` of a mask, uint8, 0 and 1.
///
/// # Errors
/// [`FormatError::Value`] for a grid beyond what the header can say; [`FormatError::Count`] where voxels are missing.
pub fn mask_nii_gz(mask: &Mask) -> Result<Vec<u8>, FormatError> {
    packed(&mask.grid, TYPE_UINT8, mask.voxels.len(), &mask.voxels)
}

/// `.nii.gz` of a volume, int16, HU.
///
/// # Errors
/// As [`mask_nii_gz`].
pub fn volume_nii_gz(volume: &Volume) -> Result<Vec<u8>, FormatError> {
    let mut bytes = vec![0u8; volume.hu.len() * 2];
    bytes.par_chunks_mut(2).zip(&volume.hu).for_each(|(b, hu)| b.copy_from_slice(&hu.to_le_bytes()));
    packed(&volume.grid, TYPE_INT16, volume.hu.len(), &bytes)
}

fn packed(grid: &Grid, datatype: i16, voxels: usize, data: &[u8]) -> Result<Vec<u8>, FormatError> {
    if voxels != grid.len() {
        return Err(FormatError::Count {
            format: FORMAT,
            what: "voxel",
            found: voxels,
            expected: grid.len(),
        });
    }
    let header = header(grid, datatype)?;
    // No date, no name, no system: equal content, equal bytes.
    let mut gz = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::fast());
    gz.write_all(&header)
        .and_then(|()| gz.write_all(data))
        .and_then(|()| gz.finish())
        .map_err(|e| FormatError::Unreadable { format: FORMAT, why: e.to_string() })
}

fn header(grid: &Grid, datatype: i16) -> Result<[u8; DATA], FormatError> {
    let mut h = [0u8; DATA];
    let bits: i16 = if datatype == TYPE_UINT8 { 8 } else { 16 };
    put(&mut h, 0, (HEADER as i32).to_le_bytes());
    let mut dims = [3i16, 1, 1, 1, 1, 1, 1, 1];
    for a in 0..3 {
        dims[a + 1] =
            i16::try_from(grid.dims[a]).ok().filter(|&n| n > 0).ok_or_else(|| FormatError::Value {
                format: FORMAT,
                what: format!("dim[{}]", a + 1),
                found: grid.dims[a].to_string(),
                expected: "1 to 32767".into(),
                remedy: "resample the scan",
            })?;
    }
    for (n, d) in dims.iter().enumerate() {
        put(&mut h, 40 + 2 * n, d.to_le_bytes());
    }
    put(&mut h, 70, datatype.to_le_bytes());
    put(&mut h, 72, bits.to_le_bytes());
    let axes = Matrix3::from_columns(&[0, 1, 2].map(|a| ras(grid.axes_lps[a].v())));
    let right_handed = axes.determinant() > 0.0;
    let mut turned = axes;
    if !right_handed {
        turned.column_mut(2).neg_mut();
    }
    let q = UnitQuaternion::from_rotation_matrix(&Rotation3::from_matrix_unchecked(turned));
    // nifti1.h stores b, c, d and takes a as the positive root.
    let sign = if q.w < 0.0 { -1.0 } else { 1.0 };
    let origin = ras(grid.origin_lps_mm.v());
    let pixdim =
        [if right_handed { 1.0 } else { -1.0 }, grid.spacing_mm[0], grid.spacing_mm[1], grid.spacing_mm[2]];
    put_floats(&mut h, 76, &pixdim);
    put_floats(&mut h, 108, &[DATA as f64, 1.0, 0.0]);
    // Millimetres.
    h[123] = 2;
    // Both matrices are scanner coordinates.
    put(&mut h, 252, 1i16.to_le_bytes());
    put(&mut h, 254, 1i16.to_le_bytes());
    put_floats(&mut h, 256, &[sign * q.i, sign * q.j, sign * q.k]);
    put_floats(&mut h, 268, &[origin.x, origin.y, origin.z]);
    for r in 0..3 {
        let row: [f64; 4] =
            std::array::from_fn(|c| if c < 3 { axes[(r, c)] * grid.spacing_mm[c] } else { origin[r] });
        put_floats(&mut h, 280 + 16 * r, &row);
    }
    put(&mut h, 344, *b"n+1\0");
    Ok(h)
}

fn ras(v: Vector3<f64>) -> Vector3<f64> {
    Vector3::new(TURN[0] * v.x, TURN[1] * v.y, TURN[2] * v.z)
}

fn put<const N: usize>(h: &mut [u8], at: usize, bytes: [u8; N]) {
    h[at..at + N].copy_from_slice(&bytes);
}

fn put_floats(h: &mut [u8], at: usize, values: &[f64]) {
    for (n, v) in values.iter().enumerate() {
        put(h, at + 4 * n, (*v as f32 + 0.0).to_le_bytes());
    }
}

/// Reads a mask: what is not 0 is inside. Gzipped or not, either byte order, any whole or real type.
///
/// # Errors
/// [`FormatError`] naming the field, its value and what can be read.
pub fn read_mask(bytes: &[u8]) -> Result<Mask, FormatError> {
    let (grid, voxels) = read(bytes, &voxels::inside())?;
    Ok(Mask { grid, voxels })
}

/// Reads labels: whole numbers of 0 to 255, one per voxel.
///
/// # Errors
/// As [`read_mask`].
pub fn read_labels(bytes: &[u8]) -> Result<(Grid, Vec<u8>), FormatError> {
    read(bytes, &voxels::labels())
}

/// Reads a volume of HU, rounded to whole numbers.
///
/// # Errors
/// As [`read_mask`]; a value outside −32768 to 32767 is one.
pub fn read_volume(bytes: &[u8]) -> Result<Volume, FormatError> {
    let (grid, hu) = read(bytes, &voxels::hu())?;
    Ok(Volume { grid, hu })
}

/// True where `head` (at least 348 bytes, unpacked) is the header of an image of this family, readable or not.
pub fn is_nifti(head: &[u8]) -> bool {
    let size = |n: i32| head.starts_with(&n.to_le_bytes()) || head.starts_with(&n.to_be_bytes());
    (head.len() >= HEADER && size(HEADER as i32)) || (head.len() >= 8 && size(540) && &head[5..7] == b"+2")
}

/// Numbers of a header in either byte order.
struct Fields<'a> {
    bytes: &'a [u8],
    big: bool,
}

impl Fields<'_> {
    fn word<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut w = [0u8; N];
        w.copy_from_slice(&self.bytes[at..at + N]);
        if self.big {
            w.reverse();
        }
        w
    }
    fn short(&self, at: usize) -> i16 {
        i16::from_le_bytes(self.word(at))
    }
    fn real(&self, at: usize) -> f64 {
        f64::from(f32::from_le_bytes(self.word(at)))
    }
}

fn wrong(what: impl Into<String>, found: impl ToString, expected: &str, remedy: &'static str) -> FormatError {
    FormatError::Value {
        format: FORMAT,
        what: what.into(),
        found: found.to_string(),
        expected: expected.into(),
        remedy,
    }
}

fn short_of(what: &str, found: usize, expected: u64) -> FormatError {
    FormatError::Length { format: FORMAT, what: what.into(), found: found as u64, expected }
}

const CONVERT: &str = "write it again as NIfTI-1 from a scan-aligned image";

fn read<T: Copy + Default + Send + Sync>(
    bytes: &[u8],
    take: &Take<T, impl Fn(f64) -> Option<T> + Sync>,
) -> Result<(Grid, Vec<T>), FormatError> {
    let unreadable =
        |e: std::io::Error| FormatError::Unreadable { format: FORMAT, why: e.kind().to_string() };
    let gz = bytes.starts_with(&[0x1f, 0x8b]);
    let mut head = Vec::new();
    let mut source: Box<dyn Read + '_> =
        if gz { Box::new(MultiGzDecoder::new(bytes)) } else { Box::new(bytes) };
    source.by_ref().take(HEADER as u64).read_to_end(&mut head).map_err(unreadable)?;
    if head.len() < HEADER {
        return Err(short_of("the header", head.len(), HEADER as u64));
    }
    let big = head[0..4] == (HEADER as i32).to_be_bytes();
    let f = Fields { bytes: &head, big };
    let size = i32::from_le_bytes(f.word(0));
    if size != HEADER as i32 {
        let found =
            if size == 540 || size == 0x1c02_0000 { "540 (NIfTI-2)".into() } else { size.to_string() };
        return Err(wrong("sizeof_hdr", found, "348 (NIfTI-1)", CONVERT));
    }
    match &head[344..348] {
        b"n+1\0" => {}
        b"ni1\0" => {
            return Err(wrong(
                "magic",
                "ni1 (a pair of .hdr and .img)",
                "n+1 (header and voxels in one file)",
                CONVERT,
            ));
        }
        other => {
            return Err(wrong(
                "magic",
                format!("{other:?} (an Analyze header has none, and does not tell left from right)"),
                "n+1 (header and voxels in one file)",
                CONVERT,
            ));
        }
    }
    let grid = grid_of(&f)?;
    let number = number(f.short(70))?;
    let offset = f.real(108);
    if !(DATA as f64 - 4.0..=1e6).contains(&offset) {
        return Err(wrong("vox_offset", offset, "348 to 1000000", CONVERT));
    }
    // By definition a slope of 0 means that there is none.
    let (slope, intercept) = match (f.real(112), f.real(116)) {
        (0.0, _) => (1.0, 0.0),
        (s, i) if s.is_finite() && i.is_finite() => (s, i),
        (s, i) => return Err(wrong("scl_slope and scl_inter", format!("{s} and {i}"), "finite", CONVERT)),
    };
    let needed = (grid.len() * number.width()) as u64 + offset as u64;
    let (cost, most) = if gz {
        (take.cost(grid.len(), number.width()), take.cost_max(bytes.len()))
    } else {
        (needed, bytes.len() as u64)
    };
    if cost > most {
        if !gz {
            let offset = offset as usize;
            let found = bytes.len().saturating_sub(offset);
            return Err(short_of("the voxels that dim[] states", found, needed - offset as u64));
        }
        return Err(too_much(bytes.len(), cost, most));
    }
    let skip = offset as u64 - HEADER as u64;
    let skipped = std::io::copy(&mut source.by_ref().take(skip), &mut std::io::sink()).map_err(unreadable)?;
    if skipped < skip {
        return Err(short_of("the bytes before the voxels", skipped as usize, skip));
    }
    let stored = Stored { format: FORMAT, number, big, slope, intercept };
    let values = voxels::decode(&mut source, &stored, &grid, &take.value)?;
    Ok((grid, values))
}

fn too_much(packed: usize, cost: u64, most: u64) -> FormatError {
    wrong(
        "the unpacked size",
        format!("{cost} bytes from {packed}"),
        &format!("at most {most} bytes"),
        "write it again unpacked, if it is no bomb",
    )
}

fn number(datatype: i16) -> Result<Number, FormatError> {
    Ok(match datatype {
        2 => Number::U8,
        256 => Number::I8,
        4 => Number::I16,
        512 => Number::U16,
        8 => Number::I32,
        768 => Number::U32,
        1024 => Number::I64,
        1280 => Number::U64,
        16 => Number::F32,
        64 => Number::F64,
        other => {
            return Err(wrong(
                "datatype",
                other,
                "2, 4, 8, 16, 64, 256, 512, 768, 1024 or 1280 (whole or real numbers)",
                CONVERT,
            ));
        }
    })
}

fn grid_of(f: &Fields) -> Result<Grid, FormatError> {
    let rank = f.short(40);
    let size = |n: usize| i64::from(f.short(40 + 2 * n));
    if !(3..=7).contains(&rank) || (4..=rank as usize).any(|n| size(n) > 1) {
        return Err(wrong(
            "dim",
            format!("{:?}", [0, 1, 2, 3, 4].map(size)),
            "one three-dimensional image",
            CONVERT,
        ));
    }
    if let Some(a) = (1..4).find(|&a| size(a) < 1) {
        return Err(wrong(format!("dim[{a}]"), size(a), "1 to 8192", CONVERT));
    }
    let dims = [1, 2, 3].map(|a| size(a) as u64);
    // Bits 0 to 2 of xyzt_units: 0 unknown (taken as mm, as everywhere), 1 m, 2 mm, 3 µm.
    let to_mm = match f.bytes[123] & 7 {
        1 => 1000.0,
        0 | 2 => 1.0,
        3 => 0.001,
        other => return Err(wrong("xyzt_units", other, "m, mm or µm", CONVERT)),
    };
    let (columns, origin) = if f.short(254) > 0 {
        let m = |r: usize, c: usize| f.real(280 + 16 * r + 4 * c);
        let columns = [0, 1, 2].map(|c| Vector3::new(m(0, c), m(1, c), m(2, c)));
        (columns, Vector3::new(m(0, 3), m(1, 3), m(2, 3)))
    } else if f.short(252) > 0 {
        let [b, c, d] = [256, 260, 264].map(|at| f.real(at));
        let a = (1.0 - b * b - c * c - d * d).max(0.0).sqrt();
        let r = UnitQuaternion::from_quaternion(nalgebra::Quaternion::new(a, b, c, d)).to_rotation_matrix();
        let qfac = if f.real(76) < 0.0 { -1.0 } else { 1.0 };
        let columns = [0, 1, 2]
            .map(|n| r.matrix().column(n) * (f.real(80 + 4 * n).abs() * if n == 2 { qfac } else { 1.0 }));
        (columns, Vector3::new(f.real(268), f.real(272), f.real(276)))
    } else {
        return Err(wrong(
            "sform_code and qform_code",
            "0",
            "1 or more in at least one, so that the image has a place in the patient",
            CONVERT,
        ));
    };
    voxels::grid_of_columns(FORMAT, dims, columns.map(|c| ras(c * to_mm)), ras(origin * to_mm))
}

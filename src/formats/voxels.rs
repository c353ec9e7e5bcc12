//! What the readers of voxel images share: number types, decoding in pieces, the grid from a matrix.

use std::io::Read;

use nalgebra::Vector3;
use rayon::prelude::*;

use super::error::FormatError;
use crate::model::{Dir, Grid, Point};

/// No scanner makes more voxels than this along an axis.
const DIM_MAX: u64 = 8192;
/// 1024 voxels a side: a head at 0.25 mm. In `i16` that is 2 GB.
const VOXELS_MAX: u64 = 1 << 30;
/// A body is shorter than this; more is a wrong unit.
const EXTENT_MM_MAX: f64 = 3000.0;
/// Axes this far from a right angle (cosine) are sheared, which a grid cannot be.
const SHEAR_MAX: f64 = 1e-4;
/// Voxels decoded at a time; the packed image is never in memory unpacked as a whole.
const PIECE: usize = 1 << 20;

/// Most bytes a packed file may unpack to. Noise of a scanner packs to a third, a mask to a hundredth; deflate itself
/// ends at a thousandth, which only a bomb or an empty image comes near.
pub fn unpacked_max(packed: u64, per_byte: u64) -> u64 {
    (64 << 20) + per_byte.saturating_mul(packed)
}

/// How a file's values become ours.
pub struct Take<T, F: Fn(f64) -> Option<T> + Sync> {
    /// `None` refuses the value.
    pub value: F,
    /// Packed bytes may unpack to so many each, and 64 MiB.
    pub per_byte: u64,
}

impl<T, F: Fn(f64) -> Option<T> + Sync> Take<T, F> {
    /// Bytes that a packed image costs: unpacked once, or kept as `T` twice (it may have to be turned).
    pub fn cost(&self, voxels: usize, stored: usize) -> u64 {
        voxels as u64 * stored.max(2 * size_of::<T>()) as u64
    }

    /// Most that it may cost: 128 MiB and `per_byte` for each packed byte.
    pub fn cost_max(&self, packed: usize) -> u64 {
        unpacked_max(packed as u64, self.per_byte) + (64 << 20)
    }
}

/// HU, rounded to whole numbers.
pub fn hu() -> Take<i16, impl Fn(f64) -> Option<i16> + Sync> {
    let value = |v: f64| {
        let v = v.round();
        (f64::from(i16::MIN)..=f64::from(i16::MAX)).contains(&v).then_some(v as i16)
    };
    Take { value, per_byte: 64 }
}

/// What is not 0 is inside.
pub fn inside() -> Take<u8, impl Fn(f64) -> Option<u8> + Sync> {
    Take { value: |v: f64| v.is_finite().then(|| u8::from(v != 0.0)), per_byte: 200 }
}

/// Whole numbers of 0 to 255: which segment a voxel is of.
pub fn labels() -> Take<u8, impl Fn(f64) -> Option<u8> + Sync> {
    let value = |v: f64| (v.fract() == 0.0 && (0.0..=255.0).contains(&v)).then_some(v as u8);
    Take { value, per_byte: 200 }
}

/// A type of number as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

impl Number {
    pub fn width(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    #[inline]
    fn read(self, b: &[u8], big: bool) -> f64 {
        macro_rules! word {
            ($t:ty, $n:literal) => {{
                let mut w = [0u8; $n];
                w.copy_from_slice(b);
                (if big { <$t>::from_be_bytes(w) } else { <$t>::from_le_bytes(w) }) as f64
            }};
        }
        match self {
            Self::U8 => f64::from(b[0]),
            Self::I8 => f64::from(b[0] as i8),
            Self::U16 => word!(u16, 2),
            Self::I16 => word!(i16, 2),
            Self::U32 => word!(u32, 4),
            Self::I32 => word!(i32, 4),
            Self::U64 => word!(u64, 8),
            Self::I64 => word!(i64, 8),
            Self::F32 => word!(f32, 4),
            Self::F64 => word!(f64, 8),
        }
    }
}

/// What is stored where.
pub struct Stored {
    pub format: &'static str,
    pub number: Number,
    pub big: bool,
    /// Value = stored × slope + intercept.
    pub slope: f64,
    pub intercept: f64,
}

/// Reads exactly the voxels of `grid` and finds nothing after them.
///
/// # Errors
/// [`FormatError::Length`] for too few or too many bytes, [`FormatError::Value`] naming the first voxel refused.
pub fn decode<T: Copy + Default + Send + Sync>(
    source: &mut dyn Read,
    stored: &Stored,
    grid: &Grid,
    take: impl Fn(f64) -> Option<T> + Sync,
) -> Result<Vec<T>, FormatError> {
    let Stored { format, number, big, slope, intercept } = *stored;
    let width = number.width();
    let unreadable = |e: std::io::Error| FormatError::Unreadable { format, why: e.kind().to_string() };
    let wrong_length = |found: u64| FormatError::Length {
        format,
        what: "the voxels that the header states".into(),
        found,
        expected: (grid.len() * width) as u64,
    };
    // Zero pages cost nothing until they are written, so a header that claims too much costs nothing either.
    let mut out = vec![T::default(); grid.len()];
    let mut bytes = Vec::new();
    let mut done = 0usize;
    for piece in out.chunks_mut(PIECE) {
        bytes.clear();
        source.take((piece.len() * width) as u64).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() < piece.len() * width {
            return Err(wrong_length((done * width + bytes.len()) as u64));
        }
        let value = |at: usize| number.read(&bytes[at * width..(at + 1) * width], big) * slope + intercept;
        let refused = piece
            .par_iter_mut()
            .enumerate()
            .with_min_len(1 << 14)
            .filter_map(|(at, out)| match take(value(at)) {
                Some(v) => {
                    *out = v;
                    None
                }
                None => Some(at),
            })
            .min();
        if let Some(at) = refused {
            return Err(voxel_refused(format, grid.ijk(done + at), value(at)));
        }
        done += piece.len();
    }
    let mut one = [0u8; 1];
    if source.read(&mut one).map_err(unreadable)? != 0 {
        return Err(wrong_length((grid.len() * width) as u64 + 1));
    }
    Ok(out)
}

/// The error of a voxel that cannot be taken.
pub fn voxel_refused(format: &'static str, ijk: [usize; 3], value: f64) -> FormatError {
    FormatError::Value {
        format,
        what: format!("voxel {ijk:?}"),
        found: value.to_string(),
        expected: "a finite number within the range of 16 bits (a label: a whole number of 0 to 255)".into(),
        remedy: "write the image again with whole HU or labels",
    }
}

/// A grid from the columns of its matrix, LPS mm: one step along i, j, k.
///
/// # Errors
/// [`FormatError::Value`] for what no scan can be: no voxel, too many, no extent, sheared, not finite.
pub fn grid_of_columns(
    format: &'static str,
    dims: [u64; 3],
    columns: [Vector3<f64>; 3],
    origin: Vector3<f64>,
) -> Result<Grid, FormatError> {
    let wrong = |what: String, found: String, expected: &str| FormatError::Value {
        format,
        what,
        found,
        expected: expected.into(),
        remedy: "write it again from an image of one head, its axes at right angles",
    };
    for (a, &n) in dims.iter().enumerate() {
        if !(1..=DIM_MAX).contains(&n) {
            return Err(wrong(format!("size {} of the image", a + 1), n.to_string(), "1 to 8192"));
        }
    }
    let count: u64 = dims.iter().product();
    if count > VOXELS_MAX {
        return Err(wrong("the number of voxels".into(), count.to_string(), "at most 1073741824"));
    }
    let spacing_mm = columns.map(|c| c.norm());
    let finite = spacing_mm.iter().chain(origin.iter()).all(|v| v.is_finite() && v.abs() < 1e5);
    if !finite || spacing_mm.iter().any(|&s| s < 1e-3) {
        return Err(wrong(
            "voxel size and origin".into(),
            format!("{spacing_mm:?} and {:?} mm", origin.as_slice()),
            "finite, at least 0.001 mm, within 100 m",
        ));
    }
    for a in 0..3 {
        let extent_mm = spacing_mm[a] * dims[a] as f64;
        if extent_mm > EXTENT_MM_MAX {
            return Err(wrong(
                format!("extent along axis {}", a + 1),
                format!("{extent_mm:.0} mm"),
                "at most 3000 mm (a unit other than mm?)",
            ));
        }
    }
    let unit = columns.map(|c| c.normalize());
    for (a, b) in [(0, 1), (1, 2), (2, 0)] {
        let cosine = unit[a].dot(&unit[b]);
        if cosine.abs() > SHEAR_MAX {
            return Err(wrong(
                format!("cosine between axes {a} and {b}"),
                format!("{cosine:.2e}"),
                "within ±1e-4 (axes at right angles; a tilted gantry must be resampled)",
            ));
        }
    }
    Ok(Grid {
        dims: dims.map(|n| n as usize),
        spacing_mm,
        origin_lps_mm: Point::from_v(origin),
        axes_lps: unit.map(|u| Dir::new([u.x, u.y, u.z])),
    })
}

/// The same voxels in memory so that i, j, k grow most nearly along +x, +y, +z, right-handed. No value and no place
/// changes: only what is called i, j, k.
pub fn upright<T: Copy + Default + Send + Sync>(grid: &Grid, values: Vec<T>) -> (Grid, Vec<T>) {
    let (order, flip) = signed_order(grid);
    if order == [0, 1, 2] && flip == [false; 3] {
        return (grid.clone(), values);
    }
    let first: [f64; 3] = {
        let mut ijk = [0.0; 3];
        for a in 0..3 {
            ijk[order[a]] = if flip[a] { (grid.dims[order[a]] - 1) as f64 } else { 0.0 };
        }
        ijk
    };
    let turned = Grid {
        dims: order.map(|o| grid.dims[o]),
        spacing_mm: order.map(|o| grid.spacing_mm[o]),
        origin_lps_mm: grid.patient_from_index(first),
        axes_lps: std::array::from_fn(|a| {
            let sign = if flip[a] { -1.0 } else { 1.0 };
            Dir::new(grid.axes_lps[order[a]].unit.map(|u| u * sign))
        }),
    };
    let strides = [1, grid.dims[0], grid.dims[0] * grid.dims[1]];
    let place = |a: usize, n: usize| strides[order[a]] * if flip[a] { turned.dims[a] - 1 - n } else { n };
    let mut out = vec![T::default(); values.len()];
    out.par_chunks_mut(turned.dims[0]).enumerate().for_each(|(row, out)| {
        let base = place(1, row % turned.dims[1]) + place(2, row / turned.dims[1]);
        for (i, out) in out.iter_mut().enumerate() {
            *out = values[base + place(0, i)];
        }
    });
    (turned, out)
}

/// Which old axis becomes i, j, k and whether it turns round: of the 24 right-handed ways the one with the largest
/// sum of cosines to +x, +y, +z.
fn signed_order(grid: &Grid) -> ([usize; 3], [bool; 3]) {
    const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 2, 1], [1, 0, 2], [2, 1, 0]];
    let hand = grid.handedness();
    let mut best = (f64::NEG_INFINITY, [0, 1, 2], [false; 3]);
    for (n, order) in ORDERS.into_iter().enumerate() {
        for signs in 0..8usize {
            let flip = [0, 1, 2].map(|a| signs >> a & 1 == 1);
            let turned = hand
                * if n < 3 { 1.0 } else { -1.0 }
                * if flip.iter().filter(|f| **f).count() % 2 == 0 { 1.0 } else { -1.0 };
            let sum: f64 =
                (0..3).map(|a| grid.axes_lps[order[a]].unit[a] * if flip[a] { -1.0 } else { 1.0 }).sum();
            // 1e-9: of two equal ways the earlier.
            if turned > 0.0 && sum > best.0 + 1e-9 {
                best = (sum, order, flip);
            }
        }
    }
    (best.1, best.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turning_upright_moves_no_voxel() {
        // Every signed order of axes, one of them oblique, of either handedness.
        let (s, c) = (0.3f64.sin(), 0.3f64.cos());
        let base = [[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]];
        for order in [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 2, 1], [1, 0, 2], [2, 1, 0]] {
            for signs in 0..8usize {
                let sign = |a: usize| if signs >> a & 1 == 1 { -1.0 } else { 1.0 };
                let axes = [0, 1, 2].map(|a| Dir::new(base[order[a]].map(|x| x * sign(a))));
                let grid = Grid {
                    dims: [3, 4, 5],
                    spacing_mm: [0.5, 0.75, 1.25],
                    origin_lps_mm: Point::new([7.0, -8.0, 9.0]),
                    axes_lps: axes,
                };
                let values: Vec<i16> = (0..60).collect();
                let (turned, moved) = upright(&grid, values);
                assert!(turned.handedness() > 0.0);
                for a in 0..3 {
                    assert!(turned.axes_lps[a].unit[a] > 0.9, "{order:?} {signs}");
                }
                for (at, &v) in moved.iter().enumerate() {
                    let here = turned.patient_from_index(turned.ijk(at).map(|n| n as f64));
                    let there = grid.patient_from_index(grid.ijk(v as usize).map(|n| n as f64));
                    for a in 0..3 {
                        // Rounding of a few sums of numbers near 10.
                        assert!((here.mm[a] - there.mm[a]).abs() < 1e-12);
                    }
                }
            }
        }
    }
}

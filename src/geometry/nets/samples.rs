//! What the net can be drawn over.

/// Samples on a grid, `i` fastest; inside where the value is negative.
pub trait Samples: Sync {
    /// Number of samples along i, j, k.
    fn dims(&self) -> [usize; 3];
    /// Sets bit `i` of `bits` where sample `i` of row `row` (= j + nj·k) lies inside. `bits` comes zeroed.
    fn inside(&self, row: usize, bits: &mut [u64]);
    /// Value of sample `at`, finite.
    fn value(&self, at: usize) -> f32;
}

/// Samples of a signed field.
pub struct Signed<'a> {
    dims: [usize; 3],
    values: &'a [f32],
}

/// Stands for infinity, so that crossings stay finite.
const HUGE: f32 = 1e30;

impl<'a> Signed<'a> {
    /// `values` has one number per sample of `dims`; infinite ones are allowed.
    ///
    /// # Panics
    /// When the length does not match: a fault of the caller.
    pub fn new(dims: [usize; 3], values: &'a [f32]) -> Self {
        assert_eq!(values.len(), dims.iter().product::<usize>(), "one value per sample of {dims:?}");
        Self { dims, values }
    }
}

impl Samples for Signed<'_> {
    fn dims(&self) -> [usize; 3] {
        self.dims
    }

    fn inside(&self, row: usize, bits: &mut [u64]) {
        let row = &self.values[row * self.dims[0]..][..self.dims[0]];
        assert!(row.iter().fold(true, |sound, v| sound & !v.is_nan()), "the field is NaN");
        pack(row, bits, |v| v < 0.0);
    }

    fn value(&self, at: usize) -> f32 {
        self.values[at].clamp(-HUGE, HUGE)
    }
}

/// Samples in HU, inside where they exceed one level.
pub struct Above<'a> {
    dims: [usize; 3],
    hu: &'a [i16],
    level_hu: f32,
    /// Inside is above this.
    whole: i16,
}

impl<'a> Above<'a> {
    /// # Panics
    /// When the length does not match `dims`, or the level is no number that a voxel can have: faults of the caller.
    pub fn new(dims: [usize; 3], hu: &'a [i16], level_hu: f32) -> Self {
        assert_eq!(hu.len(), dims.iter().product::<usize>(), "one value per sample of {dims:?}");
        assert!((-32768.0..=32767.0).contains(&level_hu), "the level {level_hu} HU is no 16-bit number");
        Self { dims, hu, level_hu, whole: level_hu.floor() as i16 }
    }
}

impl Samples for Above<'_> {
    fn dims(&self) -> [usize; 3] {
        self.dims
    }

    fn inside(&self, row: usize, bits: &mut [u64]) {
        let whole = self.whole;
        pack(&self.hu[row * self.dims[0]..][..self.dims[0]], bits, |v| v > whole);
    }

    fn value(&self, at: usize) -> f32 {
        self.level_hu - f32::from(self.hu[at])
    }
}

/// One bit per value.
fn pack<T: Copy>(row: &[T], bits: &mut [u64], inside: impl Fn(T) -> bool) {
    let (chunks, rest) = row.as_chunks::<64>();
    for (word, chunk) in bits.iter_mut().zip(chunks) {
        // Compared into bytes first: that loop becomes vector compares.
        let mut bytes = [0u8; 64];
        for (byte, &v) in bytes.iter_mut().zip(chunk) {
            *byte = u8::from(inside(v));
        }
        for (n, eight) in bytes.as_chunks::<8>().0.iter().enumerate() {
            // Eight bytes of 0 or 1 to eight bits: the product gathers bit 8n at bit 56 + n, with no carries.
            let gathered = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
            *word |= gathered << (8 * n);
        }
    }
    for (n, &v) in rest.iter().enumerate() {
        bits[chunks.len()] |= u64::from(inside(v)) << n;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_the_comparisons() {
        let row: Vec<i16> = (0..150).map(|n| ((n * 37) % 101) as i16 - 50).collect();
        let mut bits = [0u64; 3];
        Above::new([150, 1, 1], &row, 7.5).inside(0, &mut bits);
        for (i, v) in row.iter().enumerate() {
            assert_eq!(bits[i / 64] >> (i % 64) & 1 == 1, *v > 7, "{i}");
        }
        assert_eq!(bits[2] >> 22, 0);
    }
}

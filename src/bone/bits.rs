//! Rows of voxels as bits, 64 to a word, the lowest bit first.

/// Words of a row of `ni` voxels.
pub fn words(ni: usize) -> usize {
    ni.div_ceil(64)
}

/// Sets the bit of every voxel for which `inside` holds; the bits beyond the row stay 0.
pub fn pack<T: Copy>(row: &[T], out: &mut [u64], inside: impl Fn(T) -> bool) {
    for (word, voxels) in out.iter_mut().zip(row.chunks(64)) {
        let mut flags = [0u8; 64];
        for (flag, &v) in flags.iter_mut().zip(voxels) {
            *flag = u8::from(inside(v));
        }
        *word = gathered(&flags);
    }
}

/// 64 flags of 0 or 1 as bits. Eight at a time: the product brings flag n of a word to bit 56 + n, without carry.
fn gathered(flags: &[u8; 64]) -> u64 {
    const GATHER: u64 = 0x0102_0408_1020_4080;
    flags.chunks_exact(8).enumerate().fold(0, |word, (n, eight)| {
        let flags = u64::from_le_bytes(eight.try_into().expect("eight bytes"));
        word | (flags.wrapping_mul(GATHER) >> 56) << (8 * n)
    })
}

/// Calls `each` with every stretch of set bits, half open, in order.
pub fn runs(row: &[u64], ni: usize, mut each: impl FnMut(u32, u32)) {
    // A stretch that reaches the end of its word may go on in the next.
    let mut open: Option<u32> = None;
    for (n, &word) in row.iter().enumerate() {
        let first = 64 * n as u32;
        let (mut left, mut at) = (word, 0);
        if word & 1 == 0
            && let Some(start) = open.take()
        {
            each(start, first);
        }
        while left != 0 {
            let zeros = left.trailing_zeros();
            let ones = (left >> zeros).trailing_ones();
            let start = open.take().unwrap_or(first + at + zeros);
            at += zeros + ones;
            if at == 64 {
                open = Some(start);
                break;
            }
            each(start, first + at);
            left = left >> zeros >> ones;
        }
    }
    if let Some(start) = open {
        each(start, ni as u32);
    }
}

/// A mask's voxels as bits, each row followed by a word of zeros, so that a window may be read across its end.
pub struct BitMask {
    dims: [usize; 3],
    stride: usize,
    words: Vec<u64>,
}

impl BitMask {
    /// Packs `voxels`, 0 or not.
    pub fn new(dims: [usize; 3], voxels: &[u8]) -> Self {
        use rayon::prelude::*;
        let stride = words(dims[0]) + 1;
        let mut all = vec![0u64; stride * dims[1] * dims[2]];
        all.par_chunks_mut(stride)
            .zip(voxels.par_chunks(dims[0]))
            .with_min_len(64)
            .for_each(|(out, row)| pack(row, out, |v| v != 0));
        Self { dims, stride, words: all }
    }

    /// The words of row j of slice k, one of zeros after them.
    pub fn row(&self, j: usize, k: usize) -> &[u64] {
        let first = (k * self.dims[1] + j) * self.stride;
        &self.words[first..first + self.stride]
    }

    /// The set voxels of a row that have one not set beside them by a face; beyond the grid its last voxels go on.
    pub fn boundary(&self, j: usize, k: usize, each: &mut impl FnMut(usize)) {
        let [ni, nj, nk] = self.dims;
        let row = self.row(j, k);
        let beside = [
            self.row(j.saturating_sub(1), k),
            self.row((j + 1).min(nj - 1), k),
            self.row(j, k.saturating_sub(1)),
            self.row(j, (k + 1).min(nk - 1)),
        ];
        for n in 0..words(ni) {
            let here = row[n];
            if here == 0 {
                continue;
            }
            let before = if n == 0 { here & 1 } else { row[n - 1] >> 63 };
            let mut after = row[n + 1] << 63;
            if n + 1 == words(ni) {
                let last = (ni - 1) % 64;
                after = (here >> last & 1) << last;
            }
            let solid =
                (here << 1 | before) & (here >> 1 | after) & beside.iter().fold(u64::MAX, |a, r| a & r[n]);
            let mut left = here & !solid;
            while left != 0 {
                each(64 * n + left.trailing_zeros() as usize);
                left &= left - 1;
            }
        }
    }

    /// How many voxels of a row are set from `i − w` to `i + w`, and the sum of their distances from `i`. The window
    /// lies within the row and has at most 63 voxels.
    pub fn window(&self, i: usize, w: usize, j: usize, k: usize) -> (i64, i64) {
        let row = self.row(j, k);
        let (word, shift) = ((i - w) / 64, (i - w) % 64);
        let mut bits = row[word] >> shift;
        if shift > 0 {
            bits |= row[word + 1] << (64 - shift);
        }
        bits &= (1u64 << (2 * w + 1)) - 1;
        let (mut count, mut sum, mut first) = (0i64, 0i64, 0i64);
        while bits != 0 {
            let (n, s) = BYTES[(bits & 0xff) as usize];
            count += i64::from(n);
            sum += i64::from(s) + first * i64::from(n);
            first += 8;
            bits >>= 8;
        }
        (count, sum - w as i64 * count)
    }
}

/// How many bits of a byte are set, and the sum of their places.
const BYTES: [(u8, u8); 256] = {
    let mut table = [(0, 0); 256];
    let mut byte = 0;
    while byte < 256 {
        let mut bit = 0;
        while bit < 8 {
            if byte >> bit & 1 == 1 {
                table[byte].0 += 1;
                table[byte].1 += bit as u8;
            }
            bit += 1;
        }
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::random::Random;

    #[test]
    fn runs_of_packed_rows_are_the_rows_again() {
        let mut r = Random::new(3);
        for ni in [1, 7, 63, 64, 65, 128, 200] {
            for share in [0.02, 0.5, 0.98, 1.1] {
                let row: Vec<u8> = (0..ni).map(|_| u8::from(r.unit() < share)).collect();
                let mut bits = vec![0; words(ni)];
                pack(&row, &mut bits, |v| v != 0);
                let mut again = vec![0u8; ni];
                let mut last = None;
                runs(&bits, ni, |s, e| {
                    assert!(s < e && last.is_none_or(|l| l < s), "in order, never touching");
                    last = Some(e);
                    again[s as usize..e as usize].fill(1);
                });
                assert_eq!(again, row);
            }
        }
    }

    #[test]
    fn boundary_and_window_are_those_of_the_bytes() {
        let mut r = Random::new(5);
        let dims = [150, 4, 3];
        let voxels: Vec<u8> = (0..150 * 12).map(|_| u8::from(r.unit() < 0.9)).collect();
        let bits = BitMask::new(dims, &voxels);
        let set = |i: i64, j: i64, k: i64| {
            let c = [i.clamp(0, 149), j.clamp(0, 3), k.clamp(0, 2)].map(|n| n as usize);
            voxels[(c[2] * 4 + c[1]) * 150 + c[0]] != 0
        };
        for k in 0..3i64 {
            for j in 0..4i64 {
                let mut found = Vec::new();
                bits.boundary(j as usize, k as usize, &mut |i| found.push(i as i64));
                let sides = [[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]];
                let expected: Vec<i64> = (0..150)
                    .filter(|&i| set(i, j, k) && sides.iter().any(|d| !set(i + d[0], j + d[1], k + d[2])))
                    .collect();
                assert_eq!(found, expected);
                for i in 9..140i64 {
                    let inside: Vec<i64> = (-9..=9).filter(|d| set(i + d, j, k)).collect();
                    let expected = (inside.len() as i64, inside.iter().sum());
                    assert_eq!(bits.window(i as usize, 9, j as usize, k as usize), expected);
                }
            }
        }
    }
}

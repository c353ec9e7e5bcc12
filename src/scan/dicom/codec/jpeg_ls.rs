//! JPEG-LS, lossless and near-lossless (T.87 Annex A): one component, one scan.
//!
//! Letters are the standard's: A, B, C, N are what a context has learnt, a to d the neighbours left, above, above
//! left and above right.

use super::Decoded;
use super::agree;
use super::bits::{Bits, Stuffing};
use super::jpeg::{begins, frame_head, segment};
use crate::scan::dicom::encoding::Encoding;

/// Lengths of runs by run index, as powers of two (A.2.1).
const J: [u32; 32] =
    [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15];

pub fn decode(data: &[u8], lossless: bool, encoding: &Encoding) -> Result<Decoded, String> {
    if !data.starts_with(&[0xff, 0xd8]) {
        return Err(begins(data, "FF D8 of a JPEG-LS stream"));
    }
    let mut at = 2;
    let mut precision = None;
    let mut preset = [0i32; 5];
    loop {
        let (marker, segment, next) = segment(data, at)?;
        match marker {
            0xf7 => {
                let head = frame_head(marker, segment)?;
                agree(encoding, [head.rows, head.columns], head.components, head.precision, lossless)?;
                precision = Some(head.precision);
            }
            0xc0..=0xcf => return Err("its transfer syntax declares JPEG-LS, but its stream is JPEG".into()),
            0xf8 => match segment {
                [1, rest @ ..] if rest.len() == 10 => {
                    preset = std::array::from_fn(|n| {
                        i32::from(u16::from_be_bytes([rest[2 * n], rest[2 * n + 1]]))
                    });
                }
                _ => return Err("its stream holds JPEG-LS parameters of a kind a CT has no use for".into()),
            },
            0xdd if segment.iter().any(|&b| b != 0) => {
                return Err("its stream has restart intervals, which are not read for JPEG-LS".into());
            }
            0xda => {
                let precision = precision.ok_or("its stream has a scan before its frame")?;
                let &[1, _, mapping, near, 0, 0] = segment else {
                    return Err("its scan header is not that of one component".into());
                };
                if mapping != 0 {
                    return Err("its stream uses a mapping table, which a CT has no use for".into());
                }
                if lossless && near != 0 {
                    return Err(format!(
                        "its transfer syntax declares lossless JPEG-LS, but its stream may be off by {near}"
                    ));
                }
                let known = Known::new(precision, i32::from(near), preset)?;
                let values = scan(&known, &data[next..], encoding)?;
                return Ok(Decoded { values, precision, lossless: near == 0 });
            }
            0xd9 => return Err("its stream ends before its scan".into()),
            _ => {}
        }
        at = next;
    }
}

/// What stays the same through a scan (A.2.1, C.2.4.1.1).
struct Known {
    max: i32,
    near: i32,
    /// Width of the quantiser: 2·NEAR + 1.
    width: i32,
    range: i32,
    qbpp: u32,
    limit: u32,
    reset: i32,
    thresholds: [i32; 3],
}

impl Known {
    fn new(precision: u16, near: i32, preset: [i32; 5]) -> Result<Self, String> {
        let highest = (1 << precision) - 1;
        let max = if preset[0] == 0 { highest } else { preset[0] };
        if max > highest || near > 255.min(max / 2) {
            return Err(format!(
                "its stream says values reach {max} and may be off by {near}: not in {precision} bits"
            ));
        }
        let usual = usual_thresholds(max, near);
        let chosen: [i32; 3] =
            std::array::from_fn(|n| if preset[n + 1] == 0 { usual[n] } else { preset[n + 1] });
        let reset = if preset[4] == 0 { 64 } else { preset[4] };
        let rising = near < chosen[0] && chosen[0] <= chosen[1] && chosen[1] <= chosen[2] && chosen[2] <= max;
        if !rising || !(3..=255.max(max)).contains(&reset) {
            return Err(format!("its stream has thresholds {chosen:?} and reset {reset}, which cannot be"));
        }
        let width = 2 * near + 1;
        let range = (max + 2 * near) / width + 1;
        let bits = |n: i32| 32 - (n - 1).max(0).leading_zeros();
        let bpp = bits(max + 1).max(2);
        let limit = 2 * (bpp + bpp.max(8));
        Ok(Self { max, near, width, range, qbpp: bits(range), limit, reset, thresholds: chosen })
    }

    /// A difference as −4 to 4 (A.3.3).
    #[inline]
    fn quantise(&self, d: i32) -> i32 {
        let [t1, t2, t3] = self.thresholds;
        let size = d.abs();
        let q = i32::from(size > self.near)
            + i32::from(size >= t1)
            + i32::from(size >= t2)
            + i32::from(size >= t3);
        if d < 0 { -q } else { q }
    }

    /// The sample that a prediction and an error make (A.4.5).
    #[inline]
    fn sample(&self, predicted: i32, error: i32) -> i32 {
        let mut x = predicted + error * self.width;
        if x < -self.near {
            x += self.range * self.width;
        } else if x > self.max + self.near {
            x -= self.range * self.width;
        }
        x.clamp(0, self.max)
    }
}

/// Thresholds where the stream gives none (C.2.4.1.1.1).
fn usual_thresholds(max: i32, near: i32) -> [i32; 3] {
    let clamp = |t: i32, least: i32| if t > max || t < least { least } else { t };
    let basic = |n: usize| [3, 7, 21][n];
    let spread = |n: usize| [3, 5, 7][n] * near;
    let mut least = near + 1;
    std::array::from_fn(|n| {
        let t = if max >= 128 {
            let factor = (max.min(4095) + 128) >> 8;
            factor * (basic(n) - [2, 3, 4][n]) + [2, 3, 4][n] + spread(n)
        } else {
            (basic(n) / (256 / (max + 1))).max([2, 3, 4][n]) + spread(n)
        };
        least = clamp(t, least);
        least
    })
}

#[derive(Clone, Copy)]
struct Context {
    a: i32,
    b: i32,
    c: i32,
    n: i32,
}

/// What changes through a scan.
struct Learnt<'a> {
    bits: Bits<'a>,
    contexts: [Context; 365],
    /// Interrupted runs: a, n and the count of negative errors, for neighbours that differ and that do not.
    runs: [Context; 2],
    run_index: usize,
}

fn scan(known: &Known, data: &[u8], encoding: &Encoding) -> Result<Vec<u16>, String> {
    let start = Context { a: ((known.range + 32) >> 6).max(2), b: 0, c: 0, n: 1 };
    let mut learnt = Learnt {
        bits: Bits::new(data, Stuffing::Bit),
        contexts: [start; 365],
        runs: [start; 2],
        run_index: 0,
    };
    let columns = encoding.columns;
    // One sample more at each side: 0 is left of the first, columns + 1 right of the last.
    let (mut above, mut line) = (vec![0i32; columns + 2], vec![0i32; columns + 2]);
    let mut values = Vec::new();
    for row in 0..encoding.rows {
        above[columns + 1] = above[columns];
        line[0] = above[1];
        learnt
            .line(known, &above, &mut line)
            .ok_or_else(|| format!("row {} of its stream holds bits that are no code", row + 1))?;
        if learnt.bits.overran() {
            return Err(format!("its stream ends in row {} of {}", row + 1, encoding.rows));
        }
        values.extend(line[1..=columns].iter().map(|&v| v as u16));
        std::mem::swap(&mut above, &mut line);
    }
    Ok(values)
}

impl Learnt<'_> {
    /// One row; `None` where the bits are no code.
    fn line(&mut self, known: &Known, above: &[i32], line: &mut [i32]) -> Option<()> {
        let columns = line.len() - 2;
        let mut x = 1;
        let (mut a, mut b, mut c) = (line[0], above[1], above[0]);
        while x <= columns {
            let d = above[x + 1];
            let q = 81 * known.quantise(d - b) + 9 * known.quantise(b - c) + known.quantise(c - a);
            if q != 0 {
                a = self.regular(known, q, a, b, c)?;
                line[x] = a;
                x += 1;
                (c, b) = (b, d);
                continue;
            }
            x = self.run(known, above, line, x)?;
            if x <= columns {
                (a, c, b) = (line[x - 1], above[x - 1], above[x]);
            }
        }
        Some(())
    }

    /// A sample in regular mode (A.4 to A.6).
    #[inline]
    fn regular(&mut self, known: &Known, q: i32, a: i32, b: i32, c: i32) -> Option<i32> {
        let sign = if q < 0 { -1 } else { 1 };
        let context = &mut self.contexts[q.unsigned_abs() as usize];
        let (low, high) = (a.min(b), a.max(b));
        let edge = if c >= high {
            low
        } else if c <= low {
            high
        } else {
            a + b - c
        };
        let predicted = (edge + sign * context.c).clamp(0, known.max);
        let k = shift(context.n, context.a)?;
        let mapped = golomb(&mut self.bits, k, known.limit, known.qbpp)?;
        let mut error = if mapped & 1 == 0 { mapped >> 1 } else { -((mapped + 1) >> 1) };
        if known.near == 0 && k == 0 && 2 * context.b <= -context.n {
            error = -error - 1;
        }
        if error.abs() > known.range {
            return None;
        }
        context.b += error * known.width;
        context.a = context.a.saturating_add(error.abs());
        if context.n == known.reset {
            context.a >>= 1;
            context.b >>= 1;
            context.n >>= 1;
        }
        context.n += 1;
        if context.b <= -context.n {
            context.b = (context.b + context.n).max(1 - context.n);
            context.c = (context.c - 1).max(-128);
        } else if context.b > 0 {
            context.b = (context.b - context.n).min(0);
            context.c = (context.c + 1).min(127);
        }
        Some(known.sample(predicted, sign * error))
    }

    /// A run from `x` on and the sample that interrupts it (A.7); where to go on.
    fn run(&mut self, known: &Known, above: &[i32], line: &mut [i32], x: usize) -> Option<usize> {
        let columns = line.len() - 2;
        let (a, mut x) = (line[x - 1], x);
        loop {
            self.bits.fill();
            let left = columns + 1 - x;
            let longest = 1usize << J[self.run_index];
            if self.bits.take(1) == 0 {
                let n = self.bits.take(J[self.run_index]) as usize;
                if n >= left {
                    return None;
                }
                line[x..x + n].fill(a);
                x += n;
                break;
            }
            let n = longest.min(left);
            line[x..x + n].fill(a);
            x += n;
            if n == longest {
                self.run_index = (self.run_index + 1).min(31);
            }
            if x > columns {
                return Some(x);
            }
            if self.bits.overran() {
                return None;
            }
        }
        line[x] = self.interruption(known, a, above[x])?;
        self.run_index = self.run_index.saturating_sub(1);
        Some(x + 1)
    }

    fn interruption(&mut self, known: &Known, a: i32, b: i32) -> Option<i32> {
        let alike = (a - b).abs() <= known.near;
        let kind = i32::from(alike);
        let context = &mut self.runs[usize::from(alike)];
        let temp = if alike { context.a + (context.n >> 1) } else { context.a };
        let k = shift(context.n, temp)?;
        let mapped = golomb(&mut self.bits, k, known.limit - J[self.run_index] - 1, known.qbpp)?;
        // Code segment A.22, undone: `b` counts the negative errors here.
        let doubled = mapped + kind;
        let size = (doubled + 1) >> 1;
        if size > known.range {
            return None;
        }
        let negative = (k != 0 || 2 * context.b >= context.n) == (doubled & 1 == 1);
        let error = if negative { -size } else { size };
        if error < 0 {
            context.b += 1;
        }
        context.a = context.a.saturating_add((mapped + 1 - kind) >> 1);
        if context.n == known.reset {
            context.a >>= 1;
            context.n >>= 1;
            context.b >>= 1;
        }
        context.n += 1;
        let (predicted, sign) = if alike { (a, 1) } else { (b, if a > b { -1 } else { 1 }) };
        Some(known.sample(predicted, sign * error))
    }
}

/// The least k with N·2^k ≥ A (A.5.1).
#[inline]
fn shift(n: i32, a: i32) -> Option<u32> {
    let mut k = 0;
    while i64::from(n) << k < i64::from(a) {
        k += 1;
        // Values have 16 bits, so nothing learnt from them needs more.
        if k > 16 {
            return None;
        }
    }
    Some(k)
}

/// A number by the limited Golomb code (A.5.3).
#[inline]
fn golomb(bits: &mut Bits<'_>, k: u32, limit: u32, qbpp: u32) -> Option<i32> {
    bits.fill();
    let longest = limit.checked_sub(qbpp + 1)?;
    let zeros = bits.held().leading_zeros();
    if zeros < longest {
        bits.skip(zeros + 1);
        if zeros + 1 + k > 56 {
            bits.fill();
        }
        return Some(((zeros << k) + bits.take(k)) as i32);
    }
    if zeros > longest {
        return None;
    }
    bits.skip(longest + 1);
    bits.fill();
    Some(bits.take(qbpp) as i32 + 1)
}

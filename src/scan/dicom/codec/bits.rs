//! Bits of the entropy-coded part of a JPEG or JPEG-LS stream, most significant first.

/// What follows a byte FF inside the data.
#[derive(Clone, Copy, PartialEq)]
pub enum Stuffing {
    /// JPEG: a zero byte (T.81 B.1.1.5).
    Byte,
    /// JPEG-LS: a zero bit (T.87 C.2.1).
    Bit,
}

/// Reads bits up to the next marker; behind it, zeros, which are counted.
pub struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    /// Unread bits, at the top.
    held: u64,
    count: u32,
    /// How many of the bits in `held` are not in the stream.
    made_up: u32,
    stuffing: Stuffing,
    after_ff: bool,
}

impl<'a> Bits<'a> {
    pub fn new(data: &'a [u8], stuffing: Stuffing) -> Self {
        Self { data, at: 0, held: 0, count: 0, made_up: 0, stuffing, after_ff: false }
    }

    /// Holds at least 56 bits afterwards.
    #[inline]
    pub fn fill(&mut self) {
        // Eight bytes without FF need no look at each.
        if self.count <= 32
            && !self.after_ff
            && let Some(chunk) = self.data.get(self.at..self.at + 4)
        {
            let word = u32::from_be_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
            // A byte is FF where its complement is zero.
            let no = !word;
            if no.wrapping_sub(0x0101_0101) & !no & 0x8080_8080 == 0 {
                self.held |= u64::from(word) << (32 - self.count);
                self.count += 32;
                self.at += 4;
            }
        }
        while self.count <= 56 {
            self.byte();
        }
    }

    #[inline]
    fn byte(&mut self) {
        let next = self.data.get(self.at).copied();
        let width = match (next, self.stuffing) {
            (Some(0xff), Stuffing::Byte) => {
                if self.data.get(self.at + 1) != Some(&0) {
                    return self.make_up();
                }
                self.at += 1;
                8
            }
            // A bit 1 behind FF is a marker; the zero bit is dropped.
            (Some(b), Stuffing::Bit) if self.after_ff => {
                if b >= 0x80 {
                    return self.make_up();
                }
                7
            }
            // FF before a marker is the marker's, unless the marker is missing.
            (Some(0xff), Stuffing::Bit) if self.data.get(self.at + 1).is_none_or(|&b| b >= 0x80) => {
                return self.make_up();
            }
            (Some(_), _) => 8,
            (None, _) => return self.make_up(),
        };
        let byte = next.expect("matched above");
        self.after_ff = byte == 0xff && self.stuffing == Stuffing::Bit;
        self.held |= u64::from(byte) << (64 - width - self.count);
        self.count += width;
        self.at += 1;
    }

    #[inline]
    fn make_up(&mut self) {
        self.count += 8;
        self.made_up += 8;
    }

    /// The next 16 bits, not taken; there must be as many, see [`Self::fill`].
    #[inline]
    pub fn peek16(&self) -> u32 {
        (self.held >> 48) as u32
    }

    /// The unread bits, at the top of the word.
    #[inline]
    pub fn held(&self) -> u64 {
        self.held
    }

    #[inline]
    pub fn skip(&mut self, n: u32) {
        self.held <<= n;
        self.count -= n;
    }

    /// Takes `n` bits, at most 32 and at most what is held.
    #[inline]
    pub fn take(&mut self, n: u32) -> u32 {
        if n == 0 {
            return 0;
        }
        let value = (self.held >> (64 - n)) as u32;
        self.skip(n);
        value
    }

    /// True once bits were taken that the stream does not have.
    pub fn overran(&self) -> bool {
        self.made_up > self.count
    }

    /// Drops what is left before the next marker, and takes that marker, which must be `RST` number `n`.
    pub fn restart(&mut self, n: u8) -> Result<(), String> {
        let (mut at, wanted) = (self.at, 0xd0 + n % 8);
        while self.data.get(at) == Some(&0xff) && self.data.get(at + 1) == Some(&0xff) {
            at += 1;
        }
        let found = self.data.get(at..at + 2);
        if self.overran() || self.count - self.made_up >= 8 || found != Some(&[0xff, wanted]) {
            return Err(format!("restart mark {n} is not where its interval ends"));
        }
        *self = Self::new(self.data, self.stuffing);
        self.at = at + 2;
        Ok(())
    }
}

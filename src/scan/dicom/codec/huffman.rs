//! Huffman tables of JPEG (T.81 Annex C and F.2.2.3).

use super::bits::Bits;

/// Codes up to this length are looked up at once.
const QUICK: u32 = 10;

/// One table, ready to decode.
#[derive(Clone)]
pub struct Table {
    /// Length in the high byte, symbol in the low; 0 where the code is longer or none.
    quick: Vec<u16>,
    /// For each length, the first code beyond that length, aligned to 16 bits, and what to add to a code for its
    /// place in `symbols`.
    limits: [(u32, i32); 17],
    symbols: Vec<u8>,
}

impl Table {
    /// From the counts of codes of length 1 to 16 and the symbols in order.
    pub fn new(counts: &[u8; 16], symbols: &[u8]) -> Result<Self, String> {
        let mut quick = vec![0u16; 1 << QUICK];
        let mut limits = [(0u32, 0i32); 17];
        let (mut code, mut at) = (0u32, 0usize);
        for length in 1..=16u32 {
            let n = u32::from(counts[length as usize - 1]);
            if code + n > 1 << length {
                return Err(format!("its Huffman table has too many codes of {length} bits"));
            }
            limits[length as usize].1 = at as i32 - code as i32;
            for _ in 0..n {
                if length <= QUICK {
                    let from = (code << (QUICK - length)) as usize;
                    let entry = (length as u16) << 8 | u16::from(symbols[at]);
                    quick[from..from + (1 << (QUICK - length))].fill(entry);
                }
                code += 1;
                at += 1;
            }
            limits[length as usize].0 = code << (16 - length);
            code <<= 1;
        }
        Ok(Self { quick, limits, symbols: symbols.to_vec() })
    }

    /// The next symbol; the reader must hold 16 bits. `None` where no code begins so.
    #[inline]
    pub fn symbol(&self, bits: &mut Bits<'_>) -> Option<u8> {
        let next = bits.peek16();
        let entry = self.quick[(next >> (16 - QUICK)) as usize];
        if entry != 0 {
            bits.skip(u32::from(entry >> 8));
            return Some(entry as u8);
        }
        let length = (QUICK + 1..=16).find(|&l| next < self.limits[l as usize].0)?;
        bits.skip(length);
        let place = (next >> (16 - length)) as i32 + self.limits[length as usize].1;
        self.symbols.get(place as usize).copied()
    }
}

/// The signed number that `size` bits stand for (T.81 F.2.2.1, EXTEND).
#[inline]
pub fn extend(value: u32, size: u32) -> i32 {
    if size > 0 && value < 1 << (size - 1) { value as i32 - (1 << size) + 1 } else { value as i32 }
}

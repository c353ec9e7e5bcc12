//! Which crossings of a cell belong together: the loops that the surface leaves on the faces of a cell.
//!
//! A corner is numbered di + 2·dj + 4·dk. Edge `e` runs along axis e / 4 from [`EDGE_FROM`]`[e]`.
//! A loop is one sheet through the cell, and gets one vertex of the net.

/// First corner of each edge; four along i, four along j, four along k.
pub const EDGE_FROM: [u8; 12] = [0, 2, 4, 6, 0, 1, 4, 5, 0, 1, 2, 3];

/// No face.
pub const NONE: u8 = u8::MAX;

/// The sheets of one pattern of corner signs.
#[derive(Clone, Copy, Debug)]
pub struct Sheets {
    /// How many; 0 only where all corners agree. At most 4.
    pub count: u8,
    /// Sheet of each edge, [`NONE`] where the edge is not crossed.
    pub of_edge: [u8; 12],
}

/// All patterns (bit set: corner inside).
pub struct Table {
    /// Faces with a checkerboard join their inside corners.
    pub joined: [Sheets; 256],
    /// The same, but the inside corners on `twice[pattern]` are parted.
    pub parted: [Sheets; 256],
    /// The checkerboard face (2 · axis + side) that one sheet meets twice, or [`NONE`]. There is never a second.
    pub twice: [u8; 256],
    /// Crossed edges.
    pub crossed: [u16; 256],
}

impl Table {
    /// Works the patterns out. No table is typed in, so none can be typed wrong.
    pub fn new() -> Self {
        let mut table = Self {
            joined: [Sheets { count: 0, of_edge: [NONE; 12] }; 256],
            parted: [Sheets { count: 0, of_edge: [NONE; 12] }; 256],
            twice: [NONE; 256],
            crossed: [0; 256],
        };
        for signs in 0..=255u8 {
            let at = signs as usize;
            let (joined, twice) = sheets(signs, NONE);
            table.joined[at] = joined;
            table.twice[at] = twice;
            table.parted[at] = if twice == NONE { joined } else { sheets(signs, twice).0 };
            table.crossed[at] =
                (0..12).filter(|&e| joined.of_edge[e] != NONE).fold(0, |mask, e| mask | 1 << e);
        }
        table
    }
}

/// Corners of a face in order round it.
fn face_corners(face: u8) -> [u8; 4] {
    let (axis, side) = (face / 2, face % 2);
    let (u, v) = (1 << ((axis + 1) % 3), 1 << ((axis + 2) % 3));
    let first = side << axis;
    [first, first | u, first | u | v, first | v]
}

fn edge_between(a: u8, b: u8) -> usize {
    let axis = (a ^ b).trailing_zeros() as usize;
    let from = a.min(b);
    (0..4).map(|n| axis * 4 + n).find(|&e| EDGE_FROM[e] == from).expect("the corners are neighbours")
}

/// The sheets, with inside corners joined on every checkerboard face except `parted`; and the first checkerboard
/// face which one sheet meets twice.
fn sheets(signs: u8, parted: u8) -> (Sheets, u8) {
    let inside = |c: u8| signs >> c & 1 == 1;
    let mut label: [u8; 12] = std::array::from_fn(|e| e as u8);
    let mut crossed = [false; 12];
    let mut boards: Vec<(u8, [usize; 2])> = Vec::new();
    for face in 0..6 {
        let corners = face_corners(face);
        let edges: [usize; 4] = std::array::from_fn(|n| edge_between(corners[n], corners[(n + 1) % 4]));
        let cut: Vec<usize> =
            (0..4).filter(|&n| inside(corners[n]) != inside(corners[(n + 1) % 4])).collect();
        let pairs: Vec<[usize; 2]> = match cut[..] {
            [] => continue,
            [a, b] => vec![[edges[a], edges[b]]],
            // A checkerboard: each segment cuts one corner off, an outside one where the inside is joined.
            _ => (0..4)
                .filter(|&n| inside(corners[n]) == (face == parted))
                .map(|n| [edges[n], edges[(n + 3) % 4]])
                .collect(),
        };
        if let [p, q] = pairs[..] {
            boards.push((face, [p[0], q[0]]));
        }
        for [a, b] in pairs {
            crossed[a] = true;
            crossed[b] = true;
            let (keep, drop) = (label[a].min(label[b]), label[a].max(label[b]));
            label.iter_mut().filter(|l| **l == drop).for_each(|l| *l = keep);
        }
    }
    let mut numbers = [NONE; 12];
    let mut sheets = Sheets { count: 0, of_edge: [NONE; 12] };
    for e in (0..12).filter(|&e| crossed[e]) {
        let number = &mut numbers[label[e] as usize];
        if *number == NONE {
            *number = sheets.count;
            sheets.count += 1;
        }
        sheets.of_edge[e] = *number;
    }
    let twice = boards.iter().find(|(_, [p, q])| label[*p] == label[*q]).map_or(NONE, |(face, _)| *face);
    (sheets, twice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_one_face_is_met_twice_by_a_sheet_and_parting_it_cures_that() {
        let table = Table::new();
        let mut cured = 0;
        for signs in 1..255u8 {
            let at = signs as usize;
            assert!((1..=4).contains(&table.joined[at].count));
            // Corners of a checkerboard face other than `twice` never meet one sheet twice: checked by parting the
            // one there is and asking again.
            if table.twice[at] != NONE {
                let (parted, again) = sheets(signs, table.twice[at]);
                assert_eq!((table.joined[at].count, parted.count, again), (1, 2, NONE), "{signs:08b}");
                cured += 1;
            }
        }
        assert_eq!(cured, 36);
    }

    #[test]
    fn every_sheet_is_one_ring_that_enters_each_face_as_often_as_it_leaves() {
        let table = Table::new();
        for signs in 1..255usize {
            for sheets in [&table.joined[signs], &table.parted[signs]] {
                for number in 0..sheets.count {
                    let edges = sheets.of_edge.iter().filter(|&&s| s == number).count();
                    assert!((3..=12).contains(&edges), "{signs:08b}");
                }
            }
        }
    }
}

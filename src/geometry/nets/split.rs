//! Surface nets in which every sheet of a cell has a vertex of its own.
//!
//! **In** [`Samples`] on a grid. **Out** [`SplitNet`], in any frame by an affine map.
//!
//! **Method** Gibson 1998 as in the parent module; one vertex per sheet of a cell as in Nielson, "Dual Marching
//! Cubes", Proc. IEEE Visualization 2004, pp. 489-496. Signs are kept as bits, 64 samples a word: a cell is crossed
//! where the OR and the AND of its corners differ. Two passes: vertices and quads are counted row by row, then
//! written in place, so nothing is welded and the order is that of the grid.
//!
//! **Different from the paper** Inside corners are joined on every checkerboard face (thin bone stays whole), except
//! where one sheet meets that face twice in both cells beside it: the quads of four edges would share an edge there.
//! Such a face parts its inside corners, which gives both cells two sheets. The brute force over all 256 patterns in `loops` shows that this is enough.
//! No sample is moved; a crossing keeps `APART` of a voxel from either sample.
//!
//! **Guarantees** As the parent module: closed (capped half a voxel beyond the grid), two triangles on every edge,
//! one fan round every vertex, counter-clockwise from outside, the same bytes on any thread count. No triangle
//! joins fewer than three cells.
//!
//! **Limits** Sheets of one cell may cut through each other, as in every dual method. Fewer than 2³¹ vertices.

use rayon::prelude::*;

use super::loops::{EDGE_FROM, NONE, Sheets, Table};
use super::samples::Samples;
use crate::geometry::pages::zeroed;

/// Least distance of a crossing from a sample, in voxels. 5e-4 of 0.5 mm is 0.25 µm.
const APART: f32 = 5e-4;
/// In `base`: the word has cells with more than one sheet.
const CROWDED: u32 = 1 << 31;

/// A closed surface.
#[derive(Clone, Debug, PartialEq)]
pub struct SplitNet {
    /// As placed.
    pub vertices: Vec<[f64; 3]>,
    /// Counter-clockwise seen from outside.
    pub triangles: Vec<[u32; 3]>,
    /// Cells with more than one vertex.
    pub split_cells: usize,
    /// Checkerboard faces whose inside corners were parted; elsewhere they are joined.
    pub parted_faces: usize,
}

/// The surface where `samples` change sign. `place` takes (i, j, k), the centre of a voxel being whole numbers, to
/// where the vertices shall lie; `mirrors` says that it turns a right hand into a left one.
pub fn split_net(
    samples: &impl Samples,
    place: impl Fn([f64; 3]) -> [f64; 3] + Sync,
    mirrors: bool,
) -> SplitNet {
    let cells = Cells::new(samples);
    let starts = |counts: &mut dyn Iterator<Item = usize>| {
        let mut sum = 0;
        let mut starts = Vec::new();
        for n in counts {
            starts.push(sum);
            sum += n;
        }
        (starts, sum)
    };
    let (first_vertex, vertices_in_all) = starts(&mut cells.layers.iter().map(|l| l.vertices));
    let (_, quads_in_all) = starts(&mut cells.layers.iter().map(|l| l.quads));
    assert!(vertices_in_all < CROWDED as usize, "{vertices_in_all} vertices are too many");

    let mut vertices: Vec<[f64; 3]> = zeroed(vertices_in_all);
    parts(&mut vertices, cells.layers.iter().map(|l| l.vertices))
        .into_par_iter()
        .enumerate()
        .for_each(|(k, out)| cells.write_vertices(k, &place, out));
    let mut triangles: Vec<[u32; 3]> = zeroed(2 * quads_in_all);
    parts(&mut triangles, cells.layers.iter().map(|l| 2 * l.quads))
        .into_par_iter()
        .enumerate()
        .for_each(|(k, out)| cells.write_quads(k, &first_vertex, &vertices, mirrors, out));
    SplitNet {
        vertices,
        triangles,
        split_cells: cells.layers.iter().map(|l| l.crowded.len()).sum(),
        // Either cell beside the face counts it.
        parted_faces: cells.layers.iter().flat_map(|l| &l.crowded).filter(|c| c.parted).count() / 2,
    }
}

/// Consecutive parts of these lengths.
fn parts<T>(mut all: &mut [T], lengths: impl Iterator<Item = usize>) -> Vec<&mut [T]> {
    lengths.map(|n| all.split_off_mut(..n).expect("the lengths add up")).collect()
}

/// A cell with more than one sheet.
struct Crowded {
    /// j · 64 · words + i.
    key: u32,
    signs: u8,
    parted: bool,
}

/// What one layer of cells holds.
#[derive(Default)]
struct Layer {
    vertices: usize,
    quads: usize,
    crowded: Vec<Crowded>,
}

/// The grid with one outside sample beyond every face, as bits. Cell (i, j, k) lies between samples i and i+1, and so
/// on, counted with that border.
struct Cells<'a, S> {
    samples: &'a S,
    table: Table,
    dims: [usize; 3],
    /// Words of a row.
    words: usize,
    bits: Vec<u64>,
    /// Per word of a cell row: cells crossed; vertices of the layer before this word, and `CROWDED`.
    crossed: Vec<u64>,
    base: Vec<u32>,
    layers: Vec<Layer>,
}

impl<'a, S: Samples> Cells<'a, S> {
    fn new(samples: &'a S) -> Self {
        let dims = samples.dims();
        let words = (dims[0] + 2).div_ceil(64);
        let mut bits: Vec<u64> = zeroed(words * (dims[1] + 2) * (dims[2] + 2));
        if dims.iter().all(|&n| n > 0) {
            bits.par_chunks_mut(words * (dims[1] + 2)).skip(1).take(dims[2]).enumerate().for_each(
                |(k, layer)| {
                    for (j, row) in layer.chunks_exact_mut(words).skip(1).take(dims[1]).enumerate() {
                        samples.inside(j + dims[1] * k, row);
                        // By one, for the border.
                        let mut carry = 0;
                        for word in row {
                            (*word, carry) = (*word << 1 | carry, *word >> 63);
                        }
                    }
                },
            );
        }
        let per_layer = words * (dims[1] + 1);
        let mut cells = Self {
            samples,
            table: Table::new(),
            dims,
            words,
            bits,
            crossed: zeroed(per_layer * (dims[2] + 1)),
            base: zeroed(per_layer * (dims[2] + 1)),
            layers: Vec::new(),
        };
        let (mut crossed, mut base) = (std::mem::take(&mut cells.crossed), std::mem::take(&mut cells.base));
        cells.layers = crossed
            .par_chunks_mut(per_layer)
            .zip(base.par_chunks_mut(per_layer))
            .enumerate()
            .map(|(k, (crossed, base))| cells.count(k, crossed, base))
            .collect();
        (cells.crossed, cells.base) = (crossed, base);
        cells
    }

    /// Signs of sample row (j, k), counted with the border.
    fn row(&self, j: usize, k: usize) -> &[u64] {
        &self.bits[(k * (self.dims[1] + 2) + j) * self.words..][..self.words]
    }

    /// The four sample rows of cell row (j, k).
    fn rows(&self, j: usize, k: usize) -> [&[u64]; 4] {
        [self.row(j, k), self.row(j + 1, k), self.row(j, k + 1), self.row(j + 1, k + 1)]
    }

    /// Counts one layer.
    fn count(&self, k: usize, crossed: &mut [u64], base: &mut [u32]) -> Layer {
        let words = self.words;
        let mut layer = Layer::default();
        for j in 0..=self.dims[1] {
            let rows = self.rows(j, k);
            for w in 0..words {
                let at = j * words + w;
                let near: [u64; 4] = std::array::from_fn(|r| rows[r][w]);
                let far: [u64; 4] = std::array::from_fn(|r| next(rows[r], w));
                let any = near.iter().chain(&far).fold(0, |s, v| s | v);
                let all = near.iter().chain(&far).fold(!0, |s, v| s & v);
                let cut = any & !all;
                base[at] = layer.vertices as u32;
                if cut == 0 {
                    continue;
                }
                crossed[at] = cut;
                layer.quads += ((near[0] ^ far[0]).count_ones()
                    + (near[0] ^ near[1]).count_ones()
                    + (near[0] ^ near[2]).count_ones()) as usize;
                layer.vertices += cut.count_ones() as usize;
                let mut suspects = suspects(near, far) & cut;
                while suspects != 0 {
                    let i = 64 * w + suspects.trailing_zeros() as usize;
                    suspects &= suspects - 1;
                    let signs = self.signs([i, j, k]);
                    let parted = self.is_parted([i, j, k], signs);
                    let more = self.sheets(signs, parted).count as usize - 1;
                    if more > 0 {
                        layer.vertices += more;
                        base[at] |= CROWDED;
                        layer.crowded.push(Crowded { key: self.key(i, j), signs, parted });
                    }
                }
            }
        }
        layer
    }

    fn key(&self, i: usize, j: usize) -> u32 {
        (j * 64 * self.words + i) as u32
    }

    fn sheets(&self, signs: u8, parted: bool) -> &Sheets {
        if parted { &self.table.parted[signs as usize] } else { &self.table.joined[signs as usize] }
    }

    fn signs(&self, [i, j, k]: [usize; 3]) -> u8 {
        signs_at(&self.rows(j, k), i)
    }

    /// True where this cell and the one beyond its face `twice` both meet that face twice with one sheet.
    fn is_parted(&self, cell: [usize; 3], signs: u8) -> bool {
        let face = self.table.twice[signs as usize];
        if face == NONE {
            return false;
        }
        let (axis, side) = (usize::from(face / 2), face % 2);
        let mut other = cell;
        // A checkerboard face has inside corners, so it is not on the border and there is a cell beyond it.
        other[axis] = if side == 1 { cell[axis] + 1 } else { cell[axis] - 1 };
        self.table.twice[self.signs(other) as usize] == face ^ 1
    }

    /// Value at sample (i, j, k), counted with the border. Beyond the grid it is outside and mirrored in size, so
    /// that a cap lies half a voxel beyond the last sample; a zero has no size.
    fn value(&self, ijk: [usize; 3]) -> f32 {
        let near: [usize; 3] = std::array::from_fn(|a| ijk[a].clamp(1, self.dims[a]) - 1);
        let v = self.samples.value((near[2] * self.dims[1] + near[1]) * self.dims[0] + near[0]);
        if (0..3).all(|a| ijk[a] == near[a] + 1) {
            v
        } else if v == 0.0 {
            1.0
        } else {
            v.abs()
        }
    }

    fn write_vertices(&self, k: usize, place: &(impl Fn([f64; 3]) -> [f64; 3] + Sync), out: &mut [[f64; 3]]) {
        let mut written = 0;
        let [ni, nj, nk] = self.dims;
        let mut crowded = self.layers[k].crowded.iter().peekable();
        for j in 0..=nj {
            let rows = self.rows(j, k);
            let real_rows = (1..nj).contains(&j) && (1..nk).contains(&k);
            for w in 0..self.words {
                let mut cut = self.crossed[(k * (nj + 1) + j) * self.words + w];
                while cut != 0 {
                    let i = 64 * w + cut.trailing_zeros() as usize;
                    cut &= cut - 1;
                    let values: [f32; 8] = if real_rows && (1..ni).contains(&i) {
                        let first = ((k - 1) * nj + j - 1) * ni + i - 1;
                        std::array::from_fn(|c| {
                            let row = (c >> 1 & 1) * ni + (c >> 2) * ni * nj;
                            self.samples.value(first + row + (c & 1))
                        })
                    } else {
                        std::array::from_fn(|c| self.value([i + (c & 1), j + (c >> 1 & 1), k + (c >> 2)]))
                    };
                    let signs = signs_at(&rows, i);
                    let mut put = |at: [f32; 3]| {
                        // −1 for the border.
                        let at = std::array::from_fn(|a| [i, j, k][a] as f64 - 1.0 + f64::from(at[a]));
                        out[written] = place(at);
                        written += 1;
                    };
                    let crossed = self.table.crossed[signs as usize];
                    match crowded.next_if(|c| c.key == self.key(i, j)) {
                        None => put(mean_crossing(&values, crossed)),
                        Some(c) => {
                            let sheets = self.sheets(signs, c.parted);
                            for sheet in 0..sheets.count {
                                let own = (0..12).filter(|&e| sheets.of_edge[e] == sheet);
                                put(mean_crossing(&values, own.fold(0, |mask, e| mask | 1 << e)));
                            }
                        }
                    }
                }
            }
        }
        debug_assert_eq!(written, out.len());
    }

    fn write_quads(
        &self,
        k: usize,
        first_vertex: &[usize],
        vertices: &[[f64; 3]],
        mirrors: bool,
        out: &mut [[u32; 3]],
    ) {
        let mut written = 0;
        // `corners` run counter-clockwise seen from the far end of the edge.
        let mut put = |corners: [u32; 4], from_inside: bool| {
            let [a, b, c, d] = corners;
            let apart = |p: u32, q: u32| {
                let (p, q) = (vertices[p as usize], vertices[q as usize]);
                (0..3).map(|x| (p[x] - q[x]).powi(2)).sum::<f64>()
            };
            // The shorter diagonal, in the place where the vertices lie.
            let two =
                if apart(a, c) <= apart(b, d) { [[a, b, c], [a, c, d]] } else { [[a, b, d], [b, c, d]] };
            for [p, q, r] in two {
                out[written] = if from_inside != mirrors { [p, q, r] } else { [p, r, q] };
                written += 1;
            }
        };
        for j in 0..=self.dims[1] {
            let [here, along_j, along_k, _] = self.rows(j, k);
            for w in 0..self.words {
                if self.crossed[(k * (self.dims[1] + 1) + j) * self.words + w] == 0 {
                    continue;
                }
                let inside = here[w];
                for (axis, mut cut) in
                    [inside ^ next(here, w), inside ^ along_j[w], inside ^ along_k[w]].into_iter().enumerate()
                {
                    while cut != 0 {
                        let bit = cut.trailing_zeros();
                        cut &= cut - 1;
                        let ijk = [64 * w + bit as usize, j, k];
                        let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
                        // The four cells about the edge; (du, dv) says which of the cell's edges it is.
                        let corners = [(1, 1), (0, 1), (0, 0), (1, 0)].map(|(du, dv)| {
                            let mut cell = ijk;
                            cell[u] -= du;
                            cell[v] -= dv;
                            self.vertex(cell, first_vertex, axis, du << u | dv << v)
                        });
                        put(corners, inside >> bit & 1 == 1);
                    }
                }
            }
        }
        debug_assert_eq!(written, out.len());
    }

    /// Number of the vertex of `cell` for the sheet that crosses its edge along `axis` from corner `from`.
    #[inline]
    fn vertex(&self, [i, j, k]: [usize; 3], first_vertex: &[usize], axis: usize, from: usize) -> u32 {
        let (w, bit) = (i / 64, i % 64);
        let at = (k * (self.dims[1] + 1) + j) * self.words + w;
        let base = self.base[at];
        let before = (self.crossed[at] & ((1 << bit) - 1)).count_ones();
        let number = first_vertex[k] as u32 + (base & !CROWDED) + before;
        if base & CROWDED == 0 { number } else { number + self.crowding([i, j, k], axis, from) }
    }

    /// What the crowded cells of a word add to the number of a vertex.
    #[cold]
    fn crowding(&self, [i, j, k]: [usize; 3], axis: usize, from: usize) -> u32 {
        let crowded = &self.layers[k].crowded;
        let (word, own) = (self.key(i / 64 * 64, j), self.key(i, j));
        let mut more = 0;
        for c in &crowded[crowded.partition_point(|c| c.key < word)..] {
            let sheets = self.sheets(c.signs, c.parted);
            if c.key < own {
                more += u32::from(sheets.count) - 1;
                continue;
            }
            if c.key == own {
                let edge = (4 * axis..4 * axis + 4).find(|&e| usize::from(EDGE_FROM[e]) == from);
                more += u32::from(sheets.of_edge[edge.expect("four edges run along an axis")]);
            }
            break;
        }
        more
    }
}

/// Word `w` of a row, one sample further.
#[inline]
fn next(row: &[u64], w: usize) -> u64 {
    row[w] >> 1 | row.get(w + 1).map_or(0, |n| n << 63)
}

#[inline]
fn signs_at(rows: &[&[u64]; 4], i: usize) -> u8 {
    let bit = |row: &[u64], i: usize| (row[i / 64] >> (i % 64) & 1) as u8;
    (0..4).fold(0, |signs, r| signs | bit(rows[r], i) << (2 * r) | bit(rows[r], i + 1) << (2 * r + 1))
}

/// Cells that may hold more than one sheet: with a checkerboard face, or with a corner alone at either end of a
/// diagonal.
fn suspects([a, b, c, d]: [u64; 4], [a1, b1, c1, d1]: [u64; 4]) -> u64 {
    let board = |p: u64, q: u64, r: u64, s: u64| (p ^ q) & (p ^ r) & !(p ^ s);
    let boards = board(a, a1, b, b1)
        | board(c, c1, d, d1)
        | board(a, a1, c, c1)
        | board(b, b1, d, d1)
        | board(a, b, c, d)
        | board(a1, b1, c1, d1);
    // Corner p alone among its neighbours q, r, s, and so the opposite corner.
    let alone = |p: u64, [q, r, s]: [u64; 3]| (p ^ q) & (p ^ r) & (p ^ s);
    let ends = |p: u64, near: [u64; 3], o: u64, far: [u64; 3]| alone(p, near) & alone(o, far) & !(p ^ o);
    boards
        | ends(a, [a1, b, c], d1, [d, c1, b1])
        | ends(a1, [a, b1, c1], d, [d1, c, b])
        | ends(b, [b1, a, d], c1, [c, d1, a1])
        | ends(b1, [b, a1, d1], c, [c1, d, a])
}

/// Mean of the crossings of the edges in `mask`, within the cell.
#[inline]
fn mean_crossing(values: &[f32; 8], mask: u16) -> [f32; 3] {
    let mut sum = [0f32; 3];
    let mut left = mask;
    while left != 0 {
        let e = left.trailing_zeros() as usize;
        left &= left - 1;
        let (axis, from) = (e / 4, EDGE_FROM[e] as usize);
        let (v, w) = (values[from], values[from | 1 << axis]);
        let t = (v / (v - w)).clamp(APART, 1.0 - APART);
        for a in 0..3 {
            sum[a] += if a == axis { t } else { (from >> a & 1) as f32 };
        }
    }
    let n = mask.count_ones() as f32;
    sum.map(|s| s / n)
}

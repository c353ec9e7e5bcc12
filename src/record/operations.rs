//! Each operation as a picture: the paths of its tool, and what it leaves of the blank.
//!
//! Both halves look along the spindle of the operation's setup, work x to the right and work y up. Paths are the motions
//! that the judge read from the program's text; the blank is the judge's, milled move by move.

use rayon::prelude::*;

use crate::model::{
    Milled, MilledOperation, Part, Plan, Point, Pose, Program, Setup, StockMap, Tool, ToolKind, ToolMove,
    Work,
};

use super::canvas::{Canvas, INK, ORANGE, THROUGH, WHITE, blue, grey};

/// Width of one half and between the halves, pixels.
const HALF: usize = 318;
const BETWEEN: usize = 4;
/// Dashes of rapids and what lies between them, pixels.
const DASH: [u32; 2] = [5, 4];
/// Light from the upper left, 45 degrees and more above the table.
const LIGHT: [f64; 3] = [-0.42, 0.42, 0.80];

/// One operation for the report.
pub struct OperationPicture {
    pub caption: String,
    pub canvas: Canvas,
}

/// How a setup is looked at.
struct View {
    part_from_work: Pose<Part, Work>,
    work_from_part: Pose<Work, Part>,
    /// Lowest work x and highest work y of the blank, mm.
    corner_mm: [f64; 2],
    thickness_mm: f64,
    pixels_per_mm: f64,
    height: usize,
}

impl View {
    fn new(plan: &Plan, setup: &Setup) -> Self {
        let work_from_part = setup.part_from_work.inverse();
        let [a, b] = [plan.stock.min_mm, plan.stock.max_mm].map(|p| work_from_part.apply(p).mm);
        let size: [f64; 3] = std::array::from_fn(|k| (a[k] - b[k]).abs());
        let pixels_per_mm = HALF as f64 / size[0];
        Self {
            part_from_work: setup.part_from_work,
            work_from_part,
            corner_mm: [a[0].min(b[0]), a[1].max(b[1])],
            thickness_mm: size[2],
            pixels_per_mm,
            // A blank is no more than this much longer than wide.
            height: ((size[1] * pixels_per_mm).round() as usize).clamp(1, 4 * HALF),
        }
    }

    /// Pixel of a place of the work frame.
    fn pixel(&self, work_mm: [f64; 3]) -> [f64; 2] {
        let [x0, y1] = self.corner_mm;
        [(work_mm[0] - x0) * self.pixels_per_mm - 0.5, (y1 - work_mm[1]) * self.pixels_per_mm - 0.5]
    }

    /// Place in the part's x and y under a pixel's middle, moved by `by_mm` in work x and y.
    fn part_xy(&self, x: usize, y: usize, by_mm: [f64; 2]) -> [f64; 2] {
        let work = [
            self.corner_mm[0] + (x as f64 + 0.5) / self.pixels_per_mm + by_mm[0],
            self.corner_mm[1] - (y as f64 + 0.5) / self.pixels_per_mm + by_mm[1],
            0.0,
        ];
        let p = self.part_from_work.apply(Point::new(work)).mm;
        [p[0], p[1]]
    }
}

/// Depth below the face of the blank, mm, between the lines; `None` where it is milled through.
fn depth_mm(map: &StockMap, xy_mm: [f64; 2]) -> Option<f64> {
    let at: [f64; 2] = std::array::from_fn(|a| {
        ((xy_mm[a] - map.first_xy_mm[a]) / map.step_mm).clamp(0.0, (map.n[a].max(1) - 1) as f64)
    });
    let value = |i: usize, j: usize| {
        let v = map.depth_hundredths_mm[j.min(map.n[1] - 1) * map.n[0] + i.min(map.n[0] - 1)];
        (v != StockMap::THROUGH).then(|| f64::from(v) / 100.0)
    };
    let (i, j) = (at[0].floor() as usize, at[1].floor() as usize);
    let own = value(at[0].round() as usize, at[1].round() as usize)?;
    let corner = |di, dj| value(i + di, j + dj).unwrap_or(own);
    let (s, t) = (at[0] - i as f64, at[1] - j as f64);
    let low = corner(0, 0) * (1.0 - s) + corner(1, 0) * s;
    let high = corner(0, 1) * (1.0 - s) + corner(1, 1) * s;
    Some(low * (1.0 - t) + high * t)
}

/// The blank as shades from 0 to 1; `None` where it is milled through.
fn shades(view: &View, map: &StockMap) -> Vec<Option<f64>> {
    let mut out = Vec::with_capacity(HALF * view.height);
    let h = map.step_mm;
    let length = LIGHT.iter().map(|v| v * v).sum::<f64>().sqrt();
    for y in 0..view.height {
        for x in 0..HALF {
            let at = |by: [f64; 2]| depth_mm(map, view.part_xy(x, y, by));
            out.push(at([0.0; 2]).map(|own| {
                // Slope of the height, which is minus the depth.
                let slope =
                    |a: [f64; 2], b: [f64; 2]| (at(b).unwrap_or(own) - at(a).unwrap_or(own)) / (2.0 * h);
                let (sx, sy) = (slope([h, 0.0], [-h, 0.0]), slope([0.0, h], [0.0, -h]));
                let lit = (LIGHT[2] - sx * LIGHT[0] - sy * LIGHT[1]).max(0.0)
                    / ((1.0 + sx * sx + sy * sy).sqrt() * length);
                // Deeper is darker, so that a pocket is no plateau.
                lit * (1.0 - 0.45 * (own / view.thickness_mm).min(1.0))
            }));
        }
    }
    out
}

/// One picture for each operation that the judge found; nothing where the blank was not looked at.
pub fn operation_pictures(plan: &Plan, programs: &[Program], milled: &Milled) -> Vec<OperationPicture> {
    let all = milled.facts.operations.par_iter().zip(&milled.stock_after);
    all.filter_map(|(op, map)| {
        let number = programs.iter().position(|p| p.file == op.program)?;
        let setup = plan.setups.iter().find(|s| s.number == programs[number].setup)?;
        let moves = milled.path.iter().filter(|m| {
            usize::from(m.program) == number && m.line >= op.line_first && m.line <= op.line_last
        });
        let mut canvas = picture(&View::new(plan, setup), map, moves);
        let probe = plan.tools.values().any(|t| t.number == op.tool && t.kind == ToolKind::Probe);
        for flip in plan.flip.iter().filter(|_| probe) {
            touched(&mut canvas, &View::new(plan, setup), &flip.places_xy_mm);
        }
        Some(OperationPicture { caption: caption(plan, setup, op, map), canvas })
    })
    .collect()
}

fn picture<'a>(view: &View, map: &StockMap, moves: impl Iterator<Item = &'a ToolMove>) -> Canvas {
    let shade = shades(view, map);
    let mut right = Canvas::new(HALF, view.height);
    for (pixel, s) in right.pixels.iter_mut().zip(&shade) {
        *pixel = s.map_or(THROUGH, grey);
    }
    // Under the paths the blank is pale.
    let mut left = right.clone();
    for (pixel, s) in left.pixels.iter_mut().zip(&shade) {
        *pixel = s.map_or(WHITE, |s| grey(0.5 + 0.5 * s));
    }
    let mut rapids: Vec<(i64, i64)> = Vec::new();
    let mut dash = 0;
    let mut covered = vec![false; left.pixels.len()];
    for m in moves {
        let [a, b] = [m.from_mm, m.to_mm].map(|p| view.pixel(view.work_from_part.apply(Point::new(p)).mm));
        if m.rapid {
            if (a[0] - b[0]).hypot(a[1] - b[1]) < 0.5 {
                continue;
            }
            left.along(a, b, |x, y| {
                dash = (dash + 1) % (DASH[0] + DASH[1]);
                if dash < DASH[0] {
                    rapids.push((x, y));
                }
            });
        } else {
            left.along(a, b, |x, y| {
                if left.at(x, y).is_some() {
                    covered[y as usize * HALF + x as usize] = true;
                }
            });
        }
    }
    for (n, _) in covered.iter().enumerate().filter(|c| *c.1) {
        left.pixels[n] = blue(shade[n].unwrap_or(0.5));
    }
    for (x, y) in rapids {
        left.set(x, y, ORANGE);
    }
    axes(&mut left, view);
    axes(&mut right, view);
    let mut both = Canvas::new(2 * HALF + BETWEEN, view.height);
    both.put(&left, 0);
    both.put(&right, HALF + BETWEEN);
    both
}

/// Where a probe touches, which leaves no path: crosses on the left half.
fn touched(canvas: &mut Canvas, view: &View, places_xy_mm: &[[f64; 2]]) {
    const ARM: f64 = 9.0;
    for &[x, y] in places_xy_mm {
        let [x, y] = view.pixel(view.work_from_part.apply(Point::new([x, y, 0.0])).mm);
        canvas.line([x - ARM, y], [x + ARM, y], 2, INK);
        canvas.line([x, y - ARM], [x, y + ARM], 2, INK);
    }
}

/// The work zero with +x and +y.
fn axes(canvas: &mut Canvas, view: &View) {
    const LONG: f64 = 34.0;
    let zero = view.pixel([0.0; 3]);
    for (to, text, letter) in
        [([LONG, 0.0], "+X", [LONG + 16.0, 0.0]), ([0.0, -LONG], "+Y", [0.0, -LONG - 10.0])]
    {
        let end = [zero[0] + to[0], zero[1] + to[1]];
        canvas.line(zero, end, 2, INK);
        let across = [to[1] / LONG * 4.0, -to[0] / LONG * 4.0];
        for side in [-1.0, 1.0] {
            let barb = [
                end[0] - to[0] / LONG * 6.0 + side * across[0],
                end[1] - to[1] / LONG * 6.0 + side * across[1],
            ];
            canvas.line(end, barb, 2, INK);
        }
        canvas.text([zero[0] + letter[0], zero[1] + letter[1]], text, 2, INK);
    }
}

/// A tool in a few words.
pub fn tool_text(t: &Tool) -> String {
    let kind = match t.kind {
        ToolKind::Flat => "flat end mill",
        ToolKind::Ball => "ball end mill",
        ToolKind::Bull => "bull-nose end mill",
        ToolKind::Drill => "drill",
        ToolKind::Chamfer => "chamfer mill",
        ToolKind::Probe => "touch probe",
    };
    format!("T{} {kind} Ø{} mm", t.number, t.diameter_mm)
}

fn caption(plan: &Plan, setup: &Setup, op: &MilledOperation, map: &StockMap) -> String {
    let tool =
        plan.tools.values().find(|t| t.number == op.tool).map_or_else(|| format!("T{}", op.tool), tool_text);
    let first = plan.setups.first().is_none_or(|s| s.number == setup.number);
    format!(
        "{}: {}. {tool}; {}; {} blocks, lines {} to {}; {:.1} m at feed, {:.1} m at rapid. Seen from the spindle, from \
         part {}z{}: {} up.",
        op.program,
        if op.name.is_empty() { "operation without a heading" } else { &op.name },
        duration(op.time_s),
        op.blocks,
        op.line_first,
        op.line_last,
        op.path_mm_cut / 1000.0,
        op.path_mm_rapid / 1000.0,
        if map.from_above { '+' } else { '-' },
        if first { "" } else { ", the blank turned over since the first setup" },
        setup.name,
    )
}

/// Minutes and seconds.
pub fn duration(time_s: f64) -> String {
    let s = time_s.round().max(0.0) as u64;
    format!("{} min {:02} s", s / 60, s % 60)
}

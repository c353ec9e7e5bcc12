//! Findings as numbered marks on the implant.

use nalgebra::Vector3;

use crate::model::{Finding, Implant, Point, Severity};

use super::canvas::{Canvas, INK, ORANGE, RED, WHITE};
use super::raster::{Camera, Scene};

const HALF: usize = 318;
const BETWEEN: usize = 4;
/// A mark's radius, pixels.
const MARK: f64 = 9.0;
/// A place at most this far behind what is seen still counts as seen, mm.
const SEEN_MM: f64 = 0.5;

/// The implant with its findings: left from part +z, right from part -z; part y up in both. And the number of each
/// finding on it; `None` for one without a place or whose place lies off the picture. No picture without a mark.
pub fn finding_marks(implant: &Implant, findings: &[Finding]) -> (Option<Canvas>, Vec<Option<usize>>) {
    let none = (None, vec![None; findings.len()]);
    let Some((lo, hi)) = implant.mesh.bounds_mm() else { return none };
    let (lo, hi) = (Vector3::from(lo), Vector3::from(hi));
    // Room for places beside the implant: holes in bone, the edge of the defect.
    const MARGIN_MM: f64 = 8.0;
    let size = (hi - lo) + Vector3::repeat(2.0 * MARGIN_MM);
    let scale = HALF as f64 / size.x.max(size.y);
    let height = ((size.y * scale).ceil() as usize).max(60);
    let mut sides = [1.0, -1.0].map(|side| {
        let camera = Camera {
            middle: (lo + hi) / 2.0,
            to_eye: Vector3::new(0.0, 0.0, side),
            up: Vector3::new(0.0, 1.0, 0.0),
            scale,
        };
        let mut scene = Scene::new(HALF, height, camera);
        scene.draw(&implant.mesh, |_| [0.95; 3]);
        let canvas = Canvas::greys_of(&scene.picture);
        (camera, scene, canvas, Vec::<[f64; 2]>::new())
    });
    let mut numbers = Vec::with_capacity(findings.len());
    let mut count = 0;
    for f in findings {
        let number = f.place_lps_mm.and_then(|lps| {
            let place = implant.part_from_patient.apply(Point::new(lps)).v();
            // How far behind what is seen there from either side.
            let behind = [0, 1].map(|s| {
                let (camera, scene, ..) = &sides[s];
                let [x, y, near] = camera.project(place, HALF, height);
                let seen = scene.nearest(x.round() as i64, y.round() as i64)?;
                Some((seen - near).max(0.0))
            });
            let side = match behind {
                [Some(out), Some(back)] => usize::from(out > SEEN_MM && back < out),
                _ => return None,
            };
            count += 1;
            let (camera, _, canvas, taken) = &mut sides[side];
            let [x, y, _] = camera.project(place, HALF, height);
            mark(canvas, taken, [x, y], count, f.severity);
            Some(count)
        });
        numbers.push(number);
    }
    if count == 0 {
        return none;
    }
    let mut both = Canvas::new(2 * HALF + BETWEEN, height);
    for (k, (camera, _, mut canvas, _)) in sides.into_iter().enumerate() {
        axes(&mut canvas, &camera);
        both.put(&canvas, k * (HALF + BETWEEN));
    }
    (Some(both), numbers)
}

/// A disc with its number, beside the place where another stands there already.
fn mark(canvas: &mut Canvas, taken: &mut Vec<[f64; 2]>, place: [f64; 2], number: usize, severity: Severity) {
    let inside = |p: [f64; 2]| {
        let room = MARK + 1.0;
        [p[0].clamp(room, canvas.width as f64 - room), p[1].clamp(room, canvas.height as f64 - room)]
    };
    let free = |p: [f64; 2]| taken.iter().all(|t| (t[0] - p[0]).hypot(t[1] - p[1]) >= 2.0 * MARK + 2.0);
    // Rings of eight places about it, the nearest free one.
    let tried = std::iter::once(place).chain((1..12).flat_map(|ring| {
        (0..8).map(move |k| {
            let turn = f64::from(k) * std::f64::consts::FRAC_PI_4;
            let r = f64::from(ring) * 1.5 * MARK;
            [place[0] + r * turn.cos(), place[1] - r * turn.sin()]
        })
    }));
    let at = tried.map(inside).find(|p| free(*p)).unwrap_or(place);
    taken.push(at);
    let colour = match severity {
        Severity::Stop => RED,
        Severity::Review => ORANGE,
        Severity::Change | Severity::Note => INK,
    };
    canvas.line(place, at, 2, colour);
    canvas.disc(place, 2.5, colour);
    canvas.disc(at, MARK + 1.5, WHITE);
    canvas.disc(at, MARK, colour);
    canvas.text(at, &number.to_string(), if number < 10 { 2 } else { 1 }, WHITE);
}

/// Part x and y in the lower left corner.
fn axes(canvas: &mut Canvas, camera: &Camera) {
    const LONG: f64 = 22.0;
    let right = camera.right().x;
    // Seen from below part x runs to the left.
    let zero = [if right > 0.0 { 8.0 } else { 46.0 }, canvas.height as f64 - 9.0];
    for (to, text) in [([LONG * right, 0.0], "X"), ([0.0, -LONG], "Y")] {
        let end = [zero[0] + to[0], zero[1] + to[1]];
        canvas.line(zero, end, 2, INK);
        canvas.text([zero[0] + to[0] * 1.35, zero[1] + to[1] * 1.4], text, 1, INK);
    }
}

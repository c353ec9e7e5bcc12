//! What is engraved: whose, which side, which way up, which face.
//!
//! Case pseudonym, side (`R`, `L`, `M`), an arrow toward the crown, and `OUT` on the outer face or `IN` on the inner one.
//! At the crown, where no direction of the face leads to it, the arrow points to the face of the patient and an `A`
//! (anterior) stands beside it. The text lies where the plate is whole all round, as far from the rim as it can, and not
//! on the outer face where that looks forward: a scar would show on the brow. Like holes it is analytic: strokes on the
//! face and the groove along them, in `implant.json`; the mesh is smooth.

use nalgebra::Vector3;

use crate::geometry::Bvh;
use crate::geometry::distance::distance_to;
use crate::model::{Dir, Finding, GrooveFacts, MarkingFacts, Part, Patient, Point, Pose, Severity};

use super::field::Fields;
use super::holes::columns_of_plate;
use super::letters::{SPACE, TALL, strokes, width};
use super::params::{Face, ImplantToml, Method};

/// Places are tried this far apart, mm.
const STEP_MM: f64 = 1.0;
/// Strokes are given at least this often, mm: over it a dome of 60 mm departs from its chord by 0.13 µm.
const STROKE_STEP_MM: f64 = 0.25;
/// Left about the text, mm.
pub(super) const CLEAR_MM: f64 = 1.0;
/// The face may not be steeper to the insertion axis than this (cosine): 45°.
const STEEP_MAX: f64 = 0.7;
/// Looking forward by more than this (cosine to anterior): 60°.
const FORWARD_MAX: f64 = 0.5;
/// The crown is no direction on a face that is squarer to it than this (sine): 20°.
const CROWN_MIN: f64 = 0.35;
/// Letters smaller than this are not read with the naked eye in theatre, mm.
const LETTER_MM_MIN: f64 = 2.0;

/// Where the text stands, across the insertion axis, in the implant's frame.
pub(super) struct Marking {
    face: Face,
    lines: Vec<String>,
    cranial: bool,
    middle: [f64; 2],
    right: [f64; 2],
    up: [f64; 2],
    letter_mm: f64,
}

/// What is written.
pub(super) struct Text<'a> {
    pub case: &'a str,
    pub side: &'a str,
}

impl Marking {
    /// The best place for the text; `None` where there is none, or none is wanted.
    pub fn place(
        fields: &Fields,
        body: &Bvh<Part>,
        patient_from_part: &Pose<Patient, Part>,
        text: &Text,
        t: &ImplantToml,
    ) -> Option<Self> {
        let part_from_patient = patient_from_part.inverse();
        let across = |d: [f64; 3]| -> [f64; 2] {
            let v = part_from_patient.turn(Dir::new(d)).unit;
            [v[0], v[1]]
        };
        let length = |v: [f64; 2]| v[0].hypot(v[1]);
        let (crown, front) = (across([0.0, 0.0, 1.0]), across([0.0, -1.0, 0.0]));
        let cranial = length(crown) >= CROWN_MIN;
        let up = if cranial { crown } else { front };
        let up = up.map(|x| x / length(up));
        let faces: &[Face] = match t.marking_face {
            Face::None => return None,
            Face::Outer => &[Face::Outer, Face::Inner],
            Face::Inner => &[Face::Inner],
        };
        let rooms: Vec<Room> =
            faces.iter().map(|&f| Room::new(fields, body, patient_from_part, f, t)).collect();
        let letters = [t.marking_letter_mm, LETTER_MM_MIN.min(t.marking_letter_mm)];
        for (&face, room) in faces.iter().zip(&rooms) {
            // Seen from outside with `up` up, right is up turned by −90°; from inside it is the other way.
            let outside = [up[1], -up[0]];
            let right = if face == Face::Outer { outside } else { outside.map(|x| -x) };
            for letter_mm in letters {
                for lines in layouts(text, face, cranial) {
                    let mut at = Self { face, lines, cranial, middle: [0.0; 2], right, up, letter_mm };
                    if let Some(middle) = room.best(&at) {
                        at.middle = middle;
                        return Some(at);
                    }
                }
            }
        }
        None
    }

    fn unit_mm(&self) -> f64 {
        self.letter_mm / TALL
    }

    /// Half width and half height of the text, mm.
    fn half_mm(&self) -> [f64; 2] {
        let wide = self.lines.iter().map(|l| width(l)).fold(0.0, f64::max);
        let tall = self.lines.len() as f64 * (TALL + SPACE) - SPACE;
        [0.5 * wide * self.unit_mm(), 0.5 * tall * self.unit_mm()]
    }

    fn at(&self, x: f64, y: f64) -> [f64; 2] {
        std::array::from_fn(|a| self.middle[a] + self.right[a] * x + self.up[a] * y)
    }

    /// Discs that cover the text: no hole and no screw stands there.
    pub fn discs(&self) -> Vec<([f64; 2], f64)> {
        let [w, h] = self.half_mm();
        let count = (2.0 * w / h).ceil().max(1.0);
        let r = h.hypot(w / count);
        (0..count as usize).map(|k| (self.at(w * ((2 * k + 1) as f64 / count - 1.0), 0.0), r)).collect()
    }

    /// Strokes on the face of the finished body.
    fn strokes(&self, body: &Bvh<Part>) -> Vec<Vec<[f64; 3]>> {
        let (unit, [_, h]) = (self.unit_mm(), self.half_mm());
        let mut out = Vec::new();
        for (n, line) in self.lines.iter().enumerate() {
            let (left, foot) = (-0.5 * width(line) * unit, h - (n as f64 * (TALL + SPACE) + TALL) * unit);
            for stroke in strokes(line) {
                let corner = |p: &[f64; 2]| self.at(left + p[0] * unit, foot + p[1] * unit);
                let mut places = Vec::new();
                for ends in stroke.windows(2) {
                    let (a, b) = (corner(&ends[0]), corner(&ends[1]));
                    let parts = ((b[0] - a[0]).hypot(b[1] - a[1]) / STROKE_STEP_MM).ceil().max(1.0);
                    let first = usize::from(!places.is_empty());
                    places.extend((first..=parts as usize).map(|k| -> [f64; 2] {
                        std::array::from_fn(|x| a[x] + (b[x] - a[x]) * k as f64 / parts)
                    }));
                }
                out.extend(
                    places
                        .into_iter()
                        .map(|xy| on_face(body, self.face, xy).map(|f| f.0))
                        .collect::<Option<Vec<_>>>(),
                );
            }
        }
        out
    }

    /// As `implant.json` tells it.
    pub fn facts(
        &self,
        body: &Bvh<Part>,
        patient_from_part: &Pose<Patient, Part>,
        t: &ImplantToml,
    ) -> MarkingFacts {
        let lps = |p: [f64; 3]| patient_from_part.apply(Point::new(p));
        let along = |d: [f64; 2]| patient_from_part.turn(Dir::new([d[0], d[1], 0.0]));
        MarkingFacts {
            lines: self.lines.clone(),
            face: self.face.name().into(),
            arrow: if self.cranial { "cranial" } else { "anterior" }.into(),
            letter_mm: self.letter_mm,
            depth_mm: t.marking_depth_mm,
            groove: (t.marking_method == Method::Milled)
                .then(|| GrooveFacts::new(t.marking_groove_radius_mm, t.marking_depth_mm)),
            up_lps: along(self.up),
            right_lps: along(self.right),
            strokes_lps_mm: self
                .strokes(body)
                .into_iter()
                .map(|s| s.into_iter().map(lps).collect())
                .collect(),
        }
    }
}

/// The text in one broad and in one narrow form.
fn layouts(text: &Text, face: Face, cranial: bool) -> [Vec<String>; 2] {
    let side = match text.side {
        "right" => "R",
        "left" => "L",
        _ => "M",
    };
    let out = if face == Face::Outer { "OUT" } else { "IN" };
    let way = format!("{side} {} {out}", if cranial { "^" } else { "^A" });
    let case = text.case.to_uppercase();
    let (head, tail) = case.split_at(case.len().div_ceil(2));
    let (head, tail) = (head.to_owned(), tail.to_owned());
    [vec![case, way.clone()], vec![head, tail, way]]
}

/// Place and outward normal of a face over a point.
fn on_face(body: &Bvh<Part>, face: Face, [x, y]: [f64; 2]) -> Option<([f64; 3], Vector3<f64>)> {
    let (lo, hi) = body.mesh().bounds_mm()?;
    let (from, down) = if face == Face::Outer { (hi[2] + 1.0, -1.0) } else { (lo[2] - 1.0, 1.0) };
    let hit = body.first_hit([x, y, from], [0.0, 0.0, down], 0.0, 1e3).filter(|h| h.entering)?;
    Some(([x, y, from + down * hit.t], body.mesh().normal(hit.triangle).normalize()))
}

/// Where a face has room for text, on a lattice of [`STEP_MM`].
struct Room {
    lo: [f64; 2],
    dims: [usize; 2],
    /// Distance to the rim, mm; negative where no text may stand.
    free_mm: Vec<f64>,
}

impl Room {
    fn new(
        fields: &Fields,
        body: &Bvh<Part>,
        patient_from_part: &Pose<Patient, Part>,
        face: Face,
        t: &ImplantToml,
    ) -> Self {
        let [ni, nj, _] = fields.grid.dims;
        let h = fields.grid.step_mm;
        let plate = columns_of_plate(fields);
        let to_rim = distance_to([ni, nj, 1], [h; 3], |c| !plate[c]);
        let lo = [fields.grid.origin_mm[0], fields.grid.origin_mm[1]];
        let dims = [ni, nj].map(|n| ((n - 1) as f64 * h / STEP_MM) as usize + 1);
        let free_mm = (0..dims[0] * dims[1])
            .map(|c| {
                let xy = [lo[0] + (c % dims[0]) as f64 * STEP_MM, lo[1] + (c / dims[0]) as f64 * STEP_MM];
                let [i, j]: [usize; 2] = std::array::from_fn(|a| ((xy[a] - lo[a]) / h).round() as usize);
                let rim_mm = f64::from(to_rim[j.min(nj - 1) * ni + i.min(ni - 1)]);
                let off_ears = fields.ears.as_ref().is_none_or(|e| !e.matters(xy[0], xy[1], CLEAR_MM));
                if rim_mm < t.hole_rim_distance_mm + CLEAR_MM || !off_ears {
                    return -1.0;
                }
                let fits = on_face(body, face, xy).is_some_and(|(_, n)| {
                    let forward = -patient_from_part.turn(Dir::new(n.into())).unit[1];
                    n.z.abs() >= STEEP_MAX && (face == Face::Inner || forward <= FORWARD_MAX)
                });
                if fits { rim_mm } else { -1.0 }
            })
            .collect();
        Self { lo, dims, free_mm }
    }

    fn at(&self, xy: [f64; 2]) -> f64 {
        let [i, j]: [f64; 2] = std::array::from_fn(|a| ((xy[a] - self.lo[a]) / STEP_MM).round());
        if i < 0.0 || j < 0.0 || i >= self.dims[0] as f64 || j >= self.dims[1] as f64 {
            return -1.0;
        }
        self.free_mm[j as usize * self.dims[0] + i as usize]
    }

    /// The middle from which the whole text lies farthest from the rim.
    fn best(&self, text: &Marking) -> Option<[f64; 2]> {
        let [w, h] = text.half_mm();
        let [columns, rows] = [w, h].map(|x| (x / STEP_MM).ceil().max(1.0) as i32);
        let (mut best, mut room) = (None, 0.0);
        for c in 0..self.free_mm.len() {
            // The middle is never nearer to the rim than the text's least place, and often no better than the best.
            if self.free_mm[c] <= room {
                continue;
            }
            let middle = [
                self.lo[0] + (c % self.dims[0]) as f64 * STEP_MM,
                self.lo[1] + (c / self.dims[0]) as f64 * STEP_MM,
            ];
            let mut least = f64::INFINITY;
            'text: for b in -rows..=rows {
                for a in -columns..=columns {
                    let (x, y) = (w * f64::from(a) / f64::from(columns), h * f64::from(b) / f64::from(rows));
                    least = least.min(
                        self.at(std::array::from_fn(|k| middle[k] + text.right[k] * x + text.up[k] * y)),
                    );
                    if least <= room {
                        break 'text;
                    }
                }
            }
            if least > room {
                (best, room) = (Some(middle), least);
            }
        }
        best
    }
}

/// Says how it is made, or that there is no room.
pub(super) fn finding(marking: Option<&MarkingFacts>, t: &ImplantToml) -> Option<Finding> {
    if t.marking_face == Face::None {
        return None;
    }
    let text = match marking {
        Some(m) => {
            let how = m.groove.map_or_else(
                || "the programs do not engrave it: it is marked by laser from its strokes in implant.json".into(),
                |g| {
                    format!(
                        "the programs mill it, a round groove {:.2} mm wide; its depth is the characteristic `marking`",
                        g.width_mm
                    )
                },
            );
            format!(
                "marking `{}` is planned on the {} face, {:.2} mm deep; {how}",
                m.lines.join(" / "),
                m.face,
                m.depth_mm
            )
        }
        None => "the implant has no room for a marking: mark its pouch".into(),
    };
    Some(Finding::new("marking", Severity::Note, text))
}

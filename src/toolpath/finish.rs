//! Semi-finishing, finishing and repair of one setup.

use crate::model::{Move, Tool};

use super::cutter::Cutter;
use super::link::{Leads, Linker, Standing};
use super::params::{FinishPattern, ToolpathParams};
use super::pass::{Line, on_surface};
use super::pencil::creases;
use super::plane::{Field, Lowered, Plane};
use super::raster::{Band, Chords, Piece, raster};
use super::scallop::{Scallop, scallops};
use super::scene::{Scene, TAB};
use super::waterline::{Levels, waterlines};

/// Lattice on which slopes and contours are looked for, mm: finer than any facet of a design.
const LATTICE_MM: f64 = 0.25;
/// The same for the skin.
const SEMI_LATTICE_MM: f64 = 0.4;
/// Raster up to this slope, waterlines from the lower one: ten degrees of overlap on either side of 30.
pub const RASTER_TO_DEG: f64 = 40.0;
const RASTER_SPACED_DEG: f64 = 30.0;
const WATERLINE_FROM_DEG: f64 = 20.0;
/// Twice the sine of the flattest waterline slope is reached at 43 degrees: from there every second level will do.
const EVERY_SECOND_FROM_DEG: f64 = 43.5;
/// Lines of equal distance hold their spacing at any slope, so they go as far as heights over a lattice are to be
/// trusted; over an edge ten degrees are more than a spacing of overlap.
const SCALLOP_TO_DEG: f64 = 60.0;
const BESIDE_SCALLOP_FROM_DEG: f64 = 50.0;
/// A dip runs this far to either side of its tip, mm: a machine's few increments.
const DIP_MM: f64 = 0.05;
/// Directions of a dip that are tried, over half a turn: 11 degrees off a wall's foot at most.
const DIP_TURNS: usize = 8;
/// Semi-finishing needs no more than this overlap.
const SEMI_RASTER_TO_DEG: f64 = 50.0;
const SEMI_WATERLINE_FROM_DEG: f64 = 35.0;
/// Spacing kept this far under the closed form, for facets and curvature (concave 80 mm costs 2 %).
const SPACING_SAFETY: f64 = 0.96;

/// Distance between passes of a ball that leave cusps of `cusp_mm` on a plane: `2·√(2rh − h²)`.
pub fn spacing_mm(radius_mm: f64, cusp_mm: f64) -> f64 {
    SPACING_SAFETY * 2.0 * (2.0 * radius_mm * cusp_mm - cusp_mm * cusp_mm).max(0.0).sqrt()
}

fn rise(deg: f64) -> f64 {
    deg.to_radians().tan()
}

/// What finishing of one setup needs to know.
pub struct Finishing<'a> {
    /// The setup.
    pub scene: &'a Scene,
    /// The room's table.
    pub params: &'a ToolpathParams,
    /// Cusp height of finishing, mm.
    pub scallop_mm: f64,
    /// What roughing left, per tool radius.
    pub standing: &'a dyn Fn(f64) -> Standing,
    /// Height of a ramp into what roughing left, mm.
    pub rough_skin_mm: f64,
}

/// Shallow or steep part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Zone {
    /// Raster.
    Shallow,
    /// Waterlines.
    Steep,
}

/// How fine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Grade {
    /// Leaves the skin.
    Semi,
    /// To size.
    Finish,
}

impl Finishing<'_> {
    fn lowered(&self, tool: &Tool, grade: Grade) -> Lowered<'_> {
        let allowance = if grade == Grade::Semi { self.params.semi_allowance_mm } else { 0.0 };
        Lowered::new(&self.scene.ground, Cutter::ball(tool.radius_mm()), allowance)
    }

    fn chords(&self, grade: Grade) -> Chords {
        match grade {
            // A tenth of the skin.
            Grade::Semi => Chords {
                gouge_mm: 0.1 * self.params.semi_allowance_mm,
                excess_mm: 0.1 * self.params.semi_allowance_mm,
                step_mm: 1.5,
            },
            Grade::Finish => Chords {
                gouge_mm: self.params.chord_gouge_mm_max,
                excess_mm: self.params.chord_excess_mm_max,
                // Probed at quarters: every 0.15 mm, half a facet.
                step_mm: 0.4,
            },
        }
    }

    fn leads(&self, grade: Grade, follow_mm: f64) -> Leads {
        let skin = match grade {
            Grade::Semi => self.rough_skin_mm,
            Grade::Finish => self.params.semi_allowance_mm + self.params.semi_scallop_mm,
        };
        let ramp_height_mm = 1.2 * skin;
        Leads {
            clearance_mm: self.scene.clearance_mm,
            gap_mm: self.params.rapid_gap_mm,
            ramp_height_mm,
            // What roughing left below its last layer; the finishing passes meet the skin alone.
            ramp_height_mm_max: match grade {
                Grade::Semi => self.params.rough_layer_mm_max + self.rough_skin_mm,
                Grade::Finish => ramp_height_mm,
            },
            // Into a skin, not into full stock: three times the ramp's angle, and 8 mm at most.
            ramp_mm: (ramp_height_mm / (3.0 * self.params.ramp_angle_deg).to_radians().tan()).min(8.0),
            stay_mm: 6.0,
            follow_mm,
        }
    }

    /// Field of cutter locations of a tool over the part.
    pub fn field(&self, tool: &Tool, grade: Grade) -> Field {
        let (lo, hi) = self.scene.reach(tool.radius_mm());
        let step = if grade == Grade::Semi { SEMI_LATTICE_MM } else { LATTICE_MM };
        self.lowered(tool, grade).over(Plane::over(lo, hi, step))
    }

    /// Passes over one part at one grade.
    pub fn passes(&self, tool: &Tool, field: &Field, zone: Zone, grade: Grade) -> Vec<Piece> {
        let cl = self.lowered(tool, grade);
        let chords = self.chords(grade);
        let (scene, past_mm, flutes_mm) = (self.scene, self.params.rim_overtravel_mm, self.flutes_mm(tool));
        let scallop = grade == Grade::Finish && self.params.finish_pattern == FinishPattern::Scallop;
        match zone {
            Zone::Shallow if scallop => {
                let spacing_mm = spacing_mm(cl.grown.radius_mm, self.scallop_mm);
                scallops(&cl, field, &Scallop { slope_max_deg: SCALLOP_TO_DEG, spacing_mm }, &chords)
            }
            Zone::Shallow => {
                let (cusp, to, spaced) = match grade {
                    Grade::Semi => (self.params.semi_scallop_mm, SEMI_RASTER_TO_DEG, SEMI_WATERLINE_FROM_DEG),
                    Grade::Finish => (self.scallop_mm, RASTER_TO_DEG, RASTER_SPACED_DEG),
                };
                let band = Band {
                    slope_max: rise(to),
                    slope_spaced: rise(spaced),
                    spacing_mm: spacing_mm(cl.grown.radius_mm, cusp),
                    keep: &|_, rest| rest.tag != TAB,
                    along_y: field.plane.ny > field.plane.nx,
                };
                raster(&cl, field, &band, &chords)
            }
            Zone::Steep => {
                let (cusp, from, second) = match grade {
                    Grade::Semi => (self.params.semi_scallop_mm, SEMI_WATERLINE_FROM_DEG, 91.0),
                    Grade::Finish if scallop => (self.scallop_mm, BESIDE_SCALLOP_FROM_DEG, 91.0),
                    Grade::Finish => (self.scallop_mm, WATERLINE_FROM_DEG, EVERY_SECOND_FROM_DEG),
                };
                let spacing = spacing_mm(cl.grown.radius_mm, cusp) * from.to_radians().sin();
                let levels = self.levels(field, (tool, cl.grown.radius_mm), rise(from), spacing);
                let levels = Levels {
                    z_mm: levels,
                    slope_min: rise(from),
                    slope_every_second: if second > 90.0 { f64::INFINITY } else { rise(second) },
                    overtravel_mm: past_mm,
                    foot_mm: &|p| scene.foot_z_mm(p, cl.grown.radius_mm, past_mm).max(flutes_mm),
                    keep: &|tag, _| tag != TAB,
                };
                waterlines(&cl, field, &levels, &chords)
            }
        }
    }

    /// Passes along the creases where `wanted` holds (tip): where the tool touches two places at once.
    pub fn creases(
        &self,
        tool: &Tool,
        field: &Field,
        wanted: &(dyn Fn([f64; 3]) -> bool + Sync),
    ) -> Vec<Piece> {
        creases(&self.lowered(tool, Grade::Finish), field, &self.chords(Grade::Finish), wanted)
    }

    /// Short passes through tips of a tool, each along the direction in which it is most level; none where the tool does not rest
    /// at that height: beside a wall a tenth of a millimetre aside is millimetres down, in stock that nobody has taken.
    pub fn dips(&self, tool: &Tool, tips: &[[f64; 3]]) -> Vec<Piece> {
        let (cl, chords) = (self.lowered(tool, Grade::Finish), self.chords(Grade::Finish));
        let off_mm =
            |p: &Piece, t: &[f64; 3]| p.points.iter().fold(0.0f64, |m, p| m.max((p[2] - t[2]).abs()));
        let through = |t: &[f64; 3], turn: usize| {
            let (s, c) = (std::f64::consts::PI * turn as f64 / DIP_TURNS as f64).sin_cos();
            let points = [-DIP_MM, 0.0, DIP_MM].map(|d| [t[0] + d * c, t[1] + d * s]).to_vec();
            let pieces = on_surface(&cl, &Line { points, closed: false }, &chords);
            <[Piece; 1]>::try_from(pieces).ok().map(|[piece]| (off_mm(&piece, t), piece))
        };
        let dip = |t| {
            let ways = (0..DIP_TURNS).filter_map(|turn| through(t, turn));
            ways.min_by(|a, b| a.0.total_cmp(&b.0)).filter(|way| way.0 <= 2.0 * DIP_MM)
        };
        tips.iter().filter_map(dip).map(|way| way.1).collect()
    }

    /// A tip lower than this has wall beside its shank.
    fn flutes_mm(&self, tool: &Tool) -> f64 {
        self.scene.top_mm - tool.flute_length_mm
    }

    /// Levels from the highest steep place to where the rim has been passed.
    pub(super) fn levels(
        &self,
        field: &Field,
        (tool, radius_mm): (&Tool, f64),
        slope_min: f64,
        spacing: f64,
    ) -> Vec<f64> {
        let steep = (0..field.plane.len())
            .filter(|&at| field.z(at).is_finite() && f64::from(field.slope[at]) >= slope_min);
        let (lo, hi) = steep.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), at| {
            (lo.min(field.z(at)), hi.max(field.z(at)))
        });
        if lo > hi {
            return vec![];
        }
        // The last node that still meets the part lies up to a diagonal inside the ball's equator; there the ball rests
        // this much higher than where it passes. Levels that are too low keep no crossing.
        let inside = (radius_mm - field.plane.step * std::f64::consts::SQRT_2).max(0.0);
        let unseen_mm = (radius_mm * radius_mm - inside * inside).sqrt();
        let past_mm = self.params.rim_overtravel_mm;
        let feet =
            (0..field.plane.len()).map(|at| self.scene.foot_z_mm(field.plane.xy(at), radius_mm, past_mm));
        let foot = feet.filter(|z| z.is_finite()).fold(f64::INFINITY, f64::min).max(self.flutes_mm(tool));
        let lo = (lo - unseen_mm - past_mm).min(foot).max(self.scene.stock_lo[2]);
        let n = ((hi - lo) / spacing).floor().max(0.0) as usize;
        // An even number of steps, so that the last level belongs to the series that all slopes get.
        (0..=n + n % 2).map(|k| (hi - (k as f64 + 0.5) * spacing).max(lo)).collect()
    }

    /// Links pieces into moves.
    pub fn moves(&self, tool: &Tool, pieces: Vec<Piece>, zone: Zone, grade: Grade) -> Vec<Move> {
        let cl = self.lowered(tool, grade);
        let cusp = if grade == Grade::Semi { self.params.semi_scallop_mm } else { self.scallop_mm };
        let follow = match zone {
            Zone::Shallow => 3.0 * spacing_mm(cl.grown.radius_mm, cusp),
            // Down a wall there is no line to follow.
            Zone::Steep => 0.0,
        };
        let standing = (self.standing)(tool.radius_mm());
        let mut linker = Linker::new(cl, &standing, self.leads(grade, follow), self.chords(grade));
        linker.pieces(pieces);
        linker.moves
    }

    /// Passes at half the spacing where `wanted` holds (tip), which it does at `heights` only.
    pub fn again(
        &self,
        tool: &Tool,
        field: &Field,
        wanted: &(dyn Fn([f64; 3]) -> bool + Sync),
        heights: &[[f64; 2]],
    ) -> [Vec<Piece>; 2] {
        let cl = self.lowered(tool, Grade::Finish);
        let chords = self.chords(Grade::Finish);
        let (scene, past_mm, flutes_mm) = (self.scene, self.params.rim_overtravel_mm, self.flutes_mm(tool));
        let spacing = 0.5 * spacing_mm(cl.radius_mm, self.scallop_mm);
        let nodes: Vec<bool> = (0..field.plane.len()).map(|at| wanted(field.tip(at))).collect();
        let band = Band {
            slope_max: rise(60.0),
            slope_spaced: rise(55.0),
            spacing_mm: spacing,
            keep: &|at, rest| rest.tag != TAB && nodes[at],
            along_y: field.plane.nx > field.plane.ny,
        };
        let shallow = raster(&cl, field, &band, &chords);
        // A wall's passes lie between nodes; the nodes beside it say nothing of their heights.
        let z_mm: Vec<f64> = self
            .levels(field, (tool, cl.radius_mm), rise(45.0), spacing * 0.7)
            .into_iter()
            .filter(|&z| heights.iter().any(|h| h[0] <= z && z <= h[1]))
            .collect();
        let steep = if !z_mm.is_empty() {
            let levels = Levels {
                z_mm,
                slope_min: rise(45.0),
                slope_every_second: f64::INFINITY,
                overtravel_mm: past_mm,
                foot_mm: &|p| scene.foot_z_mm(p, cl.radius_mm, past_mm).max(flutes_mm),
                keep: &|tag, p| tag != TAB && wanted(p),
            };
            waterlines(&cl, field, &levels, &chords)
        } else {
            vec![]
        };
        [shallow, steep]
    }
}

//! What a program asks of the machine, one motion at a time, and the faults met while reading it.

/// How the tool goes there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MotionKind {
    /// As fast as the machine can.
    Rapid,
    /// Straight, at feed.
    Feed,
    /// Straight, at feed, until a probe touches; the end is where the move gives up.
    Probe,
    /// Along an arc, clockwise seen from the positive third axis of its plane.
    ArcClockwise,
    /// Along an arc, counter-clockwise.
    ArcCounterClockwise,
}

/// Plane of an arc.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plane {
    /// G17.
    Xy,
    /// G18.
    Zx,
    /// G19.
    Yz,
}

impl Plane {
    /// First, second and third axis, right-handed.
    pub fn axes(self) -> [usize; 3] {
        match self {
            Plane::Xy => [0, 1, 2],
            Plane::Zx => [2, 0, 1],
            Plane::Yz => [1, 2, 0],
        }
    }
}

/// One motion of the tool tip, work frame, mm, and of the rotary axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Motion {
    /// Line of the text, counted from 1.
    pub line: u32,
    /// How.
    pub kind: MotionKind,
    /// Where the tip is before.
    pub from_mm: [f64; 3],
    /// Where the tip is after.
    pub end_mm: [f64; 3],
    /// Angles of A, B, C before, degrees.
    pub from_deg: [f64; 3],
    /// Angles of A, B, C after, degrees.
    pub end_deg: [f64; 3],
    /// Middle of an arc; its third component is that of the start.
    pub centre_mm: [f64; 3],
    /// Plane of an arc.
    pub plane: Plane,
    /// Whole turns an arc makes beyond the first, partial one.
    pub extra_turns: u32,
    /// Feed along the path, mm/min; degrees/min where nothing but rotary axes moves; for rapids 0.
    pub feed_mm_per_min: f64,
    /// Spindle speed, 1/min; 0 when it stands.
    pub spindle_rpm: f64,
    /// T number in the spindle; 0 for none.
    pub tool: u32,
}

impl Motion {
    /// True where a rotary axis moves.
    pub fn turns(&self) -> bool {
        self.from_deg != self.end_deg
    }

    /// What the feed of a straight motion counts along (NIST RS274NGC, NISTIR 6556, 2.1.2.5): the way of X, Y and Z as if
    /// the rotary axes stood still, mm; where they do not move, the root of the angles' squares, degrees.
    pub fn measure(&self) -> f64 {
        let way = length(self.from_mm, self.end_mm);
        if way > 0.0 { way } else { length(self.from_deg, self.end_deg) }
    }
}

fn length(a: [f64; 3], b: [f64; 3]) -> f64 {
    (0..3).map(|k| (a[k] - b[k]).powi(2)).sum::<f64>().sqrt()
}

/// A condition on what a probe touched: beyond the limit the program ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProbeCheck {
    /// Line of the condition, counted from 1.
    pub line: u32,
    /// 0, 1, 2: x, y, z.
    pub axis: usize,
    /// Probe moves by number among the motions; the same twice where one touch is judged alone.
    pub touches: [u32; 2],
    /// Where their middle should be, work mm.
    pub nominal_mm: f64,
    /// Most that it may be off, mm.
    pub limit_mm: f64,
}

/// A fault of words, or one that ended the reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadFault {
    /// Line, counted from 1.
    pub line: u32,
    /// Stable name, as in [`crate::model::Collision::kind`].
    pub kind: &'static str,
    /// One sentence.
    pub message: String,
}

/// What reading a program gave.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// In order.
    pub motions: Vec<Motion>,
    /// What is asked of probe moves.
    pub probe_checks: Vec<ProbeCheck>,
    /// In the order met.
    pub faults: Vec<ReadFault>,
    /// Lines that hold words.
    pub blocks: usize,
    /// Sum of the dwells, s.
    pub dwell_s: f64,
    /// Tool changes made.
    pub tool_changes: usize,
    /// T numbers in order of first use.
    pub tools_used: Vec<u32>,
    /// True when the text was read to its end word; false when a fault stopped the reading.
    pub complete: bool,
}

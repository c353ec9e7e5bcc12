//! An arc whose ends and centre are whole increments.

use super::number::{Word, increment_mm};

/// An arc in the x-y plane as printed.
pub(super) struct Arc {
    pub clockwise: bool,
    pub from: [Word; 3],
    pub to: [Word; 3],
    /// From the start to the centre.
    pub ij: [Word; 2],
    /// The centre itself.
    pub centre: [Word; 2],
    /// Angle turned through, rad; a full circle is 2π.
    pub sweep_rad: f64,
}

/// What becomes of an arc once its ends are rounded.
pub(super) enum Printed {
    Arc(Arc),
    /// So short that rounding could turn it into a full circle: to be written straight.
    Straight,
}

/// An arc whose ends lie closer than this is written straight. A chord of 2 µm departs from its arc by under 0.01 µm
/// for radii above 0.05 mm, one of 4 µm by under 0.04 µm.
fn short_mm(decimals: u8) -> f64 {
    (4.0 * increment_mm(decimals)).max(0.002)
}

/// Largest difference between the two radii of an arc as printed: rounding of the centre alone makes √2 increments.
fn radii_apart_mm(decimals: u8) -> f64 {
    (2.0 * increment_mm(decimals)).max(0.0005)
}

/// What is wrong with an arc, and what it should be.
pub(super) type Wrong = (String, &'static str);

/// Rounds an arc: `from` and `to` as printed, `meant_from` and `meant_to` before rounding, all with the centre in mm.
///
/// # Errors
/// When the ends lie on different radii, or on none.
pub(super) fn printed(
    clockwise: bool,
    (from, to): ([Word; 3], [Word; 3]),
    (meant_from, meant_to): ([f64; 2], [f64; 2]),
    centre_mm: [f64; 2],
    decimals: u8,
) -> Result<Printed, Wrong> {
    let (s, e) = ([from[0].mm(), from[1].mm()], [to[0].mm(), to[1].mm()]);
    let from_centre = |p: [f64; 2]| [p[0] - centre_mm[0], p[1] - centre_mm[1]];
    let (rs, re) = (from_centre(s), from_centre(e));
    let (ls, le) = (rs[0].hypot(rs[1]), re[0].hypot(re[1]));
    // 2 µm: what the budget gives arc fitting, doubled; more is not rounding but a wrong arc. Three decimals round the
    // ends themselves by more than a tenth of that.
    let rounding_mm = if decimals < 4 { 2.0 * increment_mm(decimals) } else { 0.0 };
    if !((ls - le).abs() <= 0.002 + rounding_mm) || ls < 1e-3 {
        let found = format!("the arc's ends lie {ls:.4} and {le:.4} mm from its centre");
        return Err((found, "equal radii of at least 0.001 mm"));
    }
    let chord = [e[0] - s[0], e[1] - s[1]];
    let length = chord[0].hypot(chord[1]);
    // Equal ends are a full circle; the ends as meant, before rounding, decide.
    let full = meant_from == meant_to;
    let (ms, me) = (from_centre(meant_from), from_centre(meant_to));
    let left = (ms[0] * me[1] - ms[1] * me[0]).atan2(ms[0] * me[0] + ms[1] * me[1]);
    let ahead = if clockwise { -left } else { left };
    if length < short_mm(decimals) && ahead >= 0.0 && !full {
        return Ok(Printed::Straight);
    }
    let centre = centre_mm_between(s, e, chord, length, centre_mm, ahead < 0.0, decimals);
    let word = |v: f64| Word::of_mm(v, decimals);
    let (Some(i), Some(j)) = (word(centre[0] - s[0]), word(centre[1] - s[1])) else {
        return Err((
            format!("the arc's centre lies at {:.1} {:.1} mm", centre[0], centre[1]),
            "a centre within 10 m",
        ));
    };
    let at = [s[0] + i.mm(), s[1] + j.mm()];
    let (a, b) = ((s[0] - at[0]).hypot(s[1] - at[1]), (e[0] - at[0]).hypot(e[1] - at[1]));
    if (a - b).abs() > radii_apart_mm(decimals) {
        let expected = if decimals < 4 { "radii equal to 2 um" } else { "radii equal to 0.5 um" };
        return Err((format!("the arc's radii as printed are {a:.5} and {b:.5} mm"), expected));
    }
    let absolute = at.map(|v| Word::of_mm(v, decimals).expect("as near as the centre, which was printed"));
    let (u, v) = ([s[0] - at[0], s[1] - at[1]], [e[0] - at[0], e[1] - at[1]]);
    let turn = (u[0] * v[1] - u[1] * v[0]).atan2(u[0] * v[0] + u[1] * v[1]);
    let turn = if clockwise { -turn } else { turn };
    let sweep_rad = if s == e || turn <= 0.0 { turn + std::f64::consts::TAU } else { turn };
    Ok(Printed::Arc(Arc { clockwise, from, to, ij: [i, j], centre: absolute, sweep_rad }))
}

/// The centre before it is rounded. On the perpendicular bisector of the rounded ends both radii are equal; an arc that
/// goes the long way round between close ends would be shifted as a whole by that, so it keeps the centre meant.
fn centre_mm_between(
    s: [f64; 2],
    e: [f64; 2],
    chord: [f64; 2],
    length: f64,
    centre_mm: [f64; 2],
    long_way: bool,
    decimals: u8,
) -> [f64; 2] {
    if length < short_mm(decimals) {
        return centre_mm;
    }
    let middle = [0.5 * (s[0] + e[0]), 0.5 * (s[1] + e[1])];
    let along =
        ((centre_mm[0] - middle[0]) * chord[0] + (centre_mm[1] - middle[1]) * chord[1]) / (length * length);
    if long_way && (along * length).abs() > 2.0 * increment_mm(decimals) {
        return centre_mm;
    }
    [centre_mm[0] - along * chord[0], centre_mm[1] - along * chord[1]]
}

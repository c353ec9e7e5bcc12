//! Letters of single strokes, as an engraving tool draws them.

/// Width of a letter and of the space after it, in sixths of its height.
pub(super) const WIDE: f64 = 4.0;
pub(super) const SPACE: f64 = 1.6;
/// Height of a letter in its own units.
pub(super) const TALL: f64 = 6.0;

/// Strokes of a letter: places as column and row, `,` between strokes. A zero is crossed, so that it is no O.
fn drawn(letter: char) -> &'static str {
    match letter {
        '0' => "10 30 41 45 36 16 05 01 10,11 35",
        '1' => "14 26 20,10 30",
        '2' => "05 16 36 45 44 00 40",
        '3' => "05 16 36 45 44 33 13,33 42 41 30 10 01",
        '4' => "30 36 02 42",
        '5' => "46 06 04 34 43 41 30 10 01",
        '6' => "45 36 16 05 01 10 30 41 42 33 13 02",
        '7' => "06 46 10",
        '8' => "13 04 05 16 36 45 44 33 13 02 01 10 30 41 42 33",
        '9' => "01 10 30 41 45 36 16 05 04 13 33 44",
        'A' => "00 26 40,12 32",
        'B' => "00 06 36 45 44 33 03,33 42 41 30 00",
        'C' => "45 36 16 05 01 10 30 41",
        'D' => "00 06 26 44 42 20 00",
        'E' => "40 00 06 46,03 33",
        'F' => "00 06 46,03 33",
        'I' => "10 30,20 26,16 36",
        'L' => "06 00 40",
        'M' => "00 06 23 46 40",
        'N' => "00 06 40 46",
        'O' => "10 30 41 45 36 16 05 01 10",
        'R' => "00 06 36 45 44 33 03,23 40",
        'T' => "06 46,20 26",
        'U' => "06 01 10 30 41 46",
        '^' => "20 26,04 26 44",
        _ => "",
    }
}

/// Strokes of a line of text that starts at the origin, in letters' units; what is no letter is a space.
pub(super) fn strokes(text: &str) -> Vec<Vec<[f64; 2]>> {
    let mut out = Vec::new();
    for (n, letter) in text.chars().enumerate() {
        let left = n as f64 * (WIDE + SPACE);
        for stroke in drawn(letter).split(',').filter(|s| !s.is_empty()) {
            let place = |p: &str| {
                let unit = |k: usize| f64::from(p.as_bytes()[k] - b'0');
                [left + unit(0), unit(1)]
            };
            out.push(stroke.split(' ').map(place).collect());
        }
    }
    out
}

/// Width of a line of text, in letters' units.
pub(super) fn width(text: &str) -> f64 {
    text.chars().count() as f64 * (WIDE + SPACE) - SPACE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_that_is_engraved_is_drawn_and_no_two_are_alike() {
        let mut seen: Vec<Vec<Vec<[f64; 2]>>> = Vec::new();
        for letter in "0123456789ABCDEFLMRNOIUT^".chars() {
            let s = strokes(&letter.to_string());
            assert!(!s.is_empty() && s.iter().all(|s| s.len() > 1), "{letter}");
            assert!(s.iter().flatten().all(|p| (0.0..=WIDE).contains(&p[0]) && (0.0..=TALL).contains(&p[1])));
            assert!(!seen.contains(&s), "{letter} is drawn like another");
            seen.push(s);
        }
        assert_eq!(width("00"), 2.0 * WIDE + SPACE);
    }
}

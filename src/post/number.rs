//! Numbers as the control reads them.

/// Increments of a coordinate: 0.1 µm, the fourth decimal.
const PER_MM: f64 = 1e4;

/// A coordinate as the control will have it: whole increments of 0.1 µm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Word(i64);

impl Word {
    /// The nearest increment; `None` when not finite or beyond 10 m.
    pub(super) fn of_mm(v: f64) -> Option<Self> {
        (v.abs() < 1e4).then(|| Self((v * PER_MM).round() as i64))
    }

    pub(super) fn mm(self) -> f64 {
        self.0 as f64 / PER_MM
    }
}

impl std::fmt::Display for Word {
    /// Four decimals, never `-0.0000`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let a = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:04}", a / 10_000, a % 10_000)
    }
}

/// Text for a comment: printable ASCII without brackets, as one line.
pub(super) fn comment(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '(' | ')' | ';' | '%' => ' ',
            c if c.is_ascii_graphic() || c == ' ' => c,
            _ => '?',
        })
        .collect()
}

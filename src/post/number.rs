//! Numbers as the control reads them.

/// A coordinate as the control will have it: whole increments, of 0.1 µm with four decimals, of 1 µm with three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Word {
    increments: i64,
    decimals: u8,
}

impl Word {
    /// The nearest increment; `None` when not finite or beyond 10 m.
    pub(super) fn of_mm(v: f64, decimals: u8) -> Option<Self> {
        (v.abs() < 1e4).then(|| Self { increments: (v * per_mm(decimals)).round() as i64, decimals })
    }

    pub(super) fn mm(self) -> f64 {
        self.increments as f64 / per_mm(self.decimals)
    }

    /// `by` lower.
    pub(super) fn below(self, by: Self) -> Self {
        Self { increments: self.increments - by.increments, ..self }
    }
}

fn per_mm(decimals: u8) -> f64 {
    10f64.powi(i32::from(decimals))
}

/// Last digit of a coordinate, mm.
pub(super) fn increment_mm(decimals: u8) -> f64 {
    1.0 / per_mm(decimals)
}

impl std::fmt::Display for Word {
    /// All decimals, never `-0.0000`; `{:+}` prints the sign always.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.increments < 0 {
            "-"
        } else if f.sign_plus() {
            "+"
        } else {
            ""
        };
        let (a, unit) = (self.increments.unsigned_abs(), 10u64.pow(u32::from(self.decimals)));
        write!(f, "{sign}{}.{:0width$}", a / unit, a % unit, width = usize::from(self.decimals))
    }
}

/// Text for a comment: printable ASCII without brackets, as one line.
pub(super) fn comment(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '(' | ')' | ';' | '%' | '~' => ' ',
            c if c.is_ascii_graphic() || c == ' ' => c,
            _ => '?',
        })
        .collect()
}

//! The language that a control reads.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which control's language a program is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// LinuxCNC.
    #[default]
    LinuxCnc,
    /// Fanuc and the controls that follow it.
    Fanuc,
    /// Haas.
    Haas,
    /// Heidenhain Klartext.
    Heidenhain,
    /// Siemens 840D.
    Siemens,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Dialect; 5] =
        [Dialect::LinuxCnc, Dialect::Fanuc, Dialect::Haas, Dialect::Heidenhain, Dialect::Siemens];

    /// The word that pipeline and job files use.
    pub fn key(self) -> &'static str {
        match self {
            Dialect::LinuxCnc => "linuxcnc",
            Dialect::Fanuc => "fanuc",
            Dialect::Haas => "haas",
            Dialect::Heidenhain => "heidenhain",
            Dialect::Siemens => "siemens",
        }
    }

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Dialect::LinuxCnc => "LinuxCNC",
            Dialect::Fanuc => "Fanuc",
            Dialect::Haas => "Haas",
            Dialect::Heidenhain => "Heidenhain Klartext",
            Dialect::Siemens => "Siemens 840D",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialect_is_written_as_its_key() {
        for d in Dialect::ALL {
            assert_eq!(serde_json::to_value(d).unwrap(), d.key());
        }
        assert!(serde_json::from_str::<Dialect>("\"okuma\"").is_err());
    }
}

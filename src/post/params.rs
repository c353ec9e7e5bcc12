//! The `[post]` table.

use serde::{Deserialize, Serialize};

use crate::model::Dialect;

/// A word that names no dialect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("post.dialect is {found:?}, but must be one of {known}: name the language of the machine's control")]
pub struct PostParamError {
    /// What stands in the file.
    pub found: String,
    /// The words that name one.
    pub known: String,
}

/// As written in the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostToml {
    dialect: String,
}

/// Which control the programs are for. Valid by construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "PostToml", into = "PostToml")]
pub struct PostParams {
    pub(super) dialect: Dialect,
}

impl PostParams {
    /// For programs that no pipeline file asks for.
    pub fn of(dialect: Dialect) -> Self {
        Self { dialect }
    }

    /// The language the programs are written in.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }
}

impl TryFrom<PostToml> for PostParams {
    type Error = PostParamError;

    fn try_from(t: PostToml) -> Result<Self, PostParamError> {
        match Dialect::ALL.into_iter().find(|d| d.key() == t.dialect) {
            Some(dialect) => Ok(Self { dialect }),
            None => Err(PostParamError {
                found: t.dialect,
                known: Dialect::ALL.map(|d| format!("{:?}", d.key())).join(", "),
            }),
        }
    }
}

impl From<PostParams> for PostToml {
    fn from(p: PostParams) -> Self {
        Self { dialect: p.dialect.key().into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialect_reads_back_and_an_unknown_one_is_refused_with_all_that_are_known() {
        for d in Dialect::ALL {
            let text = toml::to_string(&PostParams::of(d)).unwrap();
            assert_eq!(toml::from_str::<PostParams>(&text).unwrap().dialect(), d);
        }
        let said = toml::from_str::<PostParams>("dialect = \"okuma\"").unwrap_err().to_string();
        for words in ["post.dialect is \"okuma\"", "\"linuxcnc\", \"fanuc\"", "name the language"] {
            assert!(said.contains(words), "{said}");
        }
    }
}

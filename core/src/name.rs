//! Names and identifiers, parsed once at the edge.
//!
//! A value of one of these types is valid by construction: inside pgbelay nothing checks a name again. Names are the keys of
//! all that a fleet is made of. Those of up to 24 bytes lie where the key lies, not somewhere else, and cost no allocation.

use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// Longest name of a database, environment, operator or label: what fits a DNS label, and a PostgreSQL identifier.
pub const MAX_NAME_LEN: usize = 63;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{what} must be 1 to {MAX_NAME_LEN} characters of a-z, A-Z, 0-9, '-', '_' or '.', and start with a letter or digit"
)]
pub struct NameError {
    /// What the text was meant to name, in words.
    pub what: &'static str,
}

fn is_name(text: &str) -> bool {
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    let rest = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    starts_well && text.len() <= MAX_NAME_LEN && text.chars().all(rest)
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "CompactString", into = "CompactString")]
        pub struct $type(CompactString);

        impl $type {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                if is_name(text) { Ok(Self(text.into())) } else { Err(NameError { what: $what }) }
            }
        }

        impl TryFrom<CompactString> for $type {
            type Error = NameError;
            fn try_from(text: CompactString) -> Result<Self, NameError> {
                if is_name(&text) { Ok(Self(text)) } else { Err(NameError { what: $what }) }
            }
        }

        impl TryFrom<String> for $type {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$type> for CompactString {
            fn from(name: $type) -> CompactString {
                name.0
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0.into()
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name!(
    /// The name of a managed database: what its agent's certificate carries.
    DatabaseName,
    "a database name"
);
name!(
    /// The name of an environment, for example `staging`.
    EnvironmentName,
    "an environment name"
);
name!(
    /// The name of a person or program that talks to the controller.
    OperatorName,
    "an operator name"
);
name!(
    /// The identifier of a plan: `p` and the first twelve hex digits of its digest.
    PlanId,
    "a plan id"
);
name!(
    /// The identifier of a rollout: `r` and its number in the ledger.
    RolloutId,
    "a rollout id"
);
name!(
    /// The identifier of a job of an agent: `j` and its number in the ledger.
    JobId,
    "a job id"
);
name!(
    /// The identifier of a command to an agent: `c` and its number in the ledger.
    CommandId,
    "a command id"
);
name!(
    /// The public part of a join token.
    TokenId,
    "a token id"
);
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_checked_where_it_enters() {
        for good in ["a", "staging-1", "orders_eu.west", "007", &"x".repeat(63)] {
            assert_eq!(good.parse::<DatabaseName>().map(String::from), Ok(good.to_owned()));
        }
        for bad in ["", "-a", ".", "a b", "a/b", "é", "a\n", &"x".repeat(64)] {
            assert!(bad.parse::<DatabaseName>().is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn a_stored_name_is_checked_as_well() {
        assert!(serde_json::from_str::<DatabaseName>("\"a/b\"").is_err());
    }
}

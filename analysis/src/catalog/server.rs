//! The server's version, by which rules differ.

use std::fmt;
use std::str::FromStr;

/// The oldest major version that is known.
pub const OLDEST_SERVER: u32 = 12;

/// The newest major version that is known.
pub const NEWEST_SERVER: u32 = 18;

/// A server's major version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Server(u32);

impl Server {
    /// A server that the rules are known for: newer ones are judged as the newest, older ones as the
    /// oldest.
    pub const fn major(major: u32) -> Self {
        if major < OLDEST_SERVER {
            Self(OLDEST_SERVER)
        } else if major > NEWEST_SERVER {
            Self(NEWEST_SERVER)
        } else {
            Self(major)
        }
    }

    /// Its number.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Whether it is that major version or newer.
    pub const fn has(self, major: u32) -> bool {
        self.0 >= major
    }
}

impl Default for Server {
    fn default() -> Self {
        Self(NEWEST_SERVER)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgreSQL {}", self.0)
    }
}

/// Not a version that is known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a major version of PostgreSQL from {OLDEST_SERVER} to {NEWEST_SERVER}")]
pub struct UnknownServer {
    /// What was given, cut when it is long.
    pub given: String,
}

impl FromStr for Server {
    type Err = UnknownServer;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = text.parse().ok().filter(|major| (OLDEST_SERVER..=NEWEST_SERVER).contains(major));
        known.map(Self).ok_or_else(|| UnknownServer { given: text.chars().take(20).collect() })
    }
}

//! What agents remember of the ledger, and whether the ledger still has it.
//!
//! An agent keeps the last checkpoint that it was told and returns it when it comes back. A controller that does not
//! find it in its ledger runs on an old copy, or on a branch of its own: it sends nothing that changes a database
//! until an admin has said which it is. One agent alone can raise the doubt, and an admin can set its word aside.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::name::DatabaseName;
use crate::time::Timestamp;

/// Which ledger it is: a number that was chosen at random when it was made. Prints and is stored as a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Incarnation(u128);

/// The text is not a UUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the name of a ledger is a UUID: 8-4-4-4-12 lower-case hex digits")]
pub struct IncarnationError;

impl Incarnation {
    /// From the bytes that a store kept.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// As bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The first eight hex digits: what a person types to mean this ledger.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string()[..8].to_owned()
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = format!("{:032x}", self.0);
        write!(f, "{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

impl FromStr for Incarnation {
    type Err = IncarnationError;
    fn from_str(text: &str) -> Result<Self, IncarnationError> {
        let hex: String = text.chars().filter(|c| *c != '-').collect();
        let read = u128::from_str_radix(&hex, 16).map(Self).map_err(|_| IncarnationError)?;
        // Also what could be read otherwise has one way of being written.
        if read.to_string() == text { Ok(read) } else { Err(IncarnationError) }
    }
}

impl TryFrom<String> for Incarnation {
    type Error = IncarnationError;
    fn try_from(text: String) -> Result<Self, IncarnationError> {
        text.parse()
    }
}

impl From<Incarnation> for String {
    fn from(incarnation: Incarnation) -> String {
        incarnation.to_string()
    }
}

/// A place in a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Which ledger.
    pub incarnation: Incarnation,
    /// How often an admin had accepted the ledger as it was, at this place.
    pub acceptances: u64,
    /// The entry.
    pub seq: u64,
    /// Its hash.
    pub hash: Digest,
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {} ({}) of ledger {}", self.seq, self.hash.short(), self.incarnation.short())
    }
}

/// What a ledger says to a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looked {
    /// Where the ledger ends.
    pub head: Checkpoint,
    /// The hash of its entry at the checkpoint's place; none: it does not get there.
    pub hash: Option<Digest>,
}

/// What is wrong with a ledger, as an agent's checkpoint shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// It ends before the entry: it is an old copy, or was cut off.
    Beyond,
    /// It has another entry there: it went on from an old copy.
    Forked,
    /// The agent knows another ledger.
    Foreign,
}

/// How a ledger stands to what an agent witnessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has that entry. An older one than the last is as it should be.
    Has,
    /// It has not, and an admin has accepted the ledger since that was witnessed.
    Superseded,
    /// It has not.
    Lacks(Finding),
}

impl Checkpoint {
    /// How a ledger stands to this checkpoint of it.
    #[must_use]
    pub fn against(&self, looked: &Looked) -> Standing {
        if self.incarnation != looked.head.incarnation {
            return Standing::Lacks(Finding::Foreign);
        }
        match looked.hash {
            Some(hash) if hash == self.hash => Standing::Has,
            Some(_) | None if self.acceptances < looked.head.acceptances => Standing::Superseded,
            Some(_) => Standing::Lacks(Finding::Forked),
            None => Standing::Lacks(Finding::Beyond),
        }
    }
}

/// An agent's word against the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// What the agent had been told.
    pub witnessed: Checkpoint,
    /// What that says of the ledger.
    pub finding: Finding,
    /// Where the ledger ended when the agent said so.
    pub head: u64,
    /// When it said so.
    pub since: Timestamp,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { witnessed, finding, head, .. } = self;
        match finding {
            Finding::Beyond => write!(f, "it was told of {witnessed}, and this ledger ended at entry {head}"),
            Finding::Forked => {
                write!(f, "it was told of {witnessed}, and this ledger has another entry there")
            }
            Finding::Foreign => write!(f, "it was told of {witnessed}, which is another ledger"),
        }
    }
}

/// Whether the ledger is believed to be the true one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// How often an admin has accepted the ledger as it was.
    pub acceptances: u64,
    /// Agents whose word is against it, since it was last accepted.
    pub doubts: BTreeMap<DatabaseName, Doubt>,
    /// Agents whose word does not count, and why.
    pub set_aside: BTreeMap<DatabaseName, String>,
}

impl Trust {
    /// Whether nothing may be sent that changes a database.
    #[must_use]
    pub fn is_doubted(&self) -> bool {
        !self.doubts.is_empty()
    }

    /// Why nothing is sent, in words; `None`: nothing is in the way.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.problem_for(|_| true)
    }

    /// The same for somebody who may see only some of the databases: the others are not named.
    #[must_use]
    pub fn problem_for(&self, sees: impl Fn(&DatabaseName) -> bool) -> Option<String> {
        let seen = self.doubts.iter().find(|(database, _)| sees(database));
        let (_, doubt) = seen.or_else(|| self.doubts.first_key_value())?;
        let who = seen.map_or_else(
            || "an agent of an environment that you do not see".to_owned(),
            |(database, _)| format!("agent/{database}"),
        );
        let others = match self.doubts.len() - 1 {
            0 => String::new(),
            1 => " (and 1 other agent)".to_owned(),
            more => format!(" (and {more} other agents)"),
        };
        Some(format!("the ledger is in doubt: {who}{others}: {doubt}"))
    }
}

#[cfg(test)]
mod tests;

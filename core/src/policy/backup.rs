//! What policy says of backups: whether there is one, of what kind, how often, and how gently it is made.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::Span;

mod method;

pub use method::{BackupMethod, MethodRule, Outside, Thresholds};

/// Least bytes per second of a rate limit: below, what one write of pg_dump takes hides the rate.
pub const LEAST_RATE: Bytes = Bytes(100_000);

/// Longest wait for the archive of a server's log.
const LONGEST_ARCHIVE_TIMEOUT: Span = Span::hours(24);

/// A number of bytes. In documents a whole number and a unit: `50MB`, `64KiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Bytes(pub u64);

/// Why a text is not a number of bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a size is a whole number and a unit: B, kB, MB, GB, TB, KiB, MiB, GiB or TiB, for example 50MB")]
pub struct BytesError;

/// The longest names first: each ends with `B`.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl std::str::FromStr for Bytes {
    type Err = BytesError;
    fn from_str(text: &str) -> Result<Self, BytesError> {
        let found = UNITS.iter().find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, *bytes)));
        let (digits, unit) = found.ok_or(BytesError)?;
        let number: u32 = digits.parse().map_err(|_| BytesError)?;
        u64::from(number).checked_mul(unit).map(Self).ok_or(BytesError)
    }
}

impl TryFrom<String> for Bytes {
    type Error = BytesError;
    fn try_from(text: String) -> Result<Self, BytesError> {
        text.parse()
    }
}

impl From<Bytes> for String {
    fn from(bytes: Bytes) -> Self {
        bytes.to_string()
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = UNITS.iter().filter(|(_, unit)| self.0 != 0 && self.0.is_multiple_of(*unit));
        let (name, unit) = fits.min_by_key(|(_, unit)| self.0 / unit).unwrap_or(&("B", 1));
        write!(f, "{}{name}", self.0 / unit)
    }
}

/// What a backup comes before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupEach {
    /// All migrations of a run.
    #[default]
    Run,
    /// Each migration.
    Migration,
}

impl BackupEach {
    /// As documents have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Migration => "migration",
        }
    }
}

/// What the backups of an environment are like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupRules {
    /// Of what kind.
    #[serde(default)]
    pub method: MethodRule,
    /// With `auto`: from which size of the tables on only what the plan touches has its rows in it.
    #[serde(default = "method::touched_from")]
    pub touched_from: Bytes,
    /// With `auto`: from which size on it is what `outside` says.
    #[serde(default = "method::outside_from")]
    pub outside_from: Bytes,
    /// With `auto`: what is made of the largest databases; absent: `touched`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside: Option<Outside>,
    /// Before what.
    #[serde(default)]
    pub each: BackupEach,
    /// Most bytes per second that pg_dump may write; absent: as many as it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<Bytes>,
    /// How long a restore point waits until the server's archive has it.
    #[serde(default = "archive_timeout")]
    pub archive_timeout: Span,
}

/// How long the archive usually may take.
pub(crate) const fn archive_timeout() -> Span {
    Span::seconds(300)
}

impl Default for BackupRules {
    fn default() -> Self {
        Self {
            method: MethodRule::default(),
            touched_from: method::touched_from(),
            outside_from: method::outside_from(),
            outside: None,
            each: BackupEach::default(),
            rate_limit: None,
            archive_timeout: archive_timeout(),
        }
    }
}

impl BackupRules {
    /// From which size on which kind is made.
    #[must_use]
    pub const fn thresholds(&self) -> Thresholds {
        Thresholds { touched_from: self.touched_from, outside_from: self.outside_from, outside: self.outside }
    }

    /// What is out of its range: the key, and what is taken, in words.
    pub(super) fn mistakes(&self) -> Vec<(&'static str, String)> {
        let rate = self.rate_limit;
        let usual = Thresholds::default() == self.thresholds();
        let archive = (1..=LONGEST_ARCHIVE_TIMEOUT.0).contains(&self.archive_timeout.0);
        let checks = [
            (
                "backup.rate_limit",
                rate.is_none_or(|rate| rate >= LEAST_RATE),
                format!("{LEAST_RATE} or more"),
            ),
            (
                "backup.rate_limit",
                rate.is_none() || self.method.may_dump(),
                "left out with a method that writes no rows".to_owned(),
            ),
            (
                "backup.archive_timeout",
                archive,
                format!("more than zero and at most {LONGEST_ARCHIVE_TIMEOUT}"),
            ),
            (
                "backup.touched_from, outside_from and outside",
                usual || self.method == MethodRule::Auto,
                "left out but with method: auto".to_owned(),
            ),
            (
                "backup.outside_from",
                self.touched_from <= self.outside_from,
                "backup.touched_from or more".to_owned(),
            ),
        ];
        checks.into_iter().filter(|(_, fine, _)| !fine).map(|(key, _, range)| (key, range)).collect()
    }
}

/// Whether a run takes a backup first. In documents `required`, `off`, or the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackupPolicy {
    /// A verified backup in the same run, or nothing runs.
    Required(BackupRules),
    /// No backup. Said by name in the policy, and shown in every plan.
    Off,
}

impl BackupPolicy {
    /// A backup as it is by default.
    #[must_use]
    pub fn required() -> Self {
        Self::Required(BackupRules::default())
    }

    /// The rules; `None`: there is no backup.
    #[must_use]
    pub const fn rules(&self) -> Option<&BackupRules> {
        match self {
            Self::Required(rules) => Some(rules),
            Self::Off => None,
        }
    }
}

impl Serialize for BackupPolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => serializer.serialize_str("off"),
            Self::Required(rules) if *rules == BackupRules::default() => serializer.serialize_str("required"),
            Self::Required(rules) => rules.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for BackupPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordOrRules)
    }
}

struct WordOrRules;

impl<'de> Visitor<'de> for WordOrRules {
    type Value = BackupPolicy;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "required, off, or keys of a backup (method, touched_from, outside_from, outside, each, \
             rate_limit, archive_timeout)",
        )
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<BackupPolicy, E> {
        match word {
            "required" => Ok(BackupPolicy::required()),
            "off" => Ok(BackupPolicy::Off),
            _ => Err(E::invalid_value(de::Unexpected::Str(word), &self)),
        }
    }

    // YAML 1.1 reads the word as a truth value.
    fn visit_bool<E: de::Error>(self, on: bool) -> Result<BackupPolicy, E> {
        if on { Err(E::invalid_type(de::Unexpected::Bool(on), &self)) } else { Ok(BackupPolicy::Off) }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<BackupPolicy, A::Error> {
        BackupRules::deserialize(MapAccessDeserializer::new(map)).map(BackupPolicy::Required)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_size_reads_and_prints_in_the_shortest_way() {
        for (text, bytes, shown) in [
            ("50MB", 50_000_000, "50MB"),
            ("64KiB", 65_536, "64KiB"),
            ("1000kB", 1_000_000, "1MB"),
            ("0B", 0, "0B"),
            ("7B", 7, "7B"),
        ] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)));
            assert_eq!(Bytes(bytes).to_string(), shown);
        }
        for bad in ["", "5", "MB", "-1MB", "1.5GB", "50mb", "99999999999B"] {
            assert_eq!(bad.parse::<Bytes>(), Err(BytesError), "{bad}");
        }
    }

    #[test]
    fn two_words_and_a_map_are_taken_and_written_again() {
        let check = |document: serde_json::Value, expected: BackupPolicy| {
            let read: BackupPolicy = serde_json::from_value(document.clone()).unwrap();
            assert_eq!(read, expected, "{document}");
            let again = serde_json::to_value(&read).unwrap();
            assert_eq!(serde_json::from_value::<BackupPolicy>(again).unwrap(), expected);
        };
        check(json!("required"), BackupPolicy::required());
        check(json!("off"), BackupPolicy::Off);
        check(json!({}), BackupPolicy::required());
        let rules = BackupRules {
            each: BackupEach::Migration,
            rate_limit: Some(Bytes(50_000_000)),
            ..BackupRules::default()
        };
        check(json!({"each": "migration", "rate_limit": "50MB"}), BackupPolicy::Required(rules));
        assert_eq!(serde_json::to_value(BackupPolicy::required()).unwrap(), json!("required"));
        let bad = [
            json!("on"),
            json!({"methd": "full"}),
            json!({"method": "tar"}),
            json!({"rate_limit": "fast"}),
            json!({"each": "day"}),
            json!(1),
        ];
        for bad in bad {
            assert!(serde_json::from_value::<BackupPolicy>(bad.clone()).is_err(), "{bad}");
        }
    }
}

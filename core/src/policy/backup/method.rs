//! What kinds of backups there are, and how policy chooses one of them.

use pgbelay_analysis::bytes_in_words;
use serde::{Deserialize, Serialize};

use super::Bytes;

/// What kind of backup it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupMethod {
    /// The whole database, by pg_dump.
    #[default]
    Full,
    /// All definitions, and the rows of the tables that the plan touches, by pg_dump.
    Touched,
    /// A named point in the server's log, which its archive brings back.
    RestorePoint,
    /// What a program of the agent's machine has made.
    Command,
}

impl BackupMethod {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Full, Self::Touched, Self::RestorePoint, Self::Command];

    /// As documents have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Touched => "touched",
            Self::RestorePoint => "restore_point",
            Self::Command => "command",
        }
    }

    /// Whether pgbelay itself has rows that it can restore.
    #[must_use]
    pub const fn has_rows(self) -> bool {
        match self {
            Self::Full | Self::Touched => true,
            Self::RestorePoint | Self::Command => false,
        }
    }

    /// Whether one of this kind may stand in for one of another: what has the rows of some tables is no reason to give up
    /// what brings all of them back.
    #[must_use]
    pub const fn stands_in_for(self, other: Self) -> bool {
        match (self, other) {
            (Self::Touched, Self::Touched) | (Self::Full | Self::RestorePoint | Self::Command, _) => true,
            (Self::Touched, Self::Full | Self::RestorePoint | Self::Command) => false,
        }
    }
}

/// What policy says of the kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MethodRule {
    /// See [`BackupMethod::Full`].
    #[default]
    Full,
    /// See [`BackupMethod::Touched`].
    Touched,
    /// See [`BackupMethod::RestorePoint`].
    RestorePoint,
    /// See [`BackupMethod::Command`].
    Command,
    /// By the size of the tables, see [`Thresholds`].
    Auto,
}

impl MethodRule {
    /// All there are.
    pub const ALL: [Self; 5] = [Self::Full, Self::Touched, Self::RestorePoint, Self::Command, Self::Auto];

    /// As documents have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Touched => "touched",
            Self::RestorePoint => "restore_point",
            Self::Command => "command",
            Self::Auto => "auto",
        }
    }

    /// Whether pg_dump may have to write rows.
    #[must_use]
    pub const fn may_dump(self) -> bool {
        match self {
            Self::Full | Self::Touched | Self::Auto => true,
            Self::RestorePoint | Self::Command => false,
        }
    }
}

/// What is taken of databases that are too large for pg_dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outside {
    /// See [`BackupMethod::RestorePoint`].
    RestorePoint,
    /// See [`BackupMethod::Command`].
    Command,
}

impl Outside {
    /// All there are.
    pub const ALL: [Self; 2] = [Self::RestorePoint, Self::Command];

    /// The kind of backup.
    #[must_use]
    pub const fn method(self) -> BackupMethod {
        match self {
            Self::RestorePoint => BackupMethod::RestorePoint,
            Self::Command => BackupMethod::Command,
        }
    }
}

/// From which size of the tables on which kind of backup is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thresholds {
    /// From here on not the whole database.
    pub touched_from: Bytes,
    /// From here on nothing by pg_dump, if `outside` says what.
    pub outside_from: Bytes,
    /// What is made from `outside_from` on; `None`: the same as below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside: Option<Outside>,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { touched_from: touched_from(), outside_from: outside_from(), outside: None }
    }
}

pub(super) const fn touched_from() -> Bytes {
    Bytes(10_000_000_000)
}

pub(super) const fn outside_from() -> Bytes {
    Bytes(500_000_000_000)
}

impl Thresholds {
    /// The kind for tables of so many bytes, and why, in words.
    #[must_use]
    pub fn choose(&self, bytes: u64) -> (BackupMethod, String) {
        let (method, says) = match self.outside {
            Some(outside) if bytes >= self.outside_from.0 => {
                (outside.method(), format!("{} from {} on", outside.method().as_str(), self.outside_from))
            }
            Some(_) | None if bytes >= self.touched_from.0 => {
                (BackupMethod::Touched, format!("touched from {} on", self.touched_from))
            }
            Some(_) | None => (BackupMethod::Full, format!("touched only from {} on", self.touched_from)),
        };
        let size = bytes_in_words(bytes);
        (method, format!("auto: {}, because the tables take {size} and policy says {says}", method.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_the_tables_decides() {
        let outside = |outside| Thresholds {
            touched_from: Bytes(10_000_000_000),
            outside_from: Bytes(500_000_000_000),
            outside,
        };
        let check = |rules: Thresholds, bytes: u64, method, why: &str| {
            assert_eq!(rules.choose(bytes), (method, why.to_owned()));
        };
        check(
            outside(None),
            9_999_999_999,
            BackupMethod::Full,
            "auto: full, because the tables take 9.3 GiB and policy says touched only from 10GB on",
        );
        check(
            outside(None),
            10_000_000_000,
            BackupMethod::Touched,
            "auto: touched, because the tables take 9.3 GiB and policy says touched from 10GB on",
        );
        let large = outside(Some(Outside::Command));
        check(
            large,
            500_000_000_000,
            BackupMethod::Command,
            "auto: command, because the tables take 465.7 GiB and policy says command from 500GB on",
        );
        assert_eq!(large.choose(499_999_999_999).0, BackupMethod::Touched);
        assert_eq!(outside(None).choose(u64::MAX).0, BackupMethod::Touched);
        let point = outside(Some(Outside::RestorePoint));
        assert_eq!(point.choose(500_000_000_000).0, BackupMethod::RestorePoint);
    }

    #[test]
    fn some_rows_stand_in_for_some_rows_only() {
        for method in BackupMethod::ALL {
            assert!(method.stands_in_for(BackupMethod::Touched));
            assert_eq!(method.stands_in_for(BackupMethod::Full), method != BackupMethod::Touched);
        }
    }
}

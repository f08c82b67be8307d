//! Backups: what is asked for, and what was made.

use pgbelay_core::command::{Backup, BackupOrder};
use pgbelay_core::plan::Touches;
use pgbelay_core::policy::{BackupMethod, Bytes, MethodRule, Outside, Thresholds};
use pgbelay_core::time::Span;

use super::command::{positive, word};
use super::{BadMessage, none_if_empty, parse, required};
use crate::wire;

/// Most copies of a backup that an agent is asked for by name. Each store has one, and a store is a place that somebody
/// pays for.
pub const MOST_COPIES: usize = 32;

impl From<&Backup> for wire::Backup {
    fn from(backup: &Backup) -> Self {
        Self {
            path: backup.path.clone(),
            copies: backup.copies.clone(),
            sha256: backup.sha256.to_string(),
            bytes: backup.bytes,
            took_ms: backup.took.0,
            method: backup.method.as_str().to_owned(),
            reason: backup.reason.clone().unwrap_or_default(),
            outside: backup.outside.clone().unwrap_or_default(),
            sealed_key: backup.sealed_key.clone().unwrap_or_default(),
        }
    }
}

impl TryFrom<wire::Backup> for Backup {
    type Error = BadMessage;
    fn try_from(wire: wire::Backup) -> Result<Self, BadMessage> {
        Ok(Self {
            path: wire.path,
            copies: wire.copies,
            sha256: parse("sha256", &wire.sha256)?,
            bytes: wire.bytes,
            took: Span(wire.took_ms),
            method: method(&wire.method)?,
            reason: none_if_empty(wire.reason),
            outside: none_if_empty(wire.outside),
            sealed_key: none_if_empty(wire.sealed_key),
        })
    }
}

impl From<&BackupOrder> for wire::BackupCommand {
    fn from(order: &BackupOrder) -> Self {
        Self {
            expect: None,
            method: order.method.as_str().to_owned(),
            rate_limit: order.rate_limit.map_or(0, |rate| rate.0),
            archive_timeout_ms: order.archive_timeout.0,
            touched_from: order.thresholds.touched_from.0,
            outside_from: order.thresholds.outside_from.0,
            outside: order.thresholds.outside.map_or("", |outside| outside.method().as_str()).to_owned(),
            touches: Some((&order.touches).into()),
        }
    }
}

impl TryFrom<&wire::BackupCommand> for BackupOrder {
    type Error = BadMessage;
    fn try_from(wire: &wire::BackupCommand) -> Result<Self, BadMessage> {
        let outside = Outside::ALL.map(|outside| (outside, outside.method().as_str()));
        Ok(Self {
            method: word("method", &MethodRule::ALL.map(|rule| (rule, rule.as_str())), &wire.method)?,
            thresholds: Thresholds {
                touched_from: Bytes(wire.touched_from),
                outside_from: Bytes(wire.outside_from),
                outside: match wire.outside.as_str() {
                    "" => None,
                    text => Some(word("outside", &outside, text)?),
                },
            },
            touches: required("touches", wire.touches.clone())?,
            rate_limit: (wire.rate_limit > 0).then_some(Bytes(wire.rate_limit)),
            archive_timeout: positive("archive_timeout_ms", wire.archive_timeout_ms)?,
        })
    }
}

impl From<&Touches> for wire::Touches {
    fn from(touches: &Touches) -> Self {
        match touches {
            Touches::Relations { names, writes } => {
                Self { untold: String::new(), relations: names.clone(), writes: *writes }
            }
            Touches::Untold { why } => Self { untold: why.clone(), ..Self::default() },
        }
    }
}

impl TryFrom<wire::Touches> for Touches {
    type Error = BadMessage;
    fn try_from(wire: wire::Touches) -> Result<Self, BadMessage> {
        Ok(match none_if_empty(wire.untold) {
            Some(why) => Self::Untold { why },
            None => Self::Relations { names: wire.relations, writes: wire.writes },
        })
    }
}

fn method(text: &str) -> Result<BackupMethod, BadMessage> {
    word("method", &BackupMethod::ALL.map(|method| (method, method.as_str())), text)
}

//! `pgbelay audit`: the ledger as a record of who did what, and the proof that it was not changed.

use std::str::FromStr;

use clap::{Args, Subcommand};
use pgbelay_core::name::DatabaseName;
use pgbelay_core::rollout::RolloutId;
use pgbelay_core::time::Span;
use pgbelay_proto::wire::{AuditEntry, ReadAuditRequest, SignCheckpointRequest};
use serde::Serialize;
use serde_json::Value;
use tonic::Streaming;

use crate::app::App;
use crate::audit::Line;
use crate::client::Client;
use crate::error::{CliError, ErrorKind};
use crate::exit_code::ExitCode;
use crate::render;

mod checkpoint;
mod export;
mod verify;

pub(crate) use verify::Verified;

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Show what happened, the newest last
    List(ListArgs),
    /// Write the ledger down as JSON lines, with what it takes to check its chain
    Export(export::ExportArgs),
    /// Check the chain: the controller reads its ledger again, or a file is checked without a controller
    Verify(verify::VerifyArgs),
    /// Get a signed note of where the ledger is, to be kept elsewhere and checked later
    Checkpoint(checkpoint::CheckpointArgs),
}

const EXAMPLES: &str = "\
Examples:
  pgbelay audit list --since 24h
  pgbelay audit list --actor operator/ada --kind rollout-started --kind plan-approved
  pgbelay audit list --database orders-1 --since 2026-11-01 --until 2026-12-01 --limit 500
  pgbelay audit list --rollout r17 --output json

A time is a moment (2026-11-27T10:00:00Z), a day (2026-11-27, from its beginning in UTC) or so long ago (90m, 24h, 7d).
For those who may see every environment.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ListArgs {
    /// Only from this time on
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Only before this time
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
    /// Only what this one caused: operator/NAME, agent/DATABASE or controller
    #[arg(long, value_name = "ACTOR")]
    actor: Option<String>,
    /// Only events of this kind, for example rollout-started; may be given several times
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
    /// Only what is about this database
    #[arg(long, short, value_name = "DATABASE")]
    database: Option<DatabaseName>,
    /// Only what is about this rollout
    #[arg(long, value_name = "ROLLOUT")]
    rollout: Option<RolloutId>,
    /// Only the newest so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
}

/// A point in time, by itself or counted back from the present one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    At(jiff::Timestamp),
    Ago(Span),
}

/// The text is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a time is a moment (2026-11-27T10:00:00Z), a day (2026-11-27) or so long ago (90m, 24h, 7d)")]
pub(crate) struct MomentError;

impl FromStr for Moment {
    type Err = MomentError;
    fn from_str(text: &str) -> Result<Self, MomentError> {
        if let Ok(span) = text.parse::<Span>() {
            return Ok(Self::Ago(span));
        }
        if let Ok(at) = text.parse::<jiff::Timestamp>() {
            return Ok(Self::At(at));
        }
        let day = text.parse::<jiff::civil::Date>().map_err(|_| MomentError)?;
        let begins = day.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| MomentError)?;
        Ok(Self::At(begins.timestamp()))
    }
}

impl Moment {
    /// In milliseconds since 1970.
    pub(crate) fn as_ms(self) -> i64 {
        match self {
            Self::At(at) => at.as_millisecond(),
            Self::Ago(span) => jiff::Timestamp::now().as_millisecond().saturating_sub(span.0),
        }
    }
}

pub(crate) async fn run(command: AuditCommand, app: &mut App) -> Result<ExitCode, CliError> {
    match command {
        AuditCommand::List(args) => list(args, app).await,
        AuditCommand::Export(args) => export::run(args, app).await,
        AuditCommand::Verify(args) => verify::run(args, app).await,
        AuditCommand::Checkpoint(args) => checkpoint::run(args, app).await,
    }
}

/// What `audit list` prints.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    /// The oldest first.
    pub(crate) entries: Vec<ListedEntry>,
}

/// One entry, with its event to be looked into.
#[derive(Debug, Serialize)]
pub(crate) struct ListedEntry {
    pub(crate) seq: u64,
    pub(crate) time: String,
    pub(crate) actor: String,
    pub(crate) kind: String,
    pub(crate) event: Value,
}

impl From<Line> for ListedEntry {
    fn from(line: Line) -> Self {
        let event = serde_json::from_str(&line.body).unwrap_or(Value::String(line.body));
        Self { seq: line.seq, time: line.time, actor: line.actor, kind: line.kind, event }
    }
}

async fn list(args: ListArgs, app: &mut App) -> Result<ExitCode, CliError> {
    let request = ReadAuditRequest {
        after: 0,
        since_ms: args.since.map(Moment::as_ms),
        until_ms: args.until.map(Moment::as_ms),
        actor: args.actor.unwrap_or_default(),
        kinds: args.kinds,
        database: args.database.map(String::from).unwrap_or_default(),
        rollout: args.rollout.map(|rollout| rollout.to_string()).unwrap_or_default(),
        newest: args.limit,
    };
    let client = app.connect().await?;
    let mut stream = client.read_audit(request).await?;
    let mut entries = Vec::new();
    while let Some(line) = next(&client, &mut stream).await? {
        entries.push(ListedEntry::from(line));
    }
    app.screen.present(&Listed { entries }, render::audit::list);
    Ok(ExitCode::Done)
}

/// The next entry of a stream.
async fn next(client: &Client, stream: &mut Streaming<AuditEntry>) -> Result<Option<Line>, CliError> {
    match client.next_entry(stream).await? {
        None => Ok(None),
        Some(entry) => Line::try_from(entry).map(Some).map_err(|fault| unsound(&fault.to_string())),
    }
}

/// The record is not what was written.
fn unsound(problem: &str) -> CliError {
    CliError::new(ErrorKind::Failed, format!("the ledger is not sound: {problem}"))
        .because("an entry was changed, taken out or put in after it was written, or the file was damaged")
        .hint("keep it as it is, and compare it with a copy: pgbelay never repairs a ledger")
}

async fn sign(client: &Client) -> Result<pgbelay_proto::wire::SignedCheckpoint, CliError> {
    client.sign_checkpoint(SignCheckpointRequest {}).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        let ms = |text: &str| text.parse::<Moment>().unwrap().as_ms();
        assert_eq!(ms("2026-11-27"), ms("2026-11-27T00:00:00Z"));
        assert_eq!(ms("2026-11-27T01:00:00+01:00"), ms("2026-11-27"));
        assert_eq!("24h".parse(), Ok(Moment::Ago(Span::hours(24))));
        assert!(ms("1h") > ms("2h"));
        for bad in ["", "yesterday", "2026-13-01", "5"] {
            assert_eq!(bad.parse::<Moment>(), Err(MomentError), "{bad}");
        }
    }
}

//! `pgbelay audit verify`: is the ledger what was written?

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use clap::Args;
use pgbelay_core::witness::Checkpoint;
use pgbelay_proto::wire::{SignedCheckpoint, VerifyLedgerRequest};
use serde::Serialize;

use super::unsound;
use crate::app::App;
use crate::audit::{Line, Walk};
use crate::error::{CliError, ErrorKind};
use crate::exit_code::ExitCode;
use crate::render;

/// Longest line of an export: the largest body of an entry, each byte of it escaped.
const MAX_LINE: u64 = 128 << 20;

/// Largest file of a checkpoint.
const MAX_CHECKPOINT: u64 = 64 << 10;

const EXAMPLES: &str = "\
Examples:
  pgbelay audit verify                                          the controller reads its ledger again
  pgbelay audit verify --checkpoint ledger-2026-11-27.json      and has it still the entry of that note?
  pgbelay audit verify ledger.jsonl                             an export; needs no controller
  pgbelay audit verify ledger.jsonl --checkpoint NOTE.json --ca ca.pem

Exit code 1: it is not what was written, or does not have the entry of the checkpoint.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct VerifyArgs {
    /// An export, in place of the controller's own ledger
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// A note that pgbelay audit checkpoint has written: the entry that it names must be there
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// The certificate of the CA that stands behind the checkpoint's signature [default: that of the credentials]
    #[arg(long, value_name = "FILE", requires = "checkpoint")]
    ca: Option<PathBuf>,
}

/// What was found.
#[derive(Debug, Serialize)]
pub(crate) struct Verified {
    /// The entries that were read: the first and the last; 0: there are none.
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// The hash of the last.
    pub(crate) hash: String,
    /// The entry of the checkpoint, which is there; 0: none was asked for.
    pub(crate) checkpoint: u64,
}

pub(super) async fn run(args: VerifyArgs, app: &mut App) -> Result<ExitCode, CliError> {
    let checkpoint = match &args.checkpoint {
        Some(path) => Some(believed(path, &ca(args.ca.as_deref(), app)?)?),
        None => None,
    };
    let verified = match &args.file {
        Some(file) => from_file(file, checkpoint)?,
        None => from_controller(checkpoint, app).await?,
    };
    app.screen.present(&verified, render::audit::verified);
    Ok(ExitCode::Done)
}

async fn from_controller(checkpoint: Option<Checkpoint>, app: &mut App) -> Result<Verified, CliError> {
    let client = app.connect().await?;
    let waiting = app.screen.spinner("the controller reads its ledger");
    let request = VerifyLedgerRequest { checkpoint: checkpoint.as_ref().map(Into::into) };
    let answer = client.verify_ledger(request).await;
    drop(waiting);
    let answer = answer?;
    if !answer.sound {
        return Err(unsound(&answer.problem));
    }
    Ok(Verified {
        first: answer.seq.min(1),
        last: answer.seq,
        hash: answer.hash,
        checkpoint: checkpoint.map_or(0, |checkpoint| checkpoint.seq),
    })
}

fn from_file(path: &Path, checkpoint: Option<Checkpoint>) -> Result<Verified, CliError> {
    let unread = |error: &std::io::Error| {
        CliError::usage(format!("failed to read {}", path.display())).because(error.to_string())
    };
    let mut lines = BufReader::new(File::open(path).map_err(|error| unread(&error))?);
    let mut walk = Walk::past(checkpoint);
    let mut number = 0;
    loop {
        let mut text = String::new();
        let length = lines.by_ref().take(MAX_LINE).read_line(&mut text).map_err(|error| unread(&error))?;
        if length == 0 {
            break;
        }
        number += 1;
        let line: Line = serde_json::from_str(text.trim_end()).map_err(|error| {
            unsound(&format!("line {number} of {} is not an entry: {error}", path.display()))
        })?;
        walk.take(&line)
            .map_err(|fault| unsound(&format!("line {number} of {}: {fault}", path.display())))?;
    }
    if let (Some(false), Some(checkpoint)) = (walk.met(), checkpoint) {
        let (first, last) = (walk.first.unwrap_or(0), walk.last.map_or(0, |(last, _)| last));
        return Err(CliError::new(
            ErrorKind::Failed,
            format!("{} has no entry {}, which the checkpoint names", path.display(), checkpoint.seq),
        )
        .because(format!("it has entries {first} to {last}, and their chain is sound"))
        .hint("if it should have that entry, it was cut off; else export the entries around it"));
    }
    Ok(Verified {
        first: walk.first.unwrap_or(0),
        last: walk.last.map_or(0, |(last, _)| last),
        hash: walk.last.map(|(_, hash)| hash.to_string()).unwrap_or_default(),
        checkpoint: checkpoint.map_or(0, |checkpoint| checkpoint.seq),
    })
}

/// The certificate of the CA: from its file, or from the credentials.
fn ca(file: Option<&Path>, app: &App) -> Result<String, CliError> {
    match file {
        Some(path) => read(path, MAX_CHECKPOINT),
        None => app.access().map(|access| access.file.credentials.ca_pem).map_err(|error| {
            error
                .hint("name the CA's certificate with --ca: without it, whose signature it is cannot be told")
        }),
    }
}

fn believed(path: &Path, ca_pem: &str) -> Result<Checkpoint, CliError> {
    let text = read(path, MAX_CHECKPOINT)?;
    let not_one = |why: String| {
        CliError::usage(format!("{} is not a checkpoint that can be believed", path.display()))
            .because(why)
            .hint("take one that pgbelay audit checkpoint has written for a ledger of this CA")
    };
    let signed: SignedCheckpoint = serde_json::from_str(&text).map_err(|error| not_one(error.to_string()))?;
    pgbelay_proto::checkpoint::believed(&signed, ca_pem).map_err(|error| not_one(error.to_string()))
}

fn read(path: &Path, limit: u64) -> Result<String, CliError> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(limit).read_to_string(&mut text));
    read.map_err(|error| {
        CliError::usage(format!("failed to read {}", path.display())).because(error.to_string())
    })?;
    Ok(text)
}

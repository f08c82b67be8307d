//! A backup that another program makes: pgBackRest, a snapshot of the volume. The agent's own file names the program;
//! `docs/backups.md` has the contract. What it prints is checked, and nothing else of it can be: pgbelay does not look into
//! what it has made.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use pgbelay_core::command::Failure;
use pgbelay_core::digest::Digest;
use pgbelay_proto::convert::WireCommand;
use rustix::process::Pid;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use tokio::time::timeout;

use super::child::{self, Group, connects};
use super::contents::Contents;
use super::{Stop, failure};
use crate::config::BackupProgram;
use crate::database::{Control, Target};

/// Most bytes of what it prints.
const OUTPUT: u64 = 64 << 10;

/// How much of the end of what it says is kept.
const SAID: usize = 8 << 10;

/// Longest line that is told.
const LINE: usize = 300;

/// Longest name, and longest place.
const ID: usize = 200;
const LOCATION: usize = 2_000;

/// The exit code that says: not now (`EX_TEMPFAIL`).
const AGAIN: i32 = 75;

/// The write bit of everybody, and the bit that makes it harmless for a directory.
const BY_ALL: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// What the program has made, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Made {
    /// What it calls it.
    pub(super) id: String,
    /// Where it is.
    pub(super) location: String,
    /// How large it is.
    pub(super) bytes: u64,
    /// Its digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sha256: Option<Digest>,
    /// Where in the server's log it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lsn: Option<String>,
}

/// What the program is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) target: &'a Target,
    pub(super) command: &'a WireCommand,
    pub(super) contents: &'a Contents,
    pub(super) system_identifier: &'a str,
    pub(super) fingerprint: Digest,
    pub(super) server_version: u32,
}

/// Runs the program to its end, and reads what it says of what it has made.
pub(super) async fn made(
    program: Option<&BackupProgram>,
    told: Told<'_>,
    control: &Control<'_>,
) -> Result<Made, Stop> {
    let Some(program) = program else {
        return Err(Stop::Failed(failure(
            "policy says backup.method: command, and this agent has none".to_owned(),
            "nothing was touched; set backup.command in the agent's file and restart it, or let policy use another method"
                .to_owned(),
        )));
    };
    let name = program.path.display().to_string();
    may_run(&program.path)
        .map_err(|why| stop(&name, &why, "correct it on the agent's machine, then retry"))?;
    control.say(0, 0, format!("backup: {name}"));
    let mut child = command(program, told).spawn().map_err(|error| {
        stop(&name, &format!("it cannot be started: {error}"), "see whether it can be executed")
    })?;
    let group = Group::of(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)));
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    // What it has started goes with it, so that nobody holds its output open.
    let ended = async {
        let status = child.wait().await;
        drop(group);
        status
    };
    let work = async { tokio::join!(beginning(stdout), end(stderr), ended) };
    let (output, said, status) = tokio::select! {
        done = timeout(program.timeout, work) => done.map_err(|_| {
            let why = format!("it took longer than {} s, and was ended", program.timeout.as_secs());
            stop(&name, &why, "see why, or raise backup.command_timeout in the agent's file; then retry")
        })?,
        () = control.cancel.cancelled() => return Err(Stop::Cancelled),
    };
    let status = status.map_err(|error| stop(&name, &error.to_string(), "see the agent's log"))?;
    match status.code() {
        Some(0) => read(&output).map_err(|why| stop(&name, &why, "what it prints is in docs/backups.md")),
        Some(AGAIN) => {
            let why = format!("it says that it cannot do it now: {}", last_line(&said, "(exit code 75)"));
            Err(stop(&name, &why, "retry later"))
        }
        Some(_) | None => {
            Err(stop(&name, &last_line(&said, &status.to_string()), "see its own log, then retry"))
        }
    }
}

fn stop(name: &str, why: &str, hint: &str) -> Stop {
    Stop::Failed(told_by(name, why, hint))
}

fn told_by(name: &str, why: &str, hint: &str) -> Box<Failure> {
    failure(format!("backup.command {name}: {why}"), format!("no migration was run; {hint}"))
}

/// Whether it is a program that only its owners can change: whoever writes to it would do as the agent.
fn may_run(path: &Path) -> Result<(), String> {
    let real = path.canonicalize().map_err(|error| format!("it cannot be found: {error}"))?;
    let found = fs::metadata(&real).map_err(|error| format!("it cannot be looked at: {error}"))?;
    if !found.is_file() {
        return Err("it is no file".to_owned());
    }
    let mode = found.permissions().mode();
    if mode & BY_ALL != 0 {
        return Err("everybody may write to it, so it is not run".to_owned());
    }
    if mode & 0o111 == 0 {
        return Err("it is not executable".to_owned());
    }
    let above = real.parent().and_then(|above| fs::metadata(above).ok());
    let open = above.is_some_and(|above| {
        let mode = above.permissions().mode();
        mode & BY_ALL != 0 && mode & STICKY == 0
    });
    if open { Err("everybody may write to its directory, so it is not run".to_owned()) } else { Ok(()) }
}

/// The password is in the environment, as for pg_dump.
fn command(program: &BackupProgram, told: Told<'_>) -> Command {
    let mut command = child::new(&program.path);
    command.args(&program.arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.process_group(0).kill_on_drop(true);
    let asked = told.command;
    let mut command = connects(command, told.target);
    command
        .env_remove("MCP_DB_PASSWORD")
        .env("PGBELAY_DATABASE", asked.database.as_str())
        .env("PGBELAY_ROLLOUT", asked.rollout.to_string())
        .env("PGBELAY_BACKUP_ID", format!("{}-{}-{}", asked.rollout, asked.id, asked.attempt))
        .env("PGBELAY_PLAN", asked.plan.to_string())
        .env("PGBELAY_FINGERPRINT", told.fingerprint.to_string())
        .env("PGBELAY_SYSTEM_IDENTIFIER", told.system_identifier)
        .env("PGBELAY_SERVER_VERSION", told.server_version.to_string())
        .env("PGBELAY_TIMELINE", told.contents.timeline.to_string())
        .env("PGBELAY_LSN", &told.contents.lsn)
        .env("PGBELAY_TABLE_BYTES", told.contents.bytes().to_string());
    command
}

/// One byte more than is taken, and the rest is passed over.
async fn beginning(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(stream) = stream else { return kept };
    let mut beginning = stream.take(OUTPUT + 1);
    // One that breaks off says less, and is then no JSON.
    let _ = beginning.read_to_end(&mut kept).await;
    let _ = tokio::io::copy(&mut beginning.into_inner(), &mut tokio::io::sink()).await;
    kept
}

/// The end of what it says.
async fn end(stream: Option<impl AsyncRead + Unpin>) -> String {
    let mut kept = Vec::new();
    let Some(mut stream) = stream else { return String::new() };
    let mut piece = [0; 4_096];
    while let Ok(read @ 1..) = stream.read(&mut piece).await {
        kept.extend_from_slice(piece.get(..read).unwrap_or_default());
        let more = kept.len().saturating_sub(SAID);
        kept.drain(..more);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

fn last_line(said: &str, otherwise: &str) -> String {
    let line = said.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or(otherwise);
    line.chars().filter(|c| !c.is_control()).take(LINE).collect()
}

fn read(output: &[u8]) -> Result<Made, String> {
    if output.len() as u64 > OUTPUT {
        return Err(format!("it prints more than {} KiB", OUTPUT >> 10));
    }
    if output.iter().all(u8::is_ascii_whitespace) {
        return Err("it prints nothing, and should print JSON".to_owned());
    }
    let made: Made = serde_json::from_slice(output)
        .map_err(|error| format!("what it prints is not the JSON that is asked for: {error}"))?;
    let fits =
        |text: &str, most| !text.is_empty() && text.len() <= most && !text.chars().any(char::is_control);
    let fault = if !fits(&made.id, ID) {
        format!("id must be a text of 1 to {ID} bytes in one line")
    } else if !fits(&made.location, LOCATION) {
        format!("location must be a text of 1 to {LOCATION} bytes in one line")
    } else if made.lsn.as_deref().is_some_and(|lsn| !is_lsn(lsn)) {
        "lsn must be as PostgreSQL writes one, for example 0/16B3748".to_owned()
    } else {
        return Ok(made);
    };
    Err(format!("what it prints is not the JSON that is asked for: {fault}"))
}

fn is_lsn(text: &str) -> bool {
    let number =
        |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split_once('/').is_some_and(|(high, low)| number(high) && number(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_taken_or_said_to_be_wrong() {
        let full = r#"{"id": "a", "location": "s3://b/a", "bytes": 7, "lsn": "0/16B3748"}"#;
        let made = read(full.as_bytes()).unwrap();
        assert_eq!((made.id.as_str(), made.bytes, made.sha256), ("a", 7, None));
        let check = |text: &str, fault: &str| {
            let said = read(text.as_bytes()).unwrap_err();
            assert!(said.contains(fault), "{said}");
        };
        check("", "prints nothing");
        check("done", "not the JSON");
        check(r#"{"id": "a", "bytes": 7}"#, "missing field `location`");
        check(r#"{"id": "a", "location": "b", "bytes": -7}"#, "invalid value");
        check(r#"{"id": "a", "location": "b", "bytes": 7, "sha": "x"}"#, "unknown field `sha`");
        check(r#"{"id": "", "location": "b", "bytes": 7}"#, "id must be");
        check(r#"{"id": "a", "location": "b\nc", "bytes": 7}"#, "location must be");
        check(r#"{"id": "a", "location": "b", "bytes": 7, "lsn": "16B3748"}"#, "lsn must be");
        check(r#"{"id": "a", "location": "b", "bytes": 7, "sha256": "ab"}"#, "not the JSON");
        check(&" ".repeat(70_000), "more than 64 KiB");
    }

    #[test]
    fn the_last_line_is_told() {
        assert_eq!(last_line("one\n two\x1b[0m \n\n", "x"), "two[0m");
        assert_eq!(last_line(" \n", "exit status: 3"), "exit status: 3");
    }
}

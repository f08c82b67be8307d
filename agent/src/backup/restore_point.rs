//! A named point in the server's log: nothing is copied, and what brings the database back is the archive of the log.
//! So the archive has to be seen at work: the point counts when the piece of the log that has it is archived.

use std::time::Duration;

use pgbelay_proto::convert::WireCommand;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};
use tokio_postgres::SimpleQueryRow;

use super::{Stop, failed, lost};
use crate::database::{Control, Session};

/// How often the archiver is looked at. It is awake when there is something for it.
const LOOK: Duration = Duration::from_millis(300);

/// The archiver tries three times before it rests for a minute.
const TRIES: u64 = 3;

/// PostgreSQL's own limit for the name of a restore point.
const NAME_BYTES: usize = 63;

/// What has to be so before a point is made.
const READY: &str = "SELECT pg_catalog.current_setting('archive_mode'), \
      pg_catalog.current_setting('archive_command', true), pg_catalog.current_setting('archive_library', true), \
      pg_catalog.has_function_privilege('pg_catalog.pg_create_restore_point(text)', 'execute'), \
      pg_catalog.has_function_privilege('pg_catalog.pg_switch_wal()', 'execute'), current_user";

/// What the archiver has done so far.
const ARCHIVER: &str = "SELECT archived_count, last_archived_wal, failed_count, last_failed_wal, last_failed_time, \
      last_failed_time > COALESCE(last_archived_time, '-infinity') FROM pg_catalog.pg_stat_archiver";

/// Where a database can be brought back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RestorePoint {
    /// As in `recovery_target_name`.
    pub(super) name: String,
    /// Where it stands in the log.
    pub(super) lsn: String,
    /// The piece of the log that has it.
    pub(super) wal: String,
    /// The last piece that was archived when it counted: that one or a later one.
    pub(super) last_archived_wal: String,
}

/// What the archiver has done.
#[derive(Debug)]
struct Archiver {
    archived: u64,
    last: Option<String>,
    failures: u64,
    failed_wal: String,
    failed_at: String,
    /// Whether the last thing that it did was to fail.
    fails: bool,
}

/// Makes a restore point, and waits until the archive has it.
pub(super) async fn make(
    session: &Session,
    command: &WireCommand,
    patience: Duration,
    control: &Control<'_>,
) -> Result<RestorePoint, Stop> {
    ready(session).await?;
    let before = archiver(session).await?;
    if before.fails {
        return Err(does_not_archive(&format!("it has failed to archive {}", told(&before))));
    }
    if control.cancel.is_cancelled() {
        return Err(Stop::Cancelled);
    }
    let name = name_of(command);
    let sql = format!(
        "SELECT p, pg_catalog.pg_walfile_name(p) FROM pg_catalog.pg_create_restore_point({}) p",
        crate::database::literal(&name)
    );
    let rows = session.ask(&sql).await.map_err(|fault| lost(&fault))?;
    let (lsn, wal) = (text(&rows, 0), text(&rows, 1));
    session.tell("SELECT pg_catalog.pg_switch_wal()").await.map_err(|fault| lost(&fault))?;
    let began = Instant::now();
    loop {
        control.say(0, 0, format!("backup: restore point {name}, waiting for the archive to have {wal}"));
        let now = archiver(session).await?;
        let last = now.last.clone().filter(|last| now.archived > before.archived && reaches(last, &wal));
        if let Some(last_archived_wal) = last {
            return Ok(RestorePoint { name, lsn, wal, last_archived_wal });
        }
        if now.fails && now.failures >= before.failures + TRIES {
            return Err(does_not_archive(&format!("it has failed to archive {}", told(&now))));
        }
        if began.elapsed() > patience {
            let why = if now.fails {
                format!("it has failed to archive {}", told(&now))
            } else {
                let last = now.last.unwrap_or_else(|| "nothing".to_owned());
                format!("{wal} was not archived within {} s; the last was {last}", patience.as_secs())
            };
            return Err(does_not_archive(&why));
        }
        tokio::select! {
            () = sleep(LOOK) => {}
            () = control.cancel.cancelled() => return Err(Stop::Cancelled),
        }
    }
}

/// Whether the server archives at all, and lets this user make a point.
async fn ready(session: &Session) -> Result<(), Stop> {
    let rows = session.ask(READY).await.map_err(|fault| lost(&fault))?;
    let (mode, program, library, user) = (text(&rows, 0), text(&rows, 1), text(&rows, 2), text(&rows, 5));
    if mode == "off" {
        return Err(failed(
            "there can be no restore point: archive_mode is off on the server",
            "nothing was touched; set archive_mode and archive_command and restart the server, or let policy use \
             backup.method: full",
        ));
    }
    if program.is_empty() && library.is_empty() {
        return Err(failed(
            "there can be no restore point: neither archive_command nor archive_library is set on the server",
            "nothing was touched; set one of them and reload the server, or let policy use backup.method: full",
        ));
    }
    let missing: Vec<_> = [(3, "pg_create_restore_point(text)"), (4, "pg_switch_wal()")]
        .into_iter()
        .filter(|(at, _)| text(&rows, *at) != "t")
        .map(|(_, function)| format!("GRANT EXECUTE ON FUNCTION {function} TO {user}"))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(failed(
        &format!("user {user} may not make a restore point"),
        &format!("nothing was touched; as a superuser run: {}; then retry", missing.join("; ")),
    ))
}

async fn archiver(session: &Session) -> Result<Archiver, Stop> {
    let rows = session.ask(ARCHIVER).await.map_err(|fault| lost(&fault))?;
    let last = rows.first().and_then(|row| row.get(1)).map(str::to_owned);
    Ok(Archiver {
        archived: text(&rows, 0).parse().unwrap_or_default(),
        last,
        failures: text(&rows, 2).parse().unwrap_or_default(),
        failed_wal: text(&rows, 3),
        failed_at: text(&rows, 4),
        fails: text(&rows, 5) == "t",
    })
}

fn told(archiver: &Archiver) -> String {
    format!("{} {} times, the last time at {}", archiver.failed_wal, archiver.failures, archiver.failed_at)
}

fn does_not_archive(why: &str) -> Stop {
    failed(
        &format!("the server's archive does not work: {why}"),
        "no migration was run; see archive_command and the server's log, then retry",
    )
}

/// Whether a file that was archived comes as late in the log as a piece of it, or later. Other files are archived, too:
/// histories of timelines, and marks of base backups, whose names go on after that of a piece.
fn reaches(archived: &str, wal: &str) -> bool {
    let is_piece = archived.len() == wal.len() && archived.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_piece && archived >= wal
}

/// No other command has it.
fn name_of(command: &WireCommand) -> String {
    let name = format!("pgbelay-{}-{}-{}", command.rollout, command.id, command.attempt);
    name.chars().take(NAME_BYTES).collect()
}

fn text(rows: &[SimpleQueryRow], at: usize) -> String {
    rows.first().and_then(|row| row.get(at)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pieces_of_the_log_count_and_only_late_ones() {
        let wal = "000000010000000000000007";
        assert!(reaches(wal, wal) && reaches("000000010000000000000008", wal));
        assert!(!reaches("000000010000000000000006", wal));
        assert!(
            !reaches("000000010000000000000008.00000028.backup", wal) && !reaches("00000002.history", wal)
        );
    }
}

//! Running PostgreSQL's programs: what they are given, and how they are ended.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use pgbelay_core::command::Failure;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::failure;
use super::programs::Programs;
use crate::database::{Control, DUMP, Target};

/// The longest that a program may run: a database that takes longer needs another kind of backup.
const LONGEST: Duration = Duration::from_secs(6 * 60 * 60);

const TOO_LONG: &str = "it took longer than 6 hours";

/// pg_dump writes as it reads: a quarter of an hour without a byte means that it hangs.
const STALLED: Duration = Duration::from_secs(15 * 60);

/// How often the size is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// How much of what a program says is kept. The list of an archive has a line for each object.
const LIST: u64 = 256 << 20;
const COMPLAINT: u64 = 8 << 10;

/// Longest wait of pg_dump for its locks, so that it never hangs behind a migration or a forgotten session.
const LOCK_WAIT: &str = "--lock-wait-timeout=60s";

/// What a program must not take from the agent's own surroundings: it would go elsewhere, or do something else.
const NOT_INHERITED: [&str; 14] = [
    "PGSERVICE",
    "PGSERVICEFILE",
    "PGSYSCONFDIR",
    "PGHOSTADDR",
    "PGOPTIONS",
    "PGPASSFILE",
    "PGPASSWORD",
    "PGTARGETSESSIONATTRS",
    "PGLOADBALANCEHOSTS",
    "PGREQUIREAUTH",
    "PGCLIENTENCODING",
    "PGDATESTYLE",
    "PGTZ",
    "PG_COLOR",
];

/// How a program ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// With success: what it printed.
    Well(Vec<u8>),
    /// With an error.
    Badly(Box<Failure>),
    /// Because it was not wanted any more.
    Cancelled,
}

fn program(path: &Path) -> Command {
    let mut command = Command::new(path);
    for name in NOT_INHERITED {
        command.env_remove(name);
    }
    // Its messages are searched for what is known.
    command.env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    command
}

/// pg_dump of a whole database into a file. The password is in its environment: everybody can read arguments.
pub(super) fn dump(programs: &Programs, target: &Target, archive: &Path) -> Command {
    let mut command = program(&programs.dump);
    command.args(["--format=custom", "--compress=1", "--no-password", LOCK_WAIT, "--file"]).arg(archive);
    command.env("PGHOST", &target.host).env("PGPORT", target.port.to_string());
    command.env("PGUSER", &target.user).env("PGDATABASE", &target.name);
    command.env("PGCONNECT_TIMEOUT", "10").env("PGAPPNAME", DUMP);
    if let Some(password) = &target.password {
        command.env("PGPASSWORD", password.expose());
    }
    command
}

/// pg_restore that lists an archive.
pub(super) fn list(programs: &Programs, archive: &Path) -> Command {
    let mut command = program(&programs.restore);
    command.arg("--list").arg(archive);
    command
}

/// pg_restore that reads an archive to its end, and keeps nothing of it. Its list alone says little: it stands at the
/// beginning, and is there in an archive that was cut off.
pub(super) fn read_all(programs: &Programs, archive: &Path) -> Command {
    let mut command = program(&programs.restore);
    command.args(["--file", "/dev/null"]).arg(archive);
    command
}

/// Runs a program to its end, or ends it. `grows` is the file whose size shows that it works, if it writes one: reading
/// back a large archive takes long, and shows nothing meanwhile.
pub(super) async fn supervise(mut command: Command, control: &Control<'_>, grows: Option<&Path>) -> Ended {
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return bad(&name, &format!("it cannot be started: {error}")),
    };
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let ended = {
        let work = async { tokio::join!(read(stdout, LIST), read(stderr, COMPLAINT), child.wait()) };
        tokio::select! {
            (output, complaint, status) = work => match status {
                Ok(status) if status.success() => return Ended::Well(output),
                Ok(status) => bad(&name, &complained(&String::from_utf8_lossy(&complaint), &status.to_string())),
                Err(error) => bad(&name, &error.to_string()),
            },
            () = control.cancel.cancelled() => Ended::Cancelled,
            why = too_slow(control, grows) => bad(&name, why),
        }
    };
    // By its handle; there is nothing to be ended if it has ended.
    let _ = child.kill().await;
    ended
}

/// Shows how large the archive is; ends when it has not grown for too long, or has taken too long altogether.
async fn too_slow(control: &Control<'_>, grows: Option<&Path>) -> &'static str {
    let Some(archive) = grows else {
        tokio::time::sleep(LONGEST).await;
        return TOO_LONG;
    };
    let began = Instant::now();
    let (mut size, mut grew) = (0, began);
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let seen = tokio::fs::metadata(archive).await.map_or(0, |file| file.len());
        if seen != size {
            (size, grew) = (seen, Instant::now());
            control.say(0, 0, format!("backup: {}", amount(size)));
        }
        match () {
            () if began.elapsed() > LONGEST => return TOO_LONG,
            () if grew.elapsed() > STALLED => return "it made no progress for 15 minutes",
            () => {}
        }
    }
}

fn amount(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10)
}

/// Reads a stream to its end and keeps the beginning.
async fn read(stream: Option<impl AsyncRead + Unpin>, keep: u64) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(stream) = stream else { return kept };
    let mut beginning = stream.take(keep);
    // A stream that breaks off says less, and the program's status says the rest.
    let _ = beginning.read_to_end(&mut kept).await;
    let _ = tokio::io::copy(&mut beginning.into_inner(), &mut tokio::io::sink()).await;
    kept
}

/// What a program said was wrong, in one line. Its details can hold rows.
fn complained(said: &str, status: &str) -> String {
    let mut lines = said.lines().filter(|line| !line.trim().is_empty());
    let error = lines.clone().find(|line| line.contains("error:")).or_else(|| lines.next());
    match error {
        Some(line) => line.split_once("error: ").map_or(line, |(_, rest)| rest).trim().to_owned(),
        None => format!("it ended with {status}"),
    }
}

fn bad(name: &str, why: &str) -> Ended {
    let name = Path::new(name).file_name().map_or(name.into(), |name| name.to_string_lossy());
    let known = [
        ("No space left", "make room in the backup directory, then retry"),
        ("too large", "make room in the backup directory, or lift its limits; then retry"),
        ("lock timeout", "a session holds a table: end it or wait for it, then retry"),
        ("permission denied", "let the agent's user read everything in the database, then retry"),
        ("version mismatch", "install a pg_dump of the server's version, then retry"),
    ];
    let hint = known
        .iter()
        .find(|(words, _)| why.contains(words))
        .map_or("see the agent's log, then retry", |k| k.1);
    Ended::Badly(failure(format!("{name} failed: {why}"), format!("nothing was touched; {hint}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_found_in_what_a_program_says() {
        let said = "pg_dump: warning: x\npg_dump: error: could not write: No space left on device\npg_dump: detail: y";
        assert_eq!(complained(said, "1"), "could not write: No space left on device");
        assert_eq!(complained("\nsh: not found\n", "1"), "sh: not found");
        assert_eq!(complained("", "signal: 9"), "it ended with signal: 9");
    }

    #[test]
    fn sizes_are_for_people() {
        assert_eq!([amount(0), amount(12_345_678)], ["0.0 MB", "12.3 MB"]);
    }
}

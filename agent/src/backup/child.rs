//! Running PostgreSQL's programs: what they are given, and how they are ended.

use std::convert::Infallible;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use pgbelay_core::command::Failure;
use rustix::process::{Pid, Signal};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::failure;
use super::programs::Programs;
use super::progress::Meter;
use super::throttle;
use crate::database::{Control, DUMP, Target};

/// The longest that a program may run: a database that takes longer needs another kind of backup.
const LONGEST: Duration = Duration::from_secs(6 * 60 * 60);

const TOO_LONG: &str = "it took longer than 6 hours";

/// How kind the programs are to others: the server itself is one of these.
const NICENESS: i32 = 10;

/// pg_dump writes as it reads: a quarter of an hour without a byte means that it hangs.
const STALLED: Duration = Duration::from_secs(15 * 60);

/// How often it is told how far it is.
const LOOK: Duration = Duration::from_millis(500);

/// For the end of a program whose reader has ended.
const COMES_TO_AN_END: Duration = Duration::from_secs(10);

/// How long a program that was killed, and those that it has started, are waited for: one that a disk holds up is not gone
/// before the disk answers.
const DEATH: Duration = Duration::from_secs(10);

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

/// What the server's list of sessions calls what brings tables back into the live database.
pub(super) const COPY: &str = "pgbelay-agent copy";

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

/// How the rows are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    /// From pg_dump 16 on, where it was built with it.
    Zstd,
    /// Always there.
    Gzip,
}

impl Compression {
    /// The best that a version of pg_dump may know. An older one takes `zstd` without a word, and does not compress.
    pub(super) const fn of(major: u32) -> Self {
        if major >= 16 { Self::Zstd } else { Self::Gzip }
    }

    /// What pg_dump is told. The lowest level of either is much faster than the usual one, and little is larger.
    const fn argument(self) -> &'static str {
        match self {
            Self::Zstd => "--compress=zstd:1",
            Self::Gzip => "--compress=1",
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd:1",
            Self::Gzip => "gzip:1",
        }
    }
}

/// What a pg_dump says that was built without a library.
pub(super) const NOT_BUILT_WITH: &str = "does not support compression";

/// A program that inherits nothing that leads it elsewhere.
pub(super) fn new(path: &Path) -> Command {
    let mut command = Command::new(path);
    for name in NOT_INHERITED {
        command.env_remove(name);
    }
    command
}

fn program(path: &Path) -> Command {
    let mut command = new(path);
    // Its messages are searched for what is known.
    command.env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // pg_dump starts others: they are ended together.
    command.process_group(0).kill_on_drop(true);
    command
}

/// How pg_dump works.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dump<'a> {
    /// Whose state it sees.
    pub(super) snapshot: &'a str,
    pub(super) jobs: usize,
    pub(super) compression: Compression,
    /// Patterns of tables whose rows it leaves out.
    pub(super) without_rows: &'a [String],
}

/// pg_dump of a database into a directory, by as many sessions as there are jobs.
pub(super) fn dump(programs: &Programs, target: &Target, directory: &Path, how: Dump<'_>) -> Command {
    let Dump { snapshot, jobs, compression, without_rows } = how;
    let mut command = program(&programs.dump);
    command.args(["--format=directory", compression.argument(), "--no-password", LOCK_WAIT]);
    command.arg(format!("--jobs={jobs}")).arg(format!("--snapshot={snapshot}"));
    command.args(without_rows.iter().map(|pattern| format!("--exclude-table-data={pattern}")));
    command.arg("--file").arg(directory);
    connects(command, target)
}

/// pg_dumpall of the roles and tablespaces, without passwords, into a file.
pub(super) fn globals(program_of_all: &Path, target: &Target, file: &Path) -> Command {
    let mut command = program(program_of_all);
    command.args(["--globals-only", "--no-role-passwords", "--no-password"]).arg(LOCK_WAIT);
    command.arg("--file").arg(file).arg("--database").arg(&target.name);
    connects(command, target)
}

/// The password is in the environment: everybody can read arguments.
pub(super) fn connects(mut command: Command, target: &Target) -> Command {
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

/// pg_restore of a whole archive into a database, by as many sessions as there are jobs.
pub(super) fn restore(programs: &Programs, target: &Target, archive: &Path, jobs: usize) -> Command {
    let mut command = program(&programs.restore);
    command.args(["--exit-on-error", "--no-password"]).arg(format!("--jobs={jobs}"));
    command.arg("--dbname").arg(&target.name).arg(archive);
    connects(command, target)
}

/// pg_restore that writes the rows of an archive as text.
pub(super) fn text_of(programs: &Programs, archive: &Path) -> Command {
    let mut command = program(&programs.restore);
    command.args(["--data-only", "--file=-"]).arg(archive);
    command
}

/// pg_dump of one schema, and pg_restore of it into another database, in one transaction.
pub(super) fn copy_of_schema(
    programs: &Programs,
    from: &Target,
    to: &Target,
    schema: &str,
) -> (Command, Command) {
    let mut dump = program(&programs.dump);
    // A pattern: what is quoted stands for itself.
    dump.args(["--format=custom", "--compress=0", "--no-password", LOCK_WAIT]);
    dump.arg(format!("--schema={}", crate::database::identifier(schema)));
    let mut copy = program(&programs.restore);
    copy.args(["--exit-on-error", "--single-transaction", "--no-password", "--dbname"]).arg(&to.name);
    let mut copy = connects(copy, to);
    copy.env("PGAPPNAME", COPY);
    (connects(dump, from), copy)
}

/// pg_dump of a database, and pg_restore of it into another one. `empty`: the schemas whose tables come without rows.
pub(super) fn copy_of_database(
    programs: &Programs,
    from: &Target,
    to: &Target,
    empty: Option<&[String]>,
) -> (Command, Command) {
    let mut dump = program(&programs.dump);
    dump.args(["--format=custom", "--compress=0", "--no-subscriptions", "--no-password", LOCK_WAIT]);
    if let Some(schemas) = empty {
        dump.arg("--no-blobs");
        // Patterns: what is quoted stands for itself.
        let pattern =
            |schema: &String| format!("--exclude-table-data={}.*", crate::database::identifier(schema));
        dump.args(schemas.iter().map(pattern));
    }
    let mut copy = program(&programs.restore);
    copy.args(["--exit-on-error", "--no-password", "--dbname"]).arg(&to.name);
    let mut copy = connects(copy, to);
    copy.env("PGAPPNAME", COPY);
    (connects(dump, from), copy)
}

/// Runs two programs, the second of which reads what the first writes. How the second ended, unless the first failed by
/// itself.
pub(super) async fn pipe(mut one: Command, mut two: Command, control: &Control<'_>) -> Ended {
    let name = one.as_std().get_program().to_string_lossy().into_owned();
    one.stdout(Stdio::piped());
    let mut first = match one.spawn() {
        Ok(first) => first,
        Err(error) => return bad(&name, &format!("it cannot be started: {error}")),
    };
    // Whatever comes of it, it has ended when this returns.
    let mut group = Group(first.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)));
    let (stdout, stderr) = (first.stdout.take(), first.stderr.take());
    match stdout.map(TryInto::<Stdio>::try_into) {
        Some(Ok(stdout)) => {
            two.stdin(stdout);
        }
        Some(Err(error)) => return bad(&name, &error.to_string()),
        None => return bad(&name, "its output cannot be read"),
    }
    let writes = async { tokio::join!(read(stderr, COMPLAINT), first.wait()) };
    let reads = supervise(two, control, (None, None));
    tokio::pin!(writes, reads);
    let (ended, wrote) = tokio::select! {
        ended = &mut reads => (ended, None),
        wrote = &mut writes => {
            // Its number may be another's from now on.
            group.0 = None;
            (reads.await, Some(wrote))
        }
    };
    if matches!(ended, Ended::Cancelled) {
        return ended;
    }
    let wrote = match wrote {
        Some(wrote) => Ok(wrote),
        // It may wait for a lock, and does not see that nobody reads it any more.
        None => timeout(COMES_TO_AN_END, &mut writes).await,
    };
    if wrote.is_ok() {
        group.0 = None;
    }
    match (ended, wrote) {
        (Ended::Well(output), Ok((_, Ok(status)))) if status.success() => Ended::Well(output),
        (ended @ (Ended::Badly(_) | Ended::Cancelled), Ok((_, Ok(status)))) if status.success() => ended,
        (ended, Ok((complaint, Ok(status)))) => {
            let why = complained(&String::from_utf8_lossy(&complaint), &status.to_string());
            match ended {
                Ended::Badly(_) if is_unread(&why, status) => ended,
                Ended::Badly(_) | Ended::Well(_) | Ended::Cancelled => bad(&name, &why),
            }
        }
        (Ended::Well(_), Ok((_, Err(error)))) => bad(&name, &error.to_string()),
        (Ended::Well(_), Err(_)) => bad(&name, "it did not end after the last of what it wrote was read"),
        (ended @ (Ended::Badly(_) | Ended::Cancelled), Ok((_, Err(_))) | Err(_)) => ended,
    }
}

/// Whether a program ended because nobody read it any more: then its reader has more to say.
fn is_unread(why: &str, status: std::process::ExitStatus) -> bool {
    why.contains("Broken pipe") || status.signal() == Some(Signal::PIPE.as_raw())
}

/// A program and those that it has started, ended when this is dropped.
pub(super) struct Group(Option<Pid>);

impl Group {
    pub(super) const fn of(leader: Option<Pid>) -> Self {
        Self(leader)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            // There may be nobody left.
            let _ = rustix::process::kill_process_group(pid, Signal::KILL);
        }
    }
}

/// Runs a program to its end, or ends it. `meter` counts what it writes, if it does: reading back a large archive takes
/// long, and shows nothing meanwhile.
///
/// `rate`: most bytes per second that it may write, as far as `meter` counts them.
pub(super) async fn supervise(
    mut command: Command,
    control: &Control<'_>,
    (meter, rate): (Option<&Meter>, Option<u64>),
) -> Ended {
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return bad(&name, &format!("it cannot be started: {error}")),
    };
    let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let mut group = Group(pid);
    // Before it starts others, which are as kind as it is. Where it is not allowed to be, it is not.
    let _ = pid.map(|pid| rustix::process::setpriority_process(Some(pid), NICENESS));
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let work = async { tokio::join!(read(stdout, LIST), read(stderr, COMPLAINT), child.wait()) };
    let mut work = std::pin::pin!(work);
    let ended = tokio::select! {
        (output, complaint, status) = &mut work => {
            return match status {
                Ok(status) if status.success() => {
                    group.0 = None;
                    Ended::Well(output)
                }
                Ok(status) => bad(&name, &complained(&String::from_utf8_lossy(&complaint), &status.to_string())),
                Err(error) => bad(&name, &error.to_string()),
            };
        }
        () = control.cancel.cancelled() => Ended::Cancelled,
        why = too_slow(control, meter) => bad(&name, why),
        never = slowed(rate, pid, meter) => match never {},
    };
    drop(group);
    // What it writes into is removed next. Whoever it has started has its output open until it is gone.
    if timeout(DEATH, work).await.is_err() {
        tracing::warn!(program = name, "it was killed, and is not gone yet");
    }
    ended
}

/// Keeps it to a rate, if there is one.
async fn slowed(rate: Option<u64>, group: Option<Pid>, meter: Option<&Meter>) -> Infallible {
    match (rate, meter) {
        (Some(rate), Some(meter)) => throttle::keep_to(rate, group, meter).await,
        (_, _) => std::future::pending().await,
    }
}

/// Tells how far it is; ends when nothing was written for too long, or it has taken too long altogether.
async fn too_slow(control: &Control<'_>, meter: Option<&Meter>) -> &'static str {
    let Some(meter) = meter else {
        tokio::time::sleep(LONGEST).await;
        return TOO_LONG;
    };
    let began = Instant::now();
    let (mut size, mut grew) = (0, began);
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let seen = meter.written();
        // What is stopped writes nothing, and does not hang.
        if seen != size || meter.is_held() {
            (size, grew) = (seen, Instant::now());
        }
        control.say(0, 0, meter.words());
        match () {
            () if began.elapsed() > LONGEST => return TOO_LONG,
            () if grew.elapsed() > STALLED => return "it made no progress for 15 minutes",
            () => {}
        }
    }
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
    use tokio::sync::watch;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::database::Progress;

    fn shell(script: &str) -> Command {
        let mut command = program(Path::new("/bin/sh"));
        command.args(["-c", script]);
        command
    }

    async fn piped(one: &str, two: &str, cancel: &CancellationToken) -> Ended {
        let (progress, _) = watch::channel(Progress::default());
        let control = Control { progress: &progress, cancel, lease: &|| true, may_end: &[] };
        pipe(shell(one), shell(two), &control).await
    }

    #[tokio::test]
    async fn of_two_programs_the_one_is_told_of_that_failed_by_itself() {
        let never = CancellationToken::new();
        for (one, two, expected) in [
            ("echo error: mine >&2; exit 1", "cat >/dev/null; echo error: too short >&2; exit 1", "mine"),
            ("echo rows", "cat >/dev/null; echo error: theirs >&2; exit 1", "theirs"),
            ("exec yes", "echo error: theirs >&2; exit 1", "theirs"),
            ("echo error: mine >&2; exit 1", "cat", "mine"),
        ] {
            match piped(one, two, &never).await {
                Ended::Badly(failure) => assert!(failure.message.contains(expected), "{failure:?}"),
                other @ (Ended::Well(_) | Ended::Cancelled) => panic!("{one} | {two}: {other:?}"),
            }
        }
        match piped("echo rows", "cat", &never).await {
            Ended::Well(output) => assert_eq!(output, b"rows\n"),
            other @ (Ended::Badly(_) | Ended::Cancelled) => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn both_programs_are_ended_at_once_when_nobody_wants_them() {
        let cancel = CancellationToken::new();
        cancel.cancel();
        // The first writes nothing, so that it does not see that its reader is gone.
        let began = Instant::now();
        assert!(matches!(piped("sleep 1000", "cat", &cancel).await, Ended::Cancelled));
        assert!(began.elapsed() < COMES_TO_AN_END, "it was waited for");
    }

    #[test]
    fn the_error_is_found_in_what_a_program_says() {
        let said = "pg_dump: warning: x\npg_dump: error: could not write: No space left on device\npg_dump: detail: y";
        assert_eq!(complained(said, "1"), "could not write: No space left on device");
        assert_eq!(complained("\nsh: not found\n", "1"), "sh: not found");
        assert_eq!(complained("", "signal: 9"), "it ended with signal: 9");
    }
}

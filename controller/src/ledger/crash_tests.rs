//! A controller that dies, or whose disk fails, in the middle of an append. The writers are child processes:
//! this test program run again with one test chosen and a variable that makes it write.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::tests::{filled, new_entry, open};
use super::{AppendError, Ledger, NewEntry};

const LEDGER: &str = "PGBELAY_TEST_LEDGER_TO_WRITE";
const GROUP: u64 = 3;

/// How many appends are acknowledged before the writer is killed.
const ACKNOWLEDGED: usize = 25;

/// Room for the files that are there, not for 4 MiB of write-ahead log: in blocks of 512 or 1024 bytes.
const FILE_SIZE_BLOCKS: u32 = 400;

#[test]
fn writer_until_it_is_killed() -> Result<()> {
    writer(|result| {
        result?;
        Ok(true)
    })
}

#[test]
fn writer_until_the_disk_fails() -> Result<()> {
    writer(|result| match result {
        Ok(_) => Ok(true),
        Err(AppendError::Unknown(_)) => Ok(false),
        Err(other) => Err(other.into()),
    })
}

/// Appends groups and says so on its output, as long as `go_on`; does nothing unless it is the child.
fn writer(go_on: impl Fn(Result<super::Head, AppendError>) -> Result<bool>) -> Result<()> {
    #[expect(clippy::disallowed_methods, reason = "how the parent tells this test that it is the child")]
    let Some(path) = std::env::var_os(LEDGER) else { return Ok(()) };
    let (mut ledger, _) = open(Path::new(&path))?;
    let mut out = std::io::stdout();
    loop {
        let head = ledger.head()?;
        let entries: Vec<NewEntry> = (1..=GROUP).map(|n| new_entry(head.seq + n)).collect();
        if !go_on(ledger.append(&head, &entries))? {
            let next = ledger.append(&head, &entries);
            ensure!(matches!(next, Err(AppendError::Stopped)), "{next:?}");
            writeln!(out, "\nstopped")?;
            return Ok(());
        }
        writeln!(out, "\nappended {}", head.seq + GROUP)?;
        out.flush()?;
    }
}

struct Writer {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Writer {
    /// Started through a shell that runs `before` first, when there is any.
    fn start(test: &str, path: &Path, before: Option<&str>) -> Result<Self> {
        let program = std::env::current_exe()?;
        let module = module_path!().split_once("::").context("a module of the crate")?.1;
        let mut command = match before {
            None => Command::new(program),
            Some(before) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!(r#"{before}; exec "$0" "$@""#)]).arg(program);
                shell
            }
        };
        let mut child = command
            .args([&format!("{module}::{test}"), "--exact", "--nocapture"])
            .env(LEDGER, path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = BufReader::new(child.stdout.take().context("its output")?);
        Ok(Self { child, output })
    }

    /// Reads on until `count` appends were acknowledged; returns the last one's place.
    fn wait_for_appends(&mut self, count: usize) -> Result<u64> {
        let acknowledged =
            (&mut self.output).lines().filter_map(|line| line.map(|l| appended(&l)).transpose());
        acknowledged.take(count).last().context("it wrote nothing")?.map_err(Into::into)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn appended(line: &str) -> Option<u64> {
    line.strip_prefix("appended ")?.parse().ok()
}

/// The ledger opens, holds whole groups only, everything acknowledged, and at most one group more.
fn check_nothing_lost(path: &Path, acknowledged: u64) -> Result<()> {
    let (ledger, entries) = open(path)?;
    let head = ledger.head()?;
    let seqs: Vec<_> = entries.iter().map(|entry| entry.seq).collect();
    ensure!(seqs == (1..=head.seq).collect::<Vec<_>>());
    ensure!(head.seq.is_multiple_of(GROUP), "half a group: {}", head.seq);
    ensure!(head.seq == acknowledged || head.seq == acknowledged + GROUP, "{} of {acknowledged}", head.seq);
    Ok(())
}

#[test]
fn a_killed_writer_loses_nothing_that_it_acknowledged() -> Result<()> {
    let (_directory, path) = filled(0)?;
    for _ in 0..3 {
        let mut writer = Writer::start("writer_until_it_is_killed", &path, None)?;
        let read = writer.wait_for_appends(ACKNOWLEDGED)?;
        writer.child.kill()?;
        writer.child.wait()?;
        let mut rest = String::new();
        writer.output.read_to_string(&mut rest)?;
        let last = rest.lines().filter_map(appended).next_back().unwrap_or(read);
        check_nothing_lost(&path, last)?;
    }
    Ok(())
}

#[test]
fn a_writer_whose_disk_failed_stops_and_the_next_start_settles_it() -> Result<()> {
    let (_directory, path) = filled(0)?;
    let limit = format!("trap '' XFSZ; ulimit -f {FILE_SIZE_BLOCKS}");
    let mut writer = Writer::start("writer_until_the_disk_fails", &path, Some(&limit))?;
    let last = writer.wait_for_appends(usize::MAX)?;
    ensure!(writer.child.wait()?.success(), "the writer did not stop as it should");
    check_nothing_lost(&path, last)
}

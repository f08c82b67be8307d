//! How many rows a backup holds, told by what pg_restore would write: one line for each row.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::time::timeout;

use super::super::child;
use super::super::programs::Programs;
use super::Stop;

/// For reading a whole archive.
const READ: Duration = Duration::from_secs(6 * 60 * 60);

/// At a time.
const CHUNK: usize = 256 * 1024;

/// Longest beginning of a line that is looked at: it names a table and all of its columns, 1600 at most.
const HEAD: usize = 1 << 20;

/// Rows by table, whose name is as SQL has it.
pub(super) async fn in_archive(
    programs: &Programs,
    archive: &std::path::Path,
) -> Result<BTreeMap<String, u64>, Stop> {
    let failed = |why: String| {
        Stop::failed(format!("the rows of the backup could not be counted: {why}"), "see the agent's log")
    };
    let mut process = child::text_of(programs, archive);
    let mut process = process.spawn().map_err(|error| failed(error.to_string()))?;
    let (stdout, stderr) = (process.stdout.take(), process.stderr.take());
    let said = async {
        let mut said = Vec::new();
        if let Some(stderr) = stderr {
            // What is more than this is not needed, and must be read all the same.
            let mut beginning = stderr.take(8 << 10);
            let _ = beginning.read_to_end(&mut said).await;
            let _ = tokio::io::copy(&mut beginning.into_inner(), &mut tokio::io::sink()).await;
        }
        String::from_utf8_lossy(&said).into_owned()
    };
    let counted = async {
        match stdout {
            Some(stdout) => count(BufReader::with_capacity(CHUNK, stdout)).await,
            None => Ok(BTreeMap::new()),
        }
    };
    let all = async { tokio::join!(counted, said, process.wait()) };
    let (counted, said, status) =
        timeout(READ, all).await.map_err(|_| failed(format!("it took longer than {READ:?}")))?;
    match (counted, status) {
        (Ok(counted), Ok(status)) if status.success() => Ok(counted),
        (Err(error), _) => Err(failed(error.to_string())),
        (_, Err(error)) => Err(failed(error.to_string())),
        (Ok(_), Ok(_)) => Err(failed(said.lines().next().unwrap_or("pg_restore failed").to_owned())),
    }
}

async fn count(mut text: impl tokio::io::AsyncBufRead + Unpin) -> std::io::Result<BTreeMap<String, u64>> {
    let mut rows: BTreeMap<String, u64> = BTreeMap::new();
    let mut table: Option<String> = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut text).take(HEAD as u64).read_until(b'\n', &mut line).await?;
        if read == 0 {
            return Ok(rows);
        }
        let mut whole = line.ends_with(b"\n");
        // A row may be longer than what is looked at; its end is not.
        while !whole {
            let mut rest = Vec::new();
            let more = (&mut text).take(HEAD as u64).read_until(b'\n', &mut rest).await?;
            whole = more == 0 || rest.ends_with(b"\n");
        }
        match &table {
            Some(_) if line == b"\\.\n" => table = None,
            Some(name) => {
                if let Some(rows) = rows.get_mut(name) {
                    *rows += 1;
                }
            }
            None => {
                table = named(&line);
                if let Some(name) = &table {
                    rows.entry(name.clone()).or_default();
                }
            }
        }
    }
}

/// The table of `COPY public.tasks (id, title) FROM stdin;`.
fn named(line: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(line).ok()?.trim_end();
    let rest = text.strip_prefix("COPY ")?.strip_suffix(" FROM stdin;")?;
    let mut quoted = false;
    let end = rest.char_indices().find_map(|(at, c)| {
        quoted ^= c == '"';
        (c == ' ' && !quoted).then_some(at)
    });
    Some(rest[..end.unwrap_or(rest.len())].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn rows_are_lines_between_copy_and_its_end() {
        let text = b"SET x = 1;\n\nCOPY public.a (id, t) FROM stdin;\n1\tx\\ny\n2\tCOPY public.b (c) FROM stdin;\n\\.\n\n\
            COPY \"odd name\".\"t (x)\" (\"a b\") FROM stdin;\n\\.\n\nCOPY public.c FROM stdin;\n\n\n\\.\nSELECT 1;\n";
        let rows = count(&text[..]).await.unwrap();
        let expected = [("\"odd name\".\"t (x)\"", 0), ("public.a", 2), ("public.c", 2)];
        assert_eq!(rows, expected.map(|(name, rows)| (name.to_owned(), rows)).into());
    }
}

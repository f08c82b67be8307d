//! `pgbelay audit export`: the ledger as JSON lines.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use pgbelay_proto::wire::ReadAuditRequest;
use serde::Serialize;

use super::{next, unsound};
use crate::app::App;
use crate::audit::{Line, Walk};
use crate::error::{CliError, ErrorKind};
use crate::exit_code::ExitCode;

const EXAMPLES: &str = "\
Examples:
  pgbelay audit export --output-file ledger.jsonl
  pgbelay audit export --after 1200 --output-file later.jsonl     what came after entry 1200
  pgbelay audit export | gzip > ledger.jsonl.gz

Each line is an entry, oldest first; docs/audit.md says how its hash is made, and has a script that checks a file.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ExportArgs {
    /// Only what comes after this entry
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    after: u64,
    /// Write it there; - for stdout
    #[arg(long, value_name = "FILE", default_value = "-")]
    output_file: PathBuf,
}

/// What an export that was written to a file says.
#[derive(Debug, Serialize)]
struct Exported {
    file: PathBuf,
    entries: u64,
    last: u64,
    hash: String,
}

pub(super) async fn run(args: ExportArgs, app: &mut App) -> Result<ExitCode, CliError> {
    let client = app.connect().await?;
    let request = ReadAuditRequest { after: args.after, ..ReadAuditRequest::default() };
    let mut stream = client.read_audit(request).await?;
    let mut sink = Sink::new(&args.output_file)?;
    let mut walk = Walk::default();
    while let Some(line) = next(&client, &mut stream).await? {
        // What is passed on was looked at: a broken chain ends the export where it breaks.
        walk.take(&line).map_err(|fault| unsound(&fault.to_string()))?;
        match &mut sink {
            Sink::Screen => app.screen.file(&text(&line)?),
            Sink::File { writer, part, .. } => {
                writeln!(writer, "{}", text(&line)?).map_err(|error| unwritten(part, &error))?;
            }
        }
    }
    let Sink::File { mut writer, part, file } = sink else { return Ok(ExitCode::Done) };
    let written = writer.flush().and_then(|()| writer.get_ref().sync_all());
    written.and_then(|()| std::fs::rename(&part, &file)).map_err(|error| unwritten(&part, &error))?;
    let (last, hash) = walk.last.map_or((args.after, String::new()), |(seq, hash)| (seq, hash.to_string()));
    let entries = walk.first.map_or(0, |first| last - first + 1);
    let exported = Exported { file, entries, last, hash };
    app.screen.present(&exported, |exported, _| {
        format!(
            "{} entries are in {}, the last is entry {}\n",
            exported.entries,
            exported.file.display(),
            exported.last
        )
    });
    Ok(ExitCode::Done)
}

/// Where lines go. A file has its name when all of it is there.
enum Sink {
    Screen,
    File { writer: BufWriter<File>, part: PathBuf, file: PathBuf },
}

impl Sink {
    fn new(file: &Path) -> Result<Self, CliError> {
        if file.as_os_str() == "-" {
            return Ok(Self::Screen);
        }
        let mut part = file.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let opened = File::create(&part).map_err(|error| unwritten(&part, &error))?;
        Ok(Self::File { writer: BufWriter::new(opened), part, file: file.to_owned() })
    }
}

fn text(line: &Line) -> Result<String, CliError> {
    serde_json::to_string(line).map_err(|error| CliError::from_chain(ErrorKind::Internal, &error))
}

fn unwritten(path: &Path, error: &std::io::Error) -> CliError {
    CliError::usage(format!("failed to write {}", path.display()))
        .because(error.to_string())
        .hint("check that the directory exists and can be written to")
}

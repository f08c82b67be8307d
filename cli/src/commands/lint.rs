//! `pgbelay lint`: judges migrations without a controller.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use pgbelay_analysis::{Catalog, MAX_SCRIPT_BYTES, Options, Server, Severity};

use crate::app::App;
use crate::args::{LayoutArgs, Output};
use crate::commands::graph;
use crate::commands::plan::note_layout;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::lint::report::{Bar, Report};
use crate::lint::{catalog, judge, rollback, since, sources};
use crate::render;

const EXAMPLES: &str = "\
Examples:
  pgbelay lint                                    every migration below ./migrations
  pgbelay lint db/migrations --pg-version 15
  pgbelay lint --since origin/main                only what this branch adds
  pgbelay lint 014_note.sql --catalog orders.json against a live schema
  pgbelay lint db/migrations --layout goose       where the files alone do not say whose they are
  pgbelay lint --graph                            which migration stands on which
  pgbelay lint --output sarif > pgbelay.sarif
  pgbelay explain drop-column                     what a finding means, and the safer way

Exit codes:
  0  nothing that counts
  1  a finding at or above --fail-on; SQL that cannot be read, or that the server would refuse
  2  usage; also a path that cannot be opened, or a directory without migrations

A migration that its rollback file does not take back, or that has none and leaves something, is a finding of
medium severity.

--verbose shows every statement, with its locks, its work and what is not known.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct LintArgs {
    /// Directories of migrations, files of SQL, or - for standard input; judged one after the other
    #[arg(value_name = "PATH", default_value = "migrations")]
    paths: Vec<PathBuf>,
    /// The major version to judge for [default: that of --catalog, else the newest known]
    #[arg(long, value_name = "MAJOR")]
    pg_version: Option<Server>,
    /// The schema before the first file, from pgbelay catalog; without it, nothing is known
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
    /// From which severity on a finding ends the command with 1
    #[arg(long, value_enum, value_name = "SEVERITY", default_value = "high")]
    fail_on: FailOn,
    /// Only what is new or changed since a revision counts and is shown
    #[arg(long, value_name = "REVISION")]
    since: Option<String>,
    /// Findings in rollback files end the command with 1, too
    #[arg(long)]
    rollbacks: bool,
    /// Show which migrations stand on which, instead of findings
    #[arg(long, conflicts_with_all = ["since", "fail_on", "rollbacks", "catalog"])]
    graph: bool,
    /// For people, or for programs (docs/lint.md)
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value = "table")]
    output: Output,
    #[command(flatten)]
    layout: LayoutArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FailOn {
    Low,
    Medium,
    High,
}

impl From<FailOn> for Severity {
    fn from(from: FailOn) -> Self {
        match from {
            FailOn::Low => Self::Low,
            FailOn::Medium => Self::Medium,
            FailOn::High => Self::High,
        }
    }
}

pub(crate) async fn run(args: LintArgs, app: &mut App) -> Result<ExitCode, CliError> {
    let catalog = match &args.catalog {
        Some(path) => catalog::read(path)?,
        None => Catalog::nothing(),
    };
    let server = args.pg_version.or(catalog.server.map(Server::major)).unwrap_or_default();
    let changes = match &args.since {
        Some(revision) => Some(since::changes(&args.paths, revision).await?),
        None => None,
    };
    let (layout, options) = (args.layout.layout, Options { server, ..Options::default() });
    if args.graph {
        return graph::show((&args.paths, layout), options, args.output, app);
    }
    if args.output == Output::Dot {
        return Err(graph::without_graph());
    }
    let gathered = sources::gather(&args.paths, layout, || app.screen.input(MAX_SCRIPT_BYTES));
    for (directory, layout) in &gathered.layouts {
        note_layout(app, directory, *layout);
    }
    let mut judged = judge::judge(gathered.sources, catalog, options);
    if let Some(changes) = changes {
        judged.rollbacks = changes.keep(judged.rollbacks);
        let all = judged.files.clone();
        judged.files = changes.keep(judged.files);
        let more = rollback::of_new_files(&all, &judged.files, &judged.rollbacks);
        judged.files.extend(more);
    }
    let bar = Bar { server, fail_on: args.fail_on.into(), rollbacks: args.rollbacks };
    let report = Report::new(judged.files, judged.rollbacks, bar);
    show(&report, args.output, bar, app);
    Ok(match (report.has_wrong_names(), report.summary.failed) {
        (true, _) => ExitCode::Usage,
        (false, true) => ExitCode::Failed,
        (false, false) => ExitCode::Done,
    })
}

fn show(report: &Report, output: Output, bar: Bar, app: &mut App) {
    match output {
        Output::Table | Output::Dot => {
            let text = render::lint::report(report, app.globals.verbose, app.screen.layout());
            app.screen.show(&text);
        }
        Output::Json => app.screen.document(report),
        Output::Sarif => app.screen.document(&render::lint::sarif::log(report, bar)),
        Output::Github => app.screen.raw(&render::lint::github::commands(report, bar)),
        Output::Junit => app.screen.raw(&render::lint::junit::suites(report, bar)),
    }
}

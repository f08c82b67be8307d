//! `--graph` of `lint` and `plan`: which migrations stand on which, from their files alone.

use std::path::PathBuf;

use clap::ValueEnum;
use pgbelay_analysis::{MAX_SCRIPT_BYTES, Options, dependencies};
use pgbelay_core::layout::parse_name;

use crate::app::App;
use crate::args::Format;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::lint::sources::{self, Source};
use crate::render;

/// How it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum GraphFormat {
    /// For people; with --output json for programs
    Text,
    /// For Graphviz
    Dot,
}

/// Prints what stands on what.
pub(super) fn show(
    paths: &[PathBuf],
    format: GraphFormat,
    options: Options,
    app: &mut App,
) -> Result<ExitCode, CliError> {
    let sources = sources::gather(paths, || app.screen.input(MAX_SCRIPT_BYTES));
    if let Some((source, fault)) = sources.iter().find_map(|source| Some((source, source.faults.first()?))) {
        return Err(CliError::usage(format!("failed to read {}", source.path.display()))
            .because(fault.message.clone()));
    }
    let named: Vec<(String, &str)> =
        sources.iter().filter_map(|source| Some((version(source), source.text.as_deref()?))).collect();
    let scripts: Vec<(&str, &str)> = named.iter().map(|(version, text)| (version.as_str(), *text)).collect();
    let graph = dependencies(&scripts, options);
    match (format, app.globals.output.format()) {
        (GraphFormat::Dot, _) => app.screen.raw(&render::graph::dot(&graph)),
        (GraphFormat::Text, Format::Json) => app.screen.document(&graph),
        (GraphFormat::Text, Format::Table) => {
            let text = render::graph::text(&graph, app.globals.verbose, app.screen.layout());
            app.screen.show(&text);
        }
    }
    Ok(ExitCode::Done)
}

/// The version that a file's name begins with; else its path.
fn version(source: &Source) -> String {
    let name = source.path.file_name().unwrap_or_default().to_string_lossy();
    parse_name(&name).map_or_else(|_| source.path.display().to_string(), |(version, _)| version.to_string())
}

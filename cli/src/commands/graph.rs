//! `--graph` of `lint` and `plan`: which migrations stand on which, from their files alone.

use std::path::PathBuf;

use pgbelay_analysis::{MAX_SCRIPT_BYTES, Options, dependencies};
use pgbelay_core::origin::Layout;

use crate::app::App;
use crate::args::Output;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::lint::sources::{self, Source};
use crate::render;

/// What is wrong with --output dot and nothing to draw.
pub(super) fn without_graph() -> CliError {
    CliError::usage("--output dot is for --graph".to_owned()).hint("add --graph, or leave --output dot out")
}

/// Prints what stands on what.
pub(super) fn show(
    (paths, layout): (&[PathBuf], Option<Layout>),
    options: Options,
    output: Output,
    app: &mut App,
) -> Result<ExitCode, CliError> {
    let sources = sources::gather(paths, layout, || app.screen.input(MAX_SCRIPT_BYTES)).sources;
    if let Some((source, fault)) = sources.iter().find_map(|source| Some((source, source.faults.first()?))) {
        return Err(CliError::usage(format!("failed to read {}", source.path.display()))
            .because(fault.message.clone()));
    }
    let named: Vec<(String, &str)> =
        sources.iter().filter_map(|source| Some((version(source), source.text.as_deref()?))).collect();
    let scripts: Vec<(&str, &str)> = named.iter().map(|(version, text)| (version.as_str(), *text)).collect();
    let graph = dependencies(&scripts, options);
    match output {
        Output::Dot => app.screen.raw(&render::graph::dot(&graph)),
        Output::Json => app.screen.document(&graph),
        Output::Table => {
            let text = render::graph::text(&graph, app.globals.verbose, app.screen.layout());
            app.screen.show(&text);
        }
        Output::Sarif | Output::Github | Output::Junit => {
            return Err(CliError::usage("--graph is printed as table, json or dot".to_owned())
                .hint("leave --graph out for findings, or choose another --output"));
        }
    }
    Ok(ExitCode::Done)
}

/// The version of a migration; else the path of its file.
fn version(source: &Source) -> String {
    let version = source.version.as_ref().map(ToString::to_string);
    version.unwrap_or_else(|| source.path.display().to_string())
}

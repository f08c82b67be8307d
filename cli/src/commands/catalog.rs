//! `pgbelay catalog`: the schema of a database, as `pgbelay lint --catalog` takes it.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use pgbelay_analysis::Catalog;
use pgbelay_core::name::DatabaseName;
use pgbelay_proto::wire::ReadCatalogRequest;

use crate::app::App;
use crate::error::{CliError, ErrorKind};
use crate::exit_code::ExitCode;

const EXAMPLES: &str = "\
Examples:
  pgbelay catalog orders-1 --output-file orders.json
  pgbelay lint --catalog orders.json               what ./migrations would do to that schema

The schema is JSON. It has names, types, expressions and sizes, and no rows.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CatalogArgs {
    /// The database
    #[arg(value_name = "DATABASE")]
    database: DatabaseName,
    /// Write it there; - for stdout
    #[arg(long, value_name = "FILE", default_value = "-")]
    output_file: PathBuf,
}

pub(crate) async fn run(args: CatalogArgs, app: &mut App) -> Result<ExitCode, CliError> {
    let client = app.connect().await?;
    let waiting = app.screen.spinner("asking the agent for the schema");
    let read = client.read_catalog(ReadCatalogRequest { database: args.database.to_string() }).await;
    drop(waiting);
    let text = String::from_utf8(read?.catalog).map_err(|error| unusable(&args.database, &error))?;
    let catalog = Catalog::read_json(&text).map_err(|error| unusable(&args.database, &error))?;
    if args.output_file.as_os_str() == "-" {
        app.screen.file(&catalog.write_json());
        return Ok(ExitCode::Done);
    }
    fs::write(&args.output_file, catalog.write_json() + "\n").map_err(|error| {
        CliError::usage(format!("failed to write {}", args.output_file.display()))
            .because(error.to_string())
            .hint("check that the directory exists and can be written to")
    })?;
    let tables = catalog.relations.len();
    app.screen.note(&format!(
        "the schema of {} ({tables} relations) is in {}",
        args.database,
        args.output_file.display()
    ));
    Ok(ExitCode::Done)
}

fn unusable(database: &DatabaseName, error: &dyn std::error::Error) -> CliError {
    CliError::new(ErrorKind::Failed, format!("the schema of {database} cannot be used"))
        .because(error.to_string())
        .hint("use the same version of pgbelay for the command line and the agents")
}

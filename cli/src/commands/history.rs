//! `pgbelay history`: what was done, newest first.

use clap::Args;
use pgbelay_core::name::{DatabaseName, EnvironmentName, OperatorName};
use pgbelay_proto::wire::HistoryRequest;

use super::audit::Moment;
use crate::app::App;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::render;

const EXAMPLES: &str = "\
Examples:
  pgbelay history
  pgbelay history orders-1
  pgbelay history --env production --since 7d --result failed,unknown
  pgbelay history --version 012 --limit 1000
  pgbelay history --by ada --since 2026-11-01 --until 2026-12-01 --output json

A time is a moment (2026-11-27T10:00:00Z), a day (2026-11-27, from its beginning in UTC) or so long ago (90m, 24h, 7d).";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, disable_version_flag = true)]
pub(crate) struct HistoryArgs {
    /// Only this database
    #[arg(value_name = "DATABASE", conflicts_with = "database")]
    name: Option<DatabaseName>,
    /// Only this database
    #[arg(long, short, value_name = "DATABASE")]
    database: Option<DatabaseName>,
    /// Only this environment
    #[arg(long, short, value_name = "ENVIRONMENT")]
    env: Option<EnvironmentName>,
    /// Only this migration
    #[arg(long = "version", value_name = "VERSION")]
    migration: Option<String>,
    /// Only from this time on
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Only before this time
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
    /// Only what ended so: done, failed, refused, cancelled, unknown; with commas between, one must hold
    #[arg(long, value_name = "RESULT,…", value_delimiter = ',')]
    result: Vec<String>,
    /// Only what this operator has started
    #[arg(long, value_name = "OPERATOR")]
    by: Option<OperatorName>,
    /// How many entries
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
}

pub(crate) async fn run(args: HistoryArgs, app: &mut App) -> Result<ExitCode, CliError> {
    let (since_ms, until_ms) = (args.since.map(Moment::as_ms), args.until.map(Moment::as_ms));
    if let (Some(since), Some(until)) = (since_ms, until_ms)
        && since >= until
    {
        return Err(CliError::usage("--until is not after --since: there is no time between them"));
    }
    let request = HistoryRequest {
        database: args.name.or(args.database).map(String::from).unwrap_or_default(),
        environment: args.env.map(String::from).unwrap_or_default(),
        limit: args.limit,
        version: args.migration.unwrap_or_default(),
        since_ms,
        until_ms,
        results: args.result,
        by: args.by.map(String::from).unwrap_or_default(),
    };
    let everything = HistoryRequest { limit: args.limit, ..HistoryRequest::default() } == request;
    let response = app.connect().await?.history(request).await?;
    app.screen.present(&response, |response, layout| {
        if response.entries.is_empty() && !everything {
            return "Nothing that was done is as asked for.\n".to_owned();
        }
        render::history::history(response, layout)
    });
    Ok(ExitCode::Done)
}

//! What a person types.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use pgbelay_agent::config;
use pgbelay_proto::tls::Secret;
use pgbelay_proto::token::JoinToken;

use crate::failure::Failure;

const AFTER_HELP: &str = "\
Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 refused by the controller, 7 controller not reachable.

The configuration file is YAML with the sections database, migration, logging and agent. \
Environment variables override it: MCP_DB_HOST, MCP_DB_PORT, MCP_DB_NAME, MCP_DB_USER, MCP_DB_PASSWORD, \
MCP_MIGRATION_BACKUP_DIR, MCP_MIGRATION_TIMEOUT, MCP_MIGRATION_MAX_ROLLBACK_TIME, PGBELAY_DB_SCHEMA, PGBELAY_LOG, \
PGBELAY_LOG_FORMAT, PGBELAY_AGENT_NAME, PGBELAY_CONTROLLER, PGBELAY_STATE_DIR, PGBELAY_ALLOW_MIGRATIONS, \
PGBELAY_PG_BIN.";

/// Does pgbelay's work on one PostgreSQL database: backups, migrations, rollbacks
#[derive(Debug, Parser)]
#[command(name = "pgbelay-agent", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    /// Log what happens in detail, whatever the configuration says
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the database until stopped (SIGTERM or SIGINT; a second signal stops at once)
    Run(Run),
    /// Join a fleet: exchange a join token for this agent's certificate
    Enroll(Enroll),
    /// Write the schema of the database to standard output, for `pgbelay lint --catalog FILE`
    Catalog(Run),
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Enroll {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,

    /// The controller's enrolment address (not its main one)
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    pub(crate) controller: String,

    /// The join token, from `pgbelay token create`; better given in the environment, where other users don't see it
    #[arg(long, env = "PGBELAY_JOIN_TOKEN", hide_env_values = true, value_parser = secret)]
    token: Secret,
}

impl Enroll {
    /// The join token. Parsed here and not by clap, whose error messages quote what was typed.
    pub(crate) fn token(&self) -> Result<JoinToken, Failure> {
        self.token.expose().trim().parse().map_err(Failure::usage)
    }
}

fn address(text: &str) -> Result<String, String> {
    config::address(text).ok_or_else(|| "it must be host:port".to_owned())
}

#[expect(clippy::unnecessary_wraps, reason = "the form that clap asks for")]
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_bad_token_is_not_repeated() {
        let line = ["x", "enroll", "--config", "f", "--controller", "h:1", "--token", "hunter2"];
        let Command::Enroll(options) = Cli::try_parse_from(line).unwrap().command else { panic!() };
        let failure = options.token().unwrap_err();
        assert!(!format!("{options:?} {failure:?}").contains("hunter2"), "{failure:?}");
    }

    #[test]
    fn an_address_has_a_port() {
        let line = ["x", "enroll", "--config", "f", "--controller", "host", "--token", "t"];
        assert!(Cli::try_parse_from(line).unwrap_err().to_string().contains("host:port"));
    }
}

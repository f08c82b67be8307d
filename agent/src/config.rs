//! What an agent is told by its file and its environment.
//!
//! One YAML file with the sections `database`, `migration`, `logging`, `agent`, `backup` and `guard`; environment variables override
//! single keys. An unknown key is a mistake: a guard with a misspelt name would guard nothing. All mistakes are
//! reported at once, by key, and never with the value. The environment is an argument.
//!
//! ```yaml
//! database:
//!   host: localhost             # name, address, or directory of a Unix socket; MCP_DB_HOST
//!   port: 5432                  # MCP_DB_PORT
//!   name: orders                # required; MCP_DB_NAME
//!   user: pgbelay               # required; MCP_DB_USER
//!   password: …                 # MCP_DB_PASSWORD
//!   schema: pgbelay             # where pgbelay keeps its records in the database; PGBELAY_DB_SCHEMA
//! migration:
//!   backup_dir: /backups        # default: backups in the state directory; MCP_MIGRATION_BACKUP_DIR
//!   timeout: 30m                # no statement runs longer, whatever policy says; MCP_MIGRATION_TIMEOUT
//!   max_rollback_time: 24h      # nothing applied longer ago is rolled back; MCP_MIGRATION_MAX_ROLLBACK_TIME
//!   require_confirmation: true  # only true is taken: people are asked by the pgbelay command, always
//! backup:
//!   stores: [s3://bucket/prefix]  # where backups go, too; several in PGBELAY_BACKUP_STORES: with spaces between
//!   stores_needed: 1            # how many of them are enough; default: all; PGBELAY_BACKUP_STORES_NEEDED
//!   keep_local: true            # whether the local copy stays when they have it; PGBELAY_BACKUP_KEEP_LOCAL
//!   encrypt_to: [age1…]         # public keys of age: only their owners can read backups; PGBELAY_BACKUP_ENCRYPT_TO
//!   # For policies that say backup.method: command; docs/backups.md has the contract. Nobody else may write to it.
//!   command: [/usr/local/lib/pgbelay/backrest, main]  # program and arguments
//!   command_timeout: 1h         # how long it may take
//! logging:
//!   level: info                 # error, warn, info, debug or trace; PGBELAY_LOG
//!   format: text                # text or json; PGBELAY_LOG_FORMAT
//! agent:
//!   name: orders-eu             # required: what the fleet calls this database; PGBELAY_AGENT_NAME
//!   controller: host:7443       # required: the controller's main listener; PGBELAY_CONTROLLER
//!   state_dir: /var/lib/pgbelay # required: identity and journal; PGBELAY_STATE_DIR
//!   allow_migrations: true      # false: only look and back up, run nothing; PGBELAY_ALLOW_MIGRATIONS
//!   pg_bin: /usr/lib/postgresql/15/bin  # where pg_dump is, when it is not found; PGBELAY_PG_BIN
//! guard:                        # what is not run, whatever the controller says
//!   read_only: false            # true: only look and back up, as allow_migrations: false; PGBELAY_GUARD_READ_ONLY
//!   max_risk: high              # no statement of more risk: low, medium or high; PGBELAY_GUARD_MAX_RISK
//!   hours: Mon-Fri 22:00-06:00, Sat-Sun  # when runs may start; default: always
//!   time_zone: Europe/Berlin    # whose clock that is; default: UTC
//!   deny: [truncate, drop-role] # kinds of statements that are not run
//!   allow: [set-role]           # what is run although it reaches outside the database
//!   extensions: [pgcrypto]      # what may be created and updated; default: trusted ones; "*": any; []: none
//!   functions: [app.purge]      # further functions that may not be called
//!   cancel_blockers_of: [batch] # roles whose sessions may be ended when they block a run and policy asks for it
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use age::x25519::Recipient;
use pgbelay_core::name::DatabaseName;
use pgbelay_core::time::Span;

use crate::database::{DEFAULT_SCHEMA, Secret, Target};
pub use backup::BackupProgram;
use fields::Fields;
pub use guard::{Extensions, GuardRules};
pub use hours::Hours;
pub use stores::{StoreAt, Stores};

mod backup;
mod fields;
mod guard;
mod hours;
mod stores;
#[cfg(test)]
mod tests;

/// Which environment variable overrides which key.
const OVERRIDES: [(&str, &str); 22] = [
    ("MCP_DB_HOST", "database.host"),
    ("MCP_DB_PORT", "database.port"),
    ("MCP_DB_NAME", "database.name"),
    ("MCP_DB_USER", "database.user"),
    ("MCP_DB_PASSWORD", "database.password"),
    ("PGBELAY_DB_SCHEMA", "database.schema"),
    ("MCP_MIGRATION_BACKUP_DIR", "migration.backup_dir"),
    ("MCP_MIGRATION_TIMEOUT", "migration.timeout"),
    ("MCP_MIGRATION_MAX_ROLLBACK_TIME", "migration.max_rollback_time"),
    ("PGBELAY_BACKUP_STORES", "backup.stores"),
    ("PGBELAY_BACKUP_STORES_NEEDED", "backup.stores_needed"),
    ("PGBELAY_BACKUP_KEEP_LOCAL", "backup.keep_local"),
    ("PGBELAY_BACKUP_ENCRYPT_TO", "backup.encrypt_to"),
    ("PGBELAY_LOG", "logging.level"),
    ("PGBELAY_LOG_FORMAT", "logging.format"),
    ("PGBELAY_AGENT_NAME", "agent.name"),
    ("PGBELAY_CONTROLLER", "agent.controller"),
    ("PGBELAY_STATE_DIR", "agent.state_dir"),
    ("PGBELAY_ALLOW_MIGRATIONS", "agent.allow_migrations"),
    ("PGBELAY_PG_BIN", "agent.pg_bin"),
    ("PGBELAY_GUARD_READ_ONLY", "guard.read_only"),
    ("PGBELAY_GUARD_MAX_RISK", "guard.max_risk"),
];

/// PostgreSQL's own limit for an identifier.
const MAX_IDENTIFIER_BYTES: usize = 63;

/// An agent's configuration, valid as a whole.
#[derive(Debug, Clone)]
pub struct Config {
    /// The database that it works on.
    pub database: Target,
    /// How it migrates.
    pub migration: Migration,
    /// Where its backups go beside the local directory.
    pub stores: Stores,
    /// How it logs.
    pub logging: Logging,
    /// Who it is.
    pub agent: Agent,
    /// What it does not run.
    pub guard: GuardRules,
    /// What makes backups where policy says `method: command`; `None`: nothing.
    pub backup: Option<BackupProgram>,
    /// Who alone can read backups; nobody: they are not encrypted.
    pub encrypt_to: Vec<Recipient>,
}

/// How an agent migrates: limits of its own, which the controller cannot loosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// Where backups go.
    pub backup_dir: PathBuf,
    /// No statement of a migration runs longer; `None`: as long as policy allows.
    pub timeout: Option<Span>,
    /// A migration that was applied longer ago is not rolled back; `None`: policy alone decides.
    pub max_rollback_time: Option<Span>,
}

/// How an agent logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logging {
    /// The least important that is logged.
    pub level: tracing::Level,
    /// For people or for programs.
    pub format: LogFormat,
}

/// The shape of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object for each line.
    Json,
}

/// Who an agent is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// The name of its database in the fleet: what its certificate carries.
    pub name: DatabaseName,
    /// `host:port` of the controller's main listener.
    pub controller: String,
    /// Where it keeps its identity and its journal.
    pub state_dir: PathBuf,
    /// Whether it may change the database at all.
    pub allow_migrations: bool,
    /// Where PostgreSQL's programs are; `None`: where they are usually found.
    pub pg_bin: Option<PathBuf>,
}

/// One mistake. Never says what the value was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// The key, for example `database.port`, and the variable that it was taken from, if it was one.
    pub key: String,
    /// What is wrong with it.
    pub fault: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, self.fault)
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("failed to read the configuration file {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// It can, and is wrong: every mistake in it and in the environment.
    #[error("the configuration has {} mistake(s):{}", .0.len(), listed(.0))]
    Mistakes(Vec<Mistake>),
}

fn listed(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(|mistake| format!("\n  {mistake}")).collect()
}

impl Config {
    /// Reads the file, and the environment over it.
    ///
    /// # Errors
    /// The file can't be read, or something in it or in the environment is wrong.
    pub fn load(path: &Path, environment: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, environment).map_err(ConfigError::Mistakes)
    }

    /// Reads the text of a file, and the environment over it.
    ///
    /// # Errors
    /// Every mistake, in the order of the keys.
    pub fn parse(text: &str, environment: &BTreeMap<String, String>) -> Result<Self, Vec<Mistake>> {
        let mut fields = Fields::read(text)?;
        for (variable, key) in OVERRIDES {
            fields.override_with(key, variable, environment.get(variable));
        }
        let (database, agent) = (database(&mut fields), agent(&mut fields));
        let state_dir = agent.as_ref().map(|agent| agent.state_dir.clone());
        let migration = migration(&mut fields, state_dir);
        let stores = stores::stores(&mut fields);
        let logging = logging(&mut fields);
        let guard = guard::guard(&mut fields);
        let backup = backup::backup(&mut fields);
        let encrypt_to = backup::encrypt_to(&mut fields);
        let mistakes = fields.finish();
        match (database, agent) {
            (Some(database), Some(agent)) if mistakes.is_empty() => {
                Ok(Self { database, migration, stores, logging, agent, guard, backup, encrypt_to })
            }
            (_, _) => Err(mistakes),
        }
    }
}

fn database(fields: &mut Fields) -> Option<Target> {
    let text = |text: &str| (!text.contains('\0')).then(|| text.to_owned());
    let host = fields.optional("database.host", "must be a host name, an address or a directory", text);
    let port = fields.optional("database.port", "must be a port, 1 to 65535", port);
    let name = fields.required("database.name", "must be the name of a database", text);
    let user = fields.required("database.user", "must be the name of a role", text);
    let password = fields.optional("database.password", "must be a text", text);
    let schema = fields.optional(
        "database.schema",
        "must be an identifier of at most 63 bytes that does not start with pg_",
        schema,
    );
    Some(Target {
        host: host.unwrap_or_else(|| "localhost".to_owned()),
        port: port.unwrap_or(5432),
        name: name?,
        user: user?,
        password: password.map(Secret::new),
        schema: schema.unwrap_or_else(|| DEFAULT_SCHEMA.to_owned()),
    })
}

fn migration(fields: &mut Fields, state_dir: Option<PathBuf>) -> Migration {
    let duration =
        "must be a duration of more than zero: a whole number and a unit, for example 30s, 15m or 24h";
    let backup_dir = fields.optional("migration.backup_dir", "must be a directory", path);
    let timeout = fields.optional("migration.timeout", duration, positive);
    let max_rollback_time = fields.optional("migration.max_rollback_time", duration, positive);
    fields.optional(
        "migration.require_confirmation",
        "can only be true: people are always asked, by the pgbelay command (whose --force is recorded)",
        |text| (text == "true").then_some(()),
    );
    let backup_dir = backup_dir.unwrap_or_else(|| state_dir.unwrap_or_default().join("backups"));
    Migration { backup_dir, timeout, max_rollback_time }
}

fn logging(fields: &mut Fields) -> Logging {
    let levels = "must be error, warn, info, debug or trace";
    let level = fields.optional("logging.level", levels, |text| match text {
        "error" => Some(tracing::Level::ERROR),
        "warn" => Some(tracing::Level::WARN),
        "info" => Some(tracing::Level::INFO),
        "debug" => Some(tracing::Level::DEBUG),
        "trace" => Some(tracing::Level::TRACE),
        _ => None,
    });
    let format = fields.optional("logging.format", "must be text or json", |text| match text {
        "text" => Some(LogFormat::Text),
        "json" => Some(LogFormat::Json),
        _ => None,
    });
    Logging { level: level.unwrap_or(tracing::Level::INFO), format: format.unwrap_or(LogFormat::Text) }
}

fn agent(fields: &mut Fields) -> Option<Agent> {
    let name_rule =
        "must be 1 to 63 characters of a-z, A-Z, 0-9, '-', '_' or '.', and start with a letter or digit";
    let name = fields.required("agent.name", name_rule, |text| text.parse().ok());
    let controller = fields.required("agent.controller", "must be host:port", address);
    let state_dir = fields.required("agent.state_dir", "must be a directory", path);
    let allow = fields.optional("agent.allow_migrations", "must be true or false", |text| text.parse().ok());
    let pg_bin = fields.optional("agent.pg_bin", "must be a directory", path);
    Some(Agent {
        name: name?,
        controller: controller?,
        state_dir: state_dir?,
        allow_migrations: allow.unwrap_or(true),
        pg_bin,
    })
}

fn port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port > 0)
}

fn path(text: &str) -> Option<PathBuf> {
    (!text.contains('\0')).then(|| PathBuf::from(text))
}

fn positive(text: &str) -> Option<Span> {
    Span::from_str(text).ok().filter(|span| span.0 > 0)
}

fn schema(text: &str) -> Option<String> {
    let fits = text.len() <= MAX_IDENTIFIER_BYTES && !text.starts_with("pg_") && !text.contains('\0');
    fits.then(|| text.to_owned())
}

/// Reads `host:port`; `[::1]:7443` as well.
#[must_use]
pub fn address(text: &str) -> Option<String> {
    let (host, number) = text.rsplit_once(':')?;
    let bare = !host.is_empty() && !host.contains([':', '/', '@', ' ', '[', ']']);
    let bracketed = host.starts_with('[') && host.ends_with(']') && host.len() > 2;
    ((bare || bracketed) && port(number).is_some()).then(|| text.to_owned())
}

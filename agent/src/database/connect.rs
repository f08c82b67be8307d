//! Connecting, and what a server must be before anything is run on it: direct, writable, new enough.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::{Client, Config, NoTls};

use super::fault::{Fault, chain};
use super::session::{CHECK_CLIENT, OWN_PATH, Session};
use super::target::Target;

/// How long a connection may take: a server that takes longer is not fit to be migrated.
const CONNECT: Duration = Duration::from_secs(10);

/// When a silent peer is asked whether it is there, how often, and when it is given up: a minute in all.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(30), Duration::from_secs(10), 3);

/// The oldest server that is taken: 11 and older get no corrections any more, and lack `MATERIALIZED`.
const OLDEST: u32 = 120_000;

/// What PostgreSQL keeps of an application's name, in bytes.
const APPLICATION_BYTES: usize = 63;

/// Why there is no session on a database.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nothing answers there.
    #[error(
        "PostgreSQL at {host} port {port} cannot be reached ({why}): check that it runs there and that no firewall is between"
    )]
    Unreachable {
        /// Where.
        host: String,
        /// The port.
        port: u16,
        /// What the network said.
        why: String,
    },
    /// It took too long.
    #[error(
        "PostgreSQL at {host} port {port} did not let a session in within 10 s: check the network and the server's load"
    )]
    TooSlow {
        /// Where.
        host: String,
        /// The port.
        port: u16,
    },
    /// The password is wrong or missing.
    #[error(
        "PostgreSQL does not accept the password for user {user}: check database.user and database.password (MCP_DB_PASSWORD)"
    )]
    Password {
        /// The user.
        user: String,
    },
    /// pg_hba.conf has no place for this user.
    #[error(
        "PostgreSQL does not let user {user} in to database {database} ({why}): check pg_hba.conf and the user's name"
    )]
    NotAdmitted {
        /// The user.
        user: String,
        /// The database.
        database: String,
        /// The server's words.
        why: String,
    },
    /// There is no such database.
    #[error("there is no database {database} on this server: check database.name")]
    NoDatabase {
        /// The database.
        database: String,
    },
    /// The server is starting or stopping.
    #[error("PostgreSQL is starting or shutting down ({why}): try again in a moment")]
    NotReady {
        /// The server's words.
        why: String,
    },
    /// Something pools connections in between.
    #[error(
        "a pooling proxy is between the agent and PostgreSQL ({evidence}), and migrations need one session of their own: \
         set database.host and database.port (MCP_DB_HOST, MCP_DB_PORT) to where PostgreSQL itself listens, often port \
         5432 of the machine behind the proxy (SHOW port asks it)"
    )]
    Proxy {
        /// How it showed.
        evidence: &'static str,
    },
    /// It is a standby.
    #[error(
        "this server is a standby, which takes no changes: set database.host and database.port (MCP_DB_HOST, MCP_DB_PORT) \
         to those of the primary, and run the agent beside it"
    )]
    Standby,
    /// It is too old.
    #[error(
        "this server is PostgreSQL {version}; pgbelay needs 12 or newer, whatever policy says: upgrade the server first"
    )]
    TooOld {
        /// Its version.
        version: String,
    },
    /// The server said no for another reason.
    #[error("PostgreSQL did not let a session in: {why}")]
    Refused {
        /// The server's words.
        why: String,
    },
    /// The session ended before it could be used.
    #[error("the session ended before it could be used: {why}")]
    Lost {
        /// What happened.
        why: String,
    },
    /// What is recorded may be lost with the server, or with the standby that takes over.
    #[error(
        "neither the disk nor the standbys that COMMIT waits for have confirmed within {after:?} what is recorded: check synchronous_standby_names and pg_stat_replication"
    )]
    Unconfirmed {
        /// How long it was waited.
        after: Duration,
    },
    /// Another session holds pgbelay's lock on the database.
    #[error("another migrator is at work on the database: {holder}")]
    Busy {
        /// The session, in words.
        holder: String,
    },
}

/// Opens a session that can be migrated with.
pub(crate) async fn connect(target: &Target, application: &str) -> Result<Session, ConnectError> {
    let opened = timeout(CONNECT, Box::pin(open(target, application))).await;
    opened.unwrap_or_else(|_| Err(ConnectError::TooSlow { host: target.host.clone(), port: target.port }))
}

async fn open(target: &Target, application: &str) -> Result<Session, ConnectError> {
    let connected = config(target, application).connect(NoTls).await;
    let (client, connection) = connected.map_err(|error| refusal(target, &error))?;
    let announced = announced_pid(&client);
    let mut session = Session::new(client, connection);
    let announced = announced.await;
    examine(&mut session, announced).await?;
    Ok(session)
}

fn config(target: &Target, application: &str) -> Config {
    let (idle, interval, tries) = KEEPALIVE;
    let mut config = Config::new();
    config.host(&target.host).port(target.port).dbname(&target.name).user(&target.user);
    config.ssl_mode(SslMode::Disable).connect_timeout(CONNECT).tcp_user_timeout(idle + interval * tries);
    config.keepalives(true).keepalives_idle(idle).keepalives_interval(interval).keepalives_retries(tries);
    config.application_name(application.chars().take(APPLICATION_BYTES).collect::<String>());
    if let Some(password) = &target.password {
        config.password(password.expose());
    }
    config
}

/// The process that the server announced when the session began. The driver keeps it to itself, but writes it into
/// the request to cancel: that is made here, and goes nowhere.
fn announced_pid(client: &Client) -> impl Future<Output = Option<i32>> + use<> {
    let token = client.cancel_token();
    async move {
        let (mut ours, theirs) = tokio::io::duplex(64);
        token.cancel_query_raw(theirs, NoTls).await.ok()?;
        let mut request = [0; 16];
        ours.read_exact(&mut request).await.ok()?;
        request.get(8..12)?.try_into().ok().map(i32::from_be_bytes)
    }
}

/// Looks whether the session is one that can be used.
///
/// Proxies that pool make up the process that they announce, hand statements of one session to several servers'
/// sessions, or lose its settings. Any of these gives them away. Until [`OWN_PATH`] is set, no operator may be used.
async fn examine(session: &mut Session, announced: Option<i32>) -> Result<(), ConnectError> {
    let token = format!("{:016x}", rand::random::<u64>());
    let first = format!(
        "SELECT pg_catalog.pg_backend_pid(), pg_catalog.current_setting('server_version_num'), \
         pg_catalog.current_setting('server_version'), pg_catalog.pg_is_in_recovery(), \
         pg_catalog.set_config('pgbelay.session', '{token}', false)"
    );
    let facts = one_row(session, &first).await?;
    let fact = |at: usize| facts.get(at).cloned().flatten().unwrap_or_default();
    session.pid = fact(0).parse().unwrap_or_default();
    session.version = fact(1).parse().unwrap_or_default();
    let second = "SELECT pg_catalog.pg_backend_pid(), pg_catalog.current_setting('pgbelay.session', true)";
    let again = one_row(session, second).await?;
    let proxy = |evidence| Err(ConnectError::Proxy { evidence });
    if announced.is_some_and(|pid| pid != session.pid) {
        return proxy("the server process is not the one that was announced");
    }
    if again != [facts.first().cloned().flatten(), Some(token)] {
        return proxy("two statements of one session were run in different sessions");
    }
    if fact(3) == "t" {
        return Err(ConnectError::Standby);
    }
    if session.version < OLDEST {
        return Err(ConnectError::TooOld { version: fact(2) });
    }
    // Not before it is known that the session is not shared with others, who rely on theirs.
    session.tell(OWN_PATH).await?;
    // Where the server cannot, a statement of a dead agent runs to its end before it is rolled back.
    session.checks_client = session.tell(CHECK_CLIENT).await.is_ok();
    Ok(())
}

async fn one_row(session: &Session, sql: &str) -> Result<Vec<Option<String>>, ConnectError> {
    let rows = session.ask(sql).await?;
    let columns = |row: &tokio_postgres::SimpleQueryRow| {
        (0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect()
    };
    Ok(rows.first().map(columns).unwrap_or_default())
}

impl From<Fault> for ConnectError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Sql(_) => Self::Refused { why: fault.words() },
            Fault::Lost(loss) => Self::Lost { why: loss.why },
        }
    }
}

fn refusal(target: &Target, error: &tokio_postgres::Error) -> ConnectError {
    if let Some(db) = error.as_db_error() {
        return refused(target, db);
    }
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.is::<io::Error>() {
            return ConnectError::Unreachable {
                host: target.host.clone(),
                port: target.port,
                why: cause.to_string(),
            };
        }
        source = cause.source();
    }
    match &target.password {
        // The server asked for one; the driver had none to give.
        None => ConnectError::Password { user: target.user.clone() },
        Some(_) => ConnectError::Lost { why: chain(error) },
    }
}

fn refused(target: &Target, error: &DbError) -> ConnectError {
    let (user, database) = (target.user.clone(), target.name.clone());
    let why = error.message().to_owned();
    match error.code() {
        code if *code == SqlState::INVALID_PASSWORD => ConnectError::Password { user },
        code if *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            ConnectError::NotAdmitted { user, database, why }
        }
        code if *code == SqlState::INVALID_CATALOG_NAME => ConnectError::NoDatabase { database },
        code if *code == SqlState::CANNOT_CONNECT_NOW => ConnectError::NotReady { why },
        _ => ConnectError::Refused { why },
    }
}

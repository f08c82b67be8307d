//! The log, on stderr.

use pgbelay_agent::config::{LogFormat, Logging};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

/// Parts whose details are of no use to whoever runs an agent, or are no business of a log: the driver would write down
/// each statement that it sends, and a migration may have a password in it.
const QUIET: [&str; 7] = [
    "h2=warn",
    "hyper=warn",
    "hyper_util=warn",
    "rustls=warn",
    "tokio_postgres=warn",
    "tonic=warn",
    "tower=warn",
];

/// Begins to log. `verbose` is at least debug.
pub(crate) fn start(logging: Logging, verbose: bool) {
    let level = if verbose { logging.level.max(tracing::Level::DEBUG) } else { logging.level };
    let everything = EnvFilter::default().add_directive(LevelFilter::from_level(level).into());
    let filter = QUIET.iter().filter_map(|part| part.parse().ok()).fold(everything, EnvFilter::add_directive);
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Only a second call fails, and there is none.
    let _ = match logging.format {
        LogFormat::Text => log.with_target(false).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
}

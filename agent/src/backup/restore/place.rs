//! In place: the restored database takes the name of the managed one, which is kept under another name.
//!
//! Both renames are one transaction, so there is never a moment without a database of that name, or with half of it. A
//! database that others are connected to cannot be renamed: their sessions are ended where somebody said so by name, and
//! otherwise nothing is done.

use std::collections::BTreeMap;

use super::super::manifest::Manifest;
use super::server::{BEFORE, Server, Temporary};
use super::{Stop, Work};
use crate::database::{Fault, identifier, literal};

/// New sessions may come while others are ended: so often it is tried.
const TRIES: u32 = 5;

/// What the names of the agent's own sessions begin with.
const OWN: &str = "pgbelay-agent";

/// Those that are somebody's. What others are is hidden from a user without the rights of pg_read_all_stats.
const CLIENTS: &str = "coalesce(backend_type, 'client backend') = 'client backend'";

/// PostgreSQL's own limit for an identifier.
const MAX_IDENTIFIER: usize = 63;

/// Whether the database may be replaced, as far as it can be told before.
pub(super) async fn may_be_swapped(
    server: &Server<'_>,
    manifest: &Manifest,
    cut_off: &[String],
) -> Result<(), Stop> {
    let rows = server.session.ask("SELECT system_identifier FROM pg_catalog.pg_control_system()").await?;
    let here = rows.first().and_then(|row| row.get(0)).unwrap_or_default();
    let there = manifest.system_identifier.split('/').next().unwrap_or_default();
    if here != there {
        return Err(Stop::failed(
            format!("the backup was made on another server (system identifier {there}, this one is {here})"),
            "restore it into a new database (leave --in-place out), look at it, and rename it by hand",
        ));
    }
    others_may_be_cut_off(server, cut_off).await
}

/// Nobody's session is ended who was not named.
async fn others_may_be_cut_off(server: &Server<'_>, cut_off: &[String]) -> Result<(), Stop> {
    let sql = format!(
        "SELECT coalesce(usename, ''), coalesce(application_name, ''), pid FROM pg_catalog.pg_stat_activity \
         WHERE datname = {} AND {CLIENTS}",
        literal(&server.target.name)
    );
    let mut others: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in server.session.ask(&sql).await? {
        let column = |at| row.get(at).unwrap_or_default().to_owned();
        let (user, application) = (column(0), column(1));
        let is_ours = user == server.target.user && application.starts_with(OWN);
        if !is_ours && !cut_off.contains(&user) {
            others.entry(user).or_default().push(format!("pid {}", column(2)));
        }
    }
    if others.is_empty() {
        return Ok(());
    }
    let who: Vec<_> = others.iter().map(|(user, pids)| format!("{user} ({})", pids.join(", "))).collect();
    let flags: Vec<_> = others.keys().map(|user| format!("--cut-off {user}")).collect();
    Err(Stop::failed(
        format!("sessions would be cut off: {}", who.join("; ")),
        format!("nothing was changed; end them, or say that they may be ended: {}", flags.join(" ")),
    ))
}

/// Swaps the databases; what the old one is called now.
pub(super) async fn swap(work: &Work<'_>, temporary: &Temporary, cut_off: &[String]) -> Result<String, Stop> {
    let (server, name) = (work.server, &work.target.name);
    let at = jiff::Timestamp::now().strftime("%Y%m%dt%H%M%Sz").to_string();
    let suffix = format!("_before_restore_{at}");
    let room = MAX_IDENTIFIER.saturating_sub(suffix.len());
    let kept = format!("{}{suffix}", &name[..name.floor_char_boundary(room.min(name.len()))]);
    server.comment(&temporary.name, &format!("{}{BEFORE}{kept}", work.mark())).await?;
    work.control.say(0, 0, "restore: putting the database in its place".to_owned());
    let renames = format!(
        "BEGIN; ALTER DATABASE {} RENAME TO {}; ALTER DATABASE {} RENAME TO {}; COMMIT",
        identifier(name),
        identifier(&kept),
        identifier(&temporary.name),
        identifier(name)
    );
    let mut tries = 1;
    loop {
        others_may_be_cut_off(server, cut_off).await?;
        cut(server, cut_off).await?;
        match server.session.tell(&renames).await {
            Ok(()) => return Ok(kept),
            Err(fault @ Fault::Lost(_)) => return Err(fault.into()),
            Err(fault) => {
                server.session.tell("ROLLBACK").await?;
                // 55006: somebody has connected meanwhile.
                if tries >= TRIES || fault.code().is_none_or(|code| code.code() != "55006") {
                    return Err(fault.into());
                }
                tries += 1;
            }
        }
    }
}

/// Ends the sessions of the roles that were named, and the agent's own. Whoever is somebody else is left alone, also one
/// who has come since it was looked.
async fn cut(server: &Server<'_>, cut_off: &[String]) -> Result<(), Fault> {
    let named: Vec<_> = cut_off.iter().map(|role| literal(role)).collect();
    let named = if named.is_empty() { "NULL".to_owned() } else { named.join(", ") };
    let sql = format!(
        "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE datname = {} AND {CLIENTS} \
         AND (usename IN ({named}) OR usename = {} AND pg_catalog.starts_with(application_name, '{OWN}'))",
        literal(&server.target.name),
        literal(&server.target.user)
    );
    server.session.tell(&sql).await
}

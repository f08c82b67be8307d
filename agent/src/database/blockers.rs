//! Who holds the lock that a statement waits for, seen from a second session while it waits.
//!
//! The text of the other session's query is left out: it can hold rows.

use std::time::Duration;

use tokio::time::timeout;

use super::connect::connect;
use super::session::Session;
use super::target::Target;

/// How long one look may take: while it lasts, nobody looks whether the statement has ended.
const LOOK: Duration = Duration::from_secs(2);

/// Most sessions that are named: who ends these finds the next ones.
const MOST: usize = 10;

/// What the second session is called in `pg_stat_activity`.
const APPLICATION: &str = "pgbelay-agent watch";

/// Looks for blockers. Connects when it is first needed, and gives up for good when that fails: it is only told to
/// people, and nothing depends on it.
pub(crate) struct Watcher<'a> {
    target: &'a Target,
    session: Option<Session>,
    useless: bool,
    /// Who was seen last.
    pub(crate) seen: Vec<String>,
}

impl<'a> Watcher<'a> {
    pub(crate) fn new(target: &'a Target) -> Self {
        Self { target, session: None, useless: false, seen: Vec::new() }
    }

    /// Looks who blocks a server process; the sessions in words, if there are any.
    pub(crate) async fn look(&mut self, pid: i32) -> Option<&[String]> {
        if self.useless {
            return None;
        }
        let Ok(Some(found)) = timeout(LOOK, self.blockers(pid)).await else {
            (self.session, self.useless) = (None, true);
            tracing::debug!("no second session to look for blockers with");
            return None;
        };
        if found.is_empty() {
            return None;
        }
        self.seen = found;
        Some(&self.seen)
    }

    async fn blockers(&mut self, pid: i32) -> Option<Vec<String>> {
        if self.session.is_none() {
            self.session = Some(Box::pin(connect(self.target, APPLICATION)).await.ok()?);
        }
        let sql = format!(
            "SELECT b.pid, coalesce(nullif(a.application_name, ''), a.backend_type), a.usename, a.state, \
               pg_catalog.floor(extract(epoch FROM pg_catalog.clock_timestamp() - a.state_change))::bigint \
             FROM (SELECT DISTINCT pg_catalog.unnest(pg_catalog.pg_blocking_pids({pid})) AS pid) b \
             LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid ORDER BY b.pid LIMIT {MOST}"
        );
        let rows = self.session.as_ref()?.ask(&sql).await.ok()?;
        Some(rows.iter().map(|row| words([0, 1, 2, 3, 4].map(|at| row.get(at)))).collect())
    }
}

fn words([pid, application, user, state, age]: [Option<&str>; 5]) -> String {
    let pid = pid.unwrap_or("?");
    if pid == "0" {
        return "a prepared transaction (see pg_prepared_xacts)".to_owned();
    }
    let application = application.unwrap_or("unknown application");
    let user = user.map(|user| format!(", user {user}")).unwrap_or_default();
    let doing = match (state, age) {
        (Some(state), Some(age)) => format!(", {state} for {age} s"),
        (Some(state), None) => format!(", {state}"),
        (None, _) => String::new(),
    };
    format!("pid {pid} ({application}{user}{doing})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocker_is_told_with_what_is_known_of_it() {
        let known = [Some("4711"), Some("psql"), Some("bob"), Some("idle in transaction"), Some("12")];
        assert_eq!(words(known), "pid 4711 (psql, user bob, idle in transaction for 12 s)");
        assert_eq!(words([Some("7"), None, None, None, None]), "pid 7 (unknown application)");
        assert!(words([Some("0"), None, None, None, None]).contains("prepared"));
    }
}

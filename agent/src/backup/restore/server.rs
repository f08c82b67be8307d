//! The server seen from beside the managed database: databases are made, named and dropped from here.

use std::time::Duration;

use pgbelay_analysis::bytes_in_words as amount;
use pgbelay_core::digest::Digest;
use pgbelay_core::job::{JobId, RESTORED};
use pgbelay_core::name::DatabaseName;
use tokio::time::timeout;

use super::super::contents::Needs;
use super::super::manifest::Manifest;
use super::{NAME, Stop};
use crate::database::{Fault, Loss, Session, Target, connect, identifier, literal};

/// Databases to work from: there is one of these on every server, and nobody's data is in them.
const BESIDE: [&str; 2] = ["postgres", "template1"];

/// For making and dropping a database.
const LONG: Duration = Duration::from_secs(600);

/// Above what the rows take: indexes, and the log of changes.
const MARGIN: u64 = 2;

/// Lists among the settings: their values are lists of identifiers, quoted where that is needed.
const LISTS: [&str; 6] = [
    "search_path",
    "temp_tablespaces",
    "local_preload_libraries",
    "session_preload_libraries",
    "shared_preload_libraries",
    "unix_socket_directories",
];

/// A session beside the managed database.
pub(in crate::backup) struct Server<'a> {
    pub(in crate::backup) session: Session,
    pub(super) target: &'a Target,
}

/// A database with a temporary name.
pub(super) struct Temporary {
    pub(super) name: String,
}

/// What a restored database says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// What it is called.
    pub database: String,
    /// What the database is called that was there before.
    pub kept: Option<String>,
}

/// How a restored database, or a schema of one, says where it comes from.
pub(super) fn mark(backup: &str, job: &JobId) -> String {
    format!("pgbelay: backup {backup}, job {job}")
}

/// What follows in the mark of a database that took the place of another: what that one is called now.
pub(super) const BEFORE: &str = ", before: ";

/// The elements of a list of identifiers, each as a literal: what stands in a setting is its owner's word, and no SQL.
fn list(value: &str) -> String {
    let (mut elements, mut element, mut quoted) = (Vec::new(), String::new(), false);
    let mut rest = value.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if quoted && rest.next_if_eq(&'"').is_some() => element.push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => elements.push(std::mem::take(&mut element)),
            c if !quoted && c.is_whitespace() => {}
            c => element.push(c),
        }
    }
    elements.push(element);
    elements.iter().map(|element| literal(element)).collect::<Vec<_>>().join(", ")
}

impl<'a> Server<'a> {
    /// Connects beside the database.
    pub(in crate::backup) async fn open(target: &'a Target) -> Result<Self, Stop> {
        let mut last = String::new();
        for name in BESIDE.iter().filter(|name| **name != target.name) {
            let beside = Target { name: (*name).to_owned(), ..target.clone() };
            match connect(&beside, NAME).await {
                Ok(session) => return Ok(Self { session, target }),
                Err(error) => last = error.to_string(),
            }
        }
        Err(Stop::failed(
            format!("the server cannot be reached beside the database: {last}"),
            "let the agent's user connect to the database postgres as well",
        ))
    }

    pub(super) async fn exists(&self, name: &str) -> Result<bool, Fault> {
        let sql = format!("SELECT 1 FROM pg_catalog.pg_database WHERE datname = {}", literal(name));
        Ok(!self.session.ask(&sql).await?.is_empty())
    }

    /// The bytes of a database.
    pub(in crate::backup) async fn size(&self, name: &str) -> Result<u64, Fault> {
        let sql = format!("SELECT pg_catalog.pg_database_size({}::name)", literal(name));
        let rows = self.session.ask(&sql).await?;
        Ok(rows.first().and_then(|row| row.get(0)?.parse().ok()).unwrap_or_default())
    }

    /// Whether the volume has room, where it can be seen from here.
    pub(in crate::backup) async fn room_for(&self, bytes: u64) -> Result<(), Stop> {
        let sql = "SELECT pg_catalog.current_setting('data_directory', true)";
        let rows = self.session.ask(sql).await.unwrap_or_default();
        let Some(data) = rows.first().and_then(|row| row.get(0)).filter(|data| !data.is_empty()) else {
            return Ok(());
        };
        // The server may be on another machine, or its directory closed to the agent.
        let Ok(volume) = rustix::fs::statvfs(data) else { return Ok(()) };
        let free = volume.f_bavail.saturating_mul(volume.f_frsize);
        let wanted = bytes.saturating_mul(MARGIN);
        if free >= wanted {
            return Ok(());
        }
        Err(Stop::failed(
            format!(
                "there is no room for it on the server: about {} are needed, and {} are free in {data}",
                amount(wanted),
                amount(free)
            ),
            "nothing was changed; make room, then start it again",
        ))
    }

    /// Makes an empty database that is like the one that was backed up.
    pub(super) async fn make(
        &self,
        name: &DatabaseName,
        job: &JobId,
        manifest: &Manifest,
    ) -> Result<Temporary, Stop> {
        // Of earlier jobs: there is one at a time.
        self.drop_leftovers(name).await?;
        let temporary = format!("{}{job}", self.prefix(name));
        self.create(&temporary, &manifest.needs).await?;
        self.comment(&temporary, &mark(&manifest.id, job)).await?;
        Ok(Temporary { name: temporary })
    }

    /// Makes an empty database.
    pub(in crate::backup) async fn create(&self, name: &str, needs: &Needs) -> Result<(), Fault> {
        let mut sql = format!(
            "CREATE DATABASE {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}",
            identifier(name),
            literal(&needs.encoding),
            literal(&needs.collate),
            literal(&needs.ctype)
        );
        if let Some((provider, locale)) = needs.provider.as_deref().zip(needs.locale.as_deref()) {
            let option = if provider == "icu" { "ICU_LOCALE" } else { "BUILTIN_LOCALE" };
            sql.push_str(&format!(" LOCALE_PROVIDER {provider} {option} {}", literal(locale)));
        }
        self.long(&sql).await
    }

    pub(super) async fn comment(&self, database: &str, text: &str) -> Result<(), Fault> {
        self.session.tell(&format!("COMMENT ON DATABASE {} IS {}", identifier(database), literal(text))).await
    }

    /// Drops a database, if it is there. Nobody has anything to do in a temporary one.
    pub(super) async fn drop(&self, name: &str) -> Result<(), Fault> {
        let ends = format!(
            "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE datname = {}",
            literal(name)
        );
        match self.session.ask(&ends).await {
            Ok(ended) if ended.is_empty() => {}
            Ok(_) => tracing::info!(database = name, "sessions in a temporary database were ended"),
            // They may be gone by themselves; if they are not, the server says so below.
            Err(fault) => tracing::info!(database = name, why = fault.words(), "sessions could not be ended"),
        }
        let drops = format!("DROP DATABASE IF EXISTS {}", identifier(name));
        let Err(refused) = self.long(&drops).await else { return Ok(()) };
        // It was given to its owner, whose privileges the agent may have only as that role.
        let Some(owner) = self.owner(name).await? else { return Err(refused) };
        if !self.becomes(&identifier(&owner)).await {
            return Err(refused);
        }
        let dropped = self.long(&drops).await;
        self.session.tell("RESET ROLE").await?;
        dropped
    }

    /// Who else owns a database.
    async fn owner(&self, name: &str) -> Result<Option<String>, Fault> {
        let sql = format!(
            "SELECT pg_catalog.pg_get_userbyid(datdba) FROM pg_catalog.pg_database WHERE datname = {} \
             AND pg_catalog.pg_get_userbyid(datdba) <> CURRENT_USER",
            literal(name)
        );
        let rows = self.session.ask(&sql).await?;
        Ok(rows.first().and_then(|row| row.get(0)).map(str::to_owned))
    }

    /// Drops the temporary databases of earlier lives of this agent.
    pub(super) async fn drop_leftovers(&self, name: &DatabaseName) -> Result<(), Fault> {
        self.drop_all(&self.prefix(name)).await
    }

    /// Drops every database whose name begins like this.
    pub(in crate::backup) async fn drop_all(&self, prefix: &str) -> Result<(), Fault> {
        let sql = format!(
            "SELECT datname FROM pg_catalog.pg_database WHERE pg_catalog.starts_with(datname, {})",
            literal(prefix)
        );
        for row in self.session.ask(&sql).await? {
            self.drop(row.get(0).unwrap_or_default()).await?;
        }
        Ok(())
    }

    /// What temporary databases of an agent are called: several agents may be at one server.
    fn prefix(&self, name: &DatabaseName) -> String {
        let of = [name.as_str().as_bytes(), self.target.name.as_bytes()];
        let mark = Digest::of_parts("pgbelay restore 1", of).to_string();
        format!("{RESTORED}{}_", mark.chars().take(8).collect::<String>())
    }

    /// The database with a name of its own that says that it was restored from a backup by a job.
    pub(super) async fn marked(&self, name: &DatabaseName, mark: &str) -> Result<Option<Mark>, Fault> {
        let sql =
            "SELECT datname, pg_catalog.shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database";
        let (rows, temporary) = (self.session.ask(sql).await?, self.prefix(name));
        Ok(rows.iter().find_map(|row| {
            let database = row.get(0).filter(|database| !database.starts_with(&temporary))?.to_owned();
            let rest = row.get(1)?.strip_prefix(mark)?;
            let kept = rest.strip_prefix(BEFORE).map(str::to_owned);
            (rest.is_empty() || kept.is_some()).then_some(Mark { database, kept })
        }))
    }

    pub(super) async fn rename(&self, from: &str, to: &str) -> Result<(), Fault> {
        let sql = format!("ALTER DATABASE {} RENAME TO {}", identifier(from), identifier(to));
        self.session.tell(&sql).await
    }

    /// Gives a database the owner, settings and privileges of the one that was backed up; what could not be given.
    pub(in crate::backup) async fn dress(&self, name: &str, needs: &Needs) -> Vec<String> {
        let database = identifier(name);
        let mut wanted: Vec<(String, String)> = Vec::new();
        for setting in &needs.settings {
            let Some((key, value)) = setting.split_once('=') else { continue };
            let value = if LISTS.contains(&key) { list(value) } else { literal(value) };
            let sql = format!("ALTER DATABASE {database} SET {} TO {value}", identifier(key));
            wanted.push((format!("setting {key}"), sql));
        }
        for (grantee, privileges) in &needs.privileges {
            let role = if grantee.is_empty() { "PUBLIC".to_owned() } else { identifier(grantee) };
            wanted.push((
                format!("privileges of {role}"),
                format!("GRANT {privileges} ON DATABASE {database} TO {role}"),
            ));
        }
        if needs.closed_to_public {
            let sql = format!("REVOKE ALL ON DATABASE {database} FROM PUBLIC");
            wanted.insert(0, ("privileges".to_owned(), sql));
        }
        let mut notes = Vec::new();
        let mut tell = async |what: &str, sql: &str| {
            let told = self.session.tell(sql).await;
            if let Err(fault) = &told {
                notes.push(format!("{what} could not be restored: {}", fault.words()));
            }
            told.is_ok()
        };
        // The owner first: with another one, what the old one was granted goes to the new one.
        let owner = identifier(&needs.owner);
        let given =
            tell(&format!("owner {}", needs.owner), &format!("ALTER DATABASE {database} OWNER TO {owner}"))
                .await;
        let steps_aside = given && self.becomes(&owner).await;
        for (what, sql) in wanted {
            tell(&what, &sql).await;
        }
        if steps_aside {
            tell("the agent's own role", "RESET ROLE").await;
        }
        notes
    }

    /// Takes the rights of an owner that this role has only as that one, if it may. A superuser has more by itself.
    async fn becomes(&self, owner: &str) -> bool {
        let sql = "SELECT pg_catalog.current_setting('is_superuser')";
        let rows = self.session.ask(sql).await.unwrap_or_default();
        let has_all = rows.first().and_then(|row| row.get(0)) == Some("on");
        !has_all && self.session.tell(&format!("SET ROLE {owner}")).await.is_ok()
    }

    async fn long(&self, sql: &str) -> Result<(), Fault> {
        match timeout(LONG, self.session.client.batch_execute(sql)).await {
            Ok(done) => done.map_err(Fault::from),
            Err(_) => {
                self.session.cancel().await;
                Err(Fault::Lost(Loss::broke(format!("no answer within {LONG:?}"))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_made_of_literals_whatever_stands_in_it() {
        for (value, expected) in [
            ("public", "E'public'"),
            ("\"$user\", public", "E'$user', E'public'"),
            ("\"a \"\"b\"\", c\",d", "E'a \"b\", c', E'd'"),
            ("\"\"", "E''"),
            ("a;ALTER/**/ROLE/**/x/**/SUPERUSER", "E'a;ALTER/**/ROLE/**/x/**/SUPERUSER'"),
            ("it's", "E'it''s'"),
            (r"a\', b", r"E'a\\''', E'b'"),
        ] {
            assert_eq!(list(value), expected, "{value}");
        }
    }
}

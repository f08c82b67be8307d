//! Files of SQL, judged in the order in which they will run against the schema that they will meet.
//!
//! What is found here is an argument of the request that makes a plan: policy weighs it there. A schema is an argument
//! too, and is not kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use pgbelay_analysis::{Catalog, Options, Server, StatementReport, analyze_next};
use serde::{Deserialize, Serialize};

use crate::database::Observation;
use crate::digest::Digest;
use crate::migration::Version;
use crate::name::DatabaseName;
use crate::plan::{Direction, ExecutionSettings};

mod touch;

use touch::Callables;
pub use touch::Touch;

/// What the steps for a database were judged against.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Basis {
    /// The schema of a database that has the same fingerprint, often the database itself.
    Schema {
        /// The database that it was read from.
        of: DatabaseName,
        /// What else decides there what SQL does, see [`Observation::conditions`].
        conditions: Digest,
    },
    /// The text alone: what is there is not known.
    Text {
        /// Why no schema could be read, without the name of a database.
        because: String,
    },
}

/// A file that is going to run.
#[derive(Debug, Clone, Copy)]
pub struct Script<'a> {
    /// Which file.
    pub file: &'a File,
    /// Its text.
    pub text: &'a str,
}

/// Which file of which migration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct File {
    /// The migration.
    pub version: Version,
    /// Forward or back.
    pub direction: Direction,
    /// The digest of its text.
    pub sql: Digest,
}

/// What was found in the files of one database, or of several that are alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// What they were judged against.
    pub basis: Basis,
    /// The fingerprint of the databases that they were judged for.
    pub fingerprint: Digest,
    /// And their conditions.
    pub conditions: Digest,
    /// The version of their servers, as in `server_version_num`.
    pub server_version: u32,
    /// What the agent sets before each file.
    pub settings: ExecutionSettings,
    /// In the order in which they run.
    pub files: Vec<(File, Findings)>,
}

/// What was found in a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Findings {
    /// One for each statement.
    pub statements: Vec<StatementReport>,
    /// What could not be read, in words.
    pub unread: Vec<String>,
    /// What is known of the rows that it touches.
    pub touch: Touch,
}

/// What was found for each database. Those that are alike share it.
pub type AllJudged = BTreeMap<DatabaseName, Arc<Judged>>;

/// The server that files run on, and how they are run there.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// The fingerprint of the database.
    pub fingerprint: Digest,
    /// Its conditions.
    pub conditions: Digest,
    /// As in `server_version_num`.
    pub server_version: u32,
    /// What the agent sets before each file.
    pub settings: &'a ExecutionSettings,
}

/// Judges files, one after the other. `schema`: of the database that is named, or why there is none.
#[must_use]
pub fn judge(
    schema: Result<(DatabaseName, Catalog), String>,
    scripts: &[Script<'_>],
    circumstances: Circumstances<'_>,
) -> Judged {
    let (basis, mut catalog) = match schema {
        Ok((of, mut catalog)) => {
            // What is found holds for every database with this schema, and until it changes.
            catalog.forget_sizes();
            (Basis::Schema { of, conditions: circumstances.conditions }, catalog)
        }
        Err(because) => (Basis::Text { because }, Catalog::nothing()),
    };
    let ms = |span: crate::time::Span| u64::try_from(span.0).unwrap_or_default();
    catalog.settings.lock_timeout = Some(ms(circumstances.settings.lock_timeout));
    catalog.settings.statement_timeout = Some(ms(circumstances.settings.statement_timeout));
    let settings = catalog.settings.clone();
    // What policy makes of it is not known here: the base of each statement is kept beside.
    let options =
        Options { server: Server::major(circumstances.server_version / 10_000), ..Options::default() };
    let mut callables = Callables::default();
    callables.add(&catalog);
    let files = scripts.iter().map(|script| {
        // The agent sets its session back before each file.
        catalog.settings.clone_from(&settings);
        let last = touch::last(&catalog);
        let analysis = analyze_next(script.text, &mut catalog, options);
        let unread = analysis.faults.iter().map(ToString::to_string).collect();
        let statements = analysis.statements;
        if statements.iter().any(|statement| touch::makes_functions(statement.kind)) {
            callables.add(&catalog);
        }
        let made = touch::made_since(last, &catalog);
        let touch = Touch::of((script.text, &statements), &callables, made);
        (script.file.clone(), Findings { statements, unread, touch })
    });
    let files = files.collect();
    let Circumstances { fingerprint, conditions, server_version, settings } = circumstances;
    Judged { files, basis, fingerprint, conditions, server_version, settings: settings.clone() }
}

impl Basis {
    /// Whether a schema was there.
    #[must_use]
    pub const fn is_schema(&self) -> bool {
        match self {
            Self::Schema { .. } => true,
            Self::Text { .. } => false,
        }
    }
}

impl Judged {
    /// Whether it was judged for a database like this one, and for a run like this one.
    #[must_use]
    pub fn is_for(&self, seen: &Observation, settings: &ExecutionSettings) -> bool {
        (self.fingerprint, self.conditions, self.server_version)
            == (seen.fingerprint, seen.conditions, seen.server_version)
            && self.settings == *settings
    }

    /// What was found in a file, and where it stands among the files.
    #[must_use]
    pub fn findings(&self, file: &File) -> Option<(usize, &Findings)> {
        let at = self.files.iter().position(|(known, _)| known == file)?;
        self.files.get(at).map(|(_, findings)| (at, findings))
    }
}

#[cfg(test)]
mod tests {
    use pgbelay_analysis::Size;

    use super::*;
    use crate::database::no_conditions;
    use crate::time::Span;

    fn judged(schema: Result<(DatabaseName, Catalog), String>, texts: &[&str]) -> Judged {
        let file = |(at, text): (usize, &&str)| File {
            version: (at + 1).to_string().parse().unwrap(),
            direction: Direction::Up,
            sql: Digest::of(text),
        };
        let files: Vec<File> = texts.iter().enumerate().map(file).collect();
        let scripts: Vec<_> = files.iter().zip(texts).map(|(file, text)| Script { file, text }).collect();
        let settings = ExecutionSettings::new(Span::seconds(5), Span::seconds(60), Span::seconds(900));
        judge(
            schema,
            &scripts,
            Circumstances {
                fingerprint: Digest::of("schema"),
                conditions: no_conditions(),
                server_version: 150_018,
                settings: &settings,
            },
        )
    }

    fn ids(judged: &Judged, file: usize) -> Vec<&str> {
        let statements = judged.files[file].1.statements.iter();
        statements.flat_map(|statement| &statement.hazards).map(|hazard| hazard.id.as_str()).collect()
    }

    #[test]
    fn the_schema_is_carried_from_file_to_file() {
        let fresh = || Ok(("orders".parse().unwrap(), Catalog::fresh()));
        let texts = ["CREATE TABLE a (id int, b int)", "ALTER TABLE a ALTER COLUMN b SET NOT NULL"];
        let known = judged(fresh(), &texts);
        assert_eq!(known.basis, Basis::Schema { of: "orders".parse().unwrap(), conditions: no_conditions() });
        assert_eq!(known.files[1].1.statements[0].unknown, Vec::<String>::new());
        assert!(ids(&known, 1).contains(&"set-not-null"), "{:?}", ids(&known, 1));
        let unknown = judged(Err("nobody was there".to_owned()), &texts[1..]);
        assert!(!unknown.files[0].1.statements[0].unknown.is_empty());
    }

    #[test]
    fn the_rows_of_one_database_say_nothing_of_another() {
        let mut catalog = Catalog::fresh();
        analyze_next("CREATE TABLE a (id int, b int)", &mut catalog, Options::default());
        let empty = Size { rows: Some(0), bytes: 0, index_bytes: 0, writes: 0, seconds: None };
        for id in catalog.relations.keys().copied().collect::<Vec<_>>() {
            catalog.change(id, |relation| relation.size = Some(empty));
        }
        let judged =
            judged(Ok(("orders".parse().unwrap(), catalog)), &["ALTER TABLE a ALTER b SET NOT NULL"]);
        assert!(ids(&judged, 0).contains(&"set-not-null"), "{:?}", ids(&judged, 0));
    }

    #[test]
    fn it_holds_for_what_it_was_judged_for_and_nothing_else() {
        let judged = judged(Ok(("orders".parse().unwrap(), Catalog::fresh())), &["SELECT 1"]);
        let seen = |server_version, schema| Observation {
            conditions: no_conditions(),
            server_version,
            system_identifier: "1".to_owned(),
            fingerprint: Digest::of(schema),
            records: Vec::new(),
            unfinished: Vec::new(),
        };
        let settings = judged.settings.clone();
        assert!(judged.is_for(&seen(150_018, "schema"), &settings));
        assert!(!judged.is_for(&seen(150_018, "changed"), &settings));
        assert!(!judged.is_for(&seen(160_001, "schema"), &settings));
        let elsewhere = Observation { conditions: Digest::of("search_path"), ..seen(150_018, "schema") };
        assert!(!judged.is_for(&elsewhere, &settings));
        let longer = ExecutionSettings { lock_timeout: Span::seconds(50), ..settings };
        assert!(!judged.is_for(&seen(150_018, "schema"), &longer));
    }

    #[test]
    fn the_agents_timeouts_count_and_those_of_another_file_do_not() {
        let fresh = Ok(("orders".parse().unwrap(), Catalog::fresh()));
        let texts = ["SET lock_timeout = 0; CREATE TABLE a (id int)", "ALTER TABLE a ADD COLUMN b int"];
        let judged = judged(fresh, &texts);
        assert!(!ids(&judged, 1).contains(&"require-lock-timeout"), "{:?}", ids(&judged, 1));
    }
}

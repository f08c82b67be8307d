//! The kinds of steps: what they run, what they run into, and what is true when they are done.

use crate::stage::Point;

/// A kind of step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One transaction.
    Transactional,
    /// A transaction, an index, a transaction.
    Mixed,
    /// An index alone.
    ConcurrentIndex,
    /// A label of an enum, and its use.
    EnumValue,
    /// The backup before a transaction.
    Backup,
    /// The way back of a transaction.
    Rollback,
    /// Definitions in the middle of a run, whose COMMIT does not wait for the disk.
    Series,
}

impl Kind {
    /// What is there before the plan is made.
    pub(crate) fn before(self, v: &str) -> String {
        match self {
            Self::ConcurrentIndex | Self::Mixed => {
                format!("CREATE TABLE t_{v} (id int); INSERT INTO t_{v} SELECT generate_series(1, 100)")
            }
            Self::EnumValue => format!("CREATE TYPE e_{v} AS ENUM ('old'); CREATE TABLE t_{v} (e e_{v})"),
            Self::Transactional | Self::Backup | Self::Rollback | Self::Series => "SELECT".to_owned(),
        }
    }

    /// The migrations before it and after it in its run.
    pub(crate) fn around(self, v: &str) -> Option<[String; 2]> {
        let table = |name: &str| format!("CREATE TABLE {name}_{v} (id int);\n");
        (self == Self::Series).then(|| ["made", "after"].map(table))
    }

    /// How often a point of each step is passed before it.
    pub(crate) fn passes(self, point: Point) -> u32 {
        u32::from(self == Self::Series && !matches!(point, Point::BeforeTheReport | Point::AfterTheReport))
    }

    /// The migration.
    pub(crate) fn up(self, v: &str) -> String {
        let gate = format!("INSERT INTO gate (version) VALUES ('{v}')");
        match self {
            Self::Transactional | Self::Backup | Self::Rollback => {
                format!("CREATE TABLE made_{v} (id int);\n{gate};\nCREATE TABLE after_{v} (id int);\n")
            }
            Self::Mixed => format!(
                "CREATE TABLE made_{v} (id int);\nCREATE INDEX CONCURRENTLY i_{v} ON t_{v} (id);\n{gate};\n\
                 CREATE TABLE after_{v} (id int);\n"
            ),
            Self::ConcurrentIndex => format!("CREATE INDEX CONCURRENTLY i_{v} ON t_{v} (id);\n"),
            Self::EnumValue => {
                format!("ALTER TYPE e_{v} ADD VALUE 'new';\nINSERT INTO t_{v} VALUES ('new');\n{gate};\n")
            }
            Self::Series => format!("ALTER TABLE vault ADD COLUMN c_{v} int;\n"),
        }
    }

    /// Its way back.
    pub(crate) fn down(self, v: &str) -> String {
        format!("DROP TABLE after_{v};\nDELETE FROM gate WHERE version = '{v}';\nDROP TABLE made_{v};\n")
    }

    /// What somebody else does in an open transaction, so that the step waits in the middle of a statement.
    pub(crate) fn in_the_way(self, v: &str) -> String {
        match self {
            Self::Transactional | Self::EnumValue => format!("INSERT INTO gate (version) VALUES ('{v}')"),
            Self::Mixed | Self::ConcurrentIndex => format!("INSERT INTO t_{v} VALUES (0)"),
            Self::Backup | Self::Series => "LOCK TABLE vault IN ACCESS EXCLUSIVE MODE".to_owned(),
            Self::Rollback => format!("SELECT FROM gate WHERE version = '{v}' FOR UPDATE"),
        }
    }

    /// What is true when the step is done, one count for each; every one is 1 then and 0 when it is not.
    pub(crate) fn effects(self, v: &str) -> Vec<String> {
        let table = |name: &str| format!("SELECT count(*) FROM pg_class WHERE relname = '{name}_{v}'");
        let gate = format!("SELECT count(*) FROM gate WHERE version = '{v}'");
        let index =
            format!("SELECT count(*) FROM pg_index WHERE indisvalid AND indexrelid = to_regclass('i_{v}')");
        match self {
            Self::Transactional | Self::Backup | Self::Rollback => vec![table("made"), gate, table("after")],
            Self::Mixed => vec![table("made"), index, gate, table("after")],
            Self::ConcurrentIndex => vec![index],
            Self::Series => {
                let column = format!("SELECT count(*) FROM pg_attribute WHERE attname = 'c_{v}'");
                vec![table("made"), column, table("after")]
            }
            Self::EnumValue => vec![
                format!(
                    "SELECT count(*) FROM pg_enum WHERE enumlabel = 'new' AND enumtypid = to_regtype('e_{v}')::oid"
                ),
                format!("SELECT count(*) FROM t_{v}"),
                gate,
            ],
        }
    }

    /// Whether it has such a point.
    pub(crate) fn has(self, point: Point) -> bool {
        // A backup is published by a rename.
        self != Self::Backup || ![Point::BeforeCommitReturns, Point::AnswerOnItsWay].contains(&point)
    }

    /// How often it is recorded, and how much of each effect is there, when it is done.
    pub(crate) fn stays(self) -> i64 {
        i64::from(self != Self::Rollback)
    }

    /// The agent's name for a point.
    pub(crate) fn failpoint(self, name: &str) -> String {
        match (self, name) {
            (Self::Backup, "before-report") => "before-report-of-backup".to_owned(),
            (Self::Backup, "after-report") => name.to_owned(),
            (Self::Backup, _) => format!("backup-{name}"),
            (
                Self::Transactional
                | Self::Mixed
                | Self::ConcurrentIndex
                | Self::EnumValue
                | Self::Rollback
                | Self::Series,
                _,
            ) => name.to_owned(),
        }
    }
}

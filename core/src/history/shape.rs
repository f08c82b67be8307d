//! The tables that the known versions of each tool make on PostgreSQL, from the tools' sources.

use super::{Column, Tool};

/// What a table is to its tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// It says what is applied.
    History,
    /// It says whether the tool is at work.
    Lock,
    /// Its being there says whose the history is.
    Mark,
}

/// The family of a column's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Text of any length.
    Text,
    /// A whole number of any size.
    Integer,
    /// True or false.
    Boolean,
    /// A moment, with or without a time zone.
    Moment,
    /// Bytes.
    Bytes,
}

impl Type {
    /// The family of a type of PostgreSQL.
    fn of(kind: &str) -> Option<Self> {
        match kind {
            "text" | "varchar" | "bpchar" => Some(Self::Text),
            "int2" | "int4" | "int8" => Some(Self::Integer),
            "bool" => Some(Self::Boolean),
            "timestamp" | "timestamptz" => Some(Self::Moment),
            "bytea" => Some(Self::Bytes),
            _ => None,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Moment => "timestamp",
            Self::Bytes => "bytea",
        }
    }
}

/// Whether a column is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// It is: text, numbers and truth as text, moments as milliseconds since 1970, bytes in hex.
    Yes,
    /// It says nothing that is needed.
    No,
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// The family of its type.
    pub kind: Type,
    /// Whether it is read.
    pub read: Read,
    /// Whether every version of the tool makes it.
    pub always: bool,
}

/// A table that known versions of a tool make.
#[derive(Debug)]
pub struct Shape {
    /// Whose it is. Rails makes the same table as dbmate, and another one beside it that tells so.
    pub tool: Tool,
    /// What it is to the tool.
    pub part: Part,
    /// What it is called.
    pub names: &'static [&'static str],
    /// Whether nobody but the tool calls a table so.
    pub distinctive: bool,
    /// Its columns.
    pub fields: &'static [Field],
    /// The columns that its rows are read in the order of.
    pub order: &'static [&'static str],
}

impl Shape {
    /// The columns that are read, in order.
    pub fn read(&self) -> impl Iterator<Item = &'static Field> {
        self.fields.iter().filter(|field| field.read == Read::Yes)
    }

    fn fits(&self, columns: &[Column]) -> bool {
        let known = |column: &Column| {
            let field = self.fields.iter().find(|field| field.name == column.name);
            field.is_some_and(|field| Type::of(&column.kind) == Some(field.kind))
        };
        let there = |field: &Field| columns.iter().any(|column| column.name == field.name);
        columns.iter().all(known) && self.fields.iter().filter(|field| field.always).all(there)
    }

    /// Its columns, for people.
    #[must_use]
    pub fn words(&self) -> String {
        let field = |field: &Field| {
            let at_times = if field.always { "" } else { ", in some versions" };
            format!("{} ({}{at_times})", field.name, field.kind.as_str())
        };
        self.fields.iter().map(field).collect::<Vec<_>>().join(", ")
    }
}

/// The shape of a table by its name and columns.
#[must_use]
pub fn shape_of(name: &str, columns: &[Column]) -> Option<&'static Shape> {
    TABLES.iter().find(|shape| shape.names.contains(&name) && shape.fits(columns))
}

const fn field(name: &'static str, kind: Type, read: Read, always: bool) -> Field {
    Field { name, kind, read, always }
}

/// A column that is read.
const fn read(name: &'static str, kind: Type) -> Field {
    field(name, kind, Read::Yes, true)
}

/// A column that is not.
const fn not(name: &'static str, kind: Type) -> Field {
    field(name, kind, Read::No, true)
}

/// A column that only some versions make, and that is not read.
const fn at_times(name: &'static str, kind: Type) -> Field {
    field(name, kind, Read::No, false)
}

use Type::{Boolean, Bytes, Integer, Moment, Text};

/// Every shape. For one name, what is more particular comes first.
pub static TABLES: [Shape; 15] = [
    Shape {
        tool: Tool::GolangMigrate,
        part: Part::History,
        names: &["schema_migrations"],
        distinctive: true,
        fields: &[read("version", Integer), read("dirty", Boolean)],
        order: &["version"],
    },
    Shape {
        tool: Tool::Dbmate,
        part: Part::History,
        names: &["schema_migrations"],
        distinctive: true,
        fields: &[read("version", Text)],
        order: &["version"],
    },
    Shape {
        tool: Tool::Rails,
        part: Part::Mark,
        names: &["ar_internal_metadata"],
        distinctive: false,
        fields: &[not("key", Text), not("value", Text), not("created_at", Moment), not("updated_at", Moment)],
        order: &["key"],
    },
    Shape {
        tool: Tool::Sqlx,
        part: Part::History,
        names: &["_sqlx_migrations"],
        distinctive: true,
        fields: &[
            read("version", Integer),
            read("description", Text),
            read("installed_on", Moment),
            read("success", Boolean),
            read("checksum", Bytes),
            at_times("execution_time", Integer),
        ],
        order: &["installed_on", "version"],
    },
    Shape {
        tool: Tool::Diesel,
        part: Part::History,
        names: &["__diesel_schema_migrations"],
        distinctive: true,
        fields: &[read("version", Text), read("run_on", Moment)],
        order: &["run_on", "version"],
    },
    Shape {
        tool: Tool::Goose,
        part: Part::History,
        names: &["goose_db_version"],
        distinctive: true,
        fields: &[
            read("id", Integer),
            read("version_id", Integer),
            read("is_applied", Boolean),
            read("tstamp", Moment),
        ],
        order: &["id"],
    },
    Shape {
        tool: Tool::Flyway,
        part: Part::History,
        names: &["flyway_schema_history"],
        distinctive: true,
        fields: &FLYWAY,
        order: &["installed_rank"],
    },
    Shape {
        tool: Tool::Flyway,
        part: Part::History,
        names: &["schema_version"],
        distinctive: false,
        fields: &FLYWAY,
        order: &["installed_rank"],
    },
    Shape {
        tool: Tool::SqlMigrate,
        part: Part::History,
        names: &["gorp_migrations"],
        distinctive: true,
        fields: &[read("id", Text), read("applied_at", Moment), field("checksum", Text, Read::Yes, false)],
        order: &["applied_at", "id"],
    },
    Shape {
        tool: Tool::Refinery,
        part: Part::History,
        names: &["refinery_schema_history"],
        distinctive: true,
        fields: &[
            read("version", Integer),
            read("name", Text),
            read("applied_on", Text),
            read("checksum", Text),
        ],
        order: &["version"],
    },
    Shape {
        tool: Tool::Prisma,
        part: Part::History,
        names: &["_prisma_migrations"],
        distinctive: true,
        fields: &[
            not("id", Text),
            read("checksum", Text),
            read("finished_at", Moment),
            read("migration_name", Text),
            not("logs", Text),
            read("rolled_back_at", Moment),
            read("started_at", Moment),
            not("applied_steps_count", Integer),
        ],
        order: &["started_at", "migration_name"],
    },
    Shape {
        tool: Tool::Liquibase,
        part: Part::History,
        names: &["databasechangelog"],
        distinctive: true,
        fields: &[
            read("id", Text),
            read("author", Text),
            read("filename", Text),
            read("dateexecuted", Moment),
            read("orderexecuted", Integer),
            read("exectype", Text),
            read("md5sum", Text),
            at_times("description", Text),
            at_times("comments", Text),
            at_times("tag", Text),
            at_times("liquibase", Text),
            at_times("contexts", Text),
            at_times("labels", Text),
            at_times("deployment_id", Text),
            at_times("execution_milliseconds", Integer),
        ],
        order: &["dateexecuted", "orderexecuted"],
    },
    Shape {
        tool: Tool::Liquibase,
        part: Part::Lock,
        names: &["databasechangeloglock"],
        distinctive: true,
        fields: &[
            not("id", Integer),
            read("locked", Boolean),
            not("lockgranted", Moment),
            read("lockedby", Text),
        ],
        order: &["id"],
    },
    Shape {
        tool: Tool::Sqitch,
        part: Part::History,
        names: &["changes"],
        distinctive: false,
        fields: &[
            read("change_id", Text),
            field("script_hash", Text, Read::Yes, false),
            read("change", Text),
            read("project", Text),
            not("note", Text),
            read("committed_at", Moment),
            not("committer_name", Text),
            not("committer_email", Text),
            not("planned_at", Moment),
            not("planner_name", Text),
            not("planner_email", Text),
        ],
        order: &["committed_at", "change_id"],
    },
    Shape {
        tool: Tool::Alembic,
        part: Part::History,
        names: &["alembic_version"],
        distinctive: true,
        fields: &[read("version_num", Text)],
        order: &["version_num"],
    },
];

const FLYWAY: [Field; 11] = [
    // Before 4.
    at_times("version_rank", Integer),
    read("installed_rank", Integer),
    read("version", Text),
    read("description", Text),
    read("type", Text),
    read("script", Text),
    read("checksum", Integer),
    not("installed_by", Text),
    read("installed_on", Moment),
    not("execution_time", Integer),
    read("success", Boolean),
];

//! Tables, views, sequences and composite types, with all that belongs to one of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Constraint, DataType, Index, Name, RelId};
use crate::syntax::{Bound, Expr, GeneratedKind, IdentityKind, PartitionStrategy, ReplicaIdentity};

/// Anything with columns, and sequences.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Relation {
    /// Its name.
    pub name: Name,
    /// What it is.
    pub kind: RelationKind,
    /// How long its rows live.
    pub persistence: Persistence,
    /// In order; dropped ones are gone.
    #[serde(default)]
    pub columns: Vec<Column>,
    /// Including those of its primary key and unique constraints, whose indexes are in
    /// [`Self::indexes`] under the same name.
    #[serde(default)]
    pub constraints: Vec<Constraint>,
    /// All its indexes.
    #[serde(default)]
    pub indexes: Vec<Index>,
    /// Those that people made (not those of foreign keys).
    #[serde(default)]
    pub triggers: Vec<Trigger>,
    /// Other than the one that makes a view.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// Row security.
    #[serde(default)]
    pub policies: Vec<Policy>,
    /// Whether row security is on.
    #[serde(default)]
    pub row_security: bool,
    /// Whether it counts for the owner too.
    #[serde(default)]
    pub forced_row_security: bool,
    /// Of a partitioned table.
    #[serde(default)]
    pub partition_key: Option<PartitionKey>,
    /// Where it gets columns from.
    #[serde(default)]
    pub inheritance: Inheritance,
    /// Of a view or materialized view: each relation that its query reads, with the columns of it.
    #[serde(default)]
    pub reads: Vec<ViewUse>,
    /// Functions that its query calls.
    #[serde(default)]
    pub calls: BTreeSet<String>,
    /// Of a sequence: the column that owns it.
    #[serde(default)]
    pub owned_by: Option<(RelId, String)>,
    /// Of a typed table.
    #[serde(default)]
    pub of_type: Option<RelId>,
    /// Absent: the default.
    #[serde(default)]
    pub access_method: Option<String>,
    /// Absent: the database's.
    #[serde(default)]
    pub tablespace: Option<String>,
    /// REPLICA IDENTITY.
    #[serde(default = "default_identity")]
    pub replica_identity: ReplicaIdentity,
    /// Names of CREATE STATISTICS objects on it, with the columns of each.
    #[serde(default)]
    pub statistics: BTreeMap<String, Vec<String>>,
    /// Of a materialized view: whether it can be read.
    #[serde(default = "yes")]
    pub populated: bool,
    /// How large it is, when it was looked at.
    #[serde(default)]
    pub size: Option<Size>,
    /// Nobody saw it being made: only what statements have told of it since is known.
    #[serde(default)]
    pub partial: bool,
}

const fn yes() -> bool {
    true
}

const fn default_identity() -> ReplicaIdentity {
    ReplicaIdentity::Default
}

impl Relation {
    /// One without anything in it.
    pub fn new(name: Name, kind: RelationKind) -> Self {
        Self {
            name,
            kind,
            persistence: Persistence::Permanent,
            columns: Vec::new(),
            constraints: Vec::new(),
            indexes: Vec::new(),
            triggers: Vec::new(),
            rules: Vec::new(),
            policies: Vec::new(),
            row_security: false,
            forced_row_security: false,
            partition_key: None,
            inheritance: Inheritance::default(),
            reads: Vec::new(),
            calls: BTreeSet::new(),
            owned_by: None,
            of_type: None,
            access_method: None,
            tablespace: None,
            replica_identity: ReplicaIdentity::Default,
            statistics: BTreeMap::new(),
            populated: true,
            size: None,
            partial: false,
        }
    }

    /// A column by its name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The same, to change it.
    pub fn column_mut(&mut self, name: &str) -> Option<&mut Column> {
        self.columns.iter_mut().find(|column| column.name == name)
    }

    /// A constraint by its name.
    pub fn constraint(&self, name: &str) -> Option<&Constraint> {
        self.constraints.iter().find(|constraint| constraint.name == name)
    }

    /// An index by its name.
    pub fn index(&self, name: &str) -> Option<&Index> {
        self.indexes.iter().find(|index| index.name == name)
    }

    /// Whether it holds rows of its own.
    pub const fn has_storage(&self) -> bool {
        matches!(self.kind, RelationKind::Table | RelationKind::MaterializedView)
    }

    /// Whether it is a table of any kind.
    pub const fn is_table(&self) -> bool {
        matches!(self.kind, RelationKind::Table | RelationKind::Partitioned | RelationKind::Foreign)
    }
}

/// What a relation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelationKind {
    /// An ordinary table, or a partition that is no partitioned table itself.
    Table,
    /// A partitioned table.
    Partitioned,
    /// A view.
    View,
    /// A materialized view.
    MaterializedView,
    /// A foreign table.
    Foreign,
    /// A sequence.
    Sequence,
    /// A composite type.
    Composite,
}

impl RelationKind {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Partitioned => "partitioned table",
            Self::View => "view",
            Self::MaterializedView => "materialized view",
            Self::Foreign => "foreign table",
            Self::Sequence => "sequence",
            Self::Composite => "type",
        }
    }
}

/// How long rows live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Persistence {
    /// As long as the table.
    Permanent,
    /// Until the server crashes.
    Unlogged,
    /// Until the session ends.
    Temporary,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type; `None` when it could not be told (a view's expression).
    pub data_type: Option<DataType>,
    /// Other than the type's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collation: Option<String>,
    /// Whether it is NOT NULL.
    #[serde(default)]
    pub not_null: bool,
    /// DEFAULT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Expr>,
    /// GENERATED ALWAYS AS (…).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated: Option<Generated>,
    /// GENERATED … AS IDENTITY.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityKind>,
    /// Whether it comes from a parent only.
    #[serde(default)]
    pub inherited: bool,
}

impl Column {
    /// A nullable column without a default.
    pub fn new(name: &str, data_type: Option<DataType>) -> Self {
        Self {
            name: name.to_owned(),
            data_type,
            collation: None,
            not_null: false,
            default: None,
            generated: None,
            identity: None,
            inherited: false,
        }
    }
}

/// What a generated column is computed from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Generated {
    /// From what.
    pub expression: Expr,
    /// Where it is kept.
    pub kind: GeneratedKind,
}

/// PARTITION BY.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartitionKey {
    /// How.
    pub strategy: PartitionStrategy,
    /// By what; [`Expr::Column`] with one part for columns.
    pub keys: Vec<Expr>,
}

/// Where a table gets columns and constraints from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Inheritance {
    /// INHERITS.
    #[serde(default)]
    pub parents: Vec<RelId>,
    /// PARTITION OF.
    #[serde(default)]
    pub partition: Option<Partition>,
}

/// A partition's place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Partition {
    /// The partitioned table.
    pub parent: RelId,
    /// Which rows.
    pub bound: Bound,
}

/// A relation that a view reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ViewUse {
    /// Which.
    pub relation: RelId,
    /// Its columns that the query refers to.
    pub columns: BTreeSet<String>,
}

/// A trigger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trigger {
    /// Its name.
    pub name: String,
    /// The function that it calls.
    pub function: String,
    /// `insert`, `update`, `delete`, `truncate`.
    #[serde(default)]
    pub events: BTreeSet<String>,
    /// Columns of UPDATE OF and of its condition.
    #[serde(default)]
    pub columns: BTreeSet<String>,
    /// FOR EACH ROW.
    #[serde(default)]
    pub row: bool,
    /// Whether it fires.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// What its condition and actions refer to.
    #[serde(default)]
    pub uses: Vec<ViewUse>,
}

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// The columns of its table that it refers to.
    #[serde(default)]
    pub columns: BTreeSet<String>,
    /// Other relations that it reads.
    #[serde(default)]
    pub uses: Vec<ViewUse>,
    /// Functions that it calls.
    #[serde(default)]
    pub calls: BTreeSet<String>,
}

/// How large a relation is and how much it is used, as the server's statistics have it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Size {
    /// Live rows, an estimate; `None` when it was never counted.
    pub rows: Option<u64>,
    /// Bytes of the table without its indexes, TOAST included.
    pub bytes: u64,
    /// Bytes of its indexes.
    pub index_bytes: u64,
    /// Rows inserted, updated and deleted since the statistics were reset.
    #[serde(default)]
    pub writes: u64,
    /// Seconds since then; `None` when it is not known.
    #[serde(default)]
    pub seconds: Option<u64>,
}

//! CREATE TABLE and ALTER TABLE.

use serde::{Deserialize, Serialize};

use super::{Expr, IndexElement, ObjectKind, QName, Query, TypeName};

/// CREATE [FOREIGN] TABLE, in all its forms but AS.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateTable {
    pub(crate) name: QName,
    /// Also when the name is in `pg_temp`.
    pub(crate) temporary: bool,
    pub(crate) unlogged: bool,
    pub(crate) foreign: bool,
    pub(crate) if_not_exists: bool,
    pub(crate) columns: Vec<ColumnDefinition>,
    /// Table constraints; those of columns are with the columns.
    pub(crate) constraints: Vec<NewConstraint>,
    pub(crate) likes: Vec<LikeClause>,
    /// INHERITS; empty for a partition.
    pub(crate) inherits: Vec<QName>,
    /// PARTITION OF with its bound.
    pub(crate) partition_of: Option<(QName, Bound)>,
    pub(crate) partition_by: Option<PartitionSpec>,
    pub(crate) of_type: Option<QName>,
    pub(crate) access_method: Option<String>,
    pub(crate) tablespace: Option<String>,
    /// Names of WITH (…), lower case.
    pub(crate) options: Vec<String>,
}

/// A column of CREATE TABLE or ADD COLUMN.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ColumnDefinition {
    pub(crate) name: String,
    /// Absent in `PARTITION OF … (column WITH OPTIONS …)` and OF type.
    pub(crate) data_type: Option<TypeName>,
    pub(crate) collation: Option<QName>,
    pub(crate) constraints: Vec<ColumnConstraint>,
}

/// What is written behind a column's type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ColumnConstraint {
    NotNull {
        name: Option<String>,
        no_inherit: bool,
    },
    Null,
    Default(Expr),
    Identity(IdentityKind),
    Generated {
        expression: Expr,
        kind: GeneratedKind,
    },
    /// CHECK, UNIQUE, PRIMARY KEY and REFERENCES, as if written for the table, with this column.
    Constraint(NewConstraint),
}

/// GENERATED … AS IDENTITY.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityKind {
    /// Always.
    Always,
    /// By default.
    ByDefault,
}

/// Where the value of a generated column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GeneratedKind {
    /// In the row.
    Stored,
    /// Computed when read (PostgreSQL 18).
    Virtual,
}

/// A constraint that is being added.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NewConstraint {
    pub(crate) name: Option<String>,
    pub(crate) kind: NewConstraintKind,
    pub(crate) not_valid: bool,
    /// NOT ENFORCED (PostgreSQL 18).
    pub(crate) not_enforced: bool,
    pub(crate) no_inherit: bool,
    pub(crate) deferrable: bool,
    pub(crate) initially_deferred: bool,
}

/// Which, and of what.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum NewConstraintKind {
    Check(Expr),
    /// ADD CONSTRAINT … NOT NULL column (PostgreSQL 18).
    NotNull(String),
    PrimaryKey {
        columns: Vec<String>,
        include: Vec<String>,
    },
    Unique {
        columns: Vec<String>,
        include: Vec<String>,
        nulls_not_distinct: bool,
    },
    /// PRIMARY KEY or UNIQUE USING INDEX.
    UsingIndex {
        index: String,
        primary: bool,
    },
    ForeignKey(ForeignKey),
    Exclude {
        method: Option<String>,
        elements: Vec<(IndexElement, String)>,
        predicate: Option<Expr>,
    },
}

/// FOREIGN KEY … REFERENCES.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ForeignKey {
    pub(crate) columns: Vec<String>,
    pub(crate) to: QName,
    /// Empty: the primary key.
    pub(crate) to_columns: Vec<String>,
    pub(crate) on_delete: FkAction,
    pub(crate) on_update: FkAction,
}

/// What a foreign key does when the row that it refers to goes or changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FkAction {
    /// NO ACTION.
    NoAction,
    /// RESTRICT.
    Restrict,
    /// CASCADE.
    Cascade,
    /// SET NULL.
    SetNull,
    /// SET DEFAULT.
    SetDefault,
}

/// LIKE; what INCLUDING brings along.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LikeClause {
    pub(crate) source: QName,
    pub(crate) defaults: bool,
    pub(crate) constraints: bool,
    pub(crate) indexes: bool,
    pub(crate) identity: bool,
    pub(crate) generated: bool,
    pub(crate) statistics: bool,
}

/// PARTITION BY.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PartitionSpec {
    pub(crate) strategy: PartitionStrategy,
    pub(crate) keys: Vec<Expr>,
}

/// How rows are told to partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartitionStrategy {
    /// RANGE.
    Range,
    /// LIST.
    List,
    /// HASH.
    Hash,
}

/// FOR VALUES.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// DEFAULT.
    Default,
    /// IN.
    List(Vec<BoundValue>),
    /// FROM … TO ….
    Range {
        /// Inclusive.
        from: Vec<BoundValue>,
        /// Exclusive.
        to: Vec<BoundValue>,
    },
    /// WITH (MODULUS, REMAINDER).
    Hash {
        /// The modulus.
        modulus: i32,
        /// The remainder.
        remainder: i32,
    },
}

/// One value of a bound.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoundValue {
    /// MINVALUE.
    Min,
    /// MAXVALUE.
    Max,
    /// A value.
    Value(Expr),
}

/// CREATE TABLE … AS, CREATE MATERIALIZED VIEW, SELECT INTO.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateTableAs {
    pub(crate) name: QName,
    pub(crate) materialized_view: bool,
    pub(crate) temporary: bool,
    pub(crate) unlogged: bool,
    pub(crate) if_not_exists: bool,
    pub(crate) columns: Vec<String>,
    pub(crate) query: Query,
    pub(crate) with_data: bool,
}

/// ALTER TABLE and its relatives (INDEX, VIEW, SEQUENCE, MATERIALIZED VIEW, FOREIGN TABLE, and TYPE
/// for the attributes of a composite type).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AlterTable {
    pub(crate) relation: QName,
    pub(crate) kind: ObjectKind,
    pub(crate) if_exists: bool,
    pub(crate) only: bool,
    pub(crate) actions: Vec<AlterAction>,
}

/// One sub-command.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AlterAction {
    AddColumn {
        column: ColumnDefinition,
        if_not_exists: bool,
    },
    DropColumn {
        column: String,
        if_exists: bool,
        cascade: bool,
    },
    /// `using`: whether USING was written, and what.
    AlterType {
        column: String,
        to: TypeName,
        collation: Option<QName>,
        using: Option<Expr>,
        cascade: bool,
    },
    SetDefault {
        column: String,
        default: Expr,
    },
    DropDefault {
        column: String,
    },
    SetNotNull {
        column: String,
    },
    DropNotNull {
        column: String,
    },
    /// ALTER … SET EXPRESSION (PostgreSQL 17).
    SetExpression {
        column: String,
        expression: Expr,
    },
    DropExpression {
        column: String,
        if_exists: bool,
    },
    SetStatistics,
    /// ALTER COLUMN SET (…) / RESET (…).
    ColumnOptions,
    SetStorage,
    SetCompression,
    AddConstraint(NewConstraint),
    AlterConstraint {
        name: String,
        /// ENFORCED or NOT ENFORCED, when written (PostgreSQL 18).
        enforced: Option<bool>,
        deferrable: Option<bool>,
        /// [NO] INHERIT, when written (PostgreSQL 18).
        inherit: Option<bool>,
    },
    ValidateConstraint {
        name: String,
    },
    DropConstraint {
        name: String,
        if_exists: bool,
        cascade: bool,
    },
    OwnerTo,
    ClusterOn {
        index: String,
    },
    SetWithoutCluster,
    SetLogged,
    SetUnlogged,
    SetWithoutOids,
    /// Absent: DEFAULT.
    SetAccessMethod {
        method: Option<String>,
    },
    SetTablespace {
        tablespace: String,
    },
    /// SET (…) of a table, index or view; names in lower case.
    SetOptions {
        names: Vec<String>,
    },
    ResetOptions {
        names: Vec<String>,
    },
    /// ENABLE/DISABLE TRIGGER; `which` absent: ALL or USER.
    Trigger {
        state: TriggerState,
        which: Option<String>,
        all: bool,
    },
    Rule {
        state: TriggerState,
        which: String,
    },
    Inherit {
        parent: QName,
    },
    NoInherit {
        parent: QName,
    },
    OfType {
        of: QName,
    },
    NotOfType,
    ReplicaIdentity(ReplicaIdentity),
    RowSecurity {
        enable: bool,
    },
    ForceRowSecurity {
        force: bool,
    },
    /// ALTER FOREIGN TABLE OPTIONS.
    ForeignOptions,
    /// Of a partitioned table, or of a partitioned index (then `bound` is absent).
    AttachPartition {
        partition: QName,
        bound: Option<Bound>,
    },
    DetachPartition {
        partition: QName,
        concurrently: bool,
        finalize: bool,
    },
    AddIdentity {
        column: String,
        kind: IdentityKind,
    },
    /// `sequence`: options of the sequence are among what is set.
    SetIdentity {
        column: String,
        sequence: bool,
    },
    DropIdentity {
        column: String,
        if_exists: bool,
    },
    /// What the grammar knows and this crate does not.
    Unknown {
        what: String,
    },
}

/// ENABLE, DISABLE, ENABLE ALWAYS, ENABLE REPLICA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TriggerState {
    Enabled,
    Disabled,
    Always,
    Replica,
}

/// REPLICA IDENTITY.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplicaIdentity {
    /// The primary key.
    Default,
    /// The whole row.
    Full,
    /// Nothing.
    Nothing,
    /// That index.
    Index(String),
}

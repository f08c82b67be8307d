//! Statements in this crate's own types: what judging and simulating need, without what they don't.
//!
//! The parser fills them; nothing else knows the parser's trees. Names are as the server would store
//! them (folded to lower case unless quoted, never quoted here). Expressions are cut to a bounded
//! depth ([`Expr::Deep`]), so that these types can be dropped on any thread.

mod data;
mod expression;
mod index;
mod object;
mod routine;
mod table;
mod types;

pub(crate) use data::{Copy, Dml, LockTable, Truncate, Vacuum, Write, WriteKind};
pub use expression::{BoolOp, Constant, Expr, MAX_EXPR_DEPTH, Query, Source};
pub(crate) use index::{CreateIndex, IndexElement, Reindex, ReindexTarget};
pub(crate) use object::{
    AlterDomain, AlterEnum, CreateDomain, CreateExtension, CreateSchema, CreateSequence, CreateType,
    DomainAction, Drop, EnumChange, Grant, GrantTarget, ObjectKind, ObjectName, Owner, Rename, SetSchema,
    Setting, SettingScope, TypeDefinition,
};
pub(crate) use routine::{
    CreatePolicy, CreateRoutine, CreateRule, CreateTrigger, CreateView, DoBlock, RoutineBody,
};
pub(crate) use table::{
    AlterAction, AlterTable, ColumnConstraint, ColumnDefinition, CreateTable, CreateTableAs, ForeignKey,
    LikeClause, NewConstraint, NewConstraintKind, PartitionSpec, TriggerState,
};
pub use table::{
    Bound, BoundValue, FkAction, GeneratedKind, IdentityKind, PartitionStrategy, ReplicaIdentity,
};
pub use types::{QName, TypeName};

/// One statement.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ast {
    CreateTable(CreateTable),
    CreateTableAs(CreateTableAs),
    AlterTable(AlterTable),
    CreateIndex(CreateIndex),
    Reindex(Reindex),
    CreateView(CreateView),
    /// REFRESH MATERIALIZED VIEW.
    Refresh {
        view: QName,
        concurrently: bool,
        with_data: bool,
    },
    CreateTrigger(CreateTrigger),
    CreateRule(CreateRule),
    CreatePolicy(CreatePolicy),
    /// ALTER POLICY … ON `table` (USING, WITH CHECK, TO).
    AlterPolicy {
        table: QName,
        name: String,
        using: Option<Expr>,
        check: Option<Expr>,
    },
    CreateRoutine(CreateRoutine),
    /// ALTER FUNCTION/PROCEDURE/ROUTINE with options; `volatility` is `i`, `s` or `v` when it changes.
    AlterRoutine {
        name: QName,
        arguments: Option<Vec<TypeName>>,
        volatility: Option<char>,
    },
    CreateSequence(CreateSequence),
    /// ALTER SEQUENCE with options; `owned_by` as in [`CreateSequence::owned_by`].
    AlterSequence {
        name: QName,
        if_exists: bool,
        owned_by: Option<Owner>,
        persistence_only: bool,
    },
    CreateType(CreateType),
    AlterEnum(AlterEnum),
    CreateDomain(CreateDomain),
    AlterDomain(AlterDomain),
    CreateSchema(CreateSchema),
    CreateExtension(CreateExtension),
    /// CREATE OPERATOR.
    CreateOperator {
        name: QName,
        function: Option<QName>,
    },
    /// CREATE STATISTICS; `name` may be chosen by the server.
    CreateStatistics {
        name: Option<QName>,
        if_not_exists: bool,
        table: Option<QName>,
    },
    /// ALTER STATISTICS … SET STATISTICS.
    AlterStatistics {
        name: QName,
    },
    Drop(Drop),
    Rename(Rename),
    SetSchema(SetSchema),
    /// ALTER … OWNER TO for anything but relations that ALTER TABLE reaches.
    OwnerTo {
        kind: ObjectKind,
        name: ObjectName,
    },
    Truncate(Truncate),
    LockTable(LockTable),
    Vacuum(Vacuum),
    /// CLUSTER; `table` is absent for CLUSTER of everything.
    Cluster {
        table: Option<QName>,
        index: Option<String>,
    },
    /// COMMENT ON.
    Comment {
        kind: ObjectKind,
        name: ObjectName,
    },
    /// SECURITY LABEL.
    SecurityLabel {
        kind: ObjectKind,
        name: ObjectName,
    },
    Grant(Grant),
    /// SET, RESET, and SET by `set_config` with constant arguments in a plain SELECT.
    Setting(Setting),
    Dml(Dml),
    Copy(Copy),
    Do(DoBlock),
    Call {
        name: QName,
    },
    /// EXPLAIN; `analyze` runs the statement.
    Explain {
        analyze: bool,
        inner: Box<Ast>,
    },
    Prepare {
        inner: Box<Ast>,
    },
    Execute,
    /// CREATE or ALTER PUBLICATION with the tables that it names.
    Publication {
        tables: Vec<QName>,
        all_tables: bool,
    },
    /// Any other statement: its kind says all that is known.
    Other,
}

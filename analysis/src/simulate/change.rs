//! What a statement has changed, for the hazards to look at.

use crate::catalog::{Column, Constraint, DataType, Index, RelId};
use crate::syntax::ObjectKind;

/// An object by what it is and its full name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObjectRef {
    pub(crate) kind: ObjectKind,
    /// With its schema, and with its table where it belongs to one (`public.orders.note`).
    pub(crate) name: String,
    /// The relation that it is or belongs to.
    pub(crate) relation: Option<RelId>,
}

/// One change of the schema. Names are those before the statement.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    /// Something new: a relation, type, function, …
    Created(ObjectRef),
    /// A view or function or trigger that was there has another definition.
    Replaced(ObjectRef),
    /// Something is gone. `implied`: it was not named, it went with something else.
    Dropped {
        object: ObjectRef,
        implied: bool,
        cascade: bool,
    },
    /// Nothing but functions of triggers is gone by that name; with [`Self::Dropped`].
    TriggerFunctionDropped {
        name: String,
    },
    /// IF EXISTS or IF NOT EXISTS made it do nothing.
    NothingToDo {
        object: ObjectRef,
        differs: bool,
    },
    Renamed {
        object: ObjectRef,
        to: String,
    },
    Moved {
        object: ObjectRef,
        schema: String,
    },
    OwnerChanged {
        object: ObjectRef,
    },
    PrivilegesChanged {
        object: Option<ObjectRef>,
        revoke: bool,
    },
    ColumnAdded {
        table: RelId,
        column: Column,
        serial: bool,
    },
    ColumnDropped {
        table: RelId,
        column: Column,
    },
    TypeChanged {
        table: RelId,
        column: String,
        from: Option<DataType>,
        to: DataType,
        using: bool,
        rewrite: bool,
    },
    /// `before`/`after`: whether there is a default.
    DefaultChanged {
        table: RelId,
        column: String,
        before: bool,
        after: bool,
        not_null: bool,
    },
    ExpressionDropped {
        table: RelId,
        column: String,
    },
    /// `proven`: no scan was needed.
    NotNullSet {
        table: RelId,
        column: String,
        proven: bool,
    },
    NotNullDropped {
        table: RelId,
        column: String,
    },
    IdentityChanged {
        table: RelId,
        column: String,
    },
    /// `new_columns`: every column of it was added by the same statement.
    ConstraintAdded {
        table: RelId,
        constraint: Constraint,
        using_index: bool,
        new_columns: bool,
        with_table: bool,
    },
    /// `implied`: it went with a column or another constraint.
    ConstraintDropped {
        table: RelId,
        constraint: Constraint,
        implied: bool,
    },
    /// A table that is gone referred to this one.
    ReferenceDropped {
        to: RelId,
        constraint: String,
    },
    ConstraintValidated {
        table: RelId,
        constraint: String,
    },
    ConstraintAltered {
        table: RelId,
        constraint: Constraint,
        enforced: Option<bool>,
    },
    IndexCreated {
        table: RelId,
        index: Index,
        concurrently: bool,
    },
    IndexDropped {
        table: RelId,
        index: Index,
        implied: bool,
        concurrently: bool,
    },
    TriggerCreated {
        table: RelId,
        trigger: String,
    },
    TriggerDropped {
        table: RelId,
        trigger: String,
    },
    /// `which` absent: ALL or USER; `all`: foreign keys too.
    TriggerSwitched {
        table: RelId,
        which: Option<String>,
        enabled: bool,
        all: bool,
    },
    RuleChanged {
        table: RelId,
        rule: String,
    },
    PolicyChanged {
        table: RelId,
        policy: String,
        dropped: bool,
    },
    RowSecurity {
        table: RelId,
        enabled: bool,
    },
    ReplicaIdentity {
        table: RelId,
    },
    OptionsChanged {
        relation: RelId,
        names: Vec<String>,
    },
    StatisticsChanged {
        table: RelId,
    },
    PartitionAttached {
        parent: RelId,
        partition: RelId,
    },
    /// Dropped while it was attached.
    PartitionDropped {
        parent: RelId,
        partition: RelId,
    },
    PartitionDetached {
        parent: RelId,
        partition: RelId,
        concurrently: bool,
    },
    Persistence {
        table: RelId,
        unlogged: bool,
    },
    EnumValueAdded {
        name: String,
        label: String,
    },
    EnumValueRenamed {
        name: String,
        label: String,
    },
    SequenceChanged {
        sequence: Option<RelId>,
    },
    /// Rows of a table are gone with TRUNCATE. `implied`: by CASCADE.
    Truncated {
        table: RelId,
        implied: bool,
    },
}

//! Types, domains, sequences, schemas, extensions; dropping, renaming and moving anything; settings.

use super::{ColumnDefinition, Expr, NewConstraint, QName, TypeName};

/// The kinds of objects that statements name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ObjectKind {
    Table,
    ForeignTable,
    View,
    MaterializedView,
    Index,
    Sequence,
    Column,
    TableConstraint,
    DomainConstraint,
    Type,
    /// An attribute of a composite type.
    Attribute,
    Domain,
    Function,
    Procedure,
    Routine,
    Aggregate,
    Trigger,
    Rule,
    Policy,
    Schema,
    Extension,
    Statistics,
    Collation,
    Operator,
    Cast,
    Publication,
    Subscription,
    EventTrigger,
    Role,
    Database,
    Tablespace,
    Language,
    Server,
    Other,
}

/// The name of any object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ObjectName {
    /// The object; for what belongs to a table (column, constraint, trigger, rule, policy) that table,
    /// for a domain's constraint that domain.
    pub(crate) name: QName,
    /// What belongs to it.
    pub(crate) part: Option<String>,
    /// The types of a routine's arguments, when written.
    pub(crate) arguments: Option<Vec<TypeName>>,
}

/// DROP of anything.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Drop {
    pub(crate) kind: ObjectKind,
    pub(crate) names: Vec<ObjectName>,
    pub(crate) if_exists: bool,
    pub(crate) cascade: bool,
    pub(crate) concurrently: bool,
}

/// ALTER … RENAME.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rename {
    /// What is renamed: [`ObjectKind::Column`], [`ObjectKind::TableConstraint`], …
    pub(crate) kind: ObjectKind,
    /// For a column: which kind of relation was named (ALTER VIEW v RENAME COLUMN …).
    pub(crate) relation_kind: ObjectKind,
    pub(crate) name: ObjectName,
    pub(crate) to: String,
    pub(crate) if_exists: bool,
    /// ONLY was not written.
    pub(crate) inherit: bool,
}

/// ALTER … SET SCHEMA.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SetSchema {
    pub(crate) kind: ObjectKind,
    pub(crate) name: ObjectName,
    pub(crate) schema: String,
    pub(crate) if_exists: bool,
}

/// CREATE SEQUENCE.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateSequence {
    pub(crate) name: QName,
    pub(crate) temporary: bool,
    pub(crate) if_not_exists: bool,
    pub(crate) owned_by: Option<Owner>,
}

/// OWNED BY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    None,
    Column { table: QName, column: String },
}

/// CREATE TYPE.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateType {
    pub(crate) name: QName,
    pub(crate) definition: TypeDefinition,
}

/// What kind of type, and what it is made of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TypeDefinition {
    Enum(Vec<String>),
    Composite(Vec<ColumnDefinition>),
    Range {
        subtype: Option<TypeName>,
    },
    /// A base type, or a shell of one.
    Base,
}

/// ALTER TYPE of an enum.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AlterEnum {
    pub(crate) name: QName,
    pub(crate) change: EnumChange,
}

/// What happens to its labels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum EnumChange {
    /// `beside`: the label named after BEFORE or AFTER.
    Add {
        label: String,
        if_not_exists: bool,
        beside: Option<String>,
        after: bool,
    },
    Rename {
        from: String,
        to: String,
    },
}

/// CREATE DOMAIN.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateDomain {
    pub(crate) name: QName,
    pub(crate) base: TypeName,
    pub(crate) collation: Option<QName>,
    pub(crate) default: Option<Expr>,
    pub(crate) not_null: bool,
    /// CHECKs, which refer to `value`.
    pub(crate) checks: Vec<NewConstraint>,
}

/// ALTER DOMAIN.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AlterDomain {
    pub(crate) name: QName,
    pub(crate) action: DomainAction,
}

/// What happens to it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum DomainAction {
    /// Absent: DROP DEFAULT.
    Default(Option<Expr>),
    SetNotNull,
    DropNotNull,
    AddConstraint(NewConstraint),
    DropConstraint {
        name: String,
        if_exists: bool,
        cascade: bool,
    },
    ValidateConstraint {
        name: String,
    },
}

/// CREATE SCHEMA with what is created in it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateSchema {
    /// Absent: the role's name, which is `authorization` when that is a plain name.
    pub(crate) name: Option<String>,
    pub(crate) authorization: Option<String>,
    pub(crate) if_not_exists: bool,
    pub(crate) elements: Vec<super::Ast>,
}

/// CREATE EXTENSION.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateExtension {
    pub(crate) name: String,
    pub(crate) schema: Option<String>,
    pub(crate) if_not_exists: bool,
}

/// GRANT or REVOKE on objects.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Grant {
    pub(crate) revoke: bool,
    pub(crate) target: GrantTarget,
}

/// On what.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum GrantTarget {
    Relations(Vec<QName>),
    Routines(Vec<ObjectName>),
    Schemas(Vec<String>),
    /// ALL TABLES (sequences, functions) IN SCHEMA.
    AllIn {
        kind: ObjectKind,
        schemas: Vec<String>,
    },
    Other,
}

/// SET or RESET of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Lower case; `*` for RESET ALL. `timezone`, `search_path`, `role` and their like for the forms
    /// with words of their own.
    pub(crate) name: String,
    /// Absent: DEFAULT, RESET, or not a constant. Several for lists.
    pub(crate) value: Option<Vec<String>>,
    pub(crate) scope: SettingScope,
}

/// For how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SettingScope {
    Session,
    /// SET LOCAL.
    Transaction,
}

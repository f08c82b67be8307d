//! Why a statement has to go through the rows of a relation.

use std::fmt;

/// Why there is work. Rules look at the variant, people read its words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    /// ADD COLUMN with a default that may differ from row to row.
    VolatileDefault {
        column: String,
        function: String,
    },
    /// ADD COLUMN with a default of which it is not known whether it may differ from row to row.
    UnknownDefault {
        column: String,
        function: String,
    },
    Serial {
        column: String,
    },
    Identity {
        column: String,
    },
    GeneratedStored {
        column: String,
    },
    ConstrainedDomain {
        column: String,
        domain: String,
    },
    /// ADD COLUMN NOT NULL without a default.
    RequiredColumn {
        column: String,
    },
    InlineCheck {
        column: String,
    },
    TypeChange {
        column: String,
        from: String,
        to: String,
    },
    /// The type change is free, but something that uses the column is not.
    TypeChangeRecheck {
        column: String,
        what: String,
    },
    /// The type of a column of a foreign key changes, and the rows are looked up again.
    TypeChangeForeignKey {
        column: String,
        constraint: String,
    },
    SetExpression {
        column: String,
    },
    SetNotNull {
        column: String,
    },
    AddCheck {
        constraint: String,
    },
    AddForeignKey {
        constraint: String,
    },
    InlineForeignKey {
        column: String,
    },
    AddUnique {
        constraint: String,
    },
    InlineUnique {
        column: String,
    },
    AddPrimaryKey {
        constraint: String,
    },
    InlinePrimaryKey {
        column: String,
    },
    /// ADD PRIMARY KEY: the columns are looked at for NULLs.
    PrimaryKeyNotNull {
        column: String,
        using_index: bool,
    },
    AddExclusion {
        constraint: String,
    },
    Validate {
        constraint: String,
    },
    Enforce {
        constraint: String,
    },
    DomainConstraint {
        domain: String,
    },
    CreateIndex {
        index: String,
        concurrently: bool,
    },
    Reindex {
        concurrently: bool,
    },
    SetLogged,
    SetUnlogged,
    SetAccessMethod,
    SetTablespace,
    VacuumFull,
    Cluster,
    Refresh {
        concurrently: bool,
    },
    AttachPartition {
        parent: String,
    },
    /// The partition gets the parent's index, foreign key.
    AttachPartitionIndex {
        parent: String,
        index: String,
    },
    AttachPartitionForeignKey {
        parent: String,
        constraint: String,
    },
    /// A new partition: rows of the DEFAULT partition are looked at.
    DefaultPartition {
        parent: String,
    },
}

impl fmt::Display for Cause {
    #[expect(clippy::too_many_lines, reason = "one cause, one sentence")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::VolatileDefault { column, function } => {
                write!(f, "the default of {column} calls {function}, which may differ from row to row")
            }
            Self::UnknownDefault { column, function } => {
                write!(f, "the default of {column} calls {function}, which is not known and may be volatile")
            }
            Self::Serial { column } => write!(f, "{column} is serial: each row gets a number of its own"),
            Self::Identity { column } => {
                write!(f, "{column} is an identity column: each row gets a number of its own")
            }
            Self::GeneratedStored { column } => write!(f, "{column} is computed and stored for each row"),
            Self::ConstrainedDomain { column, domain } => {
                write!(f, "{column} has the domain {domain}, whose constraints are checked for each row")
            }
            Self::RequiredColumn { column } => {
                write!(
                    f,
                    "{column} is NOT NULL without a default: every row is looked at, and any row is a failure"
                )
            }
            Self::InlineCheck { column } => write!(f, "the CHECK of {column} is checked for each row"),
            Self::TypeChange { column, from, to } => {
                write!(f, "{column} changes from {from} to {to}, which changes what is stored")
            }
            Self::TypeChangeRecheck { column, what } => {
                write!(f, "the type of {column} changes, and {what} has to be done again")
            }
            Self::TypeChangeForeignKey { column, constraint } => {
                write!(f, "the type of {column} changes, and every row is looked up again for {constraint}")
            }
            Self::SetExpression { column } => write!(f, "{column} is computed anew for each row"),
            Self::SetNotNull { column } => write!(f, "every row is looked at for NULL in {column}"),
            Self::AddCheck { constraint } => write!(f, "every row is checked for {constraint}"),
            Self::AddForeignKey { constraint } => write!(f, "every row is looked up for {constraint}"),
            Self::InlineForeignKey { column } => {
                write!(f, "{column} refers to another table, and its default is looked up for each row")
            }
            Self::AddUnique { constraint } => write!(f, "the index of {constraint} is built"),
            Self::InlineUnique { column } => write!(f, "the unique index of {column} is built"),
            Self::AddPrimaryKey { constraint } => write!(f, "the index of {constraint} is built"),
            Self::InlinePrimaryKey { column } => write!(f, "the primary key's index on {column} is built"),
            Self::PrimaryKeyNotNull { column, .. } => {
                write!(f, "{column} becomes NOT NULL for the primary key: every row is looked at")
            }
            Self::AddExclusion { constraint } => write!(f, "the index of {constraint} is built and checked"),
            Self::Validate { constraint } => write!(f, "every row is checked for {constraint}"),
            Self::Enforce { constraint } => write!(f, "every row is checked for {constraint}"),
            Self::DomainConstraint { domain } => write!(f, "every value of the domain {domain} is checked"),
            Self::CreateIndex { index, .. } => write!(f, "the index {index} is built"),
            Self::Reindex { .. } => f.write_str("the indexes are built anew"),
            Self::SetLogged => f.write_str("SET LOGGED writes the table anew"),
            Self::SetUnlogged => f.write_str("SET UNLOGGED writes the table anew"),
            Self::SetAccessMethod => f.write_str("another access method stores rows in another way"),
            Self::SetTablespace => f.write_str("the files are copied to another tablespace"),
            Self::VacuumFull => f.write_str("VACUUM FULL writes the table anew"),
            Self::Cluster => f.write_str("CLUSTER writes the table anew, in the order of an index"),
            Self::Refresh { .. } => f.write_str("the query is run and its result stored"),
            Self::AttachPartition { parent } => {
                write!(f, "every row is checked for belonging to this partition of {parent}")
            }
            Self::AttachPartitionIndex { parent, index } => {
                write!(f, "the part of the index {index} of {parent} is built")
            }
            Self::AttachPartitionForeignKey { parent, constraint } => {
                write!(f, "every row is looked up for {constraint} of {parent}")
            }
            Self::DefaultPartition { parent } => {
                write!(f, "the DEFAULT partition of {parent} is searched for rows of the new one")
            }
        }
    }
}

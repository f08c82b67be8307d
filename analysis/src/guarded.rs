//! What reaches outside the database or makes a session somebody else: what an agent refuses unless its own file allows
//! it, by name. And what a statement was found to do of it.
//!
//! Here are the names; the syntax tree is searched in [`crate::parser::reach`].

use std::fmt;

use crate::{Risk, StatementKind};

macro_rules! guarded {
    ($($variant:ident $name:literal $does:literal;)*) => {
        /// Something that is guarded. Files name it by its kebab-case name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Guarded {
            $(
                #[doc = concat!("`", $name, "`: ", $does, ".")]
                $variant,
            )*
        }

        impl Guarded {
            /// All there are.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name, as in `copy-program`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it does, to be read after the words of a statement.
            pub const fn does(self) -> &'static str {
                match self { $(Self::$variant => $does,)* }
            }
        }
    };
}

guarded! {
    AlterSystem "alter-system" "changes the configuration of the whole server";
    CopyProgram "copy-program" "runs a program on the server's machine";
    CreateDatabase "create-database" "makes another database";
    DropDatabase "drop-database" "destroys a whole database";
    EndSessions "end-sessions" "ends what other sessions do";
    LargeObjectFiles "large-object-files" "reads or writes files of the server's machine";
    Load "load" "loads code into the server";
    OtherServers "other-servers" "connects to other servers or databases";
    ServerControl "server-control" "controls the whole server, its backups or its replication";
    ServerFiles "server-files" "reads or writes files of the server's machine";
    SetRole "set-role" "may make the session somebody else";
    Subscription "subscription" "replicates from another server";
    Superusers "superusers" "gives a role power over the server's machine";
    Tablespaces "tablespaces" "changes where the server keeps its files";
    UntrustedLanguages "untrusted-languages" "runs code with the rights of the server's own account";
}

impl fmt::Display for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The name of a function, as the server stores it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FunctionName {
    /// Its schema; `None`: any.
    pub schema: Option<String>,
    /// Its name without the schema.
    pub name: String,
}

impl FunctionName {
    /// Whether a call that is written like that may be one of it: without a schema, the path decides.
    pub(crate) fn may_be(&self, schema: Option<&str>, name: &str) -> bool {
        let elsewhere = matches!((self.schema.as_deref(), schema), (Some(own), Some(other)) if own != other);
        self.name == name && !elsewhere
    }
}

impl fmt::Display for FunctionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// A statement of a migration, as an agent's guard sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardedStatement {
    /// The line of the file that it starts on.
    pub line: u32,
    /// What it does.
    pub kind: StatementKind,
    /// How risky it is when nothing is known about the database.
    pub risk: Risk,
    /// The names that it is about, as in [`crate::Statement::objects`].
    pub objects: Vec<String>,
    /// What was found in it, each once.
    pub reaches: Vec<Reach>,
}

/// Something found in a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// The line of the file.
    pub line: u32,
    /// What was found.
    pub to: Reached,
}

/// What a statement was found to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reached {
    /// Something guarded.
    Guarded {
        /// What it is.
        what: Guarded,
        /// By which words of the statement, as in `COPY FROM PROGRAM` or `pg_read_file()`.
        by: String,
    },
    /// A call of one of the functions that were asked for.
    Function(FunctionName),
    /// CREATE EXTENSION, ALTER EXTENSION … UPDATE.
    Extension {
        /// Which one.
        name: String,
        /// Whether CASCADE makes others with it.
        cascade: bool,
    },
    /// A statement about what is no part of the database: roles, databases, tablespaces.
    Beside {
        /// By which words, as in `ALTER ROLE`.
        by: String,
    },
    /// A statement in a DO block, which runs with it.
    Runs {
        /// What it does.
        kind: StatementKind,
        /// How risky it is.
        risk: Risk,
        /// The names that it is about.
        objects: Vec<String>,
    },
}

//! The kinds of statements, with the base risk and the effect of each: one row, one kind.
//!
//! High is what destroys data or takes the strongest locks on tables in use. Medium is what
//! changes existing objects, reaches beyond the database or can't be judged. Low only adds.
//! Attaching something to a table that is there (trigger, rule, policy) changes that table.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Risk;

macro_rules! kinds {
    ($($variant:ident $name:literal $risk:ident $effect:literal;)*) => {
        /// What a statement does. Policy names kinds by their kebab-case names.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        pub enum StatementKind {
            $(
                #[doc = concat!("`", $name, "`: ", $effect, ".")]
                #[serde(rename = $name)]
                $variant,
            )*
        }

        impl StatementKind {
            /// Every kind there is.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name in policy and JSON, as in `create-table`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// How risky it is when nothing else is known.
            pub const fn base_risk(self) -> Risk {
                match self { $(Self::$variant => Risk::$risk,)* }
            }

            /// What it does, to be read after its words and its objects.
            pub(crate) const fn effect(self) -> &'static str {
                match self { $(Self::$variant => $effect,)* }
            }
        }
    };
}

kinds! {
    CreateTable "create-table" Low "adds a table";
    CreateTableAs "create-table-as" Low "adds a table filled by a query";
    CreateForeignTable "create-foreign-table" Low "adds a foreign table";
    CreateIndex "create-index" Medium "blocks writes to the table until the index is built";
    CreateView "create-view" Low "adds a view";
    CreateMaterializedView "create-materialized-view" Low "adds a materialized view";
    // Also with OR REPLACE: a function holds no data and replacing it locks no table.
    CreateFunction "create-function" Low "adds or replaces a function";
    CreateProcedure "create-procedure" Low "adds or replaces a procedure";
    CreateAggregate "create-aggregate" Low "adds or replaces an aggregate";
    CreateTrigger "create-trigger" Medium "changes what writing to the table does";
    CreateRule "create-rule" Medium "changes what queries on the table do";
    CreatePolicy "create-policy" Medium "changes which rows of the table are seen";
    CreateEventTrigger "create-event-trigger" Medium "changes what later DDL does";
    CreateType "create-type" Low "adds a type";
    CreateDomain "create-domain" Low "adds a domain";
    CreateSequence "create-sequence" Low "adds a sequence";
    CreateSchema "create-schema" Low "adds a schema";
    CreateExtension "create-extension" Low "adds an extension";
    CreateStatistics "create-statistics" Low "adds extended statistics";
    CreatePublication "create-publication" Low "adds a publication";
    CreateSubscription "create-subscription" Medium "starts copying rows from another server";
    CreateRole "create-role" Medium "adds an account for the whole cluster";
    CreateDatabase "create-database" Medium "reaches beyond this database";
    CreateTablespace "create-tablespace" Medium "reaches beyond this database";
    // Operators, casts, collations, text search, languages, foreign servers, user mappings …
    CreateOther "create-other" Low "adds an object";

    AlterTable "alter-table" High "takes a strong lock on it";
    AlterForeignTable "alter-foreign-table" Medium "changes an existing foreign table";
    AlterIndex "alter-index" Medium "changes an existing index";
    AlterView "alter-view" Medium "changes an existing view";
    AlterMaterializedView "alter-materialized-view" Medium "changes an existing materialized view";
    AlterSequence "alter-sequence" Medium "changes an existing sequence";
    AlterType "alter-type" Medium "changes an existing type";
    AlterDomain "alter-domain" Medium "changes a domain and checks every table that uses it";
    AlterFunction "alter-function" Medium "changes an existing function";
    AlterSchema "alter-schema" Medium "changes an existing schema";
    AlterExtension "alter-extension" Medium "changes an existing extension";
    AlterTrigger "alter-trigger" Medium "changes an existing trigger";
    AlterPolicy "alter-policy" Medium "changes which rows of the table are seen";
    AlterPublication "alter-publication" Medium "changes what is replicated";
    AlterSubscription "alter-subscription" Medium "changes what is replicated";
    AlterRole "alter-role" Medium "changes an account of the whole cluster";
    AlterDatabase "alter-database" Medium "changes a whole database";
    AlterSystem "alter-system" Medium "changes the configuration of the whole server";
    AlterDefaultPrivileges "alter-default-privileges" Medium "changes who may use later objects";
    AlterOther "alter-other" Medium "changes an existing object";

    DropTable "drop-table" High "destroys the table and its rows";
    DropForeignTable "drop-foreign-table" Medium "removes what queries may still use";
    DropIndex "drop-index" High "removes an index that queries may rely on";
    DropView "drop-view" Medium "removes what queries may still use";
    DropMaterializedView "drop-materialized-view" High "destroys the rows that it holds";
    DropSequence "drop-sequence" High "destroys its counter";
    DropType "drop-type" Medium "removes what columns and functions may still use";
    DropDomain "drop-domain" Medium "removes what columns and functions may still use";
    DropSchema "drop-schema" High "destroys a schema";
    DropFunction "drop-function" Medium "removes what queries may still call";
    DropTrigger "drop-trigger" Medium "changes what writing to the table does";
    DropRule "drop-rule" Medium "changes what queries on the table do";
    DropPolicy "drop-policy" Medium "changes which rows of the table are seen";
    DropExtension "drop-extension" Medium "removes what queries may still use";
    DropStatistics "drop-statistics" Medium "changes how queries are planned";
    DropEventTrigger "drop-event-trigger" Medium "changes what later DDL does";
    DropPublication "drop-publication" Medium "stops replication";
    DropSubscription "drop-subscription" Medium "stops replication";
    DropRole "drop-role" Medium "removes an account of the whole cluster";
    DropOwned "drop-owned" High "destroys everything that the role owns here";
    DropDatabase "drop-database" High "destroys a whole database";
    DropTablespace "drop-tablespace" Medium "reaches beyond this database";
    DropOther "drop-other" Medium "removes what others may still use";

    Insert "insert" Low "adds rows";
    Update "update" Medium "changes rows";
    Delete "delete" High "removes rows";
    // What its actions do is added by the rules.
    Merge "merge" Low "writes rows depending on a comparison";
    Truncate "truncate" High "removes every row";
    // Low unless it calls a function that is not known to be harmless, or writes in WITH.
    Select "select" Low "reads";
    // Rows read from a file of the server are not in the migration, so nobody reviewed them.
    CopyFrom "copy-from" Medium "adds rows that the migration does not show";
    CopyTo "copy-to" Medium "writes a file on the server's machine";

    Call "call" Medium "runs a procedure that was not looked into";
    DoBlock "do-block" Medium "runs code that was not looked into";
    Prepare "prepare" Low "names a statement for later";
    Execute "execute" Medium "runs a statement that was not looked into";
    Deallocate "deallocate" Low "forgets a prepared statement";
    Load "load" Medium "loads code into the server";
    Cursor "cursor" Low "reads through a cursor";
    Explain "explain" Low "shows a query plan";

    Grant "grant" Medium "changes who may do what";
    Revoke "revoke" Medium "changes who may do what";
    ReassignOwned "reassign-owned" Medium "changes who owns what";
    Comment "comment" Low "describes an object";
    SecurityLabel "security-label" Medium "changes who may do what";

    Analyze "analyze" Low "refreshes statistics";
    Vacuum "vacuum" Low "cleans up dead rows";
    Cluster "cluster" Medium "rewrites the table under a lock that blocks reads and writes";
    Reindex "reindex" Medium "rebuilds indexes that are in use";
    RefreshMaterializedView "refresh-materialized-view" Medium "replaces the rows that it holds";
    Checkpoint "checkpoint" Medium "makes the whole server write at once";
    Lock "lock" Medium "blocks others until the transaction ends";

    Set "set" Low "changes a setting";
    SetConstraints "set-constraints" Low "changes when constraints are checked";
    Show "show" Low "reads a setting";
    Discard "discard" Medium "resets the session that the run works in";
    Notify "notify" Low "sends a notification";
    Listen "listen" Low "changes which notifications the session gets";

    ImportForeignSchema "import-foreign-schema" Medium "adds tables that the migration does not show";
    Other "other" Medium "was not looked into";
}

impl StatementKind {
    /// The words that it starts with in SQL, as in `CREATE TABLE`.
    pub fn words(self) -> String {
        #[expect(clippy::wildcard_enum_match_arm, reason = "all others start with their own name")]
        let words = match self {
            Self::CreateOther => "create",
            Self::AlterOther => "alter",
            Self::DropOther => "drop",
            Self::DoBlock => "do",
            Self::CopyFrom => "copy from",
            Self::CopyTo => "copy to",
            Self::Other => "this statement",
            named => named.as_str(),
        };
        words.replace('-', " ").to_uppercase()
    }
}

impl fmt::Display for StatementKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

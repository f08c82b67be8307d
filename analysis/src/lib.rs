//! What SQL means to PostgreSQL, as far as pgbelay has to know before it runs any.
//!
//! [`read()`] turns the text of a migration into a [`Script`]: its statements, each with its place in
//! the file, what it is about, what it destroys, whether it can run inside a transaction, and how
//! risky it is before anything is known about the database. [`assess`] sums that up.
//!
//! The grammar is PostgreSQL's own. The parser crate is named in one module only, `parser`, which
//! turns its nodes into the types of this crate.
//!
//! Not here: the catalog, locks, hazards and their safer ways, files, the network, processes, the
//! clock. The only threads are those that the parser needs for its stack.

#[expect(clippy::wildcard_enum_match_arm, reason = "few of the many kinds of changes are remembered")]
mod analyze;
mod builtin;
mod catalog;
mod depends;
mod digest;
mod error;
mod facts;
mod fragments;
mod guarded;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a rule is about a few statements or changes, and has nothing to say of all others"
)]
mod hazards;
mod impact;
mod kind;
mod pairs;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the grammar's enums hold hundreds of nodes; each function here is about a few of them"
)]
mod parser;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "few of the many statements and actions cannot be in a transaction"
)]
mod pieces;
mod position;
mod read;
mod redact;
mod report;
mod risk;
mod rules;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "objects, constraints and expressions are of many kinds; each function here is about a few of them"
)]
mod simulate;
mod split;
mod statement;
mod syntax;

pub use analyze::{Options, analyze, analyze_next};
pub use catalog::{
    CATALOG_FORMAT, Catalog, CatalogFileError, Check, Column, Constraint, ConstraintKind, Coverage, DataType,
    Dependents, Domain, FactDifference, Function, Generated, Index, IndexKey, Inheritance, Key, Lookup,
    NEWEST_SERVER, Name, OLDEST_SERVER, Partition, PartitionKey, Persistence, Policy, RelId, Relation,
    RelationKind, Rule, Server, Settings, SharedMap, Size, Trigger, TypeDefinition, UnknownServer, ViewUse,
    Volatility, differences,
};
pub use depends::{Edge, Graph, Node, dependencies};
pub use digest::hex as body_digest;
pub use error::ScriptError;
pub use fragments::{parse_bounds, parse_expressions, steady_bodies};
pub use guarded::{FunctionName, Guarded, GuardedStatement, Reach, Reached};
pub use hazards::{HazardInfo, hazard, hazards, nearest, nearest_hazard};
pub use impact::{At, Course, Impact, Rate, Rates, Sizes, Time, Untimed, bytes_in_words};
pub use kind::StatementKind;
pub use pairs::{LostValues, Pair, PairState, Sides, Way, pair, session};
pub use pieces::{Alone, Cut, Mark, Piece, read_pieces, read_pieces_after, without_pieces};
pub use position::Position;
pub use read::{MAX_SCRIPT_BYTES, PARSER_STACK_BYTES, guarded, on_parser_stack, read};
pub use redact::redacted;
pub use report::{
    Allow, AllowProblem, Analysis, Base, Breakage, Hazard, Lock, LockMode, Loss, Severity, Span,
    StatementReport, Work, WorkKind,
};
pub use risk::{Risk, UnknownRisk};
pub use rules::{MAX_REASONS, assess};
pub use statement::{Destroyed, Script, Statement, Transactional};
pub use syntax::{
    BoolOp, Bound, BoundValue, Constant, Expr, FkAction, GeneratedKind, IdentityKind, MAX_EXPR_DEPTH,
    PartitionStrategy, QName, Query, ReplicaIdentity, Source, TypeName,
};

/// The grammar that statements are read with. What a newer server understands beyond it is
/// reported as a syntax error, never as safe.
pub const PARSER_GRAMMAR: &str = "PostgreSQL 18";

//! The decisions of pgbelay: vocabulary, policy, plans, rollouts.
//!
//! Nothing here does I/O or reads a clock: time, identities and randomness are arguments. The controller is a
//! shell around [`decide::decide`], [`evolve::evolve`] and [`outstanding::outstanding`].

pub mod access;
pub mod acknowledge;
pub mod backup;
pub mod chain;
pub mod command;
pub mod database;
pub mod decide;
pub mod digest;
pub mod event;
pub mod evolve;
pub mod history;
pub mod job;
pub mod judge;
pub mod layout;
pub mod migration;
pub mod name;
pub mod notice;
pub mod origin;
pub mod outstanding;
pub mod plan;
pub mod policy;
pub mod proof;
pub mod release;
pub mod request;
pub mod retention;
pub mod rollout;
pub mod state;
pub mod time;
pub mod witness;

pub use pgbelay_analysis::{
    Catalog, Destroyed, Position, Risk, ScriptError, StatementKind, on_parser_stack, without_pieces,
};

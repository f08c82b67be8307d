//! The controller: a shell around the decisions of `pgbelay-core`.
//!
//! A request is decided on, what follows is made durable, and only then does anything leave the process. One thread,
//! the [`sequencer`], owns the state and the ledger; everybody else holds a snapshot.

pub mod blobs;
pub mod ca;
pub mod clock;
pub mod config;
pub mod effects;
pub mod fleet;
pub mod init;
pub mod keeper;
pub mod ledger;
pub mod listener;
mod metrics;
pub mod notify;
pub mod rpc;
pub mod sequencer;
pub mod server;
mod snapshot;
pub mod undo;
pub mod views;

//! How the core behaves as a whole: a controller and its agents without a network, a disk or a clock.
//!
//! `story` runs the golden stories of `tests/stories`; `invariants` holds the promises against random histories.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod agent;
mod invariants;
mod releases;
mod snapshots;
mod states;
mod story;
mod world;

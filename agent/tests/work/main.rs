//! The agent's work on PostgreSQL, on real servers.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on, or gets something else than it expects, has failed"
)]

mod adopting;
mod backup_commands;
mod backup_methods;
mod backups;
mod bad_stores;
mod catalogs;
mod connecting;
mod counting;
mod disks;
mod durability;
mod fingerprints;
mod guarded;
mod hijacks;
mod histories;
mod keeping;
mod locks;
mod losing;
mod measuring;
mod old_tables;
mod pieces;
mod proxy;
mod recovering;
mod rehearsing;
mod restoring;
mod running;
mod sealing;
mod storing;
mod touched;
mod trying;
mod verifying;
mod world;

//! End-to-end tests: real PostgreSQL, real processes, real certificates. One module for each feature.

mod access;
mod backups;
mod bad_input;
mod exit_codes;
mod happy;
mod health;
mod judging;
mod kills;
mod layouts;
mod ledger;
mod pieces;
mod retention;
mod samples;

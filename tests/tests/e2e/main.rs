//! End-to-end tests: real PostgreSQL, real processes, real certificates. One module for each feature.

mod access;
mod audit;
mod backups;
mod bad_input;
mod exit_codes;
mod happy;
mod health;
mod judging;
mod kills;
mod large;
mod layouts;
mod ledger;
mod pieces;
mod policies;
mod rehearsing;
mod restores;
mod retention;
mod samples;
mod sealing;
mod soaking;
mod stores;
mod verifying;
mod watching;
mod waves;
mod witness;

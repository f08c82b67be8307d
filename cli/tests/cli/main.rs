//! The command line against a controller that says what the test wants: real TLS, real gRPC, scripted answers.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on is a test that fails")]

mod adopting;
mod commands;
mod connection;
mod controller;
mod lint;
mod person;
mod running;
mod watching;

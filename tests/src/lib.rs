//! The testkit: what end-to-end tests need of the real world. Real PostgreSQL servers, real processes, directories
//! that clean up after themselves, and waiting for a condition with a deadline.
//!
//! Every server, process and directory belongs to one test, so tests run in parallel; what a failed test leaves
//! (logs, data directory) stays and is named on stderr.

pub mod observe;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod s3;
pub mod scratch;
pub mod tools;
pub mod wait;
pub mod world;

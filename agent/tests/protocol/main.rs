//! The agent as its controller sees it: a real agent, over the real mTLS channel, against a controller that the test
//! plays. The database is played as well, so that it fails exactly when the test wants it to.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod commands;
mod controller;
mod enrolment;
mod guarded;
mod jobs;
mod links;
mod probes;
mod real;
mod recovery;
mod renewal;
mod shutdown;
mod site;
mod world;

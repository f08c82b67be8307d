//! A whole controller in this process, over real sockets with real certificates. Agents are played by the tests:
//! what they say, and when, is what is under test.

mod adopting;
mod asking;
mod enrolment;
mod gate;
mod holding;
mod judging;
mod keeping;
mod keys;
mod metrics;
mod notify;
mod operators;
mod policies;
mod quarantine;
mod rollouts;
mod sessions;
mod setup;
mod shutdown;
mod sight;
mod sizes;
mod unknown;
mod witness;
mod world;

//! Every process is killed at every step of a run, and started again as a supervisor would. Nobody helps: afterwards
//! each migration is recorded once or not at all, the schema agrees with the record, and the rollout is over.
//!
//! No hooks in the product: a test holds a lock that the step runs into, stops a process with a signal, or holds what
//! goes over a connection.

mod agent;
mod at_random;
mod commit;
mod controller;
mod hold;
mod lease;
mod postgres;
mod stage;
mod truth;

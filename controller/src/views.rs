//! From the state and the live sessions to what people and programs read.

use pgbelay_proto::wire;

mod along;
pub mod backup;
pub mod fleet;
pub mod history;
pub mod impact;
pub mod job;
pub mod operator;
pub(crate) mod parts;
pub mod plan;
pub mod policy;
pub mod rollout;
pub mod waves;

/// A failure as people read it.
pub(crate) fn failure(failure: wire::Failure) -> wire::FailureView {
    wire::FailureView {
        kind: failure.kind,
        version: failure.version,
        message: failure.message,
        hint: failure.hint,
        sqlstate: failure.sqlstate,
        line: failure.line,
        blockers: failure.blockers,
    }
}

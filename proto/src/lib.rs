//! How the processes of pgbelay talk: the contract, its conversions, the mTLS channel and identity.
//!
//! Wire messages are turned into the types of `pgbelay-core` here and nowhere else; inside, nothing is checked again.

pub mod channel;
pub mod checkpoint;
pub mod codec;
pub mod convert;
pub mod credentials;
pub mod csr;
pub mod identity;
pub mod signing;
pub mod status;
pub mod tls;
pub mod token;

/// The generated types and services of the contract. What they mean stands in `pgbelay/v1/*.proto`.
#[expect(
    missing_docs,
    unused_qualifications,
    clippy::allow_attributes,
    clippy::large_enum_variant,
    clippy::too_many_lines,
    reason = "generated; the documentation is the .proto files"
)]
pub mod wire {
    tonic::include_proto!("pgbelay.v1");
}

/// The contract as a descriptor set: for reflection, and for the tests that no method is forgotten.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The version of the agent protocol that this program speaks.
pub const PROTOCOL: u32 = 1;

/// Largest message in either direction: the largest file of SQL that is taken, and room for its circumstances.
pub const MAX_MESSAGE_BYTES: usize = 4 << 20;

/// Largest schema of a database, as JSON. Ten thousand tables with ten columns and two indexes each stay below it, and
/// it fits into an answer to an operator.
pub const MAX_CATALOG_BYTES: usize = 48 << 20;

/// Largest part of a schema on the way from an agent: each is a sign of life, and one takes less than the time after
/// which an agent is given up (16 s) on a line of a megabit.
pub const CATALOG_PART_BYTES: usize = 1 << 20;

/// Largest answer to an operator. A rollout is shown whole: 4,000 databases with a hundred migrations each take
/// 20 MiB, and there is no page of a rollout that would mean anything. What comes in stays below
/// [`MAX_MESSAGE_BYTES`].
pub const MAX_ANSWER_BYTES: usize = 64 << 20;

//! How a refusal or failure of the operator service crosses the network: a gRPC status, with the kind and the next
//! step in its metadata.
//!
//! Metadata is ASCII, so the next step is percent-encoded; both texts are cut to a bound, because a client takes
//! only so many bytes of headers.

use std::error::Error as StdError;
use std::fmt;

use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

use crate::channel::MAX_HEADER_LIST;

/// Names the [`RemoteKind`] in a status.
pub const KIND_HEADER: &str = "pgbelay-kind";
/// What to do next, percent-encoded UTF-8.
pub const NEXT_HEADER: &str = "pgbelay-next";
/// Longest message, encoded: half of the headers that a client takes.
pub const MAX_MESSAGE_LEN: usize = MAX_HEADER_LIST as usize / 2;
/// Longest next step, encoded: with the message it leaves a quarter of the headers for everything else.
pub const MAX_NEXT_LEN: usize = MAX_HEADER_LIST as usize / 4;

const CUT: &str = "…";

/// What kind of failure it is: what a client branches on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteKind {
    /// What was asked for does not exist or makes no sense.
    Usage,
    /// Policy, window, stale plan, something else at work.
    Refused,
    /// Somebody has to approve first.
    Approval,
    /// This identity may not ask for it.
    NotAllowed,
    /// It was asked for, and what came of it cannot be told.
    Unknown,
    /// A fault of the controller.
    Internal,
    /// The controller did not answer, or cannot serve yet. Also what a broken connection is read as.
    Unreachable,
}

/// A failure as the controller told it, or as the connection to it failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RemoteError {
    /// What kind it is.
    pub kind: RemoteKind,
    /// What happened.
    pub message: String,
    /// What to do next; may be empty.
    pub next_step: String,
}

impl RemoteKind {
    const ALL: [Self; 7] = [
        Self::Usage,
        Self::Refused,
        Self::Approval,
        Self::NotAllowed,
        Self::Unknown,
        Self::Internal,
        Self::Unreachable,
    ];

    /// The word that stands for it in metadata and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Refused => "refused",
            Self::Approval => "approval",
            Self::NotAllowed => "not-allowed",
            Self::Unknown => "unknown",
            Self::Internal => "internal",
            Self::Unreachable => "unreachable",
        }
    }

    const fn code(self) -> Code {
        match self {
            Self::Usage => Code::InvalidArgument,
            Self::Refused | Self::Approval => Code::FailedPrecondition,
            Self::NotAllowed => Code::PermissionDenied,
            Self::Unknown => Code::Unknown,
            Self::Internal => Code::Internal,
            Self::Unreachable => Code::Unavailable,
        }
    }

    /// For a status without our metadata: from a proxy, from gRPC itself, or from the client's own machinery.
    const fn of_code(code: Code) -> Self {
        match code {
            Code::InvalidArgument | Code::NotFound | Code::OutOfRange | Code::Unimplemented => Self::Usage,
            Code::FailedPrecondition | Code::AlreadyExists | Code::Aborted | Code::ResourceExhausted => {
                Self::Refused
            }
            Code::PermissionDenied | Code::Unauthenticated => Self::NotAllowed,
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => Self::Unreachable,
            Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss => Self::Internal,
        }
    }
}

impl fmt::Display for RemoteKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl RemoteError {
    /// The failure as a status.
    #[must_use]
    pub fn to_status(&self) -> Status {
        let mut status = Status::new(self.kind.code(), cut(&self.message, MAX_MESSAGE_LEN));
        let metadata = status.metadata_mut();
        metadata.insert(KIND_HEADER, MetadataValue::from_static(self.kind.as_str()));
        let next = encode(&cut(&self.next_step, MAX_NEXT_LEN));
        if let (false, Ok(value)) = (next.is_empty(), next.parse()) {
            metadata.insert(NEXT_HEADER, value);
        }
        status
    }

    /// Reads a status, from whoever it comes.
    #[must_use]
    pub fn from_status(status: &Status) -> Self {
        let text = |key| status.metadata().get(key).and_then(|value| value.to_str().ok());
        let named =
            text(KIND_HEADER).and_then(|word| RemoteKind::ALL.into_iter().find(|k| k.as_str() == word));
        // A status that came over the network has no source: one that has was made here, by a connection that broke.
        let kind = match (named, status.source()) {
            (Some(kind), _) => kind,
            (None, Some(_)) => RemoteKind::Unreachable,
            (None, None) => RemoteKind::of_code(status.code()),
        };
        let message = match status.message() {
            "" => status.code().description().to_owned(),
            message => message.to_owned(),
        };
        let next_step = text(NEXT_HEADER).map(decode).unwrap_or_default();
        Self { kind, message: with_causes(message, status.source()), next_step }
    }
}

/// The words of a transport error say little ("transport error"); its causes say what broke.
fn with_causes(message: String, source: Option<&(dyn StdError + 'static)>) -> String {
    let causes = std::iter::successors(source, |&error| error.source());
    causes
        .map(ToString::to_string)
        .fold(message, |text, cause| if text.contains(&cause) { text } else { format!("{text}: {cause}") })
}

const fn plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~')
}

fn encode(text: &str) -> String {
    let one = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

/// What does not decode stays as it is: half a hint is better than none.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut decoded, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        let digits = (byte == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(value) => {
                decoded.push(value);
                at += 3;
            }
            None => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// The text, or as much of its start as has `limit` bytes when encoded, with a mark that it was cut.
fn cut(text: &str, limit: usize) -> String {
    let cost = |c: char| encode(c.encode_utf8(&mut [0; 4])).len();
    if text.chars().map(cost).sum::<usize>() <= limit {
        return text.to_owned();
    }
    let mut left = limit.saturating_sub(encode(CUT).len());
    let fits = |c: &char| match left.checked_sub(cost(*c)) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    let kept: String = text.chars().take_while(fits).collect();
    kept + CUT
}

#[cfg(test)]
mod tests;

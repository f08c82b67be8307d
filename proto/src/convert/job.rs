//! Jobs, and how they end.

use std::fmt;

use pgbelay_core::backup::BackupId;
use pgbelay_core::digest::Digest;
use pgbelay_core::job::{Destination, JobEnd, JobId, Restored};
use pgbelay_core::time::Span;

use super::{BadMessage, missing, parse};
use crate::tls::Secret;
use crate::wire;
use crate::wire::destination;
use crate::wire::job_ended::End;

/// A job as an agent reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireJob {
    /// Its identity.
    pub id: JobId,
    /// What the backup is called.
    pub backup: BackupId,
    /// Where it is.
    pub path: String,
    /// The digest of its manifest.
    pub sha256: Digest,
    /// Where its contents go.
    pub into: Destination,
    /// What opens the backup, where it is encrypted.
    pub key: Option<Secret>,
}

impl fmt::Debug for wire::BackupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl From<wire::BackupKey> for Secret {
    fn from(key: wire::BackupKey) -> Self {
        Self::new(key.text)
    }
}

impl From<&Secret> for wire::BackupKey {
    fn from(key: &Secret) -> Self {
        Self { text: key.expose().to_owned() }
    }
}

impl TryFrom<wire::StartJob> for WireJob {
    type Error = BadMessage;
    fn try_from(job: wire::StartJob) -> Result<Self, BadMessage> {
        Ok(Self {
            id: parse("id", &job.id)?,
            backup: job.backup,
            path: job.path,
            sha256: parse("sha256", &job.sha256)?,
            into: job.into.ok_or_else(|| missing("into"))?.try_into()?,
            key: job.key.map(Secret::from),
        })
    }
}

impl From<WireJob> for wire::StartJob {
    fn from(job: WireJob) -> Self {
        Self {
            id: job.id.to_string(),
            backup: job.backup,
            path: job.path,
            sha256: job.sha256.to_string(),
            into: Some((&job.into).into()),
            key: job.key.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<wire::Destination> for Destination {
    type Error = BadMessage;
    fn try_from(destination: wire::Destination) -> Result<Self, BadMessage> {
        Ok(match destination.into.ok_or_else(|| missing("into"))? {
            destination::Into::Scratch(destination::Scratch {}) => Self::Scratch,
            destination::Into::NewDatabase(new) => Self::New { name: new.name },
            destination::Into::Tables(some) => Self::Tables { tables: some.tables, schema: some.schema },
            destination::Into::InPlace(place) => Self::InPlace { cut_off: place.cut_off },
        })
    }
}

impl From<&Destination> for wire::Destination {
    fn from(destination: &Destination) -> Self {
        let into = match destination {
            Destination::Scratch => destination::Into::Scratch(destination::Scratch {}),
            Destination::New { name } => {
                destination::Into::NewDatabase(destination::NewDatabase { name: name.clone() })
            }
            Destination::Tables { tables, schema } => destination::Into::Tables(destination::SomeTables {
                tables: tables.clone(),
                schema: schema.clone(),
            }),
            Destination::InPlace { cut_off } => {
                destination::Into::InPlace(destination::InPlace { cut_off: cut_off.clone() })
            }
        };
        Self { into: Some(into) }
    }
}

impl TryFrom<End> for JobEnd {
    type Error = BadMessage;
    fn try_from(end: End) -> Result<Self, BadMessage> {
        Ok(match end {
            End::Restored(restored) => Self::Restored(restored.try_into()?),
            End::Failed(wire::JobFailed { message, hint, problems }) => {
                Self::Failed { message, hint, problems }
            }
            End::Cancelled(wire::JobCancelled {}) => Self::Cancelled,
            End::Interrupted(wire::JobInterrupted { why }) => Self::Interrupted { why },
        })
    }
}

impl From<&JobEnd> for End {
    fn from(end: &JobEnd) -> Self {
        match end {
            JobEnd::Restored(restored) => Self::Restored(restored.into()),
            JobEnd::Failed { message, hint, problems } => Self::Failed(wire::JobFailed {
                message: message.clone(),
                hint: hint.clone(),
                problems: problems.clone(),
            }),
            JobEnd::Cancelled => Self::Cancelled(wire::JobCancelled {}),
            JobEnd::Interrupted { why } => Self::Interrupted(wire::JobInterrupted { why: why.clone() }),
        }
    }
}

impl TryFrom<wire::Restored> for Restored {
    type Error = BadMessage;
    fn try_from(restored: wire::Restored) -> Result<Self, BadMessage> {
        let observation = restored.observation.map(TryInto::try_into).transpose()?;
        Ok(Self {
            location: restored.location,
            kept: restored.kept,
            counted: restored.counted,
            sampled: restored.sampled,
            rows: restored.rows,
            schema_doubt: restored.schema_doubt,
            notes: restored.notes,
            took: Span(restored.took_ms),
            observation: observation.map(Box::new),
        })
    }
}

impl From<&Restored> for wire::Restored {
    fn from(restored: &Restored) -> Self {
        Self {
            location: restored.location.clone(),
            kept: restored.kept.clone(),
            counted: restored.counted,
            sampled: restored.sampled,
            rows: restored.rows,
            schema_doubt: restored.schema_doubt.clone(),
            notes: restored.notes.clone(),
            took_ms: restored.took.0,
            observation: restored.observation.as_deref().map(Into::into),
        }
    }
}

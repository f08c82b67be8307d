//! The SQL of a command, fetched by digest and believed only when the digest is right.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use pgbelay_core::digest::Digest;
use pgbelay_proto::MAX_MESSAGE_BYTES;
use pgbelay_proto::wire;
use pgbelay_proto::wire::agent_service_client::AgentServiceClient;
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::backoff::Backoff;

/// All SQL of one command or probe. Releases are read by people; this is hundreds of times what they read.
const MAX_BYTES: usize = 256 << 20;
/// Fetches at once: the controller lets an agent have four calls, of which one is the session and one a renewal.
const AT_ONCE: usize = 2;
/// Between tries while the controller is away.
const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Why there is no SQL.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// The controller does not give it.
    #[error("the controller does not give the SQL: {why}")]
    Refused {
        /// Its words.
        why: String,
    },
    /// The controller gave less than was asked for.
    #[error("the controller does not have the SQL {}", .0.short())]
    Missing(Digest),
    /// What it gave is something else.
    #[error("the controller gave other SQL than the plan names for {digest}")]
    Other {
        /// The digest that it gave it for.
        digest: String,
    },
    /// It isn't text.
    #[error("the SQL {} is not UTF-8", .0.short())]
    NotText(Digest),
    /// There is too much of it.
    #[error("the SQL is larger than {} MiB in all", MAX_BYTES >> 20)]
    TooMuch,
    /// It did not come in time.
    #[error("the SQL did not arrive within {within:?} ({last})")]
    TooLate {
        /// How long was waited.
        within: Duration,
        /// What went wrong last.
        last: String,
    },
}

/// A failure that another connection may cure.
enum Try {
    Again(String),
    Never(FetchError),
}

impl From<FetchError> for Try {
    fn from(error: FetchError) -> Self {
        Self::Never(error)
    }
}

impl From<Status> for Try {
    fn from(status: Status) -> Self {
        let why = || status.message().to_owned();
        match status.code() {
            Code::NotFound | Code::PermissionDenied | Code::InvalidArgument | Code::FailedPrecondition => {
                Self::Never(FetchError::Refused { why: why() })
            }
            Code::Ok
            | Code::Cancelled
            | Code::Unknown
            | Code::DeadlineExceeded
            | Code::AlreadyExists
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
            | Code::Unauthenticated => Self::Again(why()),
        }
    }
}

/// Where SQL comes from: whatever connection there is at the moment.
#[derive(Debug, Clone)]
pub(crate) struct SqlSource {
    channel: watch::Receiver<Option<Channel>>,
    turn: Arc<Semaphore>,
    deadline: Duration,
}

impl SqlSource {
    pub(crate) fn new(channel: watch::Receiver<Option<Channel>>, deadline: Duration) -> Self {
        Self { channel, turn: Arc::new(Semaphore::new(AT_ONCE)), deadline }
    }

    /// Fetches these files, across lost connections, within the deadline.
    pub(crate) async fn fetch(
        &self,
        wanted: &BTreeSet<Digest>,
    ) -> Result<BTreeMap<Digest, String>, FetchError> {
        if wanted.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut last = "the controller is not connected".to_owned();
        let fetched = timeout(self.deadline, self.fetch_until_done(wanted, &mut last)).await;
        fetched.unwrap_or(Err(FetchError::TooLate { within: self.deadline, last }))
    }

    async fn fetch_until_done(
        &self,
        wanted: &BTreeSet<Digest>,
        last: &mut String,
    ) -> Result<BTreeMap<Digest, String>, FetchError> {
        let mut backoff = Backoff::new(RETRY.0, RETRY.1);
        loop {
            match self.try_once(wanted).await {
                Ok(found) => return Ok(found),
                Err(Try::Never(error)) => return Err(error),
                Err(Try::Again(why)) => *last = why,
            }
            sleep(backoff.next()).await;
        }
    }

    /// Waits for a connection. `None`: there will be none.
    async fn connected(&self) -> Option<Channel> {
        let mut channel = self.channel.clone();
        channel.wait_for(Option::is_some).await.ok()?.clone()
    }

    async fn try_once(&self, wanted: &BTreeSet<Digest>) -> Result<BTreeMap<Digest, String>, Try> {
        let again = |why: &str| Try::Again(why.to_owned());
        let _turn = self.turn.acquire().await.map_err(|_| again("the agent is stopping"))?;
        let channel = self.connected().await.ok_or_else(|| again("the controller is not connected"))?;
        let mut client = AgentServiceClient::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES);
        let digests = wanted.iter().map(ToString::to_string).collect();
        let mut files = client.fetch_sql(wire::FetchSqlRequest { digests }).await?.into_inner();
        let (mut found, mut bytes) = (BTreeMap::new(), 0usize);
        while let Some(file) = files.message().await? {
            bytes = bytes.saturating_add(file.sql.len());
            if bytes > MAX_BYTES {
                return Err(FetchError::TooMuch.into());
            }
            let (digest, text) = checked(file, wanted)?;
            found.insert(digest, text);
        }
        match wanted.iter().find(|digest| !found.contains_key(digest)) {
            Some(missing) => Err(FetchError::Missing(*missing).into()),
            None => Ok(found),
        }
    }
}

fn checked(file: wire::SqlFile, wanted: &BTreeSet<Digest>) -> Result<(Digest, String), FetchError> {
    let digest = Digest::of(&file.sql);
    if file.digest != digest.to_string() || !wanted.contains(&digest) {
        return Err(FetchError::Other { digest: file.digest });
    }
    let text = String::from_utf8(file.sql).map_err(|_| FetchError::NotText(digest))?;
    Ok((digest, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(digest: Digest, sql: &[u8]) -> wire::SqlFile {
        wire::SqlFile { digest: digest.to_string(), sql: sql.to_vec() }
    }

    #[test]
    fn sql_is_believed_only_for_its_own_digest() {
        let digest = Digest::of("select 1");
        let wanted = BTreeSet::from([digest, Digest::of([0xff])]);
        let (found, text) = checked(file(digest, b"select 1"), &wanted).unwrap();
        assert_eq!((found, text.as_str()), (digest, "select 1"));
        for other in [file(digest, b"select 2"), file(Digest::of("x"), b"x")] {
            assert!(matches!(checked(other, &wanted), Err(FetchError::Other { .. })));
        }
        let binary = checked(file(Digest::of([0xff]), &[0xff]), &wanted);
        assert!(matches!(binary, Err(FetchError::NotText(_))));
    }

    #[tokio::test]
    async fn a_controller_that_stays_away_is_waited_for_and_then_not() {
        let (_channel, connected) = watch::channel(None);
        let source = SqlSource::new(connected, Duration::from_millis(50));
        let error = source.fetch(&BTreeSet::from([Digest::of("x")])).await.unwrap_err();
        assert_eq!(error.to_string(), "the SQL did not arrive within 50ms (the controller is not connected)");
        assert!(source.fetch(&BTreeSet::new()).await.unwrap().is_empty());
    }
}

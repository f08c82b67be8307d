//! The ledger as a record: entries for whoever asks what happened, its chain checked, its end signed.
//!
//! It is read on a connection of its own, page by page, so that the writer is not held up by a reader of a million
//! entries; nothing of it is kept in memory but what is on its way.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, future, stream};
use pgbelay_core::access::Role;
use pgbelay_core::decide::believed;
use pgbelay_core::event::Actor;
use pgbelay_core::request::Refusal;
use pgbelay_core::time::Span;
use pgbelay_core::witness::{Checkpoint, Finding, Looked, Standing};
use pgbelay_proto::tls::Credentials;
use pgbelay_proto::{signing, wire};
use prost::Message as _;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::timeout;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::{Answer, OperatorsService, Services, internal, not_granted, operator, refused, usage};
use crate::clock::{self, rfc3339};
use crate::ledger::{Entry, LedgerError, LedgerReader};
use crate::rpc::bad;
use filter::{Filter, Newest};

mod filter;

/// Readings at a time: each keeps a thread and the disk busy for seconds.
pub(crate) const AT_ONCE: usize = 4;

/// Entries that wait for whoever reads: an entry may have megabytes.
const AHEAD: usize = 8;

/// Entries that are read in one go.
const PAGE: usize = 500;

/// Most entries that can be asked for as the newest: they are held in memory.
const MAX_NEWEST: usize = 10_000;

/// Bytes of the bodies of the newest that are held in memory.
const MAX_NEWEST_BYTES: usize = 64 << 20;

/// How long is waited for whoever reads, in all, beside what their entries take at [`SLOWEST`].
const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes a second that whoever reads must take: a slow line has ten times as many, and a turn is not kept from others
/// by somebody who takes an entry a minute.
const SLOWEST: u64 = 4 << 10;

/// How long a turn is waited for.
const TURN: Duration = Duration::from_secs(20);

/// How long the certificate counts that a checkpoint is signed with: only its signature is looked at, however old.
const SIGNING: Span = Span::hours(1);

/// Entries on their way to somebody.
pub(super) type Entries = Pin<Box<dyn Stream<Item = Result<wire::AuditEntry, Status>> + Send>>;

type Sender = mpsc::Sender<wire::AuditEntry>;

/// The record is of every environment, so that it is for those who may see all of them.
fn may_see_all<T>(service: &OperatorsService, request: &Request<T>) -> Result<(), Status> {
    let (state, name) = (service.services.state()?, operator(request)?);
    state.allow(&name, Role::Viewer, None).map_err(|refusal| refused(&refusal))?;
    if state.operators.get(&name).is_some_and(|operator| operator.environments.is_none()) {
        return Ok(());
    }
    let (who, place) = (format!("operator/{name}"), " in every environment".to_owned());
    Err(refused(&Refusal::NotAllowed { who, needed: Role::Viewer, place }))
}

pub(super) async fn turn(services: &Services) -> Result<OwnedSemaphorePermit, Status> {
    let turn = timeout(TURN, Arc::clone(&services.audits).acquire_owned()).await;
    let turn =
        turn.map_err(|_| Status::resource_exhausted("the ledger is being read by too many at once"))?;
    turn.map_err(|_| internal("the turns to read the ledger have ended".to_owned()))
}

/// Sends the entries that are asked for, the oldest first.
pub(super) fn read(service: &OperatorsService, request: Request<wire::ReadAuditRequest>) -> Answer<Entries> {
    may_see_all(service, &request)?;
    let asked = request.into_inner();
    let newest = asked.newest as usize;
    if newest > MAX_NEWEST {
        return Err(usage(&format!("at most the newest {MAX_NEWEST} entries can be asked for: export them")));
    }
    let (after, filter) = (asked.after, Filter::new(asked));
    let (sender, entries) = mpsc::channel(AHEAD);
    // What went wrong comes after the entries that wait: it needs no room among them.
    let (end, ended) = oneshot::channel();
    let services = service.services.clone();
    tokio::spawn(async move {
        if let Err(status) = tell(&services, filter, (after, newest), sender).await {
            drop(end.send(status));
        }
    });
    let end = stream::once(ended).filter_map(|status| future::ready(status.ok().map(Err)));
    Ok(Response::new(Box::pin(ReceiverStream::new(entries).map(Ok).chain(end))))
}

async fn tell(
    services: &Services,
    filter: Filter,
    (after, newest): (u64, usize),
    sender: Sender,
) -> Result<(), Status> {
    let (turn, path, handle) = (turn(services).await?, Arc::clone(&services.ledger), Handle::current());
    let reading = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let reader = LedgerReader::open(&path).map_err(|error| unread(&error))?;
        let mut sink = Sink { sender, handle, pace: Pace::default() };
        if newest == 0 {
            all(&reader, filter, after, &mut sink)
        } else {
            last(&reader, filter, (after, newest), &mut sink)
        }
    });
    tokio::select! {
        ended = reading => ended.map_err(|_| internal("the reading broke".to_owned()))?,
        () = services.stop.cancelled() => Err(crate::rpc::stopping()),
    }
}

pub(super) fn unread(error: &LedgerError) -> Status {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    internal(format!("{error}{cause}"))
}

/// How far whoever reads has come, and how long they were waited for.
#[derive(Debug, Default)]
struct Pace {
    taken: u64,
    waited: Duration,
}

impl Pace {
    /// How much longer they are waited for.
    fn left(&self) -> Duration {
        let earned = Duration::from_millis(self.taken.saturating_mul(1_000) / SLOWEST);
        (PATIENCE + earned).saturating_sub(self.waited)
    }
}

/// Where entries go, from a thread that may wait.
struct Sink {
    sender: Sender,
    handle: Handle,
    pace: Pace,
}

impl Sink {
    /// Whether anybody still takes them.
    fn send(&mut self, entry: Entry) -> Result<bool, Status> {
        let entry = view(entry);
        let (bytes, begun) = (entry.encoded_len() as u64, Instant::now());
        let sent = self.handle.block_on(timeout(self.pace.left(), self.sender.send(entry)));
        self.pace.waited += begun.elapsed();
        self.pace.taken += bytes;
        match sent {
            Ok(sent) => Ok(sent.is_ok()),
            Err(_) => Err(Status::resource_exhausted(
                "the entries are taken too slowly, and others wait to read the ledger: read on after the last one that came, \
                 or ask for fewer",
            )),
        }
    }
}

fn all(reader: &LedgerReader, mut filter: Filter, after: u64, sink: &mut Sink) -> Result<(), Status> {
    let left = sink.sender.clone();
    walk(reader, after, |entry| if filter.takes(&entry) { sink.send(entry) } else { Ok(true) }, &left)
}

fn last(
    reader: &LedgerReader,
    mut filter: Filter,
    (after, newest): (u64, usize),
    sink: &mut Sink,
) -> Result<(), Status> {
    let head = reader.head().map_err(|error| unread(&error))?;
    // Without a filter it is known where they begin.
    let after = if filter.takes_all() { after.max(head.seq.saturating_sub(newest as u64)) } else { after };
    let mut kept = Newest::new(newest, MAX_NEWEST_BYTES);
    let mut take = |entry: Entry| {
        if filter.takes(&entry) {
            kept.push(entry);
        }
        Ok(true)
    };
    walk(reader, after, &mut take, &sink.sender)?;
    for entry in kept {
        if !sink.send(entry)? {
            return Ok(());
        }
    }
    Ok(())
}

/// Every entry after one, until `each` says that it is enough or nobody waits any more.
fn walk(
    reader: &LedgerReader,
    after: u64,
    mut each: impl FnMut(Entry) -> Result<bool, Status>,
    sender: &Sender,
) -> Result<(), Status> {
    let mut last = after;
    loop {
        let page = reader.read(last, PAGE).map_err(|error| unread(&error))?;
        let Some(end) = page.last().map(|entry| entry.seq) else { return Ok(()) };
        if sender.is_closed() {
            return Ok(());
        }
        for entry in page {
            if !each(entry)? {
                return Ok(());
            }
        }
        last = end;
    }
}

fn view(entry: Entry) -> wire::AuditEntry {
    wire::AuditEntry {
        seq: entry.seq,
        event_id: entry.event_id.to_string(),
        at_ms: entry.at.0,
        actor: entry.actor,
        kind: entry.kind,
        version: entry.version,
        critical: entry.critical,
        body: entry.body,
        prev_hash: entry.prev_hash.to_string(),
        hash: entry.hash.to_string(),
    }
}

/// Reads the ledger again, all of it. What is wrong with it is an answer, not an error.
pub(super) async fn verify(
    service: &OperatorsService,
    request: Request<wire::VerifyLedgerRequest>,
) -> Answer<wire::VerifyLedgerResponse> {
    may_see_all(service, &request)?;
    let wanted = request.into_inner().checkpoint.map(Checkpoint::try_from).transpose();
    let wanted = wanted.map_err(|error| bad(&error))?;
    let services = &service.services;
    let (turn, path, stop) = (turn(services).await?, Arc::clone(&services.ledger), services.stop.clone());
    let reading = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        LedgerReader::open(&path)?.verify(|_| !stop.is_cancelled())
    });
    let read = reading.await.map_err(|_| internal("the reading broke".to_owned()))?;
    let (head, problem) = match read {
        Ok(Some(head)) => (Some(head), None),
        Ok(None) => return Err(crate::rpc::stopping()),
        Err(LedgerError::Damaged(damage)) => (None, Some(damage.to_string())),
        Err(error @ LedgerError::Store(_)) => return Err(unread(&error)),
    };
    let looked =
        services.controller.look(wanted.map_or(0, |wanted| wanted.seq)).await.map_err(not_granted)?;
    let problem = problem.or_else(|| wanted.and_then(|wanted| lacks(&wanted, &looked)));
    Ok(Response::new(wire::VerifyLedgerResponse {
        ledger: looked.head.incarnation.to_string(),
        seq: head.as_ref().map_or(0, |head| head.seq),
        hash: head.map(|head| head.hash.to_string()).unwrap_or_default(),
        sound: problem.is_none(),
        problem: problem.unwrap_or_default(),
    }))
}

/// What is wrong with the ledger, as a checkpoint shows it.
fn lacks(wanted: &Checkpoint, looked: &Looked) -> Option<String> {
    let finding = match wanted.against(looked) {
        Standing::Has => return None,
        Standing::Superseded => {
            return Some(format!("it does not have {wanted}: an admin has accepted it without that since"));
        }
        Standing::Lacks(finding) => finding,
    };
    Some(match finding {
        Finding::Beyond => format!("it ends before {wanted}: it was cut off, or is an old copy"),
        Finding::Forked => format!("it has another entry in the place of {wanted}"),
        Finding::Foreign => format!("it is another ledger than that of {wanted}"),
    })
}

/// Where the ledger is, signed.
pub(super) async fn sign<T>(
    service: &OperatorsService,
    request: &Request<T>,
) -> Answer<wire::SignedCheckpoint> {
    may_see_all(service, request)?;
    let services = &service.services;
    let Looked { head, .. } = services.controller.look(0).await.map_err(not_granted)?;
    let asks = Actor::Operator(operator(request)?);
    believed(&*services.state()?, &asks).map_err(|refusal| refused(&refusal))?;
    let now = clock::now();
    let failed = |error: &dyn std::fmt::Display| internal(format!("failed to sign the checkpoint: {error}"));
    let own = services.authority.issue_controller(&services.name, now, SIGNING);
    let own = own.map_err(|error| failed(&error))?;
    let credentials = Credentials {
        ca_pem: services.authority.certificate_pem().to_owned(),
        certificate_pem: own.certificate_pem.clone(),
        key_pem: own.key_pem,
    };
    let mut signed = wire::SignedCheckpoint {
        ledger: head.incarnation.to_string(),
        acceptances: head.acceptances,
        seq: head.seq,
        hash: head.hash.to_string(),
        time: rfc3339(now),
        controller: services.name.to_string(),
        certificate_pem: own.certificate_pem,
        signature: String::new(),
    };
    let text = pgbelay_proto::checkpoint::text(&signed);
    let signature = signing::sign(&credentials, text.as_bytes()).map_err(|error| failed(&error))?;
    signed.signature = pgbelay_proto::checkpoint::hex(&signature);
    Ok(Response::new(signed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: u64, bytes: usize) -> Entry {
        Entry {
            seq,
            event_id: uuid::Uuid::nil(),
            at: pgbelay_core::time::Timestamp(0),
            actor: "controller".to_owned(),
            kind: "plan-created".to_owned(),
            version: 1,
            critical: true,
            body: "x".repeat(bytes),
            prev_hash: pgbelay_core::digest::Digest::of(""),
            hash: pgbelay_core::digest::Digest::of(""),
        }
    }

    #[test]
    fn whoever_takes_an_entry_a_minute_is_not_waited_for_long() {
        let mut pace = Pace::default();
        let mut minutes = 0;
        while pace.left() >= Duration::from_secs(59) {
            (pace.waited, pace.taken) = (pace.waited + Duration::from_secs(60), pace.taken + 500);
            minutes += 1;
        }
        assert_eq!(minutes, 1);
        // A slow line may take all day.
        let mut pace = Pace::default();
        for _ in 0..100_000 {
            (pace.waited, pace.taken) = (pace.waited + Duration::from_secs(1), pace.taken + SLOWEST);
        }
        assert_eq!(pace.left(), PATIENCE);
    }

    #[tokio::test]
    async fn a_reading_that_is_given_up_says_so() {
        let (sender, mut taken) = mpsc::channel(1);
        let waited = PATIENCE;
        let mut sink = Sink { sender, handle: Handle::current(), pace: Pace { taken: 0, waited } };
        let sent = tokio::task::spawn_blocking(move || {
            let first = sink.send(entry(1, 10));
            (first, sink.send(entry(2, 10)))
        });
        let (first, second) = sent.await.unwrap();
        assert!(first.unwrap());
        assert_eq!(second.unwrap_err().code(), tonic::Code::ResourceExhausted);
        assert_eq!(taken.recv().await.unwrap().seq, 1);
    }
}

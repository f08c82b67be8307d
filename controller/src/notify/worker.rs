//! One endpoint: from its place in the ledger to the newest entry, message by message.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pgbelay_core::event::Event;
use pgbelay_core::state::State;
use pgbelay_core::time::Timestamp;
use pgbelay_proto::wire;

use super::NotifyTiming;
use super::endpoint::Endpoint;
use super::http::{PostError, post};
use super::message::{Message, messages};
use super::progress::{Progress, ProgressFile, Skipped};
use crate::clock::{self, rfc3339};
use crate::config::Home;
use crate::ledger::{Entry, LedgerError, LedgerReader};
use crate::sequencer::Controller;

/// Entries that are looked at in one go.
const PAGE: usize = 200;

/// Of entries of which nothing is told, every so many are noted on disk: a restart looks at those after that again.
const QUIET: u64 = 1_000;

/// How long after the disk or the ledger failed it is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// An endpoint and how far it has come.
pub(super) struct Worker {
    pub(super) endpoint: Endpoint,
    controller: String,
    timing: NotifyTiming,
    file: ProgressFile,
    progress: Mutex<Progress>,
}

/// What became of a message.
enum Sent {
    Delivered,
    /// The endpoint has failed for too long: it is at the newest entry by now.
    SkippedAhead,
}

impl Worker {
    pub(super) fn open(
        endpoint: Endpoint,
        home: &Home,
        (controller, timing): (&str, NotifyTiming),
    ) -> Result<Self, String> {
        let file = ProgressFile::of(home.path(), &endpoint.name);
        let progress = file.read().map_err(|error| {
            let path = file.path().display();
            format!(
                "{path} cannot be read ({error}): remove it, and {} begins at the newest entry",
                endpoint.name
            )
        })?;
        Ok(Self { endpoint, controller: controller.to_owned(), timing, file, progress: Mutex::new(progress) })
    }

    fn progress(&self) -> Progress {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes how far it has come, on disk as well. What the disk does not take is remembered: after a restart
    /// messages may then come twice.
    fn note(&self, change: impl FnOnce(&mut Progress)) {
        let changed = {
            let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
            change(&mut progress);
            progress.clone()
        };
        if let Err(error) = self.file.write(&changed) {
            let path = self.file.path().display();
            tracing::warn!(endpoint = self.endpoint.name, %path, %error, "how far it has come is not on disk");
        }
    }

    /// Delivers what there is, and then what comes. Ends with the sequencer.
    pub(super) async fn work(&self, controller: Controller, ledger: Arc<Path>) {
        let mut states = controller.states();
        if states.wait_for(Option::is_some).await.is_err() {
            return;
        }
        while let Err(error) = self.find_place(&controller).await {
            tracing::warn!(endpoint = self.endpoint.name, error, "where the ledger ends cannot be read");
            tokio::time::sleep(AGAIN).await;
        }
        loop {
            let Some(state) = states.borrow_and_update().clone() else { return };
            if let Some(skipped) = self.progress().skipped {
                let span = (skipped.after, skipped.up_to);
                let notice = Message::skipped(span, skipped.since, clock::now());
                if let Sent::Delivered = self.deliver(&notice, &controller).await {
                    self.note(|progress| progress.skipped = None);
                }
                continue;
            }
            if self.progress().cursor >= state.seq {
                if states.changed().await.is_err() {
                    return;
                }
                continue;
            }
            match read(Arc::clone(&ledger), self.progress().cursor).await {
                Ok(page) => self.tell(&page, &controller).await,
                Err(why) => {
                    tracing::warn!(endpoint = self.endpoint.name, why, "the ledger cannot be read");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    /// An endpoint that is new begins at the newest entry, as does one that knows another ledger, or more of this one
    /// than there is.
    async fn find_place(&self, controller: &Controller) -> Result<(), String> {
        let head = controller.look(0).await.map_err(|error| error.to_string())?.head;
        let Progress { ledger, cursor, .. } = self.progress();
        if ledger == Some(head.incarnation) && cursor <= head.seq {
            return Ok(());
        }
        if ledger.is_some() {
            tracing::warn!(
                endpoint = self.endpoint.name,
                cursor,
                head = head.seq,
                "the ledger is another one: begins at its end"
            );
        }
        self.note(|progress| {
            *progress = Progress { ledger: Some(head.incarnation), cursor: head.seq, ..progress.clone() };
        });
        Ok(())
    }

    /// Tells what there is to tell of some entries, in their order.
    async fn tell(&self, page: &[Entry], controller: &Controller) {
        for entry in page {
            let Some(state) = controller.state() else { return };
            let wanted = self.wanted(&state, entry);
            for message in &wanted {
                if let Sent::SkippedAhead = self.deliver(message, controller).await {
                    return;
                }
            }
            if !wanted.is_empty() {
                self.note(|progress| {
                    progress.cursor = entry.seq;
                    progress.delivered_at = Some(clock::now());
                });
            } else if entry.seq.is_multiple_of(QUIET) {
                self.note(|progress| progress.cursor = entry.seq);
            } else {
                // In memory: that there is nothing to tell is found again.
                self.progress.lock().unwrap_or_else(PoisonError::into_inner).cursor = entry.seq;
            }
        }
    }

    fn wanted(&self, state: &State, entry: &Entry) -> Vec<Message> {
        // What this version does not know, it tells nothing of.
        let Ok(event) = serde_json::from_str::<Event>(&entry.body) else { return Vec::new() };
        let mut told = messages(state, entry, &event);
        told.retain(|message| self.endpoint.wants(message));
        told
    }

    /// Tries until it is delivered, or until the endpoint has failed for too long.
    async fn deliver(&self, message: &Message, controller: &Controller) -> Sent {
        let (mut wait, began) = (self.timing.first, Instant::now());
        loop {
            let Err(error) = self.post(message).await else {
                if self.progress().failing_since.is_some() {
                    tracing::info!(endpoint = self.endpoint.name, "messages are delivered again");
                    self.note(|progress| {
                        progress.failing_since = None;
                        progress.last_error.clear();
                    });
                }
                return Sent::Delivered;
            };
            let since = self.failed(&error);
            // Of this process, by a clock that nobody sets: a controller that was down has not tried.
            if began.elapsed() >= self.timing.give_up {
                self.skip_ahead(since, controller);
                return Sent::SkippedAhead;
            }
            tokio::time::sleep(wait.mul_f64(rand::random_range(0.5..1.0))).await;
            wait = (wait * 2).min(self.timing.cap);
        }
    }

    /// Since when it fails.
    fn failed(&self, error: &PostError) -> Timestamp {
        let now = clock::now();
        let (before, said) = (self.progress().failing_since, error.to_string());
        if before.is_none() || self.progress().last_error != said {
            tracing::warn!(endpoint = self.endpoint.name, error = said, "a message could not be delivered");
            self.note(|progress| {
                progress.failing_since.get_or_insert(now);
                progress.last_error = said;
            });
        }
        before.unwrap_or(now)
    }

    fn skip_ahead(&self, since: Timestamp, controller: &Controller) {
        let head = controller.state().map_or(0, |state| state.seq);
        self.note(|progress| {
            let after = progress.skipped.map_or(progress.cursor, |skipped| skipped.after);
            let since = progress.skipped.map_or(since, |skipped| skipped.since);
            progress.skipped = Some(Skipped { after, up_to: head.max(progress.cursor), since });
            progress.cursor = head.max(progress.cursor);
            progress.skips = progress.skips.saturating_add(1);
            progress.failing_since = None;
        });
        tracing::error!(
            endpoint = self.endpoint.name,
            head,
            "it has failed for too long, and is skipped ahead"
        );
    }

    async fn post(&self, message: &Message) -> Result<String, PostError> {
        let body = message.body(self.endpoint.format, &self.controller);
        let timestamp = clock::now().0 / 1_000;
        let mut headers =
            vec![("webhook-id", message.id.clone()), ("webhook-timestamp", timestamp.to_string())];
        headers.extend(
            self.endpoint
                .key
                .as_ref()
                .map(|key| ("webhook-signature", key.sign(&message.id, timestamp, &body))),
        );
        post(&self.endpoint, &headers, body, self.timing.deadline).await
    }

    /// Sends a message once, and changes nothing.
    pub(super) async fn test(&self, message: &Message) -> wire::TestedEndpoint {
        let started = Instant::now();
        let (delivered, answer) = match self.post(message).await {
            Ok(answer) => (true, answer),
            Err(error) => (false, error.to_string()),
        };
        wire::TestedEndpoint {
            name: self.endpoint.name.clone(),
            delivered,
            answer,
            took_ms: i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX),
        }
    }

    /// How far it is, while the ledger ends at `head`; of the environments that somebody sees.
    pub(super) fn view(&self, head: u64, environments: Vec<String>) -> wire::EndpointView {
        let progress = self.progress();
        let shown = |at: Option<Timestamp>| at.map(rfc3339).unwrap_or_default();
        let is_failing = progress.failing_since.is_some() || progress.skipped.is_some();
        wire::EndpointView {
            name: self.endpoint.name.clone(),
            host: self.endpoint.shown(),
            format: self.endpoint.format.as_str().to_owned(),
            kinds: self.endpoint.kinds(),
            environments,
            cursor: progress.cursor,
            behind: head.saturating_sub(progress.cursor),
            state: if is_failing { "failing" } else { "ok" }.to_owned(),
            delivered_at: shown(progress.delivered_at),
            failing_since: shown(progress.failing_since),
            last_error: progress.last_error,
            skips: progress.skips,
        }
    }
}

async fn read(ledger: Arc<Path>, after: u64) -> Result<Vec<Entry>, String> {
    let read = move || -> Result<Vec<Entry>, LedgerError> { LedgerReader::open(&ledger)?.read(after, PAGE) };
    let read = tokio::task::spawn_blocking(read).await.map_err(|_| "the reading broke".to_owned())?;
    read.map_err(|error| error.to_string())
}

//! News for people and programs elsewhere: webhooks, told from the ledger.
//!
//! The ledger is the queue: what was delivered is a place in it, kept for each endpoint. Messages of an endpoint go out
//! one after the other, each until it is delivered, so that they arrive in the order of what happened, at least once.
//! Endpoints do not wait for each other. Nothing here decides anything, and nothing waits for it.

use std::sync::Arc;
use std::time::Duration;

use pgbelay_core::event::Actor;
use pgbelay_core::name::EnvironmentName;
use pgbelay_core::notice::due_notices;
use pgbelay_core::request::Request;
use pgbelay_core::time::Span;
use pgbelay_proto::wire;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::config::Home;
use crate::sequencer::{AskError, Controller};
use endpoint::Endpoint;
use message::{Kind, Message};
use worker::Worker;

mod endpoint;
mod http;
mod message;
mod progress;
pub mod settings;
mod sign;
mod worker;

pub use settings::Notifications;

/// How often is looked for rollback windows that close soon.
const LOOK: Duration = Duration::from_secs(20);

/// The bounds in time of deliveries. One value, so that tests can wait for less.
#[derive(Debug, Clone)]
pub struct NotifyTiming {
    /// After the first failure; then twice as long each time, up to `cap`, each between half of it and all of it.
    pub first: Duration,
    /// The longest between two tries.
    pub cap: Duration,
    /// For one try, from the dial to the end of the answer.
    pub deadline: Duration,
    /// How long an endpoint may fail until it is skipped ahead to the newest entry.
    pub give_up: Duration,
}

impl Default for NotifyTiming {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            cap: Duration::from_secs(300),
            deadline: Duration::from_secs(15),
            give_up: Duration::from_secs(24 * 3_600),
        }
    }
}

/// What is wrong with the endpoints of the settings: all of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the notifications cannot be sent: {}", .0.join("; "))]
pub struct NotifyError(pub Vec<String>);

/// The endpoints. Cheap to clone.
#[derive(Clone)]
pub struct Notifier {
    workers: Arc<[Arc<Worker>]>,
    before: Span,
}

impl Notifier {
    /// Reads what stands in files, and how far each endpoint had come.
    ///
    /// # Errors
    /// What is wrong, all of it.
    pub fn open(
        home: &Home,
        settings: &Notifications,
        (name, timing): (&str, &NotifyTiming),
    ) -> Result<Self, NotifyError> {
        let (mut workers, mut mistakes) = (Vec::new(), Vec::new());
        for (at, one) in settings.endpoints.iter().enumerate() {
            match Endpoint::load(one, at, home.path()) {
                Ok(endpoint) => match Worker::open(endpoint, home, (name, timing.clone())) {
                    Ok(worker) => workers.push(Arc::new(worker)),
                    Err(why) => mistakes.push(why),
                },
                Err(found) => mistakes.extend(found),
            }
        }
        if mistakes.is_empty() {
            Ok(Self { workers: workers.into(), before: settings.before() })
        } else {
            Err(NotifyError(mistakes))
        }
    }

    /// Delivers until `stop`.
    pub(crate) async fn run(
        self,
        controller: Controller,
        ledger: Arc<std::path::Path>,
        stop: CancellationToken,
    ) {
        let mut tasks = JoinSet::new();
        for worker in self.workers.iter() {
            let (worker, controller, ledger) = (Arc::clone(worker), controller.clone(), Arc::clone(&ledger));
            tasks.spawn(async move { worker.work(controller, ledger).await });
        }
        if self.workers.iter().any(|worker| worker.endpoint.wants_kind(Kind::WindowClosing)) {
            tasks.spawn(notice_windows(controller, self.before));
        }
        stop.cancelled().await;
        // What is on its way is sent again at the next start.
        tasks.shutdown().await;
    }

    /// How far each endpoint has come, while the ledger ends at `head`, for somebody who sees only some environments:
    /// one that hears of none of them is not theirs.
    pub(crate) fn views(
        &self,
        head: u64,
        sees: impl Fn(&EnvironmentName) -> bool,
    ) -> Vec<wire::EndpointView> {
        let view = |worker: &Arc<Worker>| Some(worker.view(head, worker.endpoint.environments(&sees)?));
        self.workers.iter().filter_map(view).collect()
    }

    /// Sends a message that says nothing, once; an empty name: to all that [`Self::views`] has. What the receivers
    /// answered.
    pub(crate) async fn test(
        &self,
        name: &str,
        sees: impl Fn(&EnvironmentName) -> bool,
    ) -> Vec<wire::TestedEndpoint> {
        let wanted = self.workers.iter().filter(|worker| {
            (name.is_empty() || worker.endpoint.name == name) && worker.endpoint.environments(&sees).is_some()
        });
        let message = Message::test(clock::now());
        let tests = wanted.map(|worker| worker.test(&message));
        futures_util::future::join_all(tests).await
    }
}

/// That windows close soon becomes an event when it is time, and is told as every event is.
async fn notice_windows(controller: Controller, within: Span) {
    let mut tick = tokio::time::interval(LOOK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let Some(state) = controller.state() else { continue };
        for environment in due_notices(&state, (clock::now(), within)) {
            match controller.ask(Actor::Controller, Request::NoticeWindows { environment, within }).await {
                Ok(_) | Err(AskError::Stopped) => {}
                Err(error) => tracing::warn!(%error, "that rollback windows close soon could not be noted"),
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! Figures for Prometheus: `GET /metrics` on a listener of its own, without TLS and without secrets. It is off unless the
//! settings name an address; it is meant for a monitoring system on the same machine or network.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use pgbelay_core::backup::KnownBackup;
use pgbelay_core::database::Database;
use pgbelay_core::decide::last_proof;
use pgbelay_core::job::JobEnd;
use pgbelay_core::rollout::RolloutState;
use pgbelay_core::state::State;
use pgbelay_core::time::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock;
use crate::fleet::Fleet;
use crate::rpc::times::{BOUNDS, Taken, Times};
use crate::sequencer::Controller;

/// Connections at a time: a few monitoring systems.
const MOST: usize = 16;

/// For one connection, whatever it does.
const LONGEST: Duration = Duration::from_secs(30);

/// For the head of a request.
const HEAD: Duration = Duration::from_secs(5);

/// What there are figures of. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Shown {
    /// What the ledger knows.
    pub(crate) controller: Controller,
    /// Who is connected.
    pub(crate) fleet: Fleet,
    /// What operators wait for.
    pub(crate) times: Times,
}

/// Serves figures until `stop`.
pub(crate) async fn serve(listener: TcpListener, shown: Shown, stop: CancellationToken) {
    let (tasks, places) = (TaskTracker::new(), Arc::new(Semaphore::new(MOST)));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection for figures could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let shown = shown.clone();
        tasks.spawn(async move {
            let _place = place;
            let answer = service_fn(move |request| {
                let response = answer(&request, &shown);
                async move { Ok::<_, Infallible>(response) }
            });
            let mut server = http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(HEAD).keep_alive(false);
            // Whoever breaks off has no figures.
            drop(timeout(LONGEST, server.serve_connection(TokioIo::new(stream), answer)).await);
        });
    }
}

fn answer(request: &Request<Incoming>, shown: &Shown) -> Response<String> {
    let (status, text) = match (request.method().as_str(), request.uri().path(), shown.controller.state()) {
        ("GET" | "HEAD", "/metrics", Some(state)) => (StatusCode::OK, figures(&state, shown, clock::now())),
        ("GET" | "HEAD", "/metrics", None) => {
            (StatusCode::SERVICE_UNAVAILABLE, "the ledger is being read\n".to_owned())
        }
        (_, _, _) => (StatusCode::NOT_FOUND, "GET /metrics\n".to_owned()),
    };
    let mut response = Response::new(text);
    *response.status_mut() = status;
    let kind = http::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
    response
}

/// All figures, in Prometheus' text format.
fn figures(state: &State, shown: &Shown, now: Timestamp) -> String {
    let fleet = &shown.fleet;
    let mut page = Page::default();
    page.family(
        "pgbelay_ledger_entries",
        "counter",
        "Entries of the ledger.",
        [(String::new(), state.seq as f64)],
    );
    page.family(
        "pgbelay_ledger_doubts",
        "gauge",
        "Agents that were told of entries which the ledger does not have; above 0 nothing is sent.",
        [(String::new(), state.trust.doubts.len() as f64)],
    );
    let quarantined = state
        .databases
        .keys()
        .filter(|name| state.contested.contains_key(*name) || fleet.is_quarantined(name))
        .count();
    page.family(
        "pgbelay_agents_quarantined",
        "gauge",
        "Databases for which two agents were connected at once.",
        [(String::new(), quarantined as f64)],
    );
    databases(&mut page, state, fleet, now);
    work(&mut page, state);
    waits(&mut page, &shown.times);
    page.0
}

/// What is served.
#[derive(Default)]
struct Page(String);

impl Page {
    fn family(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        samples: impl IntoIterator<Item = (String, f64)>,
    ) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(self.0, "{name}{labels} {value}");
        }
    }
}

/// A figure of each database that has it.
fn each<'s>(
    state: &'s State,
    figure: impl Fn(&Database) -> Option<f64> + 's,
) -> impl Iterator<Item = (String, f64)> + 's {
    // Names have no characters that would have to be escaped.
    state.databases.values().filter_map(move |database| {
        let labels = format!("{{database=\"{}\",environment=\"{}\"}}", database.name, database.environment);
        Some((labels, figure(database)?))
    })
}

fn databases(page: &mut Page, state: &State, fleet: &Fleet, now: Timestamp) {
    let age = move |at: Timestamp| (now.0 - at.0).max(0) as f64 / 1_000.0;
    page.family(
        "pgbelay_agent_connected",
        "gauge",
        "Whether the database's agent is connected.",
        each(state, |database| Some(f64::from(u8::from(fleet.is_connected(&database.name))))),
    );
    page.family(
        "pgbelay_backup_age_seconds",
        "gauge",
        "Age of the newest backup; absent: there is none.",
        each(state, move |database| {
            state.backups_of(&database.name).map(|known| known.made_at).max().map(age)
        }),
    );
    page.family(
        "pgbelay_backup_proven_age_seconds",
        "gauge",
        "Time since a backup was last restored and found to be right; absent: never.",
        each(state, move |database| last_proof(state.backups_of(&database.name)).map(age)),
    );
    let is_broken = |known: &&KnownBackup| !known.problems().is_empty();
    page.family(
        "pgbelay_backups_not_whole",
        "gauge",
        "Backups with which something was wrong when they were last read.",
        each(state, move |database| Some(state.backups_of(&database.name).filter(is_broken).count() as f64)),
    );
}

fn work(page: &mut Page, state: &State) {
    let rollouts = |word: &str, is: fn(&RolloutState) -> bool| {
        let number = state.rollouts.values().filter(|rollout| is(&rollout.state)).count();
        (format!("{{state=\"{word}\"}}"), number as f64)
    };
    page.family(
        "pgbelay_rollouts",
        "gauge",
        "Rollouts by state.",
        [
            rollouts("running", |state| matches!(state, RolloutState::Running)),
            rollouts("paused", |state| matches!(state, RolloutState::Paused { .. })),
            rollouts("aborting", |state| matches!(state, RolloutState::Aborting)),
            rollouts("finished", |state| matches!(state, RolloutState::Finished { .. })),
        ],
    );
    let jobs = |word: &str, is: fn(Option<&JobEnd>) -> bool| {
        let ends = state.jobs.values().map(|job| job.ended.as_ref().map(|(_, end)| end));
        (format!("{{state=\"{word}\"}}"), ends.filter(|end| is(*end)).count() as f64)
    };
    page.family(
        "pgbelay_jobs",
        "gauge",
        "Restores and proofs by state.",
        [
            jobs("open", |end| end.is_none()),
            jobs("restored", |end| matches!(end, Some(JobEnd::Restored(_)))),
            jobs("failed", |end| matches!(end, Some(JobEnd::Failed { .. }))),
            jobs("cancelled", |end| matches!(end, Some(JobEnd::Cancelled))),
            jobs("interrupted", |end| matches!(end, Some(JobEnd::Interrupted { .. }))),
        ],
    );
}

/// As a histogram of Prometheus.
fn waits(page: &mut Page, times: &Times) {
    const NAME: &str = "pgbelay_answer_seconds";
    // What a histogram has, its samples say by their names.
    let samples = times.taken().into_iter().flat_map(|Taken { method, within, calls, seconds }| {
        let bounds = BOUNDS.iter().map(ToString::to_string).zip(within).chain([("+Inf".to_owned(), calls)]);
        let buckets = bounds.map(move |(bound, calls)| {
            (format!("_bucket{{method=\"{method}\",le=\"{bound}\"}}"), calls as f64)
        });
        let sums = [("sum", seconds), ("count", calls as f64)];
        buckets.chain(sums.map(|(what, value)| (format!("_{what}{{method=\"{method}\"}}"), value)))
    });
    let help = "From an operator's call to the first message of its answer, before it is sent.";
    page.family(NAME, "histogram", help, samples);
}

//! Following a rollout to its end, over lost connections, until it is over or stands still for too long.
//!
//! Watching changes nothing: whatever ends it, the rollout goes on in the controller.

use std::time::Duration;

use pgbelay_proto::channel::DialError;
use pgbelay_proto::status::RemoteKind;
use pgbelay_proto::wire::RolloutView;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, interval_at, sleep, sleep_until};
use tonic::Streaming;

use crate::app::App;
use crate::client::Client;
use crate::error::{CliError, ErrorKind};
use crate::exit_code::ExitCode;
use crate::render;
use crate::render::Screen;
use crate::render::progress::{Place, Progress};
use crate::render::reader::Reader;
use crate::run_plan::WatchArgs;

#[cfg(test)]
mod tests;

/// Tries to get back to the controller, one after the other: with the delays below about two minutes, in which a
/// controller is restarted or another replica takes over.
pub(crate) const MAX_TRIES: u32 = 16;
const FIRST_DELAY: Duration = Duration::from_millis(250);
const LONGEST_DELAY: Duration = Duration::from_secs(10);
/// How long nobody watches a rollout that stands still: a job of a build server must end some time.
const UNATTENDED_PATIENCE: Duration = Duration::from_secs(600);
/// A stream that lived for so long was no try to get back that failed: its end begins the counting anew.
const LONG: Duration = Duration::from_secs(60);
/// How often the screen's clock moves and its size is looked at.
const TICK: Duration = Duration::from_millis(500);

/// How a rollout came to an end, or to a stop that only a person ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Succeeded,
    Failed,
    Aborted,
    /// Paused, because what happened on a database cannot be told.
    Unknown,
}

impl End {
    fn of(view: &RolloutView) -> Option<Self> {
        match view.state.as_str() {
            "succeeded" => Some(Self::Succeeded),
            "failed" => Some(Self::Failed),
            "aborted" => Some(Self::Aborted),
            "paused" if view.reason.starts_with("unknown") => Some(Self::Unknown),
            // What was under way when too many had failed comes to its end first.
            "paused" if view.reason.starts_with("budget") && !is_at_work(view) => Some(Self::Failed),
            _ => None,
        }
    }
}

fn is_at_work(view: &RolloutView) -> bool {
    let works =
        |state: &str| ["rehearsing", "backing-up", "running", "recording", "verifying"].contains(&state);
    view.targets.iter().any(|target| works(&target.state))
}

/// Whether it waits for somebody, and nothing of it is at work. A pause because of an agent or a database that does not
/// move says that of what is at work.
fn stands_still(view: &RolloutView) -> bool {
    let is_stuck = ["agent_unreachable", "progress"].iter().any(|word| view.reason.starts_with(word));
    let waits = view.state == "paused" || !view.held.is_empty();
    waits && (is_stuck || !is_at_work(view))
}

/// Why watching stopped.
enum Outcome {
    Over(End),
    /// It has been paused for longer than anybody wants to wait.
    StoodStill(Duration),
    Interrupted,
    /// Nobody reads it any more.
    Deserted,
}

/// What can happen while watching.
enum Event {
    View(RolloutView),
    Lost(Trouble),
    Connected(Client, Streaming<RolloutView>),
    StoodStill,
    Interrupted,
    Deserted,
}

/// Why there is no stream.
struct Trouble {
    error: CliError,
    /// Whether trying again can help.
    passing: bool,
}

struct Watcher<'a> {
    screen: &'a mut Screen,
    progress: Progress,
    interrupts: Signal,
    /// Whoever reads it; `None`: it tells how something else goes, which goes on without a reader.
    reader: Option<Reader>,
    view: RolloutView,
    patience: Option<Duration>,
    standing_since: Option<Instant>,
    failures: u32,
    connected_at: Option<Instant>,
    /// Whether it was said that there is no connection.
    away: bool,
}

/// Watches a rollout, shows how it went, and turns its end into an exit code.
pub(crate) async fn follow(
    app: &mut App,
    client: Client,
    first: RolloutView,
    args: &WatchArgs,
    place: Place,
) -> Result<ExitCode, CliError> {
    let unattended = (!app.screen.is_interactive()).then_some(UNATTENDED_PATIENCE);
    let wished = args.timeout.map(|span| Duration::from_millis(u64::try_from(span.0).unwrap_or(0)));
    let interrupts = signal(SignalKind::interrupt())
        .map_err(|error| CliError::from_chain(ErrorKind::Internal, &error).hint("pgbelay rollout show"))?;
    let reader = (place == Place::Result).then(|| app.screen.reader());
    let mut watcher = Watcher {
        progress: Progress::new(&app.screen, place),
        screen: &mut app.screen,
        interrupts,
        reader,
        view: RolloutView::default(),
        patience: wished.or(unattended),
        standing_since: None,
        failures: 0,
        connected_at: None,
        away: false,
    };
    if End::of(&first).is_some() {
        // There is nothing to follow: how it ended is shown below.
        watcher.view = first;
    } else {
        watcher.saw(first);
    }
    let outcome = watcher.run(client).await;
    watcher.progress.finish(watcher.screen);
    let view = watcher.view;
    conclude(app, &view, outcome?)
}

fn conclude(app: &mut App, view: &RolloutView, outcome: Outcome) -> Result<ExitCode, CliError> {
    let mut summary = || app.screen.present(view, render::rollout::summary);
    match outcome {
        Outcome::Over(end) => {
            summary();
            match end {
                End::Succeeded => Ok(ExitCode::Done),
                End::Failed => Err(failed(view)),
                End::Aborted => Err(aborted(view)),
                End::Unknown => Err(unknown(view)),
            }
        }
        Outcome::StoodStill(patience) => {
            summary();
            Err(stood_still(view, patience))
        }
        Outcome::Interrupted => Err(interrupted(view)),
        // Whoever went knows it.
        Outcome::Deserted => Ok(ExitCode::Interrupted),
    }
}

impl Watcher<'_> {
    async fn run(&mut self, client: Client) -> Result<Outcome, CliError> {
        let mut client = client;
        let mut stream = None;
        loop {
            if let Some(end) = End::of(&self.view) {
                return Ok(Outcome::Over(end));
            }
            match self.next(&client, &mut stream).await {
                Event::View(view) => {
                    self.saw(view);
                    if self.screen.is_deserted() {
                        return Ok(Outcome::Deserted);
                    }
                }
                Event::Connected(connected, opened) => {
                    self.connected();
                    client = connected;
                    stream = Some(opened);
                }
                Event::Lost(trouble) => {
                    stream = None;
                    self.lost(trouble)?;
                }
                Event::StoodStill => return Ok(Outcome::StoodStill(self.patience.unwrap_or_default())),
                Event::Interrupted => return Ok(Outcome::Interrupted),
                Event::Deserted => return Ok(Outcome::Deserted),
            }
        }
    }

    async fn next(&mut self, client: &Client, stream: &mut Option<Streaming<RolloutView>>) -> Event {
        let until = self.standing_since.zip(self.patience).map(|(since, patience)| since + patience);
        let Self { screen, progress, interrupts, reader, view, failures, .. } = self;
        let upstream = async {
            match stream {
                Some(stream) => read(client, stream).await,
                None => open(client, &view.id, *failures).await,
            }
        };
        // Kept over the ticks: a try to get back takes longer than one.
        tokio::pin!(upstream);
        let mut ticks = interval_at(Instant::now() + TICK, TICK);
        loop {
            tokio::select! {
                biased;
                _ = interrupts.recv() => return Event::Interrupted,
                () = gone(reader.as_ref()) => return Event::Deserted,
                () = reached(until) => return Event::StoodStill,
                event = &mut upstream => return event,
                _ = ticks.tick() => progress.tick(screen, view),
            }
            if screen.is_deserted() {
                return Event::Deserted;
            }
        }
    }

    fn connected(&mut self) {
        self.connected_at = Some(Instant::now());
        if std::mem::take(&mut self.away) {
            self.progress.remark(self.screen, "connected to the controller again");
        }
    }

    fn saw(&mut self, view: RolloutView) {
        if view == self.view {
            return;
        }
        // Only news counts as being back: a server that repeats itself and hangs up must not keep us for ever.
        self.failures = 0;
        // News of what is at work is a step, also while it is said that something is stuck.
        let since = self.standing_since.filter(|_| !is_at_work(&view));
        self.standing_since = stands_still(&view).then(|| since.unwrap_or_else(Instant::now));
        self.progress.show(self.screen, &self.view, &view);
        self.view = view;
    }

    fn lost(&mut self, trouble: Trouble) -> Result<(), CliError> {
        if self.connected_at.take().is_some_and(|since| since.elapsed() >= LONG) {
            self.failures = 0;
        }
        self.failures += 1;
        if !std::mem::replace(&mut self.away, true) {
            self.progress
                .remark(self.screen, &format!("{}; the rollout goes on, reconnecting", trouble.error));
        }
        if trouble.passing && self.failures <= MAX_TRIES {
            return Ok(());
        }
        let hint = trouble.error.hint.clone().unwrap_or_default();
        let way_back = format!("pgbelay rollout watch {}", self.view.id);
        let hint = if hint.is_empty() { way_back } else { format!("{hint}; then: {way_back}") };
        let cause = trouble.error.cause.clone().map(|cause| format!("{cause}; ")).unwrap_or_default();
        Err(trouble
            .error
            .because(format!("{cause}rollout {} goes on without being watched", self.view.id))
            .hint(hint))
    }
}

async fn read(client: &Client, stream: &mut Streaming<RolloutView>) -> Event {
    match stream.message().await {
        Ok(Some(view)) => Event::View(view),
        Ok(None) => Event::Lost(Trouble {
            error: CliError::new(
                ErrorKind::Unreachable,
                "the controller ended the stream before the rollout's end",
            ),
            passing: true,
        }),
        Err(status) => {
            let error = client.error(&status);
            Event::Lost(Trouble { passing: error.kind == RemoteKind::Unreachable, error: error.into() })
        }
    }
}

async fn open(client: &Client, rollout: &str, failures: u32) -> Event {
    if failures == 0 {
        return subscribe(client.clone(), rollout).await;
    }
    sleep(delay(failures)).await;
    match client.again().await {
        Ok(client) => subscribe(client, rollout).await,
        Err(error) => Event::Lost(Trouble {
            passing: matches!(error, DialError::Unreachable { .. }),
            error: error.into(),
        }),
    }
}

async fn subscribe(client: Client, rollout: &str) -> Event {
    match client.watch_rollout(rollout).await {
        Ok(stream) => Event::Connected(client, stream),
        Err(error) => {
            Event::Lost(Trouble { passing: error.kind == RemoteKind::Unreachable, error: error.into() })
        }
    }
}

/// Doubles up to a bound. No jitter: few people watch one rollout.
pub(crate) fn delay(failures: u32) -> Duration {
    let factor = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    FIRST_DELAY.saturating_mul(factor).min(LONGEST_DELAY)
}

async fn gone(reader: Option<&Reader>) {
    match reader {
        Some(reader) => reader.has_gone().await,
        None => std::future::pending().await,
    }
}

async fn reached(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// A rollout whose agents would not even start, because their databases have moved, was refused, not tried.
fn failed(view: &RolloutView) -> CliError {
    let on = |states: &[&str]| -> Vec<&str> {
        let is_one = |state: &str| states.contains(&state);
        view.targets.iter().filter(|t| is_one(&t.state)).map(|t| t.database.as_str()).collect()
    };
    let (refused, tried) = (on(&["refused"]), on(&["failed", "done", "unknown", "cancelled"]));
    if !refused.is_empty() && tried.is_empty() {
        return CliError::new(
            ErrorKind::Refused,
            format!("rollout {} was refused on {}", view.id, refused.join(", ")),
        )
        .because("an agent starts nothing on a database that is not as the plan says; nothing was changed")
        .hint("plan again: the new plan is made for what is there now");
    }
    let on = on(&["failed", "refused"]);
    let place = if on.is_empty() { String::new() } else { format!(" on {}", on.join(", ")) };
    CliError::new(ErrorKind::Failed, format!("rollout {} failed{place}", view.id))
        .because(
            "nothing more is started after a failure; each migration is either recorded or did not happen",
        )
        .hint(next_after_failure(view))
}

fn next_after_failure(view: &RolloutView) -> String {
    let again = "put right what the databases say above, then plan again: the new plan has only what is still missing";
    if view.state == "paused" {
        let id = &view.id;
        return format!(
            "{again}; where the plan was right: pgbelay rollout retry {id}, or leave a database out with rollout skip"
        );
    }
    again.to_owned()
}

fn aborted(view: &RolloutView) -> CliError {
    CliError::new(ErrorKind::Failed, format!("rollout {} was aborted", view.id))
        .because("what was running was cancelled and rolled back; what was done before stays")
        .hint("plan again to do the rest, or take back what was done with pgbelay rollback")
}

fn unknown(view: &RolloutView) -> CliError {
    CliError::new(ErrorKind::Unknown, format!("rollout {} is paused: {}", view.id, view.reason))
        .because("nothing is tried a second time while the first outcome is not known")
        .hint(format!(
            "look at that database and its agent; then pgbelay rollout resume {id}, or pgbelay rollout abort {id}",
            id = view.id
        ))
}

fn stood_still(view: &RolloutView, patience: Duration) -> CliError {
    let why = if view.reason.is_empty() {
        format!("held: {}", view.held)
    } else {
        format!("paused: {}", view.reason)
    };
    CliError::new(ErrorKind::Unknown, format!("rollout {} is still {why}", view.id))
        .because(format!("it has not moved for {}", render::text::took(patience)))
        .hint(format!("bring it on its way, then: pgbelay rollout watch {}", view.id))
}

fn interrupted(view: &RolloutView) -> CliError {
    CliError::new(ErrorKind::Interrupted, format!("stopped watching; rollout {} goes on", view.id)).hint(
        format!(
            "pgbelay rollout watch {id} watches it again, pgbelay rollout abort {id} ends it",
            id = view.id
        ),
    )
}

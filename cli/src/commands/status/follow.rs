//! `pgbelay status --watch`: drawn anew on a terminal, printed again elsewhere, over lost connections.

use std::time::Duration;

use pgbelay_proto::wire::StatusResponse;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;

use super::Wanted;
use crate::app::App;
use crate::client::Client;
use crate::error::{CliError, ErrorKind};
use crate::exit_code::ExitCode;
use crate::render::live::{Line, Live, Room};
use crate::render::text::Tone;
use crate::render::{Layout, Screen};
use crate::watch::{MAX_TRIES, delay};

/// How often it is asked: the status of 10,000 databases costs the controller a few milliseconds.
const EVERY: Duration = Duration::from_secs(2);

/// Shows it until Ctrl-C, or until nobody reads it any more.
pub(super) async fn follow(app: &mut App, client: Client, wanted: &Wanted) -> Result<ExitCode, CliError> {
    let mut interrupts = signal(SignalKind::interrupt())
        .map_err(|error| CliError::from_chain(ErrorKind::Internal, &error).hint("pgbelay status"))?;
    let mut live = app.screen.draws_results().then(Live::default);
    let outcome = until_the_end(&mut app.screen, client, wanted, (&mut live, &mut interrupts)).await;
    if let Some(live) = &mut live {
        app.screen.erase(live);
    }
    outcome
}

async fn until_the_end(
    screen: &mut Screen,
    mut client: Client,
    wanted: &Wanted,
    (live, interrupts): (&mut Option<Live>, &mut Signal),
) -> Result<ExitCode, CliError> {
    let reader = screen.reader();
    let mut last: Option<StatusResponse> = None;
    let mut failures = 0;
    loop {
        let answer = tokio::select! {
            biased;
            _ = interrupts.recv() => return Err(stopped()),
            () = reader.has_gone() => return Ok(ExitCode::Done),
            answer = ask(&mut client, wanted, failures) => answer,
        };
        match answer {
            Ok(response) => {
                if std::mem::take(&mut failures) > 0 {
                    say(screen, live, "connected to the controller again");
                }
                let is_new = last.as_ref() != Some(&response);
                match live {
                    Some(live) => screen.draw(live, |room| picture(&response, wanted, room)),
                    None if is_new => screen.present(&response, |it, layout| wanted.text(it, layout)),
                    None => {}
                }
                last = Some(response);
            }
            // A slip of the pen stays one; a controller that was there comes back.
            Err(error) if error.kind != ErrorKind::Unreachable || last.is_none() || failures >= MAX_TRIES => {
                return Err(error);
            }
            Err(error) => {
                failures += 1;
                if failures == 1 {
                    say(screen, live, &format!("{error}; reconnecting"));
                }
            }
        }
        if screen.is_deserted() {
            return Ok(ExitCode::Done);
        }
        let pause = if failures == 0 { EVERY } else { delay(failures) };
        tokio::select! {
            biased;
            _ = interrupts.recv() => return Err(stopped()),
            () = reader.has_gone() => return Ok(ExitCode::Done),
            () = sleep(pause) => {}
        }
    }
}

/// Asks once; after a failure on a connection of its own.
async fn ask(client: &mut Client, wanted: &Wanted, failures: u32) -> Result<StatusResponse, CliError> {
    if failures > 0 {
        *client = client.again().await?;
    }
    client.status(wanted.request.clone()).await
}

fn say(screen: &mut Screen, live: &mut Option<Live>, text: &str) {
    if let Some(live) = live {
        screen.erase(live);
    }
    screen.remark(text);
}

/// As much of it as there is room for.
fn picture(response: &StatusResponse, wanted: &Wanted, room: Room) -> Vec<Line> {
    let width = u16::try_from(room.width).unwrap_or(u16::MAX);
    let text = wanted.text(response, Layout { width: Some(width) });
    let mut lines: Vec<Line> = text.trim_end().lines().map(|line| (Tone::Plain, line.to_owned())).collect();
    let rows = room.height.saturating_sub(1);
    if lines.len() > rows {
        let kept = rows.saturating_sub(1);
        let more = format!("and {} more lines: ask for less, or make the window higher", lines.len() - kept);
        lines.truncate(kept);
        lines.push((Tone::Faint, more));
    }
    lines
}

fn stopped() -> CliError {
    CliError::new(ErrorKind::Interrupted, "stopped watching").hint("pgbelay status shows it once")
}

//! `pgbelay job`: what agents do with backups outside of rollouts.

use std::time::Duration;

use clap::{Args, Subcommand};
use pgbelay_core::job::JobId;
use pgbelay_core::name::{DatabaseName, EnvironmentName};
use pgbelay_proto::wire::{JobRequest, JobView, ListJobsRequest, ListJobsResponse};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep};

use crate::app::App;
use crate::client::Client;
use crate::error::{CliError, ErrorKind};
use crate::exit_code::ExitCode;
use crate::render;

/// How often a job is looked at.
const GLANCE: Duration = Duration::from_millis(300);

/// Where nobody sees it move, a line is written this often.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// How long a controller may be away before nobody waits for it any more: a restart takes seconds.
const AWAY: Duration = Duration::from_secs(120);

#[derive(Debug, Subcommand)]
pub(crate) enum JobCommand {
    /// Show the jobs, newest first
    List(ListArgs),
    /// Show one
    Show(OneArgs),
    /// Follow one to its end; the exit code says how it ended
    Watch(OneArgs),
    /// End one; nothing that was there before is changed
    Cancel(OneArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only this database
    #[arg(long, short, value_name = "DATABASE")]
    database: Option<DatabaseName>,
    /// Only this environment
    #[arg(long, short, value_name = "ENVIRONMENT")]
    env: Option<EnvironmentName>,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

#[derive(Debug, Args)]
pub(crate) struct OneArgs {
    /// The job
    #[arg(value_name = "JOB")]
    job: JobId,
}

pub(crate) async fn run(command: JobCommand, app: &mut App) -> Result<ExitCode, CliError> {
    let client = app.connect().await?;
    let request = |args: &OneArgs| JobRequest { job: args.job.to_string() };
    match command {
        JobCommand::List(args) => {
            let request = ListJobsRequest {
                environment: args.env.map(String::from).unwrap_or_default(),
                database: args.database.map(String::from).unwrap_or_default(),
                limit: args.limit,
            };
            app.screen.present(&client.list_jobs(request).await?, render::job::list);
        }
        JobCommand::Show(args) => {
            app.screen.present(&client.get_job(request(&args)).await?, render::job::full);
        }
        JobCommand::Watch(args) => {
            let job = client.get_job(request(&args)).await?;
            return follow(app, client, vec![job]).await;
        }
        JobCommand::Cancel(args) => {
            app.screen.present(&client.cancel_job(request(&args)).await?, render::job::asked);
        }
    }
    Ok(ExitCode::Done)
}

/// Follows jobs to their end, over lost connections; shows how they ended, and says it by the exit code.
pub(crate) async fn follow(
    app: &mut App,
    client: Client,
    mut jobs: Vec<JobView>,
) -> Result<ExitCode, CliError> {
    let mut interrupts = signal(SignalKind::interrupt())
        .map_err(|error| CliError::from_chain(ErrorKind::Internal, &error).hint("pgbelay job list"))?;
    let names = jobs.iter().map(|job| job.id.as_str()).collect::<Vec<_>>().join(", ");
    let spinner = app.screen.spinner("waiting for the agent");
    let mut written: Option<Instant> = None;
    let mut away: Option<Instant> = None;
    let mut client = client;
    while let Some(at) = jobs.iter().position(is_open) {
        let words = doing(&jobs[at], jobs.iter().filter(|job| is_open(job)).count());
        spinner.say(&words);
        if !app.screen.can_draw() && written.is_none_or(|last| last.elapsed() >= LINE_EVERY) {
            if app.screen.writes_lines() {
                app.screen.note(&words);
            }
            written = Some(Instant::now());
        }
        tokio::select! {
            _ = interrupts.recv() => {
                drop(spinner);
                return Err(CliError::new(ErrorKind::Interrupted, format!("{names} goes on without being watched"))
                    .hint(format!("pgbelay job watch {}; pgbelay job cancel {}", jobs[at].id, jobs[at].id)));
            }
            () = sleep(GLANCE) => {}
        }
        match client.get_job(JobRequest { job: jobs[at].id.clone() }).await {
            Ok(job) => {
                away = None;
                jobs[at] = job;
            }
            Err(error) if error.kind == ErrorKind::Unreachable => {
                if away.get_or_insert_with(Instant::now).elapsed() > AWAY {
                    return Err(error.because(format!("{names} goes on without being watched")));
                }
                sleep(GLANCE).await;
                if let Ok(again) = client.again().await {
                    client = again;
                }
            }
            Err(error) => return Err(error),
        }
    }
    drop(spinner);
    let whole = jobs.iter().all(|job| job.state == "restored");
    match <[JobView; 1]>::try_from(jobs) {
        Ok([job]) => app.screen.present(&job, render::job::full),
        Err(jobs) => app.screen.present(&ListJobsResponse { jobs, left_off: 0 }, render::job::all),
    }
    Ok(if whole { ExitCode::Done } else { ExitCode::Failed })
}

fn is_open(job: &JobView) -> bool {
    job.ended_at.is_none()
}

fn doing(job: &JobView, open: usize) -> String {
    let what = if job.doing.is_empty() { job.state.as_str() } else { job.doing.as_str() };
    let others = if open > 1 { format!(" (and {} more)", open - 1) } else { String::new() };
    format!("{} {}: {what}{others}", job.id, job.database)
}

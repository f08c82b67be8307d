//! Jobs as people see them.

use pgbelay_core::job::{Job, JobEnd, Restored};
use pgbelay_core::state::State;
use pgbelay_proto::wire;

use crate::clock::rfc3339;
use crate::fleet::Fleet;

/// A job.
pub(crate) fn job(state: &State, fleet: &Fleet, job: &Job) -> wire::JobView {
    let database = state.databases.get(&job.database);
    let mut view = wire::JobView {
        id: job.id.to_string(),
        database: job.database.to_string(),
        environment: database.map(|database| database.environment.to_string()).unwrap_or_default(),
        kind: job.restore.into.as_str().to_owned(),
        backup: job.restore.backup.clone(),
        by: job.by.as_ref().map(ToString::to_string).unwrap_or_default(),
        started_at: rfc3339(job.started_at),
        ..wire::JobView::default()
    };
    match &job.ended {
        None => {
            let (state, doing) = open(state, fleet, job);
            (view.state, view.doing) = (state.to_owned(), doing);
        }
        Some((at, end)) => {
            view.ended_at = Some(rfc3339(*at));
            ended(&mut view, end);
        }
    }
    view
}

fn open(state: &State, fleet: &Fleet, job: &Job) -> (&'static str, String) {
    if !fleet.is_connected(&job.database) {
        let doing = "its agent is not connected".to_owned();
        return (if job.cancelled { "cancelling" } else { "waiting" }, doing);
    }
    if let Some(first) = state.open_jobs(&job.database).next().filter(|first| first.id != job.id) {
        return ("waiting", format!("job {} comes first", first.id));
    }
    let progress = fleet.look(&job.database, |session| session.job_progress.clone()).flatten();
    let doing = progress.filter(|progress| progress.id == job.id.as_str()).map(|progress| progress.doing);
    let state = match (job.cancelled, job.taken) {
        (true, _) => "cancelling",
        (false, true) => "running",
        (false, false) => "waiting",
    };
    (state, doing.unwrap_or_default())
}

fn ended(view: &mut wire::JobView, end: &JobEnd) {
    let state = match end {
        JobEnd::Restored(restored) => {
            view.restored = Some(view_of(restored));
            "restored"
        }
        JobEnd::Failed { message, hint, problems } => {
            view.message = message.clone();
            view.hint = hint.clone();
            view.problems = problems.clone();
            "failed"
        }
        JobEnd::Cancelled => "cancelled",
        JobEnd::Interrupted { why } => {
            view.message = why.clone();
            view.hint = "what it had made by then is removed by its agent; start it again".to_owned();
            "interrupted"
        }
    };
    view.state = state.to_owned();
}

fn view_of(restored: &Restored) -> wire::RestoredView {
    wire::RestoredView {
        location: restored.location.clone(),
        kept: restored.kept.clone(),
        counted: restored.counted,
        sampled: restored.sampled,
        rows: restored.rows,
        schema_doubt: restored.schema_doubt.clone(),
        notes: restored.notes.clone(),
        took_ms: restored.took.0,
    }
}

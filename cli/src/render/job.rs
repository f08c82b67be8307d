//! Jobs: a line for each, and what came of one.

use pgbelay_proto::wire::{JobView, ListJobsResponse};

use super::Layout;
use super::table::{Column, Word, table, toned, word};
use super::text::{Tone, left_off, moment, took_ms};

const COLUMNS: [Column; 7] = [
    word("JOB"),
    word("DATABASE"),
    word("WHAT").rank(1),
    word("STATE"),
    word("STARTED").rank(3),
    word("BY").rank(4),
    word("BACKUP").rank(2),
];

/// One line for each job.
pub(crate) fn list(response: &ListJobsResponse, layout: Layout) -> String {
    if response.jobs.is_empty() {
        return "There is no job: pgbelay restore and pgbelay backup drill start one.\n".into();
    }
    let rows: Vec<_> = response.jobs.iter().map(row).collect();
    table(&COLUMNS, &rows, layout) + &left_off(response.left_off, "--limit")
}

/// What came of several, in full.
pub(crate) fn all(response: &ListJobsResponse, layout: Layout) -> String {
    response.jobs.iter().map(|job| full(job, layout)).collect::<Vec<_>>().join("\n")
}

/// What was asked of an agent.
pub(crate) fn asked(job: &JobView, _layout: Layout) -> String {
    format!(
        "{} ({} of {}) is {}\nFollow it: pgbelay job watch {}\n",
        job.id, job.kind, job.database, job.state, job.id
    )
}

/// A job, and what came of it.
pub(crate) fn full(job: &JobView, _layout: Layout) -> String {
    let mut text = format!("{} {}, {} of {}: {}\n", job.id, job.database, job.kind, job.backup, job.state);
    let mut line = |words: &str| {
        if !words.is_empty() {
            text.push_str(&format!("  {words}\n"));
        }
    };
    line(&job.doing);
    if let Some(restored) = &job.restored {
        if !restored.location.is_empty() {
            line(&format!("it is there as {}", restored.location));
        }
        if let Some(kept) = &restored.kept {
            line(&format!("what was there before is kept as {kept}"));
        }
        let tables = restored.counted + restored.sampled;
        if tables > 0 {
            line(&format!(
                "{tables} tables with {} rows compared with the backup{}, in {}",
                restored.rows,
                if restored.sampled > 0 {
                    format!(" ({} by a sample)", restored.sampled)
                } else {
                    String::new()
                },
                took_ms(restored.took_ms)
            ));
        }
        match &restored.schema_doubt {
            Some(why) => line(&format!("the schema: {why}")),
            None if tables > 0 => line("the schema is the one that was backed up"),
            None => {}
        }
        restored.notes.iter().for_each(|note| line(note));
    }
    line(&job.message);
    for problem in job.problems.iter().filter(|problem| !job.message.contains(problem.as_str())) {
        line(problem);
    }
    line(&job.hint);
    text
}

fn row(job: &JobView) -> Vec<Word> {
    let tone = match job.state.as_str() {
        "restored" => Tone::Good,
        "failed" | "interrupted" => Tone::Bad,
        _ => Tone::Plain,
    };
    vec![
        job.id.as_str().into(),
        job.database.as_str().into(),
        job.kind.as_str().into(),
        toned(tone, job.state.as_str()),
        moment(&job.started_at).into(),
        if job.by.is_empty() { toned(Tone::Faint, "policy") } else { job.by.as_str().into() },
        job.backup.as_str().into(),
    ]
}

#[cfg(test)]
mod tests {
    use pgbelay_proto::wire::RestoredView;

    use super::super::fixtures::plain;
    use super::*;

    fn job() -> JobView {
        JobView {
            id: "j3".into(),
            database: "orders-1".into(),
            environment: "production".into(),
            kind: "restore in place".into(),
            backup: "20261127T100001Z-r3-c7".into(),
            by: "alice".into(),
            started_at: "2026-11-27T10:00:02Z".into(),
            state: "restored".into(),
            ended_at: Some("2026-11-27T10:01:02Z".into()),
            restored: Some(RestoredView {
                location: "orders".into(),
                kept: Some("orders_before_restore_20261127t100102z".into()),
                counted: 12,
                sampled: 1,
                rows: 10_400_000,
                took_ms: 60_000,
                notes: vec!["owner x could not be restored: no such role".into()],
                ..RestoredView::default()
            }),
            ..JobView::default()
        }
    }

    #[test]
    fn what_came_of_one_is_told() {
        let layout = || Layout { width: Some(100) };
        insta::assert_snapshot!(plain(&full(&job(), layout())), @r"
        j3 orders-1, restore in place of 20261127T100001Z-r3-c7: restored
          it is there as orders
          what was there before is kept as orders_before_restore_20261127t100102z
          13 tables with 10400000 rows compared with the backup (1 by a sample), in 1m
          the schema is the one that was backed up
          owner x could not be restored: no such role
        ");
        let failed = JobView {
            state: "failed".into(),
            restored: None,
            message: "the backup is not whole, so nothing was restored: dump/toc.dat is missing".into(),
            hint: "restore another one: pgbelay backup list".into(),
            problems: vec!["dump/toc.dat is missing".into(), "dump/12.dat was changed".into()],
            ..job()
        };
        insta::assert_snapshot!(plain(&full(&failed, layout())), @r"
        j3 orders-1, restore in place of 20261127T100001Z-r3-c7: failed
          the backup is not whole, so nothing was restored: dump/toc.dat is missing
          dump/12.dat was changed
          restore another one: pgbelay backup list
        ");
        insta::assert_snapshot!(plain(&list(&ListJobsResponse { jobs: vec![job(), failed], left_off: 0 }, layout())), @r"
        JOB  DATABASE  WHAT              STATE     STARTED               BY     BACKUP
        j3   orders-1  restore in place  restored  2026-11-27 10:00 UTC  alice  20261127T100001Z-r3-c7
        j3   orders-1  restore in place  failed    2026-11-27 10:00 UTC  alice  20261127T100001Z-r3-c7
        ");
        assert!(list(&ListJobsResponse::default(), layout()).contains("There is no job"));
    }
}

//! What was done, newest first.

use pgbelay_proto::wire::{HistoryEntry, HistoryResponse};

use super::Layout;
use super::rollout::tone;
use super::table::{Column, Word, prose, table, toned, word};
use super::text::{Tone, left_off, moment};

const COLUMNS: [Column; 9] = [
    word("AT"),
    word("DATABASE"),
    word("ENVIRONMENT").rank(5),
    word("VERSION"),
    prose("NAME").rank(4),
    word("DIRECTION"),
    word("STATE"),
    word("ROLLOUT").rank(6),
    word("BY").rank(3),
];

/// One line for each migration that was run or taken back, and the errors.
pub(crate) fn history(response: &HistoryResponse, layout: Layout) -> String {
    if response.entries.is_empty() {
        return "Nothing has been done yet.\n".into();
    }
    let rows: Vec<_> = response.entries.iter().map(row).collect();
    let mut text = table(&COLUMNS, &rows, layout);
    for entry in response.entries.iter().filter(|entry| !entry.acknowledged.is_empty()) {
        let (by, what) = (&entry.by, entry.acknowledged.join(", "));
        text.push_str(&format!("\n{} {}: {by} acknowledged {what}\n", entry.database, entry.version));
    }
    for entry in response.entries.iter().filter(|entry| !entry.error.is_empty()) {
        text.push_str(&format!("\n{} {}: {}\n", entry.database, entry.version, entry.error));
    }
    text.push_str(&left_off(response.left_off, "--limit, or an earlier --until"));
    text
}

fn row(entry: &HistoryEntry) -> Vec<Word> {
    let by = if entry.confirmation == "forced" {
        toned(Tone::Warn, format!("{} (forced)", entry.by))
    } else {
        entry.by.as_str().into()
    };
    vec![
        moment(&entry.at).into(),
        entry.database.as_str().into(),
        entry.environment.as_str().into(),
        entry.version.as_str().into(),
        entry.name.as_str().into(),
        entry.direction.as_str().into(),
        toned(tone(&entry.state), entry.state.as_str()),
        entry.rollout.as_str().into(),
        by,
    ]
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{self, plain};
    use super::*;

    #[test]
    fn it_fits_both_terminals() {
        insta::assert_snapshot!(plain(&history(&fixtures::history(), Layout { width: Some(120) })), @r#"
        AT                    DATABASE  ENVIRONMENT  VERSION  NAME            DIRECTION  STATE   ROLLOUT  BY
        2026-07-29 10:00 UTC  orders-1  staging      011      task_assignees  up         failed  r7       ada (forced)
        2026-07-29 10:00 UTC  orders-1  staging      010      task_assignees  up         done    r7       ada

        orders-1 010: ada acknowledged drop-column:public.tasks.note

        orders-1 011: column "assigned_to" does not exist
        "#);
        let narrow = plain(&history(&fixtures::history(), Layout { width: Some(72) }));
        insta::assert_snapshot!(narrow, @r#"
        AT                    DATABASE  VERSION  DIRECTION  STATE   BY
        2026-07-29 10:00 UTC  orders-1  011      up         failed  ada (forced)
        2026-07-29 10:00 UTC  orders-1  010      up         done    ada
        no room for ENVIRONMENT, NAME, ROLLOUT

        orders-1 010: ada acknowledged drop-column:public.tasks.note

        orders-1 011: column "assigned_to" does not exist
        "#);
    }
}

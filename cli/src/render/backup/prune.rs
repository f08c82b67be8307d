//! What becomes of backups, and why.

use pgbelay_analysis::bytes_in_words as bytes;
use pgbelay_proto::wire::{PruneBackupsResponse, PrunedBackup};

use super::super::Layout;
use super::super::table::{Column, Word, prose, table, toned, word};
use super::super::text::{Tone, count, left_off, moment};

const COLUMNS: [Column; 6] = [
    word("BACKUP"),
    word("DATABASE"),
    word("MADE").rank(2),
    word("SIZE").rank(3),
    word(""),
    prose("WHY").rank(1),
];

/// What would go, and why the others stay.
pub(crate) fn judged(response: &PruneBackupsResponse, layout: Layout) -> String {
    if response.backups.is_empty() {
        return "There is no backup.\n".into();
    }
    let going = all(response, "goes");
    let sum = if going.is_empty() {
        "Nothing goes.".to_owned()
    } else {
        format!("{} would go, {}.", count(going.len(), "backup"), size(&going))
    };
    let more = left_off(response.left_off, "run it again after these are gone, or for each --database");
    format!("{}\n{sum}\n{more}", lines(response.backups.iter(), layout))
}

/// What is about to go.
pub(crate) fn going(response: &PruneBackupsResponse) -> String {
    let going = all(response, "goes");
    let mut text = format!("To be deleted for good: {}, {}\n", count(going.len(), "backup"), size(&going));
    for backup in going {
        text.push_str(&format!("  {} of {}: {}\n", backup.id, backup.database, backup.why));
    }
    text
}

/// What became of those that were to go.
pub(crate) fn pruned(response: &PruneBackupsResponse, layout: Layout) -> String {
    let (gone, going) = (all(response, "deleted"), all(response, "deleting"));
    let mut text = format!(
        "{}\n{} deleted, {}.\n",
        lines(response.backups.iter(), layout),
        count(gone.len(), "backup"),
        size(&gone)
    );
    if !going.is_empty() {
        text.push_str(&format!(
            "{} given up, and deleted as soon as its agent can; see the controller's log if that takes long.\n",
            count(going.len(), "backup")
        ));
    }
    text
}

fn all<'a>(response: &'a PruneBackupsResponse, fate: &str) -> Vec<&'a PrunedBackup> {
    response.backups.iter().filter(|backup| backup.fate == fate).collect()
}

fn size(backups: &[&PrunedBackup]) -> String {
    bytes(backups.iter().map(|backup| backup.bytes).sum())
}

fn lines<'a>(backups: impl Iterator<Item = &'a PrunedBackup>, layout: Layout) -> String {
    let rows: Vec<_> = backups.map(row).collect();
    table(&COLUMNS, &rows, layout)
}

fn row(backup: &PrunedBackup) -> Vec<Word> {
    let fate = match backup.fate.as_str() {
        "goes" | "deleting" => Tone::Warn,
        _ => Tone::Plain,
    };
    vec![
        backup.id.as_str().into(),
        backup.database.as_str().into(),
        moment(&backup.created_at).into(),
        bytes(backup.bytes).into(),
        toned(fate, backup.fate.as_str()),
        backup.why.as_str().into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::plain;
    use super::*;

    fn response() -> PruneBackupsResponse {
        let one = |id: &str, fate: &str, why: &str| PrunedBackup {
            id: id.into(),
            database: "orders-1".into(),
            environment: "production".into(),
            created_at: "2026-11-27T10:00:02Z".into(),
            bytes: 1_468_006,
            location: format!("/var/backups/pgbelay/orders-1/{id}"),
            fate: fate.into(),
            why: why.into(),
        };
        let backups = vec![
            one("20261127T100001Z-r3-c7", "stays", "the newest complete one"),
            one(
                "20261120T100001Z-r2-c4",
                "goes",
                "policy says keep 1; 20261127T100001Z-r3-c7 is newer and stays",
            ),
        ];
        PruneBackupsResponse { dry_run: true, backups, left_off: 0 }
    }

    #[test]
    fn it_is_told_what_goes_and_why_the_others_stay() {
        let layout = Layout { width: Some(160) };
        insta::assert_snapshot!(plain(&judged(&response(), layout)), @r"
        BACKUP                  DATABASE  MADE                  SIZE            WHY
        20261127T100001Z-r3-c7  orders-1  2026-11-27 10:00 UTC  1.4 MiB  stays  the newest complete one
        20261120T100001Z-r2-c4  orders-1  2026-11-27 10:00 UTC  1.4 MiB  goes   policy says keep 1; 20261127T100001Z-r3-c7 is newer and stays

        1 backup would go, 1.4 MiB.
        ");
        insta::assert_snapshot!(plain(&going(&response())), @r"
        To be deleted for good: 1 backup, 1.4 MiB
          20261120T100001Z-r2-c4 of orders-1: policy says keep 1; 20261127T100001Z-r3-c7 is newer and stays
        ");
        let nothing =
            PruneBackupsResponse { dry_run: true, backups: response().backups[..1].to_vec(), left_off: 0 };
        assert!(judged(&nothing, layout).contains("Nothing goes."));
    }

    #[test]
    fn it_is_told_what_went_and_what_is_still_to_go() {
        let mut response = response();
        response.backups[0].fate = "deleting".into();
        response.backups[1].fate = "deleted".into();
        insta::assert_snapshot!(plain(&pruned(&response, Layout { width: Some(100) })), @r"
        BACKUP                  DATABASE  MADE                  SIZE               WHY
        20261127T100001Z-r3-c7  orders-1  2026-11-27 10:00 UTC  1.4 MiB  deleting  the newest complete one
        20261120T100001Z-r2-c4  orders-1  2026-11-27 10:00 UTC  1.4 MiB  deleted   policy says keep 1;
                                                                                   20261127T100001Z-r3-c7 is
                                                                                   newer and stays

        1 backup deleted, 1.4 MiB.
        1 backup given up, and deleted as soon as its agent can; see the controller's log if that takes long.
        ");
    }
}

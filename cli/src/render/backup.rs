//! Backups: a line for each, and what is wrong with one.

use pgbelay_analysis::bytes_in_words as bytes;
use pgbelay_proto::wire::{BackupEntry, ListBackupsResponse};

use super::Layout;
use super::table::{Column, Word, table, toned, word};
use super::text::{Tone, left_off, moment};

pub(crate) mod prune;

const COLUMNS: [Column; 8] = [
    word("BACKUP"),
    word("DATABASE"),
    word("ENVIRONMENT").rank(4),
    word("MADE").rank(2),
    word("SIZE").rank(3),
    word("VERIFIED"),
    word("WINDOW UNTIL").rank(1),
    word("LOCATION").rank(5),
];

/// One line for each backup, what is wrong with those that are not whole, and with copies of the others.
pub(crate) fn list(response: &ListBackupsResponse, layout: Layout) -> String {
    if response.backups.is_empty() {
        return "There is no backup yet: each run takes one first.\n".into();
    }
    let rows: Vec<_> = response.backups.iter().map(row).collect();
    let mut text = table(&COLUMNS, &rows, layout);
    for entry in &response.backups {
        let more = if entry.complete { notes(entry) } else { problems(entry) };
        if !more.is_empty() {
            text.push('\n');
            text.push_str(&more);
        }
    }
    text.push_str(&left_off(response.left_off, "--limit"));
    text
}

/// What came of reading one again.
pub(crate) fn verified(entry: &BackupEntry, _layout: Layout) -> String {
    if entry.complete { format!("{}{}", whole(entry), notes(entry)) } else { problems(entry) }
}

/// What was read of one that is whole.
fn whole(entry: &BackupEntry) -> String {
    if entry.encrypted {
        let some = match entry.method.as_str() {
            "touched" => ". It has the rows of only those tables that its run touches",
            _ => "",
        };
        return format!(
            "{} of {} is whole: {} read again, as they were stored. It is encrypted: what is in it was not read, which takes \
             --restore --identity FILE{some}\n",
            entry.id,
            entry.database,
            bytes(entry.bytes)
        );
    }
    match entry.method.as_str() {
        "restore_point" => format!(
            "{} of {} is whole: its manifest was read again. It is a restore point: the server's archive, which has \
                 the data, was not looked at\n",
            entry.id, entry.database
        ),
        "command" => format!(
            "{} of {}: its manifest is whole, and was read again. A program of the agent's machine has made it: what \
                 is at {} was not looked at\n",
            entry.id, entry.database, entry.outside
        ),
        "touched" => format!(
            "{} of {} is whole: {} read again. It has the rows of only those tables that its run touches\n",
            entry.id,
            entry.database,
            bytes(entry.bytes)
        ),
        _ => format!("{} of {} is whole: {} read again\n", entry.id, entry.database, bytes(entry.bytes)),
    }
}

/// What is wrong with some copies of one that is whole, if anything is.
fn notes(entry: &BackupEntry) -> String {
    if entry.notes.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "warning: not every copy of {} of {} was found whole; a restore takes one that is:\n",
        entry.id, entry.database
    );
    for note in &entry.notes {
        text.push_str(&format!("  {note}\n"));
    }
    text
}

fn problems(entry: &BackupEntry) -> String {
    let mut text = format!("{} of {} is NOT whole, do not rely on it:\n", entry.id, entry.database);
    for problem in &entry.problems {
        text.push_str(&format!("  {problem}\n"));
    }
    if let Some(until) = &entry.window_until {
        text.push_str(&format!("  its rollback window is open until {}, but not usable\n", moment(until)));
    }
    text
}

fn row(entry: &BackupEntry) -> Vec<Word> {
    let verified = match (&entry.verified_at, entry.complete) {
        _ if entry.deleting => toned(Tone::Warn, "being deleted"),
        (_, false) => toned(Tone::Bad, "NOT WHOLE"),
        (Some(at), true) => toned(Tone::Good, moment(at)),
        (None, true) => toned(Tone::Faint, "when made"),
    };
    let window = match &entry.window_until {
        Some(_) if !entry.complete => toned(Tone::Bad, "NOT USABLE"),
        Some(until) => moment(until).into(),
        None => toned(Tone::Faint, "-"),
    };
    // Its data is in the server's archive.
    let size = match entry.method.as_str() {
        "restore_point" => "restore point".to_owned(),
        "touched" | "command" => format!("{} {}", bytes(entry.bytes), entry.method),
        _ => bytes(entry.bytes),
    };
    let size = if entry.encrypted { format!("{size} encrypted") } else { size };
    vec![
        entry.id.as_str().into(),
        entry.database.as_str().into(),
        entry.environment.as_str().into(),
        moment(&entry.created_at).into(),
        size.into(),
        verified,
        window,
        entry.location.as_str().into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::plain;
    use super::*;

    fn entries() -> ListBackupsResponse {
        let entry = BackupEntry {
            copies: Vec::new(),
            notes: Vec::new(),
            id: "20261127T100001Z-r3-c7".into(),
            database: "orders-1".into(),
            environment: "production".into(),
            created_at: "2026-11-27T10:00:02Z".into(),
            method: "full".into(),
            location: "/var/backups/pgbelay/orders-1/20261127T100001Z-r3-c7".into(),
            bytes: 1_468_006,
            sha256: "ab".repeat(32),
            complete: true,
            verified_at: Some("2026-11-28T04:00:00Z".into()),
            problems: Vec::new(),
            window_until: Some("2026-11-28T10:00:03Z".into()),
            rollout: "r3".into(),
            restored_at: None,
            deleting: false,
            method_reason: String::new(),
            outside: String::new(),
            encrypted: false,
        };
        let broken = BackupEntry {
            id: "20261120T100001Z-r2-c4".into(),
            complete: false,
            verified_at: None,
            problems: vec!["dump/toc.dat is missing".into()],
            window_until: None,
            ..entry.clone()
        };
        ListBackupsResponse { backups: vec![entry, broken], ..Default::default() }
    }

    #[test]
    fn they_fit_both_terminals() {
        insta::assert_snapshot!(plain(&list(&entries(), Layout { width: Some(160) })), @r#"
        BACKUP                  DATABASE  ENVIRONMENT  MADE                  SIZE     VERIFIED              WINDOW UNTIL
        20261127T100001Z-r3-c7  orders-1  production   2026-11-27 10:00 UTC  1.4 MiB  2026-11-28 04:00 UTC  2026-11-28 10:00 UTC
        20261120T100001Z-r2-c4  orders-1  production   2026-11-27 10:00 UTC  1.4 MiB  NOT WHOLE             -
        no room for LOCATION

        20261120T100001Z-r2-c4 of orders-1 is NOT whole, do not rely on it:
          dump/toc.dat is missing
        "#);
        insta::assert_snapshot!(plain(&list(&entries(), Layout { width: Some(80) })), @r#"
        BACKUP                  DATABASE  VERIFIED              WINDOW UNTIL
        20261127T100001Z-r3-c7  orders-1  2026-11-28 04:00 UTC  2026-11-28 10:00 UTC
        20261120T100001Z-r2-c4  orders-1  NOT WHOLE             -
        no room for ENVIRONMENT, MADE, SIZE, LOCATION

        20261120T100001Z-r2-c4 of orders-1 is NOT whole, do not rely on it:
          dump/toc.dat is missing
        "#);
    }

    #[test]
    fn what_is_wrong_with_one_is_told() {
        let all = entries();
        let told = |at: usize| plain(&verified(&all.backups[at], Layout { width: Some(80) }));
        insta::assert_snapshot!(told(0), @"20261127T100001Z-r3-c7 of orders-1 is whole: 1.4 MiB read again");
        insta::assert_snapshot!(told(1), @r#"
        20261120T100001Z-r2-c4 of orders-1 is NOT whole, do not rely on it:
          dump/toc.dat is missing
        "#);
        let point = BackupEntry { method: "restore_point".into(), bytes: 0, ..all.backups[0].clone() };
        let told = plain(&verified(&point, Layout { width: Some(80) }));
        assert!(told.contains("its manifest was read again") && told.contains("was not looked at"), "{told}");
        let listed = plain(&list(
            &ListBackupsResponse { backups: vec![point], ..Default::default() },
            Layout { width: Some(160) },
        ));
        assert!(listed.contains("restore point") && !listed.contains("0 B"), "{listed}");
        let some = BackupEntry { method: "touched".into(), ..all.backups[0].clone() };
        let told = plain(&verified(&some, Layout { width: Some(80) }));
        assert!(told.contains("1.4 MiB read again. It has the rows of only those tables"), "{told}");
        let sealed = BackupEntry { encrypted: true, ..all.backups[0].clone() };
        let told = plain(&verified(&sealed, Layout { width: Some(80) }));
        assert!(told.contains("encrypted: what is in it was not read"), "{told}");
        let listed = plain(&list(
            &ListBackupsResponse { backups: vec![sealed], ..Default::default() },
            Layout { width: Some(160) },
        ));
        assert!(listed.contains("1.4 MiB encrypted"), "{listed}");
        let program =
            BackupEntry { method: "command".into(), outside: "repo1/main".into(), ..all.backups[0].clone() };
        let told = plain(&verified(&program, Layout { width: Some(80) }));
        assert!(told.contains("what is at repo1/main was not looked at"), "{told}");
        let both = ListBackupsResponse { backups: vec![some, program], ..Default::default() };
        let listed = plain(&list(&both, Layout { width: Some(160) }));
        assert!(listed.contains("1.4 MiB touched") && listed.contains("1.4 MiB command"), "{listed}");
        assert!(list(&ListBackupsResponse::default(), Layout { width: None }).contains("no backup yet"));
        let noted =
            BackupEntry { notes: vec!["s3://b/x: dump/1.dat is missing".into()], ..all.backups[0].clone() };
        let told = plain(&verified(&noted, Layout { width: Some(80) }));
        insta::assert_snapshot!(told, @r#"
        20261127T100001Z-r3-c7 of orders-1 is whole: 1.4 MiB read again
        warning: not every copy of 20261127T100001Z-r3-c7 of orders-1 was found whole; a restore takes one that is:
          s3://b/x: dump/1.dat is missing
        "#);
        let listed = plain(&list(
            &ListBackupsResponse { backups: vec![noted], ..Default::default() },
            Layout { width: Some(160) },
        ));
        assert!(listed.contains("warning: not every copy") && !listed.contains("NOT WHOLE"), "{listed}");
    }
}

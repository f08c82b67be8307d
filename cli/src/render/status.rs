//! The fleet at a glance.

use std::collections::BTreeMap;

use pgbelay_proto::wire::{DatabaseView, StatusResponse, WindowView};

use super::Layout;
use super::table::{Column, Word, number, prose, table, toned, word};
use super::text::{Tone, count, moment, wrap};

pub(crate) mod groups;

const COLUMNS: [Column; 9] = [
    word("DATABASE"),
    word("ENVIRONMENT").rank(1),
    word("VERSION"),
    number("APPLIED").rank(3),
    number("PENDING"),
    word("HEALTH"),
    word("AGENT").rank(2),
    word("ROLLBACK WINDOW").rank(4),
    prose("LABELS").rank(5),
];

/// One line for each database, what is wrong, and the sum.
pub(crate) fn status(response: &StatusResponse, layout: Layout) -> String {
    if response.databases.is_empty() {
        return "No database.\n\nEnrol one: pgbelay token create DATABASE --env ENVIRONMENT\n".into();
    }
    let databases: Vec<_> = response.databases.iter().collect();
    let (rows, notices) = (each(&databases, layout), notices(response, layout));
    let problems = problems(&databases, layout);
    format!("{rows}{notices}{problems}\n{}\n", wrap(&sum(&response.databases), 2, layout.prose()))
}

/// That none of them is as was asked for.
pub(crate) fn none(response: &StatusResponse, asked: &str, layout: Layout) -> String {
    let of = match response.considered {
        0 => "There is no database".to_owned(),
        1 => "The 1 database there is not".to_owned(),
        more => format!("None of {more} databases is"),
    };
    format!("{of} as asked for: {asked}\n{}", notices(response, layout))
}

fn each(databases: &[&DatabaseView], layout: Layout) -> String {
    // A column that says nothing takes room from those that do.
    let proven = databases.iter().any(|database| database.proven_at.is_some() || database.encrypted);
    let (columns, rows): (Vec<_>, Vec<_>) = if proven {
        let columns = COLUMNS.into_iter().chain([word("BACKUP PROVEN").rank(4)]);
        let with = |database: &&DatabaseView| row(database).into_iter().chain([proof(database)]).collect();
        (columns.collect(), databases.iter().map(with).collect())
    } else {
        (COLUMNS.to_vec(), databases.iter().map(|database| row(database)).collect())
    };
    table(&columns, &rows, layout)
}

/// What concerns all of them.
fn notices(response: &StatusResponse, layout: Layout) -> String {
    let mut text = String::new();
    if !response.ledger_problem.is_empty() {
        text.push_str(&format!("\n{}\n", wrap(&ledger_problem(&response.ledger_problem), 2, layout.prose())));
    }
    for freeze in &response.freezes {
        text.push_str(&format!("\n{}\n", wrap(&super::freeze::line(freeze), 2, layout.prose())));
    }
    text
}

/// What is wrong with each.
fn problems(databases: &[&DatabaseView], layout: Layout) -> String {
    let mut text = String::new();
    let mut say = |problem: &str| text.push_str(&format!("\n{}\n", wrap(problem, 2, layout.prose())));
    for database in databases.iter().filter(|database| !database.problem.is_empty()) {
        say(&format!("{}: {}", database.name, database.problem));
    }
    for (name, since) in databases.iter().filter_map(|d| Some((&d.name, d.drift_since.as_ref()?))) {
        say(&format!("{name}: somebody else has changed its schema, seen {}", moment(since)));
    }
    for (database, window) in unusable(databases) {
        say(&format!(
            "{database}: the rollback window of {} is open until {}, but not usable: {}",
            window.version,
            moment(&window.until),
            window.problem
        ));
    }
    text
}

fn ledger_problem(problem: &str) -> String {
    format!("NOTHING THAT CHANGES A DATABASE IS SENT: {problem}. See pgbelay ledger status")
}

fn unusable<'a>(databases: &'a [&DatabaseView]) -> impl Iterator<Item = (&'a str, &'a WindowView)> {
    let windows =
        databases.iter().filter_map(|database| Some((database.name.as_str(), database.window.as_ref()?)));
    windows.filter(|(_, window)| window.state == "unusable")
}

fn row(database: &DatabaseView) -> Vec<Word> {
    let version = if database.version.is_empty() {
        toned(Tone::Faint, "none")
    } else {
        database.version.as_str().into()
    };
    let pending = if database.pending > 0 { Tone::Warn } else { Tone::Plain };
    vec![
        database.name.as_str().into(),
        database.environment.as_str().into(),
        version,
        database.applied.to_string().into(),
        toned(pending, database.pending.to_string()),
        toned(health(&database.health), database.health.as_str()),
        if database.connected { "connected".into() } else { toned(Tone::Bad, "away") },
        window(database.window.as_ref()),
        labels(&database.labels).into(),
    ]
}

/// When a backup last came back.
fn proof(database: &DatabaseView) -> Word {
    match &database.proven_at {
        Some(at) if database.encrypted => format!("{} (the newest is encrypted)", moment(at)).into(),
        Some(at) => moment(at).into(),
        None if database.encrypted => toned(Tone::Warn, "never: encrypted, takes a key"),
        None => toned(Tone::Warn, "never"),
    }
}

fn health(health: &str) -> Tone {
    match health {
        "ok" => Tone::Good,
        "busy" | "never-seen" | "unfinished" => Tone::Warn,
        "failed" | "unknown" | "unreachable" | "revoked" | "quarantined" => Tone::Bad,
        _ => Tone::Plain,
    }
}

fn window(window: Option<&WindowView>) -> Word {
    match window {
        None => toned(Tone::Faint, "-"),
        Some(window) if window.state == "unusable" => toned(Tone::Bad, "open but NOT USABLE"),
        Some(window) if window.state == "open" => format!("open until {}", moment(&window.until)).into(),
        Some(window) => toned(Tone::Faint, window.state.as_str()),
    }
}

fn labels(labels: &BTreeMap<String, String>) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
}

/// `230 ok, 10 unreachable`.
fn healths<'a>(databases: impl Iterator<Item = &'a DatabaseView>) -> String {
    let mut by_health: BTreeMap<&str, usize> = BTreeMap::new();
    for database in databases {
        *by_health.entry(&database.health).or_default() += 1;
    }
    by_health.iter().map(|(health, number)| format!("{number} {health}")).collect::<Vec<_>>().join(", ")
}

fn sum(databases: &[DatabaseView]) -> String {
    let behind = databases.iter().filter(|database| database.pending > 0).count();
    let behind =
        if behind == 0 { "nothing pending".into() } else { format!("{behind} with pending migrations") };
    format!("{}: {}; {behind}", count(databases.len(), "database"), healths(databases.iter()))
}

#[cfg(test)]
mod tests {
    use pgbelay_proto::wire::FreezeView;

    use super::super::fixtures::{self, plain};
    use super::*;

    #[test]
    fn it_fits_a_wide_terminal() {
        insta::assert_snapshot!(plain(&status(&fixtures::status(), Layout { width: Some(120) })), @r"
        DATABASE      ENVIRONMENT  VERSION  APPLIED  PENDING  HEALTH       AGENT      ROLLBACK WINDOW
        orders-1      staging      012           12        0  ok           connected  open until 2026-07-30 10:00 UTC
        billing-eu-1  production   009            9        3  unreachable  away       expired
        orders-2      production   none           0       12  ok           connected  -
        no room for LABELS

        billing-eu-1: the agent has been silent since 2026-07-29 09:58 UTC: is its machine running?

        3 databases: 2 ok, 1 unreachable; 2 with pending migrations
        ");
    }

    #[test]
    fn it_fits_a_narrow_terminal() {
        let text = plain(&status(&fixtures::status(), Layout { width: Some(60) }));
        fixtures::assert_fits(&text, 60);
        insta::assert_snapshot!(text, @r"
        DATABASE      ENVIRONMENT  VERSION  PENDING  HEALTH
        orders-1      staging      012            0  ok
        billing-eu-1  production   009            3  unreachable
        orders-2      production   none          12  ok
        no room for APPLIED, AGENT, ROLLBACK WINDOW, LABELS

        billing-eu-1: the agent has been silent since 2026-07-29
          09:58 UTC: is its machine running?

        3 databases: 2 ok, 1 unreachable; 2 with pending
          migrations
        ");
    }

    #[test]
    fn a_window_that_is_of_no_use_is_told() {
        let mut fleet = fixtures::status();
        let window = fleet.databases[0].window.as_mut().unwrap();
        window.state = "unusable".into();
        window.problem = "backup 20261127T100001Z-r3-c7: dump/toc.dat is missing".into();
        fleet.databases.truncate(1);
        insta::assert_snapshot!(plain(&status(&fleet, Layout { width: Some(120) })), @r"
        DATABASE  ENVIRONMENT  VERSION  APPLIED  PENDING  HEALTH  AGENT      ROLLBACK WINDOW      LABELS
        orders-1  staging      012           12        0  ok      connected  open but NOT USABLE  region=eu-west tier=1

        orders-1: the rollback window of 012 is open until 2026-07-30 10:00 UTC, but not usable: backup
          20261127T100001Z-r3-c7: dump/toc.dat is missing

        1 database: 1 ok; nothing pending
        ");
    }

    #[test]
    fn a_freeze_is_told() {
        let mut fleet = fixtures::status();
        fleet.databases.truncate(1);
        let (by, since) = ("dev".to_owned(), "2026-07-29T10:00:00Z".to_owned());
        let (reason, rule) = ("an incident".to_owned(), "pgbelay unfreeze".to_owned());
        fleet.freezes = vec![FreezeView { environment: String::new(), reason, by, since, rule }];
        let text = plain(&status(&fleet, Layout { width: Some(120) }));
        let told = "everything is frozen: an incident, by dev at 2026-07-29 10:00 UTC (pgbelay unfreeze)";
        assert!(text.contains(told), "{text}");
    }

    #[test]
    fn an_empty_fleet_says_what_to_do() {
        assert!(status(&StatusResponse::default(), Layout::default()).contains("pgbelay token create"));
    }

    #[test]
    fn programs_get_every_field() {
        let mut fleet = fixtures::status();
        fleet.databases.remove(1);
        insta::assert_json_snapshot!(fleet, @r#"
        {
          "databases": [
            {
              "name": "orders-1",
              "environment": "staging",
              "labels": {
                "region": "eu-west",
                "tier": "1"
              },
              "version": "012",
              "applied": 12,
              "pending": 0,
              "health": "ok",
              "connected": true,
              "window": {
                "version": "012",
                "state": "open",
                "until": "2026-07-30T10:00:00.000Z",
                "problem": ""
              },
              "problem": "",
              "server_version": 150006,
              "unfinished": [],
              "proven_at": null,
              "drift_since": null,
              "encrypted": false
            },
            {
              "name": "orders-2",
              "environment": "production",
              "labels": {},
              "version": "",
              "applied": 0,
              "pending": 12,
              "health": "ok",
              "connected": true,
              "window": null,
              "problem": "",
              "server_version": 150006,
              "unfinished": [],
              "proven_at": null,
              "drift_since": null,
              "encrypted": false
            }
          ],
          "ledger_problem": "",
          "freezes": [],
          "considered": 3
        }
        "#);
    }
}

//! Reports of hand-made findings, in every format.

use pgbelay_analysis::{
    Allow, AllowProblem, Base, Hazard, Lock, LockMode, Position, Risk, Server, Severity, Span, StatementKind,
    StatementReport, Work, WorkKind,
};

use super::super::fixtures::{assert_fits, plain};
use super::*;
use crate::lint::report::Bar;

const TEXT: &str = "-- pgbelay: allow drop-index nobody used it for a year
DROP INDEX orders_note_idx;
ALTER TABLE orders
    DROP COLUMN note,
    ADD COLUMN ünïcode bigserial;
SELEKT 1;
";

fn hazard(id: &str, severity: Severity, message: &str) -> Hazard {
    let relation = Some("public.orders".to_owned());
    Hazard { id: id.into(), severity, relation, message: message.into(), waits: false, allowed: None }
}

fn statement(kind: StatementKind, words: &str, line: u32) -> StatementReport {
    let start = TEXT.find(words).unwrap();
    let end = start + TEXT[start..].find(';').unwrap();
    StatementReport {
        position: Position { line, column: 1 },
        span: Span { start, end },
        kind,
        transactional: true,
        locks: vec![],
        work: vec![],
        destroys: vec![],
        breaks: vec![],
        hazards: vec![],
        unknown: vec![],
        risk: Risk::High,
        reasons: vec!["it is one".into()],
        fails: None,
        needs_server: None,
        base: Base::default(),
    }
}

fn file() -> FileReport {
    let relation = || "public.orders".to_owned();
    let mut index = statement(StatementKind::DropIndex, "DROP INDEX", 2);
    let reason = Some("nobody used it for a year".to_owned());
    index.hazards =
        vec![Hazard { allowed: reason, ..hazard("drop-index", Severity::Low, "queries become slow") }];
    let mut table = statement(StatementKind::AlterTable, "ALTER TABLE", 3);
    table.locks = vec![Lock { relation: relation(), mode: LockMode::AccessExclusiveLock, new: false }];
    table.work = vec![Work {
        relation: relation(),
        kind: WorkKind::Rewrite,
        because: "every row gets a number".into(),
        new: false,
    }];
    table.hazards = vec![
        hazard(
            "add-column-serial",
            Severity::High,
            "the column ünïcode of public.orders is serial, so every row is written anew",
        ),
        hazard("drop-column", Severity::Medium, "public.orders.note and its values are gone, 100 % of them"),
    ];
    table.unknown = vec!["whether public.orders has rows".into()];
    FileReport {
        path: "migrations/007_orders, new.sql".into(),
        statements: vec![index, table],
        faults: vec![Fault {
            place: Some(Position { line: 6, column: 1 }),
            message: "syntax error at or near \"SELEKT\"".into(),
        }],
        allows: vec![Allow {
            position: Position { line: 1, column: 1 },
            id: "drop-tabel".into(),
            reason: "x".into(),
            problem: Some(AllowProblem::UnknownId { nearest: Some("drop-table".into()) }),
        }],
        rollback: None,
        text: TEXT.into(),
        wrong_name: false,
    }
}

fn bar() -> Bar {
    Bar { server: Server::major(15), fail_on: Severity::High, rollbacks: false }
}

fn some() -> Report {
    let back = FileReport {
        path: "migrations/rollback/007_rollback.sql".into(),
        faults: vec![],
        allows: vec![],
        ..file()
    };
    Report::new(vec![file()], vec![back], bar())
}

fn one() -> Report {
    Report::new(vec![file()], vec![], bar())
}

#[test]
fn people_see_what_where_and_the_safer_way() {
    insta::assert_snapshot!(plain(&report(&some(), false, Layout { width: Some(80) })), @r#"
    migrations/007_orders, new.sql

    allowed drop-index: nobody used it for a year
      at migrations/007_orders, new.sql:2:1

    high add-column-serial: the column ünïcode of public.orders is serial, so
      every row is written anew
    medium drop-column: public.orders.note and its values are gone, 100 % of them
      at migrations/007_orders, new.sql:3:1
        |
      3 | / ALTER TABLE orders
      4 | |     DROP COLUMN note,
      5 | |     ADD COLUMN ünïcode bigserial;
        | |________________________________^
      = locks public.orders AccessExclusiveLock (reads and writes wait) · rewrites
        public.orders
      = not known: whether public.orders has rows
      = safer: pgbelay explain add-column-serial
      = safer: pgbelay explain drop-column

    error: syntax error at or near "SELEKT"
      at migrations/007_orders, new.sql:6:1
        |
      6 | SELEKT 1;
        | ^^^^^^

    comment drop-tabel: there is no such hazard; is drop-table meant?
      at migrations/007_orders, new.sql:1:1

    Taking it back

    migrations/rollback/007_rollback.sql

    allowed drop-index: nobody used it for a year
      at migrations/rollback/007_rollback.sql:2:1

    high add-column-serial: the column ünïcode of public.orders is serial, so
      every row is written anew
    medium drop-column: public.orders.note and its values are gone, 100 % of them
      at migrations/rollback/007_rollback.sql:3:1
        |
      3 | / ALTER TABLE orders
      4 | |     DROP COLUMN note,
      5 | |     ADD COLUMN ünïcode bigserial;
        | |________________________________^
      = locks public.orders AccessExclusiveLock (reads and writes wait) · rewrites
        public.orders
      = not known: whether public.orders has rows
      = safer: pgbelay explain add-column-serial
      = safer: pgbelay explain drop-column

    2 files, 4 statements: 1 high, 1 medium, 1 high in rollback files, 1 medium in
      rollback files, 1 that cannot be read, 2 allowed
    2 statements could not be judged fully; --verbose says what is missing,
      --catalog FILE supplies it
    "#);
}

#[test]
fn with_everything_what_is_harmless_is_shown_too() {
    let mut file = FileReport { allows: vec![], faults: vec![], ..file() };
    for statement in &mut file.statements {
        statement.hazards.clear();
    }
    let quiet = Report::new(vec![file], vec![], bar());
    insta::assert_snapshot!(plain(&report(&quiet, true, Layout::default())), @r"
    migrations/007_orders, new.sql

    drop-index, high risk: it is one
      at migrations/007_orders, new.sql:2:1
        |
      2 | DROP INDEX orders_note_idx;
        | ^^^^^^^^^^^^^^^^^^^^^^^^^^

    alter-table, high risk: it is one
      at migrations/007_orders, new.sql:3:1
        |
      3 | / ALTER TABLE orders
      4 | |     DROP COLUMN note,
      5 | |     ADD COLUMN ünïcode bigserial;
        | |________________________________^
      = locks public.orders AccessExclusiveLock (reads and writes wait) · rewrites public.orders
      = not known: whether public.orders has rows

    1 file, 2 statements: nothing found
    1 statement could not be judged fully; --verbose says what is missing, --catalog FILE supplies it
    ");
    insta::assert_snapshot!(plain(&report(&quiet, false, Layout::default())), @r"
    1 file, 2 statements: nothing found
    1 statement could not be judged fully; --verbose says what is missing, --catalog FILE supplies it
    ");
}

#[test]
fn a_narrow_terminal_is_enough() {
    for width in [50, 60, 80] {
        assert_fits(&plain(&report(&some(), true, Layout { width: Some(width) })), width.into());
    }
}

#[test]
fn only_colours_that_the_screen_passes_are_used() {
    let text = super::super::harmless(&report(&some(), true, Layout::default()), true).into_owned();
    assert!(text.contains('\u{1b}') && !text.contains("u{1b}"), "{text}");
}

#[test]
#[expect(clippy::too_many_lines, reason = "the document as it is")]
fn programs_get_every_field() {
    insta::assert_json_snapshot!(one(), @r#"
    {
      "files": [
        {
          "path": "migrations/007_orders, new.sql",
          "statements": [
            {
              "line": 2,
              "column": 1,
              "span": {
                "start": 55,
                "end": 81
              },
              "kind": "drop-index",
              "transactional": true,
              "locks": [],
              "work": [],
              "destroys": [],
              "breaks": [],
              "hazards": [
                {
                  "id": "drop-index",
                  "severity": "low",
                  "relation": "public.orders",
                  "message": "queries become slow",
                  "allowed": "nobody used it for a year"
                }
              ],
              "unknown": [],
              "risk": "high",
              "reasons": [
                "it is one"
              ]
            },
            {
              "line": 3,
              "column": 1,
              "span": {
                "start": 83,
                "end": 158
              },
              "kind": "alter-table",
              "transactional": true,
              "locks": [
                {
                  "relation": "public.orders",
                  "mode": "AccessExclusiveLock"
                }
              ],
              "work": [
                {
                  "relation": "public.orders",
                  "kind": "rewrite",
                  "because": "every row gets a number"
                }
              ],
              "destroys": [],
              "breaks": [],
              "hazards": [
                {
                  "id": "add-column-serial",
                  "severity": "high",
                  "relation": "public.orders",
                  "message": "the column ünïcode of public.orders is serial, so every row is written anew"
                },
                {
                  "id": "drop-column",
                  "severity": "medium",
                  "relation": "public.orders",
                  "message": "public.orders.note and its values are gone, 100 % of them"
                }
              ],
              "unknown": [
                "whether public.orders has rows"
              ],
              "risk": "high",
              "reasons": [
                "it is one"
              ]
            }
          ],
          "faults": [
            {
              "line": 6,
              "column": 1,
              "message": "syntax error at or near \"SELEKT\""
            }
          ],
          "allows": [
            {
              "line": 1,
              "column": 1,
              "id": "drop-tabel",
              "reason": "x",
              "problem": {
                "unknown_id": {
                  "nearest": "drop-table"
                }
              }
            }
          ]
        }
      ],
      "rollbacks": [],
      "summary": {
        "files": 1,
        "statements": 2,
        "findings": {
          "high": 1,
          "medium": 1,
          "low": 0,
          "info": 0
        },
        "rollback_findings": {
          "high": 0,
          "medium": 0,
          "low": 0,
          "info": 0
        },
        "allowed": 1,
        "faults": 1,
        "refused": 0,
        "not_taken_back": 0,
        "unknown": 1,
        "server": 15,
        "fail_on": "high",
        "failed": true
      }
    }
    "#);
}

#[test]
fn annotations_are_escaped() {
    insta::assert_snapshot!(github::commands(&one(), bar()), @r#"
    ::error file=migrations/007_orders%2C new.sql,line=6,col=1,title=SQL::syntax error at or near "SELEKT"
    ::error file=migrations/007_orders%2C new.sql,line=3,col=1,title=add-column-serial::the column ünïcode of public.orders is serial, so every row is written anew%0Alocks public.orders AccessExclusiveLock (reads and writes wait) · rewrites public.orders%0Asafer: pgbelay explain add-column-serial
    ::warning file=migrations/007_orders%2C new.sql,line=3,col=1,title=drop-column::public.orders.note and its values are gone, 100 %25 of them%0Alocks public.orders AccessExclusiveLock (reads and writes wait) · rewrites public.orders%0Asafer: pgbelay explain drop-column
    ::notice file=migrations/007_orders%2C new.sql,line=1,col=1,title=allow drop-tabel::there is no such hazard; is drop-table meant?
    1 file, 2 statements: 1 high, 1 medium, 1 that cannot be read, 1 allowed
    1 statement could not be judged fully; --verbose says what is missing, --catalog FILE supplies it
    "#);
}

#[test]
fn junit_has_a_case_for_each_statement() {
    insta::assert_snapshot!(junit::suites(&some(), bar()), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="pgbelay lint" tests="5" failures="1" errors="1">
      <testsuite name="migrations/007_orders, new.sql" tests="3" failures="1" errors="1">
        <testcase classname="migrations/007_orders, new.sql" name="6:1 error">
          <error type="sql" message="syntax error at or near &quot;SELEKT&quot;"/>
        </testcase>
        <testcase classname="migrations/007_orders, new.sql" name="2:1 drop-index" file="migrations/007_orders, new.sql" line="2"/>
        <testcase classname="migrations/007_orders, new.sql" name="3:1 alter-table" file="migrations/007_orders, new.sql" line="3">
          <failure type="add-column-serial" message="the column ünïcode of public.orders is serial, so every row is written anew">high add-column-serial: the column ünïcode of public.orders is serial, so every row is written anew (pgbelay explain add-column-serial)&#10;locks public.orders AccessExclusiveLock (reads and writes wait) · rewrites public.orders</failure>
          <system-out>medium drop-column: public.orders.note and its values are gone, 100 % of them (pgbelay explain drop-column)</system-out>
        </testcase>
      </testsuite>
      <testsuite name="migrations/rollback/007_rollback.sql" tests="2" failures="0" errors="0">
        <testcase classname="migrations/rollback/007_rollback.sql" name="2:1 drop-index" file="migrations/rollback/007_rollback.sql" line="2"/>
        <testcase classname="migrations/rollback/007_rollback.sql" name="3:1 alter-table" file="migrations/rollback/007_rollback.sql" line="3">
          <system-out>high add-column-serial: the column ünïcode of public.orders is serial, so every row is written anew (pgbelay explain add-column-serial)&#10;medium drop-column: public.orders.note and its values are gone, 100 % of them (pgbelay explain drop-column)</system-out>
        </testcase>
      </testsuite>
    </testsuites>
    "#);
}

#[test]
#[expect(clippy::too_many_lines, reason = "the document as it is")]
fn sarif_has_rules_places_and_suppressions() {
    let mut log = sarif::log(&one(), bar());
    // Where a rule stands among the others changes with each new one.
    for result in log["runs"][0]["results"].as_array_mut().unwrap() {
        result.as_object_mut().unwrap().remove("ruleIndex");
    }
    insta::assert_json_snapshot!(log["runs"][0]["results"], @r#"
    [
      {
        "level": "error",
        "locations": [
          {
            "physicalLocation": {
              "artifactLocation": {
                "uri": "migrations/007_orders%2C%20new.sql"
              },
              "region": {
                "startColumn": 1,
                "startLine": 6
              }
            }
          }
        ],
        "message": {
          "text": "syntax error at or near \"SELEKT\""
        },
        "partialFingerprints": {
          "pgbelayStatement/v1": "38e0c94a81f0:1"
        },
        "ruleId": "sql-error"
      },
      {
        "level": "note",
        "locations": [
          {
            "physicalLocation": {
              "artifactLocation": {
                "uri": "migrations/007_orders%2C%20new.sql"
              },
              "region": {
                "endColumn": 27,
                "endLine": 2,
                "startColumn": 1,
                "startLine": 2
              }
            }
          }
        ],
        "message": {
          "text": "queries become slow"
        },
        "partialFingerprints": {
          "pgbelayStatement/v1": "a2510aaeb4b5:1"
        },
        "ruleId": "drop-index",
        "suppressions": [
          {
            "justification": "nobody used it for a year",
            "kind": "inSource"
          }
        ]
      },
      {
        "level": "error",
        "locations": [
          {
            "physicalLocation": {
              "artifactLocation": {
                "uri": "migrations/007_orders%2C%20new.sql"
              },
              "region": {
                "endColumn": 33,
                "endLine": 5,
                "startColumn": 1,
                "startLine": 3
              }
            }
          }
        ],
        "message": {
          "text": "the column ünïcode of public.orders is serial, so every row is written anew\nlocks public.orders AccessExclusiveLock (reads and writes wait) · rewrites public.orders"
        },
        "partialFingerprints": {
          "pgbelayStatement/v1": "9fd948f97558:1"
        },
        "ruleId": "add-column-serial"
      },
      {
        "level": "warning",
        "locations": [
          {
            "physicalLocation": {
              "artifactLocation": {
                "uri": "migrations/007_orders%2C%20new.sql"
              },
              "region": {
                "endColumn": 33,
                "endLine": 5,
                "startColumn": 1,
                "startLine": 3
              }
            }
          }
        ],
        "message": {
          "text": "public.orders.note and its values are gone, 100 % of them\nlocks public.orders AccessExclusiveLock (reads and writes wait) · rewrites public.orders"
        },
        "partialFingerprints": {
          "pgbelayStatement/v1": "403a0685fc36:1"
        },
        "ruleId": "drop-column"
      },
      {
        "level": "note",
        "locations": [
          {
            "physicalLocation": {
              "artifactLocation": {
                "uri": "migrations/007_orders%2C%20new.sql"
              },
              "region": {
                "startColumn": 1,
                "startLine": 1
              }
            }
          }
        ],
        "message": {
          "text": "drop-tabel: there is no such hazard; is drop-table meant?"
        },
        "partialFingerprints": {
          "pgbelayStatement/v1": "bc3f959b22dc:1"
        },
        "ruleId": "allow-comment"
      }
    ]
    "#);
}

#[test]
fn a_fingerprint_stays_where_lines_move_and_tells_twins_apart() {
    let prints = |file: FileReport| {
        let log = sarif::log(&Report::new(vec![file], vec![], bar()), bar());
        let results = log["runs"][0]["results"].as_array().unwrap().clone();
        results.iter().map(|result| result["partialFingerprints"].to_string()).collect::<Vec<_>>()
    };
    let here = FileReport { faults: vec![], allows: vec![], ..file() };
    let mut moved = here.clone();
    moved.text = format!("\n\n{TEXT}");
    for statement in &mut moved.statements {
        statement.position.line += 2;
        statement.span = Span { start: statement.span.start + 2, end: statement.span.end + 2 };
    }
    assert_eq!(prints(here.clone()), prints(moved));
    let mut twice = here.clone();
    twice.statements.extend(here.statements);
    let prints = prints(twice);
    let different: std::collections::BTreeSet<_> = prints.iter().collect();
    assert_eq!(different.len(), prints.len());
}

#[test]
fn places_outside_of_the_text_do_no_harm() {
    let mut file = file();
    file.text = "é".into();
    file.statements[1].span = Span { start: 1, end: 900 };
    file.faults[0].place = Some(Position { line: 7, column: 70 });
    let odd = Report::new(vec![file], vec![], bar());
    assert!(report(&odd, true, Layout::default()).contains("add-column-serial"));
    sarif::log(&odd, bar());
}

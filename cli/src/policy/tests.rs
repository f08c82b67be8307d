//! Documents and what is said of them. What `judge` says is good, the controller takes, and the other way round: both
//! end with the same reading and the same checks.

use super::*;

/// All mistakes as `line:column path: message`, in their order; a document without any is `good`.
fn told(text: &str) -> Vec<String> {
    let line = |m: &Mistake| format!("{}:{} {}: {}", m.line, m.column, m.path, m.message);
    match judge(text, Timestamp(1_800_000_000_000)) {
        Ok(_) => vec!["good".to_owned()],
        Err(mistakes) => mistakes.iter().map(line).collect(),
    }
}

fn check(text: &str, expected: &[&str]) {
    assert_eq!(told(text), expected, "{text}");
}

/// The one mistake of a document.
fn one(text: &str, expected: &str) {
    check(text, &[expected]);
}

#[test]
fn a_good_document_is_read_however_it_is_written() {
    for text in [
        "environments:\n  - name: staging\n  - name: production\n    approvals: \"2\"\n    force_allowed: no\n    backup: off\n",
        "{\"environments\": [{\"name\": \"staging\", \"rollback_window\": \"2h\"}]}",
        "\u{feff}# a comment\n---\nenvironments: [{name: a, waves: [{select: [a=b, c=d], count: 1}]}]\n...\n",
        "environments:\n  - &first\n    name: a\n    approvals: 1\n  - <<: *first\n    name: b\nhazards: {prefer-text: off}\n",
        "environments:\n- name: a\n  windows:\n  - &night {from: \"22:00\", to: \"04:00\"}\n- name: b\n  windows: [*night]\n",
    ] {
        check(text, &["good"]);
    }
}

#[test]
fn all_mistakes_are_told_at_once_by_line() {
    check(
        "environments:
  - name: staging
    aprovals: 1
    requires: [production]
    waves:
      - {count: 1, percnt: 5}
      - percent: 150
      - select: role
  - name: production
    requires: [stagin]
    confirm_at: hihg
    rollback_window: 24
    max_parallel: -1
    force_allowed: maybe
    acknowledge: [drop-colum, drop-table]
    windows:
      - {days: mon-thu, from: \"22:00\", to: \"04:00\", zone: Europe/Berlyn}
      - {from: \"25:00\", to: \"04:00\"}
    backup:
      method: ful
      each: run
    statement_timeouts: {creat-index: 2h}
risk:
  drop-index: enormous
freez: now
",
        &[
            "3:5 environments[0].aprovals: staging: there is no key aprovals; did you mean approvals?",
            "4:16 environments[0].requires[0]: staging requires production, which does not come before it: only what stands \
             above it can be required",
            "6:20 environments[0].waves[0].percnt: staging: there is no key percnt in waves[0]; did you mean percent?",
            "7:18 environments[0].waves[1].percent: staging: waves.percent must be from 1 to 100 (number 2)",
            "8:17 environments[0].waves[2].select: staging: waves[2].select: a selector is key=value, several of \
             them with commas between or as a list",
            "10:16 environments[1].requires[0]: production requires stagin, and there is no such environment; did you mean \
             staging?",
            "11:17 environments[1].confirm_at: production: confirm_at must be low, medium or high, and is \"hihg\"; did you \
             mean high?",
            "12:22 environments[1].rollback_window: production: rollback_window: a duration is a whole number and a unit: \
             ms, s, m, h or d, for example 500ms, 30s, 24h",
            "13:19 environments[1].max_parallel: production: max_parallel must be a whole number, not below zero and not \
             too large, and is -1",
            "14:20 environments[1].force_allowed: production: force_allowed must be true or false, and is \"maybe\"",
            "15:19 environments[1].acknowledge[0]: production: acknowledge: there is no hazard called \"drop-colum\"; did \
             you mean drop-column?",
            "17:59 environments[1].windows[0].zone: production: windows[0].zone: there is no time zone called \
             \"Europe/Berlyn\"; did you mean Europe/Berlin?",
            "18:9 environments[1].windows[1]: production: windows[1]: \"25:00\" is not a time of day: write it in quotes, \
             from \"00:00\" to \"24:00\"",
            "20:15 environments[1].backup.method: production: backup.method must be full, touched, restore_point, command \
             or auto, and is \"ful\"; did you mean full?",
            "22:26 environments[1].statement_timeouts.creat-index: production: statement_timeouts: there is no kind of \
             statement called \"creat-index\"; did you mean create-index?",
            "24:15 risk.drop-index: risk.drop-index must be low, medium or high, and is \"enormous\"",
            "25:1 freez: there is no key freez; did you mean freeze?",
        ],
    );
}

#[test]
fn schedules_are_wrong_where_they_stand() {
    check(
        "environments:
- name: a
  windows:
  - {schedule: \"0 25 * * *\", duration: 4h}
  - schedule: 0 22 * * 1-5
    duration: 32d
  - schedule: \"0 22 * * 1-5\"
    duration: 4h
    from: \"22:00\"
  blackouts:
  - {schedule: \"0 0 30 2 *\", duration: 1d}
  - schedule: \"0 22 * * *\"
    duration: four hours
  - {schedule: \"0 8,20 * * *\", duration: 13h, zone: Europe/Berlin}
  - {schedule: \"0 22 * * *\", duration: 1h, zone: Europe/Berlyn}
",
        &[
            "4:5 environments[0].windows[0]: a: windows[0]: schedule: \"25\" is no hour in \"0 25 * * *\": it takes 0 to 23; \
             also *, ranges such as 1-5, lists such as 1,3, and steps such as */2 or 1-5/2",
            "5:5 environments[0].windows[1]: a: windows[1]: duration is 32d, and must be whole minutes, from 1m to 31d",
            "7:5 environments[0].windows[2]: a: windows[2]: it has from beside a schedule: either schedule and duration, or \
             from and to; for both, write two entries",
            "11:5 environments[0].blackouts[0]: a: blackouts[0]: schedule: \"0 0 30 2 *\" never comes: no year has such a \
             day",
            "13:15 environments[0].blackouts[1].duration: a: blackouts[1].duration: a duration is a whole number and a \
             unit: ms, s, m, h or d, for example 500ms, 30s, 24h",
            "14:5 environments[0].blackouts[2]: a: blackouts[2]: schedule: \"0 8,20 * * *\" begins again after 12h, before \
             its duration of 13h is over: make that at most 12h, or let it begin less often",
            "15:50 environments[0].blackouts[3].zone: a: blackouts[3].zone: there is no time zone called \
             \"Europe/Berlyn\"; did you mean Europe/Berlin?",
        ],
    );
    one(
        "environments:\n- name: a\n  windows: [{schedule: 0 0 29 2 *, duration: 1d}]\n  blackouts: [{schedule: 0 0 L 2 *, \
         duration: 1d}]\n",
        "3:3 environments[0].windows: a: windows never open within a year, or blackouts cover all of them; to stop \
         everything use freeze",
    );
}

#[test]
fn what_makes_no_sense_is_told_where_it_stands() {
    one(
        "environments:\n- name: a\n  waves:\n  - percent: 150\n",
        "4:14 environments[0].waves[0].percent: a: waves.percent must be from 1 to 100 (number 1)",
    );
    one(
        "environments:\n- name: a\n  waves:\n  - bake: 1h\n  - select: a=b\n",
        "5:5 environments[0].waves[1]: a: wave 2 takes nothing: wave 1 takes every database that it selects",
    );
    one(
        "environments:\n- name: a\n  windows: [{from: \"01:00\", to: \"02:00\"}]\n  blackouts: [{from: \"00:00\", to: \"24:00\"}]\n",
        "3:3 environments[0].windows: a: windows never open within a year, or blackouts cover all of them; to stop \
         everything use freeze",
    );
    check(
        "environments:\n- name: a\n  requires: [a, b, nowhere]\n- name: b\n- name: a\n",
        &[
            "3:14 environments[0].requires[0]: a requires a, which does not come before it: only what stands above it can \
             be required",
            "3:17 environments[0].requires[1]: a requires b, which does not come before it: only what stands above it can \
             be required",
            "3:20 environments[0].requires[2]: a requires nowhere, and there is no such environment",
            "5:9 environments[2].name: the environment a stands twice",
        ],
    );
    one("environments: []\n", "1:1 environments: the policy names no environment");
    one(
        "environments:\n- name: a\n  backup_retention: {}\n",
        "3:3 environments[0].backup_retention: a: backup_retention must be keep, days or both: without one, leave it out \
         and nothing is deleted",
    );
}

#[test]
fn what_only_comes_of_another_mistake_is_not_told() {
    // The second wave would be hidden by the first one, if its count were not there.
    one(
        "environments:\n- name: a\n  waves:\n  - count: many\n  - select: a=b\n",
        "4:12 environments[0].waves[0].count: a: waves[0].count must be a whole number, not below zero and not too large, \
         and is \"many\"",
    );
    // The names of environments are not known.
    one(
        "environments:\n- nam: a\n- name: b\n  requires: [a]\n",
        "2:3 environments[0].nam: there is no key nam in environments[0]; did you mean name?",
    );
    one(
        "environments:\n- name: [a]\n- name: b\n  requires: [a]\n",
        "2:3 environments[0].name: environments[0].name must be a text, and is a list",
    );
    // An entry that is left out does not move those behind it.
    check(
        "environments:\n- 5\n- name: b\n  approvals: 11\n",
        &[
            "2:3 environments[0]: environments[0] must be a map of keys and values, and is 5",
            "4:14 environments[1].approvals: b: approvals must be from 0 to 10",
        ],
    );
}

#[test]
fn what_is_no_policy_at_all_is_told_in_one_line() {
    let nothing = "there is nothing in it: a policy begins with environments:";
    one("", &format!("1:1 : {nothing}"));
    one("# later\n", &format!("2:1 : {nothing}"));
    one("- name: a\n", "1:1 : this must be a map of keys and values, and is a list");
    one("staging\n", "1:1 : this must be a map of keys and values, and is \"staging\"");
    one("risk: {}\n", "1:1 : the key environments is missing");
    one("environments: staging\n", "1:15 environments: environments must be a list, and is \"staging\"");
    one("environments:\n", "1:1 environments: environments must be a list, and is empty");
    one("environments:\n\t- name: a\n", "2:2 : tabs cannot indent in YAML: use spaces");
    one("environments: [{name: a}\n", "1:15 : unclosed bracket '['");
    one("environments: *a\n", "1:15 : alias references unknown anchor");
    one(
        "environments: [{name: a}]\n---\nenvironments: []\n",
        "3:1 : a second document begins here: a policy is one",
    );
    one("environments: [{name: a}]\nrefine: : x\n", "2:9 : mapping values are not allowed in this context");
}

#[test]
fn a_number_is_shown_as_it_was_written() {
    for written in ["010", "1.50"] {
        let text = format!("environments:\n- name: a\n  max_parallel: {written}\n");
        let number = "a whole number, not below zero and not too large";
        one(
            &text,
            &format!("3:17 environments[0].max_parallel: a: max_parallel must be {number}, and is {written}"),
        );
    }
}

#[test]
fn every_key_that_stands_twice_is_told() {
    check(
        "environments:\n- name: a\n  max_parallel: 1\n  max_parallel: 2\n  name: b\nrefine: true\nrefine: true\n",
        &[
            "4:3 environments[0].max_parallel: the key max_parallel stands twice: the first one is in line 3",
            "5:3 environments[0].name: the key name stands twice: the first one is in line 2",
            "7:1 refine: the key refine stands twice: the first one is in line 6",
        ],
    );
}

#[test]
fn what_unfolds_for_ever_or_lies_too_deep_is_refused_at_once() {
    let begun = std::time::Instant::now();
    let mut bomb = "a: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..9 {
        let aliases = vec![format!("*a{}", n - 1); 9].join(", ");
        bomb += &format!("k{n}: &a{n} [{aliases}]\n");
    }
    let deep = format!("environments: {}{}\n", "[".repeat(200), "]".repeat(200));
    for text in [bomb, deep] {
        let [found] = told(&text).try_into().unwrap();
        assert!(found.ends_with("it is too deep or, with its aliases, too large for a policy"), "{found}");
    }
    // Nothing was unfolded: a thousand times the entries would take minutes.
    assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
    let many: String = (0..500).map(|n| format!("k{n}: 1\n")).collect();
    assert_eq!(told(&many).len(), MAX_MISTAKES);
}

#[test]
fn a_file_that_cannot_be_a_policy_is_refused() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("policy.yaml");
    let now = Timestamp(0);
    assert!(open(&path, now).unwrap_err().message.contains("failed to read the policy"));
    assert!(open(dir.path(), now).is_err(), "a directory");
    std::fs::write(&path, vec![b'#'; 5 << 20])?;
    assert!(open(&path, now).unwrap_err().message.contains("more than 262144 bytes"));
    std::fs::write(&path, b"environments:\n- name: caf\xe9\n")?;
    let [mistake] = open(&path, now)?.policy.unwrap_err().try_into().unwrap();
    assert_eq!((mistake.line, mistake.column), (2, 12));
    assert!(mistake.message.contains("not UTF-8"));
    std::fs::write(&path, b"\xff\xfee\0n\0")?;
    let [mistake] = open(&path, now)?.policy.unwrap_err().try_into().unwrap();
    assert_eq!((mistake.line, mistake.column), (1, 1));
    std::fs::write(&path, "environments: [{name: a}]\n")?;
    assert_eq!(open(&path, now)?.policy.unwrap().environments.len(), 1);
    Ok(())
}

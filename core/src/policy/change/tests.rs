//! What differs, and in which direction.

use serde_json::json;

use super::*;

fn policy(json: Value) -> Policy {
    serde_json::from_value(json).unwrap()
}

/// Changes as lines: `leaning path: old -> new`.
fn told(old: Value, new: Value) -> Vec<String> {
    let none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    let line = |change: &Change| {
        format!("{} {}: {} -> {}", change.leaning.as_str(), change.path, none(&change.old), none(&change.new))
    };
    changes(&policy(old), &policy(new)).iter().map(line).collect()
}

/// The changes of one environment, without its name.
fn check(old: Value, new: Value, expected: &[&str]) {
    let production = |mut json: Value| {
        json["name"] = json!("production");
        json!({ "environments": [json] })
    };
    let found = told(production(old.clone()), production(new.clone()));
    let found: Vec<_> = found.iter().map(|line| line.replace("environments.production.", "")).collect();
    assert_eq!(found, expected);
    // The other way round it is the opposite.
    let back = told(production(new), production(old));
    let count = |lines: &[String], word: &str| lines.iter().filter(|line| line.starts_with(word)).count();
    assert_eq!(count(&back, "loosens"), count(&found, "tightens"), "{back:?}");
    assert_eq!(count(&back, "tightens"), count(&found, "loosens"), "{back:?}");
}

#[test]
fn a_default_that_is_written_is_no_difference() {
    let plain = json!({"environments": [{"name": "staging"}, {"name": "production"}]});
    let written = json!({
        "environments": [
            {"name": "staging", "requires": [], "approvals": 0, "confirm_at": "high", "backup": {"method": "full"},
             "blockers": {"wait": true}, "rollback_window": "1d", "waves": [], "windows": []},
            {"name": "production", "requires": ["staging"], "keep_history_table": false},
        ],
        "risk": {},
        "refine": false,
    });
    assert_eq!(told(plain, written), Vec::<String>::new());
}

#[test]
fn figures_have_a_direction_each() {
    check(json!({"approvals": 2}), json!({"approvals": 1}), &["loosens approvals: 2 -> 1"]);
    check(
        json!({"waves": [{"count": 1, "bake": "1h"}]}),
        json!({"waves": [{"count": 1, "bake": "30m"}]}),
        &["loosens waves[0].bake: 1h -> 30m"],
    );
    check(json!({}), json!({"force_allowed": false}), &["tightens force_allowed: true -> false"]);
    check(json!({}), json!({"step_deadline": "2h"}), &["tightens step_deadline: none -> 2h"]);
    check(json!({}), json!({"first_bake": "2h"}), &["tightens first_bake: none -> 2h"]);
    check(json!({}), json!({"confirm_at": "low"}), &["tightens confirm_at: high -> low"]);
    check(
        json!({"blockers": {"cancel_after": "1m"}}),
        json!({}),
        &["tightens blockers.cancel_after: 1m -> none"],
    );
    check(
        json!({"backup": {"method": "auto", "touched_from": "1GB"}}),
        json!({"backup": {"method": "auto", "touched_from": "900MB"}}),
        &["loosens backup.touched_from: 1GB -> 900MB"],
    );
    check(
        json!({"statement_timeouts": {"create-index": "1h"}}),
        json!({"statement_timeouts": {"create-index": "2h", "update": "1h"}}),
        &[
            "loosens statement_timeouts.create-index: 1h -> 2h",
            "changes statement_timeouts.update: none -> 1h",
        ],
    );
    check(
        json!({"replication_lag": {"max": "10s"}}),
        json!({}),
        &["loosens replication_lag: {max: 10s, then: give-up, wait: 10m} -> none"],
    );
    check(
        json!({"freeze": "an incident"}),
        json!({"freeze": "two"}),
        &["changes freeze: an incident -> two"],
    );
}

#[test]
fn no_backup_and_less_of_it_are_looser() {
    let full = "{archive_timeout: 5m, each: run, method: full, outside_from: 500GB, touched_from: 10GB}";
    check(json!({}), json!({"backup": "off"}), &[&format!("loosens backup: {full} -> off")]);
    check(
        json!({}),
        json!({"backup": {"method": "touched", "each": "migration"}}),
        &["loosens backup.method: full -> touched", "tightens backup.each: run -> migration"],
    );
    check(
        json!({"backup_retention": {"keep": 3}}),
        json!({"backup_retention": {"keep": 2}}),
        &["loosens backup_retention.keep: 3 -> 2"],
    );
}

#[test]
fn the_first_window_closes_and_each_further_one_opens() {
    let night = json!({"from": "22:00", "to": "04:00"});
    let noon = json!({"from": "12:00", "to": "13:00"});
    check(
        json!({}),
        json!({"windows": [night]}),
        &["tightens windows: none -> {days: daily, from: 22:00, to: 04:00, zone: UTC}"],
    );
    check(
        json!({"windows": [night]}),
        json!({"windows": [noon, night]}),
        &["loosens windows: none -> {days: daily, from: 12:00, to: 13:00, zone: UTC}"],
    );
    check(
        json!({"windows": [night], "blackouts": [noon]}),
        json!({"windows": [night]}),
        &["loosens blackouts: {days: daily, from: 12:00, to: 13:00, zone: UTC} -> none"],
    );
}

#[test]
fn weaker_rules_for_approvals_are_looser() {
    let check = |old: Value, new: Value, expected: &[&str]| {
        check(json!({"approvals": old}), json!({"approvals": new}), expected);
    };
    check(
        json!([{"count": 2, "roles": ["approver"]}]),
        json!([{"count": 1, "roles": ["approver"]}]),
        &["loosens approvals.count: 2 -> 1"],
    );
    check(json!({"roles": ["admin"]}), json!(1), &["loosens approvals.roles: admin -> none"]);
    check(
        json!({"roles": ["admin"]}),
        json!({"roles": ["admin", "approver"]}),
        &["loosens approvals.roles: none -> approver"],
    );
    check(
        json!({"from_risk": "medium"}),
        json!({"from_risk": "high"}),
        &["loosens approvals.from_risk: medium -> high"],
    );
    check(json!(2), json!({"from_risk": "low", "count": 2}), &["changes approvals.from_risk: none -> low"]);
    check(
        json!(2),
        json!([{"count": 2, "from_risk": "medium"}]),
        &["loosens approvals.from_risk: none -> medium"],
    );
    let hazards = |ids: &[&str]| json!({"hazards": ids});
    check(
        hazards(&["drop-column", "drop-table"]),
        hazards(&["drop-table"]),
        &["loosens approvals.hazards: drop-column -> none"],
    );
    check(json!(1), hazards(&["drop-table"]), &["loosens approvals.hazards: none -> drop-table"]);
    let (all, admins) = (json!({"count": 2}), json!({"count": 1, "roles": ["admin"]}));
    check(json!([all, admins]), json!([admins]), &["loosens approvals[0]: {count: 2} -> none"]);
    check(json!(2), json!([admins, all]), &["tightens approvals[0]: none -> {count: 1, roles: [admin]}"]);
    check(json!(0), json!([admins]), &["tightens approvals: none -> {count: 1, roles: [admin]}"]);
    check(json!([all]), json!(2), &[]);
}

#[test]
fn rehearsals_have_an_order_and_so_has_leaving_them_out() {
    check(json!({}), json!({"rehearsal": "schema"}), &["tightens rehearsal: off -> schema"]);
    check(
        json!({"rehearsal": "data"}),
        json!({"rehearsal": "schema"}),
        &["loosens rehearsal: data -> schema"],
    );
    check(json!({"rehearsal": "schema"}), json!({}), &["loosens rehearsal: schema -> off"]);
    check(json!({"rehearsal": "off", "on_failure": "halt"}), json!({}), &[]);
}

#[test]
fn another_order_is_a_difference() {
    let [a, b] = ["a", "b"].map(|name| json!({"name": name, "query": "SELECT true"}));
    check(json!({"verify": [a, b]}), json!({"verify": [b, a]}), &["changes verify: [a, b] -> [b, a]"]);
    let asked = json!({"name": "b", "query": "SELECT 1 = 1"});
    let plain = json!({"name": "a", "query": "SELECT true", "timeout": "30s"});
    check(
        json!({"verify": [a, b]}),
        json!({"verify": [asked, plain]}),
        &[
            "changes verify: [a, b] -> [b, a]",
            "loosens verify: {expect: true, name: b, query: SELECT true, timeout: 30s} -> none",
            "tightens verify: none -> {expect: true, name: b, query: SELECT 1 = 1, timeout: 30s}",
        ],
    );
    check(
        json!({"waves": [{"count": 1, "bake": "1h"}, {"count": 5}]}),
        json!({"waves": [{"count": 5}, {"count": 1, "bake": "1h"}]}),
        &["changes waves: [{bake: 1h, count: 1}, {count: 5}] -> [{count: 5}, {bake: 1h, count: 1}]"],
    );
    let (night, noon) = (json!({"from": "22:00", "to": "04:00"}), json!({"from": "12:00", "to": "13:00"}));
    check(
        json!({"blackouts": [night, noon]}),
        json!({"blackouts": [noon, night]}),
        &[
            "changes blackouts: [{days: daily, from: 22:00, to: 04:00, zone: UTC}, {days: daily, from: 12:00, to: 13:00, zone: UTC}] -> [{days: daily, from: 12:00, to: 13:00, zone: UTC}, {days: daily, from: 22:00, to: 04:00, zone: UTC}]",
        ],
    );
    check(
        json!({"approvals": [{"count": 2}, {"roles": ["admin"]}]}),
        json!({"approvals": [{"roles": ["admin"]}, {"count": 2}]}),
        &[
            "changes approvals: [{count: 2}, {count: 1, roles: [admin]}] -> [{count: 1, roles: [admin]}, {count: 2}]",
        ],
    );
    check(
        json!({"requires": ["a", "b"]}),
        json!({"requires": ["b", "a"]}),
        &["changes requires: [a, b] -> [b, a]"],
    );
}

#[test]
fn a_schedule_is_compared_by_what_it_says() {
    let night = json!({"from": "22:00", "to": "04:00"});
    let sundays = |duration: &str| json!({"schedule": "0 2 * * sun#2", "duration": duration});
    let said = "{duration: 4h, schedule: 0 2 * * SUN#2, zone: UTC}";
    check(
        json!({"windows": [night]}),
        json!({"windows": [night, sundays("240m")]}),
        &[&format!("loosens windows: none -> {said}")],
    );
    check(
        json!({}),
        json!({"blackouts": [sundays("4h")]}),
        &[&format!("tightens blackouts: none -> {said}")],
    );
    check(
        json!({"windows": [sundays("4h")]}),
        json!({"windows": [sundays("5h")]}),
        &[
            &format!("tightens windows: {said} -> none"),
            "loosens windows: none -> {duration: 5h, schedule: 0 2 * * SUN#2, zone: UTC}",
        ],
    );
}

#[test]
fn a_wave_that_is_put_in_between_leaves_the_others_alone() {
    check(
        json!({"waves": [{"count": 1}, {"count": 5}]}),
        json!({"waves": [{"count": 1}, {"count": 2}, {"count": 5}]}),
        &["changes waves[1]: none -> {count: 2}"],
    );
}

#[test]
fn environments_are_known_by_their_names() {
    let old = json!({"environments": [{"name": "a"}, {"name": "b"}, {"name": "c", "requires": ["a", "b"]}]});
    let new = json!({"environments": [{"name": "b"}, {"name": "c"}]});
    let found = told(old, new);
    assert!(found[0].starts_with("changes environments.a: {"), "{found:?}");
    assert_eq!(
        found[1..],
        ["loosens environments.b.requires: a -> none", "loosens environments.c.requires: a -> none"]
    );
    let old = json!({"environments": [{"name": "a", "requires": []}, {"name": "b", "requires": []}]});
    let new = json!({"environments": [{"name": "b", "requires": []}, {"name": "a", "requires": []}]});
    assert_eq!(told(old, new), ["changes environments: [a, b] -> [b, a]"]);
}

#[test]
fn what_is_said_for_all_environments_is_compared_too() {
    let with = |json: Value| {
        let mut policy = json;
        policy["environments"] = json!([{"name": "a"}]);
        policy
    };
    let old = with(json!({"hazards": {"drop-column": "high", "prefer-text": "low"}, "refine": true}));
    let new = with(json!({"hazards": {"drop-column": "off"}, "risk": {"update": "low"}, "freeze": "why"}));
    assert_eq!(
        told(old, new),
        [
            "changes risk.update: none -> low",
            "loosens hazards.drop-column: high -> off",
            "changes hazards.prefer-text: low -> none",
            "tightens freeze: none -> why",
            "tightens refine: true -> false",
        ]
    );
}

#[test]
fn what_is_not_the_default_is_told_for_each_environment() {
    let policy = policy(json!({
        "environments": [{"name": "a", "backup": "off"}, {"name": "b", "approvals": 2, "requires": ["a"]}],
        "refine": true,
    }));
    let [a, b] = &policy.environments[..] else { panic!("two environments") };
    let told = |e| policy.beside_defaults(e).into_iter().map(|c| (c.path, c.new)).collect::<Vec<_>>();
    assert_eq!(told(a), [("backup".to_owned(), Some("off".to_owned()))]);
    assert_eq!(told(b), [("approvals".to_owned(), Some("2".to_owned()))]);
}

//! What a policy document may say, and what it may not.

use super::*;

fn policy(json: serde_json::Value) -> Policy {
    serde_json::from_value(json).unwrap()
}

#[test]
fn a_name_is_enough_for_an_environment() {
    let policy = policy(serde_json::json!({"environments": [{"name": "staging"}, {"name": "production"}]}));
    assert_eq!(policy.mistakes(), []);
    let production = &policy.environments[1];
    assert_eq!(*production, EnvironmentPolicy::with_defaults(production.name.clone()));
    assert_eq!(production.rollback_window, Span::hours(24));
    assert_eq!(production.unknown_server, UnknownServer::Refuse);
    assert_eq!(policy.required_before(&production.name).all_of, [policy.environments[0].name.clone()]);
    assert_eq!(policy.required_before(&policy.environments[0].name), Requires::default());
}

#[test]
fn all_mistakes_are_found_at_once() {
    let policy = policy(serde_json::json!({
        "environments": [
            {"name": "a", "requires": ["b"], "max_parallel": 0},
            {"name": "a", "lock_timeout": "0s",
             "backup": {"method": "restore_point", "rate_limit": "1kB", "archive_timeout": "0s"}, "acknowledge": ["nonsense", "create-trigger"]},
        ],
        "risk": {"drop-tables": "low"},
        "hazards": {"set-not-nul": "off", "create-trigger": "off"},
    }));
    let said: Vec<String> = policy.mistakes().iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "a requires b, and there is no such environment",
            "a: max_parallel must be from 1 to 1000",
            "the environment a stands twice",
            "a: lock_timeout must be more than zero",
            "a: backup.rate_limit must be 100kB or more",
            "a: backup.rate_limit must be left out with a method that writes no rows",
            "a: backup.archive_timeout must be more than zero and at most 1d",
            "a: acknowledge: there is no hazard called \"nonsense\"",
            "a: acknowledge names create-trigger, which hazards turns off",
            "risk: there is no kind of statement called \"drop-tables\"; did you mean drop-table?",
            "hazards: there is no hazard called \"set-not-nul\"; did you mean set-not-null?",
        ]
    );
}

#[test]
fn every_mistake_has_its_place() {
    let wrong = policy(serde_json::json!({
        "environments": [
            {"name": "staging", "requires": ["production"], "approvals": 11, "windows": [{"from": "01:00", "to": "02:00"}],
             "blackouts": [{"from": "00:00", "to": "24:00"}]},
            {"name": "production", "requires": ["staging", "stagin"], "waves": [{}, {"percent": 101, "count": 1}],
             "backup_retention": {"keep": 0}, "statement_timeouts": {"creat-index": "1h"}, "acknowledge": ["drop-tabel"]},
            {"name": "staging"},
        ],
        "risk": {"drop-tables": "low"},
    }));
    let all = wrong.mistakes_in_place().into_iter().chain(wrong.never_open_in_place(Timestamp(0)));
    let said: Vec<String> = all.map(|mistake| format!("{}: {}", mistake.place, mistake.error)).collect();
    assert_eq!(
        said,
        [
            "environments[0].requires.production: staging requires production, which does not come before it: only what \
             stands above it can be required",
            "environments[0].approvals: staging: approvals must be from 0 to 10",
            "environments[1].requires.stagin: production requires stagin, and there is no such environment; did you mean \
             staging?",
            "environments[1].backup_retention.keep: production: backup_retention.keep must be from 1 to 10000",
            "environments[1].waves[1].percent: production: waves.percent must be from 1 to 100 (number 2)",
            "environments[1].waves[1].percent: production: waves.percent must be left out where count is given (number 2)",
            "environments[1].waves[1]: production: wave 2 takes nothing: wave 1 takes every database that it selects",
            "environments[1].statement_timeouts.creat-index: production: statement_timeouts: there is no kind of statement \
             called \"creat-index\"; did you mean create-index?",
            "environments[1].acknowledge.drop-tabel: production: acknowledge: there is no hazard called \"drop-tabel\"; did \
             you mean drop-table?",
            "environments[2].name: the environment staging stands twice",
            "risk.drop-tables: risk: there is no kind of statement called \"drop-tables\"; did you mean drop-table?",
            "environments[0].windows: staging: windows never open within a year, or blackouts cover all of them; to stop \
             everything use freeze",
        ]
    );
}

#[test]
fn an_unknown_key_is_refused() {
    let typo = serde_json::json!({"environments": [{"name": "staging", "aprovals": 1}]});
    assert!(serde_json::from_value::<Policy>(typo).is_err());
}

#[test]
fn a_level_of_a_hazard_is_a_word() {
    let document = |level: &str| {
        serde_json::from_value::<Policy>(serde_json::json!({
            "environments": [{"name": "staging", "acknowledge": ["set-not-null"]}],
            "hazards": {"create-trigger": level},
            "refine": true,
        }))
    };
    for level in ["off", "low", "medium", "high"] {
        assert_eq!(document(level).unwrap().mistakes(), []);
    }
    assert!(document("severe").is_err());
}

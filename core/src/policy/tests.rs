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
            "a requires b, which does not come before it",
            "a: max_parallel must be from 1 to 1000",
            "the environment a stands twice",
            "a: lock_timeout must be more than zero",
            "a: backup.rate_limit must be 100kB or more",
            "a: backup.rate_limit must be left out with a method that writes no rows",
            "a: backup.archive_timeout must be more than zero and at most 1d",
            "risk: there is no kind of statement called \"drop-tables\"",
            "hazards: there is no hazard called \"set-not-nul\"; did you mean set-not-null?",
            "a: acknowledge: there is no hazard called \"nonsense\"",
            "a: acknowledge names create-trigger, which hazards turns off",
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

//! SET and RESET, as far as later statements are judged by them.

use super::Scene;
use crate::catalog::Settings;
use crate::syntax::Setting;

pub(super) fn set(scene: &mut Scene<'_>, statement: &Setting) {
    let settings = &mut scene.catalog.settings;
    let first = statement.value.as_ref().and_then(|values| values.first());
    match statement.name.as_str() {
        "search_path" => {
            settings.search_path = match &statement.value {
                Some(values) => search_path(values),
                None => Settings::default().search_path,
            };
        }
        "timezone" => settings.time_zone = first.cloned(),
        "lock_timeout" => settings.lock_timeout = first.and_then(|text| milliseconds(text)),
        "statement_timeout" => settings.statement_timeout = first.and_then(|text| milliseconds(text)),
        "idle_in_transaction_session_timeout" => {
            settings.idle_in_transaction_timeout = first.and_then(|text| milliseconds(text));
        }
        "default_table_access_method" => settings.table_access_method = first.cloned(),
        "*" => *settings = Settings::default(),
        _ => {}
    }
}

/// Each value may be a list in one text.
fn search_path(values: &[String]) -> Vec<String> {
    values
        .iter()
        .flat_map(|value| value.split(','))
        .map(|part| part.trim().trim_matches('"').to_owned())
        .filter(|part| !part.is_empty() && part != "$user" && part != "pg_catalog")
        .collect()
}

/// A time as PostgreSQL writes it: a number of milliseconds, or with a unit.
fn milliseconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text.get(..digits)?.parse().ok()?;
    let factor = match text.get(digits..)?.trim() {
        "" | "ms" => 1.0,
        "us" => 0.001,
        "s" => 1_000.0,
        "min" => 60_000.0,
        "h" => 3_600_000.0,
        "d" => 86_400_000.0,
        _ => return None,
    };
    Some(whole(number * factor))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "digits only, so not negative; casts of floats saturate"
)]
fn whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use super::{milliseconds, search_path};

    #[test]
    fn times_have_units() {
        let table =
            [("5000", 5000), ("5s", 5000), ("1.5 s", 1500), ("2min", 120_000), ("0", 0), ("250ms", 250)];
        for (text, expected) in table {
            assert_eq!(milliseconds(text), Some(expected), "{text}");
        }
        assert_eq!(milliseconds("soon"), None);
    }

    #[test]
    fn the_search_path_is_a_list() {
        let values = ["\"$user\", a".to_owned(), "B".to_owned()];
        assert_eq!(search_path(&values), ["a", "B"]);
    }
}

//! The session that a migration would run in.

use pgbelay_analysis::Settings;
use serde::Deserialize;

use super::Trouble;
use super::ask::Asker;

/// Whose settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Those that a new session of this user has in this database.
    NewSession,
    /// Those of the transaction that is open.
    Transaction,
}

#[derive(Deserialize)]
struct Row {
    name: String,
    value: Option<String>,
    role: String,
    role_schema: bool,
}

pub(super) async fn ask(asker: &Asker<'_>, source: Source) -> Result<Settings, Trouble> {
    let column = match source {
        Source::NewSession => "reset_val",
        Source::Transaction => "setting",
    };
    let sql = include_str!("settings.sql").replace("{value}", column);
    let rows: Vec<Row> = asker.plain("settings", &sql).await?;
    let value = |name: &str| rows.iter().find(|row| row.name == name).and_then(|row| row.value.clone());
    let number = |name: &str| value(name)?.parse().ok();
    let user = rows.first().filter(|row| row.role_schema).map(|row| row.role.as_str());
    Ok(Settings {
        search_path: path(&value("search_path").unwrap_or_default(), user),
        time_zone: value("TimeZone"),
        lock_timeout: number("lock_timeout"),
        statement_timeout: number("statement_timeout"),
        idle_in_transaction_timeout: number("idle_in_transaction_session_timeout"),
        table_access_method: value("default_table_access_method"),
    })
}

/// The schemas of a `search_path`. `user`: what `$user` stands for.
fn path(setting: &str, user: Option<&str>) -> Vec<String> {
    let mut schemas = Vec::new();
    for name in identifiers(setting) {
        let schema = if name == "$user" { user.map(str::to_owned) } else { Some(name) };
        schemas.extend(schema.filter(|schema| !["pg_catalog", "pg_temp", ""].contains(&schema.as_str())));
    }
    schemas
}

/// The identifiers of a list, as the server reads them.
fn identifiers(list: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut name = String::new();
    let mut quoted = false;
    let mut characters = list.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' if quoted && characters.peek() == Some(&'"') => name.extend(characters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => found.push(std::mem::take(&mut name)),
            c if quoted => name.push(c),
            c if c.is_whitespace() => {}
            c => name.extend(c.to_lowercase()),
        }
    }
    found.push(name);
    found
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn a_search_path_is_read_as_the_server_reads_it() {
        assert_eq!(path(r#""$user", public"#, None), ["public"]);
        assert_eq!(path(r#""$user",Public , pg_catalog"#, Some("ann")), ["ann", "public"]);
        assert_eq!(path(r#""A, ""b""", pg_temp, c"#, None), [r#"A, "b""#, "c"]);
        assert!(path("", None).is_empty() && path(r#""""#, None).is_empty());
    }
}

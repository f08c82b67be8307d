//! What psql would do with a script beside sending it: its commands and its variables. Neither is SQL.

use super::files::lines;
use super::scan::{Kind, scan};
use super::{LayoutError, Misfit};

/// Every command and variable of a script.
pub(super) fn refuse(path: &str, sql: &str) -> Vec<LayoutError> {
    let starts: Vec<usize> = lines(sql).map(|line| line.start).collect();
    let line = |at: usize| u32::try_from(starts.partition_point(|start| *start <= at)).unwrap_or(u32::MAX);
    let mut errors = Vec::new();
    let mut scan = scan(sql);
    while let Some((kind, start, _)) = scan.next() {
        let rest = &sql[start..];
        let what = match (kind, rest.chars().next()) {
            (Kind::Code, Some('\\')) => {
                let end = rest.find('\n').unwrap_or(rest.len());
                scan.skip_to(start + end);
                let word = rest[..end].split_whitespace().next().unwrap_or_default();
                format!("the psql command {word}")
            }
            (Kind::Code, Some(':')) if !sql[..start].ends_with(':') => match variable(rest) {
                Some(name) => format!("the psql variable {name}"),
                None => continue,
            },
            (Kind::Code | Kind::Space | Kind::Comment | Kind::Quoted, _) => continue,
        };
        let instead = "only SQL can; write what it stands for";
        errors.push(LayoutError::line(path, line(start), Misfit::Refused { what, instead }));
    }
    errors
}

/// The variable that a text begins with: `:name`, `:'name'`, `:"name"` or `:{?name}`.
fn variable(rest: &str) -> Option<&str> {
    let after = rest.get(1..)?;
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let length = match after.chars().next()? {
        quote @ ('\'' | '"') => 2 + after.get(1..)?.find(quote)?,
        '{' if after.starts_with("{?") => 1 + after.find('}')?,
        first if is_name(first) && !first.is_numeric() => {
            after.find(|c: char| !is_name(c)).unwrap_or(after.len())
        }
        _ => return None,
    };
    rest.get(..=length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_variables_are_found_where_psql_finds_them() {
        for (sql, expected) in [
            ("SELECT 1::int, a[1:2], ':x', $$ :y $$ -- :z\n;", &[][..]),
            ("SELECT a := 1;", &[]),
            ("\\set a 'it''s\nSELECT :a;", &["1 the psql command \\set", "2 the psql variable :a"]),
            (
                "SELECT :'a',\n:\"b\", x::text, :{?c}",
                &["1 the psql variable :'a'", "2 the psql variable :\"b\"", "2 the psql variable :{?c}"],
            ),
            ("COPY t FROM stdin;\n\\.\n", &["2 the psql command \\."]),
        ] {
            let found: Vec<_> = refuse("a.sql", sql)
                .into_iter()
                .map(|error| {
                    let what = error.what.to_string();
                    format!("{} {}", error.line, what.split(" cannot").next().unwrap_or_default())
                })
                .collect();
            assert_eq!(found, expected, "{sql}");
        }
    }
}

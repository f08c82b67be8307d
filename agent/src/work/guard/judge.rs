//! What of a script the agent's own file does not allow. Pure.
//!
//! The statements are the ones that the agent reads itself; what the controller thinks of them does not count here.

use pgbelay_analysis::{Guarded, GuardedStatement, Reached, Risk, StatementKind};

use crate::config::{Extensions, GuardRules};
use crate::database::Trust;

/// A rule that a statement breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    /// The line of the file.
    pub(crate) line: u32,
    /// What is not allowed there, and by which rule.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) next: String,
}

/// An extension of which the server has to say whether it is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The line of the file.
    pub(crate) line: u32,
    /// The extension.
    pub(crate) name: String,
}

/// Judges a script: the first rule that it breaks, or the extensions that are allowed only if they are trusted.
pub(crate) fn judge(
    script: &[GuardedStatement],
    rules: &GuardRules,
    schema: &str,
) -> Result<Vec<Asked>, Broken> {
    let mut asked = Vec::new();
    for statement in script {
        let GuardedStatement { line, kind, risk, objects, reaches } = statement;
        runs(rules, schema, *line, (*kind, *risk, objects))?;
        for reach in reaches {
            match &reach.to {
                Reached::Guarded { what, by } if !rules.allow.contains(what) => {
                    let next = format!("{OUT}, or list {what} under guard.allow in the agent's file");
                    return Err(broken(reach.line, format!("{by} {}", what.does()), next));
                }
                Reached::Function(name) => {
                    let what = format!("it calls {name}, which guard.functions lists");
                    return Err(broken(reach.line, what, OUT.to_owned()));
                }
                Reached::Extension { name, cascade } => {
                    asked.extend(extension(rules, reach.line, name, *cascade)?);
                }
                Reached::Runs { kind, risk, objects } => {
                    runs(rules, schema, reach.line, (*kind, *risk, objects))?;
                }
                Reached::Guarded { .. } | Reached::Beside { .. } => {}
            }
        }
    }
    Ok(asked)
}

/// By which words a statement works on what a copy of a database shares with it, or on what is outside of both.
pub(crate) fn leaves_a_copy(reached: &Reached) -> Option<&str> {
    match reached {
        Reached::Guarded { what: Guarded::SetRole | Guarded::UntrustedLanguages, .. } => None,
        Reached::Beside { by } | Reached::Guarded { by, .. } => Some(by),
        Reached::Function(_) | Reached::Extension { .. } | Reached::Runs { .. } => None,
    }
}

/// The rule that an extension breaks that the server does not call trusted.
pub(crate) fn untrusted(asked: &Asked, trust: Trust) -> Option<Broken> {
    let Asked { line, name } = asked;
    let what = match trust {
        Trust::Trusted | Trust::NotThere => return None,
        Trust::Untrusted => {
            format!("extension {name} is not trusted by the server, and guard.extensions does not list it")
        }
        Trust::Unknown => format!(
            "servers before 13 do not tell whether extension {name} is trusted, and guard.extensions does not list it"
        ),
    };
    Some(broken(*line, what, list_it(name)))
}

/// What is always a way out.
const OUT: &str = "take it out of the migration or run it by hand";

fn broken(line: u32, what: String, next: String) -> Broken {
    Broken { line, what, next }
}

fn list_it(extension: &str) -> String {
    format!("create it by hand, or list {extension} under guard.extensions in the agent's file")
}

fn runs(
    rules: &GuardRules,
    schema: &str,
    line: u32,
    (kind, risk, objects): (StatementKind, Risk, &[String]),
) -> Result<(), Broken> {
    if let Some(object) = objects.iter().find(|object| belongs(object, schema)) {
        let next = "take it out of the migration: nobody but pgbelay writes there".to_owned();
        return Err(broken(line, format!("{object} belongs to pgbelay itself"), next));
    }
    let words = kind.words();
    if rules.deny.contains(&kind) {
        return Err(broken(line, format!("{words} is denied: guard.deny lists {kind}"), OUT.to_owned()));
    }
    if risk > rules.max_risk {
        let what = format!("{words} is of {risk} risk by itself, and guard.max_risk is {}", rules.max_risk);
        return Err(broken(line, what, format!("{OUT}, or raise guard.max_risk in the agent's file")));
    }
    Ok(())
}

fn extension(rules: &GuardRules, line: u32, name: &str, cascade: bool) -> Result<Option<Asked>, Broken> {
    if rules.extensions != Extensions::All && cascade {
        let what = format!("CASCADE makes more extensions than {name}, which are not named");
        let next = "make each of them by a statement of its own, without CASCADE".to_owned();
        return Err(broken(line, what, next));
    }
    match &rules.extensions {
        Extensions::All => Ok(None),
        Extensions::Only(names) if names.contains(name) => Ok(None),
        Extensions::Only(_) => {
            Err(broken(line, format!("guard.extensions does not list {name}"), list_it(name)))
        }
        Extensions::Trusted => Ok(Some(Asked { line, name: name.to_owned() })),
    }
}

/// Whether a name is that of a schema, or of something in it.
fn belongs(object: &str, schema: &str) -> bool {
    [schema.to_owned(), crate::database::identifier(schema)].iter().any(|schema| {
        object.strip_prefix(schema.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pgbelay_analysis::guarded;

    use super::*;
    use crate::config::Config;

    fn rules(guard: &str) -> GuardRules {
        let text = format!(
            "database: {{ name: orders, user: u }}\n\
             agent: {{ name: orders, controller: 'c:1', state_dir: /s }}\nguard: {guard}"
        );
        Config::parse(&text, &BTreeMap::new()).unwrap().guard
    }

    /// Nothing, or the line, what is broken and what to do.
    fn told(sql: &str, guard: &str) -> String {
        let rules = rules(guard);
        let script = guarded(&[sql], &rules.functions).unwrap().remove(0);
        match judge(&script, &rules, "pgbelay") {
            Ok(asked) => {
                asked.iter().map(|asked| format!("{}: is {} trusted?", asked.line, asked.name)).collect()
            }
            Err(Broken { line, what, next }) => format!("{line}: {what}; {next}"),
        }
    }

    #[test]
    fn every_guarded_thing_is_refused_and_can_be_allowed() {
        let out = "take it out of the migration or run it by hand";
        for (sql, thing, what) in [
            (
                "ALTER SYSTEM RESET ALL",
                "alter-system",
                "ALTER SYSTEM changes the configuration of the whole server",
            ),
            (
                "COPY a FROM PROGRAM 'x'",
                "copy-program",
                "COPY FROM PROGRAM runs a program on the server's machine",
            ),
            ("CREATE DATABASE a", "create-database", "CREATE DATABASE makes another database"),
            ("DROP DATABASE a", "drop-database", "DROP DATABASE destroys a whole database"),
            (
                "SELECT pg_terminate_backend(1)",
                "end-sessions",
                "pg_terminate_backend() ends what other sessions do",
            ),
            (
                "SELECT lo_import('x')",
                "large-object-files",
                "lo_import() reads or writes files of the server's machine",
            ),
            ("LOAD 'x'", "load", "LOAD loads code into the server"),
            (
                "SELECT * FROM dblink('x', 'y') AS t(a int)",
                "other-servers",
                "dblink() connects to other servers or databases",
            ),
            (
                "SELECT pg_reload_conf()",
                "server-control",
                "pg_reload_conf() controls the whole server, its backups or its replication",
            ),
            (
                "COPY a TO '/x'",
                "server-files",
                "COPY TO a file reads or writes files of the server's machine",
            ),
            ("SET ROLE a", "set-role", "SET ROLE may make the session somebody else"),
            ("DROP SUBSCRIPTION s", "subscription", "DROP SUBSCRIPTION replicates from another server"),
            (
                "ALTER ROLE a SUPERUSER",
                "superusers",
                "SUPERUSER gives a role power over the server's machine",
            ),
            ("DROP TABLESPACE a", "tablespaces", "DROP TABLESPACE changes where the server keeps its files"),
            (
                "DO LANGUAGE plpython3u 'x'",
                "untrusted-languages",
                "code in plpython3u runs code with the rights of the server's own account",
            ),
        ] {
            let script = format!("SELECT 1;\n{sql};");
            let expected = format!("2: {what}; {out}, or list {thing} under guard.allow in the agent's file");
            assert_eq!(told(&script, "{}"), expected);
            assert_eq!(told(&script, &format!("{{ allow: [{thing}] }}")), "", "{sql}");
            let others = Guarded::ALL.iter().map(|g| g.as_str()).filter(|g| *g != thing);
            let others = others.collect::<Vec<_>>().join(", ");
            assert_eq!(told(&script, &format!("{{ allow: [{others}] }}")), expected);
        }
    }

    #[test]
    fn rules_of_the_file_count() {
        for (sql, guard, expected) in [
            (
                "SELECT 1;\nTRUNCATE a",
                "{ deny: [truncate] }",
                "2: TRUNCATE is denied: guard.deny lists truncate; \
                 take it out of the migration or run it by hand",
            ),
            ("TRUNCATE a", "{ deny: [delete] }", ""),
            (
                "DO $$ BEGIN\nTRUNCATE a; END $$",
                "{ deny: [truncate] }",
                "2: TRUNCATE is denied: guard.deny lists truncate; \
                 take it out of the migration or run it by hand",
            ),
            (
                "CREATE TABLE a (b int);\nDROP TABLE a",
                "{ max_risk: medium }",
                "2: DROP TABLE is of high risk by itself, and guard.max_risk is medium; \
                 take it out of the migration or run it by hand, or raise guard.max_risk in the agent's file",
            ),
            ("CREATE TABLE a (b int);\nUPDATE a SET b = 1", "{ max_risk: medium }", ""),
            (
                "UPDATE a SET b = 1",
                "{ max_risk: low }",
                "1: UPDATE is of medium risk by itself, and guard.max_risk is low; \
                 take it out of the migration or run it by hand, or raise guard.max_risk in the agent's file",
            ),
            (
                "SELECT app.purge()",
                "{ functions: [app.purge] }",
                "1: it calls app.purge, which guard.functions lists; \
                 take it out of the migration or run it by hand",
            ),
            ("SELECT other.purge()", "{ functions: [app.purge] }", ""),
        ] {
            assert_eq!(told(sql, guard), expected, "{sql}");
        }
    }

    #[test]
    fn extensions_are_listed_or_trusted() {
        let listed = "create it by hand, or list postgres_fdw under guard.extensions in the agent's file";
        for (sql, guard, expected) in [
            ("CREATE EXTENSION pgcrypto", "{}", "1: is pgcrypto trusted?".to_owned()),
            ("ALTER EXTENSION pgcrypto UPDATE", "{}", "1: is pgcrypto trusted?".to_owned()),
            ("CREATE EXTENSION pgcrypto", "{ extensions: [pgcrypto] }", String::new()),
            (
                "CREATE EXTENSION postgres_fdw",
                "{ extensions: [pgcrypto] }",
                format!("1: guard.extensions does not list postgres_fdw; {listed}"),
            ),
            (
                "CREATE EXTENSION postgres_fdw",
                "{ extensions: [] }",
                format!("1: guard.extensions does not list postgres_fdw; {listed}"),
            ),
            ("CREATE EXTENSION postgres_fdw CASCADE", "{ extensions: '*' }", String::new()),
            (
                "CREATE EXTENSION earthdistance CASCADE",
                "{ extensions: [earthdistance] }",
                "1: CASCADE makes more extensions than earthdistance, which are not named; \
                 make each of them by a statement of its own, without CASCADE"
                    .to_owned(),
            ),
            ("DROP EXTENSION pgcrypto", "{ extensions: [] }", String::new()),
        ] {
            assert_eq!(told(sql, guard), expected, "{sql} {guard}");
        }
        let asked = Asked { line: 3, name: "postgres_fdw".to_owned() };
        assert_eq!(untrusted(&asked, Trust::Trusted), None);
        assert_eq!(untrusted(&asked, Trust::NotThere), None);
        for (trust, words) in
            [(Trust::Untrusted, "not trusted by the server"), (Trust::Unknown, "before 13 do not tell")]
        {
            let broken = untrusted(&asked, trust).unwrap();
            assert!(broken.what.contains(words), "{broken:?}");
            assert_eq!((broken.line, broken.next.as_str()), (3, listed));
        }
    }

    #[test]
    fn what_is_pgbelays_own_is_never_touched() {
        let expected = "1: pgbelay.fence belongs to pgbelay itself; \
                        take it out of the migration: nobody but pgbelay writes there";
        assert_eq!(told("UPDATE pgbelay.fence SET epoch = 0", "{}"), expected);
        assert_eq!(told("DO 'BEGIN UPDATE pgbelay.fence SET epoch = 0; END'", "{}"), expected);
        assert!(told("DROP SCHEMA pgbelay", "{}").starts_with("1: pgbelay belongs"));
        assert_eq!(told("DROP TABLE pgbelay_old, my.pgbelay", "{}"), "");
    }
}

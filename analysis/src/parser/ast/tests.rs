//! Statements and what becomes of them, in short: fields that say nothing are left out.

mod alone;
mod alter;
mod data;
mod definitions;
mod expressions;
mod grants;
mod hard;
mod indexes;
mod objects;
mod routines;
mod settings;
mod tables;

use crate::read::parse_script;

/// What a statement becomes.
fn shown(sql: &str) -> String {
    match parse_script(sql) {
        Ok(parsed) => {
            let all: Vec<_> = parsed.iter().map(|one| short(&format!("{:?}", one.ast))).collect();
            all.join("\n")
        }
        Err(error) => format!("error: {error}"),
    }
}

/// Debug's words without those that say nothing.
fn short(debug: &str) -> String {
    let mut text = debug.to_owned();
    loop {
        let before = text.len();
        for name in ["QName", "TypeName"] {
            text = text.replace(&format!("{name} {{ "), "{ ");
        }
        text = names(&text);
        text = fields(&text);
        if text.len() == before {
            return text.replace("{ ", "{").replace(" }", "}");
        }
    }
}

/// `{ schema: Some("s"), name: "x" }` is s.x.
fn names(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("{ schema: ") {
        out.push_str(&rest[..at]);
        rest = &rest[at + "{ schema: ".len()..];
        let (schema, after) = match rest.strip_prefix("None, name: \"") {
            Some(after) => (String::new(), after),
            None => {
                let inner = rest.strip_prefix("Some(\"").unwrap_or(rest);
                match inner.split_once("\"), name: \"") {
                    Some((schema, after)) => (format!("{schema}."), after),
                    None => {
                        out.push_str("{ schema: ");
                        continue;
                    }
                }
            }
        };
        let (name, after) = after.split_once("\" }").unwrap_or((after, ""));
        out.push_str(&format!("{schema}{name}"));
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Drops `field: None`, `field: false`, `field: []`.
fn fields(text: &str) -> String {
    let mut text = text.to_owned();
    for nothing in [": None", ": false", ": []"] {
        let mut from = 0;
        while let Some(at) = text[from..].find(nothing).map(|at| at + from) {
            let after = &text[at + nothing.len()..];
            let start = text[..at].rfind([' ', '{']).map_or(0, |at| at + 1);
            let field = text[start..at].bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            if !field || !(after.starts_with(", ") || after.starts_with(" }")) {
                from = at + 1;
                continue;
            }
            if after.starts_with(", ") {
                text.replace_range(start..at + nothing.len() + 2, "");
            } else {
                // The last one: the comma before it goes too.
                let start = text[..start].strip_suffix(", ").map_or(start, str::len);
                text.replace_range(start..at + nothing.len(), "");
            }
            from = 0;
        }
    }
    text
}

fn check(sql: &str, expected: &str) {
    assert_eq!(shown(sql), expected, "{sql}");
}

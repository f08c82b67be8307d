//! The texts inside functions and DO blocks.

use serde_json::Value;

use super::functions::SET_CONFIG;
use super::judge::{SettingName, may_say_who, option, strings};
use super::{MAX_NESTING, Place, Search, also_runs, weighed};
use crate::guarded::{Guarded, Reached};
use crate::parser::names::is_untrusted;
use crate::parser::plpgsql::{self, BodyPart};
use crate::parser::{scan, translate, tree};
use crate::split::TokenKind;

impl Search<'_> {
    pub(super) fn routine(&mut self, options: &Value, place: Place<'_>) {
        // One without a language has its body in the tree.
        let language = language(options).unwrap_or_else(|| "sql".to_owned());
        self.language(&language, place.base);
        let body = option(options, "as").map(|body| strings(body, "sval")).unwrap_or_default();
        // For C, the body is the name of a file.
        if let Some(body) = body.first().filter(|_| !is_untrusted(&language)) {
            self.text(&language, body, place);
        }
    }

    pub(super) fn do_block(&mut self, options: &Value, place: Place<'_>) {
        let language = language(options).unwrap_or_else(|| "plpgsql".to_owned());
        self.language(&language, place.base);
        for body in option(options, "as").map(|body| strings(body, "sval")).unwrap_or_default() {
            let runs = self.text(&language, &body, place);
            runs.into_iter().for_each(|(at, runs)| self.add(at, runs));
        }
    }

    fn language(&mut self, language: &str, at: usize) {
        if is_untrusted(language) {
            self.guarded(at, Guarded::UntrustedLanguages, &format!("code in {language}"));
        }
    }

    /// Searches a body that is written in a statement. The statements in it, should somebody run them.
    pub(super) fn text(&mut self, language: &str, body: &str, place: Place<'_>) -> Vec<(usize, Reached)> {
        if self.depth >= MAX_NESTING {
            return Vec::new();
        }
        self.depth += 1;
        // Where the body does not stand there as it is (doubled quotes), the statement's own place is told.
        let base = place.base + place.text.find(body).unwrap_or_default();
        let mut runs = Vec::new();
        let read = match plpgsql::text(language, body) {
            Ok(parts) => parts.into_iter().fold(true, |read, part| match part {
                BodyPart::Sql { text, .. } => {
                    let inner = Place { base: base + body.find(&text).unwrap_or_default(), text: &text };
                    self.statements(inner, &mut runs) && read
                }
                BodyPart::Dynamic { .. } => read,
            }),
            Err(_) => false,
        };
        let whole = Place { base, text: body };
        match language {
            "sql" if read => {}
            // Conditions and assignments are no statements.
            "sql" | "plpgsql" => self.words(whole),
            _ => self.plain(whole),
        }
        self.depth -= 1;
        runs
    }

    /// Whether the text could be parsed.
    fn statements(&mut self, place: Place<'_>, runs: &mut Vec<(usize, Reached)>) -> bool {
        let Ok(tree) = tree(place.text) else { return false };
        let mut writes = self.over(&tree, place);
        // A part of a body is one statement.
        for node in tree.stmts.iter().filter_map(|one| one.stmt.as_ref()?.node.as_ref()) {
            let (kind, risk, objects) = weighed(translate::facts(node));
            runs.push((place.base, Reached::Runs { kind, risk, objects }));
            runs.extend(also_runs(node, kind, std::mem::take(&mut writes)));
        }
        true
    }

    /// Looks for names before a parenthesis, among the words of a text and in the texts within it.
    fn words(&mut self, place: Place<'_>) {
        let Ok(tokens) = scan(place.text) else {
            self.plain(place);
            return;
        };
        let tokens: Vec<_> = tokens.into_iter().filter(|token| token.kind != TokenKind::Comment).collect();
        let word = |at: usize| tokens.get(at).map_or("", |token| &place.text[token.start..token.end]);
        for (at, token) in tokens.iter().enumerate() {
            let offset = place.base + token.start;
            if let Some(inner) = literal(word(at)) {
                self.inner(&inner, offset);
            } else if word(at + 1) == "(" {
                let schema = (at >= 2 && word(at - 1) == ".").then(|| stored(word(at - 2)));
                let name = stored(word(at));
                let value = literal(word(at + 2));
                if name == SET_CONFIG && may_say_who(&setting(value, word(at + 3) == ",")) {
                    self.guarded(offset, Guarded::SetRole, "set_config()");
                }
                let parts: Vec<_> = schema.into_iter().chain([name]).collect();
                self.named(&parts, offset);
            }
        }
    }

    fn inner(&mut self, text: &str, base: usize) {
        if self.depth < MAX_NESTING {
            self.depth += 1;
            self.words(Place { base, text });
            self.depth -= 1;
        }
    }

    /// The same for what is no SQL.
    fn plain(&mut self, place: Place<'_>) {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let mut rest = place.text;
        while let Some(start) = rest.find(is_part) {
            let word = &rest[start..];
            let end = word.find(|c| !is_part(c)).unwrap_or(word.len());
            if word[end..].trim_start().starts_with('(') {
                let name = word[..end].to_lowercase();
                if name == SET_CONFIG {
                    self.guarded(place.base, Guarded::SetRole, "set_config()");
                }
                self.named(&[name], place.base);
            }
            rest = &word[end..];
        }
    }
}

fn language(options: &Value) -> Option<String> {
    let language = strings(option(options, "language")?, "sval");
    language.first().map(|name| name.to_ascii_lowercase())
}

/// An identifier, as the server stores it.
fn stored(word: &str) -> String {
    match word.strip_prefix('"').and_then(|word| word.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => word.to_lowercase(),
    }
}

/// What a literal says, as far as names in it matter.
fn literal(word: &str) -> Option<String> {
    let quoted = word.find('\'').filter(|at| *at <= 1).map(|at| &word[at + 1..]);
    if let Some(inner) = quoted.and_then(|word| word.strip_suffix('\'')) {
        return Some(inner.replace("''", "'"));
    }
    let tag = &word[..word.strip_prefix('$')?.find('$')? + 2];
    word.strip_prefix(tag)?.strip_suffix(tag).map(str::to_owned)
}

fn setting(literal: Option<String>, whole: bool) -> SettingName {
    match literal {
        Some(name) if whole => SettingName::Whole(name),
        Some(start) => SettingName::Starts(start),
        None => SettingName::Unknown,
    }
}

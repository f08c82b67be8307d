//! The names that the server chooses, as `makeObjectName` and its relatives do.

use crate::catalog::{Catalog, IndexKey, Key, Name, RelId};
use crate::syntax::Expr;

/// The longest name that is kept.
const MAX_NAME: usize = 63;

/// `table_column_label`, shortened to fit.
fn make(first: &str, second: Option<&str>, label: &str) -> String {
    let mut first = first.to_owned();
    let mut second = second.map(str::to_owned);
    let overhead = label.len() + 1 + usize::from(second.is_some());
    while first.len() + second.as_ref().map_or(0, String::len) + overhead > MAX_NAME {
        match &mut second {
            Some(second) if second.len() >= first.len() && !second.is_empty() => drop(second.pop()),
            _ if first.pop().is_none() => break,
            _ => {}
        }
    }
    match second {
        Some(second) => format!("{first}_{second}_{label}"),
        None => format!("{first}_{label}"),
    }
}

/// The first of `name`, `name1`, `name2` … that is free.
fn first_free(make: impl Fn(&str) -> String, label: &str, taken: impl Fn(&str) -> bool) -> String {
    let mut number = 0;
    loop {
        let label = if number == 0 { label.to_owned() } else { format!("{label}{number}") };
        let name = make(&label);
        if !taken(&name) {
            return name;
        }
        number += 1;
    }
}

/// A name for a relation or index in the schema of `table`.
pub(super) fn object_name(catalog: &Catalog, table: &Name, second: Option<&str>, label: &str) -> String {
    first_free(
        |label| make(&table.name, second, label),
        label,
        |name| {
            let full = Name::new(&table.schema, name);
            catalog.by_name(&full).is_some() || catalog.has_index(&full)
        },
    )
}

/// A name for a constraint of a table that has no index.
pub(super) fn constraint_name(catalog: &Catalog, id: RelId, columns: &[String], label: &str) -> String {
    let Some(table) = catalog.get(id) else { return label.to_owned() };
    let second = (!columns.is_empty()).then(|| columns.join("_"));
    first_free(
        |label| make(&table.name.name, second.as_deref(), label),
        label,
        |name| table.constraint(name).is_some(),
    )
}

/// A name for an index, from its keys.
pub(super) fn index_name(catalog: &Catalog, table: &Name, keys: &[IndexKey], label: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for key in keys {
        let base = match &key.key {
            Key::Column(name) => name.clone(),
            Key::Expression(expression) => expression_name(expression),
        };
        let mut part = base.clone();
        let mut number = 1;
        while parts.contains(&part) {
            part = format!("{base}{number}");
            number += 1;
        }
        parts.push(part);
    }
    object_name(catalog, table, Some(&parts.join("_")), label)
}

/// `FigureIndexColname`: the function's name, or `expr`.
fn expression_name(expression: &Expr) -> String {
    match expression {
        Expr::Call { name, .. } => name.name.clone(),
        Expr::Column(path) => path.last().cloned().unwrap_or_else(|| "expr".to_owned()),
        Expr::Cast { arg, to } => match expression_name(arg).as_str() {
            "expr" => to.name.name.clone(),
            name => name.to_owned(),
        },
        Expr::Collate { arg, .. } => expression_name(arg),
        Expr::Value(name) => name.clone(),
        _ => "expr".to_owned(),
    }
}

/// A name in a text, without its quotes.
pub(super) fn plain(text: &str) -> String {
    text.replace('"', "")
}

#[cfg(test)]
mod tests {
    use super::make;

    #[test]
    fn long_names_are_shortened_where_they_are_longest() {
        assert_eq!(make("orders", Some("note"), "key"), "orders_note_key");
        assert_eq!(make("orders", None, "pkey"), "orders_pkey");
        let long = make(&"t".repeat(60), Some(&"c".repeat(10)), "idx");
        assert_eq!(long.len(), super::MAX_NAME);
        assert!(long.ends_with("_cccccccccc_idx"), "{long}");
    }
}

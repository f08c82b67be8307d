//! Keys of four bytes or two.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::syntax::{Ast, ColumnConstraint, ColumnDefinition, NewConstraintKind};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "prefer-bigint",
        title: "an integer key runs out at two billion rows",
        severity: Severity::Low,
        page: include_str!("../../hazards/prefer-bigint/page.md"),
    },
    check,
};

const SERIAL: [&str; 4] = ["serial", "serial4", "smallserial", "serial2"];

fn check(context: &Context<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (table, column) in context.new_columns() {
        let Some(data_type) = &column.data_type else { continue };
        let serial = data_type.name.schema.is_none() && SERIAL.contains(&data_type.name.name.as_str());
        let small = !data_type.array && context.is_own_type(data_type, &["int2", "int4"]);
        if serial || (small && is_key(context, column)) {
            let name = format!("{table}.{}", column.name);
            let small = serial && data_type.name.name.contains('2')
                || data_type.name.name == "smallserial"
                || data_type.name.name == "int2";
            let end = if small { "32,767 rows" } else { "two billion rows" };
            found.push(Found::new(name.clone(), format!("the key {name} runs out at {end}")));
        }
    }
    found
}

/// Whether it is an identity, or a whole primary key that does not only refer to another one.
fn is_key(context: &Context<'_>, column: &ColumnDefinition) -> bool {
    let identity = column.constraints.iter().any(|found| matches!(found, ColumnConstraint::Identity(_)));
    let own = |wanted: fn(&NewConstraintKind) -> bool| {
        column
            .constraints
            .iter()
            .any(|found| matches!(found, ColumnConstraint::Constraint(found) if wanted(&found.kind)))
    };
    let of_table = |wanted: &dyn Fn(&NewConstraintKind) -> bool| match context.ast {
        Ast::CreateTable(create) => create.constraints.iter().any(|found| wanted(&found.kind)),
        _ => false,
    };
    let only = |columns: &[String]| matches!(columns, [one] if *one == column.name);
    let primary = own(|kind| matches!(kind, NewConstraintKind::PrimaryKey { .. }))
        || of_table(&|kind| matches!(kind, NewConstraintKind::PrimaryKey { columns, .. } if only(columns)));
    let refers = own(|kind| matches!(kind, NewConstraintKind::ForeignKey(_)))
        || of_table(&|kind| matches!(kind, NewConstraintKind::ForeignKey(key) if only(&key.columns)));
    identity || (primary && !refers)
}

//! What catalogs say of themselves as facts, and what differs between two.

use super::{FactDifference, differences};
use crate::catalog::canonical::canonical;
use crate::catalog::{
    Catalog, CatalogFileError, Check, Column, Constraint, ConstraintKind, DataType, Index, IndexKey, Name,
    RelId, Relation, RelationKind, ViewUse,
};
use crate::parse_expressions;
use crate::syntax::{Expr, FkAction};

fn parsed(text: &str) -> Expr {
    parse_expressions(&[text.to_owned()]).unwrap().remove(0).unwrap_or_else(|| panic!("{text}"))
}

/// What a person writes, and what a server prints of it.
#[test]
fn what_a_server_prints_is_what_a_person_wrote() {
    let pairs = [
        ("'x'", "'x'::character varying"),
        ("amount >= 0", "(amount >= (0)::numeric)"),
        ("t.a > -1", "(a > '-1'::integer)"),
        (
            "name IN ('x', 'y')",
            "((name)::text = ANY ((ARRAY['x'::character varying, 'y'::character varying])::text[]))",
        ),
        ("a IN (1)", "(a = 1)"),
        ("kind NOT IN ('a', 'b')", "(kind <> ALL (ARRAY['a'::text, 'b'::text]))"),
        ("a BETWEEN 1 AND 2 AND b", "((a >= 1) AND (a <= 2) AND b)"),
        ("a NOT BETWEEN 1 AND 2", "((a < 1) OR (a > 2))"),
        ("current_timestamp", "CURRENT_TIMESTAMP"),
        ("current_timestamp", "now()"),
        ("nextval('t_id_seq')", "nextval('public.t_id_seq'::regclass)"),
        ("app.f(a)", "f(a)"),
        ("pg_catalog.lower(a)", "lower((a)::text)"),
        ("a LIKE '%@%'", "(a ~~ '%@%'::text)"),
        ("a AND (b AND c)", "(a AND b AND c)"),
        ("a != b", "(a <> b)"),
        ("'t'::bool", "true"),
        ("data->>'k' = 'v'", "((data ->> 'k'::text) = 'v'::text)"),
        ("interval '24 hours'", "'24:00:00'::interval"),
        ("'30 day'::interval", "'30 days'::interval"),
        ("DATE '2020-01-01'", "'2020-01-01'::date"),
        ("'2020-01-01'", "'2020-01-01 00:00:00+00'"),
        ("'2020-01-01 10:00+02'", "'2020-01-01 08:00:00+00'::timestamp with time zone"),
        ("'2020-01-01 10:00'", "'2020-01-01 10:00:00'::timestamp without time zone"),
        ("'00000000-0000-0000-0000-00000000000A'", "'00000000-0000-0000-0000-00000000000a'::uuid"),
        ("a IS NOT DISTINCT FROM NULL", "(a IS NULL)"),
        ("a IN ('x', 'y')", "(a = ANY ('{x,y}'::text[]))"),
        ("ROW(a, b) IS NOT NULL", "(a IS NOT NULL AND b IS NOT NULL)"),
        ("'{\"a\":1}'", "'{\"a\": 1}'::jsonb"),
        ("extract(year FROM at)", "date_part('year'::text, at)"),
        ("at AT TIME ZONE 'utc'", "timezone('utc'::text, at)"),
        ("ARRAY[]::text[]", "ARRAY[]::text[]"),
        ("COALESCE(a, '')", "COALESCE(a, ''::character varying)"),
    ];
    for (written, printed) in pairs {
        assert_eq!(canonical(&parsed(written)), canonical(&parsed(printed)), "{written} / {printed}");
    }
}

#[test]
fn what_is_not_the_same_stays_apart() {
    let pairs = [
        ("a > 1", "a > 2"),
        ("a > 1", "a >= 1"),
        ("a AND b", "a OR b"),
        ("lower(a)", "upper(a)"),
        ("a::date", "a"),
        ("a || b", "b || a"),
        ("a IS NULL", "a IS NOT NULL"),
        ("a COLLATE \"C\"", "a"),
        ("'a b'", "'ab'"),
        ("'it''s'", "'its'"),
        ("a IN (1, 2)", "a IN (1, 3)"),
        ("NOT a", "a"),
        ("ARRAY[a, b] IS NOT NULL", "ROW(a, b) IS NOT NULL"),
        ("'2020-01-01 10:00+02'", "'2020-01-01 10:00:00+00'"),
        ("nextval('a')", "nextval('b')"),
    ];
    for (one, other) in pairs {
        assert_ne!(canonical(&parsed(one)), canonical(&parsed(other)), "{one} / {other}");
    }
}

fn table(name: &str, columns: &[&str]) -> Relation {
    let mut table = Relation::new(Name::new("public", name), RelationKind::Table);
    table.columns = columns.iter().map(|name| Column::new(name, Some(DataType::own("int4")))).collect();
    table
}

/// Two tables, a view, and what can be between them.
fn schema(first: u32) -> Catalog {
    let (customers, orders, view) = (RelId(first), RelId(first + 1), RelId(first + 2));
    let mut catalog = Catalog::fresh();
    let mut table_of_orders = table("orders", &["id", "customer"]);
    let foreign = ConstraintKind::Foreign {
        columns: vec!["customer".to_owned()],
        to: customers,
        to_columns: vec!["id".to_owned()],
        on_delete: FkAction::Cascade,
        on_update: FkAction::NoAction,
    };
    table_of_orders.constraints.push(Constraint::new("orders_customer_fkey", foreign));
    let check = Check { expression: parsed("id > 0"), no_inherit: false };
    table_of_orders.constraints.push(Constraint::new("positive", ConstraintKind::Check(check)));
    table_of_orders.indexes.push(Index {
        name: "orders_customer_idx".to_owned(),
        unique: false,
        constraint: false,
        method: "btree".to_owned(),
        keys: vec![IndexKey::column("customer")],
        include: Vec::new(),
        predicate: None,
        nulls_not_distinct: false,
        valid: true,
        part_of: None,
        tablespace: None,
        clustered: false,
    });
    let mut overview = Relation::new(Name::new("public", "overview"), RelationKind::View);
    overview.reads = vec![ViewUse { relation: orders, columns: ["id".to_owned()].into() }];
    catalog.relations =
        [(customers, table("customers", &["id"])), (orders, table_of_orders), (view, overview)]
            .map(|(id, relation)| (id, relation.into()))
            .into_iter()
            .collect();
    catalog.index_names();
    catalog
}

fn told(before: &Catalog, after: &Catalog) -> Vec<String> {
    differences(before, after).iter().map(ToString::to_string).collect()
}

#[test]
fn ids_and_sizes_and_settings_do_not_count() {
    let (one, mut other) = (schema(1), schema(70));
    other.settings.time_zone = Some("Mars/Olympus".to_owned());
    other.server = Some(12);
    assert_eq!(one.facts(), other.facts());
    assert!(told(&one, &other).is_empty());
}

#[test]
fn each_object_is_told_by_itself() {
    let (before, mut after) = (schema(1), schema(1));
    after.change(RelId(2), |orders| {
        orders.columns.retain(|column| column.name != "customer");
        orders.indexes.clear();
        orders.constraints[0].valid = false;
        orders.constraints.remove(1);
        orders.columns.push(Column::new("note", Some(DataType::own("text"))));
    });
    after.remove(RelId(3));
    let expected = [
        "column public.orders.customer is missing: int4",
        "constraint public.orders.orders_customer_fkey differs: \
         foreign key (customer) references public.customers (id) on delete cascade before, \
         foreign key (customer) references public.customers (id) on delete cascade not valid after",
        "constraint public.orders.positive is missing: check (id > '0')",
        "index public.orders_customer_idx is missing: on public.orders using btree (customer)",
        "view public.overview is missing: () reads public.orders(id) calls ",
        "column public.orders.note is new: text",
    ];
    assert_eq!(told(&before, &after), expected);
}

#[test]
fn the_order_of_columns_counts_where_they_are_the_same() {
    let (before, mut after) = (schema(1), schema(1));
    after.change(RelId(2), |orders| orders.columns.reverse());
    let found = differences(&before, &after);
    assert!(matches!(found.as_slice(), [FactDifference::Differs { kind: "column order", .. }]), "{found:?}");
}

#[test]
fn what_an_extension_brought_is_left_out() {
    let mut catalog = schema(1);
    let members = ["relation public.orders".to_owned()].into();
    catalog.extension_members.insert("shop".to_owned(), members);
    let left: Vec<String> = catalog.facts().into_keys().filter(|name| name.contains("orders")).collect();
    assert_eq!(left, ["index public.orders_customer_idx"]);
}

#[test]
fn a_catalog_survives_being_a_file() {
    let catalog = schema(1);
    let read = Catalog::read_json(&catalog.write_json()).unwrap();
    assert_eq!(read, catalog);
    assert_eq!(read.dependents_of(RelId(1)), [RelId(2)]);
    let mut deep = catalog;
    deep.change(RelId(1), |table| {
        table.columns[0].default = Some(parsed(&format!("{}1", "1 + ".repeat(500))));
    });
    assert_eq!(Catalog::read_json(&deep.write_json()).unwrap(), deep);
}

#[test]
fn a_file_that_is_no_catalog_is_refused_with_the_reason() {
    let good = schema(1).write_json();
    let check = |text: &str, expected: &str| {
        let error = Catalog::read_json(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error} / {expected}");
    };
    check("", "not JSON");
    check("CREATE TABLE t ();", "not JSON: expected value at line 1 column 1");
    check(&good[..good.len() / 2], "not JSON");
    check("[]", "no number \"format\"");
    check("{\"format\": \"one\"}", "no number \"format\"");
    check(&good.replace("\"format\": 1", "\"format\": 2"), "of format 2, and this pgbelay reads format 1");
    check("{\"format\": 1}", "damaged: missing field");
    check(
        &good.replace("\"to\": 1,", "\"to\": 9,"),
        "public.orders refers to relation 9, which is not in it",
    );
    check(&good.replace("\"public.customers\"", "\"public.orders\""), "two relations called public.orders");
    check(&good.replace("\"public.customers\"", "\"customers\""), "expected a name with its schema");
    check(&"[".repeat(1_000_000), "nested too deeply");
    let newer = Catalog::read_json("{\"format\": 7, \"what\": \"else\"}");
    assert_eq!(newer, Err(CatalogFileError::OtherFormat { found: 7 }));
}

//! ALTER TABLE and its relatives.

use super::check;

#[test]
fn all() {
    for (sql, expected) in CASES {
        check(sql, expected);
    }
}

const CASES: &[(&str, &str)] = &[
    (
        "ALTER TABLE IF EXISTS ONLY s.t ADD COLUMN IF NOT EXISTS a int NOT NULL DEFAULT now(), DROP COLUMN IF EXISTS b CASCADE, DROP c",
        r#"AlterTable(AlterTable {relation: s.t, kind: Table, if_exists: true, only: true, actions: [AddColumn {column: ColumnDefinition {name: "a", data_type: Some({name: pg_catalog.int4}), constraints: [NotNull {}, Default(Call {name: now})]}, if_not_exists: true}, DropColumn {column: "b", if_exists: true, cascade: true}, DropColumn {column: "c"}]})"#,
    ),
    (
        r#"ALTER TABLE t ALTER a TYPE text COLLATE "C" USING a::text, ALTER b SET DEFAULT 1, ALTER b DROP DEFAULT, ALTER c SET NOT NULL, ALTER c DROP NOT NULL"#,
        r#"AlterTable(AlterTable {relation: t, kind: Table, actions: [AlterType {column: "a", to: {name: text}, collation: Some(C), using: Some(Cast {arg: Column(["a"]), to: {name: text}})}, SetDefault {column: "b", default: Constant(Number("1"))}, DropDefault {column: "b"}, SetNotNull {column: "c"}, DropNotNull {column: "c"}]})"#,
    ),
    (
        "ALTER TABLE t ALTER a SET EXPRESSION AS (b + 1), ALTER a DROP EXPRESSION IF EXISTS, ALTER a SET STATISTICS 5, ALTER a SET (n_distinct = 5), ALTER a RESET (n_distinct), ALTER a SET STORAGE plain, ALTER a SET COMPRESSION lz4",
        r#"AlterTable(AlterTable {relation: t, kind: Table, actions: [SetExpression {column: "a", expression: Operator {name: "+", args: [Column(["b"]), Constant(Number("1"))]}}, DropExpression {column: "a", if_exists: true}, SetStatistics, ColumnOptions, ColumnOptions, SetStorage, SetCompression]})"#,
    ),
    (
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID, ADD CHECK (b > 0) NOT ENFORCED, ADD CHECK (b > 1) NO INHERIT",
        r#"AlterTable(AlterTable {relation: t, kind: Table, actions: [AddConstraint(NewConstraint {name: Some("c"), kind: Check(Operator {name: ">", args: [Column(["a"]), Constant(Number("0"))]}), not_valid: true}), AddConstraint(NewConstraint {kind: Check(Operator {name: ">", args: [Column(["b"]), Constant(Number("0"))]}), not_valid: true, not_enforced: true}), AddConstraint(NewConstraint {kind: Check(Operator {name: ">", args: [Column(["b"]), Constant(Number("1"))]}), no_inherit: true})]})"#,
    ),
    (
        "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES u NOT VALID, ADD FOREIGN KEY (a) REFERENCES u (b) NOT ENFORCED DEFERRABLE INITIALLY DEFERRED",
        r#"AlterTable(AlterTable {relation: t, kind: Table, actions: [AddConstraint(NewConstraint {name: Some("f"), kind: ForeignKey(ForeignKey {columns: ["a"], to: u, on_delete: NoAction, on_update: NoAction}), not_valid: true}), AddConstraint(NewConstraint {kind: ForeignKey(ForeignKey {columns: ["a"], to: u, to_columns: ["b"], on_delete: NoAction, on_update: NoAction}), not_valid: true, not_enforced: true, deferrable: true, initially_deferred: true})]})"#,
    ),
    (
        "ALTER TABLE t ADD CONSTRAINT n NOT NULL a NOT VALID, ADD NOT NULL b NO INHERIT",
        r#"AlterTable(AlterTable {relation: t, kind: Table, actions: [AddConstraint(NewConstraint {name: Some("n"), kind: NotNull("a"), not_valid: true}), AddConstraint(NewConstraint {kind: NotNull("b"), no_inherit: true})]})"#,
    ),
    (
        "ALTER TABLE t ADD CONSTRAINT p PRIMARY KEY USING INDEX i, ADD UNIQUE USING INDEX j DEFERRABLE, ADD UNIQUE NULLS NOT DISTINCT (a)",
        r#"AlterTable(AlterTable {relation: t, kind: Table, actions: [AddConstraint(NewConstraint {name: Some("p"), kind: UsingIndex {index: "i", primary: true}}), AddConstraint(NewConstraint {kind: UsingIndex {index: "j"}, deferrable: true}), AddConstraint(NewConstraint {kind: Unique {columns: ["a"], nulls_not_distinct: true}})]})"#,
    ),
    (
        "ALTER TABLE t ALTER CONSTRAINT c NOT ENFORCED, ALTER CONSTRAINT d ENFORCED, ALTER CONSTRAINT e DEFERRABLE INITIALLY DEFERRED, ALTER CONSTRAINT f NOT DEFERRABLE, ALTER CONSTRAINT g INHERIT, ALTER CONSTRAINT h NO INHERIT",
        r#"AlterTable(AlterTable {relation: t, kind: Table, actions: [AlterConstraint {name: "c", enforced: Some(false)}, AlterConstraint {name: "d", enforced: Some(true)}, AlterConstraint {name: "e", deferrable: Some(true)}, AlterConstraint {name: "f", deferrable: Some(false)}, AlterConstraint {name: "g", inherit: Some(true)}, AlterConstraint {name: "h", inherit: Some(false)}]})"#,
    ),
    (
        "ALTER TABLE t VALIDATE CONSTRAINT c, DROP CONSTRAINT IF EXISTS d CASCADE, OWNER TO x, CLUSTER ON i, SET WITHOUT CLUSTER, SET LOGGED, SET UNLOGGED, SET WITHOUT OIDS",
        r#"AlterTable(AlterTable {relation: t, kind: Table, actions: [ValidateConstraint {name: "c"}, DropConstraint {name: "d", if_exists: true, cascade: true}, OwnerTo, ClusterOn {index: "i"}, SetWithoutCluster, SetLogged, SetUnlogged, SetWithoutOids]})"#,
    ),
    (
        "ALTER TABLE t SET ACCESS METHOD heap, SET TABLESPACE x, SET (FillFactor = 70, toast.x = 1), RESET (fillfactor)",
        r#"AlterTable(AlterTable {relation: t, kind: Table, actions: [SetAccessMethod {method: Some("heap")}, SetTablespace {tablespace: "x"}, SetOptions {names: ["fillfactor", "toast.x"]}, ResetOptions {names: ["fillfactor"]}]})"#,
    ),
    (
        "ALTER TABLE t SET ACCESS METHOD DEFAULT",
        "AlterTable(AlterTable {relation: t, kind: Table, actions: [SetAccessMethod {}]})",
    ),
    (
        "ALTER TABLE t ENABLE TRIGGER a, DISABLE TRIGGER ALL, DISABLE TRIGGER USER, ENABLE ALWAYS TRIGGER b, ENABLE REPLICA TRIGGER c, DISABLE RULE r, ENABLE RULE s",
        r#"AlterTable(AlterTable {relation: t, kind: Table, actions: [Trigger {state: Enabled, which: Some("a")}, Trigger {state: Disabled, all: true}, Trigger {state: Disabled}, Trigger {state: Always, which: Some("b")}, Trigger {state: Replica, which: Some("c")}, Rule {state: Disabled, which: "r"}, Rule {state: Enabled, which: "s"}]})"#,
    ),
    (
        "ALTER TABLE t INHERIT u, NO INHERIT s.u, OF ty, NOT OF, REPLICA IDENTITY FULL, REPLICA IDENTITY USING INDEX i, REPLICA IDENTITY NOTHING, REPLICA IDENTITY DEFAULT",
        r#"AlterTable(AlterTable {relation: t, kind: Table, actions: [Inherit {parent: u}, NoInherit {parent: s.u}, OfType {of: ty}, NotOfType, ReplicaIdentity(Full), ReplicaIdentity(Index("i")), ReplicaIdentity(Nothing), ReplicaIdentity(Default)]})"#,
    ),
    (
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY",
        "AlterTable(AlterTable {relation: t, kind: Table, actions: [RowSecurity {enable: true}, RowSecurity {}, ForceRowSecurity {force: true}, ForceRowSecurity {}]})",
    ),
    (
        "ALTER TABLE t ATTACH PARTITION u FOR VALUES FROM (1) TO (2)",
        r#"AlterTable(AlterTable {relation: t, kind: Table, actions: [AttachPartition {partition: u, bound: Some(Range {from: [Value(Constant(Number("1")))], to: [Value(Constant(Number("2")))]})}]})"#,
    ),
    (
        "ALTER TABLE t ATTACH PARTITION u DEFAULT",
        "AlterTable(AlterTable {relation: t, kind: Table, actions: [AttachPartition {partition: u, bound: Some(Default)}]})",
    ),
    (
        "ALTER TABLE t DETACH PARTITION s.u",
        "AlterTable(AlterTable {relation: t, kind: Table, actions: [DetachPartition {partition: s.u}]})",
    ),
    (
        "ALTER TABLE t DETACH PARTITION u CONCURRENTLY",
        "AlterTable(AlterTable {relation: t, kind: Table, actions: [DetachPartition {partition: u, concurrently: true}]})",
    ),
    (
        "ALTER TABLE t DETACH PARTITION u FINALIZE",
        "AlterTable(AlterTable {relation: t, kind: Table, actions: [DetachPartition {partition: u, finalize: true}]})",
    ),
    (
        "ALTER TABLE t ALTER a ADD GENERATED BY DEFAULT AS IDENTITY, ALTER a SET GENERATED ALWAYS, ALTER a DROP IDENTITY IF EXISTS",
        r#"AlterTable(AlterTable {relation: t, kind: Table, actions: [AddIdentity {column: "a", kind: ByDefault}, SetIdentity {column: "a"}, DropIdentity {column: "a", if_exists: true}]})"#,
    ),
    (
        "ALTER FOREIGN TABLE t OPTIONS (SET a 'b'), ALTER c OPTIONS (d 'e')",
        "AlterTable(AlterTable {relation: t, kind: ForeignTable, actions: [ForeignOptions, ForeignOptions]})",
    ),
    (
        "ALTER INDEX i ATTACH PARTITION j",
        "AlterTable(AlterTable {relation: i, kind: Index, actions: [AttachPartition {partition: j}]})",
    ),
    (
        "ALTER INDEX i SET (fillfactor = 50)",
        r#"AlterTable(AlterTable {relation: i, kind: Index, actions: [SetOptions {names: ["fillfactor"]}]})"#,
    ),
    (
        "ALTER INDEX i ALTER COLUMN 1 SET STATISTICS 10",
        "AlterTable(AlterTable {relation: i, kind: Index, actions: [SetStatistics]})",
    ),
    (
        "ALTER SEQUENCE s SET LOGGED",
        "AlterTable(AlterTable {relation: s, kind: Sequence, actions: [SetLogged]})",
    ),
    (
        "ALTER SEQUENCE IF EXISTS s OWNED BY a.b.c",
        r#"AlterSequence {name: s, if_exists: true, owned_by: Some(Column {table: a.b, column: "c"})}"#,
    ),
    ("ALTER SEQUENCE s OWNED BY NONE", "AlterSequence {name: s, owned_by: Some(None)}"),
    ("ALTER SEQUENCE s RESTART", "AlterSequence {name: s}"),
    (
        "ALTER VIEW v ALTER a SET DEFAULT 1",
        r#"AlterTable(AlterTable {relation: v, kind: View, actions: [SetDefault {column: "a", default: Constant(Number("1"))}]})"#,
    ),
    (
        "ALTER MATERIALIZED VIEW m SET TABLESPACE x",
        r#"AlterTable(AlterTable {relation: m, kind: MaterializedView, actions: [SetTablespace {tablespace: "x"}]})"#,
    ),
    (
        "ALTER TYPE ty ADD ATTRIBUTE a int CASCADE, DROP ATTRIBUTE IF EXISTS b, ALTER ATTRIBUTE c TYPE text CASCADE",
        r#"AlterTable(AlterTable {relation: ty, kind: Type, actions: [AddColumn {column: ColumnDefinition {name: "a", data_type: Some({name: pg_catalog.int4})}}, DropColumn {column: "b", if_exists: true}, AlterType {column: "c", to: {name: text}, cascade: true}]})"#,
    ),
    ("ALTER TABLE ALL IN TABLESPACE x SET TABLESPACE y", "Other"),
    (
        "ALTER TABLE t OWNER TO CURRENT_USER",
        "AlterTable(AlterTable {relation: t, kind: Table, actions: [OwnerTo]})",
    ),
];

//! Relations without what belongs to them.

use pgbelay_analysis::{
    Expr, Inheritance, Name, Partition, PartitionKey, PartitionStrategy, Persistence, Relation, RelationKind,
    ReplicaIdentity,
};
use serde::Deserialize;

use super::CatalogError;
use super::rows::{Oid, Schema};

#[derive(Deserialize)]
pub(super) struct RelationRow {
    pub(super) oid: Oid,
    schema: String,
    name: String,
    kind: char,
    persistence: char,
    row_security: bool,
    forced_row_security: bool,
    replica_identity: char,
    identity_index: Option<String>,
    access_method: Option<String>,
    tablespace: Option<String>,
    of_type: Option<Oid>,
    pub(super) bound: Option<String>,
    strategy: Option<char>,
    key_expressions: Option<String>,
    /// `None`: one of the expressions.
    key_columns: Option<Vec<Option<String>>>,
    populated: bool,
    partition: bool,
    parents: Option<Vec<Oid>>,
    owner: Option<Oid>,
    owner_column: Option<String>,
}

impl RelationRow {
    pub(super) fn relation(&self, schema: &Schema) -> Result<Relation, CatalogError> {
        let kind = self.kind();
        Ok(Relation {
            persistence: self.persistence(),
            row_security: self.row_security,
            forced_row_security: self.forced_row_security,
            partition_key: self.partition_key(schema)?,
            inheritance: self.inheritance(schema)?,
            owned_by: self.owner.and_then(|oid| schema.id(oid)).zip(self.owner_column.clone()),
            of_type: self.of_type.and_then(|oid| schema.id(oid)),
            access_method: self.access_method.clone(),
            tablespace: self.tablespace.clone(),
            replica_identity: self.replica_identity(),
            populated: self.populated,
            ..Relation::new(Name::new(&self.schema, &self.name), kind)
        })
    }

    const fn kind(&self) -> RelationKind {
        match self.kind {
            'p' => RelationKind::Partitioned,
            'v' => RelationKind::View,
            'm' => RelationKind::MaterializedView,
            'f' => RelationKind::Foreign,
            'S' => RelationKind::Sequence,
            'c' => RelationKind::Composite,
            _ => RelationKind::Table,
        }
    }

    const fn persistence(&self) -> Persistence {
        match self.persistence {
            'u' => Persistence::Unlogged,
            't' => Persistence::Temporary,
            _ => Persistence::Permanent,
        }
    }

    fn replica_identity(&self) -> ReplicaIdentity {
        match (self.replica_identity, &self.identity_index) {
            ('f', _) => ReplicaIdentity::Full,
            // The index was dropped: nothing identifies rows.
            ('i', None) => ReplicaIdentity::Nothing,
            ('i', Some(index)) => ReplicaIdentity::Index(index.clone()),
            // The server's own catalogs and relations without rows have none either.
            ('n', _) if self.kind == 'r' || self.kind == 'p' => ReplicaIdentity::Nothing,
            _ => ReplicaIdentity::Default,
        }
    }

    /// The expressions of the partition key as one: the server gives them as a list.
    pub(super) fn key_list(&self) -> Option<String> {
        self.key_expressions.as_ref().map(|list| format!("ARRAY[{list}\n]"))
    }

    fn partition_key(&self, schema: &Schema) -> Result<Option<PartitionKey>, CatalogError> {
        let Some(strategy) = self.strategy else { return Ok(None) };
        let strategy = match strategy {
            'l' => PartitionStrategy::List,
            'h' => PartitionStrategy::Hash,
            _ => PartitionStrategy::Range,
        };
        let mut expressions = self.keys_of_expressions(schema)?.into_iter();
        let keys = self.key_columns.iter().flatten().filter_map(|column| match column {
            Some(column) => Some(Expr::Column(vec![column.clone()])),
            None => expressions.next(),
        });
        Ok(Some(PartitionKey { strategy, keys: keys.collect() }))
    }

    fn keys_of_expressions(&self, schema: &Schema) -> Result<Vec<Expr>, CatalogError> {
        let Some(text) = self.key_list() else { return Ok(Vec::new()) };
        let of = || format!("the partition key of {}", self.full_name());
        let list = schema.expressions.expression(&text, of)?;
        Ok(if let Expr::List(keys) = list { keys } else { vec![list] })
    }

    fn inheritance(&self, schema: &Schema) -> Result<Inheritance, CatalogError> {
        let mut parents = self.parents.iter().flatten().filter_map(|oid| schema.id(*oid));
        if !self.partition {
            return Ok(Inheritance { parents: parents.collect(), partition: None });
        }
        let of = || format!("the bound of partition {}", self.full_name());
        let partition = match (parents.next(), &self.bound) {
            (Some(parent), Some(text)) => {
                Some(Partition { parent, bound: schema.expressions.bound(text, of)? })
            }
            _ => None,
        };
        Ok(Inheritance { parents: Vec::new(), partition })
    }

    pub(super) fn full_name(&self) -> Name {
        Name::new(&self.schema, &self.name)
    }
}

//! All that the server was asked for, and how it is put together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pgbelay_analysis::{Catalog, Name, RelId, Relation, Settings};
use serde::Deserialize;

use super::ask::Asker;
use super::columns::ColumnRow;
use super::constraints::ConstraintRow;
use super::expressions::Expressions;
use super::functions::{self, FunctionRow};
use super::indexes::IndexRow;
use super::members::{Described, MemberRow};
use super::others::OtherRow;
use super::parts::{PolicyRow, RuleRow, StatisticsRow, TriggerRow};
use super::relations::RelationRow;
use super::sizes::{self, SizeRow};
use super::types::TypeRow;
use super::uses::{UseRow, Uses};
use super::{CatalogError, Trouble};

/// The number of a row in the server's catalogs.
pub(super) type Oid = u32;

/// What the server told, not yet put together.
pub(super) struct Rows {
    major: u32,
    settings: Settings,
    schemas: Vec<NameRow>,
    extensions: Vec<NameRow>,
    members: Vec<MemberRow>,
    relations: Vec<RelationRow>,
    columns: Vec<ColumnRow>,
    constraints: Vec<ConstraintRow>,
    indexes: Vec<IndexRow>,
    triggers: Vec<TriggerRow>,
    rules: Vec<RuleRow>,
    policies: Vec<PolicyRow>,
    statistics: Vec<StatisticsRow>,
    uses: Vec<UseRow>,
    sizes: Vec<SizeRow>,
    types: Vec<TypeRow>,
    functions: Vec<FunctionRow>,
    others: Vec<OtherRow>,
}

#[derive(Deserialize)]
struct NameRow {
    name: String,
}

const SCHEMAS: &str = "SELECT own.name FROM own WHERE own.name <> 'pg_temp'";
const EXTENSIONS: &str = "SELECT e.extname AS name FROM pg_catalog.pg_extension e";

impl Rows {
    /// Asks for everything.
    pub(super) async fn ask(asker: &Asker<'_>, settings: Settings) -> Result<Self, Trouble> {
        Ok(Self {
            major: asker.major,
            settings,
            schemas: asker.rows("schemas", SCHEMAS).await?,
            extensions: asker.rows("extensions", EXTENSIONS).await?,
            members: asker.rows("members of extensions", include_str!("members.sql")).await?,
            relations: asker.rows("relations", include_str!("relations.sql")).await?,
            columns: asker.rows("columns", include_str!("columns.sql")).await?,
            constraints: asker.rows("constraints", include_str!("constraints.sql")).await?,
            indexes: asker.rows("indexes", include_str!("indexes.sql")).await?,
            triggers: asker.rows("triggers", include_str!("triggers.sql")).await?,
            rules: asker.rows("rules", include_str!("rules.sql")).await?,
            policies: asker.rows("policies", include_str!("policies.sql")).await?,
            statistics: asker.rows("extended statistics", include_str!("statistics.sql")).await?,
            uses: asker.rows("what views use", include_str!("uses.sql")).await?,
            sizes: sizes::ask(asker).await?,
            types: asker.rows("types", include_str!("types.sql")).await?,
            functions: asker.rows("functions", include_str!("functions.sql")).await?,
            others: asker.rows("other objects", include_str!("others.sql")).await?,
        })
    }

    /// Puts everything together.
    pub(super) fn into_catalog(mut self) -> Result<Catalog, CatalogError> {
        let expressions = self.expressions()?;
        let mut schema = Schema { expressions, ids: self.ids(), relations: BTreeMap::new() };
        for row in &self.relations {
            let relation = row.relation(&schema)?;
            if let Some(id) = schema.id(row.oid) {
                schema.relations.insert(id, relation);
            }
        }
        self.fill(&mut schema)?;
        let uses = Uses::new(std::mem::take(&mut self.uses), &schema);
        for row in &self.rules {
            schema.give(row.relation, |relation| row.add_to(relation, &uses));
        }
        for row in &self.policies {
            schema.give(row.relation, |relation| row.add_to(relation, &uses));
        }
        let mut catalog = Catalog::fresh();
        catalog.server = Some(self.major);
        catalog.settings = self.settings;
        catalog.schemas = self.schemas.into_iter().map(|row| row.name).collect();
        catalog.extensions = self.extensions.into_iter().map(|row| row.name).collect();
        catalog.others = self.others.iter().map(OtherRow::kind_and_name).collect();
        let mut described = Described::default();
        for row in &self.relations {
            described.add("relation", row.oid, &row.full_name().to_string());
        }
        for row in &self.types {
            let name = Name::new(&row.schema, &row.name);
            described.add("type", row.oid, &name.to_string());
            catalog.types.insert(name, row.definition(&schema.expressions)?);
        }
        for row in &self.functions {
            described.add("function", row.oid, &row.signature(&uses));
        }
        functions::add(&mut catalog, &self.functions, &uses);
        catalog.extension_members = described.members(&self.members);
        catalog.relations =
            schema.relations.into_iter().map(|(id, relation)| (id, Arc::new(relation))).collect();
        catalog.index_names();
        Ok(catalog)
    }

    /// What belongs to relations and needs nothing but their ids.
    fn fill(&self, schema: &mut Schema) -> Result<(), CatalogError> {
        for row in &self.columns {
            let column = row.column(&schema.expressions)?;
            schema.give(row.relation, |relation| relation.columns.push(column));
        }
        for row in &self.constraints {
            if let Some(constraint) = row.constraint(schema)? {
                schema.give(row.relation, |relation| relation.constraints.push(constraint));
            }
        }
        for row in &self.indexes {
            let index = row.index(schema)?;
            schema.give(row.relation, |relation| relation.indexes.push(index));
        }
        for row in &self.triggers {
            schema.give(row.relation, |relation| relation.triggers.push(row.trigger()));
        }
        for row in &self.statistics {
            schema.give(row.relation, |relation| row.add_to(relation));
        }
        for row in &self.sizes {
            schema.give(row.relation, |relation| relation.size = Some(row.size(self.major)));
        }
        Ok(())
    }

    /// In the order in which they were made.
    fn ids(&self) -> BTreeMap<Oid, RelId> {
        (1..).zip(&self.relations).map(|(id, row)| (row.oid, RelId(id))).collect()
    }

    fn expressions(&self) -> Result<Expressions, CatalogError> {
        let mut texts: BTreeSet<String> = self.relations.iter().filter_map(RelationRow::key_list).collect();
        texts.extend(self.columns.iter().filter_map(|row| row.expression.clone()));
        texts.extend(self.constraints.iter().filter_map(|row| row.expression.clone()));
        texts.extend(self.indexes.iter().flat_map(IndexRow::texts).map(str::to_owned));
        texts.extend(self.types.iter().flat_map(TypeRow::texts).map(str::to_owned));
        let bounds = self.relations.iter().filter_map(|row| row.bound.clone()).collect();
        Expressions::parse(&texts, &bounds)
    }
}

/// What is being put together.
pub(super) struct Schema {
    pub(super) expressions: Expressions,
    ids: BTreeMap<Oid, RelId>,
    relations: BTreeMap<RelId, Relation>,
}

impl Schema {
    /// The relation of a row of the server's; `None` for its own and pgbelay's.
    pub(super) fn id(&self, oid: Oid) -> Option<RelId> {
        self.ids.get(&oid).copied()
    }

    /// The full name of a relation, once relations are filled in.
    pub(super) fn name(&self, id: RelId) -> Option<&Name> {
        self.relations.get(&id).map(|relation| &relation.name)
    }

    fn give(&mut self, oid: Oid, change: impl FnOnce(&mut Relation)) {
        if let Some(relation) = self.ids.get(&oid).and_then(|id| self.relations.get_mut(id)) {
            change(relation);
        }
    }
}

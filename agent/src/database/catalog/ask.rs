//! Asking one question: the SQL for this version of the server, the rows as structs.

use serde::de::DeserializeOwned;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::super::quote::literal;
use super::super::session::within;
use super::{CatalogError, READ, Trouble, tell};

/// The schemas that are read, under the name `own`.
const OWN: &str = include_str!("own.sql");

/// A session, and what its server knows.
pub(super) struct Asker<'a> {
    client: &'a Client,
    /// The server's major version.
    pub(super) major: u32,
    own: String,
}

impl<'a> Asker<'a> {
    pub(super) async fn new(client: &'a Client, own_schema: Option<&str>) -> Result<Self, Trouble> {
        let own = OWN.replace("{schema}", &literal(own_schema.unwrap_or_default()));
        let mut asker = Self { client, major: 0, own };
        let sql = "SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4 AS number";
        let versions: Vec<Version> = asker.plain("its version", sql).await?;
        asker.major = versions.first().map(|version| version.number / 10_000).unwrap_or_default();
        Ok(asker)
    }

    /// The rows of a query over the schemas that are read. What is in braces is filled in by the server's version.
    pub(super) async fn rows<T: DeserializeOwned>(
        &self,
        what: &'static str,
        sql: &str,
    ) -> Result<Vec<T>, Trouble> {
        let sql = self.for_version(sql);
        self.plain(what, &format!("WITH {}\n{sql}", self.own)).await
    }

    /// The rows of a query that is complete.
    pub(super) async fn plain<T: DeserializeOwned>(
        &self,
        what: &'static str,
        sql: &str,
    ) -> Result<Vec<T>, Trouble> {
        // Parentheses end on a line of their own: the query may end in a comment.
        let sql = format!("SELECT pg_catalog.row_to_json(r) FROM (\n{sql}\n) r");
        let answer = within(READ, self.client.simple_query(&sql)).await;
        let messages = answer.map_err(|fault| Trouble::Fault { what, fault })?;
        let rows = messages
            .iter()
            .filter_map(|message| if let SimpleQueryMessage::Row(row) = message { row.get(0) } else { None });
        rows.map(|text| serde_json::from_str(text).map_err(|error| unexpected(what, &error))).collect()
    }

    /// Tries something that may fail without ending the transaction.
    pub(super) async fn rows_if_possible<T: DeserializeOwned>(
        &self,
        what: &'static str,
        sql: &str,
    ) -> Result<Option<Vec<T>>, Trouble> {
        tell(self.client, "SAVEPOINT pgbelay_try; SET LOCAL lock_timeout = '500ms'").await?;
        let rows = self.rows(what, sql).await;
        tell(self.client, "ROLLBACK TO SAVEPOINT pgbelay_try; RELEASE SAVEPOINT pgbelay_try").await?;
        match rows {
            Ok(rows) => Ok(Some(rows)),
            Err(Trouble::Fault { fault, .. }) if fault.code().is_some() => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    fn for_version(&self, sql: &str) -> String {
        let since = |major: u32, with: &'static str, without: &'static str| {
            if self.major >= major { with } else { without }
        };
        sql.replace("{parsed_body}", since(14, "p.prosqlbody IS NOT NULL", "false"))
            .replace("{shown_body}", since(14, "pg_catalog.pg_get_function_sqlbody(p.oid)", "NULL"))
            .replace("{nulls_not_distinct}", since(15, "i.indnullsnotdistinct", "false"))
            .replace("{enforced}", since(18, "k.conenforced", "true"))
            .replace("{unproven}", since(18, UNPROVEN, "false"))
    }
}

#[derive(serde::Deserialize)]
struct Version {
    number: u32,
}

fn unexpected(what: &'static str, error: &serde_json::Error) -> Trouble {
    let why = format!("the server's answer is not as expected: {error}");
    Trouble::Told(CatalogError::Query { what, why })
}

/// From 18 on, a column is marked NOT NULL from the moment that its constraint is added, even if NOT VALID.
const UNPROVEN: &str = "EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conrelid = a.attrelid \
    AND k.contype = 'n' AND k.conkey[1] = a.attnum AND NOT k.convalidated)";

//! Whatever else has a name that a statement can take away.

use pgbelay_analysis::Name;
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct OtherRow {
    kind: String,
    /// `None`: it lives in no schema.
    schema: Option<String>,
    name: String,
}

impl OtherRow {
    /// The name with its schema, if it lives in one.
    pub(super) fn kind_and_name(&self) -> (String, String) {
        let name = match &self.schema {
            Some(schema) => Name::new(schema, &self.name).to_string(),
            None => self.name.clone(),
        };
        (self.kind.clone(), name)
    }
}

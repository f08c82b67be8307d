//! Credentials from a file in the form of `~/.aws/credentials`.

use std::path::Path;

use object_store::aws::AmazonS3Builder;

use crate::database::Secret;

/// A key for a store.
#[derive(Debug)]
pub(super) struct Credentials {
    id: String,
    key: Secret,
    token: Option<Secret>,
}

impl Credentials {
    pub(super) fn give(self, builder: AmazonS3Builder) -> AmazonS3Builder {
        let builder = builder.with_access_key_id(self.id).with_secret_access_key(self.key.expose());
        match self.token {
            Some(token) => builder.with_token(token.expose()),
            None => builder,
        }
    }
}

/// Reads the first profile of a file; what is wrong with it, without its contents.
pub(super) fn read(file: &Path) -> Result<Credentials, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let value = |name: &str| {
        let lines = text.lines().filter_map(|line| line.split_once('='));
        let mut values =
            lines.filter(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned());
        values.next()
    };
    let needed = |name| value(name).ok_or_else(|| format!("{} has no {name}", file.display()));
    Ok(Credentials {
        id: needed("aws_access_key_id")?,
        key: Secret::new(needed("aws_secret_access_key")?),
        token: value("aws_session_token").map(Secret::new),
    })
}

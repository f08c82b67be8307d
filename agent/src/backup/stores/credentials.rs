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
    // Up to where the second profile begins.
    let mut profiles = 0;
    let is_first = |line: &&str| {
        profiles += usize::from(line.trim_start().starts_with('['));
        profiles <= 1
    };
    let first: Vec<_> = text.lines().take_while(is_first).collect();
    let value = |name: &str| {
        let lines = first.iter().filter_map(|line| line.split_once('='));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_profile_counts() {
        let read_text = |text: &str| {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), text).unwrap();
            read(file.path())
        };
        let first = "aws_access_key_id = one\naws_secret_access_key=secret\n";
        let second =
            "[other]\naws_access_key_id = two\naws_secret_access_key = other\naws_session_token = token\n";
        for head in ["[default]\n", "# mine\n[default]\n", "\n[default]\n"] {
            let found = read_text(&format!("{head}{first}{second}")).unwrap();
            assert_eq!(
                (found.id.as_str(), found.key.expose(), found.token.is_none()),
                ("one", "secret", true),
                "{head}"
            );
        }
        let lacking = read_text(&format!("[default]\naws_access_key_id = one\n{second}")).unwrap_err();
        assert!(lacking.ends_with("has no aws_secret_access_key"), "{lacking}");
    }
}

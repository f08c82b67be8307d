//! What is saved is loaded again, and a file that others can read is refused.

use std::os::unix::fs::PermissionsExt;

use super::*;

fn file() -> CredentialsFile {
    CredentialsFile {
        controller: "127.0.0.1:7420".into(),
        operator: "ada".parse().unwrap(),
        credentials: Credentials {
            ca_pem: "the ca\n".into(),
            certificate_pem: "the certificate\n".into(),
            key_pem: Secret::new("hunter2"),
        },
    }
}

#[test]
fn what_is_saved_is_loaded_again() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("ada.json");
    fs::write(&path, "an older one, for everybody")?;
    file().save(&path)?;
    let loaded = CredentialsFile::load(&path)?;
    assert_eq!((loaded.controller.as_str(), loaded.operator.as_str()), ("127.0.0.1:7420", "ada"));
    assert_eq!(loaded.credentials.ca_pem, "the ca\n");
    assert_eq!(loaded.credentials.certificate_pem, "the certificate\n");
    assert_eq!(loaded.credentials.key_pem.expose(), "hunter2");
    assert_eq!(fs::metadata(&path)?.mode() & 0o7777, PRIVATE_MODE);
    assert_eq!(fs::read_dir(dir.path())?.count(), 1, "a temporary file was left");
    Ok(())
}

#[test]
fn a_key_that_others_can_read_is_refused() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("ada.json");
    file().save(&path)?;
    for mode in [0o640, 0o604, 0o620, 0o660, 0o666] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        let refused = CredentialsFile::load(&path);
        assert!(
            matches!(refused, Err(CredentialsError::NotPrivate { mode: found, .. }) if found == mode),
            "{mode:o}"
        );
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400))?;
    CredentialsFile::load(&path)?;
    Ok(())
}

#[test]
fn a_file_that_is_none_is_not_quoted() {
    let parse = |text: &str| CredentialsFile::parse(Path::new("x.json"), text.as_bytes());
    for text in ["hunter2", r#"{"key": "hunter2"}"#, r#"{"key": {"hunter2": 1}}"#] {
        let error = parse(text).unwrap_err();
        assert!(matches!(error, CredentialsError::Malformed { .. }));
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
    let no_port = r#"{"controller": "host", "operator": "ada", "ca": "", "certificate": "", "key": ""}"#;
    assert!(matches!(parse(no_port), Err(CredentialsError::Address { .. })));
}

#[test]
fn a_missing_directory_is_named() {
    let error = file().save(Path::new("/no-such-directory/ada.json")).unwrap_err();
    assert_eq!(error.to_string(), "failed to write /no-such-directory/ada.json");
}

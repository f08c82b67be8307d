//! The identities of a world, for a test that talks to the controller itself.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use pgbelay_proto::channel::{DialLimits, dial as dial_with};
use pgbelay_proto::credentials::CredentialsFile;
use pgbelay_proto::tls::{Credentials, Secret, client_config};
use serde_json::Value;
use tonic::transport::Channel;

use super::World;

impl World {
    /// The identity of a member's agent, as it stands in its state directory.
    ///
    /// # Errors
    /// It has not enrolled.
    pub fn agent_credentials(&self, member: &str) -> anyhow::Result<Credentials> {
        let file = self.member(member).home.join("state/identity/current.json");
        let stored: Value = serde_json::from_str(&fs::read_to_string(file)?)?;
        let text = |key: &str| stored[key].as_str().map(str::to_owned).with_context(|| format!("no {key}"));
        Ok(Credentials {
            ca_pem: text("ca_pem")?,
            certificate_pem: text("certificate_pem")?,
            key_pem: Secret::new(text("key_pem")?),
        })
    }

    /// The identity of the admin.
    ///
    /// # Errors
    /// The controller was not set up.
    pub fn admin_credentials(&self) -> anyhow::Result<Credentials> {
        Ok(CredentialsFile::load(&self.controller_home().join("admin.credentials"))?.credentials)
    }
}

/// Connects to a controller under an identity.
///
/// # Errors
/// It is not there, or does not let us in.
pub async fn dial(address: SocketAddr, credentials: &Credentials) -> anyhow::Result<Channel> {
    let tls = Arc::new(client_config(credentials)?);
    Ok(dial_with(&address.to_string(), tls, DialLimits::default()).await?)
}

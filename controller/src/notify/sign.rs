//! Signatures of messages, in the form of Standard Webhooks: HMAC-SHA256 over identity, time and body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

/// What a secret begins with.
const PREFIX: &str = "whsec_";

/// Bytes of a key: fewer could be guessed, and more are of no use to SHA-256.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A key that messages are signed with. It prints nothing.
#[derive(Clone)]
pub(super) struct Key(hmac::Key);

impl Key {
    /// Reads a secret; what is wrong is said without it.
    pub(super) fn read(secret: &str) -> Result<Self, &'static str> {
        const MUST: &str =
            "must be whsec_ and 24 to 64 bytes in base64: echo whsec_$(openssl rand -base64 32)";
        let bytes = secret.trim().strip_prefix(PREFIX).and_then(|text| STANDARD.decode(text).ok());
        match bytes.filter(|bytes| KEY_BYTES.contains(&bytes.len())) {
            Some(bytes) => Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes))),
            None => Err(MUST),
        }
    }

    /// The header `webhook-signature` of a message.
    pub(super) fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let tag = hmac::sign(&self.0, format!("{id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks libraries.
    #[test]
    fn a_signature_is_that_of_the_standard() {
        let key = Key::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}");
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn what_is_no_secret_is_refused_without_being_told() {
        for bad in ["", "whsec_", "whsec_c2hvcnQ=", "hunter2hunter2hunter2hunter2hunter2", "whsec_???"] {
            let Err(why) = Key::read(bad) else { panic!("{bad} was taken") };
            assert!(bad.is_empty() || bad == "whsec_" || !why.contains(bad), "{why}");
        }
    }
}

//! Checkpoints of a ledger that are kept elsewhere: what is signed of them, and whether they are what was signed.

use pgbelay_core::witness::Checkpoint;

use crate::convert::{BadMessage, parse};
use crate::identity::Identity;
use crate::signing::{SignatureError, verify};
use crate::wire::SignedCheckpoint;

/// A checkpoint is not believed.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// A field does not read.
    #[error(transparent)]
    Field(#[from] BadMessage),
    /// Its signature is not one that counts.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// Somebody signed it who may not.
    #[error("it was signed by {signer}, and not by the controller that it names")]
    Signer {
        /// Who.
        signer: Identity,
    },
}

/// The text that is signed: a line for each field, in this order.
#[must_use]
pub fn text(signed: &SignedCheckpoint) -> String {
    let SignedCheckpoint { ledger, acceptances, seq, hash, time, controller, .. } = signed;
    format!(
        "pgbelay checkpoint 1\nledger {ledger}\nacceptances {acceptances}\nseq {seq}\nhash {hash}\n\
         time {time}\ncontroller {controller}\n"
    )
}

/// The place in a ledger that a checkpoint is of, if a controller of one of these CAs has signed it.
///
/// # Errors
/// It is not what a controller signed.
pub fn believed(signed: &SignedCheckpoint, ca_pem: &str) -> Result<Checkpoint, CheckpointError> {
    let signature = unhex(&signed.signature)
        .ok_or_else(|| BadMessage { field: "signature", fault: "not pairs of hex digits".to_owned() })?;
    let signer = verify(ca_pem, &signed.certificate_pem, text(signed).as_bytes(), &signature)?;
    if signer != Identity::Controller(signed.controller.clone()) {
        return Err(CheckpointError::Signer { signer });
    }
    Ok(Checkpoint {
        incarnation: parse("ledger", &signed.ledger)?,
        acceptances: signed.acceptances,
        seq: signed.seq,
        hash: parse("hash", &signed.hash)?,
    })
}

/// Bytes as lower-case hex digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

//! Operators: what the ledger knows of them.

use pgbelay_core::access::Operator;
use pgbelay_proto::wire;

use crate::clock::rfc3339;

/// An operator as people read it.
#[must_use]
pub fn operator(operator: &Operator) -> wire::OperatorView {
    let certificates = &operator.certificates;
    wire::OperatorView {
        name: operator.name.to_string(),
        role: operator.role.as_str().to_owned(),
        environments: operator.environments.iter().flatten().map(ToString::to_string).collect(),
        state: if certificates.revoked { "revoked" } else { "active" }.to_owned(),
        certificate_serial: certificates.current.serial.clone(),
        certificate_until: rfc3339(certificates.current.not_after),
    }
}

//! The live connections of the operators: one whose certificate counts no more is cut.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use dashmap::DashMap;
use pgbelay_core::name::OperatorName;

use crate::listener::{ConnectionHandle, RemoteAddr};

/// The live connections of the operators. Cheap to clone.
#[derive(Clone, Default)]
pub struct Operators {
    connections: Arc<DashMap<OperatorName, BTreeMap<SocketAddr, Live>>>,
}

/// A connection; no two that live at a time come from one address and port.
struct Live {
    serial: String,
    connection: ConnectionHandle,
}

impl Operators {
    /// A request came in on a connection.
    pub(super) fn seen(
        &self,
        name: &OperatorName,
        serial: &str,
        RemoteAddr(remote): RemoteAddr,
        connection: &ConnectionHandle,
    ) {
        let mut live = self.connections.entry(name.clone()).or_default();
        if live.get(&remote).is_some_and(|known| !known.connection.is_closed()) {
            return;
        }
        live.retain(|_, known| !known.connection.is_closed());
        live.insert(remote, Live { serial: serial.to_owned(), connection: connection.clone() });
    }

    /// Cuts the connections whose certificate counts no more.
    pub fn sweep(&self, counts: impl Fn(&OperatorName, &str) -> bool) {
        for mut entry in self.connections.iter_mut() {
            let (name, live) = entry.pair_mut();
            live.retain(|_, known| {
                if !counts(name, &known.serial) {
                    known.connection.close();
                }
                !known.connection.is_closed()
            });
        }
        self.connections.retain(|_, live| !live.is_empty());
    }

    /// Cuts every connection of an operator.
    pub fn disconnect(&self, name: &OperatorName) {
        if let Some((_, connections)) = self.connections.remove(name) {
            connections.values().for_each(|live| live.connection.close());
        }
    }
}

//! Free ports on this machine.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// How often something is started anew on other ports. Between looking for a free one and listening, somebody else may
/// take it; five times in a row is no accident.
pub(crate) const TRIES: usize = 5;

/// Ports on 127.0.0.1 that were free a moment ago, all different.
pub(crate) fn free<const N: usize>() -> io::Result<[u16; N]> {
    let mut ports = [0; N];
    let mut held = Vec::with_capacity(N);
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

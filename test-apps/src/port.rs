//! Free loopback ports, asked from the operating system.
//!
//! A port is free when it is handed out; another process may take it before the server does.
//! Whoever starts a server asks again then (`launch.rs` does).

use crate::HarnessError;
use std::collections::HashSet;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{LazyLock, Mutex, PoisonError};

/// The ports handed out by this process so far: two servers started at the same time must not get
/// the same one, though neither listens yet.
static GIVEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);

/// A port of 127.0.0.1 on which nothing listens, not handed out before by this process.
///
/// # Errors
/// When the system has no port left.
pub fn free_port() -> Result<u16, HarnessError> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    // The listeners that gave a used number stay open until the end, so that each try gives
    // another one.
    let mut refused = Vec::new();
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .map_err(|e| HarnessError::new("asking for a free port", e))?;
        let port = listener
            .local_addr()
            .map_err(|e| HarnessError::new("asking for a free port", e))?
            .port();
        if given.insert(port) {
            return Ok(port);
        }
        refused.push(listener);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_free_and_never_given_twice() {
        let ports: HashSet<u16> = (0..200).map(|_| free_port().unwrap()).collect();
        assert_eq!(ports.len(), 200);
        let one = *ports.iter().next().unwrap();
        TcpListener::bind((Ipv4Addr::LOCALHOST, one)).unwrap();
    }
}

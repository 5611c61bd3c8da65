//! Which connections really work together, as the handlers know it: the oracle of C2.
//!
//! A handler is told by its event what it works for; the core has only the coroutine, which may be
//! that of several events. What the core links has to include this.

use std::collections::{BTreeMap, BTreeSet};

/// An fd as it is open now: its number, and how often that was opened before.
pub(crate) type Opening = (i32, u64);

/// Who works for whom.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    clients: BTreeSet<Opening>,
    peers: BTreeSet<Opening>,
    /// The client that each connection to a peer works for.
    serves: BTreeMap<Opening, Opening>,
    /// Whose handler runs.
    pub(crate) handler: Option<Opening>,
}

impl Truth {
    /// A client has come.
    pub(crate) fn accepted(&mut self, client: Opening) {
        self.clients.insert(client);
    }

    /// A peer was connected to.
    pub(crate) fn connected(&mut self, peer: Opening) {
        self.peers.insert(peer);
    }

    /// The running handler uses a connection.
    pub(crate) fn used(&mut self, fd: Opening) {
        let of_client = self.handler.filter(|handler| self.clients.contains(handler));
        let of_peer = self.handler.filter(|handler| self.peers.contains(handler));
        if self.peers.contains(&fd) && self.handler != Some(fd) {
            match of_client {
                Some(client) => self.serves.insert(fd, client),
                // A timer, or a handler of something else: for whom is not known.
                None => self.serves.remove(&fd),
            };
        } else if self.clients.contains(&fd)
            && let Some(peer) = of_peer
        {
            self.serves.insert(peer, fd);
        }
    }

    /// Do these two work together?
    pub(crate) fn are_linked(&self, one: Opening, other: Opening) -> bool {
        let serves = |peer, client| self.serves.get(&peer) == Some(&client);
        serves(one, other) || serves(other, one)
    }
}

//! Which connections there are, who opened them, and which belong together (C2).
//!
//! A proxied request lives on two connections: the client's, which was accepted, and one to a peer,
//! which was connected. An event of either may end both, and a server does not tell anybody which
//! two they are. It shows in what a coroutine uses:
//!
//! | the running coroutine | then the peer's connection |
//! |---|---|
//! | uses it, for one client only, and not because of an event of its own | works for that client, and for no other any more |
//! | uses it, with several clients at hand | works for these, too |
//! | uses it, with no client at hand | works for somebody unknown |
//! | uses it, in doubt: a timer may run in this turn, or an event of something unknown or of another peer is among its events | works for these and those before, and perhaps for somebody unknown |
//! | was given an event of it, and uses a client's connection | works for that client, too |
//!
//! A connection to a peer that works for somebody unknown is a *stray*. So is one that works for more
//! than are remembered. One that carries requests of several clients at once keeps all that it
//! ever met: it is known by a client that took it before the last one's answer came, or that is met
//! again after another took it.
//!
//! Must not: allocate memory, except where a connection begins ([`crate::claims`] tells why).

use crate::Fd;
use crate::policy::Class;

/// Partners that are remembered of one connection.
const PARTNERS: usize = 6;

/// What an fd is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Role {
    /// Not known: a file, a pipe, an eventfd, or what came from elsewhere.
    #[default]
    Unknown,
    /// Connections were accepted from it.
    Listener,
    /// It was accepted: a client's.
    Accepted,
    /// It was connected: a peer's.
    Connected,
}

/// A few fds.
#[derive(Debug, Clone, Copy)]
struct Few {
    fds: [Fd; PARTNERS],
    len: usize,
    /// There may be more.
    overflowed: bool,
}

impl Default for Few {
    fn default() -> Self {
        Self { fds: [Fd(-1); PARTNERS], len: 0, overflowed: false }
    }
}

impl Few {
    fn as_slice(&self) -> &[Fd] {
        self.fds.get(..self.len).unwrap_or(&[])
    }

    /// False where there is no room.
    fn add(&mut self, fd: Fd) -> bool {
        if self.as_slice().contains(&fd) {
            return true;
        }
        let Some(slot) = self.fds.get_mut(self.len) else { return false };
        *slot = fd;
        self.len += 1;
        true
    }

    fn remove(&mut self, fd: Fd) {
        let Some(position) = self.as_slice().iter().position(|known| *known == fd) else { return };
        if let Some(rest) = self.fds.get_mut(position..self.len) {
            rest.rotate_left(1);
        }
        self.len -= 1;
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Connection {
    role: Role,
    partners: Few,
    /// A client has taken it, and no event of it came since.
    is_asked: bool,
    /// It was read from since a client took it.
    has_answered: bool,
    /// It carries requests of several clients at once.
    is_shared: bool,
    /// It speaks a protocol by which one connection carries many requests.
    multiplexes: bool,
    /// It may do so, as far as is known.
    may_multiplex: bool,
    /// Its first bytes have been looked at.
    is_known: bool,
    /// Its protocol is known.
    is_settled: bool,
    /// Whom it worked for before.
    former: Option<Fd>,
    /// What matters of its calls, by the listener's port; `None`: nothing is said.
    class: Option<Class>,
}

impl Connection {
    fn does_multiplex(&self) -> bool {
        self.multiplexes || self.may_multiplex
    }

    fn is_unsettled(&self) -> bool {
        self.role == Role::Accepted && !self.is_settled
    }
}

/// The connections of one thread.
#[derive(Debug, Default)]
pub struct Links {
    by_fd: Vec<Connection>,
    /// How many are to peers.
    connected: usize,
    /// How many were accepted of which the protocol is not known.
    unsettled: usize,
    /// Has any listener had a class?
    has_classes: bool,
}

impl Links {
    /// Connections will be accepted from `listener`, of whose calls that matters.
    pub fn serves(&mut self, listener: Fd, class: Option<Class>) {
        self.has_classes |= class.is_some();
        self.closed(listener);
        if let Some(entry) = self.entry(listener) {
            *entry = Connection { role: Role::Listener, class, ..Connection::default() };
        }
    }

    /// Has any listener been given a class?
    #[must_use]
    pub fn has_classes(&self) -> bool {
        self.has_classes
    }

    /// What matters of the calls that are made for `fd`: as was said of its listener, or of its clients', where it is a
    /// peer's. The outer `None`: it tells nothing of that.
    #[must_use]
    pub fn class(&self, fd: Fd) -> Option<Option<Class>> {
        let connection = self.get(fd)?;
        match connection.role {
            Role::Accepted => Some(connection.class),
            Role::Connected => {
                let clients = connection.partners.as_slice().iter();
                let mut classes = clients.filter_map(|fd| self.get(*fd)).map(|of| of.class);
                // One that does not want to wait is enough.
                let first = classes.next()?;
                let is_urgent = |class: &Option<Class>| *class == Some(Class::Latency);
                Some(if is_urgent(&first) {
                    first
                } else {
                    classes.find(is_urgent).unwrap_or(first)
                })
            }
            Role::Listener | Role::Unknown => None,
        }
    }

    /// `fd` is a new connection, accepted from `listener`.
    pub fn accepted(&mut self, listener: Fd, fd: Fd) {
        let mut class = None;
        // What was accepted itself accepts nobody: the number is another's.
        if self.role(listener) == Role::Accepted {
            self.closed(listener);
        }
        if let Some(parent) = self.entry(listener) {
            parent.role = Role::Listener;
            class = parent.class;
        }
        self.begin(fd, Role::Accepted);
        self.unsettled += usize::from(fd.index().is_some());
        if let Some(connection) = self.get_mut(fd) {
            connection.class = class;
        }
    }

    /// `fd` is connected to a peer.
    pub fn connected(&mut self, fd: Fd) {
        if self.role(fd) != Role::Connected && fd.index().is_some() {
            self.begin(fd, Role::Connected);
            self.connected += 1;
        }
    }

    /// `fd` was closed: its number means nothing any more.
    pub fn closed(&mut self, fd: Fd) {
        let Some(before) = self.get_mut(fd).map(std::mem::take) else { return };
        self.connected -= usize::from(before.role == Role::Connected);
        self.unsettled -= usize::from(before.is_unsettled());
        for partner in before.partners.as_slice() {
            if let Some(partner) = self.get_mut(*partner) {
                partner.partners.remove(fd);
            }
        }
    }

    /// Was `fd` accepted or connected, and not closed since?
    #[must_use]
    pub fn is_connection(&self, fd: Fd) -> bool {
        matches!(self.role(fd), Role::Accepted | Role::Connected)
    }

    /// Were connections accepted from `fd`?
    #[must_use]
    pub fn is_listener(&self, fd: Fd) -> bool {
        self.role(fd) == Role::Listener
    }

    /// Is it unknown what an event of `fd` is about?
    #[must_use]
    pub fn is_unknown(&self, fd: Fd) -> bool {
        self.role(fd) == Role::Unknown
    }

    /// Is any fd connected to a peer?
    #[must_use]
    pub fn has_peers(&self) -> bool {
        self.connected > 0
    }

    /// Was `fd` connected to a peer?
    #[must_use]
    pub fn is_connected(&self, fd: Fd) -> bool {
        self.connected > 0 && self.role(fd) == Role::Connected
    }

    /// Is it a connection whose partners are not all known?
    #[must_use]
    pub fn is_stray(&self, fd: Fd) -> bool {
        self.get(fd).is_some_and(|connection| match connection.role {
            Role::Connected => connection.partners.len == 0 || connection.partners.overflowed,
            Role::Accepted | Role::Listener | Role::Unknown => false,
        })
    }

    /// May strays concern it, because it has worked with more than are remembered?
    #[must_use]
    pub fn has_more(&self, fd: Fd) -> bool {
        self.get(fd).is_some_and(|connection| connection.partners.overflowed)
    }

    /// Does it work together with another?
    #[must_use]
    pub fn is_linked(&self, fd: Fd) -> bool {
        self.connected > 0 && self.get(fd).is_some_and(|connection| connection.partners.len > 0)
    }

    /// Many requests at once may come by `fd` from now on.
    pub fn multiplexes(&mut self, fd: Fd) {
        self.settled(fd);
        if let Some(connection) = self.get_mut(fd) {
            connection.multiplexes = true;
        }
    }

    /// Do many requests at once come by `fd`, or by one that it is linked to?
    #[must_use]
    pub fn is_multiplexed(&self, fd: Fd) -> bool {
        self.get(fd).is_some_and(|connection| {
            let partners = connection.partners.as_slice().iter();
            let mut both = partners.filter_map(|partner| self.get(*partner));
            connection.does_multiplex() || both.any(Connection::does_multiplex)
        })
    }

    /// Has `fd` agreed on such a protocol?
    #[must_use]
    pub fn has_agreed_to_multiplex(&self, fd: Fd) -> bool {
        self.get(fd).is_some_and(|connection| connection.multiplexes)
    }

    /// It is known by which protocol requests come by `fd`.
    pub fn settled(&mut self, fd: Fd) {
        if let Some(connection) = self.get_mut(fd) {
            let was_unsettled = connection.is_unsettled();
            connection.is_settled = true;
            connection.may_multiplex = false;
            self.unsettled -= usize::from(was_unsettled);
        }
    }

    /// Is that known of all clients' connections?
    #[must_use]
    pub fn are_settled(&self) -> bool {
        self.unsettled == 0
    }

    /// What comes by connections is not looked at from now on. By which protocol, may not be known yet: then perhaps by
    /// one that carries many requests.
    pub(crate) fn rest(&mut self) {
        if self.unsettled == 0 {
            return;
        }
        for connection in self.by_fd.iter_mut().filter(|connection| connection.is_unsettled()) {
            connection.may_multiplex = true;
            connection.is_settled = true;
            // What is read of it next may not be its first bytes.
            connection.is_known = true;
        }
        self.unsettled = 0;
    }

    /// Are these the first bytes of a connection? True once.
    pub fn is_first_read(&mut self, fd: Fd) -> bool {
        self.get_mut(fd).is_some_and(|connection| {
            connection.role == Role::Accepted && !std::mem::replace(&mut connection.is_known, true)
        })
    }

    /// Something of `fd` was read.
    pub fn answered(&mut self, fd: Fd) {
        if self.connected > 0
            && let Some(connection) = self.get_mut(fd)
        {
            connection.is_asked = false;
            connection.has_answered = true;
        }
    }

    /// The running coroutine sends to `peer`, of which it was given an event. After an answer that is
    /// another request, and for whom is not known: a server may keep clients waiting for a connection.
    pub fn is_asked_by_its_own_event(&mut self, peer: Fd) {
        if self.connected > 0
            && let Some(connection) = self.get_mut(peer)
            && connection.role == Role::Connected
            && connection.has_answered
        {
            connection.partners.overflowed = true;
        }
    }

    /// The running coroutine, which was given `events`, uses `fd`; `used` is all that it has used.
    /// `in_doubt`: it may be at something else than its events.
    pub fn touched(&mut self, fd: Fd, events: &[Fd], used: &[Fd], in_doubt: bool) {
        if self.connected == 0 {
            return;
        }
        match self.role(fd) {
            Role::Connected if events.contains(&fd) => {
                for client in used {
                    self.works_for(fd, *client);
                }
            }
            Role::Connected => {
                let of_peer = events.iter().any(|event| self.role(*event) == Role::Connected);
                self.is_taken(fd, used, in_doubt || of_peer);
            }
            Role::Accepted => {
                for peer in used {
                    self.met(*peer, fd, events.contains(peer), in_doubt);
                }
            }
            Role::Listener | Role::Unknown => {}
        }
    }

    /// Those that work together with `fd`.
    #[must_use]
    pub fn partners(&self, fd: Fd) -> &[Fd] {
        self.get(fd).map_or(&[], |connection| connection.partners.as_slice())
    }

    /// A coroutine that has used these takes a connection to a peer.
    fn is_taken(&mut self, peer: Fd, used: &[Fd], in_doubt: bool) {
        let is_client = |fd: &&Fd| self.role(**fd) == Role::Accepted;
        let mut clients = used.iter().filter(is_client);
        let first = clients.next().copied();
        let is_only = clients.all(|client| Some(*client) == first);
        match first {
            _ if in_doubt => {
                used.iter().for_each(|client| self.works_for(peer, *client));
                self.may_have_more(peer);
            }
            None => {
                self.works_for_nobody_else(peer, None);
                if self.get(peer).is_some_and(|connection| connection.is_shared) {
                    self.may_have_more(peer);
                }
            }
            Some(client) if is_only => {
                let is_asked = self.get(peer).is_some_and(|c| c.is_asked);
                let is_same = self.partners(peer) == [client];
                if let Some(connection) = self.get_mut(peer) {
                    connection.is_shared |= is_asked && !is_same;
                    connection.is_asked = true;
                    connection.has_answered = false;
                }
                self.works_for_nobody_else(peer, Some(client));
                self.works_for(peer, client);
            }
            Some(_) => used.iter().for_each(|client| self.works_for(peer, *client)),
        }
    }

    /// A coroutine uses a client's connection, and has used that of a peer.
    fn met(&mut self, peer: Fd, client: Fd, by_its_event: bool, in_doubt: bool) {
        if self.role(peer) != Role::Connected {
            return;
        }
        if by_its_event
            && !in_doubt
            && let Some(connection) = self.get_mut(peer)
        {
            // (That does not end a doubt: the turn may go on with something else than this event.)
            let is_partner = connection.partners.as_slice().contains(&client);
            connection.is_shared |= connection.former == Some(client) && !is_partner;
        }
        self.works_for(peer, client);
    }

    fn works_for(&mut self, peer: Fd, client: Fd) {
        if self.role(client) != Role::Accepted {
            return;
        }
        let has_room = self.get_mut(peer).is_some_and(|connection| connection.partners.add(client));
        if !has_room {
            self.may_have_more(peer);
            self.may_have_more(client);
            return;
        }
        let mut forgotten = None;
        if let Some(connection) = self.get_mut(client)
            && !connection.partners.add(peer)
        {
            forgotten = connection.partners.as_slice().first().copied();
            forgotten.into_iter().for_each(|oldest| connection.partners.remove(oldest));
            connection.partners.add(peer);
            connection.partners.overflowed = true;
        }
        if let Some(oldest) = forgotten.and_then(|oldest| self.get_mut(oldest)) {
            oldest.partners.remove(client);
            oldest.partners.overflowed = true;
        }
    }

    fn may_have_more(&mut self, fd: Fd) {
        if let Some(connection) = self.get_mut(fd) {
            connection.partners.overflowed = true;
        }
    }

    fn works_for_nobody_else(&mut self, peer: Fd, client: Option<Fd>) {
        let Some(connection) = self.get_mut(peer).filter(|c| !c.is_shared) else { return };
        let before = std::mem::take(&mut connection.partners);
        connection.former = before.as_slice().iter().copied().rfind(|fd| Some(*fd) != client);
        for other in before.as_slice() {
            if let Some(other) = self.get_mut(*other) {
                other.partners.remove(peer);
            }
        }
    }

    fn begin(&mut self, fd: Fd, role: Role) {
        self.closed(fd);
        if let Some(connection) = self.entry(fd) {
            *connection = Connection { role, ..Connection::default() };
        }
    }

    fn role(&self, fd: Fd) -> Role {
        self.get(fd).map_or(Role::Unknown, |connection| connection.role)
    }

    fn get(&self, fd: Fd) -> Option<&Connection> {
        self.by_fd.get(fd.index()?)
    }

    fn get_mut(&mut self, fd: Fd) -> Option<&mut Connection> {
        self.by_fd.get_mut(fd.index()?)
    }

    fn entry(&mut self, fd: Fd) -> Option<&mut Connection> {
        let index = fd.index()?;
        if self.by_fd.len() <= index {
            self.by_fd.resize(index + 1, Connection::default());
        }
        self.by_fd.get_mut(index)
    }
}

#[cfg(test)]
mod tests;

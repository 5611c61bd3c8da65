//! Parking and going on: what a coroutine has is published, and taken back.

use std::ops::Range;

use super::possessions::Possessions;
use super::{Claims, SPARE};
use crate::{CoroutineId, Fd};

impl Claims {
    /// The running coroutine parks: publishes its claims. Returns the fds that it owns.
    pub fn park(&mut self, id: CoroutineId) -> &[Fd] {
        let mut next = self.spare.pop().unwrap_or_default();
        next.make_room();
        let mut possessions = std::mem::replace(&mut self.running, next);
        possessions.fds.sort_unstable();
        possessions.fds.dedup();
        self.fd_owners.add(&possessions.fds);
        if self.rules.linked_fds {
            self.find_linked(&mut possessions);
            self.fd_linked.add(&possessions.linked);
            self.fd_linked.add(&possessions.due);
            possessions.is_batch = possessions.events.is_several();
            self.batches += usize::from(possessions.is_batch);
            self.exposed += usize::from(possessions.exposed);
            self.strays += usize::from(possessions.stray);
        }
        self.locks.add(&possessions.locks);
        for region in possessions.regions.iter().filter(|region| region.written && region.filled) {
            let Range { start, end } = region.range;
            let (until, claims) = self.written.entry(start).or_default();
            *until = end.max(*until);
            *claims += 1;
        }
        &self.parked.entry(id).or_insert(possessions).fds
    }

    /// What is linked to the fds of a coroutine that parks, and so on.
    fn find_linked(&self, possessions: &mut Possessions) {
        // An answer that is being made for it is not known whom: any event may end it.
        let is_anybodys = possessions.exposed && !possessions.has_connection(&self.links);
        let Possessions { fds, linked, exposed, stray, .. } = possessions;
        // What was linked to it once stays so until it ends: events are let go at an end only.
        linked.retain(|fd| fds.binary_search(fd).is_err());
        // Any turn may go on with the streams of a connection by which many requests come.
        let is_stray = |fd: &Fd| self.links.is_stray(*fd) || self.links.is_multiplexed(*fd);
        *stray = is_anybodys || fds.iter().any(is_stray);
        for fd in fds.iter().filter(|fd| self.links.is_linked(**fd)) {
            linked.extend(self.links.partners(*fd).iter().filter(|fd| !fds.contains(fd)));
        }
        self.complete(linked, fds);
        let links = &self.links;
        let may_have_partners = |fd: &Fd| links.is_connected(*fd) || links.has_more(*fd);
        *exposed |= !linked.is_empty() || fds.iter().any(may_have_partners);
    }

    /// Adds what is linked to those of `group`, and so on, but for `known`.
    fn complete(&self, group: &mut Vec<Fd>, known: &[Fd]) {
        let mut next = 0;
        while let Some(fd) = group.get(next).copied() {
            next += 1;
            for partner in self.links.partners(fd) {
                if !group.contains(partner) && !known.contains(partner) {
                    group.push(*partner);
                }
            }
        }
        group.sort_unstable();
        group.dedup();
    }

    /// The running coroutine has ended. `puts_off`: its server has a list of connections to be gone on
    /// with ([`crate::postponed`]); those that it has used are due.
    pub fn end(&mut self, puts_off: bool) {
        self.due.clear();
        self.has_due = puts_off && self.rules.linked_fds;
        if self.has_due {
            let mut due = std::mem::take(&mut self.due);
            due.extend(self.running.fds.iter().filter(|fd| self.links.is_connection(**fd)));
            self.complete(&mut due, &[]);
            self.due = due;
        }
        self.begin([]);
    }

    /// The turn of the running coroutine, which begins or goes on, may be the next to end: so it deals with
    /// what is due, and perhaps with nothing else.
    pub fn goes_on(&mut self) {
        if !self.due.is_empty() {
            self.running.due.extend_from_slice(&self.due);
            self.doubt();
        }
    }

    /// Was `fd` among the events of a parked coroutine, and not closed since?
    #[must_use]
    pub fn has_event(&self, id: CoroutineId, fd: Fd) -> bool {
        self.parked.get(&id).is_some_and(|possessions| possessions.events.contains(fd))
    }

    /// A parked coroutine goes on: its claims are the running one's again.
    pub fn resume(&mut self, id: CoroutineId) {
        let Some(possessions) = self.parked.remove(&id) else { return };
        if self.rules.linked_fds {
            self.batches -= usize::from(possessions.is_batch);
            self.exposed -= usize::from(possessions.exposed);
            self.strays -= usize::from(possessions.stray);
        }
        self.fd_owners.take(&possessions.fds);
        self.fd_linked.take(&possessions.linked);
        self.fd_linked.take(&possessions.due);
        self.locks.take(&possessions.locks);
        for region in possessions.regions.iter().filter(|region| region.written && region.filled) {
            let Some((_, claims)) = self.written.get_mut(&region.range.start) else { continue };
            *claims = claims.saturating_sub(1);
            if *claims == 0 {
                self.written.remove(&region.range.start);
            }
        }
        let mut before = std::mem::replace(&mut self.running, possessions);
        self.running.make_room();
        before.clear();
        if self.spare.len() < SPARE {
            self.spare.push(before);
        }
    }
}

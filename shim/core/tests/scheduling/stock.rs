//! The oracle: what the server would be owed if it ran on the kernel alone.
//!
//! One entry for each registration as the server made it. It keeps no ready list; it knows when a
//! registration was last given a reason to be reported, and whether that was answered since:
//!
//! | trigger | owed |
//! |---|---|
//! | level | while ready |
//! | edge | while ready, after a wake-up (or ADD, MOD) later than the last event's fetch |
//! | one-shot | while ready, once for each ADD or MOD |
//!
//! An event counts as of its *fetch*: to the server, one that comes late is one from the middle
//! of a batch. A registration outlives its number where another number keeps the file open: an
//! orphan, which goes on being reported. What was fetched before the close may be dropped.

use std::collections::BTreeMap;

use interlude_core::interest::{EDGE, EXCLUSIVE, ONESHOT};

use crate::files::{ERR, FileId, Files, HUP};
use crate::kernel::{Control, Errno, Key};
use crate::violation::Violation;

/// An arming of a one-shot registration.
#[derive(Debug, Clone, Copy)]
struct Arm {
    since: u64,
    spent: bool,
}

/// A registration as the server made it.
#[derive(Debug, Default)]
pub(crate) struct Registration {
    /// Names it; never used twice.
    pub(crate) serial: u64,
    /// Its latest `data`.
    pub(crate) data: u64,
    /// When its number was closed, if it was.
    pub(crate) closed: Option<u64>,
    mask: u32,
    /// The latest reason to report it, if that is unanswered.
    reason: Option<u64>,
    /// Reasons and armings until then may go unanswered.
    excused: Option<u64>,
    arms: Vec<Arm>,
}

impl Registration {
    /// The flags that it is to be told of.
    pub(crate) fn wanted(&self) -> u32 {
        (self.mask & !(EXCLUSIVE | ONESHOT | EDGE)) | ERR | HUP
    }

    /// Is it edge-triggered?
    fn is_edge(&self) -> bool {
        self.mask & EDGE != 0
    }

    /// May it be reported, for a reason or an arming later than that?
    fn is_due(&self, since: Option<u64>) -> bool {
        let has_reason = !self.is_edge() || self.reason > since;
        let arm = self.arms.last().filter(|arm| !arm.spent);
        let is_armed = self.mask & ONESHOT == 0 || arm.map(|arm| arm.since) > since;
        has_reason && is_armed
    }

    /// An event that was fetched at that time answers it. False if it was answered already.
    fn answer(&mut self, fetched: u64) -> bool {
        if self.reason.is_some_and(|reason| reason <= fetched) {
            self.reason = None;
        }
        let arm = self.arms.iter_mut().rev().find(|arm| arm.since <= fetched);
        arm.is_none_or(|arm| !std::mem::replace(&mut arm.spent, true))
    }

    /// ADD and MOD look at the file, and arm what is one-shot.
    fn look(&mut self, poll: u32, now: u64) {
        if self.mask & ONESHOT != 0 {
            self.arms.push(Arm { since: now, spent: false });
        } else {
            self.arms.clear();
        }
        if poll & self.wanted() != 0 {
            self.reason = Some(now);
        }
    }
}

/// Every registration of one epoll instance.
#[derive(Debug, Default)]
pub(crate) struct Stock {
    by_key: BTreeMap<Key, Registration>,
    /// Orphans that have ended since.
    ended: Vec<(Key, Registration)>,
    serials: u64,
}

impl Stock {
    /// `epoll_ctl`, at this time.
    pub(crate) fn control(
        &mut self,
        files: &Files,
        control: Control,
        now: u64,
    ) -> Result<(), Errno> {
        let fd = control.fd();
        let key = (files.file(fd).ok_or(Errno::BadFd)?, fd);
        control.check(self.by_key.get(&key).map(|r| r.mask))?;
        let is_orphan = self.registration(key).is_some_and(|r| r.closed.is_some());
        match control {
            Control::Delete(_) => drop(self.by_key.remove(&key)),
            // A number came back, and so does its registration.
            Control::Modify(_, mask, data) if is_orphan => {
                self.by_key.remove(&key);
                self.put(files, key, mask, data, now);
            }
            Control::Add(_, mask, data) => self.put(files, key, mask, data, now),
            Control::Modify(_, mask, data) => {
                if let Some(registration) = self.by_key.get_mut(&key) {
                    (registration.mask, registration.data) = (mask, data);
                    registration.look(files.poll(key.0), now);
                }
            }
        }
        Ok(())
    }

    fn put(&mut self, files: &Files, key: Key, mask: u32, data: u64, now: u64) {
        self.serials += 1;
        let made = Registration { serial: self.serials, data, mask, ..Default::default() };
        self.by_key.entry(key).or_insert(made).look(files.poll(key.0), now);
    }

    /// The registration that the kernel knows by this key.
    pub(crate) fn registration(&self, key: Key) -> Option<&Registration> {
        self.by_key.get(&key)
    }

    /// The registration that has this data now, or had it when it ended, and its key.
    pub(crate) fn by_data(&self, data: u64) -> Option<(Key, &Registration)> {
        let ended = self.ended.iter().map(|(key, registration)| (key, registration));
        let mut all = self.by_key.iter().chain(ended);
        all.find(|(_, r)| r.data == data).map(|(key, r)| (*key, r))
    }

    /// Every registration's key.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Key> {
        self.by_key.keys().copied()
    }

    /// Something happened to a file. Returns the registrations that are to be told.
    pub(crate) fn wake(&mut self, file: FileId, key: u32, now: u64) -> Vec<u64> {
        self.by_key
            .iter_mut()
            .filter(|((of, _), r)| *of == file && (key == 0 || key & r.wanted() != 0))
            .map(|(_, registration)| {
                registration.reason = Some(now);
                registration.serial
            })
            .collect()
    }

    /// A number is closed, or is about to mean another file. What was fetched for it until then
    /// (the latest at `fetched`) need not be delivered. Where the number has come back since, as
    /// another one of the same file, its registration has long been an orphan: nothing changes.
    pub(crate) fn closed(&mut self, key: Key, fetched: Option<u64>, now: u64) {
        let registration = self.by_key.get_mut(&key).filter(|r| r.closed.is_none());
        if let Some(registration) = registration {
            registration.closed = Some(now);
            registration.excused = fetched;
        }
    }

    /// What is owed to orphans until now may be dropped.
    pub(crate) fn excuse_orphans(&mut self, now: u64) {
        for registration in self.by_key.values_mut().filter(|r| r.closed.is_some()) {
            registration.excused = Some(now);
        }
    }

    /// A file ended, and with it whatever was registered of it.
    pub(crate) fn file_ended(&mut self, file: FileId) {
        let gone: Vec<Key> = self.keys().filter(|(of, _)| *of == file).collect();
        gone.into_iter().for_each(|key| self.end(key));
    }

    /// A registration ends. What was fetched of an orphan may come yet, as in a batch.
    pub(crate) fn end(&mut self, key: Key) {
        let registration = self.by_key.remove(&key).filter(|r| r.closed.is_some());
        self.ended.extend(registration.map(|registration| (key, registration)));
    }

    /// Takes out the registrations that have outlived their numbers, and returns their keys.
    pub(crate) fn take_orphans(&mut self) -> Vec<Key> {
        let orphans = self.by_key.iter().filter(|(_, r)| r.closed.is_some());
        let orphans: Vec<Key> = orphans.map(|(key, _)| *key).collect();
        orphans.iter().for_each(|key| self.end(*key));
        orphans
    }

    /// The flags that a wait would report now; 0 if it would not be reported.
    pub(crate) fn reports(&self, files: &Files, key: Key) -> u32 {
        let registration = self.registration(key).filter(|r| r.is_due(None));
        registration.map_or(0, |registration| files.poll(key.0) & registration.wanted())
    }

    /// The flags that have to be reported, if nothing has come between.
    pub(crate) fn owes(&self, files: &Files, key: Key) -> u32 {
        let registration = self.registration(key).filter(|r| r.is_due(r.excused));
        registration.map_or(0, |registration| files.poll(key.0) & registration.wanted())
    }

    /// The server got an event that was fetched at that time.
    pub(crate) fn delivered(&mut self, key: Key, fetched: u64) -> Result<(), Violation> {
        match self.by_key.get_mut(&key).map(|registration| registration.answer(fetched)) {
            Some(false) => {
                Err(Violation::Doubled(format!("fd {}: two events of one arming", key.1)))
            }
            _ => Ok(()),
        }
    }
}

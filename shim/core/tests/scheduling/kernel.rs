//! The kernel's side of one epoll instance, after `fs/eventpoll.c`.
//!
//! An item is a pair of file and number; it lives as long as its file does, whatever becomes of
//! the number. Items wait in the ready list until a wait looks at them, and only there are they
//! asked whether they still are ready:
//!
//! ```text
//! wake (key matches), ADD or MOD of a ready file ---> ready list
//! wait:  not ready any more   leaves the list, unreported
//!        edge-triggered       leaves the list
//!        one-shot             leaves the list, and is disarmed until the next MOD
//!        level-triggered      goes to the list's end
//! ```
//!
//! `real.rs` compares this model with the kernel that the tests run on.

use std::collections::{BTreeMap, VecDeque};

use interlude_core::interest::{EDGE, EXCLUSIVE, ONESHOT};

use crate::files::{ERR, FileId, Files, HUP, IN, OUT};

/// `EPOLLWAKEUP`.
const WAKEUP: u32 = 1 << 29;
/// `EP_PRIVATE_BITS`: what is left of a disarmed item's mask.
const PRIVATE: u32 = EXCLUSIVE | WAKEUP | ONESHOT | EDGE;
/// `EPOLLEXCLUSIVE_OK_BITS`.
const EXCLUSIVE_OK: u32 = IN | OUT | ERR | HUP | WAKEUP | EDGE | EXCLUSIVE;

/// What the kernel knows a registration by.
pub(crate) type Key = (FileId, i32);

/// `errno` of a refused `epoll_ctl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Errno {
    /// `EBADF`.
    BadFd,
    /// `EEXIST`.
    Exists,
    /// `ENOENT`.
    NoEntry,
    /// `EINVAL`.
    Invalid,
}

impl Errno {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BadFd => "EBADF",
            Self::Exists => "EEXIST",
            Self::NoEntry => "ENOENT",
            Self::Invalid => "EINVAL",
        }
    }
}

/// An `epoll_ctl` call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    /// `EPOLL_CTL_ADD` of this number, with mask and data.
    Add(i32, u32, u64),
    /// `EPOLL_CTL_MOD`.
    Modify(i32, u32, u64),
    /// `EPOLL_CTL_DEL`.
    Delete(i32),
}

impl Control {
    /// The number that it is about.
    pub(crate) fn fd(self) -> i32 {
        match self {
            Self::Add(fd, ..) | Self::Modify(fd, ..) | Self::Delete(fd) => fd,
        }
    }

    /// `epoll_ctl(2)`, ERRORS, given the mask that is registered already.
    pub(crate) fn check(self, registered: Option<u32>) -> Result<(), Errno> {
        match (self, registered) {
            (Self::Add(_, mask, _), _) if mask & EXCLUSIVE != 0 && mask & !EXCLUSIVE_OK != 0 => {
                Err(Errno::Invalid)
            }
            (Self::Modify(_, mask, _), _) if mask & EXCLUSIVE != 0 => Err(Errno::Invalid),
            (Self::Add(..), Some(_)) => Err(Errno::Exists),
            (Self::Modify(..) | Self::Delete(_), None) => Err(Errno::NoEntry),
            (Self::Modify(..), Some(before)) if before & EXCLUSIVE != 0 => Err(Errno::Invalid),
            _ => Ok(()),
        }
    }
}

/// An event as a wait reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reported {
    /// Whose.
    pub(crate) key: Key,
    /// Its `events`.
    pub(crate) flags: u32,
    /// Its `data`.
    pub(crate) data: u64,
}

#[derive(Debug, Clone, Copy)]
struct Item {
    mask: u32,
    data: u64,
    /// Its place in the file's wait queue: the newest comes first, but exclusive ones come last.
    place: i64,
}

impl Item {
    fn ready(&self, poll: u32) -> u32 {
        poll & self.mask
    }
}

/// One epoll instance.
#[derive(Debug, Default)]
pub(crate) struct Epoll {
    items: BTreeMap<Key, Item>,
    ready: VecDeque<Key>,
    added: i64,
}

impl Epoll {
    /// `epoll_ctl`.
    pub(crate) fn control(&mut self, files: &Files, control: Control) -> Result<(), Errno> {
        let fd = control.fd();
        let file = files.file(fd).ok_or(Errno::BadFd)?;
        let key = (file, fd);
        control.check(self.items.get(&key).map(|item| item.mask))?;
        match control {
            Control::Add(_, mask, data) => {
                self.added += 1;
                let place = if mask & EXCLUSIVE == 0 { -self.added } else { self.added };
                self.put(key, Item { mask: mask | ERR | HUP, data, place }, files);
            }
            Control::Modify(_, mask, data) => {
                let place = self.items.get(&key).map_or(0, |item| item.place);
                self.put(key, Item { mask: mask | ERR | HUP, data, place }, files);
            }
            Control::Delete(_) => self.drop_item(key),
        }
        Ok(())
    }

    /// ADD and MOD look at the file.
    fn put(&mut self, key: Key, item: Item, files: &Files) {
        self.items.insert(key, item);
        if item.ready(files.poll(key.0)) != 0 {
            self.link(key);
        }
    }

    /// `ep_poll_callback`: something happened to a file.
    pub(crate) fn wake(&mut self, file: FileId, key: u32) {
        let told = |((of, _), item): &(&Key, &Item)| {
            *of == file && item.mask & !PRIVATE != 0 && (key == 0 || key & item.mask != 0)
        };
        let told = self.items.iter().filter(told).map(|(key, item)| (item.place, *key));
        let told: BTreeMap<i64, Key> = told.collect();
        told.into_values().for_each(|key| self.link(key));
    }

    /// `epoll_wait` with a timeout of 0.
    pub(crate) fn wait(&mut self, files: &Files, max: usize) -> Vec<Reported> {
        let mut scanned = std::mem::take(&mut self.ready);
        let mut reported = Vec::new();
        while reported.len() < max {
            let Some(key) = scanned.pop_front() else { break };
            let Some(item) = self.items.get_mut(&key) else { continue };
            let flags = item.ready(files.poll(key.0));
            if flags == 0 {
                continue;
            }
            reported.push(Reported { key, flags, data: item.data });
            if item.mask & ONESHOT != 0 {
                item.mask &= PRIVATE;
            } else if item.mask & EDGE == 0 {
                self.ready.push_back(key);
            }
        }
        // What was not looked at comes before what was put back.
        scanned.append(&mut self.ready);
        self.ready = scanned;
        reported
    }

    /// A file's last number was closed.
    pub(crate) fn file_ended(&mut self, file: FileId) {
        let gone: Vec<Key> = self.items.keys().filter(|(of, _)| *of == file).copied().collect();
        gone.into_iter().for_each(|key| self.drop_item(key));
    }

    /// Takes an item out, however it got lost.
    pub(crate) fn forget(&mut self, key: Key) {
        self.drop_item(key);
    }

    fn link(&mut self, key: Key) {
        if !self.ready.contains(&key) {
            self.ready.push_back(key);
        }
    }

    fn drop_item(&mut self, key: Key) {
        self.items.remove(&key);
        self.ready.retain(|linked| *linked != key);
    }
}

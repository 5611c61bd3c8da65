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
//! of a batch. In one thing it differs from the kernel: a registration ends with its number (C7),
//! even where another number keeps the file open.

use std::collections::{BTreeMap, BTreeSet};

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
#[derive(Debug)]
pub(crate) struct Registration {
    /// Names it; never used twice.
    pub(crate) serial: u64,
    /// Its latest `events`.
    pub(crate) mask: u32,
    /// Its latest `data`.
    pub(crate) data: u64,
    file: FileId,
    /// The latest reason to report it, if that is unanswered.
    reason: Option<u64>,
    arms: Vec<Arm>,
}

impl Registration {
    /// Is it reported once for each arming, and not again?
    pub(crate) fn is_oneshot(&self) -> bool {
        self.mask & ONESHOT != 0
    }

    fn wanted(&self) -> u32 {
        (self.mask & !(EXCLUSIVE | ONESHOT | EDGE)) | ERR | HUP
    }
}

/// Every registration of one epoll instance.
#[derive(Debug, Default)]
pub(crate) struct Stock {
    by_fd: BTreeMap<i32, Registration>,
    /// Registrations whose number was closed and whose file was not: the kernel still has them.
    left_behind: BTreeSet<Key>,
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
        let file = files.file(fd).ok_or(Errno::BadFd)?;
        control.check(self.registration(fd).map(|r| r.mask))?;
        match control {
            Control::Delete(_) => {
                self.by_fd.remove(&fd);
            }
            Control::Add(_, mask, data) => {
                self.serials += 1;
                let serial = self.serials;
                let made =
                    Registration { serial, mask, data, file, reason: None, arms: Vec::new() };
                self.by_fd.insert(fd, made);
                self.look(files, fd, now);
            }
            Control::Modify(_, mask, data) => {
                if let Some(registration) = self.by_fd.get_mut(&fd) {
                    (registration.mask, registration.data) = (mask, data);
                }
                self.look(files, fd, now);
            }
        }
        Ok(())
    }

    /// The registration of `fd`.
    pub(crate) fn registration(&self, fd: i32) -> Option<&Registration> {
        self.by_fd.get(&fd)
    }

    /// Every registered number.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = i32> {
        self.by_fd.keys().copied()
    }

    /// Would `epoll_ctl` in the kernel meet a registration of `fd` that has outlived its number?
    pub(crate) fn is_left_behind(&self, files: &Files, fd: i32) -> bool {
        files.file(fd).is_some_and(|file| self.left_behind.contains(&(file, fd)))
    }

    /// Something happened to a file. Returns the registrations that are to be told.
    pub(crate) fn wake(&mut self, file: FileId, key: u32, now: u64) -> Vec<u64> {
        let woken = |r: &&mut Registration| r.file == file && (key == 0 || key & r.wanted() != 0);
        self.by_fd
            .values_mut()
            .filter(woken)
            .map(|registration| {
                registration.reason = Some(now);
                registration.serial
            })
            .collect()
    }

    /// `fd` is closed, or is about to mean another file.
    pub(crate) fn closed(&mut self, fd: i32) {
        if let Some(registration) = self.by_fd.remove(&fd) {
            self.left_behind.insert((registration.file, fd));
        }
    }

    /// A file ended, and with it whatever was registered of it.
    pub(crate) fn file_ended(&mut self, file: FileId) {
        self.left_behind.retain(|(of, _)| *of != file);
    }

    /// The registrations that have outlived their numbers, for somebody to end.
    pub(crate) fn take_left_behind(&mut self) -> BTreeSet<Key> {
        std::mem::take(&mut self.left_behind)
    }

    /// The flags that a wait would report for `fd` now; 0 if it would not be reported.
    pub(crate) fn owes(&self, files: &Files, fd: i32) -> u32 {
        let Some(registration) = self.registration(fd) else { return 0 };
        let has_reason = registration.mask & EDGE == 0 || registration.reason.is_some();
        let is_armed =
            !registration.is_oneshot() || registration.arms.last().is_some_and(|arm| !arm.spent);
        if has_reason && is_armed {
            files.poll(registration.file) & registration.wanted()
        } else {
            0
        }
    }

    /// The server got an event for `fd` that was fetched at that time.
    pub(crate) fn delivered(&mut self, fd: i32, fetched: u64) -> Result<(), Violation> {
        let Some(registration) = self.by_fd.get_mut(&fd) else { return Ok(()) };
        if registration.reason.is_some_and(|reason| reason <= fetched) {
            registration.reason = None;
        }
        let Some(arm) = registration.arms.iter_mut().rev().find(|arm| arm.since <= fetched) else {
            return Ok(());
        };
        if std::mem::replace(&mut arm.spent, true) {
            return Err(Violation::Doubled(format!("fd {fd}: two events of one arming")));
        }
        Ok(())
    }

    /// ADD and MOD look at the file, and arm what is one-shot.
    fn look(&mut self, files: &Files, fd: i32, now: u64) {
        let Some(registration) = self.by_fd.get_mut(&fd) else { return };
        if registration.is_oneshot() {
            registration.arms.push(Arm { since: now, spent: false });
        } else {
            registration.arms.clear();
        }
        if files.poll(registration.file) & registration.wanted() != 0 {
            registration.reason = Some(now);
        }
    }
}

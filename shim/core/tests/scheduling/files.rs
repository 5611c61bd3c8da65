//! Open files and the table of fd numbers: what a server's `read`, `close` and `dup2` act on.
//!
//! A file is a few counters: bytes to be read (or connections to be accepted), room to write, and
//! what the peer did. Several numbers may mean one file; it ends with the last of them.

use std::collections::BTreeMap;

/// `EPOLLIN`.
pub(crate) const IN: u32 = 0x001;
/// `EPOLLOUT`.
pub(crate) const OUT: u32 = 0x004;
/// `EPOLLERR`.
pub(crate) const ERR: u32 = 0x008;
/// `EPOLLHUP`.
pub(crate) const HUP: u32 = 0x010;
/// `EPOLLRDHUP`.
pub(crate) const RDHUP: u32 = 0x2000;

/// The first number that the server gets: 0 to 2 are open already.
const FIRST: i32 = 3;
/// Numbers above this one are refused, as by RLIMIT_NOFILE.
const LAST: i32 = 16;

/// Names an open file; never used twice.
pub(crate) type FileId = usize;

/// What happens to a file from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Bytes, or a connection, arrive.
    Arrive(u32),
    /// The peer took something: there is room to write.
    Room(u32),
    /// The peer writes no more.
    HalfClose,
    /// The peer is gone.
    HangUp,
    /// An error.
    Fail,
}

#[derive(Debug, Default)]
struct File {
    readable: u32,
    room: u32,
    half_closed: bool,
    hung_up: bool,
    failed: bool,
}

/// A number of the table: which file, and since which opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot {
    file: FileId,
    opening: u64,
}

/// The files of a process.
#[derive(Debug, Default)]
pub(crate) struct Files {
    files: Vec<File>,
    table: BTreeMap<i32, Slot>,
    openings: u64,
}

impl Files {
    /// A new file at the lowest free number, or `None` where the table is full.
    pub(crate) fn open(&mut self, room: u32) -> Option<i32> {
        let fd = self.free()?;
        self.open_at(fd, room);
        Some(fd)
    }

    /// A new file at a number that is free.
    pub(crate) fn open_at(&mut self, fd: i32, room: u32) {
        self.files.push(File { room, ..File::default() });
        self.put(fd, self.files.len() - 1);
    }

    /// Another number for the same file: the lowest free one.
    pub(crate) fn dup(&mut self, fd: i32) -> Option<i32> {
        let (file, copy) = (self.file(fd)?, self.free()?);
        self.put(copy, file);
        Some(copy)
    }

    /// Makes `to` mean the file of `from`; returns the file that ended by it.
    pub(crate) fn dup2(&mut self, from: i32, to: i32) -> Option<FileId> {
        let file = self.file(from)?;
        let ended = self.close(to);
        self.put(to, file);
        ended
    }

    /// Frees a number; returns the file that ended by it.
    pub(crate) fn close(&mut self, fd: i32) -> Option<FileId> {
        let slot = self.table.remove(&fd)?;
        self.table.values().all(|other| other.file != slot.file).then_some(slot.file)
    }

    /// The file that `fd` means.
    pub(crate) fn file(&self, fd: i32) -> Option<FileId> {
        self.table.get(&fd).map(|slot| slot.file)
    }

    /// Which opening of the number `fd` this is: another one after `close` and reuse.
    pub(crate) fn opening(&self, fd: i32) -> Option<u64> {
        self.table.get(&fd).map(|slot| slot.opening)
    }

    /// Every open number.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = i32> {
        self.table.keys().copied()
    }

    /// The `index`th open number, counted around.
    pub(crate) fn nth(&self, index: usize) -> Option<i32> {
        self.numbers().nth(index % self.table.len().max(1))
    }

    /// What `poll(2)` says of a file.
    pub(crate) fn poll(&self, file: FileId) -> u32 {
        let Some(file) = self.files.get(file) else { return 0 };
        let when = |condition: bool, flag: u32| if condition { flag } else { 0 };
        when(file.readable > 0 || file.half_closed || file.hung_up, IN)
            | when(file.room > 0 || file.hung_up, OUT)
            | when(file.half_closed || file.hung_up, RDHUP)
            | when(file.hung_up, HUP)
            | when(file.failed, ERR)
    }

    /// Carries a change out. Returns the key of the wake-up that it makes (0: for everybody).
    pub(crate) fn change(&mut self, file: FileId, change: Change) -> Option<u32> {
        let file = self.files.get_mut(file)?;
        match change {
            // Who is gone does nothing any more.
            _ if file.hung_up => return None,
            Change::Arrive(_) | Change::HalfClose if file.half_closed => return None,
            Change::Arrive(count) => file.readable += count,
            Change::Room(count) => file.room += count,
            Change::HalfClose => file.half_closed = true,
            Change::HangUp => file.hung_up = true,
            Change::Fail => file.failed = true,
        }
        Some(match change {
            Change::Arrive(_) => IN,
            Change::Room(_) => OUT,
            // `sk_state_change` and `sk_error_report` wake whoever waits, for whatever.
            Change::HalfClose | Change::HangUp | Change::Fail => 0,
        })
    }

    /// The server reads at most `most` bytes; returns how many.
    pub(crate) fn read(&mut self, fd: i32, most: u32) -> u32 {
        self.take(fd, most, |file| &mut file.readable)
    }

    /// The server writes at most `most` bytes; returns how many.
    pub(crate) fn write(&mut self, fd: i32, most: u32) -> u32 {
        self.take(fd, most, |file| &mut file.room)
    }

    fn take(&mut self, fd: i32, most: u32, of: impl Fn(&mut File) -> &mut u32) -> u32 {
        let Some(file) = self.file(fd).and_then(|file| self.files.get_mut(file)) else { return 0 };
        let count = of(file);
        let taken = most.min(*count);
        *count -= taken;
        taken
    }

    fn free(&self) -> Option<i32> {
        (FIRST..=LAST).find(|fd| !self.table.contains_key(fd))
    }

    fn put(&mut self, fd: i32, file: FileId) {
        self.openings += 1;
        self.table.insert(fd, Slot { file, opening: self.openings });
    }
}

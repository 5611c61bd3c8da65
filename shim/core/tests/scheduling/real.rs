//! The model beside the kernel that the tests run on: the same calls must be answered alike.
//!
//! Files are Unix socket pairs: the server has one end, the world the other, and what one does is
//! there for the other when its call returns, so nothing has to be waited for.

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, OwnedFd};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{TestError, TestRunner};
use rustix::event::{Timespec, epoll};
use rustix::io::Errno as RealErrno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, recv, send, shutdown,
    socketpair,
};

use crate::files::{Change, FileId, Files};
use crate::input;
use crate::kernel::{Control, Epoll, Errno};

/// Room that these tests never fill.
const ROOM: u32 = 1 << 20;
/// Fds that the server has, at most.
const OPEN: usize = 10;
/// Events that a wait asks for, at most.
const MOST: usize = 4;

/// A step of both.
#[derive(Debug, Clone)]
enum Call {
    Add(usize, u32),
    Modify(usize, u32),
    Delete(usize),
    Wait(usize),
    Read(usize, u32),
    Open,
    Dup(usize),
    Dup2(usize, usize),
    Close(usize),
    World(usize, Change),
}

fn call() -> impl Strategy<Value = Call> {
    let fd = || 0usize..8;
    let world = prop_oneof![
        8 => (1u32..3).prop_map(Change::Arrive),
        1 => Just(Change::HalfClose),
        1 => Just(Change::HangUp),
    ];
    prop_oneof![
        6 => (fd(), input::mask()).prop_map(|(fd, mask)| Call::Add(fd, mask)),
        4 => (fd(), input::mask()).prop_map(|(fd, mask)| Call::Modify(fd, mask)),
        1 => fd().prop_map(Call::Delete),
        8 => (1..=MOST).prop_map(Call::Wait),
        4 => (fd(), 1u32..4).prop_map(|(fd, most)| Call::Read(fd, most)),
        1 => Just(Call::Open),
        1 => fd().prop_map(Call::Dup),
        1 => (fd(), fd()).prop_map(|(from, to)| Call::Dup2(from, to)),
        1 => fd().prop_map(Call::Close),
        6 => (fd(), world).prop_map(|(fd, change)| Call::World(fd, change)),
    ]
}

/// The real side: the server's fds by number, the world's ends by the model's files.
struct Real {
    epoll: OwnedFd,
    fds: BTreeMap<i32, OwnedFd>,
    peers: BTreeMap<FileId, OwnedFd>,
}

impl Real {
    fn control(&self, control: Control) -> Result<(), Errno> {
        let Some(fd) = self.fds.get(&control.fd()) else { return Err(Errno::BadFd) };
        let flags = epoll::EventFlags::from_bits_retain;
        let data = epoll::EventData::new_u64;
        let answer = match control {
            Control::Add(_, mask, token) => epoll::add(&self.epoll, fd, data(token), flags(mask)),
            Control::Modify(_, mask, token) => {
                epoll::modify(&self.epoll, fd, data(token), flags(mask))
            }
            Control::Delete(_) => epoll::delete(&self.epoll, fd),
        };
        answer.map_err(|errno| match errno {
            RealErrno::EXIST => Errno::Exists,
            RealErrno::NOENT => Errno::NoEntry,
            RealErrno::INVAL => Errno::Invalid,
            other => panic!("epoll_ctl: {other}"),
        })
    }

    fn wait(&self, max: usize) -> Vec<(u32, u64)> {
        let none =
            epoll::Event { flags: epoll::EventFlags::empty(), data: epoll::EventData::new_u64(0) };
        let mut events = [none; MOST];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let count = epoll::wait(&self.epoll, &mut events[..max], Some(&now)).unwrap();
        let parts = |event: &epoll::Event| {
            // The struct is packed: its fields have no addresses to take.
            let (flags, data) = (event.flags, event.data);
            (flags.bits(), data.u64())
        };
        events[..count].iter().map(parts).collect()
    }

    fn change(&mut self, file: FileId, change: Change) {
        let Some(peer) = self.peers.get(&file) else { return };
        match change {
            Change::Arrive(count) => {
                // The peer may have closed its side: then the model has nothing arrive either.
                let _ = send(peer, &vec![0; count as usize], SendFlags::NOSIGNAL);
            }
            Change::HalfClose => shutdown(peer, Shutdown::Write).unwrap(),
            Change::HangUp => drop(self.peers.remove(&file)),
            Change::Room(_) | Change::Fail => unreachable!("not made up here"),
        }
    }
}

/// Both, side by side.
struct Both {
    files: Files,
    model: Epoll,
    real: Real,
    data: u64,
}

impl Both {
    fn new() -> Self {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
        let real = Real { epoll, fds: BTreeMap::new(), peers: BTreeMap::new() };
        Self { files: Files::default(), model: Epoll::default(), real, data: 0 }
    }

    fn play(&mut self, call: &Call) {
        let fd = |index: usize| self.files.nth(index);
        match call {
            Call::Open => self.open(),
            Call::Add(at, mask) => {
                let data = self.data;
                self.control(fd(*at).map(|fd| Control::Add(fd, *mask, data)));
            }
            Call::Modify(at, mask) => {
                let data = self.data;
                self.control(fd(*at).map(|fd| Control::Modify(fd, *mask, data)));
            }
            Call::Delete(at) => self.control(fd(*at).map(Control::Delete)),
            Call::Wait(max) => self.wait(*max),
            Call::Read(at, most) => self.read(fd(*at), *most),
            Call::Dup(at) => self.dup(fd(*at)),
            Call::Dup2(from, to) => self.dup2(fd(*from), fd(*to)),
            Call::Close(at) => self.close(fd(*at)),
            Call::World(at, change) => self.change(fd(*at), *change),
        }
    }

    fn open(&mut self) {
        if self.real.fds.len() == OPEN {
            return;
        }
        let (family, kind) = (AddressFamily::UNIX, SocketType::STREAM);
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (mine, peer) = socketpair(family, kind, flags, None).unwrap();
        let fd = self.own(mine);
        self.files.open_at(fd, ROOM);
        self.real.peers.extend(self.files.file(fd).map(|file| (file, peer)));
    }

    /// The numbers are the kernel's: a registration is known by its number, too.
    fn own(&mut self, fd: OwnedFd) -> i32 {
        let number = fd.as_raw_fd();
        self.real.fds.insert(number, fd);
        number
    }

    fn control(&mut self, control: Option<Control>) {
        let Some(control) = control else { return };
        self.data += 1;
        let real = self.real.control(control);
        assert_eq!(self.model.control(&self.files, control), real, "{control:?}");
    }

    fn wait(&mut self, max: usize) {
        let model = self.model.wait(&self.files, max);
        let model: Vec<_> = model.iter().map(|reported| (reported.flags, reported.data)).collect();
        assert_eq!(model, self.real.wait(max));
    }

    fn read(&mut self, fd: Option<i32>, most: u32) {
        let Some(fd) = fd else { return };
        let model = self.files.read(fd, most) as usize;
        let mut buffer = vec![0; most as usize];
        let real = recv(&self.real.fds[&fd], buffer.as_mut_slice(), RecvFlags::empty());
        // Nothing there is an error while the peer is, and the end of it once it is gone.
        assert_eq!(model, real.map_or(0, |(count, _)| count));
    }

    fn dup(&mut self, fd: Option<i32>) {
        let Some(from) = fd.filter(|_| self.real.fds.len() < OPEN) else { return };
        let to = self.own(self.real.fds[&from].try_clone().unwrap());
        self.files.dup2(from, to);
    }

    fn dup2(&mut self, from: Option<i32>, to: Option<i32>) {
        let (Some(from), Some(to)) = (from, to) else { return };
        if from == to {
            return;
        }
        if let Some(mut target) = self.real.fds.remove(&to) {
            rustix::io::dup2(&self.real.fds[&from], &mut target).unwrap();
            self.own(target);
        }
        let ended = self.files.dup2(from, to);
        self.ended(ended);
    }

    fn close(&mut self, fd: Option<i32>) {
        let Some(fd) = fd else { return };
        let ended = self.files.close(fd);
        self.real.fds.remove(&fd);
        self.ended(ended);
    }

    fn ended(&mut self, file: Option<FileId>) {
        if let Some(file) = file {
            self.model.file_ended(file);
            self.real.peers.remove(&file);
        }
    }

    fn change(&mut self, fd: Option<i32>, change: Change) {
        let Some(file) = fd.and_then(|fd| self.files.file(fd)) else { return };
        // The kernel wakes for every call, even one that changes nothing; the model's world does
        // not hang up twice.
        let Some(key) = self.files.change(file, change) else { return };
        self.model.wake(file, key);
        self.real.change(file, change);
    }
}

#[test]
fn the_kernel_answers_like_the_model() {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let result = TestRunner::new(config).run(&vec(call(), 0..120), |calls| {
        let mut both = Both::new();
        (0..4).for_each(|_| both.open());
        calls.iter().for_each(|call| both.play(call));
        both.wait(MOST);
        Ok(())
    });
    if let Err(TestError::Fail(reason, calls)) = result {
        panic!("{reason}\n{calls:?}");
    }
}

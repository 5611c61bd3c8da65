//! What DPDK's EAL leaves of the process that it is started in. One test: it is started once in a process,
//! and this is where it is started.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::Read;
use std::mem::MaybeUninit;
use std::os::fd::FromRawFd;
use std::ptr;

use interlude_plugin::{Library, Queue, Unusable};

/// Queues of one device (`c/eal.c`).
const LANES: usize = 16;

/// What a server would miss.
#[derive(Debug, PartialEq)]
struct Mine {
    cpus: Vec<usize>,
    actions: Vec<usize>,
    blocked: Vec<i32>,
    locale: CString,
}

fn mine() -> Mine {
    // SAFETY: plain bits.
    let mut set: libc::cpu_set_t = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: a set of that size.
    let error = unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) };
    assert_eq!(error, 0);
    // SAFETY: within the set.
    let is_in = |cpu: &usize| unsafe { libc::CPU_ISSET(*cpu, &set) };
    let cpus = (0..libc::CPU_SETSIZE as usize).filter(is_in).collect();
    let action = |signal| {
        // SAFETY: plain values.
        let mut old: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
        // SAFETY: only asks.
        unsafe { libc::sigaction(signal, ptr::null(), &raw mut old) };
        old.sa_sigaction
    };
    // SAFETY: plain bits.
    let mut mask: libc::sigset_t = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: only asks.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), &raw mut mask) };
    // SAFETY: a set, and signals that there are.
    let is_blocked = |signal: &i32| unsafe { libc::sigismember(&raw const mask, *signal) == 1 };
    // SAFETY: only asks.
    let locale = unsafe { libc::setlocale(libc::LC_ALL, ptr::null()) };
    Mine {
        cpus,
        actions: (1..32).map(action).collect(),
        blocked: (1..32).filter(is_blocked).collect(),
        // SAFETY: a terminated text.
        locale: unsafe { CStr::from_ptr(locale) }.to_owned(),
    }
}

/// The error of an `open` in a child process, and what it has written to its output and to stderr.
fn in_a_child(library: &Library, arguments: &str) -> (i32, String) {
    let mut ends = [0; 2];
    // SAFETY: room for two.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    // SAFETY: the child only opens, and ends; malloc is made for that.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: descriptors of its own.
        unsafe { libc::dup2(ends[1], 1) };
        // SAFETY: as above.
        unsafe { libc::dup2(ends[1], 2) };
        let error = match Queue::open(library, arguments) {
            Err(Unusable::NotOpened(_, error)) => error,
            _ => 0,
        };
        // SAFETY: ends it, without what is registered for the end.
        unsafe { libc::_exit(error) };
    }
    // SAFETY: the parent's copy, which nothing else has.
    unsafe { libc::close(ends[1]) };
    let mut said = String::new();
    // SAFETY: as above.
    unsafe { File::from_raw_fd(ends[0]) }.read_to_string(&mut said).unwrap();
    let mut status = 0;
    // SAFETY: the child from above.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    (libc::WEXITSTATUS(status), said)
}

#[test]
fn the_process_stays_the_servers() {
    let Some(path) = interlude_dpdk::plugin_or_skip() else { return };
    let library = Library::load(path).unwrap();
    let version = library.version();
    assert!(library.name() == "dpdk" && version.starts_with("DPDK 22.11"), "{version}");

    for wrong in ["vdev=crypto_null", "vdev=", "vdev=compress_isa", "level=3", "x"] {
        let (error, said) = in_a_child(&library, wrong);
        assert_eq!(error, libc::EINVAL, "{wrong}");
        assert!(said.ends_with(&format!(": {wrong}\n")) && said.lines().count() == 1, "{said}");
    }
    let (error, said) = in_a_child(&library, "eal=--help");
    assert!(error == libc::EINVAL && said.ends_with(": --help\n"), "{said}");

    // The EAL would show how it is used, and complain in its own words.
    let (error, said) = in_a_child(&library, "eal=--no-such-argument");
    assert!(error == libc::ENODEV && said.lines().count() == 1, "{said}");
    assert!(said.contains("EAL does not start"), "{said}");

    let before = mine();
    // By this the EAL would keep the caller on one processor.
    let pinned = format!("eal=--lcores 0@{}", before.cpus[0]);
    let first = Queue::open(&library, &pinned).unwrap();
    assert_eq!(mine(), before);

    let (error, said) = in_a_child(&library, &pinned);
    assert_eq!(error, libc::ENOTSUP);
    assert!(said.contains("was forked from") && said.lines().count() == 1, "{said}");
    let other = Queue::open(&library, "eal=-m 32").err();
    assert_eq!(other, Some(Unusable::NotOpened(path.to_owned(), libc::EBUSY)));

    let mut queues: Vec<_> = (1..LANES).map(|_| Queue::open(&library, &pinned).unwrap()).collect();
    let full = Queue::open(&library, &pinned).err();
    assert_eq!(full, Some(Unusable::NotOpened(path.to_owned(), libc::EMFILE)));
    // What is closed is free again, and so is the other device.
    drop(first);
    queues.push(Queue::open(&library, &pinned).unwrap());
    queues.push(Queue::open(&library, &format!("vdev=compress_zlib {pinned}")).unwrap());
    assert_eq!(mine(), before);
}

//! Reads the statistics page of a running process: what a test asserts and `interlude stats` shows.
//!
//! The page is found by its name in `/proc/PID/maps` and read through `/proc/PID/mem`
//! (proc(5)), so the process needs to do nothing for it and is not stopped.
//!
//! Must not: write to the process, or know any counter's name.

use interlude_core::page::{BYTES, NAME, Snapshot};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;

/// Why no statistics could be read. `Display` is one line.
#[derive(Debug)]
pub enum StatsError {
    /// There is no process of that number.
    NoProcess(u32),
    /// The process lives without a statistics page of its own: the shim is not in it.
    NoPage(u32),
    /// The process has a page, but it is not of a version that this build reads.
    Foreign(u32),
    /// The kernel did not let us read the process (ptrace(2), "access mode checking").
    Refused(u32, io::Error),
}

impl fmt::Display for StatsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProcess(pid) => write!(f, "{pid}: no such process"),
            Self::NoPage(pid) => write!(f, "{pid}: libinterlude.so is not active in this process"),
            Self::Foreign(pid) => {
                write!(f, "{pid}: its statistics page was written by another version of Interlude")
            }
            Self::Refused(pid, why) => write!(f, "{pid}: cannot read its memory: {why}"),
        }
    }
}

impl std::error::Error for StatsError {}

/// Reads the statistics of process `pid` as they are now.
///
/// A child that forked and has not made a page of its own yet still maps its parent's; that one is
/// not taken for the child's.
///
/// # Errors
/// See [`StatsError`].
pub fn read(pid: u32) -> Result<Snapshot, StatsError> {
    let refused = |error: io::Error| match error.kind() {
        ErrorKind::NotFound => StatsError::NoProcess(pid),
        _ if error.raw_os_error() == Some(libc::ESRCH) => StatsError::NoProcess(pid),
        _ => StatsError::Refused(pid, error),
    };
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).map_err(refused)?;
    let starts = mappings(&maps);
    if starts.is_empty() {
        return Err(StatsError::NoPage(pid));
    }
    let own = own_pid(&fs::read_to_string(format!("/proc/{pid}/status")).map_err(refused)?);
    let memory = File::open(format!("/proc/{pid}/mem")).map_err(refused)?;
    let mut page = vec![0; BYTES];
    let mut foreign = false;
    for start in starts {
        memory.read_exact_at(&mut page, start).map_err(refused)?;
        match Snapshot::parse(&page) {
            Some(snapshot) if Some(snapshot.pid) == own => return Ok(snapshot),
            Some(_) => {}
            None => foreign = true,
        }
    }
    Err(if foreign { StatsError::Foreign(pid) } else { StatsError::NoPage(pid) })
}

/// Start addresses of the mappings that are named as a statistics page is.
fn mappings(maps: &str) -> Vec<u64> {
    let name = format!("/memfd:{NAME}");
    maps.lines()
        .filter(|line| {
            line.split_once(&name).is_some_and(|(_, end)| matches!(end, "" | " (deleted)"))
        })
        .filter_map(|line| u64::from_str_radix(line.split_once('-')?.0, 16).ok())
        .collect()
}

/// The process's number as it sees it itself: in a container the page carries that one.
fn own_pid(status: &str) -> Option<u32> {
    let line = status.lines().find(|line| line.starts_with("NSpid:"))?;
    line.split_whitespace().last()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_page_is_found_by_its_whole_name_only() {
        let maps = "\
7f10-7f20 rw-s 00000000 00:01 7 /memfd:interlude-stats (deleted)
7f30-7f40 rw-s 00000000 00:01 8 /memfd:interlude-stats-old (deleted)
7f50-7f60 rw-p 00000000 00:00 0
";
        assert_eq!(mappings(maps), [0x7f10]);
    }

    #[test]
    fn the_innermost_pid_is_the_one_on_the_page() {
        assert_eq!(own_pid("Name:\tx\nNSpid:\t4711\t12\n"), Some(12));
    }

    #[test]
    fn a_process_without_the_shim_has_no_page() {
        let mut other = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let answer = read(other.id());
        drop(other.stdin.take());
        other.wait().unwrap();
        assert!(matches!(answer, Err(StatsError::NoPage(_))), "{answer:?}");
    }

    #[test]
    fn a_process_that_is_not_there_is_named() {
        let error = read(u32::MAX).unwrap_err();
        assert_eq!(error.to_string(), format!("{}: no such process", u32::MAX));
    }

    #[test]
    fn a_page_is_read_from_a_living_process() {
        let page = TestPage::map();
        let snapshot = read(std::process::id()).unwrap();
        assert_eq!(snapshot.counter("event.delivered"), 5);
        drop(page);
    }

    /// A page of one counter, mapped into this process as the shim would.
    struct TestPage(*mut libc::c_void);

    impl TestPage {
        fn map() -> Self {
            let text = "#mode=off\nevent.delivered\n";
            let layout = interlude_core::page::Layout::new(text.len(), 1).unwrap();
            let mut bytes = vec![0; BYTES];
            for (i, word) in layout.header(std::process::id()).iter().enumerate() {
                bytes[i * 8..i * 8 + 8].copy_from_slice(&word.to_le_bytes());
            }
            bytes[layout.text_offset..][..text.len()].copy_from_slice(text.as_bytes());
            bytes[layout.counters_offset] = 5;
            Self(map_memfd(&bytes))
        }
    }

    impl Drop for TestPage {
        fn drop(&mut self) {
            // SAFETY: the mapping is ours, of this length, and nobody else has its address.
            unsafe { libc::munmap(self.0, BYTES) };
        }
    }

    fn map_memfd(bytes: &[u8]) -> *mut libc::c_void {
        use std::os::fd::{AsRawFd, FromRawFd};
        let name = std::ffi::CString::new(NAME).unwrap();
        // SAFETY: the name is a C string that lives over the call.
        let fd = unsafe { libc::memfd_create(name.as_ptr(), 0) };
        assert!(fd >= 0);
        // SAFETY: `fd` is new and owned by nobody yet.
        let file = unsafe { File::from_raw_fd(fd) };
        file.write_all_at(bytes, 0).unwrap();
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let none = std::ptr::null_mut();
        // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing.
        let at =
            unsafe { libc::mmap(none, BYTES, protection, libc::MAP_SHARED, file.as_raw_fd(), 0) };
        assert_ne!(at, libc::MAP_FAILED);
        at
    }
}

//! What processes use: CPU time, memory, file descriptors, from proc(5).

use std::fs;
use std::io;
use std::time::Duration;

/// One process, as `/proc/PID/stat` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Its number.
    pub pid: u32,
    /// Its parent.
    pub parent: u32,
    /// Its process group.
    pub group: u32,
    /// Whether it has ended and only waits to be reaped.
    pub zombie: bool,
    /// Whether it sleeps, and does not only wait for a CPU.
    pub asleep: bool,
    /// CPU time of all its threads, user and system, those that ended included.
    pub cpu: Duration,
    /// CPU time of its children that have ended and been waited for.
    pub cpu_of_children: Duration,
}

impl Status {
    /// The process `pid`, or `None` where there is none.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }
}

/// Every living process of a process group, lowest number first.
#[must_use]
pub fn group(group: u32) -> Vec<Status> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let mut members: Vec<Status> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(Status::of)
        .filter(|status| status.group == group && !status.zombie)
        .collect();
    members.sort_by_key(|status| status.pid);
    members
}

/// Does every thread of process `pid` sleep? False where there is no such process.
#[must_use]
pub fn is_asleep(pid: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return false };
    threads.flatten().all(|thread| {
        let line = fs::read_to_string(thread.path().join("stat")).ok();
        line.and_then(|line| parse(&line)).is_some_and(|status| status.asleep)
    })
}

/// CPU time of all threads of process `pid`, user and system, those that ended included, to the
/// nanosecond: what [`Status::cpu`] rounds to ticks of 10 ms. `None` where there is no such process.
#[must_use]
pub fn cpu_time(pid: u32) -> Option<Duration> {
    let mut clock = libc::CLOCK_PROCESS_CPUTIME_ID;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let pid = libc::pid_t::try_from(pid).ok()?;
    // SAFETY: writes to the one value that it is given.
    let known = unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) } == 0;
    // SAFETY: as above.
    let read = known && unsafe { libc::clock_gettime(clock, &raw mut time) } == 0;
    let (seconds, nanos) = (u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?);
    read.then(|| Duration::new(seconds, nanos))
}

/// Resident memory of process `pid`, in bytes: its own pages and those of files (`VmRSS` less
/// `RssShmem`). Shared memory is left out, as it fills up to a size that is set beforehand: nginx's
/// TLS session cache would look like a leak of 110 bytes a handshake.
///
/// # Errors
/// When it cannot be read.
pub fn resident_bytes(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    match (kib("VmRSS:"), kib("RssShmem:")) {
        (Some(all), Some(shared)) => Ok(all.saturating_sub(shared) * 1024),
        _ => Err(io::Error::other(format!("/proc/{pid}/status does not tell of memory"))),
    }
}

/// How many file descriptors process `pid` has open.
///
/// # Errors
/// When they cannot be listed.
pub fn open_fds(pid: u32) -> io::Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

/// How many TCP connections have one of `ports` as their server's end, and hold something of it:
/// neither listening, nor waiting for its time only (`TIME_WAIT`), nor unaccepted.
///
/// # Errors
/// When they cannot be listed.
pub fn connections(ports: &[u16]) -> io::Result<usize> {
    let table = fs::read_to_string("/proc/net/tcp")?;
    Ok(table.lines().filter(|line| is_connection(line, ports)).count())
}

/// A line of `/proc/net/tcp`: number, local address, remote address, state, ... (proc(5)).
fn is_connection(line: &str, ports: &[u16]) -> bool {
    const TIME_WAIT: &str = "06";
    const LISTEN: &str = "0A";
    let mut fields = line.split_whitespace().skip(1);
    let local = fields.next().and_then(|address| address.split_once(':'));
    let port = local.and_then(|(_, port)| u16::from_str_radix(port, 16).ok());
    let state = fields.nth(1);
    // A socket that no process has any more belongs to inode 0.
    let inode = fields.nth(5);
    port.is_some_and(|port| ports.contains(&port))
        && ![Some(TIME_WAIT), Some(LISTEN)].contains(&state)
        && inode != Some("0")
}

/// A line of `/proc/PID/stat`. The name, second field, may hold blanks and parentheses: the fields
/// are counted from the last one that closes.
fn parse(line: &str) -> Option<Status> {
    let pid = line.split_once(' ')?.0.parse().ok()?;
    let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    let time = |first: usize| Some(ticks(number(first)? + number(first + 1)?));
    let state = *fields.first()?;
    Some(Status {
        pid,
        zombie: matches!(state, "Z" | "X"),
        asleep: state == "S",
        parent: u32::try_from(number(1)?).ok()?,
        group: u32::try_from(number(2)?).ok()?,
        cpu: time(11)?,
        cpu_of_children: time(13)?,
    })
}

fn ticks(count: u64) -> Duration {
    // SAFETY: sysconf reads a constant of the system and touches no memory of ours.
    let a_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    Duration::from_secs_f64(count as f64 / a_second.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let line = "41 (a) b) c) S 7 40 40 0 -1 0 1 2 3 4 150 50 30 20 20 0 1 0";
        let status = parse(line).unwrap();
        assert_eq!((status.pid, status.parent, status.group), (41, 7, 40));
        assert_eq!(status.cpu, ticks(200));
        assert_eq!(status.cpu_of_children, ticks(50));
        assert!(!status.zombie && status.asleep);
    }

    #[test]
    fn only_connections_of_the_port_count() {
        let line = |state: &str, inode: &str| {
            format!(
                "  0: 0100007F:1F90 0100007F:C350 {state} 00000000:00000000 00:00000000 00000000 \
                 0 0 {inode} 1 0 20 4 30 10 -1"
            )
        };
        assert!(is_connection(&line("01", "77"), &[8080]));
        assert!(!is_connection(&line("01", "77"), &[8081]));
        for (state, inode) in [("06", "0"), ("0A", "77"), ("04", "0")] {
            assert!(!is_connection(&line(state, inode), &[8080]), "{state} {inode}");
        }
    }

    #[test]
    fn this_process_uses_memory_and_fds() {
        let pid = std::process::id();
        assert!(resident_bytes(pid).unwrap() > 100_000);
        assert!(open_fds(pid).unwrap() >= 3);
        let own = Status::of(pid).unwrap();
        assert!(group(own.group).iter().any(|status| status.pid == pid));
    }

    #[test]
    fn cpu_time_goes_on_with_what_is_done() {
        let pid = std::process::id();
        let before = cpu_time(pid).unwrap();
        while cpu_time(pid).unwrap() == before {
            std::hint::black_box(before);
        }
        // Above the highest number that Linux gives.
        assert_eq!(cpu_time(1 << 23), None);
    }
}

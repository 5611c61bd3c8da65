//! One started program with its process group, which never outlives this process.
//!
//! Three things see to that: dropping it stops the group; the kernel sends the program SIGTERM
//! when the thread that started it ends (PR_SET_PDEATHSIG, prctl(2)); and a *leash*, a small shell
//! that waits on a pipe of ours, kills the whole group when that pipe closes, however this process
//! ended. The second alone would leave a server's workers, which do not inherit it.

use crate::usage::{self, Status};
use crate::{HarnessError, wait};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// What the leash runs; `$1` is the process group.
const LEASH: &str = "read -r _; kill -TERM -- \"-$1\"; sleep 2; kill -KILL -- \"-$1\"";
/// How long a program may take to end when asked to, before it is killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// A running program and whatever it forked.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    /// Goes last: let go, it would kill a group that is no longer ours.
    _leash: Leash,
}

/// Kills a process group when this process ends, however it does. Dropped, it lets go.
#[derive(Debug)]
pub struct Leash(Child);

impl Leash {
    /// On the process group `group`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn on(group: u32) -> io::Result<Self> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", LEASH, "leash", &group.to_string()]).env_remove("LD_PRELOAD");
        command.process_group(0).stdin(Stdio::piped()).stderr(Stdio::null());
        command.spawn().map(Self)
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        // By force: the end of its pipe would have it act.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    /// Starts `command` in a process group of its own, on the CPUs `cpus` (empty: on all).
    ///
    /// It gets SIGTERM when the calling *thread* ends, so start it on one that stays.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(mut command: Command, cpus: &[usize]) -> Result<Self, HarnessError> {
        let name = command.get_program().to_string_lossy().into_owned();
        let failed = |e: io::Error| HarnessError::new(format!("starting {name}"), e);
        command.process_group(0).stdin(Stdio::null());
        tie(&mut command, cpus, libc::SIGTERM).map_err(failed)?;
        let child = command.spawn().map_err(failed)?;
        match Leash::on(child.id()) {
            Ok(leash) => Ok(Self { name, child, _leash: leash }),
            Err(error) => {
                send(-group_of(&child), libc::SIGKILL);
                Err(failed(error))
            }
        }
    }

    /// Its number; that of its group, too.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Every living process of its group.
    #[must_use]
    pub fn group(&self) -> Vec<Status> {
        usage::group(self.pid())
    }

    /// How it ended, or `None` while it runs.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>, HarnessError> {
        self.child.try_wait().map_err(|e| HarnessError::new(&self.name, e))
    }

    /// How it ended, in words, where it did so by itself: nobody has waited for it yet, nor does
    /// this.
    #[must_use]
    pub fn ended(&self) -> Option<String> {
        let id = WaitId::Pid(Pid::from_raw(group_of(&self.child))?);
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let status = waitid(id, look).ok()??;
        Some(match status.terminating_signal() {
            Some(signal) => format!("{} was killed by signal {signal}", self.name),
            None => format!("{} exited with {}", self.name, status.exit_status().unwrap_or(0)),
        })
    }

    /// Sends `signal` to the program alone.
    pub fn signal(&self, signal: i32) {
        // Not reaped yet, as `self.child` is waited for through `self` only: the number is its own.
        send(group_of(&self.child), signal);
    }

    /// Waits for the whole group to end, at most `limit`.
    ///
    /// # Errors
    /// When something of it still runs then.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus, HarnessError> {
        let mut status = None;
        let ended = wait::until(limit, || {
            status = self.try_wait().unwrap_or_default();
            status.is_some() && self.group().is_empty()
        });
        status.filter(|_| ended).ok_or_else(|| {
            HarnessError::new(&self.name, format!("still running after {} s", limit.as_secs()))
        })
    }

    /// Ends the group: asks, then kills. Returns when nothing of it runs any more.
    pub fn stop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(libc::SIGTERM);
        }
        if self.wait(PATIENCE).is_err() {
            // A group that has a member left keeps its number.
            send(-group_of(&self.child), libc::SIGKILL);
            let _ = self.wait(PATIENCE);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Lets a program that is to be started get `signal` when the thread that starts it ends, and run
/// on the CPUs `cpus` only (empty: on all).
pub(crate) fn tie(command: &mut Command, cpus: &[usize], signal: i32) -> io::Result<()> {
    let cpus = cpu_set(cpus)?;
    let parent = std::process::id();
    // SAFETY: the closure makes system calls only; it neither allocates nor takes a lock.
    unsafe { command.pre_exec(move || prepare(cpus.as_ref(), parent, signal)) };
    Ok(())
}

fn group_of(child: &Child) -> i32 {
    // Linux numbers processes below 2^22.
    child.id().cast_signed()
}

pub(crate) fn send(target: i32, signal: i32) {
    // SAFETY: kill(2) touches no memory.
    unsafe { libc::kill(target, signal) };
}

fn cpu_set(cpus: &[usize]) -> io::Result<Option<libc::cpu_set_t>> {
    if cpus.is_empty() {
        return Ok(None);
    }
    // SAFETY: a set of CPUs is plain bits; all zero is the empty one.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    for &cpu in cpus {
        if cpu >= libc::CPU_SETSIZE as usize {
            return Err(io::Error::other(format!("CPU {cpu} does not exist")));
        }
        // SAFETY: the index was checked against the set's size.
        unsafe { libc::CPU_SET(cpu, &mut set) };
    }
    Ok(Some(set))
}

/// Runs in the child before it becomes the program.
fn prepare(cpus: Option<&libc::cpu_set_t>, parent: u32, signal: i32) -> io::Result<()> {
    // SAFETY: prctl with this option takes numbers only.
    if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: getppid has no argument and cannot fail.
    if unsafe { libc::getppid() }.cast_unsigned() != parent {
        // The parent ended before the call above, which therefore will never act.
        return Err(io::Error::from_raw_os_error(libc::ESRCH));
    }
    if let Some(set) = cpus {
        // SAFETY: the pointer and the size are those of one whole set.
        if unsafe { libc::sched_setaffinity(0, size_of_val(set), set) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn dropping_ends_the_children_too() {
        let process = Process::start(shell("sleep 1000 & sleep 1000"), &[]).unwrap();
        assert!(wait::until(PATIENCE, || process.group().len() == 3));
        let pid = process.pid();
        drop(process);
        assert!(usage::group(pid).is_empty());
    }

    #[test]
    fn one_that_ignores_the_request_is_killed() {
        let mut process = Process::start(shell("trap '' TERM; sleep 1000"), &[]).unwrap();
        process.stop();
        assert!(process.group().is_empty());
    }

    #[test]
    fn one_that_ended_by_itself_says_how() {
        for (script, told) in [("kill -SEGV $$", "signal 11"), ("exit 3", "exited with 3")] {
            let process = Process::start(shell(script), &[]).unwrap();
            assert!(wait::until(PATIENCE, || process.ended().is_some()));
            let ended = process.ended().unwrap();
            assert!(ended.contains(told), "{ended}");
        }
    }

    #[test]
    fn it_runs_on_the_cpus_given() {
        let out = tempfile::NamedTempFile::new().unwrap();
        let mut command = Command::new("grep");
        command.args(["Cpus_allowed_list", "/proc/self/status"]);
        command.stdout(out.reopen().unwrap());
        let mut process = Process::start(command, &[0]).unwrap();
        assert!(process.wait(PATIENCE).unwrap().success());
        let text = std::fs::read_to_string(out.path()).unwrap();
        assert_eq!(text.split_whitespace().last(), Some("0"));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = Process::start(Command::new("no-such-program"), &[]).unwrap_err();
        assert!(error.to_string().contains("no-such-program"), "{error}");
    }
}

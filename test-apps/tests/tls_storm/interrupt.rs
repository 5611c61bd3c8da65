//! An interrupted run prints what it has.

use crate::storm::{Run, storm};
use rustix::process::{Pid, Signal, kill_process};
use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;

#[test]
fn a_run_that_is_interrupted_reports_so_far() {
    for signal in [Signal::INT, Signal::TERM] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        // The time limit bounds the test should the signal be lost.
        let mut command = storm(&address).with(&["--seconds", "30"]).into_command();
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Once it connects, its handlers stand.
        drop(listener.accept().unwrap());
        kill_process(Pid::from_child(&child), signal).unwrap();
        let run = Run::of(child.wait_with_output().unwrap());
        assert!(run.is_interrupted(), "{run}");
        assert!(run.number("elapsed_s") < 30.0, "{run}");
    }
}

//! A whole run: the server starts, things happen, and at the end everything comes to rest.

use interlude_core::claims::Rules;
use proptest::test_runner::{Config, FileFailurePersistence, TestCaseError, TestError, TestRunner};

use crate::files::Change;
use crate::hooks::{LISTENER, ROOM, Stop};
use crate::input::{Case, Happening, case};
use crate::kernel::Control;
use crate::ledger::Seen;
use crate::machine::{Machine, Setting, Turn};
use crate::server::Tape;
use crate::violation::Violation;

/// Turns within which a server that only finishes its work comes to rest.
const LAST_TURNS: usize = 2000;

/// Plays a case to its end, and says what was seen.
pub(crate) fn play(case: &Case, rules: Rules, orderly: bool) -> Result<Seen, Violation> {
    let setting = Setting { rules, orderly, max: case.max };
    let mut machine = Machine::new(setting, Tape::new(case.scripts.clone()));
    start(&mut machine, case)?;
    for happening in &case.happenings {
        match happening {
            Happening::Turn { timer } => {
                machine.turn(*timer)?;
            }
            Happening::Complete(index) => machine.complete((*index).into()),
            Happening::World(index, change) => machine.change(*index, *change),
        }
    }
    settle(&mut machine)?;
    Ok(machine.ledger.seen)
}

/// The server listens, and has connections.
fn start(machine: &mut Machine, case: &Case) -> Result<(), Violation> {
    let listener = machine.files.open(0);
    debug_assert_eq!(listener, Some(LISTENER));
    register(machine, LISTENER, case.listener)?;
    for mask in &case.connections {
        let Some(fd) = machine.files.open(ROOM) else { break };
        machine.habits.accepted(interlude_core::Fd(LISTENER), interlude_core::Fd(fd));
        register(machine, fd, *mask)?;
    }
    // A file that all of them use, a log for instance.
    machine.files.open(ROOM);
    machine.change(0, Change::Arrive(1));
    Ok(())
}

fn register(machine: &mut Machine, fd: i32, mask: u32) -> Result<(), Violation> {
    let data = machine.tick();
    match machine.control(Some(Control::Add(fd, mask, data))) {
        Err(Stop::Wrong(violation)) => Err(violation),
        _ => Ok(()),
    }
}

/// Every job is done, every event is dealt with: all parks end, and nothing is left over.
fn settle(machine: &mut Machine) -> Result<(), Violation> {
    machine.polite = true;
    machine.forget_left_behind();
    for turn in 0..LAST_TURNS {
        let state = machine.turn(false)?;
        if state == Turn::Slept && machine.parked.is_empty() {
            return Ok(());
        }
        if state == Turn::Slept || turn % 3 == 0 {
            machine.complete(turn);
        }
    }
    let parked: Vec<_> = machine.parked.keys().map(|id| id.0).collect();
    Err(Violation::Endless(format!("after {LAST_TURNS} turns these are parked: {parked:?}")))
}

/// A runner for that many cases; those that failed once are kept in a file and come first.
pub(crate) fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config {
        cases: Config::default().cases.max(cases),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            "proptest-regressions/scheduling.txt",
        ))),
        ..Config::default()
    })
}

/// Plays that many cases; the first that fails, made small, is the error.
pub(crate) fn play_all(
    runner: &mut TestRunner,
    rules: Rules,
    orderly: bool,
) -> Result<(), TestError<Case>> {
    runner.run(&case(), |case| {
        play(&case, rules, orderly)
            .map(|_| ())
            .map_err(|violation| TestCaseError::fail(violation.to_string()))
    })
}

/// Fails with the smallest case that was found, in few lines.
pub(crate) fn assert_holds(result: Result<(), TestError<Case>>) {
    match result {
        Ok(()) => {}
        Err(TestError::Fail(reason, case)) => panic!("{reason}\n{case:?}"),
        Err(other) => panic!("{other}"),
    }
}

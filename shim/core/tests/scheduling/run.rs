//! A whole run: the server starts, things happen, and at the end everything comes to rest.

use std::collections::BTreeMap;

use interlude_core::Fd;
use proptest::strategy::{Strategy, ValueTree};
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
pub(crate) fn play(case: &Case, setting: Setting) -> Result<Seen, Violation> {
    let mut machine = Machine::new(setting, Tape::new(case.scripts.clone()));
    start(&mut machine, case)?;
    for happening in &case.happenings {
        match happening {
            Happening::Turn { max, timer } => {
                machine.turn(*max, *timer)?;
            }
            Happening::Complete(index) => machine.complete((*index).into()),
            Happening::OtherInstance => machine.leave_instance()?,
            Happening::Pass(micros) => machine.timers.pass(*micros),
            Happening::World(index, change) => machine.change(*index, *change),
        }
    }
    settle(&mut machine, case.max)?;
    Ok(machine.ledger.seen)
}

/// The server listens, and has connections.
fn start(machine: &mut Machine, case: &Case) -> Result<(), Violation> {
    let listener = machine.files.open(0);
    debug_assert_eq!(listener, Some(LISTENER));
    register(machine, LISTENER, case.listener)?;
    for mask in &case.connections {
        let Some(fd) = machine.files.open(ROOM) else { break };
        machine.claims.accepted(Fd(LISTENER), Fd(fd));
        machine.truth.accepted((fd, machine.files.opening(fd).unwrap_or_default()));
        machine.habits.accepted(Fd(LISTENER), Fd(fd));
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
fn settle(machine: &mut Machine, max: usize) -> Result<(), Violation> {
    machine.polite = true;
    for turn in 0..LAST_TURNS {
        machine.end_orphans();
        let state = machine.turn(max, false)?;
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
    let file = FileFailurePersistence::Direct("proptest-regressions/scheduling.txt");
    TestRunner::new(Config {
        cases: Config::default().cases.max(cases),
        failure_persistence: Some(Box::new(file)),
        ..Config::default()
    })
}

/// Plays that many cases; the first that fails, made small, is the error.
pub(crate) fn play_all(runner: &mut TestRunner, setting: Setting) -> Result<(), TestError<Case>> {
    runner.run(&case(), |case| {
        play(&case, setting)
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

/// Plays the same cases every time, and counts what is violated in them.
pub(crate) fn violations(setting: Setting, cases: u32) -> BTreeMap<&'static str, usize> {
    let mut found = BTreeMap::new();
    for case in same_cases(cases) {
        if let Err(violation) = play(&case, setting) {
            *found.entry(violation.rule()).or_default() += 1;
        }
    }
    found
}

/// Plays the same cases every time, and adds up what was seen.
pub(crate) fn sightings(cases: u32) -> Seen {
    let mut seen = Seen::new();
    for case in same_cases(cases) {
        for (what, count) in play(&case, Setting::default()).unwrap_or_default() {
            *seen.entry(what).or_default() += count;
        }
    }
    seen
}

fn same_cases(count: u32) -> impl Iterator<Item = Case> {
    let mut runner = TestRunner::deterministic();
    (0..count).filter_map(move |_| Some(case().new_tree(&mut runner).ok()?.current()))
}

//! ONNX Runtime's `Run` as a job, and inferences of several connections in one run. Skipped, and said so,
//! where the runtime is not (`scripts/setup.sh` fetches it).

use crate::app::{self, App, MODES, coroutine, preload};
use crate::conversation::{Conversation, Outcome};
use interlude_test_apps::crowd::{Connection, Transport};
use interlude_test_apps::inference::{Client, Reference, order};
use interlude_test_apps::{
    InferThread, ModelFile, ModelKind, Preload, Scores, TinyModel, inference, wait,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

const CONNECTIONS: usize = 8;
const LAST: usize = CONNECTIONS - 1;
/// Every engine that carries inferences out, with what is set for it.
const ENGINES: [&[(&str, &str)]; 6] = [
    &[("INTERLUDE_ENGINE", "inline")],
    &[("INTERLUDE_ENGINE", "cores")],
    &[("INTERLUDE_ENGINE", "onnx")],
    &[("INTERLUDE_ENGINE", "onnx"), ("INTERLUDE_ONNX_BATCH", "3")],
    &[("INTERLUDE_ENGINE", "onnx"), ("INTERLUDE_ONNX_THREADS", "1")],
    &[("INTERLUDE_ENGINE", "onnx"), ("INTERLUDE_ONNX_BATCH", "3"), ("INTERLUDE_ONNX_THREADS", "2")],
];

/// False, and said so, where the runtime is not.
pub(crate) fn is_there() -> bool {
    let there = inference::program();
    if let Err(why) = &there {
        println!("skipped: {why}");
    }
    there.is_ok()
}

pub(crate) fn file(model: TinyModel) -> ModelFile {
    ModelFile::built(model).unwrap()
}

fn reference(model: TinyModel) -> Reference {
    Reference::of(ModelKind::Plain, file(model)).unwrap()
}

pub(crate) fn open(port: u16) -> Connection {
    Connection::open(&Transport::Plain, port, app::PATIENCE).unwrap()
}

fn receive(connection: &mut Connection) -> Scores {
    let answer = connection.receive().unwrap();
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    assert_eq!(answer.status, 200, "{text}");
    Scores::parse(&answer.body).unwrap()
}

/// Requests whose answers are all right, or the test fails.
struct Asking<'a>(Client<'a>);

impl<'a> Asking<'a> {
    fn of(reference: &'a Reference, preload: &Preload) -> Self {
        Self(reference.start(preload, CONNECTIONS).unwrap())
    }

    fn rounds(&mut self, rounds: usize) {
        (0..rounds).for_each(|_| self.0.round().unwrap());
    }

    fn counter(&self, name: &str) -> u64 {
        self.0.server().counter(name)
    }

    /// Rounds until a counter is as high.
    fn rounds_until(&mut self, counter: &str, least: u64) {
        let reached = wait::until(app::PATIENCE, || {
            self.rounds(4);
            self.counter(counter) >= least
        });
        assert!(reached, "{counter} is {}", self.counter(counter));
    }

    /// Requests that were in a run with others.
    fn among_others(&self) -> u64 {
        let stats = self.0.server().stats().unwrap();
        (2..=CONNECTIONS as u64).map(|n| n * stats.counter(&format!("onnx.requests_{n}"))).sum()
    }

    fn stop(self) {
        self.0.stop().unwrap();
    }
}

#[test]
fn every_way_of_calling_it_comes_to_the_same_in_each_mode_and_engine() {
    if !is_there() {
        return;
    }
    let model = file(TinyModel::Rows);
    let args = [model.path().to_str().unwrap()];
    let program = env!("APP_INFER_CALLS");
    let native = app::run(program, &args, &Preload::Stock).unwrap();
    assert!(native.matches("from the stack: ").count() == 12, "{native}");
    for mode in MODES {
        assert_eq!(app::run(program, &args, &preload(mode)).unwrap(), native, "{mode}");
        for engine in ENGINES {
            let settings: Vec<_> = [&[("INTERLUDE_MODE", mode)], engine].concat();
            if !matches!(mode, "stock" | "off") {
                let other = app::run(program, &args, &coroutine(&settings)).unwrap();
                assert_eq!(other, native, "{mode}, {engine:?}");
            }
        }
    }
}

#[test]
fn answers_are_right_and_in_order_in_each_mode_and_engine() {
    if !is_there() {
        return;
    }
    let reference = reference(TinyModel::Rows);
    for mode in MODES {
        let mut client = Asking::of(&reference, &preload(mode));
        client.rounds(20);
        client.stop();
    }
    for engine in ENGINES {
        let mut client = Asking::of(&reference, &coroutine(engine));
        client.rounds(50);
        client.stop();
    }
}

#[test]
fn with_helper_threads_inferences_are_parked() {
    if !is_there() {
        return;
    }
    let reference = reference(TinyModel::Rows);
    let mut client = Asking::of(&reference, &preload("coroutine"));
    client.rounds_until("job.infer.completed", 100);
    assert!(client.counter("coroutine.parked") >= 100);
    assert!(client.counter("hook.OrtApi_Run.handled") >= 100);
    client.stop();
    // Switched off, none is.
    let mut client = Asking::of(&reference, &coroutine(&[("INTERLUDE_JOBS", "sign")]));
    client.rounds(20);
    assert_eq!(client.counter("job.infer.submitted"), 0);
    assert!(client.counter("bypass.settings") > 0);
    client.stop();
}

#[test]
fn several_requests_go_into_one_run_once_that_has_been_proved() {
    if !is_there() {
        return;
    }
    let reference = reference(TinyModel::Rows);
    let mut client = Asking::of(&reference, &coroutine(&[("INTERLUDE_ENGINE", "onnx")]));
    client.rounds_until("onnx.together", 1);
    assert!(client.counter("onnx.proved") >= 3);
    assert_eq!(client.counter("onnx.refuted"), 0);
    client.rounds(50);
    client.stop();
}

/// Nothing in its declaration says that its rows are not independent.
#[test]
fn a_model_whose_rows_are_not_independent_is_found_out_before_anybody_gets_a_wrong_answer() {
    if !is_there() {
        return;
    }
    let reference = reference(TinyModel::Mixing);
    let mut client = Asking::of(&reference, &coroutine(&[("INTERLUDE_ENGINE", "onnx")]));
    client.rounds_until("onnx.refuted", 1);
    client.rounds(50);
    assert_eq!(client.counter("onnx.together"), 0);
    assert_eq!(client.counter("onnx.refuted"), 1);
    client.stop();
}

#[test]
fn a_model_for_one_row_is_run_in_place() {
    if !is_there() {
        return;
    }
    let reference = reference(TinyModel::OneRow);
    let mut client = Asking::of(&reference, &coroutine(&[("INTERLUDE_ENGINE", "onnx")]));
    client.rounds(20);
    assert_eq!(client.counter("job.infer.submitted"), 0);
    assert!(client.counter("bypass.apart") > 0);
    client.stop();
}

/// One of 16 is looked at and timed; that is no reason for a loop to wake.
#[test]
fn requests_that_are_best_run_in_place_do_not_wake_a_loop_that_rests() {
    if !is_there() {
        return;
    }
    let reference = reference(TinyModel::Rows);
    let settings = [("INTERLUDE_ENGINE", "onnx"), ("INTERLUDE_LOOP_REST_AFTER", "64")];
    let mut client = Asking(reference.start(&coroutine(&settings), 1).unwrap());
    client.rounds_until("loop.rested", 1);
    let before = client.counter("loop.rested");
    client.rounds(1600);
    let rested = client.counter("loop.rested") - before;
    // Each try of whether company comes wakes it; they become seldom.
    assert!(rested < 1600 / 16 / 4, "it rested {rested} times in 1600 requests");
    client.stop();
}

/// What its own thread would do without them is done by helpers: all of it, since nothing is too short here.
#[test]
fn with_helper_threads_what_cannot_share_a_run_is_run_by_them() {
    if !is_there() {
        return;
    }
    let settings = [("INTERLUDE_ENGINE", "onnx"), ("INTERLUDE_ONNX_THREADS", "1")];
    for model in [TinyModel::OneRow, TinyModel::Pairs] {
        let reference = reference(model);
        let mut client = Asking::of(&reference, &coroutine(&settings));
        client.rounds_until("onnx.requests_1", 200);
        assert_eq!(client.counter("bypass.apart"), 0);
        assert_eq!(client.counter("onnx.given_back"), 0);
        assert!(client.counter("coroutine.parked") >= 200);
        client.stop();
    }
}

#[test]
fn with_helper_threads_several_requests_go_into_one_run() {
    if !is_there() {
        return;
    }
    let reference = reference(TinyModel::Rows);
    let settings = [("INTERLUDE_ENGINE", "onnx"), ("INTERLUDE_ONNX_THREADS", "1")];
    let mut client = Asking::of(&reference, &coroutine(&settings));
    client.rounds_until("onnx.together", 1);
    assert!(client.counter("onnx.proved") >= 3);
    client.rounds(50);
    client.stop();
}

/// Two rows together take twice as long as each by itself, four of them four times, and so on.
#[test]
fn a_model_for_which_it_does_not_pay_is_known_within_a_hundred_requests() {
    if !is_there() {
        return;
    }
    let reference = reference(TinyModel::Pairs);
    let mut client = Asking::of(&reference, &coroutine(&[("INTERLUDE_ENGINE", "onnx")]));
    client.rounds_until("onnx.given_back", 1);
    let tried = client.among_others();
    assert!(client.counter("onnx.proved") >= 3 && tried <= 100, "{tried} requests");
    // What the trial has cost is some six hundred requests' worth at least.
    let submitted = client.counter("job.infer.submitted");
    client.rounds(50);
    assert_eq!(client.counter("job.infer.submitted"), submitted);
    assert_eq!(client.among_others(), tried);
    client.stop();
}

/// Requests under an engine that delays, fails, hangs, answers late, twice and wrongly, and over those that put
/// several into one run. (`scripts/e2e.sh --infer` asks for more of them.)
#[test]
fn over_an_engine_that_does_all_that_can_go_wrong_answers_are_right_and_in_order() {
    if !is_there() {
        return;
    }
    for over in order::ALL {
        let seen = over.watch(1600, &[]).unwrap();
        let count = |name: &str| seen.counters.counter(name);
        assert!(count("coroutine.parked") > 0, "{over:?}");
        let is_chaos = over.name == order::CHAOS.name;
        assert_eq!(count("engine.wrong") > 0, is_chaos, "{over:?}");
    }
}

/// The next request of a connection is begun with while the one before waits for its result.
#[test]
fn without_the_rule_of_own_fds_answers_are_out_of_order() {
    if !is_there() {
        return;
    }
    let goes_wrong = |_| order::CHAOS.watch(800, &[("INTERLUDE_RULES_OFF", "own_fd")]).is_err();
    assert!((0..10).any(goes_wrong), "8000 good answers: what is the rule for?");
}

#[test]
fn a_call_with_options_of_its_own_is_made_in_place() {
    if !is_there() {
        return;
    }
    let model = file(TinyModel::Rows);
    let args = [model.path().to_str().unwrap(), "reload"];
    for threads in ["0", "1"] {
        let settings = [("INTERLUDE_ENGINE", "onnx"), ("INTERLUDE_ONNX_THREADS", threads)];
        let app = App::start(env!("APP_INFER_CALLS"), &args, &coroutine(&settings));
        let all_are_right = Outcome { right: CONNECTIONS * 20, ..Outcome::default() };
        let serve = |verb| Conversation::open(app.port(), CONNECTIONS).echo(20, |_, _| verb);
        assert_eq!(serve("run"), all_are_right, "{threads}");
        let (submitted, apart) = (app.counter("job.infer.submitted"), app.counter("bypass.apart"));
        assert!(submitted > 0, "{threads}");
        assert_eq!(serve("opt"), all_are_right, "{threads}");
        assert_eq!(app.counter("job.infer.submitted"), submitted, "{threads}");
        assert!(app.counter("bypass.apart") > apart, "{threads}");
        app.stop();
    }
}

fn reloads(settings: &[(&str, &str)]) -> (App, Outcome) {
    let model = file(TinyModel::Rows);
    let args = [model.path().to_str().unwrap(), "reload"];
    let delayed = [
        ("INTERLUDE_ENGINE", "chaos"),
        ("INTERLUDE_CHAOS_SEED", "7"),
        ("INTERLUDE_CHAOS_FAIL", "0"),
        ("INTERLUDE_CHAOS_HANG", "0"),
        ("INTERLUDE_CHAOS_LATE", "0"),
    ];
    let settings: Vec<_> = [&delayed, settings].concat();
    let app = App::start(env!("APP_INFER_CALLS"), &args, &coroutine(&settings));
    // The last one, when others are parked.
    let verb = |connection: usize, _: usize| match connection {
        LAST => "new",
        _ => "run",
    };
    let outcome = Conversation::open(app.port(), CONNECTIONS).echo(20, verb);
    (app, outcome)
}

#[test]
fn a_session_is_freed_when_nobody_is_in_it_any_more() {
    if !is_there() {
        return;
    }
    let (app, outcome) = reloads(&[]);
    assert_eq!(outcome, Outcome { right: CONNECTIONS * 20, ..Outcome::default() });
    assert!(app.counter("coroutine.waited.object") > 0, "nobody waited for a session");
    app.stop();
}

/// A helper runs it when it is gone: a failure, or a crash.
#[test]
fn without_the_rule_of_objects_a_session_is_freed_beside_its_runs() {
    if !is_there() {
        return;
    }
    let goes_wrong = |_| {
        // A crash ends the conversation.
        let reloads = || reloads(&[("INTERLUDE_RULES_OFF", "objects")]);
        let Ok((app, outcome)) = catch_unwind(AssertUnwindSafe(reloads)) else { return true };
        app.kill();
        outcome.wrong + outcome.silent > 0
    };
    assert!((0..20).any(goes_wrong), "20 good runs: what is the rule for?");
}

#[test]
fn real_models_answer_as_if_each_request_were_alone() {
    if !is_there() {
        return;
    }
    let model = match ModelFile::of(ModelKind::SileroVad) {
        Ok(model) => model,
        Err(why) => return println!("skipped: {why}"),
    };
    // It remembers its connection's sound: the same requests in the same order.
    let ask = |preload: &Preload, least: u64| {
        let server = inference::start(ModelKind::SileroVad, model.path(), preload, &[]).unwrap();
        let mut connections: Vec<Connection> =
            (0..CONNECTIONS).map(|_| open(server.port())).collect();
        let mut all = Vec::new();
        for round in 0..40 {
            for (number, connection) in connections.iter_mut().enumerate() {
                let body = ModelKind::SileroVad.body((round * 8 + number) as u64);
                connection.send(&InferThread::request(&body)).unwrap();
            }
            all.extend(connections.iter_mut().map(receive));
        }
        let is_enough = server.counter("onnx.together") >= least;
        server.stop().unwrap();
        (all, is_enough)
    };
    let (alone, _) = ask(&Preload::Stock, 0);
    let batched = coroutine(&[("INTERLUDE_ENGINE", "onnx")]);
    let mut is_enough = false;
    let done = wait::until(Duration::from_secs(120), || {
        let (together, enough) = ask(&batched, 1);
        is_enough = enough;
        for (alone, together) in alone.iter().zip(&together) {
            assert_eq!((alone.sequence, alone.digest), (together.sequence, together.digest));
            // States carry differences on.
            let difference = alone.difference(together);
            assert!(difference <= 1e-3, "{alone:?} {together:?}");
        }
        enough
    });
    assert!(done && is_enough, "nothing was run together");
}

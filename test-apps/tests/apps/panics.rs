//! A panic of the shim (`shim/src/fail.rs` orders it): the call is made once, every client gets its
//! right answer, and from then on everything passes through.

use crate::app::{self, App, failing};
use crate::conversation::{Conversation, Outcome};
use crate::hook_calls;
use interlude_test_apps::Preload;

const CONNECTIONS: usize = 24;
const ROUNDS: usize = 6;

/// Where a hook of a server's handlers or of its loop panics: when each has been called a few
/// hundred times, with others parked.
const HOOKS: [&str; 9] = [
    "EVP_DigestSign.before:80",
    "EVP_DigestSign.after:80",
    "read.before:150",
    "read.then:150",
    "write.after:150",
    "epoll_ctl.before:40",
    "epoll_wait.before:60",
    "epoll_wait.after:60",
    "accept4.then:49",
];
/// What follows a job, and the turns of the scheduler.
const INSIDE: [&str; 8] = [
    "job.submitted:40",
    "job.taken:40",
    "evp.checking:40",
    "scheduler.asked:150",
    "scheduler.parked:40",
    "scheduler.resumed:40",
    "scheduler.picked:60",
    "scheduler.begun:60",
];

/// It has panicked once and said so once; nothing parks any more, and events come from the kernel.
fn passes_through(app: &App, place: &str, mut ask: impl FnMut()) {
    let said = app.output();
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("interlude: ")).collect();
    assert_eq!(lines.len(), 1, "{place}: {said}");
    assert_eq!(app.counter("panics"), 1, "{place}: {said}");
    let parked = app.counter("coroutine.parked");
    assert!(parked > 0, "{place}: nobody was parked before");
    assert_eq!(app.counter("coroutine.resumed"), parked, "{place}: somebody is parked still");
    let delivered = app.counter("event.delivered");
    ask();
    assert_eq!(app.counter("coroutine.parked"), parked, "{place}: it parks on");
    assert_eq!(app.counter("event.delivered"), delivered, "{place}: it schedules on");
    assert!(app.counter("bypass.panicked") > 0, "{place}");
}

fn values_stay(place: &str) {
    let app = App::start(env!("APP_TWO_MESSAGES"), &["sign"], &failing(place));
    let mut first = Conversation::open(app.port(), CONNECTIONS);
    let ask = |conversation: &mut Conversation, rounds| {
        let right = Outcome { right: CONNECTIONS * rounds * 2, ..Outcome::default() };
        assert_eq!(conversation.set_and_get(rounds), right, "{place}: {}", app.output());
    };
    ask(&mut first, ROUNDS);
    // More come while the first are known to park.
    ask(&mut Conversation::open(app.port(), CONNECTIONS), ROUNDS);
    passes_through(&app, place, || ask(&mut first, 1));
    app.stop();
}

#[test]
fn after_a_panic_in_a_hook_every_client_gets_its_answer() {
    HOOKS.into_iter().for_each(values_stay);
}

#[test]
fn after_a_panic_of_the_scheduler_every_client_gets_its_answer() {
    INSIDE.into_iter().for_each(values_stay);
}

/// Nothing else may come to wake the loop, so the wait must not be the kernel's.
#[test]
fn a_wait_that_panics_beside_a_parked_coroutine_ends() {
    for times in 3..12 {
        let place = format!("epoll_wait.before:{times}");
        let app = App::start(env!("APP_TWO_MESSAGES"), &["sign"], &failing(&place));
        let outcome = Conversation::open(app.port(), 2).set_and_get(4);
        assert_eq!(outcome, Outcome { right: 16, ..Outcome::default() }, "{place}");
        app.stop();
    }
}

/// Whoever has panicked may want a lock that a parked coroutine has.
#[test]
fn after_a_panic_locks_are_waited_for() {
    let places = ["pthread_mutex_lock.before:40", "pthread_mutex_unlock.before:40"];
    for place in places.into_iter().chain(INSIDE) {
        let app = App::start(env!("APP_MUTEX_ACROSS"), &["normal", "sign"], &failing(place));
        let mut conversation = Conversation::open(app.port(), CONNECTIONS);
        let mut ask = |rounds| {
            let right = Outcome { right: CONNECTIONS * rounds, ..Outcome::default() };
            assert_eq!(conversation.ask("work", "done", rounds), right, "{place}");
        };
        ask(ROUNDS);
        passes_through(&app, place, || ask(1));
        app.stop();
    }
}

/// Calls that tell when they are made twice or not at all, and the sections that make them.
const CALLS: [(&str, &str); 18] = [
    ("read", "files"),
    ("write", "files"),
    ("accept4", "tcp"),
    ("dup2", "descriptors"),
    ("close", "descriptors"),
    ("close_range", "close-ranges"),
    ("epoll_ctl", "epoll-events"),
    ("pthread_mutex_lock", "mutexes"),
    ("clock_gettime", "clocks"),
    ("EVP_DigestSign", "sign"),
    ("EVP_PKEY_derive", "derive"),
    ("EVP_PKEY_keygen", "keygen"),
    ("EVP_PKEY_decrypt", "decrypt"),
    ("SSL_do_handshake", "tls13"),
    ("deflate", "deflate-flushes"),
    ("libdeflate_zlib_compress", "libdeflates"),
    ("fork", "forks"),
    ("pthread_create", "threads"),
];

/// Sections whose calls are jobs, which their handlers see through.
const JOBS: [&str; 5] = ["sign", "derive", "keygen", "deflate-flushes", "libdeflates"];

#[test]
fn a_call_whose_hook_panics_is_made_once() {
    for (call, section) in CALLS {
        let places = ["before:1", "after:1", "then:1"].map(|place| format!("{call}.{place}"));
        says_what_it_says_natively(section, &places);
    }
}

#[test]
fn a_job_whose_handler_panics_is_run_once() {
    let places = ["job.submitted:2", "job.taken:2", "evp.checking:2"].map(str::to_owned);
    JOBS.into_iter().for_each(|section| says_what_it_says_natively(section, &places));
}

fn says_what_it_says_natively(section: &str, places: &[String]) {
    let native = app::run(hook_calls::PROGRAM, &[section], &Preload::Stock).unwrap();
    for place in places {
        let here = app::run(hook_calls::PROGRAM, &[section], &failing(place)).unwrap();
        let mut lines: Vec<&str> = here.lines().collect();
        lines.retain(|line| !line.starts_with("interlude: "));
        let first = lines.iter().zip(native.lines()).find(|(here, native)| **here != *native);
        assert_eq!(first, None, "{section} {place}");
        assert_eq!(lines.len(), native.lines().count(), "{section} {place}");
    }
}

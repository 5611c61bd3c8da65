//! A server in the midst of its work: requests under way on several connections.

use crate::app::{App, coroutine, preload};
use crate::conversation::Conversation;
use interlude_test_apps::Preload;

/// Connections at work.
pub(crate) const AT_WORK: usize = 8;

/// How a server is started whose jobs last: in mode `coroutine` every job is one of an engine that
/// never answers, so it takes a second, is then done in place, and is in flight until then.
pub(crate) fn lasting(mode: &str) -> Preload {
    if mode != "coroutine" {
        return preload(mode);
    }
    coroutine(&lasting_settings())
}

/// The settings of [`lasting`] in mode `coroutine`.
pub(crate) fn lasting_settings() -> [(&'static str, &'static str); 8] {
    [
        ("INTERLUDE_ENGINE", "chaos"),
        ("INTERLUDE_CHAOS_SEED", "1"),
        ("INTERLUDE_CHAOS_HANG", "100"),
        ("INTERLUDE_CHAOS_FAIL", "0"),
        ("INTERLUDE_CHAOS_LATE", "0"),
        ("INTERLUDE_CHAOS_TWICE", "0"),
        ("INTERLUDE_DEADLINE_MS", "1000"),
        ("INTERLUDE_QUARANTINE_MS", "0"),
    ]
}

/// Clients whose requests are under way: parked, in mode `coroutine`; else done, but not read.
pub(crate) struct AtWork {
    clients: Conversation,
    /// Whose end would be an event.
    _first: Conversation,
    has_asked: bool,
}

impl AtWork {
    pub(crate) fn begin(app: &App, mode: &str) -> Self {
        // A thread's first heavy call runs in place; the second has each get an event of its own.
        let mut first = Conversation::open(app.port(), 1);
        assert_eq!(first.ask("set first", "done", 2).right, 2);
        let mut clients = Conversation::open(app.port(), AT_WORK);
        clients.say("set value");
        if mode == "coroutine" {
            app.await_parked(AT_WORK as u64);
        }
        Self { clients, _first: first, has_asked: false }
    }

    /// They ask on, without waiting for their answers.
    pub(crate) fn asks_again(&mut self) {
        self.clients.say("get");
        self.has_asked = true;
    }

    /// All of them are answered.
    pub(crate) fn hears_that_it_is_done(&mut self) {
        assert_eq!(self.clients.hear(), vec![Some("done".to_owned()); AT_WORK]);
    }

    /// All of them are answered, now and later.
    pub(crate) fn hears_the_answers(mut self) {
        let answers = |text: &str| vec![Some(text.to_owned()); AT_WORK];
        assert_eq!(self.clients.hear(), answers("done"));
        if !self.has_asked {
            self.clients.say("get");
        }
        assert_eq!(self.clients.hear(), answers("value"));
    }
}

//! An unmodified server on mio, edge-triggered, with the conversation of the two-messages server.

use crate::app::{App, MODES, preload};
use crate::conversation::{Conversation, Outcome};

const CONNECTIONS: usize = 48;
const ROUNDS: usize = 6;

#[test]
fn a_mio_server_answers_right_in_each_mode() {
    for mode in MODES {
        let app = App::start(env!("CARGO_BIN_EXE_mio-server"), &[], &preload(mode));
        let outcome = Conversation::open(app.port(), CONNECTIONS).set_and_get(ROUNDS);
        let right = Outcome { right: CONNECTIONS * ROUNDS * 2, ..Outcome::default() };
        assert_eq!(outcome, right, "{mode}");
        let parked = app.counter("coroutine.parked");
        assert_eq!(parked > 0, mode == "coroutine", "{mode}: {parked} parks");
        app.stop();
    }
}

#[test]
fn a_plain_mio_server_answers_right() {
    let app = App::start(env!("CARGO_BIN_EXE_mio-server"), &[], &preload("stock"));
    let outcome = Conversation::open(app.port(), CONNECTIONS).set_and_get(ROUNDS);
    assert_eq!(outcome, Outcome { right: CONNECTIONS * ROUNDS * 2, ..Outcome::default() });
    app.stop();
}

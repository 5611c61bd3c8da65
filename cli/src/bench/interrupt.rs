//! Ctrl-C and SIGTERM: a benchmark that is broken off takes its servers, clients and temporary
//! files with it, by returning through the ordinary way.

use crate::failure::Failure;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

static REQUESTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// From now on the signals only leave a mark; a second one ends the process at once.
pub(crate) fn watch() -> Result<(), Failure> {
    let register = |signal| -> io::Result<()> {
        // In this order: at the first signal the mark is not set yet when the first looks at it.
        flag::register_conditional_shutdown(signal, 130, Arc::clone(&REQUESTED))?;
        flag::register(signal, Arc::clone(&REQUESTED)).map(drop)
    };
    register(SIGINT)
        .and_then(|()| register(SIGTERM))
        .map_err(|error| Failure::usage(format!("cannot watch for signals: {error}")))
}

/// Whether a signal has come.
pub(crate) fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}

/// An error where a signal has come.
pub(crate) fn check() -> Result<(), Failure> {
    if requested() { Err(Failure::not_so("interrupted")) } else { Ok(()) }
}

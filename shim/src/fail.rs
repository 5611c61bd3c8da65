//! Fail points: places at which a test has the shim panic, to see what the host makes of it. They are
//! only in `interlude-fail-points`, a library of its own beside `libinterlude.so`, from the same
//! sources.
//!
//! `INTERLUDE_FAIL=PLACE` or `PLACE:N` panics at the N-th time that the process comes by, once.
//! PLACE is `HOOK.before` or `HOOK.after` (the handler's work), `HOOK.then` (before what follows the
//! original), or one that is named in the sources. At some of these what was computed is spoilt instead
//! ([`spoils`]), to see whether that is found.

/// Comes by at `place`.
#[cfg(not(feature = "fail-points"))]
#[inline(always)]
pub(crate) fn point(_: &'static str) {}

/// Comes by at a place of hook number `hook`.
#[cfg(not(feature = "fail-points"))]
#[inline(always)]
pub(crate) fn hook(_: usize, _: &'static str) {}

/// Is what was computed at `place` to be spoilt?
#[cfg(not(feature = "fail-points"))]
#[inline(always)]
pub(crate) fn spoils(_: &'static str) -> bool {
    false
}

#[cfg(feature = "fail-points")]
pub(crate) use ordered::{hook, point, spoils};

#[cfg(feature = "fail-points")]
mod ordered {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use crate::table;

    /// Where to panic, and how often to come by before that.
    static ORDER: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static TIMES: AtomicU64 = AtomicU64::new(0);

    /// Servers clear the environment of their workers, so the constructor reads it.
    #[used]
    #[unsafe(link_section = ".init_array")]
    static READ: extern "C" fn() = read;

    extern "C" fn read() {
        let order = std::env::var("INTERLUDE_FAIL").ok().map(|text| {
            let (place, times) = text.split_once(':').unwrap_or((&text, "1"));
            (place.to_owned(), times.parse().unwrap_or(1))
        });
        let _ = ORDER.set(order);
    }

    pub(crate) fn point(place: &'static str) {
        pass(|ordered| ordered == place);
    }

    pub(crate) fn hook(hook: usize, place: &'static str) {
        let name = table::NAMES.get(hook).copied().unwrap_or_default();
        pass(|ordered| ordered.split_once('.') == Some((name, place)));
    }

    pub(crate) fn spoils(place: &'static str) -> bool {
        is_ordered(|ordered| ordered == place).is_some()
    }

    #[allow(clippy::panic)]
    fn pass(is_here: impl FnOnce(&str) -> bool) {
        if let Some(place) = is_ordered(is_here) {
            panic!("ordered by INTERLUDE_FAIL={place}");
        }
    }

    /// The place, at the time that was ordered.
    fn is_ordered(is_here: impl FnOnce(&str) -> bool) -> Option<&'static str> {
        let (place, times) = ORDER.get()?.as_ref().filter(|(place, _)| is_here(place))?;
        let is_time = TIMES.fetch_add(1, Ordering::Relaxed) + 1 == *times;
        is_time.then_some(place.as_str())
    }
}

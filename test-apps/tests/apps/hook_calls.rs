//! Every call that the shim intercepts, made by `c/hook-calls`: its transcript must be the same
//! without the shim, and under it in each mode.

use crate::app::{self, App, MODES, coroutine, preload};
use interlude_test_apps::{Preload, Shim};
use std::sync::LazyLock;
use tempfile::NamedTempFile;

pub(crate) const PROGRAM: &str = env!("APP_HOOK_CALLS");

/// Sections with a test of their own.
const APART: [&str; 5] =
    ["epoll-duplicates", "key-schedule", "providers", "signals", "thread-cancels"];

/// The other sections.
static SECTIONS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let list = app::run(PROGRAM, &["list"], &Preload::Stock).unwrap();
    list.lines().filter(|section| !APART.contains(section)).map(str::to_owned).collect()
});

/// What they say natively, one after the other in one process.
static NATIVE: LazyLock<String> = LazyLock::new(|| run_together(&Preload::Stock).unwrap());

fn run_together(preload: &Preload) -> Result<String, String> {
    let sections: Vec<&str> = SECTIONS.iter().map(String::as_str).collect();
    app::run(PROGRAM, &sections, preload)
}

/// The first line in which they differ, with the heading that it stands under.
fn difference(native: &str, other: &str) -> Option<String> {
    let mut heading = "";
    let mut others = other.lines();
    for line in native.lines() {
        if line.starts_with("==") {
            heading = line;
        }
        let found = others.next().unwrap_or("the end");
        if line != found {
            return Some(format!("{heading}\n  native: {line}\n  here:   {found}"));
        }
    }
    others.next().map(|more| format!("{heading}\n  native: the end\n  here:   {more}"))
}

/// How a section that runs in a process of its own differs.
fn difference_of(section: &str, preload: &Preload) -> Option<String> {
    let native = app::run(PROGRAM, &[section], &Preload::Stock).unwrap();
    let difference = match app::run(PROGRAM, &[section], preload) {
        Ok(other) => difference(&native, &other)?,
        Err(why) => why,
    };
    Some(format!("{section}, {preload}: {difference}"))
}

fn says_the_same_in_each_mode(section: &str) {
    let differences: Vec<String> =
        MODES.iter().filter_map(|mode| difference_of(section, &preload(mode))).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn says_the_same(preload: &Preload) {
    let whole = match run_together(preload) {
        Ok(other) => difference(&NATIVE, &other),
        Err(why) => Some(why),
    };
    let Some(whole) = whole else { return };
    // Which of them differ also when they run alone?
    let alone: Vec<String> =
        SECTIONS.iter().filter_map(|section| difference_of(section, preload)).collect();
    panic!("{preload}: {whole}\n{} sections alone:\n{}", alone.len(), alone.join("\n"));
}

#[test]
fn a_plain_run_says_the_same_twice() {
    says_the_same(&Preload::Stock);
}

#[test]
fn a_run_in_mode_off_says_what_a_plain_one_says() {
    says_the_same(&preload("off"));
}

#[test]
fn a_run_in_mode_inline_says_what_a_plain_one_says() {
    says_the_same(&preload("inline"));
}

#[test]
fn a_run_in_mode_block_says_what_a_plain_one_says() {
    says_the_same(&preload("block"));
}

#[test]
fn a_run_in_mode_spin_says_what_a_plain_one_says() {
    says_the_same(&preload("spin"));
}

#[test]
fn a_run_in_mode_coroutine_says_what_a_plain_one_says() {
    says_the_same(&preload("coroutine"));
}

#[test]
fn a_run_whose_smallest_compressions_are_jobs_says_what_a_plain_one_says() {
    says_the_same(&coroutine(&[("INTERLUDE_DEFLATE_MIN", "0")]));
}

#[test]
fn a_run_whose_engine_refuses_most_jobs_says_what_a_plain_one_says() {
    says_the_same(&coroutine(&[
        ("INTERLUDE_CORES_QUEUE", "1"),
        ("INTERLUDE_CORES_THREADS", "1"),
        ("INTERLUDE_DEFLATE_MIN", "0"),
    ]));
}

#[test]
fn a_run_with_the_inline_engine_says_what_a_plain_one_says() {
    says_the_same(&coroutine(&[("INTERLUDE_ENGINE", "inline")]));
}

#[test]
fn a_registration_and_an_instance_may_have_several_descriptors() {
    says_the_same_in_each_mode("epoll-duplicates");
}

#[test]
fn a_cancelled_thread_cleans_up() {
    says_the_same_in_each_mode("thread-cancels");
}

/// A child begins with nothing of its parent's helper threads, whatever these were about at the
/// moment of the fork: several times, because that moment is never the same.
#[test]
fn children_of_a_process_with_helpers_do_jobs_of_their_own() {
    let sections = ["forks"; 8];
    let native = app::run(PROGRAM, &sections, &Preload::Stock).unwrap();
    for mode in ["block", "spin", "coroutine"] {
        let here = app::run(PROGRAM, &sections, &preload(mode));
        let difference = here.map_or_else(Some, |here| difference(&native, &here));
        assert!(difference.is_none(), "{mode}: {}", difference.unwrap_or_default());
    }
}

/// The transcripts above would be the same if nothing were ever offloaded.
#[test]
fn sections_with_heavy_calls_park_and_only_in_mode_coroutine() {
    let parking = [
        "sign",
        "derive",
        "keygen",
        "decrypt",
        "tls12",
        "tls13",
        "tls13-secrets",
        "ambient",
        "deep-stack",
    ];
    for mode in MODES {
        for section in parking {
            let app = App::start(PROGRAM, &[section, "hold"], &preload(mode));
            let parked = app.counter("coroutine.parked");
            app.stop();
            assert_eq!(parked > 0, mode == "coroutine", "{section} {mode}: {parked} parks");
        }
    }
}

#[test]
fn compressions_park() {
    for section in ["deflate-flushes", "deflate-streams", "libdeflates"] {
        let app = App::start(PROGRAM, &[section, "hold"], &coroutine(&[]));
        let parked = app.counter("coroutine.parked");
        app.stop();
        assert!(parked > 0, "{section}: no coroutine was ever parked");
    }
}

/// What zlib does by one call, and on files, goes through its own `deflate` and `inflate`, and so through their hooks.
#[test]
fn what_zlib_calls_of_its_own_is_taken_over_too() {
    let native = app::run(PROGRAM, &["one-calls"], &Preload::Stock).unwrap();
    for policy in ["never-bigger", "balanced", "fastest"] {
        let isal = [("INTERLUDE_COMPRESS_WITH", "isal"), ("INTERLUDE_COMPRESS_POLICY", policy)];
        for mode in ["inline", "coroutine"] {
            let set = [&isal[..], &[("INTERLUDE_MODE", mode)]].concat();
            let here = app::run(PROGRAM, &["one-calls"], &coroutine(&set)).unwrap();
            let difference = difference(&native, &here);
            assert!(difference.is_none(), "{mode} {policy}: {}", difference.unwrap_or_default());
            let app = App::start(PROGRAM, &["one-calls", "hold"], &coroutine(&set));
            let counters = ["compress.taken", "decompress.taken"].map(|name| app.counter(name));
            app.stop();
            // By `never-bigger`, level 1 and what comes whole: one call by `compress2`.
            assert!(counters.iter().all(|count| *count >= 2), "{mode} {policy}: {counters:?}");
        }
    }
}

/// A device that does what the section's loop begins with, and compresses.
const SIGNS_AND_COMPRESSES: &str = "\
name = \"both\"
queue = 64
units = 4
ring = 64
[operations.sign]
setup_ns = 500
latency_ns = 20000
[operations.compress]
setup_ns = 500
latency_ns = 20000
";

/// Compressions of the same input at several levels, into more room and less, by compressors that come and go.
#[test]
fn what_a_device_remembers_is_what_would_be_computed() {
    let description = NamedTempFile::new().unwrap();
    std::fs::write(description.path(), SIGNS_AND_COMPRESSES).unwrap();
    let description = ("INTERLUDE_DEVICE_DESCRIPTION", description.path().to_str().unwrap());
    let native = app::run(PROGRAM, &["libdeflates"], &Preload::Stock).unwrap();
    for mode in ["block", "spin", "coroutine"] {
        let computed = [description, ("INTERLUDE_ENGINE", "device"), ("INTERLUDE_MODE", mode)];
        let remembered = [&computed[..], &[("INTERLUDE_DEVICE_RESULTS", "remembered")]].concat();
        let here = app::run(PROGRAM, &["libdeflates"], &coroutine(&remembered)).unwrap();
        let (said, here): (Vec<&str>, Vec<&str>) =
            here.lines().partition(|line| line.starts_with("interlude: "));
        assert_eq!(said, ["interlude: engine device is emulated: both"]);
        let difference = difference(&native, &here.join("\n"));
        assert!(difference.is_none(), "{mode}: {}", difference.unwrap_or_default());
        let count = |set: &[(&str, &str)]| {
            let app = App::start(PROGRAM, &["libdeflates", "hold"], &coroutine(set));
            let count = app.counter("device.remembered");
            app.stop();
            count
        };
        assert!(count(&remembered) > 0, "{mode}");
        assert_eq!(count(&computed), 0, "{mode}");
    }
}

/// What is known of a signal is the process's: in a process of its own.
#[test]
fn handlers_of_signals_are_set_as_natively() {
    says_the_same_in_each_mode("signals");
}

#[test]
fn secrets_of_tls_are_derived_as_natively() {
    says_the_same_in_each_mode("key-schedule");
}

#[test]
fn sessions_are_encoded_as_natively() {
    says_the_same_in_each_mode("sessions");
}

#[test]
fn providers_come_and_go_as_natively() {
    says_the_same_in_each_mode("providers");
}

/// The transcripts above would be the same if libcrypto had derived everything.
#[test]
fn most_secrets_are_derived_here_until_providers_change() {
    let derived = |sections: &[&str], set: &[(&str, &str)]| {
        let app = App::start(PROGRAM, &[sections, &["hold"]].concat(), &coroutine(set));
        let counters = [
            "hook.EVP_KDF_derive.handled",
            "hook.EVP_KDF_derive.passed",
            "hook.EVP_KDF_fetch.handled",
            "key_schedule.compared",
            "key_schedule.wrong",
        ]
        .map(|name| app.counter(name));
        app.stop();
        counters
    };
    // 600 usual ones, six times within an event, and the others; compared is one of 256 of each hash.
    let [handled, passed, fetched, compared, wrong] = derived(&["key-schedule"], &[]);
    assert!(handled >= 3600, "{handled} handled, {passed} passed");
    assert!(fetched >= 3600, "{fetched} fetched");
    assert!((14..=20).contains(&compared), "{compared} compared");
    assert_eq!(wrong, 0);
    // As many as before that, and no more.
    let [after, _, fetched_after, ..] =
        derived(&["key-schedule", "providers", "key-schedule"], &[]);
    assert_eq!((after, fetched_after), (handled, fetched));
    let off = derived(&["key-schedule"], &[("INTERLUDE_KEY_SCHEDULE", "off")]);
    assert_eq!([off[0], off[2], off[3], off[4]], [0; 4]);
}

/// What stands for libcrypto's own work is compared with it: where the first is spoilt, the server gets
/// libcrypto's all the same, and nothing stands for its work any more.
#[test]
fn what_differs_from_libcryptos_is_found_and_not_used() {
    let spoilt = [
        ("key-schedule", "key_schedule.derived", 1, "EVP_KDF_derive"),
        ("finished-macs", "key_schedule.finished", 1, "EVP_Q_mac"),
        ("key-digests", "key_digests.learnt", 1, "EVP_PKEY_digestsign_supports_digest"),
        ("sessions", "session_encoding.length", 1, "ASN1_item_i2d"),
        // A length is asked for before that.
        ("sessions", "session_encoding.encoded", 2, "ASN1_item_i2d"),
        ("tls13", "key_names.learnt", 1, "EVP_KEYMGMT_names_do_all"),
    ];
    for (section, place, looks, call) in spoilt {
        let (what, _) = place.split_once('.').unwrap();
        let shim = Shim::find().unwrap().mode("coroutine").failing(place).unwrap();
        let preload = Preload::Shim(shim);
        let native = app::run(PROGRAM, &[section], &Preload::Stock).unwrap();
        let said = app::run(PROGRAM, &[section], &preload).unwrap();
        let is_ours = |line: &&str| line.starts_with("interlude: ");
        let (ours, others): (Vec<&str>, Vec<&str>) = said.lines().partition(is_ours);
        assert_eq!(difference(&native, &(others.join("\n") + "\n")), None, "{place}");
        assert_eq!(ours.len(), 1, "{place}: {ours:?}");
        let app = App::start(PROGRAM, &[section, "hold"], &preload);
        let counters =
            [format!("{what}.compared"), format!("{what}.wrong")].map(|name| app.counter(&name));
        assert_eq!(counters, [looks, 1], "{place}: {}", app.said());
        // (The very ones that were compared count as done here: they were made for the comparison.)
        assert!(app.counter(&format!("hook.{call}.handled")) <= looks, "{place}");
        app.stop();
    }
}

/// The transcripts would be the same if libcrypto had looked for all of them.
#[test]
fn names_of_kinds_of_keys_are_known_until_providers_change() {
    let told = |sections: &[&str], set: &[(&str, &str)]| {
        let app = App::start(PROGRAM, &[sections, &["hold"]].concat(), &coroutine(set));
        let counters =
            ["hook.EVP_KEYMGMT_names_do_all.handled", "key_names.compared", "key_names.wrong"]
                .map(|name| app.counter(name));
        app.stop();
        counters
    };
    let [handled, compared, wrong] = told(&["tls13"], &[]);
    assert!(handled > 400 && compared > 0 && wrong == 0, "{handled}, {compared}, {wrong}");
    // About as many as before that: libcrypto itself does not ask as often in each run.
    let [after, ..] = told(&["tls13", "providers", "tls13"], &[]);
    assert!((handled - 20..handled + 20).contains(&after), "{after}, not {handled}");
    assert_eq!(told(&["tls13"], &[("INTERLUDE_KEY_NAMES", "off")]), [0; 3]);
}

/// The transcripts would be the same if libcrypto had computed all of them.
#[test]
fn most_macs_of_finished_are_computed_here_until_providers_change() {
    let computed = |sections: &[&str], set: &[(&str, &str)]| {
        let app = App::start(PROGRAM, &[sections, &["hold"]].concat(), &coroutine(set));
        let counters = ["hook.EVP_Q_mac.handled", "key_schedule.compared", "key_schedule.wrong"]
            .map(|name| app.counter(name));
        app.stop();
        counters
    };
    // 200 by either hash function that is known, six times within an event.
    let [handled, compared, wrong] = computed(&["finished-macs"], &[]);
    assert!((1200..1240).contains(&handled), "{handled}");
    assert!((4..=8).contains(&compared) && wrong == 0, "{compared}, {wrong}");
    let [after, ..] = computed(&["finished-macs", "providers", "finished-macs"], &[]);
    assert_eq!(after, handled);
    assert_eq!(computed(&["finished-macs"], &[("INTERLUDE_KEY_SCHEDULE", "off")]), [0; 3]);
}

/// As above, of what each kind of key may sign over.
#[test]
fn over_what_a_key_may_sign_is_known_until_providers_change() {
    let told = |sections: &[&str], set: &[(&str, &str)]| {
        let app = App::start(PROGRAM, &[sections, &["hold"]].concat(), &coroutine(set));
        let counters = [
            "hook.EVP_PKEY_digestsign_supports_digest.handled",
            "hook.EVP_PKEY_digestsign_supports_digest.passed",
            "key_digests.compared",
            "key_digests.wrong",
        ]
        .map(|name| app.counter(name));
        app.stop();
        counters
    };
    let [handled, passed, compared, wrong] = told(&["key-digests"], &[]);
    assert!(handled > 500 && passed > 0, "{handled}, {passed}");
    assert!(compared > 0 && wrong == 0, "{compared}, {wrong}");
    let [after, ..] = told(&["key-digests", "providers", "key-digests"], &[]);
    assert_eq!(after, handled);
    let [handled, _, compared, wrong] = told(&["key-digests"], &[("INTERLUDE_KEY_NAMES", "off")]);
    assert_eq!([handled, compared, wrong], [0; 3]);
}

/// The transcripts would be the same if libcrypto had encoded all of them.
#[test]
fn most_sessions_are_encoded_here() {
    let encoded = |sections: &[&str], set: &[(&str, &str)]| {
        let app = App::start(PROGRAM, &[sections, &["hold"]].concat(), &coroutine(set));
        let counters = [
            "hook.ASN1_item_i2d.handled",
            "bypass.foreign",
            "session_encoding.compared",
            "session_encoding.wrong",
        ]
        .map(|name| app.counter(name));
        app.stop();
        counters
    };
    // 276 lengths and encodings (24 sessions have none), six times within an event; compared is one of 256 of
    // each.
    assert_eq!(encoded(&["sessions"], &[]), [3312, 0, 14, 0]);
    // What a client keeps has its server's certificate.
    let [_, foreign, _, wrong] = encoded(&["tls12"], &[]);
    assert!(foreign > 0 && wrong == 0, "{foreign}, {wrong}");
    let off = encoded(&["sessions"], &[("INTERLUDE_SESSION_ENCODING", "off")]);
    assert_eq!([off[0], off[2], off[3]], [0; 3]);
}

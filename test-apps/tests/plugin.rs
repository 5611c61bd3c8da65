//! Stock nginx over the engine `plugin`: whatever a plugin does or says, a client sees what the stock server
//! would have sent.

use interlude_test_apps::crowd::{Crowd, Transport};
use interlude_test_apps::matrix::Workplace;
use interlude_test_apps::{Preload, Server, Shim, WebOptions, WebServer};
use std::process::Command;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);
/// Clients, and requests of all of them.
const LOAD: (usize, usize) = (16, 320);
/// Long enough for a machine that does much else.
const LONG: u32 = 30_000;

fn shim(mode: &str, plugin: &str, deadline: u32) -> Shim {
    Shim::find()
        .unwrap()
        .mode(mode)
        .with("INTERLUDE_ENGINE", "plugin")
        .with("INTERLUDE_PLUGIN_PATH", plugin)
        .with_every_job()
        .with("INTERLUDE_DEADLINE_MS", deadline)
}

/// nginx after the load, all answers being right, and at rest.
fn after_load(shim: Shim) -> Server {
    let place = Workplace::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/certificates")).unwrap();
    let (options, preload) = (WebOptions::default(), Preload::Shim(shim));
    let (reference, server) = place.beside_stock(WebServer::Nginx, &options, &preload).unwrap();
    let reference = reference.whoever_compresses().unwrap();
    let (clients, requests) = LOAD;
    let crowd = Crowd::new(Transport::Plain, clients, requests);
    let tally = crowd.run(server.ports().plain, &reference);
    assert!(tally.clean(), "{tally}");
    assert!(server.wait_for(PATIENCE, Server::rests));
    assert_eq!(server.alarms(), [] as [String; 0]);
    assert_eq!(server.counter("panics"), 0);
    let submitted = server.counter("job.deflate.submitted");
    assert_eq!(server.counter("engine.plugin.submitted"), submitted);
    assert_eq!(server.counter("engine.plugin.completed"), submitted);
    assert_eq!(server.counter("engine.cores.submitted"), 0);
    server
}

/// Of what was submitted nothing has gone wrong.
fn assert_all_well(server: &Server) {
    for never in ["failed", "late", "dropped", "wrong", "redone", "plugin.refused"] {
        assert_eq!(server.counter(&format!("engine.{never}")), 0, "{never}");
    }
    let completed = server.counter("job.deflate.completed");
    assert!(completed > 0);
    assert_eq!(completed, server.counter("job.deflate.submitted"));
}

#[test]
fn in_each_mode_a_plugin_compresses_what_is_whole() {
    for mode in ["coroutine", "block", "spin"] {
        let server =
            after_load(shim(mode, env!("APP_PLUGIN_ZLIB"), LONG).with("INTERLUDE_CHECK", "all"));
        assert_all_well(&server);
        assert_eq!(server.counter("coroutine.parked") > 0, mode == "coroutine", "{mode}");
        assert_eq!(server.counter("engine.plugin.dropped"), 0, "{mode}");
        // Pages that come in pieces are nginx's own.
        assert!(server.counter("bypass.partial") > 0, "{mode}");
        assert!(server.counter("job.deflate.in_place") > 0, "{mode}");
    }
}

#[test]
fn dpdks_drivers_compress_what_is_whole_on_a_thread_of_their_own() {
    let Some(plugin) = interlude_dpdk::plugin_or_skip() else { return };
    for driver in ["compress_isal", "compress_zlib"] {
        let shim = shim("coroutine", plugin, LONG).with("INTERLUDE_CHECK", "all");
        let arguments = format!("vdev={driver}");
        let server = after_load(shim.with("INTERLUDE_PLUGIN_ARGUMENTS", arguments));
        assert_eq!(server.counter("engine.wrong"), 0, "{driver}");
        for never in ["failed", "late", "dropped", "plugin.dropped"] {
            assert_eq!(server.counter(&format!("engine.{never}")), 0, "{driver} {never}");
        }
        assert!(server.counter("job.deflate.completed") > 0, "{driver}");
    }
}

#[test]
fn streams_that_isal_has_taken_over_are_not_mixed_up_with_them() {
    let shim = shim("coroutine", env!("APP_PLUGIN_ZLIB"), LONG);
    let server = after_load(shim.with("INTERLUDE_COMPRESS_WITH", "isal"));
    assert_all_well(&server);
    assert!(server.counter("compress.taken") > 0);
}

#[test]
fn a_plugin_without_a_descriptor_is_polled() {
    let server = after_load(shim("coroutine", env!("APP_PLUGIN_STORES"), LONG));
    assert_all_well(&server);
}

#[test]
fn what_a_plugin_answers_twice_is_dropped() {
    let server = after_load(shim("coroutine", env!("APP_PLUGIN_TWICE"), LONG));
    assert_all_well(&server);
    let submitted = server.counter("engine.plugin.submitted");
    assert!((1..=submitted).contains(&server.counter("engine.plugin.dropped")));
}

#[test]
fn what_a_plugin_refuses_is_done_in_place() {
    let server = after_load(shim("coroutine", env!("APP_PLUGIN_REFUSES"), LONG));
    assert_eq!(server.counter("engine.plugin.submitted"), 0);
    let refused = server.counter("engine.plugin.refused");
    assert!(refused > 0);
    assert_eq!(server.counter("bypass.refused"), refused);
}

#[test]
fn wrong_bytes_are_found_where_everything_is_checked() {
    let shim = shim("coroutine", env!("APP_PLUGIN_WRONG"), LONG);
    let server = after_load(shim.with("INTERLUDE_CHECK", "all"));
    let wrong = server.counter("engine.wrong");
    assert!(wrong > 0);
    assert_eq!(server.counter("engine.redone"), wrong);
    assert!(server.counter("engine.quarantined") > 0);
}

#[test]
fn impossible_lengths_are_failures() {
    let server = after_load(shim("coroutine", env!("APP_PLUGIN_TOO_LONG"), LONG));
    assert!(server.counter("engine.failed") > 0);
    assert_eq!(server.counter("job.deflate.completed"), 0);
}

#[test]
fn what_a_plugin_never_answers_is_done_in_place_after_its_deadline() {
    let server = after_load(shim("coroutine", env!("APP_PLUGIN_NEVER"), 100));
    let late = server.counter("engine.late");
    assert!(late > 0);
    assert_eq!(server.counter("engine.redone"), late);
    assert_eq!(server.counter("job.deflate.completed"), 0);
}

#[test]
fn without_a_plugin_calls_run_in_place_and_one_line_says_why() {
    for (plugin, why) in [
        ("/no/such/plugin.so", "the plugin cannot be loaded: /no/such/plugin.so"),
        (env!("APP_PLUGIN_OPEN_FAILS"), "opens no queue: No such device"),
    ] {
        let server = after_load(shim("coroutine", plugin, LONG));
        assert_eq!(server.counter("engine.plugin.submitted"), 0);
        assert!(server.counter("bypass.refused") > 0);
        let log = server.log();
        let said = log.lines().filter(|line| line.contains(why)).count();
        assert_eq!(said, server.workers().len(), "{log}");
    }
}

/// What `c/hook-calls` says of libdeflate's calls, and the same without what depends on who compresses.
fn libdeflate(preload: &Preload) -> (String, String) {
    let mut command = Command::new(env!("APP_HOOK_CALLS"));
    // A thread has jobs once it has a loop.
    preload.apply(command.args(["epoll-events", "libdeflates"]));
    let output = command.output().unwrap();
    assert!(output.status.success());
    let all = String::from_utf8(output.stdout).unwrap();
    let is_kept = |line: &&str| {
        let is_size = line.contains("_compress(") && line.contains("sizeof(");
        let sums = ["gzip: ", "zlib: ", "deflate: ", "stack: ", "again: "];
        let is_sum = sums.map(|sum| line.starts_with(sum));
        !is_size && !is_sum.contains(&true)
    };
    let kept = all.lines().filter(is_kept).collect::<Vec<_>>().join("\n");
    (all, kept)
}

#[test]
fn libdeflates_buffers_are_the_plugins_and_stand_for_the_same() {
    let (stock, kept) = libdeflate(&Preload::Stock);
    assert!(kept.contains("_decompress(") && kept.contains("past the end"), "{kept}");
    let shim = shim("block", env!("APP_PLUGIN_ZLIB"), LONG).with("INTERLUDE_DEFLATE_MIN", 0);
    let (ours, ours_kept) = libdeflate(&Preload::Shim(shim.with("INTERLUDE_CHECK", "all")));
    let differs = ours_kept.lines().zip(kept.lines()).find(|(ours, stock)| ours != stock);
    assert_eq!((differs, ours_kept.len()), (None, kept.len()));
    // It was the plugin that has compressed.
    assert_ne!(ours, stock);
}

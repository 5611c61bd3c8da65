//! Clients of other make: `scripts/e2e.sh --clients`, shortly.

use crate::{is_missing, place};
use interlude_test_apps::clients::{self, Client, Ran, Shares};
use interlude_test_apps::{KeyKind, Preload, Shim};

/// For each of them.
const HANDSHAKES: usize = 96;
const SHARES: Shares = Shares([25; 4]);

#[test]
fn accept_every_handshake_with_each_kind_of_key() {
    if is_missing() {
        return;
    }
    let shim = Shim::find().unwrap().mode("coroutine").with("INTERLUDE_ENGINE", "simd");
    for key in KeyKind::ALL {
        let preload = Preload::Shim(shim.clone());
        let outcomes = clients::run(key, &preload, HANDSHAKES, SHARES, &place()).unwrap().outcomes;
        assert_eq!(outcomes.len(), 2 * Client::ALL.len());
        for (version, outcome) in outcomes {
            assert!(outcome.is_right(), "{} TLS {version} {outcome}", key.name());
            if outcome.accepted.is_none() {
                println!("skipped: {outcome}");
            }
        }
    }
}

/// Every signature and every secret is wrong, and nothing of ours looks at them.
#[test]
fn accept_no_handshake_that_is_wrong() {
    let shares = ["FAIL", "HANG", "LATE", "TWICE"];
    let shim = shares
        .iter()
        .fold(Shim::find().unwrap(), |shim, share| {
            shim.with(&format!("INTERLUDE_CHAOS_{share}"), 0)
        })
        .mode("coroutine")
        .with("INTERLUDE_ENGINE", "chaos")
        .with_every_job()
        .with("INTERLUDE_CHECK", "none")
        .with("INTERLUDE_CHAOS_DELAY_MAX_US", 0)
        .with("INTERLUDE_CHAOS_WRONG", 100);
    let preload = Preload::Shim(shim);
    let Ran { outcomes, server } =
        clients::run(KeyKind::EcdsaP256, &preload, HANDSHAKES, SHARES, &place()).unwrap();
    let made = outcomes.iter().filter_map(|(_, outcome)| Some((outcome.accepted?, outcome.wanted)));
    let (accepted, asked) =
        made.fold((0, 0), |sum, (accepted, wanted)| (sum.0 + accepted, sum.1 + wanted));
    for (version, outcome) in outcomes {
        let said_why = !outcome.said.is_empty() || outcome.is_right();
        assert!(said_why, "TLS {version} {outcome}");
    }
    // What the server did itself is right: first calls of a thread, and what it took back from the engine while a
    // timer of its own waited. An accepted handshake has an agreement and a signature of that kind.
    for kind in ["derive", "sign"] {
        let by_itself = server.counter(&format!("job.{kind}.in_place"));
        assert!(accepted as u64 <= by_itself, "{accepted} accepted, {by_itself} of {kind}");
    }
    assert!(accepted < asked, "all were accepted");
}

//! Clients of other make: `scripts/e2e.sh --clients`, shortly.

use crate::{is_missing, place};
use interlude_test_apps::clients::{self, Client, Shares};
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
        let outcomes = clients::run(key, &preload, HANDSHAKES, SHARES, &place()).unwrap();
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
        .with("INTERLUDE_MIN_US", 0)
        .with("INTERLUDE_CHECK", "none")
        .with("INTERLUDE_CHAOS_DELAY_MAX_US", 0)
        .with("INTERLUDE_CHAOS_WRONG", 100);
    let preload = Preload::Shim(shim);
    let outcomes =
        clients::run(KeyKind::EcdsaP256, &preload, HANDSHAKES, SHARES, &place()).unwrap();
    for (version, outcome) in outcomes {
        // The first call of a thread is made in place.
        let accepted = outcome.accepted.unwrap_or(0);
        assert!(accepted <= 2, "TLS {version} {outcome}");
        assert!(outcome.accepted.is_none() || !outcome.said.is_empty(), "{outcome}");
    }
}

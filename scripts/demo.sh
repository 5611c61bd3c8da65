#!/usr/bin/env bash
# Shows the two things that Interlude is for, on this machine, in about a minute after the build:
# more TLS handshakes from an unmodified nginx, and small requests that no longer wait for them.
#
# Exit codes: 0 shown, 1 something failed, 2 no Rust.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PATH:${HOME:-/root}/.cargo/bin"

scripts/setup.sh
echo "Building."
cargo build --release --quiet -p interlude-shim -p interlude-cli -p interlude-test-apps \
    --lib --bin interlude --bin tls-storm
interlude=${CARGO_TARGET_DIR:-target}/release/interlude

echo
echo "Full TLS handshakes with RSA-2048: stock nginx, then the same nginx whose signatures are made"
echo "by helper threads while the worker sleeps (block) and while it serves others (coroutine)."
echo
"$interlude" bench handshake --seconds 2 --rounds 2 --modes block,coroutine

echo
echo "Small plain GETs while RSA-4096 handshakes storm the same worker."
echo
"$interlude" bench mixed --seconds 2 --rounds 2 --modes coroutine

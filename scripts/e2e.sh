#!/bin/sh
# The end-to-end matrix, long: stock nginx and lighttpd, alone and under libinterlude.so in each
# mode, must answer alike. Prints a line a case; exits 1 on any difference, 2 on bad usage.
#
#   scripts/e2e.sh                        everything, 100000 requests a case: hours
#   scripts/e2e.sh --requests 5000        the same, shorter
#   scripts/e2e.sh --only "nginx coroutine tls1.3"
#   scripts/e2e.sh --config FILE          over another engine, as that TOML file says
#   scripts/e2e.sh --sizes 1-32768        only pages of so many bytes
#   scripts/e2e.sh --growth [REQUESTS]    memory and open files over 200000 requests
#   scripts/e2e.sh --aborts [CONNECTIONS] the same over 100000 connections reset while parked
#   scripts/e2e.sh --stall                how long a loop stands when its engine comes to hang
#   scripts/e2e.sh --reloads [TIMES]      200 reloads of each server under load
#   scripts/e2e.sh --aborts --server nginx    of these four (from --growth on) for one of both servers
#   scripts/e2e.sh --infer [REQUESTS]     the inference server's answers and their order, 100000 an engine
#   scripts/e2e.sh --clients [HANDSHAKES] 100000 full handshakes over the engine simd, by rustls, openssl
#                                         s_client and curl over OpenSSL and GnuTLS: each has to accept all
#   scripts/e2e.sh --help                 all options
set -eu
cd "$(dirname "$0")/.."
cargo build --quiet --release -p interlude-shim -p interlude-test-apps --bin e2e --bin tls-storm --lib
target=${CARGO_TARGET_DIR:-target}
exec "$target/release/e2e" --certificates "$target/certificates" "$@"

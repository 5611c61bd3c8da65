#!/bin/sh
# Stock nginx and lighttpd under libinterlude.so and everything at once, over an engine that does
# all that an engine can do wrong; every answer is checked. Prints a line a round and a summary;
# exits 1 on any finding, 2 on bad usage.
#
#   scripts/soak.sh                       ten minutes over the chaos engine
#   scripts/soak.sh --seconds 60 --reload shorter, nginx reloaded every second
#   scripts/soak.sh --engine cores        over another engine: chaos, cores, inline, simd
#   scripts/soak.sh --isal                with compress.with = "isal": what bodies stand for is compared
#   scripts/soak.sh --engine stock        what the same load does to the servers alone
#   scripts/soak.sh --server nginx --clients http2 --reload 200    some clients of one server, reloaded so often
#   scripts/soak.sh --help                all options
set -eu
cd "$(dirname "$0")/.."
cargo build --quiet --release -p interlude-shim -p interlude-test-apps --bin soak --lib
target=${CARGO_TARGET_DIR:-target}
exec "$target/release/soak" "$@"

#!/usr/bin/env bash
# Everything that has to hold before a change goes in: formatting, lints, the build, all tests.
# The last line is cargo's "test result: ...", summed up; a step that fails counts as one failure.
#
#   scripts/test.sh [ARGUMENTS of cargo test, such as a test's name]
#
# Exit codes: 0 all well, 1 something failed, 2 no Rust.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PATH:${HOME:-/root}/.cargo/bin"

scripts/setup.sh

begun=$(date +%s.%N)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
failed=()

step() {
    local began=$SECONDS
    echo "== $*"
    "$@" || failed+=("$*")
    echo "== $((SECONDS - began)) s: $*"
}

# Most of them wait for servers: so there are more of them at a time than processors.
tests() {
    RUST_TEST_THREADS=${RUST_TEST_THREADS:-$((2 * $(nproc)))} cargo test --workspace --release --no-fail-fast "$@" 2>&1 | tee "$log"
}

# The queues and a shared device under loom, in every order of their threads' steps: another build of two crates.
models() {
    RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom \
        cargo test -p interlude-device -p interlude-offload --release --tests 2>&1 | tee -a "$log"
}

# Adds up a column of cargo's result lines: "passed", "failed", "ignored", ...
total() {
    awk -v what="$1" '/^test result: / {
        for (i = 2; i <= NF; i++) if ($i == what || $i == what ";") sum += $(i - 1)
    } END { print sum + 0 }' "$log"
}

step cargo fmt --all --check
# (In the profile of the build: its build scripts and macros are the same.)
step cargo clippy --workspace --all-targets --release -- -D warnings
if command -v shellcheck >/dev/null; then
    step shellcheck scripts/*.sh .ci/run
fi
# Before the tests: they look for the library and the programs where this puts them.
step cargo build --workspace --release
if [ ${#failed[@]} -eq 0 ] || [ "${failed[-1]}" != "cargo build --workspace --release" ]; then
    step tests "$@"
fi
if [ $# -eq 0 ]; then
    step scripts/abi.sh
    step models
    step scripts/sanitize.sh --short
fi

count=$(total failed)
for name in "${failed[@]}"; do
    echo "failed: $name"
    # Tests that failed are counted by cargo; where it got as far as none, the step itself is.
    if [[ ($name != tests* && $name != models) || $count = 0 ]]; then count=$((count + 1)); fi
done
verdict=ok
[ "$count" = 0 ] || verdict=FAILED
printf 'test result: %s. %s passed; %s failed; %s ignored; %s measured; %s; finished in %.2fs\n' \
    "$verdict" "$(total passed)" "$count" "$(total ignored)" "$(total measured)" \
    "$(total filtered) filtered out" "$(awk -v a="$begun" -v b="$(date +%s.%N)" 'BEGIN { print b - a }')"
[ "$count" = 0 ]

#!/usr/bin/env bash
# Looks for memory errors: the library's own code under AddressSanitizer, inside unmodified servers and
# in unit tests; the unit tests that switch no stacks under valgrind, too.
#
#   scripts/sanitize.sh [--short]    --short: the unit tests and one small server; a minute or two
#
# Exit codes: 0 no errors, 1 an error was found or a test failed, 2 bad usage or a tool is missing.
#
# Heap and globals are checked, frames are not (-asan-stack=0): a slice is laid back over a stack whose
# shadow is another coroutine's. valgrind takes a slice that is laid back for writes below the stack
# pointer, so the crate that does it is left out there. What is built lies in target/asan; reports of
# servers in target/asan/reports.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PATH:${HOME:-/root}/.cargo/bin"

TARGET=x86_64-unknown-linux-gnu
CRATES=(-p interlude-core -p interlude-fiber -p interlude-offload)
SERVER_TESTS=(
    "--test apps -- echo:: epoll_held:: meanwhile:: relay:: two_messages:: mutex_across:: threads::"
    "--test parked"
    "--test aborts"
    "--test lifecycle"
    "--test chaos"
)
SHORT_TESTS=("--test apps -- epoll_held::beside two_messages::")

say() { echo "sanitize: $*" >&2; }
fail() { say "$2"; exit "$1"; }

# The C compiler of libraries that crates build, without the sanitizer: ISA-L's configure links its trials
# statically, which gcc does not do with it, and the library is mostly assembly.
plain_cc() {
    local cc=$PWD/target/asan/cc
    mkdir -p target/asan
    cat >"$cc" <<'END'
#!/usr/bin/env bash
words=()
for word; do [[ $word == -fsanitize=* ]] || words+=("$word"); done
exec cc "${words[@]}"
END
    chmod +x "$cc"
    echo "$cc"
}

# A build with the sanitizer. It is an unstable option of a compiler that has it all the same.
with_asan() {
    CC_x86_64_unknown_linux_gnu=$(plain_cc) RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address -Cllvm-args=-asan-stack=0" \
        cargo "$1" --release --target "$TARGET" --target-dir target/asan "${@:2}"
}

unit_tests_under_asan() {
    with_asan test "${CRATES[@]}" --lib
}

unit_tests_under_valgrind() {
    CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="valgrind -q --error-exitcode=1 --leak-check=no" \
        cargo test --release -p interlude-core -p interlude-offload --lib || return 1
    # zlib's streams on ISA-L and libdeflate: also what is not freed. (valgrind has no AVX-512: their other code.)
    CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="valgrind -q --vex-iropt-register-updates=allregs-at-mem-access --error-exitcode=1 --leak-check=full \
        --show-leak-kinds=definite --errors-for-leak-kinds=definite" \
        cargo test --release -p interlude-deflate --test differential --test inflate -- \
        streams:: whole:: --skip gigabytes --skip any_split --skip noise || return 1
    # libdeflate's own functions. (`--test buffer`, which compares every size and level, takes minutes here.)
    CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="valgrind -q --vex-iropt-register-updates=allregs-at-mem-access --error-exitcode=1 --leak-check=full \
        --show-leak-kinds=definite --errors-for-leak-kinds=definite" \
        cargo test --release -p interlude-deflate --test hosted
}

servers_under_asan() {
    local reports=$PWD/target/asan/reports runtime status=0 words tests
    runtime=$(readlink -f "$(cc -print-file-name=libasan.so)")
    with_asan build -p interlude-shim || return 1
    cargo build --workspace --release || return 1
    rm -rf "$reports"
    # Workers that have given up their privileges write there, too.
    mkdir -p "$reports"
    chmod 1777 "$reports"
    for tests in "$@"; do
        read -ra words <<<"$tests"
        INTERLUDE_LIB=$PWD/target/asan/$TARGET/release/libinterlude.so INTERLUDE_LIB_BEFORE=$runtime \
            ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0:log_path=$reports/report \
            cargo test --release -p interlude-test-apps "${words[@]}" || status=1
    done
    # A server may end as it should in spite of an error in a child of its own.
    if grep -rh -A 12 "ERROR: AddressSanitizer" "$reports" >&2; then status=1; fi
    return "$status"
}

failed=()
step() {
    echo "== $*"
    "$@" || failed+=("$1")
}

main() {
    command -v cargo >/dev/null || fail 2 "cargo is missing; install Rust (https://rustup.rs)"
    command -v valgrind >/dev/null || fail 2 "valgrind is missing; scripts/setup.sh installs it"
    [ -e "$(cc -print-file-name=libasan.so)" ] || fail 2 "libasan.so is missing; it comes with gcc"
    step unit_tests_under_asan
    step unit_tests_under_valgrind
    step servers_under_asan "$@"
    [ ${#failed[@]} -eq 0 ] || fail 1 "failed: ${failed[*]}"
    say "no errors"
}

case "$*" in
    "") main "${SERVER_TESTS[@]}" ;;
    --short) main "${SHORT_TESTS[@]}" ;;
    -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0" ;;
    *) fail 2 "unknown argument: $*; see $0 --help" ;;
esac

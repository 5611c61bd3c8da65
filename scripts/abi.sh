#!/usr/bin/env bash
# The library exports what its table names, the start of a program, and vfork: nothing more, nothing
# less.
#
#   scripts/abi.sh [LIBRARY]     default: target/release/libinterlude.so
#
# Exit codes: 0 they are the same, 1 they differ (the difference is printed), 2 no library.
set -euo pipefail
cd "$(dirname "$0")/.."
library=${1:-${CARGO_TARGET_DIR:-target}/release/libinterlude.so}
if [ ! -r "$library" ]; then
    echo "abi: no library at $library; build it, or name one" >&2
    exit 2
fi
exports() {
    nm -D --defined-only "$library" | awk '{ sub(/@.*/, "", $3); print $3 }' | sort
}
table() {
    echo __libc_start_main
    echo vfork
    objcopy -O binary --only-section=.interlude.hooks "$library" /dev/stdout | awk '{ print $2 }'
}
if ! diff <(table | sort) <(exports); then
    echo "abi: < only in the table, > only exported" >&2
    exit 1
fi
echo "abi: $(exports | wc -l) exports, as the table says"

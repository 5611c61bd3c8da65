#!/usr/bin/env bash
# The same calls at zlib and at what stands for it (compress.with = "isal"), made up at random, for as long as one
# likes: deflate's and inflate's answers, fields and bytes are compared after each call. Prints the seed and, as it
# goes, how many cases were played. What differs is made as short as it can be and saved beside the tests
# (shim/deflate/tests/*.proptest-regressions), where every later run of the tests begins with it.
#
#   scripts/fuzz.sh                       ten minutes: deflate by each policy, and inflate
#   scripts/fuzz.sh --seconds 3600        an hour
#   scripts/fuzz.sh --seconds 60 --only inflate --seed 7
#
# Exit codes: 0 no difference, 1 a difference or a failure, 2 bad usage.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PATH:${HOME:-/root}/.cargo/bin"

seconds=600
seed=$$
only=
# The test, and the policy.
deflate=("differential never-bigger" "differential balanced" "differential fastest")

usage() { echo "fuzz: $*; see $0 --help" >&2; exit 2; }

while [ $# -gt 0 ]; do
    case "$1" in
        --seconds | --seed | --only)
            [ $# -gt 1 ] || usage "$1 takes a value"
            declare "${1#--}=$2"
            shift 2
            ;;
        -h | --help)
            sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"
            exit 0
            ;;
        *) usage "unknown argument: $1" ;;
    esac
done
[[ $seconds =~ ^[1-9][0-9]{0,6}$ ]] || usage "--seconds $seconds: must be a number"
[[ $seed =~ ^[0-9]{1,18}$ ]] || usage "--seed $seed: must be a number"
case "$only" in
    "") tests=("${deflate[@]}" inflate) ;;
    deflate) tests=("${deflate[@]}") ;;
    inflate) tests=(inflate) ;;
    *) usage "--only $only: must be deflate or inflate" ;;
esac

log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
for test in "${tests[@]}"; do
    echo "== $test, seed $seed" | tee -a "$log"
    read -r test policy <<<"$test"
    INTERLUDE_TEST_OTHER_POLICY=$policy INTERLUDE_FUZZ_SECONDS=$((seconds / ${#tests[@]})) INTERLUDE_FUZZ_SEED=$seed \
        cargo test --quiet --release -p interlude-deflate --test "$test" -- \
        --ignored --exact for_a_long_time --nocapture 2>&1 | tee -a "$log" || status=1
done
# The last count of each.
cases=$(awk '/^== / { sum += last; last = 0 } / s: [0-9]+ cases; / { last = $3 } END { print sum + last }' "$log")
if [ "$status" = 0 ]; then
    echo "fuzz: $cases cases in $seconds s, seed $seed: no difference"
else
    echo "fuzz: a difference or a failure after at least $cases cases, seed $seed; what failed is saved" \
        "in shim/deflate/tests/*.proptest-regressions" >&2
fi
exit "$status"

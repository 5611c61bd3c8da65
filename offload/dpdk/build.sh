#!/usr/bin/env bash
# Builds libinterlude_dpdk.so, a plugin for `engine = "plugin"`, over Debian's libdpdk-dev 22.11 (which
# nothing else needs: apt-get install --no-install-recommends libdpdk-dev).
#
#   offload/dpdk/build.sh [OUTPUT]      by default, libinterlude_dpdk.so here
#
# Exit codes: 0 it is there, 1 it does not build, 2 bad usage, 3 there is no libdpdk.
#
# DPDK's part is linked statically, and whole: its drivers register in constructors. As shared libraries, the EAL
# would load every driver that is installed. Its symbols stay inside.
set -euo pipefail

[ $# -le 1 ] || { echo "usage: $0 [OUTPUT]" >&2; exit 2; }
OUTPUT=${1:-libinterlude_dpdk.so}
HERE="$(cd "$(dirname "$0")" && pwd)"
LIBRARIES=(eal kvargs telemetry ring mempool mempool_ring mbuf bus_vdev compressdev compress_isal compress_zlib)

absent() { echo "no libinterlude_dpdk.so: $1 (apt-get install libdpdk-dev)" >&2; exit 3; }

pkg-config --exists 'libdpdk >= 22.11' 'libdpdk < 22.12' 2>/dev/null || absent "there is no libdpdk 22.11"
folder=$(pkg-config --variable=libdir libdpdk)
archives=()
for library in "${LIBRARIES[@]}"; do
    [ -f "$folder/librte_$library.a" ] || absent "there is no librte_$library.a"
    archives+=("$folder/librte_$library.a")
done
# c/quiet.c has these for DPDK.
wraps=()
for name in openlog __syslog_chk __printf_chk puts putchar __fprintf_chk; do wraps+=("-Wl,--wrap=$name"); done
read -ra flags < <(pkg-config --cflags libdpdk)

# compressdev is experimental in 22.11, the release that this is for.
"${CC:-cc}" -O2 -g -fPIC -shared -fvisibility=hidden -Wall -Wextra -Werror -D_GNU_SOURCE \
    -DALLOW_EXPERIMENTAL_API "${flags[@]}" -I"$HERE/../plugin/include" -I"$HERE/c" -o "$OUTPUT" \
    "$HERE"/c/{plugin,compress,eal,quiet}.c "${wraps[@]}" -Wl,--whole-archive "${archives[@]}" -Wl,--no-whole-archive \
    -Wl,--exclude-libs,ALL -Wl,-z,defs -lisal -lz -lbsd -lnuma -lpthread -ldl -lm

#!/bin/sh
# Runs the benchmarks beside the programs of others: bench.sh [NAME…], names of tests/bench/src/bin (without one: all).
# Installs what is missing: a Python environment in tests/bench/target, libmodbus from Debian. What cannot be installed
# is said, and left out of the tables.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top/tests/bench"
mkdir -p target
python=$(../../packaging/python.sh target/venv peers/requirements.txt) || echo "the Python packages could not be installed" >&2
if ! pkg-config --exists libmodbus 2>/dev/null; then
    sudo=""
    [ "$(id -u)" -eq 0 ] || sudo="sudo -n"
    echo "installing Debian packages: libmodbus-dev"
    { $sudo apt-get update -qq && $sudo apt-get install -y -qq --no-install-recommends libmodbus-dev >/dev/null; } ||
        echo "libmodbus-dev could not be installed" >&2
fi
if pkg-config --exists libmodbus 2>/dev/null; then
    # shellcheck disable=SC2046  # several words are meant
    cc -O2 -Wall -o target/libmodbus_master peers/libmodbus_master.c $(pkg-config --cflags --libs libmodbus)
fi
cargo build --quiet --release --bins
export BENCH_PYTHON="${python:+$PWD/$python}" BENCH_LIBMODBUS="$PWD/target/libmodbus_master"
[ $# -gt 0 ] || set -- decoders lines buses
for name in "$@"; do
    if [ "$name" = buses ]; then
        cargo build --quiet --release --bin depotd --bin depotctl --manifest-path "$top/Cargo.toml"
        export BENCH_DEPOTD="$top/target/release"
    fi
    echo "## $name"
    "target/release/$name"
done

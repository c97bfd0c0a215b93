#!/bin/sh
# Installs what building packages needs and the machine lacks: deb-deps.sh ARCHITECTURE. Says what it does.
set -eu
architecture=$1
native=$(dpkg --print-architecture)
"$(dirname "$0")/build-deps.sh"
missing=""
command -v dpkg-shlibdeps >/dev/null 2>&1 || missing="$missing dpkg-dev"
if [ "$architecture" != "$native" ]; then
    # For example crossbuild-essential-arm64: gcc-aarch64-linux-gnu and the C library for it.
    dpkg -s "crossbuild-essential-$architecture" >/dev/null 2>&1 || missing="$missing crossbuild-essential-$architecture"
    dpkg -s "libsystemd-dev:$architecture" >/dev/null 2>&1 || missing="$missing libsystemd-dev:$architecture"
fi
if [ -n "$missing" ]; then
    sudo=""
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    echo "installing Debian packages:$missing"
    if [ "$architecture" != "$native" ]; then $sudo dpkg --add-architecture "$architecture"; fi
    $sudo apt-get update -qq
    # shellcheck disable=SC2086 # a list of words
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi
if [ "$architecture" = arm64 ] && command -v rustup >/dev/null 2>&1; then
    rustup --quiet target add aarch64-unknown-linux-gnu
fi
cargo deb --version >/dev/null 2>&1 || { echo "installing cargo-deb"; cargo install --locked --quiet cargo-deb; }

#!/bin/sh
# Installs what the build needs and the machine lacks: pkg-config, libsystemd headers, a C compiler for SQLite.
set -eu
missing=""
command -v pkg-config >/dev/null 2>&1 || missing="$missing pkg-config"
pkg-config --exists libsystemd 2>/dev/null || missing="$missing libsystemd-dev"
command -v cc >/dev/null 2>&1 || missing="$missing gcc libc6-dev"
command -v cargo >/dev/null 2>&1 || { echo "cargo is missing: install Rust 1.89 or newer (https://rustup.rs)" >&2; exit 69; }
[ -n "$missing" ] || exit 0
sudo=""
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || { echo "please install:$missing" >&2; exit 77; }
    sudo="sudo"
fi
echo "installing Debian packages:$missing"
$sudo apt-get update -qq
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null

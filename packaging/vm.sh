#!/bin/sh
# Tests the packages in a virtual machine with systemd, serial lines and SocketCAN: vm.sh [--cuts N] [--seed N] [--only WORD]
# Installs qemu and mmdebstrap; the disk of the machine is made of Debian packages, once.
set -eu
cd "$(dirname "$0")/.."
architecture=$(dpkg --print-architecture)
[ "$architecture" = amd64 ] || { echo "vm.sh: made for amd64 machines, this is $architecture" >&2; exit 69; }
missing=""
for pair in qemu-system-x86_64:qemu-system-x86 qemu-img:qemu-utils mmdebstrap:mmdebstrap mke2fs:e2fsprogs python3:python3; do
    command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair##*:}"
done
if [ -n "$missing" ]; then
    sudo=""
    [ "$(id -u)" -eq 0 ] || sudo="sudo -n"
    echo "installing Debian packages:$missing"
    $sudo apt-get update -qq
    # shellcheck disable=SC2086 # several words are meant
    $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi
tests/vm/image.sh target/vm
exec python3 -u tests/vm/main.py --images target/vm --deb "$(ls target/debian/depotd_*_amd64.deb)" \
    --sim-deb "$(ls target/debian/depotd-sim_*_amd64.deb)" \
    --depotsim target/package/x86_64-unknown-linux-gnu/release/depotsim "$@"

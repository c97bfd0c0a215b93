#!/bin/sh
# Checks the packages in target/debian/ and what is in them: lintian, exposure of the unit, manual pages, sizes, files.
set -eu
cd "$(dirname "$0")/.."
architecture=${1:-$(dpkg --print-architecture)}
exposure_shipped=17 # tenths
exposure_pinned=15
largest_program=$((8 * 1000 * 1000))
largest_package=$((4 * 1000 * 1000))

missing=""
for tool in lintian mandoc man shellcheck; do
    package=$tool
    [ $tool != man ] || package="man-db groff"
    command -v $tool >/dev/null 2>&1 || missing="$missing $package"
done
command -v systemd-analyze >/dev/null 2>&1 || missing="$missing systemd"
if [ -n "$missing" ]; then
    sudo=""
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    echo "installing Debian packages:$missing"
    $sudo apt-get update -qq
    # shellcheck disable=SC2086 # a list of words
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

faults=0
fault() {
    echo "FAULT $*" >&2
    faults=$((faults + 1))
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# One package each, the newest.
daemon=$(ls -t target/debian/depotd_*_"$architecture".deb | head -n 1)
sim=$(ls -t target/debian/depotd-sim_*_"$architecture".deb | head -n 1)

for package in "$daemon" "$sim"; do
    size=$(stat -c %s "$package")
    echo "$package: $size octets"
    [ "$size" -le $largest_package ] || fault "$package is larger than $largest_package octets"
    # lintian warns about root by itself; that is no tag.
    tags=$(lintian -I --pedantic --show-overrides --fail-on none "$package" 2>/dev/null | tee "$work/lintian")
    [ -z "$tags" ] || echo "$tags"
    ! grep -q '^[EWI]: ' "$work/lintian" || fault "lintian has something against $package"
    needs=$(dpkg-deb -f "$package" Depends | sed 's/([^)]*)//g' | tr -d ' ')
    for need in $(echo "$needs" | tr , ' '); do
        # libc6 itself depends on libgcc-s1.
        case $need in libc6 | libgcc-s1 | libsystemd0) ;; *) fault "$package depends on $need" ;; esac
    done
done

dpkg-deb -x "$daemon" "$work/root"
dpkg-deb -x "$sim" "$work/root"
for program in depotd depotctl depotsim; do
    size=$(stat -c %s "$work/root/usr/bin/$program")
    echo "$program: $size octets"
    [ "$size" -le $largest_program ] || fault "$program is larger than $largest_program octets"
    ! strings -n 6 "$work/root/usr/bin/$program" | grep -qF -e "$HOME/" -e "$(pwd -P)" || fault "$program holds a path of this machine"
done
for call in __memcpy_chk __memmove_chk __stack_chk_fail; do
    nm -D "$work/root/usr/bin/depotd" | grep -qw $call || fault "SQLite is built without its hardening: no $call"
done
for file in \
    etc/depotd/depotd.toml usr/lib/systemd/system/depotd.service usr/lib/sysusers.d/depotd.conf \
    usr/lib/tmpfiles.d/depotd.conf usr/lib/udev/rules.d/61-depotd.rules usr/share/depotd/profiles/cn-pile-v2.toml \
    usr/share/man/man8/depotd.8.gz usr/share/man/man5/depotd.toml.5.gz usr/share/man/man1/depotctl.1.gz \
    usr/share/man/man1/depotsim.1.gz usr/share/bash-completion/completions/depotctl \
    usr/share/zsh/vendor-completions/_depotctl usr/share/fish/vendor_completions.d/depotctl.fish \
    usr/share/doc/depotd/copyright usr/share/doc/depotd/changelog.Debian.gz \
    usr/share/doc/depotd/examples/addresses.conf usr/share/doc/depotd/examples/70-depotd-lines.rules; do
    [ -s "$work/root/$file" ] || fault "$file is missing"
done
[ "$(dpkg-deb -I "$daemon" conffiles)" = /etc/depotd/depotd.toml ] || fault "depotd.toml is no conffile"

# The unit, as shipped and with the drop-in that pins addresses.
unit=$work/root/usr/lib/systemd/system/depotd.service
sed -i "s#=/usr/bin/depotd#=$work/root/usr/bin/depotd#" "$unit"
if [ "$architecture" = "$(dpkg --print-architecture)" ]; then
    systemd-analyze verify --man=no "$unit" || fault "systemd-analyze verify"
    "$work/root/usr/bin/depotd" check --config "$work/root/etc/depotd/depotd.toml" || fault "the shipped configuration"
    for command in $("$work/root/usr/bin/depotctl" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
        zcat "$work/root/usr/share/man/man1/depotctl.1.gz" | grep -qw "$command" || [ "$command" = help ] ||
            fault "depotctl(1) does not name $command"
    done
fi
exposure() { systemd-analyze security --no-pager --offline=true "$unit" | sed -n 's/.*exposure level.*: \([0-9.]*\) .*/\1/p'; }
shipped=$(exposure)
# Offline analysis reads no drop-ins: the same lines at the end of the unit say the same.
cat "$work/root/usr/share/doc/depotd/examples/addresses.conf" >>"$unit"
pinned=$(exposure)
echo "exposure: $shipped as shipped, $pinned with addresses.conf"
[ "$(echo "$shipped" | tr -d .)" -le $exposure_shipped ] || fault "exposure $shipped as shipped"
[ "$(echo "$pinned" | tr -d .)" -le $exposure_pinned ] || fault "exposure $pinned with addresses.conf"

for page in packaging/man/*; do
    mandoc -Tlint -Wwarning "$page" || fault "mandoc: $page"
    said=$(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -l -Tutf8 -Z "$page" 2>&1 >/dev/null)
    [ -z "$said" ] || fault "man: $page: $said"
done
shellcheck -S warning packaging/*.sh || fault "shellcheck"

[ "$faults" -eq 0 ] || { echo "$faults faults" >&2; exit 1; }
echo "the packages are sound"

#!/bin/sh
# Builds depotd and depotd-sim as Debian packages into target/debian/: deb.sh [amd64|arm64], by default for this machine.
# The same source gives the same bytes, wherever and whenever it is built: paths are mapped, times are the changelog's.
set -eu
cd "$(dirname "$0")/.."
here=$(pwd -P)
native=$(dpkg --print-architecture)
architecture=${1:-$native}
case $architecture in
    amd64) triple=x86_64-unknown-linux-gnu; gnu=x86_64-linux-gnu ;;
    arm64) triple=aarch64-unknown-linux-gnu; gnu=aarch64-linux-gnu ;;
    *) echo "deb.sh: no recipe for $architecture; known: amd64, arm64" >&2; exit 64 ;;
esac
packaging/deb-deps.sh "$architecture"

SOURCE_DATE_EPOCH=$(date -d "$(sed -n 's/^ -- .*>  //p;T;q' packaging/debian/changelog)" +%s)
cargo_home=$(cd "${CARGO_HOME:-$HOME/.cargo}" && pwd -P)
RUSTFLAGS="--remap-path-prefix=$here=/usr/src/depotd --remap-path-prefix=$cargo_home=/usr/src/cargo"
# Addresses of tables as a bit map, half a megabyte less: Debian 12's libc is the first that knows it.
RUSTFLAGS="$RUSTFLAGS -Clink-arg=-Wl,-z,pack-relative-relocs"
CFLAGS="-O2 -g0 -fstack-protector-strong -D_FORTIFY_SOURCE=2 -ffile-prefix-map=$here=/usr/src/depotd -ffile-prefix-map=$cargo_home=/usr/src/cargo"
# A target folder of its own: these flags would make every other release build start anew.
CARGO_TARGET_DIR=$here/target/package
export SOURCE_DATE_EPOCH RUSTFLAGS CFLAGS CARGO_TARGET_DIR LC_ALL=C TZ=UTC
umask 022

strip="strip"
if [ "$architecture" != "$native" ]; then
    strip=$gnu-strip
    linker=$(echo "$triple" | tr 'a-z-' 'A-Z_')
    export "CARGO_TARGET_${linker}_LINKER=$gnu-gcc" PKG_CONFIG_ALLOW_CROSS=1
    export "PKG_CONFIG_LIBDIR=/usr/lib/$gnu/pkgconfig:/usr/share/pkgconfig"
fi
cargo build --locked --release --bins --target "$triple"

# Completions come from the program itself, so from one that runs here.
tool=$CARGO_TARGET_DIR/$triple/release/depotctl
if [ "$architecture" != "$native" ]; then
    env -u PKG_CONFIG_LIBDIR cargo build --locked --release --bin depotctl
    tool=$CARGO_TARGET_DIR/release/depotctl
fi
mkdir -p target/completions target/debian
rm -f target/debian/*"_$architecture.deb"
for shell in bash zsh fish; do "$tool" completions $shell >"target/completions/depotctl.$shell"; done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for name in depotd depotd-sim; do
    [ $name = depotd ] && variant="" || variant="--variant=sim"
    # shellcheck disable=SC2086 # no variant is no argument
    cargo deb --locked --quiet --no-build --target "$triple" $variant --output "$work/$name.deb" >/dev/null
    # What cargo-deb leaves out: checksums of the files, a synopsis per package, programs without the compiler's names.
    root=$work/$name
    dpkg-deb -R "$work/$name.deb" "$root"
    "$strip" --strip-unneeded --remove-section=.comment "$root"/usr/bin/*
    [ $name = depotd ] || sed -i 's/^Description: .*/Description: Depot and platform in software, to try depotd without hardware/' "$root/DEBIAN/control"
    (cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
    find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    version=$(dpkg-deb -f "$work/$name.deb" Version)
    [ "$version" = "$(sed -n '1s/.*(\(.*\)).*/\1/p' packaging/debian/changelog)" ] || { echo "deb.sh: the changelog does not begin with $version" >&2; exit 65; }
    dpkg-deb --root-owner-group -Zxz -b "$root" "target/debian/${name}_${version}_$architecture.deb"
done

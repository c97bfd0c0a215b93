#!/bin/bash
# Builds the disk of the virtual machine from Debian packages: Debian 12 with systemd, a kernel with CAN, and an agent
# on the virtio console that runs what the test says. No image is downloaded.
#   image.sh DIR        makes DIR/base.img, DIR/vmlinuz, DIR/initrd.img; does nothing when they are newer than this file
set -eu
dir=$1
here=$(dirname "$0")
if [ -e "$dir/base.img" ] && [ "$dir/base.img" -nt "$0" ] && [ "$dir/base.img" -nt "$here/agent.sh" ]; then
    exit 0
fi
mkdir -p "$dir"
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
packages=systemd,systemd-sysv,dbus,udev,kmod,iproute2,can-utils,initramfs-tools,linux-image-amd64,procps,adduser
packages=$packages,iptables,sqlite3,util-linux-extra
echo "vm: installing Debian 12 into a disk image"
mmdebstrap --quiet --variant=minbase --include="$packages" bookworm "$tree"
cp "$tree"/boot/vmlinuz-* "$dir/vmlinuz"
cp "$tree"/boot/initrd.img-* "$dir/initrd.img"
install -m 0755 "$here/agent.sh" "$tree/usr/local/sbin/agent"
cat > "$tree/etc/systemd/system/agent.service" <<UNIT
[Unit]
Description=Runs what the test outside says
DefaultDependencies=no
After=local-fs.target dbus.socket
[Service]
ExecStart=/usr/local/sbin/agent
Restart=always
[Install]
WantedBy=sysinit.target
UNIT
ln -s /etc/systemd/system/agent.service "$tree/etc/systemd/system/sysinit.target.wants/agent.service"
# The state of the station has a disk of its own: it can be filled up, and it is what power cuts must not harm.
cat > "$tree/etc/fstab" <<FSTAB
/dev/vda / ext4 rw,noatime 0 1
/dev/vdb /var/lib/depotd ext4 rw,noatime 0 2
/dev/vdc /payload ext4 ro 0 0
FSTAB
mkdir -p "$tree/payload" "$tree/var/lib/depotd"
printf 'slcan\nvcan\ncan_raw\n' > "$tree/etc/modules-load.d/can.conf"
printf '[Match]\nName=en* eth*\n[Network]\nAddress=10.0.2.15/24\n' > "$tree/etc/systemd/network/test.network"
ln -sf /lib/systemd/system/systemd-networkd.service "$tree/etc/systemd/system/multi-user.target.wants/"
echo depot > "$tree/etc/hostname"
# Nothing else that takes time at each of many boots.
for unit in systemd-networkd-wait-online.service apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer \
    fstrim.timer man-db.timer getty@tty1.service systemd-timesyncd.service; do
    ln -sf /dev/null "$tree/etc/systemd/system/$unit"
done
rm -rf "$tree/var/cache/apt" "$tree/usr/share/doc" "$tree/usr/share/man" "$tree/usr/share/locale"
mkdir -p "$tree/var/cache/apt/archives/partial"
mke2fs -q -t ext4 -d "$tree" "$dir/base.img.new" 1600M
mv "$dir/base.img.new" "$dir/base.img"

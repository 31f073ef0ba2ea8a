#!/bin/sh
# Turns a bare Debian tree into a lab PC that has no identity of its own yet.
# Run by mmdebstrap with the tree's root as its one argument.
set -eu
root=$1

echo 'en_US.UTF-8 UTF-8' >"$root/etc/locale.gen"
chroot "$root" locale-gen >/dev/null
echo 'LANG=en_US.UTF-8' >"$root/etc/default/locale"

chroot "$root" useradd --create-home --uid 1000 --shell /bin/bash --groups sudo,adm sam
chroot "$root" useradd --create-home --uid 1001 --shell /bin/bash kim
echo 'sam:sam' | chroot "$root" chpasswd
echo 'kim:kim' | chroot "$root" chpasswd
echo 'sam ALL=(ALL:ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/sam"
chmod 0440 "$root/etc/sudoers.d/sam"

# As iputils-ping does itself when it finds setcap; here it is unpacked too early for that.
chroot "$root" setcap cap_net_raw+ep /usr/bin/ping

# A lab PC has no route out: package timers would only fail at a random moment, holding apt's lock.
for timer in apt-daily.timer apt-daily-upgrade.timer; do
    ln -sf /dev/null "$root/etc/systemd/system/$timer"
done
rm -f "$root/etc/apt/sources.list"

# Every PC gets its own when its disk is made.
rm -f "$root"/etc/ssh/ssh_host_*
: >"$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id"
mkdir -p "$root/.snapshots" "$root/var/log/journal"

#!/bin/bash
# systemd-up.sh DIR up | enter CMD... | down
# Boots this machine's own systemd as PID 1 of namespaces of its own: pid, mount, net, uts, ipc, cgroup. Its root is this
# machine's, as a lower layer nothing is written to; what is changed lies in memory and goes with it. Beside systemd run
# dbus, logind, user managers, and an sshd on 127.0.0.1:22 of its own network. Accounts in there: linger, and plain.
# Exit code 77: a part is missing here, and a word says which.
set -eu
dir=$(realpath "$1")
name=$(basename "$dir")
case $2 in
enter)
    shift 2
    exec nsenter -t "$(cat "$dir/pid")" -a -r -w env -i TERM=xterm PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"
    ;;
down)
    [ -e "$dir/pid" ] && kill -9 "$(cat "$dir/pid")" 2>/dev/null || :
    for _ in $(seq 100); do
        find "$(cat "$dir/cgroup")" -depth -type d -exec rmdir {} + 2>/dev/null && break
        sleep .05
    done
    exit 0
    ;;
esac
missing() { echo "$1"; exit 77; }
[ "$(id -u)" = 0 ] || missing root
for part in /lib/systemd/systemd /lib/systemd/systemd-logind /usr/bin/dbus-daemon /usr/sbin/sshd /usr/bin/nsenter; do
    [ -x $part ] || missing $part
done
ls /lib*/security/pam_systemd.so /lib/*/security/pam_systemd.so 2>/dev/null | grep -q . || missing pam_systemd
for tree in /sys/fs/cgroup/unified /sys/fs/cgroup; do
    [ -e $tree/cgroup.procs ] && [ -e $tree/cgroup.controllers ] && break || tree=
done
[ "$tree" ] || missing 'cgroup v2'
echo "$tree/$name" >"$dir/cgroup"
mkdir -p "$tree/$name" 2>/dev/null || missing 'writable cgroup v2'
cat >"$dir/init" <<'I'
set -e
dir=$1
mount --make-rprivate /
mount -t tmpfs tmpfs "$dir/mem"
mkdir "$dir/mem/upper" "$dir/mem/work" "$dir/mem/root"
cp "$dir/thub" "$dir/mem/thub"
R=$dir/mem/root
mount -t overlay overlay -o lowerdir=/,upperdir="$dir/mem/upper",workdir="$dir/mem/work" "$R"
cd "$R"
# the kernel is this machine's: its settings are not to be touched
mount -t proc proc proc; mount --bind proc/sys proc/sys; mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys; mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs run; mount -t tmpfs -o mode=1777 tmpfs tmp; mount -t tmpfs -o mode=755 tmpfs dev; mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts; ln -s pts/ptmx dev/ptmx; ln -s /proc/self/fd dev/fd
for n in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0"; do set -- $n; mknod -m 666 dev/$1 c $2 $3; done
mount -t tmpfs -o mode=755 tmpfs home; mkdir -p usr/local/bin
cat "$dir/mem/thub" >usr/local/bin/thub.new; chmod 755 usr/local/bin/thub.new; mv -f usr/local/bin/thub.new usr/local/bin/thub
rm -f "$dir/mem/thub"
head -c 16 dev/urandom | od -An -tx1 | tr -d ' \n' >etc/machine-id
# nothing of this machine's own services
rm -rf etc/systemd/system etc/systemd/logind.conf.d etc/systemd/user; mkdir -p etc/systemd/system etc/systemd/logind.conf.d var/lib/systemd/linger run/sshd
for unit in systemd-{sysctl,modules-load,udevd,binfmt,journal-flush,random-seed,update-utmp,remount-fs,pstore}.service \
    {dev-hugepages,sys-kernel-debug,sys-kernel-tracing,sys-kernel-config,sys-fs-fuse-connections}.mount \
    proc-sys-fs-binfmt_misc.automount {timers,cryptsetup,swap,local-fs}.target; do
    ln -s /dev/null etc/systemd/system/$unit
done
rm -f var/lib/systemd/linger/*; touch var/lib/systemd/linger/linger
printf '[Login]\nUserStopDelaySec=0\n' >etc/systemd/logind.conf.d/10-test.conf
id=61200
for user in linger plain; do
    id=$((id + 1))
    echo "$user:x:$id:$id::/home/$user:/bin/sh" >>etc/passwd; echo "$user:x:$id:" >>etc/group; echo "$user:*:19000:0:99999:7:::" >>etc/shadow
    mkdir -p -m 700 home/$user/.ssh; cp "$dir/id.pub" home/$user/.ssh/authorized_keys; chown -R $id:$id home/$user
done
mkdir -p root/.ssh
cat >etc/ssh/test_config <<C
ListenAddress 127.0.0.1:22
HostKey /etc/ssh/test_key
AuthorizedKeysFile .ssh/authorized_keys
UsePAM yes
PidFile none
LogLevel ERROR
C
cp "$dir/host" etc/ssh/test_key; chmod 600 etc/ssh/test_key; chown 0:0 etc/ssh/test_key
cat >etc/systemd/system/test-sshd.service <<C
[Service]
ExecStartPre=/bin/mkdir -p /run/sshd
ExecStart=/usr/sbin/sshd -D -e -f /etc/ssh/test_config
KillMode=process
C
cat >etc/systemd/system/test.target <<C
[Unit]
Requires=basic.target dbus.service systemd-logind.service systemd-user-sessions.service test-sshd.service
After=basic.target
AllowIsolate=yes
C
mkdir .old; pivot_root . .old; umount -l .old; rmdir .old 2>/dev/null || :
ip link set lo up
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-target=console --log-level=notice systemd.unit=test.target
I
mkdir -p "$dir/mem"
(
    echo $BASHPID >"$tree/$name/cgroup.procs"
    exec setsid unshare --pid --fork --mount --uts --ipc --net --cgroup --kill-child bash "$dir/init" "$dir"
) >"$dir/log" 2>&1 </dev/null &
up=$!
p=
for _ in $(seq 100); do
    p=$(cat /proc/$up/task/$up/children 2>/dev/null || :)
    p=${p%% *}
    [ "$p" ] && break
    sleep .05
done
[ "$p" ] || missing "namespaces: $(tail -n 1 "$dir/log")"
echo "$p" >"$dir/pid"
# (bash becomes systemd when the root is turned)
for _ in $(seq 400); do
    [ -d /proc/$p ] || missing "bootable systemd: $(tail -n 2 "$dir/log")"
    "$0" "$dir" enter sh -c 'for u in dbus systemd-logind systemd-user-sessions test-sshd; do systemctl is-active -q $u || exit; done' \
        2>/dev/null && exit 0
    sleep .1
done
missing "bootable systemd: $(tail -n 2 "$dir/log")"

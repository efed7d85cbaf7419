#!/bin/bash
# The command line: what starts a daemon, what ends it, and what is refused with which words.
set -euo pipefail
# In a mount namespace of its own, where this can put things over /usr/local/bin and /etc/fstab.
[[ ${1:-} == inside ]] || exec unshare -m --propagation private "$0" inside
source "$(dirname "$0")/../support/mount.sh"
cd "$dir"
mkdir mnt2
cases=0

# refuses STATUS PATTERN ARGUMENT...: it ends with this status, one line on stderr and none on stdout
refuses() {
  local status=0
  timeout 60 "$RANGEFS" "${@:3}" >out 2>err </dev/null || status=$?
  expect_equal "$status" "$1" "exit status of rangefs ${*:3}"
  expect_equal "$(wc -l <err),$(wc -c <out)" 1,0 "lines on stderr, bytes on stdout of rangefs ${*:3}"
  expect_match "$(cat err)" "rangefs: $2" "words of rangefs ${*:3}"
  ((++cases))
}
# Nothing was mounted and no store made by what was refused.
untouched() {
  expect_equal "$(findmnt -rno TARGET | grep -Fc "$dir/" || true)" 0 "mounts"
  [[ ! -e store2 ]] || fail "a refusal made a store"
}

# Usage.
expect_match "$(timeout 60 "$RANGEFS" -V)" 'rangefs [0-9.]+' "-V"
expect_equal "$(timeout 60 "$RANGEFS" --version)" "$(timeout 60 "$RANGEFS" -V)" "--version"
timeout 60 "$RANGEFS" -h >help
grep -q '^usage: rangefs \[STORE\] MOUNTPOINT' help || fail "-h says $(cat help)"
for option in chunk_size sync_interval framing allow_other ro; do
  grep -q -- "-o $option" help || fail "-h does not say $option"
done
refuses 2 '.*mountpoint.*'
refuses 2 ".*'c'.*" a b c
refuses 2 ".*'-x'.*" -x store2 mnt2
refuses 2 ".*'--bogus'.*" --bogus store2 mnt2

# Options.
for option in bogus bogus=1 max_bytes=1G chunk_size=1 chunk_size=64q chunk_size=3G chunk_size= \
  sync_interval=0s sync_interval=1 framing=words framing= ro=1 list_control; do
  refuses 2 ".*'$option'.*" store2 mnt2 -o "$option"
  refuses 2 ".*'$option'.*" store2 mnt2 -o "rw,$option,noatime"
done
refuses 2 ".*'chunk_size': a value is expected" store2 mnt2 -o chunk_size

# Mountpoints.
touch file
refuses 1 '.*/none does not exist' store2 none
refuses 1 '.*/file is not a directory' store2 file
refuses 1 '.*/mnt2/store2.*' mnt2/store2 mnt2
untouched

# A store and its mountpoint in each other, whatever way leads there: the daemon would wait for
# itself.
mkdir -p outer/inner/innermost same aside
ln -s outer/inner link
mount --bind outer/inner aside
inside='must not be in its store' on='must not be on its mountpoint'
refuses 1 ".* $on .*" same same
refuses 1 ".* $on .*" outer/inner/store outer
refuses 1 ".* $on .*" link/store outer/inner
refuses 1 ".* $on .*" aside/innermost/store outer/inner
refuses 1 ".* $on .*" outer/inner/store aside
refuses 1 ".* $inside .*" outer outer/inner
refuses 1 ".* $inside .*" outer link
refuses 1 ".* $inside .*" outer/inner aside/innermost
refuses 1 ".* $inside .*" aside outer/inner/innermost
refuses 1 ".* $inside .*" outer aside/innermost
umount aside
rmdir same aside outer/inner/innermost outer/inner outer
rm link
untouched

# Stores.
mkdir foreign newer unknown
echo precious >foreign/letter
refuses 1 '.*/foreign.*not a store.*' foreign mnt2
expect_equal "$(ls -A foreign)" letter "what is in a foreign directory"
refuses 1 '.*/file: .*' file mnt2
refuses 1 '.*/no/store: No such file.*' no/store mnt2
refuses 1 '.*No such file.*' store2 mnt2 -o ro
start
echo kept >>mnt/app
stop
cp -r store/. newer
sed -i 's/version [0-9]*/version 999/' newer/format
refuses 1 '.*/newer: .*version 999.*' newer mnt2
cp -r store/. unknown
echo nonsense >unknown/format
refuses 1 '.*/unknown: .*format.*' unknown mnt2
untouched

# The soft limit of descriptors is raised to the hard one, as far as more are of use.
limits() { sed -n 's/^Max open files *\([0-9]*\) *\([0-9]*\) .*/\1 \2/p' "/proc/$daemon/limits"; }
given=$(ulimit -Sn)
for hard in 900 70000; do
  ulimit -Sn 300
  (($(ulimit -Hn) >= hard)) || continue
  plain=$RANGEFS
  printf '#!/bin/bash\nulimit -Hn %d\nexec %q "$@"\n' $hard "$plain" >limited
  chmod +x limited
  RANGEFS=$dir/limited
  start
  expect_equal "$(limits)" "$((hard < 65536 ? hard : 65536)) $hard" "limits of descriptors"
  stop
  RANGEFS=$plain
done
ulimit -Sn "$given"

# Journals that are gone take no memory, soon after. (The allocators of sanitizers keep it on
# purpose.)
if ! grep -qE '__(asan|tsan)_init' "$RANGEFS"; then
  start sync_interval=100ms
  memory() { awk '$1 == "RssAnon:" { print $2 }' "/proc/$daemon/status"; }
  before=$(memory)
  python3 -c '
import os, sys
names = [f"{sys.argv[1]}/gone{i}" for i in range(2000)]
for name in names:
    with open(name, "a") as file:
        file.write("x\n")
    os.stat(name)
for name in names:
    os.unlink(name)' "$mnt"
  given_back() { (($(memory) < before + 2500)); }
  ! given_back || fail "2,000 journals took nothing"
  wait_until 120 given_back
  stop
fi

# Only one daemon per store, only one mount per mountpoint.
start
refuses 1 ".*locked by pid $daemon" store mnt2
refuses 1 ".*locked by pid $daemon" store mnt2 -o ro
refuses 1 '.*/mnt/store2 must not be on a mount of rangefs' mnt/store2 mnt2
refuses 1 '.*/mnt is busy.*' store2 mnt
refuses 1 '.*/mnt is busy.*' store2 mnt/
expect_equal "$(cat mnt/app)" kept "the mount that was there"
echo more >>mnt/app

# SIGTERM, SIGINT and SIGHUP sync and unmount, also while files are open, and so does umount.
for signal in TERM INT HUP; do
  exec 3<mnt/app
  echo "before SIG$signal" >>mnt/app
  kill -$signal "$daemon"
  status=0
  wait "$daemon" || status=$?
  expect_equal $status 0 "exit status after SIG$signal"
  ! mounted || fail "mounted after SIG$signal"
  exec 3<&-
  start sync_interval=1h
  expect_equal "$(tail -n 1 mnt/app)" "before SIG$signal" "after SIG$signal"
  expect_equal "$(info synced_bytes mnt/app)" "$(info bytes mnt/app)" "synced by SIG$signal"
done
stop # umount

# Any number of them may only read a store, while nobody writes to it.
start ro
timeout 60 "$RANGEFS" store mnt2 -o ro
expect_equal "$(cat mnt2/app)" "$(cat mnt/app)" "what the second reader reads"
mkdir mnt3
refuses 1 ".*locked by pid [0-9]+" store mnt3
timeout 60 umount mnt2
rmdir mnt3
stop
start

# A mount whose daemon was killed is in the way until it is detached; the store is free at once.
crash_daemon
refuses 1 '.*/mnt .*daemon is gone.*' store mnt
expect_fails stat mnt/app
expect_match "$errors" '.*Transport endpoint is not connected' "stat on a dead mount"
timeout 60 umount -l mnt
start
expect_equal "$(wc -l <mnt/app)" 5 "lines after SIGKILL"
stop

# Detached while a file is open, the daemon goes on until that is closed, and keeps the store.
start
exec 3<mnt/app
timeout 60 umount -l mnt
refuses 1 ".*locked by pid $daemon, which still serves files .* \(umount -l\)" store mnt
expect_equal "$(wc -l <&3)" 5 "lines in the open file"
exec 3<&-
status=0
wait "$daemon" || status=$?
expect_equal $status 0 "exit status after the last file was closed"
start
stop

# In the background: it answers when rangefs returns, and nothing keeps the caller's pipes open.
background() { # COMMAND...: mounts on mnt
  : >out
  timeout 60 "$@" 2>&1 | cat >out || fail "$*: $(cat out)"
  expect_equal "$(cat out)" "" "what $* says"
  mounted || fail "not mounted by $*"
  expect_equal "$(wc -l <mnt/app)" 5 "lines"
  ((++cases))
}
# Its process id is known from the lock; umount makes it end.
unmount_background() {
  expect_fails "$RANGEFS" "${1:-store}" mnt2
  expect_match "$errors" '.*by pid ([0-9]+).*' "a second daemon"
  timeout 60 umount mnt
  timeout 60 tail --pid="${BASH_REMATCH[2]}" -f /dev/null || fail "the daemon stays after umount"
}
background "$RANGEFS" store mnt
unmount_background
background "$RANGEFS" -o chunk_size=1M,framing=write store mnt
expect_equal "$(info chunk_size mnt)" 1048576 "chunk_size"
expect_equal "$(info framing mnt)" write "framing"
unmount_background
# Relative paths are those of the caller; the mount shows the store as its source.
background env -C "$dir/mnt2" "$RANGEFS" ../store ../mnt
expect_equal "$(findmnt -rno SOURCE mnt)" "$store" "source"
unmount_background
# Without STORE, as root.
mkdir lib bin
cp -r store lib/rangefs
mount --bind lib /var/lib
background "$RANGEFS" mnt
expect_equal "$(findmnt -rno SOURCE mnt)" /var/lib/rangefs "the default store"
unmount_background /var/lib/rangefs

# As mount(8) calls it, from a command line and from fstab.
cp "$RANGEFS" bin/rangefs
mount --bind bin /usr/local/bin
options=noatime,nofail,_netdev,x-systemd.automount,chunk_size=1M
background mount -t fuse.rangefs store mnt -o $options
expect_match "$(findmnt -rno OPTIONS mnt)" '.*noatime.*allow_other.*' "options of the mount"
expect_equal "$(info chunk_size mnt)" 1048576 "chunk_size by mount"
unmount_background
echo "$store $mnt fuse.rangefs defaults,$options 0 0" >fstab
background mount -T fstab "$mnt"
expect_equal "$(info chunk_size mnt)" 1048576 "chunk_size by fstab"
unmount_background
expect_fails mount -t fuse.rangefs store mnt -o bogus
expect_match "$errors" ".*'bogus'.*" "mount with an unknown option"

# Read only: nothing is written, not even where the store cannot be.
mkdir read-only
mount --bind store read-only
mount -o remount,bind,ro read-only
(cd store && find . -printf '%p %s %T@ %C@\n' | sort) >before
writable=$store
for store in "$writable" "$dir/read-only"; do
  start ro
  for call in 'create("new")' 'append("app", b"x")' 'os.truncate("app", 0)' 'os.mkdir("new")' \
    'os.unlink("app")' 'os.rename("app", "new")' 'os.chmod("app", 0)' \
    'os.setxattr("app", "user.range.keep", b"1")'; do
    expect_errno EROFS "$call"
  done
  stop
done
store=$writable
umount read-only
(cd store && find . -printf '%p %s %T@ %C@\n' | sort) >after
expect_same before after
say "$cases command lines"

#!/bin/bash
# mount(8) and its fstab: every option that it, users and systemd write there, and remounting.
set -euo pipefail
# In a mount namespace of its own, where this can put things over /usr/local/bin.
[[ ${1:-} == inside ]] || exec unshare -m --propagation private "$0" inside
source "$(dirname "$0")/../support/mount.sh"
cd "$dir"
mkdir bin
cp "$RANGEFS" bin/rangefs
mount --bind bin /usr/local/bin
cases=0

flags() { findmnt -rno OPTIONS -M "$mnt"; }
has() { [[ ,$(flags), == *,$1,* ]] || fail "no '$1' in $(flags)"; }
lacks() { [[ ,$(flags), != *,$1,* ]] || fail "'$1' in $(flags)"; }
mounts() { # COMMAND...
  timeout 60 "$@" >out 2>&1 || fail "$*: $(cat out)"
  expect_equal "$(cat out)" "" "what $* says"
  mounted || fail "not mounted by $*"
  ((++cases))
}
unmount() {
  timeout 60 umount "$mnt"
  ! mounted || fail "still mounted"
}

# What means something to the kernel reaches it; the rest is somebody else's business.
mounts mount -t fuse.rangefs store mnt -o \
  noexec,nodev,nosuid,noatime,sync,dirsync,nofail,noauto,_netdev,comment=x,x-systemd.automount
for flag in noexec nodev nosuid noatime sync; do has $flag; done
echo synced >>mnt/app
expect_equal "$(info synced_bytes mnt/app)" 7 "bytes synced with -o sync"
unmount
for option in defaults auto noauto user users nouser owner group nofail _netdev relatime strictatime \
  lazytime nodiratime dev suid exec async x-systemd.requires=/srv x-systemd.device-timeout=5s \
  x-gvfs-show X-mount.mkdir comment=systemd.automount; do
  echo "$store $mnt fuse.rangefs $option,chunk_size=1M 0 0" >fstab
  mounts mount -T fstab "$mnt"
  expect_equal "$(info chunk_size mnt)" 1048576 "chunk_size beside $option"
  unmount
done
echo "$store $mnt fuse.rangefs nofail,x-systemd.requires-mounts-for=/var,chunk_size=1M 0 0" >fstab
mounts mount -T fstab -a
mounts mount -T fstab -a # a second time it is there already

# Read-only from here on, and back, with and without fstab.
expect_fails mount -o remount,ro mnt/none
echo first >>mnt/app
echo other >>mnt/other
mkdir mnt/web
: >empty
for fstab in empty fstab; do
  exec 3>>mnt/app
  expect_fails mount -T $fstab -o remount,ro "$mnt"
  expect_match "$errors" '.*busy.*' "remount with a file open for writing"
  exec 3>&-
  mounts mount -T $fstab -o remount,ro "$mnt"
  has ro
  expect_equal "$(info synced_bytes mnt/app)" "$(info bytes mnt/app)" "bytes synced by remount,ro"
  for call in 'create("new")' 'append("app", b"x")' 'os.truncate("app", 0)' 'os.mkdir("new")' \
    'os.unlink("app")' 'os.rename("app", "new")' 'os.chmod("app", 0)' 'os.utime("app")' \
    'os.chown("app", 1, 1)' 'os.setxattr("app", "user.range.keep", b"1")' \
    'os.removexattr("app", "user.range.keep")' 'command("app.pos", b"end")' \
    'command(".pos", b"app end")'; do
    expect_errno EROFS "$call"
  done
  expect_equal "$(cat mnt/app.sync)" "$(info end mnt/app)" ".sync of a read-only mount"
  mounts mount -T $fstab -o remount,rw "$mnt"
  has rw
  echo more >>mnt/app
done
mounts mount -o remount,noexec,noatime mnt
has noexec
has noatime
mounts mount -o remount,exec mnt
lacks noexec
# What is not named stays.
mounts mount -o remount,nosuid,nodev mnt
timeout 60 "$RANGEFS" store mnt -o remount,ro
for flag in ro nosuid nodev; do has $flag; done
timeout 60 "$RANGEFS" store mnt -o remount,rw,dev
has nosuid
lacks nodev
expect_equal "$(tail -n 1 mnt/app)" more "what was appended"

# What the daemon and the kernel took when it was mounted stays, and may be repeated.
setfattr -n user.range.framing -v write mnt # of the root: no matter what the mount was told
for option in chunk_size=2M sync_interval=7s framing=write no_allow_other max_read=4096 user_id=7 fsname=other \
  auto_unmount debug; do
  status=0
  errors=$("$RANGEFS" store mnt -o "remount,noexec,$option" 2>&1) || status=$?
  expect_equal "$status" 1 "status of remount,$option"
  expect_fails mount -T fstab -o "remount,noexec,$option" "$mnt"
  expect_match "$errors" "rangefs: option '$option' takes a new mount.*" "remount,$option"
  lacks noexec
done
for option in chunk_size=1M sync_interval=1s framing=line allow_other user_id=0 default_permissions \
  no_allow_other,allow_other "fsname=$store"; do
  mounts mount -T fstab -o "remount,$option" "$mnt"
done
setfattr -x user.range.framing mnt
# A daemon that does not answer holds nobody up, once the kernel knows that there is a directory.
stat mnt >out
serving=$(pgrep -f "rangefs $store $mnt ")
kill -STOP "$serving"
expect_fails timeout 60 "$RANGEFS" store mnt -o remount,noexec,chunk_size=1M
kill -CONT "$serving"
expect_match "$errors" "rangefs: option 'chunk_size=1M' cannot be compared .*" "remount without an answer"
lacks noexec
# What is mounted over it is none of its business.
mount -t tmpfs tmpfs mnt
expect_fails "$RANGEFS" store mnt -o remount,noexec
expect_match "$errors" 'rangefs: .*/mnt is not a mount of rangefs' "remount of what is mounted over it"
lacks noexec
umount mnt
lacks noexec
expect_fails mount -o remount,bogus mnt
expect_match "$errors" ".*'bogus'.*" "remount,bogus"
unmount

# A store that was opened read-only is not written, whatever the kernel is told.
mounts mount -t fuse.rangefs store mnt -o ro
expect_fails mount -o remount,rw mnt
expect_match "$errors" 'rangefs: .*opened read-only.*' "remount,rw of a mount that began with ro"
has ro
mounts mount -i -o remount,rw mnt
for call in 'create("new")' 'append("app", b"x")' 'os.mkdir("new")' 'os.unlink("app")' \
  'os.truncate("app", 0)' 'os.rename("app", "new")' 'os.rename("app", "other")' 'os.rmdir("web")' \
  'os.chmod("app", 0)' 'os.utime("app")' 'os.symlink("app", "link")' 'os.link("app", "link")' \
  'os.setxattr("app", "user.range.keep", b"1")' 'os.setxattr("app", "user.mine", b"1")' \
  'os.removexattr("app", "user.range.keep")' 'command("app.pos", b"end")' \
  'command("app.sync", b"x")' 'fallocate("app", 0, 0, 100)'; do
  expect_errno EROFS "$call"
done
unmount
expect_fails "$RANGEFS" store mnt -o remount,ro
expect_match "$errors" 'rangefs: .*/mnt is not a mount of rangefs' "remount of nothing"

# On a disk that fails, under which there is no room left, it becomes read-only all the same.
mkdir room disk
mount -t tmpfs -o size=24M tmpfs room
truncate -s 64M room/image
mkfs.ext4 -q room/image
mount -o loop room/image disk
mounts "$RANGEFS" disk/store mnt -o sync_interval=1h
head -c 64M /dev/zero >room/ballast 2>err || true
head -c 8M /dev/urandom >mnt/app
expect_fails mount -o remount,ro mnt
expect_match "$errors" 'rangefs: .*/mnt is read-only now, but .* may not be durable: .*' "remount,ro of a bad disk"
has ro
unmount
wait_until 60 umount disk 2>err
umount room
say "$cases mounts and remounts"

#!/bin/bash
# Ordinary users: what they may do in a mount of root, and mounts of their own.
set -euo pipefail
# In a mount namespace of its own, where /dev/fuse and /etc/fuse.conf can be what this test needs.
[[ ${1:-} == inside ]] || exec unshare -m --propagation private "$0" inside
source "$(dirname "$0")/../support/mount.sh"
cd "$dir"
chmod 755 .
cases=0

# as USER COMMAND...: with this uid and gid, and the supplementary group $group
group=
as() {
  timeout 60 setpriv --reuid "$1" --regid "$1" "--groups=${group:-$1}" "${@:2}"
}
denied() { # COMMAND...
  expect_fails "$@"
  expect_match "$errors" '.*Permission denied.*' "$*"
  ((++cases))
}
allowed() { # COMMAND...
  "$@" >out 2>&1 </dev/null || fail "not allowed: $*: $(cat out)"
  ((++cases))
}
alice=$(id -u nobody) bob=$(id -u games) # fusermount3 wants users that exist

# The kernel checks permissions by what is stored; control files have those of their journal.
start
mkdir mnt/web
echo secret >>mnt/secret && chmod 600 mnt/secret
echo GET >>mnt/web/access && chmod 644 mnt/web/access && chown $alice mnt/web/access
echo group >>mnt/group && chmod 660 mnt/group && chown $alice:777 mnt/group
denied as $bob cat mnt/secret
denied as $bob bash -c 'echo x >>mnt/secret'
for control in pos sync info; do
  denied as $bob cat mnt/secret.$control
  denied as $bob bash -c "echo start >mnt/secret.$control"
  allowed as $bob cat mnt/web/access.$control
  denied as $bob bash -c "echo start >mnt/web/access.$control"
  allowed as $alice cat mnt/web/access.$control
  denied as $bob cat mnt/group.$control
done
allowed as $alice bash -c 'echo end >mnt/web/access.pos'
denied as $bob bash -c 'echo end >mnt/web/.pos'
group=777
allowed as $bob cat mnt/group mnt/group.pos
allowed as $bob bash -c 'echo x >>mnt/group'
allowed as $bob bash -c 'echo 1 >mnt/group.pos'
group=
# A directory's .pos moves only what one may write oneself.
mkdir mnt/open && chmod 777 mnt/open
echo root >>mnt/open/root && chmod 644 mnt/open/root
as $bob bash -c 'echo bob >>mnt/open/bob && echo bob >>mnt/open/bob'
group=777
as $alice bash -c 'echo alice >>mnt/open/group && chgrp 777 mnt/open/group && chmod 664 mnt/open/group'
group=
expect_equal "$(stat -c '%u %g' mnt/open/bob)" "$bob $bob" "owner of what bob made"
denied as $bob bash -c 'echo "root end" >mnt/open/.pos'
denied as $bob bash -c 'echo "group end" >mnt/open/.pos'
allowed as $bob bash -c 'echo "bob 1" >mnt/open/.pos'
expect_equal "$(cat mnt/open/root mnt/open/bob)" $'root\nbob' "after moving by .pos"
group=777
allowed as $bob bash -c 'echo "group end" >mnt/open/.pos'
group=
# It lists only what one may read oneself, by a supplementary group too.
chmod 640 mnt/open/group mnt/open/root
listed() { as "$1" cut -d ' ' -f 2- mnt/open/.pos | xargs; }
expect_equal "$(listed $bob)" "bob" "what bob sees in .pos"
expect_equal "$(listed $alice)" "bob group" "what alice sees in .pos"
group=777
expect_equal "$(listed $bob)" "bob group" "what bob sees in .pos as one of the group"
group=
expect_equal "$(cut -d ' ' -f 2- mnt/open/.pos | xargs)" "bob group root" "what root sees in .pos"
# So it does in an open that root made and somebody else repeats, and so is its size.
exec 3<mnt/open/.pos
expect_equal "$(as $alice cut -d ' ' -f 2- /dev/fd/3 | xargs)" "bob group" "what alice sees in it"
expect_equal "$(cut -d ' ' -f 2- <&3 | xargs)" "bob group root" "what root has open"
exec 3<&-
for user in $alice $bob; do
  expect_equal "$(as $user stat -c %s mnt/open/.pos)" "$(as $user cat mnt/open/.pos | wc -c)" "size"
done
# Names and settings.
denied as $bob bash -c 'echo x >>mnt/new'
denied as $bob mkdir mnt/web/new
denied as $bob rm -f mnt/web/access
denied as $bob mv mnt/web/access mnt/open/access
denied as $bob setfattr -n user.range.framing -v write mnt/web/access
allowed as $alice setfattr -n user.range.framing -v write mnt/web/access
expect_fails as $bob chmod 777 mnt/web/access
expect_match "$errors" '.*Operation not permitted' "chmod"
allowed as $alice chmod 600 mnt/web/access
denied as $bob cat mnt/web/access.pos
chmod 700 mnt/web
denied as $alice cat mnt/web/access
denied as $alice cat mnt/web/.pos
remount
denied as $alice cat mnt/web/access
denied as $bob cat mnt/secret.info
stop
start no_allow_other
denied as $bob ls mnt
stop

# A mount of one's own, through fusermount3. The daemon is run where the user can read it.
cp "$RANGEFS" rangefs
mkdir dev home && mount -t tmpfs -o mode=755 tmpfs dev
mknod dev/fuse c 10 229 && chmod 600 dev/fuse
mount --bind dev/fuse /dev/fuse
chown $alice home mnt
own=(as $alice env XDG_DATA_HOME="$dir/home" "$dir/rangefs")
expect_fails "${own[@]}" mnt
expect_equal "$errors" "rangefs: no permission on /dev/fuse" "without access to /dev/fuse"
chmod 666 dev/fuse
touch fuse.conf && mount --bind fuse.conf /etc/fuse.conf

allowed "${own[@]}" mnt
expect_match "$(findmnt -rno SOURCE,OPTIONS mnt)" "$dir/home/rangefs .*user_id=$alice.*" "the mount"
allowed as $alice bash -c 'echo mine >>mnt/app && mkdir mnt/web && echo x >>mnt/web/access && cat mnt/app.sync'
allowed as $alice bash -c 'echo 1 >mnt/app.pos && mv mnt/web/access mnt/moved && rm mnt/moved'
expect_equal "$(as $alice cat mnt/app)" "" "read by its owner"
# Nobody else gets in, not even root.
denied as $bob ls mnt
denied ls mnt
expect_equal "$(stat -c '%a %u' home/rangefs)" "700 $alice" "mode of the store"
expect_fails "${own[@]}" home/rangefs mnt
expect_match "$errors" 'rangefs: mountpoint .* is busy.*' "mounting twice"
allowed as $alice fusermount3 -u mnt
allowed "${own[@]}" mnt -o sync_interval=1h # once the first daemon has let go of the store
expect_equal "$(as $alice cat mnt/app)" mine "after mounting again"
# Where root cannot look into it, remounting asks in its owner's name.
for option in chunk_size=2M framing=write allow_other; do
  expect_fails "$dir/rangefs" store mnt -o "remount,ro,$option"
  expect_match "$errors" "rangefs: option '$option' takes a new mount.*" "remount,$option"
done
as $alice bash -c 'echo theirs >>mnt/app'
allowed "$dir/rangefs" store mnt -o remount,ro,chunk_size=64M,framing=line
expect_equal "$(as $alice sed -n 's/^synced_bytes: //p' mnt/app.info)" 12 "bytes synced by remount,ro"
allowed "$dir/rangefs" store mnt -o remount,rw
# Nor does it take what its owner may not do either.
as $alice chmod 0300 mnt
allowed "$dir/rangefs" store mnt -o remount,ro
allowed "$dir/rangefs" store mnt -o remount,rw
as $alice chmod 0755 mnt
allowed as $alice fusermount3 -u mnt

expect_fails "${own[@]}" mnt -o allow_other
expect_match "$errors" 'rangefs: .*user_allow_other.*' "allow_other without permission"
echo user_allow_other >fuse.conf
allowed "${own[@]}" mnt -o allow_other
allowed as $bob ls mnt
allowed ls mnt
allowed as $alice fusermount3 -u mnt

# Refusals that only users see.
mkdir roots && chmod 700 roots
expect_fails "${own[@]}" roots/store mnt
expect_match "$errors" 'rangefs: .*Permission denied' "a store in another's directory"
mkdir not-mine
expect_fails "${own[@]}" not-mine
expect_match "$errors" 'rangefs: .*not-mine.*' "another's mountpoint"
expect_fails as $alice env -u HOME -u XDG_DATA_HOME "$dir/rangefs" mnt
expect_match "$errors" 'rangefs: no store.*' "without a home"
say "$cases accesses"

#!/bin/bash
# Extended attributes and the programs that copy them: within the mount, out of it to a disk, and back.
# A copy has the settings of the original, and nobody meets an error.
set -euo pipefail
source "$(dirname "$0")/../support/mount.sh"
start
cd "$dir"
mkdir plain
copies=0

# settings DIRECTORY: what getfattr -d shows of all in it
settings() { (cd "$1" && find . | sort | xargs timeout 60 getfattr -d | sed '/^$/d'); }
# copies_to DIRECTORY COMMAND...: it says nothing, and what is in the new DIRECTORY is like mnt/tree
copies_to() {
  timeout 60 "${@:2}" >out 2>&1 </dev/null || fail "${*:2}: $(cat out)"
  expect_equal "$(cat out)" "" "what ${*:2} says"
  settings "$1" >copied
  expect_same copied wanted
  diff -r mnt/tree "$1" >&2 || fail "$1 after ${*:2}"
  ((++copies))
}

# Listed is what is set. What is inherited would become a setting of the copy; only the framing of a
# journal, which it got for good, is listed where anything says it.
mkdir -p mnt/tree/binary/below mnt/tree/kept
setfattr -n user.range.framing -v write mnt/tree/binary
for name in tree/app tree/binary/inherits tree/binary/lines tree/binary/below/log tree/kept/log; do
  seq 100 >>"mnt/$name"
done
setfattr -n user.range.framing -v line mnt/tree/binary/lines
setfattr -n user.range.framing -v line mnt/tree/app # what it has anyway
setfattr -n user.range.keep -v 0 mnt/tree/kept
setfattr -n user.range.keep -v 1 mnt/tree/kept/log
settings mnt/tree >wanted
expect_equal "$(cat wanted)" '# file: binary
user.range.framing="write"
# file: binary/below/log
user.range.framing="write"
# file: binary/inherits
user.range.framing="write"
# file: binary/lines
user.range.framing="line"
# file: kept
user.range.keep="0"
# file: kept/log
user.range.keep="1"' "settings"
expect_equal "$(getfattr -d -m - mnt mnt/tree/app mnt/tree/app.pos)" "" "attributes listed where nothing is set"
expect_equal "$(getfattr --only-values -n user.range.framing mnt/tree/binary/below/log)" write "inherited"

# Copies within the mount, to a disk, and back.
copies_to mnt/cp cp -a mnt/tree mnt/cp
copies_to plain/cp cp -a mnt/tree plain/cp
copies_to mnt/cp-back cp -a plain/cp mnt/cp-back
copies_to mnt/preserve cp -r --preserve=xattr mnt/tree mnt/preserve
for _ in first second; do # the second time there is nothing to do
  copies_to mnt/rsync rsync -aX mnt/tree/ mnt/rsync
done
copies_to plain/rsync rsync -aX mnt/tree/ plain/rsync
expect_equal "$(rsync -aXi mnt/tree/ mnt/rsync)" "" "what rsync does the second time"
expect_equal "$(rsync -aXi plain/rsync/ mnt/rsync)" "" "what rsync does for equal files"
copies_to mnt/rsync-back rsync -aX plain/rsync/ mnt/rsync-back
tar --xattrs -cf tree.tar -C mnt/tree .
mkdir mnt/tar plain/tar
copies_to mnt/tar tar --xattrs -xf tree.tar -C mnt/tar
copies_to plain/tar tar --xattrs -xf tree.tar -C plain/tar

export BORG_BASE_DIR=$dir/borg BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes BORG_RELOCATED_REPO_ACCESS_IS_OK=yes
borg init -e none repository
(cd mnt/tree && borg create "$dir/repository::a" .)
mkdir mnt/borg plain/borg
for where in mnt/borg plain/borg; do
  copies_to $where sh -c "cd $where && exec borg extract '$dir/repository::a'"
done

# What has no attributes takes them away where it is copied over: rsync removes what is too much.
rsync -a mnt/tree/ plain/bare
touch -r mnt/tree/kept/log plain/bare/kept/log
expect_equal "$(settings plain/bare)" "" "settings copied without -X"
rsync -aX plain/bare/ mnt/rsync || fail "rsync -X of files without attributes"
expect_equal "$(settings mnt/rsync)" "" "settings after that"
expect_equal "$(rsync -aXi plain/bare/ mnt/rsync)" "" "what is left to do after that"

# And what is removed is inherited again.
setfattr -x user.range.framing mnt/tree/binary/lines
expect_equal "$(getfattr --only-values -n user.range.framing mnt/tree/binary/lines)" write "framing removed"
expect_errno ENODATA 'os.removexattr("tree", "user.range.keep")'
expect_errno ENODATA 'os.setxattr("tree", "user.range.keep", b"1", os.XATTR_REPLACE)'
expect_errno OK 'os.setxattr("tree", "user.range.keep", b"1", os.XATTR_CREATE)'
expect_errno EEXIST 'os.setxattr("tree", "user.range.keep", b"1", os.XATTR_CREATE)'
say "$copies copies"
stop

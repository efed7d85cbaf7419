#!/bin/bash
# .sync and fsync, .info and extended attributes: what they print, take and refuse.
set -euo pipefail
source "$(dirname "$0")/../support/mount.sh"
# So long that nothing is synced unless somebody asks.
options=sync_interval=1h
start $options
cd "$dir"

# unsynced JOURNAL: bytes not synced yet
unsynced() { echo $(($(info bytes "$1") - $(info synced_bytes "$1"))); }
# synced_by COMMAND...: appends, checks that it is not synced, and that it is after the command
synced_by() {
  echo "a record for $1" >>mnt/app
  (($(unsynced mnt/app) > 0)) || fail "synced before $*"
  "$@" || fail "$*"
  expect_equal "$(unsynced mnt/app)" 0 "bytes not synced after $*"
}
py() { timeout 60 python3 -c "import os; from calls import *; $1"; }

# Syncing, in every way there is.
: >mnt/app
synced_by sh -c 'cat mnt/app.sync >position'
expect_match "$(cat position)" '[0-9A-F]{24}' "what .sync prints"
expect_equal "$(cat position)" "$(info end mnt/app)" "the durable position"
synced_by sh -c 'echo >mnt/app.sync'
synced_by sh -c 'echo anything at all >>mnt/app.sync'
synced_by sync mnt/app
synced_by sync -d mnt/app
synced_by cat mnt/.sync
synced_by sh -c 'echo >mnt/.sync'
synced_by sync mnt
synced_by py 'opened("mnt/app", os.O_RDONLY, os.fsync)'
synced_by py 'opened("mnt/app", os.O_WRONLY, os.fdatasync)'
synced_by dd if=position of=mnt/app oflag=append,dsync conv=notrunc status=none
synced_by dd if=position of=mnt/app oflag=append,sync conv=notrunc status=none
synced_by dd if=position of=mnt/app oflag=append conv=notrunc,fsync status=none
mkdir mnt/web
echo GET >>mnt/web/access
synced_by cat mnt/web/.sync # at least the directory; today everything
expect_equal "$(unsynced mnt/web/access)" 0 "bytes not synced in web"
timeout 60 sync -f mnt

# Many at once; all of it is durable when their fsync returns.
synced_by py '
from concurrent.futures import ThreadPoolExecutor
def work(i):
    fd = os.open("mnt/app", os.O_WRONLY | os.O_APPEND)
    for j in range(50):
        os.write(fd, b"%d %d\n" % (i, j))
        os.fsync(fd)
    os.close(fd)
list(ThreadPoolExecutor(16).map(work, range(16)))'
expect_equal "$(grep -c '^[0-9]* [0-9]*$' mnt/app)" 800 "records of threads that sync"

# Without anybody asking, within sync_interval.
remount sync_interval=200ms
echo unasked >>mnt/app
all_synced() { [[ $(unsynced mnt/app) == 0 ]]; }
wait_until 20 all_synced

# .info and attributes say the same.
remount $options
lines=$(wc -l <mnt/app)
expect_equal "$(info records mnt/app)" "$lines" "records"
expect_equal "$(info bytes mnt/app)" "$(stat -c %s mnt/app)" "bytes"
expect_equal "$(info disk_bytes mnt/app)" "$(($(stat -c %b mnt/app) * 512))" "blocks in use"
expect_equal "$(info state mnt/app)" ok "state"
expect_equal "$(info torn_tails mnt/app)" 0 "torn tails"
expect_equal "$(info journals mnt)" 1 "journals"
expect_equal "$(info directories mnt)" 1 "directories"
expect_equal "$(info store mnt)" "$store" "store"
expect_equal "$(info version mnt)" "$("$RANGEFS" -V | cut -d ' ' -f 2)" "version"
keys=0
for file in mnt/app mnt mnt/web; do
  control=$file.info
  [[ ! -d $file ]] || control=$file/.info
  while IFS= read -r line; do
    value=$(timeout 60 getfattr --only-values -n "user.range.${line%%: *}" "$file" 2>&1)
    expect_equal "$value" "${line#*: }" "attribute ${line%%: *} of $file"
    keys=$((keys + 1))
  done <"$control"
done
expect_equal "$(timeout 60 getfattr --absolute-names -d -m - mnt/app.info)" "" "attributes of .info"

# Settings: framing, inherited when a journal is created.
set_range() { timeout 60 setfattr -n "user.range.$1" -v "$2" "$3"; }
set_range framing write mnt/web
mkdir mnt/web/below
printf 'a\nb\nc' | dd of=mnt/web/below/binary oflag=append conv=notrunc status=none
printf 'd' >>mnt/web/below/binary
expect_equal "$(info framing mnt/web/below/binary)" write "inherited framing"
expect_equal "$(info records mnt/web/below/binary)" 2 "records in write framing"
expect_equal "$(info framing mnt/web/access)" line "framing of what was there before"
set_range framing write mnt/app
printf '1\n2\n' >two
cat two >>mnt/app
expect_equal "$(info records mnt/app)" $((lines + 1)) "one record by one write"
set_range framing line mnt/app
cat two >>mnt/app
expect_equal "$(info records mnt/app)" $((lines + 3)) "two records by one write"
# An open record ends where the framing changes.
printf open >>mnt/web/access
set_range framing write mnt/web/access
printf 'not continued' >>mnt/web/access
expect_equal "$(info records mnt/web/access)" 3 "records after a change in an open record"
timeout 60 setfattr -x user.range.framing mnt/web
: >mnt/web/as-above
expect_equal "$(info framing mnt/web/as-above)" line "framing after removing the setting"

# keep: neither rm nor what removes first.
set_range keep 1 mnt/app
expect_fails rm -f mnt/app
expect_match "$errors" ".*Operation not permitted" "rm where keep is set"
cp mnt/app before
expect_fails cp -f position mnt/app
expect_same mnt/app before
set_range keep 1 mnt/web
expect_fails rm -f mnt/web/below/binary
expect_equal "$(info keep mnt/web/below/binary)" 1 "inherited keep"
expect_errno EPERM 'os.unlink("web/access")'
rm mnt/web/as-above # empty
set_range keep 0 mnt/web/access
rm mnt/web/access
remount framing=write
expect_errno EPERM 'os.unlink("app")'
expect_errno EPERM 'os.unlink("web/below/binary")'
mv mnt/app mnt/moved # moving away is not removing
expect_errno EPERM 'os.unlink("moved")'
timeout 60 setfattr -x user.range.keep mnt/moved
rm mnt/moved
: >mnt/by-option
expect_equal "$(info framing mnt/by-option)" write "framing by mount option"
say "$keys keys in .info and as attributes"
stop

#!/bin/bash
# Far more journals in one mount than the daemon may have files open.
set -euo pipefail
source "$(dirname "$0")/../support/mount.sh"
cd "$dir"
journals=$((10000 / scale))

cat >append.py <<'END'
"""append.py DIRECTORY COUNT LINE: to each journal, half of them in sub-directories."""
import os, sys
directory, count, line = sys.argv[1], int(sys.argv[2]), sys.argv[3]
for i in range(count):
    sub = f"{directory}/{i % 100}" if i % 2 else directory
    os.makedirs(sub, exist_ok=True)
    with open(f"{sub}/journal-{i}", "a") as file:
        file.write(f"{i} {line}\n")
END

cat >check.py <<'END'
import os, sys
directory, count, lines = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
for i in range(count):
    name = f"{directory}/{i % 100}/journal-{i}" if i % 2 else f"{directory}/journal-{i}"
    got = open(name).read()
    if got != "".join(f"{i} {line}\n" for line in lines):
        sys.exit(f"{name}: {got!r}")
listed = sum(len(files) for _, _, files in os.walk(directory))
if listed != count:
    sys.exit(f"{listed} journals listed")
END

# The store has a disk of its own, in memory: some 50,000 files, each of them synced and in the end
# removed, would measure the disk below.
mkdir ram disk
timeout 60 mount -t tmpfs -o size=4G tmpfs ram
truncate -s 4G ram/image
mkfs.ext4 -q -N 300000 ram/image
timeout 60 mount -o loop ram/image disk
store=$dir/disk/store

# The limit is the daemon's: it takes it over from this shell.
ulimit -n 1024
start
expect_match "$(grep 'open files' "/proc/$daemon/limits" | xargs)" 'Max open files 1024 .*' "limit"
timed() { # WHAT COMMAND...
  local since=$SECONDS
  timeout 200 "${@:2}" || fail "$1"
  say "$1: $((SECONDS - since)) s"
}
timed "$journals journals created and appended to" python3 append.py mnt $journals first
timed "appended to again" python3 append.py mnt $journals second
timed "read" python3 check.py mnt $journals first second
descriptors=$(ls "/proc/$daemon/fd" | wc -l)
((descriptors < 1024)) || fail "$descriptors descriptors"
timed "synced" cat mnt/.sync
remount
timed "read after a remount" python3 check.py mnt $journals first second
timed "appended to after a remount" python3 append.py mnt $journals third
timeout 200 python3 check.py mnt $journals first second third
expect_equal "$(info records mnt/journal-0)" 3 "records"
expect_equal "$(grep -Ec 'error|warning' log || true)" 0 "errors in the log"
say "$descriptors descriptors used"
stop

#!/bin/bash
# Who follows a journal while its daemon is killed and mounted anew: what stays the same, and the loop of
# the README, which repeats nothing and misses nothing.
set -euo pipefail
source "$(dirname "$0")/../support/mount.sh"
start
cd "$dir"
: >copy
printf 'first\nan open line' >>mnt/app
inode=$(stat -c %i mnt/app)

# A tail must see that the daemon is gone: it asks for the size again after an append that it does
# not know of, and without that only when the kernel's 60 s are over.
follower() { pgrep -P "$loop" -x tail; }
lose_daemon() {
  local tail_pid
  tail_pid=$(follower)
  kill -STOP "$tail_pid"
  echo "$1" >>mnt/app
  crash_daemon
  kill -CONT "$tail_pid"
  timeout 60 tail --pid="$tail_pid" -f /dev/null || fail "tail goes on without a daemon"
  timeout 60 umount -l mnt
}
same() { cmp -s copy mnt/app; }

loop_of_readme=$(sed -n 's|^    \(until .*\)$|\1|p' "$(dirname "$(realpath "$support")")/../README.md")
expect_match "$loop_of_readme" 'until .*/mnt/range/app.*; done' "the loop of the README"
bash -c "${loop_of_readme//\/mnt\/range/mnt}" 2>errors &
loop=$!
wait_until 20 same
for round in 1 2 3; do
  wait_until 20 follower >/dev/null
  lose_daemon "the last line of round $round"
  start
  seq -f "round $round, line %g" 1000 >>mnt/app
  wait_until 60 same
done
expect_equal "$(stat -c %i mnt/app)" "$inode" "inode"
touch stop
kill "$(follower)"
wait "$loop"
expect_same copy mnt/app
expect_match "$(head -n 1 errors)" '.*Transport endpoint is not connected' "what tail says"
stop
say "$round deaths of the daemon, nothing repeated or missed"

#!/bin/bash
# Eight processes append to one journal, in sh, python and C, while others follow: every line is
# there, whole, and in its writer's order, and who followed has seen everything.
set -euo pipefail
source "$(dirname "$0")/../support/mount.sh"
start
cd "$dir"
lines=$((50000 / scale))

cat >writer.c <<'END'
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* writer FILE NAME LINES: one write(2) a line */
int main(int argc, char** argv) {
  int fd = open(argv[1], O_WRONLY | O_APPEND);
  for (int i = 1; i <= atoi(argv[3]); ++i) {
    char line[64];
    int size = snprintf(line, sizeof line, "%s %d\n", argv[2], i);
    if (write(fd, line, size) != size) return perror(argv[1]), 1;
  }
  return argc != 4;
}
END
cc -o writer writer.c

cat >writer.py <<'END'
import sys
name, lines = sys.argv[2], int(sys.argv[3])
# Buffered, as programs do: many lines go with one write(2), which ends with a line.
with open(sys.argv[1], "a", buffering=1 << 20) as file:
    for i in range(1, lines + 1):
        file.write("%s %d\n" % (name, i))
        if i % 100 == 0:
            file.flush()
END

cat >writer.sh <<'END'
i=0
while [ $i -lt $3 ]; do i=$((i + 1)); echo "$2 $i"; done >>"$1"
END

# Opens and closes the journal for every line: the kernel's idea of its end is always an old one.
cat >opener.sh <<'END'
i=0
while [ $i -lt $3 ]; do i=$((i + 1)); echo "$2 $i" >>"$1"; done
END

# The followers are there before the first line.
echo begin >>mnt/app
followers=()
tail -n +1 -f mnt/app >tail-f 2>/dev/null &
followers+=($!)
tail -n +1 -F mnt/app >tail-F 2>/dev/null &
followers+=($!)
inotifywait -m -e modify --format %f mnt >events 2>watching &
followers+=($!)
wait_until 20 grep -q established watching
follows() { grep -q begin tail-f && grep -q begin tail-F; }
wait_until 20 follows

started=$EPOCHREALTIME
pids=()
run() { # NAME COMMAND...
  "${@:2}" mnt/app "$1" $lines &
  pids+=($!)
}
run c1 ./writer
run c2 ./writer
run c3 ./writer
run python1 python3 writer.py
run python2 python3 writer.py
run sh1 sh writer.sh
run sh2 sh writer.sh
run sh3 sh opener.sh
for pid in "${pids[@]}"; do wait "$pid" || fail "a writer failed"; done
took=$(bc <<<"$EPOCHREALTIME - $started")

# check FILE: all lines of all writers, each writer's in order, and nothing else
check() {
  awk -v lines=$lines '
    NR == 1 && $0 == "begin" { next }
    NF != 2 || $2 != ++last[$1] { print "line " NR ": " $0; exit 1 }
    END {
      for (writer in last) { ++writers; wrong += last[writer] != lines }
      exit writers != 8 || wrong
    }' "$1" || fail "$1 is not complete, or not in order"
}
expect_equal "$(wc -l <mnt/app)" $((8 * lines + 1)) "lines"
check mnt/app
expect_equal "$(info records mnt/app)" $((8 * lines + 1)) "records"
echo end >>mnt/app
sees_the_end() { [[ $(tail -n 1 "$1") == end ]]; }
for follower in tail-f tail-F; do
  wait_until 60 sees_the_end $follower
  expect_same $follower mnt/app
done
kill "${followers[@]}"
wait "${followers[@]}" || true
events=$(wc -l <events)
expect_equal "$(sort -u events)" app "names that inotifywait saw"
say "8 writers, $lines lines each, in $took s; tail -f and tail -F saw all, inotifywait $events events"
remount
sed -i '$d' tail-f # "end"
check tail-f
sed '$d' mnt/app >copy
check copy

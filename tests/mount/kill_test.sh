#!/bin/bash
# kill -9 of the daemon in the middle of a load, again and again: every append whose write(2)
# returned is there after a remount, none is there twice, none torn.
set -euo pipefail
source "$(dirname "$0")/../support/mount.sh"
cd "$dir"
rounds=$((50 / scale))
writers=4

# Appends until the daemon dies, and notes what was acknowledged. Two journals are shared by all
# writers, one is its own; an append is one line, or as many as fit into a few chunks' pages.
cat >writer.py <<'END'
import os, random, sys
mnt, round, name = sys.argv[1:]
random.seed(round + name)
journals = ["shared", "large", name]
fds = {j: os.open(f"{mnt}/{j}", os.O_WRONLY | os.O_APPEND | os.O_CREAT) for j in journals}
notes = open(f"acknowledged.{name}", "a")
print("ready", flush=True)
number = 0
try:
    while True:
        journal = random.choice(journals)
        number += 1
        token = f"{name}-{round}-{number}"
        size = random.choice([1, 100, 40000]) if journal == "large" else random.randrange(200)
        lines = random.choice([1, 1, 5])
        data = "".join(f"{token} {i + 1}/{lines} {'x' * size} .\n" for i in range(lines)).encode()
        if os.write(fds[journal], data) != len(data):
            sys.exit(f"short write of {token}")
        notes.write(f"{journal} {token} {lines}\n")
        notes.flush()
except OSError as error:
    print(number, flush=True)
END

# verify: reads all journals and all notes. An append that was not acknowledged may be there (the
# daemon died before it could answer), but whole.
cat >verify.py <<'END'
import collections, glob, os, re, sys
mnt = sys.argv[1]
line_form = re.compile(rb"(\S+) (\d+)/(\d+) x* \.\n")
found = {}
records = 0
for name in os.listdir(mnt):
    last = None
    order = collections.defaultdict(lambda: (0, 0))
    for line in open(f"{mnt}/{name}", "rb"):
        match = line_form.fullmatch(line)
        if not match:
            sys.exit(f"{name}: torn: {line[:100]}")
        token, i, lines = match[1].decode(), int(match[2]), int(match[3])
        if last and last != (token, i - 1, lines) or not last and i != 1:
            sys.exit(f"{name}: {token} {i}/{lines} behind {last}")
        last = None if i == lines else (token, i, lines)
        writer, round, number = token.rsplit("-", 2)
        if i == 1:
            if (name, token) in found:
                sys.exit(f"{name}: {token} twice")
            found[name, token] = lines
            if order[writer] >= (int(round), int(number)):
                sys.exit(f"{name}: {token} behind {order[writer]}")
            order[writer] = (int(round), int(number))
        records += 1
    if last:
        sys.exit(f"{name}: ends in the middle of {last}")
acknowledged = 0
for notes in glob.glob("acknowledged.*"):
    for note in open(notes):
        journal, token, lines = note.split()
        acknowledged += 1
        if found.get((journal, token)) != int(lines):
            sys.exit(f"{journal}: {token} was acknowledged and is not there")
print(f"{acknowledged} appends acknowledged, {len(found)} there, {records} records")
END

for ((round = 1; round <= rounds; ++round)); do
  start chunk_size=1M
  pids=()
  for ((i = 0; i < writers; ++i)); do
    : >"ready.$i"
    python3 writer.py "$mnt" $round "w$i" >"ready.$i" 2>&1 &
    pids+=($!)
  done
  all_ready() { [[ $(cat ready.* | grep -c ready) == "$writers" ]]; }
  wait_until 60 all_ready
  # In the middle: after so many more acknowledgements.
  wanted=$(($(cat acknowledged.* | wc -l) + 100 + RANDOM % 2000))
  enough() { (($(cat acknowledged.* | wc -l) >= wanted)); }
  wait_until 60 enough
  crash_daemon
  timeout 60 umount -l "$mnt"
  for pid in "${pids[@]}"; do wait "$pid" || fail "$(cat ready.*)"; done
  rm ready.*
  # Checking all of it each time would take longer and longer.
  if ((round % 10 == 0 || round == rounds)); then
    start chunk_size=1M
    result=$(timeout 100 python3 verify.py "$mnt") || fail "after $round kills: $result"
    stop
  fi
done
say "$rounds kills: $result"

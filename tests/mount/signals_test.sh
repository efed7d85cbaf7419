#!/bin/bash
# Signals while a call waits: who survives them never sees EINTR, who is being killed goes at once.
set -euo pipefail
source "$(dirname "$0")/../support/mount.sh"
cd "$dir"

# storm.py MNT KIND COUNT: syncs in each way there is while signals come whose handler has
# SA_RESTART, until COUNT calls were hit. Python hides EINTR, so the C library is called.
cat >storm.py <<'END'
import ctypes, os, signal, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
mnt, kind, wanted = sys.argv[1], sys.argv[2], int(sys.argv[3])
came = 0

def handler(*_):
    global came
    came += 1

number = signal.SIGALRM if kind == "timer" else signal.SIGURG
signal.signal(number, handler)
signal.siginterrupt(number, False)
done = threading.Event()
if kind == "timer":
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
else:  # what Go does to its threads
    def preempt(thread=threading.main_thread().ident):
        while not done.wait(0.0005):
            signal.pthread_kill(thread, signal.SIGURG)
    threading.Thread(target=preempt).start()

def stop():
    signal.setitimer(signal.ITIMER_REAL, 0)
    done.set()

def opened(path, flags):
    return libc.open(f"{mnt}/{path}".encode(), flags, 0o644)

app = opened("app", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
synced = opened("app", os.O_WRONLY | os.O_APPEND | os.O_DSYNC)
directory = opened(".", os.O_RDONLY | os.O_DIRECTORY)
sync, position = opened("app.sync", os.O_WRONLY), opened(".pos", os.O_WRONLY)

def printed(path):
    fd = opened(path, os.O_RDONLY)
    return libc.close(fd) if fd >= 0 else -1

write = ("write", lambda: libc.write(app, b"x\n", 2))
calls = [
    write, ("fsync", lambda: libc.fsync(app)),
    write, ("fdatasync", lambda: libc.fdatasync(app)),
    write, ("fsync of a directory", lambda: libc.fsync(directory)),
    write, ("write to .sync", lambda: libc.write(sync, b"\n", 1)),
    write, ("open of .sync", lambda: printed("app.sync")),
    ("write with O_DSYNC", lambda: libc.write(synced, b"y\n", 2)),
    ("open of DIR/.sync", lambda: printed(".sync")),
    ("write to DIR/.pos", lambda: libc.write(position, b"app start\n", 10)),
    ("open of DIR/.pos", lambda: printed(".pos")),
]
rounds = hit = 0
while hit < wanted:
    rounds += 1
    for name, call in calls:
        before = came
        if call() < 0:
            stop()
            sys.exit(f"{name} in round {rounds}: {os.strerror(ctypes.get_errno())}")
        hit += came != before
stop()
if os.stat(f"{mnt}/app").st_size != 12 * rounds:
    sys.exit(f"{os.stat(f'{mnt}/app').st_size} bytes after {rounds} rounds")
print(rounds)
END

start sync_interval=1h
for kind in timer preemption; do
  rm -f mnt/app
  rounds=$(timeout 120 python3 storm.py "$mnt" $kind $((2000 / scale)) 2>&1) || fail "$kind: $rounds"
  say "$kind: $rounds rounds of 14 calls, none interrupted"
done
stop

# A disk that does not answer: a frozen file system.
truncate -s 64M image
mkfs.ext4 -q image
mkdir disk
timeout 60 mount -o loop image disk
unfreeze() { ! fsfreeze -u "$dir/disk" 2>/dev/null || true; }
trap 'unfreeze; clean_up' EXIT
store=$dir/disk/store
start sync_interval=1h

# blocked.py MNT NAME KIND: appends to a journal, and syncs it once told to.
cat >blocked.py <<'END'
import ctypes, os, signal, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
mnt, name, kind = sys.argv[1:]
for number in signal.SIGINT, signal.SIGQUIT, signal.SIGTERM:  # in the background some are ignored
    signal.signal(number, signal.SIG_DFL)
if kind == "handler":
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.siginterrupt(signal.SIGTERM, False)
fd = os.open(f"{mnt}/{name}", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
os.write(fd, b"x\n")
if kind == "threads":
    for _ in range(3):
        threading.Thread(target=threading.Event().wait, daemon=True).start()
print("ready", flush=True)
sys.stdin.readline()
failed = libc.fsync(fd) < 0
print(os.strerror(ctypes.get_errno()) if failed else "synced", flush=True)
END
ulimit -c 0
gates=()
begin() { # NAME KIND: its process id is $!
  mkfifo "$1.go"
  python3 blocked.py "$mnt" "$1" "$2" <"$1.go" >"$1.out" 2>&1 &
  exec {gate}>"$1.go"
  gates+=("$gate")
}
ready() { [[ $(cat "$1.out") == ready ]]; }
in_fsync() { [[ $(cat "/proc/$1/wchan") == *request_wait_answer* ]]; }

# Each as it is killed, which the kernel tells threads in different ways.
declare -A kinds=([KILL]=one [threads-KILL]=threads [INT]=one [QUIT]=one [TERM]=one [threads-TERM]=threads)
declare -A pids=()
begin survivor handler
survivor=$!
for name in "${!kinds[@]}"; do
  begin "$name" "${kinds[$name]}"
  pids[$name]=$!
done
for name in survivor "${!kinds[@]}"; do wait_until 60 ready "$name"; done
fsfreeze -f disk
for gate in "${gates[@]}"; do echo >&"$gate"; done
for pid in "$survivor" "${pids[@]}"; do wait_until 60 in_fsync "$pid"; done

# The signal that is survived comes first, so that it was dealt with when the others were.
kill -TERM "$survivor"
for name in "${!pids[@]}"; do
  status=0
  kill -"${name#*-}" "${pids[$name]}"
  timeout 60 tail -s 0.01 --pid="${pids[$name]}" -f /dev/null || fail "$name: not gone"
  wait "${pids[$name]}" || status=$?
  expect_equal "$(kill -l $((status - 128)))" "${name#*-}" "what ended $name"
  ready "$name" || fail "$name saw $(cat "$name.out")"
done
ready survivor || fail "the survivor saw $(cat survivor.out)"
in_fsync "$survivor" || fail "the survivor does not wait any more"
unfreeze
wait "$survivor"
expect_equal "$(tail -n 1 survivor.out)" synced "fsync of the survivor"
say "${#pids[@]} that were killed let go at once, one that was not waited"
stop
umount disk

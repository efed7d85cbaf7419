# What the scripts in tests/mount/ share. To be sourced first; it starts from:
#   RANGEFS            the daemon to test
#   TMPDIR             where to make files (not on tmpfs)
#   RANGE_TEST_SCALE   divides what is there only for its size; 1 if not set
#
# A script gets a scratch directory $dir, with $mnt to mount on and $store to keep the journals in.
# When it ends, however it does, everything it started and mounted is taken down again. No call can
# hang for ever: after $limit seconds the mount's connection is aborted, so that everything that
# waits for it fails, and the script ends.

: "${RANGEFS:?the daemon to test, for instance .build/gcc/mount/rangefs}"
RANGEFS=$(realpath "$RANGEFS")
scale=${RANGE_TEST_SCALE:-1}
limit=${limit:-280}
support=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
export LC_ALL=C.UTF-8 PYTHONPATH=$support PYTHONDONTWRITEBYTECODE=1

dir=$(mktemp -d "${TMPDIR:-/var/tmp}/rangefs-mount.XXXXXX")
mnt=$dir/mnt
store=$dir/store
mkdir "$mnt"
daemon= # its process id while it runs

say() { printf '%s: %s\n' "$(basename "$0" _test.sh)" "$*"; }

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  local i
  for ((i = 1; i < ${#FUNCNAME[@]}; ++i)); do
    [[ ${BASH_SOURCE[i]} == "$0" ]] || continue
    printf '  at %s:%s\n' "$0" "${BASH_LINENO[i - 1]}" >&2
  done
  exit 1
}

# expect_equal GOT WANTED WHAT
expect_equal() {
  [[ $1 == "$2" ]] || fail "$3: '${1:0:300}' instead of '${2:0:300}'"
}

# expect_same FILE FILE: the same bytes
expect_same() { cmp -- "$1" "$2" >&2 || fail "$1 and $2 differ"; }

# expect_match TEXT PATTERN WHAT: an extended regular expression that fits the whole text
expect_match() {
  [[ $1 =~ ^($2)$ ]] || fail "$3: '${1:0:300}' does not match '$2'"
}

# expect_errno ERRNO EXPRESSION: this Python expression, evaluated in $mnt with the names of
# calls.py, fails with exactly this error; or succeeds, where ERRNO is OK.
expect_errno() {
  local got
  if [[ -z ${calls_PID:-} ]]; then coproc calls { exec python3 "$support/calls.py" "$mnt"; }; fi
  printf '%s\n' "$2" >&"${calls[1]}"
  read -r got <&"${calls[0]}" || fail "$2: no answer"
  expect_equal "$got" "$1" "$2"
}

# expect_fails COMMAND...: it ends with another status than 0; $errors is what it said
expect_fails() {
  local status=0
  errors=$("$@" 2>&1 >/dev/null </dev/null) || status=$?
  ((status != 0)) || fail "succeeded: $*"
  ((status != 124)) || fail "timed out: $*"
}

# within SECONDS COMMAND...: runs it, but no longer than that; then says where it and the daemon are
within() {
  local seconds=$1 pid
  "${@:2}" &
  pid=$!
  if ! timeout "$seconds" tail -s 0.01 --pid="$pid" -f /dev/null; then
    printf 'not done after %s s: %s\n' "$seconds" "${*:2}"
    head /sys/fs/fuse/connections/*/waiting || true
    local task group
    group=$(ps -o pgid= $$)
    for task in /proc/[0-9]*/task/*; do
      [[ $task == /proc/$daemon/* || $(ps -o pgid= "${task##*/}") == "$group" ]] || continue
      printf '%s %s in %s: %s\n' "${task##*/}" "$(tr '\0' ' ' <"$task/cmdline")" \
        "$(cat "$task/wchan")" "$(cat "$task/syscall")"
    done
    kill "$pid"
  fi 2>/dev/null
  wait "$pid"
}

# wait_until SECONDS COMMAND...: runs it until it succeeds
wait_until() {
  local deadline=$((SECONDS + $1))
  until "${@:2}"; do
    ((SECONDS < deadline)) || fail "still not after $1 s: ${*:2}"
    sleep 0.02
  done
}

mounted() { [[ $(findmnt -rno FSTYPE -M "$mnt") == fuse.rangefs ]]; }
serving() { grep -q ' serving ' "$dir/log" || ! kill -0 "$daemon" 2>/dev/null; }

# start [OPTIONS]: mounts $store on $mnt. The daemon's log is in $dir/log.
start() {
  : >"$dir/log"
  "$RANGEFS" "$store" "$mnt" -f ${1:+-o "$1"} 2>>"$dir/log" >/dev/null </dev/null &
  daemon=$!
  wait_until 60 serving
  kill -0 "$daemon" 2>/dev/null || fail "rangefs does not start: $(cat "$dir/log")"
  timeout 60 stat -f "$mnt" >/dev/null || fail "the mount does not answer"
}

# stop: unmounts, and waits for the daemon, which must be content
stop() {
  local status=0 pid=$daemon
  timeout 60 umount "$mnt" || fail "cannot unmount"
  daemon=
  wait "$pid" || status=$?
  expect_equal "$status" 0 "exit status of the daemon"
}

# crash_daemon: what it leaves is a mount that answers nobody
crash_daemon() {
  local pid=$daemon
  daemon=
  kill -KILL "$pid"
  wait "$pid" 2>/dev/null || true
}

remount() {
  stop
  start "$@"
}

# info KEY FILE: what its .info (or that of a directory) says
info() {
  local control=$2.info
  [[ ! -d $2 ]] || control=$2/.info
  timeout 60 sed -n "s/^$1: //p" "$control"
}

# abort_mounts: whoever waits for a daemon below $dir gets an error, also if the daemon hangs
abort_mounts() {
  local device
  while read -r device; do
    { echo 1 >"/sys/fs/fuse/connections/${device#*:}/abort"; } 2>/dev/null || true
  done < <(awk -v dir="$dir/" 'index($5, dir) == 1 { print $3 }' /proc/self/mountinfo)
}

watch_over() {
  local sleeper
  trap - ERR
  trap 'kill "$sleeper"' TERM
  sleep "$limit" &
  sleeper=$!
  wait "$sleeper" || return 0
  echo "FAILED: not done after $limit s" >&3
  abort_mounts
  kill -TERM $$
}

clean_up() {
  local status=$? target pid
  trap - EXIT ERR
  set +e
  kill "$watcher" 2>/dev/null
  if ((status != 0)) && [[ -s $dir/log ]]; then
    echo "--- log of rangefs" >&2
    tail -n 20 "$dir/log" >&2
  fi
  cd /
  for pid in $(jobs -p); do [[ $pid == "$daemon" ]] || kill "$pid" 2>/dev/null; done
  # A daemon that works takes its leave; one that does not is made to.
  for target in $(findmnt -rno TARGET | grep -F "$dir/" | tac); do
    timeout 20 umount "$target" 2>/dev/null || { abort_mounts; umount -l "$target"; }
  done
  [[ -z $daemon ]] || timeout 30 tail --pid="$daemon" -f /dev/null || kill -KILL "$daemon"
  wait
  rm -rf --one-file-system "$dir"
  exit "$status"
}
trap clean_up EXIT
set -o errtrace
trap 'echo "FAILED: $BASH_COMMAND ($0:$LINENO)" >&2' ERR
trap 'exit 124' TERM
trap 'exit 130' INT
watch_over 3>&2 >/dev/null 2>&1 &
watcher=$!

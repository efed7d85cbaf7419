#!/bin/bash
# nginx and rsyslog, with their logs on the mount and in a plain directory of the disk: the same
# lines. They listen on sockets of their own, below $dir.
set -euo pipefail
source "$(dirname "$0")/../support/mount.sh"
for program in nginx rsyslogd curl logger; do
  command -v $program >/dev/null || fail "no $program: tests/run gets it"
done
# Beside the program, wherever that was unpacked.
modules=$(echo "$(realpath "$(command -v rsyslogd)" | xargs dirname | xargs dirname)"/lib/*/rsyslog)
chmod 755 "$dir"
start
cd "$dir"
mkdir plain work
requests=$((200 / (scale > 4 ? 4 : scale)))

# ended PID: waits until it has ended by itself, and gives its status
ended() {
  within 60 tail -s 0.01 --pid="$1" -f /dev/null
  wait "$1"
}

# opens PID FILE: the process has this file open; all_open: it has, and its children have
opens() { readlink "/proc/$1"/fd/* 2>/dev/null | grep -qxF "$2"; }
all_open() {
  local pid
  for pid in "$1" $(cat "/proc/$1/task/$1/children"); do opens "$pid" "$2" || return 1; done
}
lines_of() { { cat "$@" 2>/dev/null || true; } | wc -l; }
has_lines() { (($(lines_of "${@:2}") >= $1)); }

# --- nginx ---

# nginx_conf DIRECTORY
nginx_conf() {
  cat <<END
daemon off;
worker_processes 2;
user nobody nogroup;
pid $dir/work/nginx.pid;
error_log $1/error.log notice;
events {}
http {
  log_format numbered '\$request \$status \$body_bytes_sent \$http_x_number';
  access_log $1/access.log numbered;
  access_log $1/buffered.log numbered buffer=8k flush=1h;
  access_log $1/zipped.log.gz numbered gzip=1 buffer=8k flush=1h;
  access_log $1/of/\$http_x_kind.log numbered;
  client_body_temp_path $1/bodies;
  client_body_in_file_only clean;
  # Made at the start, used or not; their places by default are those of an installed nginx.
  proxy_temp_path $dir/work/proxy;
  fastcgi_temp_path $dir/work/fastcgi;
  uwsgi_temp_path $dir/work/uwsgi;
  scgi_temp_path $dir/work/scgi;
  server {
    listen unix:$dir/work/nginx.socket;
    root $1/www;
    location /up/ { dav_methods PUT; create_full_put_path on; }
  }
}
END
}

# request N: by turns a file, a missing one, a range, an upload
request() {
  local path=file arguments=()
  case $(($1 % 4)) in
    1) path=missing ;;
    2) arguments=(-r 100-2000) ;;
    3) path=up/$1 arguments=(-T "$OLD") ;;
  esac
  curl -sS --unix-socket "$dir/work/nginx.socket" -H "X-Number: $1" -H "X-Kind: $(($1 % 2))" \
    "${arguments[@]}" "http://localhost/$path"
}
export -f request
export OLD=$dir/old dir
seq 2000 >old

# requests FROM TO: four at a time
requests() { within 120 xargs -a <(seq "$1" "$2") -P 4 -I N bash -c 'request N >"$dir/work/got.N"'; }

serve_pages() {
  local side=$dir/$1/nginx pid
  mkdir "$side" "$side"/{www,www/up,of,bodies}
  chown nobody "$side"/{www/up,of,bodies}
  cp old "$side/www/file"
  nginx_conf "$side" >nginx.conf
  nginx -p "$dir/work" -e "$side/error.log" -c "$dir/nginx.conf" 2>nginx.err &
  pid=$!
  wait_until 60 grep -qs 'start worker process' "$side/error.log"
  rm -f work/got.*
  requests 1 $requests
  # As logrotate does it: another name, then USR1.
  mv "$side/access.log" "$side/access.log.1"
  kill -USR1 $pid
  wait_until 60 all_open $pid "$side/access.log"
  requests $((requests + 1)) $((2 * requests))
  kill -HUP $pid
  wait_until 60 grep -q reconfiguring "$side/error.log"
  wait_until 60 all_open $pid "$side/access.log"
  requests $((2 * requests + 1)) $((3 * requests))
  kill -QUIT $pid
  ended $pid || fail "nginx: $(cat nginx.err)"
  cat work/got.* | md5sum >"$1.got"
}

for side in plain mnt; do serve_pages $side; done
expect_equal "$(cat mnt.got)" "$(cat plain.got)" "what nginx served"
for log in access.log.1 access.log buffered.log of/0.log of/1.log; do
  diff <(sort plain/nginx/$log) <(sort mnt/nginx/$log) >&2 || fail "nginx's $log"
done
diff <(zcat plain/nginx/zipped.log.gz | sort) <(zcat mnt/nginx/zipped.log.gz | sort) >&2 || fail "nginx's gzipped log"
expect_equal "$(lines_of mnt/nginx/access.log.1 mnt/nginx/access.log)" $((3 * requests)) "lines of nginx"
# errors_in SIDE: without times, processes and connections
errors_in() { grep -F '[error]' "$1/nginx/error.log" | sed "s:$dir/$1/:SIDE/:; s/^.* open()/open()/"; }
diff <(errors_in plain) <(errors_in mnt) >&2 || fail "nginx's error.log"
diff -r plain/nginx/www mnt/nginx/www >&2 || fail "nginx's uploads"
expect_equal "$(ls mnt/nginx/bodies)" "" "bodies that nginx left"
say "nginx: $((3 * requests)) requests"

# --- rsyslog ---

# rsyslog_conf SIDE DIRECTORY: what comes from the socket goes to files of each kind; a file is followed
rsyslog_conf() {
  cat <<END
module(load="imuxsock" SysSock.Use="off")
module(load="imfile")
global(workDirectory="$dir/work/$1")
template(name="bare" type="string" string="%syslogtag%%msg%\n")
template(name="by_tag" type="string" string="$2/dyn/%programname%.log")
input(type="imuxsock" socket="$dir/work/rsyslog.socket" ruleset="write" ratelimit.interval="0")
input(type="imfile" file="$2/followed" tag="followed" ruleset="follow" reopenOnTruncate="on")
ruleset(name="write") {
  action(type="omfile" template="bare" file="$2/plain.log")
  action(type="omfile" template="bare" file="$2/synced.log" sync="on")
  action(type="omfile" template="bare" file="$2/buffered.log" flushOnTXEnd="off" ioBufferSize="16k" asyncWriting="on")
  action(type="omfile" template="bare" file="$2/zipped.log.gz" zipLevel="1" veryRobustZip="on")
  action(type="omfile" template="bare" dynaFile="by_tag" dynaFileCacheSize="2")
}
ruleset(name="follow") { action(type="omfile" template="bare" file="$dir/$1.follow") }
END
}

start_rsyslog() {
  rsyslogd -n -f "$dir/rsyslog.conf" -i "$dir/work/rsyslog.pid" -M "$modules" >rsyslog.out 2>&1 &
  rsyslog=$!
  wait_until 60 test -S work/rsyslog.socket
}
stop_rsyslog() {
  kill $rsyslog
  ended $rsyslog || fail "rsyslog: $(cat rsyslog.out)"
  rm -f work/rsyslog.socket
}

# messages FROM TO: from three programs
messages() {
  local program
  seq -f 'message %g' "$1" "$2" >messages
  for program in app web db; do logger -u work/rsyslog.socket -t $program -f messages; done
}

log_messages() {
  local side=$dir/$1/rsyslog
  mkdir -p "$side/dyn" "work/$1"
  rsyslog_conf "$1" "$side" >rsyslog.conf
  seq -f 'old %g' 100 >"$side/followed"
  start_rsyslog
  messages 1 $requests
  wait_until 60 has_lines $((3 * requests)) "$side/plain.log"
  wait_until 60 has_lines 100 "$1.follow"
  # As logrotate does it: another name, then HUP.
  mv "$side/plain.log" "$side/plain.log.1"
  kill -HUP $rsyslog
  wait_until 60 eval "! opens $rsyslog '$side/plain.log.1'"
  messages $((requests + 1)) $((2 * requests))
  wait_until 60 has_lines $((3 * requests)) "$side/plain.log"
  seq -f 'new %g' 100 >>"$side/followed"
  wait_until 60 has_lines 200 "$1.follow"
  stop_rsyslog
  # It knows by its state file how far it has read.
  seq -f 'last %g' 100 >>"$side/followed"
  start_rsyslog
  messages $((2 * requests + 1)) $((3 * requests))
  wait_until 60 has_lines $((6 * requests)) "$side/plain.log"
  wait_until 60 has_lines 300 "$1.follow"
  stop_rsyslog
}

for side in plain mnt; do log_messages $side; done
for log in plain.log.1 plain.log synced.log buffered.log dyn/app.log dyn/web.log dyn/db.log followed; do
  expect_same plain/rsyslog/$log mnt/rsyslog/$log
done
expect_equal "$(zcat mnt/rsyslog/zipped.log.gz | md5sum)" "$(zcat plain/rsyslog/zipped.log.gz | md5sum)" "rsyslog's zipped log"
expect_equal "$(lines_of mnt/rsyslog/plain.log.1 mnt/rsyslog/plain.log)" $((9 * requests)) "lines of rsyslog"
expect_same plain.follow mnt.follow
expect_equal "$(lines_of mnt.follow)" 300 "lines that rsyslog followed"
say "rsyslog: $((9 * requests)) messages"
stop

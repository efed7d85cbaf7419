#!/bin/bash
# The same commands on the mount and on a plain directory of the disk: the same bytes, the same
# output and the same exit status, or a difference that is named here.
set -euo pipefail
source "$(dirname "$0")/../support/mount.sh"
start
cd "$dir"
mkdir plain
commands=0

# run_in DIRECTORY COMMAND: what it prints goes to DIRECTORY.out, its status to DIRECTORY.status
run_in() {
  local status=0
  (cd "$1" && within 60 bash -c "$2") </dev/null >"$1.out" 2>"$1.err" || status=$?
  echo $status >"$1.status"
}

# run_both COMMAND: in both directories, which are empty before
run_both() {
  local side
  for side in plain mnt; do
    find $side -mindepth 1 -delete
    run_in $side "$1"
  done
  ((++commands))
}

# same COMMAND
same() {
  run_both "$1"
  expect_equal "$(cat mnt.status)" "$(cat plain.status)" "status of '$1' ($(cat mnt.err))"
  diff plain.out mnt.out >&2 || fail "output of '$1'"
  diff -r plain mnt >&2 || fail "files after '$1'"
}

# refused COMMAND: it succeeds on a plain directory, but not here, where `app` stays like `old`
refused() {
  run_both "$1"
  expect_equal "$(cat plain.status)" 0 "status of '$1' on a plain directory: $(cat plain.err)"
  [[ $(cat mnt.status) != 0 ]] || fail "'$1' succeeded"
  expect_same mnt/app old
}

seq 1000 >old
head -c 300000 /dev/urandom >binary
export OLD=$dir/old BINARY=$dir/binary TZ=UTC

# --- reading ---

for tool in 'cat app' 'tac app' 'head -n 3 app' 'head -c -100 app' 'tail -n 3 app' 'tail -c 50 app' 'nl app' \
  'grep -n 77 app' 'grep -c . app' 'sed -n 5,9p app' "awk '{ n += \$1 } END { print n }' app" 'sort -rn app' 'wc app' \
  'md5sum app binary' 'cksum <binary' 'od -c binary' 'strings -n 8 binary' 'cmp app binary' 'diff app other' \
  'comm app other' 'join app other' 'paste app other' 'cut -c 1 app' 'rev app' 'fold -w 2 app' 'less app' \
  'split -n l/7 app p. && cat p.*' 'cp app copy && cat copy' 'dd if=binary bs=777 status=none | md5sum' \
  'dd if=binary bs=4k skip=10 count=3 status=none | md5sum' 'gzip -c binary | gunzip | md5sum' \
  'xz -c app | xz -d' 'tar c --sort=name app other binary --mtime=@0 | md5sum' 'stat -c "%n %s %F %h" app other binary' \
  'find . -type f -size +100k' 'du -b app binary' 'ls -A' 'xargs -n 100 <app' 'shuf --random-source=binary app' \
  'busybox cat app' 'busybox tail -n 3 app' 'busybox grep -c 7 app' 'busybox md5sum binary' 'busybox wc app' \
  'busybox sed -n 5p app' 'busybox cp app copy && cat copy' 'busybox tar c app | tar t' 'busybox dd if=binary bs=1000 | md5sum'; do
  same "cat \$OLD >app; cat \$BINARY >binary; tac \$OLD | sort >other; $tool"
done
same 'cat $BINARY >binary; python3 -c "
import hashlib, mmap, shutil
f = open(\"binary\", \"rb\")
m = mmap.mmap(f.fileno(), 0, flags=mmap.MAP_PRIVATE)
print(hashlib.md5(m).hexdigest(), f.seek(-10, 2), f.read())
shutil.copyfile(\"binary\", \"copy\"); shutil.copy2(\"binary\", \"copy2\")"'

# --- writing ---

for tool in 'cp $OLD app' 'cp -a $BINARY app' 'cat $OLD >>app; cat $OLD >>app' 'tee app <$OLD' 'tee -a app b c <$OLD >/dev/null' \
  'dd if=$BINARY of=app bs=1234 conv=fsync status=none' 'dd if=$OLD of=app bs=10 seek=7 status=none' \
  'install -m 600 $OLD app' 'cp $OLD a; mv a app' 'cp $OLD /tmp/$$; mv /tmp/$$ app' 'rsync -a $OLD app' \
  'rsync --inplace $OLD app' 'head -n 500 $OLD >app; rsync --append $OLD app' 'tar cC / ${OLD#/} | tar x --strip-components=20 --transform s,.*/,,' \
  'split -l 100 $OLD p.' 'csplit -s $OLD 100 500' 'sort -o app $OLD' 'gzip -c $OLD >app.gz; gunzip app.gz' \
  'touch app; echo x >app' 'cat $OLD >app; rm app; echo new >app' 'mkdir -p d/e; cp $OLD d/e/f; mv d g; rmdir g 2>/dev/null; rm -r g/e' \
  'truncate -s 1000 app' 'cp $OLD app; cp -f $BINARY app' 'cp --sparse=always $BINARY app' \
  'exec 3>app; echo a >&3; echo b >&3' '(echo a; echo b >&2) >>app 2>>app' 'mktemp x.XXXX | wc -c; rm x.*' \
  'busybox cp $OLD app' 'busybox tee app <$OLD' 'busybox dd if=$OLD of=app' 'busybox mv $(cp $OLD o; echo o) app' 'busybox touch app; busybox gzip -c $OLD >z'; do
  same "$tool"
done
for tool in 'echo new >app' 'sed -i s/5/five/ app' 'cp $BINARY app' 'truncate -s 0 app' 'dd if=$BINARY of=app status=none' \
  'rsync $BINARY app' 'busybox sed -i s/5/five/ app' 'busybox cp $BINARY app' 'shred -n 1 app' 'truncate -s +10 app'; do
  refused "cat \$OLD >app; $tool"
done

# --- python's logging ---

cat >logs.py <<'END2'
import logging, logging.handlers, os, sys
def handler(kind):
    if kind == "watched": return logging.handlers.WatchedFileHandler("app.log")
    if kind == "rotating": return logging.handlers.RotatingFileHandler("app.log", maxBytes=500, backupCount=2)
    if kind == "timed": return logging.handlers.TimedRotatingFileHandler("app.log", when="D")
    if kind == "anew": return logging.FileHandler("app", mode="w")
    return logging.FileHandler("app.log")
logging.raiseExceptions = True
log = logging.getLogger()
log.addHandler(handler(sys.argv[1]))
for i in range(100):
    log.warning("message %d", i)
    if i == 50 and sys.argv[1] == "watched": os.rename("app.log", "app.log.1")
END2
for kind in plain watched rotating timed; do same "python3 ../logs.py $kind"; done
refused 'cat $OLD >app; python3 ../logs.py anew'

# --- logrotate ---

printf '%s\n' 'app.log {' '  rotate 3' '  create' '}' >create.conf
printf '%s\n' 'app {' '  rotate 3' '  copytruncate' '}' >copytruncate.conf
rotate='logrotate -f -s /dev/null'
same "for i in 1 2 3 4 5; do echo \$i >>app.log; chmod 644 app.log; (echo \$PWD/app.log '{'; sed 1d ../create.conf) >/tmp/rotate.\$\$; $rotate /tmp/rotate.\$\$; done; rm /tmp/rotate.\$\$"
# copytruncate cannot truncate, which logrotate does not say by its status.
run_both "cat \$OLD >app; chmod 644 app; (echo \$PWD/app '{'; sed 1d ../copytruncate.conf) >/tmp/rotate.\$\$; $rotate /tmp/rotate.\$\$; rm /tmp/rotate.\$\$"
expect_equal "$(stat -c %s plain/app)" 0 "size after copytruncate on a plain directory"
expect_same mnt/app old
grep -q 'error truncating' mnt.err || fail "logrotate said '$(cat mnt.err)'"

# --- others ---

# borg archives both alike, and brings an archive back.
export BORG_BASE_DIR=$dir/borg BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes BORG_RELOCATED_REPO_ACCESS_IS_OK=yes
same 'cat $OLD >app; cat $BINARY >binary; export r=$(mktemp -d /tmp/borg.XXXX); borg init -e none $r && borg create $r::a . &&
  mkdir back && cd back && borg extract $r::a; status=$?; rm -r $r; exit $status'

cat >timers.c <<'END2'
// Writes and syncs lines while a timer goes off all the time, as profilers and Go do.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <unistd.h>
static void tick(int number) { (void)number; }
int main(void) {
  struct sigaction action = {};
  action.sa_handler = tick;
  action.sa_flags = SA_RESTART;
  struct itimerval every = {{0, 1000}, {0, 1000}};
  sigaction(SIGALRM, &action, 0);
  setitimer(ITIMER_REAL, &every, 0);
  int fd = open("app", O_WRONLY | O_CREAT | O_APPEND, 0644);
  for (int i = 0; i < 300; ++i) {
    char line[32];
    int size = snprintf(line, sizeof line, "line %d\n", i);
    if (write(fd, line, size) != size) return perror("write"), 1;
    if (fsync(fd) != 0) return perror("fsync"), 2;
  }
  return close(fd);
}
END2
g++ -w -x c++ timers.c -o timers
same ../timers

say "$commands commands"
stop

#!/bin/bash
# Times, modes and inode numbers as programs need them that copy, compare and restore files: what they
# do and say here is what they do and say in a plain directory, where nothing else is expected.
set -euo pipefail
source "$(dirname "$0")/../support/mount.sh"
start
cd "$dir"
mkdir plain source source/sub
echo one >source/a
seq 1000 >source/sub/b
chmod 750 source/sub
touch -d '2020-01-02 03:04:05.123456789' source/a
touch -d '2019-01-02 03:04:05.5' source/sub/b source/sub
touch -d '2018-07-06 05:04:03' source
checks=0

# same SCRIPT: in the plain directory and in the mount it has the same output and status
same() {
  local where
  for where in plain mnt; do
    (cd "$where" && { within 60 bash -c "$1" && echo done || echo "status $?"; }) \
      >"out.$where" 2>&1 </dev/null
  done
  cmp -s out.plain out.mnt || fail "$1: '$(cat out.mnt)' instead of '$(cat out.plain)'"
  ((++checks))
}
run_python() { within 60 python3 -c "import os, sys
$1" "${@:2}" || fail "python: $1"; }

# Copies that keep times, and find nothing to do the second time.
same 'rsync -a ../source/ synced/ && rsync -ai ../source/ synced/'
same 'cp -a ../source copied && cd copied && stat -c "%n %y %a" . a sub sub/b'
same 'cp -pu ../source/a kept && cp -puv ../source/a kept && stat -c %y kept'
same 'tar cf ../source.tar -C ../source . && mkdir tarred && tar xpf ../source.tar -C tarred &&
  tar df ../source.tar -C tarred'
same 'diff -r ../source copied && mv copied moved && stat -c %y moved/a moved'

# touch, find and make
same 'echo x >t && touch -d "2001-02-03 04:05:06.789" t && stat -c %y t'
same 'touch -r ../source/a t && stat -c %y t && touch -a -d "2002-02-02" t && stat -c %y t'
same 'touch -m -d "1960-01-01" t && stat -c %y t && touch -d "2200-01-01" t && stat -c %y t'
same 'touch -d "1 hour ago" t && echo y >u && find t u -newer t && touch -d "1 hour ago" u && touch t && find t u -newer u'
same 'printf "out: in\n\tcat in >>out\n" >Makefile && echo z >in && touch -d 2001-01-01 in && make &&
  make && touch -d "1 hour ago" out && echo z >>in && make -q; echo $?'

# Modes. A journal has no set-ID bits; a directory hands its group and bit on.
same 'mkdir d && chgrp 7 d && chmod 3770 d && mkdir d/e && echo >d/f && stat -c "%a %g" d d/e d/f'
chmod 6755 mnt/t
expect_equal "$(stat -c %a mnt/t)" 755 "mode of a journal after chmod 6755"

# What is open lives on without its name.
same 'python3 -c "
import os
os.mkdir(\"gone\", 0o711)
directory = os.open(\"gone\", os.O_RDONLY)
os.rmdir(\"gone\")
st = os.fstat(directory)
print(oct(st.st_mode), st.st_nlink)
try: print(os.listdir(directory))
except OSError as error: print(error)
app = os.open(\"gone\", os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o640)
os.write(app, b\"x\")
os.unlink(\"gone\")
st = os.fstat(app)
print(oct(st.st_mode), st.st_nlink, st.st_size)
"'

# Every change moves st_ctime, and an append st_mtime, whoever looks and however soon.
run_python '
def wait_for_clock(after):
    # Before Linux 6.13 the file system below gives directories times in steps of milliseconds.
    while os.stat("../plain/clock").st_ctime_ns <= after: os.utime("../plain/clock")
def changed(name, change):
    before = os.stat(name)
    if name == "dir": wait_for_clock(before.st_ctime_ns)
    name = change() or name
    after = os.stat(name)
    assert after.st_ctime_ns > before.st_ctime_ns, (change, before, after)
    return after.st_mtime_ns - before.st_mtime_ns
os.chdir("mnt")
open("app", "a").write("x\n")
os.mkdir("dir")
open("../plain/clock", "w").close()
for i in range(50):
    for name in "app", "dir":
        assert changed(name, lambda: os.chmod(name, 0o700)) == 0
        assert changed(name, lambda: os.chown(name, i, i)) == 0
        assert changed(name, lambda: os.setxattr(name, "user.range.keep", b"0")) == 0
    assert changed("app", lambda: os.rename("app", "b") or "b") == 0
    assert changed("b", lambda: os.rename("b", "app") or "app") == 0
first = os.open("app", os.O_RDONLY)
open("app.pos", "w").write("end")
second = os.open("app", os.O_WRONLY | os.O_APPEND)
for through in second, os.open("app", os.O_WRONLY | os.O_APPEND):
    os.utime("app", ns=(1, 123456789))
    assert os.stat(first).st_mtime_ns == os.stat(second).st_mtime_ns == 123456789
    os.write(through, b"y\n")
    assert os.stat(first).st_mtime_ns == os.stat(second).st_mtime_ns > 10**18
open("app.pos", "w").write("start")
'

# Inode numbers that fit into a double, the same in readdir and stat, and kept like the times.
numbers() {
  run_python '
top = sys.argv[1]
seen = {}
def note(path, number):
    assert 0 < number < 2**53 and int(float(number)) == number, (path, number)
    assert seen.setdefault(number, path) == path, (path, seen[number])
for directory, _, _ in os.walk(top):
    note(directory, os.stat(directory).st_ino)
    for control in ".pos", ".sync", ".info":
        note(directory + "/" + control, os.stat(directory + "/" + control).st_ino)
    for entry in os.scandir(directory):
        assert entry.inode() == os.stat(entry.path).st_ino, entry.path
        if entry.is_dir(): continue
        for suffix in "", ".pos", ".sync", ".info":
            note(entry.path + suffix, os.stat(entry.path + suffix).st_ino)
for number, path in sorted(seen.items()):
    st = os.stat(path)
    print(path, number, st.st_mtime_ns, st.st_ctime_ns if path.count(".") == 0 else "")
' mnt
}
numbers >before
stop
start
numbers >after
expect_same after before
mv mnt/moved mnt/d/moved
expect_equal "$(stat -c %i mnt/d/moved mnt/d/moved/a)" \
  "$(grep -E '^mnt/moved(/a)? ' before | sort | cut -d' ' -f2)" "inode numbers after a rename"
stop
cp -a store copy
store=$dir/copy
start
mv mnt/d/moved mnt/moved
numbers | cut -d' ' -f1,2 >copied
cut -d' ' -f1,2 before | cmp - copied || fail "inode numbers differ in a copy of the store"
stop
say "$checks scripts did the same as in a plain directory"

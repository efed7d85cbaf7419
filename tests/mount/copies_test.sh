#!/bin/bash
# Control files that print a position, copied by programs that go by the size of a file.
set -euo pipefail
source "$(dirname "$0")/../support/mount.sh"
start
cd "$dir"
seq 10 >>mnt/app

cat >copies.py <<'END'
import os, shutil, sys
def sendfile(source, target):
    with open(source, "rb", buffering=0) as a, open(target, "wb", buffering=0) as b:
        while os.sendfile(b.fileno(), a.fileno(), None, 1 << 20): pass
def expect(what, got, wanted):
    if got != wanted: sys.exit(f"{what}: {got!r} instead of {wanted!r}")
for record in 1, 5, 3:
    with open("mnt/app.pos", "w") as file: file.write(f"{record}\n")
    for name in "app.pos", "app.sync", ".sync":
        wanted = open(f"mnt/{name}", "rb").read()
        expect(f"size of {name}", os.stat(f"mnt/{name}").st_size, len(wanted))
        for copy in sendfile, shutil.copyfile, shutil.copy2:
            copy(f"mnt/{name}", "copy")
            expect(f"{name} by {copy.__name__}", open("copy", "rb").read(), wanted)
    with open("mnt/app.pos", "rb", buffering=0) as a, open("copy", "wb", buffering=0) as b:
        text = a.read(100)
        os.sendfile(b.fileno(), a.fileno(), 0, 100)
        expect("sent through the open that read", open("copy", "rb").read(), text)
END
timeout 60 python3 copies.py || fail "copies"

copies=0
for name in app.pos app.sync; do
  for copy in 'cp mnt/NAME copy' 'cat mnt/NAME >copy' 'dd if=mnt/NAME of=copy status=none' \
    'tail mnt/NAME >copy' 'tail -c 100 mnt/NAME >copy' 'head mnt/NAME >copy' \
    'head -c -0 mnt/NAME >copy' 'less mnt/NAME >copy' 'busybox cat mnt/NAME >copy'; do
    command -v "${copy%% *}" >/dev/null || continue
    rm -f copy
    timeout 60 sh -c "${copy/NAME/$name}" || fail "$copy"
    expect_equal "$(cat copy)" "$(cat "mnt/$name")" "$copy"
    ((++copies))
  done
  expect_equal "$(wc -c <"mnt/$name")" 25 "wc -c of $name"
done

# Commands are written as before, whatever size the file seems to have.
for record in 2 4; do
  echo $record >mnt/app.pos
  expect_equal "$(head -n 1 mnt/app)" $((record + 1)) ">"
  echo $((record + 1)) >>mnt/app.pos
  expect_equal "$(head -n 1 mnt/app)" $((record + 2)) ">>"
  expect_equal "$(stat -c %s mnt/app.pos)" 25 "size"
  timeout 60 python3 copies.py || fail "copies after commands"
done
stop
say "$copies copies"

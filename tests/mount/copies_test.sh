#!/bin/bash
# Control files, copied by programs that go by the size of a file.
set -euo pipefail
source "$(dirname "$0")/../support/mount.sh"
start sync_interval=1h # nothing changes by itself
cd "$dir"
seq 10 >>mnt/app
mkdir mnt/web
for name in access error $'with\nnewline'; do seq 10 >>"mnt/web/$name"; done

cat >copies.py <<'END'
import os, shutil, sys
def sendfile(source, target):
    with open(source, "rb", buffering=0) as a, open(target, "wb", buffering=0) as b:
        while os.sendfile(b.fileno(), a.fileno(), None, 1 << 20): pass
def expect(what, got, wanted):
    if got != wanted: sys.exit(f"{what}: {got!r} instead of {wanted!r}")
for record in 1, 5, 3:
    with open("mnt/app.pos", "w") as file: file.write(f"{record}\n")
    with open("mnt/web/.pos", "w") as file: file.write(f"access {record}\n")
    for name in sys.argv[1:]:
        wanted = open(f"mnt/{name}", "rb").read()
        expect(f"size of {name}", os.stat(f"mnt/{name}").st_size, len(wanted))
        for copy in sendfile, shutil.copyfile, shutil.copy2:
            copy(f"mnt/{name}", "copy")
            expect(f"{name} by {copy.__name__}", open("copy", "rb").read(), wanted)
# An open gives the text that it gave first, and has its size, whatever others look up meanwhile.
varies = [name for name in sys.argv[1:] if name.endswith(".info") or name.endswith("/.pos")]
for name in varies + ["app.pos", "app.sync"]:
    first = open(f"mnt/{name}", "rb", buffering=0)
    size = os.fstat(first.fileno()).st_size
    with open("mnt/app", "a") as file: file.write("more\n" * 1000)
    with open("mnt/web/access.pos", "w") as file: file.write("end\n")
    for where in "mnt", "mnt/web":
        open(f"{where}/{name.replace('/', ' ')} {os.getpid()}", "a").close()
    last = open(f"mnt/{name}", "rb", buffering=0)
    text = last.read(10000)
    expect(f"size of {name} in a new open", os.fstat(last.fileno()).st_size, len(text))
    expect(f"size of {name} in an old open", os.fstat(first.fileno()).st_size, size)
    with open("copy", "wb", buffering=0) as b: os.sendfile(b.fileno(), first.fileno(), 0, 10000)
    expect(f"{name} sent and read", open("copy", "rb").read(), first.read(10000))
    expect(f"bytes of {name} in an old open", os.path.getsize("copy"), size)
    if name in varies:
        again = open(f"/dev/fd/{first.fileno()}", "rb").read()
        expect(f"{name} opened once more", again, open("copy", "rb").read())
        expect(f"{name} says something new", text != again, True)
END
names=(app.pos app.sync .sync app.info .info web/.info .pos web/.pos web/.sync)
timeout 60 python3 copies.py "${names[@]}" || fail "copies"

copies=0
for name in "${names[@]}"; do
  for copy in 'cp mnt/NAME copy' 'cat mnt/NAME >copy' 'dd if=mnt/NAME of=copy status=none' \
    'tail -n 1000 mnt/NAME >copy' 'tail -c 10000 mnt/NAME >copy' 'head -n 1000 mnt/NAME >copy' \
    'head -c -0 mnt/NAME >copy' 'less mnt/NAME >copy' 'busybox cat mnt/NAME >copy'; do
    command -v "${copy%% *}" >/dev/null || continue
    rm -f copy
    timeout 60 sh -c "${copy/NAME/$name}" || fail "$copy of $name"
    expect_equal "$(cat copy)" "$(cat "mnt/$name")" "$copy of $name"
    ((++copies))
  done
  expect_equal "$(wc -c <"mnt/$name")" "$(cat "mnt/$name" | wc -c)" "wc -c of $name"
done
expect_equal "$(stat -c %s mnt/app.pos mnt/app.sync mnt/.sync | xargs)" "25 25 0" "sizes"

# Commands are written as before, whatever size the file seems to have.
for record in 2 4; do
  echo $record >mnt/app.pos
  expect_equal "$(head -n 1 mnt/app)" $((record + 1)) ">"
  echo $((record + 1)) >>mnt/app.pos
  expect_equal "$(head -n 1 mnt/app)" $((record + 2)) ">>"
  expect_equal "$(stat -c %s mnt/app.pos)" 25 "size"
  timeout 60 python3 copies.py "${names[@]}" || fail "copies after commands"
done

# While a journal is appended to its text changes all the time: every copy is one text, whole.
while :; do echo x >>mnt/app; done &
appender=$!
for _ in {1..200}; do
  busybox cat mnt/app.info >copy
  expect_equal "$(tail -n 1 copy),$(tail -c 1 copy),$(tr -cd '\0' <copy | wc -c)" "state: ok,,0" \
    "last line, last byte and NULs of a copy"
done
kill $appender
wait $appender || true
stop
say "$copies copies"

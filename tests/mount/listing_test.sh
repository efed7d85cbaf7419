#!/bin/bash
# Directories read in every way in which programs do: whole, and in pieces through an open each.
set -euo pipefail
source "$(dirname "$0")/../support/mount.sh"
many=$((100000 / scale))
start
cd "$dir"

# Like a server that keeps no directory open: it remembers the offset of the last entry. Meanwhile
# names come and go.
cat >pieces.py <<'END'
import os, sys
from getdents import pieces
directory = sys.argv[1]
create = lambda name: open(f"{directory}/{name}", "x").close()
stay = [f"stay-{i}" for i in range(300)]
for name in stay: create(name)
for i in range(300): create(f"go-{i}")
got = []
for i, entries in enumerate(pieces(directory)):
    if len(entries) > 6: sys.exit(f"{len(entries)} entries in a piece")
    got += [entry.name for entry in entries]
    if i < 300:
        os.unlink(f"{directory}/go-{i}")
        create(f"come-{i}")
kept = sorted(name for name in got if name.startswith("stay-"))
if kept != sorted(stay): sys.exit(f"{len(kept)} names ({len(set(kept))} different) of {len(stay)}")
if (got.count("."), got.count("..")) != (1, 1): sys.exit("not one . and one ..")
END
mkdir mnt/pieces
timeout 100 python3 pieces.py mnt/pieces || fail "pieces"

# Offsets last as long as those of the store's own directories do: here, across a remount.
cat >half.py <<'END'
import sys
from getdents import piece, pieces
directory, file = sys.argv[1:]
offset = 0
for i in range(20):
    entries = piece(directory, offset)
    for entry in entries: print(entry.name, file=open(file, "a"))
    offset = entries[-1].offset
print(offset)
END
cat >rest.py <<'END'
import sys
from getdents import pieces
for entries in pieces(sys.argv[1], int(sys.argv[2])):
    for entry in entries: print(entry.name)
END
offset=$(timeout 60 python3 half.py mnt/pieces names)
remount
timeout 60 python3 rest.py mnt/pieces "$offset" >>names
expect_equal "$(sort names | md5sum)" "$(ls -a mnt/pieces | sort | md5sum)" "names of two mounts"

# Numbers of inodes; rewinding shows what is new.
cat >inodes.py <<'END'
import os, sys
from getdents import getdents
def inodes(path):
    fd = os.open(path, os.O_RDONLY)
    try: return {entry.name: entry.inode for entry in getdents(fd, 1 << 20)}
    finally: os.close(fd)
def expect(what, got, wanted):
    if got != wanted: sys.exit(f"{what}: {got} instead of {wanted}")
ino = lambda path: os.stat(path).st_ino
for path in "mnt/a", "mnt/a/b":
    got = inodes(path)
    for name in got: expect(f"{path}/{name}", got[name], ino(f"{path}/{name}"))
root = inodes("mnt")
expect("mnt/.", root["."], ino("mnt"))
expect("mnt/..", root[".."], ino("mnt"))
os.rename("mnt/a/b", "mnt/b")
expect("..", inodes("mnt/b")[".."], ino("mnt"))

fd = os.open("mnt/a", os.O_RDONLY)
names = lambda: sorted(entry.name for entry in getdents(fd, 1 << 16))
expect("names", names(), [".", "..", "j"])
open("mnt/a/new", "x").close()
os.lseek(fd, 0, os.SEEK_SET)
expect("names after rewinding", names(), [".", "..", "j", "new"])
os.unlink("mnt/a/j")
os.lseek(fd, 0, os.SEEK_SET)
expect("names after rewinding again", names(), [".", "..", "new"])
END
mkdir -p mnt/a/b
touch mnt/a/j mnt/a/b/k
timeout 60 python3 inodes.py || fail "inodes"

# Names that rangefs would not give, made by hand while nobody looks, stay hidden; so do control
# files. As many names as the store has.
stop
mkdir store/tree/many
cp store/tree/a/.info store/tree/many
cat >many.py <<'END'
import os, sys
for i in range(int(sys.argv[2])): os.symlink(f"../../chunks/00/{i + 1:012x}", f"{sys.argv[1]}/j{i}")
END
python3 many.py store/tree/many $many
for name in x.pos x.sync x.info .pos x.follow; do
  ln -s ../../chunks/00/000000000001 "store/tree/many/$name"
done
ln -s ../chunks/00/000000000001 store/tree/.at
start
expect_equal "$(timeout 200 ls -f mnt/many | sort | uniq | wc -l)" $((many + 2)) "names in ls -f"
expect_equal "$(timeout 200 ls mnt/many | sed -n 1,3p | xargs)" "j0 j1 j10" "ls sorts"
expect_equal "$(timeout 200 find mnt/many -mindepth 1 -name '*.*' | wc -l)" 0 "hidden names"
expect_equal "$(ls -A mnt | xargs)" "a b many pieces" "the root"
timeout 60 ls -f mnt/many | head -n 1 >/dev/null || true # who stops early disturbs nobody
stop
say "$many names in a directory"

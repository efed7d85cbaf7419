#!/bin/bash
# rangectl against directories that python3 writes, a writer of Range's format of its own: imports,
# an import that is killed and repeated, exports, and what is refused.
# Usage: import_test.sh RANGECTL
set -euo pipefail

rangectl=$(realpath "$1")
scale=${RANGE_TEST_SCALE:-1}
export LC_ALL=C.UTF-8
work=$(mktemp -d "${TMPDIR:-/var/tmp}/rangectl.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
cd "$work"

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# expect STATUS COMMAND...: its exit status; what it says is in out and err
expect() {
  local status=0
  "${@:2}" >out 2>err </dev/null || status=$?
  ((status == $1)) || fail "status $status instead of $1: ${*:2}: $(cat out err)"
}
expect_line() { grep -qF -- "$2" "$1" || fail "no '$2' in $1: $(cat "$1")"; }

cat >format.py <<'END'
import os, struct, sys

ESCAPED = "_/\\`*|;\"':"

def directory(root, name):
    escaped = "".join("_%02d" % ESCAPED.index(c) if c in ESCAPED else c for c in name)
    escaped = os.fsencode(escaped)
    path = os.fsdecode(os.path.join(os.fsencode(root), escaped[-2:], escaped))
    os.makedirs(path, exist_ok=True)
    return path

def write_chunk(path, chunk_id, records):
    offset = 0
    with open(f"{path}/{chunk_id:016X}.dat", "wb") as data, \
            open(f"{path}/{chunk_id:016X}.idx", "wb") as index:
        for record in records:
            index.write(struct.pack(">Q", offset))
            data.write(struct.pack(">I", len(record)) + record)
            offset += 4 + len(record)

def read(root, name):
    path = directory(root, name)
    for file in sorted(f for f in os.listdir(path) if f.endswith(".dat")):
        data = open(f"{path}/{file}", "rb").read()
        index = open(f"{path}/{file[:-4]}.idx", "rb").read()
        at = entry = 0
        while at < len(data):
            assert struct.unpack_from(">Q", index, entry)[0] == at, file
            length, = struct.unpack_from(">I", data, at)
            yield data[at + 4:at + 4 + length]
            at += 4 + length
            entry += 8
        assert entry == len(index), file
END
cat >names.py <<'END'
import random
from format import *
random.seed(1)
FIRST = 0x18EA5F509AFF0007
for name in ["app", "ab", "web/access", "web/deep/er", ESCAPED.replace("/", "-"), "d\u00fc", "x y"]:
    path = directory("range", name)
    for chunk in range(2):
        records = [random.randbytes(random.choice([0, 1, 50, 3000])) for _ in range(500)]
        write_chunk(path, FIRST + (chunk << 20), records)
directory("range", "empty")
END
cat >compare.py <<'END'
# compare.py ROOT ROOT: the same journals, of the same records. Exports have chunks of their own.
import sys
from format import *
names = lambda root: sorted(n for g in os.listdir(root) for n in os.listdir(f"{root}/{g}"))
assert names(sys.argv[1]) == names(sys.argv[2]), (names(sys.argv[1]), names(sys.argv[2]))
for escaped in names(sys.argv[1]):
    name = escaped
    for i in reversed(range(len(ESCAPED))):
        name = name.replace("_%02d" % i, ESCAPED[i])
    a, b = list(read(sys.argv[1], name)), list(read(sys.argv[2], name))
    assert a == b, (name, len(a), len(b))
END

# Wrong usage: a line on stderr.
for arguments in '' 'no-such-command' 'import-range' 'import-range range' 'export-range store' \
  'import-range -x range store' '-x' 'import-range --map' 'import-range --map names range' \
  'export-range --map= store range' 'import-range range store a\q' 'import-range range store -x' \
  'import-range range --mapped=x store' 'export-range store range app -h=x' \
  'import-range range store app --map' 'import-range -- -h'; do
  # shellcheck disable=SC2086 # words
  expect 2 "$rangectl" $arguments
  [[ $(wc -l <err) == 1 && ! -s out ]] || fail "'$arguments': $(cat out err)"
done
expect 2 "$rangectl" import-range '' store
expect 2 "$rangectl" import-range range store ''
expect_line err 'an argument is empty'
expect 2 "$rangectl" $'no\nsuch'
expect_line err "'no\\nsuch'"

# Help: of its own for each command.
for help in -h --help; do
  expect 0 "$rangectl" "$help"
  expect_line out 'usage: rangectl'
  for command in import-range export-range; do
    expect 0 "$rangectl" "$command" "$help"
    [[ ! -s err ]] || fail "said: $(cat err)"
    expect_line out "usage: rangectl $command [--map FILE] "
    expect_line out '--map FILE'
    expect_line out 'The exit status is 0 '
    for operands in 'a' 'a b' 'a b app' '--map names a b'; do
      # shellcheck disable=SC2086 # words
      expect 0 "$rangectl" "$command" $operands "$help"
      expect_line out "usage: rangectl $command "
    done
  done
done
expect 0 "$rangectl" export-range --map file -h a b
expect 0 "$rangectl" -V
expect 1 "$rangectl" import-range missing store
expect_line err 'missing'
[[ ! -e store ]] || fail "a store was made for nothing"
expect 1 "$rangectl" export-range out exported
[[ ! -e exported ]] || fail "an export was made of nothing"

# Everything, again, and a part of it.
python3 names.py
expect 0 "$rangectl" import-range range store
expect_line out 'web/deep/er: 1000 records, 2 chunks, '
expect_line out 'empty: 0 records, 0 chunks, 0.0 MB imported'
expect_line out '8 of 8 journals imported, 7000 records'
[[ ! -s err ]] || fail "said: $(cat err)"
expect 0 "$rangectl" import-range range store
expect_line out 'app: already complete, 1000 records'
expect 1 "$rangectl" import-range range part app nothing
expect_line err 'nothing: no such journal'
expect_line out '1 of 1 journal imported, 1000 records'

# Out again: the same records; and where each journal fits into a chunk, all that diff can see but
# the names of chunks.
expect 0 "$rangectl" export-range store exported
python3 compare.py range exported
expect 1 "$rangectl" export-range store exported app
expect_line err 'app: '
expect 0 "$rangectl" export-range store exported2
diff -r exported exported2
expect 0 "$rangectl" import-range exported store2
[[ ! -s err ]] || fail "said: $(cat err)"
expect 0 "$rangectl" export-range store2 exported3
python3 compare.py range exported3
cat >same_ids.py <<'END'
# What rangectl exported, written by python under the same ids.
from format import *
for group in os.listdir("exported"):
    for escaped in os.listdir(f"exported/{group}"):
        files = sorted(f for f in os.listdir(f"exported/{group}/{escaped}") if f.endswith(".dat"))
        assert len(files) <= 1
        source = f"range/{group}/{escaped}"
        path = f"python/{group}/{escaped}"
        os.makedirs(path)
        data = b"".join(open(f"{source}/{f}", "rb").read()
                        for f in sorted(os.listdir(source)) if f.endswith(".dat"))
        records, at = [], 0
        while at < len(data):
            length, = struct.unpack_from(">I", data, at)
            records.append(data[at + 4:at + 4 + length])
            at += 4 + length
        for file in files:
            write_chunk(path, int(file[:16], 16), records)
END
python3 same_ids.py
diff -r python exported

# Another level of Range's directory, and what is none, are refused, each in a line; a directory that
# has no journals yet is none of these.
mkdir -p nothing/below empty_range groups/pp
echo text >nothing/file
for wrong in . range/pp range/pp/app nothing; do
  expect 1 "$rangectl" import-range "$wrong" untouched
  [[ $(wc -l <err) == 1 && ! -s out ]] || fail "$wrong: $(cat out err)"
  expect_line err "$wrong: no directory of Range, which keeps a journal called web in $wrong/eb/web; "
done
for wrong in range/pp range/pp/app; do
  expect 1 "$rangectl" export-range store "$wrong"
  [[ $(wc -l <err) == 1 && ! -s out ]] || fail "$wrong: $(cat out err)"
  expect_line err "$wrong: not the top of a directory of Range: $wrong/"
done
[[ ! -e untouched ]] || fail "a store was made for nothing"
[[ $(find range/pp -mindepth 1 -type d) == range/pp/app ]] || fail "something was exported"
expect 1 "$rangectl" export-range store store
expect_line err 'store: a store of rangefs'
exec 9<store/lock
flock 9
expect 1 "$rangectl" export-range store untouched
expect_line err 'store/lock: locked by '
exec 9<&-
expect 1 "$rangectl" export-range empty_range untouched
expect_line err 'empty_range: no store of rangefs'
for none in empty_range groups; do
  expect 0 "$rangectl" import-range "$none" empty_store
  expect_line out '0 of 0 journals imported'
done
expect 0 "$rangectl" export-range empty_store empty_again
expect 0 "$rangectl" import-range empty_again empty_store

# Damage and refusals do not keep the others from being imported.
python3 - <<'END'
from format import *
for name in ["torn", "cut", "damaged", "differs", "fine", "/none"]:
    path = directory("bad", name)
    write_chunk(path, 1 << 60, [b"one", b"two", b"three"])
    write_chunk(path, 2 << 60, [b"four", b"five"])
os.truncate(directory("bad", "torn") + "/2000000000000000.dat", 15)
os.truncate(directory("bad", "torn") + "/2000000000000000.idx", 8)
os.truncate(directory("bad", "cut") + "/1000000000000000.dat", 7)
with open(directory("bad", "damaged") + "/1000000000000000.dat", "r+b") as data:
    data.seek(7)
    data.write(b"\0\1")
os.makedirs("bad/_x/a_x")
write_chunk(directory("first", "differs"), 1 << 60, [b"one", b"TWO"])
END
expect 0 "$rangectl" import-range first store3
expect 1 "$rangectl" import-range bad store3
expect_line out 'fine: 5 records, 2 chunks'
expect_line out 'torn: 4 records, 2 chunks'
expect_line out 'cut: 3 records, 2 chunks'
expect_line out 'damaged: 4 records, 2 chunks'
expect_line err 'torn: note: chunk 2000000000000000, offset 8: torn last record; 7 bytes left out'
expect_line err 'cut: damage: chunk 1000000000000000, offset 7: cut off; 2 records left out'
expect_line err 'damaged: damage: chunk 1000000000000000, offset 7: record beyond the end of the file; 1 record, 7 bytes left out'
expect_line err 'differs: the store has such a journal with other contents: record 1 differs'
expect_line err '/none: cannot be a name in the store: it begins with a slash'
expect_line err 'bad/_x/a_x has not the name of a journal of Range'
expect 0 "$rangectl" import-range bad store3 torn fine

# Names that the store cannot have are refused one by one, and with a map all get in and out again.
cat >odd.py <<'END'
from format import *
for name in ["fine", "web", "web/access", "a//b", "/x", "x/", "x/../y", "x.pos", ".at", "a\nb", "a\\b"]:
    write_chunk(directory("odd", name), 1 << 60, [name.encode()])
END
python3 odd.py
expect 1 "$rangectl" import-range odd refusing
expect_line out '4 of 11 journals imported, 4 records'
expect_line out 'a\nb: 1 record'
expect_line out 'a\\b: 1 record'
(($(wc -l <err) == 7)) || fail "$(cat err)"
expect_line err 'a//b: cannot be a name in the store: there is nothing between two slashes'
expect_line err "x.pos: cannot be a name in the store: 'x.pos' is reserved for a control file"
expect_line err 'web/access: web is a journal in the store'
# Each says the name once, and then the reason, which is all.
grep -qx 'rangectl: x.pos: cannot be a name in the store: .* is reserved for a control file' err ||
  fail "$(cat err)"
grep -qx 'rangectl: web/access: web is a journal in the store' err || fail "$(cat err)"
python3 - <<'END'
from format import *
write_chunk(directory("short", "ab"), 1 << 60, [b"x"])
END
printf 'ab\ta\n' >to_short
expect 0 "$rangectl" import-range --map to_short short short_store
expect 1 "$rangectl" export-range short_store short_again
grep -qx 'rangectl: a: Range has no place for a name that is shorter than two bytes' err ||
  fail "$(cat err)"
expect 0 "$rangectl" import-range --map names odd mapped
expect_line err 'names: names added: 7'
expect_line out 'x.pos: 1 record, 1 chunk, 0.0 MB imported as x.pos%'
expect_line out '11 of 11 journals imported, 11 records'
expect 0 "$rangectl" import-range --map=names odd mapped
[[ ! -s err ]] || fail "said: $(cat err)"
expect 0 "$rangectl" export-range --map names mapped odd_again
python3 compare.py odd odd_again
# What was imported before there was a map keeps its path.
expect 0 "$rangectl" import-range --map later odd refusing
expect_line err 'later: is not there, begun anew'
expect_line out 'web: already complete'
expect_line out 'web/access: 1 record, 1 chunk, 0.0 MB imported as web%/access'
expect 0 "$rangectl" export-range --map later refusing odd_later
python3 compare.py odd odd_later
expect 1 "$rangectl" export-range --map mistyped refusing odd_mistyped
expect_line err 'mistyped: there is no such map'
[[ ! -e odd_mistyped && ! -e mistyped ]] || fail "exported with a map that is not there"
# Options may follow the directories, up to "--"; behind it everything is a name.
expect 0 "$rangectl" import-range odd mapped2 --map names x.pos
expect_line out 'x.pos: 1 record, 1 chunk, 0.0 MB imported as x.pos%'
expect 0 "$rangectl" export-range mapped2 odd_again2 --map=names 'x.pos%'
expect_line out '1 record, 1 chunk, 0.0 MB exported as x.pos'
python3 - <<'END'
from format import *
for name in ["--map", "-h", "--", "fine"]:
    write_chunk(directory("-dashes", name), 1 << 60, [name.encode()])
END
expect 0 "$rangectl" import-range -- -dashes -store -h --map --
expect_line out '3 of 3 journals imported'
expect 0 "$rangectl" export-range ./-store exported_dashes -- -h
expect_line out '-h: 1 record'
expect 0 "$rangectl" export-range -- -store exported_dashes --map
expect_line out '1 of 1 journal exported'
# Names are read as they are printed.
expect 0 "$rangectl" import-range odd one 'a\nb' 'a\\b' 'fine'
expect_line out '3 of 3 journals imported'
expect 0 "$rangectl" export-range one one_again 'a\x0ab'
expect_line out 'a\nb: 1 record'
expect 1 "$rangectl" export-range one one_again 'no\nthing'
expect_line err 'no\nthing: no such journal'
# A map that is wrong keeps anything from being done.
printf 'web\n' >wrong
expect 1 "$rangectl" import-range --map wrong odd untouched
expect_line err 'wrong, line 1: not a name, a tab and a path'
[[ ! -e untouched ]] || fail "a store was made for nothing"

# Records that are damaged in the store are left out of an export, and all others are in it.
cat >damage.py <<'END'
import glob
from format import *
write_chunk(directory("healthy", "app"), 1 << 60, [b"one", b"two", b"three"])
if os.path.exists("sick"):
    write_chunk(directory("healthy", "app"), 2 << 60, [b"four", b"five"])
END
python3 damage.py
expect 0 "$rangectl" import-range healthy sick
python3 damage.py
expect 0 "$rangectl" import-range healthy sick
sed -i 's/two/TWO/' sick/chunks/*/*/*.dat
expect 1 "$rangectl" export-range sick rescued
expect_line err 'app: damage: '
expect_line err '1 damaged record from number 1 on left out'
python3 - <<'END'
from format import *
records = list(read("rescued", "app"))
assert records[-2:] == [b"four", b"five"] and b"TWO" not in records, records
END

# kill -9 in the middle, again and again: the next import goes on, and in the end all is there.
cat >large.py <<'END'
import random, sys
from format import *
random.seed(2)
noise = random.randbytes(1 << 20)
for journal in range(2):
    path = directory("large", f"large/{journal}")
    for chunk in range(4):
        size = 25_000_000 // int(sys.argv[1])
        records = []
        while size > 0:
            at, length = random.randrange(len(noise)), random.choice([10, 300, 5000, 100000])
            records.append(noise[at:at + length])
            size -= length
        write_chunk(path, (1 << 60) + (chunk << 20), records)
END
python3 large.py "$scale"
killed=0
used() { du -sm killed 2>/dev/null | cut -f 1; }
for megabytes in 10 40 80 120 160; do
  "$rangectl" import-range large killed >/dev/null 2>err &
  pid=$!
  until (($(used) + 0 >= megabytes / scale)) || [[ ! -e /proc/$pid/exe ]]; do :; done
  kill -KILL "$pid" 2>/dev/null || true
  status=0
  wait "$pid" 2>/dev/null || status=$?
  if ((status == 137)); then ((++killed)); else ((status == 0)) || fail "status $status"; fi
done
echo "$killed imports killed"
((killed > 0)) || fail "no import could be killed"
expect 0 "$rangectl" import-range large killed
grep 'before$' out || echo "the last one was killed after its last append"
expect 0 "$rangectl" export-range killed large_exported
python3 compare.py large large_exported
expect 0 "$rangectl" import-range large whole
tail -n 1 out
echo "passed"

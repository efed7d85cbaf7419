#!/bin/bash
# A real text of 512 MiB and 128 MiB of binary data: whatever reads them gets the same from a mount as
# from a plain copy.
set -euo pipefail
limit=870
source "$(dirname "$0")/../support/mount.sh"
# Bytes, not characters: what is tested is reading, not decoding.
export LC_ALL=C
cd "$dir"

# The logs beside the repository, or else what a Debian system has of texts; repeated.
logs=$support/../../../shared/logs
if [[ -d $logs ]]; then
  cat "$logs"/*.log >material
else
  find /usr/share/doc /usr/include -type f \( -name '*changelog*' -o -name copyright -o -name '*.h*' \) \
    -exec zcat -f {} + >material
fi
mkdir plain
want=$(((512 << 20) / scale))
while (($(stat -c %s plain/text 2>/dev/null || echo 0) < want)); do
  for i in {1..16}; do cat material; done >>plain/text
done
head -c $(((128 << 20) / scale)) /dev/urandom >plain/binary
lines=$(wc -l <plain/text)
say "$(stat -c %s plain/text) bytes of text, $lines lines"

start
timed() { # WHAT COMMAND...
  local since=$EPOCHREALTIME
  "${@:2}" || fail "$1: ${*:2}"
  say "$1: $(bc <<<"scale=1; ($EPOCHREALTIME - $since) / 1") s"
}
timed "cat text in" sh -c 'cat plain/text >>mnt/text'
: >mnt/binary
setfattr -n user.range.framing -v write mnt/binary
timed "dd binary in" dd if=plain/binary of=mnt/binary bs=64k oflag=append conv=notrunc status=none

readers=(
  'wc -lc text'
  'grep -c ERROR text'
  'grep -cv INFO text'
  'head -n 1000 text'
  'tail -n 1000 text'
  'tail -c 100000 text'
  'tail -n +1000000 text | head -n 10'
  'sed -n 500000p text'
  'sed -n "\$=" text'
  'awk "{ fields += NF; if (NF > most) most = NF } END { print NR, fields, most }" text'
  'TERM=xterm script -qec "less -n -E +G text" /dev/null </dev/null'
  'less text | head -n 100000'
  'dd if=text bs=1M skip=500 count=20 status=none'
  'tac text | head -n 1000'
  'md5sum <binary'
  'wc -lc binary'
  'tail -c 1000000 binary'
  'dd if=binary bs=65537 skip=1000 status=none'
)
cat >read.py <<'END'
import hashlib, os, random, sys
print(sum(line.count(b" ") for line in open("text", "rb")))
random.seed(1)
for name in "text", "binary":
    size = os.path.getsize(name)
    digest = hashlib.md5()
    with open(name, "rb", buffering=0) as file:
        for _ in range(20000):
            file.seek(random.randrange(size))
            digest.update(file.read(random.choice([1, 100, 4096, 70000])))
    print(name, size, digest.hexdigest())
END
readers+=('python3 ../read.py')

# read_by COMMAND DIRECTORY: $result is what it prints there, $took how many seconds it takes
read_by() {
  local since=$EPOCHREALTIME
  result=$(cd "$2" && timeout 300 bash -c "$1" 2>&1 | md5sum)
  took=$(bc <<<"scale=1; ($EPOCHREALTIME - $since) / 1")
}
wanted=() times=()
for reader in "${readers[@]}"; do
  read_by "$reader" plain
  wanted+=("$result") times+=("$took")
done

check() { # WHEN
  local i
  timed "cmp text $1" cmp plain/text mnt/text
  timed "cmp binary $1" cmp plain/binary mnt/binary
  for i in "${!readers[@]}"; do
    read_by "${readers[i]}" mnt
    expect_equal "$result" "${wanted[i]}" "${readers[i]} $1"
    say "$took s, plain ${times[i]} s: ${readers[i]}"
  done
  expect_equal "$(info records mnt/binary)" $((($(stat -c %s plain/binary) + 65535) / 65536)) \
    "binary records $1"
  # A text's last line may lack its newline.
  expect_equal "$(info records mnt/text)" "$(awk 'END { print NR }' plain/text)" "lines $1"
  say "${#readers[@]} commands read the same from $(info chunks mnt/text) chunks $1"
}
check "as written"
timed "remount" remount
check "after a remount"
stop

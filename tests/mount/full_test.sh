#!/bin/bash
# A full disk: appends fail with ENOSPC as a whole, what is there stays readable, and appends work
# again once there is room. A limit on the size of files.
set -euo pipefail
source "$(dirname "$0")/../support/mount.sh"
cd "$dir"
mkdir disk

cat >fill.py <<'END'
"""fill.py FILE SIZE: appends lines of SIZE bytes until there is no room, and prints how many."""
import errno, os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
size = int(sys.argv[2])
number = 0
while True:
    line = b"%09d %s\n" % (number + 1, b"x" * (size - 11))
    try:
        if os.write(fd, line) != size:
            sys.exit("a short write")
    except OSError as error:
        if error.errno != errno.ENOSPC:
            sys.exit(f"{error} instead of ENOSPC")
        break
    number += 1
print(number)
END

yes "more than any of the disks holds" | head -c 32M >text || true

# whole FILE SIZE COUNT: these lines and nothing else
whole() {
  expect_equal "$(stat -c %s "$1")" $(($2 * $3)) "size of $1"
  awk -v size="$2" '$1 != NR || length($0) != size - 1 { exit 1 }' "$1" || fail "$1 is torn"
}

# fill_up KIND: on the file system mounted on disk/
fill_up() {
  local kind=$1 size count name
  store=$dir/disk/store
  head -c 4M /dev/zero >disk/ballast
  start chunk_size=1M
  : >mnt/100 && : >mnt/5000 && : >mnt/300000
  head -c 2M text >mnt/removed
  # The first one fills it; little or nothing of the others finds room.
  for size in 100 5000 300000; do
    count=$(timeout 200 python3 fill.py "mnt/$size" $size) || fail "$kind: $count"
    ((size > 100 || count > 0)) || fail "$kind: nothing fits"
    whole "mnt/$size" $size "$count"
    say "$kind: $count lines of $size bytes, then ENOSPC"
  done
  # Also from other calls; journals and names are as they were. There may be a little room again.
  name=100
  cp "mnt/$name" before
  expect_fails dd if=text of="mnt/$name" oflag=append conv=notrunc bs=1M count=1000
  expect_match "$errors" ".*No space left on device.*" "dd on a full disk"
  cp "mnt/$name" during
  cmp -n "$(stat -c %s before)" before during >&2 || fail "$kind: what was there changed"
  expect_equal "$(info state "mnt/$name")" ok "state on a full disk"

  # Nor does opening need any room; removing makes some.
  remount chunk_size=1M
  expect_same "mnt/$name" during
  expect_equal "$(head -c 2M text | cksum)" "$(cksum <mnt/removed)" "a journal on a full disk"
  expect_fails dd if=text of=mnt/removed oflag=append conv=notrunc bs=1M count=2
  rm mnt/removed || fail "$kind: cannot remove"
  cat mnt/.sync >synced || fail "$kind: cannot sync what was removed"
  head -c 1M text | tee -a "mnt/$name" >>during || fail "$kind: removing made no room"
  cat "mnt/$name.sync" >synced || fail "$kind: cannot sync"
  expect_same "mnt/$name" during

  # More room, and appends go on where they were.
  rm disk/ballast
  for ((i = 0; i < 1000; ++i)); do echo "after $i"; done >wanted
  while read -r line; do echo "$line" >>"mnt/$name" || fail "$kind: still no room"; done <wanted
  cat during wanted >all
  cat "mnt/$name.sync" >synced || fail "$kind: cannot sync"
  expect_same "mnt/$name" all
  remount chunk_size=1M
  expect_same "mnt/$name" all
  expect_equal "$(info torn_tails "mnt/$name")" 0 "torn tails"
  echo more >>"mnt/$name"
  stop
  timeout 60 umount disk
}

# A limit on the size of files begins another chunk; what is larger than that is refused.
printf '#!/bin/bash\nulimit -f 200\nexec %q "$@"\n' "$RANGEFS" >limited
chmod +x limited
RANGEFS=$dir/limited start
head -c 50000 /dev/zero | tr '\0' x >part
for ((i = 0; i < 9; ++i)); do cat part >>mnt/large; done
head -c 300000 /dev/zero >larger
expect_fails dd if=larger of=mnt/large oflag=append conv=notrunc bs=400k
expect_match "$errors" ".*No space left on device.*" "an append beyond the limit"
cat part >>mnt/large
expect_equal "$(stat -c %s mnt/large) $(info chunks mnt/large) $(info state mnt/large)" "500000 3 ok" \
  "a journal beyond the limit"
stop

truncate -s 24M image
mkfs.ext4 -q -m 0 image
timeout 60 mount -o loop image disk
fill_up ext4
timeout 60 mount -t tmpfs -o size=16M tmpfs disk
fill_up tmpfs

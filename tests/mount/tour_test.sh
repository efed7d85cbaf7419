#!/bin/bash
# What one does with a directory of logs all day: appending, reading, moving, removing, and names.
set -euo pipefail
source "$(dirname "$0")/../support/mount.sh"
start
cd "$dir"

# Appending and reading.
echo hello >>mnt/app
echo world >>mnt/app
printf 'an open ' >>mnt/app
printf 'record\nand bytes: \0\1\377' >>mnt/app
printf 'hello\nworld\nan open record\nand bytes: \0\1\377' >wanted
expect_same mnt/app wanted
expect_equal "$(tail -n 2 mnt/app | head -n 1)" "an open record" "tail"
expect_equal "$(stat -c %s mnt/app)" "$(stat -c %s wanted)" "size"
expect_equal "$(info records mnt/app)" 4 "records"
expect_equal "$(info open_bytes mnt/app)" 14 "bytes of the open record"
exec 3<mnt/app
expect_equal "$(dd bs=1 skip=6 count=5 <&3 2>/dev/null)" world "reading from the middle"
exec 3<&-
newest=$(info last_time mnt/app)
expect_equal "$(stat -c %.3Y mnt/app)" "$(date -d "$newest" +%s.%3N)" "time of the last record"
(($(stat -c %b mnt/app) > 0)) || fail "takes no blocks"

# Nothing but the end grows, also when the appender has an old offset.
exec 3>>mnt/app 4>>mnt/app
echo three >&3
echo four >&4
echo five >&3
exec 3>&- 4>&-
printf 'three\nfour\nfive\n' >>wanted
expect_same mnt/app wanted

# Empty journals, and `>` on them.
: >mnt/empty
: >mnt/empty
expect_equal "$(cat mnt/empty)" "" "an empty journal"
echo first >mnt/empty
expect_equal "$(cat mnt/empty)" first "> on an empty journal"

# Directories.
mkdir mnt/web mnt/web/deep
echo GET >>mnt/web/access
echo POST >>mnt/web/deep/access
expect_equal "$(cd mnt && find . | sort | xargs)" \
  ". ./app ./empty ./web ./web/access ./web/deep ./web/deep/access" "find"
expect_equal "$(cd mnt && grep -rl POST .)" ./web/deep/access "grep -r"
expect_fails rmdir mnt/web
expect_match "$errors" ".*Directory not empty" "rmdir"
mv mnt/web/deep mnt/moved
expect_equal "$(cat mnt/moved/access)" POST "a journal in a moved directory"
mv mnt/moved/access mnt/web/access2
rmdir mnt/moved
expect_equal "$(ls mnt/web)" $'access\naccess2' "ls"
mv mnt/web/access2 mnt/web/renamed
echo PUT >>mnt/web/renamed
expect_equal "$(cat mnt/web/renamed)" $'POST\nPUT' "a moved journal"

# Removing: who has it open can still read it.
exec 3<mnt/web/renamed
rm mnt/web/renamed
[[ ! -e mnt/web/renamed ]] || fail "removed, but there"
expect_equal "$(cat <&3)" $'POST\nPUT' "a removed journal that is open"
exec 3<&-
echo new >>mnt/web/renamed
expect_equal "$(cat mnt/web/renamed)" new "a new journal of that name"

# Modes and owners, kept across mounts.
chmod 640 mnt/app
chown 1234:5678 mnt/app
chmod 2750 mnt/web
chgrp 4321 mnt/web
(umask 027 && echo x >>mnt/web/inherits && mkdir mnt/web/dir)
expect_equal "$(stat -c '%a %u %g' mnt/app)" "640 1234 5678" "mode and owner"
expect_equal "$(stat -c '%a %g' mnt/web/inherits)" "640 4321" "in a set-group-ID directory"
expect_equal "$(stat -c '%a %g' mnt/web/dir)" "2750 4321" "a directory in such a one"
ls -lR --full-time mnt >before
remount
ls -lR --full-time mnt >after
expect_same before after
expect_same mnt/app wanted

# Names.
long=$(printf '%0255d' 0)
names=("$long" .hidden ..two "with space" " " -n a@b '*' $'new\nline' $'tab\t' 'back\slash' "quote'\""
  Müller 日本語 $'\xff\xfe' format lock tree chunks 0123456789ABCDEF.dat 0123456789ABCDEF.idx
  attributes .posx pos x.at .at2 info @0 start 18EA5FB59B13000000000000)
i=0
mkdir mnt/names
for name in "${names[@]}"; do
  echo "$((++i)): $name" >>"mnt/names/$name"
  mkdir -p "mnt/names.d/$name"
done
remount
i=0
for name in "${names[@]}"; do
  expect_equal "$(cat "mnt/names/$name")" "$((++i)): $name" "the journal '$name'"
done
expect_equal "$(find mnt/names -type f -printf x | wc -c)" $i "journals listed"
expect_equal "$(find mnt/names.d -mindepth 1 -type d -printf x | wc -c)" $i "directories listed"
say "$i odd names kept by journals and directories"
rm -r mnt/names mnt/names.d

# Many entries in one listing.
count=$((1000 / scale))
mkdir mnt/wide
for ((i = 0; i < count; ++i)); do : >"mnt/wide/a journal with a name that is not short, number $i"; done
expect_equal "$(find mnt/wide -type f | sort -u | wc -l)" $count "journals listed"
rm -r mnt/wide
say "$count journals listed and removed"

stop

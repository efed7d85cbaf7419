#!/bin/bash
# Every way to write a position, in .pos of a journal and of a directory, on a journal of several
# chunks; what is open keeps its view.
set -euo pipefail
source "$(dirname "$0")/../support/mount.sh"
start chunk_size=64k
cd "$dir"

# 3,000 records of 100 bytes in three batches, with a moment between two batches in $moments.
moments=()
for batch in 0 1 2; do
  seq -f "%09.0f $(printf '%089d' $batch)" $((batch * 1000)) $((batch * 1000 + 999)) >>mnt/app
  moments+=("$(python3 -c 'import time; time.sleep(0.05); print(time.time()); time.sleep(0.05)')")
done
cp mnt/app whole
expect_equal "$(wc -l <whole)" 3000 "records"
chunks=$(info chunks mnt/app)
((chunks >= 3)) || fail "only $chunks chunks"
start_position=$(cat mnt/app.pos)
expect_match "$start_position" '[0-9A-F]{24}' "what .pos prints"

checks=0
# moves TO FIRST: after `echo TO > app.pos`, app begins with record FIRST, and .pos says so
moves() {
  echo "$1" >mnt/app.pos || fail "cannot move to $1"
  begins "$2" "$1"
}
# begins FIRST WHAT
begins() {
  expect_equal "$(tail -c +$(($1 * 100 + 1)) whole | md5sum)" "$(md5sum <mnt/app)" "after $2"
  expect_equal "$(stat -c %s mnt/app)" $((300000 - $1 * 100)) "size after $2"
  printed[$1]=$(cat mnt/app.pos)
  expect_equal "$(info position mnt/app)" "${printed[$1]}" "position in .info after $2"
  ((++checks))
}
declare -A printed

for round in 1 2; do
  # Forwards, then backwards.
  for forms in 'start 0 1 1 700 700 -1500 1500 +10 1510 +1 1511 2999 2999 +1 3000 +0 3000' \
    'end 3000 -1 2999 -10 2990 1500 1500 -2999 1 -3000 0 -5000 0 0 0 -0 3000 start 0'; do
    set -- $forms
    while (($#)); do
      moves "$1" "$2"
      shift 2
    done
  done
done
for first in 3000 1511 700 0 1500 2999; do moves "${printed[$first]}" $first; done
moves "${printed[700],,}" 700

# Times: Unix, RFC 3339 in UTC, in another zone and in local time, durations.
rfc() { TZ=${2:-UTC} date -d "@${moments[$1]}" "+%Y-%m-%dT%H:%M:%S.%3N${3-Z}"; }
moves "@${moments[0]}" 1000
moves "@${moments[1]}" 2000
moves "@${moments[2]}" 3000
moves "$(rfc 1)" 2000
moves "$(rfc 0)" 1000
moves "$(rfc 1 Asia/Kolkata +05:30)" 2000
moves "$(rfc 0 UTC-2 +0200)" 1000
moves "$(date -d "@${moments[1]}" +%Y-%m-%dT%H:%M:%S.%3N)" 2000
moves "$(rfc 0 | tr T ' ')" 1000
moves 1999-12-31 0
moves "@0" 0
moves "$(date -d tomorrow +%Y-%m-%dT%H:%M:%SZ)" 3000
for duration in 9000s 50m 50h 50d 50w; do moves "-$duration" 0; done # longer than this test may take

# Without a newline; more than one command through one descriptor.
printf 1234 >mnt/app.pos
begins 1234 "a command without newline"
exec 3>mnt/app.pos
printf 5 >&3
printf +6 >&3
exec 3>&-
begins 11 "two commands"
# What is refused changes nothing.
for position in nonsense 3001 +2990 18446744073709551616; do
  expect_fails sh -c "echo $position >mnt/app.pos"
  begins 11 "a refusal"
done

# Appends go to the end, wherever the name begins; sizes follow.
echo end >mnt/app.pos
echo new >>mnt/app
expect_equal "$(cat mnt/app)" new "after an append behind the new beginning"
echo new >>whole
expect_equal "$(stat -c %s mnt/app)" 4 "its size"
echo -3 >mnt/app.pos
expect_equal "$(cat mnt/app)" "$(tail -n 3 whole)" "the last three"

# Who has it open keeps what it sees, and sees what is appended.
echo start >mnt/app.pos
exec 3<mnt/app
tail -n +1 -f mnt/app >followed &
tail_pid=$!
wait_until 20 cmp -s followed whole
echo 2500 >mnt/app.pos
echo after the move | tee -a mnt/app >>whole
wait_until 20 cmp -s followed whole
expect_equal "$(stat -Lc %s /dev/fd/3)" "$(stat -c %s whole)" "size of what was open before the move"
cat <&3 >view
expect_same view whole
exec 3<&-
kill $tail_pid
wait $tail_pid || true
expect_equal "$(cat mnt/app)" "$(tail -n +2501 whole)" "who opens it after the move"
say "$checks moves on $chunks chunks"

# Directories: listing and moving by name.
mkdir mnt/web mnt/web/sub
for name in access error 'with space'; do seq 10 >>"mnt/web/$name"; done
seq 10 >>mnt/web/sub/below
sed 's/ / /' mnt/web/.pos >list
expect_equal "$(cut -d ' ' -f 2- list)" $'access\nerror\nwith space' "names in .pos"
while read -r position name; do
  expect_equal "$(cat "mnt/web/$name.pos")" "$position" "position of $name"
done <list
echo "access 4" >mnt/web/.pos
echo "with space -2" >mnt/web/.pos
expect_equal "$(cat mnt/web/access | xargs)" "5 6 7 8 9 10" "after moving access"
expect_equal "$(cat "mnt/web/with space" | xargs)" "9 10" "after moving 'with space'"
expect_equal "$(cat mnt/web/error | xargs)" "$(seq 10 | xargs)" "error, not moved"
expect_equal "$(head -n 1 mnt/web/.pos)" "$(cat mnt/web/access.pos) access" ".pos after moving"
echo "app 3" >mnt/.pos
expect_equal "$(head -n 1 mnt/app)" "$(sed -n 4p whole)" "moved by the root's .pos"
# What .pos lists is what it takes.
while read -r position name; do echo "$name $position" >mnt/web/.pos; done <list
expect_equal "$(cat mnt/web/access | xargs)" "$(seq 10 | xargs)" "moved back"
echo "$(printf 'a%.0s' {1..255}) 1" >long
expect_fails cp --no-preserve=all long mnt/web/.pos
expect_match "$errors" ".*No such file or directory" "a journal that is not there"

# A name is in an escape, so that no name can pass for another line, and is read in it.
mkdir mnt/odd
forging=$'a\n'"$(cat mnt/app.pos) b"
for name in "$forging" $'tab\there' 'back\slash' $'end\e[2K\x7f' ' '; do seq 10 >>"mnt/odd/$name"; done
expect_equal "$(wc -l <mnt/odd/.pos)" 5 "lines of .pos, one for each journal"
expect_equal "$(cut -d ' ' -f 2- mnt/odd/.pos)" \
  " "$'\n'"a\\n$(cat mnt/app.pos) b"$'\n''back\\slash'$'\n''end\x1b[2K\x7f'$'\n''tab\there' "names in an escape"
cat mnt/odd/.pos >list
while IFS= read -r line; do echo "${line#* } 7" >mnt/odd/.pos; done <list
for name in "$forging" $'tab\there' 'back\slash' $'end\e[2K\x7f' ' '; do
  expect_equal "$(cat "mnt/odd/$name" | xargs)" "8 9 10" "after moving '$name'"
done
for name in 'back\slash' 'back\' 'x\x0'; do
  expect_fails sh -c "env printf '%s 1' '$name' >mnt/odd/.pos"
  expect_match "$errors" ".*Invalid argument" "a malformed escape"
done

# In the root tree it lasts as long as the mount.
echo 2 >mnt/web/access.pos
remount chunk_size=64k
expect_equal "$(cat mnt/web/access | xargs)" "$(seq 10 | xargs)" "after a remount"
expect_same mnt/app whole
# A moved journal keeps its position under a new name.
echo 2 >mnt/web/access.pos
mv mnt/web/access mnt/renamed
expect_equal "$(cat mnt/renamed | xargs)" "3 4 5 6 7 8 9 10" "after a rename"
stop

#!/bin/bash
# What programs that write files do with journals. New journals they fill; what is in a journal they
# cannot change, whatever their way to try; what they say is checked here.
set -euo pipefail
source "$(dirname "$0")/../support/mount.sh"
start
cd "$dir"
seq 1000 >old
(cat old && echo changed) >grown
sed s/5/five/ old >different
checks=0

# A journal with the lines of `old` before each of these; $what says how it came to be there.
fresh() { rm -f mnt/app; cat old >mnt/app; }
run() { within 60 "$@" </dev/null >output 2>&1; }
# keeps ERROR COMMAND...: it fails, saying so, and the journal is as it was
keeps() {
  fresh
  ! run "${@:2}" || fail "succeeded: ${*:2}"
  grep -Eq "$1" output || fail "${*:2}: said '$(cat output)' instead of '$1'"
  expect_same mnt/app old
  expect_equal "$(ls -A mnt)" app "files after ${*:2}"
  ((++checks))
}
# becomes FILE COMMAND...: it succeeds, and the journal is like FILE then
becomes() {
  fresh
  run "${@:2}" || fail "failed: ${*:2}: $(cat output)"
  expect_same mnt/app "$1"
  ((++checks))
}
# creates FILE COMMAND...: likewise, where there was nothing
creates() {
  rm -f mnt/app
  run "${@:2}" || fail "failed: ${*:2}: $(cat output)"
  expect_same mnt/app "$1"
  ((++checks))
}
eperm='Operation not permitted'

# Shells.
keeps "$eperm" sh -c 'echo new >mnt/app'
becomes grown sh -c 'echo changed >>mnt/app'

# cp fills; with -f it removes what it cannot open, which `keep` prevents.
creates old cp old mnt/app
creates old cp -p old mnt/app
creates old cp --sparse=always old mnt/app
keeps "$eperm" cp different mnt/app
# Files with holes: a new journal gets the zeros that they read as.
truncate -s 3M sparse && tail -n 3 old | dd of=sparse bs=1 seek=200000 conv=notrunc status=none
tail -n 5 old | dd of=sparse bs=1 seek=1500000 conv=notrunc status=none
cp sparse trailing && truncate -s 4M trailing # ends with a hole
for file in sparse trailing; do
  for option in always auto never; do creates $file cp --sparse=$option $file mnt/app; done
  creates $file sh -c "cp $file here && mv here mnt/app && test ! -e here"
  creates $file sh -c "tar cSf archive.tar --transform s/$file/app/ $file && tar xf archive.tar -C mnt"
  creates $file rsync -S $file mnt/app
  creates $file rsync -S --inplace $file mnt/app
  creates $file dd if=$file of=mnt/app bs=64k conv=sparse
done
keeps "$eperm" cp sparse mnt/app
becomes different cp -f different mnt/app
becomes different cp --remove-destination different mnt/app
keeps "$eperm" sh -c 'setfattr -n user.range.keep -v 1 mnt/app && ! cp -f different mnt/app &&
  setfattr -n user.range.keep -v 0 mnt/app && exit 1'
becomes old cp -u old mnt/app # not newer
creates old sh -c 'cp old mnt/source && cp mnt/source mnt/app && rm mnt/source'

# dd
creates old dd if=old of=mnt/app bs=100
creates old dd if=old of=mnt/app bs=1M conv=fsync
(head -c 1000 /dev/zero && cat old) >shifted
creates shifted dd if=old of=mnt/app bs=100 seek=10
creates shifted python3 -c 'import os
fd = os.open("mnt/app", os.O_WRONLY | os.O_CREAT)
os.ftruncate(fd, 1000); os.lseek(fd, 1000, 0); os.write(fd, open("old", "rb").read())'
keeps "$eperm" dd if=different of=mnt/app
keeps "$eperm" dd if=different of=mnt/app conv=notrunc
keeps "$eperm" dd if=different of=mnt/app conv=notrunc seek=10 bs=1
keeps "$eperm" dd if=different of=mnt/app oflag=append
tail -n 1 grown >more
becomes grown dd if=more of=mnt/app oflag=append conv=notrunc
becomes grown dd if=more of=mnt/app conv=notrunc bs=1 seek="$(stat -c %s old)"

# tee
creates old sh -c 'tee mnt/app <old'
keeps "$eperm" sh -c 'tee mnt/app <different'
becomes grown sh -c 'tee -a mnt/app <more'

# split makes new journals.
rm -f mnt/app
run split -n l/7 old mnt/part.
expect_equal "$(ls mnt | wc -l)" 7 "parts made by split"
cat mnt/part.* >joined
expect_same joined old
run split -n l/7 different mnt/part. && fail "split replaced its parts"
cat mnt/part.* >joined
expect_same joined old
rm mnt/part.*

# Editors that write another file and rename it, or write into it, cannot, and leave nothing behind.
keeps "$eperm" sed -i s/5/five/ mnt/app
vim_write() { # OPTIONS COMMAND; by default vim makes no backups of what is below $TMPDIR
  vim -u NONE -i NONE -n -es -c "set backupskip= backupdir=$PWD $1" -c '%s/5/five/' -c "try | $2 | catch |
    call writefile([v:exception], '/dev/stderr') | cquit | endtry" -c quit mnt/app
}
export -f vim_write
for command in write write!; do
  keeps 'E[0-9]+: ' bash -c "vim_write nowritebackup $command"
  keeps 'E[0-9]+: ' bash -c "vim_write 'writebackup backupcopy=yes' $command"
  # This way vim moves the journal away, writes a new one and removes the old one, as rm would;
  # `keep` prevents it, so that vim's backup stays.
  becomes different bash -c "vim_write 'writebackup backupcopy=no backupdir=.' $command"
  fresh
  setfattr -n user.range.keep -v 1 mnt/app
  ! run bash -c "vim_write 'writebackup backupcopy=no backupdir=.' $command" || fail "removed"
  grep -q "E207: Can't delete backup file" output || fail "vim said '$(cat output)'"
  expect_same mnt/app~ old
  expect_same mnt/app different
  setfattr -n user.range.keep -v 0 mnt/app~
  rm mnt/app~
done
creates old vim -u NONE -i NONE -n -es -c 'r old' -c w -c q mnt/app
# Reading is fine, and so is writing elsewhere.
becomes old vim -u NONE -i NONE -n -es -c 'w! copy' -c q mnt/app
expect_same copy old

# install removes first.
creates old install -m 600 old mnt/app
expect_equal "$(stat -c %a mnt/app)" 600 "mode after install"
becomes different install different mnt/app

# rsync renames over it, or writes into it.
creates old rsync old mnt/app
creates old rsync -a old mnt/app
creates old rsync --inplace old mnt/app
creates old rsync --append old mnt/app
becomes old rsync -c old mnt/app # unchanged
becomes old rsync -c --inplace old mnt/app
becomes old rsync --append grown mnt/app-other # another one
rm mnt/app-other
keeps "$eperm" rsync -c different mnt/app
keeps "$eperm" rsync -c grown mnt/app
keeps "$eperm" rsync -c --inplace different mnt/app
becomes grown rsync --append grown mnt/app
becomes grown rsync --append-verify grown mnt/app
creates old rsync --preallocate old mnt/app

# tar removes first.
tar cf archive.tar --transform s/old/app/ old
creates old tar xf archive.tar -C mnt
tar cf archive.tar --transform s/different/app/ different
becomes different tar xf archive.tar -C mnt
keeps 'File exists' tar xkf archive.tar -C mnt
keeps "$eperm" tar xf archive.tar --overwrite -C mnt
# And what tar packs, it unpacks to the same.
fresh
mkdir mnt/web && seq 99 >mnt/web/access
tar cf archive.tar -C mnt . && mkdir unpacked && tar xf archive.tar -C unpacked
diff -r mnt unpacked >&2 || fail "unpacked is not what was packed"
rm -r mnt/web

# Sizes.
keeps "$eperm" fallocate -l 1M mnt/app
becomes old fallocate -l 100 mnt/app
becomes old fallocate -n -l 1M mnt/app
keeps unsupported fallocate -p -l 100 mnt/app
keeps "$eperm" python3 -c 'import os; os.posix_fallocate(os.open("mnt/app", os.O_RDWR), 0, 1 << 20)'
becomes old python3 -c 'import os; os.posix_fallocate(os.open("mnt/app", os.O_RDWR), 0, 100)'
keeps "$eperm" truncate -s 0 mnt/app
keeps "$eperm" truncate -s +1 mnt/app
head -c 5000 /dev/zero >zeros
creates zeros truncate -s 5000 mnt/app
creates zeros sh -c ': >mnt/app && python3 -c "import os; os.truncate(\"mnt/app\", 5000)"'
rm -f mnt/app
expect_fails truncate -s 65M mnt/app
expect_match "$errors" '.*File too large.*' "truncate beyond the limit"
expect_equal "$(stat -c %s mnt/app)" 0 "size after that"
becomes old truncate -s "$(stat -c %s old)" mnt/app
becomes old truncate -c -s +0 mnt/app

# touch creates; what it does with times is in times_test.sh.
fresh
run touch mnt/app mnt/new || fail "touch: $(cat output)"
expect_same mnt/app old
expect_equal "$(stat -c %s mnt/new)" 0 "size of what touch made"
rm mnt/new

# mv between file systems copies, and removes first; within, it renames.
creates old sh -c 'cp old here && mv here mnt/app && test ! -e here'
becomes different sh -c 'cp different here && mv here mnt/app && test ! -e here'
keeps 'cannot move|Operation not permitted' sh -c 'cp different here && setfattr -n user.range.keep -v 1 mnt/app &&
  mv here mnt/app; status=$?; setfattr -n user.range.keep -v 0 mnt/app; exit $status'
becomes different sh -c 'cat different >mnt/new && ! mv mnt/new mnt/app && rm mnt/app && mv mnt/new mnt/app'

# logrotate's ways: rename and create is fine, copytruncate is refused.
fresh
mv mnt/app mnt/app.1 && : >mnt/app && echo new >>mnt/app
expect_same mnt/app.1 old
expect_equal "$(cat mnt/app)" new "after rotating"
rm mnt/app.1
keeps "$eperm" sh -c 'cp mnt/app copy && truncate -s 0 mnt/app'

say "$checks commands"
stop

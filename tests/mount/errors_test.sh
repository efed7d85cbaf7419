#!/bin/bash
# What is refused, each with its exact error, and that nothing changes by it.
set -euo pipefail
source "$(dirname "$0")/../support/mount.sh"
start chunk_size=64k
cd "$dir"

echo one >>mnt/app
echo two >>mnt/app
echo other >>mnt/other
mkdir mnt/web mnt/full
echo GET >>mnt/web/access
echo x >>mnt/full/x
: >mnt/empty
cases=0
refuse() { # ERRNO EXPRESSION
  expect_errno "$@"
  ((++cases))
}
state() { (cd "$mnt" && find . -printf '%P %y %s %m %i\n' && cat app other web/access && cat .pos); }
state >before

# A journal with records is only appended to.
refuse EPERM 'os.truncate("app", 0)'
refuse EPERM 'os.truncate("app", 3)'
refuse EPERM 'os.truncate("app", 100)'
refuse EPERM 'os.open("app", os.O_WRONLY | os.O_TRUNC)'
refuse EPERM 'opened("app", os.O_RDWR, lambda fd: os.ftruncate(fd, 0))'
refuse EPERM 'write_at("app", 0, b"x")'
refuse EPERM 'write_at("app", 7, b"x")'
refuse EPERM 'write_at("app", 9, b"x")'
refuse EPERM 'write_at("app", 1 << 40, b"x")'
refuse EPERM 'fallocate("app", 0, 0, 100)'
refuse EOPNOTSUPP 'fallocate("app", 3, 0, 4)' # a hole
refuse EPERM 'fallocate("empty", 0, 0, 100)'
# The kernel refuses these by itself: it does not map files that are written directly.
refuse ENODEV 'map_shared("app", mmap.PROT_READ | mmap.PROT_WRITE)'
refuse ENODEV 'map_shared("app", mmap.PROT_READ)'

# Nor replaced.
refuse EPERM 'os.rename("other", "app")'
refuse EPERM 'os.rename("web/access", "app")'
refuse EPERM 'os.rename("empty", "app")'
refuse EINVAL 'rename2("other", "app", RENAME_EXCHANGE)'
refuse EINVAL 'rename2("web", "full", RENAME_EXCHANGE)'
refuse EEXIST 'rename2("other", "app", RENAME_NOREPLACE)'
refuse EEXIST 'rename2("other", "empty", RENAME_NOREPLACE)'
refuse ENOENT 'os.rename("none", "app")'
refuse EISDIR 'os.rename("app", "web")'
refuse ENOTDIR 'os.rename("web", "app")'
refuse ENOTEMPTY 'os.rename("web", "full")'
refuse EINVAL 'os.rename("web", "web/below")'
refuse ENOTEMPTY 'os.rmdir("full")'
refuse ENOTDIR 'os.rmdir("app")'
refuse EISDIR 'os.unlink("web")'
refuse EEXIST 'os.mkdir("app")'
refuse EEXIST 'create("app")'

# There are journals and directories, nothing else.
refuse EPERM 'os.symlink("app", "link")'
refuse EPERM 'os.link("app", "link")'
refuse EPERM 'os.mkfifo("fifo")'
refuse EPERM 'os.mknod("device", 0o20600, os.makedev(1, 3))'

# Reserved names: those of control files everywhere, those of the trees to come at the root.
for name in x.pos x.sync x.follow x.info x.stamped app.follow app.stamped .pos .sync .follow .info \
  .stamped web/x.pos web/.info; do
  making=EINVAL moving=EINVAL
  # Where there is a control file, the kernel itself finds that in the way.
  [[ ! -e mnt/$name ]] || making=EEXIST moving=ENOTDIR
  refuse $making "create('$name')"
  refuse $making "os.mkdir('$name')"
  refuse EINVAL "os.rename('other', '$name')"
  refuse $moving "os.rename('full', '$name')"
done
for name in .at .cursor .stats; do
  refuse EINVAL "create('$name')"
  refuse EINVAL "os.mkdir('$name')"
  refuse EINVAL "os.rename('other', '$name')"
  refuse EINVAL "os.rename('full', '$name')"
  refuse OK "create('web/$name')"
  refuse OK "os.unlink('web/$name')"
  refuse ENOENT "os.stat('$name')"
done
refuse EPERM 'os.unlink("app.pos")'
refuse EPERM 'os.unlink("web/.sync")'
refuse EPERM 'os.rename("app.pos", "moved")'
refuse EPERM 'os.chmod("app.pos", 0o777)'
refuse EPERM 'os.chown("app.info", 1, 1)'
refuse ENOENT 'os.stat("none.pos")'
refuse ENOENT 'os.stat("app.pos.pos")'
refuse ENOENT 'os.stat("web.info")'
refuse ENOTDIR 'os.stat("app/.pos")'

# Names that are too long.
refuse ENAMETOOLONG 'create("x" * 256)'
refuse ENAMETOOLONG 'os.mkdir("x" * 256)'
refuse ENAMETOOLONG 'os.stat("x" * 256)'
refuse ENAMETOOLONG 'os.rename("other", "x" * 256)'

# Control input that is not understood, or out of range.
for text in nonsense 12x -x -5y 1.5 +-3 2026-13-01T00:00:00Z @ @x '1 2' ' ' '\n' \
  18EA5FB59B1300000000000 18EA5FB59B130000000000000 99999999999999999999; do
  refuse EINVAL "command('app.pos', b'$text')"
  refuse EINVAL "command('app.pos', b'$text\\n')"
done
refuse EINVAL 'command("app.pos", b"1\n2\n")'
refuse EINVAL 'command("app.pos", b"1\0")'
refuse EINVAL 'command("app.pos", b"1" * 5000)'
refuse ERANGE 'command("app.pos", b"3")'
refuse ERANGE 'command("app.pos", b"18446744073709551615")'
refuse ERANGE 'command("app.pos", b"+3")'
refuse ERANGE 'command("app.pos", b"FFFFFFFFFFFFFFFFFFFFFFFF")'
refuse EINVAL 'command(".pos", b"app")'
refuse EINVAL 'command(".pos", b" 1")'
refuse EINVAL 'command(".pos", b"app nonsense")'
refuse ERANGE 'command(".pos", b"app 3")'
refuse ENOENT 'command(".pos", b"none 1")'
refuse ENOENT 'command(".pos", b"web 1")'
refuse ENOENT 'command(".pos", b"web/access 1")'
refuse ENOENT 'command("web/.pos", b"app 1")'
refuse ENOENT 'command(".pos", b".. 1")'
refuse EINVAL 'command("app.info", b"framing: write")'
refuse EINVAL 'command(".info", b"x")'

# Settings.
for name in app web; do
  refuse EINVAL "os.setxattr('$name', 'user.range.framing', b'words')"
  refuse EINVAL "os.setxattr('$name', 'user.range.framing', b'')"
  refuse EINVAL "os.setxattr('$name', 'user.range.keep', b'yes')"
  refuse EINVAL "os.setxattr('$name', 'user.range.unknown', b'1')"
  refuse EPERM "os.setxattr('$name', 'user.range.records', b'1')"
  refuse EOPNOTSUPP "os.setxattr('$name', 'user.mine', b'1')"
  refuse ENODATA "os.getxattr('$name', 'user.range.unknown')"
  refuse ENODATA "os.removexattr('$name', 'user.range.unknown')"
  refuse EPERM "os.removexattr('$name', 'user.range.records')"
  refuse ENODATA "os.removexattr('$name', 'user.range.framing')"
  refuse ENODATA "os.removexattr('$name', 'user.range.keep')"
done
refuse EPERM 'os.setxattr("app.pos", "user.range.keep", b"1")'

state >after
expect_same before after

# What looks like it, and is allowed.
expect_errno OK 'os.truncate("app", 8)'
expect_errno OK 'write_at("app", 8, b"three\n")'
expect_equal "$(cat mnt/app)" $'one\ntwo\nthree' "after a write exactly at the end"
expect_errno OK 'os.truncate("empty", 0)'
expect_errno OK 'os.rename("other", "empty")'
expect_equal "$(cat mnt/empty)" other "after a rename over an empty journal"
expect_errno OK 'os.rename("app", "app")'
expect_errno OK 'command("app.pos", b"3")'
expect_errno OK 'command("app.pos", b"start")'
expect_errno OK 'create("x" * 255)'
expect_errno OK 'command("x" * 255 + ".pos", b"end")'
say "$cases refusals, nothing changed"

# What answers EIO does not say that it is ok.
seq -w 100000 >mnt/damaged
id=$(info id mnt/damaged)
expect_equal "$(info state mnt/damaged)" ok "state before the damage"
stop
files=(store/chunks/*/*"$id"/*.dat)
printf X | dd of="${files[1]}" bs=1 seek=20000 conv=notrunc status=none
start chunk_size=64k
expect_fails cat mnt/damaged
expect_match "$errors" '.*Input/output error' "cat of what is damaged"
expect_match "$(info state mnt/damaged)" 'damaged: .*' "state of what is damaged"
expect_equal "$(info state mnt/empty)" ok "state of another"
echo more >>mnt/damaged
stop

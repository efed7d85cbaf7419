#!/bin/bash
# Trees deeper than one system call can name: what a plain file system reaches step by step, the
# mount reaches, too.
set -euo pipefail
source "$(dirname "$0")/../support/mount.sh"
start
cd "$dir"

# Everything is done relative to an open directory. Prints what each step has seen.
cat >deep.py <<'END'
import os, sys

def down(names, make):
    at = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    for name in names:
        if make: os.mkdir(name, dir_fd=at)
        below = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=at)
        os.close(at)
        at = below
    return at

def use(at):
    with open(os.open("new", os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND, dir_fd=at), "rb+", 0) as file:
        file.write(b"one\n")
        file.write(b"two\n")
        os.fsync(file.fileno())
    os.rename("new", "old", src_dir_fd=at, dst_dir_fd=at)
    os.chmod("old", 0o600, dir_fd=at)
    with open(os.open("old", os.O_RDONLY, dir_fd=at)) as file: print(file.read().split())
    os.mkdir("directory", dir_fd=at)
    print(sorted(os.listdir(at)), oct(os.stat("old", dir_fd=at).st_mode))
    os.fsync(at)

def take_down(names):
    at = down(names, False)
    print(sorted(os.listdir(at)))
    os.rmdir("directory", dir_fd=at)
    os.unlink("old", dir_fd=at)
    print(os.listdir(at))
    os.close(at)
    while names:
        *names, last = names
        at = down(names, False)
        os.rmdir(last, dir_fd=at)
        os.close(at)

os.chdir(sys.argv[1])
near, far = ["n" * 200] * 8, ["f" * 200] * 15
if sys.argv[2] == "make":
    os.close(down(near, True))
    os.close(down(far, True))
    os.rename(far[0], "moved")
    at = down(near, False)
    os.rename("moved", far[0], dst_dir_fd=at)
    use(down(near + far, False))
else:
    take_down(near + far)
    print(os.listdir())
END
mkdir plain
for step in make remove; do
  timeout 100 python3 deep.py plain $step >plain.$step
  timeout 100 python3 deep.py mnt $step >mnt.$step || fail "$step: $(cat mnt.$step)"
  expect_same mnt.$step plain.$step
  remount
done
say "8 and 15 names of 200 bytes are reached as in a plain file system"

#!/bin/bash
# Programs that wait with poll(2) and epoll(7): a journal can always be read and written, as a plain file
# can, and edge-triggered epoll tells of each growth.
set -euo pipefail
source "$(dirname "$0")/../support/mount.sh"
start
cd "$dir"
timeout 100 python3 - <<'PYTHON'
import os, select

path = "mnt/app"
os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
reader = os.open(path, os.O_RDONLY)
writer = os.open(path, os.O_WRONLY | os.O_APPEND)

poll = select.poll()
poll.register(reader, select.POLLIN | select.POLLOUT)
assert poll.poll(0) == [(reader, select.POLLIN | select.POLLOUT)], "as of a plain file"

epoll = select.epoll()
epoll.register(reader, select.EPOLLIN | select.EPOLLET)
assert epoll.poll(20) == [(reader, select.EPOLLIN)], "it can be read"
assert epoll.poll(0) == [], "nothing new"
for number in range(200):
    line = b"line %d\n" % number
    os.write(writer, line)
    assert epoll.poll(20) == [(reader, select.EPOLLIN)], f"growth {number} is told"
    assert os.read(reader, 1000) == line
    assert epoll.poll(0) == [], "once"

# Another process, while this one waits.
child = os.fork()
if child == 0:
    os.write(writer, b"from a child\n")
    os._exit(0)
assert epoll.poll(20) == [(reader, select.EPOLLIN)]
assert os.read(reader, 1000) == b"from a child\n"
os.waitpid(child, 0)

# Many files in one set: each tells of its own journal only.
paths = [f"mnt/many{i}" for i in range(50)]
files = [os.open(each, os.O_CREAT | os.O_RDWR | os.O_APPEND) for each in paths]
many = select.epoll()
for each in files:
    many.register(each, select.EPOLLIN | select.EPOLLET)
assert len(many.poll(20, 100)) == 50
for each in files[::7]:
    os.write(each, b"x\n")
assert sorted(fd for fd, _ in many.poll(20, 100)) == sorted(files[::7])
PYTHON
stop
say "edge-triggered epoll tells of each growth"

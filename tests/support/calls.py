"""calls.py DIRECTORY: evaluates each line of its standard input, a Python expression, in a directory
and prints the name of the error it fails with ("EPERM"), or OK. There are `os` and the calls below
for it, which take file names and raise OSError."""
import ctypes
import errno
import fcntl
import mmap
import os
import sys

RENAME_NOREPLACE = 1
RENAME_EXCHANGE = 2

libc = ctypes.CDLL(None, use_errno=True)


def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def opened(name, flags, call):
    fd = os.open(name, flags)
    try:
        return call(fd)
    finally:
        os.close(fd)


def create(name, mode=0o644):
    os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))


def append(name, data):
    return opened(name, os.O_WRONLY | os.O_APPEND, lambda fd: os.write(fd, data))


def command(name, data):
    """One write(2), as a shell's `>` would do it."""
    return opened(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, lambda fd: os.write(fd, data))


def write_at(name, offset, data):
    return opened(name, os.O_WRONLY, lambda fd: os.pwrite(fd, data, offset))


def read(name):
    return opened(name, os.O_RDONLY, lambda fd: os.read(fd, 1 << 20))


def rename2(old, new, flags):
    check(libc.renameat2(-100, os.fsencode(old), -100, os.fsencode(new), flags))


def fallocate(name, mode, offset, size):
    call = libc.fallocate
    call.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]
    opened(name, os.O_RDWR, lambda fd: check(call(fd, mode, offset, size)))


def map_shared(name, protection):
    flags = os.O_RDWR if protection & mmap.PROT_WRITE else os.O_RDONLY
    opened(name, flags, lambda fd: mmap.mmap(fd, 1, mmap.MAP_SHARED, protection).close())


def outcome(expression):
    try:
        eval(expression)
        return "OK"
    except OSError as error:
        # Linux has two names for one number; the other one is of interest here.
        return errno.errorcode[error.errno].replace("ENOTSUP", "EOPNOTSUPP")


def main():
    for line in sys.stdin:
        os.chdir(sys.argv[1])
        answer = outcome(line.strip())
        os.chdir("/")  # keeps nobody from unmounting
        print(answer, flush=True)


if __name__ == "__main__":
    main()

"""Directories as getdents64(2) gives them: entries with their offsets, a few at a time."""
import collections
import ctypes
import os
import struct

GETDENTS64 = {"x86_64": 217, "aarch64": 61}[os.uname().machine]
Entry = collections.namedtuple("Entry", "inode offset name")

libc = ctypes.CDLL(None, use_errno=True)


def getdents(fd, size):
    """What fits into `size` bytes; nothing at the end. `offset` is where to go on behind an entry."""
    buffer = ctypes.create_string_buffer(size)
    filled = libc.syscall(GETDENTS64, fd, buffer, size)
    if filled < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    at = 0
    entries = []
    while at < filled:
        inode, offset, length = struct.unpack_from("<QqH", buffer.raw, at)
        name = buffer.raw[at + 19 : at + length].split(b"\0")[0]
        entries.append(Entry(inode, offset, os.fsdecode(name)))
        at += length
    return entries


def piece(directory, offset, size=128):
    """The entries behind `offset`, read through an open of its own."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.lseek(fd, offset, os.SEEK_SET)
        return getdents(fd, size)
    finally:
        os.close(fd)


def pieces(directory, offset=0, size=128):
    while entries := piece(directory, offset, size):
        yield entries
        offset = entries[-1].offset

"""which process is at the other end of a connection on loopback

The kernel is asked by netlink (sock_diag, see its manual page) for the socket at the other end; its
inode then stands among the open files of the process that has it.
"""

import os
import socket
import struct

__all__ = ["has_socket", "peer_inode"]

SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
REQUEST_FLAG = 1
ANY = 0xFFFFFFFF
INODE_AT = 16 + 68  # behind the header; the last member of inet_diag_msg
REPLY_BYTES = 4_096


def peer_inode(connection: socket.socket) -> int | None:
    """The inode of the socket at the other end, on this host; None if it is gone."""
    here, there = connection.getsockname(), connection.getpeername()
    request = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, ANY)
    request += struct.pack(">HH", there[1], here[1])  # as seen from there
    request += struct.pack("4s12x4s12x", socket.inet_aton(there[0]), socket.inet_aton(here[0]))
    request += struct.pack("=III", 0, ANY, ANY)
    header = struct.pack("=IHHII", 16 + len(request), SOCK_DIAG_BY_FAMILY, REQUEST_FLAG, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, SOCK_DIAG) as kernel:
        kernel.send(header + request)
        reply = kernel.recv(REPLY_BYTES)
    kind: int = struct.unpack_from("=H", reply, 4)[0]
    if kind != SOCK_DIAG_BY_FAMILY:
        return None
    inode: int = struct.unpack_from("=I", reply, INODE_AT)[0]
    return inode or None


def has_socket(pid: int, inode: int) -> bool:
    """Whether the process has the socket open."""
    wanted = f"socket:[{inode}]"
    try:
        with os.scandir(f"/proc/{pid}/fd") as files:
            for file in files:
                try:
                    if os.readlink(file.path) == wanted:
                        return True
                except OSError:  # closed meanwhile
                    continue
    except OSError:  # ended, or somebody else's
        pass
    return False

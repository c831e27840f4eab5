"""Take away from this process everything that reading a file does not need.

Called by the child before it touches the file. Each layer is tried and reported: a kernel or a container
without one of them still has the others, and the limits of memory, time and output always hold.
"""

import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from pathlib import Path

MEMORY_BYTES = 512 * 1024 * 1024
CPU_S = 30

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_SYSCALLS = {
    # what opens a network, starts a process, or looks into another one
    "x86_64": (0xC000003E, [
        41, 42, 49, 50, 53, 56, 57, 58, 59, 62, 101, 165, 250, 272, 298, 308, 310, 311, 319, 321, 322, 323, 425, 435,
    ]),
    "aarch64": (0xC00000B7, [
        198, 199, 200, 201, 203, 220, 221, 129, 117, 40, 219, 97, 241, 268, 270, 271, 279, 280, 281, 282, 425, 435,
    ]),
}  # fmt: skip


def limit_resources() -> None:
    """Bound memory, processor time, files and core dumps. Writing to any file is impossible from here on."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 2))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


def confine() -> list[str]:
    """Cut the process off from network, other files and other processes; return the layers that hold."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    layers = ["limits"]
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0:
        layers.append("network namespace")
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return layers
    if _read_only_library_files(libc):
        layers.append("landlock")
    if _no_sockets_no_processes(libc):
        layers.append("seccomp")
    return layers


def _read_only_library_files(libc: ctypes.CDLL) -> bool:
    """Landlock: only Python's own libraries can still be opened, and only for reading."""
    every_right, read_file, read_dir = (1 << 13) - 1, 1 << 2, 1 << 3
    rules = ctypes.create_string_buffer(struct.pack("=Q", every_right))
    ruleset = libc.syscall(444, rules, 8, 0)
    if ruleset < 0:
        return False
    here = Path(__file__).resolve().parent
    roots = {
        sys.prefix,
        sys.base_prefix,
        "/usr/lib",
        "/usr/lib64",
        "/lib",
        "/lib64",
        "/usr/local/lib",
        str(here),
    }
    for root in sorted(roots):
        if root == "/" or not os.path.isdir(root):
            continue
        folder = os.open(root, os.O_PATH | os.O_CLOEXEC)
        rule = ctypes.create_string_buffer(struct.pack("=Qi", read_file | read_dir, folder))
        libc.syscall(445, ruleset, 1, rule, 0)
        os.close(folder)
    held = libc.syscall(446, ruleset, 0) == 0
    os.close(ruleset)
    return held


def _no_sockets_no_processes(libc: ctypes.CDLL) -> bool:
    """Seccomp: the listed system calls answer "not permitted"; another architecture's calls end the process."""
    architecture, forbidden = _SYSCALLS.get(platform.machine(), (0, []))
    if not forbidden or struct.calcsize("P") != 8:
        return False
    load, jump_if_equal, jump_if_at_least, answer = 0x20, 0x15, 0x35, 0x06
    allow, refuse, kill = 0x7FFF0000, 0x00050001, 0x80000000
    program = [(load, 0, 0, 4), (jump_if_equal, 1, 0, architecture), (answer, 0, 0, kill), (load, 0, 0, 0)]
    count = len(forbidden)
    # Numbers with bit 30 set are the x32 calls, which would slip past the list.
    program.append((jump_if_at_least, count + 1, 0, 0x40000000))
    program += [(jump_if_equal, count - index, 0, number) for index, number in enumerate(forbidden)]
    program += [(answer, 0, 0, allow), (answer, 0, 0, refuse)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *instruction) for instruction in program))
    header = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(code)))
    return libc.prctl(_PR_SET_SECCOMP, 2, header, 0, 0) == 0

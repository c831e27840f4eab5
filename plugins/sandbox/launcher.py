"""Runs inside the sandbox, before the plugin: confine this process, then hand over to plugin.py.

Standard library only, and as little of it as can be: every import here is paid by every call.
Usage: launcher.py FOLDER [OPTIONS], options as JSON. Without options nothing is confined (a container is already).
"""

import sys


def confine(options: dict) -> list[str]:
    """Give up what the plugin does not need; return the names of the measures that took hold."""
    import ctypes
    import os
    import resource
    import signal

    held = []
    for name, (soft, hard) in options["limits"].items():
        resource.setrlimit(getattr(resource, name), (soft, hard))
    # A plugin whose owner was killed reads the end of its input and stops; this is for one that does not.
    signal.alarm(options["lifetime_s"])
    libc = ctypes.CDLL(None, use_errno=True)
    new_user, new_net, new_ipc, new_uts = 0x10000000, 0x40000000, 0x08000000, 0x04000000
    if libc.unshare(new_user | new_net | new_ipc | new_uts) == 0:
        held.append("network")
    if libc.prctl(38, 1, 0, 0, 0) == 0:  # PR_SET_NO_NEW_PRIVS
        held.append("no_new_privileges")
    if _landlock(libc, options["readable"], options["writable"]):
        held.append("files")
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3
    if libc.capset(header, (ctypes.c_uint32 * 6)()) == 0:
        held.append("capabilities")
    libc.prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE: no other process of this user may look inside
    os.umask(0o077)
    if _seccomp(libc):
        held.append("calls")
    return held


def _landlock(libc: object, readable: list[str], writable: list[str]) -> bool:
    """Let the kernel refuse every file but the given ones, and TCP. Source: kernel docs, Landlock ABI 1 to 6."""
    import ctypes
    import os

    abi = libc.syscall(444, None, 0, 1)
    if abi < 1:
        return False
    every = (1 << 13) - 1 | (1 << 13 if abi >= 2 else 0) | (1 << 14 if abi >= 3 else 0) | (1 << 15 if abi >= 5 else 0)
    attributes = [every]
    if abi >= 4:
        attributes.append(0b11)  # bind and connect of TCP, no port allowed
    if abi >= 6:
        attributes.append(0b11)  # abstract unix sockets and signals of other processes
    rules = (ctypes.c_uint64 * len(attributes))(*attributes)
    ruleset = libc.syscall(444, rules, ctypes.sizeof(rules), 0)
    if ruleset < 0:
        return False
    read, write = 1 << 2 | 1 << 3, every & ~(1 << 0)
    for paths, access in ((readable, read), (writable, write)):
        for path in paths:
            try:
                file = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except OSError:
                continue
            allowed = access if os.path.isdir(path) else access & (1 << 0 | 1 << 1 | 1 << 2)

            class Rule(ctypes.Structure):
                _pack_ = 1
                _fields_ = [("access", ctypes.c_uint64), ("file", ctypes.c_int32)]

            rule = Rule(allowed, file)
            libc.syscall(445, ruleset, 1, ctypes.byref(rule), 0)
            os.close(file)
    done = libc.syscall(446, ruleset, 0) == 0
    os.close(ruleset)
    return done


# What a plugin has no use for, by machine: sockets of every kind (a namespace does not keep a process from a unix
# socket such as the Docker engine's), other processes, other processes' memory, mounts, keys, kernel programs.
# Source: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h of Linux 6.
DENIED = {
    "x86_64": (
        0xC000003E,
        (41, 42, 49, 53, 56, 57, 58, 59, 62, 101, 155, 161, 165, 166, 175, 200, 246, 248, 249, 250, 272, 298, 304, 308)
        + (310, 311, 313, 321, 322, 323, 424, 425, 434, 435),
    ),
    "aarch64": (
        0xC00000B7,
        (39, 40, 41, 51, 97, 104, 105, 117, 129, 130, 198, 199, 200, 203, 217, 218, 219, 220, 221, 241, 265, 268, 270)
        + (271, 273, 280, 281, 282, 424, 425, 434, 435),
    ),
}


def _seccomp(libc: object) -> bool:
    """Let the kernel answer those calls with "not permitted", for this process and for ever."""
    import ctypes
    import os
    from _struct import pack

    machine = os.uname().machine
    if machine not in DENIED:
        return False
    architecture, numbers = DENIED[machine]
    load, equal, at_least, end = 0x20, 0x15, 0x35, 0x06
    refused, allowed = 0x00050000 | 1, 0x7FFF0000
    count = len(numbers)
    program = [
        (load, 0, 0, 4),  # the machine's kind; another one has other numbers
        (equal, 1, 0, architecture),
        (end, 0, 0, refused),
        (load, 0, 0, 0),  # the number of the call
        (at_least, count + 1, 0, 0x40000000),  # x32 calls, numbered anew
        *((equal, count - place, 0, number) for place, number in enumerate(numbers)),
        (end, 0, 0, allowed),
        (end, 0, 0, refused),
    ]
    code = b"".join(pack("HBBI", *line) for line in program)
    buffer = ctypes.create_string_buffer(code, len(code))

    class Filter(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]

    wanted = Filter(len(program), ctypes.cast(buffer, ctypes.c_void_p))
    return libc.prctl(22, 2, ctypes.byref(wanted), 0, 0) == 0  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER


def main() -> None:
    """Confine if asked to, then run plugin.py as the main program, in this module's place."""
    folder = sys.argv[1]
    options = sys.argv[2] if len(sys.argv) > 2 else ""
    sys.path.insert(0, folder)
    # What nearly every plugin needs is loaded before the files are shut off, and once a container is kept warm.
    import json
    from importlib.machinery import SourceFileLoader

    if options:
        confine(json.loads(options))
    path = f"{folder}/plugin.py"
    sys.argv[:] = [path]
    namespace = sys.modules["__main__"].__dict__
    namespace["__file__"] = path
    # Through the loader, because it takes the compiled file that lies in the bundle.
    exec(SourceFileLoader("plugin", path).get_code("plugin"), namespace)  # noqa: S102, running the plugin is the purpose


if __name__ == "__main__":
    main()

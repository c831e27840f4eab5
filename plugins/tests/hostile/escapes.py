"""Getting out: S08. Each attempt returns if it got through, and raises if it was stopped.

`given` holds what the host put there to be found: addresses it listens at, a file, a process. Where it says `careful`,
what would harm the machine if it worked is only begun.
"""

import ctypes
import os
import platform
import signal
import socket
import struct
import subprocess
import threading

libc = ctypes.CDLL(None, use_errno=True)
# keyctl's add_key, bpf, userfaultfd, init_module, perf_event_open, io_uring_setup, setns
NUMBERS = {
    "x86_64": {"add_key": 248, "bpf": 321, "userfaultfd": 323, "perf": 298, "module": 175, "setns": 308, "chroot": 161},
    "aarch64": {"add_key": 217, "bpf": 280, "userfaultfd": 282, "perf": 241, "module": 105, "setns": 268, "chroot": 51},
}.get(platform.machine(), {})


class Stopped(Exception):
    """The attempt failed."""


def attempts(line, given):
    """Try everything; answer with the names of what got through."""
    signal.signal(signal.SIGALRM, _too_long)
    through, why = [], {}
    for name, attempt in ATTEMPTS.items():
        signal.setitimer(signal.ITIMER_REAL, 2)
        try:
            attempt(given)
            through.append(name)
        except BaseException as error:
            why[name] = f"{type(error).__name__}: {error}"[:120]
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    line.answer({"tried": list(ATTEMPTS), "through": through, "why": why})


def _too_long(number, frame):
    raise Stopped("no answer")


def _call(result):
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def _syscall(name, *arguments):
    if name not in NUMBERS:
        raise Stopped("unknown on this machine")
    return _call(libc.syscall(ctypes.c_long(NUMBERS[name]), *arguments))


def _any(*actions):
    errors = []
    for action in actions:
        try:
            return action()
        except (OSError, Stopped, ValueError, subprocess.SubprocessError) as error:
            errors.append(error)
    raise errors[-1]


def _connect(family, address, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as link:
        link.settimeout(0.5)
        link.connect(address)
        if kind == socket.SOCK_DGRAM:
            link.send(b"out")


def tcp(given):
    addresses = [*((host, given["tcp_port"]) for host in given["hosts"]), ("1.1.1.1", 443)]
    _any(*(lambda address=address: _connect(socket.AF_INET, address) for address in addresses))


def udp(given):
    addresses = [*((host, given["udp_port"]) for host in given["hosts"]), ("1.1.1.1", 53)]
    # Into its own loopback anyone may send; that leaves nothing, and the host counts what arrives.
    outside = [address for address in addresses if not address[0].startswith("127.")]
    _any(*(lambda address=address: _connect(socket.AF_INET, address, socket.SOCK_DGRAM) for address in outside))


def icmp(given):
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            with socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP) as link:
                link.sendto(struct.pack("!BBHHH", 8, 0, 0xF7FF, 0, 0), ("1.1.1.1", 0))
                return
        except OSError as error:
            last = error
    raise last


def dns(given):
    socket.getaddrinfo("example.com", 443)


def ipv6(given):
    _any(
        lambda: _connect(socket.AF_INET6, ("2606:4700:4700::1111", 443)),
        lambda: _connect(socket.AF_INET6, ("fe80::1", 443, 0, 1)),
        lambda: _connect(socket.AF_INET6, ("::1", given["tcp_port"])),
    )


def metadata_address(given):
    _any(
        lambda: _connect(socket.AF_INET, ("169.254.169.254", 80)),
        lambda: _connect(socket.AF_INET, ("169.254.170.2", 80)),
        lambda: _connect(socket.AF_INET6, ("fd00:ec2::254", 80)),
    )


def unix_socket(given):
    _connect(socket.AF_UNIX, given["unix_path"])


def abstract_socket(given):
    _connect(socket.AF_UNIX, "\0" + given["abstract_name"])


def docker_socket(given):
    _any(*(lambda path=path: _connect(socket.AF_UNIX, path) for path in ("/var/run/docker.sock", "/run/docker.sock")))


def raw_socket(given):
    _any(
        lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)).close(),
        lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW).close(),
    )


def kernel_settings(given):
    names = ("kernel/hostname", "kernel/panic", "vm/overcommit_memory", "net/ipv4/ip_forward")
    _any(*(lambda name=name: _open_to_write(f"/proc/sys/{name}") for name in names))


def core_pattern(given):
    _open_to_write("/proc/sys/kernel/core_pattern")


def sysrq(given):
    _any(lambda: _open_to_write("/proc/sysrq-trigger"), lambda: _open_to_write("/sys/kernel/uevent_helper"))


def _open_to_write(path):
    os.close(os.open(path, os.O_WRONLY))


def mount(given):
    new_mounts = 0x00020000
    try:
        _call(libc.unshare(new_mounts))
    except OSError:
        if given.get("careful"):
            raise
        _call(libc.mount(b"none", b"/tmp", b"tmpfs", 0, None))


def user_namespace(given):
    _call(libc.unshare(0x10000000))


def other_namespaces(given):
    file = os.open(f"/proc/{given['process']}/ns/net", os.O_RDONLY)
    _syscall("setns", file, 0)


def become_root(given):
    if os.getuid() == 0:
        raise Stopped("is root already, in a world of its own") if _powerless() else AssertionError
    _any(lambda: os.setuid(0), lambda: os.setresuid(0, 0, 0), lambda: _setuid_program())


def _powerless():
    with open("/proc/self/status", encoding="ascii") as file:
        return "CapEff:\t0000000000000000" in file.read()


def _setuid_program():
    for program in ("/bin/su", "/usr/bin/su", "/bin/mount", "/usr/bin/passwd"):
        if os.path.exists(program):
            done = subprocess.run([program, "--help"], capture_output=True, timeout=1, check=False)
            with open("/proc/self/status", encoding="ascii") as file:
                if "NoNewPrivs:\t1" not in file.read() and done.returncode == 0:
                    return
    raise Stopped("no new privileges")


def capabilities(given):
    if not _powerless():
        return
    raise Stopped("none")


def ptrace(given):
    _call(libc.ptrace(16, given["process"], 0, 0))


def signal_the_host(given):
    os.kill(given["process"], 0)


def memory_of_others(given):
    open(f"/proc/{given['process']}/mem", "rb").close()


def environment_of_others(given):
    for number in os.listdir("/proc"):
        if number.isdigit() and int(number) not in (os.getpid(), os.getppid()):
            with open(f"/proc/{number}/environ", "rb") as file:
                if file.read():
                    return
    raise Stopped("sees no other process")


def kernel_keys(given):
    _syscall("add_key", b"user", b"hostile", b"x", 1, -3)


def bpf(given):
    attributes = struct.pack("IIIIQQ", 2, 4, 8, 1, 0, 0)
    _syscall("bpf", 0, attributes, len(attributes))


def userfaultfd(given):
    _syscall("userfaultfd", 0o2000000)


def perf_events(given):
    _syscall("perf", struct.pack("II", 1, 112) + bytes(104), 0, -1, -1, 0)


def kernel_module(given):
    _syscall("module", b"", 0, b"")


def chroot(given):
    _syscall("chroot", b"/")


def device_files(given):
    names = ("mem", "kmsg", "port", "sda", "vda", "nvme0n1", "kvm", "fuse", "net/tun")
    _any(
        lambda: os.mknod(os.path.join(given.get("writable", "/tmp"), "disk"), 0o60600, os.makedev(8, 0)),
        *(lambda name=name: os.close(os.open(f"/dev/{name}", os.O_RDONLY)) for name in names),
    )


def control_groups(given):
    found = []
    for folder, _, files in os.walk("/sys/fs/cgroup"):
        for name in files:
            if name in {"release_agent", "cgroup.procs", "notify_on_release", "memory.limit_in_bytes", "memory.max"}:
                found.append(os.path.join(folder, name))
        if len(found) > 30:
            break
    if not found:
        raise Stopped("sees none")
    _any(*(lambda path=path: _open_to_write(path) for path in found))


def shared_memory(given):
    with open("/dev/shm/filling", "wb") as file:
        for _ in range(256):
            file.write(b"x" * 2**20)


def write_its_own_program(given):
    folder = os.path.dirname(os.path.abspath(__file__))
    _any(
        lambda: open(os.path.join(folder, "plugin.py"), "ab").close(),
        lambda: open(os.path.join(folder, "coreengine_sdk.py"), "ab").close(),
        lambda: open(os.path.join(folder, "new.py"), "wb").close(),
    )


def write_outside(given):
    places = ("/etc/passwd", "/etc/hostile", "/usr/bin/hostile", "/root/hostile", "/hostile", given["file"])
    _any(*(lambda place=place: open(place, "ab").close() for place in places))


def read_files_of_the_host(given):
    _read_canary(given["file"])


def _read_canary(path):
    with open(path, encoding="utf-8") as file:
        if "canary" not in file.read():
            raise Stopped("not the host's")


def read_another_plugins_folder(given):
    _read_canary(given["neighbour"])


def link_out_of_its_folder(given):
    link = os.path.join(given.get("writable", "/tmp"), "link")
    os.symlink(given["file"], link)
    _read_canary(link)


def swap_a_file_in_time(given):
    """Swap a harmless file for a link while it is opened over and over."""
    path = os.path.join(given.get("writable", "/tmp"), "swapped")
    over = threading.Event()

    def swap():
        while not over.is_set():
            for make in (lambda: open(path, "w").close(), lambda: os.symlink(given["file"], path)):
                try:
                    os.unlink(path)
                except OSError:
                    pass
                try:
                    make()
                except OSError:
                    pass

    threading.Thread(target=swap, daemon=True).start()
    try:
        for _ in range(500):
            try:
                return _read_canary(path)
            except (OSError, Stopped):
                continue
    finally:
        over.set()
    raise Stopped("never led outside")


def environment_secrets(given):
    if not any("canary" in value for value in os.environ.values()):
        raise Stopped("none there")


def start_processes(given):
    subprocess.run(["/bin/true"], check=True, timeout=1)


def name_of_the_machine(given):
    if os.uname().nodename != given["machine"]:
        raise Stopped("another name")


def how_busy_the_machine_is(given):
    found = (ctypes.c_ulong * 64)()
    _call(libc.sysinfo(ctypes.byref(found)))
    if found[0] == 0:
        raise Stopped("unknown")


ATTEMPTS = {
    function.__name__: function
    for function in (
        tcp,
        udp,
        icmp,
        dns,
        ipv6,
        metadata_address,
        unix_socket,
        abstract_socket,
        docker_socket,
        raw_socket,
        kernel_settings,
        core_pattern,
        sysrq,
        mount,
        user_namespace,
        other_namespaces,
        become_root,
        capabilities,
        ptrace,
        signal_the_host,
        memory_of_others,
        environment_of_others,
        kernel_keys,
        bpf,
        userfaultfd,
        perf_events,
        kernel_module,
        chroot,
        device_files,
        control_groups,
        shared_memory,
        write_its_own_program,
        write_outside,
        read_files_of_the_host,
        read_another_plugins_folder,
        link_out_of_its_folder,
        swap_a_file_in_time,
        environment_secrets,
        start_processes,
        name_of_the_machine,
        how_busy_the_machine_is,
    )
}

"""Taking more than the manifest grants: R16. Each says what it got, or goes on until it is stopped."""

import os
import signal
import threading
import time

FOR_EVER = 600


def forks_without_end(line, given):
    while True:
        try:
            os.fork()
        except OSError:
            time.sleep(0.01)


def takes_8_gb(line, given):
    kept = []
    while len(kept) < 512:
        kept.append(bytearray(os.urandom(4096) * 4096))
    line.answer(len(kept))


def fills_the_disk(line, given):
    written = 0
    for place in ("/tmp", "/dev/shm", "/var/tmp", "/plugin", "/run", "/"):
        try:
            with open(os.path.join(place, "filling"), "wb", buffering=0) as file:
                while written < 10 * 2**30:
                    written += file.write(b"x" * 65536)
        except OSError:
            continue
    line.answer(written)


def fills_the_inodes(line, given):
    made = 0
    try:
        while made < 1_000_000:
            os.close(os.open(f"/tmp/{made}", os.O_CREAT | os.O_WRONLY, 0o600))
            made += 1
    except OSError:
        pass
    line.answer(made)


def spins_in_100_threads(line, given):
    def spin():
        while True:
            pass

    for _ in range(100):
        try:
            threading.Thread(target=spin, daemon=True).start()
        except RuntimeError:
            break
    spin()


def ignores_the_end(line, given):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(FOR_EVER)


def holds_files_open(line, given):
    held = []
    try:
        while len(held) < 100_000:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
    for number in held[-5:]:
        os.close(number)
    line.answer(len(held))


def leaves_zombies(line, given):
    made = 0
    try:
        while made < 10_000:
            if os.fork() == 0:
                os._exit(0)
            made += 1
    except OSError:
        pass
    line.answer(made)


def lets_children_outlive_it(line, given):
    if os.fork() == 0:
        os.setsid()
        time.sleep(FOR_EVER)
    os._exit(0)

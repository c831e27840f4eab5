"""One process of Core Engine in a container of its own, and the probe that containers are checked with."""

import os
import sys
import urllib.error
import urllib.request

from coreengine.settings import env
from coreengine.supervise import programs
from coreengine.supervise.programs import ROOT, Program

COMMANDS = {"prepare": ["prepare"], "build-plugins": ["plugins", "build"]}
NAMES = ("web", "worker", "plugin-worker", "beat", "relay", *COMMANDS)


def become(role: str) -> int:
    """Turn into that process, so that it gets the container's signals itself."""
    if role in COMMANDS:
        command = [sys.executable, str(ROOT / "manage.py"), *COMMANDS[role]]
    else:
        command = _program(role).command
    os.chdir(ROOT)
    os.environ.setdefault("CELERY_SKIP_CHECKS", "1")
    # A container is stopped while work goes on elsewhere: hand running tasks back rather than wait for them.
    os.environ.setdefault("REMAP_SIGTERM", "SIGQUIT")
    sys.stdout.flush()
    os.execv(command[0], command)


def probe(path: str) -> int:
    """Ask the web process of this container; 0 if it is well. Needs no shell tools in the image."""
    host, port = "127.0.0.1", env.integer("PORT", 8000)
    known = [name.lstrip(".") for name in env.words("ALLOWED_HOSTS") if name != "*"]
    request = urllib.request.Request(f"http://{host}:{port}{path}", headers={"Host": known[0] if known else host})
    try:
        with urllib.request.urlopen(request, timeout=4) as answer:
            print(answer.read().decode())
        return 0
    except urllib.error.HTTPError as error:
        print(error.read().decode(errors="replace"))
    except OSError as error:
        print(error)
    return 1


def _program(role: str) -> Program:
    host, port = env.text("HOST", "0.0.0.0"), env.integer("PORT", 8000, least=1, most=65535)
    if role == "web":
        workers = env.integer("WEB_WORKERS", 1, least=1, most=64)
        return programs.web(host, port, workers=workers, threads=env.integer("WEB_THREADS", 4, least=1, most=128))
    if role == "worker":
        return programs.worker(env.integer("WORKER_PROCESSES", 2, least=1, most=64))
    if role == "plugin-worker":
        return programs.plugin_worker(env.integer("PLUGIN_WORKER_THREADS", 8, least=1, most=128))
    return programs.relay(host, port) if role == "relay" else programs.beat()

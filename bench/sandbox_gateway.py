"""What the gateway adds to a request: `gateway` of `script/bench sandbox`.

One request through the gateway's own function, as a running action makes it: read, checked against request rules,
paced in Redis, asked for in the stored answers, with the credential, masked, kept and noted. Floor: the same HTTP
client asks the same server on a connection that is kept open as well. The aim is a difference of at most 3 ms; the
figures are medians in seconds, of one run and in turn.

The server is a process of its own and answers with 20 KB of JSON that has an ETag.
"""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import threading
import time
from typing import Any

from bench.harness import Figure

HOST = "bench.example.edu"
BODY = b"[" + b",".join(b'{"id": %d, "name": "An assignment", "points": 10}' % number for number in range(400)) + b"]"
HEAD = (
    b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nETag: "%s"\r\nX-Rate-Limit-Remaining: 600.0\r\n'
    b"Content-Length: %d\r\n\r\n"
)
WARM = 20


def measure(requests: int = 300) -> dict[str, Figure]:
    """Measure in this process; Django, its database and its Redis must be there."""
    from django.conf import settings

    before = settings.PLUGINS
    server = subprocess.Popen([sys.executable, "-m", "bench.sandbox_gateway"], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        origin = f"http://127.0.0.1:{int(server.stdout.readline())}"
        settings.PLUGINS = {**before, "GATEWAY_HOSTS": {HOST: origin}, "REQUESTS_PER_MINUTE": 6_000_000}
        return {"gateway": _measure(origin, requests)}
    finally:
        settings.PLUGINS = before
        server.terminate()
        server.wait()


def _measure(origin: str, requests: int) -> Figure:
    import httpcore

    from coreengine.kernel.outbound.network import close_pools

    gateway = _gateway()
    ours, direct = [], []
    numbers = iter(range(10 * requests))
    with httpcore.ConnectionPool(max_keepalive_connections=1) as pool:
        headers = {"host": HOST, "accept": "application/json", "accept-encoding": "gzip, deflate"}

        def through() -> None:
            params = {"method": "GET", "url": f"/api/v1/courses/{next(numbers) % 50}/assignments"}
            answer = gateway.serve({**params, "headers": {"Accept": "application/json"}}, time.monotonic() + 30)
            assert len(answer["body"]) == len(BODY)

        def bare() -> None:
            url = f"{origin}/api/v1/courses/{next(numbers) % 50}/assignments"
            assert len(pool.request("GET", url, headers=headers).content) == len(BODY)

        for number in range(requests + WARM):
            kinds = [(ours, through), (direct, bare)]
            for times, thing in kinds if number % 2 else reversed(kinds):
                began = time.perf_counter()
                thing()
                times.append(time.perf_counter() - began)
    close_pools()
    return Figure(statistics.median(ours[WARM:]), statistics.median(direct[WARM:]))


def _gateway() -> Any:
    """The gateway of an action of a connection with rules, a token and stored answers."""
    from coreengine.accounts.models import User
    from plugins.answers import StoredAnswers
    from plugins.belongings import OwnBlobs
    from plugins.gateway.gateway import Gateway
    from plugins.gateway.records import Access
    from plugins.manifest import manifest_from
    from plugins.models import Connection

    owner, _ = User.objects.get_or_create(email="bench-gateway@example.edu")
    connection = Connection.objects.create(owner=owner, plugin="bench-gateway", label="Bench", health="healthy")
    rules = [
        {"capability": "read_files", "methods": ["GET"], "paths": ["/api/v1/files/", "/api/v1/folders/"]},
        {"capability": "read_courses", "methods": ["GET"], "paths": ["/api/v1/users/", "/api/v1/courses/"]},
    ]
    manifest = manifest_from(
        {
            "apiVersion": "v1",
            "kind": "Plugin",
            "metadata": {"name": "bench-gateway", "version": "1.0.0", "description": "Asks"},
            "spec": {
                "capabilities": ["read_files", "read_courses"],
                "authentication": {"type": "api_key"},
                "security": {"network_policy": "restricted", "allowed_hosts": [HOST], "requests": rules},
            },
        }
    )
    access = Access(connection.pk, manifest, {}, {"token": "bench-token-4711-0123456789abcdef"})
    return Gateway(access, answers=StoredAnswers(connection), blobs=OwnBlobs(connection))


def _serve() -> None:
    """Answer everything that comes, on connections that stay open, until the end of the process."""
    number = 0
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)

        def talk(peer: socket.socket) -> None:
            nonlocal number
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            data = b""
            while piece := peer.recv(65536):
                data += piece
                while (end := data.find(b"\r\n\r\n")) >= 0:
                    data = data[end + 4 :]
                    number += 1
                    peer.sendall(HEAD % (b"%d" % number, len(BODY)) + BODY)

        while True:
            threading.Thread(target=talk, args=(server.accept()[0],), daemon=True).start()


if __name__ == "__main__":
    _serve()

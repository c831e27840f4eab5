"""Start the small GitHub with a student's term: `python -m plugins.catalog.github.server --port 8011`."""

from __future__ import annotations

import argparse
import sys

from .demo import STUDENT, fill
from .http import Server
from .hub import Hub
from .oauth import App


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m plugins.catalog.github.server", description="A small GitHub that speaks its REST API."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; a free one if left out")
    parser.add_argument("--client-id", default="demo-client", help="of the OAuth app that may sign people in")
    parser.add_argument("--client-secret", default="demo-secret")
    given = parser.parse_args()
    hub = Hub()
    token = fill(hub)
    hub.apps[given.client_id] = App(given.client_id, given.client_secret)
    try:
        server = Server(hub, given.host, given.port)
    except OSError:
        print(f"Port {given.port} on {given.host} is in use; choose another with --port.", file=sys.stderr)
        return 1
    hosts = ",".join(f"{host}={server.url}" for host in ("api.github.com", "codeload.github.com", "github.com"))
    print(f"A small GitHub at {server.url}; {STUDENT}'s token is {token}", flush=True)
    print(f"GATEWAY_HOSTS={hosts}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())

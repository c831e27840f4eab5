"""Start the demo university: `python -m plugins.demo_university --port 8010 --var var/university`."""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path

from .server import PortInUse, bind, make_server
from .university import Options, University


def _arguments() -> Options:
    parser = argparse.ArgumentParser(
        prog="python -m plugins.demo_university",
        description="A small university that speaks the Canvas REST API.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; a free one if left out")
    parser.add_argument("--var", type=Path, help="folder for what must survive a restart; memory only if left out")
    parser.add_argument("--today", type=date.fromisoformat, help="hold the calendar at this day (2026-10-05)")
    parser.add_argument("--public-url", default="", help="where browsers reach this server, if not at its address")
    parser.add_argument("--redirect-host", action="append", default=[], help="a host that OAuth2 may send people to")
    parser.add_argument("--high-water", type=float, default=600.0, help="the throttle's mark (600, as Canvas)")
    parser.add_argument("--throttle-status", type=int, choices=(403, 429), default=403, help="how a throttle answers")
    parser.add_argument("--allow-faults", action="store_true", help="serve /__faults__ and /__changes__, for tests")
    values = vars(parser.parse_args())
    return Options(redirect_hosts=values.pop("redirect_host"), **values)


def main() -> int:
    options = _arguments()
    try:
        listener = bind(options.host, options.port)
    except PortInUse as problem:
        print(problem, file=sys.stderr)
        return 1
    university = University(options)
    server = make_server(university, listener)
    print(f"Demo University at {university.public_url}", flush=True)
    server.run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())

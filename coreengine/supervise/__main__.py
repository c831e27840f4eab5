"""Run Core Engine: everything (`all`, the default), one of its processes by name, or a look at its health."""

import argparse
import sys

from coreengine.supervise import launcher, roles


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="coreengine.supervise", description=__doc__)
    parser.add_argument("role", nargs="?", default="all", choices=["all", "probe", *roles.NAMES])
    parser.add_argument("path", nargs="?", default="/health", help="what `probe` asks for (/health, /health/ready)")
    arguments = parser.parse_args()
    if arguments.role == "all":
        return launcher.main()
    if arguments.role == "probe":
        return roles.probe(arguments.path)
    return roles.become(arguments.role)


if __name__ == "__main__":
    sys.exit(main())

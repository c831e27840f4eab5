"""Become another program that ends with its parent: `python child.py PROGRAM ARGUMENTS...`.

supervisord puts this before every program, so that none outlives a supervisor that was killed. Only
Linux knows such a signal; elsewhere `script/server` finds the leftovers when it starts again.
Deliberately without imports of ours: it runs before each process and must cost nothing.
"""

import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent(number: int = signal.SIGTERM) -> None:
    """Ask the kernel for a signal at the parent's death."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number))


if __name__ == "__main__":
    die_with_parent()
    if os.getppid() == 1:
        sys.exit("The supervisor has already gone.")
    os.execvp(sys.argv[1], sys.argv[1:])

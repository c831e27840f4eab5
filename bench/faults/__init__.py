"""Faults on purpose: kill, stop and starve everything the workflow engine stands on, and count what is lost.

    script/bench faults [--only R01,R05] [--scale 2] [--full] [--smoke] [--seed 7]

Real processes (web, workers, beat) on a PostgreSQL and a Redis of their own, and a recording HTTP server as the
other side. Each fault is one function with its pass figures; see docs/operations.md for what came of them.
`world` runs the processes, `inside` is what differs in them, `points` are the places at which they kill themselves,
`checks` is what must be true afterwards.
"""

"""Every fault there is."""

from bench.faults import clocks, kills, outages, random_dags, starts, statements  # noqa: F401
from bench.faults.trial import FAULTS

__all__ = ["FAULTS"]

"""What a workflow would do: the real engine over a store in memory, inside a transaction that is rolled back.

`unknowns` says which steps cannot be worked out without the answer of another service, `stand_ins` gives such answers,
`doubles` take the place of the executors, and `service` puts them together.
"""

from workflows.dry_run.report import DryRun, DryStep
from workflows.dry_run.service import APPROVED, REJECTED, dry_run
from workflows.dry_run.stand_ins import StandIns

__all__ = ["APPROVED", "REJECTED", "DryRun", "DryStep", "StandIns", "dry_run"]

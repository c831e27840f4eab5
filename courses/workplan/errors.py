"""What the rules of a plan can refuse, in words for the person who asked."""

from __future__ import annotations

from coreengine.kernel.errors import DomainError


class ProposalIsDecided(DomainError):
    """Accepting or refusing what is no longer on offer, or taking back what a newer proposal has replaced."""

    code = "proposal_is_decided"
    status = 409
    title = "This proposal is no longer on offer"


class BlocksCollide(DomainError):
    """Accepting blocks where something else was planned meanwhile."""

    code = "blocks_collide"
    status = 409
    title = "The time is taken"


class BlockIsSettled(DomainError):
    """Changing a block that is done, skipped, running, or no more than a proposal."""

    code = "block_is_settled"
    status = 409
    title = "This block cannot be changed in that way"


class AnotherBlockRuns(DomainError):
    """Starting a second block."""

    code = "another_block_runs"
    status = 409
    title = "Another block is running"

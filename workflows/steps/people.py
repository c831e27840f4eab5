"""On whose behalf a step acts."""

from __future__ import annotations

from coreengine.accounts.models import User
from workflows.engine.outcome import StepCall


class OwnerGone(Exception):
    """The student whose execution this is does not exist or may not act any more."""


def people_of(call: StepCall) -> tuple[User, User]:
    """The owner, and who started the execution (the owner when that person is gone).

    Raises:
        OwnerGone: the owner's account is closed.
    """
    wanted = [call.owner_id] if call.actor_id is None else [call.owner_id, call.actor_id]
    people = {user.pk: user for user in User.objects.filter(pk__in=wanted)}
    owner = people.get(call.owner_id)
    if owner is None or not owner.is_active:
        raise OwnerGone("The account that this workflow belongs to is closed.")
    actor = people.get(call.actor_id) if call.actor_id is not None else None
    return owner, actor or owner

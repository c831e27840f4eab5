"""On whose behalf a step acts."""

from __future__ import annotations

from typing import cast

from django.utils.functional import SimpleLazyObject

from coreengine.accounts.models import User
from workflows.engine.outcome import StepCall


class OwnerGone(Exception):
    """The student whose execution this is does not exist or may not act any more."""


def people_of(call: StepCall) -> tuple[User, User]:
    """The owner, and who started the execution (the owner when that person is gone).

    They are read when a step looks at them, once for all steps of a worker's turn: many steps never do.

    Raises:
        OwnerGone: the owner's account is closed.
    """
    if not call.is_owner_active:
        raise OwnerGone("The account that this workflow belongs to is closed.")
    if "people" not in call.kept:
        owner = SimpleLazyObject(lambda: User.objects.get(pk=call.owner_id))
        actor = owner
        if call.actor_id not in (None, call.owner_id):
            actor = SimpleLazyObject(lambda: User.objects.filter(pk=call.actor_id).first() or owner)
        call.kept["people"] = cast(User, owner), cast(User, actor)
    people: tuple[User, User] = call.kept["people"]
    return people

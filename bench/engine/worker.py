"""The project's own Celery application with two things of the benchmark: steps that do nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import django

django.setup()

from pydantic import BaseModel  # noqa: E402

from coreengine.celery import app  # noqa: E402
from coreengine.kernel.actions import ActionContext, system_action  # noqa: E402
from workflows.engine.definition import PLUGIN_ACTION  # noqa: E402
from workflows.engine.outcome import Effect, Outcome, StepCall  # noqa: E402
from workflows.steps import EXECUTORS  # noqa: E402

__all__ = ["app"]


class NoParams(BaseModel):
    """Nothing to say."""


@system_action("bench.nothing", params=NoParams, writes=False, summary="Do nothing", is_brief=True)
def nothing(context: ActionContext, params: NoParams) -> dict[str, object]:
    """Do nothing."""
    return {}


@system_action("bench.alone", params=NoParams, writes=False, summary="Do nothing, in a transaction of its own")
def alone(context: ActionContext, params: NoParams) -> dict[str, object]:
    """Do nothing; it does not share its transaction with other steps, as an import does not."""
    return {}


class NothingOutside:
    """Takes the place of the executor of plugin actions: an outside step that does nothing."""

    def effect(self, config: Mapping[str, Any]) -> Effect:
        """Doing nothing again does no harm."""
        return Effect.KEYED

    def is_brief(self, config: Mapping[str, Any]) -> bool:
        """It is outside."""
        return False

    def run(self, call: StepCall) -> Outcome:
        """Do nothing."""
        return Outcome.done({})


EXECUTORS[PLUGIN_ACTION] = NothingOutside()

"""The smallest valid rows of the agents."""

import factory
from django.utils import timezone

from agents.models import AgentRun, Budget
from coreengine.kernel.statuses import Status


class RunFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = AgentRun

    class Params:
        is_done = factory.Trait(status=Status.COMPLETED, content="An answer.", finished_at=timezone.now())

    agent = "summarizer"
    provider = "local"
    model = "lexrank"
    prompt = "Summarise this."
    attempt = 1
    heartbeat_at = factory.LazyFunction(timezone.now)


class BudgetFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Budget

    limit_usd_micros = 10_000_000
    period_started_on = factory.LazyFunction(lambda: timezone.now().date().replace(day=1))

"""Prove that every budget is what its events say."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from agents.budgets import BudgetState, rebuild
from agents.models import Budget
from coreengine.kernel.models import Event


class Command(BaseCommand):
    help = "Rebuild every budget from its events alone and compare it with its row."

    def handle(self, *args: Any, **options: Any) -> None:
        wrong = 0
        count = 0
        for budget in Budget.objects.select_related("owner").iterator(chunk_size=200):
            count += 1
            events = Event.objects.filter(subject_type="agents.budget", subject_id=str(budget.pk)).order_by("sequence")
            told, kept = rebuild(events), BudgetState.of(budget)
            if told != kept:
                wrong += 1
                self.stderr.write(f"{budget.owner}: the row says {kept}, the events say {told}")
        if wrong:
            raise CommandError(f"{wrong} of {count} budgets differ from their events.")
        self.stdout.write(f"{count} budgets agree with their events.")

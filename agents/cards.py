"""What the agents add to the dashboard."""

from typing import Any

from django.http import HttpRequest

from agents.budgets import budget_of
from agents.pages import BudgetMeter


def budget_card(request: HttpRequest) -> dict[str, Any] | None:
    """The budget, once the student has spent or held anything of it."""
    budget = budget_of(request.user)  # type: ignore[arg-type]
    return {"meter": BudgetMeter.of(budget)} if budget.pk else None

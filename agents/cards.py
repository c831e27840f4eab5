"""What the agents add to the dashboard."""

from typing import Any

from django.http import HttpRequest

from agents.models import Budget
from agents.pages import BudgetMeter


def budget_card(request: HttpRequest) -> dict[str, Any] | None:
    """The budget, once the student has one; reading the dashboard never opens it."""
    budget = Budget.objects.filter(owner_id=request.user.pk).first()
    if budget is None:
        return None
    return {"meter": BudgetMeter.of(budget)}

"""What the pages of the agents show."""

from dataclasses import dataclass

from django.utils import timezone

from agents.budgets import period_start
from agents.formats import dollars
from agents.models import Budget


@dataclass(frozen=True)
class BudgetMeter:
    """A budget in the words and numbers of its meter. `low` and `high` colour it from 80 and 95 % on."""

    percent: int
    spent: str
    limit: str
    left: str
    held: str
    period: str
    days_left: int
    is_used_up: bool
    is_nearly_used_up: bool

    @classmethod
    def of(cls, budget: Budget) -> "BudgetMeter":
        today = timezone.now().date()
        is_over = period_start(budget.period, today) > budget.period_started_on
        # A period that ended without a run renews with the next one; until then it reads as renewed.
        spent = 0 if is_over else budget.spent_usd_micros
        shown = Budget(
            limit_usd_micros=budget.limit_usd_micros,
            spent_usd_micros=spent,
            reserved_usd_micros=budget.reserved_usd_micros,
            period=budget.period,
            period_started_on=period_start(budget.period, today) if is_over else budget.period_started_on,
        )
        return cls(
            percent=shown.used_percent,
            spent=dollars(spent),
            limit=dollars(shown.limit_usd_micros),
            left=dollars(shown.left_usd_micros),
            held=dollars(shown.reserved_usd_micros) if shown.reserved_usd_micros else "",
            period=shown.get_period_display().lower(),
            days_left=max(0, (shown.renews_on - today).days),
            is_used_up=shown.left_usd_micros == 0,
            is_nearly_used_up=shown.used_percent >= 80,
        )

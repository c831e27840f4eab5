"""Money: a run reserves the most it can cost, and settles what it did cost.

Every change of a budget happens under a lock of its row and appends an event in the same transaction, so
that two runs at once cannot overspend and a budget can be rebuilt from its events (`rebuild`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from agents.conf import agent_settings
from agents.errors import BudgetUsedUp
from agents.formats import dollars
from agents.models import AgentRun, Budget, Reservation
from agents.rules import check_budget_limit
from coreengine.accounts.models import User
from coreengine.database.kept_queries import KeptQuery
from coreengine.kernel.events import record
from coreengine.kernel.models import Event
from coreengine.kernel.notifications import notify

WARN_AT_PERCENT = 80


def period_start(period: str, today: date) -> date:
    """The first day of the period that `today` falls into; weeks start on Monday."""
    if period == Budget.Period.DAY:
        return today
    if period == Budget.Period.WEEK:
        return today - timedelta(days=today.weekday())
    return today.replace(day=1)


def budget_of(owner: User) -> Budget:
    """The student's budget as it stands today. Reads only.

    What no run has touched yet is given unsaved: a budget that was never opened with the operator's
    default, one whose period is over as it will be after its renewal.
    """
    today = _today()
    budget: Budget | None = next(iter(_BUDGETS.objects(owner=owner.pk)), None)
    if budget is None:
        return Budget(
            owner=owner,
            limit_usd_micros=agent_settings().monthly_budget_usd_micros,
            period_started_on=period_start(Budget.Period.MONTH, today),
        )
    start = period_start(budget.period, today)
    if start > budget.period_started_on:
        budget.period_started_on, budget.spent_usd_micros, budget.warned_at = start, 0, None
    return budget


_BUDGETS = KeptQuery(lambda owner: Budget.objects.filter(owner=owner), owner=int)


@transaction.atomic
def set_budget(owner: User, *, limit_usd_micros: int, period: str, by: User) -> Budget:
    """Change how much a student may spend, and how often it starts anew.

    Raises:
        ValidationError: the limit or the period is not one that can be.
    """
    check_budget_limit(limit_usd_micros, period)
    budget = _locked(owner)
    before = {"limit_usd_micros": budget.limit_usd_micros, "period": budget.period}
    if before == {"limit_usd_micros": limit_usd_micros, "period": period}:
        return budget
    if period != budget.period:
        budget.period_started_on = period_start(period, _today())
    budget.limit_usd_micros = limit_usd_micros
    budget.period = period
    if budget.used_percent < WARN_AT_PERCENT:
        budget.warned_at = None
    budget.save()
    record(
        "budget.changed",
        actor=by,
        subject=budget,
        data={
            "limit_usd_micros": limit_usd_micros,
            "period": period,
            "period_started_on": budget.period_started_on.isoformat(),
            "before": before,
        },
    )
    return budget


def reserve(run: AgentRun, amount_usd_micros: int, *, by: User) -> Reservation | None:
    """Hold back the most that the run's coming attempt can cost. Costs nothing: reserves nothing.

    Call it inside the transaction that starts the attempt.

    Raises:
        BudgetUsedUp: less than that is left.
    """
    if amount_usd_micros <= 0:
        return None
    budget = _locked(run.owner)
    if amount_usd_micros > budget.left_usd_micros:
        raise BudgetUsedUp(_refusal(budget, amount_usd_micros))
    budget.reserved_usd_micros += amount_usd_micros
    budget.save(update_fields=["reserved_usd_micros", "updated_at"])
    reservation = Reservation.objects.create(
        budget=budget, run=run, attempt=run.attempt, amount_usd_micros=amount_usd_micros
    )
    record(
        "budget.reserved",
        actor=by,
        subject=budget,
        data={"run": run.pk, "attempt": run.attempt, "amount_usd_micros": amount_usd_micros},
    )
    return reservation


def settle(run: AgentRun, attempt: int, cost_usd_micros: int, *, by: User) -> bool:
    """Turn what the attempt holds into what it cost; return False when that was done before.

    Call it inside the transaction that ends the attempt. An attempt that reserved nothing but did cost
    something is charged all the same.
    """
    held = Reservation.objects.filter(run=run, attempt=attempt).first()
    if held is None and cost_usd_micros <= 0:
        return False
    budget = _locked(run.owner)
    reservation = Reservation.objects.select_for_update().filter(run=run, attempt=attempt).first()
    if reservation is None:
        reservation = Reservation(budget=budget, run=run, attempt=attempt, amount_usd_micros=0)
    elif reservation.state == Reservation.State.SETTLED:
        return False
    reservation.state = Reservation.State.SETTLED
    reservation.cost_usd_micros = cost_usd_micros
    reservation.settled_at = timezone.now()
    reservation.save()
    budget.reserved_usd_micros = max(0, budget.reserved_usd_micros - reservation.amount_usd_micros)
    budget.spent_usd_micros += cost_usd_micros
    should_warn = budget.warned_at is None and budget.used_percent >= WARN_AT_PERCENT
    if should_warn:
        budget.warned_at = timezone.now()
    budget.save()
    record(
        "budget.settled",
        actor=by,
        subject=budget,
        data={
            "run": run.pk,
            "attempt": attempt,
            "amount_usd_micros": reservation.amount_usd_micros,
            "cost_usd_micros": cost_usd_micros,
        },
    )
    if should_warn:
        _warn(budget)
    return True


def _locked(owner: User) -> Budget:
    """The budget's row under lock, made on first use, in the period of today."""
    today = _today()
    budget, is_new = Budget.objects.select_for_update().get_or_create(
        owner=owner,
        defaults={
            "limit_usd_micros": agent_settings().monthly_budget_usd_micros,
            "period_started_on": period_start(Budget.Period.MONTH, today),
        },
    )
    if is_new:
        record(
            "budget.opened",
            actor=owner,
            subject=budget,
            data={
                "limit_usd_micros": budget.limit_usd_micros,
                "period": budget.period,
                "period_started_on": budget.period_started_on.isoformat(),
            },
        )
        return budget
    start = period_start(budget.period, today)
    if start > budget.period_started_on:
        spent = budget.spent_usd_micros
        budget.period_started_on = start
        budget.spent_usd_micros = 0
        budget.warned_at = None
        budget.save()
        record(
            "budget.renewed",
            actor=owner,
            subject=budget,
            data={"period_started_on": start.isoformat(), "spent_usd_micros": spent},
        )
    return budget


def _today() -> date:
    return timezone.now().date()


def _refusal(budget: Budget, needed: int) -> str:
    left = f"{dollars(budget.left_usd_micros)} of {dollars(budget.limit_usd_micros)} is left"
    if budget.reserved_usd_micros:
        left += f" ({dollars(budget.reserved_usd_micros)} is held by runs under way)"
    when = f"{budget.renews_on.day} {budget.renews_on:%B}"
    return (
        f"This run may cost up to {dollars(needed)}, and {left}. The budget renews on {when}; "
        "you can shorten the prompt, lower max_tokens, or raise the budget under Settings, Agents."
    )


def _warn(budget: Budget) -> None:
    notify(
        budget.owner,
        title=f"{budget.used_percent} % of your AI budget is used",
        content=(
            f"{dollars(budget.spent_usd_micros)} of {dollars(budget.limit_usd_micros)} is spent. "
            f"It renews on {budget.renews_on.day} {budget.renews_on:%B}."
        ),
        priority="high",
        url=reverse("agents:settings"),
        kind="budget",
    )


@dataclass(frozen=True)
class BudgetState:
    """The figures of a budget, as its row or its events tell them."""

    limit_usd_micros: int = 0
    period: str = Budget.Period.MONTH
    period_started_on: str = ""
    spent_usd_micros: int = 0
    reserved_usd_micros: int = 0

    @classmethod
    def of(cls, budget: Budget) -> "BudgetState":
        return cls(
            budget.limit_usd_micros,
            budget.period,
            budget.period_started_on.isoformat(),
            budget.spent_usd_micros,
            budget.reserved_usd_micros,
        )


def rebuild(events: Iterable[Event]) -> BudgetState:
    """Work out a budget from its events alone, given in order."""
    state: dict[str, Any] = {}
    for event in events:
        data = event.data
        if event.type in ("budget.opened", "budget.changed"):
            state |= {key: data[key] for key in ("limit_usd_micros", "period", "period_started_on")}
        elif event.type == "budget.reserved":
            state["reserved_usd_micros"] = state.get("reserved_usd_micros", 0) + data["amount_usd_micros"]
        elif event.type == "budget.settled":
            state["reserved_usd_micros"] = state.get("reserved_usd_micros", 0) - data["amount_usd_micros"]
            state["spent_usd_micros"] = state.get("spent_usd_micros", 0) + data["cost_usd_micros"]
        elif event.type == "budget.renewed":
            state |= {"period_started_on": data["period_started_on"], "spent_usd_micros": 0}
    return BudgetState(**state)

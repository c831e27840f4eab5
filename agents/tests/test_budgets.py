"""Budgets: reserving, settling, warning, renewing; and what happens when many try at once."""

import threading
from datetime import date, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone

from agents import budgets, services
from agents.budgets import BudgetState, period_start, rebuild, set_budget
from agents.errors import BudgetUsedUp
from agents.models import AgentRun, Budget, Reservation
from agents.testing.messages_api import MessagesApi
from agents.tests.factories import BudgetFactory, RunFactory
from coreengine.kernel.models import Event, Notification

pytestmark = pytest.mark.django_db


def state_from_events(budget: Budget) -> BudgetState:
    events = Event.objects.filter(subject_type="agents.budget", subject_id=str(budget.pk)).order_by("sequence")
    return rebuild(events)


def spend(owner: Any, cost: int, *, reserved: int | None = None) -> AgentRun:
    run = RunFactory(owner=owner)
    with transaction.atomic():
        budgets.reserve(run, cost if reserved is None else reserved, by=owner)
    with transaction.atomic():
        budgets.settle(run, run.attempt, cost, by=owner)
    return run


class TestSettling:
    def test_settling_twice_charges_once(self, owner: Any) -> None:
        run = spend(owner, 700, reserved=1000)

        with transaction.atomic():
            assert not budgets.settle(run, run.attempt, 700, by=owner)

        budget = Budget.objects.get(owner=owner)
        assert (budget.spent_usd_micros, budget.reserved_usd_micros) == (700, 0)

    def test_what_was_not_reserved_is_charged_all_the_same(self, owner: Any) -> None:
        run = RunFactory(owner=owner)
        with transaction.atomic():
            budgets.settle(run, 1, 50, by=owner)

        assert Budget.objects.get(owner=owner).spent_usd_micros == 50

    def test_a_budget_can_be_rebuilt_from_its_events(self, owner: Any) -> None:
        spend(owner, 700, reserved=1000)
        set_budget(owner, limit_usd_micros=5_000_000, period="week", by=owner)
        open_run = RunFactory(owner=owner)
        with transaction.atomic():
            budgets.reserve(open_run, 300, by=owner)

        budget = Budget.objects.get(owner=owner)

        assert state_from_events(budget) == BudgetState.of(budget)
        assert budget.reserved_usd_micros == 300


class TestWarning:
    def test_four_fifths_warn_once(self, owner: Any) -> None:
        BudgetFactory(owner=owner, limit_usd_micros=1000)
        spend(owner, 790)
        assert not Notification.objects.filter(kind="budget").exists()

        spend(owner, 20)
        spend(owner, 20)

        warning = Notification.objects.get(kind="budget")
        assert warning.owner == owner and warning.title.startswith("81 %")

    def test_a_raised_limit_lets_the_warning_come_again(self, owner: Any) -> None:
        BudgetFactory(owner=owner, limit_usd_micros=1000)
        spend(owner, 900)
        set_budget(owner, limit_usd_micros=2000, period="month", by=owner)

        spend(owner, 800)

        assert Notification.objects.filter(kind="budget").count() == 2

    def test_nothing_left_is_refused(self, owner: Any) -> None:
        BudgetFactory(owner=owner, limit_usd_micros=1000)
        spend(owner, 1000)

        with pytest.raises(BudgetUsedUp, match=r"\$0.00 of \$0.0010 is left"), transaction.atomic():
            budgets.reserve(RunFactory(owner=owner), 1, by=owner)


class TestPeriods:
    @pytest.mark.parametrize(
        ("period", "start", "renews"),
        [
            ("day", date(2026, 11, 22), date(2026, 11, 23)),
            ("week", date(2026, 11, 16), date(2026, 11, 23)),
            ("month", date(2026, 11, 1), date(2026, 12, 1)),
        ],
    )
    def test_a_period_starts_and_renews_on(self, period: str, start: date, renews: date) -> None:
        assert period_start(period, date(2026, 11, 22)) == start
        assert Budget(period=period, period_started_on=start).renews_on == renews

    def test_december_renews_in_january(self) -> None:
        assert Budget(period="month", period_started_on=date(2026, 12, 1)).renews_on == date(2027, 1, 1)

    def test_a_new_period_starts_from_nothing_and_keeps_what_is_held(self, owner: Any) -> None:
        spend(owner, 700)
        held = RunFactory(owner=owner)
        with transaction.atomic():
            budgets.reserve(held, 300, by=owner)
        last_month = timezone.now().date().replace(day=1) - timedelta(days=20)
        Budget.objects.update(period_started_on=last_month.replace(day=1))

        seen = budgets.budget_of(owner)
        assert not Event.objects.filter(type="budget.renewed").exists()
        spend(owner, 40)

        assert (seen.spent_usd_micros, seen.reserved_usd_micros) == (0, 300)
        renewed = Budget.objects.get(owner=owner)
        assert (renewed.spent_usd_micros, renewed.reserved_usd_micros) == (40, 300)
        assert renewed.period_started_on == timezone.now().date().replace(day=1)
        assert Event.objects.filter(type="budget.renewed").count() == 1

    @pytest.mark.parametrize(("limit", "period"), [(-1, "month"), (10_000_000_001, "month"), (5, "year")])
    def test_a_limit_or_period_that_cannot_be_is_refused(self, owner: Any, limit: int, period: str) -> None:
        with pytest.raises(ValidationError):
            set_budget(owner, limit_usd_micros=limit, period=period, by=owner)

    def test_the_operators_default_opens_the_budget(self, owner: Any, settings: Any) -> None:
        settings.AGENTS = {**settings.AGENTS, "MONTHLY_BUDGET_CENTS": 250}

        assert budgets.budget_of(owner).limit_usd_micros == 2_500_000


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def together(self, count: int, work: Any) -> list[Any]:
        """Run `work(i)` in `count` threads that start at the same moment; give results or errors."""
        gate = threading.Barrier(count)
        results: list[Any] = [None] * count

        def one(index: int) -> None:
            gate.wait(20)
            try:
                results[index] = work(index)
            except Exception as error:
                results[index] = error
            finally:
                connection.close()

        threads = [threading.Thread(target=one, args=(i,)) for i in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        return results

    def test_twenty_at_once_on_a_new_budget_cannot_overspend(self, owner: Any, settings: Any) -> None:
        settings.AGENTS = {**settings.AGENTS, "MONTHLY_BUDGET_CENTS": 1}
        runs = [RunFactory(owner=owner) for _ in range(20)]

        def reserve(index: int) -> Any:
            with transaction.atomic():
                return budgets.reserve(runs[index], 3000, by=owner)

        results = self.together(20, reserve)

        granted = [result for result in results if isinstance(result, Reservation)]
        refused = [result for result in results if isinstance(result, BudgetUsedUp)]
        assert (len(granted), len(refused)) == (3, 17)
        assert Budget.objects.get(owner=owner).reserved_usd_micros == 9000

    def test_twenty_whole_runs_at_once_stay_inside_the_budget(self, owner: Any, messages_api: MessagesApi) -> None:
        messages_api.answers("Done.", input_tokens=1000, output_tokens=1800)
        set_budget(owner, limit_usd_micros=5000, period="month", by=owner)

        results = self.together(
            20, lambda i: services.run_agent("claude", f"Question {i}", owner=owner, by=owner, idempotency_key=str(i))
        )

        assert all(isinstance(result, AgentRun | BudgetUsedUp) for result in results), results
        budget = Budget.objects.get(owner=owner)
        done = [result for result in results if isinstance(result, AgentRun)]
        assert 1 <= len(done) < 20
        assert budget.spent_usd_micros == sum(run.cost_usd_micros for run in done) == 1000 * len(done)
        assert budget.spent_usd_micros <= 5000 and budget.reserved_usd_micros == 0
        assert state_from_events(budget) == BudgetState.of(budget)

    def test_the_same_key_at_once_asks_once(self, owner: Any, messages_api: MessagesApi) -> None:
        results = self.together(
            6, lambda i: services.run_agent("claude", "One question", owner=owner, by=owner, idempotency_key="same")
        )

        assert {result.pk for result in results} == {results[0].pk}
        assert len(messages_api.message_requests) == 1

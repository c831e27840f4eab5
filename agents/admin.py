"""The agents' rows in the admin."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from agents.budgets import set_budget
from agents.formats import dollars
from agents.models import AgentPreferences, AgentRun, Budget, Reservation
from coreengine.kernel.admin import ReadOnlyAdmin


@admin.register(AgentRun)
class AgentRunAdmin(ReadOnlyAdmin):
    """What was asked, and what it cost."""

    list_display = ["id", "owner", "agent", "model", "status", "cost", "input_tokens", "output_tokens", "created_at"]
    list_filter = ["status", "agent", "model", "created_at"]
    search_fields = ["owner__email", "prompt", "source", "=id"]
    list_select_related = ["owner"]
    date_hierarchy = "created_at"
    show_full_result_count = False

    @admin.display(ordering="cost_usd_micros")
    def cost(self, run: AgentRun) -> str:
        return dollars(run.cost_usd_micros)


@admin.register(Budget)
class BudgetAdmin(admin.ModelAdmin):
    """Limits may be changed here; what is spent follows from the runs."""

    list_display = ["owner", "period", "limit", "spent", "held", "period_started_on"]
    list_filter = ["period"]
    search_fields = ["owner__email"]
    list_select_related = ["owner"]
    fields = ["owner", "limit_usd_micros", "period", "spent_usd_micros", "reserved_usd_micros", "period_started_on"]
    readonly_fields = ["owner", "spent_usd_micros", "reserved_usd_micros", "period_started_on"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Budget, form: Any, change: bool) -> None:
        """Through the service, so that the change is on record."""
        set_budget(obj.owner, limit_usd_micros=obj.limit_usd_micros, period=obj.period, by=request.user)  # type: ignore[arg-type]

    @admin.display(ordering="limit_usd_micros")
    def limit(self, budget: Budget) -> str:
        return dollars(budget.limit_usd_micros)

    @admin.display(ordering="spent_usd_micros")
    def spent(self, budget: Budget) -> str:
        return dollars(budget.spent_usd_micros)

    @admin.display(ordering="reserved_usd_micros")
    def held(self, budget: Budget) -> str:
        return dollars(budget.reserved_usd_micros)


@admin.register(Reservation)
class ReservationAdmin(ReadOnlyAdmin):
    """What runs hold and held of the budgets."""

    list_display = ["run", "attempt", "amount_usd_micros", "cost_usd_micros", "state", "created_at", "settled_at"]
    list_filter = ["state"]
    search_fields = ["budget__owner__email", "=run__id"]
    list_select_related = ["run"]


@admin.register(AgentPreferences)
class AgentPreferencesAdmin(ReadOnlyAdmin):
    """Who uses a key of their own; the key itself is shown to nobody."""

    list_display = ["owner", "default_agent", "key_hint", "updated_at"]
    search_fields = ["owner__email"]
    list_select_related = ["owner"]
    fields = ["owner", "default_agent", "key_hint", "updated_at"]

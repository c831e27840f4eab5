"""Pages of the agents."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents.budgets import budget_of, set_budget
from agents.filters import AgentRunFilter
from agents.forms import BudgetForm, KeyForm, PreferencesForm, RunForm
from agents.models import MICROS_PER_DOLLAR, AgentPreferences, AgentRun
from agents.orchestrator import estimate_run, listed_agent, listed_agents
from agents.pages import AgentsPage, BudgetMeter, run_context
from agents.preferences import set_api_key, set_preferences
from agents.registry import get_agent
from agents.services import cancel_run, queue_run, retry_run
from coreengine.kernel.errors import DomainError
from coreengine.kernel.pages import render_page
from coreengine.kernel.streams import stream_url
from coreengine.kernel.typing import Request
from courses.ai_policy import policy_note
from courses.errors import AiNotAllowed
from courses.models import Course

RUNS_PER_PAGE = 25


@require_GET
def agent_list(request: Request) -> HttpResponse:
    """Show what agents there are, what they can do and what they cost."""
    return render_page(request, "agents/list.html", {"page": AgentsPage.of(request.user)})


@require_http_methods(["GET", "POST"])
def agent(request: Request, name: str) -> HttpResponse:
    """Show one agent with its form; a POST starts a run and leads to its page."""
    listed = listed_agent(name, request.user)
    initial = _initial(request, listed.manifest)
    form = RunForm(request.POST or None, manifest=listed.manifest, owner=request.user, initial=initial)
    status, asks_to_confirm = 200, False
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                run = queue_run(
                    name,
                    form.cleaned_data["prompt"],
                    owner=request.user,
                    by=request.user,
                    parameters=form.parameters,
                    source="page",
                )
                return redirect(run)
            except DomainError as error:
                # Shown in the form and not on a page of its own, so that the prompt is not lost.
                form.add_error(None, str(error))
                status = error.status
                asks_to_confirm = isinstance(error, AiNotAllowed)
    context = {
        "agent": listed,
        "form": form,
        "policy": _policy(request, form["course"].value() if "course" in form.fields else None),
        "asks_to_confirm": asks_to_confirm or request.POST.get("ai_confirmed") == "on",
        "meter": BudgetMeter.of(budget_of(request.user)),
        "runs": AgentRun.objects.visible_to(request.user).filter(agent=name).newest().for_lists()[:5],
    }
    return render_page(request, "agents/agent.html", context, status=status)


@require_GET
def policy(request: Request, name: str) -> HttpResponse:
    """Say what the chosen course allows of AI, as the student noted it."""
    listed = listed_agent(name, request.user)
    context = {
        "agent": listed,
        "form": RunForm(manifest=listed.manifest, owner=request.user),
        "policy": _policy(request, request.GET.get("course")),
    }
    return render_page(request, "agents/agent.html#policy", context)


def _policy(request: Request, number: Any) -> dict[str, Any] | None:
    """The course that a run is to be for with its policy; None where none is chosen."""
    text = str(number or "")
    if not text.isdecimal() or len(text) > 18:
        return None
    course = Course.objects.visible_to(request.user).filter(pk=text).first()
    return {"course": course, "note": policy_note(course)} if course else None


def _initial(request: Request, manifest: Any) -> dict[str, str]:
    """The prompt that a link brings along: one of the manifest's examples, or an earlier run's."""
    number = request.GET.get("example", "")
    if number.isdigit() and int(number) < len(manifest.examples):
        return {"prompt": manifest.examples[int(number)].prompt}
    if request.GET.get("course", "").isdecimal():
        return {"course": request.GET["course"][:18]}
    earlier = request.GET.get("run", "")
    if earlier.isdigit() and len(earlier) < 19:
        run = AgentRun.objects.visible_to(request.user).filter(pk=earlier).first()
        return {"prompt": run.prompt} if run else {}
    return {}


@require_POST
def estimate(request: Request, name: str) -> HttpResponse:
    """Say what the typed prompt would cost. Starts nothing."""
    form = RunForm(request.POST, manifest=get_agent(name), owner=request.user)
    context: dict[str, Any] = {"estimate": None}
    if form.is_valid():
        budget = budget_of(request.user)
        context["estimate"] = estimate_run(
            name, form.cleaned_data["prompt"], owner=request.user, budget=budget, parameters=form.parameters
        )
        context["length"] = len(form.cleaned_data["prompt"])
    return render_page(request, "agents/agent.html#estimate", context)


@require_GET
def run(request: Request, pk: int) -> HttpResponse:
    """Show one run: its answer as it comes, then its figures."""
    found = get_object_or_404(AgentRun.objects.visible_to(request.user), pk=pk)
    context = run_context(found, stream_url(request, found.stream_name))
    return render_page(request, "agents/run.html", context, parts={"run": "run"})


@require_POST
def stop(request: Request, pk: int) -> HttpResponse:
    """Stop a run."""
    found = get_object_or_404(AgentRun.objects.editable_by(request.user), pk=pk)
    found = cancel_run(found, by=request.user)
    if not request.htmx:
        return redirect(found)
    context = run_context(found, stream_url(request, found.stream_name))
    return render_page(request, "agents/run.html", context, parts={"run": "run"})


@require_POST
def retry(request: Request, pk: int) -> HttpResponse:
    """Ask the same again in a new run."""
    found = get_object_or_404(AgentRun.objects.editable_by(request.user), pk=pk)
    return redirect(retry_run(found, by=request.user))


@require_GET
def run_list(request: Request) -> HttpResponse:
    """List the runs, with filters and what they cost together."""
    mine = AgentRun.objects.visible_to(request.user)
    found = AgentRunFilter(request.GET, queryset=mine)
    page = Paginator(found.qs.newest().for_lists(), RUNS_PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "filter": found,
        "totals": found.qs.totals(),
        "is_filtered": any(request.GET.get(name) for name in found.filters),
    }
    return render_page(request, "agents/runs.html", context, parts={"runs": "runs"})


@require_http_methods(["GET", "POST"])
def settings(request: Request) -> HttpResponse:
    """Show and change budget, key and first choice: one form each, told apart by their button."""
    user = request.user
    budget = budget_of(user)
    preferences = AgentPreferences.objects.filter(owner=user).first() or AgentPreferences(owner=user)
    sent = request.POST.get("form", "") if request.method == "POST" else ""
    data = request.POST
    budget_form = BudgetForm(
        data if sent == "budget" else None,
        initial={"limit": f"{budget.limit_usd_micros / MICROS_PER_DOLLAR:.2f}", "period": budget.period},
    )
    key_form = KeyForm(data if sent == "key" else None)
    choice_form = PreferencesForm(
        data if sent == "choice" else None, initial={"default_agent": preferences.default_agent}
    )
    said = ""
    if sent == "budget" and budget_form.is_valid():
        period = budget_form.cleaned_data["period"]
        set_budget(user, limit_usd_micros=budget_form.limit_usd_micros, period=period, by=user)
        said = "The budget is saved."
    elif sent == "key" and key_form.is_valid():
        set_api_key(user, key=key_form.cleaned_data["anthropic_api_key"], by=user)
        said = "Your key is saved."
    elif sent == "remove-key":
        set_api_key(user, key="", by=user)
        said = "Your key is removed."
    elif sent == "choice" and choice_form.is_valid():
        set_preferences(user, default_agent=choice_form.cleaned_data["default_agent"], by=user)
        said = "Your first choice is saved."
    if said:
        messages.success(request, said)
        return redirect("agents:settings")
    context = {
        "budget_form": budget_form,
        "key_form": key_form,
        "choice_form": choice_form,
        "preferences": preferences,
        "meter": BudgetMeter.of(budget),
        "agents": listed_agents(user),
    }
    return render_page(request, "agents/settings.html", context, status=422 if request.method == "POST" else 200)

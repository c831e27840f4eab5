"""Pages of the plan of work: workload, plan, planned beside actual, preferences."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from coreengine.kernel.errors import DomainError
from coreengine.kernel.pages import render_page
from coreengine.kernel.typing import Request
from courses.form_answers import number
from courses.models import PlanProposal, WorkBlock
from courses.moments import day_of_text
from courses.pages import clock_of
from courses.rules import check_year
from courses.workplan import services
from courses.workplan.forms import PreferencesForm
from courses.workplan.heat import SPREADS, WEEKS, heat_page
from courses.workplan.pages import plan_page
from courses.workplan.suggesting import suggestion_for
from courses.workplan.work import open_work, preferences_of, work_to_plan
from courses.workplan.worked import worked_page

HORIZONS = [1, 2, 4, 8, 16]


@require_safe
def workload_page(request: Request) -> HttpResponse:
    """The heat map of the coming weeks, and the work of one day of it; with `?table=1` also as a table."""
    weeks = request.GET.get("weeks", "")
    spread = request.GET.get("spread", "")
    page = heat_page(
        request.user,
        clock_of(request.user),
        weeks=int(weeks) if weeks.isdecimal() and int(weeks) in WEEKS else WEEKS[1],
        spread=spread if spread in SPREADS else "days",
        chosen=day_of_text(request.GET.get("day", "")),
        with_table=request.GET.get("table") == "1",
    )
    context = {"page": page, "choices": WEEKS, "spreads": SPREADS.items()}
    parts = {"heat": "heat", "heat-table": "table"}
    return render_page(request, "courses/workplan/workload.html", context, parts=parts)


@require_safe
def plan(request: Request) -> HttpResponse:
    """One week of the plan; `?work=task:3` opens the form of a block for that work."""
    return _plan(request, request.GET.get("day", ""), undo=request.GET.get("undo", ""))


@require_safe
def by_hand(request: Request) -> HttpResponse:
    """The form of a block by hand, for `?work=task:3` with the first time that is free.

    It names all work there is, which is more than the rest of the plan: it comes when its fold is opened.
    """
    clock, asked = clock_of(request.user), request.GET.get("work", "")
    preferences = preferences_of(request.user)
    works = (work_to_plan if asked else open_work)(request.user, clock, preferences)
    work = next((each for each in works if each.name == asked), None)
    context = {
        "works": works,
        "chosen": work.name if work else None,
        "wanted": suggestion_for(request.user, work, clock, preferences) if work else None,
        "is_nothing_left": bool(asked) and work is None,
        "day": day_of_text(request.GET.get("day", "")) or clock.today,
        "is_alone": not request.htmx,
    }
    return render_page(request, "courses/workplan/by_hand.html", context, parts={"by-hand-form": "by-hand"})


@require_safe
def worked(request: Request) -> HttpResponse:
    """Planned beside actual."""
    return render_page(
        request, "courses/workplan/worked.html", {"page": worked_page(request.user, clock_of(request.user))}
    )


@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: Request) -> HttpResponse:
    """When and how the student works."""
    form = PreferencesForm(request.POST or None, preferences=preferences_of(request.user))
    if request.method == "POST" and form.is_valid():
        try:
            services.save_preferences(request.user, by=request.user, changes=form.changes())
        except ValidationError as error:
            form.take_errors(error)
        else:
            messages.success(request, "Saved. The next proposal goes by it.")
            return redirect("courses:plan")
    return render_page(request, "courses/workplan/preferences.html", {"form": form}, status=422 if form.errors else 200)


@require_POST
def propose(request: Request) -> HttpResponse:
    """Ask for a proposal; a worker makes it while the page waits."""
    return _change(
        request, lambda: services.propose_plan(request.user, by=request.user, weeks=number(request, "weeks") or 4)
    )


@require_POST
def accept(request: Request, pk: int) -> HttpResponse:
    """Accept the blocks that are named, or all."""
    proposal = get_object_or_404(PlanProposal.objects.visible_to(request.user).select_related("owner"), pk=pk)
    named = request.POST.getlist("blocks")
    only = [int(key) if key.isdecimal() and len(key) < 19 else 0 for key in named] if named else None
    return _change(request, lambda: services.accept_blocks(proposal, by=request.user, only=only), undo=f"accepted-{pk}")


@require_POST
def refuse(request: Request, pk: int) -> HttpResponse:
    """Put away what is still on offer."""
    proposal = get_object_or_404(PlanProposal.objects.visible_to(request.user).select_related("owner"), pk=pk)
    return _change(request, lambda: services.refuse_proposal(proposal, by=request.user), undo=f"refused-{pk}")


@require_POST
def reopen(request: Request, pk: int) -> HttpResponse:
    """Take back the last acceptance or the refusal."""
    proposal = get_object_or_404(PlanProposal.objects.visible_to(request.user).select_related("owner"), pk=pk)
    return _change(request, lambda: services.reopen_proposal(proposal, by=request.user))


@require_POST
def block_add(request: Request) -> HttpResponse:
    """Plan a block by hand."""
    kind, _, key = request.POST.get("work", "").partition(":")
    work_id = int(key) if key.isdecimal() and len(key) < 19 else 0

    def add() -> WorkBlock:
        start, minutes = _start(request, required=True), _minutes(request)
        return services.add_block(
            request.user, by=request.user, kind=kind, work_id=work_id, starts_at=start, minutes=minutes or 0
        )

    return _change(request, add, at="new")


@require_POST
def block_move(request: Request, pk: int) -> HttpResponse:
    """Give a block another start or length."""
    block = _block(request, pk)
    return _change(
        request,
        lambda: services.move_block(block, by=request.user, starts_at=_start(request), minutes=_minutes(request)),
        at=pk,
    )


@require_POST
def block_remove(request: Request, pk: int) -> HttpResponse:
    """Take a block off the plan, and offer it back."""
    block = _block(request, pk)
    return _change(request, lambda: services.remove_block(block, by=request.user), at=pk, undo=f"removed-{pk}")


@require_POST
def block_restore(request: Request, pk: int) -> HttpResponse:
    """Take back the removal of a block."""
    block = get_object_or_404(WorkBlock.objects.restorable_by(request.user).select_related("owner"), pk=pk)
    return _change(request, lambda: services.restore_block(block, by=request.user), at=pk)


@require_POST
def block_start(request: Request, pk: int) -> HttpResponse:
    """Begin to work on a block."""
    block = _block(request, pk)
    return _change(request, lambda: services.start_block(block, by=request.user), at=pk)


@require_POST
def block_stop(request: Request, pk: int) -> HttpResponse:
    """End the running block."""
    block = _block(request, pk)
    return _change(request, lambda: services.stop_block(block, by=request.user), at=pk, undo=f"done-{pk}")


@require_POST
def block_complete(request: Request, pk: int) -> HttpResponse:
    """Say how long one worked on a block."""
    block = _block(request, pk)
    return _change(
        request,
        lambda: services.complete_block(block, by=request.user, minutes=_minutes(request)),
        at=pk,
        undo=f"done-{pk}",
    )


@require_POST
def block_skip(request: Request, pk: int) -> HttpResponse:
    """Say that nothing was worked in a block."""
    block = _block(request, pk)
    return _change(request, lambda: services.skip_block(block, by=request.user), at=pk, undo=f"skipped-{pk}")


@require_POST
def block_reopen(request: Request, pk: int) -> HttpResponse:
    """Take back that a block is done or skipped."""
    block = _block(request, pk)
    return _change(request, lambda: services.reopen_block(block, by=request.user), at=pk)


def _block(request: Request, pk: int) -> WorkBlock:
    return get_object_or_404(WorkBlock.objects.visible_to(request.user).select_related("owner"), pk=pk)


def _change(request: Request, act: Callable[[], Any], *, at: Any = "", undo: str = "") -> HttpResponse:
    """Do it, and answer with the week that the reader was at; what was wrong stands at the block it is about."""
    day = request.POST.get("day", "")
    try:
        act()
    except ValidationError as error:
        return _plan(
            request, day, fault={"at": at, "words": " ".join(error.messages), "typed": request.POST}, status=422
        )
    except DomainError as error:
        # htmx swaps 422 alone: the reader stays on the week and reads why, instead of a toast that says less.
        fault = {"at": at, "words": str(error), "typed": {}}
        return _plan(request, day, fault=fault, status=422 if request.htmx else error.status)
    if request.htmx:
        return _plan(request, day, undo=undo)
    known = day_of_text(day)
    query = "&".join(filter(None, [f"day={known.isoformat()}" if known else "", f"undo={undo}" if undo else ""]))
    return redirect(f"{reverse('courses:plan')}?{query}" if query else "courses:plan")


def _plan(
    request: Request, day: str, *, undo: str = "", fault: dict[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    clock = clock_of(request.user)
    context: dict[str, Any] = {
        "page": plan_page(request.user, clock, day_of_text(day)),
        "undo": _undo(undo),
        "fault": fault,
        "horizons": HORIZONS,
        "asked": request.GET.get("work", ""),
        "works": None,
    }
    if fault is not None and fault["at"] == "new":
        context["works"] = open_work(request.user, clock, preferences_of(request.user))
        context["chosen"] = fault["typed"].get("work")
    return render_page(request, "courses/workplan/plan.html", context, parts={"plan": "plan"}, status=status)


UNDOS = {
    "accepted": ("The blocks are in your plan.", "courses:reopen-proposal"),
    "refused": ("The proposal is put away.", "courses:reopen-proposal"),
    "removed": ("The block is off your plan.", "courses:restore-block"),
    "done": ("Noted as worked.", "courses:reopen-block"),
    "skipped": ("The block is skipped.", "courses:reopen-block"),
}


def _undo(said: str) -> dict[str, str] | None:
    """What was just done, and where to take it back."""
    kind, _, key = said.partition("-")
    if kind not in UNDOS or not key.isdecimal() or len(key) > 18:
        return None
    words, url_name = UNDOS[kind]
    return {"words": words, "url": reverse(url_name, args=[int(key)])}


def _minutes(request: Request) -> int | None:
    text = request.POST.get("minutes", "").strip()
    if not text:
        return None
    if not text.isdecimal() or len(text) > 6:
        raise ValidationError({"minutes": "Write minutes as a whole number, such as 50."})
    return int(text)


def _start(request: Request, *, required: bool = False) -> Any:
    text = request.POST.get("starts_at", "").strip()
    if not text and not required:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValidationError({"starts_at": "Write a day and a time, such as 2026-11-30 09:00."}) from error
    check_year(moment, "starts_at")
    if timezone.is_aware(moment):
        return moment
    zone = request.user.zone
    if moment.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) != moment:
        words = f"The clock jumps over {moment:%H:%M} on that day. Choose another start."
        raise ValidationError({"starts_at": words})
    return moment.replace(tzinfo=zone)
